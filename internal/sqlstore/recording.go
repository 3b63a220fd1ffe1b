package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Recording is what a store has sent to its database in committed Updates:
// statement by statement with all values, in transactions, and on SQLite in the
// groups that were committed at once. It is for measuring what the database
// alone takes for the same work.
type Recording struct {
	mu     sync.Mutex
	groups []*recordedGroup // in the order in which they began
	open   map[*sqliteGroup]*recordedGroup
}

// recordedGroup is what one commit made durable; on PostgreSQL always one
// transaction.
type recordedGroup struct{ members []*recordedTx }

type recordedTx struct {
	statements []recorded
	committed  bool
}

// logged is the size that the transaction gave the audit log, 0 for none.
func (t *recordedTx) logged() int64 {
	for _, s := range t.statements {
		if s.query == updateAuditHead {
			size, _ := s.args[0].(int64)
			return size
		}
	}
	return 0
}

type recorded struct {
	query *query
	args  []any
	rows  bool // it is asked for rows
	later bool // it goes along with the next one
}

// Record begins a recording of every Update from now on. No transaction may be
// in progress. The store cannot be asked for its pools any more.
func (s *Store) Record() *Recording {
	r := &Recording{open: map[*sqliteGroup]*recordedGroup{}}
	s.db = &recordingBackend{s.db, r}
	return r
}

// Transactions is how many were committed.
func (r *Recording) Transactions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, g := range r.groups {
		for _, t := range g.members {
			if t.committed {
				n++
			}
		}
	}
	return n
}

// String tells what a transaction is made of.
func (r *Recording) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	transactions, statements, size, groups := 0, 0, 0, 0
	for _, g := range r.groups {
		before := transactions
		for _, t := range g.members {
			if !t.committed {
				continue
			}
			transactions++
			statements += len(t.statements)
			for _, s := range t.statements {
				for _, a := range s.args {
					switch a := a.(type) {
					case []byte:
						size += len(a)
					case string:
						size += len(a)
					}
				}
			}
		}
		if transactions > before {
			groups++
		}
	}
	n := max(1, transactions)
	return fmt.Sprintf("%d transactions of %.1f statements and %d bytes of values, %.1f of them to a commit",
		transactions, float64(statements)/float64(n), size/n, float64(transactions)/float64(max(1, groups)))
}

type recordingBackend struct {
	backend
	r *Recording
}

func (b *recordingBackend) begin(ctx context.Context, write bool) (transaction, error) {
	t, err := b.backend.begin(ctx, write)
	if err != nil || !write {
		return t, err
	}
	one := &recordedTx{}
	b.r.mu.Lock()
	defer b.r.mu.Unlock()
	var group *recordedGroup
	w, grouped := t.(*sqliteWrite)
	if grouped {
		group = b.r.open[w.group]
	}
	if group == nil {
		group = &recordedGroup{}
		b.r.groups = append(b.r.groups, group)
	}
	if grouped {
		b.r.open[w.group] = group
	}
	group.members = append(group.members, one)
	return &recordingTx{t, b.r, one}, nil
}

type recordingTx struct {
	transaction
	r   *Recording
	one *recordedTx
}

func (t *recordingTx) add(q *query, args []any, rows, later bool) {
	args = slices.Clone(args)
	for i, a := range args {
		if b, ok := a.([]byte); ok {
			args[i] = slices.Clone(b)
		}
	}
	t.one.statements = append(t.one.statements, recorded{q, args, rows, later})
}

func (t *recordingTx) exec(ctx context.Context, q *query, args []any) (int64, error) {
	t.add(q, args, false, false)
	return t.transaction.exec(ctx, q, args)
}

func (t *recordingTx) later(ctx context.Context, q *query, args []any) error {
	t.add(q, args, false, true)
	return t.transaction.later(ctx, q, args)
}

func (t *recordingTx) query(ctx context.Context, q *query, args []any) (rows, error) {
	t.add(q, args, true, false)
	return t.transaction.query(ctx, q, args)
}

func (t *recordingTx) commit(ctx context.Context) error {
	err := t.transaction.commit(ctx)
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	t.one.committed = err == nil
	return err
}

// Replay does what was recorded again, on another copy of the database that
// the recording began with: the same statements with the same values in the
// same transactions, through the same driver with the same settings, prepared
// before, and nothing else. It ends after limit, or when all is done, and
// returns how many transactions it committed and the time that they took.
// PostgreSQL is sent them over so many connections at a time; SQLite has one.
func (r *Recording) Replay(ctx context.Context, database string, connections int, limit time.Duration) (transactions int, took time.Duration, err error) {
	if IsPostgres(database) {
		return r.replayPostgres(ctx, database, connections, limit)
	}
	return r.replaySQLite(ctx, database, limit)
}

