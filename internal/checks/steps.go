package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// toolMod is the module of the development tools. It is apart from the main
// one so that their dependencies do not become the product's.
const toolMod = "-modfile=internal/tools/go.mod"

// racePackages are the packages in which goroutines share state.
var racePackages = []string{
	"./applications",
	"./mentoring",
	"./introductions",
	"./internal/leased",
	"./internal/server",
	"./internal/server/chain",
	"./internal/server/gateway",
	"./internal/sqlstore",
	"./internal/web",
}

// raceCompiler: the detector needs everything compiled once more. Optimizing it
// for a minute of use takes longer than the use, and instrumenting SQLite, which
// a program translated from C, slows every test and could find nothing of ours.
var raceCompiler = []string{"-gcflags=all=-N -l", "-gcflags=modernc.org/sqlite/lib=-race=false"}

// Long tables that one goroutine goes through have nothing to race with, and
// take minutes under the race detector: they run without it only, and so does
// what measures memory. Of the store's conformance suite the cases with several
// goroutines run.
const (
	raceWithout = "^(TestAccessMatrix|TestEveryList|TestAtRest|TestAtRestPostgres|TestConformance|TestConformancePostgres|TestConformanceDistributed|TestPostgresFaults|TestOpenPostgresRefuses|TestConcurrentFirstStartsPostgres|TestIdleMemory|TestLife|TestLifePostgres|TestLifeDistributed|TestEraseFromEveryState|TestVerifyRuns|TestExportManyPages)$"
	raceCases   = "^TestConformance(Postgres|Distributed)?$/.*/(winner|same_time|writers|concurrency)"
)

// onPostgres are the tests of the service that run once more on PostgreSQL, where
// transactions run beside each other and again: whole lives, races, repeated
// requests, runs. The soak runs all of them.
const onPostgres = "Life|Journey|Idempotent|Winner|EraseAgainst|EraseDuring|KilledRuns|LeaseTaken|RunnerLoop|ExpiryAgainst|CloseDue|FirstToken|EveryMutation"

func ciSteps(o *options) []step {
	o.vetted = true // by lint, and with more than go test looks for
	steps := append(lintSteps(o), generatedSteps(o)...)
	return append(steps, testSteps(o)...)
}

// packagesAtOnce is how many packages' tests run beside each other: many of
// them mostly wait, for a disk, a killed server or a clock, so that one for
// each of two cores would leave these idle for half of the time.
const packagesAtOnce = "4"

// soakedAtOnce is less: the soak measures, too.
const soakedAtOnce = "3"

func testSteps(o *options) []step {
	steps := []step{{"go test ./...", func(ctx context.Context, r *report) error {
		if err := needs(ctx, r, curl, nginx); err != nil {
			return err
		}
		noPostgres := needs(ctx, r, postgres) // without it the rest runs all the same
		go o.browserReady(ctx, r)             // an installation takes a while: begin it now
		args, env := []string{"-p", packagesAtOnce, "-timeout", "9m", "./..."}, []string(nil)
		if o.vetted {
			args = append([]string{"-vet=off"}, args...)
		}
		if o.soak {
			args, env = []string{"-p", soakedAtOnce, "-timeout", "55m", "-count=1", "./..."}, []string{"FAIRLEAD_SOAK=1"}
		}
		return errors.Join(r.goTest(ctx, env, args...), noPostgres)
	}}, {"go test, as on a distributed database", func(ctx context.Context, r *report) error {
		args := []string{"-vet=off", "-p", packagesAtOnce, "-timeout", "9m", "-run", onPostgres, "./applications", "./internal/server"}
		if o.soak {
			args = []string{"-vet=off", "-p", packagesAtOnce, "-timeout", "55m", "-skip", "^TestIdleMemory$", "./applications", "./internal/server", "./internal/web", "./internal/erasures"}
		}
		err := r.goTest(ctx, []string{"FAIRLEAD_TEST_STORE=distributed"}, args...)
		// And as if every transaction lost its first commit.
		return errors.Join(err, r.goTest(ctx, []string{"FAIRLEAD_TEST_STORE=again"}, args...))
	}}}
	steps = append(steps, raceSteps(o)...)
	steps = append(steps, fuzzSteps(o)...)
	return append(steps, browserSteps(o)...)
}

