package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/vault"
)

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused runs a command that has to fail with a code and some words.
func (h *house) refused(code int, words string, args ...string) {
	h.t.Helper()
	got := h.run(args...)
	if got.code != code || !strings.Contains(got.stderr, words) || got.stdout != "" {
		h.t.Errorf("%v: exit code %d, want %d with %q\n%s%s", args, got.code, code, words, got.stdout, got.stderr)
	}
}

func TestKeysExportAndImport(t *testing.T) {
	h := made(t)
	folder := t.TempDir()
	phrase := put(t, filepath.Join(folder, "phrase"), "correct horse battery staple\nand more\n")
	file := filepath.Join(folder, "key.age")
	h.must("keys", "export", file, "--passphrase-file", phrase)
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	key := read(t, h.key)
	if bytes.Contains(read(t, file), key[len(key)-60:]) {
		t.Error("the export holds the key as it is")
	}
	h.refused(exitUsage, "exists", "keys", "export", file, "--passphrase-file", phrase)
	h.refused(exitUsage, "no terminal", "keys", "export", filepath.Join(folder, "other"))
	h.refused(exitData, "shorter than 12", "keys", "export", filepath.Join(folder, "other"), "--passphrase-file", put(t, filepath.Join(folder, "weak"), "secret\n"))
	h.refused(exitData, "no passphrase", "keys", "export", filepath.Join(folder, "other"), "--passphrase-file", put(t, filepath.Join(folder, "empty"), "\nsecond line\n"))
	h.refused(exitUsage, "cannot read the passphrase file", "keys", "export", filepath.Join(folder, "other"), "--passphrase-file", filepath.Join(folder, "nowhere"))
	h.refused(exitUsage, "overwrite a file that is read", "keys", "export", h.key, "--force", "--passphrase-file", phrase)
	if _, err := os.Stat(filepath.Join(folder, "other")); err == nil {
		t.Error("a refused export left a file")
	}

	// Onto another machine.
	far := &house{t: t, data: h.data, key: filepath.Join(folder, "far", "master.key")}
	wrong := put(t, filepath.Join(folder, "wrong"), "correct horse battery stapler")
	far.refused(exitData, "not the one", "keys", "import", file, "--passphrase-file", wrong)
	far.refused(exitData, "damaged", "keys", "import", phrase, "--passphrase-file", phrase)
	far.refused(exitUsage, "cannot read", "keys", "import", filepath.Join(folder, "nowhere"), "--passphrase-file", phrase)
	if _, err := os.Stat(far.key); err == nil {
		t.Error("a refused import left a key")
	}
	far.must("keys", "import", file, "--passphrase-file", phrase)
	if !bytes.Equal(read(t, far.key), key) {
		t.Error("the key that came back is another one")
	}
	far.must("users", "list")
	far.refused(exitUsage, "--force", "keys", "import", file, "--passphrase-file", phrase)
	// A key is never lost.
	if err := os.Remove(far.key); err != nil {
		t.Fatal(err)
	}
	if got := run(t, "keys", "create", far.key); got.code != exitOK {
		t.Fatal(got.stderr)
	}
	other := read(t, far.key)
	far.must("keys", "import", file, "--force", "--passphrase-file", phrase)
	if !bytes.Equal(read(t, far.key), key) || !bytes.Equal(read(t, vault.OldPath(far.key)), other) {
		t.Error("replacing a key lost one")
	}
}

// applied begins applications over the API and returns their answers.
type applied struct {
	Application struct{ Name, Code string }
	Token       string
	ReturnCode  string
}

func (h *house) apply(program, name string) applied {
	h.t.Helper()
	var a applied
	body := h.ask("POST", "/v1/programs/"+program+"/applications", "", `{"contact": {"name": "`+name+`"}}`, 200)
	if err := json.Unmarshal(body, &a); err != nil || a.Token == "" {
		h.t.Fatalf("%v in %s", err, body)
	}
	return a
}

func (h *house) ask(method, path, token, body string, want int) []byte {
	h.t.Helper()
	req, err := http.NewRequest(method, h.url+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		h.t.Fatalf("%s %s: %d, want %d: %s", method, path, resp.StatusCode, want, got)
	}
	return got
}

// open makes a program that takes applications.
func (h *house) open(id string) {
	h.t.Helper()
	h.ask("POST", "/v1/programs?programId="+id, h.admin(), `{"preset": "presets/north-sound", "contact": {"en": "Ask us"}, "window": {"closeTime": "2099-01-01T00:00:00Z"}}`, 200)
	h.ask("POST", "/v1/programs/"+id+":open", h.admin(), `{}`, 200)
}

