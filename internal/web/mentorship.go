package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// mentorshipPage is one mentorship, as one of its sides sees it.
type mentorshipPage struct {
	frame
	Path, Back  string
	Partner     string // name, or the code once it is over
	Email       string
	Phone       string
	Word, Text  string
	Live, Held  bool
	Meetings    []meetingLine
	Goals       []goalLine
	When, Place string // as typed
	Goal        string
	Zone        string
	Survey      bool // to be answered
	Scales      []scaleView
	Words       string
	Contact     string // of the program's person
	Faults      []fault
}

type meetingLine struct {
	When  moment
	Word  string
	Place string
}

type goalLine struct {
	ID, Words, Word string
	Open            bool
}

// scaleView is one question of the closing survey, from 1 to 5.
type scaleView struct {
	Name, Label string
	Options     []option
}

func (s *server) mentorship(r *http.Request, p *mentorPlace) (*mentoring.Mentorship, error) {
	return s.Mentoring.Mentorship(r.Context(), p.who, p.id, r.PathValue("mentorship"))
}

func (s *server) getMentorship(w http.ResponseWriter, r *http.Request) error {
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	return s.showMentorship(w, r, p, http.StatusOK, nil)
}

// showMentorship renders the page, with what was typed where something is wrong
// with it.
func (s *server) showMentorship(w http.ResponseWriter, r *http.Request, p *mentorPlace, status int, faults []fault) error {
	m, err := s.mentorship(r, p)
	if err != nil {
		return err
	}
	partner := &mentoring.Partner{}
	if m.State.Live() {
		if partner, err = s.Mentoring.Partner(r.Context(), p.who, p.id, m.ID); err != nil {
			return err
		}
	}
	plan, err := s.Mentoring.Plan(r.Context(), p.who, p.id)
	if err != nil {
		return err
	}
	page := newMentorshipPage(s.mentorFrame(r, p), p, m, partner, plan)
	if page.Faults = faults; len(faults) > 0 {
		page.Failed, page.Languages = true, nil
		page.When, page.Place, page.Goal, page.Words = r.PostForm.Get("when"), r.PostForm.Get("place"), r.PostForm.Get("goal"), r.PostForm.Get("words")
	}
	s.render(w, r, status, "mentorship", page)
	return nil
}

func newMentorshipPage(f frame, p *mentorPlace, m *mentoring.Mentorship, partner *mentoring.Partner, plan *mentoring.Plan) *mentorshipPage {
	l := f.tongue
	page := &mentorshipPage{
		frame: f, Path: p.path("/mentorships/" + m.ID), Back: p.path(""), Partner: m.MentorCode,
		Word: l.say("mentorship." + string(m.State)), Live: m.State.Live(), Held: m.State == mentoring.OnHold,
		Email: partner.Contact.Email, Phone: partner.Contact.Phone, Zone: p.zone().String(), Contact: plan.Contact,
	}
	mine := m.MenteeSurvey
	if p.e.Role == mentoring.Mentor {
		page.Partner, mine = m.MenteeCode, m.MentorSurvey
	}
	if name := partner.Contact.Name; name != "" {
		page.Partner = name
		if partner.Contact.Goes != "" {
			page.Partner = partner.Contact.Goes
		}
	}
	for _, x := range m.Meetings {
		page.Meetings = append(page.Meetings, meetingLine{l.moment(x.Time, p.zone()), l.say("meeting." + string(x.State)), x.Place})
	}
	for _, g := range m.Goals {
		page.Goals = append(page.Goals, goalLine{g.ID, g.Words, l.say("goal." + string(g.State)), g.State == mentoring.GoalOpen && page.Live})
	}
	if page.Survey = !page.Live && mine == nil; page.Survey {
		for _, name := range []string{"helped", "again", "fit"} {
			scale := scaleView{Name: name, Label: l.say("survey." + name)}
			for n := 1; n <= 5; n++ {
				scale.Options = append(scale.Options, option{Value: strconv.Itoa(n), Label: strconv.Itoa(n)})
			}
			page.Scales = append(page.Scales, scale)
		}
	}
	page.titled(l.say("mentorship.title"), l.say("mentoring.title"))
	return page
}

