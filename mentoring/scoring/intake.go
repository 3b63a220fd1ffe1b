package scoring

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Bounds of a profile.
const (
	mostTopics     = 50
	mostIDs        = 200
	mostTextBytes  = 20_000
	mostExperience = 100
	mostLikert     = 5
)

// Column is one column of a file of mentees or mentors: one cell of a profile.
type Column struct{ Name, What string }

// CellProblem is what is wrong with one cell, in words for a person.
type CellProblem struct{ Column, Message string }

var sharedColumns = []Column{
	{"text_language", "en or es: the language of what they wrote; empty: told from the words"},
	{"experience", "a whole number from 0 to 100: years, or the grade"},
	{"zone", "the IANA zone of their clock, such as America/Los_Angeles"},
	{"hours", "hours of an ordinary week on that clock, such as Mon-Thu 17:00-19:00; Sat 9am-12pm"},
	{"asynchronous", "yes if messages at any time are fine instead of meetings"},
	{"in_person", "yes or no: they want to meet in person, or do not"},
	{"places", "where they can meet: places of the travel table"},
	{"languages", "languages that they speak well enough to talk about work"},
	{"units", "the units that they belong to: nobody is paired within one"},
	{"managers", "ids of their managers, the nearest first"},
	{"conflicts", "ids of people with whom they have a conflict of interest"},
	{"wishes", "ids of people they would like to be paired with, the first before the others"},
	{"never", "ids of people whom they never want to be paired with"},
}

// MenteeColumns are the columns of a profile of a mentee.
func MenteeColumns(r *Rules) []Column {
	return slices.Concat([]Column{
		{"wants", "topics that they want to learn, each with how much: 1 a little, 2 (if nothing is said), 3 most of all; such as Grant writing:3; Budgeting"},
		{"goals", "what they want to reach, in their own words"},
	}, sharedColumns, []Column{{"preferred_language", "the language that they would rather speak"}}, styleColumns(r))
}

// MentorColumns are the columns of a profile of a mentor.
func MentorColumns(r *Rules) []Column {
	return slices.Concat([]Column{
		{"offers", "topics that they can teach, each with how well: 1 the basics, 2 (if nothing is said), 3 in depth; such as Grant writing:3; Budgeting"},
		{"about", "what they can offer, in their own words"},
	}, sharedColumns, styleColumns(r))
}

func styleColumns(r *Rules) []Column {
	var out []Column
	for _, item := range r.Items {
		out = append(out, Column{"style_" + item, "1 to 5: an answer on the way of working"})
	}
	return out
}

// declined are the cells that mean no answer.
var declined = map[string]bool{"": true, "prefer_not_to_say": true, "prefer not to say": true, "not_answered": true}

// Intake turns the cells of profiles into what scores are made of. It is for
// one goroutine.
type Intake struct {
	rules  *Rules
	topics *Topics
	travel *Travel
	own    map[string]int // topics that the vocabulary lacks, and how often
}

// NewIntake makes an intake. What is nil is what ships.
func NewIntake(r *Rules, t *Topics, w *Travel) *Intake {
	if r == nil {
		r = DefaultRules()
	}
	if t == nil {
		t = ShippedTopics()
	}
	if w == nil {
		w = ShippedTravel()
	}
	return &Intake{rules: r, topics: t, travel: w, own: map[string]int{}}
}

// Mentee reads the cells of one mentee by column. A column that no profile has
// is ignored; see [MenteeColumns].
func (in *Intake) Mentee(id string, cells map[string]string) (Mentee, []CellProblem) {
	c := &cellReader{in: in, cells: cells}
	m := Mentee{Person: c.person(id, "goals")}
	c.topics("wants", "importance", func(topic string, n int) { m.Wants = append(m.Wants, Want{topic, n}) })
	if l := c.languages("preferred_language"); len(l) > 1 {
		c.add("preferred_language", "names %d languages: name the one that they would rather speak", len(l))
	} else if len(l) == 1 {
		m.Preferred = l[0]
		if len(m.Languages) == 0 {
			m.Languages = l
		} else if !slices.Contains(m.Languages, m.Preferred) {
			c.add("preferred_language", "%q is none of their languages: add it there", c.cell("preferred_language"))
		}
	}
	return m, c.problems
}

// Mentor reads the cells of one mentor by column.
func (in *Intake) Mentor(id string, cells map[string]string) (Mentor, []CellProblem) {
	c := &cellReader{in: in, cells: cells}
	m := Mentor{Person: c.person(id, "about")}
	c.topics("offers", "level", func(topic string, n int) { m.Offers = append(m.Offers, Offer{topic, n}) })
	return m, c.problems
}

// cellReader reads the cells of one person.
type cellReader struct {
	in       *Intake
	cells    map[string]string
	problems []CellProblem
}

func (c *cellReader) add(column, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok && len(text) > 100 {
			args[i] = strings.ToValidUTF8(text[:100], "") + "…"
		}
	}
	c.problems = append(c.problems, CellProblem{column, fmt.Sprintf(format, args...)})
}

