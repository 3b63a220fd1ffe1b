package introductions

import "time"

// Network is people of a program who are introduced to each other in rounds.
type Network struct {
	Program, ID string
	Title       map[string]string // by language
	// MinSize and MaxSize bound a group: 2 and 2 make pairs, with trios where
	// somebody would be left out; anything else makes circles.
	MinSize, MaxSize int
	// Different are columns of profiles: two who share a value of one are not
	// introduced. Points are what pairs score; Spread are columns whose values
	// circles hold in equal parts.
	Different []string
	Points    []Points
	Spread    []string
	// Shown are the columns that people see of each other before they agree.
	Shown []string
	// AnswerTime is how long an introduction waits for its answers.
	AnswerTime time.Duration

	Rounds                 int // published so far; given by the store
	Revision               int64
	CreateTime, UpdateTime time.Time
}

// Points are what two people score for one column: for each value that they
// share, or, Unlike, once, if both have values and share none.
type Points struct {
	Attribute string
	Points    int
	Unlike    bool
}

// Pairs reports whether the network makes pairs and not circles.
func (n *Network) Pairs() bool { return n.MaxSize == 2 }

// Contact is how to address and reach somebody.
type Contact struct {
	Name  string
	Goes  string // the name we should use; "" is Name
	Email string
	Phone string
}

// Member is somebody in a network.
type Member struct {
	Program, Network, ID string // id: UUIDv7
	Code                 string // "NM-00001": what staff see
	// Reference is the person's id in the file they come from, or "".
	Reference string
	Contact   Contact
	Profile   map[string]string // cells by column, as a file of members has them
	Agreed    bool              // that the profile is used to introduce them
	AgreeTime time.Time
	Paused    bool
	RestDays  int // for which they take part in no round after an introduction
	// Never are ids of those whom they never want to be introduced to, Refused of
	// those whom they declined for good. Nobody else sees either.
	Never, Refused []string
	OnBehalf       string // subject of the member of staff who added them
	Erased         bool   // a tombstone

	// TokenGeneration is how many times tokens and links were revoked.
	TokenGeneration int

	// Standing is counted by the store, and no part of a revision.
	Standing
	Revision               int64
	CreateTime, UpdateTime time.Time
}

// Standing is how rounds treated somebody. Only rounds that they took part in
// count.
type Standing struct {
	Waited        int       // without anybody, since their last introduction
	Skipped       int       // without anybody, in all
	IntroduceTime time.Time // of their last introduction; zero: never
}

// Bounds of a network and its members.
const (
	mostSize      = 20 // people in a circle
	mostColumns   = 100
	longestCell   = 4000 // characters
	mostDifferent = 10
	mostPoints    = 20
	mostShown     = 20
	mostNever     = 100
	mostRest      = 365 // days
	mostImported  = 20_000
	shortestReply = time.Hour
	longestReply  = 90 * 24 * time.Hour
	usualReply    = 14 * 24 * time.Hour
)
