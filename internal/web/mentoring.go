package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// The pages of mentors and mentees, whom a link lets in: what is proposed to
// them, and the mentorships that came of it. Nobody's name is on a page before
// both sides said yes.

// mentorSession says which enrollment a browser may open, as applicantSession
// does for applications.
type mentorSession struct {
	Program, Enrollment string
	Generation          int
	Expires             time.Time
}

func mentorCookie(program string) string { return "fairlead-mentoring-" + program }

func (s *server) keepMentor(w http.ResponseWriter, m mentorSession) {
	m.Expires = s.Now().Add(applicantSessionLasts)
	name := mentorCookie(m.Program)
	s.setCookie(w, name, s.sealer.seal(name, m))
}

// mentorPlace is whoever has an enrollment open, and what surrounds their pages.
type mentorPlace struct {
	who     access.Principal
	id      string // of the program
	program *applications.Program
	e       *mentoring.Enrollment
}

func (p *mentorPlace) path(rest string) string { return "/mentoring/" + p.id + rest }

// zone is the program's; UTC where it is not told.
func (p *mentorPlace) zone() *time.Location {
	if p.program == nil {
		return time.UTC
	}
	return zoneOf(p.program)
}

var errNoLink = applications.Errorf(applications.Unauthenticated, "LINK_NEEDED", "a link from the people of the program opens this page")

// mentorPlace reads the session of the program in the path, as of now: a link
// that was renewed meanwhile opens nothing any more.
func (s *server) mentorPlace(w http.ResponseWriter, r *http.Request) (*mentorPlace, error) {
	if s.Mentoring == nil {
		return nil, errNoPage
	}
	p := &mentorPlace{id: r.PathValue("program")}
	var session mentorSession
	name := mentorCookie(p.id)
	if !s.sealer.open(name, s.readCookie(r, name), &session) || session.Program != p.id || !s.Now().Before(session.Expires) {
		return nil, errNoLink
	}
	var err error
	if p.who, err = s.Mentoring.Session(r.Context(), p.id, session.Enrollment, session.Generation); applications.CodeOf(err) == applications.Unauthenticated && err != nil {
		return nil, errNoLink
	} else if err != nil {
		return nil, err
	}
	if p.e, err = s.Mentoring.Enrollment(r.Context(), p.who, p.id, session.Enrollment); err != nil {
		return nil, err
	}
	p.program, err = s.svc.Program(r.Context(), public, p.id)
	if applications.CodeOf(err) == applications.NotFound && err != nil { // its call is a draft: mentoring needs none
		p.program, err = nil, nil
	}
	s.keepMentor(w, session)
	return p, err
}

func (s *server) mentorFrame(r *http.Request, p *mentorPlace) frame {
	if p.program == nil {
		return s.frame(r)
	}
	f := s.callFrame(r, p.program)
	f.Privacy = "" // it is about the call
	return f
}

// mentoringPage is where a link leads: how things stand, and what to answer.
type mentoringPage struct {
	frame
	Program, Code    string
	Tone, Mark       string
	Word, Text       string
	Proposals        []proposalCard
	Ships            []shipLine
	Pause, Resume    bool
	Begun, Withdrawn bool
	Places           string
	Again            string // where to enroll anew
	Faults           []fault
	ContactOfProgram string
}

// proposalCard is one pair on offer.
type proposalCard struct {
	ID, Path   string
	Partner    string // code
	Until      moment
	Fits       []fitLine
	Waiting    bool // this side accepted, the other one has not answered
	AskConsent bool
}

// fitLine is one part of a score in words.
type fitLine struct{ Feature, Points, Evidence string }

type shipLine struct {
	Href, Partner, Word string
	Since               moment
}

func (s *server) getMentoring(w http.ResponseWriter, r *http.Request) error {
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	page, err := s.newMentoringPage(r, p)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "mentoring", page)
	return nil
}

// mostOfOne bounds what is listed of one person's: proposals and mentorships.
const mostOfOne = 100

func (s *server) newMentoringPage(r *http.Request, p *mentorPlace) (*mentoringPage, error) {
	q := applications.ListQuery{PageSize: mostOfOne, OrderBy: "create_time desc"}
	proposals, err := s.Mentoring.Proposals(r.Context(), p.who, p.id, q)
	if err != nil {
		return nil, err
	}
	ships, err := s.Mentoring.Mentorships(r.Context(), p.who, p.id, q)
	if err != nil {
		return nil, err
	}
	plan, err := s.Mentoring.Plan(r.Context(), p.who, p.id)
	if err != nil {
		return nil, err
	}
	places, err := s.Mentoring.Places(r.Context(), p.who, p.id, p.e.ID)
	if err != nil {
		return nil, err
	}
	return fillMentoringPage(s.mentorFrame(r, p), p, plan, places, proposals.Items, ships.Items, s.Now()), nil
}

