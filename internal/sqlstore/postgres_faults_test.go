package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/faulttest"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

// throughProxy returns the URL of a database that is reached through a network
// that the test can make bad.
func throughProxy(t *testing.T, c *pgtest.Cluster) (*faulttest.Proxy, string) {
	t.Helper()
	proxy, err := faulttest.NewProxy(c.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close() })
	u, err := url.Parse(c.TCP(t, c.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Address
	return proxy, u.String()
}

// load submits applications from several writers, and remembers which of them
// were acknowledged.
type load struct {
	store applications.Store
	limit time.Duration // of each call

	mu           sync.Mutex
	acknowledged map[string]bool
	slowest      time.Duration
	errors       map[string]int
	last         time.Time // of an acknowledgment
}

func (l *load) run(ctx context.Context, writers int) *sync.WaitGroup {
	l.acknowledged, l.errors = map[string]bool{}, map[string]int{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.submit(fmt.Sprintf("%d-%d", w, i))
			}
		})
	}
	return &wg
}

func (l *load) submit(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), l.limit)
	defer cancel()
	begin := time.Now()
	err := l.store.Update(ctx, func(tx applications.Tx) error {
		if _, err := tx.Program(ctx, "p1"); err != nil {
			return err
		}
		n, err := tx.NextCode(ctx, "p1")
		if err != nil {
			return err
		}
		a := &applications.Application{Program: "p1", ID: id, Code: fmt.Sprintf("NS-%d", n), State: applications.Submitted, Contact: applications.Contact{Name: id}}
		if err := tx.InsertApplication(ctx, a, nil); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, applications.Event{Action: "application.submit", Resource: "programs/p1/applications/" + id, Reason: id})
	})
	took := time.Since(begin)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, took)
	if err == nil {
		l.acknowledged[id], l.last = true, time.Now()
	} else {
		l.errors[applications.ReasonOf(err)]++
	}
}

