package lottery

import (
	"cmp"
	"math/bits"
	"slices"
)

// near looks for cohorts in the neighborhood of a known one: one person for
// another, or two for two others, as long as that gains and keeps every row.
//
// Most rows count people, and a cohort is at most one or two away from their
// sides. So a row is a bit, and what may come in when somebody leaves follows
// from masks of the rows that are at a side, or one away from it. Rows of other
// entries, and rows whose deviation may move, are counted out for the few swaps
// that pass the masks.
//
// It proves nothing: who uses it checks what it finds.
type near struct {
	system   *system
	T        int
	lo, hi   []int64 // boxes of the columns
	rlo, rhi []int64 // sides of the rows

	bitRow []int32 // by bit: its row
	mask   []mask  // by type: the rows of bits that count it
	loose  mask    // rows of soft
	// By type: the rows that are no bits, or loose, and count it.
	more      [][]int32
	moreValue [][]int64
	soft      []softRow
	softOf    []int32 // by row: place in soft, −1
	// By auxiliary column that may move: the rows that add it up.
	sums      [][]int32 // by column less T
	sumsValue [][]int64

	// The weights of a search: types that can move, the largest weight first.
	weight []float64
	types  []int32
	sorted []float64 // their weights
	masks  []mask    // their masks

	// The cohort.
	x       []int64
	act     []int64 // by row; for a row of soft, of its other columns
	members []int32 // types that can leave, once for each person up to two
	// Rows at their upper side, one below it, at their lower side, one above it.
	high, high1, low, low1 mask

	change  []int64 // by row, of those touched
	marked  []bool
	touched []int32
	filter  []beside
	tests   int64 // swaps looked at
	// patience is how many swaps one search counts out at most.
	patience int
}

const (
	// fitTests is how many looks at masks counting a swap out takes.
	fitTests = 50
	// fewSoft is how many rows may deviate if all swaps are to be counted out.
	fewSoft = 16
	// usualPatience is for searches that are repeated very often.
	usualPatience = 300
)

// beside is somebody who can come in beside somebody else.
type beside struct {
	mask   mask
	weight float64
	who    int32
}

type mask [2]uint64

func (a mask) or(b mask) mask      { return mask{a[0] | b[0], a[1] | b[1]} }
func (a mask) and(b mask) mask     { return mask{a[0] & b[0], a[1] & b[1]} }
func (a mask) xor(b mask) mask     { return mask{a[0] ^ b[0], a[1] ^ b[1]} }
func (a mask) without(b mask) mask { return mask{a[0] &^ b[0], a[1] &^ b[1]} }

// meets says whether there is a row in both.
func (a mask) meets(b mask) bool { return a[0]&b[0]|a[1]&b[1] != 0 }

// lacks says whether there is a row of b that a has not.
func (a mask) lacks(b mask) bool { return b[0]&^a[0]|b[1]&^a[1] != 0 }

// last is the last row alone, that with the fewest types.
func (a mask) last() mask {
	if a[1] != 0 {
		return mask{0, 1 << (bits.Len64(a[1]) - 1)}
	}
	if a[0] != 0 {
		return mask{1 << (bits.Len64(a[0]) - 1), 0}
	}
	return mask{}
}

const maskBits = 128

// softRow is a row whose deviation may move: the row's types + short − over is
// within its sides. Columns are −1 where there is none.
type softRow struct {
	row         int32
	short, over int32
}

