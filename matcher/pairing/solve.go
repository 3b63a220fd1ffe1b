package pairing

import (
	"context"
	"errors"
	"slices"
)

func solve(ctx context.Context, p *Problem, o Options) (*Result, error) {
	objective := p.Objective
	if objective == nil {
		objective = DefaultObjective()
	}
	if len(objective) == 0 {
		return nil, &ObjectiveError{Word: "", Message: "is no objective: name at least one term"}
	}
	if err := checkObjective(objective); err != nil {
		return nil, err
	}
	m := newMeter(ctx, o)
	m.tell("scoring", 0, len(p.Mentees))
	in, err := newInstance(ctx, p, func(done int) { m.tell("scoring", done, len(p.Mentees)) })
	if err != nil {
		return nil, err
	}
	r := &Result{objective: objective}
	return r, r.solve(in, m, bitsOf(o), o.Near)
}

func bitsOf(o Options) int {
	if o.bits > 0 {
		return o.bits
	}
	return stageBits
}

func newMeter(ctx context.Context, o Options) *meter {
	m := &meter{ctx: ctx, limit: o.Work, progress: o.Progress, list: shortlist}
	if o.list > 0 {
		m.list = o.list
	}
	return m
}

// solve finds the threshold of worst, then the matching.
func (r *Result) solve(in *instance, m *meter, bits int, near *Result) error {
	for ; ; bits, near = bits/2, nil {
		done, err := r.attempt(in, m, bits, near)
		if err != nil || done || bits == 0 {
			return err
		}
	}
}

// attempt solves with stages of at most so many bits. It returns false if prices
// drifted so far that fields of one stage could have met.
func (r *Result) attempt(in *instance, m *meter, bits int, near *Result) (bool, error) {
	r.threshold = 0
	if slices.Contains(r.objective, Worst) && !m.check() {
		guess := -1
		if near != nil {
			guess = near.threshold
		}
		threshold, ok := in.threshold(r.objective, m, bits, guess)
		if ok {
			r.threshold = threshold
		}
	}
	r.run = newRun(in, in.tiers(r.objective, r.threshold, true), bits, m)
	if near != nil && near.run != nil {
		r.run.startFrom(near.run)
	}
	done := m.err == nil && r.run.solve()
	if err := m.err; err != nil && !errors.Is(err, errSpent) && !errors.Is(err, m.ctx.Err()) {
		return true, err
	}
	if done && r.run.drifted() {
		if bits > 0 {
			return false, nil
		}
		return true, errors.New("pairing: internal error: a price left its field")
	}
	r.collect(done)
	return true, nil
}

// tiers lists what an objective counts, one after the other. A threshold of 0
// leaves worst out: nothing is below it.
func (in *instance) tiers(objective []Term, threshold int, lottery bool) []Tier {
	var list []Tier
	if len(in.groups) > 0 {
		list = append(list, Tier{Kind: KindFloors})
	}
	if in.waiting {
		list = append(list, Tier{Kind: KindWaiting})
	}
	for _, t := range objective {
		switch t {
		case Cover, Cover2, Cover3:
			list = append(list, Tier{KindCover, int(t-Cover) + 1})
		case Worst:
			if threshold > 0 {
				list = append(list, Tier{KindBelow, threshold})
			}
		case Bands:
			for _, upper := range []int{200, 400, 600, 800} {
				list = append(list, Tier{KindBand, upper})
			}
		case Total:
			list = append(list, Tier{Kind: KindTotal})
		case Even:
			list = append(list, Tier{Kind: KindEven})
		}
	}
	if lottery {
		list = append(list, Tier{Kind: KindLottery})
	}
	return list
}

// before is the part of an objective that counts more than worst.
func before(objective []Term) []Term { return objective[:slices.Index(objective, Worst)] }

// drifted is whether a price of some tier is so large that the sum of two prices
// and a value could reach into the next field: then the order of the packed sums
// need not be that of the tuples.
func (r *run) drifted() bool {
	for s, f := range r.flows {
		for _, prices := range [][]int64{f.u, f.p} {
			for _, x := range prices {
				for k := len(r.tiers) - 1; k >= 0; k-- {
					t := &r.tiers[k]
					if t.stage != s {
						continue
					}
					var part int64
					part, x = r.split(k, x)
					if limit := int64(1) << (t.bits - 2); part > limit || part < -limit {
						return true
					}
				}
			}
		}
	}
	return false
}

