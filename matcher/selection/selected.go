package selection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Selected is a selection that has a cohort, as everything that looks at it
// afterwards takes it.
type Selected struct {
	People   []matcher.Person
	Criteria matcher.Criteria
	// Outcome has a cohort. What it proved is taken as proved: bounds, size, total
	// score. The cohort may be another one, if somebody chose or swapped.
	Outcome *matcher.Outcome
	// Chances are by person; nil where none exist or none may be shown.
	Chances map[string]Chance
}

// Chance is Tickets / (1,000,000 × People): of a type of so many people, the
// tickets times the people of the type that they draw.
type Chance struct {
	Tickets int64
	People  int
}

// Swap is people who leave a cohort and people who come in for them: one for
// one, or, where people are tied together, all of them at once.
type Swap struct {
	Out, In []string // ids, sorted
	// Breach is what the cohort after the swap does not keep; its zero value says
	// that the swap is exact: nothing is lost.
	Breach Breach
	// Changes are the rules that count another number after it.
	Changes []RuleShift
	// Score is what it adds to the total score.
	Score int64
}

// RuleShift is a rule before and after something. Before of a rule that is new
// and After of one that is gone have no row.
type RuleShift struct {
	Before, After matcher.RuleCount
}

// Breach is the first thing that a cohort does not keep, in the order of
// objectives, of what an equally good cohort keeps: ExcludedByConditions,
// ExcludedByMust, ExcludedBySize or ExcludedByPriority with its number. The
// total score is no reason: Swap.Score says what becomes of it.
type Breach struct {
	Reason string
	// By is how many conditions are broken, how far the rules that must hold are
	// off in total, how many people are missing, or the deviation above what is
	// allowed.
	By         int64
	Conditions []Broken
	// Rules are those of the level that are off, and more so than they were.
	Rules []matcher.RuleCount
}

// Exact says that nothing is lost.
func (b Breach) Exact() bool { return b.Reason == "" }

// Broken is a condition, never relaxed, that a cohort does not keep.
type Broken struct {
	// Kind is BrokenSize, BrokenInclude, …
	Kind string
	// Attribute and Value are those of a cap.
	Attribute, Value string
	// IDs are the people of a link, or who should be in or out.
	IDs []string
	// Count is the people of the cohort who count, Limit how many may, or must.
	Count, Limit int
}

// The kinds of condition that are never relaxed.
const (
	BrokenSize       = "size"
	BrokenInclude    = "include"
	BrokenExclude    = "exclude"
	BrokenCap        = "cap"
	BrokenApart      = "apart"
	BrokenTogether   = "together"
	BrokenAtLeastOne = "at_least_one"
)

// standing is a selection made ready for looking at cohorts near its own.
type standing struct {
	Selected
	auditor  *auditor
	cohort   []string // sorted
	in       map[string]bool
	tally    tally
	size     int
	limit    [matcher.MaxPriority + 1]int64
	tied     map[string][]string // who comes and goes together, also people alone
	linksOf  map[string][]int    // apart and together, by person
	oneOf    []matcher.Link      // at least one of
	included map[string]bool
	excluded map[string]bool
}

func (s Selected) stand() (*standing, error) {
	if err := checkInput(s.People, s.Criteria, ""); err != nil {
		return nil, err
	}
	o := s.Outcome
	if o == nil || len(o.Cohort) == 0 {
		return nil, inputError("cohort", "is empty: the selection chose nobody")
	}
	st := &standing{
		Selected: s, auditor: newAuditor(s.People, s.Criteria),
		cohort: slices.Sorted(slices.Values(o.Cohort)), in: wordSet(o.Cohort),
		linksOf:  map[string][]int{},
		included: wordSet(s.Criteria.Include), excluded: wordSet(s.Criteria.Exclude),
	}
	if len(st.in) != len(st.cohort) {
		return nil, inputError("cohort", "names somebody twice")
	}
	for _, id := range st.cohort {
		if _, ok := st.auditor.at[id]; !ok {
			return nil, st.unknown("cohort", id)
		}
	}
	st.tied = tied(s.People, s.Criteria.Links)
	for i, l := range s.Criteria.Links {
		if l.Kind == matcher.AtLeastOne {
			st.oneOf = append(st.oneOf, l)
			continue
		}
		for _, id := range l.IDs {
			st.linksOf[id] = append(st.linksOf[id], i)
		}
	}
	st.tally = st.auditor.tally(st.cohort)
	st.size, st.limit = limits(s.Criteria, o, &st.tally)
	return st, nil
}