// postMentorship is every button of the page but the safe exit.
func (s *server) postMentorship(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	m, err := s.mentorship(r, p)
	if err != nil {
		return err
	}
	ctx, none := r.Context(), applications.Idempotency{}
	simple := map[string]func(context.Context, access.Principal, string, string, int64, applications.Idempotency) (*mentoring.Mentorship, error){
		"hold": s.Mentoring.HoldMentorship, "resume": s.Mentoring.ResumeMentorship, "complete": s.Mentoring.CompleteMentorship,
	}
	l, field := s.tongueOf(r), ""
	switch what := r.PostForm.Get("go"); what {
	case "hold", "resume", "complete":
		_, err = simple[what](ctx, p.who, p.id, m.ID, 0, none)
	case "meeting":
		at, wrong := time.ParseInLocation("2006-01-02T15:04", r.PostForm.Get("when"), p.zone())
		if wrong != nil {
			return s.showMentorship(w, r, p, http.StatusUnprocessableEntity, []fault{{"when", l.say("fault.when")}})
		}
		state := mentoring.Planned
		if !at.After(s.Now()) {
			state = mentoring.Held
		}
		const usual = 60 // minutes
		field = "when"
		_, err = s.Mentoring.SaveMeeting(ctx, p.who, p.id, m.ID, mentoring.Meeting{State: state, Time: at, Minutes: usual, Place: clean(r.PostForm.Get("place"), false)}, 0, none)
	case "goal":
		field = "goal"
		_, err = s.Mentoring.SaveGoal(ctx, p.who, p.id, m.ID, mentoring.Goal{Words: clean(r.PostForm.Get("goal"), true), State: mentoring.GoalOpen}, 0, none)
	case "reached":
		for _, g := range m.Goals {
			if g.ID == r.PostForm.Get("id") {
				g.State = mentoring.GoalReached
				_, err = s.Mentoring.SaveGoal(ctx, p.who, p.id, m.ID, g, 0, none)
			}
		}
	case "survey":
		number := func(name string) int {
			n, _ := strconv.Atoi(r.PostForm.Get(name)) // 0 is refused, with words
			return n
		}
		field = "helped"
		_, err = s.Mentoring.AnswerSurvey(ctx, p.who, p.id, m.ID, mentoring.Survey{
			Helped: number("helped"), Again: number("again"), Fit: number("fit"), Words: clean(r.PostForm.Get("words"), true),
		}, none)
	}
	if applications.CodeOf(err) == applications.InvalidArgument && err != nil {
		message := l.say("fault." + field + "_input")
		return s.showMentorship(w, r, p, http.StatusUnprocessableEntity, []fault{{field, message}})
	}
	if err != nil {
		return s.answered(w, r, p, err)
	}
	seeOther(w, r, p.path("/mentorships/"+m.ID))
	return nil
}

// exitPage asks once more before somebody leaves at once.
type exitPage struct {
	frame
	Back, Action, Contact string
}

func (s *server) getExit(w http.ResponseWriter, r *http.Request) error {
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	m, err := s.mentorship(r, p)
	if err != nil {
		return err
	}
	plan, err := s.Mentoring.Plan(r.Context(), p.who, p.id)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "mentorship-exit", newExitPage(s.mentorFrame(r, p), p, m, plan))
	return nil
}

func newExitPage(f frame, p *mentorPlace, m *mentoring.Mentorship, plan *mentoring.Plan) *exitPage {
	at := p.path("/mentorships/" + m.ID)
	page := &exitPage{frame: f, Back: at, Action: at + "/exit", Contact: plan.Contact}
	page.titled(f.tongue.say("exit.title"), f.tongue.say("mentoring.title"))
	return page
}

func (s *server) postExit(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.mentorPlace(w, r)
	if err != nil {
		return err
	}
	_, err = s.Mentoring.SafeExit(r.Context(), p.who, p.id, r.PathValue("mentorship"), clean(r.PostForm.Get("words"), true), applications.Idempotency{})
	return s.answered(w, r, p, err)
}
