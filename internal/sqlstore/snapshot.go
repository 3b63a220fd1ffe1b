package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/vault"
)

// Progress is told how far long work is: so many rows or bytes are done, of so
// many in all, or of 0 if that is not known.
type Progress func(done, total int64)

// Snapshot is one state of a database, read whole: what backups and copies,
// and the checks of both, are made from. Whatever writers do meanwhile, it
// stays the same. It changes nothing and brings nothing up to date. One
// goroutine at a time may use it.
type Snapshot struct {
	name   string // of the database, for messages; without a password
	schema int    // how many migrations it went through
	whole
	store *Store // its own statements, in the snapshot's transaction
}

// whole is a transaction on any database, with what describes it.
type whole struct {
	d    *dialect
	from *catalog
	db   *sql.DB
	tx   *sql.Tx
}

// SnapshotOptions say what is read, and how.
type SnapshotOptions struct {
	Database string
	// Vault is the key that the database has to belong to.
	Vault *vault.Vault
	// Alone refuses a database that anybody else has open (DATABASE_IN_USE), and
	// keeps others from writing until Close.
	Alone bool
	// Restoring is as in Options.
	Restoring bool
}

// OpenSnapshot opens a database as it is. Beside the errors of Open there is
// DATABASE_IN_USE.
func OpenSnapshot(ctx context.Context, o SnapshotOptions) (*Snapshot, error) {
	open := openSQLiteWhole
	if IsPostgres(o.Database) {
		open = openPostgresWhole
	}
	w, err := open(ctx, o.Database, o.Alone)
	if err != nil {
		return nil, err
	}
	sn := &Snapshot{whole: w, name: Describe(o.Database), store: &Store{db: noBackend{w.d}, vault: o.Vault, now: time.Now, restoring: o.Restoring}}
	steps, err := loadMigrations(embedded)
	if err == nil {
		err = sn.do(ctx, func(t *tx) (err error) {
			if sn.schema, err = t.checkMigrations(ctx, steps); err != nil {
				return err
			}
			return t.checkMasterKey(ctx)
		})
	}
	if err != nil {
		sn.Close()
		return nil, err
	}
	return sn, nil
}

// openSQLiteWhole reads a file as it is. Alone: SQLite's exclusive locking mode
// fails as long as any other process has the file open, even if that does
// nothing with it, and keeps others from opening it.
func openSQLiteWhole(ctx context.Context, path string, alone bool) (w whole, err error) {
	exists, err := Exists(path)
	if err != nil {
		return w, err
	}
	if !exists {
		return w, applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION", "there is no database %s", path)
	}
	if path, err = filepath.Abs(path); err != nil {
		return w, notWritable("find", path, err)
	}
	if ours, err := probe(ctx, path); err != nil || !ours {
		if err == nil {
			err = notADatabase(path)
		}
		return w, err
	}
	// Not mode=ro: such a connection leaves -wal and -shm files behind.
	params := "mode=rw&_pragma=busy_timeout(5000)&_pragma=temp_store(MEMORY)&_pragma=trusted_schema(0)"
	if alone {
		params = "mode=rw&_txlock=immediate&_pragma=busy_timeout(2000)&_pragma=temp_store(MEMORY)&_pragma=trusted_schema(0)&_pragma=locking_mode(EXCLUSIVE)"
	}
	w = whole{d: sqliteDialect, from: sqliteCatalog}
	if w.db, err = openPool(path, 1, params); err != nil {
		return w, err
	}
	if w.tx, err = w.db.BeginTx(ctx, nil); err != nil {
		w.db.Close()
		if f, ok := classifySQLite(err); ok && alone && f.reason == failBusy.reason {
			return w, inUse(path, "another process has it open")
		}
		return w, cannotOpen(path, err)
	}
	return w, nil
}

func inUse(name, how string) error {
	return applications.Errorf(applications.FailedPrecondition, "DATABASE_IN_USE",
		"%s is in use: %s; stop the server and whatever else uses it, then try again; nothing was changed", name, how)
}

// Close ends the snapshot.
func (sn *Snapshot) Close() error {
	sn.tx.Rollback() // it wrote nothing
	return sn.db.Close()
}

// do runs the store's own statements in the snapshot.
func (sn *Snapshot) do(ctx context.Context, fn func(*tx) error) error {
	t := &tx{s: sn.store, db: plainTx(sn.whole)}
	err := fn(t)
	if err == nil {
		err = t.failed
	}
	if err != nil && ctx.Err() != nil { // which ends a statement in the middle of a row
		return contextError(ctx)
	}
	return err
}

// explain is for errors of statements that are not the store's own.
func (w *whole) explain(ctx context.Context, err error) error {
	err = (&Store{db: noBackend{w.d}}).explain(ctx, err)
	var c *conflict
	if errors.As(err, &c) {
		return c.err
	}
	return err
}

// Schema is the number of the last migration that the database went through;
// current is whether this program has no later one.
func (sn *Snapshot) Schema() (last int, current bool) {
	return sn.schema, sn.schema == LatestSchema()
}

// LatestSchema is the number of this program's last migration.
func LatestSchema() int {
	steps, err := loadMigrations(embedded)
	if err != nil {
		return 0 // a test would have failed
	}
	return len(steps)
}

// Backend is "sqlite" or "postgres".
func (sn *Snapshot) Backend() string { return strings.ToLower(sn.d.name) }

