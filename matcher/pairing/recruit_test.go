package pairing_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
)

// One more seat is worth exactly what solving again with it gives, with mentors
// who are there and with people invented.
func TestASeatIsWorthWhatItBrings(t *testing.T) {
	const seed = 3
	pairs := 600
	if soak {
		pairs = 20_000
	}
	all := objectives(t)
	seats, worth, serving, invented := 0, 0, 0, 0
	for n := 0; seats < pairs; n++ {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		objective := all[n%len(all)]
		if objective[0] == pairing.Even {
			continue
		}
		p := program(rng, 1+rng.IntN(mostMentees()), 1+rng.IntN(mostMentors()), objective)
		r := mustSolve(t, p)
		if r.Status != pairing.Optimal {
			continue
		}
		m := len(p.Mentors)
		o := pairing.RecruitOptions{Mentors: []pairing.Grouping{{Attribute: "county", Of: make([][]string, m)}}}
		for i := range m {
			o.Mentors[0].Of[i] = []string{"Skagit", "Island"}[i%2:][:1]
		}
		column := make([]int16, len(p.Mentees))
		for j := range column {
			column[j] = int16(rng.IntN(60)) - 10
			column[j] = max(column[j], pairing.NotEligible)
		}
		o.Invented = []pairing.InventedMentor{{Name: "new", Scores: column}}
		got, err := pairing.Recruit(context.Background(), p, r, o)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("problem %d of seed %d, %v", n, seed, objective)
		of := map[string][]int64{}
		for _, s := range got.Seats {
			of[s.Mentor] = s.Worth
		}
		for i, mentor := range p.Mentors {
			q := *p
			q.Mentors = slices.Clone(p.Mentors)
			q.Mentors[i].Seats++
			seats++
			if compareWorth(t, name+" "+mentor.ID, got.Tiers, of[mentor.ID], r, mustSolve(t, &q)) {
				worth++
			}
			if w := of[mentor.ID]; w != nil && got.Tiers[0].Kind == pairing.KindCover && w[0] > 0 {
				serving++
			}
		}
		q := *p
		q.Mentors = append(slices.Clone(p.Mentors), pairing.Mentor{ID: "zz", Seats: 1})
		with := make(pairing.Dense, 0, len(p.Mentees)*(m+1))
		for j := range p.Mentees {
			with = append(append(with, p.Scores.(pairing.Dense)[j*m:][:m]...), column[j])
		}
		q.Scores = with
		if compareWorth(t, name+" invented", got.Tiers, got.Invented[0].Worth, r, mustSolve(t, &q)) {
			invented++
		}
		best := []int64{}
		for _, g := range got.Groups {
			if slices.Compare(g.Worth, best) > 0 {
				best = g.Worth
			}
		}
		if len(got.Seats) > 0 && !slices.Equal(best, got.Seats[0].Worth) {
			t.Fatalf("%s: the best group is worth %v, the best seat %v", name, best, got.Seats[0].Worth)
		}
	}
	if worth < seats/10 || serving < 10 || invented < 20 {
		t.Errorf("too little was tried: %d of %d seats are worth something, %d serve one more, %d invented", worth, seats, serving, invented)
	}
	t.Logf("figure: %d seats more against solving again: 0 wrong, %d worth something, %d serve one more mentee; %d invented mentors worth something", seats, worth, serving, invented)
}

// compareWorth compares as far as the threshold of worst stayed, and says whether
// the seat was worth anything.
func compareWorth(t *testing.T, name string, tiers []pairing.Tier, worth []int64, before, after *pairing.Result) bool {
	t.Helper()
	for k, tier := range tiers {
		if after.Values[k].Tier != tier { // another threshold
			break
		}
		var w int64
		if worth != nil {
			w = worth[k]
		}
		if gain := after.Values[k].Value - before.Values[k].Value; gain != w {
			t.Fatalf("%s: one more seat is said to be worth %v, and brings %d in %v", name, worth, gain, tier)
		}
	}
	return worth != nil && slices.ContainsFunc(worth, func(v int64) bool { return v != 0 })
}
