package applications_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

func TestExplainingARun(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(nil)
	_, err := w.ExplainSelection(w.ctx, w.facilitator, "leaders", sel.ID, "NS-0001")
	want(t, "before the draw", err, "RUN_NOT_DRAWN")
	sel = mustDraw(w, sel.ID, nil)
	cohort := sel.Draws[0].Cohort
	before := w.run(sel.ID).Revision
	ins, outs := 0, 0
	for n := range 12 {
		code := []string{"NS-0001", "NS-0002", "NS-0003", "NS-0004", "NS-0005", "NS-0006", "NS-0007", "NS-0008", "NS-0009", "NS-0010", "NS-0011", "NS-0012"}[n]
		x, err := w.ExplainSelection(w.ctx, w.facilitator, "leaders", sel.ID, w.byCode(code).ID)
		if err != nil {
			t.Fatal(explained(err))
		}
		if x.In != slices.Contains(cohort, code) || x.Explanation.ID != code || x.Chance == nil || x.Withheld || len(x.Rules) != 5 {
			t.Errorf("%s: %+v", code, x.Explanation)
		}
		if x.In {
			ins++
		} else {
			outs++
		}
		for _, swap := range x.Swaps {
			for _, id := range append(slices.Clone(swap.In), swap.Out...) {
				if x.Applications[id] != w.byCode(id).ID {
					t.Errorf("%s has no application", id)
				}
			}
		}
		hidden, err := w.ExplainSelection(w.ctx, w.manager, "leaders", sel.ID, code)
		if err != nil || hidden.In != x.In || hidden.Chance != nil || hidden.Swaps != nil || hidden.Closest != nil || hidden.Hindrances != nil || !hidden.Withheld {
			t.Errorf("%s without identity: %+v %v", code, hidden.Explanation, explained(err))
		}
		for _, h := range hidden.Helps {
			if h.Before.Feature == "county" || h.Before.Count != applications.TooFew {
				t.Errorf("%s without identity: %+v", code, h)
			}
		}
	}
	if ins != len(cohort) || outs != 12-len(cohort) {
		t.Errorf("%d in, %d out", ins, outs)
	}
	_, err = w.ExplainSelection(w.ctx, w.facilitator, "leaders", sel.ID, "NS-0099")
	want(t, "nobody", err, "NOT_IN_POOL")
	_, err = w.ExplainSelection(w.ctx, w.auditor, "leaders", sel.ID, "NS-0001")
	want(t, "by somebody who may not", err, "PERMISSION_MISSING")

	zero := 0
	what, err := w.WhatIfSelection(w.ctx, w.facilitator, applications.WhatIfRequest{Program: "leaders", Selection: sel.ID, Changes: selection.Changes{
		Include: []string{cohort[0]}, Rules: []selection.RuleEdit{{Row: 4, Min: &zero}},
	}})
	if err != nil || what.Outcome.Status != matcher.Optimal || !slices.Contains(what.Cohort, cohort[0]) || len(what.After) != 5 || what.After[3].Min != 0 {
		t.Fatalf("%+v %v", what, explained(err))
	}
	_, err = w.WhatIfSelection(w.ctx, w.facilitator, applications.WhatIfRequest{Program: "leaders", Selection: sel.ID, Changes: selection.Changes{Include: []string{"x"}}})
	want(t, "somebody who is not there", err, "CHANGES_INVALID")
	_, err = w.WhatIfSelection(w.ctx, w.manager, applications.WhatIfRequest{Program: "leaders", Selection: sel.ID})
	want(t, "what if by somebody who may not", err, "PERMISSION_MISSING")

	list, err := w.AlternativesOf(w.ctx, w.facilitator, "leaders", sel.ID, 3)
	if err != nil || len(list.List) == 0 || len(list.Rows) != len(list.List) || len(list.Rows[0]) != 5 {
		t.Fatalf("%+v %v", list, explained(err))
	}
	_, err = w.AlternativesOf(w.ctx, w.facilitator, "leaders", sel.ID, 99)
	want(t, "too many", err, "ALTERNATIVES_INVALID")
	ready, err := w.StandbyOf(w.ctx, w.facilitator, "leaders", sel.ID, 2)
	if err != nil || !ready.Proved || len(ready.Alternates) != 2 || ready.Singles.All != len(cohort) || ready.Singles.Exact+len(ready.Without) != len(cohort) {
		t.Fatalf("%+v %v", ready, explained(err))
	}
	for _, a := range ready.Alternates {
		if slices.Contains(cohort, a.ID) || ready.Applications[a.ID] == "" {
			t.Errorf("%s cannot stand ready", a.ID)
		}
	}
	_, err = w.StandbyOf(w.ctx, w.facilitator, "leaders", sel.ID, 31)
	want(t, "too many alternates", err, "ALTERNATES_INVALID")
	_, err = w.StandbyOf(w.ctx, w.manager, "leaders", sel.ID, 2)
	want(t, "alternates by somebody who may not", err, "PERMISSION_MISSING")
	if got := w.run(sel.ID); got.Revision != before {
		t.Error("looking at a run changed it")
	}
	// An alternative that somebody takes makes the run one that was chosen.
	var ids []string
	for _, code := range list.List[0].Cohort {
		ids = append(ids, list.Applications[code])
	}
	chosen, err := w.ChooseSelection(w.ctx, w.facilitator, applications.ChooseRequest{Program: "leaders", Selection: sel.ID, Cohort: ids, Reason: "more sectors"}, once)
	if err != nil || chosen.Provenance != applications.Chosen || !slices.Equal(chosen.Choices[0].Cohort, list.List[0].Cohort) {
		t.Fatalf("%+v %v", chosen, explained(err))
	}
	x, err := w.ExplainSelection(w.ctx, w.facilitator, "leaders", sel.ID, "NS-0001")
	if err != nil || x.Chance != nil {
		t.Errorf("a chance is told of a chosen group: %+v %v", x, explained(err))
	}
}

