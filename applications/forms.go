package applications

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Bounds of a form.
const (
	maxAttributes = 100
	maxValues     = 500
	maxPages      = 60
	maxConsents   = 20
	maxConditions = 20
	longestAnswer = 20000 // characters
	defaultLength = 500   // characters, of an answer without a MaxLength
)

// Form returns a form version; 0 is the published one, or the draft's. Public
// once the program was opened.
func (s *Service) Form(ctx context.Context, who access.Principal, program string, version int) (*Form, error) {
	var f *Form
	err := s.Store.View(ctx, func(tx Tx) error {
		p, err := visibleProgram(ctx, tx, who, program)
		if err != nil {
			return err
		}
		if version == 0 {
			version = p.FormVersion
		}
		if version != p.FormVersion && !who.Can(access.ProgramsRead, program) || version == 0 {
			return Errorf(NotFound, "FORM_NOT_FOUND", "there is no such version of the form")
		}
		f, err = tx.Form(ctx, program, version)
		return err
	})
	return f, err
}

// UpdateForm stores a new form version of a draft program (before it opens).
// Criteria that were saved must still fit it.
func (s *Service) UpdateForm(ctx context.Context, who access.Principal, form *Form, idem Idempotency) (*Form, error) {
	if err := calls.Need(who, access.ProgramsWrite, form.Program); err != nil {
		return nil, err
	}
	clean, err := prepareForm(form, form.Program, 0)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, form.Program, "UpdateForm", idem, func(tx Tx) (*Form, string, error) {
		p, err := tx.Program(ctx, form.Program)
		if err != nil {
			return nil, "", err
		}
		if _, err := p.State.after(changeForm); err != nil {
			return nil, "", err
		}
		f := *clean
		f.Version = p.FormVersion + 1
		versions, err := tx.CriteriaVersions(ctx, p.ID)
		if err != nil {
			return nil, "", err
		}
		if n := len(versions); n > 0 {
			if bad := versions[n-1].problems(&f); len(bad) > 0 {
				return nil, "", &Error{
					Code: FailedPrecondition, Reason: "FORM_BREAKS_CRITERIA",
					Message: "the newest criteria name what this form does not have: save other criteria first", Violations: bad,
				}
			}
		}
		if err := tx.InsertForm(ctx, &f); err != nil {
			return nil, "", err
		}
		p.FormVersion, p.UpdateTime = f.Version, s.now()
		if err := tx.UpdateProgram(ctx, p); err != nil {
			return nil, "", err
		}
		return &f, fmt.Sprint(f.Version), tx.AppendEvents(ctx,
			s.event(who, "form.update", programName(p.ID), "", fmt.Sprintf("version=%d", f.Version)))
	})
}

// prepareForm returns a checked copy of a form with its digest.
func prepareForm(form *Form, program string, version int) (*Form, error) {
	var f Form
	if err := copyJSON(&f, form); err != nil {
		return nil, err
	}
	f.Program, f.Version = program, version
	if bad := CheckForm(&f); len(bad) > 0 {
		return nil, Invalid("FORM_INVALID", "the form cannot be published like this", bad...)
	}
	f.Digest = f.digest()
	return &f, nil
}

// digest covers everything that an applicant reads or a rule uses, and not
// which program and version it belongs to.
func (f *Form) digest() string {
	c := *f
	c.Program, c.Version, c.Digest = "", 0, ""
	return jsonDigest(c)
}

