package lottery

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Choices of herding, measured on pools of 60 to 2,000 people.
const (
	// herdPercent is how many cohorts are collected for each type that is neither
	// certain nor out, in percent. By Wendel's theorem about twice as many random
	// points as dimensions have their center in their hull; points that repel each
	// other need fewer.
	herdPercent = 130
	// shortList is how many types, those with the largest deficits, a cohort is
	// chosen from at first.
	shortList = 150
	// searchWork is the limit, in pivots, for one cohort.
	searchWork = 4000
	// hopeless is the deficit at which the point lies outside the hull of the
	// cohorts, as far as one can tell: where it lies inside, deficits stay below 2
	// nearly always.
	hopeless = 5
	// dear is how many pivots a cohort may cost on average, with 2 more for each
	// type: where they cost more, the levels are the shorter way.
	dear = 300
	// neighborsFrom is how many cohorts are searched for before the others are
	// looked for near them.
	neighborsFrom = 20
	// manyTypes is from how many types on the relaxation is tried twice before the
	// levels are.
	manyTypes = 400
	// neighborSteps bounds the swaps from a known cohort to another.
	neighborSteps = 60
)

// herd collects cohorts of the face whose plain mean comes near to x: each one
// is chosen to make up for what the ones before it left out (herding). deficit
// is by type what they owe, in people, and is kept up to date. The error of the
// mean falls with 1/N, not with 1/√N as for random cohorts.
//
// It stops early when no cohort is found, or, with strict, when the deficits
// show that the point is no mean of cohorts, or cohorts are hard to find.
func (e *engine) herd(x []float64, f *face, deficit []float64, count int, into *pool, strict bool) (collected int) {
	s := e.system
	order := make([]int32, s.T)
	for t := range order {
		order[t] = int32(t)
	}
	score := make([]float64, s.T)
	list := min(shortList, s.T)
	begun := e.pivots
	var a *near
	for round := range count {
		if e.interrupted() {
			return collected
		}
		for t := range s.T {
			deficit[t] += x[t]
			score[t] = deficit[t] + float64(1e-3*e.random.Float64())
		}
		arrange(order, score)
		f.grow(s)
		if a == nil || len(a.act) != len(s.Rows) {
			a = newNear(s, whole(f.lo), whole(f.hi), whole(f.rlo), whole(f.rhi))
		}
		var c []int64
		if !e.searchOnly {
			c = e.neighbor(a, score, x, order[:list], into)
		}
		if c != nil && !into.add(newCohort(c, s.T)) {
			c = nil
		}
		found := c != nil
		for short := list; c == nil; short *= 3 {
			short = min(short, s.T)
			if c = e.pick(score, f, order[:short]); c != nil || short == s.T || e.interrupted() {
				break
			}
			list = min(s.T, list*5/4) // remember that the list was too short
		}
		if c == nil {
			return collected
		}
		if !found {
			into.add(newCohort(c, s.T))
		}
		if strict && round > 12 && round%4 == 0 && (e.owed(deficit, f) > hopeless || e.pivots-begun > int64(round*(dear+2*s.T))) {
			return collected
		}
		for t := range s.T {
			deficit[t] -= float64(c[t])
		}
		collected++
	}
	return collected
}

// arrange sorts types by score, the largest first, ties by number. From one
// cohort to the next few types move far.
func arrange(order []int32, score []float64) {
	for k := 1; k < len(order); k++ {
		t := order[k]
		at := k
		for ; at > 0; at-- {
			u := order[at-1]
			if score[u] > score[t] || score[u] == score[t] && u < t {
				break
			}
			order[at] = u
		}
		order[at] = t
	}
}

// neighbor is a cohort of the face that makes up for more than the point itself
// would, near one that was collected; nil if none is found.
func (e *engine) neighbor(a *near, score, x []float64, order []int32, into *pool) []int64 {
	if len(into.list) < neighborsFrom {
		return nil
	}
	best, value := 0, math.Inf(-1)
	for k := range into.list {
		if v := into.list[k].weighs(score); v > value {
			best, value = k, v
		}
	}
	a.aim(score, order)
	if !a.start(&into.list[best]) {
		return nil
	}
	a.tests = 0
	value += a.climb(neighborSteps)
	e.pivots += a.tests / pivotTests
	mean := 0.0
	for t, v := range x {
		mean += float64(score[t] * v)
	}
	if value <= mean || e.breaks(a.x) {
		return nil
	}
	return slices.Clone(a.x)
}

