package solverbench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

func mps(t *testing.T, name string, p *ilp.Problem) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := WriteMPS(&text, name, p); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// The instances are the same on every machine and for ever: figures of
// different days would not be comparable otherwise. A change of the generator
// on purpose changes these digests, and then every figure has to be made anew.
func TestInstancesNeverChange(t *testing.T) {
	want := map[Family]string{
		Single:    "16398e0904e32c79",
		Multi:     "b3a20ef48301130b",
		Unplanted: "ecbe731af6f8ed88",
		Plateau:   "fb66ed03527d6171",
		Rare:      "ddd57077fe7c43b7",
	}
	for _, family := range Families {
		sum := sha256.New()
		for _, size := range []Size{{60, 15}, {300, 30}} {
			for _, seed := range []uint64{101, 105} {
				sum.Write(mps(t, Name(family, size, seed), Generate(family, size, seed)))
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil))[:16]; got != want[family] {
			t.Errorf("%s: digest %s, was %s", family, got, want[family])
		}
	}
}

// Families that are planted are feasible, and what differs between them is
// there: several values of one attribute, links, equal scores.
func TestFamiliesAreWhatTheySay(t *testing.T) {
	for _, family := range Families {
		for _, seed := range Seeds[:4] {
			p := Generate(family, Size{60, 15}, seed)
			s, err := ilp.Solve(context.Background(), p, ilp.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if family != Unplanted && s.Status != ilp.Optimal {
				t.Errorf("%s, seed %d: %v, although a cohort was hidden", family, seed, s.Status)
			}
			chosen := int64(0)
			for _, x := range s.X {
				chosen += x
			}
			if s.Status == ilp.Optimal && chosen != 15 {
				t.Errorf("%s, seed %d: %d chosen", family, seed, chosen)
			}
			distinct := slices.Clone(p.Cost)
			slices.Sort(distinct)
			if n := len(slices.Compact(distinct)); (family == Plateau) != (n <= 5) {
				t.Errorf("%s, seed %d: %d different scores", family, seed, n)
			}
			negative := slices.ContainsFunc(p.Rows, func(r ilp.Row) bool { return slices.Contains(r.Value, -1) })
			if negative != (family == Multi) {
				t.Errorf("%s, seed %d: links %v", family, seed, negative)
			}
		}
	}
}

func TestMPSRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, family := range Families {
		p := Generate(family, Size{60, 15}, 101+r.Uint64N(20))
		p.Lower[3], p.Upper[3] = -2, 7
		text := mps(t, "x", p)
		q, err := ReadMPS(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if again := mps(t, "x", q); !bytes.Equal(text, again) {
			t.Errorf("%s: read and written again, the file differs", family)
		}
	}
	for text, want := range map[string]string{
		"ROWS\n E  r0\nCOLUMNS\n    x0        obj   1\n    x0        r9   1\n": `line 5: no row "r9"`,
		"ROWS\n E  r0\nCOLUMNS\n    x0        obj   many\n":                    `line 4: "many" is not an integer`,
		"ROWS\n E  r0\nSETS\n    x0        obj   1\n":                          `section "SETS" is not known`,
		"ROWS\n E  r0\nCOLUMNS\n    x0  obj  1\nBOUNDS\n UP BND  x4  1\n":      `line 6: no column "x4"`,
	} {
		if _, err := ReadMPS(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// made is a comparison with results as they might be.
func made() *Comparison {
	c := &Comparison{Options: Options{
		Families: []Family{Single, Rare}, Sizes: Sizes[:1], Seeds: Seeds[:2], Peers: []Solver{HiGHS, CBC}, Limit: time.Minute,
	}, Version: map[Solver]string{HiGHS: "highspy 9", CBC: "CBC 9"}}
	for i, family := range c.Families {
		for k, seed := range c.Seeds {
			in := &Instance{Family: family, Size: c.Sizes[0], Seed: seed, Name: Name(family, c.Sizes[0], seed), Rows: 40 + i, Result: map[Solver]Result{}}
			in.Result[Own] = Result{Status: "optimal", Value: int64(-10 * k), CPU: 0.5}
			in.Result[HiGHS] = Result{Status: "optimal", Value: int64(-10 * k), CPU: 10}
			in.Result[CBC] = Result{Status: "optimal", Value: int64(-10 * k), CPU: 1.5}
			c.Instances = append(c.Instances, in)
		}
	}
	return c
}

func TestReport(t *testing.T) {
	report := func(c *Comparison) string {
		var text bytes.Buffer
		if err := c.Report(&text, "make bench"); err != nil {
			t.Fatal(err)
		}
		return text.String()
	}
	text := report(made())
	for _, want := range []string{
		"## Solver", "Command: `make bench`", "highspy 9; CBC 9", "4 instances: 2 families",
		"| rare-value | 2 | 41–41 | 1.00 s (500 ms) | 20.00 s (10.0 s) | 20.0× | 3.00 s (1.5 s) | 3.0× |",
		"| **all** | 4 | 40–41 |", "Mismatches: 0 (infeasible: 0).",
		"total at least 10×: 3.0×, missed by a factor of 3.3; worst family at least 4×: 3.0×",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("not in the report: %s\n%s", want, text)
		}
	}

	// A different value, a different status and an unfinished run.
	c := made()
	c.Instances[0].Result[HiGHS] = Result{Status: "optimal", Value: 1, CPU: 1}
	c.Instances[1].Result[CBC] = Result{Status: "infeasible", CPU: 1}
	c.Instances[2].Result[CBC] = Result{Status: "unfinished", CPU: 60}
	if list := c.Mismatches(); len(list) != 2 {
		t.Errorf("mismatches: %q", list)
	}
	text = report(c)
	for _, want := range []string{"Mismatches: 2", "single-n60-k15-101: fairlead says optimal 0, highspy says optimal 1", "60.0 s; 1 unfinished"} {
		if !strings.Contains(text, want) {
			t.Errorf("not in the report: %s\n%s", want, text)
		}
	}
}

// A stored result counts only for the same file, version and limit.
func TestStoredResults(t *testing.T) {
	dir := t.TempDir()
	c := &Comparison{Options: Options{Limit: time.Minute}}
	in := &Instance{Name: "x", digest: "d"}
	good := Result{Instance: "x", Digest: "d", Version: "v", Limit: 60, Status: "optimal", Value: 3, CPU: 1}
	store := func(r Result) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.json"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := c.stored(dir, in, "v"); ok {
		t.Error("a result was found where there is none")
	}
	store(good)
	if r, ok := c.stored(dir, in, "v"); !ok || r != good {
		t.Errorf("%+v, %v", r, ok)
	}
	for _, change := range []func(*Result){
		func(r *Result) { r.Digest = "e" }, func(r *Result) { r.Version = "w" }, func(r *Result) { r.Limit = 59 },
	} {
		r := good
		change(&r)
		store(r)
		if _, ok := c.stored(dir, in, "v"); ok {
			t.Errorf("%+v was taken", r)
		}
	}
}

// Our side of a comparison runs as it is in make bench.
func TestRunWithoutPeers(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, Families: Families, Sizes: Sizes[:1], Seeds: Seeds[:1], Limit: time.Minute, Log: io.Discard}
	c, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range c.Instances {
		if r := in.Result[Own]; r.Status == "unfinished" || r.CPU <= 0 || r.Digest != in.digest {
			t.Errorf("%s: %+v", in.Name, r)
		}
		if _, err := os.Stat(filepath.Join(dir, "instances", in.Name+".mps")); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, o); err == nil {
		t.Error("a run that was interrupted returned no error")
	}
}

// fake is a peer that is a shell script instead of Python.
func fake(t *testing.T, script string) (*peer, []*Instance) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "fake")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nshift 3\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	var list []*Instance
	for _, name := range []string{"a", "b", "c"} {
		list = append(list, &Instance{Name: name, file: name, Result: map[Solver]Result{}})
	}
	return &peer{solver: "fake", python: file, version: "1"}, list
}

