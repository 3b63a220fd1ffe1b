package faulttest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/load"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/testserver"
)

// TestFlat runs a server at half of what it can do, with one random fault after
// the other, for as long as FAIRLEAD_FLAT says (make soak-faults: 30m, for each
// backend) or a few seconds. Between two faults the load rests for a moment,
// and what the server holds is looked at: it must not grow.
func TestFlat(t *testing.T) {
	lasts := 4 * time.Second
	if text := os.Getenv("FAIRLEAD_FLAT"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatalf("FAIRLEAD_FLAT: %v", err)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		if lasts < long {
			t.Parallel()
		}
		s, c := launch(t)
		flat(t, s, c, lasts, commonFaults(t, s))
	})
	t.Run("postgres", func(t *testing.T) {
		if lasts < long {
			t.Parallel()
		}
		cluster := pgtest.New(t)
		p, database := behind(t, cluster)
		s, c := launchPostgres(t, database)
		faults := commonFaults(t, s)
		for name, bad := range map[string]func(){
			"black hole before PostgreSQL":       p.BlackHole,
			"PostgreSQL refuses connections":     p.Refuse,
			"200 ms more to PostgreSQL and back": func() { p.Delay(100 * time.Millisecond) },
			"20 kB/s to PostgreSQL":              func() { p.Throttle(20_000) },
		} {
			faults = append(faults, injection{name, func() func() {
				bad()
				return p.Heal
			}})
		}
		faults = append(faults, injection{"connections to PostgreSQL reset", func() func() {
			p.Reset()
			return p.Reset
		}}, injection{"PostgreSQL crashed", func() func() {
			cluster.Crash(t)
			return func() { cluster.Restart(t) }
		}})
		flat(t, s, c, lasts, faults)
	})
}

// behind puts a bad network before a PostgreSQL server, and returns the URL of
// an empty database behind it.
func behind(t *testing.T, cluster *pgtest.Cluster) (*Proxy, string) {
	t.Helper()
	p, err := NewProxy(cluster.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(cluster.TCP(t, cluster.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = p.Address
	return p, u.String()
}

// injection makes something go wrong until heal is called.
type injection struct {
	name   string
	inject func() (heal func())
}

// commonFaults are those of clients.
func commonFaults(t *testing.T, s *testserver.Server) []injection {
	return []injection{
		{"nothing", func() func() { return func() {} }},
		{"slow clients", func() func() { return dawdle(t, s, 40) }},
		{"clients that break off", func() func() {
			done := make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-done:
						return
					case <-time.After(5 * time.Millisecond):
					}
					breakOff(t, strings.TrimPrefix(s.URL, "http://"), i)
				}
			})
			return func() {
				close(done)
				wg.Wait()
			}
		}},
	}
}

