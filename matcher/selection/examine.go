package selection

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Details are what somebody who writes criteria asks after the verdict of a
// Check.
type Details struct {
	// Ranges are, in the order of the rules, what an allowed cohort can count;
	// nil unless the verdict is Feasible. Allowed is every cohort that keeps what
	// must hold, however far it is from the targets.
	Ranges []Range
	// Decliners are, by attribute that a rule names, those of the pool who have
	// no value for it; nil unless the verdict is Feasible.
	Decliners []Decliner
	// Yields are how company rules give way; nil unless the verdict is Feasible.
	// Ranges and Decliners are about the criteria Yielded.
	Yields []Yield
	// Infeasibility is that of the verdict with Conflict, Relaxations and Cut;
	// nil unless the verdict is Infeasible.
	Infeasibility *matcher.Infeasibility
	// Complete is false when the context ended first, or work before it was known
	// whether company rules give way.
	Complete bool
	Pivots   int64
}

// Range is what the allowed cohorts count for a rule (see matcher.RuleCount):
// Least and Most are counts that a cohort has. Proved: none has less, or more.
type Range struct {
	Row                     int
	Least, Most             int
	LeastProved, MostProved bool
	// Low and High are the bounds of the rule in the same terms: 0 and
	// math.MaxInt where it has none. Of a company rule it is met when every value
	// that carries it is: Low is their number.
	Low, High int
}

// Tightness is how much room a rule leaves.
type Tightness string

const (
	Never      Tightness = "NEVER"  // a target that no allowed cohort meets
	Tight      Tightness = "TIGHT"  // a bound that cohorts meet exactly, and never with room to spare
	Room       Tightness = "ROOM"   // some cohorts have room to spare
	Always     Tightness = "ALWAYS" // no allowed cohort misses it: the others see to it
	NotDecided Tightness = "NOT_DECIDED"
)

// Tightness is Always only for targets: whatever is allowed keeps the rules that
// must hold.
func (g Range) Tightness(priority int) Tightness {
	low, high := g.Low > 0, g.High < math.MaxInt
	switch {
	case low && g.MostProved && g.Most < g.Low, high && g.LeastProved && g.Least > g.High:
		return Never
	case priority != matcher.Must && (!low || g.LeastProved && g.Least >= g.Low) && (!high || g.MostProved && g.Most <= g.High):
		return Always
	case low && g.MostProved && g.Most == g.Low, high && g.LeastProved && g.Least == g.High:
		return Tight
	case low && g.Most <= g.Low, high && g.Least >= g.High:
		return NotDecided
	}
	return Room
}

// Decliner is the people of the pool who declined an attribute.
type Decliner struct {
	Attribute string
	People    int
	// Allowed is who can be in a cohort that keeps what must hold; Best, in one
	// that is as good as the best up to the score. Who cannot be in one of these
	// has chance 0 in every lottery.
	Allowed, Best Seats
}

// Seats says of how many people it is proved that a cohort has them, or that
// none has. The rest is not known.
type Seats struct {
	Can, Cannot int
}

// Limits of the details, in pivots of one search: more for what says how tight
// a rule is, and who can be in, than for the other end of a range.
const (
	detailWork = 20_000
	rangeWork  = 4_000
)

// Steps of the details, as Progress tells them.
const (
	StepRanges    = "ranges"
	StepDecliners = "decliners"
)

