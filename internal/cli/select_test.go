package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/cli"
	"github.com/openfairlead/fairlead/internal/selecttest"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
)

const (
	peopleCSV = `id,county,role,organization
ada,Skagit;Island,director,North Clinic
ben,Skagit,manager,North Clinic
cam,Island,manager,Harbor House
dee,Whatcom,director,Harbor House
eli,prefer_not_to_say,manager,Food Bank
fay,Whatcom,lead,Food Bank
`
	rulesCSV = `feature,value,min,max,kind,priority
county,Island,1,2,,
role,*,2,,spread,1
organization,*,,1,cap,2
`
)

// folder is a temporary folder with files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// result is what a run of the program came to. The folder's path is taken out
// of what it said.
type result struct {
	code           int
	stdout, stderr string
}

func run(ctx context.Context, dir, stdin string, args ...string) result {
	for i, a := range args {
		if strings.HasSuffix(a, ".csv") || strings.HasSuffix(a, ".json") || strings.HasSuffix(a, ".yaml") {
			args[i] = filepath.Join(dir, a)
		}
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), strings.ReplaceAll(stderr.String(), dir+string(filepath.Separator), "")}
}

// makeUp is what both tables of TestSelectTable say of the rules.
const makeUp = `
PRIORITY  RULE             RANGE            POOL  IN COHORT  STATUS
must      county: Island   1 to 2              2          1  met
1         role: *          2+ different        3          2  met
2         organization: *  up to 1 of each     2          2  1 over

size 3 of 3 wanted (proved best)
priority 1: deviation 0 (proved best)
priority 2: deviation 1 (the best is 0, and 1 above it is allowed)

`

func TestSelectTable(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	args := []string{"select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s", "--include", "ben", "--allow", "2=1"}
	got := run(t.Context(), dir, "", slices.Clone(args)...)
	want := `OPTIMAL  3 people, drawn by lot. Every rule that must hold is kept, and no cohort is better by more than is allowed.

Lottery (leximin) before the draw
  lines in the ticket book                 4  all as good as each other; 1,000,000 tickets in all
  smallest chance                   0.333333  of the 6 people who can be in; no lottery can raise it (proved)
  largest chance                    1.000000
  certain                                  1  in, whatever the ticket: ben
  impossible                               0
  tickets off the exact chances  0.000000667  at most; tickets are whole
  ticket book sha256:…
` + makeUp + `Cohort (3), and the chance that each had
   1  ben  included
   2  cam  0.500000
   3  dee  0.333333

seed s   lottery leximin   ticket 678199   record sha256:…`
	if got.code != 0 || !strings.HasPrefix(anyDigest.ReplaceAllString(got.stdout, "sha256:…"), want) || got.stderr != "" {
		t.Errorf("exit %d\n%s\n%s\n%s", got.code, got.stdout, cmp.Diff(want, got.stdout), got.stderr)
	}
	got = run(t.Context(), dir, "", append(slices.Clone(args), "--lottery", "none")...)
	want = "OPTIMAL  3 people, every rule that must hold is kept, and no cohort is better by more than is allowed.\n" + makeUp + "Cohort (3)\n"
	if got.code != 0 || !strings.HasPrefix(got.stdout, want) || !strings.Contains(got.stdout, "  ben  included\n") || !strings.Contains(got.stdout, "seed s   lottery none   record sha256:") {
		t.Errorf("exit %d\n%s\n%s", got.code, got.stdout, cmp.Diff(want, got.stdout))
	}
	if diff := cmp.Diff("fairlead: no lottery (none): the seed decides among equally good cohorts\n", got.stderr); diff != "" {
		t.Error(diff)
	}
}

