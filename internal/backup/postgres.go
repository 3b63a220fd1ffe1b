package backup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/sqlstore"
)

// dumpPostgres lets pg_dump write what our own snapshot sees, so that the
// manifest tells about the copy, whatever writers do.
func dumpPostgres(ctx context.Context, o Options, m *Manifest, payload string) error {
	sn, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: o.Database, Vault: o.Vault})
	if err != nil {
		return err
	}
	defer sn.Close()
	id, server, schema, err := sn.Export(ctx)
	if err != nil {
		return err
	}
	dump, err := findTool(ctx, "pg_dump", server/10000)
	if err != nil {
		return err
	}
	restore, err := findTool(ctx, "pg_restore", dump.major)
	if err != nil {
		return err
	}
	m.Backend, m.Payload.Name = sn.Backend(), postgresPayload
	m.Postgres = &Postgres{Server: fmt.Sprintf("%d.%d", server/10000, server%10000), PgDump: dump.version, Schema: schema}
	inv, err := look(ctx, sn, m, o.Progress)
	if err != nil {
		return err
	}
	args := []string{
		"--format=custom", "--compress=1", "--snapshot=" + id, "--file=" + payload, "--no-owner", "--no-privileges",
		"--no-tablespaces", "--no-password", "--lock-wait-timeout=60s", "--strict-names",
	}
	for _, name := range sortedNames(inv) {
		args = append(args, `--table="`+schema+`"."`+name+`"`)
	}
	f, err := os.OpenFile(payload, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // pg_dump would ask the umask
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	stop := watchSize(payload, 0, o.Progress, "dumping")
	err = dump.run(ctx, o.Database, nil, args...)
	stop()
	if err != nil {
		return err
	}
	return countDump(ctx, restore, payload, inv, o.Progress)
}

