package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// staffToken issues a token for a role and returns its secret, who it stands
// for, and the administrator who issued it.
func (x *site) staffToken(role access.Role) (secret string, who, admin access.Principal) {
	x.Helper()
	if x.adminToken == "" {
		x.adminToken = must(x.svc.FirstToken(x.Context()))(x)
	}
	admin = must(x.svc.Authenticate(x.Context(), x.adminToken))(x)
	if role == access.Administrator {
		return x.adminToken, admin, admin
	}
	secret = must(x.svc.IssueToken(x.Context(), admin, &applications.Token{Label: "test", Grants: []access.Grant{{Role: role}}}, applications.Idempotency{}))(x)
	return secret, must(x.svc.Authenticate(x.Context(), secret))(x), admin
}

func must[T any](v T, err error) func(*site) T {
	return func(x *site) T {
		x.Helper()
		if err != nil {
			x.Fatal(err)
		}
		return v
	}
}

// pool submits n invented applications and closes the call.
func (x *site) pool(n int) {
	x.Helper()
	counties := []string{"island", "san_juan", "skagit", "snohomish", "whatcom"}
	sectors := []string{"hospital", "housing", "food", "cbo", "public_health", "tribal_health", "transport", "philanthropy"}
	places := []string{"island", "rural", "small_town", "city", "tribal_land"}
	levels := []string{"executive", "lead", "senior_manager"}
	for i := range n {
		pick := func(from []string) applications.Answer {
			return applications.Answer{Values: []string{from[i%len(from)]}}
		}
		_, err := x.svc.CreateApplication(x.Context(), access.Principal{}, &applications.Application{
			Program: testProgram, Contact: applications.Contact{Name: "Invented"}, Language: "en",
			Consents: []applications.Consent{{Key: "take_part"}},
			Answers: applications.Answers{
				"role_authority": {Values: []string{"structural_change"}}, "county": pick(counties), "sector": pick(sectors),
				"kind_of_place": pick(places), "role_level": pick(levels), "organization": {Text: "Invented organization " + itoa(i)},
			},
		}, true, applications.Idempotency{})
		if err != nil {
			x.Fatal(err)
		}
	}
	p, err := x.svc.CloseProgram(x.Context(), testAdmin, testProgram, 0, applications.Idempotency{})
	if err != nil || p.State != applications.ProgramClosed {
		x.Fatalf("close: %v", err)
	}
}

// work runs what is queued.
func (x *site) work(until func() bool) {
	x.Helper()
	ctx, stop := context.WithTimeout(x.Context(), 60*time.Second)
	done := make(chan struct{})
	runner := applications.NewRunner(x.svc, "test")
	runner.Poll = 10 * time.Millisecond
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	for !until() && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	failed := ctx.Err()
	stop()
	<-done
	if failed != nil {
		x.Fatal("the run did not end")
	}
}

