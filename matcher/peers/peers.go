// Package peers introduces the people of a network to each other: in pairs
// (with a trio where somebody would be left out), or in circles.
//
// A round of pairs is a matching in a general graph, and an exact one: as few
// people as possible have no partner, those who have waited longest are the last
// to be without one, and of all such matchings the total score is the greatest.
// Prices of people and of odd groups prove it over all the pairs there are
// (Edmonds, 1965), and package verify checks them. Who has no partner joins a
// pair as the third. Whoever then is left is left by necessity: a set of people
// who can only be introduced to fewer others proves it (Tutte and Berge).
package peers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Limits of a problem.
const (
	MaxMembers = 50_000
	MaxScore   = 1000
)

// Problem is a round of introductions.
type Problem struct {
	// IDs are the members, in ascending order, each once.
	IDs []string
	// Row fills in how good it is to introduce a to each member, 0 to MaxScore; -1:
	// they must not be introduced, because they met before or a rule forbids it.
	// It is symmetric, the same at every call, and called from several goroutines
	// at once. The entry of a itself is ignored.
	Row func(a int, into []int16)
	// Waits say how long each member has waited; nil: all alike.
	Waits []Wait
	Seed  string
}

// Wait is how long somebody has not been introduced to anybody. Longer ones go
// first, by Rounds and then by Skipped.
type Wait struct {
	Rounds  int // since the last introduction
	Skipped int // in all
}

func (w Wait) compare(v Wait) int {
	return cmp.Or(cmp.Compare(w.Rounds, v.Rounds), cmp.Compare(w.Skipped, v.Skipped))
}

// Options say how the work is done; they never change a result that is
// complete.
type Options struct {
	Work     int64 // limit in looks at pairs while matching; 0: none
	Workers  int   // threads; 0: as many as there are
	Progress func(Progress)
}

// Progress is what a run is at.
type Progress struct {
	Step string
	Work int64
}

// Group is a pair or a trio, members in ascending order.
type Group struct {
	Members []int
	// Score is that of the pair; of a trio, that of the pair which took in the
	// third one, Third their scores with the third.
	Score int64
	Third int64
}

// Reason says why somebody was not introduced.
type Reason string

const (
	// Nobody: there is nobody whom the member may be introduced to.
	Nobody Reason = "NOBODY_ALLOWED"
	// TooFew: Rivals are groups who can only be introduced to their own group or to
	// Others; each group needs one of Others, and there are fewer of these.
	TooFew Reason = "TOO_FEW_OTHERS"
	// NotProved: no place was found, and no proof that there is none.
	NotProved Reason = "NOT_PROVED"
)

// Left is somebody who is not introduced.
type Left struct {
	Member int
	Reason Reason
	// Allowed is how many people they might be introduced to.
	Allowed int
	// Rivals, in Parts groups, and Others explain TooFew; the member is one of
	// Rivals. Where several are left for one reason, they share the lists.
	Rivals, Others []int
	Parts          int
}

// Result is a round. It has been checked by package verify.
type Result struct {
	// Status is OPTIMAL if everything is proved: that as few as possible are left
	// out, and that of all pairings that leave out so few, and the longest-waiting
	// last, none has a greater total score. Else it is FEASIBLE.
	Status   matcher.Status
	Complete bool // false: ended by its context
	Groups   []Group
	Left     []Left
	// LeftProved: no introductions in pairs and trios leave out fewer people.
	LeftProved bool
	// Rearranged: pairs were changed so that a trio could take in somebody who
	// would have been left out. The total is not proved greatest then.
	Rearranged bool
	// Total is the score of the pairs; Bound the greatest there can be among
	// pairings as above, or -1 if that is not known.
	Total, Bound int64
	Work         int64
	Known        int // pairs that were looked at, of all there are
	Rounds       int // of looking for missing pairs
	// Proof is what package verify has checked.
	Proof *verify.Introductions
}

// InputError is something wrong with a problem.
type InputError struct{ Field, Message string }

func (e *InputError) Error() string { return e.Field + ": " + e.Message }

