package lottery

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// engine is one Solve.
type engine struct {
	ctx        context.Context
	given      *Problem // as it was given, with cuts that follow from it
	ownRows    int      // its rows without the cuts
	*system             // of a copy, which is narrowed
	narrowings []Narrowing
	options    Options
	cap        float64 // 1 where there is none
	active     []bool  // lazy rows that have been violated, and all others
	random     *rand.Rand
	pool       pool // every cohort found
	pivots     int64
	canceled   bool
	bound      float64  // proved for the smallest chance
	told       Progress // last, so that a long search can go on telling
	last       bool     // something small is done after work or time has run out
	err        error    // a fault of the engine
	refuted    []refuted
	searchOnly bool // herding looks for no cohorts near known ones
}

// refuted says that no cohort of the problem as it was given weighs more than
// the bound: an exact search has found none.
type refuted struct {
	weight        []int64
	bound         int64
	pivots, nodes int64
}

func newEngine(ctx context.Context, p *Problem, o Options) *engine {
	narrowed := p.clone()
	if o.sabotage != nil {
		o.sabotage(narrowed)
	}
	e := &engine{
		ctx: ctx, given: p.clone(), ownRows: len(p.Rows), system: newSystem(narrowed), options: o,
		cap: 1, random: rand.New(rand.NewPCG(o.Seed, 0x4C4F5454)), bound: 1,
	}
	if o.Cap > 0 {
		e.cap = o.Cap
		for t, m := range p.People {
			if !p.decided(t) {
				e.hi[t] = min(e.hi[t], float64(float64(m)*o.Cap))
			}
		}
	}
	e.active = make([]bool, len(p.Rows))
	for i := range e.active {
		e.active[i] = !e.lazy[i]
	}
	return e
}

// narrowed is the problem that short cuts have narrowed: lotteries and cohorts
// are looked for in it, and nothing is proved over it.
func (e *engine) narrowed() *Problem { return e.system.Problem }

// unlimited is a number of pivots that is never reached.
const unlimited = math.MaxInt64

// quota is how many pivots may still be made.
func (e *engine) quota() int64 {
	if e.options.Work == 0 || e.last {
		return unlimited
	}
	return max(0, e.options.Work-e.pivots)
}

// interrupted says whether to leave: time or work has run out, or the engine
// has found a fault of its own.
func (e *engine) interrupted() bool {
	if e.last {
		return e.err != nil
	}
	if !e.canceled && e.ctx.Err() != nil {
		e.canceled = true
	}
	return e.canceled || e.err != nil || e.options.Work > 0 && e.pivots >= e.options.Work
}

// fault notes that the engine contradicts itself; nothing is published then.
func (e *engine) fault(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("lottery: "+format, args...)
	}
}

func (e *engine) tell(step string, level int) {
	if e.options.Progress != nil {
		e.told = Progress{Step: step, Level: level, Pivots: e.pivots, Bound: e.bound}
		e.options.Progress(e.told)
	}
}

// integer solves an integer program over all columns of the problem, and its
// varieties, within the work that is left.
func (e *engine) integer(p *ilp.Problem, o ilp.Options) ilp.Solution {
	before := e.pivots
	for {
		found := e.once(p, o)
		if found.X == nil || e.given.varied(found.X) {
			found.Pivots = e.pivots - before
			return found
		}
		rows := len(e.given.Rows)
		if !e.cutOff(found.X) {
			e.fault("a point breaks a variety and none of its rows")
			return ilp.Solution{Status: ilp.Unknown}
		}
		p.Rows = append(slices.Clone(p.Rows), e.given.Rows[rows:]...)
		if o.Work > 0 {
			if o.Work -= found.Pivots; o.Work <= 0 {
				return ilp.Solution{Status: ilp.Unknown}
			}
		}
	}
}

// once solves an integer program without a look at varieties.
func (e *engine) once(p *ilp.Problem, o ilp.Options) ilp.Solution {
	if e.interrupted() {
		return ilp.Solution{Status: ilp.Unknown}
	}
	if left := e.quota(); left != unlimited && (o.Work == 0 || o.Work > left) {
		o.Work = left
	}
	if o.Work == unlimited {
		o.Work = 0
	}
	if e.options.Progress != nil {
		o.Progress = func(_ int64, _ bool, _ int64, pivots int64) {
			now := e.told
			now.Pivots = e.pivots + pivots
			e.options.Progress(now)
		}
	}
	found, err := ilp.Solve(e.ctx, p, o)
	if err != nil {
		e.fault("%w", err)
		return ilp.Solution{Status: ilp.Unknown}
	}
	e.pivots += found.Pivots
	e.canceled = e.canceled || found.Canceled
	return found
}

