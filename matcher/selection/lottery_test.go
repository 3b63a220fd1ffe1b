package selection_test

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/internal/exact"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// smallPool is a random instance of at most eleven people after exclusions,
// without scores as a rule: with them few cohorts are equally good.
func smallPool(rng *rand.Rand) ([]matcher.Person, matcher.Criteria) {
	for {
		people, c := randomInstance(rng)
		if len(people) > 11 {
			continue
		}
		if rng.IntN(4) > 0 {
			c.Scores = nil
		}
		return people, c
	}
}

// chances are by id those of everybody in the pool.
func chances(l *selection.Lottery) map[string][2]float64 {
	of := map[string][2]float64{}
	for _, t := range l.Types {
		for _, block := range t.Blocks {
			for _, id := range block {
				of[id] = [2]float64{t.Chance, t.Optimum}
			}
		}
	}
	return of
}

// Over all cohorts that are equally good, found by trying every subset against
// the definitions of the rules, the chances are those of leximin in exact
// rationals, person by person. Nothing here is narrowed, typed or relaxed.
func TestLotteryAgainstBruteForce(t *testing.T) {
	const seed = 88
	count := 250
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		count = 3000
	}
	var lotteries, deviating, allowed, levels, impossible int
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := smallPool(rng)
		cohorts := optimal(people, c)
		got, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{})
		if err != nil {
			t.Fatalf("instance %d of seed %d: %v\npeople %+v\ncriteria %+v", i, seed, err, people, c)
		}
		if len(cohorts) == 0 {
			if got.Outcome.Status != matcher.Infeasible || len(got.Draws) > 0 {
				t.Fatalf("instance %d of seed %d: %s, want INFEASIBLE", i, seed, got.Outcome.Status)
			}
			continue
		}
		if !got.Proved {
			t.Fatalf("instance %d of seed %d: not proved", i, seed)
		}
		lotteries++
		for _, d := range got.Outcome.Deviation {
			if d.Value > 0 {
				deviating++
				break
			}
		}
		if len(c.Allow) > 0 {
			allowed++
		}
		if got.Route == "levels" {
			levels++
		}
		ones := make([]int64, len(people))
		for k := range ones {
			ones[k] = 1
		}
		want := exact.Leximin(cohorts, ones)
		of := chances(got)
		var never []string
		for k, p := range people {
			f, _ := want[k].Float64()
			if d := max(math.Abs(of[p.ID][0]-f), math.Abs(of[p.ID][1]-f)); d > 2e-7 {
				t.Fatalf("instance %d of seed %d, route %s: %s has chance %.9f, optimum %.9f, exactly %s\npeople %+v\ncriteria %+v", i, seed, got.Route, p.ID, of[p.ID][0], of[p.ID][1], want[k], people, c)
			}
			if _, in := of[p.ID]; in && want[k].Cmp(new(big.Rat)) == 0 {
				never = append(never, p.ID)
			}
		}
		slices.Sort(never)
		if !slices.Equal(never, got.Impossible) {
			t.Fatalf("instance %d of seed %d: impossible %v, want %v", i, seed, got.Impossible, never)
		}
		if len(never) > 0 {
			impossible++
		}
	}
	t.Logf("figure: %d pools of at most 11 people with targets against exact rationals: %d lotteries, %d with an optimum above 0, %d with an allowed deviation, %d by levels, %d with somebody in no cohort", count, lotteries, deviating, allowed, levels, impossible)
	if 4*lotteries < count || 5*deviating < lotteries || 20*levels < lotteries {
		t.Error("the mix is too easy")
	}
}

// optimal lists the cohorts that are equally good, by who is in.
func optimal(people []matcher.Person, c matcher.Criteria) [][]int64 {
	var all [][]int64
	for _, set := range bestSets(people, c) {
		row := make([]int64, len(people))
		for i, p := range people {
			if slices.Contains(set, p.ID) {
				row[i] = 1
			}
		}
		all = append(all, row)
	}
	return all
}
