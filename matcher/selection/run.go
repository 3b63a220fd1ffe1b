package selection

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// run is one run through the stages. What it knows so far is always true: the
// best cohort is audited, the bounds are proved.
type run struct {
	ctx      context.Context
	people   []matcher.Person
	criteria matcher.Criteria
	in       *instance
	auditor  *auditor // nil until it is needed
	options  Options

	grouped  map[int][]crowd  // by rule, once they are asked for
	done     map[string]int64 // steps of an earlier run
	steps    []Step
	pivots   int64
	canceled bool

	best          []bool // by block; nil: no cohort yet
	tally         tally  // of best
	status        matcher.Status
	sizeBound     int
	bounds        [matcher.MaxPriority + 1]int64 // of the deviation, by priority
	scoreBound    int64
	infeasibility *matcher.Infeasibility
	settled       stage // what improve proved, up to the score
}

func newRun(ctx context.Context, people []matcher.Person, c matcher.Criteria, o Options, lots func(string) [3]int64) *run {
	r := &run{
		ctx: ctx, people: people, criteria: c, options: o,
		in:     newInstance(people, c, lots),
		done:   map[string]int64{},
		status: matcher.Undecided,
	}
	if o.Work == 0 {
		for _, s := range o.Done {
			r.done[s.Name] = s.Value
		}
	}
	r.sizeBound = c.Size
	r.scoreBound = r.mostScore()
	return r
}

// mostScore is the total score of the best-scored people, rules aside.
func (r *run) mostScore() int64 {
	all := make([]int64, 0, len(r.people))
	excluded := wordSet(r.criteria.Exclude)
	for _, p := range r.people {
		if !excluded[p.ID] {
			all = append(all, int64(r.criteria.Scores[p.ID]))
		}
	}
	slices.Sort(all)
	sum := int64(0)
	for _, s := range all[max(0, len(all)-r.criteria.Size):] {
		sum += s
	}
	return sum
}

// newStage is the stage before anything is proved.
func newStage() stage {
	s := stage{size: -1, minScore: -1, minLots: [3]int64{-1, -1, -1}}
	for g := range s.limit {
		s.limit[g] = -1
	}
	return s
}

// selectBest runs all stages.
func (r *run) selectBest() error {
	s := newStage()
	keeps, err := r.feasible(&s)
	if err != nil || !keeps {
		return err
	}
	r.status = matcher.Feasible
	finished, err := r.improve(s, true)
	if err != nil || !finished {
		return err
	}
	r.status = matcher.Optimal
	return r.proved(StepVerified, 1)
}

// check runs the first stage only and, if there is no cohort, finds the
// closest one.
func (r *run) check() error {
	s := newStage()
	s.goal = anyCohort
	found, err := r.solve(StepFeasible, &s)
	switch {
	case err != nil:
		return err
	case found.state == none:
		return r.explain(false)
	case found.choice != nil:
		r.status = matcher.Feasible
	}
	return nil
}

// feasible decides whether the rules that must hold can be kept; where the
// size is a range it finds the largest one on the way. It returns false if
// there is nothing to improve on.
func (r *run) feasible(s *stage) (bool, error) {
	if _, ok := r.done[StepImpossible]; ok {
		return false, r.explain(true)
	}
	if _, ok := r.done[StepFeasible]; ok {
		r.status = matcher.Feasible
		return true, r.proved(StepFeasible, 1)
	}
	s.goal = anyCohort
	if r.criteria.MinSize < r.criteria.Size {
		s.goal = largest
	}
	found, err := r.solve(StepFeasible, s)
	switch {
	case err != nil:
		return false, err
	case found.state == none:
		return false, r.explain(true)
	case found.choice == nil:
		return false, nil
	}
	if err := r.proved(StepFeasible, 1); err != nil {
		return false, err
	}
	if s.goal == largest {
		r.sizeBound = int(found.bound)
		if found.state != solved {
			r.status = matcher.Feasible
			return false, nil
		}
		s.size = int(found.value)
		return true, r.proved(StepSize, found.value)
	}
	return true, nil
}

