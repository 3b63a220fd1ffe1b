package lottery

import (
	"math"

	"github.com/openfairlead/fairlead/matcher/ilp"
	"github.com/openfairlead/fairlead/matcher/lp"
)

// system is a Problem by column, in floats, with finite sides.
type system struct {
	*Problem
	T        int
	lo, hi   []float64 // boxes of the columns; hi is tightened by what is proved
	rlo, rhi []float64
	rows     [][]int32 // by column
	values   [][]float64
	mixed    []bool // row has an auxiliary column
	lazy     []bool // row binds from above only: in a model once it is violated
	hopeless bool   // nothing in the boxes satisfies some row
}

func newSystem(p *Problem) *system {
	n := len(p.Lower)
	s := &system{
		Problem: p, T: len(p.People),
		lo: make([]float64, n), hi: make([]float64, n),
		rows: make([][]int32, n), values: make([][]float64, n),
	}
	for j := range n {
		s.lo[j], s.hi[j] = float64(p.Lower[j]), float64(p.Upper[j])
		s.hopeless = s.hopeless || p.Lower[j] > p.Upper[j]
	}
	for i := range p.Rows {
		s.addRow(i)
	}
	return s
}

// addRow takes over row i of the problem, which follows those it has.
func (s *system) addRow(i int) {
	row := &s.Rows[i]
	least, most, mixed, aux := int64(0), int64(0), false, false
	for k, j := range row.Index {
		v := row.Value[k]
		if v == 0 {
			continue
		}
		s.rows[j], s.values[j] = append(s.rows[j], int32(i)), append(s.values[j], float64(v))
		mixed = mixed || int(j) >= s.T && s.Lower[j] < s.Upper[j]
		aux = aux || int(j) >= s.T
		lo, hi := v*s.Lower[j], v*s.Upper[j]
		least, most = least+min(lo, hi), most+max(lo, hi)
	}
	s.mixed, s.lazy = append(s.mixed, mixed), append(s.lazy, !aux && row.Lo <= least)
	lo, hi := float64(max(row.Lo, least)), float64(min(row.Hi, most))
	s.rlo, s.rhi = append(s.rlo, lo), append(s.rhi, hi)
	s.hopeless = s.hopeless || lo > hi
}

func (s *system) people(t int) float64 { return float64(s.People[t]) }

// activity is the value of a row at x.
func (s *system) activity(i int, x []float64) float64 {
	row := &s.Rows[i]
	sum := 0.0
	for k, j := range row.Index {
		sum += float64(float64(row.Value[k]) * x[j])
	}
	return sum
}

// violated appends to active the lazy rows that x breaks by more than eps.
func (s *system) violated(x []float64, active []bool, eps float64) bool {
	found := false
	for i := range s.Rows {
		if s.lazy[i] && !active[i] && s.activity(i, x) > s.rhi[i]+eps {
			active[i], found = true, true
		}
	}
	return found
}

// builder makes a linear program of some columns and the active rows.
type builder struct {
	lp.Model
	at []int32 // row of the system → row of the model, −1
}

func (s *system) builder(active []bool) *builder {
	b := &builder{at: make([]int32, len(s.Rows))}
	b.Start = append(b.Start, 0)
	for i := range s.Rows {
		b.at[i] = -1
		if active[i] {
			b.at[i] = int32(len(b.RowLower))
			b.RowLower, b.RowUpper = append(b.RowLower, s.rlo[i]), append(b.RowUpper, s.rhi[i])
		}
	}
	return b
}

// entry adds an entry to the column that is being built.
func (b *builder) entry(row int32, v float64) {
	b.Index, b.Value = append(b.Index, row), append(b.Value, v)
}

// close ends the column.
func (b *builder) close(cost, lower, upper float64) {
	b.Start = append(b.Start, int32(len(b.Index)))
	b.Cost, b.Lower, b.Upper = append(b.Cost, cost), append(b.Lower, lower), append(b.Upper, upper)
}

// column adds the entries of column j of the system.
func (s *system) column(b *builder, j int) {
	for k, i := range s.rows[j] {
		if b.at[i] >= 0 {
			b.entry(b.at[i], s.values[j][k])
		}
	}
}

// breaks says whether a whole point, auxiliary columns included, breaks a box,
// a row or a variety. It counts in integers.
func (p *Problem) breaks(x []int64) bool {
	for j, v := range x {
		if v < p.Lower[j] || v > p.Upper[j] {
			return true
		}
	}
	for i := range p.Rows {
		row := &p.Rows[i]
		sum := int64(0)
		for k, j := range row.Index {
			sum += row.Value[k] * x[j]
		}
		if sum < row.Lo || sum > row.Hi {
			return true
		}
	}
	return !p.varied(x)
}

// weighed is the problem of the cohort with the largest Σ weight·count.
func (p *Problem) weighed(weight []int64) *ilp.Problem {
	q := p.Problem
	q.Cost = make([]int64, len(q.Lower))
	for t, w := range weight {
		q.Cost[t] = -w
	}
	return &q
}

// scaled turns weights into integers: the largest becomes about 2^bits. It
// returns the factor as well.
func scaled(weight []float64, bits int) ([]int64, float64) {
	largest := 0.0
	for _, w := range weight {
		largest = max(largest, math.Abs(w))
	}
	if largest == 0 {
		return make([]int64, len(weight)), 1
	}
	_, exp := math.Frexp(largest)
	factor := math.Ldexp(1, bits-exp)
	out := make([]int64, len(weight))
	for t, w := range weight {
		out[t] = int64(math.RoundToEven(w * factor))
	}
	return out, factor
}
