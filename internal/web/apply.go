package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

// questionPage is one page of the form.
type questionPage struct {
	frame
	Action      string
	Step, Steps int
	Heading     phrase
	One         bool // one question: its text is the heading
	First       bool // nothing is saved yet
	Contact     []fieldView
	Questions   []questionView
	Consents    []consentView
	Conflict    []answerView // what another tab saved meanwhile
	More        bool         // saved, and the answers brought up another question
	Faults      []fault
	BackTo      string
	Resume      string // where the return code is asked
	Hidden      []hiddenView
	Saved       moment
	Code        string
}

type fieldView struct {
	ID, Name, Type, Label, Hint, Value, Complete, Fault string
	Max                                                 int
	Optional, Capitals                                  bool
}

type consentView struct {
	ID, Name string
	Text     phrase
	Checked  bool
	Fault    string
}

type hiddenView struct{ Name, Value string }

// answerView is one question with its answer in words.
type answerView struct {
	Question phrase
	Lines    []phrase
	Change   string // address, or ""
	Missing  bool   // required, and not answered
	ID       string
}

// place is a page of a call's form, and the application it belongs to: nil
// before the first page is saved.
type place struct {
	*call
	page    applications.Page
	app     *applications.Application
	session *applicantSession
}

func (p *place) answers() applications.Answers {
	if p.app == nil {
		return nil
	}
	return p.app.Answers
}

func (p *place) path(rest string) string { return "/apply/" + p.program.ID + rest }

func (p *place) questionPath(key string) string {
	return p.path("/questions/" + url.PathEscape(key))
}

// neighbors returns the pages before and after this one; nil at the ends.
func (p *place) neighbors() (before, after *applications.Page, step, steps int) {
	shown := shownPages(p.form, p.answers())
	here := slices.IndexFunc(p.form.Pages, func(x applications.Page) bool { return x.Key == p.page.Key })
	for i := range shown {
		at := slices.IndexFunc(p.form.Pages, func(x applications.Page) bool { return x.Key == shown[i].Key })
		switch {
		case at < here:
			before = &shown[i]
		case at == here:
			step = i + 1
		case after == nil:
			after = &shown[i]
		}
	}
	return before, after, step, len(shown)
}

// erasedError tells whoever had an application open that it was erased.
type erasedError struct{ program string }

func (*erasedError) Error() string { return "the application was erased" }

