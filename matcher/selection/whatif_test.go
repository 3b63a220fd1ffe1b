package selection_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Swaps, locks and changed rules, tried at once, give what selecting under the
// changed criteria and counting the swapped cohort give.
func TestWhatIfAgainstSelect(t *testing.T) {
	const seed = 45
	instances := soak(80, 1500)
	var impossible, swaps, exact, costly, rejected int
	for i := range instances {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 11)
		var ch selection.Changes
		want := s.Criteria
		want.Include, want.Exclude, want.Rules = slices.Clone(want.Include), slices.Clone(want.Exclude), slices.Clone(want.Rules)
		if rng.IntN(2) == 0 {
			row := rng.IntN(len(want.Rules))
			r := &want.Rules[row]
			edit := selection.RuleEdit{Row: r.Row}
			switch rng.IntN(3) {
			case 0:
				r.Min, r.Max = r.Min+1, r.Max+1
				edit.Min, edit.Max = &r.Min, &r.Max
			case 1:
				r.Priority, r.Weight = 2, 1
				r.Alone, r.Relief = nil, 0 // as a target it gives way by what is allowed
				edit.Priority, edit.Weight = &r.Priority, &r.Weight
			default:
				edit.Remove = true
			}
			ch.Rules = append(ch.Rules, edit)
			if edit.Remove {
				want.Rules = slices.Delete(want.Rules, row, row+1)
			}
		}
		someone := s.People[rng.IntN(len(s.People))].ID
		locked := slices.Contains(want.Include, someone) || slices.Contains(want.Exclude, someone)
		switch k := rng.IntN(4); {
		case k == 0 && !locked && len(want.Include) < want.Size:
			ch.Include, want.Include = []string{someone}, append(want.Include, someone)
		case k == 1 && !locked:
			ch.Exclude, want.Exclude = []string{someone}, append(want.Exclude, someone)
		case k == 2 && locked:
			ch.Free = []string{someone}
			is := func(id string) bool { return id == someone }
			want.Include, want.Exclude = slices.DeleteFunc(want.Include, is), slices.DeleteFunc(want.Exclude, is)
		}
		cohort := s.Outcome.Cohort
		if rng.IntN(2) == 0 {
			for _, p := range s.People {
				if slices.Contains(cohort, p.ID) {
					continue
				}
				w := selection.Exchange{Out: cohort[0], In: p.ID}
				cohort = swapped(cohort, []string{w.Out}, []string{w.In})
				if rng.IntN(2) == 0 { // the same in two steps
					ch.Swaps = append(ch.Swaps, selection.Exchange{In: w.In}, selection.Exchange{Out: w.Out})
				} else {
					ch.Swaps = append(ch.Swaps, w)
				}
				break
			}
		}
		got, err := selection.WhatIf(context.Background(), s, ch, selection.Options{})
		if err != nil {
			if errs, _ := selection.Validate(s.People, want); len(errs) == 0 {
				t.Fatalf("instance %d of seed %d: %v\n%+v", i, seed, err, ch)
			}
			rejected++
			continue
		}
		optimum := mustSelect(t, s.People, want, "s", selection.Options{})
		if diff := cmp.Diff(optimum, got.Outcome); diff != "" {
			t.Fatalf("instance %d of seed %d: %s\n%+v", i, seed, diff, ch)
		}
		if len(ch.Swaps) > 0 {
			swaps++
		} else if optimum.Status == matcher.Optimal {
			cohort = optimum.Cohort
		}
		if !slices.Equal(cohort, got.Cohort) {
			t.Fatalf("instance %d of seed %d: cohort %v, want %v", i, seed, got.Cohort, cohort)
		}
		for k, n := range selection.Count(s.People, want, cohort) {
			at := slices.IndexFunc(got.Rules, func(r selection.RuleShift) bool { return r.After.Row == n.Row })
			if at < 0 || got.Rules[at].After != n {
				t.Fatalf("instance %d of seed %d: rule %d after: %+v, want %+v", i, seed, k, got.Rules, n)
			}
		}
		for k, n := range s.Outcome.Rules {
			if got.Rules[k].Before != n {
				t.Fatalf("instance %d of seed %d: rule %d before: %+v, want %+v", i, seed, k, got.Rules[k].Before, n)
			}
		}
		if optimum.Status != matcher.Optimal {
			impossible++
			if v := vector(s.People, want, optimum, cohort); v[0] == 0 && v[1] == 0 || got.Breach.Exact() || got.Present.Exact() {
				t.Fatalf("instance %d of seed %d: impossible, and %v keeps everything: %+v", i, seed, cohort, got)
			}
			continue
		}
		for _, c := range []struct {
			breach selection.Breach
			cohort []string
		}{{got.Breach, cohort}, {got.Present, s.Outcome.Cohort}} {
			v := vector(s.People, want, optimum, c.cohort)
			if c.breach.Exact() != (slices.Max(v) == 0) {
				t.Fatalf("instance %d of seed %d: breach %+v of %v", i, seed, c.breach, v)
			}
		}
		if got.Breach.Exact() {
			exact++
		}
		relocked := s.Criteria
		relocked.Include, relocked.Exclude = want.Include, want.Exclude
		v := vector(s.People, relocked, s.Outcome, cohort)
		if got.Cost.Exact() != (slices.Max(v) == 0) {
			t.Fatalf("instance %d of seed %d: cost %+v of %v", i, seed, got.Cost, v)
		}
		if !got.Cost.Exact() && got.Breach.Exact() {
			costly++
		}
	}
	t.Logf("figure: %d what-ifs against selecting anew: %d with swaps, %d as good as the optimum, %d impossible, %d refused", instances, swaps, exact, impossible, rejected)
	if swaps == 0 || exact == 0 || costly == 0 || impossible == 0 {
		t.Error("the mix is too easy")
	}
}

