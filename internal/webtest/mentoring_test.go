package webtest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The journeys of mentors, mentees and their coordinator, on the program of the
// demo's open call: it takes enrollments, and its invented people are not matched
// yet. The program of the closed call has a run that nobody published.

// both checks a page where it stands as view does, and with FAIRLEAD_SOAK=1 the
// same page in Spanish, on the narrowest screen.
func both(t *testing.T, tab *Tab, name string, back Screen) {
	t.Helper()
	if seen[name] {
		return
	}
	view(t, tab, name, back)
	if os.Getenv("FAIRLEAD_SOAK") == "" {
		return
	}
	at := ask[string](t, tab, "location.href")
	bare, _, _ := strings.Cut(at, "#")
	sign := "?"
	if strings.Contains(bare, "?") {
		sign = "&"
	}
	ok(t, tab.Open(bare+sign+"lang=es"))
	if ask[string](t, tab, "document.documentElement.lang") != "es" {
		t.Errorf("%s is not there in Spanish", name)
	}
	ok(t, tab.Look(scripted(narrow)))
	noOverflow(t, tab, narrow, name+" in Spanish")
	largeEnough(t, tab, narrow, name+" in Spanish")
	findings, err := tab.Axe()
	ok(t, err)
	for _, f := range findings {
		t.Errorf("%s in Spanish: %v", name, f)
	}
	ok(t, tab.Look(back))
	ok(t, tab.Open(bare+sign+"lang=en"))
}

func coordinate(t *testing.T, tab *Tab) {
	t.Helper()
	if coordinatorCookie != nil {
		ok(t, tab.SetCookies(coordinatorCookie))
		return
	}
	ok(t, tab.Open(site.coordinator))
	ok(t, tab.Press(".primary", true))
	cookies, err := tab.Cookies()
	ok(t, err)
	coordinatorCookie = cookies
}

var coordinatorCookie []Cookie

// staffPath is where the coordinator of the open call's program works.
func staffPath(rest string) string { return origin() + "/programs/" + program() + rest }

