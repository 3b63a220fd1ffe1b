package selection_test

import (
	"context"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
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
	reasons := map[string]int{}
	var lotteries, deviating, allowed, levels, impossible int
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := smallPool(rng)
		cohorts := optimal(people, c)
		got, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{Explain: true})
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
		for _, x := range got.Exclusions {
			if len(c.Allow) > 0 {
				continue // the oracle's later stages would allow it twice
			}
			if want := reason(people, c, x.People[0]); x.Reason != want {
				t.Fatalf("instance %d of seed %d: %v excluded by %s, want %s\npeople %+v\ncriteria %+v", i, seed, x.People, x.Reason, want, people, c)
			}
			reasons[x.Reason]++
		}
	}
	t.Logf("figure: %d pools of at most 11 people with targets against exact rationals: %d lotteries, %d with an optimum above 0, %d with an allowed deviation, %d by levels, %d with somebody in no cohort", count, lotteries, deviating, allowed, levels, impossible)
	t.Logf("exclusions, by reason: %v", reasons)
	if len(reasons) < 4 {
		t.Error("too few reasons of exclusions")
	}
	if 4*lotteries < count || 5*deviating < lotteries || levels == 0 {
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

// reason is what the oracle loses first when it has to include somebody.
func reason(people []matcher.Person, c matcher.Criteria, id string) string {
	none := func(string) [3]int64 { return [3]int64{} }
	best := oracle(people, c, none, noBug)
	c.Include = append(slices.Clone(c.Include), id)
	with := oracle(people, c, none, noBug)
	switch {
	case !with.hardPossible:
		return selection.ExcludedByConditions
	case !with.feasible:
		return selection.ExcludedByMust
	case with.size < best.size:
		return selection.ExcludedBySize
	}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if with.optimum[g] > best.optimum[g] {
			return selection.ExcludedByPriority + strconv.Itoa(g)
		}
	}
	if with.bestScore < best.bestScore {
		return selection.ExcludedByScore
	}
	return "nothing"
}
