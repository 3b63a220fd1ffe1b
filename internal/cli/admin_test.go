package cli

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// made is a house that was started once.
func made(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	if code, log := h.serve()(); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, log)
	}
	return h
}

func (h *house) run(args ...string) ran {
	h.t.Helper()
	return run(h.t, append(args, h.where()...)...)
}

func (h *house) must(args ...string) ran {
	h.t.Helper()
	got := h.run(args...)
	if got.code != exitOK {
		h.t.Fatalf("%v: exit code %d\n%s", args, got.code, got.stderr)
	}
	return got
}

// status asks the running server as the holder of a token.
func (h *house) status(token, path string) int {
	h.t.Helper()
	req, err := http.NewRequest("GET", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestTokens(t *testing.T) {
	h := newHouse(t)
	h.serve() // the commands work beside a running server
	h.post("/v1/programs?programId=alpha", h.admin(), `{}`)
	got := h.must("tokens", "create", "--role", "policy-approver", "--program", "alpha", "--label", "for a test", "--expires", "90d")
	secret := strings.TrimSpace(got.stdout)
	if secret == "" || strings.Contains(got.stderr, secret) || strings.Contains(secret, "\n") {
		t.Fatalf("stdout %q, stderr %q", got.stdout, got.stderr)
	}
	if code := h.status(secret, "/v1/presets"); code != 200 {
		t.Errorf("the token gets %d", code)
	}
	if code := h.status(secret, "/v1/users"); code != 403 {
		t.Errorf("the token gets %d where its role does not reach", code)
	}
	table := h.must("tokens", "list").stdout
	if !strings.Contains(table, "policy_approver@alpha") || !strings.Contains(table, "for a test") || strings.Contains(table, secret) {
		t.Errorf("list:\n%s", table)
	}
	var rows []tokenRow
	if err := json.Unmarshal([]byte(h.must("tokens", "list", "--json").stdout), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%v %v", rows, err)
	}
	row := rows[1]
	if ends, err := time.Parse(time.RFC3339, row.Expires); err != nil || time.Until(ends) < 89*24*time.Hour || time.Until(ends) > 91*24*time.Hour {
		t.Errorf("expires %q", row.Expires)
	}
	h.must("tokens", "revoke", row.ID)
	if code := h.status(secret, "/v1/presets"); code != 401 {
		t.Errorf("the revoked token gets %d", code)
	}
	if got := h.must("tokens", "list").stdout; !strings.Contains(got, "revoked") {
		t.Errorf("list:\n%s", got)
	}
	auditor := strings.TrimSpace(h.must("tokens", "create", "--role", "auditor", "--program", "alpha").stdout)
	if code := h.status(auditor, "/v1/auditEvents"); code != 200 {
		t.Errorf("the auditor of one program gets %d", code)
	}
	if got := h.must("tokens", "create", "--role", "steward"); !strings.Contains(got.stderr, "opens nothing yet") {
		t.Errorf("a role that opens nothing: %q", got.stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"tokens", "create"}, exitUsage, "--role"},
		{[]string{"tokens", "create", "--role", "facilitater"}, exitUsage, `did you mean "FACILITATOR"`},
		{[]string{"tokens", "create", "--role", "applicant"}, exitUsage, "no such role to grant"},
		{[]string{"tokens", "create", "--role", "auditor", "--user", "x"}, exitUsage, "either"},
		{[]string{"tokens", "create", "--role", "auditor", "--program", "nobody"}, exitData, "nobody"},
		{[]string{"tokens", "create", "--role", "auditor", "--expires", "soon"}, exitUsage, "--expires"},
		{[]string{"tokens", "create", "--role", "auditor", "--expires", "2020-01-01"}, exitUsage, "to come"},
		{[]string{"tokens", "create", "--user", "01a20028-0000-7000-8000-000000000000"}, exitData, ""},
		{[]string{"tokens", "revoke"}, exitUsage, "arg"},
		{[]string{"tokens", "revoke", "01a20028-0000-7000-8000-000000000000"}, exitData, ""},
	} {
		if got := h.run(c.args...); got.code != c.code || !strings.Contains(got.stderr, c.want) || got.stdout != "" {
			t.Errorf("%v: %d %q %q", c.args, got.code, got.stdout, got.stderr)
		}
	}
	if got := run(t, "tokens", "list", "--data", t.TempDir()); got.code != exitUsage || !strings.Contains(got.stderr, "fairlead serve") {
		t.Errorf("without an installation: %d %s", got.code, got.stderr)
	}
}

func TestUsers(t *testing.T) {
	h := newHouse(t)
	h.serve()
	h.post("/v1/programs?programId=alpha", h.admin(), `{}`)
	id := strings.TrimSpace(h.must("users", "create", "Invented Staff", "--role", "auditor").stdout)
	secret := strings.TrimSpace(h.must("tokens", "create", "--user", id).stdout)
	if a, p := h.status(secret, "/v1/auditEvents"), h.status(secret, "/v1/programs"); a != 200 || p != 403 {
		t.Errorf("an auditor gets %d and %d", a, p)
	}
	h.must("users", "grant", id, "--role", "facilitator", "--program", "programs/alpha")
	if p := h.status(secret, "/v1/programs"); p != 200 {
		t.Errorf("after the grant: %d", p)
	}
	if got := h.must("users", "list").stdout; !strings.Contains(got, "Invented Staff") || !strings.Contains(got, "auditor facilitator@alpha") {
		t.Errorf("list:\n%s", got)
	}
	h.must("users", "grant", id, "--role", "auditor", "--remove")
	if a := h.status(secret, "/v1/auditEvents"); a != 403 {
		t.Errorf("after taking the role back: %d", a)
	}
	h.must("users", "disable", id)
	if p := h.status(secret, "/v1/programs"); p != 401 {
		t.Errorf("disabled: %d", p)
	}
	h.must("users", "disable", "--enable", id)
	if p := h.status(secret, "/v1/programs"); p != 200 {
		t.Errorf("enabled again: %d", p)
	}
	var rows []userRow
	if err := json.Unmarshal([]byte(h.must("users", "list", "--json").stdout), &rows); err != nil || len(rows) != 1 || rows[0].ID != id || rows[0].Disabled {
		t.Errorf("%+v %v", rows, err)
	}
	if got := h.run("users", "grant", "nobody", "--role", "auditor"); got.code != exitData || !strings.Contains(got.stderr, "users list") {
		t.Errorf("%d %s", got.code, got.stderr)
	}
	if got := h.run("users", "grant", id); got.code != exitUsage {
		t.Errorf("%d %s", got.code, got.stderr)
	}
}

func TestDoctor(t *testing.T) {
	ports := func() []string {
		return []string{"--http", testserver.FreePort(t), "--grpc", testserver.FreePort(t), "--ops", testserver.FreePort(t)}
	}
	fresh := newHouse(t)
	if got := fresh.run(append([]string{"doctor"}, ports()...)...); got.code != exitOK || !strings.Contains(got.stdout, "does not exist yet") || !strings.Contains(got.stdout, "is free") {
		t.Errorf("before the first start: %d\n%s", got.code, got.stdout)
	}
	h := made(t)
	got := h.run(append([]string{"doctor"}, ports()...)...)
	if got.code != exitOK || !strings.Contains(got.stdout, "opens, can be written") || !strings.Contains(got.stdout, "admin.token") {
		t.Errorf("well: %d\n%s", got.code, got.stdout)
	}

	inside := newHouse(t)
	inside.key = filepath.Join(inside.data, "master.key")
	inside.serve()()
	if got := inside.run(append([]string{"doctor"}, ports()...)...); got.code != exitOK || !strings.Contains(got.stdout, "beside the database") {
		t.Errorf("key beside the database: %d\n%s", got.code, got.stdout)
	}
	for _, c := range []struct {
		name string
		harm func(h *house)
		want string
	}{
		{"no key", func(h *house) { must(t, os.Remove(h.key)) }, "is missing"},
		{"another key", func(h *house) { h.key = made(t).key }, "key"},
		{"open key", func(h *house) { must(t, os.Chmod(h.key, 0o640)) }, "chmod 600"},
		{"newer database", func(h *house) { newer(t, filepath.Join(h.data, "fairlead.db")) }, "newer"},
		{"sync service", func(h *house) {
			to := filepath.Join(t.TempDir(), "Dropbox (Work)", "data")
			must(t, os.MkdirAll(filepath.Dir(to), 0o700))
			must(t, os.Rename(h.data, to))
			h.data = to
		}, "Dropbox"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := made(t)
			c.harm(h)
			got := h.run(append([]string{"doctor"}, ports()...)...)
			if got.code != exitData || !strings.Contains(got.stdout, "problem") || !strings.Contains(got.stdout, c.want) || !strings.Contains(got.stdout, "to mend") {
				t.Errorf("%d\n%s%s", got.code, got.stdout, got.stderr)
			}
		})
	}
	h.serve()
	must(t, os.Chmod(h.data, 0o755))
	h.post("/v1/programs?programId=alpha", h.admin(), `{"preset": "presets/north-sound"}`)
	got = h.run("doctor", "--http", strings.TrimPrefix(h.url, "http://"), "--grpc", h.grpc, "--ops", strings.TrimPrefix(h.ops, "http://"))
	for _, want := range []string{"in use: by a running server", "chmod 700", "program alpha", "not in Spanish", "(why)"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("does not say %q:\n%s", want, got.stdout)
		}
	}
	if got.code != exitOK {
		t.Errorf("warnings alone end with exit code %d", got.code)
	}
}

