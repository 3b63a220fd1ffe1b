package lottery

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Proof shows that a level cannot be raised: no cohort c of the problem, as it
// was given, has
//
//	Σ Weight[t]·c[t] > Bound.
//
// So no lottery has a mean above Bound either. Weights are positive only for
// the types of this level and of those below, each type of the level has a
// positive one, and the lottery's own mean is Bound but for Gap. Hence nobody
// of the level can have more unless somebody of it, or below it, has less.
// A negative weight belongs to a type at the cap.
type Proof struct {
	Weight []int64
	Bound  int64
	// Ceiling is true for a level at 1 or at the cap: it needs no weights.
	Ceiling bool
	// Gap is how much the level could be raised at most, as a chance.
	Gap float64
	// Pivots and Nodes are what a search took.
	Pivots, Nodes int64
}

// weightBits is the size of the largest integer weight.
const weightBits = 40

// publish proves every level over the problem as it was given, which no short
// cut has narrowed, and fills the result. It returns false if a level or a
// chance does not stand up to that: then nothing may be published.
func (e *engine) publish(r *Result, stages []stage) bool {
	level := make([]float64, e.T)
	held := make([]bool, e.T)
	for t := range held {
		if held[t] = e.given.decided(t); held[t] {
			level[t] = r.Optimum[t]
		}
	}
	for k := range stages {
		st := &stages[k]
		e.tell("proving", k+1)
		l, ok := e.proveLevel(st, level, held)
		if !ok {
			return false
		}
		if st.value == 0 {
			// A cohort with one of them would weigh more than the bound.
			for _, t := range st.types {
				if l.Proof.Weight[t] <= l.Proof.Bound {
					return false
				}
			}
		}
		for _, t := range st.types {
			held[t], level[t] = true, st.value
			r.Optimum[t] = st.value
		}
		if st.value > 0 && (len(r.Levels) == 0 || r.Levels[len(r.Levels)-1].Value == 0) {
			r.Bound = min(e.cap, st.value+l.Proof.Gap)
		}
		r.Levels = append(r.Levels, l)
		r.Gap = max(r.Gap, l.Proof.Gap)
	}
	for t, h := range held {
		if !h {
			if e.options.Method == Leximin || len(stages) == 0 {
				return false
			}
			// Whoever has no level has at least the last one. That no cohort of the
			// narrowed problem has them would prove nothing.
			r.Error = max(r.Error, stages[len(stages)-1].value-r.Chance[t])
			continue
		}
		r.Error = max(r.Error, math.Abs(r.Chance[t]-level[t]))
		if level[t] == 0 {
			r.Impossible = append(r.Impossible, t)
		}
	}
	return r.Error <= errorLimit && r.Gap <= gapLimit
}

// proveLevel proves one level, given those below it.
func (e *engine) proveLevel(st *stage, level []float64, held []bool) (Level, bool) {
	l := Level{Value: st.value, Types: st.types}
	if st.value >= e.cap {
		l.Proof.Ceiling = true
		return l, true
	}
	mine := make([]bool, e.T)
	for _, t := range st.types {
		mine[t] = true
	}
	weight := make([]float64, e.T)
	for t, w := range st.weight {
		if held[t] || mine[t] || w < 0 {
			weight[t] = w
		}
	}
	p := &l.Proof
	var factor float64
	p.Weight, factor = scaled(weight, weightBits)
	// The mean of the lottery, and the mass that one unit of this level has.
	mean, mass := 0.0, 0.0
	for t, w := range p.Weight {
		v := float64(float64(w) * e.people(t))
		switch {
		case w < 0 && !held[t]:
			mean += float64(v * e.cap)
		case held[t]:
			mean += float64(v * level[t])
		case mine[t]:
			if w <= 0 {
				return l, false
			}
			mean += float64(v * st.value)
			mass += v
		}
	}
	q := e.given.weighed(p.Weight)
	if st.duals != nil {
		y := make([]float64, len(q.Rows)) // cuts that came later: 0
		for i, v := range st.duals {
			y[i] = v * factor
		}
		if v, ok := ilp.Bound(q, y); ok {
			p.Bound = -v
			if p.Gap = (float64(p.Bound) - mean) / mass; p.Gap <= gapLimit/10 {
				p.Gap = max(0, p.Gap)
				return l, true
			}
		}
	}
	// The search that ended the level has proved as much, as a rule.
	for _, r := range e.refuted {
		if gap := (float64(r.bound) - mean) / mass; gap <= gapLimit/10 && slices.Equal(r.weight, p.Weight) {
			p.Bound, p.Pivots, p.Nodes, p.Gap = r.bound, r.pivots, r.nodes, max(0, gap)
			return l, true
		}
	}
	// One exact search: is there a cohort above the mean, by more than rounding?
	p.Bound = int64(math.Floor(mean + max(mass*gapLimit/100, levelUnits)))
	below := -p.Bound
	found := e.integer(q, ilp.Options{Below: &below})
	p.Pivots, p.Nodes = found.Pivots, found.Nodes
	if found.Status != ilp.Infeasible {
		if found.X != nil {
			e.pool.add(newCohort(found.X, e.T))
		}
		return l, false
	}
	p.Gap = max(0, (float64(p.Bound)-mean)/mass)
	return l, true
}
