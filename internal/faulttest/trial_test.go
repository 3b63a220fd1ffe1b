package faulttest

import (
	"context"
	"errors"
	"fmt"
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

// probe looks again and again: soon after an answer, and every half second when
// there is none, as whoever asks does not wait for whoever asked before. What
// hangs is so seen from many moments on, and not only from its beginning.
func (r *trial) probe(ctx context.Context) {
	client := &http.Client{Timeout: 10 * time.Second}
	for ctx.Err() == nil {
		answered := make(chan struct{})
		r.wg.Go(func() {
			defer close(answered)
			p := probe{begin: time.Now()}
			resp, err := client.Get("http://" + r.server.Ops + "/readyz")
			if err == nil {
				resp.Body.Close()
				p.ready = resp.StatusCode == http.StatusOK
			}
			p.end = time.Now()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.probes = append(r.probes, p)
		})
		select {
		case <-answered:
			time.Sleep(50 * time.Millisecond)
		case <-time.After(500 * time.Millisecond):
		}
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

// wellSince waits until a submission is acknowledged that was sent after a
// moment, and /readyz says yes to who asked after it.
func (r *trial) wellSince(moment time.Time) {
	r.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		stored := slices.ContainsFunc(r.tries, func(try load.Try) bool { return try.Acknowledged() && try.Begin.After(moment) })
		ready := slices.ContainsFunc(r.probes, func(p probe) bool { return p.ready && p.begin.After(moment) })
		r.mu.Unlock()
		if stored && ready {
			return
		}
		if time.Now().After(until) {
			r.t.Fatalf("two minutes later: acknowledged what was sent since: %v; ready: %v; the server's log:\n%s", stored, ready, tail(r.server.Log(), 4000))
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
	r.wellSince(f.ended)
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
		failed, well := r.checkRecovery(f, next)
		looked, ready, err := readiness(r.probes, f, next)
		if err != nil {
			r.t.Error(err)
		}
		r.t.Logf("figure: fault: %s for %.1f s: %d tries failed meanwhile, /readyz answered %d times; after its end all is well in %.2f s, and /readyz says so in %.2f s",
			f.name, f.ended.Sub(f.began).Seconds(), failed, looked, well.Seconds(), ready.Seconds())
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
func (r *trial) checkRecovery(f fault, next time.Time) (failed int, took time.Duration) {
	r.t.Helper()
	back := recovery{f: f, next: next}
	for _, try := range r.tries {
		if try.End.After(f.began) && try.End.Before(f.ended) && !try.Acknowledged() {
			failed++
		}
		if try.Status != http.StatusTooManyRequests { // it works off what has piled up
			back.saw(try.Begin, try.End, try.Acknowledged())
		}
	}
	took, ok := back.took()
	if !ok {
		r.t.Errorf("%s: %v after it was over requests still failed, or none had succeeded", f.name, took)
	}
	return failed, took
}

// readiness checks that /readyz says what is the case. It has a second to find
// out, and recovered to come back.
func readiness(probes []probe, f fault, next time.Time) (looked int, took time.Duration, err error) {
	back := recovery{f: f, next: next}
	lies, failed := 0, 0
	for _, p := range probes {
		back.saw(p.begin, p.end, p.ready)
		if p.begin.Before(f.there.Add(time.Second)) || p.end.After(f.healing) {
			continue
		}
		looked++
		if !p.ready {
			failed++
		}
		if p.ready && f.ready == mustNotBeReady || !p.ready && f.ready == mustBeReady {
			lies++
		}
	}
	var problems []error
	switch {
	case f.ready == mayBeReady:
	case looked == 0 && f.healing.Sub(f.there) >= 3*time.Second:
		problems = append(problems, fmt.Errorf("%s: /readyz did not answer in its %v", f.name, f.healing.Sub(f.there)))
	case f.ready == mustFailToBeReady && looked > 0 && failed == 0:
		problems = append(problems, fmt.Errorf("%s: /readyz never failed during it", f.name))
	case lies > 0:
		problems = append(problems, fmt.Errorf("%s: %d of %d answers of /readyz during it were not true", f.name, lies, looked))
	}
	took, ok := back.took()
	if !ok {
		problems = append(problems, fmt.Errorf("%s: %v after it was over /readyz still failed, or had never said yes", f.name, took))
	}
	return looked, took, errors.Join(problems...)
}

// recovery finds out how long it takes after a fault, and before the next one,
// until something works.
type recovery struct {
	f              fault
	next           time.Time
	first, lastBad time.Time
}

// saw counts what began after the fault and ended before the next.
func (r *recovery) saw(begin, end time.Time, good bool) {
	switch {
	case begin.Before(r.f.ended) || end.After(r.next):
	case good && (r.first.IsZero() || end.Before(r.first)):
		r.first = end
	case !good && end.After(r.lastBad):
		r.lastBad = end
	}
}

// took is how long after the end of the fault the first success came, or the
// last failure if that was later; not ok: too long, or there was no success.
func (r *recovery) took() (_ time.Duration, ok bool) {
	took := max(r.first.Sub(r.f.ended), r.lastBad.Sub(r.f.ended), 0)
	return took, !r.first.IsZero() && took <= recovered
}
