package webtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The journeys of those who run a selection and of those who check one, on the
// demo's closed call. They share one server and one browser, and each view that
// is new on the way is checked where it is met.

var (
	desktop = Screen{Name: "desktop-light", Width: 1280, Height: 900}
	narrow  = Screen{Name: "narrow", Width: 320, Height: 640}
	seen    = map[string]bool{} // views that were checked
)

// view checks the page where it stands, once in a run of the tests: nothing
// wider than 320 px, everything large enough to press, no finding of axe. With
// FAIRLEAD_SOAK=1 on every screen.
func view(t *testing.T, tab *Tab, name string, back Screen) {
	t.Helper()
	if seen[name] {
		return
	}
	seen[name] = true
	on := []Screen{narrow}
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		on = screens
	}
	for _, screen := range on {
		ok(t, tab.Look(scripted(screen)))
		noOverflow(t, tab, screen, name)
		largeEnough(t, tab, screen, name)
		findings, err := tab.Axe()
		ok(t, err)
		for _, f := range findings {
			t.Errorf("%s, %s: %v", name, screen.Name, f)
		}
	}
	if dir := os.Getenv("FAIRLEAD_PICTURES"); dir != "" {
		for _, screen := range []Screen{desktop, phone} {
			ok(t, tab.Look(scripted(screen)))
			ok(t, tab.Shot(filepath.Join(dir, name+"-"+screen.Name+".png"), true))
		}
	}
	ok(t, tab.Look(back))
}

// closed is the path of the demo's closed call for staff.
func closed() string {
	at := site.result[len(origin()):]
	return at[:strings.Index(at, "/selections/")]
}

// sealed starts a run by its page and waits until it is sealed.
func sealed(t *testing.T, tab *Tab, fill func()) (run string) {
	t.Helper()
	ok(t, tab.Open(origin()+closed()+"/selections"))
	view(t, tab, "runs", desktop)
	fill()
	ok(t, tab.Press("form.ask .go .primary", true))
	return becomes(t, tab, "Sealed and ready for the draw")
}

// becomes opens a page again and again until it says something, for as long as a
// busy machine may take, and returns its path.
func becomes(t *testing.T, tab *Tab, text string) (path string) {
	t.Helper()
	path = ask[string](t, tab, "location.pathname")
	for end := time.Now().Add(4 * patience); !strings.Contains(ask[string](t, tab, "document.body.innerText"), text); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s never says %q: %s", path, text, ask[string](t, tab, "document.body.innerText"))
		}
		ok(t, tab.Open(origin()+path))
	}
	return path
}

// draw goes through the ceremony of a run whose seed is the server's.
func draw(t *testing.T, tab *Tab, run string) {
	t.Helper()
	ok(t, tab.Open(origin()+run+"/draw"))
	confirm(t, tab)
	ok(t, tab.Press("form.ask .go .primary", true))
	says(t, tab, "This is about to be drawn")
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "What was drawn")
}

// confirm gives the reason that a draw needs if many have no chance.
func confirm(t *testing.T, tab *Tab) {
	t.Helper()
	if ask[bool](t, tab, "document.querySelector('#confirm') !== null") {
		ok(t, tab.Type("#confirm", "Decided for this demonstration with invented people."))
	}
}

// From criteria to impossible, and by a way out back to possible; the verdict
// follows without the page being asked for.
func TestJourneyCriteriaImpossibleRepaired(t *testing.T) {
	ok(t, crowd())
	screen := scripted(desktop)
	tab := open(t, screen)
	signIn(t, tab)
	at := origin() + "/programs/" + program() + "/criteria"
	ok(t, tab.Open(at))
	says(t, tab, "Possible")
	view(t, tab, "criteria", screen)
	ok(t, tab.Open(at))
	card := strings.Split(strings.TrimPrefix(inRow(t, tab, "housing", "min"), "#"), "-")[0]
	ask[bool](t, tab, fmt.Sprintf(`(() => { const s = document.querySelector("#%s-priority"); s.value = "0"; s.dispatchEvent(new Event("input", {bubbles: true})); return true })()`, card))
	for answer, n := range map[string]string{"housing": "9", "hospital": "8"} { // 17 of 15
		for _, bound := range []string{"min", "max"} {
			field := inRow(t, tab, answer, bound)
			ask[bool](t, tab, fmt.Sprintf("document.querySelector(%q).value = ''; true", field))
		}
		ok(t, tab.Type(inRow(t, tab, answer, "min"), n))
	}
	until(t, tab, `document.querySelector("#verdict").innerText.includes("Impossible")`)
	until(t, tab, `document.querySelectorAll("#verdict .ways button").length > 1`)
	says(t, tab, "cannot be true together")
	view(t, tab, "criteria-impossible", screen)
	ok(t, tab.Press("#verdict .ways button", true))
	says(t, tab, "Possible")
	ok(t, tab.Press("button[value=save]", true))
	says(t, tab, "nobody decides by it yet")
	view(t, tab, "version", screen)
	ok(t, tab.Open(origin()+"/programs/"+program()+"/outreach"))
	says(t, tab, "a group is possible")
	view(t, tab, "outreach", screen)
}

