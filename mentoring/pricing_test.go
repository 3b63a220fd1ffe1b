package mentoring_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// pricedProgram has four mentees and three mentors: one mentor speaks Spanish
// only and works where a mentee does, and two people are kept apart by what only
// one of them said.
func pricedProgram(t *testing.T) (*world, []enrolled, []enrolled) {
	w := newWorld(t)
	cells := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for k := 0; k < len(pairs); k += 2 {
			out[pairs[k]] = pairs[k+1]
		}
		return out
	}
	mentors := []enrolled{
		w.enroll(mentoring.Mentor, 1, cells("languages", "English", "offers", "Grant writing:3", "places", "skagit"), nil),
		w.enroll(mentoring.Mentor, 1, cells("languages", "English;Spanish", "offers", "Budgeting", "places", "whatcom", "units", "Clinic"), nil),
		w.enroll(mentoring.Mentor, 1, cells("languages", "English", "offers", "Supervision"), nil),
	}
	mentees := []enrolled{
		w.enroll(mentoring.Mentee, 1, cells("languages", "English", "wants", "Grant writing"), nil),
		w.enroll(mentoring.Mentee, 1, cells("languages", "Spanish", "wants", "Supervision:3;Budgeting:1", "places", "skagit"), nil),
		w.enroll(mentoring.Mentee, 1, cells("languages", "Spanish", "wants", "Supervision", "units", "Clinic", "places", "skagit"), nil),
		w.enroll(mentoring.Mentee, 1, cells("languages", "English", "wants", "Budgeting"), func(e *mentoring.Enrollment) {
			e.Never = []string{mentors[0].ID}
		}),
	}
	return w, mentees, mentors
}

// What each rule takes is counted by hand: the Spanish speakers have one mentor,
// and one of them is of the same unit.
func TestPriceOfRules(t *testing.T) {
	w, _, _ := pricedProgram(t)
	prices, err := w.PriceRules(w.ctx, w.coordinator, program, nil)
	w.must(err)
	if prices.Mentees != 4 || prices.Mentors != 3 || prices.Pairs != 3+1+0+2 || prices.Now != (mentoring.Left{None: 1, Few: 3}) {
		t.Fatalf("%+v", prices)
	}
	rule := func(name string) mentoring.RulePrice {
		at := slices.IndexFunc(prices.Rules, func(r mentoring.RulePrice) bool { return r.Rule == name })
		if at < 0 {
			t.Fatalf("no price of %q in %+v", name, prices.Rules)
		}
		return prices.Rules[at]
	}
	for _, want := range []mentoring.RulePrice{
		{Rule: "language", InForce: true, Liftable: true, Alone: mentoring.Left{Few: 2}, Changed: mentoring.Left{Few: 2}, Pairs: 4},
		{Rule: "unit", InForce: true, Liftable: true, Alone: mentoring.Left{Few: 1}, Changed: mentoring.Left{Few: 3}, Pairs: 1},
		{Rule: "private", InForce: true, Alone: mentoring.Left{Few: 1}, Changed: mentoring.Left{None: 1, Few: 2}, Pairs: 1},
		{Rule: "experience", Liftable: true, Changed: mentoring.Left{None: 1, Few: 3}},
	} {
		if diff := cmp.Diff(want, rule(want.Rule)); diff != "" {
			t.Error(diff)
		}
	}
	for _, r := range prices.Rules {
		if slices.Contains([]string{"never", "conflict", "ended", "affinity", "chain"}, r.Rule) {
			t.Errorf("the price of %q by itself tells of few people", r.Rule)
		}
	}
	// Rules that are not saved: what they take, and nothing is changed.
	without := "version: 1\nhard: {language: false}\n"
	then, err := w.PriceRules(w.ctx, w.coordinator, program, &without)
	w.must(err)
	if then.Now != rule("language").Changed || then.Pairs != prices.Pairs+4 {
		t.Errorf("%+v", then)
	}
	again, err := w.PriceRules(w.ctx, w.coordinator, program, nil)
	w.must(err)
	if diff := cmp.Diff(prices, again); diff != "" {
		t.Error(diff)
	}
	wrong := "version: 1\nhard: {langage: false}\n"
	_, err = w.PriceRules(w.ctx, w.coordinator, program, &wrong)
	w.refused(err, "RULES_INVALID")
	_, err = w.PriceRules(w.ctx, w.reader, program, nil)
	w.refused(err, "PERMISSION_MISSING")
	_, err = w.PriceRules(w.ctx, access.Principal{}, program, nil)
	w.refused(err, "TOKEN_REQUIRED")
	_, err = w.PriceRules(w.ctx, w.coordinator, "nowhere", nil)
	w.refused(err, "PLAN_NOT_FOUND")
}

// A mentor who speaks Spanish would serve one mentee more, one who speaks
// English nobody; enrolling what the answer says makes it true.
func TestWhomToRecruit(t *testing.T) {
	w, _, _ := pricedProgram(t)
	run := w.match(&mentoring.Matching{})
	found, err := w.Recruit(w.ctx, w.coordinator, program, run.ID)
	w.must(err)
	if found.Unserved != 1 || found.Seats != 1 || found.Mentors != 1 {
		t.Fatalf("%+v", found)
	}
	best := mentoring.RecruitKind{
		Language: "es", LanguageLabel: "Spanish", Serves: 1, Could: 1, Topics: []string{"supervision"}, TopicLabels: []string{"Supervision"},
	}
	if diff := cmp.Diff(best, found.Kinds[0]); diff != "" {
		t.Error(diff)
	}
	best.Place, best.PlaceLabel = "skagit", "Skagit County"
	if diff := cmp.Diff(best, found.Kinds[1]); diff != "" {
		t.Error(diff)
	}
	for _, k := range found.Kinds {
		if k.Language == "en" && (k.Serves != 0 || k.Could != 0) {
			t.Errorf("%+v: everybody who speaks English is served", k)
		}
	}
	for _, g := range found.Groups {
		serves := g.Attribute == "language" && g.Value == "es" || g.Attribute == "place" && g.Value == "whatcom" || g.Attribute == "topic" && g.Value == "budgeting"
		// The one who speaks Spanish is of the unserved mentee's unit, and has the other
		// one: another seat with them serves nobody more.
		if g.Serving != 0 || serves && g.Mentors != 1 {
			t.Errorf("%+v", g)
		}
	}
	w.enroll(mentoring.Mentor, 1, map[string]string{"languages": "Spanish", "places": "Skagit"}, nil)
	after, err := w.Recruit(w.ctx, w.coordinator, program, w.match(&mentoring.Matching{}).ID)
	w.must(err)
	if after.Unserved != 0 || after.Seats != 0 || after.Mentors != 0 || slices.ContainsFunc(after.Kinds, func(k mentoring.RecruitKind) bool { return k.Serves+k.Could > 0 }) {
		t.Errorf("%+v", after)
	}
	_, err = w.Recruit(w.ctx, w.reader, program, run.ID)
	w.refused(err, "PERMISSION_MISSING")
	even := w.match(&mentoring.Matching{Objectives: []string{"even", "cover"}})
	_, err = w.Recruit(w.ctx, w.coordinator, program, even.ID)
	w.refused(err, "OBJECTIVES_EVEN")
	// Where good scores count more than serving, nobody is invented.
	total := w.match(&mentoring.Matching{Objectives: []string{"total", "cover"}})
	found, err = w.Recruit(w.ctx, w.coordinator, program, total.ID)
	w.must(err)
	if len(found.Kinds) != 0 {
		t.Errorf("%+v", found.Kinds)
	}
}
