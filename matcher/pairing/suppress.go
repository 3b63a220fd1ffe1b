package pairing

import (
	"cmp"
	"math/bits"
	"slices"
)

// Small cells. A group with fewer mentees than the smallest cell is suppressed.
// By itself that hides nothing where the totals and the other groups of the
// attribute are shown: then the difference is the number. So more groups are
// suppressed, the smallest first, until
//
//   - an attribute has none, or at least two of them, with as many mentees
//     together as the smallest cell, of whom not all and not none are served
//     alike, unless that holds for everybody;
//   - no suppressed group is a sum or difference of what is shown, over all
//     attributes: a county inside a region that is shown could be.

// hide suppresses cells of the sheets.
func hide(sheets []*sheet, everybody *cell, smallest int) {
	if everybody.Mentees < smallest {
		everybody.Suppressed = true
	}
	for _, t := range sheets {
		for _, c := range t.cells {
			c.Suppressed = everybody.Suppressed || c.Mentees < smallest
		}
	}
	if everybody.Suppressed {
		return
	}
	for changed := true; changed; {
		changed = false
		for _, t := range sheets {
			for !t.safe(everybody, smallest) && t.hideOne() {
				changed = true
			}
		}
		if !changed {
			changed = hideDerived(sheets, everybody)
		}
	}
}

// hideOne suppresses the smallest cell that is shown.
func (t *sheet) hideOne() bool {
	var least *cell
	for _, c := range t.cells {
		if !c.Suppressed && (least == nil || c.Mentees < least.Mentees) {
			least = c
		}
	}
	if least == nil {
		return false
	}
	least.Suppressed = true
	return true
}

// safe says whether the totals of the suppressed cells, which everybody can
// compute, give none of them away.
func (t *sheet) safe(everybody *cell, smallest int) bool {
	n := 0
	var sum GroupAudit
	for _, c := range t.cells {
		if c.Suppressed {
			n++
			sum.Mentees += c.Mentees
			sum.Covered += c.Covered
			sum.Score += c.Score
			sum.Regret += c.Regret
			sum.Opportunity += c.Opportunity
		}
	}
	all := &everybody.GroupAudit
	switch {
	case n == 0:
		return true
	case n == 1 || sum.Mentees < smallest:
		return false
	// A sum of 0 says that each is 0, and so does everybody being covered.
	case sum.Covered == 0 && all.Covered > 0,
		sum.Covered == sum.Mentees && all.Covered < all.Mentees,
		sum.Score == 0 && all.Score > 0,
		sum.Regret == 0 && all.Regret > 0,
		sum.Opportunity == 0 && all.Opportunity > 0:
		return false
	}
	return true
}

// hideDerived looks for a suppressed cell that is a linear combination of cells
// that are shown, and suppresses one more: of the same attribute where there is
// one, else the smallest that shares a mentee with it.
func hideDerived(sheets []*sheet, everybody *cell) bool {
	shown := []*cell{everybody}
	for _, t := range sheets {
		for _, c := range t.cells {
			if !c.Suppressed {
				shown = append(shown, c)
			}
		}
	}
	// Each mentee is a random vector, a cell the sum of its mentees. Cells that
	// depend on each other do so here too; cells that do not, with near certainty
	// neither: there are more dimensions than shown cells.
	width := len(shown) + 8
	basis := &span{}
	for _, c := range shown {
		basis.add(c.vector(width))
	}
	for _, t := range sheets {
		for _, c := range t.cells {
			if !c.Suppressed || !basis.holds(c.vector(width)) {
				continue
			}
			if t.hideOne() {
				return true
			}
			if other := smallestBeside(shown[1:], c); other != nil {
				other.Suppressed = true
				return true
			}
		}
	}
	return false
}

// smallestBeside is the smallest cell that shares a mentee with c.
func smallestBeside(cells []*cell, c *cell) *cell {
	var least *cell
	for _, other := range cells {
		shares := slices.ContainsFunc(other.members, func(j int32) bool {
			_, found := slices.BinarySearch(c.members, j)
			return found
		})
		if shares && (least == nil || cmp.Less(other.Mentees, least.Mentees)) {
			least = other
		}
	}
	return least
}

// prime is the modulus of the vectors, 2^61 − 1.
const prime = 1<<61 - 1

func (c *cell) vector(width int) []uint64 {
	v := make([]uint64, width)
	for _, j := range c.members {
		for k := range v {
			v[k] = (v[k] + splitMix(uint64(j)<<32|uint64(k))%prime) % prime
		}
	}
	return v
}

// span is a basis in which each vector has a 1 where all later ones have a 0.
type span struct {
	rows   [][]uint64
	pivots []int
}

// reduce takes out of v what the basis can build, and returns where something
// is left, or −1.
func (s *span) reduce(v []uint64) int {
	for r, row := range s.rows {
		if f := v[s.pivots[r]]; f != 0 {
			for k := range v {
				v[k] = (v[k] + prime - times(f, row[k])) % prime
			}
		}
	}
	return slices.IndexFunc(v, func(x uint64) bool { return x != 0 })
}

func (s *span) holds(v []uint64) bool { return s.reduce(v) < 0 }

func (s *span) add(v []uint64) {
	at := s.reduce(v)
	if at < 0 {
		return
	}
	f := inverse(v[at])
	for k := range v {
		v[k] = times(v[k], f)
	}
	s.rows, s.pivots = append(s.rows, v), append(s.pivots, at)
}

func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	_, r := bits.Div64(high, low, prime)
	return r
}

// inverse is a^(prime−2), by Fermat.
func inverse(a uint64) uint64 {
	r := uint64(1)
	for e := uint64(prime - 2); e > 0; e >>= 1 {
		if e&1 > 0 {
			r = times(r, a)
		}
		a = times(a, a)
	}
	return r
}
