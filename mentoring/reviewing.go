package mentoring

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// mostEdits of one run.
const mostEdits = 500

// TryEdit says what an edit would change, and changes nothing.
func (s *Service) TryEdit(ctx context.Context, who access.Principal, program, id string, e Edit) (*Cost, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	_, cost, err := s.edited(ctx, m, e)
	return cost, err
}

// EditMatching locks or forbids a pair in a run that is solved and not
// published: the run is solved again with it, and the edit keeps what it cost.
// FailedPrecondition MATCHING_IMPOSSIBLE if no result keeps the edit.
func (s *Service) EditMatching(ctx context.Context, who access.Principal, program, id string, e Edit, revision int64, idem Idempotency) (*Matching, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	if err := calls.SameRevision(revision, m.Revision); err != nil {
		return s.replay(ctx, who, m, "EditMatching", idem, err)
	}
	reason, bad := calls.StaffReason("reason", e.Reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "an edit needs a reason, which is recorded", bad...)
	}
	if len(m.Edits) >= mostEdits {
		return nil, problem.Errorf(problem.FailedPrecondition, "EDITS_MANY", "a run has at most %d edits: make directives and start a new run", mostEdits)
	}
	// Outside of any transaction: it may take seconds.
	found, cost, err := s.edited(ctx, m, e)
	if err != nil {
		return s.replay(ctx, who, m, "EditMatching", idem, err)
	}
	e.Reason, e.By, e.Time, e.Cost = reason, who.Subject, s.now(), *cost
	outcome, err := found.outcome(ctx, s.Engine)
	if err != nil {
		return nil, err
	}
	pair, err := found.input.codes(e.Mentee, e.Mentor)
	if err != nil {
		return nil, err
	}
	detail := fmt.Sprintf("%s %s %s", e.Kind, pair.Mentee, pair.Mentor)
	return s.review(ctx, who, m, "EditMatching", idem, "matching.edit", reason, detail, func(now *Matching) error {
		now.Edits = append(now.Edits, e)
		return now.keep(outcome)
	})
}

// UndoEdit takes the last edit back, with those that it is joined to.
func (s *Service) UndoEdit(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Matching, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	if err := calls.SameRevision(revision, m.Revision); err != nil {
		return s.replay(ctx, who, m, "UndoEdit", idem, err)
	}
	if len(m.Edits) == 0 {
		return s.replay(ctx, who, m, "UndoEdit", idem, problem.Errorf(problem.FailedPrecondition, "NO_EDITS", "nothing was edited"))
	}
	kept := len(m.Edits) - 1
	for kept > 0 && m.Edits[kept].Joined {
		kept--
	}
	found, err := s.solvedWith(ctx, m, m.Edits[:kept])
	if err != nil {
		return nil, err
	}
	outcome, err := found.outcome(ctx, s.Engine)
	if err != nil {
		return nil, err
	}
	return s.review(ctx, who, m, "UndoEdit", idem, "matching.undo", "", "", func(now *Matching) error {
		now.Edits = now.Edits[:kept]
		return now.keep(outcome)
	})
}

// replay answers a retry of a call that worked with its first answer, and any
// other call with why it does not work now.
func (s *Service) replay(ctx context.Context, who access.Principal, m *Matching, method string, idem Idempotency, why error) (*Matching, error) {
	if idem.RequestID == "" {
		return nil, why
	}
	return once(ctx, s, who, m.Program, method, idem, func(Tx) (*Matching, string, error) { return nil, "", why })
}

