package web

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/html"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/mentoring"
)

// site is the pages over a real service, with a browser that keeps cookies.
type site struct {
	*testing.T
	svc    *applications.Service
	pairs  *mentoring.Service
	clock  atomic.Int64 // nanoseconds; handlers read it on goroutines of their own
	log    *bytes.Buffer
	server *httptest.Server
	// adminToken is the first administrator's, once it was issued.
	adminToken string
	*browser
}

type browser struct {
	client *http.Client
	base   string
}

const testProgram = "equity-2027"

var (
	testAdmin       = access.Principal{Subject: "tokens/admin", Grants: []access.Grant{{Role: access.Administrator}, {Role: access.ProgramAdministrator}}}
	testFacilitator = access.Principal{Subject: "tokens/facilitator", Grants: []access.Grant{{Role: access.Facilitator}}}
)

func newSite(t *testing.T) *site {
	t.Helper()
	secrets, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	all, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	x := &site{T: t, log: &bytes.Buffer{}}
	x.clock.Store(time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC).UnixNano())
	log := slog.New(slog.NewTextHandler(x.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	x.svc = &applications.Service{
		Store: storetest.Open(t), Secrets: secrets, Log: log, Random: rand.Reader, Engine: "test",
		Now:   x.now,
		NewID: func() string { return uuid.Must(uuid.NewV7()).String() }, Presets: all,
	}
	if store, ok := x.svc.Store.(*sqlstore.Store); ok {
		x.pairs = &mentoring.Service{Store: store.Mentoring(), Secrets: secrets, Log: log, Random: rand.Reader, Engine: "test", Now: x.now, NewID: x.svc.NewID}
	}
	p, err := x.svc.CreateProgram(t.Context(), testAdmin, &applications.Program{
		ID: testProgram, Preset: "north-sound", Contact: applications.Text{"en": "Nobody answers for this invented call."},
		Window: applications.Window{Opens: x.now().Add(-time.Hour), Closes: x.now().Add(72 * time.Hour), Zone: "America/Los_Angeles"},
	}, nil, applications.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = x.svc.OpenProgram(t.Context(), testAdmin, p.ID, p.Revision, applications.Idempotency{}); err != nil {
		t.Fatal(err)
	}
	x.server = httptest.NewServer(New(Options{Service: x.svc, Mentoring: x.pairs, Secrets: secrets, Log: log}))
	t.Cleanup(x.server.Close)
	x.browser = x.newBrowser()
	return x
}

func (x *site) now() time.Time       { return time.Unix(0, x.clock.Load()).UTC() }
func (x *site) pass(d time.Duration) { x.clock.Add(int64(d)) }

func (x *site) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		x.Fatal(err)
	}
	return &browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, x.server.URL}
}

// answer is what came back: a page, or where it leads.
type answer struct {
	status int
	to     string // of a redirect, without the host
	body   string
	doc    *html.Node
	header http.Header
}

func (x *site) get(path string) *answer {
	x.Helper()
	return x.do(http.MethodGet, path, nil, nil)
}

