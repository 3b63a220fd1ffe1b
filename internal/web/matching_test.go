package web

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
)

const sampleID = "0193f5b0-0000-7000-8000-0000000000c1"

// sampleMatching is a run and its result, all invented.
func sampleMatching(pairs int, state mentoring.MatchingState) *reviewed {
	res := &mentoring.Result{Status: "OPTIMAL", Covered: pairs, Certificate: []byte("{}"), Worst: 310}
	parts := []mentoring.Part{
		{Feature: "skills", Points: 310, Most: 450, Evidence: []string{"Grant writing", "Budgeting"}},
		{Feature: "availability", Points: 200, Most: 250, Evidence: []string{"Mon 17:00-19:00"}},
		{Feature: "private", Points: 50, Most: 100},
		{Feature: "travel", Most: 200, Evidence: []string{"95 minutes"}},
	}
	for i := range pairs {
		res.Pairs = append(res.Pairs, mentoring.Pair{
			Mentee: sampleID, Mentor: sampleID, MenteeCode: fmt.Sprintf("ME-%04d", i+1), MentorCode: fmt.Sprintf("MO-%04d", i/2+1),
			Score: 560, Locked: i == 1, Parts: parts,
		})
		res.Total += 560
	}
	left := func(code string, reason pairing.Reason) mentoring.Unmatched {
		return mentoring.Unmatched{Mentee: sampleID, MenteeCode: code, Reason: reason}
	}
	witness := left("ME-9001", pairing.TooFewSeats)
	witness.Mentees, witness.Mentors, witness.Seats, witness.Rule = 3, 1, 2, "language"
	witness.With, witness.By = []string{"ME-0001", "ME-0002", "ME-9001"}, []string{"MO-0001"}
	many := left("ME-9002", pairing.TooFewSeats)
	many.Mentees, many.Mentors, many.Seats, many.Rule = 32, 17, 17, "private"
	res.Unmatched = []mentoring.Unmatched{witness, many, left("ME-9003", pairing.NoEligibleMentor), left("ME-9004", pairing.NoSeats), left("ME-9005", pairing.OtherTermsFirst), left("ME-9006", pairing.NotProved)}
	group := func(name string, n, covered int, score, regret int64, ratio int) pairing.GroupAudit {
		return pairing.GroupAudit{Name: name, Mentees: n, Covered: covered, Score: score, Regret: regret, Opportunity: int64(3 * n), CoverageRatio: ratio, ScoreRatio: ratio}
	}
	island := group("Island", 12, 6, 3000, 1000, 545)
	island.Gap = &pairing.Gap{Rule: "travel", Serves: 3, Blocked: 60}
	res.Audit = &pairing.EquityAudit{Smallest: 11, All: group("", 40, 34, 22000, 6000, 1000), Attributes: []pairing.AttributeAudit{
		{Attribute: "places", Groups: []pairing.GroupAudit{island, group("Skagit", 24, 22, 16000, 4000, 1000), {Name: "San Juan", Suppressed: true}, {Suppressed: true}}},
		{Attribute: "languages", Groups: []pairing.GroupAudit{{Name: "Spanish", Suppressed: true}}},
	}}
	res.Unstable = &mentoring.Unstable{Count: 2100, First: []mentoring.Pair{{Mentee: sampleID, Mentor: sampleID, MenteeCode: "ME-0002", MentorCode: "MO-0003", Score: 610}}}
	change := mentoring.Cost{
		Terms:   []mentoring.TermChange{{Term: "cover", Before: 34, After: 33}, {Term: "worst", Before: 310, After: 200}, {Term: "total", Before: 9000, After: 8997}, {Term: "even", Before: -5, After: -9}},
		Removed: []mentoring.Pair{{Mentee: sampleID, Mentor: sampleID, MenteeCode: "ME-0001", MentorCode: "MO-0001", Score: 560}, {Mentee: sampleID, MenteeCode: "ME-0003", MentorCode: "MO-0002", Score: 400}},
		Added:   []mentoring.Pair{{Mentee: sampleID, MenteeCode: "ME-0001", MentorCode: "MO-0002", Score: 557}},
	}
	run := &mentoring.Matching{
		Program: "equity-in-leadership-2027", ID: sampleID, State: state, Mentees: 40, Mentors: 20, Pairs: pairs, Covered: pairs, Revision: 7,
		CreateTime: sampleNow, DoneTime: sampleNow.Add(time.Second), PublishTime: sampleNow.Add(time.Hour), InputDigest: "sha256:9f2c",
		Steps: []mentoring.Step{{Name: "claimed", Time: sampleNow}, {Name: "frozen", Time: sampleNow}, {Name: "unreadable", Value: 2, Time: sampleNow}, {Name: "floors_short", Value: 1, Time: sampleNow}, {Name: "floors_unheld", Value: 1, Time: sampleNow}},
		Edits: []mentoring.Edit{
			{Kind: mentoring.LockPair, Mentee: "a", Mentor: "x", Reason: "They work on one grant (invented)", By: "users/coordinator", Time: sampleNow, Cost: change},
			{Kind: mentoring.LockPair, Mentee: "a", Mentor: "y", Reason: "Asked for it", By: "users/coordinator", Time: sampleNow, Cost: change},
			{Kind: mentoring.LockPair, Mentee: "b", Mentor: "x", Joined: true, Time: sampleNow},
		},
	}
	return &reviewed{run, res, 3}
}

