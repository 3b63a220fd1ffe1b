package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
)

// The commands of docs/explaining.md, one after the other on the example's
// files, say what stands there.
func TestExplainingExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "explaining.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range []string{"people.csv", "rules.csv"} {
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "selecting", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(file)
	}
	dir := folder(t, files)
	rest, commands, outputs := string(text), 0, 0
	for {
		_, after, found := strings.Cut(rest, "```sh\n")
		if !found {
			break
		}
		command, left, closed := strings.Cut(after, "```\n")
		if !closed {
			t.Fatal("docs/explaining.md: a block does not end")
		}
		rest = left
		commands++
		r := run(t.Context(), dir, "", arguments(command)...)
		if r.code != 0 {
			t.Fatalf("%sexit %d: %s", command, r.code, r.stderr)
		}
		if output, ok := strings.CutPrefix(strings.TrimLeft(left, "\n"), "```text output\n"); ok {
			want, _, _ := strings.Cut(output, "```\n")
			if diff := cmp.Diff(want, anyDigest.ReplaceAllString(r.stdout, "sha256:…")); diff != "" {
				t.Errorf("%s%s", command, diff)
			}
			outputs++
		}
	}
	if commands < 10 || outputs < 9 {
		t.Errorf("docs/explaining.md has %d commands with %d outputs", commands, outputs)
	}
}

// selectedInto makes a record in a folder.
func selectedInto(t testing.TB, dir, name string, more ...string) {
	t.Helper()
	args := append([]string{"select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s", "--out", name}, more...)
	if r := run(t.Context(), dir, "", args...); r.code != 0 {
		t.Fatalf("select: exit %d: %s", r.code, r.stderr)
	}
}

