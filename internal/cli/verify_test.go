package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
)

func TestVerify(t *testing.T) {
	ctx := context.Background()
	dir := folder(t, map[string]string{
		"people.csv": peopleCSV, "rules.csv": rulesCSV,
		"others.csv":  strings.Replace(peopleCSV, "ada,Skagit;Island", "ada,Skagit", 1),
		"bare.csv":    "id,county\nada,Skagit\n",
		"broken.json": `{"status":`, "list.json": `[1]`,
		"later.json": `{"certificate":{"version":2}}`, "slip.json": `{"format":"fairlead slip","version":9}`,
	})
	for _, method := range []string{"leximin", "maximin", "none"} {
		if r := run(ctx, dir, "", "select", "--pool", "people.csv", "--rules", "rules.csv", "--size", "3", "--seed", "s", "--lottery", method, "--out", method+".json", "--quiet"); r.code != 0 {
			t.Fatalf("%s: %+v", method, r)
		}
		r := run(ctx, dir, "", "verify", method+".json", "--pool", "people.csv")
		if r.code != 0 || !strings.Contains(r.stdout, "level audit") || !strings.Contains(r.stdout, "VERIFIED") {
			t.Errorf("%s: %+v", method, r)
		}
		r = run(ctx, dir, "", "verify", method+".json")
		if r.code != 0 || !strings.Contains(r.stdout, "this file allows") || !strings.Contains(r.stdout, "another file: 4.\n") {
			t.Errorf("%s without the pool: %+v", method, r)
		}
	}
	whole, err := os.ReadFile(filepath.Join(dir, "leximin.json"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, change func(*matcher.Record)) {
		record, err := matcher.ParseRecord(whole)
		if err != nil {
			t.Fatal(err)
		}
		change(record)
		record.Seal()
		if err := os.WriteFile(filepath.Join(dir, name), record.AppendJSON(nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("forged.json", func(r *matcher.Record) { r.Rules[0].Count++ })
	write("unproved.json", func(r *matcher.Record) {
		for i := range r.Certificate.Claims {
			r.Certificate.Claims[i].Proof = nil
		}
	})
	write("bare.json", func(r *matcher.Record) { r.Certificate = nil })
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"leximin.json", "--pool", "others.csv"}, 6, "check 4 does not hold"},
		{[]string{"leximin.json", "--pool", "bare.csv"}, 6, "check 4 does not hold"},
		{[]string{"forged.json"}, 6, "check 7 does not hold"},
		{[]string{"list.json"}, 6, "check 2 does not hold"},
		{[]string{"unproved.json"}, 5, "not certified or not run: "},
		{[]string{"bare.json"}, 5, "made by an earlier version"},
		{[]string{"forged.json", "--quiet"}, 6, ""},
		{[]string{"broken.json"}, 3, "it is not JSON"},
		{[]string{"later.json"}, 3, "newer version"},
		{[]string{"slip.json"}, 3, "newer version"},
		{[]string{"nowhere.json"}, 3, "cannot be opened"},
		{[]string{"leximin.json", "--pool", "nowhere.csv"}, 3, "cannot be opened"},
		{nil, 2, "one name has to follow, not 0: fairlead verify FILE [flags]\nrun: fairlead verify --help\n"},
	} {
		r := run(ctx, dir, "", append([]string{"verify"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stdout+r.stderr, c.says) || c.says == "" && r.stdout != "" {
			t.Errorf("%v: %+v, want code %d and %q", c.args, r, c.code, c.says)
		}
	}
	r := run(ctx, dir, string(whole), "verify", "-", "--json")
	var report struct {
		Level               string
		Accepted, Certified bool
		Checks              []struct{ Number, State string }
	}
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil || r.code != 0 || report.Level != "audit" || !report.Certified || len(report.Checks) != 26 {
		t.Errorf("%+v %v", r, err)
	}
}
