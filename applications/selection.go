package applications

import (
	"time"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// SelectionState is the state of a run.
type SelectionState string

const (
	SelectionQueued    SelectionState = "QUEUED"
	SelectionRunning   SelectionState = "RUNNING"
	SelectionSealed    SelectionState = "SEALED"    // everything but the seed is fixed; a person draws
	SelectionSucceeded SelectionState = "SUCCEEDED" // a result exists: also "proved impossible"
	SelectionFailed    SelectionState = "FAILED"
	SelectionCanceled  SelectionState = "CANCELED"
	SelectionStale     SelectionState = "STALE" // the pool changed under it
)

// Done reports whether the state is final for the runner.
func (s SelectionState) Done() bool { return s != SelectionQueued && s != SelectionRunning }

// Provenance says how a result came about.
type Provenance string

const (
	Drawn          Provenance = "DRAWN"
	DrawnWithLocks Provenance = "DRAWN_WITH_LOCKS"
	Computed       Provenance = "COMPUTED" // no lottery: the seed broke the ties; no chances exist
	Chosen         Provenance = "CHOSEN"
)

// Lock puts a person in or keeps them out, with a reason.
type Lock struct {
	Application string // id
	Code        string
	Reason      string
	By          string // principal's subject
	Time        time.Time
}

// RunStep is a durable step of a run: "claimed", "frozen", "feasible", "size",
// "priority 1"…, "score", "seed 1"…, "verified", "stored". Value is what the
// step proved, where it proves a number.
type RunStep struct {
	Name  string
	Value int64
	Time  time.Time
}

// Selection is one run of the selector: its frozen input, its progress and
// its result.
type Selection struct {
	Program  string
	ID       string // UUIDv7
	State    SelectionState
	Criteria int // version, pinned
	Trial    bool
	Include  []Lock
	Exclude  []Lock
	Lottery  string // matcher.LotteryNone, LotteryMaximin or LotteryLeximin
	// Seed breaks ties where Lottery is NONE; with a lottery it is the public
	// value of the draw that stands, and empty before.
	Seed string
	Work int64 // limit in pivots; 0: none

	// How the draw is to be, as it was resolved when the run was created.
	MaxChance int // thousandths; 0: no limit
	Allow     map[int]int64
	// GaveWay is how company rules gave way in the pool when it was frozen, so that
	// nobody who is alone lost their last chance by them, without People; nil for some
	// callers. A run that replaces another keeps the other's.
	GaveWay    []selection.Yield
	SeedKind   SeedKind // "" where Lottery is NONE
	SeedSource string
	SeedPeople []string
	// Commitments are those of SeedCommitReveal, of all attempts.
	Commitments []SeedCommitment
	// Seal is what was fixed before any seed existed; nil before that.
	Seal *Seal
	// Draws are the attempts, in order. The last one stands, unless somebody
	// chose otherwise since: Choices.
	Draws   []Draw
	Choices []Choice
	// Replaces is the run whose seats this one fills again, and Declined the
	// codes of those who left them. EarlierChoices counts the choices in the runs
	// that it replaces: a group that somebody changed does not become a drawn one
	// by filling its seats again.
	Replaces       string
	Declined       []string
	EarlierChoices int
	// Moves are the objectives that cannot be kept with the others of the group in
	// and those who left out, each by the least: proved. None: the group is as good
	// as before.
	Moves []RepairMove

	Steps       []RunStep
	CurrentStep string
	Pivots      int64
	CancelAsked bool
	Error       string // for people, when FAILED
	ErrorReason string
	PoolSize    int    // or TooFew, for some callers
	InputDigest string // "" when entries of the frozen input were erased
	// Commitment is a salted digest of the frozen input, which stays good when
	// entries are erased from it. ErasedCount is how many were.
	Commitment  string
	ErasedCount int
	Engine      string
	Provenance  Provenance
	// Frozen is the canonical frozen input and Record the canonical result
	// (matcher.Record), while SEALED without a cohort; both encrypted at rest. Nil
	// until they exist.
	Frozen, Record []byte

	// A run is worked on by whoever holds its lease.
	Owner      string
	LeaseUntil time.Time
	Attempt    int

	Revision                         int64
	CreateTime, UpdateTime, DoneTime time.Time
	CreatedBy                        string
	// OfferTime is when somebody confirmed the result and seats were offered on
	// it, or zero. From then on the run stands, whatever becomes of its pool.
	OfferTime time.Time
}
