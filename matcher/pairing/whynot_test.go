package pairing_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// program invents a problem with everything in it: demand up to 3, mentors from
// before, seats up to 3, people left over, locks, forbidden and standing pairs, floors.
func program(rng *rand.Rand, n, m int, objective []pairing.Term) *pairing.Problem {
	p := &pairing.Problem{Seed: fmt.Sprint(rng.Int()), Objective: objective}
	for j := range n {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%02d", j), Demand: rng.IntN(3) + min(1, rng.IntN(6)), Waiting: rng.IntN(9) == 0, Group: []string{"", "a", "b"}[rng.IntN(3)]})
	}
	for i := range m {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("o%02d", i), Seats: rng.IntN(4)})
	}
	scores, density, top := make(pairing.Dense, n*m), rng.Float64(), []int{3, 50, 1000}[rng.IntN(3)]
	pair := func(k int) pairing.Pair { return pairing.Pair{Mentee: p.Mentees[k/m].ID, Mentor: p.Mentors[k%m].ID} }
	for k := range scores {
		scores[k] = pairing.NotEligible
		if rng.Float64() < density {
			scores[k] = int16(rng.IntN(top + 1))
		}
	}
	p.Scores = scores
	if rng.IntN(3) > 0 {
		return p
	}
	p.Stickiness = rng.IntN(top)
	for _, group := range []string{"a", "b"} {
		if slices.ContainsFunc(p.Mentees, func(m pairing.Mentee) bool { return m.Group == group }) {
			p.Floors = append(p.Floors, pairing.Floor{Group: group, Covered: rng.IntN(2)})
		}
	}
	for k, s := range scores {
		switch rng.IntN(20) {
		case 0:
			p.Forbidden = append(p.Forbidden, pair(k))
		case 1:
			p.Standing = append(p.Standing, pair(k))
		case 2:
			if s >= 0 && len(p.Locks) == 0 && p.Mentees[k/m].Demand > 0 && p.Mentors[k%m].Seats > 0 {
				p.Locks = append(p.Locks, pair(k))
			}
		}
	}
	for j := range p.Mentees {
		p.Mentees[j].Has = max(0, rng.IntN(6)-3)
	}
	return p
}

// The programs that are invented have up to so many people.
func mostMentees() int { return sizeOf(14, 50) }
func mostMentors() int { return sizeOf(9, 30) }

func sizeOf(few, many int) int {
	if soak {
		return many
	}
	return few
}

// objectives are tried in turn.
func objectives(t testing.TB) [][]pairing.Term {
	var all [][]pairing.Term
	for _, words := range []string{
		"cover,total", "cover,cover2,cover3,worst,total,even", "total,even", "cover,bands,total", "cover,cover2,total",
		"cover,worst,total", "even,cover,total", "bands,cover,cover2,total,even", "cover,cover2,worst,even,total", "total",
	} {
		terms, err := pairing.ParseObjective(words)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, terms)
	}
	return all
}

