package lottery

import (
	"errors"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
	"github.com/openfairlead/fairlead/matcher/lp"
)

// Choices of the method by levels.
const (
	// levelTol is how far, as a chance, a level may lie below what the last
	// search proved.
	levelTol = 1e-9
	// levelUnits is the same in units of the integer weights, where these are
	// coarser: it covers the rounding of all weights of a cohort.
	levelUnits = 64
	// levelHold is the smallest dual weight that holds a type at its level.
	levelHold = 1e-8
	// shake is the largest perturbation of a row of the master, as a chance. It
	// keeps ties few. Levels follow from duals, which do not depend on it.
	shake = 1e-8
	// gain is how much better than the level a cohort has to be for a search to
	// end with it, as a share, at first.
	gain = 0.02
	// capTol is what shaking and rounding may add to a chance at the cap.
	capTol = 5e-8
	// roomy is the upper bound of a cohort's weight: above 1, so that only the row
	// Σ λ = 1 binds and its dual is the weight of the level.
	roomy = 2
	// excessCost is what exceeding the cap costs, in chances: far more than any
	// level is worth.
	excessCost = 1000
	// extra is how many more cohorts are looked for with the weights lowered
	// where the last one was.
	extra = 4
	// extraWork is the limit, in pivots, for one of them: where a first dive does
	// not find any, they are not worth their price.
	extraWork = 300
)

// levels is the classical method: one level after the other, each a linear
// program over all cohorts whose columns are found as they are needed (Flanigan,
// Gölz, Gupta, Hennig, Procaccia 2021). It assumes nothing about the relaxation.
//
//	maximize z   subject to   Σ λ(j)·c(j,t) ≥ people(t)·z          t not held
//	                          Σ λ(j)·c(j,t) ≥ people(t)·level(t)   t held
//	                          Σ λ(j) = 1,  λ ≥ 0
//
// The duals of the rows are weights; an exact search looks for a cohort that
// weighs more than the level. If there is none, the level is reached, and types
// whose row has a positive dual are held.
func (e *engine) levels(r *relaxed) (*Result, error) {
	m := &master{engine: e, level: make([]float64, e.T), held: make([]bool, e.T)}
	if r != nil && len(e.pool.list) < e.T && len(r.x) == len(e.lo) {
		e.collect(r)
	}
	impossible, err := e.cover()
	if errors.Is(err, ErrUndecided) && len(e.pool.list) > 0 && e.cap == 1 {
		// Whatever cohorts there are, each as likely as the others.
		equal := make([]float64, len(e.pool.list))
		for j := range equal {
			equal[j] = 1
		}
		result := e.result(e.pool.list, equal)
		result.Route = "levels"
		return e.unproved(result)
	}
	if err != nil {
		return nil, err
	}
	if len(e.pool.list) == 0 {
		return nil, firstError(e.err, ErrUndecided)
	}
	var stages []stage
	if len(impossible.types) > 0 {
		stages = append(stages, impossible)
	}
	for t := range m.held {
		m.held[t] = e.given.decided(t)
		if m.held[t] {
			m.level[t] = e.lo[t] / e.people(t)
		}
	}
	for _, t := range impossible.types {
		m.held[t] = true
	}
	complete, err := m.run(&stages)
	if err != nil {
		return nil, err
	}
	result := e.result(m.cohorts, m.weights)
	result.Route = "levels"
	if complete && e.publish(result, stages) {
		return result, nil
	}
	if complete && !e.interrupted() && max(result.Error, result.Gap) > roundingLimit {
		e.fault("the levels do not stand up to their proofs (error %.3g, gap %.3g)", result.Error, result.Gap)
		return nil, e.err
	}
	return e.unproved(result)
}

