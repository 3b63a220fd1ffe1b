package selection

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Limits of the search for ways out. Each one that is named is enough in any
// case; above the limits there may be others.
const (
	singleWork   = 50_000  // pivots for one change alone
	combinedWork = 200_000 // pivots for the least cost of changes, and again for all that have it
	mostUnlocks  = 50      // locks that are tried
	// MostCombined is how many of the cheapest relaxations are listed.
	MostCombined = 50
	mostSteps    = 4_000 // columns of the program that lists them
)

// side is one side of a rule: its index and matcher.BoundMin or BoundMax.
type side struct {
	rule  int
	bound string
}

// account fills in why there is no cohort: a conflict and the ways out of it.
// hardOnly: the conditions that are no rules clash by themselves.
func (r *run) account(hardOnly bool) error {
	inf := r.infeasibility
	all := hardConditions(r.criteria, len(r.people))
	if !hardOnly {
		all = r.conditions()
	}
	members, minimal, err := r.conflict(all)
	if err != nil {
		return err
	}
	inf.Conflict = named(members, all, len(r.people))
	if inf.Clash = nil; hardOnly {
		for _, c := range inf.Conflict {
			inf.Clash = append(inf.Clash, c.Bound)
		}
	}
	if !minimal {
		inf.Cut = append(inf.Cut, matcher.CutConflict)
	}
	complete, err := r.relaxations(members, inf)
	if !complete {
		inf.Cut = append(inf.Cut, matcher.CutRelaxations)
	}
	return err
}

// relaxations finds the ways out. A change of something that is no member of
// the conflict is never enough alone: the conflict would stay.
func (r *run) relaxations(members []condition, inf *matcher.Infeasibility) (complete bool, err error) {
	complete = true
	add := func(x *matcher.Relaxation) {
		same := func(y matcher.Relaxation) bool { return slices.Equal(x.Changes, y.Changes) }
		if !slices.ContainsFunc(inf.Relaxations, same) {
			inf.Relaxations = append(inf.Relaxations, *x)
		}
	}
	unlocks := 0
	for _, m := range members {
		var found *matcher.Relaxation
		decided := true
		if _, _, lock := m.Lock(); lock {
			if unlocks++; unlocks > mostUnlocks {
				complete = false
				continue
			}
			found, decided, err = r.unlock(m)
		} else if m.rule >= 0 && inf.Clash == nil {
			found, decided, err = r.single(side{m.rule, m.Bound})
		}
		if err != nil {
			return false, err
		}
		if found != nil {
			add(found)
		}
		complete = complete && decided
	}
	if inf.Clash == nil {
		all, decided, err := r.combined()
		if err != nil {
			return false, err
		}
		for i := range all {
			add(&all[i])
		}
		complete = complete && decided
	}
	slices.SortFunc(inf.Relaxations, compareRelaxations)
	return complete, nil
}

// compareRelaxations puts the cheapest first; of these the rules before the
// locks, and fewer changes before more.
func compareRelaxations(a, b matcher.Relaxation) int {
	if c := cmp.Compare(a.Cost, b.Cost); c != 0 {
		return c
	}
	if x, y := a.Changes[0].Row == 0, b.Changes[0].Row == 0; x != y {
		return map[bool]int{false: -1, true: 1}[x]
	}
	if c := cmp.Compare(len(a.Changes), len(b.Changes)); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Changes, b.Changes, func(x, y matcher.Change) int {
		return cmp.Or(cmp.Compare(x.Row, y.Row), strings.Compare(y.Bound, x.Bound), cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To))
	})
}

// unlock says whether taking back one lock is enough. The rules are read anew:
// whoever is no longer excluded may make up a value that a company rule counts.
func (r *run) unlock(m condition) (*matcher.Relaxation, bool, error) {
	word, id, _ := m.Lock()
	c := r.criteria
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(other string) bool { return other == id })
	}
	if word == matcher.LockInclude {
		c.Include = without(c.Include)
	} else {
		c.Exclude = without(c.Exclude)
	}
	in := newInstance(r.people, c, noLots)
	s := newStage()
	sol, err := r.attempt(StepRelaxations, &in.program(&s).ilp, ilp.Options{Work: singleWork})
	if err != nil || sol.X == nil {
		return nil, sol.Status == ilp.Infeasible, err
	}
	if err := enough(r.people, c, in.cohort(in.chosen(sol.X))); err != nil {
		return nil, false, err
	}
	return &matcher.Relaxation{Cost: 1, Changes: []matcher.Change{{Bound: m.Bound, From: 1}}}, true, nil
}

