package mentoring

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/verify"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// solved is a run's input with its scores and the result, with some edits.
type solved struct {
	key, digest    string // of the run and its edits, and of its input
	input          *frozen
	scorer         *scoring.Scorer
	scores         pairing.Dense
	problem        *pairing.Problem
	result         *pairing.Result
	mentee, mentor map[string]int // code -> index
	locks          []frozenPair   // of the directives, those that can be kept
	unreadable     int            // people with a cell that cannot be read
	lowered        bool           // the floors of the problem are what can be kept
	short          int            // mentees whom these are fewer
}

// score makes the scores of all pairs of an input.
func score(ctx context.Context, f *frozen) (*solved, error) {
	made, err := scorable(f)
	if err != nil {
		return nil, err
	}
	if made.scores, err = made.scorer.Matrix(ctx, 1); err != nil {
		return nil, err
	}
	made.problem.Scores = made.scores
	made.locks = made.possible(f.Locks)
	return made, nil
}

// scorable is an input whose pairs can be scored, each by itself: without the
// scores of all of them, which are two bytes a pair.
func scorable(f *frozen) (*solved, error) {
	rules, err := (&Plan{Rules: f.Rules}).ScoringRules()
	if err != nil {
		return nil, problem.Errorf(problem.FailedPrecondition, "RULES_INVALID", "the program's rules cannot be read: %v", err)
	}
	in := scoring.NewIntake(rules, scoring.ShippedTopics(), shippedTravel())
	// The plan bounds whom somebody may never want; all of them are kept apart.
	rules.HardNevers = mostNever
	input := scoring.Input{Rules: rules}
	made := &solved{input: f, mentee: map[string]int{}, mentor: map[string]int{}, problem: &pairing.Problem{Seed: f.Seed}}
	p := made.problem
	for j, e := range f.Mentees {
		// A cell that cannot be read, as after a change of the rules, counts as
		// blank, which is never a mismatch: nobody's answer ends everybody's run.
		m, cells := in.Mentee(e.Code, e.Profile)
		if len(cells) > 0 {
			made.unreadable++
		}
		m.Wishes, m.Never = e.Wishes, e.Never
		for _, a := range e.Affinity {
			m.Seeks = append(m.Seeks, scoring.Seek{Attribute: a.Attribute, Value: a.Value, Strength: strengths[a.Strength]})
		}
		input.Mentees = append(input.Mentees, m)
		made.mentee[e.Code] = j
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: e.Code, Demand: e.Places, Waiting: e.Waiting, Group: e.Group, Has: e.Has, HasScore: e.Best})
	}
	for i, e := range f.Mentors {
		m, cells := in.Mentor(e.Code, e.Profile)
		if len(cells) > 0 {
			made.unreadable++
		}
		m.Wishes, m.Never = e.Wishes, e.Never
		for _, t := range e.Traits {
			m.Traits = append(m.Traits, scoring.Trait{Attribute: t.Attribute, Value: t.Value, Matching: t.Matching, Explained: t.Explained})
		}
		input.Mentors = append(input.Mentors, m)
		made.mentor[e.Code] = i
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: e.Code, Seats: e.Places})
	}
	for _, pair := range f.Ended {
		input.Ended = append(input.Ended, [2]string{pair.Mentee, pair.Mentor})
	}
	if len(f.Objectives) > 0 {
		if p.Objective, err = pairing.ParseObjective(strings.Join(f.Objectives, ",")); err != nil {
			return nil, problem.Errorf(problem.FailedPrecondition, "OBJECTIVES_INVALID", "the objectives cannot be followed: %v", err)
		}
	}
	size := map[string]int{}
	for _, e := range f.Mentees {
		size[e.Group]++
	}
	for _, group := range slices.Sorted(maps.Keys(f.Floors)) {
		// No more can be served than there are.
		if n := min(f.Floors[group], size[group]); n > 0 {
			p.Floors = append(p.Floors, pairing.Floor{Group: group, Covered: n})
		}
	}
	if made.scorer, _, err = scoring.New(input); err != nil {
		return nil, problem.Errorf(problem.FailedPrecondition, "PROFILES_INVALID", "the profiles cannot be scored: %v", err)
	}
	return made, nil
}

