package poolfile

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Options change how files are read.
type Options struct {
	// DeclineAsValue takes "prefer not to say" for a value like any other, for
	// files of tools that have a quota on it.
	DeclineAsValue bool
}

// Pool is a pool file: people by id, with the columns as they stand there.
type Pool struct {
	File    string
	options Options
	fold    *folder
	table   *table
	idAt    int
	ids     map[string]bool
	sorted  []string         // ids
	hints   int              // how often the nearest id was looked for
	columns map[string][]int // by key: its columns
}

// ReadPool reads a pool file. The ids are in the column `id`, or in the first.
func ReadPool(file string, r io.Reader, o Options) (*Pool, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	p := &Pool{File: file, options: o, fold: newFolder(), table: t, ids: make(map[string]bool, len(t.rows)), columns: map[string][]int{}}
	c := &collector{file: file}
	for i, h := range t.header {
		if h != "" {
			k := p.fold.key(h)
			p.columns[k] = append(p.columns[k], i)
		}
	}
	switch at := p.columns["id"]; len(at) {
	case 0:
	case 1:
		p.idAt = at[0]
	default:
		c.add(t.headerLine, "id", "is there %d times: the column of ids must be unique", len(at))
		return nil, c.err()
	}
	lines, looks := map[string]int{}, map[string]int{}
	for _, row := range t.rows {
		id := row.cells[p.idAt]
		// Two ids that look the same would be two people.
		look := norm.NFC.String(id)
		switch before, twice := lines[id]; {
		case id == "":
			c.add(row.line, t.header[p.idAt], "the id is empty: every person needs one")
		case unprintable(id):
			c.add(row.line, t.header[p.idAt], "the id holds a control character or a line break")
		case twice:
			c.add(row.line, t.header[p.idAt], "the id %q is on line %d already: ids must be unique", id, before)
		case looks[look] > 0:
			c.add(row.line, t.header[p.idAt], "the id %q looks like that on line %d and is spelled with other characters (an accent of its own, say): write both alike if they are one person, else give one of them another id", id, looks[look])
		default:
			lines[id], looks[look] = row.line, row.line
			p.ids[id] = true
			p.sorted = append(p.sorted, id)
		}
	}
	if len(t.rows) == 0 {
		c.add(0, "", "holds a header and nobody below it")
	}
	slices.Sort(p.sorted)
	return p, c.err()
}

// Len is how many people the pool has.
func (p *Pool) Len() int { return len(p.table.rows) }

// Columns lists the names of the columns, without that of the ids.
func (p *Pool) Columns() []string {
	var names []string
	for i, h := range p.table.header {
		if h != "" && i != p.idAt {
			names = append(names, h)
		}
	}
	return names
}

// Attribute is the key under which People files the values of a column. Its
// problem says what is wrong with the name, "" if nothing is.
func (p *Pool) Attribute(name string) (key, problem string) {
	key = p.fold.key(strings.TrimSpace(name))
	at := p.columns[key]
	switch {
	case len(at) == 1 && at[0] == p.idAt:
		return key, "is the column of ids, no attribute"
	case len(at) == 1:
		return key, ""
	case len(at) > 1:
		return key, "is the name of several columns of " + p.File + ": give each its own name"
	}
	names := p.Columns()
	hint := nearest.Hint(name, names)
	if hint == "" && len(names) > 0 {
		hint = "; it has " + list(names)
	}
	return key, "is no column of " + p.File + hint
}

// list spells out some names.
func list(names []string) string {
	const most = 12
	more := ""
	if len(names) > most {
		names, more = names[:most], ", …"
	}
	names = slices.Clone(names)
	for i, n := range names {
		if unprintable(n) {
			names[i] = strconv.Quote(n)
		}
	}
	return strings.Join(names, ", ") + more
}

// Missing says that the pool lacks an id, with the nearest one it has; "" if it
// has it. Only as many times as problems are shown it looks for the nearest one:
// the file of another pool holds thousands of unknown ids.
func (p *Pool) Missing(id string) string {
	if p.ids[id] {
		return ""
	}
	hint := ""
	if p.hints++; p.hints <= shownProblems {
		hint = nearest.Hint(id, p.sorted)
	}
	return "is not in the pool " + p.File + hint
}

// People are the people of the pool with their values for these attributes
// (keys of columns). Declined answers are no values.
func (p *Pool) People(attributes []string) ([]matcher.Person, error) {
	c := &collector{file: p.File}
	attributes = slices.Clone(attributes)
	slices.Sort(attributes)
	attributes = slices.Compact(attributes)
	people := make([]matcher.Person, 0, len(p.table.rows))
	for _, row := range p.table.rows {
		person := matcher.Person{ID: row.cells[p.idAt], Values: make(map[string][]string, len(attributes))}
		for _, key := range attributes {
			at := p.columns[key][0]
			values := p.fold.set(row.cells[at])
			if !p.options.DeclineAsValue {
				answers := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return declines[v] })
				if len(answers) > 0 && len(answers) < len(values) {
					c.add(row.line, p.table.header[at], "holds an answer and a refusal to answer: keep one of the two")
				}
				values = answers
			}
			if len(values) > 0 {
				person.Values[key] = values
			}
		}
		people = append(people, person)
	}
	return people, c.err()
}