// owed is the largest deficit of a type that can vary on the face.
func (e *engine) owed(deficit []float64, f *face) float64 {
	most := 0.0
	for t := range e.system.T {
		if f.lo[t] < f.hi[t] {
			most = max(most, math.Abs(deficit[t]))
		}
	}
	return most
}

// pick is a cohort of the face with a large weight that has only these types
// beside those that the face puts in: the first one that a search guided by the
// weights finds, nil if it finds none.
func (e *engine) pick(weight []float64, f *face, types []int32) []int64 {
	for {
		x := e.pickOnce(weight, f, types)
		if x == nil || e.given.varied(x) {
			if x != nil && e.breaks(x) {
				e.fault("a collected cohort does not keep every row")
				return nil
			}
			return x
		}
		if !e.cutOff(x) {
			e.fault("a cohort breaks a variety and none of its rows")
			return nil
		}
		f.grow(e.system)
	}
}

// pickOnce is pick without a look at varieties.
func (e *engine) pickOnce(weight []float64, f *face, types []int32) []int64 {
	s := e.system
	n := len(s.lo)
	columns := make([]int32, 0, len(types)+n-s.T)
	for _, t := range types {
		if f.lo[t] < f.hi[t] {
			columns = append(columns, t)
		}
	}
	for j := s.T; j < n; j++ {
		if f.lo[j] < f.hi[j] {
			columns = append(columns, int32(j))
		}
	}
	x := make([]int64, n)
	fixed := make([]float64, n)
	for j := range x {
		x[j], fixed[j] = int64(f.lo[j]), f.lo[j]
	}
	q := ilp.Problem{
		Cost: make([]int64, len(columns)), Lower: make([]int64, len(columns)), Upper: make([]int64, len(columns)),
		Continuous: make([]bool, len(columns)), Rows: make([]ilp.Row, len(s.Rows)),
	}
	part := make([]float64, len(columns))
	for k, j := range columns {
		q.Lower[k], q.Upper[k] = int64(f.lo[j]), int64(f.hi[j])
		if int(j) < s.T {
			part[k] = -weight[j]
		} else {
			q.Continuous[k] = s.Continuous != nil && s.Continuous[j]
		}
		fixed[j] = 0
	}
	q.Cost, _ = scaled(part, 20)
	count := make([]int32, len(s.Rows))
	total := 0
	for _, j := range columns {
		for _, i := range s.rows[j] {
			count[i]++
			total++
		}
	}
	index, value := make([]int32, total), make([]int64, total)
	at := 0
	for i := range q.Rows {
		from, to := at, at+int(count[i])
		q.Rows[i].Index, q.Rows[i].Value = index[from:from:to], value[from:from:to]
		q.Rows[i].Lo, q.Rows[i].Hi = int64(f.rlo[i]), int64(f.rhi[i])
		at = to
	}
	for j, v := range fixed {
		if v == 0 {
			continue
		}
		for k, i := range s.rows[j] {
			q.Rows[i].Lo -= int64(v * s.values[j][k])
			q.Rows[i].Hi -= int64(v * s.values[j][k])
		}
	}
	for k, j := range columns {
		for l, i := range s.rows[j] {
			q.Rows[i].Index = append(q.Rows[i].Index, int32(k))
			q.Rows[i].Value = append(q.Rows[i].Value, int64(s.values[j][l]))
		}
	}
	any := int64(math.MaxInt64)
	found := e.once(&q, ilp.Options{Enough: &any, Work: min(searchWork, e.quota())})
	if found.X == nil {
		return nil
	}
	for k, j := range columns {
		x[j] = found.X[k]
	}
	return x
}

// grow takes over the sides of rows that have come since.
func (f *face) grow(s *system) {
	k := len(f.rlo)
	f.rlo, f.rhi = append(f.rlo[:k:k], s.rlo[k:]...), append(f.rhi[:k:k], s.rhi[k:]...)
}
