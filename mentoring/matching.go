package mentoring

import (
	"time"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// MatchingState is the life of a matching run.
type MatchingState string

const (
	Queued     MatchingState = "QUEUED"
	Solving    MatchingState = "SOLVING"
	Solved     MatchingState = "SOLVED"
	InReview   MatchingState = "IN_REVIEW" // somebody has edited it
	Published  MatchingState = "PUBLISHED"
	Superseded MatchingState = "SUPERSEDED" // a later run was published
	Failed     MatchingState = "FAILED"
	Canceled   MatchingState = "CANCELED"
)

// Done reports whether the runner has nothing more to do with the run.
func (s MatchingState) Done() bool { return s != Queued && s != Solving }

// DirectiveKind is what staff ordered about one pair.
type DirectiveKind string

const (
	LockPair   DirectiveKind = "LOCK"
	ForbidPair DirectiveKind = "FORBID"
)

// Directive is staff's order about one pair, in force for every run until it
// is lifted.
type Directive struct {
	Program, ID    string // id: UUIDv7
	Kind           DirectiveKind
	Mentee, Mentor string // ids of enrollments
	Reason         string // why, for staff
	By             string // subject
	CreateTime     time.Time
	LiftTime       time.Time // zero while in force
	Revision       int64
}

// Edit is a change that somebody made to a run's result in review: the run is
// solved again with it.
type Edit struct {
	Kind           DirectiveKind
	Mentee, Mentor string // ids of enrollments
	Reason         string
	By             string
	Time           time.Time
	// Joined: it was made with the one before it, as of a swap, and is taken back
	// with it.
	Joined bool
	// Cost is what the edit changed, after those before it; of joined ones the
	// first has what they changed together.
	Cost Cost
}

// Cost is what an edit takes from the whole: the value of every term before and
// after, and the pairs that go and come.
type Cost struct {
	Terms   []TermChange
	Removed []Pair
	Added   []Pair
}

// TermChange is the value of one term of the objective before and after.
type TermChange struct {
	Term          string
	Before, After int64
}

// Pair is one pair of a run's result. Ids are those of enrollments.
type Pair struct {
	Mentee, Mentor         string
	MenteeCode, MentorCode string
	Score                  int  // 0…1000
	Locked                 bool // by a directive or an edit
	// Parts sum to Score; empty in costs and lists.
	Parts []Part
}

// Part is what one feature gave to a score, of what it could have given, both
// in thousandths of the whole. Evidence are words that both people and staff
// may see.
type Part struct {
	Feature      string
	Points, Most int
	Evidence     []string
}

// Unmatched is a mentee for whom the run found no mentor, and why.
type Unmatched struct {
	Mentee, MenteeCode string
	Reason             pairing.Reason
	// Rule is the hard rule that makes it so, or "": without it most would be
	// served.
	Rule string
	// Mentees can be served only by Mentors, who have Seats: the witness. Zero
	// where the reason is none of numbers.
	Mentees, Mentors, Seats int
	// Blocks is, of somebody who is eligible for nobody, the hard rule that by itself
	// keeps the most mentors from them, or "".
	Blocks string
	// With and By are the codes of these mentees and mentors, where they are few
	// enough to be read.
	With, By []string
}

// Kept is a mentee who has a mentor from before.
type Kept struct{ Mentee, MenteeCode string }

// Term is the value of one term of the objective.
type Term struct {
	Name  string
	Value int64
}

// Result is what a run found, with the edits since.
type Result struct {
	Status    string // "OPTIMAL" or "FEASIBLE"
	Pairs     []Pair // by mentee's code, then mentor's
	Unmatched []Unmatched
	// Kept are the mentees who have a mentor, or are proposed one, from before, and
	// got none more.
	Kept    []Kept `json:",omitempty"`
	Terms   []Term
	Covered int // mentees with a mentor
	Total   int64
	Worst   int // the smallest, over mentees whose first mentor it is, of the mentee's best pair; -1: nobody did
	// Certificate is the canonical record (matcher.Matching) with the prices that
	// prove the result, by codes: `fairlead verify` checks it. Empty if FEASIBLE, or
	// after somebody of the run was erased.
	Certificate []byte
	// Audit compares how groups were served; small ones are left out of it.
	Audit *pairing.EquityAudit
	// Unstable is nil in results of earlier versions.
	Unstable *Unstable
}

// Unstable counts the pairs that are not made and would fit both better than
// somebody whom they have, or than a place that is free.
type Unstable struct {
	Count int64
	First []Pair // at most mostUnstable, without parts: those who would gain most
}

// Step is a durable step of a run: "claimed", "frozen" or "stored"; or what it
// counted on its way: "unreadable", people with a cell that could not be read,
// "floors_short" and "floors_unheld".
type Step struct {
	Name  string
	Value int64
	Time  time.Time
}

// Matching is one run of the matcher: its frozen input, its progress and its
// result.
type Matching struct {
	Program, ID string // id: UUIDv7
	State       MatchingState
	Objectives  []string
	Seed        string
	Work        int64 // limit of the engine; 0: none
	// Base is the run that was published when this one was made: of two that
	// share it, one can be published.
	Base string
	// After is the proposal whose end this run mends, or "".
	After string

	Steps            []Step
	CurrentStep      string
	Progress         int64
	CancelAsked      bool
	Error            string // for people, when FAILED
	ErrorReason      string
	Mentees, Mentors int    // in the frozen input
	InputDigest      string // of the frozen input; "" when people were erased from it
	ErasedCount      int
	Engine           string
	Edits            []Edit
	Pairs, Covered   int    // of the result, for lists
	PublishedBy      string // subject
	SupersededBy     string // id of a run
	Frozen           []byte // canonical frozen input
	Record           []byte // Result as JSON; both encrypted at rest

	// A run is worked on by whoever holds its lease.
	Owner      string
	LeaseUntil time.Time
	Attempt    int

	Revision                                      int64
	CreateTime, UpdateTime, DoneTime, PublishTime time.Time
	CreatedBy                                     string
}

// matchingAction is something done to a run, but for what its runner does under its
// lease: to claim it, and to end it without a result.
type matchingAction string

const (
	solveMatching     matchingAction = "finish"
	cancelMatching    matchingAction = "cancel"
	editMatching      matchingAction = "edit"
	publishMatching   matchingAction = "publish"
	supersedeMatching matchingAction = "supersede"
)

var matchingStates = []MatchingState{Queued, Solving, Solved, InReview, Published, Superseded, Failed, Canceled}

var matchingLife = map[matchingAction]map[MatchingState]MatchingState{
	solveMatching:     {Solving: Solved},
	cancelMatching:    {Queued: Canceled, Solving: Canceled},
	editMatching:      {Solved: InReview, InReview: InReview},
	publishMatching:   {Solved: Published, InReview: Published},
	supersedeMatching: {Published: Superseded},
}
