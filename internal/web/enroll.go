package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// Mentors and mentees enroll by themselves: a first page that anybody may see
// while the plan takes enrollments, one short page for each part of the profile,
// a look at everything, and a receipt. The same pages change a profile later.

// enrollPage is the first page, or one part of a profile.
type enrollPage struct {
	frame
	Action, Back string
	Step, Steps  int // 0: changed by itself, or the first page
	Heading      string
	Lede         []string
	Fields       []enrollField
	Notes        []string // what we read in what is saved
	Was, From    string
	First        bool // nothing is saved yet
	More         bool // rows can be added
	Stamp        string
	Request      string
	There        string // the code of somebody whose pages this browser opens
	Home, Return string
	Code         string // to come back with
	Conflict     []reviewLine
	Sources      []source
	Faults       []fault
	Contact      string
}

// source is a list of suggestions for a field.
type source struct {
	ID     string
	Values []string
}

// openPlan is the plan of a program that takes enrollments from anybody.
func (s *server) openPlan(r *http.Request) (*mentoring.Plan, *applications.Program, error) {
	if s.Mentoring == nil {
		return nil, nil, errNoPage
	}
	id := r.PathValue("program")
	plan, err := s.Mentoring.Plan(r.Context(), public, id)
	switch applications.CodeOf(err) {
	case applications.NotFound, applications.PermissionDenied, applications.Unauthenticated:
		return nil, nil, errNoPage // it is nobody's business whether there is one
	}
	if err != nil {
		return nil, nil, err
	}
	program, err := s.programOf(r, id)
	return plan, program, err
}

// programOf is the call of a program, nil while it is a draft: mentoring needs
// none.
func (s *server) programOf(r *http.Request, id string) (*applications.Program, error) {
	program, err := s.svc.Program(r.Context(), public, id)
	if applications.CodeOf(err) == applications.NotFound {
		return nil, nil
	}
	return program, err
}

func (s *server) getEnroll(w http.ResponseWriter, r *http.Request) error {
	plan, program, err := s.openPlan(r)
	if err != nil {
		return err
	}
	page := s.newEnrollPage(r, plan, program, url.Values{}, nil)
	if p, err := s.mentorPlace(w, r); err == nil {
		page.There = p.e.Code
	}
	s.render(w, r, http.StatusOK, "enroll", page)
	return nil
}

func (s *server) newEnrollPage(r *http.Request, plan *mentoring.Plan, program *applications.Program, v url.Values, faults faultSet) *enrollPage {
	p := &mentorPlace{id: plan.Program, program: program}
	f := s.mentorFrame(r, p)
	l := f.tongue
	page := &enrollPage{
		frame: f, Action: p.path("/enroll"), Heading: l.say("enroll.title"), First: true, Return: p.path("/return"), Home: p.path(""),
		Stamp: s.sealer.seal("stamp", s.Now()), Request: nonce(), Contact: plan.Contact,
		Fields: append([]enrollField{{
			Kind: "radio", ID: "role", Name: "role", Label: l.say("enroll.role"),
			Options: chosen(v.Get("role"), option{Value: "MENTEE", Label: l.say("enroll.role.MENTEE")}, option{Value: "MENTOR", Label: l.say("enroll.role.MENTOR")}),
		}}, reachFields(l, v)...),
	}
	if v.Has("request") {
		page.Request = v.Get("request")
	}
	page.fault(faults)
	page.titled(page.Heading, titleOf(l, program))
	return page
}

func titleOf(l tongue, program *applications.Program) string {
	if program == nil {
		return "Fairlead"
	}
	return l.phrase(program.Title).Text
}

// fault puts what is wrong beside its fields and into the summary.
func (page *enrollPage) fault(faults faultSet) {
	left := map[string]string{}
	for field, message := range faults {
		left[field] = message
	}
	var walk func([]enrollField)
	walk = func(fields []enrollField) {
		for i := range fields {
			f := &fields[i]
			if f.ID == "" {
				f.ID = f.Name
			}
			if message := left[f.Name]; f.Name != "" && message != "" {
				f.Fault = message
				page.Faults = append(page.Faults, fault{f.ID, message})
				delete(left, f.Name)
			}
			walk(f.Fields)
		}
	}
	walk(page.Fields)
	var others []string
	for _, message := range left {
		others = append(others, message)
	}
	slices.Sort(others)
	for _, message := range slices.Compact(others) {
		page.Faults = append(page.Faults, fault{"", message})
	}
	if len(page.Faults) > 0 {
		page.Failed, page.Languages = true, nil
	}
}

