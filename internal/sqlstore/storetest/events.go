package storetest

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
)

var eventCases = []testCase{
	{"every field survives, and the store gives the index", func(f *fixture) {
		e := *filled[applications.Event]()
		given := e
		f.do(func(tx applications.Tx) error { return tx.AppendEvents(f.ctx, e) })
		if e != given {
			f.Fatal("the value passed was changed")
		}
		e.Index = 0
		equal(f, listEvents(f, 0, 0), []applications.Event{e})
	}},
	{"every script and every trick is only text", func(f *fixture) {
		f.do(func(tx applications.Tx) error {
			for _, s := range hostile {
				if err := tx.AppendEvents(f.ctx, applications.Event{Time: start, Actor: s, Action: s, Resource: s, Reason: s, Detail: s}); err != nil {
					return err
				}
			}
			return nil
		})
		for i, e := range listEvents(f, 0, 0) {
			s := hostile[i]
			equal(f, e, applications.Event{Index: int64(i), Time: start, Actor: s, Action: s, Resource: s, Reason: s, Detail: s})
		}
		f.verify(len(hostile))
	}},
	{"an empty log", func(f *fixture) {
		size, root := f.head()
		if empty := sha256.Sum256(nil); size != 0 || !slices.Equal(root, empty[:]) {
			f.Fatalf("size %d, root %x", size, root)
		}
		f.verify(0)
	}},
	{"append nothing", func(f *fixture) {
		f.do(func(tx applications.Tx) error { return tx.AppendEvents(f.ctx) })
		f.verify(0)
	}},
	{"list from an index, in pages", func(f *fixture) {
		appendEvents(f, 10)
		for _, c := range []struct {
			from  int64
			limit int
			want  string
		}{{0, 3, "[0 1 2]"}, {3, 3, "[3 4 5]"}, {9, 3, "[9]"}, {10, 3, "[]"}, {7, 0, "[7 8 9]"}, {-5, 2, "[0 1]"}} {
			got := []int64{}
			for _, e := range listEvents(f, c.from, c.limit) {
				got = append(got, e.Index)
			}
			if fmt.Sprint(got) != c.want {
				f.Errorf("from %d, at most %d: %v, want %s", c.from, c.limit, got, c.want)
			}
		}
	}},
	{"the root is that of the events, however they were batched", func(f *fixture) {
		var want audit.Head
		for i := range 13 {
			e := plainEvent(i)
			e.Index = int64(i)
			if _, err := want.Append(audit.Leaf(&e, nil)); err != nil {
				f.Fatal(err)
			}
		}
		for i := 0; i < 13; {
			n := min(1+i/2, 13-i)
			var batch []applications.Event
			for range n {
				batch = append(batch, plainEvent(i))
				i++
			}
			f.do(func(tx applications.Tx) error { return tx.AppendEvents(f.ctx, batch...) })
		}
		size, root := f.head()
		if r, err := want.Root(); err != nil || size != 13 || !slices.Equal(root, r[:]) {
			f.Fatalf("size %d, root %x, want %x", size, root, r)
		}
		f.verify(13)
	}},
	{"a transaction sees what it appended", func(f *fixture) {
		f.do(func(tx applications.Tx) error {
			for i := range 3 {
				if err := tx.AppendEvents(f.ctx, exampleEvent("p1")); err != nil {
					return err
				}
				list, err := tx.Events(f.ctx, 0, 0)
				size, _, err2 := tx.AuditHead(f.ctx)
				if err != nil || err2 != nil || len(list) != i+1 || size != int64(i+1) {
					f.Fatalf("%d events, size %d, %v, %v", len(list), size, err, err2)
				}
			}
			return nil
		})
	}},
	{"a rolled back transaction leaves no event and no data", func(f *fixture) {
		f.programs("p1")
		appendEvents(f, 3)
		_, before := f.head()
		if err := f.Update(f.ctx, func(tx applications.Tx) error {
			if err := tx.InsertApplication(f.ctx, exampleApplication("p1", "a", 1), nil); err != nil {
				return err
			}
			if err := tx.AppendEvents(f.ctx, exampleEvent("p1"), exampleEvent("p1")); err != nil {
				return err
			}
			return errOnPurpose
		}); err != errOnPurpose {
			f.Fatal(err)
		}
		size, root := f.head()
		if size != 3 || !slices.Equal(root, before) || countAll(f, "p1") != 0 {
			f.Fatalf("size %d, %d applications", size, countAll(f, "p1"))
		}
		appendEvents(f, 1)
		f.verify(4)
	}},
	{"appended by many at the same time: no gap, and the log verifies", func(f *fixture) {
		for _, err := range race(racers, func(i int) error {
			for range 5 {
				if err := f.Update(f.ctx, func(tx applications.Tx) error {
					return tx.AppendEvents(f.ctx, exampleEvent("p1"), plainEvent(i))
				}); err != nil {
					return err
				}
			}
			return nil
		}) {
			must(f, err)
		}
		f.verify(racers * 5 * 2)
	}},
	{"a deleted program's events stay, without their reasons", func(f *fixture) {
		f.programs("p1", "p10")
		f.do(func(tx applications.Tx) error {
			other, program := exampleEvent("p10"), exampleEvent("p1")
			program.Resource = "programs/p1"
			return tx.AppendEvents(f.ctx, exampleEvent("p1"), other, program)
		})
		f.do(func(tx applications.Tx) error {
			if err := tx.DeleteProgram(f.ctx, "p1"); err != nil {
				return err
			}
			gone := exampleEvent("p1")
			gone.Reason = "made by mistake"
			return tx.AppendEvents(f.ctx, gone)
		})
		want := []applications.Event{exampleEvent("p1"), exampleEvent("p10"), exampleEvent("p1"), exampleEvent("p1")}
		want[2].Resource = "programs/p1"
		for i := range want {
			want[i].Index = int64(i)
		}
		want[0].Reason, want[2].Reason, want[3].Reason = "", "", "made by mistake"
		equal(f, listEvents(f, 0, 0), want)
		if r := f.verify(4); r.ErasedReasons != 2 {
			f.Fatalf("%d reasons erased, want 2", r.ErasedReasons)
		}
	}},
	{"proofs: each record is in each later log, each log continues each earlier", func(f *fixture) {
		const n = 12
		var at []audit.Checkpoint
		for i := range n {
			f.do(func(tx applications.Tx) error { return tx.AppendEvents(f.ctx, plainEvent(i)) })
			size, root := f.head()
			at = append(at, audit.Checkpoint{Size: size, Root: tlog.Hash(root)})
		}
		events := listEvents(f, 0, 0)
		f.see(func(tx applications.Tx) error {
			log := tx.(audit.Log)
			for i, now := range at {
				for j := range i + 1 {
					p, err := audit.Inclusion(f.ctx, log, now.Size, int64(j))
					must(f, err)
					must(f, audit.CheckInclusion(p, now, &events[j], nil))
					forged := events[j]
					forged.Detail += "!"
					if audit.CheckInclusion(p, now, &forged, nil) == nil {
						f.Fatalf("a forged record %d is proved to be in the log of %d", j, now.Size)
					}
					c, err := audit.Consistency(f.ctx, log, now.Size, at[j].Size)
					must(f, err)
					must(f, audit.CheckConsistency(c, now, at[j]))
					other := at[j]
					other.Root[7] ^= 1
					if audit.CheckConsistency(c, now, other) == nil {
						f.Fatalf("the log of %d is proved to continue a forged one of %d", now.Size, other.Size)
					}
				}
			}
			_, err := audit.Inclusion(f.ctx, log, n, n)
			f.wantError(err, applications.InvalidArgument, "AUDIT_RANGE")
			_, err = audit.Consistency(f.ctx, log, n, n+1)
			f.wantError(err, applications.InvalidArgument, "AUDIT_RANGE")
			return nil
		})
	}},
	{"verification against an earlier checkpoint", func(f *fixture) {
		appendEvents(f, 5)
		size, root := f.head()
		appendEvents(f, 6)
		then := audit.Checkpoint{Size: size, Root: tlog.Hash(root)}
		_, err := audit.Verify(f.ctx, f.Store, &then)
		must(f, err)
		forged := then
		forged.Root[0] ^= 1
		_, err = audit.Verify(f.ctx, f.Store, &forged)
		f.wantError(err, applications.DataLoss, "AUDIT_BROKEN")
		then.Size = 12 // more than there are
		_, err = audit.Verify(f.ctx, f.Store, &then)
		f.wantError(err, applications.DataLoss, "AUDIT_BROKEN")
	}},
}

