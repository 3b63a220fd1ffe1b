package applications_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// named is a facilitator who is a person: seats are offered by people only.
var named = access.Principal{Subject: "users/01980000-0000-7000-8000-00000000cafe", Token: "t", Grants: []access.Grant{{Role: access.Facilitator}}}

// chosen fills a pool of n, chooses a cohort (of 4) from it, and returns the
// run.
func (w *world) chosen(n int) *applications.Selection {
	w.Helper()
	w.pool(n)
	sel := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	return w.run(sel.ID)
}

func (w *world) prepare(plan applications.OfferPlan) []*applications.Offer {
	w.Helper()
	plan.Program = "leaders"
	if plan.Reason == "" {
		plan.Reason = "as the run proposed"
	}
	made, err := w.PrepareOffers(w.ctx, named, plan, once)
	if err != nil {
		w.Fatal(explained(err))
	}
	return made
}

// send sends all pending offers for two weeks.
func (w *world) send() int {
	w.Helper()
	n, err := w.SendOffers(w.ctx, named, "leaders", nil, w.clock.now().AddDate(0, 0, 14), once)
	if err != nil {
		w.Fatal(explained(err))
	}
	return n
}

// offered chooses a cohort of 4 from 20 and sends them offers.
func (w *world) offered() (*applications.Selection, []*applications.Offer) {
	w.Helper()
	sel := w.chosen(20)
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	if n := w.send(); n != len(made) {
		w.Fatalf("%d of %d offers sent", n, len(made))
	}
	return sel, made
}

// holder is who the token of an application says.
func holder(o *applications.Offer) access.Principal {
	return access.Principal{Subject: "applications/" + o.Application, Program: o.Program, Application: o.Application}
}

// offer reads an offer past every permission.
func (w *world) offer(id string) *applications.Offer {
	w.Helper()
	var o *applications.Offer
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		o, err = tx.Offer(w.ctx, "leaders", id)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return o
}

// balance reads the counts of the seats and checks them against the offers.
func (w *world) balance(want applications.Seats) {
	w.Helper()
	var seats applications.Seats
	var counts map[applications.OfferState]int
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		if seats, err = tx.Seats(w.ctx, "leaders"); err != nil {
			return err
		}
		counts, err = tx.CountOffers(w.ctx, "leaders")
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	open := counts[applications.OfferPending] + counts[applications.OfferSent] + counts[applications.OfferAccepted]
	if seats != want || seats.Offered != open || seats.Taken != counts[applications.OfferAccepted] {
		w.Errorf("the seats are %+v, want %+v; the offers are %v", seats, want, counts)
	}
}

func (w *world) program() *applications.Program {
	w.Helper()
	p, err := w.Program(w.ctx, w.facilitator, "leaders")
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) accept(o *applications.Offer) error {
	_, err := w.AcceptOffer(w.ctx, holder(o), "leaders", o.ID, "", 0, once)
	return err
}

func (w *world) decline(o *applications.Offer, reason string) error {
	_, err := w.DeclineOffer(w.ctx, holder(o), "leaders", o.ID, reason, "", 0, once)
	return err
}

