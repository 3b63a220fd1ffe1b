package pairing_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// A search that is cut gives pairs that keep the rules, the same for the same work,
// and never says that they are best; with more work they serve no fewer.
func TestCutShort(t *testing.T) {
	cut, optimal := 0, 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 31))
		p := small(r, 25, 300)
		if seed%2 == 1 {
			directed(r, p)
		}
		for work := int64(1); ; work *= 3 {
			res, err := pairing.Solve(t.Context(), p, pairing.Options{Work: work})
			if err != nil {
				t.Fatal(err)
			}
			again, err := pairing.Solve(t.Context(), p, pairing.Options{Work: work})
			if err != nil || !slices.Equal(res.Matches, again.Matches) || res.Status != again.Status {
				t.Fatalf("problem %d, work %d: %v, %v and %v", seed, work, err, res.Matches, again.Matches)
			}
			m, err := res.Record(t.Context(), "test")
			if err != nil {
				t.Fatal(err)
			}
			report, err := verify.File(m.AppendJSON(nil), verify.Options{Scores: scoresOf(p)})
			if err != nil || !report.Accepted {
				t.Fatalf("problem %d, work %d: %v, %+v", seed, work, err, report)
			}
			if res.Status == pairing.Optimal || res.Status == pairing.Infeasible {
				if !report.Certified {
					t.Fatalf("problem %d: %+v", seed, report.Checks)
				}
				optimal++
				break
			}
			cut++
			if report.Certified {
				t.Fatalf("problem %d, work %d: what was cut is certified", seed, work)
			}
		}
	}
	if cut < 25 {
		t.Errorf("only %d searches were cut", cut)
	}
	t.Logf("%d cut, %d not", cut, optimal)
}

// Canceling ends a search soon, and progress is told before.
func TestCancel(t *testing.T) {
	p := readScores(t, "jonodrew_large_scores.csv.gz")
	uniform(p, 3, 3, "cover,cover2,cover3,worst,total,even")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var steps []string
	res, err := pairing.Solve(ctx, p, pairing.Options{Progress: func(x pairing.Progress) {
		steps = append(steps, x.Step)
		if x.Step == "shortlists" {
			cancel()
		}
	}})
	if err != nil || res.Status != pairing.Feasible {
		t.Fatalf("%v, %v", res, err)
	}
	if !slices.Contains(steps, "scoring") || !slices.Contains(steps, "worst") {
		t.Errorf("progress told only %v", steps)
	}
	if next, err := res.Decline(t.Context(), pairing.Pair{Mentee: "x", Mentor: "y"}, pairing.Options{}); err == nil {
		t.Errorf("a pair that is none was declined: %v", next)
	}
}

// Prices whose fields could meet are noticed: the run is then repeated with fewer
// bits a stage, which gives the same pairs (TestBruteForce runs with 30 and 1).
func TestDriftIsNoticed(t *testing.T) {
	p := readScores(t, "jonodrew_small_scores.csv")
	uniform(p, 2, 2, "cover,cover2,worst,total,even")
	res, err := pairing.Solve(t.Context(), p, pairing.Options{})
	if err != nil || pairing.Drifted(res, 0) || !pairing.Drifted(res, 1<<60) || !pairing.Drifted(res, -1<<60) {
		t.Errorf("%v, %v", res.Status, err)
	}
	for _, bits := range []int{1, 20, 40, 60} {
		other, err := pairing.Solve(t.Context(), p, pairing.Lists(0, bits))
		if err != nil || !slices.Equal(res.Matches, other.Matches) || !slices.Equal(res.Values, other.Values) {
			t.Errorf("%d bits: other pairs, %v", bits, err)
		}
	}
}
