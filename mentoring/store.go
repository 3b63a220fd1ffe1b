package mentoring

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/internal/logbook"
)

// Store keeps everything durable, as applications.Store does and in the same
// database: View sees one consistent state and writes nothing; Update commits
// all or nothing, and is on disk when it returns nil. A backend may run an
// Update's function again when it lost a race.
//
// Every backend passes the conformance suite in internal/sqlstore/storetest.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
	// Scrub makes the database let go of what was overwritten or deleted before
	// it, as far as it can.
	Scrub(ctx context.Context) error
}

// Tx is one transaction. The contract is that of applications.Tx: what is asked
// for by key and is not there gives NotFound with reason PLAN_NOT_FOUND,
// ENROLLMENT_NOT_FOUND, …; an Insert of a key that exists gives AlreadyExists
// ENROLLMENT_EXISTS, …; an Update with a Revision that is not the stored one
// gives Aborted STALE_REVISION, and otherwise stores the value with Revision + 1,
// which it also sets in the value passed. An Insert stores Revision 1 and sets
// that. What belongs to a program that does not exist gives NotFound
// PROGRAM_NOT_FOUND. Lists of what does not exist are empty and ascend by id; a
// limit of 0 is no limit.
type Tx interface {
	logbook.Requests

	// HasProgram is NotFound PROGRAM_NOT_FOUND if there is no such program.
	HasProgram(ctx context.Context, program string) error
	// IsMember reports whether an application of a program holds a seat: it has an
	// accepted offer.
	IsMember(ctx context.Context, program, application string) (bool, error)

	InsertPlan(ctx context.Context, p *Plan) error
	// Plan reads the plan. In an Update the plan is locked: changes of one
	// program's mentoring take turns from there on.
	Plan(ctx context.Context, program string) (*Plan, error)
	UpdatePlan(ctx context.Context, p *Plan) error
	// Published is the id of the run that was published last, or "".
	Published(ctx context.Context, program string) (string, error)
	// Publish makes a run the published one instead of base:
	// FailedPrecondition MATCHING_OVERTAKEN if another one is. It is one update
	// with a condition: of two with the same base one wins.
	Publish(ctx context.Context, program, base, matching string) error

	// NextEnrollment gives the next number of a role: 1, 2, …, never the same
	// twice.
	NextEnrollment(ctx context.Context, program string, role Role) (int, error)
	// InsertEnrollment stores a new enrollment: AlreadyExists ENROLLMENT_EXISTS
	// for the id or the code, ORIGIN_ENROLLED if the application it comes from is
	// enrolled in that role already. Its places are Seats or Wanted.
	InsertEnrollment(ctx context.Context, e *Enrollment) error
	Enrollment(ctx context.Context, program, id string) (*Enrollment, error)
	// EnrollmentByCode finds one by what staff see: ENROLLMENT_NOT_FOUND too.
	EnrollmentByCode(ctx context.Context, program, code string) (*Enrollment, error)
	Enrollments(ctx context.Context, q EnrollmentQuery) ([]*Enrollment, error)
	// EnrollmentsFrom lists those that come from an application, of all programs.
	EnrollmentsFrom(ctx context.Context, o Origin) ([]*Enrollment, error)
	// UpdateEnrollment stores e, but for Code, Role and Origin, which never
	// change; Places.Total becomes Seats or Wanted.
	UpdateEnrollment(ctx context.Context, e *Enrollment) error
	// EraseEnrollment stores e, which is what is left of an enrollment, without
	// its origin, and deletes its links.
	EraseEnrollment(ctx context.Context, e *Enrollment) error

	// Places counts those of one enrollment; AllPlaces those of a program's, by
	// id.
	Places(ctx context.Context, program, enrollment string) (Places, error)
	AllPlaces(ctx context.Context, program string) (map[string]Places, error)
	// ProposePlace counts one more open proposal: FailedPrecondition PLACES_FULL
	// if every place has one, unless beyond allows it.
	ProposePlace(ctx context.Context, program, enrollment string, beyond bool) error
	// ProposePlaces is ProposePlace for many, as often as each is named: PLACES_FULL
	// if one of them has no place left, and then not all were counted.
	ProposePlaces(ctx context.Context, program string, enrollments []string) error
	// TakePlace counts one more live mentorship: FailedPrecondition PLACES_TAKEN
	// if every place is taken. Like ProposePlace it is one update with a
	// condition: no isolation level, and nothing that was read before, can take a
	// place twice.
	TakePlace(ctx context.Context, program, enrollment string) error
	// FreePlace counts one proposal less, and one mentorship less if taken. An
	// internal error if that was never counted.
	FreePlace(ctx context.Context, program, enrollment string, taken bool) error

	InsertEnrollmentLink(ctx context.Context, l *Link) error
	// UseEnrollmentLink takes a link if it is unused and not expired, once: NotFound
	// LINK_NOT_FOUND otherwise.
	UseEnrollmentLink(ctx context.Context, hash []byte, now time.Time) (*Link, error)

	// InsertDirective stores one for a pair that has none in force: AlreadyExists
	// DIRECTIVE_EXISTS for the id, DIRECTIVE_IN_FORCE for the pair.
	InsertDirective(ctx context.Context, d *Directive) error
	Directive(ctx context.Context, program, id string) (*Directive, error)
	Directives(ctx context.Context, q DirectiveQuery) ([]*Directive, error)
	UpdateDirective(ctx context.Context, d *Directive) error

	InsertMatching(ctx context.Context, m *Matching) error
	Matching(ctx context.Context, program, id string) (*Matching, error)
	// MatchingHeads lists runs without Frozen and Record: for looking at, and
	// never for an update.
	MatchingHeads(ctx context.Context, program, after string, limit int) ([]*Matching, error)
	// UpdateMatching never shortens the lease of a run that stays SOLVING under
	// the same owner.
	UpdateMatching(ctx context.Context, m *Matching) error
	// ClaimMatching takes the oldest run of any program that is QUEUED, or SOLVING
	// with a lease that ended before now, as applications.Tx.ClaimSelection does.
	ClaimMatching(ctx context.Context, owner string, now, leaseUntil time.Time) (*Matching, error)
	// RenewMatching extends the lease of a run that owner holds, and returns
	// whether somebody asked to cancel it: FailedPrecondition LEASE_LOST if
	// another owner holds it or it is done.
	RenewMatching(ctx context.Context, program, id, owner string, leaseUntil time.Time) (cancel bool, err error)

	// InsertProposal stores one for a pair that has no open one: AlreadyExists
	// PROPOSAL_EXISTS for the id, PROPOSAL_OPEN for the pair. It counts nothing:
	// see ProposePlace.
	InsertProposal(ctx context.Context, p *Proposal) error
	// InsertProposals is InsertProposal for many: PROPOSAL_OPEN if one of them could
	// not be stored, and then not all were.
	InsertProposals(ctx context.Context, list []*Proposal) error
	Proposal(ctx context.Context, program, id string) (*Proposal, error)
	Proposals(ctx context.Context, q ProposalQuery) ([]*Proposal, error)
	// DueProposals names proposals of all programs that are SENT or ACCEPTED and
	// whose ExpireTime is not after now, at most limit, the first to expire first.
	DueProposals(ctx context.Context, now time.Time, limit int) ([]Key, error)
	// UpdateProposal stores p, but for the pair, which never changes. One that is
	// not open does not open again: FailedPrecondition PROPOSAL_CLOSED.
	UpdateProposal(ctx context.Context, p *Proposal) error

	// InsertMentorship stores one for a pair that has no live one: AlreadyExists
	// MENTORSHIP_EXISTS for the id, MENTORSHIP_LIVE for the pair.
	InsertMentorship(ctx context.Context, m *Mentorship) error
	Mentorship(ctx context.Context, program, id string) (*Mentorship, error)
	Mentorships(ctx context.Context, q MentorshipQuery) ([]*Mentorship, error)
	// UpdateMentorship stores m, but for the pair. One that is not live does not
	// come to life again: FailedPrecondition MENTORSHIP_OVER.
	UpdateMentorship(ctx context.Context, m *Mentorship) error

	// EraseAnswers takes the answers out of the requests that made or changed a
	// resource, and EraseReasons the reasons out of the audit log's lines about it.
	EraseAnswers(ctx context.Context, program, resource string) error
	EraseReasons(ctx context.Context, resource string) error
	AddErasure(ctx context.Context, e *logbook.Erasure) error
	// AppendEvents adds to the audit log, in order, in this transaction.
	AppendEvents(ctx context.Context, events ...Event) error
}

