package lotterybench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Measured is one pool: how long everything took and what came of it.
type Measured struct {
	Instance string
	Status   matcher.Status
	Proved   bool
	Route    string
	// Stages is the time up to the lottery, Lottery that of the lottery and the
	// audit of its cohorts; CPU time of the process.
	Stages, Lottery     time.Duration
	Pivots              int64
	Levels, Cohorts     int
	Smallest, Bound     float64
	Impossible, Certain int
	Deviation           []int64
	Error, Gap          float64
}

// Total is the time of everything.
func (m *Measured) Total() time.Duration { return m.Stages + m.Lottery }

// cpu is the CPU time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Resident is the most memory that this process has held, in bytes.
func Resident() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Maxrss << 10
}

// Measure finds the leximin lottery of one pool.
func Measure(ctx context.Context, in Instance, work int64) (*Measured, error) {
	start, begun := cpu(), time.Duration(0)
	o := selection.LotteryOptions{Watch: func(lottery.Progress) {
		if begun == 0 {
			begun = cpu()
		}
	}}
	o.Work = work
	l, err := selection.FindLottery(ctx, in.People, in.Criteria, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	end := cpu()
	if begun == 0 {
		begun = end
	}
	m := &Measured{
		Instance: in.Name, Status: l.Outcome.Status, Proved: l.Proved, Route: l.Route,
		Stages: begun - start, Lottery: end - begun, Pivots: l.Pivots,
		Levels: len(l.Levels), Cohorts: len(l.Draws), Smallest: l.Smallest, Bound: l.Bound,
		Impossible: len(l.Impossible), Certain: len(l.Certain), Error: l.Error, Gap: l.Gap,
	}
	for _, d := range l.Outcome.Deviation {
		m.Deviation = append(m.Deviation, d.Value)
	}
	return m, nil
}

// Print writes one line about a pool.
func (m *Measured) Print(out io.Writer) {
	if m.Status != matcher.Optimal {
		fmt.Fprintf(out, "%-34s %s\n", m.Instance, m.Status)
		return
	}
	word := "proved"
	if !m.Proved {
		word = "BOUNDED"
	}
	fmt.Fprintf(out, "%-34s %-7s %-10s stages %6.3f s, lottery %7.3f s, %8d pivots, V %v, %d levels, %d cohorts, smallest %.6f (bound %.6f), impossible %d, certain %d\n",
		m.Instance, word, m.Route, m.Stages.Seconds(), m.Lottery.Seconds(), m.Pivots, m.Deviation, m.Levels, m.Cohorts, m.Smallest, m.Bound, m.Impossible, m.Certain)
}

// Summary is the row of a family and size in the table.
func Summary(all []*Measured) string {
	var took []time.Duration
	infeasible, proved, relaxation, lotteries := 0, 0, 0, 0
	for _, m := range all {
		if m.Status == matcher.Infeasible {
			infeasible++
			continue
		}
		took = append(took, m.Total())
		if len(m.Route) > 0 {
			lotteries++
		}
		if m.Proved {
			proved++
			if m.Route == "relaxation" {
				relaxation++
			}
		}
	}
	if len(took) == 0 {
		return fmt.Sprintf("%d | all impossible | – | – | – | –", len(all))
	}
	slices.Sort(took)
	return fmt.Sprintf("%d | %d | %d of %d | %d | %.2f s | %.2f s",
		len(all), infeasible, proved, len(took), relaxation, took[(len(took)-1)/2].Seconds(), took[len(took)-1].Seconds())
}
