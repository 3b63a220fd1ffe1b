package lottery

import (
	"math"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// limit lowers e.bound to what a linear program over the rows proves of those
// types that are known to be in some cohort. Types that are in none would pull
// the smallest chance to 0, so they must not be among them: of a type that no
// known cohort has nothing is asked. The program's duals are evaluated in
// integers; floats alone prove nothing.
//
// It is a small program, and is solved also when work or time has run out.
func (e *engine) limit() {
	if len(e.pool.list) == 0 || e.cap < 1 {
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
		held[t] = !covered[t] || e.problem.decided(t)
	}
	e.last = true
	_, q, b, err := e.stageProgram(r, held, make([]bool, e.T))
	e.last = false
	if err != nil {
		return
	}
	y := make([]float64, len(b.RowLower))
	q.Duals(y)
	duals := make([]float64, len(e.problem.Rows))
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
	mass := 0.0
	for t, v := range w {
		mass += float64(float64(v) * e.people(t))
	}
	for i := range duals {
		duals[i] *= factor
	}
	if v, ok := ilp.Bound(e.problem.weighed(w), duals); ok && mass > 0 {
		// A mean of at most −v over the whole mass: somebody has no more than this.
		e.bound = min(e.bound, math.Nextafter(float64(-v)/mass, 2))
	}
}
