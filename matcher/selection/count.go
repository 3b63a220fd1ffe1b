package selection

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Count counts a cohort against the rules in integers, straight from their
// definitions and without any solver. Ids that the pool lacks are ignored.
func Count(people []matcher.Person, c matcher.Criteria, cohort []string) []matcher.RuleCount {
	return newAuditor(people, c).count(cohort)
}

// auditor counts cohorts of one pool and checks them. It shares no code with
// the model that the solver works on.
type auditor struct {
	people   []matcher.Person
	criteria matcher.Criteria
	at       map[string]int // person by id
	pools    []poolCount    // by rule
}

// poolCount is what the pool, after exclusions, holds of a rule.
type poolCount struct {
	holders  int            // of a quota
	perValue map[string]int // of the other kinds
}

func newAuditor(people []matcher.Person, c matcher.Criteria) *auditor {
	a := &auditor{people: people, criteria: c, at: make(map[string]int, len(people))}
	out := wordSet(c.Exclude)
	var rest []matcher.Person
	for i, p := range people {
		a.at[p.ID] = i
		if !out[p.ID] {
			rest = append(rest, p)
		}
	}
	for _, r := range c.Rules {
		if r.Kind == matcher.Quota {
			a.pools = append(a.pools, poolCount{holders: holders(r.Property, rest)})
		} else {
			a.pools = append(a.pools, poolCount{perValue: perValue(r.Property.Terms[0], rest)})
		}
	}
	return a
}

// chosen lists the people of a cohort in the order of the pool.
func (a *auditor) chosen(cohort []string) []matcher.Person {
	at := make([]int, 0, len(cohort))
	for _, id := range cohort {
		if i, ok := a.at[id]; ok {
			at = append(at, i)
		}
	}
	slices.Sort(at)
	var list []matcher.Person
	for _, i := range slices.Compact(at) {
		list = append(list, a.people[i])
	}
	return list
}

func (a *auditor) count(cohort []string) []matcher.RuleCount {
	chosen := a.chosen(cohort)
	counts := make([]matcher.RuleCount, 0, len(a.criteria.Rules))
	for i, r := range a.criteria.Rules {
		counts = append(counts, countRule(r, &a.pools[i], chosen))
	}
	return counts
}

func countRule(r matcher.Rule, pool *poolCount, chosen []matcher.Person) matcher.RuleCount {
	n := matcher.RuleCount{
		Row: r.Row, Feature: r.Feature, Value: r.Value,
		Kind: r.Kind, Min: r.Min, Max: r.Max, Priority: r.Priority,
	}
	if r.Kind == matcher.Quota {
		n.Pool = pool.holders
		n.Count = holders(r.Property, chosen)
		n.Short = max(0, r.Min-n.Count)
		n.Over = max(0, n.Count-r.Max)
		return n
	}
	term := r.Property.Terms[0]
	inPool, inCohort := pool.perValue, perValue(term, chosen)
	switch r.Kind {
	case matcher.Company:
		relief := 0
		for _, p := range chosen {
			if slices.Contains(r.Alone, p.ID) {
				relief += r.Relief
			}
		}
		for value, held := range inPool {
			if held < r.Min {
				continue
			}
			n.Pool++
			if inCohort[value] >= r.Min {
				n.Count++
			}
			n.Short += max(0, r.Min-inCohort[value]-relief)
		}
	case matcher.Spread:
		n.Pool, n.Count = len(inPool), len(inCohort)
		n.Short = max(0, r.Min-n.Count)
	case matcher.Cap:
		for _, held := range inPool {
			n.Pool = max(n.Pool, held)
		}
		for _, held := range inCohort {
			n.Count = max(n.Count, held)
			n.Over += max(0, held-r.Max)
		}
	}
	return n
}

// holders is how many of the people have the property.
func holders(p matcher.Property, people []matcher.Person) int {
	n := 0
	for _, person := range people {
		if has(person, p) {
			n++
		}
	}
	return n
}

