package server

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/mentoring"
)

// mentorshipService serves mentoring. What is about mentors and mentees stands
// here, what is about runs in matching_service.go, and what is about proposals
// and mentorships in relation_service.go.
type mentorshipService struct {
	v1.UnimplementedMentorshipServiceServer
	svc       *mentoring.Service
	pages     pages
	publicURL string
	stopping  <-chan struct{} // closed when the server begins to stop
}

// ---- the plan ----

func (s *mentorshipService) GetMentoringPlan(ctx context.Context, req *v1.GetMentoringPlanRequest) (*v1.MentoringPlan, error) {
	return plan(s.svc.Plan(ctx, chain.Principal(ctx), programID(req.GetName())))
}

// UpdateMentoringPlan makes the plan where there is none yet.
func (s *mentorshipService) UpdateMentoringPlan(ctx context.Context, req *v1.UpdateMentoringPlanRequest) (*v1.MentoringPlan, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	rev, err := revision(req.GetMentoringPlan().GetEtag())
	if err != nil {
		return nil, err
	}
	paths, _, err := readMask(req.GetUpdateMask(), req.GetMentoringPlan())
	if err != nil {
		return nil, err
	}
	who, program := chain.Principal(ctx), programID(req.GetMentoringPlan().GetName())
	present, err := s.svc.Plan(ctx, who, program)
	switch {
	case applications.ReasonOf(err) == "PLAN_NOT_FOUND":
		present = &mentoring.Plan{Program: program}
	case err != nil:
		return nil, err
	case rev == 0:
		rev = present.Revision // what was read is what the rest of the mask is taken from
	}
	merged, _ := merge(planToWire(present), req.GetMentoringPlan(), paths)
	p := planFromWire(merged)
	p.Revision = rev
	return plan(s.svc.SavePlan(ctx, who, p, idem))
}

func (s *mentorshipService) PriceMentoringRules(ctx context.Context, req *v1.PriceMentoringRulesRequest) (*v1.PriceMentoringRulesResponse, error) {
	prices, err := s.svc.PriceRules(ctx, chain.Principal(ctx), programID(req.GetName()), req.Rules)
	if err != nil {
		return nil, err
	}
	return rulePricesToWire(prices), nil
}

// ---- mentors ----

func (s *mentorshipService) EnrollMentor(ctx context.Context, req *v1.EnrollMentorRequest) (*v1.EnrollMentorResponse, error) {
	e, token, err := s.enroll(ctx, req, mentorFromWire(programID(req.GetParent()), req.GetMentor()), req.GetSubmit(), "")
	if err != nil {
		return nil, err
	}
	return &v1.EnrollMentorResponse{Mentor: mentorToWire(e), Token: token}, nil
}

func (s *mentorshipService) CreateMentor(ctx context.Context, req *v1.CreateMentorRequest) (*v1.Mentor, error) {
	e, _, err := s.enroll(ctx, req, mentorFromWire(programID(req.GetParent()), req.GetMentor()), req.GetSubmit(), req.GetOnBehalfReason())
	return mentor(e, err)
}

func (s *mentorshipService) ImportMentors(ctx context.Context, req *v1.ImportMentorsRequest) (*v1.ImportMentorsResponse, error) {
	program := programID(req.GetParent())
	n, err := s.importAll(ctx, req, program, mentoring.Mentor, convert(req.GetMentors(), func(w *v1.Mentor) *mentoring.Enrollment {
		return mentorFromWire(program, w)
	}), req.GetReason())
	if err != nil {
		return nil, err
	}
	return &v1.ImportMentorsResponse{CreatedCount: int32(n)}, nil
}

func (s *mentorshipService) GetMentor(ctx context.Context, req *v1.GetMentorRequest) (*v1.Mentor, error) {
	e, places, err := s.enrollment(ctx, req.GetName(), mentoring.Mentor)
	if err != nil {
		return nil, err
	}
	w := mentorToWire(e)
	w.Places = placesToWire(places)
	return w, nil
}

