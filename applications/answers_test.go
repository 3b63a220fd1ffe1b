package applications

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"
)

func number(n int64) *int64 { return &n }

// Each row is one answer given to the empty application, and what is kept of
// it or which violation comes back.
func TestAnswers(t *testing.T) {
	citizen := Answers{"relation": {Values: []string{"citizen"}}}
	serves := Answers{"relation": {Values: []string{"serves"}}}
	for _, c := range []struct {
		name    string
		stored  Answers
		key     string
		given   Answer
		health  bool
		want    *Answer // nil: nothing is kept
		field   string  // of the violation; "": none
		message string
	}{
		{name: "one value", key: "county", given: Answer{Values: []string{"island"}}, want: &Answer{Values: []string{"island"}}},
		{name: "order and repeats", key: "county", given: Answer{Values: []string{"skagit", "island", "skagit"}}, want: &Answer{Values: []string{"island", "skagit"}}},
		{name: "nothing", key: "county", given: Answer{}},
		{name: "unknown code", key: "county", given: Answer{Values: []string{"isle"}}, field: "answers.county", message: "island, san_juan, skagit"},
		{name: "misspelled code", key: "county", given: Answer{Values: []string{"skagitt"}}, field: "answers.county", message: `did you mean "skagit"`},
		{name: "label for code", key: "county", given: Answer{Values: []string{"Skagit County"}}, field: "answers.county", message: `did you mean "skagit"`},
		{name: "two of one", key: "tongue", given: Answer{Values: []string{"english", "spanish"}}, field: "answers.tongue", message: "choose one"},
		{name: "too many", key: "sector", given: Answer{Values: []string{"clinic", "hospital", "housing"}}, field: "answers.sector", message: "at most 2"},
		{name: "exclusive alone", key: "role", given: Answer{Values: []string{"neither"}}, want: &Answer{Values: []string{"neither"}}},
		{name: "exclusive with another", key: "role", given: Answer{Values: []string{"neither", "decides"}}, field: "answers.role", message: "alone"},

		{name: "decline", key: "race", given: Answer{Declined: true}, want: &Answer{Declined: true}},
		{name: "decline and answer", key: "race", given: Answer{Declined: true, Values: []string{"asian"}}, field: "answers.race", message: "not both"},
		{name: "decline what cannot be", key: "county", given: Answer{Declined: true}, field: "answers.county", message: "left empty"},
		{name: "decline as a value", key: "race", given: Answer{Values: []string{"prefer_not_to_say"}}, field: "answers.race", message: "set declined"},

		{name: "write-in", key: "sector", given: Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": " Food  bank "}}, want: &Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": "Food  bank"}}},
		{name: "empty write-in", key: "sector", given: Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": " "}}, want: &Answer{Values: []string{"other"}}},
		{name: "write-in without value", key: "sector", given: Answer{Values: []string{"clinic"}, WriteIns: map[string]string{"other": "x"}}, field: "answers.sector.write_ins.other", message: "choose the value"},
		{name: "write-in where none is", key: "sector", given: Answer{Values: []string{"clinic"}, WriteIns: map[string]string{"clinic": "x"}}, field: "answers.sector.write_ins.clinic", message: "no words"},
		{name: "write-in of nothing", key: "sector", given: Answer{Values: []string{"clinic"}, WriteIns: map[string]string{"zzz": "x"}}, field: "answers.sector", message: "no words"},
		{name: "long write-in", key: "sector", given: Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": strings.Repeat("x", 501)}}, field: "answers.sector.write_ins.other", message: "at most 500"},

		{name: "qualifier", key: "lived", given: Answer{Values: []string{"poverty"}, Qualifiers: map[string][]string{"poverty": {"family", "self", "self"}}}, want: &Answer{Values: []string{"poverty"}, Qualifiers: map[string][]string{"poverty": {"self", "family"}}}},
		{name: "unknown qualifier", key: "lived", given: Answer{Values: []string{"poverty"}, Qualifiers: map[string][]string{"poverty": {"friend"}}}, field: "answers.lived.qualifiers.poverty", message: "self, family"},
		{name: "qualifier without value", key: "lived", given: Answer{Values: []string{"poverty"}, Qualifiers: map[string][]string{"disability": {"self"}}}, field: "answers.lived.qualifiers.disability", message: "choose the value"},
		{name: "qualifier where none is", key: "county", given: Answer{Values: []string{"island"}, Qualifiers: map[string][]string{"island": {"self"}}}, field: "answers.county.qualifiers.island", message: "no second choice"},

		{name: "number", key: "staff", given: Answer{Number: number(12)}, want: &Answer{Number: number(12)}},
		{name: "number zero", key: "staff", given: Answer{Number: number(0)}, want: &Answer{Number: number(0)}},
		{name: "text for number", key: "staff", given: Answer{Text: "12"}, field: "answers.staff", message: "not answered with a text"},
		{name: "number for choice", key: "county", given: Answer{Number: number(1)}, field: "answers.county", message: "not answered with a number"},
		{name: "value for text", key: "organization", given: Answer{Values: []string{"x"}}, field: "answers.organization", message: "no values"},
		{name: "entity", key: "organization", given: Answer{Text: "  Sea Mar  "}, want: &Answer{Text: "Sea Mar"}},
		{name: "entity of two lines", key: "organization", given: Answer{Text: "a\nb"}, field: "answers.organization", message: "control character"},
		{name: "derived", key: "race_report", given: Answer{Values: []string{"multi"}}, field: "answers.race_report", message: "no values"},

		{name: "long text", key: "needs", given: Answer{Text: strings.Repeat("ə", 101)}, health: true, field: "answers.needs", message: "at most 100"},
		{name: "text just fits", key: "needs", given: Answer{Text: strings.Repeat("ə", 100)}, health: true, want: &Answer{Text: strings.Repeat("ə", 100)}},
		{name: "text of lines", key: "needs", given: Answer{Text: "a\r\nb"}, health: true, want: &Answer{Text: "a\nb"}},
		{name: "text not UTF-8", key: "needs", given: Answer{Text: "a\xffb"}, health: true, field: "answers.needs", message: "UTF-8"},
		{name: "text with NUL", key: "needs", given: Answer{Text: "a\x00b"}, health: true, field: "answers.needs", message: "control character"},

		{name: "hidden question", key: "nation", given: Answer{Values: []string{"lummi"}}, field: "answers.nation", message: "not asked because of the answer to relation"},
		{name: "shown question", stored: citizen, key: "nation", given: Answer{Values: []string{"lummi"}}, want: &Answer{Values: []string{"lummi"}}},
		{name: "hidden value", stored: serves, key: "nation", given: Answer{Values: []string{"enrolled_office"}}, field: "answers.nation", message: "not offered"},
		{name: "shown value", stored: citizen, key: "nation", given: Answer{Values: []string{"enrolled_office"}}, want: &Answer{Values: []string{"enrolled_office"}}},
		{name: "hidden by a decline", stored: Answers{"relation": {Declined: true}}, key: "nation", given: Answer{Values: []string{"lummi"}}, field: "answers.nation", message: "not asked"},

		{name: "health without consent", key: "lived", given: Answer{Values: []string{"disability"}}, field: "answers.lived", message: "consent"},
		{name: "health with consent", key: "lived", given: Answer{Values: []string{"disability"}}, health: true, want: &Answer{Values: []string{"disability"}}},
		{name: "no health in it", key: "lived", given: Answer{Values: []string{"poverty"}}, want: &Answer{Values: []string{"poverty"}}},
		{name: "declining needs no consent", key: "lived", given: Answer{Declined: true}, want: &Answer{Declined: true}},
		{name: "health text", key: "needs", given: Answer{Text: "captions"}, field: "answers.needs", message: "consent"},

		{name: "unknown question", key: "countty", given: Answer{Text: "x"}, field: "answers.countty", message: `did you mean "county"`},
		{name: "question of no shape", key: "My name is", given: Answer{Text: "x"}, field: "answers", message: "no such question"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := FormForTests()
			kept, bad := f.mergeAnswers(c.stored, Answers{c.key: c.given}, false, c.health)
			if c.field != "" {
				if !slices.ContainsFunc(bad, func(v Violation) bool { return v.Field == c.field && strings.Contains(v.Message, c.message) }) {
					t.Fatalf("no violation of %s with %q; got %v, kept %v", c.field, c.message, bad, kept)
				}
				return
			}
			if len(bad) > 0 {
				t.Fatalf("refused: %v", bad)
			}
			got, ok := kept[c.key]
			if ok != (c.want != nil) || ok && !reflect.DeepEqual(got, *c.want) {
				t.Errorf("kept %+v, want %+v", got, c.want)
			}
		})
	}
}