// enough counts a cohort for changed criteria from the definitions of the
// rules, the locks and the rest.
func enough(people []matcher.Person, c matcher.Criteria, cohort []string) error {
	t, err := newAuditor(people, c).audit(cohort)
	if err == nil && t.short > 0 {
		err = fmt.Errorf("rules that must hold are off by %d", t.short)
	}
	if err != nil {
		return fmt.Errorf("selection: step %q: the solver's cohort does not pass the audit: %w", StepRelaxations, err)
	}
	return nil
}

// room is how far a side may be relaxed, and how far that can be of any use.
func (r *run) room(s side) int {
	rule := &r.criteria.Rules[s.rule]
	if rule.Fixed {
		return 0
	}
	if s.bound == matcher.BoundMin {
		if rule.Kind == matcher.Cap {
			return 0
		}
		return max(0, rule.Min-max(0, rule.MinFlex))
	}
	most := r.criteria.Size
	switch pool := &r.counter().pools[s.rule]; rule.Kind {
	case matcher.Quota:
		most = min(most, pool.holders)
	case matcher.Cap:
		shared := 0
		for _, held := range pool.perValue {
			shared = max(shared, held)
		}
		most = min(most, shared)
	default:
		return 0
	}
	return max(0, min(rule.MaxFlex, most)-rule.Max)
}

// sides are all sides of the rules that must hold, by row.
func (r *run) sides() []side {
	var all []side
	for i, rule := range r.criteria.Rules {
		if rule.Priority == matcher.Must {
			all = append(all, side{i, matcher.BoundMin}, side{i, matcher.BoundMax})
		}
	}
	slices.SortStableFunc(all, func(a, b side) int {
		x, y := &r.criteria.Rules[a.rule], &r.criteria.Rules[b.rule]
		return cmp.Or(cmp.Compare(x.Row, y.Row), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Min, y.Min), cmp.Compare(x.Max, y.Max), strings.Compare(b.bound, a.bound))
	})
	return all
}

// single is the smallest change of one side that is enough alone; nil if none
// is.
func (r *run) single(s side) (*matcher.Relaxation, bool, error) {
	room := r.room(s)
	if room == 0 {
		return nil, true, nil
	}
	l := r.loosen([]side{s}, []int{room}, false)
	for _, j := range l.steps[0] {
		l.problem.Cost[j] = 1
	}
	sol, err := r.attempt(StepRelaxations, &l.problem, ilp.Options{Work: singleWork})
	if err != nil || sol.Status == ilp.Infeasible {
		return nil, err == nil, err
	}
	if sol.Status != ilp.Optimal {
		return nil, false, nil
	}
	x, err := r.relaxation(l, sol.X)
	return x, true, err
}

// combined lists all the relaxations of rules that cost the least. First the
// least cost is found; then, one after the other, the points that have it: each
// one forbids itself. As all have the same cost, two that differ cannot be such
// that one relaxes every rule at least as far as the other, so that it is enough
// to forbid to go as far everywhere.
func (r *run) combined() (all []matcher.Relaxation, complete bool, err error) {
	var sides []side
	var rooms []int
	for _, s := range r.sides() {
		if n := r.room(s); n > 0 {
			sides, rooms = append(sides, s), append(rooms, n)
		}
	}
	l := r.loosen(sides, rooms, false)
	for _, columns := range l.steps {
		for _, j := range columns {
			l.problem.Cost[j] = 1
		}
	}
	sol, err := r.attempt(StepRelaxations, &l.problem, ilp.Options{Work: combinedWork})
	if err != nil || sol.Status == ilp.Infeasible {
		return nil, err == nil, err
	}
	if sol.Status != ilp.Optimal {
		return nil, false, nil
	}
	cost := int(sol.Value)
	steps := 0
	for i := range rooms {
		rooms[i] = min(rooms[i], cost)
		steps += rooms[i]
	}
	if steps > mostSteps {
		x, err := r.relaxation(l, sol.X)
		if err != nil {
			return nil, false, err
		}
		return []matcher.Relaxation{*x}, false, nil
	}
	l = r.loosen(sides, rooms, true)
	exactly := ilp.Row{Lo: int64(cost), Hi: int64(cost)}
	for _, columns := range l.steps {
		for _, j := range columns {
			exactly.Index, exactly.Value = append(exactly.Index, j), append(exactly.Value, 1)
		}
	}
	l.problem.Rows = append(l.problem.Rows, exactly)
	for before := r.pivots; ; {
		left := combinedWork - (r.pivots - before)
		if left <= 0 {
			return all, false, nil
		}
		sol, err := r.attempt(StepRelaxations, &l.problem, ilp.Options{Work: left})
		if err != nil || sol.X == nil {
			return all, err == nil && sol.Status == ilp.Infeasible, err
		}
		if len(all) == MostCombined {
			return all, false, nil
		}
		x, err := r.relaxation(l, sol.X)
		if err != nil {
			return nil, false, err
		}
		all = append(all, *x)
		not := ilp.Row{Lo: math.MinInt64, Hi: -1}
		for _, columns := range l.steps {
			if n := taken(columns, sol.X); n > 0 {
				not.Index, not.Value = append(not.Index, columns[n-1]), append(not.Value, 1)
				not.Hi++
			}
		}
		l.problem.Rows = append(l.problem.Rows, not)
	}
}

