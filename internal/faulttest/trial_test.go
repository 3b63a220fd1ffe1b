package faulttest

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/load"
	"github.com/openfairlead/fairlead/internal/testserver"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// Bounds of every fault.
const (
	deadline = 15 * time.Second // of a call: chain.UnaryTimeout
	hang     = 2 * deadline
)

// recovered is how long a recovery may take. A reduced run shares its
// processors with other tests, and has more time.
var recovered = counts(15*time.Second, 5*time.Second)

func soak() bool { return os.Getenv("FAIRLEAD_SOAK") == "1" }

// counts of a run: reduced unless FAIRLEAD_SOAK=1.
func counts[T any](reduced, full T) T {
	if soak() {
		return full
	}
	return reduced
}

// launch starts the real binary, with the flags, on an open call.
func launch(t *testing.T, flags ...string) (*testserver.Server, *load.Call) {
	t.Helper()
	s := testserver.New(t, append([]string{"--log-level", "error"}, flags...)...)
	if i := slices.Index(flags, "--data"); i >= 0 {
		s.Data = flags[i+1]
	}
	return s, opened(t, s)
}

// launchPostgres starts it on a PostgreSQL database, with a key made for it.
func launchPostgres(t *testing.T, database string, flags ...string) (*testserver.Server, *load.Call) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "master.key")
	if out, err := exec.Command(testserver.Binary(t), "keys", "create", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return launch(t, append([]string{"--database", database, "--master-key-file", key}, flags...)...)
}

func opened(t *testing.T, s *testserver.Server) *load.Call {
	t.Helper()
	s.Start()
	c, err := load.Open(t.Context(), strings.TrimPrefix(s.URL, "http://"), s.AdminToken(), "faults")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trial is a server under load, and what is seen of it.
type trial struct {
	t      *testing.T
	server *testserver.Server
	call   *load.Call
	ledger *load.Ledger
	begin  time.Time
	stop   context.CancelFunc // of the load's arrivals and the probes

	mu     sync.Mutex
	tries  []load.Try
	probes []probe
	acked  int

	wg     sync.WaitGroup
	report *load.Report
	err    error
}

// probe is one look at /readyz.
type probe struct {
	begin, end time.Time
	ready      bool
}

// rate of submissions during a fault, a second: far below what a server does,
// so that all have to succeed.
const rate = 20

// under puts a server under load. Each submission is tried again until it is
// acknowledged. n is how many there are; 0: as long as the trial lasts.
func under(t *testing.T, s *testserver.Server, c *load.Call, n int) *trial {
	t.Helper()
	l, err := load.NewLedger(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	// What is due is decided by stopping, not by the clock.
	ctx, stop := context.WithCancel(t.Context())
	r := &trial{t: t, server: s, call: c, ledger: l, begin: time.Now(), stop: stop}
	o := load.Options{
		Call: c, Clients: 64, Retry: true, Timeout: hang + 5*time.Second, Ledger: l, Stop: ctx.Done(),
		Rate: rate, Duration: time.Hour,
		OnTry: func(try load.Try) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.tries = append(r.tries, try)
			if try.Acknowledged() {
				r.acked++
			}
		},
	}
	if n > 0 { // as fast as they go
		o.Rate, o.Duration, o.Count, o.Clients = 0, 0, n, 8
	}
	r.wg.Go(func() { r.report, r.err = load.Run(context.WithoutCancel(ctx), o) })
	r.wg.Go(func() { r.probe(ctx) })
	return r
}

func (r *trial) probe(ctx context.Context) {
	client := &http.Client{Timeout: 10 * time.Second}
	for ctx.Err() == nil {
		p := probe{begin: time.Now()}
		resp, err := client.Get("http://" + r.server.Ops + "/readyz")
		if err == nil {
			resp.Body.Close()
			p.ready = resp.StatusCode == http.StatusOK
		}
		p.end = time.Now()
		r.mu.Lock()
		r.probes = append(r.probes, p)
		r.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
}

// acknowledged waits until n submissions are.
func (r *trial) acknowledged(n int) {
	r.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		enough := r.acked >= n
		r.mu.Unlock()
		if enough {
			return
		}
		if time.Now().After(until) {
			r.t.Fatalf("%d submissions were not acknowledged in two minutes; the server's log:\n%s", n, r.server.Log())
		}
	}
}

// acknowledgedSince waits until one is that was sent after a moment.
func (r *trial) acknowledgedSince(moment time.Time) {
	r.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		there := slices.ContainsFunc(r.tries, func(try load.Try) bool { return try.Acknowledged() && try.Begin.After(moment) })
		r.mu.Unlock()
		if there {
			return
		}
		if time.Now().After(until) {
			r.t.Fatalf("nothing sent two minutes ago or later was acknowledged; the server's log:\n%s", tail(r.server.Log(), 4000))
		}
	}
}

// fault is something that went wrong, from when to when.
type fault struct {
	name  string
	began time.Time
	there time.Time // from when on it has surely begun
	// From healing on it is being mended, and at ended it is over.
	healing, ended time.Time
	ready          ready
}

