package pairing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// RecruitOptions of one Recruit.
type RecruitOptions struct {
	// Mentors sorts the mentors into groups, as of topics, counties, languages:
	// what a seat is worth is told for each.
	Mentors []Grouping // Of as the mentors are listed in the problem
	// Invented are people who are not there yet.
	Invented []InventedMentor
}

// InventedMentor is somebody whom a program might win, with one seat.
type InventedMentor struct {
	Name string
	// Scores are those with each mentee, as the mentees are listed in the problem.
	Scores []int16
}

// Recruitment says what one more seat would be worth, tier by tier, as larger
// values of the tiers. Tiers from even on are left out: how evenly a mentor is
// asked is their own matter. The threshold of worst stays where it is.
type Recruitment struct {
	Tiers []Tier
	// Seats are the mentors with whom one more seat would be worth something, the
	// most valuable first, of equal ones by id. Each is by itself: what a second
	// seat is worth is another question.
	Seats []SeatWorth
	// Groups tell whom to look for: attributes in the order in which they are given,
	// and of each the group first in which a seat is worth most.
	Groups []GroupWorth
	// Invented are in the order in which they are given.
	Invented []SeatWorth
}

// SeatWorth is what one more seat of somebody is worth.
type SeatWorth struct {
	Mentor string
	Worth  []int64 // as Tiers
}

// GroupWorth is what one more seat is worth with the mentors of a group.
type GroupWorth struct {
	Attribute, Group string
	Mentors, Seats   int
	// Worth is that of the mentor of the group with whom a seat is worth most.
	Worth []int64
	// Serving is how many of its mentors would, with one more seat, let one more
	// mentee be served.
	Serving int
}

// Recruit says whom to recruit: exactly how much better the optimum would be with
// one more seat of each mentor, and with one seat of somebody invented. These are
// the smallest prices that prove the matching, which the run does not end with:
// one search from the outside finds them, over all eligible pairs. The error is
// ErrNoProof, or an *InputError.
func Recruit(ctx context.Context, p *Problem, r *Result, o RecruitOptions) (*Recruitment, error) {
	stages, err := r.valuedStages()
	if err != nil {
		return nil, err
	}
	x, err := newResidual(r, stages)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in := r.run.in
	for n, g := range o.Mentors {
		if len(g.Of) != len(p.Mentors) {
			return nil, &InputError{"Mentors", n, fmt.Sprintf("%d mentors are grouped by %s, and there are %d", len(g.Of), g.Attribute, len(p.Mentors))}
		}
	}
	q := x.search(x.end)
	q.run(nobody)
	out := &Recruitment{}
	for _, t := range r.run.tiers {
		if t.stage < stages {
			out.Tiers = append(out.Tiers, t.Tier)
		}
	}
	worth := make([][]int64, in.nI())
	for i := range int32(in.nI()) {
		w := make([]int64, stages)
		if v := x.vertex(i); q.reached(v) {
			for s := range w {
				w[s] = x.p(s, i) - q.dist[s][v]
			}
		}
		worth[i] = r.run.worth(w)
		if positive(worth[i]) {
			out.Seats = append(out.Seats, SeatWorth{in.mentors[i].ID, worth[i]})
		}
	}
	slices.SortStableFunc(out.Seats, func(a, b SeatWorth) int { return slices.Compare(b.Worth, a.Worth) })
	for _, g := range o.Mentors {
		out.Groups = append(out.Groups, x.groupWorth(g, worth)...)
	}
	for n, m := range o.Invented {
		if len(m.Scores) != in.nJ() {
			return nil, &InputError{"Invented", n, fmt.Sprintf("%s has %d scores, and there are %d mentees", m.Name, len(m.Scores), in.nJ())}
		}
		w, err := q.invented(m)
		if err != nil {
			return nil, &InputError{"Invented", n, err.Error()}
		}
		out.Invented = append(out.Invented, SeatWorth{m.Name, w})
	}
	return out, nil
}

// valuedStages is how many stages come before evenness and the lottery.
func (r *Result) valuedStages() (int, error) {
	if r.run == nil || r.Status != Optimal {
		return 0, ErrNoProof
	}
	for _, t := range r.run.tiers {
		if t.Kind == KindEven || t.Kind == KindLottery {
			if t.stage == 0 {
				return 0, errors.New("with evenness first, no seat is worth anything by itself")
			}
			return t.stage, nil
		}
	}
	return len(r.run.values), nil
}

// worth tells packed gains tier by tier; what would be a loss is nothing, as a
// seat may stay empty.
func (r *run) worth(packed []int64) []int64 {
	var list []int64
	for _, v := range r.amounts(packed) {
		list = append(list, v.Value)
	}
	if !positive(list) {
		clear(list)
	}
	return list
}

// positive says whether the first value that is not 0 is above it.
func positive(tuple []int64) bool {
	for _, v := range tuple {
		if v != 0 {
			return v > 0
		}
	}
	return false
}

// invented is what a seat of somebody new is worth: the best, over mentees, of
// what the pair is worth less what it takes to free the mentee for it.
func (q *search) invented(m InventedMentor) ([]int64, error) {
	x := q.x
	r := x.run
	best, w := make([]int64, x.stages), make([]int64, x.stages)
	for j := range int32(r.in.nJ()) {
		score := m.Scores[r.in.rowOf[j]]
		if score < NotEligible || score > MaxScore {
			return nil, fmt.Errorf("%s has a score of %d: scores are from 0 to %d, and %d for a pair that must not be", m.Name, score, MaxScore, NotEligible)
		}
		if score < 0 {
			continue
		}
		if n := r.node(j, score); r.in.want[j] > 0 && q.reached(n) {
			for s := range w {
				w[s] = r.values[s].pairs[r.class[j]][score+1] - x.u(s, n) - q.dist[s][n]
			}
			if slices.Compare(w, best) > 0 {
				copy(best, w)
			}
		}
		// Somebody who wants more mentors than there are has a place for one more.
		if mentee := &r.in.mentees[j]; mentee.Demand > r.in.nI() {
			for s := range w {
				w[s] = r.values[s].pairs[0][score+1] + r.values[s].unit(mentee, mentee.Has+r.in.nI()+1)
			}
			if slices.Compare(w, best) > 0 {
				copy(best, w)
			}
		}
	}
	return r.worth(best), nil
}

func (x *residual) groupWorth(g Grouping, worth [][]int64) []GroupWorth {
	in := x.run.in
	byName := map[string]*GroupWorth{}
	for i := range in.mentors {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(g.Of[in.colOf[i]]))) {
			w := byName[name]
			if w == nil {
				w = &GroupWorth{Attribute: g.Attribute, Group: name, Worth: make([]int64, len(worth[i]))}
				byName[name] = w
			}
			w.Mentors++
			w.Seats += in.mentors[i].Seats
			if slices.Compare(worth[i], w.Worth) > 0 {
				w.Worth = worth[i]
			}
			for k, t := range x.run.tiers[:len(worth[i])] {
				if t.Kind == KindCover && t.Number == 1 && worth[i][k] > 0 {
					w.Serving++
				}
			}
		}
	}
	var list []GroupWorth
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name])
	}
	slices.SortStableFunc(list, func(a, b GroupWorth) int {
		return cmp.Or(slices.Compare(b.Worth, a.Worth), cmp.Compare(b.Serving, a.Serving))
	})
	return list
}
