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
	// Mentees of alpha and one of beta, each with a proposal and a mentorship.
	mentee, otherMentee, awayMentee side
	member, otherMember, awayMember side
}

// side is a mentee with what is theirs, by collection.
type side struct {
	token string
	ids   map[string]string
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
			"offers": s.offers[lastID(application)], "auditEvents": "0", "presets": "north-sound",
		}
	}
	alpha, beta := s.mentorships("alpha"), s.mentorships("beta")
	s.mentee, s.otherMentee, s.awayMentee = alpha[0], alpha[1], beta[0]
	alpha, beta = s.introductions("alpha"), s.introductions("beta")
	s.member, s.otherMember, s.awayMember = alpha[0], alpha[1], beta[0]
	return s
}

// mentorships fills a program's mentoring, and returns its mentees. What staff
// ask about is somebody else's: the last one.
func (s *stage) mentorships(program string) []side {
	m := s.mentoringOf(program, 3, 3)
	var order struct{ Name string }
	s.must("POST", m.at("directives"), m.staff, `{"kind": "FORBID", "mentee": "`+m.mentees[0].Name+`", "mentor": "`+m.mentors[1].Name+`", "reason": "x"}`).into(s.t, &order)
	run := m.match()
	var all []side
	for _, p := range m.publish(run) {
		s.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentee), `{}`)
		s.must("POST", "/v1/"+p.Name+":accept", m.tokenOf(p.Mentor), `{}`).into(s.t, &p)
		s.must("POST", "/v1/"+p.Mentorship+":complete", m.tokenOf(p.Mentor), `{}`)
		s.must("POST", "/v1/"+p.Mentorship+":answerSurvey", m.tokenOf(p.Mentee), `{"survey": {"helped": 5, "again": 5, "fit": 5}}`)
		all = append(all, side{m.tokenOf(p.Mentee), map[string]string{
			"mentees": lastPart(p.Mentee), "mentors": lastPart(p.Mentor), "proposals": lastPart(p.Name), "mentorships": lastPart(p.Mentorship),
		}})
	}
	if len(all) != 3 {
		s.t.Fatalf("%d pairs in %s", len(all), program)
	}
	for collection, id := range all[2].ids {
		s.ids[program][collection] = id
	}
	s.ids[program]["matchings"], s.ids[program]["directives"] = lastPart(run), lastPart(order.Name)
	return all
}

