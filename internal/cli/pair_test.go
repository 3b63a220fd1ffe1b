package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
)

const pairScores = `mentee,mentor,score
ann,rex,900
ann,sue,700
bob,rex,850
cat,rex,300
cat,sue,200
`

const countyGroups = "mentee,county\nann,Skagit\nbob,Skagit\ncat,Whatcom\n"

// The worked example of docs/matching.md gives what stands there, and its files are
// those in docs/examples.
func TestMatchingExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "matching.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	block := func(info string) string {
		_, after, found := strings.Cut(rest, "```"+info+"\n")
		body, left, closed := strings.Cut(after, "```\n")
		if !found || !closed {
			t.Fatalf("docs/matching.md has no block %q", info)
		}
		rest = left
		return body
	}
	files := map[string]string{}
	for _, name := range []string{"scores.csv", "seats.csv", "groups.csv", "floors.csv", "standing.csv"} {
		after := rest
		files[name] = block("csv " + name)
		rest = after // the commands stand between them
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "matching", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(files[name], string(file)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	dir := folder(t, files)
	for strings.Contains(rest, "```sh\n") {
		r := run(t.Context(), dir, "", arguments(block("sh"))...)
		if r.code != 0 {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
		if diff := cmp.Diff(block("text output"), anyDigest.ReplaceAllString(r.stdout, "sha256:…")); diff != "" {
			t.Errorf("docs/matching.md: %s", diff)
		}
	}
}

// What is wrong with the files is told with the row, and with the flags by name.
func TestPairRefuses(t *testing.T) {
	for _, c := range []struct {
		name, args string
		files      map[string]string
		code       int
		says       string
	}{
		{"no scores", "", nil, 2, "--scores"},
		{"a pair with two scores", "", map[string]string{"scores.csv": pairScores + "bob,rex,10\n"}, 3, `scores.csv:7: column "score": the pair of "bob" and "rex" has the score 10 here and 850 further up`},
		{"a pair twice", "", map[string]string{"scores.csv": pairScores + "bob,rex,850\n"}, 3, `scores.csv:7: the pair of "bob" and "rex" is there twice`},
		{"a negative score", "", map[string]string{"scores.csv": pairScores + "bob,sue,-3\n"}, 3, `scores.csv:7: column "score": "-3" is no whole number of 0 or more`},
		{"a broken score", "", map[string]string{"scores.csv": pairScores + "bob,sue,3.5\n"}, 3, `scores.csv:7: column "score": "3.5" is no whole number of 0 or more`},
		{"a large score", "", map[string]string{"scores.csv": pairScores + "bob,sue,1001\n"}, 3, `scores.csv:7: column "score": "1001" is too large: at most 1000`},
		{"to themself", "", map[string]string{"scores.csv": pairScores + "sue,sue,5\n"}, 3, `scores.csv:7: "sue" is matched to themself`},
		{"an empty id", "", map[string]string{"scores.csv": pairScores + ",sue,5\n"}, 3, `scores.csv:7: column "mentee": the id is empty`},
		{"a short line", "", map[string]string{"scores.csv": pairScores + "bob,sue\n"}, 3, `scores.csv:7: this line has 2 cells, the header has 3`},
		{"another header", "", map[string]string{"scores.csv": "mentee,mentro,score\n"}, 3, `scores.csv:1: there is no column "mentro" here; did you mean "mentor"?`},
		{"no header", "", map[string]string{"scores.csv": "a,b,5\n"}, 3, `the header is mentee,mentor,score`},
		{"an empty file", "", map[string]string{"scores.csv": ""}, 3, "scores.csv: the file is empty"},
		{"a mentor twice", "--capacity seats.csv", map[string]string{"seats.csv": "mentor,seats\nrex,1\nsue,1\nrex,2\n"}, 3, `seats.csv:4: column "mentor": "rex" is on line 2 already`},
		{"negative seats", "--capacity seats.csv", map[string]string{"seats.csv": "mentor,seats\nrex,-1\nsue,1\n"}, 3, `seats.csv:2: column "seats": "-1" is no whole number`},
		{"broken seats", "--capacity seats.csv", map[string]string{"seats.csv": "mentor,seats\nrex,1.5\nsue,1\n"}, 3, `seats.csv:2: column "seats": "1.5" is no whole number`},
		{"a mentor without seats", "--capacity seats.csv", map[string]string{"seats.csv": "mentor,seats\nrex,1\nsve,1\n"}, 3, `scores.csv:3: column "mentor": there is no "sue"; did you mean "sve"? in seats.csv`},
		{"negative capacity", "--capacity -1", nil, 2, "--scores"},
		{"a capacity below 0", "--capacity -1 --scores scores.csv", nil, 2, "--capacity -1: it must be from 0"},
		{"a lock that is forbidden", "--lock lock.csv --forbid forbid.csv", map[string]string{"lock.csv": "mentee,mentor\nann,rex\n", "forbid.csv": "mentee,mentor\nann,rex\n"}, 3, `lock.csv:2: the pair of "ann" and "rex" is forbidden too: keep one of the two`},
		{"locks beyond capacity", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nann,rex\nbob,rex\n"}, 3, `lock.csv:3: more pairs of "rex" are locked than their 1 seats`},
		{"locks beyond demand", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nann,rex\nann,sue\n"}, 3, `lock.csv:3: more pairs of "ann" are locked than the 1 mentors they want`},
		{"a lock of no pair", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nbob,sue\n"}, 3, `lock.csv:2: the pair of "bob" and "sue" is not eligible`},
		{"a lock to themself", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nann,ann\n"}, 3, `lock.csv:2: "ann" is matched to themself`},
		{"a lock twice", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nann,rex\nann,rex\n"}, 3, `lock.csv:3: the pair of "ann" and "rex" is on line 2 already`},
		{"an unknown mentee", "--lock lock.csv", map[string]string{"lock.csv": "mentee,mentor\nanm,rex\n"}, 3, `lock.csv:2: column "mentee": there is no "anm"; did you mean "ann"?`},
		{"an unknown mentor", "--forbid forbid.csv", map[string]string{"forbid.csv": "mentee,mentor\nann,rexx\n"}, 3, `forbid.csv:2: column "mentor": there is no "rexx"; did you mean "rex"?`},
		{"waiting of a stranger", "--waiting waiting.csv", map[string]string{"waiting.csv": "mentee,waiting\nzoe,1\n"}, 3, `waiting.csv:2: column "mentee": there is no "zoe"`},
		{"a floor without groups", "--floors floors.csv", map[string]string{"floors.csv": "group,covered\nSkagit,1\n"}, 2, "--floors is about groups: name their file with --groups"},
		{"a floor of an unknown group", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagt,1\n", "groups.csv": countyGroups}, 3, `floors.csv:2: column "group": nobody's county is "Skagt"; did you mean "Skagit"?`},
		{"a floor twice", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagit,1\nSkagit,2\n", "groups.csv": countyGroups}, 3, `floors.csv:3: column "group": "Skagit" is on line 2 already`},
		{"a negative floor", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagit,-1\n", "groups.csv": countyGroups}, 3, `floors.csv:2: column "covered": "-1" is no whole number`},
		{"a floor above the group", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagit,1\nWhatcom,2\n", "groups.csv": countyGroups}, 3, `floors.csv:3: 2 of the group "Whatcom" cannot be covered: it has 1 mentees`},
		{"somebody in two groups with floors", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagit,1\nWhatcom,1\n", "groups.csv": "mentee,county\nann,Skagit;Whatcom\nbob,Skagit\ncat,Whatcom\n"}, 3, `groups.csv: "ann" has several values of county that have a floor: Skagit, Whatcom`},
		{"a floor by one of two", "--floors floors.csv --groups groups.csv", map[string]string{"floors.csv": "group,covered\nSkagit,1\n", "groups.csv": "mentee,county,role\nann,Skagit,lead\n"}, 2, "--groups has the attributes county, role: say with --floors-by"},
		{"a floor by what is not there", "--floors floors.csv --groups groups.csv --floors-by conty", map[string]string{"floors.csv": "group,covered\nSkagit,1\n", "groups.csv": countyGroups}, 2, `--floors-by "conty": --groups has no such attribute; did you mean "county"?`},
		{"stickiness of nothing", "--stickiness 5", nil, 2, "--stickiness is for pairs that stand: name them with --standing"},
		{"too sticky", "--standing standing.csv --stickiness 1001", map[string]string{"standing.csv": "mentee,mentor\nann,sue\n"}, 2, "--stickiness 1001: it must be from 0 to 1000"},
		{"a standing pair of no score", "--standing standing.csv", map[string]string{"standing.csv": "mentee,mentor\nann,sue\nbob,sue\n"}, 3, `standing.csv:3: the pair of "bob" and "sue" is not eligible: it cannot stand`},
		{"a stranger's standing pair", "--standing standing.csv", map[string]string{"standing.csv": "mentee,mentor\nann,suee\n"}, 3, `standing.csv:2: column "mentor": there is no "suee"; did you mean "sue"?`},
		{"a standing pair twice", "--standing standing.csv", map[string]string{"standing.csv": "mentee,mentor\nann,sue\nann,sue\n"}, 3, `standing.csv:3: the pair of "ann" and "sue" is on line 2 already`},
		{"an unknown term", "--objective cover,wurst", nil, 2, `--objective: "wurst" is no term of an objective; did you mean "worst"?`},
		{"a term twice", "--objective cover,cover", nil, 2, `--objective: "cover" is named twice`},
		{"worst first", "--objective worst,cover", nil, 2, `--objective: "worst" has to come after cover`},
		{"cover2 alone", "--objective cover2", nil, 2, `--objective: "cover2" has to come after cover`},
		{"two forms", "--json --csv", nil, 2, "keep one of them"},
		{"scores and profiles", "--mentors scores.csv", nil, 2, "keep one of them"},
		{"an empty seed", "--seed=", nil, 2, "--seed is empty"},
		{"no such file", "--lock none.csv", nil, 3, "none.csv: cannot be opened"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"scores.csv": pairScores}
			for name, text := range c.files {
				files[name] = text
			}
			args := append([]string{"pair"}, strings.Fields(c.args)...)
			if c.name != "no scores" && c.name != "negative capacity" && !strings.Contains(c.args, "--scores") {
				args = append(args, "--scores", "scores.csv")
			}
			dir := folder(t, files)
			r := run(t.Context(), dir, "", append(args, "--out", "out.json")...)
			if r.code != c.code || !strings.Contains(r.stderr, c.says) || r.stdout != "" {
				t.Errorf("exit %d, says %q; want %d and %q", r.code, r.stderr, c.code, c.says)
			}
			if _, err := os.Stat(filepath.Join(dir, "out.json")); err == nil {
				t.Error("a file was written")
			}
		})
	}
}

// A record is printed, written and verified; changed in one place it is refused.
func TestPairRecord(t *testing.T) {
	dir := folder(t, map[string]string{"scores.csv": pairScores, "more.csv": pairScores + "bob,sue,999\n"})
	r := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--seed", "s", "--json", "--out", "out.json")
	if r.code != 0 || !strings.Contains(r.stderr, "personal data") {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	var m matcher.Matching
	if err := json.Unmarshal([]byte(r.stdout), &m); err != nil {
		t.Fatal(err)
	}
	if m.Covered != 2 || m.Total != 1550 || m.Worst != 700 || len(m.Unmatched) != 1 || m.Unmatched[0].Mentee != "cat" || m.Unmatched[0].Reason != "TOO_FEW_SEATS" || *m.Unmatched[0].Witness != (matcher.HallWitness{Mentees: 3, Mentors: 2, Seats: 2}) {
		t.Errorf("%s", r.stdout)
	}
	written, err := os.ReadFile(filepath.Join(dir, "out.json"))
	if err != nil || string(written) != r.stdout {
		t.Errorf("--out and --json differ: %v", err)
	}
	again := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--out", "out.json")
	if again.code != 2 || !strings.Contains(again.stderr, "--force") {
		t.Errorf("exit %d: %s", again.code, again.stderr)
	}
	verified := run(t.Context(), dir, "", "verify", "out.json", "--scores", "scores.csv")
	if verified.code != 0 || !strings.Contains(verified.stdout, "VERIFIED") {
		t.Errorf("exit %d: %s%s", verified.code, verified.stdout, verified.stderr)
	}
	if half := run(t.Context(), dir, "", "verify", "out.json"); half.code != 5 || !strings.Contains(half.stdout, "it takes the scores") {
		t.Errorf("exit %d: %s", half.code, half.stdout)
	}
	if other := run(t.Context(), dir, "", "verify", "out.json", "--scores", "more.csv"); other.code != 6 || !strings.Contains(other.stdout, "input digest") {
		t.Errorf("with other scores: exit %d: %s", other.code, other.stdout)
	}
	m.Pairs[0].Score++
	m.Seal()
	if err := os.WriteFile(filepath.Join(dir, "forged.json"), m.AppendJSON(nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if forged := run(t.Context(), dir, "", "verify", "forged.json", "--scores", "scores.csv"); forged.code != 6 {
		t.Errorf("forged: exit %d: %s", forged.code, forged.stdout)
	}
	if cut := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--work", "1"); cut.code != 5 || !strings.Contains(cut.stdout, "FEASIBLE") {
		t.Errorf("exit %d: %s%s", cut.code, cut.stdout, cut.stderr)
	}
	if csv := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--csv", "--quiet"); csv.stdout != "mentee,mentor,score\nann,sue,700\nbob,rex,850\n" || csv.stderr != "" {
		t.Errorf("%q %q", csv.stdout, csv.stderr)
	}
}

// Floors that cannot be kept are proved to be so, and the proof is checked without
// the solver.
func TestPairFloorsImpossible(t *testing.T) {
	dir := folder(t, map[string]string{"scores.csv": pairScores, "groups.csv": countyGroups, "floors.csv": "group,covered\nSkagit,2\nWhatcom,1\n"})
	r := run(t.Context(), dir, "", "pair", "--scores", "scores.csv", "--groups", "groups.csv", "--floors", "floors.csv", "--seed", "s", "--out", "pairs.json")
	if r.code != 4 || !strings.Contains(r.stdout, "INFEASIBLE  No matching keeps the floors.") || !strings.Contains(r.stdout, "too few\n") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if v := run(t.Context(), dir, "", "verify", "pairs.json", "--scores", "scores.csv"); v.code != 0 || !strings.Contains(v.stdout, "VERIFIED") {
		t.Errorf("exit %d\n%s%s", v.code, v.stdout, v.stderr)
	}
}
