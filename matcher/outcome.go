package matcher

// Status says what was proved about a result.
type Status string

const (
	Optimal    Status = "OPTIMAL"    // every bound equals its value
	Feasible   Status = "FEASIBLE"   // a valid cohort, not proved best
	Infeasible Status = "INFEASIBLE" // proved: no cohort keeps the rules that must hold
	Undecided  Status = "UNDECIDED"  // neither a cohort nor a proof of impossibility
)

// RuleCount is what a cohort does to one rule. Feature, Value, Kind, Min, Max
// and Priority repeat the rule. Pool is who could count after exclusions,
// Count is who does:
//
//	Quota    people with the property
//	Company  values that carry the rule; those that Min people hold
//	Spread   distinct values
//	Cap      the largest number of people who share one value
type RuleCount struct {
	Row            int
	Feature, Value string
	Kind           Kind
	Min, Max       int
	Priority       int
	Pool, Count    int
	Short, Over    int
}

// Bound is an objective's value with what was proved about it. For the size
// and the score the bound is an upper one, for a deviation a lower one.
// Value = Bound means proved best. The deviation of an optimal cohort may lie
// above its bound by what Criteria.Allow allows.
type Bound struct {
	Value, Bound int64
}

// Deviation is the weighted deviation of one priority.
type Deviation struct {
	Priority int
	Bound
}

// Size is the size of a cohort: asked for, reached, and the largest possible.
type Size struct {
	Wanted, Got, Bound int
}

// Infeasibility explains why no cohort exists.
type Infeasibility struct {
	// Clash names, in words of the input, the hard conditions that cannot hold
	// by themselves (size range, caps, locks, links); nil if they can.
	Clash []string
	// Conflict is a set of conditions that cannot hold together, though without
	// any one of them the others can: sides of rules, locks, links, caps, the
	// size. It names a Clash if there is one.
	Conflict []Condition
	// Relaxations are all the single changes that are enough by themselves, each
	// as small as it can be, and all the cheapest sets of changes to rules, by
	// cost. They keep within MinFlex, MaxFlex and Fixed.
	Relaxations []Relaxation
	// Cut says what of these work, time or a limit cut off: CutConflict,
	// CutRelaxations.
	Cut []string
	// LeastTotalDeviation is the smallest Σ (short + over), weight 1, over the
	// rules that must hold, with size range, caps, locks and links kept. It is
	// nil when these alone cannot hold, or when it was not proved in the work
	// given.
	LeastTotalDeviation *int64
	// Closest is a cohort that attains LeastTotalDeviation; among those the
	// one that the order of objectives prefers. Empty when there is none.
	Closest      []string
	ClosestRules []RuleCount
}

// Outcome is the result of one selection.
type Outcome struct {
	Status Status
	// Complete is false when the time ran out or the caller canceled: then the
	// result depends on the machine. A limit in work leaves it true.
	Complete bool
	// Cohort lists the ids of the people chosen, sorted.
	Cohort        []string
	Rules         []RuleCount
	Size          Size
	Deviation     []Deviation // one for each priority that has a rule, ascending
	Score         Bound
	Infeasibility *Infeasibility // nil unless Status is Infeasible
	Seed          string
}
