package ilp

import "slices"

// reduceRounds bounds the rounds of reduce: the first few do nearly all there
// is to do.
const reduceRounds = 12

// reducer narrows the box of a model.
type reducer struct {
	*model
	lo, hi   []int64
	rlo, rhi []int64
	gone     []bool // row cannot bind
	dirty    []bool // row has a column whose bounds have changed
}

// reduce returns a smaller model of the points of a box (lo and hi, which it
// narrows), with the same optimum, or false if there is no feasible point.
//
// Used here: bounds of columns from the activity of rows, rows that cannot
// bind, the common divisor of a row, columns that no row keeps from their best
// bound, rows that are alike and columns that are alike.
func (m *model) reduce(lo, hi []int64) (*model, bool) {
	for j := range lo {
		if lo[j] > hi[j] {
			return nil, false
		}
	}
	r := &reducer{
		model: m, lo: lo, hi: hi,
		rlo: slices.Clone(m.rlo), rhi: slices.Clone(m.rhi),
		gone: make([]bool, m.rows()), dirty: make([]bool, m.rows()),
	}
	for i := range r.dirty {
		r.dirty[i] = true
	}
	for range reduceRounds {
		changed := false
		for i := range r.rlo {
			if r.gone[i] || !r.dirty[i] {
				continue
			}
			r.dirty[i] = false
			if !r.tighten(i) {
				return nil, false
			}
			changed = true
		}
		if !changed {
			break
		}
		r.settle()
	}
	return r.compact()
}

// set gives a column a narrower box.
func (r *reducer) set(j int32, lo, hi int64) {
	r.lo[j], r.hi[j] = lo, hi
	rows, _ := r.column(int(j))
	for _, i := range rows {
		r.dirty[i] = true
	}
}

// tighten narrows the sides of a row to what its columns allow, and the bounds
// of its columns to what its sides allow. It returns false if that is
// impossible.
func (r *reducer) tighten(i int) bool {
	index, value := r.row(i)
	least, most, constant, divisor := int64(0), int64(0), int64(0), int64(0)
	for k, j := range index {
		a := value[k]
		lo, hi := a*r.lo[j], a*r.hi[j]
		if a < 0 {
			lo, hi = hi, lo
		}
		least += lo
		most += hi
		if lo == hi {
			constant += lo
		} else if divisor != 1 {
			divisor = gcd(divisor, a)
		}
	}
	r.rlo[i], r.rhi[i] = max(r.rlo[i], least), min(r.rhi[i], most)
	if divisor > 1 {
		r.rlo[i] = constant + divisor*ceilDiv(r.rlo[i]-constant, divisor)
		r.rhi[i] = constant + divisor*floorDiv(r.rhi[i]-constant, divisor)
	}
	below, above := r.rhi[i]-least, most-r.rlo[i]
	if r.rlo[i] > r.rhi[i] {
		return false
	}
	if r.rlo[i] == least && r.rhi[i] == most {
		r.gone[i] = true
		return true
	}
	for k, j := range index {
		lo, hi := r.lo[j], r.hi[j]
		if lo == hi {
			continue
		}
		// |a|·(distance from one end) ≤ what is left when the others take the
		// least, or the most.
		a := value[k]
		size := max(a, -a)
		if width := hi - lo; size*width <= below && size*width <= above {
			continue
		}
		up, down := lo+below/size, hi-above/size
		if a < 0 {
			up, down = lo+above/size, hi-below/size
		}
		newLo, newHi := max(lo, down), min(hi, up)
		if newLo > newHi {
			return false
		}
		if newLo == lo && newHi == hi {
			continue
		}
		if a > 0 {
			below -= a * (newLo - lo)
			above -= a * (hi - newHi)
		} else {
			below += a * (hi - newHi)
			above += a * (newLo - lo)
		}
		r.set(j, newLo, newHi)
	}
	return true
}

