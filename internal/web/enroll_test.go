package web

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// enrollSamples are the pages by which mentors and mentees enroll, with invented
// people.
func enrollSamples(s *server, req func(string) *http.Request) map[string]view {
	r := req("/mentoring/equity-in-leadership-2027/enroll")
	const code = "MO-0007-KE7P-7304-9QX2"
	plan := &mentoring.Plan{Program: "equity-in-leadership-2027", Open: true, Screening: true, MaxSeats: 3, MaxWanted: 3, MaxNever: 10, MaxWishes: 5, Contact: "An invented coordinator, 360-555-0100"}
	person := func(role mentoring.Role, state mentoring.EnrollmentState) *enrollee {
		e := &mentoring.Enrollment{
			Program: plan.Program, Code: "MO-0007", Role: role, State: state, Seats: 2, SubmitTime: sampleNow, Language: "es",
			Contact: mentoring.Contact{Name: "dxʷlilap Xwlemi (invented)", Goes: "Xw", Email: "invented@example.org", Phone: "360-555-0101"},
			Profile: map[string]string{
				"offers": "Grant writing:3; Sourdough baking:1", "about": "Budgets and grants", "zone": "America/Los_Angeles", "hours": "Mon-Thu 17:15-19:00; Sat 9am-12pm",
				"asynchronous": "yes", "in_person": "no", "places": "Skagit; San Juan", "languages": "es; English; Klingon", "experience": "12", "units": "Riverside Clinic",
				"managers": "MO-0003", "style_structure": "4",
			},
			Traits: []mentoring.Trait{{Attribute: livedKind, Value: lived[0].value, Matching: true}, {Attribute: "recovery", Value: "long ago", Matching: true, Explained: true}, {Attribute: livedKind, Value: "kept"}},
			Wishes: []string{"ME-0004"}, Consents: []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true}},
		}
		if role == mentoring.Mentee {
			e.Seats, e.Wanted, e.Traits = 0, 2, nil
			e.Affinity = []mentoring.AffinityWish{{Attribute: livedKind, Value: lived[1].value, Strength: "IMPORTANT"}}
			e.Profile["preferred_language"] = "Spanish"
		}
		p := &mentorPlace{id: plan.Program, program: sampleProgram(), e: e}
		return &enrollee{mentorPlace: p, plan: plan, rules: scoring.DefaultRules(), never: []string{"ME-0009"}}
	}
	out := map[string]view{
		"enroll":        s.newEnrollPage(r, plan, sampleProgram(), url.Values{}, nil),
		"enroll failed": s.newEnrollPage(r, plan, nil, url.Values{"name": {"x"}}, faultSet{"role": "Choose", "email": "Wrong", "": "Again"}),
	}
	for _, role := range []mentoring.Role{mentoring.Mentor, mentoring.Mentee} {
		x := person(role, mentoring.Draft)
		for at := range sections {
			out["enroll-section "+string(role)+" "+sections[at].key] = s.profilePage(r, x, at, sections[at].values(x), nil, code)
		}
	}
	x := person(mentoring.Mentor, mentoring.Available)
	at, _ := sectionOf("time")
	v := sections[at].values(x)
	v.Set("go", "more")
	wrong := s.profilePage(r, x, at, v, faultSet{"zone": "No zone", "days-1": "Days", "from-2": "Order", "async": "Choose"}, code)
	wrong.Conflict = sections[at].lines(x, wrong.tongue)
	out["enroll-section failed"] = wrong
	out["enroll-review"] = newReviewPage(s.mentorFrame(r, x.mentorPlace), x, code, nil)
	out["enroll-review draft"] = newReviewPage(s.mentorFrame(r, x.mentorPlace), person(mentoring.Mentee, mentoring.Draft), code, faultSet{"name": "Name", "MATCHING": "Agree"})
	out["enroll-receipt"] = newEnrollReceipt(s.mentorFrame(r, x.mentorPlace), person(mentoring.Mentee, mentoring.Submitted), code)
	out["enroll-receipt draft"] = newEnrollReceipt(s.mentorFrame(r, x.mentorPlace), person(mentoring.Mentor, mentoring.Draft), code)
	out["enroll-withdraw"] = newEnrollWithdraw(s.mentorFrame(r, x.mentorPlace), x, mentoring.Places{Taken: 1})
	back := &mentorReturnPage{frame: s.mentorFrame(r, x.mentorPlace), Action: "/mentoring/x/return", Enroll: "/mentoring/x/enroll", Code: "MO", Kept: "sealed", Fault: "No", Faults: []fault{{"code", "No"}}, Contact: plan.Contact}
	back.titled("Return")
	out["enroll-return"] = back
	return out
}

