package web

import (
	"archive/zip"
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// peopleSamples are the coordinator's pages of people and of the plan, with
// invented people.
func peopleSamples(s *server, req func(string) *http.Request) map[string]view {
	const id = "0193f5b0-0000-7000-8000-0000000000b1"
	frame := func() frame { return s.staffFrame(req("/programs/equity-in-leadership-2027/mentoring"), "programs") }
	plan := &mentoring.Plan{
		Program: "equity-in-leadership-2027", Screening: true, MaxSeats: 3, MaxWanted: 3, MaxNever: 10, MaxWishes: 5, AnswerTime: 14 * 24 * time.Hour,
		Contact: "An invented coordinator, 360-555-0100", Audited: []string{"county"}, Floors: &mentoring.Floors{Attribute: "county", Min: map[string]int{"Skagit": 5, "Island": 2}},
	}
	desk := &peopleDesk{program: sampleProgram(), plan: plan, run: true, who: access.Principal{Grants: []access.Grant{{Role: access.Coordinator}, {Role: access.PrivacyOfficer}}}}
	looks := &peopleDesk{program: sampleProgram(), plan: plan}
	fresh := &peopleDesk{program: sampleProgram(), run: true}
	mentee := &mentoring.Enrollment{
		Program: plan.Program, ID: id, Code: "ME-0012", Role: mentoring.Mentee, State: mentoring.Available, Wanted: 2, WaitRounds: 2, CreateTime: sampleNow, SubmitTime: sampleNow,
		Contact: mentoring.Contact{Name: "dxʷlilap Xwlemi (invented)", Email: "invented@example.org"}, Origin: mentoring.Origin{Program: "an-earlier-one", Application: id},
		Profile:  map[string]string{"wants": "Grant writing:3; Budgeting", "hours": "Mon 17:00-19:00", "zone": "America/Los_Angeles", "asynchronous": "yes", "style_structure": "4", "county": "Skagit"},
		Traits:   []mentoring.Trait{{Attribute: "region", Value: "grew up on an island"}},
		Consents: []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true, Time: sampleNow}, {Purpose: mentoring.ForContact, Time: sampleNow}},
	}
	mentor := &mentoring.Enrollment{Program: plan.Program, ID: "x" + id, Code: "MO-0007", Role: mentoring.Mentor, State: mentoring.Submitted, Seats: 3, Profile: map[string]string{}}
	directive := &mentoring.Directive{ID: id, Kind: mentoring.ForbidPair, Mentee: id, Mentor: "x" + id, Reason: "An invented reason.", CreateTime: sampleNow}
	lifted := *directive
	lifted.LiftTime = sampleNow.AddDate(0, 0, 1)
	directives := []*mentoring.Directive{directive, &lifted}
	codes := map[string]string{id: "ME-0012", "x" + id: "MO-0007"}
	places := map[string]mentoring.Places{id: {Total: 2, Proposed: 1}}
	mentees := tally{map[mentoring.EnrollmentState]int{mentoring.Available: 12, mentoring.Submitted: 1, mentoring.Draft: 3}, 20}
	list := fillPeopleList(frame(), desk, mentoring.Mentee, mentoring.Available, []*mentoring.Enrollment{mentee}, places, true, "next")
	wrong := fillPeopleList(frame(), desk, mentoring.Mentor, "", []*mentoring.Enrollment{mentor}, places, false, "")
	wrong.Faults, wrong.Failed, wrong.ReasonFault, wrong.CodeFault = []fault{{"reason", "Say why"}, {"code", "None"}, {"people", "One"}}, true, "Say why", "None"
	person := fillPeoplePerson(frame(), desk, mentee, places[id], directives, codes)
	person.Faults, person.Failed, person.ReasonFault, person.LinkFault = []fault{{"reason", "Say why"}, {"link_reason", "Say why"}}, true, "Say why", "Say why"
	link := &peopleLinkPage{frame: frame(), Code: "ME-0012", Back: "/programs/x/mentoring/mentees/" + id, Link: "https://apply.example.org/enter/x", Lasts: "three days"}
	link.titled("Link")
	erase := func(done string) *peopleErasePage {
		page := &peopleErasePage{frame: frame(), Path: "/x/erase", Back: "/x", Code: "ME-0012", Request: nonce(), ReasonFault: "Say why", ConfirmFault: "Confirm", Done: done}
		page.titled("Erase")
		return page
	}
	pairs := fillDirectives(frame(), desk, directives, codes)
	pairs.LiftFault, pairs.InForce[0].Bad, pairs.MenteeFault, pairs.Hidden = "Say why", true, "No mentee", 2
	pairs.Faults = []fault{{"lift-" + id, "Say why"}, {"mentee", "No mentee"}}
	form := newPersonForm(frame(), desk, mentoring.Mentee, url.Values{}, map[string]string{"contact.name": "A name", "profile.hours": "No hours", "on_behalf_reason": "Say why"})
	form.Faults = []fault{{"f.contact.name", "A name"}, {"f.profile.hours", "No hours"}, {"reason", "Say why"}}
	members := fillMembers(frame(), desk, mentoring.Mentee, []*applications.Program{sampleProgram()}, plan.Program, []*applications.Offer{{Application: id, Code: "NS-0412"}})
	read := newImportPage(frame(), desk, mentoring.Mentee)
	read.TextFault, read.Text, read.Faults, read.Failed = "Choose", "name;wants", []fault{{"text", "Choose"}}, true
	file, _, _ := readList([]byte("Name;E-Mail;wanted;Temas;County;never\nInvented One;one@example.org;2;Budgeting;Skagit;x\nInvented Two;;;;;\n"))
	to := proposed(file.header, importTargets(desk, mentoring.Mentee))
	choose := newImportPage(frame(), desk, mentoring.Mentee)
	choose.Read, choose.Map, choose.Table = false, true, "sealed"
	choose.choose(file, to, importTargets(desk, mentoring.Mentee))
	people, faults := enrollmentsOf(choose.tongue, desk, mentoring.Mentee, file, to)
	show := newImportPage(frame(), desk, mentoring.Mentee)
	show.show(desk, mentoring.Mentee, file, to, people, &listCheck{Known: map[int]string{1: "ME-0003"}, faults: faults})
	problems := newImportPage(frame(), desk, mentoring.Mentee)
	problems.show(desk, mentoring.Mentee, file, to, people, &listCheck{faults: []listFault{{row: 1, field: "contact.email", message: "An e-mail address is missing"}, {row: 0, field: "profile.hours", message: "No hours", lang: "en"}}})
	planned := newPlanPage(frame(), desk, planForm(plan))
	prices := &mentoring.RulePrices{
		Mentees: 40, Mentors: 20, Pairs: 612, Now: mentoring.Left{None: 2, Few: 5}, Rules: []mentoring.RulePrice{
			{Rule: "language", InForce: true, Liftable: true, Changed: mentoring.Left{None: 1, Few: 3}, Pairs: 40},
			{Rule: "unit", InForce: true, Liftable: true, Changed: mentoring.Left{None: 2, Few: 5}},
			{Rule: "private", InForce: true, Alone: mentoring.Left{Few: 1}},
			{Rule: "travel", Liftable: true, Changed: mentoring.Left{None: 9, Few: 20}, Pairs: 300},
		},
	}
	before := *prices
	before.Now.None = 1
	planned.Prices, planned.Priced, planned.Ask = newPricesView(planned.tongue, &before, prices), "x", "Look at the price"
	bad := newPlanPage(frame(), desk, planForm(plan))
	bad.blame(map[string]string{"days": "1 to 90", "order": "Twice", "rules": "rules:3: weights.skills: too large\nrules:4: x", "audited[0]": "y", "step.travel.near": "A number", "contact": "Who"}, []string{"Another"})
	out := map[string]view{
		"people":                  newPeoplePage(frame(), desk, mentees, tally{map[mentoring.EnrollmentState]int{mentoring.Available: 4}, 9}, &mentoring.Matching{ID: id, State: mentoring.Solved}),
		"people begins":           newPeoplePage(frame(), fresh, tally{}, tally{}, nil),
		"people nobody":           newPeoplePage(frame(), desk, tally{}, tally{}, nil),
		"people-list":             list,
		"people-list wrong":       wrong,
		"people-list looks":       fillPeopleList(frame(), looks, mentoring.Mentor, "", nil, nil, false, ""),
		"people-person":           person,
		"people-person looks":     fillPeoplePerson(frame(), looks, mentor, mentoring.Places{}, nil, nil),
		"people-link":             link,
		"people-erase":            erase(""),
		"people-erase done":       erase("Done"),
		"people-directives":       pairs,
		"people-directives looks": fillDirectives(frame(), looks, directives, codes),
		"people-new":              newPersonForm(frame(), desk, mentoring.Mentor, url.Values{}, nil),
		"people-new wrong":        form,
		"people-new edit":         newEditForm(frame(), desk, mentee, personForm(desk, mentee), nil),
		"people-members":          members,
		"people-members hidden":   fillMembers(frame(), desk, mentoring.Mentor, nil, plan.Program, nil),
		"people-import":           newImportPage(frame(), desk, mentoring.Mentor),
		"people-import wrong":     read,
		"people-import columns":   choose,
		"people-import show":      show,
		"people-import problems":  problems,
		"plan":                    newPlanPage(frame(), desk, planForm(plan)),
		"plan new":                newPlanPage(frame(), fresh, planForm(nil)),
		"plan looks":              newPlanPage(frame(), looks, planForm(plan)),
		"plan prices":             planned,
		"plan wrong":              bad,
	}
	return out
}

