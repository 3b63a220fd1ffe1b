package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/backup"
	"github.com/openfairlead/fairlead/internal/erasures"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// backupEvery is how old the last backup may get before doctor warns.
const backupEvery = 7 * 24 * time.Hour

func (p *program) backupCommand() *cobra.Command {
	var at place
	var force, quiet bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a backup into one file, while the server runs",
		Long: `Backup copies the whole database into FILE, as it is at one moment, while the
server goes on, and checks the copy: its structure, its rows, its audit log.
FILE is complete, or it is not there. Meanwhile its folder needs room for twice
the size of the database.

The master key is not in it. Whoever restores needs both: FILE and a copy of the
master key file, which belongs in another place.`,
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := at.loadKey()
			if err != nil {
				return err
			}
			keys := []string{at.key(), erasures.DefaultPath(at.key())}
			line := newWorkLine(p.stderr, quiet)
			m, err := backup.Create(cmd.Context(), backup.Options{
				Database: at.database(), Vault: v, File: args[0], Force: force, Keep: keys, Program: engineVersion(), Now: time.Now, Progress: line.show,
			})
			line.clear()
			if err != nil {
				return err
			}
			p.tellBackup(args[0], m)
			p.adviseBackup(at, args[0])
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().BoolVar(&force, "force", false, "replace FILE if it exists")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress on stderr")
	return cmd
}

func (p *program) tellBackup(file string, m *backup.Manifest) {
	fmt.Fprintf(p.stdout, "backup   %s\n", file)
	fmt.Fprintf(p.stdout, "made     %s, of %s, schema %d\n", m.Created.Format(time.RFC3339), kindOf(m.Backend), m.Schema)
	fmt.Fprintf(p.stdout, "rows     %d in %d tables, of them %s\n", m.Rows(), len(m.Tables), count(int(m.Tables["applications"].Rows), "application"))
	fmt.Fprintf(p.stdout, "audit    %d:%s\n", m.Audit.Size, m.Audit.Root)
	fmt.Fprintf(p.stdout, "key      %s\n", m.KeyID)
}

func kindOf(backend string) string {
	if backend == "sqlite" {
		return "SQLite"
	}
	return "PostgreSQL"
}

// adviseBackup says what a backup is worth, and remembers it.
func (p *program) adviseBackup(at place, file string) {
	abs, err := filepath.Abs(file)
	if err == nil {
		info, statErr := os.Stat(abs)
		if err = statErr; err == nil {
			err = backup.Remember(at.data, backup.Last{Time: time.Now().UTC().Truncate(time.Second), File: abs, Size: info.Size(), Database: at.described()})
		}
	}
	if err != nil {
		p.note("the backup is good, but %s cannot be written (%v), so that `fairlead doctor` will not know of it", at.data, cause(err))
	}
	p.note("to restore it, its master key is needed as well, which is not in it: keep a copy of %s in another place", at.key())
	if inside(filepath.Dir(abs), at.key()) {
		p.note("warning: the master key lies in the backup's own folder or below: whoever gets the folder can read everything")
	}
	for _, folder := range at.folders() {
		if inside(folder, abs) {
			p.note("warning: the backup lies beside the database in %s: a disk that fails takes both", folder)
			break
		}
	}
	for _, left := range backup.Leftovers(filepath.Dir(abs)) {
		p.note("%s is what a backup or a restore left that was killed, or is still at work; delete it if none runs", left)
	}
}