func fillMentoringPage(f frame, p *mentorPlace, plan *mentoring.Plan, places mentoring.Places, proposals []*mentoring.Proposal, ships []*mentoring.Mentorship, now time.Time) *mentoringPage {
	l := f.tongue
	page := &mentoringPage{
		frame: f, Program: p.id, Code: p.e.Code, Tone: "plain", Mark: "●", ContactOfProgram: plan.Contact,
		Pause: p.e.State == mentoring.Available, Resume: p.e.State == mentoring.Paused, Begun: p.e.State == mentoring.Draft, Withdrawn: p.e.State == mentoring.Withdrawn,
	}
	if !page.Begun && !page.Withdrawn {
		page.Places = l.say("mentor.places."+string(p.e.Role), "total", places.Total, "taken", places.Taken, "proposed", places.Proposed-places.Taken)
	}
	if page.Withdrawn && plan.Open {
		page.Again = p.path("/enroll")
	}
	page.Word, page.Text = l.say("mentoring."+string(p.e.State)), l.say("mentoring."+string(p.e.State)+".text")
	if p.e.State == mentoring.Available {
		page.Tone, page.Mark = "good", "✓"
	}
	for _, x := range proposals {
		if x.State != mentoring.Sent && x.State != mentoring.Accepted || !now.Before(x.ExpireTime) {
			continue
		}
		page.Proposals = append(page.Proposals, newProposalCard(l, p, x))
	}
	for _, m := range ships {
		partner := m.MentorCode
		if p.e.Role == mentoring.Mentor {
			partner = m.MenteeCode
		}
		page.Ships = append(page.Ships, shipLine{
			Href: p.path("/mentorships/" + m.ID), Partner: partner, Word: l.say("mentorship." + string(m.State)), Since: l.moment(m.CreateTime, p.zone()),
		})
	}
	title := ""
	if p.program != nil {
		title = l.phrase(p.program.Title).Text
	}
	page.titled(l.say("mentoring.title"), title)
	return page
}

func newProposalCard(l tongue, p *mentorPlace, x *mentoring.Proposal) proposalCard {
	mine, partner := x.MenteeTime, x.MentorCode
	if p.e.Role == mentoring.Mentor {
		mine, partner = x.MentorTime, x.MenteeCode
	}
	card := proposalCard{
		ID: "p" + x.ID, Path: p.path("/proposals/" + x.ID), Partner: partner, Until: l.moment(x.ExpireTime, p.zone()), Waiting: !mine.IsZero(),
		AskConsent: !slices.ContainsFunc(p.e.Consents, func(c mentoring.Consent) bool { return c.Purpose == mentoring.ForContact && c.Given }),
	}
	for _, part := range x.Parts {
		if part.Points == 0 {
			continue
		}
		card.Fits = append(card.Fits, fitLine{
			Feature: featureLabel(l, part.Feature), Points: l.say("fit.points", "n", part.Points, "of", part.Most), Evidence: strings.Join(part.Evidence, "; "),
		})
	}
	return card
}

// featureLabel is a feature of a score in words; its own name where it has none.
func featureLabel(l tongue, feature string) string {
	if _, ok := catalogs["en"]["feature."+feature]; !ok {
		return feature
	}
	return l.say("feature." + feature)
}

