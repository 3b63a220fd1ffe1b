package web

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

func asError(err error) (*applications.Error, bool) {
	var e *applications.Error
	ok := errors.As(err, &e)
	return e, ok
}

// checkPage is all answers before they are submitted, or before they are
// changed.
type checkPage struct {
	frame
	Program     string
	Faults      []fault
	Contact     []answerView
	ChangeWho   string
	Facts       []answerView // not used to balance the group
	Balance     []answerView // used to balance the group
	Consents    []consentView
	Submitted   bool
	CanSubmit   bool // the call takes applications now
	Closes      moment
	Left        string
	Code        string
	Saved       moment
	Back        string
	PublicWords bool // a public agency: parts may be disclosed
}

func (s *server) getCheck(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	if !changeable(p.app) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	s.keepApplicant(w, *p.session)
	s.render(w, r, http.StatusOK, "check", s.newCheckPage(r, p, nil, nil, nil))
	return nil
}

// placeOfOwn is place for pages that need an application: without one it leads
// to where the return code is asked, and returns nil.
func (s *server) placeOfOwn(w http.ResponseWriter, r *http.Request) (*place, error) {
	p, err := s.place(r)
	if err != nil {
		return nil, err
	}
	if p.app == nil {
		seeOther(w, r, p.path("/return"))
		return nil, nil
	}
	return p, nil
}

func (s *server) newCheckPage(r *http.Request, p *place, consents map[string]bool, faults map[string]string, others []string) *checkPage {
	f := s.callFrame(r, p.program)
	l := f.tongue
	zone := zoneOf(p.program)
	page := &checkPage{
		frame: f, Program: p.program.ID, Submitted: p.app.State == applications.Submitted,
		CanSubmit: p.open(s.Now()),
		Closes:    l.moment(p.program.Window.Closes, zone), Left: timeLeft(l, p.program, s.Now()),
		Code: grouped(p.session.ReturnCode), Saved: l.moment(p.app.UpdateTime, zone),
		PublicWords: p.program.PublicAgency,
	}
	shown := shownPages(p.form, p.app.Answers)
	for _, formPage := range shown {
		change := p.questionPath(formPage.Key) + "?from=check"
		page.Back = p.questionPath(formPage.Key)
		if formPage.Key == applications.ContactPage {
			page.Contact = contactLines(l, p.app.Contact)
			page.ChangeWho = change
			if m := firstFault(faults, "contact"); m != "" {
				page.Faults = append(page.Faults, fault{"who", m})
			}
			continue
		}
		for _, a := range asked(p.form, formPage, p.app.Answers) {
			v := answerView{
				Question: attributeLabel(l, a), Lines: answerLines(l, a, p.app.Answers[a.Key]),
				Change: change, ID: questionID(a.Key),
			}
			v.Missing = p.required(a) && (p.app.Answers[a.Key].Empty() || p.app.Answers[a.Key].Declined)
			if m := firstFault(faults, "answers."+a.Key); m != "" {
				page.Faults = append(page.Faults, fault{v.ID, v.Question.Text + ": " + m})
			}
			if use := p.use(a); use == "balance" || use == "eligibility_balance" {
				page.Balance = append(page.Balance, v)
			} else {
				page.Facts = append(page.Facts, v)
			}
		}
	}
	if !page.Submitted {
		for _, c := range p.form.Consents {
			if c.Health && !c.Required { // asked where the health questions are
				continue
			}
			if c.Health && consented(p.app, c.Key) {
				continue
			}
			v := consentView{ID: "c-" + c.Key, Name: "c." + c.Key, Text: l.phrase(c.Text)}
			v.Checked = consents[c.Key] || (consents == nil && consented(p.app, c.Key))
			if v.Fault = firstFault(faults, "consents."+c.Key); v.Fault != "" {
				page.Faults = append(page.Faults, fault{v.ID, v.Fault})
			}
			page.Consents = append(page.Consents, v)
		}
	}
	for _, m := range others {
		page.Faults = append(page.Faults, fault{"", m})
	}
	page.Failed = len(page.Faults) > 0
	if page.Failed {
		page.Languages = nil
	}
	page.titled(l.say("check.title"), l.phrase(p.program.Title).Text)
	return page
}

func firstFault(faults map[string]string, prefix string) string {
	best := ""
	for field := range faults {
		if (field == prefix || strings.HasPrefix(field, prefix+".") || strings.HasPrefix(field, prefix+"[")) && (best == "" || field < best) {
			best = field
		}
	}
	return faults[best]
}

