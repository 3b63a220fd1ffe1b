// Package pgtest gives tests databases on a real PostgreSQL: on the server
// that FAIRLEAD_TEST_POSTGRES names (a postgres:// URL of a role that may
// create databases), else on a private one. Where there is none, a test fails
// with the line that installs it.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/openfairlead/fairlead/internal/pgcluster"
)

// Cluster is a PostgreSQL server for tests.
type Cluster struct {
	own    *pgcluster.Cluster // nil: the server of FAIRLEAD_TEST_POSTGRES
	server string             // URL of a database that new ones are made from
	alone  bool               // goes with its test, and its databases with it
}

var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Start returns the server that the tests of this binary share. A private one
// has fsync off: no test may crash it.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	shared.once.Do(func() {
		if server := os.Getenv("FAIRLEAD_TEST_POSTGRES"); server != "" {
			shared.cluster = &Cluster{server: server}
			return
		}
		// It ends with this process.
		own, err := pgcluster.Start(context.Background(), pgcluster.Options{})
		if err != nil {
			shared.err = err
			return
		}
		shared.cluster = &Cluster{own: own, server: own.URL(pgcluster.Role)}
	})
	if shared.err != nil {
		tb.Fatal(shared.err)
	}
	return shared.cluster
}

// New returns a private server of this test alone, which keeps its promises
// when it is crashed. Settings are lines for postgresql.conf.
func New(tb testing.TB, settings ...string) *Cluster {
	tb.Helper()
	return NewIn(tb, "", settings...)
}

// NewIn is New with the data in a folder that is there and empty.
func NewIn(tb testing.TB, data string, settings ...string) *Cluster {
	tb.Helper()
	own, err := pgcluster.Start(context.Background(), pgcluster.Options{Durable: true, Settings: settings, Data: data})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := own.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &Cluster{own: own, server: own.URL(pgcluster.Role), alone: true}
}

var databases atomic.Int64

// Database makes an empty database and returns its URL. It goes when the test
// ends.
func (c *Cluster) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("fairlead_test_%d_%d", os.Getpid(), databases.Add(1))
	c.Exec(tb, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'UTF8'")
	if !c.alone {
		tb.Cleanup(func() { c.drop(tb, name) })
	}
	return c.named(tb, name)
}

func (c *Cluster) drop(tb testing.TB, name string) {
	if err := pgcluster.DropDatabase(context.Background(), c.server, name); err != nil {
		tb.Error(err)
	}
}

// named is the URL of another database of the server.
func (c *Cluster) named(tb testing.TB, name string) string {
	tb.Helper()
	u, err := url.Parse(c.server)
	if err != nil {
		tb.Fatal("FAIRLEAD_TEST_POSTGRES is no URL") // url's words would show the password
	}
	u.Path = "/" + name
	return u.String()
}

// Exec runs statements on the server, outside the databases of the tests.
func (c *Cluster) Exec(tb testing.TB, statements ...string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.server)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, text := range statements {
		if _, err := conn.Exec(ctx, text); err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
	}
}

// TCP returns the URL by which the database of a URL that Database returned is
// reached over TCP, for what gets between a client and its server. It is for
// servers made by New, and for private ones.
func (c *Cluster) TCP(tb testing.TB, database string) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	return c.private(tb).TCP(strings.TrimPrefix(u.Path, "/"))
}

// Address is HOST:PORT of a private server.
func (c *Cluster) Address(tb testing.TB) string {
	tb.Helper()
	return c.private(tb).Address()
}

// Superuser returns the URL by which the superuser reaches the same database.
func (c *Cluster) Superuser(tb testing.TB, database string) string {
	tb.Helper()
	u, err := url.Parse(database)
	if err != nil {
		tb.Fatal(err)
	}
	return c.private(tb).Superuser(strings.TrimPrefix(u.Path, "/"))
}

// Dump returns what stands in a database's own tables: the bytes of their
// files on a private server, else of their rows.
func (c *Cluster) Dump(tb testing.TB, database string) []byte {
	tb.Helper()
	ctx := context.Background()
	list := "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
	if c.own != nil {
		database = c.Superuser(tb, database)
		// Tables, indexes, and where long values go; below 16384 are the server's.
		list = "SELECT pg_relation_filepath(oid) FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'i', 't')"
	}
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(ctx)
	if c.own != nil {
		if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
			tb.Fatal(err)
		}
	}
	rows, err := conn.Query(ctx, list)
	if err != nil {
		tb.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	for _, name := range names {
		if c.own == nil {
			_, err = conn.PgConn().CopyTo(ctx, &out, "COPY "+name+" TO STDOUT (FORMAT binary)")
		} else {
			var b []byte
			b, err = os.ReadFile(c.own.File(name))
			out.Write(b)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

// Stop ends the server in good order.
func (c *Cluster) Stop(tb testing.TB) {
	tb.Helper()
	c.must(tb, c.private(tb).Stop)
}

// Crash ends it in immediate mode: what it had not written is lost, what it
// had acknowledged must not be.
func (c *Cluster) Crash(tb testing.TB) {
	tb.Helper()
	c.must(tb, c.private(tb).Crash)
}

// Restart starts it again, at the same port.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	c.must(tb, c.private(tb).Restart)
}

// Revive waits until it takes connections, and starts it again if it has ended.
func (c *Cluster) Revive(tb testing.TB) {
	tb.Helper()
	c.must(tb, c.private(tb).Revive)
}

// Log is what a private server has logged.
func (c *Cluster) Log(tb testing.TB) string {
	tb.Helper()
	return c.private(tb).Log()
}

func (c *Cluster) must(tb testing.TB, do func(context.Context) error) {
	tb.Helper()
	if err := do(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

func (c *Cluster) private(tb testing.TB) *pgcluster.Cluster {
	tb.Helper()
	if c.own == nil {
		tb.Fatal("this test needs a server of its own: pgtest.New")
	}
	return c.own
}