func exampleEvent(program string) applications.Event {
	return applications.Event{
		Time: start, Actor: "users/1", Action: "identity.read", Resource: "programs/" + program + "/applications/a1",
		Reason: "called them " + canary, Detail: "columns=county,sector",
	}
}

// plainEvent has no reason, so that its leaf is the same each time.
func plainEvent(n int) applications.Event {
	return applications.Event{Time: start, Actor: "system", Action: "application.submit", Resource: fmt.Sprintf("programs/p1/applications/a%d", n), Detail: "DRAFT>SUBMITTED"}
}

func appendEvents(f *fixture, n int) {
	f.Helper()
	for range n {
		f.do(func(tx applications.Tx) error { return tx.AppendEvents(f.ctx, exampleEvent("p1")) })
	}
}

func listEvents(f *fixture, from int64, limit int) []applications.Event {
	f.Helper()
	return one(f, func(tx applications.Tx) ([]applications.Event, error) { return tx.Events(f.ctx, from, limit) })
}

func (f *fixture) head() (size int64, root []byte) {
	f.Helper()
	f.see(func(tx applications.Tx) (err error) {
		size, root, err = tx.AuditHead(f.ctx)
		return err
	})
	return size, root
}

// verify checks the whole log, and that it has n records.
func (f *fixture) verify(n int) *audit.Report {
	f.Helper()
	r, err := audit.Verify(f.ctx, f.Store, nil)
	must(f, err)
	if _, root := f.head(); r.Size != int64(n) || !slices.Equal(r.Root[:], root) {
		f.Fatalf("%d records verified with root %x, want %d with %x", r.Size, r.Root, n, root)
	}
	return r
}
