package ilp

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// integral is how far from an integer a value may be and still be rounded.
// Nothing depends on it but which column is branched on: a rounded point is
// checked before it is accepted.
const integral = 1e-9

// fractional is a column to branch on, or from n on a row: the value of a row
// is an integer too, and splitting its range often does more than deciding
// about a single column.
type fractional struct {
	j     int
	floor int64
	part  float64 // value − floor
}

// fractions lists the integer columns whose value is not an integer, and with
// rows set also the rows, the most fractional first.
func (s *search) fractions(rows bool) []fractional {
	var list []fractional
	n := len(s.lo)
	columns := false
	for _, j := range s.lp.Basis() {
		if int(j) >= n {
			if !rows {
				continue
			}
		} else if s.model.soft[j] {
			continue
		}
		lo, hi := s.box(int(j))
		if *lo == *hi {
			continue
		}
		v := s.lp.Value(int(j))
		if int(j) >= n {
			v /= s.rowScale[int(j)-n]
		}
		f := math.Floor(v)
		if part := v - f; part > integral && part < 1-integral {
			floor := min(max(int64(f), *lo), *hi-1)
			list = append(list, fractional{int(j), floor, part})
			columns = columns || int(j) < n
		}
	}
	if !columns {
		return nil
	}
	slices.SortFunc(list, func(a, b fractional) int {
		da, db := math.Abs(a.part-0.5), math.Abs(b.part-0.5)
		switch {
		case da < db:
			return -1
		case da > db:
			return 1
		}
		return a.j - b.j
	})
	return list
}

// round tries the current point, rounded.
func (s *search) round() bool {
	x := make([]int64, len(s.lo))
	for j := range x {
		x[j] = min(max(int64(math.Round(s.lp.Value(j))), s.lo[j]), s.hi[j])
	}
	ok := s.accept(s.model.expand(x))
	if ok {
		s.improved()
	}
	return ok
}

// unwinding says whether the tree is to be left at once.
func (s *search) unwinding() bool { return s.over() || s.restart }

// open chooses a column to branch on when no integer column is fractional but
// the box is not settled: a soft column that is fractional, or the first column
// that can move, soft columns last.
func (s *search) open() (fractional, bool) {
	best := -1
	for _, j := range s.lp.Basis() {
		if int(j) >= len(s.lo) || s.lo[j] == s.hi[j] {
			continue
		}
		v := s.lp.Value(int(j))
		f := math.Floor(v)
		if part := v - f; part > integral && part < 1-integral && (best < 0 || int(j) < best) {
			best = int(j)
		}
	}
	if best >= 0 {
		f := math.Floor(s.lp.Value(best))
		return fractional{best, min(max(int64(f), s.lo[best]), s.hi[best]-1), 0.5}, true
	}
	for j := range s.lo {
		if s.lo[j] == s.hi[j] {
			continue
		}
		if best < 0 || (s.model.soft[best] && !s.model.soft[j]) {
			best = j
		}
	}
	if best < 0 {
		return fractional{}, false
	}
	v := int64(math.Floor(s.lp.Value(best)))
	return fractional{best, min(max(v, s.lo[best]), s.hi[best]-1), 0.5}, true
}

// dives tries to find a point quickly, in several ways, from the current box
// and back to it. It returns true if nothing is left to search.
func (s *search) dives() bool {
	mark := len(s.trail)
	here := &lp.State{}
	s.lp.Save(here)
	for mode := range 3 {
		before, had := s.value, s.best != nil
		s.dive(mode)
		s.restart = false
		s.undo(mark)
		s.lp.Load(here)
		if s.over() || s.pruned() {
			return true
		}
		if had && before == s.value && mode > 0 {
			break
		}
	}
	return false
}

// dive fixes one fractional column after the other to find a point quickly.
func (s *search) dive(mode int) {
	for !s.over() {
		list := s.fractions(false)
		if len(list) == 0 {
			s.round()
			return
		}
		best, score, up := list[0], -1.0, false
		for _, c := range list {
			v, u := c.part, true
			switch mode {
			case 1:
				u = c.part >= 0.5
				v = max(c.part, 1-c.part)
			case 2:
				v, u = 1-c.part, c.part > 0.3
			}
			if v > score || (v == score && c.j < best.j) {
				best, score, up = c, v, u
			}
		}
		s.nodes++
		lo, hi := s.lo[best.j], s.hi[best.j]
		s.side(best, up)
		if !s.relax() {
			continue
		}
		if s.over() || s.pruned() {
			return
		}
		// The other side, once.
		if up {
			s.setBounds(best.j, lo, best.floor)
		} else {
			s.setBounds(best.j, best.floor+1, hi)
		}
		if s.relax() {
			return
		}
	}
}

