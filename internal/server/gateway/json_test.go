package gateway

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

// decodeBody decodes as a generated handler does and returns our error, which
// goes through the text of a status.
func decodeBody(t *testing.T, body string, into any) *applications.Error {
	t.Helper()
	err := newCodec().NewDecoder(strings.NewReader(body)).Decode(into)
	if err == nil {
		return nil
	}
	e, ok := bodyErrorIn(err.Error())
	if !ok {
		t.Fatalf("%q gave %v, which is no error of ours", body, err)
	}
	return e
}

func TestBodyErrors(t *testing.T) {
	for _, c := range []struct {
		name, body string
		into       proto.Message
		reason     string
		want       string // in the message, or "field: message" of a violation
	}{
		{"broken", "{\n  \"title\": }", &v1.Program{}, "JSON_MALFORMED", "line 2, column 12"},
		{"cut off", `{"title": {"en": "A`, &v1.Program{}, "JSON_MALFORMED", "unexpected end"},
		{"cut off between", `{"title": {`, &v1.Program{}, "JSON_MALFORMED", "unexpected end"},
		{"two documents", `{} {}`, &v1.Program{}, "JSON_MALFORMED", "after top-level value"},
		{"not UTF-8", "{\"title\": \"\xff\"}", &v1.Program{}, "JSON_MALFORMED", "not UTF-8"},
		{"list for object", `[]`, &v1.Program{}, "FIELDS_INVALID", ": must be an object, not a list"},
		{"text for object", `"x"`, &v1.Program{}, "FIELDS_INVALID", ": must be an object, not text"},
		{"unknown field", `{"seets": 15}`, &v1.Program{}, "FIELDS_INVALID", `seets: unknown field; did you mean "seats"?`},
		{"unknown field, far from all", `{"zzzzzz": 15}`, &v1.Program{}, "FIELDS_INVALID", "zzzzzz: unknown field"},
		{"unknown field below", `{"window": {"closetime": "2027-01-01T00:00:00Z"}}`, &v1.Program{}, "FIELDS_INVALID", `window.closetime: unknown field; did you mean "closeTime"?`},
		{"unknown field in a list", `{"rules": [{}, {"atribute": "x"}]}`, &v1.Criteria{}, "FIELDS_INVALID", `rules[1].atribute: unknown field; did you mean "attribute"?`},
		{"unknown field in a map", `{"answers": {"county": {"value": "x"}}}`, &v1.Application{}, "FIELDS_INVALID", `answers["county"].value: unknown field; did you mean "values"?`},
		{"text for integer", `{"seats": "many"}`, &v1.Program{}, "FIELDS_INVALID", "seats: must be a whole number from -2147483648 to 2147483647"},
		{"fraction", `{"seats": 1.5}`, &v1.Program{}, "FIELDS_INVALID", "seats: must be a whole number"},
		{"too large", `{"seats": 3000000000}`, &v1.Program{}, "FIELDS_INVALID", "seats: must be a whole number"},
		{"object for integer", `{"seats": {}}`, &v1.Program{}, "FIELDS_INVALID", "seats: must be a whole number, not an object"},
		{"integer for text", `{"codePrefix": 5}`, &v1.Program{}, "FIELDS_INVALID", "codePrefix: must be text, not a number"},
		{"text for bool", `{"publicAgency": "yes"}`, &v1.Program{}, "FIELDS_INVALID", "publicAgency: must be true or false, not text"},
		{"list for map", `{"title": []}`, &v1.Program{}, "FIELDS_INVALID", "title: must be an object, not a list"},
		{"text for list", `{"rules": "x"}`, &v1.Criteria{}, "FIELDS_INVALID", "rules: must be a list, not text"},
		{"null in list", `{"rules": [null]}`, &v1.Criteria{}, "FIELDS_INVALID", "rules[0]: must not be null"},
		{"enum", `{"rules": [{"kind": "QUOTE"}]}`, &v1.Criteria{}, "FIELDS_INVALID", `rules[0].kind: is no known value; did you mean "QUOTA"?`},
		{"enum, far from all", `{"rules": [{"kind": "XXXXXXXX"}]}`, &v1.Criteria{}, "FIELDS_INVALID", "is one of QUOTA, COMPANY, SPREAD, CAP"},
		{"bool for enum", `{"lottery": true}`, &v1.Criteria{}, "FIELDS_INVALID", "lottery: must be one of NONE, MAXIMIN, LEXIMIN, not true or false"},
		{"time", `{"window": {"openTime": "tomorrow"}}`, &v1.Program{}, "FIELDS_INVALID", "window.openTime: must be a time such as"},
		{"number for time", `{"window": {"openTime": 5}}`, &v1.Program{}, "FIELDS_INVALID", "window.openTime: must be a time such as"},
		{"duration", `{"ttl": "1h"}`, &v1.IssueSignInLinkRequest{}, "FIELDS_INVALID", "ttl: must be a duration in seconds such as"},
		{"twice", `{"seats": 1, "seats": 2}`, &v1.Program{}, "FIELDS_INVALID", "seats: is there twice"},
		{"twice in two spellings", `{"minSeats": 1, "min_seats": 2}`, &v1.Program{}, "FIELDS_INVALID", "min_seats: is there twice"},
		{"one of two", `{"criteria": {}, "version": "x"}`, &v1.CheckCriteriaRequest{}, "FIELDS_INVALID", "version: cannot stand together with criteria"},
		{"map key", `{"allow": {"one": 1}}`, &v1.Criteria{}, "FIELDS_INVALID", `allow["one"]: must be a number`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := decodeBody(t, c.body, c.into)
			if e == nil {
				t.Fatal("was accepted")
			}
			told := e.Message
			for _, v := range e.Violations {
				told += "\n" + v.Field + ": " + v.Message
			}
			if e.Reason != c.reason || !strings.Contains(told, c.want) {
				t.Errorf("got %s %s\nwant %s … %s", e.Reason, told, c.reason, c.want)
			}
			if e.Code != applications.InvalidArgument {
				t.Errorf("code %v", e.Code)
			}
		})
	}
}

