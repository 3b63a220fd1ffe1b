package web

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// mentoringSamples are the pages of mentors and mentees, with invented people.
func mentoringSamples(s *server, req func(string) *http.Request) map[string]view {
	r := req("/mentoring/equity-in-leadership-2027")
	const id = "0193f5b0-0000-7000-8000-0000000000b1"
	plan := &mentoring.Plan{Contact: "An invented coordinator, 360-555-0100"}
	place := func(role mentoring.Role, state mentoring.EnrollmentState) *mentorPlace {
		return &mentorPlace{id: "equity-in-leadership-2027", program: sampleProgram(), e: &mentoring.Enrollment{
			Program: "equity-in-leadership-2027", ID: id, Code: "ME-0012", Role: role, State: state,
		}}
	}
	proposal := &mentoring.Proposal{
		ID: id, State: mentoring.Sent, MenteeCode: "ME-0012", MentorCode: "MO-0007", Score: 640, ExpireTime: sampleNow.AddDate(0, 0, 9),
		Parts: []mentoring.Part{
			{Feature: "skills", Points: 410, Most: 500, Evidence: []string{"Grant writing", "Budgeting"}},
			{Feature: "availability", Points: 230, Most: 250, Evidence: []string{"Mon 17:00-19:00"}},
			{Feature: "travel", Most: 250},
		},
	}
	waiting := *proposal
	waiting.State, waiting.MenteeTime = mentoring.Accepted, sampleNow
	ship := &mentoring.Mentorship{
		ID: id, MenteeCode: "ME-0012", MentorCode: "MO-0007", State: mentoring.Active, CreateTime: sampleNow.AddDate(0, -1, 0),
		Meetings: []mentoring.Meeting{{State: mentoring.Held, Time: sampleNow.AddDate(0, 0, -7), Place: "An invented library"}, {State: mentoring.Planned, Time: sampleNow.AddDate(0, 0, 7)}},
		Goals:    []mentoring.Goal{{ID: id, Words: "Write an invented budget", State: mentoring.GoalOpen}, {ID: "x", Words: "Meet the board", State: mentoring.GoalReached}},
	}
	over := *ship
	over.State = mentoring.Completed
	partner := &mentoring.Partner{Code: "MO-0007", Contact: mentoring.Contact{Name: "dxʷlilap Xwlemi (invented)", Email: "invented@example.org", Phone: "360-555-0101"}}
	mentee := place(mentoring.Mentee, mentoring.Available)
	frame := func(p *mentorPlace) pageFrame { return s.mentorFrame(r, p) }
	failed := fillMentoringPage(frame(mentee), mentee, plan, mentoring.Places{Total: 2, Proposed: 1}, []*mentoring.Proposal{proposal}, nil, sampleNow)
	failed.Faults, failed.Failed = []fault{{"", failed.tongue.say("mentoring.refused.PLACES_TAKEN")}}, true
	mentor := place(mentoring.Mentor, mentoring.Paused)
	out := map[string]view{
		"mentoring":                fillMentoringPage(frame(mentee), mentee, plan, mentoring.Places{Total: 2, Proposed: 1}, []*mentoring.Proposal{proposal}, []*mentoring.Mentorship{ship, &over}, sampleNow),
		"mentoring waiting":        fillMentoringPage(frame(mentee), mentee, plan, mentoring.Places{Total: 2, Proposed: 1}, []*mentoring.Proposal{&waiting}, nil, sampleNow),
		"mentoring refused":        failed,
		"mentoring paused":         fillMentoringPage(frame(mentor), mentor, plan, mentoring.Places{Total: 2, Proposed: 1}, nil, nil, sampleNow),
		"mentoring-decline":        newProposalDeclinePage(frame(mentee), mentee, proposal, mentoring.Decline{}, nil),
		"mentoring-decline failed": newProposalDeclinePage(frame(mentor), mentor, proposal, mentoring.Decline{Note: "x", Never: true}, []fault{{"reason", "Choose"}, {"note", "Too long"}}),
		"mentorship":               newMentorshipPage(frame(mentee), mentee, ship, partner, plan),
		"mentorship over":          newMentorshipPage(frame(mentor), mentor, &over, &mentoring.Partner{}, plan),
		"mentorship-exit":          newExitPage(frame(mentee), mentee, ship, plan),
	}
	maps.Copy(out, enrollSamples(s, req))
	return out
}

