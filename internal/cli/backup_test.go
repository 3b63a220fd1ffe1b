package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/backup"
	"github.com/openfairlead/fairlead/internal/pgtest"
)

func auditLine(t *testing.T, out string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^audit +(\d+:\S+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no audit line in\n%s", out)
	}
	return m[1]
}

// From the two files, on an empty machine: counts and log are those of the
// backup, which was made beside a running server.
func TestBackupAndRestore(t *testing.T) {
	h := newHouse(t)
	stop := h.serve()
	h.post("/v1/programs?programId=alpha", h.admin(), `{}`)
	file := filepath.Join(t.TempDir(), "b")
	made := h.must("backup", file)
	if !strings.Contains(made.stderr, "keep a copy of "+h.key+" in another place") {
		t.Error(made.stderr)
	}
	line := auditLine(t, made.stdout)

	// While the server runs, nothing takes its place, and nothing is moved away.
	for _, args := range [][]string{{"restore", file}, {"migrate", "--to", filepath.Join(t.TempDir(), "x.db")}} {
		if got := h.run(args...); got.code != exitUsage || !strings.Contains(got.stderr, "in use") {
			t.Errorf("%v: exit code %d\n%s", args, got.code, got.stderr)
		}
	}
	if code, log := stop(); code != exitOK {
		t.Fatalf("exit code %d\n%s", code, log)
	}
	if got := h.run("restore", file); got.code != exitUsage || !strings.Contains(got.stderr, "there already") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	if got := h.run("backup", file); got.code != exitUsage || !strings.Contains(got.stderr, "--force") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	h.must("backup", file, "--force")

	away := newHouse(t)
	text, err := os.ReadFile(h.key)
	if err != nil {
		t.Fatal(err)
	}
	if got := away.run("restore", file); got.code != exitUsage || !strings.Contains(got.stderr, "master key file "+away.key+" is missing") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	if err := os.MkdirAll(filepath.Dir(away.key), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(away.key, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := away.run("restore", file, "--erasure-list", file+".none"); got.code != exitUsage {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
	restored := away.must("restore", file)
	if !strings.HasPrefix(auditLine(t, restored.stdout), strings.SplitN(line, ":", 2)[0]) || !strings.Contains(restored.stderr, "there is no list of erasures in "+away.key+".erasures") {
		t.Errorf("%s\n%s", restored.stdout, restored.stderr)
	}
	if got := away.must("audit", "verify", "--since", line); strings.TrimSpace(got.stdout) != auditLine(t, restored.stdout) {
		t.Errorf("%s, and the backup says %s", got.stdout, restored.stdout)
	}
	away.serve()
	if code := away.status(h.admin(), "/v1/programs/alpha"); code != http.StatusOK {
		t.Errorf("the restored program: %d", code)
	}

	// Damaged, it is the data's fault.
	text, err = os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	third := newHouse(t)
	third.key = away.key
	if got := third.run("restore", file); got.code != exitData || !strings.Contains(got.stderr, "damaged") {
		t.Errorf("exit code %d\n%s", got.code, got.stderr)
	}
}

func TestMigrate(t *testing.T) {
	h := made(t)
	const password = "s3cret-of-the-database"
	server := pgtest.Start(t).Database(t)
	withPassword := strings.Replace(server, "fairlead@", "fairlead:"+password+"@", 1)
	if withPassword == server {
		withPassword = server // a server of somebody else: its URL has its own
	}
	back := filepath.Join(t.TempDir(), "back", "fairlead.db")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"migrate"}, exitUsage, "--to: name the database"},
		{[]string{"migrate", "--to", h.data}, exitUsage, "is a folder"},
		{[]string{"migrate", "--to", filepath.Join(h.data, "fairlead.db")}, exitUsage, "is there already"},
		{[]string{"migrate", "--to", "postgres://u:" + password + "@127.0.0.1:1/x?connect_timeout=1"}, exitUnreachable, "cannot connect"},
		{[]string{"migrate", "--to", "postgres://u:" + password + "@127.0.0.1:x/x"}, exitUsage, "cannot be read"},
	} {
		if got := h.run(c.args...); got.code != c.code || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stderr, password) {
			t.Errorf("%v: exit code %d\n%s", c.args, got.code, got.stderr)
		}
	}
	t.Setenv(toVariable, withPassword)
	there := h.must("migrate")
	t.Setenv(toVariable, "")
	again := h.must("migrate", "--to", back, "--database", withPassword)
	if auditLine(t, there.stdout) != auditLine(t, again.stdout) {
		t.Errorf("%s\n%s", there.stdout, again.stdout)
	}
	// A backup of the old file that still runs every night is none of what is in
	// use.
	after := place{data: h.data, keyFile: h.key, named: withPassword}
	examined := func() string {
		var out bytes.Buffer
		d := &doctor{w: &out, at: after, temporary: t.TempDir()}
		d.backup(time.Now())
		return out.String()
	}
	h.must("backup", filepath.Join(t.TempDir(), "old"))
	if said := examined(); !strings.Contains(said, "warning  the last backup") || !strings.Contains(said, "is of fairlead.db, and not of the database in use, PostgreSQL database") || strings.Contains(said, password) || after.backedUp() != 0 {
		t.Errorf("metric %v; the doctor says\n%s", after.backedUp(), said)
	}
	got := h.must("backup", filepath.Join(t.TempDir(), "b"), "--database", withPassword)
	if said := examined(); !strings.Contains(said, "ok       the last backup is of") || time.Since(time.Unix(int64(after.backedUp()), 0)) > time.Hour {
		t.Errorf("metric %v; the doctor says\n%s", after.backedUp(), said)
	}
	remembered, err := os.ReadFile(filepath.Join(h.data, "last-backup.json"))
	if err != nil || strings.Contains(string(remembered), password) {
		t.Errorf("the password is remembered, or %v", err)
	}
	for _, r := range []ran{there, again, got} {
		if strings.Contains(r.stdout+r.stderr, password) {
			t.Error("the password is shown")
		}
	}
	if got := h.must("audit", "verify", "--database", back).stdout; strings.TrimSpace(got) != auditLine(t, again.stdout) {
		t.Error(got)
	}
}

