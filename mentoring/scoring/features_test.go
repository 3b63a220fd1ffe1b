package scoring_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

type cells = map[string]string

// One feature alone makes the score; what it says is known by hand.
func TestFeatures(t *testing.T) {
	const la = "America/Los_Angeles"
	for _, c := range []struct {
		name, feature  string
		mentee, mentor cells
		want           int
		evidence       string
	}{
		{"no gap", "experience", cells{"experience": "3"}, cells{"experience": "3"}, 0, "the mentor is 0 ahead"},
		{"behind", "experience", cells{"experience": "3"}, cells{"experience": "1"}, 0, "the mentor is -2 ahead"},
		{"one ahead", "experience", cells{"experience": "3"}, cells{"experience": "4"}, 1000, "the mentor is 1 ahead"},
		{"three ahead", "experience", cells{"experience": "0"}, cells{"experience": "3"}, 1000, "the mentor is 3 ahead"},
		{"four ahead", "experience", cells{"experience": "0"}, cells{"experience": "4"}, 767, "the mentor is 4 ahead"}, // 1 - 0.7/3
		{"six ahead", "experience", cells{"experience": "0"}, cells{"experience": "6"}, 300, "the mentor is 6 ahead"},
		{"far ahead", "experience", cells{"experience": "0"}, cells{"experience": "100"}, 300, "the mentor is 100 ahead"},

		{"plenty of time", "availability", cells{"zone": la, "hours": "Mon 9-13"}, cells{"zone": la, "hours": "Mon 8-17"}, 1000, "Mon 09:00 to Mon 13:00 (America/Los_Angeles)"},
		{"half of plenty", "availability", cells{"zone": la, "hours": "Mon 9-11"}, cells{"zone": "America/New_York", "hours": "Mon 12-17"}, 500, "Mon 09:00 to Mon 11:00 (America/Los_Angeles)"},
		{"no time, messages", "availability", cells{"zone": la, "hours": "Mon 9-11", "asynchronous": "yes"}, cells{"zone": la, "hours": "Tue 9-11", "asynchronous": "yes"}, 500, "messages at any time are fine for both"},

		{"near", "travel", cells{"in_person": "yes", "places": "Skagit"}, cells{"places": "skagit"}, 1000, "about 25 minutes from Skagit County to Skagit County"},
		{"farther", "travel", cells{"in_person": "yes", "places": "Skagit"}, cells{"places": "Island County"}, 778, "about 50 minutes from Skagit County to Island County"}, // (120-50)/90
		{"nearest place counts", "travel", cells{"in_person": "yes", "places": "san_juan;whatcom"}, cells{"places": "Condado de Skagit"}, 944, "about 35 minutes from Whatcom County to Skagit County"},
		{"ferry", "travel", cells{"places": "Skagit"}, cells{"in_person": "yes", "places": "San Juan"}, 0, "about 130 minutes from Skagit County to San Juan County"},
		{"online only", "travel", cells{"in_person": "yes", "places": "Skagit"}, cells{"in_person": "no", "places": "Skagit"}, 0, "one of them wants to meet in person, the other does not"},

		{"preferred", "language", cells{"languages": "English; Español", "preferred_language": "Spanish"}, cells{"languages": "es-MX"}, 1000, "speaks es, which is preferred"},
		{"not preferred", "language", cells{"languages": "English; Spanish", "preferred_language": "Spanish"}, cells{"languages": "en-US"}, 0, "does not speak the preferred language"},

		{"alike", "style", cells{"style_structure": "4", "style_formality": "1"}, cells{"style_structure": "4", "style_formality": "1"}, 1000, "structure: alike"},
		{"half apart", "style", cells{"style_structure": "5", "style_formality": "1"}, cells{"style_structure": "1", "style_formality": "1"}, 500, "structure: 4 apart"},
		{"what both answered counts", "style", cells{"style_structure": "5", "style_formality": "1"}, cells{"style_structure": "4"}, 750, "structure: 1 apart"},

		{"first wish", "preferences", cells{"wishes": "mentor"}, cells{}, 1000, "a wish that one of them stated"},
		{"third wish", "preferences", cells{"wishes": "a;b;mentor"}, cells{}, 800, "a wish that one of them stated"},
		{"both wish", "preferences", cells{"wishes": "mentor"}, cells{"wishes": "a;mentee"}, 950, "a wish that one of them stated"},
		{"not named", "preferences", cells{"wishes": "a"}, cells{}, 300, "no wish that one of them stated"},
		{"the sixth counts no more", "preferences", cells{"wishes": "a;b;c;d;e;mentor"}, cells{}, 300, "no wish that one of them stated"},
		{"the fourth whom they never want", "preferences", cells{"never": "a;b;c;mentor"}, cells{}, 0, "no wish that one of them stated"},
		{"named by nobody", "preferences", cells{}, cells{}, 500, "nothing that both answered can be compared"},
	} {
		_, e := only(t, scoring.ShippedTopics(), c.mentee, c.mentor, c.feature)
		if !e.Eligible || e.Score != c.want || e.Parts[0].Evidence[0].String() != c.evidence {
			t.Errorf("%s: %+v, want %d, %q", c.name, e, c.want, c.evidence)
		}
	}
}