// side narrows the box to one side of a branching.
func (s *search) side(c fractional, up bool) {
	lo, hi := s.box(c.j)
	if up {
		s.setBounds(c.j, c.floor+1, *hi)
	} else {
		s.setBounds(c.j, *lo, c.floor)
	}
}

// Limits of strong branching: columns looked at per node, pivots per side.
const (
	strongColumns = 10
	strongAny     = 2
	strongPivots  = 10
)

// branch searches the current box, whose linear program has been solved and
// not pruned. Afterwards the bounds are as before and the kernel's state is
// not.
func (s *search) branch(depth int) {
	s.nodes++
	s.tell(s.spent())
	if s.fix() {
		return
	}
	list := s.fractions(true)
	if len(list) == 0 {
		if s.round() && (s.restart || s.pruned()) {
			return
		}
		c, ok := s.open()
		if !ok {
			return
		}
		list = append(list, c)
	}
	for len(s.states) <= depth {
		s.states = append(s.states, &lp.State{})
	}
	here := s.states[depth]
	s.lp.Save(here)
	mark := len(s.trail)
	c, upFirst, done := s.choose(list, here)
	if done || s.unwinding() {
		s.undo(mark)
		return
	}
	z := s.lp.Objective()
	mark2 := len(s.trail)
	for turn := range 2 {
		up := upFirst == (turn == 0)
		s.side(c, up)
		if !s.relax() {
			s.learn(c, up, s.lp.Objective()-z)
			s.branch(depth + 1)
		}
		s.undo(mark2)
		if s.unwinding() {
			break
		}
		if turn == 0 {
			s.lp.Load(here)
			if s.pruned() {
				break
			}
		}
	}
	s.undo(mark)
}

// learn notes what a side of a branching did to the bound.
func (s *search) learn(c fractional, up bool, gain float64) {
	gain = max(0, gain) * s.worth
	h := &s.history[s.model.id[c.j]]
	if up {
		h.up += gain / (1 - c.part)
		h.ups++
	} else {
		h.down += gain / c.part
		h.downs++
	}
}

// choose picks the column to branch on by its history, and where there is none
// yet by trying both sides for a few pivots. A side that turns out to be empty
// narrows the box at once. done means that nothing is left of the box.
func (s *search) choose(list []fractional, here *lp.State) (best fractional, upFirst, done bool) {
	bestScore := -1.0
	tried := 0
	most := strongColumns
	if s.anyPoint() {
		most = strongAny
	}
	z := s.lp.Objective()
	for _, c := range list {
		var up, down float64
		if h := s.history[s.model.id[c.j]]; h.ups > 0 && h.downs > 0 {
			up = h.up / h.ups * (1 - c.part)
			down = h.down / h.downs * c.part
		} else {
			if tried >= most {
				continue
			}
			tried++
			up = s.try(c, true, z, here)
			down = s.try(c, false, z, here)
			if s.over() {
				return c, false, true
			}
			if math.IsInf(up, 1) || math.IsInf(down, 1) {
				if math.IsInf(up, 1) && math.IsInf(down, 1) {
					return c, false, true
				}
				// One side is empty: go on in the other.
				s.side(c, math.IsInf(down, 1))
				if s.relax() {
					return c, false, true
				}
				s.lp.Save(here)
				list = s.fractions(true)
				if len(list) == 0 {
					if s.round() && (s.restart || s.pruned()) {
						return c, false, true
					}
					c, ok := s.open()
					return c, false, !ok
				}
				return s.choose(list, here)
			}
			s.learn(c, true, up)
			s.learn(c, false, down)
			up, down = up*s.worth, down*s.worth
		}
		score := max(up, 1e-9) * max(down, 1e-9)
		if score > bestScore {
			bestScore, best = score, c
			upFirst = up < down || (up == down && c.part >= 0.5)
		}
	}
	return best, upFirst, false
}

// try looks at one side for a few pivots. It returns how much the bound rises,
// +Inf if the side is proved empty.
func (s *search) try(c fractional, up bool, z float64, here *lp.State) float64 {
	mark := len(s.trail)
	s.side(c, up)
	status := s.lp.Solve(s.cutoff(), min(strongPivots, s.quota()))
	gain := s.lp.Objective() - z
	empty := false
	switch status {
	case lp.Infeasible:
		empty = s.impossible()
	case lp.Cutoff:
		empty = s.pruned()
	case lp.Limit:
		s.limited()
	}
	s.undo(mark)
	s.lp.Load(here)
	if empty {
		return math.Inf(1)
	}
	return gain
}
