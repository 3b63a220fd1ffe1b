package selection

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Bounds of the input. They keep every sum of the engine far inside 2^53, so
// that integers stay exact wherever they pass through floating point.
const (
	MaxPeople = 100_000
	MaxSize   = 10_000
	MaxRules  = 2_000
	MaxLinks  = 100_000
	MaxScore  = 1_000_000
	MaxWeight = 1_000
	MaxAllow  = 1_000_000_000
	// MaxBound is the largest min or max of a rule.
	MaxBound = 1_000_000
)

// Validate returns every InputError of the criteria for this pool (duplicate
// or empty ids, locks on unknown people, min > max, size larger than the pool,
// a person both included and excluded, …), and warnings. Fields count from 0,
// as in the slices of matcher.Criteria.
func Validate(people []matcher.Person, c matcher.Criteria) ([]*InputError, []Warning) {
	v := &validator{people: people, ids: make(map[string]bool, len(people)), values: map[string]map[string]int{}, words: map[string][]string{}}
	v.pool()
	v.size(c)
	v.locks(c)
	v.links(c.Links)
	for i, limit := range c.Caps {
		if limit.Attribute == "" {
			v.fail(fmt.Sprintf("caps[%d].attribute", i), "is empty: name the attribute whose values are capped")
		}
		if limit.Max < 0 {
			v.fail(fmt.Sprintf("caps[%d].max", i), "is %d: it must be 0 or more", limit.Max)
		}
	}
	v.scoresAndAllow(c)
	v.rules(c)
	return v.errs, v.warnings
}

type validator struct {
	people   []matcher.Person
	ids      map[string]bool
	excluded map[string]bool
	// values counts, by attribute and value, who holds it after exclusions.
	values   map[string]map[string]int
	words    map[string][]string // by attribute: those values, sorted
	sorted   []string            // ids, once somebody asks for the nearest one
	unknowns int
	errs     []*InputError
	warnings []Warning
}

// fewHints is how often, in one run, the nearest id is looked for, and how many
// values of one rule are named in warnings. Whoever takes the file of another
// pool has thousands of unknown ids, and reads no more than these.
const fewHints = 20