// Nothing depends on the order of people, values, links and caps.
func TestSelectedOrderChangesNothing(t *testing.T) {
	const seed = 46
	ctx := context.Background()
	for i := range soak(12, 200) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 12)
		other := s
		other.People, other.Criteria = shuffled(rng, s.People, s.Criteria)
		all := func(s selection.Selected) []any {
			var list []any
			put := func(v any, err error) {
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, v)
			}
			for _, id := range []string{s.Outcome.Cohort[0], "p00", "p03"} {
				put(selection.Explain(ctx, s, id, selection.Options{}))
			}
			put(selection.Alternatives(ctx, s, 3, selection.Options{}))
			put(selection.Alternates(ctx, s, 2, selection.Options{}))
			r, err := selection.Replace(ctx, s, s.Outcome.Cohort[1:], s.Outcome.Cohort[:1], selection.Options{})
			if err == nil {
				r.Criteria = matcher.Criteria{} // it is told in the order of the input
			} else {
				r = nil
			}
			put(r, nil)
			e, err := selection.WhatIf(ctx, s, selection.Changes{Rules: []selection.RuleEdit{{Row: 1, Remove: true}}}, selection.Options{})
			if err == nil {
				e.Criteria = matcher.Criteria{}
			}
			put(e, err)
			return list
		}
		if diff := cmp.Diff(all(s), all(other)); diff != "" {
			t.Fatalf("instance %d of seed %d: %s", i, seed, diff)
		}
	}
}

