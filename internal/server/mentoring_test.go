package server_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/verify"
	"github.com/openfairlead/fairlead/mentoring"
)

// mentored is a program with a plan and people who can be matched.
type mentored struct {
	*world
	program          string
	staff            string // token of a coordinator
	mentors, mentees []enrolled
}

// enrolled is a mentor or a mentee with what they may call with.
type enrolled struct{ Name, Code, Token string }

// mentorBody and menteeBody are the n-th person's enrollment, complete.
func mentorBody(n int) string {
	topics := []string{"Budgeting:3; Grant writing", "Leading change:3; Delegation", "Grant writing:3; Fundraising"}
	return fmt.Sprintf(`{"contact": {"name": "Invented Mentor %d", "email": "mentor-%d@example.org"}, "seats": 1, "language": "en",
 "profile": {"offers": %q, "experience": "%d", "languages": "English", "asynchronous": "yes"},
 "consents": [{"purpose": "MATCHING", "given": true}, {"purpose": "CONTACT", "given": true}, {"purpose": "MEASURES", "given": true}]}`, n, n, topics[n%3], 10+n)
}

func menteeBody(n int) string {
	topics := []string{"Budgeting:3", "Delegation; Leading change:3", "Grant writing"}
	return fmt.Sprintf(`{"contact": {"name": "Invented Mentee %d", "email": "mentee-%d@example.org"}, "wanted": 1, "language": "en",
 "profile": {"wants": %q, "experience": "%d", "languages": "English", "asynchronous": "yes"},
 "consents": [{"purpose": "MATCHING", "given": true}, {"purpose": "CONTACT", "given": true}, {"purpose": "MEASURES", "given": true}]}`, n, n, topics[n%3], 2+n%4)
}

// mentoring makes a plan for a program that is there, and enrolls people.
func (w *world) mentoringOf(program string, mentors, mentees int) *mentored {
	w.t.Helper()
	m := &mentored{world: w, program: program, staff: w.person(access.Coordinator, program)}
	w.must("PATCH", m.at("mentoringPlan"), m.staff, `{"open": true, "contact": "Invented Coordinator, 360-555-0100", "audited": ["places"]}`)
	for n := range mentors {
		m.mentors = append(m.mentors, m.enroll("mentor", mentorBody(n)))
	}
	for n := range mentees {
		m.mentees = append(m.mentees, m.enroll("mentee", menteeBody(n)))
	}
	return m
}

func (m *mentored) at(rest string) string { return "/v1/programs/" + m.program + "/" + rest }

func (m *mentored) enroll(role, body string) enrolled {
	m.t.Helper()
	var made struct {
		Mentor, Mentee enrolled
		Token          string
	}
	m.must("POST", m.at(role+"s:enroll"), "", `{"`+role+`": `+body+`, "submit": true}`).into(m.t, &made)
	e := made.Mentor
	if role == "mentee" {
		e = made.Mentee
	}
	e.Token = made.Token
	return e
}

// match runs the matcher to its end and returns the run's name.
func (m *mentored) match() string {
	m.t.Helper()
	var run struct{ Name string }
	m.must("POST", m.at("matchings"), m.staff, `{"seed": "s"}`).into(m.t, &run)
	m.work()
	return run.Name
}

