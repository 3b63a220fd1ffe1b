//go:build unix

package selecttest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/matcher"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Ctrl-C once: the best cohort so far, marked as not proved, and exit code 130.
func TestInterrupt(t *testing.T) {
	people, rules := Endless()
	pool, file := write(t, "people.csv", people), write(t, "rules.csv", rules)
	for wait := time.Second; ; wait *= 2 {
		out := filepath.Join(t.TempDir(), "run.json")
		cmd := exec.Command(testserver.Binary(t), "select", "--pool", pool, "--rules", file, "--size", "15", "--seed", "s", "--out", out, "--json", "--quiet")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
			// A machine that is busy may not have come to listen for signals yet.
			if exit != nil && exit.ExitCode() == -1 && wait < time.Minute {
				continue
			}
			t.Fatalf("%v, want exit code 130: %s", err, stderr.String())
		}
		record, err := matcher.ParseRecord(stdout.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if record.Status == matcher.Undecided && wait < time.Minute {
			continue
		}
		if record.Status != matcher.Feasible || record.Complete || len(record.Cohort) != 15 {
			t.Errorf("%s, complete %v, %d people", record.Status, record.Complete, len(record.Cohort))
		}
		if written, err := os.ReadFile(out); err != nil || !bytes.Equal(written, stdout.Bytes()) {
			t.Errorf("--out differs from --json, %v", err)
		}
		return
	}
}

// A run that is killed while it writes leaves the file whole, or as it was.
func TestKilledWhileWriting(t *testing.T) {
	people, rules := Endless()
	pool, file := write(t, "people.csv", people), write(t, "rules.csv", rules)
	before := []byte("what was there before")
	out := write(t, "run.json", string(before))
	whole, kept := 0, 0
	const kills = 12
	for i := range kills {
		if err := os.WriteFile(out, before, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(testserver.Binary(t), "select", "--pool", pool, "--rules", file, "--size", "15", "--seed", "s", "--timeout", "20ms", "--out", out, "--force", "--quiet")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+5*i) * time.Millisecond)
		_ = cmd.Process.Kill() // it may be through already
		_ = cmd.Wait()
		now, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(now, before) {
			kept++
		} else if _, err := matcher.ParseRecord(now); err == nil {
			whole++
		} else {
			t.Errorf("after %d ms: %d bytes that are no record: %v", 20+5*i, len(now), err)
		}
	}
	if whole+kept != kills {
		t.Errorf("%d new, %d as before, of %d", whole, kept, kills)
	}
}

// The most that selecting may take, in MiB of resident memory. A lottery over
// 2,000 applicants by 48 rules takes a quarter of a minute of one processor, which
// only the soak has.
func TestMemory(t *testing.T) {
	type run struct {
		people  int
		lottery string
		most    float64
	}
	runs := []run{{2000, "none", 256}, {200, "leximin", 256}}
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		runs = append(runs, run{2000, "leximin", 512})
	}
	for _, r := range runs {
		pool, rules := invented(r.people)
		cmd := exec.Command(testserver.Binary(t), "select", "--pool", write(t, "people.csv", pool), "--rules", write(t, "rules.csv", rules),
			"--size", "15", "--max-per", "organization=3", "--seed", "figures", "--lottery", r.lottery)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("OPTIMAL")) {
			t.Fatalf("%v: %s", err, out)
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatalf("no resource usage on %s", runtime.GOOS)
		}
		peak := float64(usage.Maxrss) / 1024 // kibibytes
		if runtime.GOOS == "darwin" {
			peak /= 1024 // bytes there
		}
		t.Logf("figure: selecting 15 of %d applicants by 48 rules from files, lottery %s: %.0f MiB of resident memory at most (limit: %.0f), %.1f s of processor time", r.people, r.lottery, peak, r.most, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
		if peak >= r.most {
			t.Errorf("%.0f MiB, want less than %.0f", peak, r.most)
		}
	}
}

// invented is a pool of invented applicants with several values to a cell, and
// rules of all kinds.
func invented(n int) (pool, rules string) {
	attributes := []struct {
		name            string
		values, several int
	}{{"county", 5, 3}, {"race", 7, 2}, {"gender", 5, 1}, {"lived", 11, 4}, {"sector", 10, 2}, {"role", 6, 1}}
	var p, r strings.Builder
	p.WriteString("id,organization")
	r.WriteString("feature,value,min,max,kind,priority\n")
	for i, a := range attributes {
		p.WriteString("," + a.name)
		for v := range a.values {
			priority := fmt.Sprint(i)
			if i == 0 {
				priority = "must"
			}
			fmt.Fprintf(&r, "%s,%s%d,%d,,,%s\n", a.name, a.name, v, min(2, 15/a.values), priority)
		}
	}
	r.WriteString("county,*,2,,company,6\nlived,*,9,,spread,7\nsector,*,8,,spread,7\norganization,*,,1,cap,8\n")
	random := rand.New(rand.NewPCG(2, 15))
	for i := range n {
		fmt.Fprintf(&p, "\nx%04d,o%d", i, random.IntN(n/3))
		for _, a := range attributes {
			p.WriteString(",")
			if random.Float64() < 0.08 {
				p.WriteString("prefer not to say")
				continue
			}
			for range 1 + random.IntN(a.several) {
				fmt.Fprintf(&p, "%s%d;", a.name, int(float64(a.values)*random.Float64()*random.Float64()))
			}
		}
	}
	return p.String(), r.String()
}
