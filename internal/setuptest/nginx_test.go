//go:build unix

package setuptest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/openfairlead/fairlead/internal/testserver"
)

func bearer(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

func forwarded(ctx context.Context, said string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", said)
}

// nginx is a real one, with the document's configuration and nothing of the
// machine's.
type nginx struct {
	t      *testing.T
	binary string
	config string
}

// startNginx starts nginx around the document's file. All that is added is
// where it may write; and without IPv6 on the machine its lines go.
func startNginx(t *testing.T, m *machine) *nginx {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			t.Fatal("the set-up behind a proxy needs nginx: apt-get install -y --no-install-recommends nginx-light")
		}
	}
	live := filepath.Join(m.root, "etc/letsencrypt/live", host)
	for _, name := range []string{"fullchain.pem", "privkey.pem"} {
		b, err := os.ReadFile(filepath.Join(m.cwd, name))
		if err != nil {
			t.Fatal(err)
		}
		m.write(filepath.Join(live, name), string(b), 0o600)
	}
	file := m.root + "/etc/nginx/conf.d/fairlead.conf"
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
	} else {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var kept strings.Builder
		for line := range strings.Lines(string(b)) {
			if !strings.Contains(line, "listen [::]") {
				kept.WriteString(line)
			}
		}
		m.write(file, kept.String(), 0o644)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	n := &nginx{t: t, binary: binary, config: m.root + "/etc/nginx/nginx.conf"}
	m.write(n.config, fmt.Sprintf(`%sdaemon off;
worker_processes 1;
pid %[2]s/nginx.pid;
error_log %[2]s/nginx-start.log;
events { worker_connections 512; }
http {
    client_body_temp_path %[2]s/nginx-body;
    proxy_temp_path %[2]s/nginx-proxy;
    fastcgi_temp_path %[2]s/nginx-fastcgi;
    uwsgi_temp_path %[2]s/nginx-uwsgi;
    scgi_temp_path %[2]s/nginx-scgi;
    include %[3]s;
}
`, user, m.root, file), 0o644)
	cmd := exec.Command(n.binary, "-c", n.config, "-p", m.root, "-e", m.root+"/nginx-start.log")
	var said testserver.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // by the signal
		if t.Failed() {
			b, _ := os.ReadFile(m.root + "/nginx-start.log")
			t.Logf("nginx: %s%s", said.String(), b)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+m.ports["443"])
		if err == nil {
			conn.Close()
			return n
		}
		if time.Now().After(deadline) {
			t.Fatalf("nginx does not listen: %s", said.String())
		}
	}
}

// check is nginx -t.
func (n *nginx) check() {
	n.t.Helper()
	out, err := exec.Command(n.binary, "-t", "-c", n.config, "-e", "stderr").CombinedOutput()
	if err != nil || strings.Contains(string(out), "[warn]") {
		n.t.Errorf("nginx -t: %v\n%s", err, out)
	}
}
