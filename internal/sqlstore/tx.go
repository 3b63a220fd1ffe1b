package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// tx is one transaction: it implements applications.Tx and audit.Log.
type tx struct {
	s      *Store
	db     transaction
	write  bool
	closed bool
	// failed is the first error that leaves the transaction in doubt. It cannot
	// commit any more, even if the caller ignored that error.
	failed error
	// keys are the programs' current data keys, as this transaction saw them.
	keys map[string]*vault.DataKey
	// seen are the revisions that this transaction read, for updates, by noun
	// and key.
	seen map[row]int64
	// undo puts back, last first, what a transaction that is not committed has
	// changed in the values of its caller.
	undo []func()
	// answered: a View has seen something.
	answered bool
	// events are appended at the end.
	events []applications.Event
	// committed runs after a successful commit.
	committed []func()
}

const (
	// maxAttempts of a transaction that keeps losing races, some two seconds.
	// Where all are serializable, eight that insert into the same tables beside
	// each other lose two races of three, and twelve attempts were too few.
	maxAttempts = 40
	maxBackoff  = 50 * time.Millisecond // between two of them
)

// inTx runs fn in a transaction: commits if it returns nil, rolls back if it
// fails or panics, and runs it again if the database says that it lost a race.
// A store that knows that the database has another master key, and has not got
// it, does not even read: what it would believe may have ended with the old one.
func (s *Store) inTx(ctx context.Context, write bool, fn func(*tx) error) error {
	if s.behind.Load() {
		if err := s.follow(ctx); err != nil {
			return err
		}
	}
	return s.run(ctx, write, fn)
}

func (s *Store) run(ctx context.Context, write bool, fn func(*tx) error) error {
	if err := s.calls.enter(); err != nil {
		return err
	}
	defer s.calls.leave()
	for attempt := 1; ; attempt++ {
		before := s.vault.KeyID()
		again, err := s.once(ctx, write, fn)
		if keyChanged(err) {
			if err := s.follow(ctx); err != nil {
				return err
			}
			if s.vault.KeyID() != before {
				continue
			}
		}
		var lost *conflict
		if err == nil || !errors.As(err, &lost) {
			return err
		}
		if attempt == maxAttempts || !again {
			return lost.err
		}
		wait := min(time.Millisecond<<min(attempt, 6), maxBackoff)
		select {
		case <-time.After(wait/2 + rand.N(wait)):
		case <-ctx.Done():
			return contextError(ctx)
		}
	}
}

// conflict marks an error after which the whole transaction may be run again.
type conflict struct{ err error }

func lostRace() error {
	return &conflict{applications.Errorf(failRetry.code, failRetry.reason, "%s", failRetry.message)}
}

func (c *conflict) Error() string { return c.err.Error() }
func (c *conflict) Unwrap() error { return c.err }

// once runs fn once. After a conflict it says whether fn may run again: not
// the function of a View that has seen something, and may have passed it on.
func (s *Store) once(ctx context.Context, write bool, fn func(*tx) error) (again bool, err error) {
	if ctx.Err() != nil {
		return false, contextError(ctx)
	}
	db, err := s.db.begin(ctx, write)
	if err != nil {
		return true, s.explain(ctx, err)
	}
	t := &tx{s: s, db: db, write: write}
	open, committed := true, false
	defer func() { // also when fn panics
		t.closed = true
		if open {
			_ = db.rollback() // a panic goes on either way
		}
		for i := len(t.undo) - 1; i >= 0 && !committed; i-- {
			t.undo[i]()
		}
	}()
	err = fn(t)
	if err == nil && t.failed == nil {
		err = t.flushEvents(ctx)
	}
	if t.failed != nil { // whatever fn made of it
		err = t.failed
	}
	if err != nil {
		open = false
		if undone := db.rollback(); undone != nil && t.failed == nil {
			return true, s.explain(ctx, undone)
		}
		return write || !t.answered, err
	}
	if ctx.Err() != nil {
		return false, contextError(ctx)
	}
	if write && s.loseCommit != nil && s.loseCommit() {
		return true, lostRace()
	}
	open = false
	if err := db.commit(ctx); err != nil {
		return write, s.explain(ctx, err)
	}
	committed = true
	for _, f := range t.committed {
		f()
	}
	return false, nil
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	if err := t.ready(ctx, q, args); err != nil {
		return 0, err
	}
	n, err := t.db.exec(ctx, q, args)
	if err != nil {
		return 0, t.fail(ctx, q, err)
	}
	return n, nil
}

// later is exec for a statement whose result is of no interest, but that it
// succeeds before the commit does.
func (t *tx) later(ctx context.Context, q *query, args ...any) error {
	if err := t.ready(ctx, q, args); err != nil {
		return err
	}
	if err := t.db.later(ctx, q, args); err != nil {
		return t.fail(ctx, q, err)
	}
	return nil
}

