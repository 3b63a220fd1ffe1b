package selection

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Limits of the search for a conflict. What it names cannot hold together in
// any case; above the limits it may be larger than it need be.
const (
	mostTrials   = 400
	trialWork    = 20_000  // pivots of one trial
	conflictWork = 400_000 // pivots of all
)

// Steps of explaining why there is no cohort, as Progress tells them.
const (
	StepConflict    = "conflict"
	StepRelaxations = "relaxations"
)

// condition is one condition that has to hold, as a change to otherwise empty
// criteria and as a question to a cohort.
type condition struct {
	matcher.Condition
	sort  string // of locks and links, of which there may be many; "" of others
	rule  int    // of a side of a rule: its index; −1 otherwise
	add   func(*matcher.Criteria)
	holds func(*example) bool
}

// example is a cohort that was found on the way, counted without any solver.
type example struct {
	in     map[string]bool
	people []matcher.Person
	counts []matcher.RuleCount
}

// conflict finds a set of conditions that cannot hold together, none of which
// could be left out, in a list that is known to be impossible: a deletion
// filter, which tries to leave out large parts first and, within them, what
// stands first. It says whether nothing cut it off. The halves leave out most of
// a long list in a few trials, so that it need not start from the duals of the
// linear program, which would choose for it what stays.
//
// Leaving a condition out only ever adds cohorts: the values that carry a
// company rule stay those of the pool with all exclusions. So what could not be
// left out once cannot be later, and one pass over single conditions is enough.
func (r *run) conflict(all []condition) (members []condition, minimal bool, err error) {
	minimal = true
	before, trials := r.pivots, 0
	var known [][]bool // by cohort found: the conditions that it breaks
	impossible := func(some []int) (bool, error) {
		for _, broken := range known {
			if !slices.ContainsFunc(some, func(k int) bool { return broken[k] }) {
				return false, nil
			}
		}
		if trials++; trials > mostTrials || r.pivots-before > conflictWork {
			minimal = false
			return false, nil
		}
		status, broken, err := r.trial(all, some)
		if broken != nil {
			known = append(known, broken)
		}
		minimal = minimal && (broken != nil || status == ilp.Infeasible)
		return status == ilp.Infeasible, err
	}
	rest := make([]int, len(all))
	for k := range rest {
		rest[k] = k
	}
	for chunk := max(1, len(rest)/2); ; chunk /= 2 {
		for at := 0; at < len(rest); {
			fewer := slices.Concat(rest[:at], rest[min(at+chunk, len(rest)):])
			without, err := impossible(fewer)
			if err != nil {
				return nil, false, err
			}
			if without {
				rest = fewer
			} else {
				at += chunk
			}
		}
		if chunk <= 1 {
			break
		}
	}
	for _, k := range rest {
		members = append(members, all[k])
	}
	return members, minimal, nil
}

// trial looks for a cohort that some of the conditions allow, whatever the
// others say. It says which of all of them the cohort breaks; nil if there is
// none, or none was found.
func (r *run) trial(all []condition, some []int) (ilp.Status, []bool, error) {
	c := matcher.Criteria{Size: len(r.people)}
	for _, k := range some {
		all[k].add(&c)
	}
	in := newInstance(r.people, c, noLots)
	s := newStage()
	p := in.program(&s)
	sol, err := r.attempt(StepConflict, &p.ilp, ilp.Options{Work: trialWork})
	if err != nil || sol.X == nil {
		return sol.Status, nil, err
	}
	e := r.example(in.cohort(in.chosen(sol.X)))
	broken := make([]bool, len(all))
	for k, c := range all {
		broken[k] = !c.holds(e)
	}
	if slices.ContainsFunc(some, func(k int) bool { return broken[k] }) {
		return ilp.Unknown, nil, fmt.Errorf("selection: step %q: the solver's cohort does not keep what it has to", StepConflict)
	}
	return sol.Status, broken, nil
}

// attempt solves a problem of its own within what is left of the work.
func (r *run) attempt(step string, p *ilp.Problem, o ilp.Options) (ilp.Solution, error) {
	unknown := ilp.Solution{Status: ilp.Unknown}
	if r.ctx.Err() != nil {
		r.canceled = true
		return unknown, nil
	}
	if r.options.Work > 0 {
		left := r.options.Work - r.pivots
		if left <= 0 {
			return unknown, nil
		}
		if o.Work == 0 || left < o.Work {
			o.Work = left
		}
	}
	if r.options.Progress != nil {
		before := r.pivots
		o.Progress = func(_ int64, _ bool, _ int64, pivots int64) {
			r.options.Progress(Progress{Step: step, Done: r.steps, Pivots: before + pivots})
		}
		r.options.Progress(Progress{Step: step, Done: r.steps, Pivots: before})
	}
	sol, err := ilp.Solve(r.ctx, p, o)
	if err != nil {
		return unknown, fmt.Errorf("selection: step %q: %w", step, err)
	}
	r.pivots += sol.Pivots
	r.canceled = r.canceled || sol.Canceled
	return sol, nil
}

