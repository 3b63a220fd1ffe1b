package backup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

var realTools = map[string]*tool{}

// fakeTool puts a program of that name first into PATH. The script can run the
// real one as "$real".
func fakeTool(t *testing.T, name, script string) {
	t.Helper()
	real := realTools[name]
	if real == nil {
		var err error
		if real, err = findTool(t.Context(), name, 15); err != nil {
			t.Fatal(err)
		}
		realTools[name] = real
	}
	dir := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\nreal=%s\n%s\n", real.path, script)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// Neither a URL nor a password stands in the arguments of a program, where
// every account of the machine can read them, nor in an error.
func TestToolsSeeNoPasswordInArguments(t *testing.T) {
	cluster := pgtest.Start(t)
	v := newVault(t)
	database := cluster.Database(t)
	populate(t, database, v, 10)
	if os.Getenv("FAIRLEAD_TEST_POSTGRES") == "" {
		conn := strings.Split(strings.TrimPrefix(database, "postgres://"), "/")[1]
		database = cluster.TCP(t, strings.Split(conn, "?")[0])
	}
	_, password, found := strings.Cut(strings.SplitN(database, "@", 2)[0], "fairlead:")
	if !found {
		t.Fatal("the URL has no password, so that this test would find none")
	}
	seen := filepath.Join(t.TempDir(), "seen")
	for _, name := range []string{"pg_dump", "pg_restore"} {
		fakeTool(t, name, fmt.Sprintf(`echo "$0 $*" >>%s; exec $real "$@"`, seen))
	}
	file := filepath.Join(t.TempDir(), "b")
	create(t, database, file, v)
	target := cluster.Database(t)
	if os.Getenv("FAIRLEAD_TEST_POSTGRES") == "" {
		target = cluster.TCP(t, strings.Split(strings.Split(strings.TrimPrefix(target, "postgres://"), "/")[1], "?")[0])
	}
	if _, err := restore(t, file, target, v); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{password, "postgres://"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the arguments hold %q:\n%s", secret, text)
		}
	}
	for _, want := range []string{"pg_dump --format=custom", "pg_restore --dbname="} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	// What pg_dump says when it fails is passed on, and shows no password.
	fakeTool(t, "pg_dump", `[ "$1" = --version ] && exec $real "$@"; echo "pg_dump: error: it broke" >&2; exit 1`)
	_, err = Create(t.Context(), Options{Database: database, Vault: v, File: file + "2", Now: time.Now})
	if applications.ReasonOf(err) != "PG_DUMP_FAILED" || !strings.Contains(err.Error(), "it broke") || strings.Contains(err.Error(), password) {
		t.Errorf("got %v", err)
	}
	// A dump that lost a row on the way is no backup.
	fakeTool(t, "pg_restore", `[ "$1" = --version ] && exec $real "$@"; $real "$@" | sed '/^p1\tfirst-3\t/d'`)
	fakeTool(t, "pg_dump", `exec $real "$@"`)
	_, err = Create(t.Context(), Options{Database: database, Vault: v, File: file + "2", Now: time.Now})
	if applications.ReasonOf(err) != "COPY_DIFFERS" {
		t.Errorf("got %v", err)
	}
	if got := names(t, filepath.Dir(file)); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestToolVersions(t *testing.T) {
	ctx := t.Context()
	real, err := findTool(ctx, "pg_dump", 15)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(real.path, "--version").Output(); err != nil || !strings.Contains(string(out), real.version) || real.major < 15 {
		t.Errorf("%+v: %s, %v", real, out, err)
	}
	// One that is too old stands first in PATH: the newest installed is taken.
	fakeTool(t, "pg_dump", `echo "pg_dump (PostgreSQL) 9.6.24"`)
	if got, err := findTool(ctx, "pg_dump", 15); err != nil || got.major < 15 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := findTool(ctx, "pg_dump", 9); err != nil || got.major != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = findTool(ctx, "pg_dump", 99)
	if applications.ReasonOf(err) != "PG_DUMP_OLDER" || !strings.Contains(err.Error(), "PostgreSQL 99") {
		t.Errorf("got %v", err)
	}
	fakeTool(t, "pg_dump", `echo "pg_dump (PostgreSQL) 18beta2 (Debian 18~beta2)"`)
	if got, err := findTool(ctx, "pg_dump", 17); err != nil || got.major != 18 || got.version != "18beta2" {
		t.Errorf("%+v, %v", got, err)
	}
	was := toolFolders
	defer func() { toolFolders = was }()
	toolFolders = nil
	t.Setenv("PATH", t.TempDir())
	_, err = findTool(ctx, "pg_dump", 15)
	if applications.ReasonOf(err) != "PG_DUMP_MISSING" || !strings.Contains(err.Error(), "apt-get install") {
		t.Errorf("got %v", err)
	}
}

func TestLibpqEnvironment(t *testing.T) {
	env, err := sqlstore.LibpqEnvironment("postgres://me:p%40ss%20word@db.example.org:5433/house?sslmode=require&search_path=my%20schema,public&pool_max_conns=3&connect_timeout=7")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"PGHOST=db.example.org", "PGPORT=5433", "PGUSER=me", "PGPASSWORD=p@ss word", "PGDATABASE=house", "PGSSLMODE=require", `PGOPTIONS=-c search_path=my\ schema,public`} {
		if !slices.Contains(env, want) {
			t.Errorf("no %q in %q", want, env)
		}
	}
}

// Tables with every kind of name and content that pg_dump quotes are read from
// its script.
func TestReadScript(t *testing.T) {
	const script = "SET x = 1;\n\\restrict abc\nCOPY public.offers (program, id) FROM stdin;\np1\ta\\nb\n\\\\.\tx\n\\.\n\nCOPY \"My Schema\".\"events\" (idx) FROM stdin;\n\\.\nCOPY public.empty (a) FROM stdin;\n1\n\\.\n"
	var got []string
	if err := readScript(strings.NewReader(script), func(table, columns string, line []byte) error {
		got = append(got, table+columns+strings.TrimSuffix(string(line), "\n"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{"offers(program, id)p1\ta\\nb", "offers(program, id)\\\\.\tx", "empty(a)1"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if err := readScript(strings.NewReader(script[:len(script)-3]), func(string, string, []byte) error { return nil }); err == nil {
		t.Error("a script that was cut off is read as a whole one")
	}
}
