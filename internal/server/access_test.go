package server_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

var update = flag.Bool("update", false, "write the golden files anew")

const accessGolden = "testdata/access.txt"

// stage is what the access matrix is played on: two programs with everything
// in them that a name can name.
type stage struct {
	*world
	ids map[string]map[string]string // by program and collection
	// mine and theirs are two applicants of alpha, away one of beta.
	mine, theirs, away applicant
	user, revoked      string            // ids
	offers             map[string]string // id of an application -> of the offer to it
}

// absent is the id of whatever is not built yet.
const absent = "01a20028-0000-7000-8000-000000000000"

func newStage(t *testing.T) *stage {
	s := &stage{world: newWorld(t), ids: map[string]map[string]string{}, offers: map[string]string{}}
	for _, p := range []string{"alpha", "beta"} {
		s.open(p)
	}
	s.mine, s.theirs, s.away = s.apply("alpha", 1, true), s.apply("alpha", 2, true), s.apply("beta", 3, true)
	staffed := map[string]applicant{"alpha": s.apply("alpha", 4, true), "beta": s.apply("beta", 4, true)}
	for n := range 3 { // so that a cohort could be chosen
		s.apply("alpha", 10+n, true)
		s.apply("beta", 10+n, true)
	}
	lastID := func(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
	var user, token struct{ Name string }
	s.must("POST", "/v1/users", s.admin, `{"displayName": "Invented Staff"}`).into(t, &user)
	s.must("POST", "/v1/tokens", s.admin, `{"grants": [{"role": "ROLE_AUDITOR"}]}`).into(t, &token)
	s.must("POST", "/v1/"+token.Name+":revoke", s.admin, "{}")
	s.user, s.revoked = lastID(user.Name), lastID(token.Name)
	for _, p := range []string{"alpha", "beta"} {
		var policy, run struct{ Name string }
		s.must("POST", "/v1/programs/"+p+"/policies", s.token(access.PolicyApprover, p),
			`{"attributes": ["county"], "approver": "Invented", "reason": "test", "expireTime": "2028-01-01T00:00:00Z"}`).into(t, &policy)
		s.must("POST", "/v1/programs/"+p+":close", s.admin, "{}")
		facilitator := s.token(access.Facilitator, p)
		s.must("POST", "/v1/programs/"+p+"/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`).into(t, &run)
		s.must("POST", "/v1/"+run.Name+":cancel", facilitator, "{}")
		// One that staff may do everything with.
		application := staffed[p].Application.Name
		for _, a := range map[string][]applicant{"alpha": {s.mine, s.theirs, staffed[p]}, "beta": {s.away, staffed[p]}}[p] {
			id := lastID(a.Application.Name)
			s.offers[id] = s.offer(p, id)
		}
		s.ids[p] = map[string]string{
			"programs": p, "forms": "1", "criteria": "1", "applications": lastID(application),
			"policies": lastID(policy.Name), "selections": lastID(run.Name), "users": s.user, "tokens": s.revoked,
			"offers": s.offers[lastID(application)], "auditEvents": "0", "presets": "north-sound", "networks": "some-network",
		}
	}
	return s
}

// name fills a pattern such as programs/*/applications/*.
func (s *stage) name(pattern, program string) string {
	parts := strings.Split(pattern, "/")
	for i := range parts {
		if parts[i] != "*" {
			continue
		}
		if id, ok := s.ids[program][parts[i-1]]; ok {
			parts[i] = id
		} else {
			parts[i] = absent
		}
	}
	return strings.Join(parts, "/")
}

// bodies completes requests that a name alone does not make valid. They are
// chosen so that whoever may make them changes nothing: a stale etag, a name
// that is taken, a state that forbids it.
var bodies = map[string]func(s *stage, program string) proto.Message{
	"ProgramService/CreateProgram": func(s *stage, program string) proto.Message {
		return &v1.CreateProgramRequest{ProgramId: program, Program: &v1.Program{}}
	},
	"ProgramService/UpdateProgram": func(s *stage, program string) proto.Message {
		return &v1.UpdateProgramRequest{Program: &v1.Program{Seats: 5}}
	},
	"ProgramService/ExtendProgram": func(s *stage, program string) proto.Message {
		return &v1.ExtendProgramRequest{CloseTime: timestamppb.New(noon), Reason: "test"}
	},
	"ProgramService/CreateForm": func(s *stage, program string) proto.Message {
		return &v1.CreateFormRequest{Form: &v1.Form{}}
	},
	"ProgramService/CreateCriteria": func(s *stage, program string) proto.Message {
		return &v1.CreateCriteriaRequest{Criteria: &v1.Criteria{Rules: []*v1.CriteriaRule{{Attribute: "nothing"}}}}
	},
	"ProgramService/CheckCriteria": func(s *stage, program string) proto.Message {
		return &v1.CheckCriteriaRequest{Subject: &v1.CheckCriteriaRequest_Criteria{Criteria: &v1.Criteria{Size: 1}}}
	},
	"ProgramService/CreatePolicy": func(s *stage, program string) proto.Message {
		return &v1.CreatePolicyRequest{Policy: &v1.Policy{Attributes: []string{"nothing"}, Approver: "x", Reason: "x", ExpireTime: timestamppb.New(noon)}}
	},
	"ApplicationService/CreateApplication": func(s *stage, program string) proto.Message {
		return &v1.CreateApplicationRequest{Application: &v1.Application{}}
	},
	"ApplicationService/UpdateApplication": func(s *stage, program string) proto.Message {
		return &v1.UpdateApplicationRequest{Application: &v1.Application{Language: "en"}}
	},
	"ApplicationService/ExtendApplication": func(s *stage, program string) proto.Message {
		return &v1.ExtendApplicationRequest{ExtendedCloseTime: timestamppb.New(noon), Reason: "test"}
	},
	"ApplicationService/RenewReturnCode": func(s *stage, program string) proto.Message {
		return &v1.RenewReturnCodeRequest{Reason: "test"}
	},
	"ApplicationService/EraseApplication": func(s *stage, program string) proto.Message {
		return &v1.EraseApplicationRequest{Reason: " "} // let through, and refused for its reason
	},
	"ApplicationService/ResumeApplication": func(s *stage, program string) proto.Message {
		return &v1.ResumeApplicationRequest{ReturnCode: map[string]applicant{"alpha": s.mine, "beta": s.away}[program].ReturnCode}
	},
	"ApplicationService/ImportApplications": func(s *stage, program string) proto.Message {
		return &v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Spec{Spec: &v1.ImportSpec{Parent: "programs/" + program, DryRun: true}}}
	},
	"SelectionService/CreateSelection": func(s *stage, program string) proto.Message {
		return &v1.CreateSelectionRequest{Selection: &v1.Selection{Lottery: v1.Criteria_LEXIMIN, Seed: "too early"}}
	},
	"SelectionService/CommitSeed": func(s *stage, program string) proto.Message {
		return &v1.CommitSeedRequest{Person: "x", Digest: strings.Repeat("0", 64)}
	},
	"SelectionService/ChooseSelection": func(s *stage, program string) proto.Message {
		return &v1.ChooseSelectionRequest{Reason: "test"}
	},
	"SelectionService/ReplaceMembers": func(s *stage, program string) proto.Message {
		return &v1.ReplaceMembersRequest{Declined: []string{s.name("programs/*/applications/*", program)}, Reason: "test"}
	},
	"SelectionService/ExplainSelection": func(s *stage, program string) proto.Message {
		return &v1.ExplainSelectionRequest{Application: s.name("programs/*/applications/*", program)}
	},
	"ApplicationService/GetApplication" + fullView: func(s *stage, program string) proto.Message {
		return &v1.GetApplicationRequest{View: v1.ApplicationView_APPLICATION_VIEW_FULL, Reason: "test"}
	},
	"ApplicationService/ListApplications" + fullView: func(s *stage, program string) proto.Message {
		return &v1.ListApplicationsRequest{View: v1.ApplicationView_APPLICATION_VIEW_FULL, Reason: "test"}
	},
	"ApplicationService/ExportApplications" + fullView: func(s *stage, program string) proto.Message {
		return &v1.ExportApplicationsRequest{IdentityColumns: true, Reason: "test"}
	},
	"OfferService/PrepareOffers": func(s *stage, program string) proto.Message {
		return &v1.PrepareOffersRequest{Selection: s.name("programs/*/selections/*", program), Reason: "test"}
	},
	"OfferService/SendOffers": func(s *stage, program string) proto.Message {
		return &v1.SendOffersRequest{ExpireTime: timestamppb.New(noon.AddDate(-1, 0, 0))}
	},
	"OfferService/AcceptOffer": func(s *stage, program string) proto.Message {
		return &v1.AcceptOfferRequest{OnBehalfReason: "test"}
	},
	"OfferService/DeclineOffer": func(s *stage, program string) proto.Message {
		return &v1.DeclineOfferRequest{OnBehalfReason: "test"}
	},
	"OfferService/RescindOffer": func(s *stage, program string) proto.Message {
		return &v1.RescindOfferRequest{Reason: "test"}
	},
	"AdminService/CreateUser": func(s *stage, program string) proto.Message {
		return &v1.CreateUserRequest{User: &v1.User{DisplayName: "\u202e"}}
	},
	"AdminService/UpdateUser": func(s *stage, program string) proto.Message {
		return &v1.UpdateUserRequest{User: &v1.User{DisplayName: "x"}}
	},
	"AdminService/CreateToken": func(s *stage, program string) proto.Message {
		return &v1.CreateTokenRequest{Token: &v1.Token{ExpireTime: timestamppb.New(noon.AddDate(-1, 0, 0))}}
	},
}

// fullView marks the rows of methods that can be asked for identity answers.
const fullView = " (identity)"

// row makes the request of a method about a program (and application), or
// reports that there is none for it yet.
func (s *stage) row(m protoreflect.MethodDescriptor, variant, program, application string) (proto.Message, bool) {
	req := request(m)
	build, built := bodies[methodName(m)+variant]
	if built {
		req = build(s, program)
	}
	list := bindings(m)
	if len(list) == 0 {
		return req, built
	}
	if field, pattern, ok := list[0].variable(); ok {
		name := s.name(pattern, program)
		if application != "" {
			name = strings.Replace(name, s.ids[program]["applications"], application, 1)
			name = strings.Replace(name, s.ids[program]["offers"], s.offers[application], 1)
		}
		setField(req, field, name)
	}
	if holder := etagHolder(req.ProtoReflect()); holder != nil {
		holder.Set(holder.Descriptor().Fields().ByName("etag"), protoreflect.ValueOfString("r999999"))
	}
	// A method that changes something and takes a body needs a request of its
	// own in the table; one that only names something does not.
	if needs := list[0].body != "" && list[0].body != "*"; needs && !built {
		if !s.unbuilt(m) {
			return req, false
		}
		r := req.ProtoReflect()
		r.Mutable(r.Descriptor().Fields().ByName(protoreflect.Name(list[0].body)))
	}
	return req, true
}

func etagHolder(m protoreflect.Message) protoreflect.Message {
	if m.Descriptor().Fields().ByName("etag") != nil {
		return m
	}
	for i := range m.Descriptor().Fields().Len() {
		fd := m.Descriptor().Fields().Get(i)
		if fd.Message() != nil && !fd.IsMap() && !fd.IsList() && m.Has(fd) && fd.Message().Fields().ByName("etag") != nil && m.Descriptor().Fields().ByName("update_mask") != nil {
			return m.Mutable(fd).Message()
		}
	}
	return nil
}

// unbuilt reports whether a method is named but not built.
func (s *stage) unbuilt(m protoreflect.MethodDescriptor) bool {
	for _, r := range s.api.routes {
		if r.op.OperationID == strings.Replace(methodName(m), "/", "_", 1) {
			_, ok := r.op.Extensions["x-not-built"]
			return ok
		}
	}
	return false
}

// mark says in one character what access did: y let through, - refused for
// lack of a role, 0 refused for lack of a token, h hidden as if it were not
// there.
func mark(o outcome) string {
	switch {
	case o.code == "PERMISSION_DENIED":
		return "-"
	case o.code == "UNAUTHENTICATED":
		return "0"
	case o.code == "NOT_FOUND":
		return "h"
	case slices.Contains([]string{"INTERNAL", "UNKNOWN", "DATA_LOSS", "RESOURCE_EXHAUSTED"}, o.code):
		return "!" // of a limit: what it hides would depend on what was called before
	}
	return "y"
}

// caller is somebody who makes every call, about a program of theirs and about
// another.
type caller struct {
	token       string
	program     string
	application string // of an applicant's view; "" for the program's usual one
}

// TestAccessMatrix makes every call of the API as everybody, over both doors,
// and compares who got through with a table that a person has read.
func TestAccessMatrix(t *testing.T) {
	s := newStage(t)
	columns := []string{"PUBLIC"}
	callers := [][]caller{{{"", "alpha", ""}}}
	for _, role := range access.Roles {
		columns = append(columns, string(role))
		if role == access.Applicant {
			lastID := func(n string) string { return n[strings.LastIndexByte(n, '/')+1:] }
			callers = append(callers, []caller{
				{s.mine.Token, "alpha", lastID(s.mine.Application.Name)},
				{s.mine.Token, "alpha", lastID(s.theirs.Application.Name)},
				{s.mine.Token, "beta", ""},
			})
			continue
		}
		own, everywhere := s.token(role, "alpha"), s.token(role, "")
		callers = append(callers, []caller{{own, "alpha", ""}, {own, "beta", ""}, {everywhere, "beta", ""}})
	}
	var table strings.Builder
	table.WriteString(accessLegend)
	header := fmt.Sprintf("%-48s %-20s", "METHOD", "PERMISSION")
	for _, c := range columns {
		header += " " + abbreviate(c)
	}
	table.WriteString(strings.TrimRight(header, " ") + "\n")
	for _, m := range apiMethods() {
		variants := []string{""}
		if _, ok := bodies[methodName(m)+fullView]; ok {
			variants = append(variants, fullView)
		}
		for _, variant := range variants {
			line := fmt.Sprintf("%-48s %-20s", methodName(m)+variant, permission(m))
			for i, group := range callers {
				cell := ""
				for _, c := range group {
					cell += s.try(m, variant, columns[i], c)
				}
				line += fmt.Sprintf(" %-4s", cell)
			}
			table.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	if *update {
		if err := os.WriteFile(accessGolden, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(accessGolden)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("who may do what is not as in %s; if it is meant, run with -update and read the difference:\n%s", accessGolden, difference(string(want), table.String()))
	}
	if err := s.svc.Store.Ping(context.Background()); err != nil {
		t.Error(err)
	}
}

// try makes one call over every door and returns the mark of it.
func (s *stage) try(m protoreflect.MethodDescriptor, variant, role string, c caller) string {
	s.t.Helper()
	name := methodName(m)
	req, ok := s.row(m, variant, c.program, c.application)
	if !ok {
		s.t.Fatalf("%s is a new method: add a request for it to bodies, run this test with -update, and read the row it adds to %s", name, accessGolden)
	}
	_, overGRPC := s.invokeGRPC(m, c.token, req)
	got := mark(overGRPC)
	if got == "!" {
		s.t.Errorf("%s as %s about %s: %s %s", name, role, c.program, overGRPC.code, overGRPC.reason)
	}
	routes := bindings(m)
	if s.unbuilt(m) && c.program != "alpha" {
		routes = nil // one look through the other door is enough at what is not there yet
	}
	for _, b := range routes {
		overREST := s.invokeREST(m, b, c.token, req)
		if variant == fullView && b.verb == "GET" { // has a reason, which no URL may hold
			if overREST.reason != "FULL_VIEW_NEEDS_POST" {
				s.t.Errorf("%s as %s about %s with a reason in the URL: %s %s", name, role, c.program, overREST.code, overREST.reason)
			}
			continue
		}
		if overREST.code != overGRPC.code || overREST.reason != overGRPC.reason || !slices.Equal(overREST.fields, overGRPC.fields) {
			s.t.Errorf("%s as %s about %s: gRPC says %s %s %v, %s %s says %s %s %v", name, role, c.program,
				overGRPC.code, overGRPC.reason, overGRPC.fields, b.verb, b.path, overREST.code, overREST.reason, overREST.fields)
		}
	}
	if name == "ApplicationService/ImportApplications" { // its route is no binding
		overREST := s.call("POST", "/v1/programs/"+c.program+"/applications:import", c.token, importForm(`{"dryRun": true}`, "x\n1\n"), formHeader)
		if mark(overREST.outcome) != got {
			s.t.Errorf("%s as %s about %s: gRPC says %s, REST %s", name, role, c.program, overGRPC.code, overREST.code)
		}
	}
	return got
}

const accessLegend = `# Who may do what: every method as every role, over gRPC and REST alike. Made by
# TestAccessMatrix (go test ./internal/server -run TestAccessMatrix -update) and read by a person.
#
# y  let through to what the method does     -  refused: no role for it
# h  hidden: answered as if it were not there  0  refused: needs a token
#
# Roles have three characters: held for the program asked about; held for another program; held for
# all programs. APPL, the applicant: own application; another's in the same program; another program.
# PUBL calls without a token. Programs of the stage are closed, not drafts.

`

func abbreviate(role string) string {
	short := map[string]string{
		"ADMINISTRATOR": "ADMI", "PROGRAM_ADMINISTRATOR": "PROG", "FACILITATOR": "FACI", "COORDINATOR": "COOR", "REVIEWER": "REVI",
		"POLICY_APPROVER": "POLI", "PRIVACY_OFFICER": "PRIV", "STEWARD": "STEW", "AUDITOR": "AUDI", "SERVICE": "SERV", "APPLICANT": "APPL", "PUBLIC": "PUBL",
	}
	return short[role]
}

// difference lists the lines that only one of two texts has.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out []string
	for _, l := range a {
		if !slices.Contains(b, l) {
			out = append(out, "- "+l)
		}
	}
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, "+ "+l)
		}
	}
	return strings.Join(out, "\n")
}