// Each hard rule forbids what it is there for, from both sides where it has
// two, and blank forbids nothing.
func TestHardRules(t *testing.T) {
	const la = "America/Los_Angeles"
	for _, c := range []struct {
		mentee, mentor cells
		want           string
	}{
		{cells{}, cells{}, ""},
		{cells{"units": "Clinic; Board"}, cells{"units": "clinic"}, "unit"},
		{cells{"units": "Clinic"}, cells{}, ""},
		{cells{"managers": "boss;mentor"}, cells{}, "chain"},
		{cells{}, cells{"managers": "mentee"}, "chain"},
		{cells{"managers": "boss"}, cells{"managers": "boss"}, ""},
		{cells{"conflicts": "mentor"}, cells{}, "conflict"},
		{cells{}, cells{"conflicts": "mentee"}, "conflict"},
		{cells{"never": "mentor"}, cells{}, "never"},
		{cells{}, cells{"never": "a;b;mentee"}, "never"},
		{cells{}, cells{"never": "a;b;c;mentee"}, ""},
		{cells{"languages": "English"}, cells{"languages": "Spanish;Vietnamese"}, "language"},
		{cells{"languages": "English;Triqui"}, cells{"languages": "trique"}, ""},
		{cells{"languages": "English"}, cells{}, ""},
		{cells{"preferred_language": "Spanish"}, cells{"languages": "English"}, "language"},
		{cells{"zone": la, "hours": "Mon 9-11"}, cells{"zone": la, "hours": "Tue 9-11"}, "availability"},
		{cells{"zone": la, "hours": "Mon 9-11", "asynchronous": "yes"}, cells{"zone": la, "hours": "Tue 9-11"}, "availability"},
		{cells{"zone": la, "hours": "Mon 9-11", "asynchronous": "yes"}, cells{"zone": la, "hours": "Tue 9-11", "asynchronous": "yes"}, ""},
		{cells{"zone": la, "hours": "Mon 9-11"}, cells{"zone": la}, ""},
		{cells{"experience": "4"}, cells{"experience": "4"}, "experience"},
		{cells{"experience": "4"}, cells{}, ""},
		{cells{"in_person": "yes", "places": "san_juan"}, cells{"in_person": "yes", "places": "snohomish"}, "travel"},
		{cells{"places": "san_juan"}, cells{"places": "snohomish"}, ""},
		{cells{"units": "A", "conflicts": "mentor"}, cells{"units": "a"}, "unit conflict"},
	} {
		rules, err := scoring.ReadRules("rules.yaml", strings.NewReader("version: 1\nhard: {experience: true, travel: true}\ntravel: {most: 170}\n"))
		if err != nil {
			t.Fatal(err)
		}
		in := scoring.NewIntake(rules, scoring.ShippedTopics(), scoring.ShippedTravel())
		m, problems := in.Mentee("mentee", c.mentee)
		o, more := in.Mentor("mentor", c.mentor)
		if len(problems)+len(more) > 0 {
			t.Fatal(problems, more)
		}
		s := newScorer(t, scoring.Input{Rules: rules, Mentees: []scoring.Mentee{m}, Mentors: []scoring.Mentor{o}})
		if got := strings.Join(s.Explain(0, 0).Blocked, " "); got != c.want {
			t.Errorf("%v with %v: %q, want %q", c.mentee, c.mentor, got, c.want)
		}
	}
}