// matchingSamples are the coordinator's pages about runs and pairs, with invented
// people.
func matchingSamples(s *server, req func(string) *http.Request) map[string]view {
	who := access.Principal{Subject: "users/coordinator", Grants: []access.Grant{{Role: access.Coordinator}}}
	d := &matchDesk{who, sampleProgram(), true}
	frame := func() pageFrame { return s.staffFrame(req("/programs/x/matchings"), "programs") }
	l := frame().tongue
	plan := &mentoring.Plan{AnswerTime: 14 * 24 * time.Hour, Objectives: []string{"cover", "total"}}
	people := &mentoring.Measures{Mentees: 40, Mentors: 20}
	v, published := sampleMatching(18, mentoring.InReview), sampleMatching(3, mentoring.Published)
	runOf := func(state mentoring.MatchingState) *mentoring.Matching {
		run := *v.run
		run.State, run.CurrentStep, run.Progress = state, "pricing", 12345
		return &run
	}
	failed := runOf(mentoring.Failed)
	failed.ErrorReason, failed.Error = "NO_WORD_FOR_IT", "an invented reason"
	floors := runOf(mentoring.Failed)
	floors.ErrorReason = "FLOORS_IMPOSSIBLE"
	pairs := newPairsPage(frame(), d, v.run, v.res, 3, 1)
	pairs.recruit(l, &mentoring.Recruitment{
		Unserved: 2, Seats: 2, Mentors: 1, Groups: []mentoring.RecruitGroup{{Attribute: "topic", Label: "Budgeting", Serving: 2}},
		Kinds: []mentoring.RecruitKind{{Language: "es", LanguageLabel: "Spanish", Place: "skagit", PlaceLabel: "Skagit", Serves: 1, Could: 2, Topics: []string{"a"}, TopicLabels: []string{"Grant writing"}}},
	})
	off := newPairsPage(frame(), d, v.run, v.res, 3, 1)
	off.RecruitOff = l.say("matching.refused.MATCHING_UNPROVED")
	later := newPairsPage(frame(), d, v.run, v.res, 3, 1)
	later.RecruitHref = later.Path + "?look=yes"
	large := sampleMatching(130, mentoring.Solved)
	_, _, left := v.mentee("ME-9001")
	cells := &mentoring.Enrollment{Profile: map[string]string{"wants": "Budgeting:3", "languages": "English; Xwlemi", "style_structure": "3"}}
	mentee := newMenteePage(frame(), d, v, "ME-0001", nil)
	_, of, _ := v.mentee("ME-0001")
	mentee.Pairs = []whyView{newWhyView(l, 1, of[0], &mentoring.PairExplanation{Completeness: 800}, cells, cells)}
	mentee.others(l, []mentoring.Alternative{{Pair: of[0], Cost: v.run.Edits[0].Cost}})
	alone := newMenteePage(frame(), d, v, "ME-9001", left)
	alone.OthersHref = alone.Here + "?others=yes"
	among := sampleMatching(400, mentoring.Solved)
	ofMany := newMenteePage(frame(), d, among, "ME-0007", nil)
	final := newMenteePage(frame(), d, published, "ME-0001", nil)
	final.OthersOff = l.say("matching.refused.MATCHING_ERASED")
	try := fillTryPage(frame(), d, v, &askedEdit{do: "lock", mentee: "ME-0001", other: "MO-0002"})
	try.explain(l, &mentoring.WhyNot{Explanation: &mentoring.PairExplanation{Pair: of[0], Eligible: true}, Cost: &v.run.Edits[0].Cost})
	try.cost(l, &v.run.Edits[0].Cost, v.run, true)
	least := fillTryPage(frame(), d, v, &askedEdit{do: "lock", mentee: "ME-0001", other: "MO-0002"})
	bounded := &mentoring.PairExplanation{Pair: of[0], Eligible: true, AtLeast: []mentoring.Term{{Name: "cover"}, {Name: "below", Value: 2}}}
	least.pair(l, bounded)
	least.least(l, bounded)
	blocked := fillTryPage(frame(), d, v, &askedEdit{do: "lock", mentee: "ME-0001", other: "MO-0002"})
	blocked.explain(l, &mentoring.WhyNot{Explanation: &mentoring.PairExplanation{Pair: of[0], Blocked: []string{"language", "private", "unknown to pages"}}})
	blocked.cost(l, nil, published.run, true)
	wrong := fillTryPage(frame(), d, v, &askedEdit{do: "swap", mentee: "ME-0001"})
	wrong.Faults, wrong.Failed = []fault{{"", "Nobody has this code"}}, true
	noReason := fillTryPage(frame(), d, v, &askedEdit{do: "forbid", mentee: "ME-0001", other: "MO-0001"})
	noReason.cost(l, &mentoring.Cost{}, v.run, true)
	noReason.Fault, noReason.Faults = "Say why", []fault{{"reason", "Say why"}}
	publish := newPublishPage(frame(), d, v, plan, []*mentoring.Matching{published.run})
	publish.Fault, publish.Faults = "Say who", []fault{{"reason", "Say who"}}
	proposal := &mentoring.Proposal{
		Program: "x", ID: sampleID, State: mentoring.Accepted, Matching: sampleID, MenteeCode: "ME-0001", MentorCode: "MO-0001", Parts: of[0].Parts, Score: 560,
		MenteeTime: sampleNow, SendTime: sampleNow, ExpireTime: sampleNow.AddDate(0, 0, 9), Revision: 2,
	}
	declined := *proposal
	declined.State, declined.Decliner, declined.DeclineReason, declined.DeclineNote, declined.EndTime = mentoring.Declined, mentoring.Mentor, mentoring.NoTime, "An invented note", sampleNow
	confirmed := *proposal
	confirmed.State, confirmed.Mentorship, confirmed.EndTime = mentoring.Confirmed, sampleID, sampleNow
	late := *proposal
	late.State, late.ExpireTime = mentoring.Sent, sampleNow.AddDate(0, 0, -1)
	badAnswer := s.newProposalPage(frame(), d, proposal)
	badAnswer.Faults = []fault{{"side", "Choose"}, {"answer", "Choose"}, {"decline_reason", "Choose"}, {"reason", "Say why"}, {"why", "Say why"}}
	badAnswer.Fault, badAnswer.RecallBad = "Say why", "Say why"
	ship := &mentoring.Mentorship{
		Program: "x", ID: sampleID, State: mentoring.Active, MenteeCode: "ME-0001", MentorCode: "MO-0001", CreateTime: sampleNow, Revision: 3,
		Meetings: []mentoring.Meeting{{State: mentoring.Held, Time: sampleNow}, {State: mentoring.Planned, Time: sampleNow.AddDate(0, 0, 7)}},
	}
	exit := *ship
	exit.State, exit.EndReason, exit.EndTime, exit.SafeExitFrom, exit.SafeExit = mentoring.EndedEarly, mentoring.EndSafeExit, sampleNow, mentoring.Mentee, "Invented words"
	exit.MenteeSurvey = &mentoring.Survey{Helped: 2, Again: 1, Fit: 1, Words: "Invented words"}
	handled := exit
	handled.Handled, handled.HandledBy = true, "users/coordinator"
	badEnd := newShipPage(frame(), d, ship)
	badEnd.Faults, badEnd.WhyFault = []fault{{"end_reason", "Choose"}, {"why", "Say why"}}, "Say why"
	badDone := newShipPage(frame(), d, &exit)
	badDone.Faults, badDone.DoneFault = []fault{{"done", "Say what"}}, "Say what"
	runs := newMatchingsPage(frame(), d, plan, people, []*mentoring.Matching{published.run, failed, runOf(mentoring.Queued), v.run})
	runs.Faults = []fault{{"seed", "Too long"}}
	proposals := s.newProposalsPage(frame(), d, &mentoring.ListPage[*mentoring.Proposal]{Items: []*mentoring.Proposal{proposal, &declined, &confirmed, &late}, Next: "x"}, mentoring.Sent, sampleID, true)
	badHand := s.newProposalsPage(frame(), d, &mentoring.ListPage[*mentoring.Proposal]{}, "", "", false)
	badHand.Faults = []fault{{"mentee", "Nobody"}, {"mentor", "Nobody"}, {"reason", "Say why"}}
	badHand.ByHand.Open, badHand.ByHand.Fault = true, "Say why"
	empty := sampleMatching(0, mentoring.Solved)
	empty.res.Unmatched, empty.res.Audit, empty.res.Certificate, empty.run.Edits = nil, nil, nil, nil
	return map[string]view{
		"matching-runs":              runs,
		"matching-runs none":         newMatchingsPage(frame(), d, plan, &mentoring.Measures{}, nil),
		"matching-runs plan":         newMatchingsPage(frame(), d, nil, nil, nil),
		"matching-run":               newMatchingRunPage(frame(), d, runOf(mentoring.Solving), 3),
		"matching-run failed":        newMatchingRunPage(frame(), d, failed, 3),
		"matching-run floors":        newMatchingRunPage(frame(), d, floors, 3),
		"matching-pairs":             pairs,
		"matching-pairs off":         off,
		"matching-pairs later":       later,
		"matching-pairs large":       newPairsPage(frame(), d, large.run, large.res, 3, 2),
		"matching-pairs published":   newPairsPage(frame(), d, published.run, published.res, 3, 1),
		"matching-pairs empty":       newPairsPage(frame(), d, empty.run, empty.res, 3, 1),
		"matching-mentee":            mentee,
		"matching-mentee left":       alone,
		"matching-mentee final":      final,
		"matching-mentee many":       ofMany,
		"matching-try":               try,
		"matching-try least":         least,
		"matching-try blocked":       blocked,
		"matching-try wrong":         wrong,
		"matching-try reason":        noReason,
		"matching-edits":             newEditsPage(frame(), d, v, map[string]string{"a": "ME-0001", "b": "ME-0003"}, map[string]string{"x": "MO-0001"}),
		"matching-edits none":        newEditsPage(frame(), d, empty, nil, nil),
		"matching-publish":           publish,
		"matching-publish empty":     newPublishPage(frame(), d, empty, plan, nil),
		"matching-audit":             newAuditPage(frame(), d, v),
		"matching-audit none":        newAuditPage(frame(), d, empty),
		"matching-proposals":         proposals,
		"matching-proposals none":    s.newProposalsPage(frame(), d, &mentoring.ListPage[*mentoring.Proposal]{}, "", "", false),
		"matching-proposals hand":    badHand,
		"matching-proposal":          badAnswer,
		"matching-proposal declined": s.newProposalPage(frame(), d, &declined),
		"matching-proposal done":     s.newProposalPage(frame(), d, &confirmed),
		"matching-ships":             newShipsPage(frame(), d, &mentoring.ListPage[*mentoring.Mentorship]{Items: []*mentoring.Mentorship{ship, &exit, &handled}, Next: "x"}, "", 1, true),
		"matching-ships none":        newShipsPage(frame(), d, &mentoring.ListPage[*mentoring.Mentorship]{}, "exits", 0, false),
		"matching-ship":              badEnd,
		"matching-ship exit":         badDone,
		"matching-ship handled":      newShipPage(frame(), d, &handled),
		"matching-measures": newMeasuresPage(frame(), d, &mentoring.Measures{
			Mentors: 20, Mentees: 40, Waiting: 2, LongestWait: 1, Matchings: 1, Sent: 30, Confirmed: 20, Declined: 6, Expired: 1, Acceptance: 741,
			FirstResponse: 50 * time.Hour, Mentorships: 20, Live: 18, FirstMeetings: 10, FirstMeetingsInTime: 7, FirstMeetingRate: 700, Pairs: 30, Overridden: 2, OverridesPer100: 7,
			Completed: 1, EndedEarly: 1, Surveys: 8, Helped: 4250, Smallest: 5, DeclineReasons: map[mentoring.DeclineReason]int{mentoring.NoTime: 5, mentoring.TooClose: -1},
		}),
		"matching-measures none": newMeasuresPage(frame(), d, &mentoring.Measures{Acceptance: -1, FirstMeetingRate: -1, OverridesPer100: -1, Helped: -1, Smallest: 5}),
	}
}

