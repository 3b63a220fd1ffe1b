package selection_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// randomInstance draws a small pool of multi-valued people and criteria of
// every kind, about as often impossible as not.
func randomInstance(rng *rand.Rand) ([]matcher.Person, matcher.Criteria) {
	n := 5 + rng.IntN(10)
	attributes := 2 + rng.IntN(3)
	var people []matcher.Person
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("p%02d", i), Values: map[string][]string{}}
		for a := range attributes {
			// Some decline, most hold one value, some several.
			var held []string
			for range []int{0, 1, 1, 1, 2, 3}[rng.IntN(6)] {
				held = append(held, fmt.Sprintf("v%d", rng.IntN(2+a)))
			}
			if held != nil {
				p.Values[fmt.Sprintf("a%d", a)] = held
			}
		}
		people = append(people, p)
	}
	rng.Shuffle(n, func(i, j int) { people[i], people[j] = people[j], people[i] })
	size := 2 + rng.IntN(n-2)
	c := matcher.Criteria{Size: size, MinSize: size}
	if rng.IntN(2) == 0 {
		c.MinSize = rng.IntN(size + 1)
	}
	for row := range 2 + rng.IntN(7) {
		c.Rules = append(c.Rules, randomRule(rng, row+1, attributes, size, people))
	}
	id := func() string { return people[rng.IntN(n)].ID }
	if rng.IntN(3) == 0 {
		c.Caps = append(c.Caps, matcher.HardCap{Attribute: fmt.Sprintf("a%d", rng.IntN(attributes)), Max: 1 + rng.IntN(size)})
	}
	if rng.IntN(4) == 0 {
		c.Include = []string{id()}
	}
	if rng.IntN(4) == 0 {
		if x := id(); !slices.Contains(c.Include, x) {
			c.Exclude = []string{x}
		}
	}
	for range rng.IntN(3) {
		ids := []string{id(), id(), id()}[:2+rng.IntN(2)]
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) > 1 {
			c.Links = append(c.Links, matcher.Link{Kind: matcher.LinkKind(rng.IntN(3)), IDs: ids})
		}
	}
	if rng.IntN(2) == 0 {
		c.Scores = map[string]int{}
		for _, p := range people {
			if rng.IntN(3) > 0 {
				c.Scores[p.ID] = rng.IntN(5)
			}
		}
	}
	if rng.IntN(4) == 0 {
		c.Allow = map[int]int64{1 + rng.IntN(3): int64(rng.IntN(3))}
	}
	for i := range c.Rules { // some company rules give way
		if r := &c.Rules[i]; r.Kind == matcher.Company && (n+size+i)%3 == 0 {
			r.Relief = 1 + (n+i)%r.Min
			r.Alone = []string{people[0].ID, people[n-1].ID}[:1+i%2]
		}
	}
	return people, c
}

func randomRule(rng *rand.Rand, row, attributes, size int, people []matcher.Person) matcher.Rule {
	a := rng.IntN(attributes)
	term := matcher.Term{Attribute: fmt.Sprintf("a%d", a)}
	for range 1 + rng.IntN(2) {
		// One value in a while is held by nobody.
		if v := fmt.Sprintf("v%d", rng.IntN(3+a)); !slices.Contains(term.Values, v) {
			term.Values = append(term.Values, v)
		}
	}
	r := matcher.Rule{Row: row, Feature: term.Attribute, Kind: matcher.Kind(rng.IntN(4)), Weight: 1}
	if r.Kind != matcher.Quota && rng.IntN(3) > 0 || rng.IntN(6) == 0 {
		term.Wildcard, term.Values = true, nil
	}
	if r.Kind == matcher.Quota && rng.IntN(3) == 0 {
		term.Match = matcher.MatchAll
	}
	r.Property.Terms = []matcher.Term{term}
	if r.Kind == matcher.Quota {
		switch rng.IntN(8) {
		case 0: // an intersection
			r.Property.Terms = append(r.Property.Terms, matcher.Term{Attribute: "a0", Values: []string{"v0"}})
		case 1: // a list of people
			r.Property = matcher.Property{IDs: []string{people[0].ID, people[1].ID, people[2].ID}}
		}
	}
	switch r.Kind {
	case matcher.Quota:
		r.Min = rng.IntN(size/2 + 2)
		r.Max = r.Min + rng.IntN(3)
	case matcher.Company:
		r.Min = 1 + rng.IntN(3)
		r.Max = max(size, r.Min)
	case matcher.Spread:
		r.Min = 1 + rng.IntN(3+a)
		r.Max = max(size, r.Min)
	case matcher.Cap:
		r.Max = 1 + rng.IntN(size/2+1)
	}
	if rng.IntN(5) > 1 {
		r.Priority = 1 + rng.IntN(3)
		r.Weight = 1 + rng.IntN(3)
	}
	return r
}