// postEnroll makes a draft of what the first page holds. The rest is asked with
// the session that it begins.
func (s *server) postEnroll(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	plan, program, err := s.openPlan(r)
	if err != nil {
		return err
	}
	l, v := s.tongueOf(r), r.PostForm
	again := func(status int, faults faultSet) error {
		s.render(w, r, status, "enroll", s.newEnrollPage(r, plan, program, v, faults))
		return nil
	}
	e := &mentoring.Enrollment{Program: plan.Program, Role: mentoring.Role(v.Get("role")), Language: string(l), Contact: mentoring.Contact{
		Name: clean(v.Get("name"), false), Goes: clean(v.Get("goes"), false), Email: clean(v.Get("email"), false), Phone: clean(v.Get("phone"), false),
	}}
	faults := reachFaults(l, e.Contact)
	switch e.Role {
	case mentoring.Mentor:
		e.Seats = 1
	case mentoring.Mentee:
		e.Wanted = 1
	default:
		faults.add("role", l.say("enroll.fault.role"))
	}
	if len(faults) > 0 {
		return again(http.StatusUnprocessableEntity, faults)
	}
	// People take longer than a second, and never see the other field.
	var stamp time.Time
	if v.Get("website") != "" || !s.sealer.open("stamp", v.Get("stamp"), &stamp) || s.Now().Sub(stamp) < time.Second {
		return again(http.StatusUnprocessableEntity, faultSet{"": l.say("fault.again")})
	}
	if wait := s.begun.Take(applications.TriesKey(s.ClientAddress(r), "mentoring "+plan.Program), s.Now()); wait > 0 {
		w.Header().Set("Retry-After", itoa(int(wait.Seconds())+1))
		return again(http.StatusTooManyRequests, faultSet{"": l.say("fault.begin_wait")})
	}
	// The hidden request makes of a form that was sent twice one enrollment.
	id := v.Get("request")
	if !applications.IsRequestID(id) {
		id = nonce()
	}
	sum := sha256.Sum256([]byte(canonical(v)))
	made, _, err := s.Mentoring.Enroll(r.Context(), public, e, false, "", applications.Idempotency{RequestID: id, Hash: sum[:]})
	if applications.ReasonOf(err) == "REQUEST_ID_REUSED" { // sent once more with other words in it
		made, _, err = s.Mentoring.Enroll(r.Context(), public, e, false, "", applications.Idempotency{RequestID: nonce(), Hash: sum[:]})
	}
	if faults := s.enrollFaults(l, err); faults != nil {
		return again(http.StatusUnprocessableEntity, faults)
	}
	if err != nil {
		return err
	}
	s.keepMentor(w, mentorSession{Program: plan.Program, Enrollment: made.ID, Generation: made.TokenGeneration})
	seeOther(w, r, "/mentoring/"+plan.Program+"/profile/"+sections[1].key)
	return nil
}

// enrollFaults are the violations of an error by the fields of our forms; nil if
// it is another error.
func (s *server) enrollFaults(l tongue, err error) faultSet {
	var ours *applications.Error
	if !errors.As(err, &ours) || len(ours.Violations) == 0 {
		return nil
	}
	faults := faultSet{}
	for _, v := range ours.Violations {
		field := strings.TrimPrefix(strings.TrimPrefix(v.Field, "contact."), "profile.")
		field, _, _ = strings.Cut(field, "[")
		message := v.Message
		switch {
		case field == "preferred_name":
			field = "goes"
		case field == "preferred_language":
			field = "preferred"
		case field == "asynchronous":
			field = "async"
		case field == "goals", field == "about":
			field = "text"
		case field == "consents":
			field, message = string(mentoring.ForMatching), l.say("enroll.fault.matching")
		case field == "never" && strings.Contains(v.Message, "no such"):
			message = l.say("enroll.fault.nobody")
		case field == "managers", field == "conflicts":
			if strings.Contains(v.Message, "themself") {
				message = l.say("enroll.fault.own_code")
			}
		}
		faults.add(field, message)
	}
	return faults
}