// posts sends a form and wants a redirect.
func (x *site) posts(path, want string, pairs ...string) {
	x.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	if a := x.do(http.MethodPost, path, form, nil); a.to != want {
		x.Fatalf("%s: %d to %q, want %q\n%s", path, a.status, a.to, want, a.body)
	}
}

var (
	wasShape    = regexp.MustCompile(`name="was" value="([0-9a-f]+)"`)
	stampShape  = regexp.MustCompile(`name="stamp" value="([^"]+)"`)
	requestID   = regexp.MustCompile(`name="request" value="([^"]+)"`)
	mentorsCode = regexp.MustCompile(`M[OE]-\d{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)
)

// was is what a page of the profile shows that it was made of.
func (x *site) was(path string) string {
	x.Helper()
	a := x.get(path)
	m := wasShape.FindStringSubmatch(a.body)
	if m == nil {
		x.Fatalf("%s: %d, no part of a profile: %s\n%s", path, a.status, a.body, x.log)
	}
	return m[1]
}

// From the call to the receipt, by somebody whom nobody invited; with what they
// typed in, and nothing else, in their enrollment. Then back by the code, changed,
// paused, and withdrawn.
func TestEnroll(t *testing.T) {
	x := newSite(t)
	home := "/mentoring/" + testProgram
	if a := x.get(home + "/enroll"); a.status != http.StatusNotFound {
		t.Errorf("without a plan: %d", a.status)
	}
	plan := &mentoring.Plan{Program: testProgram, Contact: "Invented Coordinator, 360-555-0100", Screening: true}
	plan, err := x.pairs.SavePlan(t.Context(), testCoordinator, plan, applications.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	if a := x.get(home + "/enroll"); a.status != http.StatusNotFound || strings.Contains(x.get("/calls/"+testProgram).body, "/enroll") {
		t.Errorf("with a closed plan: %d", a.status)
	}
	plan.Open = true
	if _, err = x.pairs.SavePlan(t.Context(), testCoordinator, plan, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(x.get("/calls/"+testProgram).body, home+"/enroll") {
		t.Error("the call does not lead to it")
	}
	page := x.get(home + "/enroll")
	first := []string{"stamp", stampShape.FindStringSubmatch(page.body)[1], "request", requestID.FindStringSubmatch(page.body)[1]}
	post := func(pairs ...string) *answer {
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return x.do(http.MethodPost, home+"/enroll", form, nil)
	}
	if a := post(first...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Choose what you would like to be") || !strings.Contains(a.body, "Enter an e-mail address or a telephone number") {
		t.Errorf("with nothing: %d %s", a.status, a.body)
	}
	who := append([]string{"role", "MENTOR", "name", "dxʷlilap Ñúñez-López (invented)", "phone", "360-555-0100"}, first...)
	if a := post(who...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("faster than people: %d", a.status)
	}
	x.pass(2 * time.Second)
	if a := post(append(who, "website", "x")...); a.status != http.StatusUnprocessableEntity {
		t.Errorf("into the trap: %d", a.status)
	}
	for range 2 { // pressed twice is once
		if a := post(who...); a.to != home+"/profile/capacity" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	at := func(part string) string { return home + "/profile/" + part }
	x.posts(at("capacity"), at("topics"), "was", x.was(at("capacity")), "seats", "2")
	x.posts(at("topics"), at("topics")+"?more=yes", "was", x.was(at("topics")), "text", "I can help with budgets and burnout.", "topic-1", "grants writing", "level-1", "3", "topic-2", "Sourdough baking", "go", "more")
	if a := x.get(at("topics") + "?more=yes"); !strings.Contains(a.body, "Grant writing") || !strings.Contains(a.body, "is not in our list of topics") || !strings.Contains(a.body, "topic-6") {
		t.Errorf("the topics as saved: %s", a.body)
	}
	x.posts(at("topics"), at("found"), "was", x.was(at("topics")), "text", "I can help with budgets and burnout.", "topic-1", "Grant writing", "level-1", "3")
	if a := x.get(at("found")); !strings.Contains(a.body, "Budgeting") {
		t.Errorf("what was found: %s", a.body)
	}
	x.posts(at("found"), at("time"), "topic", "budgeting", "topic", "grants")
	x.posts(at("time"), at("meeting"), "was", x.was(at("time")), "zone", "America/Los_Angeles", "days-1", "mon", "days-1", "thu", "from-1", "17:00", "to-1", "19:00", "async", "yes")
	bad := func(part, want string, pairs ...string) {
		t.Helper()
		form := url.Values{"was": {x.was(at(part))}}
		for i := 0; i < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		if a := x.do(http.MethodPost, at(part), form, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) || !strings.Contains(a.body, "<title>Error:") {
			t.Errorf("%s %v: %d, without %q", part, pairs, a.status, want)
		}
	}
	bad("time", "Write the name of a time zone", "zone", "America/Los_Angles")
	bad("time", "Name your time zone", "days-1", "mon", "from-1", "9:00", "to-1", "10:00")
	bad("time", "The end comes after the beginning", "zone", "UTC", "days-1", "mon", "from-1", "19:00", "to-1", "17:00")
	bad("time", "Choose the days", "zone", "UTC", "from-1", "17:00", "to-1", "19:00")
	bad("time", "Choose from when", "zone", "UTC", "days-1", "mon")
	bad("topics", "one topic in each row", "topic-1", "a; b")
	bad("work", "whole number", "experience", "many")
	bad("work", "Write codes", "managers", "My boss")
	bad("work", "your own code", "conflicts", "mo-0001")
	bad("wishes", "codes of the other side", "never", "MO-0009")
	bad("wishes", "nobody with one of these codes", "never", "ME-0009")
	bad("lived", "Agree to this", "lived_poverty", "named")
	bad("lived", "Say what it is", "how-1", "named")
	bad("contact", "name@example.org", "name", "x", "email", "nowhere")
	x.posts(at("meeting"), at("work"), "was", x.was(at("meeting")), "in_person", "no", "places", "skagit", "languages", "Spanish", "other_languages", "Lushootseed, English")
	x.posts(at("work"), at("style"), "was", x.was(at("work")), "experience", "12", "units", "Riverside Clinic", "managers", "mo-0003, MO-0004")
	x.posts(at("style"), at("wishes"), "was", x.was(at("style")), "style_structure", "4")
	x.posts(at("wishes"), at("lived"), "was", x.was(at("wishes")))
	x.posts(at("lived"), at("consents"), "was", x.was(at("lived")), "lived_poverty", "matching", "own-1", "zq7canary", "how-1", "named", "AFFINITY", "yes")
	if a := x.do(http.MethodPost, home+"/review", url.Values{}, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "To hand in, agree") {
		t.Errorf("without consent: %d", a.status)
	}
	x.posts(at("consents"), home+"/saved", "was", x.was(at("consents")), "AFFINITY", "yes", "MATCHING", "yes", "go", "later")
	code := mentorsCode.FindString(x.get(home + "/saved").body)
	review := x.get(home + "/review")
	for _, want := range []string{"Grant writing, In depth", "Budgeting, Well", "5:00 pm", "12", "Riverside Clinic", "Lushootseed", "zq7canary", "Spanish", code} {
		if want == "" || !strings.Contains(review.body, want) {
			t.Errorf("the review lacks %q", want)
		}
	}
	for _, page := range []*answer{review, x.get(home), x.get(home + "/saved")} {
		if strings.Contains(page.body, "This translation is a draft") {
			t.Error("a page in English says that its translation is a draft")
		}
	}
	if strings.Contains(review.body, "Sourdough") {
		t.Error("the review has what was taken out")
	}
	x.posts(home+"/review", home+"/receipt")
	if a := x.get(home + "/receipt"); !strings.Contains(a.body, "We have your answers") || !strings.Contains(a.body, "look at your answers first") || !strings.Contains(a.body, code) {
		t.Errorf("the receipt: %s", a.body)
	}
	list, err := x.pairs.Enrollments(t.Context(), testCoordinator, testProgram, mentoring.Mentor, applications.ListQuery{})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	e := list.Items[0]
	if e.State != mentoring.Submitted || e.Seats != 2 || e.Profile["hours"] != "Mon,Thu 17:00-19:00" || e.Profile["places"] != "Skagit County" || e.Profile["languages"] != "Spanish; Lushootseed; English" ||
		e.Profile["offers"] != "Grant writing:3; Budgeting:2" || e.Profile["managers"] != "" || len(e.Traits) != 1 || e.Traits[0].Value != "zq7canary" {
		t.Errorf("what staff see: %+v", e)
	}

	// Lost in the middle of a page: nothing typed is lost.
	was := x.was(at("capacity"))
	lost := x.newBrowser()
	x.browser = lost
	if a := x.get(home + "/review"); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "opens with a link") {
		t.Errorf("without a session: %d", a.status)
	}
	a := x.do(http.MethodPost, at("capacity"), url.Values{"was": {was}, "seats": {"3"}}, nil)
	kept := regexp.MustCompile(`name="kept" value="([^"]+)"`).FindStringSubmatch(a.body)
	if a.status != http.StatusUnauthorized || kept == nil {
		t.Fatalf("sent without a session: %d %s", a.status, a.body)
	}
	if a := x.do(http.MethodPost, home+"/return", url.Values{"code": {code[:len(code)-1]}, "kept": {kept[1]}}, nil); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, kept[1]) {
		t.Errorf("a wrong code: %d", a.status)
	}
	x.posts(home+"/return", home+"/review", "code", strings.ToLower(strings.ReplaceAll(code, "-", " ")), "kept", kept[1])
	if a := x.get(home); !strings.Contains(a.body, "0 of 3 places") {
		t.Errorf("what was typed is lost: %s", a.body)
	}

	// What changed elsewhere meanwhile is shown, and nothing overwritten.
	was = x.was(at("capacity"))
	x.posts(at("capacity")+"?from=home", home, "was", was, "seats", "1", "from", "home")
	if a := x.do(http.MethodPost, at("capacity"), url.Values{"was": {was}, "seats": {"2"}}, nil); a.status != http.StatusConflict {
		t.Errorf("changed elsewhere: %d", a.status)
	}
	bad("consents", "taken back by withdrawing")
	if a := x.get(home + "/withdraw"); a.status != 200 || !strings.Contains(a.body, "pause instead") {
		t.Errorf("the last look: %d", a.status)
	}
	x.posts(home+"/withdraw", home)
	if a := x.get(home); !strings.Contains(a.body, "You have withdrawn") || !strings.Contains(a.body, home+"/enroll") {
		t.Errorf("withdrawn: %s", a.body)
	}
	if a := x.get(at("topics")); a.to != home {
		t.Errorf("a profile that was withdrawn can be changed: %d", a.status)
	}
	x.posts(at("consents"), home, "was", x.was(at("consents")), "from", "home")
	for range 12 {
		a = x.do(http.MethodPost, home+"/return", url.Values{"code": {"MO-0001-0000-0000-0000"}}, nil)
	}
	if a.status != http.StatusTooManyRequests {
		t.Errorf("guessing: %d", a.status)
	}
	if strings.Contains(x.log.String(), "zq7canary") || strings.Contains(x.log.String(), "360-555") {
		t.Error("the log has what somebody wrote")
	}
}

