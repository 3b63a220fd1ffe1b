package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// populated makes a database with a program, so many applications, and an
// audit log with reasons, and returns it closed.
func populated(t testing.TB, database string, v *vault.Vault, applicants int) {
	t.Helper()
	ctx := context.Background()
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if err := fillStore(ctx, s, "p1", applicants); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func fillStore(ctx context.Context, s *sqlstore.Store, program string, applicants int) error {
	const chunk = 1000
	return s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, &applications.Program{ID: program, State: applications.ProgramOpen}); err != nil {
			return err
		}
		if err := tx.InsertForm(ctx, &applications.Form{Program: program, Version: 1}); err != nil {
			return err
		}
		var events []applications.Event
		for i := range applicants {
			id := fmt.Sprintf("%s-%07d", program, i)
			a := &applications.Application{
				Program: program, ID: id, Code: fmt.Sprintf("NS-%d", i), State: applications.Submitted,
				Contact: applications.Contact{Name: "Invented Applicant " + id},
			}
			var code []byte
			if i%3 == 0 {
				code = []byte("hash of " + id)
			}
			if err := tx.InsertApplication(ctx, a, code); err != nil {
				return err
			}
			events = append(events, applications.Event{Time: time.Unix(int64(i), 0), Action: "application.submit", Resource: "programs/" + program + "/applications/" + id, Reason: strings.Repeat("x", i%2)})
			if len(events) == chunk || i == applicants-1 {
				if err := tx.AppendEvents(ctx, events...); err != nil {
					return err
				}
				events = nil
			}
		}
		return nil
	})
}

func openSnapshot(t testing.TB, o sqlstore.SnapshotOptions) *sqlstore.Snapshot {
	t.Helper()
	sn, err := sqlstore.OpenSnapshot(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sn.Close() })
	return sn
}

func TestCopy(t *testing.T) {
	ctx := t.Context()
	v := newVault(t)
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.db"), filepath.Join(dir, "to", "to.db")
	populated(t, from, v, 1234)
	sn := openSnapshot(t, sqlstore.SnapshotOptions{Database: from, Vault: v, Alone: true})
	inv, err := sn.CopyTo(ctx, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	if inv.Tables["applications"].Rows != 1234 || inv.AuditSize != 1234 || inv.KeyID != v.KeyID() || inv.Schema == 0 {
		t.Errorf("%+v", inv)
	}
	copied := openSnapshot(t, sqlstore.SnapshotOptions{Database: to, Vault: v})
	again, err := copied.Inventory(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	copied.Close()
	if diff := cmp.Diff(inv, again); diff != "" {
		t.Error(diff)
	}
	// It is a database like any other.
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: to, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Update(ctx, func(tx applications.Tx) error {
		a, err := tx.Application(ctx, "p1", "p1-0000007")
		if err != nil {
			return err
		}
		if a.Contact.Name != "Invented Applicant p1-0000007" {
			t.Errorf("%+v", a)
		}
		return tx.AppendEvents(ctx, applications.Event{Action: "test"})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSnapshotAlone(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	v := newVault(t)
	path := filepath.Join(t.TempDir(), "a.db")
	populated(t, path, v, 3)
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: path, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: path, Vault: v, Alone: true}); applications.ReasonOf(err) != "DATABASE_IN_USE" {
		t.Fatalf("beside an open store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	sn := openSnapshot(t, sqlstore.SnapshotOptions{Database: path, Vault: v, Alone: true})
	if s, err := sqlstore.Open(ctx, sqlstore.Options{Database: path, Vault: v}); applications.CodeOf(err) != applications.Unavailable {
		t.Fatalf("a store opens beside somebody who wants to be alone: %v, %v", s, err)
	}
	if err := sn.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = sqlstore.Open(ctx, sqlstore.Options{Database: path, Vault: v}); err != nil {
		t.Fatal(err)
	}
	s.Close()
}

// Each change of a value, and each row more or less, is told.
func TestInventoryDiffers(t *testing.T) {
	ctx := t.Context()
	v := newVault(t)
	dir := t.TempDir()
	from := filepath.Join(dir, "from.db")
	populated(t, from, v, 20)
	want, err := openSnapshot(t, sqlstore.SnapshotOptions{Database: from, Vault: v}).Inventory(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ change, says string }{
		{"UPDATE applications SET state = 'DRAFT' WHERE id = 'p1-0000003'", "table applications: the copy has as many rows, but not the same"},
		{"UPDATE applications SET return_code = x'' WHERE id = 'p1-0000001'", "not the same"}, // no bytes are not NULL
		{"DELETE FROM applications WHERE id = 'p1-0000003'", "20 rows, and 19 in the copy"},
		{"UPDATE data_keys SET create_time = create_time + 1", "table data_keys"},
		{"CREATE TABLE more (id TEXT PRIMARY KEY) STRICT", "table more"},
		{"CREATE TABLE more (id TEXT) STRICT", "no primary key"},
		{"CREATE TABLE more (id REAL PRIMARY KEY) STRICT", "TABLE_FOREIGN"},
		{`CREATE TABLE "more; --" (id TEXT PRIMARY KEY) STRICT`, "TABLE_FOREIGN"},
		{"UPDATE audit_head SET mac = x'00'", "AUDIT_BROKEN"},
	} {
		path := filepath.Join(dir, fmt.Sprint(i, ".db"))
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(c.change); err != nil {
			t.Fatal(err)
		}
		db.Close()
		got, err := openSnapshot(t, sqlstore.SnapshotOptions{Database: path, Vault: v}).Inventory(ctx, nil)
		if err == nil {
			err = want.Compare(got)
		}
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.change, err)
		}
	}
	if err := want.Compare(want); err != nil {
		t.Error(err)
	}
}
