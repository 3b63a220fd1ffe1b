package web

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// One mentor or mentee, as staff see them.

// peoplePersonPage is an enrollment and what can be done with it.
type peoplePersonPage struct {
	frame
	Sub              []tab
	Path, List, Code string
	Role             string
	Word, Tone, Mark string
	Text             string
	Facts            []factLine
	Contact          []factLine
	Cells            []factLine
	Traits           []string
	Consents         []factLine
	Directives       []directiveLine
	Forbid           string // address of the page of directives
	Moves            []option
	Linkable         bool
	Lasts            []option
	Erase            string // address, or ""
	EraseText        string
	MayRun           bool
	Reason           string
	LinkReason       string
	Request          string
	Faults           []fault
	ReasonFault      string
	LinkFault        string
}

// factLine is one line of a list of facts.
type factLine struct {
	Label string
	Value string
}

// movement is what a button does to an enrollment, or nil.
func (s *server) movement(action string) func(context.Context, access.Principal, string, string, string, int64, applications.Idempotency) (*mentoring.Enrollment, error) {
	switch action {
	case "submit":
		return s.Mentoring.SubmitEnrollment
	case "screen":
		return s.Mentoring.ScreenEnrollment
	case "return":
		return s.Mentoring.ReturnEnrollment
	case "available":
		return s.Mentoring.OfferEnrollment
	case "pause":
		return s.Mentoring.PauseEnrollment
	case "withdraw":
		return s.Mentoring.WithdrawEnrollment
	}
	return nil
}

// movesFrom are the buttons of a state, the usual one first.
var movesFrom = map[mentoring.EnrollmentState][]string{
	mentoring.Draft:     {"submit", "withdraw"},
	mentoring.Submitted: {"screen", "return", "withdraw"},
	mentoring.Screened:  {"available", "return", "withdraw"},
	mentoring.Available: {"pause", "withdraw"},
	mentoring.Paused:    {"available", "withdraw"},
}

// onePerson reads the enrollment in the path, which is recorded.
func (s *server) onePerson(r *http.Request, d *peopleDesk) (*mentoring.Enrollment, error) {
	e, err := s.Mentoring.Enrollment(r.Context(), d.who, d.program.ID, r.PathValue("enrollment"))
	if err == nil && e.Role != roleOf(r) {
		return nil, errNoPage
	}
	return e, err
}

func (s *server) getMentoringPerson(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	page, err := s.newPeoplePerson(r, d)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-person", page)
	return nil
}

func (s *server) newPeoplePerson(r *http.Request, d *peopleDesk) (*peoplePersonPage, error) {
	e, err := s.onePerson(r, d)
	if err != nil {
		return nil, err
	}
	places, err := s.Mentoring.Places(r.Context(), d.who, d.program.ID, e.ID)
	if err != nil {
		return nil, err
	}
	all, err := s.directives(r, d)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(x *mentoring.Directive) bool { return x.Mentee != e.ID && x.Mentor != e.ID })
	codes, err := s.directiveCodes(r, d, all)
	if err != nil {
		return nil, err
	}
	return fillPeoplePerson(s.staffFrame(r, "programs"), d, e, places, all, codes), nil
}

