// Package matcher is the vocabulary that the whole engine shares: people,
// the properties that rules speak about, the rules themselves, and what a
// run of the engine returns.
//
// The packages below this one take plain values and return plain values.
// None of them reads a clock, opens a file or starts a goroutine that
// outlives the call.
package matcher

// Person is one member of a pool. ID is unique within the pool. Values holds,
// for each attribute, the set of values that the person belongs to. A person
// who declined to answer has no values for that attribute: they belong to no
// group, are counted by no rule of that attribute, and are never dropped for
// it. Repeated values count once.
type Person struct {
	ID     string
	Values map[string][]string
}

// Match says how a Term with several values is read.
type Match uint8

const (
	MatchAny Match = iota // at least one of the values
	MatchAll              // every one of the values
)

// Term is a condition on one attribute: the person holds any (or all) of
// Values. With Wildcard, Values is empty and the person holds at least one
// value, whatever it is.
type Term struct {
	Attribute string
	Values    []string
	Match     Match
	Wildcard  bool
}

// Property is a set of people of a pool, told by what they have in common:
// everyone who satisfies all Terms and, where IDs is not empty, is listed in
// it. The zero Property is everybody.
type Property struct {
	Terms []Term
	IDs   []string
}

// Kind is the kind of a rule. For the people S of a cohort:
//
//	Quota    Min ≤ |S ∩ Property| ≤ Max
//	         short = max(0, Min − count), over = max(0, count − Max)
//	Company  for each value of the attribute that at least Min people of the
//	         pool (after exclusions) hold: count ≥ Min. A value held by fewer
//	         carries no rule, so that nobody is shut out to protect them.
//	         short = Σ over those values of max(0, Min − count − relief)
//	         where relief = Relief · |S ∩ Alone|
//	Spread   at least Min distinct values of the attribute in S
//	         short = max(0, Min − distinct)
//	Cap      at most Max people for each value of the attribute
//	         over = Σ over values of max(0, count − Max)
//
// The attribute of Company, Spread and Cap is that of the Property's only
// Term: with Wildcard every value takes part, else only the values listed.
type Kind uint8

const (
	Quota Kind = iota
	Company
	Spread
	Cap
)

// Must is the priority of a rule that has to hold. Priorities 1 to 9 are
// targets: met as well as possible, 1 before 2, and so on.
const Must = 0

// MaxPriority is the last priority a target may have.
const MaxPriority = 9

// Rule is one line of a set of criteria.
type Rule struct {
	// Row names the rule in results: its line in a rules file (the first line
	// below the header is 1) or its position in a criteria message.
	Row int
	// Feature and Value are how people named the rule. They appear in results
	// and never influence them.
	Feature, Value string

	Kind     Kind
	Property Property
	// Min and Max are people (Spread: distinct values), 0 ≤ Min ≤ Max.
	// A kind ignores the bound it does not use.
	Min, Max int
	// Priority is Must or 1…MaxPriority; Weight (1…1000) is what one person
	// short or over costs. A rule that must hold has weight 1.
	Priority int
	Weight   int
	// MinFlex and MaxFlex bound a suggested relaxation: the lowest Min and the
	// highest Max it may use. Fixed means: never suggest relaxing this rule.
	MinFlex, MaxFlex int
	Fixed            bool
	// Alone and Relief are how a company rule gives way in a pool, for people who
	// would else lose their last chance by it (selection.GiveWay): each of them who
	// is in the cohort lowers every floor of the rule by Relief, to 0 at most.
	// Left out of JSON without them, on which digests of earlier versions depend.
	Alone  []string `json:",omitempty"`
	Relief int      `json:",omitempty"`
}

// LinkKind is the kind of a Link.
type LinkKind uint8

const (
	Apart      LinkKind = iota // at most one of the people
	Together                   // all of the people or none
	AtLeastOne                 // one of the people or more
)

// Link ties named people of the pool together. It always has to hold.
type Link struct {
	Kind LinkKind
	IDs  []string
}

// HardCap is at most Max people for each value of an attribute. Unlike a rule
// of kind Cap it can never be relaxed and is no row of a result.
type HardCap struct {
	Attribute string
	Max       int
}

// Criteria are everything that decides which cohorts are allowed and which
// are better, apart from the people themselves.
type Criteria struct {
	// MinSize ≤ size ≤ Size; as near to Size as the rules that must hold allow.
	Size, MinSize int
	Rules         []Rule
	Caps          []HardCap
	Links         []Link
	// Include and Exclude are people who are in, or out, whatever happens.
	Include, Exclude []string
	// Scores are integers 0…1,000,000 by person; missing is 0.
	Scores map[string]int
	// Allow is, by priority, the deviation allowed above that priority's
	// optimum. Missing is 0.
	Allow map[int]int64
}
