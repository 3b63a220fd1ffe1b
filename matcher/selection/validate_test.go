package selection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

func TestValidate(t *testing.T) {
	people := []matcher.Person{
		{ID: "ann", Values: map[string][]string{"race": {"asian", "white"}}},
		{ID: "bob", Values: map[string][]string{"race": {"white"}}},
		{ID: "cyd"},
	}
	race := matcher.Property{Terms: []matcher.Term{{Attribute: "race", Values: []string{"white"}}}}
	anyRace := matcher.Property{Terms: []matcher.Term{{Attribute: "race", Wildcard: true}}}
	sound := matcher.Criteria{Size: 2, MinSize: 1, Rules: []matcher.Rule{{Row: 1, Property: race, Min: 1, Max: 2}}}
	for _, c := range []struct {
		name string
		edit func(*matcher.Criteria)
		want []string // "field: message" of each error
		warn []string
	}{
		{"sound", func(*matcher.Criteria) {}, nil, nil},
		{"size 0", func(c *matcher.Criteria) { c.Size, c.MinSize = 0, 0 }, []string{"size: is 0: a cohort needs at least 1 person"}, nil},
		{"size over the pool", func(c *matcher.Criteria) { c.Size = 4 }, []string{"size: is 4, but the pool has only 3 people"}, nil},
		{"min over size", func(c *matcher.Criteria) { c.MinSize = 3 }, []string{"min_size: is 3, more than the size 2"}, nil},
		{"negative min size", func(c *matcher.Criteria) { c.MinSize = -1 }, []string{"min_size: is -1: it must be 0 or more"}, nil},
		{"included and excluded", func(c *matcher.Criteria) { c.Include, c.Exclude = []string{"ann"}, []string{"ann"} }, []string{`include[0]: "ann" is excluded too: keep one of the two`}, nil},
		{"more included than size", func(c *matcher.Criteria) { c.Include = []string{"ann", "bob", "cyd"} }, []string{"include: names 3 people, more than the size 2"}, nil},
		{"unknown locks", func(c *matcher.Criteria) { c.Include, c.Exclude = []string{"anne"}, []string{"zebra"} }, []string{`include[0]: "anne" is not in the pool; did you mean "ann"?`, `exclude[0]: "zebra" is not in the pool`}, nil},
		{"link of one", func(c *matcher.Criteria) { c.Links = []matcher.Link{{Kind: matcher.Apart, IDs: []string{"ann"}}} }, []string{"links[0].ids: a link of kind apart needs 2 or more different people"}, nil},
		{"link of one twice", func(c *matcher.Criteria) {
			c.Links = []matcher.Link{{Kind: matcher.Together, IDs: []string{"ann", "ann"}}}
		}, []string{"links[0].ids: a link of kind together needs 2 or more different people"}, nil},
		{"link to nobody", func(c *matcher.Criteria) {
			c.Links = []matcher.Link{{Kind: matcher.AtLeastOne, IDs: []string{"bab"}}}
		}, []string{`links[0].ids[0]: "bab" is not in the pool; did you mean "bob"?`}, nil},
		{"link of no kind", func(c *matcher.Criteria) { c.Links = []matcher.Link{{Kind: 7, IDs: []string{"ann", "bob"}}} }, []string{"links[0].kind: is unknown (7)"}, nil},
		{"cap", func(c *matcher.Criteria) { c.Caps = []matcher.HardCap{{Max: -1}} }, []string{"caps[0].attribute: is empty: name the attribute whose values are capped", "caps[0].max: is -1: it must be 0 or more"}, nil},
		{"scores", func(c *matcher.Criteria) { c.Scores = map[string]int{"ann": 1_000_001, "dan": 1} }, []string{`scores["ann"]: is 1000001: a score is an integer from 0 to 1000000`, `scores["dan"]: "dan" is not in the pool`}, nil},
		{"allow", func(c *matcher.Criteria) { c.Allow = map[int]int64{0: 1, 3: -1, 4: 1} }, []string{"allow[0]: priorities are 1 to 9; rules that must hold allow no deviation", "allow[3]: is -1: an allowed deviation is an integer from 0 to 1000000000"}, []string{"a deviation is allowed for priority 4, but no rule has that priority"}},
		{"min over max", func(c *matcher.Criteria) { c.Rules[0].Min, c.Rules[0].Max = 3, 2 }, []string{"rules[0].max: is 2, less than min 3"}, nil},
		{"negative bound", func(c *matcher.Criteria) { c.Rules[0].Min = -1 }, []string{"rules[0].min: is -1: it must be 0 or more"}, nil},
		{"negative flex", func(c *matcher.Criteria) { c.Rules[0].MinFlex, c.Rules[0].MaxFlex = -1, -2 }, []string{"rules[0].min_flex: is -1: it must be 0 or more", "rules[0].max_flex: is -2: it must be 0 or more"}, nil},
		{"weight of must", func(c *matcher.Criteria) { c.Rules[0].Weight = 2 }, []string{"rules[0].weight: is 2: only a rule with a priority has a weight"}, nil},
		{"no weight", func(c *matcher.Criteria) { c.Rules[0].Priority = 1 }, []string{"rules[0].weight: is 0: it must be 1 to 1000"}, nil},
		{"priority", func(c *matcher.Criteria) { c.Rules[0].Priority, c.Rules[0].Weight = 10, 1 }, []string{"rules[0].priority: is 10: it must be 1 to 9, or 0 for a rule that must hold"}, nil},
		{"kind", func(c *matcher.Criteria) { c.Rules[0].Kind = 9 }, []string{"rules[0].property: kind 9 is unknown: the kinds are quota, company, spread, cap"}, nil},
		{"spread of ids", func(c *matcher.Criteria) {
			c.Rules[0].Kind = matcher.Spread
			c.Rules[0].Property.IDs = []string{"ann"}
		}, []string{"rules[0].property: a rule of kind spread is about the values of exactly one attribute"}, nil},
		{"no values", func(c *matcher.Criteria) {
			c.Rules[0].Property = matcher.Property{Terms: []matcher.Term{{Attribute: "race"}}}
		}, []string{"rules[0].property.terms[0].values: is empty: name values, or say any value"}, nil},
		{"unknown id in a rule", func(c *matcher.Criteria) { c.Rules[0].Property = matcher.Property{IDs: []string{"bop"}} }, []string{`rules[0].property.ids[0]: "bop" is not in the pool; did you mean "bob"?`}, nil},
		{"a value nobody has", func(c *matcher.Criteria) {
			c.Rules[0].Property = matcher.Property{Terms: []matcher.Term{{Attribute: "race", Values: []string{"asain"}}}}
		}, nil, []string{`nobody in the pool has race "asain"; did you mean "asian"?`}},
		{"an attribute nobody has", func(c *matcher.Criteria) {
			c.Rules[0].Property = matcher.Property{Terms: []matcher.Term{{Attribute: "age", Wildcard: true}}}
		}, nil, []string{`nobody in the pool has a value for "age"`}},
		{"any value of a cap", func(c *matcher.Criteria) {
			c.Rules[0].Kind, c.Rules[0].Property = matcher.Cap, anyRace
		}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			criteria := sound
			criteria.Rules = []matcher.Rule{sound.Rules[0]}
			c.edit(&criteria)
			errs, warnings := selection.Validate(people, criteria)
			var got, warn []string
			for _, e := range errs {
				got = append(got, e.Error())
			}
			for _, w := range warnings {
				warn = append(warn, w.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.warn, warn); diff != "" {
				t.Error(diff)
			}
			_, err := selection.Select(context.Background(), people, criteria, "s", selection.Options{})
			var input *selection.InputError
			if errors.As(err, &input) != (len(c.want) > 0) {
				t.Errorf("Select: %v", err)
			}
		})
	}
}

