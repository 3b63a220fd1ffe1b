package pairing

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Decline is the result of the same problem without one of its pairs, which is
// forbidden from now on. It goes on from where r ended: a search or two where one
// person declines, and not a whole solve. r must not be used afterwards.
//
// A pair that r does not have, or that is locked, is an *InputError.
func (r *Result) Decline(ctx context.Context, pair Pair, o Options) (*Result, error) {
	in := r.run.in
	at := slices.IndexFunc(r.Matches, func(m Match) bool { return m.Mentee == pair.Mentee && m.Mentor == pair.Mentor })
	switch {
	case at < 0:
		return nil, &InputError{"declined", 0, fmt.Sprintf("%q and %q are no pair of the matching", pair.Mentee, pair.Mentor)}
	case r.Matches[at].Locked:
		return nil, &InputError{"declined", 0, fmt.Sprintf("the pair of %q and %q is locked", pair.Mentee, pair.Mentor)}
	}
	p := *in.problem
	p.Forbidden = append(slices.Clone(p.Forbidden), pair)
	in.problem = &p
	j, _ := in.mentee(pair.Mentee)
	i, _ := in.mentor(pair.Mentor)
	node := r.run.node(j, in.code(j, i))
	in.put(j, i, NotEligible)

	m := newMeter(ctx, o)
	next := &Result{objective: r.objective, threshold: r.threshold, run: r.run}
	if r.Status != Optimal || o.list > 0 || o.bits > 0 {
		return next, next.solve(in, m, bitsOf(o), nil)
	}
	next.run.meter = m
	done := next.run.without(node, i)
	if err := m.err; err != nil && !errors.Is(err, errSpent) && !errors.Is(err, ctx.Err()) {
		return nil, err
	}
	next.collect(done)
	if done && (next.run.drifted() || !next.sameThreshold(r)) {
		return next, next.solve(in, m, stageBits, nil)
	}
	return next, nil
}

// without takes the pair of a node and a mentor out of the first stage, mends what
// that breaks, and solves the later stages again from the prices they had.
func (r *run) without(n, i int32) bool {
	f := r.flows[0]
	f.meter = r.meter
	for a := range f.arcs[n] {
		e := &f.arcs[n][a]
		if e.to != i {
			continue
		}
		if e.on {
			f.set(n, int32(a), false)
			f.over[n]++
		}
		e.val, f.sorted[n] = -unreachable/2, 0 // never again
	}
	r.start = nil
	r.startFrom(r)
	r.flows, r.whole, r.full, r.matched = r.flows[:1], r.whole[:1], r.full[:1], nil
	r.meter.now.Stage, r.meter.now.Stages = 1, len(r.values)
	if !f.route(n) || !f.fill() || !r.priceOut(0) {
		return false
	}
	r.match(f)
	return r.from(1)
}

// sameThreshold is whether the threshold of worst is still that of before: with one
// pair less it cannot rise unless something that counts more falls.
func (r *Result) sameThreshold(before *Result) bool {
	worst := slices.Index(r.objective, Worst)
	if worst < 0 {
		return true
	}
	for k, v := range r.Values {
		if v.Tier.Kind == KindBelow {
			return v.Value == 0
		}
		if r.threshold == 0 && k >= len(r.run.in.tiers(r.objective[:worst], 0, false)) {
			return true
		}
		if v != before.Values[k] {
			return false
		}
	}
	return true
}