// work lets the runner do all that is queued.
func (m *mentored) work() {
	m.t.Helper()
	for {
		worked, err := mentoring.NewRunner(m.mentoring, "test").RunOne(context.Background())
		if err != nil {
			m.t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

// publish publishes a run and returns its proposals.
func (m *mentored) publish(run string) []proposed {
	m.t.Helper()
	m.must("POST", "/v1/"+run+":publish", m.staff, `{"reason": "looked at by two people"}`)
	var list struct{ Proposals []proposed }
	m.must("GET", m.at("proposals"), m.staff, "").into(m.t, &list)
	return list.Proposals
}

type proposed struct {
	Name, State, Mentee, Mentor, Mentorship, Etag, MenteeCode string
	DeclineNote, DeclineReason                                string
}

// token of a mentor or mentee by name.
func (m *mentored) tokenOf(name string) string {
	for _, e := range append(append([]enrolled(nil), m.mentors...), m.mentees...) {
		if e.Name == name {
			return e.Token
		}
	}
	m.t.Fatalf("nobody is called %s", name)
	return ""
}

// From a plan to a closing survey, everything over REST.
func TestMentoringJourney(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 3, 4)
	run := m.match()

	var state struct {
		State                  string
		PairCount, MenteeCount int
		Error                  struct{ Reason, Message string }
	}
	m.must("GET", "/v1/"+run, m.staff, "").into(t, &state)
	if state.State != "SOLVED" || state.PairCount != 3 || state.MenteeCount != 4 {
		t.Fatalf("the run: %+v", state)
	}
	watched := m.must("GET", "/v1/"+run+":watch", m.staff, "")
	if !strings.Contains(string(watched.body), `"SOLVED"`) {
		t.Errorf("watched: %s", watched.body)
	}
	var result struct {
		Status string
		Pairs  []struct {
			Mentee, Mentor, MenteeCode string
			Score                      int
			Parts                      []struct{ Points, Most int }
		}
		Unmatched    []struct{ Mentee, Reason string }
		Terms        []struct{ Term string }
		CoveredCount int
	}
	m.must("GET", "/v1/"+run+"/result", m.staff, "").into(t, &result)
	if result.Status != "OPTIMAL" || result.CoveredCount != 3 || len(result.Pairs) != 3 || len(result.Unmatched) != 1 || len(result.Terms) == 0 || result.Unmatched[0].Reason == "" {
		t.Fatalf("the result: %+v", result)
	}
	for _, p := range result.Pairs {
		points := 0
		for _, part := range p.Parts {
			points += part.Points
		}
		if points != p.Score {
			t.Errorf("%s: parts of %d make a score of %d", p.MenteeCode, points, p.Score)
		}
	}
	first := result.Pairs[0]
	pair := "mentee=" + first.Mentee + "&mentor=" + first.Mentor
	if a := m.must("GET", "/v1/"+run+":explainPair?"+pair, m.staff, ""); !strings.Contains(string(a.body), `"points"`) {
		t.Errorf("why this pair: %s", a.body)
	}
	other := result.Pairs[1].Mentor
	pair = "mentee=" + first.Mentee + "&mentor=" + other
	type explained struct {
		LeastLosses []struct{ Term, Value string }
	}
	var missing struct {
		Explanation explained
		Cost        *struct {
			Terms []struct{ Term, Before, After string }
		}
	}
	m.must("GET", "/v1/"+run+":whyNot?"+pair, m.staff, "").into(t, &missing)
	least := missing.Explanation.LeastLosses
	if missing.Cost == nil || len(least) == 0 || least[0].Term != missing.Cost.Terms[0].Term {
		t.Errorf("why not: %+v", missing)
	}
	var alone explained
	m.must("GET", "/v1/"+run+":explainPair?"+pair, m.staff, "").into(t, &alone)
	if !slices.Equal(alone.LeastLosses, least) {
		t.Errorf("at once %+v, with the cost %+v", alone.LeastLosses, least)
	}
	m.must("GET", "/v1/"+run+":otherMentors?mentee="+result.Unmatched[0].Mentee, m.staff, "")
	checkFile(t, m.must("GET", "/v1/"+run+"/certificate", m.staff, "").body)
	var audit struct {
		Everybody  struct{ MenteeCount, CoveredCount int }
		Attributes []struct{ Groups []struct{ Suppressed bool } }
		Smallest   int
	}
	m.must("GET", "/v1/"+run+"/audit", m.staff, "").into(t, &audit)
	if audit.Smallest != 11 || len(audit.Attributes) != 1 || !audit.Attributes[0].Groups[0].Suppressed || audit.Everybody.MenteeCount != 0 {
		t.Errorf("the audit of four people: %+v", audit)
	}

	// An edit with its cost, taken back and made again.
	edit := `"edit": {"kind": "FORBID", "mentee": "` + first.Mentee + `", "mentor": "` + first.Mentor + `", "reason": "they share an office"}`
	var cost struct {
		Cost struct{ Removed, Added []struct{ Mentee string } }
	}
	m.must("POST", "/v1/"+run+":whatIf", m.staff, `{`+edit+`}`).into(t, &cost)
	if len(cost.Cost.Removed) == 0 {
		t.Errorf("what forbidding a pair costs: %+v", cost)
	}
	m.must("POST", "/v1/"+run+":edit", m.staff, `{`+edit+`}`)
	m.must("POST", "/v1/"+run+":undoEdit", m.staff, `{}`)

	proposals := m.publish(run)
	if len(proposals) != 3 || proposals[0].State != "SENT" {
		t.Fatalf("proposals: %+v", proposals)
	}
	// Both sides of the first accept; the mentor of the second declines.
	p, q := proposals[0], proposals[1]
	m.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentee), `{}`)
	var confirmed proposed
	m.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentor), `{}`).into(t, &confirmed)
	if confirmed.State != "CONFIRMED" || confirmed.Mentorship == "" {
		t.Fatalf("accepted by both: %+v", confirmed)
	}
	m.must("POST", "/v1/"+q.Name+":decline", m.tokenOf(q.Mentor), `{"reason": "TOO_CLOSE", "note": "zq7canary of a note", "never": true}`)
	if a := m.must("GET", "/v1/"+q.Name, m.tokenOf(q.Mentee), ""); strings.Contains(string(a.body), "zq7canary") || strings.Contains(string(a.body), "TOO_CLOSE") {
		t.Errorf("the mentee is told why the mentor declined: %s", a.body)
	}
	if a := m.call("GET", "/v1/"+p.Name, m.tokenOf(q.Mentee), ""); a.status != 404 {
		t.Errorf("somebody else's proposal: %d %s", a.status, a.body)
	}
	var again struct{ Name string }
	m.must("POST", "/v1/"+q.Name+":rematch", m.staff, `{}`).into(t, &again)
	m.work()
	m.must("GET", "/v1/"+again.Name+"/result", m.staff, "").into(t, &result)
	for _, x := range result.Pairs {
		if x.Mentee == q.Mentee && x.Mentor == q.Mentor {
			t.Error("who said never is matched again")
		}
	}

	ship, mine := "/v1/"+confirmed.Mentorship, m.tokenOf(p.Mentee)
	var partner struct{ Contact struct{ Name string } }
	m.must("GET", ship+"/partner", mine, "").into(t, &partner)
	if !strings.HasPrefix(partner.Contact.Name, "Invented Mentor") {
		t.Errorf("the partner: %+v", partner)
	}
	m.must("POST", ship+":saveMeeting", mine, `{"meeting": {"outcome": "HELD", "startTime": "2027-01-15T19:00:00Z"}}`)
	m.must("POST", ship+":saveGoal", mine, `{"goal": {"words": "Write a budget"}}`)
	m.must("POST", ship+":hold", mine, `{}`)
	m.must("POST", ship+":revive", m.tokenOf(p.Mentor), `{}`)
	m.must("POST", ship+":complete", mine, `{}`)
	m.must("POST", ship+":answerSurvey", mine, `{"survey": {"helped": 5, "again": 4, "fit": 4, "recommend": true}}`)
	type counts struct {
		MatchingCount, PairCount, SentCount, ConfirmedCount, DeclinedCount, ExpiredCount int
		AcceptanceRate, MentorshipCount, LiveCount, CompletedCount, EndedEarlyCount      int
	}
	var measures counts
	m.must("GET", m.at("mentoringMeasures"), m.staff, "").into(t, &measures)
	if want := (counts{
		MatchingCount: 1, PairCount: 3, SentCount: 3, ConfirmedCount: 1, DeclinedCount: 1,
		AcceptanceRate: 500, MentorshipCount: 1, CompletedCount: 1,
	}); measures != want {
		t.Errorf("measures: %+v, not %+v", measures, want)
	}
}