// coordinator signs a member of staff in who matches.
func (x *site) coordinator() {
	x.Helper()
	_, _, admin := x.staffToken(access.Administrator)
	user := must(x.svc.CreateUser(x.Context(), admin, &applications.User{Name: "Invented coordinator", Grants: []access.Grant{{Role: access.Coordinator}}}, applications.Idempotency{}))(x)
	secret := must(x.svc.IssueToken(x.Context(), admin, &applications.Token{Label: "test", User: user.ID}, applications.Idempotency{}))(x)
	x.browser = x.newBrowser()
	x.follow(x.fill(x.get("/sign-in?to=/calls"), "token", secret))
}

// enrollFor makes an invented person of a role available.
func (x *site) enrollFor(role mentoring.Role, places int, cells map[string]string, change func(*mentoring.Enrollment)) *mentoring.Enrollment {
	x.Helper()
	e := &mentoring.Enrollment{Program: testProgram, Role: role, Profile: cells, Contact: mentoring.Contact{Name: "zq7canary Name", Phone: "360-555-0199"}}
	if e.Seats = places; role == mentoring.Mentee {
		e.Seats, e.Wanted = 0, places
	}
	for _, p := range []mentoring.Purpose{mentoring.ForMatching, mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures} {
		e.Consents = append(e.Consents, mentoring.Consent{Purpose: p, Given: true})
	}
	if change != nil {
		change(e)
	}
	made, _, err := x.pairs.Enroll(x.Context(), access.Principal{}, e, true, "", applications.Idempotency{})
	if err != nil {
		x.Fatal(err)
	}
	return made
}

