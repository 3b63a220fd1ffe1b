package ilp

import (
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher/lp"
)

// search is branch and bound on one model.
type search struct {
	*run
	model       *model
	least, most int64 // cost in the box of the model
	lp          *lp.Solver
	prove       *prover
	toLP        float64   // factor from the costs of the model to those of lp
	worth       float64   // factor from the costs of lp to search costs
	rowScale    []float64 // factor from the rows of the model to those of lp

	lo, hi  []int64
	trail   []change
	states  []*lp.State
	duals   []float64
	started int64 // pivots of the run before this model

	// What the duals of the first linear program prove for the whole model:
	// 2^shift × bound and reduced costs; known is false if nothing.
	known     bool
	rootBound int64
	rootCost  []int64
	sizes     []int64 // of rootCost, ascending
	// A better point found deep in the tree may fix so many columns with them
	// that starting again on a smaller model pays: then restart is set and the
	// search unwinds.
	restart bool
	dived   bool
	hunted  int64 // pivots at which to hunt again
}

// change is a bound to go back to.
type change struct {
	j      int32
	lo, hi int64
}

func newSearch(r *run, m *model) *search {
	s := &search{
		run: r, model: m, started: r.pivots,
		least: m.least(), most: m.most(),
		lo: slices.Clone(m.lo), hi: slices.Clone(m.hi),
		duals: make([]float64, m.rows()),
	}
	s.prove = newProver(m, m.cost, s.lo, s.hi, slices.Clone(m.rlo), slices.Clone(m.rhi))
	_, exp := math.Frexp(s.prove.maxC)
	s.toLP = math.Ldexp(1, -exp)
	s.worth = float64(m.unit) / s.toLP
	model := lp.Model{
		Start: m.colStart, Index: m.colIndex, Value: floats(m.colValue, 1),
		Cost: floats(m.cost, s.toLP), Lower: floats(m.lo, 1), Upper: floats(m.hi, 1),
		RowLower: floats(m.rlo, 1), RowUpper: floats(m.rhi, 1),
	}
	// Rows of large entries are scaled down by a power of two, which is exact.
	s.rowScale = make([]float64, m.rows())
	for i := range s.rowScale {
		s.rowScale[i] = 1
		_, value := m.row(i)
		largest := int64(0)
		for _, v := range value {
			largest = max(largest, v, -v)
		}
		if largest > 8 {
			_, exp := math.Frexp(float64(largest))
			s.rowScale[i] = math.Ldexp(1, -exp)
			model.RowLower[i] *= s.rowScale[i]
			model.RowUpper[i] *= s.rowScale[i]
		}
	}
	for k, i := range m.colIndex {
		model.Value[k] *= s.rowScale[i]
	}
	s.lp = lp.New(model)
	s.lp.Interrupt = r.interrupt
	return s
}

// solve finds the best point of interest of the model, or proves that there is
// none.
func (r *run) solve(m *model) {
	if m.columns() == 0 {
		if limit := r.limit(); limit == noValue || m.base <= limit {
			r.accept(m.expand(nil))
		}
		return
	}
	s := newSearch(r, m)
	defer func() { r.pivots = s.spent() }()
	if s.least > s.cut() || s.relax() {
		return
	}
	root := &lp.State{}
	s.lp.Save(root)
	s.measure()
	if m.parent == nil {
		r.raise(m.base + m.unit*s.bound())
	}
	if r.factor > 1 && m.parent == nil {
		if s.sample(s.firstColumns(), root) || s.dives() {
			return
		}
		s.dived = true
	}
	if r.options.Enough != nil && !s.dived {
		// A good point is enough: look where the linear program points first.
		if s.dives() {
			return
		}
		s.dived = true
	}
	outer, floor := r.cap, r.floor
	for columns := s.firstColumns(); ; {
		before := s.spent()
		target, ok := s.target(columns)
		ok = ok && !r.anyPoint() // a region near the bound may hold none
		if ok {
			r.cap = target
		}
		s.explore(root)
		r.cap = outer
		s.undo(0)
		s.lp.Load(root)
		if r.over() || !ok || r.limit() <= target {
			break
		}
		r.floor = target + 1
		if m.parent == nil {
			r.raise(r.floor)
			s.hunt(root)
			if r.stopped {
				break
			}
		}
		if s.spent()-before < cheap {
			columns *= 3
		} else {
			columns = 0
		}
	}
	r.floor = floor
}