func (p *program) restoreCommand() *cobra.Command {
	var at place
	var list string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the database again from a backup",
		Long: `Restore makes the database from FILE, which ` + "`fairlead backup`" + ` wrote, with the
master key that it was made with. It checks every byte of FILE, and what it has
restored: its structure, its rows, its audit log. The database is complete, or
it is not there.

It replaces nothing: the data folder, or the PostgreSQL database that --database
names, has to be empty, and no server may run on it.

Whoever was erased after the backup was made is erased again, as the list of
erasures beside the master key says.`,
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := at.loadKey()
			if err != nil {
				return err
			}
			if list == "" {
				list = erasures.DefaultPath(at.key())
			} else if _, err := os.Stat(list); err != nil {
				return exit(exitUsage, "--erasure-list %s: %w", list, cause(err))
			}
			missing := false
			replay := func(ctx context.Context, store *sqlstore.Store) (int, error) {
				n, err := erasures.Replay(ctx, store, v, list)
				if missing = applications.ReasonOf(err) == "ERASURE_LIST_MISSING"; missing {
					return 0, nil
				}
				return n, err
			}
			line := newWorkLine(p.stderr, quiet)
			r, err := backup.Restore(cmd.Context(), backup.RestoreOptions{
				File: args[0], Database: at.database(), Vault: v, Replay: replay, Log: slog.New(slog.DiscardHandler), Progress: line.show,
			})
			line.clear()
			if err != nil {
				return err
			}
			p.tellBackup(args[0], r.Manifest)
			if r.Schema > r.Manifest.Schema {
				p.note("brought up to date from schema %d to %d", r.Manifest.Schema, r.Schema)
			}
			switch {
			case missing:
				p.note("warning: there is no list of erasures in %s: whoever was erased after %s is back; with the list, put it there before you start the server", list, r.Manifest.Created.Format(time.RFC3339))
			case erasures.CutOff(list, v):
				p.note("warning: the list of erasures in %s ends in the middle of a line: it erased %d again, and whoever stood in the rest is back; compare it with another copy before you start the server", list, r.Erased)
			case r.Erased > 0:
				p.note("erased again what the list of erasures says: %s", fmt.Sprint(r.Erased))
			}
			if r.SetAside != "" {
				p.note("moved the log of an earlier database to %s; delete it if nobody misses that database", r.SetAside)
			}
			p.note("restored the %s; start `fairlead serve`", databaseWords(at.database()))
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&list, "erasure-list", "", "list of what was erased, to erase it again (default KEYFILE.erasures)")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress on stderr")
	return cmd
}

