//go:build unix

package setuptest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/pgtest"
)

func dialTCP(d *net.Dialer) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) { return d.DialContext(ctx, "tcp", address) }
}

const oneMachine, behindProxy = "One machine, with systemd and a certificate", "Behind a reverse proxy"

// TestOneMachine sets up one machine with systemd's units and a certificate,
// renews the certificate, backs up, and upgrades.
func TestOneMachine(t *testing.T) {
	t.Parallel()
	s := read(t, oneMachine)
	if len(s.commands) != 3 || len(s.files) != 4 {
		t.Fatalf("the section has %d blocks of commands and %d files", len(s.commands), len(s.files))
	}
	m := newMachine(t)
	m.run(s.commands[0])
	m.place(s)
	accounts, err := os.ReadFile(m.root + "/accounts")
	if err != nil || !strings.Contains(string(accounts), "--system") || !strings.HasSuffix(strings.TrimSpace(string(accounts)), " fairlead") {
		t.Errorf("the account: %s %v", accounts, err)
	}
	units(t, m)
	old := filepath.Join(m.root, "var/backups/fairlead/old.backup")
	m.write(old, "x", 0o600)
	long := time.Now().AddDate(0, 0, -32)
	if err := os.Chtimes(old, long, long); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(old, account, account); err != nil {
			t.Fatal(err)
		}
	}
	said := m.run(s.commands[1])
	for _, want := range []string{"ok\n", "other machines reach the server over TLS", "is valid for 9", "the last backup is of", "belongs to the key", "in use"} {
		if !strings.Contains(said, want) {
			t.Errorf("starting and looking does not say %q:\n%s", want, said)
		}
	}
	backups, err := filepath.Glob(m.root + "/var/backups/fairlead/*.backup")
	if err != nil || len(backups) != 1 || backups[0] == old {
		t.Errorf("backups: %v %v", backups, err)
	}
	if said := m.run(s.commands[2]); !strings.Contains(said, "administrator") {
		t.Errorf("the tokens:\n%s", said)
	}
	closed(t, m)
	called(t, m)
	renewed(t, m, s)
	upgraded(t, m)
	moved(t, m, s)
	if strings.Contains(m.log.String(), m.admin()) {
		t.Error("the log holds the first administrator's token")
	}
}

// units lets systemd check what the document says of it, where there is one.
func units(t *testing.T, m *machine) {
	t.Helper()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not here: the units are started, but systemd's own checks were not made")
		return
	}
	folder := m.root + "/etc/systemd/system/"
	for _, unit := range []string{"fairlead.service", "fairlead-backup.service", "fairlead-backup.timer"} {
		out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", folder+unit).CombinedOutput()
		if text := strings.TrimSpace(string(out)); err != nil || strings.Contains(text, unit) {
			t.Errorf("systemd-analyze verify %s: %v\n%s", unit, err, text)
		}
	}
	// 0 is what nothing can be done with, 10 what everything can be.
	out, err := exec.Command(analyze, "security", "--offline=yes", "--threshold=20", "--no-pager", folder+"fairlead.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	t.Logf("figure: systemd-analyze security: %s", strings.TrimLeft(lines[len(lines)-1], "→ "))
}

// closed looks at who else of the machine can read what.
func closed(t *testing.T, m *machine) {
	t.Helper()
	for _, path := range []string{"etc/fairlead", "etc/fairlead/master.key", "etc/fairlead/tls/privkey.pem", "var/lib/fairlead", "var/lib/fairlead/fairlead.db", "var/lib/fairlead/admin.token", "var/backups/fairlead"} {
		info, err := os.Stat(filepath.Join(m.root, path))
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm()&0o077 != 0 && path != "var/lib/fairlead/fairlead.db" || info.Mode().Perm()&0o007 != 0 && !strings.HasPrefix(path, "var/lib/fairlead/") {
			t.Errorf("others can read /%s: %v", path, info.Mode())
		}
	}
}

