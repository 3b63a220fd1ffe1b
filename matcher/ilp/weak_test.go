package ilp_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// windows is a random problem of at most ten columns.
func windows(rng *rand.Rand) *ilp.Problem {
	n := 4 + rng.IntN(7)
	p := &ilp.Problem{}
	for range n {
		p.Cost = append(p.Cost, rng.Int64N(41)-20)
		p.Lower, p.Upper = append(p.Lower, 0), append(p.Upper, 1+rng.Int64N(2))
	}
	for range 1 + rng.IntN(4) {
		row := ilp.Row{Lo: rng.Int64N(3), Hi: 3 + rng.Int64N(3)}
		if rng.IntN(4) == 0 {
			row.Lo = math.MinInt64
		}
		for j := range n {
			if rng.IntN(2) == 0 {
				row.Index, row.Value = append(row.Index, int32(j)), append(row.Value, 1+rng.Int64N(2))
			}
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// Below, Enough and Bound tell the truth about the optimum that a plain Solve
// proves.
func TestBelowEnoughAndBound(t *testing.T) {
	feasible := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		p := windows(rng)
		duals := make([]float64, len(p.Rows))
		for i := range duals {
			duals[i] = rng.NormFloat64() * 5
		}
		bound, ok := ilp.Bound(p, duals)
		if !ok {
			t.Fatalf("seed %d: no bound", seed)
		}
		best, err := ilp.Solve(context.Background(), p, ilp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		any := int64(math.MaxInt64)
		first, err := ilp.Solve(context.Background(), p, ilp.Options{Enough: &any})
		if err != nil {
			t.Fatal(err)
		}
		if best.Status == ilp.Infeasible {
			if first.Status != ilp.Infeasible {
				t.Fatalf("seed %d: a first point of an infeasible problem", seed)
			}
			continue
		}
		feasible++
		if bound > best.Value {
			t.Fatalf("seed %d: bound %d, optimum %d", seed, bound, best.Value)
		}
		if first.X == nil || first.Value < best.Value {
			t.Fatalf("seed %d: first point %+v, optimum %d", seed, first, best.Value)
		}
		at := best.Value
		none, err := ilp.Solve(context.Background(), p, ilp.Options{Below: &at})
		if err != nil || none.Status != ilp.Infeasible || none.X != nil {
			t.Fatalf("seed %d: %+v below the optimum (%v)", seed, none, err)
		}
		above := best.Value + 1
		again, err := ilp.Solve(context.Background(), p, ilp.Options{Below: &above})
		if err != nil || again.Status != ilp.Optimal || again.Value != best.Value {
			t.Fatalf("seed %d: %+v below one more than the optimum %d (%v)", seed, again, best.Value, err)
		}
		near := best.Value + 3
		good, err := ilp.Solve(context.Background(), p, ilp.Options{Enough: &near})
		if err != nil || good.X == nil || good.Value > near {
			t.Fatalf("seed %d: %+v is not enough (%v)", seed, good, err)
		}
	}
	if feasible < 100 {
		t.Errorf("only %d feasible", feasible)
	}
}