// split takes the field of tier k off a packed price, and returns what is left for
// the tiers before it, shifted down.
func (r *run) split(k int, x int64) (part, rest int64) {
	t := &r.tiers[k]
	if k == 0 || r.tiers[k-1].stage != t.stage {
		return x, 0
	}
	part = x << (64 - t.bits) >> (64 - t.bits)
	return part, (x - part) >> t.bits
}

// unpack gives packed prices, one for each stage, tier by tier.
func (r *run) unpack(price func(stage int) int64) []int64 {
	tuple := make([]int64, len(r.tiers))
	for s := range r.flows {
		x := price(s)
		for k := len(r.tiers) - 1; k >= 0; k-- {
			if r.tiers[k].stage == s {
				tuple[k], x = r.split(k, x)
			}
		}
	}
	return tuple
}

// pairsOf lists the mentors of j after the last stage that was solved, or where the
// first one was cut.
func (r *run) pairsOf(j int32) []int32 {
	switch {
	case r.matched != nil:
		return r.matched[j]
	case len(r.flows) > 0:
		return r.on(r.flows[0], j)
	}
	return nil
}

// collect writes the result of a run, or what there was when it was cut.
func (r *Result) collect(done bool) {
	in := r.run.in
	r.Matches, r.Covered, r.Total, r.Worst = nil, 0, 0, -1
	r.Visited = r.run.meter.visited
	values := make([]int64, len(r.run.tiers))
	load := slices.Clone(in.lockedSeats)
	cost := func(i int32, from, to int32) {
		for l := from + 1; l <= to; l++ {
			for k, t := range r.run.tiers {
				if t.Kind == KindEven {
					values[k] -= evenCost(int(l), in.mentors[i].Seats)
				}
			}
		}
	}
	for i, l := range load {
		cost(int32(i), 0, l)
	}
	covered := map[string]int{}
	for j := range in.mentees {
		m, best, n := &in.mentees[j], -1, 0
		mentors := slices.Clone(in.locks[j])
		for _, i := range r.run.pairsOf(int32(j)) {
			mentors = append(mentors, locked{i, in.code(int32(j), i)})
			cost(i, load[i], load[i]+1)
			load[i]++
		}
		slices.SortFunc(mentors, func(a, b locked) int { return int(a.mentor - b.mentor) })
		for _, l := range mentors {
			score := int(scoreOf(l.code))
			r.Matches = append(r.Matches, Match{
				Mentee: m.ID, Mentor: in.mentors[l.mentor].ID, Score: score, Standing: l.code >= standingFrom,
				Locked: slices.ContainsFunc(in.locks[j], func(x locked) bool { return x.mentor == l.mentor }),
			})
			n++
			best = max(best, score)
			r.Total += int64(score)
			for k, t := range r.run.tiers {
				switch {
				case t.Kind == KindTotal:
					values[k] += int64(score)
					if l.code >= standingFrom {
						values[k] += int64(in.problem.Stickiness)
					}
				case t.Kind == KindBand && score <= t.Number:
					values[k]--
				case t.Kind == KindLottery:
					values[k] += in.lot(int32(j), l.mentor)
				}
			}
		}
		n += m.Has
		if n == 0 {
			continue
		}
		r.Covered++
		covered[m.Group]++
		if m.Has == 0 && (r.Worst < 0 || best < r.Worst) {
			r.Worst = best
		}
		for k, t := range r.run.tiers {
			switch {
			case t.Kind == KindWaiting && m.Waiting, t.Kind == KindCover && n >= t.Number:
				values[k]++
			case t.Kind == KindBelow && m.Has == 0 && best < t.Number:
				values[k]--
			}
		}
	}
	kept := true
	for _, g := range in.groups {
		n := covered[g.name]
		kept = kept && n >= g.floor
		values[0] += int64(min(n, g.floor))
	}
	r.Values = r.Values[:0]
	for k, t := range r.run.tiers {
		r.Values = append(r.Values, Value{t.Tier, values[k]})
	}
	switch {
	case done && kept:
		r.Status = Optimal
	case done:
		r.Status = Infeasible
	case kept:
		r.Status = Feasible
	default:
		r.Status = Undecided
	}
}
