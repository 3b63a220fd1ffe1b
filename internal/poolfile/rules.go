package poolfile

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// maxBound is the largest min or max that is read.
const maxBound = 1_000_000

// ReadRules reads a rules file for a pool and a size. Rule.Row counts the rows
// below the header, from 1.
func ReadRules(file string, r io.Reader, pool *Pool, size int) ([]matcher.Rule, error) {
	t, err := readTable(file, r, true)
	if err != nil {
		return nil, err
	}
	in := &rulesReader{collector: collector{file: file}, table: t, pool: pool, size: size, at: map[string]int{}, seen: map[string]int{}}
	if !in.header() {
		return nil, in.err()
	}
	var rules []matcher.Rule
	for i, row := range t.rows {
		rules = append(rules, in.rule(i+1, row))
	}
	if len(t.rows) == 0 {
		in.add(0, "", "holds a header and no rule below it")
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	return rules, nil
}

type rulesReader struct {
	collector
	table *table
	pool  *Pool
	size  int
	at    map[string]int // columns by what they are
	seen  map[string]int // lines by what they say
}

var ruleColumns = []string{"feature", "value", "min", "max", "kind", "priority", "weight", "min_flex", "max_flex", "fixed", "match"}

// header finds the columns. Other tools call the feature "category" and the
// value "feature" or "name".
func (in *rulesReader) header() bool {
	names := make([]string, len(in.table.header))
	other := false
	for i, h := range in.table.header {
		names[i] = in.pool.fold.key(h)
		other = other || names[i] == "category"
	}
	line := in.table.headerLine
	for i, name := range names {
		shown := in.table.header[i]
		if other {
			switch name {
			case "category":
				name = "feature"
			case "feature", "name":
				name = "value"
			}
		}
		_, twice := in.at[name]
		switch {
		case !slices.Contains(ruleColumns, name) && shown == "":
			in.add(line, "", "column %d has no name: a rules file has the columns %s", i+1, strings.Join(ruleColumns, ", "))
		case !slices.Contains(ruleColumns, name):
			in.add(line, shown, "is no column of a rules file%s; the columns are %s", nearest.Hint(shown, ruleColumns), strings.Join(ruleColumns, ", "))
		case twice:
			in.add(line, shown, "says the same as another column: the %s of a rule", name)
		default:
			in.at[name] = i
		}
	}
	for _, name := range ruleColumns[:4] {
		if _, ok := in.at[name]; !ok {
			in.add(line, name, "is missing: a rules file needs the columns %s (or category,feature,min,max)", strings.Join(ruleColumns[:4], ", "))
		}
	}
	return len(in.problems) == 0
}

// cell is a cell of a row and the name that its column has in the file.
func (in *rulesReader) cell(row tableRow, name string) (text, column string) {
	i, ok := in.at[name]
	if !ok {
		return "", name
	}
	return row.cells[i], in.table.header[i]
}

func (in *rulesReader) rule(number int, row tableRow) matcher.Rule {
	r := matcher.Rule{Row: number, Weight: 1}
	in.kind(row, &r)
	term := in.term(row, &r)
	r.Property.Terms = []matcher.Term{term}
	r.Min = in.number(row, "min", 0)
	r.Max = in.number(row, "max", in.size)
	if r.Min > r.Max {
		note := ""
		if text, _ := in.cell(row, "max"); text == "" {
			note = ", which an empty max means: the size"
		}
		_, column := in.cell(row, "min")
		in.add(row.line, column, "min %d is more than max %d%s", r.Min, r.Max, note)
	}
	in.priority(row, &r)
	r.MinFlex = in.number(row, "min_flex", 0)
	r.MaxFlex = in.number(row, "max_flex", in.size)
	in.fixed(row, &r)

	same := fmt.Sprintf("%q %q %v %d %d %d %d %d %d %d %v", term.Attribute, sortedCopy(term.Values), term.Match, r.Kind, r.Min, r.Max, r.Priority, r.Weight, r.MinFlex, r.MaxFlex, r.Fixed)
	if before, twice := in.seen[same]; twice {
		in.add(row.line, "", "says the same as line %d: leave one of them out", before)
	}
	in.seen[same] = row.line
	return r
}

func sortedCopy(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return out
}

func (in *rulesReader) kind(row tableRow, r *matcher.Rule) {
	text, column := in.cell(row, "kind")
	if text == "" {
		return
	}
	kind, ok := matcher.ParseKind(strings.ToLower(text))
	if !ok {
		in.add(row.line, column, "%q is no kind of rule%s; the kinds are %s", text, nearest.Hint(text, matcher.Kinds()), strings.Join(matcher.Kinds(), ", "))
	}
	r.Kind = kind
}

// term reads feature, value and match.
func (in *rulesReader) term(row tableRow, r *matcher.Rule) matcher.Term {
	feature, featureColumn := in.cell(row, "feature")
	value, valueColumn := in.cell(row, "value")
	r.Feature, r.Value = feature, value
	var t matcher.Term
	if feature == "" {
		in.add(row.line, featureColumn, "is empty: name a column of %s", in.pool.File)
	} else {
		key, problem := in.pool.Attribute(feature)
		if problem != "" {
			in.add(row.line, featureColumn, "%q %s", feature, problem)
		}
		t.Attribute = key
	}
	t.Values = in.pool.fold.set(value)
	switch {
	case len(t.Values) == 0:
		in.add(row.line, valueColumn, "is empty: name a value, several joined by ;, or * for any value")
	case slices.Equal(t.Values, []string{"*"}):
		t.Values, t.Wildcard = nil, true
	case slices.Contains(t.Values, "*"):
		in.add(row.line, valueColumn, "%q joins * with other values: * alone means any value", value)
	}
	if !in.pool.options.DeclineAsValue {
		for _, v := range t.Values {
			if declines[v] {
				in.add(row.line, valueColumn, "%q is no group: who declines to answer is counted nowhere; leave the row out, or use --decline-as-value to count them as a group", value)
				break
			}
		}
	}
	match, matchColumn := in.cell(row, "match")
	switch strings.ToLower(match) {
	case "", "any":
	case "all":
		t.Match = matcher.MatchAll
		if r.Kind != matcher.Quota && len(t.Values) > 1 {
			in.add(row.line, matchColumn, "a rule of kind %s looks at each value by itself: match all has no meaning", r.Kind)
		}
		if t.Wildcard || len(t.Values) < 2 {
			t.Match = matcher.MatchAny // one value: the same
		}
	default:
		in.add(row.line, matchColumn, "%q is neither any nor all%s", match, nearest.Hint(match, []string{"any", "all"}))
	}
	return t
}

// number reads a bound; empty is otherwise.
func (in *rulesReader) number(row tableRow, name string, otherwise int) int {
	text, column := in.cell(row, name)
	if text == "" {
		return otherwise
	}
	n, problem := wholeNumber(text, maxBound)
	if problem != "" {
		in.add(row.line, column, "%q %s", text, problem)
		return otherwise
	}
	return n
}

// wholeNumber reads an integer from 0 to most.
func wholeNumber(text string, most int) (n int, problem string) {
	const notWhole = "is no whole number of 0 or more"
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, notWhole
		}
	}
	if text == "" {
		return 0, notWhole
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > most {
		return 0, fmt.Sprintf("is too large: at most %d", most)
	}
	return n, ""
}

