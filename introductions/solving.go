package introductions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// input is a frozen input as the engine reads it.
type input struct {
	*frozen
	present  []int // places in People of those who were not erased; the engine's numbers are places in this
	place    []int // of a place in People: the engine's number, or -1
	people   []matcher.Person
	rules    peers.Rules
	profiles *peers.Profiles
	met      map[frozenPair]bool // of the engine's numbers
	never    map[frozenPair]bool
}

// neverAttribute keeps apart in circles whom a wish keeps apart: no column can
// have this name.
const neverAttribute = "\x00never"

func (f *frozen) read() (*input, error) {
	in := &input{frozen: f, place: make([]int, len(f.People)), met: map[frozenPair]bool{}, never: map[frozenPair]bool{}}
	in.rules = peers.Rules{Different: slices.Clone(f.Different), Spread: f.Spread}
	for _, p := range f.Points {
		in.rules.Points = append(in.rules.Points, peers.Points{Attribute: p.Attribute, Points: p.Points, Unlike: p.Unlike})
	}
	for i, p := range f.People {
		if in.place[i] = -1; p.Erased {
			continue
		}
		in.place[i] = len(in.present)
		in.present = append(in.present, i)
		person := matcher.Person{ID: p.Code, Values: make(map[string][]string, len(p.Profile)+1)}
		for column, cell := range p.Profile {
			person.Values[column] = values(cell)
		}
		in.people = append(in.people, person)
	}
	if len(in.people) < 2 {
		return nil, problem.Errorf(problem.FailedPrecondition, "TOO_FEW_MEMBERS", "fewer than two members take part: the others have paused, rest, have not agreed, or have an introduction to answer")
	}
	var met []peers.Met
	take := func(pairs []frozenPair, into map[frozenPair]bool) {
		for _, p := range pairs {
			a, b := in.place[p[0]], in.place[p[1]]
			if a >= 0 && b >= 0 {
				into[frozenPair{a, b}] = true
				met = append(met, peers.Met{in.people[a].ID, in.people[b].ID})
			}
		}
	}
	take(f.Met, in.met)
	take(f.Never, in.never)
	if !in.pairs() && len(in.never) > 0 {
		in.rules.Different = append(in.rules.Different, neverAttribute)
		for i, p := range inOrder(slices.Collect(maps.Keys(in.never))) {
			for _, a := range p {
				in.people[a].Values[neverAttribute] = append(in.people[a].Values[neverAttribute], fmt.Sprint(i))
			}
		}
	}
	var err error
	if in.profiles, err = peers.NewProfiles(in.people, met, in.rules); err != nil {
		return nil, told(err)
	}
	return in, nil
}

func (f *frozen) pairs() bool { return f.Max == 2 }

// told is bad input in words for people; anything else is a fault.
func told(err error) error {
	var bad *peers.InputError
	if !errors.As(err, &bad) {
		return &leased.Fault{Err: err}
	}
	reason := map[string]string{"points": "POINTS_TOO_MANY", "size": "CIRCLES_IMPOSSIBLE", "ids": "TOO_MANY_MEMBERS"}[bad.Field]
	if reason == "" {
		reason = "ROUND_IMPOSSIBLE"
	}
	return problem.Errorf(problem.FailedPrecondition, reason, "these members cannot be put together like this: %s", bad.Message)
}

// solve puts everybody together, and checks it.
func (in *input) solve(ctx context.Context, work int64, progress func(peers.Progress)) (*Result, error) {
	o := peers.Options{Work: work, Progress: progress}
	engine := in.makeCircles
	if in.pairs() {
		engine = in.makePairs
	}
	r, err := engine(ctx, o)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	r.Absent = in.Absent
	return r, in.recount(r)
}

func (in *input) makePairs(ctx context.Context, o peers.Options) (*Result, error) {
	waits := make([]peers.Wait, len(in.people))
	for i, at := range in.present {
		waits[i] = peers.Wait{Rounds: in.People[at].Waited, Skipped: in.People[at].Skipped}
	}
	got, err := peers.Introduce(ctx, &peers.Problem{IDs: in.profiles.IDs, Row: in.profiles.Row, Waits: waits, Seed: in.Seed}, o)
	if err != nil {
		return nil, told(err)
	}
	r := &Result{
		Status: string(got.Status), LeftProved: got.LeftProved, Total: got.Total,
		TotalProved: got.Bound >= 0 && got.Bound == got.Total && !got.Rearranged,
	}
	for _, g := range got.Groups {
		group := in.group(g.Members)
		group.Score, group.Third = int(g.Score), int(g.Third)
		r.Groups = append(r.Groups, group)
	}
	for _, l := range got.Left {
		left := in.left(l.Member, LeftReason(l.Reason))
		if l.Reason == peers.TooFew {
			left.Rivals, left.Parts, left.Others = len(l.Rivals), l.Parts, len(l.Others)
		}
		r.Left = append(r.Left, left)
	}
	return r, nil
}