func sortedNames(inv *sqlstore.Inventory) []string {
	var names []string
	for n := range inv.Tables {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// countDump reads a dump from end to end and counts its rows.
func countDump(ctx context.Context, restore *tool, payload string, inv *sqlstore.Inventory, p Progress) error {
	report := p.step("reading the dump")
	counts := map[string]int64{}
	var all int64
	err := restore.read(ctx, []string{"--file=-", "--data-only", payload}, func(table, _ string, _ []byte) error {
		counts[table]++
		if all++; report != nil && all%1000 == 0 {
			report(all, inv.Rows())
		}
		return nil
	})
	if err != nil {
		return err
	}
	for name, t := range inv.Tables {
		if counts[name] != t.Rows {
			return applications.Errorf(applications.DataLoss, "COPY_DIFFERS", "table %s has %d rows, and the dump that pg_dump wrote %d; try again", name, t.Rows, counts[name])
		}
	}
	return nil
}

// restorePostgres fills an empty database from a dump; all but the row that
// names the master key, in one transaction, and then that row, with a mark that
// keeps servers away. It reports whether the tables may be there now.
func restorePostgres(ctx context.Context, database, payload string, m *Manifest, p Progress) (filled bool, err error) {
	version, schema, err := sqlstore.PostgresEmpty(ctx, database)
	if err != nil {
		return false, err
	}
	major := 0
	if m.Postgres != nil {
		_, err = fmt.Sscanf(m.Postgres.PgDump, "%d", &major)
	}
	if err != nil || major == 0 {
		return false, errors.New("backup: the manifest does not name a version of pg_dump")
	}
	if schema != m.Postgres.Schema {
		return false, applications.Errorf(applications.FailedPrecondition, "DATABASE_SCHEMA_MISSING",
			"the backup's tables belong into the schema %q, and the database would put them into %q; make that schema, and name it in the URL as search_path", m.Postgres.Schema, schema)
	}
	restore, err := findTool(ctx, "pg_restore", max(major, version/10000))
	if err != nil {
		return false, err
	}
	list, err := restore.output(ctx, "--list", payload)
	if err != nil {
		return false, err
	}
	var others, own []string
	row := fmt.Sprintf(" TABLE DATA %s installation ", schema)
	for line := range strings.Lines(list) {
		switch {
		case strings.HasPrefix(line, ";"):
		case strings.Contains(line, row):
			own = append(own, line)
		default:
			others = append(others, line)
		}
	}
	allBut, only := payload+".list", payload+".row"
	if err := errors.Join(os.WriteFile(allBut, []byte(strings.Join(others, "")), 0o600), os.WriteFile(only, []byte(strings.Join(own, "")), 0o600)); err != nil {
		return false, err
	}
	p.step("restoring")
	// An empty --dbname: the environment names it.
	if err := restore.run(ctx, database, nil, "--dbname=", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-tablespaces", "--no-password", "--use-list="+allBut, payload); err != nil {
		// Interrupted, it may have committed at the last moment; failing by
		// itself, it has not.
		return ctx.Err() != nil, err
	}
	return true, restore.read(ctx, []string{"--file=-", "--use-list=" + only, payload}, func(table, columns string, line []byte) error {
		if table != "installation" {
			return fmt.Errorf("backup: the list names table %s", table)
		}
		return sqlstore.BeginRestored(ctx, database, columns, line)
	})
}

// tool is one of PostgreSQL's own programs.
type tool struct {
	name, path, version string
	major               int
}

// toolFolders are where distributions put several versions side by side.
var toolFolders = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/opt/homebrew/opt/libpq/bin", "/usr/local/opt/postgresql@*/bin", "/usr/local/opt/libpq/bin",
	`C:\Program Files\PostgreSQL\*\bin`,
}

var versionText = regexp.MustCompile(`\) ((\d+)\S*)`)

// findTool finds the program: the first in PATH that is new enough for a
// server of that major version, else the newest that is installed.
func findTool(ctx context.Context, name string, atLeast int) (*tool, error) {
	var paths []string
	if p, err := exec.LookPath(name); err == nil {
		paths = append(paths, p)
	}
	for _, pattern := range toolFolders {
		found, err := filepath.Glob(filepath.Join(pattern, name))
		if err != nil {
			return nil, err
		}
		paths = append(paths, found...)
	}
	var best *tool
	for _, p := range paths {
		out, err := exec.CommandContext(ctx, p, "--version").Output()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		match := versionText.FindSubmatch(out)
		if err != nil || match == nil {
			continue
		}
		major, err := strconv.Atoi(string(match[2]))
		if err != nil {
			continue
		}
		t := &tool{name, p, string(match[1]), major}
		if best == nil || best.major < atLeast && major > best.major {
			best = t
		}
	}
	reason := strings.ToUpper(name)
	switch {
	case best == nil:
		return nil, applications.Errorf(applications.FailedPrecondition, reason+"_MISSING",
			"%s is not installed; install the client programs of PostgreSQL %d or later (Debian, Ubuntu: apt-get install postgresql-client-%d), or put them into PATH", name, atLeast, atLeast)
	case best.major < atLeast:
		return nil, applications.Errorf(applications.FailedPrecondition, reason+"_OLDER",
			"%s is of version %s, older than the server or the dump (%d); install the client programs of PostgreSQL %d or later, or put them first into PATH", best.path, best.version, atLeast, atLeast)
	}
	return best, nil
}

// command is the program with the database in its environment. A canceled
// context interrupts it, so that it cancels what it has begun.
func (t *tool) command(ctx context.Context, database string, args ...string) (*exec.Cmd, *bytes.Buffer, error) {
	cmd := exec.CommandContext(ctx, t.path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if database != "" {
		env, err := sqlstore.LibpqEnvironment(database)
		if err != nil {
			return nil, nil, err
		}
		cmd.Env = append(cmd.Env, env...)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr, nil
}

func (t *tool) run(ctx context.Context, database string, stdout io.Writer, args ...string) error {
	cmd, stderr, err := t.command(ctx, database, args...)
	if err != nil {
		return err
	}
	cmd.Stdout = stdout
	defer dieWithUs(cmd)()
	return t.failed(ctx, cmd.Run(), stderr)
}

func (t *tool) output(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	err := t.run(ctx, "", &out, args...)
	return out.String(), err
}

// failed says why a program failed. Its words are passed on but for details,
// which may quote a row.
func (t *tool) failed(ctx context.Context, err error, stderr *bytes.Buffer) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	text := stderr.String()
	why := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, t.name+": error: "); ok {
			why = rest
			break
		}
	}
	if strings.Contains(text, "No space left on device") || strings.Contains(text, "File too large") {
		return applications.Errorf(applications.FailedPrecondition, "NO_SPACE", "the disk is full: %s could not write; free some space or choose another disk; nothing is left behind", t.name)
	}
	if why == "" {
		why = err.Error()
	}
	return applications.Errorf(applications.FailedPrecondition, strings.ToUpper(t.name)+"_FAILED", "%s failed: %s", t.name, why)
}

// copyBegin is how the rows of a table begin in a script.
var copyBegin = regexp.MustCompile(`^COPY (?:"?[^."]+"?\.)?"?([^"( ]+)"? (\([^)]*\)) FROM stdin;$`)

// read runs pg_restore so that it prints a script, and shows each row in it:
// its table, the list of columns, and the line in COPY's text format.
func (t *tool) read(ctx context.Context, args []string, row func(table, columns string, line []byte) error) error {
	cmd, stderr, err := t.command(ctx, "", args...)
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	defer dieWithUs(cmd)()
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := readScript(out, row)
	if readErr != nil { // what is not read would keep it from ending
		_ = cmd.Cancel()
		_, _ = io.Copy(io.Discard, out)
	}
	err = t.failed(ctx, cmd.Wait(), stderr)
	if readErr != nil {
		return readErr
	}
	return err
}

func readScript(r io.Reader, row func(table, columns string, line []byte) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	var table, columns string
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if table != "" {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch text := bytes.TrimSuffix(line, []byte("\n")); {
		case table != "" && string(text) == `\.`:
			table = ""
		case table != "":
			if err := row(table, columns, line); err != nil {
				return err
			}
		default:
			if m := copyBegin.FindSubmatch(text); m != nil {
				table, columns = string(m[1]), string(m[2])
			}
		}
	}
}
