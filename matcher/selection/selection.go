// Package selection builds one cohort: it decides whether the rules that must
// hold can be kept, then meets the targets priority by priority as well as is
// provably possible, then the score, then the seed.
package selection

import (
	"context"

	"github.com/openfairlead/fairlead/matcher"
)

// Engine names this engine in records. It changes whenever the same input and
// seed may give another result.
const Engine = "selection/1"

// Step is a stage of a run that has been proved: "feasible", "size",
// "priority 1"…"priority 9", "score", "seed 1"…"seed 3", "verified". Its Value
// is what the later stages build on. Where no cohort keeps the rules that must
// hold, "impossible" and "least deviation" come first and the others are about
// the closest cohort. Steps can be stored and handed back in Options.Done, so
// that a run that was interrupted need not prove them again; the result is the
// same with and without.
type Step struct {
	Name  string
	Value int64
}

// Names of the steps. Those of a priority or a seed round end in its number.
const (
	StepFeasible   = "feasible"
	StepImpossible = "impossible"
	StepLeast      = "least deviation"
	StepSize       = "size"
	StepPriority   = "priority "
	StepScore      = "score"
	StepSeed       = "seed "
	StepVerified   = "verified"
)

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
	// Done are the steps that an earlier run on the same input proved. With a
	// limit in work they are proved again, because what is left of the limit
	// decides the result.
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

// Select chooses a cohort. The result depends on nothing but people, criteria
// and seed: not on the order of people, not on the machine. Among equally
// good cohorts the seed decides by the rule that docs/selecting.md states.
//
// A context that ends gives the best cohort so far with Complete false, and no
// error. Bad input is InputErrors. Any other error is a fault of the engine or
// comes from Options.Proved.
func Select(ctx context.Context, people []matcher.Person, c matcher.Criteria, seed string, o Options) (*matcher.Outcome, error) {
	return selectWith(ctx, people, c, seed, o, func(id string) [3]int64 { return lots(seed, id) })
}

// selectWith is Select with the lots of the seed rule as a parameter, so that
// tests can make ties.
func selectWith(ctx context.Context, people []matcher.Person, c matcher.Criteria, seed string, o Options, lots func(id string) [3]int64) (*matcher.Outcome, error) {
	if err := checkInput(people, c, seed); err != nil {
		return nil, err
	}
	r := newRun(ctx, people, c, o, lots)
	if err := r.selectBest(); err != nil {
		return nil, err
	}
	return r.outcome(seed), nil
}

// Verdict is the answer to "can these rules be kept?".
type Verdict struct {
	Status matcher.Status // Feasible, Infeasible or Undecided
	// Complete is false when the context ended before the answer was whole.
	Complete bool
	// Witness is a cohort that keeps every rule that must hold; empty unless
	// Feasible.
	Witness []string
	Rules   []matcher.RuleCount // of the witness
	// Infeasibility is nil unless Status is Infeasible. Its Closest attains the
	// least total deviation and then the order of objectives up to the score:
	// a check has no seed.
	Infeasibility *matcher.Infeasibility
	Warnings      []Warning
}

// Check decides whether any cohort keeps the rules that must hold. It is meant
// for live editing: a few milliseconds for 500 people. What is asked of a verdict
// after that is for Examine.
func Check(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options) (*Verdict, error) {
	errs, warnings := Validate(people, c)
	if len(errs) > 0 {
		return nil, InputErrors(errs)
	}
	r := newRun(ctx, people, c, o, noLots)
	if err := r.check(); err != nil {
		return nil, err
	}
	v := &Verdict{Status: r.status, Infeasibility: r.infeasibility, Warnings: warnings}
	if r.status == matcher.Feasible {
		v.Witness, v.Rules = r.in.cohort(r.best), r.tally.rules
	}
	v.Complete = !r.canceled
	return v, nil
}
