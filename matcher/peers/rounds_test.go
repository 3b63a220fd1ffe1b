package peers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// life is a network that is introduced round after round.
type life struct {
	people []matcher.Person
	rules  peers.Rules
	past   []peers.Introduction
	met    map[[2]string]int
}

// round makes one more round, and checks that nobody meets anybody twice.
func (l *life) round(t *testing.T) (*peers.Profiles, *peers.Result) {
	t.Helper()
	number := peers.NextRound(l.past)
	var met []peers.Met
	for _, x := range l.past {
		met = append(met, peers.Met{x.A, x.B})
	}
	p, err := peers.NewProfiles(l.people, met, l.rules)
	if err != nil {
		t.Fatal(err)
	}
	r, err := peers.Introduce(context.Background(), &peers.Problem{IDs: p.IDs, Row: p.Row, Waits: peers.Waits(p.IDs, l.past, nil), Seed: "life"}, peers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range meetings(p.IDs, r) {
		if before := l.met[m]; before > 0 {
			t.Fatalf("%v met in rounds %d and %d", m, before, number)
		}
		l.met[m] = number
		l.past = append(l.past, peers.Introduction{A: m[0], B: m[1], Round: number})
	}
	return p, r
}

// Ten rounds of 201 people: nobody is left, and one trio each.
func TestTenRounds(t *testing.T) {
	l := &life{people: network(201, 5), rules: networkRules, met: map[[2]string]int{}}
	for round := 1; round <= 10; round++ {
		_, r := l.round(t)
		if len(r.Left) > 0 || len(r.Groups) != 100 || r.Status != matcher.Optimal {
			t.Errorf("round %d: %d left, %d groups, %s", round, len(r.Left), len(r.Groups), r.Status)
		}
	}
}

// Ten rounds of 200 people, 112 of them in one organization: 24 must be left each
// time, as the witness proves, and they take turns, so that nobody is left more
// than once more often than somebody else of that organization.
func TestTurns(t *testing.T) {
	people := network(200, 6)
	for i := range 112 {
		people[i].Values["organization"] = []string{"large"}
	}
	for i := 112; i < 200; i++ {
		people[i].Values["organization"] = []string{fmt.Sprint("o", i)}
	}
	l := &life{people: people, rules: networkRules, met: map[[2]string]int{}}
	skipped := make([]int, 200)
	for round := 1; round <= 10; round++ {
		_, r := l.round(t)
		if len(r.Left) != 24 || !r.LeftProved || r.Bound != r.Total {
			t.Fatalf("round %d: %d left (proved %v), total %d of %d", round, len(r.Left), r.LeftProved, r.Total, r.Bound)
		}
		for _, x := range r.Left {
			skipped[x.Member]++
			if x.Reason != peers.TooFew || len(x.Rivals) != 112 || len(x.Others) != 88 || x.Parts != 112 {
				t.Fatalf("round %d: %s, %d rivals in %d parts for %d", round, x.Reason, len(x.Rivals), x.Parts, len(x.Others))
			}
		}
		if least, most := slices.Min(skipped[:112]), slices.Max(skipped[:112]); most-least > 1 || slices.Max(skipped[112:]) > 0 {
			t.Errorf("round %d: left between %d and %d times", round, least, most)
		}
	}
}

// Rounds until nobody can be introduced any more: each pair that is not kept apart
// met, or the last round proves why somebody waits.
func TestUntilExhaustion(t *testing.T) {
	rounds, pairs := 0, 0
	for seed := range uint64(count(40, 6)) {
		g := rand.New(rand.NewPCG(seed, 13))
		n := 5 + g.IntN(20)
		people := network(n, seed)
		for i := range people {
			people[i].Values["organization"] = []string{fmt.Sprint("o", g.IntN(2+n/3))}
		}
		l := &life{people: people, rules: networkRules, met: map[[2]string]int{}}
		for {
			p, r := l.round(t)
			if !r.LeftProved && len(r.Left) > 0 {
				t.Logf("seed %d: %d left without a proof", seed, len(r.Left))
			}
			if len(r.Groups) > 0 {
				rounds++
				continue
			}
			apart := 0
			for i, a := range people {
				for _, b := range people[:i] {
					if a.Values["organization"][0] == b.Values["organization"][0] {
						apart++
					}
				}
			}
			if len(l.met)+apart < n*(n-1)/2 {
				t.Errorf("seed %d: ended after %d meetings, %d pairs kept apart, of %d", seed, len(l.met), apart, n*(n-1)/2)
			}
			for _, x := range r.Left {
				if e := p.Excluded(x.Member); x.Reason != peers.Nobody || e.Met+e.Rule[0] != n-1 {
					t.Errorf("seed %d: %+v, %+v", seed, x, e)
				}
			}
			pairs += len(l.met)
			break
		}
	}
	t.Logf("figure: introductions until nobody is left to meet: %d rounds, %d pairs, none twice", rounds, pairs)
}

// The same for any number of threads and any order of the input; other seeds give
// others that are as good; new names in the same order of the seed change nothing.
func TestDeterministic(t *testing.T) {
	people := network(600, 9)
	solve := func(people []matcher.Person, workers int, seed string) (*peers.Profiles, *peers.Result) {
		t.Helper()
		p, err := peers.NewProfiles(people, nil, networkRules)
		if err != nil {
			t.Fatal(err)
		}
		r, err := peers.Introduce(context.Background(), &peers.Problem{IDs: p.IDs, Row: p.Row, Seed: seed}, peers.Options{Workers: workers})
		if err != nil || r.Status != matcher.Optimal {
			t.Fatal(r, err)
		}
		r.Proof.Row, r.Proof.Stop, r.Proof.Workers = nil, nil, 0
		return p, r
	}
	_, want := solve(people, 1, "a")
	for workers := 2; workers <= 4; workers++ {
		shuffled := slices.Clone(people)
		g := rand.New(rand.NewPCG(uint64(workers), 1))
		g.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if _, got := solve(shuffled, workers, "a"); cmp.Diff(want, got) != "" {
			t.Errorf("%d threads, shuffled: %s", workers, cmp.Diff(want, got))
		}
	}
	if _, other := solve(people, 0, "b"); other.Total != want.Total || cmp.Diff(want.Groups, other.Groups) == "" {
		t.Errorf("another seed: %d for %d, or the same groups", other.Total, want.Total)
	}
	renamed := slices.Clone(people)
	for i := range renamed {
		renamed[i].ID = fmt.Sprintf("x%05d", 99999-i)
	}
	if _, other := solve(renamed, 0, "a"); other.Total != want.Total || len(other.Left) != len(want.Left) {
		t.Errorf("other names: %d for %d", other.Total, want.Total)
	}
}

// Kinds of scores that are hard for one part or another; each is proved best.
func TestFamilies(t *testing.T) {
	n := count(1500, 450)
	g := rand.New(rand.NewPCG(14, 14))
	like, x, y := make([]int, n), make([]float64, n), make([]float64, n)
	for i := range n {
		like[i], x[i], y[i] = g.IntN(1001), g.Float64(), g.Float64()
	}
	for _, f := range []struct {
		name  string
		score func(a, b int) int16
	}{
		{"all equal", func(int, int) int16 { return 7 }},
		{"all zero", func(int, int) int16 { return 0 }},
		{"random", func(int, int) int16 { return int16(g.IntN(1001)) }},
		{"popular", func(a, b int) int16 { return int16((like[a] + like[b]) / 2) }},
		{"product", func(a, b int) int16 { return int16(like[a] * like[b] / 1000) }},
		{"near", func(a, b int) int16 {
			return int16(1000 * (1 - min(1, (x[a]-x[b])*(x[a]-x[b])+(y[a]-y[b])*(y[a]-y[b]))))
		}},
		{"clusters of odd size", func(a, b int) int16 {
			if a/7 == b/7 {
				return 900
			}
			return int16(g.IntN(100))
		}},
		{"few", func(a, b int) int16 {
			if g.IntN(n) < 4 {
				return int16(g.IntN(1001))
			}
			return -1
		}},
		{"two sides", func(a, b int) int16 {
			if (a < n/2-20) == (b < n/2-20) {
				return -1
			}
			return int16(g.IntN(11))
		}},
	} {
		d := &dense{scores: make([][]int16, n), waits: make([]peers.Wait, n)}
		for a := range n {
			d.scores[a] = make([]int16, n)
			for b := range a {
				d.scores[a][b] = f.score(a, b)
				d.scores[b][a] = d.scores[a][b]
			}
			d.scores[a][a] = -1
			d.waits[a].Rounds = a % 3
		}
		r, err := peers.Introduce(context.Background(), d.problem("f"), peers.Options{})
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		if !r.Rearranged && r.Bound != r.Total || !r.LeftProved && f.name != "few" {
			t.Errorf("%s: total %d of %d, left %d, proved %v", f.name, r.Total, r.Bound, len(r.Left), r.LeftProved)
		}
		t.Logf("%s: %d left, total %d, %d of %d pairs looked at, %d repairs, %d looks", f.name, len(r.Left), r.Total, r.Known, n*(n-1)/2, r.Rounds, r.Work)
	}
}

func TestWaits(t *testing.T) {
	past := []peers.Introduction{{A: "a", B: "b", Round: 1}, {A: "a", B: "c", Round: 2}, {A: "b", B: "c", Round: 5}, {A: "a", B: "b", Round: 7}, {A: "a", B: "x", Round: 7}}
	got := peers.Waits([]string{"a", "b", "c", "d", "e"}, past, map[string]int{"e": 6, "c": 2})
	want := []peers.Wait{{0, 1}, {0, 1}, {1, 1}, {4, 4}, {1, 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := peers.NextRound(past); n != 8 {
		t.Errorf("the next round is %d", n)
	}
}

func TestLimits(t *testing.T) {
	p, err := peers.NewProfiles(network(600, 9), nil, networkRules)
	if err != nil {
		t.Fatal(err)
	}
	problem := &peers.Problem{IDs: p.IDs, Row: p.Row, Seed: "a"}
	r, err := peers.Introduce(context.Background(), problem, peers.Options{Work: 1})
	if err != nil || r.Status != matcher.Feasible || !r.Complete || r.Bound != -1 || len(r.Left) > 0 {
		t.Errorf("%v %+v", err, r)
	}
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	r, err = peers.Introduce(ctx, problem, peers.Options{Progress: func(x peers.Progress) {
		if steps++; x.Step == "all other pairs" {
			cancel()
		}
	}})
	if err != nil || r.Status != matcher.Feasible || r.Complete || r.Bound != -1 || len(r.Groups) < 200 || steps < 3 {
		t.Errorf("%v, %d groups, %d steps", err, len(r.Groups), steps)
	}
	for _, bad := range []*peers.Problem{
		{IDs: []string{"a"}, Row: p.Row},
		{IDs: []string{"b", "a"}, Row: p.Row},
		{IDs: []string{"a", "a"}, Row: p.Row},
		{IDs: []string{"a", "b"}, Row: p.Row, Waits: make([]peers.Wait, 1)},
		{IDs: []string{"a", "b"}, Row: p.Row, Waits: []peers.Wait{{-1, 0}, {}}},
		{IDs: []string{"a", "b"}, Row: func(_ int, into []int16) { into[0], into[1] = 1001, 1001 }},
		{IDs: []string{"a", "b"}, Row: func(a int, into []int16) { into[0], into[1] = int16(a), int16(a) }},
	} {
		_, err := peers.Introduce(context.Background(), bad, peers.Options{})
		var input *peers.InputError
		if !errors.As(err, &input) {
			t.Errorf("%v %v: %v", bad.IDs, bad.Waits, err)
		}
	}
	if _, err := peers.NewProfiles([]matcher.Person{{ID: "a"}, {ID: "a"}}, nil, peers.Rules{}); err == nil || !strings.Contains(err.Error(), `"a" is there twice`) {
		t.Error(err)
	}
}

// A network in which more than half are of one organization: who is left is
// proved in any size.
func TestLargeOrganization(t *testing.T) {
	n := count(13_000, 300)
	people := network(n, 16)
	for i := range n * 7 / 13 {
		people[i].Values["organization"] = []string{"large"}
	}
	for i := n * 7 / 13; i < n; i++ {
		people[i].Values["organization"] = []string{fmt.Sprint("o", i%(n/10))}
	}
	l := &life{people: people, rules: networkRules, met: map[[2]string]int{}}
	for round := 1; round <= 2; round++ {
		_, r := l.round(t)
		if want := n*7/13 - (n - n*7/13); len(r.Left) != want || r.Status != matcher.Optimal {
			t.Errorf("round %d: %d left, want %d; %s, proved %v", round, len(r.Left), want, r.Status, r.LeftProved)
		}
	}
}
