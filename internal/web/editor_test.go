package web

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// signedIn is a browser of somebody with a role.
func (x *site) signedIn(role access.Role) {
	x.Helper()
	secret, _, _ := x.staffToken(role)
	x.browser = x.newBrowser()
	x.follow(x.fill(x.get("/sign-in"), "token", secret))
}

func with(form url.Values, name, value string) url.Values {
	changed := maps.Clone(form)
	changed.Set(name, value)
	return changed
}

func TestCriteriaAreEdited(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	criteria := "/programs/" + testProgram + "/criteria"
	if a := x.get(criteria); !strings.HasPrefix(a.to, "/sign-in") {
		t.Fatalf("without signing in, the criteria give %d", a.status)
	}
	x.signedIn(access.Facilitator)
	page := x.get(criteria)
	x.has(page, "Criteria", "version 1, which is registered", "Possible", "40 people in the pool", "Target, priority 1", "Must hold",
		"County range for each answer", "63.3 %", "9.5", "nobody applied with it")
	if !strings.Contains(page.body, `src="/assets/`) {
		t.Error("the editor has no script")
	}

	// A floor that nobody can keep, as something that must hold: impossible. The
	// button does what the script does.
	action, form := page.form()
	find := func(a *answer, label, field string) string {
		t.Helper()
		_, fields := a.form()
		for name := range fields {
			if strings.HasSuffix(name, ".kept") && strings.Contains(fields.Get(name), label) {
				return strings.TrimSuffix(name, "kept") + field
			}
		}
		t.Fatalf("no row counts %s", label)
		return ""
	}
	card := func(name string) string { at, _, _ := strings.Cut(name, "."); return at }
	sector := find(page, `"housing"`, "min")
	form.Set(sector, "14")
	form.Set(strings.TrimSuffix(sector, "min")+"max", "")
	form.Set(card(sector)+".priority", "0")
	form.Set("do", "check")
	impossible := x.do(http.MethodPost, action, form, nil)
	x.has(impossible, "Impossible", "This cannot be kept by any", "applied; 14 are asked for", "Ways out", "at least 5 people, instead of 14", "changes 9 in all")
	// The way out, tried on what is on the page.
	tried := x.do(http.MethodPost, action, with(form, "do", "set:"+sector+"=5"), nil)
	x.has(tried, "Possible", "tight: met only exactly")
	x.has(x.do(http.MethodPost, action+"/check?details=yes", form, nil), "Ways out")
	live := x.do(http.MethodPost, action+"/check", form, nil)
	if live.status != http.StatusOK || !strings.Contains(live.body, `<div id="verdict">`) || strings.Contains(live.body, "<html") {
		t.Errorf("the live check gives %d: %s", live.status, live.body)
	}
	x.has(live, "Impossible", "applied; 14 are asked for")
	x.hasNot(live, "Ways out") // while somebody types, the verdict alone

	// Numbers that are none, and the wrong way round.
	form.Set(sector, "many")
	wrong := x.do(http.MethodPost, action, form, nil)
	x.has(wrong, "There is a problem", "Sector, Housing and homelessness services: Enter a whole number", "Not checked")
	if !strings.Contains(wrong.body, "<title>Error:") {
		t.Error("the title does not begin with the error")
	}
	form.Set(sector, "4")
	form.Set(strings.TrimSuffix(sector, "min")+"max", "2")
	x.has(x.do(http.MethodPost, action, form, nil), "Enter at least as much as the lower number")
	form.Set("do", "save")
	if a := x.do(http.MethodPost, action, form, nil); a.status != http.StatusUnprocessableEntity {
		t.Errorf("saving it gave %d", a.status)
	}
	form.Set(sector, "1")
	form.Set(card(sector)+".priority", "1")

	// Move, fill, remove, add.
	county := find(page, `"san_juan"`, "min")
	n := strings.TrimPrefix(card(county), "c")
	press := func(do string) *answer {
		t.Helper()
		form.Set("do", do)
		a := x.do(http.MethodPost, action, form, nil)
		if a.status != http.StatusOK {
			t.Fatalf("%s gave %d: %s", do, a.status, a.text())
		}
		_, form = a.form()
		return a
	}
	press("up:" + n)
	if got := form.Get("c" + n + ".priority"); got != "0" {
		t.Errorf("moved up, the priority is %s", got)
	}
	press("down:" + n)
	press("down:" + n)
	if got := form.Get("c" + n + ".priority"); got != "2" {
		t.Errorf("moved down twice, the priority is %s", got)
	}
	press("fill:" + n)
	filled := find(page, `"snohomish"`, "")
	if lo, hi := form.Get(filled+"min"), form.Get(filled+"max"); lo != "9" || hi != "10" {
		t.Errorf("filled from the population: %s to %s", lo, hi)
	}
	form.Set("add", "kind_of_place:company")
	x.has(press("add"), "Kind of place nobody alone")
	press("set:" + county + "=0 c99.r1.max=3 nonsense")
	if form.Get(county) != "0" {
		t.Error("a way out was not taken over")
	}
	press("remove:0")

	form.Set("do", "save")
	saved := x.do(http.MethodPost, action, form, nil)
	if saved.to != criteria+"/2" {
		t.Fatalf("saving leads to %d %q: %s", saved.status, saved.to, saved.text())
	}
	if twice := x.do(http.MethodPost, action, form, nil); twice.to != saved.to {
		t.Errorf("pressed twice, saving leads to %q and %q", saved.to, twice.to)
	}
	review := x.follow(saved)
	x.has(review, "Criteria, version 2", "nobody decides by it yet", "Register this version")
	refused := x.fill(review, "reason", "Somebody asked.")
	x.has(refused, "There is a problem", "name the second person")
	x.has(x.follow(x.fill(refused, "second", "An Invented Colleague")), "the version in force", "sha256:", "An Invented Colleague")
	x.has(x.get("/calls/"+testProgram), "This is version 2", "Somebody asked.")

	// From a set of the preset: rules on identity answers, which only some may count by.
	x.has(x.get(criteria+"?set=balanced"), "from the set “balanced”", "Race and ethnicity", "Looks at who people are")
	if a := x.get(criteria + "?version=99"); a.status != http.StatusNotFound {
		t.Errorf("a version there is not gave %d", a.status)
	}
	x.signedIn(access.ProgramAdministrator)
	x.has(x.get(criteria+"?version=1"), "Not shown to your role")
	x.signedIn(access.Reviewer)
	for _, at := range []string{criteria, criteria + "/1", "/programs/" + testProgram + "/outreach"} {
		if a := x.get(at); a.status != http.StatusForbidden {
			t.Errorf("a reviewer at %s: %d", at, a.status)
		}
	}
	if a := x.do(http.MethodPost, criteria+"/check", url.Values{"size": {"15"}}, nil); a.status != http.StatusForbidden {
		t.Errorf("a reviewer's check gave %d", a.status)
	}
}

