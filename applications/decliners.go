package applications

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// shutOut names the attributes whose floors, as far as they must hold, add up
// to all seats, so that nobody who declines the question can ever be chosen.
// It counts with people of one value each: with several values a person can fill
// several floors, but nothing says before people apply that anybody will. The
// largest sum over floors of which no two share a value tells most of it, and
// by how much to lower; floors that overlap in a ring (two of a or b, two of b or
// c, two of a or c: three people) can take more.
func (c *Criteria) shutOut(ctx context.Context, form *Form) ([]Violation, error) {
	var bad []Violation
	for _, key := range c.mustAttributes() {
		a := form.Attribute(key)
		if a == nil || !a.Decline {
			continue
		}
		all := c.floors(form, a)
		floors := apartFloors(all)
		taken := 0
		for _, f := range floors {
			taken += f.min
		}
		lower := fmt.Sprintf("lower one of them by %d", taken-c.Size+1)
		if taken < c.Size {
			full := false
			if len(floors) < len(all) {
				var err error
				if full, err = c.noSeatLeft(ctx, a, all); err != nil {
					return nil, err
				}
			}
			if !full {
				continue
			}
			floors, lower = all, "lower one of them"
		}
		var list []string
		for _, f := range floors {
			list = append(list, fmt.Sprintf("%s at least %d", f.name, f.min))
		}
		bad = append(bad, Violation{Field: "rules", Message: fmt.Sprintf("%s: %s take all %d seats; %s",
			a.Label.In("en"), strings.Join(list, ", "), c.Size, lower)})
	}
	return bad, nil
}

// noSeatLeft reports whether floors on an attribute leave no seat to somebody
// who has none of its values, in a pool where every value has people enough.
func (c *Criteria) noSeatLeft(ctx context.Context, a *Attribute, floors []floor) (bool, error) {
	values := slices.Clone(a.counted())
	if len(values) == 0 { // a text: any
		for i := range c.Size {
			values = append(values, fmt.Sprint("text ", i))
		}
	}
	rules := make([]matcher.Rule, len(floors))
	for i, f := range floors {
		values = append(values, f.values...)
		rules[i] = matcher.Rule{
			Row: i + 1, Feature: a.Key, Value: f.name, Kind: f.kind,
			Property: matcher.Property{Terms: []matcher.Term{{Attribute: a.Key, Values: f.values, Wildcard: len(f.values) == 0}}},
			Min:      f.min, Max: c.Size, MaxFlex: c.Size, Priority: matcher.Must, Weight: 1,
		}
	}
	slices.Sort(values)
	people := []matcher.Person{{ID: "none"}}
	for _, v := range slices.Compact(values) {
		for i := range c.Size {
			people = append(people, matcher.Person{ID: fmt.Sprintf("%s-%d", v, i), Values: map[string][]string{a.Key: {v}}})
		}
	}
	verdict, err := selection.Check(ctx, people, matcher.Criteria{Size: c.Size, MinSize: 1, Include: []string{"none"}, Rules: rules}, selection.Options{Work: checkWork})
	if err != nil {
		return false, fmt.Errorf("floors of %s: %w", a.Key, err)
	}
	return verdict.Status == matcher.Infeasible, nil
}

type floor struct {
	name   string
	min    int
	values []string // nil: all
	kind   matcher.Kind
}

// floors returns the quotas and spreads on an attribute that have to hold, the
// largest first.
func (c *Criteria) floors(form *Form, a *Attribute) []floor {
	var all []floor
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Priority != 0 || r.Min == nil || *r.Min == 0 {
			continue
		}
		switch {
		case r.Kind == "spread" && r.Attribute == a.Key:
			all = append(all, floor{a.Key, *r.Min, nil, matcher.Spread})
		case r.Kind == "quota" && r.Attribute == a.Key && r.Each:
			for _, v := range r.eachValue(form) {
				all = append(all, floor{v, *r.Min, []string{v}, matcher.Quota})
			}
		case r.Kind == "quota" && r.Attribute == a.Key:
			name := strings.Join(r.Values, " or ")
			if len(r.Values) == 0 {
				name = a.Key
			}
			all = append(all, floor{name, *r.Min, r.Values, matcher.Quota})
		case r.Kind == "quota":
			for _, and := range r.And {
				if and.Attribute == a.Key {
					all = append(all, floor{strings.Join(and.Values, " or "), *r.Min, and.Values, matcher.Quota})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b floor) int { return b.min - a.min })
	return all
}

// apartFloors returns those that take the most seats and share no value, by
// trying: there are few, and the largest first finds them early.
func apartFloors(all []floor) []floor {
	var best, now []floor
	bestSum, tries := 0, 0
	var try func(i, sum, left int)
	try = func(i, sum, left int) {
		tries++
		if sum > bestSum {
			bestSum, best = sum, slices.Clone(now)
		}
		const enough = 100_000
		if i == len(all) || sum+left <= bestSum || tries > enough {
			return
		}
		f := all[i]
		if !slices.ContainsFunc(now, func(g floor) bool { return overlap(f, g) }) {
			now = append(now, f)
			try(i+1, sum+f.min, left-f.min)
			now = now[:len(now)-1]
		}
		try(i+1, sum, left-f.min)
	}
	total := 0
	for _, f := range all {
		total += f.min
	}
	try(0, 0, total)
	return best
}

func overlap(a, b floor) bool {
	return len(a.values) == 0 || len(b.values) == 0 ||
		slices.ContainsFunc(a.values, func(v string) bool { return slices.Contains(b.values, v) })
}
