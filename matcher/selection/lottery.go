package selection

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
)

// LotteryOptions of one FindLottery. The zero value asks for leximin
// without a cap and without limits.
type LotteryOptions struct {
	Options
	Method lottery.Method
	// Cap, if not 0, is the largest chance that somebody who is not included may
	// have: 0 < Cap ≤ 1.
	Cap float64
	// Explain asks for the reason of each exclusion.
	Explain bool
	// Watch, if not nil, is told of the search for the lottery, after the stages
	// that Options.Progress tells of.
	Watch func(lottery.Progress)
}

// Lottery is a lottery over all cohorts that are equally good: those that keep
// the rules that must hold, have the largest size, reach the least deviation of
// each priority (plus what is allowed) and the largest total score.
type Lottery struct {
	// Outcome is what was proved before the lottery. With a lottery it is OPTIMAL and
	// names no cohort: nothing is drawn yet. Without one it has, where there is
	// one, the best cohort found and is never OPTIMAL.
	Outcome *matcher.Outcome
	// Types are the people of the pool who differ in nothing that a rule that can
	// bind looks at. People of one type have equal chances.
	Types []Type
	// Draws are the cohorts, by how many blocks of each type are in, and the
	// chance of each.
	Draws []Draw
	// Proved is false when work or time ran out: then Bound limits the smallest
	// chance, and Optimum is NaN where nothing is proved.
	Proved bool
	Route  string
	// Smallest is over those who can be in; Bound is proved for it.
	Smallest, Bound, Largest float64
	// Error is the largest |Chance − Optimum|, Gap the largest gap of a level.
	Error, Gap float64
	Levels     []lottery.Level
	// Certain and Impossible are people, sorted. Impossible is proved: nobody
	// of them is in any of the cohorts.
	Certain, Impossible []string
	// Exclusions say why, one for each type of Impossible, if Explain was asked
	// for and work and time sufficed.
	Exclusions []Exclusion
	Complete   bool
	Pivots     int64
}

// Type is a set of people who are alike to the rules. People who are tied
// together come as one block.
type Type struct {
	Blocks  [][]string // ids, sorted
	Chance  float64    // of each person
	Optimum float64
}

// Draw is a cohort that can be drawn.
type Draw struct {
	Counts []int64 // by type: blocks
	Chance float64
}

// FindLottery proves the stages up to the score and finds the lottery. Errors
// are those of Select; a cap that no lottery keeps without taking somebody's last
// chance is an InputError.
func FindLottery(ctx context.Context, people []matcher.Person, c matcher.Criteria, o LotteryOptions) (*Lottery, error) {
	if err := checkInput(people, c, ""); err != nil {
		return nil, err
	}
	r := newRun(ctx, people, c, o.Options, func(id string) [3]int64 { return lots("", id) })
	out := &Lottery{}
	best, err := r.settle()
	if err != nil {
		return nil, err
	}
	stages := r.pivots
	out.Complete, out.Pivots = !r.canceled, stages
	if best {
		if err := r.lottery(o, out); err != nil {
			return nil, err
		}
	}
	if len(out.Draws) > 0 {
		out.Outcome = r.undrawn()
	} else {
		if r.status == matcher.Optimal {
			r.status = matcher.Feasible
		}
		out.Outcome = r.outcome("")
	}
	out.Outcome.Complete = out.Complete
	return out, nil
}

// undrawn is the outcome of the stages before the lottery, whose cohort is still
// to be drawn: each value is what was proved of it.
func (r *run) undrawn() *matcher.Outcome {
	o := &matcher.Outcome{
		Status: matcher.Optimal,
		Size:   matcher.Size{Wanted: r.criteria.Size, Bound: r.sizeBound},
		Score:  matcher.Bound{Value: r.scoreBound, Bound: r.scoreBound},
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if r.hasPriority(g) {
			o.Deviation = append(o.Deviation, matcher.Deviation{Priority: g, Bound: matcher.Bound{Value: r.bounds[g], Bound: r.bounds[g]}})
		}
	}
	return o
}

