package sqlstore_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

func TestConformance(t *testing.T) { storetest.Run(t, storetest.OpenSQLite) }

func TestAtRest(t *testing.T) {
	storetest.RunAtRest(t, func(t testing.TB) storetest.Backend { return openDoor(t) })
}

func BenchmarkCreateApplication(b *testing.B) {
	storetest.BenchmarkCreateApplication(b, storetest.OpenSQLite)
}

func BenchmarkReadPool(b *testing.B) { storetest.BenchmarkReadPool(b, storetest.OpenSQLite) }

// door is an SQLite store with a second, unguarded connection to its file.
type door struct {
	path  string
	vault *vault.Vault
	store *sqlstore.Store
	raw   *sql.DB
}

func openDoor(t testing.TB) *door {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	d := &door{path: filepath.Join(t.TempDir(), "fairlead.db"), vault: v}
	d.store = storetest.OpenAt(t, d.path, v)
	if d.raw, err = sql.Open("sqlite", "file:"+d.path+"?_pragma=busy_timeout(5000)"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.raw.Close() })
	return d
}

func (d *door) Store() applications.Store { return d.store }

func (d *door) Reopen(t testing.TB) {
	t.Helper()
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
	d.store = storetest.OpenAt(t, d.path, d.vault)
}

// Dump returns the bytes of the database, of its log, and of the database
// again after the log was folded into it.
func (d *door) Dump(t testing.TB) []byte {
	t.Helper()
	var out []byte
	read := func() {
		for _, p := range []string{d.path, d.path + "-wal"} {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b...)
		}
	}
	read()
	if len(out) < 100_000 {
		t.Fatalf("the database has only %d bytes", len(out))
	}
	if _, err := d.raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	read()
	return out
}

func (d *door) Exec(t testing.TB, text string, args ...any) int64 {
	t.Helper()
	r, err := d.raw.Exec(text, args...)
	if err != nil {
		t.Fatal(err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *door) Read(t testing.TB, text string, args ...any) [][]any {
	t.Helper()
	rows, err := d.raw.Query(text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]any
	for rows.Next() {
		row, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			dest[i] = &row[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// PostgreSQL's other way to write an address is no name for a new file, with a
// password in it.
func TestKeywordsAreNoPath(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, text := range []string{"host=127.0.0.1 user=u password='geheim' dbname=d", "dbname=d", "PASSWORD = geheim host = h"} {
		refuseServer(t, sqlstore.Options{Database: text}, applications.FailedPrecondition, "DATABASE_URL_INVALID", "begins with postgres://")
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
}
