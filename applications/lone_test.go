package applications_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

// Somebody alone in their county whom company rules leave no chance does not
// lose it in silence: the check of the criteria tells of them, and the draw asks
// for a reason, though far fewer than a tenth of the pool are left out.
func TestLoneIsTold(t *testing.T) {
	w := newWorld(t)
	w.draft()
	company := func(least int) *applications.Criteria {
		return &applications.Criteria{Program: "leaders", Name: "company", Size: 4, MinSize: 4, Rules: []applications.CriteriaRule{
			rule("company", "county", func(r *applications.CriteriaRule) { r.Min = ptr(least) }),
		}}
	}
	made, err := w.SaveCriteria(w.ctx, w.facilitator, company(2), once)
	if err != nil {
		t.Fatal(explained(err))
	}
	second, err := w.SaveCriteria(w.ctx, w.facilitator, company(1), once)
	if err != nil {
		t.Fatal(explained(err))
	}
	// Version 1 uses the questions that these rules do not.
	for _, version := range []int{1, made.Version, second.Version} {
		if _, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", version, "", "", once); err != nil {
			t.Fatal(explained(err))
		}
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	for i, county := range slices.Concat(slices.Repeat([]string{"island"}, 5), slices.Repeat([]string{"skagit"}, 6), []string{"san_juan"}) {
		w.apply(func(a *applications.Application) {
			a.Answers["county"] = applications.Answer{Values: []string{county}}
			a.Answers["sector"] = applications.Answer{Values: []string{map[string]string{"island": "clinic", "skagit": "hospital", "san_juan": "housing"}[county]}}
			a.Answers["organization"] = applications.Answer{Text: strings.Repeat("x", i+1)}
		})
	}
	w.close()
	v, err := w.ExamineCriteria(w.ctx, w.facilitator, company(2))
	if err != nil || len(v.Details.Lone) != 1 || !slices.Equal(v.Details.Lone[0].Rows, []int{1}) || len(v.Details.Lone[0].People) != 1 || v.Details.Lone[0].Lower != 1 {
		t.Errorf("%v: the check tells of %+v", explained(err), v.Details.Lone)
	}
	if v, err = w.ExamineCriteria(w.ctx, w.facilitator, company(1)); err != nil || len(v.Details.Lone) > 0 {
		t.Errorf("%v: the check tells of %+v", explained(err), v.Details.Lone)
	}

	job := company(2)
	job.Rules[0].Attribute = "sector"
	if v, err = w.ExamineCriteria(w.ctx, w.manager, job); err != nil || len(v.Details.Lone) != 1 || v.Details.Lone[0].People != nil {
		t.Errorf("%v: who does not read identity answers is told of %+v", explained(err), v.Details.Lone)
	}

	sel := w.lottery(func(s *applications.Selection) { s.Criteria = made.Version })
	if c := sel.Seal.Chances; !c.Confirm || c.Lone != 1 || c.Impossible != 1 || !slices.Equal(c.LoneRows, []int{1}) {
		t.Errorf("sealed as %+v", c)
	}
	_, err = w.draw(sel.ID, nil)
	want(t, "in silence", err, "CONFIRMATION_NEEDED")
	if err == nil || !strings.Contains(err.Error(), "rows 1") || !strings.Contains(err.Error(), "1 who have too few others for company") {
		t.Error(err)
	}
	drawn := mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "decided by the board" })
	if drawn.Draws[0].Confirmed != "decided by the board" {
		t.Errorf("kept %q", drawn.Draws[0].Confirmed)
	}
	helped := w.lottery(func(s *applications.Selection) { s.Criteria = second.Version })
	if c := helped.Seal.Chances; c.Confirm || c.Lone > 0 {
		t.Errorf("sealed as %+v", c)
	}
	mustDraw(w, helped.ID, nil)
}
