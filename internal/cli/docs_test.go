package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The worked examples of the pages about selecting give what stands there, and
// their files are those in docs/examples.
func TestSelectingExample(t *testing.T) {
	for _, page := range []struct {
		name, folder string
		files        []string
		commands     int
	}{
		{"selecting.md", "selecting", []string{"people.csv", "rules.csv"}, 1},
		{"choosing-fairly.md", "choosing", []string{"applicants.csv", "targets.csv"}, 4},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", page.name))
		if err != nil {
			t.Fatal(err)
		}
		rest := string(text)
		block := func(info string) string {
			_, after, found := strings.Cut(rest, "```"+info+"\n")
			body, left, closed := strings.Cut(after, "```\n")
			if !found || !closed {
				t.Fatalf("docs/%s has no block %q", page.name, info)
			}
			rest = left
			return body
		}
		files := map[string]string{}
		for _, name := range page.files {
			files[name] = block("csv " + name)
			file, err := os.ReadFile(filepath.Join("..", "..", "docs", "examples", page.folder, name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(files[name], string(file)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		for range page.commands {
			r := run(t.Context(), folder(t, files), "", arguments(block("sh"))...)
			if r.code != 0 {
				t.Errorf("exit %d: %s", r.code, r.stderr)
			}
			if diff := cmp.Diff(block("text output"), anyDigest.ReplaceAllString(r.stdout, "sha256:…")); diff != "" {
				t.Errorf("docs/%s: %s", page.name, diff)
			}
		}
	}
}

// anyDigest is what differs from version to version: a record names its engine.
var anyDigest = regexp.MustCompile("sha256:[0-9a-f]{64}")

// arguments are those of a command as a shell reads them.
func arguments(command string) []string {
	var args []string
	for i, part := range strings.Split(strings.TrimPrefix(strings.TrimSpace(command), "fairlead "), `"`) {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	return args
}
