package load

import (
	"testing"
	"time"
)

// TestCompare runs a short comparison on both backends: it is about the
// comparison itself, not about its result. What is replayed is what was
// recorded: all of it leaves a database that the server takes for its own.
func TestCompare(t *testing.T) {
	for _, backend := range []string{"sqlite", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			p, err := NewPlace(ctx, t.TempDir(), backend)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}()
			database, drop, err := p.Copy(ctx)
			if err != nil {
				t.Fatal(err)
			}
			l := ledger(t)
			recording, err := p.record(ctx, database, func(c *Call) error {
				_, err := Run(ctx, Options{Call: c, Clients: 8, Count: 60, Ledger: l})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := recording.Transactions(); n != 60 {
				t.Fatalf("%d transactions were recorded: %v", n, recording)
			}
			if err := drop(); err != nil {
				t.Fatal(err)
			}
			again, _, err := p.Copy(ctx)
			if err != nil {
				t.Fatal(err)
			}
			n, took, err := recording.Replay(ctx, again, 1, time.Minute)
			if err != nil || n != 60 || took <= 0 {
				t.Fatalf("%d transactions in %v, %v", n, took, err)
			}
			s, err := p.Start(ctx, again)
			if err != nil {
				t.Fatal(err)
			}
			verified(t, p.callAt(s.Address), l) // every one, with its content, and with the same answer to a retry
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			c, err := p.Compare(ctx, CompareOptions{Clients: 4, Rounds: 1, Length: time.Second, Log: t.Output(), Connections: 4})
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Rounds) != 1 || c.Ratio() <= 0 {
				t.Errorf("got %v", c)
			}
		})
	}
}
