// Package lp solves small linear programs with boxed variables by the dual
// simplex method, warm from any basis.
//
//	minimize    c·x
//	subject to  Lower ≤ x ≤ Upper,  RowLower ≤ A·x ≤ RowUpper
//
// Row k gets a logical variable s(k) with A(k)·x − s(k) = 0, so that a row's
// range is a box like any other. Because every variable is boxed, a nonbasic
// variable can always be put at the bound that its reduced cost asks for:
// every basis is dual feasible and there is no phase 1. A change of bounds, of
// costs or a new row leaves the basis usable, which is what branch and bound
// needs.
//
// The inverse of the basis is kept explicitly, but only in the columns of rows
// whose logical is nonbasic: the other columns are unit vectors. It costs
// m × (structural variables in the basis), so that hundreds of rows that do
// not bind cost little.
//
// Arithmetic is float64 without fused multiply-add (a product is converted
// before it is added to), so that every machine makes the same pivots. Nothing
// here is proof: callers that need proof evaluate the duals exactly.
package lp

import "math"

// Tolerances. Callers scale their costs to about 1 and their rows to small
// integers; all four are absolute in that scale.
const (
	// primalTol is how far a basic variable may lie outside its box, unless
	// Solver.Tolerance says otherwise.
	primalTol = 1e-8
	// dualTol is the size of a reduced cost that counts as zero.
	dualTol = 1e-11
	// pivotTol is the smallest entry of a row that can be a pivot.
	pivotTol = 1e-7
	// driftTol is the relative difference between the two computations of a
	// pivot (by row and by column) that asks for a new factorization.
	driftTol = 1e-7
	// residualTol is the largest error of a row in a basis that passes for
	// optimal.
	residualTol = 1e-7
	// refactorEvery is the number of updates after which the inverse is
	// computed anew.
	refactorEvery = 150
)

// Model is a linear program. Column j has the entries Index[k], Value[k] for
// Start[j] ≤ k < Start[j+1]; row indexes within a column are distinct. Every
// bound is finite.
type Model struct {
	Cost, Lower, Upper []float64
	Start, Index       []int32
	Value              []float64
	RowLower, RowUpper []float64
}

// Status says why Solve returned.
type Status uint8

const (
	Optimal    Status = iota // Value of every variable is within its box
	Infeasible               // no x, as far as floats can tell: see Ray
	Cutoff                   // the objective of every x exceeds the cut-off
	Limit                    // the limit on pivots was reached, or no progress
)

// Solver is a model with a basis. It is not safe for concurrent use.
type Solver struct {
	// Interrupt, if not nil, is asked about every hundred pivots whether to
	// stop: then Solve returns Limit.
	Interrupt func() bool
	// Tolerance is how far a basic variable may lie outside its box. New sets
	// the usual 1e-8; who needs the values themselves may ask for less.
	Tolerance float64

	keepSides bool // recompute leaves nonbasic variables where they are

	n, m         int
	start, index []int32
	value        []float64
	ones         []bool // column j has only ones
	cost         []float64
	lower, upper []float64 // structurals, then logicals

	head  []int32   // basis position → variable
	where []int32   // variable → basis position, −1 if nonbasic
	side  []float64 // nonbasic: 1 at the lower bound, −1 at the upper one

	inverse
	norm []float64 // squared norm of each row of the inverse
	xB   []float64 // values of the basic variables
	d    []float64 // reduced costs; stale for fixed structurals
	z    float64   // dual objective

	since  int   // pivots since the last factorization
	pivots int64 // pivots ever

	active   []int32 // structurals that can move, while Solve runs
	ray      []float64
	rho      []float64 // the pivot row of the inverse, by row of A
	aq       []float64 // the entering column
	shift    []float64 // change of the right-hand side by bound flips
	alphaJ   []int32   // nonzeros of the pivot row
	alphaV   []float64
	nonzeros int // their number
	cand     []candidate
	flips    []int32
	noise    []float64 // cost perturbation while stalled; nil otherwise
	scratch  []float64
	colS     []int32
	colV     []float64
}

// candidate is a variable that can enter: its breakpoint, and where it is in
// the pivot row.
type candidate struct {
	ratio float64
	at    int32
}

