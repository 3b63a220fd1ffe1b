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
// person of a third). So it gives way: docs/decisions/0006-company.md.

// Yield is how company rules give way in a pool: one that must hold, or the
// targets of one priority.
type Yield struct {
	// Rows are the rules, ascending, and Priority theirs.
	Rows     []int
	Priority int
	// People are those for whom it does, sorted: they are alone, and would have no
	// chance.
	People []string
	// Relief is of a rule that must hold: each of People who is in a cohort lowers
	// every floor of it by so much, from 1 to its min.
	Relief int
	// Allow is of targets: what their priority may deviate from its optimum. If
	// Dropped no such allowance was found, and they ask for nothing.
	Allow   int64
	Dropped bool
}

// Message says it in a sentence, after the name of the first rule.
func (y Yield) Message() string {
	who := "somebody who is alone, and would have no chance" // withheld
	switch n := len(y.People); {
	case n == 1:
		who = "1 person who is alone, and would have no chance"
	case n > 1:
		who = fmt.Sprintf("%d people who are alone, and would have no chance", n)
	}
	with := ""
	if len(y.Rows) > 1 {
		with = " together with " + strings.Trim(strings.ReplaceAll(fmt.Sprint(y.Rows[1:]), " ", ", "), "[]")
	}
	how := fmt.Sprintf("with one of them in, every min of it is %d lower", y.Relief)
	switch {
	case y.Dropped:
		how = "it asks for nothing in this pool"
	case y.Priority != matcher.Must:
		how = fmt.Sprintf("a deviation of %d above the optimum is allowed at priority %d", y.Allow, y.Priority)
	}
	return fmt.Sprintf("gives way%s to %s: %s", with, who, how)
}

// Yielded is the criteria with company rules that give way.
func Yielded(c matcher.Criteria, yields []Yield) matcher.Criteria {
	c.Rules, c.Allow = slices.Clone(c.Rules), maps.Clone(c.Allow)
	for _, y := range yields {
		if y.Allow > 0 && !y.Dropped {
			if c.Allow == nil {
				c.Allow = map[int]int64{}
			}
			c.Allow[y.Priority] = y.Allow
		}
		for i := range c.Rules {
			r := &c.Rules[i]
			switch {
			case r.Kind != matcher.Company || r.Priority != y.Priority || !slices.Contains(y.Rows, r.Row):
			case y.Dropped:
				r.Min = 0
			case y.Relief > 0:
				r.Alone, r.Relief = y.People, y.Relief
			}
		}
	}
	return c
}

// YieldsOf are yields with the people to whom criteria give way that they are in.
func YieldsOf(yields []Yield, c matcher.Criteria) []Yield {
	yields = slices.Clone(yields)
	for i := range yields {
		y := &yields[i]
		for _, r := range c.Rules {
			if r.Kind == matcher.Company && r.Relief > 0 && slices.Contains(y.Rows, r.Row) {
				y.People = r.Alone
			}
		}
	}
	return yields
}

// GiveWay finds how company rules have to give way so that nobody loses their
// last chance by them who is alone. Alone is who holds a value of one of these
// rules that is held by somebody, and by fewer than min people of the pool; a
// chance has who is in a cohort that is as good as the best (see Lottery).
//
// Everybody who is alone and has a chance under the criteria without company
// rules has one under Yielded:
//
//   - A rule that must hold takes the smallest Relief that suffices, the earlier
//     rules before the later ones, which take all meanwhile, and without targets that
//     ask for company. There always is one: with a Relief of min a cohort with one
//     of the people is judged as if there were no such rule, and a set of cohorts in
//     which it is among the best leaves it there.
//   - Targets, priority by priority and without later ones, stay as they are or
//     else have the smallest Allow that suffices. If none of the first 32 does, they
//     ask for nothing.
//
// Criteria with a Relief gave way before: nothing more does.
//
// Options.Work is the limit of each search. Where the best cohorts are not proved
// within it nothing gives way: they have no lottery either. A search that runs out
// of work later counts as if somebody had no chance, so that more gives way than
// may be needed.
func GiveWay(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options) ([]Yield, error) {
	if err := checkInput(people, c, ""); err != nil {
		return nil, err
	}
	yields, _, err := newRun(ctx, people, c, o, noLots).giveWay()
	return yields, err
}

// mostAllowances is how many allowances of a priority are tried.
const mostAllowances = 32

func noLots(string) [3]int64 { return [3]int64{} }

