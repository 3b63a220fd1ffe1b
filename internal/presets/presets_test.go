package presets

import (
	"math"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
)

func northSound(t *testing.T) *applications.Preset {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	p := all["north-sound"]
	if p == nil {
		t.Fatal("the preset north-sound is missing")
	}
	return p
}

func TestEveryPresetThatShipsIsValid(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for id, p := range all {
		if id != p.ID || p.Version == "" || p.Title.In("en") == "" {
			t.Errorf("%s: id %q, version %q, title %q", id, p.ID, p.Version, p.Title.In("en"))
		}
	}
}

func TestNorthSoundAsksWhatTheCallNames(t *testing.T) {
	p := northSound(t)
	if n := len(p.Form.Pages); n > 12 {
		t.Errorf("%d pages; an applicant should not see more than 12", n)
	}
	for _, key := range []string{
		"county", "race_ethnicity", "tribal_relationship", "tribal_affiliation",
		"gender", "lived_experience", "sector", "role_authority", "organization",
	} {
		if p.Form.Attribute(key) == nil {
			t.Errorf("the attribute %s is missing", key)
		}
	}
	if p.Program.MinSeats != 12 || p.Program.Seats != 15 {
		t.Errorf("seats %d to %d, want 12 to 15", p.Program.MinSeats, p.Program.Seats)
	}
	if got := p.CriteriaName[0]; got != "neutral" {
		t.Errorf("a program starts with %q, want neutral", got)
	}
}

// Identity answers ship for reports; balance needs an approval that a preset
// cannot give. County is the exception that the form itself declares.
func TestIdentityAttributesShipForReportOnly(t *testing.T) {
	p := northSound(t)
	for i := range p.Form.Attributes {
		a := &p.Form.Attributes[i]
		if !a.Identity() {
			continue
		}
		if a.Required {
			t.Errorf("%s is required", a.Key)
		}
		if a.For(applications.ForEligibility) || a.For(applications.ForScoring) {
			t.Errorf("%s decides about eligibility or score", a.Key)
		}
		if a.For(applications.ForBalance) && a.Key != "county" {
			t.Errorf("%s ships for balance", a.Key)
		}
	}
	neutral := p.Criteria["neutral"]
	for _, r := range neutral.Rules {
		if a := p.Form.Attribute(r.Attribute); a.NeedsPolicy() {
			t.Errorf("the neutral criteria use %s, which needs an approval", r.Attribute)
		}
	}
}

func TestTribalAffiliationIsNotRace(t *testing.T) {
	p := northSound(t)
	page := map[string]string{}
	for _, g := range p.Form.Pages {
		for _, key := range g.Attributes {
			page[key] = g.Key
		}
	}
	if page["tribal_relationship"] == page["race_ethnicity"] {
		t.Error("the relation with a Tribal Nation is asked on the page about race")
	}
	if page["tribal_relationship"] != page["tribal_affiliation"] {
		t.Error("relation and Nations are on two pages")
	}
	nations := p.Form.Attribute("tribal_affiliation")
	if nations.VisibleWhen == nil || nations.VisibleWhen.Attribute != "tribal_relationship" {
		t.Error("Nations are asked of people who named no relation")
	}
	for i := 1; i < len(nations.Values)-1; i++ {
		if nations.Values[i-1].Label.In("en") >= nations.Values[i].Label.In("en") {
			t.Errorf("Nations are not in alphabetical order at %s", nations.Values[i].Code)
		}
	}
	for _, c := range p.Criteria {
		for _, r := range c.Rules {
			if r.Attribute == "tribal_affiliation" {
				t.Error("a rule names a Nation; rules name the relation")
			}
			if r.Attribute == "tribal_relationship" {
				for _, v := range r.Values {
					if v == "works_for" || v == "serves" {
						t.Errorf("a floor counts %q, which is a fact about the organization", v)
					}
				}
			}
		}
	}
}

func TestFiguresHaveSources(t *testing.T) {
	p := northSound(t)
	sums := map[string]float64{}
	for i := range p.Form.Attributes {
		a := &p.Form.Attributes[i]
		for _, v := range a.Values {
			if v.Benchmark == nil {
				continue
			}
			if v.Benchmark.Source == "" || v.Benchmark.Basis == "" {
				t.Errorf("%s.%s: a figure without source or basis", a.Key, v.Code)
			}
			sums[a.Key] += v.Benchmark.Share
		}
	}
	for key, want := range map[string]float64{"county": 1, "gender": 1} {
		if math.Abs(sums[key]-want) > 0.001 {
			t.Errorf("the shares of %s add up to %.4f, want %.0f", key, sums[key], want)
		}
	}
	for _, code := range []string{"mena_only"} {
		if v := p.Form.Attribute("race_ethnicity_report").Value(code); v.Benchmark != nil {
			t.Errorf("%s has a figure, and no source counts it", code)
		}
	}
	for _, code := range []string{"nonbinary", "two_spirit", "different_term"} {
		if v := p.Form.Attribute("gender").Value(code); v.Benchmark != nil {
			t.Errorf("gender.%s has a figure, and no source counts it", code)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const good = `
id: small
version: 1.0.0
title: {en: Small}
sources: [{id: s, title: A source}]
program: {title: {en: T}, code_prefix: SM, min_seats: 1, seats: 2, zone: UTC}
pages:
  - {key: contact, title: {en: Contact}}
  - {key: about, title: {en: About}, attributes: [sector]}
  - {key: consent, title: {en: Consent}}
attributes:
  - key: sector
    kind: SINGLE
    sensitivity: INTERNAL
    purposes: [BALANCE]
    label: {en: Sector}
    question: {en: "Sector?"}
    values:
      - {code: a, label: {en: A}, benchmark: {share: 0.5, basis: all, source: s}}
      - {code: b, label: {en: B}}
consents: [{key: yes_please, required: true, text: {en: Yes}}]
criteria:
  - {name: neutral, rules: [{kind: quota, attribute: sector, each: true, min: 1, priority: 1}]}
`
	if _, err := Read(strings.NewReader(good)); err != nil {
		t.Fatalf("a good preset is refused: %v", err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"an unknown key", "version: 1.0.0", "verison: 1.0.0", "verison"},
		{"a source that is not there", "source: s}", "source: x}", `no source "x"`},
		{"a share above one", "share: 0.5", "share: 50", "benchmark"},
		{"a rule on an attribute that is not there", "attribute: sector, each", "attribute: secter, each", "secter"},
		{"criteria that include nothing", "{name: neutral, rules", "{name: neutral, includes: base, rules", `"base"`},
		{"a page that asks what is not there", "attributes: [sector]", "attributes: [county]", "county"},
		{"two values with one code", "{code: b,", "{code: a,", "there twice"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: the text to change is not there", c.name)
		}
		_, err := Read(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
	}
}
