package mentoring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
)

// Bounds of a mentorship.
const (
	mostMeetings = 300
	mostGoals    = 30
	farthest     = 5 // years from now that a meeting is planned for
)

// earliest is when a meeting can have been: what is entered before is a slip.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func noMentorship() error {
	return problem.Errorf(problem.NotFound, "MENTORSHIP_NOT_FOUND", "there is no such mentorship")
}

// side is the caller's side of a mentorship, or "" for staff.
func (m *Mentorship) side(who access.Principal) (Role, error) {
	switch {
	case who.Enrolled(m.Program, m.Mentee):
		return Mentee, nil
	case who.Enrolled(m.Program, m.Mentor):
		return Mentor, nil
	case who.Enrollment != "":
		return "", noMentorship()
	}
	return "", nil
}

// mayRelate checks who may touch mentorships at all; whose, side does.
func mayRelate(who access.Principal, perm access.Permission, program string) error {
	if who.Enrollment != "" && who.Program == program {
		return nil
	}
	return calls.Need(who, perm, program)
}

// change takes one change of a mentorship: by one of its sides, or by staff
// with a reason if they may at all.
func (s *Service) change(ctx context.Context, who access.Principal, program, id, method string, revision int64, idem Idempotency, fn func(tx Tx, m *Mentorship, side Role) ([]Event, error)) (*Mentorship, error) {
	if err := mayRelate(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, method, idem, func(tx Tx) (*Mentorship, string, error) {
		if _, err := tx.Plan(ctx, program); err != nil {
			return nil, "", err
		}
		m, err := tx.Mentorship(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		side, err := m.side(who)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, m.Revision); err != nil {
			return nil, "", err
		}
		events, err := fn(tx, m, side)
		if err != nil {
			return nil, "", err
		}
		return m.shownTo(who), m.ID, tx.AppendEvents(ctx, events...)
	})
}

// keepMentorship takes an action that leaves the places of both sides as they are,
// and stores the mentorship.
func (s *Service) keepMentorship(ctx context.Context, tx Tx, who access.Principal, m *Mentorship, action mentorshipAction, word, reason, detail string) ([]Event, error) {
	from := m.State
	next, err := from.after(action)
	if err != nil {
		return nil, err
	}
	m.State, m.UpdateTime = next, s.now()
	if from != next {
		detail = strings.TrimSpace(transition(from, next) + " " + detail)
	}
	return []Event{s.event(who, word, m.name(), reason, detail)}, tx.UpdateMentorship(ctx, m)
}

// HoldMentorship pauses a mentorship: it keeps its places.
func (s *Service) HoldMentorship(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Mentorship, error) {
	return s.change(ctx, who, program, id, "HoldMentorship", revision, idem, func(tx Tx, m *Mentorship, _ Role) ([]Event, error) {
		return s.keepMentorship(ctx, tx, who, m, holdMentorship, "mentorship.hold", "", "")
	})
}

// ResumeMentorship goes on with a paused one.
func (s *Service) ResumeMentorship(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Mentorship, error) {
	return s.change(ctx, who, program, id, "ResumeMentorship", revision, idem, func(tx Tx, m *Mentorship, _ Role) ([]Event, error) {
		return s.keepMentorship(ctx, tx, who, m, resumeMentorship, "mentorship.resume", "", "")
	})
}

// CompleteMentorship ends a mentorship as it was meant to end. Both sides can
// then answer the closing survey.
func (s *Service) CompleteMentorship(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Mentorship, error) {
	return s.change(ctx, who, program, id, "CompleteMentorship", revision, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		m.EndedBy = side
		event, err := s.endMentorship(ctx, tx, who, m, completeMentorship, "")
		return []Event{event}, err
	})
}

// EndMentorship ends a mentorship early, for a reason of the list: by one of its
// sides, or by staff, who also say why for the audit log.
func (s *Service) EndMentorship(ctx context.Context, who access.Principal, program, id string, reason EndReason, staffWhy string, revision int64, idem Idempotency) (*Mentorship, error) {
	if !slices.Contains(EndReasons, reason) {
		return nil, problem.Invalid("END_INVALID", "the mentorship cannot be ended like this", Violation{Field: "reason", Message: "one of " + strings.Join(names(EndReasons), ", ")})
	}
	why, err := s.mayAnswer(who, program, staffWhy)
	if err != nil {
		return nil, err
	}
	return s.change(ctx, who, program, id, "EndMentorship", revision, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		m.EndedBy, m.EndReason = side, reason
		event, err := s.endMentorship(ctx, tx, who, m, endMentorship, why)
		return []Event{event}, err
	})
}