// While a server runs and people apply, every program gets a new data key, and
// then the installation a new master key: nobody notices.
func TestKeysRotateBesideAServer(t *testing.T) {
	h := newHouse(t)
	stop := h.serve()
	h.open("alpha")
	h.open("beta")
	first := h.apply("alpha", "First Invented")

	before := h.must("keys", "list").stdout
	if strings.Count(before, "current") != 3 || strings.Contains(before, "not finished") {
		t.Errorf("the keys:\n%s", before)
	}
	if got := h.must("keys", "rotate", "--program", "alpha").stderr; !strings.Contains(got, "alpha: ") || !strings.Contains(got, "1 old key destroyed") || strings.Contains(got, "beta") {
		t.Errorf("rotate said %s", got)
	}
	h.must("keys", "rotate")
	after := h.must("keys", "list").stdout
	for _, line := range strings.Split(strings.TrimSpace(before), "\n")[1:] {
		if id := strings.Fields(line)[1]; strings.Contains(after, id) {
			t.Errorf("the old key %s is still there:\n%s", id, after)
		}
	}
	h.refused(exitData, "no program", "keys", "rotate", "--program", "nothing")
	h.ask("GET", "/v1/"+first.Application.Name, first.Token, "", 200)
	second := h.apply("alpha", "Second Invented")

	h.refused(exitUsage, "--program goes without", "keys", "rotate", "--master", "--program", "alpha")
	h.refused(exitUsage, "go with --master", "keys", "rotate", "--prepare")
	h.must("keys", "rotate", "--master", "--prepare")
	prepared := read(t, vault.NextPath(h.key))
	h.must("keys", "rotate", "--master", "--prepare")
	old := read(t, h.key)
	h.must("keys", "rotate", "--master")
	if !bytes.Equal(read(t, h.key), prepared) || !bytes.Equal(read(t, vault.OldPath(h.key)), old) {
		t.Error("the key files are not what they should be")
	}
	// The running server goes on: it reads, writes, makes programs, knows tokens.
	for _, a := range []applied{first, second} {
		h.ask("GET", "/v1/"+a.Application.Name, a.Token, "", 200)
		h.ask("POST", "/v1/programs/alpha/applications:resume", "", `{"returnCode": "`+a.ReturnCode+`"}`, 200)
	}
	h.open("gamma")
	third := h.apply("gamma", "Third Invented")
	if code := h.status(h.admin(), "/v1/users"); code != 200 {
		t.Errorf("the administrator's token gets %d", code)
	}
	h.must("audit", "verify")
	h.refused(exitUsage, "still there", "keys", "rotate", "--master")
	if code, log := stop(); code != exitOK || strings.Contains(log, "Invented") || strings.Contains(log, "AUDIT_BROKEN") {
		t.Errorf("%d\n%s", code, log)
	}

	// The next start has the new key, and the old one opens nothing.
	stop = h.serve()
	h.ask("GET", "/v1/"+third.Application.Name, third.Token, "", 200)
	h.ask("GET", "/v1/"+first.Application.Name, first.Token, "", 200)
	stop()
	stale := &house{t: t, data: h.data, key: vault.OldPath(h.key)}
	stale.refused(exitUsage, "master key", "users", "list")
	h.refused(exitUsage, "was not typed", "keys", "rotate", "--master", "--confirm")
	h.must("keys", "rotate", "--master", "--confirm", "--yes")
	if _, err := os.Stat(vault.OldPath(h.key)); !os.IsNotExist(err) {
		t.Errorf("the old key is still there: %v", err)
	}
	h.refused(exitUsage, "nothing is left", "keys", "rotate", "--master", "--confirm", "--yes")

	// In wrong hands: what the old key could make ends.
	h.must("keys", "rotate", "--master", "--revoke-access", "--yes")
	stop = h.serve()
	h.ask("GET", "/v1/"+first.Application.Name, first.Token, "", 401)
	h.ask("POST", "/v1/programs/alpha/applications:resume", "", `{"returnCode": "`+first.ReturnCode+`"}`, 404)
	if code := h.status(h.admin(), "/v1/users"); code != 200 {
		t.Errorf("the administrator's token gets %d", code)
	}
	stop()
}

// Killed between any two steps, the database opens with one of the two keys.
func TestKeysRotateMasterCutOff(t *testing.T) {
	h := made(t)
	old := read(t, h.key)
	h.must("keys", "rotate", "--master", "--prepare")
	h.must("users", "list") // killed before the database went over
	next := read(t, vault.NextPath(h.key))
	h.must("keys", "rotate", "--master")
	// As if killed after it did, before the files were changed.
	for _, f := range []string{vault.OldPath(h.key), h.key} {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	put(t, h.key, string(old))
	put(t, vault.NextPath(h.key), string(next))
	h.must("users", "list")
	if !bytes.Equal(read(t, h.key), next) || !bytes.Equal(read(t, vault.OldPath(h.key)), old) {
		t.Error("the change was not finished")
	}
	if _, err := os.Stat(vault.NextPath(h.key)); !os.IsNotExist(err) {
		t.Error("the new key is still waiting")
	}
}