// chosen is the choice of blocks of a point.
func (in *instance) chosen(x []int64) []bool {
	choice := make([]bool, len(in.blocks))
	for k := range choice {
		choice[k] = x[k] != 0
	}
	return choice
}

func (r *run) example(cohort []string) *example {
	return &example{in: wordSet(cohort), people: r.counter().chosen(cohort), counts: r.counter().count(cohort)}
}

// conditions are all of them, in the order in which the filter tries to leave
// them out: it keeps what stands at the end, as far as there is a choice. Last
// come the size, which nobody is surprised by, and the rules that somebody may
// relax, those about one group of people after those about all values. Each
// sort is in an order of its own, so that the conflict does not depend on the
// order of the input.
func (r *run) conditions() []condition {
	locks := hardConditions(r.criteria, len(r.people))
	var fixed, free []condition
	for _, c := range r.ruleConditions() {
		if r.room(side{c.rule, c.Bound}) > 0 {
			free = append(free, c)
		} else {
			fixed = append(fixed, c)
		}
	}
	// The size comes last, exclusions and links first.
	early := slices.IndexFunc(locks, func(c condition) bool { return c.sort == matcher.LockInclude || c.sort == "" })
	return slices.Concat(locks[:early], fixed, locks[early:len(locks)-2], free, locks[len(locks)-2:])
}

// ruleConditions are the sides that can bind of the rules that must hold.
func (r *run) ruleConditions() []condition {
	var all []condition
	for i, rule := range r.criteria.Rules {
		if rule.Priority != matcher.Must {
			continue
		}
		if rule.Kind != matcher.Cap && rule.Min > 0 {
			parts := []matcher.Rule{{Kind: rule.Kind, Property: rule.Property, Min: rule.Min, Max: MaxBound}}
			if rule.Kind == matcher.Company {
				parts = r.floors(i)
			}
			if len(parts) > 0 {
				all = append(all, condition{
					Condition: matcher.Condition{Row: rule.Row, Bound: matcher.BoundMin}, rule: i,
					add:   func(t *matcher.Criteria) { t.Rules = append(t.Rules, parts...) },
					holds: func(e *example) bool { return e.counts[i].Short == 0 },
				})
			}
		}
		// An empty max means the size: it is no condition of its own.
		if (rule.Kind == matcher.Quota || rule.Kind == matcher.Cap) && rule.Max < r.criteria.Size {
			part := matcher.Rule{Kind: rule.Kind, Property: rule.Property, Max: rule.Max}
			all = append(all, condition{
				Condition: matcher.Condition{Row: rule.Row, Bound: matcher.BoundMax}, rule: i,
				add:   func(t *matcher.Criteria) { t.Rules = append(t.Rules, part) },
				holds: func(e *example) bool { return e.counts[i].Over == 0 },
			})
		}
	}
	rank := [...]int{matcher.Spread: 0, matcher.Company: 1, matcher.Cap: 2, matcher.Quota: 3}
	slices.SortStableFunc(all, func(a, b condition) int {
		x, y := &r.criteria.Rules[a.rule], &r.criteria.Rules[b.rule]
		return cmp.Or(
			cmp.Compare(rank[x.Kind], rank[y.Kind]), cmp.Compare(y.Row, x.Row),
			strings.Compare(a.Bound, b.Bound), cmp.Compare(x.Min, y.Min), cmp.Compare(x.Max, y.Max),
		)
	})
	return all
}

// floors are a company rule with the values that carry it in this pool; a pool
// without the exclusions could have more.
func (r *run) floors(rule int) []matcher.Rule {
	of := r.criteria.Rules[rule]
	values := r.carried(rule, of.Min)
	if len(values) == 0 {
		return nil
	}
	property := matcher.Property{Terms: []matcher.Term{{Attribute: of.Property.Terms[0].Attribute, Values: values}}}
	return []matcher.Rule{{Kind: matcher.Company, Property: property, Min: of.Min, Max: MaxBound, Alone: of.Alone, Relief: of.Relief}}
}

