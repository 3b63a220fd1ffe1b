package poolfile

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Profile is one line of a file of profiles: its cells by the names of the
// known columns. A column that the file lacks has no cell.
type Profile struct {
	Line  int
	ID    string
	Cells map[string]string
}

// Profiles is a file of profiles.
type Profiles struct {
	File   string
	People []Profile
	// Columns are the known ones that the file has. Hints are about columns that
	// nothing reads although their names are near to one that is known.
	Columns, Hints []string

	headers map[string]string // by known column: its name in the file
	c       collector
}

// ReadProfiles reads a file of profiles. The ids are in the column `id`, or in
// the first. Other columns than the known ones are not read: nothing that
// stands in them is kept.
func ReadProfiles(file string, r io.Reader, known []string) (*Profiles, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	p := &Profiles{File: file, headers: map[string]string{}, c: collector{file: file}}
	fold := newFolder()
	idAt, at := 0, map[string]int{}
	for i, h := range t.header {
		if fold.key(h) == "id" {
			idAt = i
			break
		}
	}
	for i, h := range t.header {
		key := strings.ReplaceAll(fold.key(h), " ", "_")
		switch _, twice := at[key]; {
		case i == idAt || h == "":
		case key == "id":
			p.c.add(t.headerLine, "id", "is there more than once: the column of ids must be unique")
		case !slices.Contains(known, key):
			if near := nearest.Word(key, known); near != "" {
				p.Hints = append(p.Hints, fmt.Sprintf("column %q is not read; did you mean %q?", shorten(h), near))
			}
		case twice:
			p.c.add(t.headerLine, h, "is there more than once: keep one of them")
		default:
			at[key] = i
			p.headers[key] = h
			p.Columns = append(p.Columns, key)
		}
	}
	lines := map[string]int{}
	for _, row := range t.rows {
		id := row.cells[idAt]
		switch before, twice := lines[id]; {
		case id == "":
			p.c.add(row.line, t.header[idAt], "the id is empty: every person needs one")
			continue
		case unprintable(id):
			p.c.add(row.line, t.header[idAt], "the id holds a control character or a line break")
			continue
		case twice:
			p.c.add(row.line, t.header[idAt], "the id %q is on line %d already: ids must be unique", id, before)
			continue
		}
		lines[id] = row.line
		cells := make(map[string]string, len(at))
		for column, i := range at {
			cells[column] = row.cells[i]
		}
		p.People = append(p.People, Profile{row.line, id, cells})
	}
	if len(t.rows) == 0 {
		p.c.add(0, "", "holds a header and nobody below it")
	}
	return p, p.c.err()
}

// Refuse notes what is wrong with a cell; Err tells all of it.
func (p *Profiles) Refuse(line int, column, message string) {
	if h := p.headers[column]; h != "" {
		column = h
	}
	p.c.problems = append(p.c.problems, &Problem{File: p.File, Line: line, Column: shorten(column), Message: message})
}

// Err is everything that was refused, in the order of the lines.
func (p *Profiles) Err() error {
	slices.SortStableFunc(p.c.problems, func(a, b *Problem) int { return a.Line - b.Line })
	return p.c.err()
}

// Number reads a whole number from least to most out of a cell; an empty one
// is otherwise.
func (p *Profiles) Number(one Profile, column string, otherwise, least, most int) int {
	text := one.Cells[column]
	if text == "" {
		return otherwise
	}
	n, problem := wholeNumber(text, most)
	if problem == "" && n < least {
		problem = fmt.Sprintf("is less than %d", least)
	}
	if problem != "" {
		p.Refuse(one.Line, column, fmt.Sprintf("%q %s", shorten(text), problem))
		return otherwise
	}
	return n
}