// limits are the size and the deviations that make a cohort as good as the one
// that an outcome is about. Where the outcome is not proved they are what its
// cohort has.
func limits(c matcher.Criteria, o *matcher.Outcome, t *tally) (size int, limit [matcher.MaxPriority + 1]int64) {
	size = o.Size.Bound
	proved := map[int]int64{}
	for _, d := range o.Deviation {
		proved[d.Priority] = d.Bound.Bound + c.Allow[d.Priority]
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if bound, ok := proved[g]; ok {
			limit[g] = bound
		} else {
			limit[g] = t.deviation[g]
		}
	}
	if o.Status != matcher.Optimal {
		size = t.size
		for g := 1; g <= matcher.MaxPriority; g++ {
			limit[g] = max(limit[g], t.deviation[g])
		}
	}
	return size, limit
}

// tied is by person who comes and goes together with them, sorted, themselves
// among them.
func tied(people []matcher.Person, links []matcher.Link) map[string][]string {
	of := make(map[string][]string, len(people))
	for _, p := range people {
		of[p.ID] = []string{p.ID}
	}
	for _, l := range links {
		if l.Kind != matcher.Together {
			continue
		}
		var all []string
		for _, id := range l.IDs {
			if !slices.Contains(all, id) {
				all = append(all, of[id]...)
			}
		}
		slices.Sort(all)
		all = slices.Compact(all)
		for _, id := range all {
			of[id] = all
		}
	}
	return of
}

// unknown is the error for an id that the pool lacks.
func (st *standing) unknown(field, id string) error {
	return inputError(field, fmt.Sprintf("%q is not in the pool%s", id, nearest.Hint(id, slices.Sorted(maps.Keys(st.auditor.at)))))
}

// member checks that somebody is in the cohort.
func (st *standing) member(field, id string) error {
	switch _, known := st.auditor.at[id]; {
	case !known:
		return st.unknown(field, id)
	case !st.in[id]:
		return inputError(field, fmt.Sprintf("%q is not in the cohort%s", id, nearest.Hint(id, st.cohort)))
	}
	return nil
}

func inputError(field, message string) error {
	return InputErrors{{Field: field, Message: message}}
}

// changed is the cohort with people out and in, sorted.
func (st *standing) changed(out, in []string) []string {
	list := make([]string, 0, len(st.cohort)+len(in))
	for _, id := range st.cohort {
		if !slices.Contains(out, id) {
			list = append(list, id)
		}
	}
	list = append(list, in...)
	slices.Sort(list)
	return slices.Compact(list)
}

// broken lists the conditions that a cohort does not keep.
func (st *standing) broken(cohort []string) []Broken {
	var all []Broken
	c := &st.Criteria
	if n := len(cohort); n < c.MinSize {
		all = append(all, Broken{Kind: BrokenSize, Count: n, Limit: c.MinSize})
	} else if n > c.Size {
		all = append(all, Broken{Kind: BrokenSize, Count: n, Limit: c.Size})
	}
	in := wordSet(cohort)
	for _, id := range c.Include {
		if !in[id] {
			all = append(all, Broken{Kind: BrokenInclude, IDs: []string{id}, Limit: 1})
		}
	}
	people := st.auditor.chosen(cohort)
	held := map[int]int{} // by link
	for _, id := range cohort {
		if st.excluded[id] {
			all = append(all, Broken{Kind: BrokenExclude, IDs: []string{id}, Count: 1})
		}
		for _, l := range st.linksOf[id] {
			held[l]++
		}
	}
	for _, limit := range c.Caps {
		shared := perValue(matcher.Term{Attribute: limit.Attribute, Wildcard: true}, people)
		for _, value := range slices.Sorted(maps.Keys(shared)) {
			if n := shared[value]; n > limit.Max {
				all = append(all, Broken{Kind: BrokenCap, Attribute: limit.Attribute, Value: value, Count: n, Limit: limit.Max})
			}
		}
	}
	var links []Broken
	for at, n := range held {
		switch l := c.Links[at]; {
		case l.Kind == matcher.Apart && n > 1:
			links = append(links, Broken{Kind: BrokenApart, IDs: slices.Sorted(slices.Values(l.IDs)), Count: n, Limit: 1})
		case l.Kind == matcher.Together && n < len(l.IDs):
			links = append(links, Broken{Kind: BrokenTogether, IDs: slices.Sorted(slices.Values(l.IDs)), Count: n, Limit: len(l.IDs)})
		}
	}
	for _, l := range st.oneOf {
		if !slices.ContainsFunc(l.IDs, func(id string) bool { return in[id] }) {
			links = append(links, Broken{Kind: BrokenAtLeastOne, IDs: slices.Sorted(slices.Values(l.IDs)), Limit: 1})
		}
	}
	slices.SortFunc(links, func(a, b Broken) int {
		if d := strings.Compare(a.Kind, b.Kind); d != 0 {
			return d
		}
		return slices.Compare(a.IDs, b.IDs)
	})
	return append(all, links...)
}