// unproved is what can be said when work or time ran out: the lottery as far as
// it got, and a bound on the smallest chance. No optimum is claimed. A lottery
// that does not keep the cap is none.
func (e *engine) unproved(r *Result) (*Result, error) {
	r.Status, r.Levels, r.Impossible, r.Gap, r.Error = Bounded, nil, nil, 0, 0
	for t := range r.Optimum {
		if !e.given.decided(t) {
			r.Optimum[t] = math.NaN()
		}
	}
	e.limit()
	if e.err != nil {
		return nil, e.err
	}
	for t, p := range r.Chance {
		if e.given.decided(t) || p <= e.cap {
			continue
		}
		if p > e.cap+capTol {
			return nil, ErrUndecided // it was cut off before it kept the cap
		}
		r.Chance[t] = e.cap
	}
	r.Bound = e.bound
	return r, nil
}

// collect herds cohorts of the whole set, where the face had too few.
func (e *engine) collect(r *relaxed) {
	all := &face{lo: e.lo, hi: make([]float64, len(e.hi)), rlo: e.rlo, rhi: e.rhi}
	for j := range all.hi {
		all.hi[j] = float64(e.Upper[j])
	}
	deficit := make([]float64, e.T)
	for t := range deficit {
		deficit[t] = e.random.Float64()
	}
	e.tell("collecting", 0)
	e.herd(r.x[:e.T], all, deficit, e.T+20, &e.pool, false)
}

// cover finds a cohort for every type that no known cohort has, or proves that
// there is none.
func (e *engine) cover() (impossible stage, err error) {
	covered := make([]bool, e.T)
	note := func(c cohort) {
		for _, t := range c.types {
			covered[t] = true
		}
	}
	for _, c := range e.pool.list {
		note(c)
	}
	impossible.weight = make([]float64, e.T)
	any := int64(math.MaxInt64)
	for t := range covered {
		if covered[t] || e.given.Upper[t] == 0 {
			continue
		}
		if e.Upper[t] == 0 {
			impossible.types = append(impossible.types, t) // proved already
			impossible.weight[t] = 1
			continue
		}
		q := e.narrowed().weighed(nil)
		for u := range e.T {
			q.Cost[u] = -int64(e.random.IntN(64))
			if !covered[u] {
				q.Cost[u] -= 4096
			}
		}
		q.Lower = append([]int64(nil), q.Lower...)
		q.Lower[t] = max(1, q.Lower[t])
		switch found := e.integer(q, ilp.Options{Enough: &any}); {
		case found.X != nil:
			c := newCohort(found.X, e.T)
			e.pool.add(c)
			note(c)
		case found.Status == ilp.Infeasible:
			if e.given.decided(t) {
				return impossible, ErrInfeasible // somebody who must be in cannot be
			}
			impossible.types = append(impossible.types, t)
			impossible.weight[t] = 1
		default:
			return impossible, firstError(e.err, ErrUndecided)
		}
	}
	if len(e.pool.list) == 0 {
		// Nobody can be in: is there an empty cohort?
		switch r := e.integer(e.narrowed().weighed(nil), ilp.Options{Enough: &any}); {
		case r.Status == ilp.Infeasible:
			return impossible, ErrInfeasible
		case r.X == nil:
			return impossible, firstError(e.err, ErrUndecided)
		}
		e.pool.add(cohort{})
	}
	return impossible, nil
}

// master is the linear program over the known cohorts.
type master struct {
	*engine
	q       *lp.Solver
	held    []bool
	level   []float64
	row     []int32 // by type: of its floor; −1: none
	top     []int32 // by type: of its ceiling, the cap; −1: none
	base    int     // columns before those of the cohorts
	columns []cohort
	lower   []float64 // of the rows, not shaken
	shaken  []float64 // by type: by how much a row is, as a chance
	offset  float64   // z stands for the chance offset + z
	near    *near
	gain    float64 // by which a cohort has to be better to end a search, as a share
	overCap bool    // no lottery keeps the cap, as far as floats can tell

	// The lottery as it stands.
	cohorts []cohort
	weights []float64
}

