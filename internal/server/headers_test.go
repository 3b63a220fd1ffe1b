package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/internal/access"
)

// TestHeadersThatCannotBeRead sends each header that decides something in
// every way it cannot be carried on, to every route. Dropping it would make a
// change without the condition, the retry or the caller it was meant with.
func TestHeadersThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	type route struct{ method, path, contentType string }
	routes := []route{{"POST", "/v1/programs/alpha/applications:import", strings.TrimPrefix(formHeader, "Content-Type: ")}}
	for _, m := range apiMethods() {
		for _, b := range bindings(m) {
			path := b.path
			if _, pattern, ok := b.variable(); ok {
				before, rest, _ := strings.Cut(path, "{")
				_, after, _ := strings.Cut(rest, "}")
				path = before + strings.ReplaceAll(pattern, "*", "alpha") + after
			}
			routes = append(routes, route{b.verb, path, "application/json"})
		}
	}
	if len(routes) < 50 {
		t.Fatalf("only %d routes", len(routes))
	}
	key := uuid.NewString()
	for _, r := range routes {
		for name, values := range map[string][][]string{
			"Authorization":   {{"Bearer \xff"}, {"Bearer caf\u00e9"}, {""}, {"Bearer " + w.admin, "Bearer " + w.admin}, {"Bearer \xff", "Bearer " + w.admin}},
			"If-Match":        {{"\xff"}, {"\"r1\u00e9\""}, {""}, {`"r1"`, `"r1"`}, {`"r1"`, "\xff"}, {"\"r\t1\""}},
			"Idempotency-Key": {{"caf\u00e9"}, {"caf\xe9"}, {""}, {key, key}, {key, uuid.NewString()}},
		} {
			for _, sent := range values {
				headers := []string{"Content-Type: " + r.contentType}
				for _, v := range sent {
					headers = append(headers, name+": "+v)
				}
				token, status, reason, fields := w.admin, 400, "HEADER_INVALID", []string{name}
				if name == "Authorization" {
					token, status, reason, fields = "", 401, "TOKEN_INVALID", nil
				}
				got := w.call(r.method, r.path, token, "", headers...)
				if got.status != status || got.reason != reason || !slices.Equal(got.fields, fields) || !strings.Contains(string(got.body), "the header "+name) {
					t.Errorf("%s %s with %s %q: %d %s", r.method, r.path, name, sent, got.status, got.body)
				}
				if strings.Contains(string(got.body), "caf") || strings.Contains(string(got.body), w.admin) {
					t.Errorf("%s %s repeats the header: %s", r.method, r.path, got.body)
				}
			}
		}
	}
}

// TestConditionsThatMatchNothing: nothing is changed under them.
func TestConditionsThatMatchNothing(t *testing.T) {
	w := newWorld(t)
	w.draft("alpha")
	before := canonical(t, w.must("GET", "/v1/programs/alpha", w.admin, "").body)
	for value, status := range map[string]int{"\xff": 400, "": 400, `""`: 412, `W/""`: 412, `"r1", "r2"`: 412, `"nothing"`: 412} {
		if got := w.call("PATCH", "/v1/programs/alpha", w.admin, `{"seats": 9}`, "If-Match: "+value); got.status != status {
			t.Errorf("If-Match %q: %d %s", value, got.status, got.body)
		}
	}
	if after := canonical(t, w.must("GET", "/v1/programs/alpha", w.admin, "").body); after != before {
		t.Errorf("it became %s\nfrom %s", after, before)
	}
}

// TestBodiesThatNameAnother sends bodies that name another resource than
// their path: nobody can know which was meant.
func TestBodiesThatNameAnother(t *testing.T) {
	w := newWorld(t)
	w.draft("alpha")
	w.draft("beta")
	w.open("gamma")
	a, b := w.apply("gamma", 1, false), w.apply("gamma", 2, false)
	facilitator := w.token(access.Facilitator, "")
	var user struct{ Name string }
	w.must("POST", "/v1/users", w.admin, `{"displayName": "Invented Staff"}`).into(t, &user)
	for name, c := range map[string]struct{ method, path, token, body, field, told string }{
		"a program":                      {"PATCH", "/v1/programs/alpha", w.admin, `{"name": "programs/beta", "seats": 9}`, "name", `\"programs/beta\", but the path names \"programs/alpha\"`},
		"an application":                 {"PATCH", "/v1/" + a.Application.Name, a.Token, `{"name": "` + b.Application.Name + `", "language": "es"}`, "name", b.Application.Name},
		"a user":                         {"PATCH", "/v1/" + user.Name, w.admin, `{"displayName": "x", "name": "users/01a20028-0000-7000-8000-000000000000"}`, "name", user.Name},
		"what is no name":                {"PATCH", "/v1/programs/alpha", w.admin, `{"name": "Invented Person, 555-0100", "seats": 9}`, "name", "no name of a resource"},
		"a program to open":              {"POST", "/v1/programs/alpha:open", w.admin, `{"name": "programs/beta"}`, "name", `\"programs/beta\"`},
		"the program of criteria":        {"POST", "/v1/programs/alpha:checkCriteria", facilitator, `{"program": "programs/beta", "criteria": {"size": 1}}`, "program", `\"programs/beta\"`},
		"the program of a list":          {"POST", "/v1/programs/gamma/applications:read", facilitator, `{"parent": "programs/beta"}`, "parent", `\"programs/beta\"`},
		"an application that is sent in": {"POST", "/v1/" + a.Application.Name + ":submit", a.Token, `{"name": "` + b.Application.Name + `"}`, "name", b.Application.Name},
	} {
		got := w.call(c.method, c.path, c.token, c.body)
		if got.status != 400 || got.reason != "NAME_CONFLICT" || !slices.Equal(got.fields, []string{c.field}) || !strings.Contains(string(got.body), c.told) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if strings.Contains(string(got.body), "Invented") {
			t.Errorf("%s: the answer repeats what is no name: %s", name, got.body)
		}
	}
	// Sending back what was read is fine.
	p := w.must("GET", "/v1/programs/alpha", w.admin, "")
	w.must("PATCH", "/v1/programs/alpha", w.admin, string(p.body))
	w.must("POST", "/v1/programs/gamma/applications:read", facilitator, `{"parent": "programs/gamma"}`)
	if got := w.call("PATCH", "/v1/programs/alpha", w.admin, `{"name": 5, "seats": 9}`); got.reason != "FIELDS_INVALID" {
		t.Errorf("a name that is a number: %d %s", got.status, got.body)
	}
	// The name in a body that creates is nobody's yet; a copy of a program says
	// what it is a copy of.
	w.must("POST", "/v1/programs?programId=copy", w.admin, `{"name": "programs/alpha", "seats": 3}`)
}
