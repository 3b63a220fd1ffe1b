package applications

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// cleanText brings a text that a person wrote into the one form that is kept:
// Unicode NFC, no blanks at its ends, "\n" for new lines. It changes no letter
// (names have to come back as they went in). problem is "" or what is wrong,
// in words that do not repeat the text. most is in characters. A text of
// nothing but invisible characters is wrong: it would pass for a name.
func cleanText(s string, lines bool, most int) (clean, problem string) {
	if !utf8.ValidString(s) {
		return "", "this is not valid UTF-8 text"
	}
	if strings.ContainsRune(s, '\r') {
		s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	for _, r := range s {
		if unicode.IsControl(r) && (!lines || r != '\n' && r != '\t') {
			return "", "this contains a control character; please type it again"
		}
	}
	if s != "" && !strings.ContainsFunc(s, visible) {
		return "", "this has no character that can be seen; please type it again"
	}
	if n := utf8.RuneCountInString(s); n > most {
		return "", fmt.Sprintf("this has %d characters; at most %d fit", n, most)
	}
	return s, ""
}

// visible reports whether a character shows by itself. Joiners, fillers and
// marks do so only beside others, so that a text needs one that does.
func visible(r rune) bool {
	const brailleBlank = '\u2800' // a symbol to Unicode, and nothing to see
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != brailleBlank &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// cleanContact brings a contact into the form that is kept.
func cleanContact(c Contact) (Contact, []Violation) {
	var bad []Violation
	clean := func(field, s string, most int) string {
		s, problem := cleanText(s, false, most)
		if problem != "" {
			bad = append(bad, Violation{field, problem})
		}
		return s
	}
	c.Name = clean("contact.name", c.Name, 200)
	c.Goes = clean("contact.preferred_name", c.Goes, 200)
	c.Email = clean("contact.email", c.Email, 254)
	c.Phone = clean("contact.phone", c.Phone, 40)
	if c.Email != "" && !emailShape(c.Email) {
		bad = append(bad, Violation{"contact.email", "this does not look like an e-mail address; it has the form name@example.org"})
	}
	if c.Phone != "" && !phoneShape(c.Phone) {
		bad = append(bad, Violation{"contact.phone", "this does not look like a telephone number; write it with its digits, for example 360-555-0100"})
	}
	return c, bad
}

// emailShape is tolerant on purpose: only a message that arrives shows that an
// address is right.
func emailShape(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.ContainsFunc(s, unicode.IsSpace) {
		return false
	}
	domain := s[at+1:]
	return !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".") &&
		!strings.Contains(domain, "..") && strings.Contains(domain, ".") &&
		!strings.ContainsAny(domain, `@,;<>()[]"`) && !strings.ContainsAny(s[:at], `,;<>()[]`)
}

// phoneShape wants 5 to 20 digits among what people write around them,
// extensions included.
func phoneShape(s string) bool {
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case unicode.IsLetter(r), strings.ContainsRune(" +-–./()#,;:", r), r == '\u00a0':
		default:
			return false
		}
	}
	return digits >= 5 && digits <= 20
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
			bad = append(bad, Violation{field, `texts are by language tag, such as "en" or "es"`})
			continue
		}
		s, problem := cleanText(t[lang], true, most)
		if problem != "" {
			bad = append(bad, Violation{field + "." + lang, problem})
		}
		if s != "" {
			if clean == nil {
				clean = Text{}
			}
			clean[lang] = s
		}
	}
	if needed && clean["en"] == "" && len(bad) == 0 {
		bad = append(bad, Violation{field + ".en", "the English text is missing; other languages fall back to it"})
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
