package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// childEnv makes the test binary do one job and end: to be killed, or to work
// under limits that a test cannot set for itself.
const childEnv = "FAIRLEAD_TEST_BACKUP_JOB"

type job struct {
	What           string // backup, restore or move
	Database, File string
	Key            string // file
	MaxFile        uint64 // bytes that a file may have; 0: no limit
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		var j job
		err := json.Unmarshal([]byte(text), &j)
		if err == nil {
			err = j.do(context.Background())
		}
		if err != nil {
			fmt.Println(applications.ReasonOf(err) + "|" + err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func (j *job) do(ctx context.Context) error {
	v, err := vault.Load(j.Key)
	if err != nil {
		return err
	}
	if j.MaxFile > 0 {
		if err := limitFiles(j.MaxFile); err != nil {
			return err
		}
	}
	switch j.What {
	case "backup":
		_, err = Create(ctx, Options{Database: j.Database, Vault: v, File: j.File, Force: true, Program: "test", Now: time.Now})
	case "restore":
		_, err = Restore(ctx, RestoreOptions{File: j.File, Database: j.Database, Vault: v})
	case "move":
		_, err = Move(ctx, MoveOptions{From: j.Database, To: j.File, Vault: v})
	default:
		err = errors.New("no such job")
	}
	return err
}

func (j *job) command(t testing.TB) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	return cmd
}

// killed runs a job and kills it with -9 after a while; it reports whether the
// job was faster.
func (j *job) killed(t testing.TB, after time.Duration) (done bool) {
	t.Helper()
	cmd := j.command(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer kill.Stop()
	return cmd.Wait() == nil
}

// took is how long a job takes that nobody kills.
func (j *job) took(t testing.TB) time.Duration {
	t.Helper()
	start := time.Now()
	if out, err := j.command(t).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return time.Since(start)
}

func keyFile(t testing.TB, v *vault.Vault) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(p, v.FileText(), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func kills(reduced, full int) int {
	if soak {
		return full
	}
	return reduced
}

func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// However a backup is killed, the file of that name is whole, the old one or
// the new one, and of what else lies there nothing restores by half.
func TestKillDuringBackup(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	v := newVault(t)
	cluster := pgtest.Start(t)
	for name, database := range map[string]string{"sqlite": filepath.Join(t.TempDir(), "fairlead.db"), "postgresql": cluster.Database(t)} {
		populate(t, database, v, 800)
		inv := inventory(t, database, v)
		dir := t.TempDir()
		j := &job{What: "backup", Database: database, File: filepath.Join(dir, "daily"), Key: keyFile(t, v)}
		whole := j.took(t)
		killed, finished, leftovers, restorable := 0, 0, 0, 0
		n := kills(4, 150)
		for tries := 0; tries < n || leftovers == 0 && tries < 20*n; tries++ {
			start := time.Now()
			if j.killed(t, time.Duration(random.Int64N(int64(whole)))) {
				finished++
				whole = min(whole, time.Since(start)) // the machine has less to do now
			} else {
				killed++
			}
			check := func(file string) error {
				c, err := readable(t, file, v)
				if err == nil {
					err = inv.Compare(c.Details.inventory())
				}
				return err
			}
			if err := check(j.File); err != nil {
				t.Fatalf("%s: the backup that was there: %v", name, err)
			}
			for _, left := range Leftovers(dir) {
				leftovers++
				err := filepath.WalkDir(left, func(path string, d fs.DirEntry, err error) error {
					if err != nil || d.IsDir() {
						return err
					}
					switch err := check(path); applications.ReasonOf(err) {
					case "NOT_A_BACKUP":
					case "":
						if err != nil {
							return err
						}
						restorable++ // complete, but for its name
					default:
						return err
					}
					return nil
				})
				if err != nil && !errors.Is(err, fs.ErrNotExist) { // pg_dump may end meanwhile
					t.Fatalf("%s: left behind: %v", name, err)
				}
				if err := os.RemoveAll(left); err != nil {
					t.Fatal(err)
				}
			}
		}
		if leftovers == 0 {
			t.Errorf("%s: %d finished, %d killed: none at work", name, finished, killed)
		}
		if got := names(t, dir); len(got) != 1 {
			t.Errorf("%s: %v", name, got)
		}
		t.Logf("figure: backup of %s killed with -9 at a random moment: %d kills, %d left a folder, %d of these held a file that restores, whole; 0 restore by half", name, killed, leftovers, restorable)
	}
}

// readable checks a backup to its last byte.
func readable(t testing.TB, file string, v *vault.Vault) (*container, error) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c := &container{f: f}
	if err := c.open(v); err != nil {
		return nil, err
	}
	return c, c.check(t.Context(), discard{}, nil)
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// However a restore or a move is killed, there is no database that a server
// would take, or a complete one.
func TestKillDuringRestoreAndMove(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	v := newVault(t)
	cluster := pgtest.Start(t)
	dir := t.TempDir()
	key := keyFile(t, v)
	sqlite, postgres := filepath.Join(dir, "fairlead.db"), cluster.Database(t)
	populate(t, sqlite, v, 800)
	if _, err := Move(t.Context(), MoveOptions{From: sqlite, To: postgres, Vault: v}); err != nil {
		t.Fatal(err)
	}
	inv := inventory(t, sqlite, v)
	ofSQLite, ofPostgres := filepath.Join(dir, "s"), filepath.Join(dir, "p")
	create(t, sqlite, ofSQLite, v)
	create(t, postgres, ofPostgres, v)
	places := 0
	file := func() string {
		places++
		return filepath.Join(dir, fmt.Sprint("place", places), "fairlead.db")
	}
	server := func() string { return cluster.Database(t) }
	for _, c := range []struct {
		name  string
		place func() string
		job   func(place string) *job
	}{
		{"restore into a file", file, func(p string) *job { return &job{What: "restore", Database: p, File: ofSQLite, Key: key} }},
		{"restore into PostgreSQL", server, func(p string) *job { return &job{What: "restore", Database: p, File: ofPostgres, Key: key} }},
		{"move into PostgreSQL", server, func(p string) *job { return &job{What: "move", Database: sqlite, File: p, Key: key} }},
		{"move into a file", file, func(p string) *job { return &job{What: "move", Database: postgres, File: p, Key: key} }},
	} {
		whole := c.job(c.place()).took(t)
		nothing, unfinished, complete := 0, 0, 0
		for range kills(2, 40) {
			p := c.place()
			j := c.job(p)
			j.killed(t, time.Duration(random.Int64N(int64(whole))))
			if sqlstore.IsPostgres(p) { // pg_restore, which dies too, may still be connected
				time.Sleep(200 * time.Millisecond)
			}
			s, err := openSoon(t, p, v)
			switch reason := applications.ReasonOf(err); {
			case err == nil:
				complete++
				s.Close()
				if err := inv.Compare(inventory(t, p, v)); err != nil {
					t.Errorf("%s: %v", c.name, err)
				}
				continue
			case reason == "NO_INSTALLATION":
				nothing++
			case strings.HasPrefix(c.name, "restore") && sqlstore.IsPostgres(p):
				unfinished++ // and refused
				continue
			default:
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			// The next try, in the same place, does it.
			if out, err := j.command(t).CombinedOutput(); err != nil {
				t.Errorf("%s, again: %v: %s", c.name, err, out)
			} else if err := inv.Compare(inventory(t, p, v)); err != nil {
				t.Errorf("%s, again: %v", c.name, err)
			}
		}
		t.Logf("figure: %s killed with -9 at a random moment: %d times nothing was there, %d times what every server refuses, %d times all of it", c.name, nothing, unfinished, complete)
	}
}

// openSoon opens a database as a server of this version would, but makes none.
// What a killed process had begun on a server may still hold locks for a
// moment.
func openSoon(t testing.TB, database string, v *vault.Vault) (*sqlstore.Store, error) {
	t.Helper()
	if !sqlstore.IsPostgres(database) {
		if exists, err := sqlstore.Exists(database); err != nil || !exists {
			return nil, errors.Join(err, applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION", "no file"))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v, NoMigration: true})
}

// Ctrl-C at any moment leaves nothing, or all of it.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	v := newVault(t)
	cluster := pgtest.Start(t)
	dir := t.TempDir()
	sqlite, postgres := filepath.Join(dir, "fairlead.db"), cluster.Database(t)
	populate(t, sqlite, v, 600)
	populate(t, postgres, v, 600)
	ofSQLite, ofPostgres := filepath.Join(dir, "s"), filepath.Join(dir, "p")
	create(t, sqlite, ofSQLite, v)
	create(t, postgres, ofPostgres, v)
	server := cluster.Database(t)
	interrupted := 0
	for _, c := range []struct {
		name string
		run  func(ctx context.Context, out string) error
	}{
		{"backup of SQLite", func(ctx context.Context, out string) error {
			_, err := Create(ctx, Options{Database: sqlite, Vault: v, File: filepath.Join(out, "b"), Now: time.Now})
			return err
		}},
		{"backup of PostgreSQL", func(ctx context.Context, out string) error {
			_, err := Create(ctx, Options{Database: postgres, Vault: v, File: filepath.Join(out, "b"), Now: time.Now})
			return err
		}},
		{"restore into a file", func(ctx context.Context, out string) error {
			_, err := Restore(ctx, RestoreOptions{File: ofSQLite, Database: filepath.Join(out, "fairlead.db"), Vault: v})
			return err
		}},
		{"restore into PostgreSQL", func(ctx context.Context, _ string) error {
			_, err := Restore(ctx, RestoreOptions{File: ofPostgres, Database: server, Vault: v})
			return err
		}},
		{"move into PostgreSQL", func(ctx context.Context, _ string) error {
			_, err := Move(ctx, MoveOptions{From: sqlite, To: server, Vault: v})
			return err
		}},
		{"move into a file", func(ctx context.Context, out string) error {
			_, err := Move(ctx, MoveOptions{From: postgres, To: filepath.Join(out, "fairlead.db"), Vault: v})
			return err
		}},
	} {
		var whole time.Duration
		for i := range kills(3, 40) {
			out := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			if i > 0 && whole > 0 { // the first time nobody interrupts
				time.AfterFunc(time.Duration(random.Int64N(int64(whole))), cancel)
			}
			start := time.Now()
			err := c.run(ctx, out)
			cancel()
			if err == nil {
				whole = time.Since(start)
			}
			left := names(t, out)
			_, _, empty := sqlstore.PostgresEmpty(t.Context(), server)
			switch {
			case err == nil && strings.Contains(c.name, "into PostgreSQL"):
				if empty == nil {
					t.Errorf("%s: nothing there", c.name)
				}
				server = cluster.Database(t)
			case err == nil:
				if len(left) != 1 {
					t.Errorf("%s: %v", c.name, left)
				}
			case !errors.Is(err, context.Canceled):
				t.Errorf("%s: %v", c.name, err)
			case len(left) > 0 || empty != nil:
				t.Errorf("%s, interrupted, leaves %v, %v", c.name, left, empty)
			default:
				interrupted++
			}
		}
	}
	if interrupted == 0 {
		t.Error("nothing was interrupted")
	}
	t.Logf("figure: backup, restore and migrate interrupted at a random moment: %d times, nothing left behind", interrupted)
}
