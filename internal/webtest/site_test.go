package webtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// site is `fairlead demo` as a process of its own: the real binary with a call
// that takes applications and the result of another. Everybody in it is
// invented.
var site struct {
	binary      string // the program itself
	call        string // address of the open call
	applicant   string // sign-in link of somebody in the closed call, works once
	facilitator string // sign-in link, works once
	second      string // another facilitator's
	coordinator string // works once
	result      string
	browser     *Browser
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "fairlead-webtest-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "fairlead")
	site.binary = binary
	build := exec.Command("go", "build", "-o", binary, "./cmd/fairlead")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop, err := startDemo(ctx, binary)
	if err != nil {
		return 1, err
	}
	defer stop()
	if site.browser, err = Start(ctx, dir); err != nil {
		return 1, err
	}
	defer site.browser.Close()
	return m.Run(), nil
}

var links = map[string]*regexp.Regexp{
	"call":        regexp.MustCompile(`anybody: apply yourself +(http\S+)`),
	"applicant":   regexp.MustCompile(`applicant \S+ \(opens once\) +(http\S+)`),
	"facilitator": regexp.MustCompile(`facilitator \(opens once\) +(http\S+)`),
	"second":      regexp.MustCompile(`another one, to draw with \(opens once\) +(http\S+)`),
	"coordinator": regexp.MustCompile(`coordinator \(opens once\) +(http\S+)`),
	"result":      regexp.MustCompile(`then the result +(http\S+)`),
}

// startDemo reads the demo's output up to the line that says that it is ready.
func startDemo(ctx context.Context, binary string) (stop func(), err error) {
	cmd := exec.CommandContext(ctx, binary, "demo")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		cmd.Cancel()
		cmd.Wait()
	}
	ready := make(chan error, 1)
	go func() {
		found := map[string]string{}
		var text strings.Builder
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(&text, lines.Text())
			for name, link := range links {
				if m := link.FindStringSubmatch(lines.Text()); m != nil {
					found[name] = m[1]
				}
			}
			if strings.HasPrefix(lines.Text(), "Ready") {
				site.call, site.facilitator, site.second, site.result, site.applicant, site.coordinator = found["call"], found["facilitator"], found["second"], found["result"], found["applicant"], found["coordinator"]
				if len(found) != len(links) {
					ready <- fmt.Errorf("the demo printed only the links %v:\n%s", found, &text)
					return
				}
				ready <- nil
				io.Copy(io.Discard, out)
				return
			}
		}
		ready <- fmt.Errorf("the demo ended before it was ready:\n%s", &text)
	}()
	select {
	case err = <-ready:
	case <-time.After(2 * time.Minute):
		err = errors.New("the demo was not ready after two minutes")
	}
	if err != nil {
		stop()
	}
	return stop, err
}

// origin is the demo's address.
func origin() string { return site.call[:strings.Index(site.call, "/calls")] }

// program is the id of the open call.
func program() string { return site.call[strings.LastIndexByte(site.call, '/')+1:] }

func open(t *testing.T, screen Screen) *Tab {
	t.Helper()
	tab, err := site.browser.Tab(screen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tab.Close)
	ok(t, tab.Forget())
	return tab
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask[T any](t *testing.T, tab *Tab, expression string) T {
	t.Helper()
	v, err := Ask[T](tab, expression)
	ok(t, err)
	return v
}

// says checks that the page shows a text, now or soon.
func says(t *testing.T, tab *Tab, want string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		text := ask[string](t, tab, "document.body.innerText")
		if strings.Contains(text, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("at %s the page does not say %q:\n%s", ask[string](t, tab, "location.pathname"), want, text)
		}
	}
}

