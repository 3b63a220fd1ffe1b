package mentoring_test

import (
	"testing"
	"time"

	"github.com/openfairlead/fairlead/mentoring"
)

// The whole way: enroll, match, publish, accept and decline, match again.
func TestLife(t *testing.T) {
	w := newWorld(t)
	ann, bob := w.mentor(1, "Grant writing:3"), w.mentor(1, "Budgeting:3")
	lea, max, zoe := w.mentee(1, "Grant writing:3"), w.mentee(1, "Budgeting:3"), w.mentee(1, "Budgeting:1")
	m := w.match(&mentoring.Matching{})
	if m.State != mentoring.Solved || m.Mentees != 3 || m.Mentors != 2 || m.InputDigest == "" || m.Frozen != nil {
		t.Fatalf("%+v", m)
	}
	r := w.result(m)
	if r.Status != "OPTIMAL" || len(r.Pairs) != 2 || len(r.Unmatched) != 1 || r.Covered != 2 {
		t.Fatalf("%+v", r)
	}
	for _, p := range r.Pairs {
		sum := 0
		for _, part := range p.Parts {
			sum += part.Points
		}
		if sum != p.Score {
			t.Errorf("parts of %s and %s sum to %d, not %d: %+v", p.MenteeCode, p.MentorCode, sum, p.Score, p.Parts)
		}
	}
	if p := r.Pairs[0]; p.Mentee != lea.ID || p.Mentor != ann.ID {
		t.Errorf("%+v", p)
	}
	if len(w.proposals(lea.who)) != 0 {
		t.Error("a proposal before publishing")
	}
	m = w.publish(m)
	if m.State != mentoring.Published {
		t.Fatal(m.State)
	}
	left := zoe
	if r.Unmatched[0].Mentee == max.ID {
		left = max
	}
	taken := max
	if left.ID == max.ID {
		taken = zoe
	}
	if e, err := w.Enrollment(w.ctx, w.coordinator, program, left.ID); err != nil || e.WaitRounds != 1 || e.WaitSince.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}

	// Both accept: a mentorship.
	p := w.proposals(lea.who)[0]
	if p.State != mentoring.Sent || p.Matching != "" {
		t.Fatalf("%+v", p)
	}
	p, err := w.AcceptProposal(w.ctx, lea.who, program, p.ID, "", "", 0, none)
	w.must(err)
	if p.State != mentoring.Accepted {
		t.Error(p.State)
	}
	if theirs := w.proposals(ann.who)[0]; theirs.State != mentoring.Sent || !theirs.MenteeTime.IsZero() {
		t.Errorf("the mentor sees that the mentee accepted: %+v", theirs)
	}
	_, err = w.AcceptProposal(w.ctx, lea.who, program, p.ID, "", "", 0, none)
	w.refused(err, "PROPOSAL_ANSWERED")
	_, err = w.AcceptProposal(w.ctx, bob.who, program, p.ID, "", "", 0, none)
	w.refused(err, "PROPOSAL_NOT_FOUND")
	p, err = w.AcceptProposal(w.ctx, ann.who, program, p.ID, "", "", 0, none)
	w.must(err)
	if p.State != mentoring.Confirmed || p.Mentorship == "" {
		t.Fatalf("%+v", p)
	}
	if got := w.places(ann); got != (mentoring.Places{Total: 1, Proposed: 1, Taken: 1}) {
		t.Errorf("%+v", got)
	}
	partner, err := w.Partner(w.ctx, lea.who, program, p.Mentorship)
	if err != nil || partner.Code != ann.Code || partner.Contact.Phone == "" {
		t.Errorf("%+v, %v", partner, err)
	}

	// The other mentee declines for good; the one who waited is next.
	q := w.proposals(taken.who)[0]
	q, err = w.DeclineProposal(w.ctx, taken.who, program, q.ID, mentoring.Decline{Reason: mentoring.NotThisOne, Note: "a private word", Never: true}, "", "", 0, none)
	w.must(err)
	if q.State != mentoring.Declined || q.Decliner != mentoring.Mentee {
		t.Errorf("%+v", q)
	}
	theirs, err := w.Proposal(w.ctx, bob.who, program, q.ID)
	if err != nil || theirs.DeclineReason != "" || theirs.Decliner != "" || theirs.DeclineNote != "" {
		t.Errorf("%+v, %v", theirs, err)
	}
	if got := w.places(bob); got != (mentoring.Places{Total: 1}) {
		t.Errorf("%+v", got)
	}
	again, err := w.Rematch(w.ctx, w.coordinator, program, q.ID, none)
	w.must(err)
	again = w.run(again)
	r = w.result(again)
	if len(r.Pairs) != 1 || r.Pairs[0].Mentee != left.ID || r.Pairs[0].Mentor != bob.ID {
		t.Fatalf("%+v", r)
	}
	w.publish(again)
	if before, err := w.Matching(w.ctx, w.coordinator, program, m.ID); err != nil || before.State != mentoring.Superseded {
		t.Errorf("%+v, %v", before, err)
	}

	// Nobody answers.
	w.clock.advance(15 * 24 * time.Hour)
	late := w.proposals(bob.who)[1]
	_, err = w.AcceptProposal(w.ctx, bob.who, program, late.ID, "", "", 0, none)
	w.refused(err, "PROPOSAL_EXPIRED")
	if n, err := w.ExpireProposals(w.ctx); n != 1 || err != nil {
		t.Error(n, err)
	}
	if n, err := w.ExpireProposals(w.ctx); n != 0 || err != nil {
		t.Error(n, err)
	}
	if got := w.places(bob); got != (mentoring.Places{Total: 1}) {
		t.Errorf("%+v", got)
	}
	measures, err := w.Measures(w.ctx, w.coordinator, program)
	w.must(err)
	if measures.Sent != 3 || measures.Confirmed != 1 || measures.Declined != 1 || measures.Expired != 1 || measures.Acceptance != 333 || measures.Live != 1 || measures.FirstMeetingRate != 0 {
		t.Errorf("%+v", measures)
	}
}

