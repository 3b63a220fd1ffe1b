package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// In one browser of two people, what one typed is never saved for the other, nor
// shown to them: not through a session that ended, and not through an open page.
func TestEnrollSharedBrowser(t *testing.T) {
	x := newSite(t)
	home := "/mentoring/" + testProgram
	if _, err := x.pairs.SavePlan(t.Context(), testCoordinator, &mentoring.Plan{Program: testProgram, Open: true, Contact: "Invented Coordinator"}, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	at := func(part string) string { return home + "/profile/" + part }
	var codes [2]string
	var browsers [2]*browser
	for i := range codes {
		x.browser = x.newBrowser()
		page := x.get(home + "/enroll")
		x.pass(2 * time.Second)
		x.posts(home+"/enroll", at("capacity"), "role", "MENTOR", "name", "Invented", "email", "invented@example.org", "stamp", stampShape.FindStringSubmatch(page.body)[1])
		x.posts(at("topics"), at("found"), "was", x.was(at("topics")), "text", "I can help with budgets.")
		codes[i], browsers[i] = mentorsCode.FindString(x.get(at("wishes")).body), x.browser
	}
	for part, form := range map[string]url.Values{
		"consents": {"MATCHING": {"yes"}},
		"work":     {"units": {"zq7canary"}, "managers": {"MO-0002"}},
		"contact":  {"name": {"zq7canary"}, "email": {"zq7canary@example.org"}},
		"found":    {"topic": {"budgeting"}},
	} {
		x.browser = browsers[0]
		form.Set("was", x.was(at(part)))
		for _, held := range []bool{false, true} { // whether the other has a session in this browser
			if x.browser = x.newBrowser(); held {
				x.posts(home+"/return", home, "code", codes[1])
			}
			a := x.do(http.MethodPost, at(part), form, nil)
			kept := regexp.MustCompile(`name="kept" value="([^"]+)"`).FindStringSubmatch(a.body)
			if a.status != http.StatusUnauthorized || kept == nil || strings.Contains(a.body, "zq7canary") {
				t.Fatalf("%s: %d %s", part, a.status, a.body)
			}
			x.posts(home+"/return", home, "code", codes[1], "kept", kept[1])
			x.browser = x.newBrowser()
			if a := x.do(http.MethodPost, home+"/return", url.Values{"code": {codes[0]}, "kept": kept[1:]}, nil); a.status != http.StatusSeeOther && a.status != http.StatusConflict {
				t.Errorf("%s: what somebody typed is not theirs: %d %s", part, a.status, a.body)
			}
		}
	}
	for i, saved := range []bool{true, false} {
		x.browser = browsers[i]
		all := x.get(home + "/review").body
		for _, typed := range []string{"zq7canary@example.org", "Budgeting"} {
			if strings.Contains(all, typed) != saved {
				t.Errorf("%q in the profile of %d: %t", typed, i+1, !saved)
			}
		}
	}
	for _, e := range must(x.pairs.Enrollments(t.Context(), testCoordinator, testProgram, mentoring.Mentor, applications.ListQuery{}))(x).Items {
		if saved := e.Code == "MO-0001"; (len(e.Consents) > 0) != saved || (e.Profile["units"] != "") != saved {
			t.Errorf("%s: %v %v", e.Code, e.Consents, e.Profile)
		}
	}
}
