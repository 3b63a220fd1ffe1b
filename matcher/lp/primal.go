package lp

import "math"

// Tolerances of the primal simplex method.
const (
	// enterTol is the size of a reduced cost that makes a column enter: the same
	// that sends a variable to its other bound in the dual method, so that what
	// one method leaves is optimal to the other.
	enterTol = dualTol
	// harrisTol is how far a basic variable may be pushed beyond its box for the
	// sake of a larger pivot.
	harrisTol = 1e-11
	// refinedTol is the largest error of a row, and of the reduced cost of a basic
	// variable, that Primal leaves.
	refinedTol = 1e-11
)

// Column is a column that is added to a model: row indexes are distinct.
type Column struct {
	Index        []int32
	Value        []float64
	Cost         float64
	Lower, Upper float64
}

// Add appends structural columns, nonbasic at their lower bounds. The basis
// stays as it is, but for the numbers of logicals, which follow the structurals.
func (s *Solver) Add(columns []Column) {
	old, add := s.n, len(columns)
	grow := func(a []float64) []float64 {
		b := make([]float64, 0, len(a)+add+64)
		b = append(b, a[:old]...)
		b = append(b, make([]float64, add)...)
		return append(b, a[old:]...)
	}
	s.lower, s.upper, s.side, s.d = grow(s.lower), grow(s.upper), grow(s.side), grow(s.d)
	where := make([]int32, 0, len(s.where)+add+64)
	where = append(where, s.where[:old]...)
	for range add {
		where = append(where, -1)
	}
	s.where = append(where, s.where[old:]...)
	for i, h := range s.head {
		if int(h) >= old {
			s.head[i] = h + int32(add)
		}
	}
	// The slices may be the caller's: append to copies.
	s.start = append(make([]int32, 0, len(s.start)+add), s.start...)
	s.index, s.value = s.index[:len(s.index):len(s.index)], s.value[:len(s.value):len(s.value)]
	s.n += add
	for k, c := range columns {
		j := old + k
		ones := true
		for _, v := range c.Value {
			ones = ones && v == 1
		}
		s.index, s.value = append(s.index, c.Index...), append(s.value, c.Value...)
		s.start = append(s.start, int32(len(s.index)))
		s.ones, s.cost = append(s.ones, ones), append(s.cost, c.Cost)
		s.lower[j], s.upper[j], s.side[j] = c.Lower, c.Upper, 1
		s.d[j] = s.price(j)
		if c.Lower != 0 {
			s.addColumn(s.shift, j, c.Lower)
		}
	}
	s.alphaJ, s.alphaV = make([]int32, s.n+s.m), make([]float64, s.n+s.m)
	s.applyShift()
}

// SetBasis makes these variables the basis, in any order; the others are put at
// their lower bounds, but for those in atUpper. It returns false, and the basis
// is that of all logicals, if they are no basis.
func (s *Solver) SetBasis(basic, atUpper []int32) bool {
	keep := s.keepSides
	s.keepSides = true
	ok := s.setBasis(basic, atUpper)
	s.keepSides = keep
	return ok
}

// WarmStart makes these variables the basis for Solve: the others are put at
// the bounds that their reduced costs ask for. It returns false, and the basis
// is that of all logicals, if they are no basis.
func (s *Solver) WarmStart(basic []int32) bool { return s.setBasis(basic, nil) }

// Exchange takes a variable out of the basis, to its lower bound, and another
// one in, whatever that does to values and reduced costs: Restate computes them.
// It returns false, and has changed nothing, if that would be no basis.
func (s *Solver) Exchange(out, in int) bool {
	r := int(s.where[out])
	if r < 0 || s.where[in] >= 0 {
		return false
	}
	s.column(in)
	pivot := s.aq[r]
	if abs(pivot) < pivotTol {
		return false
	}
	s.where[out], s.where[in] = -1, int32(r)
	s.side[out] = 1
	s.head[r] = int32(in)
	s.update(r, out, in, pivot)
	s.since++
	return true
}

// Restate gives the rows other sides, and takes the entries of structural j,
// which is not in the basis, out of the rows of gone. The basis stays, and so do
// the bounds that the others are at.
func (s *Solver) Restate(rowLower, rowUpper []float64, j int, gone []bool) {
	copy(s.lower[s.n:], rowLower)
	copy(s.upper[s.n:], rowUpper)
	s.value = append([]float64(nil), s.value...) // it may be the caller's
	for k := s.start[j]; k < s.start[j+1]; k++ {
		if gone[s.index[k]] {
			s.value[k] = 0
		}
	}
	s.keepSides = true
	if !s.refine() {
		s.refactor()
	}
	s.keepSides = false
}

// AtUpper says whether variable j, a structural or from the number of
// structurals on a logical, is nonbasic at its upper bound.
func (s *Solver) AtUpper(j int) bool { return s.where[j] < 0 && s.side[j] < 0 }

func (s *Solver) setBasis(basic, atUpper []int32) bool {
	if len(basic) != s.m {
		return false
	}
	for j := range s.where {
		s.where[j], s.side[j] = -1, 1
	}
	// refactor expects a logical that is basic at any position.
	for i, h := range basic {
		if s.where[h] >= 0 {
			s.Reset()
			return false
		}
		s.head[i], s.where[h] = h, int32(i)
	}
	for _, j := range atUpper {
		s.side[j] = -1
	}
	s.refactor()
	for i, h := range basic {
		if s.head[i] != h {
			return false
		}
	}
	return true
}

