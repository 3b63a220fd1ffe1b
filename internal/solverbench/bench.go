package solverbench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Solver is who solves: Own or a peer.
type Solver string

const (
	Own   Solver = "fairlead"
	HiGHS Solver = "highspy"
	SciPy Solver = "scipy"
	CBC   Solver = "cbc"
)

// Peers are the solvers to compare with, in the order of the report.
var Peers = []Solver{HiGHS, SciPy, CBC}

// Options of a comparison.
type Options struct {
	Dir      string // instances, results of peers and the Python environment
	Families []Family
	Sizes    []Size
	Seeds    []uint64
	Peers    []Solver
	Limit    time.Duration // for one instance
	Log      io.Writer     // progress
}

// Result is what one solver did with one instance.
type Result struct {
	Instance string  `json:"instance"`
	Digest   string  `json:"digest"` // SHA-256 of the file
	Version  string  `json:"version"`
	Limit    float64 `json:"limit"`  // seconds
	Status   string  `json:"status"` // optimal, infeasible or unfinished
	Value    int64   `json:"value"`  // if optimal
	CPU      float64 `json:"cpu"`    // seconds
}

// Instance is one of the comparison, with what each solver did.
type Instance struct {
	Family Family
	Size   Size
	Seed   uint64
	Name   string
	Rows   int
	file   string
	digest string
	Result map[Solver]Result
}

// Comparison is a finished one.
type Comparison struct {
	Options
	Version   map[Solver]string
	Instances []*Instance
}

// Run writes the instances that are not there yet, solves each with this
// repository's solver and, unless their results are there, with each peer.
func Run(ctx context.Context, o Options) (*Comparison, error) {
	c := &Comparison{Options: o, Version: map[Solver]string{Own: "this repository, " + runtime.Version()}}
	if err := c.write(); err != nil {
		return nil, err
	}
	for _, peer := range o.Peers {
		if err := c.runPeer(ctx, peer); err != nil {
			return nil, fmt.Errorf("%s: %w", peer, err)
		}
	}
	return c, c.runOwn(ctx)
}

// write writes the instances as MPS files.
func (c *Comparison) write() error {
	dir := filepath.Join(c.Dir, "instances")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, family := range c.Families {
		for _, size := range c.Sizes {
			for _, seed := range c.Seeds {
				in := &Instance{Family: family, Size: size, Seed: seed, Name: Name(family, size, seed), Result: map[Solver]Result{}}
				problem := Generate(family, size, seed)
				var text bytes.Buffer
				if err := WriteMPS(&text, in.Name, problem); err != nil {
					return fmt.Errorf("%s: %w", in.Name, err)
				}
				in.Rows = len(problem.Rows)
				in.file = filepath.Join(dir, in.Name+".mps")
				sum := sha256.Sum256(text.Bytes())
				in.digest = hex.EncodeToString(sum[:])
				if old, err := os.ReadFile(in.file); err != nil || !bytes.Equal(old, text.Bytes()) {
					if err := os.WriteFile(in.file, text.Bytes(), 0o644); err != nil {
						return err
					}
				}
				c.Instances = append(c.Instances, in)
			}
		}
	}
	return nil
}

// runOwn solves every instance with this repository's solver, on one thread.
func (c *Comparison) runOwn(ctx context.Context) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, in := range c.Instances {
		file, err := os.Open(in.file)
		if err != nil {
			return err
		}
		problem, err := ReadMPS(file)
		file.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", in.file, err)
		}
		runtime.GC() // the garbage of reading is not part of solving
		before := cpuSeconds()
		limited, cancel := context.WithCancel(ctx)
		s, err := ilp.Solve(limited, problem, ilp.Options{Progress: func(int64, bool, int64, int64) {
			if cpuSeconds()-before > c.Limit.Seconds() {
				cancel()
			}
		}})
		r := Result{Instance: in.Name, Digest: in.digest, Version: c.Version[Own], Limit: c.Limit.Seconds(), CPU: cpuSeconds() - before}
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch s.Status {
		case ilp.Optimal:
			r.Status, r.Value = "optimal", s.Value
		case ilp.Infeasible:
			r.Status = "infeasible"
		default:
			r.Status = "unfinished"
		}
		in.Result[Own] = r
	}
	return nil
}

// cpuSeconds is the CPU time of this process so far.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// runPeer solves with a peer every instance whose result is not stored.
func (c *Comparison) runPeer(ctx context.Context, peer Solver) error {
	p, err := openPeer(ctx, c.Dir, peer, c.Log)
	if err != nil {
		return err
	}
	c.Version[peer] = p.version
	dir := filepath.Join(c.Dir, "results", string(peer))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var open []*Instance
	for _, in := range c.Instances {
		if r, ok := c.stored(dir, in, p.version); ok {
			in.Result[peer] = r
		} else {
			open = append(open, in)
		}
	}
	if len(open) > 0 {
		fmt.Fprintf(c.Log, "%s: %d instances to solve, %d stored\n", p.version, len(open), len(c.Instances)-len(open))
	}
	return p.solve(ctx, open, c.Limit, func(in *Instance, r Result) error {
		in.Result[peer] = r
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, in.Name+".json"), append(text, '\n'), 0o644)
	})
}

// stored reads the result of an earlier run, if it is of the same file, solver
// and limit.
func (c *Comparison) stored(dir string, in *Instance, version string) (Result, bool) {
	var r Result
	text, err := os.ReadFile(filepath.Join(dir, in.Name+".json"))
	if err != nil || json.Unmarshal(text, &r) != nil {
		return r, false
	}
	return r, r.Digest == in.digest && r.Version == version && r.Limit == c.Limit.Seconds()
}

// Mismatches lists the instances on which two solvers that finished disagree.
func (c *Comparison) Mismatches() []string {
	var list []string
	for _, in := range c.Instances {
		own := in.Result[Own]
		if own.Status == "unfinished" {
			continue
		}
		for _, peer := range c.Peers {
			r := in.Result[peer]
			if r.Status != "unfinished" && (r.Status != own.Status || r.Value != own.Value) {
				list = append(list, fmt.Sprintf("%s: %s says %s %d, %s says %s %d", in.Name, Own, own.Status, own.Value, peer, r.Status, r.Value))
			}
		}
	}
	return list
}

// Choose keeps the items whose name contains one of the words of a
// comma-separated list; an empty list keeps all.
func Choose[T any](all []T, words string, name func(T) string) ([]T, error) {
	if words == "" {
		return all, nil
	}
	var chosen []T
	for _, word := range strings.Split(words, ",") {
		found := false
		for _, item := range all {
			if strings.Contains(name(item), word) {
				found = true
				if !slices.ContainsFunc(chosen, func(o T) bool { return name(o) == name(item) }) {
					chosen = append(chosen, item)
				}
			}
		}
		if !found {
			var names []string
			for _, item := range all {
				names = append(names, name(item))
			}
			return nil, fmt.Errorf("nothing is called %q; there are %s", word, strings.Join(names, ", "))
		}
	}
	return chosen, nil
}
