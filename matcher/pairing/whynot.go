package pairing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Forced is what it would cost to force a pair that was not matched.
type Forced struct {
	Pair  Pair
	Score int // NotEligible: a rule, or Forbidden, keeps them apart
	// Matched says that the result has the pair: nothing would change.
	Matched bool
	// Possible says that some matching has the pair, all locks kept. If it is false
	// the mentee or the mentor has no place that is not locked, or they are not
	// eligible for each other, and everything below is empty.
	Possible bool

	// Bound is by tier what is lost at the least, known without a search from the
	// prices: what the mentee's place and the mentor's seat are worth elsewhere,
	// less what the pair is worth. The loss is never smaller, tuples compared from
	// the first tier on.
	Bound []Value
	// Loss is by tier what is lost exactly; the first that is not 0 is above 0. It
	// is nil after WhyNotBound.
	Loss []Value
	// Terms is what that makes of the terms of the objective; nil after
	// WhyNotBound.
	Terms []TermChange
	// BarMoves says that the threshold of worst may be another one with the pair:
	// somebody falls below it, or there are fewer people to be above it. Loss then
	// holds the threshold where it is and counts in the tier below who falls under
	// it; what could be made of another threshold, only CostOf weighs.
	BarMoves bool
	// Displaced are the changes for everybody else, and for the mentee of the pair,
	// who stands first.
	Displaced []Displaced
}

// Displaced is a mentee whose mentors would change. Ids are sorted.
type Displaced struct {
	Mentee        string
	Before, After []string
}

// WhyNotBound says at once what forcing a pair costs at the least, and only that.
// The error is ErrNoProof, or an *InputError if somebody is unknown.
func WhyNotBound(r *Result, pair Pair) (*Forced, error) {
	if r.run == nil || r.Status != Optimal {
		return nil, ErrNoProof
	}
	in := r.run.in
	j, i, err := in.find("pair", 0, pair)
	if err != nil {
		return nil, err
	}
	code := in.code(j, i)
	w := &Forced{Pair: pair, Score: int(scoreOf(code))}
	at, matched := slices.BinarySearchFunc(r.Matches, pair, func(m Match, p Pair) int {
		return cmp.Or(cmp.Compare(m.Mentee, p.Mentee), cmp.Compare(m.Mentor, p.Mentor))
	})
	if matched {
		w.Matched, w.Possible, w.Score = true, true, r.Matches[at].Score
		return w, nil
	}
	if w.Possible = code >= 0 && in.want[j] > 0 && in.seats[i] > 0; w.Possible {
		length := make([]int64, len(r.run.values))
		r.run.reducedCost(j, i, length)
		w.Bound = r.run.amounts(length)
	}
	return w, nil
}

// amounts tells packed values, one for each stage, tier by tier. Later stages may
// be missing, and their tiers then are.
func (r *run) amounts(packed []int64) []Value {
	all := r.unpack(func(stage int) int64 {
		if stage < len(packed) {
			return packed[stage]
		}
		return 0
	})
	var list []Value
	for k, t := range r.tiers {
		if t.stage < len(packed) {
			list = append(list, Value{t.Tier, all[k]})
		}
	}
	return list
}

// WhyNot says exactly what forcing a pair costs and who would be displaced: the
// shortest way through the network, over all eligible pairs, from the mentor's
// seat back to the mentee's place. Errors are those of WhyNotBound, and the context's.
func WhyNot(ctx context.Context, r *Result, pair Pair) (*Forced, error) {
	w, err := WhyNotBound(r, pair)
	if err != nil || w.Matched || !w.Possible {
		return w, err
	}
	x, err := newResidual(r, len(r.run.values))
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	in := r.run.in
	j, _ := in.mentee(pair.Mentee)
	i, _ := in.mentor(pair.Mentor)
	to := r.run.node(j, in.code(j, i))
	q := x.search(x.vertex(i))
	if q.run(to); !q.done[to] {
		w.Possible, w.Bound = false, nil
		return w, nil
	}
	length := make([]int64, x.stages)
	r.run.reducedCost(j, i, length)
	for s := range length {
		length[s] += q.dist[s][to]
	}
	w.Loss = r.run.amounts(length)
	w.BarMoves = r.barMoves(w.Loss)
	var after Result
	w.Displaced, after = x.displaced(r, q.way(to), j, i)
	w.Terms = termChanges(r, TermValues(in.problem, r), TermValues(in.problem, &after))
	return w, nil
}

