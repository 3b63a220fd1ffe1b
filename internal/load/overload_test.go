package load

import (
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/testserver"
)

// TestOverload offers ten times of what the server can do, as fast as this
// machine can offer it: the rest is refused with 429 and Retry-After, what is
// let in is answered fast, and the server does nearly as much as before. Its
// memory stays bounded, and nothing that it acknowledged is missing.
//
// Client and server share the processors: what the generator takes is missing
// to the server, so the test's bound is half, and the figure tells the rest.
func TestOverload(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		s, c := started(t)
		overload(t, s, c, 20*time.Second)
	})
	if !soak() { // it takes all processors again
		return
	}
	t.Run("postgres", func(t *testing.T) {
		key := filepath.Join(t.TempDir(), "master.key")
		if out, err := exec.Command(testserver.Binary(t), "keys", "create", key).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		s, c := started(t, "--database", pgtest.New(t).Database(t), "--master-key-file", key)
		overload(t, s, c, 8*time.Second)
	})
}

// overload measures a server three times: as much as it can do, ten times that,
// and as much as it can do again; long is each time in the soak.
func overload(t *testing.T, s *testserver.Server, c *Call, long time.Duration) {
	l := ledger(t)
	warm, measured := 300*time.Millisecond, time.Second
	if soak() {
		warm, measured = 2*time.Second, long
	}
	first := 0
	run := func(clients int, rate float64) (*Report, Resources) {
		first += 10_000_000
		r, err := Run(t.Context(), Options{Call: c, Clients: clients, Rate: rate, Warmup: warm, Duration: measured, First: first, Ledger: l})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Err(); err != nil {
			t.Error(err)
		}
		now, err := Look(t.Context(), s.Ops)
		if err != nil {
			t.Fatal(err)
		}
		return r, now
	}
	before, _ := run(32, 0)
	over, loaded := run(600, 10*before.Throughput())
	after, rested := run(32, 0)
	most := (before.Throughput() + after.Throughput()) / 2
	share := over.Throughput() / most
	shed := over.Refused[http.StatusTooManyRequests]
	t.Logf("figure: overload: 10 times of %.0f submissions/s offered: %.0f/s acknowledged (%.0f %% of the most), %d shed; let in: p50 %v, p99 %v; refused: p50 %v, p99 %v; server's memory %d MiB, afterwards %d MiB",
		most, over.Throughput(), 100*share, shed, round(over.Served.Quantile(.5)), round(over.Served.Quantile(.99)),
		round(over.Refusals.Quantile(.5)), round(over.Refusals.Quantile(.99)), loaded.Memory>>20, rested.Memory>>20)
	if shed < over.Acknowledged || len(over.Refused) != 1 {
		t.Errorf("refused %v beside %d acknowledged", over.Refused, over.Acknowledged)
	}
	if share < 0.5 && soak() || share < 0.2 { // the reduced run shares its processors with other tests
		t.Errorf("only %.0f %% of the work is still done under overload", 100*share)
	}
	if loaded.Memory > 512<<20 || loaded.Goroutines > 5000 {
		t.Errorf("under overload the server holds %d MiB and %d goroutines", loaded.Memory>>20, loaded.Goroutines)
	}
	if rested.Shed != loaded.Shed {
		t.Errorf("after the overload %d calls more were shed", rested.Shed-loaded.Shed)
	}
	if loaded.Shed < shed {
		t.Errorf("the server counts %d shed calls, the clients %d", loaded.Shed, shed)
	}
	if v := verified(t, c, l); v.Stored != v.Acknowledged {
		t.Error(v)
	}
}

// round keeps three digits or so.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
