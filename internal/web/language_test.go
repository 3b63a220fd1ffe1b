package web

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func TestCatalogs(t *testing.T) {
	for key, english := range catalogs["en"] {
		if strings.TrimSpace(english) == "" {
			t.Errorf("en: %s is empty", key)
		}
		spanish, ok := catalogs["es"][key]
		if !ok {
			continue // said in English
		}
		want, got := placeholder.FindAllString(english, -1), placeholder.FindAllString(spanish, -1)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(slices.Compact(want), slices.Compact(got)) {
			t.Errorf("es: %s has the placeholders %v, English %v", key, got, want)
		}
	}
	for key := range catalogs["es"] {
		if _, ok := catalogs["en"][key]; !ok {
			t.Errorf("es: %s is no message", key)
		}
	}
	for key := range catalogs["en"] {
		if one, found := strings.CutSuffix(key, ".one"); found {
			if _, ok := catalogs["en"][one+".other"]; !ok {
				t.Errorf("en: %s has no .other", key)
			}
		}
	}
}

// TestEveryMessageIsThere looks for the keys in templates and code: a key is
// said as it stands, or built from a prefix with a closed set of endings.
func TestEveryMessageIsThere(t *testing.T) {
	inTemplate := regexp.MustCompile(`(?:\{\{|\()-? ?(t|n) "([^"]+)"`)
	inCode := regexp.MustCompile(`\.(say|count)\("([^"]+)"(\s*\+)?`)
	said := map[string]bool{}
	note := func(file, how, key string) {
		if strings.HasSuffix(key, ".") {
			return // a prefix: checked below
		}
		if how == "n" || how == "count" {
			for _, form := range []string{".one", ".other"} {
				said[key+form] = true
				if _, ok := catalogs["en"][key+form]; !ok {
					t.Errorf("%s: no message %s", file, key+form)
				}
			}
			return
		}
		said[key] = true
		if _, ok := catalogs["en"][key]; !ok {
			t.Errorf("%s: no message %s", file, key)
		}
	}
	for _, pattern := range []string{"templates/*.html", "*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range inTemplate.FindAllStringSubmatch(string(b), -1) {
				note(file, m[1], m[2])
			}
			for _, m := range inCode.FindAllStringSubmatch(string(b), -1) {
				note(file, m[1], m[2])
			}
		}
	}
	built := []string{"offers.refused.", "matching.refused.", "matching.hand.nobody.", "matching.state.", "matching.step.", "matching.rule.", "matching.left.", "matching.term.", "matching.tab.", "matching.proposal.", "matching.side.", "matching.end.", "matching.measure.", "matching.measures.", "matching.aims.", "matching.recruit.", "matching.edit.", "matching.gone.", "pair.column.", "pair.cost.", "pair.try.", "enroll.section.", "enroll.lived.", "enroll.style.", "enroll.lang.", "enroll.day.", "enroll.level.", "enroll.consent.", "enroll.in_person.", "enroll.async.", "enroll.seats", "enroll.wanted", "enroll.text.", "enroll.found.", "mentor.places.", "error.", "use.", "status.", "program.", "run.", "step.", "provenance.", "detail.", "contact.", "tab.", "kind.", "version.", "lottery.", "sealed.", "seed.", "source.", "excluded.", "report.level.", "way.", "breach.", "broken.", "seat.", "board.", "mentoring.", "mentorship.", "meeting.", "goal.", "feature.", "decline_reason.", "survey.", "fault.", "people.", "plan."}
	for key := range catalogs["en"] {
		if !said[key] && !slices.ContainsFunc(built, func(prefix string) bool { return strings.HasPrefix(key, prefix) }) {
			t.Errorf("en: nothing says %s", key)
		}
	}
	for _, state := range []applications.SelectionState{
		applications.SelectionQueued, applications.SelectionRunning, applications.SelectionSealed, applications.SelectionSucceeded,
		applications.SelectionFailed, applications.SelectionCanceled, applications.SelectionStale,
	} {
		tongue("en").say("run." + string(state))
		tongue("en").say("run." + string(state) + ".text")
	}
	for _, state := range []applications.ProgramState{
		applications.ProgramDraft, applications.ProgramOpen, applications.ProgramClosed, applications.ProgramSelecting, applications.ProgramOffersOut,
		applications.ProgramFilled, applications.ProgramRunning, applications.ProgramCompleted, applications.ProgramArchived,
	} {
		tongue("en").say("program." + string(state))
	}
	for _, state := range []mentoring.EnrollmentState{
		mentoring.Draft, mentoring.Submitted, mentoring.Screened, mentoring.Available, mentoring.Paused, mentoring.Withdrawn, mentoring.Erased,
	} {
		tongue("en").say("mentoring." + string(state))
		tongue("en").say("mentoring." + string(state) + ".text")
	}
	for _, reason := range mentoring.DeclineReasons {
		tongue("en").say("decline_reason." + string(reason))
	}
	for _, state := range []mentoring.MentorshipState{mentoring.Active, mentoring.OnHold, mentoring.Completed, mentoring.EndedEarly} {
		tongue("en").say("mentorship." + string(state))
	}
	for _, p := range []applications.Provenance{applications.Drawn, applications.DrawnWithLocks, applications.Computed, applications.Chosen} {
		tongue("en").say("provenance." + string(p))
	}
}

