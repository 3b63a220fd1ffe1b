package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var offerCases = []testCase{
	{"every field survives", func(f *fixture) {
		f.applicants("p1", 1)
		o := filled[applications.Offer]()
		o.Program, o.Application, o.Revision = "p1", "a1", 0
		f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
		if o.Revision != 1 {
			f.Fatalf("revision %d", o.Revision)
		}
		equal(f, getOffer(f, "p1", o.ID), o)
	}},
	{"missing", func(f *fixture) {
		f.applicants("p1", 1)
		f.missing("OFFER_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.Offer(f.ctx, "p1", "o"); return err })
		f.missing("OFFER_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.OpenOffer(f.ctx, "p1", "a1"); return err })
		f.refused(applications.NotFound, "OFFER_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, exampleOffer("p1", "o", "a1")) })
		f.refused(applications.NotFound, "OFFER_NOT_FOUND", func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, exampleOffer("p9", "o", "a1")) })
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p9", "o", "a1")) })
		f.refused(applications.NotFound, "APPLICATION_NOT_FOUND", func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p1", "o", "a9")) })
	}},
	{"an application of another program is none", func(f *fixture) {
		f.applicants("p1", 1)
		f.programs("p2")
		f.refused(applications.NotFound, "APPLICATION_NOT_FOUND", func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p2", "o", "a1")) })
	}},
	{"insert twice", func(f *fixture) {
		f.applicants("p1", 2)
		f.applicants("p2", 1)
		offer(f, "p1", "o", "a1")
		f.refused(applications.AlreadyExists, "OFFER_EXISTS", func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p1", "o", "a2")) })
		offer(f, "p2", "o", "a1")
	}},
	{"one open offer for each application", func(f *fixture) {
		f.applicants("p1", 2)
		f.applicants("p2", 1)
		for i, state := range []applications.OfferState{applications.OfferPending, applications.OfferSent, applications.OfferAccepted} {
			o := exampleOffer("p1", fmt.Sprint("open", i), "a1")
			o.State = state
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
			equal(f, openOffer(f, "p1", "a1"), o)
			f.refused(applications.AlreadyExists, "OFFER_OPEN", func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p1", "more", "a1")) })
			offer(f, "p1", fmt.Sprint("other", i), "a2")
			closeOffer(f, openOffer(f, "p1", "a2"))
			closeOffer(f, o)
			f.missing("OFFER_NOT_FOUND", func(tx applications.Tx) error { _, err := tx.OpenOffer(f.ctx, "p1", "a1"); return err })
		}
		offer(f, "p2", "same", "a1")
	}},
	{"any number that are not open", func(f *fixture) {
		f.applicants("p1", 1)
		for i := range 4 {
			o := exampleOffer("p1", fmt.Sprint(i), "a1")
			o.State = applications.OfferExpired
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
		}
		offer(f, "p1", "open", "a1")
		if got := openOffer(f, "p1", "a1").ID; got != "open" {
			f.Fatal(got)
		}
	}},
	{"all offers to an application, and no other's", func(f *fixture) {
		f.applicants("p1", 2)
		f.applicants("p2", 1)
		for _, id := range []string{"b", "c", "a"} {
			offer(f, "p1", id, "a1")
			closeOffer(f, openOffer(f, "p1", "a1"))
		}
		offer(f, "p1", "d", "a1")
		offer(f, "p1", "e", "a2")
		offer(f, "p2", "f", "a1")
		got := ""
		for _, o := range one(f, func(tx applications.Tx) ([]*applications.Offer, error) { return tx.OffersTo(f.ctx, "p1", "a1") }) {
			got += o.ID
		}
		if got != "abcd" {
			f.Fatal(got)
		}
	}},
	{"insert at the same time: one open offer", func(f *fixture) {
		f.applicants("p1", 1)
		f.oneWinner(race(racers, func(i int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p1", fmt.Sprint(i), "a1")) })
		}), applications.AlreadyExists, "OFFER_OPEN")
		if n := one(f, func(tx applications.Tx) (map[applications.OfferState]int, error) { return tx.CountOffers(f.ctx, "p1") })[applications.OfferPending]; n != 1 {
			f.Fatalf("%d offers", n)
		}
	}},
	{"list in order, both ways, page by page, of one program, by state", func(f *fixture) {
		f.applicants("p1", 6)
		f.applicants("p2", 1)
		for i, id := range []string{"c", "a", "e", "b", "f", "d"} {
			o := exampleOffer("p1", id, fmt.Sprint("a", i+1))
			if id == "b" || id == "e" {
				o.State = applications.OfferSent
			}
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
		}
		offer(f, "p2", "g", "a1")
		both := []applications.OfferState{applications.OfferSent, applications.OfferDeclined}
		for _, c := range []struct {
			query applications.OfferQuery
			want  string
		}{
			{applications.OfferQuery{}, "abcdef"},
			{applications.OfferQuery{Descending: true}, "fedcba"},
			{applications.OfferQuery{States: both}, "be"},
			{applications.OfferQuery{States: both, Descending: true}, "eb"},
			{applications.OfferQuery{States: []applications.OfferState{applications.OfferPending}}, "acdf"},
			{applications.OfferQuery{States: []applications.OfferState{applications.OfferExpired}}, ""},
		} {
			for limit := range 8 {
				got, q := "", c.query
				q.Program, q.Limit = "p1", limit
				for {
					page := one(f, func(tx applications.Tx) ([]*applications.Offer, error) { return tx.Offers(f.ctx, q) })
					for _, o := range page {
						got += o.ID
						q.AfterID = o.ID
					}
					if limit == 0 || len(page) < limit {
						break
					}
				}
				if got != c.want {
					f.Fatalf("%+v gave %s, want %s", q, got, c.want)
				}
			}
		}
		if got := one(f, func(tx applications.Tx) ([]*applications.Offer, error) {
			return tx.Offers(f.ctx, applications.OfferQuery{Program: "p9"})
		}); len(got) != 0 {
			f.Fatalf("%d offers of a program that is not there", len(got))
		}
	}},
	{"count by state", func(f *fixture) {
		f.applicants("p1", 4)
		for i, state := range []applications.OfferState{applications.OfferSent, applications.OfferAccepted, applications.OfferAccepted, applications.OfferExpired} {
			o := exampleOffer("p1", fmt.Sprint(i), fmt.Sprint("a", i+1))
			o.State = state
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
		}
		got := one(f, func(tx applications.Tx) (map[applications.OfferState]int, error) { return tx.CountOffers(f.ctx, "p1") })
		if fmt.Sprint(got) != "map[ACCEPTED:2 EXPIRED:1 SENT:1]" {
			f.Fatal(got)
		}
		if none := one(f, func(tx applications.Tx) (map[applications.OfferState]int, error) { return tx.CountOffers(f.ctx, "p9") }); len(none) != 0 {
			f.Fatal(none)
		}
	}},
	{"update", func(f *fixture) {
		f.applicants("p1", 2)
		offer(f, "p1", "o", "a1")
		o := filled[applications.Offer]()
		o.Program, o.ID, o.Application, o.Revision, o.State = "p1", "o", "a1", 1, applications.OfferSent
		f.do(func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, o) })
		if o.Revision != 2 {
			f.Fatalf("revision %d", o.Revision)
		}
		equal(f, getOffer(f, "p1", "o"), o)
		moved := *o
		moved.Application = "a2"
		f.do(func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, &moved) })
		if got := getOffer(f, "p1", "o").Application; got != "a1" {
			f.Fatalf("an offer went from a1 to %s", got)
		}
	}},
	{"update of a stale revision", func(f *fixture) {
		f.applicants("p1", 1)
		offer(f, "p1", "o", "a1")
		o := getOffer(f, "p1", "o")
		o.State = applications.OfferSent
		f.do(func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, o) })
		old := exampleOffer("p1", "o", "a1")
		old.Revision, old.State = 1, applications.OfferRescinded
		f.refused(applications.Aborted, "STALE_REVISION", func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, old) })
		if got := getOffer(f, "p1", "o").State; got != applications.OfferSent || old.Revision != 1 {
			f.Fatalf("%s, revision %d", got, old.Revision)
		}
	}},
	{"update at the same time: one winner", func(f *fixture) {
		f.applicants("p1", 1)
		offer(f, "p1", "o", "a1")
		f.oneWinner(race(racers, func(i int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error {
				o := exampleOffer("p1", "o", "a1")
				o.Revision, o.State, o.Reason = 1, applications.OfferSent, fmt.Sprint(i)
				return tx.UpdateOffer(f.ctx, o)
			})
		}), applications.Aborted, "STALE_REVISION")
	}},
	{"what is over does not open again", func(f *fixture) {
		f.applicants("p1", 1)
		over := []applications.OfferState{applications.OfferDeclined, applications.OfferExpired, applications.OfferRescinded}
		for i, state := range over {
			o := exampleOffer("p1", fmt.Sprint(i), "a1")
			o.State = state
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
			for _, open := range []applications.OfferState{applications.OfferPending, applications.OfferSent, applications.OfferAccepted} {
				o.State = open
				f.refused(applications.FailedPrecondition, "OFFER_CLOSED", func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, o) })
			}
			o.State, o.DeclineReason = state, ""
			f.do(func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, o) }) // its words may go
			equal(f, getOffer(f, "p1", o.ID), o)
		}
	}},
	{"due: sent and at its end, of all programs, soonest first", func(f *fixture) {
		f.applicants("p1", 6)
		f.applicants("p2", 1)
		sent := func(program, id, application string, expires time.Time, state applications.OfferState) {
			o := exampleOffer(program, id, application)
			o.ExpireTime, o.State = expires, state
			f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, o) })
		}
		end := stored(start).Add(time.Hour)
		sent("p1", "third", "a1", end, applications.OfferSent)
		sent("p1", "first", "a2", end.Add(-time.Minute), applications.OfferSent)
		sent("p2", "second", "a1", end.Add(-time.Second), applications.OfferSent)
		sent("p1", "later", "a3", end.Add(time.Microsecond), applications.OfferSent)
		sent("p1", "accepted", "a4", end.Add(-time.Minute), applications.OfferAccepted)
		sent("p1", "pending", "a5", time.Time{}, applications.OfferPending)
		sent("p1", "over", "a6", end.Add(-time.Minute), applications.OfferExpired)
		for _, c := range []struct {
			now   time.Time
			limit int
			want  []string
		}{
			{end, 0, []string{"first", "second", "third"}},
			{end, 2, []string{"first", "second"}},
			{end.Add(-time.Microsecond), 0, []string{"first", "second"}},
			{end.Add(time.Microsecond), 0, []string{"first", "second", "third", "later"}},
			{start.AddDate(-1, 0, 0), 0, nil},
		} {
			var got []string
			for _, o := range one(f, func(tx applications.Tx) ([]applications.OfferKey, error) { return tx.DueOffers(f.ctx, c.now, c.limit) }) {
				got = append(got, o.ID)
			}
			if !slices.Equal(got, c.want) {
				f.Fatalf("at %v, at most %d: %v, want %v", c.now, c.limit, got, c.want)
			}
		}
	}},
	{"seats are counted apart for each program", func(f *fixture) {
		f.programs("p1", "p2")
		wantSeats(f, "p1", applications.Seats{})
		wantSeats(f, "p9", applications.Seats{})
		f.do(func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p1", 15) })
		f.do(func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p1", 99) }) // as it is
		f.do(func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p2", 2) })
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 3, false) })
		f.do(func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p1") })
		wantSeats(f, "p1", applications.Seats{Total: 15, Offered: 3, Taken: 1})
		wantSeats(f, "p2", applications.Seats{Total: 2})
		f.refused(applications.NotFound, "PROGRAM_NOT_FOUND", func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p9", 1) })
		f.refused(applications.FailedPrecondition, "SEATS_OFFERED", func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p9", 1, true) })
		f.refused(applications.FailedPrecondition, "SEATS_TAKEN", func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p9") })
	}},
	{"no more offers than seats, unless it is meant", func(f *fixture) {
		f.seats("p1", 3)
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 2, false) })
		f.refused(applications.FailedPrecondition, "SEATS_OFFERED", func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 2, false) })
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 1, false) })
		f.refused(applications.FailedPrecondition, "SEATS_OFFERED", func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 1, false) })
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 57, true) })
		wantSeats(f, "p1", applications.Seats{Total: 3, Offered: 60})
	}},
	{"a seat is taken once, and again after it was freed", func(f *fixture) {
		f.seats("p1", 2)
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 2, false) })
		take := func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p1") }
		f.do(take)
		f.do(take)
		f.refused(applications.FailedPrecondition, "SEATS_TAKEN", take)
		f.do(func(tx applications.Tx) error { return tx.FreeSeat(f.ctx, "p1", true) })
		wantSeats(f, "p1", applications.Seats{Total: 2, Offered: 1, Taken: 1})
		f.do(take)
		wantSeats(f, "p1", applications.Seats{Total: 2, Offered: 1, Taken: 2})
	}},
	{"an offer that ends without an answer frees no taken seat", func(f *fixture) {
		f.seats("p1", 2)
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 2, false) })
		f.do(func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p1") })
		f.do(func(tx applications.Tx) error { return tx.FreeSeat(f.ctx, "p1", false) })
		wantSeats(f, "p1", applications.Seats{Total: 2, Offered: 1, Taken: 1})
	}},
	{"freeing what was never counted is a mistake, and changes nothing", func(f *fixture) {
		f.seats("p1", 2)
		f.wantInternal(f.Update(f.ctx, func(tx applications.Tx) error { return tx.FreeSeat(f.ctx, "p1", false) }))
		f.do(func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 1, false) })
		f.wantInternal(f.Update(f.ctx, func(tx applications.Tx) error {
			_ = tx.FreeSeat(f.ctx, "p1", true) // looked away: it does not commit all the same
			return nil
		}))
		wantSeats(f, "p1", applications.Seats{Total: 2, Offered: 1})
	}},
	{"takers at the same time: as many as there are seats", func(f *fixture) {
		const total = 5
		f.seats("p1", total)
		won := 0
		for _, err := range race(racers, func(int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p1") })
		}) {
			if err == nil {
				won++
				continue
			}
			f.wantError(err, applications.FailedPrecondition, "SEATS_TAKEN")
		}
		if won != total {
			f.Fatalf("%d of %d seats were taken", won, total)
		}
		wantSeats(f, "p1", applications.Seats{Total: total, Taken: total})
	}},
	{"offers at the same time: as many as there are seats", func(f *fixture) {
		f.seats("p1", 10)
		won := 0
		for _, err := range race(racers, func(int) error {
			return f.Update(f.ctx, func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 3, false) })
		}) {
			if err == nil {
				won++
				continue
			}
			f.wantError(err, applications.FailedPrecondition, "SEATS_OFFERED")
		}
		if won != 3 {
			f.Fatalf("%d times 3 offers were counted for 10 seats", won)
		}
		wantSeats(f, "p1", applications.Seats{Total: 10, Offered: 9})
	}},
	{"a transaction that fails counts nothing", func(f *fixture) {
		f.seats("p1", 2)
		stop := applications.Errorf(applications.Aborted, "STOP", "stop")
		err := f.Update(f.ctx, func(tx applications.Tx) error {
			if err := tx.OfferSeats(f.ctx, "p1", 2, false); err != nil {
				return err
			}
			if err := tx.TakeSeat(f.ctx, "p1"); err != nil {
				return err
			}
			return stop
		})
		f.wantError(err, applications.Aborted, "STOP")
		wantSeats(f, "p1", applications.Seats{Total: 2})
	}},
	{"nothing is written in a View", func(f *fixture) {
		f.applicants("p1", 2)
		f.do(func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p1", 2) })
		offer(f, "p1", "o", "a1")
		for name, write := range map[string]func(tx applications.Tx) error{
			"InsertOffer": func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer("p1", "new", "a2")) },
			"UpdateOffer": func(tx applications.Tx) error {
				o := exampleOffer("p1", "o", "a1")
				o.Revision = 1
				return tx.UpdateOffer(f.ctx, o)
			},
			"OpenSeats":  func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, "p1", 3) },
			"OfferSeats": func(tx applications.Tx) error { return tx.OfferSeats(f.ctx, "p1", 1, true) },
			"TakeSeat":   func(tx applications.Tx) error { return tx.TakeSeat(f.ctx, "p1") },
			"FreeSeat":   func(tx applications.Tx) error { return tx.FreeSeat(f.ctx, "p1", false) },
		} {
			if err := f.View(f.ctx, write); applications.CodeOf(err) != applications.Internal || err == nil {
				f.Errorf("%s in a View: %v", name, err)
			}
		}
		wantSeats(f, "p1", applications.Seats{Total: 2})
	}},
}

