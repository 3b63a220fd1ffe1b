package selection_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// copied is an outcome that can be changed without changing the one it is of.
func copied(o *matcher.Outcome) *matcher.Outcome {
	c := *o
	c.Cohort, c.Rules, c.Deviation = slices.Clone(o.Cohort), slices.Clone(o.Rules), slices.Clone(o.Deviation)
	if o.Infeasibility != nil {
		inf := *o.Infeasibility
		inf.Closest, inf.ClosestRules = slices.Clone(inf.Closest), slices.Clone(inf.ClosestRules)
		c.Infeasibility = &inf
	}
	return &c
}

// What the engine says passes; any one count, value, bound or member of it that
// is changed does not.
func TestAudit(t *testing.T) {
	const seed = 131
	optimal, impossible, planted := 0, 0, 0
	for i := range soak(300, 5000) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		var work int64
		if rng.IntN(4) == 0 {
			work = int64(1 + rng.IntN(60)) // FEASIBLE or UNDECIDED
		}
		o := mustSelect(t, people, c, "s", selection.Options{Work: work})
		if err := selection.Audit(people, c, o); err != nil {
			t.Fatalf("instance %d of seed %d, %s: %v", i, seed, o.Status, err)
		}
		refused := func(what string, change func(*matcher.Outcome)) {
			planted++
			bad := copied(o)
			change(bad)
			if err := selection.Audit(people, c, bad); err == nil {
				t.Errorf("instance %d of seed %d, %s: %s passes", i, seed, o.Status, what)
			}
		}
		outsider := ""
		for _, p := range people {
			if !slices.Contains(o.Cohort, p.ID) {
				outsider = p.ID
			}
		}
		switch {
		case o.Status == matcher.Optimal || o.Status == matcher.Feasible:
			optimal++
			refused("a count", func(o *matcher.Outcome) {
				if len(o.Rules) == 0 {
					o.Rules = []matcher.RuleCount{{}}
				} else {
					o.Rules[rng.IntN(len(o.Rules))].Count++
				}
			})
			refused("a size", func(o *matcher.Outcome) { o.Size.Got++ })
			refused("another size wanted", func(o *matcher.Outcome) { o.Size.Wanted++ })
			refused("a size beyond its bound", func(o *matcher.Outcome) { o.Size.Bound = o.Size.Got - 1 })
			refused("a score", func(o *matcher.Outcome) { o.Score.Value++ })
			refused("a score beyond its bound", func(o *matcher.Outcome) { o.Score.Bound = o.Score.Value - 1 })
			refused("a deviation that no rule has", func(o *matcher.Outcome) {
				o.Deviation = append(o.Deviation, matcher.Deviation{Priority: matcher.MaxPriority + 1})
			})
			if o.Status == matcher.Optimal {
				refused("a size that is not the largest", func(o *matcher.Outcome) { o.Size.Bound++ })
				refused("a score that is not the best", func(o *matcher.Outcome) { o.Score.Bound++ })
			}
			if len(o.Cohort) > 0 {
				refused("somebody twice", func(o *matcher.Outcome) { o.Cohort = append(o.Cohort, o.Cohort[0]) })
				refused("somebody from elsewhere", func(o *matcher.Outcome) { o.Cohort[0] = "nobody" })
				refused("one fewer", func(o *matcher.Outcome) { o.Cohort = o.Cohort[1:] })
			}
			if outsider != "" {
				refused("one more", func(o *matcher.Outcome) { o.Cohort = append(o.Cohort, outsider) })
			}
			if n := len(o.Deviation); n > 0 {
				k := rng.IntN(n)
				allowed := c.Allow[o.Deviation[k].Priority]
				refused("a deviation", func(o *matcher.Outcome) { o.Deviation[k].Value++ })
				refused("a deviation below its bound", func(o *matcher.Outcome) { o.Deviation[k].Bound.Bound = o.Deviation[k].Value + 1 })
				refused("a deviation less", func(o *matcher.Outcome) { o.Deviation = slices.Delete(o.Deviation, k, k+1) })
				if o.Status == matcher.Optimal {
					refused("a deviation that is not the best", func(o *matcher.Outcome) { o.Deviation[k].Bound.Bound = o.Deviation[k].Value - allowed - 1 })
				}
			}
			again := copied(o)
			again.Rules, again.Size.Got, again.Score.Value = nil, 0, -1
			for k := range again.Deviation {
				again.Deviation[k].Value = -1
			}
			if err := selection.Recount(people, c, again); err != nil || !reflect.DeepEqual(again, copied(o)) {
				t.Errorf("instance %d of seed %d: recounted %+v, was %+v: %v", i, seed, again, o, err)
			}
			// Any other group passes only if its recount is as good, and then its own
			// count is what it says.
			other := copied(o)
			if len(other.Cohort) > 0 && outsider != "" {
				other.Cohort[rng.IntN(len(other.Cohort))] = outsider
				if selection.Recount(people, c, other) == nil {
					if err := selection.Audit(people, c, other); err != nil || selection.Conditions(people, c, other.Cohort) != nil {
						t.Errorf("instance %d of seed %d: recounted, and not audited: %v", i, seed, err)
					}
				}
			}
		case o.Infeasibility != nil && len(o.Infeasibility.Closest) > 0:
			impossible++
			refused("a cohort all the same", func(o *matcher.Outcome) { o.Cohort = o.Infeasibility.Closest })
			refused("a count of the closest", func(o *matcher.Outcome) { o.Infeasibility.ClosestRules[0].Count++ })
			refused("another least deviation", func(o *matcher.Outcome) {
				least := *o.Infeasibility.LeastTotalDeviation - 1
				o.Infeasibility.LeastTotalDeviation = &least
			})
			refused("somebody twice in the closest", func(o *matcher.Outcome) {
				o.Infeasibility.Closest = append(o.Infeasibility.Closest, o.Infeasibility.Closest[0])
			})
			refused("a cohort that is called feasible", func(o *matcher.Outcome) {
				o.Status, o.Cohort, o.Rules = matcher.Feasible, o.Infeasibility.Closest, o.Infeasibility.ClosestRules
				o.Size.Got = len(o.Cohort)
			})
		}
	}
	if optimal < 50 || impossible < 10 {
		t.Errorf("%d with a cohort, %d with a closest one", optimal, impossible)
	}
	t.Logf("figure: %d cohorts, %d closest ones, %d planted mistakes refused", optimal, impossible, planted)
}

