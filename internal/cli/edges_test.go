package cli_test

import (
	"strconv"
	"strings"
	"testing"
)

// With nobody left to choose there is a lottery all the same, whatever the
// targets: everybody has the chance 1.
func TestEverybodyIncluded(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": "id,a\na1,\na2,y\n",
		"r.csv": "feature,value,min,max,kind,priority\na,x,1,,spread,1\na,x;z,1,,,2\na,x,0,0,,1\n",
	})
	for _, method := range []string{"leximin", "maximin"} {
		r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--include", "a1,a2", "--seed", "s",
			"--lottery", method, "--out", method+".json")
		if r.code != 0 || !strings.Contains(r.stdout, "priority 1: deviation 1 (proved best)") {
			t.Fatalf("%s: exit %d: %s%s", method, r.code, r.stdout, r.stderr)
		}
		if v := run(t.Context(), dir, "", "verify", method+".json"); v.code != 0 {
			t.Errorf("%s: verify: exit %d: %s%s", method, v.code, v.stdout, v.stderr)
		}
	}
}

// Who comes only together with somebody excluded is of no type, and has the
// chance 0 in a lottery that was drawn.
func TestExplainTiedToExcluded(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": "id,x\na1,y\na2,y\na3,\na4,\n",
		"r.csv": "feature,value,min,max\nx,y,0,1\n",
		"t.csv": "a1,a2\n",
	})
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "1", "--together", "t.csv", "--exclude", "a1", "--seed", "s",
		"--out", "run.json"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	r := run(t.Context(), dir, "", "explain", "run.json", "a2")
	if r.code != 0 || !strings.Contains(r.stdout, "chance before the draw 0.000000") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// A cut-off lottery that breaks the largest chance is not drawn: --work, at any
// limit, ends in a record that stands up to its checks.
func TestCutOffWithMaxChance(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": "id,a\na1,x\na2,x\na3,y\na4,y\na5,z\na6,\n",
		"r.csv": "feature,value,min,max,priority\na,x,1,1,1\na,y,1,2,2\n",
	})
	for work := 1; work < 200; work += 1 + work/4 {
		r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "3", "--seed", "s",
			"--max-chance", "600", "--work", strconv.Itoa(work), "--out", "run.json", "--force")
		if r.code != 0 && r.code != 5 {
			t.Fatalf("--work %d: exit %d: %s", work, r.code, r.stderr)
		}
		if v := run(t.Context(), dir, "", "verify", "run.json"); v.code != 0 && v.code != 5 {
			t.Errorf("--work %d: verify: exit %d: %s", work, v.code, v.stdout)
		}
	}
}

// Where only one person can fill a seat, no lottery keeps a largest chance. The
// seat is filled all the same, and the table says so.
func TestReplaceBeyondMaxChance(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv": "id,a\na1,x\na2,x\na3,y\na4,y\n",
		"r.csv": "feature,value,min,max\na,x,1,1\n",
	})
	r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--seed", "s", "--max-chance", "600", "--out", "run.json")
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	gone := recordIn(t, dir, "run.json").Cohort[0] // a1 or a2
	r = run(t.Context(), dir, "", "replace", "run.json", "--declined", gone, "--out", "after.json")
	if r.code != 0 || !strings.Contains(r.stdout, "it was drawn without that limit") {
		t.Fatalf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if v := run(t.Context(), dir, "", "verify", "after.json"); v.code != 0 {
		t.Errorf("verify: exit %d: %s", v.code, v.stdout)
	}
}

// Without a repair there is no record to write, and that is said.
func TestReplaceImpossibleWritesNothing(t *testing.T) {
	dir := folder(t, map[string]string{"p.csv": "id,a\na1,x\na2,\na3,\n", "r.csv": "feature,value,min,max\na,x,1,1\n"})
	if r := run(t.Context(), dir, "", "select", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--seed", "s", "--out", "run.json"); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	r := run(t.Context(), dir, "", "replace", "run.json", "--declined", "a1", "--out", "after.json")
	if r.code != 4 || !strings.Contains(r.stderr, "after.json is not written") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}
