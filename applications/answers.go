package applications

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// declineCode is how a decline is written where answers are text: in files and
// filters. It is never a value of an attribute.
const declineCode = "prefer_not_to_say"

// Holds reports whether the answer that the condition looks at has any of its
// values. A decline has none.
func (c *Condition) Holds(answers Answers) bool {
	if c == nil {
		return true
	}
	return slices.ContainsFunc(answers[c.Attribute].Values, func(v string) bool { return slices.Contains(c.Values, v) })
}

// ineligible returns the keys of the eligibility conditions that do not hold.
func (f *Form) ineligible(answers Answers) []string {
	var failed []string
	for i := range f.Eligibility {
		if c := &f.Eligibility[i]; !c.Holds(answers) && !slices.Contains(failed, c.Attribute) {
			failed = append(failed, c.Attribute)
		}
	}
	return failed
}

// Eligible reports whether the answers meet every eligibility condition.
func (f *Form) Eligible(answers Answers) bool { return len(f.ineligible(answers)) == 0 }

// derive returns the value that a Derived attribute has for these answers: one
// or none. A decline rolls up to nothing.
func (a *Attribute) derive(answers Answers) []string {
	from := answers[a.DerivedFrom].Values
	if len(from) == 0 {
		return nil
	}
	for i := range a.Values {
		r := a.Values[i].Rollup
		switch {
		case r == nil:
		case len(r.Any) > 0 && slices.ContainsFunc(r.Any, func(v string) bool { return slices.Contains(from, v) }),
			r.Only != "" && len(from) == 1 && from[0] == r.Only,
			r.AtLeast > 0 && len(from) >= r.AtLeast:
			return []string{a.Values[i].Code}
		}
	}
	return nil
}

// health reports whether an answer holds consumer health data.
func (a *Attribute) health(answer Answer) bool {
	if a.Sensitivity == SpecialHealth && (answer.Text != "" || answer.Number != nil) {
		return true
	}
	return slices.ContainsFunc(answer.Values, func(code string) bool {
		v := a.Value(code)
		return v != nil && v.Health
	})
}

