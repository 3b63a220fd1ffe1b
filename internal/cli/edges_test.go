package cli_test

import (
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
