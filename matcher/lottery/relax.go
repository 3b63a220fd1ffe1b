package lottery

import (
	"errors"
	"math"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// Tolerances of the relaxation, in people unless said otherwise.
const (
	// slackLevel is how far, as a chance, a type may fall below its level in
	// later programs, so that rounding does not make them infeasible.
	slackLevel = 1e-11
	// activeTol is how far a row that is not in the model may be violated.
	activeTol = 1e-7
	// holdTol is the smallest dual weight, in chances, that counts as positive
	// and hence holds a type at its level.
	holdTol = 1e-9
	// tightTol is how near to a bound counts as at it, before snapping.
	tightTol = 1e-7
	// tightDual is the size of a dual that makes its row tight in every optimum.
	tightDual = 1e-9
)

// relaxed is the leximin point of the linear relaxation.
type relaxed struct {
	chance []float64 // by type
	x      []float64 // by column, auxiliary ones included
	stages []stage
	// rowSide and columnSide say which rows, and auxiliary columns, are at their
	// lower (1) or upper (2) bound in every leximin point, by their duals.
	rowSide, columnSide []int8
}

// stage is one level as the linear program sees it.
type stage struct {
	value  float64
	types  []int
	weight []float64 // by type
	duals  []float64 // by row: of the minimum of −Σ weight·x; nil if unknown
}

var (
	errRelaxationEmpty = errors.New("lottery: the linear relaxation is empty")
	errRelaxationStuck = errors.New("lottery: the linear relaxation could not be solved accurately")
)

// relax finds the leximin point of {x : rows, boxes}. Since that set contains
// every mixture of cohorts, its leximin is an upper bound on theirs, and if the
// point is a mixture, it is their leximin.
//
// One linear program for each level: with x(t) = people(t)·z + s(t) for the types
// that are not held yet and x(t) = people(t)·level(t) + s(t) for the others, s ≥ 0,
// z is maximized. A type whose s has a positive reduced cost is at z in every
// optimum: it is held there. The boxed dual simplex starts from the basis of
// all logicals.
func (e *engine) relax() (*relaxed, error) {
	s := e.system
	n, rows := len(s.lo), len(s.Rows)
	r := &relaxed{
		chance: make([]float64, s.T), x: make([]float64, n),
		rowSide: make([]int8, rows), columnSide: make([]int8, n),
	}
	held := make([]bool, s.T)
	left := 0
	for t := range held {
		if held[t] = s.lo[t] == s.hi[t]; held[t] {
			r.chance[t] = s.lo[t] / s.people(t)
		} else {
			left++
		}
	}
	ceiling := make([]bool, s.T) // x(t) ≤ hi(t) is a row: it has been violated
	for first := true; left > 0 || first; first = false {
		value, q, b, err := e.stageProgram(r, held, ceiling)
		rows = len(s.Rows) // cuts may have come
		r.rowSide = append(r.rowSide, make([]int8, rows-len(r.rowSide))...)
		if err != nil {
			return r, err
		}
		if left == 0 {
			break // only the auxiliary columns were asked for
		}
		st := stage{value: value, weight: make([]float64, s.T), duals: make([]float64, rows)}
		y := make([]float64, len(b.RowLower))
		q.Duals(y)
		for i, at := range b.at {
			if at < 0 {
				continue
			}
			st.duals[i] = y[at]
			if v := y[at]; r.rowSide[i] == 0 && math.Abs(v) > tightDual {
				r.rowSide[i] = 1
				if v < 0 {
					r.rowSide[i] = 2
				}
			}
		}
		for j := s.T; j < n; j++ {
			if d := q.ReducedCost(j); r.columnSide[j] == 0 && math.Abs(d) > tightDual {
				r.columnSide[j] = 1
				if d < 0 {
					r.columnSide[j] = 2
				}
			}
		}
		for t := range s.T {
			w := 0.0
			for k, i := range s.rows[t] {
				w -= float64(st.duals[i] * s.values[t][k])
			}
			if w < 0 && s.hi[t] >= s.people(t) {
				w = 0 // the box says as much
			}
			st.weight[t] = w
			if !held[t] && q.ReducedCost(t)*s.people(t) > holdTol {
				st.types = append(st.types, t)
			}
		}
		if value < 1e-9 {
			st.value = 0 // exactly: these types are in no cohort
		}
		top := value > e.cap-1e-9
		if top {
			st.value, st.types = e.cap, st.types[:0]
			for t := range held {
				if !held[t] {
					st.types = append(st.types, t)
				}
			}
		}
		if len(st.types) == 0 {
			return r, errRelaxationStuck
		}
		for _, t := range st.types {
			held[t], r.chance[t] = true, max(0, st.value)
		}
		left -= len(st.types)
		r.stages = append(r.stages, st)
	}
	for t := range s.T {
		r.x[t] = float64(r.chance[t] * s.people(t))
	}
	return r, nil
}

// stageProgram solves the linear program of one level, adding rows that its
// point violates until there are none. It leaves the auxiliary columns in r.x.
func (e *engine) stageProgram(r *relaxed, held, ceiling []bool) (float64, *lp.Solver, *builder, error) {
	s := e.system
	n := len(s.lo)
	for {
		if e.interrupted() {
			return 0, nil, nil, ErrUndecided
		}
		b := s.builder(e.active)
		top := make([]int32, s.T) // row of the ceiling of a type
		for t := range top {
			if top[t] = -1; ceiling[t] && !held[t] {
				top[t] = int32(len(b.RowLower))
				b.RowLower, b.RowUpper = append(b.RowLower, s.lo[t]), append(b.RowUpper, s.hi[t])
			}
		}
		base := make([]float64, s.T) // what a held type has at least
		z := make([]float64, len(b.RowLower))
		for t := range s.T {
			s.column(b, t)
			if held[t] {
				base[t] = s.lo[t]
				if s.lo[t] < s.hi[t] {
					base[t] = float64(s.people(t) * max(0, r.chance[t]-slackLevel))
				}
				for k, i := range s.rows[t] {
					if at := b.at[i]; at >= 0 {
						v := float64(base[t] * s.values[t][k])
						b.RowLower[at] -= v
						b.RowUpper[at] -= v
					}
				}
				b.close(0, 0, s.hi[t]-base[t])
				continue
			}
			for k, i := range s.rows[t] {
				if at := b.at[i]; at >= 0 {
					z[at] += float64(s.people(t) * s.values[t][k])
				}
			}
			if top[t] >= 0 {
				b.entry(top[t], 1)
				z[top[t]] += s.people(t)
			}
			b.close(0, 0, s.hi[t])
		}
		for j := s.T; j < n; j++ {
			s.column(b, j)
			b.close(0, s.lo[j], s.hi[j])
		}
		for i, v := range z {
			if v != 0 {
				b.entry(int32(i), v)
			}
		}
		b.close(-1, 0, e.cap)
		q := lp.New(b.Model)
		q.Interrupt = e.interrupted
		status := e.accurately(q)
		if status != lp.Optimal {
			if status == lp.Infeasible && len(r.stages) == 0 {
				return 0, nil, nil, errRelaxationEmpty
			}
			return 0, nil, nil, errRelaxationStuck
		}
		value := q.Value(n)
		x := make([]float64, n)
		grown := false
		for t := range s.T {
			x[t] = base[t] + q.Value(t)
			if !held[t] {
				x[t] = float64(s.people(t)*value) + q.Value(t)
				if x[t] > s.hi[t]+activeTol && !ceiling[t] {
					ceiling[t], grown = true, true
				}
			}
		}
		for j := s.T; j < n; j++ {
			x[j] = q.Value(j)
		}
		if e.separate(x) || s.violated(x, e.active, activeTol) || grown {
			continue
		}
		copy(r.x[s.T:], x[s.T:])
		return value, q, b, nil
	}
}

// accurately solves a program to the smallest tolerance that it allows: a last
// violation of 1e-11 cannot always be repaired.
func (e *engine) accurately(q *lp.Solver) lp.Status {
	status := lp.Limit
	for q.Tolerance = 1e-11; q.Tolerance < 1e-7; q.Tolerance *= 10 {
		before := q.Pivots()
		status = q.Solve(math.Inf(1), e.quota())
		e.pivots += q.Pivots() - before
		if status == lp.Optimal || e.interrupted() {
			break
		}
	}
	return status
}

// snap moves r.x by the smallest step, relative to the distance from the lower
// bounds, so that every row that is tight but for rounding holds exactly. A
// mixture of cohorts can equal the point only if it keeps them exactly, and
// without this the weights are looked for in vain at the last digits.
func (e *engine) snap(r *relaxed) {
	s := e.system
	x := r.x
	type row struct {
		index []int32
		value []float64
		rest  float64
	}
	var rows []row
	for i := range s.Rows {
		a := s.activity(i, x)
		var rest float64
		switch {
		case s.rlo[i] == s.rhi[i]:
			rest = s.rlo[i] - a
		case s.mixed[i] && r.rowSide[i] == 1, !s.mixed[i] && a < s.rlo[i]+tightTol:
			rest = s.rlo[i] - a
		case s.mixed[i] && r.rowSide[i] == 2, !s.mixed[i] && a > s.rhi[i]-tightTol:
			rest = s.rhi[i] - a
		default:
			continue
		}
		g := row{index: s.Rows[i].Index, rest: rest}
		for _, v := range s.Rows[i].Value {
			g.value = append(g.value, float64(v))
		}
		rows = append(rows, g)
	}
	room := make([]float64, len(x))
	scale := 0.0
	for j := range x {
		switch {
		case x[j] < s.lo[j]+tightTol:
			x[j] = s.lo[j]
		case x[j] > s.hi[j]-tightTol:
			x[j] = s.hi[j]
		default:
			room[j] = x[j] - s.lo[j]
			scale += room[j]
		}
	}
	// Conjugate gradients on A·diag(room)·Aᵀ·u = rest, a little regularized
	// because tight rows can depend on each other.
	m := len(rows)
	u, res, dir, img := make([]float64, m), make([]float64, m), make([]float64, m), make([]float64, m)
	step := make([]float64, len(x))
	spread := func(v []float64) {
		clear(step)
		for i := range rows {
			for k, j := range rows[i].index {
				step[j] += float64(v[i] * rows[i].value[k])
			}
		}
		for j := range step {
			step[j] *= room[j]
		}
	}
	norm := 0.0
	for i := range rows {
		res[i], dir[i] = rows[i].rest, rows[i].rest
		norm += float64(res[i] * res[i])
	}
	first := norm
	for k := 0; k < 200 && norm > 1e-16*first && norm > 1e-32; k++ {
		spread(dir)
		curve := 0.0
		for i := range rows {
			img[i] = float64(1e-10 * scale * dir[i])
			for k, j := range rows[i].index {
				img[i] += float64(rows[i].value[k] * step[j])
			}
			curve += float64(img[i] * dir[i])
		}
		if curve <= 0 {
			break
		}
		a, next := norm/curve, 0.0
		for i := range u {
			u[i] += float64(a * dir[i])
			res[i] -= float64(a * img[i])
			next += float64(res[i] * res[i])
		}
		for i := range dir {
			dir[i] = res[i] + float64(next/norm*dir[i])
		}
		norm = next
	}
	spread(u)
	for j := range x {
		x[j] += step[j]
	}
	for t := range s.T {
		r.chance[t] = x[t] / s.people(t)
	}
}

// face is the boxes and sides that every cohort of a mixture equal to the
// point keeps: what is tight at the point is tight at each of them.
type face struct {
	lo, hi, rlo, rhi []float64
}

func (e *engine) face(r *relaxed) *face {
	s := e.system
	f := &face{
		lo: append([]float64(nil), s.lo...), hi: append([]float64(nil), s.hi...),
		rlo: append([]float64(nil), s.rlo...), rhi: append([]float64(nil), s.rhi...),
	}
	for t := range s.T {
		if r.x[t] <= s.lo[t]+tightTol {
			f.hi[t] = s.lo[t]
		} else if r.x[t] >= s.people(t)-tightTol {
			f.lo[t] = s.people(t)
		} else {
			f.hi[t] = s.people(t) // whatever the cap: it is on the mean
		}
	}
	for j := s.T; j < len(s.lo); j++ {
		switch r.columnSide[j] {
		case 1:
			f.hi[j] = s.lo[j]
		case 2:
			f.lo[j] = s.hi[j]
		}
	}
	for i := range s.Rows {
		a := s.activity(i, r.x)
		switch {
		case s.mixed[i] && r.rowSide[i] == 1, !s.mixed[i] && a < s.rlo[i]+tightTol:
			f.rhi[i] = s.rlo[i]
		case s.mixed[i] && r.rowSide[i] == 2, !s.mixed[i] && a > s.rhi[i]-tightTol:
			f.rlo[i] = s.rhi[i]
		}
	}
	return f
}
