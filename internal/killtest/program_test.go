package killtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// openProgram creates a call with a small form of its own, opens it, and
// returns a client that may do what a facilitator and a program administrator
// may.
func openProgram(t *testing.T, s *testserver.Server, id string) *testserver.Client {
	t.Helper()
	ctx := t.Context()
	var token struct{ Secret string }
	err := s.Client(s.AdminToken()).Call(ctx, http.MethodPost, "/v1/tokens", map[string]any{
		"label":  "kill test",
		"grants": []any{map[string]string{"role": "ROLE_PROGRAM_ADMINISTRATOR"}, map[string]string{"role": "ROLE_FACILITATOR"}},
	}, &token)
	if err != nil {
		t.Fatal(err)
	}
	staff := s.Client(token.Secret)
	now := time.Now().UTC()
	for _, c := range []struct {
		path string
		body any
	}{
		{"/v1/programs?programId=" + id, map[string]any{
			"title": en("Kill test"), "summary": en("A call of a test."), "audience": en("Nobody."), "effort": en("None."),
			"selectionNote": en("By rules."), "contact": en("Nobody, 360-555-0100."), "region": en("Nowhere"),
			"codePrefix": "KT", "seats": 15, "minSeats": 12,
			"window": map[string]any{"openTime": now.Add(-time.Hour), "closeTime": now.Add(24 * time.Hour), "timeZone": "America/Los_Angeles"},
		}},
		{"/v1/programs/" + id + "/forms", form},
		{"/v1/programs/" + id + "/criteria", criteria},
		{"/v1/programs/" + id + ":open", map[string]any{}},
	} {
		if err := staff.Call(ctx, http.MethodPost, c.path, c.body, nil); err != nil {
			t.Fatal(err)
		}
	}
	return staff
}

func en(s string) map[string]string { return map[string]string{"en": s} }

// The form asks what rules can count and nothing about who a person is.
var form = map[string]any{
	"attributes": []any{
		attribute("place", "SINGLE", "north", "south", "east", "west", "island"),
		attribute("field", "MULTI", "health", "housing", "food", "schools", "transport", "justice", "youth"),
		attribute("level", "SINGLE", "executive", "manager", "lead", "other"),
		map[string]any{
			"key": "organization", "kind": "ENTITY", "label": en("Organization"), "question": en("Where do you work?"),
			"sensitivity": "INTERNAL", "purposes": []string{"BALANCE"},
		},
	},
	"pages": []any{
		map[string]any{"key": "contact", "title": en("You")},
		map[string]any{"key": "work", "title": en("Your work"), "attributes": []string{"place", "field", "level", "organization"}},
		map[string]any{"key": "consent", "title": en("Consent")},
	},
	"consents": []any{map[string]any{"key": "use", "text": en("Use my answers to choose a group"), "required": true}},
}

func attribute(key, kind string, codes ...string) map[string]any {
	var values []any
	for _, c := range codes {
		values = append(values, map[string]any{"code": c, "label": en(c)})
	}
	return map[string]any{
		"key": key, "kind": kind, "label": en(key), "question": en("Which " + key + "?"), "values": values,
		"sensitivity": "INTERNAL", "purposes": []string{"BALANCE"},
	}
}

// Rules with two priorities, so that a run has several durable steps.
var criteria = map[string]any{
	"title": "test", "size": 15, "minSize": 12,
	"rules": []any{
		map[string]any{"kind": "QUOTA", "attribute": "place", "values": []string{"north", "south", "east", "west", "island"}, "each": true, "min": 2, "max": 4, "priority": 1},
		map[string]any{"kind": "SPREAD", "attribute": "field", "min": 6, "priority": 1},
		map[string]any{"kind": "CAP", "attribute": "field", "max": 4, "priority": 2},
		map[string]any{"kind": "QUOTA", "attribute": "level", "values": []string{"executive"}, "min": 3, "max": 5, "priority": 2},
		map[string]any{"kind": "CAP", "attribute": "organization", "max": 1, "priority": 3},
		map[string]any{"kind": "CAP", "attribute": "organization", "max": 3},
	},
}

func name(n int) string  { return fmt.Sprintf("Invented Applicant %05d", n) }
func email(n int) string { return fmt.Sprintf("applicant-%05d@example.org", n) }

// application is the body of submission n: the same bytes at every try.
func application(n int) []byte {
	r := rand.New(rand.NewPCG(uint64(n), 0))
	pick := func(codes ...string) []string { return []string{codes[r.IntN(len(codes))]} }
	field := pick("health", "housing", "food", "schools", "transport", "justice", "youth")
	if more := pick("health", "housing", "food", "schools", "transport", "justice", "youth"); more[0] != field[0] && n%3 == 0 {
		field = append(field, more...)
	}
	b, err := json.Marshal(map[string]any{
		"contact":  map[string]string{"name": name(n), "email": email(n)},
		"language": "en",
		"consents": []any{map[string]string{"key": "use"}},
		"answers": map[string]any{
			"place":        map[string]any{"values": pick("north", "south", "east", "west", "island")},
			"field":        map[string]any{"values": field},
			"level":        map[string]any{"values": pick("executive", "manager", "lead", "other")},
			"organization": map[string]any{"text": "Invented Organization " + pick("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N")[0]},
		},
	})
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	return b
}
