package webtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowd has 200 invented people apply to the open call over REST, once.
var crowd = sync.OnceValue(func() error {
	values := func(from ...string) map[string]any { return map[string]any{"values": from} }
	counties := []string{"snohomish", "snohomish", "snohomish", "snohomish", "whatcom", "whatcom", "skagit", "island", "snohomish", "san_juan"}
	sectors := []string{"hospital", "housing", "food", "cbo", "public_health", "tribal_health", "transport", "primary_care", "behavioral_health"}
	places := []string{"city", "city", "rural", "small_town", "island", "tribal_land", "city"}
	levels := []string{"executive", "senior_manager", "lead", "manager_supervisor"}
	races := []string{"white", "white", "white", "hispanic", "asian", "black", "aian", "white", "nhpi", "white", "mena", "white", "hispanic"}
	for i := range 200 {
		pick := func(from []string) string { return from[(i*7+i/len(from))%len(from)] }
		race := values(pick(races))
		if i%11 == 3 {
			race = values(pick(races), "aian")
			if pick(races) == "aian" {
				race = values("aian")
			}
		}
		body, err := json.Marshal(map[string]any{
			"contact": map[string]string{"name": fmt.Sprintf("Invented %d", i)}, "language": "en",
			"consents": []any{map[string]string{"key": "take_part"}},
			"answers": map[string]any{
				"role_authority": values("structural_change"), "organization": map[string]string{"text": fmt.Sprintf("Invented organization %d", i/2)},
				"role_level": values(pick(levels)), "sector": values(pick(sectors)), "county": values(pick(counties)),
				"kind_of_place": values(pick(places)), "race_ethnicity": race, "gender": values([]string{"woman", "woman", "man", "nonbinary"}[i%4]),
			},
		})
		if err != nil {
			return err
		}
		res, err := http.Post(origin()+"/v1/programs/"+program()+"/applications?submit=true", "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("applicant %d: %s: %s %v", i, res.Status, text, err)
		}
	}
	return nil
})

// inRow is the selector of a bound of the row that counts an answer.
func inRow(t *testing.T, tab *Tab, answer, bound string) string {
	t.Helper()
	id := ask[string](t, tab, fmt.Sprintf(`[...document.querySelectorAll('input[type=hidden][name$=".kept"]')].find(i => i.value === '{"v":["%s"]}')?.closest("th").id.replace("-label", "-%s") ?? ""`, answer, bound))
	if id == "" {
		t.Fatalf("no row counts %s", answer)
	}
	return "#" + id
}

// The verdict follows the keystroke, with 200 people in the pool and the rules
// of the preset that look at the most.
func TestVerdictFollowsTheKeystroke(t *testing.T) {
	ok(t, crowd())
	tab := open(t, Screen{Width: 1280, Height: 900, Script: true})
	signIn(t, tab)
	ok(t, tab.Open(origin()+"/programs/"+program()+"/criteria?set=balanced"))
	says(t, tab, "Possible")
	field := inRow(t, tab, "housing", "max")
	// From the moment that the browser was told of the key to the moment after
	// the verdict was painted. Nobody asks the page anything meanwhile.
	ask[bool](t, tab, `window.took = []; addEventListener("keydown", e => { window.pressed = e.timeStamp }, true);
		new MutationObserver(() => { const since = window.pressed; requestAnimationFrame(() => setTimeout(() => { window.took.push(performance.now() - since); window.painted?.(true) })) })
			.observe(document.querySelector("form[data-check]"), {attributes: true, attributeFilter: ["data-checked"]}); true`)
	ok(t, tab.Press(field, false))
	ok(t, tab.Key("End", false))
	// worst is the share of those that may take longer than most milliseconds. The
	// aim is for a machine that does nothing else, which only the soak asks for.
	keys, worst, most := 12, 0.5, 1000.0
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		keys, worst, most = 40, 0.05, 100
	}
	late := 1e9
	for range 3 { // the machine may be busy with something else
		ask[bool](t, tab, "window.took = []; true")
		for n := range keys {
			ok(t, tab.Key([]string{"Backspace", "2", "Backspace", "3", "Backspace", "9"}[n%6], false))
			painted, err := Await[bool](tab, fmt.Sprintf("window.took.length > %d || new Promise(painted => { window.painted = painted })", n))
			if err != nil || !painted {
				t.Fatalf("after keystroke %d no verdict was painted: %v", n+1, err)
			}
		}
		figures := ask[[]float64](t, tab, "window.took")
		slices.Sort(figures)
		at := func(share float64) float64 { return figures[int(float64(len(figures)-1)*share+0.5)] }
		t.Logf("figure: from a keystroke in the criteria editor to the verdict painted, 200 in the pool, %d keystrokes: median %.0f ms, 95 %% within %.0f ms, slowest %.0f ms",
			len(figures), at(0.5), at(0.95), at(1))
		if late = min(late, at(1-worst)); late <= most {
			break
		}
	}
	if late > most {
		t.Errorf("of %d keystrokes, %.0f %% have no verdict within %.0f ms: it takes %.0f", keys, worst*100, most, late)
	}
}

// until waits for something to become true on the page.
func until(t *testing.T, tab *Tab, expression string) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ask[bool](t, tab, expression) {
			return
		}
	}
	t.Fatalf("at %s it never became true that %s:\n%s", ask[string](t, tab, "location.pathname"), expression, strings.TrimSpace(ask[string](t, tab, "document.body.innerText")))
}