// A clone of somebody who is out can take every seat that they can take, and a
// member's clone can always take the member's seat.
func TestClonesSwap(t *testing.T) {
	const seed = 47
	ctx := context.Background()
	seen := 0
	for i := range soak(40, 500) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 11)
		// Rules that name people, and links, tell clones apart; the floors of company
		// depend on how many there are.
		s.Criteria.Links = nil
		s.Criteria.Rules = slices.DeleteFunc(slices.Clone(s.Criteria.Rules), func(r matcher.Rule) bool { return len(r.Property.IDs) > 0 || r.Kind == matcher.Company })
		member := s.Outcome.Cohort[0]
		if slices.Contains(s.Criteria.Include, member) {
			continue
		}
		at := slices.IndexFunc(s.People, func(p matcher.Person) bool { return p.ID == member })
		clone := s.People[at]
		clone.ID = fmt.Sprintf("clone%d", i) // another lot each time
		s.People = append(slices.Clone(s.People), clone)
		s.Criteria.Scores = nil
		s.Outcome = mustSelect(t, s.People, s.Criteria, "s", selection.Options{})
		if !slices.Contains(s.Outcome.Cohort, member) || slices.Contains(s.Outcome.Cohort, clone.ID) {
			continue
		}
		x, err := selection.Explain(ctx, s, member, selection.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(x.Swaps, func(w selection.Swap) bool { return slices.Equal(w.In, []string{clone.ID}) }) || x.Fixed != nil {
			t.Fatalf("instance %d of seed %d: the clone of %s cannot take the seat: %+v", i, seed, member, x)
		}
		r, err := selection.Replace(ctx, s, slices.DeleteFunc(slices.Clone(s.Outcome.Cohort), func(id string) bool { return id == member }), []string{member}, selection.Options{})
		if err != nil || !r.Exact {
			t.Fatalf("instance %d of seed %d: %s declines, the clone is there: %v %+v", i, seed, member, err, r)
		}
		seen++
	}
	if seen == 0 {
		t.Error("no instance had a member whose clone was out")
	}
}

// What is wrong with the input is told by field, with the nearest id.
func TestSelectedInputErrors(t *testing.T) {
	people, c := invented(40, 1), northSound(8)
	s := selection.Selected{People: people, Criteria: c, Outcome: mustSelect(t, people, c, "s", selection.Options{})}
	ctx := context.Background()
	in := s.Outcome.Cohort
	var out string
	for _, p := range people {
		if !slices.Contains(in, p.ID) {
			out = p.ID
		}
	}
	replace := func(confirmed, declined []string) error {
		_, err := selection.Replace(ctx, s, confirmed, declined, selection.Options{})
		return err
	}
	whatIf := func(ch selection.Changes) error {
		_, err := selection.WhatIf(ctx, s, ch, selection.Options{})
		return err
	}
	explain := func(s selection.Selected, id string) error {
		_, err := selection.Explain(ctx, s, id, selection.Options{})
		return err
	}
	empty := s
	none := *s.Outcome
	none.Cohort = nil
	empty.Outcome = &none
	two := -2
	for _, k := range []struct {
		err         error
		field, says string
	}{
		{explain(s, "x0000"), "id", `did you mean "x0000`},
		{explain(empty, in[0]), "cohort", "chose nobody"},
		{replace(nil, nil), "declined", "name who declined"},
		{replace(nil, []string{out}), "declined", "is not in the cohort"},
		{replace(nil, []string{"nobody"}), "declined", "is not in the pool"},
		{replace(in[:2], in[1:3]), "confirmed", "declined too"},
		{replace(nil, []string{in[0], in[0]}), "declined", "twice"},
		{whatIf(selection.Changes{Swaps: []selection.Exchange{{Out: out, In: in[0]}}}), "swaps[0].out", "is not in the cohort"},
		{whatIf(selection.Changes{Swaps: []selection.Exchange{{Out: in[1], In: in[0]}}}), "swaps[0].in", "already"},
		{whatIf(selection.Changes{Swaps: []selection.Exchange{{}}}), "swaps[0]", "names nobody"},
		{whatIf(selection.Changes{Include: []string{out}, Exclude: []string{out}}), "include", "keep one of the two"},
		{whatIf(selection.Changes{Free: []string{out}}), "free", "neither"},
		{whatIf(selection.Changes{Rules: []selection.RuleEdit{{Row: 99}}}), "rules[0].row", "there is no rule 99"},
		{whatIf(selection.Changes{Rules: []selection.RuleEdit{{Row: 1, Min: &two}}}), "rules[0].min", "0 or more"},
	} {
		var errs selection.InputErrors
		if !errors.As(k.err, &errs) {
			t.Errorf("%s: %v is no InputErrors", k.field, k.err)
			continue
		}
		if errs[0].Field != k.field || !strings.Contains(errs[0].Message, k.says) {
			t.Errorf("%s: %s, want field %s and %q", errs[0].Field, errs[0].Message, k.field, k.says)
		}
	}
	if _, err := selection.Alternatives(ctx, s, 0, selection.Options{}); err == nil {
		t.Error("no alternatives asked for, and no error")
	}
	if _, err := selection.Alternates(ctx, s, selection.MostAlternates+1, selection.Options{}); err == nil {
		t.Error("too many alternates, and no error")
	}
}

