package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// Enrolling somebody on their behalf: by telephone, or out of a cohort.

// peopleNewPage is the form that enrolls one person.
type peopleNewPage struct {
	frame
	Sub         []tab
	Path, List  string
	Heading     string
	Contact     []typedField
	Cells       []typedField
	Places      typedField
	Language    []option
	Agreed      bool
	Edit        bool // of somebody who is enrolled already
	Revision    string
	Reason      string
	Request     string
	Faults      []fault
	ReasonFault string
}

// typedField is one field of a form, as typed.
type typedField struct {
	Name, Label, Hint, Value, Fault string
	Long, Short                     bool
}

// typedID is the element of a field of the service.
func typedID(field string) string { return "f." + field }

func (s *server) getNewPerson(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-new", newPersonForm(s.staffFrame(r, "programs"), d, roleOf(r), url.Values{}, nil))
	return nil
}

func newPersonForm(f frame, d *peopleDesk, role mentoring.Role, form url.Values, faults map[string]string) *peopleNewPage {
	l, list := f.tongue, d.path("/"+rolePath(role))
	page := &peopleNewPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, rolePath(role)), Path: list + "/new", List: list, Heading: l.say("people.new." + rolePath(role)),
		Agreed: form.Get("agreed") == "yes", Reason: form.Get("reason"), Request: nonce(), ReasonFault: faults["on_behalf_reason"],
	}
	field := func(name, label, hint string, long bool) typedField {
		value := form.Get(typedID(name))
		return typedField{Name: typedID(name), Label: label, Hint: hint, Value: value, Fault: faults[name], Long: long || strings.Contains(value, "\n")}
	}
	for _, c := range []string{"name", "goes", "email", "phone"} {
		page.Contact = append(page.Contact, field("contact."+c, l.say("people.contact."+c), "", false))
	}
	if role == mentoring.Mentor {
		page.Places = field("seats", l.say("people.seats"), l.say("people.seats.hint", "n", d.plan.MaxSeats), false)
	} else {
		page.Places = field("wanted", l.say("people.wanted"), l.say("people.wanted.hint", "n", d.plan.MaxWanted), false)
	}
	if !form.Has(page.Places.Name) {
		page.Places.Value = "1"
	}
	page.Language = chosenToo(form.Get("language"), option{Label: l.say("people.language.program")},
		option{Value: "en", Label: languageNames["en"]}, option{Value: "es", Label: languageNames["es"]})
	for _, c := range profileColumns(d.plan, role) {
		page.Cells = append(page.Cells, field("profile."+c.Name, profileLabel(l, c.Name), columnHint(l, c.Name), c.Name == "goals" || c.Name == "about"))
	}
	page.Crumbs = append(peopleCrumbs(l, d.program, "")[:2], crumb{l.said(l.say("people." + rolePath(role))), list}, crumb{l.said(page.Heading), ""})
	page.titled(page.Heading, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// columnHint says how a column is written, or "".
func columnHint(l tongue, column string) string {
	if len(column) > 6 && column[:6] == "style_" {
		column = "style"
	}
	if _, ok := catalogs["en"]["people.hint."+column]; ok {
		return l.say("people.hint." + column)
	}
	return ""
}

// agreedForMatching is what staff may note for somebody who said it to them.
func agreedForMatching() []mentoring.Consent {
	return []mentoring.Consent{{Purpose: mentoring.ForMatching, Given: true}}
}

func (s *server) postNewPerson(w http.ResponseWriter, r *http.Request) error {
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
	role, form := roleOf(r), r.PostForm
	f := s.staffFrame(r, "programs")
	e := &mentoring.Enrollment{Program: d.program.ID, Role: role, Profile: map[string]string{}}
	reason, faults := readPerson(f.tongue, d, form, e)
	if form.Get("agreed") == "yes" {
		e.Consents = agreedForMatching()
	}
	if len(faults) == 0 {
		made, err := pressedOnce(r, func(idem applications.Idempotency) (*mentoring.Enrollment, error) {
			// The token would be the person's own: they get a link.
			made, _, err := s.Mentoring.Enroll(r.Context(), d.who, e, form.Get("go") != "draft", reason, idem)
			return made, err
		})
		if err == nil {
			seeOther(w, r, d.path("/"+rolePath(role)+"/"+made.ID))
			return nil
		}
		return s.personFaults(w, r, newPersonForm(f, d, role, form, nil), err, nil)
	}
	return s.personFaults(w, r, newPersonForm(f, d, role, form, faults), nil, faults)
}

// readPerson reads what the form says of somebody, and the reason of staff.
func readPerson(l tongue, d *peopleDesk, form url.Values, e *mentoring.Enrollment) (reason string, faults map[string]string) {
	faults = map[string]string{}
	get := func(name string) string { return clean(form.Get(typedID(name)), true) }
	e.Language = form.Get("language")
	e.Contact = mentoring.Contact{Name: get("contact.name"), Goes: get("contact.goes"), Email: get("contact.email"), Phone: get("contact.phone")}
	for _, c := range profileColumns(d.plan, e.Role) {
		delete(e.Profile, c.Name)
		if cell := get("profile." + c.Name); cell != "" {
			e.Profile[c.Name] = cell
		}
	}
	place, into := "wanted", &e.Wanted
	if e.Role == mentoring.Mentor {
		place, into = "seats", &e.Seats
	}
	n, err := strconv.Atoi(get(place))
	if err != nil || n < 0 {
		faults[place] = l.say("people.fault.number")
	}
	*into = n
	if reason = clean(form.Get("reason"), false); reason == "" {
		faults["on_behalf_reason"] = l.say("people.fault.reason")
	}
	return reason, faults
}

// personFaults shows the form again with what the service refused, or with what
// was found before it was asked.
func (s *server) personFaults(w http.ResponseWriter, r *http.Request, page *peopleNewPage, err error, faults map[string]string) error {
	var others []string
	if err != nil {
		found, rest, ok := violations(err, nil)
		switch {
		case applications.ReasonOf(err) == "STALE_REVISION":
			found, rest = nil, []string{s.refusal(page.tongue, err)}
		case !ok:
			return err
		case len(found) == 0:
			rest = []string{s.refusal(page.tongue, err)}
		}
		faults, others = map[string]string{}, rest
		for field, message := range found {
			if applications.ReasonOf(err) == "ENROLLMENT_INCOMPLETE" {
				message = page.tongue.say("people.contact." + incompleteKey(field))
			}
			faults[field] = message
		}
		for _, list := range [][]typedField{page.Contact, page.Cells} {
			for i := range list {
				list[i].Fault = faults[list[i].Name[len("f."):]]
			}
		}
		page.Places.Fault, page.ReasonFault = faults[page.Places.Name[len("f."):]], faults["on_behalf_reason"]
	}
	var inputs []blamed
	for _, v := range slices.Concat(page.Contact, []typedField{page.Places}, page.Cells) {
		inputs = append(inputs, blamed{v.Name[len("f."):], v.Name})
	}
	inputs = append(inputs, blamed{"consents", "agreed"}, blamed{"on_behalf_reason", "reason"})
	page.Faults = listed(faults, others, inputs...)
	page.Failed, page.Languages = true, nil
	s.render(w, r, http.StatusUnprocessableEntity, "people-new", page)
	return nil
}

// personForm is somebody's answers as the form would be posted.
func personForm(d *peopleDesk, e *mentoring.Enrollment) url.Values {
	f := url.Values{"language": {e.Language}, "revision": {strconv.FormatInt(e.Revision, 10)}}
	set := func(name, value string) { f.Set(typedID(name), value) }
	set("contact.name", e.Contact.Name)
	set("contact.goes", e.Contact.Goes)
	set("contact.email", e.Contact.Email)
	set("contact.phone", e.Contact.Phone)
	set("seats", itoa(e.Seats))
	set("wanted", itoa(e.Wanted))
	for _, c := range profileColumns(d.plan, e.Role) {
		set("profile."+c.Name, e.Profile[c.Name])
	}
	return f
}

// newEditForm is the same form for somebody who is enrolled.
func newEditForm(f frame, d *peopleDesk, e *mentoring.Enrollment, form url.Values, faults map[string]string) *peopleNewPage {
	page := newPersonForm(f, d, e.Role, form, faults)
	at := page.List + "/" + e.ID
	page.Edit, page.Path, page.Revision = true, at+"/edit", form.Get("revision")
	page.Heading = f.tongue.say("people.edit", "code", e.Code)
	page.Crumbs = append(page.Crumbs[:3:3], crumb{f.tongue.said(e.Code), at}, crumb{f.tongue.said(page.Heading), ""})
	page.titled(page.Heading, f.tongue.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// editDesk is the desk and the person of a page that changes answers, or nil
// where there is nothing to change any more and the browser was sent on.
func (s *server) editDesk(w http.ResponseWriter, r *http.Request) (*peopleDesk, *mentoring.Enrollment, error) {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return nil, nil, err
	}
	if err := d.mayRun(); err != nil {
		return nil, nil, err
	}
	e, err := s.onePerson(r, d)
	if err != nil {
		return nil, nil, err
	}
	if movesFrom[e.State] == nil {
		seeOther(w, r, d.path("/"+rolePath(e.Role)+"/"+e.ID))
		return nil, nil, nil
	}
	return d, e, nil
}

func (s *server) getEditPerson(w http.ResponseWriter, r *http.Request) error {
	d, e, err := s.editDesk(w, r)
	if d == nil || err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-new", newEditForm(s.staffFrame(r, "programs"), d, e, personForm(d, e), nil))
	return nil
}

// postEditPerson changes answers on somebody's behalf. What staff do not see
// stays as it is.
func (s *server) postEditPerson(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, e, err := s.editDesk(w, r)
	if d == nil || err != nil {
		return err
	}
	f := s.staffFrame(r, "programs")
	reason, faults := readPerson(f.tongue, d, r.PostForm, e)
	if len(faults) > 0 {
		return s.personFaults(w, r, newEditForm(f, d, e, r.PostForm, faults), nil, faults)
	}
	fields := []string{"contact", "language", "profile", "wanted"}
	if e.Role == mentoring.Mentor {
		fields[3] = "seats"
	}
	e.Revision, _ = strconv.ParseInt(r.PostForm.Get("revision"), 10, 64)
	_, err = pressedOnce(r, func(idem applications.Idempotency) (*mentoring.Enrollment, error) {
		return s.Mentoring.UpdateEnrollment(r.Context(), d.who, e, fields, reason, idem)
	})
	if err != nil {
		return s.personFaults(w, r, newEditForm(f, d, e, r.PostForm, nil), err, nil)
	}
	seeOther(w, r, d.path("/"+rolePath(e.Role)+"/"+e.ID))
	return nil
}

// peopleMembersPage enrolls members of a cohort.
type peopleMembersPage struct {
	frame
	Sub         []tab
	Path, List  string
	Heading     string
	Text        string
	Programs    []tab // cohorts to look at
	Cohort      string
	Members     []memberLine
	Contacts    bool // names come along, which is recorded
	Hidden      bool // who asks may not see members
	Reason      string
	Request     string
	Faults      []fault
	ReasonFault string
	Done        string
}

type memberLine struct {
	ID, Code string
	Ticked   bool
}

// cohorts are the programs whose members somebody may see.
func (s *server) cohorts(r *http.Request, who access.Principal) ([]*applications.Program, error) {
	var out []*applications.Program
	q := applications.ListQuery{PageSize: 200}
	for {
		list, err := s.svc.Programs(r.Context(), who, q)
		if err != nil {
			return nil, err
		}
		for _, p := range list.Items {
			if who.Can(access.SelectionsRead, p.ID) {
				out = append(out, p)
			}
		}
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 1000 {
			return out, nil
		}
	}
}

// members are the people who hold a seat in a program.
func (s *server) members(r *http.Request, who access.Principal, program string) ([]*applications.Offer, error) {
	var out []*applications.Offer
	q := applications.ListQuery{PageSize: 500, Filter: "state = ACCEPTED"}
	for {
		list, err := s.svc.Offers(r.Context(), who, program, q)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 5000 {
			return out, nil
		}
	}
}

func (s *server) newMembersPage(r *http.Request, d *peopleDesk) (*peopleMembersPage, error) {
	list, err := s.cohorts(r, d.who)
	if err != nil {
		return nil, err
	}
	cohort := r.URL.Query().Get("cohort")
	if cohort == "" {
		cohort = d.program.ID
	}
	var offers []*applications.Offer
	for _, p := range list {
		if p.ID == cohort {
			if offers, err = s.members(r, d.who, cohort); err != nil {
				return nil, err
			}
		}
	}
	return fillMembers(s.staffFrame(r, "programs"), d, roleOf(r), list, cohort, offers), nil
}

func fillMembers(f frame, d *peopleDesk, role mentoring.Role, cohorts []*applications.Program, cohort string, offers []*applications.Offer) *peopleMembersPage {
	l, list := f.tongue, d.path("/"+rolePath(role))
	page := &peopleMembersPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, rolePath(role)), Path: list + "/members?cohort=" + url.QueryEscape(cohort), List: list,
		Heading: l.say("people.members." + rolePath(role)), Text: l.say("people.members.text"), Hidden: len(cohorts) == 0, Request: nonce(),
		Contacts: d.who.Can(access.IdentityRead, cohort), Cohort: cohort,
	}
	for _, p := range cohorts {
		page.Programs = append(page.Programs, tab{l.phrase(p.Title).Text, list + "/members?cohort=" + p.ID, p.ID == cohort})
	}
	for _, o := range offers {
		page.Members = append(page.Members, memberLine{ID: o.Application, Code: o.Code})
	}
	page.Crumbs = append(peopleCrumbs(l, d.program, "")[:2], crumb{l.said(l.say("people." + rolePath(role))), list}, crumb{l.said(page.Heading), ""})
	page.titled(page.Heading, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) getMembers(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	page, err := s.newMembersPage(r, d)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-members", page)
	return nil
}

// postMembers enrolls each that is ticked as a draft: the person completes it,
// by a link, and says what their answers may be used for.
func (s *server) postMembers(w http.ResponseWriter, r *http.Request) error {
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
	page, err := s.newMembersPage(r, d)
	if err != nil {
		return err
	}
	l, role := page.tongue, roleOf(r)
	page.Reason = clean(r.PostForm.Get("reason"), false)
	var asked []memberLine
	for i, m := range page.Members {
		if slices.Contains(r.PostForm["id"], m.ID) {
			page.Members[i].Ticked = true
			asked = append(asked, m)
		}
	}
	if len(asked) == 0 {
		page.Faults = append(page.Faults, fault{"members", l.say("people.list.tick")})
	}
	if page.Reason == "" {
		page.ReasonFault = l.say("people.fault.reason")
		page.Faults = append(page.Faults, fault{"reason", page.ReasonFault})
	}
	status := http.StatusUnprocessableEntity
	if len(page.Faults) == 0 {
		made := 0
		for _, m := range asked {
			e := &mentoring.Enrollment{Program: d.program.ID, Role: role, Origin: mentoring.Origin{Program: page.Cohort, Application: m.ID}, Profile: map[string]string{}}
			if role == mentoring.Mentor {
				e.Seats = 1
			} else {
				e.Wanted = 1
			}
			if page.Contacts {
				app, err := s.svc.Application(r.Context(), d.who, page.Cohort, m.ID, true, page.Reason)
				if err != nil {
					return err
				}
				e.Contact, e.Language = mentoring.Contact(app.Contact), app.Language
			}
			_, _, err := s.Mentoring.Enroll(r.Context(), d.who, e, false, page.Reason, applications.Idempotency{})
			if _, _, ok := violations(err, nil); err != nil && ok {
				page.Faults = append(page.Faults, fault{"", m.Code + ": " + s.refusal(l, err)})
				continue
			}
			if err != nil {
				return err
			}
			made++
		}
		if len(page.Faults) == 0 {
			seeOther(w, r, page.List+"?state=DRAFT&changed="+itoa(made))
			return nil
		}
		if made > 0 {
			page.Faults = append(page.Faults, fault{"", l.say("people.list.done", "n", made)})
		}
	}
	page.Failed, page.Languages = true, nil
	s.render(w, r, status, "people-members", page)
	return nil
}