// newNear prepares for cohorts within these boxes and sides.
func newNear(s *system, lo, hi, rlo, rhi []int64) *near {
	R, n := len(s.Rows), len(s.lo)
	a := &near{
		patience: usualPatience,
		system:   s, T: s.T, lo: lo, hi: hi, rlo: rlo, rhi: rhi,
		mask: make([]mask, s.T), more: make([][]int32, s.T), moreValue: make([][]int64, s.T),
		softOf: make([]int32, R),
		sums:   make([][]int32, n-s.T), sumsValue: make([][]int64, n-s.T),
		x: make([]int64, n), act: make([]int64, R), change: make([]int64, R), marked: make([]bool, R),
	}
	size := make([]int, R) // types that can move
	ones := make([]bool, R)
	for i := range s.Rows {
		row := &s.Rows[i]
		ones[i], a.softOf[i] = true, -1
		for k, j := range row.Index {
			if v := row.Value[k]; int(j) < s.T && v != 0 {
				size[i]++
				ones[i] = ones[i] && v == 1
			}
		}
	}
	a.findSoft(size)
	var counted []int32
	for i := range s.Rows {
		if ones[i] && size[i] > 0 {
			counted = append(counted, int32(i))
		}
	}
	slices.SortStableFunc(counted, func(i, j int32) int { return size[j] - size[i] })
	a.bitRow = counted[:min(len(counted), maskBits)]
	bit := make([]int, R)
	for i := range bit {
		bit[i] = -1
	}
	for b, i := range a.bitRow {
		bit[i] = b
		if a.softOf[i] >= 0 {
			a.loose[b>>6] |= 1 << (b & 63)
		}
	}
	for t := range s.T {
		for k, i := range s.rows[t] {
			b := bit[i]
			if b >= 0 {
				a.mask[t][b>>6] |= 1 << (b & 63)
			}
			if b < 0 || a.softOf[i] >= 0 {
				a.more[t] = append(a.more[t], i)
				a.moreValue[t] = append(a.moreValue[t], int64(s.values[t][k]))
			}
		}
	}
	return a
}

// findSoft finds the rows whose deviations may move: each in this row and in
// sums only, with the factor 1 or −1. Other columns stay as they are in the
// cohort that a search starts from.
func (a *near) findSoft(size []int) {
	s := a.system
	for j := s.T; j < len(s.lo); j++ {
		if a.lo[j] == a.hi[j] {
			continue
		}
		at, value, count := int32(-1), 0.0, 0
		for k, i := range s.rows[j] {
			if size[i] > 0 {
				at, value = i, s.values[j][k]
				count++
			}
		}
		if count != 1 || value != 1 && value != -1 {
			continue
		}
		if a.softOf[at] < 0 {
			a.softOf[at] = int32(len(a.soft))
			a.soft = append(a.soft, softRow{row: at, short: -1, over: -1})
		}
		r := &a.soft[a.softOf[at]]
		switch {
		case value == 1 && r.short < 0:
			r.short = int32(j)
		case value == -1 && r.over < 0:
			r.over = int32(j)
		default:
			continue // a second one stays as it is
		}
		for k, i := range s.rows[j] {
			if size[i] == 0 {
				a.sums[j-s.T] = append(a.sums[j-s.T], i)
				a.sumsValue[j-s.T] = append(a.sumsValue[j-s.T], int64(s.values[j][k]))
			}
		}
	}
}

// aim sets the weights, and the types that may come in, in order of weight.
func (a *near) aim(weight []float64, order []int32) {
	a.weight = weight
	a.types, a.sorted, a.masks = a.types[:0], a.sorted[:0], a.masks[:0]
	for _, t := range order {
		if a.lo[t] < a.hi[t] {
			a.types = append(a.types, t)
			a.sorted = append(a.sorted, weight[t])
			a.masks = append(a.masks, a.mask[t])
		}
	}
}

// deviate is what short and over of a row have to be at least.
func (a *near) deviate(r softRow, act int64) (short, over int64, ok bool) {
	if r.short >= 0 {
		short = a.lo[r.short]
	}
	if r.over >= 0 {
		over = a.lo[r.over]
	}
	if v := act + short - over; v < a.rlo[r.row] {
		short += a.rlo[r.row] - v
		ok = r.short >= 0 && short <= a.hi[r.short]
	} else if v > a.rhi[r.row] {
		over += v - a.rhi[r.row]
		ok = r.over >= 0 && over <= a.hi[r.over]
	} else {
		ok = true
	}
	return short, over, ok
}

// start begins from a cohort. It returns false if the cohort is outside of
// what was asked for, or its deviations are not known.
func (a *near) start(c *cohort) bool {
	s := a.system
	if a.T < len(s.lo) && c.rest == nil {
		return false
	}
	clear(a.x)
	for k, t := range c.types {
		a.x[t] = c.counts[k]
	}
	copy(a.x[a.T:], c.rest)
	clear(a.act)
	for j, v := range a.x {
		if v < a.lo[j] || v > a.hi[j] {
			return false
		}
		if v != 0 {
			for k, i := range s.rows[j] {
				a.act[i] += v * int64(s.values[j][k])
			}
		}
	}
	for _, r := range a.soft {
		if r.short >= 0 {
			a.act[r.row] -= a.x[r.short]
		}
		if r.over >= 0 {
			a.act[r.row] += a.x[r.over]
		}
		short, over, ok := a.deviate(r, a.act[r.row])
		if !ok {
			return false
		}
		a.deviated(r.short, short)
		a.deviated(r.over, over)
	}
	for i, v := range a.act {
		if a.softOf[i] < 0 && (v < a.rlo[i] || v > a.rhi[i]) {
			return false
		}
	}
	a.look()
	return true
}

