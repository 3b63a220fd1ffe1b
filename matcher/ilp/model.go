package ilp

import (
	"cmp"
	"math"
	"slices"
)

// model is a problem in the form that the search works on: fixed columns and
// rows that cannot bind are gone, both sides of every row are finite, columns
// that are alike are one column, and the costs have no common divisor. The
// objective of the problem it came from is base + unit·(cost·x).
type model struct {
	base, unit int64
	cost       []int64
	lo, hi     []int64
	soft       []bool // Continuous of Problem
	rows       []Row  // sorted by column

	// where each column comes from: expand turns a point of this model into
	// one of the parent (nil parent: of the problem).
	parent  *model
	fixed   []int64   // by column of the parent: its value, or its lower bound
	members [][]int32 // by column of this model: columns of the parent, ascending
	room    []int64   // by column of the parent: upper − lower
}

// value is the objective of the problem for an objective c of the model.
func (m *model) value(c int64) int64 { return m.base + m.unit*c }

// least is the smallest objective in the box, whatever the rows say.
func (m *model) least() int64 {
	sum := int64(0)
	for j, c := range m.cost {
		sum += min(c*m.lo[j], c*m.hi[j])
	}
	return sum
}

// most is the largest objective in the box.
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

// newModel reduces a problem. It returns false if that shows infeasibility.
func newModel(p *Problem) (*model, bool) {
	n := len(p.Cost)
	soft := p.Continuous
	if soft == nil {
		soft = make([]bool, n)
	}
	m := &model{
		unit: 1,
		cost: p.Cost,
		lo:   slices.Clone(p.Lower), hi: slices.Clone(p.Upper),
		soft: soft,
	}
	for _, row := range p.Rows {
		m.rows = append(m.rows, sortedRow(row))
	}
	r, ok := m.reduce()
	if ok {
		r.parent = nil
	}
	return r, ok
}

// sortedRow is a copy of a row without zeros, sorted by column.
func sortedRow(row Row) Row {
	out := Row{Lo: row.Lo, Hi: row.Hi}
	order := make([]int, 0, len(row.Index))
	for k, v := range row.Value {
		if v != 0 {
			order = append(order, k)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(row.Index[a], row.Index[b]) })
	for _, k := range order {
		out.Index = append(out.Index, row.Index[k])
		out.Value = append(out.Value, row.Value[k])
	}
	return out
}

// reduceRounds bounds the rounds of bound tightening: each is linear in the
// size of the model, and the first few do nearly all there is to do.
const reduceRounds = 12

// reduce returns a smaller model with the same optimum, or false if there is
// no feasible point. It narrows m.lo and m.hi; nothing else of m is changed.
//
// Used here: bounds of columns from the activity of rows, rows that cannot
// bind, the common divisor of a row, columns that no row keeps from their best
// bound, rows that are alike and columns that are alike.
func (m *model) reduce() (*model, bool) {
	for j := range m.lo {
		if m.lo[j] > m.hi[j] {
			return nil, false
		}
	}
	rows := slices.Clone(m.rows)
	alive := make([]bool, len(rows))
	for i := range alive {
		alive[i] = true
	}
	for range reduceRounds {
		changed := false
		for i := range rows {
			if !alive[i] {
				continue
			}
			keep, tight, ok := m.tighten(&rows[i])
			if !ok {
				return nil, false
			}
			alive[i] = keep
			changed = changed || tight
		}
		if m.settle(rows, alive) {
			changed = true
		}
		if !changed {
			break
		}
	}
	return m.compact(rows, alive)
}