// A call that is made again under its request id gets its first answer, token
// included, and changes nothing.
func TestRetries(t *testing.T) {
	w := newWorld(t)
	idem := func(n byte) mentoring.Idempotency {
		return mentoring.Idempotency{RequestID: "11111111-1111-4111-8111-11111111111" + string(rune('0'+n)), Hash: []byte{n}}
	}
	e := &mentoring.Enrollment{Program: program, Role: mentoring.Mentor, Seats: 1, Consents: agreed, Contact: mentoring.Contact{Name: "Invented Person", Phone: "360-555-0199"}}
	a, token, err := w.Enroll(w.ctx, w.coordinator, e, true, "on the phone", idem(1))
	w.must(err)
	b, again, err := w.Enroll(w.ctx, w.coordinator, e, true, "on the phone", idem(1))
	w.must(err)
	if a.ID != b.ID || token != again {
		t.Error("a retry made another enrollment")
	}
	_, _, err = w.Enroll(w.ctx, w.coordinator, e, true, "on the phone", mentoring.Idempotency{RequestID: idem(1).RequestID, Hash: []byte("other")})
	w.refused(err, "REQUEST_ID_REUSED")
	w.mentee(1, "Budgeting")
	m := w.match(&mentoring.Matching{})
	edit := mentoring.Edit{Kind: mentoring.ForbidPair, Mentee: w.all(mentoring.Mentee)[0], Mentor: a.ID, Reason: "neighbors"}
	for range 2 {
		x, err := w.EditMatching(w.ctx, w.coordinator, program, m.ID, edit, m.Revision, idem(2))
		w.must(err)
		if len(x.Edits) != 1 {
			t.Errorf("%d edits", len(x.Edits))
		}
	}
	for range 2 {
		_, err := w.PublishMatching(w.ctx, w.coordinator, program, m.ID, "looked at", 0, idem(3))
		w.must(err)
	}
	w.clock.advance(time.Hour)
	// Withdrawing ends what is open, and nothing is matched any more.
	who, err := w.Authenticate(w.ctx, token)
	w.must(err)
	for range 2 {
		x, err := w.WithdrawEnrollment(w.ctx, who, program, a.ID, "", 0, idem(4))
		w.must(err)
		if x.State != mentoring.Withdrawn {
			t.Error(x.State)
		}
	}
}

