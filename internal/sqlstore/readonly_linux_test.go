package sqlstore_test

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestOpenRefusesAReadOnlyFolder takes root's rights away from one thread, as
// root may write everywhere. The goroutine is never unlocked from its thread,
// so that the thread ends with it.
func TestOpenRefusesAReadOnlyFolder(t *testing.T) {
	v := newVault(t)
	path := made(t, v)
	dir := filepath.Dir(path)
	// A folder that somebody else may read and not write, wherever the tests
	// keep theirs.
	for p := dir; ; p = filepath.Dir(p) {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm()&0o005 == 0o005 || os.Chmod(p, info.Mode().Perm()|0o055) != nil {
			break
		}
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			syscall.Setfsuid(65534)
		}
		refuse(t, path, v, "DATA_FOLDER_NOT_WRITABLE", "must belong to the account that runs the server")
		refuse(t, filepath.Join(dir, "new.db"), v, "DATA_FOLDER_NOT_WRITABLE", dir)
	}()
	<-done
}