func TestDoctorOnBackups(t *testing.T) {
	h := made(t)
	temporary := t.TempDir()
	now := time.Date(2027, 3, 10, 12, 0, 0, 0, time.UTC)
	at := place{data: h.data, keyFile: h.key}
	says := func() string {
		t.Helper()
		var out bytes.Buffer
		d := &doctor{w: &out, at: at, temporary: temporary}
		d.backup(now)
		if d.problems > 0 {
			t.Error("a missing backup is a warning")
		}
		return out.String()
	}
	want := func(text string) {
		t.Helper()
		if got := says(); !strings.Contains(got, text) {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	want("warning  no backup was made from here yet")
	for _, c := range []struct {
		ago  time.Duration
		says string
	}{
		{time.Minute, "ok       the last backup is of 2027-03-10 11:59 UTC (/b)"},
		{7 * 24 * time.Hour, "ok "},
		{7*24*time.Hour + time.Second, "warning  the last backup is 7 days old (/b)"},
		{100 * 24 * time.Hour, "warning  the last backup is 100 days old (/b)"},
	} {
		if err := backup.Remember(h.data, backup.Last{Time: now.Add(-c.ago), File: "/b", Size: 1, Database: at.described()}); err != nil {
			t.Fatal(err)
		}
		want(c.says)
	}
	if err := os.WriteFile(filepath.Join(h.data, "last-backup.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	want("cannot be read")
	// What killed ones left is named, wherever it lies.
	folder := t.TempDir()
	must(t, backup.Remember(h.data, backup.Last{Time: now, File: filepath.Join(folder, "monday"), Size: 1, Database: at.described()}))
	for _, left := range []string{filepath.Join(folder, ".monday.partial-1"), filepath.Join(h.data, ".restoring-2"), filepath.Join(h.data, ".moving-3"), filepath.Join(temporary, "fairlead-restore-4")} {
		must(t, os.Mkdir(left, 0o700))
		want("warning  " + left + " is what a backup, a restore or a migration left")
		must(t, os.Remove(left))
	}
	// Many are one warning.
	for i := range 7 {
		must(t, os.Mkdir(filepath.Join(temporary, fmt.Sprint("fairlead-restore-", i)), 0o700))
	}
	want("fairlead-restore-4 and 2 more beside them are what a backup, a restore or a migration left")
	if got := says(); strings.Count(got, "a migration left") != 1 {
		t.Errorf("told several times:\n%s", got)
	}
	for i := range 7 {
		must(t, os.Remove(filepath.Join(temporary, fmt.Sprint("fairlead-restore-", i))))
	}
	if got := says(); strings.Contains(got, folder+"/.") || strings.Contains(got, h.data) {
		t.Errorf("still names them:\n%s", got)
	}
	if err := os.Remove(filepath.Join(h.data, "last-backup.json")); err != nil {
		t.Fatal(err)
	}
	h.must("backup", filepath.Join(t.TempDir(), "b"))
	now = time.Now()
	want("ok       the last backup is of")
	h.serve()
	resp, err := http.Get(h.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if m := regexp.MustCompile(`(?m)^fairlead_last_backup_timestamp_seconds 1\.\d+e\+09$`).Find(text); err != nil || m == nil {
		t.Errorf("%v: the metric is not there", err)
	}
}

func TestWorkLine(t *testing.T) {
	var out bytes.Buffer
	l := newWorkLine(&out, false)
	l.every, l.next = 0, time.Time{}
	l.show("copying", 0, 0)
	l.show("copying", 1000, 0)
	l.show("packing", 50, 200)
	l.show("packing", 300, 200)
	l.clear()
	l.show("late", 1, 1)
	if got := out.String(); got != "fairlead: copying\nfairlead: copying: 1000\nfairlead: packing: 25 %\nfairlead: packing: 100 %\n" {
		t.Errorf("%q", got)
	}
	var quiet bytes.Buffer
	l = newWorkLine(&quiet, true)
	l.every, l.next = 0, time.Time{}
	l.show("copying", 0, 0)
	if quiet.Len() > 0 {
		t.Errorf("%q", &quiet)
	}
	l = newWorkLine(&out, false) // nothing within the first 10 seconds
	out.Reset()
	l.show("copying", 0, 0)
	if out.Len() > 0 {
		t.Errorf("%q", &out)
	}
	// On a terminal one line is rewritten, and taken away in the end.
	l.live, l.next, l.every = true, time.Time{}, 0
	l.show("a long step", 0, 0)
	l.show("short", 0, 0)
	l.clear()
	if got := out.String(); got != "\ra long step\rshort      \r           \r" {
		t.Errorf("%q", got)
	}
}
