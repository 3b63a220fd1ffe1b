package selection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

func mustSelect(t testing.TB, people []matcher.Person, c matcher.Criteria, seed string, o selection.Options) *matcher.Outcome {
	t.Helper()
	out, err := selection.Select(context.Background(), people, c, seed, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func record(people []matcher.Person, c matcher.Criteria, seed string, o *matcher.Outcome) []byte {
	return matcher.NewRecord(o, matcher.InputDigest(people, c, seed), "test").AppendJSON(nil)
}

// shuffled returns the same input told in another order.
func shuffled(rng *rand.Rand, people []matcher.Person, c matcher.Criteria) ([]matcher.Person, matcher.Criteria) {
	people = slices.Clone(people)
	rng.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
	for i := range people {
		values := map[string][]string{}
		for attribute, held := range people[i].Values {
			if len(held) > 0 {
				held = append(slices.Clone(held), held[rng.IntN(len(held))]) // repeats count once
			}
			rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			values[attribute] = held
		}
		people[i].Values = values
	}
	c.Links = slices.Clone(c.Links)
	rng.Shuffle(len(c.Links), func(i, j int) { c.Links[i], c.Links[j] = c.Links[j], c.Links[i] })
	for i := range c.Links {
		ids := slices.Clone(c.Links[i].IDs)
		slices.Reverse(ids)
		c.Links[i].IDs = ids
	}
	c.Caps = slices.Clone(c.Caps)
	slices.Reverse(c.Caps)
	return people, c
}

// The bytes of a record depend neither on the order of the people, values,
// links and caps nor on the number of processors.
func TestOrderAndProcessorsChangeNothing(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const seed = 5
	check := func(name string, people []matcher.Person, c matcher.Criteria, rng *rand.Rand) {
		runtime.GOMAXPROCS(1)
		want := record(people, c, "s", mustSelect(t, people, c, "s", selection.Options{}))
		runtime.GOMAXPROCS(2)
		people, c = shuffled(rng, people, c)
		got := record(people, c, "s", mustSelect(t, people, c, "s", selection.Options{}))
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("%s of seed %d: %s", name, seed, diff)
		}
	}
	for i := range 120 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		check(fmt.Sprintf("instance %d", i), people, c, rng)
	}
	for n := range 3 {
		rng := rand.New(rand.NewPCG(seed, uint64(1000+n)))
		check(fmt.Sprintf("pool %d", n), invented(120, uint64(n)), northSound(15), rng)
	}
}

// The order of the rules decides the order of the counts and nothing else;
// names of attributes and values decide nothing at all.
func TestRuleOrderAndNamesChangeNothing(t *testing.T) {
	const seed = 6
	for i := range 150 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		want := mustSelect(t, people, c, "s", selection.Options{})

		rename := func(s string) string { return fmt.Sprintf("%x", "zeta"+strings.ToUpper(s)) }
		var renamed []matcher.Person
		for _, p := range people {
			q := matcher.Person{ID: p.ID, Values: map[string][]string{}}
			for attribute, held := range p.Values {
				for _, v := range held {
					q.Values[rename(attribute)] = append(q.Values[rename(attribute)], rename(v))
				}
			}
			renamed = append(renamed, q)
		}
		d := c
		d.Rules = nil
		for _, r := range c.Rules {
			var terms []matcher.Term
			for _, term := range r.Property.Terms {
				term.Attribute = rename(term.Attribute)
				var values []string
				for _, v := range term.Values {
					values = append(values, rename(v))
				}
				term.Values = values
				terms = append(terms, term)
			}
			r.Property.Terms = terms
			d.Rules = append(d.Rules, r)
		}
		d.Caps = nil
		for _, limit := range c.Caps {
			d.Caps = append(d.Caps, matcher.HardCap{Attribute: rename(limit.Attribute), Max: limit.Max})
		}
		slices.Reverse(d.Rules)
		got := mustSelect(t, renamed, d, "s", selection.Options{})
		slices.Reverse(got.Rules)
		if got.Infeasibility != nil {
			slices.Reverse(got.Infeasibility.ClosestRules)
			if c.Caps != nil { // a clash and a conflict name attributes
				got.Infeasibility.Clash, want.Infeasibility.Clash = nil, nil
				got.Infeasibility.Conflict, want.Infeasibility.Conflict = nil, nil
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("instance %d of seed %d: %s", i, seed, diff)
		}
	}
}

