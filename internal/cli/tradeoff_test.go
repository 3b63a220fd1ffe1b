package cli_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// What the flag adds where the lottery is cut, forbidden by a cap, or has nothing
// to allow, and the same as JSON; the page choosing-fairly.md has the table.
func TestCheckTradeOff(t *testing.T) {
	dir := folder(t, map[string]string{
		"p.csv":    "id,x\na,1\nb,1\nc,2\nd,2\n",
		"r.csv":    "feature,value,min,max,priority\nx,1,2,2,1\n",
		"must.csv": "feature,value,min,max\nx,1,1,2\n",
		"c.json":   `{"size":2,"minSize":2,"maxChance":600,"rules":[{"kind":"QUOTA","attribute":"x","values":["1"],"min":2,"max":2,"priority":1}]}`,
	})
	check := func(rules string, args ...string) result {
		return run(t.Context(), dir, "", append([]string{"check", "--pool", "p.csv", rules[:strings.Index(rules, "=")], rules[strings.Index(rules, "=")+1:], "--size", "2", "--quiet"}, args...)...)
	}
	r := check("--rules=r.csv", "--trade-off", "--json")
	var got struct {
		TradeOff []struct {
			Extra, Allowed map[string]int64
			Proved         bool
			Smallest       *int64
			Impossible     *int
			People         int
		} `json:"tradeOff"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 || len(got.TradeOff) != 4 {
		t.Fatalf("exit %d, %v: %s%s", r.code, err, r.stdout, r.stderr)
	}
	for i, want := range []struct {
		extra, smallest int64
		impossible      int
	}{{0, 1_000_000_000, 2}, {1, 500_000_000, 0}, {2, 500_000_000, 0}, {3, 500_000_000, 0}} {
		p := got.TradeOff[i]
		if p.Extra["1"] != want.extra || p.Allowed["1"] != want.extra || !p.Proved || *p.Smallest != want.smallest || *p.Impossible != want.impossible || p.People != 4 {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	for _, c := range []struct {
		name, rules, want string
		code              int
		args              []string
	}{
		{"all targets", "--rules=r.csv", "  1 more at priority 1  up to 1           0.500000            0 of 4\n", 0, nil},
		{"a cap that one keeps", "--criteria=c.json", "  nothing more                     none keeps the largest chance", 0, nil},
		{"with the cap", "--criteria=c.json", "Nobody has more than 600 in 1000", 0, nil},
		{"no targets", "--rules=must.csv", "There are no targets, so that there is nothing to allow more of.", 0, nil},
		{"little work", "--rules=r.csv", "not decided", 5, []string{"--work", "1"}},
		{"above what is allowed", "--rules=r.csv", "  1 more at priority 1  up to 2", 0, []string{"--allow", "1=1"}},
	} {
		if r := check(c.rules, append(c.args, "--trade-off")...); r.code != c.code || !strings.Contains(r.stdout, c.want) {
			t.Errorf("%s: exit %d, no %q in:\n%s%s", c.name, r.code, c.want, r.stdout, r.stderr)
		}
	}
	if r := check("--rules=r.csv"); strings.Contains(r.stdout, "more room") {
		t.Errorf("unasked:\n%s", r.stdout)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if r := run(stopped, dir, "", "check", "--pool", "p.csv", "--rules", "r.csv", "--size", "2", "--trade-off"); r.code != 130 {
		t.Errorf("interrupted: exit %d\n%s", r.code, r.stdout)
	}
}
