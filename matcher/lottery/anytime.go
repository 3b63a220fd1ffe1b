package lottery

import (
	"math"
	"math/big"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// limit lowers e.bound to what a linear program over the rows proves of those
// types that are known to be in some cohort. Types that are in none would pull
// the smallest chance to 0, so they must not be among them: of a type that no
// known cohort has nothing is asked. The program's duals are evaluated in
// integers; floats alone prove nothing.
//
// It is a small program, and is solved also when work or time has run out. With a
// cap fewer lotteries are meant, for all of which it holds, too.
func (e *engine) limit() {
	if len(e.pool.list) == 0 {
		return
	}
	covered := make([]bool, e.T)
	for i := range e.pool.list {
		for _, t := range e.pool.list[i].types {
			covered[t] = true
		}
	}
	held := make([]bool, e.T)
	r := &relaxed{chance: make([]float64, e.T), x: make([]float64, len(e.lo))}
	for t := range held {
		held[t] = !covered[t] || e.given.decided(t)
	}
	e.last = true
	_, q, b, err := e.stageProgram(r, held, make([]bool, e.T))
	e.last = false
	if err != nil {
		return
	}
	y := make([]float64, len(b.RowLower))
	q.Duals(y)
	duals := make([]float64, len(e.given.Rows))
	for i, at := range b.at {
		if at >= 0 {
			duals[i] = y[at]
		}
	}
	weight := make([]float64, e.T)
	for t := range weight {
		if held[t] {
			continue
		}
		for k, i := range e.rows[t] {
			weight[t] -= float64(duals[i] * e.values[t][k])
		}
		weight[t] = max(0, weight[t])
	}
	w, factor := scaled(weight, weightBits)
	mass := int64(0)
	for t, v := range w {
		if mass += v * e.given.People[t]; v > 0 && (mass < 0 || e.given.People[t] > math.MaxInt64>>weightBits) {
			return
		}
	}
	for i := range duals {
		duals[i] *= factor
	}
	if v, ok := ilp.Bound(e.given.weighed(w), duals); ok && mass > 0 {
		// A mean of at most −v over the whole mass: somebody has no more than this.
		e.bound = min(e.bound, atLeast(-v, mass), e.cap)
	}
}

// atLeast is the smallest float that is not below a/b; b is positive.
func atLeast(a, b int64) float64 {
	exact := big.NewRat(a, b)
	f, _ := exact.Float64()
	if new(big.Rat).SetFloat64(f).Cmp(exact) < 0 {
		return math.Nextafter(f, math.Inf(1))
	}
	return f
}
