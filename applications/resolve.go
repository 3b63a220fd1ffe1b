package applications

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/cases"

	"github.com/openfairlead/fairlead/matcher"
)

// resolved is a set of criteria in the engine's words, with what each row
// came from.
type resolved struct {
	matcher.Criteria
	rows []resolvedRow // one for each of Criteria.Rules
}

// resolvedRow says which rule of the criteria a row belongs to and what it
// counts.
type resolvedRow struct {
	rule      int // index in Criteria.Rules
	attribute string
	values    []string // codes; nil for all
}

// resolve turns criteria that fit the form into the engine's words. A quota
// with Each becomes a row for each value; everything else is one row. Rows are
// numbered from 1.
func (c *Criteria) resolve(form *Form) *resolved {
	r := &resolved{Criteria: matcher.Criteria{Size: c.Size, MinSize: c.MinSize, Allow: maps.Clone(c.Allow)}}
	add := func(index int, rule *CriteriaRule, values []string) {
		r.rows = append(r.rows, resolvedRow{index, rule.Attribute, values})
		r.Rules = append(r.Rules, rule.row(len(r.rows), c.Size, values))
	}
	for i := range c.Rules {
		rule := &c.Rules[i]
		if rule.Kind == "quota" && rule.Each {
			for _, v := range rule.eachValue(form) {
				add(i, rule, []string{v})
			}
			continue
		}
		add(i, rule, slices.Clone(rule.Values))
	}
	for _, key := range sortedKeys(c.HardCaps) {
		r.Caps = append(r.Caps, matcher.HardCap{Attribute: key, Max: c.HardCaps[key]})
	}
	for _, t := range c.Ties {
		r.Links = append(r.Links, matcher.Link{Kind: tieKinds[t.Kind], IDs: slices.Clone(t.IDs)})
	}
	return r
}

var ruleKinds = map[string]matcher.Kind{
	"quota": matcher.Quota, "company": matcher.Company, "spread": matcher.Spread, "cap": matcher.Cap,
}

var tieKinds = map[string]matcher.LinkKind{
	"apart": matcher.Apart, "together": matcher.Together, "at_least_one": matcher.AtLeastOne,
}

// eachValue lists the values that a quota with Each speaks about.
func (r *CriteriaRule) eachValue(form *Form) []string {
	if len(r.Values) > 0 {
		return r.Values
	}
	return form.Attribute(r.Attribute).counted()
}

// counted lists the values that rules count: "none of these" is no group.
func (a *Attribute) counted() []string {
	var codes []string
	for i := range a.Values {
		if !a.Values[i].Uncounted {
			codes = append(codes, a.Values[i].Code)
		}
	}
	return codes
}

func (r *CriteriaRule) row(number, size int, values []string) matcher.Rule {
	value := "*"
	if len(values) > 0 {
		value = strings.Join(values, ";")
	}
	term := matcher.Term{Attribute: r.Attribute, Values: values, Wildcard: len(values) == 0}
	if r.All {
		term.Match = matcher.MatchAll
	}
	row := matcher.Rule{
		Row: number, Feature: r.Attribute, Kind: ruleKinds[r.Kind],
		Min: 0, Max: size, Priority: r.Priority, Weight: max(r.Weight, 1),
		MinFlex: 0, MaxFlex: size, Fixed: r.Fixed,
	}
	if r.Attribute != "" {
		row.Property.Terms = []matcher.Term{term}
	}
	for _, and := range r.And {
		row.Property.Terms = append(row.Property.Terms, matcher.Term{Attribute: and.Attribute, Values: and.Values})
		value += fmt.Sprintf(" & %s=%s", and.Attribute, strings.Join(and.Values, ";"))
	}
	if len(r.IDs) > 0 {
		row.Property.IDs = slices.Clone(r.IDs)
		value += " & " + strings.Join(r.IDs, ";")
	}
	row.Value = value
	if r.Min != nil {
		row.Min = *r.Min
		row.Max = max(row.Max, row.Min) // a kind without a Max
	}
	if r.Max != nil {
		row.Max = *r.Max
	}
	row.MaxFlex = max(row.MaxFlex, row.Max)
	if r.MinFlex != nil {
		row.MinFlex = *r.MinFlex
	}
	if r.MaxFlex != nil {
		row.MaxFlex = *r.MaxFlex
	}
	return row
}

// attributes lists the attributes that the criteria look at, sorted.
func (c *Criteria) attributes() []string {
	var keys []string
	for _, r := range c.Rules {
		if r.Attribute != "" {
			keys = append(keys, r.Attribute)
		}
		for _, and := range r.And {
			keys = append(keys, and.Attribute)
		}
	}
	keys = append(keys, sortedKeys(c.HardCaps)...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// poolOf turns applications into the engine's people, sorted by code, with the
// attributes that the criteria look at and no others: what decides nothing is
// not frozen.
func poolOf(form *Form, c *Criteria, all []*Application) []matcher.Person {
	keys := c.attributes()
	people := make([]matcher.Person, 0, len(all))
	for _, a := range all {
		p := matcher.Person{ID: a.Code, Values: map[string][]string{}}
		for _, key := range keys {
			if values := form.Attribute(key).groups(a.Answers); len(values) > 0 {
				p.Values[key] = values
			}
		}
		people = append(people, p)
	}
	slices.SortFunc(people, func(a, b matcher.Person) int { return strings.Compare(a.ID, b.ID) })
	return people
}

// groups lists the groups that a person belongs to by their answer: none for a
// decline, none for "none of these".
func (a *Attribute) groups(answers Answers) []string {
	answer := answers[a.Key]
	switch a.Kind {
	case Entity:
		if name := entityKey(answer.Text); name != "" {
			return []string{name}
		}
		return nil
	case Derived:
		return a.onlyCounted(a.derive(answers))
	case Single, Multi:
		return a.onlyCounted(answer.Values)
	}
	return nil
}

func (a *Attribute) onlyCounted(codes []string) []string {
	var counted []string
	for _, code := range codes {
		if v := a.Value(code); v != nil && !v.Uncounted {
			counted = append(counted, code)
		}
	}
	return counted
}

var folder = cases.Fold()

// entityKey makes two spellings of one organization the same: case, blanks and
// the point at the end do not count.
func entityKey(name string) string {
	return strings.TrimRight(strings.Join(strings.Fields(folder.String(name)), " "), ".")
}
