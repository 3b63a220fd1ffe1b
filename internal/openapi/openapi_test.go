package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	fairleadv1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/gen/openapi"
	"github.com/openfairlead/fairlead/internal/access"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDocumentIsValid(t *testing.T) {
	if err := load(t).Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The validator finds what it is there for.
func TestInvalidDocumentIsFound(t *testing.T) {
	broken := strings.Replace(string(openapi.JSON), `"in": "path"`, `"in": "pth"`, 1)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(broken))
	if err == nil {
		err = doc.Validate(t.Context())
	}
	if err == nil {
		t.Fatal("a parameter that is nowhere was taken")
	}
}

type operation struct {
	*openapi3.Operation
	verb, path string
	method     protoreflect.MethodDescriptor
}

func operations(t *testing.T) []operation {
	t.Helper()
	var ops []operation
	for path, item := range load(t).Paths.Map() {
		for verb, op := range item.Operations() {
			method, err := methodOf(op.OperationID)
			if err != nil {
				t.Fatalf("%s %s: %v", verb, path, err)
			}
			ops = append(ops, operation{op, verb, path, method})
		}
	}
	return ops
}

// Every route of the descriptors is described, and nothing else but the import.
func TestEveryRouteIsDescribed(t *testing.T) {
	described := map[string]bool{}
	for _, op := range operations(t) {
		key := op.verb + " " + string(op.method.FullName())
		if described[key+" "+op.path] {
			t.Errorf("%s twice", key)
		}
		described[key] = true
	}
	want := map[string]bool{"POST fairlead.v1.ApplicationService.ImportApplications": true}
	for _, file := range files() {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
				if rule == nil {
					continue
				}
				for _, r := range append(rule.GetAdditionalBindings(), rule) {
					want[verbOf(r)+" "+string(method.FullName())] = true
				}
			}
		}
	}
	for key := range want {
		if !described[key] {
			t.Errorf("%s is not described", key)
		}
	}
	for key := range described {
		if !want[key] {
			t.Errorf("%s is described and does not exist", key)
		}
	}
	if len(want) < 100 {
		t.Errorf("only %d routes: the descriptors are not linked", len(want))
	}
}

func verbOf(r *annotations.HttpRule) string {
	switch r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET"
	case *annotations.HttpRule_Post:
		return "POST"
	case *annotations.HttpRule_Patch:
		return "PATCH"
	case *annotations.HttpRule_Delete:
		return "DELETE"
	}
	return "?"
}

func TestErrorsSecurityAndHeaders(t *testing.T) {
	for _, op := range operations(t) {
		problem := op.Responses.Default()
		if problem == nil || problem.Value.Content["application/problem+json"] == nil ||
			problem.Value.Content["application/problem+json"].Schema.Ref != schemaRef+problemName {
			t.Errorf("%s %s: errors are not problem documents", op.verb, op.path)
		}
		if op.Responses.Value("200") == nil {
			t.Errorf("%s %s: no 200", op.verb, op.path)
		}
		permission := proto.GetExtension(op.method.Options(), fairleadv1.E_Permission).(string)
		open := slices.ContainsFunc(*op.Security, func(r openapi3.SecurityRequirement) bool { return len(r) == 0 })
		if open != (permission == string(access.Public)) {
			t.Errorf("%s %s: open to everybody is %v, the permission %s", op.verb, op.path, open, permission)
		}
		if !slices.ContainsFunc(*op.Security, func(r openapi3.SecurityRequirement) bool { _, ok := r["bearer"]; return ok }) {
			t.Errorf("%s %s: takes no bearer token", op.verb, op.path)
		}
		key := op.Parameters.GetByInAndName("header", "Idempotency-Key")
		mutates := op.method.Input().Fields().ByName("request_id") != nil || op.method.Name() == "ImportApplications"
		if (key != nil) != mutates {
			t.Errorf("%s %s: header Idempotency-Key is %v, a request_id %v", op.verb, op.path, key != nil, mutates)
		}
		for _, p := range op.Parameters {
			if p.Value.Description == "" {
				t.Errorf("%s %s: parameter %s has no description", op.verb, op.path, p.Value.Name)
			}
			if p.Value.In == "query" && p.Value.Name == "requestId" {
				t.Errorf("%s %s: the request id is in the URL", op.verb, op.path)
			}
		}
		if op.Description == "" || strings.Contains(op.Description, "\n") {
			t.Errorf("%s %s: description %q", op.verb, op.path, op.Description)
		}
	}
}