// measure keeps what the duals of the first linear program prove.
func (s *search) measure() {
	s.rootBound, s.known = s.evaluate()
	if !s.known {
		return
	}
	s.rootCost = slices.Clone(s.prove.d)
	s.sizes = make([]int64, len(s.rootCost))
	for j, d := range s.rootCost {
		s.sizes[j] = max(d, -d)
	}
	slices.Sort(s.sizes)
}

// bound is a lower bound on the cost in the model.
func (s *search) bound() int64 {
	if !s.known {
		return s.least
	}
	return max(s.least, ceilDiv(s.rootBound, int64(1)<<s.prove.shift))
}

// Choosing a target.
const (
	// fewColumns is the least number of columns that can move within the first
	// target.
	fewColumns = 60
	// cheap is the number of pivots up to which a target that was missed is
	// followed by a much larger one.
	cheap = 1000
)

// firstColumns is how many columns can move within the first target: about as
// many as there are in the basis.
func (s *search) firstColumns() int {
	basic := 0
	for _, j := range s.lp.Basis() {
		if int(j) < len(s.lo) {
			basic++
		}
	}
	return max(fewColumns, basic)
}

// target chooses a cap on the search cost so that about as many columns as
// given can move in points within it. By the reduced costs of the first linear
// program all those points lie in a small model: if one is found there, none
// outside is better, and if none is found, the cap is a floor. After a miss the
// distance from the bound grows by two fifths at least. It returns false if the
// cap would be near the limit that there is anyway.
func (s *search) target(columns int) (int64, bool) {
	if !s.known {
		return 0, false
	}
	shift := s.prove.shift
	low := int64(0)
	if at := s.inside(s.floor - 1); at >= s.least {
		low = max(0, at<<shift-s.rootBound)
	}
	least := int64(s.prove.maxC) << shift >> 8 // no point in smaller steps
	gap := low + max(low/5*2, least)
	if s.factor > 1 {
		gap += low * 8 / 5
	}
	if columns < len(s.sizes) {
		gap = max(gap, s.sizes[columns])
	} else if low == 0 {
		return 0, false
	}
	at := max((s.rootBound+gap)>>shift, s.bound())
	if cut := s.cut(); at >= s.most || at<<shift-s.rootBound >= (cut<<shift-s.rootBound)/10*7 {
		return 0, false
	}
	return max(s.floor, s.model.value(at)), true
}

// hunt looks for any point at all when much work has not brought one: a run
// that is ended early should have something to show. It takes a fourth of the
// work so far, and waits for four times as much before it tries again.
func (s *search) hunt(root *lp.State) {
	const first = 4000 // pivots
	s.hunted = max(s.hunted, first)
	if s.best != nil || s.spent() < s.hunted {
		return
	}
	s.hunted = 4 * s.spent()
	s.allowance = s.spent() + s.spent()/4
	if !s.dives() && s.best == nil && !s.over() {
		s.branch(0)
	}
	s.allowance, s.exhausted, s.restart = unlimited, false, false
	s.undo(0)
	s.lp.Load(root)
}

// sample looks for a point among few columns, those with the smallest reduced
// costs: where very many points are equally good, some are likely to be there.
// It proves nothing, so it gives up after a while. It returns true if nothing
// is left to search.
func (s *search) sample(columns int, root *lp.State) bool {
	if !s.known || columns*3/2 >= len(s.sizes) {
		return false
	}
	for j, d := range s.rootCost {
		if d > s.sizes[columns] {
			s.setBounds(j, s.lo[j], s.lo[j])
		} else if d < -s.sizes[columns] {
			s.setBounds(j, s.hi[j], s.hi[j])
		}
	}
	const perColumn = 30
	s.allowance = s.spent() + int64(perColumn*columns)
	s.rebuild()
	s.allowance, s.exhausted = unlimited, false
	s.undo(0)
	s.lp.Load(root)
	return s.stopped || s.pruned()
}

// explore searches the model for points of interest, from its first linear
// program. The box and the kernel are not left as they were.
func (s *search) explore(root *lp.State) {
	for {
		if s.fix() {
			return
		}
		if s.unfixed() <= s.model.columns()*rebuildBelow/100 {
			s.rebuild()
			return
		}
		if !s.dived {
			s.dived = true
			if s.dives() {
				return
			}
			continue
		}
		s.branch(0)
		if s.over() || !s.restart {
			return
		}
		s.restart = false
		s.undo(0)
		s.lp.Load(root)
	}
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
	s.states = nil // not needed below, and large
	s.run.solve(sub)
	s.started = s.pivots - s.lp.Pivots()
}

