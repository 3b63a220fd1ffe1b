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

	shift   uint
	span    float64   // Σ of the largest size of a column
	sides   []float64 // largest size of a row's sides
	entries []float64 // largest size of a row's entries
	longest float64   // most entries of a column
	maxC    float64

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
		p.sides = append(p.sides, math.Max(math.Abs(float64(rlo[i])), math.Abs(float64(rhi[i]))))
		_, values := m.row(i)
		largest := int64(0)
		for _, v := range values {
			largest = max(largest, v, -v)
		}
		p.entries = append(p.entries, float64(largest))
	}
	for j := range cost {
		p.span += math.Max(math.Abs(float64(lo[j])), math.Abs(float64(hi[j])))
		p.maxC = math.Max(p.maxC, math.Abs(float64(cost[j])))
		rows, _ := m.column(j)
		p.longest = math.Max(p.longest, float64(len(rows)))
	}
	// As fine as possible: where the duals exceed the costs too much, bound
	// takes a smaller shift.
	for p.shift = 30; p.shift > 0; p.shift-- {
		if float64(int64(1)<<p.shift)*(p.maxC+1)*(p.span+1) < headroom/16 {
			break
		}
	}
	return p
}

// slack is about how much, in units of the cost, rounding the duals weakens a
// bound: half a unit for each row, in each column of the basis.
func (p *prover) slack() float64 {
	sum := 0.0
	for _, v := range p.entries {
		sum += v
	}
	return sum * p.longest / float64(int64(1)<<p.shift)
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
	if v, ok := p.evaluate(ray, math.Ldexp(1, 30-exp), 0); ok && v > 0 {
		return true
	}
	return p.exceeds(ray, math.Ldexp(1, fine-exp), 0, 0)
}

// fine is how many bits the duals get where 64 bits in all are not enough:
// more than a float64 has.
const fine = 56

// beyond says whether the duals y·scale prove that the cost is larger than cut
// in the whole box. It is the same formula as in bound, with finer duals and
// sums of 128 bits: rows of large entries need them.
func (p *prover) beyond(y []float64, scale float64, cut int64) bool {
	largest := 1.0
	for _, v := range y {
		largest = math.Max(largest, math.Abs(v*scale))
	}
	_, exp := math.Frexp(largest)
	shift := min(fine-exp, 40)
	if shift <= 0 {
		return false
	}
	factor := int64(1) << shift
	return p.exceeds(y, scale*float64(factor), factor, cut)
}

// exceeds says whether factor·cost·x > factor·cut in the whole box, by the
// duals y·scale, rounded.
func (p *prover) exceeds(y []float64, scale float64, factor, cut int64) bool {
	peak, rows := 0.0, 0.0
	for k, v := range y {
		t := math.RoundToEven(v * scale)
		size := math.Abs(t)
		if !(size < headroom) {
			return false
		}
		peak = math.Max(peak, size*p.entries[k])
		rows += float64(size * p.sides[k])
		p.y[k] = int64(t)
	}
	size := float64(float64(factor)*p.maxC) + float64(peak*p.longest)
	if float64(size*(p.span+1))+rows+float64(float64(factor)*math.Abs(float64(cut))) >= math.Ldexp(1, 126) {
		return false
	}
	sum := product(factor, cut).neg()
	for k, t := range p.y {
		if t > 0 {
			sum = sum.add(product(t, p.rlo[k]))
		} else if t < 0 {
			sum = sum.add(product(t, p.rhi[k]))
		}
	}
	for j := range p.lo {
		if p.lo[j] == 0 && p.hi[j] == 0 {
			continue
		}
		d := product(factor, p.cost[j])
		index, values := p.column(j)
		for k, i := range index {
			if t := p.y[i]; t != 0 {
				d = d.add(product(-t, values[k]))
			}
		}
		if d.positive() {
			sum = sum.add(d.times(p.lo[j]))
		} else {
			sum = sum.add(d.times(p.hi[j]))
		}
	}
	return sum.positive()
}

// evaluate bounds factor·cost·x with the duals y·scale, rounded.
func (p *prover) evaluate(y []float64, scale float64, factor int64) (int64, bool) {
	peak, rows := 0.0, 0.0 // largest size of a term of a reduced cost; of Σ y·s
	for k, v := range y {
		t := math.RoundToEven(v * scale)
		size := math.Abs(t)
		if !(size < headroom) {
			return 0, false
		}
		peak = math.Max(peak, size*p.entries[k])
		rows += float64(size * p.sides[k])
		p.y[k] = int64(t)
	}
	size := float64(float64(factor)*p.maxC) + float64(peak*p.longest) // of a reduced cost
	if float64(size*(p.span+1))+rows >= headroom {
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