// possible are the locks of directives that can be kept: a hard rule that now
// forbids a pair, and places that are gone, win over an order that stood before.
func (v *solved) possible(locks []frozenPair) []frozenPair {
	var kept []frozenPair
	taken := map[string]int{}
	for _, pair := range locks {
		j, i := v.mentee[pair.Mentee], v.mentor[pair.Mentor]
		if v.scores[j*len(v.input.Mentors)+i] < 0 || taken[pair.Mentee] >= v.input.Mentees[j].Places || taken[pair.Mentor] >= v.input.Mentors[i].Places {
			continue
		}
		taken[pair.Mentee]++
		taken[pair.Mentor]++
		kept = append(kept, pair)
	}
	return kept
}

var strengths = map[string]scoring.Strength{"NICE": scoring.Nice, "IMPORTANT": scoring.Important, "REQUIRED": scoring.Required}

// solve finds the best pairs under the input's directives and some edits. Floors
// are kept as far as they can be without the edits; an edit that costs one of
// them is refused.
func (v *solved) solve(ctx context.Context, edits []Edit, o pairing.Options) (*solved, error) {
	with, err := v.attempt(ctx, edits, o)
	if err != nil || with.result.Status != pairing.Infeasible {
		return with, err
	}
	broken := problem.Errorf(problem.FailedPrecondition, "FLOORS_IMPOSSIBLE", "there are not mentors enough to keep the floors of the plan: lower them, or find more mentors")
	if v.lowered {
		return nil, broken
	}
	plain := with
	if len(edits) > 0 {
		if plain, err = v.attempt(ctx, nil, o); err != nil {
			return nil, err
		}
	}
	low := plain.lower()
	if low.short == 0 {
		return nil, broken
	}
	o.Near = plain.result
	return low.solve(ctx, edits, o)
}

// lower is the problem with the floors that its result keeps: it has the most
// mentees of all groups together, each counted up to its floor, that can be.
func (v *solved) lower() *solved {
	low, p := *v, *v.problem
	low.problem, low.lowered = &p, true
	covered, seen := map[string]int{}, map[string]bool{}
	for _, m := range v.result.Matches {
		if !seen[m.Mentee] {
			seen[m.Mentee] = true
			covered[v.input.Mentees[v.mentee[m.Mentee]].Group]++
		}
	}
	p.Floors = slices.Clone(p.Floors)
	for k := range p.Floors {
		f := &p.Floors[k]
		kept := min(f.Covered, covered[f.Group])
		low.short += f.Covered - kept
		f.Covered = kept
	}
	return &low
}

