package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/internal/sqlstore"
)

// CompareOptions are what a comparison needs.
type CompareOptions struct {
	Clients int
	Rounds  int           // of each side
	Length  time.Duration // of each round
	Warmup  time.Duration // of the server, before each round
	Log     io.Writer     // progress
	// Connections of the loop to PostgreSQL; 0: as many as it is fastest with.
	Connections int
}

// Comparison is how fast the server takes submissions, beside how fast the
// database takes the same statements alone.
type Comparison struct {
	Recorded    string // what a transaction is made of
	Connections int    // of the loop: with fewer and with more it is slower
	Rounds      []Round
}

// Round is one round of each side, one after the other.
type Round struct {
	Server, Loop         float64 // submissions a second
	P50, P99             time.Duration
	ServerCPU, ClientCPU time.Duration // for each submission
	LoopCPU              time.Duration // of this process; PostgreSQL's own is not in it
}

// Ratio is the median of the server over the median of the loop.
func (c *Comparison) Ratio() float64 {
	return median(c.of(func(r Round) float64 { return r.Server })) / median(c.of(func(r Round) float64 { return r.Loop }))
}

func (c *Comparison) of(f func(Round) float64) []float64 {
	var all []float64
	for _, r := range c.Rounds {
		all = append(all, f(r))
	}
	slices.Sort(all)
	return all
}

// median of a sorted list.
func median(sorted []float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

func (c *Comparison) String() string {
	server, loop := c.of(func(r Round) float64 { return r.Server }), c.of(func(r Round) float64 { return r.Loop })
	p99 := c.of(func(r Round) float64 { return r.P99.Seconds() * 1000 })
	return fmt.Sprintf("server %.0f/s (%.0f–%.0f), loop %.0f/s (%.0f–%.0f), ratio %.2f; server's p99 %.1f ms (%.1f–%.1f)",
		median(server), server[0], server[len(server)-1], median(loop), loop[0], loop[len(loop)-1], c.Ratio(), median(p99), p99[0], p99[len(p99)-1])
}

// Compare measures, in turn, the real server under a closed loop of clients
// over REST, and a loop in this process that sends the database the very
// statements that the server's store sends for such submissions, recorded
// before: the same bytes in the same transactions through the same driver. Each
// round of either side begins with the same database.
func (p *Place) Compare(ctx context.Context, o CompareOptions) (*Comparison, error) {
	say := func(format string, args ...any) { fmt.Fprintf(o.Log, format+"\n", args...) }
	recording, err := p.recording(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &Comparison{Recorded: recording.String()}
	say("recorded %s", c.Recorded)
	if c.Connections, err = p.best(ctx, o, recording); err != nil {
		return nil, err
	}
	for i := range o.Rounds {
		var r Round
		if err := p.serverRound(ctx, o, &r); err != nil {
			return nil, err
		}
		say("round %d: server %6.0f/s, p50 %v, p99 %v, CPU of server %v and client %v each", i+1, r.Server, r.P50, r.P99, r.ServerCPU, r.ClientCPU)
		if err := p.loopRound(ctx, o, recording, c.Connections, &r); err != nil {
			return nil, err
		}
		say("round %d: loop   %6.0f/s, CPU %v each", i+1, r.Loop, r.LoopCPU)
		c.Rounds = append(c.Rounds, r)
	}
	return c, nil
}

// recording records as many submissions as a round has.
func (p *Place) recording(ctx context.Context, o CompareOptions) (_ *sqlstore.Recording, err error) {
	database, drop, err := p.Copy(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	return p.record(ctx, database, func(c *Call) error {
		r, err := Run(ctx, Options{Call: c, Clients: o.Clients, Duration: o.Length})
		if err != nil {
			return err
		}
		if len(r.Refused) > 0 {
			return fmt.Errorf("while recording these were refused: %v", r.Refused)
		}
		return r.Err()
	})
}

func (p *Place) serverRound(ctx context.Context, o CompareOptions, r *Round) (err error) {
	database, drop, err := p.Copy(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()
	s, err := p.Start(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	call := p.callAt(s.Address)
	if o.Warmup > 0 {
		if _, err := Run(ctx, Options{Call: call, Clients: o.Clients, Duration: o.Warmup, First: 100_000_000}); err != nil {
			return err
		}
	}
	before, err := Look(ctx, s.Ops)
	if err != nil {
		return err
	}
	report, err := Run(ctx, Options{Call: call, Clients: o.Clients, Duration: o.Length})
	if err != nil {
		return err
	}
	after, err := Look(ctx, s.Ops)
	if err != nil {
		return err
	}
	if len(report.Refused) > 0 {
		return fmt.Errorf("these were refused: %v", report.Refused)
	}
	n := time.Duration(max(1, report.Acknowledged))
	r.Server, r.P50, r.P99 = report.Throughput(), report.Latency.Quantile(.5), report.Latency.Quantile(.99)
	r.ServerCPU, r.ClientCPU = ((after.CPU - before.CPU) / n).Round(time.Microsecond), (report.CPU / n).Round(time.Microsecond)
	return report.Err()
}

// best tries out with how many connections the loop is fastest: the server is
// not to look good beside one that stands in its own way.
func (p *Place) best(ctx context.Context, o CompareOptions, recording *sqlstore.Recording) (int, error) {
	if p.cluster == nil {
		return 1, nil
	}
	if o.Connections > 0 {
		return o.Connections, nil
	}
	best, fastest := 0, 0.0
	o.Length /= 3
	for _, n := range []int{1, 2, 4, 8, 12, 32} {
		var r Round
		if err := p.loopRound(ctx, o, recording, n, &r); err != nil {
			return 0, err
		}
		fmt.Fprintf(o.Log, "loop with %d connections: %.0f/s\n", n, r.Loop)
		if r.Loop > fastest {
			best, fastest = n, r.Loop
		}
	}
	return best, nil
}

func (p *Place) loopRound(ctx context.Context, o CompareOptions, recording *sqlstore.Recording, connections int, r *Round) error {
	var total int
	var took, used time.Duration
	for took < o.Length*9/10 { // a recording may be done before the round is over
		database, drop, err := p.Copy(ctx)
		if err != nil {
			return err
		}
		before := cpu()
		n, t, err := recording.Replay(ctx, database, connections, o.Length-took)
		used += cpu() - before
		if err = errors.Join(err, drop()); err != nil {
			return err
		}
		if n == 0 {
			return errors.New("nothing was recorded")
		}
		total, took = total+n, took+t
	}
	r.Loop = float64(total) / took.Seconds()
	r.LoopCPU = (used / time.Duration(total)).Round(time.Microsecond)
	return nil
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