// Key names something of a program.
type Key struct{ Program, ID string }

// EnrollmentQuery asks for a slice of a program's enrollments.
type EnrollmentQuery struct {
	Program    string
	Role       Role              // "": both
	States     []EnrollmentState // empty: all
	AfterID    string
	Descending bool
	Limit      int
}

// DirectiveQuery asks for a slice of a program's directives.
type DirectiveQuery struct {
	Program string
	InForce bool // only those
	AfterID string
	Limit   int
}

// ProposalQuery asks for a slice of a program's proposals.
type ProposalQuery struct {
	Program    string
	Enrollment string          // of either side; "": all
	States     []ProposalState // empty: all
	AfterID    string
	Descending bool
	Limit      int
}

// MentorshipQuery asks for a slice of a program's mentorships.
type MentorshipQuery struct {
	Program    string
	Enrollment string            // of either side; "": all
	States     []MentorshipState // empty: all
	AfterID    string
	Descending bool
	Limit      int
}

// Link opens the pages once, as a mentor or a mentee.
type Link struct {
	Hash       []byte
	Program    string
	Enrollment string
	// Generation is the enrollment's TokenGeneration when the link was made: a
	// renewal takes the links with it, as it does the token.
	Generation int
	ExpireTime time.Time
	UseTime    time.Time
}
