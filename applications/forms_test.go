package applications

import (
	"slices"
	"strings"
	"testing"
)

func TestFormForTestsIsFine(t *testing.T) {
	if bad := CheckForm(FormForTests()); len(bad) > 0 {
		t.Fatalf("the form of the tests has problems: %v", bad)
	}
}

// Each change breaks one rule of forms, and the violation names where.
func TestCheckForm(t *testing.T) {
	attr := func(f *Form, key string) *Attribute { return f.Attribute(key) }
	for _, c := range []struct {
		name    string
		change  func(*Form)
		field   string
		message string
	}{
		{"bad key", func(f *Form) { f.Attributes[2].Key = "Sector!" }, "attributes[2].key", "a-z"},
		{"key twice", func(f *Form) { f.Attributes[2].Key = "role" }, "attributes.role", "twice"},
		{"no question", func(f *Form) { attr(f, "county").Question = nil }, "attributes.county.question.en", "missing"},
		{"Spanish only", func(f *Form) { attr(f, "county").Label = Text{"es": "Condado"} }, "attributes.county.label.en", "English"},
		{"bad language tag", func(f *Form) { attr(f, "county").Label["English"] = "x" }, "attributes.county.label", "language tag"},
		{"long label", func(f *Form) { attr(f, "county").Label = Text{"en": strings.Repeat("x", 201)} }, "attributes.county.label.en", "at most 200"},
		{"unknown kind", func(f *Form) { attr(f, "county").Kind = "CHECKBOX" }, "attributes.county.kind", "SINGLE"},
		{"values of a text", func(f *Form) { attr(f, "needs").Values = []Value{{Code: "x", Label: Text{"en": "x"}}} }, "attributes.needs.values", "only SINGLE"},
		{"no values", func(f *Form) { attr(f, "sector").Values = nil }, "attributes.sector.values", "from 1"},
		{"code twice", func(f *Form) { attr(f, "sector").Values[1].Code = "clinic" }, "attributes.sector.values.clinic", "twice"},
		{"bad code", func(f *Form) { attr(f, "sector").Values[1].Code = "Hospital" }, "attributes.sector.values[1].code", "a-z"},
		{"decline as value", func(f *Form) { attr(f, "sector").Values[1].Code = "prefer_not_to_say" }, "attributes.sector.values.prefer_not_to_say", "set decline"},
		{"max of a single", func(f *Form) { attr(f, "tongue").MaxValues = 2 }, "attributes.tongue.max_values", "only for MULTI"},
		{"max too large", func(f *Form) { attr(f, "sector").MaxValues = 9 }, "attributes.sector.max_values", "number of values"},
		{"length of a choice", func(f *Form) { attr(f, "sector").MaxLength = 9 }, "attributes.sector.max_length", "only for TEXT"},
		{"qualifier of a text", func(f *Form) { attr(f, "needs").Qualifier = attr(f, "lived").Qualifier }, "attributes.needs.qualifier", "only SINGLE and MULTI"},
		{"empty qualifier", func(f *Form) { attr(f, "lived").Qualifier.Values = nil }, "attributes.lived.qualifier.values", "from 1 to 20"},
		{"rich qualifier", func(f *Form) { attr(f, "lived").Qualifier.Values[0].Exclusive = true }, "attributes.lived.qualifier.values.self", "nothing else"},
		{"benchmark without source", func(f *Form) { attr(f, "county").Values[0].Benchmark.Source = "" }, "attributes.county.values.island.benchmark", "source"},
		{"benchmark above one", func(f *Form) { attr(f, "county").Values[0].Benchmark.Share = 6.74 }, "attributes.county.values.island.benchmark", "from 0 to 1"},
		{"health outside health", func(f *Form) { attr(f, "sector").Values[0].Health = true }, "attributes.sector.values.clinic.health", "SPECIAL_HEALTH"},

		{"derived from nothing", func(f *Form) { attr(f, "race_report").DerivedFrom = "rase" }, "attributes.race_report.derived_from", `did you mean "race"`},
		{"derived from text", func(f *Form) { attr(f, "race_report").DerivedFrom = "needs" }, "attributes.race_report.derived_from", "only SINGLE and MULTI"},
		{"derived less sensitive", func(f *Form) { attr(f, "race_report").Sensitivity = InternalFact }, "attributes.race_report.sensitivity", "as sensitive"},
		{"derived without rollup", func(f *Form) { attr(f, "race_report").Values[0].Rollup = nil }, "attributes.race_report.values.hispanic_any.rollup", "what rolls up"},
		{"rollup of two ways", func(f *Form) { attr(f, "race_report").Values[0].Rollup.AtLeast = 2 }, "attributes.race_report.values.hispanic_any.rollup", "exactly one"},
		{"rollup of unknown", func(f *Form) { attr(f, "race_report").Values[0].Rollup.Any = []string{"hispanik"} }, "attributes.race_report.values.hispanic_any.rollup", `did you mean "hispanic"`},
		{"rollup of a question", func(f *Form) { attr(f, "sector").Values[0].Rollup = &Rollup{AtLeast: 1} }, "attributes.sector.values.clinic.rollup", "DERIVED"},
		{"derived on a page", func(f *Form) { f.Pages[4].Attributes = append(f.Pages[4].Attributes, "race_report") }, "pages.race.attributes", "never asked"},

		{"no purpose", func(f *Form) { attr(f, "county").Purposes = nil }, "attributes.county.purposes", "not asked"},
		{"unknown purpose", func(f *Form) { attr(f, "county").Purposes = []Purpose{"FUN"} }, "attributes.county.purposes", "one of"},
		{"purpose twice", func(f *Form) { attr(f, "county").Purposes = []Purpose{ForReport, ForReport} }, "attributes.county.purposes", "twice"},
		{"unknown sensitivity", func(f *Form) { attr(f, "county").Sensitivity = "SECRET" }, "attributes.county.sensitivity", "one of"},
		// P2: identity never decides who may take part or how well they do.
		{"race for eligibility", func(f *Form) { attr(f, "race").Purposes = []Purpose{ForEligibility} }, "attributes.race.purposes", "cannot be used for ELIGIBILITY"},
		{"race for scoring", func(f *Form) { attr(f, "race").Purposes = []Purpose{ForScoring, ForReport} }, "attributes.race.purposes", "cannot be used for SCORING"},
		{"county for eligibility", func(f *Form) { attr(f, "county").Purposes = []Purpose{ForEligibility} }, "attributes.county.purposes", "cannot be used for ELIGIBILITY"},
		{"race decides", func(f *Form) { f.Eligibility = []Condition{{"race", []string{"asian"}}} }, "eligibility[0]", "identity attribute"},
		{"required race", func(f *Form) { attr(f, "race").Required = true }, "attributes.race.required", "never an identity question"},
		{"required report", func(f *Form) { attr(f, "staff").Required = true }, "attributes.staff.required", "eligibility or logistics"},
		{"race without a way out", func(f *Form) { attr(f, "race").Decline = false }, "attributes.race.decline", "I prefer not to say"},
		{"declinable required", func(f *Form) { attr(f, "role").Decline = true }, "attributes.role.decline", "never touches eligibility"},

		{"looks at nothing", func(f *Form) { attr(f, "nation").VisibleWhen.Attribute = "relatoin" }, "attributes.nation.visible_when", `did you mean "relation"`},
		{"looks at no such value", func(f *Form) { attr(f, "nation").VisibleWhen.Values = []string{"citizn"} }, "attributes.nation.visible_when", `did you mean "citizen"`},
		{"looks ahead", func(f *Form) { attr(f, "role").VisibleWhen = &Condition{"sector", []string{"clinic"}} }, "attributes.role.visible_when", "before"},
		{"looks at itself", func(f *Form) { attr(f, "sector").VisibleWhen = &Condition{"sector", []string{"clinic"}} }, "attributes.sector.visible_when", "before"},
		{"looks at a text", func(f *Form) { attr(f, "sector").VisibleWhen = &Condition{"organization", []string{"x"}} }, "attributes.sector.visible_when", "SINGLE or MULTI"},
		{"asked in the wrong order", func(f *Form) { f.Pages[5].Attributes = []string{"nation", "relation"} }, "attributes.nation.visible_when", "asked before"},

		{"no contact page", func(f *Form) { f.Pages = f.Pages[1:] }, "pages", `"contact" is missing`},
		{"consent not last", func(f *Form) { slices.Reverse(f.Pages) }, "pages", "the last one"},
		{"page twice", func(f *Form) { f.Pages[2].Key = "role" }, "pages.role", "twice"},
		{"empty page", func(f *Form) { f.Pages[1].Attributes = nil }, "pages.role.attributes", "at least one"},
		{"question on consent", func(f *Form) { f.Pages[8].Attributes = []string{"staff"} }, "pages.consent.attributes", "no attributes"},
		{"unknown question", func(f *Form) { f.Pages[1].Attributes = []string{"roles"} }, "pages.role.attributes", `did you mean "role"`},
		{"asked twice", func(f *Form) { f.Pages[3].Attributes = []string{"county", "role"} }, "pages.county.attributes", "asked twice"},
		{"not asked", func(f *Form) { f.Pages[3].Attributes = []string{"race"} }, "attributes.county", "no page"},
		{"page without title", func(f *Form) { f.Pages[3].Title = nil }, "pages.county.title.en", "missing"},

		{"eligible by nothing", func(f *Form) { f.Eligibility[0].Attribute = "rolle" }, "eligibility[0]", `did you mean "role"`},
		{"eligible by no such value", func(f *Form) { f.Eligibility[0].Values = []string{"decide"} }, "eligibility[0]", `did you mean "decides"`},
		{"eligible by a text", func(f *Form) { f.Eligibility[0] = Condition{"organization", []string{"x"}} }, "eligibility[0]", "SINGLE or MULTI"},
		{"eligible without the purpose", func(f *Form) { f.Eligibility[0] = Condition{"sector", []string{"clinic"}} }, "eligibility[0]", "purpose ELIGIBILITY"},

		{"consent twice", func(f *Form) { f.Consents[1].Key = "use" }, "consents.use", "twice"},
		{"required health consent", func(f *Form) { f.Consents[1].Required = true }, "consents.health.required", "optional"},
		{"no health consent", func(f *Form) { f.Consents = f.Consents[:1] }, "consents", "consent with health"},
		{"two health consents", func(f *Form) { f.Consents[0].Health, f.Consents[0].Required = true, false }, "consents", "at most one"},
		{"consent without text", func(f *Form) { f.Consents[0].Text = nil }, "consents.use.text.en", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := FormForTests()
			c.change(f)
			bad := CheckForm(f)
			if !slices.ContainsFunc(bad, func(v Violation) bool { return v.Field == c.field && strings.Contains(v.Message, c.message) }) {
				t.Errorf("no violation of %s with %q; got %v", c.field, c.message, bad)
			}
		})
	}
}

