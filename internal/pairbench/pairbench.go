package pairbench

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Measured is what matching one problem took. Times are CPU of the process,
// garbage collection included, but Wall.
type Measured struct {
	Eligible             int // pairs
	Solve, Record, Check time.Duration
	Wall                 time.Duration // of Solve
	Decline              time.Duration // slowest of the declines but the first
	Covered, Pairs       int
	Total                int64
	Worst                int
	Certified            bool
	Visited              int64
	Resident             int64 // most memory held after Solve, in bytes
}

// CPU is the CPU time that this process has used.
func CPU() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Resident is the most memory that this process has held, in bytes.
func Resident() int64 { return usage().Maxrss << 10 }

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u
}

// Measure matches a problem, checks the proof over all eligible pairs, and lets some
// mentees decline, one after the other.
func Measure(ctx context.Context, p *pairing.Problem, check bool, declines int) (*Measured, error) {
	m := &Measured{}
	rows := p.Scores.(pairing.Dense)
	for _, s := range rows {
		if s >= 0 {
			m.Eligible++
		}
	}
	runtime.GC()
	start, wall := CPU(), time.Now()
	r, err := pairing.Solve(ctx, p, pairing.Options{})
	if err != nil {
		return nil, err
	}
	m.Solve, m.Wall = CPU()-start, time.Since(wall)
	m.Resident = Resident()
	m.Covered, m.Pairs, m.Total, m.Worst, m.Visited = r.Covered, len(r.Matches), r.Total, r.Worst, r.Visited
	if r.Status != pairing.Optimal {
		return nil, fmt.Errorf("it is %s", r.Status)
	}
	if check {
		start = CPU()
		record, err := r.Record(ctx, "bench")
		if err != nil {
			return nil, err
		}
		m.Record, start = CPU()-start, CPU()
		report, err := verify.File(record.AppendJSON(nil), verify.Options{Scores: func(_, _ []string) ([]int16, error) { return rows, nil }})
		if err != nil {
			return nil, err
		}
		m.Check, m.Certified = CPU()-start, report.Certified
		if !m.Certified {
			return m, fmt.Errorf("not certified: %+v", report.Checks)
		}
	}
	for k := range min(declines, len(r.Matches)) {
		x := r.Matches[(k*7919)%len(r.Matches)]
		start = CPU()
		if r, err = r.Decline(ctx, pairing.Pair{Mentee: x.Mentee, Mentor: x.Mentor}, pairing.Options{}); err != nil {
			return nil, err
		}
		if k > 0 { // the first one copies the caller's matrix
			m.Decline = max(m.Decline, CPU()-start)
		}
	}
	return m, nil
}