// called calls both ports over TLS.
func called(t *testing.T, m *machine) {
	t.Helper()
	c := m.client("")
	resp, page := m.fetch(c, "GET", m.url("/calls?lang=es"), nil)
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" || !strings.Contains(page, "<html") {
		t.Errorf("a page: %d %s %v", resp.StatusCode, resp.Proto, resp.Header)
	}
	if cookie := resp.Header.Get("Set-Cookie"); !strings.HasPrefix(cookie, "__Host-") || !strings.Contains(cookie, "Secure") {
		t.Errorf("the cookie is %q", cookie)
	}
	resp, body := m.fetch(c, "POST", m.url("/v1/programs?programId=alpha"), strings.NewReader(`{"preset": "presets/north-sound"}`), "Authorization: Bearer "+m.admin(), "Content-Type: application/json")
	if resp.StatusCode != 200 {
		t.Errorf("REST: %d %s", resp.StatusCode, body)
	}
	resp, body = m.fetch(c, "POST", m.url("/v1/signInLinks:issue"), strings.NewReader(`{}`), "Authorization: Bearer "+m.admin(), "Content-Type: application/json")
	if resp.StatusCode != 200 || !strings.Contains(body, `"uri":"https://`+host+`/enter/`) {
		t.Errorf("a link: %d %s", resp.StatusCode, body)
	}
	conn := m.dial("9090", "")
	if h, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || h.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("gRPC: %v %v", h, err)
	}
	if p, err := v1.NewProgramServiceClient(conn).ListOpenCalls(t.Context(), &v1.ListOpenCallsRequest{}); err != nil {
		t.Errorf("gRPC: %v %v", p, err)
	}
	for _, port := range []string{"443", "9090"} {
		if resp, err := http.Get("http://127.0.0.1:" + m.ports[port] + "/calls"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				t.Errorf("port %s answers without TLS", port)
			}
		}
	}
}

// renewed renews the certificate by the document's own line, then breaks it.
func renewed(t *testing.T, m *machine, s section) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.commands[0]), "\n")
	line := lines[len(lines)-1]
	if !strings.Contains(line, "fullchain.pem privkey.pem") {
		t.Fatalf("the last line is not that of the certificate: %s", line)
	}
	m.certificate(77)
	m.run(line)
	for deadline := time.Now().Add(time.Minute); m.served("443") != 77 || m.served("9090") != 77; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the renewed certificate is not served: %d %d\n%s", m.served("443"), m.served("9090"), m.log.String())
		}
	}
	m.write(filepath.Join(m.cwd, "fullchain.pem"), "half a", 0o600)
	m.run(line)
	const told = "the changed TLS certificate cannot be used"
	for deadline := time.Now().Add(90 * time.Second); !strings.Contains(m.log.String(), told); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not tell of a broken certificate:\n%s", m.log.String())
		}
	}
	if got := m.served("443"); got != 77 {
		t.Errorf("with a broken file the certificate %d is served", got)
	}
	m.certificate(78)
	m.run(line)
}

// upgraded follows the section about upgrades, twice, and its way back.
func upgraded(t *testing.T, m *machine) {
	t.Helper()
	s := read(t, "Upgrades")
	if len(s.commands) != 1 {
		t.Fatalf("the section about upgrades has %d blocks", len(s.commands))
	}
	// Whoever pastes the block goes no further than the first line that fails.
	lines := strings.Split(strings.TrimSpace(s.commands[0]), "\n")
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasSuffix(line, " &&") {
			t.Errorf("the upgrade goes on when this fails: %s", line)
		}
	}
	for range 2 {
		if said := m.run(s.commands[0]); !strings.HasSuffix(said, "ok\n") {
			t.Errorf("after the upgrade: %s", said)
		}
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // which the name ends with
	}
	backups := beforeUpgrades(t, m)
	if len(backups) != 2 {
		t.Fatalf("the backups from before two upgrades: %v", backups)
	}
	before, err := os.ReadFile(m.root + "/usr/local/bin/fairlead.before")
	if now, e := os.ReadFile(m.root + "/usr/local/bin/fairlead"); err != nil || e != nil || !bytes.Equal(before, now) {
		t.Errorf("the program from before: %v %v", err, e)
	}
	resp, body := m.fetch(m.client(""), "GET", m.url("/v1/programs/alpha"), nil, "Authorization: Bearer "+m.admin())
	if resp.StatusCode != 200 {
		t.Errorf("what was there before the upgrade: %d %s", resp.StatusCode, body)
	}
	m.stop()
	m.run("sudo mv /usr/local/bin/fairlead.before /usr/local/bin/fairlead")
	m.start()
	// And the backup from before restores on an empty machine.
	other := newMachine(t)
	m.stop()
	to := filepath.Join(other.root, "restored")
	out, err := exec.Command(filepath.Join(m.cwd, "fairlead"), "restore", "--quiet", "--data", to, "--master-key-file", m.root+"/etc/fairlead/master.key", backups[1]).CombinedOutput()
	if err != nil {
		t.Errorf("restoring: %v\n%s", err, out)
	}
}

