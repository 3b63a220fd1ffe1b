package certify

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/big"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lp"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// errFalse: the search has found a point of a system that should have none.
var errFalse = errors.New("the claim is false")

// search looks for a proof that a system is empty.
//
// Its linear program leaves the goal row out and optimizes it instead, so that
// one program serves to prove the goal out of reach and to find how far it can
// be reached.
type search struct {
	ctx     context.Context
	sys     *verify.System
	check   *verify.Checker
	box     verify.Box
	lp      *lp.Solver
	row     []int // row of the program → row of the system
	sides   [][2]bool
	sign    float64 // +1: the goal row has a lower side, and is maximized
	scale   float64 // of the costs
	cutoff  float64 // a dual objective above it refutes the goal
	nodes   int
	work    int64
	gains   []gains
	state   lp.State
	proof   matcher.Proof
	outcome error
}

// rounding are the factors by which duals become integers, one after the
// other: small ones, whose proofs are short and often exact, then fine ones.
var rounding = []float64{1, 2, 6, 12, 60, 1 << 10, 1 << 16, 1 << 22, 1 << 28, 1 << 34, 1 << 40}

func newSearch(ctx context.Context, s *verify.System, nodes int, work int64) *search {
	b := &search{ctx: ctx, sys: s, check: verify.NewChecker(s), box: s.Root(), nodes: nodes, work: work, scale: 1, cutoff: math.Inf(1), gains: make([]gains, len(s.Lower))}
	n := len(s.Lower)
	m := lp.Model{Cost: make([]float64, n), Start: make([]int32, 1, n+1)}
	type entry struct {
		row   int32
		value float64
	}
	columns := make([][]entry, n)
	for i := range s.Rows {
		r := &s.Rows[i]
		least, most := 0.0, 0.0
		for k, j := range r.Index {
			lo, hi := float64(r.Value[k])*float64(s.Lower[j]), float64(r.Value[k])*float64(s.Upper[j])
			least, most = least+min(lo, hi), most+max(lo, hi)
		}
		if i == s.Goal {
			b.goal(r, &m)
			continue
		}
		lower, upper := r.Lo != verify.NoLower && float64(r.Lo) > least, r.Hi != verify.NoUpper && float64(r.Hi) < most
		if !lower && !upper {
			continue // the boxes say as much
		}
		at := int32(len(b.row))
		for k, j := range r.Index {
			columns[j] = append(columns[j], entry{at, float64(r.Value[k])})
		}
		if lower {
			least = float64(r.Lo)
		}
		if upper {
			most = float64(r.Hi)
		}
		m.RowLower, m.RowUpper = append(m.RowLower, min(least, most)), append(m.RowUpper, max(least, most))
		if least > most {
			// Out of reach by itself: one row is a proof.
			m.RowLower[at], m.RowUpper[at] = most, most
			if lower {
				m.RowLower[at], m.RowUpper[at] = least, least
			}
		}
		b.row = append(b.row, i)
		b.sides = append(b.sides, [2]bool{lower, upper})
	}
	for j := range n {
		m.Lower, m.Upper = append(m.Lower, float64(s.Lower[j])), append(m.Upper, float64(s.Upper[j]))
		for _, e := range columns[j] {
			m.Index, m.Value = append(m.Index, e.row), append(m.Value, e.value)
		}
		m.Start = append(m.Start, int32(len(m.Index)))
	}
	b.lp = lp.New(m)
	b.lp.Interrupt = func() bool { return ctx.Err() != nil }
	return b
}

// goal makes the goal row the cost: of the largest size 1, to be minimized.
func (b *search) goal(r *verify.Row, m *lp.Model) {
	largest := 1.0
	for _, v := range r.Value {
		largest = max(largest, math.Abs(float64(v)))
	}
	b.sign, b.scale = 1, 1/largest
	b.cutoff = -float64(r.Lo) * b.scale
	if r.Lo == verify.NoLower {
		b.sign = -1
		b.cutoff = float64(r.Hi) * b.scale
	}
	for k, j := range r.Index {
		m.Cost[j] = -b.sign * float64(r.Value[k]) * b.scale
	}
	// A little beyond, so that rounding the duals does not lose it.
	b.cutoff += float64(0.25 * b.scale)
}

func (b *search) pivots() int64 { return b.lp.Pivots() }