// Examine finds the details of a verdict of Check on the same people and
// criteria. It takes longer than the verdict and has a limit of its own.
func Examine(ctx context.Context, people []matcher.Person, c matcher.Criteria, v *Verdict, o Options) (*Details, error) {
	if err := checkInput(people, c, ""); err != nil {
		return nil, err
	}
	r := newRun(ctx, people, c, o, noLots)
	d := &Details{}
	var err error
	known := true // whether company rules give way
	switch v.Status {
	case matcher.Infeasible:
		inf := *v.Infeasibility
		inf.Conflict, inf.Relaxations, inf.Cut = nil, nil, nil
		r.infeasibility = &inf
		if inf.LeastTotalDeviation == nil && inf.Clash == nil {
			inf.Cut = []string{matcher.CutConflict, matcher.CutRelaxations} // not even the closest cohort is known
		} else {
			err = r.account(inf.Clash != nil)
		}
		d.Infeasibility = &inf
	case matcher.Feasible:
		if d.Yields, known, err = r.giveWay(); err != nil {
			break
		}
		if len(d.Yields) > 0 {
			spent := r.pivots
			r = newRun(ctx, people, Yielded(c, d.Yields), o, noLots)
			r.pivots = spent
		}
		err = r.examine(v.Witness, d)
	}
	if err != nil && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
		return nil, err
	}
	d.Complete, d.Pivots = err == nil && known && !r.canceled, r.pivots
	return d, nil
}

// reach are the cohorts of one stage and what is known of them.
type reach struct {
	r       *run
	program *program
	work    int64 // limit in pivots of one search
	ranges  []Range
	seen    map[string]bool // who is in one of the cohorts found
}

func (r *run) examine(witness []string, d *Details) error {
	s := newStage()
	allowed := &reach{r: r, program: r.in.program(&s), work: detailWork, seen: map[string]bool{}}
	for i, rule := range r.criteria.Rules {
		g := Range{Row: rule.Row, Least: math.MaxInt, Most: -1, High: math.MaxInt}
		switch rule.Kind {
		case matcher.Quota:
			g.Low, g.High = rule.Min, rule.Max
		case matcher.Company:
			g.Low = len(r.carried(i, rule.Min))
		case matcher.Spread:
			g.Low = rule.Min
		case matcher.Cap:
			g.High = rule.Max
		}
		if g.High >= r.criteria.Size {
			g.High = math.MaxInt // cannot bind
		}
		allowed.ranges = append(allowed.ranges, g)
	}
	allowed.note(witness)
	// The ends that say how tight a rule is come first, in case work or time run
	// out.
	for _, first := range []bool{true, false} {
		for i := range r.criteria.Rules {
			end := allowed.least
			if floor := allowed.ranges[i].Low > 0; floor == first {
				end = allowed.most
			}
			if err := end(i); err != nil {
				return err
			}
		}
		allowed.work = rangeWork
	}
	allowed.work = detailWork
	d.Ranges = allowed.ranges
	return r.decliners(allowed, d)
}

// note takes what a cohort counts and who is in it.
func (a *reach) note(cohort []string) {
	for i, n := range a.r.counter().count(cohort) {
		if a.ranges != nil {
			a.ranges[i].Least, a.ranges[i].Most = min(a.ranges[i].Least, n.Count), max(a.ranges[i].Most, n.Count)
		}
	}
	for _, id := range cohort {
		a.seen[id] = true
	}
}

// best looks for the cohort with the smallest cost, if that is smaller than below.
// It says whether it is proved that there is none better.
func (a *reach) best(p *ilp.Problem, below int64) (proved bool, err error) {
	return a.better(StepRanges, p, ilp.Options{Work: a.work, Below: &below})
}

// better takes note of the cohort that a search comes to.
func (a *reach) better(step string, p *ilp.Problem, o ilp.Options) (proved bool, err error) {
	sol, err := a.r.attempt(step, p, o)
	if err != nil || sol.X == nil {
		return sol.Status == ilp.Infeasible, err
	}
	choice := a.r.in.chosen(sol.X)
	if _, err := a.r.audit(choice); err != nil {
		return false, err
	}
	a.note(a.r.in.cohort(choice))
	return sol.Status == ilp.Optimal, nil
}