// recovered waits for the next acknowledgment after a fault has ended.
func (l *load) recovered(t *testing.T) time.Duration {
	t.Helper()
	begin := time.Now()
	for time.Since(begin) < 30*time.Second {
		l.mu.Lock()
		last := l.last
		l.mu.Unlock()
		if last.After(begin) {
			return last.Sub(begin)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("nothing was stored in 30 s after the fault; errors %v", l.errors)
	return 0
}

// check: what was acknowledged is there, nothing is there by half, the log
// verifies, and no error was one of ours.
func (l *load) check(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	report, err := audit.Verify(ctx, l.store, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = l.store.View(ctx, func(tx applications.Tx) error {
		list, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "p1"})
		if err != nil {
			return err
		}
		there := map[string]bool{}
		for _, a := range list {
			there[a.ID] = a.Contact.Name == a.ID
		}
		for id := range l.acknowledged {
			if !there[id] {
				t.Errorf("%s was acknowledged and is lost", id)
			}
		}
		p, err := tx.Program(ctx, "p1")
		if err != nil {
			return err
		}
		if report.Size != int64(len(list)) || p.ApplicationCount != len(list) {
			t.Errorf("%d applications, %d events, %d counted", len(list), report.Size, p.ApplicationCount)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for reason, n := range l.errors {
		switch reason {
		case "DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED":
		default:
			t.Errorf("%d calls failed with %q", n, reason)
		}
	}
}

// newLoad opens a store with one program.
func newLoad(t *testing.T, o sqlstore.Options, limit time.Duration) *load {
	t.Helper()
	if o.Vault == nil {
		o.Vault = newVault(t)
	}
	insertProgramAt(t, o, "p1")
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &load{store: s, limit: limit}
}

// TestPostgresFaults: a server, and a network to it, that fail.
func TestPostgresFaults(t *testing.T) {
	c := pgtest.New(t)
	t.Run("crashes", func(t *testing.T) { serverCrashes(t, c) })
	t.Run("restart while idle", func(t *testing.T) { restartWhileIdle(t, c) })
	t.Run("bad network", func(t *testing.T) { badNetwork(t, c) })
	t.Run("what is wrong at a start", func(t *testing.T) { startsGoneWrong(t, c) }) // stops it
}

// serverCrashes: a server that ends as in a crash, and comes back.
func serverCrashes(t *testing.T, c *pgtest.Cluster) {
	crashes := 2
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		crashes = 10
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	l := newLoad(t, sqlstore.Options{Database: c.Database(t)}, 10*time.Second)
	ctx, stop := context.WithCancel(t.Context())
	writers := l.run(ctx, 16)
	var slowest time.Duration
	for range crashes {
		time.Sleep(time.Duration(200+rand.IntN(300)) * time.Millisecond)
		c.Crash(t)
		time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
		c.Restart(t)
		took := l.recovered(t)
		slowest = max(slowest, took)
		if took > 5*time.Second {
			t.Errorf("recovery took %v", took)
		}
	}
	stop()
	writers.Wait()
	l.check(t)
	t.Logf("figure: store, PostgreSQL crashed (immediate) and restarted %d times under 16 writers: %d acknowledged, 0 lost; writing again after at most %v", crashes, len(l.acknowledged), slowest.Round(time.Millisecond))
	if err := l.store.Close(); err != nil {
		t.Error(err)
	}
}

// badNetwork: nothing arrives for a while, then resets.
func badNetwork(t *testing.T, c *pgtest.Cluster) {
	hole := 2 * time.Second
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		hole = 5 * time.Second
	}
	proxy, database := throughProxy(t, c)
	const limit = time.Second
	l := newLoad(t, sqlstore.Options{Database: database}, limit)
	ctx, stop := context.WithCancel(t.Context())
	writers := l.run(ctx, 16)
	time.Sleep(300 * time.Millisecond)
	proxy.BlackHole()
	time.Sleep(hole)
	proxy.Heal()
	afterHole := l.recovered(t)
	proxy.Reset()
	afterReset := l.recovered(t)
	proxy.Refuse()
	time.Sleep(300 * time.Millisecond)
	proxy.Heal()
	afterRefusal := l.recovered(t)
	proxy.Delay(100 * time.Millisecond)
	time.Sleep(time.Second)
	proxy.Heal()
	slow := l.recovered(t)
	stop()
	writers.Wait()
	for _, took := range []time.Duration{afterHole, afterReset, afterRefusal, slow} {
		if took > 5*time.Second {
			t.Errorf("recovery took %v", took)
		}
	}
	if l.slowest > 2*limit {
		t.Errorf("a call with a deadline of %v took %v", limit, l.slowest)
	}
	l.check(t)
	t.Logf("figure: store, network to PostgreSQL swallowed for %v, reset, refused and slow under 16 writers: %d acknowledged, 0 lost; writing again after %v, %v, %v, %v; slowest call %v of %v; errors %v",
		hole, len(l.acknowledged), afterHole.Round(time.Millisecond), afterReset.Round(time.Millisecond), afterRefusal.Round(time.Millisecond), slow.Round(time.Millisecond), l.slowest.Round(time.Millisecond), limit, l.errors)
}

// restartWhileIdle: connections that died in the pool fail no call.
func restartWhileIdle(t *testing.T, c *pgtest.Cluster) {
	l := newLoad(t, sqlstore.Options{Database: c.Database(t)}, 10*time.Second)
	ctx := t.Context()
	var inside sync.WaitGroup
	inside.Add(8) // as many connections
	for _, err := range together(8, func(int) error {
		return l.store.View(ctx, func(tx applications.Tx) error {
			_, err := tx.Program(ctx, "p1")
			inside.Done()
			inside.Wait()
			return err
		})
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	c.Stop(t)
	if err := l.store.Ping(ctx); applications.CodeOf(err) != applications.Unavailable {
		t.Errorf("a stopped server: %v", err)
	}
	c.Restart(t)
	for range 8 { // none of the old connections fails a call
		if err := l.store.Ping(ctx); err != nil {
			t.Error(err)
		}
	}
}

// together runs fn n times at once.
func together(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errs
}

// TestPostgresManyKindsOfWriters: transactions of every kind at once, on few
// programs, from two servers, beside long Views: none ends another, none
// waits for ever, and the books balance.
func TestPostgresManyKindsOfWriters(t *testing.T) {
	rounds := 12
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		rounds = 200
	}
	database, v := pgtest.Start(t).Database(t), newVault(t)
	stores := []*sqlstore.Store{storetest.OpenAt(t, database, v), storetest.OpenAt(t, database, v)}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	programs := []string{"p1", "p2", "p3"}
	for _, p := range programs {
		if err := stores[0].Update(ctx, func(tx applications.Tx) error {
			return tx.InsertProgram(ctx, &applications.Program{ID: p, Seats: 10})
		}); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	done, stopViews := make(chan struct{}), make(chan struct{})
	var views atomic.Int64
	go func() { // long ones
		defer close(done)
		for {
			err := stores[0].View(ctx, func(tx applications.Tx) error {
				first, err := tx.CountApplications(ctx, "p1")
				if err != nil {
					return err
				}
				time.Sleep(50 * time.Millisecond)
				second, err := tx.CountApplications(ctx, "p1")
				if first[applications.Submitted] != second[applications.Submitted] {
					t.Error("a View saw the database change")
				}
				return err
			})
			if err != nil {
				t.Error(err)
				return
			}
			views.Add(1)
			select {
			case <-stopViews:
				return
			default:
			}
		}
	}()
	const writers = 32
	var inserted, changes, slowest atomic.Int64
	for i, err := range together(writers, func(w int) error {
		random := rand.New(rand.NewPCG(seed, uint64(w)))
		s := stores[w%2]
		var mine []string
		for r := range rounds {
			p := programs[random.IntN(len(programs))]
			var did func()
			begin := time.Now()
			err := s.Update(ctx, func(tx applications.Tx) error {
				event := applications.Event{Action: "x", Resource: "programs/" + p}
				switch kind := random.IntN(10); {
				case kind < 5 || len(mine) == 0:
					id := fmt.Sprintf("%s-%d-%d", p, w, r)
					if _, err := tx.Program(ctx, p); err != nil {
						return err
					}
					n, err := tx.NextCode(ctx, p)
					if err != nil {
						return err
					}
					did = func() { mine = append(mine, id); inserted.Add(1); changes.Add(1) }
					if err := tx.InsertApplication(ctx, &applications.Application{Program: p, ID: id, Code: fmt.Sprint(n), State: applications.Submitted}, nil); err != nil {
						return err
					}
				case kind < 8: // somebody else's, perhaps
					id := mine[random.IntN(len(mine))]
					of := id[:2]
					if kind == 5 { // without taking turns on the program
						if _, err := tx.Program(ctx, of); err != nil {
							return err
						}
					}
					a, err := tx.Application(ctx, of, id)
					if err != nil {
						return err
					}
					did = func() { changes.Add(1) }
					a.CodeGeneration++
					if err := tx.UpdateApplication(ctx, a, nil); err != nil {
						return err
					}
				default:
					if err := tx.AppendEvents(ctx, event); err != nil {
						return err
					}
					stored, err := tx.Program(ctx, p)
					if err != nil {
						return err
					}
					did = func() { changes.Add(2) }
					stored.Seats++
					if err := tx.UpdateProgram(ctx, stored); err != nil {
						return err
					}
				}
				return tx.AppendEvents(ctx, event)
			})
			if err != nil {
				return err
			}
			did()
			if took := int64(time.Since(begin)); took > slowest.Load() {
				slowest.Store(took)
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
	close(stopViews)
	<-done
	report, err := audit.Verify(ctx, stores[1], nil)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, p := range programs {
		if err := stores[1].View(ctx, func(tx applications.Tx) error {
			counts, err := tx.CountApplications(ctx, p)
			total += counts[applications.Submitted]
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if int64(total) != inserted.Load() || report.Size != changes.Load() {
		t.Errorf("%d applications of %d, %d events of %d", total, inserted.Load(), report.Size, changes.Load())
	}
	t.Logf("figure: store, PostgreSQL, 32 writers of mixed kinds on two servers and 3 programs, beside long Views: %d transactions, %d Views, no deadlock to be seen, slowest %v", writers*rounds, views.Load(), time.Duration(slowest.Load()).Round(time.Millisecond))
}

// TestPostgresKeepsNothing: a closed store leaves no goroutine and no
// connection, whatever happened before.
func TestPostgresKeepsNothing(t *testing.T) {
	database, v := pgtest.Start(t).Database(t), newVault(t)
	insertProgramAt(t, sqlstore.Options{Database: database, Vault: v}, "p1")
	before := goleak.IgnoreCurrent()
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: database, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{store: s, limit: 30 * time.Millisecond}
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	l.run(ctx, 24).Wait()
	stop()
	func() {
		defer func() { recover() }()
		_ = s.Update(t.Context(), func(tx applications.Tx) error { panic("on purpose") })
	}()
	_ = s.View(t.Context(), func(tx applications.Tx) error { return errors.New("on purpose") })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
	left := -1
	conn := connect(t, database)
	for deadline := time.Now().Add(10 * time.Second); left != 0 && time.Now().Before(deadline); {
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	if left != 0 {
		t.Errorf("%d connections are left", left)
	}
}