// What the record of a lottery holds by itself, and what it does not depend on.
func TestSelectLotteryRecord(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	record := func(more ...string) *matcher.Record {
		t.Helper()
		r := run(t.Context(), dir, "", append([]string{"select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--json"}, more...)...)
		record, err := matcher.ParseRecord([]byte(r.stdout))
		if err != nil || r.code != 0 {
			t.Fatalf("exit %d, %v: %s", r.code, err, r.stderr)
		}
		return record
	}
	first := record("--seed", "one", "--include", "ben", "--allow", "2=1")
	second := record("--seed", "two", "--include", "ben", "--allow", "2=1")
	if first.InputDigest != second.InputDigest || first.Lottery.BookDigest() != second.Lottery.BookDigest() {
		t.Error("the lottery depends on the seed")
	}
	for _, r := range []*matcher.Record{first, second} {
		d := r.Certificate.Draw
		if d == nil || d.Root != r.InputDigest || d.Value != r.Seed || d.Selection != "" || d.Attempt != 1 || r.Certificate.Input.Digest() != r.InputDigest {
			t.Errorf("the draw is from %+v", d)
		}
		if again, err := ballot.Draw(r, *d); err != nil || again.Digest != r.Digest {
			t.Errorf("drawing again from the record gives another one: %v", err)
		}
	}
	sealed := record("--no-draw", "--include", "ben", "--allow", "2=1")
	if !sealed.Undrawn() || sealed.Lottery.BookDigest() != first.Lottery.BookDigest() || len(sealed.Cohort) > 0 || sealed.Certificate.Input.Digest() != first.InputDigest {
		t.Error("what is sealed is not what is drawn from")
	}
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--no-draw"); r.code != 0 || r.stderr != "" ||
		!strings.Contains(r.stdout, "Nobody is drawn yet.\n\nLottery (leximin) before the draw\n") || !strings.Contains(r.stdout, "  ticket book "+sealed.Lottery.BookDigest()[:7]) {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	seen := map[string]bool{}
	for seed := range 40 {
		seen[strings.Join(record("--seed", fmt.Sprint(seed), "--include", "ben", "--allow", "2=1").Cohort, " ")] = true
	}
	if len(seen) < 4 {
		t.Errorf("40 seeds draw %d of the cohorts", len(seen))
	}
	if r := record("--seed", "s", "--max-chance", "500"); r.Lottery.Largest != matcher.Billion/2 || r.Certificate.Input.MaxChance != 500 {
		t.Errorf("largest chance %d", r.Lottery.Largest)
	}
	if r := record("--seed", "s", "--lottery", "Maximin"); r.Lottery.Method != matcher.LotteryMaximin || !r.Lottery.Drawable() {
		t.Errorf("maximin: %+v", r.Lottery)
	}
	if r := record("--seed", "s", "--lottery", "none"); r.Lottery.Method != matcher.LotteryNone || r.Lottery.Drawable() || r.Certificate.Input.Seed != "s" || r.Certificate.Draw != nil {
		t.Errorf("none: %+v", r.Lottery)
	}
}

// A rule shuts two people out; the table says which and how many they are.
func TestSelectSaysWhoIsImpossible(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": peopleCSV,
		"r.csv": "feature,value,min,max,priority\nrole,manager,2,2,\ncounty,*,2,,1\nrole,lead,0,0,1\n",
	})
	r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--seed", "s")
	for _, want := range []string{
		"  impossible                            4  in none of these cohorts: ada, dee, eli, fay\n",
		"  certain                               2  in, whatever the ticket: ben, cam\n",
		"    3 people: with one of them rules that must hold cannot all be kept: role: manager (1 short)\n",
		"    1 person: with them the deviation of priority 1 is 1 or more, and 0 is the most there may be: county: * (1 short)\n",
	} {
		if r.code != 0 || !strings.Contains(r.stdout, want) {
			t.Errorf("exit %d, without %q:\n%s%s", r.code, want, r.stdout, r.stderr)
		}
	}
}

