package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/openfairlead/fairlead/applications"
)

// readers is how many Views run at a time.
const readers = 4

// applicationID marks a database file as ours ("FLDB"): PRAGMA application_id.
const applicationID = 0x464c4442

// sqliteDB is one SQLite file with two pools. The write pool is a single
// connection: writers wait for their turn in Go, where a context ends the
// waiting, and never for SQLite's own lock. The readers each see a snapshot
// and never wait for writers.
type sqliteDB struct {
	gate
	writer, reader *sql.DB
	turns          sqliteWriter
	// Prepared statements by query.index; database/sql keeps one copy for each
	// connection.
	reads []*sql.Stmt
}

// Exists reports whether there is a database at the path, or anything left of
// one: then a first start must not make a new master key.
func Exists(path string) (bool, error) {
	if err := isPath(path); err != nil {
		return false, err
	}
	for _, p := range []string{path, path + "-wal"} {
		info, err := os.Stat(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return false, notWritable("look at", p, err)
		}
		if info.Size() > 0 {
			return true, nil
		}
	}
	return false, nil
}

// keywords are what the other way to write PostgreSQL's address consists of.
var keywords = regexp.MustCompile(`(?i)(^|\s)(host|hostaddr|port|dbname|user|password|passfile|service|sslmode)\s*=`)

// isPath refuses URLs of other databases, and PostgreSQL's "host=… password=…",
// which would be the name of a new file, without quoting a password.
func isPath(path string) error {
	if strings.Contains(path, "://") || keywords.MatchString(path) {
		return applications.Errorf(applications.FailedPrecondition, "DATABASE_URL_INVALID", "a database is the path of a file, or a URL that begins with postgres://")
	}
	return nil
}

func openSQLite(ctx context.Context, path string) (*sqliteDB, error) {
	if err := isPath(path); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, notWritable("find", path, err)
	}
	if err := prepareFile(path); err != nil {
		return nil, err
	}
	ours, err := probe(ctx, path)
	if err != nil {
		return nil, err
	}
	db := &sqliteDB{}
	if db.writer, err = openPool(path, 1, writerSettings); err != nil {
		return nil, err
	}
	if db.reader, err = openPool(path, readers, readerSettings); err != nil {
		db.writer.Close()
		return nil, err
	}
	db.turns.db, db.turns.age = db.writer, maxGroupAge
	if err := db.check(ctx, path, ours); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

// synchronous(FULL): what was acknowledged survives a power cut.
// secure_delete: a destroyed data key is overwritten, not just unlinked.
// temp_store(MEMORY): nothing is written outside the data folder.
const (
	bothSettings   = "&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=temp_store(MEMORY)&_pragma=trusted_schema(0)"
	writerSettings = "_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)" + bothSettings
	readerSettings = "_pragma=query_only(1)" + bothSettings
)

func openPool(path string, size int, params string) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if slashed[0] != '/' {
		slashed = "/" + slashed // C:/… on Windows
	}
	db, err := sql.Open("sqlite", "file://"+(&url.URL{Path: slashed}).EscapedPath()+"?"+params)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// prepareFile makes sure that the file can be read and written, or made, and
// is not something else. SQLite's own words for all this are "unable to open
// database file".
func prepareFile(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return notWritable("make the folder", dir, err)
	}
	probe, err := os.CreateTemp(dir, ".fairlead-probe-*")
	if err != nil {
		return notWritable("write in the folder", dir, err)
	}
	probe.Close()
	os.Remove(probe.Name())
	// Made here and not by SQLite, so that only this account can read it; the
	// -wal and -shm files take the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return notWritable("open", path, err)
	}
	defer f.Close()
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	n, err := io.ReadFull(f, head)
	switch {
	case n == 0 && errors.Is(err, io.EOF): // new
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return notWritable("read", path, err)
	case string(head[:n]) != magic:
		return notADatabase(path)
	}
	return nil
}

