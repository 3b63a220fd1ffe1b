// Package sqlstore keeps everything durable in an SQL database. It implements
// applications.Store, and is the only package that knows SQL.
//
// What a person wrote or answered stands in the database encrypted, under the
// data key of its program; only ids, codes, states, versions, times and hashes
// are columns of their own. See docs/decisions/0002-storage.md.
package sqlstore

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// Options are what a store needs.
type Options struct {
	// Database is the path of an SQLite file, whose folder is made if it does
	// not exist, or the postgres:// URL of a PostgreSQL database. A URL may hold
	// a password: it is in no error and no log.
	Database string
	// Vault holds the master key. A database knows which one it belongs to.
	Vault *vault.Vault
	// NoMigration refuses a database of an older version (DATABASE_OLDER)
	// instead of bringing it up to date: only a start of the server does that.
	NoMigration bool
	// Restoring accepts a PostgreSQL database whose restore is not complete yet.
	Restoring bool
	// Log gets migrations and nothing of anybody's data; nil: nothing.
	Log *slog.Logger
	// Now is the clock for creation times of keys and migrations; nil: the
	// system's.
	Now func() time.Time

	// Serializable makes PostgreSQL run every transaction at that isolation
	// level, which is the only one that some distributed databases have.
	Serializable bool
	// LoseCommit, in tests, is asked before each commit of an Update: true rolls
	// it back as a database does when the transaction lost a race (40001).
	LoseCommit func() bool
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	db          backend
	vault       *vault.Vault
	now         func() time.Time
	noMigration bool
	restoring   bool
	loseCommit  func() bool
	// opened holds unwrapped data keys: keyName -> *vault.DataKey.
	opened sync.Map
	forms  formCache
	// behind: the database has a master key that the vault has not got.
	behind atomic.Bool
	// calls are in progress from their first transaction to the end of their
	// last: one that lost a race while the store closes still runs again.
	calls gate
}

var _ applications.Store = (*Store)(nil)

// Open opens a database, makes or migrates its tables, and checks that the
// vault is the one it was written with. Every way this can fail for reasons
// outside the program is an *applications.Error that says what to do:
//
//	DATA_FOLDER_NOT_WRITABLE  the folder or the file cannot be written
//	NOT_A_DATABASE            the file or the database is something else
//	DATABASE_URL_INVALID      the URL cannot be read
//	DATABASE_UNAVAILABLE      the server cannot be reached, or refuses us
//	DATABASE_TOO_OLD          the server is older than PostgreSQL 15
//	DATABASE_NOT_UTF8         the database has another encoding
//	DATABASE_FORBIDDEN        the role may not make tables
//	DATABASE_SCHEMA_MISSING   the URL's search_path names no schema that is there
//	DATABASE_BUSY             another process has written to the file for a minute
//	DATABASE_NEWER            a newer version of the program wrote it
//	DATABASE_OLDER            an older one did, and NoMigration is set
//	NO_INSTALLATION           it is empty, and NoMigration is set
//	MIGRATION_CHANGED         its schema is not one that this program made
//	MASTER_KEY_MISMATCH       the vault holds another key
func Open(ctx context.Context, o Options) (*Store, error) {
	var db interface {
		backend
		// prepare makes the backend ready for requests, with the schema in place.
		prepare(context.Context) error
	}
	var err error
	if IsPostgres(o.Database) {
		db, err = openPostgres(ctx, o)
	} else {
		db, err = openSQLite(ctx, o.Database)
	}
	if err != nil {
		return nil, err
	}
	s, err := newStore(ctx, db, o)
	if err != nil {
		db.close()
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		db.close()
		return nil, err
	}
	s.loseCommit = o.LoseCommit
	return s, nil
}

func newStore(ctx context.Context, db backend, o Options) (*Store, error) {
	s := &Store{db: db, vault: o.Vault, now: o.Now, noMigration: o.NoMigration, restoring: o.Restoring}
	if s.now == nil {
		s.now = time.Now
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if err := s.migrate(ctx, log); err != nil {
		return nil, err
	}
	return s, nil
}

// View implements applications.Store.
func (s *Store) View(ctx context.Context, fn func(applications.Tx) error) error {
	return s.inTx(ctx, false, func(t *tx) error { return fn(t) })
}

// Update implements applications.Store.
func (s *Store) Update(ctx context.Context, fn func(applications.Tx) error) error {
	return s.inTx(ctx, true, func(t *tx) error { return fn(t) })
}

var (
	queryPing = newQuery(`SELECT key_id FROM installation WHERE one = 1`)
	// writePing changes nothing, and is written all the same: a full disk lets
	// transactions begin.
	writePing = newQuery(`UPDATE installation SET one = one WHERE one = 1`)
)

// Ping implements applications.Store.
func (s *Store) Ping(ctx context.Context) error {
	err := s.inTx(ctx, true, func(t *tx) error {
		_, err := t.exec(ctx, writePing)
		return err
	})
	if err != nil {
		return err
	}
	return s.CheckKey(ctx)
}

// Close implements applications.Store. Calls in progress finish; later ones
// get Unavailable.
func (s *Store) Close() error {
	s.calls.shut()
	return s.db.close()
}
