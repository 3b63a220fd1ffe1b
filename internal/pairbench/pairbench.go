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
	Decline              time.Duration // slowest of the declines but the first, by Result.Decline
	// Rematch is the slowest of what the service's :rematch does after one decline:
	// who is still free is matched anew, proved and checked; without reading and
	// scoring them.
	Rematch time.Duration
	// WhyNot is the slowest answer to what a pair that was not made would cost, where
	// the worst pair stays as it is; CostOf where it moves, by solving from nearby.
	WhyNot, CostOf time.Duration
	Covered, Pairs int
	Total          int64
	Worst          int
	Certified      bool
	Visited        int64
	Resident       int64 // most memory held after Solve, in bytes
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

// Measure matches a problem, checks the proof over all eligible pairs, asks for so
// many pairs why they were not made, and lets some mentees decline: each alone for
// Rematch, one after the other for Decline.
func Measure(ctx context.Context, p *pairing.Problem, check bool, whyNots, declines int) (*Measured, error) {
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
	if err := m.whyNots(ctx, p, r, whyNots); err != nil {
		return nil, err
	}
	for k := range min(declines, len(r.Matches)) {
		if err := m.rematch(ctx, p, r, r.Matches[(k*7919)%len(r.Matches)]); err != nil {
			return nil, err
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

// rematch lets one pair decline, and matches all free places anew.
func (m *Measured) rematch(ctx context.Context, p *pairing.Problem, r *pairing.Result, declined pairing.Match) error {
	has, load := map[string]int{}, map[string]int{}
	for _, x := range r.Matches {
		if x != declined {
			has[x.Mentee]++
			load[x.Mentor]++
		}
	}
	free := &pairing.Problem{Seed: p.Seed, Objective: p.Objective, Forbidden: []pairing.Pair{{Mentee: declined.Mentee, Mentor: declined.Mentor}}}
	var columns []int
	for i, x := range p.Mentors {
		if x.Seats -= load[x.ID]; x.Seats > 0 {
			free.Mentors, columns = append(free.Mentors, x), append(columns, i)
		}
	}
	rows, some := p.Scores.(pairing.Dense), pairing.Dense{}
	for j, x := range p.Mentees {
		if x.Demand -= has[x.ID]; x.Demand > 0 {
			free.Mentees = append(free.Mentees, x)
			for _, i := range columns {
				some = append(some, rows[j*len(p.Mentors)+i])
			}
		}
	}
	free.Scores = some
	start := CPU()
	next, err := pairing.Solve(ctx, free, pairing.Options{})
	if err != nil {
		return err
	}
	record, err := next.Record(ctx, "bench")
	if err != nil {
		return err
	}
	report, err := verify.File(record.AppendJSON(nil), verify.Options{Scores: func(_, _ []string) ([]int16, error) { return some, nil }})
	if err != nil {
		return err
	}
	if !report.Certified {
		return fmt.Errorf("a re-match is not certified: %+v", report.Checks)
	}
	m.Rematch = max(m.Rematch, CPU()-start)
	return nil
}

// whyNots asks for eligible pairs from all over the matrix what each would cost.
func (m *Measured) whyNots(ctx context.Context, p *pairing.Problem, r *pairing.Result, count int) error {
	rows := p.Scores.(pairing.Dense)
	for k, asked := 0, 0; asked < count && k < 1000*count; k++ {
		at := (k * 7_919_917) % len(rows)
		if rows[at] < 0 {
			continue
		}
		pair := pairing.Pair{Mentee: p.Mentees[at/len(p.Mentors)].ID, Mentor: p.Mentors[at%len(p.Mentors)].ID}
		start := CPU()
		w, err := pairing.WhyNot(ctx, r, pair)
		if err != nil {
			return err
		}
		took := CPU() - start
		if w.Matched || !w.Possible {
			continue
		}
		asked++
		m.WhyNot = max(m.WhyNot, took)
		if !w.BarMoves {
			continue
		}
		start = CPU()
		if _, err := pairing.CostOf(ctx, p, r, []pairing.Edit{{Kind: pairing.LockPair, Pair: pair}}, pairing.Options{}); err != nil {
			return err
		}
		m.CostOf = max(m.CostOf, CPU()-start)
	}
	return nil
}