// What a mentor entered and did not release is in no answer to anybody else, no
// error and no log: in every way of asking for it that the API has.
func TestAffinityStaysWithItsOwner(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 2, 2)
	const secret, half = "zq7canarysecret", "zq7canaryhalf" // not released; released for matching, not for telling
	mentor := m.enroll("mentor", strings.Replace(mentorBody(2), `"consents": [`,
		`"traits": [{"attribute": "lived", "value": "`+secret+`"}, {"attribute": "lived", "value": "`+half+`", "matching": true}],
   "consents": [{"purpose": "AFFINITY", "given": true}, `, 1))
	m.mentors = append(m.mentors, mentor)
	mentee := m.enroll("mentee", strings.Replace(menteeBody(2), `"consents": [`,
		`"affinity": [{"attribute": "lived", "value": "`+half+`", "strength": "IMPORTANT"}, {"attribute": "lived", "value": "`+secret+`", "strength": "NICE"}],
   "consents": [{"purpose": "AFFINITY", "given": true}, `, 1))
	m.mentees = append(m.mentees, mentee)

	owner := m.must("GET", "/v1/"+mentor.Name, mentor.Token, "")
	if !strings.Contains(string(owner.body), secret) || !strings.Contains(string(owner.body), half) {
		t.Fatalf("the owner does not see their own: %s", owner.body)
	}
	asked := 0
	hidden := func(method, path, token, body string) {
		t.Helper()
		a := m.call(method, path, token, body)
		asked++
		if text := strings.ToLower(string(a.body)); strings.Contains(text, secret) || strings.Contains(text, half) {
			t.Errorf("%s %s tells it: %s", method, path, a.body)
		}
	}
	run := m.match()
	hidden("GET", "/v1/"+mentor.Name, m.staff, "")
	hidden("GET", "/v1/"+mentor.Name, mentee.Token, "")
	hidden("GET", "/v1/"+mentee.Name, m.staff, "")
	for _, list := range []string{"mentors", "mentees", "matchings", "directives", "mentoringMeasures"} {
		hidden("GET", m.at(list), m.staff, "")
	}
	hidden("GET", m.at(`mentors?filter=traits%20%3D%20%22`+half+`%22`), m.staff, "")
	for _, part := range []string{"", "/result", "/audit", "/certificate", ":watch", ":otherMentors?mentee=" + mentee.Name} {
		hidden("GET", "/v1/"+run+part, m.staff, "")
	}
	for _, mentor := range m.mentors {
		for _, mentee := range m.mentees {
			pair := "?mentee=" + mentee.Name + "&mentor=" + mentor.Name
			hidden("GET", "/v1/"+run+":explainPair"+pair, m.staff, "")
			hidden("GET", "/v1/"+run+":whyNot"+pair, m.staff, "")
			hidden("POST", "/v1/"+run+":whatIf", m.staff, `{"edit": {"kind": "LOCK", "mentee": "`+mentee.Name+`", "mentor": "`+mentor.Name+`"}}`)
		}
	}
	for _, p := range m.publish(run) {
		for _, token := range []string{m.staff, m.tokenOf(p.Mentee), m.tokenOf(p.Mentor)} {
			hidden("GET", "/v1/"+p.Name, token, "")
			hidden("GET", m.at("proposals"), token, "")
		}
		hidden("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentee), `{}`)
		hidden("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentor), `{}`)
	}
	for _, token := range []string{m.staff, mentee.Token, mentor.Token} {
		hidden("GET", m.at("mentorships"), token, "")
	}
	if asked < 30 {
		t.Errorf("only %d ways of asking", asked)
	}
	hidden("PATCH", "/v1/"+mentor.Name+"?updateMask=traits", mentor.Token, `{"traits": [{"attribute": "", "value": "`+secret+`"}]}`)
	if log := strings.ToLower(w.log.String()); strings.Contains(log, "zq7canary") {
		t.Error("the log tells it")
	}
}

// A mentee's token opens what is theirs, and nothing of anybody else.
func TestMentoringOwnsOnly(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 1, 2)
	me, you := m.mentees[0], m.mentees[1]
	for _, c := range []struct {
		name, method, path, token, body string
		status                          int
		reason                          string
	}{
		{"one's own", "GET", "/v1/" + me.Name, me.Token, "", 200, ""},
		{"somebody else's", "GET", "/v1/" + you.Name, me.Token, "", 404, "ENROLLMENT_NOT_FOUND"},
		{"a mentor as a mentee", "GET", strings.Replace("/v1/"+m.mentors[0].Name, "mentors", "mentees", 1), m.staff, "", 404, "ENROLLMENT_NOT_FOUND"},
		{"changing somebody else", "PATCH", "/v1/" + you.Name, me.Token, `{"wanted": 2}`, 404, "ENROLLMENT_NOT_FOUND"},
		{"a list", "GET", m.at("mentees"), me.Token, "", 403, "PERMISSION_MISSING"},
		{"starting a run", "POST", m.at("matchings"), me.Token, `{}`, 403, "PERMISSION_MISSING"},
		{"without a token", "GET", "/v1/" + me.Name, "", "", 401, "TOKEN_REQUIRED"},
		{"a token that is none", "GET", "/v1/" + me.Name, "fle_zq7", "", 401, "TOKEN_INVALID"},
		{"too many mentors wanted", "PATCH", "/v1/" + me.Name, me.Token, `{"wanted": 9}`, 400, "FIELDS_INVALID"},
		{"no such zone", "PATCH", "/v1/" + me.Name + "?updateMask=profile.zone", me.Token, `{"profile": {"zone": "America/Seattle"}}`, 400, "ENROLLMENT_INVALID"},
		{"one's own mentor", "POST", m.at("directives"), m.staff, `{"kind": "LOCK", "mentee": "` + me.Name + `", "mentor": "programs/alpha/mentors/` + lastPart(me.Name) + `", "reason": "x"}`, 400, ""},
		{"of another program", "POST", m.at("directives"), m.staff, `{"kind": "LOCK", "mentee": "programs/beta/mentees/` + lastPart(me.Name) + `", "mentor": "` + m.mentors[0].Name + `", "reason": "x"}`, 400, "OTHER_PROGRAM"},
		{"no such objective", "POST", m.at("matchings"), m.staff, `{"objectives": ["total", "luck"]}`, 400, ""},
		{"an unknown state", "POST", "/v1/" + me.Name + ":move", me.Token, `{"targetState": "ENROLLMENT_STATE_ERASED"}`, 400, "FIELDS_INVALID"},
		{"a pause", "POST", "/v1/" + me.Name + ":move", me.Token, `{"targetState": "ENROLLMENT_STATE_PAUSED"}`, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := m.call(c.method, c.path, c.token, c.body)
			if a.status != c.status || c.reason != "" && a.reason != c.reason {
				t.Errorf("%d %s, want %d %s", a.status, a.body, c.status, c.reason)
			}
		})
	}
}