// run goes through the levels. It returns false if it was interrupted.
func (m *master) run(stages *[]stage) (bool, error) {
	m.columns = slices.Clone(m.pool.list)
	if !m.start() {
		return false, nil
	}
	for {
		open := 0
		for _, h := range m.held {
			if !h {
				open++
			}
		}
		if open == 0 || m.options.Method == Maximin && len(*stages) > 0 && (*stages)[len(*stages)-1].value > 0 {
			break
		}
		m.tell("level", len(*stages)+1)
		st, ok := m.reach()
		m.keep()
		if m.overCap {
			return false, m.engine.overCap()
		}
		if !ok {
			return false, nil
		}
		if len(st.types) == 0 {
			m.fault("a level holds nobody")
			return false, m.err
		}
		*stages = append(*stages, st)
		for _, t := range st.types {
			m.held[t], m.level[t] = true, st.value
		}
		if len(st.types) < open && !m.next(&st) {
			return false, nil
		}
	}
	return m.mend(*stages), nil
}

// mend finds the weights once more, without anything shaken: over all known
// cohorts, the largest distance of a chance from its level is minimized. Types
// that have no level yet, for maximin, have the last one at least.
func (m *master) mend(stages []stage) bool {
	last := 0.0
	if len(stages) > 0 {
		last = stages[len(stages)-1].value
	}
	rows := len(m.lower) - 1
	b := &builder{}
	b.Start = append(b.Start, 0)
	b.RowLower, b.RowUpper = make([]float64, rows+1), make([]float64, rows+1)
	b.RowLower[rows], b.RowUpper[rows] = 1, 1
	for t, i := range m.row {
		if i >= 0 {
			b.entry(i, m.people(t))
			level := last
			if m.held[t] {
				level = m.level[t]
			}
			b.RowLower[i], b.RowUpper[i] = float64(m.people(t)*level), 2*m.people(t)
		}
		if i := m.top[t]; i >= 0 {
			b.entry(i, -m.people(t))
			b.RowLower[i], b.RowUpper[i] = -m.people(t), float64(m.people(t)*m.cap)
		}
	}
	b.close(1, 0, 1)
	for _, c := range m.columns {
		col := m.entries(c)
		for k, i := range col.Index {
			b.entry(i, col.Value[k])
		}
		b.close(0, 0, roomy)
	}
	basis := append([]int32(nil), m.q.Basis()...)
	for k, h := range basis {
		switch {
		case int(h) >= m.base:
			basis[k] = h - int32(m.base) + 1 // columns of cohorts, then the rows
		case h == 1:
			basis[k] = -1 // the excess over the cap is no column of its own here
		}
	}
	q := lp.New(b.Model)
	q.Interrupt = m.interrupted
	if !slices.Contains(basis, -1) {
		q.WarmStart(basis)
	}
	if m.accurately(q) != lp.Optimal {
		return false
	}
	m.cohorts, m.weights = m.cohorts[:0], m.weights[:0]
	for j, c := range m.columns {
		if v := q.Value(1 + j); v > 1e-13 {
			m.cohorts, m.weights = append(m.cohorts, c), append(m.weights, v)
		}
	}
	return true
}

// start makes the first program: its basis is feasible, with one cohort in and
// z = 0.
func (m *master) start() bool {
	m.row, m.shaken = make([]int32, m.T), make([]float64, m.T)
	for t := range m.shaken {
		m.shaken[t] = shake * (0.5 + float64(m.random.Float64()*0.5))
	}
	rows := 0
	for t := range m.row {
		m.row[t] = -1
		if !m.held[t] {
			m.row[t] = int32(rows)
			rows++
		}
	}
	m.base = 1
	m.top = make([]int32, m.T)
	for t := range m.top {
		if m.top[t] = -1; m.cap < 1 && !m.held[t] {
			m.base = 2
			m.top[t] = int32(rows)
			rows++
		}
	}
	m.lower = make([]float64, rows+1)
	m.lower[rows] = 1
	m.build()
	n := m.base + len(m.columns)
	basis := make([]int32, rows+1)
	for i := range rows {
		basis[i] = int32(n + i)
	}
	basis[rows] = int32(m.base)
	var atUpper []int32
	if m.base == 2 {
		atUpper = []int32{1} // one cohort alone needs all the excess
	}
	return m.q.SetBasis(basis, atUpper)
}

