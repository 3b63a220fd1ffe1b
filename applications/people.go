package applications

import (
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/logbook"
)

// User is a member of staff. Name is as staff call them; the audit log knows
// the id only.
type User struct {
	ID         string // UUIDv7
	Name       string
	Grants     []access.Grant
	Disabled   bool
	Revision   int64
	CreateTime time.Time
}

// Token is a staff or service token. The secret is never stored: Hash is its
// SHA-256.
type Token struct {
	ID         string // UUIDv7
	Hash       []byte
	User       string // id, or "" for a token of its own
	Label      string
	Grants     []access.Grant // of a token without a user
	CreateTime time.Time
	ExpireTime time.Time // zero: does not expire
	RevokeTime time.Time // zero while valid
}

// Event is one line of the audit log.
type Event = logbook.Event