// Chains of managers go on through everybody's profile, in circles too; a pair
// that ended with a concern is over, and nobody is their own mentor.
func TestPeopleApart(t *testing.T) {
	person := func(id string, managers ...string) scoring.Person { return scoring.Person{ID: id, Managers: managers} }
	s := newScorer(t, scoring.Input{
		Mentees: []scoring.Mentee{{Person: person("a", "b")}, {Person: person("d", "a")}, {Person: person("e")}},
		Mentors: []scoring.Mentor{{Person: person("b", "c")}, {Person: person("c", "a")}, {Person: person("e")}, {Person: person("x")}},
		Ended:   [][2]string{{"a", "x"}, {"nobody", "x"}},
	})
	var got []string
	for j := range 3 {
		for i := range 4 {
			if e := s.Explain(j, i); !e.Eligible {
				got = append(got, fmt.Sprint(e.Mentee, e.Mentor, " ", strings.Join(e.Blocked, "+")))
			}
		}
	}
	want := []string{"ab chain", "ac chain", "ax ended", "db chain", "dc chain", "ee self"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is blank drops out: the score is that without the feature.
func TestBlankDropsOut(t *testing.T) {
	mentee := cells{"wants": "budgeting;hiring", "experience": "2", "style_structure": "2", "goals": "lead a food bank"}
	mentor := cells{"offers": "budgeting:3", "experience": "8", "style_structure": "5", "about": "food bank"}
	for feature, column := range map[string]string{"skills": "offers", "experience": "experience", "style": "style_structure", "goals": "about"} {
		all := []string{"skills", "goals", "experience", "style"}
		without := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == feature })
		_, want := only(t, scoring.ShippedTopics(), mentee, mentor, without...)
		left := cells{}
		for k, v := range mentor {
			if k != column {
				left[k] = v
			}
		}
		_, got := only(t, scoring.ShippedTopics(), mentee, left, all...)
		if got.Score != want.Score || !slices.Equal(got.Blank, []string{feature}) || got.Completeness != 750 || want.Completeness != 1000 {
			t.Errorf("%s left blank: %+v\nwithout it: %+v", feature, got, want)
		}
		left[column] = "prefer_not_to_say"
		if _, declined := only(t, scoring.ShippedTopics(), mentee, left, all...); declined.Score != want.Score {
			t.Errorf("%s declined: %+v", feature, declined)
		}
	}
}

// Columns that no profile has, protected attributes among them, change nothing.
func TestOtherColumnsSayNothing(t *testing.T) {
	mentee, mentor := cells{"wants": "budgeting", "experience": "2"}, cells{"offers": "budgeting", "experience": "4"}
	_, want := only(t, scoring.ShippedTopics(), mentee, mentor, "skills", "experience", "affinity")
	for _, column := range []string{"race", "gender", "age", "religion", "disability", "name", "affinity", "lived_experience", "affinity_match"} {
		mentee[column], mentor[column] = "the same", "the same"
	}
	_, got := only(t, scoring.ShippedTopics(), mentee, mentor, "skills", "experience", "affinity")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(scoring.Evidence{})); diff != "" {
		t.Error(diff)
	}
}