// carried lists, sorted, the values of a rule of kind company, spread or cap
// that at least so many people hold, after exclusions.
func (r *run) carried(rule, least int) []string {
	var values []string
	for v, held := range r.counter().pools[rule].perValue {
		if held >= least {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// hardConditions lists the conditions that are no rules: exclusions, links,
// inclusions, caps, and at the end the largest and the smallest size.
func hardConditions(c matcher.Criteria, pool int) []condition {
	var all []condition
	add := func(some []condition) {
		slices.SortStableFunc(some, func(a, b condition) int { return strings.Compare(a.Bound, b.Bound) })
		all = append(all, some...)
	}
	one := func(sort, words string, change func(*matcher.Criteria), holds func(*example) bool) condition {
		return condition{Condition: matcher.Condition{Bound: words}, sort: sort, rule: -1, add: change, holds: holds}
	}
	var exclusions, links, inclusions, caps []condition
	for _, id := range c.Exclude {
		exclusions = append(exclusions, one(matcher.LockExclude, matcher.LockCondition(matcher.LockExclude, id).Bound,
			func(t *matcher.Criteria) { t.Exclude = append(t.Exclude, id) },
			func(e *example) bool { return !e.in[id] }))
	}
	for _, l := range c.Links {
		ids := slices.Clone(l.IDs)
		slices.Sort(ids)
		sort := l.Kind.String()
		if l.Kind == matcher.AtLeastOne {
			sort = "at least one of"
		}
		links = append(links, one(sort, sort+" "+strings.Join(ids, ", "),
			func(t *matcher.Criteria) { t.Links = append(t.Links, l) },
			func(e *example) bool { return kept(l, e.in) }))
	}
	for _, id := range c.Include {
		inclusions = append(inclusions, one(matcher.LockInclude, matcher.LockCondition(matcher.LockInclude, id).Bound,
			func(t *matcher.Criteria) { t.Include = append(t.Include, id) },
			func(e *example) bool { return e.in[id] }))
	}
	for _, limit := range c.Caps {
		caps = append(caps, one("", fmt.Sprintf("at most %d per %s", limit.Max, limit.Attribute),
			func(t *matcher.Criteria) { t.Caps = append(t.Caps, limit) },
			func(e *example) bool {
				for _, held := range perValue(matcher.Term{Attribute: limit.Attribute, Wildcard: true}, e.people) {
					if held > limit.Max {
						return false
					}
				}
				return true
			}))
	}
	add(exclusions)
	add(links)
	add(inclusions)
	add(caps)
	return append(all,
		one("", fmt.Sprintf("size at most %d", c.Size),
			func(t *matcher.Criteria) { t.Size = min(pool, c.Size) },
			func(e *example) bool { return len(e.in) <= c.Size }),
		one("", fmt.Sprintf("size at least %d", c.MinSize),
			func(t *matcher.Criteria) { t.MinSize = c.MinSize },
			func(e *example) bool { return len(e.in) >= c.MinSize }))
}

// kept is whether a cohort keeps a link.
func kept(l matcher.Link, in map[string]bool) bool {
	n, all := 0, distinct(l.IDs)
	for _, id := range all {
		if in[id] {
			n++
		}
	}
	switch l.Kind {
	case matcher.Apart:
		return n <= 1
	case matcher.Together:
		return n == 0 || n == len(all)
	default:
		return n > 0
	}
}

// named are the members of a conflict as people read them: what is no rule
// first, then the sides of rules by row. Where there are many of one sort of
// locks or links, one line says how many: nobody can read them all, nor need
// they.
func named(members, all []condition, pool int) []matcher.Condition {
	count := func(list []condition) map[string]int {
		n := map[string]int{}
		for _, k := range list {
			n[k.sort]++
		}
		return n
	}
	meant, given := count(members), count(all)
	few := func(sort string) int {
		if sort == matcher.LockExclude {
			return 3 // too few people are left, whoever they are
		}
		return 10
	}
	var conditions, sides []matcher.Condition
	summed := map[string]bool{}
	for _, k := range members {
		switch {
		case k.rule >= 0:
			sides = append(sides, k.Condition)
			continue
		case k.sort == "" || meant[k.sort] <= few(k.sort):
			conditions = append(conditions, k.Condition)
		case summed[k.sort]:
		case k.sort == matcher.LockExclude:
			conditions = append(conditions, matcher.Condition{Bound: fmt.Sprintf("exclude %d of %d people", meant[k.sort], pool)})
		default:
			conditions = append(conditions, matcher.Condition{Bound: fmt.Sprintf("%s: %d of the %d given", k.sort, meant[k.sort], given[k.sort])})
		}
		summed[k.sort] = true
	}
	slices.SortStableFunc(sides, func(a, b matcher.Condition) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), strings.Compare(b.Bound, a.Bound)) // MIN before MAX
	})
	return append(conditions, sides...)
}
