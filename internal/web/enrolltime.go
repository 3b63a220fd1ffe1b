package web

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// The sections of a profile that say when and where somebody can meet, and in
// which languages.

var (
	dayKeys  = [7]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	dayCells = [7]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
)

// usualZones are offered; any other of the world is taken, too.
var usualZones = []string{
	"America/Los_Angeles", "America/Denver", "America/Phoenix", "America/Chicago", "America/New_York", "America/Anchorage", "Pacific/Honolulu",
	"America/Vancouver", "America/Mexico_City", "America/Puerto_Rico",
}

func timeValues(x *enrollee) url.Values {
	v := url.Values{"zone": {x.e.Profile["zone"]}, "async": {yesNo(x.e.Profile["asynchronous"])}}
	list, err := scoring.ReadHours(x.e.Profile["hours"])
	if err != nil { // nothing of it can be shown in rows; it stays until hours are saved
		return v
	}
	type times struct{ from, to int }
	var order []times
	days := map[times][]string{}
	for _, h := range list {
		at := times{h.From, h.To}
		if days[at] == nil {
			order = append(order, at)
		}
		days[at] = append(days[at], dayKeys[h.Day])
	}
	for n, at := range order {
		v[enrollRow("days", n)] = days[at]
		v.Set(enrollRow("from", n), clockValue(at.from))
		v.Set(enrollRow("to", n), clockValue(at.to))
	}
	return v
}

func clockValue(minutes int) string { return fmt.Sprintf("%d:%02d", minutes/60, minutes%60) }

// yesNo reads a cell as the intake of scores does.
func yesNo(cell string) string {
	switch strings.ToLower(strings.TrimSpace(cell)) {
	case "yes", "y", "true", "x", "1", "sí", "si":
		return "yes"
	case "no", "n", "false", "0":
		return "no"
	}
	return ""
}

// answered is an answer of yes or no, or what is stored where it is neither and
// nobody answered.
func answered(value, stored string) string {
	if value == "" && yesNo(stored) == "" {
		return stored
	}
	return value
}

func yesNoOptions(l tongue, value, about string) []option {
	return chosen(value, option{Value: "yes", Label: l.say("enroll." + about + ".yes")}, option{Value: "no", Label: l.say("enroll." + about + ".no")},
		option{Label: l.say("enroll.blank")})
}

func timeFields(x *enrollee, l tongue, v url.Values) []enrollField {
	zone := v.Get("zone")
	if zone == "" && !v.Has("go") && x.e.Profile["zone"] == "" {
		zone = x.zone().String()
	}
	out := []enrollField{
		{Kind: "text", Name: "zone", Label: l.say("enroll.zone"), Hint: l.say("enroll.zone.hint"), Value: zone, Source: "zones", Max: 60},
	}
	for n := range rowsShown(v, 2, 2, "days", "from", "to") {
		row := enrollField{Kind: "group", ID: enrollRow("hours", n), Label: l.say("enroll.hours", "n", n+1)}
		days := enrollField{Kind: "days", ID: enrollRow("days", n), Name: enrollRow("days", n), Label: l.say("enroll.days")}
		for _, d := range dayKeys {
			days.Options = append(days.Options, option{Value: d, Label: l.say("enroll.day." + d)})
		}
		days.Options = chosenAll(v[enrollRow("days", n)], days.Options...)
		row.Fields = append(row.Fields, days,
			enrollField{Kind: "clock", Name: enrollRow("from", n), Label: l.say("enroll.from"), Clocks: clocks(l, v.Get(enrollRow("from", n)), 0)},
			enrollField{Kind: "clock", Name: enrollRow("to", n), Label: l.say("enroll.to"), Clocks: clocks(l, v.Get(enrollRow("to", n)), 30)})
		out = append(out, row)
	}
	return append(out, enrollField{
		Kind: "radio", ID: "async", Name: "async", Label: l.say("enroll.async"), Hint: l.say("enroll.async.hint"), Options: yesNoOptions(l, v.Get("async"), "async"),
	})
}

// clock is a time of the day to choose.
type clock struct {
	minutes int
	tongue  tongue
	Chosen  bool
}

