package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var errOnPurpose = errors.New("on purpose")

var transactionCases = append([]testCase{
	{"an error rolls back, and comes out as it is", func(f *fixture) {
		err := f.Update(f.ctx, func(tx applications.Tx) error {
			if err := tx.InsertProgram(f.ctx, exampleProgram("p1")); err != nil {
				return err
			}
			return errOnPurpose
		})
		if err != errOnPurpose {
			f.Fatalf("got %v", err)
		}
		f.missing("PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "p1"); return err })
		f.programs("p1")
	}},
	{"an error leaves the caller's values as they were", func(f *fixture) {
		p := exampleProgram("p1")
		fail := func(do func(tx applications.Tx) error) {
			f.Helper()
			err := f.Update(f.ctx, func(tx applications.Tx) error {
				must(f, do(tx))
				return errOnPurpose
			})
			if err != errOnPurpose {
				f.Fatalf("got %v", err)
			}
		}
		p.Revision = 7
		fail(func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, p) })
		if p.Revision != 7 {
			f.Fatalf("revision %d", p.Revision)
		}
		f.do(func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, p) })
		fail(func(tx applications.Tx) error {
			must(f, tx.UpdateProgram(f.ctx, p))
			return tx.UpdateProgram(f.ctx, p)
		})
		if p.Revision != 1 {
			f.Fatalf("revision %d", p.Revision)
		}
		f.do(func(tx applications.Tx) error { return tx.UpdateProgram(f.ctx, p) })
	}},
	{"what was read and changed by somebody else meanwhile: it runs again", func(f *fixture) {
		f.programs("p1")
		must(f, f.Update(f.ctx, func(tx applications.Tx) error {
			return tx.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), nil)
		}))
		// Both read before either writes, where the backend lets them.
		both := make(chan struct{}, 2)
		for _, err := range race(2, func(int) error {
			first := true
			return f.Update(f.ctx, func(tx applications.Tx) error {
				a, err := tx.Application(f.ctx, "p1", "a")
				if err != nil {
					return err
				}
				if first {
					first = false
					both <- struct{}{}
					for range 50 {
						if len(both) == 2 {
							break
						}
						time.Sleep(time.Millisecond)
					}
				}
				a.CodeGeneration++
				return tx.UpdateApplication(f.ctx, a, nil)
			})
		}) {
			must(f, err)
		}
		before := exampleApplication("p1", "a", 1).CodeGeneration
		if a := getApplication(f, "p1", "a"); a.CodeGeneration != before+2 || a.Revision != 3 {
			f.Fatalf("%d changes, revision %d", a.CodeGeneration-before, a.Revision)
		}
	}},
	{"a submission and the end of the call: one after the other", func(f *fixture) {
		for i := range 8 {
			id := fmt.Sprint("p", i)
			f.programs(id)
			for _, err := range race(6, func(i int) error {
				return f.Update(f.ctx, func(tx applications.Tx) error {
					p, err := tx.Program(f.ctx, id)
					if err != nil {
						return err
					}
					if i == 0 { // the end, which counts
						list, err := tx.Applications(f.ctx, applications.ApplicationQuery{Program: id})
						if err != nil {
							return err
						}
						p.State, p.Seats = applications.ProgramClosed, len(list)
						return tx.UpdateProgram(f.ctx, p)
					}
					if p.State == applications.ProgramClosed {
						return nil
					}
					return tx.InsertApplication(f.ctx, exampleApplication(id, fmt.Sprint(i), i), nil)
				})
			}) {
				must(f, err)
			}
			if p, n := getProgram(f, id), countAll(f, id); p.Seats != n {
				f.Fatalf("%d applications, %d of them before the end", n, p.Seats)
			}
		}
	}},
	{"a panic rolls back, and goes on", func(f *fixture) {
		for _, run := range []func(context.Context, func(applications.Tx) error) error{f.Update, f.View} {
			func() {
				defer func() {
					if r := recover(); r != errOnPurpose {
						f.Fatalf("recovered %v", r)
					}
				}()
				run(f.ctx, func(tx applications.Tx) error {
					tx.InsertProgram(f.ctx, exampleProgram("p1"))
					panic(errOnPurpose)
				})
			}()
		}
		f.missing("PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "p1"); return err })
		f.programs("p1")
	}},
	{"a transaction sees its own writes, nobody else before the commit", func(f *fixture) {
		f.do(func(tx applications.Tx) error {
			if err := tx.InsertProgram(f.ctx, exampleProgram("p1")); err != nil {
				return err
			}
			if _, err := tx.Program(f.ctx, "p1"); err != nil {
				f.Errorf("its own write: %v", err)
			}
			return f.View(f.ctx, func(other applications.Tx) error {
				_, err := other.Program(f.ctx, "p1")
				f.wantError(err, applications.NotFound, "PROGRAM_NOT_FOUND")
				return nil
			})
		})
		getProgram(f, "p1")
	}},
	{"a View sees one state from beginning to end", func(f *fixture) {
		f.programs("p1")
		f.see(func(tx applications.Tx) error {
			if _, err := tx.Program(f.ctx, "p1"); err != nil {
				return err
			}
			f.do(func(w applications.Tx) error {
				p, err := w.Program(f.ctx, "p1")
				if err != nil {
					return err
				}
				p.Seats = 99
				if err := w.UpdateProgram(f.ctx, p); err != nil {
					return err
				}
				return w.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), nil)
			})
			p, err := tx.Program(f.ctx, "p1")
			if err != nil {
				return err
			}
			list, err := tx.Applications(f.ctx, applications.ApplicationQuery{Program: "p1"})
			if p.Seats != 15 || len(list) != 0 {
				f.Errorf("the View sees a later write: %d seats, %d applications", p.Seats, len(list))
			}
			return err
		})
		if p := getProgram(f, "p1"); p.Seats != 99 {
			f.Fatalf("a new View sees %d seats", p.Seats)
		}
	}},
	{"Views run beside each other and beside an Update", func(f *fixture) {
		f.programs("p1")
		f.do(func(applications.Tx) error {
			return f.View(f.ctx, func(applications.Tx) error {
				return f.View(f.ctx, func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "p1"); return err })
			})
		})
	}},
	{"a transaction that is over does nothing", func(f *fixture) {
		f.programs("p1")
		var kept []applications.Tx
		keep := func(tx applications.Tx) error { kept = append(kept, tx); return nil }
		f.do(keep)
		f.see(keep)
		_ = f.Update(f.ctx, func(tx applications.Tx) error { kept = append(kept, tx); return errOnPurpose })
		for _, tx := range kept {
			_, err := tx.Program(f.ctx, "p1")
			f.wantInternal(err)
			f.wantInternal(tx.InsertForm(f.ctx, exampleForm("p1", 1)))
		}
	}},
	{"a context that has ended", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for _, run := range []func(context.Context, func(applications.Tx) error) error{f.Update, f.View} {
			f.wantError(run(ctx, func(applications.Tx) error {
				f.Error("the function ran")
				return nil
			}), applications.Canceled, "CANCELED")
		}
		f.wantError(f.Ping(ctx), applications.Canceled, "CANCELED")
	}},
	{"a context that ends in the middle", func(f *fixture) {
		f.programs("p1")
		ctx, cancel := context.WithCancel(f.ctx)
		err := f.Update(ctx, func(tx applications.Tx) error {
			if err := tx.InsertApplication(ctx, exampleApplication("p1", "a", 1), nil); err != nil {
				return err
			}
			cancel()
			f.wantError(tx.AppendEvents(ctx, exampleEvent("p1")), applications.Canceled, "CANCELED")
			return nil // an error that was ignored does not commit
		})
		f.wantError(err, applications.Canceled, "CANCELED")
		if n := countAll(f, "p1"); n != 0 {
			f.Fatalf("%d applications were stored", n)
		}
		f.verify(0)
	}},
	{"a context that ends before the commit", func(f *fixture) {
		ctx, cancel := context.WithCancel(f.ctx)
		f.wantError(f.Update(ctx, func(tx applications.Tx) error {
			defer cancel()
			return tx.InsertProgram(ctx, exampleProgram("p1"))
		}), applications.Canceled, "CANCELED")
		f.missing("PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "p1"); return err })
	}},
	{"a context that ends in a list", func(f *fixture) {
		f.programs("p1")
		insertApplications(f, "p1", 300, applications.Submitted)
		ctx, cancel := context.WithCancel(f.ctx)
		f.wantError(f.View(ctx, func(tx applications.Tx) error {
			cancel()
			_, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "p1"})
			return err
		}), applications.Canceled, "CANCELED")
	}},
	{"a deadline that passes while waiting for another writer", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error {
			// Both want the same row, so that every database makes one wait.
			if _, err := tx.NextCode(f.ctx, "p1"); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(f.ctx, 20*time.Millisecond)
			defer cancel()
			failed := make(chan error)
			go func() {
				failed <- f.Update(ctx, func(tx applications.Tx) error { _, err := tx.NextCode(ctx, "p1"); return err })
			}()
			select {
			case err := <-failed:
				f.wantError(err, applications.DeadlineExceeded, "DEADLINE_EXCEEDED")
			case <-time.After(10 * time.Second):
				f.Error("it waits longer than its context")
			}
			return nil
		})
		if n := nextCode(f, "p1"); n != 2 {
			f.Fatalf("number %d, want 2", n)
		}
	}},
	{"many writers, some of which fail: all or nothing for each", func(f *fixture) {
		f.programs("p1")
		const writers, each = 32, 6
		acknowledged := make([][]string, writers)
		race(writers, func(i int) error {
			for j := range each {
				id := fmt.Sprintf("%02d-%d", i, j)
				err := f.Update(f.ctx, func(tx applications.Tx) error {
					n, err := tx.NextCode(f.ctx, "p1")
					if err != nil {
						return err
					}
					if err := tx.InsertApplication(f.ctx, exampleApplication("p1", id, n), digest(id)); err != nil {
						return err
					}
					if err := tx.AppendEvents(f.ctx, exampleEvent("p1")); err != nil {
						return err
					}
					if (i+j)%3 == 0 {
						return errOnPurpose
					}
					return nil
				})
				if err == nil {
					acknowledged[i] = append(acknowledged[i], id)
				} else if err != errOnPurpose {
					f.Errorf("writer %d: %v", i, err)
				}
			}
			return nil
		})
		want := map[string]bool{}
		for _, ids := range acknowledged {
			for _, id := range ids {
				want[id] = true
			}
		}
		got := listApplications(f, applications.ApplicationQuery{Program: "p1"})
		for _, id := range got {
			if !want[id] {
				f.Errorf("%s was refused, and is there", id)
			}
		}
		if len(got) != len(want) || len(want) != writers*each*2/3 {
			f.Fatalf("%d applications, %d acknowledged, of %d", len(got), len(want), writers*each)
		}
		if p := getProgram(f, "p1"); p.ApplicationCount != len(want) {
			f.Fatalf("counted %d, want %d", p.ApplicationCount, len(want))
		}
		f.verify(len(want))
	}},
	{"waiting writers that give up stop nobody", func(f *fixture) {
		f.programs("p1")
		for i, err := range race(48, func(i int) error {
			ctx := f.ctx
			if i%2 == 1 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(i)*200*time.Microsecond)
				defer cancel()
			}
			return f.Update(ctx, func(tx applications.Tx) error {
				time.Sleep(500 * time.Microsecond)
				_, err := tx.NextCode(ctx, "p1")
				return err
			})
		}) {
			if err != nil && (i%2 == 0 || applications.ReasonOf(err) != "DEADLINE_EXCEEDED") {
				f.Errorf("writer %d: %v", i, err)
			}
		}
		if n := nextCode(f, "p1"); n < 25 {
			f.Fatalf("number %d, want at least 25", n)
		}
	}},
	{"ping", func(f *fixture) { must(f, f.Ping(f.ctx)) }},
	{"a closed store", func(f *fixture) {
		f.programs("p1")
		must(f, f.Close())
		f.wantError(f.Ping(f.ctx), applications.Unavailable, "STORE_CLOSED")
		f.wantError(f.Update(f.ctx, func(applications.Tx) error { return nil }), applications.Unavailable, "STORE_CLOSED")
		f.wantError(f.View(f.ctx, func(applications.Tx) error { return nil }), applications.Unavailable, "STORE_CLOSED")
		must(f, f.Close())
	}},
	{"closing waits for what runs", func(f *fixture) {
		f.programs("p1")
		inside, closed := make(chan struct{}), make(chan error)
		go func() {
			<-inside
			closed <- f.Close()
		}()
		var once sync.Once // the function may run again
		f.do(func(tx applications.Tx) error {
			once.Do(func() { close(inside) })
			time.Sleep(20 * time.Millisecond)
			_, err := tx.NextCode(f.ctx, "p1")
			return err
		})
		must(f, <-closed)
	}},
}, viewCases()...)

