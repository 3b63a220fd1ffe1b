package applications

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Bounds of criteria.
const (
	maxRules = 500
	maxTies  = 10000
	maxIDs   = 1000
)

// prepareCriteria checks criteria against a form and brings them into the form
// that is kept. form is nil while a program has none: then rules cannot be
// kept either.
func prepareCriteria(c *Criteria, form *Form, p *Program) error {
	if c.Size == 0 {
		c.Size = p.Seats
		if c.MinSize == 0 {
			c.MinSize = p.MinSeats
		}
	}
	if c.MinSize == 0 {
		c.MinSize = c.Size
	}
	for i := range c.Rules {
		if c.Rules[i].Kind == "" {
			c.Rules[i].Kind = "quota"
		}
	}
	if form == nil {
		form = &Form{}
	}
	if bad := c.problems(form); len(bad) > 0 {
		return Invalid("CRITERIA_INVALID", "the criteria cannot be kept like this", bad...)
	}
	return nil
}

// problems returns everything that is wrong with criteria on a form.
func (c *Criteria) problems(form *Form) []Violation {
	k := &criteriaChecker{c: c, form: form}
	for i := range form.Attributes {
		k.keys = append(k.keys, form.Attributes[i].Key)
	}
	name, problem := cleanText(c.Name, false, 100)
	if problem != "" {
		k.badf("title", "%s", problem)
	}
	c.Name = name
	if c.Size < 1 || c.Size > 1000 {
		k.badf("size", "from 1 to 1000")
	}
	if c.MinSize < 1 || c.MinSize > c.Size {
		k.badf("min_size", "from 1 to the size")
	}
	k.bad = append(k.bad, c.lotteryProblems()...)
	for priority, allowed := range c.Allow {
		if priority < 1 || priority > matcher.MaxPriority || allowed < 0 || allowed > 1_000_000 {
			k.badf("allow", "from priority 1 to %d, a deviation from 0 to 1,000,000", matcher.MaxPriority)
			break
		}
	}
	for _, key := range sortedKeys(c.HardCaps) {
		at := "hard_caps." + key
		if c.HardCaps[key] < 1 || c.HardCaps[key] > 1000 {
			k.badf(at, "from 1 to 1000")
		}
		k.attribute(at, key)
	}
	if len(c.Rules) > maxRules {
		k.badf("rules", "at most %d", maxRules)
		return k.bad
	}
	for i := range c.Rules {
		k.rule(fmt.Sprintf("rules[%d]", i), &c.Rules[i])
	}
	if len(c.Ties) > maxTies {
		k.badf("links", "at most %d", maxTies)
		return k.bad
	}
	for i, t := range c.Ties {
		at := fmt.Sprintf("links[%d]", i)
		if _, ok := tieKinds[t.Kind]; !ok {
			k.badf(at+".kind", "one of apart, together, at_least_one")
		}
		least := 2
		if t.Kind == "at_least_one" {
			least = 1
		}
		k.ids(at+".ids", t.IDs, least)
	}
	return k.bad
}

type criteriaChecker struct {
	c    *Criteria
	form *Form
	keys []string
	bad  []Violation
}

