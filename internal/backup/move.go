package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/files"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
)

// MoveOptions are what moving an installation needs.
type MoveOptions struct {
	From, To string // databases; To has to be empty
	Vault    *vault.Vault
	Progress Progress
}

// Move copies an installation to another database, of the same kind or the
// other, and returns its inventory, which has been compared on both sides. The
// old database stays as it is; nobody else can use it meanwhile. The new one is
// complete or, also after a kill, not there. Errors of its own:
//
//	DATABASE_IN_USE   somebody uses one of them
//	DATABASE_OLDER    the old one has an older schema
//	TARGET_NOT_EMPTY
//	COPY_DIFFERS
func Move(ctx context.Context, o MoveOptions) (_ *sqlstore.Inventory, err error) {
	copyTo := moveToFile
	if sqlstore.IsPostgres(o.To) {
		copyTo = moveToServer
		_, _, err = sqlstore.PostgresEmpty(ctx, o.To)
	} else {
		err = free(ctx, o.To, o.Vault)
	}
	if err != nil {
		return nil, explain(ctx, err)
	}
	sn, err := sqlstore.OpenSnapshot(ctx, sqlstore.SnapshotOptions{Database: o.From, Vault: o.Vault, Alone: true})
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer func() {
		if closed := sn.Close(); err == nil {
			err = closed
		}
	}()
	if _, current := sn.Schema(); !current {
		return nil, applications.Errorf(applications.FailedPrecondition, "DATABASE_OLDER",
			"the database was written by an older version of this program; start `fairlead serve` on it once, which brings it up to date, then stop it and try again; nothing was changed")
	}
	o.Progress.step("verifying the audit log")
	if _, err := sn.VerifyAudit(ctx); err != nil {
		return nil, explain(ctx, err)
	}
	inv, err := copyTo(ctx, sn, o)
	if err != nil {
		return nil, explain(ctx, err)
	}
	return inv, nil
}

func moveToServer(ctx context.Context, sn *sqlstore.Snapshot, o MoveOptions) (*sqlstore.Inventory, error) {
	inv, err := sn.CopyTo(ctx, o.To, o.Progress.step("copying"))
	if err != nil {
		return nil, err
	}
	return inv, opens(context.WithoutCancel(ctx), o.To, o.Vault) // it is done
}

func moveToFile(ctx context.Context, sn *sqlstore.Snapshot, o MoveOptions) (_ *sqlstore.Inventory, err error) {
	target, err := filepath.Abs(o.To)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(target)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, notWritable(folder, err)
	}
	dir, err := os.MkdirTemp(folder, movingPattern)
	if err != nil {
		return nil, notWritable(folder, err)
	}
	defer func() {
		if removed := os.RemoveAll(dir); err == nil {
			err = removed
		}
	}()
	file := filepath.Join(dir, filepath.Base(target))
	inv, err := sn.CopyTo(ctx, file, o.Progress.step("copying"))
	if err != nil {
		return nil, err
	}
	if err := opens(ctx, file, o.Vault); err != nil {
		return nil, err
	}
	if err := files.Sync(file); err != nil {
		return nil, err
	}
	if err := free(ctx, target, o.Vault); err != nil { // again: it took a while
		return nil, err
	}
	if _, err := setAside(target); err != nil {
		return nil, err
	}
	return inv, publish(file, target, false)
}

// opens makes sure that a server would start on the database.
func opens(ctx context.Context, database string, v *vault.Vault) error {
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v, NoMigration: true})
	if err != nil {
		return err
	}
	return errors.Join(s.Ping(ctx), s.Close())
}
