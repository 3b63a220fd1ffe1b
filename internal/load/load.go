// Package load measures a server with invented applicants who submit over
// REST, and checks afterwards that everything the server acknowledged is there.
//
// An open loop sends at a fixed rate, whatever the server does: each
// submission has a moment at which it is due, and its latency counts from that
// moment, also when every connection is busy with slower ones. A stall is so
// felt by all whom it would have kept waiting, and not by one request only
// (coordinated omission). A closed loop has a number of clients who each send
// again as soon as they are answered, and shows the most that a server does.
//
// "Acknowledged" means: a client read a complete 2xx answer and it is on disk
// in the ledger. Verify reads all of it back.
package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Options of one run.
type Options struct {
	Call *Call
	// Rate is how many submissions are due each second (open loop); 0: closed
	// loop.
	Rate float64
	// Clients send at the same time: all of them in a closed loop, at most that
	// many in an open one.
	Clients int
	// The run ends after Duration, or after Count submissions; 0: no such end.
	Duration time.Duration
	Count    int
	// Stop, closed, ends the run before that: no further submission begins, and
	// those that have begun go on.
	Stop <-chan struct{}
	// Warmup is left out of every figure (and not of the ledger).
	Warmup time.Duration
	// First is the number of the first submission.
	First int
	// Retry sends what was not acknowledged again, with the same key and the
	// same bytes, until it is or ctx ends. Without it each is tried once.
	Retry bool
	// Timeout of one try; 0: 30 s, twice the server's own deadline.
	Timeout time.Duration
	Ledger  *Ledger // nil: nothing is recorded
	// Dial makes connections; nil: directly.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// OnTry is told of every try when it is over; by several clients at a time.
	OnTry func(Try)
}

// Try is one request of a submission.
type Try struct {
	Number     int
	Begin, End time.Time
	Status     int   // of the answer
	Err        error // of the connection; then Status is 0
}

// Acknowledged reports whether the whole answer came, and says yes.
func (t Try) Acknowledged() bool { return t.Err == nil && t.Status/100 == 2 }

// Report is what came of a run.
type Report struct {
	Rate     float64
	Clients  int
	Duration time.Duration // measured, without the warm-up

	Acknowledged int
	Refused      map[int]int // tries, by status, and 0 for a broken connection or a time-out
	// Latency of the acknowledged: in an open loop from when they were due; with
	// Retry until the try that succeeded.
	Latency Histogram
	// Served is how long the tries took that succeeded, from when they were
	// sent: what the server let in. It differs from Latency where the
	// generator fell behind its own rate, every connection being busy.
	Served Histogram
	// Refusals is how long tries took that the server shed (429).
	Refusals Histogram
	// LongestTry is the longest that any one try took, whatever came of it.
	LongestTry time.Duration
	Seconds    []Second
	// CPU is what this process, the generator, used in the whole run.
	CPU time.Duration

	problems []error
}

// Second is one second of a run.
type Second struct {
	Acknowledged, Refused int
	Latency               Histogram
}

// Throughput is acknowledged submissions a second.
func (r *Report) Throughput() float64 { return float64(r.Acknowledged) / r.Duration.Seconds() }

// Err is what should not happen in any run: answers that blame the request.
func (r *Report) Err() error { return errors.Join(r.problems...) }

type run struct {
	Options
	path  string
	begin time.Time
	next  atomic.Int64 // submission

	mu     sync.Mutex
	report *Report
}

// Run sends until the end of the run and returns what came of it. The error is
// about the run itself; what the server refused stands in the report.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Call == nil || o.Clients <= 0 || o.Duration <= 0 && o.Count <= 0 {
		return nil, errors.New("load: a run needs a call, clients, and an end")
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	r := &run{
		Options: o, path: "/v1/programs/" + o.Call.Program + "/applications?submit=true", begin: time.Now(),
		report: &Report{Rate: o.Rate, Clients: o.Clients, Refused: map[int]int{}},
	}
	before := cpu()
	var wg sync.WaitGroup
	for range o.Clients {
		wg.Go(func() { r.client(ctx) })
	}
	wg.Wait()
	r.report.Duration, r.report.CPU = time.Since(r.begin)-o.Warmup, cpu()-before
	if o.Duration > 0 && o.Rate == 0 && o.Count == 0 {
		r.report.Duration = min(r.report.Duration, o.Duration) // stragglers are not counted either
	}
	return r.report, ctx.Err()
}

