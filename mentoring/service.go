// Package mentoring is the life of mentors and mentees in a program: they
// enroll, a run of the matcher pairs them, people review and publish it, both
// sides of a pair answer, and a mentorship begins, is measured, and ends.
//
// It knows nothing of SQL, HTTP or wire types, and nothing of package
// applications: what both have in common stands in small rooms of internal/.
package mentoring

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// What is shared with the other domain packages.
type (
	Error           = problem.Error
	Violation       = problem.Violation
	Event           = logbook.Event
	Idempotency     = logbook.Idempotency
	ListQuery       = listing.Query
	ListPage[T any] = listing.Page[T]
)

// Secrets derives keys from the installation's master key, one for each label.
type Secrets interface {
	// MAC is HMAC-SHA256 under the label's key.
	MAC(label string, message []byte) []byte
}

// ErasureList keeps erasures outside the database, where no restore of an
// older backup can undo them.
type ErasureList interface {
	// Add is durable when it returns nil. What is there already is not added.
	Add(list ...logbook.Erasure) error
}

// Service is everything that can be done with mentors and mentees. Each method
// checks who calls, guards the state, writes in one transaction, and appends to
// the audit log in that same transaction.
//
// Methods return *Error as those of package applications do: PermissionDenied,
// NotFound also for what the caller may not know of, FailedPrecondition for a
// wrong state, Aborted for a stale revision, InvalidArgument with every
// violation at once. A revision of 0 is: unconditionally.
type Service struct {
	Store   Store
	Secrets Secrets
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // UUIDv7
	Random  io.Reader     // for secrets and seeds; crypto/rand outside tests
	Engine  string        // version of the engine, as runs name it
	// Wake, if not nil, is told that a run was queued.
	Wake func()
	// Erasures keeps what was erased outside the database; nil: nowhere.
	Erasures ErasureList

	// Whether TendErasures has to scrub once more: 0 or 1, atomic.
	unscrubbed uint32

	// The last runs that were solved again to explain or edit them.
	mu     sync.Mutex
	solved []*solved
}

// now is the one clock: UTC, to the microsecond that stores keep.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.New(slog.DiscardHandler)
}

// isStaff reports whether who acts here by a role and not as a mentor or mentee.
func isStaff(who access.Principal, perm access.Permission, program string) bool {
	return who.Enrollment == "" && who.Can(perm, program)
}

// event is a line of the audit log. Neither reason nor detail may hold anything
// that a mentor or mentee wrote.
func (s *Service) event(who access.Principal, action, resource, reason, detail string) Event {
	return Event{Time: s.now(), Actor: who.Subject, Action: action, Resource: resource, Reason: reason, Detail: detail}
}

// once is logbook.Once for a call of this service.
func once[T any](ctx context.Context, s *Service, who access.Principal, program, method string, idem Idempotency, fn func(tx Tx) (T, string, error)) (T, error) {
	call := logbook.Call{Program: program, Method: method, Subject: who.Subject, Idempotency: idem, MAC: s.Secrets.MAC, Now: s.now}
	return logbook.Once(ctx, s.Store.Update, call, fn)
}

// after looks up what an action makes of a state. An enrollment, run, proposal
// or mentorship that is in no state for it is refused with the states that are.
func after[S ~string, A ~string](life map[A]map[S]S, order []S, noun, reason string, from S, action A) (S, error) {
	next, ok := life[action][from]
	if ok {
		return next, nil
	}
	var names []string
	for _, s := range order {
		if _, ok := life[action][s]; ok {
			names = append(names, string(s))
		}
	}
	list := strings.Join(names, "")
	if n := len(names); n > 1 {
		list = strings.Join(names[:n-1], ", ") + " or " + names[n-1]
	}
	return "", problem.Errorf(problem.FailedPrecondition, reason, "cannot %s %s in state %s; it has to be %s", action, noun, from, list)
}

func (s EnrollmentState) after(a enrollmentAction) (EnrollmentState, error) {
	return after(enrollmentLife, enrollmentStates, "an enrollment", "ENROLLMENT_STATE", s, a)
}

func (s MatchingState) after(a matchingAction) (MatchingState, error) {
	return after(matchingLife, matchingStates, "a matching", "MATCHING_STATE", s, a)
}

func (s MentorshipState) after(a mentorshipAction) (MentorshipState, error) {
	return after(mentorshipLife, mentorshipStates, "a mentorship", "MENTORSHIP_STATE", s, a)
}

// after returns the state that the action leads to. FailedPrecondition
// PROPOSAL_EXPIRED for an answer that comes too late, PROPOSAL_ANSWERED for one
// that comes twice, PROPOSAL_STATE otherwise.
func (s ProposalState) after(a proposalAction) (ProposalState, error) {
	next, err := after(proposalLife, proposalStates, "a proposal", "PROPOSAL_STATE", s, a)
	answer := a == acceptProposal || a == confirmProposal || a == declineProposal
	switch {
	case err == nil || !answer:
		return next, err
	case s == Expired:
		return "", proposalExpired()
	case s == Confirmed || s == Declined:
		return "", problem.Errorf(problem.FailedPrecondition, "PROPOSAL_ANSWERED", "this proposal was answered already: it is %s", s)
	}
	return "", err
}

func proposalExpired() error {
	return problem.Errorf(problem.FailedPrecondition, "PROPOSAL_EXPIRED", "the time to answer this proposal is over; the people of the program look for somebody else with you")
}

// transition is the detail of an audit event: "DRAFT>SUBMITTED".
func transition[S ~string](from, to S) string { return string(from) + ">" + string(to) }

func names[S ~string](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

// Names of resources, as the audit log and the API write them.
func programName(program string) string { return "programs/" + program }

func enrollmentName(program string, role Role, id string) string {
	return programName(program) + "/" + collection(role) + "/" + id
}

func (e *Enrollment) name() string { return enrollmentName(e.Program, e.Role, e.ID) }
func (m *Matching) name() string   { return programName(m.Program) + "/matchings/" + m.ID }
func (d *Directive) name() string  { return programName(d.Program) + "/directives/" + d.ID }
func (p *Proposal) name() string   { return programName(p.Program) + "/proposals/" + p.ID }
func (m *Mentorship) name() string { return programName(m.Program) + "/mentorships/" + m.ID }

func collection(role Role) string {
	if role == Mentor {
		return "mentors"
	}
	return "mentees"
}

// other is the other side of a pair.
func (r Role) other() Role {
	if r == Mentor {
		return Mentee
	}
	return Mentor
}

// zeroTime is what has not happened.
var zeroTime time.Time
