package pairing

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// Record is the matching as a file, with the proof that no matching is better: for
// each tier the prices that the run ended with, and those of a second run which
// shows that the worst pair cannot be better. Parts of scores and reasons of the
// unmatched are the caller's to add, before it seals the record.
//
// A result whose run was cut has no proof. An error is that of ctx.
func (r *Result) Record(ctx context.Context, engine string) (*matcher.Matching, error) {
	in := r.run.in
	m := &matcher.Matching{
		Format: matcher.MatchingFormat, Version: matcher.MatchingVersion,
		Status: matcher.Status(r.Status.String()), Covered: r.Covered, PairsTotal: len(r.Matches), Total: r.Total, Worst: r.Worst,
		Input: in.record(r.objective), Seed: in.problem.Seed, Engine: engine,
	}
	var locks [][2]string
	at := 0
	for _, e := range in.mentees {
		before := at
		for ; at < len(r.Matches) && r.Matches[at].Mentee == e.ID; at++ {
			x := r.Matches[at]
			m.Pairs = append(m.Pairs, matcher.MatchedPair{Mentee: x.Mentee, Mentor: x.Mentor, Score: x.Score, Locked: x.Locked, Standing: x.Standing})
			if x.Locked {
				locks = append(locks, [2]string{x.Mentee, x.Mentor})
			}
		}
		if at == before && e.Demand > 0 && e.Has == 0 {
			m.Unmatched = append(m.Unmatched, matcher.Unmatched{Mentee: e.ID})
		}
	}
	for _, v := range r.Values {
		m.Values = append(m.Values, matcher.TierValue{Kind: v.Tier.Kind.String(), Number: v.Tier.Number, Value: v.Value})
	}
	buffer := make([]int16, in.nI())
	m.InputDigest = matcher.MatchingDigest(&m.Input, locks, m.Seed, func(j int) []int16 {
		for i, code := range in.row(int32(j)) {
			buffer[i] = scoreOf(code)
		}
		for _, l := range in.locks[j] {
			buffer[l.mentor] = scoreOf(l.code)
		}
		return buffer
	})
	if r.Status == Optimal || r.Status == Infeasible {
		m.Certificate.Best = r.run.prices()
		w, err := r.witness(ctx)
		if err != nil {
			return nil, err
		}
		if w != nil {
			m.Certificate.Worst = w.prices()
		}
	}
	m.Seal()
	return m, nil
}

// record is the input as a record has it.
func (in *instance) record(objective []Term) matcher.MatchingInput {
	out := matcher.MatchingInput{Stickiness: in.problem.Stickiness}
	for _, t := range objective {
		out.Objective = append(out.Objective, t.String())
	}
	for _, m := range in.mentees {
		out.Mentees = append(out.Mentees, matcher.MenteeInput{ID: m.ID, Demand: m.Demand, Waiting: m.Waiting, Group: m.Group, Has: m.Has})
	}
	for _, m := range in.mentors {
		out.Mentors = append(out.Mentors, matcher.MentorInput{ID: m.ID, Seats: m.Seats})
	}
	for _, g := range in.groups {
		out.Groups = append(out.Groups, matcher.GroupInput{Group: g.name, Floor: g.floor})
	}
	out.Forbidden, out.Standing = sortedPairs(in.problem.Forbidden), sortedPairs(in.problem.Standing)
	return out
}

func sortedPairs(list []Pair) [][2]string {
	var pairs [][2]string
	for _, p := range list {
		pairs = append(pairs, [2]string{p.Mentee, p.Mentor})
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		if c := strings.Compare(a[0], b[0]); c != 0 {
			return c
		}
		return strings.Compare(a[1], b[1])
	})
	return slices.Compact(pairs)
}

// prices unpacks what every stage ended with.
func (r *run) prices() matcher.Prices {
	var p matcher.Prices
	of := func(n int32) []int64 { return r.unpack(func(s int) int64 { return r.flows[s].u[n] }) }
	for j := range r.in.mentees {
		p.Mentees = append(p.Mentees, of(int32(j)))
		if c := r.child[j]; c >= 0 {
			p.Good = append(p.Good, of(c))
		} else {
			p.Good = append(p.Good, nil)
		}
	}
	for i := range r.in.mentors {
		p.Mentors = append(p.Mentors, r.unpack(func(s int) int64 { return r.flows[s].p[i] }))
	}
	for n := r.firstGroup; n < int32(r.nodes); n++ {
		p.Groups = append(p.Groups, of(n))
	}
	return p
}

// witness minimizes, among the matchings that are best in the terms before worst,
// how many covered mentees have no pair above the threshold. That it is not 0
// proves the threshold; nil where there is nothing to prove.
func (r *Result) witness(ctx context.Context) (*run, error) {
	if !slices.Contains(r.objective, Worst) || r.threshold >= MaxScore || r.Worst < 0 {
		return nil, nil
	}
	in := r.run.in
	for bits := stageBits; ; bits /= 2 {
		m := &meter{ctx: ctx, list: r.run.list}
		w := newRun(in, append(in.tiers(before(r.objective), 0, false), Tier{KindBelow, r.threshold + 1}), bits, m)
		switch {
		case !w.solve():
			return nil, m.err
		case !w.drifted():
			return w, nil
		case bits == 0:
			return nil, errors.New("pairing: internal error: a price left its field")
		}
	}
}