// Every file that a spreadsheet writes is read the same; what is wrong with one is
// told with its line.
func TestReadList(t *testing.T) {
	for name, file := range map[string]string{
		"commas":     "Name,E-mail,hours\n\"Ñúñez, Invented\",a@example.org,Mon 9am-5pm\n\nXwlemi,b@example.org,\n",
		"semicolons": "\uFEFFName;E-mail;hours\r\n\"Ñúñez, Invented\";a@example.org;Mon 9am-5pm\r\n;;\r\nXwlemi;b@example.org;\r\n",
		"tabs":       "Name\tE-mail\thours\nÑúñez, Invented\ta@example.org\tMon 9am-5pm\n\t\t\nXwlemi\tb@example.org\n",
	} {
		list, problem, _ := readList([]byte(file))
		if problem != "" || len(list.rows) != 2 || list.rows[0][0] != "Ñúñez, Invented" || list.cell(1, 2) != "" || list.lines[1] != 4 {
			t.Errorf("%s: %q %+v", name, problem, list)
			continue
		}
		again, err := unpackList(list.pack())
		if err != nil || !slices.Equal(again.header, list.header) || !slices.Equal(again.lines, list.lines) || !slices.Equal(again.rows[1], list.rows[1]) {
			t.Errorf("%s: packed it became %+v, %v", name, again, err)
		}
	}
	var book bytes.Buffer
	z := zip.NewWriter(&book)
	for name, part := range map[string]string{
		"xl/workbook.xml":            `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="x" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Target="s.xml"/></Relationships>`,
		"xl/s.xml":                   `<worksheet><sheetData><row><c t="inlineStr"><is><t>Name</t></is></c></row><row><c t="inlineStr"><is><t>Xwlemi</t></is></c></row></sheetData></worksheet>`,
	} {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if list, problem, _ := readList(book.Bytes()); problem != "" || list.header[0] != "Name" || list.rows[0][0] != "Xwlemi" {
		t.Errorf("a workbook: %q %+v", problem, list)
	}
	for want, file := range map[string]string{
		"people.import.empty": " \n", "people.import.nobody": "name,email\n", "people.import.line": "name\n\"x\"y\n", "people.import.utf8": "name\nJos\xe9\n",
		"people.import.twice": "a,a\n1,2\n", "people.import.cells": "a,b\n1,2,3\n", "people.import.workbook": "PK\x03\x04 nonsense",
		"people.import.large": "a\n" + strings.Repeat("x\n", mostListPeople+1), "people.import.columns": strings.Repeat("x,", mostListColumns+1) + "\n1\n",
	} {
		if _, problem, values := readList([]byte(file)); problem != want {
			t.Errorf("%q gave %q, want %q", file[:min(20, len(file))], problem, want)
		} else {
			tongue("en").say(problem, values...)
		}
	}
	targets := []string{"id", "contact.name", "contact.email", "seats", "offers", "languages", "preferred_language", "zone"}
	got := proposed([]string{"First Name", "Last name", "Correo electrónico", "Languages", "Idioma preferido", "Time zone", "Cupo", "Favorite color", "Expertise", "ID"}, targets)
	want := []string{"contact.name", "contact.name", "contact.email", "languages", "preferred_language", "zone", "seats", "", "offers", "id"}
	if !slices.Equal(got, want) {
		t.Errorf("the columns go to %q, want %q", got, want)
	}
}

// The rules that a form is made of are those that it gives back.
func TestRulesSurviveTheForm(t *testing.T) {
	for _, rules := range []string{
		"", "version: 1\nweights: {skills: 90}\nhard: {travel: true, language: false}\n",
		"version: 1\nweek: 2027-03-01\nexperience: {zero: -1, full: [0, 4], far: 9, far_value: 10}\nstyle: {items: [pace, tone_2]}\ntravel: {near: 10, far: 60, most: 200}\nunknown: 300\n",
	} {
		plan := &mentoring.Plan{Rules: rules, AnswerTime: 36 * time.Hour, MaxSeats: 1, MaxWanted: 1, MaxNever: 1, MaxWishes: 1, Contact: "x"}
		form := planForm(plan)
		read, faults := readPlan("en", &peopleDesk{program: sampleProgram(), plan: plan}, form)
		if len(faults) > 0 || read.Rules != rules || read.AnswerTime != plan.AnswerTime {
			t.Errorf("%q came back as %q, %v, %v", rules, read.Rules, read.AnswerTime, faults)
		}
		form.Set("weight.goals", "77")
		read, faults = readPlan("en", &peopleDesk{program: sampleProgram(), plan: plan}, form)
		after := planRules(plan)
		after.Weights[1] = 77
		if got := planRules(read); len(faults) > 0 || rulesText(nil, got) != rulesText(nil, after) || read.Rules == rules {
			t.Errorf("%q with another weight: %q, %v", rules, read.Rules, faults)
		}
	}
}

func (x *site) uploadList(path, field string, file []byte, pairs ...string) *answer {
	x.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile(field, "list.csv")
	if err == nil {
		_, err = part.Write(file)
	}
	for i := 0; err == nil && i < len(pairs); i += 2 {
		err = w.WriteField(pairs[i], pairs[i+1])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		x.Fatal(err)
	}
	return x.send(http.MethodPost, path, &b, http.Header{"Content-Type": {w.FormDataContentType()}})
}

var ticked = regexp.MustCompile(`name="id" value="([^"]+)"`)

// From nothing to people who can be matched: the plan, a list with mistakes, a
// list without, moves, a pair that must not be, a price, and what must not show.
func TestCoordinatorsPeople(t *testing.T) {
	x := newSite(t)
	home := "/programs/" + testProgram + "/mentoring"
	x.signedIn(access.Facilitator)
	for _, path := range []string{home, home + "/mentees", home + "/plan", home + "/mentors/export", home + "/mentees/import"} {
		if a := x.get(path); a.status != http.StatusForbidden {
			t.Errorf("a facilitator at %s: %d", path, a.status)
		}
	}
	x.signedIn(access.Coordinator)
	x.has(x.get("/programs"), "Mentoring")
	x.has(x.get(home), "no mentoring yet", "Make the plan")
	if a := x.get(home + "/mentees"); a.to != home {
		t.Errorf("without a plan the list leads to %q", a.to)
	}
	form := x.get(home + "/plan")
	x.has(x.fill(form, "go", "save"), "There is a problem", "Name the person")
	x.has(x.fill(form, "go", "save", "contact", "Invented Coordinator, 360-555-0100", "order.worst", "1", "order.cover", "2", "order.even", "2"), "Two stand at place 2")
	saved := x.fill(form, "go", "save", "contact", "Invented Coordinator, 360-555-0100", "days", "7")
	x.has(x.follow(saved), "The plan is saved", "Show what they cost")
	x.has(x.fill(form, "go", "save", "contact", "Somebody else, 360-555-0101"), "Somebody else saved the plan meanwhile")
	x.has(x.get(home), "There are no mentees yet", "Import mentors")
	// Saved rules that cannot be read: told, and mended on the page.
	breakRules := func(text string) {
		must(0, x.pairs.Store.Update(x.Context(), func(tx mentoring.Tx) error {
			plan, err := tx.Plan(x.Context(), testProgram)
			if err != nil {
				return err
			}
			plan.Rules = text
			return tx.UpdatePlan(x.Context(), plan)
		}))(x)
	}
	breakRules("version: 99")
	x.has(x.get(home+"/plan"), "cannot be read by this version")
	x.has(x.get(home+"/mentees"), "Mentees")
	x.has(x.follow(x.fill(x.get(home+"/plan"), "go", "save")), "The plan is saved")
	x.hasNot(x.get(home+"/plan"), "cannot be read by this version")
	x.has(x.fill(x.get(home+"/plan"), "go", "price"), "0 mentees, 0 mentors", "with nobody to choose from: 0", "leaves nobody with fewer choices")

	// A list with mistakes says where, and stores nothing.
	mentees := home + "/mentees"
	post := func(path string, pairs ...string) *answer {
		x.Helper()
		f := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			f.Add(pairs[i], pairs[i+1])
		}
		return x.do(http.MethodPost, path, f, nil)
	}
	x.has(post(mentees+"/import", "go", "read", "text", ""), "Choose a file, or paste the rows")
	const head = "ID;Name;E-mail;Wanted;Topics;Languages;Hours;Time zone;Never;County\n"
	columns := x.uploadList(mentees+"/import", "file", []byte("\uFEFF"+head+
		"1;zq7one Invented;one@example.org;two;Budgeting;English;Mon 5pm-8pm;America/Los_Angeles;x;Skagit\n"+
		"1;zq7two Invented;ONE@example.org;1;Budgeting:9;English;;;;Skagit\n"+
		"3;;three@example.org;1;;English;Mon 5pm-8pm;America/Nowhere;;\n"), "go", "read")
	x.has(columns, "3 people in 10 columns", "Leave out", "Filled in 2 of 3 rows")
	shown := x.fill(columns, "go", "show")
	x.has(shown, "Line 2:", "no whole number", "Line 3:", "The same stands in line 2 already", "Line 4:", "A name is missing", "America/Nowhere", "Nothing is stored yet")
	x.hasNot(shown, "zq7one", "one@example.org", "value=\"import\"")
	if a := x.fill(shown, "go", "import", "agreed", "yes", "reason", "x"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("imported with mistakes: %d", a.status)
	}
	x.has(x.fill(columns, "go", "show", "c.9", "wants"), "go to the same place")

	good := head + "1;zq7one Invented;one@example.org;2;Budgeting;English;Mon 5pm-8pm;America/Los_Angeles;x;Skagit\n" +
		"2;zq7two Invented;two@example.org;1;Budgeting;English;Mon 5pm-8pm;America/Los_Angeles;;Island\n"
	shown = x.fill(post(mentees+"/import", "go", "read", "text", good), "go", "show", "c.9", "keep")
	x.has(shown, "2 new mentees", "Enroll 2 mentees", "They wait to be looked at")
	x.has(x.fill(shown, "go", "import"), "Confirm that these people agreed", "Say why")
	done := x.fill(shown, "go", "import", "agreed", "yes", "reason", "signed up on paper")
	list := x.follow(done)
	x.has(list, "ME-0001", "ME-0002", "Waiting to be looked at", "Changed or enrolled: 2")
	x.hasNot(list, "zq7", "example.org")
	x.fill(shown, "go", "import", "agreed", "yes", "reason", "signed up on paper") // pressed twice
	if n := strings.Count(x.get(mentees).text(), "Choose ME-"); n != 2 {
		t.Errorf("after a second press there are %d", n)
	}
	again := x.fill(post(mentees+"/import", "go", "read", "text", good+"3;Invented;new@example.org;1;;;;;;\n"), "go", "show")
	x.has(again, "1 new mentee", "2 rows are left out", "ME-0001, ME-0002")

	mentors := home + "/mentors"
	one := x.get(mentors + "/new")
	x.has(x.fill(one, "go", "submit", "f.contact.name", "zq7mentor Invented", "reason", "by telephone"), "An e-mail address or a phone number is missing", "agreement")
	made := x.fill(one, "go", "submit", "agreed", "yes", "f.contact.name", "zq7mentor Invented", "f.contact.phone", "360-555-0102", "f.seats", "2",
		"f.profile.offers", "Budgeting:3", "f.profile.languages", "Spanish", "f.profile.asynchronous", "yes", "reason", "by telephone")
	person := x.follow(made)
	x.has(person, "MO-0001", "zq7mentor Invented", "Looked at", "Budgeting:3", "privacy officer")
	for _, role := range []string{mentees, mentors} {
		for _, action := range []string{"screen", "available"} {
			page := x.get(role)
			ids := []string{"go", action, "reason", "looked at them"}
			for _, id := range ticked.FindAllStringSubmatch(page.body, -1) {
				ids = append(ids, "id", id[1])
			}
			x.follow(post(role, ids...))
		}
	}
	x.has(post(mentees, "go", "pause", "reason", "x"), "Choose at least one person")
	x.has(x.get(mentees+"?state=AVAILABLE"), "ME-0001", "Available", "0 taken and 0 proposed, of 2")
	x.has(x.get(home), "2 mentees are available, and mentors have 2 seats", "Match them")
	x.has(post(mentees, "go", "find", "code", "me-9999"), "Nobody here has this code")
	if a := post(mentees, "go", "find", "code", " mo-0001"); a.to != made.to {
		t.Errorf("a code leads to %q, want %q", a.to, made.to)
	}
	x.has(post(made.to, "go", "pause"), "Say why")
	x.has(x.follow(post(made.to, "go", "pause", "reason", "on leave")), "Paused")
	edit := x.get(made.to + "/edit")
	x.has(x.fill(edit, "f.seats", "many"), "whole number", "Say why")
	x.has(x.fill(edit, "f.seats", "9", "f.profile.hours", "never", "f.profile.zone", "America/Los_Angeles", "reason", "told me"), "from 0 to 3")
	x.has(x.follow(x.fill(edit, "f.seats", "3", "f.profile.about", "Two\nlines", "reason", "told me by telephone")), "0 taken and 0 proposed, of 3", "Two lines", "Budgeting:3")
	x.has(x.fill(edit, "f.seats", "1", "reason", "an old page"), "Somebody else changed this meanwhile")
	x.has(post(made.to, "go", "screen", "reason", "again"), "not possible in the state")
	x.follow(post(made.to, "go", "available", "reason", "is back"))
	x.has(post(made.to, "go", "link", "end_others", "yes"), "Say why")
	link := post(made.to, "go", "link", "link_reason", "asked by telephone", "lasts", "1d", "end_others", "yes")
	x.has(link, "It works once, within one day")
	if !strings.Contains(link.body, x.base+"/enter/") {
		t.Error("the page does not show the link")
	}
	if a := x.get(strings.Replace(made.to, "mentors", "mentees", 1)); a.status != http.StatusNotFound {
		t.Errorf("a mentor among the mentees: %d", a.status)
	}

	// A pair that must not be.
	pairs := home + "/directives"
	x.has(post(pairs, "kind", "FORBID", "mentee", "MO-0001", "mentor", "MO-0001", "reason", ""), "No mentee has this code", "Say why")
	x.has(x.follow(post(pairs, "kind", "FORBID", "mentee", "me-0001", "mentor", "MO-0001", "reason", "they asked")), "Do not pair", "they asked")
	x.has(post(pairs, "kind", "LOCK", "mentee", "ME-0001", "mentor", "MO-0001", "reason", "x"), "set already")
	all, err := x.pairs.Directives(t.Context(), testCoordinator, testProgram, applications.ListQuery{})
	if err != nil || len(all.Items) != 1 {
		t.Fatal(all, err)
	}
	lift := pairs + "/" + all.Items[0].ID + "/lift"
	x.has(post(lift, "reason", ""), "Say why")
	x.has(x.follow(post(lift, "reason", "settled")), "Lifted")

	// What a rule costs stands before it is saved. Nobody shares a language.
	form = x.get(home + "/plan")
	price := x.fill(form, "go", "save", "hard.language", "")
	x.has(price, "nothing is saved yet", "with nobody to choose from: 2", "With what you typed: with nobody: 0", "Save at this price", "not in force", "With it: with nobody 2 instead of 0")
	x.has(x.follow(x.fill(price, "go", "save")), "The plan is saved")
	plan, err := x.pairs.Plan(t.Context(), testCoordinator, testProgram)
	if err != nil || planRules(plan).Hard[6] || plan.AnswerTime != 7*24*time.Hour {
		t.Errorf("saved: %+v, %v", plan, err)
	}
	x.has(x.fill(x.get(home+"/plan"), "go", "save", "step.travel.near", "900"), "There is a problem", "travel")

	file := x.get(mentees + "/export")
	if !strings.HasPrefix(file.body, "code,state,wanted,taken,") || !strings.Contains(file.body, "ME-0002,AVAILABLE,1,0,0,") || !strings.Contains(file.body, "Island") || strings.Contains(file.body, "zq7") {
		t.Errorf("the export: %s", file.body)
	}
	x.has(x.get(mentees+"/members"), "Your role does not see who is in a cohort")

	// Who erases need not be who looks.
	erase := made.to + "/erase"
	if a := x.get(erase); a.status != http.StatusForbidden {
		t.Errorf("a coordinator at the page to erase: %d", a.status)
	}
	x.signedIn(access.PrivacyOfficer)
	x.hasNot(x.get(erase), "MO-0001", "zq7")
	x.has(post(erase, "reason", "asked"), "Confirm that it is for good")
	x.has(post(erase, "reason", "asked", "confirm", "yes"), "Erased")
	x.signedIn(access.Coordinator)
	if a := x.get(made.to); a.status == http.StatusOK && strings.Contains(a.body, "zq7") {
		t.Error("the erased person is still there")
	}
	x.hasNot(x.get(mentors), "MO-0001")
	if log := x.log.String(); strings.Contains(log, "zq7") || strings.Contains(log, "one@example.org") {
		t.Error("the log names somebody")
	}
}