// A run handed the first steps of another one comes to the same bytes and
// tells the later steps only.
func TestResume(t *testing.T) {
	const seed = 8
	for i := range 60 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		var steps []selection.Step
		note := func(s selection.Step) error { steps = append(steps, s); return nil }
		want := record(people, c, "s", mustSelect(t, people, c, "s", selection.Options{Proved: note}))
		all := steps
		for n := range len(all) + 1 {
			for _, work := range []int64{0, 1 << 40} {
				steps = nil
				got := record(people, c, "s", mustSelect(t, people, c, "s", selection.Options{Done: all[:n], Proved: note, Work: work}))
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Fatalf("instance %d of seed %d after %d steps: %s", i, seed, n, diff)
				}
				rest := all[n:]
				if work > 0 {
					rest = all // proved again: the limit is part of the result
				}
				if diff := cmp.Diff(len(rest), len(steps)); diff != "" || !slices.Equal(rest, steps) {
					t.Fatalf("instance %d of seed %d after %d steps: steps %v, want %v", i, seed, n, steps, rest)
				}
			}
		}
	}
}

func TestDoneOfAnotherInputIsRefused(t *testing.T) {
	people := invented(40, 1)
	_, err := selection.Select(context.Background(), people, northSound(15), "s", selection.Options{
		Done: []selection.Step{{Name: selection.StepFeasible, Value: 1}, {Name: selection.StepSize, Value: 15}, {Name: "seed 1", Value: 3}},
	})
	if err == nil || !strings.Contains(err.Error(), `step "seed 1"`) {
		t.Errorf("error %v, want one about the step", err)
	}
}

