package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// The check says for whom a rule that asks for company gives way, and to who does
// not facilitate not how few they are.
func TestCheckTellsOfCompanyThatGivesWay(t *testing.T) {
	verdict := sampleVerdict(matcher.Feasible)
	line := func(l tongue, who access.Principal, y selection.Yield) string {
		e := &editing{desk: &desk{who, sampleProgram(), sampleForm()}}
		return e.yieldLine(l, verdict, y)
	}
	two := selection.Yield{Rows: []int{3}, Allow: 1, People: []string{"NS-0107", "NS-0108"}}
	target, dropped, many := two, two, two
	target.Priority, target.Allow = 2, 3
	dropped.Dropped = true
	many.People = slices.Repeat(two.People, applications.Fewest)
	for _, c := range []struct {
		l    tongue
		who  access.Principal
		y    selection.Yield
		want []string
	}{
		{"en", sampleFacilitator, two, []string{"2 people who have too few", "may be missed by 1."}},
		{"es", sampleFacilitator, two, []string{"2 personas que tienen", "puede quedar a 1 de cumplirse."}},
		{"en", sampleAdmin, two, []string{"somebody who has too few", "may be missed by 1."}},
		{"es", sampleAdmin, two, []string{"alguien que tiene a muy pocas", "puede quedar a 1 de cumplirse."}},
		{"en", sampleAdmin, many, []string{"22 people who have too few"}},
		{"en", sampleFacilitator, selection.Yield{Rows: []int{3}, Allow: 1}, []string{"somebody who has too few"}},
		{"en", sampleFacilitator, target, []string{"may be missed by 3 more than the least."}},
		{"es", sampleFacilitator, target, []string{"puede quedar 3 más lejos de cumplirse que lo mínimo posible."}},
		{"en", sampleFacilitator, dropped, []string{"it asks for nothing"}},
		{"es", sampleFacilitator, dropped, []string{"no pide nada"}},
	} {
		got := line(c.l, c.who, c.y)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q lacks %q", got, want)
			}
		}
	}
}

// A result says which rule gave way, by how much and as what it counts; where the
// reader is not told the rule, only that one did.
func TestResultTellsOfCompanyThatGaveWay(t *testing.T) {
	res := sampleResult("drawn")
	rule := res.Rules[slices.IndexFunc(res.Rules, func(r applications.ResultRule) bool { return r.Kind == matcher.Company })]
	name := rule.Group.In("en")
	res.GaveWay = []applications.ResultRule{rule}
	res.Selection.GaveWay = []applications.GaveWay{{Rows: []int{rule.Row}, CountsAs: 4, Allow: 2}}
	en, es := gaveWayLines("en", res), gaveWayLines("es", res)
	if len(en) != 2 || en[0] != "Company in "+name+" gives way by 2 in this pool, so that nobody who is alone loses their last chance; it counts as priority 4 here." {
		t.Errorf("%q", en)
	}
	if len(es) != 2 || !strings.Contains(es[0], "cede en 2 entre estas personas") || !strings.Contains(es[0], "aquí cuenta como prioridad 4") {
		t.Errorf("%q", es)
	}
	if page := newResultPage(frame{tongue: "en"}, res, 1, ""); !slices.Equal(page.GaveWay, en) {
		t.Errorf("%q", page.GaveWay)
	}
	res.Withhold()
	en = gaveWayLines("en", res)
	if len(en) != 2 || strings.Contains(en[0], name) || strings.Contains(en[0], " by ") || !strings.Contains(en[0], "counts as priority 4 here") {
		t.Errorf("withheld: %q", en)
	}
	res.Selection.GaveWay = nil
	if lines := gaveWayLines("en", res); lines != nil {
		t.Errorf("nothing gave way: %q", lines)
	}
}
