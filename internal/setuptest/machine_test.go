//go:build unix

package setuptest

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/openfairlead/fairlead/internal/testserver"
	"github.com/openfairlead/fairlead/internal/tlstest"
)

func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }

// host is the name that the document uses.
const host = "apply.example.org"

// account is the user and group that stand for "fairlead" where the test may
// take another one: nobody's login.
const account = 65532

// section is a part of docs/operations.md.
type section struct {
	files    map[string]string // by path
	commands []string          // the ```sh blocks that are no files, in order
}

var fenced = regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```\n")

// read takes a section of the document apart. A block is a file when the line
// above it ends with its path in backticks and a colon.
func read(t *testing.T, heading string) section {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("the document has no section %q", heading)
	}
	if i := regexp.MustCompile(`\n###? `).FindStringIndex(rest); i != nil {
		rest = rest[:i[0]]
	}
	s := section{files: map[string]string{}}
	path := regexp.MustCompile("`(/[^`]+)`:\n\n$")
	for _, at := range fenced.FindAllStringSubmatchIndex(rest, -1) {
		body := rest[at[4]:at[5]]
		if m := path.FindStringSubmatch(rest[:at[0]]); m != nil {
			s.files[m[1]] = body
		} else if rest[at[2]:at[3]] == "sh" {
			s.commands = append(s.commands, body)
		}
	}
	return s
}

// machine is a machine to set up: folders instead of the root of the file
// system, ports instead of those that everybody knows, and a name that leads
// here.
type machine struct {
	t     *testing.T
	root  string            // instead of /
	cwd   string            // where the unpacked release and the certificate lie
	ports map[string]string // of the document: here
	ca    *tlstest.Authority
	more  string // flags beside those of the document

	mu      sync.Mutex
	process *exec.Cmd
	log     *testserver.Buffer
	ended   chan error
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root, err := os.MkdirTemp("", "fairlead-machine-") // not t.TempDir, which other accounts cannot enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	m := &machine{t: t, root: root, cwd: filepath.Join(root, "unpacked"), ports: map[string]string{}, ca: tlstest.New(t), log: &testserver.Buffer{}}
	for _, p := range []string{"80", "443", "8080", "9090", "9091"} {
		_, m.ports[p], _ = net.SplitHostPort(testserver.FreePort(t))
	}
	for _, dir := range []string{"unpacked", "usr/local/bin", "etc/systemd/system", "etc/nginx/conf.d", "var/lib", "var/backups", "var/log/nginx", "home"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(testserver.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(m.cwd, "fairlead"), string(program), 0o755)
	m.certificate(1)
	m.write(filepath.Join(root, "ca.pem"), string(m.ca.PEM), 0o644)
	// curl comes to this machine by the name, and trusts its certificate.
	m.write(filepath.Join(root, "home", ".curlrc"), fmt.Sprintf("connect-to = \"%s:443:127.0.0.1:%s\"\ncacert = \"%s/ca.pem\"\n", host, m.ports["443"], root), 0o644)
	m.shims()
	t.Cleanup(func() {
		m.kill()
		if t.Failed() {
			t.Logf("the server's log:\n%s", m.log.String())
		}
	})
	return m
}

// certificate puts a certificate for the name where the next command expects it.
func (m *machine) certificate(serial int64) {
	m.t.Helper()
	cert, key := m.ca.Write(m.t, m.cwd, tlstest.Leaf{Serial: serial, Hosts: []string{host}, Until: time.Now().AddDate(0, 3, 0)})
	for from, to := range map[string]string{cert: "fullchain.pem", key: "privkey.pem"} {
		if err := os.Rename(from, filepath.Join(m.cwd, to)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// shims stand for what changes a machine for good: accounts, and the root's
// rights. As root, files and commands of "fairlead" belong to another account
// all the same.
func (m *machine) shims() {
	other, keep := "", ""
	if os.Geteuid() == 0 {
		other = fmt.Sprintf("setpriv --reuid=%d --regid=%d --clear-groups --no-new-privs ", account, account)
		keep = fmt.Sprintf("chown %d:%d", account, account)
	}
	m.write(filepath.Join(m.root, "shims", "sudo"), `#!/bin/sh
if [ "$1" = -u ]; then [ "$2" = fairlead ] || exit 99; shift 2; exec `+other+`"$@"; fi
exec "$@"
`, 0o755)
	m.write(filepath.Join(m.root, "shims", "useradd"), "#!/bin/sh\necho \"$@\" >>"+m.root+"/accounts\n", 0o755)
	m.write(filepath.Join(m.root, "shims", "install"), `#!/bin/sh
owner=; folders=
for a do
  shift
  case "$a" in
  -o|-g) skip=1; owner=1 ;;
  fairlead) [ -n "$skip" ] && skip= || set -- "$@" "$a" ;;
  -d) folders=1; set -- "$@" "$a" ;;
  *) set -- "$@" "$a" ;;
  esac
done
/usr/bin/install "$@" || exit
[ -n "$owner" ] && [ -n "`+keep+`" ] || exit 0
if [ -n "$folders" ]; then while [ "$1" != "${1#-}" ]; do [ "$1" = -m ] && shift; shift; done; `+keep+` "$@"; exit; fi
for last do :; done
case "$last" in */) for a do [ -e "$last$(basename "$a")" ] && `+keep+` "$last$(basename "$a")"; done ;; *) `+keep+` "$last" ;; esac
exit 0
`, 0o755)
}

func (m *machine) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), mode)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

var places = regexp.MustCompile(`/(usr/local/bin|etc/fairlead|etc/systemd|etc/nginx|etc/letsencrypt|var/lib/fairlead|var/backups/fairlead|var/log/nginx)\b`)

// local is a text of the document for this machine: only where things lie, and
// which ports they have.
func (m *machine) local(text string) string {
	text = places.ReplaceAllString(text, m.root+"/$1")
	for _, p := range slices.Sorted(maps.Keys(m.ports)) {
		for _, before := range []string{"0.0.0.0:", "127.0.0.1:"} {
			text = regexp.MustCompile(regexp.QuoteMeta(before)+p+`\b`).ReplaceAllString(text, before+m.ports[p])
		}
		text = regexp.MustCompile(`(listen (\[::\]:)?)`+p+`\b`).ReplaceAllString(text, "${1}"+m.ports[p])
	}
	return text
}

// place writes the section's files.
func (m *machine) place(s section) {
	m.t.Helper()
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		m.write(m.root+path, m.local(s.files[path]), 0o644)
	}
}

// run runs commands of the document, line by line, but for those of systemd,
// which it does itself. A line that fails ends the test, whether or not "&&" is
// at its end.
func (m *machine) run(commands string) string {
	m.t.Helper()
	var said strings.Builder
	for line := range strings.Lines(commands) {
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "&&"))
		if line == "" {
			continue
		}
		if words := strings.Fields(line); len(words) > 2 && words[0] == "sudo" && words[1] == "systemctl" {
			m.systemctl(words[2], words[3:])
			continue
		}
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", m.local(line))
		cmd.Dir = m.cwd
		cmd.Env = append(os.Environ(), "PATH="+m.root+"/shims:"+m.root+"/usr/local/bin:"+os.Getenv("PATH"), "CURL_HOME="+m.root+"/home", "HOME="+m.root+"/home", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
		out, err := cmd.CombinedOutput()
		said.Write(out)
		if err != nil {
			m.t.Fatalf("%s\n%v\n%s\nlog:\n%s", line, err, out, m.log.String())
		}
	}
	return said.String()
}