// tighten sets the bound of a level to what the duals of its linear program
// prove, if that is near to the bound it has or below it.
func (b *search) tighten(c *matcher.Claim) {
	goal := &b.sys.Rows[b.sys.Goal]
	was := goal.Lo
	if b.lp.Solve(math.Inf(1), b.work) != lp.Optimal {
		return
	}
	duals := make([]float64, len(b.row))
	b.lp.Duals(duals)
	goal.Lo = 0
	best := int64(math.MaxInt64)
	for _, factor := range rounding {
		rows, ok := b.multipliers(duals, factor*b.scale, factor)
		if !ok {
			continue
		}
		by := int64(0)
		for _, r := range rows {
			if r.Row == b.sys.Goal {
				by = r.By
			}
		}
		if excess, ok := b.check.Excess(b.box, rows); ok && by > 0 {
			v := new(big.Int).Div(excess, big.NewInt(by)) // floor: by is positive
			if v.IsInt64() {
				best = min(best, v.Int64())
			}
		}
	}
	goal.Lo = was
	room := int64(1)
	for _, w := range c.Weights {
		room = max(room, w.By>>28, -w.By>>28)
	}
	if best <= c.Bound+room {
		c.Bound, goal.Lo = best, best+1
		b.cutoff = float64(-float64(goal.Lo)*b.scale) + float64(0.25*b.scale)
	}
}

// prove searches. It returns no proof, and no error, if nodes, pivots or time
// run out.
func (b *search) prove() (matcher.Proof, error) {
	if !b.node() {
		return nil, b.outcome
	}
	return b.proof, nil
}

// node writes a proof for the box; false: there is none, or none was found.
func (b *search) node() bool {
	if b.nodes--; b.nodes < 0 || b.lp.Pivots() >= b.work || b.ctx.Err() != nil {
		return false
	}
	status := b.lp.Solve(b.cutoff, b.work-b.lp.Pivots())
	if status == lp.Cutoff && !b.byDuals() {
		// The floats say enough, the integers do not: go on to the optimum.
		status = b.lp.Solve(math.Inf(1), b.work-b.lp.Pivots())
	} else if status == lp.Cutoff {
		return true
	}
	switch status {
	case lp.Limit:
		return false
	case lp.Infeasible:
		ray := make([]float64, len(b.row))
		b.lp.Ray(ray)
		if b.leaf(normal(ray), 0) {
			return true
		}
	default:
		if b.lp.Objective() > b.cutoff-float64(0.3*b.scale) && b.byDuals() {
			return true
		}
	}
	return b.branch()
}

// byDuals writes a leaf if the duals of the basis refute the goal.
func (b *search) byDuals() bool {
	if b.sign == 0 {
		return false // there is no goal
	}
	duals := make([]float64, len(b.row))
	b.lp.Duals(duals)
	return b.leaf(duals, b.scale)
}

// normal scales a ray so that its largest entry is 1.
func normal(ray []float64) []float64 {
	largest, smallest := 0.0, math.Inf(1)
	for _, v := range ray {
		if v = math.Abs(v); v > 1e-9 {
			largest, smallest = max(largest, v), min(smallest, v)
		}
	}
	if largest == 0 {
		return ray
	}
	out := make([]float64, len(ray))
	for i, v := range ray {
		// By the smallest, so that a ray of small integers becomes these.
		if out[i] = v / smallest; largest/smallest > 1e6 {
			out[i] = v / largest
		}
	}
	return out
}

// multipliers are duals, times factor, as integers, with the goal row taken by
// times. Sides that a row lacks, or that the boxes say as well, are left out.
func (b *search) multipliers(duals []float64, by, factor float64) ([]matcher.Multiplier, bool) {
	rows := make([]matcher.Multiplier, 0, len(duals)+1)
	goal := int64(math.RoundToEven(by / b.scale * b.sign))
	scale := factor
	if by != 0 {
		if goal == 0 {
			return nil, false
		}
		// Costs were scaled: duals over the scale are those of the goal row itself.
		scale = math.Abs(float64(goal)) / b.scale
	}
	for k, y := range duals {
		v := y * scale
		if math.Abs(v) >= 1<<53 {
			return nil, false
		}
		n := int64(math.RoundToEven(v))
		if n > 0 && !b.sides[k][0] || n < 0 && !b.sides[k][1] {
			n = 0
		}
		if n == 0 {
			continue
		}
		if b.sys.Goal >= 0 && by != 0 && goal != 0 && b.row[k] > b.sys.Goal {
			rows, goal = append(rows, matcher.Multiplier{Row: b.sys.Goal, By: goal}), 0
		}
		rows = append(rows, matcher.Multiplier{Row: b.row[k], By: n})
	}
	if by != 0 && goal != 0 {
		rows = append(rows, matcher.Multiplier{Row: b.sys.Goal, By: goal})
	}
	return rows, true
}

// leaf writes a leaf if some rounding of the duals refutes the box.
func (b *search) leaf(duals []float64, by float64) bool {
	for _, factor := range rounding {
		rows, ok := b.multipliers(duals, by*factor, factor)
		if ok && b.check.Refutes(b.box, rows) {
			b.proof = append(b.proof, matcher.ProofNode{Leaf: true, Rows: rows})
			return true
		}
	}
	return false
}

