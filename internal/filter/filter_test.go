package filter

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var fields = []Field{
	{Name: "state", Type: Enum, Values: []string{"DRAFT", "SUBMITTED", "IN_POOL"}},
	{Name: "title", Type: String},
	{Name: "seats", Type: Int},
	{Name: "create_time", Type: Time},
	{Name: "on_behalf", Type: Bool},
	{Name: "answers.sector", Type: Set, Values: []string{"hospital", "cbo"}},
	{Name: "answers.organization", Type: String},
}

var item = map[string]Value{
	"state":          {Present: true, Text: "IN_POOL"},
	"title":          {Present: true, Text: "Dxʷlilap Health"},
	"seats":          {Present: true, Int: 15},
	"create_time":    {Present: true, Time: time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)},
	"on_behalf":      {Present: true, Bool: false},
	"answers.sector": {Present: true, Set: []string{"hospital"}},
}

func get(name string) Value { return item[name] }

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		text string
		want bool
	}{
		{"", true},
		{"   ", true},
		{"state = IN_POOL", true},
		{"state=in_pool", true},
		{`state = "IN_POOL"`, true},
		{"state:IN_POOL", true},
		{"state = DRAFT", false},
		{"state != DRAFT", true},
		{"title:health", true},
		{`title = "dxʷlilap health"`, true},
		{`title:"x̌"`, false},
		{"title != x", true},
		{"title > a", true},
		{"seats = 15", true},
		{"seats >= 15 AND seats <= 15", true},
		{"seats < 15", false},
		{"seats > -3", true},
		{"createTime >= 2026-12-01", true},
		{`create_time < "2026-12-01T09:00:00Z"`, false},
		{"create_time <= 2026-12-01T09:00:00Z AND seats = 15", true},
		{`create_time < "2026-12-01T02:00:00-08:00"`, true},
		{"on_behalf", false},
		{"NOT on_behalf", true},
		{"-on_behalf", true},
		{"onBehalf = false", true},
		{"on_behalf = true", false},
		{"answers.sector:hospital", true},
		{"answers.sector = cbo", false},
		{"answers.sector != cbo", true},
		{"answers.sector:*", true},
		{"answers.sector != *", false},
		{"answers.organization:*", false},
		{"answers.organization", false},
		{"answers.organization != x", true}, // what is absent is not equal
		{"answers.organization = x", false},
		{"title", true},
		// OR binds tighter than AND.
		{"state = DRAFT AND seats = 15 OR seats = 1", false},
		{"(state = DRAFT AND seats = 1) OR seats = 15", true},
		{"state = IN_POOL seats = 15", true},
		{"NOT (state = DRAFT OR seats = 1)", true},
		{"NOT NOT state = IN_POOL", true},
		{`title:'health'`, true},
		{`title:"\"quoted\""`, false},
	} {
		f, err := Parse(c.text, fields)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := f.Match(get); got != c.want {
			t.Errorf("%s = %v, want %v", c.text, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text     string
		position int
		message  string
	}{
		{"stat = DRAFT", 1, `did you mean "state"?`},
		{"seats = 1 AND creatTime > 2026-01-01", 15, `did you mean "create_time"?`},
		{"zzzzzz = 1", 1, "there is state, title"},
		{"state = DRAFTT", 9, `did you mean "DRAFT"?`},
		{"state = ZZZZZZZ", 9, "it has DRAFT, SUBMITTED, IN_POOL"},
		{"answers.sector:hospitl", 16, `did you mean "hospital"?`},
		{"state < DRAFT", 9, "has no order"},
		{"on_behalf > true", 13, "has no order"},
		{"on_behalf = yes", 13, "true or false"},
		{"seats = many", 9, "an integer"},
		{"seats = 99999999999999999999", 9, "an integer"},
		{"create_time > yesterday", 15, "a time such as"},
		{"state =", 8, "expected a value after ="},
		{"state = = DRAFT", 9, "expected a value after ="},
		{"= DRAFT", 1, "expected a field name"},
		{"(state = DRAFT", 15, "the parenthesis at position 1 is not closed"},
		{"state = DRAFT)", 14, "unexpected ) after the end"},
		{"state = DRAFT OR", 17, "expected a field name, got end of the filter"},
		{"AND state = DRAFT", 1, "a comparison is missing before AND"},
		{"state = DRAFT AND OR seats = 1", 19, "a comparison is missing before OR"},
		{`title = "open`, 9, "does not end"},
		{"state ! DRAFT", 7, "use != or NOT"},
		{`"DRAFT" = state`, 1, "expected a field name, got text in quotes"},
		{"state = DRAFT = DRAFT", 15, "unexpected operator = after the end"},
		{"title = -", 9, "expected a value"},
		{strings.Repeat("(", 100) + "title", 32, "deep"},
		{strings.Repeat("NOT ", 100) + "title", 1 + 4*31, "deep"},
		{strings.Repeat("title ", 101), 601, "more than 100 comparisons"},
		{strings.Repeat("x", 2001), 2001, "longer than 2000 bytes"},
		{"title = \xff", 1, "UTF-8"},
	} {
		_, err := Parse(c.text, fields)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.40s: error %v", c.text, err)
			continue
		}
		if e.Position != c.position || !strings.Contains(e.Message, c.message) {
			t.Errorf("%.40s: %v, want position %d: %s", c.text, e, c.position, c.message)
		}
	}
}