func TestBodyAllProblemsAtOnce(t *testing.T) {
	e := decodeBody(t, `{"seats": "x", "seets": 1, "title": 3, "window": {"openTime": true}}`, &v1.Program{})
	if e == nil || len(e.Violations) != 4 {
		t.Fatalf("got %v; want four violations", e)
	}
}

func TestBodyErrorsKeepValuesOut(t *testing.T) {
	const canary = "Invented Canary"
	for _, body := range []string{
		`{"contact": "` + canary + `"}`,
		`{"contact": {"name": ["` + canary + `"]}}`,
		`{"answers": {"county": {"number": "` + canary + `"}}}`,
		`{"contact": {"name": "` + canary + `"`,
		`{"submitTime": "` + canary + `"}`,
	} {
		e := decodeBody(t, body, &v1.Application{})
		if e == nil {
			t.Fatalf("%s was accepted", body)
		}
		if b := new(strings.Builder); strings.Contains((&bodyError{e}).Error(), canary) {
			t.Errorf("%s: the error repeats it: %s %v", body, e, b)
		}
	}
}

func TestBodyAccepted(t *testing.T) {
	for _, c := range []struct {
		body string
		want proto.Message
	}{
		{`{"seats": 15, "min_seats": "12"}`, &v1.Program{Seats: 15, MinSeats: 12}},
		{`{"seats": 1.5e1, "title": null}`, &v1.Program{Seats: 15}},
		{"\ufeff", nil}, // a byte order mark is no JSON
		{`{"lottery": 1}`, &v1.Criteria{Lottery: v1.Criteria_NONE}},
	} {
		if c.want == nil {
			if decodeBody(t, c.body, &v1.Program{}) == nil {
				t.Errorf("%q was accepted", c.body)
			}
			continue
		}
		got := c.want.ProtoReflect().New().Interface()
		if e := decodeBody(t, c.body, got); e != nil {
			t.Errorf("%s: %v %v", c.body, e, e.Violations)
		} else if !proto.Equal(got, c.want) {
			t.Errorf("%s: got %v", c.body, got)
		}
	}
	// Generated handlers of routes with a body field decode into the field.
	var req v1.CreateProgramRequest
	if e := decodeBody(t, `{"seets": 1}`, &req.Program); e == nil || len(e.Violations) != 1 || e.Violations[0].Field != "seets" {
		t.Errorf("into a field: %v", e)
	}
}

// FuzzBody feeds anything as a body for the largest messages: whatever
// protojson refuses gets an error of ours, and whatever it takes is taken.
func FuzzBody(f *testing.F) {
	f.Add(`{"contact": {"name": "A"}, "answers": {"county": {"values": ["skagit"], "number": "5"}}}`)
	f.Add(`{"rules": [{"kind": "QUOTA", "values": ["a"], "min": 1, "and": [{"attribute": "b", "values": ["c"]}]}], "allow": {"1": 2}}`)
	f.Add("{\"title\": {\"en\": \"x\"}, \"window\": {\"openTime\": \"2027-01-01T00:00:00Z\"}}")
	f.Add("[[[[\"")
	messages := []func() proto.Message{
		func() proto.Message { return &v1.Application{} },
		func() proto.Message { return &v1.Criteria{} },
		func() proto.Message { return &v1.Program{} },
		func() proto.Message { return &v1.Form{} },
		func() proto.Message { return &v1.CheckCriteriaRequest{} },
		func() proto.Message { return &v1.Selection{} },
	}
	f.Fuzz(func(t *testing.T, body string) {
		if strings.TrimSpace(body) == "" {
			return
		}
		for _, make := range messages {
			got := make()
			e := decodeBody(t, body, got)
			want := protojson.Unmarshal([]byte(body), make())
			if (e == nil) != (want == nil) {
				t.Fatalf("%q as %s: %v, protojson: %v", body, name(got), e, want)
			}
			if e != nil && e.Reason != "JSON_MALFORMED" && (e.Reason != "FIELDS_INVALID" || len(e.Violations) == 0) {
				t.Fatalf("%q as %s: %v without a violation", body, name(got), e)
			}
		}
	})
}

func name(m proto.Message) protoreflect.FullName { return m.ProtoReflect().Descriptor().FullName() }
