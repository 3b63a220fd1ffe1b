package applications

import (
	"fmt"
	"slices"
	"strings"
)

// shutOut names the attributes whose floors, as far as they must hold, add up
// to all seats, so that nobody who declines the question can ever be chosen.
// It looks at floors that no person of one value fills twice: the largest sum
// over quotas of which no two share a value. (With several values a person can
// fill several floors, but nothing says before people apply that anybody will,
// so those count as well.)
func (c *Criteria) shutOut(form *Form) []Violation {
	var bad []Violation
	for _, key := range c.mustAttributes() {
		a := form.Attribute(key)
		if a == nil || !a.Decline {
			continue
		}
		floors := c.floors(form, a)
		taken := 0
		for _, f := range floors {
			taken += f.min
		}
		if taken < c.Size {
			continue
		}
		var list []string
		for _, f := range floors {
			list = append(list, fmt.Sprintf("%s at least %d", f.name, f.min))
		}
		bad = append(bad, Violation{"rules", fmt.Sprintf("%s: %s take all %d seats; lower one of them by %d",
			a.Label.In("en"), strings.Join(list, ", "), c.Size, taken-c.Size+1)})
	}
	return bad
}

type floor struct {
	name   string
	min    int
	values []string // nil: all
}

// floors returns the quotas and spreads on an attribute that take the most
// seats from whoever has none of its values.
func (c *Criteria) floors(form *Form, a *Attribute) []floor {
	var all []floor
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Priority != 0 || r.Min == nil || *r.Min == 0 {
			continue
		}
		switch {
		case r.Kind == "spread" && r.Attribute == a.Key:
			all = append(all, floor{a.Key, *r.Min, nil})
		case r.Kind == "quota" && r.Attribute == a.Key && r.Each:
			for _, v := range r.eachValue(form) {
				all = append(all, floor{v, *r.Min, []string{v}})
			}
		case r.Kind == "quota" && r.Attribute == a.Key:
			name := strings.Join(r.Values, " or ")
			if len(r.Values) == 0 {
				name = a.Key
			}
			all = append(all, floor{name, *r.Min, r.Values})
		case r.Kind == "quota":
			for _, and := range r.And {
				if and.Attribute == a.Key {
					all = append(all, floor{strings.Join(and.Values, " or "), *r.Min, and.Values})
				}
			}
		}
	}
	// The best set of disjoint floors, by trying: there are few, and the
	// largest first finds it early.
	slices.SortStableFunc(all, func(a, b floor) int { return b.min - a.min })
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