// Somebody who is paused keeps what runs, and is in no run; a place that is
// given away is in no run either; who has none left is asked for nothing.
func TestPauseAndPlaces(t *testing.T) {
	w := newWorld(t)
	ann, lea := w.mentor(2, "Budgeting"), w.mentee(1, "Budgeting")
	w.publish(w.match(&mentoring.Matching{}))
	max := w.mentee(1, "Budgeting")
	m := w.match(&mentoring.Matching{})
	if r := w.result(m); len(r.Pairs) != 1 || r.Pairs[0].Mentee != max.ID || m.Mentees != 1 {
		t.Fatalf("%+v", r)
	}
	_, err := w.PauseEnrollment(w.ctx, ann.who, program, ann.ID, "", 0, none)
	w.must(err)
	_, err = w.PublishMatching(w.ctx, w.coordinator, program, m.ID, "looked at", 0, none)
	w.refused(err, "PAIRS_GONE")
	if n := len(w.proposals(max.who)); n != 0 {
		t.Errorf("%d proposals of a run that was not published", n)
	}
	p := w.proposals(lea.who)[0]
	for _, side := range []enrolled{ann, lea} {
		_, err := w.AcceptProposal(w.ctx, side.who, program, p.ID, "", "", 0, none)
		w.must(err)
	}
	ms := w.mentorships(ann.who)[0]
	ms, err = w.HoldMentorship(w.ctx, ann.who, program, ms.ID, 0, none)
	w.must(err)
	if ms.State != mentoring.OnHold {
		t.Error(ms.State)
	}
	_, err = w.ResumeMentorship(w.ctx, lea.who, program, ms.ID, 0, none)
	w.must(err)
	held := mentoring.Meeting{State: mentoring.Held, Time: w.clock.now(), Minutes: 45}
	_, err = w.SaveMeeting(w.ctx, lea.who, program, ms.ID, held, 0, none)
	w.must(err)
	_, err = w.SaveMeeting(w.ctx, max.who, program, ms.ID, held, 0, none)
	w.refused(err, "MENTORSHIP_NOT_FOUND")
	_, err = w.SaveMeeting(w.ctx, w.coordinator, program, ms.ID, held, 0, none)
	w.refused(err, "OWNER_ONLY")
	_, err = w.AnswerSurvey(w.ctx, lea.who, program, ms.ID, mentoring.Survey{Helped: 5, Again: 4, Fit: 5}, none)
	w.refused(err, "MENTORSHIP_STATE")
	w.clock.advance(15 * 24 * time.Hour)
	_, err = w.CompleteMentorship(w.ctx, lea.who, program, ms.ID, 0, none)
	w.must(err)
	ms, err = w.AnswerSurvey(w.ctx, lea.who, program, ms.ID, mentoring.Survey{Helped: 5, Again: 4, Fit: 5}, none)
	w.must(err)
	if ms.MenteeSurvey == nil || w.mentorships(ann.who)[0].MenteeSurvey != nil {
		t.Error("a survey is its own side's")
	}
	if x, err := w.Measures(w.ctx, w.coordinator, program); err != nil || x.FirstMeetings != 1 || x.FirstMeetingRate != 1000 || x.Completed != 1 || x.Helped != -1 || x.Surveys != 1 {
		t.Errorf("%+v, %v", x, err)
	}
	if got := w.places(ann); got != (mentoring.Places{Total: 2}) {
		t.Errorf("%+v", got)
	}
	// The other side sees of a safe exit only that it is over.
	_, err = w.OfferEnrollment(w.ctx, ann.who, program, ann.ID, "", 0, none)
	w.must(err)
	q, err := w.Propose(w.ctx, w.coordinator, program, max.ID, ann.ID, "by hand", none)
	w.must(err)
	for _, side := range []enrolled{ann, max} {
		_, err := w.AcceptProposal(w.ctx, side.who, program, q.ID, "", "", 0, none)
		w.must(err)
	}
	id := w.mentorships(max.who)[0].ID
	_, err = w.SafeExit(w.ctx, max.who, program, id, "a word to the coordinator", none)
	w.must(err)
	theirs, err := w.Mentorship(w.ctx, ann.who, program, id)
	if err != nil || theirs.State != mentoring.EndedEarly || theirs.EndReason != mentoring.EndOther || theirs.EndedBy != "" || theirs.SafeExit != "" || theirs.SafeExitFrom != "" {
		t.Errorf("%+v, %v", theirs, err)
	}
	seen, err := w.Mentorship(w.ctx, w.coordinator, program, id)
	if err != nil || seen.SafeExit == "" || seen.SafeExitFrom != mentoring.Mentee {
		t.Errorf("%+v, %v", seen, err)
	}
	_, err = w.HandleSafeExit(w.ctx, w.coordinator, program, id, "called them", 0, none)
	w.must(err)
	_, err = w.Propose(w.ctx, w.coordinator, program, max.ID, ann.ID, "again", none)
	w.refused(err, "PAIR_IMPOSSIBLE")
}
