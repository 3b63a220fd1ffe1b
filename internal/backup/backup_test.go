package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

// soak asks for the full counts.
var soak = os.Getenv("FAIRLEAD_SOAK") == "1"

func newVault(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t testing.TB, database string, v *vault.Vault) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: database, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// populate makes an installation with a program and so many invented
// applicants.
func populate(t testing.TB, database string, v *vault.Vault, applicants int) {
	t.Helper()
	s := open(t, database, v)
	ctx := context.Background()
	err := s.Update(ctx, func(tx applications.Tx) error {
		return tx.InsertProgram(ctx, &applications.Program{ID: "p1", State: applications.ProgramOpen})
	})
	if err == nil {
		err = submit(ctx, s, "first", applicants)
	}
	if err == nil {
		err = s.Update(ctx, func(tx applications.Tx) error {
			if err := tx.OpenSeats(ctx, "p1", 15); err != nil {
				return err
			}
			return errors.Join(
				tx.InsertOffer(ctx, &applications.Offer{Program: "p1", ID: "o1", Application: "first-1", State: applications.OfferPending, Reason: "because she leads"}),
				tx.AddErasure(ctx, &applications.Erasure{Program: "p1", Application: "gone", Time: time.Unix(1, 0)}),
			)
		})
	}
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// submit adds applications, each with a line in the audit log, all in one
// transaction.
func submit(ctx context.Context, s applications.Store, prefix string, n int) error {
	return s.Update(ctx, func(tx applications.Tx) error {
		var events []applications.Event
		for i := range n {
			code, err := tx.NextCode(ctx, "p1")
			if err != nil {
				return err
			}
			id := fmt.Sprintf("%s-%d", prefix, i)
			a := &applications.Application{Program: "p1", ID: id, Code: fmt.Sprintf("NS-%d", code), State: applications.Submitted, Contact: applications.Contact{Name: "Invented " + id}}
			if err := tx.InsertApplication(ctx, a, nil); err != nil {
				return err
			}
			events = append(events, applications.Event{Time: time.Unix(int64(i), 0), Action: "application.submit", Resource: "programs/p1/applications/" + id, Reason: strings.Repeat("because ", i%2)})
		}
		return tx.AppendEvents(ctx, events...)
	})
}

func create(t testing.TB, database, file string, v *vault.Vault) *Manifest {
	t.Helper()
	m, err := Create(context.Background(), Options{Database: database, Vault: v, File: file, Program: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func restore(t testing.TB, file, database string, v *vault.Vault) (*Restored, error) {
	t.Helper()
	return Restore(context.Background(), RestoreOptions{File: file, Database: database, Vault: v})
}

func wantReason(t testing.TB, err error, reason string) {
	t.Helper()
	if applications.ReasonOf(err) != reason {
		t.Errorf("got %v, want %s", err, reason)
	}
}

// names lists a folder.
func names(t testing.TB, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// The promise: from the two files, on an empty machine, everything is there
// again.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	here, there := filepath.Join(t.TempDir(), "a folder, 100%41 ?#;'ñ"), t.TempDir()
	database, file := filepath.Join(here, "fairlead.db"), filepath.Join(there, "monday.fairlead")
	populate(t, database, v, 50)
	m := create(t, database, file, v)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if got := names(t, there); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	if m.Tables["applications"].Rows != 50 || m.Audit.Size != 50 || m.Backend != "sqlite" || m.KeyID != v.KeyID() {
		t.Errorf("%+v", m)
	}

	// Any tar program shows what is in it; the manifest is the first member.
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(text))
	var members []string
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, h.Name)
		if h.Name == manifestName {
			var read Manifest
			if err := json.NewDecoder(r).Decode(&read); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*m, read); diff != "" {
				t.Error(diff)
			}
		}
	}
	if diff := cmp.Diff([]string{"manifest.json", "manifest.mac", "database.sqlite"}, members); diff != "" {
		t.Error(diff)
	}
	// Neither the key nor anything a person wrote is in it.
	for _, secret := range []string{"Invented", "because", strings.Fields(strings.Split(string(v.FileText()), "\nkey: ")[1])[0]} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("the backup holds %q", secret)
		}
	}

	target := filepath.Join(t.TempDir(), "new", "data", "fairlead.db")
	restored, err := restore(t, file, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if restored.Schema != m.Schema || restored.SetAside != "" {
		t.Errorf("%+v", restored)
	}
	if got := names(t, filepath.Dir(target)); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
	for p, want := range map[string]os.FileMode{target: 0o600, filepath.Dir(target): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	s := open(t, target, v)
	defer s.Close()
	report, err := audit.Verify(t.Context(), s, nil)
	if err != nil || report.Size != m.Audit.Size || report.Root.String() != m.Audit.Root {
		t.Errorf("%+v, %v", report, err)
	}
	err = s.View(t.Context(), func(tx applications.Tx) error {
		a, err := tx.Application(t.Context(), "p1", "first-7")
		if err == nil && a.Contact.Name != "Invented first-7" {
			t.Errorf("%+v", a)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// Writers go on while a backup is made. What it holds is one state: the counts
// and the log agree with each other and with the manifest.
func TestBackupWhileWriting(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database := filepath.Join(dir, "fairlead.db")
	populate(t, database, v, 500)
	s := open(t, database, v)
	defer s.Close()
	written, stop := writing(t, s)
	for i := range 3 {
		before := written.Load()
		file := filepath.Join(dir, fmt.Sprintf("live-%d.fairlead", i))
		m := create(t, database, file, v)
		if m.Tables["applications"].Rows != m.Audit.Size || m.Audit.Size < 500+before || m.Tables["events"].Rows != m.Audit.Size {
			t.Errorf("%d applications, %d events, %d in the log, %d written before", m.Tables["applications"].Rows, m.Tables["events"].Rows, m.Audit.Size, 500+before)
		}
		target := filepath.Join(t.TempDir(), "fairlead.db")
		if _, err := restore(t, file, target, v); err != nil {
			t.Error(err)
		}
	}
	stop()
}

// writing lets four writers submit until stop, and counts what they have.
func writing(t *testing.T, s *sqlstore.Store) (written *atomic.Int64, stop func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	written = &atomic.Int64{}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := submit(t.Context(), s, fmt.Sprintf("w%d-%d", w, i), 1); err != nil {
					t.Error(err)
					return
				}
				written.Add(1)
			}
		})
	}
	return written, func() {
		end()
		wg.Wait()
	}
}

func TestBackupRefuses(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database := filepath.Join(dir, "fairlead.db")
	populate(t, database, v, 5)
	keyFile := filepath.Join(dir, "master.key")
	other := filepath.Join(dir, "other.txt")
	for _, f := range []string{keyFile, other, filepath.Join(dir, "not-ours.db")} {
		if err := os.WriteFile(f, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []struct{ to, name string }{{database, "link-to-database"}, {other, "link-to-other"}, {filepath.Join(dir, "nowhere"), "dangling"}} {
		if err := os.Symlink(l.to, filepath.Join(dir, l.name)); err != nil {
			t.Fatal(err)
		}
	}
	before := names(t, dir)
	for _, c := range []struct {
		file, database string
		force          bool
		reason         string
	}{
		{"other.txt", database, false, "BACKUP_FILE_EXISTS"},
		{"link-to-other", database, false, "BACKUP_FILE_EXISTS"},
		{"dangling", database, false, "BACKUP_FILE_EXISTS"},
		{"fairlead.db", database, true, "BACKUP_FILE_REFUSED"},
		{"fairlead.db-wal", database, true, "BACKUP_FILE_REFUSED"},
		{"link-to-database", database, true, "BACKUP_FILE_REFUSED"},
		{"master.key", database, true, "BACKUP_FILE_REFUSED"},
		{".", database, true, "BACKUP_FILE_REFUSED"},
		{"no/folder/x", database, false, "BACKUP_NOT_WRITABLE"},
		{"new", filepath.Join(dir, "none.db"), false, "NO_INSTALLATION"},
		{"new", filepath.Join(dir, "not-ours.db"), false, "NOT_A_DATABASE"},
		{os.DevNull, database, true, "BACKUP_FILE_REFUSED"},
	} {
		file := c.file
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		_, err := Create(t.Context(), Options{Database: c.database, Vault: v, File: file, Force: c.force, Keep: []string{keyFile}, Now: time.Now})
		if applications.ReasonOf(err) != c.reason {
			t.Errorf("%s: got %v, want %s", c.file, err, c.reason)
		}
	}
	_, err := Create(t.Context(), Options{Database: database, Vault: newVault(t), File: filepath.Join(dir, "new"), Now: time.Now})
	wantReason(t, err, "MASTER_KEY_MISMATCH")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Create(ctx, Options{Database: database, Vault: v, File: filepath.Join(dir, "new"), Now: time.Now}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	// With force, through a link, the file that it leads to is replaced.
	if _, err := Create(t.Context(), Options{Database: database, Vault: v, File: filepath.Join(dir, "link-to-other"), Force: true, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(t, other, filepath.Join(t.TempDir(), "x.db"), v); err != nil {
		t.Error(err)
	}
}

// Whatever byte of a backup changes, it is refused, and nothing is there
// afterwards.
func TestRestoreRefusesEachChangedByte(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database, file := filepath.Join(dir, "fairlead.db"), filepath.Join(dir, "good")
	populate(t, database, v, 3)
	create(t, database, file, v)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	places := map[int]bool{}
	head := bytes.Index(good, []byte("SQLite format 3")) + 200
	step := 9
	if soak {
		step = 1
	}
	// Headers, manifest, MAC, padding; and the end.
	for i := random.IntN(step); i < head; i += step {
		places[i] = true
	}
	for i := random.IntN(step); i < 1100; i += step {
		places[len(good)-1-i] = true
	}
	for range 200 {
		places[random.IntN(len(good))] = true
	}
	target := filepath.Join(dir, "new", "fairlead.db")
	bad := filepath.Join(dir, "bad")
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	tries := 0
	try := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(bad, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if tries++; tries%100 == 1 || soak {
			_, err = restore(t, bad, target, v)
		} else { // what restore does first
			f, openErr := os.Open(bad)
			if openErr != nil {
				t.Fatal(openErr)
			}
			defer f.Close()
			c := &container{f: f}
			if err = c.open(v); err == nil {
				err = c.check(t.Context(), io.Discard, nil)
			}
		}
		switch applications.ReasonOf(err) {
		case "NOT_A_BACKUP", "BACKUP_DAMAGED", "BACKUP_NEWER", "MASTER_KEY_MISMATCH":
		default:
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range places {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << random.IntN(8)
		try(fmt.Sprintf("byte %d", i), bad)
	}
	for _, n := range []int{0, 1, 511, 512, 513, 1024, head, len(good) / 2, len(good) - 1025, len(good) - 1024, len(good) - 512, len(good) - 1} {
		try(fmt.Sprintf("cut off at %d", n), good[:n])
	}
	try("longer", append(bytes.Clone(good), 0))
	try("longer by a block", append(bytes.Clone(good), make([]byte, 512)...))
	try("twice", append(bytes.Clone(good), good...))
	if got := names(t, filepath.Dir(target)); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	t.Logf("figure: backup with a changed byte: %d places tried, all refused", len(places))
	if _, err := restore(t, file, target, v); err != nil {
		t.Error(err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database, file := filepath.Join(dir, "fairlead.db"), filepath.Join(dir, "good")
	populate(t, database, v, 3)
	m := create(t, database, file, v)
	write := func(name string, text []byte) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	empty := filepath.Join(dir, "empty", "fairlead.db")
	raw, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	// repacked makes a backup, with a genuine MAC, of a manifest that says
	// something else.
	repacked := func(name string, change func(*Manifest)) string {
		t.Helper()
		payload := write(name+".payload", raw)
		n := *m
		n.Tables = Tables{}
		for k, v := range m.Tables {
			n.Tables[k] = v
		}
		change(&n)
		if err := pack(t.Context(), &n, v, payload, filepath.Join(dir, name), nil); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, name)
	}
	count := repacked("count", func(m *Manifest) { m.Tables["applications"] = Table{4, m.Tables["applications"].SHA256} })
	digest := repacked("digest", func(m *Manifest) { m.Tables["applications"] = Table{3, strings.Repeat("0", 64)} })
	schema := repacked("schema", func(m *Manifest) { m.Schema = 99 })
	later := *m // of a format that this program does not write
	later.Format = 99
	laterText, err := later.bytes()
	if err != nil {
		t.Fatal(err)
	}
	var laterFile bytes.Buffer
	if err := compose(&laterFile, laterText, manifestMAC(v, laterText), &later, io.LimitReader(zeros{}, later.Payload.Size)); err != nil {
		t.Fatal(err)
	}
	format := write("format", laterFile.Bytes())
	root := repacked("root", func(m *Manifest) { m.Audit.Root = "x" })
	for _, c := range []struct {
		what, file, database string
		v                    *vault.Vault
		reason, says         string
	}{
		{"a database", database, empty, v, "NOT_A_BACKUP", "not a backup"},
		{"text", write("text", []byte("hello")), empty, v, "NOT_A_BACKUP", ""},
		{"nothing", write("nothing", nil), empty, v, "NOT_A_BACKUP", ""},
		{"a folder", dir, empty, v, "NOT_A_BACKUP", "regular file"},
		{"a pipe that nobody writes into", pipe(t, dir), empty, v, "NOT_A_BACKUP", "regular file"},
		{"not there", filepath.Join(dir, "none"), empty, v, "BACKUP_UNREADABLE", "no such file"},
		{"another key", file, empty, newVault(t), "MASTER_KEY_MISMATCH", m.KeyID},
		{"a database is there", file, database, v, "TARGET_NOT_EMPTY", "move it away"},
		{"something is there", file, write("x/fairlead.db", []byte("x")), v, "TARGET_NOT_EMPTY", ""},
		{"a folder is there", file, dir, v, "TARGET_NOT_EMPTY", ""},
		{"the other kind", file, "postgres://localhost/x", v, "BACKUP_OTHER_DATABASE", "fairlead migrate --to"},
		{"another count", count, empty, v, "COPY_DIFFERS", "table applications: 4 rows, and 3"},
		{"another digest", digest, empty, v, "COPY_DIFFERS", "table applications"},
		{"a newer schema", schema, empty, v, "BACKUP_NEWER", "newer version"},
		{"a newer format", format, empty, v, "BACKUP_NEWER", "newer version"},
		{"another log", root, empty, v, "COPY_DIFFERS", "audit log"},
	} {
		_, err := restore(t, c.file, c.database, c.v)
		if applications.ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %s", c.what, err, c.reason)
		}
	}
	if _, err := os.Stat(empty); err == nil {
		t.Error("something was restored")
	}
	if got, err := os.ReadFile(filepath.Join(dir, "x", "fairlead.db")); err != nil || string(got) != "x" {
		t.Errorf("what was there has changed: %q, %v", got, err)
	}

	// Into the place of a server that runs.
	s := open(t, database, v)
	_, err = restore(t, file, database, v)
	wantReason(t, err, "DATABASE_IN_USE")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// What an earlier database left beside the place does not get into the
// restored one.
func TestRestoreSetsRemainsAside(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database, file := filepath.Join(dir, "a", "fairlead.db"), filepath.Join(dir, "good")
	populate(t, database, v, 30)
	m := create(t, database, file, v)
	// A log with changes, as a killed server leaves it.
	s := open(t, database, v)
	if err := submit(t.Context(), s, "later", 10); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dir, "b", "fairlead.db")
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, ext := range []string{"-wal", "-shm"} {
		text, err := os.ReadFile(database + ext)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", ext, len(text), err)
		}
		if err := os.WriteFile(target+ext, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil { // an empty file is no database
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := restore(t, file, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if r.SetAside == "" || size(r.SetAside) == 0 {
		t.Errorf("set aside: %q", r.SetAside)
	}
	got := open(t, target, v)
	defer got.Close()
	report, err := audit.Verify(t.Context(), got, nil)
	if err != nil || report.Size != m.Audit.Size {
		t.Errorf("%+v, %v", report, err)
	}
}

// Who was erased after the backup was made is erased again before anybody can
// open the database; if that fails, there is none.
func TestRestoreReplaysErasures(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	dir := t.TempDir()
	database, file := filepath.Join(dir, "fairlead.db"), filepath.Join(dir, "good")
	populate(t, database, v, 3)
	create(t, database, file, v)
	target := filepath.Join(dir, "new", "fairlead.db")
	_, err := Restore(t.Context(), RestoreOptions{File: file, Database: target, Vault: v, Replay: func(context.Context, *sqlstore.Store) (int, error) {
		return 0, errors.New("the list cannot be read")
	}})
	if err == nil || !strings.Contains(err.Error(), "the list cannot be read") {
		t.Fatal(err)
	}
	if got := names(t, filepath.Dir(target)); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	r, err := Restore(t.Context(), RestoreOptions{File: file, Database: target, Vault: v, Replay: func(ctx context.Context, s *sqlstore.Store) (int, error) {
		if _, err := os.Stat(target); err == nil {
			t.Error("the database has its name already")
		}
		return 2, submit(ctx, s, "replayed", 2)
	}})
	if err != nil || r.Erased != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	s := open(t, target, v)
	defer s.Close()
	report, err := audit.Verify(t.Context(), s, nil)
	if err != nil || report.Size != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A backup of an older schema, made before an upgrade, restores, and is brought
// up to date by that.
func TestBackupOfOlderSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, _, v := storetest.Earlier(t, 1)
	cluster := pgtest.Start(t)
	server := cluster.Database(t)
	sn, err := sqlstore.OpenSnapshot(t.Context(), sqlstore.SnapshotOptions{Database: file, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sn.CopyTo(t.Context(), server, nil); err != nil {
		t.Fatal(err)
	}
	sn.Close()
	for from, to := range map[string]string{file: filepath.Join(dir, "new", "fairlead.db"), server: cluster.Database(t)} {
		_, err := Move(t.Context(), MoveOptions{From: from, To: filepath.Join(dir, "moved.db"), Vault: v})
		wantReason(t, err, "DATABASE_OLDER")
		m := create(t, from, filepath.Join(dir, "backup"), v)
		if m.Schema != 1 || m.Audit.Size != 10 {
			t.Errorf("%+v", m)
		}
		r, err := restore(t, filepath.Join(dir, "backup"), to, v)
		if err != nil {
			t.Fatal(err)
		}
		if r.Schema <= 1 {
			t.Errorf("%+v", r)
		}
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: to, Vault: v, NoMigration: true})
		if err != nil {
			t.Fatal(err)
		}
		report, err := audit.Verify(t.Context(), s, nil)
		if err != nil || report.Root.String() != m.Audit.Root {
			t.Errorf("%+v, %v", report, err)
		}
		if err := errors.Join(s.Close(), os.Remove(filepath.Join(dir, "backup"))); err != nil {
			t.Error(err)
		}
	}
}