// one reads the first row of a result into dest and reports whether there is
// one.
func (t *tx) one(ctx context.Context, q *query, args []any, dest ...any) (found bool, err error) {
	err = t.each(ctx, q, args, func(r rows) error {
		if found {
			return nil
		}
		found = true
		return r.Scan(dest...)
	})
	return found, err
}

// each calls fn for each row of a result. fn may not use the transaction: some
// databases run one statement at a time.
func (t *tx) each(ctx context.Context, q *query, args []any, fn func(rows) error) error {
	if err := t.ready(ctx, q, args); err != nil {
		return err
	}
	r, err := t.db.query(ctx, q, args)
	if err != nil {
		return t.fail(ctx, q, err)
	}
	for r.Next() {
		t.answered = true
		if err = ctx.Err(); err == nil {
			err = fn(checkedRows{r})
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = r.Err()
	}
	if err2 := r.Close(); err == nil {
		err = err2
	}
	if err != nil {
		return t.fail(ctx, q, err)
	}
	return nil
}

// checkedRows keeps the words of database/sql, which quote values, out of
// errors.
type checkedRows struct{ rows }

func (r checkedRows) Scan(dest ...any) error {
	if err := r.rows.Scan(dest...); err != nil {
		return applications.Errorf(failDamaged.code, failDamaged.reason, "a stored column has a type it cannot have: %s", failDamaged.message)
	}
	return nil
}

// ready refuses what must not reach the database.
func (t *tx) ready(ctx context.Context, q *query, args []any) error {
	if t.closed {
		return errors.New("sqlstore: the transaction is over")
	}
	if t.failed != nil {
		return t.failed
	}
	if q.write && !t.write {
		return errReadOnly
	}
	if ctx.Err() != nil {
		t.failed = contextError(ctx)
		return t.failed
	}
	for _, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return notText()
		}
	}
	return nil
}

// row names a row whose changes are numbered.
type row struct{ noun, program, id string }

// saw notes the revision of a row that a function is about to change.
func (t *tx) saw(noun, program, id string, revision int64) {
	if !t.write {
		return
	}
	if t.seen == nil {
		t.seen = map[row]int64{}
	}
	t.seen[row{noun, program, id}] = revision
}

// renumber gives a caller's value the revision that its row has now.
func (t *tx) renumber(noun, program, id string, revision *int64, to int64) {
	before := *revision
	t.undo = append(t.undo, func() { *revision = before })
	*revision = to
	t.saw(noun, program, id, to)
}

// stale is why an update found its row, and not the revision: the caller has
// an old one, or somebody changed the row since this transaction read it. Then
// what it decided meanwhile may be wrong, and it runs again.
func (t *tx) stale(ctx context.Context, q *query, noun, program, id string, revision int64) error {
	if seen, ok := t.seen[row{noun, program, id}]; ok && seen == revision {
		return t.fail(ctx, q, lostRace())
	}
	return stale(noun)
}

// fail remembers an error of the database: the transaction cannot commit. The
// log gets the statement, which holds no values.
func (t *tx) fail(ctx context.Context, q *query, err error) error {
	t.failed = t.s.explain(ctx, err)
	if applications.CodeOf(t.failed) == applications.Internal {
		t.failed = fmt.Errorf("%w, in: %s", t.failed, q.text)
	}
	return t.failed
}

// notText is the same on every database, whether it could keep it or not.
func notText() error {
	return applications.Errorf(applications.InvalidArgument, "TEXT_INVALID",
		"a text is not valid UTF-8 or, where a key is expected, holds a NUL; send it as UTF-8")
}

// explain turns an error of the driver into one of ours. What nobody can do
// anything about stays an internal error, without the database's words.
func (s *Store) explain(ctx context.Context, err error) error {
	var ours *applications.Error
	if errors.As(err, &ours) {
		return err
	}
	if ctx.Err() != nil {
		return contextError(ctx)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) { // the store's doing, not the caller's
		return applications.Errorf(failUnavailable.code, failUnavailable.reason, "%s", failUnavailable.message)
	}
	f, ok := s.db.dialect().classify(err)
	if !ok {
		return fmt.Errorf("sqlstore: %w", err)
	}
	if f.code == applications.Internal {
		return fmt.Errorf("sqlstore: the database refused a statement: %s", f.message)
	}
	out := applications.Errorf(f.code, f.reason, "%s", f.message)
	if f.retry {
		return &conflict{out}
	}
	return out
}

// contextError is what a caller gets whose context ended.
func contextError(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return applications.Errorf(applications.DeadlineExceeded, "DEADLINE_EXCEEDED", "the time for this call ran out; nothing was changed: %w", ctx.Err())
	}
	return applications.Errorf(applications.Canceled, "CANCELED", "the call was canceled; nothing was changed: %w", context.Canceled)
}
