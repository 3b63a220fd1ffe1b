package scoring_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// The vocabulary that ships has about 150 topics, each in both languages.
func TestShippedTopics(t *testing.T) {
	topics := scoring.ShippedTopics()
	ids := topics.IDs()
	if len(ids) < 150 {
		t.Errorf("%d topics", len(ids))
	}
	for _, id := range ids {
		if topics.Label(id, "en") == id || topics.Label(id, "es") == topics.Label(id, "en") {
			t.Errorf("%s: labels %q and %q", id, topics.Label(id, "en"), topics.Label(id, "es"))
		}
	}
	t.Logf("figure: topics: %d, each with an English and a Spanish label", len(ids))
}

// Phrases are found whole, in both languages, but for their endings; a word
// within a longer word is none.
func TestSuggest(t *testing.T) {
	for _, c := range []struct{ text, language, want string }{
		{"I want to write better grant proposals and manage a budget.", "", "grant-writing:grant proposals budgeting:budget"},
		{"Help with GRANT WRITING", "en", "grant-writing:grant writing"},
		{"Necesito ayuda con la redacción de subvenciones y el manejo del presupuesto", "", "grant-writing:redacción de subvenciones budgeting:manejo del presupuesto"},
		{"Me interesan las juntas directivas", "es", "board-relations:juntas directivas"},
		{"cleaning, grantees, databases, auditorium", "en", ""}, // lean, grant, data, audit
		{"ｇｒａｎｔ　ｗｒｉｔｉｎｇ", "en", "grant-writing:grant writing"},
		{"redaccio\u0301n de propuestas", "es", "grant-writing:redacción de propuestas"},
		{"We lead community health workers", "", "community-health-workers:community health workers"},
		{"budget, budgets and budgeting", "en", "budgeting:budget"},
		{"", "", ""},
	} {
		var got []string
		for _, s := range scoring.ShippedTopics().Suggest(c.text, c.language) {
			got = append(got, s.Topic+":"+s.Words)
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%q: got %q, want %q", c.text, g, c.want)
		}
	}
}

func TestTokens(t *testing.T) {
	got := scoring.Tokens("Children’s 'day-care', e\u0301poque; ² 24/7 " + strings.Repeat("x", 100))
	if diff := cmp.Diff([]string{"children's", "day", "care", "époque", "2", "24", "7"}, got); diff != "" {
		t.Error(diff)
	}
}

const smallTopics = `version: 1
topics:
  - {id: money, en: Money, es: Dinero}
  - {id: budgets, parent: money, en: Budgets, es: Presupuestos, also: {en: [spending plan]}}
  - {id: grants, parent: money, en: Grants, es: Subvenciones}
  - {id: people, en: People, es: Personas}
`