func TestValidatePeople(t *testing.T) {
	people := []matcher.Person{
		{ID: "a"}, {ID: ""}, {ID: "a"}, {ID: "b\x00"}, {ID: "c", Values: map[string][]string{"x": {""}, "y": {"1"}}},
	}
	errs, _ := selection.Validate(people, matcher.Criteria{Size: 1})
	want := []string{
		"people[1].id: is empty: every person needs an id",
		`people[2].id: "a" is there twice: ids must be unique`,
		"people[3].id: must be UTF-8 without NUL",
		`people[4].values["x"]: holds an empty value: leave declined answers out`,
	}
	if diff := cmp.Diff(want, errorTexts(errs)); diff != "" {
		t.Error(diff)
	}
	_, err := selection.Select(context.Background(), people[:1], matcher.Criteria{Size: 1}, "se\x00ed", selection.Options{})
	if err == nil || err.Error() != "seed: must be UTF-8 without NUL" {
		t.Errorf("error %v", err)
	}
}

// A criteria message for another pool: only the first problems come with the
// nearest id, and a rule of many values that nobody has is told in few warnings.
func TestValidateManyUnknown(t *testing.T) {
	const many = 5000
	var people []matcher.Person
	link := matcher.Link{Kind: matcher.Apart}
	rule := matcher.Rule{Row: 1, Max: 1, Property: matcher.Property{Terms: []matcher.Term{{Attribute: "race"}}}}
	for i := range many {
		people = append(people, matcher.Person{ID: fmt.Sprint("p", i), Values: map[string][]string{"race": {fmt.Sprint("r", i)}}})
		link.IDs = append(link.IDs, fmt.Sprint("q", i))
		rule.Property.Terms[0].Values = append(rule.Property.Terms[0].Values, fmt.Sprint("s", i))
	}
	errs, warnings := selection.Validate(people, matcher.Criteria{Size: 1, MinSize: 1, Links: []matcher.Link{link}, Rules: []matcher.Rule{rule}})
	if len(errs) != many || errs[0].Message != `"q0" is not in the pool; did you mean "p0"?` || errs[many-1].Message != `"q4999" is not in the pool` {
		t.Errorf("%d errors", len(errs))
	}
	if len(warnings) != 21 || warnings[0].Message != `nobody in the pool has race "s0"; did you mean "r0"?` ||
		warnings[20].Message != "nobody in the pool has 4980 other values of race that the rule names" {
		t.Errorf("%d warnings, the last: %v", len(warnings), warnings[len(warnings)-1])
	}
}

func TestWarningsCountAfterExclusions(t *testing.T) {
	people := []matcher.Person{{ID: "a", Values: map[string][]string{"x": {"1", "1"}}}, {ID: "b", Values: map[string][]string{"x": {"2"}}}}
	rule := matcher.Rule{Row: 1, Max: 1, Property: matcher.Property{Terms: []matcher.Term{{Attribute: "x", Values: []string{"1"}}}}}
	_, warnings := selection.Validate(people, matcher.Criteria{Size: 1, Exclude: []string{"a"}, Rules: []matcher.Rule{rule}})
	want := []selection.Warning{{Row: 1, Message: `nobody in the pool who is not excluded has x "1"; did you mean "2"?`}}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Error(diff)
	}
}

func errorTexts(errs []*selection.InputError) (texts []string) {
	for _, e := range errs {
		texts = append(texts, fmt.Sprint(e))
	}
	return texts
}
