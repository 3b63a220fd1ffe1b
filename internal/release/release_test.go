package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestRelease makes the release for this machine, unpacks it, and runs the
// program that people would get, but for what compiling everything anew would
// change. The full count makes it for every platform as a release is made, but
// that only two of them are compiled a second time from nothing; the others are
// linked twice. `make release` does it for all.
func TestRelease(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1800000000") // 2027-01-15: also where there is no git
	here := target{runtime.GOOS, runtime.GOARCH}
	o := options{out: t.TempDir(), targets: []target{here}, compare: "none", here: true, say: &bytes.Buffer{}}
	begin := time.Now()
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		anew := options{out: t.TempDir(), targets: []target{{"linux", "amd64"}, {"windows", "arm64"}}, compare: "all", say: o.say}
		if err := release(t.Context(), anew); err != nil {
			t.Fatal(err)
		}
		o.targets, o.compare, o.here = targets, "link", false
	}
	if err := release(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	said := o.say.(*bytes.Buffer).String()
	t.Logf("figure: make release, %d platforms, compared: %s, %.0f s\n%s", len(o.targets), o.compare, time.Since(begin).Seconds(), said)
	sums, err := os.ReadFile(filepath.Join(o.out, "SHA256SUMS"))
	if err != nil || strings.Count(string(sums), "\n") != len(o.targets) {
		t.Fatalf("%s %v", sums, err)
	}
	for line := range strings.Lines(string(sums)) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		b, err := os.ReadFile(filepath.Join(o.out, name))
		if err != nil || fmt.Sprintf("%x", sha256.Sum256(b)) != digest {
			t.Errorf("%s: the sum is not that of the file: %v", name, err)
		}
		if !strings.Contains(name, "-"+here.os+"-"+here.arch+".") {
			continue
		}
		folder := t.TempDir()
		names := unpack(t, name, b, folder)
		base := strings.TrimSuffix(strings.TrimSuffix(name, ".tar.gz"), ".zip")
		for _, want := range append([]string{here.program(), noticesFile}, beside...) {
			if !strings.Contains(names, base+"/"+want+"\n") {
				t.Errorf("%s holds no %s:\n%s", name, want, names)
			}
		}
		others, err := os.ReadFile(filepath.Join(folder, base, noticesFile))
		if err != nil {
			t.Fatal(err)
		}
		// One of each kind of license that there is, found by its own words.
		for _, want := range []string{
			"\nGo, its runtime and standard library, LICENSE\n", "Copyright (c) 2001, Dr Martin Porter", "/snowballstem v", "Copyright (c) 2013-2021 Jack Christensen",
			"modernc.org/libc v", "LICENSE-3RD-PARTY.md", "Apache License", "github.com/prometheus/client_golang v",
		} {
			if !bytes.Contains(others, []byte(want)) {
				t.Errorf("%s lacks %q", noticesFile, want)
			}
		}
		out, err := exec.Command(filepath.Join(folder, base, here.program()), "version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "fairlead ") || !strings.Contains(string(out), here.String()) {
			t.Errorf("%v\n%s", err, out)
		}
		out, err = exec.Command(filepath.Join(folder, base, here.program()), "select", "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--pool") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	if here == (target{"linux", "amd64"}) && !strings.Contains(said, "runs") {
		t.Errorf("the program was not tried:\n%s", said)
	}
}

func unpack(t *testing.T, name string, b []byte, folder string) (names string) {
	t.Helper()
	write := func(name string, mode os.FileMode, from io.Reader) {
		to := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeFile(to, from, mode); err != nil {
			t.Fatal(err)
		}
		names += name + "\n"
	}
	if strings.HasSuffix(name, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			write(f.Name, f.Mode(), r)
			r.Close()
		}
		return names
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s tells of an account: %d %q", h.Name, h.Uid, h.Uname)
		}
		write(h.Name, h.FileInfo().Mode(), r)
	}
}

// TestArchivesRepeat: the same files at the same time are the same bytes,
// whenever and wherever they are packed.
func TestArchivesRepeat(t *testing.T) {
	at := time.Unix(1800000000, 0).UTC()
	packed := func(t *testing.T, to target, when time.Time) []byte {
		src := source{folder: t.TempDir(), time: at}
		for i, name := range beside {
			file := filepath.Join(src.folder, name)
			if err := os.WriteFile(file, fmt.Appendf(nil, "text %d", i), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
		}
		binary := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(binary, bytes.Repeat([]byte("program "), 10000), 0o700); err != nil {
			t.Fatal(err)
		}
		file, err := pack(t.TempDir(), "fairlead-1-x-y", to, binary, []byte("terms"), src)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, to := range []target{{"linux", "amd64"}, {"windows", "amd64"}} {
		first := packed(t, to, at)
		t.Setenv("TZ", "America/Los_Angeles")
		if second := packed(t, to, at.AddDate(1, 0, 0)); !bytes.Equal(first, second) {
			t.Errorf("%s: two archives of the same files differ", to)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	without := t.TempDir()
	if err := os.WriteFile(filepath.Join(without, "README.md"), []byte("free as in air"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := terms(&bytes.Buffer{}, "example.org/nothing v1", without); err == nil || !strings.Contains(err.Error(), "example.org/nothing v1") {
		t.Errorf("a module without a license: %v", err)
	}
	if _, err := choose("linux/amd64, plan9/amd64"); err == nil || !strings.Contains(err.Error(), "plan9/amd64") {
		t.Errorf("an unknown platform: %v", err)
	}
	if got, err := choose("windows/arm64,linux/amd64"); err != nil || len(got) != 2 || got[0].program() != "fairlead.exe" {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"", "yesterday", "0", "-5"} {
		if _, err := epoch(text); err == nil {
			t.Errorf("the time %q was taken", text)
		}
	}
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for file, content := range map[string]string{a: "the same bytes", b: "the same bites"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := same(a, b); err == nil || !strings.Contains(err.Error(), "byte 10") {
		t.Errorf("bytes that differ: %v", err)
	}
	if err := same(a, a); err != nil {
		t.Error(err)
	}
	// A program that is not static is refused: the test's own may be one that
	// is; a shell's is not.
	if runtime.GOOS == "linux" {
		if err := static("/bin/sh", target{"linux", runtime.GOARCH}); err == nil {
			t.Error("/bin/sh passes for static")
		}
	}
	// A tree that leads out of its folder is not unpacked.
	evil := filepath.Join(t.TempDir(), "evil.tar")
	f, err := os.Create(evil)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(f)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "../outside", Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := untar(evil, t.TempDir()); err == nil || !strings.Contains(err.Error(), "leads out") {
		t.Errorf("a path out of the folder: %v", err)
	}
	if _, err := try(context.Background(), "/bin/echo", target{runtime.GOOS, runtime.GOARCH}, source{version: "9"}); err == nil {
		t.Error("another program passes for ours")
	}
}
