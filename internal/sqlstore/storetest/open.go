// Package storetest is the conformance suite of applications.Store: what every
// backend has to do, case by case. A backend's own test calls Run with a
// function that opens an empty store.
package storetest

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// Open returns an empty SQLite store in a folder of its own, for tests that
// need a real store. It is closed when the test ends.
func Open(t testing.TB) applications.Store {
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
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return OpenAt(t, pgtest.Start(t).Database(t), v)
}

// OpenDistributed is OpenPostgres as it would be on a distributed database:
// every transaction is serializable, and every tenth commit of an Update fails
// because somebody else was faster.
func OpenDistributed(t testing.TB) applications.Store {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, sqlstore.Options{Database: pgtest.Start(t).Database(t), Vault: v, Serializable: true, LoseCommit: LoseEveryTenth()})
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
