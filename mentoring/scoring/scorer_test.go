package scoring_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

func newScorer(t testing.TB, in scoring.Input) *scoring.Scorer {
	t.Helper()
	s, _, err := scoring.New(in)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every score is what its explanation says: parts sum to it, and it is absent
// where a rule is named.
func TestExplanationsSum(t *testing.T) {
	const mentees, mentors = 60, 50
	in := newCrowd(1, scoring.DefaultRules()).people(mentees, mentors)
	s := newScorer(t, in)
	row, masks := make([]int16, mentors), make([]uint64, mentors)
	eligible, seen, features := 0, map[string]int{}, map[string]int{}
	for j := range mentees {
		s.Row(j, row)
		s.Blocked(j, masks)
		for i := range mentors {
			e := s.Explain(j, i)
			if (row[i] < 0) == e.Eligible || row[i] >= 0 && int(row[i]) != e.Score || (masks[i] != 0) == e.Eligible {
				t.Fatalf("%s with %s: row %d, rules %b, explanation %+v", e.Mentee, e.Mentor, row[i], masks[i], e)
			}
			for k, name := range s.RuleNames() {
				if slices.Contains(e.Blocked, name) != (masks[i]>>k&1 != 0) {
					t.Fatalf("%s with %s: rule %s: %b, %v", e.Mentee, e.Mentor, name, masks[i], e.Blocked)
				}
			}
			sum := 0
			for _, p := range e.Parts {
				sum += p.Points
				features[p.Feature]++
				if p.Points < 0 || p.Points > p.Most || p.Most > 1000 || p.Value < 0 || p.Value > 1000 || len(p.Evidence) == 0 && p.Feature != "style" {
					t.Fatalf("%s with %s: part %+v", e.Mentee, e.Mentor, p)
				}
			}
			if sum != e.Score || e.Score < 0 || e.Score > 1000 || e.Completeness < 0 || e.Completeness > 1000 {
				t.Fatalf("%s with %s: parts sum to %d: %+v", e.Mentee, e.Mentor, sum, e)
			}
			for _, r := range e.Blocked {
				seen[r]++
			}
			if e.Eligible {
				eligible++
			}
		}
	}
	for _, name := range s.RuleNames() {
		if seen[name] == 0 {
			t.Errorf("the rule %s was never met", name)
		}
	}
	if len(features) < 9 || eligible == 0 {
		t.Errorf("features %v, %d eligible pairs", features, eligible)
	}
}

// A rule that is not in force can be looked at as if it were: it forbids what it
// would forbid then.
func TestRuleViews(t *testing.T) {
	in := newCrowd(3, scoring.DefaultRules()).people(40, 30)
	s := newScorer(t, in)
	in.Rules = scoring.DefaultRules()
	in.Rules.Hard[scoring.ExperienceGap], in.Rules.Hard[scoring.TravelTime] = true, true
	strict := newScorer(t, in)
	view := s.Rules(s.NotInForce()...)
	if !slices.Equal(view.Names(), strict.RuleNames()) || len(s.NotInForce()) != 2 || scoring.Liftable("never") || !scoring.Liftable("unit") {
		t.Fatalf("%v, %v", view.Names(), strict.RuleNames())
	}
	a, b := make([]uint64, 30), make([]uint64, 30)
	more := false
	for j := range 40 {
		view.Blocked(j, a)
		strict.Blocked(j, b)
		if !slices.Equal(a, b) {
			t.Fatalf("mentee %d: %b, %b", j, a, b)
		}
		s.Blocked(j, b)
		more = more || !slices.Equal(a, b)
	}
	if !more {
		t.Error("the rules that are not in force forbid nothing")
	}
}

func TestScoringSpeed(t *testing.T) {
	mentees, mentors := 300, 300
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		mentees, mentors = 10_000, 3_000
	}
	in := newCrowd(2, scoring.DefaultRules()).people(mentees, mentors)
	begin := time.Now()
	s := newScorer(t, in)
	ready := time.Now()
	all, err := s.Matrix(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(ready)
	eligible := 0
	for _, v := range all {
		if v >= 0 {
			eligible++
		}
	}
	t.Logf("figure: scoring %d mentees with %d mentors (%d eligible pairs), one worker: %.2f s, after %.2f s of preparation",
		mentees, mentors, eligible, took.Seconds(), ready.Sub(begin).Seconds())
}
