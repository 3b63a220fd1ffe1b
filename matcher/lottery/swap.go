package lottery

import (
	"cmp"
	"slices"
)

// Choices of the search by swaps.
const (
	// swapStarts is how many known cohorts are looked at, those that weigh most.
	swapStarts = 40
	// swapSteps is how often one of them is changed at most.
	swapSteps = 8
	// swapFound is how many cohorts one search returns at most.
	swapFound = 24
	// swapGain is the least gain, as a chance, that makes a cohort worth having.
	swapGain = 1e-6
	// pivotTests is how many swaps that are looked at count as a pivot.
	pivotTests = 4096
)

// swaps looks for cohorts that weigh more than the level, whose weight is mu,
// near those that are known: one person for another, or two for two, as long as
// that gains. Known cohorts of the basis weigh mu
// exactly, so that any swap that gains and keeps every row makes one that helps.
// It proves nothing when it finds none.
func (m *master) swaps(weight []float64, mu float64) []cohort {
	if m.near == nil || len(m.near.act) != len(m.Rows) {
		m.near = m.nearAll()
	}
	a := m.near
	order := make([]int32, m.T)
	for t := range order {
		order[t] = int32(t)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), int(a-b))
	})
	a.aim(weight, order)
	value := make([]float64, len(m.columns))
	starts := make([]int32, len(m.columns))
	for k := range m.columns {
		starts[k] = int32(k)
		value[k] = m.columns[k].weighs(weight)
	}
	slices.SortFunc(starts, func(a, b int32) int {
		return cmp.Or(cmp.Compare(value[b], value[a]), int(b-a))
	})
	type better struct {
		cohort
		value float64
	}
	a.tests = 0
	var found []cohort
	var list []better
	for _, k := range starts[:min(len(starts), swapStarts)] {
		if !a.start(&m.columns[k]) {
			continue
		}
		sum := value[k] + a.climb(swapSteps)
		if sum > mu+swapGain && !m.given.breaks(a.x) {
			list = append(list, better{newCohort(a.x, m.T), sum})
		}
		if len(list) == swapFound {
			break
		}
	}
	slices.SortStableFunc(list, func(a, b better) int { return cmp.Compare(b.value, a.value) })
	for _, b := range list {
		if m.pool.add(b.cohort) {
			found = append(found, b.cohort)
		}
	}
	m.pivots += a.tests / pivotTests
	return found
}

// weighs is the weight of a cohort.
func (c *cohort) weighs(weight []float64) float64 {
	sum := 0.0
	for k, t := range c.types {
		sum += float64(weight[t] * float64(c.counts[k]))
	}
	return sum
}

// nearAll is for neighbors in the whole problem.
func (e *engine) nearAll() *near {
	hi := make([]float64, len(e.hi))
	for j := range hi {
		hi[j] = float64(e.Upper[j]) // whatever the cap: it is on the mean
	}
	return newNear(e.system, whole(e.lo), whole(hi), whole(e.rlo), whole(e.rhi))
}

// whole turns bounds, which are integers, into such.
func whole(a []float64) []int64 {
	out := make([]int64, len(a))
	for i, v := range a {
		out[i] = int64(v)
	}
	return out
}