func TestProvedErrorEndsTheRun(t *testing.T) {
	stop := errors.New("the lease is gone")
	calls := 0
	_, err := selection.Select(context.Background(), invented(40, 1), northSound(15), "s", selection.Options{
		Proved: func(selection.Step) error { calls++; return stop },
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("error %v after %d calls, want %v after 1", err, calls, stop)
	}
}

// A limit in work gives the same honest answer every time: a cohort that keeps
// the rules or none, bounds that the truth does not break, and OPTIMAL only
// for what the unlimited run finds.
func TestWorkLimit(t *testing.T) {
	statuses := map[matcher.Status]int{}
	check := func(people []matcher.Person, c matcher.Criteria, work int64) {
		truth := mustSelect(t, people, c, "s", selection.Options{})
		o := mustSelect(t, people, c, "s", selection.Options{Work: work})
		statuses[o.Status]++
		if !o.Complete {
			t.Fatal("a limit in work must leave the result complete")
		}
		if again := mustSelect(t, people, c, "s", selection.Options{Work: work}); !cmp.Equal(o, again) {
			t.Fatal("two runs with the same limit differ")
		}
		allBest := o.Size.Got == o.Size.Bound && o.Score.Value == o.Score.Bound
		for i, d := range o.Deviation {
			if d.Bound.Bound > d.Value {
				t.Fatalf("work %d: deviation %+v", work, d)
			}
			allBest = allBest && d.Value-d.Bound.Bound <= c.Allow[d.Priority]
			if i == 0 && d.Bound.Bound > truth.Deviation[0].Bound.Bound {
				t.Fatalf("work %d: bound %d of the first priority, its optimum is %d", work, d.Bound.Bound, truth.Deviation[0].Bound.Bound)
			}
		}
		switch o.Status {
		case matcher.Optimal:
			if !cmp.Equal(o, truth) {
				t.Fatalf("work %d: OPTIMAL, but not what the unlimited run finds: %s", work, cmp.Diff(truth, o))
			}
			if !allBest {
				t.Fatalf("work %d: OPTIMAL with open bounds %+v", work, o)
			}
		case matcher.Feasible:
			if truth.Status != matcher.Optimal || len(o.Cohort) != o.Size.Got || o.Size.Bound < truth.Size.Got {
				t.Fatalf("work %d: %+v, truth %+v", work, o, truth)
			}
			for _, r := range selection.Count(people, c, o.Cohort) {
				if r.Priority == matcher.Must && r.Short+r.Over > 0 {
					t.Fatalf("work %d: a rule that must hold is broken", work)
				}
			}
		case matcher.Infeasible:
			if truth.Status != matcher.Infeasible {
				t.Fatalf("work %d: INFEASIBLE, truth %s", work, truth.Status)
			}
			if least := o.Infeasibility.LeastTotalDeviation; least != nil && *least != *truth.Infeasibility.LeastTotalDeviation {
				t.Fatalf("work %d: least deviation %d, truth %d", work, *least, *truth.Infeasibility.LeastTotalDeviation)
			}
		case matcher.Undecided:
			if len(o.Cohort)+len(o.Rules) > 0 {
				t.Fatalf("work %d: UNDECIDED with a cohort", work)
			}
		}
	}
	for work := int64(1); work < 4000; work = work*3/2 + 1 {
		check(invented(60, 2), northSound(15), work)
		check(invented(60, 3), allMust(northSound(15)), work)
	}
	for i := range 60 {
		rng := rand.New(rand.NewPCG(12, uint64(i)))
		people, c := randomInstance(rng)
		check(people, c, int64(1+rng.IntN(40)))
	}
	t.Log(statuses)
	for _, s := range []matcher.Status{matcher.Optimal, matcher.Feasible, matcher.Infeasible, matcher.Undecided} {
		if statuses[s] == 0 {
			t.Errorf("no run ended %s", s)
		}
	}
}

func TestCancel(t *testing.T) {
	people, c := invented(120, 4), northSound(15)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o, err := selection.Select(ended, people, c, "s", selection.Options{})
	if err != nil || o.Status != matcher.Undecided || o.Complete {
		t.Errorf("canceled before the start: %+v, %v", o, err)
	}
	for _, step := range []string{"size", "priority 1", "priority 3", "seed 1"} {
		ctx, cancel := context.WithCancel(context.Background())
		o, err := selection.Select(ctx, people, c, "s", selection.Options{Proved: func(s selection.Step) error {
			if s.Name == step {
				cancel()
			}
			return nil
		}})
		cancel()
		if err != nil || o.Complete || o.Status != matcher.Feasible || len(o.Cohort) != 15 {
			t.Errorf("canceled after %s: %+v, %v", step, o, err)
		}
	}
}

func TestProgressIsTold(t *testing.T) {
	var steps []string
	mustSelect(t, invented(60, 5), northSound(15), "s", selection.Options{Progress: func(p selection.Progress) {
		if len(steps) == 0 || steps[len(steps)-1] != p.Step {
			steps = append(steps, p.Step)
		}
	}})
	if len(steps) < 3 || steps[0] != selection.StepFeasible {
		t.Errorf("steps told: %v", steps)
	}
}

// neutral leaves of the criteria what the neutral set of North Sound has: no
// identity and no company rules.
func neutral(c matcher.Criteria) matcher.Criteria {
	c.Rules = slices.DeleteFunc(slices.Clone(c.Rules), func(r matcher.Rule) bool {
		return r.Kind == matcher.Company || !slices.Contains([]string{"county", "sector", "role", "place", "organization"}, r.Feature)
	})
	return c
}

// Among North Sound's criteria, one per organization comes after the targets:
// where the targets need two people of one organization both are taken, where
// an equal person of another organization exists one of each is.
func TestTwoOfOneOrganization(t *testing.T) {
	const first, second = 7, 23
	for seed := range uint64(6) {
		// Two people of one organization are the only ones of two counties.
		people := invented(60, seed)
		for i := range people {
			people[i].Values["county"] = slices.DeleteFunc(people[i].Values["county"], func(v string) bool { return v == "c3" || v == "c4" })
			people[i].Values["organization"] = []string{"own" + people[i].ID}
		}
		people[first].Values["county"] = []string{"c3"}
		people[second].Values["county"] = []string{"c4"}
		for _, i := range []int{first, second} {
			people[i].Values["organization"] = []string{"shared"}
		}
		c := neutral(northSound(15))
		two := mustSelect(t, people, c, "s", selection.Options{})
		for _, i := range []int{first, second} {
			if !slices.Contains(two.Cohort, people[i].ID) {
				t.Errorf("pool %d: %s is not in, though a target needs them", seed, people[i].ID)
			}
			without := c
			without.Exclude = []string{people[i].ID}
			if o := mustSelect(t, people, without, "s", selection.Options{}); o.Deviation[0].Value <= two.Deviation[0].Value {
				t.Fatalf("pool %d: the optimum does not need %s: the test proves nothing", seed, people[i].ID)
			}
		}
		// The same pool with somebody elsewhere who is equal to the second.
		twin := matcher.Person{ID: "twin", Values: map[string][]string{}}
		for attribute, held := range people[second].Values {
			twin.Values[attribute] = held
		}
		twin.Values["organization"] = []string{"elsewhere"}
		one := mustSelect(t, append(slices.Clone(people), twin), c, "s", selection.Options{})
		in := func(id string) bool { return slices.Contains(one.Cohort, id) }
		if !in(people[first].ID) || in(people[second].ID) || !in("twin") {
			t.Errorf("pool %d: not one of each organization although an equal person is elsewhere: %v", seed, one.Cohort)
		}
	}
}

// Never more than three of one organization, whatever the targets say.
func TestMustCapHolds(t *testing.T) {
	people := invented(40, 3)
	for i := range 30 {
		people[i].Values["organization"] = []string{"big"}
	}
	c := northSound(12)
	c.MinSize = 12
	o := mustSelect(t, people, c, "s", selection.Options{})
	n := 0
	for _, id := range o.Cohort {
		for _, p := range people {
			if p.ID == id && p.Values["organization"][0] == "big" {
				n++
			}
		}
	}
	if o.Status != matcher.Optimal || n > 3 {
		t.Errorf("%s with %d of one organization", o.Status, n)
	}
}

// A company rule asks for two where two applied and for nothing where one
// applied alone, so that nobody is shut out to keep them from being alone.
func TestCompanyShutsNobodyOut(t *testing.T) {
	people := []matcher.Person{
		{ID: "alone", Values: map[string][]string{"county": {"san juan"}}},
		{ID: "x1", Values: map[string][]string{"county": {"skagit"}}},
		{ID: "x2", Values: map[string][]string{"county": {"skagit"}}},
		{ID: "x3", Values: map[string][]string{"county": {"skagit"}}},
	}
	c := matcher.Criteria{Size: 3, MinSize: 3, Include: []string{"alone"}, Rules: []matcher.Rule{{
		Row: 1, Kind: matcher.Company, Min: 2, Max: 3, Weight: 1,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: "county", Wildcard: true}}},
	}}}
	o := mustSelect(t, people, c, "s", selection.Options{})
	if o.Status != matcher.Optimal || o.Rules[0].Pool != 1 || o.Rules[0].Count != 1 {
		t.Errorf("%s %+v", o.Status, o.Rules)
	}
}