var mentorsCode = regexp.MustCompile(`M[OE]-\d{4,}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// From the call to the receipt as a mentor, on a phone without script; then back
// by the code on another one, changed, paused and resumed.
func TestJourneyEnrollAsMentor(t *testing.T) {
	tab := open(t, phone)
	begin := time.Now()
	page := func(name, want string) {
		t.Helper()
		says(t, tab, want)
		noOverflow(t, tab, phone, name)
		both(t, tab, name, phone)
	}
	save := func() { t.Helper(); ok(t, tab.Press(".go .primary", true)) }

	ok(t, tab.Open(site.call))
	ok(t, tab.Press(`a[href$="/enroll"]`, true))
	page("enroll", "How it works")
	time.Sleep(1100 * time.Millisecond) // nobody is faster, robots are
	ok(t, tab.Press("input[value=MENTOR]", false))
	save()
	says(t, tab, "There is a problem")
	if !strings.HasPrefix(ask[string](t, tab, "document.title"), "Error:") || !ask[bool](t, tab, "document.querySelector('input[value=MENTOR]').checked") {
		t.Error("a page with errors does not say so, or lost what was chosen")
	}
	view(t, tab, "enroll-error", phone)
	time.Sleep(1100 * time.Millisecond)
	ok(t, tab.Type("#name", "dxʷlilap Ñúñez-López (invented)"))
	ok(t, tab.Type("#phone", "360-555-0100"))
	save()
	page("enroll-capacity", "How many mentees can you take")
	ok(t, tab.Type("#seats", "2"))
	save()
	page("enroll-topics", "What can you teach?")
	ok(t, tab.Type("#text", "Twenty years of budgets, and of keeping a team from burnout."))
	ok(t, tab.Type("#topic-1", "Grant writing"))
	ok(t, tab.Type("#level-1", "In"))
	ok(t, tab.Press("button[value=more]", true))
	says(t, tab, "Topic 7")
	if got := ask[string](t, tab, "document.querySelector('#topic-1').value + document.querySelector('#level-1').value"); got != "Grant writing3" {
		t.Errorf("the first topic is %q", got)
	}
	save()
	page("enroll-found", "Can you teach any of these?")
	ok(t, tab.Press("input[name=topic]", false))
	save()
	page("enroll-time", "Hours of an ordinary week")
	for _, day := range []string{"mon", "thu"} {
		ok(t, tab.Press("input[name=days-1][value="+day+"]", false))
	}
	ok(t, tab.Type("#from-1", "5:00 p"))
	ok(t, tab.Type("#to-1", "7:00 p"))
	ok(t, tab.Press("input[name=async][value=yes]", false))
	save()
	page("enroll-meeting", "Would you like to meet in person?")
	ok(t, tab.Press("input[name=in_person][value=yes]", false))
	ok(t, tab.Press("input[name=places][value=skagit]", false))
	ok(t, tab.Press("input[name=languages][value=English]", false))
	save()
	page("enroll-work", "Codes of your managers")
	ok(t, tab.Type("#experience", "12"))
	save()
	page("enroll-style", "Way of working")
	ok(t, tab.Type("#style_structure", "4"))
	save()
	page("enroll-wishes", "With whom never?")
	save()
	page("enroll-lived", "Say only what you want used")
	ok(t, tab.Type("#lived_poverty", "For matching, n"))
	save()
	says(t, tab, "Agree to this")
	view(t, tab, "enroll-lived-error", phone)
	ok(t, tab.Press("#AFFINITY", false))
	save()
	page("enroll-consents", "What you agree to")
	ok(t, tab.Press("#MATCHING", false))
	ok(t, tab.Press("#CONTACT", false))
	save()
	page("enroll-review", "Check your answers")
	for _, want := range []string{"dxʷlilap Ñúñez-López (invented)", "Grant writing, In depth", "5:00 pm", "For matching, not named"} {
		says(t, tab, want)
	}
	save()
	page("enroll-receipt", "We have your answers")
	t.Logf("figure: enrolled as a mentor on a 390 px phone without script: %.1f s", time.Since(begin).Seconds())
	code := mentorsCode.FindString(ask[string](t, tab, "document.body.innerText"))
	if code == "" {
		t.Fatal("the receipt shows no code to come back with")
	}

	ok(t, tab.Forget())
	ok(t, tab.Open(origin()+"/mentoring/"+program()))
	page("enroll-return", "opens with a link")
	ok(t, tab.Type("#code", strings.ToLower(code)))
	save()
	page("mentoring", "You can be matched")
	says(t, tab, "0 of 2 places")
	ok(t, tab.Press(`a[href*="/profile/capacity"]`, true))
	ok(t, tab.Type("#seats", "1"))
	save()
	says(t, tab, "0 of 1 places")
	ok(t, tab.Press("button[value=pause]", true))
	says(t, tab, "You are paused")
	ok(t, tab.Press("button[value=resume]", true))
	says(t, tab, "You can be matched")
	ok(t, tab.Press(`a[href$="/withdraw"]`, true))
	page("enroll-withdraw", "pause instead")
	ok(t, tab.Press(".danger", true))
	says(t, tab, "You have withdrawn")
	for _, where := range ask[[]string](t, tab, `performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).map(e => e.name)`) {
		if strings.Contains(where, "dx") || strings.Contains(where, "360") {
			t.Errorf("an address says who it is: %s", where)
		}
	}
}

// as opens the pages of a mentor or mentee by a link that the coordinator makes.
func as(t *testing.T, tab *Tab, code string) {
	t.Helper()
	ok(t, tab.Forget())
	coordinate(t, tab)
	list := "/mentoring/mentees"
	if strings.HasPrefix(code, "MO-") {
		list = "/mentoring/mentors"
	}
	ok(t, tab.Open(staffPath(list)))
	both(t, tab, "people-list", desktop)
	ok(t, tab.Type("#code", code))
	ok(t, tab.Press("button[value=find]", true))
	both(t, tab, "people-person", desktop)
	ok(t, tab.Type("#link_reason", "Asked for it by telephone (invented)"))
	ok(t, tab.Press("button[value=link]", true))
	link := ask[string](t, tab, "document.querySelector('#made').value")
	view(t, tab, "people-link", desktop)
	ok(t, tab.Forget())
	ok(t, tab.Open(link))
	ok(t, tab.Press(".primary", true))
	says(t, tab, code)
}

const moreMentees = `Name,Mail,Wants,Languages,Hours,Zone
Invented One (invented),one@example.org,Budgeting:3,English,Mon-Fri 12:00-14:00,America/Los_Angeles
Invented Two (invented),two@example.org,Sourdough baking,Klingon,,
`

// pairsOf reads the pairs that the page of a run shows, as mentee and mentor.
func pairsOf(t *testing.T, tab *Tab) [][2]string {
	t.Helper()
	var out [][2]string
	for _, text := range ask[[]string](t, tab, `[...document.querySelectorAll('li[id^="pair-"] h3')].map(e => e.textContent)`) {
		if m := regexp.MustCompile(`(ME-\d+).*(MO-\d+)`).FindStringSubmatch(text); m != nil {
			out = append(out, [2]string{m[1], m[2]})
		}
	}
	return out
}

// solved waits for a run's pairs: the page looks again by itself.
func solvedRun(t *testing.T, tab *Tab) (at string) {
	t.Helper()
	for range 150 {
		at = ask[string](t, tab, "location.pathname")
		if ask[bool](t, tab, `document.querySelector('a[href$="/publish"]') !== null`) {
			return at
		}
		time.Sleep(200 * time.Millisecond)
		ok(t, tab.Open(origin()+at))
	}
	t.Fatalf("the run has no result: %s", ask[string](t, tab, "document.body.innerText"))
	return ""
}

// Import, match, look at who is left and why, override with its cost, publish;
// then both sides of a pair accept, and somebody of another declines for good.
func TestJourneyMatchAndPublish(t *testing.T) {
	tab := open(t, desktop)
	coordinate(t, tab)
	ok(t, tab.Open(origin()+"/programs"))
	both(t, tab, "programs-coordinator", desktop)
	ok(t, tab.Press(fmt.Sprintf(`a[href="/programs/%s/mentoring"]`, program()), true))
	both(t, tab, "people", desktop)
	for _, p := range []string{"/mentoring/plan", "/mentoring/mentees/new", "/mentoring/mentors/members", "/mentoring/directives"} {
		ok(t, tab.Open(staffPath(p)))
		both(t, tab, "staff-"+p[strings.LastIndexByte(p, '/')+1:], desktop)
	}

	ok(t, tab.Open(staffPath("/mentoring/mentees/import")))
	both(t, tab, "import", desktop)
	ok(t, tab.Type("#text", moreMentees))
	ok(t, tab.Press("button[value=read]", true))
	view(t, tab, "import-map", desktop)
	ok(t, tab.Press("button[value=show]", true))
	view(t, tab, "import-show", desktop)
	ok(t, tab.Press("#agreed", false))
	ok(t, tab.Type("#reason", "They asked for it in a workshop (invented)"))
	ok(t, tab.Press("button[value=import]", true))
	says(t, tab, "enrolled: 2")

	ok(t, tab.Open(staffPath("/matchings")))
	both(t, tab, "matchings", desktop)
	ok(t, tab.Press("form.ask .go .primary", true))
	run := solvedRun(t, tab)
	both(t, tab, "pairs", desktop)
	if ask[string](t, tab, "document.querySelector('#unmatched')?.innerText ?? ''") == "" || !ask[bool](t, tab, `document.querySelector('#unmatched a[href*="/pairs/ME-"]') !== null`) {
		t.Fatalf("nobody is left, or the page does not say why: %s", ask[string](t, tab, "document.body.innerText"))
	}
	left := ask[string](t, tab, `document.querySelector('#unmatched a[href*="/pairs/ME-"]').textContent.trim()`)
	ok(t, tab.Open(origin()+run+"/pairs/"+left))
	both(t, tab, "unmatched", desktop)
	if why := ask[string](t, tab, "document.querySelector('section.state')?.innerText ?? ''"); len(why) < 20 {
		t.Errorf("%s is left, and the page says only %q", left, why)
	}
	ok(t, tab.Open(origin()+run+"/audit"))
	both(t, tab, "audit", desktop)

	// Somebody else for one mentee, at a price that is told first.
	ok(t, tab.Open(origin()+run))
	pairs := pairsOf(t, tab)
	if len(pairs) < 3 {
		t.Fatalf("only the pairs %v", pairs)
	}
	overridden := ""
	for _, pair := range pairs {
		ok(t, tab.Open(origin()+run+"/pairs/"+pair[0]))
		both(t, tab, "pair", desktop)
		if ask[bool](t, tab, "document.querySelector('#others li a') !== null") {
			overridden = pair[0]
			break
		}
	}
	if overridden == "" {
		t.Fatal("nobody could have another mentor")
	}
	other := ask[string](t, tab, "document.querySelector('#others li a').textContent.trim()")
	ok(t, tab.Press("#others li a", true))
	both(t, tab, "try", desktop)
	if cost := ask[string](t, tab, "document.querySelector('#cost').innerText"); !regexp.MustCompile(`\d`).MatchString(cost) {
		t.Errorf("what it costs is only %q", cost)
	}
	ok(t, tab.Press("form.ask .primary", true))
	says(t, tab, "There is a problem") // no reason
	ok(t, tab.Type("#reason", "They know each other's work (invented)"))
	ok(t, tab.Press("form.ask .primary", true))
	ok(t, tab.Open(origin()+run+"/edits"))
	says(t, tab, other)
	both(t, tab, "edits", desktop)
	ok(t, tab.Open(origin()+run))
	pairs = pairsOf(t, tab)
	there := false
	for _, p := range pairs {
		there = there || p == [2]string{overridden, other}
	}
	if !there {
		t.Errorf("%s is not with %s after the edit: %v", overridden, other, pairs)
	}
	ok(t, tab.Press(`a[href$="/publish"]`, true))
	both(t, tab, "publish", desktop)
	ok(t, tab.Type("#reason", "Looked at by two people (invented)"))
	ok(t, tab.Press("form.ask .primary", true))
	ok(t, tab.Open(staffPath("/proposals")))
	both(t, tab, "proposals", desktop)

	// A pair of which neither has another one.
	count := map[string]int{}
	for _, p := range pairs {
		count[p[0]]++
		count[p[1]]++
	}
	var alone [][2]string
	for _, p := range pairs {
		if count[p[0]] == 1 && count[p[1]] == 1 {
			alone = append(alone, p)
		}
	}
	if len(alone) < 2 {
		t.Fatalf("no two pairs of people who have one each: %v", pairs)
	}
	yes, no := alone[0], alone[1]
	accept := func() {
		t.Helper()
		if ask[bool](t, tab, "document.querySelector('input[name=contact]') !== null") {
			ok(t, tab.Press("input[name=contact]", false))
		}
		ok(t, tab.Press(`form[action$="/accept"] .primary`, true))
	}
	as(t, tab, yes[0])
	says(t, tab, "Somebody for you: "+yes[1])
	both(t, tab, "proposed", desktop)
	if strings.Contains(ask[string](t, tab, "document.body.innerText"), "@example.org") {
		t.Error("a page shows how to reach somebody before both said yes")
	}
	accept()
	says(t, tab, "We wait for the other side")
	as(t, tab, yes[1])
	accept()
	ok(t, tab.Press(`a[href*="/mentorships/"]`, true))
	says(t, tab, "Meetings")
	both(t, tab, "mentorship", desktop)
	ok(t, tab.Press(`a[href$="/exit"]`, true))
	both(t, tab, "mentorship-exit", desktop)

	as(t, tab, no[0])
	ok(t, tab.Press(`a[href$="/decline"]`, true))
	both(t, tab, "proposal-decline", desktop)
	ok(t, tab.Press(".danger", true))
	says(t, tab, "Choose one of the reasons")
	ok(t, tab.Press("input[name=reason]", false))
	ok(t, tab.Type("#note", "zq7canary"))
	ok(t, tab.Press("input[name=never]", false))
	ok(t, tab.Press(".danger", true))
	if strings.Contains(ask[string](t, tab, "document.body.innerText"), "Somebody for you") {
		t.Error("what was declined is still proposed")
	}
	as(t, tab, no[1])
	if text := ask[string](t, tab, "document.body.innerText"); strings.Contains(text, "zq7canary") || strings.Contains(text, "Somebody for you") {
		t.Error("the other side sees why, or is still asked")
	}

	ok(t, tab.Forget())
	coordinate(t, tab)
	for name, at := range map[string]string{"proposals-declined": "/proposals", "ships": "/mentorships", "measures": "/measures"} {
		ok(t, tab.Open(staffPath(at)))
		both(t, tab, name, desktop)
	}
	ok(t, tab.Open(staffPath("/proposals")))
	if ask[bool](t, tab, `document.querySelector('main a[href*="/proposals/"]') !== null`) {
		ok(t, tab.Press(`main a[href*="/proposals/"]`, true))
		both(t, tab, "proposal", desktop)
	}
	ok(t, tab.Open(staffPath("/mentorships")))
	ok(t, tab.Press(`main a[href*="/mentorships/"]`, true))
	both(t, tab, "ship", desktop)
}

// The coordinator with nothing but a keyboard, without script: a run, a pair, what
// another mentor would cost, the edit, and all proposals sent.
func TestJourneyCoordinatorWithAKeyboard(t *testing.T) {
	tab := open(t, desktop)
	coordinate(t, tab)
	to := func(selector string) {
		t.Helper()
		for range 300 {
			if ask[bool](t, tab, fmt.Sprintf("document.activeElement?.matches(%q) ?? false", selector)) {
				if ask[string](t, tab, "getComputedStyle(document.activeElement.closest('.opt') ?? document.activeElement).outlineStyle") != "solid" {
					t.Errorf("%s has the focus and does not show it", selector)
				}
				return
			}
			ok(t, tab.Key("Tab", false))
		}
		t.Fatalf("no Tab leads to %s at %s", selector, ask[string](t, tab, "location.pathname"))
	}
	write := func(text string) {
		t.Helper()
		for _, r := range text {
			ok(t, tab.Key(string(r), false))
		}
	}
	ok(t, tab.Open(origin()+"/programs"))
	to(fmt.Sprintf(`a[href="%s/mentoring"]`, closed()))
	ok(t, tab.Key("Enter", true))
	to(`a[href$="/matchings"]`)
	ok(t, tab.Key("Enter", true))
	to("form.ask .go .primary")
	ok(t, tab.Key("Enter", true))
	run := solvedRun(t, tab)
	to(`li[id^="pair-"] a`)
	mentee := ask[string](t, tab, "document.activeElement.textContent.trim()")
	ok(t, tab.Key("Enter", true))
	says(t, tab, mentee)
	other := ask[string](t, tab, "document.querySelector('#others li a').textContent.trim()")
	to("#do")
	to("#mentor")
	ok(t, tab.Key("End", false))
	for range 10 { // the mentor whom they have
		ok(t, tab.Key("Backspace", false))
	}
	write(other)
	to("#change .btn")
	ok(t, tab.Key("Enter", true))
	if cost := ask[string](t, tab, "document.querySelector('#cost').innerText"); !regexp.MustCompile(`\d`).MatchString(cost) {
		t.Errorf("what it costs is only %q", cost)
	}
	to("#reason")
	write("Invented reason")
	to("form.ask .primary")
	ok(t, tab.Key("Enter", true))
	ok(t, tab.Open(origin()+run))
	there := false
	for _, p := range pairsOf(t, tab) {
		there = there || p == [2]string{mentee, other}
	}
	if !there {
		t.Errorf("%s is not with %s after the edit", mentee, other)
	}
	to(`a[href$="/publish"]`)
	ok(t, tab.Key("Enter", true))
	to("#reason")
	write("Looked at")
	to("form.ask .primary")
	ok(t, tab.Key("Enter", true))
	ok(t, tab.Open(origin()+closed()+"/proposals"))
	says(t, tab, mentee)
}