// deviated sets a deviation.
func (a *near) deviated(j int32, v int64) {
	if j < 0 || a.x[j] == v {
		return
	}
	for k, i := range a.sums[int(j)-a.T] {
		a.act[i] += a.sumsValue[int(j)-a.T][k] * (v - a.x[j])
	}
	a.x[j] = v
}

// look derives masks and members from the cohort.
func (a *near) look() {
	a.high, a.high1, a.low, a.low1 = mask{}, mask{}, mask{}, mask{}
	for b, i := range a.bitRow {
		one := uint64(1) << (b & 63)
		lo, hi := a.rlo[i], a.rhi[i]
		if at := a.softOf[i]; at >= 0 {
			// No deviation is to become larger.
			if j := a.soft[at].short; j >= 0 {
				lo, hi = lo-a.x[j], hi-a.lo[j]
			}
			if j := a.soft[at].over; j >= 0 {
				lo, hi = lo+a.lo[j], hi+a.x[j]
			}
		}
		switch hi - a.act[i] {
		case 0:
			a.high[b>>6] |= one
		case 1:
			a.high1[b>>6] |= one
		}
		switch a.act[i] - lo {
		case 0:
			a.low[b>>6] |= one
		case 1:
			a.low1[b>>6] |= one
		}
	}
	a.members = a.members[:0]
	for t := range a.T {
		for v := a.lo[t]; v < min(a.x[t], a.lo[t]+2); v++ {
			a.members = append(a.members, int32(t))
		}
	}
	slices.SortFunc(a.members, func(t, u int32) int {
		return cmp.Or(cmp.Compare(a.weight[t], a.weight[u]), int(t-u))
	})
}

// least is the smallest gain of a swap.
const least = 1e-12

// climb makes swaps as long as they gain, at most steps: of two people only
// where one would not do. Where many rows may deviate, those that trade one
// deviation for another come last. It returns the gain.
func (a *near) climb(steps int) (gain float64) {
	last := len(a.soft) > fewSoft
	for range steps {
		var g float64
		if last {
			if g = a.single(mask{}); g <= 0 {
				g = a.pair(mask{})
			}
		}
		if g <= 0 {
			g = a.single(a.loose)
		}
		if g <= 0 {
			g = a.pair(a.loose)
		}
		if g <= 0 {
			break
		}
		gain += g
	}
	return gain
}

// single makes the swap of one person that gains most, of those it has patience
// to look at; 0 if there is none.
func (a *near) single(loose mask) float64 {
	patience := a.patience
	out, in, best := int32(-1), int32(-1), least
search:
	for k, t := range a.members {
		if k > 0 && a.members[k-1] == t {
			continue
		}
		target := a.weight[t] + best
		if len(a.sorted) == 0 || a.sorted[0] <= target {
			break
		}
		m := a.mask[t]
		full, need := a.high.without(m).without(loose), a.low.and(m).without(loose)
		for i, w := range a.sorted {
			if w <= target {
				break
			}
			a.tests++
			if a.masks[i].meets(full) || a.masks[i].lacks(need) {
				continue
			}
			u := a.types[i]
			if u == t || a.x[u] >= a.hi[u] {
				continue
			}
			if patience--; patience < 0 {
				break search
			}
			if a.fits(t, -1, u, -1) {
				out, in, best = t, u, w-a.weight[t]
				break
			}
		}
	}
	if in < 0 {
		return 0
	}
	a.swap(out, -1, in, -1)
	return best
}

