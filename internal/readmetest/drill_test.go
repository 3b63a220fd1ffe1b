package readmetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/testserver"
)

// The commands of docs/operations.md for backing up, restoring and moving are
// run from top to bottom, beside a server. Only places and ports are changed;
// systemctl is a stand-in that stops and starts that server.
func TestBackupDrill(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	const title = "\n## Backup, restore, moving\n"
	_, section, found := strings.Cut(string(text), title)
	if !found {
		t.Fatalf("docs/operations.md has no section%s", title)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	all := blocks(t, section)
	if len(all) < 6 {
		t.Fatalf("only %d blocks to run", len(all))
	}
	s := testserver.New(t)
	root := t.TempDir()
	for _, folder := range []string{"var/lib", "var/backups/fairlead", "etc/fairlead", "mnt/safe", "tmp"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	here := strings.NewReplacer(
		"/var/lib/", root+"/var/lib/", "/var/backups/", root+"/var/backups/", "/etc/", root+"/etc/", "/mnt/", root+"/mnt/", " /tmp/", " "+root+"/tmp/",
		"127.0.0.1:8088", testserver.FreePort(t), "127.0.0.1:9098", testserver.FreePort(t), "127.0.0.1:9099", testserver.FreePort(t),
		"postgres://fairlead:PASSWORD@db.example.org:5432/fairlead?sslmode=verify-full", pgtest.Start(t).Database(t),
	)
	ports := fmt.Sprintf("--http %s --grpc %s --ops %s", strings.TrimPrefix(s.URL, "http://"), s.GRPC, s.Ops)
	const mark = "=== block "
	var script strings.Builder
	fmt.Fprintf(&script, `set -euo pipefail
server=
up() { for i in $(seq 300); do curl -sf "http://$1/readyz" >/dev/null && return; sleep 0.1; done; cat server.log >&2; return 1; }
down() { kill "$1"; wait "$1"; }
systemctl() {
	if [ "$1" = start ]; then
		fairlead serve --data %[1]s/var/lib/fairlead --master-key-file %[1]s/etc/fairlead/master.key %[2]s 2>>server.log &
		server=$!
		up %[3]s
	else
		[ -z "$server" ] || down "$server"
		server=
	fi
}
trap '[ -z "$server" ] || kill "$server"' EXIT
systemctl start fairlead
fairlead users create "Program office" --data %[1]s/var/lib/fairlead --master-key-file %[1]s/etc/fairlead/master.key >/dev/null
cp %[1]s/etc/fairlead/master.key* %[1]s/mnt/safe/
fairlead audit verify --data %[1]s/var/lib/fairlead --master-key-file %[1]s/etc/fairlead/master.key >%[1]s/mnt/safe/audit-line
`, root, ports, s.Ops)
	for i, b := range all {
		fmt.Fprintf(&script, "printf '\\n%s%d\\n'\n", mark, i)
		for line := range strings.Lines(here.Replace(b.script)) {
			if strings.HasPrefix(line, "fairlead serve") { // the drill's own server: it comes up, then it goes
				_, ops, _ := strings.Cut(strings.TrimSpace(line), "--ops ")
				line = strings.TrimSpace(line) + " 2>>server.log &\ndrill=$!\nup " + ops + "\ndown $drill\n"
			}
			script.WriteString(line)
		}
	}
	fmt.Fprintf(&script, "fairlead doctor --data %[1]s/var/lib/fairlead.new --master-key-file %[1]s/etc/fairlead/master.key >doctor.txt\n", root)
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(testserver.Binary(t))+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+t.TempDir(), "NO_COLOR=1")
	cmd.WaitDelay = 10 * time.Second
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(root, "server.log"))
		t.Fatalf("%v\nstdout:\n%s\nstderr:\n%s\nserver:\n%s", err, out, &stderr, log)
	}
	printed := strings.Split("\n"+string(out), "\n"+mark)[1:]
	if len(printed) != len(all) {
		t.Fatalf("%d of %d blocks ran\n%s", len(printed), len(all), &stderr)
	}
	for i, b := range all {
		_, got, _ := strings.Cut(printed[i], "\n")
		if b.compared && !matches(here.Replace(b.expected), got) {
			t.Errorf("block %d of the section prints\n%s\nand the page says\n%s", i+1, got, b.expected)
		}
	}
	doctor, err := os.ReadFile(filepath.Join(root, "doctor.txt"))
	if err != nil || !strings.Contains(string(doctor), "no backup was made from here yet") {
		t.Errorf("%s, %v", doctor, err)
	}
}
