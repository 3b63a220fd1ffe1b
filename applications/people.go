package applications

import (
	"time"

	"github.com/openfairlead/fairlead/internal/access"
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

// Event is one line of the audit log: what happened to which resource, by
// whom. It never holds a value, a name or an answer.
type Event struct {
	Index    int64 // position in the log, given by the store
	Time     time.Time
	Actor    string // principal's subject; "" is the public; "system"
	Action   string // "application.submit", "identity.read", …
	Resource string // "programs/p/applications/a"
	Reason   string // given by staff for staff, or ""
	// Detail is a few words of structure, never data: "DRAFT>SUBMITTED",
	// "columns=county,sector".
	Detail string
}