// loss is how far a cohort is from being as good as the best: conditions
// broken, the rules that must hold, people missing, and by priority the
// deviation above what is allowed. Losses compare in this order.
type loss [matcher.MaxPriority + 3]int64

const (
	lossConditions = 0
	lossMust       = 1
	lossSize       = 2
	lossPriority   = 2 // + priority
)

// weigh counts a cohort from the definitions of the rules.
func (st *standing) weigh(cohort []string) (loss, tally, []Broken) {
	var l loss
	broken := st.broken(cohort)
	t := st.auditor.tally(cohort)
	l[lossConditions] = int64(len(broken))
	l[lossMust] = t.short
	l[lossSize] = int64(max(0, st.size-t.size))
	for g := 1; g <= matcher.MaxPriority; g++ {
		l[lossPriority+g] = max(0, t.deviation[g]-st.limit[g])
	}
	return l, t, broken
}

func (l *loss) compare(m loss) int {
	for k, v := range l {
		if v != m[k] {
			return cmp.Compare(v, m[k])
		}
	}
	return 0
}

// breach puts a loss in codes. before counts the rules as they were.
func (l loss) breach(before []matcher.RuleCount, t *tally, broken []Broken) Breach {
	level := 0
	for level < len(l) && l[level] == 0 {
		level++
	}
	if level == len(l) {
		return Breach{}
	}
	b := Breach{By: l[level]}
	priority := -1
	switch level {
	case lossConditions:
		b.Reason, b.Conditions = ExcludedByConditions, broken
	case lossMust:
		b.Reason, priority = ExcludedByMust, matcher.Must
	case lossSize:
		b.Reason = ExcludedBySize
	default:
		priority = level - lossPriority
		b.Reason = stepNumber(ExcludedByPriority, priority)
	}
	var off []matcher.RuleCount
	for i, n := range t.rules {
		if n.Priority != priority || n.Short+n.Over == 0 {
			continue
		}
		off = append(off, n)
		if i >= len(before) || n.Short+n.Over > before[i].Short+before[i].Over {
			b.Rules = append(b.Rules, n)
		}
	}
	if len(b.Rules) == 0 {
		b.Rules = off
	}
	return b
}

// swap weighs a swap.
func (st *standing) swap(out, in []string) (Swap, loss) {
	l, t, broken := st.weigh(st.changed(out, in))
	return Swap{
		Out: out, In: in,
		Breach:  l.breach(st.tally.rules, &t, broken),
		Changes: shifts(st.tally.rules, t.rules), Score: t.score - st.tally.score,
	}, l
}

// shifts lists the rules that count differently.
func shifts(before, after []matcher.RuleCount) []RuleShift {
	var list []RuleShift
	for i, b := range before {
		if after[i] != b {
			list = append(list, RuleShift{Before: b, After: after[i]})
		}
	}
	return list
}

// again is a run in which everything that the outcome proved is proved.
func (s Selected) again(ctx context.Context, o Options) *run {
	o.Done, o.Proved = nil, nil
	r := newRun(ctx, s.People, s.Criteria, o, func(id string) [3]int64 { return lots(s.Outcome.Seed, id) })
	r.done[StepFeasible] = 1
	r.done[StepSize] = int64(s.Outcome.Size.Bound)
	for _, d := range s.Outcome.Deviation {
		r.done[stepNumber(StepPriority, d.Priority)] = d.Bound.Bound
	}
	r.done[StepScore] = s.Outcome.Score.Bound
	return r
}

// OfRecord is the selection of a record that holds its own input. Chances are
// those of its lottery, if it was drawn.
func OfRecord(r *matcher.Record) (Selected, error) {
	if r.Certificate == nil || r.Certificate.Input == nil {
		return Selected{}, ErrNoInput
	}
	s := Selected{People: r.Certificate.Input.People, Criteria: r.Certificate.Input.Criteria, Outcome: &r.Outcome}
	if r.Certificate.Draw != nil && r.Lottery.Drawable() {
		s.Chances = map[string]Chance{}
		for t, ids := range r.Lottery.Types {
			for _, id := range ids {
				s.Chances[id] = Chance{Tickets: r.Lottery.Chances[t], People: len(ids)}
			}
		}
	}
	return s, nil
}

// ErrNoInput: a record that was made by an early version, or from which people
// were erased, does not hold its input.
var ErrNoInput = errors.New("the record does not hold what it was made from")
