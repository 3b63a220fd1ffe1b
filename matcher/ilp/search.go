package ilp

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// run is one Solve: what all its models share.
type run struct {
	ctx      context.Context
	problem  *Problem
	options  Options
	best     []int64 // nil: none yet
	value    int64   // of best
	bound    int64   // proved for the whole problem
	target   int64   // points with a larger objective are of no interest now
	floor    int64   // no point of the box has a smaller one; noValue: not known
	pivots   int64   // of the models that are done
	nodes    int64
	stopped  bool // the work ran out or the context ended
	canceled bool
	history  []history // by column of the problem, then by row
}

func newRun(ctx context.Context, p *Problem, o Options) *run {
	r := &run{ctx: ctx, problem: p, options: o, target: noValue, floor: noValue, history: make([]history, len(p.Cost)+len(p.Rows))}
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
	if r.best != nil && value >= r.value {
		return false
	}
	r.best, r.value = x, value
	return true
}

// interrupt is asked by the kernel now and then.
func (r *run) interrupt() bool {
	if !r.stopped && r.ctx.Err() != nil {
		r.stopped, r.canceled = true, true
	}
	return r.stopped
}

// search is branch and bound on one model.
type search struct {
	*run
	model *model
	lp    *lp.Solver
	prove *prover
	toLP  float64 // factor from the search costs to those of lp
	worth float64 // factor from the costs of lp to those of the problem

	// The search costs are factor·cost + noise: small random costs on top of
	// the real ones, so that the linear programs of a problem with many equally
	// good points have few ties. 0 ≤ noise·x ≤ noiseMax < factor for every
	// feasible x, hence a better point than one of objective v has search cost
	// at most factor·(v−1) + noiseMax.
	factor   int64
	noiseMax int64

	least, most int64 // of cost·x in the box of the model
	lo, hi      []int64
	trail       []change
	states      []*lp.State
	duals       []float64

	// What the duals of the first linear program prove for the whole model:
	// 2^shift × bound and reduced costs. A better point found deep in the tree
	// may fix so many columns with them that starting again on a smaller model
	// pays: then restart is set and the search unwinds.
	rootBound int64
	rootCost  []int64
	rootKnown bool
	restart   bool
	dived     bool

	started int64 // pivots of the run before this model
	told    int64
}

// change is a bound to go back to.
type change struct {
	j      int32
	lo, hi int64
}

// history is what branching on a column or row of the problem did to the bound,
// per unit of distance, in units of the problem's objective.
type history struct {
	up, down   float64 // sums
	ups, downs float64 // their numbers
}

// solve finds the best point of the model, or proves that none is better than
// the best known.
func (r *run) solve(m *model) {
	if len(m.cost) == 0 {
		r.accept(m.expand(nil))
		return
	}
	if r.best != nil && m.value(m.least()) >= r.value {
		return
	}
	s := newSearch(r, m)
	defer func() { r.pivots = s.spent() }()
	if s.relax() {
		return
	}
	root := &lp.State{}
	s.lp.Save(root)
	top := m.value(s.atLeast())
	s.rootCost = slices.Clone(s.prove.d)
	if m.parent == nil && top > r.bound {
		r.bound = top
	}
	floor := r.floor
	defer func() { r.floor = floor }()
	for columns := max(guessColumns, m.rows()); ; {
		before := s.spent()
		target, guessed := s.guess(columns)
		outer := r.target
		if guessed {
			r.target = target
		}
		s.explore(root)
		r.target = outer
		s.undo(0)
		s.lp.Load(root)
		if s.stopped || !guessed || (r.best != nil && r.value <= target) {
			return
		}
		r.floor = target + 1
		if m.parent == nil && r.floor > r.bound {
			r.bound = r.floor
		}
		if s.spent()-before < cheapGuess {
			columns *= 3
		} else {
			columns = 0
		}
	}
}

