// Package storetest is the conformance suite of applications.Store: what every
// backend has to do, case by case. A backend's own test calls Run with a
// function that opens an empty store.
package storetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/openfairlead/fairlead/applications"
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

// OpenAt opens the SQLite store at a path, closed when the test ends.
func OpenAt(t testing.TB, path string, v *vault.Vault) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{Path: path, Vault: v})
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