// cell is a cell, empty if they declined to answer.
func (c *cellReader) cell(column string) string {
	text := strings.TrimSpace(c.cells[column])
	if declined[strings.ToLower(text)] {
		return ""
	}
	return text
}

// items splits a cell at its semicolons; what stands there twice counts once.
func (c *cellReader) items(column string) []string {
	var out []string
	for item := range strings.SplitSeq(c.cell(column), ";") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(out, item) {
			out = append(out, item)
		}
		if len(out) > mostIDs {
			c.add(column, "holds more than %d items", mostIDs)
			return nil
		}
	}
	return out
}

func (c *cellReader) person(id, textColumn string) Person {
	p := Person{
		ID: id, Text: c.cell(textColumn),
		Asynchronous: c.answer("asynchronous"), InPerson: c.answer("in_person"),
		Languages: c.languages("languages"), Units: c.items("units"),
		Managers: c.ids("managers", id), Conflicts: c.ids("conflicts", id),
		Wishes: c.ids("wishes", id), Never: c.ids("never", id),
	}
	if len(p.Text) > mostTextBytes {
		c.add(textColumn, "is longer than %d bytes", mostTextBytes)
		p.Text = ""
	}
	switch l := strings.ToLower(c.cell("text_language")); l {
	case "", "en", "es":
		p.TextLanguage = l
	default:
		c.add("text_language", "%q is neither en nor es; leave it empty to have it told from the words", l)
	}
	if text := c.cell("experience"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > mostExperience {
			c.add("experience", "%q is no whole number from 0 to %d", text, mostExperience)
		} else {
			p.Experience = &n
		}
	}
	c.hours(&p)
	for _, name := range c.items("places") {
		at, err := c.in.travel.find(name)
		if err != nil {
			c.add("places", "%v", err)
		} else if !slices.Contains(p.Places, at) {
			p.Places = append(p.Places, at)
		}
	}
	for i, u := range p.Units {
		p.Units[i] = fold(u)
	}
	for _, w := range p.Wishes {
		if slices.Contains(p.Never, w) {
			c.add("never", "%q is wished for too: keep one of the two", w)
		}
	}
	c.style(&p)
	return p
}

func (c *cellReader) hours(p *Person) {
	name, text := c.cell("zone"), c.cell("hours")
	if name == "" {
		if text != "" {
			c.add("zone", "is empty, and without it nobody knows when their hours are: write an IANA name, such as America/Los_Angeles")
		}
		return
	}
	zone, err := parseZone(name)
	if err != nil {
		c.add("zone", "%v", err)
		return
	}
	if text == "" {
		return
	}
	if p.Hours, err = parseHours(text, zone); err != nil {
		c.add("hours", "%v", err)
	}
}

func (c *cellReader) style(p *Person) {
	p.Style = make([]uint8, len(c.in.rules.Items))
	for i, item := range c.in.rules.Items {
		text := c.cell("style_" + item)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostLikert {
			c.add("style_"+item, "%q is no whole number from 1 to %d", text, mostLikert)
			continue
		}
		p.Style[i] = uint8(n)
	}
}

func (c *cellReader) answer(column string) Answer {
	switch text := strings.ToLower(c.cell(column)); text {
	case "":
		return Blank
	case "yes", "y", "true", "x", "1", "sí", "si":
		return Yes
	case "no", "n", "false", "0":
		return No
	default:
		c.add(column, "%q is neither yes nor no", text)
		return Blank
	}
}

func (c *cellReader) ids(column, self string) []string {
	out := c.items(column)
	if slices.Contains(out, self) {
		c.add(column, "names the person themself")
	}
	return out
}

// topics reads topics, each with a number from 1 to 3 after a colon. The same
// topic by several names counts once, by its largest number.
func (c *cellReader) topics(column, what string, take func(topic string, n int)) {
	type taken struct {
		topic string
		n     int
	}
	var list []taken
	for _, item := range c.items(column) {
		name, n := item, 2
		if at := strings.LastIndexByte(item, ':'); at >= 0 {
			number := strings.TrimSpace(item[at+1:])
			v, err := strconv.Atoi(number)
			if err != nil || v < 1 || v > 3 {
				c.add(column, "%q: after the colon stands the %s, 1, 2 or 3", item, what)
				continue
			}
			name, n = strings.TrimSpace(item[:at]), v
		}
		id := ""
		if at, ok := c.in.topics.find(name); ok {
			id = c.in.topics.list[at].id
		} else if id = strings.Join(tokens(name), " "); id == "" {
			c.add(column, "%q holds no word", item)
			continue
		} else {
			c.in.own[id]++
		}
		if at := slices.IndexFunc(list, func(t taken) bool { return t.topic == id }); at >= 0 {
			list[at].n = max(list[at].n, n)
			continue
		}
		list = append(list, taken{id, n})
	}
	if len(list) > mostTopics {
		c.add(column, "names %d topics: at most %d", len(list), mostTopics)
		return
	}
	for _, t := range list {
		take(t.topic, t.n)
	}
}

