package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// printer writes for a person: aligned, and with color only on a terminal.
type printer struct {
	w     io.Writer
	color bool
}

const (
	bold   = "1"
	dim    = "2"
	green  = "32"
	yellow = "33"
)

func (p *printer) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *printer) heading(format string, args ...any) {
	p.line("\n%s", p.paint(bold, fmt.Sprintf(format, args...)))
}

// cell is one cell of a table; paint is an escape code that does not count
// into its width.
type cell struct {
	text, paint string
	right       bool
}

func left(s string) cell { return cell{text: s} }

func number(n int) cell { return cell{text: fmt.Sprint(n), right: true} }

// table writes rows under a header, each column as wide as its widest cell. A
// row of one cell is a heading inside the table and does not widen a column.
func (p *printer) table(header []cell, rows [][]cell) {
	width := make([]int, len(header))
	measure := func(row []cell) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c.text))
		}
	}
	measure(header)
	for _, r := range rows {
		if len(r) > 1 {
			measure(r)
		}
	}
	write := func(row []cell, paint string) {
		var b strings.Builder
		b.WriteString("  ")
		for i, c := range row {
			pad := strings.Repeat(" ", max(0, width[i]-utf8.RuneCountInString(c.text)))
			s := p.paint(c.paint, c.text)
			if paint != "" {
				s = p.paint(paint, c.text)
			}
			if c.right {
				b.WriteString(pad + s)
			} else {
				b.WriteString(s + pad)
			}
			b.WriteString("  ")
		}
		p.line("%s", strings.TrimRight(b.String(), " "))
	}
	write(header, dim)
	for _, r := range rows {
		if len(r) == 1 {
			p.line("  %s", p.paint(bold, r[0].text))
			continue
		}
		write(r, "")
	}
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:n-1]), " ,(") + "…"
}

// rangeOf says a rule's bounds in words; what a kind ignores is left out.
func rangeOf(r ruleMessage, size int) string {
	if r.Priority == 0 {
		r.Priority = 1
		return rangeOf(r, size) + ", must"
	}
	switch {
	case r.Kind == "CAP":
		return fmt.Sprintf("at most %d each", r.Max)
	case r.Kind == "SPREAD":
		return fmt.Sprintf("at least %d different", r.Min)
	case r.Kind == "COMPANY":
		return fmt.Sprintf("%d or more of each", r.Min)
	case r.Min > 0 && r.Max >= size:
		return fmt.Sprintf("at least %d", r.Min)
	case r.Min == 0:
		return fmt.Sprintf("at most %d", r.Max)
	case r.Min == r.Max:
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// statusOf is what became of a rule, as a word and a sign.
func statusOf(r ruleMessage) cell {
	switch {
	case r.Short > 0:
		return cell{text: fmt.Sprintf("! %d short", r.Short), paint: yellow}
	case r.Over > 0:
		return cell{text: fmt.Sprintf("! %d over", r.Over), paint: yellow}
	}
	return cell{text: "✓ met", paint: green}
}