// Inventory counts and digests everything.
func (sn *Snapshot) Inventory(ctx context.Context, progress Progress) (*Inventory, error) {
	inv, err := sn.inventory(ctx, nil, progress)
	if err != nil {
		return nil, err
	}
	err = sn.do(ctx, func(t *tx) error { return t.inventory(ctx, inv) })
	if err != nil {
		return nil, err
	}
	inv.Schema = sn.schema
	return inv, nil
}

// inventory reads every table, and shows each row to see.
func (sn *Snapshot) inventory(ctx context.Context, see func(*table, []any) error, progress Progress) (*Inventory, error) {
	tables, err := readTables(ctx, sn.tx, sn.from)
	if err != nil {
		return nil, sn.explain(ctx, err)
	}
	inv := &Inventory{Tables: map[string]TableInventory{}}
	var done int64
	for i := range tables {
		t := &tables[i]
		digest := newTableDigest(t)
		err := t.rows(ctx, sn.tx, sn.from, func(values []any) error {
			for i, v := range values {
				if t.name == "installation" && v == restoringKey && sn.store.restoring {
					values[i] = sn.store.vault.KeyID() // as it will be
				}
			}
			digest.row(values)
			if done++; progress != nil && done%1000 == 0 {
				progress(done, 0)
			}
			if see == nil {
				return nil
			}
			return see(t, values)
		})
		if err != nil {
			return nil, sn.explain(ctx, err)
		}
		inv.Tables[t.name] = digest.sum()
	}
	return inv, nil
}

// inventory adds what the store's own statements know.
func (t *tx) inventory(ctx context.Context, inv *Inventory) error {
	var check []byte
	if _, err := t.one(ctx, queryInstallation, nil, &inv.KeyID, &check); err != nil {
		return err
	}
	head, genuine, err := t.auditHead(ctx, queryAuditHead)
	if err != nil {
		return err
	}
	if !genuine {
		return headForged()
	}
	if inv.KeyID, err = t.s.restoredKey(inv.KeyID); err != nil {
		return err
	}
	root, err := head.Root()
	if err != nil {
		return headForged()
	}
	inv.AuditSize, inv.AuditRoot = head.Size, root.String()
	return nil
}

// VerifyAudit recomputes the audit log.
func (sn *Snapshot) VerifyAudit(ctx context.Context) (report *audit.Report, err error) {
	err = sn.do(ctx, func(t *tx) error {
		report, err = audit.VerifyLog(ctx, t, nil)
		return err
	})
	return report, err
}

// CheckIntegrity lets the database look for damage in its own structure:
// DataLoss DATABASE_DAMAGED. PostgreSQL does so on each read.
func (sn *Snapshot) CheckIntegrity(ctx context.Context) error {
	if sn.d != sqliteDialect {
		return nil
	}
	for pragma, good := range map[string]string{"PRAGMA integrity_check(1)": "ok", "PRAGMA foreign_key_check": ""} {
		found := ""
		err := queryEach(ctx, sn.tx, pragma, func(r *sql.Rows) error {
			found = "a row refers to one that is not there"
			if good != "" {
				return r.Scan(&found)
			}
			return nil
		})
		if err != nil {
			return sn.explain(ctx, err)
		}
		if found != good {
			return applications.Errorf(failDamaged.code, failDamaged.reason, "%s is damaged (%s says so); restore it from a backup", sn.name, strings.TrimPrefix(pragma, "PRAGMA "))
		}
	}
	return nil
}

// VacuumInto writes a copy of an SQLite database, as one transaction sees it,
// to a file that does not exist or is empty. Writers go on meanwhile.
func VacuumInto(ctx context.Context, database, file string) error {
	w, err := openSQLiteWhole(ctx, database, false)
	if err != nil {
		return err
	}
	defer w.db.Close()
	if err := w.tx.Rollback(); err != nil { // VACUUM wants one of its own
		return err
	}
	if _, err := w.db.ExecContext(ctx, "VACUUM INTO $1", file); err != nil {
		if f, ok := classifySQLite(err); ok && (f == failFull || f == failUnavailable) && ctx.Err() == nil { // a full disk; a quota or a limit
			return applications.Errorf(applications.FailedPrecondition, "NO_SPACE", "a copy of the database could not be written into the backup's folder: its disk is full, or it fails; free some space or choose another disk; nothing is left behind")
		}
		return w.explain(ctx, err)
	}
	return nil
}

// plainTx lets the store's statements run, unprepared, in a transaction that
// somebody else ends.
type plainTx whole

func (p plainTx) exec(ctx context.Context, q *query, args []any) (int64, error) {
	r, err := p.tx.ExecContext(ctx, p.d.sql(q.text), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (p plainTx) later(ctx context.Context, q *query, args []any) error {
	_, err := p.exec(ctx, q, args)
	return err
}

func (p plainTx) query(ctx context.Context, q *query, args []any) (rows, error) {
	return p.tx.QueryContext(ctx, p.d.sql(q.text), args...)
}

func (p plainTx) commit(context.Context) error { return errNotOurs }
func (p plainTx) rollback() error              { return errNotOurs }

var errNotOurs = errors.New("sqlstore: the transaction is somebody else's")

// noBackend is for a Store that only lends its statements.
type noBackend struct{ d *dialect }

func (b noBackend) dialect() *dialect { return b.d }
func (b noBackend) begin(context.Context, bool) (transaction, error) {
	return nil, fmt.Errorf("begin: %w", errNotOurs)
}
func (b noBackend) close() error { return nil }
