package poolfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
)

func TestCriteria(t *testing.T) {
	text := `{
  "name": "programs/x/criteria/3", "version": 3, "digest": "sha256:0", "registered": true, "createTime": "2026-11-21T00:00:00Z",
  "title": "balanced", "size": 3, "min_size": "2",
  "rules": [
    {"attribute": "County", "values": ["Skagit", "island"], "each": true, "min": 1, "note": "each"},
    {"kind": "QUOTA", "attribute": "race", "values": ["asian", "white"], "all": true, "max": 2, "minFlex": 1, "maxFlex": 3, "fixed": true,
     "and": [{"attribute": "gender", "values": ["woman"]}], "priority": 1, "weight": 3},
    {"ids": ["p1", "p3"], "min": 1, "max": null},
    {"kind": "COMPANY", "attribute": "county", "min": 2, "priority": 2},
    {"kind": 3, "attribute": "county", "min": 5, "priority": 2},
    {"kind": "CAP", "attribute": "race", "values": ["white"], "max": 1}
  ],
  "hardCaps": {"county": 2},
  "links": [{"kind": "APART", "ids": ["p1", "p2"]}, {"kind": "AT_LEAST_ONE", "ids": ["p4"]}],
  "allow": {"2": 1}, "lottery": "LOTTERY_NONE", "seedSource": "a die"
}`
	got, err := poolfile.ReadCriteria("c.json", strings.NewReader(text), pool(t, people), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	county := func(v ...string) matcher.Property {
		return matcher.Property{Terms: []matcher.Term{{Attribute: "county", Values: v, Wildcard: len(v) == 0}}}
	}
	want := &poolfile.Criteria{
		Size: 3, MinSize: 2, Lottery: "NONE", Allow: map[int]int64{2: 1},
		Caps: []matcher.HardCap{{Attribute: "county", Max: 2}},
		Links: []matcher.Link{
			{Kind: matcher.Apart, IDs: []string{"p1", "p2"}},
			{Kind: matcher.AtLeastOne, IDs: []string{"p4"}},
		},
		Rules: []matcher.Rule{
			{Row: 1, Feature: "county", Value: "skagit", Property: county("skagit"), Min: 1, Max: 3, Weight: 1, MaxFlex: 3},
			{Row: 2, Feature: "county", Value: "island", Property: county("island"), Min: 1, Max: 3, Weight: 1, MaxFlex: 3},
			{
				Row: 3, Feature: "race", Value: "asian;white & gender=woman", Max: 2, Priority: 1, Weight: 3, MinFlex: 1, MaxFlex: 3, Fixed: true,
				Property: matcher.Property{Terms: []matcher.Term{
					{Attribute: "race", Values: []string{"asian", "white"}, Match: matcher.MatchAll},
					{Attribute: "gender", Values: []string{"woman"}},
				}},
			},
			{Row: 4, Value: "* & p1;p3", Property: matcher.Property{IDs: []string{"p1", "p3"}}, Min: 1, Max: 3, Weight: 1, MaxFlex: 3},
			{Row: 5, Feature: "county", Value: "*", Kind: matcher.Company, Property: county(), Min: 2, Max: 3, Priority: 2, Weight: 1, MaxFlex: 3},
			{Row: 6, Feature: "county", Value: "*", Kind: matcher.Spread, Property: county(), Min: 5, Max: 5, Priority: 2, Weight: 1, MaxFlex: 5},
			{
				Row: 7, Feature: "race", Value: "white", Kind: matcher.Cap, Max: 1, Weight: 1, MaxFlex: 3,
				Property: matcher.Property{Terms: []matcher.Term{{Attribute: "race", Values: []string{"white"}}}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	flags, err := poolfile.ReadCriteria("c.json", strings.NewReader(text), pool(t, people), 4, 3)
	if err != nil || flags.Size != 4 || flags.MinSize != 3 {
		t.Errorf("the flags do not take the place of the message's size: %+v, %v", flags, err)
	}
}

func TestCriteriaProblems(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "c.json: the file is empty"},
		{"not JSON", "{\n  size: 3\n}", "c.json:2: invalid character 's'"},
		{"cut", `{"size": 3, "rules": [`, "c.json:1: the JSON ends too early: a bracket, brace or quote is not closed"},
		{"two values", "{\"size\": 3}\n{}", "c.json:2: something follows the end of the JSON value"},
		{"a list", `[1]`, "c.json:1: the file: must be an object, not a list"},
		{"unknown field", `{"size": 3, "rules": [{"attribute": "race",` + "\n" + `"mim": 1}]}`, `c.json:2: rules[0] has no field "mim"; did you mean "min"?`},
		{"unknown field at the top", `{"siez": 3}`, `c.json:1: the criteria has no field "siez"; did you mean "size"?`},
		{"field twice", "{\"size\": 3,\n\"size\": 4}", "c.json:2: size is there twice, first on line 1"},
		{"wrong type", `{"size": 3, "rules": {"min": 1}}`, "c.json:1: rules: must be a list, not an object"},
		{"text for a number", `{"size": "three"}`, `c.json:1: size: must be a whole number from 0 to 1000, not the text "three"`},
		{"fraction", `{"size": 3.5}`, "c.json:1: size: must be a whole number from 0 to 1000, not the number 3.5"},
		{"exponent", `{"size": 1e999999999}`, "c.json:1: size: must be a whole number from 0 to 1000, not the number 1e999999999"},
		{"negative", `{"size": 3, "rules": [{"attribute": "race", "min": -1}]}`, "c.json:1: rules[0].min: must be a whole number from 0 to 1000, not the number -1"},
		{"flag", `{"size": 3, "rules": [{"attribute": "race", "values": ["asian"], "each": "yes"}]}`, `c.json:1: rules[0].each: must be true or false, not the text "yes"`},
		{"unknown enum", `{"size": 3, "rules": [{"kind": "COMPNAY", "attribute": "race"}]}`, `c.json:1: rules[0].kind: "COMPNAY" is no such word; did you mean "COMPANY"?; the words are QUOTA, COMPANY, SPREAD, CAP`},
		{"unknown attribute", `{"size": 3, "rules": [{"attribute": "rase"}]}`, `c.json:1: rules[0].attribute: "rase" is no column of pool.csv; did you mean "Race"?`},
		{"decline", `{"size": 3, "rules": [{"attribute": "race", "values": ["prefer_not_to_say"]}]}`, `c.json:1: rules[0].values: "prefer_not_to_say" is no group: who declines to answer is counted nowhere`},
		{"value twice", `{"size": 3, "rules": [{"attribute": "race", "values": ["a", "A"]}]}`, `c.json:1: rules[0].values: "A" is there twice`},
		{"unknown id", `{"size": 3, "rules": [{"ids": ["p7"]}]}`, `c.json:1: rules[0].ids: "p7" is not in the pool pool.csv; did you mean "p1"?`},
		{"no attribute", `{"size": 3, "rules": [{"min": 1}]}`, "c.json:1: rules[0]: needs an attribute (or, for a QUOTA, ids)"},
		{"each of nothing", `{"size": 3, "rules": [{"attribute": "race", "each": true}]}`, "c.json:1: rules[0]: each needs values"},
		{"each and all", `{"size": 3, "rules": [{"attribute": "race", "values": ["a"], "each": true, "all": true}]}`, "c.json:1: rules[0]: each and all do not go together"},
		{"all of a cap", `{"size": 3, "rules": [{"kind": "CAP", "attribute": "race", "all": true}]}`, "c.json:1: rules[0]: each, all, and, ids are for a QUOTA only"},
		{"empty condition", `{"size": 3, "rules": [{"attribute": "race", "and": [{"attribute": "gender"}]}]}`, "c.json:1: rules[0].and[0]: needs an attribute and values"},
		{"min over max", `{"size": 3, "rules": [{"attribute": "race", "min": 2, "max": 1}]}`, "c.json:1: rules[0]: min 2 is more than max 1"},
		{"weight of must", `{"size": 3, "rules": [{"attribute": "race", "weight": 2}]}`, "c.json:1: rules[0]: a rule that must hold has no weight: leave it out, or give the rule a priority"},
		{"link", `{"size": 3, "links": [{"ids": ["p1", "p2"]}]}`, "c.json:1: links[0]: needs a kind: APART, TOGETHER or AT_LEAST_ONE"},
		{"short link", `{"size": 3, "links": [{"kind": "APART", "ids": ["p1"]}]}`, "c.json:1: links[0]: needs 2 or more ids"},
		{"cap of nothing", `{"size": 3, "hardCaps": {"organisation": 1}}`, `c.json:1: hardCaps.organisation: "organisation" is no column of pool.csv; it has Race, Gender, county`},
		{"allow", `{"size": 3, "allow": {"10": 1}}`, `c.json:1: allow: "10" is no priority: they are 1 to 9`},
		{"no size", `{"rules": []}`, `c.json: says no size: give "size" there, or --size`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := poolfile.ReadCriteria("c.json", strings.NewReader(c.text), pool(t, people), 0, 0)
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
