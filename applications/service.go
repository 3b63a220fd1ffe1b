package applications

import (
	"io"
	"log/slog"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
)

// Secrets derives keys from the installation's master key, one for each label.
type Secrets interface {
	// MAC is HMAC-SHA256 under the label's key.
	MAC(label string, message []byte) []byte
}

// Service is everything that can be done with programs and applications. The
// gRPC services, the pages and the command line all come through here: each
// method checks who calls, guards the state, writes in one transaction, and
// appends to the audit log in that same transaction.
//
// Methods return *Error for what a caller can mend: PermissionDenied when the
// role is missing, NotFound also for what the caller may not know of,
// FailedPrecondition for a wrong state, Aborted for a stale Revision,
// InvalidArgument with every violation at once.
type Service struct {
	Store   Store
	Secrets Secrets
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // UUIDv7
	Random  io.Reader     // for secrets; crypto/rand outside tests
	Engine  string        // version of the engine, as records name it
	Presets map[string]*Preset
	// Wake, if not nil, is told that a run was queued.
	Wake func()
	// Erasures keeps what was erased outside the database; nil: nowhere.
	Erasures ErasureList
	// Elsewhere erases what other domains hold of people; nil: there are none.
	Elsewhere Elsewhere

	// What TendErasures has to do once more.
	unlisted, unscrubbed uint32 // 0 or 1, atomic

	// When each caller was last recorded to count by identity columns.
	counts map[string]time.Time
	// What checks of criteria have just read, by program.
	pools map[string]*recalledPool
}

// Preset is a program ready to be made: its texts, form and sets of criteria.
type Preset struct {
	ID, Version  string
	Title        Text
	Description  Text
	Program      Program // texts, seats, code prefix; no dates
	Form         Form
	Criteria     map[string]Criteria // by name; "neutral" is what a program starts with
	CriteriaName []string            // in order
	Sources      []string
}

// now is the one clock: UTC, to the microsecond that stores keep.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.New(slog.DiscardHandler)
}

// event is a line of the audit log. Neither reason nor detail may hold
// anything that an applicant wrote.
func (s *Service) event(who access.Principal, action, resource, reason, detail string) Event {
	return Event{Time: s.now(), Actor: who.Subject, Action: action, Resource: resource, Reason: reason, Detail: detail}
}

func programName(program string) string { return "programs/" + program }

func applicationName(program, id string) string { return "programs/" + program + "/applications/" + id }
