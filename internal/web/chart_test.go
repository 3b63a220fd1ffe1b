package web

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
)

// rects reads the rectangles of a chart: x, width and class.
func rects(t interface{ Fatal(...any) }, svg string) (width float64, out []struct {
	x, width float64
	class    string
},
) {
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return width, out
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		var r struct {
			x, width float64
			class    string
		}
		for _, a := range start.Attr {
			switch a.Name.Local {
			case "x":
				r.x, err = strconv.ParseFloat(a.Value, 64)
			case "width":
				r.width, err = strconv.ParseFloat(a.Value, 64)
			case "class":
				r.class = a.Value
			case "viewBox":
				width, err = strconv.ParseFloat(strings.Fields(a.Value)[2], 64)
			case "style":
				t.Fatal("a style attribute, which the page's policy forbids")
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if start.Name.Local == "rect" {
			out = append(out, r)
		}
	}
}

func TestChartDrawsEveryPersonInsideTheRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		axis := rapid.IntRange(1, 200).Draw(t, "axis")
		b := bar{
			Axis: axis, Count: rapid.IntRange(0, axis).Draw(t, "count"), Lo: rapid.IntRange(0, axis).Draw(t, "lo"),
			Hi: rapid.IntRange(-1, axis+5).Draw(t, "hi"), Share: rapid.Float64Range(0, float64(axis)).Draw(t, "share"),
			Wrong: rapid.Bool().Draw(t, "wrong"), Outline: rapid.Bool().Draw(t, "outline"),
		}
		if b.Hi >= 0 && b.Hi < b.Lo {
			b.Hi = b.Lo
		}
		width, all := rects(t, string(b.svg()))
		seats, last := 0, 0.0
		for _, r := range all {
			if r.x < -float64(axis) || r.x+r.width > width+float64(axis)*0.1 || r.width <= 0 {
				t.Fatalf("%s from %v, %v wide, in a chart of %v", r.class, r.x, r.width, width)
			}
			switch name, _, _ := strings.Cut(r.class, " "); name {
			case "seat":
				seats++
				last = r.x + r.width
				if strings.Contains(r.class, "out") != b.Wrong || strings.Contains(r.class, "kind") != b.Outline {
					t.Fatalf("class %q for %+v", r.class, b)
				}
			case "band":
				// The square of the last person that is enough touches the shading;
				// one that is too many begins outside of it.
				if enough := float64(b.Lo * unit); r.x > enough || b.Lo > 0 && r.x < enough-unit {
					t.Fatalf("the shading begins at %v, the floor is %d", r.x, b.Lo)
				}
				if b.Hi >= 0 && r.x+r.width > float64(b.Hi*unit)+unit/2 {
					t.Fatalf("the shading ends at %v, the cap is %d", r.x+r.width, b.Hi)
				}
			}
		}
		if axis <= mostSquares && seats != b.Count {
			t.Fatalf("%d squares for %d people", seats, b.Count)
		}
		if b.Count > 0 && (last > float64(b.Count*unit) || last < float64(b.Count*unit)-1) {
			t.Fatalf("the last square ends at %v for %d people", last, b.Count)
		}
	})
}

func TestChartAxisHoldsWhatBounds(t *testing.T) {
	rule := func(kind matcher.Kind, count, lo, hi int) applications.ResultRule {
		return applications.ResultRule{RuleCount: matcher.RuleCount{Kind: kind, Count: count, Min: lo, Max: hi}}
	}
	for _, c := range []struct {
		rules []applications.ResultRule
		want  int
	}{
		{nil, 5},
		{[]applications.ResultRule{rule(matcher.Quota, 3, 2, 15)}, 5}, // 15 of 15 is no bound
		{[]applications.ResultRule{rule(matcher.Quota, 3, 2, 9)}, 10},
		{[]applications.ResultRule{rule(matcher.Quota, 12, 2, 9)}, 13},
		{[]applications.ResultRule{rule(matcher.Cap, 2, 0, 3)}, 5},
		{[]applications.ResultRule{rule(matcher.Spread, 6, 7, 0)}, 8},
	} {
		if got := chartAxis(c.rules, 15); got != c.want {
			t.Errorf("axis %d, want %d for %+v", got, c.want, c.rules)
		}
	}
}

