package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCommand measures for a moment, and writes what it found to its report.
func TestCommand(t *testing.T) {
	report := filepath.Join(t.TempDir(), "report.md")
	var out, errs bytes.Buffer
	if err := run(t.Context(), []string{"-rate", "20", "-duration", "1s", "-warmup", "500ms", "-dir", t.TempDir(), "-report", report}, &out, &errs); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &errs)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Command: `go run ./internal/load/cmd -rate 20", "20 due a second", "p99.9", "by second:", "Read back: 30 acknowledged, 30 stored: 0 lost, 0 duplicated, 0 altered"} {
		if !strings.Contains(string(b), want) || !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b)
		}
	}
	for _, wrong := range [][]string{{"more"}, {"-compare", "oracle"}, {"-url", "https://x", "-token-file", report}, {"-url", "http://x"}} {
		if err := run(t.Context(), wrong, &out, &errs); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
