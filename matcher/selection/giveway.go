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

// Yield is how company rules of one priority give way in a pool, because with
// them people who are alone would lose their last chance. The rules then count
// by themselves, right after the other rules of their priority, and may be
// missed by Allow above what is best there.
type Yield struct {
	// Rows are the rules, ascending; Priority is what the criteria give them.
	Rows     []int
	Priority int
	// Allow is the smallest deviation, with their weights divided by what these have
	// in common, that leaves everybody who is alone a chance whom the criteria leave
	// one without company rules; above 32 the smallest 32·2^k.
	Allow int64
	// Dropped: the rules ask for nothing, as no priority was left to give them.
	Dropped bool `json:",omitempty"`
	// People are those who would have had no chance, sorted.
	People []string `json:",omitempty"`
}

// Message says it in a sentence, after the name of the first row. Without People
// it does not tell how many they are.
func (y Yield) Message() string {
	rules := "gives way"
	if len(y.Rows) > 1 {
		rules = "gives way together with " + strings.Trim(strings.ReplaceAll(fmt.Sprint(y.Rows[1:]), " ", ", "), "[]")
	}
	who := "somebody who has"
	switch n := len(y.People); {
	case n == 1:
		who = "1 person who has"
	case n > 1:
		who = fmt.Sprintf("%d people who have", n)
	}
	here := fmt.Sprintf("is a target by itself, with a deviation of %d allowed", y.Allow)
	if y.Dropped {
		here = "asks for nothing"
	}
	return fmt.Sprintf("%s in this pool: its floors would leave no chance to %s too few others for company, so it %s", rules, who, here)
}

// Yielded is the criteria with company rules that give way. They become targets
// of a priority of their own; where others have its number, these move up by one.
// Where all priorities are taken the rules stay what they are, with a min of 0.
func Yielded(c matcher.Criteria, yields []Yield) matcher.Criteria {
	c.Rules, c.Allow = slices.Clone(c.Rules), maps.Clone(c.Allow)
	for _, y := range yields {
		gives := func(r *matcher.Rule) bool { return r.Kind == matcher.Company && slices.Contains(y.Rows, r.Row) }
		at, common := 0, 0
		for i := range c.Rules {
			if r := &c.Rules[i]; gives(r) {
				at, common = r.Priority, divisor(common, max(1, r.Weight))
			}
		}
		if common == 0 {
			continue
		}
		shared := slices.ContainsFunc(c.Rules, func(r matcher.Rule) bool { return r.Priority == at && !gives(&r) })
		room := true
		if shared || at == matcher.Must {
			at++
			room = makeRoom(&c, at)
		}
		for i := range c.Rules {
			switch r := &c.Rules[i]; {
			case !gives(r):
			case room:
				r.Priority, r.Weight = at, max(1, r.Weight)/common
			default:
				r.Min = 0
			}
		}
		if !room {
			continue
		}
		if c.Allow == nil {
			c.Allow = map[int]int64{}
		}
		c.Allow[at] = y.Allow
	}
	return c
}

// priorityBefore is, by priority of the yielded criteria, what it was in c; 0 of
// one that company rules have got, and did not have, for themselves.
func priorityBefore(c, yielded matcher.Criteria) (before [matcher.MaxPriority + 1]int) {
	shared := map[int]bool{} // by rules that ask for no company
	for i, r := range c.Rules {
		if r.Kind != matcher.Company {
			shared[r.Priority] = true
			before[yielded.Rules[i].Priority] = r.Priority
		}
	}
	for i, r := range c.Rules {
		if r.Kind == matcher.Company && !shared[r.Priority] {
			before[yielded.Rules[i].Priority] = r.Priority
		}
	}
	return before
}

