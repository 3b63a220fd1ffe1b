package selection_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

func mustExamine(t testing.TB, people []matcher.Person, c matcher.Criteria, o selection.Options) (*selection.Verdict, *selection.Details) {
	t.Helper()
	v, err := selection.Check(context.Background(), people, c, selection.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := selection.Examine(context.Background(), people, c, v, o)
	if err != nil {
		t.Fatal(err)
	}
	return v, d
}

// What a check says of ranges and decliners is what counting every cohort says.
func TestExamineAgainstBruteForce(t *testing.T) {
	instances, seed := 250, uint64(43)
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		instances = 4000
	}
	tightness := map[selection.Tightness]int{}
	var possible, ranges, decliners, shut, shutAtBest, yielded int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		v, d := mustExamine(t, people, c, selection.Options{})
		if v.Status != matcher.Feasible {
			continue
		}
		possible++
		c = selection.Yielded(c, d.Yields)
		if len(d.Yields) > 0 {
			yielded++
		}
		s := newSmall(people, c)
		bounds := s.bounds()
		want := make([]selection.Range, len(c.Rules))
		for k := range want {
			want[k] = selection.Range{Least: math.MaxInt, Most: -1}
		}
		seen := map[string]bool{}
		for _, x := range s.allowed() {
			if slices.ContainsFunc(bounds, func(b bound) bool { return !s.keeps(b.rule, b.side, b.from, x) }) {
				continue
			}
			var cohort []string
			for k, p := range people {
				if x>>k&1 == 1 {
					cohort = append(cohort, p.ID)
					seen[p.ID] = true
				}
			}
			for k, n := range selection.Count(people, c, cohort) {
				want[k].Least, want[k].Most = min(want[k].Least, n.Count), max(want[k].Most, n.Count)
			}
		}
		for k, g := range d.Ranges {
			ranges++
			if g.Row != c.Rules[k].Row || !g.LeastProved || !g.MostProved || g.Least != want[k].Least || g.Most != want[k].Most {
				t.Fatalf("instance %d of seed %d: rule %+v counts %+v, want %d to %d\npeople %+v\ncriteria %+v", i, seed, c.Rules[k], g, want[k].Least, want[k].Most, people, c)
			}
			tightness[g.Tightness(c.Rules[k].Priority)]++
		}
		atBest := map[string]bool{}
		for _, cohort := range bestSets(people, c) {
			for _, id := range cohort {
				atBest[id] = true
			}
		}
		var expected []selection.Decliner
		for _, attribute := range attributesOf(c) {
			n := selection.Decliner{Attribute: attribute}
			for _, p := range people {
				if len(p.Values[attribute]) > 0 || slices.Contains(c.Exclude, p.ID) {
					continue
				}
				n.People++
				if seen[p.ID] {
					n.Allowed.Can++
				} else {
					n.Allowed.Cannot++
				}
				if atBest[p.ID] {
					n.Best.Can++
				} else {
					n.Best.Cannot++
				}
			}
			decliners, shut, shutAtBest = decliners+n.People, shut+n.Allowed.Cannot, shutAtBest+n.Best.Cannot
			expected = append(expected, n)
		}
		if diff := cmp.Diff(expected, d.Decliners); diff != "" {
			t.Fatalf("instance %d of seed %d: %s\npeople %+v\ncriteria %+v", i, seed, diff, people, c)
		}
	}
	t.Logf("figure: %d possible instances of seed %d: %d ranges (%v), %d decliners, of whom %d can be in no allowed cohort and %d in none of the best, %d where company gives way: all as by trying everything",
		possible, seed, ranges, tightness, decliners, shut, shutAtBest, yielded)
	for _, k := range []selection.Tightness{selection.Never, selection.Tight, selection.Room, selection.Always} {
		if tightness[k] < 3 {
			t.Errorf("the mix is too easy: %d rules are %s", tightness[k], k)
		}
	}
	if shut < 3 || shutAtBest <= shut {
		t.Errorf("the mix is too easy: %d and %d decliners are shut out", shut, shutAtBest)
	}
}

