package poolfile

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// MaxPairBytes is the largest file of scores of pairs that is read: 20 million
// pairs with short ids are half of it.
const MaxPairBytes = 1 << 30

const maxPairScore = 1000

// PairScores are the scores of a file of mentee,mentor,score lines. Everybody has
// the place in which the file first names them.
type PairScores struct {
	File             string
	Mentees, Mentors []string
	MenteeLine       []int // where the file first names them
	MentorLine       []int
	rows             [][]int16 // by mentee; as long as the last mentor needed
	at               [2]map[string]int
}

// Score is that of a pair, by their places; -1: the file has none.
func (p *PairScores) Score(mentee, mentor int) int16 {
	if row := p.rows[mentee]; mentor < len(row) {
		return row[mentor]
	}
	return -1
}

// Mentee and Mentor give the place of somebody, or false if the file names them
// nowhere.
func (p *PairScores) Mentee(id string) (int, bool) { at, ok := p.at[0][id]; return at, ok }

// Mentor is as Mentee.
func (p *PairScores) Mentor(id string) (int, bool) { at, ok := p.at[1][id]; return at, ok }

func (p *PairScores) place(side int, id string, line int, list *[]string, lines *[]int) int {
	at, ok := p.at[side][id]
	if !ok {
		at = len(*list)
		id = strings.Clone(id)
		p.at[side][id] = at
		*list, *lines = append(*list, id), append(*lines, line)
	}
	return at
}

// ReadPairScores reads mentee,mentor,score lines below a header with these words,
// in any order. A pair that the file does not have is not eligible.
func ReadPairScores(file string, r io.Reader) (*PairScores, error) {
	c := &collector{file: file}
	p := &PairScores{File: file, at: [2]map[string]int{{}, {}}}
	limited := &io.LimitedReader{R: r, N: MaxPairBytes + 1}
	in, err := rowsOf(file, limited)
	if err != nil {
		return nil, err
	}
	names := []string{"mentee", "mentor", "score"}
	var column []int
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
		for k := range cells {
			cells[k] = strings.TrimSpace(cells[k])
			blank = blank && cells[k] == ""
			if !utf8.ValidString(cells[k]) || strings.ContainsRune(cells[k], 0) {
				c.add(line, "", "is not UTF-8 text: save the file as CSV UTF-8")
				return nil, c.err()
			}
		}
		if blank {
			continue
		}
		if column == nil {
			if column = header(c, line, cells, names); column == nil {
				return nil, c.err()
			}
			continue
		}
		if len(c.problems) > 100 {
			break // the rest is as bad
		}
		if len(cells) != len(names) {
			c.add(line, "", "this line has %d cells, the header has %d; a cell with a comma needs quotes around it", len(cells), len(names))
			continue
		}
		mentee, mentor, text := cells[column[0]], cells[column[1]], cells[column[2]]
		score, whole := small(text)
		switch {
		case mentee == "" || mentor == "":
			c.add(line, names[b2i(mentee != "")], "the id is empty")
			continue
		case mentee == mentor:
			c.add(line, "", "%q is matched to themself: take the line out", mentee)
			continue
		case !whole:
			_, problem := wholeNumber(text, maxPairScore)
			c.add(line, "score", "%q %s", text, problem)
			continue
		}
		j := p.place(0, mentee, line, &p.Mentees, &p.MenteeLine)
		if j == len(p.rows) {
			p.rows = append(p.rows, nil)
		}
		i := p.place(1, mentor, line, &p.Mentors, &p.MentorLine)
		row := p.rows[j]
		for len(row) <= i {
			row = append(row, -1)
		}
		switch before := row[i]; {
		case before == int16(score):
			c.add(line, "", "the pair of %q and %q is there twice", mentee, mentor)
		case before >= 0:
			c.add(line, "score", "the pair of %q and %q has the score %s here and %s further up: keep one line", mentee, mentor, text, strconv.Itoa(int(before)))
		}
		row[i] = int16(score)
		p.rows[j] = row
	}
	if limited.N <= 0 {
		c.add(0, "", "is larger than %d MiB", MaxPairBytes>>20)
	}
	if column == nil {
		c.add(0, "", "the file is empty")
	}
	return p, c.err()
}

