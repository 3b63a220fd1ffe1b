package server

import (
	"context"
	"slices"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/introductions"
)

// networkService serves networks, members, rounds and introductions.
type networkService struct {
	v1.UnimplementedNetworkServiceServer
	svc   *introductions.Service
	pages pages
}

// networkID is N of "programs/P/networks/N/…".
func networkID(name string) string { return part(name, 3) }

// ---- networks ----

func (s *networkService) CreateNetwork(ctx context.Context, req *v1.CreateNetworkRequest) (*v1.Network, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	n := networkFromWire(req.GetNetwork())
	n.Program, n.ID = programID(req.GetParent()), req.GetNetworkId()
	return network(s.svc.CreateNetwork(ctx, chain.Principal(ctx), n, idem))
}

func (s *networkService) GetNetwork(ctx context.Context, req *v1.GetNetworkRequest) (*v1.Network, error) {
	return network(s.svc.Network(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName())))
}

func (s *networkService) ListNetworks(ctx context.Context, req *v1.ListNetworksRequest) (*v1.ListNetworksResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Networks, networkToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListNetworksResponse{Networks: items, NextPageToken: next}, nil
}

func (s *networkService) UpdateNetwork(ctx context.Context, req *v1.UpdateNetworkRequest) (*v1.Network, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	given := req.GetNetwork()
	rev, err := revision(given.GetEtag())
	if err != nil {
		return nil, err
	}
	paths, _, err := readMask(req.GetUpdateMask(), given)
	if err != nil {
		return nil, err
	}
	who, program, id := chain.Principal(ctx), programID(given.GetName()), networkID(given.GetName())
	present, err := s.svc.Network(ctx, who, program, id)
	if err != nil {
		return nil, err
	}
	merged, _ := merge(networkToWire(present), given, paths)
	n := networkFromWire(merged)
	if n.Program, n.ID, n.Revision = program, id, rev; rev == 0 {
		n.Revision = present.Revision // what was read is what the rest of the mask is taken from
	}
	return network(s.svc.UpdateNetwork(ctx, who, n, idem))
}

func network(n *introductions.Network, err error) (*v1.Network, error) {
	if err != nil {
		return nil, err
	}
	return networkToWire(n), nil
}

// ---- members ----

func (s *networkService) CreateMember(ctx context.Context, req *v1.CreateMemberRequest) (*v1.Member, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	m := memberFromWire(req.GetMember())
	m.Program, m.Network = programID(req.GetParent()), networkID(req.GetParent())
	return networkMember(s.svc.CreateMember(ctx, chain.Principal(ctx), m, req.GetOnBehalfReason(), idem))
}

func (s *networkService) ImportMembers(ctx context.Context, req *v1.ImportMembersRequest) (*v1.ImportMembersResponse, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	n, err := s.svc.ImportMembers(ctx, chain.Principal(ctx), programID(req.GetParent()), networkID(req.GetParent()), convert(req.GetMembers(), memberFromWire), req.GetReason(), idem)
	if err != nil {
		return nil, err
	}
	return &v1.ImportMembersResponse{CreatedCount: int32(n)}, nil
}

func (s *networkService) GetMember(ctx context.Context, req *v1.GetMemberRequest) (*v1.Member, error) {
	return networkMember(s.svc.Member(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName())))
}

func (s *networkService) ListMembers(ctx context.Context, req *v1.ListMembersRequest) (*v1.ListMembersResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Members(ctx, chain.Principal(ctx), programID(req.GetParent()), networkID(req.GetParent()), q)
	if err != nil {
		return nil, err
	}
	return &v1.ListMembersResponse{Members: convert(page.Items, memberToWire), NextPageToken: next(page.Next)}, nil
}

// memberFields are what callers may change, as the service calls it.
var memberFields = map[string]string{
	"contact": "contact", "profile": "profile", "agreed": "agreed", "paused": "paused", "restDays": "rest_days", "never": "never",
}

// UpdateMember takes what the mask names from the request; where it names a part
// of a field, the rest of the field from what is stored.
func (s *networkService) UpdateMember(ctx context.Context, req *v1.UpdateMemberRequest) (*v1.Member, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	given := req.GetMember()
	rev, err := revision(given.GetEtag())
	if err != nil {
		return nil, err
	}
	paths, fixed, err := readMask(req.GetUpdateMask(), given)
	if err != nil {
		return nil, err
	}
	program, id := programID(given.GetName()), networkID(given.GetName())
	if err := ofNetwork(program, id, "member.never", given.GetNever()...); err != nil {
		return nil, err
	}
	who, wanted := chain.Principal(ctx), given
	if parts := slices.ContainsFunc(paths, func(p maskPath) bool { return len(p.below) > 0 }); parts || len(fixed) > 0 {
		present, err := s.svc.Member(ctx, who, program, id, lastID(given.GetName()))
		if err != nil {
			return nil, err
		}
		if err := unchanged(memberToWire(present), given, fixed); err != nil {
			return nil, err
		}
		wanted, _ = merge(memberToWire(present), given, paths)
		if rev == 0 && parts {
			rev = present.Revision
		}
	}
	fields := []string{}
	for _, p := range paths {
		if f := memberFields[p.field.JSONName()]; !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	m := memberFromWire(wanted)
	m.Program, m.Network, m.ID, m.Revision = program, id, lastID(given.GetName()), rev
	return networkMember(s.svc.UpdateMember(ctx, who, m, fields, req.GetOnBehalfReason(), idem))
}

// ofNetwork refuses members of another network.
func ofNetwork(program, network, field string, members ...string) error {
	for _, name := range members {
		if name != "" && (programID(name) != program || networkID(name) != network) {
			return applications.Invalid("OTHER_NETWORK", "a name belongs to another network", applications.Violation{Field: field, Message: "belongs to another network"})
		}
	}
	return nil
}

func (s *networkService) IssueMemberLink(ctx context.Context, req *v1.IssueMemberLinkRequest) (*v1.MemberLink, error) {
	code, expires, err := s.svc.IssueLink(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName()),
		req.GetReason(), durationOf(req.GetTtl()), req.GetRevoke())
	if err != nil {
		return nil, err
	}
	return &v1.MemberLink{Code: code, ExpireTime: stamp(expires)}, nil
}

