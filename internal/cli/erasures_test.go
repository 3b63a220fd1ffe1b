package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/erasures"
)

func TestEraseCommand(t *testing.T) {
	h := newHouse(t)
	stop := h.serve()
	h.open("alpha")
	h.open("beta")
	a, b := h.apply("alpha", "First Invented"), h.apply("alpha", "Second Invented")
	stop()
	backup := read(t, filepath.Join(h.data, "fairlead.db"))

	list := erasures.DefaultPath(h.key)
	h.refused(exitUsage, "--program", "erase", "--reason", "asked", a.Application.Code)
	h.refused(exitUsage, "--reason", "erase", "--program", "alpha", a.Application.Code)
	h.refused(exitData, "no application of alpha has the code", "erase", "--program", "alpha", "--reason", "asked", "--yes", "NS-9999")
	h.refused(exitData, "no such program", "erase", "--program", "nothing", "--reason", "asked", "--yes", a.Application.Code)
	h.refused(exitUsage, "was not typed", "erase", "--program", "alpha", "--reason", "asked", a.Application.Code)
	ask := append([]string{"erase", "--program", "alpha", "--reason", "asked for by phone", a.Application.Code}, h.where()...)
	if got := runWith(t.Context(), "yes\n", ask...); got.code != exitUsage {
		t.Errorf("another word: %+v", got)
	}
	if got := runWith(t.Context(), a.Application.Code+"\n", ask...); got.code != exitOK || !strings.Contains(got.stderr, "is erased") || !strings.Contains(got.stderr, list) {
		t.Errorf("%+v", got)
	}
	if got := h.must("erasures", "check").stdout; got != "1 erasure on the list, 1 erasure in the database\n" {
		t.Errorf("check says %q", got)
	}
	if got := h.must("audit", "verify").stderr; !strings.Contains(got, "records, all as they were written") {
		t.Errorf("verify says %s", got)
	}

	// A second server's list: the same, from the database.
	other := filepath.Join(t.TempDir(), "other.erasures")
	h.must("erasures", "export", other)
	if !bytes.Equal(read(t, other), read(t, list)) {
		t.Errorf("exported:\n%s\nthe list:\n%s", read(t, other), read(t, list))
	}
	h.refused(exitUsage, "exists", "erasures", "export", other)

	// Whoever puts an older database back by hand gets it erased again before
	// anybody can look.
	restore := func() {
		for _, ext := range []string{"-wal", "-shm"} {
			os.Remove(filepath.Join(h.data, "fairlead.db"+ext))
		}
		put(t, filepath.Join(h.data, "fairlead.db"), string(backup))
	}
	restore()
	if got := h.run("erasures", "check", "--erasure-list", list); got.code != exitData || !strings.Contains(got.stderr, "is an older one") {
		t.Errorf("check says %+v", got)
	}
	stop = h.serve()
	h.ask("GET", "/v1/"+a.Application.Name, a.Token, "", 401)
	h.ask("GET", "/v1/"+b.Application.Name, b.Token, "", 200)
	if _, log := stop(); !strings.Contains(log, "erased=1") || strings.Contains(log, "Invented") {
		t.Errorf("the log:\n%s", log)
	}
	// Or with the list of another server.
	restore()
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	if got := h.must("erasures", "replay", other).stderr; !strings.Contains(got, "1 erasure on the list, 1 erased now") {
		t.Errorf("replay says %s", got)
	}
	if got := h.must("erasures", "replay", other).stderr; !strings.Contains(got, ", 0 erased now") {
		t.Errorf("once more: %s", got)
	}
	h.must("erasures", "check")
	// A list that is gone comes back from the database.
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	h.serve()()
	h.must("erasures", "check")
	// One that somebody wrote into stops the start.
	good := read(t, list)
	put(t, list, string(good)+strings.Replace(string(good[bytes.LastIndexByte(good[:len(good)-1], '\n')+1:]), "2", "1", 1))
	got := run(t, append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0"}, h.where()...)...)
	if got.code != exitUsage || !strings.Contains(got.stderr, "line 7 of the list of erasures") {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

func TestKeysDestroy(t *testing.T) {
	h := newHouse(t)
	stop := h.serve() // beside it
	h.open("alpha")
	h.open("beta")
	a, b := h.apply("alpha", "First Invented"), h.apply("beta", "Second Invented")
	h.refused(exitUsage, "--program", "keys", "destroy", "--reason", "over")
	h.refused(exitUsage, "--reason", "keys", "destroy", "--program", "alpha")
	h.refused(exitData, "no such program", "keys", "destroy", "--program", "nothing", "--reason", "over", "--yes")
	h.refused(exitUsage, "COMPLETED or ARCHIVED", "keys", "destroy", "--program", "alpha", "--reason", "over", "--yes")
	h.refused(exitUsage, "was not typed", "keys", "destroy", "--program", "alpha", "--reason", "over", "--force")
	h.must("keys", "destroy", "--program", "alpha", "--reason", "over", "--force", "--yes")
	h.ask("GET", "/v1/programs/alpha", "", "", 404)
	h.ask("GET", "/v1/"+a.Application.Name, a.Token, "", 401)
	h.ask("GET", "/v1/"+b.Application.Name, b.Token, "", 200)
	if keys := h.must("keys", "list").stdout; strings.Contains(keys, "alpha") || !strings.Contains(keys, "beta") {
		t.Errorf("the keys:\n%s", keys)
	}
	h.must("audit", "verify")
	h.must("erasures", "check")
	if code, log := stop(); code != exitOK || strings.Contains(log, "level=ERROR") {
		t.Errorf("%d\n%s", code, log)
	}
}
