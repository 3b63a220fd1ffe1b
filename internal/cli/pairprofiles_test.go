package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// scoringFiles are those of the worked example.
func scoringFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"mentees.csv", "mentors.csv", "rules.yaml", "defaults.yaml"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "scoring", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

// The worked example of docs/scoring.md gives what stands there, its files are
// those in docs/examples, and what it calls the defaults are the defaults.
func TestScoringExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "scoring.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	block := func(info string) string {
		_, after, found := strings.Cut(rest, "```"+info+"\n")
		body, left, closed := strings.Cut(after, "```\n")
		if !found || !closed {
			t.Fatalf("docs/scoring.md has no block %q", info)
		}
		rest = left
		return body
	}
	files := scoringFiles(t)
	for _, b := range [][2]string{{"csv mentees.csv", "mentees.csv"}, {"csv mentors.csv", "mentors.csv"}, {"yaml rules.yaml", "rules.yaml"}} {
		if diff := cmp.Diff(block(b[0]), files[b[1]]); diff != "" {
			t.Errorf("%s: %s", b[1], diff)
		}
	}
	for range 4 {
		r := run(t.Context(), folder(t, files), "", arguments(block("sh"))...)
		if r.code != 0 {
			t.Errorf("exit %d: %s", r.code, r.stderr)
		}
		if diff := cmp.Diff(block("text output"), r.stdout); diff != "" {
			t.Errorf("docs/scoring.md: %s", diff)
		}
	}
	defaults := block("yaml defaults")
	if defaults != files["defaults.yaml"] {
		t.Error("the defaults of the page are not those of the folder")
	}
	got, err := scoring.ReadRules("defaults.yaml", strings.NewReader(defaults))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scoring.DefaultRules(), got); diff != "" {
		t.Error(diff)
	}
	if _, err := scoring.ReadTopics("topics.yaml", strings.NewReader(block("yaml topics.yaml"))); err != nil {
		t.Error(err)
	}
	for _, c := range slices.Concat(scoring.MenteeColumns(got), scoring.MentorColumns(got)) {
		if !strings.Contains(string(page), "`"+c.Name+"`") {
			t.Errorf("docs/scoring.md does not tell of the column %s", c.Name)
		}
	}
}

func pairProfiles(t *testing.T, files map[string]string, more ...string) result {
	t.Helper()
	return run(t.Context(), folder(t, files), "", slices.Concat([]string{"pair", "--mentees", "mentees.csv", "--mentors", "mentors.csv", "--rules", "rules.yaml", "--seed", "x"}, more)...)
}

