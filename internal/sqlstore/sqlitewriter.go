package sqlstore

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// sqliteWriter lets transactions onto the one connection that writes, in the
// order they came, and commits those that come close together at once: making
// a commit durable costs a disk 0.1 to 10 ms, however many rows are in it.
//
// Each transaction but the first of a group runs in a savepoint, so that its
// failure undoes nothing of the others. A transaction sees what those before
// it in its group wrote; none returns, not even one that fails, before that is
// on disk, and if the group fails, all of them fail.
type sqliteWriter struct {
	db    *sql.DB
	stmts []*sql.Stmt   // by query.index; nil while migrating
	age   time.Duration // at which a group commits; maxGroupAge but in tests

	mu    sync.Mutex
	busy  bool            // somebody has the turn
	queue []chan struct{} // who waits for it, first come first

	group *sqliteGroup // only touched by who has the turn
}

// sqliteGroup is one open SQLite transaction.
type sqliteGroup struct {
	conn    *sql.Conn
	tx      *sql.Tx
	members int // that wait for the commit
	started time.Time
	broken  error // why it cannot commit
	done    chan struct{}
	err     error // after done
}

// A group commits when nobody waits for a turn, or at these bounds.
const (
	maxGroup    = 64
	maxGroupAge = 10 * time.Millisecond
)

// begin waits for the turn, as long as ctx allows, and opens a group if there
// is none. ended is called when the transaction is over.
func (w *sqliteWriter) begin(ctx context.Context, ended func()) (transaction, error) {
	if err := w.acquire(ctx); err != nil {
		return nil, err
	}
	if w.group == nil {
		g, err := w.open(ctx)
		if err != nil {
			w.release()
			return nil, err
		}
		w.group = g
		return &sqliteWrite{sqliteTx: sqliteTx{g.tx, w.stmts}, w: w, group: g, first: true, ended: ended}, nil
	}
	g := w.group
	t := &sqliteWrite{sqliteTx: sqliteTx{g.tx, w.stmts}, w: w, group: g, ended: ended}
	if err := t.script(ctx, "SAVEPOINT member"); err != nil {
		g.broken = err
		w.release()
		return nil, err
	}
	return t, nil
}

func (w *sqliteWriter) open(ctx context.Context) (*sqliteGroup, error) {
	// From here on nothing waits, so that the context is only looked at between
	// statements: an interrupted statement would cost the connection with all
	// its prepared statements.
	ctx = context.WithoutCancel(ctx)
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &sqliteGroup{conn: conn, tx: tx, started: time.Now(), done: make(chan struct{})}, nil
}

func (w *sqliteWriter) acquire(ctx context.Context) error {
	w.mu.Lock()
	if !w.busy {
		w.busy = true
		w.mu.Unlock()
		return nil
	}
	turn := make(chan struct{}, 1)
	w.queue = append(w.queue, turn)
	w.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	for i, other := range w.queue {
		if other == turn {
			w.queue = append(w.queue[:i], w.queue[i+1:]...)
			w.mu.Unlock()
			return ctx.Err()
		}
	}
	w.mu.Unlock()
	w.release() // the turn came at the same moment: pass it on
	return ctx.Err()
}

// release gives the turn to the next in the queue, and commits the group
// before that if it is time, or if there is no next.
func (w *sqliteWriter) release() {
	for {
		w.mu.Lock()
		waiting := len(w.queue) > 0
		g := w.group
		full := g != nil && (g.broken != nil || g.members >= maxGroup || time.Since(g.started) >= w.age)
		if g == nil || (waiting && !full) {
			if waiting {
				next := w.queue[0]
				w.queue = w.queue[1:]
				next <- struct{}{}
			} else {
				w.busy = false
			}
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		w.group = nil
		g.finish()
	}
}

// finish commits, and tells the members how it went.
func (g *sqliteGroup) finish() {
	switch {
	case g.broken != nil:
		g.tx.Rollback()
		g.err = g.broken
	case g.members == 0:
		g.tx.Rollback()
	default:
		g.err = g.tx.Commit()
	}
	g.conn.Close()
	close(g.done)
}

// sqliteWrite is one member of a group.
type sqliteWrite struct {
	sqliteTx
	w     *sqliteWriter
	group *sqliteGroup
	first bool
	ended func()
}

func (t *sqliteWrite) commit(ctx context.Context) error {
	if !t.first {
		if err := t.script(ctx, "RELEASE member"); err != nil {
			t.group.broken = err
		}
	}
	t.group.members++
	t.w.release()
	<-t.group.done // not for ctx: the outcome has to be known
	t.ended()
	return t.group.err
}

// rollback waits, as commit does, for what others in the group wrote: a
// refusal such as "somebody else was faster" may rest on it, and whoever is
// told so looks at once, and has to find it.
func (t *sqliteWrite) rollback() error {
	if t.first {
		t.w.group = nil
		t.group.finish() // without members: a rollback
	} else if err := t.script(context.Background(), "ROLLBACK TO member; RELEASE member"); err != nil {
		// Some errors of SQLite, such as a full disk, undo the transaction.
		t.group.broken = err
	}
	others := t.group.members > 0
	t.w.release()
	defer t.ended()
	if !others {
		return nil
	}
	<-t.group.done
	return t.group.err
}
