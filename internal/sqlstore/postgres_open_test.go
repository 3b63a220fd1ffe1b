package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

// refuseServer opens a database and checks how that is refused, and that the
// message holds no part of a password.
func refuseServer(t *testing.T, o sqlstore.Options, code applications.Code, reason, says string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if o.Vault == nil {
		o.Vault = newVault(t)
	}
	s, err := sqlstore.Open(ctx, o)
	if err == nil {
		s.Close()
		t.Fatalf("opened, want %s", reason)
	}
	if applications.ReasonOf(err) != reason || applications.CodeOf(err) != code {
		t.Fatalf("got %v (%s), want %s", err, applications.ReasonOf(err), reason)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
	for _, secret := range []string{"geheim", "s3cret", "p%40ss", "p@ss"} {
		if strings.Contains(err.Error(), secret) || strings.Contains(sqlstore.Describe(o.Database), secret) {
			t.Errorf("%q or %q shows the password", err, sqlstore.Describe(o.Database))
		}
	}
}

func TestOpenPostgresRefuses(t *testing.T) {
	v, c := newVault(t), pgtest.Start(t)
	database := c.Database(t)
	insertProgramAt(t, sqlstore.Options{Database: database, Vault: v}, "p1")
	raw := connect(t, database)
	change := func(text string) {
		t.Helper()
		if _, err := raw.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	o := sqlstore.Options{Database: database, Vault: v}
	other := o
	other.Vault = newVault(t)
	refuseServer(t, other, applications.FailedPrecondition, "MASTER_KEY_MISMATCH", v.KeyID())
	change("INSERT INTO migrations (version, name, checksum, create_time) VALUES (99, 'the_future', 'x', 0)")
	refuseServer(t, o, applications.FailedPrecondition, "DATABASE_NEWER", "start that version or a newer one")
	change("DELETE FROM migrations WHERE version = 99; UPDATE migrations SET checksum = 'x' || checksum WHERE version = 1")
	refuseServer(t, o, applications.FailedPrecondition, "MIGRATION_CHANGED", "step 1 differs")
	change("UPDATE migrations SET checksum = substr(checksum, 2) WHERE version = 1")
	insertProgramAt(t, o, "p2") // all is well again

	for _, text := range []string{"CREATE TABLE programs (id TEXT)", "CREATE TABLE migrations (id TEXT)"} {
		foreign := sqlstore.Options{Database: c.Database(t)}
		if _, err := connect(t, foreign.Database).Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		before := tables(t, foreign.Database)
		refuseServer(t, foreign, applications.FailedPrecondition, "NOT_A_DATABASE", "not empty")
		if n := tables(t, foreign.Database); n != before {
			t.Errorf("%d tables, %d before", n, before)
		}
	}

	o.NoMigration = true
	empty := o
	empty.Database = c.Database(t)
	refuseServer(t, empty, applications.FailedPrecondition, "NO_INSTALLATION", "nothing was changed")
	if n := tables(t, empty.Database); n != 0 {
		t.Errorf("%d tables were made", n)
	}
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("up to date: %v", err)
	}
	s.Close()
	change("DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)")
	refuseServer(t, o, applications.FailedPrecondition, "DATABASE_OLDER", "start `fairlead serve`")
}

func tables(t *testing.T, database string) (n int) {
	t.Helper()
	if err := connect(t, database).QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insertProgramAt(t *testing.T, o sqlstore.Options, id string) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), func(tx applications.Tx) error {
		return tx.InsertProgram(t.Context(), &applications.Program{ID: id})
	}); err != nil {
		t.Fatal(err)
	}
}

