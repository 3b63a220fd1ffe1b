// Package poolfile reads the files of the command line: a pool, rules, scores
// and pairs as CSV, criteria as JSON. It takes what spreadsheets and other
// sortition tools write (a byte order mark, CRLF, quotes, blank lines) and
// tells every problem by file, line and column.
package poolfile

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the largest file that is read.
const MaxBytes = 64 << 20

// Problem is one thing wrong with a file, in words for a person.
type Problem struct {
	File    string
	Line    int    // from 1; 0: the file as a whole
	Column  string // header of the column; "" if it is about the line
	Message string
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Column != "" {
		fmt.Fprintf(&b, ": column %q", p.Column)
	}
	b.WriteString(": ")
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all the problems of a file, in the order of its lines.
type Problems []*Problem

// shownProblems is how many of them Error spells out.
const shownProblems = 20

func (p Problems) Error() string {
	var lines []string
	for i, one := range p {
		if i == shownProblems {
			lines = append(lines, fmt.Sprintf("and %d more", len(p)-shownProblems))
			break
		}
		lines = append(lines, one.Error())
	}
	return strings.Join(lines, "\n")
}

// collector gathers the problems of one file.
type collector struct {
	file     string
	problems Problems
}

func (c *collector) add(line int, column, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = shorten(text)
		}
	}
	c.problems = append(c.problems, &Problem{File: c.file, Line: line, Column: shorten(column), Message: fmt.Sprintf(format, args...)})
}

// shorten cuts a text that is too long for a message.
func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func (c *collector) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return c.problems
}

// table is a CSV file, cells trimmed, blank lines left out.
type table struct {
	file       string
	header     []string
	headerLine int
	rows       []tableRow
}

type tableRow struct {
	line  int
	cells []string
}

// readTable reads a CSV file with or without a header. Every row has as many
// cells as the first.
func readTable(file string, r io.Reader, header bool) (*table, error) {
	text, err := readText(file, r)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	t := &table{file: file}
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord = -1
	in.TrimLeadingSpace = true
	width := 0
	for {
		cells, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, csvProblem(file, err)
		}
		line, _ := in.FieldPos(0)
		blank := true
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
			blank = blank && cells[i] == ""
		}
		switch {
		case blank:
		case width == 0:
			width = len(cells)
			if header {
				t.header, t.headerLine = cells, line
				continue
			}
			t.rows = append(t.rows, tableRow{line, cells})
		case len(cells) != width:
			what := "the first line has"
			if header {
				what = "the header has"
			}
			c.add(line, "", "this line has %d cells, %s %d; a cell with a comma needs quotes around it", len(cells), what, width)
		default:
			t.rows = append(t.rows, tableRow{line, cells})
		}
	}
	if width == 0 {
		c.add(0, "", "the file is empty")
	} else if header && width == 1 {
		if strings.ContainsAny(t.header[0], ";\t") {
			c.add(t.headerLine, "", "the header has no comma: save the file as CSV with commas between the columns")
		}
	}
	return t, c.err()
}

// readText reads a whole file as UTF-8 without byte order mark. Old line ends
// become new ones.
func readText(file string, r io.Reader) ([]byte, error) {
	problem := func(line int, format string, args ...any) error {
		return Problems{{File: file, Line: line, Message: fmt.Sprintf(format, args...)}}
	}
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, problem(0, "cannot be read: %v", err)
	}
	if len(text) > MaxBytes {
		return nil, problem(0, "is larger than %d MiB", MaxBytes>>20)
	}
	if bytes.HasPrefix(text, []byte{0xFF, 0xFE}) || bytes.HasPrefix(text, []byte{0xFE, 0xFF}) {
		return nil, problem(0, "is UTF-16: save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
	}
	text = bytes.TrimPrefix(text, []byte{0xEF, 0xBB, 0xBF})
	if !utf8.Valid(text) {
		line := 1
		for at := 0; at < len(text); {
			r, n := utf8.DecodeRune(text[at:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			at += n
		}
		return nil, problem(line, "is not UTF-8: save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, problem(1+bytes.Count(text[:i], []byte{'\n'}), "holds a NUL byte: it is no text file")
	}
	if !bytes.ContainsRune(text, '\n') {
		text = bytes.ReplaceAll(text, []byte{'\r'}, []byte{'\n'})
	}
	return text, nil
}

func csvProblem(file string, err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return Problems{{File: file, Message: err.Error()}}
	}
	message := p.Err.Error()
	switch {
	case errors.Is(p.Err, csv.ErrBareQuote):
		message = `a quote in the middle of a cell: put quotes around the whole cell and double those inside ("")`
	case errors.Is(p.Err, csv.ErrQuote):
		message = "a quote is missing, or something stands between a closing quote and the next comma"
	}
	return Problems{{File: file, Line: p.StartLine, Message: message}}
}

// folder makes the keys by which headers and values are matched: without
// regard to case or to how an accent is encoded.
type folder struct{ fold cases.Caser }

func newFolder() *folder { return &folder{cases.Fold()} }

func (f *folder) key(word string) string {
	plain := true
	for i := 0; i < len(word); i++ {
		if c := word[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return word
	}
	return f.fold.String(norm.NFC.String(word))
}

// set splits a cell into its values: trimmed, as keys, each once.
func (f *folder) set(cell string) []string {
	if cell == "" {
		return nil
	}
	var values []string
	const short = 16 // looking through the list is faster up to here
	var seen map[string]bool
	for part := range strings.SplitSeq(cell, ";") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		k := f.key(part)
		if seen[k] || seen == nil && slices.Contains(values, k) {
			continue
		}
		values = append(values, k)
		switch {
		case seen != nil:
			seen[k] = true
		case len(values) > short:
			seen = make(map[string]bool, 2*len(values))
			for _, v := range values {
				seen[v] = true
			}
		}
	}
	return values
}

// declines are the values that mean "I prefer not to say": they belong to no
// group.
var declines = map[string]bool{"prefer_not_to_say": true, "prefer not to say": true, "not_answered": true}

// unprintable is whether a word could garble a terminal.
func unprintable(word string) bool {
	return strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) })
}
