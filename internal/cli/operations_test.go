package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/openfairlead/fairlead/internal/access"
)

// docs/operations.md lists exactly the flags that `fairlead serve` has, with
// their defaults, and every role that can be granted.
func TestOperationsDocument(t *testing.T) {
	b, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	_, settings, _ := strings.Cut(text, "### Settings")
	settings = regexp.MustCompile(`(?s)\n###? .*`).ReplaceAllString(settings, "")
	documented := map[string]string{} // flag: its row
	for row := range strings.Lines(settings) {
		for _, m := range regexp.MustCompile("`--([a-z-]+)[ `]").FindAllStringSubmatch(strings.SplitN(row+"||", "|", 3)[1], -1) {
			documented[m[1]] = row
		}
	}
	cmd := (&program{}).serveCommand()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		row, ok := documented[f.Name]
		if !ok {
			t.Errorf("--%s is not in the table", f.Name)
			return
		}
		delete(documented, f.Name)
		switch f.DefValue {
		case "", "false", "[]", defaultDataFolder():
		default:
			if !strings.Contains(row, "`"+f.DefValue+"`") {
				t.Errorf("--%s: the table does not say its default %s", f.Name, f.DefValue)
			}
		}
	})
	for name := range documented {
		t.Errorf("the table has --%s, which `fairlead serve` has not", name)
	}
	for _, r := range access.Roles {
		if access.Grantable(r) && !strings.Contains(text, "`"+strings.ToLower(string(r))+"`") {
			t.Errorf("the role %s is not explained", r)
		}
	}
	// The commands that it shows exist, with the flags that it shows.
	root := (&program{}).root()
	shown := 0
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "    fairlead ")
		if !ok {
			continue
		}
		shown++
		words := strings.Fields(rest)
		found, args, err := root.Find(words)
		if err != nil || found == root {
			t.Errorf("%q: %v", line, err)
			continue
		}
		for _, w := range args {
			if name, ok := strings.CutPrefix(w, "--"); ok && found.Flag(name) == nil {
				t.Errorf("%q: %s has no flag --%s", line, found.CommandPath(), name)
			}
		}
	}
	if shown < 8 {
		t.Errorf("only %d commands are shown", shown)
	}
}
