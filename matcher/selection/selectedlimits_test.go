package selection_test

import (
	"context"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// When work or time runs out, what is said is true and says what is open; no
// error, and the same with the same limit.
func TestSelectedLimits(t *testing.T) {
	people, c := invented(30, 7), northSound(7)
	s := selection.Selected{People: people, Criteria: c, Outcome: mustSelect(t, people, c, "s", selection.Options{})}
	if s.Outcome.Status != matcher.Optimal {
		t.Fatal(s.Outcome.Status)
	}
	member := s.Outcome.Cohort[0]
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, k := range []struct {
		name string
		ctx  context.Context
		o    selection.Options
	}{
		{"one pivot", context.Background(), selection.Options{Work: 1}},
		{"a context that is over", over, selection.Options{}},
	} {
		canceled := k.ctx.Err() != nil
		x, err := selection.Explain(k.ctx, s, member, k.o)
		if err != nil || x.Fixed != nil || x.Decided != (len(x.Swaps) > 0) {
			t.Errorf("%s: explain: %v %+v", k.name, err, x)
		}
		r, err := selection.Replace(k.ctx, s, s.Outcome.Cohort[1:], []string{member}, k.o)
		if err != nil || r.Exact || len(r.Moves) > 0 || r.Outcome.Status == matcher.Optimal || r.Outcome.Complete == canceled {
			t.Errorf("%s: replace: %v %+v", k.name, err, r)
		}
		l, err := selection.Alternatives(k.ctx, s, 3, k.o)
		if err != nil || l.Proved || l.All || l.Complete == canceled {
			t.Errorf("%s: alternatives: %v %+v", k.name, err, l)
		}
		a, err := selection.Alternates(k.ctx, s, 2, k.o)
		if err != nil || a.Proved || a.Singles.Open == 0 || a.Pairs.Open == 0 || a.Complete == canceled {
			t.Errorf("%s: alternates: %v %+v", k.name, err, a)
		}
		two := 2
		e, err := selection.WhatIf(k.ctx, s, selection.Changes{Rules: []selection.RuleEdit{{Row: 1, Min: &two}}}, k.o)
		if err != nil || e.Outcome.Status == matcher.Optimal {
			t.Errorf("%s: what if: %v %+v", k.name, err, e.Outcome)
		}
	}
	// A selection that was not proved explains its swaps and claims no more.
	cut := *s.Outcome
	cut.Status = matcher.Feasible
	s.Outcome = &cut
	x, err := selection.Explain(context.Background(), s, member, selection.Options{})
	if err != nil || x.Decided || x.Fixed != nil {
		t.Errorf("not proved: %v %+v", err, x)
	}
	if l, err := selection.Alternatives(context.Background(), s, 3, selection.Options{}); err != nil || l.Proved || len(l.List) > 0 {
		t.Errorf("not proved: %v %+v", err, l)
	}
}
