package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manyScores are 30 mentees and 12 mentors; those of Island fit only the first
// two mentors, who have too few seats.
func manyScores() (scores, groups string) {
	var s, g strings.Builder
	s.WriteString("mentee,mentor,score\n")
	g.WriteString("mentee,county,language\n")
	for j := range 30 {
		county := "Skagit"
		if j < 12 {
			county = "Island"
		}
		if j >= 26 {
			county = "San Juan"
		}
		fmt.Fprintf(&g, "E%02d,%s,%s\n", j, county, []string{"English", "English;Spanish", "prefer not to say"}[j%3])
		for i := range 12 {
			if county != "Island" || i < 2 {
				fmt.Fprintf(&s, "E%02d,R%02d,%d\n", j, i, 100+(j*37+i*53)%800)
			}
		}
	}
	return s.String(), g.String()
}

func TestPairSaysHowGroupsWereServed(t *testing.T) {
	scores, groups := manyScores()
	dir := folder(t, map[string]string{"scores.csv": scores, "groups.csv": groups, "mentors.csv": "mentor,topic\nR00,law\nR01,law;budgets\nR05,budgets\n"})
	r := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--capacity", "4", "--seed", "s", "--groups", "groups.csv", "--audit", "audit.json", "--recruit", "mentors.csv")
	if r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	for _, want := range []string{
		"too few seats: 12 mentees can be served only by 2 mentors with 8 seats:",
		"How groups were served",
		"Whom to recruit",
		"topic: law                2      8  1 mentee more with a mentor",
		"Groups of fewer than 11, and others that would give them away, are left out.",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	// Four of San Juan are too few, and with Island or Skagit shown they could be
	// computed from the total.
	type group struct {
		Name             string
		Suppressed       bool
		Mentees, Covered int
	}
	var audit struct {
		Smallest   int
		Everybody  group
		Attributes []struct {
			Attribute string
			Groups    []group
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "audit.json"))
	if err == nil {
		err = json.Unmarshal(b, &audit)
	}
	if err != nil {
		t.Fatal(err)
	}
	if audit.Smallest != 11 || audit.Everybody.Mentees != 30 || audit.Everybody.Covered != 26 || len(audit.Attributes) != 2 {
		t.Errorf("%+v", audit)
	}
	county := []group{{Name: "Island", Suppressed: true}, {Name: "San Juan", Suppressed: true}, {Name: "Skagit", Mentees: 14, Covered: 14}}
	if diff := cmp.Diff(county, audit.Attributes[0].Groups); diff != "" {
		t.Error(diff)
	}
	// A file is not overwritten unasked.
	if r := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--groups", "groups.csv", "--audit", "audit.json"); r.code != 2 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

func TestPairSaysWhyNot(t *testing.T) {
	dir := folder(t, map[string]string{"scores.csv": pairScores, "never.csv": "mentee,mentor\nann,rex\n"})
	ask := func(args ...string) result {
		return run(t.Context(), dir, "", append([]string{"pair", "--scores", "scores.csv", "--seed", "s", "--quiet"}, args...)...)
	}
	r := ask("--why-not", "cat,rex")
	const want = `cat with rex  not matched; the pair would score 300.

What the whole would be with the pair, at best, most important first:
  the best pair of whoever is served worst scores 300 instead of 700
  sum of scores: 1000 instead of 1550

Who would have other mentors:
  cat  nobody  →  rex
  bob  rex     →  nobody
`
	if diff := cmp.Diff(want, r.stdout); diff != "" || r.code != 0 {
		t.Errorf("exit %d: %s %s", r.code, r.stderr, diff)
	}
	r = ask("--why-not", "cat, rex", "--json")
	var answer struct {
		Possible bool
		Score    int
		Changes  []struct {
			Mentee        string
			Before, After []string
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil || !answer.Possible || answer.Score != 300 || len(answer.Changes) != 2 {
		t.Errorf("%v: %s", err, r.stdout)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--why-not", "ann,sue"}, 0, "is a pair of the matching"},
		{[]string{"--why-not", "bob,sue"}, 0, "not eligible: the pair has no score"},
		{[]string{"--why-not", "ann,rex", "--forbid", "never.csv"}, 0, "not eligible: kept apart by the forbidden pairs"},
		{[]string{"--why-not", "cat,rex", "--capacity", "0"}, 0, "no place: the mentor has no seat"},
		{[]string{"--why-not", "cat,rey"}, 3, `"rey" is no mentor; did you mean "rex"?`},
		{[]string{"--why-not", "cat"}, 2, "write MENTEE,MENTOR"},
		{[]string{"--why-not", "cat,rex", "--csv"}, 2, "leave out --csv"},
		{[]string{"--audit", "x.json"}, 2, "name the groups with --groups"},
		{[]string{"--groups", "never.csv", "--out", "x.json", "--audit", "./x.json"}, 2, "to be written twice"},
		{[]string{"--groups", "never.csv", "--why-not", "cat,rex", "--work", "1"}, 5, "not proved best"},
	} {
		if r := ask(c.args...); r.code != c.code || !strings.Contains(r.stdout+r.stderr, c.want) {
			t.Errorf("%v: exit %d, want %d and %q: %s%s", c.args, r.code, c.code, c.want, r.stdout, r.stderr)
		}
	}
	strangers := folder(t, map[string]string{"scores.csv": pairScores, "groups.csv": "mentee,county\nann,Skagit\nbop,Skagit\n"})
	if r := run(t.Context(), strangers, "", "pair", "--scores", "scores.csv", "--groups", "groups.csv"); r.code != 3 || !strings.Contains(r.stderr, `groups.csv:3: there is no "bop"; did you mean "bob"?`) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}