// Whatever becomes hidden by another answer goes; what is left stays.
func TestHiddenAnswersGo(t *testing.T) {
	f := FormForTests()
	stored := Answers{
		"relation": {Values: []string{"citizen"}}, "nation": {Values: []string{"lummi", "enrolled_office"}},
		"county": {Values: []string{"island"}},
	}
	kept, bad := f.mergeAnswers(stored, Answers{"relation": {Values: []string{"serves"}}}, false, false)
	if len(bad) > 0 || !reflect.DeepEqual(kept["nation"], Answer{Values: []string{"lummi"}}) {
		t.Errorf("a value that is no longer offered: %v %v", kept, bad)
	}
	kept, bad = f.mergeAnswers(stored, Answers{"relation": {Values: []string{"none"}}}, false, false)
	if _, there := kept["nation"]; len(bad) > 0 || there || len(kept) != 2 {
		t.Errorf("a question that is no longer asked: %v %v", kept, bad)
	}
	if len(stored["nation"].Values) != 2 {
		t.Error("the stored answers were changed in place")
	}
}

// Taking back the consent takes the health answers with it, and only those.
func TestHealthConsentTakenBack(t *testing.T) {
	f := FormForTests()
	stored := Answers{
		"lived": {
			Values: []string{"poverty", "disability"}, Qualifiers: map[string][]string{"disability": {"self"}, "poverty": {"family"}},
		},
		"needs": {Text: "captions"}, "county": {Values: []string{"island"}},
	}
	kept, bad := f.mergeAnswers(stored, nil, false, false)
	want := Answers{
		"lived":  {Values: []string{"poverty"}, Qualifiers: map[string][]string{"poverty": {"family"}}},
		"county": {Values: []string{"island"}},
	}
	if len(bad) > 0 || !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %+v %v, want %+v", kept, bad, want)
	}
}