func (r *Recording) replaySQLite(ctx context.Context, path string, limit time.Duration) (transactions int, took time.Duration, err error) {
	db, err := openPool(path, 1, writerSettings)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	prepared := map[string]*sql.Stmt{}
	prepare := func(text string) (err error) {
		if prepared[text] == nil {
			prepared[text], err = conn.PrepareContext(ctx, text)
		}
		return err
	}
	for _, text := range []string{"BEGIN IMMEDIATE", "SAVEPOINT member", "RELEASE member", "COMMIT"} {
		if err := prepare(text); err != nil {
			return 0, 0, err
		}
	}
	for _, g := range r.groups {
		for _, t := range g.members {
			for _, s := range t.statements {
				if err := prepare(sqliteDialect.sql(s.query.text)); err != nil {
					return 0, 0, err
				}
			}
		}
	}
	texts := make([]*sql.Stmt, len(queries))
	for i, q := range queries {
		texts[i] = prepared[sqliteDialect.sql(q.text)]
	}
	do := func(text string) error {
		_, err := prepared[text].ExecContext(ctx)
		return err
	}
	begin := time.Now()
	for _, g := range r.groups {
		if took = time.Since(begin); took >= limit {
			break
		}
		first := true
		for _, t := range g.members {
			if !t.committed {
				continue
			}
			before, after := "SAVEPOINT member", "RELEASE member"
			if first {
				before, after = "BEGIN IMMEDIATE", ""
			}
			if err := do(before); err != nil {
				return transactions, took, err
			}
			for _, s := range t.statements {
				if err := runSQLite(ctx, texts[s.query.index], s); err != nil {
					return transactions, took, fmt.Errorf("%s: %w", s.query.text, err)
				}
			}
			if after != "" {
				if err := do(after); err != nil {
					return transactions, took, err
				}
			}
			first = false
			transactions++
		}
		if !first {
			if err := do("COMMIT"); err != nil {
				return transactions, took, err
			}
		}
	}
	return transactions, time.Since(begin), nil
}

func runSQLite(ctx context.Context, stmt *sql.Stmt, s recorded) error {
	if !s.rows {
		_, err := stmt.ExecContext(ctx, s.args...)
		return err
	}
	rows, err := stmt.QueryContext(ctx, s.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(sql.RawBytes)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// replayPostgres begins the transactions in the order in which they were
// committed, which is that of the audit log: all wait for its head, last.
func (r *Recording) replayPostgres(ctx context.Context, database string, n int, limit time.Duration) (int, time.Duration, error) {
	config, err := parsePostgres(database)
	if err != nil {
		return 0, 0, err
	}
	connections := make([]*pgx.Conn, n)
	for i := range connections {
		if connections[i], err = pgx.ConnectConfig(ctx, config.ConnConfig.Copy()); err != nil {
			return 0, 0, err
		}
		defer connections[i].Close(ctx)
	}
	var all []*recordedTx
	for _, g := range r.groups {
		for _, t := range g.members {
			if t.committed {
				all = append(all, t)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *recordedTx) int { return cmp.Compare(a.logged(), b.logged()) })
	var next, done atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, len(connections))
	begin := time.Now()
	for i, conn := range connections {
		wg.Go(func() {
			for errs[i] == nil && time.Since(begin) < limit {
				n := int(next.Add(1) - 1)
				if n >= len(all) {
					return
				}
				if errs[i] = runPostgres(ctx, conn, all[n]); errs[i] == nil {
					done.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(done.Load()), time.Since(begin), errors.Join(errs...)
}

// runPostgres sends a transaction in as few round trips as the store does.
func runPostgres(ctx context.Context, conn *pgx.Conn, t *recordedTx) error {
	b := &pgx.Batch{}
	b.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	send := func() error {
		err := conn.SendBatch(ctx, b).Close()
		b = &pgx.Batch{}
		return err
	}
	for _, s := range t.statements {
		b.Queue(postgresDialect.sql(s.query.text), s.args...)
		if s.later {
			continue
		}
		if err := send(); err != nil {
			return fmt.Errorf("%s: %w", s.query.text, err)
		}
	}
	b.Queue("COMMIT")
	return send()
}
