package poolfile

import (
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Share is one line of a benchmark: what part of a population belongs to a
// group. With several values a person may belong to several groups, so that the
// shares of a feature may come to more than the whole.
type Share struct {
	Feature, Value string
	Share          *big.Rat // 0…1
}

var shareColumns = []string{"feature", "value", "share"}

// ReadShares reads a benchmark file: feature,value,share, with shares as
// decimals (0.125) or percent (12.5%).
func ReadShares(file string, r io.Reader) ([]Share, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	c := &collector{file: file}
	fold := newFolder()
	at := map[string]int{}
	for i, h := range t.header {
		name := fold.key(h)
		_, twice := at[name]
		switch {
		case !slices.Contains(shareColumns, name):
			c.add(t.headerLine, h, "is no column of a benchmark%s; the columns are %s", nearest.Hint(h, shareColumns), strings.Join(shareColumns, ", "))
		case twice:
			c.add(t.headerLine, h, "is there twice")
		default:
			at[name] = i
		}
	}
	for _, name := range shareColumns {
		if _, ok := at[name]; !ok && len(c.problems) == 0 {
			c.add(t.headerLine, name, "is missing: a benchmark needs the columns %s", strings.Join(shareColumns, ", "))
		}
	}
	if len(c.problems) > 0 {
		return nil, c.err()
	}
	var shares []Share
	lines := map[string]int{}
	for _, row := range t.rows {
		s := Share{Feature: row.cells[at["feature"]], Value: row.cells[at["value"]]}
		values := fold.set(s.Value)
		slices.Sort(values)
		same := fmt.Sprintf("%q %q", fold.key(s.Feature), values)
		if s.Feature == "" {
			c.add(row.line, "feature", "is empty: name a column of the people")
		}
		switch before, twice := lines[same]; {
		case len(values) == 0:
			c.add(row.line, "value", "is empty: name a value, or several joined by ;")
		case slices.Contains(values, "*"):
			c.add(row.line, "value", "%q is no group of a population: name a value", s.Value)
		case slices.ContainsFunc(values, func(v string) bool { return declines[v] }):
			c.add(row.line, "value", "%q is no group: who declines to answer is counted nowhere; leave the line out", s.Value)
		case twice:
			c.add(row.line, "", "is about the same group as line %d: leave one of them out", before)
		}
		lines[same] = row.line
		share, problem := parseShare(row.cells[at["share"]])
		if problem != "" {
			c.add(row.line, "share", "%q %s", row.cells[at["share"]], problem)
		}
		s.Share = share
		shares = append(shares, s)
	}
	if len(t.rows) == 0 {
		c.add(0, "", "holds a header and no share below it")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return shares, nil
}

// parseShare reads a share exactly.
func parseShare(text string) (share *big.Rat, problem string) {
	const what = "is no share: write a decimal from 0 to 1, such as 0.125, or percent, such as 12.5%"
	digits, percent := strings.CutSuffix(text, "%")
	digits = strings.TrimSpace(digits)
	whole, fraction, point := strings.Cut(digits, ".")
	decimal := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	switch {
	case strings.Contains(digits, ",") && decimal(strings.Replace(digits, ",", "", 1)):
		return nil, "has a comma: write a point, such as " + strings.Replace(text, ",", ".", 1)
	case !decimal(whole) || !decimal(fraction) || whole+fraction == "" || point && fraction == "" || len(digits) > 40:
		return nil, what
	}
	share, ok := new(big.Rat).SetString("0" + digits)
	if !ok {
		return nil, what
	}
	if percent {
		share.Quo(share, big.NewRat(100, 1))
	}
	if share.Cmp(big.NewRat(1, 1)) > 0 {
		if percent {
			return nil, "is more than the whole population"
		}
		return nil, "is more than 1: if it is meant as percent, write " + text + "%"
	}
	return share, ""
}

// Window is how many of a cohort of this size may be of the group:
// ⌊share·size⌋ to ⌈share·size⌉, both moved by width, within 0 and size.
func (s Share) Window(size, width int) (least, most int) {
	exact := new(big.Rat).Mul(s.Share, new(big.Rat).SetInt64(int64(size)))
	floor := new(big.Int).Quo(exact.Num(), exact.Denom()) // not negative
	least = int(floor.Int64())
	most = least
	if !exact.IsInt() {
		most++
	}
	return max(0, least-width), min(size, most+width)
}
