package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writer writes the canonical JSON that docs/record.md states: keys in the
// order of the calls, no insignificant space, strings as RFC 8785 escapes them.
type writer struct {
	b     []byte
	comma bool // is due before what comes next
}

func (w *writer) sep() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *writer) open(bracket byte) {
	w.sep()
	w.b = append(w.b, bracket)
	w.comma = false
}

func (w *writer) close(bracket byte) {
	w.b = append(w.b, bracket)
	w.comma = true
}

func (w *writer) key(k string) {
	w.sep()
	w.quote(k)
	w.b = append(w.b, ':')
	w.comma = false
}

func (w *writer) str(key, s string) {
	w.key(key)
	w.quote(s)
	w.comma = true
}

func (w *writer) int(key string, n int64) {
	w.key(key)
	w.b = strconv.AppendInt(w.b, n, 10)
	w.comma = true
}

func (w *writer) strs(key string, list []string) {
	w.key(key)
	w.list(list)
}

func (w *writer) list(list []string) {
	w.open('[')
	for _, s := range list {
		w.sep()
		w.quote(s)
	}
	w.close(']')
}

// answers writes attributes with their values, both sorted, each value once.
func (w *writer) answers(of map[string][]string) {
	w.open('{')
	for _, attribute := range slices.Sorted(maps.Keys(of)) {
		values := slices.Clone(of[attribute])
		slices.Sort(values)
		w.key(attribute)
		w.list(slices.Compact(values))
	}
	w.close('}')
}

func (w *writer) quote(s string) {
	const short = "\b\t\n\f\r"
	w.b = append(w.b, '"')
	for _, r := range s {
		switch at := strings.IndexRune(short, r); {
		case r == '"' || r == '\\':
			w.b = append(w.b, '\\', byte(r))
		case at >= 0:
			w.b = append(w.b, '\\', "btnfr"[at])
		case r < 0x20:
			w.b = fmt.Appendf(w.b, `\u%04x`, r)
		default:
			w.b = utf8.AppendRune(w.b, r)
		}
	}
	w.b = append(w.b, '"')
}

// strictly reads one JSON object without unknown keys.
func strictly(b []byte, into any) error {
	if !utf8.Valid(b) {
		return errors.New("it is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows it")
	}
	return nil
}

// canonical compares a file with how it is to be written.
func canonical(got, want []byte) error {
	if !bytes.Equal(got, want) {
		return errors.New("it is not in canonical form: order of keys, spaces, escapes, missing or repeated keys")
	}
	return nil
}