// startsGoneWrong: a start says what is wrong with the server or the URL.
func startsGoneWrong(t *testing.T, c *pgtest.Cluster) {
	database := c.Database(t)
	tcp := c.TCP(t, database)
	u, err := url.Parse(tcp)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(u *url.URL)) sqlstore.Options {
		other := *u
		change(&other)
		return sqlstore.Options{Database: other.String()}
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	const unavailable, precondition = applications.Unavailable, applications.FailedPrecondition
	refuseServer(t, with(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "geheim") }), unavailable, "DATABASE_UNAVAILABLE", "refuses the role or the password")
	refuseServer(t, with(func(u *url.URL) { u.Path = "/nowhere" }), unavailable, "DATABASE_UNAVAILABLE", "there is no such database")
	refuseServer(t, with(func(u *url.URL) { u.Host = closed.Addr().String() }), unavailable, "DATABASE_UNAVAILABLE", "connection refused")
	refuseServer(t, with(func(u *url.URL) { u.Host = "nowhere.invalid:5432" }), unavailable, "DATABASE_UNAVAILABLE", "nowhere.invalid")
	refuseServer(t, with(func(u *url.URL) { u.RawQuery = "sslmode=require" }), unavailable, "DATABASE_UNAVAILABLE", "TLS")
	for says, text := range map[string]string{
		"port":              "postgres://u:geheim@h:x/d",
		"%XX":               "postgres://u:gehe/im%zz@h/d",
		"sslmode":           "postgres://u:geheim@h/d?sslmode=maybe",
		"connect_timeout":   "postgres://u:geheim@h/d?connect_timeout=soon",
		"pool_max_conns":    "postgres://u:geheim@h/d?pool_max_conns=many",
		"postgres://":       "mysql://u:geheim@h/d",
		"begins with":       "postgre://u:geheim@h/d",
		"postgres://USER:P": "postgres://u:geh eim@h:p@ss/d",
	} {
		refuseServer(t, sqlstore.Options{Database: text}, precondition, "DATABASE_URL_INVALID", says)
	}

	latin := "fairlead_latin"
	c.Exec(t, "CREATE DATABASE "+latin+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
	refuseServer(t, with(func(u *url.URL) { u.Path = "/" + latin }), precondition, "DATABASE_NOT_UTF8", "LATIN1")

	// A role that may only read and write: enough, once the tables are there.
	admin := connect(t, c.Superuser(t, database))
	exec := func(text string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec("CREATE ROLE clerk LOGIN PASSWORD 's3cret'")
	clerk := with(func(u *url.URL) { u.User = url.UserPassword("clerk", "s3cret") })
	clerk.Vault = newVault(t)
	refuseServer(t, clerk, precondition, "DATABASE_FORBIDDEN", "lacks a right")
	insertProgramAt(t, sqlstore.Options{Database: tcp, Vault: clerk.Vault}, "p1")
	refuseServer(t, clerk, precondition, "DATABASE_FORBIDDEN", "lacks a right")
	exec("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk")
	insertProgramAt(t, clerk, "p2")
	owner := sqlstore.Options{Database: tcp, Vault: clerk.Vault}
	for _, one := range []struct {
		of     sqlstore.Options
		scrubs bool
	}{{clerk, false}, {owner, true}} {
		s, err := sqlstore.Open(t.Context(), one.of)
		if err != nil {
			t.Fatal(err)
		}
		may, err := s.Scrubs(t.Context())
		if may != one.scrubs || err != nil {
			t.Errorf("it is said to scrub: %v, %v", may, err)
		}
		insert := func(tx applications.Tx) error {
			return tx.InsertProgram(t.Context(), &applications.Program{ID: fmt.Sprint("scrubbed-", one.scrubs)})
		}
		if err := errors.Join(s.Update(t.Context(), insert), s.Scrub(t.Context())); err != nil {
			t.Error(err)
		}
		s.Close()
		var vacuums int // of all tables, since the first of them
		exec("SELECT pg_stat_clear_snapshot()")
		if err := admin.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_user_tables WHERE vacuum_count > 0").Scan(&vacuums); err != nil || (vacuums > 0) != one.scrubs {
			t.Errorf("%d tables were vacuumed, and it is said: %v; %v", vacuums, one.scrubs, err)
		}
	}

	c.Stop(t)
	refuseServer(t, sqlstore.Options{Database: tcp}, unavailable, "DATABASE_UNAVAILABLE", "connection refused")
}

// TestConcurrentFirstStartsPostgres: of servers that start on an empty database
// at the same moment one makes it, and all of them serve it.
func TestConcurrentFirstStartsPostgres(t *testing.T) {
	rounds := 2
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		rounds = 20
	}
	for range rounds {
		v, database := newVault(t), pgtest.Start(t).Database(t)
		var wg sync.WaitGroup
		errs := make([]error, 8)
		begin := make(chan struct{})
		for i := range errs {
			wg.Go(func() {
				<-begin
				s, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: database, Vault: v})
				if err == nil {
					err = errors.Join(s.Ping(context.Background()), s.Close())
				}
				errs[i] = err
			})
		}
		close(begin)
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		storetest.OpenAt(t, database, v)
	}
}

// TestOtherKeyOnAFirstStart: servers that were given different keys by mistake
// do not share a database.
func TestOtherKeyOnAFirstStart(t *testing.T) {
	database := pgtest.Start(t).Database(t)
	vaults := []*vault.Vault{newVault(t), newVault(t), newVault(t)}
	var wg sync.WaitGroup
	errs := make([]error, len(vaults))
	for i, v := range vaults {
		wg.Go(func() {
			s, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: database, Vault: v})
			if err == nil {
				s.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case applications.ReasonOf(err) != "MASTER_KEY_MISMATCH":
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d won", won)
	}
}

// TestSearchPath: the tables may lie in a schema of their own.
func TestSearchPath(t *testing.T) {
	database := pgtest.Start(t).Database(t)
	if _, err := connect(t, database).Exec(t.Context(), "CREATE SCHEMA house"); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", "house")
	u.RawQuery = q.Encode()
	q.Set("search_path", "nowhere")
	missing := *u
	missing.RawQuery = q.Encode()
	refuseServer(t, sqlstore.Options{Database: missing.String()}, applications.FailedPrecondition, "DATABASE_SCHEMA_MISSING", "search_path")
	for range 2 {
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: u.String(), Vault: testVault(t)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		s.Close()
	}
	if n := tables(t, database); n != 0 {
		t.Errorf("%d tables in another schema", n)
	}
}

// testVault is the same for all calls of one test.
var testVault = func() func(t *testing.T) *vault.Vault {
	var v *vault.Vault
	return func(t *testing.T) *vault.Vault {
		if v == nil {
			v = newVault(t)
		}
		return v
	}
}()

func TestDescribe(t *testing.T) {
	for database, want := range map[string]string{
		"/var/lib/fairlead/fairlead.db":                          "/var/lib/fairlead/fairlead.db",
		"postgres://u:geheim@db.example.org:5433/house?x=geheim": "PostgreSQL database house at db.example.org:5433",
		"postgresql://u:geheim@[2001:db8::1]/house":              "PostgreSQL database house at [2001:db8::1]:5432",
		"postgres://u@/house?host=/run/postgresql":               "PostgreSQL database house at /run/postgresql",
		"postgres://u:geheim@h:x/house":                          "PostgreSQL",
	} {
		if got := sqlstore.Describe(database); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