// client takes the next submission again and again.
func (r *run) client(ctx context.Context) {
	c := &connection{address: r.Call.Address, dial: r.Dial}
	defer c.close()
	for ctx.Err() == nil {
		select {
		case <-r.Stop:
			return
		default:
		}
		n := int(r.next.Add(1) - 1)
		if r.Count > 0 && n >= r.Count {
			return
		}
		due := time.Now()
		if r.Rate > 0 {
			due = r.begin.Add(time.Duration(float64(n) / r.Rate * float64(time.Second)))
		}
		if r.Duration > 0 && due.Sub(r.begin) >= r.Warmup+r.Duration {
			return
		}
		if wait := time.Until(due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-r.Stop:
				return
			case <-ctx.Done():
				return
			}
		}
		r.submit(ctx, c, r.First+n, due)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Pauses before another try of the same submission. A server that sheds says
// how long to wait; less is what a fault test asks for.
const (
	firstPause = 20 * time.Millisecond
	maxPause   = 500 * time.Millisecond
)

func (r *run) submit(ctx context.Context, c *connection, n int, due time.Time) {
	key, body := uuid.NewString(), r.Call.Body(n)
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		begin := time.Now()
		a, err := c.post(ctx, begin.Add(r.Timeout), r.path, key, body)
		if err != nil && ctx.Err() != nil {
			return // the end of the run, not the server's doing
		}
		try := Try{n, begin, time.Now(), a.status, err}
		if r.OnTry != nil {
			r.OnTry(try)
		}
		if try.Acknowledged() {
			if r.Ledger != nil {
				r.Ledger.Add(Entry{n, key, a.body})
			}
			r.acknowledged(try, due)
			return
		}
		r.refused(try, a)
		if !r.Retry || blames(try) || !sleep(ctx, pause) {
			return
		}
	}
}

// blames reports whether an answer says that the request itself is wrong,
// which none is.
func blames(t Try) bool {
	return t.Status/100 == 4 && t.Status != http.StatusTooManyRequests && t.Status != http.StatusConflict
}

func (r *run) acknowledged(t Try, due time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.LongestTry = max(r.report.LongestTry, t.End.Sub(t.Begin))
	if s := r.second(t.End); s != nil {
		r.report.Acknowledged++
		r.report.Latency.Add(t.End.Sub(due))
		r.report.Served.Add(t.End.Sub(t.Begin))
		s.Acknowledged++
		s.Latency.Add(t.End.Sub(due))
	}
}

func (r *run) refused(t Try, a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := t.End.Sub(t.Begin)
	r.report.LongestTry = max(r.report.LongestTry, took)
	if blames(t) {
		r.problem("submission %d: %d %s", t.Number, a.status, a.body)
	}
	shed := t.Status == http.StatusTooManyRequests
	if shed && a.retryAfter <= 0 {
		r.problem("submission %d: shed without Retry-After: %s", t.Number, a.body)
	}
	if s := r.second(t.End); s != nil {
		s.Refused++
		r.report.Refused[t.Status]++
		if shed {
			r.report.Refusals.Add(took)
		}
	}
}

func (r *run) problem(format string, args ...any) {
	if len(r.report.problems) < 10 {
		r.report.problems = append(r.report.problems, fmt.Errorf(format, args...))
	}
}

// second finds the second that a moment counts in; nil for the warm-up, and in
// a closed loop for what ends after the end.
func (r *run) second(at time.Time) *Second {
	since := at.Sub(r.begin) - r.Warmup
	if since < 0 || r.Rate == 0 && r.Count == 0 && since >= r.Duration {
		return nil
	}
	for i := int(since / time.Second); len(r.report.Seconds) <= i; {
		r.report.Seconds = append(r.report.Seconds, Second{})
	}
	return &r.report.Seconds[int(since/time.Second)]
}

// Spread is how much the seconds of a run differ. The last one may be a part
// of a second and is left out.
type Spread struct {
	Least, Median, Most          int // acknowledged
	BestP99, MedianP99, WorstP99 time.Duration
}

// Spread looks at each second by itself.
func (r *Report) Spread() (s Spread) {
	whole := r.Seconds
	if len(whole) > 1 {
		whole = whole[:len(whole)-1]
	}
	var counts []int
	var p99 []time.Duration
	for i := range whole {
		counts = append(counts, whole[i].Acknowledged)
		p99 = append(p99, whole[i].Latency.Quantile(.99))
	}
	slices.Sort(counts)
	slices.Sort(p99)
	if n := len(counts); n > 0 {
		s = Spread{counts[0], counts[n/2], counts[n-1], p99[0], p99[n/2], p99[n-1]}
	}
	return s
}
