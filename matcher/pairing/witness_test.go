package pairing_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// masks are hard rules by table: mentee by mentee, mentor by mentor.
type masks struct {
	mentors int
	blocked []uint64
}

func (m masks) Blocked(j int, into []uint64) { copy(into, m.blocked[j*m.mentors:][:m.mentors]) }

// smallProblem invents a problem that can be solved by trying everything, with
// hard rules that explain most of the pairs that are not eligible.
func smallProblem(rng *rand.Rand) (*pairing.Problem, pairing.HardRules) {
	n, m := 1+rng.IntN(7), 1+rng.IntN(5)
	p := &pairing.Problem{Seed: "s", Objective: []pairing.Term{pairing.Cover, pairing.Total}}
	for j := range n {
		p.Mentees = append(p.Mentees, pairing.Mentee{ID: fmt.Sprintf("e%d", j), Demand: min(1, rng.IntN(8)) + rng.IntN(2), Has: max(0, rng.IntN(8)-6)})
	}
	for i := range m {
		p.Mentors = append(p.Mentors, pairing.Mentor{ID: fmt.Sprintf("o%d", i), Seats: rng.IntN(3)})
	}
	h := pairing.HardRules{Names: []string{"language", "county", "power"}}
	scores, blocked := make(pairing.Dense, n*m), make([]uint64, n*m)
	density := rng.Float64()
	for k := range scores {
		scores[k] = int16(rng.IntN(1001))
		if rng.Float64() > density {
			scores[k] = pairing.NotEligible
			if rng.IntN(6) > 0 {
				blocked[k] = 1 + uint64(rng.IntN(7))
			}
		} else if rng.IntN(12) == 0 {
			p.Forbidden = append(p.Forbidden, pairing.Pair{Mentee: p.Mentees[k/m].ID, Mentor: p.Mentors[k%m].ID})
		}
	}
	p.Scores, h.Rows = scores, masks{m, blocked}
	rng.Shuffle(m, func(a, b int) { // any order, the scores with it
		p.Mentors[a], p.Mentors[b] = p.Mentors[b], p.Mentors[a]
		for j := range n {
			scores[j*m+a], scores[j*m+b] = scores[j*m+b], scores[j*m+a]
			blocked[j*m+a], blocked[j*m+b] = blocked[j*m+b], blocked[j*m+a]
		}
	})
	return p, h
}

// eligible is by mentee the mentors who may have a seat for them.
func eligible(p *pairing.Problem, also func(j, i int) bool) [][]int {
	out, row := make([][]int, len(p.Mentees)), make([]int16, len(p.Mentors))
	for j := range p.Mentees {
		p.Scores.Row(j, row)
		for i, s := range row {
			forbidden := slices.Contains(p.Forbidden, pairing.Pair{Mentee: p.Mentees[j].ID, Mentor: p.Mentors[i].ID})
			if s >= 0 && !forbidden || also != nil && also(j, i) {
				out[j] = append(out[j], i)
			}
		}
	}
	return out
}

// most is how many of the mentees can sit, one seat each, by trying everything.
func most(p *pairing.Problem, who []int, eligible [][]int) int {
	seats := make([]int, len(p.Mentors))
	for i, m := range p.Mentors {
		seats[i] = m.Seats
	}
	var try func(k int) int
	try = func(k int) int {
		if k == len(who) {
			return 0
		}
		best := try(k + 1)
		for _, i := range eligible[who[k]] {
			if seats[i] > 0 {
				seats[i]--
				best = max(best, 1+try(k+1))
				seats[i]++
			}
		}
		return best
	}
	return try(0)
}