// What a filter compares with may be somebody's name: no error repeats it.
func TestErrorsKeepValuesOut(t *testing.T) {
	for _, text := range []string{
		"canaryword", "canaryword = 1", "state = canaryword", "seats = canaryword", "create_time = canaryword",
		"on_behalf = canaryword", "title = x canaryword", `title = "canaryword`, `"canaryword"`, "title = x ) canaryword",
		"answers.sector:canaryword",
	} {
		if _, err := Parse(text, fields); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFields(t *testing.T) {
	f, err := Parse("seats = 1 AND (NOT title:x OR seats = 2)", fields)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.Fields(), " "); got != "seats title" {
		t.Errorf("Fields = %s", got)
	}
}

// A random expression, written out, parses to what it was: evaluated by a
// second evaluator over the tree it was made from.
func TestRandomExpressions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var build func(depth int) (string, bool)
		build = func(depth int) (string, bool) {
			pick := rapid.IntRange(0, 5).Draw(t, "node")
			if depth == 0 {
				pick = 5
			}
			switch pick {
			case 0, 1:
				text, want := build(depth - 1)
				return "NOT (" + text + ")", !want
			case 2, 3:
				a, x := build(depth - 1)
				b, y := build(depth - 1)
				if pick == 2 {
					return "(" + a + ") OR (" + b + ")", x || y
				}
				return "(" + a + ") AND (" + b + ")", x && y
			}
			n := rapid.IntRange(13, 17).Draw(t, "n")
			op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
			want := map[string]bool{"=": n == 15, "!=": n != 15, "<": n > 15, "<=": n >= 15, ">": n < 15, ">=": n <= 15}[op]
			return "seats " + op + " " + string(rune('0'+n/10)) + string(rune('0'+n%10)), want
		}
		text, want := build(4)
		if len(text) > MaxLength {
			return
		}
		f, err := Parse(text, fields)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := f.Match(get); got != want {
			t.Fatalf("%s = %v, want %v", text, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"state = IN_POOL AND (answers.sector:hospital OR seats >= 3)", `NOT title:"x̌ʷ\""`, "-on_behalf", "((((",
		"create_time > 2026-12-01T09:00:00Z", "a:b:c", `"`, `\`, "state = DRAFT OR OR",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := Parse(text, fields)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Position < 1 || e.Message == "" {
				t.Fatalf("error without a position: %#v", err)
			}
			return
		}
		parsed.Match(get)
		parsed.Match(func(string) Value { return Value{} })
	})
}