func attributesOf(c matcher.Criteria) []string {
	var names []string
	for _, r := range c.Rules {
		for _, t := range r.Property.Terms {
			names = append(names, t.Attribute)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A limit in work or a context that ends leaves less known, and nothing wrong.
func TestExamineCutOff(t *testing.T) {
	people, c := invented(120, 7), northSound(15)
	v, full := mustExamine(t, people, c, selection.Options{})
	if v.Status != matcher.Feasible || !full.Complete {
		t.Fatalf("%s, complete %v", v.Status, full.Complete)
	}
	for _, work := range []int64{1, 300, 2000} {
		_, d := mustExamine(t, people, c, selection.Options{Work: work})
		for k, g := range d.Ranges {
			truth := full.Ranges[k]
			if g.Least < truth.Least || g.Most > truth.Most ||
				g.LeastProved && g.Least != truth.Least || g.MostProved && g.Most != truth.Most {
				t.Errorf("work %d: %+v, truth %+v", work, g, truth)
			}
		}
		for k, n := range d.Decliners {
			truth := full.Decliners[k]
			if n.Allowed.Can > truth.Allowed.Can || n.Allowed.Cannot > truth.Allowed.Cannot || n.Best.Can > truth.Best.Can || n.Best.Cannot > truth.Best.Cannot {
				t.Errorf("work %d: %+v, truth %+v", work, n, truth)
			}
		}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if d, err := selection.Examine(gone, people, c, v, selection.Options{}); err != nil || d.Complete {
		t.Errorf("after the end of the context: %v, complete %v", err, d.Complete)
	}
	strict := allMust(c)
	v, err := selection.Check(context.Background(), people, strict, selection.Options{})
	if err != nil || v.Status != matcher.Infeasible {
		t.Fatal(v, err)
	}
	told := map[string]bool{}
	d, err := selection.Examine(context.Background(), people, strict, v, selection.Options{Progress: func(p selection.Progress) { told[p.Step] = true }})
	if err != nil || len(d.Infeasibility.Conflict) == 0 || !told[selection.StepConflict] || !told[selection.StepRelaxations] {
		t.Errorf("%+v, %v, told of %v", d, err, told)
	}
	for _, work := range []int64{1, 20} {
		cut, err := selection.Examine(context.Background(), people, strict, v, selection.Options{Work: work})
		if err != nil || !slices.Contains(cut.Infeasibility.Cut, matcher.CutRelaxations) {
			t.Errorf("work %d: %+v, %v", work, cut.Infeasibility, err)
		}
	}
	d, err = selection.Examine(gone, people, strict, v, selection.Options{})
	if err != nil || d.Complete || len(d.Infeasibility.Cut) != 2 {
		t.Errorf("after the end of the context: %+v, %v", d.Infeasibility, err)
	}
}

func TestFacts(t *testing.T) {
	person := func(id, county, race string) matcher.Person {
		p := matcher.Person{ID: id, Values: map[string][]string{"county": {county}}}
		if race != "" {
			p.Values["race"] = []string{race}
		}
		return p
	}
	people := []matcher.Person{
		person("a", "skagit", "x"), person("b", "skagit", "x"), person("c", "island", "x"),
		person("d", "island", ""), person("e", "skagit", ""), person("out", "skagit", "x"),
	}
	quota := func(row int, attribute, value string, lo, hi int) matcher.Rule {
		return matcher.Rule{Row: row, Min: lo, Max: hi, MaxFlex: 4, Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Values: []string{value}}}}}
	}
	c := matcher.Criteria{
		Size: 4, MinSize: 4, Include: []string{"e"}, Exclude: []string{"out"},
		Rules: []matcher.Rule{quota(1, "race", "x", 3, 4), quota(2, "county", "skagit", 0, 2)},
	}
	o := mustSelect(t, people, c, "s", selection.Options{})
	conflict := []matcher.Condition{{Bound: "include e"}, {Row: 1, Bound: "MIN"}, {Row: 2, Bound: "MAX"}}
	if diff := cmp.Diff(conflict, o.Infeasibility.Conflict); diff != "" {
		t.Fatal(diff)
	}
	ways := []matcher.Relaxation{
		{Cost: 1, Changes: []matcher.Change{{Row: 1, Bound: "MIN", From: 3, To: 2}}},
		{Cost: 1, Changes: []matcher.Change{{Row: 2, Bound: "MAX", From: 2, To: 3}}},
		{Cost: 1, Changes: []matcher.Change{{Bound: "include e", From: 1}}},
	}
	if diff := cmp.Diff(ways, o.Infeasibility.Relaxations); diff != "" {
		t.Error(diff)
	}
	facts := []selection.Fact{
		{People: 1, Overlaps: []selection.Overlap{{Member: 1, Both: 0}, {Member: 2, Both: 1}}},
		{People: 3, Overlaps: []selection.Overlap{{Member: 2, Both: 2}}},
		{People: 3, Overlaps: []selection.Overlap{{Member: 1, Both: 2}}},
	}
	if diff := cmp.Diff(facts, selection.Facts(people, c, conflict)); diff != "" {
		t.Error(diff)
	}
	sized := append(conflict, matcher.Condition{Bound: "size at most 4"})
	if got := selection.Facts(people, c, sized)[3]; got.People != -1 || got.Overlaps != nil {
		t.Errorf("the size counts %+v", got)
	}
}

// How long the details take on a pool of a usual size: they come after the
// verdict, and a person waits for them.
func TestExamineTakesNotLong(t *testing.T) {
	for _, shape := range []string{"targets", "must"} {
		c := northSound(15)
		if shape == "must" {
			c = allMust(c)
		}
		start := time.Now()
		_, d := mustExamine(t, invented(200, 3), c, selection.Options{})
		t.Log("figure:", fmt.Sprintf("details of a check, %s, n = 200: %d pivots, %s", shape, d.Pivots, time.Since(start).Round(time.Millisecond)))
		if d.Pivots > 200_000 {
			t.Errorf("%s: %d pivots", shape, d.Pivots)
		}
	}
}

// BenchmarkExamine is what comes after the verdict of BenchmarkCheck.
func BenchmarkExamine(b *testing.B) {
	for _, n := range []int{60, 200, 500} {
		pools := benchPools(n)
		for _, shape := range []string{"targets", "must"} {
			b.Run(fmt.Sprintf("%s/n=%d", shape, n), func(b *testing.B) {
				c := northSound(15)
				if shape == "must" {
					c = allMust(c)
				}
				timed(b, pools, func(people []matcher.Person) {
					if _, d := mustExamine(b, people, c, selection.Options{}); !d.Complete {
						b.Fatal(d)
					}
				})
			})
		}
	}
}
