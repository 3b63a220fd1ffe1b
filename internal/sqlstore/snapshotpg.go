package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// connectPostgresWhole opens one connection of its own.
func connectPostgresWhole(ctx context.Context, database string) (w whole, err error) {
	config, err := parsePostgres(database)
	if err != nil {
		return w, err
	}
	w = whole{d: postgresDialect, from: postgresCatalog, db: stdlib.OpenDB(*config.ConnConfig)}
	w.db.SetMaxOpenConns(1)
	if err := w.db.PingContext(ctx); err != nil {
		w.db.Close()
		return w, cannotConnect(ctx, &config.ConnConfig.Config, err)
	}
	return w, nil
}

// openPostgresWhole begins a transaction that sees one state. Alone: nobody
// else may be connected to the database, and its tables are locked against
// writing.
func openPostgresWhole(ctx context.Context, database string, alone bool) (_ whole, err error) {
	w, err := connectPostgresWhole(ctx, database)
	if err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			err = w.explain(ctx, err)
			w.db.Close()
		}
	}()
	var there bool
	if err = w.db.QueryRowContext(ctx, `SELECT to_regclass('migrations') IS NOT NULL`).Scan(&there); err != nil {
		return w, err
	}
	if !there {
		return w, applications.Errorf(applications.FailedPrecondition, "NO_INSTALLATION", "there is no installation in the %s", Describe(database))
	}
	var lock string
	if alone {
		if err = w.nobodyElse(ctx, Describe(database)); err != nil {
			return w, err
		}
		tables, err := readTables(ctx, w.db, w.from)
		if err != nil {
			return w, err
		}
		names := make([]string, len(tables))
		for i, t := range tables {
			names[i] = t.name
		}
		lock = "LOCK TABLE " + strings.Join(names, ", ") + " IN SHARE MODE"
	}
	if w.tx, err = w.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}); err != nil {
		return w, err
	}
	if lock != "" {
		// First of all: what the transaction sees is fixed by its first query.
		if _, err = w.tx.ExecContext(ctx, "SET LOCAL lock_timeout = '5s'"); err != nil {
			return w, err
		}
		if _, err = w.tx.ExecContext(ctx, lock); err != nil {
			return w, err
		}
	}
	return w, nil
}

// nobodyElse refuses a database that others are connected to. A server that
// was just stopped may need a moment to be gone.
func (w *whole) nobodyElse(ctx context.Context, name string) error {
	for try := 0; ; try++ {
		var n int
		var who sql.NullString
		err := w.db.QueryRowContext(ctx, `SELECT count(*), string_agg(DISTINCT nullif(application_name, ''), ', ')
			FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL`).Scan(&n, &who)
		if err != nil || n == 0 {
			return err
		}
		if try == 20 {
			how := fmt.Sprintf("%d other connections", n)
			if who.String != "" {
				how += " (" + who.String + ")"
			}
			return inUse(name, how)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
}

// emptyPostgresWhole begins a transaction that fills an empty database.
func emptyPostgresWhole(ctx context.Context, database string) (_ whole, err error) {
	w, err := connectPostgresWhole(ctx, database)
	if err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			err = w.explain(ctx, err)
			w.db.Close()
		}
	}()
	if err = w.unused(ctx, Describe(database)); err != nil {
		return w, err
	}
	// A commit is never interrupted: nobody would know how it went.
	w.tx, err = w.db.BeginTx(context.WithoutCancel(ctx), nil)
	return w, err
}

// unused refuses a database that holds anything or is in use. It looks again
// after it may have waited for somebody to go.
func (w *whole) unused(ctx context.Context, name string) error {
	if err := w.empty(ctx, name); err != nil {
		return err
	}
	if err := w.nobodyElse(ctx, name); err != nil {
		return err
	}
	return w.empty(ctx, name)
}

// empty refuses a database that holds anything.
func (w *whole) empty(ctx context.Context, name string) error {
	var schema sql.NullString
	var things int
	if err := w.db.QueryRowContext(ctx, `SELECT current_schema(),
		(SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind <> 'i')`).Scan(&schema, &things); err != nil {
		return err
	}
	switch {
	case !schema.Valid:
		return applications.Errorf(failNoSchema.code, failNoSchema.reason, "%s: %s", name, failNoSchema.message)
	case things > 0:
		return notEmpty("the " + name)
	}
	return nil
}

// PostgresEmpty refuses a PostgreSQL database that holds anything
// (TARGET_NOT_EMPTY) or that others are connected to (DATABASE_IN_USE), and
// tells its server's version, as 150004, and the schema that tables get into.
func PostgresEmpty(ctx context.Context, database string) (version int, schema string, err error) {
	w, err := connectPostgresWhole(ctx, database)
	if err != nil {
		return 0, "", err
	}
	defer w.db.Close()
	if err = w.unused(ctx, Describe(database)); err == nil {
		version, schema, err = w.server(ctx, w.db)
	}
	if err != nil {
		return 0, "", w.explain(ctx, err)
	}
	return version, schema, nil
}