func (k *criteriaChecker) badf(field, format string, args ...any) {
	k.bad = append(k.bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
}

// attribute wants one that rules can name.
func (k *criteriaChecker) attribute(at, key string) *Attribute {
	a := k.form.Attribute(key)
	if a == nil {
		k.badf(at, "the form has no attribute %.60q%s", key, nearest.Hint(key, k.keys))
		return nil
	}
	switch {
	case a.Kind == FreeText || a.Kind == Number:
		k.badf(at, "%s is a %s: it makes no groups that a rule could count", key, a.Kind)
		return nil
	case !a.Identity() && !a.For(ForBalance):
		k.badf(at, "the form does not say that %s is used for BALANCE", key)
	}
	return a
}

func (k *criteriaChecker) rule(at string, r *CriteriaRule) {
	if _, ok := ruleKinds[r.Kind]; !ok {
		k.badf(at+".kind", "one of quota, company, spread, cap%s", nearest.Hint(r.Kind, []string{"quota", "company", "spread", "cap"}))
	}
	quota := r.Kind == "quota"
	if !quota && (r.Each || r.All || len(r.And) > 0 || len(r.IDs) > 0) {
		k.badf(at, "each, all, and and ids are for a quota")
	}
	if r.Attribute != "" || len(r.IDs) == 0 {
		if a := k.attribute(at+".attribute", r.Attribute); a != nil {
			k.values(at+".values", a, r.Values)
			if r.Each && len(r.Values) == 0 && a.Kind == Entity {
				k.badf(at+".each", "an organization has no list of values: use cap or spread")
			}
		}
	} else if len(r.Values) > 0 {
		k.badf(at+".values", "values of which attribute?")
	}
	if r.All && r.Each || r.All && len(r.Values) == 0 {
		k.badf(at+".all", "needs values, and goes without each")
	}
	if len(r.And) > 10 {
		k.badf(at+".and", "at most 10")
		return
	}
	for i, and := range r.And {
		at := fmt.Sprintf("%s.and[%d]", at, i)
		if a := k.attribute(at, and.Attribute); a != nil {
			if len(and.Values) == 0 {
				k.badf(at, "name its values")
			}
			k.values(at, a, and.Values)
		}
	}
	if len(r.IDs) > 0 {
		k.ids(at+".ids", r.IDs, 1)
	}
	k.bounds(at, r)
	note, problem := cleanText(r.Note, true, 1000)
	if problem != "" {
		k.badf(at+".note", "%s", problem)
	}
	r.Note = note
}

func (k *criteriaChecker) values(at string, a *Attribute, codes []string) {
	if a.Kind == Entity {
		if len(codes) > 0 {
			k.badf(at, "%s has no list of values", a.Key)
		}
		return
	}
	counted := a.counted()
	for i, code := range codes {
		v := a.Value(code)
		switch {
		case v == nil && strings.EqualFold(code, declineCode):
			k.badf(at, "whoever declines belongs to no group: no rule can count them")
		case v == nil:
			k.badf(at, "%s has no value %.60q%s", a.Key, code, nearest.Hint(code, counted))
		case v.Uncounted:
			k.badf(at, "%q belongs to no group: no rule can count it", code)
		case slices.Index(codes, code) != i:
			k.badf(at, "%q is there twice", code)
		}
	}
}

func (k *criteriaChecker) bounds(at string, r *CriteriaRule) {
	for _, b := range []struct {
		name string
		n    *int
	}{{"min", r.Min}, {"max", r.Max}, {"min_flex", r.MinFlex}, {"max_flex", r.MaxFlex}} {
		if b.n != nil && (*b.n < 0 || *b.n > 1000) {
			k.badf(at+"."+b.name, "from 0 to 1000")
		}
	}
	if r.Min != nil && r.Max != nil && *r.Min > *r.Max {
		k.badf(at+".min", "not more than max")
	}
	switch r.Kind {
	case "quota":
		if r.Min == nil && r.Max == nil {
			k.badf(at, "a quota needs min, max or both")
		}
	case "company", "spread":
		if r.Min == nil {
			k.badf(at+".min", "is missing")
		}
	case "cap":
		if r.Max == nil {
			k.badf(at+".max", "is missing")
		}
	}
	if r.Priority < 0 || r.Priority > matcher.MaxPriority {
		k.badf(at+".priority", "0 (must hold) or 1 to %d", matcher.MaxPriority)
	}
	if r.Weight < 0 || r.Weight > 1000 || r.Priority == 0 && r.Weight > 1 {
		k.badf(at+".weight", "from 1 to 1000, and only with a priority from 1 to %d", matcher.MaxPriority)
	}
}

func (k *criteriaChecker) ids(at string, ids []string, least int) {
	if len(ids) < least || len(ids) > maxIDs {
		k.badf(at, "from %d to %d applicants' codes", least, maxIDs)
		return
	}
	for i, id := range ids {
		if len(id) > 40 || !strings.Contains(id, "-") || strings.ContainsFunc(id, func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		}) {
			k.badf(at, `an applicant's code has the form "NS-0412"`)
			return
		}
		if slices.Index(ids, id) != i {
			k.badf(at, "%s is there twice", id)
		}
	}
}

// digest covers everything that decides, and nothing else.
func (c *Criteria) digest() string {
	return jsonDigest(struct {
		Rules         []CriteriaRule
		Size, MinSize int
		HardCaps      map[string]int
		Ties          []Tie
		Lottery       string
		Allow         map[int]int64
		SeedSource    string
		// What did not exist from the beginning stays out where it says nothing:
		// digests that were registered before are as they were.
		MaxChance  int      `json:",omitempty"`
		SeedKind   SeedKind `json:",omitempty"`
		SeedPeople []string `json:",omitempty"`
	}{c.Rules, c.Size, c.MinSize, c.HardCaps, c.Ties, c.Lottery, c.Allow, c.SeedSource, c.MaxChance, c.SeedKind, c.SeedPeople})
}
