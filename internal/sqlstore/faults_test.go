package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/vault"
)

// faulty is a backend that fails where a test says.
type faulty struct {
	backend
	statements int   // that still succeed; then each fails
	commits    int   // that still succeed
	err        error // what fails with
	begun      int
}

func (b *faulty) begin(ctx context.Context, write bool) (transaction, error) {
	b.begun++
	t, err := b.backend.begin(ctx, write)
	if err != nil {
		return nil, err
	}
	return &faultyTx{t, b}, nil
}

type faultyTx struct {
	transaction
	b *faulty
}

func (t *faultyTx) fault() bool {
	t.b.statements--
	return t.b.statements < 0
}

func (t *faultyTx) exec(ctx context.Context, q *query, args []any) (int64, error) {
	if t.fault() {
		return 0, t.b.err
	}
	return t.transaction.exec(ctx, q, args)
}

func (t *faultyTx) later(ctx context.Context, q *query, args []any) error {
	if t.fault() {
		return t.b.err
	}
	return t.transaction.later(ctx, q, args)
}

func (t *faultyTx) query(ctx context.Context, q *query, args []any) (rows, error) {
	if t.fault() {
		return nil, t.b.err
	}
	return t.transaction.query(ctx, q, args)
}

func (t *faultyTx) commit(ctx context.Context) error {
	t.b.commits--
	if t.b.commits < 0 {
		return errors.Join(t.b.err, t.rollback())
	}
	return t.transaction.commit(ctx)
}

// openFaulty opens a store whose backend can be made to fail.
func openFaulty(t *testing.T) (*Store, *faulty) {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "f.db"), Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b := &faulty{backend: s.db, statements: 1 << 30, commits: 1 << 30}
	s.db = b
	return s, b
}

func (b *faulty) heal() { b.statements, b.commits = 1<<30, 1<<30 }

// submit is a transaction with a bit of everything.
func submit(ctx context.Context, s *Store, id string) error {
	return s.Update(ctx, func(tx applications.Tx) error {
		n, err := tx.NextCode(ctx, "p1")
		if err != nil {
			return err
		}
		a := &applications.Application{Program: "p1", ID: id, Code: fmt.Sprintf("NS-%d", n), State: applications.Submitted}
		if err := tx.InsertApplication(ctx, a, []byte(id)); err != nil {
			return err
		}
		if err := tx.SaveRequest(ctx, &applications.Request{Program: "p1", Method: "M", ID: id, Hash: []byte("h"), Answer: []byte("answer")}); err != nil {
			return err
		}
		return tx.AppendEvents(ctx,
			applications.Event{Action: "application.create", Resource: "programs/p1/applications/" + id, Reason: "by phone"},
			applications.Event{Action: "application.submit", Resource: "programs/p1/applications/" + id})
	})
}

// TestFaultAtEachStatement: wherever a transaction fails, it leaves neither
// data nor events, and the next one succeeds.
func TestFaultAtEachStatement(t *testing.T) {
	s, b := openFaulty(t)
	ctx := t.Context()
	if err := s.Update(ctx, func(tx applications.Tx) error { return tx.InsertProgram(ctx, &applications.Program{ID: "p1"}) }); err != nil {
		t.Fatal(err)
	}
	done := 0
	check := func(k int) {
		t.Helper()
		b.heal()
		err := s.View(ctx, func(tx applications.Tx) error {
			list, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "p1"})
			if err != nil {
				return err
			}
			p, err := tx.Program(ctx, "p1")
			if err != nil {
				return err
			}
			if len(list) != done || p.ApplicationCount != done {
				t.Fatalf("fault %d: %d applications, %d counted, want %d", k, len(list), p.ApplicationCount, done)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		report, err := audit.Verify(ctx, s, nil)
		if err != nil || report.Size != int64(2*done) {
			t.Fatalf("fault %d: %d events, want %d (%v)", k, report.Size, 2*done, err)
		}
	}
	boom := errors.New("boom")
	k := 0
	for ; ; k++ {
		b.err, b.statements = boom, k
		err := submit(ctx, s, fmt.Sprintf("statement-%d", k))
		if err == nil {
			break
		}
		if !errors.Is(err, boom) {
			t.Fatalf("fault %d came out as %v", k, err)
		}
		check(k)
	}
	done++
	if k < 8 {
		t.Fatalf("only %d statements were made to fail", k)
	}
	check(k)
	b.err, b.commits = boom, 0
	if err := submit(ctx, s, "commit"); !errors.Is(err, boom) {
		t.Fatalf("the failed commit came out as %v", err)
	}
	check(-1)
	if err := submit(ctx, s, "after"); err != nil {
		t.Fatal(err)
	}
	done++
	check(-2)
}

// TestIgnoredErrorDoesNotCommit: what fn makes of a failed statement does not
// matter.
func TestIgnoredErrorDoesNotCommit(t *testing.T) {
	s, b := openFaulty(t)
	ctx := t.Context()
	b.err = errors.New("boom")
	err := s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, &applications.Program{ID: "p1"}); err != nil {
			return err
		}
		b.statements = 0
		if _, err := tx.NextCode(ctx, "p1"); err == nil {
			t.Error("no error")
		}
		b.heal()
		return nil
	})
	if !errors.Is(err, b.err) {
		t.Fatalf("got %v", err)
	}
	err = s.View(ctx, func(tx applications.Tx) error { _, err := tx.Program(ctx, "p1"); return err })
	if applications.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
		t.Fatalf("got %v", err)
	}
}

