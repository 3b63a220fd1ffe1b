package peers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

func TestCircleCount(t *testing.T) {
	for _, c := range []struct{ n, lo, hi, want int }{
		{12, 4, 6, 2}, {13, 4, 6, 3}, {7, 4, 5, 0}, {9, 4, 5, 2}, {10, 5, 5, 2}, {11, 5, 5, 0}, {5, 6, 8, 0}, {200, 10, 12, 18}, {6, 2, 2, 3},
	} {
		if got := peers.CircleCount(c.n, c.lo, c.hi); got != c.want {
			t.Errorf("%d people in circles of %d to %d: %d, want %d", c.n, c.lo, c.hi, got, c.want)
		}
	}
}

// bruteCircles is the least cost of all divisions into circles of the sizes that
// the engine makes.
func bruteCircles(people []matcher.Person, met map[[2]int]bool, k int) int64 {
	n := len(people)
	sizes := make([]int, k)
	group := make([]int, n)
	best := int64(1 << 40)
	share := func(v string) (c int) {
		for _, p := range people {
			if slices.Contains(p.Values["x"], v) {
				c++
			}
		}
		return c
	}
	values := []string{"x0", "x1", "x2"}
	var place func(i int)
	place = func(i int) {
		if i < n {
			for g := range k {
				if sizes[g] < n/k+min(1, n%k) {
					sizes[g]++
					group[i] = g
					place(i + 1)
					sizes[g]--
				}
				if sizes[g] == 0 {
					break // the circles have no names
				}
			}
			return
		}
		cost := int64(0)
		for g := range k {
			if sizes[g] < n/k {
				return
			}
			for _, v := range values {
				count := 0
				for a, p := range people {
					if group[a] == g && slices.Contains(p.Values["x"], v) {
						count++
					}
				}
				s := share(v) * sizes[g]
				cost += int64(max(0, s/n-count, count-(s+n-1)/n))
			}
		}
		for a := range n {
			for b := range a {
				if group[a] != group[b] {
					continue
				}
				if met[[2]int{b, a}] {
					cost += peers.RepeatCost
				}
				if people[a].Values["o"][0] == people[b].Values["o"][0] {
					cost += peers.ClashCost
				}
			}
		}
		best = min(best, cost)
	}
	place(0)
	return best
}

func TestCirclesAgainstBruteForce(t *testing.T) {
	proved, equal := 0, 0
	cases := count(300, 25)
	for seed := range uint64(cases) {
		g := rand.New(rand.NewPCG(seed, 12))
		n := 4 + g.IntN(6)
		people := make([]matcher.Person, n)
		for i := range people {
			people[i] = matcher.Person{ID: fmt.Sprintf("m%02d", i), Values: map[string][]string{"o": {fmt.Sprintf("o%d", g.IntN(4))}}}
			for v := range 3 {
				if g.IntN(3) == 0 {
					people[i].Values["x"] = append(people[i].Values["x"], fmt.Sprintf("x%d", v))
				}
			}
		}
		met := map[[2]int]bool{}
		var list []peers.Met
		for a := range n {
			for b := range a {
				if g.IntN(4) == 0 {
					met[[2]int{b, a}] = true
					list = append(list, peers.Met{people[a].ID, people[b].ID})
				}
			}
		}
		p, err := peers.NewProfiles(people, list, peers.Rules{Different: []string{"o"}, Spread: []string{"x"}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := peers.MakeCircles(context.Background(), p, peers.CircleOptions{Min: 2, Max: 4, Seed: fmt.Sprint(seed), Options: peers.Options{Work: 30_000}})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := bruteCircles(people, met, peers.CircleCount(n, 2, 4))
		got := peers.ClashCost*r.Clashes.Value + peers.RepeatCost*r.Repeats.Value + peers.SpreadCost*r.Spread.Value
		least := peers.ClashCost*r.Clashes.Bound + peers.RepeatCost*r.Repeats.Bound
		switch {
		case least > want || got < want:
			t.Errorf("seed %d: cost %d of at least %d, brute force %d", seed, got, least, want)
		case got == want:
			equal++
		}
		if r.Status == matcher.Optimal {
			proved++
		}
	}
	if equal < cases*98/100 {
		t.Errorf("only %d of %d are as good as can be", equal, cases)
	}
	t.Logf("figure: circles, %d random networks of at most 9 against all divisions: %d as good as can be, %d of them proved", cases, equal, proved)
}

// Circles for one network, round after round.
func TestCirclesOverRounds(t *testing.T) {
	n := count(200, 100)
	people := network(n, 3)
	var met []peers.Met
	for round := 1; round <= count(8, 2); round++ {
		p, err := peers.NewProfiles(people, met, peers.Rules{Different: []string{"organization"}, Spread: []string{"county", "new", "topics"}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := peers.MakeCircles(context.Background(), p, peers.CircleOptions{Min: 6, Max: 8, Seed: "s", Options: peers.Options{Work: int64(count(0, 100_000))}})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range r.Groups {
			for i, a := range g.Members {
				for _, b := range g.Members[:i] {
					met = append(met, peers.Met{p.IDs[a], p.IDs[b]})
				}
			}
		}
		if r.Clashes.Value > 0 || r.Repeats.Value > 0 || r.Spread.Value > 80 {
			t.Errorf("round %d: %d kept apart, %d repeats, spread off by %d", round, r.Clashes.Value, r.Repeats.Value, r.Spread.Value)
		}
		t.Logf("figure: circles of 6 to 8 of %d people, round %d: %d circles, %d kept apart, %d repeats, values off by %d (bound 0), %d exchanges", n, round, len(r.Groups), r.Clashes.Value, r.Repeats.Value, r.Spread.Value, r.Work)
	}
}

func TestCirclesRefused(t *testing.T) {
	p, err := peers.NewProfiles(network(7, 1), nil, peers.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int{{4, 5}, {1, 3}, {5, 4}} {
		_, err := peers.MakeCircles(context.Background(), p, peers.CircleOptions{Min: size[0], Max: size[1]})
		var input *peers.InputError
		if !errors.As(err, &input) || input.Field != "size" {
			t.Errorf("circles of %d to %d: %v", size[0], size[1], err)
		}
	}
}
