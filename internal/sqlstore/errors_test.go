package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func TestSQLStates(t *testing.T) {
	for _, c := range []struct {
		state  string
		code   applications.Code
		reason string
		retry  bool
	}{
		{"40001", applications.Aborted, "TRANSACTION_CONFLICT", true},
		{"40P01", applications.Aborted, "TRANSACTION_CONFLICT", true},
		{"23505", applications.AlreadyExists, "ALREADY_EXISTS", false},
		{"23503", applications.FailedPrecondition, "REFERENCE_MISSING", false},
		{"23502", applications.InvalidArgument, "VALUE_REFUSED", false},
		{"23514", applications.InvalidArgument, "VALUE_REFUSED", false},
		{"22001", applications.InvalidArgument, "VALUE_REFUSED", false},
		{"22021", applications.InvalidArgument, "VALUE_REFUSED", false},
		{"54000", applications.InvalidArgument, "VALUE_TOO_LARGE", false},
		{"08006", applications.Unavailable, "DATABASE_UNAVAILABLE", false},
		{"53300", applications.Unavailable, "DATABASE_UNAVAILABLE", false},
		{"53100", applications.Unavailable, "DATABASE_FULL", false},
		{"57P01", applications.Unavailable, "DATABASE_UNAVAILABLE", false},
		{"57014", applications.Unavailable, "DATABASE_UNAVAILABLE", false}, // not by us: our own context would be over
		{"25006", applications.Unavailable, "DATABASE_READ_ONLY", false},
		{"58030", applications.Unavailable, "DATABASE_UNAVAILABLE", false},
		{"XX001", applications.DataLoss, "DATABASE_DAMAGED", false},
		{"42601", applications.Internal, "", false}, // a syntax error is ours
		{"25P02", applications.Internal, "", false},
		{"", applications.Internal, "", false},
		{"4", applications.Internal, "", false},
	} {
		f := bySQLState(c.state)
		if f.code != c.code || f.reason != c.reason || f.retry != c.retry {
			t.Errorf("%s: %+v, want %+v", c.state, f, c)
		}
		if f.code != applications.Internal && f.message == "" {
			t.Errorf("%s says nothing", c.state)
		}
	}
}

// TestSQLiteCodes brings about real errors of SQLite.
func TestSQLiteCodes(t *testing.T) {
	open := func(params string) *sql.DB {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "c.db")+"?"+params)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(`CREATE TABLE a (id INTEGER PRIMARY KEY, n TEXT NOT NULL UNIQUE, k INTEGER CHECK (k > 0)) STRICT; INSERT INTO a VALUES (1, 'secret', 1);
			CREATE TABLE b (a INTEGER REFERENCES a (id)) STRICT; CREATE TABLE c (x BLOB) STRICT`); err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open("_pragma=foreign_keys(1)")
	for _, c := range []struct {
		text   string
		code   applications.Code
		reason string
	}{
		{`INSERT INTO a VALUES (1, 'other', 1)`, applications.AlreadyExists, "ALREADY_EXISTS"},
		{`INSERT INTO a VALUES (2, 'secret', 1)`, applications.AlreadyExists, "ALREADY_EXISTS"},
		{`INSERT INTO a VALUES (2, NULL, 1)`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO a VALUES (2, 'other', 0)`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO a VALUES (2, 'other', 'secret')`, applications.InvalidArgument, "VALUE_REFUSED"},
		{`INSERT INTO b VALUES (9)`, applications.FailedPrecondition, "REFERENCE_MISSING"},
		{`SELECT secret FROM nowhere`, applications.Internal, ""},
		{`PRAGMA query_only = 1; INSERT INTO b VALUES (1)`, applications.Unavailable, "DATABASE_READ_ONLY"},
	} {
		_, err := db.Exec(c.text)
		checkExplained(t, c.text, err, c.code, c.reason)
	}
	full := open("_pragma=max_page_count(6)")
	_, err := full.Exec(`INSERT INTO c VALUES (zeroblob(100000))`)
	checkExplained(t, "a full database", err, applications.Unavailable, "DATABASE_FULL")
	_, err = full.Exec(`INSERT INTO c VALUES (zeroblob(2000000000))`)
	checkExplained(t, "a blob of 2 GB", err, applications.InvalidArgument, "VALUE_TOO_LARGE")

	busy := open("")
	path := ""
	if err := busy.QueryRow(`SELECT file FROM pragma_database_list`).Scan(&path); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	holding, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, err = busy.Exec(`INSERT INTO b VALUES (NULL)`)
	checkExplained(t, "another writer", err, applications.Unavailable, "DATABASE_BUSY")
	holding.Rollback()
}

func checkExplained(t *testing.T, what string, err error, code applications.Code, reason string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	got := (&Store{db: &sqliteDB{}}).explain(context.Background(), err)
	if applications.CodeOf(got) != code || applications.ReasonOf(got) != reason {
		t.Errorf("%s: %v became %v", what, err, got)
	}
	if strings.Contains(got.Error(), "secret") {
		t.Errorf("%s: the message quotes: %v", what, got)
	}
}

func TestExplainKeepsOurs(t *testing.T) {
	s := &Store{db: &sqliteDB{}}
	ours := notFound("PROGRAM", "program")
	if got := s.explain(context.Background(), ours); got != ours {
		t.Errorf("got %v", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := s.explain(ctx, errors.New("any")); applications.CodeOf(got) != applications.Canceled || !errors.Is(got, context.Canceled) {
		t.Errorf("got %v", got)
	}
	if got := s.explain(context.Background(), context.DeadlineExceeded); applications.CodeOf(got) == applications.Internal {
		t.Errorf("got %v", got)
	}
}

func TestEncodeRefusesOnlyWhatIsNotUTF8(t *testing.T) {
	for _, good := range []string{"", `\ufffd`, `\\ufffd`, `\\\ufffd`, "\ufffd", `"\ufffd"`, "<&>\u2028"} {
		if _, err := encode(map[string]string{good: good}); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"\xff", `\` + "\xff", `\\` + "\xff", `\ufffd` + "\xff"} {
		if _, err := encode(bad); applications.ReasonOf(err) != "TEXT_INVALID" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