func fillPeoplePerson(f frame, d *peopleDesk, e *mentoring.Enrollment, places mentoring.Places, all []*mentoring.Directive, codes map[string]string) *peoplePersonPage {
	l, zone := f.tongue, d.zone()
	list := d.path("/" + rolePath(e.Role))
	page := &peoplePersonPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, rolePath(e.Role)), Path: list + "/" + e.ID, List: list, Code: e.Code,
		Role: l.say("people.role." + string(e.Role)), Text: l.say("people.state." + string(e.State) + ".text"),
		MayRun: d.run, Request: nonce(), Forbid: d.path("/directives"),
	}
	page.Word, page.Tone, page.Mark = enrollmentWord(l, e.State)
	add := func(into *[]factLine, label, value string) {
		if value != "" {
			*into = append(*into, factLine{label, value})
		}
	}
	add(&page.Facts, l.say("people.places"), l.say("people.places.of", "taken", places.Taken, "open", places.Proposed-places.Taken, "total", places.Total))
	add(&page.Facts, l.say("people.enrolled"), l.moment(e.CreateTime, zone).Text)
	add(&page.Facts, l.say("people.submitted"), l.moment(e.SubmitTime, zone).Text)
	if e.WaitRounds > 0 {
		add(&page.Facts, l.say("people.waiting"), l.count("people.waits", e.WaitRounds))
	}
	switch {
	case e.Origin.Program == d.program.ID:
		add(&page.Facts, l.say("people.origin"), l.say("people.origin.member"))
	case e.Origin.Program != "":
		add(&page.Facts, l.say("people.origin"), l.say("people.origin.alumni", "program", e.Origin.Program))
	case e.OnBehalf != "":
		add(&page.Facts, l.say("people.origin"), l.say("people.origin.staff"))
	}
	if d.run && e.State != mentoring.Erased {
		for _, c := range [][2]string{{"name", e.Contact.Name}, {"goes", e.Contact.Goes}, {"email", e.Contact.Email}, {"phone", e.Contact.Phone}} {
			add(&page.Contact, l.say("people.contact."+c[0]), c[1])
		}
	}
	columns := profileColumns(d.plan, e.Role)
	for _, c := range columns {
		add(&page.Cells, profileLabel(l, c.Name), e.Profile[c.Name])
	}
	for _, name := range slices.Sorted(maps.Keys(e.Profile)) {
		if !slices.ContainsFunc(columns, func(c scoring.Column) bool { return c.Name == name }) {
			add(&page.Cells, profileLabel(l, name), e.Profile[name])
		}
	}
	for _, t := range e.Traits {
		page.Traits = append(page.Traits, t.Attribute+": "+t.Value)
	}
	for _, purpose := range []mentoring.Purpose{mentoring.ForMatching, mentoring.ForContact, mentoring.ForAffinity, mentoring.ForMeasures} {
		at := slices.IndexFunc(e.Consents, func(c mentoring.Consent) bool { return c.Purpose == purpose })
		said := l.say("people.consent.open")
		if at >= 0 && e.Consents[at].Given {
			said = l.say("people.consent.given", "time", l.moment(e.Consents[at].Time, zone).Text)
		} else if at >= 0 {
			said = l.say("people.consent.refused", "time", l.moment(e.Consents[at].Time, zone).Text)
		}
		add(&page.Consents, l.say("people.consent."+string(purpose)), said)
	}
	for _, x := range all {
		page.Directives = append(page.Directives, newDirectiveLine(l, d, x, codes))
	}
	if d.run {
		for _, m := range movesFrom[e.State] {
			page.Moves = append(page.Moves, option{m, l.say("people.move." + m), m == movesFrom[e.State][0]})
		}
		page.Linkable = e.State != mentoring.Erased
		for _, x := range linkLasts {
			page.Lasts = append(page.Lasts, option{x.key, l.say("people.link." + x.key), x.key == "3d"})
		}
	}
	switch {
	case e.State == mentoring.Erased:
	case d.who.Can(access.ApplicationsErase, d.program.ID):
		page.Erase = page.Path + "/erase"
	default:
		page.EraseText = l.say("people.erase.who")
	}
	page.Crumbs = append(peopleCrumbs(l, d.program, e.Code)[:2], crumb{l.said(l.say("people." + rolePath(e.Role))), list}, crumb{l.said(e.Code), ""})
	page.titled(e.Code, page.Role, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// profileColumns are the columns of a role's profiles under the plan's rules,
// but for those that staff do not read.
func profileColumns(plan *mentoring.Plan, role mentoring.Role) []scoring.Column {
	rules := planRules(plan)
	list := scoring.MenteeColumns(rules)
	if role == mentoring.Mentor {
		list = scoring.MentorColumns(rules)
	}
	return slices.DeleteFunc(list, func(c scoring.Column) bool {
		return slices.Contains([]string{"managers", "conflicts", "wishes", "never"}, c.Name)
	})
}

// linkLasts are how long a link may wait to be used.
var linkLasts = []struct {
	key  string
	time time.Duration
}{{"15m", 15 * time.Minute}, {"1d", 24 * time.Hour}, {"3d", 72 * time.Hour}, {"14d", 14 * 24 * time.Hour}}

// peopleLinkPage shows a link, once.
type peopleLinkPage struct {
	frame
	Code, Back, Link, Lasts string
}

func (s *server) postMentoringPerson(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	l, id := s.tongueOf(r), r.PathValue("enrollment")
	at := d.path("/" + rolePath(roleOf(r)) + "/" + id)
	codes, err := s.Mentoring.Codes(r.Context(), d.who, d.program.ID, []string{id})
	if err != nil {
		return err
	}
	if codes[id] == "" {
		return errNoPage
	}
	again := func(err error, link bool) error {
		page, readErr := s.newPeoplePerson(r, d)
		if readErr != nil {
			return readErr
		}
		message, field := s.refusal(l, err), "reason"
		page.Failed, page.Languages = true, nil
		if link {
			page.LinkReason, field = clean(r.PostForm.Get("link_reason"), false), "link_reason"
		} else {
			page.Reason = clean(r.PostForm.Get("reason"), false)
		}
		switch {
		case applications.ReasonOf(err) != "REASON_MISSING":
			field = ""
		case link:
			page.LinkFault = message
		default:
			page.ReasonFault = message
		}
		page.Faults = []fault{{field, message}}
		for _, v := range asViolations(err) {
			if applications.ReasonOf(err) == "ENROLLMENT_INCOMPLETE" && v.Message != message {
				page.Faults = append(page.Faults, fault{"", l.say("people.contact." + incompleteKey(v.Field))})
			}
		}
		s.render(w, r, http.StatusUnprocessableEntity, "people-person", page)
		return nil
	}
	action := r.PostForm.Get("go")
	if action == "link" {
		lasts := linkLasts[2]
		for _, x := range linkLasts {
			if x.key == r.PostForm.Get("lasts") {
				lasts = x
			}
		}
		reason := clean(r.PostForm.Get("link_reason"), false)
		issue := s.Mentoring.SignInLink
		if r.PostForm.Get("end_others") == "yes" {
			issue = s.Mentoring.OnlySignInLink
		}
		code, err := issue(r.Context(), d.who, d.program.ID, id, reason, lasts.time)
		if _, _, ok := violations(err, nil); err != nil && ok {
			return again(err, true)
		}
		if err != nil {
			return err
		}
		// Here and not on a page with an address of its own: it is shown once.
		page := &peopleLinkPage{frame: s.staffFrame(r, "programs"), Code: codes[id], Back: at, Link: s.publicAddress(r) + "/enter/" + code, Lasts: l.say("people.link." + lasts.key)}
		page.titled(l.say("people.link.title"), codes[id], "Fairlead")
		page.Languages = nil
		s.render(w, r, http.StatusOK, "people-link", page)
		return nil
	}
	move := s.movement(action)
	if move == nil {
		seeOther(w, r, at)
		return nil
	}
	_, err = pressedOnce(r, func(idem applications.Idempotency) (*mentoring.Enrollment, error) {
		return move(r.Context(), d.who, d.program.ID, id, clean(r.PostForm.Get("reason"), false), 0, idem)
	})
	if _, _, ok := violations(err, nil); err != nil && ok {
		return again(err, false)
	}
	if err != nil {
		return err
	}
	seeOther(w, r, at)
	return nil
}

// incompleteKey is what a field that is missing is called.
func incompleteKey(field string) string {
	switch field {
	case "contact.name":
		return "need_name"
	case "consents":
		return "need_consent"
	}
	return "need_reach"
}

// publicAddress is where people reach this server.
func (s *server) publicAddress(r *http.Request) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	if s.Secure {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// peopleErasePage is the last look before somebody is erased. Who may erase need
// not be who may look: then it knows the person only by the address.
type peopleErasePage struct {
	frame
	Path, Back    string
	Code          string
	Reason        string
	Faults        []fault
	ReasonFault   string
	ConfirmFault  string
	Request, Done string
}

func (s *server) getErasePerson(w http.ResponseWriter, r *http.Request) error {
	page, err := s.newErasePage(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-erase", page)
	return nil
}

func (s *server) newErasePage(r *http.Request) (*peopleErasePage, error) {
	if s.Mentoring == nil {
		return nil, errNoPage
	}
	who, err := s.staff(r)
	if err != nil {
		return nil, err
	}
	program, id := r.PathValue("program"), r.PathValue("enrollment")
	if !who.Can(access.ApplicationsErase, program) {
		return nil, permissionMissing(access.ApplicationsErase)
	}
	page := &peopleErasePage{frame: s.staffFrame(r, "programs"), Path: r.URL.Path, Request: nonce()}
	if who.Can(access.MatchingsRead, program) {
		codes, err := s.Mentoring.Codes(r.Context(), who, program, []string{id})
		if err != nil {
			return nil, err
		}
		if codes[id] == "" {
			return nil, errNoPage
		}
		page.Code, page.Back = codes[id], page.Path[:len(page.Path)-len("/erase")]
	}
	page.titled(page.tongue.say("people.erase.title"), page.Code, "Fairlead")
	return page, nil
}

func (s *server) postErasePerson(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	page, err := s.newErasePage(r)
	if err != nil {
		return err
	}
	l, reason := page.tongue, clean(r.PostForm.Get("reason"), false)
	page.Reason = reason
	if reason == "" {
		page.ReasonFault = l.say("people.fault.reason")
		page.Faults = append(page.Faults, fault{"reason", page.ReasonFault})
	}
	if r.PostForm.Get("confirm") != "yes" {
		page.ConfirmFault = l.say("people.erase.confirm_fault")
		page.Faults = append(page.Faults, fault{"confirm", page.ConfirmFault})
	}
	status := http.StatusUnprocessableEntity
	if len(page.Faults) == 0 {
		who, err := s.staff(r)
		if err != nil {
			return err
		}
		_, err = s.Mentoring.EraseEnrollment(r.Context(), who, r.PathValue("program"), r.PathValue("enrollment"), reason, applications.Idempotency{})
		if _, _, ok := violations(err, nil); err != nil && ok {
			page.Faults = append(page.Faults, fault{"", s.refusal(l, err)})
		} else if err != nil {
			return err
		} else {
			status, page.Done, page.Back = http.StatusOK, l.say("people.erase.done"), ""
		}
	}
	page.Failed, page.Languages = len(page.Faults) > 0, nil
	s.render(w, r, status, "people-erase", page)
	return nil
}
