package load

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/grpclog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
	"github.com/openfairlead/fairlead/internal/pgcluster"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// Place is a folder with everything that a measurement needs: the binary, a
// master key, an installation with an open call, and copies of it, so that each
// run begins with the same database.
type Place struct {
	dir     string
	binary  string
	cluster *pgcluster.Cluster // nil: the embedded database
	call    *Call
	copies  int
}

// NewPlace builds the binary from this checkout, makes an installation on the
// backend (sqlite or postgres) and opens a call on it. dir is made, and removed
// by Close; where it lies decides which disk is measured.
func NewPlace(ctx context.Context, dir, backend string) (_ *Place, err error) {
	p := &Place{}
	if p.dir, err = os.MkdirTemp(dir, "fairlead-load-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	p.binary = filepath.Join(p.dir, "fairlead")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", p.binary, "github.com/openfairlead/fairlead/cmd/fairlead").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if out, err := exec.CommandContext(ctx, p.binary, "keys", "create", p.key()).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("making a key: %w\n%s", err, out)
	}
	switch backend {
	case "sqlite":
	case "postgres":
		if p.cluster, err = pgcluster.Start(ctx, pgcluster.Options{Durable: true}); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("backend %q: choose sqlite or postgres", backend)
	}
	base := p.database("base")
	if p.cluster != nil {
		if err := p.cluster.Exec(ctx, "CREATE DATABASE base TEMPLATE template0 ENCODING 'UTF8'"); err != nil {
			return nil, err
		}
	}
	s, err := p.Start(ctx, base)
	if err != nil {
		return nil, err
	}
	p.call, err = Open(ctx, s.Address, s.AdminToken(), "load")
	return p, errors.Join(err, s.Stop())
}

// Close removes everything.
func (p *Place) Close() error {
	var err error
	if p.cluster != nil {
		err = p.cluster.Close()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

func (p *Place) key() string { return filepath.Join(p.dir, "master.key") }

// database is the path or the URL of a database of the place.
func (p *Place) database(name string) string {
	if p.cluster != nil {
		return p.cluster.URL(name)
	}
	return filepath.Join(p.dir, name+".db")
}

// Copy makes a database like the first one, and returns it with how to throw
// it away.
func (p *Place) Copy(ctx context.Context) (database string, drop func() error, err error) {
	p.copies++
	name := fmt.Sprintf("copy%d", p.copies)
	database = p.database(name)
	if p.cluster != nil {
		drop = func() error {
			return pgcluster.DropDatabase(context.WithoutCancel(ctx), p.cluster.URL(pgcluster.Role), name)
		}
		// The server writes out what it holds before it copies, so that this run
		// does not pay for the one before.
		return database, drop, p.cluster.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE base")
	}
	b, err := os.ReadFile(p.database("base"))
	if err != nil {
		return "", nil, err
	}
	drop = func() error {
		return errors.Join(os.RemoveAll(database), os.RemoveAll(database+"-wal"), os.RemoveAll(database+"-shm"))
	}
	return database, drop, errors.Join(os.WriteFile(database, b, 0o600), files.Sync(database))
}

// callAt is the open call on a server that serves a copy.
func (p *Place) callAt(address string) *Call {
	c := *p.call
	c.Address = address
	return &c
}

// Process is a running `fairlead serve`.
type Process struct {
	Address, Ops string // of REST, and of operations
	data         string
	cmd          *exec.Cmd
	ended        chan struct{}
	err          error
}

// Start starts the binary on a database of the place, without a limit on what
// one caller may do, and otherwise as anybody would.
func (p *Place) Start(ctx context.Context, database string) (*Process, error) {
	s := &Process{data: filepath.Join(p.dir, "data"), ended: make(chan struct{})}
	ports := make([]string, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			return nil, err
		}
	}
	s.Address, s.Ops = ports[0], ports[2]
	s.cmd = exec.Command(p.binary, "serve", "--data", s.data, "--database", database, "--master-key-file", p.key(),
		"--http", ports[0], "--grpc", ports[1], "--ops", ports[2], "--rate-limit", "0")
	log, err := os.Create(filepath.Join(p.dir, "log")) // each call writes a line, as it does for anybody
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if resp, err := http.Get("http://" + s.Ops + "/readyz"); err == nil {
			_ = resp.Body.Close() // two bytes
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		select {
		case <-s.ended:
			text, _ := os.ReadFile(log.Name()) // the other error says more
			return nil, fmt.Errorf("the server ended while starting: %w\n%s", s.err, text)
		default:
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return nil, errors.Join(errors.New("the server is not ready after 30 s"), s.Stop(), ctx.Err())
		}
	}
}

// AdminToken is the first administrator's.
func (s *Process) AdminToken() string {
	b, err := os.ReadFile(filepath.Join(s.data, "admin.token"))
	if err != nil {
		return "" // the first call says so
	}
	return strings.TrimSpace(string(b))
}

// Stop ends the server in good order.
func (s *Process) Stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return s.err
}

// record serves a database inside this process, with a recording of what its
// store does, while fn runs.
func (p *Place) record(ctx context.Context, database string, fn func(c *Call) error) (*sqlstore.Recording, error) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	secrets, _, err := vault.LoadOrCreate(p.key(), false)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: secrets})
	if err != nil {
		return nil, err
	}
	recording := store.Record()
	shipped, err := presets.All()
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	log := slog.New(slog.DiscardHandler)
	app, err := server.NewApp(server.Options{
		Service: &applications.Service{
			Store: store, Secrets: secrets, Log: log, Now: time.Now, Random: rand.Reader, Engine: "load", Presets: shipped,
			NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
		},
		Log: log, Gates: chain.NewGates(log),
	})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	defer app.Close()
	ports, err := server.Listen(server.Ports{HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", Ops: "127.0.0.1:0"})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- app.Run(serving, ports) }()
	err = fn(p.callAt(ports.HTTP.Addr().String()))
	stop()
	return recording, errors.Join(err, <-done, store.Close())
}

// Serve starts the server on a copy, and returns its open call.
func (p *Place) Serve(ctx context.Context) (*Call, *Process, error) {
	database, _, err := p.Copy(ctx) // it goes with the place
	if err != nil {
		return nil, nil, err
	}
	s, err := p.Start(ctx, database)
	if err != nil {
		return nil, nil, err
	}
	return p.callAt(s.Address), s, nil
}
