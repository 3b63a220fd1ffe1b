package sqlstore_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

func TestKeys(t *testing.T) {
	storetest.RunKeys(t, func(t testing.TB) string { return filepath.Join(t.TempDir(), "fairlead.db") }, firstColumn)
}

func TestKeysPostgres(t *testing.T) {
	storetest.RunKeys(t, func(t testing.TB) string { return pgtest.Start(t).Database(t) }, firstColumn)
}

// firstColumn runs a query on a database past the store.
func firstColumn(t testing.TB, database, query string) [][]byte {
	t.Helper()
	driver, name := "sqlite", "file:"+database+"?mode=ro&_pragma=busy_timeout(5000)"
	if sqlstore.IsPostgres(database) {
		driver, name = "pgx", database
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all [][]byte
	for rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		b, ok := v.([]byte)
		if !ok {
			b = fmt.Append(nil, v)
		}
		all = append(all, b)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// Rewrite makes the server write its tables anew, without what stood in them
// before.
func (d *serverDoor) Rewrite(t testing.TB) { d.Exec(t, "VACUUM FULL") }