// Run, compare, swap: from DRAWN to CHOSEN, and no way back.
func TestJourneyRunCompareSwap(t *testing.T) {
	tab := open(t, scripted(desktop))
	signIn(t, tab)
	run := sealed(t, tab, func() {})
	says(t, tab, "Smallest chance")
	view(t, tab, "sealed", scripted(desktop))
	draw(t, tab, run)
	view(t, tab, "drawn", scripted(desktop))
	says(t, tab, "DRAWN")
	ok(t, tab.Open(origin()+run))
	view(t, tab, "result-drawn", scripted(desktop))
	ok(t, tab.Open(origin()+run+"/alternatives"))
	says(t, tab, "Option A")
	view(t, tab, "alternatives", scripted(desktop))
	ok(t, tab.Open(origin()+run+"/standby"))
	says(t, tab, "Who stands ready")
	view(t, tab, "standby", scripted(desktop))
	ok(t, tab.Open(origin()+run+"?view=people"))
	says(t, tab, "chance")
	// Somebody for whom somebody else could come in without a loss.
	links := ask[[]string](t, tab, `[...document.querySelectorAll(".card a")].map(a => a.href)`)
	swapped := false
	for _, link := range links {
		ok(t, tab.Open(link))
		view(t, tab, "person", scripted(desktop))
		if !ask[bool](t, tab, `document.querySelector(".codes li") !== null`) {
			continue
		}
		ok(t, tab.Press(`a[href*="/swap?out="]`, true))
		ok(t, tab.Press(".rules a", true))
		says(t, tab, "Nothing is lost")
		view(t, tab, "swap", scripted(desktop))
		swapped = true
		break
	}
	if !swapped {
		t.Fatal("nobody of the group can be swapped without a loss")
	}
	ok(t, tab.Press(".verdict .primary", true))
	says(t, tab, "Change the group by hand?")
	view(t, tab, "choose", scripted(desktop))
	ok(t, tab.Type("#reason", "An invented reason."))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "CHOSEN")
	ok(t, tab.Open(origin()+run+"?view=people"))
	if text := ask[string](t, tab, "document.body.innerText"); strings.Contains(text, "chance ") {
		t.Error("a group that somebody changed is shown with chances")
	}
}

var twoPeople = [][2]string{{"The chair (invented)", "low tide at noon, dry boots"}, {"A board member (invented)", "eagles over the Skagit flats"}}

