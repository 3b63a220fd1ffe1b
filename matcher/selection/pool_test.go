package selection_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/openfairlead/fairlead/matcher"
)

// invented draws n invented applicants of a regional call: multi-valued
// answers, some declined, several organizations with more than one applicant.
// Attributes are independent of each other.
func invented(n int, seed uint64) []matcher.Person {
	rng := rand.New(rand.NewPCG(seed, 15))
	several := func(word string, values, atMost int, decline float64) []string {
		if rng.Float64() < decline {
			return nil
		}
		var held []string
		for range 1 + rng.IntN(atMost) {
			// Low numbers are common, high ones rare.
			v := int(float64(values) * rng.Float64() * rng.Float64())
			held = append(held, fmt.Sprintf("%s%d", word, v))
		}
		return held
	}
	people := make([]matcher.Person, n)
	for i := range people {
		people[i] = matcher.Person{ID: fmt.Sprintf("x%05d", i), Values: map[string][]string{
			"county":       several("c", 5, 3, 0),
			"race":         several("r", 7, 2, 0.08),
			"gender":       several("g", 5, 1, 0.05),
			"tribal":       several("t", 5, 1, 0.3),
			"lived":        several("l", 11, 4, 0.15),
			"sector":       several("s", 18, 2, 0),
			"role":         several("m", 6, 1, 0),
			"place":        several("k", 5, 3, 0),
			"organization": {fmt.Sprintf("o%d", rng.IntN(1+n/3))},
		}}
	}
	return people
}

// northSound is the shape of the balanced criteria of the North Sound preset:
// floors and spread as targets, one per organization where that costs no
// target, never more than three.
func northSound(size int) matcher.Criteria {
	c := matcher.Criteria{Size: size, MinSize: size - 3}
	add := func(kind matcher.Kind, attribute string, values []string, lo, hi, priority int) {
		t := matcher.Term{Attribute: attribute, Values: values, Wildcard: values == nil}
		c.Rules = append(c.Rules, matcher.Rule{
			Row: len(c.Rules) + 1, Feature: attribute, Kind: kind,
			Property: matcher.Property{Terms: []matcher.Term{t}}, Min: lo, Max: hi, Priority: priority, Weight: 1,
		})
	}
	each := func(word string, from, to int) (list []string) {
		for v := from; v < to; v++ {
			list = append(list, fmt.Sprintf("%s%d", word, v))
		}
		return list
	}
	for _, v := range each("c", 0, 5) {
		add(matcher.Quota, "county", []string{v}, 1, 7, 1)
	}
	add(matcher.Spread, "sector", nil, 7, size, 1)
	add(matcher.Cap, "sector", nil, 0, 3, 1)
	add(matcher.Spread, "role", nil, 3, size, 2)
	for _, v := range each("k", 0, 5) {
		add(matcher.Quota, "place", []string{v}, 2, size, 1)
	}
	add(matcher.Cap, "organization", nil, 0, 1, 3)
	add(matcher.Cap, "organization", nil, 0, 3, matcher.Must)
	for _, v := range each("r", 1, 7) {
		add(matcher.Quota, "race", []string{v}, 1, size, 1)
	}
	add(matcher.Quota, "race", each("r", 1, 7), 7, size, 1)
	add(matcher.Quota, "gender", []string{"g0"}, 5, size, 1)
	add(matcher.Quota, "gender", []string{"g1"}, 4, size, 1)
	add(matcher.Quota, "gender", each("g", 2, 5), 1, size, 1)
	add(matcher.Quota, "tribal", each("t", 2, 4), 2, size, 1)
	add(matcher.Spread, "lived", nil, 6, size, 1)
	for _, attribute := range []string{"race", "gender", "county"} {
		add(matcher.Company, attribute, nil, 2, size, 1)
	}
	return c
}

// allMust makes every rule one that must hold: the hardest form of a check.
func allMust(c matcher.Criteria) matcher.Criteria {
	rules := make([]matcher.Rule, len(c.Rules))
	for i, r := range c.Rules {
		r.Priority = matcher.Must
		rules[i] = r
	}
	c.Rules = rules
	return c
}
