package sqlstore

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

//go:embed migrations/*.sql
var embedded embed.FS

// migration is one forward step of the schema. Steps are numbered from 1
// without gaps, and never change once released: the database keeps the
// checksum of each that it went through.
type migration struct {
	version  int
	name     string
	text     string
	checksum string
}

// script runs several statements; only migrations do.
type scripter interface {
	script(ctx context.Context, text string) error
}

func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	out := make([]migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		number, rest, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
		version, err := strconv.Atoi(number)
		if !ok || err != nil || version != i+1 {
			return nil, fmt.Errorf("sqlstore: migration %s is not number %d", name, i+1)
		}
		sum := sha256.Sum256(text)
		out[i] = migration{version, rest, string(text), hex.EncodeToString(sum[:])}
	}
	return out, nil
}

const createMigrations = `CREATE TABLE IF NOT EXISTS migrations (
    version     ${int} PRIMARY KEY,
    name        ${text} NOT NULL,
    checksum    ${text} NOT NULL,
    create_time ${int} NOT NULL
) ${table}`

var (
	queryHasMigrations = newQuery(`SELECT ${has migrations}`)
	queryMigrations    = newQuery(`SELECT version, checksum FROM migrations ORDER BY version`)
	insertMigration    = newQuery(`INSERT INTO migrations (version, name, checksum, create_time) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`)

	queryInstallation  = newQuery(`SELECT key_id, key_check FROM installation WHERE one = 1`)
	insertInstallation = newQuery(`INSERT INTO installation (one, key_id, key_check, create_time) VALUES (1, $1, $2, $3)`)
	insertAuditHead    = newQuery(`INSERT INTO audit_head (one, size, edge, mac) VALUES (1, 0, $1, $2)`)
)

// migrate brings the schema up to date and checks the master key, in one
// transaction: a process that dies in between changes nothing. Of several
// servers that start at once one does it, and the others wait for it: each
// step begins with a row whose key only one of them can insert.
func (s *Store) migrate(ctx context.Context, log *slog.Logger) error {
	steps, err := loadMigrations(embedded)
	if err != nil {
		return err
	}
	// An upgrade must not fail for a process that has not stopped writing yet.
	const patience, report = time.Minute, 5 * time.Second
	next := report
	waiting := func(waited time.Duration) {
		if waited >= next {
			next = waited + report
			log.WarnContext(ctx, "waiting for another process that writes to the database; stop it if it does not end",
				"waited", waited.Round(time.Second), "at_most", patience)
		}
	}
	return s.whileBusy(ctx, patience, waiting, func() error { return s.migrateTo(ctx, log, steps) })
}

func (s *Store) migrateTo(ctx context.Context, log *slog.Logger, steps []migration) error {
	return s.inTx(ctx, true, func(t *tx) error {
		var there int
		if _, err := t.one(ctx, queryHasMigrations, nil, &there); err != nil {
			return err
		}
		done := 0
		if there > 0 {
			var err error
			if done, err = t.checkMigrations(ctx, steps); err != nil {
				if applications.CodeOf(err) == applications.Internal { // it has other columns
					t.failed = holdsOthers()
					return t.failed
				}
				return err
			}
		}
		switch {
		case done > 0:
			if err := t.checkMasterKey(ctx); err != nil {
				return err
			}
		case s.noMigration:
			return applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION", "the database is empty; start `fairlead serve` on it once; nothing was changed")
		}
		if s.noMigration && done < len(steps) {
			return applications.Errorf(applications.FailedPrecondition, "DATABASE_OLDER",
				"the database was written by an older version of this program (its schema is at step %d, this program's at %d); make a backup, then start `fairlead serve`, which brings it up to date; nothing was changed", done, len(steps))
		}
		if done == len(steps) {
			return t.keepDerived(ctx)
		}
		run := t.db.(scripter)
		if there == 0 {
			if err := run.script(ctx, createMigrations); err != nil {
				return s.somebodyElseMigrates(ctx, err)
			}
		}
		for _, m := range steps[done:] {
			n, err := t.exec(ctx, insertMigration, m.version, m.name, m.checksum, s.now().UnixMicro())
			if err != nil {
				return err
			}
			if n == 0 { // another server did this step meanwhile: look again
				return lostRace()
			}
			if err := run.script(ctx, m.text); err != nil {
				if f, ok := s.db.dialect().classify(err); ok && f == failTableExists && done == 0 {
					return holdsOthers()
				}
				return fmt.Errorf("migration %d (%s): %w", m.version, m.name, s.explain(ctx, err))
			}
			log.InfoContext(ctx, "database migrated", "version", m.version, "name", m.name)
		}
		if done == 0 {
			if err := t.install(ctx); err != nil {
				return err
			}
		}
		return t.keepDerived(ctx)
	})
}

func holdsOthers() error {
	return applications.Errorf(applications.FailedPrecondition, "NOT_A_DATABASE",
		"the database is not empty, and holds tables of something else; make an empty database for this program, or name a schema of its own with search_path in the URL; nothing was changed")
}

// somebodyElseMigrates: of two servers that make the first table at the same
// moment one is told that it exists, or that a key of the catalog does.
func (s *Store) somebodyElseMigrates(ctx context.Context, err error) error {
	if f, ok := s.db.dialect().classify(err); ok && (f == failDuplicate || f == failTableExists) {
		return lostRace()
	}
	return s.explain(ctx, err)
}

// checkMigrations compares what the database went through with the steps of
// this program, and returns how many it has.
func (t *tx) checkMigrations(ctx context.Context, steps []migration) (int, error) {
	done := 0
	err := t.each(ctx, queryMigrations, nil, func(r rows) error {
		var version int
		var checksum string
		if err := r.Scan(&version, &checksum); err != nil {
			return err
		}
		done++
		if version > len(steps) {
			return applications.Errorf(applications.FailedPrecondition, "DATABASE_NEWER",
				"the database was written by a newer version of this program (its schema has a step %d, this program knows %d); start that version or a newer one, or restore a backup from before the upgrade; nothing was changed", version, len(steps))
		}
		if version != done || checksum != steps[version-1].checksum {
			return applications.Errorf(applications.FailedPrecondition, "MIGRATION_CHANGED",
				"the database's schema is not one that this program made (step %d differs): it was made by a modified build, or changed from outside; start the build that made it, or restore a backup; nothing was changed", done)
		}
		return nil
	})
	return done, err
}

func (t *tx) checkMasterKey(ctx context.Context) error {
	var id string
	var check []byte
	found, err := t.one(ctx, queryInstallation, nil, &id, &check)
	if err != nil {
		return err
	}
	if !found {
		return applications.Errorf(failDamaged.code, failDamaged.reason, "the database does not say which master key it belongs to; %s", failDamaged.message)
	}
	if id, err = t.s.restoredKey(id); err != nil {
		return err
	}
	_, err = t.s.vault.Follow(id, check, nil) // keepDerived comes when the schema is right
	return err
}

// install fills an empty schema: the master key it belongs to, the
// installation's own data key, an empty audit log.
func (t *tx) install(ctx context.Context) error {
	if _, err := t.exec(ctx, insertInstallation, t.s.vault.KeyID(), t.s.vault.Check(), t.s.now().UnixMicro()); err != nil {
		return err
	}
	if err := t.addDataKey(ctx, installation); err != nil {
		return err
	}
	_, err := t.exec(ctx, insertAuditHead, []byte{}, t.s.headMAC(0, nil))
	return err
}
