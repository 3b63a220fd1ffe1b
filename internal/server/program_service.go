package server

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/server/chain"
)

// programService answers ProgramService out of the applications.Service. It
// converts and does nothing else; so do the services beside it.
type programService struct {
	v1.UnimplementedProgramServiceServer
	svc   *applications.Service
	pages pages
}

func (s *programService) CreateProgram(ctx context.Context, req *v1.CreateProgramRequest) (*v1.Program, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	p := programFromWire(req.GetProgram())
	p.ID = req.GetProgramId()
	return program(s.svc.CreateProgram(ctx, chain.Principal(ctx), p, nil, idem))
}

func (s *programService) GetProgram(ctx context.Context, req *v1.GetProgramRequest) (*v1.Program, error) {
	return program(s.svc.Program(ctx, chain.Principal(ctx), programID(req.GetName())))
}

func (s *programService) ListPrograms(ctx context.Context, req *v1.ListProgramsRequest) (*v1.ListProgramsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Programs(ctx, chain.Principal(ctx), q)
	if err != nil {
		return nil, err
	}
	return &v1.ListProgramsResponse{Programs: convert(page.Items, programToWire), NextPageToken: next(page.Next)}, nil
}

func (s *programService) ListOpenCalls(ctx context.Context, req *v1.ListOpenCallsRequest) (*v1.ListOpenCallsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.OpenCalls(ctx, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListOpenCallsResponse{OpenCalls: convert(page.Items, programToWire), NextPageToken: next(page.Next)}, nil
}

// UpdateProgram reads the program, puts the fields of the mask into it, and
// hands it on with the revision read, so that a part of a field (the closing
// time of the window) is never written over a window that changed meanwhile.
func (s *programService) UpdateProgram(ctx context.Context, req *v1.UpdateProgramRequest) (*v1.Program, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	rev, err := revision(req.GetProgram().GetEtag())
	if err != nil {
		return nil, err
	}
	paths, fixed, err := readMask(req.GetUpdateMask(), req.GetProgram())
	if err != nil {
		return nil, err
	}
	who, id := chain.Principal(ctx), programID(req.GetProgram().GetName())
	present, err := s.svc.Program(ctx, who, id)
	if err != nil {
		return nil, err
	}
	current := programToWire(present)
	if err := unchanged(current, req.GetProgram(), fixed); err != nil {
		return nil, err
	}
	merged, fields := merge(current, req.GetProgram(), paths)
	p := programFromWire(merged)
	p.Revision = rev
	if rev == 0 && slices.ContainsFunc(paths, func(p maskPath) bool { return len(p.below) > 0 }) {
		p.Revision = present.Revision
	}
	return program(s.svc.UpdateProgram(ctx, who, p, fields, idem))
}

func (s *programService) DeleteProgram(ctx context.Context, req *v1.DeleteProgramRequest) (*emptypb.Empty, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.svc.DeleteProgram(ctx, chain.Principal(ctx), programID(req.GetName()), rev, idem)
}

func (s *programService) OpenProgram(ctx context.Context, req *v1.OpenProgramRequest) (*v1.Program, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return program(s.svc.OpenProgram(ctx, chain.Principal(ctx), programID(req.GetName()), rev, idem))
}

func (s *programService) CloseProgram(ctx context.Context, req *v1.CloseProgramRequest) (*v1.Program, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return program(s.svc.CloseProgram(ctx, chain.Principal(ctx), programID(req.GetName()), rev, idem))
}

func (s *programService) ExtendProgram(ctx context.Context, req *v1.ExtendProgramRequest) (*v1.Program, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return program(s.svc.ExtendProgram(ctx, chain.Principal(ctx), programID(req.GetName()), timeOf(req.GetCloseTime()), req.GetReason(), rev, idem))
}

// program finishes an answer that is a program.
func program(p *applications.Program, err error) (*v1.Program, error) {
	if err != nil {
		return nil, err
	}
	return programToWire(p), nil
}

// ---- forms ----

func (s *programService) CreateForm(ctx context.Context, req *v1.CreateFormRequest) (*v1.Form, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	f, err := formFromWire(req.GetForm())
	if err != nil {
		return nil, err
	}
	f.Program = programID(req.GetParent())
	if f, err = s.svc.UpdateForm(ctx, chain.Principal(ctx), f, idem); err != nil {
		return nil, err
	}
	return formToWire(f), nil
}

func (s *programService) GetForm(ctx context.Context, req *v1.GetFormRequest) (*v1.Form, error) {
	f, err := s.svc.Form(ctx, chain.Principal(ctx), programID(req.GetName()), versionOf(req.GetName()))
	if err != nil {
		return nil, err
	}
	return formToWire(f), nil
}

// ---- criteria ----

func (s *programService) CreateCriteria(ctx context.Context, req *v1.CreateCriteriaRequest) (*v1.Criteria, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	c, err := criteriaFromWire(programID(req.GetParent()), req.GetCriteria())
	if err != nil {
		return nil, err
	}
	return criteria(s.svc.SaveCriteria(ctx, chain.Principal(ctx), c, idem))
}

func (s *programService) GetCriteria(ctx context.Context, req *v1.GetCriteriaRequest) (*v1.Criteria, error) {
	return criteria(s.svc.Criteria(ctx, chain.Principal(ctx), programID(req.GetName()), versionOf(req.GetName())))
}

var criteriaShelf = shelf[*applications.Criteria]{
	key:    func(c *applications.Criteria) string { return fmt.Sprintf("%09d", c.Version) },
	fields: []filter.Field{{Name: "registered", Type: filter.Bool}},
	get: func(c *applications.Criteria, _ string) filter.Value {
		return filter.Value{Present: true, Bool: c.Registered}
	},
}

func (s *programService) ListCriteria(ctx context.Context, req *v1.ListCriteriaRequest) (*v1.ListCriteriaResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	all, err := s.svc.CriteriaVersions(ctx, chain.Principal(ctx), programID(req.GetParent()))
	if err != nil {
		return nil, err
	}
	page, cursor, err := criteriaShelf.page(all, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListCriteriaResponse{Criteria: convert(page, criteriaToWire), NextPageToken: next(cursor)}, nil
}

func (s *programService) RegisterCriteria(ctx context.Context, req *v1.RegisterCriteriaRequest) (*v1.Criteria, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return criteria(s.svc.RegisterCriteria(ctx, chain.Principal(ctx), programID(req.GetName()), versionOf(req.GetName()), req.GetReason(), req.GetSecondPerson(), idem))
}

func (s *programService) CheckCriteria(ctx context.Context, req *v1.CheckCriteriaRequest) (*v1.CheckCriteriaResponse, error) {
	p := programID(req.GetProgram())
	var c *applications.Criteria
	var err error
	if name := req.GetVersion(); name != "" {
		if programID(name) != p {
			return nil, applications.Invalid("OTHER_PROGRAM", "the version belongs to another program", applications.Violation{Field: "version", Message: "belongs to another program"})
		}
		c, err = s.svc.Criteria(ctx, chain.Principal(ctx), p, versionOf(name))
	} else {
		c, err = criteriaFromWire(p, req.GetCriteria())
	}
	if err != nil {
		return nil, err
	}
	check := s.svc.CheckCriteria
	if req.GetDetails() {
		check = s.svc.ExamineCriteria
	}
	if req.GetTradeOff() {
		check = func(ctx context.Context, who access.Principal, c *applications.Criteria) (*applications.CriteriaVerdict, error) {
			return s.svc.WeighCriteria(ctx, who, c, req.GetDetails())
		}
	}
	verdict, err := check(ctx, chain.Principal(ctx), c)
	if err != nil {
		return nil, err
	}
	return verdictToWire(verdict), nil
}

func criteria(c *applications.Criteria, err error) (*v1.Criteria, error) {
	if err != nil {
		return nil, err
	}
	return criteriaToWire(c), nil
}

// ---- policies ----

func (s *programService) CreatePolicy(ctx context.Context, req *v1.CreatePolicyRequest) (*v1.Policy, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return policy(s.svc.CreatePolicy(ctx, chain.Principal(ctx), policyFromWire(programID(req.GetParent()), req.GetPolicy()), idem))
}

func (s *programService) GetPolicy(ctx context.Context, req *v1.GetPolicyRequest) (*v1.Policy, error) {
	all, err := s.svc.Policies(ctx, chain.Principal(ctx), programID(req.GetName()))
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		if p.ID == lastID(req.GetName()) {
			return policyToWire(p), nil
		}
	}
	return nil, applications.Errorf(applications.NotFound, "POLICY_NOT_FOUND", "this program has no such policy")
}

var policyShelf = shelf[*applications.Policy]{
	key: func(p *applications.Policy) string { return p.ID },
	get: func(*applications.Policy, string) filter.Value { return filter.Value{} },
}

func (s *programService) ListPolicies(ctx context.Context, req *v1.ListPoliciesRequest) (*v1.ListPoliciesResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	all, err := s.svc.Policies(ctx, chain.Principal(ctx), programID(req.GetParent()))
	if err != nil {
		return nil, err
	}
	page, cursor, err := policyShelf.page(all, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListPoliciesResponse{Policies: convert(page, policyToWire), NextPageToken: next(cursor)}, nil
}

func (s *programService) RevokePolicy(ctx context.Context, req *v1.RevokePolicyRequest) (*v1.Policy, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return policy(s.svc.RevokePolicy(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

func policy(p *applications.Policy, err error) (*v1.Policy, error) {
	if err != nil {
		return nil, err
	}
	return policyToWire(p), nil
}

// ---- presets ----

func (s *programService) GetPreset(_ context.Context, req *v1.GetPresetRequest) (*v1.Preset, error) {
	p, ok := s.svc.Presets[lastID(req.GetName())]
	if !ok {
		return nil, applications.Errorf(applications.NotFound, "PRESET_NOT_FOUND", "this installation has no such preset; GET /v1/presets lists them")
	}
	return presetToWire(p), nil
}

var presetShelf = shelf[*applications.Preset]{
	key: func(p *applications.Preset) string { return p.ID },
	get: func(*applications.Preset, string) filter.Value { return filter.Value{} },
}

func (s *programService) ListPresets(ctx context.Context, req *v1.ListPresetsRequest) (*v1.ListPresetsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	var ids []string
	for id := range s.svc.Presets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	all := convert(ids, func(id string) *applications.Preset { return s.svc.Presets[id] })
	page, cursor, err := presetShelf.page(all, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListPresetsResponse{Presets: convert(page, presetToWire), NextPageToken: next(cursor)}, nil
}
