package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A stream as `go test -json` writes it: a pass, a failure in a subtest, a
// skip, a package that does not build, one that crashes.
const events = `
{"Action":"run","Package":"github.com/openfairlead/fairlead/a","Test":"TestGood"}
{"Action":"output","Package":"github.com/openfairlead/fairlead/a","Test":"TestGood","Output":"said nothing of use\n"}
{"Action":"output","Package":"github.com/openfairlead/fairlead/a","Test":"TestGood","Output":"    a_test.go:9: figure: loom: 3 m/s\n"}
{"Action":"pass","Package":"github.com/openfairlead/fairlead/a","Test":"TestGood"}
{"Action":"output","Package":"github.com/openfairlead/fairlead/a","Test":"TestBad/one","Output":"    a_test.go:3: got 1, want 2\n"}
{"Action":"output","Package":"github.com/openfairlead/fairlead/a","Test":"TestBad","Output":"=== RUN   TestBad\n"}
{"Action":"fail","Package":"github.com/openfairlead/fairlead/a","Test":"TestBad/one"}
{"Action":"fail","Package":"github.com/openfairlead/fairlead/a","Test":"TestBad"}
{"Action":"skip","Package":"github.com/openfairlead/fairlead/a","Test":"TestLazy"}
{"Action":"fail","Package":"github.com/openfairlead/fairlead/a"}
{"Action":"build-output","ImportPath":"github.com/openfairlead/fairlead/b [x.test]","Output":"b.go:1: undefined: y\n"}
{"Action":"fail","Package":"github.com/openfairlead/fairlead/b","FailedBuild":"github.com/openfairlead/fairlead/b [x.test]"}
{"Action":"output","Package":"github.com/openfairlead/fairlead/c","Test":"TestHangs","Output":"goroutine 1 [running]\n"}
{"Action":"fail","Package":"github.com/openfairlead/fairlead/c"}
{"Action":"pass","Package":"github.com/openfairlead/fairlead/d","Elapsed":1.5}
`

func TestReadTests(t *testing.T) {
	var out bytes.Buffer
	r := &report{out: &out}
	if !r.readTests(strings.NewReader(strings.TrimSpace(events))) {
		t.Error("the failures were not told")
	}
	want := []string{"./a TestBad/one", "./a TestLazy", "./b", "./c"}
	if r.passed != 1 || !slices.Equal(r.failures, want) {
		t.Errorf("passed %d, failures %q; want 1 and %q", r.passed, r.failures, want)
	}
	for _, s := range []string{"got 1, want 2", "undefined: y", "goroutine 1 [running]", "never skips", "ok   ./d"} {
		if !strings.Contains(out.String(), s) {
			t.Errorf("the output lacks %q:\n%s", s, &out)
		}
	}
	if strings.Contains(out.String(), "nothing of use") {
		t.Error("what a passing test printed was shown")
	}
}

func TestKeepFigures(t *testing.T) {
	r := &report{out: &bytes.Buffer{}}
	r.readTests(strings.NewReader(strings.TrimSpace(events)))
	path := filepath.Join(t.TempDir(), "figures.md")
	if err := os.WriteFile(path, []byte("# Figures\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.keepFigures(path, time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(b); !strings.HasPrefix(s, "# Figures\n\n### `make soak`, 2027-01-02") || !strings.Contains(s, "\n- loom: 3 m/s\n- 1 passed, 4 failed\n") {
		t.Errorf("got:\n%s", s)
	}
}

func TestReport(t *testing.T) {
	for _, c := range []struct {
		name string
		step func(context.Context, *report) error
		code int
		last string
	}{
		{"good", func(_ context.Context, r *report) error { r.pass(2); return nil }, 0, "2 passed, 0 failed"},
		{"bad", func(_ context.Context, r *report) error { r.pass(1); r.fail("x", "why"); return nil }, 1, "1 passed, 1 failed"},
		{"broken", func(context.Context, *report) error { return errors.New("no such tool") }, 1, "0 passed, 1 failed"},
		{"empty", func(context.Context, *report) error { return nil }, 1, "0 passed, 0 failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := &report{out: &out}
			r.runAll(t.Context(), []step{{c.name, c.step}})
			if code := r.close(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if got := lines[len(lines)-1]; got != c.last {
				t.Errorf("last line %q, want %q", got, c.last)
			}
		})
	}
}

// Every fuzz function in the tree is found: the list is compared with a plain
// search for the word.
func TestFuzzTargets(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	targets, err := fuzzTargets()
	if err != nil {
		t.Fatal(err)
	}
	files, err := goFiles()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, "func Fuzz") {
				found++
			}
		}
	}
	if found != len(targets) {
		t.Errorf("%d fuzz functions in the tree, %d found: %v", found, len(targets), targets)
	}
}

func TestExecutions(t *testing.T) {
	const out = "fuzz: elapsed: 3s, execs: 24 (7/sec), new interesting: 0 (total: 22)\nfuzz: elapsed: 6s, execs: 1221 (28/sec), new interesting: 2 (total: 24)\nPASS\n"
	if n := executions([]byte(out)); n != 1221 {
		t.Errorf("%d inputs, want 1221", n)
	}
	if n := executions([]byte("PASS\n")); n != 0 {
		t.Errorf("%d inputs of nothing", n)
	}
}

func TestEndedInTheMiddle(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		out  string
		err  error
		want bool
	}{
		{"--- FAIL: FuzzX (5.08s)\n    context deadline exceeded\nFAIL\n", failed, true},
		{"--- FAIL: FuzzX (5.08s)\n    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzX/1\nFAIL\n", failed, false},
		{"--- FAIL: FuzzX (5.08s)\n    x_test.go:3: got 1\nFAIL\n", failed, false},
		{"PASS\n", nil, false},
	} {
		if got := endedInTheMiddle([]byte(c.out), c.err); got != c.want {
			t.Errorf("%q: %v, want %v", c.out, got, c.want)
		}
	}
}

func TestNeedsSaysTheLine(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no apt-get either
	r := &report{out: &bytes.Buffer{}}
	err := needs(t.Context(), r, need{"a loom", func() bool { return false }, []string{"loom"}})
	if err == nil || !strings.Contains(err.Error(), "a loom") || !strings.Contains(err.Error(), "install -y --no-install-recommends loom") {
		t.Errorf("got %v", err)
	}
	if err := needs(t.Context(), r, need{"nothing", func() bool { return true }, nil}); err != nil {
		t.Errorf("a need that is met: %v", err)
	}
}