// What forcing a pair costs, and who is displaced, is exactly what solving again
// with the pair locked gives, and never less than the bound.
func TestWhyNotIsExact(t *testing.T) {
	const seed = 2
	pairs := 600
	if soak {
		pairs = 20_000
	}
	forced, equal, moved, impossible, declined := 0, 0, 0, 0, 0
	all := objectives(t)
	for n := 0; forced < pairs; n++ {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		p := program(rng, 1+rng.IntN(mostMentees()), 1+rng.IntN(mostMentors()), all[n%len(all)])
		r := mustSolve(t, p)
		if r.Status != pairing.Optimal { // no matching keeps the floors
			continue
		}
		name := fmt.Sprintf("problem %d of seed %d, %v", n, seed, p.Objective)
		// A result after a decline is explained like any other.
		if k := rng.IntN(3 * (len(r.Matches) + 1)); k < len(r.Matches) && !r.Matches[k].Locked {
			m := pairing.Pair{Mentee: r.Matches[k].Mentee, Mentor: r.Matches[k].Mentor}
			next, err := r.Decline(context.Background(), m, pairing.Options{})
			if err != nil {
				t.Fatal(name, err)
			}
			q := *p
			q.Forbidden = append(slices.Clone(p.Forbidden), m)
			if p, r = &q, next; r.Status != pairing.Optimal {
				continue
			}
			declined++
		}
		stored, err := r.Record(context.Background(), "test")
		if err != nil {
			t.Fatal(name, err)
		}
		for range 6 {
			pair := pairing.Pair{Mentee: p.Mentees[rng.IntN(len(p.Mentees))].ID, Mentor: p.Mentors[rng.IntN(len(p.Mentors))].ID}
			w, err := pairing.WhyNot(context.Background(), r, pair)
			if err != nil {
				t.Fatal(name, err)
			}
			if w.Matched {
				continue
			}
			if w.Score == pairing.NotEligible && pairing.RecordBound(stored, pair, w.Score) != nil {
				t.Fatalf("%s: %v: a bound for who is not eligible", name, pair)
			}
			q := *p
			q.Locks = append(slices.Clone(p.Locks), pair)
			again, err := pairing.Solve(context.Background(), &q, pairing.Options{})
			if (err == nil) != w.Possible {
				t.Fatalf("%s: %v possible %v, solving again says %v", name, pair, w.Possible, err)
			}
			if !w.Possible {
				impossible++
				continue
			}
			forced++
			if slices.CompareFunc(w.Bound, w.Loss, func(a, b pairing.Value) int { return int(a.Value - b.Value) }) > 0 {
				t.Fatalf("%s: %v: the bound %v is above the loss %v", name, pair, w.Bound, w.Loss)
			}
			if slices.Equal(w.Bound, w.Loss) {
				equal++
			}
			if got := pairing.RecordBound(stored, pair, w.Score); len(got) != len(w.Bound)-1 || !slices.Equal(got, w.Bound[:len(got)]) {
				t.Fatalf("%s: %v: the record bounds the loss by %v, the result by %v", name, pair, got, w.Bound)
			}
			if w.BarMoves {
				moved++
				continue
			}
			for k, v := range w.Loss {
				if v.Tier != again.Values[k].Tier || r.Values[k].Value-v.Value != again.Values[k].Value {
					t.Fatalf("%s: %v: tier %v loses %d, and solving again goes from %d to %d", name, pair, v.Tier, v.Value, r.Values[k].Value, again.Values[k].Value)
				}
			}
			values := pairing.TermValues(&q, again)
			for k, c := range w.Terms {
				if c.Term != p.Objective[k] || c.After != values[k] || c.Before != pairing.TermValues(p, r)[k] {
					t.Fatalf("%s: %v: %+v, and solving again gives %v", name, pair, w.Terms, values)
				}
			}
			if got, want := applied(r, w), mentors(again); !mapsEqual(got, want) {
				t.Fatalf("%s: %v: displaced %v, solving again gives %v", name, pair, got, want)
			}
		}
	}
	if moved == 0 || impossible == 0 || equal == forced || declined < 20 {
		t.Errorf("too little was tried: %d times the bar moves, %d impossible, bound and loss equal %d of %d", moved, impossible, equal, forced)
	}
	t.Logf("figure: %d forced pairs against solving again: 0 wrong, bound equal to the loss in %d, the bar moves in %d", forced, equal, moved)
}

// Alternatives are those of all mentors with whom the least is lost.
func TestAlternatives(t *testing.T) {
	found := 0
	programs(t, 13, objectives(t), func(name string, rng *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		mentee, most := p.Mentees[rng.IntN(len(p.Mentees))].ID, rng.IntN(5)
		var want []*pairing.Forced
		for _, m := range p.Mentors {
			w, err := pairing.WhyNot(context.Background(), r, pairing.Pair{Mentee: mentee, Mentor: m.ID})
			if err != nil {
				t.Fatal(err)
			}
			if w.Possible && !w.Matched {
				want = append(want, w)
			}
		}
		slices.SortFunc(want, func(a, b *pairing.Forced) int {
			return slices.CompareFunc(a.Loss, b.Loss, func(a, b pairing.Value) int { return cmp.Compare(a.Value, b.Value) })
		})
		got, err := pairing.Alternatives(context.Background(), r, mentee, most)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want[:min(most, len(want))], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		found += len(got)
	})
	if found < 100 {
		t.Errorf("too little was tried: %d alternatives", found)
	}
}

// mentors are by mentee the mentors of a result.
func mentors(r *pairing.Result) map[string][]string {
	of := map[string][]string{}
	for _, m := range r.Matches {
		of[m.Mentee] = append(of[m.Mentee], m.Mentor)
	}
	return of
}

// applied are the mentors after a pair was forced.
func applied(r *pairing.Result, w *pairing.Forced) map[string][]string {
	of := mentors(r)
	for _, d := range w.Displaced {
		of[d.Mentee] = d.After
	}
	return of
}

func mapsEqual(a, b map[string][]string) bool {
	for _, side := range [][2]map[string][]string{{a, b}, {b, a}} {
		for who, list := range side[0] {
			if !slices.Equal(list, side[1][who]) {
				return false
			}
		}
	}
	return true
}
