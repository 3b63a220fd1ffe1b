package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

func TestConformancePostgres(t *testing.T) { storetest.Run(t, storetest.Postgres(t)) }

// TestConformanceDistributed is the same suite where every transaction is
// serializable and one in ten loses its commit.
func TestConformanceDistributed(t *testing.T) { storetest.Run(t, storetest.Distributed(t)) }

// TestDistributedWriters: two Updates of one store run beside each other there.
// Each lists the programs and adds one, and the server lets only one of them
// commit what it decided by that. The other runs again, and counts one more.
func TestDistributedWriters(t *testing.T) {
	o := sqlstore.Options{Database: pgtest.Start(t).Database(t), Vault: newVault(t), Serializable: true}
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var both sync.WaitGroup
	both.Add(2)
	met := make(chan struct{})
	go func() { both.Wait(); close(met) }()
	var runs atomic.Int64
	seen := make([]int, 2)
	errs := make(chan error)
	for i := range seen {
		first := true
		go func() {
			errs <- s.Update(ctx, func(tx applications.Tx) error {
				runs.Add(1)
				all, err := tx.Programs(ctx, nil, "", 10)
				if err != nil {
					return err
				}
				if first {
					first = false
					both.Done()
					select {
					case <-met:
					case <-ctx.Done():
						return errors.New("the other Update did not begin meanwhile")
					}
				}
				seen[i] = len(all)
				return tx.InsertProgram(ctx, &applications.Program{ID: fmt.Sprint("p", i)})
			})
		}()
	}
	for range seen {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if seen[0]+seen[1] != 1 || runs.Load() < 3 {
		t.Errorf("the two saw %v programs in %d runs, want none and one, in three or more", seen, runs.Load())
	}
}

func TestAtRestPostgres(t *testing.T) {
	storetest.RunAtRest(t, func(t testing.TB) storetest.Backend { return openServerDoor(t) })
}

func BenchmarkCreateApplicationPostgres(b *testing.B) {
	storetest.BenchmarkCreateApplication(b, storetest.OpenPostgres)
}

func BenchmarkReadPoolPostgres(b *testing.B) {
	storetest.BenchmarkReadPool(b, storetest.OpenPostgres)
}

// serverDoor is a PostgreSQL store with a second connection to its database.
type serverDoor struct {
	url   string
	vault *vault.Vault
	store *sqlstore.Store
	raw   *pgx.Conn
}

func openServerDoor(t testing.TB) *serverDoor {
	t.Helper()
	d := &serverDoor{url: pgtest.Start(t).Database(t), vault: newVault(t)}
	d.store = storetest.OpenAt(t, d.url, d.vault)
	d.raw = connect(t, d.url)
	return d
}

// connect opens a connection beside the store's, until the test ends.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.PgConn().Conn().Close() })
	return conn
}

func (d *serverDoor) Store() applications.Store { return d.store }

func (d *serverDoor) Reopen(t testing.TB) {
	t.Helper()
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	d.store = storetest.OpenAt(t, d.url, d.vault)
}

func (d *serverDoor) Dump(t testing.TB) []byte {
	t.Helper()
	return pgtest.Start(t).Dump(t, d.url)
}

func (d *serverDoor) Exec(t testing.TB, text string, args ...any) int64 {
	t.Helper()
	tag, err := d.raw.Exec(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	return tag.RowsAffected()
}

func (d *serverDoor) Read(t testing.TB, text string, args ...any) [][]any {
	t.Helper()
	rows, err := d.raw.Query(t.Context(), text, args...)
	if err != nil {
		t.Fatal(err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) ([]any, error) { return r.Values() })
	if err != nil {
		t.Fatal(err)
	}
	return out
}