// probe looks whether a file is a database of ours, without changing it: the
// write pool would turn any SQLite file into one with a write-ahead log.
func probe(ctx context.Context, path string) (ours bool, err error) {
	db, err := openPool(path, 1, "mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return false, err
	}
	defer db.Close()
	var id, tables int64
	err = db.QueryRowContext(ctx, `PRAGMA application_id`).Scan(&id)
	if err == nil {
		err = db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables)
	}
	if err != nil {
		return false, cannotOpen(path, err)
	}
	if id != applicationID && (id != 0 || tables > 0) {
		return false, notADatabase(path)
	}
	return id == applicationID, nil
}

// check turns the log on and marks a new file as ours.
func (db *sqliteDB) check(ctx context.Context, path string, ours bool) error {
	var mode string
	if err := db.writer.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return cannotOpen(path, err)
	}
	if mode != "wal" {
		return applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_UNSUITABLE",
			"the file system of %s does not support SQLite's write-ahead log, as many network drives do not; put the data folder on a local disk", path)
	}
	if !ours {
		if _, err := db.writer.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
			return cannotOpen(path, err)
		}
	}
	// SQLite's own waiting soon looks for the lock only every 100 ms, which is
	// starved for seconds by a process that writes without a pause. Until the
	// schema is right migrate asks again, which begins with short waits anew.
	if _, err := db.writer.ExecContext(ctx, `PRAGMA busy_timeout = 10`); err != nil {
		return cannotOpen(path, err)
	}
	return nil
}

func cannotOpen(path string, err error) error {
	f, ok := classifySQLite(err)
	switch {
	case ok && f == failDamaged:
		return notADatabase(path)
	case ok && f.code != applications.Internal:
		return applications.Errorf(f.code, f.reason, "%s: %s", path, f.message)
	}
	return notWritable("open", path, err)
}

func notADatabase(path string) error {
	return applications.Errorf(applications.FailedPrecondition, "NOT_A_DATABASE",
		"%s is not a database of Fairlead; choose another file or folder, or move this one away; nothing was changed", path)
}

func notWritable(doing, path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_NOT_WRITABLE",
		"cannot %s %s (%w); the data folder and the files in it must belong to the account that runs the server", doing, path, err)
}

// prepare prepares every query, so that none is parsed in a request.
func (db *sqliteDB) prepare(ctx context.Context) error {
	if _, err := db.writer.ExecContext(ctx, `PRAGMA busy_timeout = 5000`); err != nil {
		return err
	}
	writes, reads := make([]*sql.Stmt, len(queries)), make([]*sql.Stmt, len(queries))
	for i, q := range queries {
		var err error
		text := sqliteDialect.sql(q.text)
		if writes[i], err = db.writer.PrepareContext(ctx, text); err != nil {
			return err
		}
		if q.write {
			continue
		}
		if reads[i], err = db.reader.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	db.turns.stmts, db.reads = writes, reads
	return nil
}

func (db *sqliteDB) dialect() *dialect { return sqliteDialect }

func (db *sqliteDB) begin(ctx context.Context, write bool) (_ transaction, err error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.leave()
		}
	}()
	if write {
		return db.turns.begin(ctx, db.leave)
	}
	conn, err := db.reader.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &sqliteRead{sqliteTx{tx, db.reads}, conn, db.leave}, nil
}

func (db *sqliteDB) close() error {
	if !db.shut() {
		return nil
	}
	// The writer last: the last connection folds the log into the file.
	err := db.reader.Close()
	if err2 := db.writer.Close(); err == nil {
		err = err2
	}
	return err
}

// sqliteTx runs statements. None of them is interrupted when the context ends:
// SQLite answers in microseconds, and long lists look at it between rows.
type sqliteTx struct {
	tx    *sql.Tx
	stmts []*sql.Stmt
}

func (t *sqliteTx) exec(ctx context.Context, q *query, args []any) (int64, error) {
	ctx = context.WithoutCancel(ctx)
	var r sql.Result
	var err error
	if t.stmts == nil { // while migrating
		r, err = t.tx.ExecContext(ctx, sqliteDialect.sql(q.text), args...)
	} else {
		r, err = t.tx.StmtContext(ctx, t.stmts[q.index]).ExecContext(ctx, args...)
	}
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *sqliteTx) later(ctx context.Context, q *query, args []any) error {
	_, err := t.exec(ctx, q, args)
	return err
}

