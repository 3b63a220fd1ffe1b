package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openfairlead/fairlead/applications"
)

const (
	oldestPostgres     = 15
	defaultConnections = 16              // of one server, unless the URL says pool_max_conns
	connectTimeout     = 5 * time.Second // unless the URL says connect_timeout
	pingTimeout        = time.Second     // of a connection that lay idle
	// answerGrace is how long the server may take to say that it ended a
	// statement whose context is over, before the connection is given up.
	answerGrace = 300 * time.Millisecond
	// statementLimit ends a statement of a caller who set no deadline, such as a
	// background task, when the network has swallowed it.
	statementLimit = time.Minute
)

// IsPostgres reports whether a database is the URL of a PostgreSQL database,
// and not the path of a file.
func IsPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Describe is what messages call a database: the path, or where the server is,
// without what a URL may keep secret.
func Describe(database string) string {
	if !IsPostgres(database) {
		if isPath(database) != nil {
			return "a URL"
		}
		return database
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return "PostgreSQL"
	}
	return serverName(&config.Config)
}

func serverName(c *pgconn.Config) string {
	host := c.Host
	if !strings.HasPrefix(host, "/") { // a socket's folder
		host = net.JoinHostPort(host, strconv.Itoa(int(c.Port)))
	}
	return fmt.Sprintf("PostgreSQL database %s at %s", c.Database, host)
}

// postgresDB is a database of a PostgreSQL server.
type postgresDB struct {
	gate
	config       *pgxpool.Config
	texts        []string // by query.index
	serializable bool
	// durable: the server would acknowledge what is not on its disk yet, and is
	// told in each Update not to.
	durable bool
	// limit bounds each statement without a deadline; 0 while migrating, which
	// may take long, or wait for another server that migrates.
	limit time.Duration
	// writers holds a place for each Update: when many wait for each other's
	// rows, connections are left for Views.
	writers chan struct{}

	poolMu sync.Mutex
	pool   *pgxpool.Pool
	old    sync.WaitGroup // pools that were given up and are closing
}

func openPostgres(ctx context.Context, o Options) (*postgresDB, error) {
	config, err := parsePostgres(o.Database)
	if err != nil {
		return nil, err
	}
	db := &postgresDB{config: config, serializable: o.Serializable, writers: make(chan struct{}, max(1, config.MaxConns/2))}
	for _, q := range queries {
		db.texts = append(db.texts, postgresDialect.sql(q.text))
	}
	if db.pool, err = pgxpool.NewWithConfig(ctx, config.Copy()); err != nil {
		return nil, err
	}
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		db.pool.Close()
		return nil, cannotConnect(ctx, &config.ConnConfig.Config, err)
	}
	defer conn.Release()
	var commit string
	if err := conn.QueryRow(ctx, "SELECT current_setting('synchronous_commit')").Scan(&commit); err != nil {
		go db.pool.Close() // after the release
		return nil, cannotConnect(ctx, &config.ConnConfig.Config, err)
	}
	db.durable = commit == "off"
	return db, nil
}

// parsePostgres reads a URL. What is wrong with it is said without quoting it:
// it may hold a password.
func parsePostgres(database string) (*pgxpool.Config, error) {
	plain, err := pgx.ParseConfig(database)
	var config *pgxpool.Config
	if err == nil {
		config, err = pgxpool.ParseConfig(database)
	}
	if err != nil {
		return nil, applications.Errorf(applications.FailedPrecondition, "DATABASE_URL_INVALID",
			"the URL of the database cannot be read%s; write it as postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full, with %%XX for each character of the password that is no letter or digit", urlProblem(err))
	}
	if plain.RuntimeParams["pool_max_conns"] == "" {
		config.MaxConns = defaultConnections
	}
	if config.PingTimeout == 0 {
		config.PingTimeout = pingTimeout
	}
	c := config.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "fairlead"
	}
	c.AfterConnect = checkServer
	if c.RuntimeParams["plan_cache_mode"] == "" && !strings.Contains(c.RuntimeParams["options"], "plan_cache_mode") {
		c.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
			if err := checkServer(ctx, conn); err != nil {
				return err
			}
			return planEachTime(ctx, conn)
		}
	}
	c.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler { return &statementEnder{conn: conn} }
	return config, nil
}

