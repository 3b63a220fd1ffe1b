package selection

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// A company rule asks nothing for a value that fewer than min people of the pool
// hold: nobody is shut out because they are alone. The floors that it sets for
// other values can fill the seats all the same (size 4, two counties of two, one
// person of a third). No rule that has to hold can rule that out, so it is told
// before anybody is drawn.

// Lone are people who hold a value that too few hold for company, and to whom
// company rules that must hold leave no chance although they would have one
// without these rules. It is proved.
type Lone struct {
	// Rows are the rules, ascending. Without any one of them the people could be
	// in or, if Joint, only without all of them.
	Rows   []int
	Joint  bool
	People []string // sorted
	// Short is by how many people these rules are missed at least, together, by a
	// cohort of the size that is possible that has one of them in and keeps whatever
	// else must hold; 0 if some cohort misses them by none, but is not among the
	// best; -1 if it is not known.
	Short int64
	// Lower is the largest smaller min that leaves one of them a seat; 0 if there is
	// none that may be suggested, or several rules.
	Lower int
	// Fixed: no change of the rules may be suggested.
	Fixed bool
}

// Message says it in a sentence, after the name of the first row, and what
// helps. Without People it does not tell how many they are.
func (l Lone) Message() string {
	rules, them := "this rule", "it"
	if len(l.Rows) > 1 {
		var others []string
		for _, row := range l.Rows[1:] {
			others = append(others, fmt.Sprint(row))
		}
		rules, them = "this rule and of "+strings.Join(others, ", "), "any one of them"
		if l.Joint {
			them = "all of them"
		}
	}
	who := "somebody who has"
	switch n := len(l.People); {
	case n == 1:
		who = "1 person who has"
	case n > 1:
		who = fmt.Sprintf("%d people who have", n)
	}
	text := fmt.Sprintf("the floors of %s leave no chance to %s too few others for company; without %s they could be chosen", rules, who, them)
	switch {
	case l.Fixed || l.Short < 0:
		return text
	case l.Short == 0:
		return text + ": allow a deviation of the targets"
	case l.Lower > 0:
		return fmt.Sprintf("%s: lower its min to %d, or make it a target (priority 1 to 9) and allow that a deviation of %d", text, l.Lower, l.Short)
	case len(l.Rows) > 1:
		return fmt.Sprintf("%s: make them targets (priority 1 to 9) and allow these a deviation of %d", text, l.Short)
	}
	return fmt.Sprintf("%s: make it a target (priority 1 to 9) and allow that a deviation of %d", text, l.Short)
}

// companyFloors are the company rules that must hold, by index, and the people
// who hold a value that is held too seldom for one of them.
func (r *run) companyFloors() (floors []int, alone map[string]bool) {
	excluded := wordSet(r.criteria.Exclude)
	alone = map[string]bool{}
	for i, rule := range r.criteria.Rules {
		if rule.Kind != matcher.Company || rule.Priority != matcher.Must {
			continue
		}
		floors = append(floors, i)
		held := r.counter().pools[i].perValue
		for _, p := range r.people {
			for _, v := range p.Values[rule.Property.Terms[0].Attribute] {
				if n := held[v]; n > 0 && n < rule.Min && !excluded[p.ID] {
					alone[p.ID] = true
				}
			}
		}
	}
	return floors, alone
}

// FindLone finds whom company rules shut out of all cohorts of the largest size,
// beside a verdict of Check on the same people and criteria. It is the part of
// Examine that is needed where a cohort is chosen without a lottery.
func FindLone(ctx context.Context, people []matcher.Person, c matcher.Criteria, v *Verdict, o Options) ([]Lone, error) {
	if err := checkInput(people, c, ""); err != nil || v.Status != matcher.Feasible {
		return nil, err
	}
	return newRun(ctx, people, c, o, func(string) [3]int64 { return [3]int64{} }).lone(v.Witness)
}

// loneBeside finds them in a run that shares only its work with this one.
func (r *run) loneBeside(witness []string) ([]Lone, error) {
	other := r.under(r.criteria)
	if other == nil {
		return nil, nil
	}
	defer r.charge(other)
	return other.lone(witness)
}

// lone finds them among the cohorts that keep what must hold and have the
// largest size. One that keeps it is known.
func (r *run) lone(witness []string) ([]Lone, error) {
	floors, alone := r.companyFloors()
	if len(alone) == 0 {
		return nil, nil
	}
	a, err := r.reachable(false)
	if a == nil || err != nil {
		return nil, err
	}
	if r.criteria.MinSize == r.criteria.Size || len(witness) == r.criteria.Size {
		a.note(witness)
	}
	out, err := a.outOf(alone)
	if err != nil {
		return nil, err
	}
	return r.shutOut(floors, out, false)
}

// loneOf finds them among those who are in none of the best cohorts.
func (r *run) loneOf(impossible []string) ([]Lone, error) {
	floors, alone := r.companyFloors()
	out := map[string]bool{}
	for _, id := range impossible {
		if alone[id] {
			out[id] = true
		}
	}
	return r.shutOut(floors, out, true)
}