func (p *Problem) check() error {
	bad := func(field, format string, args ...any) error {
		return &InputError{field, fmt.Sprintf(format, args...)}
	}
	n := len(p.IDs)
	switch {
	case n < 2:
		return bad("ids", "there have to be 2 members or more, not %d", n)
	case n > MaxMembers:
		return bad("ids", "%d members; at most %d can be handled", n, MaxMembers)
	case p.Waits != nil && len(p.Waits) != n:
		return bad("waits", "there are %d for %d members", len(p.Waits), n)
	}
	for i := 1; i < n; i++ {
		if p.IDs[i-1] >= p.IDs[i] {
			return bad("ids", "%q follows %q: they have to be in ascending order, each once", p.IDs[i], p.IDs[i-1])
		}
	}
	for i, w := range p.Waits {
		if w.Rounds < 0 || w.Skipped < 0 {
			return bad("waits", "that of %q is negative", p.IDs[i])
		}
	}
	return nil
}

// round is one run of Introduce.
type round struct {
	ctx   context.Context
	p     *Problem
	o     Options
	g     *graph
	keys  []uint64
	order []int32 // members as the seed orders them
	rank  []int64 // of the member's wait among all waits, from 0
	fault error   // of the problem
}

func (r *round) stop() bool { return r.ctx.Err() != nil }

func (r *round) tell(step string) {
	if r.o.Progress != nil {
		r.o.Progress(Progress{step, r.g.work})
	}
}

// Introduce finds the introductions of one round. When ctx ends or the work is
// used up, the result holds what was found so far. An error is bad input, or a
// fault of the program.
func Introduce(ctx context.Context, p *Problem, o Options) (*Result, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	r := newRound(ctx, p, o, ranks(p.Waits, len(p.IDs)))
	res := &Result{Status: matcher.Feasible, Bound: -1}
	proved := r.match(res)
	if r.fault != nil {
		return nil, r.fault
	}
	placed := r.thirds()
	for v, m := range r.g.mate {
		if m >= 0 && v < int(m) {
			placed.groups = append(placed.groups, []int32{int32(v), m})
		}
	}
	placed.join()
	claim := &verify.Introductions{Row: p.Row, Members: len(p.IDs), Workers: o.Workers, Stop: r.stop}
	for _, w := range p.Waits {
		claim.Waits = append(claim.Waits, [2]int{w.Rounds, w.Skipped})
	}
	var why *witness
	if len(placed.left) > 0 && !r.stop() {
		r.tell("why somebody is left")
		why = r.explain(placed)
		if why.better != nil {
			placed, res.Rearranged, proved = why.better, true, false
		}
	}
	r.fill(res, placed, why)
	for _, g := range res.Groups {
		claim.Groups = append(claim.Groups, g.Members)
	}
	for _, l := range res.Left {
		claim.Left = append(claim.Left, l.Member)
	}
	if proved {
		r.certify(claim)
	}
	if why != nil && why.proved {
		claim.Only, claim.Odd = why.others, why.parts
	}
	r.tell("check")
	report, err := verify.CheckIntroductions(claim)
	if err != nil {
		return nil, fmt.Errorf("peers: a result was refused: %w", err)
	}
	res.Proof = claim
	res.Complete = !r.stop()
	res.LeftProved = report.LeftProved && res.Complete
	if report.TotalProved && res.Complete {
		res.Bound = res.Total
	}
	if res.LeftProved && res.Bound == res.Total {
		res.Status = matcher.Optimal
	}
	return res, nil
}

func newRound(ctx context.Context, p *Problem, o Options, rank []int64) *round {
	n := len(p.IDs)
	r := &round{ctx: ctx, p: p, o: o, keys: make([]uint64, n), order: make([]int32, n), rank: rank}
	for i, id := range p.IDs {
		r.keys[i] = seedKey(p.Seed, id)
		r.order[i] = int32(i)
	}
	slices.SortFunc(r.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.keys[a], r.keys[b]), cmp.Compare(a, b))
	})
	floor := make([]int64, n)
	for v := range floor {
		floor[v] = -2 * whole(n) * (1 + r.rank[v])
	}
	r.g = newGraph(n, floor)
	r.g.limit = o.Work
	return r
}

// whole is more than all the scores that n people can have together.
func whole(n int) int64 { return int64(n/2)*MaxScore + 1 }

// ranks numbers the waits that occur, the shortest 0.
func ranks(waits []Wait, n int) []int64 {
	rank := make([]int64, n)
	if waits == nil {
		return rank
	}
	sorted := slices.Clone(waits)
	slices.SortFunc(sorted, Wait.compare)
	sorted = slices.Compact(sorted)
	for i, w := range waits {
		at, _ := slices.BinarySearchFunc(sorted, w, Wait.compare)
		rank[i] = int64(at)
	}
	return rank
}

