package poolfile

import (
	"io"

	"github.com/openfairlead/fairlead/matcher"
)

// maxScore is the largest score of a person.
const maxScore = 1_000_000

// ReadScores reads a file of id,score lines. A header line id,score may stand
// above them.
func ReadScores(file string, r io.Reader, pool *Pool) (map[string]int, error) {
	t, err := readTable(file, r, false)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	scores := map[string]int{}
	lines := map[string]int{}
	for i, row := range t.rows {
		if len(row.cells) != 2 {
			c.add(row.line, "", "has %d cells: a line of scores is id,score", len(row.cells))
			break
		}
		id, text := row.cells[0], row.cells[1]
		if i == 0 && pool.fold.key(text) == "score" {
			continue
		}
		if before, twice := lines[id]; id == "" {
			c.add(row.line, "id", "the id is empty")
		} else if problem := pool.Missing(id); problem != "" {
			c.add(row.line, "id", "%q %s", id, problem)
		} else if twice {
			c.add(row.line, "id", "%q is on line %d already", id, before)
		}
		lines[id] = row.line
		n, problem := wholeNumber(text, maxScore)
		if problem != "" {
			c.add(row.line, "score", "%q %s", text, problem)
		}
		scores[id] = n
	}
	return scores, c.err()
}

// ReadPairs reads a file of id,id lines as links. A header line id,id may stand
// above them.
func ReadPairs(file string, r io.Reader, pool *Pool, kind matcher.LinkKind) ([]matcher.Link, error) {
	t, err := readTable(file, r, false)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	var links []matcher.Link
	lines := map[[2]string]int{}
	for i, row := range t.rows {
		if len(row.cells) != 2 {
			c.add(row.line, "", "has %d cells: a line is id,id", len(row.cells))
			break
		}
		a, b := row.cells[0], row.cells[1]
		if i == 0 && pool.fold.key(a) == "id" && pool.fold.key(b) == "id" && pool.Missing(a) != "" {
			continue
		}
		for _, id := range row.cells {
			if id == "" {
				c.add(row.line, "id", "the id is empty")
			} else if problem := pool.Missing(id); problem != "" {
				c.add(row.line, "id", "%q %s", id, problem)
			}
		}
		pair := [2]string{min(a, b), max(a, b)}
		before, twice := lines[pair]
		switch {
		case a == b && a != "":
			c.add(row.line, "id", "%q is paired with itself", a)
		case twice:
			c.add(row.line, "", "says the same as line %d", before)
		}
		lines[pair] = row.line
		links = append(links, matcher.Link{Kind: kind, IDs: []string{a, b}})
	}
	return links, c.err()
}
