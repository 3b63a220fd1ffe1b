package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/openfairlead/fairlead/applications"
)

//go:embed messages/*.json
var messageFiles embed.FS

// catalog is every message of one language by key. English is complete; what
// another language lacks is said in English.
type catalog map[string]string

var catalogs = func() map[string]catalog {
	out := map[string]catalog{}
	for _, lang := range []string{"en", "es"} {
		b, err := messageFiles.ReadFile("messages/" + lang + ".json")
		if err != nil {
			panic(err)
		}
		var c catalog
		if err := json.Unmarshal(b, &c); err != nil {
			panic(fmt.Errorf("messages/%s.json: %w", lang, err))
		}
		out[lang] = c
	}
	return out
}()

// tongue speaks one language.
type tongue string

// say returns the message with its {placeholders} replaced by the values of
// the name, value pairs. A key that English lacks is a mistake in this
// package, and panics.
func (l tongue) say(key string, pairs ...any) string {
	m, ok := catalogs[string(l)][key]
	if !ok {
		if m, ok = catalogs["en"][key]; !ok {
			panic("no message " + strconv.Quote(key))
		}
	}
	if len(pairs) == 0 {
		return m
	}
	if len(pairs)%2 != 0 {
		panic("message " + strconv.Quote(key) + ": a placeholder without a value")
	}
	replace := make([]string, 0, len(pairs))
	for i := 0; i < len(pairs); i += 2 {
		replace = append(replace, "{"+pairs[i].(string)+"}", fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(replace...).Replace(m)
}

// count says key.one or key.other, with {n}.
func (l tongue) count(key string, n int, pairs ...any) string {
	form := ".other"
	if n == 1 {
		form = ".one"
	}
	return l.say(key+form, append([]any{"n", n}, pairs...)...)
}

// phrase is a text with the language that it is in, where that may differ from
// the page's: a screen reader then pronounces it right.
type phrase struct{ Text, Lang string }

func (l tongue) phrase(t applications.Text) phrase {
	if s := t[string(l)]; s != "" {
		return phrase{s, string(l)}
	}
	return phrase{t["en"], "en"}
}

// said is a phrase in the page's own language.
func (l tongue) said(s string) phrase { return phrase{s, string(l)} }

// markup writes a phrase into a page, marked where its language is another.
func (l tongue) markup(p phrase) template.HTML {
	text := template.HTMLEscapeString(p.Text)
	if p.Lang == "" || p.Lang == string(l) || p.Text == "" {
		return template.HTML(text)
	}
	return template.HTML(`<span lang="` + template.HTMLEscapeString(p.Lang) + `">` + text + `</span>`)
}

// paragraphs splits a text at its line breaks.
func (l tongue) paragraphs(t applications.Text) []phrase {
	p := l.phrase(t)
	var out []phrase
	for line := range strings.Lines(p.Text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, phrase{line, p.Lang})
		}
	}
	return out
}

// moment is a time as people read it and as machines do.
type moment struct{ Machine, Text string }

func (l tongue) moment(t time.Time, zone *time.Location) moment {
	if t.IsZero() {
		return moment{}
	}
	t = t.In(zone)
	return moment{t.Format(time.RFC3339), l.date(t) + ", " + l.clock(t)}
}

var (
	monthsEN = []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	monthsES = []string{"ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"}
)

func (l tongue) date(t time.Time) string {
	if l == "es" {
		return fmt.Sprintf("%d de %s de %d", t.Day(), monthsES[t.Month()-1], t.Year())
	}
	return fmt.Sprintf("%s %d, %d", monthsEN[t.Month()-1], t.Day(), t.Year())
}

// clock always names the zone.
func (l tongue) clock(t time.Time) string {
	zone, _ := t.Zone()
	half := "am"
	if t.Hour() >= 12 {
		half = "pm"
	}
	if l == "es" {
		half = half[:1] + ". m."
	}
	return fmt.Sprintf("%d:%02d %s %s", (t.Hour()+11)%12+1, t.Minute(), half, zone)
}

// number writes an integer with its thousands apart.
func (l tongue) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

const languageCookie = "fairlead-language"

// tongueOf picks the language: what was asked for now, what was asked for
// before, what the browser prefers.
func (s *server) tongueOf(r *http.Request) tongue {
	if l := r.URL.Query().Get("lang"); slices.Contains(s.Languages, l) {
		return tongue(l)
	}
	if l := s.readCookie(r, languageCookie); slices.Contains(s.Languages, l) {
		return tongue(l)
	}
	tags := make([]language.Tag, len(s.Languages))
	for i, l := range s.Languages {
		tags[i] = language.Make(l)
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(wanted) == 0 {
		return tongue(s.Languages[0])
	}
	_, i, confidence := language.NewMatcher(tags).Match(wanted...)
	if confidence == language.No {
		i = 0
	}
	return tongue(s.Languages[i])
}

// languageNames are each in their own language.
var languageNames = map[string]string{"en": "English", "es": "Español"}
