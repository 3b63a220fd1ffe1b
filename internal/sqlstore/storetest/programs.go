package storetest

import (
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

var programCases = []testCase{
	{"every field survives", func(f *fixture) {
		p := filled[applications.Program]()
		p.ApplicationCount, p.Revision = 0, 0
		f.do(func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, p) })
		if p.Revision != 1 {
			f.Fatalf("an insert set revision %d, want 1", p.Revision)
		}
		equal(f, getProgram(f, p.ID), p)
	}},
	{"missing", func(f *fixture) {
		f.missing("PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "nobody"); return err })
		f.missing("PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Program(f.ctx, ""); return err })
	}},
	{"insert twice", func(f *fixture) {
		f.programs("p1")
		again := exampleProgram("p1")
		again.Seats = 99
		f.refused(applications.AlreadyExists, "PROGRAM_EXISTS", func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, again) })
		if p := getProgram(f, "p1"); p.Seats != 15 || p.Revision != 1 {
			f.Fatalf("a refused insert changed the program: %+v", p)
		}
	}},
	{"insert without an id", func(f *fixture) {
		f.refused(applications.InvalidArgument, "PROGRAM_ID_MISSING", func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, exampleProgram("")) })
	}},
	{"list in order, page by page", func(f *fixture) {
		f.programs("c", "a", "e", "b", "d")
		for size := 1; size <= 6; size++ {
			var got []string
			for after := ""; ; {
				page := one(f, func(tx applications.Tx) ([]*applications.Program, error) { return tx.Programs(f.ctx, nil, after, size) })
				if len(page) == 0 {
					break
				}
				for _, p := range page {
					got = append(got, p.ID)
				}
				after = got[len(got)-1]
			}
			if fmt.Sprint(got) != "[a b c d e]" {
				f.Fatalf("pages of %d gave %v", size, got)
			}
		}
	}},
	{"list without a limit", func(f *fixture) {
		f.programs("a", "b", "c")
		if got := listPrograms(f, nil); got != "[a b c]" {
			f.Fatal(got)
		}
	}},
	{"list of nothing", func(f *fixture) {
		if got := listPrograms(f, nil); got != "[]" {
			f.Fatal(got)
		}
	}},
	{"list by state", func(f *fixture) {
		f.programs("a", "b", "c")
		f.do(func(tx applications.Tx) error {
			b, err := tx.Program(f.ctx, "b")
			if err != nil {
				return err
			}
			b.State = applications.ProgramOpen
			return tx.UpdateProgram(f.ctx, b)
		})
		for _, c := range []struct {
			states []applications.ProgramState
			want   string
		}{
			{[]applications.ProgramState{applications.ProgramOpen}, "[b]"},
			{[]applications.ProgramState{applications.ProgramDraft}, "[a c]"},
			{[]applications.ProgramState{applications.ProgramOpen, applications.ProgramDraft, applications.ProgramOpen}, "[a b c]"},
			{[]applications.ProgramState{applications.ProgramArchived}, "[]"},
			{[]applications.ProgramState{}, "[a b c]"},
		} {
			if got := listPrograms(f, c.states); got != c.want {
				f.Errorf("states %v: %s, want %s", c.states, got, c.want)
			}
		}
	}},
	{"list by each number of states", func(f *fixture) {
		states := []applications.ProgramState{
			applications.ProgramDraft, applications.ProgramOpen, applications.ProgramClosed, applications.ProgramSelecting, applications.ProgramOffersOut,
			applications.ProgramFilled, applications.ProgramRunning, applications.ProgramCompleted, applications.ProgramArchived,
		}
		f.do(func(tx applications.Tx) error {
			for i, s := range states {
				p := exampleProgram(fmt.Sprint(i))
				p.State = s
				if err := tx.InsertProgram(f.ctx, p); err != nil {
					return err
				}
			}
			return nil
		})
		for n := 1; n <= len(states); n++ {
			if got := one(f, func(tx applications.Tx) ([]*applications.Program, error) {
				return tx.Programs(f.ctx, states[:n], "", 0)
			}); len(got) != n {
				f.Errorf("%d states gave %d programs", n, len(got))
			}
		}
	}},
	{"update", func(f *fixture) {
		f.programs("p1")
		p := filled[applications.Program]()
		p.ID, p.Revision, p.ApplicationCount = "p1", 1, 0
		f.do(func(tx applications.Tx) error { return tx.UpdateProgram(f.ctx, p) })
		if p.Revision != 2 {
			f.Fatalf("revision %d after an update, want 2", p.Revision)
		}
		equal(f, getProgram(f, "p1"), p)
	}},
	{"update of a stale revision", func(f *fixture) {
		f.programs("p1")
		for _, revision := range []int64{0, 2, -1} {
			p := exampleProgram("p1")
			p.Revision, p.Seats = revision, 99
			f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateProgram(f.ctx, p) })
			if p.Revision != revision {
				f.Fatalf("a refused update set revision %d", p.Revision)
			}
		}
		if p := getProgram(f, "p1"); p.Seats != 15 || p.Revision != 1 {
			f.Fatalf("a refused update changed the program: %+v", p)
		}
	}},
	{"update of a missing one", func(f *fixture) {
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateProgram(f.ctx, exampleProgram("p1")) })
	}},
	{"update does not count applications", func(f *fixture) {
		f.programs("p1")
		f.do(func(tx applications.Tx) error {
			p, err := tx.Program(f.ctx, "p1")
			if err != nil {
				return err
			}
			if _, err := tx.NextCode(f.ctx, "p1"); err != nil {
				return err
			}
			p.ApplicationCount = 77
			return tx.UpdateProgram(f.ctx, p)
		})
		if n := getProgram(f, "p1").ApplicationCount; n != 1 {
			f.Fatalf("%d applications, want 1", n)
		}
	}},
	{"two updates of the same revision: one winner", func(f *fixture) {
		f.programs("p1")
		f.oneWinner(race(racers, func(i int) error {
			p := exampleProgram("p1")
			p.Revision, p.Seats = 1, i+1
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.UpdateProgram(f.ctx, p) })
		}), applications.Aborted, "STALE_REVISION")
	}},
	{"values are the caller's own", func(f *fixture) {
		p := exampleProgram("p1")
		f.do(func(tx applications.Tx) error { return tx.InsertProgram(f.ctx, p) })
		p.Title["en"] = "changed after the insert"
		got := getProgram(f, "p1")
		got.Title["en"] = "changed after the read"
		if again := getProgram(f, "p1"); again.Title["en"] != text("Equity in Leadership")["en"] {
			f.Fatalf("a change from outside shows: %q", again.Title["en"])
		}
	}},
	{"numbers of applicants", func(f *fixture) {
		f.programs("p1", "p2")
		for want := 1; want <= 3; want++ {
			if got := nextCode(f, "p1"); got != want {
				f.Fatalf("number %d, want %d", got, want)
			}
		}
		if got := nextCode(f, "p2"); got != 1 {
			f.Fatalf("another program's first number is %d", got)
		}
		if p := getProgram(f, "p1"); p.ApplicationCount != 3 || p.Revision != 1 {
			f.Fatalf("count %d and revision %d, want 3 and 1", p.ApplicationCount, p.Revision)
		}
	}},
	{"number of a missing program", func(f *fixture) {
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.NextCode(f.ctx, "p1"); return err })
	}},
	{"numbers under concurrency: no gap, none twice", func(f *fixture) {
		f.programs("p1")
		const each = 10
		seen := make([][]int, racers)
		for _, err := range race(racers, func(i int) error {
			for range each {
				n := 0
				if err := f.Update(f.ctx, func(tx applications.Tx) (err error) {
					n, err = tx.NextCode(f.ctx, "p1")
					return err
				}); err != nil {
					return err
				}
				seen[i] = append(seen[i], n)
			}
			return nil
		}) {
			must(f, err)
		}
		taken := map[int]bool{}
		for _, list := range seen {
			for _, n := range list {
				if taken[n] || n < 1 || n > racers*each {
					f.Fatalf("number %d twice or out of 1…%d", n, racers*each)
				}
				taken[n] = true
			}
		}
		if len(taken) != racers*each {
			f.Fatalf("%d numbers, want %d", len(taken), racers*each)
		}
	}},
	{"a number of a failed transaction is free again", func(f *fixture) {
		f.programs("p1")
		err := f.Update(f.ctx, func(tx applications.Tx) error {
			if _, err := tx.NextCode(f.ctx, "p1"); err != nil {
				return err
			}
			return errOnPurpose
		})
		if err != errOnPurpose {
			f.Fatal(err)
		}
		if n := nextCode(f, "p1"); n != 1 {
			f.Fatalf("number %d, want 1", n)
		}
	}},
	{"delete removes everything of it, and nothing else", func(f *fixture) {
		populate(f, "p1")
		populate(f, "p2")
		f.do(func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		f.see(func(tx applications.Tx) error {
			check := func(want bool, what string, err error) {
				f.Helper()
				if want != (err == nil) || (!want && applications.CodeOf(err) != applications.NotFound) {
					f.Errorf("%s: %v", what, err)
				}
			}
			for _, id := range []string{"p1", "p2"} {
				kept := id == "p2"
				_, err := tx.Program(f.ctx, id)
				check(kept, id+" program", err)
				_, err = tx.Form(f.ctx, id, 1)
				check(kept, id+" form", err)
				_, err = tx.Criteria(f.ctx, id, 1)
				check(kept, id+" criteria", err)
				_, err = tx.Policy(f.ctx, id, "policy")
				check(kept, id+" policy", err)
				_, err = tx.Application(f.ctx, id, "application")
				check(kept, id+" application", err)
				_, err = tx.ApplicationByReturnCode(f.ctx, id, digest("return", "application"))
				check(kept, id+" return code", err)
				_, err = tx.Selection(f.ctx, id, "selection")
				check(kept, id+" selection", err)
				_, err = tx.Request(f.ctx, id, "CreateApplication", "request")
				check(kept, id+" request", err)
				_, err = tx.PeekLink(f.ctx, digest("link", id), start)
				check(kept, id+" link", err)
			}
			run, err := tx.Selections(f.ctx, "p1", "", 0)
			if err != nil || len(run) != 0 {
				f.Errorf("runs of the deleted program: %d, %v", len(run), err)
			}
			return nil
		})
		// A run of the deleted program cannot be claimed either.
		f.do(func(tx applications.Tx) error {
			run, err := tx.ClaimSelection(f.ctx, "worker", start, start.Add(1))
			if err == nil && (run == nil || run.Program != "p2") {
				f.Errorf("claimed %v", run)
			}
			return err
		})
	}},
	{"delete of a missing one", func(f *fixture) {
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "") })
	}},
	{"delete and insert again is a new program", func(f *fixture) {
		populate(f, "p1")
		f.do(func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		f.programs("p1")
		if p := getProgram(f, "p1"); p.ApplicationCount != 0 || p.Revision != 1 {
			f.Fatalf("count %d, revision %d", p.ApplicationCount, p.Revision)
		}
		f.missing("FORM_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Form(f.ctx, "p1", 1); return err })
		other := exampleForm("p1", 1)
		other.Digest = "sha256:other"
		f.do(func(tx applications.Tx) error { return tx.InsertForm(f.ctx, other) })
		equal(f, one(f, func(tx applications.Tx) (*applications.Form, error) { return tx.Form(f.ctx, "p1", 1) }), other)
	}},
	{"delete and insert in one transaction", func(f *fixture) {
		populate(f, "p1")
		f.do(func(tx applications.Tx) error {
			if err := tx.DeleteProgram(f.ctx, "p1"); err != nil {
				return err
			}
			if err := tx.InsertProgram(f.ctx, exampleProgram("p1")); err != nil {
				return err
			}
			return tx.InsertForm(f.ctx, exampleForm("p1", 1))
		})
		equal(f, one(f, func(tx applications.Tx) (*applications.Form, error) { return tx.Form(f.ctx, "p1", 1) }), exampleForm("p1", 1))
	}},
	{"a delete that is rolled back", func(f *fixture) {
		populate(f, "p1")
		if err := f.Update(f.ctx, func(tx applications.Tx) error {
			if err := tx.DeleteProgram(f.ctx, "p1"); err != nil {
				return err
			}
			return errOnPurpose
		}); err != errOnPurpose {
			f.Fatal(err)
		}
		a := one(f, func(tx applications.Tx) (*applications.Application, error) {
			return tx.Application(f.ctx, "p1", "application")
		})
		if a.Contact.Email != canary+"@example.org" {
			f.Fatalf("the application cannot be read any more: %+v", a.Contact)
		}
	}},
}

func getProgram(f *fixture, id string) *applications.Program {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Program, error) { return tx.Program(f.ctx, id) })
}

