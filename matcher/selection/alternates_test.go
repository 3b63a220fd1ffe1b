package selection_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// subsets calls f with every set of up to most of the list.
func subsets(list []string, most int, f func(some []string)) {
	var grow func(from int, some []string)
	grow = func(from int, some []string) {
		f(some)
		if len(some) == most {
			return
		}
		for i := from; i < len(list); i++ {
			grow(i+1, append(slices.Clone(some), list[i]))
		}
	}
	grow(0, nil)
}

func containsAll(list, some []string) bool {
	return !slices.ContainsFunc(some, func(id string) bool { return !slices.Contains(list, id) })
}

// expectation is, times a common denominator, the expected shortfall with these
// alternates, straight from its definition.
func expectation(s selection.Selected, alternates []string) (sum []int64, of int64) {
	cohort := s.Outcome.Cohort
	most := min(3, len(cohort))
	count := make([]int64, most+1)
	subsets(cohort, most, func(some []string) { count[len(some)]++ })
	all := int64(1)
	for _, n := range count[1:] {
		a, b := all, n
		for b != 0 {
			a, b = b, a%b
		}
		all = all / a * n
	}
	limit := limitsOf(s.Criteria, s.Outcome)
	sum = make([]int64, 12)
	subsets(cohort, most, func(declined []string) {
		if len(declined) == 0 {
			return
		}
		var out []string
		for _, id := range declined {
			for _, x := range partners(s.Criteria, id) {
				if !slices.Contains(out, x) {
					out = append(out, x)
				}
			}
		}
		var best []int64
		subsets(alternates, len(out), func(in []string) {
			for _, id := range in {
				if !containsAll(in, partners(s.Criteria, id)) {
					return // people who are tied come together or not at all
				}
			}
			group := swapped(cohort, out, in)
			conditions, must, deviation, _ := measure(s.People, s.Criteria, group, out)
			v := []int64{int64(conditions), must, int64(max(0, s.Outcome.Size.Bound-len(group)))}
			for g := 1; g <= matcher.MaxPriority; g++ {
				v = append(v, max(0, deviation[g]-limit[g]))
			}
			if best == nil || slices.Compare(v, best) < 0 {
				best = v
			}
		})
		for k, n := range best {
			sum[k] += n * all / count[len(declined)]
		}
	})
	return sum, all * int64(most)
}

func flat(s selection.Shortfall) []int64 {
	return append([]int64{s.Conditions, s.Must, s.Seats}, s.Priority[1:]...)
}

// Who has no exact replacement, alone and in pairs, is what trying every repair
// finds. The expectation that is told of a list of alternates is that of its
// definition; how often the list is the best of all lists is counted.
func TestAlternatesAgainstBruteForce(t *testing.T) {
	const seed = 44
	instances := soak(25, 500)
	var singles, without, pairs, two, lists, best, nothing, lapsed int
	worst := 0.0
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 10)
		count := 1 + i%3
		got, err := selection.Alternates(context.Background(), s, count, selection.Options{})
		if err != nil || !got.Proved || !got.Complete {
			t.Fatalf("instance %d of seed %d: %v %+v", i, seed, err, got)
		}
		greedy, err := selection.PickAlternates(s, count, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		exact := func(declined ...string) bool {
			var out, rest []string
			for _, id := range declined {
				out = append(out, partners(s.Criteria, id)...)
			}
			for _, id := range s.Outcome.Cohort {
				if !slices.Contains(out, id) {
					rest = append(rest, id)
				}
			}
			slices.Sort(out)
			out = slices.Compact(out)
			_, _, ok := repairOracle(s, rest, out)
			return ok
		}
		alone := map[string]bool{}
		var missing []string
		for _, a := range s.Outcome.Cohort {
			singles++
			if alone[a] = exact(a); !alone[a] {
				missing = append(missing, a)
			}
		}
		if !slices.Equal(missing, got.Without) {
			t.Fatalf("instance %d of seed %d: without an exact replacement %v, want %v\n%+v", i, seed, got.Without, missing, s)
		}
		without += len(missing)
		var both [][2]string
		n := 0
		for k, a := range s.Outcome.Cohort {
			for _, b := range s.Outcome.Cohort[k+1:] {
				pairs++
				if exact(a, b) {
					n++
				} else if alone[a] && alone[b] {
					both = append(both, [2]string{a, b})
				}
			}
		}
		if !slices.Equal(both, got.Two) || n != got.Pairs.Exact {
			t.Fatalf("instance %d of seed %d: pairs without %v, want %v; %d exact, want %d\n%+v", i, seed, got.Two, both, got.Pairs.Exact, n, s)
		}
		two += len(both)

		// The list, and every prefix of it that parts nobody who is tied.
		var ids []string
		before, of := expectation(s, nil)
		if !slices.Equal(flat(got.Alone), before) || got.Alone.Of != of {
			t.Fatalf("instance %d of seed %d: alone %+v, want %v over %d\n%+v", i, seed, got.Alone, before, of, s)
		}
		for k, a := range got.Alternates {
			ids = append(ids, a.ID)
			if p := partners(s.Criteria, a.ID); len(p) > 1 && (k+1 == len(got.Alternates) || slices.Contains(p, got.Alternates[k+1].ID)) && k+1 < len(got.Alternates) {
				continue
			}
			sum, _ := expectation(s, ids)
			if !slices.Equal(flat(a.Expected), sum) {
				t.Fatalf("instance %d of seed %d: with %v expected %+v, want %v\n%+v", i, seed, ids, a.Expected, sum, s)
			}
			if slices.Compare(sum, before) > 0 {
				t.Fatalf("instance %d of seed %d: %s makes it worse", i, seed, a.ID)
			}
			before = sum
		}
		if len(ids) > 0 {
			var out []string
			for _, p := range s.People {
				if !slices.Contains(s.Outcome.Cohort, p.ID) && !slices.Contains(s.Criteria.Exclude, p.ID) {
					out = append(out, p.ID)
				}
			}
			least := before
			subsets(out, count, func(some []string) {
				if sum, _ := expectation(s, some); slices.Compare(sum, least) < 0 {
					least = sum
				}
			})
			lists++
			if !got.Least || !slices.Equal(least, before) {
				t.Fatalf("instance %d of seed %d: least %v: %v with %v, want %v", i, seed, got.Least, ids, before, least)
			}
			// What the search finds that is used where there are too many lists.
			found := flat(greedy.Alternates[len(greedy.Alternates)-1].Expected)
			if slices.Equal(least, found) {
				best++
			} else {
				for k := range least {
					if least[k] != found[k] {
						worst = max(worst, float64(found[k]-least[k])/float64(of))
						break
					}
				}
			}
			if slices.Max(before) == 0 {
				nothing++
			}
		}
		for _, r := range s.Criteria.Rules {
			if r.Kind == matcher.Company {
				lapsed++
				break
			}
		}
	}
	t.Logf("figure: declines in %d pools of at most 10 people (%d with company rules): %d members, %d without an exact replacement; %d pairs, %d of them only together without one; %d lists of one to three alternates are the best of all lists (%d lose nothing); by exchanges alone %d would be, the worst off by %.3f expected", instances, lapsed, singles, without, pairs, two, lists, nothing, best, worst)
	if without == 0 || without == singles || two == 0 || lapsed == 0 || 2*lists < instances {
		t.Error("the mix is too easy")
	}
	if 10*best < 9*lists {
		t.Errorf("only %d of %d lists are the best", best, lists)
	}
}
