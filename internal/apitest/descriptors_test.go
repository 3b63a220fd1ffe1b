package apitest

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	fairleadv1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

// ours are the files of the API as they are linked into the server.
func ours() []protoreflect.FileDescriptor {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		files = append(files, f)
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	return files
}

func TestAPIFollowsTheAIPs(t *testing.T) {
	files := ours()
	methods := 0
	for _, f := range files {
		for i := range f.Services().Len() {
			methods += f.Services().Get(i).Methods().Len()
		}
	}
	if len(files) < 15 || methods < 100 {
		t.Fatalf("only %d files and %d methods are linked", len(files), methods)
	}
	for _, f := range check(files) {
		t.Error(f)
	}
	t.Logf("%d methods checked", methods)
}

// Each rule finds the violation planted for it.
func TestEachRuleFindsItsViolation(t *testing.T) {
	field := func(f *descriptorpb.FileDescriptorProto, message, name string) *descriptorpb.FieldDescriptorProto {
		for _, m := range f.GetMessageType() {
			if m.GetName() != message {
				continue
			}
			for _, fd := range m.GetField() {
				if fd.GetName() == name {
					return fd
				}
			}
		}
		return nil
	}
	method := func(f *descriptorpb.FileDescriptorProto, name string) *descriptorpb.MethodDescriptorProto {
		for _, s := range f.GetService() {
			for _, m := range s.GetMethod() {
				if m.GetName() == name {
					return m
				}
			}
		}
		return nil
	}
	drop := func(f *descriptorpb.FileDescriptorProto, message, name string) {
		for _, m := range f.GetMessageType() {
			if m.GetName() == message {
				m.Field = slices.DeleteFunc(m.Field, func(fd *descriptorpb.FieldDescriptorProto) bool { return fd.GetName() == name })
			}
		}
	}
	http := func(m *descriptorpb.MethodDescriptorProto) *annotations.HttpRule {
		return proto.GetExtension(m.GetOptions(), annotations.E_Http).(*annotations.HttpRule)
	}
	rules := func(f *descriptorpb.FieldDescriptorProto) *validate.FieldRules {
		return proto.GetExtension(f.GetOptions(), validate.E_Field).(*validate.FieldRules)
	}
	const service, resource = "fairlead/v1/program_service.proto", "fairlead/v1/program.proto"
	for _, c := range []struct {
		rule, about, file string
		plant             func(*descriptorpb.FileDescriptorProto)
	}{
		{"permission", "GetProgram", service, func(f *descriptorpb.FileDescriptorProto) {
			proto.ClearExtension(method(f, "GetProgram").GetOptions(), fairleadv1.E_Permission)
		}},
		{"permission", "OpenProgram", service, func(f *descriptorpb.FileDescriptorProto) {
			proto.SetExtension(method(f, "OpenProgram").GetOptions(), fairleadv1.E_Permission, "programs.opne")
		}},
		{"AIP-122", "Program", resource, func(f *descriptorpb.FileDescriptorProto) {
			rules(field(f, "Program", "name")).GetString().SetPattern("^calls/[a-z]+$")
		}},
		{"AIP-123", "Program", resource, func(f *descriptorpb.FileDescriptorProto) {
			proto.GetExtension(f.GetMessageType()[0].GetOptions(), annotations.E_Resource).(*annotations.ResourceDescriptor).Plural = "calls"
		}},
		{"AIP-124", "Program.preset", resource, func(f *descriptorpb.FileDescriptorProto) {
			proto.GetExtension(field(f, "Program", "preset").GetOptions(), annotations.E_ResourceReference).(*annotations.ResourceReference).Type += "s"
		}},
		{"AIP-126", "Program.State", resource, func(f *descriptorpb.FileDescriptorProto) {
			f.GetMessageType()[0].GetEnumType()[0].GetValue()[0].Name = proto.String("UNKNOWN")
		}},
		{"AIP-127", "OpenProgram", service, func(f *descriptorpb.FileDescriptorProto) {
			http(method(f, "OpenProgram")).Pattern = &annotations.HttpRule_Post{Post: "/v1/{name=programs/*}:close"}
		}},
		{"AIP-131", "GetProgram", service, func(f *descriptorpb.FileDescriptorProto) {
			http(method(f, "GetProgram")).Pattern = &annotations.HttpRule_Get{Get: "/v1/program/{name=programs/*}"}
		}},
		{"AIP-132", "ListPolicies", service, func(f *descriptorpb.FileDescriptorProto) { drop(f, "ListPoliciesResponse", "policies") }},
		{"AIP-133", "CreateProgram", service, func(f *descriptorpb.FileDescriptorProto) { http(method(f, "CreateProgram")).Body = "*" }},
		{"AIP-134", "UpdateProgram", service, func(f *descriptorpb.FileDescriptorProto) { http(method(f, "UpdateProgram")).Body = "*" }},
		{"AIP-135", "DeleteProgram", service, func(f *descriptorpb.FileDescriptorProto) {
			method(f, "DeleteProgram").OutputType = proto.String(".fairlead.v1.Program")
		}},
		{"AIP-136", "OpenProgram", service, func(f *descriptorpb.FileDescriptorProto) { http(method(f, "OpenProgram")).Body = "" }},
		{"AIP-141", "min_seats", resource, func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Program", "min_seats").Type = descriptorpb.FieldDescriptorProto_TYPE_INT64.Enum()
		}},
		{"AIP-142", "opened", resource, func(f *descriptorpb.FileDescriptorProto) {
			field(f, "Program", "open_time").Name = proto.String("opened")
		}},
		{"AIP-148", "create_time", resource, func(f *descriptorpb.FileDescriptorProto) {
			proto.SetExtension(field(f, "Program", "create_time").GetOptions(), annotations.E_FieldBehavior, []annotations.FieldBehavior{annotations.FieldBehavior_OPTIONAL})
		}},
		{"AIP-154", "Program", resource, func(f *descriptorpb.FileDescriptorProto) { drop(f, "Program", "etag") }},
		{"AIP-154", "CloseProgram", service, func(f *descriptorpb.FileDescriptorProto) { drop(f, "CloseProgramRequest", "etag") }},
		{"AIP-155", "CreatePolicy", service, func(f *descriptorpb.FileDescriptorProto) { drop(f, "CreatePolicyRequest", "request_id") }},
		{"AIP-155", "CreatePolicy", service, func(f *descriptorpb.FileDescriptorProto) {
			rules(field(f, "CreatePolicyRequest", "request_id")).GetString().SetMaxLen(36)
			rules(field(f, "CreatePolicyRequest", "request_id")).GetString().ClearWellKnown()
		}},
		{"AIP-158", "ListPrograms", service, func(f *descriptorpb.FileDescriptorProto) { drop(f, "ListProgramsRequest", "page_token") }},
		{"AIP-158", "ListOpenCalls", service, func(f *descriptorpb.FileDescriptorProto) {
			drop(f, "ListOpenCallsResponse", "next_page_token")
		}},
		{"AIP-161", "UpdateProgram", service, func(f *descriptorpb.FileDescriptorProto) { drop(f, "UpdateProgramRequest", "update_mask") }},
		{"AIP-203", "seats", resource, func(f *descriptorpb.FileDescriptorProto) {
			proto.ClearExtension(field(f, "Program", "seats").GetOptions(), annotations.E_FieldBehavior)
		}},
		{"AIP-216", "state", resource, func(f *descriptorpb.FileDescriptorProto) {
			proto.SetExtension(field(f, "Program", "state").GetOptions(), annotations.E_FieldBehavior, []annotations.FieldBehavior{annotations.FieldBehavior_OPTIONAL})
		}},
		{"bounds", "title", resource, func(f *descriptorpb.FileDescriptorProto) {
			rules(field(f, "Program", "title")).GetMap().ClearMaxPairs()
		}},
		{"bounds", "reason", service, func(f *descriptorpb.FileDescriptorProto) {
			rules(field(f, "ExtendProgramRequest", "reason")).GetString().ClearMaxLen()
		}},
	} {
		t.Run(c.rule+" "+c.about, func(t *testing.T) {
			hit := slices.ContainsFunc(check(mutated(t, c.file, c.plant)), func(f finding) bool {
				return f.rule == c.rule && strings.Contains(f.what, c.about)
			})
			if !hit {
				t.Errorf("%s did not find what was planted in %s", c.rule, c.about)
			}
		})
	}
}

