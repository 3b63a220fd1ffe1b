package web

import (
	"crypto/sha256"
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

// posted is a page of the form as a browser sent it, valid or not.
type posted struct {
	contact  *applications.Contact // nil unless it is the contact page
	inputs   map[string]input      // by attribute
	consents map[string]bool       // health consents on this page
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
		if wait := s.begun.Take(applications.TriesKey(s.ClientAddress(r), p.program.ID), s.Now()); wait > 0 {
			w.Header().Set("Retry-After", itoa(int(wait.Seconds())+1))
			s.render(w, r, http.StatusTooManyRequests, "question",
				s.newQuestionPage(r, p, in, nil, []string{l.say("fault.begin_wait")}))
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
		if !applications.IsRequestID(id) {
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

// blamed is a field of the service with the id of the element where it is typed.
type blamed struct{ field, id string }

// listed makes the list at the top of a page: what belongs to its inputs, in
// their order, then everything else.
func listed(faults map[string]string, others []string, inputs ...blamed) []fault {
	var list []fault
	for _, in := range inputs {
		if message := faults[in.field]; message != "" {
			list = append(list, fault{in.id, message})
		}
	}
	for _, field := range slices.Sorted(maps.Keys(faults)) {
		if !slices.ContainsFunc(inputs, func(in blamed) bool { return in.field == field }) {
			list = append(list, fault{"", faults[field]})
		}
	}
	for _, message := range others {
		list = append(list, fault{"", message})
	}
	return list
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
