package web

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

var testPerson = access.Principal{Subject: "users/invented", Grants: []access.Grant{{Role: access.Facilitator}}}

// offered has the browser's applicant and n others apply, and sends offers to
// all of them, for 15 seats. It returns the others' offers.
func (x *site) offered(n int) []*applications.Offer {
	x.Helper()
	_, code := x.begin("Invented Applicant")
	own := must(x.svc.Resume(x.Context(), testProgram, code))(x).Application
	who := access.Principal{Subject: "applications/" + own.ID, Program: own.Program, Application: own.ID}
	own.Answers = applications.Answers{"role_authority": {Values: []string{"structural_change"}}}
	must(x.svc.UpdateApplication(x.Context(), who, own, []string{"answers"}, applications.Idempotency{}))(x)
	x.do(http.MethodPost, apply+"/check", url.Values{"c.take_part": {"yes"}}, nil)
	x.pool(n)
	x.has(x.get(apply+"/status"), "In the selection")
	run := must(x.svc.CreateSelection(x.Context(), testFacilitator, &applications.Selection{Program: testProgram, Seed: "x", Lottery: "NONE"}, applications.Idempotency{}))(x)
	x.work(func() bool {
		return must(x.svc.Selection(x.Context(), testFacilitator, testProgram, run.ID))(x).State.Done()
	})
	all := must(x.svc.Applications(x.Context(), testFacilitator, testProgram, applications.ListQuery{Filter: "state = IN_POOL", PageSize: 1000}, false, ""))(x)
	plan := applications.OfferPlan{Program: testProgram, Selection: run.ID, FirstCome: true, Reason: "a test"}
	for _, a := range all.Items {
		plan.Applications = append(plan.Applications, a.ID)
	}
	made := must(x.svc.PrepareOffers(x.Context(), testPerson, plan, applications.Idempotency{}))(x)
	if len(made) != n+1 {
		x.Fatalf("%d offers", len(made))
	}
	// Nothing tells of it yet.
	x.has(x.get(apply+"/status"), "In the selection")
	if got := x.do(http.MethodPost, apply+"/accept", nil, nil); got.to != apply+"/status" {
		x.Errorf("accepting what was not sent gave %d", got.status)
	}
	must(x.svc.SendOffers(x.Context(), testPerson, testProgram, nil, x.now().Add(14*24*time.Hour), applications.Idempotency{}))(x)
	var others []*applications.Offer
	for _, o := range made {
		if o.Application != own.ID {
			others = append(others, o)
		}
	}
	return others
}

// accept takes a seat for somebody else.
func (x *site) accept(o *applications.Offer) {
	x.Helper()
	who := access.Principal{Subject: "applications/" + o.Application, Program: testProgram, Application: o.Application}
	must(x.svc.AcceptOffer(x.Context(), who, testProgram, o.ID, "", 0, applications.Idempotency{}))(x)
}

func TestApplicantAnswersAnOffer(t *testing.T) {
	x := newSite(t)
	x.offered(20)
	status := x.get(apply + "/status")
	x.has(status, "A place is offered to you", "Answer before", "Accept the place", "Decline", "who accepts first gets one")
	x.has(x.get(apply+"/status?lang=es"), "Se le ofrece un lugar", "Aceptar el lugar")
	x.get(apply + "/status?lang=en")
	// Pressed three times at the same moment.
	answers := make([]*answer, 3)
	var together sync.WaitGroup
	for i := range answers {
		together.Go(func() { answers[i] = x.do(http.MethodPost, apply+"/accept", nil, nil) })
	}
	together.Wait()
	for _, a := range answers {
		if a.status != http.StatusSeeOther || a.to != apply+"/status" {
			t.Errorf("%d to %q: %s", a.status, a.to, a.text())
		}
	}
	x.has(x.get(apply+"/status"), "You have a place", "I cannot take part after all")

	back := x.get(apply + "/decline")
	x.has(back, "Give your place back?")
	long := x.fill(back, "reason", strings.Repeat("x", 1001))
	if long.status != http.StatusUnprocessableEntity {
		t.Errorf("a reason that is too long gave %d", long.status)
	}
	x.has(x.follow(x.fill(back, "reason", "zq7canary moved")), "You declined the place")
	if a := x.get(apply + "/decline"); a.to != apply+"/status" {
		t.Errorf("declining twice leads to %d %q", a.status, a.to)
	}
	if a := x.do(http.MethodPost, apply+"/decline", url.Values{"reason": {"again"}}, nil); a.to != apply+"/status" {
		t.Errorf("declining twice gave %d %q", a.status, a.to)
	}
	x.has(x.follow(x.do(http.MethodPost, apply+"/accept", nil, nil)), "You declined the place")
	if strings.Contains(x.log.String(), "zq7canary") {
		t.Error("the log holds what somebody wrote")
	}
}

func TestApplicantIsTooLate(t *testing.T) {
	x := newSite(t)
	others := x.offered(20)
	for _, o := range others[:15] {
		x.accept(o)
	}
	taken := x.do(http.MethodPost, apply+"/accept", nil, nil)
	if taken.status != http.StatusConflict {
		t.Errorf("the sixteenth of fifteen gave %d", taken.status)
	}
	x.has(taken, "A place is offered to you", "Every place is taken just now", "Accept the place")
	// A seat becomes free.
	who := access.Principal{Subject: "applications/" + others[0].Application, Program: testProgram, Application: others[0].Application}
	must(x.svc.DeclineOffer(t.Context(), who, testProgram, others[0].ID, "", "", 0, applications.Idempotency{}))(x)
	x.has(x.follow(x.do(http.MethodPost, apply+"/accept", nil, nil)), "You have a place")
}

func TestOfferThatIsOver(t *testing.T) {
	x := newSite(t)
	x.offered(20)
	// The session is used again and again meanwhile: it would end otherwise.
	for range 16 {
		x.pass(23 * time.Hour)
		x.get(apply + "/status")
	}
	over := x.get(apply + "/status")
	x.has(over, "The time to answer is over")
	x.hasNot(over, "Accept the place")
	x.has(x.follow(x.do(http.MethodPost, apply+"/accept", nil, nil)), "The time to answer is over")
	if a := x.get(apply + "/decline"); a.to != apply+"/status" {
		t.Errorf("declining leads to %d %q", a.status, a.to)
	}
	// Once the clock has come by, too.
	if n, err := x.svc.ExpireOffers(t.Context()); err != nil || n != 21 {
		t.Errorf("%d ended, %v", n, err)
	}
	x.has(x.get(apply+"/status"), "The time to answer is over")
}