// improve runs the objectives in their order: size, priorities, score and, if
// asked, the seed. It says whether all of them were proved.
func (r *run) improve(s stage, seeded bool) (bool, error) {
	if proved, err := r.size(&s); err != nil || !proved {
		return false, err
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if !r.hasPriority(g) {
			continue
		}
		value, proved, err := r.deviation(stepNumber(StepPriority, g), &s, g)
		r.bounds[g] = value
		if err != nil || !proved {
			return false, err
		}
		s.limit[g] = value + r.criteria.Allow[g]
	}
	if proved, err := r.score(&s); err != nil || !proved {
		return false, err
	}
	r.settled = s
	if !seeded {
		return true, nil
	}
	return r.bySeed(s)
}

func (r *run) hasPriority(g int) bool {
	return slices.ContainsFunc(r.criteria.Rules, func(rule matcher.Rule) bool { return rule.Priority == g })
}

func (r *run) size(s *stage) (bool, error) {
	known, ok := r.done[StepSize]
	switch {
	case s.size >= 0:
		return true, nil
	case ok:
		s.size = int(known)
	case r.criteria.MinSize == r.criteria.Size, r.best != nil && r.tally.size == r.criteria.Size:
		s.size = r.criteria.Size
	default:
		s.goal = largest
		found, err := r.solve(StepSize, s)
		if err != nil || found.state != solved {
			if found.state == partial {
				r.sizeBound = int(found.bound)
			}
			return false, err
		}
		s.size = int(found.value)
	}
	r.sizeBound = s.size
	return true, r.proved(StepSize, int64(s.size))
}

// deviation finds the least deviation of a level. The value it returns is a
// proved lower bound in any case.
func (r *run) deviation(name string, s *stage, level int) (least int64, proved bool, err error) {
	known, ok := r.done[name]
	switch {
	case ok:
		least = known
	case r.best != nil && level != matcher.Must && r.tally.deviation[level] == 0:
		// Nothing is below 0.
	default:
		s.goal, s.level = deviation, level
		found, err := r.solve(name, s)
		if err != nil {
			return 0, false, err
		}
		if found.state != solved {
			return max(0, found.bound), false, nil
		}
		least = found.value
	}
	return least, true, r.proved(name, least)
}

func (r *run) score(s *stage) (bool, error) {
	known, ok := r.done[StepScore]
	switch {
	case ok:
		s.minScore = known
	case r.scoreBound == 0:
		s.minScore = 0
	default:
		s.goal = score
		found, err := r.solve(StepScore, s)
		if err != nil || found.state != solved {
			if found.state == partial {
				r.scoreBound = min(r.scoreBound, found.bound)
			}
			return false, err
		}
		s.minScore = found.value
	}
	r.scoreBound = s.minScore
	return true, r.proved(StepScore, s.minScore)
}

// explain is for a pool that cannot keep the rules that must hold. It finds
// the least total deviation from them and the closest cohort or, where the
// conditions that are no rules clash by themselves, names a clash.
func (r *run) explain(seeded bool) error {
	r.status = matcher.Infeasible
	r.infeasibility = &matcher.Infeasibility{}
	if err := r.proved(StepImpossible, 1); err != nil {
		return err
	}
	s := newStage()
	s.relaxed = true
	s.goal, s.level = deviation, matcher.Must
	if known, ok := r.done[StepLeast]; ok {
		s.limit[matcher.Must] = known
	} else {
		found, err := r.solve(StepLeast, &s)
		if err != nil {
			return err
		}
		if found.state == none {
			return r.clash(seeded)
		}
		if found.state != solved {
			r.best = nil
			if seeded {
				r.infeasibility.Cut = []string{matcher.CutConflict, matcher.CutRelaxations}
			}
			return nil
		}
		s.limit[matcher.Must] = found.value
	}
	least := s.limit[matcher.Must]
	r.infeasibility.LeastTotalDeviation = &least
	if err := r.proved(StepLeast, least); err != nil {
		return err
	}
	finished, err := r.improve(s, seeded)
	if err != nil {
		return err
	}
	if r.best != nil {
		r.infeasibility.Closest = r.in.cohort(r.best)
		r.infeasibility.ClosestRules = r.tally.rules
	}
	if !seeded {
		return nil
	}
	if !finished {
		r.infeasibility.Cut = []string{matcher.CutConflict, matcher.CutRelaxations}
		return nil
	}
	if err := r.account(false); err != nil {
		return err
	}
	return r.proved(StepVerified, 1)
}