// Primal makes primal simplex pivots from a basis whose values lie within their
// boxes, as is left by Add, and keeps them there. It returns Optimal or Limit.
// The caller sees to it that ties are few: there is no perturbation here.
func (s *Solver) Primal(limit int64) Status {
	s.keepSides = true
	defer func() { s.keepSides = false }()
	s.active = s.active[:0]
	for j := range s.n {
		if s.lower[j] < s.upper[j] {
			s.active = append(s.active, int32(j))
		}
	}
	refined := false
	for made := int64(0); ; {
		// A factorization costs about as much as one update for each slot.
		if s.since >= max(refactorEvery, 2*len(s.slotRow)) {
			s.refactor()
		}
		q := s.entering()
		if q < 0 {
			if s.since == 0 || refined {
				return Optimal
			}
			// Accurate values and duals, and a second look.
			if !s.refine() {
				s.refactor()
			}
			refined = true
			continue
		}
		if made >= limit || (made&127 == 127 && s.Interrupt != nil && s.Interrupt()) {
			return Limit
		}
		switch s.enter(q) {
		case pivoted:
			made++
			s.pivots++
			refined = false
		case drifted:
			s.refactor()
		default:
			return Limit
		}
	}
}

// refine computes values and duals anew and corrects them once by their
// residuals, which makes up for what the inverse has lost over its updates. It
// returns false if that is not enough.
func (s *Solver) refine() bool {
	s.recompute()
	clear(s.shift)
	for j := range s.n + s.m {
		if v := s.Value(j); v != 0 {
			s.addColumn(s.shift, j, v)
		}
	}
	s.applyShift()
	slots := len(s.slotRow)
	y := s.scratch
	clear(y)
	for i, h := range s.head {
		if int(h) >= s.n {
			continue
		}
		c := s.price(int(h)) // of a basic variable: 0, but for the error
		if c == 0 {
			continue
		}
		for t, v := range s.row(i)[:slots] {
			y[s.slotRow[t]] += float64(c * v)
		}
	}
	for _, k := range s.slotRow {
		s.d[s.n+int(k)] += y[k]
	}
	worst := 0.0
	for j := range s.n {
		if s.where[j] >= 0 {
			worst = max(worst, abs(s.price(j)))
		} else {
			s.d[j] = s.price(j)
		}
	}
	return worst <= refinedTol && s.residual() <= refinedTol
}

// entering is the nonbasic variable whose reduced cost promises most, −1 if
// none does.
func (s *Solver) entering() int {
	q, best := -1, enterTol
	for _, j := range s.active {
		if s.where[j] >= 0 {
			continue
		}
		if v := -s.d[j] * s.side[j]; v > best {
			q, best = int(j), v
		}
	}
	for _, k := range s.slotRow {
		j := s.n + int(k)
		if v := -s.d[j] * s.side[j]; v > best && s.lower[j] < s.upper[j] {
			q, best = j, v
		}
	}
	return q
}

// enter moves nonbasic variable q away from its bound as far as the boxes of
// the basic variables allow.
func (s *Solver) enter(q int) outcome {
	s.column(q)
	dir := s.side[q]
	// Harris: the largest pivot among those that a slightly larger box allows.
	room := math.Inf(1)
	for i, a := range s.aq {
		if rate := -a * dir; rate > pivotTol {
			room = min(room, (max(0, s.upper[s.head[i]]-s.xB[i])+harrisTol)/rate)
		} else if rate < -pivotTol {
			room = min(room, (max(0, s.xB[i]-s.lower[s.head[i]])+harrisTol)/-rate)
		}
	}
	width := s.upper[q] - s.lower[q]
	if width <= room {
		s.z += float64(s.d[q] * dir * width)
		for i, a := range s.aq {
			s.xB[i] -= float64(a * dir * width)
		}
		s.side[q] = -dir
		return pivoted
	}
	r, size, step := -1, 0.0, 0.0
	for i, a := range s.aq {
		rate := -a * dir
		if abs(rate) <= max(size, pivotTol) {
			continue
		}
		left := max(0, s.upper[s.head[i]]-s.xB[i])
		if rate < 0 {
			left = max(0, s.xB[i]-s.lower[s.head[i]])
		}
		if t := left / abs(rate); t <= room {
			r, size, step = i, abs(rate), t
		}
	}
	if r < 0 {
		return stuck
	}
	s.pivotRow(r, 1)
	pivot := s.aq[r]
	for t, j := range s.alphaJ[:s.nonzeros] {
		if int(j) == q && s.since > 0 && abs(pivot-s.alphaV[t]) > driftTol*(1+abs(pivot)) {
			return drifted
		}
	}
	h := int(s.head[r])
	dual := s.d[q] / pivot
	value := s.at(q) + float64(dir*step)
	for t, j := range s.alphaJ[:s.nonzeros] {
		s.d[j] -= float64(dual * s.alphaV[t])
	}
	s.d[q], s.d[h] = 0, -dual
	s.where[h], s.where[q] = -1, int32(r)
	s.side[h] = 1
	if -pivot*dir > 0 {
		s.side[h] = -1
	}
	s.head[r] = int32(q)
	for i, a := range s.aq {
		if a != 0 {
			s.xB[i] -= float64(a * dir * step)
		}
	}
	s.xB[r] = value
	s.update(r, h, q, pivot)
	s.since++
	return pivoted
}