// TestOffers goes from a result to seats that are taken.
func TestOffers(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	before := w.logSize()
	untold := w.stored(w.member(sel, 0))
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	if len(made) != 4 {
		t.Fatalf("%d offers for a cohort of 4", len(made))
	}
	for _, o := range made {
		if o.State != applications.OfferPending || !o.Proposed || o.ConfirmedBy != named.Subject || o.Selection != sel.ID || o.Reason == "" || !o.SendTime.IsZero() {
			t.Errorf("prepared: %+v", o)
		}
		// Nothing that an applicant sees tells of it: not the offer, not the
		// state, not even a revision that moved.
		_, err := w.Offer(w.ctx, holder(o), "leaders", o.ID)
		want(t, "an offer that was not sent, as its applicant", err, "OFFER_NOT_FOUND")
		want(t, "accepting it", w.accept(o), "OFFER_NOT_FOUND")
		want(t, "declining it", w.decline(o, ""), "OFFER_NOT_FOUND")
	}
	if now := w.stored(untold.ID); now.Revision != untold.Revision || now.State != applications.InPool || now.Offer != "" {
		t.Errorf("an application tells of an offer that was not sent: %+v", now)
	}
	w.balance(applications.Seats{Total: 4, Offered: 4})
	if p := w.program(); p.State != applications.ProgramSelecting {
		t.Errorf("the program is %s", p.State)
	}

	if n := w.send(); n != 4 {
		t.Errorf("%d sent", n)
	}
	if n := w.send(); n != 0 {
		t.Errorf("%d sent twice", n)
	}
	if p := w.program(); p.State != applications.ProgramOffersOut {
		t.Errorf("the program is %s", p.State)
	}
	first, second := made[0], made[1]
	if a := w.stored(first.Application); a.State != applications.Selected || a.Offer != first.ID {
		t.Errorf("after sending, the application is %s with offer %q", a.State, a.Offer)
	}
	own, err := w.Offer(w.ctx, holder(first), "leaders", first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if own.State != applications.OfferSent || own.ExpireTime.IsZero() || own.Selection != "" || own.ConfirmedBy != "" || own.Reason != "" || own.Proposed {
		t.Errorf("its applicant sees %+v", own)
	}
	if err := w.accept(first); err != nil {
		t.Fatal(explained(err))
	}
	want(t, "accepting twice", w.accept(first), "OFFER_ANSWERED")
	w.balance(applications.Seats{Total: 4, Offered: 4, Taken: 1})
	if err := w.decline(second, "I found something else"); err != nil {
		t.Fatal(explained(err))
	}
	want(t, "declining twice", w.decline(second, ""), "OFFER_ANSWERED")
	want(t, "accepting after declining", w.accept(second), "OFFER_STATE")
	w.balance(applications.Seats{Total: 4, Offered: 3, Taken: 1})
	// A seat that was accepted can be given back.
	if err := w.decline(first, ""); err != nil {
		t.Fatal(explained(err))
	}
	w.balance(applications.Seats{Total: 4, Offered: 2})
	if a := w.stored(first.Application); a.State != applications.Selected {
		t.Errorf("who declined is %s", a.State)
	}

	var lines []string
	for _, e := range w.events(before) {
		lines = append(lines, e.Action+" "+e.Actor[:strings.IndexByte(e.Actor, '/')]+" "+e.Detail)
		if strings.Contains(e.Detail+e.Reason, "something else") {
			t.Errorf("the log holds what an applicant wrote: %+v", e)
		}
	}
	wantLog := slices.Concat(
		slices.Repeat([]string{"offer.prepare users >PENDING proposed=true"}, 4),
		[]string{"selection.confirm users cohort=4 offers=4"},
		slices.Repeat([]string{"offer.send users PENDING>SENT", "application.select users IN_POOL>SELECTED"}, 4),
		[]string{
			"program.offers users SELECTING>OFFERS_OUT", "offer.accept applications SENT>ACCEPTED",
			"offer.decline applications SENT>DECLINED", "offer.decline applications ACCEPTED>DECLINED",
		},
	)
	if !slices.Equal(lines, wantLog) {
		t.Errorf("the log says\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(wantLog, "\n"))
	}
}

// member is the id of a member of a run's cohort.
func (w *world) member(sel *applications.Selection, i int) string {
	w.Helper()
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil {
		w.Fatal(explained(err))
	}
	return r.Members[i].Application
}

func TestPrepareOffersRefuses(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	trial := w.selection(func(s *applications.Selection) { s.Trial = true })
	canceled := w.selection(nil)
	if _, err := w.CancelSelection(w.ctx, w.facilitator, "leaders", canceled.ID, 0, once); err != nil {
		t.Fatal(err)
	}
	w.finish(applications.NewRunner(w.Service, "one"))
	queued := w.selection(nil)
	out := w.outside(sel)
	for name, c := range map[string]struct {
		who    access.Principal
		plan   applications.OfferPlan
		reason string
	}{
		"without a reason":             {named, applications.OfferPlan{Selection: sel.ID, Reason: "\n"}, "OFFERS_INVALID"},
		"by a token of no person":      {w.facilitator, applications.OfferPlan{Selection: sel.ID}, "PERSON_NEEDED"},
		"without the permission":       {w.manager, applications.OfferPlan{Selection: sel.ID}, "PERMISSION_MISSING"},
		"of a run that is not there":   {named, applications.OfferPlan{Selection: "nothing"}, "SELECTION_NOT_FOUND"},
		"of a trial":                   {named, applications.OfferPlan{Selection: trial.ID}, "RUN_IS_TRIAL"},
		"of a run that was stopped":    {named, applications.OfferPlan{Selection: canceled.ID}, "RUN_WITHOUT_RESULT"},
		"of a run that is not done":    {named, applications.OfferPlan{Selection: queued.ID}, "RUN_NOT_DONE"},
		"to nobody's application":      {named, applications.OfferPlan{Selection: sel.ID, Applications: []string{"nobody"}}, "OFFERS_INVALID"},
		"to one person twice":          {named, applications.OfferPlan{Selection: sel.ID, Applications: []string{out[0], out[0]}}, "OFFERS_INVALID"},
		"to more people than seats":    {named, applications.OfferPlan{Selection: sel.ID, Applications: out[:5]}, "SEATS_OFFERED"},
		"to more people than one call": {named, applications.OfferPlan{Selection: sel.ID, Applications: make([]string, 1001)}, "OFFERS_INVALID"},
	} {
		c.plan.Program = "leaders"
		if c.plan.Reason == "" {
			c.plan.Reason = "because"
		}
		_, err := w.PrepareOffers(w.ctx, c.who, c.plan, once)
		want(t, name, err, c.reason)
	}
	w.balance(applications.Seats{}) // nothing was counted
	// Somebody withdraws: what was chosen is no longer chosen from the pool.
	if _, err := w.WithdrawApplication(w.ctx, holder(&applications.Offer{Program: "leaders", Application: out[9]}), "leaders", out[9], "", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	_, err := w.PrepareOffers(w.ctx, named, applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "x"}, once)
	want(t, "of a stale run", err, "RUN_STALE")
}

// No seat is offered on a run that only says how close one could come.
func TestNoOffersOnAnImpossibleRun(t *testing.T) {
	w := newWorld(t)
	c := neutral()
	c.Rules = append(c.Rules, rule("quota", "sector", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"other"}, ptr(2) }))
	w.Presets["tiny"].Criteria["neutral"] = c
	sel := w.chosen(12)
	_, err := w.PrepareOffers(w.ctx, named, applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "x"}, once)
	want(t, "of a run that chose nobody", err, "RUN_WITHOUT_COHORT")
}