// ready is what /readyz has to say during a fault: that the store can be used,
// that it cannot, or whatever it finds.
type ready int

const (
	mustBeReady ready = iota
	mustNotBeReady
	mustFailToBeReady // at times: what is small may still be written
	mayBeReady
)

// suffer lets the trial run for a while, then makes something go wrong for as
// long as lasts, and waits until the server has had time to recover.
func (r *trial) suffer(name string, ready ready, lasts time.Duration, inject func() (heal func())) fault {
	r.t.Helper()
	r.mu.Lock()
	before := r.acked
	r.mu.Unlock()
	r.acknowledged(before + 10)
	f := fault{name: name, ready: ready}
	f.began = time.Now()
	heal := inject()
	f.there = time.Now()
	time.Sleep(time.Until(f.began.Add(lasts)))
	f.healing = time.Now()
	heal()
	f.ended = time.Now()
	r.acknowledgedSince(f.ended)
	time.Sleep(time.Until(f.ended.Add(counts(time.Second, 5*time.Second))))
	return f
}

// end stops the load, waits for what is on its way, and checks everything that
// was promised.
func (r *trial) end(faults ...fault) *load.Verdict {
	r.t.Helper()
	r.stop()
	r.wg.Wait()
	if r.err != nil {
		r.t.Error(r.err)
	}
	return r.check(faults...)
}

func (r *trial) check(faults ...fault) *load.Verdict {
	r.t.Helper()
	if err := r.report.Err(); err != nil {
		r.t.Error(err)
	}
	if r.report.LongestTry > hang {
		r.t.Errorf("a request hung for %v; twice its deadline is %v", r.report.LongestTry, hang)
	}
	for i, f := range faults {
		next := time.Now() // of the next fault, to which what comes then belongs
		if i+1 < len(faults) {
			next = faults[i+1].began
		}
		r.checkRecovery(f, next)
		r.checkReady(f, next)
	}
	if err := r.ledger.Close(); err != nil {
		r.t.Fatal(err)
	}
	v, err := load.Verify(context.WithoutCancel(r.t.Context()), r.call, r.ledger)
	if err != nil {
		r.t.Fatalf("%v; the server's log:\n%s", err, r.server.Log())
	}
	if err := v.Err(); err != nil {
		r.t.Error(err)
	}
	// Every submission was tried until it was acknowledged.
	if v.Unacknowledged > 0 || v.Stored != v.Acknowledged {
		r.t.Errorf("%v", v)
	}
	if r.t.Failed() {
		r.t.Logf("the server's log:\n%s", tail(r.server.Log(), 4000))
	}
	return v
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// checkRecovery: from some moment on, at most recovered after the fault, no
// try fails any more, and tries succeed.
func (r *trial) checkRecovery(f fault, next time.Time) {
	r.t.Helper()
	first, lastBad, failed := time.Time{}, f.ended, 0
	for _, try := range r.tries {
		if try.End.After(f.began) && try.End.Before(f.ended) && !try.Acknowledged() {
			failed++
		}
		switch {
		case try.Begin.Before(f.ended) || try.End.After(next):
		case try.Acknowledged():
			if first.IsZero() || try.End.Before(first) {
				first = try.End
			}
		case try.Status == http.StatusTooManyRequests: // it works off what has piled up
		case try.End.After(lastBad):
			lastBad = try.End
		}
	}
	took := max(first.Sub(f.ended), lastBad.Sub(f.ended))
	if first.IsZero() || took > recovered {
		r.t.Errorf("%s: %v after it was over requests still failed, or none had succeeded", f.name, took)
	}
	r.t.Logf("figure: fault: %s for %.1f s: %d tries failed meanwhile, all is well %.2f s after its end",
		f.name, f.ended.Sub(f.began).Seconds(), failed, took.Seconds())
}

// checkReady: /readyz says what is the case. It has a second to find out, and
// recovered to come back.
func (r *trial) checkReady(f fault, next time.Time) {
	r.t.Helper()
	looked, lies, failed := 0, 0, 0
	for _, p := range r.probes {
		switch {
		case p.begin.After(f.there.Add(time.Second)) && p.end.Before(f.healing):
			looked++
			if !p.ready {
				failed++
			}
			if p.ready && f.ready == mustNotBeReady || !p.ready && f.ready == mustBeReady {
				lies++
			}
		case p.begin.After(f.ended.Add(recovered)) && p.end.Before(next) && !p.ready:
			r.t.Errorf("%s: %v after its end /readyz still fails", f.name, p.begin.Sub(f.ended))
		}
	}
	if f.ready == mustFailToBeReady && looked > 0 && failed == 0 {
		r.t.Errorf("%s: /readyz never failed during it", f.name)
	}
	if lies > 0 {
		r.t.Errorf("%s: %d of %d answers of /readyz during it were not true", f.name, lies, looked)
	}
}