// explore searches the model for points of interest. The box and the state of
// the kernel are not those before.
func (s *search) explore(root *lp.State) {
	for {
		if s.fix() {
			return
		}
		if s.unfixed() <= len(s.model.cost)*rebuildBelow/100 {
			s.rebuild()
			return
		}
		if !s.dived {
			s.dived = true
			if s.dives(root) {
				return
			}
			continue
		}
		s.branch(0)
		if s.stopped || !s.restart {
			return
		}
		s.restart = false
		s.undo(0)
		s.lp.Load(root)
	}
}

// dives tries to find a point quickly. It returns true if nothing is left to
// search.
func (s *search) dives(root *lp.State) bool {
	mark := len(s.trail)
	here := &lp.State{}
	s.lp.Save(here)
	for mode := range 3 {
		before, had := s.value, s.best != nil
		s.dive(mode)
		s.restart = false
		s.undo(mark)
		s.lp.Load(here)
		if s.stopped || s.pruned() {
			return true
		}
		if had && before == s.value && mode > 0 {
			break
		}
	}
	return false
}

// Guessing a target.
const (
	// guessColumns is the least number of columns that can move at the first
	// target.
	guessColumns = 60
	// cheapGuess is the number of pivots up to which a target that was missed
	// is followed by a much larger one.
	cheapGuess = 1000
)

// guess chooses a target so that about as many columns as given can move in
// points no worse than it. By the reduced costs of the first linear program
// all points of interest then lie in a small model: if one is found there,
// none outside is better, and if none is found, the target bounds the
// objective from below. After a miss the distance from the bound grows by two
// fifths at least. It returns false if the target would be near what is known
// to be reached anyway, or all columns can move.
func (s *search) guess(columns int) (target int64, ok bool) {
	n := len(s.rootCost)
	if !s.rootKnown {
		return 0, false
	}
	low := int64(0)
	if s.floor != noValue {
		low = max(0, s.cutFor(s.floor-1)<<s.prove.shift-s.rootBound)
	}
	gap := low + low/5*2
	if columns < n {
		size := make([]int64, n)
		for j, d := range s.rootCost {
			size[j] = max(d, -d)
		}
		slices.Sort(size)
		gap = max(gap, size[columns])
	} else if low == 0 {
		return 0, false
	}
	cut := (s.rootBound + gap) >> s.prove.shift
	want := floorDiv(cut-s.noiseMax, s.factor)
	want = max(want, ceilDiv((s.rootBound>>s.prove.shift)-s.noiseMax, s.factor))
	target = s.model.value(min(want, s.most))
	if s.floor != noValue {
		target = max(target, s.floor)
	}
	gap = s.cutFor(target)<<s.prove.shift - s.rootBound
	if cut := s.cut(); cut != noValue && gap >= (cut<<s.prove.shift-s.rootBound)/10*7 {
		return 0, false
	}
	if target >= s.model.value(s.most) {
		return 0, false
	}
	return target, true
}

// rebuildBelow is the share of the columns, in percent, at which a smaller
// model of those that are left pays.
const rebuildBelow = 70

// rebuild searches a model of the current box.
func (s *search) rebuild() {
	sub, ok := s.model.reduce(slices.Clone(s.lo), slices.Clone(s.hi))
	if !ok {
		return
	}
	s.pivots = s.spent()
	s.run.solve(sub)
	s.started = s.pivots - s.lp.Pivots()
}

func newSearch(r *run, m *model) *search {
	s := &search{
		run: r, model: m, started: r.pivots,
		least: m.least(), most: m.most(),
		lo: slices.Clone(m.lo), hi: slices.Clone(m.hi),
		duals: make([]float64, m.rows()),
	}
	cost := s.searchCosts()

	s.prove = newProver(m, cost, s.lo, s.hi, slices.Clone(m.rlo), slices.Clone(m.rhi))

	_, exp := math.Frexp(s.prove.maxC)
	s.toLP = math.Ldexp(1, -exp)
	s.worth = float64(m.unit) / (s.toLP * float64(s.factor))
	lm := lp.Model{
		Start: m.colStart, Index: m.colIndex, Value: floats(m.colValue, 1),
		Cost: floats(cost, s.toLP), Lower: floats(m.lo, 1), Upper: floats(m.hi, 1),
		RowLower: floats(m.rlo, 1), RowUpper: floats(m.rhi, 1),
	}
	s.lp = lp.New(lm)
	s.lp.Interrupt = r.interrupt
	return s
}