// raceReduced are the tests in which goroutines meet: what make test runs under
// the race detector. The soak and make race run all but raceWithout.
const raceReduced = "EraseDuring|EraseAgainst|ExpiryAgainst|FirstToken|Winner|KilledRuns|RunKilled|CancelSelection|WithdrawalMakes|LeaseTaken|RunnerLoop|RunGivesUp|PoolChanged|TriesAtOnce|IdempotentCreate|CloseDue" +
	"|ReadAgain|Bounded|Collector|ImportOverREST|BreaksOff|EveryMutation|RatesBehind|SlowCallers|RefusedUpload|Listen|PortsAndHealth|StopFinishes|Background|ManyWatches|Journey|PanicInAPage|HTTP2" +
	"|Gate|Limiter|RateLimit|OpenStreams|Deadline|NoPlace|SlowBody" +
	"|FaultAt|Retry|GroupFails|Keys|Concurrent|TwoProcesses|ManyKinds|LostConnection|OutcomeUnknown|StatementEnds|WhileWriting" +
	"|RunRenews|Wake|RunOneEnds|ErasingWhileSolving|RunnerResumes|PublishingOvertaken|SurvivesItsRunner|RoundOvertaken"

// full has a step's tests run as in a soak.
func full(steps func(*options) []step) func(*options) []step {
	return func(o *options) []step {
		o.full = true
		return steps(o)
	}
}

func raceSteps(o *options) []step {
	return []step{{"go test -race", func(ctx context.Context, r *report) error {
		if err := needs(ctx, r, compiler); err != nil {
			return err
		}
		race := append([]string{"-race", "-vet=off", "-p", packagesAtOnce, "-timeout", "9m"}, raceCompiler...)
		cgo := []string{"CGO_ENABLED=1"} // the detector is a C library
		all, packages := append(slices.Clone(race), "-skip", raceWithout), racePackages
		if !o.soak && !o.full {
			all = append(all, "-run", raceReduced)
			// The pages call the service, whose own tests race it; of theirs few are
			// fast enough to meet.
			packages = slices.DeleteFunc(slices.Clone(packages), func(p string) bool { return p == "./internal/web" })
		}
		return errors.Join(
			r.goTest(ctx, cgo, append(all, packages...)...),
			r.goTest(ctx, cgo, append(race, "-run", raceCases, "./internal/sqlstore")...),
		)
	}}}
}

// lintSteps: formatting, vet, staticcheck, and the API's own two.
func lintSteps(*options) []step {
	return []step{{"lint", func(ctx context.Context, r *report) error {
		files, err := goFiles()
		if err != nil {
			return err
		}
		var stderr bytes.Buffer // where the first run tells of its downloads
		gofumpt := program(ctx, append([]string{"go", "tool", toolMod, "gofumpt", "-l"}, files...)...)
		gofumpt.Stderr = &stderr
		out, err := gofumpt.Output()
		switch {
		case err != nil:
			r.fail("gofumpt", stderr.String()+err.Error())
		case len(bytes.TrimSpace(out)) > 0:
			r.fail("gofumpt", "not formatted (make format mends it):\n"+string(out))
		default:
			r.pass(1)
			r.say("ok   gofumpt")
		}
		return errors.Join(
			r.check(ctx, "go vet", "go", "vet", "./..."),
			r.check(ctx, "go vet, the browser tests", "go", "-C", "internal/webtest", "vet", "./..."),
			r.check(ctx, "go vet, the proto writer", "go", "-C", "internal/protos", "vet", "./..."),
			r.check(ctx, "staticcheck", "go", "tool", toolMod, "staticcheck", "./..."),
			r.check(ctx, "buf lint", "sh", "internal/tools/api.sh", "lint"),
			r.check(ctx, "buf breaking", "sh", "internal/tools/api.sh", "breaking"),
		)
	}}}
}

