package sqlstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

func newVault(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// refuse opens a path and checks how that is refused, that the message names
// the path where it is about a file, and that nothing in the folder changed.
func refuse(t *testing.T, path string, v *vault.Vault, reason, says string) {
	t.Helper()
	before := snapshot(t, filepath.Dir(path))
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: path, Vault: v})
	if err == nil {
		s.Close()
		t.Fatalf("opened, want %s", reason)
	}
	if applications.ReasonOf(err) != reason || applications.CodeOf(err) != applications.FailedPrecondition {
		t.Fatalf("got %v, want %s", err, reason)
	}
	if !strings.Contains(err.Error(), says) {
		t.Errorf("%q does not say %q", err, says)
	}
	if after := snapshot(t, filepath.Dir(path)); after != before {
		t.Errorf("the folder changed:\n%s\nbefore:\n%s", after, before)
	}
}

// snapshot is the content of a folder's files, by name, without the files that
// SQLite makes beside an open database.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	list, err := os.ReadDir(dir)
	if err != nil {
		return err.Error()
	}
	for _, e := range list {
		if e.IsDir() || strings.HasSuffix(e.Name(), "-wal") || strings.HasSuffix(e.Name(), "-shm") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d %x\n", e.Name(), len(text), digest(text))
	}
	return b.String()
}

func digest(b []byte) (h uint64) {
	for _, c := range b {
		h = h*1099511628211 + uint64(c)
	}
	return h
}

// change opens a database file from outside.
func change(t *testing.T, path, text string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text, args...); err != nil {
		t.Fatal(err)
	}
}

// made returns the path of a database with one program in it.
func made(t *testing.T, v *vault.Vault) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fairlead.db")
	insertProgram(t, path, v, "p1")
	return path
}

