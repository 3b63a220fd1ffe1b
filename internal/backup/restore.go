package backup

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// RestoreOptions are what a restore needs.
type RestoreOptions struct {
	// File is the backup, Database where it goes: an SQLite file that is not
	// there, or the URL of an empty PostgreSQL database.
	File, Database string
	Vault          *vault.Vault
	// Replay erases again who was erased after the backup was made, and returns
	// how many. It is called before anybody else can open the database.
	Replay func(context.Context, *sqlstore.Store) (int, error)
	// Log gets migrations.
	Log      *slog.Logger
	Progress Progress
}

// Restored is what a restore did.
type Restored struct {
	Manifest *Manifest
	// Schema is what the database has now. It is newer than the manifest's if
	// an older version made the backup.
	Schema int
	Erased int
	// SetAside is where the remains of an earlier database were moved to.
	SetAside string
}

// Restore makes a database from a backup. It is complete and checked, or not
// there: a PostgreSQL database that was filled by half refuses every server.
// Errors of its own:
//
//	NOT_A_BACKUP, BACKUP_DAMAGED, BACKUP_NEWER, MASTER_KEY_MISMATCH
//	BACKUP_OTHER_DATABASE  it is of the other kind of database
//	DATABASE_IN_USE        somebody uses the database that would be replaced
//	TARGET_NOT_EMPTY       there is something already
//	COPY_DIFFERS           what was restored is not what the manifest says
func Restore(ctx context.Context, o RestoreOptions) (*Restored, error) {
	info, err := os.Stat(o.File) // opening a pipe would wait for whoever writes into it
	if err == nil && !info.Mode().IsRegular() {
		return nil, applications.Errorf(applications.FailedPrecondition, "NOT_A_BACKUP",
			"%s is no regular file, and a backup is read more than once: copy it into a file first; nothing was changed", o.File)
	}
	var f *os.File
	if err == nil {
		f, err = os.Open(o.File)
	}
	if err != nil {
		return nil, applications.Errorf(applications.FailedPrecondition, "BACKUP_UNREADABLE", "cannot open the backup %s (%w)", o.File, files.Cause(err))
	}
	defer f.Close()
	c := &container{f: f}
	if err := c.open(o.Vault); err != nil {
		return nil, err
	}
	r := &Restored{Manifest: c.Details}
	fill := restoreFile
	if sqlstore.IsPostgres(o.Database) {
		fill = restoreServer
	}
	if err := otherKind(c.Details, o.Database); err != nil {
		return nil, err
	}
	if c.Details.Schema > sqlstore.LatestSchema() {
		return nil, newer(o.File)
	}
	if err := fill(ctx, o, c, r); err != nil {
		return nil, explain(ctx, err)
	}
	return r, nil
}

func otherKind(m *Manifest, database string) error {
	refuse := func(is, way string) error {
		return applications.Errorf(applications.FailedPrecondition, "BACKUP_OTHER_DATABASE",
			"this is a backup of %s: restore it into %s, then take the installation from there with `fairlead migrate --to`; nothing was changed", is, way)
	}
	switch {
	case m.Payload.Name == sqlitePayload && sqlstore.IsPostgres(database):
		return refuse("an SQLite database", "a file (--data FOLDER)")
	case m.Payload.Name == postgresPayload && !sqlstore.IsPostgres(database):
		return refuse("a PostgreSQL database", "an empty PostgreSQL database (--database postgres://…)")
	}
	return nil
}

// restoreFile restores an SQLite database beside its place, and names it last.
func restoreFile(ctx context.Context, o RestoreOptions, c *container, r *Restored) (err error) {
	target, err := filepath.Abs(o.Database)
	if err != nil {
		return err
	}
	if err := free(ctx, target, o.Vault); err != nil {
		return err
	}
	folder := filepath.Dir(target)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return notWritable(folder, err)
	}
	dir, err := os.MkdirTemp(folder, restoringPattern)
	if err != nil {
		return notWritable(folder, err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	file := filepath.Join(dir, filepath.Base(target))
	if err := extract(ctx, c, file, o.Progress); err != nil {
		return err
	}
	if err := compare(ctx, sqlstore.SnapshotOptions{Database: file, Vault: o.Vault}, c.Details, o.Progress); err != nil {
		return err
	}
	if err := complete(ctx, o, sqlstore.Options{Database: file}, r); err != nil {
		return err
	}
	if err := files.Sync(file); err != nil {
		return err
	}
	if err := free(ctx, target, o.Vault); err != nil { // again: it took a while
		return err
	}
	if r.SetAside, err = setAside(target); err != nil {
		return err
	}
	return publish(file, target, false)
}

// extract writes the database out, checking every byte of the backup.
func extract(ctx context.Context, c *container, file string, p Progress) error {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(c.check(ctx, out, p), out.Close())
}

// compare checks that a database is what the manifest says.
func compare(ctx context.Context, so sqlstore.SnapshotOptions, m *Manifest, p Progress) error {
	sn, err := sqlstore.OpenSnapshot(ctx, so)
	if err != nil {
		return err
	}
	defer sn.Close()
	restored := &Manifest{}
	inv, err := look(ctx, sn, restored, p)
	if err != nil {
		return err
	}
	return m.inventory().Compare(inv)
}

// complete brings a restored database to this program's schema, erases again
// who was erased since, and checks its log once more.
func complete(ctx context.Context, o RestoreOptions, so sqlstore.Options, r *Restored) error {
	so.Vault, so.Log = o.Vault, o.Log
	store, err := sqlstore.Open(ctx, so)
	if err != nil {
		return err
	}
	if o.Replay != nil {
		o.Progress.step("erasing again who was erased since")
		r.Erased, err = o.Replay(ctx, store)
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	sn, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: so.Database, Vault: o.Vault, Restoring: so.Restoring})
	if err != nil {
		return err
	}
	defer sn.Close()
	r.Schema, _ = sn.Schema()
	o.Progress.step("verifying the audit log")
	_, err = sn.VerifyAudit(ctx)
	return err
}

