package applications

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of an import.
const (
	maxImportRows    = 100_000
	maxImportColumns = 1000
)

// table is a CSV file as read: its header, made unambiguous, and a reader of
// its rows.
type table struct {
	header []string
	rows   *csv.Reader
	first  []string // a row read ahead, or nil
}

// openTable reads the header. A byte order mark, CRLF, quotes and blank lines
// are taken. Some survey tools write a second line of headings: one question
// that takes several answers is then several columns, the first of which has
// the question as heading and the others none, and the line below says which
// answer each is for. Such columns are named "question [answer]".
func openTable(r io.Reader) (*table, []Violation) {
	buffered := bufio.NewReader(r)
	if mark, _ := buffered.Peek(3); string(mark) == "\uFEFF" {
		_, _ = buffered.Discard(3)
	}
	t := &table{rows: csv.NewReader(buffered)}
	t.rows.FieldsPerRecord = -1
	t.rows.LazyQuotes = false
	header, err := t.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, []Violation{{Field: "file", Message: "the file is empty: the first line names the columns"}}
	}
	if err != nil {
		return nil, []Violation{csvProblem(err)}
	}
	if len(header) > maxImportColumns {
		return nil, []Violation{{Field: "header", Message: fmt.Sprintf("at most %d columns", maxImportColumns)}}
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if !utf8.ValidString(header[i]) {
			return nil, []Violation{{Field: "header", Message: fmt.Sprintf("column %d is not valid UTF-8: save the file as CSV UTF-8", i+1)}}
		}
	}
	t.header = header
	second, err := t.rows.Read()
	if err == nil {
		if named := secondHeader(header, second); named != nil {
			t.header = named
		} else {
			t.first = second
		}
	} else if !errors.Is(err, io.EOF) {
		return nil, []Violation{csvProblem(err)}
	}
	return t, nil
}

// secondHeader returns the header made of two lines, or nil if the second line
// is a row.
func secondHeader(header, second []string) []string {
	// Its first column is a number given by the tool, with nothing below.
	if len(header) != len(second) || header[0] == "" || strings.TrimSpace(second[0]) != "" || !slices.Contains(header, "") {
		return nil
	}
	named := slices.Clone(header)
	question := ""
	for i, h := range header {
		cell := strings.TrimSpace(second[i])
		if h != "" {
			question = h
		}
		switch cell {
		case "", "Response", "Open-Ended Response":
			if h == "" {
				return nil
			}
		default:
			// Below a heading that stands alone there is nothing to tell apart.
			if h != "" && (i+1 == len(header) || header[i+1] != "") {
				return nil
			}
			named[i] = question + " [" + cell + "]"
		}
	}
	return named
}

// next returns the next row that is not blank, or io.EOF.
func (t *table) next() ([]string, error) {
	for {
		row := t.first
		t.first = nil
		if row == nil {
			var err error
			if row, err = t.rows.Read(); err != nil {
				return nil, err
			}
		}
		if slices.ContainsFunc(row, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			return row, nil
		}
	}
}

// csvProblem words an error of the CSV reader, which knows only lines.
func csvProblem(err error) Violation {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return Violation{Field: "file", Message: "the file could not be read to its end"}
	}
	switch {
	case errors.Is(p.Err, csv.ErrQuote), errors.Is(p.Err, csv.ErrBareQuote):
		return Violation{Field: fmt.Sprintf("line %d", p.Line), Message: fmt.Sprintf(`character %d: a quote inside a cell has to be doubled, and the cell quoted`, p.Column)}
	}
	return Violation{Field: fmt.Sprintf("line %d", p.Line), Message: "this line is not CSV"}
}

// duplicateHeaders refuses headers that name two columns.
func (t *table) duplicateHeaders() []Violation {
	var bad []Violation
	for i, h := range t.header {
		if h != "" && slices.Index(t.header, h) != i {
			bad = append(bad, Violation{Field: "header", Message: fmt.Sprintf("two columns are named %.80q: rename one", h)})
		}
	}
	return bad
}
