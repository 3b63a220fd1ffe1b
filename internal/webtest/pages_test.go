package webtest

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	phone   = Screen{Name: "phone-light", Width: 390, Height: 844}
	screens = []Screen{
		{Name: "desktop-light", Width: 1280, Height: 900},
		{Name: "desktop-dark", Width: 1280, Height: 900, Dark: true},
		phone,
		{Name: "phone-dark", Width: 390, Height: 844, Dark: true},
		{Name: "narrow", Width: 320, Height: 640},
	}
)

// From the open call to the receipt on a phone without JavaScript, and the
// session is lost in the middle of a page.
func TestApplyOnAPhoneWithoutScript(t *testing.T) {
	tab := open(t, phone)
	begin := time.Now()
	walk(t, tab, func(name string) {
		noOverflow(t, tab, phone, name)
	}, func(code string) {
		ok(t, tab.Forget())
		ok(t, tab.Press(".go .primary", true)) // the page is sent without a session
		says(t, tab, "Your session has ended")
		ok(t, tab.Type("#code", strings.ToLower(strings.ReplaceAll(code, "-", ""))))
		ok(t, tab.Press(".go .primary", true))
		says(t, tab, "Which kind of organization")
		// What had been typed into the lost page was kept.
		ok(t, tab.Open(origin()+"/apply/"+program()+"/questions/work"))
		if got := ask[string](t, tab, "document.querySelector('#f-organization').value"); got != "Invented Organization" {
			t.Errorf("the page sent without a session holds %q", got)
		}
		ok(t, tab.Press(".go .primary", true))
	})
	t.Logf("figure: an application on a 390 px phone without script, from the call to the receipt, the session lost once: %.1f s", time.Since(begin).Seconds())
}

// The same pages with nothing but a keyboard.
func TestApplyWithAKeyboard(t *testing.T) {
	tab := open(t, Screen{Width: 1280, Height: 900})
	to := func(selector string) {
		t.Helper()
		for range 80 {
			if ask[bool](t, tab, fmt.Sprintf("document.activeElement?.matches(%q) ?? false", selector)) {
				// What has the focus shows it.
				style := "getComputedStyle(document.activeElement.closest('.opt') ?? document.activeElement)"
				if ask[string](t, tab, style+".outlineStyle") != "solid" {
					t.Errorf("%s has the focus and does not show it", selector)
				}
				return
			}
			ok(t, tab.Key("Tab", false))
		}
		t.Fatalf("no Tab leads to %s at %s", selector, ask[string](t, tab, "location.pathname"))
	}
	ok(t, tab.Open(site.call))
	ok(t, tab.Key("Tab", false))
	if ask[string](t, tab, "document.activeElement.className") != "skip" {
		t.Error("the first Tab does not lead to the skip link")
	}
	to(".go .primary")
	ok(t, tab.Key("Enter", true))
	time.Sleep(1100 * time.Millisecond)
	to("#f-name")
	ok(t, tab.Type("#f-name", "Keyboard (invented)"))
	ok(t, tab.Key("Enter", true)) // in a field: the button that saves, not "Back"
	says(t, tab, "What authority do you have")
	to("#f-role_authority-structural_change")
	ok(t, tab.Key("Space", false))
	to(".go .primary")
	ok(t, tab.Key("Enter", true))
	says(t, tab, "Which organization do you work for")
	to("button[value=back]")
	ok(t, tab.Key("Enter", true))
	says(t, tab, "What authority do you have")
	if !ask[bool](t, tab, "document.querySelector('#f-role_authority-structural_change').checked") {
		t.Error("Back lost the answer")
	}
	to("button[value=later]")
	ok(t, tab.Key("Enter", true))
	says(t, tab, "Your return code")
}