func TestEveryProblemAtOnce(t *testing.T) {
	f := FormForTests()
	_, bad := f.mergeAnswers(nil, Answers{
		"county": {Values: []string{"nowhere"}}, "race": {Declined: true, Values: []string{"asian"}}, "tongue": {Values: []string{"english", "spanish"}},
		"no_such": {Text: "x"}, "nation": {Values: []string{"lummi"}}, "needs": {Text: "captions"},
	}, true, false)
	var fields []string
	for _, v := range bad {
		fields = append(fields, v.Field)
	}
	slices.Sort(fields)
	want := []string{"answers.county", "answers.nation", "answers.needs", "answers.no_such", "answers.race", "answers.tongue"}
	if !slices.Equal(fields, want) {
		t.Errorf("violations of %v, want %v", fields, want)
	}
}

// What hangs on a wrong answer is not called wrong as well.
func TestOnlyTheWrongAnswerIsWrong(t *testing.T) {
	f := FormForTests()
	kept, bad := f.mergeAnswers(nil, Answers{
		"relation": {Values: []string{"citizn"}}, "nation": {Values: []string{"lummi", "enrolled_office"}}, "county": {Values: []string{"island"}},
	}, true, false)
	if len(bad) != 1 || bad[0].Field != "answers.relation" {
		t.Errorf("violations %v, want one of answers.relation", bad)
	}
	if len(kept["nation"].Values) != 2 || len(kept["county"].Values) != 1 {
		t.Errorf("the right answers became %+v", kept)
	}
}

