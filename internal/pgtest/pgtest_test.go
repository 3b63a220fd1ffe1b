package pgtest_test

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openfairlead/fairlead/internal/pgtest"
)

func value(t *testing.T, database, text string) (out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	// Several statements; the value is the last one's.
	results, err := conn.PgConn().Exec(ctx, text).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(results[len(results)-1].Rows[0][0])
}

func TestDatabasesAreApartAndGoWithTheirTest(t *testing.T) {
	c := pgtest.Start(t)
	var first string
	t.Run("first", func(t *testing.T) {
		first = c.Database(t)
		value(t, first, "CREATE TABLE a (x text); INSERT INTO a VALUES ('1'); SELECT x FROM a")
	})
	second := c.Database(t)
	if got := value(t, second, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'a'"); got != "0" {
		t.Errorf("the new database has %s tables of the other", got)
	}
	u, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, second, "SELECT count(*)::text FROM pg_database WHERE datname = '"+strings.TrimPrefix(u.Path, "/")+"'"); got != "0" {
		t.Error("the first database is still there")
	}
	if got := value(t, second, "SELECT usesuper::text FROM pg_user WHERE usename = current_user"); got != "false" {
		t.Error("tests run as superuser")
	}
	if pgtest.Start(t) != c {
		t.Error("a second server")
	}
}

func TestCrashAndRestart(t *testing.T) {
	c := pgtest.New(t)
	db := c.Database(t)
	tcp := c.TCP(t, db)
	if !strings.Contains(tcp, c.Address(t)) {
		t.Fatal(tcp)
	}
	if got := value(t, tcp, "SHOW fsync"); got != "on" {
		t.Fatalf("fsync is %s", got)
	}
	value(t, tcp, "CREATE TABLE a (x text); INSERT INTO a VALUES ('kept'); SELECT x FROM a")
	for _, stop := range []func(testing.TB){c.Crash, c.Stop} {
		stop(t)
		if conn, err := pgx.Connect(t.Context(), tcp); err == nil {
			conn.Close(t.Context())
			t.Fatal("the server still answers")
		}
		c.Restart(t)
		if got := value(t, tcp, "SELECT x FROM a"); got != "kept" {
			t.Fatalf("got %q", got)
		}
	}
	if got := value(t, c.Superuser(t, db), "SELECT usesuper::text FROM pg_user WHERE usename = current_user"); got != "true" {
		t.Error("no superuser")
	}
}

// TestServerEndsWithItsTest: nothing of a private server stays.
func TestServerEndsWithItsTest(t *testing.T) {
	var folder string
	t.Run("server", func(t *testing.T) {
		u, err := url.Parse(pgtest.New(t).Database(t))
		if err != nil {
			t.Fatal(err)
		}
		folder = u.Query().Get("host")
		if _, err := os.Stat(folder); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := os.Stat(folder); !os.IsNotExist(err) {
		t.Errorf("%s is still there (%v)", folder, err)
	}
}