func readTopics(t *testing.T, text string) *scoring.Topics {
	t.Helper()
	topics, err := scoring.ReadTopics("topics.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

func TestTopicsRefused(t *testing.T) {
	for _, c := range []struct{ old, with, want string }{
		{"version: 1", "version: 2", `topics.yaml:1: version: "2" is no whole number from 1 to 1`},
		{"parent: money, en: Grants", "parent: mony, en: Grants", `topics.yaml:5: grants: the parent "mony" is no topic; did you mean "money"?`},
		{"id: grants", "id: budgets", `the id "budgets" is taken by line 4`},
		{"en: Grants", "en: Spending plans", `the phrase "Spending plans" (en) is one of "budgets" too`},
		{"en: Grants", "eng: Grants", `topics[3].eng: is no key here; did you mean "en"?`},
		{"id: money, en", "id: money, parent: budgets, en", "is its own ancestor"},
		{"id: people", "id: Peo ple", "must be made of a to z"},
		{"  - {id: people, en: People, es: Personas}", "  - people", "topics[4]: must be a mapping"},
		{"also: {en: [spending plan]}", "also: {en: spending plan}", "must be a list"},
		{smallTopics, "", "is empty"},
		{smallTopics, "version: 1\n", "a vocabulary lists its topics"},
		{"topics:", "version: 1\ntopics:", "stands on line 1 already"},
		{"topics:", "topics:" + strings.Repeat("\n  - {}", 2000), "topics: are 2004: at most 2000"},
	} {
		text := strings.Replace(smallTopics, c.old, c.with, 1)
		if text == smallTopics {
			t.Fatalf("%q is not there", c.old)
		}
		_, err := scoring.ReadTopics("topics.yaml", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.with, err, c.want)
		}
	}
}

// only is a scorer of one mentee and one mentor whose cells are given, with
// rules in which only the named features weigh.
func only(t *testing.T, topics *scoring.Topics, mentee, mentor map[string]string, features ...string) (*scoring.Scorer, scoring.Explanation) {
	t.Helper()
	rules := rulesOf(t, features...)
	in := scoring.NewIntake(rules, topics, scoring.ShippedTravel())
	m, problems := in.Mentee("mentee", mentee)
	o, more := in.Mentor("mentor", mentor)
	if problems = append(problems, more...); len(problems) > 0 {
		t.Fatal(problems)
	}
	s := newScorer(t, scoring.Input{Rules: rules, Topics: topics, Mentees: []scoring.Mentee{m}, Mentors: []scoring.Mentor{o}})
	return s, s.Explain(0, 0)
}

// rulesOf are the rules that ship with weights for some features only.
func rulesOf(t *testing.T, features ...string) *scoring.Rules {
	t.Helper()
	text := "version: 1\nweights: {"
	for _, f := range []string{"skills", "goals", "experience", "availability", "travel", "language", "style", "preferences", "affinity"} {
		weight := 0
		if slices.Contains(features, f) {
			weight = 10
		}
		text += fmt.Sprintf("%s: %d, ", f, weight)
	}
	r, err := scoring.ReadRules("rules.yaml", strings.NewReader(text+"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// With one mentor who offers something, a topic that is offered weighs
// ln(4/3) = 0.288 and one that is not ln(4) = 1.386.
func TestSkills(t *testing.T) {
	topics := readTopics(t, smallTopics)
	for _, c := range []struct {
		wants, offers string
		want          int
		evidence      string
	}{
		{"grants", "Grants:3", 1000, "Grants (in depth)"},
		{"grants", "subvención", 800, "Grants (well)"}, // level 2; Spanish, singular
		{"grants", "GRANT:1", 500, "Grants (the basics)"},
		{"budgets", "spending plans:3", 1000, "Budgets (in depth)"},
		{"money", "budgets:3", 800, "Money, by Budgets: a part of it (in depth)"},
		{"budgets", "money:3", 500, "Budgets, by Money: the area it belongs to (in depth)"},
		{"budgets", "grants:3", 250, "Budgets, by Grants: of the same area (in depth)"},
		{"budgets", "people:3", 0, "none of the topics that are wanted, and none near them"},
		{"people", "money:3;budgets:3;grants:3", 0, "none of the topics that are wanted, and none near them"},
		// What a mentor offers beyond does not count against them.
		{"grants", "Grants:3;people:3;budgets:3", 1000, "Grants (in depth)"},
		{"grants", "money:3;Grants:1", 500, "Grants (the basics)"},
		// 288·1000 of 288 + 1386.
		{"grants;people", "Grants:3", 172, "Grants (in depth)"},
		// Importance 1 and 3: 288·1000 of 288 + 3·1386.
		{"grants:1;people:3", "Grants:3", 65, "Grants (in depth)"},
		{"sailing boats", "Sailing boat:3", 1000, "sailing boats (in depth)"},
		{"sailing", "sailing boats:3", 0, "none of the topics that are wanted, and none near them"},
		{"grant", "granted wishes:3", 0, "none of the topics that are wanted, and none near them"},
		{"grants", "", 500, "nothing that both answered can be compared"},
		{"", "grants", 500, "nothing that both answered can be compared"},
	} {
		_, e := only(t, topics, map[string]string{"wants": c.wants}, map[string]string{"offers": c.offers}, "skills")
		if e.Score != c.want || e.Parts[0].Evidence[0].String() != c.evidence {
			t.Errorf("%q with %q: %d (%s), want %d (%s)", c.wants, c.offers, e.Score, e.Parts[0].Evidence[0], c.want, c.evidence)
		}
	}
}