// No message repeats what was answered.
func TestAnswerErrorsKeepAnswersOut(t *testing.T) {
	f := FormForTests()
	const canary = "kanarienvogel"
	for i := range f.Attributes {
		a := &f.Attributes[i]
		for _, given := range []Answer{
			{Values: []string{canary}},
			{Values: []string{canary}, Declined: true},
			{WriteIns: map[string]string{canary: canary, "other": canary}},
			{Qualifiers: map[string][]string{canary: {canary}, "poverty": {canary}}},
			{Values: []string{"poverty"}, Qualifiers: map[string][]string{"poverty": {canary}}},
			{Text: strings.Repeat(canary, 100)},
			{Text: canary + "\x00"},
			{Text: canary, Number: number(1)},
		} {
			_, bad := f.mergeAnswers(nil, Answers{a.Key: given}, false, false)
			for _, v := range bad {
				if strings.Contains(v.Field+v.Message, canary) {
					t.Errorf("%s: %v repeats the answer", a.Key, v)
				}
			}
		}
	}
	_, bad := f.mergeAnswers(nil, Answers{"I am " + canary: {Text: "x"}}, false, false)
	if len(bad) != 1 || strings.Contains(bad[0].Field+bad[0].Message, canary) {
		t.Errorf("an unknown question: %v", bad)
	}
}

func TestEligibility(t *testing.T) {
	f := FormForTests()
	f.Eligibility = append(f.Eligibility, Condition{"sector", []string{"clinic", "hospital"}})
	for _, c := range []struct {
		role, sector []string
		want         []string
	}{
		{[]string{"decides"}, []string{"clinic"}, nil},
		{[]string{"influences", "supervises"}, []string{"housing", "hospital"}, nil},
		{[]string{"influences"}, []string{"clinic"}, []string{"role"}},
		{nil, nil, []string{"role", "sector"}},
	} {
		answers := Answers{"role": {Values: c.role}, "sector": {Values: c.sector}}
		if got := f.ineligible(answers); !slices.Equal(got, c.want) {
			t.Errorf("%v %v: failed %v, want %v", c.role, c.sector, got, c.want)
		}
	}
}

func TestDerive(t *testing.T) {
	a := FormForTests().Attribute("race_report")
	for _, c := range []struct {
		race Answer
		want []string
	}{
		{Answer{Values: []string{"hispanic", "white"}}, []string{"hispanic_any"}},
		{Answer{Values: []string{"asian", "white"}}, []string{"multi"}},
		{Answer{Values: []string{"white"}}, []string{"white_only"}},
		{Answer{Values: []string{"asian"}}, nil}, // no value says so
		{Answer{Declined: true}, nil},
		{Answer{}, nil},
	} {
		if got := a.derive(Answers{"race": c.race}); !slices.Equal(got, c.want) {
			t.Errorf("%+v rolls up to %v, want %v", c.race, got, c.want)
		}
	}
}

// Names of this region come back letter by letter, in whatever Unicode form
// they were typed, and a whole name may be one word.
func TestNamesRoundTrip(t *testing.T) {
	for _, name := range []string{
		"dxʷlilap", "Xwlemi", "x̌ʷəlč", "ƛ̕əbx̌", "María José Núñez de la Peña", "Suharto", "Nguyễn Thị Ánh", "O'Neill-Ōtani", "李小龍", "👩🏽‍⚕️ A",
	} {
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			c, bad := cleanContact(Contact{Name: form.String(name), Goes: form.String(name)})
			if len(bad) > 0 || c.Name != norm.NFC.String(name) || c.Goes != c.Name {
				t.Errorf("%q came back as %q %v", name, c.Name, bad)
			}
		}
	}
}