// answered shows how things stand after an answer, also to who pressed twice or
// came too late.
func (s *server) answered(w http.ResponseWriter, r *http.Request, p *mentorPlace, err error) error {
	switch reason := applications.ReasonOf(err); reason {
	case "PROPOSAL_ANSWERED", "PROPOSAL_EXPIRED", "PROPOSAL_STATE", "PLACES_TAKEN", "CONSENT_MISSING", "ENROLLMENT_STATE", "MENTORSHIP_STATE", "SURVEY_ANSWERED":
		page, readErr := s.newMentoringPage(r, p)
		if readErr != nil {
			return readErr
		}
		page.Faults, page.Failed, page.Languages = []fault{{"", page.tongue.say("mentoring.refused." + reason)}}, true, nil
		s.render(w, r, http.StatusConflict, "mentoring", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, p.path(""))
	return nil
}

func (s *server) postProposalAccept(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("contact") == "yes" {
		agreed := *p.e
		agreed.Consents, agreed.Revision = []mentoring.Consent{{Purpose: mentoring.ForContact, Given: true}}, 0
		if _, err := s.Mentoring.UpdateEnrollment(r.Context(), p.who, &agreed, []string{"consents"}, "", applications.Idempotency{}); err != nil {
			return s.answered(w, r, p, err)
		}
	}
	_, err = s.Mentoring.AcceptProposal(r.Context(), p.who, p.id, r.PathValue("proposal"), "", "", 0, applications.Idempotency{})
	return s.answered(w, r, p, err)
}

// proposalDeclinePage asks why.
type proposalDeclinePage struct {
	frame
	Back, Action string
	Partner      string
	Reasons      []option
	Note         string
	Never        bool
	Faults       []fault
}

func (s *server) getProposalDecline(w http.ResponseWriter, r *http.Request) error {
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	x, err := s.Mentoring.Proposal(r.Context(), p.who, p.id, r.PathValue("proposal"))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "mentoring-decline", newProposalDeclinePage(s.mentorFrame(r, p), p, x, mentoring.Decline{}, nil))
	return nil
}

func newProposalDeclinePage(f frame, p *mentorPlace, x *mentoring.Proposal, d mentoring.Decline, faults []fault) *proposalDeclinePage {
	l := f.tongue
	page := &proposalDeclinePage{frame: f, Back: p.path(""), Action: p.path("/proposals/" + x.ID + "/decline"), Partner: x.MentorCode, Note: d.Note, Never: d.Never, Faults: faults}
	if p.e.Role == mentoring.Mentor {
		page.Partner = x.MenteeCode
	}
	for _, reason := range mentoring.DeclineReasons {
		page.Reasons = append(page.Reasons, option{string(reason), l.say("decline_reason." + string(reason)), reason == d.Reason})
	}
	page.Failed = len(faults) > 0
	page.titled(l.say("mentoring.decline.title"), l.say("mentoring.title"))
	return page
}

func (s *server) postProposalDecline(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	id := r.PathValue("proposal")
	d := mentoring.Decline{
		Reason: mentoring.DeclineReason(r.PostForm.Get("reason")), Note: clean(r.PostForm.Get("note"), true), Never: r.PostForm.Get("never") == "yes",
	}
	_, err = s.Mentoring.DeclineProposal(r.Context(), p.who, p.id, id, d, "", "", 0, applications.Idempotency{})
	if applications.CodeOf(err) == applications.InvalidArgument && err != nil {
		x, readErr := s.Mentoring.Proposal(r.Context(), p.who, p.id, id)
		if readErr != nil {
			return readErr
		}
		f := s.mentorFrame(r, p)
		var faults []fault
		if !slices.Contains(mentoring.DeclineReasons, d.Reason) {
			faults = append(faults, fault{"reason", f.tongue.say("mentoring.decline.choose")})
		}
		for _, v := range asViolations(err) {
			if v.Field == "note" {
				faults = append(faults, fault{"note", v.Message})
			}
		}
		s.render(w, r, http.StatusUnprocessableEntity, "mentoring-decline", newProposalDeclinePage(f, p, x, d, faults))
		return nil
	}
	return s.answered(w, r, p, err)
}

// asViolations are those of an error of ours.
func asViolations(err error) []applications.Violation {
	if e, ok := asError(err); ok {
		return e.Violations
	}
	return nil
}

// postMentoringState pauses an enrollment, or lets it be matched again.
func (s *server) postMentoringState(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	var change func(context.Context, access.Principal, string, string, string, int64, applications.Idempotency) (*mentoring.Enrollment, error)
	switch r.PostForm.Get("go") {
	case "pause":
		change = s.Mentoring.PauseEnrollment
	case "resume":
		change = s.Mentoring.OfferEnrollment
	default:
		seeOther(w, r, p.path(""))
		return nil
	}
	_, err = change(r.Context(), p.who, p.id, p.e.ID, "", 0, applications.Idempotency{})
	return s.answered(w, r, p, err)
}

// postMentoringLeave forgets the enrollment on this device.
func (s *server) postMentoringLeave(w http.ResponseWriter, r *http.Request) error {
	s.setCookie(w, mentorCookie(r.PathValue("program")), "")
	seeOther(w, r, "/calls")
	return nil
}