// own loads the application that this browser may open; nil without an error
// if there is none or the session has ended.
func (s *server) own(r *http.Request, program string) (*applications.Application, *applicantSession, error) {
	session := s.applicant(r, program)
	if session == nil {
		return nil, nil, nil
	}
	app, err := s.svc.Application(r.Context(), session.principal(), program, session.Application, false, "")
	switch applications.CodeOf(err) {
	case applications.NotFound, applications.PermissionDenied, applications.Unauthenticated:
		if err != nil {
			return nil, nil, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	switch {
	case app.State == applications.Erased && app.TokenGeneration == session.Generation+1:
		return nil, nil, &erasedError{program} // the session was good until then
	case app.State == applications.Erased || app.TokenGeneration != session.Generation:
		return nil, nil, nil
	}
	return app, session, nil
}

// place loads the call and the application of a request for a question page.
func (s *server) place(r *http.Request) (*place, error) {
	c, err := s.call(r, public)
	if err != nil {
		return nil, err
	}
	p := &place{call: c}
	if p.app, p.session, err = s.own(r, c.program.ID); err != nil {
		return nil, err
	}
	if p.app != nil && p.app.Form != 0 && p.app.Form != c.form.Version {
		if p.form, err = s.svc.Form(r.Context(), p.session.principal(), c.program.ID, p.app.Form); err != nil {
			return nil, err
		}
	}
	key := r.PathValue("page")
	if key == "" {
		return p, nil
	}
	for _, page := range questionPages(p.form) {
		if page.Key == key {
			p.page = page
			return p, nil
		}
	}
	return nil, errNoPage
}

// getApply leads to where the applicant is: the first page, the first page
// with something to answer, the check, or the status.
func (s *server) getApply(w http.ResponseWriter, r *http.Request) error {
	p, err := s.place(r)
	if err != nil {
		return err
	}
	shown := shownPages(p.form, p.answers())
	switch {
	case p.app == nil && len(shown) > 0:
		seeOther(w, r, p.questionPath(shown[0].Key))
	case p.app != nil && (p.app.State != applications.Draft || !p.open(s.Now())):
		seeOther(w, r, p.path("/status"))
	default:
		for _, page := range shown {
			for _, a := range asked(p.form, page, p.answers()) {
				if p.app.Answers[a.Key].Empty() {
					seeOther(w, r, p.questionPath(page.Key))
					return nil
				}
			}
		}
		seeOther(w, r, p.path("/check"))
	}
	return nil
}

func (s *server) getQuestion(w http.ResponseWriter, r *http.Request) error {
	p, err := s.place(r)
	if err != nil {
		return err
	}
	first := questionPages(p.form)[0].Key == p.page.Key
	switch {
	case p.app == nil && !first:
		seeOther(w, r, p.path("/return"))
		return nil
	case p.app == nil && !p.program.Accepting(s.Now()):
		seeOther(w, r, "/calls/"+p.program.ID)
		return nil
	case p.app != nil && (!changeable(p.app) || !p.open(s.Now())):
		seeOther(w, r, p.path("/status"))
		return nil
	}
	if p.session != nil {
		s.keepApplicant(w, *p.session)
	}
	s.render(w, r, http.StatusOK, "question", s.newQuestionPage(r, p, nil, nil, nil))
	return nil
}

// open reports whether answers are still taken: the call's own time, or more
// for this one person.
func (p *place) open(now time.Time) bool {
	return p.program.Accepting(now) || p.app != nil && now.Before(p.app.ExtendedUntil)
}

// changeable reports whether an applicant may still change their answers; the
// window is the service's to judge.
func changeable(a *applications.Application) bool {
	return a.State == applications.Draft || a.State == applications.Submitted
}

// newQuestionPage builds the page: from what is stored, or, when a post was
// refused, from what was posted. Faults are by field: "answers.KEY",
// "contact.name", "consents.KEY".
func (s *server) newQuestionPage(r *http.Request, p *place, in *posted, faults map[string]string, others []string) *questionPage {
	f := s.callFrame(r, p.program)
	l := f.tongue
	before, _, step, steps := p.neighbors()
	page := &questionPage{
		frame: f, Action: p.questionPath(p.page.Key), Step: step, Steps: steps,
		Heading: l.phrase(p.page.Title), First: p.app == nil, BackTo: "/calls/" + p.program.ID,
		Resume: p.path("/return"), More: r.URL.Query().Has("more"),
	}
	if before != nil {
		page.BackTo = p.questionPath(before.Key)
	}
	if r.URL.Query().Get("from") == "check" || r.PostFormValue("from") == "check" {
		page.BackTo = p.path("/check")
		page.Hidden = append(page.Hidden, hiddenView{"from", "check"})
	}
	if p.app != nil {
		page.Saved = l.moment(p.app.UpdateTime, zoneOf(p.program))
		page.Code = grouped(p.session.ReturnCode)
	} else {
		page.Hidden = append(page.Hidden,
			hiddenView{"request", nonce()},
			hiddenView{"stamp", s.sealer.seal("stamp", s.Now())})
	}
	addFault := func(field, id, message string) string {
		if message != "" {
			page.Faults = append(page.Faults, fault{id, message})
			delete(faults, field)
		}
		return message
	}
	faults = maps.Clone(faults)

	if p.page.Key == applications.ContactPage {
		c := applications.Contact{}
		if p.app != nil {
			c = p.app.Contact
		}
		if in != nil && in.contact != nil {
			c = *in.contact
		}
		field := func(name, kind, value, complete string, limit int, optional, capitals, hint bool) {
			v := fieldView{
				ID: "f-" + name, Name: "contact." + name, Type: kind, Label: l.say("contact." + name),
				Value: value, Complete: complete, Max: limit, Optional: optional, Capitals: capitals,
			}
			if hint {
				v.Hint = l.say("contact." + name + ".hint")
			}
			v.Fault = addFault("contact."+name, v.ID, faults["contact."+name])
			page.Contact = append(page.Contact, v)
		}
		field("name", "text", c.Name, "name", 200, false, true, true)
		field("goes", "text", c.Goes, "nickname", 200, true, true, true)
		field("email", "email", c.Email, "email", 254, true, true, true)
		field("phone", "tel", c.Phone, "tel", 40, true, false, false)
	}
	var shownKeys []string
	for _, a := range asked(p.form, p.page, p.answers()) {
		input := inputOf(p.answers()[a.Key])
		if in != nil {
			if given, ok := in.inputs[a.Key]; ok {
				input = given
			}
		}
		q := newQuestionView(l, p.call, a, p.answers(), input, faults["answers."+a.Key])
		addFault("answers."+a.Key, q.firstField(), q.Fault)
		page.Questions = append(page.Questions, q)
		shownKeys = append(shownKeys, a.Key)
	}
	page.One = len(page.Questions) == 1 && len(page.Contact) == 0
	if page.One {
		page.Heading = page.Questions[0].Legend
	}
	if asksHealthHere(p) {
		for _, c := range p.form.Consents {
			if !c.Health {
				continue
			}
			v := consentView{ID: "c-" + c.Key, Name: "c." + c.Key, Text: l.phrase(c.Text), Checked: consented(p.app, c.Key)}
			if in != nil {
				v.Checked = in.consents[c.Key]
			}
			v.Fault = addFault("consents."+c.Key, v.ID, faults["consents."+c.Key])
			page.Consents = append(page.Consents, v)
		}
	}
	page.Hidden = append(page.Hidden,
		hiddenView{"was", p.fingerprint()},
		hiddenView{"shown", strings.Join(shownKeys, " ")})
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		page.Faults = append(page.Faults, fault{"", faults[field]})
	}
	for _, message := range others {
		page.Faults = append(page.Faults, fault{"", message})
	}
	page.Failed = len(page.Faults) > 0
	if page.Failed {
		page.Languages = nil
	}
	page.titled(page.Heading.Text, l.phrase(p.program.Title).Text)
	return page
}

// firstField is the element to which an error about the question leads.
func (q *questionView) firstField() string {
	if q.Kind != "radio" && q.Kind != "checkbox" {
		return q.ID
	}
	for _, o := range append(slices.Clone(q.Options), q.Apart...) {
		return o.ID
	}
	return q.ID
}

func asksHealthHere(p *place) bool {
	return slices.ContainsFunc(asked(p.form, p.page, p.answers()), asksHealth)
}

func consented(app *applications.Application, key string) bool {
	return app != nil && slices.ContainsFunc(app.Consents, func(c applications.Consent) bool { return c.Key == key })
}

// required reports whether an application cannot be submitted without an
// answer.
func (c *call) required(a *applications.Attribute) bool {
	return a.Required || slices.ContainsFunc(c.form.Eligibility, func(e applications.Condition) bool { return e.Attribute == a.Key })
}

// fingerprint tells whether what is stored for this page changed since the
// page was shown: another tab, another device, or staff on the phone.
func (p *place) fingerprint() string {
	if p.app == nil {
		return ""
	}
	var stored any = p.app.Contact
	if p.page.Key != applications.ContactPage {
		answers := map[string]applications.Answer{}
		for _, key := range p.page.Attributes {
			if a, ok := p.app.Answers[key]; ok {
				answers[key] = a
			}
		}
		stored = answers
	}
	b, err := json.Marshal(stored) // maps are sorted by key
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(append([]byte(p.app.ID), b...))
	return hex.EncodeToString(sum[:12])
}