// systemctl does what the document asks systemd for.
func (m *machine) systemctl(what string, args []string) {
	m.t.Helper()
	for _, name := range args {
		unit := strings.TrimSuffix(strings.TrimSuffix(name, ".service"), ".timer")
		switch {
		case name == "--now":
		case what == "stop" && unit == "fairlead":
			m.stop()
		case (what == "start" || what == "enable") && unit == "fairlead":
			m.start()
		case what == "start" && unit == "fairlead-backup":
			m.backup()
		case what == "enable" && name == "fairlead-backup.timer", what == "reload" && unit == "nginx":
		default:
			m.t.Fatalf("the document asks for systemctl %s %s, which the test does not know", what, name)
		}
	}
}

// setting returns the last value of a setting of a unit.
func setting(t *testing.T, unit, name string) string {
	t.Helper()
	found := ""
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			found = strings.TrimSpace(v)
		}
	}
	if found == "" {
		t.Fatalf("the unit does not set %s", name)
	}
	return found
}

// environment reads an EnvironmentFile as systemd does (systemd.exec(5)): a
// backslash before a line end joins lines, quotes hold a value together.
func environment(t *testing.T, text string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", "")) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		env[name] = strings.Trim(value, `"'`)
	}
	return env
}

// settings are the variables that a unit's EnvironmentFile gives it.
func (m *machine) settings(unit string) map[string]string {
	m.t.Helper()
	text, err := os.ReadFile(setting(m.t, unit, "EnvironmentFile"))
	if err != nil {
		m.t.Fatal(err)
	}
	return environment(m.t, string(text))
}

// command is the line that systemd would start, as words.
func (m *machine) command(unit string) (argv []string) {
	m.t.Helper()
	env := m.settings(unit)
	for word := range strings.FieldsSeq(setting(m.t, unit, "ExecStart")) {
		if name, ok := strings.CutPrefix(word, "$"); ok { // split into words, as it stands alone
			argv = append(argv, strings.Fields(env[name])...)
		} else {
			argv = append(argv, word)
		}
	}
	return argv
}

