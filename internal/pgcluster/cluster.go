// Package pgcluster runs a private PostgreSQL server from the installed
// binaries, in a temporary folder that is removed at the end: for tests, and
// for the demo. Nothing of it is in the product.
package pgcluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Role is who owns the databases: no superuser, so that what needs one shows.
// It may create databases.
const Role = "fairlead"

// Options of a cluster.
type Options struct {
	// Durable leaves fsync on: what was committed survives Crash. Without it
	// tests take half the time.
	Durable bool
	// Settings are lines for postgresql.conf.
	Settings []string
	// Data is an empty folder for the data, which stays; "": in the cluster's own.
	Data string
}

// Cluster is one PostgreSQL server. It ends with the process that started it,
// however that ends.
type Cluster struct {
	bin      string // folder
	dir      string // holds the socket, the data folder and the log
	user     *account
	port     int
	password string
	watcher  *os.File // closed, the cluster ends and its folder goes
}

// Start makes a cluster and starts it, with one empty database called like the
// role. Missing binaries are a *MissingError.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	bin, err := find(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, password: rand.Text()}
	if c.user, err = unprivileged(); err != nil {
		return nil, err
	}
	// A socket's path has room for some 100 bytes, which the temporary folder of
	// a test may need for itself.
	base := "/tmp"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = os.TempDir()
	}
	if c.dir, err = os.MkdirTemp(base, "fairlead-pg-"); err != nil { // mode 0700
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(c.dir))
		}
	}()
	if err := c.user.own(c.dir); err != nil {
		return nil, err
	}
	if o.Data != "" {
		if err := errors.Join(c.user.own(o.Data), os.Symlink(o.Data, c.data())); err != nil {
			return nil, err
		}
	}
	if err := c.initialize(ctx, o); err != nil {
		return nil, err
	}
	if err := c.startOnFreePort(ctx); err != nil {
		return nil, err
	}
	if err := c.watch(); err != nil {
		return nil, errors.Join(err, c.control(ctx, "stop", "-m", "immediate"))
	}
	if err := c.addRole(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// initialize makes the data folder. Its databases sort by language, as those
// of many organizations do, and not by bytes: whoever relies on an order has
// to ask for it.
func (c *Cluster) initialize(ctx context.Context, o Options) error {
	args := []string{"-D", c.data(), "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"}
	out, err := c.run(ctx, "initdb", append(args, "--locale-provider=icu", "--icu-locale=en-US")...)
	if err != nil && strings.Contains(out, "ICU is not supported") {
		out, err = c.run(ctx, "initdb", args...)
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	lines := append([]string{
		"listen_addresses = '127.0.0.1'",
		"unix_socket_directories = '" + c.dir + "'",
		"max_connections = 200",
		"log_timezone = 'UTC'",
	}, o.Settings...)
	if !o.Durable {
		lines = append(lines, "fsync = off", "full_page_writes = off")
	}
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// startOnFreePort starts the server. Between the moment a port is found free
// and the start somebody may take it.
func (c *Cluster) startOnFreePort(ctx context.Context) (err error) {
	for range 5 {
		l, e := net.Listen("tcp", "127.0.0.1:0")
		if e != nil {
			return e
		}
		c.port = l.Addr().(*net.TCPAddr).Port
		if e := l.Close(); e != nil {
			return e
		}
		if err = c.Restart(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// watch starts a shell that waits for the end of this process.
func (c *Cluster) watch() error {
	const script = `trap '' INT TERM HUP; read -r _; "$1"/pg_ctl -D "$2"/data stop -s -m immediate; rm -rf "$2"`
	cmd := exec.Command("/bin/sh", "-c", script, "sh", c.bin, c.dir)
	cmd.Dir = "/"
	c.user.become(cmd)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdin = r
	if err := cmd.Start(); err != nil {
		return errors.Join(err, w.Close())
	}
	c.watcher = w
	return nil
}

func (c *Cluster) addRole(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.url("postgres", "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, text := range []string{
		"CREATE ROLE " + Role + " LOGIN CREATEDB PASSWORD '" + c.password + "'",
		"CREATE DATABASE " + Role + " OWNER " + Role,
	} {
		if _, err := conn.Exec(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// URL is how the role reaches a database over the socket, without a password.
func (c *Cluster) URL(database string) string { return c.url(Role, database) }

// DropDatabase drops a database of the server at a URL, whoever is connected to
// it.
func DropDatabase(ctx context.Context, server, name string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)")
	if err != nil { // autovacuum is at work there: plain DROP ends it, FORCE may not
		_, err = conn.Exec(ctx, "DROP DATABASE "+name)
	}
	return errors.Join(err, conn.Close(ctx))
}

// Exec runs one statement in the role's own database: to make and drop others.
func (c *Cluster) Exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, c.URL(Role))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

func (c *Cluster) url(role, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%d", role, database, url.QueryEscape(c.dir), c.port)
}

// TCP is how the role reaches it over TCP, with a password.
func (c *Cluster) TCP(database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", Role, c.password, c.Address(), database)
}

// Superuser is how the superuser reaches it over the socket.
func (c *Cluster) Superuser(database string) string { return c.url("postgres", database) }

// Address is HOST:PORT of the server.
func (c *Cluster) Address() string { return "127.0.0.1:" + strconv.Itoa(c.port) }

// Log is what the server has logged.
func (c *Cluster) Log() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// File is where a file of the data folder lies, as pg_relation_filepath names
// it.
func (c *Cluster) File(name string) string { return filepath.Join(c.data(), filepath.FromSlash(name)) }

// Stop ends the server in good order; its data stay.
func (c *Cluster) Stop(ctx context.Context) error { return c.control(ctx, "stop", "-m", "fast") }

// Crash ends it as a crash does: at once, without writing anything out, so
// that the next start recovers.
func (c *Cluster) Crash(ctx context.Context) error { return c.control(ctx, "stop", "-m", "immediate") }

// Restart starts the server again after Stop or Crash, at the same port, and
// returns when it takes connections.
func (c *Cluster) Restart(ctx context.Context) error {
	return c.control(ctx, "start", "-l", filepath.Join(c.dir, "log"), "-o", "-p "+strconv.Itoa(c.port))
}

// Revive waits until the server takes connections, after something that it may
// not have survived; one that has ended is started again, as a service manager
// would.
func (c *Cluster) Revive(ctx context.Context) error {
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		conn, err := pgx.Connect(ctx, c.Superuser("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if _, gone := c.run(ctx, "pg_ctl", "-D", c.data(), "status"); gone != nil {
			return c.Restart(ctx)
		}
		if time.Now().After(until) {
			return fmt.Errorf("PostgreSQL does not come back: %w\n%s", err, lastLines(c.Log()))
		}
	}
}

// Close ends the server and removes its folder.
func (c *Cluster) Close() error {
	ctx := context.Background()
	var err error
	if _, e := os.Stat(filepath.Join(c.data(), "postmaster.pid")); e == nil {
		err = c.Crash(ctx)
	}
	return errors.Join(err, c.watcher.Close(), os.RemoveAll(c.dir))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) control(ctx context.Context, args ...string) error {
	out, err := c.run(ctx, "pg_ctl", append([]string{"-D", c.data(), "-s", "-w", "-t", "60"}, args...)...)
	if err != nil {
		return fmt.Errorf("pg_ctl: %w\n%s\n%s", err, out, lastLines(c.Log()))
	}
	return nil
}

func (c *Cluster) run(ctx context.Context, program string, args ...string) (string, error) {
	// Into a file: the server inherits it, and a pipe would only end with it.
	out, err := os.CreateTemp("", "fairlead-pg-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, program), args...)
	cmd.Dir = "/" // one that every account may enter
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.Stdout, cmd.Stderr = out, out
	c.user.become(cmd)
	err = cmd.Run()
	text, readErr := os.ReadFile(out.Name())
	return string(text), errors.Join(err, readErr)
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// Oldest is the oldest major version that the product supports.
const Oldest = 15

// MissingError says that this machine has no PostgreSQL, and how to get it.
type MissingError struct{}

// Package is the Debian package that has the binaries.
const Package = "postgresql"

func (MissingError) Error() string {
	line := "install PostgreSQL 15 or later"
	switch runtime.GOOS {
	case "linux":
		line = "run (Debian, Ubuntu): sudo apt-get install -y " + Package
	case "darwin":
		line = "run: brew install postgresql@17"
	}
	return "PostgreSQL " + strconv.Itoa(Oldest) + " or later is not installed; " + line
}

// Installed reports whether the binaries are there.
func Installed() bool {
	_, err := find(context.Background())
	return err == nil
}

// find returns the folder of the newest installed binaries.
func find(ctx context.Context) (string, error) {
	var folders []string
	if p, err := exec.LookPath("pg_ctl"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			folders = append(folders, filepath.Dir(p))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin",
		"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		folders = append(folders, found...)
	}
	best, newest := "", Oldest-1
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
			continue // only the client
		}
		if v := major(ctx, filepath.Join(folder, "postgres")); v > newest {
			best, newest = folder, v
		}
	}
	if best == "" {
		return "", MissingError{}
	}
	return best, nil
}

// major is the version of a binary, 0 if it has none: it says
// "postgres (PostgreSQL) 15.14 (Debian …)".
func major(ctx context.Context, binary string) int {
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return 0
	}
	n := 0
	for _, c := range fields[2] { // such as 15.14 or 18beta2
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}
