package server

import (
	"context"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
)

type offerService struct {
	v1.UnimplementedOfferServiceServer
	svc   *applications.Service
	pages pages
}

var offerStates = enumNames{"Offer.State", "", v1.Offer_State_value, v1.Offer_State_name}

func (s *offerService) PrepareOffers(ctx context.Context, req *v1.PrepareOffersRequest) (*v1.PrepareOffersResponse, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	program := programID(req.GetParent())
	plan := applications.OfferPlan{
		Program: program, Selection: lastID(req.GetSelection()), FirstCome: req.GetFirstCome(), Reason: req.GetReason(),
	}
	var wrong []applications.Violation
	elsewhere := func(field, name string) {
		if programID(name) != program {
			wrong = append(wrong, applications.Violation{Field: field, Message: "belongs to another program"})
		}
	}
	elsewhere("selection", req.GetSelection())
	for _, name := range req.GetApplications() {
		elsewhere("applications", name)
		plan.Applications = append(plan.Applications, lastID(name))
	}
	if err := ofAnotherProgram(wrong); err != nil {
		return nil, err
	}
	made, err := s.svc.PrepareOffers(ctx, chain.Principal(ctx), plan, idem)
	if err != nil {
		return nil, err
	}
	return &v1.PrepareOffersResponse{Offers: convert(made, offerToWire)}, nil
}

func (s *offerService) SendOffers(ctx context.Context, req *v1.SendOffersRequest) (*v1.SendOffersResponse, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	program := programID(req.GetParent())
	var ids []string
	var wrong []applications.Violation
	for _, name := range req.GetNames() {
		if programID(name) != program {
			wrong = append(wrong, applications.Violation{Field: "names", Message: "belongs to another program"})
		}
		ids = append(ids, lastID(name))
	}
	if err := ofAnotherProgram(wrong); err != nil {
		return nil, err
	}
	n, err := s.svc.SendOffers(ctx, chain.Principal(ctx), program, ids, timeOf(req.GetExpireTime()), idem)
	if err != nil {
		return nil, err
	}
	return &v1.SendOffersResponse{SentCount: int32(n)}, nil
}

func (s *offerService) GetOffer(ctx context.Context, req *v1.GetOfferRequest) (*v1.Offer, error) {
	return offer(s.svc.Offer(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *offerService) ListOffers(ctx context.Context, req *v1.ListOffersRequest) (*v1.ListOffersResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Offers, offerToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListOffersResponse{Offers: items, NextPageToken: next}, nil
}

func (s *offerService) AcceptOffer(ctx context.Context, req *v1.AcceptOfferRequest) (*v1.Offer, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return offer(s.svc.AcceptOffer(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetOnBehalfReason(), rev, idem))
}

func (s *offerService) DeclineOffer(ctx context.Context, req *v1.DeclineOfferRequest) (*v1.Offer, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return offer(s.svc.DeclineOffer(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), req.GetOnBehalfReason(), rev, idem))
}

func (s *offerService) RescindOffer(ctx context.Context, req *v1.RescindOfferRequest) (*v1.Offer, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return offer(s.svc.RescindOffer(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

func offer(o *applications.Offer, err error) (*v1.Offer, error) {
	if err != nil {
		return nil, err
	}
	return offerToWire(o), nil
}

func offerToWire(o *applications.Offer) *v1.Offer {
	w := &v1.Offer{
		Name: offerName(o.Program, o.ID), Application: applicationName(o.Program, o.Application), Code: o.Code,
		State:    v1.Offer_State(offerStates.number(string(o.State))),
		Proposed: o.Proposed, ConfirmedBy: o.ConfirmedBy, ConfirmReason: o.Reason, FirstCome: o.FirstCome,
		DeclineReason: o.DeclineReason, AnsweredBy: o.AnsweredBy, Etag: etag(o.Revision),
		CreateTime: stamp(o.CreateTime), UpdateTime: stamp(o.UpdateTime), SendTime: stamp(o.SendTime),
		ExpireTime: stamp(o.ExpireTime), AnswerTime: stamp(o.AnswerTime), RescindTime: stamp(o.RescindTime),
	}
	if o.Selection != "" {
		w.Selection = selectionName(o.Program, o.Selection)
	}
	return w
}