// Alternatives are the mentors whom a mentee does not have and could, those first
// with whom the least is lost, at most so many, each as WhyNot tells it. Bounds
// are known at once for all mentors; only those are searched for whose bound is
// below the losses found. Errors are those of WhyNot.
func Alternatives(ctx context.Context, r *Result, mentee string, most int) ([]*Forced, error) {
	if r.run == nil || r.Status != Optimal {
		return nil, ErrNoProof
	}
	in := r.run.in
	if _, ok := in.mentee(mentee); !ok {
		return nil, &InputError{"mentee", 0, fmt.Sprintf("there is no mentee %q", mentee)}
	}
	var bounds []*Forced
	for i := range in.mentors {
		w, err := WhyNotBound(r, Pair{mentee, in.mentors[i].ID})
		if err != nil {
			return nil, err
		}
		if w.Possible && !w.Matched {
			bounds = append(bounds, w)
		}
	}
	slices.SortStableFunc(bounds, func(a, b *Forced) int { return compareLosses(a.Bound, b.Bound) })
	var best []*Forced
	for _, b := range bounds {
		if len(best) >= most && (most <= 0 || compareLosses(b.Bound, best[most-1].Loss) >= 0) {
			break
		}
		w, err := WhyNot(ctx, r, b.Pair)
		if err != nil {
			return nil, err
		}
		if !w.Possible {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, w, func(a, b *Forced) int { return cmp.Or(compareLosses(a.Loss, b.Loss), 1) })
		best = slices.Insert(best, at, w)
		best = best[:min(len(best), most)]
	}
	return best, nil
}

// compareLosses compares from the first tier on.
func compareLosses(a, b []Value) int {
	return slices.CompareFunc(a, b, func(a, b Value) int { return cmp.Compare(a.Value, b.Value) })
}

// barMoves says whether a loss may change the threshold of worst: somebody falls
// below it, or something before it is lost, so that fewer have to be above it.
func (r *Result) barMoves(loss []Value) bool {
	if !slices.Contains(r.objective, Worst) {
		return false
	}
	upTo := len(r.run.in.tiers(before(r.objective), 0, false))
	if upTo < len(loss) && loss[upTo].Tier.Kind == KindBelow {
		upTo++
	}
	return slices.ContainsFunc(loss[:upTo], func(v Value) bool { return v.Value != 0 })
}

// way lists the vertices from the start of a search to v.
func (q *search) way(v int32) []int32 {
	var way []int32
	for ; v != nobody; v = q.via[v] {
		way = append(way, v)
	}
	slices.Reverse(way)
	return way
}

func termChanges(r *Result, before, after []int64) []TermChange {
	var list []TermChange
	for k, t := range r.objective {
		list = append(list, TermChange{t, before[k], after[k]})
	}
	return list
}

