package lp

// inverse is the inverse of the basis matrix, by basis position (row) and row
// of the model (column), without the columns of rows whose logical is basic.
// For such a row k, basic at position p, the column is −e(p): it follows from
// A(k)·x − s(k) = 0. A column that is stored has a slot.
type inverse struct {
	slot    []int32 // row of the model → slot, −1 if its logical is basic
	slotRow []int32 // slot → row of the model
	stride  int
	entry   []float64 // position × stride
}

func (v *inverse) row(i int) []float64 {
	return v.entry[i*v.stride : (i+1)*v.stride]
}

// clear makes it the inverse of the basis of all logicals.
func (v *inverse) clear(m int) {
	if v.slot == nil {
		v.slot = make([]int32, m)
		v.stride = 16
		v.entry = make([]float64, m*v.stride)
	}
	for k := range v.slot {
		v.slot[k] = -1
	}
	v.slotRow = v.slotRow[:0]
}

// addSlot stores the column of row k, which is still −e(p).
func (v *inverse) addSlot(k int, p int) {
	t := len(v.slotRow)
	m := len(v.slot)
	if t == v.stride {
		wide := make([]float64, m*v.stride*2)
		for i := range m {
			copy(wide[i*v.stride*2:], v.row(i))
		}
		v.entry, v.stride = wide, v.stride*2
	}
	v.slotRow = append(v.slotRow, int32(k))
	v.slot[k] = int32(t)
	for i := range m {
		v.entry[i*v.stride+t] = 0
	}
	v.entry[p*v.stride+t] = -1
}

// dropSlot forgets the column of row k, whose logical has entered the basis.
func (v *inverse) dropSlot(k int) {
	t, last := int(v.slot[k]), len(v.slotRow)-1
	if t != last {
		for i := range v.slot {
			v.entry[i*v.stride+t] = v.entry[i*v.stride+last]
		}
		moved := v.slotRow[last]
		v.slotRow[t] = moved
		v.slot[moved] = int32(t)
	}
	v.slotRow = v.slotRow[:last]
	v.slot[k] = -1
}

func (v *inverse) copyFrom(w *inverse, m int) {
	v.slot = append(v.slot[:0], w.slot...)
	v.slotRow = append(v.slotRow[:0], w.slotRow...)
	slots := len(w.slotRow)
	if v.stride < slots || len(v.entry) < m*v.stride || v.stride == 0 {
		v.stride = w.stride
		v.entry = make([]float64, m*v.stride)
	}
	for i := range m {
		copy(v.entry[i*v.stride:i*v.stride+slots], w.entry[i*w.stride:i*w.stride+slots])
	}
}

// singular is the smallest pivot of a factorization.
const singular = 1e-9

// refactor computes the inverse from the list of basic variables, and
// everything that follows from it. If the basis turns out to be singular, it
// starts again from the basis of all logicals.
//
// With S the basic structurals and R the rows whose logical is nonbasic
// (|S| = |R|), only the square G = A[R, S] has to be inverted: a basic logical
// k is then A(k)[S] · G⁻¹ in the slots.
func (s *Solver) refactor() {
	s.inverse.clear(s.m)
	for k := range s.m {
		if s.where[s.n+k] < 0 {
			s.addSlot(k, 0)
		}
	}
	K := len(s.slotRow)
	for i := range s.m {
		clear(s.row(i)[:K])
	}
	// Gauss–Jordan in place on G, one line per slot.
	w := make([]float64, K*K)
	line := func(r int) []float64 { return w[r*K : (r+1)*K : (r+1)*K] }
	at := make([]int32, 0, K) // column of G → basis position
	for i, h := range s.head {
		if int(h) >= s.n {
			continue
		}
		c := len(at)
		at = append(at, int32(i))
		for k := s.start[h]; k < s.start[h+1]; k++ {
			if t := s.slot[s.index[k]]; t >= 0 {
				line(int(t))[c] = s.value[k]
			}
		}
	}
	swapped := make([]int, K)
	for c := range K {
		best, size := -1, singular
		for r := c; r < K; r++ {
			if a := abs(w[r*K+c]); a > size {
				best, size = r, a
			}
		}
		if best < 0 {
			s.Reset()
			return
		}
		pivot := line(c)
		swapped[c] = best
		if best != c {
			other := line(best)
			for k := range pivot {
				pivot[k], other[k] = other[k], pivot[k]
			}
		}
		scale := 1 / pivot[c]
		pivot[c] = 1
		for k := range pivot {
			pivot[k] *= scale
		}
		for r := range K {
			other := line(r)
			f := other[c]
			if r == c || f == 0 {
				continue
			}
			other[c] = 0
			take(other, pivot, f)
		}
	}
	// The swaps of rows of G are swaps of columns of the inverse.
	for c := K - 1; c >= 0; c-- {
		if b := swapped[c]; b != c {
			for r := range K {
				w[r*K+c], w[r*K+b] = w[r*K+b], w[r*K+c]
			}
		}
	}
	for c, i := range at {
		copy(s.row(int(i)), line(c))
	}
	for c, i := range at {
		h := s.head[i]
		from := line(c)
		for k := s.start[h]; k < s.start[h+1]; k++ {
			r := s.index[k]
			if s.slot[r] >= 0 {
				continue
			}
			take(s.row(int(s.where[s.n+int(r)]))[:K], from, -s.value[k])
		}
	}
	s.since = 0
	s.recompute()
}
