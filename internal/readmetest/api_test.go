package readmetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// The walk through docs/api.md is one session in one shell, beside a running
// server. Only the ports and the place of the data are changed.
func TestAPIDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	all := blocks(t, string(text))
	if len(all) < 6 {
		t.Fatalf("only %d blocks to run", len(all))
	}
	s := testserver.New(t)
	s.Start()
	dir, bin := t.TempDir(), tools(t)
	args := s.Args()
	key := args[4] // of --master-key-file
	here := strings.NewReplacer(
		"http://localhost:8080", s.URL, "localhost:8080", strings.TrimPrefix(s.URL, "http://"), "localhost:9090", s.GRPC,
		"fairlead-keys/master.key", key, "fairlead-data", s.Data,
	)
	const mark = "=== block "
	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for i, b := range all {
		fmt.Fprintf(&script, "printf '\\n%s%d\\n'\n%s", mark, i, here.Replace(b.script))
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(), "NO_COLOR=1")
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\nstdout:\n%s\nstderr:\n%s", err, out, &stderr)
	}
	printed := strings.Split("\n"+string(out), "\n"+mark)[1:]
	if len(printed) != len(all) {
		t.Fatalf("%d of %d blocks ran\n%s", len(printed), len(all), &stderr)
	}
	for i, b := range all {
		_, got, _ := strings.Cut(printed[i], "\n")
		if b.compared && !matches(b.expected, got) {
			t.Errorf("docs/api.md:%d prints\n%s\nand the page says\n%s", b.line, got, b.expected)
		}
	}
	for file, pattern := range map[string]string{
		"changed.json":     `"county":\{"values":\["island"\]\}`,
		"progress.jsonl":   `"state":"SEALED"[^\n]*\n$`,
		"drawn.json":       `"provenance":"PROVENANCE_DRAWN"`,
		"public.json":      `"provenance":"DRAWN"`,
		"result.json":      `"status":"OPTIMAL".*"code":"NS-0`,
		"result-grpc.json": `"status": "OPTIMAL"`,
		"page.json":        `"nextPageToken": "`,
		"accepted.json":    `"state":"ACCEPTED"`,
		"pool.csv":         `(?m)^NS-000\d,IN_POOL,`,
		"program.json":     `"state":"CLOSED"`,
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !regexp.MustCompile(pattern).Match(b) {
			t.Errorf("%s does not show %s: %v\n%s", file, pattern, err, b)
		}
	}
}