func exampleOffer(program, id, application string) *applications.Offer {
	return &applications.Offer{
		Program: program, ID: id, Application: application, Code: "NS-0001", State: applications.OfferPending,
		Selection: "selection", Proposed: true, ConfirmedBy: "users/1", Reason: "as the run proposed " + canary, FirstCome: true,
		AnsweredBy: "applications/a1", DeclineReason: "I move away " + canary,
		CreateTime: start, UpdateTime: start.Add(time.Minute), SendTime: start.Add(time.Hour), ExpireTime: start.AddDate(0, 0, 14),
	}
}

// applicants makes a program with applications a1, a2, ….
func (f *fixture) applicants(program string, n int) {
	f.Helper()
	f.programs(program)
	f.do(func(tx applications.Tx) error {
		for i := range n {
			if err := tx.InsertApplication(f.ctx, exampleApplication(program, fmt.Sprint("a", i+1), i+1), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// seats makes a program whose seats are counted.
func (f *fixture) seats(program string, total int) {
	f.Helper()
	f.programs(program)
	f.do(func(tx applications.Tx) error { return tx.OpenSeats(f.ctx, program, total) })
}

func offer(f *fixture, program, id, application string) {
	f.Helper()
	f.do(func(tx applications.Tx) error { return tx.InsertOffer(f.ctx, exampleOffer(program, id, application)) })
}

func getOffer(f *fixture, program, id string) *applications.Offer {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Offer, error) { return tx.Offer(f.ctx, program, id) })
}

func openOffer(f *fixture, program, application string) *applications.Offer {
	f.Helper()
	return one(f, func(tx applications.Tx) (*applications.Offer, error) {
		return tx.OpenOffer(f.ctx, program, application)
	})
}

func closeOffer(f *fixture, o *applications.Offer) {
	f.Helper()
	o.State = applications.OfferDeclined
	f.do(func(tx applications.Tx) error { return tx.UpdateOffer(f.ctx, o) })
}

func wantSeats(f *fixture, program string, want applications.Seats) {
	f.Helper()
	if got := one(f, func(tx applications.Tx) (applications.Seats, error) { return tx.Seats(f.ctx, program) }); got != want {
		f.Fatalf("the seats of %s are %+v, want %+v", program, got, want)
	}
}
