package ilp_test

import (
	"context"
	"fmt"
	"math"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Two of four people with the highest scores, at least one of whom is the
// third or the fourth.
func ExampleSolve() {
	p := &ilp.Problem{
		Cost:  []int64{-9, -8, -3, -5}, // minimized: scores are negative
		Lower: []int64{0, 0, 0, 0},
		Upper: []int64{1, 1, 1, 1},
		Rows: []ilp.Row{
			{Index: []int32{0, 1, 2, 3}, Value: []int64{1, 1, 1, 1}, Lo: 2, Hi: 2},
			{Index: []int32{2, 3}, Value: []int64{1, 1}, Lo: 1, Hi: math.MaxInt64},
		},
	}
	s, err := ilp.Solve(context.Background(), p, ilp.Options{})
	fmt.Println(s.Status, s.X, s.Value, err)
	// Output: optimal [1 0 0 1] -14 <nil>
}

// No point is found, and that is proved: three of the first two people.
func ExampleSolve_infeasible() {
	p := &ilp.Problem{
		Cost: []int64{0, 0}, Lower: []int64{0, 0}, Upper: []int64{1, 1},
		Rows: []ilp.Row{{Index: []int32{0, 1}, Value: []int64{1, 1}, Lo: 3, Hi: 3}},
	}
	s, _ := ilp.Solve(context.Background(), p, ilp.Options{})
	fmt.Println(s.Status, s.X)
	// Output: infeasible []
}

// The work limit counts simplex pivots, so that a run that ends early ends in
// the same way on every machine.
func ExampleSolve_workLimit() {
	p := &ilp.Problem{
		Cost: []int64{-5, -4, -3}, Lower: []int64{0, 0, 0}, Upper: []int64{9, 9, 9},
		Rows: []ilp.Row{
			{Index: []int32{0, 1, 2}, Value: []int64{2, 3, 1}, Lo: 0, Hi: 5},
			{Index: []int32{0, 1, 2}, Value: []int64{4, 1, 2}, Lo: 0, Hi: 11},
		},
	}
	s, _ := ilp.Solve(context.Background(), p, ilp.Options{Work: 1, Start: []int64{0, 0, 0}})
	fmt.Println(s.Status, s.Value, s.Bound < s.Value)
	s, _ = ilp.Solve(context.Background(), p, ilp.Options{})
	fmt.Println(s.Status, s.Value)
	// Output:
	// feasible 0 true
	// optimal -15
}