// TestRetry: a transaction that lost a race runs again, and not for ever.
func TestRetry(t *testing.T) {
	s, b := openFaulty(t)
	ctx := t.Context()
	b.err = &conflict{applications.Errorf(failRetry.code, failRetry.reason, "%s", failRetry.message)}
	runs := 0
	fn := func(failing int) func(tx applications.Tx) error {
		runs = 0
		return func(tx applications.Tx) error {
			runs++
			b.heal()
			if runs <= failing {
				b.statements = 1
			}
			return tx.InsertProgram(ctx, &applications.Program{ID: fmt.Sprintf("p%d", failing)})
		}
	}
	if err := s.Update(ctx, fn(3)); err != nil || runs != 4 {
		t.Fatalf("%d runs, %v", runs, err)
	}
	if err := s.Update(ctx, fn(1000)); applications.CodeOf(err) != applications.Aborted || applications.ReasonOf(err) != "TRANSACTION_CONFLICT" || runs != maxAttempts {
		t.Fatalf("%d runs, %v", runs, err)
	}
	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	if err := s.Update(short, fn(2000)); applications.CodeOf(err) != applications.DeadlineExceeded {
		t.Fatalf("got %v", err)
	}
	// A commit can lose the race, too.
	b.heal()
	runs = 0
	err := s.Update(ctx, func(tx applications.Tx) error {
		if runs++; runs == 1 {
			b.commits = 0
		} else {
			b.heal()
		}
		return tx.InsertProgram(ctx, &applications.Program{ID: "commit"})
	})
	if err != nil || runs != 2 {
		t.Fatalf("%d runs, %v", runs, err)
	}
}