// What staff do for somebody leaves what is the person's own with them.
func TestMentoringOnBehalf(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 1, 1)
	me, other := m.mentees[0], "MO-0099"
	m.must("PATCH", "/v1/"+me.Name+"?updateMask=profile.conflicts", me.Token, `{"profile": {"conflicts": "`+other+`"}}`)
	path := "/v1/" + me.Name + "?onBehalfReason=told+by+telephone&updateMask="
	m.must("PATCH", path+"profile.zone", m.staff, `{"profile": {"zone": "America/Los_Angeles"}}`)
	var seen struct{ Profile map[string]string }
	m.must("GET", "/v1/"+me.Name, me.Token, "").into(t, &seen)
	if seen.Profile["conflicts"] != other || seen.Profile["zone"] != "America/Los_Angeles" {
		t.Errorf("after staff changed one cell: %v", seen.Profile)
	}
	for mask, body := range map[string]string{
		"profile.conflicts": `{"profile": {"conflicts": "MO-0098"}}`,
		"consents":          `{"consents": [{"purpose": "AFFINITY", "given": true}]}`,
	} {
		if a := m.call("PATCH", path+mask, m.staff, body); a.status != 403 || a.reason != "OWNER_ONLY" {
			t.Errorf("%s: %d %s", mask, a.status, a.body)
		}
	}

	link := "/v1/" + me.Name + ":issueSignInLink"
	for ttl, life := range map[string]time.Duration{`{}`: 15 * time.Minute, `{"ttl": "3600s"}`: time.Hour} {
		var made struct{ ExpireTime time.Time }
		before := m.mentoring.Now()
		m.must("POST", link, me.Token, ttl).into(t, &made)
		if got := made.ExpireTime.Sub(before); got < life || got > life+time.Minute {
			t.Errorf("a link of %s is said to expire in %v", ttl, got)
		}
	}
	for _, ttl := range []string{"0s", "59s", "-1s", "1209601s"} {
		if a := m.call("POST", link, me.Token, `{"ttl": "`+ttl+`"}`); a.status != 400 || !strings.Contains(string(a.body), "ttl") {
			t.Errorf("a link for %s: %d %s", ttl, a.status, a.body)
		}
	}
}

