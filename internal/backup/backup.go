// Package backup writes an installation into one file while it runs, restores
// it from there, and moves it between databases.
//
// A backup is a tar file of three members, in this order:
//
//	manifest.json    what is in the backup: Manifest
//	manifest.mac     HMAC-SHA256 of manifest.json in hex, under a key that is
//	                 derived from the master key
//	database.sqlite  the database, or database.pgdump: pg_dump's custom format
//
// It never holds the master key, and is worth nothing without it.
package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// formatVersion grows when an older program could no longer restore.
const formatVersion = 1

// Manifest says what a backup holds. Counts, digests and the audit log's head
// are of the copy in the backup, whatever was written meanwhile.
type Manifest struct {
	Format  int       `json:"format"`
	Program string    `json:"program"` // version of the program that made it
	Created time.Time `json:"created"` // UTC, whole seconds
	Backend string    `json:"backend"` // sqlite or postgresql
	Schema  int       `json:"schema"`  // last migration
	KeyID   string    `json:"key_id"`  // of the master key that opens it
	Audit   Audit     `json:"audit"`
	Tables  Tables    `json:"tables"`
	Payload Payload   `json:"payload"`
	// Postgres is nil for SQLite.
	Postgres *Postgres `json:"postgresql,omitempty"`
}

// Audit is the head of the audit log: what `fairlead audit verify` prints as
// SIZE:ROOT.
type Audit struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
}

// Tables counts the rows by table.
type Tables map[string]Table

// Table is one table: its rows, and SHA-256 over them in a form that is the
// same on every database.
type Table struct {
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
}

// Payload is the member that holds the database.
type Payload struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Postgres is what restoring a dump has to know.
type Postgres struct {
	Server string `json:"server"`  // version of the server
	PgDump string `json:"pg_dump"` // version of the program
	Schema string `json:"schema"`  // that the tables are in
}

const (
	sqlitePayload   = "database.sqlite"
	postgresPayload = "database.pgdump"
)

func (m *Manifest) inventory() *sqlstore.Inventory {
	inv := &sqlstore.Inventory{Schema: m.Schema, KeyID: m.KeyID, AuditSize: m.Audit.Size, AuditRoot: m.Audit.Root, Tables: map[string]sqlstore.TableInventory{}}
	for name, t := range m.Tables {
		inv.Tables[name] = sqlstore.TableInventory{Rows: t.Rows, Digest: t.SHA256}
	}
	return inv
}

func (m *Manifest) take(inv *sqlstore.Inventory) {
	m.Schema, m.KeyID, m.Audit = inv.Schema, inv.KeyID, Audit{inv.AuditSize, inv.AuditRoot}
	m.Tables = Tables{}
	for name, t := range inv.Tables {
		m.Tables[name] = Table{t.Rows, t.Digest}
	}
}

// Rows is the number of rows of all tables.
func (m *Manifest) Rows() (n int64) {
	for _, t := range m.Tables {
		n += t.Rows
	}
	return n
}

// Progress is told which step long work is at, and how far: done of total,
// total 0 if unknown. It may be called from another goroutine.
type Progress func(step string, done, total int64)

func (p Progress) step(name string) sqlstore.Progress {
	if p == nil {
		return nil
	}
	p(name, 0, 0)
	return func(done, total int64) { p(name, done, total) }
}

// Options are what a backup needs.
type Options struct {
	Database string
	Vault    *vault.Vault
	// File is the backup to write. Its folder must exist.
	File string
	// Force replaces a File that is there.
	Force bool
	// Keep are files that the backup must not replace, with Force neither.
	Keep []string
	// Program is the version for the manifest.
	Program  string
	Now      func() time.Time
	Progress Progress
}