// endMentorship ends one and frees its places: the only place where that
// happens.
func (s *Service) endMentorship(ctx context.Context, tx Tx, who access.Principal, m *Mentorship, action mentorshipAction, reason string) (Event, error) {
	from := m.State
	next, err := from.after(action)
	if err != nil {
		return Event{}, err
	}
	m.State, m.UpdateTime = next, s.now()
	m.EndTime = m.UpdateTime
	if err := tx.UpdateMentorship(ctx, m); err != nil {
		return Event{}, err
	}
	for _, id := range slices.Sorted(slices.Values([]string{m.Mentee, m.Mentor})) {
		if err := tx.FreePlace(ctx, m.Program, id, true); err != nil {
			return Event{}, err
		}
	}
	word := "mentorship.end"
	if action == completeMentorship {
		word = "mentorship.complete"
	}
	return s.event(who, word, m.name(), reason, transition(from, next)), nil
}

// SafeExit ends a mentorship at once, without a question, for one of its sides.
// The other side sees only that it ended. What the leaver wants the program's
// person to know is read by nobody else; the two are never paired again.
func (s *Service) SafeExit(ctx context.Context, who access.Principal, program, id, text string, idem Idempotency) (*Mentorship, error) {
	if who.Enrollment == "" {
		return nil, problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only a mentor or a mentee leaves by the safe exit; staff end a mentorship")
	}
	text, why := words.Clean(text, true, 4000)
	if why != "" {
		return nil, problem.Invalid("SAFE_EXIT_INVALID", "these words cannot be kept", Violation{Field: "words", Message: why})
	}
	return s.change(ctx, who, program, id, "SafeExit", 0, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		m.EndedBy, m.EndReason, m.SafeExit, m.SafeExitFrom = side, EndSafeExit, text, side
		event, err := s.endMentorship(ctx, tx, who, m, endMentorship, "")
		if err != nil {
			return nil, err
		}
		own, other := m.Mentee, m.Mentor
		if side == Mentor {
			own, other = other, own
		}
		return []Event{event}, s.refuse(ctx, tx, program, own, other)
	})
}

// HandleSafeExit notes that a person of the program has taken a safe exit up.
func (s *Service) HandleSafeExit(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Mentorship, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "say what was done, in a few words without anybody's personal data", bad...)
	}
	return s.change(ctx, who, program, id, "HandleSafeExit", revision, idem, func(tx Tx, m *Mentorship, _ Role) ([]Event, error) {
		if m.SafeExitFrom == "" {
			return nil, problem.Errorf(problem.FailedPrecondition, "NO_SAFE_EXIT", "nobody left this mentorship by the safe exit")
		}
		m.Handled, m.HandledBy = true, who.Subject
		return s.keepMentorship(ctx, tx, who, m, surveyMentorship, "mentorship.handle", reason, "")
	})
}

// SaveMeeting enters a meeting (no ID) or changes one: when, how long, where,
// and whether it was held. Only the two themselves do so.
func (s *Service) SaveMeeting(ctx context.Context, who access.Principal, program, id string, given Meeting, revision int64, idem Idempotency) (*Mentorship, error) {
	var bad []Violation
	place, why := words.Clean(given.Place, false, 500)
	if why != "" {
		bad = append(bad, Violation{Field: "place", Message: why})
	}
	if given.Minutes < 5 || given.Minutes > 480 {
		bad = append(bad, Violation{Field: "minutes", Message: "from 5 to 480"})
	}
	switch {
	case given.Time.IsZero():
		bad = append(bad, Violation{Field: "time", Message: "when?"})
	case given.Time.Before(earliest) || given.Time.After(s.now().AddDate(farthest, 0, 0)):
		bad = append(bad, Violation{Field: "time", Message: fmt.Sprintf("from the year %d to %d years from now", earliest.Year(), farthest)})
	}
	if !slices.Contains([]MeetingState{Planned, Held, Missed}, given.State) {
		bad = append(bad, Violation{Field: "state", Message: "PLANNED, HELD or MISSED"})
	}
	if given.State == Held && given.Time.After(s.now()) {
		bad = append(bad, Violation{Field: "state", Message: "a meeting in the future was not held yet"})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("MEETING_INVALID", "the meeting cannot be kept like this", bad...)
	}
	return s.change(ctx, who, program, id, "SaveMeeting", revision, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		if side == "" {
			return nil, ownersOnly()
		}
		meeting := Meeting{ID: given.ID, State: given.State, Time: given.Time.UTC(), Minutes: given.Minutes, Place: place, By: side}
		at := slices.IndexFunc(m.Meetings, func(x Meeting) bool { return x.ID == given.ID })
		switch {
		case given.ID == "" && len(m.Meetings) >= mostMeetings:
			return nil, problem.Errorf(problem.FailedPrecondition, "MEETINGS_MANY", "at most %d meetings are kept", mostMeetings)
		case given.ID == "":
			meeting.ID = s.NewID()
			m.Meetings = append(m.Meetings, meeting)
		case at < 0:
			return nil, problem.Errorf(problem.NotFound, "MEETING_NOT_FOUND", "there is no such meeting")
		default:
			meeting.By = m.Meetings[at].By
			m.Meetings[at] = meeting
		}
		slices.SortStableFunc(m.Meetings, func(a, b Meeting) int { return a.Time.Compare(b.Time) })
		return s.keepMentorship(ctx, tx, who, m, changeMentorship, "mentorship.meeting", "", string(meeting.State))
	})
}