func (s *server) postCheck(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	if p.app.State != applications.Draft { // pressed twice
		seeOther(w, r, p.path("/receipt"))
		return nil
	}
	l := s.tongueOf(r)
	consents, faults := map[string]bool{}, map[string]string{}
	for _, c := range p.form.Consents {
		consents[c.Key] = r.PostForm.Get("c."+c.Key) == "yes"
		if !consents[c.Key] && c.Required && (!c.Health || !consented(p.app, c.Key)) {
			faults["consents."+c.Key] = l.say("fault.consent")
		}
	}
	for _, page := range shownPages(p.form, p.app.Answers) {
		for _, a := range asked(p.form, page, p.app.Answers) {
			if answer := p.app.Answers[a.Key]; p.required(a) && (answer.Empty() || answer.Declined) {
				faults["answers."+a.Key] = l.say("fault.required")
			}
		}
	}
	if len(faults) > 0 {
		s.render(w, r, http.StatusUnprocessableEntity, "check", s.newCheckPage(r, p, consents, faults, nil))
		return nil
	}
	err = s.submit(r, p, consents)
	// Another press of the same button can have come between: whoever submits
	// what they saw need not do it again.
	for range 3 {
		if applications.CodeOf(err) != applications.Aborted || err == nil {
			break
		}
		now, _, readErr := s.own(r, p.program.ID)
		if readErr != nil {
			return readErr
		}
		if now == nil || now.State != applications.Draft || now.Contact != p.app.Contact || !reflect.DeepEqual(now.Answers, p.app.Answers) {
			break
		}
		p.app = now
		err = s.submit(r, p, consents)
	}
	if err != nil {
		return s.checkAgain(w, r, p, consents, err)
	}
	s.keepApplicant(w, *p.session)
	seeOther(w, r, p.path("/receipt"))
	return nil
}

// submit saves the consents as they were ticked and submits. The one to health
// answers is taken back where it was given, and not here.
func (s *server) submit(r *http.Request, p *place, consents map[string]bool) error {
	who, ctx := p.session.principal(), r.Context()
	app, agreed, changed := p.app, slices.Clone(p.app.Consents), false
	for _, c := range p.form.Consents {
		have := slices.IndexFunc(agreed, func(x applications.Consent) bool { return x.Key == c.Key })
		switch {
		case consents[c.Key] && have < 0:
			agreed = append(agreed, applications.Consent{Key: c.Key, FormVersion: p.form.Version, Language: string(s.tongueOf(r)), Time: s.Now()})
			changed = true
		case !consents[c.Key] && have >= 0 && !c.Health:
			agreed, changed = slices.Delete(agreed, have, have+1), true
		}
	}
	if changed {
		change := *app
		change.Consents = agreed
		var err error
		if app, err = s.svc.UpdateApplication(ctx, who, &change, []string{"consents"}, applications.Idempotency{}); err != nil {
			return err
		}
	}
	_, err := s.svc.SubmitApplication(ctx, who, p.program.ID, app.ID, app.Revision, applications.Idempotency{})
	return err
}

func (s *server) checkAgain(w http.ResponseWriter, r *http.Request, p *place, consents map[string]bool, err error) error {
	switch applications.CodeOf(err) {
	case applications.Aborted, applications.FailedPrecondition:
		// Another tab, or the button pressed twice: look at what is stored now.
		now, _, readErr := s.own(r, p.program.ID)
		switch {
		case readErr != nil:
			return readErr
		case now != nil && now.State != applications.Draft:
			seeOther(w, r, p.path("/receipt"))
			return nil
		case applications.CodeOf(err) == applications.Aborted:
			seeOther(w, r, p.path("/check"))
			return nil
		}
	}
	faults, others, ok := violations(err, nil)
	if !ok {
		return err
	}
	for field, m := range faults { // of fields that this page does not show
		if !strings.HasPrefix(field, "answers.") && !strings.HasPrefix(field, "contact") && !strings.HasPrefix(field, "consents.") {
			others = append(others, m)
		}
	}
	page := s.newCheckPage(r, p, consents, faults, others)
	if len(page.Faults) == 0 {
		page.Faults = append(page.Faults, fault{"", publicMessage(err)})
		page.Failed = true
	}
	s.render(w, r, http.StatusUnprocessableEntity, "check", page)
	return nil
}

// savedPage tells how to come back.
type savedPage struct {
	frame
	Program string
	Code    string
	Saved   moment
	Closes  moment
	Open    bool
}