func TestSelectForms(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	base := []string{"select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s"}
	asJSON := run(t.Context(), dir, "", append(slices.Clone(base), "--json", "--out", "run.json")...)
	record, err := matcher.ParseRecord([]byte(asJSON.stdout))
	if err != nil || asJSON.code != 0 {
		t.Fatalf("exit %d, %v", asJSON.code, err)
	}
	if record.Lottery.Method != matcher.LotteryLeximin || record.Undrawn() || record.Status != matcher.Optimal || record.Seed != "s" || len(record.Cohort) != 3 {
		t.Errorf("%+v", record)
	}
	file, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(asJSON.stdout, string(file)); diff != "" {
		t.Errorf("--out differs from --json: %s", diff)
	}
	if !strings.Contains(asJSON.stderr, "run.json holds personal data") || !strings.Contains(asJSON.stderr, "this record holds personal data") {
		t.Errorf("stderr does not say that this is personal data:\n%s", asJSON.stderr)
	}
	info, err := os.Stat(filepath.Join(dir, "run.json"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	asCSV := run(t.Context(), dir, "", append(slices.Clone(base), "--csv", "--quiet")...)
	if diff := cmp.Diff("id\n"+strings.Join(record.Cohort, "\n")+"\n", asCSV.stdout); diff != "" || asCSV.code != 0 || asCSV.stderr != "" {
		t.Errorf("exit %d, stderr %q, %s", asCSV.code, asCSV.stderr, diff)
	}

	again := run(t.Context(), dir, "", append(slices.Clone(base), "--out", "run.json")...)
	if again.code != 2 || !strings.Contains(again.stderr, "run.json exists; choose another name, or overwrite it with --force") {
		t.Errorf("exit %d: %s", again.code, again.stderr)
	}
	forced := run(t.Context(), dir, "", append(slices.Clone(base), "--out", "run.json", "--force", "--include", "fay")...)
	changed, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if forced.code != 0 || err != nil || bytes.Equal(changed, file) {
		t.Errorf("exit %d, %v: --force did not overwrite", forced.code, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".fairlead*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSelectDrawsAndPrintsASeed(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	first := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--json")
	record, err := matcher.ParseRecord([]byte(first.stdout))
	if err != nil {
		t.Fatal(err)
	}
	if len(record.Seed) < 20 || !strings.Contains(first.stderr, "seed "+record.Seed+", drawn by the system") {
		t.Errorf("seed %q, stderr %s", record.Seed, first.stderr)
	}
	second := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--json", "--seed", record.Seed)
	if diff := cmp.Diff(first.stdout, second.stdout); diff != "" {
		t.Error(diff)
	}
}

// The files of another tool as they are: every rule met, the same bytes on one
// and two processors, the same cohort with the rows of the pool shuffled.
func TestSelectOpenDLP(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for name, size := range map[string]string{"opendlp_monitoring_30": "30", "opendlp_sample_10": "10"} {
		data := filepath.Join("..", "poolfile", "testdata", name)
		read := func(file string) string {
			b, err := os.ReadFile(filepath.Join(data, file))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		pool := read("respondents.csv")
		lines := strings.Split(strings.TrimSpace(pool), "\n")
		slices.Reverse(lines[1:])
		dir := folder(t, map[string]string{"p.csv": pool, "shuffled.csv": strings.Join(lines, "\n"), "r.csv": read("categories.csv")})
		sel := func(processors int, pool, rules string) []byte {
			runtime.GOMAXPROCS(processors)
			r := run(t.Context(), dir, "", "select", "--pool", pool, rules, "r.csv", "--size", size, "--seed", "x", "--json")
			if r.code != 0 {
				t.Fatalf("%s: exit %d: %s", name, r.code, r.stderr)
			}
			return []byte(r.stdout)
		}
		one, two := sel(1, "p.csv", "--rules"), sel(2, "p.csv", "--quotas")
		if !bytes.Equal(one, two) {
			t.Errorf("%s: the bytes depend on the number of processors", name)
		}
		if other := sel(2, "shuffled.csv", "--rules"); !bytes.Equal(one, other) {
			t.Errorf("%s: the result depends on the order of the rows", name)
		}
		record, err := matcher.ParseRecord(one)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(len(record.Cohort)) != size || record.Status != matcher.Optimal {
			t.Errorf("%s: %s with %d people", name, record.Status, len(record.Cohort))
		}
		for _, r := range record.Rules {
			if r.Short+r.Over > 0 || r.Count < r.Min || r.Count > r.Max {
				t.Errorf("%s: rule %d is not met: %+v", name, r.Row, r)
			}
		}
	}
}

func TestSelectFromStdin(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	want := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s", "--json")
	pool := run(t.Context(), dir, peopleCSV, "select", "--pool", "-", "--rules", "r.csv", "--size", "3", "--seed", "s", "--json")
	rules := run(t.Context(), dir, rulesCSV, "select", "--pool", "p.csv", "--rules", "-", "--size", "3", "--seed", "s", "--json")
	if want.code != 0 || pool.stdout != want.stdout || rules.stdout != want.stdout {
		t.Errorf("exit %d, %d, %d: stdin gives another result", want.code, pool.code, rules.code)
	}
	bad := run(t.Context(), dir, "id,a\nx,1\nx,2\n", "check", "--pool", "-", "--rules", "r.csv", "--size", "1")
	if bad.code != 3 || !strings.Contains(bad.stderr, `stdin:3: column "id": the id "x" is on line 2 already`) {
		t.Errorf("exit %d: %s", bad.code, bad.stderr)
	}
}

func TestSelectCriteriaFile(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": peopleCSV, "r.csv": rulesCSV,
		"c.json": `{"size": 3, "rules": [
			{"attribute": "county", "values": ["Island"], "min": 1, "max": 2},
			{"kind": "SPREAD", "attribute": "role", "min": 2, "priority": 1},
			{"kind": "CAP", "attribute": "organization", "max": 1, "priority": 2}]}`,
		"lottery.json": `{"size": 3, "lottery": "MAXIMIN", "maxChance": 700}`,
		"none.json":    `{"size": 3, "lottery": "NONE"}`,
		"range.json":   `{"size": 3, "minSize": 4}`,
	})
	want := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s", "--csv")
	got := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--criteria", "c.json", "--seed", "s", "--csv")
	if got.code != 0 || got.stdout != want.stdout {
		t.Errorf("exit %d, %s, %s", got.code, got.stderr, cmp.Diff(want.stdout, got.stdout))
	}
	for _, c := range []struct{ file, want, more string }{
		{"lottery.json", `"method":"MAXIMIN"`, `,"maxChance":700}`},
		{"none.json", `"method":"NONE"`, ""},
		{"c.json", `"method":"LEXIMIN"`, ""},
	} {
		r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--criteria", c.file, "--seed", "s", "--json")
		if r.code != 0 || !strings.Contains(r.stdout, c.want) || !strings.Contains(r.stdout, c.more) {
			t.Errorf("%s: exit %d: %s", c.file, r.code, r.stderr)
		}
	}
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--criteria", "none.json", "--max-chance", "500"); r.code != 2 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--criteria", "range.json", "--seed", "s"); r.code != 3 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestSelectLists(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": peopleCSV, "r.csv": "feature,value,min,max\nrole,*,0,4\n",
		"apart.csv": "ada,fay\n", "together.csv": "ada,ben\n", "scores.csv": "id,score\nada,5\nfay,9\nben,1\n",
	})
	// ada and ben come together and score 6; fay alone scores 9.
	r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--min-size", "1", "--seed", "s",
		"--apart", "apart.csv", "--together", "together.csv", "--scores", "scores.csv", "--exclude", "cam,dee", "--exclude", "eli", "--json")
	record, err := matcher.ParseRecord([]byte(r.stdout))
	if err != nil {
		t.Fatalf("exit %d, %s, %v", r.code, r.stderr, err)
	}
	// Two people are nearer to the size than fay alone.
	if diff := cmp.Diff([]string{"ada", "ben"}, record.Cohort); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(matcher.Bound{Value: 6, Bound: 6}, record.Score); diff != "" {
		t.Error(diff)
	}
	cap := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "4", "--seed", "s", "--max-per", "Organization=1")
	if cap.code != 4 || !strings.Contains(cap.stdout, "these cannot hold together:\n  at most 1 per organization\n  size at least 4\n") {
		t.Errorf("exit %d: %s", cap.code, cap.stdout)
	}
}