// What is bounded in the proto is bounded here: some of each kind.
func TestBounds(t *testing.T) {
	doc := load(t)
	property := func(message, name string) *openapi3.Schema {
		t.Helper()
		schema := doc.Components.Schemas["fairlead.v1."+message]
		if schema == nil || schema.Value.Properties[name] == nil {
			t.Fatalf("no property %s.%s", message, name)
		}
		return schema.Value.Properties[name].Value
	}
	if p := property("Contact", "email"); p.MaxLength == nil || *p.MaxLength != 254 {
		t.Errorf("e-mail: %v", p.MaxLength)
	}
	if p := property("Window", "graceMinutes"); *p.Min != 0 || *p.Max != 120 {
		t.Errorf("grace: %v to %v", p.Min, p.Max)
	}
	if p := property("Program", "seats"); *p.Min != 0 || *p.Max != 1000 { // 0: not set
		t.Errorf("seats: %v to %v", *p.Min, *p.Max)
	}
	if p := property("Program", "codePrefix"); p.Pattern != "^$|^[A-Z]{1,6}$" {
		t.Errorf("code prefix: %s", p.Pattern)
	}
	if p := property("Criteria", "rules"); p.MaxItems == nil || *p.MaxItems != 500 {
		t.Errorf("rules: %v", p.MaxItems)
	}
	if p := property("Condition", "values"); p.MinItems != 1 || p.Items.Value.Pattern == "" {
		t.Errorf("values of a condition: %d, %q", p.MinItems, p.Items.Value.Pattern)
	}
	if p := property("Application", "answers"); p.MaxProps == nil || *p.MaxProps != 100 {
		t.Errorf("answers: %v", p.MaxProps)
	}
	if p := property("Answer", "writeIns"); *p.AdditionalProperties.Schema.Value.MaxLength != 500 {
		t.Error("write-ins have no bound")
	}
	if s := doc.Components.Schemas["fairlead.v1.OnBehalf"].Value; !slices.Equal(s.Required, []string{"consentNote", "reason"}) {
		t.Errorf("OnBehalf requires %v", s.Required)
	}
	if s := doc.Components.Schemas["fairlead.v1.Program"].Value; len(s.Required) > 0 {
		t.Errorf("a change of a program would have to send %v", s.Required)
	}
	for _, op := range operations(t) {
		if p := op.Parameters.GetByInAndName("query", "pageSize"); p != nil && (p.Schema.Value.Min == nil || *p.Schema.Value.Min != 0) {
			t.Errorf("%s: page size has no bound", op.path)
		}
	}
}

// The document is checked as answers will be: a result as the server sends it
// passes, and one with a wrong type, a broken bound or an unknown state fails.
func TestSchemasTellRightFromWrong(t *testing.T) {
	schema := load(t).Components.Schemas["fairlead.v1.Program"].Value
	for _, c := range []struct {
		body string
		ok   bool
	}{
		{`{"name":"programs/north-sound-2027","state":"OPEN","title":{"en":"Leading"},"seats":15,"createTime":"2027-01-04T08:00:00Z"}`, true},
		{`{"seats":"15"}`, false},
		{`{"seats":1001}`, false},
		{`{"state":"HALF_OPEN"}`, false},
		{`{"name":"programs/NORTH"}`, false},
		{`{"window":{"graceMinutes":121}}`, false},
	} {
		var body any
		if err := json.Unmarshal([]byte(c.body), &body); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(body, openapi3.EnableJSONSchema2020()); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.body, err)
		}
	}
}
