// Package filter reads the small filter language of the API's lists, a part
// of AIP-160:
//
//	state = IN_POOL AND (answers.sector:hospital OR answers.org_size = "l")
//	NOT on_behalf AND submit_time >= "2026-12-01T00:00:00Z"
//
// Comparisons are = != < <= > >= and : (has). AND, OR and NOT are written in
// capitals; - before a comparison is NOT, two comparisons side by side are
// joined by AND, and, as AIP-160 has it, OR binds tighter than AND. A field
// name alone holds when the field is true or present.
//
// Text compares without regard to case; an ordering of text is by code point.
// A time is RFC 3339 or a day ("2026-12-01", midnight UTC). A filter is at most
// MaxLength bytes, with MaxTerms comparisons, nested MaxDepth deep.
package filter

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Bounds of a filter, so that a hostile one costs nothing.
const (
	MaxLength = 2000 // bytes
	MaxTerms  = 100  // comparisons
	MaxDepth  = 30   // parentheses and NOTs inside each other
)

// Type is what a field holds.
type Type uint8

const (
	String Type = iota // = != < > and : (contains)
	Enum               // = != and : (equal); one of Field.Values
	Int
	Time
	Bool
	Set // of words: = and : mean contains, != contains not; * is any
)

// Field is a field that a filter may name. Values, for Enum and Set, lists
// what there is; another word is an error with a suggestion. Nil: any word.
type Field struct {
	Name   string // snake_case, dots for depth; lowerCamelCase finds it too
	Type   Type
	Values []string
}

// Value is a field's value in one item. The zero Value is an absent one.
type Value struct {
	Present bool
	Text    string // String, Enum
	Int     int64
	Time    time.Time
	Bool    bool
	Set     []string
}

// Error is a filter that does not parse or does not fit its fields. Position
// counts characters from 1. Message never repeats what was compared with: that
// may be somebody's name.
type Error struct {
	Position int
	Message  string
}

func (e *Error) Error() string { return fmt.Sprintf("position %d: %s", e.Position, e.Message) }

// Filter is a parsed filter. The zero Filter lets everything pass.
type Filter struct{ root node }

// Parse reads a filter on these fields. An empty one lets everything pass. The
// error is always an *Error.
func Parse(text string, fields []Field) (*Filter, error) {
	p := &parser{fields: fields}
	if err := p.scan(text); err != nil {
		return nil, err
	}
	if p.peek().kind == end {
		return &Filter{}, nil
	}
	root, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, t.errorf("unexpected %s after the end of the filter", t.describe())
	}
	return &Filter{root}, nil
}

// Match reports whether an item passes; get returns the value of a field by
// its Name.
func (f *Filter) Match(get func(field string) Value) bool {
	return f.root == nil || f.root.match(get)
}

// Fields lists the fields that the filter reads, sorted, each once.
func (f *Filter) Fields() []string {
	var names []string
	if f.root != nil {
		f.root.walk(func(c *comparison) { names = append(names, c.field.Name) })
	}
	slices.Sort(names)
	return slices.Compact(names)
}

type node interface {
	match(get func(string) Value) bool
	walk(func(*comparison))
}

type (
	and        []node
	or         []node
	not        struct{ node }
	comparison struct {
		field Field
		op    string // = != < <= > >= : or "" for the field alone
		text  string // folded
		int   int64
		time  time.Time
		bool  bool
		any   bool // compared with *
	}
)

func (n and) match(get func(string) Value) bool {
	for _, m := range n {
		if !m.match(get) {
			return false
		}
	}
	return true
}

func (n or) match(get func(string) Value) bool {
	for _, m := range n {
		if m.match(get) {
			return true
		}
	}
	return false
}

func (n not) match(get func(string) Value) bool { return !n.node.match(get) }

func (n and) walk(fn func(*comparison)) {
	for _, m := range n {
		m.walk(fn)
	}
}

func (n or) walk(fn func(*comparison)) {
	for _, m := range n {
		m.walk(fn)
	}
}

func (c *comparison) walk(fn func(*comparison)) { fn(c) }

// match: a comparison with an absent value is false, except !=, which is true:
// what is not there is not equal.
func (c *comparison) match(get func(string) Value) bool {
	v := get(c.field.Name)
	switch {
	case c.op == "":
		return v.Present && (c.field.Type != Bool || v.Bool)
	case c.any:
		return v.Present == (c.op != "!=")
	case !v.Present:
		return c.op == "!="
	}
	switch c.field.Type {
	case Int:
		return ordered(c.op, cmp.Compare(v.Int, c.int))
	case Time:
		return ordered(c.op, v.Time.Compare(c.time))
	case Bool:
		return (v.Bool == c.bool) == (c.op != "!=")
	case Set:
		has := slices.ContainsFunc(v.Set, func(s string) bool { return fold(s) == c.text })
		return has == (c.op != "!=")
	case Enum:
		return (fold(v.Text) == c.text) == (c.op != "!=")
	}
	text := fold(v.Text)
	if c.op == ":" {
		return strings.Contains(text, c.text)
	}
	return ordered(c.op, strings.Compare(text, c.text))
}

func ordered(op string, order int) bool {
	switch op {
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	}
	return order == 0 // = and :
}

func fold(s string) string { return strings.ToLower(s) }

// newComparison checks that the operator and the argument fit the field.
func newComparison(field Field, op, arg string, at token) (*comparison, error) {
	c := &comparison{field: field, op: op}
	if op == "" {
		return c, nil
	}
	if arg == "*" && (op == ":" || op == "=" || op == "!=") && at.kind == word {
		c.any = true
		return c, nil
	}
	switch field.Type {
	case Int:
		n, err := strconv.ParseInt(arg, 10, 64)
		if err != nil {
			return nil, at.errorf("%s compares with an integer, for example 10", field.Name)
		}
		c.int = n
	case Time:
		t, err := time.Parse(time.RFC3339Nano, arg)
		if err != nil {
			if t, err = time.Parse(time.DateOnly, arg); err != nil {
				return nil, at.errorf(`%s compares with a time such as "2026-12-01T09:00:00Z" or a day such as "2026-12-01"`, field.Name)
			}
		}
		c.time = t
	case Bool:
		switch fold(arg) {
		case "true":
			c.bool = true
		case "false":
		default:
			return nil, at.errorf("%s compares with true or false", field.Name)
		}
	default:
		c.text = fold(arg)
		if field.Values != nil && !slices.ContainsFunc(field.Values, func(s string) bool { return fold(s) == c.text }) {
			if near := nearest.Word(arg, field.Values); near != "" {
				return nil, at.errorf("%s has no such value; did you mean %q?", field.Name, near)
			}
			return nil, at.errorf("%s has no such value; it has %s", field.Name, list(field.Values))
		}
	}
	switch op {
	case "<", "<=", ">", ">=":
		if field.Type == Bool || field.Type == Set || field.Type == Enum {
			return nil, at.errorf("%s has no order: use =, != or :", field.Name)
		}
	}
	return c, nil
}

func list(words []string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + ", …"
	}
	return strings.Join(words, ", ")
}