// TestGroupFailsTogether: some errors of SQLite roll back the
// whole transaction; then nobody in the group is told that all is well.
func TestGroupFailsTogether(t *testing.T) {
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	s, err := Open(ctx, Options{Database: filepath.Join(t.TempDir(), "f.db"), Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	insert := func(id string, then func(*tx)) error {
		return s.inTx(ctx, true, func(t *tx) error {
			err := t.InsertProgram(ctx, &applications.Program{ID: id})
			then(t)
			return err
		})
	}
	// The first holds the turn until the second waits, so that they share a
	// group; the second ends the transaction under both.
	first, second, inside := make(chan error), make(chan error), make(chan struct{})
	db := s.db.(*sqliteDB)
	db.turns.age = time.Minute // however slow the machine is
	go func() {
		first <- insert("first", func(*tx) {
			close(inside)
			for {
				db.turns.mu.Lock()
				waiting := len(db.turns.queue)
				db.turns.mu.Unlock()
				if waiting > 0 {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}()
	<-inside
	go func() {
		second <- insert("second", func(t *tx) {
			t.db.(*sqliteWrite).script(ctx, "ROLLBACK")
		})
	}()
	if err1, err2 := <-first, <-second; err1 == nil || err2 == nil {
		t.Fatalf("acknowledged what was rolled back: %v, %v", err1, err2)
	}
	if err := insert("third", func(*tx) {}); err != nil {
		t.Fatalf("the store does not recover: %v", err)
	}
	err = s.View(ctx, func(tx applications.Tx) error {
		list, err := tx.Programs(ctx, nil, "", 0)
		if len(list) != 1 || list[0].ID != "third" {
			t.Errorf("%d programs", len(list))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestRefusalsRestOnWhatIsStored: who is refused because of what another
// transaction of the same group wrote finds that written when told so; and if
// it comes to nothing, is not told so.
func TestRefusalsRestOnWhatIsStored(t *testing.T) {
	for _, c := range []struct {
		name   string
		broken bool
	}{{"the group is stored", false}, {"the group fails", true}} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := openFaulty(t)
			s.db = s.db.(*faulty).backend
			db, ctx := s.db.(*sqliteDB), t.Context()
			db.turns.age = time.Minute // however slow the machine is
			untilOneWaits := func() {
				for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
					db.turns.mu.Lock()
					waiting = len(db.turns.queue)
					db.turns.mu.Unlock()
				}
			}
			first, third, inside := make(chan error), make(chan error), make(chan struct{})
			go func() {
				first <- s.inTx(ctx, true, func(tx *tx) error {
					err := tx.InsertProgram(ctx, &applications.Program{ID: "first"})
					close(inside)
					untilOneWaits()
					return err
				})
			}()
			<-inside
			err := s.inTx(ctx, true, func(second *tx) error {
				err := second.InsertProgram(ctx, &applications.Program{ID: "first"})
				if applications.CodeOf(err) != applications.AlreadyExists {
					t.Errorf("the two did not meet: %v", err)
				}
				go func() { // keeps the group from being stored at once
					third <- s.inTx(ctx, true, func(*tx) error {
						time.Sleep(20 * time.Millisecond)
						return errors.New("changed its mind")
					})
				}()
				untilOneWaits()
				if c.broken {
					_ = second.db.(*sqliteWrite).script(ctx, "ROLLBACK") // undoes both
				}
				return err
			})
			stored := 0
			if err := s.View(ctx, func(tx applications.Tx) error {
				list, err := tx.Programs(ctx, nil, "", 0)
				stored = len(list)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			refused := applications.CodeOf(err) == applications.AlreadyExists
			if refused != !c.broken || (stored == 1) != refused {
				t.Errorf("told %v with %d programs stored", err, stored)
			}
			if err := <-first; (err == nil) == c.broken {
				t.Errorf("the first was told %v", err)
			}
			<-third
		})
	}
}

// TestQueries: every statement was prepared on the pools that run it, none
// takes more columns than it names, and in each key the program comes first.
func TestQueries(t *testing.T) {
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Database: filepath.Join(t.TempDir(), "q.db"), Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db := s.db.(*sqliteDB)
	if len(queries) < 60 {
		t.Fatalf("only %d queries", len(queries))
	}
	for i, q := range queries {
		if q.index != i || db.turns.stmts[i] == nil || (db.reads[i] == nil) != q.write {
			t.Errorf("not prepared: %s", q.text)
		}
		if strings.Contains(q.text, "*") && !strings.Contains(q.text, "count(*)") {
			t.Errorf("takes columns that it does not name: %s", q.text)
		}
		if got := sqliteDialect.sql(q.text); strings.Contains(got, "${") {
			t.Errorf("a word of the dialects is left: %s", got)
		}
	}
	rows, err := db.writer.Query(`SELECT l.name, i.name, c.name FROM pragma_table_list l, pragma_index_list(l.name) i, pragma_index_info(i.name) c
		WHERE i."unique" AND c.seqno = 0 AND EXISTS (SELECT 1 FROM pragma_table_info(l.name) p WHERE p.name = 'program')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	keys := 0
	for rows.Next() {
		var table, index, column string
		if err := rows.Scan(&table, &index, &column); err != nil {
			t.Fatal(err)
		}
		keys++
		if column != "program" && table != "links" && table != "enrollment_links" && table != "network_links" { // a link is found by its hash alone
			t.Errorf("the key %s of %s begins with %s", index, table, column)
		}
	}
	if keys < 8 {
		t.Fatalf("only %d keys were looked at", keys)
	}
}