func TestContactShapes(t *testing.T) {
	for _, c := range []struct {
		contact Contact
		field   string // "" is fine
	}{
		{Contact{Name: "A", Email: "a@example.org"}, ""},
		{Contact{Name: "A", Email: "first.last+tag@sub.example.org"}, ""},
		{Contact{Name: "A", Email: "jose.núñez@correo.example"}, ""},
		{Contact{Email: "nobody"}, "contact.email"},
		{Contact{Email: "@example.org"}, "contact.email"},
		{Contact{Email: "a@"}, "contact.email"},
		{Contact{Email: "a@localhost"}, "contact.email"},
		{Contact{Email: "a b@example.org"}, "contact.email"},
		{Contact{Email: "a@example..org"}, "contact.email"},
		{Contact{Email: "a@b.org,c@d.org"}, "contact.email"},
		{Contact{Email: "<a@example.org>"}, "contact.email"},
		{Contact{Email: strings.Repeat("a", 250) + "@x.org"}, "contact.email"},
		{Contact{Phone: "360-555-0100"}, ""},
		{Contact{Phone: "+1 (360) 555 0100 ext. 12"}, ""},
		{Contact{Phone: "360.555.0100"}, ""},
		{Contact{Phone: "call me"}, "contact.phone"},
		{Contact{Phone: "1234"}, "contact.phone"},
		{Contact{Phone: "<script>1234567</script>"}, "contact.phone"},
		{Contact{Name: "a\nb"}, "contact.name"},
		{Contact{Name: strings.Repeat("x", 201)}, "contact.name"},
		{Contact{Name: "\xff"}, "contact.name"},
		{Contact{Name: "\u200b"}, "contact.name"},                   // zero width space
		{Contact{Name: " \u200d\ufeff\u00ad "}, "contact.name"},     // joiner, byte order mark, soft hyphen
		{Contact{Name: "\u202e\u2066"}, "contact.name"},             // directions
		{Contact{Name: "\u3164\u115f\uffa0\u2800"}, "contact.name"}, // fillers
		{Contact{Name: "\u034f\ufe0f\u0301"}, "contact.name"},       // marks on nothing
		{Contact{Name: "A\u200d"}, ""},
		{Contact{Name: "می\u200cخواهم"}, ""},
		{Contact{Name: "🏴"}, ""},
	} {
		_, bad := cleanContact(c.contact)
		switch {
		case c.field == "" && len(bad) > 0:
			t.Errorf("%+v: %v", c.contact, bad)
		case c.field != "" && (len(bad) != 1 || bad[0].Field != c.field):
			t.Errorf("%+v: %v, want one violation of %s", c.contact, bad, c.field)
		}
	}
}

// Whatever is kept is valid: keeping it again changes nothing and complains
// about nothing.
func TestKeptAnswersAreStable(t *testing.T) {
	f := FormForTests()
	rapid.Check(t, func(t *rapid.T) {
		given := Answers{}
		for i := range f.Attributes {
			a := &f.Attributes[i]
			if !rapid.Bool().Draw(t, "answered") {
				continue
			}
			codes := append(valueCodes(a.Values), "zzz", declineCode)
			answer := Answer{Declined: rapid.IntRange(0, 5).Draw(t, "declined") == 0}
			if len(a.Values) > 0 {
				answer.Values = rapid.SliceOfN(rapid.SampledFrom(codes), 0, 3).Draw(t, "values")
			}
			if a.Kind == Number {
				answer.Number = number(rapid.Int64().Draw(t, "number"))
			}
			if a.Kind == Entity || a.Kind == FreeText {
				answer.Text = rapid.StringN(0, 30, -1).Draw(t, "text")
			}
			if a.Qualifier != nil {
				answer.Qualifiers = map[string][]string{rapid.SampledFrom(codes).Draw(t, "qualified"): {"self"}}
			}
			given[a.Key] = answer
		}
		health := rapid.Bool().Draw(t, "health")
		// Single answers, so that one bad one does not refuse the rest.
		kept := Answers{}
		for _, key := range sortedKeys(given) {
			if next, bad := f.mergeAnswers(kept, Answers{key: given[key]}, false, health); len(bad) == 0 {
				kept = next
			}
		}
		again, bad := f.mergeAnswers(nil, kept, true, health)
		if len(bad) > 0 || !reflect.DeepEqual(again, kept) {
			t.Fatalf("kept %+v, kept again %+v, %v", kept, again, bad)
		}
		for key, a := range kept {
			if a.Declined && (len(a.Values) > 0 || a.Text != "") {
				t.Fatalf("%s is declined and answered", key)
			}
		}
	})
}