// enrollee is who has the session, and what their profile is asked by.
func (s *server) enrollee(w http.ResponseWriter, r *http.Request) (*enrollee, error) {
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return nil, err
	}
	return s.enrolleeAt(r, p)
}

func (s *server) enrolleeAt(r *http.Request, p *mentorPlace) (*enrollee, error) {
	x := &enrollee{mentorPlace: p}
	var err error
	if x.plan, err = s.Mentoring.Plan(r.Context(), p.who, p.id); err != nil {
		return nil, err
	}
	if x.rules, err = x.plan.ScoringRules(); err != nil {
		return nil, err
	}
	x.never, _, err = s.Mentoring.CodesOf(r.Context(), p.who, p.id, p.e.ID)
	return x, err
}

// mayChange reports whether a part can be changed now.
func (x *enrollee) mayChange(sec *section) bool {
	return x.e.State != mentoring.Erased && (x.e.State != mentoring.Withdrawn || sec.key == "consents")
}

func (s *server) getProfile(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	if r.PathValue("section") == "found" {
		return s.getFound(w, r, x)
	}
	at, ok := sectionOf(r.PathValue("section"))
	if !ok {
		return errNoPage
	}
	if !x.mayChange(&sections[at]) {
		seeOther(w, r, x.path(""))
		return nil
	}
	v := sections[at].values(x)
	if r.URL.Query().Has("more") {
		v.Set("go", "more")
	}
	page, err := s.newProfilePage(r, x, at, v, nil)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "enroll-section", page)
	return nil
}

func (s *server) newProfilePage(r *http.Request, x *enrollee, at int, v url.Values, faults faultSet) (*enrollPage, error) {
	code, err := s.Mentoring.ReturnCode(r.Context(), x.who, x.id, x.e.ID)
	if err != nil {
		return nil, err
	}
	return s.profilePage(r, x, at, v, faults, code), nil
}

func (s *server) profilePage(r *http.Request, x *enrollee, at int, v url.Values, faults faultSet, code string) *enrollPage {
	sec := &sections[at]
	f := s.mentorFrame(r, x.mentorPlace)
	l := f.tongue
	page := &enrollPage{
		frame: f, Action: x.path("/profile/" + sec.key), Heading: l.say("enroll.section." + sec.key), Was: printOf(x, sec),
		Fields: sec.fields(x, l, v), More: sec.key == "topics" || sec.key == "time", Home: x.path(""),
	}
	for _, key := range []string{"enroll.section." + sec.key + ".lede", "enroll.section." + sec.key + ".lede." + string(x.e.Role), "enroll.section." + sec.key + ".lede2"} {
		if _, there := catalogs["en"][key]; there {
			page.Lede = append(page.Lede, l.say(key))
		}
	}
	if page.From = r.URL.Query().Get("from"); page.From == "" {
		page.From = r.PostFormValue("from")
	}
	switch {
	case page.From == "home":
		page.Back = x.path("")
	case page.From == "review" || x.e.State != mentoring.Draft:
		page.From, page.Back = "review", x.path("/review")
	default:
		page.From, page.Step, page.Steps = "", at+1, len(sections)
		if page.Back = x.path(""); at > 0 {
			page.Back = x.path("/profile/" + sections[at-1].key)
		}
	}
	switch sec.key {
	case "topics":
		topics := scoring.ShippedTopics()
		list := source{ID: "topics"}
		for _, id := range topics.IDs() {
			list.Values = append(list.Values, topics.Label(id, string(l)))
		}
		page.Sources = []source{list}
		for _, own := range x.ownTopics() {
			page.Notes = append(page.Notes, l.say("enroll.own_topic", "words", own.Words))
		}
	case "time":
		page.Sources = []source{{"zones", usualZones}}
	case "meeting":
		list := source{ID: "tongues"}
		for _, name := range usualLanguages {
			list.Values = append(list.Values, l.say("enroll.lang."+name))
		}
		page.Sources = []source{list}
	}
	page.Code = code
	page.fault(faults)
	page.titled(page.Heading, l.say("enroll.profile"))
	return page
}