// settle runs the stages before the seed.
func (r *run) settle() (bool, error) {
	s := newStage()
	keeps, err := r.feasible(&s)
	if err != nil || !keeps {
		return false, err
	}
	r.status = matcher.Feasible
	finished, err := r.improve(s, false)
	if err != nil || !finished {
		return false, err
	}
	r.status = matcher.Optimal
	return true, nil
}

// typed is the set of equally good cohorts over types.
type typed struct {
	problem *lottery.Problem
	members [][]int // blocks by type
}

// typed puts blocks that have the same entries in every row, the same box and
// the same number of people into one column. Any leximin lottery over blocks,
// averaged over all ways to swap blocks that are alike, is one over types.
func (r *run) typed() *typed {
	s := r.settled
	s.goal = anyCohort
	p := r.in.build(&s, true)
	n := len(r.in.blocks)
	entries := make([][]byte, n)
	for k := range entries {
		for _, v := range []int64{p.ilp.Lower[k], p.ilp.Upper[k], int64(len(r.in.blocks[k].ids))} {
			entries[k] = binary.LittleEndian.AppendUint64(entries[k], uint64(v))
		}
	}
	for i, row := range p.ilp.Rows {
		for k, j := range row.Index {
			if int(j) < n && row.Value[k] != 0 {
				entries[j] = binary.LittleEndian.AppendUint64(entries[j], uint64(i))
				entries[j] = binary.LittleEndian.AppendUint64(entries[j], uint64(row.Value[k]))
			}
		}
	}
	// Blocks of one type are in the same sets of a variety as well.
	of := len(p.ilp.Rows)
	for _, v := range p.varieties {
		for _, number := range v.sets {
			for _, k := range r.in.sets[number].blocks {
				entries[k] = binary.LittleEndian.AppendUint64(entries[k], uint64(of))
				entries[k] = binary.LittleEndian.AppendUint64(entries[k], 1)
			}
			of++
		}
	}
	t := &typed{problem: &lottery.Problem{}}
	number := make([]int32, len(p.ilp.Cost)) // column → column over types
	known := map[string]int{}
	for k := range n {
		at, ok := known[string(entries[k])]
		if !ok {
			at = len(t.members)
			known[string(entries[k])] = at
			t.members = append(t.members, nil)
			t.problem.People = append(t.problem.People, 0)
		}
		t.members[at] = append(t.members[at], k)
		t.problem.People[at]++
		number[k] = int32(at)
	}
	q := &t.problem.Problem
	for _, blocks := range t.members {
		m := int64(len(blocks))
		q.Lower = append(q.Lower, m*p.ilp.Lower[blocks[0]])
		q.Upper = append(q.Upper, m*p.ilp.Upper[blocks[0]])
		q.Continuous = append(q.Continuous, false)
	}
	for j := n; j < len(p.ilp.Cost); j++ {
		number[j] = int32(len(q.Lower))
		q.Lower, q.Upper = append(q.Lower, p.ilp.Lower[j]), append(q.Upper, p.ilp.Upper[j])
		q.Continuous = append(q.Continuous, true)
	}
	for i, a := range p.aux {
		if a.kind != touched {
			t.problem.Deviations = append(t.problem.Deviations, number[n+i])
		}
	}
	for _, v := range p.varieties {
		w := lottery.Variety{Least: v.lo, Short: -1}
		if v.short >= 0 {
			w.Short = number[v.short]
		}
		for _, set := range v.sets {
			var types []int32
			for _, k := range r.in.sets[set].blocks {
				types = append(types, number[k])
			}
			slices.Sort(types)
			w.Sets = append(w.Sets, slices.Compact(types))
		}
		t.problem.Varieties = append(t.problem.Varieties, w)
	}
	q.Cost = make([]int64, len(q.Lower))
	for _, row := range p.ilp.Rows {
		merged := row
		merged.Index, merged.Value = nil, nil
		for k, j := range row.Index {
			// One entry for each type: that of its first block.
			if int(j) < n && t.members[number[j]][0] != int(j) {
				continue
			}
			merged.Index, merged.Value = append(merged.Index, number[j]), append(merged.Value, row.Value[k])
		}
		q.Rows = append(q.Rows, merged)
	}
	return t
}