// most finds the upper end of the range of one rule.
func (a *reach) most(i int) (err error) {
	r, g := a.r, &a.ranges[i]
	rule, pool := &r.criteria.Rules[i], &r.counter().pools[i]
	bound := g.Low // of a company rule: all values that carry it
	switch rule.Kind {
	case matcher.Quota:
		bound = min(r.criteria.Size, pool.holders)
	case matcher.Spread:
		bound = min(len(pool.perValue), a.mostValues(rule))
	case matcher.Cap:
		return a.mostShared(i)
	}
	if g.MostProved = g.Most >= bound; g.MostProved {
		return nil
	}
	var p *ilp.Problem
	switch rule.Kind {
	case matcher.Quota:
		p = a.people(i, -1)
	case matcher.Spread:
		p = a.groups(i, 1, 1, -1)
	default:
		// Values held by fewer than the floor carry none.
		p = a.groups(i, rule.Min, rule.Min, -1)
	}
	g.MostProved, err = a.best(p, int64(-g.Most))
	return err
}

// least finds the lower end.
func (a *reach) least(i int) (err error) {
	r, g := a.r, &a.ranges[i]
	if g.LeastProved = g.Least == 0; g.LeastProved {
		return nil
	}
	var p *ilp.Problem
	switch rule := &r.criteria.Rules[i]; rule.Kind {
	case matcher.Quota:
		p = a.people(i, 1)
	case matcher.Spread:
		p = a.groups(i, 1, 1, 1)
	case matcher.Company:
		p = a.groups(i, rule.Min, rule.Min, 1)
	default:
		p = a.shared(i)
	}
	g.LeastProved, err = a.best(p, int64(g.Least))
	return err
}

// people is the program in which everybody whom a quota counts costs so much.
func (a *reach) people(rule int, cost int64) *ilp.Problem {
	p := a.bare()
	g := a.r.crowds(rule)[0]
	for k, j := range g.index {
		p.Cost[j] = cost * g.value[k]
	}
	return p
}

// mostValues is a bound on the distinct values of a cohort: what its people
// hold in all.
func (a *reach) mostValues(rule *matcher.Rule) int {
	var held []int
	for _, p := range a.r.people {
		held = append(held, len(perValue(rule.Property.Terms[0], []matcher.Person{p})))
	}
	slices.SortFunc(held, func(x, y int) int { return cmp.Compare(y, x) })
	sum := 0
	for _, n := range held[:min(len(held), a.r.criteria.Size)] {
		sum += n
	}
	return sum
}

// bare is the program without a goal.
func (a *reach) bare() *ilp.Problem {
	p := a.program.ilp
	p.Cost = make([]int64, len(p.Cost))
	return &p
}

// groups is the program with a column for each value that at least held people
// hold: 1 if the cohort has at least least of them. Each costs cost, and the
// sign says which side has to be kept to.
func (a *reach) groups(rule, held, least int, cost int64) *ilp.Problem {
	l := a.open()
	for _, g := range a.r.crowds(rule) {
		if g.held < held {
			continue
		}
		j := l.column(1, false)
		l.problem.Cost[j] = cost
		index, value := slices.Clone(g.index), slices.Clone(g.value)
		if cost < 0 {
			l.row(0, math.MaxInt64, append(index, j), append(value, -int64(least)))
			continue
		}
		beyond := int64(min(g.held, a.r.criteria.Size) - least + 1)
		if beyond > 0 {
			l.row(math.MinInt64, int64(least)-1, append(index, j), append(value, -beyond))
		}
	}
	return &l.problem
}

// open is a copy of the program that columns and rows can be added to.
func (a *reach) open() *loosening {
	p := *a.bare()
	p.Lower, p.Upper = slices.Clone(p.Lower), slices.Clone(p.Upper)
	p.Continuous, p.Rows = slices.Clone(p.Continuous), slices.Clone(p.Rows)
	return &loosening{problem: p}
}

// shared is the program whose cost is the largest number of people who share one
// value.
func (a *reach) shared(i int) *ilp.Problem {
	l := a.open()
	t := l.column(int64(a.r.criteria.Size), false)
	l.problem.Cost[t] = 1
	for _, g := range a.r.crowds(i) {
		l.row(math.MinInt64, 0, append(slices.Clone(g.index), t), append(slices.Clone(g.value), -1))
	}
	return &l.problem
}

