package selection

import (
	"context"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Alternative is another cohort that is as good as the best.
type Alternative struct {
	Cohort    []string
	Rules     []matcher.RuleCount
	Deviation []matcher.Deviation
	Score     int64
	// Differs is how many of its people the earlier cohort that is most like it
	// does not have.
	Differs int
}

// AlternativeList is cohorts that are as good as the best and as unlike each other
// as such cohorts can be.
type AlternativeList struct {
	List []Alternative
	// All says that there is no further one.
	All bool
	// Proved is false where work or time ran out before the list was as long as
	// was asked, or the selection itself is not proved: there is no list then.
	Proved   bool
	Complete bool
}

// MostAlternatives is how many Alternatives finds at most.
const MostAlternatives = 20

// Alternatives finds up to count cohorts that keep the rules that must hold, have the
// proved size, a deviation within what is allowed of each priority, and the
// largest total score. They come one after the other: each has the largest
// possible difference from the cohort before it that is most like it (the
// selection's own is the first); among those the largest sum of differences from
// all of them; among those the one that the seed prefers by the rule of Select.
// Each step is proved.
func Alternatives(ctx context.Context, s Selected, count int, o Options) (*AlternativeList, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	if count < 1 || count > MostAlternatives {
		return nil, inputError("count", "must be 1 to 20")
	}
	out := &AlternativeList{Complete: true}
	if s.Outcome.Status != matcher.Optimal {
		return out, nil
	}
	r := s.again(ctx, o)
	best, err := r.settle()
	if err != nil || !best {
		out.Complete = !r.canceled
		return out, err
	}
	// The steps of the seed are not those of the selection.
	r.done, r.options.Work = map[string]int64{}, o.Work
	before := [][]bool{r.in.choice(st.in)}
	for len(out.List) < count {
		found, all, err := r.unlike(before)
		if err != nil {
			return nil, err
		}
		if all {
			out.All = true
			break
		}
		if found == nil {
			out.Complete = !r.canceled
			return out, nil
		}
		before = append(before, found)
		a := Alternative{Cohort: r.in.cohort(found), Rules: r.tally.rules, Score: r.tally.score}
		for _, d := range s.Outcome.Deviation {
			d.Value = r.tally.deviation[d.Priority]
			a.Deviation = append(a.Deviation, d)
		}
		a.Differs = r.tally.size
		for _, b := range before[:len(before)-1] {
			a.Differs = min(a.Differs, r.tally.size-r.in.common(b, found))
		}
		out.List = append(out.List, a)
	}
	out.Proved = true
	return out, nil
}

// common is how many people two cohorts have in common.
func (in *instance) common(a, b []bool) int {
	n := 0
	for k := range a {
		if a[k] && b[k] {
			n += len(in.blocks[k].ids)
		}
	}
	return n
}

// unlike finds the cohort that is most unlike those before it and makes it the
// best. It is nil if that was not proved; all says that there is no other.
func (r *run) unlike(before [][]bool) (choice []bool, all bool, err error) {
	// The most in common with any of them, least.
	most := func(cohort []bool) int {
		m := 0
		for _, b := range before {
			m = max(m, r.in.common(b, cohort))
		}
		return m
	}
	r.best = nil
	s := r.settled
	s.goal = anyCohort
	s.extend = func(p *program) {
		j := p.column(aux{kind: counted, value: most}, int64(r.in.size), nil, 0)
		p.ilp.Cost[j] = 1
		for _, b := range before {
			row := r.in.row(b, math.MinInt64, 0)
			row.Index, row.Value = append(row.Index, j), append(row.Value, -1)
			p.ilp.Rows = append(p.ilp.Rows, row)
		}
	}
	found, err := r.solve("alternative", &s)
	if err != nil || found.state != solved {
		return nil, false, err
	}
	for _, b := range before {
		if slices.Equal(b, r.best) {
			return nil, true, nil
		}
	}
	least := most(r.best)
	// Then the least in common with all of them together.
	within := func(p *program) {
		for _, b := range before {
			p.ilp.Rows = append(p.ilp.Rows, r.in.row(b, math.MinInt64, int64(least)))
		}
	}
	times := make([]int64, len(r.in.blocks))
	for _, b := range before {
		for k, in := range b {
			if in {
				times[k] += int64(len(r.in.blocks[k].ids))
			}
		}
	}
	s.extend = func(p *program) {
		within(p)
		copy(p.ilp.Cost, times)
	}
	if len(before) > 1 {
		if found, err = r.solve("alternative", &s); err != nil || found.state != solved {
			return nil, false, err
		}
	}
	total := int64(0)
	for k, in := range r.best {
		if in {
			total += times[k]
		}
	}
	s.extend = func(p *program) {
		within(p)
		row := ilp.Row{Lo: math.MinInt64, Hi: total}
		for k, n := range times {
			if n != 0 {
				row.Index, row.Value = append(row.Index, int32(k)), append(row.Value, n)
			}
		}
		p.ilp.Rows = append(p.ilp.Rows, row)
	}
	proved, err := r.bySeed(s)
	if err != nil || !proved {
		return nil, false, err
	}
	return r.best, false, nil
}

// row is lo ≤ how many people are in of these blocks ≤ hi.
func (in *instance) row(blocks []bool, lo, hi int64) ilp.Row {
	row := ilp.Row{Lo: lo, Hi: hi}
	for k, chosen := range blocks {
		if chosen {
			row.Index, row.Value = append(row.Index, int32(k)), append(row.Value, int64(len(in.blocks[k].ids)))
		}
	}
	return row
}