// Who comes first in the files, and how many workers there are, changes no
// score; and the scores are these on every machine.
func TestSameScoresEverywhere(t *testing.T) {
	in := newCrowd(5, scoring.DefaultRules()).people(80, 70)
	all, err := newScorer(t, in).Matrix(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newScorer(t, in).Matrix(t.Context(), 2)
	if err != nil || !slices.Equal(all, two) {
		t.Errorf("two workers give other scores (%v)", err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	pj, pi := r.Perm(80), r.Perm(70)
	shuffled := scoring.Input{Ended: in.Ended}
	for _, j := range pj {
		shuffled.Mentees = append(shuffled.Mentees, in.Mentees[j])
	}
	for _, i := range pi {
		shuffled.Mentors = append(shuffled.Mentors, in.Mentors[i])
	}
	other, err := newScorer(t, shuffled).Matrix(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for a, j := range pj {
		for b, i := range pi {
			if other[a*70+b] != all[j*70+i] {
				t.Fatalf("%s with %s: %d, shuffled %d", in.Mentees[j].ID, in.Mentors[i].ID, all[j*70+i], other[a*70+b])
			}
		}
	}
	h := sha256.New()
	if err := binary.Write(h, binary.LittleEndian, all); err != nil {
		t.Fatal(err)
	}
	const want = "adbbe87c714ed6a9"
	if got := fmt.Sprintf("%x", h.Sum(nil))[:16]; got != want {
		t.Errorf("the scores of this crowd are %s, not %s: if rules or topics that ship have changed, that is meant", got, want)
	}
}

func TestInputRefused(t *testing.T) {
	person := func(ids ...string) (out []scoring.Mentee) {
		for _, id := range ids {
			out = append(out, scoring.Mentee{Person: scoring.Person{ID: id}})
		}
		return out
	}
	for _, c := range []struct {
		mentees []scoring.Mentee
		want    string
	}{{person("a", "b", "a"), `the id "a" is that of mentees 1 and 3`}, {person("a", ""), "mentee 2 has no id"}} {
		if _, _, err := scoring.New(scoring.Input{Mentees: c.mentees}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	in := scoring.NewIntake(scoring.DefaultRules(), scoring.ShippedTopics(), scoring.ShippedTravel())
	for column, c := range map[string]struct{ cell, want string }{
		"wants":              {"budgeting:4", "after the colon stands the importance, 1, 2 or 3"},
		"text_language":      {"fr", "is neither en nor es"},
		"experience":         {"-1", "is no whole number from 0 to 100"},
		"places":             {"skagitt", `"skagitt" is no place of the travel table; did you mean "skagit"?`},
		"languages":          {"42", "is no language"},
		"preferred_language": {"Spanish;English", "names 2 languages"},
		"asynchronous":       {"perhaps", "is neither yes nor no"},
		"style_structure":    {"6", "is no whole number from 1 to 5"},
		"never":              {"x", "names the person themself"},
		"goals":              {strings.Repeat("word ", 5000), "is longer than 20000 bytes"},
	} {
		_, problems := in.Mentee("x", cells{column: c.cell})
		if len(problems) != 1 || problems[0].Column != column || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%s: %v, want %q", column, problems, c.want)
		}
	}
	_, warnings, err := scoring.New(scoring.Input{
		Mentees: []scoring.Mentee{{Person: scoring.Person{ID: "a", Wishes: []string{"m", "n"}, Never: []string{"z"}}}},
		Mentors: []scoring.Mentor{{Person: scoring.Person{ID: "m", Conflicts: []string{"a"}}}},
	})
	if err != nil || len(warnings) != 2 || warnings[0].Column != "wishes" || warnings[1].Column != "never" {
		t.Errorf("warnings %v, error %v", warnings, err)
	}
}
