package ilp

import "math"

// Bound is a proved lower bound on the objective of every point of p, integer
// or not, by weak duality from any duals, one for each row: nothing is
// searched. Duals of an optimal basis of the linear program give its optimum,
// but for rounding; bad ones give a weak bound, never a wrong one. It returns
// false if the numbers are too large to say.
func Bound(p *Problem, duals []float64) (int64, bool) {
	if err := validate(p, Options{}); err != nil || len(duals) != len(p.Rows) {
		return 0, false
	}
	m := asGiven(p)
	for i := range m.rlo {
		// Infinite sides: no point goes beyond what the columns allow.
		least, most := int64(0), int64(0)
		index, value := m.row(i)
		for k, j := range index {
			lo, hi := value[k]*m.lo[j], value[k]*m.hi[j]
			least, most = least+min(lo, hi), most+max(lo, hi)
		}
		m.rlo[i], m.rhi[i] = max(m.rlo[i], least), min(m.rhi[i], most)
	}
	prove := newProver(m, m.cost, m.lo, m.hi, m.rlo, m.rhi)
	v, ok := prove.bound(duals, 1)
	if !ok || v == math.MinInt64 {
		return 0, false
	}
	return ceilDiv(v, int64(1)<<prove.shift), true
}