// build makes the program of the known cohorts. Column 0 is z, in the rows of
// the types that are not held.
func (m *master) build() {
	b := &builder{}
	b.Start = append(b.Start, 0)
	for t, i := range m.row {
		if i >= 0 && !m.held[t] {
			b.entry(i, -m.people(t))
		}
	}
	b.close(-1, 0, 1)
	if m.base == 2 {
		// By how much the cap is exceeded, at a price that drives it out.
		for t, i := range m.top {
			if i >= 0 {
				b.entry(i, -m.people(t))
			}
		}
		b.close(excessCost, 0, 1)
	}
	for _, c := range m.columns {
		col := m.entries(c)
		for k, i := range col.Index {
			b.entry(i, col.Value[k])
		}
		b.close(0, 0, roomy)
	}
	b.RowLower, b.RowUpper = m.sides()
	m.q = lp.New(b.Model)
	m.q.Interrupt = m.interrupted
	m.q.Tolerance = 1e-11
}

// sides are those of the rows, shaken.
func (m *master) sides() (lower, upper []float64) {
	rows := len(m.lower) - 1
	lower, upper = make([]float64, rows+1), make([]float64, rows+1)
	for t, i := range m.row {
		if i >= 0 {
			lower[i] = m.lower[i] - float64(m.people(t)*m.shaken[t])
			upper[i] = m.people(t)
		}
		if i := m.top[t]; i >= 0 {
			lower[i] = -m.people(t)
			upper[i] = float64(m.people(t)*m.cap) + float64(m.people(t)*m.shaken[t])
		}
	}
	lower[rows], upper[rows] = 1, 1
	return lower, upper
}

func (m *master) entries(c cohort) lp.Column {
	col := lp.Column{Upper: roomy}
	for k, t := range c.types {
		if i := m.row[t]; i >= 0 {
			col.Index, col.Value = append(col.Index, i), append(col.Value, float64(c.counts[k]))
		}
		if i := m.top[t]; i >= 0 {
			col.Index, col.Value = append(col.Index, i), append(col.Value, float64(c.counts[k]))
		}
	}
	col.Index, col.Value = append(col.Index, int32(len(m.lower)-1)), append(col.Value, 1)
	return col
}

// reach brings the program to the optimum over all cohorts, known or not.
//
// Its duals do not depend on how the rows are shaken, and neither does what
// they say of the level: by weak duality no lottery has more than the value
// that follows from them, given the levels before. That one has as much is
// shown at the end (mend), by the lottery itself.
func (m *master) reach() (stage, bool) {
	y := make([]float64, len(m.lower))
	st := stage{weight: make([]float64, m.T)}
	m.gain = gain
	for {
		before := m.q.Pivots()
		status := m.q.Primal(m.quota())
		m.pivots += m.q.Pivots() - before
		if status != lp.Optimal || m.interrupted() {
			return st, false
		}
		m.q.Duals(y)
		for t, i := range m.row {
			st.weight[t] = 0
			if i >= 0 {
				st.weight[t] = max(0, y[i])
			}
			if i := m.top[t]; i >= 0 {
				st.weight[t] += min(0, y[i])
			}
		}
		mu := -y[len(y)-1]
		found, ok := m.price(st.weight, mu)
		if !ok {
			return st, false
		}
		if len(found) > 0 {
			m.enter(found)
			continue
		}
		if m.base == 2 && m.q.Value(1) > errorLimit {
			m.overCap = true
			return st, false
		}
		value, mass := mu, 0.0
		for t, i := range m.row {
			if i < 0 {
				continue
			}
			up, down := float64(max(0, y[i])*m.people(t)), 0.0
			if i := m.top[t]; i >= 0 {
				down = float64(min(0, y[i]) * m.people(t))
			}
			value -= float64(down * m.cap)
			if m.held[t] {
				value -= float64(up * m.level[t])
			} else {
				mass += up
			}
		}
		// Where nothing weighs, z is at its upper bound.
		if st.value = m.offset + m.q.Value(0); mass > 0.5 {
			st.value = value / mass
		}
		top := st.value > m.cap-1e-9
		if top {
			st.value = m.cap
		} else if st.value < 1e-9 {
			st.value = 0
		}
		for t, i := range m.row {
			if i >= 0 && !m.held[t] && (top || st.weight[t]*m.people(t) > levelHold) {
				st.types = append(st.types, t)
			}
		}
		return st, true
	}
}