// Members of a cohort become mentees as drafts, once, by who may see a cohort;
// names come along only for who may read them.
func TestMembersOfACohortEnroll(t *testing.T) {
	x := newSite(t)
	home := "/programs/" + testProgram + "/mentoring"
	if _, err := x.pairs.SavePlan(t.Context(), testCoordinator, &mentoring.Plan{Program: testProgram, Contact: "Invented Coordinator, 360-555-0100"}, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	x.pool(2)
	list := must(x.svc.Applications(t.Context(), testFacilitator, testProgram, applications.ListQuery{}, false, ""))(x)
	err := x.svc.Store.Update(t.Context(), func(tx applications.Tx) error {
		return tx.InsertOffer(t.Context(), &applications.Offer{
			Program: testProgram, ID: x.svc.NewID(), Application: list.Items[0].ID, Code: list.Items[0].Code, State: applications.OfferAccepted, CreateTime: x.now(), UpdateTime: x.now(),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _, admin := x.staffToken(access.Coordinator)
	both := func(other access.Role) {
		grants := []access.Grant{{Role: access.Coordinator, Program: testProgram}, {Role: other, Program: testProgram}}
		secret := must(x.svc.IssueToken(t.Context(), admin, &applications.Token{Label: "both", Grants: grants}, applications.Idempotency{}))(x)
		x.browser = x.newBrowser()
		x.follow(x.fill(x.get("/sign-in"), "token", secret))
	}
	both(access.ProgramAdministrator)
	page := x.get(home + "/mentees/members")
	x.has(page, list.Items[0].Code, "Your role does not see who they are")
	x.hasNot(page, list.Items[1].Code)
	x.has(x.fill(page), "Choose at least one person", "Say why")
	x.has(x.fill(page, "id", list.Items[1].ID, "reason", "x"), "Choose at least one person")
	x.has(x.follow(x.fill(page, "id", list.Items[0].ID, "reason", "asked at the last meeting")), "ME-0001", "Not handed in")
	x.has(x.fill(page, "id", list.Items[0].ID, "reason", "once more"), "enrolled in this role already")
	both(access.Facilitator)
	page = x.get(home + "/mentors/members?cohort=" + testProgram)
	x.has(page, "Name and contact come along")
	x.has(x.follow(x.fill(page, "id", list.Items[0].ID, "reason", "also a mentor")), "MO-0001")
	e, err := x.pairs.ByCode(t.Context(), testCoordinator, testProgram, "MO-0001")
	if err != nil {
		t.Fatal(err)
	}
	x.has(x.get(home+"/mentors/"+e.ID), "Invented", "The cohort of this program", "Hand in for them")
	x.has(x.do(http.MethodPost, home+"/mentors/"+e.ID, url.Values{"go": {"submit"}, "reason": {"x"}}, nil), "Something is missing", "agreement")
}

// A list may be larger than any other form, for who is signed in.
func TestLargeLists(t *testing.T) {
	x := newSite(t)
	at := "/programs/" + testProgram + "/mentoring/mentees/import"
	if _, err := x.pairs.SavePlan(t.Context(), testCoordinator, &mentoring.Plan{Program: testProgram, Contact: "Invented Coordinator, 360-555-0100"}, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	list.WriteString("name,email,wants\n")
	for i := range 800 {
		list.WriteString("Invented Person,p" + itoa(i) + "@example.org,Budgeting; Grant writing:3; Facilitation of a group " + itoa(i) + "\n")
	}
	if a := x.uploadList(at, "file", []byte(list.String()), "go", "read"); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("nobody is signed in: %d", a.status)
	}
	x.signedIn(access.Coordinator)
	shown := x.fill(x.uploadList(at, "file", []byte(list.String()), "go", "read"), "go", "show")
	x.has(shown, "800 new mentees", "and 750 more")
	x.has(x.follow(x.fill(shown, "go", "import", "agreed", "yes", "reason", "on paper")), "Changed or enrolled: 800", "Next page")
	if a := x.uploadList(at, "file", bytes.Repeat([]byte("a,b\n"), mostUpload/4+1), "go", "read"); a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.text(), "in parts") {
		t.Errorf("too large: %d %s", a.status, a.text())
	}
}
