package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

func inventory(t testing.TB, database string, v *vault.Vault) *sqlstore.Inventory {
	t.Helper()
	sn, err := sqlstore.OpenSnapshot(context.Background(), sqlstore.SnapshotOptions{Database: database, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer sn.Close()
	inv, err := sn.Inventory(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

func TestPostgresBackupAndRestore(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	v := newVault(t)
	dir := t.TempDir()
	from, to := cluster.Database(t), cluster.Database(t)
	file := filepath.Join(dir, "monday.fairlead")
	populate(t, from, v, 300)
	s := open(t, from, v)
	defer s.Close()

	// Writers go on; the backup is one state.
	written, stop := writing(t, s)
	m := create(t, from, file, v)
	stop()
	if m.Backend != "postgresql" || m.Postgres == nil || m.Tables["applications"].Rows != m.Audit.Size || m.Audit.Size < 300 {
		t.Errorf("%+v", m)
	}
	t.Logf("%d written meanwhile; %+v", written.Load(), m.Postgres)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Invented", "because"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the backup holds %q", secret)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}

	// Into a database that is not empty, or of the other kind.
	_, err = restore(t, file, from, v)
	wantReason(t, err, "TARGET_NOT_EMPTY")
	_, err = restore(t, file, filepath.Join(dir, "x.db"), v)
	wantReason(t, err, "BACKUP_OTHER_DATABASE")
	_, err = restore(t, file, to, newVault(t))
	wantReason(t, err, "MASTER_KEY_MISMATCH")

	replayed := false
	r, err := Restore(t.Context(), RestoreOptions{File: file, Database: to, Vault: v, Replay: func(ctx context.Context, s *sqlstore.Store) (int, error) {
		replayed = true
		// Nobody else gets at it yet.
		other, err := sqlstore.Open(ctx, sqlstore.Options{Database: to, Vault: v})
		if err == nil {
			other.Close()
		}
		wantReason(t, err, "RESTORE_UNFINISHED")
		return 0, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !replayed || r.Schema != m.Schema {
		t.Errorf("%+v", r)
	}
	if err := m.inventory().Compare(inventory(t, to, v)); err != nil {
		t.Error(err)
	}
	back := open(t, to, v)
	defer back.Close()
	report, err := audit.Verify(t.Context(), back, nil)
	if err != nil || report.Size != m.Audit.Size || report.Root.String() != m.Audit.Root {
		t.Errorf("%+v, %v", report, err)
	}
	if err := submit(t.Context(), back, "after", 3); err != nil {
		t.Error(err)
	}
	// A restore that fails at its end leaves the database empty.
	third := cluster.Database(t)
	_, err = Restore(t.Context(), RestoreOptions{File: file, Database: third, Vault: v, Replay: func(context.Context, *sqlstore.Store) (int, error) {
		return 0, applications.Errorf(applications.DataLoss, "LIST_DAMAGED", "line 3")
	}})
	wantReason(t, err, "LIST_DAMAGED")
	canceled, cancel := context.WithCancel(t.Context())
	_, err = Restore(canceled, RestoreOptions{File: file, Database: third, Vault: v, Replay: func(ctx context.Context, _ *sqlstore.Store) (int, error) {
		cancel()
		return 0, ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, _, err := sqlstore.PostgresEmpty(t.Context(), third); err != nil {
		t.Error(err)
	}
	if _, err = restore(t, file, third, v); err != nil {
		t.Error(err)
	}
	// What is complete is never dropped.
	if err := sqlstore.DropRestored(t.Context(), third); err != nil {
		t.Error(err)
	}
	if err := m.inventory().Compare(inventory(t, third, v)); err != nil {
		t.Error(err)
	}
}

// There and back: every table, row and the head of the log are equal.
func TestMove(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	v := newVault(t)
	dir := t.TempDir()
	first := filepath.Join(dir, "first.db")
	populate(t, first, v, 300)
	want := inventory(t, first, v)
	second := cluster.Database(t)
	third := cluster.Database(t)
	fourth := filepath.Join(dir, "new", "fourth.db")
	fifth := filepath.Join(dir, "fifth.db")
	for _, step := range []struct{ from, to string }{{first, second}, {second, third}, {third, fourth}, {fourth, fifth}} {
		inv, err := Move(t.Context(), MoveOptions{From: step.from, To: step.to, Vault: v})
		if err != nil {
			t.Fatalf("%s to %s: %v", step.from, step.to, err)
		}
		for _, got := range []*sqlstore.Inventory{inv, inventory(t, step.from, v), inventory(t, step.to, v)} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s to %s: %s", step.from, step.to, diff)
			}
		}
		_, err = Move(t.Context(), MoveOptions{From: step.from, To: step.to, Vault: v})
		wantReason(t, err, "TARGET_NOT_EMPTY")
		_, err = Move(t.Context(), MoveOptions{From: step.to, To: step.to, Vault: v})
		wantReason(t, err, "TARGET_NOT_EMPTY")
	}
	for _, database := range []string{fifth, third} {
		s := open(t, database, v)
		_, err := Move(t.Context(), MoveOptions{From: database, To: cluster.Database(t), Vault: v})
		wantReason(t, err, "DATABASE_IN_USE")
		_, err = Move(t.Context(), MoveOptions{From: database, To: filepath.Join(dir, "sixth.db"), Vault: v})
		wantReason(t, err, "DATABASE_IN_USE")
		if err := submit(t.Context(), s, "after", 1); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_, err = Move(t.Context(), MoveOptions{From: database, To: filepath.Join(dir, "sixth.db"), Vault: newVault(t)})
		wantReason(t, err, "MASTER_KEY_MISMATCH")
	}
	if _, err := os.Stat(filepath.Join(dir, "sixth.db")); err == nil {
		t.Error("a refused move left something")
	}
	_, err := Move(t.Context(), MoveOptions{From: filepath.Join(dir, "none.db"), To: filepath.Join(dir, "sixth.db"), Vault: v})
	wantReason(t, err, "NO_INSTALLATION")
	_, err = Move(t.Context(), MoveOptions{From: cluster.Database(t), To: filepath.Join(dir, "sixth.db"), Vault: v})
	wantReason(t, err, "NO_INSTALLATION")
}
