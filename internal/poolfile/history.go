package poolfile

import (
	"bytes"
	"io"
	"strconv"
)

// mostRounds is the largest number of a round.
const mostRounds = 1_000_000

// Meeting is one line of a history: two people who were introduced to each other
// in a round.
type Meeting struct {
	A, B  string
	Round int
}

// ReadHistory reads a file of id,id,round lines. A header line id,id,round may
// stand above them. The people may be strangers to any pool: who has left a network
// stays in its history. An empty file is an empty history.
func ReadHistory(file string, r io.Reader) ([]Meeting, error) {
	text, err := readText(file, r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	t, err := readTable(file, bytes.NewReader(text), false)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	var meetings []Meeting
	lines := map[Meeting]int{}
	fold := newFolder()
	for i, row := range t.rows {
		if len(row.cells) != 3 {
			c.add(row.line, "", "has %d cells: a line is id,id,round", len(row.cells))
			break
		}
		a, b, text := row.cells[0], row.cells[1], row.cells[2]
		if i == 0 && fold.key(text) == "round" {
			continue
		}
		round, problem := wholeNumber(text, mostRounds)
		switch {
		case a == "" || b == "":
			c.add(row.line, "id", "the id is empty")
		case unprintable(a) || unprintable(b):
			c.add(row.line, "id", "the id holds a control character or a line break")
		case a == b:
			c.add(row.line, "id", "%q is introduced to itself", a)
		}
		switch {
		case problem != "":
			c.add(row.line, "round", "%q %s", text, problem)
		case round == 0:
			c.add(row.line, "round", "rounds are numbered from 1")
		}
		m := Meeting{min(a, b), max(a, b), round}
		if before, twice := lines[m]; twice && a != b {
			c.add(row.line, "", "says the same as line %d", before)
		}
		lines[m] = row.line
		meetings = append(meetings, Meeting{a, b, round})
	}
	return meetings, c.err()
}

// Rounds reads a column that holds numbers of rounds, by id; an empty cell is no
// entry. The key is one of Attribute.
func (p *Pool) Rounds(key string) (map[string]int, error) {
	c := &collector{file: p.File}
	at := p.columns[key][0]
	rounds := map[string]int{}
	for _, row := range p.table.rows {
		text := row.cells[at]
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostRounds {
			c.add(row.line, p.table.header[at], "%q is no round: write a whole number from 1 to %d", text, mostRounds)
			continue
		}
		rounds[row.cells[p.idAt]] = n
	}
	return rounds, c.err()
}
