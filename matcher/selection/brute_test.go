package selection_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// disagreement compares an outcome with the oracle's answer and says where
// they differ, "" if nowhere.
func disagreement(o *matcher.Outcome, want answer) string {
	if !o.Complete {
		return "not complete"
	}
	if !want.feasible {
		switch {
		case o.Status != matcher.Infeasible:
			return "status " + string(o.Status) + ", want INFEASIBLE"
		case len(o.Cohort) > 0:
			return "a cohort although there is none"
		case !want.hardPossible:
			if o.Infeasibility.LeastTotalDeviation != nil || len(o.Infeasibility.Clash) == 0 {
				return "hard conditions clash: want no least deviation and the clash named"
			}
			return ""
		case o.Infeasibility.LeastTotalDeviation == nil:
			return "no least deviation"
		}
		return cmp.Diff(want.least, *o.Infeasibility.LeastTotalDeviation) + cmp.Diff(want.cohort, o.Infeasibility.Closest)
	}
	if o.Status != matcher.Optimal {
		return "status " + string(o.Status) + ", want OPTIMAL"
	}
	bounds := map[int]int64{}
	for _, d := range o.Deviation {
		bounds[d.Priority] = d.Bound.Bound
	}
	return cmp.Diff(want.cohort, o.Cohort) + cmp.Diff(want.optimum, bounds) +
		cmp.Diff(matcher.Size{Wanted: o.Size.Wanted, Got: want.size, Bound: want.size}, o.Size) +
		cmp.Diff(matcher.Bound{Value: want.bestScore, Bound: want.bestScore}, o.Score)
}

// The oracle and the engine must agree on everything, members included. The
// mix is printed, and too easy a mix fails.
func TestSelectAgainstBruteForce(t *testing.T) {
	instances, seed := 300, uint64(20261)
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		instances = 2000
	}
	var infeasible, clashes, nonzero, ranges, linked, capped, allowed, scored int
	var kinds [4]int
	caught := make([]int, bugCount)
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		lots := func(id string) [3]int64 { return definedLots("north", id) }
		want := oracle(people, c, lots, noBug)
		got, err := selection.Select(context.Background(), people, c, "north", selection.Options{})
		if err != nil {
			t.Fatalf("instance %d of seed %d: %v", i, seed, err)
		}
		if diff := disagreement(got, want); diff != "" {
			t.Fatalf("instance %d of seed %d:\n%s\npeople %+v\ncriteria %+v\noutcome %+v", i, seed, diff, people, c, got)
		}
		for b := offByOne; b < bugCount; b++ {
			if disagreement(got, oracle(people, c, lots, b)) != "" {
				caught[b]++
			}
		}
		counted := []struct {
			is bool
			n  *int
		}{
			{!want.feasible, &infeasible},
			{!want.hardPossible, &clashes},
			{c.MinSize < c.Size, &ranges},
			{len(c.Links) > 0, &linked},
			{len(c.Caps) > 0, &capped},
			{len(c.Allow) > 0, &allowed},
			{len(c.Scores) > 0, &scored},
		}
		for _, k := range counted {
			if k.is {
				*k.n++
			}
		}
		if want.hardPossible {
			for _, v := range want.optimum {
				if v > 0 {
					nonzero++
					break
				}
			}
		}
		for k := range kinds {
			if slices.ContainsFunc(c.Rules, func(r matcher.Rule) bool { return int(r.Kind) == k }) {
				kinds[k]++
			}
		}
	}
	t.Logf("%d instances of seed %d: %d infeasible (%d by hard conditions alone), %d with a non-zero optimum; quota %d, company %d, spread %d, cap %d; size ranges %d, links %d, hard caps %d, allowed deviation %d, scores %d; planted bugs noticed: off by one %d, dropped rule %d, wrong tie %d times",
		instances, seed, infeasible, clashes, nonzero, kinds[0], kinds[1], kinds[2], kinds[3], ranges, linked, capped, allowed, scored, caught[offByOne], caught[droppedRule], caught[wrongTie])
	for what, n := range map[string]int{
		"infeasible": infeasible, "non-zero optimum": nonzero,
		"quota": kinds[0], "company": kinds[1], "spread": kinds[2], "cap": kinds[3],
	} {
		if 4*n < instances {
			t.Errorf("the mix is too easy: %s in %d of %d, want a quarter", what, n, instances)
		}
	}
	for b := offByOne; b < bugCount; b++ {
		if caught[b] == 0 {
			t.Errorf("planted bug %d was never noticed", b)
		}
	}
}

// With lots that tie, the rounds 2 and 3 and the sorted list of ids decide.
func TestTiesAgainstBruteForce(t *testing.T) {
	instances := 150
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		instances = 1000
	}
	const seed = 777
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		// Every round tells fewer people apart.
		spread := [3]int{1 + i%3, 1 + i/3%3, 1 + i/9%2}
		drawn := map[string][3]int64{}
		for _, p := range people {
			drawn[p.ID] = [3]int64{int64(rng.IntN(spread[0])), int64(rng.IntN(spread[1])), int64(rng.IntN(spread[2]))}
		}
		lots := func(id string) [3]int64 { return drawn[id] }
		want := oracle(people, c, lots, noBug)
		got, err := selection.SelectWith(context.Background(), people, c, "s", selection.Options{}, lots)
		if err != nil {
			t.Fatalf("instance %d of seed %d: %v", i, seed, err)
		}
		if diff := disagreement(got, want); diff != "" {
			t.Fatalf("instance %d of seed %d: %s", i, seed, diff)
		}
	}
}

func TestSeedRule(t *testing.T) {
	for _, seed := range []string{"", "a", "2026-11-21 north sound", "ünïcode"} {
		for _, id := range []string{"r1", "NS-0001", "ä"} {
			if got, want := selection.Lots(seed, id), definedLots(seed, id); got != want {
				t.Errorf("lots of %q with seed %q: %v, want %v", id, seed, got, want)
			}
		}
	}
}
