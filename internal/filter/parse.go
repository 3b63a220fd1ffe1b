package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

type kind uint8

const (
	end kind = iota
	word
	quoted
	operator
	open
	closed
	minus
)

type token struct {
	kind     kind
	text     string
	position int // in characters, from 1
}

func (t token) errorf(format string, args ...any) *Error {
	return &Error{Position: t.position, Message: fmt.Sprintf(format, args...)}
}

// describe names the token's kind. Its text stays out: it may be a name.
func (t token) describe() string {
	switch t.kind {
	case end:
		return "end of the filter"
	case word:
		return "word"
	case quoted:
		return "text in quotes"
	case operator:
		return "operator " + t.text
	case open:
		return "("
	case closed:
		return ")"
	}
	return "-"
}

func (t token) is(keyword string) bool { return t.kind == word && t.text == keyword }

type parser struct {
	fields []Field
	tokens []token
	next   int
	terms  int
}

// scan cuts the text into tokens.
func (p *parser) scan(text string) error {
	if len(text) > MaxLength {
		return &Error{Position: MaxLength + 1, Message: fmt.Sprintf("the filter is longer than %d bytes", MaxLength)}
	}
	if !utf8.ValidString(text) {
		return &Error{Position: 1, Message: "the filter is not valid UTF-8"}
	}
	runes := []rune(text)
	for i := 0; i < len(runes); {
		r, at := runes[i], token{position: i + 1}
		switch {
		case unicode.IsSpace(r):
			i++
			continue
		case r == '(':
			at.kind, at.text = open, "("
			i++
		case r == ')':
			at.kind, at.text = closed, ")"
			i++
		case r == '-' && (i+1 == len(runes) || !unicode.IsDigit(runes[i+1])):
			at.kind, at.text = minus, "-"
			i++
		case strings.ContainsRune("=!<>:", r):
			at.kind, at.text = operator, string(r)
			i++
			if i < len(runes) && runes[i] == '=' && (r == '!' || r == '<' || r == '>') {
				at.text += "="
				i++
			}
			if at.text == "!" {
				return at.errorf("! is no operator: use != or NOT")
			}
		case r == '"' || r == '\'':
			var b strings.Builder
			i++
			for i < len(runes) && runes[i] != r {
				if runes[i] == '\\' && i+1 < len(runes) {
					i++
				}
				b.WriteRune(runes[i])
				i++
			}
			if i == len(runes) {
				return at.errorf("the quote that begins here does not end")
			}
			i++
			at.kind, at.text = quoted, b.String()
		default:
			from := i
			for i < len(runes) && !unicode.IsSpace(runes[i]) && !strings.ContainsRune(`()=!<>:"'`, runes[i]) {
				i++
			}
			// A bare time has colons of its own: 2026-12-01T09:00:00Z.
			if r >= '0' && r <= '9' && i-from == len("2026-12-01T09") && runes[i-3] == 'T' {
				for i < len(runes) && !unicode.IsSpace(runes[i]) && runes[i] != '(' && runes[i] != ')' {
					i++
				}
			}
			at.kind, at.text = word, string(runes[from:i])
		}
		p.tokens = append(p.tokens, at)
	}
	p.tokens = append(p.tokens, token{kind: end, position: len(runes) + 1})
	return nil
}

func (p *parser) peek() token { return p.tokens[p.next] }

func (p *parser) take() token {
	t := p.tokens[p.next]
	if t.kind != end {
		p.next++
	}
	return t
}

// expression = factor { ["AND"] factor }
func (p *parser) expression(depth int) (node, error) {
	if depth > MaxDepth {
		return nil, p.peek().errorf("parentheses or NOTs are more than %d deep", MaxDepth)
	}
	var all and
	for {
		n, err := p.factor(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if p.peek().is("AND") {
			p.take()
			continue
		}
		if t := p.peek(); t.kind == end || t.kind == closed || t.kind == operator || t.is("OR") {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// factor = term { "OR" term }
func (p *parser) factor(depth int) (node, error) {
	var any or
	for {
		n, err := p.term(depth)
		if err != nil {
			return nil, err
		}
		any = append(any, n)
		if !p.peek().is("OR") {
			break
		}
		p.take()
	}
	if len(any) == 1 {
		return any[0], nil
	}
	return any, nil
}

// term = ("NOT" | "-") term | "(" expression ")" | comparison
func (p *parser) term(depth int) (node, error) {
	if depth > MaxDepth {
		return nil, p.peek().errorf("parentheses or NOTs are more than %d deep", MaxDepth)
	}
	switch t := p.take(); {
	case t.is("NOT"), t.kind == minus:
		n, err := p.term(depth + 1)
		if err != nil {
			return nil, err
		}
		return not{n}, nil
	case t.kind == open:
		n, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		if c := p.take(); c.kind != closed {
			return nil, c.errorf("the parenthesis at position %d is not closed", t.position)
		}
		return n, nil
	case t.is("AND"), t.is("OR"):
		return nil, t.errorf("a comparison is missing before %s", t.text)
	case t.kind == word:
		return p.comparison(t)
	default:
		return nil, t.errorf("expected a field name, got %s", t.describe())
	}
}

// comparison = field [ operator argument ]
func (p *parser) comparison(name token) (node, error) {
	if p.terms++; p.terms > MaxTerms {
		return nil, name.errorf("the filter has more than %d comparisons", MaxTerms)
	}
	field, err := p.field(name)
	if err != nil {
		return nil, err
	}
	if p.peek().kind != operator {
		return newComparison(field, "", "", name)
	}
	op := p.take()
	negative := p.peek().kind == minus // a word such as -x is no argument; say so plainly
	arg := p.take()
	if negative || (arg.kind != word && arg.kind != quoted) || arg.is("AND") || arg.is("OR") || arg.is("NOT") {
		return nil, arg.errorf("expected a value after %s, got %s", op.text, arg.describe())
	}
	return newComparison(field, op.text, arg.text, arg)
}

func (p *parser) field(name token) (Field, error) {
	snake := SnakeCase(name.text)
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		if f.Name == name.text || f.Name == snake {
			return f, nil
		}
		names[i] = f.Name
	}
	if near := nearest.Word(snake, names); near != "" {
		return Field{}, name.errorf("unknown field; did you mean %q?", near)
	}
	return Field{}, name.errorf("unknown field; there is %s", list(names))
}

// SnakeCase turns createTime into create_time. JSON spells fields in one way,
// masks and filters in the other.
func SnakeCase(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