// A mentee sees what a mentee is asked, in Spanish.
func TestEnrollMenteeInSpanish(t *testing.T) {
	x := newSite(t)
	home := "/mentoring/" + testProgram
	if _, err := x.pairs.SavePlan(t.Context(), testCoordinator, &mentoring.Plan{Program: testProgram, Open: true, Contact: "Invented Coordinator"}, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	page := x.get(home + "/enroll?lang=es")
	if !strings.Contains(page.body, "Aprendiz") {
		t.Errorf("%d %s", page.status, page.body)
	}
	x.pass(2 * time.Second)
	x.posts(home+"/enroll", home+"/profile/capacity", "role", "MENTEE", "name", "Invented", "email", "invented@example.org", "stamp", stampShape.FindStringSubmatch(page.body)[1])
	at := func(part string) string { return home + "/profile/" + part }
	x.posts(at("capacity"), at("topics"), "was", x.was(at("capacity")), "wanted", "3")
	x.posts(at("topics"), at("time"), "was", x.was(at("topics")), "topic-1", "Presupuestos", "level-1", "1", "go", "")
	x.posts(at("meeting"), at("work"), "was", x.was(at("meeting")), "languages", "Spanish", "languages", "English", "preferred", "Español")
	x.posts(at("lived"), at("consents"), "was", x.was(at("lived")), "lived_poverty", "REQUIRED", "AFFINITY", "yes")
	x.posts(at("consents"), home+"/review", "was", x.was(at("consents")), "AFFINITY", "yes", "MATCHING", "yes")
	x.posts(home+"/review", home+"/receipt")
	list, err := x.pairs.Enrollments(t.Context(), testCoordinator, testProgram, mentoring.Mentee, applications.ListQuery{})
	if err != nil || len(list.Items) != 1 {
		t.Fatal(list, err)
	}
	e := list.Items[0]
	if e.State != mentoring.Available || e.Wanted != 3 || e.Language != "es" || e.Profile["wants"] != "Budgeting:1" || e.Profile["preferred_language"] != "Spanish" {
		t.Errorf("%+v", e)
	}
	if a := x.get(home + "/review"); !strings.Contains(a.body, "Lo exijo") || !strings.Contains(a.body, "Bajos ingresos") {
		t.Errorf("the review: %s", a.body)
	}
}

// What surrounds a page reads its fields by name: a page that has one of its own
// by such a name says of itself what was meant for that page alone.
func TestNoPageHidesTheFrame(t *testing.T) {
	surrounds := reflect.TypeFor[frame]()
	for name, v := range samplePages(newTestServer(), "en") {
		page := reflect.TypeOf(v).Elem()
		for i := range page.NumField() {
			if _, hides := surrounds.FieldByName(page.Field(i).Name); hides {
				t.Errorf("%s: the field %s hides that of the frame", name, page.Field(i).Name)
			}
		}
	}
}

// What other programs than these pages stored is shown, and kept when a page is
// saved as it was shown.
func TestPagesKeepWhatTheyDoNotOffer(t *testing.T) {
	var topics, days []string
	for n := range 60 {
		topics = append(topics, fmt.Sprintf("own topic %d:%d", n, n%5))
		from := n%10*120 + n/10*15
		days = append(days, fmt.Sprintf("%s %s-%s", dayCells[n/10], clockValue(from), clockValue(from+15)))
	}
	e := &mentoring.Enrollment{
		Role: mentoring.Mentor, Language: "fr-CA", Contact: mentoring.Contact{Name: "Invented", Email: "invented@example.org"},
		Profile: map[string]string{"offers": strings.Join(topics, "; "), "hours": strings.Join(days, "; "), "zone": "America/Los_Angeles", "style_structure": "2.5", "places": "Skagit County; Atlantis", "in_person": "perhaps", "asynchronous": "rarely"},
	}
	x := &enrollee{mentorPlace: &mentorPlace{e: e}, plan: &mentoring.Plan{}, rules: scoring.DefaultRules()}
	for key, columns := range map[string]string{"contact": "about", "topics": "offers", "time": "hours asynchronous", "meeting": "places in_person", "style": "style_structure"} {
		at, _ := sectionOf(key)
		posted := url.Values{}
		var press func([]enrollField)
		press = func(fields []enrollField) {
			for _, f := range fields {
				switch f.Kind {
				case "group":
					press(f.Fields)
				case "select", "radio", "days", "checkbox":
					for _, o := range f.Options {
						if o.Chosen {
							posted.Add(f.Name, o.Value)
						}
					}
				case "clock":
					for _, c := range f.Clocks {
						if c.Chosen {
							posted.Add(f.Name, c.Value())
						}
					}
				default:
					posted.Add(f.Name, f.Value)
				}
			}
		}
		press(sections[at].fields(x, "en", sections[at].values(x)))
		saved := profileCopy(e)
		if faults := sections[at].take("en", x, posted, saved); len(faults) > 0 {
			t.Errorf("%s: %v", key, faults)
		}
		if saved.Language != e.Language {
			t.Errorf("%s: saved the language %q", key, saved.Language)
		}
		for column := range strings.FieldsSeq(columns) {
			if saved.Profile[column] != e.Profile[column] {
				t.Errorf("%s: saved %s as %q", key, column, saved.Profile[column])
			}
		}
	}
	d := &peopleDesk{program: sampleProgram(), plan: x.plan}
	page := newEditForm(frame{tongue: "en"}, d, e, personForm(d, e), nil)
	posted := url.Values{}
	for _, o := range page.Language {
		if o.Chosen {
			posted.Add("language", o.Value)
		}
	}
	if got := posted.Get("language"); got != "fr-CA" {
		t.Errorf("staff would save the language %q", got)
	}
}
