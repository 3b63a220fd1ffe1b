package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

var applicantCode = regexp.MustCompile(`NS-\d{4}`)

// drawn starts a run and draws by the server's seed; it returns its address.
func (x *site) drawn() string {
	x.Helper()
	run := x.sealed("seed_kind", "SERVER")
	x.follow(x.fill(x.fill(x.get(run+"/draw"), "confirm", "A test with invented people.")))
	return run
}

// From a drawn group to one that somebody chose: no way leads back to DRAWN.
func TestGroupIsLookedAtAndChanged(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	x.signedIn(access.Facilitator)
	run := x.drawn()
	people := x.get(run + "?view=people")
	member := applicantCode.FindString(people.text())
	person := x.get(run + "/people/" + member)
	x.has(person, member, "In the group", "Why in", "Who could take this place", "chance")
	x.hasNot(person, "San Juan County", "Snohomish County", "100 %", "the only one")
	if a := x.get(run + "/people/NS-9999"); a.status != http.StatusNotFound {
		t.Errorf("nobody's explanation gave %d", a.status)
	}
	// Somebody out.
	all := map[string]bool{}
	for _, code := range applicantCode.FindAllString(x.get(run).text(), -1) {
		all[code] = true
	}
	out := ""
	for _, a := range must(x.svc.Applications(t.Context(), testFacilitator, testProgram, applications.ListQuery{PageSize: 100}, false, ""))(x).Items {
		if !all[a.Code] {
			out = a.Code
		}
	}
	x.has(x.get(run+"/people/"+out), out, "Not in the group", "Whose place")

	// What a lock would come to, from a card and from a person: nothing is kept.
	x.has(people, "Lock "+member, "Try a swap "+member, "Exclude "+member)
	x.has(x.get(run+"/people/"+member+"/what-if?try=lock"), "What if "+member+" is locked in?", "Nothing is lost", "The present group stays one of the best")
	excluded := x.get(run + "/people/" + member + "/what-if?try=exclude")
	x.has(excluded, "What if "+member+" is left out?", "one of the best groups then", "Leaves", member)
	x.has(x.get(run+"/people/"+out+"/what-if?try=lock"), "What if "+out+" is locked in?", "Comes in", out)
	if a := x.get(run + "/people/" + member + "/what-if?try=free"); a.status != http.StatusBadRequest {
		t.Errorf("taking back a lock that is none gave %d", a.status)
	}
	if a := x.get(run + "/people/" + member + "/what-if"); a.status != http.StatusNotFound {
		t.Errorf("trying nothing gave %d", a.status)
	}
	if got := must(x.svc.Selection(t.Context(), testFacilitator, testProgram, run[strings.LastIndexByte(run, '/')+1:]))(x); len(got.Include)+len(got.Exclude) > 0 {
		t.Errorf("looking locked %v and %v", got.Include, got.Exclude)
	}

	options := x.get(run + "/alternatives")
	x.has(options, "Compare options", "Option A", "Option B", "Targets met", "People in common with A", "Use this one", "−NS-", "+NS-")
	x.has(x.get(run+"/standby"), "Who stands ready", "NS-", "places without a loss", "How firm the group is")
	swap := x.get(run + "/swap?out=" + member)
	x.has(swap, "Swap "+member, "Who could come in")
	if a := x.get(run + "/swap?out=" + out); a.status != http.StatusNotFound {
		t.Errorf("a swap of somebody who is not in the group gave %d", a.status)
	}
	x.has(x.get(run+"/swap?out="+member+"&other=NS-9999"), "There is a problem", "nobody in the pool")
	effect := x.get(run + "/swap?out=" + member + "&other=" + out)
	x.has(effect, member+" out, "+out+" in")

	// Another option: a review, a reason, and the provenance.
	form := url.Values{}
	for n := range options.doc.Descendants() {
		for _, a := range n.Attr {
			if n.Data == "input" && a.Key == "value" && strings.HasPrefix(a.Val, "NS-") {
				form.Set("cohort", a.Val)
			}
		}
	}
	review := x.do(http.MethodPost, run+"/choose", form, nil)
	x.has(review, "Change the group by hand?", "CHOSEN", "Leaves", "Comes in")
	x.has(x.fill(review), "There is a problem", "say why")
	chosen := x.follow(x.fill(review, "reason", "An invented reason."))
	x.follow(x.fill(review, "reason", "An invented reason.")) // pressed twice
	if n := strings.Count(x.get(run+"/report").text(), "Changed by hand"); n != 1 {
		t.Errorf("the change is recorded %d times", n)
	}
	x.has(chosen, "CHOSEN", "Chosen by people")
	x.hasNot(x.get(run+"?view=people"), "chance below", "chance above", "chance 5", "chance 15", "chance 30", "Smallest chance")
	x.hasNot(x.get(run+"/draw"), "Go on to the draw")
	public := "/draws/" + testProgram + strings.TrimPrefix(run, "/programs/"+testProgram+"/selections")
	x.has(x.get(public), "Every check held", `"provenance":"CHOSEN"`)
	bad := x.do(http.MethodPost, run+"/choose", url.Values{"cohort": {member}, "reason": {"x"}, "sure": {"yes"}}, nil)
	x.has(bad, "There is a problem")

	// The report, whole and for the public.
	full := x.get(run + "/report")
	x.has(full, "Report for the board", "What we said we would do", "What we did", "Changed by hand", "An invented reason.", "What was not met", "For the board", "County")
	report := x.get(run + "/report?public=yes")
	x.has(report, "No number of people below 11 is shown", "Kept for facilitators: County", "fewer than 11 in")
	x.hasNot(report, "NS-", "San Juan County")

	x.signedIn(access.ProgramAdministrator)
	x.hasNot(x.get(run+"/people/"+member), "NS-0340", "Try a swap")
	for _, at := range []string{"/alternatives", "/standby", "/swap?out=" + member, "/people/" + member + "/what-if?try=lock", "/replace"} {
		if a := x.get(run + at); a.status != http.StatusForbidden {
			t.Errorf("a program administrator at %s: %d", at, a.status)
		}
	}
	if a := x.do(http.MethodPost, run+"/choose", form, nil); a.status != http.StatusForbidden {
		t.Errorf("a program administrator choosing: %d", a.status)
	}
}