// candidate is a column whose value is no integer.
type candidate struct {
	column int
	down   float64 // what rounding down takes away
	score  float64
}

// gains are what branching on a column has raised the bound by, per unit.
type gains struct {
	sum   [2]float64 // down, up
	count [2]int
}

const (
	// tried is how many candidates of a node are tried out at most, and trust how
	// often each has to have been before its average counts.
	tried = 8
	trust = 4
	// tryPivots is how long one is tried.
	tryPivots = 40
)

// branch splits the box where both parts raise the bound most, as far as that
// is known from before or from trying.
func (b *search) branch() bool {
	var open []candidate
	for j := range b.box.Lower {
		if b.box.Lower[j] == b.box.Upper[j] {
			continue
		}
		v := b.lp.Value(j)
		down := v - math.Floor(v)
		off := min(down, 1-down)
		if j >= b.sys.Types {
			off /= 8 // what is paid follows from who is in
		}
		if off > 1e-7 {
			open = append(open, candidate{j, down, off})
		}
	}
	if len(open) == 0 {
		return b.whole()
	}
	slices.SortStableFunc(open, func(x, y candidate) int { return cmp.Compare(y.score, x.score) })
	open = open[:min(tried, len(open))]
	c := b.choose(open)
	return b.split(c.column, int64(math.Floor(b.lp.Value(c.column))))
}

func (b *search) choose(open []candidate) candidate {
	if len(open) == 1 {
		return open[0]
	}
	here := b.lp.Objective()
	b.lp.Save(&b.state)
	best := 0
	for i := range open {
		c := &open[i]
		g := &b.gains[c.column]
		part := [2]float64{c.down, 1 - c.down}
		var gain [2]float64
		for side := range gain {
			if g.count[side] < trust && b.lp.Pivots() < b.work {
				gain[side] = b.try(c.column, side, here)
				if !math.IsInf(gain[side], 1) {
					g.sum[side] += gain[side] / part[side]
					g.count[side]++
				}
			} else if g.count[side] > 0 {
				gain[side] = float64(g.sum[side] / float64(g.count[side]) * part[side])
			}
			gain[side] = min(max(gain[side], 1e-6), 1e6)
		}
		if c.score = float64(gain[0] * gain[1]); c.score > open[best].score {
			best = i
		}
	}
	return open[best]
}

// try is how much the bound rises on one side of a column, in a few pivots.
func (b *search) try(column, side int, here float64) float64 {
	lower, upper := float64(b.box.Lower[column]), float64(b.box.Upper[column])
	at := math.Floor(b.lp.Value(column))
	if side == 0 {
		b.lp.SetBounds(column, lower, at)
	} else {
		b.lp.SetBounds(column, at+1, upper)
	}
	status := b.lp.Solve(b.cutoff, tryPivots)
	gain := b.lp.Objective() - here
	if status == lp.Infeasible || status == lp.Cutoff {
		gain = math.Inf(1)
	}
	b.lp.RestoreBounds(column, lower, upper)
	b.lp.Load(&b.state)
	return gain
}

// split writes a node and the proofs of its two parts.
func (b *search) split(column int, at int64) bool {
	lower, upper := b.box.Lower[column], b.box.Upper[column]
	at = min(max(at, lower), upper-1)
	b.proof = append(b.proof, matcher.ProofNode{Column: column, At: at})
	b.set(column, lower, at)
	ok := b.node()
	if ok {
		b.set(column, at+1, upper)
		ok = b.node()
	}
	b.set(column, lower, upper)
	return ok
}

func (b *search) set(column int, lower, upper int64) {
	b.box.Lower[column], b.box.Upper[column] = lower, upper
	b.lp.SetBounds(column, float64(lower), float64(upper))
}

// whole is for a linear program whose point has integers only: if it keeps
// every row, the claim is false. Else floats hide a violation: split anything.
func (b *search) whole() bool {
	x := make([]int64, len(b.box.Lower))
	for j := range x {
		x[j] = int64(math.Round(b.lp.Value(j)))
		x[j] = min(max(x[j], b.box.Lower[j]), b.box.Upper[j])
	}
	keeps := true
	for i := range b.sys.Rows {
		r := &b.sys.Rows[i]
		sum := int64(0)
		for k, j := range r.Index {
			sum += r.Value[k] * x[j]
		}
		keeps = keeps && sum >= r.Lo && sum <= r.Hi
	}
	if keeps {
		b.outcome = errFalse
		return false
	}
	for j := range x {
		if b.box.Lower[j] < b.box.Upper[j] {
			return b.split(j, x[j])
		}
	}
	return false
}
