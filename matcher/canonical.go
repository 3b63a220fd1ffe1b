package matcher

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// canon appends canonical JSON: keys in the order they are written, no
// insignificant space, strings escaped as RFC 8785 has it. docs/record.md
// states the bytes; digests depend on them.
type canon struct {
	b []byte
	// fresh is true right after an opening bracket or a key: no comma is due.
	fresh bool
}

func (c *canon) comma() {
	if !c.fresh && len(c.b) > 0 {
		c.b = append(c.b, ',')
	}
	c.fresh = false
}

func (c *canon) open(bracket byte) {
	c.comma()
	c.b = append(c.b, bracket)
	c.fresh = true
}

func (c *canon) close(bracket byte) {
	c.b = append(c.b, bracket)
	c.fresh = false
}

func (c *canon) key(k string) {
	c.comma()
	c.b = appendString(c.b, k)
	c.b = append(c.b, ':')
	c.fresh = true
}

func (c *canon) str(s string) {
	c.comma()
	c.b = appendString(c.b, s)
}

func (c *canon) int(n int64) {
	c.comma()
	c.b = strconv.AppendInt(c.b, n, 10)
}

func (c *canon) bool(v bool) {
	c.comma()
	c.b = strconv.AppendBool(c.b, v)
}

func (c *canon) null() {
	c.comma()
	c.b = append(c.b, "null"...)
}

func (c *canon) strs(list []string) {
	c.open('[')
	for _, s := range list {
		c.str(s)
	}
	c.close(']')
}

// set writes a list whose order and repetitions mean nothing.
func (c *canon) set(list []string) {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	c.strs(slices.Compact(sorted))
}

const hexDigits = "0123456789abcdef"

// appendString appends s quoted as RFC 8785 (JSON Canonicalization Scheme)
// has it: only the quote, the backslash and control characters are escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\t':
			b = append(b, '\\', 't')
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