// clean brings one answer into the form that is kept and returns what is
// wrong. No message repeats what was answered.
func (a *Attribute) clean(answer Answer) (Answer, []Violation) {
	at := "answers." + a.Key
	var bad []Violation
	badf := func(field, format string, args ...any) {
		bad = append(bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	given := len(answer.Values) > 0 || answer.Text != "" || answer.Number != nil || len(answer.WriteIns) > 0 || len(answer.Qualifiers) > 0
	if answer.Declined {
		switch {
		case given:
			badf(at, `choose answers, or choose "I prefer not to say", not both`)
		case !a.Decline:
			badf(at, "this question cannot be declined; it can be left empty")
		}
		return Answer{Declined: true}, bad
	}
	clean := Answer{}
	if a.Kind != Single && a.Kind != Multi && (len(answer.Values) > 0 || len(answer.WriteIns) > 0 || len(answer.Qualifiers) > 0) {
		badf(at, "this question has no values to choose from")
		return clean, bad
	}
	if a.Kind != Entity && a.Kind != FreeText && answer.Text != "" {
		badf(at, "this question is not answered with a text")
		return clean, bad
	}
	if a.Kind != Number && answer.Number != nil {
		badf(at, "this question is not answered with a number")
		return clean, bad
	}
	switch a.Kind {
	case Derived:
		badf(at, "this is never asked: it follows from %s", a.DerivedFrom)
	case Number:
		if answer.Number != nil {
			n := *answer.Number
			clean.Number = &n
		}
	case Entity, FreeText:
		most := a.MaxLength
		if most == 0 {
			most = defaultLength
		}
		text, problem := cleanText(answer.Text, a.Kind == FreeText, most)
		if problem != "" {
			badf(at, "%s", problem)
		}
		clean.Text = text
	case Single, Multi:
		clean.Values = a.cleanValues(answer.Values, badf, at)
		clean.WriteIns = a.cleanWriteIns(answer.WriteIns, clean.Values, badf, at)
		clean.Qualifiers = a.cleanQualifiers(answer.Qualifiers, clean.Values, badf, at)
	}
	return clean, bad
}

type complaint func(field, format string, args ...any)

// cleanValues returns the values in the form's order, each once.
func (a *Attribute) cleanValues(given []string, badf complaint, at string) []string {
	codes := valueCodes(a.Values)
	chosen := map[string]bool{}
	for _, code := range given {
		if slices.Contains(codes, code) {
			chosen[code] = true
			continue
		}
		if strings.EqualFold(code, declineCode) {
			badf(at, `"I prefer not to say" is no value: set declined instead`)
			continue
		}
		badf(at, "a value is not one of those to choose from%s", a.hint(code, codes))
	}
	var values []string
	exclusive := ""
	for _, v := range a.Values {
		if chosen[v.Code] {
			values = append(values, v.Code)
			if v.Exclusive {
				exclusive = v.Code
			}
		}
	}
	switch {
	case exclusive != "" && len(values) > 1:
		badf(at, "choose %q alone, or the others without it", a.Value(exclusive).Label.In("en"))
	case a.Kind == Single && len(values) > 1:
		badf(at, "choose one")
	case a.MaxValues > 0 && len(values) > a.MaxValues:
		badf(at, "choose at most %d", a.MaxValues)
	}
	return values
}

// hint names the code that an unknown value probably means, by code or label,
// or lists the codes. It never repeats the value: it may be anything.
func (a *Attribute) hint(given string, codes []string) string {
	if near := nearest.Word(given, codes); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	var labels []string
	for i := range a.Values {
		labels = append(labels, a.Values[i].Label.In("en"))
	}
	if near := nearest.Word(given, labels); near != "" {
		return fmt.Sprintf("; did you mean %q?", codes[slices.Index(labels, near)])
	}
	const most = 12
	if len(codes) > most {
		return ", such as " + strings.Join(codes[:most], ", ")
	}
	return ": " + strings.Join(codes, ", ")
}

func (a *Attribute) cleanWriteIns(given map[string]string, values []string, badf complaint, at string) map[string]string {
	var clean map[string]string
	for _, code := range sortedKeys(given) {
		v := a.Value(code)
		field := at
		if v != nil {
			field = at + ".write_ins." + code
		}
		text, problem := cleanText(given[code], false, defaultLength)
		switch {
		case v == nil || !v.WriteIn:
			badf(field, "this value takes no words of one's own")
		case problem != "":
			badf(field, "%s", problem)
		case text == "":
		case !slices.Contains(values, code):
			badf(field, "choose the value as well")
		default:
			if clean == nil {
				clean = map[string]string{}
			}
			clean[code] = text
		}
	}
	return clean
}

func (a *Attribute) cleanQualifiers(given map[string][]string, values []string, badf complaint, at string) map[string][]string {
	var clean map[string][]string
	for _, code := range sortedKeys(given) {
		field := at
		if a.Value(code) != nil {
			field = at + ".qualifiers." + code
		}
		if len(given[code]) == 0 {
			continue
		}
		if a.Qualifier == nil || a.Value(code) == nil {
			badf(field, "this value takes no second choice")
			continue
		}
		if !slices.Contains(values, code) {
			badf(field, "choose the value as well")
			continue
		}
		known := valueCodes(a.Qualifier.Values)
		for _, q := range given[code] {
			if !slices.Contains(known, q) {
				badf(field, "the choices here are %s", strings.Join(known, ", "))
			}
		}
		for _, q := range known { // the form's order, each once
			if slices.Contains(given[code], q) {
				if clean == nil {
					clean = map[string][]string{}
				}
				clean[code] = append(clean[code], q)
			}
		}
	}
	return clean
}

// mergeAnswers puts given answers over the stored ones and returns what is to
// be kept and everything that is wrong; with anything wrong, nothing is kept
// and the answers are good for further checks only. An empty answer takes the
// stored one away. With whole, given is everything and stored ones count for
// nothing.
//
// An answer *given* to a question that is not asked (visible_when) is wrong; a
// *stored* one that this change hides is dropped, because nobody is asked it
// any more. In the same way a health answer given without the consent is
// wrong, and stored ones go when the consent is withdrawn.
func (f *Form) mergeAnswers(stored, given Answers, whole, healthConsent bool) (Answers, []Violation) {
	var bad []Violation
	// What hangs on a wrong answer cannot be judged.
	wrong := map[string]bool{}
	hidden := func(c *Condition, answers Answers) bool {
		return c != nil && !wrong[c.Attribute] && !c.Holds(answers)
	}
	merged := Answers{}
	if !whole {
		maps.Copy(merged, stored)
	}
	var keys []string
	for i := range f.Attributes {
		keys = append(keys, f.Attributes[i].Key)
	}
	for _, key := range sortedKeys(given) {
		if f.Attribute(key) == nil {
			field := "answers" // a key of the wrong shape may be anything: it is not repeated
			if keyShape.MatchString(key) {
				field += "." + key
			}
			bad = append(bad, Violation{Field: field, Message: "the form has no such question" + nearest.Hint(key, keys)})
		}
	}
	for i := range f.Attributes {
		a := &f.Attributes[i]
		if answer, ok := given[a.Key]; ok {
			clean, problems := a.clean(answer)
			bad = append(bad, problems...)
			wrong[a.Key] = len(problems) > 0
			if clean.Empty() {
				delete(merged, a.Key)
			} else {
				merged[a.Key] = clean
			}
		}
		answer, ok := merged[a.Key]
		if !ok {
			continue
		}
		_, now := given[a.Key]
		if hidden(a.VisibleWhen, merged) {
			if now {
				bad = append(bad, Violation{Field: "answers." + a.Key, Message: "this is not asked because of the answer to " + a.VisibleWhen.Attribute})
			}
			delete(merged, a.Key)
			continue
		}
		for _, code := range slices.Clone(answer.Values) {
			if v := a.Value(code); v != nil && hidden(v.VisibleWhen, merged) {
				if now {
					bad = append(bad, Violation{Field: "answers." + a.Key, Message: fmt.Sprintf("%q is not offered because of the answer to %s", code, v.VisibleWhen.Attribute)})
				}
				answer = answer.without(code)
			}
		}
		if !healthConsent && a.health(answer) {
			if now {
				bad = append(bad, Violation{Field: "answers." + a.Key, Message: "this is health information: it can be kept only with the consent to it (" + f.healthConsent() + ")"})
			}
			answer = a.withoutHealth(answer)
		}
		if answer.Empty() {
			delete(merged, a.Key)
		} else {
			merged[a.Key] = answer
		}
	}
	return merged, bad
}

// healthConsent is the key of the consent to health answers, or "".
func (f *Form) healthConsent() string {
	for i := range f.Consents {
		if f.Consents[i].Health {
			return f.Consents[i].Key
		}
	}
	return ""
}

func (a *Attribute) withoutHealth(answer Answer) Answer {
	if a.Sensitivity == SpecialHealth {
		answer.Text, answer.Number = "", nil
	}
	for _, code := range slices.Clone(answer.Values) {
		if v := a.Value(code); v != nil && v.Health {
			answer = answer.without(code)
		}
	}
	return answer
}

// without returns the answer without one value and what hangs on it.
func (a Answer) without(code string) Answer {
	a.Values = slices.DeleteFunc(slices.Clone(a.Values), func(v string) bool { return v == code })
	if len(a.Values) == 0 {
		a.Values = nil
	}
	a.WriteIns, a.Qualifiers = maps.Clone(a.WriteIns), maps.Clone(a.Qualifiers)
	delete(a.WriteIns, code)
	delete(a.Qualifiers, code)
	if len(a.WriteIns) == 0 {
		a.WriteIns = nil
	}
	if len(a.Qualifiers) == 0 {
		a.Qualifiers = nil
	}
	return a
}

// unsubmittable returns everything that keeps an application from being
// submitted: the name, the consents, and the questions that decide who may
// take part. Nothing else is required, and mail or phone are not.
func (f *Form) unsubmittable(a *Application) []Violation {
	var bad []Violation
	if a.Contact.Name == "" {
		bad = append(bad, Violation{Field: "contact.name", Message: "enter your name"})
	}
	for i := range f.Attributes {
		attr := &f.Attributes[i]
		decides := slices.ContainsFunc(f.Eligibility, func(c Condition) bool { return c.Attribute == attr.Key })
		if !attr.Required && !decides || !attr.VisibleWhen.Holds(a.Answers) {
			continue
		}
		if answer, ok := a.Answers[attr.Key]; !ok || answer.Empty() || answer.Declined {
			bad = append(bad, Violation{Field: "answers." + attr.Key, Message: "answer this question: it decides whether you can take part"})
		}
	}
	for _, t := range f.Consents {
		if t.Required && !slices.ContainsFunc(a.Consents, func(c Consent) bool { return c.Key == t.Key }) {
			bad = append(bad, Violation{Field: "consents." + t.Key, Message: "agree to this to submit"})
		}
	}
	return bad
}

// cleanConsents returns the consents as they are kept: known, once each, with
// the form version, the language and the time. One that was given before keeps
// its time.
func (f *Form) cleanConsents(before, given []Consent, language string, now func() Consent) ([]Consent, []Violation) {
	var bad []Violation
	var keys []string
	for _, t := range f.Consents {
		keys = append(keys, t.Key)
	}
	wanted := map[string]Consent{}
	for _, c := range given {
		if !slices.Contains(keys, c.Key) {
			field := "consents"
			if keyShape.MatchString(c.Key) {
				field += "." + c.Key
			}
			bad = append(bad, Violation{Field: field, Message: "the form has no such consent" + nearest.Hint(c.Key, keys)})
			continue
		}
		if c.Language == "" {
			c.Language = language
		}
		if !languageShape.MatchString(c.Language) {
			bad = append(bad, Violation{Field: "consents." + c.Key, Message: `the language is a tag such as "en" or "es"`})
		}
		wanted[c.Key] = c
	}
	var kept []Consent
	for _, key := range keys {
		c, ok := wanted[key]
		if !ok {
			continue
		}
		if i := slices.IndexFunc(before, func(b Consent) bool { return b.Key == key }); i >= 0 {
			kept = append(kept, before[i])
			continue
		}
		made := now()
		made.Key, made.Language = key, c.Language
		kept = append(kept, made)
	}
	return kept, bad
}

// agreed reports whether the consent to health answers is among consents.
func (f *Form) agreedToHealth(consents []Consent) bool {
	key := f.healthConsent()
	return key != "" && slices.ContainsFunc(consents, func(c Consent) bool { return c.Key == key })
}