// OwnTopic is a topic that the vocabulary lacks, in somebody's own words. Hint
// is the end of a sentence: the topic that they may have meant, or empty.
type OwnTopic struct {
	Words string
	Count int
	Hint  string
}

// OwnTopics lists the topics that were read and that the vocabulary lacks, the
// most frequent first: what to correct, or to add to it.
func (in *Intake) OwnTopics() []OwnTopic {
	var out []OwnTopic
	for words, n := range in.own {
		out = append(out, OwnTopic{Words: words, Count: n})
	}
	slices.SortFunc(out, func(a, b OwnTopic) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Words, b.Words)) })
	for k := range out[:min(len(out), shownProblems)] {
		out[k].Hint = nearest.Hint(out[k].Words, in.topics.labels)
	}
	return out
}

// languageCodes are the languages that people write in several ways. Every
// other language is its own name.
var languageCodes, languageNames = map[string]string{}, map[string]string{"asl": "ASL"}

func init() {
	for _, names := range []string{
		"en english inglés ingles anglais", "es spanish español espanol castellano", "fr french francés frances français", "ru russian ruso русский",
		"uk ukrainian ucraniano українська", "vi vietnamese vietnamita", "ko korean coreano", "tl tagalog filipino", "zh chinese mandarin chino mandarín",
		"yue cantonese cantonés", "ja japanese japonés", "ar arabic árabe", "so somali somalí", "am amharic amárico", "ti tigrinya tigriña", "pa punjabi panjabi",
		"hi hindi", "km khmer cambodian", "lo lao", "hmn hmong", "pt portuguese portugués", "de german alemán", "fa farsi persian dari", "sw swahili suajili",
		"asl ase", "lut lushootseed", "mix mixtec mixteco", "trq triqui trique", "ro romanian rumano", "mh marshallese", "sm samoan samoano",
	} {
		words := strings.Fields(names)
		for _, n := range words {
			languageCodes[n] = words[0]
		}
		if _, named := languageNames[words[0]]; !named {
			languageNames[words[0]] = words[1]
		}
	}
}

// LanguageName is a language's name in English by its code, or what people call
// it where it has none.
func LanguageName(code string) string {
	name, ok := languageNames[code]
	if !ok {
		name = code
	}
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// LanguageCode is a language's code by its name or code, in any case; the region
// of a code is left out. A language that is not known is its own name.
func LanguageCode(name string) string {
	key := cases.Fold().String(norm.NFKC.String(strings.TrimSpace(name)))
	if code, ok := languageCodes[key]; ok {
		return code
	}
	if primary, _, tagged := strings.Cut(key, "-"); tagged && languageCodes[primary] == primary {
		return primary
	}
	return key
}

func (c *cellReader) languages(column string) []string {
	var out []string
	for _, name := range c.items(column) {
		key := LanguageCode(name)
		if !strings.ContainsFunc(key, unicode.IsLetter) {
			c.add(column, "%q is no language", name)
			continue
		}
		if !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out
}

// Seeks reads what a mentee would like a mentor to have lived: values joined by
// semicolons, each with how much after a colon: nice (if nothing is said),
// important or required. No message repeats a value.
func (in *Intake) Seeks(cell string) ([]Seek, error) {
	var out []Seek
	for n, item := range splitCell(cell) {
		value, how, said := strings.Cut(item, ":")
		value = strings.TrimSpace(value)
		s := Seek{Value: value, Strength: Nice}
		if said {
			at := slices.Index(strengthNames, strings.ToLower(strings.TrimSpace(how)))
			if at < 0 {
				return nil, fmt.Errorf("item %d: after the colon stands nice, important or required", n+1)
			}
			s.Strength = Strength(at + 1)
		}
		if value == "" {
			return nil, fmt.Errorf("item %d is empty", n+1)
		}
		if slices.ContainsFunc(out, func(o Seek) bool { return fold(o.Value) == fold(value) }) {
			return nil, fmt.Errorf("item %d stands there twice", n+1)
		}
		out = append(out, s)
	}
	return out, nil
}

var strengthNames = []string{"nice", "important", "required"}

// Traits reads what a mentor has lived and released: for matching, and of that
// what may be named, too. No message repeats a value.
func (in *Intake) Traits(forMatching, named string) ([]Trait, error) {
	var out []Trait
	for _, value := range splitCell(forMatching) {
		out = append(out, Trait{Value: value, Matching: true})
	}
	for n, value := range splitCell(named) {
		at := slices.IndexFunc(out, func(t Trait) bool { return fold(t.Value) == fold(value) })
		if at < 0 {
			return nil, fmt.Errorf("item %d is not released for matching: what may be named must be released for matching first", n+1)
		}
		out[at].Explained = true
	}
	return out, nil
}

// splitCell splits a cell at its semicolons, declined answers and empty items
// left out.
func splitCell(cell string) []string {
	var out []string
	for item := range strings.SplitSeq(cell, ";") {
		if item = strings.TrimSpace(item); !declined[strings.ToLower(item)] {
			out = append(out, item)
		}
	}
	return out
}
