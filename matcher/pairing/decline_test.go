package pairing_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// A declined pair leaves what solving anew without it finds, and the proof holds.
func TestDecline(t *testing.T) {
	count := 60
	if soak {
		count = 1500
	}
	objectives := []string{"cover,cover2,cover3,worst,total,even", "cover,total,even", "cover,worst,cover2,total", "total,even", "cover,bands,total", "cover,cover2,even,worst,total"}
	declines, locked := 0, 0
	for n := range count {
		r := rand.New(rand.NewPCG(uint64(n), 17))
		p := small(r, 30, 400)
		if n%2 == 1 {
			directed(r, p)
			p.Floors = nil
		}
		var err error
		if p.Objective, err = pairing.ParseObjective(objectives[n%len(objectives)]); err != nil {
			t.Fatal(err)
		}
		res, err := pairing.Solve(t.Context(), p, pairing.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if len(res.Matches) == 0 {
				break
			}
			m := res.Matches[r.IntN(len(res.Matches))]
			pair := pairing.Pair{Mentee: m.Mentee, Mentor: m.Mentor}
			next, err := res.Decline(t.Context(), pair, pairing.Options{})
			if m.Locked {
				locked++
				var input *pairing.InputError
				if !errors.As(err, &input) {
					t.Fatalf("problem %d: a locked pair can be declined: %v", n, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("problem %d: %v", n, err)
			}
			declines++
			q := *p
			q.Forbidden = append(slices.Clone(p.Forbidden), pair)
			p = &q
			fresh, err := pairing.Solve(t.Context(), p, pairing.Lists(6, 0))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(next.Matches, fresh.Matches) || !slices.Equal(next.Values, fresh.Values) {
				t.Fatalf("problem %d, %v: after a decline %v %v, and solved anew %v %v", n, p.Objective, next.Matches, next.Values, fresh.Matches, fresh.Values)
			}
			certified(t, fmt.Sprintf("problem %d after a decline", n), p, next)
			res = next
		}
	}
	if declines < count || locked == 0 {
		t.Errorf("only %d declines, %d of locked pairs", declines, locked)
	}
	t.Logf("figure: %d declines one after the other: the pairs of a fresh solve, and certified", declines)
}

// Where a result of nearly the same problem is there to start from, the result is
// that of solving anew, and the proof holds.
func TestNear(t *testing.T) {
	problems := 150
	if soak {
		problems = 1500
	}
	all, started := objectives(t), 0
	for n := range problems {
		rng := rand.New(rand.NewPCG(uint64(n), 23))
		p := program(rng, 1+rng.IntN(mostMentees()), 1+rng.IntN(mostMentors()), all[n%len(all)])
		near := mustSolve(t, p)
		for range 3 {
			edit := pairing.Edit{Kind: pairing.LockPair, Pair: pairing.Pair{Mentee: p.Mentees[rng.IntN(len(p.Mentees))].ID, Mentor: p.Mentors[rng.IntN(len(p.Mentors))].ID}}
			if rng.IntN(2) == 0 {
				edit.Kind = pairing.ForbidPair
			}
			edited, err := pairing.Apply(p, near, []pairing.Edit{edit})
			if err != nil {
				t.Fatal(err)
			}
			if rng.IntN(4) == 0 { // other seats too
				edited.Mentors = slices.Clone(edited.Mentors)
				edited.Mentors[rng.IntN(len(edited.Mentors))].Seats++
			}
			anew, err := pairing.Solve(t.Context(), edited, pairing.Options{})
			if err != nil { // of a pair that cannot be locked
				continue
			}
			o := pairing.Options{Near: near}
			if rng.IntN(2) == 0 {
				o = pairing.Lists(4, 0)
				o.Near = near
			}
			found, err := pairing.Solve(t.Context(), edited, o)
			if err != nil {
				t.Fatal(err)
			}
			if found.Status != anew.Status || !slices.Equal(found.Matches, anew.Matches) || !slices.Equal(found.Values, anew.Values) {
				t.Fatalf("problem %d, %v, %v: near it %v %v %v, anew %v %v %v", n, p.Objective, edit, found.Status, found.Matches, found.Values, anew.Status, anew.Matches, anew.Values)
			}
			certified(t, fmt.Sprintf("problem %d, near another one", n), edited, found)
			near, p = found, edited
			started++
		}
	}
	if started < problems {
		t.Errorf("only %d results to start from", started)
	}
	t.Logf("figure: %d solves that start from a result nearby: the pairs of a fresh solve, and certified", started)
}