// Each condition that is broken is named; the words name nobody.
func TestConditions(t *testing.T) {
	var people []matcher.Person
	for _, id := range []string{"ana", "ben", "cho", "dia", "eli", "fay"} {
		people = append(people, matcher.Person{ID: id, Values: map[string][]string{"field": {"medicine"}}})
	}
	people[5].Values = nil
	cohort := []string{"ana", "ben", "cho"}
	for kind, c := range map[string]matcher.Criteria{
		selection.BrokenSize:       {Size: 2},
		selection.BrokenInclude:    {Size: 3, Include: []string{"dia"}},
		selection.BrokenExclude:    {Size: 3, Exclude: []string{"ben"}},
		selection.BrokenCap:        {Size: 3, Caps: []matcher.HardCap{{Attribute: "field", Max: 2}}},
		selection.BrokenApart:      {Size: 3, Links: []matcher.Link{{Kind: matcher.Apart, IDs: []string{"cho", "ana"}}}},
		selection.BrokenTogether:   {Size: 3, Links: []matcher.Link{{Kind: matcher.Together, IDs: []string{"eli", "ana"}}}},
		selection.BrokenAtLeastOne: {Size: 3, Links: []matcher.Link{{Kind: matcher.AtLeastOne, IDs: []string{"fay", "dia"}}}},
	} {
		err := selection.Conditions(people, c, cohort)
		var broken *selection.Broken
		if !errors.As(err, &broken) || broken.Kind != kind {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		for _, p := range people {
			if strings.Contains(err.Error(), p.ID) || strings.Contains(err.Error(), "medicine") {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if !slices.IsSorted(broken.IDs) {
			t.Errorf("%s: %v", kind, broken.IDs)
		}
	}
	if err := selection.Conditions(people, matcher.Criteria{Size: 4, MinSize: 4}, cohort); err == nil {
		t.Error("too few pass")
	}
	v, err := selection.Check(context.Background(), people, matcher.Criteria{Size: 3, MinSize: 3}, selection.Options{})
	if err != nil || selection.Conditions(people, matcher.Criteria{Size: 3, MinSize: 3}, v.Witness) != nil {
		t.Error(v, err)
	}
}