// mutated rebuilds our files with one of them changed.
func mutated(t *testing.T, path string, change func(*descriptorpb.FileDescriptorProto)) []protoreflect.FileDescriptor {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range ours() {
		add(f)
	}
	changed := false
	for i, f := range set.GetFile() {
		if f.GetName() == path {
			set.File[i] = proto.Clone(f).(*descriptorpb.FileDescriptorProto)
			change(set.GetFile()[i])
			changed = true
		}
	}
	if !changed {
		t.Fatalf("no file %s", path)
	}
	registry, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	var files []protoreflect.FileDescriptor
	registry.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		files = append(files, f)
		return true
	})
	return files
}

// What design and documents promise is there under its name, so that nothing
// has to move when it is built.
func TestResourceTree(t *testing.T) {
	have := map[string]bool{}
	for _, f := range ours() {
		defs, _ := proto.GetExtension(f.Options(), annotations.E_ResourceDefinition).([]*annotations.ResourceDescriptor)
		for _, d := range defs {
			have[d.GetPattern()[0]] = true
		}
		eachMessage(f.Messages(), func(m protoreflect.MessageDescriptor) {
			if r := resourceOf(m); r != nil {
				have[r.GetPattern()[0]] = true
			}
		})
	}
	want := strings.Fields(`
		programs/{program} programs/{program}/forms/{form} programs/{program}/criteria/{criteria}
		programs/{program}/applications/{application} programs/{program}/applications/{application}/reviews/{review}
		programs/{program}/selections/{selection} programs/{program}/selections/{selection}/result
		programs/{program}/decisions/{decision} programs/{program}/offers/{offer} programs/{program}/messages/{message}
		programs/{program}/policies/{policy} programs/{program}/consents/{consent} programs/{program}/stewardships/{stewardship}
		programs/{program}/releases/{release} programs/{program}/erasures/{erasure} programs/{program}/exports/{export}
		programs/{program}/mentors/{mentor} programs/{program}/mentees/{mentee} programs/{program}/matchings/{matching}
		programs/{program}/matchings/{matching}/result programs/{program}/matchings/{matching}/audit
		programs/{program}/directives/{directive}
		programs/{program}/proposals/{proposal} programs/{program}/mentorships/{mentorship}
		programs/{program}/mentorships/{mentorship}/partner programs/{program}/mentoringPlan programs/{program}/mentoringMeasures
		programs/{program}/groupings/{grouping}
		presets/{preset} users/{user} tokens/{token} auditEvents/{audit_event}
		programs/{program}/networks/{network} programs/{program}/networks/{network}/members/{member}
		programs/{program}/networks/{network}/rounds/{round} programs/{program}/networks/{network}/rounds/{round}/result
		programs/{program}/networks/{network}/introductions/{introduction}
		people/{person} organizations/{organization} communities/{community} surveys/{survey}`)
	for _, w := range want {
		if !have[w] {
			t.Errorf("no resource %s", w)
		}
	}
	if len(have) != len(want) {
		t.Errorf("%d resources; this list has %d: add what is new", len(have), len(want))
	}
}

