package cli

import (
	"bytes"
	"database/sql"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

// auditInstallation makes an installation whose log has some records, and
// returns the flags that name it.
func auditInstallation(t *testing.T) (at place, flags []string) {
	t.Helper()
	dir := t.TempDir()
	at = place{data: filepath.Join(dir, "data"), keyFile: filepath.Join(dir, "keys", "master.key")}
	in, err := at.open(t.Context(), slog.New(slog.DiscardHandler), true)
	if err != nil {
		t.Fatal(err)
	}
	defer in.store.Close()
	for _, id := range []string{"first-call", "second-call", "third-call"} {
		if _, err := in.service.CreateProgram(t.Context(), localAdministrator,
			&applications.Program{ID: id, Preset: "north-sound"}, nil, applications.Idempotency{}); err != nil {
			t.Fatal(err)
		}
	}
	return at, []string{"--data", at.data, "--master-key-file", at.keyFile}
}

func runAudit(t *testing.T, flags []string, more ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Run(t.Context(), append(append([]string{"audit", "verify"}, flags...), more...), strings.NewReader(""), &out, io.Writer(&errs))
	return code, strings.TrimSpace(out.String()), errs.String()
}

func TestAuditVerify(t *testing.T) {
	at, flags := auditInstallation(t)
	code, checkpoint, stderr := runAudit(t, flags)
	if code != exitOK || !strings.HasPrefix(checkpoint, "3:") {
		t.Fatalf("code %d, checkpoint %q, stderr %q", code, checkpoint, stderr)
	}
	if code, again, _ := runAudit(t, flags, "--since", checkpoint); code != exitOK || again != checkpoint {
		t.Errorf("since itself: code %d, checkpoint %q", code, again)
	}
	for _, bad := range []string{"3", "x:y", "-1:" + checkpoint[2:], "3:notahash"} {
		if code, _, stderr := runAudit(t, flags, "--since", bad); code != exitUsage || !strings.Contains(stderr, "--since") {
			t.Errorf("--since %q: code %d, stderr %q", bad, code, stderr)
		}
	}
	if code, _, stderr := runAudit(t, flags, "--since", "9:"+checkpoint[2:]); code != exitUnverified {
		t.Errorf("a log that was longer once: code %d, stderr %q", code, stderr)
	}

	db, err := sql.Open("sqlite", at.database())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `UPDATE events SET action = 'program.delete' WHERE idx = 1`); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runAudit(t, flags); code != exitUnverified || !strings.Contains(stderr, "record 1") {
		t.Errorf("a changed record: code %d, stderr %q; want 6 and its number", code, stderr)
	}
}

func TestAuditVerifyWithoutInstallation(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := runAudit(t, []string{"--data", dir, "--master-key-file", filepath.Join(dir, "key")})
	if code != exitUsage || !strings.Contains(stderr, "no database") {
		t.Errorf("code %d, stderr %q", code, stderr)
	}
}