// loosening is the program of the rules that must hold and the hard conditions,
// with sides of rules that can be relaxed.
type loosening struct {
	problem ilp.Problem
	sides   []side
	// steps are, by side, its columns: their sum is how far it is relaxed. A
	// side has one column, or one for each step, taken from the first on.
	steps [][]int32
}

// taken is how far a side is relaxed.
func taken(columns []int32, x []int64) int {
	n := 0
	for _, j := range columns {
		n += int(x[j])
	}
	return n
}

// relaxation reads a point and checks its cohort against the changed rules.
func (r *run) relaxation(l *loosening, x []int64) (*matcher.Relaxation, error) {
	c := r.criteria
	c.Rules = slices.Clone(c.Rules)
	out := &matcher.Relaxation{}
	for i, s := range l.sides {
		n := taken(l.steps[i], x)
		if n == 0 {
			continue
		}
		rule := &c.Rules[s.rule]
		change := matcher.Change{Row: rule.Row, Bound: s.bound, From: rule.Min, To: rule.Min - n}
		if s.bound == matcher.BoundMax {
			change.From, change.To = rule.Max, rule.Max+n
			rule.Max += n
		} else {
			rule.Min -= n
		}
		out.Cost += int64(n)
		out.Changes = append(out.Changes, change)
	}
	return out, enough(r.people, c, r.in.cohort(r.in.chosen(x)))
}

// loosen builds the program. rooms is how far each of the sides may be relaxed;
// stepwise asks for one column for each step.
func (r *run) loosen(sides []side, rooms []int, stepwise bool) *loosening {
	bare := *r.in
	bare.varied = nil
	bare.counts = slices.DeleteFunc(slices.Clone(bare.counts), func(row countRow) bool { return row.level != hard })
	s := newStage()
	l := &loosening{problem: bare.program(&s).ilp, sides: sides}
	for i, s := range sides {
		rule := &r.criteria.Rules[s.rule]
		company := rule.Kind == matcher.Company
		var columns []int32
		if company || stepwise {
			for k := range rooms[i] {
				columns = append(columns, l.column(1, false))
				if k > 0 { // one step after the other
					l.row(math.MinInt64, 0, []int32{columns[k], columns[k-1]}, []int64{1, -1})
				}
			}
		} else {
			columns = []int32{l.column(int64(rooms[i]), false)}
		}
		l.steps = append(l.steps, columns)
	}
	steps := func(rule int, bound string) []int32 {
		if at := slices.Index(sides, side{rule, bound}); at >= 0 {
			return l.steps[at]
		}
		return nil
	}
	for _, s := range r.sides() {
		l.rule(r, s, steps(s.rule, s.bound))
	}
	return l
}

func (l *loosening) column(upper int64, continuous bool) int32 {
	p := &l.problem
	p.Cost, p.Lower, p.Upper = append(p.Cost, 0), append(p.Lower, 0), append(p.Upper, upper)
	p.Continuous = append(p.Continuous, continuous)
	return int32(len(p.Cost) - 1)
}

func (l *loosening) row(lo, hi int64, index []int32, value []int64) {
	l.problem.Rows = append(l.problem.Rows, ilp.Row{Index: index, Value: value, Lo: lo, Hi: hi})
}

