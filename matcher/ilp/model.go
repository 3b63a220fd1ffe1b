package ilp

import (
	"cmp"
	"math"
	"slices"
)

// model is a problem in the form that the search works on: fixed columns and
// rows that cannot bind are gone, both sides of every row are finite, columns
// that are alike are one column, and the costs have no common divisor. The
// objective of what it came from is base + unit·(cost·x).
type model struct {
	base, unit int64
	cost       []int64
	lo, hi     []int64
	soft       []bool // Continuous of Problem

	matrix
	rlo, rhi []int64

	// id names columns and, from the number of columns on, rows by those of the
	// problem: a column by itself or the first of those it stands for, a row by
	// its place after all columns.
	id []int32

	// How expand turns a point of this model into one of the parent; nil parent:
	// of the problem.
	parent  *model
	fixed   []int64 // by column of the parent: its value, or its lower bound
	room    []int64 // by column of the parent: upper − lower
	members [][]int32
}

// noValue stands for an objective that is not known.
const noValue = math.MaxInt64

func (m *model) columns() int { return len(m.cost) }
func (m *model) rows() int    { return len(m.rlo) }

// value is the objective of the problem for an objective c of the model.
func (m *model) value(c int64) int64 { return m.base + m.unit*c }

// range of cost·x in the box, whatever the rows say.
func (m *model) least() int64 {
	sum := int64(0)
	for j, c := range m.cost {
		sum += min(c*m.lo[j], c*m.hi[j])
	}
	return sum
}

func (m *model) most() int64 {
	sum := int64(0)
	for j, c := range m.cost {
		sum += max(c*m.lo[j], c*m.hi[j])
	}
	return sum
}

// expand turns a point of the model into a point of the problem. Columns that
// were merged are filled in order of their index.
func (m *model) expand(x []int64) []int64 {
	for ; m != nil; m = m.parent {
		full := slices.Clone(m.fixed)
		for c, list := range m.members {
			left := x[c]
			for _, j := range list {
				left -= m.fixed[j]
			}
			for _, j := range list {
				t := min(left, m.room[j])
				full[j] += t
				left -= t
			}
		}
		x = full
	}
	return x
}

// matrix holds the entries by row, sorted by column, and by column, sorted by
// row.
type matrix struct {
	rowStart []int32
	rowIndex []int32
	rowValue []int64
	colStart []int32
	colIndex []int32
	colValue []int64
}

// row is the columns and values of row i.
func (a *matrix) row(i int) ([]int32, []int64) {
	from, to := a.rowStart[i], a.rowStart[i+1]
	return a.rowIndex[from:to], a.rowValue[from:to]
}

// column is the rows and values of column j.
func (a *matrix) column(j int) ([]int32, []int64) {
	from, to := a.colStart[j], a.colStart[j+1]
	return a.colIndex[from:to], a.colValue[from:to]
}

// byColumn derives the columns from the rows.
func (a *matrix) byColumn(n int) {
	a.colStart = make([]int32, n+1)
	for _, j := range a.rowIndex {
		a.colStart[j+1]++
	}
	for j := range n {
		a.colStart[j+1] += a.colStart[j]
	}
	a.colIndex = make([]int32, len(a.rowIndex))
	a.colValue = make([]int64, len(a.rowIndex))
	next := slices.Clone(a.colStart[:n])
	for i := range len(a.rowStart) - 1 {
		index, value := a.row(i)
		for k, j := range index {
			a.colIndex[next[j]], a.colValue[next[j]] = int32(i), value[k]
			next[j]++
		}
	}
}

// newModel reduces a problem. It returns false if that shows infeasibility.
func newModel(p *Problem) (*model, bool) {
	m := asGiven(p)
	r, ok := m.reduce(m.lo, m.hi)
	if ok {
		r.parent = nil
	}
	return r, ok
}

// asGiven is the model of a problem, not reduced: sides of rows may be
// infinite.
func asGiven(p *Problem) *model {
	n := len(p.Cost)
	soft := p.Continuous
	if soft == nil {
		soft = make([]bool, n)
	}
	m := &model{
		unit: 1, cost: p.Cost, soft: soft,
		lo: slices.Clone(p.Lower), hi: slices.Clone(p.Upper),
		id: make([]int32, n+len(p.Rows)),
	}
	for j := range m.id {
		m.id[j] = int32(j)
	}
	entries := 0
	for _, row := range p.Rows {
		entries += len(row.Index)
	}
	m.rowStart = make([]int32, 1, len(p.Rows)+1)
	m.rowIndex = make([]int32, 0, entries)
	m.rowValue = make([]int64, 0, entries)
	for _, row := range p.Rows {
		m.rlo = append(m.rlo, row.Lo)
		m.rhi = append(m.rhi, row.Hi)
		if slices.IsSorted(row.Index) {
			for k, j := range row.Index {
				if row.Value[k] != 0 {
					m.rowIndex = append(m.rowIndex, j)
					m.rowValue = append(m.rowValue, row.Value[k])
				}
			}
		} else {
			order := make([]int, 0, len(row.Index))
			for k, v := range row.Value {
				if v != 0 {
					order = append(order, k)
				}
			}
			slices.SortFunc(order, func(a, b int) int { return cmp.Compare(row.Index[a], row.Index[b]) })
			for _, k := range order {
				m.rowIndex = append(m.rowIndex, row.Index[k])
				m.rowValue = append(m.rowValue, row.Value[k])
			}
		}
		m.rowStart = append(m.rowStart, int32(len(m.rowIndex)))
	}
	m.byColumn(n)
	return m
}