// printOf tells whether what is stored of a part changed since its page was
// shown: another tab, another device, or staff on the phone. It begins with whose
// page that was.
func printOf(x *enrollee, sec *section) string {
	sum := sha256.Sum256([]byte(sec.values(x).Encode()))
	return ownerOf(x) + hex.EncodeToString(sum[:12])
}

func ownerOf(x *enrollee) string {
	sum := sha256.Sum256([]byte(x.e.ID))
	return hex.EncodeToString(sum[:8])
}

// ownPage reports whether a form came from a page that was shown to this very
// person: where people share a browser, the session may be somebody else's by
// now, and nothing of one is ever saved for another, or shown to them.
func ownPage(x *enrollee, v url.Values) bool { return strings.HasPrefix(v.Get("was"), ownerOf(x)) }

// keptProfile is a part that was posted after its session had ended, or another's
// had begun. It travels sealed through the page that asks for the return code.
type keptProfile struct {
	Program, Section string
	Form             url.Values
	Expires          time.Time
}

func (s *server) postProfile(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	key := r.PathValue("section")
	x, err := s.enrollee(w, r)
	if s.Mentoring != nil && (errors.Is(err, errNoLink) || err == nil && r.PostForm.Has("was") && !ownPage(x, r.PostForm)) {
		k := keptProfile{r.PathValue("program"), key, r.PostForm, s.Now().Add(time.Hour)}
		page, err := s.newMentorReturnPage(r, s.sealer.seal("kept profile", k), "")
		if err != nil {
			return err
		}
		s.render(w, r, http.StatusUnauthorized, "enroll-return", page)
		return nil
	}
	if err != nil {
		return err
	}
	if key == "found" {
		return s.postFound(w, r, x, r.PostForm)
	}
	return s.saveProfile(w, r, x, key, r.PostForm)
}

// saveProfile saves one part and leads on. It is also reached with a form that
// was kept while its session was lost.
func (s *server) saveProfile(w http.ResponseWriter, r *http.Request, x *enrollee, key string, v url.Values) error {
	at, ok := sectionOf(key)
	if !ok {
		return errNoPage
	}
	sec, l := &sections[at], s.tongueOf(r)
	if !x.mayChange(sec) {
		seeOther(w, r, x.path(""))
		return nil
	}
	again := func(status int, faults faultSet, conflict []reviewLine) error {
		page, err := s.newProfilePage(r, x, at, v, faults)
		if err != nil {
			return err
		}
		if page.Conflict = conflict; conflict != nil {
			page.Failed, page.Languages = true, nil
		}
		s.render(w, r, status, "enroll-section", page)
		return nil
	}
	e := profileCopy(x.e)
	if faults := sec.take(l, x, v, e); len(faults) > 0 {
		return again(http.StatusUnprocessableEntity, faults, nil)
	}
	if was := v.Get("was"); was != printOf(x, sec) {
		stored := sec.lines(x, l)
		if stored == nil {
			stored = []reviewLine{{Label: l.say("enroll.blank")}}
		}
		return again(http.StatusConflict, nil, stored)
	}
	if err := s.updateProfile(r, x, e, sec.fieldsOf(x)); err != nil {
		if faults := s.enrollFaults(l, err); faults != nil {
			return again(http.StatusUnprocessableEntity, faults, nil)
		}
		return err
	}
	from := v.Get("from")
	next := x.path("/review")
	switch {
	case v.Get("go") == "more":
		next = x.path("/profile/" + key + "?more=yes")
		if from != "" {
			next += "&from=" + url.QueryEscape(from)
		}
	case v.Get("go") == "later":
		next = x.path("/saved")
	case key == "topics" && len(x.newTopics()) > 0:
		next = x.path("/profile/found")
		if from != "" {
			next += "?" + url.Values{"from": {from}}.Encode()
		}
	case from == "home":
		next = x.path("")
	case v.Get("go") == "back" && from == "" && at > 0:
		next = x.path("/profile/" + sections[at-1].key)
	case v.Get("go") == "back" && from == "":
		next = x.path("")
	case from == "" && x.e.State == mentoring.Draft && at+1 < len(sections):
		next = x.path("/profile/" + sections[at+1].key)
	}
	seeOther(w, r, next)
	return nil
}

