package poolfile

import (
	"io"
	"slices"
	"strings"
)

// Groups is a file of people and the groups they belong to, an attribute a
// column.
type Groups struct {
	File       string
	Attributes []string // as the header names them
	People     []Grouped
}

// Grouped is a line of it.
type Grouped struct {
	ID     string
	Line   int
	Values [][]string // by attribute; none: they did not say
}

// ReadGroups reads a file of groups. The ids are in the column who, else in the
// column id, else in the first. A cell is a set of values joined by semicolons;
// they are told apart without regard to case and shown as they stand first.
// Declined answers are no values.
func ReadGroups(file string, r io.Reader, who string) (*Groups, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	g, c, fold := &Groups{File: file}, &collector{file: file}, newFolder()
	idAt := 0
	for _, name := range []string{"id", who} {
		if at := slices.IndexFunc(t.header, func(h string) bool { return fold.key(h) == name }); at >= 0 {
			idAt = at
		}
	}
	var columns []int
	seen := map[string]bool{}
	for at, h := range t.header {
		if at == idAt || h == "" {
			continue
		}
		if k := fold.key(h); seen[k] {
			c.add(t.headerLine, h, "is there twice: give each column its own name")
		} else {
			seen[k] = true
		}
		columns = append(columns, at)
		g.Attributes = append(g.Attributes, h)
	}
	if len(columns) == 0 {
		c.add(t.headerLine, "", "holds no column of an attribute beside the ids, such as county")
	}
	lines, spelled := map[string]int{}, make([]map[string]string, len(columns))
	for _, row := range t.rows {
		one := Grouped{ID: row.cells[idAt], Line: row.line}
		switch before, twice := lines[one.ID]; {
		case one.ID == "":
			c.add(row.line, t.header[idAt], "the id is empty")
		case unprintable(one.ID):
			c.add(row.line, t.header[idAt], "the id holds a control character or a line break")
		case twice:
			c.add(row.line, t.header[idAt], "%q is on line %d already", one.ID, before)
		}
		lines[one.ID] = row.line
		for k, at := range columns {
			one.Values = append(one.Values, fold.spelled(row.cells[at], &spelled[k]))
		}
		g.People = append(g.People, one)
	}
	return g, c.err()
}

// spelled splits a cell into its values, each as the column has it first.
func (f *folder) spelled(cell string, first *map[string]string) []string {
	var values []string
	for word := range strings.SplitSeq(cell, ";") {
		word = strings.TrimSpace(word)
		k := f.key(word)
		if word == "" || declines[k] {
			continue
		}
		if *first == nil {
			*first = map[string]string{}
		}
		if (*first)[k] == "" {
			(*first)[k] = word
		}
		if v := (*first)[k]; !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}