// settle fixes columns at the bound that their cost prefers if no row objects.
func (r *reducer) settle() {
	n := r.columns()
	const noUp, noDown = 1, 2
	locks := make([]uint8, n)
	for i := range r.rlo {
		if r.gone[i] {
			continue
		}
		index, value := r.row(i)
		least, most := int64(0), int64(0)
		for k, j := range index {
			if a := value[k]; a > 0 {
				least += a * r.lo[j]
				most += a * r.hi[j]
			} else {
				least += a * r.hi[j]
				most += a * r.lo[j]
			}
		}
		rise, fall := uint8(0), uint8(0) // what a positive, a negative entry locks
		if r.rhi[i] < most {
			rise, fall = rise|noUp, fall|noDown
		}
		if r.rlo[i] > least {
			rise, fall = rise|noDown, fall|noUp
		}
		for k, j := range index {
			if value[k] > 0 {
				locks[j] |= rise
			} else {
				locks[j] |= fall
			}
		}
	}
	for j := range n {
		if r.lo[j] == r.hi[j] {
			continue
		}
		switch {
		case r.cost[j] >= 0 && locks[j]&noDown == 0:
			r.set(int32(j), r.lo[j], r.lo[j])
		case r.cost[j] <= 0 && locks[j]&noUp == 0:
			r.set(int32(j), r.hi[j], r.hi[j])
		}
	}
}

// compact builds the model of the columns that are not fixed and the rows that
// can bind.
func (r *reducer) compact() (*model, bool) {
	n := r.columns()
	out := &model{base: r.base, unit: r.unit, parent: r.model, fixed: slices.Clone(r.lo), room: make([]int64, n)}

	// Columns.
	number := make([]int32, n)
	divisor := int64(0)
	kept := 0
	for j := range n {
		out.room[j] = r.hi[j] - r.lo[j]
		if out.room[j] > 0 {
			number[j] = int32(kept)
			kept++
			divisor = gcd(divisor, r.cost[j])
		} else {
			number[j] = -1
			out.base += r.unit * r.cost[j] * r.lo[j]
		}
	}
	divisor = max(divisor, 1)
	out.unit *= divisor
	out.cost, out.lo, out.hi = make([]int64, 0, kept), make([]int64, 0, kept), make([]int64, 0, kept)
	out.soft = make([]bool, 0, kept)
	out.id = make([]int32, 0, kept+r.rows())
	first := make([]int32, kept)
	out.members = make([][]int32, kept)
	for j := range n {
		if number[j] < 0 {
			continue
		}
		c := len(out.cost)
		first[c] = int32(j)
		out.members[c] = first[c : c+1 : c+1]
		out.cost = append(out.cost, r.cost[j]/divisor)
		out.lo = append(out.lo, r.lo[j])
		out.hi = append(out.hi, r.hi[j])
		out.soft = append(out.soft, r.soft[j])
		out.id = append(out.id, r.id[j])
	}

	// Rows, one of those that are alike.
	out.rowStart = append(make([]int32, 0, r.rows()+1), 0)
	out.rowIndex = make([]int32, 0, len(r.rowIndex))
	out.rowValue = make([]int64, 0, len(r.rowIndex))
	seen := newTable(r.rows())
	for i := range r.rlo {
		if r.gone[i] {
			continue
		}
		index, value := r.row(i)
		lo, hi := r.rlo[i], r.rhi[i]
		hash := uint64(0)
		for k, j := range index {
			c := number[j]
			if c < 0 {
				lo -= value[k] * r.lo[j]
				hi -= value[k] * r.lo[j]
				continue
			}
			out.rowIndex = append(out.rowIndex, c)
			out.rowValue = append(out.rowValue, value[k])
			hash = mix(mix(hash, uint64(c)), uint64(value[k]))
		}
		begin := int(out.rowStart[len(out.rlo)])
		if len(out.rowIndex) == begin {
			if lo > 0 || hi < 0 {
				return nil, false
			}
			continue
		}
		same, found := seen.find(hash, int32(len(out.rlo)), func(o int32) bool {
			index, value := out.row(int(o))
			return slices.Equal(index, out.rowIndex[begin:]) && slices.Equal(value, out.rowValue[begin:])
		})
		if found {
			out.rlo[same], out.rhi[same] = max(out.rlo[same], lo), min(out.rhi[same], hi)
			if out.rlo[same] > out.rhi[same] {
				return nil, false
			}
			out.rowIndex, out.rowValue = out.rowIndex[:begin], out.rowValue[:begin]
			continue
		}
		out.rlo, out.rhi = append(out.rlo, lo), append(out.rhi, hi)
		out.rowStart = append(out.rowStart, int32(len(out.rowIndex)))
		out.id = append(out.id, r.id[n+i])
	}
	out.byColumn(kept)
	out.merge()
	return out, true
}

