// Package selection builds one cohort: it decides whether the rules that must
// hold can be kept, then meets the targets priority by priority as well as is
// provably possible, then the score, then the seed.
package selection

import (
	"context"

	"github.com/openfairlead/fairlead/matcher"
)

// Step is a stage of a run that has been proved: "feasible", "size",
// "priority 1"…"priority 9", "score", "seed 1"…"seed 3", "verified". Its Value is what the later
// stages build on. Steps can be stored and handed back in Options.Done, so
// that a run that was interrupted need not prove them again; the result is
// the same with and without.
type Step struct {
	Name  string
	Value int64
}

// Progress is told while a run goes on.
type Progress struct {
	Step   string // the stage being worked on
	Done   []Step // stages proved so far
	Pivots int64  // work spent so far
}

// Options of one run. The zero value is a run without limits.
type Options struct {
	// Work is the limit in simplex pivots over the whole run; 0: none.
	Work int64
	Done []Step
	// Proved, if not nil, is called once for each stage as it is proved. An
	// error from it ends the run with that error.
	Proved func(Step) error
	// Progress, if not nil, is called from time to time on the calling goroutine.
	Progress func(Progress)
}

// InputError is a problem with the input of a run, in words for a person.
// Field is the part of the criteria it is about ("rules[3].min", "include",
// "scores", …).
type InputError struct {
	Field, Message string
}

func (e *InputError) Error() string { return e.Field + ": " + e.Message }

// Warning is something a person should know although the run can go on, for
// example a target for a value that nobody in the pool has.
type Warning struct {
	Row     int // of the rule; 0 if it is about something else
	Message string
}

// Validate returns every InputError of the criteria for this pool (duplicate
// or empty ids, locks on unknown people, min > max, size larger than the pool,
// a person both included and excluded, …), and warnings.
func Validate(people []matcher.Person, c matcher.Criteria) ([]*InputError, []Warning) {
	panic("being written")
}

// Select chooses a cohort. The result depends on nothing but people, criteria
// and seed: not on the order of people, not on the machine. Among equally
// good cohorts the seed decides by the rule that docs/selecting.md states.
func Select(ctx context.Context, people []matcher.Person, c matcher.Criteria, seed string, o Options) (*matcher.Outcome, error) {
	panic("being written")
}

// Verdict is the answer to "can these rules be kept?".
type Verdict struct {
	Status matcher.Status // Feasible, Infeasible or Undecided
	// Witness is a cohort that keeps every rule that must hold; empty unless
	// Feasible.
	Witness       []string
	Rules         []matcher.RuleCount // of the witness
	Infeasibility *matcher.Infeasibility
	Warnings      []Warning
}

// Check decides whether any cohort keeps the rules that must hold. It is
// meant for live editing: a few milliseconds for 500 people.
func Check(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options) (*Verdict, error) {
	panic("being written")
}

// Count counts a cohort against the rules in integers, straight from their
// definitions and without any solver.
func Count(people []matcher.Person, c matcher.Criteria, cohort []string) []matcher.RuleCount {
	panic("being written")
}