func (t *sqliteTx) query(ctx context.Context, q *query, args []any) (rows, error) {
	ctx = context.WithoutCancel(ctx)
	if t.stmts == nil {
		return t.tx.QueryContext(ctx, sqliteDialect.sql(q.text), args...)
	}
	return t.tx.StmtContext(ctx, t.stmts[q.index]).QueryContext(ctx, args...)
}

func (t *sqliteTx) script(ctx context.Context, text string) error {
	_, err := t.tx.ExecContext(context.WithoutCancel(ctx), sqliteDialect.sql(text))
	return err
}

// sqliteRead is a View.
type sqliteRead struct {
	sqliteTx
	conn  *sql.Conn
	ended func()
}

func (t *sqliteRead) commit(context.Context) error {
	return t.rollback() // there is nothing to write
}

func (t *sqliteRead) rollback() error {
	t.tx.Rollback()
	t.conn.Close()
	t.ended()
	return nil
}

// scrub empties the write-ahead log, which holds pages as they were before: the
// file itself is overwritten by secure_delete. It waits for readers only
// shortly, because writers wait with it, and tries a few times.
func (db *sqliteDB) scrub(ctx context.Context) error {
	const tries, pause = 20, 50 * time.Millisecond
	for try := 1; ; try++ {
		done, err := db.checkpoint(ctx)
		if done || err != nil {
			return err
		}
		if try == tries {
			return applications.Errorf(applications.Unavailable, "DATABASE_BUSY", "others read the database all the time, so that its log cannot be emptied now; it is tried again")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (db *sqliteDB) checkpoint(ctx context.Context) (done bool, err error) {
	if err := db.enter(); err != nil {
		return false, err
	}
	defer db.leave()
	if err := db.turns.acquire(ctx); err != nil {
		return false, err
	}
	defer db.turns.release()
	if db.turns.group != nil {
		return false, nil // somebody's commit is not on disk yet
	}
	ctx = context.WithoutCancel(ctx)
	conn, err := db.writer.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `PRAGMA busy_timeout = 100`); err != nil {
		return false, err
	}
	var busy, log, moved int
	err = conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &log, &moved)
	if _, err2 := conn.ExecContext(ctx, `PRAGMA busy_timeout = 5000`); err == nil {
		err = err2
	}
	if f, ok := classifySQLite(err); ok && f == failBusy {
		return false, nil
	}
	return busy == 0, err
}

// classifySQLite maps SQLite's result codes: first the extended code, then the
// primary one in its low byte.
func classifySQLite(err error) (failure, bool) {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return failure{}, false
	}
	for _, code := range []int{e.Code(), e.Code() & 0xff} {
		if f, ok := sqliteCodes[code]; ok {
			return f, true
		}
	}
	f := failInternal
	f.message = sqlite.ErrorCodeString[e.Code()&0xff]
	return f, true
}

var sqliteCodes = map[int]failure{
	codes.SQLITE_BUSY:                  failBusy,
	codes.SQLITE_BUSY_SNAPSHOT:         failRetry,
	codes.SQLITE_LOCKED:                failBusy,
	codes.SQLITE_FULL:                  failFull,
	codes.SQLITE_READONLY:              failReadOnly,
	codes.SQLITE_PERM:                  failReadOnly,
	codes.SQLITE_IOERR:                 failUnavailable,
	codes.SQLITE_CANTOPEN:              failUnavailable,
	codes.SQLITE_PROTOCOL:              failBusy,
	codes.SQLITE_NOMEM:                 failUnavailable,
	codes.SQLITE_CORRUPT:               failDamaged,
	codes.SQLITE_NOTADB:                failDamaged,
	codes.SQLITE_CONSTRAINT:            failConstraint,
	codes.SQLITE_CONSTRAINT_UNIQUE:     failDuplicate,
	codes.SQLITE_CONSTRAINT_PRIMARYKEY: failDuplicate,
	codes.SQLITE_CONSTRAINT_FOREIGNKEY: failReference,
	codes.SQLITE_MISMATCH:              failConstraint,
	codes.SQLITE_TOOBIG:                failTooBig,
	codes.SQLITE_INTERRUPT:             failInterrupted,
}