func TestFallingBackToEnglish(t *testing.T) {
	saved := catalogs["es"]
	catalogs["es"] = catalog{}
	defer func() { catalogs["es"] = saved }()
	if got := tongue("es").say("back"); got != "Back" {
		t.Errorf("a missing Spanish message reads %q", got)
	}
	if got := tongue("es").phrase(applications.Text{"en": "x"}); got.Lang != "en" {
		t.Errorf("a missing Spanish text claims to be in %q", got.Lang)
	}
}

func TestTimesNameTheirZone(t *testing.T) {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		lang tongue
		want string
	}{
		{time.Date(2026, 12, 13, 1, 0, 0, 0, time.UTC), "en", "Dec 12, 2026, 5:00 pm PST"},
		{time.Date(2026, 7, 1, 7, 5, 0, 0, time.UTC), "en", "Jul 1, 2026, 12:05 am PDT"},
		{time.Date(2026, 11, 1, 9, 30, 0, 0, time.UTC), "en", "Nov 1, 2026, 1:30 am PST"}, // the second 1:30 of that night
		{time.Date(2026, 11, 1, 8, 30, 0, 0, time.UTC), "en", "Nov 1, 2026, 1:30 am PDT"},
		{time.Date(2026, 12, 13, 1, 0, 0, 0, time.UTC), "es", "12 de dic de 2026, 5:00 p. m. PST"},
	} {
		if got := c.lang.moment(c.at, zone).Text; got != c.want {
			t.Errorf("%s: %q, want %q", c.lang, got, c.want)
		}
	}
	p := &applications.Program{Window: applications.Window{Closes: time.Date(2026, 12, 13, 8, 0, 0, 0, time.UTC), Zone: "America/Los_Angeles"}}
	// Closing at midnight, the day before is the last.
	if got := timeLeft("en", p, time.Date(2026, 12, 12, 20, 0, 0, 0, time.UTC)); got != "closes today" {
		t.Errorf("on the last day: %q", got)
	}
	if got := timeLeft("en", p, time.Date(2026, 12, 12, 7, 59, 0, 0, time.UTC)); got != "1 day left" {
		t.Errorf("a minute before the last day: %q", got)
	}
}

func TestLocalPath(t *testing.T) {
	for to, want := range map[string]string{
		"/programs": "/programs", "/a?b=c": "/a?b=c", "": "", "programs": "", "https://x": "", "//x": "", `/\x`: "", "javascript:x": "", "/\r\nX: y": "", "/x#y": "/x",
	} {
		if got := localPath(to); got != want {
			t.Errorf("localPath(%q) = %q, want %q", to, got, want)
		}
	}
}