// New returns a solver of the model at the basis of all logicals. The slices
// Start, Index and Value are kept and not written to.
func New(model Model) *Solver {
	n, m := len(model.Cost), len(model.RowLower)
	s := &Solver{
		Tolerance: primalTol,
		n:         n, m: m,
		start: model.Start, index: model.Index, value: model.Value,
		ones:  make([]bool, n),
		cost:  append([]float64(nil), model.Cost...),
		lower: append(append(make([]float64, 0, n+m), model.Lower...), model.RowLower...),
		upper: append(append(make([]float64, 0, n+m), model.Upper...), model.RowUpper...),
		head:  make([]int32, m), where: make([]int32, n+m), side: make([]float64, n+m),
		norm: make([]float64, m), xB: make([]float64, m), d: make([]float64, n+m),
		ray: make([]float64, m), rho: make([]float64, m), aq: make([]float64, m),
		shift: make([]float64, m), scratch: make([]float64, m),
		alphaJ: make([]int32, n+m), alphaV: make([]float64, n+m),
	}
	for j := range s.side {
		s.side[j] = 1
	}
	for j := range s.ones {
		s.ones[j] = true
		for k := s.start[j]; k < s.start[j+1]; k++ {
			if s.value[k] != 1 {
				s.ones[j] = false
				break
			}
		}
	}
	s.Reset()
	return s
}

// Reset returns to the basis of all logicals.
func (s *Solver) Reset() {
	for j := range s.where {
		s.where[j] = -1
	}
	for i := range s.head {
		s.head[i] = int32(s.n + i)
		s.where[s.n+i] = int32(i)
	}
	s.inverse.clear(s.m)
	s.since = 0
	s.recompute()
}

// Objective is the dual objective at the current basis: a lower bound on the
// objective of every feasible x, but for rounding.
func (s *Solver) Objective() float64 { return s.z }

// Pivots is the number of pivots made since New.
func (s *Solver) Pivots() int64 { return s.pivots }

// Basis is the list of basic variables, logicals from n on. It must not be
// written to.
func (s *Solver) Basis() []int32 { return s.head }

// Basic says whether structural j is in the basis.
func (s *Solver) Basic(j int) bool { return s.where[j] >= 0 }

// Value is the value of variable j at the current basis.
func (s *Solver) Value(j int) float64 {
	if r := s.where[j]; r >= 0 {
		return s.xB[r]
	}
	return s.at(j)
}

// ReducedCost is the reduced cost of structural j at the current basis.
func (s *Solver) ReducedCost(j int) float64 {
	if s.where[j] >= 0 {
		return 0
	}
	return s.price(j)
}

// Duals copies the dual value of every row into y.
func (s *Solver) Duals(y []float64) { copy(y, s.d[s.n:]) }

// Ray copies into y the combination of rows that showed infeasibility: with
// these duals and zero costs the dual objective is positive.
func (s *Solver) Ray(y []float64) { copy(y, s.ray) }

// SetBounds changes the box of variable j, a structural or n + the row of a
// logical, and keeps the basis.
func (s *Solver) SetBounds(j int, lower, upper float64) {
	if s.where[j] >= 0 {
		s.lower[j], s.upper[j] = lower, upper
		return
	}
	old := s.at(j)
	if j < s.n && s.lower[j] == s.upper[j] {
		s.d[j] = s.price(j)
	}
	s.lower[j], s.upper[j] = lower, upper
	if lower < upper {
		s.side[j] = 1
		if s.d[j] < 0 {
			s.side[j] = -1
		}
	}
	if now := s.at(j); now != old {
		s.z += float64(s.d[j] * (now - old))
		s.addColumn(s.shift, j, now-old)
		s.applyShift()
	}
}

// RestoreBounds sets the box of variable j without touching the basis. It is
// for going back to a state whose bounds these were, before Load.
func (s *Solver) RestoreBounds(j int, lower, upper float64) {
	s.lower[j], s.upper[j] = lower, upper
}

// State is a saved basis with everything computed from it. Its memory is
// reused by the next Save.
type State struct {
	head, where []int32
	side        []float64
	inverse
	norm, xB, d []float64
	z           float64
	since       int
}