func floats(a []int64, factor float64) []float64 {
	out := make([]float64, len(a))
	for i, v := range a {
		out[i] = float64(v) * factor
	}
	return out
}

// fineCosts is the largest cost for which ties are broken by noise: larger
// costs have few ties.
const fineCosts = 1 << 12

// searchCosts derives the search costs, factor and noiseMax.
func (s *search) searchCosts() []int64 {
	m := s.model
	n := len(m.cost)
	cost := slices.Clone(m.cost)
	s.factor = 1
	largest := int64(0)
	for _, c := range cost {
		largest = max(largest, c, -c)
	}
	if largest > fineCosts {
		return cost
	}
	// The noise of a point can be bounded well by a row that counts many
	// columns: only those get any.
	noisy, most := s.noisyColumns()
	if most == 0 {
		return cost
	}
	const scale = 1 << 20
	each := int64(scale * 2 / 5 / most)
	if each < 2 {
		return cost
	}
	s.factor = scale
	s.noiseMax = each * most
	random := rand.New(rand.NewPCG(uint64(n), 0x5EED))
	for j := range cost {
		cost[j] *= scale
		if noisy[j] {
			cost[j] += random.Int64N(each + 1)
		}
	}
	return cost
}

// noisyColumns chooses columns with a lower bound of 0 and a bound on their
// sum over all feasible points: those of the row of ones with the least
// upper side per column, or all of them.
func (s *search) noisyColumns() (noisy []bool, most int64) {
	m := s.model
	n := len(m.cost)
	best := -1
	length := n / 2
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
	noisy = make([]bool, n)
	if best >= 0 {
		index, _ := m.row(best)
		for _, j := range index {
			noisy[j] = true
		}
		return noisy, m.rhi[best]
	}
	for j := range noisy {
		if m.lo[j] >= 0 && m.hi[j] < 1<<10 {
			noisy[j] = true
			most += m.hi[j]
		}
	}
	return noisy, most
}

// spent is the number of pivots of the run so far.
func (s *search) spent() int64 { return s.started + s.lp.Pivots() }

// cut is the largest search cost that a better point can have.
func (s *search) cut() int64 {
	limit := s.target
	if s.best != nil {
		limit = min(limit, s.value-1)
	}
	if limit == noValue {
		return noValue
	}
	return s.cutFor(limit)
}

// cutFor is the largest search cost of a point whose objective is at most
// limit.
func (s *search) cutFor(limit int64) int64 {
	want := floorDiv(limit-s.model.base, s.model.unit)
	return s.factor*min(max(want, s.least-1), s.most) + s.noiseMax
}

// atLeast is a bound on cost·x that the current duals prove.
func (s *search) atLeast() int64 {
	least := s.least
	s.lp.Duals(s.duals)
	v, ok := s.prove.bound(s.duals, 1/s.toLP)
	s.rootBound, s.rootKnown = v, ok
	if ok {
		v = ceilDiv(v, int64(1)<<s.prove.shift)
		least = max(least, ceilDiv(v-s.noiseMax, s.factor))
	}
	return least
}

// pruned says whether the current duals prove that the current box holds no
// better point.
func (s *search) pruned() bool {
	cut := s.cut()
	if cut == noValue || s.lp.Objective() < (float64(cut)-1)*s.toLP {
		return false
	}
	s.lp.Duals(s.duals)
	v, ok := s.prove.bound(s.duals, 1/s.toLP)
	return ok && v > cut<<s.prove.shift
}