// jsonDigest is the SHA-256 of the value's JSON: struct fields in order, map
// keys sorted, so the same everywhere.
func jsonDigest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("a plain value did not encode: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func copyJSON(to, from any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

// formChecker gathers what is wrong with a form.
type formChecker struct {
	form *Form
	keys []string
	bad  []Violation
}

func (c *formChecker) badf(field, format string, args ...any) {
	c.bad = append(c.bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
}

// CheckForm returns everything that keeps a form from being published, and
// brings its texts into the form that is kept. Among it: identity attributes
// can be given neither the purpose ELIGIBILITY nor SCORING, are never
// required, and a question without a purpose is not asked.
func CheckForm(f *Form) []Violation {
	c := &formChecker{form: f}
	for i := range f.Attributes {
		c.keys = append(c.keys, f.Attributes[i].Key)
	}
	if len(f.Attributes) > maxAttributes {
		c.badf("attributes", "at most %d", maxAttributes)
		return c.bad
	}
	for i := range f.Attributes {
		c.attribute(i)
	}
	c.pages()
	c.eligibility()
	c.consents()
	return c.bad
}

func (c *formChecker) attribute(i int) {
	a := &c.form.Attributes[i]
	at := fmt.Sprintf("attributes[%d]", i)
	if !keyShape.MatchString(a.Key) {
		c.badf(at+".key", `1 to 40 of a-z, 0-9 and "_"`)
		return
	}
	at = "attributes." + a.Key
	if slices.Index(c.keys, a.Key) != i {
		c.badf(at, "the key is there twice")
		return
	}
	a.Question = c.labels(at+".question", a.Question, 1000, a.Kind != Derived)
	a.Hint = c.labels(at+".hint", a.Hint, 2000, false)
	a.Why = c.labels(at+".why", a.Why, 2000, false)
	a.Label = c.labels(at+".label", a.Label, 200, true)
	c.kind(a, at)
	c.purposes(a, at)
	c.condition(at+".visible_when", a.VisibleWhen, i)
}

func (c *formChecker) kind(a *Attribute, at string) {
	chosen := a.Kind == Single || a.Kind == Multi || a.Kind == Derived
	switch a.Kind {
	case Single, Multi, Derived, Entity, FreeText, Number:
	default:
		c.badf(at+".kind", "one of SINGLE, MULTI, DERIVED, ENTITY, TEXT, NUMBER")
		return
	}
	if !chosen && len(a.Values) > 0 {
		c.badf(at+".values", "only SINGLE, MULTI and DERIVED have values")
	}
	if chosen && (len(a.Values) == 0 || len(a.Values) > maxValues) {
		c.badf(at+".values", "from 1 to %d", maxValues)
	}
	if a.MaxValues != 0 && (a.Kind != Multi || a.MaxValues < 0 || a.MaxValues > len(a.Values)) {
		c.badf(at+".max_values", "only for MULTI, from 1 to the number of values; 0 is no limit")
	}
	if a.MaxLength != 0 && (a.Kind != FreeText && a.Kind != Entity || a.MaxLength < 0 || a.MaxLength > longestAnswer) {
		c.badf(at+".max_length", "only for TEXT and ENTITY, from 1 to %d; 0 is %d", longestAnswer, defaultLength)
	}
	c.values(a.Values, at+".values", a, slices.Index(c.keys, a.Key))
	if q := a.Qualifier; q != nil {
		if a.Kind != Single && a.Kind != Multi {
			c.badf(at+".qualifier", "only SINGLE and MULTI have a qualifier")
		}
		if !keyShape.MatchString(q.Key) {
			c.badf(at+".qualifier.key", `1 to 40 of a-z, 0-9 and "_"`)
		}
		if len(q.Values) == 0 || len(q.Values) > 20 {
			c.badf(at+".qualifier.values", "from 1 to 20")
		}
		q.Label = c.labels(at+".qualifier.label", q.Label, 200, false)
		c.values(q.Values, at+".qualifier.values", nil, -1)
	}
	if a.Kind == Derived {
		c.derived(a, at)
	} else if a.DerivedFrom != "" {
		c.badf(at+".derived_from", "only for DERIVED")
	}
}

// values checks a list of values; a is nil for those of a qualifier.
func (c *formChecker) values(values []Value, at string, a *Attribute, position int) {
	codes := valueCodes(values)
	for i := range values {
		v := &values[i]
		if !keyShape.MatchString(v.Code) {
			c.badf(fmt.Sprintf("%s[%d].code", at, i), `1 to 40 of a-z, 0-9 and "_"`)
			continue
		}
		at := at + "." + v.Code
		switch {
		case slices.Index(codes, v.Code) != i:
			c.badf(at, "the code is there twice")
		case v.Code == declineCode:
			c.badf(at, `this code means "I prefer not to say": set decline instead`)
		}
		v.Label = c.labels(at+".label", v.Label, 500, true)
		if b := v.Benchmark; b != nil && (!(b.Share >= 0 && b.Share <= 1) || b.Basis == "" || b.Source == "") {
			c.badf(at+".benchmark", "a share from 0 to 1 with the population it is of and its source")
		}
		if a == nil {
			if v.Exclusive || v.WriteIn || v.Health || v.Uncounted || v.VisibleWhen != nil || v.Rollup != nil || v.Benchmark != nil {
				c.badf(at, "the value of a qualifier has a code and a label, nothing else")
			}
			continue
		}
		if v.Health && a.Sensitivity != SpecialHealth {
			c.badf(at+".health", "health data belongs to an attribute of sensitivity SPECIAL_HEALTH")
		}
		if (v.Rollup != nil) != (a.Kind == Derived) {
			c.badf(at+".rollup", "every value of a DERIVED attribute, and no other, says what rolls up to it")
		}
		if v.WriteIn && a.Kind == Derived {
			c.badf(at+".write_in", "nobody answers a DERIVED attribute")
		}
		c.condition(at+".visible_when", v.VisibleWhen, position)
	}
}

func (c *formChecker) derived(a *Attribute, at string) {
	from := c.form.Attribute(a.DerivedFrom)
	switch {
	case from == nil:
		c.badf(at+".derived_from", "there is no attribute %.60q%s", a.DerivedFrom, nearest.Hint(a.DerivedFrom, c.keys))
		return
	case from.Kind != Single && from.Kind != Multi:
		c.badf(at+".derived_from", "only SINGLE and MULTI can be rolled up")
		return
	case from.Sensitivity != a.Sensitivity:
		c.badf(at+".sensitivity", "a roll-up is as sensitive as what it comes from: %s", from.Sensitivity)
	}
	if a.Decline || a.VisibleWhen != nil {
		c.badf(at, "a DERIVED attribute is never asked: it has neither decline nor visible_when")
	}
	codes := valueCodes(from.Values)
	for _, v := range a.Values {
		r := v.Rollup
		if r == nil {
			continue
		}
		at := at + ".values." + v.Code + ".rollup"
		set := 0
		if len(r.Any) > 0 {
			set++
		}
		if r.Only != "" {
			set++
		}
		if r.AtLeast != 0 {
			set++
		}
		if set != 1 || r.AtLeast < 0 {
			c.badf(at, "exactly one of any, only and at_least")
		}
		for _, code := range append(slices.Clone(r.Any), r.Only) {
			if code != "" && !slices.Contains(codes, code) {
				c.badf(at, "%s has no value %.60q%s", from.Key, code, nearest.Hint(code, codes))
			}
		}
	}
}

func (c *formChecker) purposes(a *Attribute, at string) {
	switch a.Sensitivity {
	case InternalFact, Personal, Special, SpecialHealth, SpecialSovereign:
	default:
		c.badf(at+".sensitivity", "one of INTERNAL, PERSONAL, SPECIAL, SPECIAL_HEALTH, SPECIAL_SOVEREIGN")
		return
	}
	if len(a.Purposes) == 0 {
		c.badf(at+".purposes", "a question that nothing uses is not asked: say what the answer is for")
	}
	for i, p := range a.Purposes {
		switch p {
		case ForEligibility, ForScoring:
			if a.Identity() {
				c.badf(at+".purposes", "an identity attribute cannot be used for %s: it never decides who may take part or how well somebody does", p)
			}
		case ForBalance, ForMentoring, ForReport, ForLogistics:
		default:
			c.badf(at+".purposes", "one of ELIGIBILITY, SCORING, BALANCE, MENTORING, REPORT, LOGISTICS")
		}
		if slices.Index(a.Purposes, p) != i {
			c.badf(at+".purposes", "%s is there twice", p)
		}
	}
	if a.Required && (a.Identity() || !a.For(ForEligibility) && !a.For(ForLogistics)) {
		c.badf(at+".required", "only a question for eligibility or logistics can be required, and never an identity question")
	}
	special := a.Identity() && a.Sensitivity != Personal
	if special && !a.Decline && (a.Kind == Single || a.Kind == Multi) {
		c.badf(at+".decline", `this question has to offer "I prefer not to say"`)
	}
	if a.Required && a.Decline {
		c.badf(at+".decline", "a required question cannot be declined: declining never touches eligibility")
	}
}

// condition checks a visible_when of the attribute at position i: it may only
// look back, so that a page knows what it asks.
func (c *formChecker) condition(at string, cond *Condition, i int) {
	if cond == nil {
		return
	}
	j := slices.Index(c.keys, cond.Attribute)
	if j < 0 {
		c.badf(at, "there is no attribute %.60q%s", cond.Attribute, nearest.Hint(cond.Attribute, c.keys))
		return
	}
	if j >= i {
		c.badf(at, "it has to look at a question asked before")
	}
	on := &c.form.Attributes[j]
	if on.Kind != Single && on.Kind != Multi || len(cond.Values) == 0 {
		c.badf(at, "it has to name values of a SINGLE or MULTI attribute")
	}
	c.codes(at, on, cond.Values)
}

func (c *formChecker) codes(at string, a *Attribute, codes []string) {
	known := valueCodes(a.Values)
	for _, code := range codes {
		if !slices.Contains(known, code) {
			c.badf(at, "%s has no value %.60q%s", a.Key, code, nearest.Hint(code, known))
		}
	}
}

func (c *formChecker) pages() {
	f := c.form
	if len(f.Pages) > maxPages {
		c.badf("pages", "at most %d", maxPages)
		return
	}
	seen := map[string]bool{}
	asked := map[string]int{} // key -> position among all questions asked
	for i := range f.Pages {
		page := &f.Pages[i]
		at := fmt.Sprintf("pages[%d]", i)
		if !keyShape.MatchString(page.Key) {
			c.badf(at+".key", `1 to 40 of a-z, 0-9 and "_"`)
			continue
		}
		at = "pages." + page.Key
		if seen[page.Key] {
			c.badf(at, "the key is there twice")
		}
		seen[page.Key] = true
		page.Title = c.labels(at+".title", page.Title, 200, true)
		if own := page.Key == ContactPage || page.Key == ConsentPage; own != (len(page.Attributes) == 0) {
			c.badf(at+".attributes", `the pages "contact" and "consent" list no attributes; every other page lists at least one`)
		}
		for _, key := range page.Attributes {
			a := f.Attribute(key)
			switch {
			case a == nil:
				c.badf(at+".attributes", "there is no attribute %.60q%s", key, nearest.Hint(key, c.keys))
				continue
			case a.Kind == Derived:
				c.badf(at+".attributes", "%s is DERIVED: it is never asked", key)
				continue
			}
			if _, twice := asked[key]; twice {
				c.badf(at+".attributes", "%s is asked twice", key)
				continue
			}
			asked[key] = len(asked)
		}
	}
	for _, key := range []string{ContactPage, ConsentPage} {
		if !seen[key] {
			c.badf("pages", "the page %q is missing", key)
		}
	}
	if n := len(f.Pages); n > 0 && seen[ConsentPage] && f.Pages[n-1].Key != ConsentPage {
		c.badf("pages", `the page "consent" is the last one`)
	}
	for i := range f.Attributes {
		a := &f.Attributes[i]
		position, ok := asked[a.Key]
		if !ok {
			if a.Kind != Derived && a.Key != "" {
				c.badf("attributes."+a.Key, "no page asks it")
			}
			continue
		}
		conditions := []*Condition{a.VisibleWhen}
		for j := range a.Values {
			conditions = append(conditions, a.Values[j].VisibleWhen)
		}
		for _, cond := range conditions {
			if cond == nil {
				continue
			}
			if before, ok := asked[cond.Attribute]; ok && before >= position {
				c.badf("attributes."+a.Key+".visible_when", "%s has to be asked before", cond.Attribute)
			}
		}
	}
}

func (c *formChecker) eligibility() {
	if len(c.form.Eligibility) > maxConditions {
		c.badf("eligibility", "at most %d conditions", maxConditions)
		return
	}
	for i, cond := range c.form.Eligibility {
		at := fmt.Sprintf("eligibility[%d]", i)
		a := c.form.Attribute(cond.Attribute)
		switch {
		case a == nil:
			c.badf(at, "there is no attribute %.60q%s", cond.Attribute, nearest.Hint(cond.Attribute, c.keys))
			continue
		case a.Identity():
			c.badf(at, "%s is an identity attribute: it cannot decide who may take part", a.Key)
		case a.Kind != Single && a.Kind != Multi || len(cond.Values) == 0:
			c.badf(at, "it has to name values of a SINGLE or MULTI attribute")
		case !a.For(ForEligibility):
			c.badf(at, "%s does not have the purpose ELIGIBILITY", a.Key)
		case a.Decline || a.VisibleWhen != nil:
			c.badf(at, "%s has to be asked of everybody and cannot be declined: declining never touches eligibility", a.Key)
		}
		c.codes(at, a, cond.Values)
	}
}

func (c *formChecker) consents() {
	f := c.form
	if len(f.Consents) > maxConsents {
		c.badf("consents", "at most %d", maxConsents)
		return
	}
	health := 0
	seen := map[string]bool{}
	for i := range f.Consents {
		t := &f.Consents[i]
		at := fmt.Sprintf("consents[%d]", i)
		if !keyShape.MatchString(t.Key) {
			c.badf(at+".key", `1 to 40 of a-z, 0-9 and "_"`)
			continue
		}
		at = "consents." + t.Key
		if seen[t.Key] {
			c.badf(at, "the key is there twice")
		}
		seen[t.Key] = true
		t.Text = c.labels(at+".text", t.Text, 4000, true)
		if t.Health {
			health++
			if t.Required {
				c.badf(at+".required", "health questions are optional, and so is the consent to them")
			}
		}
	}
	asks := slices.ContainsFunc(f.Attributes, func(a Attribute) bool { return a.asksHealth() })
	if asks && health == 0 {
		c.badf("consents", "the form asks for health data: it needs a consent with health set")
	}
	if health > 1 {
		c.badf("consents", "at most one consent has health set")
	}
}

func (c *formChecker) labels(field string, t Text, most int, needed bool) Text {
	clean, bad := cleanLabels(field, t, most, needed)
	c.bad = append(c.bad, bad...)
	return clean
}

// usedQuestions refuses to publish a question that only balance or eligibility
// would use and that no registered rule and no eligibility condition names.
func usedQuestions(f *Form, versions []*Criteria) error {
	used := map[string]bool{}
	for _, cond := range f.Eligibility {
		used[cond.Attribute] = true
	}
	for _, c := range versions {
		if c.Registered {
			for _, key := range c.attributes() {
				used[key] = true
			}
		}
	}
	for i := range f.Attributes {
		a := &f.Attributes[i]
		if a.Kind == Derived && used[a.Key] {
			used[a.DerivedFrom] = true
		}
		if a.VisibleWhen != nil {
			used[a.VisibleWhen.Attribute] = true
		}
	}
	var bad []Violation
	for i := range f.Attributes {
		a := &f.Attributes[i]
		if used[a.Key] || a.For(ForReport) || a.For(ForLogistics) || a.For(ForMentoring) {
			continue
		}
		bad = append(bad, Violation{Field: "form.attributes." + a.Key, Message: "no registered rule and no eligibility condition uses the answer (" +
			strings.Join(names(a.Purposes), ", ") + "): leave the question out or use it"})
	}
	if len(bad) > 0 {
		return &Error{Code: FailedPrecondition, Reason: "QUESTION_UNUSED", Message: "a question that nothing uses cannot be published", Violations: bad}
	}
	return nil
}
