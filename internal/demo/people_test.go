package demo

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A small form with everything that the generator has to respect.
var smallForm = []question{
	{Key: "county", Kind: "SINGLE", Values: []value{{Code: "island"}, {Code: "skagit"}}, Decline: true},
	{Key: "gender", Kind: "MULTI", Values: []value{{Code: "woman"}, {Code: "man"}, {Code: "different_term", WriteIn: true}}, Decline: true, MaxValues: 2},
	{Key: "experience", Kind: "MULTI", Values: []value{{Code: "a"}, {Code: "b"}, {Code: "c"}, {Code: "own_words", WriteIn: true}, {Code: "none", Exclusive: true}}, Qualifier: []string{"self", "family"}, Decline: true},
	{Key: "role_authority", Kind: "MULTI", Values: []value{{Code: "structural_change"}, {Code: "influences"}}, Required: true},
	{Key: "nation", Kind: "MULTI", Values: []value{{Code: "x"}, {Code: "y"}}, When: &condition{"county", []string{"island"}}, Decline: true},
	{Key: "organization", Kind: "ENTITY", Required: true},
	{Key: "notes", Kind: "TEXT"},
}

func TestPeopleFitTheForm(t *testing.T) {
	all := people("fit", 2000, smallForm)
	again := people("fit", 2000, smallForm)
	if !reflect.DeepEqual(all, again) {
		t.Error("the same seed gave other people")
	}
	if reflect.DeepEqual(all, people("other", 2000, smallForm)) {
		t.Error("another seed gave the same people")
	}
	byKey := map[string]question{}
	for _, q := range smallForm {
		byKey[q.Key] = q
	}
	declined, ineligible, employers := 0, 0, map[string]int{}
	for _, p := range all {
		if !strings.HasPrefix(p.Name, "Invented Applicant ") || !strings.HasSuffix(p.Email, "@example.org") {
			t.Fatalf("not marked as invented: %q, %q", p.Name, p.Email)
		}
		for key, a := range p.Answers {
			q := byKey[key]
			if !q.When.holds(p.Answers) {
				t.Fatalf("%s was answered although it is not asked", key)
			}
			if a.Declined {
				declined++
				if !q.Decline || len(a.Values) > 0 || a.Text != "" {
					t.Fatalf("%s: a decline that is none: %+v", key, a)
				}
				continue
			}
			if q.MaxValues > 0 && len(a.Values) > q.MaxValues || q.Kind == "SINGLE" && len(a.Values) != 1 {
				t.Fatalf("%s has %d values", key, len(a.Values))
			}
			if slices.Contains(a.Values, "none") && len(a.Values) > 1 {
				t.Fatalf("an exclusive value beside others: %v", a.Values)
			}
			if slices.Contains(a.Values, "own_words") {
				t.Fatal("words were put into somebody's mouth")
			}
			for v, codes := range a.Qualifiers {
				if !slices.Contains(a.Values, v) || len(codes) != 1 {
					t.Fatalf("qualifier %v of %s is on no value of %v", codes, v, a.Values)
				}
			}
		}
		if _, ok := p.Answers["role_authority"]; !ok {
			t.Fatal("a required question is open")
		}
		if !slices.Contains(p.Answers["role_authority"].Values, "structural_change") {
			ineligible++
		}
		employers[p.Answers["organization"].Text]++
	}
	most := 0
	for _, n := range employers {
		most = max(most, n)
	}
	t.Logf("%d declines, %d ineligible, %d organizations, the largest with %d", declined, ineligible, len(employers), most)
	if declined == 0 || ineligible == 0 || len(employers) != organizations || most < 50 {
		t.Error("the mix lacks declines, ineligible people or shared organizations")
	}
}

// Answers are drawn one by one: among those who answered both, the share of a
// hardship is the same in every group, but for chance (four standard
// deviations of 20,000 people).
func TestNoHardshipFollowsAGroup(t *testing.T) {
	all := people("independent", 20000, smallForm)
	share := func(gender string) float64 {
		n, with := 0.0, 0.0
		for _, p := range all {
			g, e := p.Answers["gender"], p.Answers["experience"]
			if len(e.Values) == 0 || !slices.Contains(g.Values, gender) {
				continue
			}
			n++
			if slices.Contains(e.Values, "a") {
				with++
			}
		}
		return with / n
	}
	woman, man := share("woman"), share("man")
	if d := woman - man; d > 0.03 || d < -0.03 {
		t.Errorf("%.3f of women and %.3f of men have it", woman, man)
	}
}