// shutOut says of people who are in no cohort which company rules keep them
// out.
func (r *run) shutOut(floors []int, out map[string]bool, best bool) ([]Lone, error) {
	if len(out) == 0 {
		return nil, nil
	}
	free, err := r.can(withoutRules(r.criteria, floors), out, best)
	if err != nil || len(free) == 0 {
		return nil, err
	}
	by := map[string][]int{} // the rules, each of which is enough to leave out
	for _, i := range floors {
		could := free
		if len(floors) > 1 {
			if could, err = r.can(withoutRules(r.criteria, []int{i}), free, best); err != nil {
				return nil, err
			}
		}
		for id := range could {
			by[id] = append(by[id], i)
		}
	}
	var all []Lone
	at := map[string]int{}
	groups := [][]int{}
	for _, id := range slices.Sorted(maps.Keys(free)) {
		rules, joint := by[id], false
		if len(rules) == 0 {
			rules, joint = floors, true
		}
		key := fmt.Sprint(rules, joint)
		if _, ok := at[key]; !ok {
			l := Lone{Joint: joint}
			for _, i := range rules {
				l.Rows = append(l.Rows, r.criteria.Rules[i].Row)
				l.Fixed = l.Fixed || r.criteria.Rules[i].Fixed
			}
			slices.Sort(l.Rows)
			at[key] = len(all)
			all, groups = append(all, l), append(groups, rules)
		}
		l := &all[at[key]]
		l.People = append(l.People, id)
	}
	for k := range all {
		if err := r.remedy(&all[k], groups[k]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// remedy finds what would leave one of them a seat.
func (r *run) remedy(l *Lone, rules []int) (err error) {
	if l.Fixed {
		return nil
	}
	if l.Short, err = r.missed(rules, l.People); err != nil || l.Short <= 0 || len(rules) > 1 {
		return err
	}
	of := wordSet(l.People)
	rule := r.criteria.Rules[rules[0]]
	for lower := rule.Min - 1; lower >= max(1, rule.MinFlex); lower-- {
		c := r.criteria
		c.Rules = slices.Clone(c.Rules)
		c.Rules[rules[0]].Min = lower
		could, err := r.can(c, of, false)
		if err != nil {
			return err
		}
		if len(could) > 0 {
			l.Lower = lower
			return nil
		}
	}
	return nil
}

// missed is by how many people rules are missed at least, together, with one of
// these people in; -1 if it is not known.
func (r *run) missed(rules []int, people []string) (int64, error) {
	c := r.criteria
	c.MinSize, c.Rules, c.Scores, c.Allow = r.sizeBound, nil, nil, nil
	for i, rule := range r.criteria.Rules {
		switch {
		case slices.Contains(rules, i):
			rule.Priority, rule.Weight = 1, 1
		case rule.Priority != matcher.Must:
			continue
		}
		c.Rules = append(c.Rules, rule)
	}
	c.Links = append(slices.Clone(c.Links), matcher.Link{Kind: matcher.AtLeastOne, IDs: people})
	other := r.under(c)
	if other == nil {
		return -1, nil
	}
	defer r.charge(other)
	proved, err := other.settle()
	if err != nil || !proved {
		return -1, err
	}
	return other.bounds[1], nil
}

// can is who of these people is in a cohort under other criteria, as far as work
// and time suffice to find one.
func (r *run) can(c matcher.Criteria, of map[string]bool, best bool) (map[string]bool, error) {
	other := r.under(c)
	if other == nil {
		return nil, nil
	}
	defer r.charge(other)
	a, err := other.reachable(best)
	if a == nil || err != nil {
		return nil, err
	}
	if _, err := a.outOf(of); err != nil {
		return nil, err
	}
	can := map[string]bool{}
	for id := range of {
		if a.seen[id] {
			can[id] = true
		}
	}
	return can, nil
}

// under is a run under other criteria with the work that is left; nil if none
// is.
func (r *run) under(c matcher.Criteria) *run {
	var o Options
	if r.options.Work > 0 {
		if o.Work = r.options.Work - r.pivots; o.Work <= 0 {
			return nil
		}
	}
	return newRun(r.ctx, r.people, c, o, func(string) [3]int64 { return [3]int64{} })
}

func (r *run) charge(other *run) {
	r.pivots += other.pivots
	r.canceled = r.canceled || other.canceled
}

// reachable are the cohorts that keep what must hold and have the largest size
// or, with best, all that are as good as the best; nil if these are not known.
func (r *run) reachable(best bool) (*reach, error) {
	s := newStage()
	switch {
	case best:
		if proved, err := r.settle(); err != nil || !proved {
			return nil, err
		}
		s = r.settled
	case r.criteria.MinSize < r.criteria.Size:
		s.goal = largest
		found, err := r.solve(StepSize, &s)
		if err != nil || found.state != solved {
			return nil, err
		}
		s.size = int(found.value)
		r.sizeBound = s.size
	}
	s.goal = anyCohort
	a := &reach{r: r, program: r.in.program(&s), work: detailWork, seen: map[string]bool{}}
	if r.best != nil && s.kept(&r.tally) == nil {
		a.note(r.in.cohort(r.best))
	}
	return a, nil
}

func withoutRules(c matcher.Criteria, at []int) matcher.Criteria {
	var rest []matcher.Rule
	for i, rule := range c.Rules {
		if !slices.Contains(at, i) {
			rest = append(rest, rule)
		}
	}
	c.Rules = rest
	return c
}