// tighten narrows the sides of a row to what its columns allow, and the bounds
// of its columns to what its sides allow. keep is false if it cannot bind.
func (m *model) tighten(row *Row) (keep, changed, ok bool) {
	least, most, divisor, constant := int64(0), int64(0), int64(0), int64(0)
	for k, j := range row.Index {
		a := row.Value[k]
		lo, hi := a*m.lo[j], a*m.hi[j]
		if a < 0 {
			lo, hi = hi, lo
		}
		least += lo
		most += hi
		if lo == hi {
			constant += lo
		} else {
			divisor = gcd(divisor, a)
		}
	}
	row.Lo, row.Hi = max(row.Lo, least), min(row.Hi, most)
	if divisor > 1 {
		row.Lo = constant + divisor*ceilDiv(row.Lo-constant, divisor)
		row.Hi = constant + divisor*floorDiv(row.Hi-constant, divisor)
	}
	if row.Lo > row.Hi {
		return false, false, false
	}
	if row.Lo == least && row.Hi == most {
		return false, false, true
	}
	for k, j := range row.Index {
		a := row.Value[k]
		if m.lo[j] == m.hi[j] {
			continue
		}
		// What is left for a·x when the others take the least and the most.
		var upper, lower int64
		if a > 0 {
			upper = m.lo[j] + floorDiv(row.Hi-least, a)
			lower = m.hi[j] - floorDiv(most-row.Lo, a)
		} else {
			lower = m.hi[j] - floorDiv(row.Hi-least, -a)
			upper = m.lo[j] + floorDiv(most-row.Lo, -a)
		}
		if upper < m.hi[j] || lower > m.lo[j] {
			changed = true
			lo, hi := max(lower, m.lo[j]), min(upper, m.hi[j])
			if lo > hi {
				return false, false, false
			}
			if a > 0 {
				least += a * (lo - m.lo[j])
				most += a * (hi - m.hi[j])
			} else {
				least += a * (hi - m.hi[j])
				most += a * (lo - m.lo[j])
			}
			m.lo[j], m.hi[j] = lo, hi
		}
	}
	return true, changed, true
}

// settle fixes columns at the bound that their cost prefers if no row objects.
func (m *model) settle(rows []Row, alive []bool) bool {
	n := len(m.cost)
	noUp, noDown := make([]bool, n), make([]bool, n)
	for i, row := range rows {
		if !alive[i] {
			continue
		}
		least, most := int64(0), int64(0)
		for k, j := range row.Index {
			a := row.Value[k]
			least += min(a*m.lo[j], a*m.hi[j])
			most += max(a*m.lo[j], a*m.hi[j])
		}
		for k, j := range row.Index {
			rises := row.Value[k] > 0
			if row.Hi < most {
				noUp[j] = noUp[j] || rises
				noDown[j] = noDown[j] || !rises
			}
			if row.Lo > least {
				noUp[j] = noUp[j] || !rises
				noDown[j] = noDown[j] || rises
			}
		}
	}
	changed := false
	for j := range n {
		if m.lo[j] == m.hi[j] {
			continue
		}
		switch {
		case m.cost[j] >= 0 && !noDown[j]:
			m.hi[j] = m.lo[j]
			changed = true
		case m.cost[j] <= 0 && !noUp[j]:
			m.lo[j] = m.hi[j]
			changed = true
		}
	}
	return changed
}

// compact builds the model of the columns that are not fixed and the rows that
// are alive.
func (m *model) compact(rows []Row, alive []bool) (*model, bool) {
	n := len(m.cost)
	out := &model{base: m.base, unit: m.unit, parent: m, fixed: slices.Clone(m.lo), room: make([]int64, n)}
	for j := range n {
		out.room[j] = m.hi[j] - m.lo[j]
	}

	// Rows without their fixed columns; of rows that are alike, one.
	var kept []Row
	for i, row := range rows {
		if !alive[i] {
			continue
		}
		r := Row{Lo: row.Lo, Hi: row.Hi}
		for k, j := range row.Index {
			if m.lo[j] == m.hi[j] {
				r.Lo -= row.Value[k] * m.lo[j]
				r.Hi -= row.Value[k] * m.lo[j]
				continue
			}
			r.Index = append(r.Index, j)
			r.Value = append(r.Value, row.Value[k])
		}
		if len(r.Index) == 0 {
			if r.Lo > 0 || r.Hi < 0 {
				return nil, false
			}
			continue
		}
		kept = append(kept, r)
	}
	kept, ok := mergeRows(kept)
	if !ok {
		return nil, false
	}

	// Columns, of those that are alike one.
	number := m.alike(kept, out)
	for c, list := range out.members {
		lo, hi := int64(0), int64(0)
		for _, j := range list {
			lo += m.lo[j]
			hi += m.hi[j]
		}
		out.cost = append(out.cost, m.cost[list[0]])
		out.lo = append(out.lo, lo)
		out.hi = append(out.hi, hi)
		out.soft = append(out.soft, m.soft[list[0]])
		_ = c
	}
	for _, row := range kept {
		r := Row{Lo: row.Lo, Hi: row.Hi}
		for k, j := range row.Index {
			if c := number[j]; out.members[c][0] == j {
				r.Index = append(r.Index, c)
				r.Value = append(r.Value, row.Value[k])
			}
		}
		out.rows = append(out.rows, r)
	}

	// The fixed columns' cost and the common divisor of the others.
	divisor := int64(0)
	for j := range n {
		if m.lo[j] == m.hi[j] {
			out.base += m.unit * m.cost[j] * m.lo[j]
		} else {
			divisor = gcd(divisor, m.cost[j])
		}
	}
	if divisor > 1 {
		out.unit *= divisor
		for c := range out.cost {
			out.cost[c] /= divisor
		}
	}
	return out, true
}