// viewCases check that each method that writes refuses to in a View.
func viewCases() []testCase {
	var out []testCase
	for _, w := range []struct {
		name string
		call func(ctx context.Context, tx applications.Tx) error
	}{
		{"InsertProgram", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertProgram(ctx, exampleProgram("p2"))
		}},
		{"UpdateProgram", func(ctx context.Context, tx applications.Tx) error {
			p, err := tx.Program(ctx, "p1")
			if err != nil {
				return nil
			}
			return tx.UpdateProgram(ctx, p)
		}},
		{"DeleteProgram", func(ctx context.Context, tx applications.Tx) error { return tx.DeleteProgram(ctx, "p1") }},
		{"InsertForm", func(ctx context.Context, tx applications.Tx) error { return tx.InsertForm(ctx, exampleForm("p1", 2)) }},
		{"InsertCriteria", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertCriteria(ctx, exampleCriteria("p1", 2))
		}},
		{"RegisterCriteria", func(ctx context.Context, tx applications.Tx) error {
			return tx.RegisterCriteria(ctx, registration("p1", 1))
		}},
		{"InsertPolicy", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertPolicy(ctx, examplePolicy("p1", "other"))
		}},
		{"UpdatePolicy", func(ctx context.Context, tx applications.Tx) error {
			p := examplePolicy("p1", "policy")
			p.Revision = 1
			return tx.UpdatePolicy(ctx, p)
		}},
		{"NextCode", func(ctx context.Context, tx applications.Tx) error { _, err := tx.NextCode(ctx, "p1"); return err }},
		{"InsertApplication", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertApplication(ctx, exampleApplication("p1", "other", 9), nil)
		}},
		{"UpdateApplication", func(ctx context.Context, tx applications.Tx) error {
			a := exampleApplication("p1", "application", 1)
			a.Revision = 1
			return tx.UpdateApplication(ctx, a, digest("other"))
		}},
		{"InsertSelection", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertSelection(ctx, exampleSelection("p1", "other"))
		}},
		{"UpdateSelection", func(ctx context.Context, tx applications.Tx) error {
			s := exampleSelection("p1", "selection")
			s.Revision = 1
			return tx.UpdateSelection(ctx, s)
		}},
		{"ClaimSelection", func(ctx context.Context, tx applications.Tx) error {
			_, err := tx.ClaimSelection(ctx, "worker", start, lease)
			return err
		}},
		{"RenewLease", func(ctx context.Context, tx applications.Tx) error {
			_, err := tx.RenewLease(ctx, "p1", "selection", "worker", lease)
			return err
		}},
		{"InsertUser", func(ctx context.Context, tx applications.Tx) error { return tx.InsertUser(ctx, exampleUser("other")) }},
		{"UpdateUser", func(ctx context.Context, tx applications.Tx) error {
			u := exampleUser("u")
			u.Revision = 1
			return tx.UpdateUser(ctx, u)
		}},
		{"InsertToken", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertToken(ctx, exampleToken("other"), false)
		}},
		{"InsertToken first", func(ctx context.Context, tx applications.Tx) error {
			return tx.InsertToken(ctx, exampleToken("other"), true)
		}},
		{"RevokeToken", func(ctx context.Context, tx applications.Tx) error { return tx.RevokeToken(ctx, "k", start) }},
		{"InsertLink", func(ctx context.Context, tx applications.Tx) error { return tx.InsertLink(ctx, exampleLink(9)) }},
		{"UseLink", func(ctx context.Context, tx applications.Tx) error {
			_, err := tx.UseLink(ctx, digest("link", "p1"), start)
			return err
		}},
		{"SaveRequest", func(ctx context.Context, tx applications.Tx) error {
			return tx.SaveRequest(ctx, exampleRequest("p1", "M", "other"))
		}},
		{"AppendEvents", func(ctx context.Context, tx applications.Tx) error { return tx.AppendEvents(ctx, exampleEvent("p1")) }},
	} {
		out = append(out, testCase{"a View refuses " + w.name, func(f *fixture) {
			populate(f, "p1")
			f.do(func(tx applications.Tx) error {
				if err := tx.InsertUser(f.ctx, exampleUser("u")); err != nil {
					return err
				}
				return tx.InsertToken(f.ctx, exampleToken("k"), false)
			})
			var refused error
			f.see(func(tx applications.Tx) error {
				refused = w.call(f.ctx, tx)
				return nil
			})
			f.wantInternal(refused)
			// In an Update the same call writes.
			if w.name != "RenewLease" && w.name != "InsertToken first" {
				f.do(func(tx applications.Tx) error { return w.call(f.ctx, tx) })
			}
		}})
	}
	return out
}