func TestFacilitatorRunsASelection(t *testing.T) {
	x := newSite(t)
	x.pool(40)
	secret, _, _ := x.staffToken(access.Facilitator)

	runs := "/programs/" + testProgram + "/selections"
	if a := x.get(runs); a.to != "/sign-in?to="+url.QueryEscape(runs) {
		t.Fatalf("without signing in, the runs lead to %q", a.to)
	}
	signIn := x.get("/sign-in?to=" + url.QueryEscape(runs))
	x.has(x.fill(signIn, "token", "fls_wrong"), "This is no valid token for staff")
	entered := x.fill(signIn, "token", secret)
	if strings.Contains(entered.header.Get("Set-Cookie"), secret) {
		t.Error("the cookie holds the token")
	}
	page := x.follow(entered)
	x.has(page, "There is no run yet", "Start a run", "Closed")
	x.has(x.get("/programs"), "Equity in Leadership", "Applications begun: 40")

	started := x.fill(page, "seed_kind", "SERVER")
	if started.status != http.StatusSeeOther {
		t.Fatalf("starting gave %d: %s", started.status, started.text())
	}
	// Pressed twice: the same run.
	if again := x.fill(page, "seed_kind", "SERVER"); again.to != started.to {
		t.Errorf("pressed twice: %q and %q", started.to, again.to)
	}
	waiting := x.get(started.to)
	x.has(waiting, "Run 1", "Waiting to begin", "Cancel the run", "Stop updating this page")
	if waiting.header.Get("Refresh") != refreshSeconds {
		t.Error("the page of a waiting run does not look again")
	}
	if x.get(started.to+"?updates=off").header.Get("Refresh") != "" {
		t.Error("updates cannot be stopped")
	}
	x.has(x.get(started.to+"/draw"), "Not sealed yet")
	x.work(func() bool { return x.get(started.to).header.Get("Refresh") == "" })

	sealed := x.get(started.to)
	x.has(sealed, "Sealed and ready for the draw", "groups of 15 out of 40", "Smallest chance", "Certain to be chosen", "Make-up of the likeliest group", "SEALED", "Hold the draw")
	x.hasNot(sealed, "NS-0", "The 15 people")
	if strings.Contains(sealed.text(), "The 15 people") {
		t.Error("a sealed run says who")
	}
	review := x.fill(x.get(started.to + "/draw"))
	x.has(review, "This is about to be drawn", "Draw now")
	drawn := x.fill(review)
	if drawn.to != started.to+"/draw" {
		t.Fatalf("drawing leads to %d %q: %s", drawn.status, drawn.to, drawn.text())
	}
	if twice := x.fill(review); twice.to != drawn.to {
		t.Errorf("pressed twice, drawing leads to %d: %s", twice.status, twice.text())
	}
	stage := x.follow(drawn)
	x.has(stage, "Drawn", "NS-", "DRAWN", "Ticket", "Draw 1", "Draw once more")
	x.has(x.fill(stage, "reason", ""), "Say why it is drawn once more")

	result := x.get(started.to)
	x.has(result, "Proposed cohort", "15 people chosen from 40 in the pool", "Proved", "The 15 people", "DRAWN", "Drawn by lottery",
		"San Juan County", "Different answers", "sha256:", "proved best", "Smallest chance")
	x.hasNot(result, "Invented organization", "Executive or director")
	people := x.get(started.to + "?view=people")
	x.has(people, "NS-", "Executive or director", "chance ")
	x.hasNot(people, "Invented organization", "San Juan County", `class="comp"`, "100 %")

	// Canceled before it begins.
	second := x.fill(x.get(runs), "trial", "yes")
	x.follow(x.do(http.MethodPost, second.to+"/cancel", url.Values{}, nil))
	x.work(func() bool { return x.get(second.to).header.Get("Refresh") == "" })
	x.has(x.get(second.to), "Canceled")
	x.has(x.get(runs), "Run 2", "Run 1")

	x.do(http.MethodPost, "/sign-out", url.Values{}, nil)
	if a := x.get(started.to); !strings.HasPrefix(a.to, "/sign-in") {
		t.Errorf("after signing out a result gave %d", a.status)
	}

	// Others see no small counts, and nothing about who people are.
	adminSecret, _, _ := x.staffToken(access.ProgramAdministrator)
	x.browser = x.newBrowser()
	x.follow(x.fill(x.get("/sign-in"), "token", adminSecret))
	masked := x.get(started.to)
	x.has(masked, "Kept for facilitators: County", "too few to show safely")
	x.hasNot(masked, "San Juan County", "Cancel the run")
	if a := x.do(http.MethodPost, runs, url.Values{"seed": {"x"}}, nil); a.status != http.StatusForbidden {
		t.Errorf("a program administrator starting a run gave %d", a.status)
	}
}

func TestRolesThatMayNotSeeResults(t *testing.T) {
	x := newSite(t)
	for _, role := range []access.Role{access.Reviewer, access.Auditor, access.Coordinator, access.PolicyApprover, access.Administrator} {
		fresh := newSite(t)
		fresh.T = t
		secret, _, _ := fresh.staffToken(role)
		fresh.follow(fresh.fill(fresh.get("/sign-in?to=/calls"), "token", secret))
		if a := fresh.get("/programs/" + testProgram + "/selections"); a.status != http.StatusForbidden && a.status != http.StatusNotFound {
			t.Errorf("%s sees the runs: %d", role, a.status)
		}
	}
	// An applicant's session is no staff session.
	x.begin("An Invented Person")
	if a := x.get("/programs"); !strings.HasPrefix(a.to, "/sign-in") {
		t.Errorf("an applicant at /programs: %d", a.status)
	}
}

