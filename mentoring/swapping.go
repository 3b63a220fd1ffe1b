package mentoring

import (
	"context"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/problem"
)

// TrySwap says what it would change if two mentees of a run changed their
// mentors: the first one's is a, the second one's b. It changes nothing.
func (s *Service) TrySwap(ctx context.Context, who access.Principal, program, id string, a, b Pair) (*Cost, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	edits, err := m.swap(a, b)
	if err != nil {
		return nil, err
	}
	_, cost, err := s.edited(ctx, m, edits...)
	return cost, err
}

// SwapMentors lets the mentees of two pairs of a run in review change their
// mentors: the two new pairs are locked by joined edits, in one write. Only
// Mentee and Mentor of the pairs are read. Errors are those of EditMatching.
func (s *Service) SwapMentors(ctx context.Context, who access.Principal, program, id string, a, b Pair, why string, revision int64, idem Idempotency) (*Matching, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	if err := calls.SameRevision(revision, m.Revision); err != nil {
		return s.replay(ctx, who, m, "SwapMentors", idem, err)
	}
	reason, bad := calls.StaffReason("reason", why)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "an edit needs a reason, which is recorded", bad...)
	}
	edits, err := m.swap(a, b)
	if err != nil {
		return s.replay(ctx, who, m, "SwapMentors", idem, err)
	}
	if len(m.Edits)+len(edits) > mostEdits {
		return nil, problem.Errorf(problem.FailedPrecondition, "EDITS_MANY", "a run has at most %d edits: make directives and start a new run", mostEdits)
	}
	found, cost, err := s.edited(ctx, m, edits...)
	if err != nil {
		return s.replay(ctx, who, m, "SwapMentors", idem, err)
	}
	for i := range edits {
		edits[i].Reason, edits[i].By, edits[i].Time, edits[i].Joined = reason, who.Subject, s.now(), i > 0
	}
	edits[0].Cost = *cost
	outcome, err := found.outcome(ctx, s.Engine)
	if err != nil {
		return nil, err
	}
	detail := "SWAP"
	for _, e := range edits {
		pair, err := found.input.codes(e.Mentee, e.Mentor)
		if err != nil {
			return nil, err
		}
		detail += fmt.Sprintf(" %s %s", pair.Mentee, pair.Mentor)
	}
	return s.review(ctx, who, m, "SwapMentors", idem, "matching.edit", reason, detail, func(now *Matching) error {
		now.Edits = append(now.Edits, edits...)
		return now.keep(outcome)
	})
}

// swap are the edits that let the mentees of two pairs of the run change their
// mentors.
func (m *Matching) swap(a, b Pair) ([]Edit, error) {
	r, err := m.result()
	if err != nil {
		return nil, err
	}
	for _, x := range []Pair{a, b} {
		made := func(p Pair) bool { return p.Mentee == x.Mentee && p.Mentor == x.Mentor }
		if !slices.ContainsFunc(r.Pairs, made) {
			return nil, problem.Errorf(problem.FailedPrecondition, "PAIR_NOT_MADE", "the run does not have one of the two pairs: look at it again")
		}
	}
	if a.Mentee == b.Mentee || a.Mentor == b.Mentor {
		return nil, problem.Errorf(problem.FailedPrecondition, "SWAP_EMPTY", "to swap takes two mentees with two mentors")
	}
	return []Edit{{Kind: LockPair, Mentee: a.Mentee, Mentor: b.Mentor}, {Kind: LockPair, Mentee: b.Mentee, Mentor: a.Mentor}}, nil
}
