package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"
)

// step is one kind of check. It reports each result as it knows it; an error
// counts as one failure.
type step struct {
	name string
	run  func(context.Context, *report) error
}

// report counts results and prints them plainly: one line for what passed,
// everything that was printed for what failed.
type report struct {
	mu             sync.Mutex
	out            io.Writer
	verbose        bool
	passed, failed int
	lines          []string // the summary, one line a step
	failures       []string
	figures        []string // what tests measured
}

// runAll runs the steps one after the other; a failing step does not stop the
// next one.
func (r *report) runAll(ctx context.Context, steps []step) {
	for _, s := range steps {
		r.say("== %s", s.name)
		begin := time.Now()
		passed, failed := r.counts()
		if err := s.run(ctx, r); err != nil {
			r.fail(s.name, err.Error())
		}
		p, f := r.counts()
		line := fmt.Sprintf("%-34s %5d passed %3d failed %7.1f s", s.name, p-passed, f-failed, time.Since(begin).Seconds())
		r.say("-- %s", line)
		r.lines = append(r.lines, line)
		if ctx.Err() != nil {
			r.fail(s.name, "interrupted")
			return
		}
	}
}

// close prints the summary and returns the exit code.
func (r *report) close() int {
	fmt.Fprintln(r.out)
	for _, l := range r.lines {
		fmt.Fprintln(r.out, l)
	}
	if len(r.failures) > 0 {
		fmt.Fprintln(r.out, "\nFailed:")
		for _, f := range r.failures {
			fmt.Fprintln(r.out, "  "+f)
		}
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed\n", r.passed, r.failed)
	if r.failed > 0 || r.passed == 0 {
		return 1
	}
	return 0
}

func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, format+"\n", args...)
}

func (r *report) counts() (passed, failed int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passed, r.failed
}

func (r *report) pass(n int) {
	r.mu.Lock()
	r.passed += n
	r.mu.Unlock()
}

// figure keeps what was measured, for docs/figures.md.
func (r *report) figure(text string) {
	r.say("%s", text)
	r.mu.Lock()
	r.figures = append(r.figures, text)
	r.mu.Unlock()
}

// fail records a failure and prints what is known about it.
func (r *report) fail(name, output string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed++
	r.failures = append(r.failures, name)
	fmt.Fprintf(r.out, "FAIL %s\n", name)
	for line := range strings.Lines(strings.TrimRight(output, "\n")) {
		fmt.Fprintf(r.out, "    %s\n", strings.TrimRight(line, "\n"))
	}
}

// check runs a program that says by its exit code whether something holds.
func (r *report) check(ctx context.Context, name string, argv ...string) error {
	out, err := program(ctx, argv...).CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.fail(name, fmt.Sprintf("$ %s\n%s%v", strings.Join(argv, " "), out, err))
	default:
		r.pass(1)
		r.say("ok   %s", name)
	}
	return nil
}

// program is a command of a process group of its own, so that an interrupt
// ends what it started as well.
func program(ctx context.Context, argv ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.WaitDelay = 10 * time.Second
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	return c
}

// event is a line of `go test -json`.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of build output
	FailedBuild                   string
	Elapsed                       float64
}

// goTest runs `go test -json` with the arguments and reports every test by
// itself. A skipped test is a failed one: what cannot be checked has not been.
func (r *report) goTest(ctx context.Context, env []string, args ...string) error {
	argv := append([]string{"go", "test", "-json"}, args...)
	cmd := program(ctx, argv...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	failed := r.readTests(pipe)
	err = cmd.Wait()
	if err != nil && !failed {
		return fmt.Errorf("$ %s\n%s%w", strings.Join(argv, " "), stderr.Bytes(), err)
	}
	return nil
}

// readTests reads the events of `go test -json` and returns whether anything
// failed.
func (r *report) readTests(events io.Reader) (failed bool) {
	type key struct{ pkg, test string }
	output := map[key]*strings.Builder{}
	builds := map[string]*strings.Builder{}
	parents := map[key]bool{} // tests that have subtests with results of their own
	failedIn := map[string]bool{}
	write := func(m map[key]*strings.Builder, k key, s string) {
		if m[k] == nil {
			m[k] = &strings.Builder{}
		}
		m[k].WriteString(s)
	}
	fail := func(pkg, name, out string) {
		failed, failedIn[pkg] = true, true
		r.fail(name, out)
	}
	scan := bufio.NewScanner(events)
	scan.Buffer(make([]byte, 64<<10), 16<<20)
	for scan.Scan() {
		var e event
		if json.Unmarshal(scan.Bytes(), &e) != nil {
			r.say("%s", scan.Bytes())
			continue
		}
		k := key{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			if builds[e.ImportPath] == nil {
				builds[e.ImportPath] = &strings.Builder{}
			}
			builds[e.ImportPath].WriteString(e.Output)
		case "output":
			write(output, k, e.Output)
		case "pass", "fail", "skip":
			name := short(e.Package)
			if e.Test != "" {
				name += " " + e.Test
				if i := strings.LastIndexByte(e.Test, '/'); i > 0 {
					parents[key{e.Package, e.Test[:i]}] = true
				}
			}
			out := ""
			if b := output[k]; b != nil {
				out = b.String()
			}
			delete(output, k)
			switch {
			case e.Test == "" && e.Action == "fail":
				if b := builds[e.FailedBuild]; b != nil {
					fail(e.Package, name, b.String())
				} else if !failedIn[e.Package] {
					// A crash or a time-out: show what the tests that never
					// ended had printed.
					var rest []string
					for ko, b := range output {
						if ko.pkg == e.Package {
							rest = append(rest, b.String())
						}
					}
					sort.Strings(rest)
					fail(e.Package, name, strings.Join(rest, "")+out)
				}
			case e.Test == "" && e.Action == "pass":
				r.say("ok   %-58s %6.1f s", name, e.Elapsed)
			case e.Test == "": // a package without tests
			case e.Action == "fail" && parents[k] && onlyHeader(out):
				// Its subtests have told; counting it again would say nothing.
			case e.Action == "fail":
				fail(e.Package, name, out)
			case e.Action == "skip":
				fail(e.Package, name, "skipped: a test of this project never skips\n"+out)
			case e.Action == "pass":
				r.pass(1)
				r.measured(out)
				if r.verbose {
					r.say("%s", strings.TrimRight(out, "\n"))
				}
			}
		}
	}
	if err := scan.Err(); err != nil {
		fail("", "reading test results", err.Error())
	}
	return failed
}

// measured keeps and prints the lines of a test's log that begin with
// "figure: ".
func (r *report) measured(out string) {
	for line := range strings.Lines(out) {
		if _, figure, ok := strings.Cut(line, ": figure: "); ok {
			figure = strings.TrimSpace(figure)
			r.say("     %s", figure)
			r.mu.Lock()
			r.figures = append(r.figures, figure)
			r.mu.Unlock()
		}
	}
}

// keepFigures appends what was measured to the file.
func (r *report) keepFigures(path string, now time.Time) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Fprintf(f, "\n### `make soak`, %s, %s/%s, %d cores\n\n", now.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, l := range r.figures {
		fmt.Fprintf(f, "- %s\n", l)
	}
	fmt.Fprintf(f, "- %d passed, %d failed\n", r.passed, r.failed)
	return f.Close()
}

// onlyHeader reports whether a test printed nothing but its own run and fail
// lines.
func onlyHeader(out string) bool {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") && line != "" {
			return false
		}
	}
	return true
}

func short(pkg string) string {
	s := strings.TrimPrefix(pkg, "github.com/openfairlead/fairlead")
	return "." + s
}
