package selection_test

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/internal/exact"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Each point of the curve is the maximin of what brute force lists with that
// much allowed; where all targets have one priority, allowing more never takes
// anybody's chance away entirely.
func TestTradeOffAgainstBruteForce(t *testing.T) {
	const seed = 89
	points, gained := 0, 0
	count := 20
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		count = 200
	}
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := smallPool(rng)
		for k := range c.Rules {
			if c.Rules[k].Priority > 1 {
				c.Rules[k].Priority = 1
			}
		}
		c.Allow, c.Scores = nil, nil
		told := 0
		curve, err := selection.TradeOff(context.Background(), people, c, selection.TradeOffOptions{
			Extra: []map[int]int64{nil, {1: 1}, {1: 3}},
			Found: func(selection.TradeOffPoint) { told++ },
		})
		if err != nil {
			t.Fatalf("instance %d of seed %d: %v", i, seed, err)
		}
		if told != len(curve) || len(curve) == 0 {
			t.Fatalf("instance %d of seed %d: told of %d points of %d", i, seed, told, len(curve))
		}
		before := math.MaxInt
		for _, p := range curve {
			with := c
			with.Allow = p.Extra
			cohorts := optimal(people, with)
			if len(cohorts) == 0 {
				if p.Outcome.Status != matcher.Infeasible {
					t.Fatalf("instance %d of seed %d: %s, want INFEASIBLE", i, seed, p.Outcome.Status)
				}
				continue
			}
			ones := make([]int64, len(people))
			for k := range ones {
				ones[k] = 1
			}
			// People who are excluded, or tied to somebody who is, are in no type.
			l, err := selection.FindLottery(context.Background(), people, with, selection.LotteryOptions{})
			if err != nil {
				t.Fatal(err)
			}
			in := chances(l)
			impossible, smallest := 0, 1.0
			for k, chance := range exact.Leximin(cohorts, ones) {
				f, _ := chance.Float64()
				if _, ok := in[people[k].ID]; !ok {
					continue
				}
				if f == 0 {
					impossible++
				} else {
					smallest = min(smallest, f)
				}
			}
			if !p.Proved || p.Impossible != impossible || impossible < len(in) && math.Abs(p.Smallest-smallest) > 2e-7 {
				t.Fatalf("instance %d of seed %d, allowed %v: %d impossible, smallest %v (proved %v), want %d and %v", i, seed, p.Extra, p.Impossible, p.Smallest, p.Proved, impossible, smallest)
			}
			if p.Impossible > before {
				t.Fatalf("instance %d of seed %d: allowing more takes chances away", i, seed)
			}
			if p.Impossible < before && before < math.MaxInt {
				gained++
			}
			before = p.Impossible
			points++
		}
	}
	t.Logf("figure: %d points of trade-off curves against exact rationals; allowing more gave somebody a chance %d times", points, gained)
	if points < 25 || gained == 0 {
		t.Error("the mix is too easy")
	}
}

// A context that has ended leaves points out and is no error.
func TestTradeOffCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	curve, err := selection.TradeOff(ctx, invented(60, 1), northSound(15), selection.TradeOffOptions{
		Found: func(selection.TradeOffPoint) { cancel() },
	})
	if err != nil || len(curve) == 0 || len(curve) > 2 {
		t.Errorf("%d points, %v", len(curve), err)
	}
}
