// Package words brings texts that people wrote into the one form that is kept.
package words

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Clean brings a text that a person wrote into the one form that is kept:
// Unicode NFC, no blanks at its ends, "\n" for new lines. It changes no letter
// (names have to come back as they went in). problem is "" or what is wrong,
// in words that do not repeat the text. most is in characters. A text of
// nothing but invisible characters is wrong: it would pass for a name.
func Clean(s string, lines bool, most int) (clean, problem string) {
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

// Fold is the key under which words are compared that differ in case or in how
// their characters are spelled.
func Fold(word string) string {
	for i := 0; i < len(word); i++ {
		if word[i] >= utf8.RuneSelf {
			return cases.Fold().String(norm.NFC.String(word))
		}
	}
	return strings.ToLower(word)
}

// Email reports whether s has the shape of an e-mail address. It is tolerant on
// purpose: only a message that arrives shows that an
// address is right.
func Email(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at == len(s)-1 || strings.ContainsFunc(s, unicode.IsSpace) {
		return false
	}
	domain := s[at+1:]
	return !strings.HasPrefix(domain, ".") && !strings.HasSuffix(domain, ".") &&
		!strings.Contains(domain, "..") && strings.Contains(domain, ".") &&
		!strings.ContainsAny(domain, `@,;<>()[]"`) && !strings.ContainsAny(s[:at], `,;<>()[]`)
}

// Phone reports whether s has the shape of a telephone number: 5 to 20 digits
// among what people write around them,
// extensions included.
func Phone(s string) bool {
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
