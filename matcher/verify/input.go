package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher"
)

// Limits of an input that is checked: those of the engine, docs/record.md.
const (
	maxPeople = 100_000
	maxSize   = 10_000
	maxRules  = 2_000
	maxLinks  = 100_000
	maxScore  = 1_000_000
	maxWeight = 1_000
	maxAllow  = 1_000_000_000
	maxBound  = 1_000_000
)

// validInput says what an input cannot be.
func validInput(in *matcher.Input) error {
	c := &in.Criteria
	if len(in.People) > maxPeople || len(c.Rules) > maxRules || len(c.Links) > maxLinks {
		return errors.New("more people, rules or links than are allowed")
	}
	known := make(map[string]bool, len(in.People))
	for i, p := range in.People {
		if p.ID == "" || strings.ContainsRune(p.ID, 0) || !utf8.ValidString(p.ID) || known[p.ID] {
			return fmt.Errorf("people[%d].id: is empty, there twice, or not a text", i)
		}
		known[p.ID] = true
		for _, held := range p.Values {
			if slices.Contains(held, "") {
				return fmt.Errorf("people[%d].values: an empty value", i)
			}
		}
	}
	unknown := func(field string, ids []string) error {
		for _, id := range ids {
			if !known[id] {
				return fmt.Errorf("%s: names somebody who is not in the pool", field)
			}
		}
		return nil
	}
	if c.Size < 1 || c.Size > maxSize || c.Size > len(in.People) || c.MinSize < 0 || c.MinSize > c.Size {
		return fmt.Errorf("size: %d to %d people of %d cannot be", c.MinSize, c.Size, len(in.People))
	}
	if err := errors.Join(unknown("include", c.Include), unknown("exclude", c.Exclude)); err != nil {
		return err
	}
	if len(c.Include) > c.Size {
		return errors.New("include: more people than the size")
	}
	excluded := setOf(c.Exclude)
	for _, id := range c.Include {
		if excluded[id] {
			return errors.New("include: names somebody who is excluded")
		}
	}
	for i, limit := range c.Caps {
		if limit.Attribute == "" || limit.Max < 0 {
			return fmt.Errorf("caps[%d]: no attribute, or a negative limit", i)
		}
	}
	for i, l := range c.Links {
		field := fmt.Sprintf("links[%d]", i)
		if err := unknown(field, l.IDs); err != nil {
			return err
		}
		least := 2
		if l.Kind == matcher.AtLeastOne {
			least = 1
		}
		if len(l.IDs) < least {
			return fmt.Errorf("%s: too few people", field)
		}
	}
	for id, s := range c.Scores {
		if !known[id] || s < 0 || s > maxScore {
			return errors.New("scores: somebody unknown, or a score out of range")
		}
	}
	for g, d := range c.Allow {
		if g < 1 || g > matcher.MaxPriority || d < 0 || d > maxAllow {
			return errors.New("allow: out of range")
		}
	}
	for i := range c.Rules {
		if err := validRule(&c.Rules[i], unknown); err != nil {
			return fmt.Errorf("rules[%d]: %w", i, err)
		}
	}
	return nil
}

func validRule(r *matcher.Rule, unknown func(string, []string) error) error {
	switch {
	case r.Min < 0 || r.Max < r.Min || r.Max > maxBound:
		return fmt.Errorf("min %d, max %d", r.Min, r.Max)
	case r.Priority == matcher.Must && r.Weight > 1, r.Priority != matcher.Must && (r.Weight < 1 || r.Weight > maxWeight):
		return fmt.Errorf("weight %d with priority %d", r.Weight, r.Priority)
	case r.Relief < 0 || r.Relief > maxBound || r.Kind != matcher.Company && r.Relief+len(r.Alone) > 0:
		return fmt.Errorf("relief %d of a rule of kind %s", r.Relief, r.Kind)
	case r.Kind != matcher.Quota && (len(r.Property.Terms) != 1 || len(r.Property.IDs) > 0):
		return fmt.Errorf("a rule of kind %s is about exactly one attribute", r.Kind)
	}
	for _, t := range r.Property.Terms {
		switch {
		case t.Attribute == "", t.Wildcard != (len(t.Values) == 0), slices.Contains(t.Values, ""):
			return errors.New("a term without attribute or values")
		case r.Kind != matcher.Quota && t.Match == matcher.MatchAll && len(t.Values) > 1:
			return fmt.Errorf("a rule of kind %s cannot ask for all values", r.Kind)
		}
	}
	return errors.Join(unknown("ids", r.Property.IDs), unknown("alone", r.Alone))
}