func (x *site) match() {
	x.Helper()
	if did, err := mentoring.NewRunner(x.pairs, "test").RunOne(x.Context()); err != nil || !did {
		x.Fatal(did, err)
	}
}

const matchings = "/programs/" + testProgram + "/matchings"

var revisionField = regexp.MustCompile(`name="revision" value="(\d+)"`)

// A coordinator runs the matcher, sees why, overrides with the cost in view, and
// publishes; another one who looked at the page before is told so.
func TestCoordinatorMatches(t *testing.T) {
	x := newSite(t)
	x.coordinator()
	x.has(x.get(matchings), "This program has no mentoring yet")
	for _, rest := range []string{"proposals", "mentorships", "measures"} {
		if a := x.get("/programs/" + testProgram + "/" + rest); a.to != matchings {
			t.Errorf("%s without a plan: %d %q", rest, a.status, a.to)
		}
	}
	if _, err := x.pairs.SavePlan(t.Context(), testCoordinator, &mentoring.Plan{Program: testProgram, Open: true, Contact: "Invented", Audited: []string{"places"}}, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	x.has(x.get(matchings), "There is no run yet", "Nobody can be matched before", "Start a run")
	cells := func(column, topics, languages string) map[string]string {
		return map[string]string{column: topics, "languages": languages, "asynchronous": "yes"}
	}
	secret := func(e *mentoring.Enrollment) {
		e.Traits = []mentoring.Trait{{Attribute: "zq7attr", Value: "zq7value", Matching: true}}
	}
	x.enrollFor(mentoring.Mentor, 1, cells("offers", "Grant writing:3; Budgeting:1", "English"), secret)
	x.enrollFor(mentoring.Mentor, 1, cells("offers", "Budgeting:3; Grant writing:1", "English"), nil)
	x.enrollFor(mentoring.Mentee, 1, cells("wants", "Grant writing:3; Budgeting:1", "English"), func(e *mentoring.Enrollment) {
		e.Affinity = []mentoring.AffinityWish{{Attribute: "zq7attr", Value: "zq7value", Strength: "IMPORTANT"}}
	})
	x.enrollFor(mentoring.Mentee, 1, cells("wants", "Budgeting:3; Grant writing:1", "English"), nil)
	x.enrollFor(mentoring.Mentee, 1, cells("wants", "Budgeting", "Spanish"), nil)

	bad := x.fill(x.get(matchings), "seed", strings.Repeat("x", 300))
	if bad.status != http.StatusUnprocessableEntity {
		t.Errorf("a seed too long: %d", bad.status)
	}
	page := x.get(matchings)
	started := x.fill(page, "seed", "a seed")
	if started.status != http.StatusSeeOther || x.fill(page, "seed", "a seed").to != started.to {
		t.Fatalf("started: %d %s", started.status, started.text())
	}
	run := started.to
	waiting := x.get(run)
	x.has(waiting, "Waiting to begin", "Cancel the run")
	if waiting.header.Get("Refresh") != refreshSeconds || x.get(run+"?updates=off").header.Get("Refresh") != "" {
		t.Error("the page of a waiting run does not look again, or cannot be stopped")
	}
	if a := x.get(run + "/publish"); a.status != http.StatusConflict {
		t.Errorf("to publish a run without a result: %d", a.status)
	}
	x.match()
	result := x.get(run)
	x.has(result, "2 pairs · 1 mentee unmatched · mean fit", "ME-0001", "MO-0001", "Topics", "The rules let them have no mentor", "a language that both speak",
		"1 more mentor needed to match all", "speaks Spanish", "Ready for review", "Proved", "No two who may be a pair would both rather have each other")
	if strings.Count(result.body, `class="bar fit"`) != 2 {
		t.Error("there are no bars")
	}
	x.has(x.get(run+"/audit"), "too few to compare", "fairlead verify matching-")

	mentee := x.get(run + "/pairs/ME-0001")
	x.has(mentee, "This run gives them MO-0001", "Because of", "What ME-0001 looks for", "Grant writing:3", "What each will be told", "Other mentors", "MO-0002", "ME-0002 moves from MO-0002 to MO-0001", "points of total fit", "for ME-0001")
	x.has(x.get(run+"/pairs/ME-0003"), "Why they have no mentor", "There is no other mentor")
	if a := x.get(run + "/pairs/ME-0099"); a.status != http.StatusNotFound {
		t.Errorf("nobody: %d", a.status)
	}
	try := func(q string, status int, want ...string) *answer {
		t.Helper()
		a := x.get(run + "/try?" + q)
		if a.status != status {
			t.Errorf("%s: %d %s", q, a.status, a.text())
		}
		x.has(a, want...)
		return a
	}
	try("do=lock&mentee=ME-0003&mentor=mo-0001", http.StatusOK, "This cannot be", "a language that both speak")
	try("do=lock&mentee=ME-0001&mentor=MO-0077", http.StatusUnprocessableEntity, "No mentor of this program has the code")
	try("do=lock&mentee=ME-0077&mentor=MO-0001", http.StatusUnprocessableEntity, "Nobody of this run")
	try("do=dance&mentee=ME-0001&mentor=MO-0001", http.StatusUnprocessableEntity)
	try("do=swap&mentee=ME-0003&with=ME-0001", http.StatusUnprocessableEntity, "Choose with whom")
	try("do=forbid&mentee=ME-0001&mentor=MO-0001", http.StatusOK, "It costs the whole", "ME-0001 moves from MO-0001 to MO-0002")
	// Of a run that is too large to be solved again at once, what a pair costs at the
	// least is said first, and the whole cost when it is asked for.
	mostQuick = 0
	at := try("do=lock&mentee=ME-0001&mentor=MO-0002", http.StatusOK, "It costs the whole at the least: 1 mentee is served worse than anybody now", "Work out what it costs", "some seconds")
	if strings.Contains(at.body, "Who gets another mentor") || strings.Contains(at.body, `name="reason"`) {
		t.Error("a pair can be locked before anybody saw what it costs")
	}
	exact := "do=lock&amp;mentee=ME-0001&amp;mentor=MO-0002&amp;exact=yes"
	if !strings.Contains(at.body, exact) {
		t.Error("there is no way to the whole cost")
	}
	try(html.UnescapeString(exact), http.StatusOK, "It costs the whole", "the worst-served falls from 875 to 455", "Who gets another mentor", "Make this change")
	try("do=lock&mentee=ME-0001&mentor=MO-0001", http.StatusOK, "They are a pair already", "Make this change")
	try("do=lock&mentee=ME-0003&mentor=MO-0001", http.StatusOK, "This cannot be", "a language that both speak")
	mostQuick = 1_000_000
	lock := try("do=lock&mentee=ME-0001&mentor=MO-0002", http.StatusOK, "It costs the whole", "Who gets another mentor", "ME-0002 moves from MO-0002 to MO-0001")
	x.has(x.fill(lock, "reason", ""), "Say why, in a few words", "It costs the whole")
	if a := x.fill(lock, "reason", "they share a grant"); a.to != run+"/pairs/ME-0001" {
		t.Fatalf("edited: %d %s", a.status, a.text())
	}
	// Somebody who looked before the edit.
	stale := x.fill(lock, "reason", "another one", "mentor", "MO-0001", "request", nonce())
	if stale.status != http.StatusConflict {
		t.Errorf("stale: %d", stale.status)
	}
	x.has(stale, "Somebody else changed this meanwhile")
	x.has(x.get(run), "1 change by people", "locked", "In review")
	edits := x.get(run + "/edits")
	x.has(edits, "ME-0001 with MO-0002, locked", "they share a grant", "It costs the whole", "users/")
	undo := url.Values{"go": {"undo"}, "revision": {revisionField.FindStringSubmatch(edits.body)[1]}}
	if a := x.do(http.MethodPost, run+"/edits", undo, nil); a.to != run+"/edits" {
		t.Errorf("undone: %d %s", a.status, a.text())
	}
	if a := x.do(http.MethodPost, run+"/edits", undo, nil); a.status != http.StatusConflict {
		t.Errorf("undone twice: %d", a.status)
	}
	x.has(x.get(run+"/edits"), "Nobody changed anything")
	swap := try("do=swap&mentee=ME-0001&with=ME-0002", http.StatusOK, "What if ME-0001 and ME-0002 change mentors?", "It costs the whole")
	if a := x.fill(swap, "reason", "both asked"); a.status != http.StatusSeeOther {
		t.Fatalf("swapped: %d %s", a.status, a.text())
	}
	x.has(x.get(run+"/edits"), "ME-0001 and ME-0002 changed mentors", "1 change by people")

	csv := x.get(run + "/pairs.csv")
	if !strings.HasPrefix(csv.body, "mentee,mentor,score,locked\nME-0001,MO-0002,") || !strings.Contains(csv.body, "ME-0003,,,false") {
		t.Errorf("CSV: %s", csv.body)
	}
	if a := x.get(run + "/certificate"); a.status != 200 || !strings.Contains(a.header.Get("Content-Disposition"), "matching-") || !strings.HasPrefix(a.body, "{") {
		t.Errorf("certificate: %d", a.status)
	}

	// Another run of the same base, published first: the second is overtaken.
	second := x.fill(x.get(matchings)).to
	x.match()
	review := x.get(run + "/publish")
	x.has(review, "2 proposals go to 2 mentees and 2 mentors, all at once", "14 days to answer", "1 mentee without a mentor waits", "2 pairs were changed by people")
	x.has(x.fill(review, "reason", ""), "Say who looked")
	other := x.get(second + "/publish")
	published := x.fill(review, "reason", "looked at by two")
	if published.to != run {
		t.Fatalf("published: %d %s", published.status, published.text())
	}
	x.has(x.get(run), "Published", "See the proposals")
	overtaken := x.fill(other, "reason", "me too")
	if overtaken.status != http.StatusConflict {
		t.Errorf("overtaken: %d", overtaken.status)
	}
	x.has(overtaken, "Another run was published", "Start a new run")
	if a := x.get(run + "/publish"); a.to != run {
		t.Errorf("to publish once more leads to %q", a.to)
	}
	try("do=lock&mentee=ME-0001&mentor=MO-0001", http.StatusOK, "nothing can be changed in it")
	x.has(x.get(run+"/pairs/ME-0001"), "Why not another mentor?")

	for _, path := range []string{run, run + "/pairs/ME-0001", run + "/pairs/ME-0003", run + "/try?do=lock&mentee=ME-0001&mentor=MO-0001", run + "/audit", run + "/pairs.csv", run + "/certificate", run + "/edits", "/programs/" + testProgram + "/proposals"} {
		if a := x.get(path); strings.Contains(a.body, "zq7") {
			t.Errorf("%s shows what was not released, or a name", path)
		}
	}
	if strings.Contains(x.log.String(), "zq7") {
		t.Error("the log has what was not released, or a name")
	}

	// Somebody of it is erased: what is left can still be looked at.
	list, err := x.pairs.Enrollments(t.Context(), testCoordinator, testProgram, mentoring.Mentor, applications.ListQuery{})
	if err != nil {
		t.Fatal(err)
	}
	officer := access.Principal{Subject: "users/officer", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}
	if _, err := x.pairs.EraseEnrollment(t.Context(), officer, testProgram, list.Items[0].ID, "asked for", applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	x.has(x.get(run), "was erased since")
	for _, code := range []string{"ME-0001", "ME-0002", "ME-0003"} {
		x.has(x.get(run+"/pairs/"+code), "erased since")
	}
	x.has(x.get(run+"/audit"), "There is no audit any more", "no certificate")
	if a := x.get(run + "/certificate"); a.status != http.StatusNotFound {
		t.Errorf("the certificate of a run with somebody erased: %d", a.status)
	}
	try("do=lock&mentee=ME-0001&mentor="+list.Items[0].Code, http.StatusConflict, "erased since")

	// Who may not match sees nothing of it.
	token, _, _ := x.staffToken(access.Facilitator)
	x.browser = x.newBrowser()
	x.follow(x.fill(x.get("/sign-in?to=/calls"), "token", token))
	for _, path := range []string{matchings, run, run + "/pairs/ME-0001", run + "/pairs.csv", run + "/publish", "/programs/" + testProgram + "/proposals", "/programs/" + testProgram + "/mentorships", "/programs/" + testProgram + "/measures"} {
		if a := x.get(path); a.status != http.StatusForbidden {
			t.Errorf("a facilitator at %s: %d", path, a.status)
		}
	}
	for _, path := range []string{matchings, run + "/cancel", run + "/edits", run + "/publish", "/programs/" + testProgram + "/proposals"} {
		if a := x.do(http.MethodPost, path, url.Values{"reason": {"x"}}, nil); a.status != http.StatusForbidden {
			t.Errorf("a facilitator posting to %s: %d", path, a.status)
		}
	}
}

// After publishing: answers on behalf, a proposal taken back, a new match after a
// decline, and mentorships from their begin to their end.
func TestCoordinatorAfterPublishing(t *testing.T) {
	x := newSite(t)
	mentee, mentor := x.pair()
	x.coordinator()
	list := "/programs/" + testProgram + "/proposals"
	page := x.get(list)
	x.has(page, "ME-0001", "MO-0001", "Waits for both sides")
	x.has(x.get(list+"?state=DECLINED"), "There is no proposal here")
	href := regexp.MustCompile(list + `/[0-9a-f-]{36}`)
	at := href.FindString(page.body)
	x.has(x.get(at), "Answer on behalf", "Why: a fit of")
	post := func(path string, want int, pairs ...string) *answer {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		a := x.do(http.MethodPost, path, form, nil)
		if a.status != want {
			t.Errorf("%v: %d %s", pairs, a.status, a.text())
		}
		return a
	}
	x.has(post(at, http.StatusUnprocessableEntity), "Choose accept or decline")
	x.has(post(at, http.StatusUnprocessableEntity, "answer", "decline"), "Choose for whom", "Choose one of the reasons", "Say why")
	x.has(post(at, http.StatusConflict, "answer", "accept", "side", "MENTEE", "reason", "by telephone"), "has not agreed yet")
	x.has(post(at, http.StatusUnprocessableEntity, "go", "recall"), "Say why")
	post(at, http.StatusSeeOther, "answer", "decline", "side", "MENTOR", "decline_reason", "NO_TIME", "reason", "by telephone")
	x.has(post(at, http.StatusConflict, "answer", "accept", "side", "MENTOR", "reason", "by telephone"), "answered already")
	x.has(x.get(at), "Declined by the mentor", "Find somebody else")
	again := post(at, http.StatusSeeOther, "go", "rematch")
	x.match()
	x.has(x.get(again.to), "1 mentee unmatched", "mends the end of a proposal", "pairs that must not be made")

	// By hand, what no run may make.
	x.has(post(list, http.StatusUnprocessableEntity, "mentee", "ME-0099"), "No mentee of this program", "No mentor of this program", "Say why")
	x.has(post(list, http.StatusConflict, "mentee", "me-0001", "mentor", "MO-0001", "reason", "they asked"), "This pair cannot be made")
	third := x.enrollFor(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting", "languages": "English"}, nil)
	hand := post(list, http.StatusSeeOther, "mentee", "ME-0001", "mentor", third.Code, "reason", "they asked")
	x.has(x.get(hand.to), "Proposed by hand: they asked")
	post(hand.to, http.StatusSeeOther, "go", "recall", "why", "a mistake")
	x.has(x.get(hand.to), "Taken back")
	if _, err := x.pairs.PauseEnrollment(t.Context(), testCoordinator, testProgram, third.ID, "away", 0, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}

	// A second mentor, and both accept.
	x.enrollFor(mentoring.Mentor, 1, map[string]string{"offers": "Budgeting:3", "languages": "English", "asynchronous": "yes"}, nil)
	run := x.fill(x.get(matchings)).to
	x.match()
	if a := x.fill(x.get(run+"/publish"), "reason", "looked at"); a.to != run {
		t.Fatalf("published: %d %s", a.status, a.text())
	}
	at = href.FindString(x.get(list + "?state=SENT&matching=" + run[len(run)-36:]).body)
	x.enterAs(mentee)
	post("/mentoring/"+testProgram+"/proposals/"+at[len(at)-36:]+"/accept", http.StatusSeeOther, "contact", "yes")
	x.coordinator()
	x.has(x.get(at), "One side accepted", "Waits for the mentor")
	post(at, http.StatusSeeOther, "answer", "accept", "side", "MENTOR", "reason", "by telephone")
	x.has(x.get(at), "Both accepted", "See the mentorship")
	ships := "/programs/" + testProgram + "/mentorships"
	page = x.get(ships)
	x.has(page, "Under way", "0 meetings held", "Nobody waits for you")
	ship := regexp.MustCompile(ships + `/[0-9a-f-]{36}`).FindString(page.body)
	x.has(x.get(ship), "No meeting yet", "Let it rest")
	post(ship, http.StatusSeeOther, "go", "hold")
	x.has(post(ship, http.StatusConflict, "go", "hold"), "already as you asked")
	post(ship, http.StatusSeeOther, "go", "resume")
	x.has(post(ship, http.StatusUnprocessableEntity, "go", "end"), "Choose one of the reasons", "Say why")
	menteeAt := "/mentoring/" + testProgram + "/mentorships/" + ship[len(ship)-36:]
	x.enterAs(mentee)
	post(menteeAt+"/exit", http.StatusSeeOther, "words", "Invented words of a leaver")
	x.coordinator()
	x.has(x.get(ships), "1 person left by the safe exit")
	x.has(x.get(ships+"?state=exits"), "ME-0001")
	x.has(x.get(ship), "Invented words of a leaver", "The mentee left at once")
	x.has(post(ship, http.StatusUnprocessableEntity, "go", "handle"), "Say what was done")
	post(ship, http.StatusSeeOther, "go", "handle", "done", "called them")
	x.has(x.get(ship), "Taken up by users/")
	x.has(x.get(ships), "Nobody waits for you")
	x.has(x.get("/programs/"+testProgram+"/measures"), "of the proposals that ended were accepted by both (1 of 2)", "Acceptance")
	_ = mentor
}