// Who registers, and who applies, read what is registered beside the rules: what
// the preset's balanced set allows decides who has a chance.
func TestRegisteredTermsAreShown(t *testing.T) {
	x := newSite(t)
	_, err := x.svc.CreatePolicy(t.Context(), access.Principal{Subject: "tokens/approver", Grants: []access.Grant{{Role: access.PolicyApprover}}}, &applications.Policy{
		Program: testProgram, Attributes: []string{"race_ethnicity", "gender", "tribal_relationship", "lived_experience"},
		Approver: "The board", SecondApprover: "The counsel", Reason: "the intent of the call", ExpireTime: x.now().AddDate(1, 0, 0),
	}, applications.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	x.signedIn(access.Facilitator)
	page := x.get("/programs/" + testProgram + "/criteria?set=balanced")
	action, form := page.form()
	form.Set("do", "save")
	review := x.follow(x.do(http.MethodPost, action, form, nil))
	terms := []string{
		"Allowed at priority 1 Groups that miss the targets of this priority by up to 1 more", "Allowed at priority 3",
		"Note: One each where that costs no target", "What the draw is made from Each run says", "Lottery Each run says",
	}
	x.has(review, terms...)
	x.hasNot(review, "Allowed at priority 2")
	x.has(x.follow(x.fill(review, "reason", "Balance.", "second", "An Invented Colleague")), "the version in force")
	x.has(x.get("/calls/"+testProgram), terms...)

	// Everything else that a version can have; named applicants stand for staff only.
	c := sampleCriteria()
	all := func(terms []detail) string {
		var b strings.Builder
		for _, d := range terms {
			b.WriteString(d.Label + ": " + d.Text + "\n")
		}
		return b.String()
	}
	got := all(registeredTerms("en", sampleForm(), c))
	for _, want := range []string{
		"Largest chance: Nobody has a chance of more than 700 in 1000", ": at most 2 people with the same answer, whatever happens",
		"Together or not at all: NS-0412, NS-0413", "Two people, each bound to a text", "The two people: The chair, The guest",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	line := newRuleLine("en", sampleForm(), applications.CriteriaRule{Kind: "quota", IDs: []string{"NS-0412"}, Min: number(1), Priority: 2, Weight: 3, Note: "x"})
	if line.Weight != 3 || line.Note != "x" || !strings.Contains(line.Text, "NS-0412") {
		t.Errorf("%+v", line)
	}
}

// What more room would do is asked for with a button, tried with another, and
// saved: an allowance per priority that is registered.
func TestMoreRoomIsWeighed(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	criteria := "/programs/" + testProgram + "/criteria"
	x.signedIn(access.Facilitator)
	page := x.get(criteria)
	x.has(page, "What would more room do?", "Extra room")
	x.hasNot(page, "1 more at priority 1")
	action, form := page.form()
	if form.Get("allow.1") != "" || !form.Has("allow.2") || form.Has("allow.4") {
		t.Errorf("the fields of what is allowed: %v", form)
	}
	room := x.do(http.MethodPost, action, with(form, "do", "weigh"), nil)
	x.has(room, "Possible", "What more room would do", "As it stands: the smallest chance is", "of 40 people have none", "3 more at priority 3:")
	x.hasNot(room, "There was no time")
	if !strings.Contains(room.body, `value="set:allow.2=1"`) {
		t.Errorf("nothing tries it: %s", room.text())
	}
	tried := x.do(http.MethodPost, action, with(form, "do", "set:allow.2=1"), nil)
	_, form = tried.form()
	if form.Get("allow.2") != "1" {
		t.Fatalf("tried, the field has %q", form.Get("allow.2"))
	}
	// Above what is allowed already.
	if above := x.do(http.MethodPost, action, with(form, "do", "weigh"), nil); !strings.Contains(above.body, `value="set:allow.2=2"`) {
		t.Errorf("one more than one: %s", above.text())
	}
	wrong := x.do(http.MethodPost, action, with(with(form, "allow.1", "a few"), "do", "weigh"), nil)
	x.has(wrong, "Allowed at priority 1: Enter a whole number from 0 to 1,000,000", "Not checked")
	// It waits where no target is left, and is not saved there.
	saved := x.follow(x.do(http.MethodPost, action, with(with(form, "allow.9", "5"), "do", "save"), nil))
	x.has(saved, "Allowed at priority 2")
	x.hasNot(saved, "Allowed at priority 9", "Allowed at priority 1")
	again := x.get(criteria + "?version=2")
	if _, form := again.form(); form.Get("allow.2") != "1" {
		t.Errorf("edited anew, the field has %q", form.Get("allow.2"))
	}
	// Who does not read identity answers is told no chances.
	x.signedIn(access.ProgramAdministrator)
	plain := x.get(criteria)
	x.hasNot(plain, "What would more room do?")
	action, form = plain.form()
	x.hasNot(x.do(http.MethodPost, action, with(form, "do", "weigh"), nil), "As it stands")
}

func TestOutreachBoard(t *testing.T) {
	x := newSite(t)
	at := "/programs/" + testProgram + "/outreach"
	x.signedIn(access.Facilitator)
	x.has(x.get(at), "Too few people have applied", "3 days left", "/calls/"+testProgram)
	// An administrator of the program may extend, and sees no verdict by identity.
	x.signedIn(access.ProgramAdministrator)
	x.has(x.get(at), "shown to facilitators", "Extend the call")
	extend := x.get("/programs/" + testProgram + "/extend")
	x.has(x.fill(extend, "until", "yesterday", "reason", "x"), "There is a problem", "the new closing time is missing")
	x.has(x.fill(extend, "until", "2026-11-30T17:00"), "say why")
	x.has(x.follow(x.fill(extend, "until", "2026-11-30T17:00", "reason", "More time for the islands.")), "open until Nov 30, 2026, 5:00 pm PST")
	x.signedIn(access.Facilitator)
	if a := x.get("/programs/" + testProgram + "/extend"); a.status != http.StatusForbidden {
		t.Errorf("a facilitator extending: %d", a.status)
	}
	x.pool(40)
	closed := x.get(at)
	x.has(closed, "The call is not open", "With today's 40 applicants a group is possible", "enough people have applied")
	x.hasNot(closed, "Extend the call")
}

// The board has words for small numbers, and no number that is small.
func TestOutreachBoardHasNoSmallNumber(t *testing.T) {
	s := newTestServer()
	page := samplePages(s, "en")["outreach impossible"].(*outreachPage)
	want := []string{"nobody yet", "not enough yet"}
	for i, m := range page.Missing {
		if i >= len(want) || m.Text != want[i] {
			t.Errorf("missing %d: %+v", i, m)
		}
	}
	if len(page.Missing) != 2 {
		t.Errorf("%d groups are missing", len(page.Missing))
	}
}