func (w *whole) server(ctx context.Context, q interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (version int, schema string, err error) {
	err = q.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_schema()`).Scan(&version, &schema)
	return version, schema, err
}

// Export makes a snapshot of a PostgreSQL database usable for other
// connections, such as pg_dump's, as long as it is open: its name, the
// server's version, as 150004, and the schema that the tables are in.
func (sn *Snapshot) Export(ctx context.Context) (id string, version int, schema string, err error) {
	if err = sn.tx.QueryRowContext(ctx, `SELECT pg_export_snapshot()`).Scan(&id); err == nil {
		version, schema, err = sn.server(ctx, sn.tx)
	}
	if err != nil {
		return "", 0, "", sn.explain(ctx, err)
	}
	return id, version, schema, nil
}

// LibpqEnvironment are the variables that tell PostgreSQL's own programs how to
// reach a database, so that neither a URL nor a password stands in their
// arguments.
func LibpqEnvironment(database string) ([]string, error) {
	pool, err := parsePostgres(database)
	if err != nil {
		return nil, err
	}
	c := pool.ConnConfig.Config
	env := []string{"PGHOST=" + c.Host, "PGPORT=" + strconv.Itoa(int(c.Port)), "PGUSER=" + c.User, "PGDATABASE=" + c.Database, "PGAPPNAME=fairlead"}
	if c.Password != "" {
		env = append(env, "PGPASSWORD="+c.Password)
	}
	u, err := url.Parse(database)
	if err != nil {
		return nil, err // parsePostgres took it
	}
	q := u.Query()
	for _, word := range []string{"sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni", "channel_binding", "krbsrvname", "gssencmode", "target_session_attrs"} {
		if v := q.Get(word); v != "" {
			name := strings.ReplaceAll(word, "_", "")
			if word == "krbsrvname" || word == "gssencmode" || strings.HasPrefix(word, "ssl") {
				name = word
			}
			env = append(env, "PG"+strings.ToUpper(name)+"="+v)
		}
	}
	// Whatever else the URL sets is a setting of the session, such as
	// search_path.
	var settings []string
	for name, value := range c.RuntimeParams {
		switch name {
		case "application_name", "options":
		default:
			settings = append(settings, "-c "+name+"="+strings.NewReplacer(`\`, `\\`, ` `, `\ `).Replace(value))
		}
	}
	slices.Sort(settings)
	if o := c.RuntimeParams["options"]; o != "" {
		settings = append(settings, o)
	}
	if len(settings) > 0 {
		env = append(env, "PGOPTIONS="+strings.Join(settings, " "))
	}
	return env, nil
}

// restoringKey stands where a restored database names its master key until it
// is complete: no server, of this version or an older one, starts on it.
const restoringKey = "restoring"

// BeginRestored gives a restored PostgreSQL database its installation row, from
// a line in COPY's format for the columns named, marked as not complete. Only a
// Store that is opened with Options.Restoring takes it.
func BeginRestored(ctx context.Context, database, columns string, line []byte) error {
	pool, err := parsePostgres(database)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, pool.ConnConfig)
	if err != nil {
		return cannotConnect(ctx, &pool.ConnConfig.Config, err)
	}
	defer conn.Close(ctx)
	return restored(ctx, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE restored_row (LIKE installation) ON COMMIT DROP`); err != nil {
			return err
		}
		if _, err := conn.PgConn().CopyFrom(ctx, bytes.NewReader(line), `COPY restored_row `+columns+` FROM STDIN`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE restored_row SET key_id = $1`, restoringKey); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO installation SELECT * FROM restored_row`)
		return err
	}))
}

// EndRestored takes the mark away: the database is complete.
func EndRestored(ctx context.Context, database string, v *vault.Vault) error {
	return changeRestored(ctx, database, false, func(w *whole, tables []table) error {
		if err := w.analyze(ctx, tables); err != nil {
			return err
		}
		_, err := w.tx.ExecContext(ctx, `UPDATE installation SET key_id = $1 WHERE key_id = $2`, v.KeyID(), restoringKey)
		return err
	})
}

// DropRestored takes away again what a restore has put into an empty database
// and did not complete. A database that is complete it leaves alone.
func DropRestored(ctx context.Context, database string) error {
	// Alone: a program that was interrupted may still be committing.
	return changeRestored(ctx, database, true, func(w *whole, tables []table) error {
		if len(tables) == 0 {
			return nil
		}
		var complete int
		if err := w.tx.QueryRowContext(ctx, `SELECT count(*) FROM installation WHERE key_id <> $1`, restoringKey).Scan(&complete); err != nil || complete > 0 {
			return err
		}
		for _, t := range slices.Backward(tables) { // what refers to others first
			if _, err := w.tx.ExecContext(ctx, "DROP TABLE "+t.name); err != nil {
				return err
			}
		}
		return nil
	})
}

func changeRestored(ctx context.Context, database string, alone bool, change func(*whole, []table) error) error {
	w, err := connectPostgresWhole(ctx, database)
	if err != nil {
		return err
	}
	defer w.db.Close()
	if alone {
		if err := w.nobodyElse(ctx, Describe(database)); err != nil {
			return w.explain(ctx, err)
		}
	}
	if w.tx, err = w.db.BeginTx(ctx, nil); err != nil {
		return w.explain(ctx, err)
	}
	defer w.tx.Rollback() // after a commit this does nothing
	tables, err := readTables(ctx, w.tx, w.from)
	if err == nil {
		err = change(&w, tables)
	}
	if err == nil {
		err = w.tx.Commit()
	}
	return restored(ctx, err)
}

func restored(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return (&whole{d: postgresDialect}).explain(ctx, err)
}

// restoredKey is the id of the master key that a database names, as far as the
// mark of a restore hides it.
func (s *Store) restoredKey(id string) (string, error) {
	switch {
	case id != restoringKey:
		return id, nil
	case s.restoring:
		return s.vault.KeyID(), nil
	}
	return "", applications.Errorf(applications.FailedPrecondition, "RESTORE_UNFINISHED",
		"the database is being restored, or a restore into it was cut off; wait for its end, or drop the database, make it again, and restore once more")
}