// displaced applies a way to the matching, and lists who has other mentors.
func (x *residual) displaced(r *Result, way []int32, j, i int32) ([]Displaced, Result) {
	after := map[int32][]int32{j: append(slices.Clone(x.on[j]), i)}
	order := []int32{j}
	for k := range way[:len(way)-1] {
		a, b := way[k], way[k+1]
		lets := x.isMentor(a)
		if lets {
			a, b = b, a
		}
		if a >= x.nodes || !x.isMentor(b) || x.mentee[a] == nobody {
			continue
		}
		who, mentor := x.mentee[a], x.mentor(b)
		if _, ok := after[who]; !ok {
			after[who] = slices.Clone(x.on[who])
			order = append(order, who)
		}
		if lets {
			after[who] = slices.DeleteFunc(after[who], func(m int32) bool { return m == mentor })
		} else {
			after[who] = append(after[who], mentor)
		}
	}
	in := x.run.in
	names := func(who int32, mentors []int32) []string {
		list := slices.Clone(mentors)
		for _, l := range in.locks[who] {
			list = append(list, l.mentor)
		}
		slices.Sort(list)
		return ids(list, func(i int32) string { return in.mentors[i].ID })
	}
	moved := Result{Worst: -1}
	for _, m := range r.Matches {
		who, _ := in.mentee(m.Mentee)
		mentor, _ := in.mentor(m.Mentor)
		if list, ok := after[who]; m.Locked || !ok || slices.Contains(list, mentor) {
			moved.Matches = append(moved.Matches, m)
		}
	}
	var changes []Displaced
	for _, who := range order {
		for _, mentor := range after[who] {
			if !slices.Contains(x.on[who], mentor) {
				code := in.code(who, mentor)
				moved.Matches = append(moved.Matches, Match{Mentee: in.mentees[who].ID, Mentor: in.mentors[mentor].ID, Score: int(scoreOf(code)), Standing: code >= standingFrom})
			}
		}
		d := Displaced{in.mentees[who].ID, names(who, x.on[who]), names(who, after[who])}
		if !slices.Equal(d.Before, d.After) {
			changes = append(changes, d)
		}
	}
	best := map[string]int{}
	for _, m := range moved.Matches {
		best[m.Mentee] = max(best[m.Mentee], m.Score)
	}
	for id, score := range best {
		who, _ := in.mentee(id)
		if in.mentees[who].Has == 0 && (moved.Worst < 0 || score < moved.Worst) {
			moved.Worst = score
		}
	}
	return changes, moved
}

// EditKind is what a coordinator orders about a pair.
type EditKind string

const (
	LockPair   EditKind = "LOCK"   // the pair is matched, whatever it costs
	ForbidPair EditKind = "FORBID" // the pair is not eligible
	SwapPairs  EditKind = "SWAP"   // the mentees of two matched pairs change mentors
)

// Edit is one such order.
type Edit struct {
	Kind EditKind
	Pair Pair
	With Pair // of a swap, the other pair
}

// EditCost is what edits change for the whole, everybody else matched as well as
// can be with them.
type EditCost struct {
	After  *Result // of the problem with the edits
	Terms  []TermChange
	Gone   []Match // pairs of before that are no more, by mentee, then mentor
	Come   []Match
	Broken []string // groups whose floor no matching with the edits keeps
}

// TermChange is what the edits do to one term of the objective. Worst is the
// score itself; Bands is the number of pairs in bands, each pair counted once for
// every band that it is in or below; larger is better in all but Bands and Even.
type TermChange struct {
	Term          Term
	Before, After int64
}

// CostOf solves the problem again with edits, and compares. The problem itself
// stays as it is: Apply gives the one with the edits. An error is an *InputError
// for what cannot be, as of a lock beyond somebody's seats.
func CostOf(ctx context.Context, p *Problem, r *Result, edits []Edit, o Options) (*EditCost, error) {
	edited, err := Apply(p, r, edits)
	if err != nil {
		return nil, err
	}
	if o.Near == nil {
		o.Near = r
	}
	after, err := Solve(ctx, edited, o)
	if err != nil {
		return nil, err
	}
	c := &EditCost{After: after}
	c.Terms = termChanges(r, TermValues(p, r), TermValues(edited, after))
	c.Gone, c.Come = without(r.Matches, after.Matches), without(after.Matches, r.Matches)
	for _, f := range p.Floors {
		if served(edited, after, f.Group) < f.Covered {
			c.Broken = append(c.Broken, f.Group)
		}
	}
	return c, nil
}

// without lists the matches of a whose pair is not in b.
func without(a, b []Match) []Match {
	pairs := make(map[Pair]bool, len(b))
	for _, m := range b {
		pairs[Pair{m.Mentee, m.Mentor}] = true
	}
	var list []Match
	for _, m := range a {
		if !pairs[Pair{m.Mentee, m.Mentor}] {
			list = append(list, m)
		}
	}
	return list
}

