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