func listPrograms(f *fixture, states []applications.ProgramState) string {
	f.Helper()
	ids := []string{}
	for _, p := range one(f, func(tx applications.Tx) ([]*applications.Program, error) { return tx.Programs(f.ctx, states, "", 0) }) {
		ids = append(ids, p.ID)
	}
	return fmt.Sprint(ids)
}

func nextCode(f *fixture, program string) (n int) {
	f.Helper()
	f.do(func(tx applications.Tx) (err error) {
		n, err = tx.NextCode(f.ctx, program)
		return err
	})
	return n
}

// populate inserts a program with one of everything that hangs on it.
func populate(f *fixture, id string) {
	f.Helper()
	must(f, populateStore(f.T, f.Store, id))
}

func populateStore(t testing.TB, s applications.Store, id string) error {
	ctx := t.Context()
	return s.Update(ctx, func(tx applications.Tx) error {
		link := exampleLink(0)
		link.Hash, link.Program = digest("link", id), id
		for _, err := range []error{
			tx.InsertProgram(ctx, exampleProgram(id)),
			tx.InsertForm(ctx, exampleForm(id, 1)),
			tx.InsertCriteria(ctx, exampleCriteria(id, 1)),
			tx.InsertPolicy(ctx, examplePolicy(id, "policy")),
			tx.InsertApplication(ctx, exampleApplication(id, "application", 1), digest("return", "application")),
			tx.InsertSelection(ctx, exampleSelection(id, "selection")),
			tx.InsertOffer(ctx, exampleOffer(id, "offer", "application")),
			tx.OpenSeats(ctx, id, 15),
			tx.SaveRequest(ctx, exampleRequest(id, "CreateApplication", "request")),
			tx.InsertLink(ctx, link),
			populateMentoring(ctx, pairTx(tx), id),
			populateNetworks(ctx, netTx(tx), id),
			tx.AppendEvents(ctx, exampleEvent(id)),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
}