// Everything is told at once.
func TestCheckFormTellsAll(t *testing.T) {
	f := FormForTests()
	f.Attribute("race").Purposes = []Purpose{ForScoring}
	f.Attribute("county").Label = nil
	f.Eligibility[0].Attribute = "nothing"
	f.Pages[3].Title = nil
	if bad := CheckForm(f); len(bad) < 4 {
		t.Errorf("four mistakes, told: %v", bad)
	}
}

func TestTooLargeForms(t *testing.T) {
	f := FormForTests()
	for len(f.Attributes) <= maxAttributes {
		f.Attributes = append(f.Attributes, f.Attributes[0])
	}
	if bad := CheckForm(f); len(bad) != 1 || bad[0].Field != "attributes" {
		t.Errorf("a form of %d attributes: %v", len(f.Attributes), bad)
	}
}

// The digest covers what people read, not where the form belongs.
func TestFormDigest(t *testing.T) {
	a, err := prepareForm(FormForTests(), "one-program", 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := prepareForm(FormForTests(), "another-program", 7)
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest != b.Digest || !strings.HasPrefix(a.Digest, "sha256:") {
		t.Errorf("digests %s and %s", a.Digest, b.Digest)
	}
	changed := FormForTests()
	changed.Consents[0].Text["en"] += "."
	c, err := prepareForm(changed, "one-program", 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.Digest == a.Digest {
		t.Error("another consent text has the same digest")
	}
}

func TestNeedsPolicy(t *testing.T) {
	for _, c := range []struct {
		sensitivity Sensitivity
		purposes    []Purpose
		want        bool
	}{
		{InternalFact, nil, false},
		{Personal, []Purpose{ForBalance}, false},
		{Personal, []Purpose{ForReport}, true},
		{Special, []Purpose{ForBalance}, true},
		{Special, []Purpose{ForReport}, true},
		{SpecialHealth, []Purpose{ForReport}, true},
		{SpecialSovereign, []Purpose{ForReport}, true},
	} {
		a := Attribute{Sensitivity: c.sensitivity, Purposes: c.purposes}
		if got := a.NeedsPolicy(); got != c.want {
			t.Errorf("%s for %v needs a policy: %v, want %v", c.sensitivity, c.purposes, got, c.want)
		}
	}
}

func TestAsksHealth(t *testing.T) {
	f := FormForTests()
	for _, p := range f.Pages {
		if got, want := f.AsksHealth(p), p.Key == "lived" || p.Key == "part"; got != want {
			t.Errorf("page %s asks for health: %v", p.Key, got)
		}
	}
}
