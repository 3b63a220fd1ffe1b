// Package testserver runs the real binary for tests: built once, started as a
// process of its own on a folder of the test, and killed as rudely as a test
// needs.
package testserver

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var build struct {
	once sync.Once
	path string
	err  error
}

// Binary builds cmd/fairlead once for the test process and returns its path.
// Main removes it.
func Binary(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "fairlead-bin-")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "fairlead")
		out, err := exec.Command("go", "build", "-o", build.path, "github.com/openfairlead/fairlead/cmd/fairlead").CombinedOutput()
		if err != nil {
			build.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// Main runs a package's tests and removes the binary. Call it from TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(testserver.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if build.path != "" {
		os.RemoveAll(filepath.Dir(build.path))
	}
	return code
}

// Server is one installation: a data folder, a key and three ports, which stay
// the same over restarts.
type Server struct {
	URL, GRPC, Ops string
	Data           string // folder
	Flags          []string

	t      testing.TB
	binary string
	dir    string

	mu      sync.Mutex
	process *process
}

// process is one life of the server.
type process struct {
	cmd   *exec.Cmd
	log   Buffer
	ended chan struct{} // closed when the process is gone
	err   error
}

// New prepares an installation without starting it. The test's end kills it.
func New(t testing.TB, flags ...string) *Server {
	t.Helper()
	dir := t.TempDir()
	s := &Server{
		t: t, binary: Binary(t), dir: dir, Data: filepath.Join(dir, "data"), Flags: flags,
		GRPC: FreePort(t), Ops: FreePort(t),
	}
	s.URL = "http://" + FreePort(t)
	t.Cleanup(s.Kill)
	return s
}

// FreePort finds a free port of this machine, as HOST:PORT, below those that
// systems give to connections: of these, thousands come and go while tests run.
// Another process could take it before the server does; then the start fails and
// says so.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port found")
	return ""
}

// Args are the arguments of `fairlead serve` for this installation.
func (s *Server) Args() []string {
	return append([]string{ // of a flag that is there twice the last one counts
		"serve", "--data", s.Data, "--master-key-file", filepath.Join(s.dir, "keys", "master.key"),
		"--http", strings.TrimPrefix(s.URL, "http://"), "--grpc", s.GRPC, "--ops", s.Ops,
		"--public-url", s.URL, "--rate-limit", "0",
	}, s.Flags...)
}

// Launch starts the process and does not wait until it is ready.
func (s *Server) Launch() error {
	p := &process{cmd: exec.Command(s.binary, s.Args()...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	s.mu.Lock()
	s.process = p
	s.mu.Unlock()
	return nil
}

// Ready waits until the server answers /readyz.
func (s *Server) Ready(ctx context.Context) error {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		if resp, err := client.Get("http://" + s.Ops + "/readyz"); err == nil {
			resp.Body.Close()
			select {
			case <-p.ended: // another program answers there
			default:
				if resp.StatusCode == http.StatusOK {
					return nil
				}
			}
		}
		select {
		case <-p.ended:
			return fmt.Errorf("the server ended while starting: %w\n%s", p.err, p.log.String())
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Start starts the process, waits until it is ready, and fails the test if it
// does not get there.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.Launch(); err != nil {
		s.t.Fatal(err)
	}
	if err := s.Ready(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// Kill ends the process with SIGKILL and waits until it is gone. Killing what
// does not run does nothing.
func (s *Server) Kill() {
	s.end(os.Kill)
}

// Stop ends the process in good order and returns how it exited.
func (s *Server) Stop() error {
	return s.end(os.Interrupt)
}

func (s *Server) end(sig os.Signal) error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && err != os.ErrProcessDone {
		return err
	}
	<-p.ended
	return p.err
}

// AdminToken is the first administrator's token.
func (s *Server) AdminToken() string {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.Data, "admin.token"))
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// Buffer can be read while somebody writes to it, such as a log.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *Buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Log is what the running process has written so far.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return ""
	}
	return s.process.log.String()
}
