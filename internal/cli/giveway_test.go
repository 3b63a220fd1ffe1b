package cli_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// Rules that ask for company take the last chance of nobody who is alone: check
// tells how they give way, and select does it, with every lottery.
func TestCompanyGivesWay(t *testing.T) {
	dir := folder(t, map[string]string{
		"people.csv": "id,county\na1,A\na2,A\nb1,B\nb2,B\nc1,C\n",
		"rules.csv":  "feature,value,min,max,kind\ncounty,*,2,,company\n",
		"target.csv": "feature,value,min,max,kind,priority\ncounty,*,2,,company,3\n",
		"room.csv":   "feature,value,min,max,kind\ncounty,*,3,,company\n",
		"ranges.csv": "feature,value,min,max\ncounty,A,2,4\ncounty,B,2,4\n",
	})
	with := func(command string, more ...string) result {
		return run(context.Background(), dir, "", append([]string{command, "--pool", "people.csv", "--size", "4"}, more...)...)
	}
	const told = "gives way to 1 person who is alone, and would have no chance: with one of them in, every min of it is 1 lower"

	check := with("check", "--rules", "rules.csv", "--trade-off")
	if want := "So that nobody who is alone loses their last chance:\n  rule 1 (county: *) " + told + "\n    c1\n"; check.code != 0 || !strings.Contains(check.stdout, want) {
		t.Errorf("check ended with %d:\n%s%s", check.code, check.stdout, check.stderr)
	}
	// The chances that check tells of are those of select.
	if !strings.Contains(check.stdout, "0.800000") {
		t.Errorf("the trade-off does not give way:\n%s", check.stdout)
	}
	var v struct {
		Yields []struct {
			Rows            []int
			Priority, Allow int
			People          []string
		}
	}
	if err := json.Unmarshal([]byte(with("check", "--rules", "target.csv", "--json").stdout), &v); err != nil || len(v.Yields) != 1 ||
		!slices.Equal(v.Yields[0].Rows, []int{1}) || !slices.Equal(v.Yields[0].People, []string{"c1"}) || v.Yields[0].Priority != 3 || v.Yields[0].Allow != 1 {
		t.Errorf("%v: %+v", err, v)
	}

	for _, lottery := range []string{"leximin", "maximin", "none"} {
		gives := with("select", "--rules", "rules.csv", "--seed", "s", "--lottery", lottery, "--json")
		if gives.code != 0 || !strings.Contains(gives.stderr, "fairlead: rules.csv, rule 1 "+told) {
			t.Errorf("%s: ended with %d:\n%s%s", lottery, gives.code, gives.stdout, gives.stderr)
		}
		// The rule is missed only with the one who is alone.
		var record struct {
			Cohort []string
			Rules  []struct{ Priority, Short any }
		}
		if err := json.Unmarshal([]byte(gives.stdout), &record); err != nil || record.Rules[0].Priority != "must" || record.Rules[0].Short != 0.0 {
			t.Errorf("%s: %v: %+v", lottery, err, record)
		}
		if asked := with("select", "--rules", "room.csv", "--seed", "s", "--lottery", lottery, "--json"); asked.code != 0 || strings.Contains(asked.stderr, "gives way") {
			t.Errorf("%s: gives way without need: %s", lottery, asked.stderr)
		}
	}
	shown := with("select", "--rules", "rules.csv", "--no-draw")
	if shown.code != 0 || !strings.Contains(shown.stdout, "\nSo that nobody who is alone loses their last chance:\n  rule 1 (county: *) "+told+"\n    c1\n") || !strings.Contains(shown.stdout, "smallest chance                0.800000") || !strings.Contains(shown.stdout, "impossible                            0") {
		t.Errorf("a preview ended with %d:\n%s%s", shown.code, shown.stdout, shown.stderr)
	}
	// A range is as firm as it says.
	if r := with("select", "--rules", "ranges.csv", "--no-draw"); strings.Contains(r.stdout, "gives way") || !strings.Contains(r.stdout, "impossible                            1") {
		t.Errorf("ranges:\n%s", r.stdout)
	}
	// Where there is no time to find it out, nobody is chosen.
	if r := with("select", "--rules", "rules.csv", "--timeout", "1ns", "--seed", "s", "--json"); r.code != 5 || !strings.Contains(r.stdout, `"complete":false`) || !strings.Contains(r.stdout, `"cohort":[]`) {
		t.Errorf("without time it ended with %d:\n%s%s", r.code, r.stdout, r.stderr)
	}
}