// merge makes one column of those that have the same cost and the same
// entries. Its box is the sum of theirs.
func (m *model) merge() {
	n := m.columns()
	into := make([]int32, n) // column → the first one like it
	seen := newTable(n)
	distinct := 0
	for j := range n {
		rows, values := m.column(j)
		hash := mix(uint64(m.cost[j]), uint64(len(rows)))
		for k, i := range rows {
			hash = mix(mix(hash, uint64(i)), uint64(values[k]))
		}
		same, found := seen.find(hash, int32(j), func(o int32) bool {
			r, v := m.column(int(o))
			return m.cost[o] == m.cost[j] && m.soft[o] == m.soft[j] && slices.Equal(r, rows) && slices.Equal(v, values)
		})
		if found {
			into[j] = same
		} else {
			into[j] = int32(j)
			distinct++
		}
	}
	if distinct == n {
		return
	}
	number := make([]int32, n)
	c := 0
	for j := range n {
		if o := into[j]; int(o) != j {
			o = number[o]
			m.lo[o] += m.lo[j]
			m.hi[o] += m.hi[j]
			m.members[o] = append(m.members[o], m.members[j]...)
			number[j] = -1
			continue
		}
		number[j] = int32(c)
		m.cost[c], m.lo[c], m.hi[c], m.soft[c], m.id[c] = m.cost[j], m.lo[j], m.hi[j], m.soft[j], m.id[j]
		m.members[c] = m.members[j]
		c++
	}
	m.id = append(m.id[:c], m.id[n:]...)
	m.cost, m.lo, m.hi, m.soft, m.members = m.cost[:c], m.lo[:c], m.hi[:c], m.soft[:c], m.members[:c]
	to := int32(0)
	for i := range m.rlo {
		from, end := m.rowStart[i], m.rowStart[i+1]
		m.rowStart[i] = to
		for k := from; k < end; k++ {
			if o := number[m.rowIndex[k]]; o >= 0 {
				m.rowIndex[to], m.rowValue[to] = o, m.rowValue[k]
				to++
			}
		}
	}
	m.rowStart[m.rows()] = to
	m.rowIndex, m.rowValue = m.rowIndex[:to], m.rowValue[:to]
	m.byColumn(c)
}

// table finds equal things by hash, in the order in which they came.
type table struct {
	mask uint64
	slot []int32 // −1: empty
}

func newTable(n int) *table {
	size := 8
	for size < 2*n {
		size *= 2
	}
	t := &table{uint64(size - 1), make([]int32, size)}
	for i := range t.slot {
		t.slot[i] = -1
	}
	return t
}

// find returns the thing that is equal, or stores this one.
func (t *table) find(hash uint64, this int32, equal func(int32) bool) (int32, bool) {
	for h := hash & t.mask; ; h = (h + 1) & t.mask {
		switch o := t.slot[h]; {
		case o < 0:
			t.slot[h] = this
			return this, false
		case equal(o):
			return o, true
		}
	}
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
