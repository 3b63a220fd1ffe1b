package verify

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/openfairlead/fairlead/matcher"
)

// Limits on a proof, against files that are made to keep a reader busy.
const (
	// maxNodes is how many nodes the proofs of one record have together.
	maxNodes = 1_000_000
	// maxSteps is how many multiplications they cost together, about.
	maxSteps = 10_000_000_000
)

// Box is the part of a system's box that a node of a proof is about.
type Box struct{ Lower, Upper []int64 }

// Checker checks proofs over one system in exact integers.
type Checker struct {
	sys   *System
	size  []float64 // by row: the largest size that its sum, or a side, can have
	d     []int64
	wide  []big.Int
	used  []int32 // columns that are not 0 in d or wide
	mark  []bool
	steps int64
}

// NewChecker prepares for proofs over a system.
func NewChecker(s *System) *Checker {
	n := len(s.Lower)
	c := &Checker{sys: s, d: make([]int64, n), wide: make([]big.Int, n), mark: make([]bool, n)}
	for i := range s.Rows {
		r := &s.Rows[i]
		sum := 1.0
		for _, side := range []int64{r.Lo, r.Hi} {
			if side != NoLower && side != NoUpper {
				sum += math.Abs(float64(side))
			}
		}
		for k, j := range r.Index {
			sum += float64(math.Abs(float64(r.Value[k])) * (1 + max(math.Abs(float64(s.Lower[j])), math.Abs(float64(s.Upper[j])))))
		}
		c.size = append(c.size, sum)
		c.steps += int64(len(r.Index)) + 1
	}
	return c
}

// Excess is what multipliers make of a box. For every x of it that keeps the rows,
//
//	Σ y·side ≤ Σ y·(row·x) = Σ d·x ≤ Σ max(d·lower, d·upper),   d = Σ y·row,
//
// with the lower side of a row where its y is positive, the upper one where it
// is negative. Excess is the right end less the left one: if it is negative,
// there is no such x. It returns false if a row is taken by a side that it
// lacks, or does not exist.
func (c *Checker) Excess(box Box, rows []matcher.Multiplier) (*big.Int, bool) {
	total := 0.0
	for _, m := range rows {
		if m.Row < 0 || m.Row >= len(c.sys.Rows) {
			return nil, false
		}
		r := &c.sys.Rows[m.Row]
		if m.By > 0 && r.Lo == NoLower || m.By < 0 && r.Hi == NoUpper || m.By == math.MinInt64 {
			return nil, false
		}
		total += float64(math.Abs(float64(m.By)) * c.size[m.Row])
		c.steps += int64(len(r.Index)) + 1
	}
	// Every partial sum below is smaller than total, and a float is off by far
	// less than what 2^62 leaves to 2^63.
	if total < 1<<62 {
		return big.NewInt(c.small(box, rows)), true
	}
	return c.large(box, rows), true
}

func (c *Checker) small(box Box, rows []matcher.Multiplier) int64 {
	excess := int64(0)
	for _, m := range rows {
		r := &c.sys.Rows[m.Row]
		if m.By > 0 {
			excess -= m.By * r.Lo
		} else {
			excess -= m.By * r.Hi
		}
		for k, j := range r.Index {
			if !c.mark[j] {
				c.mark[j] = true
				c.used = append(c.used, j)
			}
			c.d[j] += m.By * r.Value[k]
		}
	}
	for _, j := range c.used {
		d := c.d[j]
		excess += max(d*box.Lower[j], d*box.Upper[j])
		c.d[j], c.mark[j] = 0, false
	}
	c.used = c.used[:0]
	return excess
}

func (c *Checker) large(box Box, rows []matcher.Multiplier) *big.Int {
	excess, by, v := new(big.Int), new(big.Int), new(big.Int)
	for _, m := range rows {
		r := &c.sys.Rows[m.Row]
		by.SetInt64(m.By)
		side := r.Lo
		if m.By < 0 {
			side = r.Hi
		}
		excess.Sub(excess, v.Mul(by, v.SetInt64(side)))
		for k, j := range r.Index {
			if !c.mark[j] {
				c.mark[j] = true
				c.used = append(c.used, j)
			}
			c.wide[j].Add(&c.wide[j], v.Mul(by, v.SetInt64(r.Value[k])))
		}
	}
	low, high := new(big.Int), new(big.Int)
	for _, j := range c.used {
		d := &c.wide[j]
		low.Mul(d, v.SetInt64(box.Lower[j]))
		high.Mul(d, v.SetInt64(box.Upper[j]))
		if low.Cmp(high) > 0 {
			low, high = high, low
		}
		excess.Add(excess, high)
		d.SetInt64(0)
		c.mark[j] = false
	}
	c.used = c.used[:0]
	return excess
}

// Refutes says whether multipliers show that no point of the box keeps the rows.
func (c *Checker) Refutes(box Box, rows []matcher.Multiplier) bool {
	excess, ok := c.Excess(box, rows)
	return ok && excess.Sign() < 0
}

// Root is the whole box of a system.
func (s *System) Root() Box {
	return Box{append([]int64(nil), s.Lower...), append([]int64(nil), s.Upper...)}
}

// budget is what the proofs of one record may cost together.
type budget struct{ nodes, steps int64 }

// Check checks that a proof shows the system to be empty.
func (s *System) Check(p matcher.Proof) error {
	return s.check(p, &budget{maxNodes, maxSteps})
}

var errTooLarge = errors.New("the proofs are larger than is allowed")

func (s *System) check(p matcher.Proof, left *budget) error {
	if left.nodes -= int64(len(p)); left.nodes < 0 {
		return errTooLarge
	}
	c := NewChecker(s)
	box := s.Root()
	// open are the nodes above the next one, each in its first or second part.
	type branch struct {
		column int
		at     int64
		old    int64 // the bound that the part replaced
		second bool
	}
	var open []branch
	for i := range p {
		n := &p[i]
		if i > 0 && len(open) == 0 {
			return fmt.Errorf("node %d: the tree ends before it", i)
		}
		if !n.Leaf {
			if n.Column < 0 || n.Column >= len(box.Lower) {
				return fmt.Errorf("node %d: no column %d", i, n.Column)
			}
			if n.At == math.MaxInt64 {
				return fmt.Errorf("node %d: nothing is above %d", i, n.At)
			}
			open = append(open, branch{column: n.Column, at: n.At, old: box.Upper[n.Column]})
			box.Upper[n.Column] = min(box.Upper[n.Column], n.At)
			continue
		}
		if !empty(box, open, func(b branch) int { return b.column }) {
			if !c.Refutes(box, n.Rows) {
				return fmt.Errorf("node %d: its rows do not add up to a contradiction", i)
			}
		}
		if c.steps > left.steps {
			return errTooLarge
		}
		for len(open) > 0 {
			b := &open[len(open)-1]
			if !b.second {
				box.Upper[b.column] = b.old
				b.old, b.second = box.Lower[b.column], true
				box.Lower[b.column] = max(box.Lower[b.column], b.at+1)
				break
			}
			box.Lower[b.column] = b.old
			open = open[:len(open)-1]
		}
	}
	left.steps -= c.steps
	switch {
	case left.steps < 0:
		return errTooLarge
	case len(p) == 0:
		return errors.New("there is none")
	case len(open) > 0:
		return errors.New("the tree is not whole")
	}
	return nil
}

// empty says whether a branch has left nothing of the box.
func empty[B any](box Box, open []B, column func(B) int) bool {
	for _, b := range open {
		if j := column(b); box.Lower[j] > box.Upper[j] {
			return true
		}
	}
	return false
}