func divisor(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// makeRoom moves priorities up, as few as it takes that none has the number at.
func makeRoom(c *matcher.Criteria, at int) bool {
	var used [matcher.MaxPriority + 2]bool
	for _, r := range c.Rules {
		used[r.Priority] = true
	}
	gap := at
	for gap <= matcher.MaxPriority && used[gap] {
		gap++
	}
	if gap > matcher.MaxPriority {
		return false
	}
	for i := range c.Rules {
		if g := c.Rules[i].Priority; at <= g && g < gap {
			c.Rules[i].Priority++
		}
	}
	for g := gap; g >= at; g-- {
		delete(c.Allow, g)
		if allowed, ok := c.Allow[g-1]; ok && g > at {
			c.Allow[g] = allowed
		}
	}
	return true
}

// GiveWay finds how company rules have to give way so that nobody loses their
// last chance by them who is alone. Alone is who holds a value of one of these
// rules that is held by somebody, and by fewer than min people of the pool; a
// chance has who is in a cohort that is as good as the best (see Lottery).
//
// Everybody who is alone and has a chance under the criteria without company
// rules has one under Yielded. More important rules give way less: for each
// priority in turn the rules stay as they are if that can be, with those of
// later priorities left out; else they take the smallest Allow. There always is
// one, as rules that may be missed by anything are none.
//
// Where no cohort keeps what must hold, or the best are not found within
// Options.Work, nothing gives way. A search that runs out of work counts as if
// somebody had no chance: then more may give way than has to.
func GiveWay(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options) ([]Yield, error) {
	if err := checkInput(people, c, ""); err != nil {
		return nil, err
	}
	o.Done, o.Proved = nil, nil
	return newRun(ctx, people, c, o, func(string) [3]int64 { return [3]int64{} }).giveWay()
}

// StepCompany is what Progress tells of while it is found how company rules give
// way.
const StepCompany = "company"

func (r *run) giveWay() (yields []Yield, err error) {
	alone := r.alone()
	if len(alone) == 0 {
		return nil, nil
	}
	chance, err := r.chances(r.criteria, alone)
	if chance == nil || err != nil || len(chance) == len(alone) {
		return nil, err
	}
	of := r.companyRules()
	free, err := r.chances(withoutRules(r.criteria, slices.Concat(of[:]...)), alone)
	if err != nil {
		return nil, err
	}
	var lost []string
	for id := range free {
		if !chance[id] {
			lost = append(lost, id)
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	slices.Sort(lost)
	for g, rules := range of {
		if len(rules) == 0 {
			continue
		}
		c := withoutRules(r.criteria, slices.Concat(of[g+1:]...))
		enough := func(with ...Yield) (bool, error) {
			chance, err := r.chances(Yielded(c, slices.Concat(yields, with)), free)
			return len(chance) == len(free), err
		}
		if ok, err := enough(); err != nil || ok {
			if err != nil {
				return nil, err
			}
			continue
		}
		y, common := Yield{Priority: g, People: lost}, 0
		for _, i := range rules {
			y.Rows = append(y.Rows, r.criteria.Rules[i].Row)
			common = divisor(common, max(1, r.criteria.Rules[i].Weight))
		}
		slices.Sort(y.Rows)
		shared := slices.ContainsFunc(c.Rules, func(rule matcher.Rule) bool { return rule.Priority == g && rule.Kind != matcher.Company })
		switch {
		case g == matcher.Must && r.criteria.MinSize == r.criteria.Size:
			y.Allow = 1 // none is what must hold
		case g != matcher.Must && !shared:
			y.Allow = c.Allow[g]/int64(common) + 1 // that much has just been tried
		}
		for most := r.mostMissed(rules); y.Allow < most; y.Allow = more(y.Allow) {
			if ok, err := enough(y); err != nil {
				return nil, err
			} else if ok {
				break
			}
		}
		yields = append(yields, y)
	}
	left := Yielded(r.criteria, yields).Rules
	for k := range yields {
		y := &yields[k]
		y.Dropped = slices.ContainsFunc(left, func(rule matcher.Rule) bool {
			return rule.Kind == matcher.Company && rule.Min == 0 && slices.Contains(y.Rows, rule.Row)
		})
	}
	return yields, nil
}

func more(allow int64) int64 {
	if allow < 32 {
		return allow + 1
	}
	return 2 * allow
}

// companyRules are the rules of kind company by priority, as indexes.
func (r *run) companyRules() (of [matcher.MaxPriority + 1][]int) {
	for i, rule := range r.criteria.Rules {
		if rule.Kind == matcher.Company {
			of[rule.Priority] = append(of[rule.Priority], i)
		}
	}
	return of
}

// mostMissed is an allowance that some rules of kind company cannot exceed.
func (r *run) mostMissed(rules []int) (sum int64) {
	for _, i := range rules {
		rule := &r.criteria.Rules[i]
		sum += int64(len(r.carried(i, rule.Min))) * int64(rule.Min) * int64(max(1, rule.Weight))
	}
	return sum
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

// chances is who of these people is in one of the best cohorts under other
// criteria, as far as work suffices to find one; nil if the best are not known.
func (r *run) chances(c matcher.Criteria, of map[string]bool) (map[string]bool, error) {
	o := Options{}
	if r.options.Work > 0 {
		if o.Work = r.options.Work - r.pivots; o.Work <= 0 {
			return nil, nil
		}
	}
	if tell, before := r.options.Progress, r.pivots; tell != nil {
		o.Progress = func(p Progress) { tell(Progress{Step: StepCompany, Pivots: before + p.Pivots}) }
	}
	other := newRun(r.ctx, r.people, c, o, func(string) [3]int64 { return [3]int64{} })
	defer func() { r.pivots += other.pivots }()
	first := newStage()
	found, err := other.solve(StepFeasible, &first)
	switch {
	case err != nil:
		return nil, err
	case found.choice == nil:
		return nil, r.ctx.Err() // to settle would be to explain why there is none
	}
	a, err := other.reachable()
	if err == nil && a != nil {
		_, err = a.outOf(of)
	}
	switch {
	case err != nil:
		return nil, err
	case r.ctx.Err() != nil:
		return nil, r.ctx.Err() // how far it came depends on the machine
	case a == nil:
		return nil, nil
	}
	seen := map[string]bool{}
	for id := range of {
		if a.seen[id] {
			seen[id] = true
		}
	}
	return seen, nil
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