func has(person matcher.Person, p matcher.Property) bool {
	if len(p.IDs) > 0 && !slices.Contains(p.IDs, person.ID) {
		return false
	}
	for _, t := range p.Terms {
		held := person.Values[t.Attribute]
		ok := false
		switch {
		case t.Wildcard:
			ok = len(held) > 0
		case t.Match == matcher.MatchAll:
			ok = true
			for _, v := range t.Values {
				ok = ok && slices.Contains(held, v)
			}
		default:
			for _, v := range t.Values {
				ok = ok || slices.Contains(held, v)
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// perValue is how many people hold each value that takes part in a rule of
// kind company, spread or cap.
func perValue(t matcher.Term, people []matcher.Person) map[string]int {
	n := map[string]int{}
	for _, person := range people {
		for _, v := range distinct(person.Values[t.Attribute]) {
			if t.Wildcard || slices.Contains(t.Values, v) {
				n[v]++
			}
		}
	}
	return n
}

// tally is what a cohort amounts to, counted without any solver.
type tally struct {
	rules []matcher.RuleCount
	size  int
	// short is Σ (short + over), weight 1, over the rules that must hold.
	short int64
	// deviation is, by priority, Σ weight·(short + over).
	deviation [matcher.MaxPriority + 1]int64
	score     int64
}

// audit counts a cohort and checks its conditions. It shares no code with the
// model that found the cohort: an error is a fault of the engine, never of the
// input.
func (a *auditor) audit(cohort []string) (tally, error) {
	if err := a.conditions(cohort); err != nil {
		return tally{}, err
	}
	return a.tally(cohort), nil
}

// conditions checks, in integers, everything that can never be relaxed: the
// people exist, nobody twice, size range, locks, caps, links.
func (a *auditor) conditions(cohort []string) error {
	c := &a.criteria
	in := wordSet(cohort)
	if len(in) != len(cohort) {
		return errors.New("somebody is in the cohort twice")
	}
	chosen := a.chosen(cohort)
	if len(chosen) != len(cohort) {
		return fmt.Errorf("%d of %d people are not in the pool", len(cohort)-len(chosen), len(cohort))
	}
	switch n := len(cohort); {
	case n < c.MinSize:
		return &Broken{Kind: BrokenSize, Count: n, Limit: c.MinSize}
	case n > c.Size:
		return &Broken{Kind: BrokenSize, Count: n, Limit: c.Size}
	}
	for _, id := range c.Include {
		if !in[id] {
			return &Broken{Kind: BrokenInclude, IDs: []string{id}, Limit: 1}
		}
	}
	for _, id := range c.Exclude {
		if in[id] {
			return &Broken{Kind: BrokenExclude, IDs: []string{id}, Count: 1}
		}
	}
	for _, limit := range c.Caps {
		shared := perValue(matcher.Term{Attribute: limit.Attribute, Wildcard: true}, chosen)
		var first *Broken
		for value, held := range shared {
			if held > limit.Max && (first == nil || value < first.Value) {
				first = &Broken{Kind: BrokenCap, Attribute: limit.Attribute, Value: value, Count: held, Limit: limit.Max}
			}
		}
		if first != nil {
			return first
		}
	}
	for _, l := range c.Links {
		n := 0
		ids := wordSet(l.IDs)
		for id := range ids {
			if in[id] {
				n++
			}
		}
		limit := 1
		if l.Kind == matcher.Together {
			limit = len(ids)
		}
		switch {
		case l.Kind == matcher.Apart && n > 1,
			l.Kind == matcher.Together && n > 0 && n < len(ids),
			l.Kind == matcher.AtLeastOne && n == 0:
			return &Broken{Kind: l.Kind.String(), IDs: slices.Sorted(maps.Keys(ids)), Count: n, Limit: limit}
		}
	}
	return nil
}

// tally counts a cohort of people of the pool, whatever it breaks.
func (a *auditor) tally(cohort []string) tally {
	t := tally{rules: a.count(cohort), size: len(cohort)}
	for i, n := range t.rules {
		off := int64(n.Short + n.Over)
		if n.Priority == matcher.Must {
			t.short += off
		} else {
			t.deviation[n.Priority] += int64(a.criteria.Rules[i].Weight) * off
		}
	}
	for _, id := range cohort {
		t.score += int64(a.criteria.Scores[id])
	}
	return t
}

// distinct is a list without its repeats.
func distinct(list []string) []string {
	const short = 16 // comparing all pairs is faster up to here
	repeats := len(list) > short
	for i := 1; i < len(list) && !repeats; i++ {
		repeats = slices.Contains(list[:i], list[i])
	}
	if !repeats {
		return list
	}
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

func wordSet(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, s := range list {
		set[s] = true
	}
	return set
}