// A draw by two people, checked by everybody with the public record, and the
// slip of somebody who was in it.
func TestJourneyDrawCheckSlip(t *testing.T) {
	tab := open(t, scripted(desktop))
	signIn(t, tab)
	run := sealed(t, tab, func() {
		ok(t, tab.Press("input[value=COMMIT_REVEAL]", false))
		ok(t, tab.Type("#first", twoPeople[0][0]))
		ok(t, tab.Type("#second", twoPeople[1][0]))
	})
	ok(t, tab.Open(origin()+run+"/draw"))
	view(t, tab, "ceremony", scripted(desktop))
	ok(t, tab.Open(origin()+run+"/draw"))
	for i, p := range twoPeople {
		if i == 1 { // who enters it with an account of their own
			ok(t, tab.Forget())
			ok(t, tab.Open(site.second))
			ok(t, tab.Press(".primary", true))
			ok(t, tab.Open(origin()+run+"/draw"))
		}
		// The text stays in the browser: the page computes its fingerprint.
		ok(t, tab.Type(fmt.Sprintf("#p%d-own", i+1), p[1]))
		until(t, tab, fmt.Sprintf("document.querySelector('#p%d-digest').value.length === 64", i+1))
		ok(t, tab.Press(fmt.Sprintf("form:has(#p%d-digest) button", i+1), true))
		says(t, tab, "Bound to a text")
	}
	for i, p := range twoPeople {
		ok(t, tab.Type(fmt.Sprintf("#p%d-text", i+1), p[1]))
	}
	confirm(t, tab)
	ok(t, tab.Press("form.ask .go .primary", true))
	says(t, tab, "This is about to be drawn")
	says(t, tab, twoPeople[1][1])
	view(t, tab, "ceremony-review", scripted(desktop))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "What was drawn")
	says(t, tab, "DRAWN")

	// Everybody.
	public := ask[string](t, tab, `document.querySelector('a[href^="/draws/"]').href`)
	ok(t, tab.Forget())
	ok(t, tab.Open(public))
	says(t, tab, "Every check held")
	view(t, tab, "public-draw", scripted(desktop))
	if text := ask[string](t, tab, "document.body.textContent"); regexp.MustCompile(`NS-\d{4}`).MatchString(text) {
		t.Error("the public page has somebody's code")
	}
	fetch := func(selector string) []byte {
		t.Helper()
		text, err := Await[string](tab, fmt.Sprintf("fetch(document.querySelector(%q).href).then(r => r.text())", selector))
		ok(t, err)
		return []byte(text)
	}
	record := filepath.Join(t.TempDir(), "draw.json")
	ok(t, os.WriteFile(record, fetch("a[download]"), 0o600))
	ok(t, tab.Open(origin()+"/verify"))
	view(t, tab, "verify", scripted(desktop))
	ok(t, tab.Upload("#file", record))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "Every check held")
	if out, err := exec.Command(site.binary, "verify", record).CombinedOutput(); err != nil {
		t.Errorf("fairlead verify: %v\n%s", err, out)
	}
	// One digit of the ticket: refused, here and there.
	forged := regexp.MustCompile(`"ticket":\d`).ReplaceAllFunc(read(t, record), func(m []byte) []byte {
		return append(m[:len(m)-1], '1'+(m[len(m)-1]-'0')%9)
	})
	ok(t, os.WriteFile(record+".forged", forged, 0o600))
	ok(t, tab.Upload("#file", record+".forged"))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "Refused")
	if err := exec.Command(site.binary, "verify", record+".forged").Run(); exitCode(err) != 6 {
		t.Errorf("fairlead verify takes a forged record: %v", err)
	}

	// The slip, behind the applicant's link.
	ok(t, tab.Open(site.applicant))
	ok(t, tab.Press(".primary", true))
	says(t, tab, "Draws of this call")
	slips := ask[[]string](t, tab, `[...document.querySelectorAll('a[href*="/slip/"]')].map(a => a.href)`)
	mine := ""
	for _, slip := range slips {
		if strings.HasSuffix(slip, run[strings.LastIndexByte(run, '/'):]) {
			mine = slip
		}
	}
	if mine == "" {
		t.Fatalf("no slip of this run among %v", slips)
	}
	ok(t, tab.Open(mine))
	says(t, tab, "Every check held")
	view(t, tab, "slip", scripted(desktop))
	slip := filepath.Join(t.TempDir(), "slip.json")
	ok(t, os.WriteFile(slip, fetch("a[download]"), 0o600))
	var holds struct{ Answers map[string][]string }
	ok(t, json.Unmarshal(read(t, slip), &holds))
	if len(holds.Answers) == 0 {
		t.Error("the slip holds no answers")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	ok(t, err)
	return b
}

func exitCode(err error) int {
	if e, is := err.(*exec.ExitError); is {
		return e.ExitCode()
	}
	return 0
}

// Somebody declines, the facilitator records it, and a run of its own fills the
// place: the others keep theirs.
func TestJourneyReplacement(t *testing.T) {
	tab := open(t, scripted(desktop))
	signIn(t, tab)
	run := sealed(t, tab, func() {})
	draw(t, tab, run)
	codes := func() []string {
		return ask[[]string](t, tab, `[...document.querySelectorAll(".codes li")].map(e => e.textContent.trim())`)
	}
	before := codes()
	ok(t, tab.Open(origin()+run+"/replace"))
	view(t, tab, "replace", scripted(desktop))
	ok(t, tab.Press("input[name=declined]", false))
	gone := ask[string](t, tab, "document.querySelector('input[name=declined]').value")
	ok(t, tab.Type("#reason", "Told us by telephone (invented)."))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "Fill these places?")
	ok(t, tab.Press(".go .primary", true))
	next := becomes(t, tab, "Sealed and ready for the draw")
	draw(t, tab, next)
	says(t, tab, "DRAWN_WITH_LOCKS")
	after := map[string]bool{}
	for _, code := range codes() {
		after[code] = true
	}
	kept := 0
	for _, code := range before {
		if after[code] {
			kept++
		}
	}
	if after[gone] || kept != len(before)-1 {
		t.Errorf("%s declined: %d of %d stay, and is it still in: %v", gone, kept, len(before), after[gone])
	}

	// An offer is prepared, looked at before it is sent, and taken back. Sent, it
	// would end the selecting for the other tests.
	ok(t, tab.Open(origin()+next+"/offers"))
	says(t, tab, "Who is offered a place?")
	view(t, tab, "offers-make", scripted(desktop))
	ask[bool](t, tab, `document.querySelectorAll("input[name=offer]").forEach((e, i) => { e.checked = i === 0 }); true`)
	ok(t, tab.Type("#reason", "As drawn (invented)."))
	ok(t, tab.Press(".go .primary", true))
	says(t, tab, "1 person is told")
	view(t, tab, "offers-send", scripted(desktop))
	ok(t, tab.Press(".go a", true))
	says(t, tab, "1 offer is prepared and not sent")
	view(t, tab, "offers", scripted(desktop))
	ok(t, tab.Press("ul.runs h3 a", true))
	view(t, tab, "offer", scripted(desktop))
	ok(t, tab.Type("#why", "Only tried (invented)."))
	ok(t, tab.Press("form.ask .btn", true))
	says(t, tab, "offer taken back")
}

