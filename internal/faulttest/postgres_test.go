package faulttest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/pgtest"
)

// seeded returns a generator whose seed the test prints.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("FAIRLEAD_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("FAIRLEAD_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("FAIRLEAD_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestPostgresCrashes crashes PostgreSQL three times (immediate mode: it loses
// whatever it has not written) while people apply as fast as they can.
func TestPostgresCrashes(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	total := counts(600, 10_000)
	cluster := pgtest.New(t)
	s, c := launchPostgres(t, cluster.Database(t))
	begin := time.Now()
	r := under(t, s, c, total)
	var faults []fault
	for i := range 3 {
		r.acknowledged(total*(i+1)/4 - random.IntN(total/10))
		f := fault{name: "PostgreSQL crashed", ready: mustNotBeReady, began: time.Now()}
		cluster.Crash(t)
		f.there = time.Now()
		time.Sleep(time.Duration(random.IntN(int(counts(2*time.Second, 4*time.Second)))))
		f.healing = time.Now()
		cluster.Restart(t)
		f.ended = time.Now()
		r.wellSince(f.ended)
		faults = append(faults, f)
	}
	r.acknowledged(total)
	took := time.Since(begin)
	v := r.end(faults...)
	if v.Acknowledged != total {
		t.Errorf("%d of %d submissions were acknowledged", v.Acknowledged, total)
	}
	t.Logf("figure: fault: %d submissions over REST by 8 clients while PostgreSQL is crashed 3 times, %.1f s: %d lost, %d duplicated", total, took.Seconds(), v.Lost, v.Duplicated)
}

// TestPostgresNetwork makes the network between the server and PostgreSQL bad
// in every way, one after the other, in one life of the server.
func TestPostgresNetwork(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t)
	p, database := behind(t, cluster)
	s, c := launchPostgres(t, database)
	if p.Connections() == 0 {
		t.Fatal("the server does not go through the proxy")
	}
	r := under(t, s, c, 0)
	healed := func(bad func()) func() func() {
		return func() func() {
			bad()
			return p.Heal
		}
	}
	short := counts(1500*time.Millisecond, 10*time.Second)
	faults := []fault{
		// Longer than the 5 s that /readyz waits for the database.
		r.suffer("black hole before PostgreSQL", mustNotBeReady, 8*time.Second, healed(p.BlackHole)),
		r.suffer("connections to PostgreSQL reset every 100 ms", mayBeReady, short, func() func() {
			done := make(chan struct{})
			go func() {
				for {
					select {
					case <-done:
						return
					case <-time.After(100 * time.Millisecond):
						p.Reset()
					}
				}
			}()
			return func() { close(done) }
		}),
		r.suffer("PostgreSQL refuses connections", mustNotBeReady, short, healed(p.Refuse)),
		r.suffer("200 ms more to PostgreSQL and back", mayBeReady, short, healed(func() { p.Delay(100 * time.Millisecond) })),
		r.suffer("20 kB/s to PostgreSQL", mayBeReady, short, healed(func() { p.Throttle(20_000) })),
	}
	r.end(faults...)
}
