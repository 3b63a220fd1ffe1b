package applications

import (
	"regexp"
	"slices"

	"github.com/openfairlead/fairlead/internal/words"
)

// cleanText is words.Clean.
func cleanText(s string, lines bool, most int) (clean, problem string) {
	return words.Clean(s, lines, most)
}

// cleanContact brings a contact into the form that is kept.
func cleanContact(c Contact) (Contact, []Violation) {
	var bad []Violation
	clean := func(field, s string, most int) string {
		s, problem := cleanText(s, false, most)
		if problem != "" {
			bad = append(bad, Violation{Field: field, Message: problem})
		}
		return s
	}
	c.Name = clean("contact.name", c.Name, 200)
	c.Goes = clean("contact.preferred_name", c.Goes, 200)
	c.Email = clean("contact.email", c.Email, 254)
	c.Phone = clean("contact.phone", c.Phone, 40)
	if c.Email != "" && !words.Email(c.Email) {
		bad = append(bad, Violation{Field: "contact.email", Message: "this does not look like an e-mail address; it has the form name@example.org"})
	}
	if c.Phone != "" && !words.Phone(c.Phone) {
		bad = append(bad, Violation{Field: "contact.phone", Message: "this does not look like a telephone number; write it with its digits, for example 360-555-0100"})
	}
	return c, bad
}

var (
	keyShape      = regexp.MustCompile(`^[a-z0-9_]{1,40}$`)
	programShape  = regexp.MustCompile(`^[a-z][a-z0-9-]{2,62}$`)
	prefixShape   = regexp.MustCompile(`^[A-Z]{1,6}$`)
	languageShape = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

// cleanLabels brings texts for people into the form that is kept: empty ones
// are dropped. needed wants an English one.
func cleanLabels(field string, t Text, most int, needed bool) (Text, []Violation) {
	var bad []Violation
	var clean Text
	for _, lang := range sortedKeys(t) {
		if !languageShape.MatchString(lang) {
			bad = append(bad, Violation{Field: field, Message: `texts are by language tag, such as "en" or "es"`})
			continue
		}
		s, problem := cleanText(t[lang], true, most)
		if problem != "" {
			bad = append(bad, Violation{Field: field + "." + lang, Message: problem})
		}
		if s != "" {
			if clean == nil {
				clean = Text{}
			}
			clean[lang] = s
		}
	}
	if needed && clean["en"] == "" && len(bad) == 0 {
		bad = append(bad, Violation{Field: field + ".en", Message: "the English text is missing; other languages fall back to it"})
	}
	return clean, bad
}

// sortedKeys makes a map's order the same every time.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