// solve tries the relaxation, then the levels.
func (e *engine) solve() (*Result, error) {
	if e.hopeless {
		return nil, ErrInfeasible
	}
	e.tell("relaxation", 0)
	r, err := e.relax()
	if errors.Is(err, errRelaxationEmpty) {
		if err := e.empty(); err != nil || e.interrupted() {
			return nil, firstError(e.err, err, ErrUndecided)
		}
	}
	if err == nil && len(e.given.Deviations) > 0 && e.options.route != levelsOnly {
		// Where targets are missed, the relaxation misses a little of each.
		e.tell("narrowing", 0)
		if e.narrowDeviations(); !e.interrupted() {
			r, err = e.relax()
		}
	}
	for narrowed := false; e.options.route != levelsOnly; narrowed = true {
		if err == nil {
			if result := e.viaRelaxation(r); result != nil || e.err != nil {
				return result, e.err
			}
			e.limit()
		}
		if narrowed || e.interrupted() || !e.narrow() {
			break
		}
		e.limit()
		r, err = e.relax()
	}
	result, err := e.levels(r)
	return result, firstError(e.err, err)
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// empty is asked when the relaxation seems to be empty: ErrInfeasible if there
// is no cohort, ErrCap if there is one, so that the cap must be the reason.
func (e *engine) empty() error {
	any := int64(math.MaxInt64)
	switch found := e.integer(e.given.weighed(nil), ilp.Options{Enough: &any}); {
	case found.Status == ilp.Infeasible:
		return ErrInfeasible
	case found.X != nil && e.cap < 1:
		return e.overCap()
	}
	return nil
}

// viaRelaxation makes the leximin point of the relaxation a mixture of cohorts,
// nil if it is none or no weights were found.
func (e *engine) viaRelaxation(r *relaxed) *Result {
	for range 3 {
		e.snap(r)
	}
	f := e.face(r)
	e.searchOnly = false
	result := e.mixture(r, f)
	if result == nil && e.T > manyTypes && !e.interrupted() && e.err == nil {
		// Cohorts near known ones are found soonest and even out least. Where
		// levels take minutes, the slower way is tried, too.
		e.searchOnly = true
		result = e.mixture(r, f)
	}
	return result
}

// mixture is viaRelaxation on the face of the point.
func (e *engine) mixture(r *relaxed, f *face) *Result {
	deficit := make([]float64, e.T)
	open := 0
	for t := range deficit {
		if f.lo[t] < f.hi[t] {
			deficit[t] = e.random.Float64()
			open++
		}
	}
	x := r.x[:e.T]
	var found pool
	e.tell("collecting", 0)
	count := herdPercent*open/100 + 10
	for try := 0; try < 4; try++ {
		if e.herd(x, f, deficit, count, &found, true) < count || e.interrupted() {
			break
		}
		owed := e.owed(deficit, f)
		if owed > 5 {
			break // the point is outside the hull of the face's cohorts
		}
		e.tell("weighing", 0)
		weights, worst := fit(found.list, x)
		if worst < fitGood {
			result := e.result(found.list, weights)
			result.Route = "relaxation"
			e.ceil(result, r.stages)
			if e.publish(result, e.withDead(r.stages)) {
				return result
			}
			break
		}
		if worst > 0.1 {
			break
		}
		count = open/3 + 1
	}
	for _, c := range found.list {
		e.pool.add(c)
	}
	return nil
}

// ceil makes levels that miss the ceiling by rounding the ceiling, where the
// lottery itself is at it.
func (e *engine) ceil(r *Result, stages []stage) {
	for k := range stages {
		st := &stages[k]
		reached := st.value > e.cap-gapLimit
		for _, t := range st.types {
			reached = reached && r.Chance[t] > e.cap-1e-9
		}
		if reached {
			st.value = e.cap
		}
	}
}

// withDead puts the types that were proved to be in no cohort, and are out of
// the relaxation for that, into the first stage.
func (e *engine) withDead(stages []stage) []stage {
	zero := stage{weight: make([]float64, e.T)}
	for t := range e.T {
		if e.Upper[t] == 0 && !e.given.decided(t) {
			zero.types = append(zero.types, t)
		}
	}
	if len(zero.types) == 0 {
		return stages
	}
	if len(stages) > 0 && stages[0].value == 0 {
		zero.types = append(zero.types, stages[0].types...)
		slices.Sort(zero.types)
		stages = stages[1:]
	}
	for _, t := range zero.types {
		zero.weight[t] = 1
	}
	return append([]stage{zero}, stages...)
}

// result computes the chances of weighted cohorts; weights are made to sum to 1.
func (e *engine) result(list []cohort, weights []float64) *Result {
	r := &Result{Chance: make([]float64, e.T), Optimum: make([]float64, e.T), Bound: e.bound}
	sum := 0.0
	for _, w := range weights {
		sum += max(0, w)
	}
	for j, c := range list {
		w := weights[j] / sum
		if w <= 0 {
			continue
		}
		counts := make([]int64, e.T)
		for k, t := range c.types {
			counts[t] = c.counts[k]
			r.Chance[t] += float64(w * float64(c.counts[k]))
		}
		r.Cohorts, r.Weights = append(r.Cohorts, counts), append(r.Weights, w)
	}
	for t := range r.Chance {
		r.Chance[t] /= e.people(t)
		r.Optimum[t] = math.NaN()
		if e.given.decided(t) {
			r.Optimum[t] = float64(e.given.Lower[t]) / e.people(t)
		}
	}
	return r
}