// outside lists the people of the pool whom a run did not choose, by code.
func (w *world) outside(sel *applications.Selection) []string {
	w.Helper()
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil {
		w.Fatal(explained(err))
	}
	var ids []string
	err = w.Store.View(w.ctx, func(tx applications.Tx) error {
		ids = nil
		pool, err := tx.Applications(w.ctx, applications.ApplicationQuery{Program: "leaders", States: []applications.ApplicationState{applications.InPool}})
		for _, a := range pool {
			if !slices.ContainsFunc(r.Members, func(m applications.ResultMember) bool { return m.Application == a.ID }) {
				ids = append(ids, a.ID)
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return ids
}

// A person may go beyond what the run chose; the offer says so.
func TestOffersBeyondTheRun(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	out := w.outside(sel)
	made := w.prepare(applications.OfferPlan{Selection: sel.ID, Applications: []string{out[0], w.member(sel, 0)}})
	if len(made) != 2 || made[0].Proposed == made[1].Proposed {
		t.Fatalf("%+v", made)
	}
	_, err := w.PrepareOffers(w.ctx, named, applications.OfferPlan{Program: "leaders", Selection: sel.ID, Applications: []string{out[0]}, Reason: "again"}, once)
	want(t, "an open offer", err, "OFFER_OPEN")
	_, err = w.PrepareOffers(w.ctx, named, applications.OfferPlan{Program: "leaders", Selection: sel.ID, Applications: out[1:4], Reason: "more"}, once)
	want(t, "three more for two seats", err, "SEATS_OFFERED")
	w.balance(applications.Seats{Total: 4, Offered: 2}) // all or none
	w.prepare(applications.OfferPlan{Selection: sel.ID, Applications: out[1:4], FirstCome: true})
	w.balance(applications.Seats{Total: 4, Offered: 5})
	w.send()
	var refused int
	for _, o := range w.openOffers() {
		if err := w.accept(o); err != nil {
			want(t, "the fifth of four", err, "SEATS_TAKEN")
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("%d of 5 were refused", refused)
	}
	w.balance(applications.Seats{Total: 4, Offered: 5, Taken: 4})
	// Who was refused keeps the offer, and gets a seat that becomes free.
	var waiting, seated *applications.Offer
	for _, o := range w.openOffers() {
		if o.State == applications.OfferSent {
			waiting = o
		} else {
			seated = o
		}
	}
	if err := w.decline(seated, ""); err != nil {
		t.Fatal(explained(err))
	}
	if err := w.accept(waiting); err != nil {
		t.Fatal(explained(err))
	}
	w.balance(applications.Seats{Total: 4, Offered: 4, Taken: 4})
	// And who gave it back can be offered one again, by a person.
	if err := w.decline(waiting, ""); err != nil {
		t.Fatal(explained(err))
	}
	again := w.prepare(applications.OfferPlan{Selection: sel.ID, Applications: []string{seated.Application}})
	w.send()
	if err := w.accept(again[0]); err != nil {
		t.Fatal(explained(err))
	}
	w.balance(applications.Seats{Total: 4, Offered: 4, Taken: 4})
	if a := w.stored(seated.Application); a.Offer != again[0].ID {
		t.Errorf("the application names the offer %s, want the last one", a.Offer)
	}
}

func (w *world) openOffers() []*applications.Offer {
	w.Helper()
	var all []*applications.Offer
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		all, err = tx.Offers(w.ctx, applications.OfferQuery{Program: "leaders", States: []applications.OfferState{applications.OfferPending, applications.OfferSent, applications.OfferAccepted}})
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func TestSendOffers(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	soon := w.clock.now().AddDate(0, 0, 14)
	if n, err := w.SendOffers(w.ctx, named, "leaders", nil, soon, once); n != 0 || err != nil {
		t.Errorf("nothing to send: %d, %v", n, err)
	}
	if p := w.program(); p.State != applications.ProgramSelecting {
		t.Errorf("nothing was sent, and the program is %s", p.State)
	}
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	for name, expires := range map[string]time.Time{
		"in the past": w.clock.now().Add(-time.Second), "now": w.clock.now(), "never": {}, "in two years": w.clock.now().AddDate(2, 0, 0),
	} {
		_, err := w.SendOffers(w.ctx, named, "leaders", nil, expires, once)
		want(t, "an end "+name, err, "OFFERS_INVALID")
		if got := violations(err); !slices.Equal(got, []string{"expire_time"}) {
			t.Errorf("an end %s: %v", name, got)
		}
	}
	_, err := w.SendOffers(w.ctx, w.manager, "leaders", nil, soon, once)
	want(t, "without the permission", err, "PERMISSION_MISSING")
	_, err = w.SendOffers(w.ctx, named, "leaders", []string{made[0].ID, "nothing"}, soon, once)
	want(t, "one that is not there", err, "OFFER_NOT_FOUND")
	if n, err := w.SendOffers(w.ctx, named, "leaders", []string{made[0].ID, made[0].ID}, soon, once); n != 1 || err != nil {
		t.Errorf("one of four: %d, %v", n, err)
	}
	_, err = w.SendOffers(w.ctx, named, "leaders", []string{made[1].ID, made[0].ID}, soon, once)
	want(t, "one that was sent", err, "OFFER_STATE")
	if got := w.offer(made[1].ID).State; got != applications.OfferPending {
		t.Errorf("the other one is %s", got)
	}
	if n := w.send(); n != 3 {
		t.Errorf("%d of the rest", n)
	}
}

// A retry with the same id is the first answer; each offer is made, sent and
// answered once.
func TestOffersAreIdempotent(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	plan := applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "as proposed"}
	end := w.clock.now().AddDate(0, 0, 14)
	var ids []string
	for range 2 {
		made, err := w.PrepareOffers(w.ctx, named, plan, idem(1, "prepare"))
		if err != nil {
			t.Fatal(explained(err))
		}
		for _, o := range made {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) != 8 || !slices.Equal(ids[:4], ids[4:]) {
		t.Fatalf("the retry gave %v", ids)
	}
	for range 2 {
		if n, err := w.SendOffers(w.ctx, named, "leaders", nil, end, idem(2, "send")); n != 4 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	o := w.offer(ids[0])
	for range 2 {
		got, err := w.AcceptOffer(w.ctx, holder(o), "leaders", o.ID, "", 0, idem(3, "accept"))
		if err != nil || got.State != applications.OfferAccepted {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, err := w.AcceptOffer(w.ctx, holder(o), "leaders", o.ID, "", 0, idem(3, "else"))
	want(t, "another request under the same id", err, "REQUEST_ID_REUSED")
	w.balance(applications.Seats{Total: 4, Offered: 4, Taken: 1})
	if _, err := w.RescindOffer(w.ctx, named, "leaders", ids[1], "a mistake", 0, idem(4, "rescind")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.RescindOffer(w.ctx, named, "leaders", ids[1], "a mistake", 0, idem(4, "rescind")); err != nil {
		t.Fatal(err)
	}
	w.balance(applications.Seats{Total: 4, Offered: 3, Taken: 1})
}

func TestWhoMayAnswer(t *testing.T) {
	w := newWorld(t)
	_, made := w.offered()
	o := made[0]
	_, err := w.AcceptOffer(w.ctx, holder(made[1]), "leaders", o.ID, "", 0, once)
	want(t, "another applicant's offer", err, "OFFER_NOT_FOUND")
	_, err = w.Offer(w.ctx, holder(made[1]), "leaders", o.ID)
	want(t, "reading it", err, "OFFER_NOT_FOUND")
	_, err = w.AcceptOffer(w.ctx, access.Principal{}, "leaders", o.ID, "", 0, once)
	want(t, "without a token", err, "TOKEN_REQUIRED")
	_, err = w.AcceptOffer(w.ctx, w.auditor, "leaders", o.ID, "by phone", 0, once)
	want(t, "an auditor", err, "PERMISSION_MISSING")
	_, err = w.AcceptOffer(w.ctx, w.manager, "leaders", o.ID, "", 0, once)
	want(t, "staff without a reason", err, "REASON_MISSING")
	if got := violations(err); !slices.Equal(got, []string{"on_behalf_reason"}) {
		t.Errorf("%v", got)
	}
	before := w.logSize()
	if _, err := w.AcceptOffer(w.ctx, w.manager, "leaders", o.ID, "told us on the phone", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	if e := w.events(before); len(e) != 1 || e[0].Reason != "told us on the phone" || e[0].Actor != w.manager.Subject {
		t.Errorf("the log says %+v", e)
	}
	if got := w.offer(o.ID).AnsweredBy; got != w.manager.Subject {
		t.Errorf("answered by %s", got)
	}
	_, err = w.AcceptOffer(w.ctx, holder(made[1]), "leaders", made[1].ID, "", 99, once)
	want(t, "a stale etag", err, "STALE_REVISION")
	_, err = w.Offers(w.ctx, w.approver, "leaders", applications.ListQuery{})
	want(t, "listing without the permission", err, "PERMISSION_MISSING")
}

// What an applicant writes when declining is read by whoever reads identity
// answers, and each reading is recorded.
func TestReasonOfADecline(t *testing.T) {
	w := newWorld(t)
	_, made := w.offered()
	o := made[0]
	if err := w.decline(o, "  My daughter is ill.\r\n"); err != nil {
		t.Fatal(explained(err))
	}
	if got := w.offer(o.ID).DeclineReason; got != "My daughter is ill." {
		t.Errorf("kept %q", got)
	}
	before := w.logSize()
	for _, c := range []struct {
		who  access.Principal
		want string
	}{
		{holder(o), "My daughter is ill."},
		{w.manager, ""},
		{named, "My daughter is ill."},
	} {
		got, err := w.Offer(w.ctx, c.who, "leaders", o.ID)
		if err != nil || got.DeclineReason != c.want {
			t.Errorf("%s reads %+v, %v", c.who.Subject, got, err)
		}
	}
	if e := w.events(before); len(e) != 1 || e[0].Action != "identity.read" || e[0].Actor != named.Subject {
		t.Errorf("recorded: %+v", e)
	}
	page, err := w.Offers(w.ctx, named, "leaders", applications.ListQuery{})
	if err != nil || len(page.Items) != 4 {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, item := range page.Items {
		if item.DeclineReason != "" {
			t.Error("a list tells what people wrote")
		}
	}
	err = w.decline(made[1], strings.Repeat("x", 1001))
	want(t, "a reason that is too long", err, "DECLINE_INVALID")
}

func TestOffersExpire(t *testing.T) {
	w := newWorld(t)
	_, made := w.offered()
	end := w.offer(made[0].ID).ExpireTime
	w.clock.set(end.Add(-time.Microsecond))
	if n, err := w.ExpireOffers(w.ctx); n != 0 || err != nil {
		t.Errorf("before the end: %d, %v", n, err)
	}
	if err := w.accept(made[0]); err != nil {
		t.Fatal(explained(err))
	}
	w.clock.set(end)
	// The clock has not come by yet: too late is too late.
	want(t, "accepting at the end", w.accept(made[1]), "OFFER_EXPIRED")
	want(t, "declining at the end", w.decline(made[1], ""), "OFFER_EXPIRED")
	if n, err := w.ExpireOffers(w.ctx); n != 3 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err := w.ExpireOffers(w.ctx); n != 0 || err != nil {
		t.Errorf("twice: %d, %v", n, err)
	}
	want(t, "accepting after it", w.accept(made[1]), "OFFER_EXPIRED")
	w.balance(applications.Seats{Total: 4, Offered: 1, Taken: 1})
	if err := w.decline(made[0], ""); err != nil { // a seat can be given back later, too
		t.Error(explained(err))
	}
}

// TestExpiryAgainstAccept lets a server whose clock says that the time is over
// and an applicant, whose server says that it is not, go for the same offer at
// once, with withdrawals and declines between: each offer has one end, and the
// seats are counted right.
func TestExpiryAgainstAccept(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	out := append(w.outside(sel), w.member(sel, 0), w.member(sel, 1), w.member(sel, 2), w.member(sel, 3))
	w.prepare(applications.OfferPlan{Selection: sel.ID, Applications: out, FirstCome: true})
	w.send()
	late := *w.Service
	after := w.clock.now().AddDate(0, 1, 0)
	late.Now = func() time.Time { return after }
	var wg sync.WaitGroup
	var mu sync.Mutex
	begin := make(chan struct{})
	ends := map[string][]string{} // offer -> what succeeded
	reasons := map[string]int{}
	note := func(o *applications.Offer, what string, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			ends[o.ID] = append(ends[o.ID], what)
		} else {
			reasons[applications.ReasonOf(err)]++
		}
	}
	for i, o := range w.openOffers() {
		wg.Go(func() { <-begin; note(o, "ACCEPTED", w.accept(o)) })
		if i%3 == 0 {
			wg.Go(func() { <-begin; note(o, "DECLINED", w.decline(o, "")) })
		}
	}
	for range 2 {
		wg.Go(func() {
			<-begin
			if _, err := late.ExpireOffers(w.ctx); err != nil {
				t.Error(err)
			}
		})
	}
	close(begin)
	wg.Wait()
	for reason := range reasons {
		if !slices.Contains([]string{"OFFER_EXPIRED", "SEATS_TAKEN", "OFFER_STATE"}, reason) {
			t.Errorf("an answer was refused with %s", reason)
		}
	}
	counts := map[applications.OfferState]int{}
	for id, did := range ends {
		o := w.offer(id)
		if last := did[len(did)-1]; len(did) > 1 && !slices.Contains(did, "DECLINED") || len(did) == 1 && string(o.State) != last {
			t.Errorf("offer %s is %s after %v", id, o.State, did)
		}
	}
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		counts, err = tx.CountOffers(w.ctx, "leaders")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if counts[applications.OfferSent] != 0 || counts[applications.OfferAccepted] > 4 {
		t.Errorf("in the end: %v", counts)
	}
	w.balance(applications.Seats{Total: 4, Offered: counts[applications.OfferAccepted], Taken: counts[applications.OfferAccepted]})
	t.Logf("in the end %v; refused %v", counts, reasons)
}

func TestRescindOffer(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	_, err := w.RescindOffer(w.ctx, named, "leaders", made[0].ID, " ", 0, once)
	want(t, "without a reason", err, "REASON_MISSING")
	_, err = w.RescindOffer(w.ctx, w.manager, "leaders", made[0].ID, "x", 0, once)
	want(t, "without the permission", err, "PERMISSION_MISSING")
	rescind := func(o *applications.Offer) {
		t.Helper()
		got, err := w.RescindOffer(w.ctx, named, "leaders", o.ID, "a mistake", 0, once)
		if err != nil || got.State != applications.OfferRescinded || got.RescindTime.IsZero() {
			t.Fatal(explained(err), got)
		}
	}
	rescind(made[0])
	w.balance(applications.Seats{Total: 4, Offered: 3})
	_, err = w.Offer(w.ctx, holder(made[0]), "leaders", made[0].ID)
	want(t, "what was never sent, as its applicant", err, "OFFER_NOT_FOUND")
	w.send()
	if a := w.stored(made[0].Application); a.State != applications.InPool {
		t.Errorf("whose offer was taken back before it was sent is %s", a.State)
	}
	rescind(made[1])
	if a := w.stored(made[1].Application); a.State != applications.InPool {
		t.Errorf("whose offer was taken back is %s", a.State)
	}
	if o, err := w.Offer(w.ctx, holder(made[1]), "leaders", made[1].ID); err != nil || o.State != applications.OfferRescinded {
		t.Errorf("its applicant sees %+v, %v", o, err)
	}
	want(t, "accepting it", w.accept(made[1]), "OFFER_STATE")
	if err := w.accept(made[2]); err != nil {
		t.Fatal(err)
	}
	rescind(made[2])
	w.balance(applications.Seats{Total: 4, Offered: 1})
	_, err = w.RescindOffer(w.ctx, named, "leaders", made[2].ID, "again", 0, once)
	want(t, "twice", err, "OFFER_STATE")
}

// Who withdraws gives the offer back, whatever it has come to; the run that
// offers were made on stands, and one that they were not goes stale.
func TestWithdrawalEndsAnOffer(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	other := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	withdraw := func(o *applications.Offer) {
		t.Helper()
		if _, err := w.WithdrawApplication(w.ctx, holder(o), "leaders", o.Application, "", 0, once); err != nil {
			t.Fatal(explained(err))
		}
	}
	withdraw(made[0])
	if o := w.offer(made[0].ID); o.State != applications.OfferRescinded {
		t.Errorf("an offer that was not sent is %s", o.State)
	}
	w.balance(applications.Seats{Total: 4, Offered: 3})
	if s := w.run(sel.ID).State; s != applications.SelectionSucceeded {
		t.Errorf("the run that was confirmed is %s", s)
	}
	if s := w.run(other.ID).State; s != applications.SelectionStale {
		t.Errorf("the other run is %s", s)
	}
	w.send()
	withdraw(made[1])
	if err := w.accept(made[2]); err != nil {
		t.Fatal(err)
	}
	withdraw(made[2])
	for _, o := range made[1:3] {
		if got := w.offer(o.ID); got.State != applications.OfferDeclined || got.AnsweredBy != holder(o).Subject {
			t.Errorf("%+v", got)
		}
	}
	w.balance(applications.Seats{Total: 4, Offered: 1})
}

// A withdrawal that the preparing of offers crossed leaves a pending offer
// behind; sending takes it back instead.
func TestSendTakesBackWhoIsGone(t *testing.T) {
	w := newWorld(t)
	sel := w.chosen(20)
	made := w.prepare(applications.OfferPlan{Selection: sel.ID})
	err := w.Store.Update(w.ctx, func(tx applications.Tx) error {
		a, err := tx.Application(w.ctx, "leaders", made[0].Application)
		if err != nil {
			return err
		}
		a.State = applications.Withdrawn
		return tx.UpdateApplication(w.ctx, a, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := w.send(); n != 3 {
		t.Errorf("%d sent", n)
	}
	if o := w.offer(made[0].ID); o.State != applications.OfferRescinded {
		t.Errorf("it is %s", o.State)
	}
	w.balance(applications.Seats{Total: 4, Offered: 3})
}

func TestOffersList(t *testing.T) {
	w := newWorld(t)
	_, made := w.offered()
	if err := w.accept(made[2]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		query applications.ListQuery
		want  []int
	}{
		{applications.ListQuery{}, []int{0, 1, 2, 3}},
		{applications.ListQuery{OrderBy: "create_time desc"}, []int{3, 2, 1, 0}},
		{applications.ListQuery{Filter: "state = ACCEPTED"}, []int{2}},
		{applications.ListQuery{Filter: fmt.Sprintf("code = %q", made[1].Code)}, []int{1}},
		{applications.ListQuery{Filter: "proposed AND state = SENT", OrderBy: "create_time desc"}, []int{3, 1, 0}},
	} {
		for _, size := range []int{1, 2, 3, 1000} {
			var got []int
			q := c.query
			q.PageSize = size
			for {
				page, err := w.Offers(w.ctx, w.manager, "leaders", q)
				if err != nil {
					t.Fatal(explained(err))
				}
				for _, o := range page.Items {
					got = append(got, slices.IndexFunc(made, func(m *applications.Offer) bool { return m.ID == o.ID }))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v by %d: %v, want %v", c.query, size, got, c.want)
			}
		}
	}
}
