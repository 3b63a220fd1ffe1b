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
		before, gives := math.MaxInt, false
		for _, p := range curve {
			with := c
			with.Allow = p.Extra
			yields := giveWay(t, people, with)
			gives = gives || len(yields) > 0
			with = selection.Yielded(with, yields)
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
			// Where more is allowed less has to give way.
			if p.Impossible > before && !gives {
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

// A cap that no lottery keeps at one point is told there, and the next points
// are found: with two of four who have what a must asks for, each has half.
func TestTradeOffOverCap(t *testing.T) {
	people := []matcher.Person{
		{ID: "a", Values: map[string][]string{"x": {"1"}}},
		{ID: "b", Values: map[string][]string{"x": {"1"}}},
		{ID: "c", Values: map[string][]string{"x": {"2"}}},
		{ID: "d", Values: map[string][]string{"x": {"2"}}},
	}
	c := matcher.Criteria{Size: 2, MinSize: 2, Rules: []matcher.Rule{{
		Row: 1, Kind: matcher.Quota, Feature: "x", Value: "1", Min: 2, Max: 2, MaxFlex: 2, Priority: 1, Weight: 1,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: "x", Values: []string{"1"}}}},
	}}}
	o := selection.TradeOffOptions{LotteryOptions: selection.LotteryOptions{Cap: 0.6}}
	curve, err := selection.TradeOff(context.Background(), people, c, o)
	if err != nil || len(curve) != 4 {
		t.Fatalf("%d points, %v", len(curve), err)
	}
	if p := curve[0]; !p.OverCap || p.Impossible != -1 || !p.Complete {
		t.Errorf("nothing allowed: %+v", p)
	}
	// With one allowed a cohort may be one of each: half for everybody.
	if p := curve[1]; p.OverCap || !p.Proved || p.People != 4 || p.Impossible != 0 || math.Abs(p.Smallest-0.5) > 1e-7 || p.Allowed[1] != 1 {
		t.Errorf("one allowed: %+v", p)
	}
}
