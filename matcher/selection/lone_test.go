package selection_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// holders are people p0, p1, … of whom each has these values, "attribute=value"
// joined by commas.
func holders(all ...string) []matcher.Person {
	var people []matcher.Person
	for i, values := range all {
		p := matcher.Person{ID: fmt.Sprint("p", i), Values: map[string][]string{}}
		for pair := range strings.SplitSeq(values, ",") {
			if attribute, value, ok := strings.Cut(pair, "="); ok {
				p.Values[attribute] = append(p.Values[attribute], value)
			}
		}
		people = append(people, p)
	}
	return people
}

func companyOf(row int, attribute string, least, size int) matcher.Rule {
	return matcher.Rule{
		Row: row, Kind: matcher.Company, Min: least, Max: size,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Wildcard: true}}},
	}
}

// Whom company rules that must hold leave no seat is told, with the rules that
// do it and with what helps, and what is said to help does.
func TestLone(t *testing.T) {
	skilled := matcher.Rule{
		Row: 2, Min: 1, Max: 3, Priority: 1, Weight: 1,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: "skill", Wildcard: true}}},
	}
	fixed := companyOf(1, "county", 2, 4)
	fixed.Fixed = true
	floored := companyOf(1, "county", 2, 4)
	floored.MinFlex = 2
	for name, c := range map[string]struct {
		people  []matcher.Person
		size    int
		rules   []matcher.Rule
		check   []selection.Lone // of the check
		draw    []selection.Lone // of the lottery, if it is another
		message string
	}{
		"the seats are filled": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C"), size: 4,
			rules:   []matcher.Rule{companyOf(1, "county", 2, 4)},
			check:   []selection.Lone{{Rows: []int{1}, People: []string{"p4"}, Short: 1, Lower: 1}},
			message: "the floors of this rule leave no chance to 1 person who has too few others for company; without it they could be chosen: lower its min to 1, or make it a target (priority 1 to 9) and allow that a deviation of 1",
		},
		"room beside the floors": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C"), size: 3,
			rules: []matcher.Rule{companyOf(1, "county", 3, 4)}, // nobody has three
		},
		"two are too few for three": {
			people: holders("county=A", "county=A", "county=A", "county=B", "county=B", "county=B", "county=C", "county=C"), size: 6,
			rules:   []matcher.Rule{companyOf(1, "county", 3, 6)},
			check:   []selection.Lone{{Rows: []int{1}, People: []string{"p6", "p7"}, Short: 1, Lower: 2}},
			message: "the floors of this rule leave no chance to 2 people who have too few others for company; without it they could be chosen: lower its min to 2, or make it a target (priority 1 to 9) and allow that a deviation of 1",
		},
		"each of two rules by itself": {
			people: holders("county=A,nation=X", "county=A,nation=X", "county=B,nation=Y", "county=B,nation=Y", "county=C,nation=Z"), size: 4,
			rules:   []matcher.Rule{companyOf(1, "county", 2, 4), companyOf(2, "nation", 2, 4)},
			check:   []selection.Lone{{Rows: []int{1, 2}, Joint: true, People: []string{"p4"}, Short: 2}},
			message: "the floors of this rule and of 2 leave no chance to 1 person who has too few others for company; without all of them they could be chosen: make them targets (priority 1 to 9) and allow these a deviation of 2",
		},
		"two rules only together": {
			people: holders("county=A", "county=A", "nation=X", "nation=X", "county=C"), size: 4,
			rules:   []matcher.Rule{companyOf(1, "county", 2, 4), companyOf(2, "nation", 2, 4)},
			check:   []selection.Lone{{Rows: []int{1, 2}, People: []string{"p4"}, Short: 1}},
			message: "the floors of this rule and of 2 leave no chance to 1 person who has too few others for company; without any one of them they could be chosen: make them targets (priority 1 to 9) and allow these a deviation of 1",
		},
		"in cohorts that keep it, but in none of the best": {
			people: holders("county=A", "county=A", "county=C", "skill=s"), size: 3,
			rules:   []matcher.Rule{companyOf(1, "county", 2, 3), skilled},
			draw:    []selection.Lone{{Rows: []int{1}, People: []string{"p2"}}},
			message: "the floors of this rule leave no chance to 1 person who has too few others for company; without it they could be chosen: allow a deviation of the targets",
		},
		"never to be relaxed": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C"), size: 4,
			rules:   []matcher.Rule{fixed},
			check:   []selection.Lone{{Rows: []int{1}, People: []string{"p4"}, Fixed: true}},
			message: "the floors of this rule leave no chance to 1 person who has too few others for company; without it they could be chosen",
		},
		"never to be lowered": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C"), size: 4,
			rules:   []matcher.Rule{floored},
			check:   []selection.Lone{{Rows: []int{1}, People: []string{"p4"}, Short: 1}},
			message: "the floors of this rule leave no chance to 1 person who has too few others for company; without it they could be chosen: make it a target (priority 1 to 9) and allow that a deviation of 1",
		},
		"other rules do it": {
			people: holders("county=A", "county=A", "county=B", "county=B", "county=C,skill=s"), size: 3,
			rules: []matcher.Rule{companyOf(1, "county", 3, 3), {Row: 2, Max: 0, Property: skilled.Property}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			criteria := matcher.Criteria{Size: c.size, MinSize: c.size, Rules: c.rules}
			v, err := selection.Check(context.Background(), c.people, criteria, selection.Options{})
			if err != nil {
				t.Fatal(err)
			}
			d, err := selection.Examine(context.Background(), c.people, criteria, v, selection.Options{})
			if err != nil {
				t.Fatal(err)
			}
			beside, err := selection.FindLone(context.Background(), c.people, criteria, v, selection.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.check, d.Lone) + cmp.Diff(c.check, beside); diff != "" {
				t.Errorf("check (-want +got):\n%s", diff)
			}
			want := append(c.check, c.draw...)
			l := drawable(t, c.people, criteria)
			if diff := cmp.Diff(want, l.Lone); diff != "" {
				t.Errorf("lottery (-want +got):\n%s", diff)
			}
			if len(want) == 0 {
				return
			}
			if got := want[0].Message(); got != c.message {
				t.Errorf("%s\nwanted %s", got, c.message)
			}
			for _, try := range ways(criteria, want[0]) {
				some := false
				for _, ty := range drawable(t, c.people, try).Types {
					some = some || ty.Chance > 0 && ty.Blocks[0][0] == want[0].People[0]
				}
				if !some {
					t.Errorf("no chance under %+v", try)
				}
			}
		})
	}
	hidden := selection.Lone{Rows: []int{3}, Short: -1}
	if got := hidden.Message(); strings.ContainsAny(got, "0123456789") || !strings.Contains(got, "somebody who has") {
		t.Error(got)
	}
}

func drawable(t *testing.T, people []matcher.Person, c matcher.Criteria) *selection.Lottery {
	t.Helper()
	l, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ways are criteria with each of the changes that are said to help.
func ways(c matcher.Criteria, l selection.Lone) []matcher.Criteria {
	changed := func(change func(*matcher.Rule)) matcher.Criteria {
		out := c
		out.Rules = nil
		for _, r := range c.Rules {
			for _, row := range l.Rows {
				if r.Row == row {
					change(&r)
				}
			}
			out.Rules = append(out.Rules, r)
		}
		return out
	}
	var all []matcher.Criteria
	if l.Short > 0 {
		target := changed(func(r *matcher.Rule) { r.Priority, r.Weight = 1, 1 })
		target.Allow = map[int]int64{1: l.Short}
		all = append(all, target)
	}
	if l.Lower > 0 {
		all = append(all, changed(func(r *matcher.Rule) { r.Min = l.Lower }))
	}
	if l.Short == 0 && !l.Fixed {
		c.Allow = map[int]int64{1: 1}
		all = append(all, c)
	}
	return all
}
