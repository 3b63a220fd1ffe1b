package introductions

import (
	"time"

	"github.com/openfairlead/fairlead/internal/leased"
)

// RoundState is the life of a round.
type RoundState string

const (
	Queued    RoundState = "QUEUED"
	Solving   RoundState = "SOLVING"
	Solved    RoundState = "SOLVED"
	Published RoundState = "PUBLISHED"
	Failed    RoundState = "FAILED"
	Canceled  RoundState = "CANCELED"
)

// Round is one round of introductions: its frozen input, its progress and what
// it found.
type Round struct {
	Program, Network, ID string // id: UUIDv7
	State                RoundState
	Seed                 string
	Work                 int64 // limit of the engine; 0: none
	// Base is how many rounds were published when this one was queued: of two that
	// share it, one can be published. Number is its own number among these, from 1.
	Base, Number int

	Steps       []Step
	CurrentStep string
	Progress    int64
	CancelAsked bool
	Error       string // for people, when FAILED
	ErrorReason string
	Members     int    // in the frozen input
	Absent      int    // who took no part
	InputDigest string // of the frozen input; "" when people were erased from it
	ErasedCount int
	Engine      string
	Groups      int // of the result, for lists
	Left        int
	CreatedBy   string // subject
	PublishedBy string // subject
	Frozen      []byte // canonical frozen input
	Record      []byte // Result as JSON; both encrypted at rest

	// A round is worked on by whoever holds its lease.
	Owner      string
	LeaseUntil time.Time
	Attempt    int

	Revision                                      int64
	CreateTime, UpdateTime, DoneTime, PublishTime time.Time
}

// Step is a durable step of a round.
type Step struct {
	Name string
	Time time.Time
}

// Durable steps. After each one a round can be left, and is resumed by whoever
// claims it next, with the same result to the byte.
const (
	StepClaimed = leased.StepClaimed // taken by lease
	StepFrozen  = "frozen"           // the people, the rules and the seed are fixed
	StepStored  = "stored"           // the result is kept
)

// Result is what a round found. It names nobody's wishes: a pair that one of the
// two never wants is like one that met before, and is counted nowhere.
type Result struct {
	Status string // "OPTIMAL" or "FEASIBLE"
	Groups []Group
	Left   []Left
	Absent []Absent
	// LeftProved: no pairs and trios can leave out fewer; of circles, nobody was
	// left. TotalProved, of pairs only: no pairing of as many has a greater Total.
	LeftProved, TotalProved bool
	Total                   int64
}

// Group is people who are put together, by code.
type Group struct {
	Members, Codes   []string
	Score, Third     int // of a pair, and of the third one with it
	Clashes, Repeats int // of a circle: pairs whom a rule keeps apart; who met
}

// LeftReason says why somebody who took part has no group.
type LeftReason string

const (
	NobodyAllowed LeftReason = "NOBODY_ALLOWED"
	TooFewOthers  LeftReason = "TOO_FEW_OTHERS"
	NotProved     LeftReason = "NOT_PROVED"
	NoCircle      LeftReason = "NO_CIRCLE"
	// Changed: a group was found, and could not be any more when it was published.
	Changed LeftReason = "CHANGED"
)

// Left is somebody who took part and has no group.
type Left struct {
	Member, Code    string
	Reason          LeftReason
	Waited, Skipped int // before this round
	// TooFewOthers: Rivals people in Parts groups, each of which needs one of
	// Others.
	Rivals, Parts, Others int
}

// AbsentReason says why members took no part.
type AbsentReason string

const (
	IsPaused   AbsentReason = "PAUSED"
	NotAgreed  AbsentReason = "NOT_AGREED"
	IsResting  AbsentReason = "RESTING"
	AnswerOpen AbsentReason = "ANSWER_OPEN"
)

// Absent counts who took no part.
type Absent struct {
	Reason  AbsentReason
	Members int
}

// roundAction is something done to a round, but for what its runner does under its
// lease: to claim it, and to end it without a result.
type roundAction string

const (
	solveRound   roundAction = "finish"
	cancelRound  roundAction = "cancel"
	publishRound roundAction = "publish"
)

var roundStates = []RoundState{Queued, Solving, Solved, Published, Failed, Canceled}

var roundLife = map[roundAction]map[RoundState]RoundState{
	solveRound:   {Solving: Solved},
	cancelRound:  {Queued: Canceled, Solving: Canceled},
	publishRound: {Solved: Published},
}
