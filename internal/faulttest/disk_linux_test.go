package faulttest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// small mounts a file system of so many bytes for the test. Where this account
// may not mount, the test runs again in a name space in which it may.
func small(t *testing.T, bytes string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+bytes+",mode=700")
	if err == nil {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	const again = "FAIRLEAD_TEST_MAY_MOUNT"
	if !errors.Is(err, syscall.EPERM) || os.Getenv(again) != "" {
		t.Fatalf("mounting a small file system: %v; run this test as root", err)
	}
	cmd := exec.Command("unshare", "--user", "--map-root-user", "--mount", os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), again+"=1")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if _, figure, ok := strings.Cut(line, "figure: "); ok {
			t.Logf("figure: %s", strings.TrimSpace(figure))
		}
	}
	if err != nil {
		t.Fatalf("%v; run this test as root if that is about unshare\n%s", err, out)
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
}
