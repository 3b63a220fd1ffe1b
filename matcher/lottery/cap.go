package lottery

import (
	"math"
	"math/big"

	"github.com/openfairlead/fairlead/matcher/ilp"
	"github.com/openfairlead/fairlead/matcher/lp"
)

// capBits is the size of the largest integer weight here. Smaller weights make
// shorter searches, and this proof has no gap to keep small: it holds or not.
const capBits = 30

// capRounds bounds the cohorts that proveCap asks for.
const capRounds = 2000

// overCap is called when floats say that no lottery keeps the cap: ErrCap if
// that is proved, ErrUndecided if it is not.
func (e *engine) overCap() error {
	if e.proveCap() {
		return ErrCap
	}
	return firstError(e.err, ErrUndecided)
}

// proveCap looks for a proof that no lottery keeps every chance within the cap:
// integer weights W ≥ 0 of types that are not decided such that every cohort c
// has
//
//	Σ W[t]·c[t] > cap · Σ W[t]·people[t].
//
// The mean of a lottery would have that too, while chances within the cap would
// make it at most the right side. Weights come from a linear program over
// cohorts, "exceed the cap by as little as possible"; that no cohort weighs less
// is proved by an exact search over the problem as it was given. It returns
// false if there is no such proof, or work or time ran out.
func (e *engine) proveCap() bool {
	p := e.given
	row := make([]int32, e.T)
	rows := 0
	for t := range row {
		row[t] = -1
		if !p.decided(t) {
			row[t] = int32(rows)
			rows++
		}
	}
	if rows == 0 {
		return false
	}
	weight := make([]float64, e.T)
	for t := range weight {
		if row[t] >= 0 {
			weight[t] = 1 // before any cohort is known
		}
	}
	y := make([]float64, rows+1)
	for round := range capRounds {
		w, _ := scaled(weight, capBits)
		most := new(big.Rat)
		for t, v := range w {
			most.Add(most, new(big.Rat).SetInt64(v*p.People[t]))
		}
		most.Mul(most, new(big.Rat).SetFloat64(e.cap))
		floor := new(big.Int).Quo(most.Num(), most.Denom()) // both are positive
		least := make([]int64, len(w))
		for t, v := range w {
			least[t] = -v
		}
		beyond := floor.Int64() + 1
		q := p.weighed(least)
		found := e.integer(q, ilp.Options{Below: &beyond, Enough: new(int64(math.MaxInt64))})
		if found.Status == ilp.Infeasible {
			return true
		}
		if found.X == nil || !e.pool.add(newCohort(found.X, e.T)) && round > 0 {
			return false
		}
		b := &builder{}
		b.Start = append(b.Start, 0)
		for t, i := range row {
			if i >= 0 {
				b.entry(i, -e.people(t))
			}
		}
		b.close(1, 0, 1)
		for _, c := range e.pool.list {
			for k, t := range c.types {
				if i := row[t]; i >= 0 {
					b.entry(i, float64(c.counts[k]))
				}
			}
			b.entry(int32(rows), 1)
			b.close(0, 0, roomy)
		}
		for t, i := range row {
			if i >= 0 {
				b.RowLower = append(b.RowLower, -e.people(t))
				b.RowUpper = append(b.RowUpper, float64(e.people(t)*e.cap))
			}
		}
		b.RowLower, b.RowUpper = append(b.RowLower, 1), append(b.RowUpper, 1)
		s := lp.New(b.Model)
		s.Interrupt = e.interrupted
		if e.accurately(s) != lp.Optimal || s.Value(0) < 1e-10 {
			return false
		}
		s.Duals(y)
		for t, i := range row {
			if i >= 0 {
				weight[t] = max(0, -y[i])
			}
		}
	}
	return false
}