func (m *machine) unit(name string) string {
	m.t.Helper()
	b, err := os.ReadFile(m.root + "/etc/systemd/system/" + name)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

// as lets a command run as the unit's account, with its environment and nothing
// of ours.
func (m *machine) as(cmd *exec.Cmd, unit string) {
	m.t.Helper()
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
	for name, value := range m.settings(unit) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: account, Gid: account}
	}
}

// start starts the service as its unit says and waits until it is ready.
func (m *machine) start() {
	m.t.Helper()
	unit := m.unit("fairlead.service")
	state := filepath.Join(m.root, "var/lib", setting(m.t, unit, "StateDirectory"))
	if err := os.MkdirAll(state, 0o700); err != nil {
		m.t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(state, account, account); err != nil {
			m.t.Fatal(err)
		}
	}
	argv := m.command(unit)
	if !slices.Contains(argv, "--ops") { // the usual port may be another server's here
		for flag, port := range map[string]string{"--http": "8080", "--grpc": "9090", "--ops": "9091"} {
			if !slices.Contains(argv, flag) {
				argv = append(argv, flag, "127.0.0.1:"+m.ports[port])
			}
		}
	}
	argv = append(argv, strings.Fields(m.more)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = m.log, m.log
	m.as(cmd, unit)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	m.mu.Lock()
	m.process, m.ended = cmd, ended
	m.mu.Unlock()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://127.0.0.1:" + m.ports["9091"] + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case err := <-ended:
			m.t.Fatalf("%v ended: %v\n%s", argv, err, m.log.String())
		default:
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%v is not ready\n%s", argv, m.log.String())
		}
	}
}

// stop is systemd's: SIGTERM, and an end in good order.
func (m *machine) stop() {
	m.t.Helper()
	m.mu.Lock()
	cmd, ended := m.process, m.ended
	m.process = nil
	m.mu.Unlock()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			m.t.Fatalf("the server did not end in good order: %v\n%s", err, m.log.String())
		}
	case <-time.After(40 * time.Second):
		m.t.Fatal("the server does not stop")
	}
}

func (m *machine) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		_ = m.process.Process.Kill() // it may have ended
		<-m.ended
		m.process = nil
	}
}

// backup runs the unit of the backups once.
func (m *machine) backup() {
	m.t.Helper()
	unit := m.unit("fairlead-backup.service")
	script, ok := strings.CutPrefix(setting(m.t, unit, "ExecStart"), "/bin/sh -c '")
	if !ok || !strings.HasSuffix(script, "'") {
		m.t.Fatalf("the backup is no script: %s", unit)
	}
	script = strings.NewReplacer("$$", "$", "%%", "%").Replace(strings.TrimSuffix(script, "'")) // systemd.service(5)
	for _, argv := range [][]string{{"/bin/sh", "-c", script}, strings.Fields(setting(m.t, unit, "ExecStartPost"))} {
		cmd := exec.Command(argv[0], argv[1:]...)
		m.as(cmd, unit)
		if out, err := cmd.CombinedOutput(); err != nil {
			m.t.Fatalf("%v: %v\n%s", argv, err, out)
		}
	}
}

// client calls the name over TLS, as the world does; from says which of this
// machine's addresses calls.
func (m *machine) client(from string) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	return &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{
			DialContext:     dialer.DialContext,
			TLSClientConfig: &tls.Config{RootCAs: m.ca.Pool, ServerName: host}, ForceAttemptHTTP2: true, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (m *machine) url(path string) string { return "https://127.0.0.1:" + m.ports["443"] + path }

// fetch is one request; headers are "Name: value".
func (m *machine) fetch(c *http.Client, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, url, body)
	if err != nil {
		m.t.Fatal(err)
	}
	req.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.Do(req)
	if err != nil {
		m.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp, string(b)
}

// dial opens a gRPC connection over TLS to one of the document's ports.
func (m *machine) dial(port, from string) *grpc.ClientConn {
	m.t.Helper()
	options := []grpc.DialOption{grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: m.ca.Pool, ServerName: host}))}
	if from != "" {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		options = append(options, grpc.WithContextDialer(dialTCP(dialer)))
	}
	conn, err := grpc.NewClient("127.0.0.1:"+m.ports[port], options...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Close() })
	return conn
}

// served is the certificate that a port serves now.
func (m *machine) served(port string) int64 {
	m.t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+m.ports[port], &tls.Config{RootCAs: m.ca.Pool, ServerName: host, NextProtos: []string{"h2"}})
	if err != nil {
		m.t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// admin is the first administrator's token.
func (m *machine) admin() string {
	m.t.Helper()
	b, err := os.ReadFile(m.root + "/var/lib/fairlead/admin.token")
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
