package web

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// enrollee is whoever fills in their own profile, and what it is asked by.
type enrollee struct {
	*mentorPlace
	plan  *mentoring.Plan
	rules *scoring.Rules
	never []string // codes
}

func (x *enrollee) mentors() bool { return x.e.Role == mentoring.Mentor }

// section is one page of a profile. values is what is stored, as the form would
// post it; fields makes the form of what is stored or was posted; take puts what
// was posted into a copy of the enrollment.
type section struct {
	key    string
	update []string // fields of the enrollment
	values func(x *enrollee) url.Values
	fields func(x *enrollee, l tongue, v url.Values) []enrollField
	take   func(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet
}

var sections = []section{
	{"contact", []string{"contact", "language"}, contactValues, contactFields, takeContact},
	{"capacity", []string{"seats", "wanted"}, capacityValues, capacityFields, takeCapacity},
	{"topics", []string{"profile"}, topicValues, topicFields, takeTopics},
	{"time", []string{"profile"}, timeValues, timeFields, takeTime},
	{"meeting", []string{"profile"}, meetingValues, meetingFields, takeMeeting},
	{"work", []string{"profile"}, workValues, workFields, takeWork},
	{"style", []string{"profile"}, styleValues, styleFields, takeStyle},
	{"wishes", []string{"wishes", "never"}, wishValues, wishFields, takeWishes},
	{"lived", []string{"traits", "affinity", "consents"}, livedValues, livedFields, takeLived},
	{"consents", []string{"consents"}, consentValues, consentFields, takeConsents},
}

func sectionOf(key string) (int, bool) {
	at := slices.IndexFunc(sections, func(s section) bool { return s.key == key })
	return at, at >= 0
}

// fieldsOf are those that a role has: nobody has seats and wants mentors.
func (s *section) fieldsOf(x *enrollee) []string {
	return slices.DeleteFunc(slices.Clone(s.update), func(f string) bool {
		return x.mentors() && (f == "wanted" || f == "affinity") || !x.mentors() && (f == "seats" || f == "traits")
	})
}

// enrollField is a field of a form, or a group of some.
type enrollField struct {
	Kind                    string // text, email, tel, number, area, select, clock, radio, checkbox, days, consent, hidden, group
	ID, Name, Label, Hint   string
	Value, Complete, Source string // Source is a list of suggestions
	Fault                   string
	Max                     int
	Optional                bool
	Options                 []option
	Clocks                  []clock
	Fields                  []enrollField
}

// faultSet is what is wrong, by field.
type faultSet map[string]string

func (f faultSet) add(field, message string) { f[field] = message }

func chosen(value string, options ...option) []option {
	for i := range options {
		options[i].Chosen = options[i].Value == value
	}
	return options
}

// chosenToo offers, too, what was stored by another program than these pages:
// else it would be lost when the page is saved.
func chosenToo(value string, options ...option) []option {
	if !slices.ContainsFunc(options, func(o option) bool { return o.Value == value }) {
		options = append(options, option{Value: value, Label: value})
	}
	return chosen(value, options...)
}

func chosenAll(values []string, options ...option) []option {
	for i := range options {
		options[i].Chosen = slices.Contains(values, options[i].Value)
	}
	return options
}

// ---- who they are ----

func contactValues(x *enrollee) url.Values {
	c := x.e.Contact
	return url.Values{"name": {c.Name}, "goes": {c.Goes}, "email": {c.Email}, "phone": {c.Phone}, "language": {x.e.Language}}
}

func contactFields(_ *enrollee, l tongue, v url.Values) []enrollField {
	return append(reachFields(l, v), enrollField{
		Kind: "select", Name: "language", Label: l.say("enroll.language"), Optional: true,
		Options: chosenToo(v.Get("language"), option{Label: l.say("enroll.blank")}, option{Value: "en", Label: languageNames["en"]}, option{Value: "es", Label: languageNames["es"]}),
	})
}

func reachFields(l tongue, v url.Values) []enrollField {
	return []enrollField{
		{Kind: "text", Name: "name", Label: l.say("contact.name"), Hint: l.say("contact.name.hint"), Value: v.Get("name"), Complete: "name", Max: 200},
		{Kind: "text", Name: "goes", Label: l.say("contact.goes"), Hint: l.say("contact.goes.hint"), Value: v.Get("goes"), Complete: "nickname", Max: 200, Optional: true},
		{Kind: "email", Name: "email", Label: l.say("contact.email"), Hint: l.say("enroll.email.hint"), Value: v.Get("email"), Complete: "email", Max: 254},
		{Kind: "tel", Name: "phone", Label: l.say("contact.phone"), Value: v.Get("phone"), Complete: "tel", Max: 40},
	}
}

func takeContact(l tongue, _ *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	e.Contact = mentoring.Contact{
		Name: clean(v.Get("name"), false), Goes: clean(v.Get("goes"), false), Email: clean(v.Get("email"), false), Phone: clean(v.Get("phone"), false),
	}
	e.Language = v.Get("language")
	return reachFaults(l, e.Contact)
}

func reachFaults(l tongue, c mentoring.Contact) faultSet {
	faults := faultSet{}
	if c.Name == "" {
		faults.add("name", l.say("fault.name"))
	}
	switch {
	case c.Email == "" && c.Phone == "":
		faults.add("email", l.say("enroll.fault.reach"))
	case c.Email != "" && !words.Email(c.Email):
		faults.add("email", l.say("enroll.fault.email"))
	}
	if c.Phone != "" && !words.Phone(c.Phone) {
		faults.add("phone", l.say("enroll.fault.phone"))
	}
	return faults
}

// ---- how many ----

func capacityValues(x *enrollee) url.Values {
	if x.mentors() {
		return url.Values{"seats": {strconv.Itoa(x.e.Seats)}}
	}
	return url.Values{"wanted": {strconv.Itoa(x.e.Wanted)}}
}

func capacityFields(x *enrollee, l tongue, v url.Values) []enrollField {
	name, from, most := "wanted", 1, x.plan.MaxWanted
	if x.mentors() {
		name, from, most = "seats", 0, x.plan.MaxSeats
	}
	f := enrollField{Kind: "select", Name: name, Label: l.say("enroll." + name), Hint: l.say("enroll." + name + ".hint")}
	for n := from; n <= most; n++ {
		f.Options = append(f.Options, option{Value: strconv.Itoa(n), Label: strconv.Itoa(n)})
	}
	f.Options = chosen(v.Get(name), f.Options...)
	return []enrollField{f}
}

func takeCapacity(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	name, into := "wanted", &e.Wanted
	if x.mentors() {
		name, into = "seats", &e.Seats
	}
	n, err := strconv.Atoi(v.Get(name))
	if err != nil {
		return faultSet{name: l.say("enroll.fault.number")}
	}
	*into = n
	return nil
}

// ---- topics ----

// topicColumns are the columns of the topics and of the own words.
func (x *enrollee) topicColumns() (topics, text string) {
	if x.mentors() {
		return "offers", "about"
	}
	return "wants", "goals"
}

const (
	leastRows      = 4
	moreRows       = 3
	mostEnrollRows = 50   // that a page adds
	mostStoredRows = 2000 // that a cell of a profile can hold
)

// splitCell splits a cell of a profile at its semicolons.
func splitCell(cell string) []string {
	var out []string
	for item := range strings.SplitSeq(cell, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

func topicValues(x *enrollee) url.Values {
	column, text := x.topicColumns()
	v := url.Values{"text": {x.e.Profile[text]}}
	for n, item := range splitCell(x.e.Profile[column]) {
		name, level := splitTopic(item)
		v.Set(enrollRow("topic", n), name)
		v.Set(enrollRow("level", n), level)
	}
	return v
}

func splitTopic(item string) (name, level string) {
	if at := strings.LastIndexByte(item, ':'); at >= 0 {
		return strings.TrimSpace(item[:at]), strings.TrimSpace(item[at+1:])
	}
	return item, "2"
}

func enrollRow(name string, n int) string { return fmt.Sprintf("%s-%d", name, n+1) }

// rowsOf counts the rows of a form that hold something.
func rowsOf(v url.Values, names ...string) int {
	last := 0
	for n := range mostStoredRows {
		for _, name := range names {
			if strings.Join(v[enrollRow(name, n)], "") != "" {
				last = n + 1
			}
		}
	}
	return last
}

// rowsShown are those that hold something, and some to fill in.
func rowsShown(v url.Values, least, more int, names ...string) int {
	held := rowsOf(v, names...)
	n := max(held+1, least)
	if v.Get("go") == "more" {
		n += more
	}
	return max(held, min(n, mostEnrollRows))
}

func topicFields(x *enrollee, l tongue, v url.Values) []enrollField {
	column, _ := x.topicColumns()
	out := []enrollField{{
		Kind: "area", Name: "text", Label: l.say("enroll.text." + column), Hint: l.say("enroll.text.hint"), Value: v.Get("text"), Max: 4000, Optional: true,
	}}
	for n := range rowsShown(v, leastRows, moreRows, "topic") {
		level := v.Get(enrollRow("level", n))
		if level == "" {
			level = "2"
		}
		out = append(out, enrollField{Kind: "group", ID: enrollRow("row", n), Label: l.say("enroll.topic", "n", n+1), Fields: []enrollField{
			{Kind: "text", Name: enrollRow("topic", n), Label: l.say("enroll.topic.name"), Value: v.Get(enrollRow("topic", n)), Source: "topics", Max: 100},
			{Kind: "select", Name: enrollRow("level", n), Label: l.say("enroll.level." + column), Options: chosenToo(level,
				option{Value: "1", Label: l.say("enroll.level." + column + ".1")},
				option{Value: "2", Label: l.say("enroll.level." + column + ".2")},
				option{Value: "3", Label: l.say("enroll.level." + column + ".3")})},
		}})
	}
	return out
}

func takeTopics(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	column, text := x.topicColumns()
	var items, storedLevels []string
	for _, item := range splitCell(x.e.Profile[column]) {
		_, level := splitTopic(item)
		storedLevels = append(storedLevels, level)
	}
	faults := faultSet{}
	for n := range rowsOf(v, "topic") {
		name := clean(v.Get(enrollRow("topic", n)), false)
		if name == "" {
			continue
		}
		if strings.ContainsAny(name, ";:") {
			faults.add(enrollRow("topic", n), l.say("enroll.fault.topic"))
			continue
		}
		level := clean(v.Get(enrollRow("level", n)), false)
		if level == "" || !slices.Contains([]string{"1", "2", "3"}, level) && !slices.Contains(storedLevels, level) {
			level = "2"
		}
		// By its English label, which staff and files read, too.
		if id, ok := scoring.ShippedTopics().Find(name); ok {
			name = scoring.ShippedTopics().Label(id, "en")
		}
		items = append(items, name+":"+level)
	}
	e.Profile[column], e.Profile[text] = strings.Join(items, "; "), clean(v.Get("text"), true)
	return faults
}

// newTopics are those that somebody wrote of and has not named.
func (x *enrollee) newTopics() []string {
	column, text := x.topicColumns()
	topics := scoring.ShippedTopics()
	named := map[string]bool{}
	for _, item := range splitCell(x.e.Profile[column]) {
		name, _ := splitTopic(item)
		id, _ := topics.Find(name)
		named[id] = true
	}
	var out []string
	for _, s := range topics.Suggest(x.e.Profile[text], "") {
		if !named[s.Topic] {
			out = append(out, s.Topic)
		}
	}
	return out
}

// ownTopics are those that the vocabulary lacks, with what may have been meant.
func (x *enrollee) ownTopics() []scoring.OwnTopic {
	in := scoring.NewIntake(x.rules, nil, nil)
	if x.mentors() {
		in.Mentor("", x.e.Profile)
	} else {
		in.Mentee("", x.e.Profile)
	}
	return in.OwnTopics()
}

// ---- when ----

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

func workValues(x *enrollee) url.Values {
	v := url.Values{}
	for _, column := range []string{"experience", "units", "managers", "conflicts"} {
		v.Set(column, x.e.Profile[column])
	}
	return v
}

func workFields(_ *enrollee, l tongue, v url.Values) []enrollField {
	return []enrollField{
		{Kind: "number", Name: "experience", Label: l.say("enroll.experience"), Hint: l.say("enroll.experience.hint"), Value: v.Get("experience"), Max: 3, Optional: true},
		{Kind: "text", Name: "units", Label: l.say("enroll.units"), Hint: l.say("enroll.units.hint"), Value: v.Get("units"), Max: 500, Optional: true},
		{Kind: "text", Name: "managers", Label: l.say("enroll.managers"), Hint: l.say("enroll.managers.hint"), Value: v.Get("managers"), Max: 500, Optional: true},
		{Kind: "text", Name: "conflicts", Label: l.say("enroll.conflicts"), Hint: l.say("enroll.conflicts.hint"), Value: v.Get("conflicts"), Max: 500, Optional: true},
	}
}

func takeWork(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	experience := clean(v.Get("experience"), false)
	if n, err := strconv.Atoi(experience); experience != "" && (err != nil || n < 0 || n > 100) {
		faults.add("experience", l.say("enroll.fault.experience"))
	}
	e.Profile["experience"], e.Profile["units"] = experience, clean(v.Get("units"), false)
	for _, column := range []string{"managers", "conflicts"} {
		codes, wrong := codesOf(v.Get(column))
		// What a file of profiles brought along, and is no code, stays as it is.
		if wrong && clean(v.Get(column), false) != x.e.Profile[column] {
			faults.add(column, l.say("enroll.fault.code"))
		} else if wrong {
			continue
		}
		if slices.Contains(codes, x.e.Code) {
			faults.add(column, l.say("enroll.fault.own_code"))
		}
		e.Profile[column] = strings.Join(codes, "; ")
	}
	return faults
}

// codesOf reads codes as people type them, each once.
func codesOf(text string) (codes []string, wrong bool) {
	fields := strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool { return r == ';' || r == ',' || unicode.IsSpace(r) })
	for _, code := range fields {
		digits, ok := strings.CutPrefix(code, "MO-")
		if !ok {
			digits, ok = strings.CutPrefix(code, "ME-")
		}
		if n, err := strconv.Atoi(digits); !ok || err != nil || n < 1 || len(digits) < 4 || len(digits) > 9 {
			wrong = true
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes, wrong
}

// ---- the way of working ----

func styleValues(x *enrollee) url.Values {
	v := url.Values{}
	for _, item := range x.rules.Items {
		v.Set("style_"+item, x.e.Profile["style_"+item])
	}
	return v
}

// styleWords are what the ends of a scale say, where the item is one of ours.
func styleWords(l tongue, item string) (label, low, high string) {
	if _, ours := catalogs["en"]["enroll.style."+item]; !ours {
		return item, "1", "5"
	}
	key := "enroll.style." + item
	return l.say(key), "1 – " + l.say(key+".low"), "5 – " + l.say(key+".high")
}

func styleFields(x *enrollee, l tongue, v url.Values) []enrollField {
	var out []enrollField
	for _, item := range x.rules.Items {
		label, low, high := styleWords(l, item)
		name := "style_" + item
		out = append(out, enrollField{Kind: "select", Name: name, Label: label, Options: chosenToo(v.Get(name),
			option{Label: l.say("enroll.blank")}, option{Value: "1", Label: low}, option{Value: "2", Label: "2"}, option{Value: "3", Label: "3"},
			option{Value: "4", Label: "4"}, option{Value: "5", Label: high})})
	}
	return out
}

func takeStyle(_ tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	for _, item := range x.rules.Items {
		e.Profile["style_"+item] = v.Get("style_" + item)
	}
	return nil
}

// ---- with whom, and with whom never ----

func wishValues(x *enrollee) url.Values {
	return url.Values{"wishes": {strings.Join(x.e.Wishes, " ")}, "never": {strings.Join(x.never, " ")}}
}

func wishFields(x *enrollee, l tongue, v url.Values) []enrollField {
	return []enrollField{
		{Kind: "text", Name: "wishes", Label: l.say("enroll.wishes"), Hint: l.count("enroll.wishes.hint", x.plan.MaxWishes), Value: v.Get("wishes"), Max: 300, Optional: true},
		{Kind: "text", Name: "never", Label: l.say("enroll.never"), Hint: l.count("enroll.never.hint", x.plan.MaxNever), Value: v.Get("never"), Max: 2000, Optional: true},
	}
}

func takeWishes(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	read := func(name string, most int) []string {
		codes, wrong := codesOf(v.Get(name))
		other := "MO-"
		if x.mentors() {
			other = "ME-"
		}
		switch {
		case wrong || slices.ContainsFunc(codes, func(c string) bool { return !strings.HasPrefix(c, other) }):
			faults.add(name, l.say("enroll.fault.other_code", "like", other+"0007"))
		case len(codes) > most:
			faults.add(name, l.count("enroll.fault.most", most))
		}
		return codes
	}
	e.Wishes, e.Never = read("wishes", x.plan.MaxWishes), read("never", x.plan.MaxNever)
	for _, code := range e.Wishes {
		if slices.Contains(e.Never, code) {
			faults.add("never", l.say("enroll.fault.both"))
		}
	}
	return faults
}

// ---- what somebody has lived ----

// livedKind is the attribute of everything that is asked here.
const livedKind = "lived experience"

// lived are offered; the value is what is stored and what a partner reads, and
// stays the same forever.
var lived = []struct{ key, value string }{
	{"first_generation", "first in the family to go to college"},
	{"poverty", "low income or public benefits"},
	{"housing", "homelessness or housing instability"},
	{"foster_care", "foster care or child welfare"},
	{"immigration", "immigration, own or of parents"},
	{"farmwork", "farm work or farmworker family"},
	{"justice", "incarceration, own or of close family"},
	{"military", "military service or military family"},
	{"rural_island", "life in a rural or island community"},
	{"caregiver", "unpaid care for someone"},
}

const ownLived = 3 // rows for own words

func livedAt(attribute, value string) int {
	if attribute != livedKind {
		return -1
	}
	return slices.IndexFunc(lived, func(x struct{ key, value string }) bool { return strings.EqualFold(x.value, value) })
}

func livedValues(x *enrollee) url.Values {
	v := url.Values{"AFFINITY": {consentValue(x, mentoring.ForAffinity)}}
	row := 0
	put := func(attribute, value, how string) {
		if at := livedAt(attribute, value); at >= 0 {
			v.Set("lived_"+lived[at].key, how)
			return
		}
		v.Set(enrollRow("own", row), value)
		v.Set(enrollRow("how", row), how)
		if attribute != livedKind {
			v.Set(enrollRow("about", row), attribute)
		}
		row++
	}
	for _, t := range x.e.Traits {
		switch {
		case t.Matching && t.Explained:
			put(t.Attribute, t.Value, "named")
		case t.Matching:
			put(t.Attribute, t.Value, "matching")
		default:
			put(t.Attribute, t.Value, "kept")
		}
	}
	for _, a := range x.e.Affinity {
		put(a.Attribute, a.Value, a.Strength)
	}
	return v
}

func livedFields(x *enrollee, l tongue, v url.Values) []enrollField {
	how := func(value string) []option {
		out := []option{{Label: l.say("enroll.lived.none")}}
		kinds := []string{"NICE", "IMPORTANT", "REQUIRED"}
		if x.mentors() {
			out[0].Label = l.say("enroll.lived.silent")
			if kinds = []string{"matching", "named"}; value == "kept" {
				kinds = append(kinds, "kept")
			}
		}
		for _, k := range kinds {
			out = append(out, option{Value: k, Label: l.say("enroll.lived." + k)})
		}
		return chosen(value, out...)
	}
	var out []enrollField
	for _, item := range lived {
		name := "lived_" + item.key
		out = append(out, enrollField{Kind: "select", Name: name, Label: l.say("enroll.lived." + item.key), Options: how(v.Get(name))})
	}
	for n := range rowsShown(v, ownLived, 0, "own") {
		row := enrollField{Kind: "group", ID: enrollRow("ownrow", n), Label: l.say("enroll.lived.own", "n", n+1), Fields: []enrollField{
			{Kind: "text", Name: enrollRow("own", n), Label: l.say("enroll.lived.own_words"), Value: v.Get(enrollRow("own", n)), Max: 200},
			{Kind: "select", Name: enrollRow("how", n), Label: l.say("enroll.lived.how"), Options: how(v.Get(enrollRow("how", n)))},
		}}
		if about := v.Get(enrollRow("about", n)); about != "" { // what another program than these pages made it of
			row.Fields = append(row.Fields, enrollField{Kind: "hidden", Name: enrollRow("about", n), Value: about})
		}
		out = append(out, row)
	}
	return append(out, consentField(l, v, mentoring.ForAffinity))
}

func takeLived(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	faults := faultSet{}
	e.Traits, e.Affinity = nil, nil
	put := func(attribute, value, how string) bool {
		switch {
		case how == "":
			return false
		case x.mentors() && slices.Contains([]string{"matching", "named", "kept"}, how):
			e.Traits = append(e.Traits, mentoring.Trait{Attribute: attribute, Value: value, Matching: how != "kept", Explained: how == "named"})
		case !x.mentors() && slices.Contains([]string{"NICE", "IMPORTANT", "REQUIRED"}, how):
			e.Affinity = append(e.Affinity, mentoring.AffinityWish{Attribute: attribute, Value: value, Strength: how})
		default:
			return false
		}
		return how != "kept"
	}
	used := false
	for _, item := range lived {
		used = put(livedKind, item.value, v.Get("lived_"+item.key)) || used
	}
	for n := range rowsOf(v, "own", "how") {
		value, how, about := clean(v.Get(enrollRow("own", n)), false), v.Get(enrollRow("how", n)), clean(v.Get(enrollRow("about", n)), false)
		if about == "" {
			about = livedKind
		}
		switch {
		case value == "" && how == "":
		case value == "":
			faults.add(enrollRow("own", n), l.say("enroll.fault.own"))
		case how == "":
			faults.add(enrollRow("how", n), l.say("enroll.fault.how"))
		default:
			used = put(about, value, how) || used
		}
	}
	agreed := v.Get(string(mentoring.ForAffinity)) == "yes"
	if used && !agreed {
		faults.add(string(mentoring.ForAffinity), l.say("enroll.fault.affinity"))
	}
	e.Consents = []mentoring.Consent{{Purpose: mentoring.ForAffinity, Given: agreed}}
	return faults
}

// ---- what they agree to ----

var enrollPurposes = []mentoring.Purpose{mentoring.ForMatching, mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures}

func agreedTo(e *mentoring.Enrollment, p mentoring.Purpose) bool {
	return slices.ContainsFunc(e.Consents, func(c mentoring.Consent) bool { return c.Purpose == p && c.Given })
}

func consentValue(x *enrollee, p mentoring.Purpose) string {
	if agreedTo(x.e, p) {
		return "yes"
	}
	return ""
}

func consentValues(x *enrollee) url.Values {
	v := url.Values{}
	for _, p := range enrollPurposes {
		v.Set(string(p), consentValue(x, p))
	}
	return v
}

func consentField(l tongue, v url.Values, p mentoring.Purpose) enrollField {
	return enrollField{
		Kind: "consent", Name: string(p), Label: l.say("enroll.consent." + string(p)), Hint: l.say("enroll.consent." + string(p) + ".hint"), Value: v.Get(string(p)),
	}
}

func consentFields(_ *enrollee, l tongue, v url.Values) []enrollField {
	var out []enrollField
	for _, p := range enrollPurposes {
		out = append(out, consentField(l, v, p))
	}
	return out
}

func takeConsents(l tongue, x *enrollee, v url.Values, e *mentoring.Enrollment) faultSet {
	e.Consents = nil
	for _, p := range enrollPurposes {
		e.Consents = append(e.Consents, mentoring.Consent{Purpose: p, Given: v.Get(string(p)) == "yes"})
	}
	if x.e.State != mentoring.Draft && x.e.State != mentoring.Withdrawn && v.Get(string(mentoring.ForMatching)) != "yes" {
		return faultSet{string(mentoring.ForMatching): l.say("enroll.fault.matching")}
	}
	return nil
}

// ---- all of it in words ----

// reviewLine is an answer in words.
type reviewLine struct {
	Label string
	Lines []string
}

// lines are what a form would show of what is stored, in words.
func (s *section) lines(x *enrollee, l tongue) []reviewLine {
	v := s.values(x)
	v.Set("go", "") // no zone is proposed
	var out []reviewLine
	var walk func([]enrollField) []reviewLine
	walk = func(fields []enrollField) []reviewLine {
		var rows []reviewLine
		for _, f := range fields {
			line := reviewLine{Label: f.Label}
			switch f.Kind {
			case "group":
				var words []string
				any := false
				for i, inner := range walk(f.Fields) {
					words = append(words, strings.Join(inner.Lines, ", "))
					any = any || i == 0 && len(inner.Lines) > 0
				}
				if any && len(words) > 0 {
					line.Lines = []string{strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), ", ")}
				} else {
					continue
				}
			case "consent":
				line.Lines = []string{l.say("enroll.not_agreed")}
				if f.Value == "yes" {
					line.Lines = []string{l.say("enroll.agreed")}
				}
			case "select", "radio", "checkbox", "days":
				for _, o := range f.Options {
					if o.Chosen && (o.Value != "") {
						line.Lines = append(line.Lines, o.Label)
					}
				}
			case "clock":
				for _, c := range f.Clocks {
					if c.Chosen {
						line.Lines = append(line.Lines, c.Label())
					}
				}
			case "hidden":
				continue
			default:
				if f.Value != "" {
					line.Lines = []string{f.Value}
				}
			}
			rows = append(rows, line)
		}
		return rows
	}
	for _, line := range walk(s.fields(x, l, v)) {
		// What nobody has to say about each kind of lived experience would fill a page.
		if len(line.Lines) > 0 || s.key != "lived" {
			out = append(out, line)
		}
	}
	return out
}

// profileCopy is an enrollment whose profile can be written to.
func profileCopy(e *mentoring.Enrollment) *mentoring.Enrollment {
	c := *e
	if c.Profile = maps.Clone(e.Profile); c.Profile == nil {
		c.Profile = map[string]string{}
	}
	return &c
}