// walk fills in an application from the open call to the receipt with a mouse
// and calls visit on each page, before anything is done on it. lose is called
// in the middle, with the return code and a page half filled in.
func walk(t *testing.T, tab *Tab, visit func(name string), lose func(code string)) {
	t.Helper()
	page := func(name, want string) {
		t.Helper()
		says(t, tab, want)
		if visit != nil {
			visit(name)
		}
	}
	press := func(selector string) { t.Helper(); ok(t, tab.Press(selector, false)) }
	save := func() { t.Helper(); ok(t, tab.Press(".go .primary", true)) }

	ok(t, tab.Open(origin()+"/"))
	page("calls", "Equity in Leadership, the next call")
	ok(t, tab.Press(`a[href="/calls/`+program()+`"]`, true))
	page("call", "How people are chosen")
	press("details summary")
	save()
	page("contact", "Your name")
	time.Sleep(1100 * time.Millisecond) // nobody is faster, robots are
	ok(t, tab.Type("#f-name", "dxʷlilap Ñúñez-López (invented)"))
	ok(t, tab.Type("#f-email", "invented@example.org"))
	save()
	page("authority", "What authority do you have")
	save() // nothing chosen
	page("authority-error", "There is a problem")
	if title := ask[string](t, tab, "document.title"); !strings.HasPrefix(title, "Error:") {
		t.Errorf("the title of a page with errors is %q", title)
	}
	ok(t, tab.Press(".faults a", false))
	if at := ask[string](t, tab, "document.querySelector(':target')?.id ?? ''"); !strings.HasPrefix(at, "f-role_authority") {
		t.Errorf("the error leads to %q", at)
	}
	press("#f-role_authority-structural_change")
	save()
	page("work", "Which organization do you work for")
	ok(t, tab.Type("#f-organization", "Invented Organization"))
	press("#f-role_level-lead")
	if lose != nil {
		lose(returnCode(t, tab))
	} else {
		save()
	}
	page("sector", "Which kind of organization")
	press("#f-sector-housing")
	save()
	press("#f-county-skagit")
	save()
	press("#f-kind_of_place-rural")
	save()
	page("race", "What is your race")
	press("#f-race_ethnicity-aian")
	press("#f-race_ethnicity-decline")
	save()
	page("race-error", "Choose groups, or choose “I prefer not to say”")
	press("#f-race_ethnicity-aian")
	save()
	page("tribal", "What is your relationship with a Tribal Nation")
	press("#f-tribal_relationship-citizen")
	save()
	page("tribal-more", "one more question on this page")
	press("#f-tribal_affiliation-another_nation")
	ok(t, tab.Type("#f-tribal_affiliation-another_nation-words", "ƛ̕əbsən"))
	save()
	press("#f-gender-decline")
	save()
	page("lived", "lived experience")
	press("#f-lived_experience-disability")
	press("#f-lived_experience-disability-family")
	save()
	page("lived-error", "Agree to this to keep an answer about health")
	press("#c-health")
	save()
	page("taking-part", "What would help you take part")
	ok(t, tab.Type("#f-access_needs", "Captions"))
	save()
	page("check", "Check your answers")
	says(t, tab, "dxʷlilap Ñúñez-López (invented)")
	says(t, tab, "ƛ̕əbsən")
	says(t, tab, "Close family")
	press("#c-take_part")
	save()
	page("receipt", "We have received your application")
	save()
	page("status", "Received")
}

var codeShape = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

func returnCode(t *testing.T, tab *Tab) string {
	t.Helper()
	code := codeShape.FindString(ask[string](t, tab, "document.body.innerText"))
	if code == "" {
		t.Fatal("the page shows no return code")
	}
	return code
}

// signIn opens the facilitator's pages. The link works once for all tests: the
// browser keeps the cookie until a test forgets it.
func signIn(t *testing.T, tab *Tab) {
	t.Helper()
	if staffCookie == nil {
		ok(t, tab.Open(site.facilitator))
		says(t, tab, "It works once")
		ok(t, tab.Press(".primary", true))
		cookies, err := tab.Cookies()
		ok(t, err)
		staffCookie = cookies
		return
	}
	ok(t, tab.SetCookies(staffCookie))
}

var staffCookie []Cookie