func (p *program) migrateCommand() *cobra.Command {
	var at place
	var to string
	var quiet bool
	cmd := &cobra.Command{
		Use:   "migrate --to DATABASE",
		Short: "Copy the installation to another database: a file or PostgreSQL",
		Long: `Migrate copies everything from the database in use to another one, which has to
be empty: from the file to PostgreSQL, back, or between two of a kind. Then it
compares every table and the audit log on both sides. The new database is
complete, or it is not there; the old one stays as it is.

Stop the server first, and start it on the new database afterwards. The master
key stays the same.

A URL with a password can be given in ` + toVariable + ` instead of --to.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if to == "" {
				to = os.Getenv(toVariable)
			}
			if to == "" {
				return exit(exitUsage, "--to: name the database to copy to: a file, or postgres://…")
			}
			if info, err := os.Stat(to); err == nil && info.IsDir() {
				return exit(exitUsage, "--to: %s is a folder: name a file in it, such as %s", to, filepath.Join(to, "fairlead.db"))
			}
			v, err := at.loadKey()
			if err != nil {
				return err
			}
			line := newWorkLine(p.stderr, quiet)
			inv, err := backup.Move(cmd.Context(), backup.MoveOptions{From: at.database(), To: to, Vault: v, Progress: line.show})
			line.clear()
			if err != nil {
				return err
			}
			fmt.Fprintf(p.stdout, "from     the %s\n", databaseWords(at.database()))
			fmt.Fprintf(p.stdout, "to       the %s\n", databaseWords(to))
			fmt.Fprintf(p.stdout, "rows     %d in %d tables, of them %s: equal on both sides\n", inv.Rows(), len(inv.Tables), count(int(inv.Tables["applications"].Rows), "application"))
			fmt.Fprintf(p.stdout, "audit    %d:%s on both sides\n", inv.AuditSize, inv.AuditRoot)
			p.note("now start the server with --database naming the new database, and the same --master-key-file.")
			p.note("the old database is unchanged: start no server on it again, and delete it when the new one has a backup.")
			return nil
		},
	}
	at.flags(cmd.Flags())
	cmd.Flags().StringVar(&to, "to", "", "database to copy to: path of a file, or postgres:// URL")
	cmd.Flags().BoolVar(&quiet, "quiet", false, "no progress on stderr")
	return cmd
}

// toVariable is where --to may stand instead.
const toVariable = "FAIRLEAD_MIGRATE_TO"

// described names the database as backup.Last does. What lies in the data folder
// stays the same when the folder is moved, or seen from inside a container.
func (p *place) described() string {
	if sqlstore.IsPostgres(p.database()) {
		return sqlstore.Describe(p.database())
	}
	file := resolved(p.database())
	if within, err := filepath.Rel(resolved(p.data), file); err == nil && filepath.IsLocal(within) {
		return within
	}
	return file
}

func databaseWords(database string) string {
	if sqlstore.IsPostgres(database) {
		return sqlstore.Describe(database)
	}
	return "file " + database
}

// loadKey loads the master key, which has to be there.
func (p *place) loadKey() (*vault.Vault, error) {
	if sqlstore.IsPostgres(p.database()) && p.keyFile == "" {
		_, _, err := p.openKey(false)
		return nil, err // that it has to be named
	}
	return vault.Load(p.key())
}

// backup says when the last backup was made.
func (d *doctor) backup(now time.Time) {
	if !d.at.begun() {
		return
	}
	last, err := backup.Recall(d.at.data)
	folders := append(d.at.folders(), d.temporary)
	if last != nil {
		folders = append(folders, filepath.Dir(last.File))
	}
	if left := backup.Leftovers(folders...); len(left) > 0 {
		const most = 5 // names that anybody reads
		named, more := strings.Join(left[:min(most, len(left))], ", "), ""
		if len(left) > most {
			more = fmt.Sprintf(" and %d more beside them", len(left)-most)
		}
		is := "is"
		if len(left) > 1 {
			is = "are"
		}
		d.warn("%s%s %s what a backup, a restore or a migration left that was killed: a copy of the database, with whoever was erased since; delete it, unless one is at work just now", named, more, is)
	}
	switch {
	case err != nil:
		d.warn("when the last backup was made cannot be read (%v); make one with: fairlead backup FILE", cause(err))
	case last == nil:
		d.warn("no backup was made from here yet; make one every day with: fairlead backup FILE")
	case last.Database == "": // by an earlier version
		d.warn("the last backup that was made from here (%s) does not say of which database it is; the next one does: fairlead backup FILE", last.File)
	case last.Database != d.at.described():
		d.warn("the last backup that was made from here (%s) is of %s, and not of the database in use, %s; give `fairlead backup` the same --database or %s as the server", last.File, last.Database, d.at.described(), databaseVariable)
	case now.Sub(last.Time) > backupEvery:
		d.warn("the last backup is %s old (%s); make one every day with: fairlead backup FILE", count(int(now.Sub(last.Time)/(24*time.Hour)), "day"), last.File)
	default:
		d.ok("the last backup is of %s (%s)", last.Time.Format("2006-01-02 15:04 MST"), last.File)
	}
}

// backupMetric is when the last backup was made, read at each scrape: another
// process makes them.
func (p *place) backupMetric() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "fairlead_last_backup_timestamp_seconds",
		Help: "When the last backup was made from this data folder, in seconds since 1970; 0: never, or it was of another database.",
	}, p.backedUp)
}

// backedUp is when the database in use was last backed up from here, in seconds
// since 1970; 0: never, or the last backup was of another one. Earlier versions did
// not say of which: no alarm for that.
func (p *place) backedUp() float64 {
	last, err := backup.Recall(p.data)
	if err != nil || last == nil || last.Database != "" && last.Database != p.described() {
		return 0
	}
	return float64(last.Time.Unix())
}

// workLine shows which step long work is at: on a terminal one line that is
// rewritten, elsewhere a line every 10 seconds.
type workLine struct {
	mu    sync.Mutex
	w     io.Writer
	live  bool
	every time.Duration
	next  time.Time
	wide  int
}

func newWorkLine(w io.Writer, quiet bool) *workLine {
	l := &workLine{w: w, live: terminal(w), every: 10 * time.Second}
	if l.live {
		l.every = 100 * time.Millisecond
	}
	if quiet {
		l.w = nil
	}
	l.next = time.Now().Add(l.every)
	return l
}

func (l *workLine) show(step string, done, total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.w == nil || now.Before(l.next) {
		return
	}
	l.next = now.Add(l.every)
	text := step
	switch {
	case total > 0:
		text += ": " + strconv.FormatInt(min(100, 100*done/total), 10) + " %"
	case done > 0:
		text += ": " + strconv.FormatInt(done, 10)
	}
	if !l.live {
		fmt.Fprintln(l.w, "fairlead: "+text)
		return
	}
	fmt.Fprintf(l.w, "\r%-*s", l.wide, text)
	l.wide = max(l.wide, len(text))
}

// clear takes the line off the terminal.
func (l *workLine) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live && l.wide > 0 && l.w != nil {
		fmt.Fprintf(l.w, "\r%s\r", strings.Repeat(" ", l.wide))
	}
	l.w = nil
}