// testCoordinator is a member of staff: pairs are published by a person.
var testCoordinator = access.Principal{Subject: "users/coordinator", Grants: []access.Grant{{Role: access.Coordinator}}}

// pair makes a published pair and returns the ids of its mentee and mentor.
func (x *site) pair() (mentee, mentor string) {
	x.Helper()
	ctx, none := x.Context(), applications.Idempotency{}
	must := func(err error) {
		x.Helper()
		if err != nil {
			x.Fatal(err)
		}
	}
	_, err := x.pairs.SavePlan(ctx, testCoordinator, &mentoring.Plan{Program: testProgram, Open: true, Contact: "Invented Coordinator, 360-555-0100"}, none)
	must(err)
	enroll := func(role mentoring.Role, name, column string, seats, wanted int, agreed ...mentoring.Purpose) string {
		e := &mentoring.Enrollment{
			Program: testProgram, Role: role, Seats: seats, Wanted: wanted, Contact: mentoring.Contact{Name: name, Email: column + "@example.org"},
			Profile: map[string]string{column: "Budgeting:3", "languages": "English", "asynchronous": "yes", "experience": map[mentoring.Role]string{mentoring.Mentor: "9", mentoring.Mentee: "6"}[role]},
		}
		for _, p := range agreed {
			e.Consents = append(e.Consents, mentoring.Consent{Purpose: p, Given: true})
		}
		made, _, err := x.pairs.Enroll(ctx, access.Principal{}, e, true, "", none)
		must(err)
		return made.ID
	}
	mentor = enroll(mentoring.Mentor, "Invented Mentor", "offers", 1, 0, mentoring.ForMatching, mentoring.ForContact)
	mentee = enroll(mentoring.Mentee, "Invented Mentee", "wants", 0, 1, mentoring.ForMatching)
	run, err := x.pairs.CreateMatching(ctx, testCoordinator, &mentoring.Matching{Program: testProgram, Seed: "s"}, none)
	must(err)
	_, err = mentoring.NewRunner(x.pairs, "test").RunOne(ctx)
	must(err)
	_, err = x.pairs.PublishMatching(ctx, testCoordinator, testProgram, run.ID, "looked at", 0, none)
	must(err)
	return mentee, mentor
}

// enterAs opens a link that staff made, in a browser of its own.
func (x *site) enterAs(enrollment string) {
	x.Helper()
	code, err := x.pairs.SignInLink(x.Context(), testCoordinator, testProgram, enrollment, "sent by mail", 0)
	if err != nil {
		x.Fatal(err)
	}
	x.browser = x.newBrowser()
	if a := x.get("/enter/" + code); a.status != http.StatusOK {
		x.Fatalf("the link: %d", a.status)
	}
	if a := x.do(http.MethodPost, "/enter/"+code, url.Values{}, nil); a.to != "/mentoring/"+testProgram {
		x.Fatalf("the link leads to %q (%d)", a.to, a.status)
	}
}