// Small counts never reach anybody but facilitators: not as numbers, squares,
// or in the words beside them.
func TestSmallCountsAreMasked(t *testing.T) {
	for count := range 15 {
		r := applications.ResultRule{Label: en("x"), RuleCount: matcher.RuleCount{Kind: matcher.Quota, Count: count, Min: 3, Max: 12, Pool: 40, Priority: 1}}
		r.Short, r.Over = max(0, 3-count), max(0, count-12)
		res := &applications.SelectionResult{
			Selection: &applications.Selection{}, Criteria: &applications.Criteria{}, Form: &applications.Form{},
			Record: &matcher.Record{}, Rules: []applications.ResultRule{r},
		}
		res.Withhold()
		row := newRowView("en", res.Rules[0], 16, 15)
		if small := count < applications.Fewest; (row.Count == "") != small || (row.Bar == "") != small {
			t.Errorf("%d people: count %q, chart %v", count, row.Count, row.Bar != "")
		}
		if count < applications.Fewest && row.Word != "met" && row.Word != "not met" {
			t.Errorf("%d people: %q tells more than whether the rule is met", count, row.Word)
		}
	}
}

// Identity groups are not shown to others at all, and neither view shows small
// totals beside facts about people.
func TestResultViewsKeepTotalsAndPeopleApart(t *testing.T) {
	s := newTestServer()
	samples := samplePages(s, "en")
	masked := string(renderTo(t, s, "result", samples["result masked"]))
	for _, group := range []string{"American Indian", "Hispanic", "Citizen"} {
		if strings.Contains(masked, group) {
			t.Errorf("others see the group %q", group)
		}
	}
	makeup := string(renderTo(t, s, "result", samples["result optimal"]))
	people := string(renderTo(t, s, "result", samples["result people"]))
	if strings.Contains(makeup, "Executive or director") || !strings.Contains(people, "Executive or director") {
		t.Error("facts about people stand on the wrong view")
	}
	if strings.Contains(people, "Hispanic") || !strings.Contains(makeup, "Hispanic") {
		t.Error("totals stand on the wrong view")
	}
	for _, page := range []string{makeup, people, masked} {
		if strings.Contains(page, "An invented clinic") {
			t.Error("the name of an organization is shown")
		}
	}
	trial := string(renderTo(t, s, "result", samples["result trial"]))
	if strings.Contains(trial, "NS-01") {
		t.Error("a trial run says who")
	}
}

// What was proved of a drawn group is not said of one that somebody changed, nor
// "no group comes closer" where a deviation was allowed and used.
func TestNothingIsCalledProvedThatIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		provenance applications.Provenance
		value      int64
		says, not  string
	}{
		"best":    {applications.Drawn, 1, "no other group is better", "deviation that they allow"},
		"allowed": {applications.Drawn, 2, "deviation that they allow", "no other group is better"},
		"chosen":  {applications.Chosen, 1, "changed the group that was drawn", "no other group is better"},
	} {
		s := newTestServer()
		res := sampleResult("drawn")
		res.Selection.Provenance = c.provenance
		res.Record.Deviation[0].Value = c.value
		frame := s.staffFrame(httptest.NewRequest("GET", "/programs/x", nil), "programs")
		page := string(renderTo(t, s, "result", newResultPage(frame, res, 4, "")))
		if !strings.Contains(page, c.says) || strings.Contains(page, c.not) || (c.provenance == applications.Chosen) == strings.Contains(page, "What was proved") {
			t.Errorf("%s: the page does not say %q, or says what is not so", name, c.says)
		}
		people := string(renderTo(t, s, "result", newResultPage(frame, res, 4, "people")))
		if strings.Contains(people, "Smallest chance") || strings.Contains(people, "100.0 %") {
			t.Errorf("%s: totals of chances stand beside facts about people", name)
		}
	}
}
