package peers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// dense is a problem with a table of scores.
type dense struct {
	scores [][]int16
	waits  []peers.Wait
}

func (d *dense) problem(seed string) *peers.Problem {
	p := &peers.Problem{Seed: seed, Waits: d.waits}
	for i := range d.scores {
		p.IDs = append(p.IDs, fmt.Sprintf("m%04d", i))
	}
	p.Row = func(a int, into []int16) { copy(into, d.scores[a]) }
	return p
}

// random makes a problem of n people: some pairs allowed, scores below most.
func random(g *rand.Rand, n int, allowed float64, most, waits int) *dense {
	d := &dense{scores: make([][]int16, n), waits: make([]peers.Wait, n)}
	for a := range n {
		d.scores[a] = make([]int16, n)
		d.scores[a][a] = -1
		for b := range a {
			s := int16(-1)
			if g.Float64() < allowed {
				s = int16(g.IntN(most))
			}
			d.scores[a][b], d.scores[b][a] = s, s
		}
		d.waits[a] = peers.Wait{Rounds: g.IntN(waits), Skipped: g.IntN(waits)}
	}
	return d
}

// count is how many cases a test tries: all of them only in a soak.
func count(all, few int) int {
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		return all
	}
	return few
}

// worth is what brute force compares placings by: who is left without a partner
// or at all, sorted from the longest wait, each as many times as there are.
type worth struct {
	left  []peers.Wait // the longest first
	score int64
	known bool
}

// better compares by the number left, their waits, and the score.
func (w worth) better(v worth) bool {
	if !v.known {
		return w.known
	}
	if len(w.left) != len(v.left) {
		return len(w.left) < len(v.left)
	}
	if c := slices.CompareFunc(w.left, v.left, compareWaits); c != 0 {
		return c < 0
	}
	return w.score > v.score
}

func compareWaits(a, b peers.Wait) int {
	if a.Rounds != b.Rounds {
		return a.Rounds - b.Rounds
	}
	return a.Skipped - b.Skipped
}

// brute tries all ways to divide everybody into pairs (and trios, if these are
// wanted) and people who are left.
func brute(d *dense, trios bool) worth {
	n := len(d.scores)
	best := make([]worth, 1<<n)
	best[0] = worth{known: true}
	for set := 1; set < 1<<n; set++ {
		a := 0
		for set>>a&1 == 0 {
			a++
		}
		rest := set &^ (1 << a)
		try := func(w worth, score int64) {
			w.left, w.score = slices.Clone(w.left), w.score+score
			if w.better(best[set]) {
				best[set] = w
			}
		}
		alone := best[rest]
		alone.left = append(slices.Clone(alone.left), d.waits[a])
		slices.SortFunc(alone.left, func(x, y peers.Wait) int { return compareWaits(y, x) })
		try(alone, 0)
		for b := a + 1; b < n; b++ {
			if rest>>b&1 == 0 || d.scores[a][b] < 0 {
				continue
			}
			try(best[rest&^(1<<b)], int64(d.scores[a][b]))
			for c := b + 1; trios && c < n; c++ {
				if rest>>c&1 == 1 && d.scores[a][c] >= 0 && d.scores[b][c] >= 0 {
					try(best[rest&^(1<<b|1<<c)], 0)
				}
			}
		}
	}
	return best[1<<n-1]
}

func TestBruteForce(t *testing.T) {
	var optimal, left, rearranged, thirds, notProved int
	cases := count(2000, 250)
	for seed := range uint64(cases) {
		g := rand.New(rand.NewPCG(seed, 11))
		n := 2 + g.IntN(9)
		d := random(g, n, []float64{0.15, 0.25, 0.35, 0.5, 0.8, 1}[g.IntN(6)], []int{1, 3, 10, 1001}[g.IntN(4)], 1+g.IntN(3))
		r, err := peers.Introduce(context.Background(), d.problem(fmt.Sprint(seed)), peers.Options{})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pairs, all := brute(d, false), brute(d, true)
		got := worth{known: true}
		for _, l := range r.Left {
			got.left = append(got.left, d.waits[l.Member])
		}
		trios := 0
		for _, x := range r.Groups {
			if len(x.Members) == 3 {
				trios++
			}
		}
		if len(got.left) != len(all.left) || slices.CompareFunc(got.left, all.left, compareWaits) != 0 {
			t.Errorf("seed %d: left %v, brute force %v (rearranged %v)", seed, got.left, all.left, r.Rearranged)
		}
		if want := len(pairs.left) - len(all.left); trios != want {
			t.Errorf("seed %d: %d trios, %d are needed", seed, trios, want)
		}
		if !r.Rearranged && (r.Total != pairs.score || r.Bound != pairs.score) {
			t.Errorf("seed %d: total %d, bound %d, brute force %d", seed, r.Total, r.Bound, pairs.score)
		}
		if !r.LeftProved {
			notProved++
		}
		if r.Status == matcher.Optimal {
			optimal++
		}
		if r.Rearranged {
			rearranged++
		}
		left += len(r.Left)
		thirds += trios
	}
	if notProved > 0 {
		t.Errorf("who is left was not proved in %d cases", notProved)
	}
	t.Logf("figure: introductions, %d random networks of at most 10 against all ways to make pairs and trios: %d proved best, %d rearranged for a trio, %d people left, %d thirds, none different", cases, optimal, rearranged, left, thirds)
}
