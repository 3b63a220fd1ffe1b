package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// postgresDatabases are databases with the tables made. Making one takes ten
// times as long as emptying one, so that a test's cases share a few.
type postgresDatabases struct {
	suite testing.TB
	vault *vault.Vault

	mu   sync.Mutex
	idle []string // URLs
}

// take returns an empty database that is t's until it ends.
func (d *postgresDatabases) take(t testing.TB) string {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var url string
	if n := len(d.idle); n > 0 {
		url, d.idle = d.idle[n-1], d.idle[:n-1]
	} else {
		url = pgtest.Start(t).Database(d.suite)
		s, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: url, Vault: d.vault})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		changeTables(t, url, "CREATE SCHEMA made", func(table string) string { return "CREATE TABLE made." + table + " AS TABLE " + table })
	}
	t.Cleanup(func() { // after the store was closed
		changeTables(t, url, "", func(table string) string { return "INSERT INTO " + table + " TABLE made." + table })
		d.mu.Lock()
		defer d.mu.Unlock()
		d.idle = append(d.idle, url)
	})
	return url
}

// changeTables runs a statement and then one for each table. Without a first
// statement it empties the tables: in a single one, at whose end the foreign
// keys are looked at.
func changeTables(t testing.TB, url, first string, each func(table string) string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{first}
	if first == "" {
		var all []string
		for i, table := range tables {
			all = append(all, fmt.Sprintf("d%d AS (DELETE FROM %s)", i, table))
		}
		statements[0] = "WITH " + strings.Join(all, ", ") + " SELECT"
	}
	for _, table := range tables {
		statements = append(statements, each(table))
	}
	if _, err := conn.Exec(ctx, "BEGIN; "+strings.Join(statements, "; ")+"; COMMIT"); err != nil {
		t.Fatal(err)
	}
}
