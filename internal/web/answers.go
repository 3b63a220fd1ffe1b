package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// declined is the form value of "I prefer not to say". It cannot be the code
// of an answer: codes have no hyphen.
const declined = "-declined"

// unanswered is the radio that takes a single answer back.
const unanswered = "-none"

// input is what stands in the fields of one question, valid or not, so that
// nothing typed is lost when a page comes back with errors.
type input struct {
	Values     []string
	Qualifiers map[string][]string
	WriteIns   map[string]string
	Text       string // of entities, texts and numbers
	Declined   bool
}

func inputOf(a applications.Answer) input {
	in := input{
		Values: a.Values, Qualifiers: a.Qualifiers, WriteIns: a.WriteIns, Text: a.Text, Declined: a.Declined,
	}
	if a.Number != nil {
		in.Text = strconv.FormatInt(*a.Number, 10)
	}
	return in
}

// readInput reads one question's fields from a posted form:
//
//	a.KEY        value codes, or -declined
//	t.KEY        text, number or name of an organization
//	w.KEY.VALUE  own words for a value
//	q.KEY.VALUE  qualifier codes for a value
//
// Fields that belong to a value not chosen are left out: they were hidden, or
// typed before the choice was taken back.
func readInput(form url.Values, a *applications.Attribute) input {
	in := input{Text: clean(form.Get("t."+a.Key), a.Kind == applications.FreeText)}
	chosen := form["a."+a.Key]
	in.Declined = slices.Contains(chosen, declined)
	for i := range a.Values { // in the order of the form, without repeats
		if slices.Contains(chosen, a.Values[i].Code) {
			in.Values = append(in.Values, a.Values[i].Code)
		}
	}
	for _, code := range chosen { // unknown codes are the service's to refuse
		if code != declined && code != unanswered && !slices.Contains(in.Values, code) {
			in.Values = append(in.Values, code)
		}
	}
	for _, code := range in.Values {
		if w := clean(form.Get("w."+a.Key+"."+code), false); w != "" {
			if in.WriteIns == nil {
				in.WriteIns = map[string]string{}
			}
			in.WriteIns[code] = w
		}
		if q := form["q."+a.Key+"."+code]; len(q) > 0 && a.Qualifier != nil {
			if in.Qualifiers == nil {
				in.Qualifiers = map[string][]string{}
			}
			for _, v := range a.Qualifier.Values {
				if slices.Contains(q, v.Code) {
					in.Qualifiers[code] = append(in.Qualifiers[code], v.Code)
				}
			}
			if len(in.Qualifiers[code]) == 0 {
				delete(in.Qualifiers, code)
			}
		}
	}
	return in
}

// clean trims what people type. One-line fields lose their line breaks; text
// keeps them, with the browser's CRLF made one character as its length limit
// counts it.
func clean(s string, lines bool) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if !lines {
		s = strings.Join(strings.Fields(s), " ")
	}
	return strings.TrimSpace(s)
}

func (in *input) empty() bool {
	return len(in.Values) == 0 && in.Text == "" && !in.Declined
}

// answer turns the fields into an answer, or says what is wrong.
func (in *input) answer(l tongue, a *applications.Attribute) (applications.Answer, string) {
	out := applications.Answer{}
	if in.Declined {
		if len(in.Values) > 0 {
			return out, l.say("fault.declined_groups")
		}
		if in.Text != "" {
			return out, l.say("fault.declined_text")
		}
		return applications.Answer{Declined: true}, ""
	}
	switch a.Kind {
	case applications.Number:
		if in.Text == "" {
			return out, ""
		}
		n, err := strconv.ParseInt(strings.ReplaceAll(in.Text, ",", ""), 10, 64)
		if err != nil {
			return out, l.say("fault.number")
		}
		out.Number = &n
	case applications.Entity, applications.FreeText:
		limit := a.MaxLength
		if limit == 0 {
			limit = defaultLength
		}
		if over := len([]rune(in.Text)) - limit; over > 0 {
			return out, l.count("fault.too_long", over, "limit", limit)
		}
		out.Text = in.Text
	default:
		if len(in.Values) > 1 {
			for i := range a.Values {
				if v := &a.Values[i]; v.Exclusive && slices.Contains(in.Values, v.Code) {
					return out, l.say("fault.exclusive", "label", l.phrase(v.Label).Text)
				}
			}
			if a.MaxValues > 0 && len(in.Values) > a.MaxValues {
				return out, l.say("fault.too_many", "max", a.MaxValues, "n", len(in.Values))
			}
		}
		out.Values, out.Qualifiers, out.WriteIns = in.Values, in.Qualifiers, in.WriteIns
	}
	return out, ""
}