// Every page in five views: no finding of axe, nothing wider than the screen,
// nothing too small to press. All views of all pages with FAIRLEAD_SOAK=1;
// else the four pages that everything stands on in all views, and the others
// on one phone.
func TestEveryPageIsAccessible(t *testing.T) {
	tab := open(t, scripted(phone)) // axe needs timers; the pages have no script
	core := map[string]bool{"race": true, "lived-error": true, "check": true, "result": true}
	checked, found := 0, 0
	visit := func(name string) {
		t.Helper()
		for _, screen := range screens {
			if !core[name] && screen != phone && os.Getenv("FAIRLEAD_SOAK") == "" {
				continue
			}
			ok(t, tab.Look(scripted(screen)))
			noOverflow(t, tab, screen, name)
			largeEnough(t, tab, screen, name)
			findings, err := tab.Axe()
			ok(t, err)
			for _, f := range findings {
				t.Errorf("%s, %s: %v", name, screen.Name, f)
				found++
			}
			checked++
		}
		ok(t, tab.Look(scripted(phone)))
	}
	walk(t, tab, visit, nil)
	for _, at := range []string{"return", "withdraw", "saved"} {
		ok(t, tab.Open(origin()+"/apply/"+program()+"/"+at))
		visit(at)
	}
	for _, at := range []string{"/calls/" + program() + "/privacy", "/sign-in", "/nowhere"} {
		ok(t, tab.Open(origin()+at))
		visit(at)
	}
	signIn(t, tab)
	for name, at := range map[string]string{"result": site.result, "people": site.result + "?view=people", "runs": site.result[:strings.LastIndexByte(site.result, '/')], "programs": origin() + "/programs"} {
		ok(t, tab.Open(at))
		visit(name)
	}
	// The checker does see what is wrong: a button without a name, pale text.
	ask[bool](t, tab, `document.querySelector("main").insertAdjacentHTML("beforeend", '<button class="btn"></button><p class="pale">pale</p>');
		document.styleSheets[0].insertRule(".pale { color: #999; background: #aaa }"); true`)
	findings, err := tab.Axe()
	ok(t, err)
	planted := map[string]bool{}
	for _, f := range findings {
		planted[f.Rule] = true
	}
	if !planted["button-name"] || !planted["color-contrast"] {
		t.Errorf("axe does not find what was planted, only %v", findings)
	}
	t.Logf("figure: pages checked with axe-core: %d views, %d findings", checked, found)
}

func scripted(s Screen) Screen {
	s.Script = true
	return s
}

func noOverflow(t *testing.T, tab *Tab, screen Screen, name string) {
	t.Helper()
	if width := ask[float64](t, tab, "document.documentElement.scrollWidth"); int(width) > screen.Width {
		t.Errorf("%s is %v px wide on a screen of %d", name, width, screen.Width)
	}
	if rules := ask[float64](t, tab, "document.styleSheets.length && document.styleSheets[0].cssRules.length"); rules < 50 {
		t.Errorf("%s: the style sheet did not load: %v rules", name, rules)
	}
}

// largeEnough looks at what is pressed by itself, not at links within a text.
func largeEnough(t *testing.T, tab *Tab, screen Screen, name string) {
	t.Helper()
	const small = `[...document.querySelectorAll('button:not(.vh), .btn, .opt, summary, .menu a, .side a, .tabs a, input[type=text], input[type=email], input[type=tel], textarea')]
		.filter(e => e.checkVisibility() && !e.closest('.trap') && e.getBoundingClientRect().height < 43.9)
		.map(e => e.outerHTML.slice(0, 80)).join('\n')`
	if found := ask[string](t, tab, small); found != "" {
		t.Errorf("%s, %s: less than 44 px high:\n%s", name, screen.Name, found)
	}
}

// TestPictures takes a picture of each page on each screen: into the folder
// that FAIRLEAD_PICTURES names, else only to see that pages are drawn.
func TestPictures(t *testing.T) {
	dir := os.Getenv("FAIRLEAD_PICTURES")
	all := dir != ""
	if !all {
		dir = t.TempDir()
	}
	tab := open(t, phone)
	visit := func(name string) {
		t.Helper()
		for _, screen := range screens {
			if !all && screen != phone {
				continue
			}
			ok(t, tab.Look(screen))
			path := filepath.Join(dir, name+"-"+screen.Name+".png")
			ok(t, tab.Shot(path, true))
			f, err := os.Open(path)
			ok(t, err)
			picture, err := png.DecodeConfig(f)
			f.Close()
			if err != nil || picture.Width != screen.Width || picture.Height < 400 {
				t.Errorf("%s, %s: a picture of %d by %d, %v", name, screen.Name, picture.Width, picture.Height, err)
			}
		}
		ok(t, tab.Look(phone))
	}
	if all {
		walk(t, tab, visit, nil)
	}
	signIn(t, tab)
	ok(t, tab.Open(site.result))
	visit("result")
	ok(t, tab.Open(site.result+"?view=people"))
	visit("people")

	// The picture in the README: the top of a result.
	ok(t, tab.Look(Screen{Width: 1280, Height: 1040}))
	ok(t, tab.Open(site.result))
	path := filepath.Join(dir, "readme.png")
	ok(t, tab.Shot(path, false))
	if info, err := os.Stat(path); err != nil || info.Size() > 300_000 {
		t.Errorf("the picture for the README: %v, %v", info.Size(), err)
	}
}
