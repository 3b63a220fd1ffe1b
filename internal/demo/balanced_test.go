package demo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// balancedPreset is the preset's form and its balanced criteria.
func balancedPreset(t *testing.T) (*applications.Form, applications.Criteria) {
	t.Helper()
	all, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	p := all[preset]
	return &p.Form, p.Criteria["balanced"]
}

// demoPools calls f with pools as the demo has them: 60 to 120 people apply,
// those who are eligible are in.
func demoPools(t *testing.T, form *applications.Form, f func(name string, pool []*applications.Application)) {
	t.Helper()
	sizes, seeds := []int{60, 84, 120}, 2
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		sizes, seeds = []int{60, 72, 84, 120}, 10
	}
	for _, n := range sizes {
		for k := range seeds {
			seed := string(rune('a' + k))
			f(fmt.Sprintf("%d applicants, seed %s", n, seed), Pool(form, seed, n))
		}
	}
}

// withoutAChance is the share of the pool that is in no cohort.
func withoutAChance(t *testing.T, form *applications.Form, c applications.Criteria, pool []*applications.Application) (share, smallest float64) {
	t.Helper()
	people, criteria := c.Engine(form, pool)
	curve, err := selection.TradeOff(context.Background(), people, criteria, selection.TradeOffOptions{Extra: []map[int]int64{nil}})
	if err != nil {
		t.Fatal(err)
	}
	if len(curve) != 1 || !curve[0].Proved {
		t.Fatalf("not proved: %+v", curve)
	}
	return float64(curve[0].Impossible) / float64(len(people)), curve[0].Smallest
}

// The deviation that the balanced criteria allow is large enough that nearly
// everybody has a chance: at most a tenth of every pool of the demo has none.
func TestBalancedLeavesFewWithoutAChance(t *testing.T) {
	form, c := balancedPreset(t)
	pools, worst, sum := 0, 0.0, 0.0
	demoPools(t, form, func(name string, pool []*applications.Application) {
		share, smallest := withoutAChance(t, form, c, pool)
		if share > 0.1 {
			t.Errorf("%s: %.1f %% have no chance, at most 10 %% may", name, 100*share)
		}
		if smallest <= 0 {
			t.Errorf("%s: the smallest chance is %v", name, smallest)
		}
		pools, worst, sum = pools+1, max(worst, share), sum+share
	})
	t.Logf("figure: the balanced criteria on %d pools of the demo, 60 to 120 applicants: without a chance %.1f %% at most, %.1f %% on average", pools, 100*worst, 100*sum/float64(pools))
}

// What the deviation was chosen from: the curve, over the same pools. It is a
// table in docs/lottery.md.
func TestBalancedTradeOff(t *testing.T) {
	form, c := balancedPreset(t)
	points := []map[int]int64{nil, {1: 1, 3: 1}}
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		points = []map[int]int64{nil, {1: 1}, {1: 2}, {1: 3}, {3: 1}, {1: 1, 3: 1}, {1: 2, 3: 1}, {1: 2, 3: 2}}
	}
	mean := make([]float64, len(points))
	for k, allow := range points {
		c.Allow = maps.Clone(allow)
		pools, over, worst, least, chance := 0, 0, 0.0, 1.0, 0.0
		demoPools(t, form, func(_ string, pool []*applications.Application) {
			share, smallest := withoutAChance(t, form, c, pool)
			if share > 0.1 {
				over++
			}
			pools, worst, least = pools+1, max(worst, share), min(least, smallest)
			mean[k], chance = mean[k]+share, chance+smallest
		})
		mean[k] /= float64(pools)
		t.Logf("figure: balanced, allowed %v: without a chance %.1f %% on average, %.1f %% at most, more than a tenth in %d of %d pools; smallest chance %.3f on average, %.3f at least",
			allow, 100*mean[k], 100*worst, over, pools, chance/float64(pools), least)
	}
	if mean[len(mean)-1] >= mean[0] {
		t.Errorf("allowing more gives a chance to nobody: %v", mean)
	}
}