func (s *server) getSaved(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	f := s.callFrame(r, p.program)
	l, zone := f.tongue, zoneOf(p.program)
	page := &savedPage{
		frame: f, Program: p.program.ID, Code: grouped(p.session.ReturnCode),
		Saved: l.moment(p.app.UpdateTime, zone), Closes: l.moment(p.program.Window.Closes, zone),
		Open: p.open(s.Now()),
	}
	page.titled(l.say("saved.title"), l.phrase(p.program.Title).Text)
	s.render(w, r, http.StatusOK, "saved", page)
	return nil
}

func (s *server) postLeave(w http.ResponseWriter, r *http.Request) error {
	program := r.PathValue("program")
	s.dropApplicant(w, program)
	seeOther(w, r, "/calls/"+url.PathEscape(program))
	return nil
}

// returnPage asks for the return code.
type returnPage struct {
	frame
	Program string
	Faults  []fault
	Code    string // as typed
	Fault   string
	Lost    bool   // a session ended in the middle of a page
	Kept    string // that page, sealed
}

func (s *server) newReturnPage(r *http.Request, p *applications.Program, lost bool, kept string) *returnPage {
	page := &returnPage{frame: s.callFrame(r, p), Program: p.ID, Lost: lost, Kept: kept}
	page.titled(page.tongue.say("return.title"), page.tongue.phrase(p.Title).Text)
	return page
}

func (s *server) getReturn(w http.ResponseWriter, r *http.Request) error {
	p, err := s.svc.Program(r.Context(), public, r.PathValue("program"))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "return", s.newReturnPage(r, p, false, ""))
	return nil
}

// lostSession keeps a posted page and asks for the return code.
func (s *server) lostSession(w http.ResponseWriter, r *http.Request, p *place) error {
	sealed := s.sealer.seal("kept", kept{p.program.ID, p.page.Key, r.PostForm, s.Now().Add(4 * time.Hour)})
	s.render(w, r, http.StatusUnauthorized, "return", s.newReturnPage(r, p.program, true, sealed))
	return nil
}

func (s *server) postReturn(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	program, err := s.svc.Program(r.Context(), public, r.PathValue("program"))
	if err != nil {
		return err
	}
	code, sealed := clean(r.PostForm.Get("code"), false), r.PostForm.Get("kept")
	again := func(status int, message string) {
		page := s.newReturnPage(r, program, sealed != "", sealed)
		page.Code, page.Fault, page.Failed = code, message, true
		page.Faults, page.Languages = []fault{{"code", message}}, nil
		s.render(w, r, status, "return", page)
	}
	l := s.tongueOf(r)
	if code == "" {
		again(http.StatusUnprocessableEntity, l.say("fault.code_empty"))
		return nil
	}
	who := applications.TriesKey(s.ClientAddress(r), program.ID)
	if wait := s.Tries.Take(who, s.Now()); wait > 0 {
		w.Header().Set("Retry-After", itoa(int(wait.Seconds())+1))
		again(http.StatusTooManyRequests, l.count("fault.code_wait", int(wait.Minutes())+1))
		return nil
	}
	found, err := s.svc.Resume(r.Context(), program.ID, code)
	switch applications.CodeOf(err) {
	case applications.NotFound, applications.InvalidArgument:
		again(http.StatusUnprocessableEntity, l.say("fault.code"))
		return nil
	default:
		if err != nil {
			s.Tries.Refund(who)
			return err
		}
	}
	s.Tries.Refund(who)
	session := sessionOf(found)
	if session.ReturnCode == "" {
		session.ReturnCode = strings.ToUpper(code)
	}
	s.keepApplicant(w, *session)

	var k kept
	if s.sealer.open("kept", sealed, &k) && k.Program == program.ID && s.Now().Before(k.Expires) {
		if p := s.placeAt(r, program, found, session, k.Page); p != nil && changeable(p.app) {
			return s.savePage(w, r, p, k.Form)
		}
	}
	seeOther(w, r, "/apply/"+program.ID)
	return nil
}

// placeAt is the place of a kept form; nil if its page is gone.
func (s *server) placeAt(r *http.Request, program *applications.Program, found *applications.CreatedApplication, session *applicantSession, key string) *place {
	c, err := s.call(r, public)
	if err != nil {
		return nil
	}
	c.program = program
	if v := found.Application.Form; v != 0 && v != c.form.Version {
		if c.form, err = s.svc.Form(r.Context(), session.principal(), program.ID, v); err != nil {
			return nil
		}
	}
	for _, page := range questionPages(c.form) {
		if page.Key == key {
			return &place{call: c, page: page, app: found.Application, session: session}
		}
	}
	return nil
}
