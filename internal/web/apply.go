package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// posted is a page of the form as a browser sent it, valid or not.
type posted struct {
	contact  *applications.Contact // nil unless it is the contact page
	inputs   map[string]input      // by attribute
	consents map[string]bool       // health consents on this page
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
	if app.TokenGeneration != session.Generation || app.State == applications.Erased {
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

// readPosted reads the fields of a page and what is wrong with them.
func readPosted(l tongue, p *place, form url.Values) (*posted, applications.Answers, map[string]string) {
	in := &posted{inputs: map[string]input{}, consents: map[string]bool{}}
	answers, faults := applications.Answers{}, map[string]string{}
	if p.page.Key == applications.ContactPage {
		in.contact = &applications.Contact{
			Name: clean(form.Get("contact.name"), false), Goes: clean(form.Get("contact.goes"), false),
			Email: clean(form.Get("contact.email"), false), Phone: clean(form.Get("contact.phone"), false),
		}
		if in.contact.Name == "" {
			faults["contact.name"] = l.say("fault.name")
		}
	}
	for _, c := range p.form.Consents {
		if c.Health {
			in.consents[c.Key] = form.Get("c."+c.Key) == "yes"
		}
	}
	shown := strings.Fields(form.Get("shown"))
	health := asksHealthHere(p)
	for _, a := range asked(p.form, p.page, p.answers()) {
		if !slices.Contains(shown, a.Key) {
			continue // it became visible after this page was shown
		}
		given := readInput(form, a)
		in.inputs[a.Key] = given
		answer, wrong := given.answer(l, a)
		if wrong != "" {
			faults["answers."+a.Key] = wrong
			continue
		}
		if p.required(a) && (answer.Empty() || answer.Declined) && form.Get("go") == "" {
			faults["answers."+a.Key] = l.say("fault.required")
			continue
		}
		if health && tellsHealth(a, answer) {
			for _, c := range p.form.Consents {
				if c.Health && !in.consents[c.Key] {
					faults["consents."+c.Key] = l.say("fault.health_consent")
				}
			}
		}
		answers[a.Key] = answer
	}
	return in, answers, faults
}

// kept is a posted page whose session was lost: it travels sealed through the
// page that asks for the return code, so that nothing typed is lost.
type kept struct {
	Program, Page string
	Form          url.Values
	Expires       time.Time
}

func (s *server) postQuestion(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.place(r)
	if err != nil {
		return err
	}
	if p.app == nil {
		first := questionPages(p.form)[0].Key == p.page.Key
		if !first || r.PostForm.Get("was") != "" {
			return s.lostSession(w, r, p)
		}
	}
	return s.savePage(w, r, p, r.PostForm)
}

func badForm(err error) error {
	return applications.Errorf(applications.InvalidArgument, "FORM_UNREADABLE", "the form could not be read: %w", err)
}

// savePage saves one page and leads on. It is also reached with a form that
// was kept while its session was lost.
func (s *server) savePage(w http.ResponseWriter, r *http.Request, p *place, form url.Values) error {
	l := s.tongueOf(r)
	in, answers, faults := readPosted(l, p, form)
	back := form.Get("go") == "back"
	if back && (p.app == nil || in.blank()) {
		seeOther(w, r, s.before(p, form))
		return nil
	}
	if len(faults) > 0 {
		s.render(w, r, http.StatusUnprocessableEntity, "question", s.newQuestionPage(r, p, in, faults, nil))
		return nil
	}
	if p.app != nil && !changeable(p.app) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	if p.app == nil {
		// People take longer than a second, and never see the other field.
		var stamp time.Time
		if form.Get("website") != "" || !s.sealer.open("stamp", form.Get("stamp"), &stamp) || s.Now().Sub(stamp) < time.Second {
			s.render(w, r, http.StatusUnprocessableEntity, "question",
				s.newQuestionPage(r, p, in, nil, []string{l.say("fault.again")}))
			return nil
		}
	} else if was := form.Get("was"); was != p.fingerprint() && !sameAnswers(p, in, answers) {
		page := s.newQuestionPage(r, p, in, nil, nil)
		page.Conflict = p.storedHere(l)
		page.Failed, page.Languages = true, nil
		s.render(w, r, http.StatusConflict, "question", page)
		return nil
	}
	saved, err := s.store(r, p, in, answers, form)
	if err != nil {
		faults, others, ok := violations(err, p)
		if !ok {
			return err
		}
		s.render(w, r, http.StatusUnprocessableEntity, "question", s.newQuestionPage(r, p, in, faults, others))
		return nil
	}
	s.keepApplicant(w, *saved.session)
	seeOther(w, r, s.after(saved, form))
	return nil
}

func (in *posted) blank() bool {
	if in.contact != nil && *in.contact != (applications.Contact{}) {
		return false
	}
	for _, i := range in.inputs {
		if !i.empty() {
			return false
		}
	}
	return true
}

// before is where "Back" leads.
func (s *server) before(p *place, form url.Values) string {
	if form.Get("from") == "check" {
		return p.path("/check")
	}
	if page, _, _, _ := p.neighbors(); page != nil {
		return p.questionPath(page.Key)
	}
	return "/calls/" + p.program.ID
}

// after is where a saved page leads.
func (s *server) after(p *place, form url.Values) string {
	switch form.Get("go") {
	case "back":
		return s.before(p, form)
	case "later":
		return p.path("/saved")
	}
	// An answer may have made another question of this page visible, …
	shown := strings.Fields(form.Get("shown"))
	from := ""
	if form.Get("from") == "check" {
		from = "?from=check"
	}
	for _, a := range asked(p.form, p.page, p.app.Answers) {
		if !slices.Contains(shown, a.Key) {
			more := url.Values{"more": {"yes"}}
			if from != "" {
				more.Set("from", "check")
			}
			return p.questionPath(p.page.Key) + "?" + more.Encode() + "#" + questionID(a.Key)
		}
	}
	_, next, _, _ := p.neighbors()
	if from != "" {
		// … or one of the next page, which is then asked before the check.
		if next != nil && dependsOn(p.form, *next, shown) && slices.ContainsFunc(asked(p.form, *next, p.app.Answers),
			func(a *applications.Attribute) bool { return p.app.Answers[a.Key].Empty() }) {
			return p.questionPath(next.Key) + from
		}
		return p.path("/check")
	}
	if next == nil {
		return p.path("/check")
	}
	return p.questionPath(next.Key)
}

// dependsOn reports whether a page asks something only because of an answer to
// one of the attributes.
func dependsOn(form *applications.Form, page applications.Page, keys []string) bool {
	for _, key := range page.Attributes {
		if a := form.Attribute(key); a != nil && a.VisibleWhen != nil && slices.Contains(keys, a.VisibleWhen.Attribute) {
			return true
		}
	}
	return false
}

func sameAnswers(p *place, in *posted, answers applications.Answers) bool {
	if in.contact != nil && *in.contact != p.app.Contact {
		return false
	}
	for key, a := range answers {
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(p.app.Answers[key])
		if string(x) != string(y) {
			return false
		}
	}
	return true
}

// storedHere is what is stored for this page, in words.
func (p *place) storedHere(l tongue) []answerView {
	if p.page.Key == applications.ContactPage {
		return contactLines(l, p.app.Contact)
	}
	var out []answerView
	for _, a := range asked(p.form, p.page, p.app.Answers) {
		out = append(out, answerView{Question: attributeLabel(l, a), Lines: answerLines(l, a, p.app.Answers[a.Key])})
	}
	return out
}

func contactLines(l tongue, c applications.Contact) []answerView {
	var out []answerView
	for _, f := range [][2]string{{"name", c.Name}, {"goes", c.Goes}, {"email", c.Email}, {"phone", c.Phone}} {
		v := answerView{Question: l.said(l.say("contact." + f[0]))}
		if f[1] != "" {
			v.Lines = []phrase{{Text: f[1]}}
		}
		out = append(out, v)
	}
	return out
}

// store creates or updates the application and returns the place as it is
// then.
func (s *server) store(r *http.Request, p *place, in *posted, answers applications.Answers, form url.Values) (*place, error) {
	ctx, now := r.Context(), s.Now()
	l := s.tongueOf(r)
	out := *p
	if p.app == nil {
		a := &applications.Application{
			Program: p.program.ID, Form: p.form.Version, Language: string(l), Answers: applications.Answers{},
		}
		if in.contact != nil {
			a.Contact = *in.contact
		}
		for key, answer := range answers {
			if !answer.Empty() {
				a.Answers[key] = answer
			}
		}
		a.Consents = withConsents(nil, p, in, string(l), now)
		id := form.Get("request")
		if !isUUID(id) {
			id = nonce()
		}
		sum := sha256.Sum256([]byte(canonical(form)))
		created, err := s.svc.CreateApplication(ctx, public, a, false, applications.Idempotency{RequestID: id, Hash: sum[:]})
		if applications.ReasonOf(err) == "REQUEST_ID_REUSED" {
			// Sent once more with other words in it: a new application.
			created, err = s.svc.CreateApplication(ctx, public, a, false, applications.Idempotency{RequestID: nonce(), Hash: sum[:]})
		}
		if err != nil {
			return nil, err
		}
		out.app, out.session = created.Application, sessionOf(created)
		return &out, nil
	}
	who := p.session.principal()
	change := *p.app
	var fields []string
	if in.contact != nil {
		change.Contact = *in.contact
		fields = append(fields, "contact")
	}
	change.Answers = maps.Clone(p.app.Answers)
	if change.Answers == nil {
		change.Answers = applications.Answers{}
	}
	set := func(key string, answer applications.Answer) {
		if answer.Empty() {
			if _, ok := change.Answers[key]; !ok {
				return
			}
			delete(change.Answers, key)
		} else {
			change.Answers[key] = answer
		}
		fields = append(fields, "answers."+key)
	}
	for _, key := range slices.Sorted(maps.Keys(answers)) {
		set(key, answers[key])
	}
	if asksHealthHere(p) {
		change.Consents = withConsents(p.app.Consents, p, in, string(l), now)
		fields = append(fields, "consents")
	}
	if change.Language != string(l) {
		change.Language = string(l)
		fields = append(fields, "language")
	}
	if len(fields) == 0 {
		return &out, nil
	}
	updated, err := s.svc.UpdateApplication(ctx, who, &change, fields, applications.Idempotency{})
	if applications.ReasonOf(err) == "STALE_REVISION" {
		// Another page was saved at the same moment. This one was compared
		// with what is stored for it, so it may go on top.
		change.Revision = 0
		updated, err = s.svc.UpdateApplication(ctx, who, &change, fields, applications.Idempotency{})
	}
	if err != nil {
		return nil, err
	}
	out.app = updated
	return &out, nil
}

// withConsents returns the consents with this page's health consents as they
// were ticked or not.
func withConsents(have []applications.Consent, p *place, in *posted, lang string, now time.Time) []applications.Consent {
	out := slices.Clone(have)
	if !asksHealthHere(p) {
		return out
	}
	for _, c := range p.form.Consents {
		if !c.Health {
			continue
		}
		at := slices.IndexFunc(out, func(x applications.Consent) bool { return x.Key == c.Key })
		switch {
		case in.consents[c.Key] && at < 0:
			out = append(out, applications.Consent{Key: c.Key, FormVersion: p.form.Version, Language: lang, Time: now})
		case !in.consents[c.Key] && at >= 0:
			out = slices.Delete(out, at, at+1)
		}
	}
	return out
}

func sessionOf(c *applications.CreatedApplication) *applicantSession {
	return &applicantSession{
		Program: c.Application.Program, Application: c.Application.ID,
		Generation: c.Application.TokenGeneration, ReturnCode: c.ReturnCode,
	}
}

// canonical is a posted form without what differs between two presses of the
// same button.
func canonical(form url.Values) string {
	form = maps.Clone(form)
	for _, name := range []string{"request", "stamp", "website", "go"} {
		delete(form, name)
	}
	return form.Encode()
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if (i == 8 || i == 13 || i == 18 || i == 23) != (s[i] == '-') || !strings.ContainsRune("0123456789abcdef-", rune(s[i])) {
			return false
		}
	}
	return s[14] == '4'
}

// violations sorts the service's findings to the fields of this page; what
// belongs to none of them is told by itself. It reports false for an error
// that is not about the input.
func violations(err error, p *place) (faults map[string]string, others []string, ok bool) {
	e, is := asError(err)
	if !is {
		return nil, nil, false
	}
	switch e.Code {
	case applications.InvalidArgument, applications.AlreadyExists, applications.FailedPrecondition:
	default:
		return nil, nil, false
	}
	faults = map[string]string{}
	for _, v := range e.Violations {
		field := strings.TrimPrefix(v.Field, "application.")
		if field == "contact.preferred_name" {
			field = "contact.goes"
		}
		if key, found := strings.CutPrefix(field, "answers."); found {
			key, _, _ = strings.Cut(key, ".")
			key, _, _ = strings.Cut(key, "[")
			field = "answers." + key
			if p != nil && !slices.Contains(p.page.Attributes, key) {
				others = append(others, v.Message)
				continue
			}
		}
		if _, have := faults[field]; !have {
			faults[field] = v.Message
		}
	}
	if len(e.Violations) == 0 {
		others = append(others, e.Message)
	}
	return faults, others, true
}

// grouped writes a return code in groups of four.
func grouped(code string) string {
	if strings.Contains(code, "-") || len(code) != 12 {
		return code
	}
	return code[:4] + "-" + code[4:8] + "-" + code[8:]
}

func itoa(n int) string { return strconv.Itoa(n) }
