package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

// lease is when claims in these cases end, if nothing else is said.
var lease = start.Add(30 * time.Second)

var selectionCases = []testCase{
	{"every field survives", func(f *fixture) {
		f.programs("p1")
		s := filled[applications.Selection]()
		s.Program, s.Revision = "p1", 0
		f.do(func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, s) })
		if s.Revision != 1 {
			f.Fatalf("revision %d", s.Revision)
		}
		equal(f, getSelection(f, "p1", s.ID), s)
	}},
	{"no input, an empty one and a large one", func(f *fixture) {
		f.programs("p1")
		for i, b := range [][]byte{nil, {}, bytes.Repeat([]byte("pool "), 800_000)} { // 4 MB
			s := exampleSelection("p1", fmt.Sprint(i))
			s.Frozen, s.Record = b, b
			f.do(func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, s) })
			got := getSelection(f, "p1", s.ID)
			if !bytes.Equal(got.Frozen, b) || (got.Frozen == nil) != (b == nil) || !bytes.Equal(got.Record, b) || (got.Record == nil) != (b == nil) {
				f.Fatalf("stored %d bytes (nil: %v), got %d (nil: %v)", len(b), b == nil, len(got.Frozen), got.Frozen == nil)
			}
		}
	}},
	{"missing", func(f *fixture) {
		f.programs("p1")
		f.missing("SELECTION_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Selection(f.ctx, "p1", "s"); return err })
		f.refused(applications.NotFound, "SELECTION_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, exampleSelection("p1", "s")) })
		f.refused(applications.NotFound, "SELECTION_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, exampleSelection("p9", "s")) })
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, exampleSelection("p9", "s")) })
	}},
	{"insert twice", func(f *fixture) {
		f.programs("p1", "p2")
		queue(f, "p1", "s")
		f.refused(applications.AlreadyExists, "SELECTION_EXISTS", func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, exampleSelection("p1", "s")) })
		queue(f, "p2", "s")
	}},
	{"list oldest first, page by page, of one program", func(f *fixture) {
		f.programs("p1", "p2")
		queue(f, "p1", "b", "a", "c", "e", "d")
		queue(f, "p2", "f")
		for size := 1; size <= 6; size++ {
			got := ""
			for after := ""; ; {
				page := one(f, func(tx applications.Tx) ([]*applications.Selection, error) {
					return tx.Selections(f.ctx, "p1", after, size)
				})
				if len(page) == 0 {
					break
				}
				for _, s := range page {
					got += s.ID
				}
				after = page[len(page)-1].ID
			}
			if got != "abcde" {
				f.Fatalf("pages of %d gave %s", size, got)
			}
		}
		all := one(f, func(tx applications.Tx) ([]*applications.Selection, error) { return tx.Selections(f.ctx, "p1", "", 0) })
		want := exampleSelection("p1", "a")
		want.Revision = 1
		equal(f, all[0], want)
	}},
	{"heads are runs without their input and record", func(f *fixture) {
		f.programs("p1", "p2")
		queue(f, "p1", "b", "a")
		queue(f, "p2", "f")
		s := filled[applications.Selection]()
		s.Program, s.ID = "p1", "c"
		f.do(func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, s) })
		heads := one(f, func(tx applications.Tx) ([]*applications.Selection, error) {
			return tx.SelectionHeads(f.ctx, "p1", "a", 5)
		})
		if len(heads) != 2 || heads[0].ID != "b" {
			f.Fatalf("%d heads", len(heads))
		}
		want := getSelection(f, "p1", "c")
		want.Frozen, want.Record = nil, nil
		equal(f, heads[1], want)
		if first := one(f, func(tx applications.Tx) ([]*applications.Selection, error) {
			return tx.SelectionHeads(f.ctx, "p1", "", 1)
		}); len(first) != 1 || first[0].ID != "a" {
			f.Fatalf("%d heads of one", len(first))
		}
	}},
	{"update", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := filled[applications.Selection]()
		s.Program, s.ID, s.Revision = "p1", "s", 1
		f.do(func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		if s.Revision != 2 {
			f.Fatalf("revision %d", s.Revision)
		}
		equal(f, getSelection(f, "p1", "s"), s)
	}},
	{"update of a stale revision", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := exampleSelection("p1", "s")
		s.State = applications.SelectionCanceled
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		if got := getSelection(f, "p1", "s").State; got != applications.SelectionQueued {
			f.Fatal(got)
		}
	}},
	{"claim when there is nothing", func(f *fixture) {
		f.programs("p1")
		if s := claim(f, "worker", start); s != nil {
			f.Fatalf("claimed %s", s.ID)
		}
	}},
	{"claim sets owner, lease, attempt, revision, and keeps the rest", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		want := exampleSelection("p1", "s")
		want.State, want.Owner, want.LeaseUntil, want.Attempt, want.Revision = applications.SelectionRunning, "worker", lease, 1, 2
		equal(f, claim(f, "worker", start), want)
		equal(f, getSelection(f, "p1", "s"), want)
	}},
	{"claim takes the oldest of all programs", func(f *fixture) {
		f.programs("p1", "p2")
		queue(f, "p1", "c", "d")
		queue(f, "p2", "b", "e")
		got := ""
		for s := claim(f, "worker", start); s != nil; s = claim(f, "worker", start) {
			got += s.ID
		}
		if got != "bcde" {
			f.Fatalf("claimed in the order %s", got)
		}
	}},
	{"claim leaves a run whose lease lasts", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		claim(f, "first", start)
		for _, now := range []time.Time{start, lease.Add(-time.Microsecond), lease} {
			if s := claim(f, "second", now); s != nil {
				f.Fatalf("claimed at %v, before the lease ended", now)
			}
		}
		s := claim(f, "second", lease.Add(time.Microsecond))
		if s == nil || s.Owner != "second" || s.Attempt != 2 {
			f.Fatalf("not claimed after the lease ended: %+v", s)
		}
	}},
	{"claim leaves runs that are done", func(f *fixture) {
		f.programs("p1")
		for _, state := range []applications.SelectionState{
			applications.SelectionSucceeded, applications.SelectionFailed, applications.SelectionCanceled, applications.SelectionStale,
		} {
			s := exampleSelection("p1", string(state))
			s.State = state
			f.do(func(tx applications.Tx) error { return tx.InsertSelection(f.ctx, s) })
		}
		if s := claim(f, "worker", start.AddDate(9, 0, 0)); s != nil {
			f.Fatalf("claimed a run that is %s", s.State)
		}
	}},
	{"claims at the same time: one winner", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		var mu sync.Mutex
		var owners []string
		for _, err := range race(racers, func(i int) error {
			var s *applications.Selection
			err := f.Update(f.ctx, func(tx applications.Tx) (err error) {
				s, err = tx.ClaimSelection(f.ctx, fmt.Sprint(i), start, lease)
				return err
			})
			if err == nil && s != nil {
				mu.Lock()
				defer mu.Unlock()
				owners = append(owners, s.Owner)
			}
			return err
		}) {
			must(f, err)
		}
		if len(owners) != 1 || getSelection(f, "p1", "s").Owner != owners[0] {
			f.Fatalf("owners %v", owners)
		}
	}},
	{"claims at the same time: each run once", func(f *fixture) {
		f.programs("p1", "p2")
		queue(f, "p1", "a", "c", "e")
		queue(f, "p2", "b", "d")
		var mu sync.Mutex
		var got []string
		for _, err := range race(racers, func(i int) error {
			var s *applications.Selection
			err := f.Update(f.ctx, func(tx applications.Tx) (err error) {
				s, err = tx.ClaimSelection(f.ctx, fmt.Sprint(i), start, lease)
				return err
			})
			if err == nil && s != nil {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, s.ID)
			}
			return err
		}) {
			must(f, err)
		}
		slices.Sort(got)
		if fmt.Sprint(got) != "[a b c d e]" {
			f.Fatalf("claimed %v", got)
		}
	}},
	{"renew", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := claim(f, "worker", start)
		later := lease.Add(time.Minute)
		if cancel := renew(f, "p1", "s", "worker", later); cancel {
			f.Fatal("nobody asked to cancel")
		}
		s.LeaseUntil = later
		equal(f, getSelection(f, "p1", "s"), s) // the revision too
	}},
	{"renew tells of a cancel", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := claim(f, "worker", start)
		s.CancelAsked = true
		f.do(func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		if !renew(f, "p1", "s", "worker", lease) {
			f.Fatal("the cancel did not arrive")
		}
	}},
	{"renew by somebody else, or after the end", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s", "t")
		lost := func(id, owner string) {
			f.Helper()
			f.refused(applications.FailedPrecondition, "LEASE_LOST", func(tx applications.Tx) error {
				_, err := tx.RenewLease(f.ctx, "p1", id, owner, lease)
				return err
			})
		}
		lost("s", "worker") // queued: nobody holds it
		lost("s", "")
		s := claim(f, "worker", start)
		lost("s", "other")
		claim(f, "other", start) // t
		lost("t", "worker")
		s.State, s.DoneTime = applications.SelectionSucceeded, start
		f.do(func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		lost("s", "worker")
	}},
	{"renew after the lease ended, while nobody took it", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		claim(f, "worker", start)
		renew(f, "p1", "s", "worker", lease.Add(time.Hour))
		if s := claim(f, "other", lease.Add(time.Minute)); s != nil {
			f.Fatal("the renewed lease does not hold")
		}
	}},
	{"renew of a missing run", func(f *fixture) {
		f.programs("p1")
		f.refused(applications.NotFound, "SELECTION_NOT_FOUND", func(tx applications.Tx) error {
			_, err := tx.RenewLease(f.ctx, "p1", "s", "worker", lease)
			return err
		})
	}},
	{"update does not shorten the lease of a run that goes on", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := claim(f, "worker", start)
		later := lease.Add(time.Minute)
		renew(f, "p1", "s", "worker", later)
		s.CurrentStep = "frozen" // with the lease of the claim
		f.do(func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		if got := getSelection(f, "p1", "s"); !got.LeaseUntil.Equal(stored(later)) || got.CurrentStep != "frozen" {
			f.Fatalf("lease until %v, want %v", got.LeaseUntil, later)
		}
	}},
	{"update gives a run back", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		s := claim(f, "worker", start)
		s.State, s.Owner, s.LeaseUntil = applications.SelectionQueued, "", time.Time{}
		f.do(func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, s) })
		equal(f, getSelection(f, "p1", "s"), s)
		if again := claim(f, "other", start); again == nil || again.Attempt != 2 {
			f.Fatalf("not claimed again: %+v", again)
		}
	}},
	{"the old owner's update is refused after another's claim", func(f *fixture) {
		f.programs("p1")
		queue(f, "p1", "s")
		old := claim(f, "old", start)
		claim(f, "new", lease.Add(time.Second))
		old.Record = []byte("of the old owner")
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateSelection(f.ctx, old) })
	}},
}

func getSelection(f *fixture, program, id string) *applications.Selection {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Selection, error) { return tx.Selection(f.ctx, program, id) })
}

func queue(f *fixture, program string, ids ...string) {
	f.Helper()
	f.do(func(tx applications.Tx) error {
		for _, id := range ids {
			if err := tx.InsertSelection(f.ctx, exampleSelection(program, id)); err != nil {
				return err
			}
		}
		return nil
	})
}

func claim(f *fixture, owner string, now time.Time) (s *applications.Selection) {
	f.Helper()
	f.do(func(tx applications.Tx) (err error) {
		s, err = tx.ClaimSelection(f.ctx, owner, now, lease)
		return err
	})
	return s
}

func renew(f *fixture, program, id, owner string, until time.Time) (cancel bool) {
	f.Helper()
	f.do(func(tx applications.Tx) (err error) {
		cancel, err = tx.RenewLease(f.ctx, program, id, owner, until)
		return err
	})
	return cancel
}