// free refuses a place where a database is, or is in use.
func free(ctx context.Context, target string, v *vault.Vault) error {
	info, err := os.Lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_NOT_WRITABLE", "cannot look at %s (%w)", target, files.Cause(err))
	case !info.Mode().IsRegular():
		return applications.Errorf(applications.FailedPrecondition, "TARGET_NOT_EMPTY", "%s is there and is no file: name another place, or move it away; nothing was changed", target)
	case info.Size() > 0:
		sn, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: target, Vault: v, Alone: true})
		if err == nil {
			err = sn.Close()
		}
		if applications.ReasonOf(err) == "DATABASE_IN_USE" {
			return err
		}
		return applications.Errorf(applications.FailedPrecondition, "TARGET_NOT_EMPTY",
			"%s is there already, and is not replaced: move it away, with the -wal and -shm files beside it, or name another place; nothing was changed", target)
	default: // an empty file is no database, but it would be in the way
		if err := os.Remove(target); err != nil {
			return notWritable(filepath.Dir(target), err)
		}
	}
	locked, err := lockedElsewhere(target + "-shm")
	if err != nil {
		return applications.Errorf(applications.FailedPrecondition, "DATA_FOLDER_NOT_WRITABLE", "cannot look at %s (%w)", target+"-shm", files.Cause(err))
	}
	if locked {
		return applications.Errorf(applications.FailedPrecondition, "DATABASE_IN_USE",
			"a server still runs on %s, although that file is gone; stop it, then try again; nothing was changed", target)
	}
	return nil
}

// setAside takes away what a database that is gone left beside its place:
// SQLite would take its log for that of the restored one. The log is renamed
// and not removed, because it holds the newest changes of a database that
// somebody may have moved elsewhere without it.
func setAside(target string) (string, error) {
	if err := os.Remove(target + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	wal := target + "-wal"
	info, err := os.Lstat(wal)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case info.Mode().IsRegular() && info.Size() == 0:
		return "", os.Remove(wal)
	}
	aside := wal + ".set-aside-" + time.Now().UTC().Format("20060102T150405Z")
	return aside, os.Rename(wal, aside)
}

// restoreServer restores into PostgreSQL.
func restoreServer(ctx context.Context, o RestoreOptions, c *container, r *Restored) (err error) {
	dir, err := os.MkdirTemp("", unpackedPattern)
	if err != nil {
		return notWritable(os.TempDir(), err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	dump := filepath.Join(dir, "dump")
	if err := extract(ctx, c, dump, o.Progress); err != nil {
		return err
	}
	filled, err := restorePostgres(ctx, o.Database, dump, c.Details, o.Progress)
	if err == nil {
		err = compare(ctx, sqlstore.SnapshotOptions{Database: o.Database, Vault: o.Vault, Restoring: true}, c.Details, o.Progress)
	}
	if err == nil {
		err = complete(ctx, o, sqlstore.Options{Database: o.Database, Restoring: true}, r)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil { // never interrupted: nobody would know how it went
		err = sqlstore.EndRestored(context.WithoutCancel(ctx), o.Database, o.Vault)
	}
	if err == nil || !filled {
		return err
	}
	// Also after Ctrl-C.
	again, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if sqlstore.DropRestored(again, o.Database) != nil {
		return unfinished(err)
	}
	return err
}

// unfinished adds what to do about a database that was filled but is not
// complete.
func unfinished(err error) error {
	var own *applications.Error
	if errors.As(err, &own) {
		out := *own
		out.Message += "; the database now holds an incomplete copy, which no server takes: drop it and make it again before the next try"
		return &out
	}
	return err
}