func (in *rulesReader) priority(row tableRow, r *matcher.Rule) {
	text, column := in.cell(row, "priority")
	if text != "" && !strings.EqualFold(text, "must") {
		n, problem := wholeNumber(text, matcher.MaxPriority)
		if problem != "" || n == 0 {
			in.add(row.line, column, "%q is neither must nor 1 to %d%s", text, matcher.MaxPriority, nearest.Hint(text, []string{"must"}))
		}
		r.Priority = n
	}
	text, column = in.cell(row, "weight")
	if text == "" {
		return
	}
	const most = 1000
	n, problem := wholeNumber(text, most)
	switch {
	case problem != "" || n == 0:
		in.add(row.line, column, "%q is no whole number from 1 to %d", text, most)
	case r.Priority == matcher.Must:
		in.add(row.line, column, "a rule that must hold has no weight: leave it empty, or give the rule a priority")
	default:
		r.Weight = n
	}
}

func (in *rulesReader) fixed(row tableRow, r *matcher.Rule) {
	text, column := in.cell(row, "fixed")
	switch strings.ToLower(text) {
	case "", "no", "false", "0":
	case "yes", "true", "1", "x":
		r.Fixed = true
	default:
		in.add(row.line, column, "%q is neither yes nor no", text)
	}
}
