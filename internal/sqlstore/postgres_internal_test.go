package sqlstore

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/vault"
)

// openPostgresTest opens a store on a database of its own.
func openPostgresTest(t *testing.T, url string) *Store {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Database: url, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestQueriesPostgres: every statement can be prepared, in every key the
// program comes first, and every text compares by bytes.
func TestQueriesPostgres(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	openPostgresTest(t, url)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, q := range queries {
		text := postgresDialect.sql(q.text)
		if strings.Contains(text, "${") {
			t.Errorf("a word of the dialects is left: %s", text)
		}
		if _, err := conn.Prepare(ctx, "", text); err != nil {
			t.Errorf("%v: %s", err, text)
		}
	}
	list := func(text string) []string {
		t.Helper()
		rows, err := conn.Query(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		out, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	const keys = `FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class r ON r.oid = i.indrelid
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indisunique AND r.relnamespace = 'public'::regnamespace
		AND EXISTS (SELECT 1 FROM pg_attribute p WHERE p.attrelid = i.indrelid AND p.attname = 'program')`
	if n := len(list("SELECT c.relname " + keys)); n < 8 {
		t.Fatalf("only %d keys were looked at", n)
	}
	// A link is found by its hash alone.
	for _, name := range list("SELECT c.relname " + keys + " AND a.attname <> 'program' AND r.relname NOT IN ('links', 'enrollment_links', 'network_links')") {
		t.Errorf("the program does not come first in %s", name)
	}
	if n := len(list("SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attcollation = '\"C\"'::regcollation")); n < 20 {
		t.Fatalf("only %d texts compare by bytes", n)
	}
	for _, name := range list("SELECT c.relname || '.' || attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace AND a.attcollation NOT IN (0, '\"C\"'::regcollation)") {
		t.Errorf("%s sorts by language", name)
	}
}

// TestDialectsUseTheSameWords: a word that one of them lacks would be found
// only by the first database of that kind.
func TestDialectsUseTheSameWords(t *testing.T) {
	for _, m := range mustMigrations(t) {
		for _, d := range []*dialect{sqliteDialect, postgresDialect} {
			if text := d.sql(m.text); strings.Contains(text[strings.Index(text, "CREATE"):], "${") {
				t.Errorf("migration %d has a word that is none of %s", m.version, d.name)
			}
		}
	}
}

func mustMigrations(t *testing.T) []migration {
	t.Helper()
	steps, err := loadMigrations(embedded)
	if err != nil || len(steps) == 0 {
		t.Fatal(len(steps), err)
	}
	return steps
}

// TestPostgresErrors brings about real errors of a server.
func TestPostgresErrors(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := openPostgresTest(t, url)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `CREATE TABLE a (id BIGINT PRIMARY KEY, n TEXT NOT NULL UNIQUE, k BIGINT CHECK (k > 0));
		INSERT INTO a VALUES (1, 'secret', 1); CREATE TABLE b (a BIGINT REFERENCES a (id)); CREATE SCHEMA locked; REVOKE ALL ON SCHEMA locked FROM CURRENT_USER`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text   string
		code   applications.Code
		reason string
	}{
		{`INSERT INTO a VALUES (1, 'other', 1)`, applications.AlreadyExists, "ALREADY_EXISTS"},
		{`INSERT INTO a VALUES (2, 'secret', 1)`, applications.AlreadyExists, "ALREADY_EXISTS"},
		{`INSERT INTO a VALUES (2, NULL, 1)`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO a VALUES (2, 'other', 0)`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO a VALUES ('secret', 'other', 1)`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO b VALUES (9)`, applications.FailedPrecondition, "REFERENCE_MISSING"},
		{`SELECT secret FROM nowhere`, applications.Internal, ""},
		{`CREATE TABLE locked.a (id BIGINT)`, applications.FailedPrecondition, "DATABASE_FORBIDDEN"},
		{`BEGIN READ ONLY; INSERT INTO b VALUES (1)`, applications.Unavailable, "DATABASE_READ_ONLY"},
		{`ROLLBACK; SET statement_timeout = 20; SELECT pg_sleep(5)`, applications.Unavailable, "DATABASE_UNAVAILABLE"},
		{`SELECT pg_terminate_backend(pg_backend_pid())`, applications.Unavailable, "DATABASE_UNAVAILABLE"},
	} {
		_, err := conn.Exec(ctx, c.text)
		if err == nil {
			t.Errorf("%s: no error", c.text)
			continue
		}
		got := s.explain(ctx, err)
		if applications.CodeOf(got) != c.code || applications.ReasonOf(got) != c.reason {
			t.Errorf("%s: %v became %v", c.text, err, got)
		}
		if strings.Contains(got.Error(), "secret") {
			t.Errorf("%s: the message quotes: %v", c.text, got)
		}
	}
}

// TestOutcomeUnknown: a commit without an answer is neither told as stored nor
// as failed, and the store goes on.
func TestOutcomeUnknown(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := openPostgresTest(t, url)
	ctx := t.Context()
	p := &applications.Program{ID: "p1"}
	err := s.inTx(ctx, true, func(t *tx) error {
		if err := t.InsertProgram(ctx, p); err != nil {
			return err
		}
		// The connection breaks without the transaction's noticing.
		return t.db.(*postgresTx).conn.Conn().PgConn().Conn().Close()
	})
	if applications.CodeOf(err) != applications.Unavailable || applications.ReasonOf(err) != "OUTCOME_UNKNOWN" {
		t.Fatalf("got %v", err)
	}
	if p.Revision != 0 {
		t.Errorf("revision %d", p.Revision)
	}
	if err := s.Update(ctx, func(tx applications.Tx) error { return tx.InsertProgram(ctx, p) }); err != nil {
		t.Fatal(err)
	}
}

// TestLostConnection: a connection that breaks before the commit costs the
// caller nothing, in an Update or before a View has seen anything.
func TestLostConnection(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := openPostgresTest(t, url)
	ctx := t.Context()
	cut := func(t *tx) { t.db.(*postgresTx).conn.Conn().PgConn().Conn().Close() }
	runs := 0
	err := s.inTx(ctx, true, func(t *tx) error {
		if runs++; runs < 3 {
			if err := t.InsertProgram(ctx, &applications.Program{ID: "gone"}); err != nil {
				return err
			}
			cut(t)
		}
		return t.InsertProgram(ctx, &applications.Program{ID: "p1"})
	})
	if err != nil || runs != 3 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	for _, c := range []struct {
		seen bool
		runs int
	}{{false, 2}, {true, 1}} {
		runs = 0
		err = s.inTx(ctx, false, func(t *tx) error {
			runs++
			if c.seen {
				if _, err := t.Program(ctx, "p1"); err != nil {
					return err
				}
			}
			if runs == 1 {
				cut(t)
			}
			_, err := t.Program(ctx, "p1")
			return err
		})
		if runs != c.runs || (err == nil) == c.seen || err != nil && applications.ReasonOf(err) != "DATABASE_UNAVAILABLE" {
			t.Errorf("seen %t: %d runs, %v", c.seen, runs, err)
		}
	}
	if err := s.View(ctx, func(tx applications.Tx) error {
		list, err := tx.Programs(ctx, nil, "", 0)
		if len(list) != 1 {
			t.Errorf("%d programs", len(list))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestStatementEndsWithItsContext: a deadline ends the waiting for a lock, at
// the server too, and the connection is not used again.
func TestStatementEndsWithItsContext(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := openPostgresTest(t, url)
	ctx := t.Context()
	if err := s.Update(ctx, func(tx applications.Tx) error { return tx.InsertProgram(ctx, &applications.Program{ID: "p1"}) }); err != nil {
		t.Fatal(err)
	}
	err := s.Update(ctx, func(tx applications.Tx) error {
		if _, err := tx.NextCode(ctx, "p1"); err != nil {
			return err
		}
		for range 3 {
			short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
			begin := time.Now()
			err := s.Update(short, func(tx applications.Tx) error { _, err := tx.NextCode(short, "p1"); return err })
			cancel()
			if applications.ReasonOf(err) != "DEADLINE_EXCEEDED" {
				t.Errorf("got %v", err)
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	waiting := -1
	for deadline := time.Now().Add(10 * time.Second); waiting != 0 && time.Now().Before(deadline); {
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	if waiting != 0 {
		t.Errorf("%d statements still wait", waiting)
	}
	if p := s.Pools()["all"]; p.Open > 2 {
		t.Errorf("%d connections are kept", p.Open)
	}
}

func TestClassifyPostgresKeepsOthersErrors(t *testing.T) {
	if _, ok := classifyPostgres(errors.New("any")); ok {
		t.Error("an error that is not the database's")
	}
	if f, ok := classifyPostgres(&lostConnection{&pgconn.PgError{Code: "57P01"}}); !ok || !f.retry || f.code != applications.Unavailable {
		t.Errorf("%+v", f)
	}
}

// TestSynchronousCommit: what is acknowledged is on the server's disk, whatever
// the database was set to.
func TestSynchronousCommit(t *testing.T) {
	for setting, want := range map[string]string{"off": "on", "on": "on", "local": "local"} {
		url, ctx := pgtest.Start(t).Database(t), t.Context()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "ALTER DATABASE "+conn.Config().Database+" SET synchronous_commit = "+setting); err != nil {
			t.Fatal(err)
		}
		s := openPostgresTest(t, url)
		for range 2 {
			var got string
			if err := s.inTx(ctx, true, func(tx *tx) error {
				p := tx.db.(*postgresTx)
				if _, err := p.run(ctx, "SELECT 1", nil); err != nil {
					return err
				}
				return p.conn.QueryRow(ctx, "SHOW synchronous_commit").Scan(&got)
			}); err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("set to %s: an Update runs with %s", setting, got)
			}
		}
		if err := s.Update(ctx, func(applications.Tx) error { return nil }); err != nil { // nothing to do
			t.Error(err)
		}
	}
}

// TestPlansOfAnEmptyTable: a plan that was made while a table was empty, and
// counted as such, is not kept when the table has grown.
func TestPlansOfAnEmptyTable(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := openPostgresTest(t, url)
	ctx := t.Context()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "VACUUM requests"); err != nil {
		t.Fatal(err)
	}
	db := s.db.(*postgresDB)
	const n = 500
	c, err := db.current().Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		_, err := c.Exec(ctx, db.texts[insertRequest.index], "p", "Create", strconv.Itoa(i), []byte("hash"), "r", make([]byte, 1500), int64(i))
		if err != nil {
			t.Fatal(err)
		}
		var hash, answer []byte
		var resource string
		var at int64
		if err := c.QueryRow(ctx, db.texts[queryRequest.index], "p", "Create", strconv.Itoa(i)).Scan(&hash, &resource, &answer, &at); err != nil || at != int64(i) {
			t.Fatal(at, err)
		}
	}
	if _, err := c.Exec(ctx, "SELECT pg_stat_force_next_flush()"); err != nil {
		t.Fatal(err)
	}
	c.Release()
	var scans, read int64
	if err := conn.QueryRow(ctx, "SELECT seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'requests'").Scan(&scans, &read); err != nil {
		t.Fatal(err)
	}
	if scans > n/2 || read > n*n/20 { // all of them: n scans, n²/2 rows
		t.Errorf("%d of %d searches by key read the whole table, %d rows in all", scans, n, read)
	}
}

// TestPlansAsTheURLSays: who sets plan_cache_mode knows why.
func TestPlansAsTheURLSays(t *testing.T) {
	cluster := pgtest.Start(t)
	for more, want := range map[string]string{
		"":                     "force_custom_plan",
		"plan_cache_mode=auto": "auto",
		"options=-c%20plan_cache_mode%3Dforce_generic_plan": "force_generic_plan",
	} {
		url := cluster.Database(t)
		and := "?"
		if strings.Contains(url, "?") {
			and = "&"
		}
		s := openPostgresTest(t, url+and+more)
		var mode string
		if err := s.db.(*postgresDB).current().QueryRow(t.Context(), "SHOW plan_cache_mode").Scan(&mode); err != nil || mode != want {
			t.Errorf("%q: %s, %v, want %s", more, mode, err, want)
		}
	}
}
