package poolfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// node is a JSON value with the line it stands on.
type node struct {
	line    int
	value   any // nil, bool, json.Number or string; objects and lists: below
	object  bool
	list    bool
	members []member
	items   []*node
}

type member struct {
	name  string
	line  int
	value *node
}

// parseJSON reads one JSON value and nothing after it.
func parseJSON(file string, text []byte) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	p := &jsonParser{text: text, dec: dec}
	n, err := p.value()
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("something follows the end of the JSON value")
		}
	}
	if err != nil {
		message := err.Error()
		line := p.lineAt(dec.InputOffset())
		var syntax *json.SyntaxError
		switch {
		case errors.As(err, &syntax):
			line = p.lineAt(syntax.Offset)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			message = "the JSON ends too early: a bracket, brace or quote is not closed"
			if len(bytes.TrimSpace(text)) == 0 {
				line, message = 0, "the file is empty"
			}
		}
		return nil, Problems{{File: file, Line: line, Message: message}}
	}
	return n, nil
}

type jsonParser struct {
	text []byte
	dec  *json.Decoder
	// at and line: how far lines have been counted.
	at   int64
	line int
}

// lineAt is the line of an offset. Offsets come in ascending order.
func (p *jsonParser) lineAt(offset int64) int {
	offset = min(offset, int64(len(p.text)))
	if offset > p.at {
		p.line += bytes.Count(p.text[p.at:offset], []byte{'\n'})
		p.at = offset
	}
	return p.line + 1
}

func (p *jsonParser) value() (*node, error) {
	token, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{line: p.lineAt(p.dec.InputOffset())}
	delim, ok := token.(json.Delim)
	if !ok {
		n.value = token
		return n, nil
	}
	n.object, n.list = delim == '{', delim == '['
	for p.dec.More() {
		if n.list {
			item, err := p.value()
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
			continue
		}
		name, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{line: p.lineAt(p.dec.InputOffset())}
		m.name, _ = name.(string) // the decoder accepts nothing else here
		if m.value, err = p.value(); err != nil {
			return nil, err
		}
		n.members = append(n.members, m)
	}
	_, err = p.dec.Token() // the closing bracket
	return n, err
}

// word says what a node is, for messages.
func (n *node) word() string {
	switch v := n.value.(type) {
	case string:
		return fmt.Sprintf("the text %q", v)
	case json.Number:
		return "the number " + v.String()
	case bool:
		return fmt.Sprint(v)
	}
	switch {
	case n.object:
		return "an object"
	case n.list:
		return "a list"
	}
	return "null"
}

func (n *node) null() bool { return n.value == nil && !n.object && !n.list }

// jsonReader reads nodes into Go values and gathers what is wrong with them. A
// path names a place as in "rules[2].min".
type jsonReader struct {
	collector
}

func (j *jsonReader) bad(n *node, path, format string, args ...any) {
	j.add(n.line, "", "%s: %s", path, fmt.Sprintf(format, args...))
}

// fields reads an object: one function for each field that may stand there.
// null is the same as leaving the field out.
func (j *jsonReader) fields(n *node, path string, known map[string]func(*node, string)) {
	if !n.object {
		if path == "" {
			path = "the file"
		}
		j.bad(n, path, "must be an object, not %s", n.word())
		return
	}
	seen := map[string]int{}
	for _, m := range n.members {
		name := lowerCamel(m.name)
		at := name
		if path != "" {
			at = path + "." + name
		}
		read, ok := known[name]
		before, twice := seen[name]
		switch {
		case !ok:
			var names []string
			for k := range known {
				names = append(names, k)
			}
			slices.Sort(names)
			place := "the criteria"
			if path != "" {
				place = path
			}
			j.add(m.line, "", "%s has no field %q%s", place, m.name, nearest.Hint(m.name, names))
		case twice:
			j.add(m.line, "", "%s is there twice, first on line %d", at, before)
		case !m.value.null():
			read(m.value, at)
		}
		seen[name] = m.line
	}
}

// lowerCamel turns snake_case, which protobuf's JSON takes as well, into
// lowerCamelCase.
func lowerCamel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// ignored takes a field that the server sets and a file may repeat.
func ignored(*node, string) {}

func (j *jsonReader) each(n *node, path string, most int, read func(*node, string)) {
	if !n.list {
		j.bad(n, path, "must be a list, not %s", n.word())
		return
	}
	if len(n.items) > most {
		j.bad(n, path, "has %d entries: at most %d", len(n.items), most)
		return
	}
	for i, item := range n.items {
		read(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

// text reads a string of at most most bytes.
func (j *jsonReader) text(n *node, path string, most int) string {
	s, ok := n.value.(string)
	switch {
	case !ok:
		j.bad(n, path, "must be a text, not %s", n.word())
	case len(s) > most:
		j.bad(n, path, "is longer than %d", most)
	}
	return s
}

func (j *jsonReader) texts(n *node, path string, most int) []string {
	var list []string
	j.each(n, path, most, func(item *node, at string) {
		s := strings.TrimSpace(j.text(item, at, 200))
		if _, ok := item.value.(string); ok && s == "" {
			j.bad(item, at, "is empty")
		}
		list = append(list, s)
	})
	return list
}

func (j *jsonReader) flag(n *node, path string) bool {
	b, ok := n.value.(bool)
	if !ok {
		j.bad(n, path, "must be true or false, not %s", n.word())
	}
	return b
}

// number reads an integer, which protobuf's JSON may also write as a text.
func (j *jsonReader) number(n *node, path string, least, most int) int {
	literal := ""
	switch v := n.value.(type) {
	case json.Number:
		literal = v.String()
	case string:
		literal = v
	default:
		j.bad(n, path, "must be a number, not %s", n.word())
		return least
	}
	// No integer in range takes so many characters; big exponents take forever.
	const longest = 20
	x, ok := new(big.Rat), false
	if len(literal) <= longest && !strings.ContainsAny(literal, "/_xXoObBpP") {
		if e := strings.IndexAny(literal, "eE"); e < 0 || len(literal)-e <= 3 {
			x, ok = x.SetString(literal)
		}
	}
	if !ok || !x.IsInt() || !x.Num().IsInt64() || x.Num().Int64() < int64(least) || x.Num().Int64() > int64(most) {
		j.bad(n, path, "must be a whole number from %d to %d, not %s", least, most, n.word())
		return least
	}
	return int(x.Num().Int64())
}