// Value is the time as a profile has it, Label as people read it.
func (c clock) Value() string { return clockValue(c.minutes) }
func (c clock) Label() string { return c.tongue.timeOfDay(c.minutes) }

// clocks are the half hours of a day, and the time that is there already.
func clocks(l tongue, value string, from int) []clock {
	var out []clock
	there := value == ""
	for m := from; m < from+24*60; m += 30 {
		out = append(out, clock{m, l, clockValue(m) == value})
		there = there || clockValue(m) == value
	}
	var hour, minute int
	if _, err := fmt.Sscanf(value, "%d:%d", &hour, &minute); err == nil && !there && hour < 24 && minute < 60 && hour >= 0 && minute >= 0 {
		out = append(out, clock{hour*60 + minute, l, true})
	}
	return out
}

// timeOfDay is minutes since midnight as people read them; 1440 is midnight.
func (l tongue) timeOfDay(minutes int) string {
	if minutes%(24*60) == 0 {
		return l.say("enroll.midnight")
	}
	half := "am"
	if minutes >= 12*60 {
		half = "pm"
	}
	if l == "es" {
		half = half[:1] + ". m."
	}
	return fmt.Sprintf("%d:%02d %s", (minutes/60+11)%12+1, minutes%60, half)
}

func takeTime(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	var items []string
	for n := range rowsOf(v, "days", "from", "to") {
		days, from, to := v[enrollRow("days", n)], v.Get(enrollRow("from", n)), v.Get(enrollRow("to", n))
		if len(days) == 0 && from == "" && to == "" {
			continue
		}
		var names []string
		for i, key := range dayKeys {
			if slices.Contains(days, key) {
				names = append(names, dayCells[i])
			}
		}
		item := strings.Join(names, ",") + " " + from + "-" + to
		_, err := scoring.ReadHours(item)
		switch {
		case len(names) == 0:
			faults.add(enrollRow("days", n), l.say("enroll.fault.days"))
		case from == "" || to == "":
			faults.add(enrollRow("from", n), l.say("enroll.fault.times"))
		case err != nil:
			faults.add(enrollRow("from", n), l.say("enroll.fault.order"))
		}
		items = append(items, item)
	}
	zone := clean(v.Get("zone"), false)
	switch {
	case zone == "" && len(items) > 0:
		faults.add("zone", l.say("enroll.fault.zone_needed"))
	case zone != "" && scoring.ReadZone(zone) != nil:
		faults.add("zone", l.say("enroll.fault.zone"))
	}
	_, unreadable := scoring.ReadHours(x.e.Profile["hours"])
	if len(items) > 0 || unreadable == nil {
		e.Profile["hours"] = strings.Join(items, "; ")
	}
	e.Profile["zone"], e.Profile["asynchronous"] = zone, answered(v.Get("async"), x.e.Profile["asynchronous"])
	return faults
}

// ---- where and in which language ----

// usualLanguages are offered by name; any other can be written.
var usualLanguages = []string{"English", "Spanish", "Russian", "Ukrainian", "Vietnamese", "Tagalog", "Korean", "Mixtec", "ASL"}

func meetingValues(x *enrollee) url.Values {
	v := url.Values{"in_person": {yesNo(x.e.Profile["in_person"])}, "preferred": {}}
	travel := scoring.ShippedTravel()
	for _, place := range splitCell(x.e.Profile["places"]) {
		held := len(v["places"])
		for _, id := range travel.IDs() {
			if strings.EqualFold(place, id) || strings.EqualFold(place, travel.Label(id, "en")) || strings.EqualFold(place, travel.Label(id, "es")) ||
				strings.EqualFold(place+" County", travel.Label(id, "en")) {
				v.Add("places", id)
			}
		}
		if len(v["places"]) == held { // none that is known here
			v.Add("places", place)
		}
	}
	var others []string
	for _, name := range splitCell(x.e.Profile["languages"]) {
		if at := usualLanguage(name); at >= 0 {
			v.Add("languages", usualLanguages[at])
		} else {
			others = append(others, name)
		}
	}
	v.Set("other_languages", strings.Join(others, "; "))
	if preferred := x.e.Profile["preferred_language"]; preferred != "" {
		if at := usualLanguage(preferred); at >= 0 {
			preferred = usualLanguages[at]
		}
		v.Set("preferred", preferred)
	}
	return v
}