// clash names hard conditions that cannot hold together.
func (r *run) clash(seeded bool) error {
	if seeded {
		return r.account(true)
	}
	all := hardConditions(r.criteria, len(r.people))
	members, _, err := r.conflict(all)
	if err != nil {
		return err
	}
	for _, c := range named(members, all, len(r.people)) {
		r.infeasibility.Clash = append(r.infeasibility.Clash, c.Bound)
	}
	return nil
}

// state is what a solve came to.
type state uint8

const (
	solved  state = iota // optimal, proved
	partial              // a cohort and a bound
	none                 // no cohort, proved
	unknown              // work or time ran out before anything was found
)

// finding is the answer of one solve. Value and bound are in the direction of
// the goal; choice is nil if there is no cohort.
type finding struct {
	state        state
	value, bound int64
	choice       []bool
	tally        tally // of choice, counted from the definitions of the rules
}

// solve solves a stage and takes over the cohort it finds: r.best is where it
// starts, so that what it finds is never worse.
func (r *run) solve(step string, s *stage) (finding, error) {
	f, err := r.peek(step, s)
	if err != nil {
		return finding{state: unknown}, err
	}
	if f.choice != nil {
		r.accept(f)
	}
	return f, nil
}

// peek solves a stage and leaves r.best alone.
func (r *run) peek(step string, s *stage) (finding, error) {
	f := finding{state: unknown}
	if r.ctx.Err() != nil {
		r.canceled = true
		return f, nil
	}
	var o ilp.Options
	if r.options.Work > 0 {
		if o.Work = r.options.Work - r.pivots; o.Work <= 0 {
			return f, nil
		}
	}
	p := r.in.program(s)
	if r.best != nil {
		o.Start = p.point(r.best)
	}
	if r.options.Progress != nil {
		before := r.pivots
		o.Progress = func(_ int64, _ bool, _ int64, pivots int64) {
			r.options.Progress(Progress{Step: step, Done: r.steps, Pivots: before + pivots})
		}
		r.options.Progress(Progress{Step: step, Done: r.steps, Pivots: before})
	}
	sol, err := ilp.Solve(r.ctx, &p.ilp, o)
	if err != nil {
		return f, fmt.Errorf("selection: step %q: %w", step, err)
	}
	r.pivots += sol.Pivots
	r.canceled = r.canceled || sol.Canceled
	if sol.X != nil {
		f.choice = make([]bool, len(r.in.blocks))
		for k := range f.choice {
			f.choice[k] = sol.X[k] != 0
		}
		if f.tally, err = r.audit(f.choice); err != nil {
			return f, fmt.Errorf("selection: step %q: the solver's cohort does not pass the audit: %w", step, err)
		}
		if err := s.kept(&f.tally); err != nil {
			return f, fmt.Errorf("selection: step %q: the solver's cohort does not pass the audit: %w", step, err)
		}
	}
	f.value, f.bound = p.sign*sol.Value, p.sign*sol.Bound
	switch sol.Status {
	case ilp.Optimal:
		f.state = solved
	case ilp.Feasible:
		f.state = partial
	case ilp.Infeasible:
		f.state = none
		if r.known(s) {
			return f, fmt.Errorf("selection: step %q: what was proved before does not hold any more", step)
		}
	}
	if f.state == solved {
		if err := r.confirm(s, f); err != nil {
			return f, fmt.Errorf("selection: step %q: %w", step, err)
		}
	}
	return f, nil
}