// Every rule of every message compiles, and an empty message gives violations
// or nothing, never an error of the rules.
func TestRulesCompile(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	messages := 0
	for _, f := range ours() {
		eachMessage(f.Messages(), func(m protoreflect.MessageDescriptor) {
			messages++
			err := validator.Validate(dynamicpb.NewMessage(m))
			var violations *protovalidate.ValidationError
			if err != nil && !errors.As(err, &violations) {
				t.Errorf("%s: %v", m.FullName(), err)
			}
		})
	}
	if messages < 150 {
		t.Errorf("only %d messages", messages)
	}
}

// The rules let through what is meant and stop what is not.
func TestRulesTellRightFromWrong(t *testing.T) {
	validator, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	const application = "programs/north-sound/applications/0190f2c4-7a10-7c3e-9d00-3f2b5a6c7d8e"
	for _, c := range []struct {
		name  string
		msg   proto.Message
		wrong string // the field at fault, "" if none is
	}{
		{"a name", &fairleadv1.GetProgramRequest{Name: "programs/north-sound"}, ""},
		{"no name", &fairleadv1.GetProgramRequest{}, "name"},
		{"capitals in a name", &fairleadv1.GetProgramRequest{Name: "programs/North"}, "name"},
		{"a short id", &fairleadv1.GetProgramRequest{Name: "programs/ns"}, "name"},
		{"current criteria", &fairleadv1.GetCriteriaRequest{Name: "programs/north-sound/criteria/current"}, ""},
		{"criteria 0", &fairleadv1.GetCriteriaRequest{Name: "programs/north-sound/criteria/0"}, "name"},
		{"a change of one field", &fairleadv1.UpdateProgramRequest{
			Program:    &fairleadv1.Program{Name: "programs/north-sound", Seats: 15},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"seats"}},
		}, ""},
		{"too many seats", &fairleadv1.UpdateProgramRequest{Program: &fairleadv1.Program{Name: "programs/north-sound", Seats: 1001}}, "program.seats"},
		{"negative seats", &fairleadv1.UpdateProgramRequest{Program: &fairleadv1.Program{Name: "programs/north-sound", Seats: -1}}, "program.seats"},
		{"a language that is none", &fairleadv1.Program{Title: map[string]string{"English!": "x"}}, "title"},
		{"a request id that is none", &fairleadv1.SubmitApplicationRequest{Name: application, RequestId: "again"}, "request_id"},
		{"a request id", &fairleadv1.SubmitApplicationRequest{Name: application, RequestId: "0b2f6a5c-3d1e-4a7b-8c9d-0e1f2a3b4c5d"}, ""},
		{"a negative page", &fairleadv1.ListProgramsRequest{PageSize: -1}, "page_size"},
		{"a very large page", &fairleadv1.ListProgramsRequest{PageSize: 5000}, ""}, // read as 1,000
		{"an answer twice", &fairleadv1.Answer{Values: []string{"a", "a"}}, "values"},
		{"a key with a space", &fairleadv1.Application{Answers: map[string]*fairleadv1.Answer{"a b": {}}}, ""}, // the form says what was meant
		{"no key", &fairleadv1.Application{Answers: map[string]*fairleadv1.Answer{"": {}}}, "answers"},
		{"a key without end", &fairleadv1.Application{Answers: map[string]*fairleadv1.Answer{strings.Repeat("a", 101): {}}}, "answers"},
		{"a kind that is none", &fairleadv1.CriteriaRule{Kind: 99}, "kind"},
		{"a zero weight", &fairleadv1.CriteriaRule{Weight: 0}, ""},
		{"a large weight", &fairleadv1.CriteriaRule{Weight: 1001}, "weight"},
		{"a minimum of 0", &fairleadv1.CriteriaRule{Min: proto.Int32(0)}, ""},
		{"a negative minimum", &fairleadv1.CriteriaRule{Min: proto.Int32(-1)}, "min"},
		{"allow for priority 10", &fairleadv1.Criteria{Allow: map[int32]int32{10: 1}}, "allow"},
		{"a cap of 0", &fairleadv1.Criteria{HardCaps: map[string]int32{"county": 0}}, "hard_caps"},
		{"nothing to check", &fairleadv1.CheckCriteriaRequest{Program: "programs/north-sound"}, "subject"},
		{"an empty part of an import", &fairleadv1.ImportApplicationsRequest{}, "part"},
		{"a role to grant", &fairleadv1.User{Grants: []*fairleadv1.Grant{{Role: fairleadv1.Role_ROLE_AUDITOR}}}, ""},
		{"no role to grant", &fairleadv1.User{Grants: []*fairleadv1.Grant{{}}}, "grants[0].role"},
		{"on behalf without a reason", &fairleadv1.OnBehalf{ConsentNote: "by phone"}, "reason"},
	} {
		err := validator.Validate(c.msg)
		var violations *protovalidate.ValidationError
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.wrong != "" && err == nil:
			t.Errorf("%s was taken", c.name)
		case err != nil && !errors.As(err, &violations):
			t.Errorf("%s: %v", c.name, err)
		case err != nil && !strings.HasPrefix(protovalidate.FieldPathString(violations.Violations[0].Proto.GetField()), c.wrong):
			t.Errorf("%s: the violation is about %s", c.name, protovalidate.FieldPathString(violations.Violations[0].Proto.GetField()))
		}
	}
}

// The example in docs/criteria.md is a message that the API takes, and every
// field that the document names exists.
func TestCriteriaDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/criteria.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "```json\n")
	example, _, ok2 := strings.Cut(rest, "```")
	if !ok || !ok2 {
		t.Fatal("no example")
	}
	var criteria fairleadv1.Criteria
	if err := protojson.Unmarshal([]byte(example), &criteria); err != nil {
		t.Fatal(err)
	}
	if err := protovalidate.Validate(&criteria); err != nil {
		t.Fatal(err)
	}
	if len(criteria.GetRules()) != 8 || criteria.GetRules()[2].GetWeight() != 3 || criteria.GetAllow()[2] != 1 {
		t.Errorf("the example reads as %v", &criteria)
	}
	for _, message := range []proto.Message{&criteria, &fairleadv1.CriteriaRule{}} {
		fields := message.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			if name := fields.Get(i).JSONName(); !regexp.MustCompile("`" + name + "`").Match(doc) {
				t.Errorf("docs/criteria.md does not tell of %s", name)
			}
		}
	}
}
