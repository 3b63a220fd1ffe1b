package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The worked example of docs/selecting.md gives what stands there, and its
// files are those in docs/examples.
func TestSelectingExample(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "selecting.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := func(info string) string {
		_, rest, found := strings.Cut(string(text), "```"+info+"\n")
		body, _, closed := strings.Cut(rest, "```\n")
		if !found || !closed {
			t.Fatalf("docs/selecting.md has no block %q", info)
		}
		return body
	}
	files := map[string]string{"people.csv": block("csv people.csv"), "rules.csv": block("csv rules.csv")}
	for name, text := range files {
		file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", "selecting", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, string(file)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var args []string
	command := strings.TrimPrefix(strings.TrimSpace(block("sh")), "fairlead ")
	for i, part := range strings.Split(command, `"`) {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	r := run(t.Context(), folder(t, files), "", args...)
	if r.code != 0 {
		t.Errorf("exit %d: %s", r.code, r.stderr)
	}
	if diff := cmp.Diff(block("text output"), r.stdout); diff != "" {
		t.Error(diff)
	}
}