func TestSignInByLink(t *testing.T) {
	x := newSite(t)
	_, who, admin := x.staffToken(access.Facilitator)
	code, err := x.svc.SignInLink(t.Context(), who, "", "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	link := "/enter/" + code + "?to=/programs/" + testProgram + "/selections"
	for range 3 { // a mail scanner looks first
		x.has(x.get(link), "It works once")
	}
	entered := x.do(http.MethodPost, link, url.Values{}, nil)
	if entered.to != "/programs/"+testProgram+"/selections" {
		t.Fatalf("the link leads to %q: %s", entered.to, entered.text())
	}
	x.has(x.get(entered.to), "Runs of the selection")
	used := x.do(http.MethodPost, link, url.Values{}, nil)
	if used.status != http.StatusNotFound {
		t.Errorf("the second use gave %d", used.status)
	}
	x.has(used, "This link does not work any more")
	never := x.do(http.MethodPost, "/enter/never-was", url.Values{}, nil)
	if never.status != used.status || never.text() != used.text() {
		t.Error("a link that never was can be told from a used one")
	}
	// Where the link leads is on this site.
	for _, to := range []string{"https://example.org/", "//example.org", `/\example.org`, "javascript:x", "/%0d%0aX: y/../..//example.org"} {
		code, err := x.svc.SignInLink(t.Context(), who, "", "", "", 0)
		if err != nil {
			t.Fatal(err)
		}
		a := x.do(http.MethodPost, "/enter/"+code+"?"+url.Values{"to": {to}}.Encode(), url.Values{}, nil)
		if !strings.HasPrefix(a.to, "/") || strings.HasPrefix(a.to, "//") || strings.HasPrefix(a.to, `/\`) {
			t.Errorf("to=%q leads to %q", to, a.to)
		}
	}

	// The session ends with the token that the link stands for.
	if err := x.svc.RevokeToken(t.Context(), admin, who.Token, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	if a := x.get("/programs"); !strings.HasPrefix(a.to, "/sign-in") {
		t.Errorf("after the token was revoked, /programs gave %d", a.status)
	}

	// An applicant's link.
	x.browser = x.newBrowser()
	x.begin("An Invented Person")
	list, err := x.svc.Applications(t.Context(), testFacilitator, testProgram, applications.ListQuery{}, false, "")
	if err != nil {
		t.Fatal(err)
	}
	code, err = x.svc.SignInLink(t.Context(), testFacilitator, testProgram, list.Items[0].ID, "asked by telephone", 0)
	if err != nil {
		t.Fatal(err)
	}
	x.browser = x.newBrowser()
	x.has(x.follow(x.do(http.MethodPost, "/enter/"+code, url.Values{}, nil)), "What authority do you have")
	x.has(x.get(apply+"/saved"), "You came here by a link")
}

func TestLanguages(t *testing.T) {
	x := newSite(t)
	a := x.do(http.MethodGet, "/calls/"+testProgram, nil, http.Header{"Accept-Language": {"es-MX,es;q=0.9,en;q=0.5"}})
	if a.header.Get("Content-Language") != "es" || !strings.Contains(a.body, `<html lang="es">`) {
		t.Errorf("a Spanish browser got %q", a.header.Get("Content-Language"))
	}
	// What has no Spanish text is marked as English.
	if !strings.Contains(a.body, `<span lang="en">Nobody answers for this invented call.</span>`) {
		t.Error("an English text on a Spanish page is not marked")
	}
	x.has(a, "Equidad en el liderazgo")
	x.get("/calls?lang=es")
	if a := x.get("/calls"); a.header.Get("Content-Language") != "es" {
		t.Error("the language chosen is not remembered")
	}
	if a := x.get("/calls?lang=xx"); a.header.Get("Content-Language") != "es" {
		t.Error("an unknown language changed something")
	}
}