// mergeRows keeps one of the rows that have the same entries, with the
// intersection of their sides.
func mergeRows(rows []Row) ([]Row, bool) {
	byHash := make(map[uint64][]int, len(rows))
	out := rows[:0:0]
	for _, row := range rows {
		h := uint64(len(row.Index))
		for k, j := range row.Index {
			h = mix(mix(h, uint64(j)), uint64(row.Value[k]))
		}
		found := -1
		for _, i := range byHash[h] {
			if slices.Equal(out[i].Index, row.Index) && slices.Equal(out[i].Value, row.Value) {
				found = i
				break
			}
		}
		if found < 0 {
			byHash[h] = append(byHash[h], len(out))
			out = append(out, row)
			continue
		}
		o := &out[found]
		o.Lo, o.Hi = max(o.Lo, row.Lo), min(o.Hi, row.Hi)
		if o.Lo > o.Hi {
			return nil, false
		}
	}
	return out, true
}

// alike numbers the columns that are not fixed: those with the same cost and
// the same entries get the same number. It fills out.members.
func (m *model) alike(rows []Row, out *model) []int32 {
	n := len(m.cost)
	type entry struct {
		row   int32
		value int64
	}
	columns := make([][]entry, n)
	for i, row := range rows {
		for k, j := range row.Index {
			columns[j] = append(columns[j], entry{int32(i), row.Value[k]})
		}
	}
	number := make([]int32, n)
	byHash := make(map[uint64][]int32, n)
	for j := range n {
		number[j] = -1
		if m.lo[j] == m.hi[j] {
			continue
		}
		h := mix(uint64(m.cost[j]), uint64(len(columns[j])))
		for _, e := range columns[j] {
			h = mix(mix(h, uint64(e.row)), uint64(e.value))
		}
		for _, c := range byHash[h] {
			first := out.members[c][0]
			if m.cost[first] == m.cost[j] && m.soft[first] == m.soft[j] && slices.Equal(columns[first], columns[j]) {
				number[j] = c
				out.members[c] = append(out.members[c], int32(j))
				break
			}
		}
		if number[j] < 0 {
			number[j] = int32(len(out.members))
			byHash[h] = append(byHash[h], number[j])
			out.members = append(out.members, []int32{int32(j)})
		}
	}
	return number
}

func mix(h, v uint64) uint64 {
	h ^= v + 0x9E3779B97F4A7C15 + h<<6 + h>>2
	h *= 0xBF58476D1CE4E5B9
	return h ^ h>>31
}

func gcd(a, b int64) int64 {
	if a < 0 {
		a = -a
	}
	if b < 0 {
		b = -b
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// floorDiv is ⌊a/b⌋ for b > 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// ceilDiv is ⌈a/b⌉ for b > 0.
func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }

// noValue stands for the objective when there is no solution yet.
const noValue = math.MaxInt64
