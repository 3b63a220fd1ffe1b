package scoring_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

func TestRulesDefaults(t *testing.T) {
	got, err := scoring.ReadRules("rules.yaml", strings.NewReader("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(scoring.DefaultRules(), got); diff != "" {
		t.Error(diff)
	}
}

func TestRulesRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "is empty"},
		{"weights: {skills: 3}", "rules.yaml:1: version: is missing"},
		{"version: 1\nwieghts: {}", `rules.yaml:2: wieghts: is no key here; did you mean "weights"?`},
		{"version: 1\nweights: {skils: 3}", `rules.yaml:2: weights.skils: is no key here; did you mean "skills"?`},
		{"version: 1\nweights: {gender: 3}", "weights.gender: is no key here; the keys here are skills, goals,"},
		{"version: 1\nweights:\n  skills: 2.5", `rules.yaml:3: weights.skills: "2.5" is no whole number from 0 to 100`},
		{"version: 1\nweights: {skills: 101}", "is no whole number from 0 to 100"},
		{"version: 1\nweights: {skills: -1}", "is no whole number from 0 to 100"},
		{"version: 1\nweights: {skills: \"3\"}", "is no whole number"},
		{"version: 1\nweights: [3]", "weights: must be a mapping"},
		{"version: 1\nweights: {skills: 0, goals: 0, experience: 0, availability: 0, travel: 0, language: 0, style: 0, preferences: 0, affinity: 0}", "are all 0"},
		{"version: 1\nhard: {never: false}", "hard.never: cannot be lifted"},
		{"version: 1\nhard: {unit: maybe}", `"maybe" is neither true nor false`},
		{"version: 1\nweek: 2027-01-12", "is a Tuesday: the reference week begins on a Monday, such as 2027-01-11"},
		{"version: 1\nweek: next", `"next" is no date`},
		{"version: 1\nskills: {levels: [900, 800, 1000]}", "must not fall"},
		{"version: 1\nskills: {levels: [900, 800]}", "must be a list of 3 whole numbers"},
		{"version: 1\nexperience: {full: [5, 3]}", "must rise"},
		{"version: 1\navailability: {minutes: 45}", "must be a multiple of 30"},
		{"version: 1\ntravel: {near: 130}", "near 130 must be less than far 120"},
		{"version: 1\nstyle: {items: [pace, pace]}", "stands there twice"},
		{"version: 1\nstyle: {items: [\"my pace\"]}", "names a column"},
		{"version: 1\nunknown: 1001", "is no whole number from 0 to 1000"},
		{"version: 1\nunknown: 1\nunknown: 2", "stands on line 2 already"},
		{"version: 1\nweights: &w {skills: 1}\nhard: *w", "is an alias"},
		{"version: 1\n---\nversion: 1", "more than one document"},
		{"version: 1\nweights: {", "rules.yaml: "},
		{"version: 1\nunknown: \xff", "is not UTF-8"},
		{"- 1", "must be a mapping"},
		{"version: 1\nskils: {}\nunknown: x", "\nrules.yaml:3: unknown"}, // all at once
	} {
		_, err := scoring.ReadRules("rules.yaml", strings.NewReader(c.text))
		if text := ""; err != nil {
			text = "\n" + err.Error()
			if !strings.Contains(text, c.want) {
				t.Errorf("%q: %s\nwant %q", c.text, text, c.want)
			}
		} else {
			t.Errorf("%q: no error", c.text)
		}
	}
}

func TestTravelRefused(t *testing.T) {
	const good = "version: 1\nplaces:\n  - {id: a, en: A}\n  - {id: b, en: B}\nminutes:\n  a: {a: 1, b: 20}\n  b: {b: 2}\n"
	if _, err := scoring.ReadTravel("travel.yaml", strings.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, with, want string }{
		{"  b: {b: 2}", "  b: {b: 2, a: 21}", "says 21 minutes, but a to b says 20"},
		{"  b: {b: 2}", "", "nothing says how long it is from b to b"},
		{"b: 20", "c: 20", "minutes.a.c: is no key here"},
		{"b: 20", "b: -20", "is no whole number from 0"},
		{"id: b, en: B", "id: b, en: A", `"A" is a name of a too`},
		{"id: b, en: B", "id: b", "needs an id and a label"},
	} {
		_, err := scoring.ReadTravel("travel.yaml", strings.NewReader(strings.Replace(good, c.old, c.with, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.with, err, c.want)
		}
	}
}