func TestPeerProcess(t *testing.T) {
	line := `echo "{\"file\": \"$f\", \"status\": \"optimal\", \"value\": -3.0000001, \"cpu\": 0.25}"` + "\n"
	collect := func(p *peer, open []*Instance) (map[string]Result, error) {
		got := map[string]Result{}
		err := p.solve(context.Background(), open, time.Second, func(in *Instance, r Result) error {
			got[in.Name] = r
			return nil
		})
		return got, err
	}

	p, open := fake(t, "for f; do\n"+line+"done\n")
	got, err := collect(p, open)
	if err != nil || len(got) != 3 || got["c"].Value != -3 || got["c"].CPU != 0.25 {
		t.Errorf("%+v, %v", got, err)
	}

	// Dying on b: b is unfinished, and a new process goes on with c.
	p, open = fake(t, "for f; do\n if [ $f = b ]; then exit 3; fi\n"+line+"done\n")
	got, err = collect(p, open)
	if err != nil || len(got) != 3 || got["b"].Status != "unfinished" || got["b"].CPU != 1 || got["c"].Status != "optimal" {
		t.Errorf("%+v, %v", got, err)
	}

	// Not working at all is an error, not three unfinished instances.
	p, open = fake(t, "echo no such module >&2\nexit 1\n")
	if got, err = collect(p, open); err == nil || !strings.Contains(err.Error(), "no such module") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestChoose(t *testing.T) {
	name := func(s Size) string { return s.String() }
	if got, err := Choose(Sizes, "1700", name); err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Choose(Sizes, "", name); err != nil || len(got) != len(Sizes) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Choose(Sizes, "1700x16", name); err == nil || !strings.Contains(err.Error(), "1700x110") {
		t.Errorf("error %v", err)
	}
}