// review writes a change of a run in review, if nobody else changed it since it
// was read.
func (s *Service) review(ctx context.Context, who access.Principal, read *Matching, method string, idem Idempotency, action, reason, detail string, change func(now *Matching) error) (*Matching, error) {
	return once(ctx, s, who, read.Program, method, idem, func(tx Tx) (*Matching, string, error) {
		if _, err := tx.Plan(ctx, read.Program); err != nil {
			return nil, "", err
		}
		m, err := tx.Matching(ctx, read.Program, read.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(read.Revision, m.Revision); err != nil {
			return nil, "", err
		}
		if m.State, err = m.State.after(editMatching); err != nil {
			return nil, "", err
		}
		m.UpdateTime = s.now()
		if err := change(m); err != nil {
			return nil, "", err
		}
		if err := tx.UpdateMatching(ctx, m); err != nil {
			return nil, "", err
		}
		return m.outside(), m.ID, tx.AppendEvents(ctx, s.event(who, action, m.name(), reason, detail))
	})
}

// edited solves a run again with some edits more.
func (s *Service) edited(ctx context.Context, m *Matching, edits ...Edit) (*solved, *Cost, error) {
	if _, err := m.State.after(editMatching); err != nil {
		return nil, nil, err
	}
	for _, e := range edits {
		if e.Kind != LockPair && e.Kind != ForbidPair {
			return nil, nil, problem.Invalid("EDIT_INVALID", "the edit cannot be made like this", Violation{Field: "kind", Message: "LOCK or FORBID"})
		}
	}
	before, err := s.solvedWith(ctx, m, m.Edits)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range edits {
		pair, err := before.input.codes(e.Mentee, e.Mentor)
		if err != nil {
			return nil, nil, err
		}
		if e.Kind == LockPair {
			if before.ruled(pair) {
				return nil, nil, pairImpossible()
			}
			if rules := before.blocked(pair); len(rules) > 0 {
				return nil, nil, problem.Errorf(problem.FailedPrecondition, "PAIR_NOT_ELIGIBLE", "a hard rule forbids this pair: %s. Change the rule in the plan and start a new run, if it is meant", strings.Join(rules, ", "))
			}
		}
	}
	after, err := s.solvedWith(ctx, m, append(slices.Clone(m.Edits), edits...))
	if err != nil {
		return nil, nil, err
	}
	return after, cost(before, after), nil
}

// ruled reports whether a pair must not be made for a reason that stands whatever
// staff order: it was declined, or made before.
func (v *solved) ruled(pair frozenPair) bool {
	return slices.Contains(v.input.Forbidden, pair)
}

// blocked names the hard rules that forbid a pair.
func (v *solved) blocked(pair frozenPair) []string {
	j, i := v.mentee[pair.Mentee], v.mentor[pair.Mentor]
	if v.scores[j*len(v.input.Mentors)+i] >= 0 {
		return nil
	}
	return publicRules(v.scorer.Explain(j, i).Blocked)
}

// privateRules are those that would tell staff what only one of the two said, or
// decided: whom they never want, what they require of a mentor's life, and cells
// that staff do not read.
var privateRules = []string{"never", "ended", "affinity", "conflict", "chain"}

// publicRules hides those rules behind one word.
func publicRules(rules []string) []string {
	var out []string
	for _, r := range rules {
		if slices.Contains(privateRules, r) {
			r = privateRule
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// cost compares two results.
func cost(before, after *solved) *Cost {
	c := &Cost{}
	was, is := before.terms(), after.terms()
	all := was
	if len(is) > len(was) {
		all = is
	}
	for _, t := range all {
		c.Terms = append(c.Terms, TermChange{Term: t.Name, Before: before.term(was, t.Name), After: after.term(is, t.Name)})
	}
	without := func(from, other *solved) (out []Pair) {
		there := map[frozenPair]bool{}
		for _, m := range other.result.Matches {
			there[frozenPair{m.Mentee, m.Mentor}] = true
		}
		for _, m := range from.result.Matches {
			if !there[frozenPair{m.Mentee, m.Mentor}] {
				out = append(out, from.pair(m, false))
			}
		}
		return out
	}
	c.Removed, c.Added = without(before, after), without(after, before)
	return c
}

// solvable refuses a run that cannot be solved again from what is stored of it.
func (m *Matching) solvable() error {
	switch {
	case len(m.Frozen) == 0:
		return problem.Errorf(problem.FailedPrecondition, "MATCHING_WITHOUT_RESULT", "this run has no result: it is %s", m.State)
	case m.ErasedCount > 0:
		return problem.Errorf(problem.FailedPrecondition, "MATCHING_ERASED", "somebody of this run was erased since: it cannot be solved again. Start a new run")
	}
	return nil
}

// solvedWith returns a run solved with the edits: from memory, or solved again
// from its frozen input.
func (s *Service) solvedWith(ctx context.Context, m *Matching, edits []Edit) (*solved, error) {
	if err := m.solvable(); err != nil {
		s.forgetRun(m.name())
		return nil, err
	}
	key := m.name()
	base := key
	for _, e := range edits {
		key += fmt.Sprint("\x00", e.Kind, " ", e.Mentee, " ", e.Mentor)
	}
	scored := (*solved)(nil)
	s.mu.Lock()
	for _, v := range s.solved {
		if v.digest == m.InputDigest && strings.HasPrefix(v.key, base) {
			if v.key == key {
				s.mu.Unlock()
				return v, nil
			}
			scored = v
		}
	}
	s.mu.Unlock()
	if scored == nil {
		input, err := readFrozen(m.Frozen)
		if err != nil {
			return nil, err
		}
		if scored, err = score(ctx, input); err != nil {
			return nil, err
		}
	}
	found, err := scored.solve(ctx, edits, pairing.Options{Work: m.Work})
	if err != nil {
		return nil, err
	}
	found.key, found.digest = key, m.InputDigest
	// A few: the one in review with its last edits. Each holds the scores of all
	// pairs, which runs of one input share.
	const kept = 4
	s.mu.Lock()
	s.solved = append(s.solved, found)
	if len(s.solved) > kept {
		s.solved = slices.Clone(s.solved[len(s.solved)-kept:])
	}
	s.mu.Unlock()
	return found, nil
}

// PublishMatching makes a run the published one, and proposes all of its pairs
// at once: nothing is sent before. Of two runs that were made after the same
// published one, one can be published: FailedPrecondition MATCHING_OVERTAKEN
// for the other. All pairs are proposed or none: PAIRS_GONE names those whose
// people are not available any more. Mentees without a pair wait, and come first
// the next time.
func (s *Service) PublishMatching(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Matching, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "to publish needs a reason, which is recorded: who looked at the pairs", bad...)
	}
	if !strings.HasPrefix(who.Subject, "users/") {
		return nil, problem.Errorf(problem.FailedPrecondition, "PERSON_NEEDED", "pairs are published by a person, not by a program: use the token of a member of staff (`fairlead users create`), not one of its own")
	}
	return once(ctx, s, who, program, "PublishMatching", idem, func(tx Tx) (*Matching, string, error) {
		plan, err := tx.Plan(ctx, program)
		if err != nil {
			return nil, "", err
		}
		m, err := tx.Matching(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, m.Revision); err != nil {
			return nil, "", err
		}
		return s.publish(ctx, tx, who, plan, m, reason)
	})
}

func (s *Service) publish(ctx context.Context, tx Tx, who access.Principal, plan *Plan, m *Matching, reason string) (*Matching, string, error) {
	from := m.State
	next, err := from.after(publishMatching)
	if err != nil {
		return nil, "", err
	}
	result, err := m.result()
	if err != nil {
		return nil, "", err
	}
	if err := tx.Publish(ctx, m.Program, m.Base, m.ID); problem.ReasonOf(err) == "MATCHING_OVERTAKEN" {
		return nil, "", problem.Errorf(problem.FailedPrecondition, "MATCHING_OVERTAKEN", "another run was published since this one began: start a new one, which leaves its proposals as they are")
	} else if err != nil {
		return nil, "", err
	}
	now := s.now()
	m.State, m.PublishTime, m.UpdateTime, m.PublishedBy = next, now, now, who.Subject
	if err := tx.UpdateMatching(ctx, m); err != nil {
		return nil, "", err
	}
	events := []Event{s.event(who, "matching.publish", m.name(), reason, fmt.Sprintf("%s pairs=%d edits=%d", transition(from, next), len(result.Pairs), len(m.Edits)))}
	if m.Base != "" {
		before, err := tx.Matching(ctx, m.Program, m.Base)
		if err != nil {
			return nil, "", err
		}
		was := before.State
		if before.State, err = was.after(supersedeMatching); err != nil {
			return nil, "", err
		}
		before.SupersededBy, before.UpdateTime = m.ID, now
		if err := tx.UpdateMatching(ctx, before); err != nil {
			return nil, "", err
		}
		events = append(events, s.event(who, "matching.supersede", before.name(), "", transition(was, before.State)))
	}
	list, err := tx.Enrollments(ctx, EnrollmentQuery{Program: m.Program})
	if err != nil {
		return nil, "", err
	}
	people := make(map[string]*Enrollment, len(list))
	for _, e := range list {
		people[e.ID] = e
	}
	places, err := tx.AllPlaces(ctx, m.Program)
	if err != nil {
		return nil, "", err
	}
	more, err := s.proposeAll(ctx, tx, who, plan, m, result, people, places)
	if err != nil {
		return nil, "", err
	}
	waiting, err := s.wait(ctx, tx, result, people, places)
	if err != nil {
		return nil, "", err
	}
	events = append(events, more...)
	if waiting > 0 {
		events[0].Detail += fmt.Sprintf(" waiting=%d", waiting)
	}
	return m.outside(), m.ID, tx.AppendEvents(ctx, events...)
}

// proposeAll makes and sends a proposal for each pair, and counts it in places.
func (s *Service) proposeAll(ctx context.Context, tx Tx, who access.Principal, plan *Plan, m *Matching, result *Result, people map[string]*Enrollment, places map[string]Places) ([]Event, error) {
	var events []Event
	var proposals []*Proposal
	var sides []string
	var gone []Violation
	leave := func(mentee, mentor, why string) {
		gone = append(gone, Violation{Field: mentee + " " + mentor, Message: why})
	}
	const full = "one of the two has no free place any more"
	isAvailable := func(e *Enrollment) bool { return e != nil && e.State == Available }
	isFull := func(id string) bool { return places[id].Proposed >= places[id].Total }
	for _, pair := range result.Pairs {
		mentee, mentor := people[pair.Mentee], people[pair.Mentor]
		switch {
		case !isAvailable(mentee) || !isAvailable(mentor):
			leave(pair.MenteeCode, pair.MentorCode, "one of the two is not available any more")
			continue
		case unwanted(mentee, mentor), !affinityAgreed(pair.Parts, mentee, mentor):
			leave(pair.MenteeCode, pair.MentorCode, "this pair cannot be made any more")
			continue
		case isFull(mentee.ID) || isFull(mentor.ID):
			leave(pair.MenteeCode, pair.MentorCode, full)
			continue
		}
		p := &Proposal{Matching: m.ID, Score: pair.Score, Parts: pair.Parts}
		more, err := s.send(who, plan, mentee, mentor, p, "")
		if err != nil {
			return nil, err
		}
		for _, id := range ordered(p) {
			counted := places[id]
			counted.Proposed++
			places[id] = counted
			sides = append(sides, id)
		}
		proposals, events = append(proposals, p), append(events, more...)
	}
	if len(gone) == 0 {
		err := tx.InsertProposals(ctx, proposals)
		if err == nil {
			return events, tx.ProposePlaces(ctx, m.Program, sides)
		}
		if problem.ReasonOf(err) != "PROPOSAL_OPEN" {
			return nil, err
		}
		open, err := tx.Proposals(ctx, ProposalQuery{Program: m.Program, States: []ProposalState{Staged, Sent, Accepted}})
		if err != nil {
			return nil, err
		}
		for _, o := range open {
			if slices.ContainsFunc(proposals, func(p *Proposal) bool { return p.Mentee == o.Mentee && p.Mentor == o.Mentor && p.ID != o.ID }) {
				leave(o.MenteeCode, o.MentorCode, full)
			}
		}
	}
	const shown = 100
	return nil, &Error{
		Code: problem.FailedPrecondition, Reason: "PAIRS_GONE", Violations: gone[:min(len(gone), shown)],
		Message: fmt.Sprintf("%d pairs cannot be proposed any more: start a new run", len(gone)),
	}
}

// affinityAgreed reports whether both still agree to what lived experience gave
// to the score of their pair. A mentee's preferences count whether they are met
// or not, a mentor's experience where it meets one.
func affinityAgreed(parts []Part, mentee, mentor *Enrollment) bool {
	for _, p := range parts {
		if p.Feature == scoring.Affinity.String() && (p.Most > 0 && !mentee.agreed(ForAffinity) || p.Points > 0 && !mentor.agreed(ForAffinity)) {
			return false
		}
	}
	return true
}

// wait notes who was left without a mentor: also who had one when the run began
// and has none any more.
func (s *Service) wait(ctx context.Context, tx Tx, result *Result, people map[string]*Enrollment, places map[string]Places) (n int, err error) {
	var left []string
	for _, u := range result.Unmatched {
		left = append(left, u.Mentee)
	}
	for _, k := range result.Kept {
		left = append(left, k.Mentee)
	}
	for _, id := range left {
		e := people[id]
		if e == nil || places[id].Proposed > 0 { // has a mentor, and asked for more
			continue
		}
		if e.State == Erased || e.State == Withdrawn {
			continue
		}
		e.WaitRounds++
		if e.UpdateTime = s.now(); e.WaitSince.IsZero() {
			e.WaitSince = e.UpdateTime
		}
		if err := tx.UpdateEnrollment(ctx, e); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// OtherMentors lists the mentors that could take a mentee instead, each with what
// it would cost the whole, those first with whom the least is lost.
func (s *Service) OtherMentors(ctx context.Context, who access.Principal, program, id, mentee string, most int) ([]Alternative, error) {
	m, err := s.matching(ctx, who, access.MatchingsRun, program, id)
	if err != nil {
		return nil, err
	}
	if most <= 0 || most > 20 {
		most = 5
	}
	v, err := s.solvedWith(ctx, m, m.Edits)
	if err != nil {
		return nil, err
	}
	person := v.input.person(mentee)
	if person == nil || person.Erased {
		return nil, noEnrollment()
	}
	j, ok := v.mentee[person.Code]
	if !ok {
		return nil, noEnrollment()
	}
	list, err := v.others(ctx, j, most)
	if err != nil {
		return nil, err
	}
	var out []Alternative
	for _, w := range list {
		c, err := v.costOf(ctx, m, w)
		if problem.CodeOf(err) == problem.FailedPrecondition {
			continue // its seats are locked
		}
		if err != nil {
			return nil, err
		}
		pair := v.pair(pairing.Match{Mentee: w.Pair.Mentee, Mentor: w.Pair.Mentor, Score: w.Score}, true)
		out = append(out, Alternative{Pair: pair, Cost: *c})
	}
	return out, nil
}

// others are the mentors whom a mentee does not have and could: those first with
// whom the least is lost or, of a result without proof, the best scores first.
func (v *solved) others(ctx context.Context, j, most int) ([]*pairing.Forced, error) {
	mentee := v.input.Mentees[j].Code
	if v.result.Status == pairing.Optimal {
		list, err := pairing.Alternatives(ctx, v.result, mentee, most)
		if err != nil {
			return nil, &leased.Fault{Err: err}
		}
		return list, nil
	}
	not := map[string]bool{} // has, or must not have
	for _, x := range v.result.Matches {
		not[x.Mentor] = not[x.Mentor] || x.Mentee == mentee
	}
	for _, x := range v.problem.Forbidden {
		not[x.Mentor] = not[x.Mentor] || x.Mentee == mentee
	}
	var list []*pairing.Forced
	for i, mentor := range v.input.Mentors {
		if score := v.scores[j*len(v.input.Mentors)+i]; score >= 0 && !not[mentor.Code] {
			list = append(list, &pairing.Forced{Pair: pairing.Pair{Mentee: mentee, Mentor: mentor.Code}, Score: int(score)})
		}
	}
	slices.SortStableFunc(list, func(a, b *pairing.Forced) int { return b.Score - a.Score })
	return list[:min(most, len(list))], nil
}

// Alternative is a mentor whom a mentee could have instead.
type Alternative struct {
	Pair Pair
	Cost Cost
}
