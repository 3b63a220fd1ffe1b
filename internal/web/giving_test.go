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
	two := selection.Yield{Rows: []int{3}, Relief: 1, People: []string{"NS-0107", "NS-0108"}}
	many := two
	many.People = slices.Repeat(two.People, applications.Fewest)
	for _, c := range []struct {
		l    tongue
		who  access.Principal
		y    selection.Yield
		want string
	}{
		{"en", sampleFacilitator, two, "gives way to 2 people who are alone"},
		{"es", sampleFacilitator, two, "cede ante 2 personas que están a solas"},
		{"en", sampleAdmin, two, "gives way to somebody who is alone"},
		{"es", sampleAdmin, two, "cede ante alguien que está a solas"},
		{"en", sampleAdmin, many, "gives way to 22 people"},
		{"en", sampleFacilitator, selection.Yield{Rows: []int{3}, Relief: 2}, "is 2 lower"},
		{"en", sampleFacilitator, selection.Yield{Rows: []int{3}, Priority: 1, Allow: 2}, "Priority 1 may be missed by 2 more"},
		{"es", sampleFacilitator, selection.Yield{Rows: []int{3}, Priority: 1, Allow: 2}, "faltarle hasta 2 más"},
		{"en", sampleFacilitator, selection.Yield{Rows: []int{3}, Priority: 1, Dropped: true}, "asks for nothing"},
	} {
		if got := line(c.l, c.who, c.y); !strings.Contains(got, c.want) {
			t.Errorf("%q lacks %q", got, c.want)
		}
	}
}

// A result says which rule gave way and by how much, and to who does not read
// identity answers, or in public, nothing of it.
func TestResultTellsOfCompanyThatGaveWay(t *testing.T) {
	res := sampleResult("drawn")
	rule := res.Rules[slices.IndexFunc(res.Rules, func(r applications.ResultRule) bool { return r.Kind == matcher.Company })]
	name := rule.Group.In("en")
	res.Selection.GaveWay = []selection.Yield{{Rows: []int{rule.Row}, Relief: 2, People: []string{"NS-0107"}}}
	en, es := gaveWayLines("en", res), gaveWayLines("es", res)
	if len(en) != 1 || !strings.Contains(en[0], "Company in "+name+" gives way") || !strings.HasSuffix(en[0], "each minimum of the rule is 2 lower.") || strings.Contains(en[0], "NS-") {
		t.Errorf("%q", en)
	}
	if len(es) != 1 || !strings.Contains(es[0], "cede, para que nadie") || !strings.HasSuffix(es[0], "es 2 más bajo.") {
		t.Errorf("%q", es)
	}
	if page := newResultPage(frame{tongue: "en"}, res, 1, ""); !slices.Equal(page.GaveWay, en) {
		t.Errorf("%q", page.GaveWay)
	}
	res.Withhold()
	if lines := gaveWayLines("en", res); lines != nil {
		t.Errorf("withheld: %q", lines)
	}
}
