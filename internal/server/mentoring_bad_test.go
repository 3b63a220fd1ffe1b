package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What cannot be meant is refused whole, with the row or the field, and nothing is
// written.
func TestMentoringBadInput(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	m := w.mentoringOf("alpha", 2, 3)
	ann, bob := m.mentors[0], m.mentors[1]
	lea, max := m.mentees[0], m.mentees[1]
	order := func(kind string, mentee, mentor enrolled) string {
		return `{"kind": "` + kind + `", "mentee": "` + mentee.Name + `", "mentor": "` + mentor.Name + `", "reason": "x"}`
	}
	replaced := func(body, from, to string) string {
		t.Helper()
		if !strings.Contains(body, from) {
			t.Fatalf("%s has no %s", body, from)
		}
		return strings.Replace(body, from, to, 1)
	}
	rows := func(second string) string {
		return `{"reason": "a list", "mentors": [` + mentorBody(30) + `,` + second + `]}`
	}
	// The same person as a mentor and as a mentee, by the same address.
	self := m.enroll("mentee", replaced(menteeBody(40), "mentee-40@", "mentor-0@"))
	m.must("POST", m.at("directives"), m.staff, order("FORBID", lea, bob))
	m.must("POST", m.at("directives"), m.staff, order("LOCK", lea, ann))

	for _, c := range []struct {
		name, path, body string
		reason           string
		fields           []string
		says             string
	}{
		{"somebody twice", m.at("mentors:import"), rows(mentorBody(30)), "IMPORT_INVALID", []string{"row 2, contact"}, "the same person as in row 1"},
		{"negative seats in a list", m.at("mentors:import"), rows(replaced(mentorBody(31), `"seats": 1`, `"seats": -1`)), "FIELDS_INVALID", []string{"mentors[1].seats"}, ""},
		{"too many seats in a list", m.at("mentors:import"), rows(replaced(mentorBody(31), `"seats": 1`, `"seats": 4`)), "IMPORT_INVALID", []string{"row 2, seats"}, "from 0 to 3"},
		{"seats that are no whole number", m.at("mentors:import"), rows(replaced(mentorBody(31), `"seats": 1`, `"seats": 1.5`)), "", nil, "seats"},
		{"an unknown zone in a list", m.at("mentors:import"), rows(replaced(mentorBody(31), `"asynchronous": "yes"`, `"zone": "America/Seattle", "hours": "Mon 9-10"`)), "IMPORT_INVALID", []string{"row 2, profile.zone"}, "America/Seattle"},
		{"a level that is none in a list", m.at("mentors:import"), rows(replaced(mentorBody(32), `:3`, `:9`)), "IMPORT_INVALID", []string{"row 2, profile.offers"}, ""},
		{"a lock that is forbidden", m.at("directives"), order("LOCK", lea, bob), "DIRECTIVE_IN_FORCE", nil, ""},
		{"a forbidden pair that is locked", m.at("directives"), order("FORBID", lea, ann), "DIRECTIVE_IN_FORCE", nil, ""},
		{"a lock twice", m.at("directives"), order("LOCK", lea, ann), "DIRECTIVE_IN_FORCE", nil, ""},
		{"locks beyond seats", m.at("directives"), order("LOCK", max, ann), "DIRECTIVE_INVALID", []string{"mentor"}, "more pairs of " + ann.Code + " are locked than they have seats, 1"},
		{"a lock to themself", m.at("directives"), order("LOCK", self, ann), "PAIR_INVALID", []string{"mentor"}, "nobody is their own mentor"},
		{"a proposal to themself", m.at("proposals"), `{"mentee": "` + self.Name + `", "mentor": "` + ann.Name + `", "reason": "x"}`, "PAIR_INVALID", []string{"mentor"}, "nobody is their own mentor"},
		{"a mentee as a mentor", m.at("directives"), order("LOCK", lea, enrolled{Name: strings.Replace(max.Name, "mentees", "mentors", 1)}), "PAIR_INVALID", []string{"mentor"}, ""},
	} {
		a := m.call("POST", c.path, m.staff, c.body)
		fields := slices.Clone(a.fields)
		if a.status/100 != 4 || c.reason != "" && a.reason != c.reason || c.fields != nil && !slices.Equal(fields, c.fields) || !strings.Contains(string(a.body), c.says) {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		if strings.Contains(string(a.body), "@example.org") || strings.Contains(string(a.body), "Invented Ment") {
			t.Errorf("%s: the error tells who it is: %s", c.name, a.body)
		}
	}
	var list struct{ Mentors []enrolled }
	m.must("GET", m.at("mentors"), m.staff, "").into(t, &list)
	if len(list.Mentors) != 2 {
		t.Errorf("%d mentors after lists that were refused, want 2", len(list.Mentors))
	}

	// In review: a second lock on the only seat of a mentor.
	run := m.match()
	edit := `{"edit": {"kind": "LOCK", "mentee": "` + max.Name + `", "mentor": "` + ann.Name + `", "reason": "x"}}`
	if a := m.call("POST", "/v1/"+run+":edit", m.staff, edit); a.status != http.StatusBadRequest || a.reason != "MATCHING_IMPOSSIBLE" || !strings.Contains(string(a.body), ann.Code) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := m.call("POST", "/v1/"+run+":edit", m.staff, `{"edit": {"kind": "LOCK", "mentee": "`+self.Name+`", "mentor": "`+ann.Name+`", "reason": "x"}}`); a.status/100 != 4 {
		t.Errorf("a lock to themself: %d %s", a.status, a.body)
	}
}