func TestCompare(t *testing.T) {
	person := func(id, county string) matcher.Person {
		return matcher.Person{ID: id, Values: map[string][]string{"county": {county}}}
	}
	people := []matcher.Person{person("a", "x"), person("b", "x"), person("c", "y"), person("d", "z")}
	rule := func(row int, value string, priority int) matcher.Rule {
		return matcher.Rule{
			Row: row, Feature: "county", Value: value, Max: 2, Min: 1, Priority: priority, Weight: 1,
			Property: matcher.Property{Terms: []matcher.Term{{Attribute: "county", Values: []string{value}}}},
		}
	}
	first := selection.Selected{
		People: people, Criteria: matcher.Criteria{Size: 2, MinSize: 2, Rules: []matcher.Rule{rule(1, "x", 0), rule(2, "y", 1)}},
		Outcome: &matcher.Outcome{Status: matcher.Optimal, Cohort: []string{"a", "c"}, Size: matcher.Size{Wanted: 2, Got: 2, Bound: 2}, Deviation: []matcher.Deviation{{Priority: 1}}},
		Chances: map[string]selection.Chance{"a": {1_000_000, 2}, "b": {1_000_000, 2}, "c": {1_000_000, 1}, "d": {0, 1}},
	}
	second := selection.Selected{
		People: people, Criteria: matcher.Criteria{Size: 2, MinSize: 2, Rules: []matcher.Rule{rule(1, "z", 1), rule(2, "y", 2)}, Exclude: []string{"a"}},
		Outcome: &matcher.Outcome{Status: matcher.Optimal, Cohort: []string{"b", "d"}, Size: matcher.Size{Wanted: 2, Got: 2, Bound: 2}, Deviation: []matcher.Deviation{{Priority: 1}, {Priority: 2, Bound: matcher.Bound{Value: 1, Bound: 1}}}},
	}
	got, err := selection.Compare(first, second)
	if err != nil {
		t.Fatal(err)
	}
	a, b := got.Columns[0], got.Columns[1]
	if a.Met != 1 || a.Targets != 1 || a.Kept != 1 || a.Musts != 1 || b.Met != 1 || b.Targets != 2 || b.Musts != 0 {
		t.Errorf("met: %+v %+v", a, b)
	}
	if a.Common != 2 || b.Common != 0 || !slices.Equal(b.Joined, []string{"b", "d"}) || !slices.Equal(b.Left, []string{"a", "c"}) {
		t.Errorf("people: %+v", b)
	}
	if a.Smallest.Cmp(big.NewRat(1, 2)) != 0 || a.Mean.Cmp(big.NewRat(1, 2)) != 0 || b.Smallest != nil || b.Mean != nil {
		t.Errorf("chances: smallest %v mean %v, %v", a.Smallest, a.Mean, b.Mean)
	}
	var shape []string
	for _, r := range got.Rules {
		line := ""
		for _, n := range r.Counts {
			if n == nil {
				line += " –"
			} else {
				line += " " + n.Value
			}
		}
		shape = append(shape, line)
	}
	if diff := cmp.Diff([]string{" x –", " y y", " – z"}, shape); diff != "" {
		t.Error(diff)
	}
}