func (s *mentorshipService) ListMentors(ctx context.Context, req *v1.ListMentorsRequest) (*v1.ListMentorsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Enrollments(ctx, chain.Principal(ctx), programID(req.GetParent()), mentoring.Mentor, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListMentorsResponse{Mentors: convert(page.Items, mentorToWire), NextPageToken: next(page.Next)}, nil
}

func (s *mentorshipService) UpdateMentor(ctx context.Context, req *v1.UpdateMentorRequest) (*v1.Mentor, error) {
	return mentor(update(ctx, s, req, req.GetMentor(), req.GetUpdateMask(), req.GetOnBehalfReason(), mentorToWire, mentorFromWire))
}

// ---- mentees ----

func (s *mentorshipService) EnrollMentee(ctx context.Context, req *v1.EnrollMenteeRequest) (*v1.EnrollMenteeResponse, error) {
	e, token, err := s.enroll(ctx, req, menteeFromWire(programID(req.GetParent()), req.GetMentee()), req.GetSubmit(), "")
	if err != nil {
		return nil, err
	}
	return &v1.EnrollMenteeResponse{Mentee: menteeToWire(e), Token: token}, nil
}

func (s *mentorshipService) CreateMentee(ctx context.Context, req *v1.CreateMenteeRequest) (*v1.Mentee, error) {
	e, _, err := s.enroll(ctx, req, menteeFromWire(programID(req.GetParent()), req.GetMentee()), req.GetSubmit(), req.GetOnBehalfReason())
	return mentee(e, err)
}

func (s *mentorshipService) ImportMentees(ctx context.Context, req *v1.ImportMenteesRequest) (*v1.ImportMenteesResponse, error) {
	program := programID(req.GetParent())
	n, err := s.importAll(ctx, req, program, mentoring.Mentee, convert(req.GetMentees(), func(w *v1.Mentee) *mentoring.Enrollment {
		return menteeFromWire(program, w)
	}), req.GetReason())
	if err != nil {
		return nil, err
	}
	return &v1.ImportMenteesResponse{CreatedCount: int32(n)}, nil
}

func (s *mentorshipService) GetMentee(ctx context.Context, req *v1.GetMenteeRequest) (*v1.Mentee, error) {
	e, places, err := s.enrollment(ctx, req.GetName(), mentoring.Mentee)
	if err != nil {
		return nil, err
	}
	w := menteeToWire(e)
	w.Places = placesToWire(places)
	return w, nil
}

func (s *mentorshipService) ListMentees(ctx context.Context, req *v1.ListMenteesRequest) (*v1.ListMenteesResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Enrollments(ctx, chain.Principal(ctx), programID(req.GetParent()), mentoring.Mentee, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListMenteesResponse{Mentees: convert(page.Items, menteeToWire), NextPageToken: next(page.Next)}, nil
}

func (s *mentorshipService) UpdateMentee(ctx context.Context, req *v1.UpdateMenteeRequest) (*v1.Mentee, error) {
	return mentee(update(ctx, s, req, req.GetMentee(), req.GetUpdateMask(), req.GetOnBehalfReason(), menteeToWire, menteeFromWire))
}

// ---- both ----

func (s *mentorshipService) enroll(ctx context.Context, req proto.Message, e *mentoring.Enrollment, submit bool, reason string) (*mentoring.Enrollment, string, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, "", err
	}
	e.ID = ""
	return s.svc.Enroll(ctx, chain.Principal(ctx), e, submit, reason, idem)
}

func (s *mentorshipService) importAll(ctx context.Context, req proto.Message, program string, role mentoring.Role, all []*mentoring.Enrollment, reason string) (int, error) {
	idem, err := idempotency(req)
	if err != nil {
		return 0, err
	}
	for _, e := range all {
		e.ID = ""
	}
	return s.svc.ImportEnrollments(ctx, chain.Principal(ctx), program, role, all, reason, idem)
}

// enrollment reads one of a role: the id of a mentor names no mentee.
func (s *mentorshipService) enrollment(ctx context.Context, name string, role mentoring.Role) (*mentoring.Enrollment, mentoring.Places, error) {
	who, program, id := chain.Principal(ctx), programID(name), lastID(name)
	e, err := s.svc.Enrollment(ctx, who, program, id)
	if err != nil {
		return nil, mentoring.Places{}, err
	}
	if e.Role != role {
		return nil, mentoring.Places{}, applications.Errorf(applications.NotFound, "ENROLLMENT_NOT_FOUND", "there is no such enrollment")
	}
	places, err := s.svc.Places(ctx, who, program, id)
	return e, places, err
}

// enrollmentFields are what callers may change, as the service calls it.
var enrollmentFields = map[string]string{
	"contact": "contact", "profile": "profile", "seats": "seats", "wanted": "wanted", "language": "language",
	"traits": "traits", "affinity": "affinity", "wishes": "wishes", "never": "never", "consents": "consents",
}

// update changes a mentor or a mentee. What the mask names is taken from the
// request; where it names a part of a field, the rest of the field from what is
// stored.
func update[W interface {
	proto.Message
	GetName() string
	GetEtag() string
}](
	ctx context.Context, s *mentorshipService, req proto.Message, given W, mask *fieldmaskpb.FieldMask, reason string,
	toWire func(*mentoring.Enrollment) W, fromWire func(string, W) *mentoring.Enrollment,
) (*mentoring.Enrollment, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	rev, err := revision(given.GetEtag())
	if err != nil {
		return nil, err
	}
	paths, fixed, err := readMask(mask, given)
	if err != nil {
		return nil, err
	}
	who, program := chain.Principal(ctx), programID(given.GetName())
	wanted := given
	if parts := slices.ContainsFunc(paths, func(p maskPath) bool { return len(p.below) > 0 }); parts || len(fixed) > 0 {
		present, err := s.svc.Enrollment(ctx, who, program, lastID(given.GetName()))
		if err != nil {
			return nil, err
		}
		if err := unchanged(toWire(present), given, fixed); err != nil {
			return nil, err
		}
		wanted, _ = merge(toWire(present), given, paths)
		if rev == 0 && parts {
			rev = present.Revision
		}
	}
	var fields []string
	for _, p := range paths {
		if f := enrollmentFields[p.field.JSONName()]; !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	e := fromWire(program, wanted)
	e.ID, e.Revision = lastID(given.GetName()), rev
	return s.svc.UpdateEnrollment(ctx, who, e, fields, reason, idem)
}

func (s *mentorshipService) MoveEnrollment(ctx context.Context, req *v1.MoveEnrollmentRequest) (*v1.MoveEnrollmentResponse, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	move := map[v1.EnrollmentState]func(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem applications.Idempotency) (*mentoring.Enrollment, error){
		v1.EnrollmentState_ENROLLMENT_STATE_DRAFT:     s.svc.ReturnEnrollment,
		v1.EnrollmentState_ENROLLMENT_STATE_SUBMITTED: s.svc.SubmitEnrollment,
		v1.EnrollmentState_ENROLLMENT_STATE_SCREENED:  s.svc.ScreenEnrollment,
		v1.EnrollmentState_ENROLLMENT_STATE_AVAILABLE: s.svc.OfferEnrollment,
		v1.EnrollmentState_ENROLLMENT_STATE_PAUSED:    s.svc.PauseEnrollment,
		v1.EnrollmentState_ENROLLMENT_STATE_WITHDRAWN: s.svc.WithdrawEnrollment,
	}[req.GetTargetState()]
	if move == nil {
		return nil, applications.Invalid("FIELDS_INVALID", "an enrollment cannot be moved there",
			applications.Violation{Field: "target_state", Message: "SUBMITTED, SCREENED, AVAILABLE, PAUSED, DRAFT or WITHDRAWN; :erase erases"})
	}
	e, err := move(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem)
	if err != nil {
		return nil, err
	}
	w := &v1.MoveEnrollmentResponse{}
	w.Mentor, w.Mentee = eitherToWire(e)
	return w, nil
}

func (s *mentorshipService) IssueEnrollmentToken(ctx context.Context, req *v1.IssueEnrollmentTokenRequest) (*v1.IssueEnrollmentTokenResponse, error) {
	who, program, id := chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())
	if who.Can(access.MatchingsRun, program) && !who.Enrolled(program, id) {
		return nil, applications.Errorf(applications.PermissionDenied, "OWNER_ONLY", "only the mentor or mentee gets a token: with it you would be them. Send them a link (:issueSignInLink); with \"endOthers\" it also ends what they lost")
	}
	token, err := s.svc.RenewToken(ctx, who, program, id, "")
	if err != nil {
		return nil, err
	}
	return &v1.IssueEnrollmentTokenResponse{Token: token}, nil
}

func (s *mentorshipService) IssueEnrollmentLink(ctx context.Context, req *v1.IssueEnrollmentLinkRequest) (*v1.SignInLink, error) {
	who, program, id := chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())
	life := signInLinkLife
	if req.GetTtl() != nil {
		life = req.GetTtl().AsDuration()
	}
	issue := s.svc.SignInLink
	if req.GetEndOthers() {
		issue = s.svc.OnlySignInLink
	}
	code, err := issue(ctx, who, program, id, req.GetReason(), life)
	if err != nil {
		return nil, err
	}
	link := &v1.SignInLink{Code: code, ExpireTime: stamp(s.svc.Now().Add(life))}
	if s.publicURL != "" {
		link.Uri = s.publicURL + "/enter/" + code
	}
	return link, nil
}

func (s *mentorshipService) EraseEnrollment(ctx context.Context, req *v1.EraseEnrollmentRequest) (*v1.EraseEnrollmentResponse, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	e, err := s.svc.EraseEnrollment(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), idem)
	if err != nil {
		return nil, err
	}
	w := &v1.EraseEnrollmentResponse{}
	w.Mentor, w.Mentee = eitherToWire(e)
	return w, nil
}

func plan(p *mentoring.Plan, err error) (*v1.MentoringPlan, error) {
	if err != nil {
		return nil, err
	}
	return planToWire(p), nil
}

func mentor(e *mentoring.Enrollment, err error) (*v1.Mentor, error) {
	if err != nil {
		return nil, err
	}
	return mentorToWire(e), nil
}

func mentee(e *mentoring.Enrollment, err error) (*v1.Mentee, error) {
	if err != nil {
		return nil, err
	}
	return menteeToWire(e), nil
}