// introductions fills a program's network, and returns its members, each of another
// introduction. What staff ask about is somebody else's: the last one.
func (s *stage) introductions(program string) []side {
	p := s.networkOf(program, "net-of-"+program, `{"shown": ["topics"]}`, 6)
	round := p.round("s")
	var all []side
	for _, i := range p.publishRound(round) {
		for _, m := range i.Members {
			s.must("POST", "/v1/"+i.Name+":accept", p.tokenOfMember(m.Member), `{}`)
		}
		first := i.Members[0].Member
		all = append(all, side{p.tokenOfMember(first), map[string]string{"members": lastPart(first), "introductions": lastPart(i.Name)}})
	}
	if len(all) != 3 {
		s.t.Fatalf("%d introductions in %s", len(all), program)
	}
	for collection, id := range all[2].ids {
		s.ids[program][collection] = id
	}
	s.ids[program]["networks"], s.ids[program]["rounds"] = p.network, lastPart(round)
	return all
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
	"MentorshipService/UpdateMentoringPlan": func(s *stage, program string) proto.Message {
		return &v1.UpdateMentoringPlanRequest{MentoringPlan: &v1.MentoringPlan{Open: true}}
	},
	"MentorshipService/EnrollMentor": func(s *stage, program string) proto.Message {
		return &v1.EnrollMentorRequest{Mentor: &v1.Mentor{Seats: 50}}
	},
	"MentorshipService/CreateMentor": func(s *stage, program string) proto.Message {
		return &v1.CreateMentorRequest{Mentor: &v1.Mentor{Seats: 50}}
	},
	"MentorshipService/ImportMentors": func(s *stage, program string) proto.Message {
		return &v1.ImportMentorsRequest{Reason: " "}
	},
	"MentorshipService/UpdateMentor": func(s *stage, program string) proto.Message {
		return &v1.UpdateMentorRequest{Mentor: &v1.Mentor{Language: "en"}, OnBehalfReason: "test"}
	},
	"MentorshipService/EnrollMentee": func(s *stage, program string) proto.Message {
		return &v1.EnrollMenteeRequest{Mentee: &v1.Mentee{}}
	},
	"MentorshipService/CreateMentee": func(s *stage, program string) proto.Message {
		return &v1.CreateMenteeRequest{Mentee: &v1.Mentee{}}
	},
	"MentorshipService/ImportMentees": func(s *stage, program string) proto.Message {
		return &v1.ImportMenteesRequest{Reason: " "}
	},
	"MentorshipService/UpdateMentee": func(s *stage, program string) proto.Message {
		return &v1.UpdateMenteeRequest{Mentee: &v1.Mentee{Language: "en"}, OnBehalfReason: "test"}
	},
	"MentorshipService/MoveEnrollment": func(s *stage, program string) proto.Message {
		return &v1.MoveEnrollmentRequest{TargetState: v1.EnrollmentState_ENROLLMENT_STATE_PAUSED, Reason: "test"}
	},
	"MentorshipService/IssueEnrollmentToken": func(s *stage, program string) proto.Message {
		return &v1.IssueEnrollmentTokenRequest{}
	},
	"MentorshipService/IssueEnrollmentLink": func(s *stage, program string) proto.Message {
		return &v1.IssueEnrollmentLinkRequest{Reason: "test"}
	},
	"MentorshipService/EraseEnrollment": func(s *stage, program string) proto.Message {
		return &v1.EraseEnrollmentRequest{Reason: " "}
	},
	"MentorshipService/CreateDirective": func(s *stage, program string) proto.Message {
		e := s.edit(program)
		return &v1.CreateDirectiveRequest{Directive: &v1.Directive{Kind: e.Kind, Mentee: e.Mentee, Mentor: e.Mentor, Reason: " "}}
	},
	"MentorshipService/LiftDirective": func(s *stage, program string) proto.Message {
		return &v1.LiftDirectiveRequest{Reason: "test"}
	},
	"MentorshipService/CreateMatching": func(s *stage, program string) proto.Message {
		return &v1.CreateMatchingRequest{Matching: &v1.Matching{Objectives: []string{"nothing"}}}
	},
	"MentorshipService/SimulateMatching": func(s *stage, program string) proto.Message {
		return &v1.SimulateMatchingRequest{Edit: s.edit(program)}
	},
	"MentorshipService/EditMatching": func(s *stage, program string) proto.Message {
		return &v1.EditMatchingRequest{Edit: s.edit(program)}
	},
	"MentorshipService/PublishMatching": func(s *stage, program string) proto.Message {
		return &v1.PublishMatchingRequest{Reason: "test"}
	},
	"MentorshipService/ExplainPair": func(s *stage, program string) proto.Message {
		return &v1.ExplainPairRequest{Mentee: s.edit(program).Mentee, Mentor: s.edit(program).Mentor}
	},
	"MentorshipService/ExplainMissingPair": func(s *stage, program string) proto.Message {
		return &v1.ExplainMissingPairRequest{Mentee: s.edit(program).Mentee, Mentor: s.edit(program).Mentor}
	},
	"MentorshipService/ExplainOtherMentors": func(s *stage, program string) proto.Message {
		return &v1.ExplainOtherMentorsRequest{Mentee: s.edit(program).Mentee}
	},
	"MentorshipService/CreateProposal": func(s *stage, program string) proto.Message {
		return &v1.CreateProposalRequest{Proposal: &v1.Proposal{Mentee: s.edit(program).Mentee, Mentor: s.edit(program).Mentor, Reason: " "}}
	},
	"MentorshipService/AcceptProposal": func(s *stage, program string) proto.Message {
		return &v1.AcceptProposalRequest{Side: v1.MentoringRole_MENTORING_ROLE_MENTEE, OnBehalfReason: "test"}
	},
	"MentorshipService/DeclineProposal": func(s *stage, program string) proto.Message {
		return &v1.DeclineProposalRequest{Side: v1.MentoringRole_MENTORING_ROLE_MENTEE, Reason: v1.Proposal_NO_TIME, OnBehalfReason: "test"}
	},
	"MentorshipService/RecallProposal": func(s *stage, program string) proto.Message {
		return &v1.RecallProposalRequest{Reason: "test"}
	},
	"MentorshipService/SaveMeeting": func(s *stage, program string) proto.Message {
		return &v1.SaveMeetingRequest{Meeting: &v1.Meeting{Outcome: v1.Meeting_PLANNED, StartTime: timestamppb.New(noon)}}
	},
	"MentorshipService/SaveGoal": func(s *stage, program string) proto.Message {
		return &v1.SaveGoalRequest{Goal: &v1.Goal{Words: "x"}}
	},
	"MentorshipService/EndMentorship": func(s *stage, program string) proto.Message {
		return &v1.EndMentorshipRequest{Reason: v1.Mentorship_NO_TIME, OnBehalfReason: "test"}
	},
	"MentorshipService/HandleSafeExit": func(s *stage, program string) proto.Message {
		return &v1.HandleSafeExitRequest{Reason: "test"}
	},
	"MentorshipService/AnswerSurvey": func(s *stage, program string) proto.Message {
		return &v1.AnswerSurveyRequest{Survey: &v1.ClosingSurvey{Helped: 5, Again: 5, Fit: 5}}
	},
	"NetworkService/CreateNetwork": func(s *stage, program string) proto.Message {
		return &v1.CreateNetworkRequest{NetworkId: "net-of-" + program, Network: &v1.Network{}}
	},
	"NetworkService/UpdateNetwork": func(s *stage, program string) proto.Message {
		return &v1.UpdateNetworkRequest{Network: &v1.Network{Shown: []string{"topics"}}}
	},
	"NetworkService/CreateMember": func(s *stage, program string) proto.Message {
		return &v1.CreateMemberRequest{Member: &v1.Member{}, OnBehalfReason: " "}
	},
	"NetworkService/ImportMembers": func(s *stage, program string) proto.Message {
		return &v1.ImportMembersRequest{Reason: " "}
	},
	"NetworkService/UpdateMember": func(s *stage, program string) proto.Message {
		return &v1.UpdateMemberRequest{Member: &v1.Member{RestDays: 3}, OnBehalfReason: "test"}
	},
	"NetworkService/IssueMemberLink": func(s *stage, program string) proto.Message {
		return &v1.IssueMemberLinkRequest{Reason: " "} // let through, and refused for its reason
	},
	"NetworkService/OpenMemberLink": func(s *stage, program string) proto.Message {
		return &v1.OpenMemberLinkRequest{Code: "none"}
	},
	"NetworkService/EraseMember": func(s *stage, program string) proto.Message {
		return &v1.EraseMemberRequest{Reason: " "}
	},
	"NetworkService/CreateRound": func(s *stage, program string) proto.Message {
		return &v1.CreateRoundRequest{Round: &v1.Round{Seed: "\u0007"}}
	},
	"NetworkService/PublishRound": func(s *stage, program string) proto.Message {
		return &v1.PublishRoundRequest{Reason: "test"}
	},
	"NetworkService/AcceptIntroduction": func(s *stage, program string) proto.Message {
		return &v1.AcceptIntroductionRequest{OnBehalfReason: "test"}
	},
	"NetworkService/DeclineIntroduction": func(s *stage, program string) proto.Message {
		return &v1.DeclineIntroductionRequest{Reason: v1.Introduction_NO_TIME, OnBehalfReason: "test"}
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

// edit is about a pair of the program's published run.
func (s *stage) edit(program string) *v1.PairEdit {
	return &v1.PairEdit{Kind: v1.PairEdit_FORBID, Mentee: s.name("programs/*/mentees/*", program), Mentor: s.name("programs/*/mentors/*", program), Reason: "x"}
}

// fullView marks the rows of methods that can be asked for identity answers.
const fullView = " (identity)"

// row makes the request of a method about a program (and application), or
// reports that there is none for it yet.
func (s *stage) row(m protoreflect.MethodDescriptor, variant string, c caller) (proto.Message, bool) {
	program, application := c.program, c.application
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
		for collection, id := range c.own {
			name = strings.Replace(name, s.ids[program][collection], id, 1)
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
	// own is what a mentee's view is about, by collection; nil for the usual.
	own map[string]string
}

// TestAccessMatrix makes every call of the API as everybody, over both doors,
// and compares who got through with a table that a person has read.
func TestAccessMatrix(t *testing.T) {
	s := newStage(t)
	columns := []string{"PUBLIC"}
	callers := [][]caller{{{program: "alpha"}}}
	for _, role := range access.Roles {
		columns = append(columns, string(role))
		if role == access.Applicant {
			lastID := func(n string) string { return n[strings.LastIndexByte(n, '/')+1:] }
			callers = append(callers, []caller{
				{token: s.mine.Token, program: "alpha", application: lastID(s.mine.Application.Name)},
				{token: s.mine.Token, program: "alpha", application: lastID(s.theirs.Application.Name)},
				{token: s.mine.Token, program: "beta"},
			})
			continue
		}
		own, everywhere := s.token(role, "alpha"), s.token(role, "")
		callers = append(callers, []caller{{token: own, program: "alpha"}, {token: own, program: "beta"}, {token: everywhere, program: "beta"}})
	}
	columns = append(columns, "MENTEE")
	callers = append(callers, []caller{
		{token: s.mentee.token, program: "alpha", own: s.mentee.ids},
		{token: s.mentee.token, program: "alpha", own: s.otherMentee.ids},
		{token: s.mentee.token, program: "beta", own: s.awayMentee.ids},
	})
	columns = append(columns, "MEMBER")
	callers = append(callers, []caller{
		{token: s.member.token, program: "alpha", own: s.member.ids},
		{token: s.member.token, program: "alpha", own: s.otherMember.ids},
		{token: s.member.token, program: "beta", own: s.awayMember.ids},
	})
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
	req, ok := s.row(m, variant, c)
	if !ok {
		s.t.Fatalf("%s is a new method: add a request for it to bodies, run this test with -update, and read the row it adds to %s", name, accessGolden)
	}
	if c.own != nil && role == "MENTEE" {
		c.token = s.mentee.token // the last one that was issued
	}
	answer, overGRPC := s.invokeGRPC(m, c.token, req)
	renewing := name == "MentorshipService/IssueEnrollmentToken" && overGRPC.code == "OK"
	if renewing {
		c.token = field(answer, "token")
	}
	got := mark(overGRPC)
	if got == "!" {
		s.t.Errorf("%s as %s about %s: %s %s", name, role, c.program, overGRPC.code, overGRPC.reason)
	}
	routes := bindings(m)
	if s.unbuilt(m) && c.program != "alpha" {
		routes = nil // one look through the other door is enough at what is not there yet
	}
	for _, b := range routes {
		path, body := restOf(s.t, b, req)
		byREST := s.call(b.verb, path, c.token, body)
		overREST := byREST.outcome
		if renewing && overREST.code == "OK" {
			var w struct{ Token string }
			byREST.into(s.t, &w)
			c.token = w.Token
		}
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
	if renewing {
		s.mentee.token = c.token
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
# MENT, a mentee: what is theirs (GetMentor and UpdateMentor: of their mentor); another's in the same
# program; another program. MEMB, a member of a network: what is theirs; another's in the same
# network; another program. PUBL calls without a token. Programs of the stage are closed, not drafts.

`

func abbreviate(role string) string {
	short := map[string]string{
		"ADMINISTRATOR": "ADMI", "PROGRAM_ADMINISTRATOR": "PROG", "FACILITATOR": "FACI", "COORDINATOR": "COOR", "REVIEWER": "REVI",
		"POLICY_APPROVER": "POLI", "PRIVACY_OFFICER": "PRIV", "STEWARD": "STEW", "AUDITOR": "AUDI", "SERVICE": "SERV", "APPLICANT": "APPL", "PUBLIC": "PUBL", "MENTEE": "MENT", "MEMBER": "MEMB",
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
