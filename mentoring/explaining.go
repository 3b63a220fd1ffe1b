package mentoring

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// PairExplanation says why two people are, or would be, a pair.
type PairExplanation struct {
	Pair     Pair // with its parts
	Eligible bool
	// Blocked are the hard rules that forbid the pair. "private" is a reason that
	// only one of the two knows.
	Blocked []string
	Made    bool // in this run
	// Completeness is the share of the weights about which both said something, in
	// thousandths.
	Completeness int
	// AtLeast is what making the pair takes from each term of the objective at the
	// least, known at once from the prices of the stored certificate: terms compared
	// in their order, up to the first that is not 0. "below" counts mentees served
	// worse than whoever is served worst. Nil where nothing is known, as of a pair
	// that is made, or a run without proof.
	AtLeast []Term
}

// ExplainPair says why two people are a pair in a run, or what it would be. For
// one pair it neither solves nor scores all others.
func (s *Service) ExplainPair(ctx context.Context, who access.Principal, program, id, mentee, mentor string) (*PairExplanation, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	result, err := m.result()
	if err != nil {
		return nil, err
	}
	v, err := s.scorableOf(m)
	if err != nil {
		return nil, err
	}
	pair, err := v.input.codes(mentee, mentor)
	if err != nil {
		return nil, err
	}
	e := v.explain(pair, func(mentee, mentor string) (made, locked bool) {
		for _, p := range result.Pairs {
			if p.MenteeCode == mentee && p.MentorCode == mentor {
				return true, p.Locked
			}
		}
		return false, false
	})
	e.AtLeast, err = result.atLeast(e, pair)
	return e, err
}

// atLeast reads the prices of the result's certificate.
func (r *Result) atLeast(e *PairExplanation, pair frozenPair) ([]Term, error) {
	if !e.Eligible || e.Made || len(r.Certificate) == 0 {
		return nil, nil
	}
	record, err := matcher.ReadMatching(r.Certificate)
	if err != nil {
		return nil, problem.Errorf(problem.DataLoss, "RECORD_UNREADABLE", "the stored result of this run cannot be read")
	}
	var terms []Term
	for _, v := range pairing.RecordBound(record, pairing.Pair{Mentee: pair.Mentee, Mentor: pair.Mentor}, e.Pair.Score) {
		terms = append(terms, Term{Name: termName(v.Tier), Value: v.Value})
		if v.Value != 0 {
			break // what follows may be gained
		}
	}
	return terms, nil
}

// inResult looks a pair up among those that were found.
func (v *solved) inResult(mentee, mentor string) (made, locked bool) {
	for _, m := range v.result.Matches {
		if m.Mentee == mentee && m.Mentor == mentor {
			return true, m.Locked
		}
	}
	return false, false
}

func (v *solved) explain(pair frozenPair, look func(mentee, mentor string) (made, locked bool)) *PairExplanation {
	j, i := v.mentee[pair.Mentee], v.mentor[pair.Mentor]
	x := v.scorer.Explain(j, i)
	e := &PairExplanation{Eligible: x.Eligible, Blocked: publicRules(x.Blocked), Completeness: x.Completeness}
	if v.ruled(pair) && e.Eligible {
		e.Eligible, e.Blocked = false, []string{privateRule}
	}
	e.Pair = v.pair(pairing.Match{Mentee: pair.Mentee, Mentor: pair.Mentor, Score: x.Score}, true)
	e.Made, e.Pair.Locked = look(pair.Mentee, pair.Mentor)
	return e
}

// mostUnstable pairs are named.
const mostUnstable = 5

func (v *solved) unstable() *Unstable {
	count, first := pairing.Unstable(v.problem, v.result, mostUnstable)
	u := &Unstable{Count: count}
	for _, x := range first {
		u.First = append(u.First, v.pair(pairing.Match{Mentee: x.Pair.Mentee, Mentor: x.Pair.Mentor, Score: x.Score}, false))
	}
	return u
}

// scorableOf is a run's input, from memory or read again, whose pairs can be
// scored one by one.
func (s *Service) scorableOf(m *Matching) (*solved, error) {
	if err := m.solvable(); err != nil {
		s.forgetRun(m.name())
		return nil, err
	}
	s.mu.Lock()
	for _, v := range s.solved {
		if v.digest == m.InputDigest && strings.HasPrefix(v.key, m.name()) {
			s.mu.Unlock()
			return v, nil
		}
	}
	s.mu.Unlock()
	input, err := readFrozen(m.Frozen)
	if err != nil {
		return nil, err
	}
	return scorable(input)
}

