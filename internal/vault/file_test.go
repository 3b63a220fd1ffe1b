package vault

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func TestLoadOrCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "fairlead", "master.key")
	if _, _, err := LoadOrCreate(path, false); applications.ReasonOf(err) != "MASTER_KEY_MISSING" || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Fatalf("a refused start made something: %v", err)
	}
	v, created, err := LoadOrCreate(path, true)
	if err != nil || !created {
		t.Fatalf("created %v, %v", created, err)
	}
	for _, may := range []bool{true, false} {
		again, created, err := LoadOrCreate(path, may)
		if err != nil || created || again.KeyID() != v.KeyID() || !bytes.Equal(again.now.Load().master, v.now.Load().master) {
			t.Fatalf("created %v, %v", created, err)
		}
	}
	if runtime.GOOS != "windows" {
		for p, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			if info, err := os.Stat(p); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: mode %v, %v", p, info.Mode(), err)
			}
		}
	}
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(list) != 1 {
		t.Errorf("%d files beside the key, %v", len(list)-1, err)
	}
}

func TestConcurrentCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	ids, createdBy := make([]string, 12), make([]bool, 12)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			v, created, err := LoadOrCreate(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i], createdBy[i] = v.KeyID(), created
		})
	}
	wg.Wait()
	n := 0
	for i := range ids {
		if ids[i] != ids[0] {
			t.Fatal("two starts made different keys")
		}
		if createdBy[i] {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d starts created the key", n)
	}
}

func TestExclusiveCreationWithoutLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	v := generate(t)
	if err := createExclusive(path, v.FileText()); err != nil {
		t.Fatal(err)
	}
	if err := createExclusive(path, []byte("other")); !os.IsExist(err) {
		t.Fatalf("got %v", err)
	}
	if got, err := Load(path); err != nil || got.KeyID() != v.KeyID() {
		t.Fatalf("%v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	good := string(generate(t).FileText())
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := Load(write("good", good, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(write("read-only", good, 0o400)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(write("windows", strings.ReplaceAll(good, "\n", "\r\n"), 0o600)); err != nil {
		t.Errorf("line ends of Windows: %v", err)
	}
	for _, c := range []struct{ name, path, reason, says string }{
		{"missing", filepath.Join(dir, "nothing"), "MASTER_KEY_MISSING", "restore the file from your copy"},
		{"a folder", dir, "MASTER_KEY_UNREADABLE", "not a file"},
		{"below a file", filepath.Join(dir, "good", "key"), "MASTER_KEY_UNREADABLE", "cannot open"},
		{"others may read", write("group", good, 0o640), "MASTER_KEY_PERMISSIONS", "chmod 600"},
		{"all may read", write("all", good, 0o604), "MASTER_KEY_PERMISSIONS", "0604"},
		{"others may write", write("write", good, 0o620), "MASTER_KEY_PERMISSIONS", "chmod 600"},
		{"empty", write("empty", "", 0o600), "MASTER_KEY_MALFORMED", `"fairlead-master-key:" is missing`},
		{"binary", write("binary", "\x00\x01\x02", 0o600), "MASTER_KEY_MALFORMED", "line 1"},
		{"too long", write("long", good+strings.Repeat("# more\n", 2000), 0o600), "MASTER_KEY_MALFORMED", "too long"},
		{"no key", write("nokey", strings.Replace(good, "\nkey:", "\nkay:", 1), 0o600), "MASTER_KEY_MALFORMED", `"key:" is missing`},
		{"another format", write("format", strings.Replace(good, "key: 1", "key: 2", 1), 0o600), "MASTER_KEY_MALFORMED", "knows format 1"},
		{"no base64", write("base64", strings.Replace(good, "\nkey: ", "\nkey: !", 1), 0o600), "MASTER_KEY_MALFORMED", "32 bytes in base64"},
		{"another id", write("id", strings.Replace(good, "\nid: ", "\nid: 00", 1), 0o600), "MASTER_KEY_MALFORMED", "does not agree"},
		{"cut", write("cut", good[:len(good)-4], 0o600), "MASTER_KEY_MALFORMED", "does not agree"},
	} {
		if runtime.GOOS == "windows" && c.reason == "MASTER_KEY_PERMISSIONS" {
			continue
		}
		_, err := Load(c.path)
		if applications.ReasonOf(err) != c.reason || applications.CodeOf(err) != applications.FailedPrecondition {
			t.Errorf("%s: %v, want %s", c.name, err, c.reason)
			continue
		}
		if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %q does not say %q and the path", c.name, err, c.says)
		}
	}
	// Each changed character of the values is noticed.
	start := strings.Index(good, "\nid:")
	for i := start; i < len(good); i++ {
		b := []byte(good)
		b[i] ^= 1
		if v, err := parse(b); err == nil && string(v.FileText()) != good {
			t.Errorf("byte %d changed, and another key was loaded", i)
		}
	}
}

func TestCreateWhereItCannot(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := LoadOrCreate(filepath.Join(file, "master.key"), true)
	if err == nil || applications.CodeOf(err) != applications.FailedPrecondition {
		t.Fatalf("got %v", err)
	}
}

func TestDefaultPath(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, "config")
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", config)
	t.Setenv("AppData", config)
	data := filepath.Join(home, "data")
	if got := DefaultPath(data); Inside(data, got) || (runtime.GOOS == "linux" && got != filepath.Join(config, "fairlead", "master.key")) {
		t.Errorf("got %s", got)
	}
	// A data folder that holds the configuration folder.
	if got, want := DefaultPath(home), home+".master.key"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if runtime.GOOS == "linux" { // an account without a home
		t.Setenv("HOME", "")
		t.Setenv("XDG_CONFIG_HOME", "")
		if got, want := DefaultPath(data), data+".master.key"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestInside(t *testing.T) {
	for _, c := range []struct {
		folder, file string
		want         bool
	}{
		{"/data", "/data/master.key", true},
		{"/data", "/data/a/b/master.key", true},
		{"/data/", "/data/../data/k", true},
		{"/data", "/data.master.key", false},
		{"/data", "/database/k", false},
		{"/data", "/k", false},
		{"/data/a", "/data/k", false},
		{"/data", "/data/..k", true},
		{".", "master.key", true},
		{".", "../master.key", false},
	} {
		if got := Inside(filepath.FromSlash(c.folder), filepath.FromSlash(c.file)); got != c.want {
			t.Errorf("Inside(%s, %s) = %v", c.folder, c.file, got)
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	v, err := newVault(make([]byte, keySize))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(v.FileText())
	f.Add([]byte("fairlead-master-key: 1\nid: x\nkey: AAAA\ncheck: y\n"))
	f.Add([]byte("# only words\n"))
	f.Add([]byte("a:b\na:c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := parse(text)
		if err != nil {
			return
		}
		// What was accepted is a key that its own file gives back.
		again, err := parse(v.FileText())
		if err != nil || !bytes.Equal(again.now.Load().master, v.now.Load().master) || len(v.now.Load().master) != keySize {
			t.Fatalf("%v", err)
		}
	})
}