// beforeUpgrades are the backups from before upgrades, oldest first.
func beforeUpgrades(t *testing.T, m *machine) []string {
	t.Helper()
	found, err := filepath.Glob(m.root + "/var/backups/fairlead/before-upgrade-*.backup")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// moved moves a machine that is stopped to PostgreSQL as the document says: the
// server, its nightly backup, the backup before an upgrade and the doctor all
// follow.
func moved(t *testing.T, m *machine, one section) {
	t.Helper()
	const url = "postgres://fairlead:PASSWORD@db.example.org:5432/fairlead?sslmode=verify-full"
	s := read(t, "From the file to PostgreSQL, and back")
	line := s.files["/etc/fairlead/fairlead.env"]
	if len(s.commands) != 3 || !strings.Contains(line, url) || !strings.Contains(s.commands[1], url) {
		t.Fatalf("the section has %d blocks of commands, and adds %q", len(s.commands), line)
	}
	cluster := pgtest.New(t)
	database := cluster.TCP(t, cluster.Database(t))
	m.run("sudo -u fairlead bash -euc '" + strings.ReplaceAll(strings.NewReplacer("'", "", url, `"$1"`).Replace(strings.TrimSpace(s.commands[1])), "\n", "; ") + "' - '" + database + "'")
	env, err := os.OpenFile(m.root+"/etc/fairlead/fairlead.env", os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = env.WriteString(strings.Replace(line, url, database, 1))
		err = errors.Join(err, env.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	m.start()
	blocks := strings.Split(strings.TrimSpace(one.commands[1]), "\n")
	look := blocks[len(blocks)-1]
	if said := m.run(look); !strings.Contains(said, "is of fairlead.db, and not of the database in use, PostgreSQL database") {
		t.Errorf("after moving, before the first backup:\n%s", said)
	}
	m.systemctl("start", []string{"fairlead-backup.service"})
	if said := m.run(look); !strings.Contains(said, "ok       the last backup is of") {
		t.Errorf("after moving and a backup:\n%s", said)
	}
	if resp, body := m.fetch(m.client(""), "GET", m.url("/v1/programs/alpha"), nil, "Authorization: Bearer "+m.admin()); resp.StatusCode != 200 {
		t.Errorf("what was there before moving: %d %s", resp.StatusCode, body)
	}
	m.run(read(t, "Upgrades").commands[0])
	nightly, err := filepath.Glob(m.root + "/var/backups/fairlead/20*.backup")
	if err != nil || len(nightly) == 0 {
		t.Fatalf("backups: %v %v", nightly, err)
	}
	for _, made := range [][]string{nightly, beforeUpgrades(t, m)} {
		newest := slices.Max(made) // they are dated
		if manifest, err := exec.Command("tar", "-xOf", newest, "manifest.json").Output(); err != nil || !strings.Contains(string(manifest), `"postgresql"`) {
			t.Errorf("the backup after moving, %s: %v\n%s", newest, err, manifest)
		}
	}
}

// TestBehindNginx puts a real nginx with the document's configuration in front.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	one, s := read(t, oneMachine), read(t, behindProxy)
	if len(s.files) != 2 || len(s.commands) != 1 {
		t.Fatalf("the section has %d files and %d blocks of commands", len(s.files), len(s.commands))
	}
	m := newMachine(t)
	m.run(one.commands[0])
	m.place(one)
	m.place(s)
	m.start()
	n := startNginx(t, m)
	for line := range strings.Lines(s.commands[0]) {
		if strings.TrimSpace(line) == "sudo nginx -t" {
			n.check()
		} else if said := m.run(line); strings.HasPrefix(line, "curl") && said != "ok\n" {
			t.Errorf("%s: %s", line, said)
		}
	}
	if out, err := doctor(m); err != nil || strings.Contains(out, "problem ") {
		t.Errorf("the doctor finds: %v\n%s", err, out)
	}

	c := m.client("127.0.0.2")
	resp, page := m.fetch(c, "GET", m.url("/calls?lang=es"), nil)
	if resp.StatusCode != 200 || resp.ProtoMajor != 2 || resp.Header.Get("Strict-Transport-Security") == "" || !strings.HasPrefix(resp.Header.Get("Set-Cookie"), "__Host-") || !strings.Contains(page, "<html") {
		t.Errorf("a page: %d %s %v", resp.StatusCode, resp.Proto, resp.Header)
	}
	if v := resp.Header.Get("Server"); v != "nginx" {
		t.Errorf("nginx says which version it is: %q", v)
	}
	plain, err := (&http.Client{CheckRedirect: c.CheckRedirect, Timeout: 10 * time.Second}).Get("http://127.0.0.1:" + m.ports["80"] + "/calls?x=1")
	if err != nil {
		t.Fatal(err)
	}
	plain.Body.Close()
	if plain.StatusCode != http.StatusMovedPermanently || plain.Header.Get("Location") != "https://"+host+"/calls?x=1" {
		t.Errorf("without TLS: %d %v", plain.StatusCode, plain.Header)
	}
	headers := []string{"Authorization: Bearer " + m.admin(), "Content-Type: application/json"}
	for path, body := range map[string]string{
		"/v1/programs?programId=alpha": `{"preset": "presets/north-sound", "effort": {"en": "A day"}, "contact": {"en": "Ask"},
 "window": {"openTime": "2020-01-01T00:00:00Z", "closeTime": "2100-01-01T00:00:00Z", "timeZone": "America/Los_Angeles"}}`,
	} {
		if resp, body := m.fetch(c, "POST", m.url(path), strings.NewReader(body), headers...); resp.StatusCode != 200 {
			t.Fatalf("REST: %d %s", resp.StatusCode, body)
		}
	}
	if resp, body := m.fetch(c, "POST", m.url("/v1/programs/alpha:open"), strings.NewReader(`{}`), headers...); resp.StatusCode != 200 {
		t.Fatalf("a method behind a colon: %d %s", resp.StatusCode, body)
	}
	grpcThrough(t, m)
	imported(t, m, c)
	rates(t, m)
	told := ""
	if files, err := filepath.Glob(m.root + "/var/log/nginx/*"); err == nil {
		for _, f := range files {
			b, _ := os.ReadFile(f) // one that cannot be read holds nothing for us
			told += string(b)
		}
	}
	if strings.Contains(told, "127.0.0.2") || strings.Contains(told, "GET ") {
		t.Errorf("nginx wrote down who called:\n%s", told)
	}
}

func doctor(m *machine) (string, error) {
	unit := m.unit("fairlead.service")
	argv := m.command(unit)
	argv[1] = "doctor"
	for flag, port := range map[string]string{"--http": "8080", "--grpc": "9090", "--ops": "9091"} {
		argv = append(argv, flag, "127.0.0.1:"+m.ports[port])
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	m.as(cmd, unit)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// grpcThrough calls gRPC through nginx: one answer, a stream up, and errors as
// they are.
func grpcThrough(t *testing.T, m *machine) {
	t.Helper()
	conn := m.dial("443", "127.0.0.3")
	ctx := t.Context()
	if h, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}); err != nil || h.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v %v", h, err)
	}
	list, err := v1.NewProgramServiceClient(conn).ListOpenCalls(ctx, &v1.ListOpenCallsRequest{})
	if err != nil || len(list.GetOpenCalls()) != 1 {
		t.Errorf("gRPC through nginx: %v %v", list, err)
	}
	_, err = v1.NewProgramServiceClient(conn).GetProgram(ctx, &v1.GetProgramRequest{Name: "programs/nowhere"})
	if err == nil || !strings.Contains(err.Error(), "NotFound") {
		t.Errorf("an error through nginx: %v", err)
	}
	stream, err := v1.NewApplicationServiceClient(conn).ImportApplications(bearer(ctx, m.admin()))
	if err == nil {
		err = stream.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Spec{Spec: &v1.ImportSpec{Parent: "programs/alpha", DryRun: true}}})
	}
	if err != nil && !errors.Is(err, io.EOF) { // EOF: it has been refused already
		t.Fatal(err)
	}
	_, err = stream.CloseAndRecv()
	if err == nil || !strings.Contains(err.Error(), "PermissionDenied") {
		t.Errorf("a stream through nginx: %v", err)
	}
}