func TestClashIsNamed(t *testing.T) {
	home := func(id, house string) matcher.Person {
		return matcher.Person{ID: id, Values: map[string][]string{"household": {house}}}
	}
	people := []matcher.Person{home("a", "1"), home("b", "1"), home("c", "2"), home("d", "3"), home("e", "3"), home("f", "4")}
	for _, c := range []struct {
		name     string
		criteria matcher.Criteria
		want     []string
	}{
		{
			"two included of one household",
			matcher.Criteria{Size: 4, MinSize: 2, Include: []string{"f", "a", "b"}, Caps: []matcher.HardCap{{Attribute: "household", Max: 1}}},
			[]string{"include a", "include b", "at most 1 per household"},
		},
		{
			"too many for the households",
			matcher.Criteria{Size: 5, MinSize: 5, Caps: []matcher.HardCap{{Attribute: "household", Max: 1}}},
			[]string{"at most 1 per household", "size at least 5"},
		},
		{
			"apart but both included",
			matcher.Criteria{Size: 3, MinSize: 3, Include: []string{"a", "c"}, Links: []matcher.Link{{Kind: matcher.Apart, IDs: []string{"a", "c"}}, {Kind: matcher.Apart, IDs: []string{"d", "e"}}}},
			[]string{"apart a, c", "include a", "include c"},
		},
		{
			"tied to somebody who is out",
			matcher.Criteria{Size: 3, MinSize: 1, Include: []string{"a"}, Exclude: []string{"c"}, Links: []matcher.Link{{Kind: matcher.Together, IDs: []string{"a", "b"}}, {Kind: matcher.Together, IDs: []string{"b", "c"}}}},
			[]string{"together a, b", "together b, c", "include a", "exclude c"},
		},
		{
			"tied people over the size",
			matcher.Criteria{Size: 2, MinSize: 0, Include: []string{"a"}, Links: []matcher.Link{{Kind: matcher.Together, IDs: []string{"a", "b", "c"}}}},
			[]string{"together a, b, c", "include a", "size at most 2"},
		},
		{
			"nobody left of a list",
			matcher.Criteria{Size: 2, MinSize: 2, Exclude: []string{"a", "b"}, Links: []matcher.Link{{Kind: matcher.AtLeastOne, IDs: []string{"a", "b"}}}},
			[]string{"at least one of a, b", "exclude a", "exclude b"},
		},
		{
			"too few left",
			matcher.Criteria{Size: 4, MinSize: 2, Exclude: []string{"a", "b", "c", "d", "e"}},
			[]string{"size at least 2", "exclude 5 of 6 people"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := mustSelect(t, people, c.criteria, "s", selection.Options{})
			if o.Status != matcher.Infeasible || o.Infeasibility.LeastTotalDeviation != nil {
				t.Fatalf("%+v", o)
			}
			got, want := slices.Clone(o.Infeasibility.Clash), slices.Clone(c.want)
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Check agrees with Select on whether there is a cohort, and on the closest
// one's objectives.
func TestCheckAgreesWithSelect(t *testing.T) {
	const seed = 9
	for i := range 150 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		people, c := randomInstance(rng)
		o := mustSelect(t, people, c, "s", selection.Options{})
		v, err := selection.Check(context.Background(), people, c, selection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if (v.Status == matcher.Feasible) != (o.Status == matcher.Optimal) || !v.Complete {
			t.Fatalf("instance %d of seed %d: check says %s, select %s", i, seed, v.Status, o.Status)
		}
		if v.Status == matcher.Feasible {
			for _, r := range selection.Count(people, c, v.Witness) {
				if r.Priority == matcher.Must && r.Short+r.Over > 0 {
					t.Fatalf("instance %d of seed %d: the witness breaks rule %d", i, seed, r.Row)
				}
			}
			continue
		}
		if diff := cmp.Diff(o.Infeasibility.LeastTotalDeviation, v.Infeasibility.LeastTotalDeviation); diff != "" {
			t.Fatalf("instance %d of seed %d: %s", i, seed, diff)
		}
		if len(o.Infeasibility.Closest) != len(v.Infeasibility.Closest) {
			t.Fatalf("instance %d of seed %d: closest cohorts of %d and %d", i, seed, len(o.Infeasibility.Closest), len(v.Infeasibility.Closest))
		}
	}
}