// breakOff begins a request and resets the connection somewhere in it.
func breakOff(t *testing.T, address string, i int) {
	const request = "POST /v1/programs/faults/applications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = conn.Write([]byte(request[:len(request)-i%len(request)])) // refused at an overload
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// long is from when on a run is a measurement, which nothing may disturb.
const long = 5 * time.Minute

// flat is the run itself.
func flat(t *testing.T, s *testserver.Server, c *load.Call, lasts time.Duration, faults []injection) {
	random := seeded(t)
	l, err := load.NewLedger(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	cycle, rest, probe := time.Second, 500*time.Millisecond, 500*time.Millisecond
	if lasts >= long {
		cycle, rest, probe = 25*time.Second, 5*time.Second, 10*time.Second
	}
	ctx := context.WithoutCancel(t.Context())
	first := 0
	run := func(o load.Options) *load.Report {
		o.Call, o.Ledger, o.First, o.Timeout = c, l, first, hang+5*time.Second
		first += 10_000_000
		r, err := load.Run(ctx, o)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			t.Error(err)
		}
		return r
	}
	most := run(load.Options{Clients: 32, Duration: probe}).Throughput()
	half := most / 2

	var samples []load.Resources
	var latency load.Histogram
	var longest time.Duration
	total, failed := 0, 0
	seen := map[string]int{}
	for begin := time.Now(); time.Since(begin) < lasts || len(samples) < 3; {
		// Each comes once before any comes again.
		if len(samples)%len(faults) == 0 {
			random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		}
		f := faults[len(samples)%len(faults)]
		seen[f.name]++
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Duration(random.Int64N(int64(cycle / 4))))
			heal := f.inject()
			time.Sleep(min(cycle/2, 5*time.Second))
			heal()
		})
		if random.IntN(4) == 0 { // and too much of everything on top
			o := load.Options{Call: c, Ledger: l, Clients: 200, Rate: 10 * most, Duration: cycle / 8, First: first}
			first += 10_000_000
			wg.Go(func() {
				if _, err := load.Run(ctx, o); err != nil {
					t.Error(err)
				}
			})
			seen["overload"]++
		}
		r := run(load.Options{Clients: 300, Rate: half, Duration: cycle, Retry: true})
		wg.Wait()
		latency.Merge(&r.Latency)
		longest = max(longest, r.LongestTry)
		total += r.Acknowledged
		for _, n := range r.Refused {
			failed += n
		}
		time.Sleep(rest)
		now, err := load.Look(ctx, s.Ops)
		if err != nil {
			t.Fatalf("%v; the server's log:\n%s", err, tail(s.Log(), 4000))
		}
		samples = append(samples, now)
	}
	if longest > hang {
		t.Errorf("a request hung for %v; twice its deadline is %v", longest, hang)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := load.Verify(ctx, c, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Err(); err != nil {
		t.Error(err)
	}
	t.Logf("figure: flat: %s at half load (%.0f submissions/s) with faults %v: %d acknowledged, %d lost, %d duplicated, %d tries failed; latency from when it was due: p50 %v, p99 %v; longest try %v",
		lasts, half, seen, total, v.Lost, v.Duplicated, failed, latency.Quantile(.5), latency.Quantile(.99), longest.Round(time.Millisecond))
	bounds := noisy
	if lasts >= long {
		bounds = exact
	}
	for _, g := range grown(samples) {
		t.Logf("figure: flat: %s at rest: %.0f to %.0f, mean of the middle third %.1f, of the last %.1f", g.name, g.least, g.most, g.before, g.after)
		if !bounds[g.name].holds(g) {
			t.Errorf("%s grew from %.1f to %.1f", g.name, g.before, g.after)
		}
	}
}

// growth of one thing that a server holds at rest.
type growth struct {
	name          string
	least, most   float64
	before, after float64 // mean of the middle third of the samples, and of the last
}

// grown compares the last third of the samples with the third before it: the
// first one is for caches and pools to fill.
func grown(samples []load.Resources) (all []growth) {
	n := len(samples) / 3
	for _, q := range []struct {
		name string
		of   func(load.Resources) float64
	}{
		{memory, func(r load.Resources) float64 { return float64(r.Memory) / (1 << 20) }},
		{heap, func(r load.Resources) float64 { return float64(r.Live) / (1 << 20) }},
		{goroutines, func(r load.Resources) float64 { return float64(r.Goroutines) }},
		{descriptors, func(r load.Resources) float64 { return float64(r.Descriptors) }},
	} {
		g := growth{name: q.name, least: q.of(samples[0])}
		for i, r := range samples {
			v := q.of(r)
			g.least, g.most = min(g.least, v), max(g.most, v)
			switch {
			case i >= len(samples)-n:
				g.after += v / float64(n)
			case i >= len(samples)-2*n:
				g.before += v / float64(n)
			}
		}
		all = append(all, g)
	}
	return all
}

// What a server holds.
const (
	memory      = "resident memory, MiB"
	heap        = "living heap, MiB"
	goroutines  = "goroutines"
	descriptors = "descriptors"
)

// bound is how much more is no growth.
type bound struct{ share, slack float64 }

func (b bound) holds(g growth) bool { return g.after <= g.before*(1+b.share)+b.slack }

// Half an hour has twenty faults or more in each third: one goroutine that each
// of them leaves behind adds up to more than the exact bounds, and nothing that
// was measured has moved by more than two. A short run has one sample a third,
// taken while other tests run.
var (
	exact = map[string]bound{memory: {0, 8}, heap: {0, 3}, goroutines: {0, 5}, descriptors: {0, 5}}
	noisy = map[string]bound{memory: {.1, 24}, heap: {.1, 8}, goroutines: {.1, 40}, descriptors: {.1, 40}}
)

// dawdle opens connections of every slow kind, so many of each, until the
// function it returns is called.
func dawdle(t *testing.T, s *testserver.Server, each int) (stop func()) {
	host := strings.TrimPrefix(s.URL, "http://")
	done := make(chan struct{})
	var all []net.Conn
	slow := func(address, begin, drip string) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.(*net.TCPConn).SetReadBuffer(1024) // a small window; the system may take another
		all = append(all, conn)
		go func() {
			if _, err := conn.Write([]byte(begin)); err != nil {
				return
			}
			for i := 0; drip != ""; i++ {
				select {
				case <-done:
					return
				case <-time.After(500 * time.Millisecond):
				}
				if _, err := conn.Write([]byte{drip[i%len(drip)]}); err != nil {
					return // thrown out
				}
			}
		}()
	}
	for range each {
		slow(host, "POST /v1/programs/faults/applications HTTP/1.1\r\nHost: x\r\n", "X-Slow: x\r\n")
		slow(host, "POST /v1/programs/faults/applications HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", `{"answers":`)
		slow(host, "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n", `token=`)
		// Answers that nobody reads, one behind the other.
		slow(host, strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 50), "")
		slow(s.GRPC, "PRI * HTTP/2.0\r\n", "\r\nSM")
	}
	return func() {
		close(done)
		for _, conn := range all {
			conn.Close()
		}
	}
}

// slowKinds is how many kinds of connections dawdle opens.
const slowKinds = 5

func slowClients(each int) string { return fmt.Sprintf("%d slow clients", slowKinds*each) }