// fix narrows the box by reduced costs: a column that would raise the bound
// beyond the cut by moving cannot move. It returns true if nothing is left.
func (s *search) fix() bool {
	cut := s.cut()
	if cut == noValue {
		return false
	}
	s.lp.Duals(s.duals)
	v, ok := s.prove.bound(s.duals, 1/s.toLP)
	if !ok {
		return false
	}
	gap := cut<<s.prove.shift - v
	if gap < 0 {
		return true
	}
	for j, d := range s.prove.d {
		if s.lo[j] == s.hi[j] {
			continue
		}
		if d > 0 {
			if t := gap / d; t < s.hi[j]-s.lo[j] {
				s.setBounds(j, s.lo[j], s.lo[j]+t)
			}
		} else if d < 0 {
			if t := gap / -d; t < s.hi[j]-s.lo[j] {
				s.setBounds(j, s.hi[j]-t, s.hi[j])
			}
		}
	}
	return false
}

func (s *search) unfixed() int {
	count := 0
	for j := range s.lo {
		if s.lo[j] < s.hi[j] {
			count++
		}
	}
	return count
}

// improved decides, after a better point was found, whether to start again.
func (s *search) improved() {
	if !s.rootKnown {
		return
	}
	gap := s.cut()<<s.prove.shift - s.rootBound
	left := 0
	for _, d := range s.rootCost {
		if d < 0 {
			d = -d
		}
		if d <= gap || gap < 0 {
			left++
		}
	}
	s.restart = left <= len(s.rootCost)*rebuildBelow/100
}

// setBounds narrows the box of a column, or from n on the sides of a row.
func (s *search) setBounds(j int, lo, hi int64) {
	oldLo, oldHi := s.box(j)
	s.trail = append(s.trail, change{int32(j), *oldLo, *oldHi})
	*oldLo, *oldHi = lo, hi
	s.lp.SetBounds(j, float64(lo), float64(hi))
}

// box is where the bounds of a column, or from n on the sides of a row, are.
func (s *search) box(j int) (lo, hi *int64) {
	if j < len(s.lo) {
		return &s.lo[j], &s.hi[j]
	}
	k := j - len(s.lo)
	return &s.prove.rlo[k], &s.prove.rhi[k]
}

// undo takes back all changes of bounds after the first n. The state of the
// kernel has to be loaded afterwards.
func (s *search) undo(n int) {
	for i := len(s.trail) - 1; i >= n; i-- {
		c := s.trail[i]
		lo, hi := s.box(int(c.j))
		*lo, *hi = c.lo, c.hi
		s.lp.RestoreBounds(int(c.j), float64(c.lo), float64(c.hi))
	}
	s.trail = s.trail[:n]
}

// quota is how many pivots may still be made.
func (s *search) quota() int64 {
	if s.options.Work == 0 {
		return math.MaxInt64
	}
	return max(0, s.options.Work-s.spent())
}

// relax solves the linear program of the current box. It returns true if the
// box is proved to hold no better point, or the run has stopped. The basis may
// not be optimal if the kernel could not make it so.
func (s *search) relax() bool {
	if s.interrupt() {
		return true
	}
	cutoff := math.Inf(1)
	if cut := s.cut(); cut != noValue {
		cutoff = (float64(cut) + s.prove.slack() + 0.01) * s.toLP
	}
	for {
		switch s.lp.Solve(cutoff, s.quota()) {
		case lp.Cutoff:
			if s.pruned() {
				return true
			}
			cutoff = math.Inf(1)
			continue
		case lp.Infeasible:
			s.lp.Ray(s.duals)
			return s.prove.impossible(s.duals) || s.pruned()
		case lp.Limit:
			if s.interrupt() {
				return true
			}
			if s.quota() == 0 {
				s.stopped = true
				return true
			}
			return s.pruned()
		default:
			return s.pruned()
		}
	}
}

// tell reports progress.
func (s *search) tell() {
	if s.options.Progress == nil || s.spent()-s.told < 1000 {
		return
	}
	s.told = s.spent()
	s.options.Progress(s.value, s.best != nil, min(s.bound, boundOr(s.best != nil, s.value)), s.spent())
}

func boundOr(ok bool, v int64) int64 {
	if ok {
		return v
	}
	return math.MaxInt64
}