// checkFile checks a certificate as `fairlead verify` does.
func checkFile(t *testing.T, file []byte) {
	t.Helper()
	report, err := verify.File(file, verify.Options{})
	if err != nil || report.Broken() != "" {
		t.Errorf("the certificate: %v, %+v", err, report)
	}
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// mentoringLists fills a program of its own and names its lists.
func mentoringLists(w *world) map[string]listed {
	w.draft("mentored")
	m := w.mentoringOf("mentored", 5, 6)
	for n := range 5 {
		m.must("POST", m.at("directives"), m.staff, `{"kind": "FORBID", "mentee": "`+m.mentees[n].Name+`", "mentor": "`+m.mentors[n].Name+`", "reason": "x"}`)
	}
	var run string
	for range 5 {
		run = m.match()
	}
	for _, p := range m.publish(run) {
		m.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentee), `{}`)
		m.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentor), `{}`)
	}
	all, other := map[string]listed{}, w.person(access.Coordinator, m.program)
	for method, key := range map[string]string{
		"ListMentors": "mentors", "ListMentees": "mentees", "ListDirectives": "directives", "ListMatchings": "matchings",
		"ListProposals": "proposals", "ListMentorships": "mentorships",
	} {
		all["MentorshipService/"+method] = listed{path: m.at(key), key: key, token: m.staff, other: other}
	}
	return all
}