// known is whether the stage must have a cohort, because earlier stages proved
// theirs under conditions that it only repeats.
func (r *run) known(s *stage) bool {
	return s.not == nil && s.force == nil && s.extend == nil && (r.best != nil || len(r.steps) > 0 && r.steps[len(r.steps)-1].Name != StepImpossible)
}

// confirm compares what a stage says of the best cohort with what was counted.
func (r *run) confirm(s *stage, f finding) error {
	got := f.value
	switch s.goal {
	case largest:
		got = int64(f.tally.size)
	case deviation:
		got = f.tally.deviation[s.level]
		if s.level == matcher.Must {
			got = f.tally.short
		}
	case score:
		got = f.tally.score
	case lot:
		got = r.lotTotal(f.choice, s.level)
	}
	if got != f.value {
		return fmt.Errorf("the cohort counts %d, the solver says %d", got, f.value)
	}
	return nil
}

// kept checks that a cohort keeps what earlier stages proved.
func (s *stage) kept(t *tally) error {
	if s.size >= 0 && t.size != s.size {
		return fmt.Errorf("size %d, proved was %d", t.size, s.size)
	}
	least := s.limit[matcher.Must]
	if !s.relaxed {
		least = 0
	}
	if least >= 0 && t.short > least {
		return fmt.Errorf("rules that must hold are off by %d, allowed is %d", t.short, least)
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if s.limit[g] >= 0 && t.deviation[g] > s.limit[g] {
			return fmt.Errorf("priority %d deviates by %d, allowed is %d", g, t.deviation[g], s.limit[g])
		}
	}
	if t.score < s.minScore {
		return fmt.Errorf("the total score is %d, proved was %d", t.score, s.minScore)
	}
	return nil
}

// audit counts the cohort of a choice of blocks.
func (r *run) audit(choice []bool) (tally, error) {
	return r.counter().audit(r.in.cohort(choice))
}

func (r *run) counter() *auditor {
	if r.auditor == nil {
		r.auditor = newAuditor(r.people, r.criteria)
	}
	return r.auditor
}

// accept makes a cohort that passed the audit the best one.
func (r *run) accept(f finding) { r.best, r.tally = f.choice, f.tally }

// proved notes a step. One that an earlier run has told of is not told again.
func (r *run) proved(name string, value int64) error {
	step := Step{Name: name, Value: value}
	r.steps = append(r.steps, step)
	if before, ok := r.done[name]; ok {
		if before != value {
			return fmt.Errorf("selection: step %q came to %d, an earlier run on other input or by another engine to %d", name, value, before)
		}
		return nil
	}
	if r.options.Proved != nil {
		return r.options.Proved(step)
	}
	return nil
}

func stepNumber(name string, n int) string { return name + strconv.Itoa(n) }

func (r *run) outcome(seed string) *matcher.Outcome {
	o := &matcher.Outcome{
		Status: r.status, Complete: !r.canceled, Seed: seed,
		Size:          matcher.Size{Wanted: r.criteria.Size, Bound: r.criteria.Size},
		Infeasibility: r.infeasibility,
	}
	if r.status == matcher.Infeasible || r.best == nil {
		if r.status == matcher.Feasible {
			// A resumed run that was cut before it found its cohort again.
			o.Status = matcher.Undecided
		}
		return o
	}
	o.Cohort = r.in.cohort(r.best)
	o.Rules = r.tally.rules
	o.Size.Got, o.Size.Bound = r.tally.size, r.sizeBound
	for g := 1; g <= matcher.MaxPriority; g++ {
		if r.hasPriority(g) {
			o.Deviation = append(o.Deviation, matcher.Deviation{
				Priority: g, Bound: matcher.Bound{Value: r.tally.deviation[g], Bound: r.bounds[g]},
			})
		}
	}
	o.Score = matcher.Bound{Value: r.tally.score, Bound: r.scoreBound}
	return o
}
