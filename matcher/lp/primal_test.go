package lp_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// Column by column, from a feasible basis: after each lot of new columns the
// primal method reaches the optimum that the dual method finds from scratch.
func TestPrimalAgreesWithDual(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		rows := 3 + rng.IntN(12)
		var columns []lp.Column
		draw := func() lp.Column {
			c := lp.Column{Cost: float64(rng.IntN(21) - 10), Upper: float64(1 + rng.IntN(3))}
			for i := range rows {
				if rng.IntN(3) == 0 {
					c.Index, c.Value = append(c.Index, int32(i)), append(c.Value, float64(1+rng.IntN(3)))
				}
			}
			return c
		}
		model := func() lp.Model {
			m := lp.Model{Start: []int32{0}}
			for _, c := range columns {
				m.Index, m.Value = append(m.Index, c.Index...), append(m.Value, c.Value...)
				m.Start = append(m.Start, int32(len(m.Index)))
				m.Cost, m.Lower, m.Upper = append(m.Cost, c.Cost), append(m.Lower, c.Lower), append(m.Upper, c.Upper)
			}
			for i := range rows {
				m.RowLower, m.RowUpper = append(m.RowLower, 0), append(m.RowUpper, float64(2+i%5))
			}
			return m
		}
		for range 4 {
			columns = append(columns, draw())
		}
		// Everything at 0 keeps the rows: the basis of all logicals is feasible.
		warm := lp.New(model())
		logicals := make([]int32, rows)
		for i := range logicals {
			logicals[i] = int32(len(columns) + i)
		}
		if !warm.SetBasis(logicals, nil) {
			t.Fatal("the logicals are a basis")
		}
		for range 5 {
			if status := warm.Primal(10_000); status != lp.Optimal {
				t.Fatalf("seed %d: status %v", seed, status)
			}
			cold := lp.New(model())
			if status := cold.Solve(math.Inf(1), 10_000); status != lp.Optimal {
				t.Fatalf("seed %d: status %v of the dual method", seed, status)
			}
			value := 0.0
			for j, c := range columns {
				x := warm.Value(j)
				if x < c.Lower-1e-9 || x > c.Upper+1e-9 {
					t.Fatalf("seed %d: column %d is %v, outside its box", seed, j, x)
				}
				value += c.Cost * x
			}
			if math.Abs(value-cold.Objective()) > 1e-7 {
				t.Fatalf("seed %d, %d columns: %v by the primal method, %v by the dual one", seed, len(columns), value, cold.Objective())
			}
			var more []lp.Column
			for range 3 {
				more = append(more, draw())
			}
			columns = append(columns, more...)
			warm.Add(more)
		}
	}
}

func TestSetBasisRefusesWhatIsNone(t *testing.T) {
	m := lp.Model{
		Cost: []float64{0, 0}, Lower: []float64{0, 0}, Upper: []float64{1, 1},
		Start: []int32{0, 2, 4}, Index: []int32{0, 1, 0, 1}, Value: []float64{1, 1, 1, 1},
		RowLower: []float64{0, 0}, RowUpper: []float64{1, 1},
	}
	s := lp.New(m)
	for _, basis := range [][]int32{{0, 1}, {0}, {2, 2}} {
		if s.SetBasis(basis, nil) {
			t.Errorf("%v passes for a basis", basis)
		}
		if s.Solve(math.Inf(1), 100) != lp.Optimal {
			t.Errorf("after %v was refused the solver is of no use", basis)
		}
	}
	if !s.SetBasis([]int32{0, 3}, nil) {
		t.Error("a basis is refused")
	}
}
