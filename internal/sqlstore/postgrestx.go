package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openfairlead/fairlead/applications"
)

// postgresTx is one transaction on one connection. Nothing reaches the server
// before the first statement, which BEGIN goes along with.
type postgresTx struct {
	db     *postgresDB
	pool   *pgxpool.Pool
	conn   *pgxpool.Conn
	queued []queued // go along with the next statement
	begun  bool
	write  bool
	// beginning is how many statements begin the transaction.
	beginning int
	ended     func()
}

// queued is a statement whose result nobody looks at, but for an error.
type queued struct {
	text string
	args []any
}

func (t *postgresTx) exec(ctx context.Context, q *query, args []any) (int64, error) {
	tag, err := t.run(ctx, t.db.texts[q.index], args)
	return tag.RowsAffected(), err
}

func (t *postgresTx) run(ctx context.Context, text string, args []any) (pgconn.CommandTag, error) {
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	if len(t.queued) == 0 {
		tag, err := t.conn.Exec(ctx, text, args...)
		return tag, t.noticed(err)
	}
	results := t.send(ctx, text, args)
	tag, err := results.Exec()
	if e := results.Close(); e != nil { // the first of its errors
		err = e
	}
	return tag, t.noticed(err)
}

// mostQueued bounds what waits in memory for the next statement.
const mostQueued = 256

func (t *postgresTx) later(ctx context.Context, q *query, args []any) error {
	if len(t.queued) < mostQueued {
		t.queued = append(t.queued, queued{t.db.texts[q.index], args})
		return nil
	}
	_, err := t.exec(ctx, q, args)
	return err
}

func (t *postgresTx) query(ctx context.Context, q *query, args []any) (rows, error) {
	ctx, cancel := t.bounded(ctx)
	text := t.db.texts[q.index]
	var r postgresRows
	var err error
	if len(t.queued) == 0 {
		r = postgresRows{tx: t, cancel: cancel}
		r.Rows, err = t.conn.Query(ctx, text, args...)
	} else {
		r = postgresRows{tx: t, cancel: cancel, batch: t.send(ctx, text, args)}
		r.Rows, err = r.batch.Query()
	}
	if err != nil {
		if e := r.Close(); e != nil {
			err = e
		}
		return nil, err
	}
	return r, nil
}

// send sends what is queued and one statement more, and reads up to that one's
// result.
func (t *postgresTx) send(ctx context.Context, text string, args []any) pgx.BatchResults {
	var b pgx.Batch
	for _, q := range t.queued {
		b.Queue(q.text, q.args...)
	}
	b.Queue(text, args...)
	before := len(t.queued)
	t.queued, t.begun = nil, true
	results := t.conn.SendBatch(ctx, &b)
	for range before {
		if _, err := results.Exec(); err != nil {
			break // the next call gives the same
		}
	}
	return results
}

// bounded gives a statement a deadline if its caller has none.
func (t *postgresTx) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok || t.db.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, t.db.limit)
}

// noticed gives up the pool after an error that broke the connection.
func (t *postgresTx) noticed(err error) error {
	if err == nil || !t.conn.Conn().IsClosed() {
		return err
	}
	t.db.lost(t.pool)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return &lostConnection{err}
}

// script runs several statements; only migrations do.
func (t *postgresTx) script(ctx context.Context, text string) error {
	if len(t.queued) > 0 {
		if _, err := t.run(ctx, "SELECT 1", nil); err != nil {
			return err
		}
	}
	_, err := t.conn.Conn().PgConn().Exec(ctx, postgresDialect.sql(text)).ReadAll()
	return t.noticed(err)
}

func (t *postgresTx) commit(ctx context.Context) error {
	if !t.begun && !t.queuedWork() { // nothing was read or written
		t.release()
		return nil
	}
	tag, err := t.run(ctx, "COMMIT", nil)
	if err == nil && tag.String() == "COMMIT" {
		t.release()
		return nil
	}
	if err == nil {
		err = errors.New("the transaction had failed before its commit")
	}
	lost := t.conn.Conn().IsClosed()
	_ = t.rollback() // what went along with the commit may have failed before it
	if !lost || !t.write {
		return err // the server says that it stored nothing
	}
	return applications.Errorf(applications.Unavailable, "OUTCOME_UNKNOWN",
		"the database did not say in time whether this was stored; send it again with the same request id, which never does it twice")
}

// queuedWork reports whether more is queued than what begins a transaction.
func (t *postgresTx) queuedWork() bool { return len(t.queued) > t.beginning }

// rollback never fails: what a transaction has read was stored.
func (t *postgresTx) rollback() error {
	defer t.release()
	if t.begun && !t.conn.Conn().IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), answerGrace)
		defer cancel()
		_, err := t.conn.Exec(ctx, "ROLLBACK")
		t.noticed(err) // the server rolls back what it has lost
	}
	return nil
}

func (t *postgresTx) release() {
	if c := t.conn.Conn(); c.PgConn().CustomData()[endedStatement] != nil {
		// A late request to end that statement must not hit somebody else's.
		ctx, cancel := context.WithTimeout(context.Background(), answerGrace)
		defer cancel()
		c.Close(ctx) // the pool drops it
	}
	t.conn.Release()
	t.ended()
}

// postgresRows are a result, and the batch that it came in.
type postgresRows struct {
	pgx.Rows
	tx     *postgresTx
	batch  pgx.BatchResults
	cancel context.CancelFunc
}

func (r postgresRows) Err() error { return r.tx.noticed(r.Rows.Err()) }

func (r postgresRows) Close() error {
	defer r.cancel()
	r.Rows.Close()
	err := r.Rows.Err()
	if r.batch != nil {
		if e := r.batch.Close(); e != nil {
			err = e
		}
	}
	return r.tx.noticed(err)
}

// lostConnection marks an error of a broken connection before the commit: the
// server has rolled back, or will.
type lostConnection struct{ err error }

func (e *lostConnection) Error() string { return e.err.Error() }
func (e *lostConnection) Unwrap() error { return e.err }

// endedStatement marks a connection on which a statement was ended.
const endedStatement = "fairlead: a statement was ended"

// statementEnder asks the server to end a statement when its context ends, so
// that it stops waiting, and holding locks, now; and closes the connection if
// the server does not answer.
type statementEnder struct {
	conn  *pgconn.PgConn
	asked chan struct{}
}

func (e *statementEnder) HandleCancel(context.Context) {
	deadline := time.Now().Add(answerGrace)
	e.conn.Conn().SetDeadline(deadline)
	e.conn.CustomData()[endedStatement] = true
	e.asked = make(chan struct{})
	go func() {
		defer close(e.asked)
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		e.conn.CancelRequest(ctx) // if it fails, the deadline ends the waiting
	}()
}

func (e *statementEnder) HandleUnwatchAfterCancel() {
	<-e.asked
	e.conn.Conn().SetDeadline(time.Time{})
}

// classifyPostgres maps SQLSTATEs.
func classifyPostgres(err error) (failure, bool) {
	var lost *lostConnection
	if errors.As(err, &lost) {
		return failLost, true
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		f := bySQLState(refused.Code)
		if f == failInternal {
			f.message = "SQLSTATE " + refused.Code
		}
		return f, true
	}
	var connecting *pgconn.ConnectError
	if errors.As(err, &connecting) {
		return failUnavailable, true
	}
	return failure{}, false
}
