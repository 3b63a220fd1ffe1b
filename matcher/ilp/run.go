package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// run is one Solve: what all its models share.
//
// The models minimize the search cost factor·c + noise of a point instead of
// its reduced objective c: see blur. Caps and floors are search costs.
type run struct {
	ctx      context.Context
	problem  *Problem
	options  Options
	best     []int64 // nil: none yet
	value    int64   // of best
	bound    int64   // proved for the whole problem
	pivots   int64   // of the models that are done
	nodes    int64
	stopped  bool // the work ran out or the context ended
	canceled bool
	enough   bool // a point as good as Options.Enough asks for was found
	// allowance is the number of pivots at which a search that may fail gives
	// up; exhausted is then set.
	allowance int64
	exhausted bool

	base, unit       int64 // objective = base + unit·c
	factor, noiseMax int64
	cap              int64 // points with a larger search cost are of no interest now
	floor            int64 // no point of the current box has a smaller search cost

	history []history // by column of the problem, then by row
	told    int64     // pivots at the last report of progress
}

// history is what branching on a column or row of the problem did to the bound,
// per unit of distance, in search costs.
type history struct {
	up, down   float64 // sums
	ups, downs float64 // their numbers
}

func newRun(ctx context.Context, p *Problem, o Options) *run {
	r := &run{
		ctx: ctx, problem: p, options: o, factor: 1, unit: 1,
		cap: noValue, floor: -noValue, allowance: unlimited,
		history: make([]history, len(p.Cost)+len(p.Rows)),
	}
	if o.Start != nil {
		r.accept(slices.Clone(o.Start))
	}
	return r
}

// accept takes a point of the problem as the best one, after checking it
// against the problem itself. It returns false if it is not feasible or not
// better.
func (r *run) accept(x []int64) bool {
	if violated(r.problem, x) != "" {
		return false
	}
	value := int64(0)
	for j, v := range x {
		value += r.problem.Cost[j] * v
	}
	if r.best != nil && value >= r.value || r.options.Below != nil && value >= *r.options.Below {
		return false
	}
	if x == nil {
		x = []int64{} // the only point of a problem without columns
	}
	r.best, r.value = x, value
	r.enough = r.options.Enough != nil && value <= *r.options.Enough
	return true
}

// limit is the largest search cost of a point of interest: one that is better
// than the best known, and within the cap. noValue if there is no limit.
func (r *run) limit() int64 {
	worse := r.value
	if r.best == nil {
		if r.options.Below == nil {
			return r.cap
		}
		worse = *r.options.Below
	}
	better := floorDiv(worse-1-r.base, r.unit)
	return min(r.cap, r.factor*better+r.noiseMax)
}

// anyPoint says whether the first point is good enough.
func (r *run) anyPoint() bool {
	return r.options.Enough != nil && *r.options.Enough == math.MaxInt64
}

// raise notes that no point has a smaller search cost.
func (r *run) raise(floor int64) {
	if c := r.base + r.unit*ceilDiv(floor-r.noiseMax, r.factor); c > r.bound {
		r.bound = c
	}
}

// interrupt is asked by the kernel now and then.
func (r *run) interrupt() bool {
	if !r.stopped && r.ctx.Err() != nil {
		r.stopped, r.canceled = true, true
	}
	return r.over()
}

// over says whether to leave the current search.
func (r *run) over() bool { return r.stopped || r.exhausted || r.enough }

// blur turns the costs c of a model into search costs factor·c + noise, if
// there are likely to be many ties. Small random costs on top of the real ones
// give the linear programs few ties and one clear direction, without which a
// problem with very many equally good points is a walk on a plateau. They
// decide nothing: 0 ≤ noise·x ≤ noiseMax < factor for every feasible x, hence a
// point with a smaller c than v has a search cost of at most
// factor·(v−1) + noiseMax, and all of those are searched.
func (r *run) blur(m *model) {
	r.base, r.unit = m.base, m.unit
	m.base, m.unit = 0, 1
	largest, reach := int64(0), 0.0
	for j, c := range m.cost {
		largest = max(largest, c, -c)
		reach += float64(max(1, m.lo[j], -m.lo[j], m.hi[j], -m.hi[j]))
	}
	const (
		fine  = 1 << 12 // larger costs have few ties
		scale = 1 << 20
	)
	if largest > fine || reach*float64(max(1, largest))*scale > maxObjective {
		return
	}
	noisy, most := m.countable()
	if most == 0 {
		return
	}
	each := int64(scale * 2 / 5 / most)
	if each < 2 {
		return
	}
	r.factor, r.noiseMax = scale, each*most
	random := rand.New(rand.NewPCG(uint64(m.columns()), 0x5EED))
	m.cost = slices.Clone(m.cost)
	for j := range m.cost {
		m.cost[j] *= scale
		if noisy[j] {
			m.cost[j] += random.Int64N(each + 1)
		}
	}
}

// countable chooses columns with a lower bound of at least 0 and gives a bound
// on their sum over all feasible points: those of the longest row of ones, or
// all that have a small box.
func (m *model) countable() (chosen []bool, most int64) {
	n := m.columns()
	best, length := -1, n/2
	for i, hi := range m.rhi {
		index, value := m.row(i)
		ok := hi > 0 && len(index) > length
		for k, j := range index {
			ok = ok && value[k] == 1 && m.lo[j] >= 0
		}
		if ok {
			best, length = i, len(index)
		}
	}
	chosen = make([]bool, n)
	if best >= 0 {
		index, _ := m.row(best)
		for _, j := range index {
			chosen[j] = true
		}
		return chosen, m.rhi[best]
	}
	for j := range chosen {
		if m.lo[j] >= 0 && m.hi[j] < 1<<10 {
			chosen[j] = true
			most += m.hi[j]
		}
	}
	return chosen, most
}

// tell reports progress from time to time.
func (r *run) tell(pivots int64) {
	const every = 1000
	if r.options.Progress == nil || pivots-r.told < every {
		return
	}
	r.told = pivots
	bound := r.bound
	if r.best != nil {
		bound = min(bound, r.value)
	}
	r.options.Progress(r.value, r.best != nil, bound, pivots)
}

func floats(a []int64, factor float64) []float64 {
	out := make([]float64, len(a))
	for i, v := range a {
		out[i] = float64(v) * factor
	}
	return out
}

// unlimited is a number of pivots that is never reached.
const unlimited = math.MaxInt64
