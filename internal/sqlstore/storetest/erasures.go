package storetest

import (
	"slices"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var erasureCases = []testCase{
	{"erasing an application leaves what the caller says, without return code and links", func(f *fixture) {
		f.programs("p1")
		a, other := exampleApplication("p1", "a1", 1), exampleApplication("p1", "a2", 2)
		mine, theirs := exampleLink(1), exampleLink(2)
		theirs.Application = "a2"
		f.do(func(tx applications.Tx) error {
			for _, err := range []error{
				tx.InsertApplication(f.ctx, a, digest("return", "a1")), tx.InsertApplication(f.ctx, other, digest("return", "a2")),
				tx.InsertLink(f.ctx, mine), tx.InsertLink(f.ctx, theirs),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		left := &applications.Application{Program: "p1", ID: "a1", Code: a.Code, State: applications.Erased, Form: 1, Revision: a.Revision, CreateTime: start, UpdateTime: start}
		f.do(func(tx applications.Tx) error { return tx.EraseApplication(f.ctx, left) })
		if left.Revision != 2 {
			f.Errorf("revision %d", left.Revision)
		}
		equal(f, one(f, func(tx applications.Tx) (*applications.Application, error) { return tx.Application(f.ctx, "p1", "a1") }), left)
		f.missing("APPLICATION_NOT_FOUND", func(tx applications.Tx) error {
			_, err := tx.ApplicationByReturnCode(f.ctx, "p1", digest("return", "a1"))
			return err
		})
		f.missing("LINK_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.PeekLink(f.ctx, mine.Hash, start); return err })
		f.see(func(tx applications.Tx) error {
			if _, err := tx.ApplicationByReturnCode(f.ctx, "p1", digest("return", "a2")); err != nil {
				return err
			}
			_, err := tx.PeekLink(f.ctx, theirs.Hash, start)
			return err
		})
		equal(f, one(f, func(tx applications.Tx) (*applications.Application, error) { return tx.Application(f.ctx, "p1", "a2") }), other)
		// The code is free for another.
		again := exampleApplication("p1", "a3", 3)
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, again, digest("return", "a1")) })
	}},
	{"erasing what is not there, or has changed", func(f *fixture) {
		f.programs("p1")
		a := exampleApplication("p1", "a1", 1)
		f.do(func(tx applications.Tx) error { return tx.InsertApplication(f.ctx, a, nil) })
		stale := *a
		stale.Revision = 9
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.EraseApplication(f.ctx, &stale) })
		for _, name := range [][2]string{{"p1", "a9"}, {"p9", "a1"}} {
			missing := *a
			missing.Program, missing.ID = name[0], name[1]
			f.refused(applications.NotFound, "APPLICATION_NOT_FOUND", func(tx applications.Tx) error { return tx.EraseApplication(f.ctx, &missing) })
		}
		equal(f, one(f, func(tx applications.Tx) (*applications.Application, error) { return tx.Application(f.ctx, "p1", "a1") }), a)
	}},
	{"erased answers: the request stays known, and its hash is gone", func(f *fixture) {
		f.programs("p1", "p2")
		about := func(program, id, resource string) *applications.Request {
			r := exampleRequest(program, "M", id)
			r.Resource = resource
			return r
		}
		f.do(func(tx applications.Tx) error {
			for _, r := range []*applications.Request{about("p1", "1", "a1"), about("p1", "2", "a1"), about("p1", "3", "a2"), about("p2", "1", "a1")} {
				if err := tx.SaveRequest(f.ctx, r); err != nil {
					return err
				}
			}
			return tx.EraseAnswers(f.ctx, "p1", "a1")
		})
		for _, id := range []string{"1", "2"} {
			if r := getRequest(f, "p1", "M", id); r.Answer != nil || len(r.Hash) != 0 || r.Resource != "a1" || r.Time.IsZero() {
				f.Errorf("left: %+v", r)
			}
			f.refused(applications.AlreadyExists, "REQUEST_EXISTS", func(tx applications.Tx) error { return tx.SaveRequest(f.ctx, about("p1", id, "a9")) })
		}
		equal(f, getRequest(f, "p1", "M", "3"), about("p1", "3", "a2"))
		equal(f, getRequest(f, "p2", "M", "1"), about("p2", "1", "a1"))
		f.do(func(tx applications.Tx) error { return tx.EraseAnswers(f.ctx, "p9", "a1") })
	}},
	{"erased reasons: of the resource and what is below it, and the log verifies", func(f *fixture) {
		f.programs("p1")
		resources := []string{"programs/p1/applications/a1", "programs/p1/applications/a1/parts/x", "programs/p1/applications/a12", "programs/p1", "programs/p1/applications"}
		f.do(func(tx applications.Tx) error {
			for _, r := range resources {
				if err := tx.AppendEvents(f.ctx, applications.Event{Time: start, Actor: "users/1", Action: "test", Resource: r, Reason: "why " + r}); err != nil {
					return err
				}
			}
			return nil
		})
		size, root := f.head()
		f.do(func(tx applications.Tx) error { return tx.EraseReasons(f.ctx, resources[0]) })
		events := one(f, func(tx applications.Tx) ([]applications.Event, error) { return tx.Events(f.ctx, 0, 0) })
		for i, e := range events {
			want := "why " + resources[i]
			if i < 2 {
				want = ""
			}
			if e.Reason != want {
				f.Errorf("%s: reason %q", e.Resource, e.Reason)
			}
		}
		if size2, root2 := f.head(); size2 != size || !slices.Equal(root2, root) {
			f.Error("the head of the log changed")
		}
		if report := f.verify(len(resources)); report.ErasedReasons != 2 {
			f.Errorf("%d reasons are erased", report.ErasedReasons)
		}
	}},
	{"the list of erasures: each once, by time, and it outlives its program", func(f *fixture) {
		f.programs("p1")
		list := []applications.Erasure{
			{Program: "p1", Application: "a1", Time: stored(start)},
			{Program: "p1", Application: "a2", Time: stored(start.Add(time.Minute))},
			{Program: "p0", ProgramCreated: stored(start), Time: stored(start.Add(time.Hour))},
			{Program: "p0", ProgramCreated: stored(start.Add(time.Second)), Time: stored(start.Add(2 * time.Hour))},
		}
		add := func(e applications.Erasure) { f.do(func(tx applications.Tx) error { return tx.AddErasure(f.ctx, &e) }) }
		for _, i := range []int{2, 0, 3, 1} {
			add(list[i])
		}
		again := list[0]
		again.Time = again.Time.Add(time.Hour)
		add(again)
		f.do(func(tx applications.Tx) error { return tx.DeleteProgram(f.ctx, "p1") })
		for from := range list {
			got := one(f, func(tx applications.Tx) ([]applications.Erasure, error) { return tx.Erasures(f.ctx, list[from].Time) })
			equal(f, got, list[from:])
		}
		if got := one(f, func(tx applications.Tx) ([]applications.Erasure, error) { return tx.Erasures(f.ctx, time.Time{}) }); len(got) != len(list) {
			f.Errorf("%d erasures", len(got))
		}
	}},
	{"scrubbing, while others read and write", func(f *fixture) {
		f.programs("p1")
		done := make(chan error)
		for i := range 4 {
			go func() {
				var err error
				for n := 0; n < 20 && err == nil; n++ {
					if i%2 == 0 {
						err = f.View(f.ctx, func(tx applications.Tx) error { _, err := tx.Program(f.ctx, "p1"); return err })
					} else {
						err = f.Update(f.ctx, func(tx applications.Tx) error { _, err := tx.NextCode(f.ctx, "p1"); return err })
					}
				}
				done <- err
			}()
		}
		for range 4 {
			must(f, <-done)
		}
		must(f, f.Scrub(f.ctx))
		must(f, f.Scrub(f.ctx))
	}},
	{"writing in a View is refused", func(f *fixture) {
		f.programs("p1")
		f.see(func(tx applications.Tx) error {
			for _, err := range []error{
				tx.EraseApplication(f.ctx, exampleApplication("p1", "a1", 1)), tx.EraseAnswers(f.ctx, "p1", "a1"),
				tx.EraseReasons(f.ctx, "programs/p1"), tx.AddErasure(f.ctx, &applications.Erasure{Program: "p1", Application: "a"}),
			} {
				f.wantInternal(err)
			}
			return nil
		})
	}},
}