// pair makes a swap of two people that gains; 0 if none was found. Who leaves
// first is who weighs least. Rows of loose are counted out, for which patience
// may run out.
func (a *near) pair(loose mask) float64 {
	patience := a.patience
	for j := 1; j < len(a.members); j++ {
		t2 := a.members[j]
		for k, t1 := range a.members[:j] {
			target := a.weight[t1] + a.weight[t2] + least
			if len(a.sorted) == 0 || 2*a.sorted[0] <= target {
				if k == 0 {
					return 0 // those to come weigh more still
				}
				break
			}
			m1, m2 := a.mask[t1], a.mask[t2]
			once, twice := m1.xor(m2), m1.and(m2)
			full := a.high.without(once.or(twice))
			full1 := a.high1.without(once.or(twice)).or(a.high.and(once))
			need := a.low.and(once).or(a.low1.and(twice))
			need2 := a.low.and(twice)
			full, full1 = full.without(loose), full1.without(loose)
			need, need2 = need.without(loose), need2.without(loose)
			// Who can come in beside somebody.
			a.filter = a.filter[:0]
			top := a.sorted[0]
			for i, w := range a.sorted {
				if w+top <= target {
					break
				}
				a.tests++
				if a.masks[i].meets(full) || a.masks[i].lacks(need2) {
					continue
				}
				if u := a.types[i]; a.x[u] >= a.hi[u] {
					continue
				}
				if len(a.filter) == 0 {
					top = w
				}
				a.filter = append(a.filter, beside{a.masks[i], w, a.types[i]})
			}
			// One of the two is in the rarest row that lacks somebody.
			rare := need.last()
			for k, u1 := range a.filter {
				if u1.weight+top <= target {
					break
				}
				if u1.mask.lacks(rare) {
					continue
				}
				from := 0
				if rare == (mask{}) {
					from = k
				}
				lack, full := need.without(u1.mask), full1.and(u1.mask)
				for o := from; o < len(a.filter); o++ {
					u2 := &a.filter[o]
					if u1.weight+u2.weight <= target {
						break
					}
					a.tests++
					if u2.mask.lacks(lack) || u2.mask.meets(full) || u1.who == u2.who && a.x[u1.who]+2 > a.hi[u1.who] {
						continue
					}
					if patience--; patience < 0 {
						return 0
					}
					if a.fits(t1, t2, u1.who, u2.who) {
						gain := u1.weight + u2.weight - a.weight[t1] - a.weight[t2]
						a.swap(t1, t2, u1.who, u2.who)
						return gain
					}
				}
			}
		}
	}
	return 0
}

// fits says whether the rows that are no bits allow a swap.
func (a *near) fits(t1, t2, u1, u2 int32) bool {
	a.touched = a.touched[:0]
	a.shift(t1, -1)
	a.shift(t2, -1)
	a.shift(u1, 1)
	a.shift(u2, 1)
	ok := true
	a.tests += fitTests
	mine := len(a.touched) // then come sums, of which these are none
	for _, i := range a.touched[:mine] {
		v := a.act[i] + a.change[i]
		if at := a.softOf[i]; at >= 0 {
			r := a.soft[at]
			short, over, fine := a.deviate(r, v)
			ok = ok && fine
			a.deviates(r.short, short)
			a.deviates(r.over, over)
		} else if v < a.rlo[i] || v > a.rhi[i] {
			ok = false
		}
		if !ok {
			break
		}
	}
	for _, i := range a.touched[mine:] {
		v := a.act[i] + a.change[i]
		ok = ok && v >= a.rlo[i] && v <= a.rhi[i]
	}
	for _, i := range a.touched {
		a.change[i], a.marked[i] = 0, false
	}
	return ok
}

// shift notes what somebody who comes or leaves changes.
func (a *near) shift(t int32, by int64) {
	if t < 0 {
		return
	}
	for k, i := range a.more[t] {
		a.note(i, by*a.moreValue[t][k])
	}
}

// deviates notes what a deviation changes.
func (a *near) deviates(j int32, v int64) {
	if j < 0 || a.x[j] == v {
		return
	}
	for k, i := range a.sums[int(j)-a.T] {
		a.note(i, a.sumsValue[int(j)-a.T][k]*(v-a.x[j]))
	}
}

func (a *near) note(i int32, v int64) {
	if !a.marked[i] {
		a.marked[i] = true
		a.touched = append(a.touched, i)
	}
	a.change[i] += v
}

// swap makes a swap that fits.
func (a *near) swap(t1, t2, u1, u2 int32) {
	s := a.system
	for k, t := range []int32{t1, t2, u1, u2} {
		if t < 0 {
			continue
		}
		by := int64(-1)
		if k > 1 {
			by = 1
		}
		a.x[t] += by
		for l, i := range s.rows[t] {
			a.act[i] += by * int64(s.values[t][l])
		}
	}
	for _, r := range a.soft {
		short, over, _ := a.deviate(r, a.act[r.row])
		a.deviated(r.short, short)
		a.deviated(r.over, over)
	}
	a.look()
}
