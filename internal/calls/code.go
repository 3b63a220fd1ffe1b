package calls

import (
	"encoding/binary"
	"strings"
)

// crockford is the alphabet of codes: digits and letters without I, L, O and U,
// which are misread.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// CodeLength is how many characters of 5 bits a code for people has: too many to
// guess, where tries are limited.
const CodeLength = 12

// Code writes the first 60 bits of a MAC for people: three groups of four.
func Code(mac []byte) string {
	bits := binary.BigEndian.Uint64(mac)
	var b strings.Builder
	for i := range CodeLength {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(crockford[bits>>(64-5*(i+1))&31])
	}
	return b.String()
}

// Typed is what somebody typed of a code, in upper case without dashes, blanks
// and dots.
func Typed(text string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t', '\u00a0', '‐', '‑', '–', '—', '.':
			return -1
		}
		return r
	}, strings.ToUpper(text))
}

// Alike reads letters that look like digits as these: O for 0, I or L for 1.
var Alike = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// ReadCode reads what somebody typed as Code writes it.
func ReadCode(text string) (code string, ok bool) {
	plain := Alike.Replace(Typed(text))
	if len(plain) != CodeLength || strings.Trim(plain, crockford) != "" {
		return "", false
	}
	return plain[:4] + "-" + plain[4:8] + "-" + plain[8:], true
}