// mentoringMutations makes one call for each method of mentoring that takes a
// request id, in a program of its own.
func mentoringMutations(w *world) map[string]mutation {
	w.draft("mentored")
	m := w.mentoringOf("mentored", 10, 10)
	officer := w.token(access.PrivacyOfficer, "mentored")
	mentor, mentee := m.enroll("mentor", mentorBody(50)), m.enroll("mentee", menteeBody(50))
	free, loose, spare := m.enroll("mentor", mentorBody(51)), m.enroll("mentee", menteeBody(51)), m.enroll("mentee", menteeBody(52))
	hand, asked := m.enroll("mentor", mentorBody(53)), m.enroll("mentee", menteeBody(53))
	for _, e := range []enrolled{mentor, mentee, free, loose, spare, hand, asked} { // no run takes them
		m.must("POST", "/v1/"+e.Name+":move", e.Token, `{"targetState": "ENROLLMENT_STATE_PAUSED"}`)
	}
	var order struct{ Name string }
	m.must("POST", m.at("directives"), m.staff, `{"kind": "FORBID", "mentee": "`+m.mentees[0].Name+`", "mentor": "`+m.mentors[1].Name+`", "reason": "x"}`).into(w.t, &order)
	list := m.publish(m.match())
	if len(list) < 10 {
		w.t.Fatalf("%d pairs", len(list))
	}
	ships := make([]string, 8)
	for n := range ships {
		m.must("POST", "/v1/"+list[n].Name+":accept", m.tokenOf(list[n].Mentee), `{}`)
		m.must("POST", "/v1/"+list[n].Name+":accept", m.tokenOf(list[n].Mentor), `{}`).into(w.t, &list[n])
		ships[n] = "/v1/" + list[n].Mentorship
	}
	mine := func(n int) string { return m.tokenOf(list[n].Mentee) }
	m.must("POST", ships[1]+":hold", mine(1), `{}`)
	m.must("POST", ships[3]+":complete", mine(3), `{}`)
	m.must("POST", ships[4]+":leave", mine(4), `{"words": "call me"}`)
	// Two more mentors and mentees for the runs that are looked at.
	for n := range 2 {
		m.mentors = append(m.mentors, m.enroll("mentor", mentorBody(60+n)))
		m.mentees = append(m.mentees, m.enroll("mentee", menteeBody(60+n)))
	}
	one, two := m.mentees[len(m.mentees)-2], m.mentors[len(m.mentors)-2]
	edit := func(reason string) string {
		return `{"edit": {"kind": "FORBID", "mentee": "` + one.Name + `", "mentor": "` + two.Name + `", "reason": "` + reason + `"}}`
	}
	reviewed, undone, ready := m.match(), m.match(), m.match()
	m.must("POST", "/v1/"+undone+":edit", m.staff, edit("x"))
	var run struct{ Name string }
	m.must("POST", m.at("matchings"), m.staff, `{"seed": "later"}`).into(w.t, &run)
	m.must("POST", "/v1/"+list[9].Name+":decline", m.tokenOf(list[9].Mentee), `{"reason": "NO_TIME"}`)
	var byHand struct{ Name string }
	for _, e := range []enrolled{free, spare, hand, asked} {
		m.must("POST", "/v1/"+e.Name+":move", e.Token, `{"targetState": "ENROLLMENT_STATE_AVAILABLE"}`)
	}
	m.must("POST", m.at("proposals"), m.staff, `{"mentee": "`+asked.Name+`", "mentor": "`+hand.Name+`", "reason": "x"}`).into(w.t, &byHand)
	all := map[string]mutation{
		"UpdateMentoringPlan": {"PATCH", m.at("mentoringPlan"), m.staff, `{"maxWishes": 7}`, `{"maxWishes": 8}`},
		"EnrollMentor":        {"POST", m.at("mentors:enroll"), "", `{"mentor": ` + mentorBody(20) + `}`, `{"mentor": ` + mentorBody(21) + `}`},
		"CreateMentor":        {"POST", m.at("mentors") + "?onBehalfReason=asked", m.staff, mentorBody(22), mentorBody(23)},
		"ImportMentors":       {"POST", m.at("mentors:import"), m.staff, `{"reason": "a list", "mentors": [` + mentorBody(24) + `]}`, `{"reason": "b", "mentors": [` + mentorBody(24) + `]}`},
		"UpdateMentor":        {"PATCH", "/v1/" + mentor.Name, mentor.Token, `{"language": "es"}`, `{"language": "en"}`},
		"EnrollMentee":        {"POST", m.at("mentees:enroll"), "", `{"mentee": ` + menteeBody(20) + `}`, `{"mentee": ` + menteeBody(21) + `}`},
		"CreateMentee":        {"POST", m.at("mentees") + "?onBehalfReason=asked", m.staff, menteeBody(22), menteeBody(23)},
		"ImportMentees":       {"POST", m.at("mentees:import"), m.staff, `{"reason": "a list", "mentees": [` + menteeBody(24) + `]}`, `{"reason": "b", "mentees": [` + menteeBody(24) + `]}`},
		"UpdateMentee":        {"PATCH", "/v1/" + mentee.Name, mentee.Token, `{"language": "es"}`, `{"language": "en"}`},
		"MoveEnrollment":      {"POST", "/v1/" + mentor.Name + ":move", mentor.Token, `{"targetState": "ENROLLMENT_STATE_WITHDRAWN"}`, `{"targetState": "ENROLLMENT_STATE_WITHDRAWN", "reason": "x"}`},
		"EraseEnrollment":     {"POST", "/v1/" + loose.Name + ":erase", officer, `{"reason": "asked by phone"}`, `{"reason": "asked by letter"}`},
		"CreateDirective": {
			"POST", m.at("directives"), m.staff, `{"kind": "FORBID", "mentee": "` + m.mentees[2].Name + `", "mentor": "` + m.mentors[3].Name + `", "reason": "x"}`,
			`{"kind": "FORBID", "mentee": "` + m.mentees[2].Name + `", "mentor": "` + m.mentors[3].Name + `", "reason": "y"}`,
		},
		"LiftDirective":      {"POST", "/v1/" + order.Name + ":lift", m.staff, `{"reason": "x"}`, `{"reason": "y"}`},
		"CreateMatching":     {"POST", m.at("matchings"), m.staff, `{"seed": "s"}`, `{"seed": "t"}`},
		"RematchProposal":    {"POST", "/v1/" + list[9].Name + ":rematch", m.staff, `{}`, ``},
		"CancelMatching":     {"POST", "/v1/" + run.Name + ":cancel", m.staff, `{}`, ``},
		"EditMatching":       {"POST", "/v1/" + reviewed + ":edit", m.staff, edit("x"), edit("y")},
		"UndoMatchingEdit":   {"POST", "/v1/" + undone + ":undoEdit", m.staff, `{}`, ``},
		"PublishMatching":    {"POST", "/v1/" + ready + ":publish", m.staff, `{"reason": "x"}`, `{"reason": "y"}`},
		"CreateProposal":     {"POST", m.at("proposals"), m.staff, `{"mentee": "` + spare.Name + `", "mentor": "` + free.Name + `", "reason": "x"}`, `{"mentee": "` + spare.Name + `", "mentor": "` + free.Name + `", "reason": "y"}`},
		"AcceptProposal":     {"POST", "/v1/" + list[8].Name + ":accept", m.tokenOf(list[8].Mentee), `{}`, ``},
		"DeclineProposal":    {"POST", "/v1/" + list[8].Name + ":decline", m.tokenOf(list[8].Mentor), `{"reason": "NO_TIME"}`, `{"reason": "OTHER"}`},
		"RecallProposal":     {"POST", "/v1/" + byHand.Name + ":recall", m.staff, `{"reason": "x"}`, `{"reason": "y"}`},
		"SaveMeeting":        {"POST", ships[0] + ":saveMeeting", mine(0), `{"meeting": {"outcome": "HELD", "startTime": "2027-01-15T19:00:00Z"}}`, `{"meeting": {"outcome": "MISSED", "startTime": "2027-01-15T19:00:00Z"}}`},
		"SaveGoal":           {"POST", ships[0] + ":saveGoal", mine(0), `{"goal": {"words": "x"}}`, `{"goal": {"words": "y"}}`},
		"HoldMentorship":     {"POST", ships[0] + ":hold", mine(0), `{}`, ``},
		"ReviveMentorship":   {"POST", ships[1] + ":revive", mine(1), `{}`, ``},
		"CompleteMentorship": {"POST", ships[2] + ":complete", mine(2), `{}`, ``},
		"AnswerSurvey":       {"POST", ships[3] + ":answerSurvey", mine(3), `{"survey": {"helped": 5, "again": 5, "fit": 5}}`, `{"survey": {"helped": 1, "again": 5, "fit": 5}}`},
		"HandleSafeExit":     {"POST", ships[4] + ":handleSafeExit", m.staff, `{"reason": "called them"}`, `{"reason": "wrote"}`},
		"EndMentorship":      {"POST", ships[5] + ":end", mine(5), `{"reason": "NO_TIME"}`, `{"reason": "OTHER"}`},
		"LeaveMentorship":    {"POST", ships[6] + ":leave", mine(6), `{"words": "x"}`, `{"words": "y"}`},
	}
	named := map[string]mutation{}
	for method, call := range all {
		named["MentorshipService/"+method] = call
	}
	return named
}
