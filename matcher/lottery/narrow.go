package lottery

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Narrowing is a bound that every cohort keeps although the linear relaxation
// does not: proved by an exact search that found nothing beyond it, over the
// problem with the narrowings before this one. Narrowings make relaxations
// tight and searches short. The proofs of levels do not rest on them: those are
// over the problem as it was given.
type Narrowing struct {
	// Row says whether Index is a row or a column.
	Row   bool
	Index int
	// Upper says whether Value is the new upper bound or the new lower one.
	Upper         bool
	Value         int64
	Pivots, Nodes int64
}

// narrowWork is the limit, in pivots, for one question of narrow.
const narrowWork = 20_000

// narrowDeviations asks, of the columns that measure deviations, which values
// they take in a cohort at all.
func (e *engine) narrowDeviations() {
	for _, j := range e.given.Deviations {
		e.narrowColumn(int(j))
	}
	e.refresh()
}

// narrow asks of every type whether any cohort has it, and of every row over
// types only how far its count goes. It returns whether anything changed.
func (e *engine) narrow() bool {
	before := len(e.narrowings)
	e.tell("narrowing", 0)
	e.narrowTypes()
	for i := range e.Rows {
		e.narrowRow(i)
	}
	e.refresh()
	return len(e.narrowings) > before
}

// refresh makes the system follow the narrowed problem.
func (e *engine) refresh() {
	s := e.system
	for j := range s.lo {
		s.lo[j] = float64(s.Lower[j])
		s.hi[j] = float64(s.Upper[j])
		if j < s.T && s.lo[j] < s.hi[j] {
			s.hi[j] = min(s.hi[j], float64(s.hi[j]*e.cap))
		}
	}
	for i := range s.Rows {
		row := &s.Rows[i]
		s.mixed[i] = false
		least, most := 0.0, 0.0
		for k, j := range row.Index {
			v := float64(row.Value[k])
			s.mixed[i] = s.mixed[i] || int(j) >= s.T && s.Lower[j] < s.Upper[j]
			lo, hi := v*float64(s.Lower[j]), v*float64(s.Upper[j])
			least, most = least+min(lo, hi), most+max(lo, hi)
		}
		s.rlo[i], s.rhi[i] = max(float64(row.Lo), least), min(float64(row.Hi), most)
		if s.lazy[i] && s.rlo[i] > least {
			s.lazy[i], e.active[i] = false, true
		}
	}
}

// best is the largest Σ value·x over the narrowed problem, if it was found and
// is larger than known.
func (e *engine) best(index []int32, value []int64, sign, known int64) (most int64, found ilp.Solution, ok bool) {
	q := e.narrowed().weighed(nil)
	for k, j := range index {
		q.Cost[j] -= sign * value[k]
	}
	below := -known
	found = e.integer(q, ilp.Options{Work: narrowWork, Below: &below})
	switch found.Status {
	case ilp.Optimal:
		e.pool.add(newCohort(found.X, e.T))
		return -found.Value, found, true
	case ilp.Infeasible:
		return known, found, true
	}
	return 0, found, false
}

// narrowColumn finds which values a deviation takes. Known cohorts have some,
// and only those beyond are asked for.
func (e *engine) narrowColumn(j int) {
	one, unit := []int32{int32(j)}, []int64{1}
	if e.Lower[j] < e.Upper[j] {
		_, most := e.seen(j)
		if v, f, ok := e.best(one, unit, 1, most); ok && v >= e.Lower[j] && v < e.Upper[j] {
			e.Upper[j] = v
			e.note(Narrowing{Index: j, Upper: true, Value: v, Pivots: f.Pivots, Nodes: f.Nodes})
		}
	}
	if e.Lower[j] < e.Upper[j] {
		least, _ := e.seen(j)
		if least == e.Lower[j] {
			return
		}
		if v, f, ok := e.best(one, unit, -1, -least); ok && -v <= e.Upper[j] && -v > e.Lower[j] {
			e.Lower[j] = -v
			e.note(Narrowing{Index: j, Value: -v, Pivots: f.Pivots, Nodes: f.Nodes})
		}
	}
}

// seen is the range of an auxiliary column over the known cohorts; where none is
// known of, one beyond each end of its box.
func (e *engine) seen(j int) (least, most int64) {
	least, most = e.Upper[j]+1, e.Lower[j]-1
	for i := range e.pool.list {
		if rest := e.pool.list[i].rest; rest != nil {
			v := rest[j-e.T]
			least, most = min(least, v), max(most, v)
		}
	}
	return least, most
}

func (e *engine) note(n Narrowing) { e.narrowings = append(e.narrowings, n) }

// narrowTypes proves which types are in no cohort.
func (e *engine) narrowTypes() {
	covered := make([]bool, e.T)
	seen := 0
	look := func() {
		for ; seen < len(e.pool.list); seen++ {
			for _, t := range e.pool.list[seen].types {
				covered[t] = true
			}
		}
	}
	any := int64(math.MaxInt64)
	for t := range e.T {
		look()
		if covered[t] || e.Upper[t] == 0 || e.given.decided(t) {
			continue
		}
		q := e.narrowed().weighed(nil)
		for u := range e.T {
			if q.Cost[u] = -int64(e.random.IntN(64)); !covered[u] {
				q.Cost[u] -= 4096
			}
		}
		q.Lower = slices.Clone(q.Lower)
		q.Lower[t] = max(1, q.Lower[t])
		switch found := e.integer(q, ilp.Options{Enough: &any, Work: narrowWork}); {
		case found.X != nil:
			e.pool.add(newCohort(found.X, e.T))
		case found.Status == ilp.Infeasible:
			e.Upper[t] = 0
			e.note(Narrowing{Index: t, Upper: true, Pivots: found.Pivots, Nodes: found.Nodes})
		}
	}
}

// narrowRow finds the counts that cohorts reach of a row over types only.
func (e *engine) narrowRow(i int) {
	row := e.Rows[i]
	if e.mixed[i] || e.rlo[i] == e.rhi[i] || len(row.Index) == 0 {
		return
	}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, c := range e.pool.list {
		sum := int64(0)
		counts := make([]int64, e.T)
		for k, t := range c.types {
			counts[t] = c.counts[k]
		}
		for k, j := range row.Index {
			if int(j) < e.T {
				sum += row.Value[k] * counts[j]
			} else {
				sum += row.Value[k] * e.Lower[j]
			}
		}
		least, most = min(least, sum), max(most, sum)
	}
	if len(e.pool.list) == 0 {
		return
	}
	if most < int64(e.rhi[i]) {
		if v, f, ok := e.best(row.Index, row.Value, 1, most); ok && v < int64(e.rhi[i]) {
			e.Rows[i].Hi = v // cuts may have moved the rows
			e.note(Narrowing{Row: true, Index: i, Upper: true, Value: v, Pivots: f.Pivots, Nodes: f.Nodes})
		}
	}
	if least > int64(e.rlo[i]) {
		if v, f, ok := e.best(row.Index, row.Value, -1, -least); ok && -v > int64(e.rlo[i]) {
			e.Rows[i].Lo = -v
			e.note(Narrowing{Row: true, Index: i, Value: -v, Pivots: f.Pivots, Nodes: f.Nodes})
		}
	}
}
