// Package ilp solves integer linear programs exactly by branch and bound on
// the bounded dual simplex of package lp.
//
// Floats guide the search and prove nothing. A subproblem is discarded only
// after integer arithmetic has confirmed it: since every variable is boxed, any
// vector of duals gives a valid bound, so the duals of the linear program are
// rounded to integers and the bound they give is evaluated exactly (bound.go).
// A subproblem that floats call hopeless and integers do not confirm is
// branched on. Every solution is checked against the problem as it was given.
package ilp

import (
	"context"
)

// Problem is: minimize Σ Cost[j]·x[j] subject to Lower ≤ x ≤ Upper and
// Lo ≤ A·x ≤ Hi for every row. All data are integers and every variable is
// boxed. Problems are small: up to a few thousand columns and a few hundred
// rows, with coefficients up to 2^20 in size.
type Problem struct {
	Cost         []int64
	Lower, Upper []int64
	// Continuous marks variables that take integer values in some optimal
	// solution by themselves once the others are integers; they are branched
	// on only if nothing else is left. Nil means that none is.
	Continuous []bool
	Rows       []Row
}

// Row is Lo ≤ Σ Value[k]·x[Index[k]] ≤ Hi. Use math.MinInt64 and
// math.MaxInt64 for a side that does not bind. Indexes are distinct.
type Row struct {
	Index  []int32
	Value  []int64
	Lo, Hi int64
}

// Status of a Solution.
type Status uint8

const (
	Optimal    Status = iota // X is optimal, Value == Bound
	Infeasible               // proved: no integer point
	Feasible                 // X is feasible, Bound < Value, work ran out
	Unknown                  // no X, no proof, work ran out
)

// String is the status as one lower-case word.
func (s Status) String() string {
	switch s {
	case Optimal:
		return "optimal"
	case Infeasible:
		return "infeasible"
	case Feasible:
		return "feasible"
	default:
		return "unknown"
	}
}

// Options of one Solve.
type Options struct {
	// Work is the limit in simplex pivots; 0 means no limit. It decides the
	// result in the same way on every machine.
	Work int64
	// Start, if not nil, is a feasible point to improve on.
	Start []int64
	// Below, if not nil, leaves out every point whose objective is not smaller:
	// Infeasible then means that no point is better than that.
	Below *int64
	// Enough, if not nil, ends the search with the first point whose objective is
	// not larger. The largest int64 asks for any point, guided by the costs.
	Enough *int64
	// Progress, if not nil, is called from time to time with the best value so
	// far (ok false: none yet), the proven bound and the pivots spent.
	Progress func(value int64, ok bool, bound int64, pivots int64)
}

// Solution of a Problem. X has been checked against every row and bound in
// integers. Pivots and Nodes say how much work it took.
type Solution struct {
	Status        Status
	X             []int64
	Value, Bound  int64
	Pivots, Nodes int64
	// Canceled is true when the context ended before the work was done.
	Canceled bool
}

// Solve solves p. It returns an error only for a malformed problem; a context
// that ends gives the best solution so far, with Canceled set. Value is 0
// while there is no X, and Bound is 0 for an infeasible problem.
func Solve(ctx context.Context, p *Problem, o Options) (Solution, error) {
	if err := validate(p, o); err != nil {
		return Solution{}, err
	}
	r := newRun(ctx, p, o)
	root, ok := newModel(p)
	if ok {
		r.bound = root.value(root.least())
		r.blur(root)
		r.solve(root)
	}
	out := Solution{
		X: r.best, Value: r.value, Bound: r.bound,
		Pivots: r.pivots, Nodes: r.nodes, Canceled: r.canceled,
	}
	switch {
	case (r.stopped || r.enough) && r.best != nil && r.bound < r.value:
		out.Status = Feasible // Bound: every point has at least min(bound, value)
	case r.best != nil:
		out.Status, out.Bound = Optimal, r.value
	case r.stopped:
		out.Status = Unknown
	default:
		out.Status, out.Bound = Infeasible, 0
	}
	return out, nil
}