// Save copies the basis into t. Bounds are not part of it.
func (s *Solver) Save(t *State) {
	t.head = append(t.head[:0], s.head...)
	t.where = append(t.where[:0], s.where...)
	t.side = append(t.side[:0], s.side...)
	t.inverse.copyFrom(&s.inverse, s.m)
	t.norm = append(t.norm[:0], s.norm...)
	t.xB = append(t.xB[:0], s.xB...)
	t.d = append(t.d[:0], s.d...)
	t.z, t.since = s.z, s.since
}

// Load returns to a saved basis. The bounds must be those at Save.
func (s *Solver) Load(t *State) {
	copy(s.head, t.head)
	copy(s.where, t.where)
	copy(s.side, t.side)
	s.inverse.copyFrom(&t.inverse, s.m)
	copy(s.norm, t.norm)
	copy(s.xB, t.xB)
	copy(s.d, t.d)
	s.z, s.since = t.z, t.since
}

// at is the value of nonbasic variable j.
func (s *Solver) at(j int) float64 {
	if s.side[j] < 0 {
		return s.upper[j]
	}
	return s.lower[j]
}

// price is the reduced cost of structural j from the current duals.
func (s *Solver) price(j int) float64 {
	v := s.cost[j]
	y := s.d[s.n:]
	if s.noise != nil {
		v += s.noise[j]
	}
	for k := s.start[j]; k < s.start[j+1]; k++ {
		v -= float64(y[s.index[k]] * s.value[k])
	}
	return v
}

// addColumn adds t times column j to the row vector b.
func (s *Solver) addColumn(b []float64, j int, t float64) {
	if j >= s.n {
		b[j-s.n] -= t
		return
	}
	for k := s.start[j]; k < s.start[j+1]; k++ {
		b[s.index[k]] += float64(s.value[k] * t)
	}
}

// recompute derives everything from the inverse and puts each nonbasic
// variable at the bound that its reduced cost asks for.
func (s *Solver) recompute() {
	y := s.scratch
	clear(y)
	slots := len(s.slotRow)
	for i, h := range s.head {
		if int(h) >= s.n {
			continue
		}
		c := s.cost[h]
		if s.noise != nil {
			c += s.noise[h]
		}
		if c == 0 {
			continue
		}
		for t, v := range s.row(i)[:slots] {
			y[s.slotRow[t]] += float64(c * v)
		}
	}
	for k := range s.m {
		if s.where[s.n+k] >= 0 {
			s.d[s.n+k] = 0
		} else {
			s.d[s.n+k] = y[k]
		}
	}
	clear(s.shift)
	s.z = 0
	for j := range s.n + s.m {
		if s.where[j] >= 0 {
			s.d[j] = 0
			continue
		}
		if j < s.n {
			s.d[j] = s.price(j)
		}
		if s.keepSides {
		} else if s.d[j] > dualTol {
			s.side[j] = 1
		} else if s.d[j] < -dualTol {
			s.side[j] = -1
		}
		if v := s.at(j); v != 0 {
			s.z += float64(s.d[j] * v)
			s.addColumn(s.shift, j, v)
		}
	}
	clear(s.xB)
	s.applyShift()
	for i := range s.norm {
		s.norm[i] = s.rowNorm(i)
	}
}

// rowNorm is the squared norm of row i of the inverse.
func (s *Solver) rowNorm(i int) float64 {
	sum := square(s.row(i)[:len(s.slotRow)])
	if int(s.head[i]) >= s.n {
		sum++
	}
	return sum
}

// applyShift subtracts inverse × shift from the basic values and clears it.
func (s *Solver) applyShift() {
	slots := len(s.slotRow)
	b := s.scratch[:slots]
	dense := false
	for t, k := range s.slotRow {
		b[t] = s.shift[k]
		dense = dense || b[t] != 0
		s.shift[k] = 0
	}
	for k, v := range s.shift {
		if v != 0 {
			s.xB[s.where[s.n+k]] += v
			s.shift[k] = 0
		}
	}
	if !dense {
		return
	}
	for i := range s.xB {
		s.xB[i] -= dot(s.row(i)[:slots], b)
	}
}

// maxPivots bounds the pivots of one Solve: a run that long has stalled.
func (s *Solver) maxPivots() int64 { return int64(20*(s.n+s.m) + 2000) }

func abs(x float64) float64 { return math.Abs(x) }