// makeCircles divides everybody. Where two share a circle of whom one never wants
// to meet the other, it tries again; what is left of that in the end is taken out.
func (in *input) makeCircles(ctx context.Context, o peers.Options) (*Result, error) {
	const tries = 4
	var best *peers.Circles
	broken := 0
	for n := range tries {
		seed := in.Seed
		if n > 0 {
			seed = fmt.Sprintf("%s\x00%d", in.Seed, n)
		}
		got, err := peers.MakeCircles(ctx, in.profiles, peers.CircleOptions{Options: o, Min: in.Min, Max: in.Max, Seed: seed})
		if err != nil {
			return nil, told(err)
		}
		bad := 0
		for _, g := range got.Groups {
			bad += len(in.within(g.Members, in.never))
		}
		if best == nil || bad < broken {
			best, broken = got, bad
		}
		if broken == 0 || ctx.Err() != nil {
			break
		}
	}
	r := &Result{Status: string(best.Status), LeftProved: broken == 0}
	if broken > 0 {
		r.Status = string(matcher.Feasible)
	}
	for _, g := range best.Groups {
		members, out := in.apart(g.Members)
		for _, a := range out {
			r.Left = append(r.Left, in.left(a, NoCircle))
		}
		if len(members) < in.Min {
			for _, a := range members {
				r.Left = append(r.Left, in.left(a, NoCircle))
			}
			continue
		}
		group := in.group(members)
		group.Clashes, group.Repeats = in.clashes(members), len(in.within(members, in.met))
		r.Groups = append(r.Groups, group)
	}
	slices.SortStableFunc(r.Left, func(a, b Left) int { return compareWaits(b, a) })
	return r, nil
}

func compareWaits(a, b Left) int {
	return slices.Compare([]int{a.Waited, a.Skipped}, []int{b.Waited, b.Skipped})
}

// within are the pairs of some that two of a group are.
func (in *input) within(members []int, some map[frozenPair]bool) []frozenPair {
	var all []frozenPair
	for i, a := range members {
		for _, b := range members[i+1:] {
			if p := pairOf(a, b); some[p] {
				all = append(all, p)
			}
		}
	}
	return all
}

// apart takes people out of a circle until no wish is broken in it: those with
// the most such pairs first, of these who waited less, of these the later code.
func (in *input) apart(members []int) (kept, out []int) {
	kept = slices.Clone(members)
	for {
		pairs := in.within(kept, in.never)
		if len(pairs) == 0 {
			return kept, out
		}
		count := map[int]int{}
		for _, p := range pairs {
			count[p[0]]++
			count[p[1]]++
		}
		worst := -1
		for _, a := range kept {
			if count[a] == 0 {
				continue
			}
			if worst < 0 || count[a] > count[worst] || count[a] == count[worst] && in.People[in.present[a]].Waited <= in.People[in.present[worst]].Waited {
				worst = a
			}
		}
		kept = slices.DeleteFunc(kept, func(a int) bool { return a == worst })
		out = append(out, worst)
	}
}

// share reports whether two share a value of a column that keeps them apart.
func (in *input) share(a, b int) bool {
	return slices.ContainsFunc(in.Different, func(column string) bool {
		mine := in.people[a].Values[column]
		return slices.ContainsFunc(in.people[b].Values[column], func(v string) bool { return slices.Contains(mine, v) })
	})
}

func (in *input) clashes(members []int) (n int) {
	for i, a := range members {
		for _, b := range members[i+1:] {
			if in.share(a, b) {
				n++
			}
		}
	}
	return n
}

// group is people by the engine's numbers, which ascend as their codes do.
func (in *input) group(members []int) Group {
	members = slices.Sorted(slices.Values(members))
	var g Group
	for _, a := range members {
		p := in.People[in.present[a]]
		g.Members, g.Codes = append(g.Members, p.ID), append(g.Codes, p.Code)
	}
	return g
}

func (in *input) left(a int, why LeftReason) Left {
	p := in.People[in.present[a]]
	return Left{Member: p.ID, Code: p.Code, Reason: why, Waited: p.Waited, Skipped: p.Skipped}
}

// recount checks a result straight from the input: it trusts no solver. The
// proofs were checked by package verify, over all pairs.
func (in *input) recount(r *Result) error {
	at := make(map[string]int, len(in.present))
	for a, place := range in.present {
		at[in.People[place].ID] = a
	}
	seen := make([]bool, len(in.present))
	put := func(id string) (int, error) {
		a, ok := at[id]
		if !ok || seen[a] {
			return 0, &leased.Fault{Err: errors.New("the result names somebody who is not in the input, or twice")}
		}
		seen[a] = true
		return a, nil
	}
	for _, g := range r.Groups {
		var members []int
		for _, id := range g.Members {
			a, err := put(id)
			if err != nil {
				return err
			}
			members = append(members, a)
		}
		lo, hi := in.Min, in.Max
		if in.pairs() {
			hi = 3
		}
		switch {
		case len(members) < lo || len(members) > hi:
			return &leased.Fault{Err: fmt.Errorf("a group has %d members", len(members))}
		case len(in.within(members, in.never)) > 0:
			return &leased.Fault{Err: errors.New("a group breaks a wish")}
		case in.pairs() && len(in.within(members, in.met)) > 0:
			return &leased.Fault{Err: errors.New("two are introduced again")}
		case in.pairs() && in.clashes(members) > 0:
			return &leased.Fault{Err: errors.New("two are introduced whom a rule keeps apart")}
		}
	}
	for _, l := range r.Left {
		if _, err := put(l.Member); err != nil {
			return err
		}
	}
	if slices.Contains(seen, false) {
		return &leased.Fault{Err: errors.New("somebody is in no group and not left")}
	}
	return nil
}