// rule adds the rows of one side of a rule that is relaxed by steps.
func (l *loosening) rule(r *run, s side, steps []int32) {
	rule := &r.criteria.Rules[s.rule]
	each := func(least int, f func(held int, index []int32, value []int64)) {
		for _, g := range r.crowds(s.rule) {
			if g.held >= least {
				f(g.held, slices.Clone(g.index), slices.Clone(g.value))
			}
		}
	}
	// relaxed appends the steps to a row, each with the same value.
	relaxed := func(index []int32, value []int64, by int64) ([]int32, []int64) {
		for _, j := range steps {
			index, value = append(index, j), append(value, by)
		}
		return index, value
	}
	switch {
	case s.bound == matcher.BoundMin && rule.Min == 0, s.bound == matcher.BoundMin && rule.Kind == matcher.Cap:
	case s.bound == matcher.BoundMax && rule.Kind != matcher.Quota && rule.Kind != matcher.Cap:
	case rule.Kind == matcher.Quota && s.bound == matcher.BoundMin:
		each(0, func(_ int, index []int32, value []int64) {
			index, value = relaxed(index, value, 1)
			l.row(int64(rule.Min), math.MaxInt64, index, value)
		})
	case rule.Kind == matcher.Quota:
		each(0, func(_ int, index []int32, value []int64) {
			index, value = relaxed(index, value, -1)
			l.row(math.MinInt64, int64(rule.Max), index, value)
		})
	case rule.Kind == matcher.Cap:
		each(rule.Max+1, func(_ int, index []int32, value []int64) {
			index, value = relaxed(index, value, -1)
			l.row(math.MinInt64, int64(rule.Max), index, value)
		})
	case rule.Kind == matcher.Company:
		// A value that fewer hold than the floor asks for carries none; a lower
		// floor may be the first that it carries.
		floor := func(held, least int) int64 {
			if held < least {
				return 0
			}
			return int64(least)
		}
		relief := map[int32]int64{} // by block
		for k, b := range r.in.blocks {
			for _, id := range b.ids {
				if slices.Contains(rule.Alone, id) {
					relief[int32(k)] += int64(rule.Relief)
				}
			}
		}
		each(max(1, rule.Min-len(steps)), func(held int, index []int32, value []int64) {
			index, value = plus(index, value, relief)
			lo := floor(held, rule.Min)
			for k, j := range steps {
				if d := floor(held, rule.Min-k) - floor(held, rule.Min-k-1); d != 0 {
					index, value = append(index, j), append(value, d)
				}
			}
			l.row(lo, math.MaxInt64, index, value)
		})
	default:
		var distinct []int32
		var ones []int64
		each(1, func(_ int, index []int32, value []int64) {
			j := l.column(1, true)
			l.row(0, math.MaxInt64, append(index, j), append(value, -1))
			distinct, ones = append(distinct, j), append(ones, 1)
		})
		distinct, ones = relaxed(distinct, ones, 1)
		l.row(int64(rule.Min), math.MaxInt64, distinct, ones)
	}
}

// plus adds to the entries of a row.
func plus(index []int32, value []int64, more map[int32]int64) ([]int32, []int64) {
	for _, j := range slices.Sorted(maps.Keys(more)) {
		if at := slices.Index(index, j); at >= 0 {
			value[at] += more[j]
		} else {
			index, value = append(index, j), append(value, more[j])
		}
	}
	return index, value
}

// crowd is the people that a rule counts together, by blocks: all of a quota,
// those of one value otherwise.
type crowd struct {
	held  int // of the pool, after exclusions
	index []int32
	value []int64 // people of the block
}

// crowds are those of a rule, in the order of the values. They are found once.
func (r *run) crowds(rule int) []crowd {
	if known, ok := r.grouped[rule]; ok {
		return known
	}
	pool := &r.counter().pools[rule]
	property := r.criteria.Rules[rule].Property
	var crowds []crowd
	at := map[string]int{}
	if r.criteria.Rules[rule].Kind == matcher.Quota {
		crowds = []crowd{{held: pool.holders}}
	} else {
		for _, v := range r.carried(rule, 1) {
			at[v] = len(crowds)
			crowds = append(crowds, crowd{held: pool.perValue[v]})
		}
	}
	for k, b := range r.in.blocks {
		for _, id := range b.ids {
			person := r.people[r.counter().at[id]]
			var in []int
			if pool.perValue == nil {
				if has(person, property) {
					in = []int{0}
				}
			} else {
				for _, v := range distinct(person.Values[property.Terms[0].Attribute]) {
					if g, ok := at[v]; ok {
						in = append(in, g)
					}
				}
			}
			for _, n := range in {
				g := &crowds[n]
				if last := len(g.index) - 1; last >= 0 && g.index[last] == int32(k) {
					g.value[last]++
				} else {
					g.index, g.value = append(g.index, int32(k)), append(g.value, 1)
				}
			}
		}
	}
	if r.grouped == nil {
		r.grouped = map[int][]crowd{}
	}
	r.grouped[rule] = crowds
	return crowds
}