func ownersOnly() error {
	return problem.Errorf(problem.PermissionDenied, "OWNER_ONLY", "only the mentor and the mentee themselves do this")
}

// SaveGoal enters a goal (no ID) or changes one.
func (s *Service) SaveGoal(ctx context.Context, who access.Principal, program, id string, given Goal, revision int64, idem Idempotency) (*Mentorship, error) {
	var bad []Violation
	text, why := words.Clean(given.Words, true, 1000)
	if why == "" && text == "" {
		why = "what do you want to reach?"
	}
	if why != "" {
		bad = append(bad, Violation{Field: "words", Message: why})
	}
	if given.State == "" {
		given.State = GoalOpen
	}
	if !slices.Contains([]GoalState{GoalOpen, GoalReached, GoalDropped}, given.State) {
		bad = append(bad, Violation{Field: "state", Message: "OPEN, REACHED or DROPPED"})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("GOAL_INVALID", "the goal cannot be kept like this", bad...)
	}
	return s.change(ctx, who, program, id, "SaveGoal", revision, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		if side == "" {
			return nil, ownersOnly()
		}
		goal := Goal{ID: given.ID, Words: text, State: given.State, By: side, Time: s.now()}
		at := slices.IndexFunc(m.Goals, func(x Goal) bool { return x.ID == given.ID })
		switch {
		case given.ID == "" && len(m.Goals) >= mostGoals:
			return nil, problem.Errorf(problem.FailedPrecondition, "GOALS_MANY", "at most %d goals are kept", mostGoals)
		case given.ID == "":
			goal.ID = s.NewID()
			m.Goals = append(m.Goals, goal)
		case at < 0:
			return nil, problem.Errorf(problem.NotFound, "GOAL_NOT_FOUND", "there is no such goal")
		default:
			goal.By = m.Goals[at].By
			m.Goals[at] = goal
		}
		return s.keepMentorship(ctx, tx, who, m, changeMentorship, "mentorship.goal", "", string(goal.State))
	})
}

// AnswerSurvey keeps one side's closing survey, after the end, once.
func (s *Service) AnswerSurvey(ctx context.Context, who access.Principal, program, id string, v Survey, idem Idempotency) (*Mentorship, error) {
	var bad []Violation
	for _, q := range []struct {
		field string
		n     int
	}{{"helped", v.Helped}, {"again", v.Again}, {"fit", v.Fit}} {
		if q.n < 1 || q.n > 5 {
			bad = append(bad, Violation{Field: q.field, Message: "from 1 to 5"})
		}
	}
	text, why := words.Clean(v.Words, true, 4000)
	if why != "" {
		bad = append(bad, Violation{Field: "words", Message: why})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("SURVEY_INVALID", "the answers cannot be kept like this", bad...)
	}
	v.Words, v.Time = text, s.now()
	return s.change(ctx, who, program, id, "AnswerSurvey", 0, idem, func(tx Tx, m *Mentorship, side Role) ([]Event, error) {
		own := &m.MenteeSurvey
		switch side {
		case "":
			return nil, ownersOnly()
		case Mentor:
			own = &m.MentorSurvey
		}
		if *own != nil {
			return nil, problem.Errorf(problem.FailedPrecondition, "SURVEY_ANSWERED", "this side has answered the survey already")
		}
		*own = &v
		return s.keepMentorship(ctx, tx, who, m, surveyMentorship, "mentorship.survey", "", "")
	})
}