func (v *validator) fail(field, format string, args ...any) {
	v.errs = append(v.errs, &InputError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (v *validator) warn(row int, format string, args ...any) {
	v.warnings = append(v.warnings, Warning{Row: row, Message: fmt.Sprintf(format, args...)})
}

func (v *validator) pool() {
	if len(v.people) > MaxPeople {
		v.fail("people", "the pool has %d people: at most %d can be handled", len(v.people), MaxPeople)
	}
	for i, p := range v.people {
		switch {
		case p.ID == "":
			v.fail(fmt.Sprintf("people[%d].id", i), "is empty: every person needs an id")
		case !utf8.ValidString(p.ID) || strings.ContainsRune(p.ID, 0):
			v.fail(fmt.Sprintf("people[%d].id", i), "must be UTF-8 without NUL")
		case v.ids[p.ID]:
			v.fail(fmt.Sprintf("people[%d].id", i), "%q is there twice: ids must be unique", p.ID)
		}
		v.ids[p.ID] = true
		var hollow []string
		for attribute, held := range p.Values {
			if slices.Contains(held, "") {
				hollow = append(hollow, attribute)
			}
		}
		slices.Sort(hollow)
		for _, attribute := range hollow {
			v.fail(fmt.Sprintf("people[%d].values[%q]", i, attribute), "holds an empty value: leave declined answers out")
		}
	}
}

func (v *validator) size(c matcher.Criteria) {
	switch {
	case c.Size < 1:
		v.fail("size", "is %d: a cohort needs at least 1 person", c.Size)
	case c.Size > MaxSize:
		v.fail("size", "is %d: at most %d can be handled", c.Size, MaxSize)
	case c.Size > len(v.people):
		v.fail("size", "is %d, but the pool has only %d people", c.Size, len(v.people))
	}
	switch {
	case c.MinSize < 0:
		v.fail("min_size", "is %d: it must be 0 or more", c.MinSize)
	case c.MinSize > c.Size:
		v.fail("min_size", "is %d, more than the size %d", c.MinSize, c.Size)
	}
}

func (v *validator) locks(c matcher.Criteria) {
	included := wordSet(c.Include)
	v.excluded = wordSet(c.Exclude)
	for i, id := range c.Include {
		if !v.ids[id] {
			v.unknown(fmt.Sprintf("include[%d]", i), id)
		} else if v.excluded[id] {
			v.fail(fmt.Sprintf("include[%d]", i), "%q is excluded too: keep one of the two", id)
		}
	}
	for i, id := range c.Exclude {
		if !v.ids[id] {
			v.unknown(fmt.Sprintf("exclude[%d]", i), id)
		}
	}
	if len(included) > c.Size {
		v.fail("include", "names %d people, more than the size %d", len(included), c.Size)
	}
	for _, p := range v.people {
		if v.excluded[p.ID] {
			continue
		}
		for attribute, held := range p.Values {
			of := v.values[attribute]
			if of == nil {
				of = map[string]int{}
				v.values[attribute] = of
			}
			for _, value := range distinct(held) {
				of[value]++
			}
		}
	}
}

func (v *validator) unknown(field, id string) {
	hint := ""
	if v.unknowns++; v.unknowns <= fewHints {
		if v.sorted == nil {
			v.sorted = slices.Sorted(maps.Keys(v.ids))
		}
		hint = nearest.Hint(id, v.sorted)
	}
	v.fail(field, "%q is not in the pool%s", id, hint)
}

func (v *validator) links(links []matcher.Link) {
	if len(links) > MaxLinks {
		v.fail("links", "there are %d: at most %d can be handled", len(links), MaxLinks)
		return
	}
	for i, l := range links {
		field := fmt.Sprintf("links[%d]", i)
		least := 2
		switch l.Kind {
		case matcher.Apart, matcher.Together:
		case matcher.AtLeastOne:
			least = 1
		default:
			v.fail(field+".kind", "is unknown (%d)", l.Kind)
		}
		if len(wordSet(l.IDs)) < least || len(wordSet(l.IDs)) != len(l.IDs) {
			v.fail(field+".ids", "a link of kind %s needs %d or more different people", l.Kind, least)
		}
		for k, id := range l.IDs {
			if !v.ids[id] {
				v.unknown(fmt.Sprintf("%s.ids[%d]", field, k), id)
			}
		}
	}
}

func (v *validator) scoresAndAllow(c matcher.Criteria) {
	scored := make([]string, 0, len(c.Scores))
	for id := range c.Scores {
		scored = append(scored, id)
	}
	slices.Sort(scored)
	for _, id := range scored {
		field := fmt.Sprintf("scores[%q]", id)
		if !v.ids[id] {
			v.unknown(field, id)
		}
		if s := c.Scores[id]; s < 0 || s > MaxScore {
			v.fail(field, "is %d: a score is an integer from 0 to %d", s, MaxScore)
		}
	}
	used := map[int]bool{}
	for _, r := range c.Rules {
		used[r.Priority] = true
	}
	var priorities []int
	for g := range c.Allow {
		priorities = append(priorities, g)
	}
	slices.Sort(priorities)
	for _, g := range priorities {
		field := fmt.Sprintf("allow[%d]", g)
		switch d := c.Allow[g]; {
		case g < 1 || g > matcher.MaxPriority:
			v.fail(field, "priorities are 1 to %d; rules that must hold allow no deviation", matcher.MaxPriority)
		case d < 0 || d > MaxAllow:
			v.fail(field, "is %d: an allowed deviation is an integer from 0 to %d", d, MaxAllow)
		case !used[g]:
			v.warn(0, "a deviation is allowed for priority %d, but no rule has that priority", g)
		}
	}
}

func (v *validator) rules(c matcher.Criteria) {
	if len(c.Rules) > MaxRules {
		v.fail("rules", "there are %d: at most %d can be handled", len(c.Rules), MaxRules)
		return
	}
	for i, r := range c.Rules {
		field := fmt.Sprintf("rules[%d]", i)
		if r.Min < 0 {
			v.fail(field+".min", "is %d: it must be 0 or more", r.Min)
		}
		if r.Min > MaxBound || r.Max > MaxBound {
			v.fail(field+".max", "a bound is at most %d", MaxBound)
		}
		if r.Max < r.Min {
			v.fail(field+".max", "is %d, less than min %d", r.Max, r.Min)
		}
		if r.MinFlex < 0 {
			v.fail(field+".min_flex", "is %d: it must be 0 or more", r.MinFlex)
		}
		if r.MaxFlex < 0 {
			v.fail(field+".max_flex", "is %d: it must be 0 or more", r.MaxFlex)
		}
		if r.Priority < 0 || r.Priority > matcher.MaxPriority {
			v.fail(field+".priority", "is %d: it must be 1 to %d, or 0 for a rule that must hold", r.Priority, matcher.MaxPriority)
		}
		if r.Priority == matcher.Must && r.Weight > 1 {
			v.fail(field+".weight", "is %d: only a rule with a priority has a weight", r.Weight)
		} else if r.Priority != matcher.Must && (r.Weight < 1 || r.Weight > MaxWeight) {
			v.fail(field+".weight", "is %d: it must be 1 to %d", r.Weight, MaxWeight)
		}
		if v.property(field+".property", r) {
			v.nobody(r)
		}
	}
}

// property checks the shape of a rule's property; it says whether it is sound.
func (v *validator) property(field string, r matcher.Rule) bool {
	before := len(v.errs)
	if r.Kind > matcher.Cap {
		v.fail(field, "kind %d is unknown: the kinds are %s", r.Kind, strings.Join(matcher.Kinds(), ", "))
		return false
	}
	if r.Kind != matcher.Quota && (len(r.Property.Terms) != 1 || len(r.Property.IDs) > 0) {
		v.fail(field, "a rule of kind %s is about the values of exactly one attribute", r.Kind)
		return false
	}
	for k, t := range r.Property.Terms {
		at := fmt.Sprintf("%s.terms[%d]", field, k)
		switch {
		case t.Attribute == "":
			v.fail(at+".attribute", "is empty")
		case t.Wildcard && len(t.Values) > 0:
			v.fail(at+".values", `either "any value" or a list of values, not both`)
		case !t.Wildcard && len(t.Values) == 0:
			v.fail(at+".values", "is empty: name values, or say any value")
		case slices.Contains(t.Values, ""):
			v.fail(at+".values", "holds an empty value")
		case t.Match > matcher.MatchAll:
			v.fail(at+".match", "is unknown (%d)", t.Match)
		case r.Kind != matcher.Quota && t.Match == matcher.MatchAll && len(t.Values) > 1:
			v.fail(at+".match", "a rule of kind %s looks at each value by itself: match all has no meaning", r.Kind)
		}
	}
	for k, id := range r.Property.IDs {
		if !v.ids[id] {
			v.unknown(fmt.Sprintf("%s.ids[%d]", field, k), id)
		}
	}
	if r.Relief < 0 || r.Relief > MaxBound || r.Relief > 0 && r.Kind != matcher.Company {
		v.fail(field+".relief", "is %d: it must be 0 to %d, of a rule of kind %s", r.Relief, MaxBound, matcher.Company)
	}
	for k, id := range r.Alone {
		if !v.ids[id] {
			v.unknown(fmt.Sprintf("%s.alone[%d]", field, k), id)
		}
	}
	return len(v.errs) == before
}

// nobody warns of values that nobody in the pool holds, which are most often
// misspelled, and of attributes that nobody has answered.
func (v *validator) nobody(r matcher.Rule) {
	nobody := "nobody in the pool"
	if len(v.excluded) > 0 {
		nobody = "nobody in the pool who is not excluded"
	}
	for _, t := range r.Property.Terms {
		known := v.values[t.Attribute]
		if len(known) == 0 {
			v.warn(r.Row, "%s has a value for %q", nobody, t.Attribute)
			continue
		}
		words, ok := v.words[t.Attribute]
		if !ok {
			words = slices.Sorted(maps.Keys(known))
			v.words[t.Attribute] = words
		}
		missed := 0
		for _, value := range t.Values {
			if known[value] > 0 {
				continue
			}
			if missed++; missed <= fewHints {
				v.warn(r.Row, "%s has %s %.100q%s", nobody, t.Attribute, value, nearest.Hint(value, words))
			}
		}
		if missed > fewHints {
			v.warn(r.Row, "%s has %d other values of %s that the rule names", nobody, missed-fewHints, t.Attribute)
		}
	}
}

// InputErrors are all the problems found with the input of one run.
type InputErrors []*InputError

func (e InputErrors) Error() string { return errors.Join(e.Unwrap()...).Error() }

// Unwrap makes errors.As find the first InputError.
func (e InputErrors) Unwrap() []error {
	all := make([]error, len(e))
	for i := range e {
		all[i] = e[i]
	}
	return all
}

// checkInput is Validate for callers that only want to go on if all is well.
func checkInput(people []matcher.Person, c matcher.Criteria, seed string) error {
	errs, _ := Validate(people, c)
	if !utf8.ValidString(seed) || strings.ContainsRune(seed, 0) {
		errs = append(errs, &InputError{Field: "seed", Message: "must be UTF-8 without NUL"})
	}
	if len(errs) > 0 {
		return InputErrors(errs)
	}
	return nil
}
