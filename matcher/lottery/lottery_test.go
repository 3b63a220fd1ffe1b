package lottery_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/ilp"
	"github.com/openfairlead/fairlead/matcher/internal/exact"
	"github.com/openfairlead/fairlead/matcher/lottery"
)

// small draws a problem of at most eleven people: rows are windows on random
// groups, mostly around a hidden cohort.
func small(rng *rand.Rand) *lottery.Problem {
	n := 5 + rng.IntN(7)
	p := &lottery.Problem{}
	for n > 0 {
		m := int64(1)
		if rng.IntN(3) == 0 {
			m = int64(1 + rng.IntN(min(3, n)))
		}
		n -= int(m)
		p.People = append(p.People, m)
	}
	T := len(p.People)
	hidden := make([]int64, T)
	size := int64(0)
	var all ilp.Row
	for t, m := range p.People {
		lo, hi := int64(0), m
		switch rng.IntN(20) {
		case 0:
			lo = m
		case 1:
			hi = 0
		}
		p.Cost = append(p.Cost, 0)
		p.Lower, p.Upper = append(p.Lower, lo), append(p.Upper, hi)
		hidden[t] = lo
		if lo < hi {
			hidden[t] = rng.Int64N(m + 1)
		}
		size += hidden[t]
		all.Index, all.Value = append(all.Index, int32(t)), append(all.Value, 1)
	}
	all.Lo, all.Hi = size, size
	p.Rows = append(p.Rows, all)
	for range rng.IntN(6) {
		var row ilp.Row
		sum := int64(0)
		for t := range T {
			if rng.IntN(2) == 0 {
				v := int64(1)
				if rng.IntN(8) == 0 {
					v = 2
				}
				row.Index, row.Value = append(row.Index, int32(t)), append(row.Value, v)
				sum += v * hidden[t]
			}
		}
		row.Lo, row.Hi = sum-rng.Int64N(2), sum+rng.Int64N(2)
		switch rng.IntN(8) {
		case 0:
			row.Lo++
		case 1:
			row.Lo = math.MinInt64
		case 2:
			row.Hi = math.MaxInt64
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

func all(p *lottery.Problem) [][]int64 {
	return points(p.Lower, p.Upper, func(x []int64) bool {
		for _, row := range p.Rows {
			sum := int64(0)
			for k, j := range row.Index {
				sum += row.Value[k] * x[j]
			}
			if sum < row.Lo || sum > row.Hi {
				return false
			}
		}
		return true
	})
}

// instances is a count for make test, and the full one for the soak.
func instances(few, full int) int {
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		return full
	}
	return few
}

// Chances equal those of the definition, solved in exact rationals over all
// cohorts, on every route.
func TestLeximinAgainstExactRationals(t *testing.T) {
	const seed = 41
	var infeasible, relaxation, levels int
	count := instances(500, 5000)
	for i := range count {
		p := small(rand.New(rand.NewPCG(seed, uint64(i))))
		cohorts := all(p)
		if len(cohorts) == 0 {
			infeasible++
			if _, err := lottery.Solve(context.Background(), p, lottery.Options{}); !errors.Is(err, lottery.ErrInfeasible) {
				t.Fatalf("instance %d of seed %d: %v, want infeasible", i, seed, err)
			}
			continue
		}
		want := exact.Leximin(cohorts, p.People)
		for k, o := range []lottery.Options{{}, lottery.LevelsOnly, {Seed: 7}} {
			r, err := lottery.Solve(context.Background(), p, o)
			if err != nil {
				t.Fatalf("instance %d of seed %d: %v", i, seed, err)
			}
			if r.Status != lottery.Proved {
				t.Fatalf("instance %d of seed %d: not proved", i, seed)
			}
			if k == 0 {
				if r.Route == "relaxation" {
					relaxation++
				} else {
					levels++
				}
			}
			for k, w := range want {
				f, _ := w.Float64()
				if math.Abs(r.Chance[k]-f) > 2e-7 || math.Abs(r.Optimum[k]-f) > 2e-7 {
					t.Fatalf("instance %d of seed %d, route %s, type %d: chance %.9f, optimum %.9f, exactly %s = %.9f", i, seed, r.Route, k, r.Chance[k], r.Optimum[k], w, f)
				}
			}
		}
	}
	t.Logf("figure: %d instances of at most 11 people against exact rationals: %d infeasible, %d by the relaxation, %d by levels", count, infeasible, relaxation, levels)
	if 4*relaxation < count || 20*levels < count {
		t.Errorf("the mix is too easy: %d by the relaxation, %d by levels of %d", relaxation, levels, count)
	}
}

// points lists the integer points of a small problem without auxiliary columns.
func points(lower, upper []int64, keep func(x []int64) bool) [][]int64 {
	var all [][]int64
	x := make([]int64, len(lower))
	var walk func(j int)
	walk = func(j int) {
		if j == len(x) {
			if keep(x) {
				all = append(all, slices.Clone(x))
			}
			return
		}
		for v := lower[j]; v <= upper[j]; v++ {
			x[j] = v
			walk(j + 1)
		}
	}
	walk(0)
	return all
}