// price looks for cohorts that weigh more than the level, whose weight is mu.
// ok is false if that could not be decided.
func (m *master) price(weight []float64, mu float64) (found []cohort, ok bool) {
	if found = m.swaps(weight, mu); len(found) > 0 {
		return found, true
	}
	w, factor := scaled(weight, weightBits)
	// Over the problem as it was given: when there is none, that is the proof of
	// the level.
	q := m.given.weighed(w)
	least := float64(mu*factor) + max(levelTol*factor, levelUnits)
	below := -int64(math.Floor(least))
	enough := -int64(math.Floor(least + float64(m.gain*mu*factor)))
	best := m.integer(q, ilp.Options{Below: &below, Enough: &enough})
	if best.X == nil {
		if best.Status != ilp.Infeasible {
			return nil, false
		}
		m.refuted = append(m.refuted, refuted{w, -below, best.Pivots, best.Nodes})
		return nil, true
	}
	if best.Value > enough {
		// The search went on to the end: the next one need not.
		m.gain /= 4
	}
	if m.given.breaks(best.X) {
		m.fault("a cohort that was found does not keep every row")
		return nil, false
	}
	add := func(x []int64) {
		if c := newCohort(x, m.T); m.pool.add(c) {
			found = append(found, c)
		}
	}
	add(best.X)
	if len(found) == 0 {
		m.fault("a known cohort was found to be missing")
		return nil, false
	}
	// More from the same weights, lowered where the last cohort was.
	low := append([]float64(nil), weight...)
	x := best.X
	for range extra {
		for t := range m.T {
			if x[t] > 0 {
				low[t] *= 0.3
			}
		}
		lw, _ := scaled(low, 20)
		any := int64(math.MaxInt64)
		more := m.integer(m.narrowed().weighed(lw), ilp.Options{Enough: &any, Work: extraWork})
		if more.X == nil {
			break
		}
		x = more.X
		sum := 0.0
		for t := range m.T {
			sum += float64(weight[t] * float64(x[t]))
		}
		if sum > mu+1e-7 {
			add(x)
		}
	}
	return found, true
}

// enter adds cohorts to the program.
func (m *master) enter(found []cohort) {
	add := make([]lp.Column, len(found))
	for k, c := range found {
		add[k] = m.entries(c)
	}
	m.columns = append(m.columns, found...)
	m.q.Add(add)
}

// next goes to the program of the next level: the types of the level are held,
// and z counts from the level on. The cohorts' weights stay as they are: in the
// basis, the row of a type that is held now takes the place of z. Its dual is
// positive, which makes that a basis.
func (m *master) next(st *stage) bool {
	z := m.q.Value(0)
	largest := -1
	for t, i := range m.row {
		if i >= 0 && !m.held[t] {
			m.lower[i] = float64(m.people(t) * (m.offset + z))
		}
	}
	for _, t := range st.types {
		// As the program has it, or its basis might not be feasible: mend puts
		// the levels themselves in the place of these.
		m.lower[m.row[t]] = float64(m.people(t) * (m.offset + z))
		if largest < 0 || st.weight[t] > st.weight[largest] {
			largest = t
		}
	}
	// z stands for what comes on top of the level: 0 from now on.
	m.offset += z
	n := m.base + len(m.columns)
	if m.q.Basic(0) && !m.q.Exchange(0, n+int(m.row[largest])) {
		return false
	}
	gone := make([]bool, len(m.lower))
	for t, i := range m.row {
		if i >= 0 {
			gone[i] = m.held[t]
		}
	}
	lower, upper := m.sides()
	m.q.Restate(lower, upper, 0, gone)
	return true
}

// keep notes the lottery of the current basis.
func (m *master) keep() {
	m.cohorts, m.weights = m.cohorts[:0], m.weights[:0]
	for j, c := range m.columns {
		if v := m.q.Value(m.base + j); v > 1e-13 {
			m.cohorts, m.weights = append(m.cohorts, c), append(m.weights, v)
		}
	}
}
