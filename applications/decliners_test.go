package applications_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/presets"
	"github.com/openfairlead/fairlead/matcher"
)

// P1: with floors that leave one seat, somebody who declines can be chosen: a
// cohort with them keeps every rule.
func TestDeclinerCanBeChosen(t *testing.T) {
	w := newWorld(t)
	w.draft()
	w.allowRace("The council")
	var rules []applications.CriteriaRule
	for _, code := range []string{"asian", "black", "hispanic"} {
		rules = append(rules, rule("quota", "race", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{code}, ptr(1) }))
	}
	c, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "own", Rules: rules}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	// Neutral as well: it uses the questions that these floors do not.
	if _, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", 1, "", "", once); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	races := []applications.Answer{
		{Values: []string{"asian"}},
		{Values: []string{"black"}},
		{Values: []string{"hispanic"}},
		{Declined: true},
		{Values: []string{"asian"}},
		{Values: []string{"white"}},
		{Declined: true},
	}
	for _, race := range races {
		w.apply(func(a *applications.Application) { a.Answers["race"] = race })
	}
	w.close()
	for i, race := range races {
		if !race.Declined {
			continue
		}
		code := fmt.Sprintf("NS-%04d", i+1)
		made := w.selection(func(s *applications.Selection) {
			s.Criteria, s.Include = c.Version, []applications.Lock{{Code: code, Reason: "test"}}
		})
		w.finish(applications.NewRunner(w.Service, "one"))
		r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
		if err != nil || r.Record.Status != matcher.Optimal || !slices.Contains(r.Record.Cohort, code) {
			t.Errorf("%s declines and cannot be chosen: %+v %v", code, r, err)
		}
	}
	// And has a chance in the lottery, which the run tells beside the others'.
	sel := mustDraw(w, w.lottery(func(s *applications.Selection) { s.Criteria = c.Version }).ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "a test" })
	x, err := w.ExplainSelection(w.ctx, w.facilitator, "leaders", sel.ID, "NS-0004")
	if err != nil || x.Chance == nil || x.Chance.Tickets == 0 {
		t.Errorf("whoever declined has the chance %+v: %v", x, explained(err))
	}
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(r.Decliners) != 1 || r.Decliners[0].Attribute != "race" || r.Decliners[0].People != 2 || r.Decliners[0].Mean == 0 || r.Decliners[0].Rest == 0 {
		t.Errorf("the run reports decliners as %+v: %v", r.Decliners, explained(err))
	}
}

// Declining changes nothing about eligibility, and nothing that rules see: two
// pools that differ only in declining or leaving a question open choose the
// same people.
func TestDecliningIsLikeNotAnswering(t *testing.T) {
	choose := func(decline bool) string {
		w := newWorld(t)
		w.open()
		for i := range 12 {
			w.apply(func(a *applications.Application) {
				a.Answers["county"] = applications.Answer{Values: []string{[]string{"island", "skagit", "san_juan"}[i%3]}}
				if decline {
					a.Answers["race"] = applications.Answer{Declined: true}
					a.Answers["relation"] = applications.Answer{Declined: true}
					a.Answers["lived"] = applications.Answer{Declined: true}
				}
			})
		}
		w.close()
		made := w.selection(nil)
		w.finish(applications.NewRunner(w.Service, "one"))
		return string(w.run(made.ID).Record)
	}
	if a, b := choose(true), choose(false); a != b {
		t.Errorf("declining changed the record:\n%s\n%s", a, b)
	}
}

// The rule on organizations of the North Sound criteria: one each where that
// costs no target; two where the best cohort needs them.
func TestNorthSoundOrganizations(t *testing.T) {
	all, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	north := all["north-sound"]
	if north == nil {
		t.Fatal("the preset is not there")
	}
	sectors := []string{"tribal_health", "hospital", "primary_care", "behavioral_health", "public_health", "cbo", "senior_services", "housing"}
	counties := []string{"island", "san_juan", "skagit", "snohomish", "whatcom"}
	places := []string{"island", "rural", "small_town", "city", "tribal_land"}
	levels := []string{"executive", "senior_manager", "manager_supervisor"}
	// Sixteen people for fifteen seats, all alike in what they bring, but for
	// the last two, who work for one organization.
	run := func(neededBoth bool) []string {
		w := newWorld(t)
		w.Presets["north-sound"] = north
		p := &applications.Program{
			ID: "leaders", Preset: "north-sound", Contact: applications.Text{"en": "Call 360-555-0100"},
			Window: applications.Window{Opens: noon, Closes: noon.AddDate(0, 0, 7)},
		}
		if _, err := w.CreateProgram(w.ctx, w.admin, p, nil, once); err != nil {
			t.Fatal(explained(err))
		}
		if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
			t.Fatal(explained(err))
		}
		for i := range 16 {
			answers := applications.Answers{
				"role_authority": {Values: []string{"structural_change"}},
				"county":         {Values: []string{counties[i%5]}},
				"sector":         {Values: []string{sectors[i%8]}},
				"role_level":     {Values: []string{levels[i%3]}},
				"kind_of_place":  {Values: []string{places[i%5]}},
				"organization":   {Text: fmt.Sprintf("Organization %d", min(i, 14))},
			}
			if neededBoth && i >= 14 {
				// Only these two serve San Juan County or work on an island.
				answers["county"] = applications.Answer{Values: []string{[]string{"san_juan", "island"}[i-14]}}
				answers["kind_of_place"] = applications.Answer{Values: []string{"island", "tribal_land"}}
			} else if neededBoth {
				answers["county"] = applications.Answer{Values: []string{[]string{"skagit", "snohomish", "whatcom"}[i%3]}}
				answers["kind_of_place"] = applications.Answer{Values: []string{[]string{"rural", "small_town", "city"}[i%3]}}
			}
			a := &applications.Application{Program: "leaders", Contact: applications.Contact{Name: "Invented"}, Answers: answers}
			for _, c := range north.Form.Consents {
				if c.Required {
					a.Consents = append(a.Consents, applications.Consent{Key: c.Key})
				}
			}
			w.apply(func(made *applications.Application) { *made = *a })
		}
		w.close()
		made := w.selection(nil)
		w.finish(applications.NewRunner(w.Service, "one"))
		r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
		if err != nil || r.Record.Status != matcher.Optimal || len(r.Record.Cohort) != 15 {
			t.Fatalf("%+v %v", r, err)
		}
		var organizations []string
		for _, m := range r.Members {
			organizations = append(organizations, m.Answers["organization"].Text)
		}
		return organizations
	}
	twice := func(organizations []string) int {
		n := 0
		for _, o := range organizations {
			if o == "Organization 14" {
				n++
			}
		}
		return n
	}
	if got := run(true); twice(got) != 2 {
		t.Errorf("the targets need both people of one organization; taken: %s", strings.Join(got, ", "))
	}
	if got := run(false); twice(got) != 1 {
		t.Errorf("one of each organization costs nothing; taken: %s", strings.Join(got, ", "))
	}
}
