package mentoring_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/mentoring"
)

// related is a mentorship of two, and what it is called.
func related(w *world) (mentor, mentee enrolled, id string) {
	w.Helper()
	mentor, mentee = w.mentor(1, "Budgeting"), w.mentee(1, "Budgeting")
	p, err := w.Propose(w.ctx, w.coordinator, program, mentee.ID, mentor.ID, "by hand", none)
	w.must(err)
	for _, side := range []enrolled{mentor, mentee} {
		p, err = w.AcceptProposal(w.ctx, side.who, program, p.ID, "", "", 0, none)
		w.must(err)
	}
	return mentor, mentee, p.Mentorship
}

// A time that no answer can hold, or that nobody means, is refused, and the
// mentorship can be read as before.
func TestMeetingTimes(t *testing.T) {
	w := newWorld(t)
	_, lea, id := related(w)
	save := func(state mentoring.MeetingState, at time.Time) error {
		_, err := w.SaveMeeting(w.ctx, lea.who, program, id, mentoring.Meeting{State: state, Time: at, Minutes: 45}, 0, none)
		return err
	}
	for _, at := range []time.Time{
		{},
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC), noon.AddDate(5, 0, 0).Add(time.Second),
	} {
		for _, state := range []mentoring.MeetingState{mentoring.Planned, mentoring.Missed} {
			err := save(state, at)
			w.refused(err, "MEETING_INVALID")
			var ours *problem.Error
			if !errors.As(err, &ours) || len(ours.Violations) != 1 || ours.Violations[0].Field != "time" {
				t.Errorf("%v: %v", at, err)
			}
		}
	}
	w.must(save(mentoring.Missed, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	w.must(save(mentoring.Planned, noon.AddDate(5, 0, 0)))
	m, err := w.Mentorship(w.ctx, lea.who, program, id)
	w.must(err)
	if len(m.Meetings) != 2 {
		t.Errorf("%+v", m.Meetings)
	}
}

// A meeting before the mentorship began is not its first one.
func TestMeetingBeforeTheMentorship(t *testing.T) {
	w := newWorld(t)
	_, lea, id := related(w)
	held := func(at time.Time) *mentoring.Measures {
		_, err := w.SaveMeeting(w.ctx, lea.who, program, id, mentoring.Meeting{State: mentoring.Held, Time: at, Minutes: 45}, 0, none)
		w.must(err)
		m, err := w.Measures(w.ctx, w.coordinator, program)
		w.must(err)
		return m
	}
	w.clock.advance(15 * 24 * time.Hour)
	if m := held(noon.Add(-time.Second)); m.FirstMeetings != 1 || m.FirstMeetingsInTime != 0 {
		t.Errorf("%d of %d", m.FirstMeetingsInTime, m.FirstMeetings)
	}
	if m := held(noon); m.FirstMeetings != 1 || m.FirstMeetingsInTime != 1 {
		t.Errorf("%d of %d", m.FirstMeetingsInTime, m.FirstMeetings)
	}
}

// Who takes the consent to be reached back is not shown any more.
func TestPartnerAgreed(t *testing.T) {
	w := newWorld(t)
	ann, lea, id := related(w)
	agree := func(given bool) {
		t.Helper()
		_, err := w.update(ann.who, ann.ID, mentoring.Enrollment{Consents: []mentoring.Consent{{Purpose: mentoring.ForContact, Given: given}}}, "consents")
		w.must(err)
	}
	for _, given := range []bool{true, false, true} {
		agree(given)
		p, err := w.Partner(w.ctx, lea.who, program, id)
		w.must(err)
		want := mentoring.Contact{}
		if given {
			want = ann.Contact
		}
		if p.Code != ann.Code || p.Contact != want || ann.Contact == (mentoring.Contact{}) {
			t.Errorf("given %v: %+v", given, p)
		}
	}
}

// Staff see when the two met, not where; the two do.
func TestPlacesOfMeetingsAreTheirs(t *testing.T) {
	w := newWorld(t)
	ann, lea, id := related(w)
	const place = "https://meet.example.org/kanarienvogel"
	_, err := w.SaveMeeting(w.ctx, lea.who, program, id, mentoring.Meeting{State: mentoring.Held, Time: noon, Minutes: 45, Place: place}, 0, none)
	w.must(err)
	for _, c := range []struct {
		who  enrolled
		want string
	}{{ann, place}, {lea, place}, {enrolled{who: w.coordinator}, ""}} {
		m, err := w.Mentorship(w.ctx, c.who.who, program, id)
		w.must(err)
		if len(m.Meetings) != 1 || m.Meetings[0].Place != c.want || !m.Meetings[0].Time.Equal(noon) {
			t.Errorf("%+v, want the place %q", m.Meetings, c.want)
		}
		if m = w.mentorships(c.who.who)[0]; m.Meetings[0].Place != c.want {
			t.Errorf("in the list: %+v, want the place %q", m.Meetings, c.want)
		}
	}
	// A change by staff answers the same, and stores what was there.
	m, err := w.HoldMentorship(w.ctx, w.coordinator, program, id, 0, none)
	w.must(err)
	if m.Meetings[0].Place != "" {
		t.Errorf("%+v", m.Meetings)
	}
	if m = w.mentorships(lea.who)[0]; m.Meetings[0].Place != place {
		t.Errorf("after a change by staff: %+v", m.Meetings)
	}
}
