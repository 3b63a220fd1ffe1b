package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Somebody whom rules that ask for company leave no chance does not lose it in
// silence: check tells of them, and select draws only if it is told that this is
// meant.
func TestLoneIsTold(t *testing.T) {
	dir := folder(t, map[string]string{
		"people.csv": "id,county\na1,A\na2,A\nb1,B\nb2,B\nc1,C\n",
		"rules.csv":  "feature,value,min,max,kind\ncounty,*,2,,company\n",
		"lower.csv":  "feature,value,min,max,kind\ncounty,*,1,,company\n",
		"target.csv": "feature,value,min,max,kind,priority\ncounty,*,2,,company,1\n",
	})
	with := func(command string, more ...string) result {
		return run(context.Background(), dir, "", append([]string{command, "--pool", "people.csv", "--size", "4"}, more...)...)
	}
	const told = "the floors of this rule leave no chance to 1 person who has too few others for company; without it they could be chosen: lower its min to 1, or make it a target (priority 1 to 9) and allow that a deviation of 1"

	check := with("check", "--rules", "rules.csv")
	if want := "Shut out by rules that ask for company and must hold:\n  rule 1 (county: *): " + told + "\n    c1\n"; check.code != 0 || !strings.Contains(check.stdout, want) {
		t.Errorf("check ended with %d:\n%s%s", check.code, check.stdout, check.stderr)
	}
	var v struct {
		Lone []struct {
			Rows         []int
			People       []string
			Short, Lower int
		}
	}
	if err := json.Unmarshal([]byte(with("check", "--rules", "rules.csv", "--json").stdout), &v); err != nil || len(v.Lone) != 1 ||
		!slices.Equal(v.Lone[0].Rows, []int{1}) || !slices.Equal(v.Lone[0].People, []string{"c1"}) || v.Lone[0].Short != 1 || v.Lone[0].Lower != 1 {
		t.Errorf("%v: %+v", err, v)
	}

	for _, lottery := range []string{"leximin", "maximin", "none"} {
		refused := with("select", "--rules", "rules.csv", "--seed", "s", "--lottery", lottery, "--out", "run.json")
		if refused.code != 3 || refused.stdout != "" || !strings.Contains(refused.stderr, "rules.csv, rule 1: "+told) || !strings.Contains(refused.stderr, "say --shut-out-lone if this is meant") {
			t.Errorf("%s: ended with %d:\n%s%s", lottery, refused.code, refused.stdout, refused.stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "run.json")); err == nil {
			t.Errorf("%s: refused, and written all the same", lottery)
		}
		meant := with("select", "--rules", "rules.csv", "--seed", "s", "--lottery", lottery, "--shut-out-lone")
		if meant.code != 0 || !strings.Contains(meant.stderr, "fairlead: warning: rules.csv, rule 1: "+told) || !strings.Contains(meant.stdout, "OPTIMAL") {
			t.Errorf("%s: ended with %d:\n%s%s", lottery, meant.code, meant.stdout, meant.stderr)
		}
	}
	if shown := with("select", "--rules", "rules.csv", "--no-draw"); shown.code != 0 || !strings.Contains(shown.stderr, "warning: rules.csv, rule 1: "+told) {
		t.Errorf("a preview ended with %d:\n%s%s", shown.code, shown.stdout, shown.stderr)
	}
	for _, helped := range [][]string{{"--rules", "lower.csv"}, {"--rules", "target.csv", "--allow", "1=1"}} {
		if r := with("select", append(helped, "--seed", "s")...); r.code != 0 || strings.Contains(r.stderr, "warning") {
			t.Errorf("%v: ended with %d:\n%s%s", helped, r.code, r.stdout, r.stderr)
		}
	}
}