// WhyNot says why a run did not make a pair: the hard rules that forbid it, or
// what it would cost the whole.
type WhyNot struct {
	Explanation *PairExplanation
	// Cost is what making the pair would change; nil if it cannot be made.
	Cost *Cost
}

// WhyNot answers for one pair of a run, exactly.
func (s *Service) WhyNot(ctx context.Context, who access.Principal, program, id, mentee, mentor string) (*WhyNot, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	v, err := s.solvedWith(ctx, m, m.Edits)
	if err != nil {
		return nil, err
	}
	pair, err := v.input.codes(mentee, mentor)
	if err != nil {
		return nil, err
	}
	answer := &WhyNot{Explanation: v.explain(pair, v.inResult)}
	result, err := m.result()
	if err != nil {
		return nil, err
	}
	if answer.Explanation.AtLeast, err = result.atLeast(answer.Explanation, pair); err != nil {
		return nil, err
	}
	if !answer.Explanation.Eligible || answer.Explanation.Made {
		return answer, nil
	}
	forced := &pairing.Forced{Pair: pairing.Pair{Mentee: pair.Mentee, Mentor: pair.Mentor}}
	if v.result.Status == pairing.Optimal {
		if forced, err = pairing.WhyNot(ctx, v.result, forced.Pair); err != nil {
			return nil, &leased.Fault{Err: err}
		}
	}
	if answer.Cost, err = v.costOf(ctx, m, forced); isImpossible(err) {
		return answer, nil
	}
	return answer, err
}

// costOf is what it costs the whole to make a pair: as the network tells it, if it
// can, and else by solving again.
func (v *solved) costOf(ctx context.Context, m *Matching, forced *pairing.Forced) (*Cost, error) {
	// A floor that is missed is no cost but impossible, which solving again says.
	missed := func(lost pairing.Value) bool { return lost.Tier.Kind == pairing.KindFloors && lost.Value != 0 }
	if forced.Possible && forced.Loss != nil && !forced.BarMoves && !slices.ContainsFunc(forced.Loss, missed) {
		return cost(v, v.forced(forced)), nil
	}
	lock := Edit{Kind: LockPair, Mentee: v.input.Mentees[v.mentee[forced.Pair.Mentee]].ID, Mentor: v.input.Mentors[v.mentor[forced.Pair.Mentor]].ID}
	with, err := v.solve(ctx, append(slices.Clone(m.Edits), lock), pairing.Options{Work: m.Work, Near: v.result})
	if err != nil {
		return nil, err
	}
	return cost(v, with), nil
}

// forced is the result with a pair that was not made, and whoever it displaces.
func (v *solved) forced(w *pairing.Forced) *solved {
	r := *v.result
	r.Values = slices.Clone(r.Values)
	for k, lost := range w.Loss {
		r.Values[k].Value -= lost.Value
	}
	r.Matches = slices.DeleteFunc(slices.Clone(r.Matches), func(m pairing.Match) bool {
		return slices.ContainsFunc(w.Displaced, func(d pairing.Displaced) bool { return d.Mentee == m.Mentee })
	})
	for _, d := range w.Displaced {
		for _, mentor := range d.After {
			score := v.scores[v.mentee[d.Mentee]*len(v.input.Mentors)+v.mentor[mentor]]
			r.Matches = append(r.Matches, pairing.Match{Mentee: d.Mentee, Mentor: mentor, Score: int(score), Locked: w.Pair == pairing.Pair{Mentee: d.Mentee, Mentor: mentor}})
		}
	}
	slices.SortFunc(r.Matches, func(a, b pairing.Match) int {
		return cmp.Or(strings.Compare(a.Mentee, b.Mentee), strings.Compare(a.Mentor, b.Mentor))
	})
	with := *v
	with.result = &r
	return &with
}

// openParts are the parts of a score for anybody but the mentee: what the mentee
// prefers in lived experience, and whether it was met, is told apart from wishes
// to nobody.
func openParts(parts []Part) []Part {
	var out []Part
	at := -1
	for _, p := range parts {
		if p.Feature != scoring.Preferences.String() && p.Feature != scoring.Affinity.String() && p.Feature != "private" {
			out = append(out, p)
			continue
		}
		if at < 0 {
			at = len(out)
			out = append(out, Part{Feature: "private"})
		}
		out[at].Points += p.Points
		out[at].Most += p.Most
	}
	return out
}

// unnamed is a part without a value of lived experience: whether that may be
// named is asked anew whenever it is read.
func (p Part) unnamed() Part {
	if p.Feature == scoring.Affinity.String() && p.Points > 0 {
		p.Evidence = []string{statedPreference}
	}
	return p
}

const statedPreference = "matches a preference that was stated"
