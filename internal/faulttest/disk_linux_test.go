package faulttest

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openfairlead/fairlead/internal/pgtest"
)

// small mounts a file system of so many bytes for the test, which everybody may
// enter. Where this account may not mount, the test runs again in a name space
// in which it may, under its own name: PostgreSQL does not run as root.
func small(t *testing.T, bytes string) (dir string) {
	t.Helper()
	const mounted = "FAIRLEAD_TEST_SMALL_DISK"
	if dir := os.Getenv(mounted); dir != "" {
		return dir
	}
	dir = t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	options := "size=" + bytes + ",mode=711"
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if err == nil {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	if !errors.Is(err, syscall.EPERM) {
		t.Fatalf("mounting a small file system: %v; run this test as root", err)
	}
	const script = `mount -t tmpfs -o "$1" tmpfs "$2" && exec unshare --user --map-user="$3" --map-group="$4" -- "$5" -test.v -test.run="^$6\$"`
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh",
		options, dir, strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()), os.Args[0], t.Name())
	cmd.Env = append(os.Environ(), mounted+"="+dir)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if _, figure, ok := strings.Cut(line, "figure: "); ok {
			t.Logf("figure: %s", strings.TrimSpace(figure))
		}
	}
	if err != nil {
		t.Fatalf("%v; run this test as root if that is about unshare or mount\n%s", err, out)
	}
	return ""
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); err == nil {
			continue
		} else if !errors.Is(err, syscall.ENOSPC) {
			t.Error(err)
			return
		}
		size /= 2
	}
}

// TestFullDisk fills the disk of the embedded database while people apply:
// whoever is not stored is told so, and when there is room again the server
// goes on by itself.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := small(t, "64m")
	if dir == "" {
		return // it ran elsewhere
	}
	s, c := launch(t, "--data", filepath.Join(dir, "data"))
	r := under(t, s, c, 0)
	var faults []fault
	for range counts(1, 5) {
		faults = append(faults, r.suffer("full disk", mustFailToBeReady, counts(4500*time.Millisecond, 10*time.Second), func() func() {
			filler := filepath.Join(dir, "filler")
			fill(t, filler)
			return func() {
				if err := os.Remove(filler); err != nil {
					t.Error(err)
				}
			}
		}))
	}
	r.end(faults...)
	if n := r.report.Refused[http.StatusInternalServerError]; n > 0 {
		t.Errorf("%d of the refused were told of an internal error: %v", n, r.report.Refused)
	}
}

// TestFullDiskPostgres does the same to the disk of PostgreSQL: at first it has
// no room for rows, then none for its log, without which it ends at once and
// cannot recover either. It comes back when there is room again; one that has
// ended is started by whoever runs it.
func TestFullDiskPostgres(t *testing.T) {
	t.Parallel()
	dir := small(t, "192m")
	if dir == "" {
		return // it ran elsewhere
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	// Without a reserve of log files each new one needs room.
	cluster := pgtest.NewIn(t, data, "wal_recycle = off", "min_wal_size = 32MB", "max_wal_size = 48MB")
	database := cluster.Database(t)
	s, c := launchPostgres(t, database)
	r := under(t, s, c, 0)
	var faults []fault
	lasts := counts(3*time.Second, 10*time.Second)
	const noRoom, ended = "could not extend file", "PANIC"
	for range counts(1, 2) {
		faults = append(faults, r.suffer("full disk of PostgreSQL", mayBeReady, lasts, func() func() {
			filler, before := filepath.Join(dir, "filler"), strings.Count(cluster.Log(t), noRoom)
			fill(t, filler)
			time.Sleep(lasts / 2)
			for range 600 { // at once, unless this machine has other things to do
				if strings.Count(cluster.Log(t), noRoom) > before {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			nextLogFile(t, cluster.Superuser(t, database))
			return func() {
				if err := os.Remove(filler); err != nil {
					t.Error(err)
				}
				cluster.Revive(t)
			}
		}))
	}
	r.end(faults...)
	// It is not for want of anything that the server does not know.
	if n := r.report.Refused[http.StatusInternalServerError]; n > 0 {
		t.Errorf("%d of the refused were told of an internal error: %v; the server's log:\n%s", n, r.report.Refused, tail(s.Log(), 4000))
	}
	log := cluster.Log(t)
	if rows, logs := strings.Count(log, noRoom), strings.Count(log, ended); rows < len(faults) || logs < len(faults) {
		t.Errorf("PostgreSQL had no room for rows %d times, and none for its log %d times; its log:\n%s", rows, logs, tail(log, 4000))
	}
}

// nextLogFile makes a PostgreSQL server begin new files of its log until it can
// no longer.
func nextLogFile(t *testing.T, superuser string) {
	t.Helper()
	ctx := t.Context()
	for range 5 {
		conn, err := pgx.Connect(ctx, superuser)
		if err != nil {
			return // it has ended already
		}
		_, err = conn.Exec(ctx, "SELECT pg_switch_wal(); SELECT pg_logical_emit_message(true, 'test', 'x')")
		_ = conn.Close(ctx) // it may be lost
		if err != nil {
			return
		}
	}
}