// choice is a cohort with these counts: the first blocks of each type.
func (t *typed) choice(counts []int64, blocks int) []bool {
	choice := make([]bool, blocks)
	for at, c := range counts {
		for _, k := range t.members[at][:c] {
			choice[k] = true
		}
	}
	return choice
}

// fieldCap is what an InputError names where no lottery keeps LotteryOptions.Cap.
const fieldCap = "cap"

func tooLowACap(most float64) error {
	return InputErrors{{Field: fieldCap, Message: fmt.Sprintf("no lottery keeps every chance within %v and leaves one to everybody who could be in: raise it", most)}}
}

func (r *run) lottery(o LotteryOptions, out *Lottery) error {
	t := r.typed()
	// r.best is not handed over: a run that was resumed has none, and has to come to
	// the same lottery.
	lo := lottery.Options{Method: o.Method, Cap: o.Cap, Progress: o.Watch}
	if r.options.Work > 0 {
		if lo.Work = r.options.Work - r.pivots; lo.Work <= 0 {
			return nil
		}
	}
	found, err := lottery.Solve(r.ctx, t.problem, lo)
	switch {
	case errors.Is(err, lottery.ErrCap):
		return tooLowACap(o.Cap)
	case errors.Is(err, lottery.ErrInfeasible):
		return fmt.Errorf("selection: the lottery finds no cohort although the stages before it did: %w", err)
	case errors.Is(err, lottery.ErrUndecided):
		out.Complete = out.Complete && r.ctx.Err() == nil
		return nil
	case err != nil:
		return fmt.Errorf("selection: %w", err)
	}
	out.Proved, out.Route = found.Status == lottery.Proved, found.Route
	out.Bound, out.Error, out.Gap = found.Bound, found.Error, found.Gap
	out.Levels = found.Levels
	out.Complete = out.Complete && !found.Canceled
	out.Pivots += found.Pivots
	for j, counts := range found.Cohorts {
		if err := r.recheck(t, counts); err != nil {
			return err
		}
		out.Draws = append(out.Draws, Draw{Counts: counts, Chance: found.Weights[j]})
	}
	impossible := make([]bool, len(t.members))
	for _, at := range found.Impossible {
		impossible[at] = true
	}
	out.Smallest = math.Inf(1)
	for at, blocks := range t.members {
		ty := Type{Chance: found.Chance[at], Optimum: found.Optimum[at]}
		for _, k := range blocks {
			ty.Blocks = append(ty.Blocks, r.in.blocks[k].ids)
		}
		out.Types = append(out.Types, ty)
		var ids []string
		for _, block := range ty.Blocks {
			ids = append(ids, block...)
		}
		out.Largest = max(out.Largest, ty.Chance)
		if impossible[at] {
			out.Impossible = append(out.Impossible, ids...)
			if o.Explain || o.Cap > 0 {
				switch x, err := r.excluded(blocks[0]); {
				case errors.Is(err, errUnexplained):
				case errors.Is(err, errPossible) && o.Cap > 0:
					// Only the cap keeps them out: it takes the last of the chances.
					return tooLowACap(o.Cap)
				case err != nil:
					return err
				case o.Explain:
					x.People = ids
					out.Exclusions = append(out.Exclusions, x)
				}
			}
			continue
		}
		out.Smallest = min(out.Smallest, ty.Chance)
		if ty.Optimum >= 1 {
			out.Certain = append(out.Certain, ids...)
		}
	}
	if math.IsInf(out.Smallest, 1) {
		out.Smallest = 0
	}
	slices.Sort(out.Certain)
	slices.Sort(out.Impossible)
	return nil
}

// recheck counts a cohort of the lottery from the definitions of the rules.
func (r *run) recheck(t *typed, counts []int64) error {
	tally, err := r.audit(t.choice(counts, len(r.in.blocks)))
	if err == nil {
		err = r.settled.kept(&tally)
	}
	if err != nil {
		return fmt.Errorf("selection: a cohort of the lottery does not pass the audit: %w", err)
	}
	return nil
}