// Parts in the record sum to the scores; the other forms of --why and --suggest.
func TestPairProfiles(t *testing.T) {
	files := scoringFiles(t)
	r := pairProfiles(t, files, "--json")
	var record matcher.Matching
	if err := json.Unmarshal([]byte(r.stdout), &record); r.code != 0 || err != nil {
		t.Fatalf("exit %d, %v: %s", r.code, err, r.stderr)
	}
	if len(record.Pairs) != 4 {
		t.Errorf("%d pairs", len(record.Pairs))
	}
	for _, p := range record.Pairs {
		sum := 0
		for _, part := range p.Parts {
			sum += part.Points
		}
		if sum != p.Score || len(p.Parts) == 0 {
			t.Errorf("%s with %s: parts sum to %d of %d", p.Mentee, p.Mentor, sum, p.Score)
		}
	}
	r = pairProfiles(t, files, "--why", "ME2,MO2", "--json")
	if want := `{"kind":"topic","id":"supervision","with":"","value":3,"words":"Supervision (in depth)"}`; r.code != 0 || !strings.Contains(r.stdout, want) {
		t.Errorf("exit %d: %s%s, want %s", r.code, r.stdout, r.stderr, want)
	}
	r = pairProfiles(t, files, "--suggest")
	if want := "mentee,ME1,food-security,Food security,food bank\n"; r.code != 0 || !strings.Contains(r.stdout, want) {
		t.Errorf("exit %d: %s%s, want %s", r.code, r.stdout, r.stderr, want)
	}
	r = pairProfiles(t, files, "--price-rules", "--json")
	if want := `{"rule":"availability","inForce":true,"liftable":true,"changed":{"none":0,"few":0},"pairs":7}`; r.code != 0 || !strings.Contains(r.stdout, want) {
		t.Errorf("exit %d: %s%s, want %s", r.code, r.stdout, r.stderr, want)
	}
	files["ended.csv"] = "mentee,mentor\nME1,MO1\nME1,MO77\n"
	r = pairProfiles(t, files, "--ended", "ended.csv", "--why", "ME1,MO1")
	if !strings.Contains(r.stdout, "not eligible, by hard rule: ended;") || !strings.Contains(r.stderr, "ended.csv:3: 1 line with an id that the profiles lack") {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	files["tiny.yaml"] = "version: 1\ntopics:\n  - {id: grants, en: Grants, also: {en: [grant writing]}}\n"
	r = pairProfiles(t, files, "--topics", "tiny.yaml", "--why", "ME1,MO1")
	if r.code != 0 || !strings.Contains(r.stdout, "skills: Grants (in depth)") || !strings.Contains(r.stderr, `"budgeting" is no topic of the vocabulary`) {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// What profiles score can be written down, and then anybody can check the pairs
// that were made of it.
func TestPairProfilesVerified(t *testing.T) {
	dir := folder(t, scoringFiles(t))
	args := []string{"pair", "--mentees", "mentees.csv", "--mentors", "mentors.csv", "--rules", "rules.yaml", "--seed", "x", "--out", "pairs.json", "--write-scores", "scores.csv"}
	if r := run(t.Context(), dir, "", slices.Clone(args)...); r.code != 0 {
		t.Fatalf("exit %d: %s", r.code, r.stderr)
	}
	if r := run(t.Context(), dir, "", "verify", "pairs.json", "--scores", "scores.csv"); r.code != 0 {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	scores, err := os.ReadFile(filepath.Join(dir, "scores.csv"))
	if err != nil || !strings.Contains(string(scores), "\nME3,MO4,673\n") || strings.Contains(string(scores), "ME2,MO3") {
		t.Errorf("%v: %s", err, scores)
	}
	forged := strings.Replace(string(scores), "ME3,MO4,673", "ME3,MO4,672", 1)
	if err := os.WriteFile(filepath.Join(dir, "forged.csv"), []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t.Context(), dir, "", "verify", "pairs.json", "--scores", "forged.csv"); r.code != 6 {
		t.Errorf("forged scores: exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	if r := run(t.Context(), dir, "", append(args, "--force=false")...); r.code != 2 || !strings.Contains(r.stderr, "exists; choose another name") {
		t.Errorf("files that are there: exit %d: %s", r.code, r.stderr)
	}
}

// A hard rule on experience says whom it shuts out.
func TestPairExperienceWarns(t *testing.T) {
	files := map[string]string{
		"mentees.csv": "id,experience\na,1\nb,9\nc,\nd,8\n", "mentors.csv": "id,experience,seats\nm,5,3\nn,9,1\nx,20,0\n",
		"rules.yaml": "version: 1\nhard: {experience: true}\n",
	}
	r := pairProfiles(t, files, "--csv")
	if want := "the hard rule on experience alone leaves these with no mentor to choose: b\n"; r.code != 0 || !strings.Contains(r.stderr, want) {
		t.Errorf("exit %d: %s, want %s", r.code, r.stderr, want)
	}
	files["rules.yaml"] = "version: 1\n"
	if r := pairProfiles(t, files, "--csv"); r.code != 0 || strings.Contains(r.stderr, "experience") {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}

// What is wrong is told by file, line and column, all of it at once.
func TestPairProfilesRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string // instead of those of the example
		args  []string
		code  int
		want  []string
	}{
		{"cells of both files", map[string]string{
			"mentees.csv": "id,zone,hours,wanted\na,Pacific Time,Mon 9-10,1\nb,,,x\n",
			"mentors.csv": "id,offers,places,seats\nm,Grants:9,skagitt,-1\n",
		}, nil, 3, []string{
			`mentees.csv:2: column "zone": "Pacific Time" is no zone`, `mentees.csv:3: column "wanted": "x" is no whole number`,
			`mentors.csv:2: column "offers": "Grants:9": after the colon stands the level`, `did you mean "skagit"?`, `column "seats": "-1" is no whole number`,
		}},
		{"seats that are no whole number", map[string]string{"mentors.csv": "id,seats\nm,1.5\n"}, nil, 3, []string{`mentors.csv:2: column "seats": "1.5" is no whole number`}},
		{"a mentor twice", map[string]string{"mentors.csv": "id\nm\nm\n"}, nil, 3, []string{`mentors.csv:3: column "id": the id "m" is on line 2 already`}},
		{"a lock that is forbidden", map[string]string{"lock.csv": "mentee,mentor\nME1,MO1\n", "forbid.csv": "mentee,mentor\nME1,MO1\n"}, []string{"--lock", "lock.csv", "--forbid", "forbid.csv"}, 3, []string{`lock.csv:2: the pair of "ME1" and "MO1" is forbidden too: keep one of the two`}},
		{"locks beyond seats", map[string]string{"lock.csv": "mentee,mentor\nME1,MO1\nME4,MO1\n"}, []string{"--lock", "lock.csv"}, 3, []string{`lock.csv:3: more pairs of "MO1" are locked than their 1 seats`}},
		{"a lock that a rule forbids", map[string]string{"lock.csv": "mentee,mentor\nME2,MO3\n"}, []string{"--lock", "lock.csv"}, 3, []string{`lock.csv:2: the pair of "ME2" and "MO3" is not eligible`}},
		{"a lock to themself", map[string]string{"lock.csv": "mentee,mentor\nME1,ME1\n"}, []string{"--lock", "lock.csv"}, 3, []string{`lock.csv:2: "ME1" is matched to themself`}},
		{"rules", map[string]string{"rules.yaml": "version: 1\nwieghts: {}\n"}, nil, 3, []string{`rules.yaml:2: wieghts: is no key here; did you mean "weights"?`}},
		{"id twice", map[string]string{"mentees.csv": "id\na\na\n"}, nil, 3, []string{`mentees.csv:3: column "id": the id "a" is on line 2 already`}},
		{"why whom", nil, []string{"--why", "ME1"}, 2, []string{"write MENTEE,MENTOR"}},
		{"why nobody", nil, []string{"--why", "ME9,MO1"}, 3, []string{`"ME9" is no mentee of the file; did you mean "ME1"?`}},
		{"two things", nil, []string{"--why", "ME1,MO1", "--suggest"}, 2, []string{"keep one of them"}},
		{"no mentors", nil, []string{"--mentors", ""}, 2, []string{"with --mentors"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := scoringFiles(t)
			for name, text := range c.files {
				files[name] = text
			}
			r := pairProfiles(t, files, c.args...)
			if r.code != c.code || r.stdout != "" {
				t.Errorf("exit %d, want %d: %s%s", r.code, c.code, r.stdout, r.stderr)
			}
			for _, w := range c.want {
				if !strings.Contains(r.stderr, w) {
					t.Errorf("no %q in:\n%s", w, r.stderr)
				}
			}
		})
	}
}

// What a mentor did not release is in nothing that the program writes: not in
// results, explanations, suggestions, warnings or errors.
func TestUnreleasedIsInNoOutput(t *testing.T) {
	const canary = "kestrel9c41"
	mentors := "id,seats,offers,affinity,lived_experience,affinity_match,affinity_name\nMO1,1,Budgeting:3," + canary + "," + canary + ",veteran,\nMO2,1,Budgeting:2,,,,\n"
	mentees := "id,wants,affinity\nME1,Budgeting,veteran\nME2,Budgeting,veteran:required\nME3,Budgeting,"
	for _, c := range []struct {
		asks string
		args []string
		code int
	}{
		{"", nil, 0},
		{"", []string{"--json"}, 0},
		{"", []string{"--csv"}, 0},
		{"", []string{"--suggest"}, 0},
		{"", []string{"--price-rules"}, 0},
		{"", []string{"--why", "ME1,MO1", "--json"}, 0},
		{"", []string{"--why", "ME2,MO2"}, 0},
	} {
		files := map[string]string{"mentees.csv": mentees + c.asks + "\n", "mentors.csv": mentors, "rules.yaml": "version: 1\n"}
		r := pairProfiles(t, files, c.args...)
		if r.code != c.code || strings.Contains(r.stdout+r.stderr, canary) {
			t.Errorf("%v: exit %d: %s%s", c.args, r.code, r.stdout, r.stderr)
		}
		if strings.Contains(r.stdout+r.stderr, "veteran") {
			t.Errorf("%v: what was released for matching alone is named: %s%s", c.args, r.stdout, r.stderr)
		}
		// Without what was kept back everything is the same.
		files["mentors.csv"] = strings.ReplaceAll(mentors, canary, "")
		if other := pairProfiles(t, files, c.args...); other != r {
			t.Errorf("%v: what was kept back changes something:\n%+v\n%+v", c.args, r, other)
		}
	}
	// An error about these columns repeats no value.
	r := pairProfiles(t, map[string]string{"mentees.csv": mentees + "\n", "mentors.csv": strings.Replace(mentors, "veteran,\n", "veteran,"+canary+"\n", 1), "rules.yaml": "version: 1\n"})
	if r.code != 3 || strings.Contains(r.stderr, canary) || !strings.Contains(r.stderr, `mentors.csv:2: column "affinity_name": item 1 is not released for matching`) {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
}
