package sqlstore_test

import (
	"testing"

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