// updateProfile stores the fields, if nobody else changed the enrollment since
// it was read.
func (s *server) updateProfile(r *http.Request, x *enrollee, e *mentoring.Enrollment, fields []string) error {
	saved, err := s.Mentoring.UpdateEnrollment(r.Context(), x.who, e, fields, "", applications.Idempotency{})
	if err == nil {
		x.e = saved
	}
	return err
}

// getFound asks whether topics that somebody wrote of are topics that they want
// or offer: nothing is added by itself.
func (s *server) getFound(w http.ResponseWriter, r *http.Request, x *enrollee) error {
	f := s.mentorFrame(r, x.mentorPlace)
	l := f.tongue
	column, _ := x.topicColumns()
	at, _ := sectionOf("topics")
	page := &enrollPage{
		frame: f, Action: x.path("/profile/found"), Back: x.path("/profile/topics"), Heading: l.say("enroll.found"), Lede: []string{l.say("enroll.found.lede")},
		Was: printOf(x, &sections[at]), From: r.URL.Query().Get("from"), Home: x.path(""),
	}
	topics := scoring.ShippedTopics()
	field := enrollField{Kind: "checkbox", ID: "topic", Name: "topic", Label: l.say("enroll.found." + column)}
	for _, id := range x.newTopics() {
		field.Options = append(field.Options, option{Value: id, Label: topics.Label(id, string(l))})
	}
	if len(field.Options) == 0 || !x.mayChange(&sections[0]) {
		seeOther(w, r, x.path("/review"))
		return nil
	}
	page.Fields = []enrollField{field}
	page.titled(page.Heading, l.say("enroll.profile"))
	s.render(w, r, http.StatusOK, "enroll-section", page)
	return nil
}

func (s *server) postFound(w http.ResponseWriter, r *http.Request, x *enrollee, v url.Values) error {
	at, _ := sectionOf("topics")
	column, _ := x.topicColumns()
	e := profileCopy(x.e)
	items := splitCell(e.Profile[column])
	for _, id := range x.newTopics() {
		if slices.Contains(v["topic"], id) {
			items = append(items, scoring.ShippedTopics().Label(id, "en")+":2")
		}
	}
	if cell := strings.Join(items, "; "); cell != e.Profile[column] && x.mayChange(&sections[at]) {
		e.Profile[column] = cell
		if err := s.updateProfile(r, x, e, []string{"profile"}); err != nil {
			return err
		}
	}
	switch {
	case v.Get("from") == "home":
		seeOther(w, r, x.path(""))
	case v.Get("from") == "" && x.e.State == mentoring.Draft:
		seeOther(w, r, x.path("/profile/"+sections[at+1].key))
	default:
		seeOther(w, r, x.path("/review"))
	}
	return nil
}

// reviewPage is everything in words, to hand in or to look at.
type reviewPage struct {
	frame
	Back, Action string
	Begun        bool // not handed in yet
	Screening    bool
	Sections     []reviewSection
	Notes        []string
	Code         string
	Faults       []fault
}

type reviewSection struct {
	ID, Title, Href string
	Lines           []reviewLine
}

func (s *server) getEnrollReview(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	return s.showReview(w, r, x, http.StatusOK, nil)
}

func (s *server) showReview(w http.ResponseWriter, r *http.Request, x *enrollee, status int, faults faultSet) error {
	code, err := s.Mentoring.ReturnCode(r.Context(), x.who, x.id, x.e.ID)
	if err != nil {
		return err
	}
	s.render(w, r, status, "enroll-review", newReviewPage(s.mentorFrame(r, x.mentorPlace), x, code, faults))
	return nil
}