// spent is the number of pivots of the run so far.
func (s *search) spent() int64 { return s.started + s.lp.Pivots() }

// inside turns a search cost into a cost of the model, rounded down, and not
// far outside what the model can have.
func (s *search) inside(cost int64) int64 {
	if cost == noValue {
		return s.most
	}
	return min(max(floorDiv(cost-s.model.base, s.model.unit), s.least-1), s.most)
}

// cut is the largest cost of a point of interest.
func (s *search) cut() int64 { return s.inside(s.limit()) }

// cutoff is where the kernel may stop: a bit beyond the cut, so that rounding
// the duals leaves a proof.
func (s *search) cutoff() float64 {
	cut := s.cut()
	if cut >= s.most {
		return math.Inf(1)
	}
	return (float64(cut) + s.prove.slack() + 0.01) * s.toLP
}

// evaluate is 2^shift times the bound that the current duals prove.
func (s *search) evaluate() (int64, bool) {
	s.lp.Duals(s.duals)
	for k, f := range s.rowScale {
		s.duals[k] *= f
	}
	return s.prove.bound(s.duals, 1/s.toLP)
}

// impossible says whether the ray of the kernel proves the box empty.
func (s *search) impossible() bool {
	s.lp.Ray(s.duals)
	for k, f := range s.rowScale {
		s.duals[k] *= f
	}
	return s.prove.impossible(s.duals)
}

// pruned says whether the current duals prove that the current box holds no
// point of interest.
func (s *search) pruned() bool {
	cut := s.cut()
	if s.lp.Objective() < (float64(cut)-1)*s.toLP {
		return false
	}
	if v, ok := s.evaluate(); ok && v > cut<<s.prove.shift {
		return true
	}
	return s.lp.Objective() > float64(cut)*s.toLP && s.prove.beyond(s.duals, 1/s.toLP, cut)
}

// fix narrows the box by reduced costs: a column that would raise the bound
// beyond the cut by moving cannot move. It returns true if nothing is left.
func (s *search) fix() bool {
	cut := s.cut()
	if cut >= s.most {
		return false
	}
	v, ok := s.evaluate()
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
	if !s.known {
		return
	}
	gap := s.cut()<<s.prove.shift - s.rootBound
	enough := s.model.columns() * rebuildBelow / 100
	s.restart = gap < 0 || s.sizes[enough] > gap
}

// setBounds narrows the box of a column, or from n on the sides of a row.
func (s *search) setBounds(j int, lo, hi int64) {
	oldLo, oldHi := s.box(j)
	s.trail = append(s.trail, change{int32(j), *oldLo, *oldHi})
	*oldLo, *oldHi = lo, hi
	s.lp.SetBounds(j, float64(lo)*s.scale(j), float64(hi)*s.scale(j))
}

// scale is the factor from the values of a column, or from n on of a row, to
// those of lp.
func (s *search) scale(j int) float64 {
	if j < len(s.lo) {
		return 1
	}
	return s.rowScale[j-len(s.lo)]
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
		f := s.scale(int(c.j))
		s.lp.RestoreBounds(int(c.j), float64(c.lo)*f, float64(c.hi)*f)
	}
	s.trail = s.trail[:n]
}

// quota is how many pivots may still be made.
func (s *search) quota() int64 {
	left := s.allowance
	if s.options.Work > 0 {
		left = min(left, s.options.Work)
	}
	return max(0, left-s.spent())
}

// limited is called when the kernel has reached a limit. It returns true if
// the search is to be left.
func (s *search) limited() bool {
	if s.quota() == 0 {
		s.stopped = s.options.Work > 0 && s.spent() >= s.options.Work
		s.exhausted = !s.stopped
	}
	return s.interrupt()
}

// relax solves the linear program of the current box. It returns true if the
// box is proved to hold no better point, or the run has stopped. The basis may
// not be optimal if the kernel could not make it so.
func (s *search) relax() bool {
	if s.interrupt() {
		return true
	}
	cutoff := s.cutoff()
	for {
		switch s.lp.Solve(cutoff, s.quota()) {
		case lp.Cutoff:
			if s.pruned() {
				return true
			}
			cutoff = math.Inf(1)
			continue
		case lp.Infeasible:
			return s.impossible() || s.pruned()
		case lp.Limit:
			return s.limited() || s.pruned()
		default:
			return s.pruned()
		}
	}
}
