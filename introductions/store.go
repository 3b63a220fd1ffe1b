package introductions

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
// for by key and is not there gives NotFound with reason NETWORK_NOT_FOUND,
// MEMBER_NOT_FOUND, …; an Insert of a key that exists gives AlreadyExists
// NETWORK_EXISTS, …; an Update with a Revision that is not the stored one gives
// Aborted STALE_REVISION, and otherwise stores the value with Revision + 1, which
// it also sets in the value passed. An Insert stores Revision 1 and sets that.
// Lists of what does not exist are empty and ascend by id; a limit of 0 is no
// limit.
type Tx interface {
	logbook.Requests

	// HasProgram is NotFound PROGRAM_NOT_FOUND if there is no such program.
	HasProgram(ctx context.Context, program string) error

	InsertNetwork(ctx context.Context, n *Network) error
	// Network reads a network. In an Update it is locked: changes of one network
	// take turns from there on.
	Network(ctx context.Context, program, id string) (*Network, error)
	Networks(ctx context.Context, program, after string, descending bool, limit int) ([]*Network, error)
	// UpdateNetwork stores n, but for Rounds.
	UpdateNetwork(ctx context.Context, n *Network) error
	// CountRound makes base + 1 the number of published rounds:
	// FailedPrecondition ROUND_OVERTAKEN if it is not base any more. It is one
	// update with a condition: of two with the same base one wins.
	CountRound(ctx context.Context, program, network string, base int) error
	// NextMember gives the next number of a member, n of them at once, and returns
	// the first: 1, 2, …, never the same twice.
	NextMember(ctx context.Context, program, network string, n int) (int, error)

	// InsertMember stores a new member: AlreadyExists MEMBER_EXISTS for the id, the
	// code or the reference, of which reference is a keyed digest or nil.
	InsertMember(ctx context.Context, m *Member, reference []byte) error
	Member(ctx context.Context, program, network, id string) (*Member, error)
	// MemberOf finds a member whatever network of the program they are in.
	MemberOf(ctx context.Context, program, id string) (*Member, error)
	Members(ctx context.Context, q MemberQuery) ([]*Member, error)
	// UpdateMember stores m, but for Code, Reference and Standing.
	UpdateMember(ctx context.Context, m *Member) error
	// EraseMember stores m, which is what is left of a member, without its
	// reference, and deletes its links.
	EraseMember(ctx context.Context, m *Member) error
	// SkipMember counts one more round in which a member had nobody, on top of how
	// they stood before it.
	SkipMember(ctx context.Context, program, network, id string, before Standing) error
	// IntroduceMembers sets everybody in an introduction of a round to have waited
	// for none, and been introduced at that time.
	IntroduceMembers(ctx context.Context, program, network, round string, at time.Time) error

	InsertMemberLink(ctx context.Context, l *Link) error
	// UseMemberLink takes a link if it is unused and not expired, once: NotFound
	// LINK_NOT_FOUND otherwise.
	UseMemberLink(ctx context.Context, hash []byte, now time.Time) (*Link, error)

	InsertRound(ctx context.Context, r *Round) error
	Round(ctx context.Context, program, network, id string) (*Round, error)
	// RoundHeads lists rounds without Frozen and Record: for looking at, and never
	// for an update.
	RoundHeads(ctx context.Context, program, network, after string, limit int) ([]*Round, error)
	// UpdateRound never shortens the lease of a round that stays SOLVING under the
	// same owner.
	UpdateRound(ctx context.Context, r *Round) error
	// ClaimRound takes the oldest round of any network that is QUEUED, or SOLVING
	// with a lease that ended before now, as applications.Tx.ClaimSelection does.
	ClaimRound(ctx context.Context, owner string, now, leaseUntil time.Time) (*Round, error)
	// RenewRound extends the lease of a round that owner holds, and returns whether
	// somebody asked to cancel it: FailedPrecondition LEASE_LOST if another owner
	// holds it or it is done.
	RenewRound(ctx context.Context, program, network, id, owner string, leaseUntil time.Time) (cancel bool, err error)

	// InsertIntroduction stores one with its sides; before is how each of them stood,
	// in their order.
	InsertIntroduction(ctx context.Context, i *Introduction, before []Standing) error
	Introduction(ctx context.Context, program, network, id string) (*Introduction, error)
	Introductions(ctx context.Context, q IntroductionQuery) ([]*Introduction, error)
	// DueIntroductions names introductions of all networks that are PROPOSED and
	// whose ExpireTime is not after now, at most limit, the first to expire first.
	DueIntroductions(ctx context.Context, now time.Time, limit int) ([]Key, error)
	// UpdateIntroduction stores i, but for who is in it. One that is over does not
	// open again: FailedPrecondition INTRODUCTION_CLOSED.
	UpdateIntroduction(ctx context.Context, i *Introduction) error
	// Before is how each member of an introduction stood before it, by id.
	Before(ctx context.Context, program, network, introduction string) (map[string]Standing, error)
	// Met lists who was ever in an introduction together with whom, as groups of
	// ids, each group as often as it was made.
	Met(ctx context.Context, program, network string) ([][]string, error)
	// InOpen lists who is in an introduction that is PROPOSED, ascending.
	InOpen(ctx context.Context, program, network string) ([]string, error)

	// EraseAnswers takes the answers out of the requests that made or changed a
	// resource, and EraseReasons the reasons out of the audit log's lines about it.
	EraseAnswers(ctx context.Context, program, resource string) error
	EraseReasons(ctx context.Context, resource string) error
	AddErasure(ctx context.Context, e *logbook.Erasure) error
	// AppendEvents adds to the audit log, in order, in this transaction.
	AppendEvents(ctx context.Context, events ...Event) error
}

// Key names something of a network.
type Key struct{ Program, Network, ID string }

// MemberQuery asks for a slice of a network's members.
type MemberQuery struct {
	Program, Network string
	AfterID          string
	Descending       bool
	Limit            int
}

// IntroductionQuery asks for a slice of a network's introductions.
type IntroductionQuery struct {
	Program, Network string
	Member           string  // who is in it; "": all
	States           []State // empty: all
	AfterID          string
	Descending       bool
	Limit            int
}

// Link gives a member a token, once.
type Link struct {
	Hash                     []byte
	Program, Network, Member string
	// Generation is the member's TokenGeneration when the link was made.
	Generation int
	ExpireTime time.Time
	UseTime    time.Time
}