func recordIn(t testing.TB, dir, name string) *matcher.Record {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := matcher.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Seats are filled under the next attempt, time after time, with everybody else
// in place, and the new record stands up to fairlead verify.
func TestReplaceChain(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	selectedInto(t, dir, "run1.json", "--allow", "2=1")
	before := recordIn(t, dir, "run1.json")
	for attempt, names := range [][2]string{{"run1.json", "run2.json"}, {"run2.json", "run3.json"}} {
		gone := ""
		for _, id := range before.Cohort {
			if id != "ada" && id != "cam" { // one of them has to be in
				gone = id
			}
		}
		r := run(t.Context(), dir, "", "replace", names[0], "--declined", gone, "--out", names[1])
		if r.code != 0 {
			t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
		if !strings.Contains(r.stderr, "holds personal data") {
			t.Errorf("stderr %q does not say that the record holds personal data", r.stderr)
		}
		after := recordIn(t, dir, names[1])
		if got := after.Certificate.Draw.Attempt; got != attempt+2 {
			t.Errorf("attempt %d, want %d", got, attempt+2)
		}
		if slices.Contains(after.Cohort, gone) || len(after.Cohort) != 3 {
			t.Errorf("%s declined: %v", gone, after.Cohort)
		}
		for _, id := range before.Cohort {
			if id != gone && !slices.Contains(after.Cohort, id) {
				t.Errorf("%s lost the seat when %s declined: %v", id, gone, after.Cohort)
			}
		}
		if after.Lottery.Method != before.Lottery.Method || after.Seed != before.Seed {
			t.Errorf("lottery %s with seed %s, was %s with %s", after.Lottery.Method, after.Seed, before.Lottery.Method, before.Seed)
		}
		if v := run(t.Context(), dir, "", "verify", names[1]); v.code != 0 {
			t.Errorf("verify: exit %d: %s%s", v.code, v.stdout, v.stderr)
		}
		before = after
	}
}

// Without a lottery there are no chances to show, and the seed fills the seat.
func TestRecordsWithoutLottery(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	selectedInto(t, dir, "run.json", "--lottery", "none")
	cohort := recordIn(t, dir, "run.json").Cohort
	r := run(t.Context(), dir, "", "explain", "run.json", cohort[0])
	if r.code != 0 || !strings.Contains(r.stdout, "no lottery was drawn, so there are no chances") {
		t.Errorf("exit %d: %s", r.code, r.stdout)
	}
	r = run(t.Context(), dir, "", "explain", "run.json", cohort[0], "--json")
	var x struct {
		ID     string
		In     bool
		Chance *struct{ Tickets int64 }
		Swaps  []struct{ Out, In []string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &x); err != nil || x.ID != cohort[0] || !x.In || x.Chance != nil {
		t.Errorf("%v %+v", err, x)
	}
	r = run(t.Context(), dir, "", "replace", "run.json", "--declined", cohort[0], "--json")
	var got struct {
		Status string
		Exact  bool
		Out    []string
		In     []string
		Record json.RawMessage
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.Status != "OPTIMAL" || !slices.Equal(got.Out, cohort[:1]) || len(got.In) != 1 {
		t.Errorf("%v %+v", err, got)
	}
	if _, err := matcher.ParseRecord(got.Record); err != nil {
		t.Errorf("the new record: %v", err)
	}
	r = run(t.Context(), dir, "", "compare", "run.json", "run.json", "--json")
	var c struct {
		Columns []struct {
			File, Cohort any
			Common       int
			Mean         *string
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &c); err != nil || len(c.Columns) != 2 || c.Columns[1].Common != 3 || c.Columns[0].Mean != nil {
		t.Errorf("%v %+v", err, c)
	}
}

// When the rules that must hold cannot be kept any more, it says which and draws
// nobody.
func TestReplaceImpossible(t *testing.T) {
	rules := "feature,value,min,max\ncounty,Island,2,2\n"
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rules})
	selectedInto(t, dir, "run.json")
	r := run(t.Context(), dir, "", "replace", "run.json", "--declined", "cam", "--out", "new.json")
	if r.code != 4 {
		t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{"IMPOSSIBLE", "rules that must hold would be off by 1 in total: county: Island (1 short, was met)", "Closest cohort (3)"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("%q does not say %q", r.stdout, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "new.json")); err == nil {
		t.Error("a record was written although nobody was drawn")
	}
}

// What is wrong is said in words, with the exit code of its sort.
func TestExplainAndReplaceErrors(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV, "no.json": "{}"})
	selectedInto(t, dir, "run.json")
	r := recordIn(t, dir, "run.json")
	outcome := r.Outcome
	early := matcher.NewRecord(&outcome, r.InputDigest, r.Engine)
	if err := os.WriteFile(filepath.Join(dir, "early.json"), early.AppendJSON(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	in := r.Cohort
	var out string
	for _, id := range []string{"ada", "ben", "cam", "dee", "eli", "fay"} {
		if !slices.Contains(in, id) {
			out = id
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"explain", "run.json"}, 2, "name the record and the id"},
		{[]string{"explain", "run.json", "adda"}, 3, `"adda" is not in the pool; did you mean "ada"?`},
		{[]string{"explain", "gone.json", "ada"}, 3, "gone.json: cannot be opened"},
		{[]string{"explain", "no.json", "ada"}, 3, "no.json is no record"},
		{[]string{"explain", "early.json", "ada"}, 3, "does not hold what it was made from: it was made by an early version"},
		{[]string{"explain", "run.json", "ada", "--exclude", "ada"}, 2, "keep one of the two"},
		{[]string{"explain", "run.json", "--swap", "ada"}, 2, `--swap "ada": write OUT=IN`},
		{[]string{"explain", "run.json", "--swap", "="}, 2, `--swap "=": write OUT=IN`},
		{[]string{"explain", "run.json", "--swap", "adda=" + out}, 3, `--swap adda=` + out + `: "adda" is not in the pool; did you mean "ada"?`},
		{[]string{"explain", "run.json", "--swap", out + "="}, 3, `"` + out + `" is not in the cohort`},
		{[]string{"explain", "run.json", "--include", "nobody"}, 3, `--include: "nobody" is not in the pool`},
		{[]string{"explain", "run.json", "--rule", "1.mx=2"}, 2, `--rule "1.mx=2": write the number of the rule`},
		{[]string{"explain", "run.json", "--rule", "1.off=2"}, 2, `--rule "1.off=2": write the number of the rule`},
		{[]string{"explain", "run.json", "--rule", "1.max=2,1.max=3"}, 2, "--rule names 1.max twice"},
		{[]string{"explain", "run.json", "--rule", "9.max=2"}, 3, "--rule 9: there is no rule 9"},
		{[]string{"explain", "run.json", "--rule", "2.max=1,1.min=9"}, 3, "--rule 2.max: is 1, less than min 2"},
		{[]string{"compare", "run.json"}, 2, "name two records or more"},
		{[]string{"compare", "run.json", "run.json", "--alternatives", "2"}, 2, "name one"},
		{[]string{"compare", "run.json", "--alternatives", "21"}, 2, "--alternatives 21: it must be from 1 to 20"},
		{[]string{"compare", "-", "-"}, 2, "only one record can come from stdin"},
		{[]string{"replace", "run.json"}, 2, "say with --declined who declined"},
		{[]string{"replace", "--declined", "ada"}, 2, "name one record"},
		{[]string{"replace", "run.json", "--declined", out}, 3, `--declined: "` + out + `" is not in the cohort`},
		{[]string{"replace", "run.json", "--declined", "nobody"}, 3, `--declined: "nobody" is not in the pool`},
		{[]string{"replace", "run.json", "--declined", in[0], "--confirmed", in[0]}, 3, "declined too: keep one of the two"},
		{[]string{"replace", "run.json", "--declined", ","}, 2, "an id is empty"},
		{[]string{"replace", "run.json", "--declined", in[0], "--force"}, 2, "--force means the file of --out"},
		{[]string{"replace", "run.json", "--declined", in[0], "--out", "run.json", "--force"}, 2, "would overwrite a file that is read"},
	} {
		got := run(t.Context(), dir, "", c.args...)
		if got.code != c.code || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
			t.Errorf("%v: exit %d %q %q, want %d and %q", c.args, got.code, got.stdout, got.stderr, c.code, c.says)
		}
	}
}

// A trial leaves the record as it is, says what a script needs to know, and ends
// with the exit code of what it found.
func TestExplainWhatIf(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	selectedInto(t, dir, "run.json")
	record := recordIn(t, dir, "run.json")
	in, out := record.Cohort, ""
	for _, id := range []string{"ada", "ben", "cam", "dee", "eli", "fay"} {
		if !slices.Contains(in, id) {
			out = id
		}
	}
	type trial struct {
		Status               string
		Cohort, Joined, Left []string
		Breach, Present      struct{ Reason string }
		Rules                []struct {
			Before, After *struct{ Row, Max, Count int }
		}
		Conflict []matcher.Condition
	}
	try := func(code int, args ...string) (x trial) {
		t.Helper()
		r := run(t.Context(), dir, "", append([]string{"explain", "run.json", "--json"}, args...)...)
		if err := json.Unmarshal([]byte(r.stdout), &x); err != nil || r.code != code {
			t.Fatalf("%v: exit %d, want %d: %s%s", args, r.code, code, r.stdout, r.stderr)
		}
		return x
	}
	x := try(0, "--include", out)
	if x.Status != "OPTIMAL" || !slices.Contains(x.Cohort, out) || !slices.Contains(x.Joined, out) || x.Present.Reason != "conditions" || x.Breach.Reason != "" {
		t.Errorf("included: %+v", x)
	}
	// A seat left empty breaks the size, which is never relaxed.
	if x = try(0, "--swap", in[0]+"="); x.Breach.Reason != "conditions" || len(x.Cohort) != 2 || len(x.Joined) != 0 || !slices.Equal(x.Left, in[:1]) {
		t.Errorf("left: %+v", x)
	}
	// The same swap in one step and in two.
	once, twice := try(0, "--swap", in[0]+"="+out), try(0, "--swap", in[0]+"=,="+out)
	if diff := cmp.Diff(once, twice); diff != "" || !slices.Equal(once.Joined, []string{out}) {
		t.Errorf("%+v: %s", once, diff)
	}
	if x = try(0, "--rule", "2.off"); x.Rules[1].Before == nil || x.Rules[1].After != nil {
		t.Errorf("without rule 2: %+v", x.Rules)
	}
	if x = try(4, "--exclude", "ada,ben,cam,dee"); x.Status != "INFEASIBLE" {
		t.Errorf("impossible: %+v", x)
	}
	if text := run(t.Context(), dir, "", "explain", "run.json", "--exclude", "ada,ben,cam,dee"); text.code != 4 || !strings.Contains(text.stdout, "IMPOSSIBLE") {
		t.Errorf("exit %d: %s", text.code, text.stdout)
	}
	if diff := cmp.Diff(record, recordIn(t, dir, "run.json")); diff != "" {
		t.Errorf("the record changed: %s", diff)
	}
}

// Alternatives stand beside the record, as good as it.
func TestCompareAlternatives(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	selectedInto(t, dir, "run.json")
	var c struct {
		Columns []struct {
			File      string
			Cohort    []string
			Deviation []struct{ Value int }
			Mean      *string
		}
		Alternatives *struct{ All, Proved bool }
	}
	r := run(t.Context(), dir, "", "compare", "run.json", "--alternatives", "20", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &c); err != nil || r.code != 0 || len(c.Columns) < 2 || c.Alternatives == nil || !c.Alternatives.All || !c.Alternatives.Proved {
		t.Fatalf("exit %d %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	seen := map[string]bool{}
	for i, col := range c.Columns {
		key := strings.Join(col.Cohort, " ")
		if seen[key] || len(col.Cohort) != 3 || cmp.Diff(col.Deviation, c.Columns[0].Deviation) != "" || i > 0 && col.Mean != nil {
			t.Errorf("column %d: %+v", i, col)
		}
		seen[key] = true
	}
	r = run(t.Context(), dir, "", "compare", "run.json", "--alternatives", "20", "--work", "1")
	if r.code != 5 || !strings.Contains(r.stdout, "was cut off: the work given ran out") {
		t.Errorf("exit %d: %s", r.code, r.stdout)
	}
}