func mustSolve(t testing.TB, p *pairing.Problem) *pairing.Result {
	t.Helper()
	r, err := pairing.Solve(context.Background(), p, pairing.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// unserved are the mentees who want a mentor and have none, by place: nor one from
// before.
func unserved(p *pairing.Problem, r *pairing.Result) []int {
	var left []int
	for j, m := range p.Mentees {
		if m.Demand > 0 && m.Has == 0 && !slices.ContainsFunc(r.Matches, func(x pairing.Match) bool { return x.Mentee == m.ID }) {
			left = append(left, j)
		}
	}
	return left
}

// Everybody who is left out has a witness that holds when it is counted again,
// and the witnesses account for exactly as many as have to go without.
func TestWitnesses(t *testing.T) {
	const seed = 1
	reasons := map[pairing.Reason]int{}
	smaller, caused := 0, 0
	problems := 1000
	if soak {
		problems = 30_000
	}
	for n := range problems {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		p, h := smallProblem(rng)
		r := mustSolve(t, p)
		why, err := pairing.WhyUnmatched(context.Background(), p, r, &h)
		if err != nil {
			t.Fatal(err)
		}
		left := unserved(p, r)
		if len(why) != len(left) {
			t.Fatalf("instance %d of seed %d: %d are left out and %d have a reason", n, seed, len(left), len(why))
		}
		all := eligible(p, nil)
		short := map[*pairing.Witness]int{}
		for _, u := range why {
			reasons[u.Reason]++
			if u.Witness == nil {
				t.Fatalf("instance %d of seed %d: %s has no witness: %s", n, seed, u.Mentee, u.Reason)
			}
			short[u.Witness]++
			for _, w := range []*pairing.Witness{u.Witness, u.Near} {
				if w == nil {
					continue
				}
				if err := w.Check(p, r); err != nil || !slices.Contains(w.Mentees, u.Mentee) {
					t.Fatalf("instance %d of seed %d: %s: %v", n, seed, u.Mentee, err)
				}
			}
			least := leastMentors(p, all, u.Mentee)
			got := len(u.Witness.Mentors)
			if u.Near != nil {
				smaller++
				got = len(u.Near.Mentors)
			}
			if u.Reason == pairing.TooFewSeats && got != least {
				t.Fatalf("instance %d of seed %d: %s has a witness of %d mentors, found one of %d", n, seed, u.Mentee, least, got)
			}
		}
		for w, k := range short {
			if w.Short() != k {
				t.Fatalf("instance %d of seed %d: %v leaves %d out, and %d are", n, seed, w, w.Short(), k)
			}
			if w.Cause() != "" {
				caused++
			}
			checkRules(t, fmt.Sprintf("instance %d of seed %d", n, seed), p, h, r, w)
		}
	}
	if smaller < 20 || caused < 100 || len(reasons) != 3 {
		t.Errorf("too little was tried: %d smaller witnesses, %d causes, reasons %v", smaller, caused, reasons)
	}
	t.Logf("figure: witnesses of %v, %d of them smaller, %d caused by one rule", reasons, smaller, caused)
}

// leastMentors is the size of the smallest set of mentors that proves by itself
// that not everybody like the mentee can be served.
func leastMentors(p *pairing.Problem, eligible [][]int, id string) int {
	least := len(p.Mentors) + 1
	for set := range 1 << len(p.Mentors) {
		seats, size, fits := 0, 0, false
		for i, m := range p.Mentors {
			if set>>i&1 > 0 {
				seats += m.Seats
				size++
			}
		}
		depend := 0
		for j, m := range p.Mentees {
			inside := m.Demand > 0 && m.Has == 0 && slices.ContainsFunc(eligible[j], func(i int) bool { return p.Mentors[i].Seats > 0 })
			for _, i := range eligible[j] {
				inside = inside && (set>>i&1 > 0 || p.Mentors[i].Seats == 0)
			}
			if inside {
				depend++
				fits = fits || m.ID == id
			}
		}
		if fits && depend > seats {
			least = min(least, size)
		}
	}
	return least
}

// checkRules compares what a witness says of the rules with trying everything.
func checkRules(t *testing.T, name string, p *pairing.Problem, h pairing.HardRules, r *pairing.Result, w *pairing.Witness) {
	t.Helper()
	var covered, block []int
	for j, m := range p.Mentees {
		if m.Has > 0 {
			continue // whatever they get, nobody goes without for it
		}
		if slices.ContainsFunc(r.Matches, func(x pairing.Match) bool { return x.Mentee == m.ID }) {
			covered = append(covered, j)
		} else if slices.Contains(w.Mentees, m.ID) {
			block = append(block, j)
		}
	}
	blocked := h.Rows.(masks).blocked
	serves := func(open [][]int) int {
		best := 0
		for set := range 1 << len(block) { // whoever is covered stays so
			who := slices.Clone(covered)
			for k, j := range block {
				if set>>k&1 > 0 {
					who = append(who, j)
				}
			}
			if most(p, who, open) == len(who) {
				best = max(best, len(who)-len(covered))
			}
		}
		return best
	}
	forbidden := func(j, i int) bool {
		return slices.Contains(p.Forbidden, pairing.Pair{Mentee: p.Mentees[j].ID, Mentor: p.Mentors[i].ID})
	}
	for k, rule := range append(slices.Clone(h.Names), pairing.ForbiddenPairs) {
		lifts := func(j, i int) bool {
			if rule == pairing.ForbiddenPairs {
				return forbidden(j, i)
			}
			return !forbidden(j, i) && blocked[j*len(p.Mentors)+i] == 1<<k
		}
		want := serves(eligible(p, lifts))
		got := 0
		for _, e := range w.Rules {
			if e.Rule == rule {
				got = e.Serves
			}
		}
		if got != want {
			t.Fatalf("%s: without %s %d more of %v could be served, not %d", name, rule, want, w.Mentees, got)
		}
	}
	want := serves(eligible(p, func(j, i int) bool { return forbidden(j, i) || blocked[j*len(p.Mentors)+i] > 0 }))
	if w.WithoutRules != want {
		t.Fatalf("%s: without all rules %d more of %v could be served, not %d", name, want, w.Mentees, w.WithoutRules)
	}
}

// With locks, floors, people left over and several mentors each, everybody left
// out has a witness that holds, unless the objective ranks something above
// serving them: then solving for coverage serves more.
func TestWitnessesOfPrograms(t *testing.T) {
	reasons := map[pairing.Reason]int{}
	locked := 0
	programs(t, 12, objectives(t), func(name string, _ *rand.Rand, p *pairing.Problem, r *pairing.Result) {
		why, err := pairing.WhyUnmatched(context.Background(), p, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if left := unserved(p, r); len(left) != len(why) {
			t.Fatalf("%s: %d are left out and %d have a reason", name, len(left), len(why))
		}
		q := *p
		q.Objective = []pairing.Term{pairing.Cover}
		most := mustSolve(t, &q).Covered
		short := map[*pairing.Witness]int{}
		for _, u := range why {
			reasons[u.Reason]++
			if w := u.Witness; w == nil {
				if u.Reason != pairing.OtherTermsFirst {
					t.Fatalf("%s: %s has no witness: %s", name, u.Mentee, u.Reason)
				}
			} else if err := w.Check(p, r); err != nil || !slices.Contains(w.Mentees, u.Mentee) {
				t.Fatalf("%s: %s: %v", name, u.Mentee, err)
			} else {
				short[w]++
				locked += w.Locked
			}
		}
		spared := 0 // whoever could have a mentor
		for _, u := range why {
			if u.Reason == pairing.OtherTermsFirst {
				spared++
			} else if u.Witness.Short() != short[u.Witness] {
				t.Fatalf("%s: %v leaves %d out, and %d are", name, u.Witness, u.Witness.Short(), short[u.Witness])
			}
		}
		if (spared > 0) != (most > r.Covered) || spared < most-r.Covered {
			t.Fatalf("%s: %d could be covered instead of %d, and %d are told so", name, most, r.Covered, spared)
		}
	})
	if locked == 0 || len(reasons) != 4 {
		t.Errorf("too little was tried: %v, %d locked seats", reasons, locked)
	}
}

// 35 of the 50 mentees of a published program can be covered, because 32 of them
// see only 17 mentors.
func TestReferenceWitness(t *testing.T) {
	p := readScores(t, "jonodrew_small_scores.csv")
	uniform(p, 1, 1, "cover,total")
	r := mustSolve(t, p)
	why, err := pairing.WhyUnmatched(t.Context(), p, r, nil)
	if err != nil || len(why) != 15 {
		t.Fatalf("%v: %d are left out", err, len(why))
	}
	for _, u := range why {
		w := u.Witness
		if u.Reason != pairing.TooFewSeats || w != why[0].Witness || len(w.Mentees) != 32 || len(w.Mentors) != 17 || w.Seats != 17 {
			t.Fatalf("%s: %s, %+v", u.Mentee, u.Reason, w)
		}
		if err := w.Check(p, r); err != nil {
			t.Error(err)
		}
		if u.Near == nil || len(u.Near.Mentors) >= 17 || u.Near.Check(p, r) != nil || !slices.Contains(u.Near.Mentees, u.Mentee) {
			t.Errorf("%s: %+v", u.Mentee, u.Near)
		}
	}
}