// imported sends the largest table there may be, and one that is larger.
func imported(t *testing.T, m *machine, c *http.Client) {
	t.Helper()
	cmd := exec.Command(m.root+"/usr/local/bin/fairlead", "tokens", "create", "--role", "facilitator", "--data", m.root+"/var/lib/fairlead", "--master-key-file", m.root+"/etc/fairlead/master.key")
	m.as(cmd, m.unit("fairlead.service"))
	token, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	send := func(size int) (int, string, time.Duration) {
		var form bytes.Buffer
		form.WriteString("--x\r\nContent-Disposition: form-data; name=\"spec\"\r\n\r\n" + `{"dryRun": true, "mapping": {"name": "contact.name"}}` + "\r\n--x\r\nContent-Disposition: form-data; name=\"table\"\r\n\r\n")
		end := form.Len() + size
		form.WriteString("name,filler\n")
		for n := 0; form.Len() < end; n++ {
			fmt.Fprintf(&form, "Invented %d,%s\n", n, strings.Repeat("x", 2000))
		}
		form.Truncate(end)
		form.WriteString("\r\n--x--\r\n")
		begin := time.Now()
		resp, body := m.fetch(c, "POST", m.url("/v1/programs/alpha/applications:import"), &form, "Authorization: Bearer "+strings.TrimSpace(string(token)), "Content-Type: multipart/form-data; boundary=x")
		return resp.StatusCode, body, time.Since(begin)
	}
	status, body, took := send(64 << 20)
	if status != 200 || !strings.Contains(body, `"rowCount":33`) {
		t.Errorf("64 MiB: %d %.500s", status, body)
	}
	t.Logf("figure: a table of 64 MiB and 33,000 rows through nginx, checked whole: %.1f s", took.Seconds())
	// Whoever may not import is told so, however much is on its way.
	right := token
	token = []byte("guess")
	for range 3 {
		if status, body, _ = send(20 << 20); status != http.StatusUnauthorized || !strings.Contains(body, "TOKEN_INVALID") {
			t.Errorf("a refused upload: %d %.500s", status, body)
		}
	}
	token = right
	if status, body, _ = send(64<<20 + 10); status != http.StatusRequestEntityTooLarge || !strings.Contains(body, "64 MiB") {
		t.Errorf("more than 64 MiB: %d %.500s", status, body)
	}
	resp, text := m.fetch(c, "POST", m.url("/v1/programs/alpha/applications"), strings.NewReader(`{"contact": {"name": "`+strings.Repeat("x", 1<<20)+`"}}`), "Content-Type: application/json")
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "REQUEST_TOO_LARGE") {
		t.Errorf("a large body: %d %.300s", resp.StatusCode, text)
	}
}

