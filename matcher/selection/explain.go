package selection

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// Explanation says of one person why they are in, or out.
type Explanation struct {
	ID string
	In bool
	// Lock is BrokenInclude or BrokenExclude if the criteria name the person.
	Lock string
	// Tied are the people who come and go together with them, themselves not among
	// them.
	Tied []string
	// Chance is what the lottery gave them; nil where there was none.
	Chance *Chance
	// Helps, of somebody in, are the rules that would be further off without them,
	// nobody in their place.
	Helps []RuleShift
	// Swaps are all the exact ones: of somebody in, who could take the seat; of
	// somebody out, whom they could replace. Ids ascending.
	Swaps []Swap
	// Closest, where there is no exact swap, is the one that loses least in the
	// order of objectives, among several the first by id. Nil if there is nobody to
	// swap with.
	Closest *Swap
	// Hindrances count the swaps that are not exact by the first thing they do not
	// keep.
	Hindrances []Hindrance
	// Fixed, if not nil, is proved: no cohort as good as the best, total score
	// included, is without them (of somebody in) or has them (of somebody out).
	Fixed *Exclusion
	// Decided is false where Fixed was not decided, because the selection is not
	// proved or because work or time ran out.
	Decided bool
}

// Hindrance is why swaps are not exact.
type Hindrance struct {
	// Reason is as in Breach; Kind is that of the condition, Row that of the rule.
	// A swap that breaks several at the same level counts for each of them.
	Reason, Kind string
	Row          int
	Swaps        int
}

// Explain says why somebody is in or out. Swaps are exact: each one is counted
// from the definitions of the rules.
func Explain(ctx context.Context, s Selected, id string, o Options) (*Explanation, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	if _, ok := st.auditor.at[id]; !ok {
		return nil, st.unknown("id", id)
	}
	x := &Explanation{ID: id, In: st.in[id]}
	switch {
	case st.included[id]:
		x.Lock = BrokenInclude
	case st.excluded[id]:
		x.Lock = BrokenExclude
	}
	own := st.tied[id]
	for _, other := range own {
		if other != id {
			x.Tied = append(x.Tied, other)
		}
	}
	if c, ok := s.Chances[id]; ok || len(s.Chances) > 0 && x.Lock == "" {
		x.Chance = &c // 0 for who is tied to somebody excluded: they are of no type
	}
	if x.In {
		without := st.auditor.tally(st.changed(own, nil))
		for i, before := range st.tally.rules {
			after := without.rules[i]
			if after.Short > before.Short {
				x.Helps = append(x.Helps, RuleShift{Before: before, After: after})
			}
		}
	}
	st.swaps(x, own)
	if s.Outcome.Status != matcher.Optimal {
		return x, nil
	}
	return x, x.fix(ctx, s, st, o)
}

// swaps weighs every swap of these people: out of the cohort if they are in, in
// if they are out.
func (st *standing) swaps(x *Explanation, own []string) {
	type hindrance struct {
		reason, kind string
		row          int
	}
	hindered := map[hindrance]int{}
	var closest loss
	for _, p := range st.blocks(!x.In) {
		out, in := own, p
		if !x.In {
			out, in = p, own
		}
		w, l := st.swap(out, in)
		if w.Breach.Exact() {
			x.Swaps = append(x.Swaps, w)
			continue
		}
		if x.Closest == nil || l.compare(closest) < 0 {
			x.Closest, closest = &w, l
		}
		seen := map[hindrance]bool{}
		note := func(h hindrance) {
			if !seen[h] {
				hindered[h]++
			}
			seen[h] = true
		}
		for _, b := range w.Breach.Conditions {
			note(hindrance{w.Breach.Reason, b.Kind, 0})
		}
		for _, r := range w.Breach.Rules {
			note(hindrance{w.Breach.Reason, "", r.Row})
		}
		if w.Breach.Reason == ExcludedBySize {
			note(hindrance{w.Breach.Reason, "", 0})
		}
	}
	if len(x.Swaps) > 0 {
		x.Closest = nil
	}
	for h, n := range hindered {
		x.Hindrances = append(x.Hindrances, Hindrance{Reason: h.reason, Kind: h.kind, Row: h.row, Swaps: n})
	}
	slices.SortFunc(x.Hindrances, func(a, b Hindrance) int {
		switch {
		case a.Swaps != b.Swaps:
			return b.Swaps - a.Swaps
		case a.Reason != b.Reason:
			return strings.Compare(a.Reason, b.Reason)
		case a.Row != b.Row:
			return a.Row - b.Row
		}
		return strings.Compare(a.Kind, b.Kind)
	})
}

// blocks lists the people in the cohort, or out of it, as they come and go, in
// the order of their first ids.
func (st *standing) blocks(in bool) [][]string {
	var all [][]string
	for _, p := range st.People {
		if t := st.tied[p.ID]; t[0] == p.ID && st.in[p.ID] == in {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return all
}

// fix decides Fixed.
func (x *Explanation) fix(ctx context.Context, s Selected, st *standing, o Options) error {
	if x.Lock != "" {
		x.Fixed, x.Decided = &Exclusion{People: []string{x.ID}, Reason: ExcludedByConditions}, true
		return nil
	}
	r := s.again(ctx, o)
	best, err := r.settle()
	if err != nil || !best {
		return err
	}
	at := r.in.blockOf(x.ID)
	if at < 0 {
		// Tied to somebody who is excluded.
		x.Fixed, x.Decided = &Exclusion{People: st.tied[x.ID], Reason: ExcludedByConditions}, true
		return nil
	}
	if l, t, _ := st.weigh(st.cohort); l == (loss{}) && t.score >= r.settled.minScore {
		// A swap that keeps the score as well is a cohort the other way round.
		for _, w := range x.Swaps {
			if w.Score+t.score >= r.settled.minScore {
				x.Decided = true
				return nil
			}
		}
		r.best, r.tally = r.in.choice(st.in), t
	}
	why, fixed, err := r.barred(at, !x.In)
	switch {
	case errors.Is(err, errUnexplained):
		return nil
	case err != nil:
		return err
	case fixed:
		why.People = r.in.blocks[at].ids
		x.Fixed = &why
	}
	x.Decided = true
	return nil
}

// blockOf is the block that somebody is in; −1: none.
func (in *instance) blockOf(id string) int {
	for k, b := range in.blocks {
		if slices.Contains(b.ids, id) {
			return k
		}
	}
	return -1
}

// choice is a cohort by block.
func (in *instance) choice(members map[string]bool) []bool {
	choice := make([]bool, len(in.blocks))
	for k, b := range in.blocks {
		choice[k] = members[b.ids[0]]
	}
	return choice
}
