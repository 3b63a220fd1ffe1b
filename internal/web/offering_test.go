package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// signedInAs is a browser of a member of staff, with an account of their own.
func (x *site) signedInAs(role access.Role) {
	x.Helper()
	_, _, admin := x.staffToken(role)
	user := must(x.svc.CreateUser(x.Context(), admin, &applications.User{Name: "Invented", Grants: []access.Grant{{Role: role}}}, applications.Idempotency{}))(x)
	secret := must(x.svc.IssueToken(x.Context(), admin, &applications.Token{Label: "test", User: user.ID}, applications.Idempotency{}))(x)
	x.browser = x.newBrowser()
	x.follow(x.fill(x.get("/sign-in"), "token", secret))
}

// offer is where the open offer to somebody is.
func (x *site) offer(path, code string) string {
	x.Helper()
	for _, o := range must(x.svc.Offers(x.Context(), testFacilitator, testProgram, applications.ListQuery{PageSize: 100}))(x).Items {
		if o.Code == code && o.State.Open() {
			return path + "/" + o.ID
		}
	}
	x.Fatalf("no open offer to %s", code)
	return ""
}

// A facilitator offers the places of a drawn group, sends the offers, records
// what people say, and takes one back, all by pages.
func TestOffersAreSentAndAnswered(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	offers := "/programs/" + testProgram + "/offers"

	// A token of nobody chooses nobody.
	x.signedIn(access.Facilitator)
	run := x.drawn()
	x.has(x.get(offers), "No place has been offered yet")
	x.has(x.fill(x.get(run+"/offers"), "reason", "As drawn."), "There is a problem", "with your own account")

	x.signedInAs(access.Facilitator)
	x.has(x.get(run), "Offer the places")
	x.has(x.get(offers+"/send"), "There is nothing to send")
	page := x.get(run + "/offers")
	x.has(page, "Who is offered a place?", "no offer yet", "nobody is told")
	codes := applicantCode.FindAllString(page.text(), -1)
	if len(codes) != 15 {
		t.Fatalf("%d people to offer places to", len(codes))
	}
	x.has(x.fill(page, "reason", ""), "There is a problem", "Say why")
	if a := x.do(http.MethodPost, run+"/offers", url.Values{"reason": {"x"}}, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "Mark who is offered a place") {
		t.Errorf("offers to nobody gave %d: %s", a.status, a.text())
	}
	prepared := x.fill(page, "reason", "As drawn (invented).")
	if prepared.to != offers+"/send" {
		t.Fatalf("preparing gave %d %q: %s", prepared.status, prepared.to, prepared.text())
	}
	if twice := x.fill(page, "reason", "As drawn (invented)."); twice.to != prepared.to {
		t.Errorf("pressed twice, preparing gave %d: %s", twice.status, twice.text())
	}
	x.has(x.get(run+"/offers"), "Everybody of this group has an offer")
	x.has(x.get(offers), "15 offers are prepared and not sent", "offer prepared", codes[0], "Run 1")

	send := x.get(offers + "/send")
	x.has(send, "15 people are told", "What they see", "no mail", "Send 15 offers")
	x.has(x.fill(send, "until", "2020-01-01T00:00"), "There is a problem", "in the future")
	x.has(x.fill(send, "until", "soon"), "There is a problem", "in the future")
	sent := x.fill(send)
	if sent.to != offers {
		t.Fatalf("sending gave %d %q: %s", sent.status, sent.to, sent.text())
	}
	if twice := x.fill(send); twice.to != offers {
		t.Errorf("pressed twice, sending gave %d: %s", twice.status, twice.text())
	}
	list := x.get(offers)
	x.has(list, "15 places", "offered: 15", "Answer before")
	x.hasNot(list, "not sent", "Invented organization")

	// What people say.
	one := x.offer(offers, codes[0])
	x.has(x.get(one), "Offer to "+codes[0], "They accept the place", "Take the offer back", "As drawn (invented).")
	answer := func(at string, pairs ...string) *answer {
		form := url.Values{"go": {"answer"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return x.do(http.MethodPost, at, form, nil)
	}
	x.has(answer(one, "how", "by telephone"), "There is a problem", "Mark what they said")
	x.has(answer(one, "answer", "accept"), "There is a problem", "Say why")
	x.has(x.follow(answer(one, "answer", "accept", "how", "by telephone (invented)")), "accepted: 1", "offered: 14")
	x.has(answer(one, "answer", "accept", "how", "again"), "answered already")
	x.has(x.get(one), "accepted", "They give the place back")
	x.hasNot(x.get(one), "They accept the place")
	two := x.offer(offers, codes[1])
	after := x.follow(answer(two, "answer", "decline", "how", "by telephone (invented)"))
	x.has(after, "declined", "Places are free", "Fill free places")
	if !strings.Contains(after.body, run+"/replace") {
		t.Error("free places do not lead to a run that fills them")
	}
	three := x.offer(offers, codes[2])
	x.has(x.do(http.MethodPost, three, url.Values{"go": {"recall"}}, nil), "There is a problem", "Say why")
	x.has(x.follow(x.do(http.MethodPost, three, url.Values{"go": {"recall"}, "why": {"sent by mistake (invented)"}}, nil)), "offer taken back", "offered: 12")
	x.hasNot(x.get(three), "Take the offer back", "They accept")
	again := x.get(run + "/offers")
	x.has(again, "offer taken back", "Prepare the offers")

	// A page of before somebody accepted gives back no place that was taken since.
	five := x.offer(offers, codes[5])
	old := x.get(five)
	for range 2 { // pressed twice is once
		x.has(x.follow(x.fill(old, "answer", "accept", "how", "by telephone (invented)")), "accepted: 2")
	}
	id := five[len(offers)+1:]
	_, form := old.form()
	for _, marked := range []url.Values{
		{"go": {"answer"}, "answer": {"decline"}, "how": {"an older call (invented)"}},
		{"go": {"recall"}, "why": {"no answer (invented)"}},
	} {
		marked["revision"] = form["revision"]
		stale := x.do(http.MethodPost, five, marked, nil)
		x.has(stale, "There is a problem", "Somebody else changed this offer meanwhile", "accepted", "They give the place back")
		if stale.status != http.StatusConflict || strings.Contains(stale.body, " checked") {
			t.Errorf("a page of before gave %d: %s", stale.status, stale.body)
		}
		if o := must(x.svc.Offer(t.Context(), testFacilitator, testProgram, id))(x); o.State != applications.OfferAccepted {
			t.Fatalf("a place that was accepted is %s", o.State)
		}
	}
	x.has(x.follow(x.fill(x.get(five), "answer", "decline", "how", "by telephone (invented)")), "accepted: 1")
	x.has(x.get(offers+"/01980000-0000-7000-8000-ffffffffffff"), "nothing at this address")

	// The time to answer is over.
	x.pass(60 * 24 * time.Hour)
	x.signedInAs(access.Facilitator)
	late := x.offer(offers, codes[3])
	x.has(x.get(late), "did not answer in time")
	x.has(answer(late, "answer", "accept", "how", "late"), "time to answer this offer is over")

	// In Spanish, and for who may only look.
	x.has(x.get(offers+"?lang=es"), "Ofertas", "Hay lugares libres")
	x.signedIn(access.ProgramAdministrator)
	x.has(x.get(offers+"?lang=en"), "Offers", codes[0])
	x.hasNot(x.get(offers), "Fill free places")
	for _, path := range []string{run + "/offers", offers + "/send"} {
		if a := x.get(path); a.status != http.StatusForbidden {
			t.Errorf("GET %s gave %d to who may not offer places", path, a.status)
		}
		if a := x.do(http.MethodPost, path, url.Values{"offer": {codes[4]}, "reason": {"x"}}, nil); a.status != http.StatusForbidden {
			t.Errorf("POST %s gave %d to who may not offer places", path, a.status)
		}
	}
	if a := x.do(http.MethodPost, one, url.Values{"go": {"recall"}, "why": {"x"}}, nil); a.status != http.StatusForbidden {
		t.Errorf("taking an offer back by who may not gave %d", a.status)
	}
}