// mostShared finds how many people at most share one value: value by value,
// those that most people hold first.
func (a *reach) mostShared(i int) error {
	g, groups := &a.ranges[i], slices.Clone(a.r.crowds(i))
	slices.SortStableFunc(groups, func(x, y crowd) int { return cmp.Compare(y.held, x.held) })
	g.MostProved = true
	for _, of := range groups {
		if min(of.held, a.r.criteria.Size) <= g.Most {
			break // no value after this one is shared by more
		}
		p := a.bare()
		for k, j := range of.index {
			p.Cost[j] = -of.value[k]
		}
		proved, err := a.best(p, int64(-g.Most))
		if err != nil {
			return err
		}
		g.MostProved = g.MostProved && proved
	}
	return nil
}

// decliners finds who of them can be in a cohort.
func (r *run) decliners(allowed *reach, d *Details) error {
	attributes := map[string]bool{}
	for _, rule := range r.criteria.Rules {
		for _, t := range rule.Property.Terms {
			attributes[t.Attribute] = true
		}
	}
	excluded := wordSet(r.criteria.Exclude)
	declined := map[string][]string{} // ids by attribute
	anybody := map[string]bool{}
	for _, p := range r.people {
		for attribute := range attributes {
			if len(p.Values[attribute]) == 0 && !excluded[p.ID] {
				declined[attribute] = append(declined[attribute], p.ID)
				anybody[p.ID] = true
			}
		}
	}
	out, err := allowed.outOf(anybody)
	if err != nil {
		return err
	}
	// Who is in no allowed cohort is in none of the best ones either.
	rest := map[string]bool{}
	for id := range anybody {
		if !out[id] {
			rest[id] = true
		}
	}
	best := &reach{} // nobody is known to be in one
	var never map[string]bool
	if len(rest) > 0 {
		known, err := r.reachable()
		if err != nil {
			return err
		}
		if known != nil {
			best = known
			if never, err = best.outOf(rest); err != nil {
				return err
			}
		}
	}
	names := make([]string, 0, len(attributes))
	for attribute := range attributes {
		names = append(names, attribute)
	}
	slices.Sort(names)
	for _, attribute := range names {
		n := Decliner{Attribute: attribute, People: len(declined[attribute])}
		for _, id := range declined[attribute] {
			switch {
			case allowed.seen[id] || best.seen[id]:
				n.Allowed.Can++
			case out[id]:
				n.Allowed.Cannot++
			}
			switch {
			case best.seen[id]:
				n.Best.Can++
			case out[id] || never[id]:
				n.Best.Cannot++
			}
		}
		d.Decliners = append(d.Decliners, n)
	}
	return nil
}

// outOf is who of these people is proved to be in no cohort. The program asks
// for as many as it can of those who were not seen yet: if it finds none of
// them, there is no cohort with any of them.
func (a *reach) outOf(people map[string]bool) (map[string]bool, error) {
	for {
		p := a.bare()
		unseen := map[string]bool{}
		for id := range people {
			if !a.seen[id] {
				unseen[id] = true
			}
		}
		asked := false
		for k, b := range a.r.in.blocks {
			for _, id := range b.ids {
				if unseen[id] {
					p.Cost[k]--
					asked = true
				}
			}
		}
		none, before := !asked, len(a.seen)
		if asked {
			var err error
			// The first one that has any of them will do: it has many.
			some := int64(-1)
			if none, err = a.better(StepDecliners, p, ilp.Options{Work: a.work, Below: new(int64), Enough: &some}); err != nil {
				return nil, err
			}
		}
		switch {
		case len(a.seen) > before:
		case none:
			return unseen, nil
		default:
			return nil, nil // work or time ran out
		}
	}
}