func newReviewPage(f frame, x *enrollee, code string, faults faultSet) *reviewPage {
	l := f.tongue
	page := &reviewPage{
		frame: f, Back: x.path(""), Action: x.path("/review"), Begun: x.e.State == mentoring.Draft, Screening: x.plan.Screening, Code: code,
	}
	for i := range sections {
		sec := &sections[i]
		part := reviewSection{ID: sec.key, Title: l.say("enroll.section." + sec.key), Lines: sec.lines(x, l)}
		if x.mayChange(sec) {
			part.Href = x.path("/profile/" + sec.key + "?from=review")
		}
		page.Sections = append(page.Sections, part)
	}
	for _, own := range x.ownTopics() {
		page.Notes = append(page.Notes, l.say("enroll.own_topic", "words", own.Words))
	}
	for _, at := range []struct{ field, section string }{{"name", "contact"}, {"email", "contact"}, {string(mentoring.ForMatching), "consents"}} {
		if m := faults[at.field]; m != "" {
			page.Faults = append(page.Faults, fault{at.section, m})
		}
	}
	if len(page.Faults) == 0 && len(faults) > 0 {
		page.Faults = []fault{{"", l.say("fault.again")}}
	}
	heading := l.say("enroll.profile")
	if page.Begun {
		heading = l.say("enroll.review")
	}
	if page.Failed = len(page.Faults) > 0; page.Failed {
		page.Languages = nil
	}
	page.titled(heading, titleOf(l, x.program))
	return page
}

func (s *server) postEnrollReview(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	if x.e.State != mentoring.Draft {
		seeOther(w, r, x.path("/receipt"))
		return nil
	}
	_, err = s.Mentoring.SubmitEnrollment(r.Context(), x.who, x.id, x.e.ID, "", x.e.Revision, applications.Idempotency{})
	if applications.ReasonOf(err) == "ENROLLMENT_INCOMPLETE" {
		l := s.tongueOf(r)
		faults := reachFaults(l, x.e.Contact)
		if !agreedTo(x.e, mentoring.ForMatching) {
			faults.add(string(mentoring.ForMatching), l.say("enroll.fault.matching_needed"))
		}
		return s.showReview(w, r, x, http.StatusUnprocessableEntity, faults)
	}
	if err != nil {
		return err
	}
	seeOther(w, r, x.path("/receipt"))
	return nil
}

// enrollReceiptPage says what was handed in, what happens, and how to come back;
// or, of a draft, only how to come back.
type enrollReceiptPage struct {
	frame
	Home, Reference, Code string
	Begun, Screening      bool
	Mentor                bool
	Submitted             moment
	Contact, Program      string
}

func (s *server) getEnrollReceipt(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	code, err := s.Mentoring.ReturnCode(r.Context(), x.who, x.id, x.e.ID)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "enroll-receipt", newEnrollReceipt(s.mentorFrame(r, x.mentorPlace), x, code))
	return nil
}

func newEnrollReceipt(f frame, x *enrollee, code string) *enrollReceiptPage {
	l := f.tongue
	page := &enrollReceiptPage{
		frame: f, Home: x.path(""), Reference: x.e.Code, Code: code, Begun: x.e.State == mentoring.Draft, Screening: x.e.State == mentoring.Submitted, Mentor: x.mentors(),
		Submitted: l.moment(x.e.SubmitTime, x.zone()), Contact: x.plan.Contact, Program: x.id,
	}
	heading := l.say("enroll.receipt")
	if page.Begun {
		heading = l.say("saved.title")
	}
	page.titled(heading, titleOf(l, x.program))
	return page
}

// mentorReturnPage takes the code that brings mentors and mentees back.
type mentorReturnPage struct {
	frame
	Action, Enroll string
	Code, Kept     string
	Fault          string
	Faults         []fault
	Contact        string
}

func (s *server) newMentorReturnPage(r *http.Request, kept, message string) (*mentorReturnPage, error) {
	p := &mentorPlace{id: r.PathValue("program")}
	var err error
	if p.program, err = s.programOf(r, p.id); err != nil {
		return nil, err
	}
	page := &mentorReturnPage{frame: s.mentorFrame(r, p), Action: p.path("/return"), Kept: kept}
	plan, err := s.Mentoring.Plan(r.Context(), public, p.id)
	if err == nil { // it takes enrollments
		page.Enroll, page.Contact = p.path("/enroll"), plan.Contact
	}
	if message != "" {
		page.Fault, page.Faults, page.Failed = message, []fault{{"code", message}}, true
	}
	if r.Method != http.MethodGet {
		page.Languages = nil
	}
	page.titled(page.tongue.say("enroll.return"), titleOf(page.tongue, p.program))
	return page, nil
}

func (s *server) getMentorReturn(w http.ResponseWriter, r *http.Request) error {
	if s.Mentoring == nil {
		return errNoPage
	}
	page, err := s.newMentorReturnPage(r, "", "")
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "enroll-return", page)
	return nil
}