// seedKey is the first 8 bytes, most significant first, of SHA-256(seed ‖ 0x00 ‖
// "member" ‖ 0x00 ‖ id).
func seedKey(seed, id string) uint64 {
	sum := sha256.Sum256([]byte(seed + "\x00member\x00" + id))
	return binary.BigEndian.Uint64(sum[:8])
}

// match finds the pairs, and says whether they are proved best.
func (r *round) match(res *Result) (proved bool) {
	g := r.g
	r.tell("shortlist")
	if !r.shortlist() {
		return false
	}
	g.start(r.order)
	for {
		r.tell("pairs")
		if !g.solve(r.order, r.stop) {
			if !r.stop() {
				r.hurry()
			}
			break
		}
		r.tell("all other pairs")
		found, ok := r.missing()
		if !ok {
			break
		}
		if len(found) == 0 {
			proved = true
			break
		}
		res.Rounds++
		g.learn(found)
	}
	res.Work = g.work
	for v := range g.arcs {
		res.Known += len(g.arcs[v])
	}
	res.Known /= 2
	return proved
}

// hurry pairs who has no partner with the best of those who have none either,
// when there is no more work to be spent.
func (r *round) hurry() {
	row := make([]int16, len(r.p.IDs))
	for _, v := range r.waiting() {
		if r.g.mate[v] >= 0 {
			continue
		}
		r.p.Row(int(v), row)
		best := int32(-1)
		for _, w := range r.order {
			if w != v && r.g.mate[w] < 0 && row[w] >= 0 && (best < 0 || row[w] > row[best]) {
				best = w
			}
		}
		if best >= 0 {
			r.g.mate[v], r.g.mate[best] = best, v
		}
	}
}

// waiting lists those without a partner, the longest-waiting first, then by the
// seed.
func (r *round) waiting() []int32 {
	var list []int32
	for _, v := range r.order {
		if r.g.mate[v] < 0 {
			list = append(list, v)
		}
	}
	slices.SortStableFunc(list, func(a, b int32) int { return cmp.Compare(r.rank[b], r.rank[a]) })
	return list
}

// certify writes down the prices that prove the pairs.
func (r *round) certify(claim *verify.Introductions) {
	g := r.g
	claim.Partner = make([]int, g.n)
	claim.Within = make([]int, g.n)
	claim.Prices = slices.Clone(g.price)
	number := make(map[int32]int)
	var visit func(node int32) int
	visit = func(node int32) int {
		if node < 0 {
			return -1
		}
		if at, ok := number[node]; ok {
			return at
		}
		// What is around comes first.
		up := visit(g.parent[node])
		at := len(claim.Blossoms)
		number[node] = at
		claim.Blossoms = append(claim.Blossoms, verify.PricedGroup{Within: up, Price: g.blossoms[node-int32(g.n)].z})
		return at
	}
	for v := range g.n {
		claim.Partner[v] = int(g.mate[v])
		claim.Within[v] = visit(g.parent[v])
	}
}

// fill writes the groups and who is left into the result.
func (r *round) fill(res *Result, placed *placing, why *witness) {
	row := make([]int16, len(r.p.IDs))
	for _, members := range placed.groups {
		g := Group{}
		for _, v := range members {
			g.Members = append(g.Members, int(v))
		}
		// The first two are the pair, the third came to it.
		r.p.Row(g.Members[0], row)
		g.Score = int64(row[g.Members[1]])
		if len(members) == 3 {
			g.Third = int64(row[g.Members[2]])
			r.p.Row(g.Members[1], row)
			g.Third += int64(row[g.Members[2]])
		}
		res.Total += g.Score
		slices.Sort(g.Members)
		res.Groups = append(res.Groups, g)
	}
	slices.SortFunc(res.Groups, func(a, b Group) int { return cmp.Compare(a.Members[0], b.Members[0]) })
	slices.SortFunc(placed.left, func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.rank[b], r.rank[a]), cmp.Compare(a, b))
	})
	for _, v := range placed.left {
		l := Left{Member: int(v), Reason: NotProved}
		r.p.Row(int(v), row)
		for b, s := range row {
			if s >= 0 && b != int(v) {
				l.Allowed++
			}
		}
		if l.Allowed == 0 {
			l.Reason = Nobody
		} else if why != nil && why.proved {
			c := why.about[int(v)]
			l.Reason, l.Rivals, l.Others, l.Parts = TooFew, c.rivals, c.others, c.parts
		}
		res.Left = append(res.Left, l)
	}
}