// By link: accept with the consent that was missing, meet, and leave; the other
// side learns a name only once both said yes, and never why it ended.
func TestMentoringPages(t *testing.T) {
	x := newSite(t)
	mentee, mentor := x.pair()
	home := "/mentoring/" + testProgram
	if a := x.get(home); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "opens with a link") {
		t.Errorf("without a link: %d", a.status)
	}
	x.enterAs(mentee)
	page := x.get(home)
	if page.status != 200 || !strings.Contains(page.body, "MO-0001") || strings.Contains(page.body, "Invented Mentor") || !strings.Contains(page.body, "Budgeting") {
		t.Fatalf("the mentee's page: %d %s", page.status, page.body)
	}
	list, err := x.pairs.Proposals(x.Context(), testCoordinator, testProgram, applications.ListQuery{})
	if err != nil {
		t.Fatal(err)
	}
	at := home + "/proposals/" + list.Items[0].ID
	if a := x.do(http.MethodPost, at+"/accept", url.Values{}, nil); a.status != http.StatusConflict || !strings.Contains(a.body, "To accept, agree") {
		t.Errorf("without consent: %d %s", a.status, a.body)
	}
	if a := x.do(http.MethodPost, at+"/accept", url.Values{"contact": {"yes"}}, nil); a.status != http.StatusSeeOther {
		t.Fatalf("accepted: %d %s", a.status, a.body)
	}
	if a := x.do(http.MethodPost, at+"/accept", url.Values{}, nil); a.status != http.StatusConflict {
		t.Errorf("pressed twice: %d", a.status)
	}
	if a := x.get(home); !strings.Contains(a.body, "We wait for the other side") {
		t.Error("the page does not say that it waits")
	}
	if a := x.do(http.MethodPost, at+"/decline", url.Values{"note": {"x"}}, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Choose one of the reasons") {
		t.Errorf("declined without a reason: %d", a.status)
	}
	menteesBrowser := x.browser

	x.enterAs(mentor)
	if a := x.get(at + "/decline"); a.status != 200 || strings.Contains(a.body, "Invented Mentee") {
		t.Errorf("the page to decline: %d", a.status)
	}
	if a := x.do(http.MethodPost, at+"/accept", url.Values{}, nil); a.status != http.StatusSeeOther {
		t.Fatalf("accepted by the mentor: %d %s", a.status, a.body)
	}
	ships, err := x.pairs.Mentorships(x.Context(), testCoordinator, testProgram, applications.ListQuery{})
	if err != nil || len(ships.Items) != 1 {
		t.Fatal(ships, err)
	}
	ship := home + "/mentorships/" + ships.Items[0].ID
	if a := x.get(ship); a.status != 200 || !strings.Contains(a.body, "Invented Mentee") {
		t.Errorf("the mentorship: %d", a.status)
	}
	post := func(path string, want int, pairs ...string) {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		if a := x.do(http.MethodPost, path, form, nil); a.status != want {
			t.Errorf("%v: %d %s", pairs, a.status, a.body)
		}
	}
	post(ship, http.StatusUnprocessableEntity, "go", "meeting", "when", "soon")
	post(ship, http.StatusSeeOther, "go", "meeting", "when", x.now().Add(-time.Hour).Format("2006-01-02T15:04"), "place", "The invented library")
	post(ship, http.StatusUnprocessableEntity, "go", "goal", "goal", "")
	post(ship, http.StatusSeeOther, "go", "goal", "goal", "Write a budget")
	post(ship, http.StatusSeeOther, "go", "hold")
	post(ship, http.StatusSeeOther, "go", "resume")
	if a := x.get(ship); !strings.Contains(a.body, "Write a budget") || !strings.Contains(a.body, "The invented library") {
		t.Error("goal and meeting are not there")
	}
	post(home+"/state", http.StatusSeeOther, "go", "pause")
	if a := x.get(home); !strings.Contains(a.body, "You are paused") {
		t.Error("not paused")
	}

	x.browser = menteesBrowser
	if a := x.get(ship + "/exit"); a.status != 200 || !strings.Contains(a.body, "Invented Coordinator") {
		t.Errorf("the safe exit: %d", a.status)
	}
	post(ship+"/exit", http.StatusSeeOther, "words", "zq7canary words")
	post(ship, http.StatusUnprocessableEntity, "go", "survey", "helped", "2")
	post(ship, http.StatusSeeOther, "go", "survey", "helped", "2", "again", "3", "fit", "1")
	x.enterAs(mentor)
	if a := x.get(ship); a.status != 200 || strings.Contains(a.body, "zq7canary") || strings.Contains(strings.ToLower(a.body), "safe") || strings.Contains(a.body, "Invented Mentee") {
		t.Errorf("the other side after the safe exit: %d %s", a.status, a.body)
	}
	if strings.Contains(x.log.String(), "zq7canary") {
		t.Error("the log has what somebody wrote")
	}
	// A new token ends the session.
	if _, err := x.pairs.RenewToken(x.Context(), testCoordinator, testProgram, mentor, "lost phone"); err != nil {
		t.Fatal(err)
	}
	if a := x.get(home); a.status != http.StatusUnauthorized {
		t.Errorf("after the token was renewed: %d", a.status)
	}
}