// A rule on the job hinders only swaps that keep the rules before it: that it
// hinders somebody would tell that they keep those on identity.
func TestHindrancesTellOfIdentity(t *testing.T) {
	told := func(rules ...applications.CriteriaRule) (all, hidden int) {
		w := newWorld(t)
		w.draft()
		c := neutral()
		c.Program, c.Name, c.Rules = "leaders", "told", append(rules, applications.CriteriaRule{Kind: "cap", Attribute: "organization", Max: ptr(8)})
		if _, err := w.SaveCriteria(w.ctx, w.facilitator, &c, once); err != nil {
			t.Fatal(explained(err))
		}
		if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
			t.Fatal(explained(err))
		}
		for i := range 8 {
			w.apply(func(a *applications.Application) {
				if i == 0 { // the only one of their sector, who is needed
					a.Answers["sector"] = applications.Answer{Values: []string{"hospital"}}
				}
			})
		}
		w.close()
		sel := mustDraw(w, w.lottery(nil).ID, nil)
		for _, who := range []access.Principal{w.facilitator, w.manager} {
			for i := range 8 {
				x, err := w.ExplainSelection(w.ctx, who, "leaders", sel.ID, fmt.Sprintf("NS-%04d", i+1))
				if err != nil {
					t.Fatal(explained(err))
				}
				if x.Withheld {
					hidden += len(x.Hindrances)
				} else {
					all += len(x.Hindrances)
				}
			}
		}
		return all, hidden
	}
	sector := applications.CriteriaRule{Kind: "spread", Attribute: "sector", Min: ptr(2), Priority: 2}
	if all, hidden := told(sector); all == 0 || hidden != all {
		t.Errorf("rules on the job alone: %d hindrances, and %d without identity", all, hidden)
	}
	county := applications.CriteriaRule{Kind: "quota", Attribute: "county", Values: []string{"island"}, Min: ptr(1), Priority: 1}
	if all, hidden := told(county, sector); all == 0 || hidden != 0 {
		t.Errorf("beside a rule on identity: %d hindrances, and %d without identity", all, hidden)
	}
}

