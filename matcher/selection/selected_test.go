package selection_test

import (
	"context"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// measure counts a cohort straight from the definitions, with nothing of the
// engine: conditions broken (size range and locks aside), people off the rules
// that must hold, deviation by priority. Whoever is in gone is out of the pool.
func measure(people []matcher.Person, c matcher.Criteria, cohort, gone []string) (conditions int, must int64, deviation [10]int64, score int64) {
	var pool []matcher.Person
	for _, p := range people {
		if !slices.Contains(c.Exclude, p.ID) && !slices.Contains(gone, p.ID) {
			pool = append(pool, p)
		}
	}
	set := uint32(0)
	for i, p := range pool {
		if slices.Contains(cohort, p.ID) {
			set |= 1 << i
		}
	}
	for _, r := range c.Rules {
		off := int64(ruleOff(r, ruleMasks(pool, r), set, noBug))
		if r.Priority == matcher.Must {
			must += off
		} else {
			deviation[r.Priority] += int64(r.Weight) * off
		}
	}
	for _, k := range c.Caps {
		for _, m := range valueMasks(pool, matcher.Term{Attribute: k.Attribute, Wildcard: true}) {
			n := 0
			for i := range pool {
				if set&m>>i&1 == 1 {
					n++
				}
			}
			if n > k.Max {
				conditions++
			}
		}
	}
	for _, l := range c.Links {
		n := 0
		for _, id := range l.IDs {
			if slices.Contains(cohort, id) {
				n++
			}
		}
		if l.Kind == matcher.Apart && n > 1 || l.Kind == matcher.Together && n > 0 && n < len(l.IDs) || l.Kind == matcher.AtLeastOne && n == 0 {
			conditions++
		}
	}
	for _, id := range cohort {
		score += int64(c.Scores[id])
	}
	return conditions, must, deviation, score
}

// locksBroken counts what a cohort does to the size range and the locks.
func locksBroken(c matcher.Criteria, cohort []string) int {
	n := 0
	if len(cohort) < c.MinSize || len(cohort) > c.Size {
		n++
	}
	for _, id := range c.Include {
		if !slices.Contains(cohort, id) {
			n++
		}
	}
	for _, id := range cohort {
		if slices.Contains(c.Exclude, id) {
			n++
		}
	}
	return n
}

// vector is how far a cohort is from what was good enough, in the order of
// objectives.
func vector(people []matcher.Person, c matcher.Criteria, o *matcher.Outcome, cohort []string) []int64 {
	conditions, must, deviation, _ := measure(people, c, cohort, nil)
	v := []int64{int64(conditions + locksBroken(c, cohort)), must, int64(max(0, o.Size.Bound-len(cohort)))}
	limit := limitsOf(c, o)
	for g := 1; g <= matcher.MaxPriority; g++ {
		v = append(v, max(0, deviation[g]-limit[g]))
	}
	return v
}

func limitsOf(c matcher.Criteria, o *matcher.Outcome) (limit [10]int64) {
	for _, d := range o.Deviation {
		limit[d.Priority] = d.Bound.Bound + c.Allow[d.Priority]
	}
	return limit
}

// chosen draws instances until one has a cohort.
func chosen(t testing.TB, rng *rand.Rand, most int) selection.Selected {
	t.Helper()
	for {
		people, c := randomInstance(rng)
		if len(people) > most {
			continue
		}
		o := mustSelect(t, people, c, "s", selection.Options{})
		if o.Status == matcher.Optimal && len(o.Cohort) > 1 {
			return selection.Selected{People: people, Criteria: c, Outcome: o}
		}
	}
}

// partners are who comes and goes together with somebody.
func partners(c matcher.Criteria, id string) []string {
	all := []string{id}
	for grown := true; grown; {
		grown = false
		for _, l := range c.Links {
			if l.Kind != matcher.Together || !slices.ContainsFunc(l.IDs, func(x string) bool { return slices.Contains(all, x) }) {
				continue
			}
			for _, x := range l.IDs {
				if !slices.Contains(all, x) {
					all, grown = append(all, x), true
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func swapped(cohort, out, in []string) []string {
	var list []string
	for _, id := range cohort {
		if !slices.Contains(out, id) {
			list = append(list, id)
		}
	}
	list = append(list, in...)
	slices.Sort(list)
	return list
}

func soak(reduced, full int) int {
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		return full
	}
	return reduced
}

// For everybody of small pools: the list of exact swaps is complete and nothing
// else is on it, the closest swap is the closest, the rules that need a member
// are those that are further off without them, and whoever is called fixed is in
// every cohort, or in none, that is as good.
func TestExplainAgainstBruteForce(t *testing.T) {
	const seed = 41
	var people, swaps, fixed, closest, tiedUp int
	instances := soak(60, 1500)
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 11)
		c, o := s.Criteria, s.Outcome
		equal := bestSets(s.People, c)
		for _, p := range s.People {
			people++
			x, err := selection.Explain(context.Background(), s, p.ID, selection.Options{})
			if err != nil {
				t.Fatalf("instance %d of seed %d: %v", i, seed, err)
			}
			in := slices.Contains(o.Cohort, p.ID)
			own := partners(c, p.ID)
			if len(own) > 1 {
				tiedUp++
			}
			var want [][2][]string
			var least []int64
			for _, q := range s.People {
				other := partners(c, q.ID)
				if slices.Contains(o.Cohort, q.ID) == in || other[0] != q.ID {
					continue
				}
				out, coming := own, other
				if !in {
					out, coming = other, own
				}
				v := vector(s.People, c, o, swapped(o.Cohort, out, coming))
				if !slices.ContainsFunc(v, func(n int64) bool { return n > 0 }) {
					want = append(want, [2][]string{out, coming})
				}
				if least == nil || slices.Compare(v, least) < 0 {
					least = v
				}
			}
			var got [][2][]string
			for _, w := range x.Swaps {
				got = append(got, [2][]string{w.Out, w.In})
			}
			slices.SortFunc(want, func(a, b [2][]string) int {
				if d := slices.Compare(a[0], b[0]); d != 0 {
					return d
				}
				return slices.Compare(a[1], b[1])
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("instance %d of seed %d, swaps of %s: %s\n%+v", i, seed, p.ID, diff, s)
			}
			swaps += len(got)
			if (x.Closest == nil) != (len(want) > 0 || least == nil) {
				t.Fatalf("instance %d of seed %d: %s has the closest swap %v and %d exact ones", i, seed, p.ID, x.Closest, len(want))
			}
			if x.Closest != nil {
				closest++
				v := vector(s.People, c, o, swapped(o.Cohort, x.Closest.Out, x.Closest.In))
				// With an excluded person in the cohort the two count what else is broken
				// differently: there it is enough that no swap keeps all conditions.
				if !slices.Equal(v, least) && (v[0] == 0 || least[0] == 0) {
					t.Fatalf("instance %d of seed %d: the closest swap of %s loses %v, the least is %v", i, seed, p.ID, v, least)
				}
				level := slices.IndexFunc(v, func(n int64) bool { return n > 0 })
				if b := x.Closest.Breach; b.By != v[level] && level > 0 || b.Exact() {
					t.Fatalf("instance %d of seed %d: breach %+v of %v", i, seed, b, v)
				}
			}
			if in {
				var helps []int
				without := swapped(o.Cohort, own, nil)
				after := selection.Count(s.People, c, without)
				for k, before := range o.Rules {
					if after[k].Short > before.Short {
						helps = append(helps, before.Row)
					}
				}
				var rows []int
				for _, h := range x.Helps {
					rows = append(rows, h.Before.Row)
				}
				if !slices.Equal(helps, rows) {
					t.Fatalf("instance %d of seed %d: %s helps %v, want %v", i, seed, p.ID, rows, helps)
				}
			}
			if !x.Decided || x.In != in {
				t.Fatalf("instance %d of seed %d: %s: %+v", i, seed, p.ID, x)
			}
			if len(c.Allow) > 0 {
				continue // the oracle's later stages would allow it twice
			}
			always := !slices.ContainsFunc(equal, func(set []string) bool { return slices.Contains(set, p.ID) != in })
			if always != (x.Fixed != nil) {
				t.Fatalf("instance %d of seed %d: %s (in: %v) fixed %+v, want %v\n%+v", i, seed, p.ID, in, x.Fixed, always, s)
			}
			if always {
				fixed++
				if x.Lock == "" && !in {
					if want := reason(s.People, c, p.ID); x.Fixed.Reason != want {
						t.Fatalf("instance %d of seed %d: %s out for %s, want %s", i, seed, p.ID, x.Fixed.Reason, want)
					}
				}
			}
		}
	}
	t.Logf("figure: explanations of %d people of %d pools against every swap: %d exact swaps, %d closest ones, %d people fixed, %d tied", people, instances, swaps, closest, fixed, tiedUp)
	if swaps == 0 || fixed == 0 || closest == 0 || tiedUp == 0 {
		t.Error("the mix is too easy")
	}
}

// Of all cohorts that are equally good, listed by brute force, each alternative
// is the one that the order names.
func TestAlternativesAgainstBruteForce(t *testing.T) {
	const seed = 42
	instances := soak(40, 800)
	var several, all int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 11)
		s.Criteria.Allow = nil
		s.Outcome = mustSelect(t, s.People, s.Criteria, "s", selection.Options{})
		equal := bestSets(s.People, s.Criteria)
		got, err := selection.Alternatives(context.Background(), s, 4, selection.Options{})
		if err != nil || !got.Proved || !got.Complete {
			t.Fatalf("instance %d of seed %d: %v %+v", i, seed, err, got)
		}
		before := [][]string{s.Outcome.Cohort}
		var want [][]string
		for len(want) < 4 {
			best := -1
			var least []int64
			for k, set := range equal {
				if slices.ContainsFunc(before, func(b []string) bool { return slices.Equal(b, set) }) {
					continue
				}
				v := []int64{0, 0, 0, 0, 0}
				for _, b := range before {
					n := int64(0)
					for _, id := range set {
						if slices.Contains(b, id) {
							n++
						}
					}
					v[0] = max(v[0], n)
					v[1] += n
				}
				for _, id := range set {
					for j, w := range definedLots("s", id) {
						v[2+j] -= w
					}
				}
				if d := slices.Compare(v, least); best < 0 || d < 0 || d == 0 && slices.Compare(set, equal[best]) < 0 {
					best, least = k, v
				}
			}
			if best < 0 {
				break
			}
			want, before = append(want, equal[best]), append(before, equal[best])
		}
		var cohorts [][]string
		for _, a := range got.List {
			cohorts = append(cohorts, a.Cohort)
			if v := vector(s.People, s.Criteria, s.Outcome, a.Cohort); slices.Max(v) > 0 {
				t.Fatalf("instance %d of seed %d: an alternative loses %v", i, seed, v)
			}
		}
		if diff := cmp.Diff(want, cohorts); diff != "" {
			t.Fatalf("instance %d of seed %d: %s", i, seed, diff)
		}
		if got.All != (len(want) < 4) {
			t.Fatalf("instance %d of seed %d: All %v with %d of %d", i, seed, got.All, len(want), len(equal)-1)
		}
		if len(want) > 1 {
			several++
		}
		if got.All {
			all++
		}
	}
	t.Logf("figure: alternatives of %d pools against all equally good cohorts: %d with two or more, %d with fewer than four in all", instances, several, all)
	if 4*several < instances || all == 0 {
		t.Error("the mix is too easy")
	}
}

// repairOracle finds the repair stage by stage by trying every subset.
func repairOracle(s selection.Selected, confirmed, declined []string) (c matcher.Criteria, a answer, exact bool) {
	c = s.Criteria
	c.Include = nil
	for _, id := range slices.Concat(s.Criteria.Include, confirmed) {
		if !slices.Contains(declined, id) && !slices.Contains(c.Include, id) {
			c.Include = append(c.Include, id)
		}
	}
	c.Exclude = slices.Concat(c.Exclude, declined)
	limit := limitsOf(s.Criteria, s.Outcome)
	none := func(string) [3]int64 { return [3]int64{} }
	allow := map[int]int64{}
	exact = true
	for g := 1; g <= matcher.MaxPriority; g++ {
		c.Allow = allow
		if g > 1 && len(s.Criteria.Allow) == 0 && g < matcher.MaxPriority {
			continue // nothing is allowed: once is enough
		}
		a = oracle(s.People, c, none, noBug)
		if !a.hardPossible || !a.feasible {
			return c, a, false
		}
		if d := s.Criteria.Allow[g]; d > 0 {
			allow[g] = min(d, max(0, limit[g]-a.optimum[g]))
		}
	}
	c.Allow = allow
	a = oracle(s.People, c, none, noBug)
	for g, v := range a.optimum {
		exact = exact && v <= limit[g]
	}
	return c, a, exact && a.size >= s.Outcome.Size.Bound
}

// Whoever declines and whoever confirmed: the repair is what trying every subset
// finds, exact or not, allowed deviations included.
func TestReplaceAgainstBruteForce(t *testing.T) {
	const seed = 43
	instances := soak(60, 1500)
	var exact, moved, sizes, musts, clashes, allowed int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 11)
		if rng.IntN(2) == 0 {
			s.Criteria.Allow = map[int]int64{1 + rng.IntN(3): 1 + rng.Int64N(3)}
			s.Outcome = mustSelect(t, s.People, s.Criteria, "s", selection.Options{})
		}
		var confirmed, declined []string
		for k, id := range s.Outcome.Cohort {
			switch r := rng.IntN(4); {
			case r == 0 || k == 0:
				declined = append(declined, id)
			case r < 3:
				confirmed = append(confirmed, id)
			}
		}
		confirmed = slices.DeleteFunc(confirmed, func(id string) bool {
			return slices.ContainsFunc(partners(s.Criteria, id), func(x string) bool { return slices.Contains(declined, x) })
		})
		got, err := selection.Replace(context.Background(), s, confirmed, declined, selection.Options{})
		if err != nil {
			t.Fatalf("instance %d of seed %d: %v", i, seed, err)
		}
		c, want, ok := repairOracle(s, confirmed, declined)
		fail := func(what string, args ...any) {
			t.Helper()
			t.Fatalf("instance %d of seed %d: "+what+"\nconfirmed %v declined %v\n%+v\nrepair %+v %+v", append(append([]any{i, seed}, args...), confirmed, declined, s, got, got.Outcome)...)
		}
		if got.Exact != ok {
			fail("exact %v, want %v", got.Exact, ok)
		}
		switch {
		case !want.hardPossible:
			clashes++
			if got.Outcome.Status != matcher.Infeasible || len(got.Moves) != 1 || got.Moves[0].Reason != selection.ExcludedByConditions {
				fail("conditions clash")
			}
			continue
		case !want.feasible:
			musts++
			if got.Outcome.Status != matcher.Infeasible || len(got.Moves) != 1 || got.Moves[0].Reason != selection.ExcludedByMust || got.Moves[0].Least != want.least {
				fail("rules that must hold are off by %d", want.least)
			}
			continue
		}
		if got.Outcome.Status != matcher.Optimal {
			fail("status %s", got.Outcome.Status)
		}
		bounds := map[int]int64{}
		for _, d := range got.Outcome.Deviation {
			bounds[d.Priority] = d.Bound.Bound
			if got.Criteria.Allow[d.Priority] != c.Allow[d.Priority] {
				fail("allowed %v, want %v", got.Criteria.Allow, c.Allow)
			}
		}
		if diff := cmp.Diff(want.optimum, bounds); diff != "" {
			fail("optimum %s", diff)
		}
		if got.Outcome.Size.Bound != want.size || got.Outcome.Score.Bound != want.bestScore {
			fail("size %d score %d", want.size, want.bestScore)
		}
		if !slices.ContainsFunc(want.equal, func(set []string) bool { return slices.Equal(set, got.Outcome.Cohort) }) {
			fail("the cohort is none of the best")
		}
		for _, m := range got.Moves {
			if m.Reason == selection.ExcludedBySize {
				sizes++
			} else if moved++; len(m.Rules) == 0 {
				fail("no rule of %+v moves", m)
			}
		}
		if got.Exact {
			exact++
		}
		if len(c.Allow) > 0 {
			allowed++
		}
		// Its steps lead to the same without proving them again.
		again := mustSelect(t, s.People, got.Criteria, "s", selection.Options{Done: got.Steps})
		if again.Status != matcher.Optimal || !reflect.DeepEqual(dropValues(again.Deviation), dropValues(got.Outcome.Deviation)) {
			fail("selecting under its criteria: %+v", again)
		}
	}
	t.Logf("figure: %d repairs of pools of at most 11 people against every subset: %d exact, priorities that give way %d, smaller cohorts %d, rules that must hold %d, conditions %d; %d with something allowed", instances, exact, moved, sizes, musts, clashes, allowed)
	if exact == 0 || moved == 0 || musts == 0 || clashes == 0 || allowed == 0 {
		t.Error("the mix is too easy")
	}
}

func dropValues(list []matcher.Deviation) []matcher.Deviation {
	list = slices.Clone(list)
	for i := range list {
		list[i].Value = 0
	}
	return list
}