func insertProgram(t *testing.T, path string, v *vault.Vault, id string) {
	t.Helper()
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: path, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx applications.Tx) error {
		return tx.InsertProgram(t.Context(), &applications.Program{ID: id})
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	v := newVault(t)
	path := made(t, v)
	for i := range 3 {
		insertProgram(t, path, v, fmt.Sprintf("again-%d", i))
	}
	s := storetest.OpenAt(t, path, v)
	if err := s.View(t.Context(), func(tx applications.Tx) error {
		list, err := tx.Programs(t.Context(), nil, "", 0)
		if len(list) != 4 {
			t.Errorf("%d programs, want 4", len(list))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestOpenMakesItsFolderAndKeepsItPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder", "ü #1?%20&x=y", "fair lead.db")
	if exists, err := sqlstore.Exists(path); err != nil || exists {
		t.Fatalf("exists before the start: %v, %v", exists, err)
	}
	s := storetest.OpenAt(t, path, newVault(t))
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if exists, err := sqlstore.Exists(path); err != nil || !exists {
		t.Fatalf("does not exist after the start: %v, %v", exists, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for p, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", filepath.Base(p), info.Mode().Perm(), want)
		}
	}
}

func TestOpenRefusesAWrongKey(t *testing.T) {
	v, other := newVault(t), newVault(t)
	path := made(t, v)
	refuse(t, path, other, "MASTER_KEY_MISMATCH", v.KeyID())
	refuse(t, path, other, "MASTER_KEY_MISMATCH", other.KeyID())
	insertProgram(t, path, v, "p2") // the right one still opens it
	change(t, path, "UPDATE installation SET key_check = $1", []byte("0123456789abcdef"))
	refuse(t, path, v, "MASTER_KEY_MISMATCH", "nothing was changed")
	change(t, path, "UPDATE installation SET key_id = $1", "Robert'); DROP TABLE")
	refuse(t, path, v, "MASTER_KEY_MISMATCH", "(not a key id)")
}

func TestOpenRefusesANewerDatabase(t *testing.T) {
	v := newVault(t)
	path := made(t, v)
	change(t, path, "INSERT INTO migrations (version, name, checksum, create_time) SELECT max(version) + 1, 'the_future', 'x', 0 FROM migrations")
	refuse(t, path, v, "DATABASE_NEWER", "start that version or a newer one")
	// That it is newer is said before that it belongs to another key.
	refuse(t, path, newVault(t), "DATABASE_NEWER", ", this program knows ")
}

func TestOpenRefusesAChangedMigration(t *testing.T) {
	v := newVault(t)
	path := made(t, v)
	change(t, path, "UPDATE migrations SET checksum = 'x' || checksum")
	refuse(t, path, v, "MIGRATION_CHANGED", "step 1 differs")
	path = made(t, v)
	change(t, path, "UPDATE migrations SET version = 0 WHERE version = 1")
	refuse(t, path, v, "MIGRATION_CHANGED", "restore a backup")
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	v := newVault(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"text.db": "id,name\n1,Somebody\n", "short.db": "x", "binary.db": strings.Repeat("\x00\xff", 5000),
		"cut.db": "SQLite format 3\x00", "noise.db": "SQLite format 3\x00" + strings.Repeat("noise", 2000),
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if exists, err := sqlstore.Exists(path); err != nil || !exists {
			t.Errorf("%s: exists %v, %v", name, exists, err)
		}
		refuse(t, path, v, "NOT_A_DATABASE", name)
	}
}

func TestOpenRefusesTheDatabaseOfAnotherProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	change(t, path, "CREATE TABLE programs (id TEXT); INSERT INTO programs VALUES ('mine')")
	refuse(t, path, newVault(t), "NOT_A_DATABASE", "other.db")
}

func TestOpenRefusesFoldersItCannotWrite(t *testing.T) {
	v := newVault(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse(t, filepath.Join(file, "fairlead.db"), v, "DATA_FOLDER_NOT_WRITABLE", file)
	refuse(t, dir, v, "DATA_FOLDER_NOT_WRITABLE", dir) // a folder where the file should be
}

func TestConcurrentFirstStarts(t *testing.T) {
	v := newVault(t)
	path := filepath.Join(t.TempDir(), "fairlead.db")
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			s, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: path, Vault: v})
			if err == nil {
				err = errors.Join(s.Ping(context.Background()), s.Close())
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	storetest.OpenAt(t, path, v)
}

// TestTwoProcesses: a command line tool may write while the server runs.
func TestTwoProcesses(t *testing.T) {
	v := newVault(t)
	path := made(t, v)
	stores := []*sqlstore.Store{storetest.OpenAt(t, path, v), storetest.OpenAt(t, path, v)}
	const writers, each = 8, 15
	var mu sync.Mutex
	seen := map[int]bool{}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for range each {
				err := stores[i%2].Update(context.Background(), func(tx applications.Tx) error {
					n, err := tx.NextCode(context.Background(), "p1")
					if err != nil {
						return err
					}
					mu.Lock()
					defer mu.Unlock()
					if seen[n] {
						return fmt.Errorf("number %d twice", n)
					}
					seen[n] = true
					return tx.AppendEvents(context.Background(), applications.Event{Action: "x", Resource: "programs/p1"})
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != writers*each {
		t.Fatalf("%d numbers, want %d", len(seen), writers*each)
	}
	if err := stores[0].View(context.Background(), func(tx applications.Tx) error {
		size, _, err := tx.AuditHead(context.Background())
		if size != writers*each {
			t.Errorf("%d events, want %d", size, writers*each)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestDeletedKeyLeavesTheDisk: after a program is deleted, its wrapped data key
// is nowhere in the file, so that not even the master key opens what may be
// left of its rows in a copy of the disk.
func TestDeletedKeyLeavesTheDisk(t *testing.T) {
	d := openDoor(t)
	ctx := t.Context()
	for i := range 40 { // so that the keys fill more than one page
		id := fmt.Sprintf("p%d", i)
		if err := d.store.Update(ctx, func(tx applications.Tx) error { return tx.InsertProgram(ctx, &applications.Program{ID: id}) }); err != nil {
			t.Fatal(err)
		}
	}
	key := d.Read(t, "SELECT wrapped FROM data_keys WHERE program = 'p7'")[0][0].([]byte)
	if !strings.Contains(string(d.Dump(t)), string(key)) {
		t.Fatal("the key is not found before it is deleted")
	}
	if err := d.store.Update(ctx, func(tx applications.Tx) error { return tx.DeleteProgram(ctx, "p7") }); err != nil {
		t.Fatal(err)
	}
	d.Dump(t) // folds the log into the file and empties it
	if strings.Contains(string(d.Dump(t)), string(key)) {
		t.Fatal("the deleted key is still on the disk")
	}
}
