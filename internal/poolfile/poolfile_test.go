package poolfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/poolfile"
	"github.com/openfairlead/fairlead/matcher"
)

const people = `id,Race,Gender,county
p1,Asian;White,woman,Skagit
p2,asian,Woman,skagit ; Island;island
p3,prefer_not_to_say,man,
p4,Prefer Not To Say,NOT_ANSWERED,Whatcom
p5,"White",man,Whatcom
`

func pool(t testing.TB, text string) *poolfile.Pool {
	t.Helper()
	p, err := poolfile.ReadPool("pool.csv", strings.NewReader(text), poolfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPool(t *testing.T) {
	want := []matcher.Person{
		{ID: "p1", Values: map[string][]string{"race": {"asian", "white"}, "county": {"skagit"}}},
		{ID: "p2", Values: map[string][]string{"race": {"asian"}, "county": {"skagit", "island"}}},
		{ID: "p3", Values: map[string][]string{}},
		{ID: "p4", Values: map[string][]string{"county": {"whatcom"}}},
		{ID: "p5", Values: map[string][]string{"race": {"white"}, "county": {"whatcom"}}},
	}
	for name, text := range map[string]string{
		"plain":                people,
		"byte order mark":      "\ufeff" + people,
		"CRLF":                 strings.ReplaceAll(people, "\n", "\r\n"),
		"old Mac line ends":    strings.ReplaceAll(people, "\n", "\r"),
		"blank lines":          "\n\n" + strings.ReplaceAll(people, "\n", "\n\n") + ",,,\n   \n",
		"spaces around":        strings.ReplaceAll(strings.ReplaceAll(people, `"`, ""), ",", " , "),
		"no line end":          strings.TrimSuffix(people, "\n"),
		"everything quoted":    `"` + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(people), `"`, ""), ",", `","`), "\n", "\"\n\"") + `"`,
		"id not first":         "Race,Gender,county,ID\nAsian;White,,Skagit,p1\nasian,,skagit ; Island;island,p2\n,,,p3\n,,Whatcom,p4\nWhite,,Whatcom,p5\n",
		"no column called id":  strings.Replace(people, "id,", "code,", 1),
		"unused twice is fine": strings.Replace(people, "Gender", "notes", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pool(t, text).People([]string{"race", "county", "race"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDeclineAsValue(t *testing.T) {
	p, err := poolfile.ReadPool("pool.csv", strings.NewReader(people), poolfile.Options{DeclineAsValue: true})
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.People([]string{"race"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"prefer not to say"}, got[3].Values["race"]); diff != "" {
		t.Error(diff)
	}
	rules, err := poolfile.ReadRules("rules.csv", strings.NewReader("feature,value,min,max\nrace,prefer_not_to_say,0,2\n"), p, 3)
	if err != nil || len(rules) != 1 {
		t.Errorf("rules %v, error %v", rules, err)
	}
}

// The accents of one word can be written in two ways, which look the same.
func TestAccentsMatch(t *testing.T) {
	p := pool(t, "id,région\na,E\u0301le\nb,éle\n")
	got, err := p.People([]string{"région"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got[0].Values, got[1].Values); diff != "" {
		t.Error(diff)
	}
}

func TestRules(t *testing.T) {
	text := "Value,MIN,max,Feature,kind,priority,weight,min_flex,max_flex,fixed,match\n" +
		"Asian;white,1,4,RACE,,,,0,5,yes,all\n" +
		"*,2,,county,company,2,3,,,,\n" +
		"*,3,,county,Spread,MUST,,,,no,\n" +
		"skagit,,2,county,cap,9,,,,,\n" +
		"Woman,,,gender,quota,1,1000,,,x,any\n"
	got, err := poolfile.ReadRules("rules.csv", strings.NewReader(text), pool(t, people), 4)
	if err != nil {
		t.Fatal(err)
	}
	rule := func(row int, feature, value string, kind matcher.Kind, term matcher.Term, lo, hi, priority, weight int, r matcher.Rule) matcher.Rule {
		return matcher.Rule{
			Row: row, Feature: feature, Value: value, Kind: kind, Property: matcher.Property{Terms: []matcher.Term{term}},
			Min: lo, Max: hi, Priority: priority, Weight: weight, MinFlex: r.MinFlex, MaxFlex: r.MaxFlex, Fixed: r.Fixed,
		}
	}
	want := []matcher.Rule{
		rule(1, "RACE", "Asian;white", matcher.Quota, matcher.Term{Attribute: "race", Values: []string{"asian", "white"}, Match: matcher.MatchAll}, 1, 4, 0, 1, matcher.Rule{MaxFlex: 5, Fixed: true}),
		rule(2, "county", "*", matcher.Company, matcher.Term{Attribute: "county", Wildcard: true}, 2, 4, 2, 3, matcher.Rule{MaxFlex: 4}),
		rule(3, "county", "*", matcher.Spread, matcher.Term{Attribute: "county", Wildcard: true}, 3, 4, 0, 1, matcher.Rule{MaxFlex: 4}),
		rule(4, "county", "skagit", matcher.Cap, matcher.Term{Attribute: "county", Values: []string{"skagit"}}, 0, 2, 9, 1, matcher.Rule{MaxFlex: 4}),
		rule(5, "gender", "Woman", matcher.Quota, matcher.Term{Attribute: "gender", Values: []string{"woman"}}, 0, 4, 1, 1000, matcher.Rule{MaxFlex: 4, Fixed: true}),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Other tools call the feature "category" and the value "feature" or "name".
func TestRulesOfOtherTools(t *testing.T) {
	p := pool(t, people)
	want, err := poolfile.ReadRules("r", strings.NewReader("feature,value,min,max\nrace,asian,0,2\n"), p, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"category,feature,min,max", "category,name,min,max", "Category,value,min,max"} {
		got, err := poolfile.ReadRules("r", strings.NewReader(header+"\nrace,asian,0,2\n"), p, 3)
		if err != nil {
			t.Errorf("%s: %v", header, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", header, diff)
		}
	}
}

func TestScoresAndPairs(t *testing.T) {
	p := pool(t, people)
	for _, text := range []string{"p1,5\np3,0\n", "id,score\np1,5\np3,0\n", "\ufeffID, Score\r\np1,5\r\n\r\np3, 0"} {
		got, err := poolfile.ReadScores("s.csv", strings.NewReader(text), p)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"p1": 5, "p3": 0}, got); diff != "" {
			t.Error(diff)
		}
	}
	for _, text := range []string{"p1,p2\np4,p3\n", "id,id\np1,p2\np4,p3\n"} {
		got, err := poolfile.ReadPairs("a.csv", strings.NewReader(text), p, matcher.Together)
		if err != nil {
			t.Fatal(err)
		}
		want := []matcher.Link{{Kind: matcher.Together, IDs: []string{"p1", "p2"}}, {Kind: matcher.Together, IDs: []string{"p4", "p3"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// Every problem is told with file, line and column, and with what to do.
func TestProblems(t *testing.T) {
	readPool := func(text string) error {
		p, err := poolfile.ReadPool("pool.csv", strings.NewReader(text), poolfile.Options{})
		if err == nil {
			_, err = p.People([]string{"race"})
		}
		return err
	}
	readRules := func(text string) error {
		_, err := poolfile.ReadRules("rules.csv", strings.NewReader(text), pool(t, people), 3)
		return err
	}
	readScores := func(text string) error {
		_, err := poolfile.ReadScores("scores.csv", strings.NewReader(text), pool(t, people))
		return err
	}
	readPairs := func(text string) error {
		_, err := poolfile.ReadPairs("apart.csv", strings.NewReader(text), pool(t, people), matcher.Apart)
		return err
	}
	const head = "feature,value,min,max\n"
	const wide = "feature,value,min,max,kind,priority,weight,match,fixed\n"
	for _, c := range []struct {
		name string
		read func(string) error
		text string
		want string
	}{
		{"empty pool", readPool, "", "pool.csv: the file is empty"},
		{"only blank lines", readPool, "\n \n,,\n", "pool.csv: the file is empty"},
		{"nobody", readPool, "id,race\n", "pool.csv: holds a header and nobody below it"},
		{"ragged row", readPool, "id,race\np1,a\np2\n", "pool.csv:3: this line has 1 cells, the header has 2; a cell with a comma needs quotes around it"},
		{"empty id", readPool, "id,race\np1,a\n ,b\n", `pool.csv:3: column "id": the id is empty: every person needs one`},
		{"duplicate id", readPool, "race,Id\na,p1\nb,p2\nc, p1\n", `pool.csv:4: column "Id": the id "p1" is on line 2 already: ids must be unique`},
		{"ids that look alike", readPool, "id,race\nJos\u00e9,a\nJose\u0301,b\n", "pool.csv:3: column \"id\": the id \"Jose\u0301\" looks like that on line 2 and is spelled with other characters (an accent of its own, say): write both alike if they are one person, else give one of them another id"},
		{"two id columns", readPool, "id,ID,race\n1,2,3\n", `pool.csv:1: column "id": is there 2 times: the column of ids must be unique`},
		{"id with a line break", readPool, "id,race\n\"p\n1\",a\n", `pool.csv:2: column "id": the id holds a control character or a line break`},
		{"answer and decline", readPool, "id,race\np1,a;prefer_not_to_say\n", `pool.csv:2: column "race": holds an answer and a refusal to answer: keep one of the two`},
		{"semicolons", readPool, "id;race\np1;a\n", "pool.csv:1: the header has no comma: save the file as CSV with commas between the columns"},
		{"tabs", readPool, "id\trace\np1\ta\n", "pool.csv:1: the header has no comma: save the file as CSV with commas between the columns"},
		{"UTF-16", readPool, "\xff\xfei\x00d\x00", "pool.csv: is UTF-16: save it as UTF-8 (in a spreadsheet: CSV UTF-8)"},
		{"Latin-1", readPool, "id,race\np1,caf\xe9\n", "pool.csv:2: is not UTF-8: save it as UTF-8 (in a spreadsheet: CSV UTF-8)"},
		{"NUL", readPool, "id,race\np1,\x00\n", "pool.csv:2: holds a NUL byte: it is no text file"},
		{"open quote", readPool, "id,race\np1,\"a\np2,b\n", "pool.csv:2: a quote is missing, or something stands between a closing quote and the next comma"},
		{"bare quote", readPool, "id,race\np1,a\"b\n", `pool.csv:2: a quote in the middle of a cell: put quotes around the whole cell and double those inside ("")`},

		{"empty rules", readRules, "", "rules.csv: the file is empty"},
		{"no rule", readRules, head, "rules.csv: holds a header and no rule below it"},
		{"unknown column", readRules, "feature,value,min,max,priorty\n", `rules.csv:1: column "priorty": is no column of a rules file; did you mean "priority"?; the columns are feature, value, min, max, kind, priority, weight, min_flex, max_flex, fixed, match`},
		{"missing column", readRules, "feature,value,min\nrace,a,1\n", `rules.csv:1: column "max": is missing: a rules file needs the columns feature, value, min, max (or category,feature,min,max)`},
		{"column twice", readRules, "feature,value,min,max,Max\nrace,a,1,2,3\n", `rules.csv:1: column "Max": says the same as another column: the max of a rule`},
		{"category and two values", readRules, "category,feature,value,min,max\nrace,a,a,1,2\n", `rules.csv:1: column "value": says the same as another column: the value of a rule`},
		{"unknown feature", readRules, head + "gendre,man,0,1\n", `rules.csv:2: column "feature": "gendre" is no column of pool.csv; did you mean "Gender"?`},
		{"id as feature", readRules, head + "id,p1,0,1\n", `rules.csv:2: column "feature": "id" is the column of ids, no attribute`},
		{"empty feature", readRules, head + ",man,0,1\n", `rules.csv:2: column "feature": is empty: name a column of pool.csv`},
		{"empty value", readRules, head + "race,,0,1\n", `rules.csv:2: column "value": is empty: name a value, several joined by ;, or * for any value`},
		{"star and more", readRules, head + "race,*;asian,0,1\n", `rules.csv:2: column "value": "*;asian" joins * with other values: * alone means any value`},
		{"decline", readRules, head + "race,Prefer not to say,0,1\n", `rules.csv:2: column "value": "Prefer not to say" is no group: who declines to answer is counted nowhere; leave the row out, or use --decline-as-value to count them as a group`},
		{"negative", readRules, head + "race,asian,-1,2\n", `rules.csv:2: column "min": "-1" is no whole number of 0 or more`},
		{"not whole", readRules, head + "race,asian,1,2.5\n", `rules.csv:2: column "max": "2.5" is no whole number of 0 or more`},
		{"huge", readRules, head + "race,asian,1,99999999999999999999\n", `rules.csv:2: column "max": "99999999999999999999" is too large: at most 1000000`},
		{"min over max", readRules, head + "race,asian,3,2\n", `rules.csv:2: column "min": min 3 is more than max 2`},
		{"min over the size", readRules, head + "race,asian,4,\n", `rules.csv:2: column "min": min 4 is more than max 3, which an empty max means: the size`},
		{"same row twice", readRules, head + "race,asian;white,0,2\n\nRACE, White ; Asian,0,2\n", "rules.csv:4: says the same as line 2: leave one of them out"},
		{"unknown kind", readRules, wide + "race,*,1,2,compnay,,,,\n", `rules.csv:2: column "kind": "compnay" is no kind of rule; did you mean "company"?; the kinds are quota, company, spread, cap`},
		{"priority", readRules, wide + "race,*,1,2,,0,,,\n", `rules.csv:2: column "priority": "0" is neither must nor 1 to 9`},
		{"priority word", readRules, wide + "race,*,1,2,,mst,,,\n", `rules.csv:2: column "priority": "mst" is neither must nor 1 to 9; did you mean "must"?`},
		{"weight of must", readRules, wide + "race,*,1,2,,must,5,,\n", `rules.csv:2: column "weight": a rule that must hold has no weight: leave it empty, or give the rule a priority`},
		{"weight", readRules, wide + "race,*,1,2,,1,1001,,\n", `rules.csv:2: column "weight": "1001" is no whole number from 1 to 1000`},
		{"match", readRules, wide + "race,a;b,1,2,,,,al,\n", `rules.csv:2: column "match": "al" is neither any nor all; did you mean "all"?`},
		{"match all of a spread", readRules, wide + "race,a;b,1,2,spread,,,all,\n", `rules.csv:2: column "match": a rule of kind spread looks at each value by itself: match all has no meaning`},
		{"fixed", readRules, wide + "race,*,1,2,,,,,maybe\n", `rules.csv:2: column "fixed": "maybe" is neither yes nor no`},

		{"unknown id in scores", readScores, "p11,3\n", `scores.csv:1: column "id": "p11" is not in the pool pool.csv; did you mean "p1"?`},
		{"score", readScores, "id,score\np1,1.5\n", `scores.csv:2: column "score": "1.5" is no whole number of 0 or more`},
		{"large score", readScores, "p1,1000001\n", `scores.csv:1: column "score": "1000001" is too large: at most 1000000`},
		{"scored twice", readScores, "p1,1\np1,1\n", `scores.csv:2: column "id": "p1" is on line 1 already`},
		{"scores with three cells", readScores, "p1,1,2\n", `scores.csv:1: has 3 cells: a line of scores is id,score`},
		{"unknown id in a pair", readPairs, "p1,p9\n", `apart.csv:1: column "id": "p9" is not in the pool pool.csv; did you mean "p1"?`},
		{"paired with itself", readPairs, "p1,p1\n", `apart.csv:1: column "id": "p1" is paired with itself`},
		{"pair twice", readPairs, "p1,p2\np2,p1\n", `apart.csv:2: says the same as line 1`},
		{"ragged pair", readPairs, "p1,p2\np2\n", `apart.csv:2: this line has 1 cells, the first line has 2; a cell with a comma needs quotes around it`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.read(c.text)
			if err == nil {
				t.Fatalf("no error, want %s", c.want)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	text := "id,race\n" + strings.Repeat("p1,a\n", 30)
	_, err := poolfile.ReadPool("pool.csv", strings.NewReader(text), poolfile.Options{})
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 21 || lines[20] != "and 9 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// What grows with the square of a file would take hours here.
func TestLargeInputIsReadAtOnce(t *testing.T) {
	const many = 50_000
	var values, people, scores, pairs strings.Builder
	people.WriteString("id,race\n")
	for i := range many {
		fmt.Fprintf(&values, "v%d;V%d;", i, i)
		fmt.Fprintf(&people, "p%d,asian\n", i)
		fmt.Fprintf(&scores, "q%d,1\n", i)
		fmt.Fprintf(&pairs, "q%d,z%d\n", i, i)
	}
	p, err := poolfile.ReadPool("pool.csv", strings.NewReader(people.String()+"last,"+values.String()+"\n"), poolfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	read, err := p.People([]string{"race"})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(read[many].Values["race"]); n != many {
		t.Errorf("%d values, want %d", n, many)
	}
	_, err = poolfile.ReadScores("scores.csv", strings.NewReader(scores.String()), p)
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != 21 || lines[20] != "and 49980 more" || !strings.Contains(lines[19], "did you mean") {
		t.Errorf("scores: %d lines, %s", len(lines), lines[len(lines)-1])
	}
	if _, err = poolfile.ReadPairs("apart.csv", strings.NewReader(pairs.String()), p, matcher.Apart); err == nil {
		t.Error("pairs of unknown ids are read")
	}
}

func TestColumnsCannotGarbleTheTerminal(t *testing.T) {
	p, err := poolfile.ReadPool("pool.csv", strings.NewReader("id,ra\x1b[2Jce,size\np1,a,b\n"), poolfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, problem := p.Attribute("language"); problem != `is no column of pool.csv; it has "ra\x1b[2Jce", size` {
		t.Error(problem)
	}
}

func TestLongCellsAreCutInMessages(t *testing.T) {
	long := strings.Repeat("é9", 1_000_000)
	p, err := poolfile.ReadPool("pool.csv", strings.NewReader("id,race\np1,"+long+"\n"), poolfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = poolfile.ReadRules("rules.csv", strings.NewReader("feature,value,min,max\nrace,asian,"+long+",3\n"+long+",asian,1,3\n"), p, 1)
	if text := fmt.Sprint(err); len(text) > 1200 || !utf8.ValidString(text) ||
		!strings.Contains(text, `…" is no whole number of 0 or more`) || !strings.Contains(text, "rules.csv:3: column \"feature\": ") {
		t.Errorf("%d bytes: %.400s", len(text), text)
	}
}

// The pairs of files of another tool are read as they are.
func TestOpenDLP(t *testing.T) {
	for name, size := range map[string]int{"opendlp_monitoring_30": 30, "opendlp_sample_10": 10} {
		open := func(file string) *os.File {
			f, err := os.Open(filepath.Join("testdata", name, file))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			return f
		}
		p, err := poolfile.ReadPool("respondents.csv", open("respondents.csv"), poolfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rules, err := poolfile.ReadRules("categories.csv", open("categories.csv"), p, size)
		if err != nil {
			t.Fatal(err)
		}
		if len(rules) < 9 || p.Len() < 20 {
			t.Errorf("%s: %d people, %d rules", name, p.Len(), len(rules))
		}
	}
}