// TestOlderDatabase: only a start brings a database up to date, and whatever
// else looks at one leaves it as it is and says so.
func TestOlderDatabase(t *testing.T) {
	h := made(t)
	path := filepath.Join(h.data, "fairlead.db")
	older(t, path)
	before, err := os.ReadFile(path)
	must(t, err)
	got := h.run("doctor", "--http", testserver.FreePort(t), "--grpc", testserver.FreePort(t), "--ops", testserver.FreePort(t))
	if got.code != exitOK || !strings.Contains(got.stdout, "warning  the database was written by an older version") || !strings.Contains(got.stdout, "fairlead serve") || strings.Contains(got.stdout, "opens, can be written") {
		t.Errorf("doctor: %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	for _, args := range [][]string{{"tokens", "list"}, {"users", "list"}, {"users", "create", "Invented Staff", "--role", "auditor"}, {"tokens", "create", "--role", "administrator"}} {
		if got := h.run(args...); got.code != exitUsage || !strings.Contains(got.stderr, "older version") || got.stdout != "" {
			t.Errorf("%v: %d\n%s%s", args, got.code, got.stdout, got.stderr)
		}
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(before, after) {
		t.Error("the database changed")
	}
}

// older makes a database look as if it lacked this version's last step.
func older(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer db.Close()
	_, err = db.Exec(`DELETE FROM migrations WHERE version = (SELECT max(version) FROM migrations)`)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) admin() string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.data, "admin.token"))
	must(h.t, err)
	return strings.TrimSpace(string(b))
}

// post makes a REST call that has to succeed.
func (h *house) post(path, token, body string) {
	h.t.Helper()
	req, err := http.NewRequest("POST", h.url+path, strings.NewReader(body))
	must(h.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	must(h.t, err)
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		h.t.Fatalf("%s: %s", path, resp.Status)
	}
}