// urlProblem is what can be said about a URL without quoting it.
func urlProblem(err error) string {
	for _, word := range []string{"port", "sslmode", "sslrootcert", "sslcert", "sslkey", "TLS", "connect_timeout", "target_session_attrs", "pool_max_conns", "default_query_exec_mode"} {
		if strings.Contains(strings.ReplaceAll(err.Error(), "parse", ""), "invalid "+word) || strings.Contains(err.Error(), word+" ") {
			return " (look at its " + word + ")"
		}
	}
	return ""
}

// checkServer looks at what the server said of itself when it let us in.
func checkServer(_ context.Context, conn *pgconn.PgConn) error {
	version, _, _ := strings.Cut(conn.ParameterStatus("server_version"), " ")
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(strings.TrimRight(major, "abcdefghijklmnopqrstuvwxyz")); err == nil && n < oldestPostgres {
		return applications.Errorf(applications.FailedPrecondition, "DATABASE_TOO_OLD",
			"the server is PostgreSQL %s; this program needs %d or later", version, oldestPostgres)
	}
	if encoding := conn.ParameterStatus("server_encoding"); encoding != "UTF8" {
		return applications.Errorf(applications.FailedPrecondition, "DATABASE_NOT_UTF8",
			"the database's encoding is %s; make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// planEachTime keeps the server from planning a prepared statement once and for
// all. A plan made while a table was empty reads it whole; until autovacuum had
// counted the table, each submission of a new installation read all requests
// before it. Planning each time costs less than that plan's first thousand
// rows. Asked for after the start, as poolers refuse what they do not know
// there; a server without the setting plans as it likes.
func planEachTime(ctx context.Context, conn *pgconn.PgConn) error {
	err := conn.Exec(ctx, "SET plan_cache_mode = force_custom_plan").Close()
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return nil
	}
	return err
}

// cannotConnect says why the first connection failed, without the server's
// words.
func cannotConnect(ctx context.Context, c *pgconn.Config, err error) error {
	var ours *applications.Error
	if errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	why := "it does not answer; check host, port and TLS, and that the server runs"
	var refused *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(err, &refused):
		switch {
		case strings.HasPrefix(refused.Code, "28"):
			why = "it refuses the role or the password, or this machine (pg_hba.conf)"
		case refused.Code == "3D000":
			why = "there is no such database; make it with CREATE DATABASE"
		case refused.Code == "42501":
			why = "the role may not connect to this database; GRANT CONNECT"
		case refused.Code == "53300":
			why = "it has no connection left; raise max_connections, or lower pool_max_conns in the URL"
		case refused.Code == "57P03":
			why = "it is starting or stopping; try again shortly"
		case refused.Code == "08P01" || refused.Code == "42704" || refused.Code == "22023":
			why = "it, or a pooler before it, does not know a setting in the URL"
		}
	case errors.As(err, &network):
		why = fmt.Sprintf("%v; check host and port, and that the server runs", network.Err)
	}
	return applications.Errorf(applications.Unavailable, "DATABASE_UNAVAILABLE", "cannot connect to the %s: %s", serverName(c), why)
}

// prepare ends the patience that migrating needs. Statements are prepared by
// each connection when it runs them first.
func (db *postgresDB) prepare(context.Context) error {
	db.limit = statementLimit
	return nil
}

func (db *postgresDB) dialect() *dialect { return postgresDialect }

func (db *postgresDB) begin(ctx context.Context, write bool) (_ transaction, err error) {
	if err := db.enter(); err != nil {
		return nil, err
	}
	ended := db.leave
	defer func() {
		if err != nil {
			ended()
		}
	}()
	if write {
		select {
		case db.writers <- struct{}{}:
			ended = func() { <-db.writers; db.leave() }
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	pool := db.current()
	conn, err := pool.Acquire(ctx)
	for err != nil && ctx.Err() == nil && pool != db.current() { // it was given up meanwhile
		pool = db.current()
		conn, err = pool.Acquire(ctx)
	}
	if err != nil {
		return nil, err
	}
	begin := []queued{{text: db.beginning(write)}}
	if write && db.durable {
		begin = append(begin, queued{text: "SET LOCAL synchronous_commit = on"})
	}
	return &postgresTx{db: db, pool: pool, conn: conn, queued: begin, beginning: len(begin), write: write, ended: ended}, nil
}

func (db *postgresDB) current() *pgxpool.Pool {
	db.poolMu.Lock()
	defer db.poolMu.Unlock()
	return db.pool
}

// beginning begins a transaction. Writers wait for each other where they change
// the same row, and look at what is there then; the conditions of the updates
// and the unique keys do the rest.
func (db *postgresDB) beginning(write bool) string {
	switch {
	case db.serializable && write:
		return "BEGIN ISOLATION LEVEL SERIALIZABLE"
	case db.serializable:
		return "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
	case write:
		return "BEGIN ISOLATION LEVEL READ COMMITTED"
	default:
		return "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	}
}

// lost gives up a pool after one of its connections broke: the others were
// most likely made before the same fault, and closing what the network has
// swallowed takes long. New transactions connect anew at once.
func (db *postgresDB) lost(pool *pgxpool.Pool) {
	db.poolMu.Lock()
	defer db.poolMu.Unlock()
	if db.pool != pool {
		return // somebody else noticed first
	}
	fresh, err := pgxpool.NewWithConfig(context.Background(), db.config.Copy())
	if err != nil {
		return // a matter of the configuration, which made a pool before
	}
	db.pool = fresh
	db.old.Go(pool.Close) // waits for the transactions that still use it
}

func (db *postgresDB) close() error {
	if !db.shut() {
		return nil
	}
	db.current().Close()
	db.old.Wait()
	return nil
}

// scrub makes the server forget the rows that were overwritten or deleted, as
// far as no transaction may still read them. It overwrites no bytes: see
// docs/keys.md.
func (db *postgresDB) scrub(ctx context.Context) error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.leave()
	_, err := db.current().Exec(ctx, "VACUUM "+strings.Join(scrubbed(), ", "))
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "42601" || refused.Code == "0A000" || refused.Code == "42501") {
		return nil // a server that vacuums by itself, or lets only the owner do so
	}
	return err
}

// scrubbed are the tables that hold what is erased, overwritten or destroyed.
func scrubbed() []string {
	tables := []string{"links", "data_keys", "derived_keys"}
	for _, c := range sealedColumns {
		if !slices.Contains(tables, c.table) {
			tables = append(tables, c.table)
		}
	}
	return tables
}

// notScrubbed counts the tables that the role may not VACUUM: it owns neither
// them nor the database, and nobody has granted it MAINTAIN, which came with
// version 17. The server answers VACUUM with a warning then, and no error.
const notScrubbed = `SELECT count(*) FROM pg_class AS t JOIN pg_database AS d ON d.datname = current_database()
	WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = ANY($1)
	AND NOT pg_has_role(t.relowner, 'USAGE') AND NOT pg_has_role(d.datdba, 'USAGE')
	AND CASE WHEN current_setting('server_version_num')::int < 170000 THEN true ELSE NOT has_table_privilege(t.oid, 'MAINTAIN') END`

func (db *postgresDB) scrubs(ctx context.Context) (bool, error) {
	if err := db.enter(); err != nil {
		return false, err
	}
	defer db.leave()
	n := 0
	err := db.current().QueryRow(ctx, notScrubbed, scrubbed()).Scan(&n)
	return n == 0, err
}

func (db *postgresDB) pools() map[string]PoolStats {
	s := db.current().Stat()
	return map[string]PoolStats{"all": {
		Open: int(s.TotalConns()), InUse: int(s.AcquiredConns()), Waits: s.EmptyAcquireCount(), Waited: s.EmptyAcquireWaitTime(),
	}}
}