// goFiles lists the Go files that people write, in every module of the tree.
func goFiles() ([]string, error) {
	var files []string
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "gen", "bin", "tmp", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// generatedSteps generates again and compares with what was there.
func generatedSteps(*options) []step {
	return []step{{"generated code", func(ctx context.Context, r *report) error {
		return r.check(ctx, "gen/ is what proto/ generates", "sh", "internal/tools/api.sh", "check")
	}}}
}

// fuzzTarget is one Fuzz function.
type fuzzTarget struct{ pkg, name string }

// fuzzFunc finds fuzz functions in the text of test files.
var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// fuzzTargets lists every fuzz function of the main module.
func fuzzTargets() ([]fuzzTarget, error) {
	files, err := goFiles()
	if err != nil {
		return nil, err
	}
	var targets []fuzzTarget
	for _, f := range files {
		if !strings.HasSuffix(f, "_test.go") || strings.HasPrefix(f, "internal/webtest/") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		for _, m := range fuzzFunc.FindAllSubmatch(b, -1) {
			targets = append(targets, fuzzTarget{"./" + filepath.ToSlash(filepath.Dir(f)), string(m[1])})
		}
	}
	return targets, nil
}

// fuzzSteps builds each package's fuzz binary once and runs its targets, three
// at a time with one worker each: one is built while others run.
func fuzzSteps(o *options) []step {
	return []step{{"fuzz, " + o.fuzzTime + " each", func(ctx context.Context, r *report) error {
		targets, err := fuzzTargets()
		if err != nil {
			return err
		}
		if len(targets) == 0 {
			return errors.New("no fuzz target found")
		}
		dir, err := os.MkdirTemp("", "fairlead-fuzz-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)

		binaries := map[string]func() (string, error){}
		for _, t := range targets {
			binaries[t.pkg] = sync.OnceValues(func() (string, error) {
				bin := filepath.Join(dir, strings.NewReplacer("/", "_", ".", "").Replace(t.pkg)+".test")
				args := []string{"go", "test", "-c", "-o", bin, t.pkg}
				if o.soak || o.full {
					// Guided by coverage, for which every package that a target
					// reaches is compiled anew: minutes, for seconds of use.
					args = []string{"go", "test", "-c", "-fuzz=.", "-o", bin, t.pkg}
				}
				out, err := program(ctx, args...).CombinedOutput()
				if err != nil {
					r.fail("building the fuzz targets of "+t.pkg, string(out)+err.Error())
				}
				return bin, err
			})
		}

		var inputs atomic.Int64
		slots := make(chan struct{}, 3)
		for _, t := range targets {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				if bin, err := binaries[t.pkg](); err == nil {
					inputs.Add(runFuzz(ctx, r, t, bin, filepath.Join(dir, "cache"), o.fuzzTime))
				}
			}()
		}
		for range cap(slots) {
			slots <- struct{}{}
		}
		figure := fmt.Sprintf("fuzz: %d malformed inputs over %d targets, %s each: a panic or an answer 5xx fails its target", inputs.Load(), len(targets), o.fuzzTime)
		if o.soak {
			met := "met"
			if inputs.Load() < manyInputs {
				met = fmt.Sprintf("missed by a factor of %.1f", float64(manyInputs)/float64(max(1, inputs.Load())))
			}
			figure += fmt.Sprintf(" (aim: %d in one soak, %s)", manyInputs, met)
		}
		r.figure(figure)
		return nil
	}}}
}

// manyInputs is how many inputs one soak wants to try.
const manyInputs = 1_000_000

// runFuzz runs one target and returns how many inputs it has tried without a
// finding.
func runFuzz(ctx context.Context, r *report, t fuzzTarget, bin, cache, fuzzTime string) int64 {
	pkgDir, err := filepath.Abs(t.pkg)
	if err != nil {
		r.fail(t.name, err.Error())
		return 0
	}
	name := strings.TrimPrefix(t.pkg, "./") + " " + t.name
	args := []string{
		bin, "-test.run=^$", "-test.fuzz=^" + t.name + "$", "-test.fuzztime=" + fuzzTime,
		"-test.fuzzcachedir=" + filepath.Join(cache, t.pkg), "-test.parallel=1", "-test.timeout=30m",
		// Every input that reaches new code is made smaller first: seconds of
		// that would leave no time to try inputs.
		"-test.fuzzminimizetime=100ms",
	}
	begin := time.Now()
	var out []byte
	for range 3 {
		cmd := program(ctx, args...)
		cmd.Dir = pkgDir
		out, err = cmd.CombinedOutput()
		if !endedInTheMiddle(out, err) {
			break
		}
	}
	if err != nil {
		r.fail(name, string(out)+err.Error())
		return 0
	}
	execs := executions(out)
	r.pass(1)
	r.say("ok   %-58s %6.1f s %10d inputs", name, time.Since(begin).Seconds(), execs)
	return execs
}

// executions is how many inputs a fuzz run says that it has tried.
func executions(out []byte) int64 {
	m := regexp.MustCompile(`execs: (\d+)`).FindAllSubmatch(out, -1)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(m[len(m)-1][1]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// endedInTheMiddle reports whether a fuzz run failed by nothing but its time
// being over while an input was in work, which Go's fuzzing reports as a failure
// of the target. A finding is different: it names the file of its input.
func endedInTheMiddle(out []byte, err error) bool {
	return err != nil && bytes.Contains(out, []byte("context deadline exceeded")) && !bytes.Contains(out, []byte("Failing input written to"))
}

// browserSteps drives the pages with a real browser, in a module of its own.
func browserSteps(o *options) []step {
	return []step{{"browser", func(ctx context.Context, r *report) error {
		if err := o.browserReady(ctx, r); err != nil {
			return err
		}
		cmd := program(ctx, "bash", "internal/webtest/run.sh", "-json")
		if o.soak {
			cmd.Env = append(os.Environ(), "FAIRLEAD_SOAK=1")
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		passed, _ := r.counts()
		failed := r.readTests(pipe)
		if err := cmd.Wait(); err != nil && !failed {
			return fmt.Errorf("internal/webtest/run.sh: %w\n%s", err, stderr.Bytes())
		}
		if now, _ := r.counts(); !failed && now == passed {
			return errors.New("internal/webtest/run.sh ran no test")
		}
		return nil
	}}}
}
