package sqlstore

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

func TestMigrationsAreNumberedWithoutGap(t *testing.T) {
	good, err := loadMigrations(embedded)
	if err != nil || len(good) == 0 {
		t.Fatalf("%d migrations, %v", len(good), err)
	}
	for _, names := range [][]string{{"0002_b.sql"}, {"0001_a.sql", "0003_c.sql"}, {"0001_a.sql", "0001_b.sql"}, {"0001.sql"}, {"x_a.sql"}} {
		files := fstest.MapFS{}
		for _, n := range names {
			files["migrations/"+n] = &fstest.MapFile{Data: []byte("SELECT 1")}
		}
		if _, err := loadMigrations(files); err == nil {
			t.Errorf("%v was accepted", names)
		}
	}
}

// TestMigrateForward takes a database through a second step that this program
// does not have yet, whole or not at all.
func TestMigrateForward(t *testing.T) {
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "m.db")
	s, err := Open(ctx, Options{Database: path, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx applications.Tx) error { return tx.InsertProgram(ctx, &applications.Program{ID: "p1"}) }); err != nil {
		t.Fatal(err)
	}
	steps, err := loadMigrations(embedded)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	broken := append(steps, migration{len(steps) + 1, "broken", "CREATE TABLE later (id ${text}) ${table}; CREATE TABLE later (id ${text}) ${table};", "b"})
	if err := s.migrateTo(ctx, log, broken); err == nil || !strings.Contains(err.Error(), "(broken)") {
		t.Fatalf("got %v", err)
	}
	whole := append(steps, migration{len(steps) + 1, "whole", "CREATE TABLE later (id ${text} PRIMARY KEY) ${table}; INSERT INTO later SELECT id FROM programs;", "w"})
	s.noMigration = true
	if err := s.migrateTo(ctx, log, whole); applications.ReasonOf(err) != "DATABASE_OLDER" {
		t.Fatalf("got %v", err)
	}
	s.noMigration = false
	for range 2 { // the second time there is nothing to do
		if err := s.migrateTo(ctx, log, whole); err != nil {
			t.Fatal(err)
		}
	}
	s.noMigration = true
	if err := s.migrateTo(ctx, log, whole); err != nil {
		t.Fatalf("up to date: %v", err)
	}
	var id string
	if err := s.db.(*sqliteDB).writer.QueryRow("SELECT id FROM later").Scan(&id); err != nil || id != "p1" {
		t.Fatalf("%q, %v", id, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// And back is refused.
	if _, err := Open(ctx, Options{Database: path, Vault: v}); applications.ReasonOf(err) != "DATABASE_NEWER" {
		t.Fatalf("got %v", err)
	}
}