// attempt is solve with the floors as they stand. The result is INFEASIBLE if they
// cannot be kept.
func (v *solved) attempt(ctx context.Context, edits []Edit, o pairing.Options) (*solved, error) {
	with := *v
	p := *v.problem
	with.problem = &p
	locks, forbidden := slices.Clone(v.locks), slices.Concat(v.input.Forbidden, v.input.Ordered)
	for _, e := range edits {
		pair, err := v.input.codes(e.Mentee, e.Mentor)
		if err != nil {
			return nil, err
		}
		// The last edit of a pair stands, also against a directive.
		same := func(o frozenPair) bool { return o == pair }
		locks, forbidden = slices.DeleteFunc(locks, same), slices.DeleteFunc(forbidden, same)
		if e.Kind == LockPair {
			locks = append(locks, pair)
		} else {
			forbidden = append(forbidden, pair)
		}
	}
	pairs := func(list []frozenPair) (out []pairing.Pair) {
		for _, l := range list {
			out = append(out, pairing.Pair{Mentee: l.Mentee, Mentor: l.Mentor})
		}
		return out
	}
	p.Locks, p.Forbidden = pairs(locks), pairs(forbidden)
	result, err := pairing.Solve(ctx, &p, o)
	var input *pairing.InputError
	var objective *pairing.ObjectiveError
	switch {
	case errors.As(err, &input):
		return nil, problem.Errorf(problem.FailedPrecondition, "MATCHING_IMPOSSIBLE", "these people cannot be matched like this: %v", input)
	case errors.As(err, &objective):
		return nil, problem.Errorf(problem.FailedPrecondition, "OBJECTIVES_INVALID", "the objectives cannot be followed: %v", objective)
	case err != nil:
		return nil, &leased.Fault{Err: err}
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	with.result = result
	return &with, with.recount(locks, forbidden)
}

// recount checks a result straight from the input: it trusts no solver.
func (v *solved) recount(locks, forbidden []frozenPair) error {
	loads, got := map[string]int{}, map[frozenPair]bool{}
	for _, m := range v.result.Matches {
		j, ok := v.mentee[m.Mentee]
		i, ok2 := v.mentor[m.Mentor]
		pair := frozenPair{m.Mentee, m.Mentor}
		switch {
		case !ok || !ok2 || got[pair]:
			return &leased.Fault{Err: errors.New("the result names somebody who is not in the input, or a pair twice")}
		case int(v.scores[j*len(v.input.Mentors)+i]) != m.Score || m.Score < 0:
			return &leased.Fault{Err: errors.New("a pair has not the score that the result says")}
		case slices.Contains(forbidden, pair):
			return &leased.Fault{Err: errors.New("a forbidden pair was made")}
		}
		got[pair] = true
		loads[m.Mentee]++
		loads[m.Mentor]++
		if loads[m.Mentee] > v.input.Mentees[j].Places || loads[m.Mentor] > v.input.Mentors[i].Places {
			return &leased.Fault{Err: errors.New("somebody got more pairs than places")}
		}
	}
	for _, l := range locks {
		if !got[l] {
			return &leased.Fault{Err: errors.New("a locked pair was not made")}
		}
	}
	return nil
}

// codes turns ids of enrollments into a pair of the input.
func (f *frozen) codes(mentee, mentor string) (frozenPair, error) {
	a, b := personIn(f.Mentees, mentee), personIn(f.Mentors, mentor)
	if a == nil || b == nil || a.Erased || b.Erased {
		return frozenPair{}, problem.Errorf(problem.NotFound, "PAIR_NOT_IN_RUN", "one of the two is not in this run: it was made with those who were available then")
	}
	return frozenPair{a.Code, b.Code}, nil
}

// pair is what a match is to staff, with its parts if asked for.
func (v *solved) pair(m pairing.Match, withParts bool) Pair {
	j, i := v.mentee[m.Mentee], v.mentor[m.Mentor]
	p := Pair{
		Mentee: v.input.Mentees[j].ID, Mentor: v.input.Mentors[i].ID, MenteeCode: m.Mentee, MentorCode: m.Mentor,
		Score: m.Score, Locked: m.Locked,
	}
	if withParts {
		p.Parts = openParts(v.parts(j, i))
	}
	return p
}

// parts are all of a pair's parts, as they are stored: only the mentee may read
// them so. None holds a value of lived experience.
func (v *solved) parts(j, i int) []Part {
	var parts []Part
	for _, x := range v.scorer.Explain(j, i).Parts {
		part := Part{Feature: x.Feature, Points: x.Points, Most: x.Most}
		for _, e := range x.Evidence {
			part.Evidence = append(part.Evidence, e.String())
		}
		parts = append(parts, part.unnamed())
	}
	return parts
}

// outcome is the result for people.
func (v *solved) outcome(ctx context.Context, engine string) (*Result, error) {
	r := &Result{Status: v.result.Status.String(), Covered: v.result.Covered, Total: v.result.Total, Worst: v.result.Worst}
	for _, m := range v.result.Matches {
		pair := v.pair(m, false)
		pair.Parts = v.parts(v.mentee[m.Mentee], v.mentor[m.Mentor])
		r.Pairs = append(r.Pairs, pair)
	}
	r.Terms, r.Unstable = v.terms(), v.unstable()
	why, err := pairing.WhyUnmatched(ctx, v.problem, v.result, v.rules())
	if err != nil {
		return nil, &leased.Fault{Err: err}
	}
	for _, u := range why {
		person := v.input.Mentees[v.mentee[u.Mentee]]
		left := Unmatched{Mentee: person.ID, MenteeCode: person.Code, Reason: u.Reason}
		w := u.Witness
		if u.Near != nil {
			w = u.Near // fewer people say more
		}
		if w != nil {
			left.Mentees, left.Mentors, left.Seats = len(w.Mentees), len(w.Mentors), w.Seats
			const few = 12
			if len(w.Mentees) <= few && len(w.Mentors) <= few {
				left.With, left.By = w.Mentees, w.Mentors
			}
		}
		if u.Witness != nil {
			left.Rule = u.Witness.Cause()
			if u.Reason == pairing.NoEligibleMentor && len(u.Witness.Rules) > 0 {
				left.Blocks = u.Witness.Rules[0].Rule
			}
		}
		r.Unmatched = append(r.Unmatched, left)
	}
	got := map[string]bool{}
	for _, m := range v.result.Matches {
		got[m.Mentee] = true
	}
	for _, e := range v.input.Mentees {
		if e.Has > 0 && !got[e.Code] {
			r.Kept = append(r.Kept, Kept{e.ID, e.Code})
		}
	}
	if r.Audit, err = pairing.AuditEquity(ctx, v.problem, v.result, v.groupings(), pairing.AuditOptions{Rules: v.rules()}); err != nil {
		return nil, &leased.Fault{Err: err}
	}
	if v.result.Status == pairing.Optimal {
		record, err := v.result.Record(ctx, engine)
		if err != nil {
			return nil, &leased.Fault{Err: err}
		}
		r.Certificate = record.AppendJSON(nil)
		if err := v.certified(r.Certificate); err != nil {
			return nil, &leased.Fault{Err: err}
		}
	}
	return r, nil
}

// certified has the record checked over the scores of all pairs, by code that
// shares nothing with the solver: nothing that it refuses is kept.
func (v *solved) certified(record []byte) error {
	report, err := verify.File(record, verify.Options{Scores: v.scoresOf})
	switch {
	case err != nil:
		return fmt.Errorf("the record cannot be checked: %w", err)
	case !report.Certified:
		for _, c := range report.Checks {
			if c.State != verify.Held && c.State != verify.NoMatter {
				return fmt.Errorf("check %s of the record: %s: %s", c.Number, c.Title, c.Why)
			}
		}
		return errors.New("the record proves nothing")
	}
	return nil
}

// scoresOf are the scores of everybody, in another order.
func (v *solved) scoresOf(mentees, mentors []string) ([]int16, error) {
	unknown := errors.New("the record names somebody who is not in the input")
	columns := make([]int, len(mentors))
	for i, code := range mentors {
		at, ok := v.mentor[code]
		if !ok {
			return nil, unknown
		}
		columns[i] = at
	}
	rows := make([]int16, 0, len(mentees)*len(mentors))
	for _, code := range mentees {
		j, ok := v.mentee[code]
		if !ok {
			return nil, unknown
		}
		row := v.scores[j*len(v.input.Mentors):]
		for _, i := range columns {
			rows = append(rows, row[i])
		}
	}
	return rows, nil
}

// terms are the values of the objective's terms, in their order. How the seed
// broke ties is none.
func (v *solved) terms() []Term {
	var all []Term
	for _, value := range v.result.Values {
		t := Term{Name: termName(value.Tier), Value: value.Value}
		switch value.Tier.Kind {
		case pairing.KindBelow:
			t = Term{Name: pairing.Worst.String(), Value: int64(v.result.Worst)}
		case pairing.KindLottery:
			continue
		}
		all = append(all, t)
	}
	return all
}

// termName is what people call a tier: with its number where there are several.
func termName(t pairing.Tier) string {
	name := t.Kind.String()
	if t.Kind == pairing.KindBand || t.Kind == pairing.KindCover && t.Number > 1 {
		name += fmt.Sprint(t.Number)
	}
	return name
}

// term is the value of one term. That of worst is no tier where it is 0.
func (v *solved) term(terms []Term, name string) int64 {
	for _, t := range terms {
		if t.Name == name {
			return t.Value
		}
	}
	return int64(v.result.Worst)
}

// isImpossible reports whether no matching keeps what was asked for.
func isImpossible(err error) bool {
	r := problem.ReasonOf(err)
	return r == "MATCHING_IMPOSSIBLE" || r == "FLOORS_IMPOSSIBLE"
}

// groupings are the groups that a run is audited by: a cell is a set of values.
func (v *solved) groupings() []pairing.Grouping {
	var all []pairing.Grouping
	for _, column := range v.input.Audited {
		all = append(all, pairing.Grouping{Attribute: column, Of: groupsBy(column, v.input.Mentees)})
	}
	return all
}