// shownTo is what the caller sees of a mentorship: a side not the other one's
// survey, nor that the other one left by the safe exit.
func (m *Mentorship) shownTo(who access.Principal) *Mentorship {
	r := *m
	side, err := m.side(who)
	if err != nil || side == "" {
		// Staff: what was written by a leaver or in a survey is read on its own.
		r.SafeExit = ""
		hide := func(v *Survey) *Survey {
			if v == nil {
				return nil
			}
			s := *v
			s.Words = ""
			return &s
		}
		r.MenteeSurvey, r.MentorSurvey = hide(m.MenteeSurvey), hide(m.MentorSurvey)
		// Where they meet and what they want to reach is theirs.
		r.Goals = nil
		r.Meetings = slices.Clone(m.Meetings)
		for i := range r.Meetings {
			r.Meetings[i].Place = ""
		}
		return &r
	}
	if side == Mentor {
		r.MenteeSurvey = nil
	} else {
		r.MentorSurvey = nil
	}
	r.Handled, r.HandledBy = false, ""
	if m.SafeExitFrom != "" && m.SafeExitFrom != side {
		r.SafeExit, r.SafeExitFrom, r.EndedBy, r.EndReason = "", "", "", EndOther
	}
	return &r
}

// Mentorship returns a mentorship: to its two sides, and to staff with
// MatchingsRead. What a leaver by the safe exit and the surveys say, staff read
// with MatchingsRun, which is recorded.
func (s *Service) Mentorship(ctx context.Context, who access.Principal, program, id string) (*Mentorship, error) {
	m, err := s.mentorship(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	shown := m.shownTo(who)
	side, _ := m.side(who)
	if side != "" || !who.Can(access.MatchingsRun, program) || m.SafeExit == "" && m.MenteeSurvey == nil && m.MentorSurvey == nil {
		return shown, nil
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		return tx.AppendEvents(ctx, s.event(who, "identity.read", m.name(), "", "safe_exit,surveys"))
	})
	if err != nil {
		return nil, err
	}
	shown.SafeExit, shown.MenteeSurvey, shown.MentorSurvey = m.SafeExit, m.MenteeSurvey, m.MentorSurvey
	return shown, nil
}

func (s *Service) mentorship(ctx context.Context, who access.Principal, perm access.Permission, program, id string) (*Mentorship, error) {
	if err := mayRelate(who, perm, program); err != nil {
		return nil, err
	}
	var m *Mentorship
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		m, err = tx.Mentorship(ctx, program, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = m.side(who)
	return m, err
}

// Partner returns the name and the contact of the other side of a live
// mentorship, to one side: only the code if the other one does not agree, or no
// longer agrees, that their contact is seen (ForContact).
func (s *Service) Partner(ctx context.Context, who access.Principal, program, id string) (*Partner, error) {
	if who.Enrollment == "" {
		return nil, ownersOnly()
	}
	m, err := s.mentorship(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	if !m.State.Live() {
		return nil, problem.Errorf(problem.FailedPrecondition, "MENTORSHIP_STATE", "this mentorship is over")
	}
	other := m.Mentor
	if who.Enrolled(program, m.Mentor) {
		other = m.Mentee
	}
	var e *Enrollment
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.Enrollment(ctx, program, other)
		return err
	})
	if err != nil {
		return nil, err
	}
	partner := &Partner{Code: e.Code}
	if e.agreed(ForContact) {
		partner.Contact = e.Contact
	}
	return partner, nil
}

var mentorshipFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(mentorshipStates)},
	{Name: "mentee", Type: filter.String},
	{Name: "mentor", Type: filter.String},
	{Name: "create_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
	{Name: "safe_exit", Type: filter.Bool}, // left by it, and nobody took it up yet
}

func mentorshipValue(m *Mentorship, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(m.State))
	case "mentee":
		return listing.Text(enrollmentName(m.Program, Mentee, m.Mentee))
	case "mentor":
		return listing.Text(enrollmentName(m.Program, Mentor, m.Mentor))
	case "create_time":
		return listing.Time(m.CreateTime)
	case "end_time":
		return listing.Time(m.EndTime)
	case "safe_exit":
		return filter.Value{Present: true, Bool: m.SafeExitFrom != "" && !m.Handled}
	}
	return filter.Value{}
}

// Mentorships lists a program's mentorships, or, to a mentor or mentee, their
// own.
func (s *Service) Mentorships(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Mentorship], error) {
	if err := mayRelate(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	value := func(m *Mentorship, field string) filter.Value { return mentorshipValue(m.shownTo(who), field) }
	l, err := listing.New(q, mentorshipFields, value, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Mentorship]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		id, show := func(m *Mentorship) string { return m.ID }, func(m *Mentorship) *Mentorship { return m.shownTo(who) }
		page, err = l.Page(id, show, func(after string) ([]*Mentorship, error) {
			return tx.Mentorships(ctx, MentorshipQuery{Program: program, Enrollment: who.Enrollment, AfterID: after, Descending: l.Descending, Limit: listing.Batch})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
