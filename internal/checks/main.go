// Command checks runs what has to hold before a change lands: the linters,
// the generated code, and every kind of test. It is what `make test`, `make
// lint` and .ci/run call, so that all three count in the same way.
//
// It installs what a check needs where it can (root on a Debian system) and
// otherwise runs everything else first, prints the one line to run, and fails.
// No check is ever skipped. The last line of its output is "N passed, N failed".
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if os.Getenv("CGO_ENABLED") == "" {
		// As a release is built, so that tests run what people get, and nothing
		// is compiled once with and once without.
		os.Setenv("CGO_ENABLED", "0")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// command is one thing this program can be asked for.
type command struct {
	name, about string
	steps       func(*options) []step
}

var commands = []command{
	{"test", "every kind of test, at reduced counts", testSteps},
	{"soak", "the same tests at full counts", testSteps},
	{"lint", "formatting, vet, staticcheck, the API's style and compatibility", lintSteps},
	{"generated", "the generated code is what the sources generate", generatedSteps},
	{"fuzz", "every fuzz target, for --fuzztime each", full(fuzzSteps)},
	{"race", "the tests of concurrent packages under the race detector", full(raceSteps)},
	{"browser", "the pages in a real browser", browserSteps},
	{"ci", "lint, generated and test", ciSteps},
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "demo" {
		return demoOnPostgres(ctx, args[1:], stdout, stderr)
	}
	o := &options{}
	flags := flag.NewFlagSet("checks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.fuzzTime, "fuzztime", "", "how long each fuzz target runs (default 1s; soak 40s)")
	flags.BoolVar(&o.verbose, "v", false, "also print what passing tests print")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: go run ./internal/checks [flags] COMMAND")
		for _, c := range commands {
			fmt.Fprintf(stderr, "  %-10s %s\n", c.name, c.about)
		}
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return 2
	}
	if err := toRoot(); err != nil {
		fmt.Fprintln(stderr, "checks:", err)
		return 2
	}
	for _, c := range commands {
		if c.name != flags.Arg(0) {
			continue
		}
		o.soak = c.name == "soak"
		if o.fuzzTime == "" {
			o.fuzzTime = "1s"
			if o.soak {
				o.fuzzTime = "40s"
			}
		}
		r := &report{out: stdout, verbose: o.verbose}
		r.runAll(ctx, c.steps(o))
		if o.soak {
			if err := r.keepFigures("docs/figures.md", time.Now()); err != nil {
				r.fail("docs/figures.md", err.Error())
			}
		}
		return r.close()
	}
	var names []string
	for _, c := range commands {
		names = append(names, c.name)
	}
	fmt.Fprintf(stderr, "checks: unknown command %q (one of %s)\n", flags.Arg(0), strings.Join(names, ", "))
	return 2
}

// options of one run.
type options struct {
	soak, verbose bool
	full          bool // the race detector and fuzzing as in a soak
	vetted        bool // go vet has looked at everything already
	fuzzTime      string

	browserOnce sync.Once
	browserErr  error
}

// browserReady installs what the browser tests need, once.
func (o *options) browserReady(ctx context.Context, r *report) error {
	o.browserOnce.Do(func() { o.browserErr = needs(ctx, r, browser, nodePackages) })
	return o.browserErr
}

// toRoot makes the folder of the main go.mod the working folder, so that the
// program can be called from anywhere in the tree.
func toRoot() error {
	for range 20 {
		b, err := os.ReadFile("go.mod")
		if err == nil && strings.HasPrefix(string(b), "module github.com/openfairlead/fairlead\n") {
			return nil
		}
		if err := os.Chdir(".."); err != nil {
			return err
		}
	}
	return errors.New("run me inside a checkout of the project")
}
