package server

import (
	"context"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/mentoring"
)

// ---- proposals ----

func (s *mentorshipService) CreateProposal(ctx context.Context, req *v1.CreateProposalRequest) (*v1.Proposal, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	program, w := programID(req.GetParent()), req.GetProposal()
	if err := pairOf(program, "proposal.", w.GetMentee(), w.GetMentor()); err != nil {
		return nil, err
	}
	return proposal(s.svc.Propose(ctx, chain.Principal(ctx), program, lastID(w.GetMentee()), lastID(w.GetMentor()), w.GetReason(), idem))
}

func (s *mentorshipService) GetProposal(ctx context.Context, req *v1.GetProposalRequest) (*v1.Proposal, error) {
	return proposal(s.svc.Proposal(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *mentorshipService) ListProposals(ctx context.Context, req *v1.ListProposalsRequest) (*v1.ListProposalsResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Proposals, proposalToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListProposalsResponse{Proposals: items, NextPageToken: next}, nil
}

func (s *mentorshipService) AcceptProposal(ctx context.Context, req *v1.AcceptProposalRequest) (*v1.Proposal, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	side, err := mentoringRoles.word(int32(req.GetSide()))
	if err != nil {
		return nil, err
	}
	return proposal(s.svc.AcceptProposal(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()),
		req.GetOnBehalfReason(), mentoring.Role(side), rev, idem))
}

func (s *mentorshipService) DeclineProposal(ctx context.Context, req *v1.DeclineProposalRequest) (*v1.Proposal, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	side, err := mentoringRoles.word(int32(req.GetSide()))
	if err != nil {
		return nil, err
	}
	reason, err := declineReasons.word(int32(req.GetReason()))
	if err != nil {
		return nil, err
	}
	why := mentoring.Decline{Reason: mentoring.DeclineReason(reason), Note: req.GetNote(), Never: req.GetNever()}
	return proposal(s.svc.DeclineProposal(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()),
		why, req.GetOnBehalfReason(), mentoring.Role(side), rev, idem))
}

func (s *mentorshipService) RecallProposal(ctx context.Context, req *v1.RecallProposalRequest) (*v1.Proposal, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return proposal(s.svc.RecallProposal(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

// ---- mentorships ----

func (s *mentorshipService) GetMentorship(ctx context.Context, req *v1.GetMentorshipRequest) (*v1.Mentorship, error) {
	return mentorship(s.svc.Mentorship(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *mentorshipService) ListMentorships(ctx context.Context, req *v1.ListMentorshipsRequest) (*v1.ListMentorshipsResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Mentorships, mentorshipToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListMentorshipsResponse{Mentorships: items, NextPageToken: next}, nil
}

func (s *mentorshipService) GetPartner(ctx context.Context, req *v1.GetPartnerRequest) (*v1.Partner, error) {
	p, err := s.svc.Partner(ctx, chain.Principal(ctx), programID(req.GetName()), part(req.GetName(), 3))
	if err != nil {
		return nil, err
	}
	return &v1.Partner{Name: req.GetName(), Code: p.Code, Contact: mentoringContactToWire(p.Contact)}, nil
}

func (s *mentorshipService) SaveMeeting(ctx context.Context, req *v1.SaveMeetingRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	w := req.GetMeeting()
	state, err := meetingStates.word(int32(w.GetOutcome()))
	if err != nil {
		return nil, err
	}
	const usual = 60 // minutes
	m := mentoring.Meeting{ID: w.GetId(), State: mentoring.MeetingState(state), Time: timeOf(w.GetStartTime()), Minutes: int(w.GetMinutes()), Place: w.GetPlace()}
	if m.Minutes == 0 {
		m.Minutes = usual
	}
	return mentorship(s.svc.SaveMeeting(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), m, rev, idem))
}

func (s *mentorshipService) SaveGoal(ctx context.Context, req *v1.SaveGoalRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	w := req.GetGoal()
	state, err := goalStates.word(int32(w.GetOutcome()))
	if err != nil {
		return nil, err
	}
	g := mentoring.Goal{ID: w.GetId(), Words: w.GetWords(), State: mentoring.GoalState(state)}
	if g.State == "" {
		g.State = mentoring.GoalOpen
	}
	return mentorship(s.svc.SaveGoal(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), g, rev, idem))
}

func (s *mentorshipService) HoldMentorship(ctx context.Context, req *v1.HoldMentorshipRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.HoldMentorship(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *mentorshipService) ReviveMentorship(ctx context.Context, req *v1.ReviveMentorshipRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.ResumeMentorship(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *mentorshipService) CompleteMentorship(ctx context.Context, req *v1.CompleteMentorshipRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.CompleteMentorship(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *mentorshipService) EndMentorship(ctx context.Context, req *v1.EndMentorshipRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	reason, err := endReasons.word(int32(req.GetReason()))
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.EndMentorship(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()),
		mentoring.EndReason(reason), req.GetOnBehalfReason(), rev, idem))
}

func (s *mentorshipService) LeaveMentorship(ctx context.Context, req *v1.LeaveMentorshipRequest) (*v1.Mentorship, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.SafeExit(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetWords(), idem))
}

func (s *mentorshipService) HandleSafeExit(ctx context.Context, req *v1.HandleSafeExitRequest) (*v1.Mentorship, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return mentorship(s.svc.HandleSafeExit(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

func (s *mentorshipService) AnswerSurvey(ctx context.Context, req *v1.AnswerSurveyRequest) (*v1.Mentorship, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	w := req.GetSurvey()
	return mentorship(s.svc.AnswerSurvey(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), mentoring.Survey{
		Helped: int(w.GetHelped()), Again: int(w.GetAgain()), Fit: int(w.GetFit()), Recommend: w.GetRecommend(), Words: w.GetWords(),
	}, idem))
}

func (s *mentorshipService) GetMentoringMeasures(ctx context.Context, req *v1.GetMentoringMeasuresRequest) (*v1.MentoringMeasures, error) {
	m, err := s.svc.Measures(ctx, chain.Principal(ctx), programID(req.GetName()))
	if err != nil {
		return nil, err
	}
	return measuresToWire(m), nil
}

func proposal(p *mentoring.Proposal, err error) (*v1.Proposal, error) {
	if err != nil {
		return nil, err
	}
	return proposalToWire(p), nil
}

func mentorship(m *mentoring.Mentorship, err error) (*v1.Mentorship, error) {
	if err != nil {
		return nil, err
	}
	return mentorshipToWire(m), nil
}
