package lp_test

import (
	"fmt"
	"math"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// Two products share six hours; the second may then be ruled out, and the
// solver goes on from the basis it has.
func ExampleSolver() {
	s := lp.New(lp.Model{
		Cost: []float64{-3, -5}, Lower: []float64{0, 0}, Upper: []float64{4, 4},
		Start: []int32{0, 1, 2}, Index: []int32{0, 0}, Value: []float64{1, 2},
		RowLower: []float64{0}, RowUpper: []float64{6},
	})
	fmt.Println(s.Solve(math.Inf(1), 100) == lp.Optimal, s.Objective(), s.Value(0), s.Value(1))

	s.SetBounds(1, 0, 0)
	fmt.Println(s.Solve(math.Inf(1), 100) == lp.Optimal, s.Objective(), s.Value(0), s.Value(1))
	// Output:
	// true -17 4 1
	// true -12 4 0
}