// small reads a score without allocating: a file has millions.
func small(text string) (int, bool) {
	n := 0
	for k := 0; k < len(text); k++ {
		if text[k] < '0' || text[k] > '9' || k > 8 {
			return 0, false
		}
		n = 10*n + int(text[k]-'0')
	}
	return n, text != "" && n <= maxPairScore
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// rowsOf reads CSV line by line, and not the whole file at once.
func rowsOf(file string, r io.Reader) (*csv.Reader, error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	if mark, err := buffered.Peek(3); err == nil && string(mark) == "\ufeff" {
		buffered.Discard(3)
	} else if len(mark) > 1 && (mark[0] == 0xFF && mark[1] == 0xFE || mark[0] == 0xFE && mark[1] == 0xFF) {
		return nil, Problems{{File: file, Message: "is UTF-16: save it as UTF-8 (in a spreadsheet: CSV UTF-8)"}}
	}
	in := csv.NewReader(buffered)
	in.FieldsPerRecord, in.TrimLeadingSpace, in.ReuseRecord = -1, true, true
	return in, nil
}

// header finds the columns that must be there, and refuses others; nil if they are
// not what they should be.
func header(c *collector, line int, cells, names []string) []int {
	column := make([]int, len(names))
	folder := newFolder()
	for k := range column {
		column[k] = -1
	}
	before := len(c.problems)
	for k, cell := range cells {
		at := slices.Index(names, folder.key(cell))
		switch {
		case at < 0:
			c.add(line, "", "there is no column %q here%s; the header is %s", cell, nearest.Hint(cell, names), strings.Join(names, ","))
		case column[at] >= 0:
			c.add(line, "", "the column %q is there twice", cell)
		default:
			column[at] = k
		}
	}
	for k, at := range column {
		if at < 0 && len(c.problems) == before {
			c.add(line, "", "the column %q is missing; the header is %s", names[k], strings.Join(names, ","))
		}
	}
	if len(c.problems) > before {
		return nil
	}
	return column
}

// Count is a line of a file of numbers of people.
type Count struct {
	ID     string
	Number int
	Line   int
}

// ReadCounts reads a file of lines such as mentor,seats, each person once, with
// whole numbers from 0 to most.
func ReadCounts(file string, r io.Reader, who, what string, most int) ([]Count, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	column := header(c, t.headerLine, t.header, []string{who, what})
	if column == nil {
		return nil, c.err()
	}
	var list []Count
	lines := map[string]int{}
	for _, row := range t.rows {
		id, text := row.cells[column[0]], row.cells[column[1]]
		n, problem := wholeNumber(text, most)
		if problem != "" {
			c.add(row.line, what, "%q %s", text, problem)
		}
		if before, twice := lines[id]; id == "" {
			c.add(row.line, who, "the id is empty")
		} else if twice {
			c.add(row.line, who, "%q is on line %d already", id, before)
		}
		lines[id] = row.line
		list = append(list, Count{id, n, row.line})
	}
	return list, c.err()
}

// PairLine is a line of a file of pairs.
type PairLine struct {
	Mentee, Mentor string
	Line           int
}

// ReadPairLines reads mentee,mentor lines below a header. A pair stands there once.
func ReadPairLines(file string, r io.Reader) ([]PairLine, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	column := header(c, t.headerLine, t.header, []string{"mentee", "mentor"})
	if column == nil {
		return nil, c.err()
	}
	var list []PairLine
	lines := map[[2]string]int{}
	for _, row := range t.rows {
		one := PairLine{row.cells[column[0]], row.cells[column[1]], row.line}
		pair := [2]string{one.Mentee, one.Mentor}
		before, twice := lines[pair]
		switch {
		case one.Mentee == "" || one.Mentor == "":
			c.add(row.line, "", "an id is empty")
		case one.Mentee == one.Mentor:
			c.add(row.line, "", "%q is matched to themself", one.Mentee)
		case twice:
			c.add(row.line, "", "the pair of %q and %q is on line %s already", one.Mentee, one.Mentor, fmt.Sprint(before))
		}
		lines[pair] = row.line
		list = append(list, one)
	}
	return list, c.err()
}

// Missing says in words that an id is not known, with the nearest one that is.
func Missing(id string, known []string) string {
	return fmt.Sprintf("there is no %q%s", shorten(id), nearest.Hint(id, known))
}