// A place that becomes free is filled by a run of its own: the facilitator
// records who declined.
func TestFreePlacesAreFilled(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	x.signedIn(access.Facilitator)
	run := x.drawn()
	id := run[strings.LastIndexByte(run, '/')+1:]
	result := must(x.svc.SelectionResult(t.Context(), testFacilitator, testProgram, id))(x)
	plan := applications.OfferPlan{Program: testProgram, Selection: id, Reason: "a test"}
	for _, m := range result.Members {
		plan.Applications = append(plan.Applications, m.Application)
	}
	must(x.svc.PrepareOffers(t.Context(), testPerson, plan, applications.Idempotency{}))(x)
	must(x.svc.SendOffers(t.Context(), testPerson, testProgram, nil, x.now().Add(14*24*time.Hour), applications.Idempotency{}))(x)

	page := x.get(run + "/replace")
	x.has(page, "Fill free places", "Who declined?", "offered")
	x.has(x.fill(page, "reason", "Told us."), "There is a problem", "Mark who declined")
	gone := result.Members[3].Code
	x.has(x.fill(page, "declined", gone), "There is a problem", "Say how you know")
	review := x.fill(page, "declined", gone, "reason", "Told us by telephone (invented).")
	x.has(review, "Fill these places?", gone)
	started := x.fill(review)
	if started.status != http.StatusSeeOther {
		t.Fatalf("filling gave %d: %s", started.status, started.text())
	}
	if twice := x.fill(review); twice.to != started.to {
		t.Errorf("pressed twice, filling leads to %d %q and %q: %s", twice.status, twice.to, started.to, twice.text())
	}
	x.work(func() bool { return x.get(started.to).header.Get("Refresh") == "" })
	stage := x.get(started.to + "/draw")
	drawn := x.follow(x.fill(x.fill(stage, "confirm", "A test with invented people.")))
	x.has(drawn, "The 15 people", "DRAWN_WITH_LOCKS")
	codes := applicantCode.FindAllString(drawn.text(), -1)
	kept := 0
	for _, m := range result.Members {
		for _, code := range codes {
			if code == m.Code {
				kept++
			}
		}
	}
	if kept != 14 {
		t.Errorf("%d of the 14 who stay are in the new group", kept)
	}
	x.has(x.get(run+"/report"), "declined", "Places filled again", "Run 2, after declines")
}

// People whom a link ties together are swapped for others at once: the page of
// the swap offers what the page of the person lists.
func TestTiedPeopleAreSwappedTogether(t *testing.T) {
	x := newSite(t)
	c := must(x.svc.SaveCriteria(t.Context(), testFacilitator, &applications.Criteria{
		Program: testProgram, Name: "tied", Size: 2, MinSize: 2, Rules: []applications.CriteriaRule{{Kind: "spread", Attribute: "county", Min: new(2), Priority: 1}},
		Ties: []applications.Tie{
			{Kind: "together", IDs: []string{"NS-0001", "NS-0002"}},
			{Kind: "together", IDs: []string{"NS-0003", "NS-0004"}},
			{Kind: "at_least_one", IDs: []string{"NS-0001", "NS-0003"}},
		},
	}, applications.Idempotency{}))(x)
	must(x.svc.RegisterCriteria(t.Context(), testFacilitator, testProgram, c.Version, "a test", "The chair", applications.Idempotency{}))(x)
	x.pool(6)
	x.signedIn(access.Facilitator)
	run := x.drawn()
	in, out := []string{"NS-0001", "NS-0002"}, []string{"NS-0003", "NS-0004"}
	if !strings.Contains(x.get(run).text(), in[0]) {
		in, out = out, in
	}
	both := func(codes []string) string { return codes[0] + " + " + codes[1] }
	x.has(x.get(run+"/people/"+in[0]), "Comes and goes with "+in[1], both(out))
	x.has(x.get(run+"/swap?out="+in[0]), "Swap "+both(in), "These people come and go together", both(out))
	if text := x.get(run + "/swap?out=" + in[0]).text(); strings.Contains(text, "Nobody can come in") {
		t.Errorf("the page of the swap denies it: %s", text)
	}
	effect := x.get(run + "/swap?" + url.Values{"out": {in[0]}, "in": {both(out)}}.Encode())
	x.has(effect, both(in)+" out, "+both(out)+" in: Nothing is lost", "Use this swap")
	x.has(x.get(run+"/swap?"+url.Values{"out": {in[0]}, "other": {out[0]}}.Encode()), "Breaks a condition that always holds")
	review := x.do(http.MethodPost, run+"/choose", url.Values{"out": {both(in)}, "in": {both(out)}}, nil)
	x.has(review, "Change the group by hand?", in[0], in[1], out[0], out[1])
	chosen := x.follow(x.fill(review, "reason", "An invented reason."))
	x.has(chosen, "Chosen by people", out[0], out[1])
	x.hasNot(chosen, in[0], in[1])
}