// defaultLength is the length of a text whose attribute names none.
const defaultLength = 500

// asked returns the attributes that a page asks now, given the answers so far.
func asked(form *applications.Form, page applications.Page, answers applications.Answers) []*applications.Attribute {
	var out []*applications.Attribute
	for _, key := range page.Attributes {
		a := form.Attribute(key)
		if a != nil && a.Kind != applications.Derived && a.VisibleWhen.Holds(answers) {
			out = append(out, a)
		}
	}
	return out
}

// questionPages are the pages with questions: all but the consents, which
// stand with the check of answers.
func questionPages(form *applications.Form) []applications.Page {
	var out []applications.Page
	for _, p := range form.Pages {
		if p.Key != applications.ConsentPage {
			out = append(out, p)
		}
	}
	return out
}

// shownPages are the pages that have something to ask, given the answers.
func shownPages(form *applications.Form, answers applications.Answers) []applications.Page {
	var out []applications.Page
	for _, p := range questionPages(form) {
		if p.Key == applications.ContactPage || len(asked(form, p, answers)) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func asksHealth(a *applications.Attribute) bool {
	return a.Sensitivity == applications.SpecialHealth || slices.ContainsFunc(a.Values, func(v applications.Value) bool { return v.Health })
}

// tellsHealth reports whether an answer is health data, which is kept only
// with the health consent: a value marked so, or own words where the whole
// question is about health.
func tellsHealth(a *applications.Attribute, answer applications.Answer) bool {
	if a.Sensitivity == applications.SpecialHealth && (answer.Text != "" || answer.Number != nil) {
		return true
	}
	return slices.ContainsFunc(a.Values, func(v applications.Value) bool {
		return v.Health && slices.Contains(answer.Values, v.Code)
	})
}

// questionView is one question as a page shows it.
type questionView struct {
	Key      string
	ID       string // of the element that errors link to
	Legend   phrase
	Hint     phrase
	Limit    string // "Choose up to 2.", "Up to 500 characters.", or ""
	Why      []phrase
	Kind     string // "radio", "checkbox", "line", "text", "number"
	Options  []optionView
	Apart    []optionView // exclusive answers, after an "or"
	Text     string
	MaxRunes int
	Optional bool
	Note     string // what skipping does, and what the answer is used for
	Fault    string
	Complete string // autocomplete token
}

type optionView struct {
	ID, Name, Value string
	Label           phrase
	Checked         bool
	WriteIn         *writeInView
	Qualifier       *qualifierView
}

type writeInView struct {
	ID, Name, Text string
	Label          phrase
}

type qualifierView struct {
	Legend  phrase
	Options []optionView
}

// questionID is the element of a question.
func questionID(key string) string { return "f-" + key }

// newQuestionView builds the view of a question for the answers so far.
// Faulty tells that the page came back with errors.
func newQuestionView(l tongue, c *call, a *applications.Attribute, answers applications.Answers, in input, fault string) questionView {
	q := questionView{
		Key: a.Key, ID: questionID(a.Key), Legend: l.phrase(a.Question), Hint: l.phrase(a.Hint),
		Why: l.paragraphs(a.Why), Fault: fault, Optional: !a.Required, Text: in.Text,
	}
	use := c.use(a)
	switch {
	case a.Identity() && (use == "balance" || use == "eligibility_balance"):
		q.Note = l.say("skip.never") + " " + l.say("skip.balance")
	case a.Identity() && use == "logistics":
		q.Note = l.say("skip.never") + " " + l.say("skip.logistics")
	case a.Identity():
		q.Note = l.say("skip.never") + " " + l.say("skip.report")
	case use == "none":
		q.Note = l.say("note.none")
	}
	switch a.Kind {
	case applications.Entity:
		q.Kind, q.Complete = "line", "organization"
	case applications.FreeText:
		q.Kind = "text"
	case applications.Number:
		q.Kind = "number"
	case applications.Single:
		q.Kind = "radio"
	default:
		q.Kind = "checkbox"
		switch {
		case a.MaxValues > 1 && q.Hint.Text == "":
			q.Limit = l.say("question.up_to", "n", a.MaxValues)
		case q.Hint.Text == "":
			q.Limit = l.say("question.all_that_apply")
		}
	}
	if q.Kind == "line" || q.Kind == "text" {
		if q.MaxRunes = a.MaxLength; q.MaxRunes == 0 {
			q.MaxRunes = defaultLength
		}
		if q.Kind == "text" {
			q.Limit = l.say("question.characters", "n", q.MaxRunes)
		}
	}
	for i := range a.Values {
		v := &a.Values[i]
		checked := slices.Contains(in.Values, v.Code)
		if !v.VisibleWhen.Holds(answers) && !checked {
			continue
		}
		o := optionView{
			ID: q.ID + "-" + v.Code, Name: "a." + a.Key, Value: v.Code,
			Label: l.phrase(v.Label), Checked: checked,
		}
		if v.WriteIn {
			o.WriteIn = &writeInView{
				ID: o.ID + "-words", Name: "w." + a.Key + "." + v.Code, Text: in.WriteIns[v.Code],
				Label: l.said(l.say("question.own_words")),
			}
		}
		if a.Qualifier != nil && !v.Exclusive {
			o.Qualifier = &qualifierView{Legend: l.phrase(a.Qualifier.Label)}
			for _, qv := range a.Qualifier.Values {
				o.Qualifier.Options = append(o.Qualifier.Options, optionView{
					ID: o.ID + "-" + qv.Code, Name: "q." + a.Key + "." + v.Code, Value: qv.Code,
					Label: l.phrase(qv.Label), Checked: slices.Contains(in.Qualifiers[v.Code], qv.Code),
				})
			}
		}
		if v.Exclusive {
			q.Apart = append(q.Apart, o)
		} else {
			q.Options = append(q.Options, o)
		}
	}
	if a.Decline {
		q.Apart = append(q.Apart, optionView{
			ID: q.ID + "-decline", Name: "a." + a.Key, Value: declined,
			Label: l.said(l.say("question.decline")), Checked: in.Declined,
		})
	}
	// A radio cannot be taken back by itself.
	if q.Kind == "radio" && !a.Required && len(in.Values) > 0 {
		q.Apart = append(q.Apart, optionView{
			ID: q.ID + "-none", Name: "a." + a.Key, Value: unanswered,
			Label: l.said(l.say("question.take_back")),
		})
	}
	return q
}

// answerLines are an answer in words, one line each, as summaries show it.
func answerLines(l tongue, a *applications.Attribute, answer applications.Answer) []phrase {
	if answer.Declined {
		return []phrase{l.said(l.say("question.decline"))}
	}
	if answer.Number != nil {
		return []phrase{l.said(l.number(*answer.Number))}
	}
	if answer.Text != "" {
		var out []phrase
		for line := range strings.Lines(answer.Text) {
			out = append(out, phrase{Text: strings.TrimRight(line, "\n")})
		}
		return out
	}
	var out []phrase
	for _, code := range answer.Values {
		p := valueLabel(l, a, code)
		if w := answer.WriteIns[code]; w != "" {
			p.Text += ": " + w
		}
		if q := answer.Qualifiers[code]; len(q) > 0 && a.Qualifier != nil {
			var labels []string
			for _, v := range a.Qualifier.Values {
				if slices.Contains(q, v.Code) {
					labels = append(labels, l.phrase(v.Label).Text)
				}
			}
			p.Text += " (" + strings.Join(labels, ", ") + ")"
		}
		out = append(out, p)
	}
	return out
}
