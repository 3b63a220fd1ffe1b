package ilp

import "math"

// prover evaluates duals in exact integers.
//
// For any vector Y and any x with A·x = s,
//
//	c·x = Σ_j (c_j − Y·A_j)·x_j + Σ_k Y_k·s_k
//
// and every x_j and s_k lies in a known box, so the sum of the smallest value
// of each term bounds c·x from below. Y is the vector of the linear program's
// duals times 2^shift, rounded; the result is then 2^shift times a bound. No
// property of Y is used: bad duals give a weak bound, never a wrong one.
type prover struct {
	*matrix
	cost     []int64
	lo, hi   []int64 // of the columns, kept by the search
	rlo, rhi []int64

	shift  uint
	span   float64 // Σ of the largest size of a column
	sides  float64 // Σ of the largest size of a row's sides
	colSum float64 // largest Σ|entries| of a column
	maxC   float64

	y []int64
	d []int64 // reduced costs times 2^shift of the last bound

	largest int64 // no reduced cost of the last bound is larger in size
}

// headroom is the size that no intermediate sum of the prover may exceed.
const headroom = 1 << 62

// newProver works on the box lo, hi and the sides rlo, rhi, which the search
// changes. It takes the entries of m.
func newProver(m *model, cost, lo, hi, rlo, rhi []int64) *prover {
	p := &prover{
		matrix: &m.matrix, cost: cost, lo: lo, hi: hi, rlo: rlo, rhi: rhi,
		y: make([]int64, m.rows()), d: make([]int64, m.columns()),
	}
	for i := range rlo {
		p.sides += math.Max(math.Abs(float64(rlo[i])), math.Abs(float64(rhi[i])))
	}
	for j := range cost {
		p.span += math.Max(math.Abs(float64(lo[j])), math.Abs(float64(hi[j])))
		p.maxC = math.Max(p.maxC, math.Abs(float64(cost[j])))
		sum := 0.0
		_, values := m.column(j)
		for _, v := range values {
			sum += math.Abs(float64(v))
		}
		p.colSum = math.Max(p.colSum, sum)
	}
	// The duals may exceed the costs by a factor of a few hundred before the
	// shift has to be reduced.
	for p.shift = 24; p.shift > 0; p.shift-- {
		if float64(int64(1)<<p.shift)*(p.maxC+1)*(p.span+p.sides+1) < headroom/512 {
			break
		}
	}
	return p
}

// slack is how much, in units of the cost, rounding the duals can weaken a
// bound.
func (p *prover) slack() float64 {
	return (float64(p.span*p.colSum) + p.sides) / float64(int64(1)<<p.shift)
}

// bound is 2^shift times a lower bound on cost·x over the current box, from
// the duals y·scale. It returns false if the numbers are too large to say.
// The reduced costs stay in p.d.
func (p *prover) bound(y []float64, scale float64) (int64, bool) {
	// Duals that are too large for the shift get a smaller one.
	for less := uint(0); less <= p.shift; less += 6 {
		shift := p.shift - less
		v, ok := p.evaluate(y, scale*float64(int64(1)<<shift), int64(1)<<shift)
		if !ok {
			continue
		}
		if less > 0 {
			if limit := int64(headroom) >> less; v >= limit || v <= -limit || p.largest >= limit {
				return 0, false
			}
			v <<= less
			for j := range p.d {
				p.d[j] <<= less
			}
		}
		return v, true
	}
	return 0, false
}

// impossible says whether the ray, a combination of the rows, proves that no
// point of the current box satisfies every row.
func (p *prover) impossible(ray []float64) bool {
	largest := 0.0
	for _, v := range ray {
		largest = math.Max(largest, math.Abs(v))
	}
	if largest == 0 {
		return false
	}
	// Powers of two keep the small integers that rays often consist of exact.
	_, exp := math.Frexp(largest)
	for _, bits := range []int{30, 20, 12} {
		if v, ok := p.evaluate(ray, math.Ldexp(1, bits-exp), 0); ok && v > 0 {
			return true
		}
	}
	return false
}

// evaluate bounds factor·cost·x with the duals y·scale, rounded.
func (p *prover) evaluate(y []float64, scale float64, factor int64) (int64, bool) {
	largest := 0.0
	for k, v := range y {
		t := math.RoundToEven(v * scale)
		if math.Abs(t) > largest {
			largest = math.Abs(t)
		}
		if !(largest < headroom) {
			return 0, false
		}
		p.y[k] = int64(t)
	}
	size := float64(float64(factor)*p.maxC) + float64(largest*p.colSum) // of a reduced cost
	if float64(size*p.span)+float64(largest*p.sides) >= headroom || size >= headroom {
		return 0, false
	}
	p.largest = int64(size)
	sum := int64(0)
	for k, t := range p.y {
		if t > 0 {
			sum += t * p.rlo[k]
		} else if t < 0 {
			sum += t * p.rhi[k]
		}
	}
	for j := range p.lo {
		if p.lo[j] == 0 && p.hi[j] == 0 {
			p.d[j] = 0
			continue
		}
		d := p.cost[j] * factor
		rows, values := p.column(j)
		for k, i := range rows {
			d -= p.y[i] * values[k]
		}
		p.d[j] = d
		if d > 0 {
			sum += d * p.lo[j]
		} else {
			sum += d * p.hi[j]
		}
	}
	return sum, true
}
