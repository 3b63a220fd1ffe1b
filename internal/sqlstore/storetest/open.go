// Package storetest is the conformance suite of applications.Store: what every
// backend has to do, case by case. A backend's own test calls Run with a
// function that opens an empty store.
package storetest

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// StoreVariable says on what Open opens stores: "postgres", "distributed",
// "again" (a file where every second commit of an Update is lost, so that all of
// them run twice), or an SQLite file. So every test of a room that needs a real
// store can be run on each.
const StoreVariable = "FAIRLEAD_TEST_STORE"

// Open returns an empty store for tests that need a real one, closed when the
// test ends.
func Open(t testing.TB) applications.Store {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return OpenWith(t, v)
}

// OpenWith is Open with a vault that the test needs, too.
func OpenWith(t testing.TB, v *vault.Vault) *sqlstore.Store {
	t.Helper()
	o := sqlstore.Options{Vault: v}
	switch kind := os.Getenv(StoreVariable); kind {
	case "":
		o.Database = filepath.Join(t.TempDir(), "fairlead.db")
	case "again":
		o.Database, o.LoseCommit = filepath.Join(t.TempDir(), "fairlead.db"), loseEverySecond()
	case "distributed":
		o.Serializable, o.LoseCommit = true, LoseEveryTenth()
		fallthrough
	case "postgres":
		o.Database = pgtest.Start(t).Database(t)
	default:
		t.Fatalf("%s=%s: choose postgres, distributed or again", StoreVariable, kind)
	}
	return open(t, o)
}

// OpenSQLite is Open on a file in a folder of its own.
func OpenSQLite(t testing.TB) applications.Store {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return OpenAt(t, filepath.Join(t.TempDir(), "fairlead.db"), v)
}

// OpenPostgres is Open on a real PostgreSQL.
func OpenPostgres(t testing.TB) applications.Store {
	t.Helper()
	return Postgres(t)(t)
}

// OpenDistributed is OpenPostgres as it would be on a distributed database.
func OpenDistributed(t testing.TB) applications.Store {
	t.Helper()
	return Distributed(t)(t)
}

// Postgres opens stores on a real PostgreSQL for the cases of a suite.
func Postgres(suite testing.TB) Opener { return postgres(suite, sqlstore.Options{}) }

// Distributed is Postgres as it would be on a distributed database: every
// transaction is serializable, and every tenth commit of an Update fails
// because somebody else was faster.
func Distributed(suite testing.TB) Opener {
	return postgres(suite, sqlstore.Options{Serializable: true, LoseCommit: LoseEveryTenth()})
}

func postgres(suite testing.TB, o sqlstore.Options) Opener {
	suite.Helper()
	v, err := vault.Generate()
	if err != nil {
		suite.Fatal(err)
	}
	databases := &postgresDatabases{suite: suite, vault: v}
	return func(t testing.TB) applications.Store {
		t.Helper()
		o := o
		o.Database, o.Vault = databases.take(t), v
		return open(t, o)
	}
}

// LoseEveryTenth is for sqlstore.Options.LoseCommit: the first commit is lost,
// and of those that follow one in ten, at random.
func LoseEveryTenth() func() bool {
	var first sync.Once
	return func() (lose bool) {
		lose = rand.IntN(10) == 0
		first.Do(func() { lose = true })
		return lose
	}
}

func loseEverySecond() func() bool {
	var n atomic.Int64
	return func() bool { return n.Add(1)%2 == 1 }
}

// OpenAt opens the store in a file or at a URL, closed when the test ends.
func OpenAt(t testing.TB, database string, v *vault.Vault) *sqlstore.Store {
	t.Helper()
	return open(t, sqlstore.Options{Database: database, Vault: v})
}

func open(t testing.TB, o sqlstore.Options) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
