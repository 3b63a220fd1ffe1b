package selection

import (
	"errors"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Audit recounts what an outcome says of its cohort, straight from the
// definitions of the rules and without any solver, before the outcome is relied
// on:
//
//   - everybody is in the pool and nobody in twice; size range, locks, caps and
//     links are kept (Conditions);
//   - the rules that must hold are kept or, of the closest cohort of an INFEASIBLE
//     outcome, off by the total that it says;
//   - Rules, Size, Deviation and Score are what is counted, one deviation for each
//     priority that has a rule;
//   - no value is better than its bound. OPTIMAL: size and score are their bounds,
//     and a deviation is above its own by no more than Criteria.Allow.
//
// That a bound is right it cannot see; that is what certificates are for. An
// outcome without a cohort has nothing to recount, unless it is OPTIMAL or
// FEASIBLE: then its cohort is empty and audited. Of a record that is sealed and
// not drawn yet, ask after the draw.
//
// An error is a fault of whoever made the outcome, never of the input. It names
// rows and attributes, and nobody.
func Audit(people []matcher.Person, c matcher.Criteria, o *matcher.Outcome) error {
	a := newAuditor(people, c)
	switch inf := o.Infeasibility; {
	case o.Status == matcher.Optimal || o.Status == matcher.Feasible:
		t, err := a.audit(o.Cohort)
		if err != nil {
			return err
		}
		return a.claims(o, &t)
	case len(o.Cohort) > 0:
		return fmt.Errorf("the outcome is %s and has a cohort", o.Status)
	case inf == nil || len(inf.Closest) == 0:
		return nil
	default:
		t, err := a.audit(inf.Closest)
		switch {
		case err != nil:
			return fmt.Errorf("the closest cohort: %w", err)
		case !slices.Equal(t.rules, inf.ClosestRules):
			return errors.New("the closest cohort does not count up to what the outcome says")
		case inf.LeastTotalDeviation == nil || *inf.LeastTotalDeviation != t.short:
			return fmt.Errorf("the closest cohort is off by %d, which is not the least total deviation", t.short)
		}
		return nil
	}
}

// Recount is Audit for an OPTIMAL or FEASIBLE outcome whose cohort was drawn
// just now: Rules, Size.Got and the values of Deviation and Score are put in as
// they are counted, whatever they were. The bounds stay what was proved.
func Recount(people []matcher.Person, c matcher.Criteria, o *matcher.Outcome) error {
	a := newAuditor(people, c)
	t, err := a.audit(o.Cohort)
	if err != nil {
		return err
	}
	o.Rules, o.Size.Got, o.Score.Value = t.rules, t.size, t.score
	o.Deviation = slices.Clone(o.Deviation) // records share it
	for i := range o.Deviation {
		d := &o.Deviation[i]
		if d.Priority > matcher.Must && d.Priority <= matcher.MaxPriority {
			d.Value = t.deviation[d.Priority]
		}
	}
	return a.claims(o, &t)
}

// Conditions checks a cohort against what can never be relaxed: everybody is in
// the pool and nobody in twice; size range, locks, caps and links. The error for
// one of the latter is *Broken: the first that does not hold.
func Conditions(people []matcher.Person, c matcher.Criteria, cohort []string) error {
	a := newAuditor(people, c)
	return a.conditions(cohort)
}

// claims compares what was counted of an outcome's cohort with what it says.
func (a *auditor) claims(o *matcher.Outcome, t *tally) error {
	c := &a.criteria
	if !slices.Equal(o.Rules, t.rules) {
		return errors.New("the cohort does not count up to what the outcome says")
	}
	for _, n := range t.rules {
		if n.Priority == matcher.Must && n.Short+n.Over > 0 {
			return fmt.Errorf("row %d has to hold and does not: short by %d, over by %d", n.Row, n.Short, n.Over)
		}
	}
	best := o.Status == matcher.Optimal
	switch s := o.Size; {
	case s.Wanted != c.Size || s.Got != t.size:
		return fmt.Errorf("the cohort has %d people of %d, the outcome says %d of %d", t.size, c.Size, s.Got, s.Wanted)
	case s.Got > s.Bound, best && s.Got != s.Bound:
		return fmt.Errorf("the cohort has %d people, not the %d that are possible", s.Got, s.Bound)
	}
	var has, says [matcher.MaxPriority + 1]bool
	for _, r := range c.Rules {
		has[r.Priority] = r.Priority != matcher.Must
	}
	before := matcher.Must
	for _, d := range o.Deviation {
		if d.Priority <= before || d.Priority > matcher.MaxPriority {
			return fmt.Errorf("the outcome has a deviation of priority %d out of place", d.Priority)
		}
		before = d.Priority
		says[d.Priority] = true
		if got := t.deviation[d.Priority]; d.Value != got {
			return fmt.Errorf("the deviation of priority %d is %d, the outcome says %d", d.Priority, got, d.Value)
		}
		if d.Value < d.Bound.Bound || best && d.Value > d.Bound.Bound+c.Allow[d.Priority] {
			return fmt.Errorf("the deviation of priority %d is %d, and the best is %d", d.Priority, d.Value, d.Bound.Bound)
		}
	}
	if has != says {
		return errors.New("the outcome does not have a deviation for each priority that has a rule")
	}
	switch s := o.Score; {
	case s.Value != t.score:
		return fmt.Errorf("the total score is %d, the outcome says %d", t.score, s.Value)
	case s.Value > s.Bound, best && s.Value != s.Bound:
		return fmt.Errorf("the total score is %d, and the best is %d", s.Value, s.Bound)
	}
	return nil
}

// Error says which condition is broken, without naming anybody.
func (b *Broken) Error() string {
	switch b.Kind {
	case BrokenSize:
		return fmt.Sprintf("%d people: the limit is %d", b.Count, b.Limit)
	case BrokenInclude:
		return "an included person is missing"
	case BrokenExclude:
		return "an excluded person is in"
	case BrokenCap:
		return fmt.Sprintf("%d people share one value of %q, at most %d may", b.Count, b.Attribute, b.Limit)
	}
	return fmt.Sprintf("a link of kind %s is broken", b.Kind)
}