func TestImpossible(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": "feature,value,min,max\ncounty,Ilsand,1,2\nrole,director,2,2\n"})
	want := `IMPOSSIBLE  No cohort keeps the rules that must hold. The closest one misses them by 1 in total (proved least).

This one cannot hold by itself:
  county: Ilsand at least 1  0 in the pool

Ways out, the smallest first; each one is enough:
  county: Ilsand at least 0 instead of 1

PRIORITY  RULE            RANGE   POOL  IN COHORT  STATUS
must      county: Ilsand  1 to 2     0          0  1 short
must      role: director  2          2          2  met

Closest cohort (2)
   1  ada
   2  dee
`
	warning := `fairlead: warning: r.csv, rule 1: nobody in the pool has county "ilsand"; did you mean "island"?` + "\n"
	for _, command := range []string{"select", "check"} {
		args := []string{command, "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--quiet"}
		r := run(t.Context(), dir, "", args...)
		if r.code != 4 {
			t.Errorf("%s: exit %d", command, r.code)
		}
		if diff := cmp.Diff(want, r.stdout); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
		if diff := cmp.Diff(warning, r.stderr); diff != "" {
			t.Errorf("%s: %s", command, diff)
		}
	}
	asJSON := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--seed", "s", "--json")
	record, err := matcher.ParseRecord([]byte(asJSON.stdout))
	if err != nil || asJSON.code != 4 || *record.Infeasibility.LeastTotalDeviation != 1 || len(record.Cohort) != 0 {
		t.Errorf("exit %d, %v: %s", asJSON.code, err, asJSON.stdout)
	}
	// With a priority the same rule is a warning, and what is missing counts.
	soft := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": "feature,value,min,max,priority\ncounty,Ilsand,1,2,1\n"})
	r := run(t.Context(), soft, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--seed", "s")
	if r.code != 0 || !strings.Contains(r.stdout, "priority 1: deviation 1 (proved best)") || !strings.HasPrefix(r.stderr, warning) {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

func TestCheck(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": peopleCSV, "r.csv": rulesCSV})
	r := run(t.Context(), dir, "", "check", "--pool", "p.csv", "--rules", "r.csv", "--size", "3")
	want := `POSSIBLE  A cohort of 3 people keeps every rule that must hold.

PRIORITY  RULE             RANGE            POOL  COHORTS HAVE  NOTE
must      county: Island   1 to 2              2        1 to 2
1         role: *          2+ different        3        1 to 3
2         organization: *  up to 1 of each     2        1 to 2  tight: never below its max

Who declined to answer, and can be chosen all the same:
  county: 1 of 1
`
	if diff := cmp.Diff(result{0, want, ""}, r, cmp.AllowUnexported(result{})); diff != "" {
		t.Error(diff)
	}
	r = run(t.Context(), dir, "", "check", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--json", "--quiet")
	var verdict struct {
		Status  string
		Witness []string
		Rules   []struct{ Row, Count, Short int }
	}
	if err := json.Unmarshal([]byte(r.stdout), &verdict); err != nil || verdict.Status != "FEASIBLE" || len(verdict.Witness) != 3 || len(verdict.Rules) != 3 {
		t.Errorf("%v: %s", err, r.stdout)
	}
}

// hard is a pool with many equally good cohorts, which takes some work.
func hard() (people, rules string) {
	var p, r strings.Builder
	p.WriteString("id,a,b,c\n")
	for i := range 200 {
		fmt.Fprintf(&p, "x%03d,v%d;v%d,w%d,u%d\n", i, i%7, i*i%11, i%13*i%5, i*i*i%9)
	}
	r.WriteString("feature,value,min,max,kind,priority\n")
	for v := range 11 {
		fmt.Fprintf(&r, "a,v%d,2,3,,1\n", v)
	}
	for v := range 5 {
		fmt.Fprintf(&r, "b,w%d,3,4,,2\n", v)
	}
	r.WriteString("c,*,3,,company,3\n")
	return p.String(), r.String()
}

func TestLimits(t *testing.T) {
	people, rules := hard()
	dir := folder(t, map[string]string{"p.csv": people, "r.csv": rules})
	base := []string{"select", "--pool", "p.csv", "--rules", "r.csv", "--size", "20", "--seed", "s", "--json"}
	codes, unproved := map[int]int{}, 0
	for work := 1; work <= 1<<14; work *= 2 {
		args := append(slices.Clone(base), "--work", fmt.Sprint(work))
		r := run(t.Context(), dir, "", args...)
		record, err := matcher.ParseRecord([]byte(r.stdout))
		if err != nil {
			t.Fatal(err)
		}
		codes[r.code]++
		want := map[matcher.Status]int{matcher.Optimal: 0, matcher.Feasible: 5, matcher.Undecided: 5}
		code, ok := want[record.Status]
		if record.Lottery.Gap > 100 { // a lottery, but not proved the fairest
			code = 5
			unproved++
		}
		if !ok || code != r.code || !record.Complete {
			t.Errorf("work %d: exit %d, %s, complete %v", work, r.code, record.Status, record.Complete)
		}
		if again := run(t.Context(), dir, "", append(slices.Clone(base), "--work", fmt.Sprint(work))...); again.stdout != r.stdout {
			t.Errorf("work %d: two runs differ", work)
		}
	}
	if codes[0] == 0 || codes[5] == 0 || unproved == 0 {
		t.Errorf("exit codes %v, %d lotteries not proved: want some of 0, of 5 and of those", codes, unproved)
	}
	r := run(t.Context(), dir, "", append(slices.Clone(base), "--timeout", "1ns")...)
	record, err := matcher.ParseRecord([]byte(r.stdout))
	if err != nil || r.code != 5 || record.Complete {
		t.Errorf("exit %d, %v: %s", r.code, err, r.stdout)
	}
}

func TestInterrupted(t *testing.T) {
	people, rules := hard()
	dir := folder(t, map[string]string{"p.csv": people, "r.csv": rules})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := run(ctx, dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "20", "--seed", "s")
	if r.code != 130 || !strings.HasPrefix(r.stdout, "UNDECIDED") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	// Soon there is a cohort, and its proof is far away.
	people, rules = selecttest.Endless()
	dir = folder(t, map[string]string{"p.csv": people, "r.csv": rules})
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		r := run(ctx, dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "15", "--seed", "s", "--out", "run.json", "--force")
		cancel()
		if r.code == 130 && strings.HasPrefix(r.stdout, "UNDECIDED") && wait < time.Minute {
			continue
		}
		if r.code != 130 || !strings.HasPrefix(r.stdout, "FEASIBLE  15 people, every rule that must hold is kept, but not proved best: it was stopped first.") || !strings.Contains(r.stdout, "Cohort (15)") {
			t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
		}
		break
	}
	file, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if record, err := matcher.ParseRecord(file); err != nil || record.Status != matcher.Feasible || record.Complete {
		t.Errorf("%v, %+v", err, record)
	}
}

func TestVersionAndCompletion(t *testing.T) {
	if r := run(t.Context(), "", "", "version"); r.code != 0 || !strings.HasPrefix(r.stdout, "fairlead ") || r.stderr != "" {
		t.Errorf("%+v", r)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := run(t.Context(), "", "", "completion", shell); r.code != 0 || !strings.Contains(r.stdout, "fairlead") {
			t.Errorf("%s: exit %d, %s", shell, r.code, r.stderr)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"name one shell: bash, zsh, fish, powershell", []string{"completion"}},
		{`"fis" is no shell this knows; did you mean "fish"?`, []string{"completion", "fis"}},
		{`unknown command "selct"`, []string{"selct"}},
		{`unknown flag --poool; did you mean "--pool"?`, []string{"select", "--poool", "x"}},
	} {
		if r := run(t.Context(), "", "", c.args...); r.code != 2 || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, r.code, r.stderr)
		}
	}
}

// Every class of bad input has its exit code and says what is wrong and where.
// Nothing comes out on stdout.
func TestBadInput(t *testing.T) {
	files := map[string]string{
		"p.csv": peopleCSV, "r.csv": rulesCSV, "empty.csv": "", "nobody.csv": "id,county\n",
		"bom.csv":     "\ufeff" + strings.ReplaceAll(peopleCSV, "\n", "\r\n"),
		"dup.csv":     peopleCSV + "ada,Skagit,lead,Farm\n",
		"noid.csv":    peopleCSV + ",Skagit,lead,Farm\n",
		"ragged.csv":  peopleCSV + "gus,Skagit\n",
		"unknown.csv": "feature,value,mn,max\nrole,*,1,2\n",
		"minmax.csv":  "feature,value,min,max\nrole,*,3,2\n",
		"neg.csv":     "feature,value,min,max\nrole,*,-1,2\n",
		"float.csv":   "feature,value,min,max\nrole,*,1,1.5\n",
		"column.csv":  "feature,value,min,max\nrole,*,0,2\ncountty,Island,1,2\n",
		"twice.csv":   "feature,value,min,max\nrole,*,1,2\nRole,*,1,2\n",
		"decline.csv": "feature,value,min,max\ncounty,Prefer not to say,0,1\n",
		"pairs.csv":   "ada,gus\n", "scores.csv": "ada,high\n", "ok.csv": "ada,1\n",
		"bad.json": `{"size": 3, "rules": [{"atribute": "role"}]}`, "cut.json": `{"size": 3`, "types.json": `{"size": [3]}`,
	}
	dir := folder(t, files)
	data := []string{"--pool", "p.csv", "--rules", "r.csv", "--size", "3"}
	with := func(more ...string) []string { return append(slices.Clone(data), more...) }
	for _, c := range []struct {
		name string
		code int
		want string
		args []string
	}{
		{"no pool", 2, "name the file of the people with --pool", []string{"--rules", "r.csv", "--size", "3"}},
		{"no rules", 2, "name the file of the rules with --rules (or --criteria)", []string{"--pool", "p.csv", "--size", "3"}},
		{"no size", 2, "say with --size how many people are wanted", []string{"--pool", "p.csv", "--rules", "r.csv"}},
		{"size 0", 2, "--size 0: a cohort needs at least 1 person", []string{"--pool", "p.csv", "--rules", "r.csv", "--size", "0"}},
		{"size word", 2, `--size "three": it must be a whole number`, []string{"--pool", "p.csv", "--rules", "r.csv", "--size", "three"}},
		{"min over size", 2, "--min-size 4 is more than --size 3", with("--min-size", "4")},
		{"rules and criteria", 2, "--rules and --criteria say the same: keep one of them", with("--criteria", "bad.json")},
		{"rules and quotas", 2, "--rules and --quotas say the same: keep one of them", with("--quotas", "r.csv")},
		{"stdin twice", 2, "only one file can come from stdin (-)", []string{"--pool", "-", "--rules", "-", "--size", "3"}},
		{"max-per", 2, `--max-per "organization": write COLUMN=N, such as household=1`, with("--max-per", "organization")},
		{"max-per 0", 2, `--max-per "organization=0": after the = stands a whole number of 1 or more`, with("--max-per", "organization=0")},
		{"max-per twice", 2, `--max-per names "Role" twice`, with("--max-per", "role=1", "--max-per", "Role=2")},
		{"allow", 2, `--allow "10=1": write P=N with a priority from 1 to 9 and a deviation of 0 or more, such as 1=2,3=1`, with("--allow", "1=1,10=1")},
		{"allow twice", 2, "--allow names priority 1 twice", with("--allow", "1=1", "--allow", "1=2")},
		{"empty include", 2, `--include "ada,,ben": an id is empty`, with("--include", "ada,,ben")},
		{"hexadecimal size", 2, `--size "0x5": it must be a whole number`, with("--size", "0x5")},
		{"grouped work", 2, `--work "1_000": it must be a whole number`, with("--work", "1_000")},
		{"work", 2, "--work 0: the limit in pivots must be 1 or more", with("--work", "0")},
		{"timeout", 2, "--timeout -1s: it must be more than 0, such as 30s", with("--timeout", "-1s")},
		{"lottery unknown", 2, `--lottery "lexmin": the lotteries are leximin, maximin and none; did you mean "leximin"?`, with("--lottery", "lexmin")},
		{"max-chance", 2, "--max-chance 1001: it must be from 1 to 1000 thousandths", with("--max-chance", "1001")},
		{"no draw with a seed", 2, "--no-draw draws nobody: leave out --seed, --alternates and --csv", with("--no-draw", "--seed", "x")},
		{"no draw without a lottery", 2, "--no-draw shows a lottery, and with none there is nothing to show", with("--no-draw", "--lottery", "none")},
		{"max-chance word", 2, `--max-chance "half": it must be a whole number of thousandths from 1 to 1000: 700 is 7 in 10`, with("--max-chance", "half")},
		{"max-chance without a lottery", 2, "--max-chance belongs to a lottery, and with none there are no chances", with("--max-chance", "500", "--lottery", "none")},
		{"max-chance too small", 3, "--max-chance 400: no lottery over the cohorts that are equally good keeps every chance within 400 in 1000 and leaves one to everybody who could be in: raise it, or leave it out", with("--max-chance", "400")},
		{"alternates", 2, "--alternates 31: at most 30 can be named", with("--alternates", "31")},
		{"json and csv", 2, "--json and --csv are two forms of the same result: keep one of them", with("--json", "--csv")},
		{"empty seed", 2, "--seed is empty: name a text, or leave --seed out to have one drawn", with("--seed", "")},
		{"force", 2, "--force means the file of --out: name it", with("--force")},
		{"out in no folder", 2, "cannot write to the folder", with("--out", "none/run.json")},
		{"out to stdout", 2, "--out names a file; --json prints the record on stdout", with("--out", "-")},
		{"out to a device", 2, os.DevNull + " is no regular file", with("--out", os.DevNull, "--force")},
		{"out over the pool", 2, "p.csv would overwrite a file that is read: choose another name", with("--out", "p.csv", "--force")},
		{"out over the scores", 2, "ok.csv would overwrite a file that is read: choose another name", with("--scores", "ok.csv", "--out", "ok.csv", "--force")},
		{"timeout without unit", 2, `--timeout "5": it must be a time with its unit, such as 30s or 5m`, with("--timeout", "5")},
		{"unknown flag", 2, `unknown flag --pol; did you mean "--pool"?`, []string{"--pol", "p.csv"}},
		{"argument", 2, `unknown command "p.csv"`, with("p.csv")},

		{"missing file", 3, "none.csv: cannot be opened: no such file or directory", []string{"--pool", "none.csv", "--rules", "r.csv", "--size", "3"}},
		{"empty file", 3, "empty.csv: the file is empty", []string{"--pool", "empty.csv", "--rules", "r.csv", "--size", "3"}},
		{"nobody", 3, "nobody.csv: holds a header and nobody below it", []string{"--pool", "nobody.csv", "--rules", "r.csv", "--size", "3"}},
		{"duplicate id", 3, `dup.csv:8: column "id": the id "ada" is on line 2 already: ids must be unique`, []string{"--pool", "dup.csv", "--rules", "r.csv", "--size", "3"}},
		{"missing id", 3, `noid.csv:8: column "id": the id is empty: every person needs one`, []string{"--pool", "noid.csv", "--rules", "r.csv", "--size", "3"}},
		{"ragged", 3, "ragged.csv:8: this line has 2 cells, the header has 4", []string{"--pool", "ragged.csv", "--rules", "r.csv", "--size", "3"}},
		{"unknown column", 3, `unknown.csv:1: column "mn": is no column of a rules file; did you mean "min"?`, []string{"--pool", "p.csv", "--rules", "unknown.csv", "--size", "3"}},
		{"min over max", 3, `minmax.csv:2: column "min": min 3 is more than max 2`, []string{"--pool", "p.csv", "--rules", "minmax.csv", "--size", "3"}},
		{"negative bound", 3, `neg.csv:2: column "min": "-1" is no whole number of 0 or more`, []string{"--pool", "p.csv", "--rules", "neg.csv", "--size", "3"}},
		{"fraction", 3, `float.csv:2: column "max": "1.5" is no whole number of 0 or more`, []string{"--pool", "p.csv", "--rules", "float.csv", "--size", "3"}},
		{"unknown feature", 3, `column.csv:3: column "feature": "countty" is no column of p.csv; did you mean "county"?`, []string{"--pool", "p.csv", "--rules", "column.csv", "--size", "3"}},
		{"row twice", 3, "twice.csv:3: says the same as line 2: leave one of them out", []string{"--pool", "p.csv", "--rules", "twice.csv", "--size", "3"}},
		{"decline", 3, "use --decline-as-value to count them as a group", []string{"--pool", "p.csv", "--rules", "decline.csv", "--size", "3"}},
		{"size over the pool", 3, "--size 7 is more than the 6 people of the pool p.csv", []string{"--pool", "p.csv", "--rules", "r.csv", "--size", "7"}},
		{"size beyond all limits", 3, "--size 100000 is more than the 6 people of the pool p.csv", []string{"--pool", "p.csv", "--rules", "r.csv", "--size", "100000"}},
		{"include unknown", 3, `--include: "bem" is not in the pool p.csv; did you mean "ben"?`, with("--include", "bem")},
		{"exclude unknown", 3, `--exclude: "zoe" is not in the pool p.csv`, with("--exclude", "zoe")},
		{"include and exclude", 3, `--include: "ada" is named by --exclude too: keep one of the two`, with("--include", "ada", "--exclude", "ada")},
		{"too many included", 3, "--include names 4 people, more than the size 3", with("--include", "ada,ben,cam,dee")},
		{"max-per of no column", 3, `--max-per: "organisation" is no column of p.csv; did you mean "organization"?`, with("--max-per", "organisation=1")},
		{"pairs", 3, `pairs.csv:1: column "id": "gus" is not in the pool p.csv`, with("--apart", "pairs.csv")},
		{"scores", 3, `scores.csv:1: column "score": "high" is no whole number of 0 or more`, with("--scores", "scores.csv")},
		{"unknown field", 3, `bad.json:1: rules[0] has no field "atribute"; did you mean "attribute"?`, []string{"--pool", "p.csv", "--criteria", "bad.json"}},
		{"malformed JSON", 3, "cut.json:1: the JSON ends too early", []string{"--pool", "p.csv", "--criteria", "cut.json"}},
		{"wrong type", 3, "types.json:1: size: must be a number, not a list", []string{"--pool", "p.csv", "--criteria", "types.json"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := run(t.Context(), dir, "", append([]string{"select"}, c.args...)...)
			if r.code != c.code || !strings.Contains(r.stderr, c.want) || r.stdout != "" {
				t.Errorf("exit %d, want %d\nstdout %s\nstderr %s\nwant   %s", r.code, c.code, r.stdout, r.stderr, c.want)
			}
		})
	}
	if r := run(t.Context(), dir, "", "select", "--pool", "bom.csv", "--rules", "r.csv", "--size", "3"); r.code != 0 {
		t.Errorf("a byte order mark and CRLF: exit %d, %s", r.code, r.stderr)
	}
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "decline.csv", "--size", "3", "--decline-as-value"); r.code != 0 {
		t.Errorf("--decline-as-value: exit %d, %s", r.code, r.stderr)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != len(files) {
		t.Errorf("%d files in the folder, want the %d that were there", len(entries), len(files))
	}
}

// A limit that ends between the proof of the best and the lottery says that, and
// does not call a cohort unproved that is.
func TestSelectWithoutLotteryInTime(t *testing.T) {
	dir := folder(t, map[string]string{"people.csv": peopleCSV, "rules.csv": rulesCSV})
	for work := 1; ; work++ {
		r := run(context.Background(), dir, "", "select", "--pool", "people.csv", "--rules", "rules.csv", "--size", "03", "--allow", "2=1", "--max-chance", "900", "--seed", "s", "--work", fmt.Sprint(work))
		switch {
		case r.code != 5:
			t.Fatalf("no limit ends after the proof and before the lottery: %d pivots give %d\n%s%s", work, r.code, r.stdout, r.stderr)
		case !strings.Contains(r.stdout, "no lottery was found over all that are as good"):
			continue
		}
		if !strings.HasPrefix(r.stdout, "FEASIBLE  3 people, every rule that must hold is kept, and no cohort is better by more than is allowed; but") || strings.Contains(r.stdout, "not proved best") {
			t.Error(r.stdout)
		}
		return
	}
}