// giveWay also says whether it is known: not if the best cohorts are not.
func (r *run) giveWay() (yields []Yield, known bool, err error) {
	alone := r.alone()
	gave := slices.ContainsFunc(r.criteria.Rules, func(rule matcher.Rule) bool { return rule.Relief > 0 })
	if len(alone) == 0 || gave {
		return nil, true, nil
	}
	if possible, known, err := r.possible(); err != nil || !possible {
		return nil, known, err
	}
	chance, _, known, err := r.chances(r.criteria, alone)
	if err != nil || !known || len(chance) == len(alone) {
		return nil, known, err
	}
	var must []Yield
	var later [matcher.MaxPriority + 1]*Yield // targets
	for _, rule := range r.criteria.Rules {
		switch g := rule.Priority; {
		case rule.Kind != matcher.Company:
		case g == matcher.Must:
			must = append(must, Yield{Rows: []int{rule.Row}, Relief: rule.Min})
		case later[g] == nil:
			later[g] = &Yield{Rows: []int{rule.Row}, Priority: g, Dropped: true}
		default:
			later[g].Rows = append(later[g].Rows, rule.Row)
		}
	}
	without := r.criteria
	without.Rules = slices.DeleteFunc(slices.Clone(without.Rules), func(rule matcher.Rule) bool { return rule.Kind == matcher.Company })
	_, never, _, err := r.chances(without, alone)
	if err != nil {
		return nil, false, err
	}
	free := wordSet(lacking(alone, never)) // as far as it is known
	lost := lacking(free, chance)
	if len(lost) == 0 {
		return nil, true, nil
	}
	given := func() []Yield {
		all := slices.Clone(must)
		for _, y := range later {
			if y != nil {
				all = append(all, *y)
			}
		}
		return slices.DeleteFunc(all, func(y Yield) bool { return y.Relief == 0 && y.Allow == 0 && !y.Dropped })
	}
	enough := func() (bool, error) {
		chance, _, _, err := r.chances(Yielded(r.criteria, given()), free)
		return len(chance) == len(free), err
	}
	// Cohorts with those who lost their chance can be so good that others who are
	// alone lose theirs. It ends: nobody is added twice.
	for len(must) > 0 {
		for i := range must {
			must[i].People = lost
		}
		chance, _, _, err := r.chances(Yielded(r.criteria, given()), free)
		if err != nil {
			return nil, false, err
		}
		more := slices.DeleteFunc(lacking(free, chance), func(id string) bool { return slices.Contains(lost, id) })
		if len(more) == 0 {
			break
		}
		lost = slices.Sorted(slices.Values(slices.Concat(lost, more)))
	}
	for i := range must {
		most := must[i].Relief
		for must[i].Relief = 0; must[i].Relief < most; must[i].Relief++ {
			if ok, err := enough(); err != nil {
				return nil, false, err
			} else if ok {
				break
			}
		}
	}
	for g, y := range later {
		if y == nil {
			continue
		}
		y.People, y.Dropped = lost, false
		ok, err := enough()
		step := r.step(g)
		for y.Allow = r.criteria.Allow[g]; err == nil && !ok && y.Allow < r.criteria.Allow[g]+mostAllowances*step; {
			y.Allow += step
			ok, err = enough()
		}
		if err != nil {
			return nil, false, err
		}
		switch {
		case !ok:
			y.Allow, y.Dropped = 0, true
		case y.Allow == r.criteria.Allow[g]:
			y.Allow = 0 // as it is
		}
	}
	yields = given()
	for i := range yields {
		slices.Sort(yields[i].Rows)
	}
	return yields, true, nil
}

// step is the least by which deviations of a priority can differ.
func (r *run) step(g int) int64 {
	common := int64(0)
	for _, rule := range r.criteria.Rules {
		if rule.Priority == g {
			common = gcd(common, int64(rule.Weight))
		}
	}
	return common
}

// lacking are those of all who are not in some, sorted.
func lacking(all, some map[string]bool) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if !some[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// alone are the people who hold a value that is held too seldom for a company
// rule.
func (r *run) alone() map[string]bool {
	excluded := wordSet(r.criteria.Exclude)
	alone := map[string]bool{}
	for i, rule := range r.criteria.Rules {
		if rule.Kind != matcher.Company {
			continue
		}
		held := r.counter().pools[i].perValue
		for _, p := range r.people {
			for _, v := range p.Values[rule.Property.Terms[0].Attribute] {
				if n := held[v]; n > 0 && n < rule.Min && !excluded[p.ID] {
					alone[p.ID] = true
				}
			}
		}
	}
	return alone
}

// possible is whether some cohort keeps what must hold. To settle would be to
// explain why there is none.
func (r *run) possible() (possible, known bool, err error) {
	s := newStage()
	found, err := newRun(r.ctx, r.people, r.criteria, Options{Work: r.options.Work}, noLots).peek(StepFeasible, &s)
	if err == nil && found.choice == nil {
		err = r.ctx.Err()
	}
	return found.choice != nil, found.choice != nil || found.state == none, err
}

// chances is who of these people is found to be in one of the best cohorts under
// other criteria, who is proved to be in none, and whether the best are known.
func (r *run) chances(c matcher.Criteria, of map[string]bool) (in, never map[string]bool, known bool, err error) {
	o := Options{Work: r.options.Work}
	if tell, before := r.options.Progress, r.pivots; tell != nil {
		o.Progress = func(p Progress) { tell(Progress{Step: p.Step, Pivots: before + p.Pivots}) }
	}
	other := newRun(r.ctx, r.people, c, o, noLots)
	defer func() { r.pivots += other.pivots }()
	a, err := other.reachable()
	if err == nil && a != nil {
		never, err = a.outOf(of)
	}
	switch {
	case err != nil:
		return nil, nil, false, err
	case r.ctx.Err() != nil:
		return nil, nil, false, r.ctx.Err() // how far it came depends on the machine
	case a == nil:
		return nil, nil, false, nil
	}
	maps.DeleteFunc(a.seen, func(id string, _ bool) bool { return !of[id] })
	return a.seen, never, true, nil
}

// reachable are the cohorts that are as good as the best; nil if these are not
// known.
func (r *run) reachable() (*reach, error) {
	if proved, err := r.settle(); err != nil || !proved {
		return nil, err
	}
	s := r.settled
	s.goal = anyCohort
	a := &reach{r: r, program: r.in.program(&s), work: detailWork, seen: map[string]bool{}}
	if r.best != nil && s.kept(&r.tally) == nil {
		a.note(r.in.cohort(r.best))
	}
	return a, nil
}
