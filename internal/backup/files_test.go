package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

// TestPublish gives files their names, with links and, as on FAT, without.
func TestPublish(t *testing.T) {
	for name, give := range map[string]func(file, target string) error{
		"by a link":  func(file, target string) error { return publish(file, target, false) },
		"by a claim": claim,
	} {
		dir := t.TempDir()
		file, target := filepath.Join(dir, "file"), filepath.Join(dir, "target")
		write := func(path, text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want := func(path, text string) {
			t.Helper()
			if got, err := os.ReadFile(path); err != nil || string(got) != text {
				t.Errorf("%s: %s holds %q, want %q: %v", name, filepath.Base(path), got, text, err)
			}
		}
		write(file, "new")
		write(target, "came meanwhile")
		if err := give(file, target); err == nil {
			t.Errorf("%s: a file that was there is replaced", name)
		} else if name == "by a link" && applications.ReasonOf(err) != "BACKUP_FILE_EXISTS" {
			t.Errorf("%s: %v", name, err)
		}
		want(target, "came meanwhile")
		want(file, "new")
		if err := os.Remove(target); err != nil {
			t.Fatal(err)
		}
		if err := give(file, target); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want(target, "new")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s: the file has its old name still: %v", name, err)
		}
		// What fails leaves nothing under the name.
		if err := os.Remove(target); err != nil {
			t.Fatal(err)
		}
		if err := give(filepath.Join(dir, "missing"), target); err == nil {
			t.Errorf("%s: a file that is missing gets a name", name)
		}
		if _, err := os.Stat(target); !os.IsNotExist(err) {
			t.Errorf("%s: something is left: %v", name, err)
		}
	}
}