func TestExamineCriteria(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	size := w.logSize()
	c := neutral()
	c.Program = "leaders"
	v, err := w.ExamineCriteria(w.ctx, w.facilitator, &c)
	if err != nil || v.Details == nil || len(v.Details.Ranges) != 5 || len(v.Details.Decliners) == 0 {
		t.Fatalf("%+v %v", v, explained(err))
	}
	for range 3 {
		if quick, err := w.CheckCriteria(w.ctx, w.facilitator, &c); err != nil || quick.Details != nil {
			t.Fatalf("%+v %v", quick, explained(err))
		}
	}
	if e := w.events(size); len(e) != 1 || e[0].Action != "identity.count" {
		t.Errorf("four checks in a moment are recorded as %+v", e)
	}
	w.clock.advance(11 * 60e9)
	if _, err := w.CheckCriteria(w.ctx, w.facilitator, &c); err != nil || len(w.events(size)) != 2 {
		t.Errorf("later: %v %v", w.events(size), explained(err))
	}
	// Impossible: a conflict, and ways out.
	c.Rules = append(c.Rules, applications.CriteriaRule{Kind: "quota", Attribute: "county", Values: []string{"island"}, Min: ptr(4)},
		applications.CriteriaRule{Kind: "quota", Attribute: "county", Values: []string{"skagit"}, Min: ptr(1)})
	c.Size, c.MinSize = 4, 4
	v, err = w.ExamineCriteria(w.ctx, w.facilitator, &c)
	if err != nil || v.Verdict.Status != matcher.Infeasible || v.Details.Infeasibility == nil || len(v.Details.Infeasibility.Conflict) == 0 || len(v.Details.Infeasibility.Relaxations) == 0 {
		t.Fatalf("%+v %v", v, explained(err))
	}
}

func TestWeighCriteria(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	c := neutral()
	c.Program = "leaders"
	v, err := w.WeighCriteria(w.ctx, w.facilitator, &c, false)
	if err != nil || v.Details != nil || len(v.TradeOff) < 4 || (len(v.TradeOff)-1)%3 != 0 {
		t.Fatalf("%+v %v", v, explained(err))
	}
	for i, p := range v.TradeOff {
		if !p.Proved || p.People != 12 || p.Smallest <= 0 || p.Impossible > v.TradeOff[0].Impossible {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if plain, err := w.CheckCriteria(w.ctx, w.facilitator, &c); err != nil || plain.TradeOff != nil {
		t.Errorf("unasked: %+v %v", plain, explained(err))
	}
	// A largest chance that no lottery keeps is told for each point, not an error.
	c.MaxChance = 1
	if v, err = w.WeighCriteria(w.ctx, w.facilitator, &c, true); err != nil || v.Details == nil || !v.TradeOff[0].OverCap {
		t.Errorf("over the largest chance: %+v %v", v, explained(err))
	}
	// Nobody waits for it any more, or nobody may be told.
	gone, cancel := context.WithCancel(w.ctx)
	cancel()
	if _, err := w.WeighCriteria(gone, w.facilitator, &c, false); err == nil {
		t.Error("a call that nobody waits for is answered")
	}
	_, err = w.WeighCriteria(w.ctx, w.manager, &c, false)
	want(t, "who does not read identity answers", err, "PERMISSION_MISSING")
	// What cannot be kept has no chances.
	c.Rules = append(c.Rules, applications.CriteriaRule{Kind: "quota", Attribute: "county", Values: []string{"island"}, Min: ptr(c.Size + 1)})
	c.MaxChance = 0
	if v, err = w.WeighCriteria(w.ctx, w.facilitator, &c, false); err == nil && v.TradeOff != nil {
		t.Errorf("%+v", v)
	}
}

// N1: with a company rule nobody who is alone loses a chance.
func TestCompanyRuleShutsNobodyOut(t *testing.T) {
	chance := func(company bool) int64 {
		w := newWorld(t)
		w.draft()
		c := neutral()
		c.Program, c.Name = "leaders", "company"
		if company {
			c.Rules = append(c.Rules, applications.CriteriaRule{Kind: "company", Attribute: "county", Min: ptr(2), Priority: 1})
		}
		if _, err := w.SaveCriteria(w.ctx, w.facilitator, &c, once); err != nil {
			t.Fatal(explained(err))
		}
		if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
			t.Fatal(explained(err))
		}
		for i := range 9 {
			w.apply(func(a *applications.Application) {
				a.Answers["county"] = applications.Answer{Values: []string{[]string{"island", "skagit"}[i%2]}}
				a.Answers["organization"] = applications.Answer{Text: fmt.Sprint("Organization ", i)}
				if i == 4 {
					a.Answers["county"] = applications.Answer{Values: []string{"san_juan"}}
				}
			})
		}
		w.close()
		sel := mustDraw(w, w.lottery(nil).ID, nil)
		x, err := w.ExplainSelection(w.ctx, access.Principal{Subject: "users/x", Grants: []access.Grant{{Role: access.Facilitator}}}, "leaders", sel.ID, "NS-0005")
		if err != nil || x.Chance == nil {
			t.Fatal(explained(err))
		}
		return x.Chance.Tickets
	}
	if without, with := chance(false), chance(true); without == 0 || with == 0 {
		t.Errorf("the only one of their county has %d tickets without the rule, %d with it", without, with)
	}
}