func (s *server) postMentorReturn(w http.ResponseWriter, r *http.Request) error {
	if s.Mentoring == nil {
		return errNoPage
	}
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	l, program, sealed := s.tongueOf(r), r.PathValue("program"), r.PostForm.Get("kept")
	again := func(status int, message string) error {
		page, err := s.newMentorReturnPage(r, sealed, message)
		if err != nil {
			return err
		}
		page.Code = clean(r.PostForm.Get("code"), false)
		s.render(w, r, status, "enroll-return", page)
		return nil
	}
	typed := r.PostForm.Get("code")
	if strings.TrimSpace(typed) == "" {
		return again(http.StatusUnprocessableEntity, l.say("fault.code_empty"))
	}
	address := applications.TriesKey(s.ClientAddress(r), "mentoring "+program)
	if wait := s.Tries.Take(address, s.Now()); wait > 0 {
		w.Header().Set("Retry-After", itoa(int(wait.Seconds())+1))
		return again(http.StatusTooManyRequests, l.count("fault.code_wait", int(wait.Minutes())+1))
	}
	who, generation, err := s.Mentoring.UseReturnCode(r.Context(), program, typed)
	if applications.CodeOf(err) == applications.NotFound {
		return again(http.StatusUnprocessableEntity, l.say("enroll.fault.return"))
	}
	s.Tries.Refund(address)
	if err != nil {
		return err
	}
	s.keepMentor(w, mentorSession{Program: program, Enrollment: who.Enrollment, Generation: generation})
	var k keptProfile
	if s.sealer.open("kept profile", sealed, &k) && k.Program == program && s.Now().Before(k.Expires) {
		return s.restore(w, r, who, &k)
	}
	seeOther(w, r, "/mentoring/"+program)
	return nil
}

// restore saves what was typed into a page whose session had ended, if who came
// back is who typed it.
func (s *server) restore(w http.ResponseWriter, r *http.Request, who access.Principal, k *keptProfile) error {
	p := &mentorPlace{who: who, id: k.Program}
	var err error
	if p.e, err = s.Mentoring.Enrollment(r.Context(), who, k.Program, who.Enrollment); err != nil {
		return err
	}
	if p.program, err = s.programOf(r, k.Program); err != nil {
		return err
	}
	x, err := s.enrolleeAt(r, p)
	if err != nil {
		return err
	}
	if !ownPage(x, k.Form) {
		seeOther(w, r, x.path(""))
		return nil
	}
	if k.Section == "found" {
		return s.postFound(w, r, x, k.Form)
	}
	return s.saveProfile(w, r, x, k.Section, k.Form)
}

// enrollWithdrawPage is the last look before an enrollment ends.
type enrollWithdrawPage struct {
	frame
	Back, Action, Reference, Contact string
	Ships                            bool // mentorships would end
}

func (s *server) getEnrollWithdraw(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	if x.e.State == mentoring.Withdrawn {
		seeOther(w, r, x.path(""))
		return nil
	}
	places, err := s.Mentoring.Places(r.Context(), x.who, x.id, x.e.ID)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "enroll-withdraw", newEnrollWithdraw(s.mentorFrame(r, x.mentorPlace), x, places))
	return nil
}

func newEnrollWithdraw(f frame, x *enrollee, places mentoring.Places) *enrollWithdrawPage {
	page := &enrollWithdrawPage{frame: f, Back: x.path(""), Action: x.path("/withdraw"), Reference: x.e.Code, Contact: x.plan.Contact, Ships: places.Taken > 0}
	page.titled(f.tongue.say("enroll.withdraw"), titleOf(f.tongue, x.program))
	return page
}

func (s *server) postEnrollWithdraw(w http.ResponseWriter, r *http.Request) error {
	x, err := s.enrollee(w, r)
	if err != nil {
		return err
	}
	if x.e.State != mentoring.Withdrawn {
		if _, err := s.Mentoring.WithdrawEnrollment(r.Context(), x.who, x.id, x.e.ID, "", 0, applications.Idempotency{}); err != nil {
			return s.answered(w, r, x.mentorPlace, err)
		}
	}
	seeOther(w, r, x.path(""))
	return nil
}
