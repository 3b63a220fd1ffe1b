package backup

import (
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/pgtest"
)

// limitFiles lets no file of this process grow beyond a size. Writing more
// fails, as on a disk that is full.
func limitFiles(bytes uint64) error {
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: bytes, Max: bytes})
}

// pipe makes a named pipe.
func pipe(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Wherever the room runs out, the error says so, and nothing is left.
func TestNoSpace(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	key := keyFile(t, v)
	dir := t.TempDir()
	sqlite, postgres := filepath.Join(dir, "fairlead.db"), pgtest.Start(t).Database(t)
	populate(t, sqlite, v, 800)
	populate(t, postgres, v, 800)
	for name, database := range map[string]string{"sqlite": sqlite, "postgres": postgres} {
		good := filepath.Join(dir, name)
		create(t, database, good, v)
		out := t.TempDir()
		for _, part := range []int64{1, 10, 2} { // of the backup's size
			limit := size(good) / part
			if part == 1 {
				limit -= 600 // the last bytes
			}
			j := &job{What: "backup", Database: database, File: filepath.Join(out, "backup"), Key: key, MaxFile: uint64(limit)}
			text, err := j.command(t).CombinedOutput()
			if err == nil || !strings.HasPrefix(string(text), "NO_SPACE|") {
				t.Errorf("%s, room for 1/%d: %v: %s", name, part, err, text)
			}
			if left := names(t, out); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
		if name == "postgres" {
			continue
		}
		for _, part := range []int64{2, 10} {
			target := filepath.Join(out, "new", "fairlead.db")
			j := &job{What: "restore", Database: target, File: good, Key: key, MaxFile: uint64(size(good) / part)}
			text, err := j.command(t).CombinedOutput()
			if err == nil || !strings.HasPrefix(string(text), "NO_SPACE|") {
				t.Errorf("restore, room for 1/%d: %v: %s", part, err, text)
			}
			if left := names(t, filepath.Dir(target)); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		}
	}
}

// As root may write everywhere, the test takes root's rights from one thread.
// The goroutine is never unlocked from it, so that the thread ends with it.
func TestReadOnlyFolder(t *testing.T) {
	v := newVault(t)
	dir := t.TempDir()
	for p := dir; p != filepath.Dir(p); p = filepath.Dir(p) { // others may pass
		info, err := os.Stat(p)
		if err == nil && info.Mode().Perm()&0o005 != 0o005 {
			err = os.Chmod(p, info.Mode().Perm()|0o055)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	database, file, closed := filepath.Join(dir, "fairlead.db"), filepath.Join(dir, "good"), filepath.Join(dir, "closed")
	populate(t, database, v, 3)
	create(t, database, file, v)
	if err := os.Mkdir(closed, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			syscall.Setfsuid(65534)
		}
		_, err := Create(t.Context(), Options{Database: database, Vault: v, File: filepath.Join(closed, "b"), Now: time.Now})
		wantReason(t, err, "BACKUP_NOT_WRITABLE")
		_, err = Restore(t.Context(), RestoreOptions{File: file, Database: filepath.Join(closed, "fairlead.db"), Vault: v})
		wantReason(t, err, "BACKUP_NOT_WRITABLE")
		_, err = Restore(t.Context(), RestoreOptions{File: file, Database: filepath.Join(closed, "new", "fairlead.db"), Vault: v})
		wantReason(t, err, "BACKUP_NOT_WRITABLE")
	}()
	<-done
}

// maxMemory is the most memory in bytes that a process had.
func maxMemory(p *os.ProcessState) int64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return u.Maxrss * 1024
}
