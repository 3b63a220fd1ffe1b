package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
)

const clashingPeople = `id,county,race
a,Skagit,x
b,Skagit,x
c,Island,x
d,Island,
e,Skagit,
f,Skagit,x
`

const clashingRules = `feature,value,min,max,min_flex,max_flex,fixed
race,x,3,,,,
county,Skagit,,2,,,
`

func TestWaysOut(t *testing.T) {
	fixed := strings.Replace(strings.Replace(clashingRules, "3,,,,", "3,,3,,", 1), ",2,,,", ",2,,2,yes", 1)
	dir := folder(t, map[string]string{"p.csv": clashingPeople, "r.csv": clashingRules, "fixed.csv": fixed, "none.csv": "feature,value,min,max,fixed\nrace,x,3,4,\ncounty,Island,2,4,yes\ncounty,Skagit,3,4,yes\n"})
	want := `IMPOSSIBLE  No cohort keeps the rules that must hold. The closest one misses them by 1 in total (proved least).

These 3 cannot hold together; without any one of them the others can:
  e is included            does not count for race: x, counts for county: Skagit
  race: x at least 3       3 in the pool, 1 of them outside county: Skagit
  county: Skagit at most 2  3 in the pool

Ways out, the smallest first; each one is enough:
  race: x at least 2 instead of 3
  county: Skagit at most 3 instead of 2
  e no longer included

PRIORITY  RULE`
	args := func(command, rules string, more ...string) []string {
		return append([]string{command, "--pool", "p.csv", "--rules", rules, "--size", "4", "--include", "e", "--exclude", "f", "--quiet"}, more...)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	for _, command := range []string{"select", "check"} {
		r := run(t.Context(), dir, "", args(command, "r.csv")...)
		if r.code != 4 || !strings.HasPrefix(squeeze(r.stdout), squeeze(want)) {
			t.Errorf("%s: exit %d: %s", command, r.code, cmp.Diff(want, r.stdout))
		}
		r = run(t.Context(), dir, "", args(command, "fixed.csv")...)
		if !strings.Contains(r.stdout, "Ways out, the smallest first; each one is enough:\n  e no longer included\n\n") {
			t.Errorf("%s: limits are not kept: %s", command, r.stdout)
		}
		r = run(t.Context(), dir, "", args(command, "none.csv")...)
		if !strings.Contains(r.stdout, "Ways out: none by changing rules within their limits (min_flex, max_flex, fixed), nor by taking back one lock.\n") {
			t.Errorf("%s: %s", command, r.stdout)
		}
	}
	wantConflict := []matcher.Condition{{Bound: "include e"}, {Row: 1, Bound: "MIN"}, {Row: 2, Bound: "MAX"}}
	r := run(t.Context(), dir, "", args("select", "r.csv", "--json")...)
	record, err := matcher.ParseRecord([]byte(r.stdout))
	if err != nil || cmp.Diff(wantConflict, record.Infeasibility.Conflict) != "" || len(record.Infeasibility.Relaxations) != 3 {
		t.Errorf("%v: %s", err, r.stdout)
	}
	r = run(t.Context(), dir, "", args("check", "r.csv", "--json")...)
	var verdict struct {
		Conflict    []matcher.Condition
		Relaxations []matcher.Relaxation
	}
	if err := json.Unmarshal([]byte(r.stdout), &verdict); err != nil || cmp.Diff(wantConflict, verdict.Conflict)+cmp.Diff(record.Infeasibility.Relaxations, verdict.Relaxations) != "" {
		t.Errorf("%v: %s", err, r.stdout)
	}
}

func TestCheckDetails(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": clashingPeople, "r.csv": "feature,value,min,max,priority\nrace,x,3,,\ncounty,Island,,,1\ncounty,Whidbey,1,,2\n"})
	r := run(t.Context(), dir, "", "check", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--quiet")
	want := `POSSIBLE  A cohort of 3 people keeps every rule that must hold.

PRIORITY  RULE             RANGE   POOL  COHORTS HAVE  NOTE
must      race: x          3          4             3  tight: never above its min
1         county: Island   0 to 3     2        0 to 1  met in any case
2         county: Whidbey  1 to 3     0             0  cannot be met

Who declined to answer, and can be chosen all the same:
  race: 0 of 2; 2 cannot be in any cohort that keeps what must hold
`
	if r.code != 0 || r.stdout != want {
		t.Errorf("exit %d: %s", r.code, cmp.Diff(want, r.stdout))
	}
}

func TestTargets(t *testing.T) {
	dir := folder(t, map[string]string{
		"b.csv":   "feature,value,share\ncounty,\"Skagit, east\",0.2\ncounty,Island;San Juan,12.5%\nrace,x, 100 %\nrace,y,0\n",
		"bad.csv": "feature,value,share\ncounty,Skagit,12.5\ncounty,skagit,\"0,2\"\ncounty,prefer_not_to_say,10%\nrace,*,1e-3\n,x,120%\nrace,,-1\n",
		"col.csv": "feature,value,shares\na,b,1\n",
	})
	r := run(t.Context(), dir, "", "targets", "--benchmark", "b.csv", "--size", "15", "--width", "1", "--priority", "2")
	want := `feature,value,min,max,priority
county,"Skagit, east",2,4,2
county,Island;San Juan,0,3,2
race,x,14,15,2
race,y,0,1,2
`
	if r.code != 0 || r.stdout != want {
		t.Errorf("exit %d, %s: %s", r.code, r.stderr, cmp.Diff(want, r.stdout))
	}
	if r := run(t.Context(), dir, "", "targets", "--benchmark", "b.csv", "--size", "15", "--out", "r.csv"); r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if r := run(t.Context(), dir, "", "targets", "--benchmark", "b.csv", "--size", "15", "--out", "r.csv"); r.code != 2 || !strings.Contains(r.stderr, "exists") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	r = run(t.Context(), dir, "", "targets", "--benchmark", "bad.csv", "--size", "15")
	want = `fairlead: bad.csv:2: column "share": "12.5" is more than 1: if it is meant as percent, write 12.5%
bad.csv:3: is about the same group as line 2: leave one of them out
bad.csv:3: column "share": "0,2" has a comma: write a point, such as 0.2
bad.csv:4: column "value": "prefer_not_to_say" is no group: who declines to answer is counted nowhere; leave the line out
bad.csv:5: column "value": "*" is no group of a population: name a value
bad.csv:5: column "share": "1e-3" is no share: write a decimal from 0 to 1, such as 0.125, or percent, such as 12.5%
bad.csv:6: column "feature": is empty: name a column of the people
bad.csv:6: column "share": "120%" is more than the whole population
bad.csv:7: column "value": is empty: name a value, or several joined by ;
bad.csv:7: column "share": "-1" is no share: write a decimal from 0 to 1, such as 0.125, or percent, such as 12.5%
`
	if r.code != 3 || r.stderr != want {
		t.Errorf("exit %d: %s", r.code, cmp.Diff(want, r.stderr))
	}
	r = run(t.Context(), dir, "", "targets", "--benchmark", "col.csv", "--size", "15")
	if r.code != 3 || !strings.Contains(r.stderr, `col.csv:1: column "shares": is no column of a benchmark; did you mean "share"?`) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	for _, bad := range [][]string{
		{"--size", "15"},
		{"--benchmark", "b.csv"},
		{"--benchmark", "b.csv", "--size", "0"},
		{"--benchmark", "b.csv", "--size", "15", "--width", "-1"},
		{"--benchmark", "b.csv", "--size", "15", "--priority", "10"},
		{"--benchmark", "b.csv", "--size", "15", "--force"},
	} {
		if r := run(t.Context(), dir, "", append([]string{"targets"}, bad...)...); r.code != 2 {
			t.Errorf("%v: exit %d: %s", bad, r.code, r.stderr)
		}
	}
}

// Flex limits that are no whole numbers are told by line and column.
func TestFlexLimits(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": clashingPeople, "r.csv": "feature,value,min,max,min_flex,max_flex,fixed\nrace,x,1,2,0.5,2,\nrace,x,1,3,-1,many,perhaps\n"})
	r := run(t.Context(), dir, "", "check", "--pool", "p.csv", "--rules", "r.csv", "--size", "3")
	for _, want := range []string{
		`r.csv:2: column "min_flex": "0.5" is no whole number of 0 or more`,
		`r.csv:3: column "min_flex": "-1" is no whole number of 0 or more`,
		`r.csv:3: column "max_flex": "many" is no whole number of 0 or more`,
		`r.csv:3: column "fixed": "perhaps" is neither yes nor no`,
	} {
		if r.code != 3 || !strings.Contains(r.stderr, want) {
			t.Errorf("exit %d, want %q: %s", r.code, want, r.stderr)
		}
	}
}

// The examples of docs/selecting.md on targets and on what is impossible give
// what stands there.
func TestTargetsAndImpossibleExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/selecting.md")
	if err != nil {
		t.Fatal(err)
	}
	people, err := os.ReadFile("../../docs/examples/selecting/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	block := func(info string) string {
		_, rest, found := strings.Cut(string(text), "```"+info+"\n")
		body, _, closed := strings.Cut(rest, "```\n")
		if !found || !closed {
			t.Fatalf("docs/selecting.md has no block %q", info)
		}
		return body
	}
	dir := folder(t, map[string]string{"people.csv": string(people), "benchmark.csv": block("csv benchmark.csv"), "strict.csv": block("csv strict.csv")})
	for _, c := range []struct {
		command, output string
		code            int
	}{
		{"sh targets", "csv targets output", 0},
		{"sh impossible", "text impossible output", 4},
		{"sh check", "text check output", 0},
	} {
		args := strings.Fields(strings.TrimPrefix(strings.TrimSpace(block(c.command)), "fairlead "))
		r := run(t.Context(), dir, "", args...)
		if r.code != c.code {
			t.Errorf("%s: exit %d: %s", c.command, r.code, r.stderr)
		}
		if diff := cmp.Diff(block(c.output), r.stdout); diff != "" {
			t.Error(fmt.Sprint(c.command, ": ", diff))
		}
	}
}