// served counts the mentees of a group who have a mentor.
func served(p *Problem, r *Result, group string) int {
	has, n := map[string]bool{}, 0
	for _, m := range r.Matches {
		has[m.Mentee] = true
	}
	for _, m := range p.Mentees {
		if m.Group == group && (has[m.ID] || m.Has > 0) {
			n++
		}
	}
	return n
}

// Apply is the problem with edits. A later edit of a pair takes the place of an
// earlier one, and of what the problem says about the pair.
func Apply(p *Problem, r *Result, edits []Edit) (*Problem, error) {
	edited := *p
	edited.Locks, edited.Forbidden = slices.Clone(p.Locks), slices.Clone(p.Forbidden)
	free := func(pair Pair) {
		is := func(other Pair) bool { return other == pair }
		edited.Locks = slices.DeleteFunc(edited.Locks, is)
		edited.Forbidden = slices.DeleteFunc(edited.Forbidden, is)
	}
	lock := func(pair Pair) { free(pair); edited.Locks = append(edited.Locks, pair) }
	forbid := func(pair Pair) { free(pair); edited.Forbidden = append(edited.Forbidden, pair) }
	for row, e := range edits {
		switch e.Kind {
		case LockPair:
			lock(e.Pair)
		case ForbidPair:
			forbid(e.Pair)
		case SwapPairs:
			for _, pair := range []Pair{e.Pair, e.With} {
				if !slices.ContainsFunc(r.Matches, func(m Match) bool { return m.Mentee == pair.Mentee && m.Mentor == pair.Mentor }) {
					return nil, &InputError{"edits", row, fmt.Sprintf("%q and %q are not matched: only the mentors of two matched pairs can be swapped", pair.Mentee, pair.Mentor)}
				}
			}
			if e.Pair.Mentee == e.With.Mentee || e.Pair.Mentor == e.With.Mentor {
				return nil, &InputError{"edits", row, fmt.Sprintf("the pairs of %q and %q share somebody: there is nothing to swap", e.Pair.Mentee, e.With.Mentee)}
			}
			forbid(e.Pair)
			forbid(e.With)
			lock(Pair{e.Pair.Mentee, e.With.Mentor})
			lock(Pair{e.With.Mentee, e.Pair.Mentor})
		default:
			return nil, &InputError{"edits", row, fmt.Sprintf("%q is no kind of edit: LOCK, FORBID or SWAP", e.Kind)}
		}
	}
	return &edited, nil
}

// TermValues is the value of each term of the problem's objective: numbers of
// mentees for the covers, the score for Worst (−1: of nobody), the sum
// with stickiness for Total, costs for Bands and Even.
func TermValues(p *Problem, r *Result) []int64 {
	objective := p.Objective
	if objective == nil {
		objective = DefaultObjective()
	}
	mentors, load := map[string]int{}, map[string]int{}
	covers, bands, total := [4]int64{}, int64(0), int64(0)
	for _, m := range p.Mentees {
		for n := 1; n <= m.Has && n < len(covers); n++ {
			covers[n]++
		}
		mentors[m.ID] = m.Has
	}
	for _, m := range r.Matches {
		mentors[m.Mentee]++
		load[m.Mentor]++
		if n := mentors[m.Mentee]; n < len(covers) {
			covers[n]++
		}
		total += int64(m.Score)
		if m.Standing {
			total += int64(p.Stickiness)
		}
		for upper := 200; upper <= 800; upper += 200 {
			if m.Score <= upper {
				bands++
			}
		}
	}
	even := int64(0)
	for _, m := range p.Mentors {
		for l := 1; l <= load[m.ID]; l++ {
			even += evenCost(l, m.Seats)
		}
	}
	values := make([]int64, len(objective))
	for k, t := range objective {
		switch t {
		case Cover, Cover2, Cover3:
			values[k] = covers[t-Cover+1]
		case Worst:
			values[k] = int64(r.Worst)
		case Bands:
			values[k] = bands
		case Total:
			values[k] = total
		case Even:
			values[k] = even
		}
	}
	return values
}
