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