func (x *site) do(method, path string, form url.Values, header http.Header) *answer {
	x.Helper()
	all := http.Header{}
	if form != nil {
		all.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	maps.Copy(all, header)
	return x.send(method, path, strings.NewReader(form.Encode()), all)
}

func (x *site) send(method, path string, body io.Reader, header http.Header) *answer {
	x.Helper()
	req, err := http.NewRequestWithContext(x.Context(), method, x.base+path, body)
	if err != nil {
		x.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := x.client.Do(req)
	if err != nil {
		x.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		x.Fatal(err)
	}
	a := &answer{status: res.StatusCode, to: res.Header.Get("Location"), body: string(b), header: res.Header}
	if a.doc, err = html.Parse(bytes.NewReader(b)); err != nil {
		x.Fatal(err)
	}
	return a
}

// form returns the fields of the page's form as a browser would send them,
// and where to.
func (a *answer) form() (action string, fields url.Values) {
	fields = url.Values{}
	for n := range a.doc.Descendants() {
		attr := map[string]string{}
		for _, at := range n.Attr {
			attr[at.Key] = at.Val
		}
		switch n.Data {
		case "form":
			if attr["class"] == "ask" || strings.Contains(attr["class"], "ask") {
				action = attr["action"]
			}
		case "input":
			_, checked := attr["checked"]
			if attr["name"] == "" || (attr["type"] == "checkbox" || attr["type"] == "radio") && !checked {
				continue
			}
			fields.Add(attr["name"], attr["value"])
		case "select":
			chosen, first := "", true
			for o := range n.Descendants() {
				if o.Data != "option" {
					continue
				}
				value, selected := "", false
				for _, at := range o.Attr {
					switch at.Key {
					case "value":
						value = at.Val
					case "selected":
						selected = true
					}
				}
				if first || selected {
					chosen, first = value, false
				}
			}
			fields.Add(attr["name"], chosen)
		case "textarea":
			if n.FirstChild != nil {
				fields.Add(attr["name"], n.FirstChild.Data)
			}
		}
	}
	return action, fields
}

// fill sends the form of a page with some fields changed: name, value pairs; a
// value "" takes the field away. The clock moves as it does for people.
func (x *site) fill(a *answer, pairs ...string) *answer {
	x.Helper()
	action, fields := a.form()
	if action == "" {
		x.Fatalf("the page has no form: %s", a.text())
	}
	changed := map[string]bool{}
	for i := 0; i < len(pairs); i += 2 {
		if !changed[pairs[i]] {
			fields.Del(pairs[i])
			changed[pairs[i]] = true
		}
		if pairs[i+1] != "" {
			fields.Add(pairs[i], pairs[i+1])
		}
	}
	x.pass(20 * time.Second)
	return x.do(http.MethodPost, action, fields, nil)
}

// follow takes a redirect after a post, and checks that it is one.
func (x *site) follow(a *answer) *answer {
	x.Helper()
	for range 5 {
		if a.status != http.StatusSeeOther {
			break
		}
		to, _, _ := strings.Cut(a.to, "#")
		a = x.get(to)
	}
	if a.status != http.StatusOK {
		x.Fatalf("got %d: %s", a.status, a.text())
	}
	return a
}

func (a *answer) text() string {
	var b strings.Builder
	for n := range a.doc.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func (x *site) has(a *answer, want ...string) {
	x.Helper()
	text := a.text()
	for _, w := range want {
		if !strings.Contains(text, w) {
			x.Errorf("the page does not say %q: %s", w, text)
		}
	}
}

func (x *site) hasNot(a *answer, bad ...string) {
	x.Helper()
	for _, w := range bad {
		if strings.Contains(a.body, w) {
			x.Errorf("the page holds %q", w)
		}
	}
}

var codeShape = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

const apply = "/apply/" + testProgram

// begin saves the contact page of a new application and returns the page
// after it, and the return code.
func (x *site) begin(name string) (*answer, string) {
	x.Helper()
	first := x.follow(x.get(apply))
	next := x.fill(first, "contact.name", name, "contact.email", "invented@example.org")
	if next.status != http.StatusSeeOther {
		x.Fatalf("the first page gave %d: %s", next.status, next.text())
	}
	page := x.follow(next)
	code := codeShape.FindString(page.text())
	if code == "" {
		x.Fatalf("no return code on the page after the first: %s", page.text())
	}
	return page, code
}

func TestApplyFromTheCallToTheReceipt(t *testing.T) {
	x := newSite(t)
	if a := x.get("/"); a.to != "/calls" {
		t.Errorf("/ leads to %q", a.to)
	}
	calls := x.get("/calls")
	x.has(calls, "Equity in Leadership", "1 open", "3 days left", "PST")
	call := x.get("/calls/" + testProgram)
	x.has(call, "Start an application", "How people are chosen", "Nobody answers for this invented call.", "sha256:", "at least 7 different answers")

	page, code := x.begin("dxʷlilap Ñúñez-López")
	x.has(page, "What authority do you have", "Saved Nov 21, 2026, 9:00 am PST", code)

	// Required for eligibility.
	wrong := x.fill(page)
	if wrong.status != http.StatusUnprocessableEntity {
		t.Fatalf("an empty required question gave %d", wrong.status)
	}
	x.has(wrong, "Error: What authority", "decides whether you can take part")

	page = x.follow(x.fill(page, "a.role_authority", "structural_change"))
	page = x.follow(x.fill(page, "t.organization", `<script>canary()</script> "Clinic" & Söhne`, "a.org_size", "s", "a.role_level", "lead"))
	// Not more than two sectors; what was chosen is still chosen.
	tooMany := x.fill(page, "a.sector", "hospital", "a.sector", "housing", "a.sector", "food")
	x.has(tooMany, "Choose at most 2; 3 are chosen")
	if _, fields := tooMany.form(); len(fields["a.sector"]) != 3 {
		t.Errorf("after the error %v are chosen", fields["a.sector"])
	}
	page = x.follow(x.fill(page, "a.sector", "hospital", "a.sector", "housing"))
	page = x.follow(x.fill(page, "a.county", "skagit"))
	page = x.follow(x.fill(page, "a.kind_of_place", "rural"))

	// Declining together with an answer.
	x.has(page, "You can skip this. Skipping never affects whether you are eligible or how your answers are reviewed.", "only for reports")
	both := x.fill(page, "a.race_ethnicity", "aian", "a.race_ethnicity", declined)
	x.has(both, "Choose groups, or choose “I prefer not to say”")
	page = x.follow(x.fill(page, "a.race_ethnicity", declined))

	// The relation with a Tribal Nation first, then which Nation, on the same page.
	x.has(page, "What is your relationship with a Tribal Nation")
	x.hasNot(page, "Samish")
	page = x.follow(x.fill(page, "a.tribal_relationship", "citizen"))
	x.has(page, "one more question on this page", "Samish Indian Nation")
	page = x.follow(x.fill(page, "a.tribal_affiliation", "samish", "a.tribal_affiliation", "another_nation", "w.tribal_affiliation.another_nation", "ƛ̕əbsən"))
	page = x.follow(x.fill(page, "a.gender", "woman"))

	// Health only with the consent to it.
	noConsent := x.fill(page, "a.lived_experience", "disability", "q.lived_experience.disability", "family")
	x.has(noConsent, "Agree to this to keep an answer about health")
	page = x.follow(x.fill(page, "a.lived_experience", "disability", "q.lived_experience.disability", "family", "c.health", "yes"))
	page = x.follow(x.fill(page, "a.preferred_language", "es", "t.access_needs", "Captions\r\nand <b>breaks</b>"))

	check := page
	x.has(check, "Check your answers", "dxʷlilap Ñúñez-López", "I prefer not to say", "Another Tribal Nation, First Nation or Indigenous community: ƛ̕əbsən",
		"Disability (Close family or someone I care for)", "Captions", "Used to balance the group", code)
	x.hasNot(check, "<script>canary", "<b>breaks")

	// A change comes back to the check.
	changed := x.follow(x.fill(x.get(apply+"/questions/county?from=check"), "a.county", "skagit", "a.county", "whatcom"))
	x.has(changed, "Check your answers", "Skagit County Whatcom County")

	refused := x.fill(check)
	x.has(refused, "Error: Check your answers", "Agree to this to submit")
	receipt := x.follow(x.fill(check, "c.take_part", "yes"))
	x.has(receipt, "We have received your application", "NS-", code)
	// Pressed twice.
	x.has(x.follow(x.fill(check, "c.take_part", "yes")), "We have received your application")

	status := x.get(apply + "/status")
	x.has(status, "Received", "Look at or change your answers", "Withdraw my application")
	// Still changeable, at once.
	x.has(x.follow(x.fill(x.get(apply+"/questions/county?from=check"), "a.county", "island")), "Your application is submitted", "Island County")

	withdraw := x.get(apply + "/withdraw")
	x.has(x.follow(x.fill(withdraw, "reason", "No time")), "Withdrawn")

	for _, secret := range []string{"dxʷlilap", "invented@example.org", "Captions", code, "No time", "Söhne"} {
		if strings.Contains(x.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestSessionLostInTheMiddle(t *testing.T) {
	x := newSite(t)
	page, code := x.begin("An Invented Person")
	page = x.follow(x.fill(page, "a.role_authority", "structural_change"))

	// The session goes while the page is being filled in: what is sent is kept
	// through the return code.
	x.browser = x.newBrowser()
	lost := x.fill(page, "t.organization", "Kept while away", "a.role_level", "executive")
	if lost.status != http.StatusUnauthorized {
		t.Fatalf("without a session a page gave %d", lost.status)
	}
	x.has(lost, "Your session has ended")
	x.hasNot(lost, "Kept while away") // sealed
	wrong := x.fill(lost, "code", "0000-0000-0000")
	x.has(wrong, "No application of this call has this return code")
	after := x.follow(x.fill(wrong, "code", strings.ToLower(strings.ReplaceAll(code, "-", " "))))
	x.has(after, "Which kind of organization do you work in", code)
	back := x.get(apply + "/questions/work")
	if _, fields := back.form(); fields.Get("t.organization") != "Kept while away" || fields.Get("a.role_level") != "executive" {
		t.Errorf("after coming back the page holds %v", fields)
	}

	// With nothing sent, the code leads to the first question still open.
	x.browser = x.newBrowser()
	if a := x.get(apply + "/questions/sector"); a.to != apply+"/return" {
		t.Errorf("without a session a question leads to %q", a.to)
	}
	x.has(x.follow(x.fill(x.get(apply+"/return"), "code", code)), "How many people work there")
}

func TestReturnCodesCannotBeGuessed(t *testing.T) {
	x := newSite(t)
	_, code := x.begin("An Invented Person")
	x.browser = x.newBrowser()
	page := x.get(apply + "/return")
	for i := range applications.ReturnCodeTries {
		a := x.fill(page, "code", fmt.Sprintf("AAAA-BBBB-%04d", i))
		if a.status != http.StatusUnprocessableEntity {
			t.Fatalf("try %d gave %d", i, a.status)
		}
	}
	blocked := x.fill(page, "code", code)
	if blocked.status != http.StatusTooManyRequests || blocked.header.Get("Retry-After") == "" {
		t.Errorf("the eleventh try gave %d, Retry-After %q", blocked.status, blocked.header.Get("Retry-After"))
	}
	x.pass(time.Hour)
	x.follow(x.fill(page, "code", code))
	// Right codes are not counted: many people share an address.
	for range 2 * applications.ReturnCodeTries {
		x.browser = x.newBrowser()
		x.follow(x.fill(page, "code", code))
	}
}

func TestTwoTabsShowBothVersions(t *testing.T) {
	x := newSite(t)
	x.begin("An Invented Person")
	one := x.get(apply + "/questions/county")
	two := x.get(apply + "/questions/county")
	x.follow(x.fill(one, "a.county", "island"))
	conflict := x.fill(two, "a.county", "whatcom")
	if conflict.status != http.StatusConflict {
		t.Fatalf("the second tab gave %d", conflict.status)
	}
	x.has(conflict, "This page was changed elsewhere", "Island County")
	if _, fields := conflict.form(); !slices.Equal(fields["a.county"], []string{"whatcom"}) {
		t.Errorf("the second tab's answer became %v", fields["a.county"])
	}
	x.follow(x.fill(conflict)) // keep mine
	if _, fields := x.get(apply + "/questions/county").form(); !slices.Equal(fields["a.county"], []string{"whatcom"}) {
		t.Errorf("stored: %v", fields["a.county"])
	}
	// The same answer from both tabs is no conflict.
	three := x.get(apply + "/questions/county")
	x.follow(x.fill(x.get(apply+"/questions/county"), "a.county", "skagit"))
	x.follow(x.fill(three, "a.county", "skagit"))
}

func TestBackSavesAndNeverTraps(t *testing.T) {
	x := newSite(t)
	page, _ := x.begin("An Invented Person")
	if a := x.fill(page, "go", "back"); a.to != apply+"/questions/contact" {
		t.Errorf("Back with nothing entered leads to %q (%d)", a.to, a.status)
	}
	if a := x.fill(page, "a.role_authority", "influences", "go", "back"); a.to != apply+"/questions/contact" {
		t.Errorf("Back leads to %q (%d)", a.to, a.status)
	}
	if _, fields := x.get(apply + "/questions/authority").form(); fields.Get("a.role_authority") != "influences" {
		t.Error("Back lost what was entered")
	}
	later := x.follow(x.fill(x.get(apply+"/questions/authority"), "a.role_authority", "supervises_change_staff", "go", "later"))
	x.has(later, "Saved. You can finish later", "Your return code")
	// On a shared computer.
	left := x.do(http.MethodPost, apply+"/leave", url.Values{}, nil)
	if left.status != http.StatusSeeOther {
		t.Errorf("leaving gave %d", left.status)
	}
	if a := x.get(apply + "/status"); a.to != apply+"/return" {
		t.Errorf("after leaving, the status leads to %q", a.to)
	}
}

func TestSendingTheFirstPageTwice(t *testing.T) {
	x := newSite(t)
	first := x.follow(x.get(apply))
	x.follow(x.fill(first, "contact.name", "An Invented Person"))
	code := codeShape.FindString(x.get(apply + "/saved").text())
	x.browser = x.newBrowser() // the first answer never arrived
	x.follow(x.fill(first, "contact.name", "An Invented Person"))
	if again := codeShape.FindString(x.get(apply + "/saved").text()); again != code {
		t.Errorf("two applications: %s and %s", code, again)
	}
	p, err := x.svc.Program(t.Context(), testAdmin, testProgram)
	if err != nil {
		t.Fatal(err)
	}
	if p.ApplicationCount != 1 {
		t.Errorf("%d applications were begun", p.ApplicationCount)
	}
}

func TestRobots(t *testing.T) {
	x := newSite(t)
	first := x.follow(x.get(apply))
	trapped := x.fill(first, "contact.name", "Robot", "website", "https://example.org")
	if trapped.status != http.StatusUnprocessableEntity {
		t.Errorf("a filled trap gave %d", trapped.status)
	}
	x.pass(-20 * time.Second) // fill moves the clock
	action, fields := first.form()
	fields.Set("contact.name", "Too Fast")
	x.pass(-20 * time.Second)
	fast := x.do(http.MethodPost, action, fields, nil)
	if fast.status != http.StatusUnprocessableEntity {
		t.Errorf("a page sent at once gave %d", fast.status)
	}
	x.has(fast, "once more")
	x.follow(x.fill(fast)) // and then it works, with what was entered
}

// TestPressedTwice sends a button's post three times at the same moment, as a
// double click does: whichever answer the browser shows, it says what happened.
func TestPressedTwice(t *testing.T) {
	for _, c := range []struct {
		path, to string
		form     url.Values
	}{
		{"/check", "/receipt", url.Values{"c.take_part": {"yes"}}},
		{"/withdraw", "/status", url.Values{"reason": {"moved away"}}},
	} {
		t.Run(c.path, func(t *testing.T) {
			x := newSite(t)
			for range 5 {
				x.browser = x.newBrowser()
				_, code := x.begin("Invented Applicant")
				created, err := x.svc.Resume(t.Context(), testProgram, code)
				if err != nil {
					t.Fatal(err)
				}
				app := created.Application
				who := access.Principal{Subject: "applications/" + app.ID, Program: app.Program, Application: app.ID}
				app.Answers = applications.Answers{"role_authority": {Values: []string{"structural_change"}}}
				if _, err := x.svc.UpdateApplication(t.Context(), who, app, []string{"answers"}, applications.Idempotency{}); err != nil {
					t.Fatal(err)
				}
				answers := make([]*answer, 3)
				var together sync.WaitGroup
				for i := range answers {
					together.Go(func() { answers[i] = x.do(http.MethodPost, apply+c.path, c.form, nil) })
				}
				together.Wait()
				for _, a := range answers {
					if a.status != http.StatusSeeOther || a.to != apply+c.to {
						t.Errorf("%d to %q: %s", a.status, a.to, a.text())
					}
				}
			}
		})
	}
}

// TestManyBeginnings has one robot with one good page begin applications as
// fast as it can: it is slowed down, people keep what they typed, and others
// and those who have begun are not touched.
func TestManyBeginnings(t *testing.T) {
	x := newSite(t)
	_, code := x.begin("Invented First")
	x.browser = x.newBrowser()
	first := x.follow(x.get(apply))
	x.pass(20 * time.Second)
	action, fields := first.form()
	saved := 0
	for i := range 2 * beginnings {
		fields.Set("contact.name", "Robot")
		fields.Set("request", nonce())
		x.browser = x.newBrowser()
		one := x.do(http.MethodPost, action, fields, nil)
		switch one.status {
		case http.StatusSeeOther:
			saved++
		case http.StatusTooManyRequests:
			if one.header.Get("Retry-After") == "" {
				t.Fatal("no Retry-After")
			}
			x.has(one, "again in a minute")
			if _, kept := one.form(); kept.Get("contact.name") != "Robot" {
				t.Fatal("what was typed is gone")
			}
		default:
			t.Fatalf("try %d gave %d", i, one.status)
		}
	}
	if saved > beginnings || saved < beginnings-1 {
		t.Errorf("%d applications were begun in one minute", saved)
	}
	x.browser = x.newBrowser()
	if got := x.fill(x.get(apply+"/return"), "code", code); got.status != http.StatusSeeOther {
		t.Errorf("coming back gave %d", got.status)
	}
	x.browser = x.newBrowser()
	x.pass(time.Minute)
	x.begin("Invented Second")
}

func TestClosedCall(t *testing.T) {
	x := newSite(t)
	page, code := x.begin("An Invented Person")
	x.pass(96 * time.Hour)
	x.browser = x.newBrowser()
	x.has(x.get("/calls"), "Nothing is open right now")
	x.has(x.get("/calls/"+testProgram), "This call is closed")
	if a := x.get(apply + "/questions/contact"); a.to != "/calls/"+testProgram {
		t.Errorf("a new application after the close leads to %q", a.to)
	}
	status := x.follow(x.fill(x.get(apply+"/return"), "code", code))
	x.has(status, "Not submitted in time")
	late := x.fill(page, "a.role_authority", "structural_change")
	if late.status != http.StatusUnprocessableEntity {
		t.Errorf("a page saved after the close gave %d", late.status)
	}
	x.has(late, "this call closed on")
}

func TestHeadersAndCrossOrigin(t *testing.T) {
	x := newSite(t)
	a := x.get("/calls")
	for name, want := range map[string]string{
		"Content-Security-Policy": contentSecurityPolicy, "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "same-origin", "Cache-Control": "no-store", "Content-Language": "en",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, path := range []string{apply + "/questions/contact", apply + "/check", apply + "/return", apply + "/withdraw", apply + "/accept", apply + "/decline", "/sign-in", "/sign-out", "/enter/x", "/programs/x/selections"} {
		for _, header := range []http.Header{
			{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://example.org"}}, {"Origin": {"null"}},
		} {
			got := x.do(http.MethodPost, path, url.Values{"contact.name": {"x"}}, header)
			if got.status != http.StatusForbidden {
				t.Errorf("POST %s with %v gave %d", path, header, got.status)
			}
		}
	}
	css := regexp.MustCompile(`/assets/[^"]+\.css`).FindString(a.body)
	if got := x.get(css); got.status != http.StatusOK || !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s gave %d, %v", css, got.status, got.header)
	}
	for _, path := range []string{"/assets/", "/assets/x/app.css", "/nowhere", "/calls/no-such-call", "/apply/no-such-call", apply + "/questions/nowhere"} {
		if got := x.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s gave %d", path, got.status)
		}
	}
	large := x.do(http.MethodPost, apply+"/questions/contact", url.Values{"contact.name": {strings.Repeat("x", 70<<10)}}, nil)
	if large.status != http.StatusRequestEntityTooLarge {
		t.Errorf("70 KiB gave %d", large.status)
	}
}

func TestSecureCookies(t *testing.T) {
	x := newSite(t)
	x.server.Config.Handler = New(Options{Service: x.svc, Secrets: x.svc.Secrets, Log: x.svc.Log, Secure: true, PublicURL: "https://apply.example.org"})
	first := x.follow(x.get(apply))
	saved := x.fill(first, "contact.name", "An Invented Person")
	cookie := saved.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-fairlead-apply-" + testProgram + "=", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q has no %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Domain=") || strings.Contains(cookie, "Max-Age") || strings.Contains(cookie, "Expires") {
		t.Errorf("the cookie %q reaches too far", cookie)
	}
	// From the address that people type, whatever the proxy makes of the host.
	ok := x.do(http.MethodPost, "/sign-out", url.Values{}, http.Header{"Origin": {"https://apply.example.org"}})
	if ok.status != http.StatusSeeOther {
		t.Errorf("a post from the public address gave %d", ok.status)
	}
}

func TestAnotherPersonsSession(t *testing.T) {
	x := newSite(t)
	_, code := x.begin("First Invented Person")
	mine := x.browser
	x.browser = x.newBrowser()
	x.begin("Second Invented Person")
	x.hasNot(x.get(apply+"/check"), "First Invented Person")

	// A cookie of one program opens nothing in another, and a changed cookie
	// opens nothing at all.
	u, _ := url.Parse(x.base)
	for _, c := range mine.client.Jar.Cookies(u) {
		forged := *c
		forged.Name = applicantCookie("another")
		x.client.Jar.SetCookies(u, []*http.Cookie{&forged})
		flipped := *c
		flipped.Value = flipped.Value[:20] + "A" + flipped.Value[21:]
		if flipped.Value == c.Value {
			flipped.Value = flipped.Value[:20] + "B" + flipped.Value[21:]
		}
		x.client.Jar.SetCookies(u, []*http.Cookie{&flipped})
	}
	if a := x.get(apply + "/check"); a.to != apply+"/return" {
		t.Errorf("a forged cookie gave %d %s", a.status, a.text())
	}

	// A new return code ends the sessions before it.
	x.browser = mine
	id := ""
	list, err := x.svc.Applications(t.Context(), testFacilitator, testProgram, applications.ListQuery{}, false, "")
	if err != nil {
		t.Fatal(err)
	}
	id = list.Items[0].ID
	renewed, err := x.svc.NewReturnCode(t.Context(), testFacilitator, testProgram, id, "lost", applications.Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	if a := x.get(apply + "/check"); a.to != apply+"/return" {
		t.Errorf("an ended session gave %d", a.status)
	}
	x.has(x.fill(x.get(apply+"/return"), "code", code), "No application of this call has this return code")
	x.follow(x.fill(x.get(apply+"/return"), "code", renewed.ReturnCode))
}

// What the privacy page promises: without the consent, answers about health
// are removed, on every page.
func TestTakingBackTheHealthConsent(t *testing.T) {
	x := newSite(t)
	x.begin("An Invented Person")
	x.follow(x.fill(x.get(apply+"/questions/lived"), "a.lived_experience", "disability", "a.lived_experience", "foster_care", "c.health", "yes"))
	x.follow(x.fill(x.get(apply+"/questions/taking_part"), "t.access_needs", "A quiet room", "c.health", "yes"))
	x.has(x.get(apply+"/check"), "Disability", "A quiet room")
	x.follow(x.fill(x.get(apply+"/questions/lived"), "a.lived_experience", "foster_care", "c.health", ""))
	after := x.get(apply + "/check")
	x.has(after, "Foster care")
	x.hasNot(after, "Disability", "A quiet room")
}

// Who has an erased application open is told so, once, on whatever page; then
// they are somebody who has not applied.
func TestErasedApplication(t *testing.T) {
	for _, path := range []string{"/status", "/check", "/questions/work", "/receipt"} {
		for lang, want := range map[string]string{"en": "Your application was deleted for good", "es": "Su solicitud se borró para siempre"} {
			x := newSite(t)
			_, code := x.begin("An Invented Person")
			open := x.get(apply + "/questions/work")
			list, err := x.svc.Applications(t.Context(), testFacilitator, testProgram, applications.ListQuery{}, false, "")
			if err != nil {
				t.Fatal(err)
			}
			officer := access.Principal{Subject: "users/officer", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}
			if _, err := x.svc.EraseApplication(t.Context(), officer, testProgram, list.Items[0].ID, "asked", applications.Idempotency{}); err != nil {
				t.Fatal(err)
			}
			a := x.get(apply + path + "?lang=" + lang)
			if a.status != http.StatusGone {
				t.Errorf("%s: %d", path, a.status)
			}
			x.has(a, want)
			x.hasNot(a, "Invented Person")
			if again := x.get(apply + "/check"); again.to != apply+"/return" {
				t.Errorf("%s, then: %d to %q", path, again.status, again.to)
			}
			lost := x.fill(open, "t.organization", "Typed after it was erased", "a.role_level", "executive")
			x.hasNot(lost, "Typed after it was erased")
			x.has(x.fill(x.get(apply+"/return?lang=en"), "code", code), "No application of this call has this return code")
		}
	}
}
