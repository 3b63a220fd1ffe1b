package mentoring

import (
	"context"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/listing"
)

// firstMeeting is how soon a pair is to meet, and smallest how many people a
// figure about them is at least of.
const (
	firstMeeting = 14 * 24 * time.Hour
	smallest     = 5
)

// Measures counts what became of a program's pairs.
func (s *Service) Measures(ctx context.Context, who access.Principal, program string) (*Measures, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	m := &Measures{Program: program, Smallest: smallest}
	err := s.Store.View(ctx, func(tx Tx) error {
		*m = Measures{Program: program, Smallest: smallest, DeclineReasons: map[DeclineReason]int{}}
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		agreed, err := countEnrollments(ctx, tx, m)
		if err != nil {
			return err
		}
		if err := countMatchings(ctx, tx, m); err != nil {
			return err
		}
		if err := countProposals(ctx, tx, m); err != nil {
			return err
		}
		return countMentorships(ctx, tx, m, agreed, s.now())
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// countEnrollments counts people, and says who agreed that their meetings and
// surveys count.
func countEnrollments(ctx context.Context, tx Tx, m *Measures) (func(id string) bool, error) {
	places, err := tx.AllPlaces(ctx, m.Program)
	if err != nil {
		return nil, err
	}
	agreed := map[string]bool{}
	for after := ""; ; {
		batch, err := tx.Enrollments(ctx, EnrollmentQuery{Program: m.Program, AfterID: after, Limit: listing.Batch})
		if err != nil {
			return nil, err
		}
		for _, e := range batch {
			after = e.ID
			if e.agreed(ForMeasures) {
				agreed[e.ID] = true
			}
			switch {
			case e.State != Available && e.State != Paused:
			case e.Role == Mentor:
				m.Mentors++
			default:
				m.Mentees++
				if e.State == Available && places[e.ID].Proposed == 0 {
					m.Waiting++
					m.LongestWait = max(m.LongestWait, e.WaitRounds)
				}
			}
		}
		if len(batch) < listing.Batch {
			return func(id string) bool { return agreed[id] }, nil
		}
	}
}

func countMatchings(ctx context.Context, tx Tx, m *Measures) error {
	for after := ""; ; {
		batch, err := tx.MatchingHeads(ctx, m.Program, after, listing.Batch)
		if err != nil {
			return err
		}
		for _, run := range batch {
			after = run.ID
			if run.PublishTime.IsZero() {
				continue
			}
			m.Matchings++
			m.Pairs += run.Pairs
			m.Overridden += run.overridden()
		}
		if len(batch) < listing.Batch {
			break
		}
	}
	m.OverridesPer100 = -1
	if m.Pairs > 0 {
		m.OverridesPer100 = (200*m.Overridden + m.Pairs) / (2 * m.Pairs)
	}
	return nil
}

// overridden counts the pairs by which the published result differs from what the
// run found by itself: those that edits brought or, if more, those that they took;
// at most the pairs there are. What an edit changed and a later one changed back
// does not count, nor a lock of a pair that was there.
func (m *Matching) overridden() int {
	brought, taken := map[[2]string]bool{}, map[[2]string]bool{}
	move := func(pairs []Pair, back, to map[[2]string]bool) {
		for _, p := range pairs {
			if pair := [2]string{p.Mentee, p.Mentor}; back[pair] {
				delete(back, pair)
			} else {
				to[pair] = true
			}
		}
	}
	for _, e := range m.Edits {
		move(e.Cost.Removed, brought, taken)
		move(e.Cost.Added, taken, brought)
	}
	return min(max(len(brought), len(taken)), m.Pairs)
}

func countProposals(ctx context.Context, tx Tx, m *Measures) error {
	var waits []time.Duration
	reasons := map[DeclineReason]int{}
	for after := ""; ; {
		batch, err := tx.Proposals(ctx, ProposalQuery{Program: m.Program, AfterID: after, Limit: listing.Batch})
		if err != nil {
			return err
		}
		for _, p := range batch {
			after = p.ID
			if p.SendTime.IsZero() {
				continue
			}
			m.Sent++
			switch p.State {
			case Confirmed:
				m.Confirmed++
			case Declined:
				m.Declined++
				reasons[p.DeclineReason]++
			case Expired:
				m.Expired++
			}
			if !p.FirstAnswerTime.IsZero() {
				waits = append(waits, p.FirstAnswerTime.Sub(p.SendTime))
			}
		}
		if len(batch) < listing.Batch {
			break
		}
	}
	m.Acceptance = perMille(m.Confirmed, m.Confirmed+m.Declined+m.Expired)
	if n := len(waits); n > 0 {
		slices.Sort(waits)
		m.FirstResponse = (waits[(n-1)/2] + waits[n/2]) / 2
	}
	for _, r := range DeclineReasons {
		// A cell of a few tells who; with one cell hidden the sum would tell it.
		if n := reasons[r]; m.Declined >= smallest && n > 0 {
			m.DeclineReasons[r] = n
		}
	}
	hideSmall(m.DeclineReasons)
	return nil
}

// hideSmall replaces counts below smallest by -1, and, where one alone would be
// hidden, the next smallest too.
func hideSmall(counts map[DeclineReason]int) {
	var hidden, shown []DeclineReason
	for _, r := range DeclineReasons {
		switch n := counts[r]; {
		case n > 0 && n < smallest:
			hidden = append(hidden, r)
		case n > 0:
			shown = append(shown, r)
		}
	}
	if len(hidden) == 1 && len(shown) > 0 {
		next := slices.MinFunc(shown, func(a, b DeclineReason) int { return counts[a] - counts[b] })
		hidden = append(hidden, next)
	}
	for _, r := range hidden {
		counts[r] = -1
	}
}

func countMentorships(ctx context.Context, tx Tx, m *Measures, agreed func(id string) bool, now time.Time) error {
	helped := 0
	for after := ""; ; {
		batch, err := tx.Mentorships(ctx, MentorshipQuery{Program: m.Program, AfterID: after, Limit: listing.Batch})
		if err != nil {
			return err
		}
		for _, x := range batch {
			after = x.ID
			m.Mentorships++
			switch {
			case x.State.Live():
				m.Live++
			case x.State == Completed:
				m.Completed++
			default:
				m.EndedEarly++
			}
			if agreed(x.Mentee) && agreed(x.Mentor) && !now.Before(x.CreateTime.Add(firstMeeting)) {
				m.FirstMeetings++
				if slices.ContainsFunc(x.Meetings, func(y Meeting) bool {
					return y.State == Held && !y.Time.Before(x.CreateTime) && !y.Time.After(x.CreateTime.Add(firstMeeting))
				}) {
					m.FirstMeetingsInTime++
				}
			}
			for _, v := range []struct {
				by     string
				survey *Survey
			}{{x.Mentee, x.MenteeSurvey}, {x.Mentor, x.MentorSurvey}} {
				if v.survey != nil && agreed(v.by) {
					m.Surveys++
					helped += v.survey.Helped
				}
			}
		}
		if len(batch) < listing.Batch {
			break
		}
	}
	m.FirstMeetingRate = perMille(m.FirstMeetingsInTime, m.FirstMeetings)
	if m.Helped = -1; m.Surveys >= smallest {
		m.Helped = (2000*helped + m.Surveys) / (2 * m.Surveys)
	}
	return nil
}

// perMille rounds to the nearest; -1 of nothing.
func perMille(n, of int) int {
	if of == 0 {
		return -1
	}
	return (2000*n + of) / (2 * of)
}