// rates lets callers at several addresses call through nginx with little
// allowance each. They are told apart by where they come from, and not by what
// they say.
func rates(t *testing.T, m *machine) {
	t.Helper()
	m.stop()
	m.more = "--rate-limit 1"
	m.start()
	calls := map[string]func(from, said string) bool{
		"REST": func(from, said string) bool {
			resp, _ := m.fetch(m.client(from), "GET", m.url("/v1/openCalls"), nil, "X-Forwarded-For: "+said)
			return resp.StatusCode == 200
		},
		"gRPC": func(from, said string) bool {
			conn := m.dial("443", from)
			defer conn.Close()
			_, err := v1.NewProgramServiceClient(conn).ListOpenCalls(forwarded(t.Context(), said), &v1.ListOpenCallsRequest{}, grpc.WaitForReady(true))
			return err == nil
		},
		"around nginx": func(from, said string) bool {
			c := m.client(from)
			resp, _ := m.fetch(c, "GET", "http://127.0.0.1:"+m.ports["8080"]+"/v1/openCalls", nil, "X-Forwarded-For: "+said)
			return resp.StatusCode == 200
		},
	}
	next := 10
	for name, call := range calls {
		one, passed := fmt.Sprintf("127.0.0.%d", next), 0
		next++
		const tries = 20
		begin := time.Now()
		for i := range tries {
			if call(one, fmt.Sprintf("198.51.100.%d", i)) {
				passed++
			}
		}
		// Two at once, and one more each second that the machine takes.
		if most := 3 + int(time.Since(begin).Seconds()); passed < 2 || passed > most {
			t.Errorf("%s: %d of %d calls of one caller pass, who says to be others; at most %d may", name, passed, tries, most)
		}
		for range 8 {
			if !call(fmt.Sprintf("127.0.0.%d", next), "198.51.100.1") {
				t.Errorf("%s: another caller is refused", name)
			}
			next++
		}
	}
}