// A facilitator with nothing but a keyboard, without script: criteria moved and
// checked, and a trial run begun.
func TestJourneyFacilitatorWithAKeyboard(t *testing.T) {
	tab := open(t, desktop)
	signIn(t, tab)
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
	ok(t, tab.Open(origin()+closed()+"/criteria"))
	to("button[value^='down:']")
	ok(t, tab.Key("Enter", true))
	// The card that was moved has the focus, so that it can be moved on. A browser
	// gives the focus of a new page with the first frame it draws, which may come
	// after the page has loaded.
	until(t, tab, "document.activeElement.matches('.editcard h3')")
	to("input.count[id$='-min']")
	ok(t, tab.Key("End", false))
	ok(t, tab.Key("Enter", true)) // in a field: the button that checks
	if !ask[bool](t, tab, "document.querySelector('#verdict h2') !== null") {
		t.Error("Enter in a field does not check")
	}
	ok(t, tab.Open(origin()+closed()+"/selections"))
	to("input[name=trial]")
	ok(t, tab.Key("Space", false))
	to("form.ask .go .primary")
	ok(t, tab.Key("Enter", true))
	says(t, tab, "Run ")
	becomes(t, tab, "What is possible")
}

var pdfPage = regexp.MustCompile(`/Type\s*/Page\b[^s]`)

// The report of a board on A4 paper: two pages at most, nothing cut off, and in
// the public version no count of people below 11.
func TestJourneyBoardReport(t *testing.T) {
	tab := open(t, scripted(desktop))
	signIn(t, tab)
	for name, at := range map[string]string{"report": site.result + "/report", "report-public": site.result + "/report?public=yes"} {
		ok(t, tab.Open(at))
		says(t, tab, "What we said we would do")
		view(t, tab, name, scripted(desktop))
		pdf, err := tab.PDF()
		ok(t, err)
		pages := len(pdfPage.FindAll(pdf, -1))
		if !bytes.HasPrefix(pdf, []byte("%PDF-")) || pages < 1 || pages > 2 {
			t.Errorf("%s has %d pages", name, pages)
		}
		if dir := os.Getenv("FAIRLEAD_PICTURES"); dir != "" {
			ok(t, os.WriteFile(filepath.Join(dir, name+".pdf"), pdf, 0o644))
		}
		// On paper 184 mm wide nothing is wider than its place.
		ok(t, tab.Look(Screen{Width: 695, Height: 1000, Print: true, Script: true}))
		if cut := ask[string](t, tab, `[...document.querySelectorAll(".report *")].filter(e => e.checkVisibility() && !e.matches(".vh, .vh *")
			&& (e.getBoundingClientRect().right > innerWidth + 1 || getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1)).map(e => e.outerHTML.slice(0, 60)).join("\n")`); cut != "" {
			t.Errorf("%s is cut off on paper:\n%s", name, cut)
		}
		if dir := os.Getenv("FAIRLEAD_PICTURES"); dir != "" {
			ok(t, tab.Shot(filepath.Join(dir, name+"-paper.png"), true))
		}
		ok(t, tab.Look(scripted(desktop)))
		t.Logf("figure: the report of a board, %s: %d pages of A4", name, pages)
	}
	ok(t, tab.Open(site.result+"/report?public=yes"))
	small := ask[[]string](t, tab, `[...document.querySelectorAll("table.board tbody tr")].flatMap(tr => [tr.children[1], tr.children[3]]).map(td => td.textContent.trim()).filter(s => /^[0-9,]+$/.test(s) && Number(s.replace(",", "")) < 11)`)
	if len(small) > 0 {
		t.Errorf("the public report shows the counts %v", small)
	}
	text := ask[string](t, tab, "document.querySelector('.report').innerText")
	if m := regexp.MustCompile(`\b(?:[0-9]|10) (?:people|applied|declined)|NS-\d{4}`).FindString(text); m != "" {
		t.Errorf("the public report says %q", m)
	}
}
