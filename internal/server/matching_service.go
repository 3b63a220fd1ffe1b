package server

import (
	"context"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/mentoring"
)

// ---- directives ----

func (s *mentorshipService) CreateDirective(ctx context.Context, req *v1.CreateDirectiveRequest) (*v1.Directive, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	program, w := programID(req.GetParent()), req.GetDirective()
	if err := pairOf(program, "directive.", w.GetMentee(), w.GetMentor()); err != nil {
		return nil, err
	}
	kind, err := editKinds.word(int32(w.GetKind()))
	if err != nil {
		return nil, err
	}
	return directive(s.svc.CreateDirective(ctx, chain.Principal(ctx), &mentoring.Directive{
		Program: program, Kind: mentoring.DirectiveKind(kind), Mentee: lastID(w.GetMentee()), Mentor: lastID(w.GetMentor()), Reason: w.GetReason(),
	}, idem))
}

func (s *mentorshipService) GetDirective(ctx context.Context, req *v1.GetDirectiveRequest) (*v1.Directive, error) {
	return directive(s.svc.Directive(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *mentorshipService) ListDirectives(ctx context.Context, req *v1.ListDirectivesRequest) (*v1.ListDirectivesResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Directives, directiveToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListDirectivesResponse{Directives: items, NextPageToken: next}, nil
}

func (s *mentorshipService) LiftDirective(ctx context.Context, req *v1.LiftDirectiveRequest) (*v1.Directive, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return directive(s.svc.LiftDirective(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

// pairOf refuses a pair of another program. prefix is what comes before the
// fields' names in the request.
func pairOf(program, prefix, mentee, mentor string) error {
	return ofProgram(program, map[string][]string{prefix + "mentee": {mentee}, prefix + "mentor": {mentor}})
}

// ---- runs ----

func (s *mentorshipService) CreateMatching(ctx context.Context, req *v1.CreateMatchingRequest) (*v1.Matching, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	w := req.GetMatching()
	return matching(s.svc.CreateMatching(ctx, chain.Principal(ctx), &mentoring.Matching{
		Program: programID(req.GetParent()), Objectives: w.GetObjectives(), Seed: w.GetSeed(), Work: w.GetWorkLimit(),
	}, idem))
}

func (s *mentorshipService) RematchProposal(ctx context.Context, req *v1.RematchProposalRequest) (*v1.Matching, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return matching(s.svc.Rematch(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), idem))
}

func (s *mentorshipService) GetMatching(ctx context.Context, req *v1.GetMatchingRequest) (*v1.Matching, error) {
	return matching(s.svc.Matching(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *mentorshipService) ListMatchings(ctx context.Context, req *v1.ListMatchingsRequest) (*v1.ListMatchingsResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Matchings, matchingToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListMatchingsResponse{Matchings: items, NextPageToken: next}, nil
}

// WatchMatching looks at the run from time to time, because whoever works on it
// may be another process, and sends it whenever it changed.
func (s *mentorshipService) WatchMatching(req *v1.WatchMatchingRequest, stream grpc.ServerStreamingServer[v1.WatchMatchingResponse]) error {
	type seen struct {
		revision, progress int64
		steps              int
		state              mentoring.MatchingState
		step               string
		cancel             bool
	}
	ctx := stream.Context()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var last seen
	for {
		m, err := s.svc.Matching(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()))
		if err != nil {
			return err
		}
		if now := (seen{m.Revision, m.Progress, len(m.Steps), m.State, m.CurrentStep, m.CancelAsked}); now != last {
			last = now
			if err := stream.Send(&v1.WatchMatchingResponse{Matching: matchingToWire(m)}); err != nil {
				return err
			}
		}
		if m.State.Done() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return applications.Errorf(applications.Unavailable, "SHUTTING_DOWN", "the server is stopping; watch again in a moment")
		}
	}
}

func (s *mentorshipService) CancelMatching(ctx context.Context, req *v1.CancelMatchingRequest) (*v1.Matching, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return matching(s.svc.CancelMatching(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), idem))
}

func (s *mentorshipService) GetMatchingResult(ctx context.Context, req *v1.GetMatchingResultRequest) (*v1.MatchingResult, error) {
	program, id := programID(req.GetName()), part(req.GetName(), 3)
	r, err := s.svc.MatchingResult(ctx, chain.Principal(ctx), program, id)
	if err != nil {
		return nil, err
	}
	return matchingResultToWire(program, id, r), nil
}

func (s *mentorshipService) SimulateMatching(ctx context.Context, req *v1.SimulateMatchingRequest) (*v1.SimulateMatchingResponse, error) {
	program := programID(req.GetName())
	edit, err := editFromWire(program, req.GetEdit())
	if err != nil {
		return nil, err
	}
	cost, err := s.svc.TryEdit(ctx, chain.Principal(ctx), program, lastID(req.GetName()), edit)
	if err != nil {
		return nil, err
	}
	return &v1.SimulateMatchingResponse{Cost: costToWire(program, cost)}, nil
}

func (s *mentorshipService) EditMatching(ctx context.Context, req *v1.EditMatchingRequest) (*v1.Matching, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	program := programID(req.GetName())
	edit, err := editFromWire(program, req.GetEdit())
	if err != nil {
		return nil, err
	}
	return matching(s.svc.EditMatching(ctx, chain.Principal(ctx), program, lastID(req.GetName()), edit, rev, idem))
}

func (s *mentorshipService) UndoMatchingEdit(ctx context.Context, req *v1.UndoMatchingEditRequest) (*v1.Matching, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return matching(s.svc.UndoEdit(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *mentorshipService) PublishMatching(ctx context.Context, req *v1.PublishMatchingRequest) (*v1.Matching, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return matching(s.svc.PublishMatching(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

// ---- looking at a run ----

func (s *mentorshipService) ExplainPair(ctx context.Context, req *v1.ExplainPairRequest) (*v1.ExplainPairResponse, error) {
	program := programID(req.GetName())
	if err := pairOf(program, "", req.GetMentee(), req.GetMentor()); err != nil {
		return nil, err
	}
	x, err := s.svc.ExplainPair(ctx, chain.Principal(ctx), program, lastID(req.GetName()), lastID(req.GetMentee()), lastID(req.GetMentor()))
	if err != nil {
		return nil, err
	}
	return explainedPairToWire(program, x), nil
}

func (s *mentorshipService) ExplainMissingPair(ctx context.Context, req *v1.ExplainMissingPairRequest) (*v1.ExplainMissingPairResponse, error) {
	program := programID(req.GetName())
	if err := pairOf(program, "", req.GetMentee(), req.GetMentor()); err != nil {
		return nil, err
	}
	x, err := s.svc.WhyNot(ctx, chain.Principal(ctx), program, lastID(req.GetName()), lastID(req.GetMentee()), lastID(req.GetMentor()))
	if err != nil {
		return nil, err
	}
	return whyNotToWire(program, x), nil
}

func (s *mentorshipService) ExplainOtherMentors(ctx context.Context, req *v1.ExplainOtherMentorsRequest) (*v1.ExplainOtherMentorsResponse, error) {
	program := programID(req.GetName())
	if err := ofProgram(program, map[string][]string{"mentee": {req.GetMentee()}}); err != nil {
		return nil, err
	}
	list, err := s.svc.OtherMentors(ctx, chain.Principal(ctx), program, lastID(req.GetName()), lastID(req.GetMentee()), int(req.GetCount()))
	if err != nil {
		return nil, err
	}
	return &v1.ExplainOtherMentorsResponse{Mentors: convert(list, func(a mentoring.Alternative) *v1.OtherMentor {
		return &v1.OtherMentor{Pair: pairToWire(program, a.Pair), Cost: costToWire(program, &a.Cost)}
	})}, nil
}

func (s *mentorshipService) ExplainRecruitment(ctx context.Context, req *v1.ExplainRecruitmentRequest) (*v1.ExplainRecruitmentResponse, error) {
	r, err := s.svc.Recruit(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()))
	if err != nil {
		return nil, err
	}
	return recruitmentToWire(r), nil
}

func (s *mentorshipService) GetMatchingAudit(ctx context.Context, req *v1.GetMatchingAuditRequest) (*v1.MatchingAudit, error) {
	program, id := programID(req.GetName()), part(req.GetName(), 3)
	r, err := s.svc.MatchingResult(ctx, chain.Principal(ctx), program, id)
	if err != nil {
		return nil, err
	}
	if r.Audit == nil {
		return nil, applications.Errorf(applications.FailedPrecondition, "MATCHING_WITHOUT_AUDIT", "this run has no audit: somebody of it was erased since; start a new run")
	}
	return auditToWire(program, id, r.Audit), nil
}

func (s *mentorshipService) GetMatchingCertificate(ctx context.Context, req *v1.GetMatchingCertificateRequest) (*httpbody.HttpBody, error) {
	r, err := s.svc.MatchingResult(ctx, chain.Principal(ctx), programID(req.GetName()), part(req.GetName(), 3))
	if err != nil {
		return nil, err
	}
	if len(r.Certificate) == 0 {
		return nil, applications.Errorf(applications.FailedPrecondition, "MATCHING_WITHOUT_CERTIFICATE", "this run has no certificate: it was stopped before its pairs were proved best, or somebody of it was erased since")
	}
	return record(r.Certificate, nil)
}

func directive(d *mentoring.Directive, err error) (*v1.Directive, error) {
	if err != nil {
		return nil, err
	}
	return directiveToWire(d), nil
}

func matching(m *mentoring.Matching, err error) (*v1.Matching, error) {
	if err != nil {
		return nil, err
	}
	return matchingToWire(m), nil
}
