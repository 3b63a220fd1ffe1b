package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/cli"
)

// The worked example of docs/introductions.md gives what stands there.
func TestIntroductionsExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "introductions.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(text)
	block := func(info string) string {
		_, after, found := strings.Cut(rest, "```"+info+"\n")
		body, left, closed := strings.Cut(after, "```\n")
		if !found || !closed {
			t.Fatalf("docs/introductions.md has no block %q", info)
		}
		rest = left
		return body
	}
	files := map[string]string{}
	for _, name := range []string{"members.csv", "history.csv"} {
		files[name] = block("csv " + name)
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "introductions", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(files[name], string(file)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, name := range []string{"pairs", "circles"} {
		r := run(t.Context(), folder(t, files), "", arguments(block("sh "+name))...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%s: exit %d: %s", name, r.code, r.stderr)
		}
		if diff := cmp.Diff(block("text "+name+" output"), anyDigest.ReplaceAllString(r.stdout, "sha256:…")); diff != "" {
			t.Errorf("docs/introductions.md, %s: %s", name, diff)
		}
	}
}

const fiveMembers = "id,organization,topics,since\nada,North,housing;food,1\nben,North,food,1\ncam,Harbor,food,1\ndee,Harbor,housing,2\neli,,food,\n"

type introduction struct {
	Status string
	Round  int
	Groups []struct {
		Members      []string
		Score, Third int
	}
	Left []struct {
		ID, Reason                    string
		Waited, Skipped, Allowed, Met int
		Excluded                      []struct{ People int }
	}
	LeftOut, Score *struct {
		Value int
		Bound *int
	}
}

// Round after round until everybody met everybody: the history grows in place, and
// nobody meets anybody twice.
func TestIntroduceUntilAllMet(t *testing.T) {
	dir := folder(t, map[string]string{"m.csv": fiveMembers, "h.csv": ""})
	met := map[[2]string]int{}
	for round := 1; ; round++ {
		r := run(t.Context(), dir, "", "introduce", "--members", "m.csv", "--history", "h.csv", "--since", "since", "--seed", "s", "--history-out", "h.csv", "--force", "--json", "--quiet")
		var got introduction
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 || r.stderr != "" {
			t.Fatalf("round %d: exit %d, %v: %s", round, r.code, err, r.stderr)
		}
		if len(got.Groups) == 0 {
			if len(met) != 10 || len(got.Left) != 5 {
				t.Errorf("ended with %d of 10 pairs met", len(met))
			}
			for _, l := range got.Left {
				if l.Reason != "NOBODY_ALLOWED" || l.Met != 4 {
					t.Errorf("left: %+v", l)
				}
			}
			break
		}
		if got.Round != round || got.Status != "OPTIMAL" && round < 3 {
			t.Errorf("round %d: %+v", round, got)
		}
		for _, g := range got.Groups {
			for i, a := range g.Members {
				for _, b := range g.Members[:i] {
					pair := [2]string{b, a}
					if before := met[pair]; before > 0 {
						t.Errorf("%v met in rounds %d and %d", pair, before, round)
					}
					met[pair] = round
				}
			}
		}
		if round > 10 {
			t.Fatal("no end")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "h.csv"))
	if err != nil || strings.Count(string(text), "\n") != 11 || !strings.HasPrefix(string(text), "id,id,round\n") {
		t.Errorf("the history: %v\n%s", err, text)
	}
}

func TestIntroduceForms(t *testing.T) {
	dir := folder(t, map[string]string{"m.csv": fiveMembers})
	args := []string{"introduce", "--members", "m.csv", "--different", "organization", "--seed", "s"}
	with := func(more ...string) result { return run(t.Context(), dir, "", append(slices.Clone(args), more...)...) }

	if r := with("--csv"); r.code != 0 || r.stdout != "group,id\n1,ada\n1,dee\n2,ben\n2,cam\n2,eli\n" {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	printed, file := with("--json"), with("--out", "r.json")
	text, err := os.ReadFile(filepath.Join(dir, "r.json"))
	if err != nil || printed.stdout != string(text) || !strings.Contains(file.stderr, "r.json holds personal data") {
		t.Errorf("--json and --out differ: %v\n%s\n%s\n%s", err, printed.stdout, text, file.stderr)
	}
	if r := with("--out", "r.json"); r.code != 2 || !strings.Contains(r.stderr, "r.json exists") {
		t.Errorf("exit %d %s", r.code, r.stderr)
	}
	// The order of the lines does not matter, nor do spaces and case.
	shuffled := "topics,since,ID,organization\nfood,,eli,\nHousing,2,dee,harbor\nfood,1,cam,Harbor\n food;housing,1,ada,NORTH\nfood,1,ben,North\n"
	other := run(t.Context(), folder(t, map[string]string{"m.csv": shuffled}), "", append(slices.Clone(args), "--json")...)
	if diff := cmp.Diff(printed.stdout, other.stdout); diff != "" {
		t.Error(diff)
	}
	if r := run(t.Context(), dir, fiveMembers, "introduce", "--members", "-", "--seed", "s"); r.code != 0 || !strings.HasPrefix(r.stdout, "OPTIMAL  Round 1: 5 people of 5 in 1 pair and 1 trio.\nNobody is left out.\n") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	example, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "introductions", "members.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if r := run(t.Context(), dir, string(example), "introduce", "--members", "-", "--different", "organization", "--seed", "s", "--work", "1"); r.code != 5 || !strings.HasPrefix(r.stdout, "FEASIBLE  ") || !strings.Contains(r.stdout, "not proved to be the greatest: the work given ran out") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := run(ctx, dir, "", append(slices.Clone(args), "--json")...); r.code != 130 || !strings.Contains(r.stdout, `"complete":false`) {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := run(t.Context(), dir, "", "introduce", "--members", "m.csv"); r.code != 0 || !strings.Contains(r.stderr, ", drawn by the system; --seed ") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestIntroduceRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		code    int
		members string
		history string
		args    []string
		want    string
	}{
		"twice":            {3, fiveMembers + "ben,South,,\n", "", nil, `m.csv:7: column "id": the id "ben" is on line 3 already`},
		"empty id":         {3, fiveMembers + ",South,,\n", "", nil, "m.csv:7: column \"id\": the id is empty"},
		"ragged":           {3, fiveMembers + "fay,South\n", "", nil, "m.csv:7: this line has 2 cells, the header has 4"},
		"one person":       {3, "id\nada\n", "", nil, "m.csv: there have to be 2 members or more, not 1"},
		"column":           {3, fiveMembers, "", []string{"--different", "organisation"}, `--different: "organisation" is no column of m.csv; did you mean "organization"?`},
		"points":           {2, fiveMembers, "", []string{"--like", "topics"}, `--like "topics": write COLUMN=POINTS`},
		"many points":      {2, fiveMembers, "", []string{"--like", "topics=700", "--unlike", "organization=700"}, "two people could score up to 1400, and 1000 is the most there may be"},
		"points twice":     {2, fiveMembers, "", []string{"--like", "topics=1", "--like", "Topics=2"}, `"topics" is there twice`},
		"since":            {3, strings.ReplaceAll(fiveMembers, "housing,2", "housing,soon"), "ada,ben,1\n", []string{"--history", "h.csv", "--since", "since"}, `m.csv:5: column "since": "soon" is no round`},
		"history cells":    {3, fiveMembers, "ada,ben\n", []string{"--history", "h.csv"}, "h.csv:1: has 2 cells: a line is id,id,round"},
		"history round":    {3, fiveMembers, "id,id,round\nada,ben,0\n", []string{"--history", "h.csv"}, `h.csv:2: column "round": rounds are numbered from 1`},
		"history number":   {3, fiveMembers, "ada,ben,1\nada,cam,-1\n", []string{"--history", "h.csv"}, `h.csv:2: column "round": "-1" is no whole number of 0 or more`},
		"history itself":   {3, fiveMembers, "ada,ada,1\n", []string{"--history", "h.csv"}, `h.csv:1: column "id": "ada" is introduced to itself`},
		"history twice":    {3, fiveMembers, "ada,ben,1\nben,ada,1\n", []string{"--history", "h.csv"}, "h.csv:2: says the same as line 1"},
		"history of other": {3, fiveMembers, "x,y,1\n", []string{"--history", "h.csv"}, "is it the history of another network?"},
		"size":             {2, fiveMembers, "", []string{"--size", "3"}, `--size "3": write 2 for pairs, or MIN-MAX`},
		"size backwards":   {2, fiveMembers, "", []string{"--size", "4-3"}, `--size "4-3"`},
		"impossible size":  {4, fiveMembers, "", []string{"--size", "3-4"}, "5 people cannot be divided into circles of 3 to 4; another size is needed"},
		"circles' flags":   {2, fiveMembers, "", []string{"--spread", "topics"}, "--spread is for circles"},
		"pairs' flags":     {2, fiveMembers, "", []string{"--size", "2-3", "--like", "topics=1"}, "--like and --unlike are for pairs"},
		"both forms":       {2, fiveMembers, "", []string{"--json", "--csv"}, "keep one of them"},
		"seed":             {2, fiveMembers, "", []string{"--seed", ""}, "--seed is empty"},
		"overwrites":       {2, fiveMembers, "", []string{"--history-out", "m.csv", "--force"}, "would overwrite a file that is read"},
		"not forced":       {2, fiveMembers, "ada,ben,1\n", []string{"--history", "h.csv", "--history-out", "h.csv"}, "h.csv exists"},
		"no history":       {3, fiveMembers, "", []string{"--history", "none.csv"}, "none.csv: cannot be opened"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"m.csv": c.members}
			if c.history != "" {
				files["h.csv"] = c.history
			}
			args := append([]string{"introduce", "--members", "m.csv"}, c.args...)
			if !slices.Contains(args, "--seed") {
				args = append(args, "--seed", "s")
			}
			r := run(t.Context(), folder(t, files), "", args...)
			if r.code != c.code || !strings.Contains(r.stderr, c.want) || r.stdout != "" {
				t.Errorf("exit %d, want %d\n%s%s", r.code, c.code, r.stdout, r.stderr)
			}
		})
	}
	var out bytes.Buffer
	if code := cli.Run(t.Context(), []string{"introduce"}, nil, &out, &out); code != 2 || !strings.Contains(out.String(), "--members") {
		t.Errorf("exit %d %s", code, out.String())
	}
}
