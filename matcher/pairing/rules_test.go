package pairing_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// What hard rules take is what counting every pair under every set of rules gives.
func TestPricesOfRules(t *testing.T) {
	const seed = 5
	for n := range 300 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		p, h := smallProblem(rng)
		blocked := h.Rows.(masks).blocked
		p.Scores = nil // are not asked
		got, err := pairing.PriceRules(context.Background(), p, h)
		if err != nil {
			t.Fatal(err)
		}
		left := func(rules uint64) (l pairing.Left, pairs int64) {
			for j, mentee := range p.Mentees {
				if mentee.Demand == 0 {
					continue
				}
				open := 0
				for i, mentor := range p.Mentors {
					if mentor.Seats > 0 && blocked[j*len(p.Mentors)+i]&rules == 0 {
						open++
					}
				}
				pairs += int64(open)
				if open == 0 {
					l.WithNone++
				}
				if open < 3 {
					l.WithFew++
				}
			}
			return l, pairs
		}
		want := &pairing.RulePrices{}
		for _, mentee := range p.Mentees {
			want.Mentees += min(1, mentee.Demand)
		}
		for _, mentor := range p.Mentors {
			want.Mentors += min(1, mentor.Seats)
		}
		const all = 1<<3 - 1
		want.All, want.Pairs = left(all)
		want.None, _ = left(0)
		for k, rule := range h.Names {
			r := pairing.RulePrice{Rule: rule}
			r.Alone, _ = left(1 << k)
			without, pairs := left(all &^ (1 << k))
			r.Without, r.Pairs = without, pairs-want.Pairs
			want.Rules = append(want.Rules, r)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("problem %d of seed %d: %s", n, seed, diff)
		}
	}
}

// Parts must sum to the score, and Apportion makes them.
func TestPartsSumToTheScore(t *testing.T) {
	const seed = 6
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		score, weights := rng.IntN(1001), make([]int64, 1+rng.IntN(8))
		for k := range weights {
			weights[k] = rng.Int64N(1 << rng.IntN(50))
		}
		weights[rng.IntN(len(weights))]++
		points := pairing.Apportion(score, weights)
		var parts []pairing.Part
		var sum int64
		for k, w := range weights {
			sum += w
			parts = append(parts, pairing.Part{Feature: "f", Points: points[k]})
		}
		if err := pairing.CheckParts(score, parts); err != nil {
			t.Fatalf("%d over %v: %v", score, weights, err)
		}
		for k, w := range weights {
			if exact := float64(score) * float64(w) / float64(sum); float64(points[k]) < exact-1 || float64(points[k]) > exact+1 {
				t.Fatalf("%d over %v: %v", score, weights, points)
			}
		}
		parts[0].Points++
		if pairing.CheckParts(score, parts) == nil {
			t.Fatal("parts that do not sum to the score pass")
		}
	}
	if pairing.CheckParts(5, nil) != nil || pairing.CheckParts(5, []pairing.Part{{Points: 5}}) == nil {
		t.Error("no parts explain nothing; a part without a feature is wrong")
	}
}