func (s *networkService) OpenMemberLink(ctx context.Context, req *v1.OpenMemberLinkRequest) (*v1.OpenMemberLinkResponse, error) {
	m, token, err := s.svc.OpenLink(ctx, programID(req.GetParent()), networkID(req.GetParent()), req.GetCode())
	if err != nil {
		return nil, err
	}
	return &v1.OpenMemberLinkResponse{Member: memberName(m.Program, m.Network, m.ID), Token: token}, nil
}

func (s *networkService) EraseMember(ctx context.Context, req *v1.EraseMemberRequest) (*v1.Member, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return networkMember(s.svc.EraseMember(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName()), req.GetReason(), idem))
}

func networkMember(m *introductions.Member, err error) (*v1.Member, error) {
	if err != nil {
		return nil, err
	}
	return memberToWire(m), nil
}

// ---- rounds ----

func (s *networkService) CreateRound(ctx context.Context, req *v1.CreateRoundRequest) (*v1.Round, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return round(s.svc.CreateRound(ctx, chain.Principal(ctx), &introductions.Round{
		Program: programID(req.GetParent()), Network: networkID(req.GetParent()), Seed: req.GetRound().GetSeed(), Work: req.GetRound().GetWorkLimit(),
	}, idem))
}

func (s *networkService) GetRound(ctx context.Context, req *v1.GetRoundRequest) (*v1.Round, error) {
	return round(s.svc.Round(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName())))
}

func (s *networkService) ListRounds(ctx context.Context, req *v1.ListRoundsRequest) (*v1.ListRoundsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Rounds(ctx, chain.Principal(ctx), programID(req.GetParent()), networkID(req.GetParent()), q)
	if err != nil {
		return nil, err
	}
	return &v1.ListRoundsResponse{Rounds: convert(page.Items, roundToWire), NextPageToken: next(page.Next)}, nil
}

func (s *networkService) CancelRound(ctx context.Context, req *v1.CancelRoundRequest) (*v1.Round, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return round(s.svc.CancelRound(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName()), idem))
}

func (s *networkService) GetRoundResult(ctx context.Context, req *v1.GetRoundResultRequest) (*v1.RoundResult, error) {
	program, network, id := programID(req.GetName()), networkID(req.GetName()), part(req.GetName(), 5)
	r, err := s.svc.RoundResult(ctx, chain.Principal(ctx), program, network, id)
	if err != nil {
		return nil, err
	}
	return roundResultToWire(program, network, id, r), nil
}

func (s *networkService) PublishRound(ctx context.Context, req *v1.PublishRoundRequest) (*v1.Round, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return round(s.svc.PublishRound(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

func round(r *introductions.Round, err error) (*v1.Round, error) {
	if err != nil {
		return nil, err
	}
	return roundToWire(r), nil
}

// ---- introductions ----

func (s *networkService) GetIntroduction(ctx context.Context, req *v1.GetIntroductionRequest) (*v1.Introduction, error) {
	return introduction(s.svc.Introduction(ctx, chain.Principal(ctx), programID(req.GetName()), networkID(req.GetName()), lastID(req.GetName())))
}

func (s *networkService) ListIntroductions(ctx context.Context, req *v1.ListIntroductionsRequest) (*v1.ListIntroductionsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Introductions(ctx, chain.Principal(ctx), programID(req.GetParent()), networkID(req.GetParent()), q)
	if err != nil {
		return nil, err
	}
	return &v1.ListIntroductionsResponse{Introductions: convert(page.Items, introductionToWire), NextPageToken: next(page.Next)}, nil
}

func (s *networkService) AcceptIntroduction(ctx context.Context, req *v1.AcceptIntroductionRequest) (*v1.Introduction, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	program, id, own, err := answerer(req.GetName(), req.GetMember())
	if err != nil {
		return nil, err
	}
	return introduction(s.svc.Accept(ctx, chain.Principal(ctx), program, id, lastID(req.GetName()), own, req.GetOnBehalfReason(), rev, idem))
}

func (s *networkService) DeclineIntroduction(ctx context.Context, req *v1.DeclineIntroductionRequest) (*v1.Introduction, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	program, id, own, err := answerer(req.GetName(), req.GetMember())
	if err != nil {
		return nil, err
	}
	reason, err := introductionDeclines.word(int32(req.GetReason()))
	if err != nil {
		return nil, err
	}
	why := introductions.Decline{Reason: introductions.DeclineReason(reason), Never: req.GetNever()}
	return introduction(s.svc.Decline(ctx, chain.Principal(ctx), program, id, lastID(req.GetName()), why, own, req.GetOnBehalfReason(), rev, idem))
}

// answerer reads of whom an answer is: "" for the caller's own.
func answerer(introduction, member string) (program, network, id string, err error) {
	program, network = programID(introduction), networkID(introduction)
	if member == "" {
		return program, network, "", nil
	}
	return program, network, lastID(member), ofNetwork(program, network, "member", member)
}

func introduction(v *introductions.Shown, err error) (*v1.Introduction, error) {
	if err != nil {
		return nil, err
	}
	return introductionToWire(v), nil
}