// Create writes a backup of a database that may be in use, and checks it: the
// file is whole, with the audit log verified, or not there. Errors of its own:
//
//	BACKUP_FILE_EXISTS   and Force is not set
//	BACKUP_FILE_REFUSED  the file cannot be one: a folder, the database itself
//	BACKUP_NOT_WRITABLE  its folder cannot be written
//	NO_SPACE             the disk is full
//	PG_DUMP_MISSING, PG_DUMP_OLDER, PG_DUMP_FAILED
func Create(ctx context.Context, o Options) (m *Manifest, err error) {
	target, err := o.target()
	if err != nil {
		return nil, err
	}
	// Beside the target, so that the last step is a rename.
	dir, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+".partial-*")
	if err != nil {
		return nil, notWritable(filepath.Dir(target), err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	m = &Manifest{Format: formatVersion, Program: o.Program, Created: o.Now().UTC().Truncate(time.Second)}
	payload := filepath.Join(dir, "payload")
	if sqlstore.IsPostgres(o.Database) {
		err = dumpPostgres(ctx, o, m, payload)
	} else {
		err = copySQLite(ctx, o, m, payload)
	}
	if err != nil {
		return nil, explain(ctx, err)
	}
	packed := filepath.Join(dir, "backup")
	if err := pack(ctx, m, o.Vault, payload, packed, o.Progress); err != nil {
		return nil, explain(ctx, err)
	}
	if err := publish(packed, target, o.Force); err != nil {
		return nil, explain(ctx, err)
	}
	return m, nil
}

// target is the file to write, through symbolic links.
func (o *Options) target() (string, error) {
	refuse := func(reason, format string, args ...any) (string, error) {
		return "", applications.Errorf(applications.FailedPrecondition, reason, format, args...)
	}
	target, err := filepath.Abs(o.File)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(target); err == nil {
		target = real
	}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir():
		return refuse("BACKUP_FILE_REFUSED", "%s is a folder: name a file in it", o.File)
	case err == nil && !info.Mode().IsRegular():
		return refuse("BACKUP_FILE_REFUSED", "%s is no regular file: name another one", o.File)
	}
	keep := o.Keep
	if !sqlstore.IsPostgres(o.Database) {
		keep = append(keep, o.Database, o.Database+"-wal", o.Database+"-shm")
	}
	for _, name := range keep {
		abs, absErr := filepath.Abs(name)
		if other, statErr := os.Stat(name); err == nil && statErr == nil && os.SameFile(info, other) || absErr == nil && abs == target {
			return refuse("BACKUP_FILE_REFUSED", "%s is a file of the installation itself: choose another name for the backup", o.File)
		}
	}
	if _, err := os.Lstat(o.File); err == nil && !o.Force {
		return refuse("BACKUP_FILE_EXISTS", "%s exists; choose another name, or replace it with --force", o.File)
	}
	if info, err := os.Stat(filepath.Dir(target)); err != nil || !info.IsDir() {
		return refuse("BACKUP_NOT_WRITABLE", "the folder %s does not exist; make it first, or name another", filepath.Dir(target))
	}
	return target, nil
}

// copySQLite writes the copy and takes everything that the manifest tells from
// it.
func copySQLite(ctx context.Context, o Options, m *Manifest, payload string) error {
	f, err := os.OpenFile(payload, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // SQLite would make it readable for all
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	stop := watchSize(payload, size(o.Database)+size(o.Database+"-wal"), o.Progress, "copying")
	err = sqlstore.VacuumInto(ctx, o.Database, payload)
	stop()
	if err != nil {
		return err
	}
	sn, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: payload, Vault: o.Vault})
	if err != nil {
		return err
	}
	defer sn.Close()
	m.Backend, m.Payload.Name = sn.Backend(), sqlitePayload
	_, err = look(ctx, sn, m, o.Progress)
	return err
}

// look checks a snapshot through and through and tells the manifest about it.
func look(ctx context.Context, sn *sqlstore.Snapshot, m *Manifest, p Progress) (*sqlstore.Inventory, error) {
	p.step("checking for damage")
	if err := sn.CheckIntegrity(ctx); err != nil {
		return nil, err
	}
	inv, err := sn.Inventory(ctx, p.step("counting rows"))
	if err != nil {
		return nil, err
	}
	p.step("verifying the audit log")
	if _, err := sn.VerifyAudit(ctx); err != nil {
		return nil, err
	}
	m.take(inv)
	return inv, nil
}

// watchSize reports how a file grows that somebody else writes.
func watchSize(path string, total int64, p Progress, step string) (stop func()) {
	if p == nil {
		return func() {}
	}
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			p(step, size(path), total)
			select {
			case <-end:
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

func size(path string) int64 {
	if info, err := os.Stat(path); err == nil {
		return info.Size()
	}
	return 0
}

func (m *Manifest) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", "  ")
	return append(b, '\n'), err
}

func parseManifest(text []byte) (*Manifest, error) {
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	return m, nil
}

// explain gives the system's errors words that say what to do.
func explain(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil { // whatever broke by that
		return context.Cause(ctx)
	}
	var own *applications.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	if full(err) {
		return applications.Errorf(applications.FailedPrecondition, "NO_SPACE", "the disk is full (%w); free some space or choose another disk; nothing is left behind", files.Cause(err))
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return applications.Errorf(applications.FailedPrecondition, "FILE_REFUSED", "cannot %s %s (%w)", p.Op, p.Path, p.Err)
	}
	return err
}

func notWritable(dir string, err error) error {
	if full(err) {
		return applications.Errorf(applications.FailedPrecondition, "NO_SPACE", "there is no room on the disk of %s (%w)", dir, files.Cause(err))
	}
	return applications.Errorf(applications.FailedPrecondition, "BACKUP_NOT_WRITABLE", "the folder %s cannot be written (%w); make it writable for this account, or choose another", dir, files.Cause(err))
}
