package web

import (
	"net/http"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// Directives: pairs that every run makes, or never makes, because staff said so.

// directiveLine is one directive in words.
type directiveLine struct {
	ID, Word, Reason string
	Mentee, Mentor   string // codes
	MenteeHref       string
	MentorHref       string
	Since            moment
	Lifted           bool
	Until            moment
	Bad              bool // the fault is about lifting this one
}

// directivesPage lists directives and makes one.
type directivesPage struct {
	frame
	Sub             []tab
	Path            string
	InForce, Lifted []directiveLine
	MayRun          bool
	Kinds           []option
	Mentee, Mentor  string
	Reason          string
	Request         string
	Faults          []fault
	MenteeFault     string
	MentorFault     string
	ReasonFault     string
	LiftFault       string
	Hidden          int // lifted ones that are not shown
}

const liftedShown = 20

// directives are all of a program's: it has tens of them.
func (s *server) directives(r *http.Request, d *peopleDesk) ([]*mentoring.Directive, error) {
	var out []*mentoring.Directive
	q := applications.ListQuery{PageSize: 1000}
	for {
		list, err := s.Mentoring.Directives(r.Context(), d.who, d.program.ID, q)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 10_000 {
			return out, nil
		}
	}
}

func (s *server) directiveCodes(r *http.Request, d *peopleDesk, all []*mentoring.Directive) (map[string]string, error) {
	var ids []string
	for _, x := range all {
		ids = append(ids, x.Mentee, x.Mentor)
	}
	return s.Mentoring.Codes(r.Context(), d.who, d.program.ID, ids)
}

func newDirectiveLine(l tongue, d *peopleDesk, x *mentoring.Directive, codes map[string]string) directiveLine {
	return directiveLine{
		ID: x.ID, Word: l.say("people.directive." + string(x.Kind)), Reason: x.Reason, Mentee: codes[x.Mentee], Mentor: codes[x.Mentor],
		MenteeHref: d.path("/mentees/" + x.Mentee), MentorHref: d.path("/mentors/" + x.Mentor),
		Since: l.moment(x.CreateTime, d.zone()), Lifted: !x.LiftTime.IsZero(), Until: l.moment(x.LiftTime, d.zone()),
	}
}

func (s *server) newDirectivesPage(r *http.Request, d *peopleDesk) (*directivesPage, error) {
	all, err := s.directives(r, d)
	if err != nil {
		return nil, err
	}
	codes, err := s.directiveCodes(r, d, all)
	if err != nil {
		return nil, err
	}
	return fillDirectives(s.staffFrame(r, "programs"), d, all, codes), nil
}

func fillDirectives(f frame, d *peopleDesk, all []*mentoring.Directive, codes map[string]string) *directivesPage {
	l := f.tongue
	page := &directivesPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, "directives"), Path: d.path("/directives"), MayRun: d.run, Request: nonce(),
		Kinds: []option{
			{string(mentoring.ForbidPair), l.say("people.directive.FORBID"), true},
			{string(mentoring.LockPair), l.say("people.directive.LOCK"), false},
		},
	}
	for i := len(all) - 1; i >= 0; i-- { // the newest first
		line := newDirectiveLine(l, d, all[i], codes)
		switch {
		case !line.Lifted:
			page.InForce = append(page.InForce, line)
		case len(page.Lifted) < liftedShown:
			page.Lifted = append(page.Lifted, line)
		default:
			page.Hidden++
		}
	}
	page.Crumbs = peopleCrumbs(l, d.program, l.say("people.directives"))
	page.titled(l.say("people.directives"), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) getDirectives(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	page, err := s.newDirectivesPage(r, d)
	if err != nil {
		return err
	}
	q := r.URL.Query() // codes only: who comes from a person's page
	page.Mentee, page.Mentor = clean(q.Get("mentee"), false), clean(q.Get("mentor"), false)
	s.render(w, r, http.StatusOK, "people-directives", page)
	return nil
}

func (s *server) postDirective(w http.ResponseWriter, r *http.Request) error {
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
	form := r.PostForm
	ask := &mentoring.Directive{Program: d.program.ID, Kind: mentoring.DirectiveKind(form.Get("kind")), Reason: clean(form.Get("reason"), false)}
	l := s.tongueOf(r)
	var menteeFault, mentorFault, reasonFault string
	find := func(code string, role mentoring.Role, id *string) (string, error) {
		e, err := s.Mentoring.ByCode(r.Context(), d.who, d.program.ID, code)
		if applications.CodeOf(err) == applications.NotFound || err == nil && e.Role != role {
			return l.say("people.directive.none." + rolePath(role)), nil
		}
		if err == nil {
			*id = e.ID
		}
		return "", err
	}
	if menteeFault, err = find(form.Get("mentee"), mentoring.Mentee, &ask.Mentee); err != nil {
		return err
	}
	if mentorFault, err = find(form.Get("mentor"), mentoring.Mentor, &ask.Mentor); err != nil {
		return err
	}
	if ask.Reason == "" {
		reasonFault = l.say("people.fault.reason")
	}
	var other string
	if menteeFault+mentorFault+reasonFault == "" {
		_, err := pressedOnce(r, func(idem applications.Idempotency) (*mentoring.Directive, error) {
			return s.Mentoring.CreateDirective(r.Context(), d.who, ask, idem)
		})
		if err == nil {
			seeOther(w, r, d.path("/directives"))
			return nil
		}
		if _, _, ok := violations(err, nil); !ok {
			return err
		}
		other = s.refusal(l, err)
	}
	page, err := s.newDirectivesPage(r, d)
	if err != nil {
		return err
	}
	page.Mentee, page.Mentor, page.Reason = clean(form.Get("mentee"), false), clean(form.Get("mentor"), false), ask.Reason
	page.MenteeFault, page.MentorFault, page.ReasonFault = menteeFault, mentorFault, reasonFault
	for i := range page.Kinds {
		page.Kinds[i].Chosen = page.Kinds[i].Value == string(ask.Kind)
	}
	for _, x := range []fault{{"mentee", menteeFault}, {"mentor", mentorFault}, {"reason", reasonFault}, {"", other}} {
		if x.Message != "" {
			page.Faults = append(page.Faults, x)
		}
	}
	page.Failed, page.Languages = true, nil
	s.render(w, r, http.StatusUnprocessableEntity, "people-directives", page)
	return nil
}

func (s *server) postLift(w http.ResponseWriter, r *http.Request) error {
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
	id := r.PathValue("directive")
	_, err = s.Mentoring.LiftDirective(r.Context(), d.who, d.program.ID, id, clean(r.PostForm.Get("reason"), false), 0, applications.Idempotency{})
	if _, _, ok := violations(err, nil); err != nil && ok {
		page, readErr := s.newDirectivesPage(r, d)
		if readErr != nil {
			return readErr
		}
		page.LiftFault = s.refusal(page.tongue, err)
		for i := range page.InForce {
			page.InForce[i].Bad = page.InForce[i].ID == id
		}
		page.Faults = []fault{{"lift-" + id, page.LiftFault}}
		page.Failed, page.Languages = true, nil
		s.render(w, r, http.StatusUnprocessableEntity, "people-directives", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, d.path("/directives"))
	return nil
}