// usualLanguage finds a language by its name in English, or by its code.
func usualLanguage(name string) int {
	return slices.IndexFunc(usualLanguages, func(u string) bool {
		return strings.EqualFold(u, name) || strings.EqualFold(u, scoring.LanguageName(strings.ToLower(name)))
	})
}

func meetingFields(x *enrollee, l tongue, v url.Values) []enrollField {
	places := enrollField{Kind: "checkbox", ID: "places", Name: "places", Label: l.say("enroll.places"), Hint: l.say("enroll.places.hint")}
	travel := scoring.ShippedTravel()
	for _, id := range travel.IDs() {
		places.Options = append(places.Options, option{Value: id, Label: travel.Label(id, string(l))})
	}
	for _, place := range v["places"] {
		if !slices.Contains(travel.IDs(), place) {
			places.Options = append(places.Options, option{Value: place, Label: place})
		}
	}
	places.Options = chosenAll(v["places"], places.Options...)
	spoken := enrollField{Kind: "checkbox", ID: "languages", Name: "languages", Label: l.say("enroll.languages"), Hint: l.say("enroll.languages.hint")}
	for _, name := range usualLanguages {
		spoken.Options = append(spoken.Options, option{Value: name, Label: l.say("enroll.lang." + name)})
	}
	spoken.Options = chosenAll(v["languages"], spoken.Options...)
	out := []enrollField{
		{Kind: "radio", ID: "in_person", Name: "in_person", Label: l.say("enroll.in_person"), Options: yesNoOptions(l, v.Get("in_person"), "in_person")},
		places, spoken,
		{Kind: "text", Name: "other_languages", Label: l.say("enroll.other_languages"), Hint: l.say("enroll.several"), Value: v.Get("other_languages"), Max: 300, Optional: true},
	}
	if x.mentors() {
		return out
	}
	preferred := enrollField{Kind: "text", Name: "preferred", Label: l.say("enroll.preferred"), Hint: l.say("enroll.preferred.hint"), Value: v.Get("preferred"), Max: 60, Optional: true, Source: "tongues"}
	return append(out, preferred)
}

func takeMeeting(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	travel := scoring.ShippedTravel()
	var places []string
	for _, id := range travel.IDs() {
		if slices.Contains(v["places"], id) {
			places = append(places, travel.Label(id, "en"))
		}
	}
	for _, place := range splitCell(x.e.Profile["places"]) { // those that are not known stay until they are unticked
		if slices.Contains(v["places"], place) && !slices.Contains(travel.IDs(), place) {
			places = append(places, place)
		}
	}
	var spoken []string
	for _, name := range usualLanguages {
		if slices.Contains(v["languages"], name) {
			spoken = append(spoken, name)
		}
	}
	for _, name := range splitCell(strings.ReplaceAll(clean(v.Get("other_languages"), false), ",", ";")) {
		if !strings.ContainsFunc(name, unicode.IsLetter) {
			faults.add("other_languages", l.say("enroll.fault.language"))
			continue
		}
		spoken = append(spoken, name)
	}
	e.Profile["in_person"], e.Profile["places"], e.Profile["languages"] = answered(v.Get("in_person"), x.e.Profile["in_person"]), strings.Join(places, "; "), strings.Join(spoken, "; ")
	if x.mentors() {
		return faults
	}
	preferred := clean(v.Get("preferred"), false)
	if preferred != "" {
		for _, u := range usualLanguages { // by its name in the language of the page
			if strings.EqualFold(preferred, l.say("enroll.lang."+u)) {
				preferred = u
			}
		}
		if len(spoken) > 0 && !slices.ContainsFunc(spoken, func(s string) bool { return strings.EqualFold(s, preferred) }) {
			faults.add("preferred", l.say("enroll.fault.preferred"))
		}
	}
	e.Profile["preferred_language"] = preferred
	return faults
}

// ---- work, and with whom not ----
