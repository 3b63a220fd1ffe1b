package server

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/server/chain"
)

type adminService struct {
	v1.UnimplementedAdminServiceServer
	svc       *applications.Service
	pages     pages
	publicURL string
}

// ---- users ----

func (s *adminService) CreateUser(ctx context.Context, req *v1.CreateUserRequest) (*v1.User, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	grants, err := grantsFromWire(req.GetUser().GetGrants())
	if err != nil {
		return nil, err
	}
	u := &applications.User{Name: req.GetUser().GetDisplayName(), Grants: grants, Disabled: req.GetUser().GetDisabled()}
	return user(s.svc.CreateUser(ctx, chain.Principal(ctx), u, idem))
}

func (s *adminService) GetUser(ctx context.Context, req *v1.GetUserRequest) (*v1.User, error) {
	return user(s.findUser(ctx, lastID(req.GetName())))
}

func (s *adminService) findUser(ctx context.Context, id string) (*applications.User, error) {
	all, err := s.svc.Users(ctx, chain.Principal(ctx))
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(u *applications.User) bool { return u.ID == id }); i >= 0 {
		return all[i], nil
	}
	return nil, applications.Errorf(applications.NotFound, "USER_NOT_FOUND", "there is no such user")
}

var userShelf = shelf[*applications.User]{
	key:    func(u *applications.User) string { return u.ID },
	fields: []filter.Field{{Name: "disabled", Type: filter.Bool}},
	get: func(u *applications.User, _ string) filter.Value {
		return filter.Value{Present: true, Bool: u.Disabled}
	},
}

func (s *adminService) ListUsers(ctx context.Context, req *v1.ListUsersRequest) (*v1.ListUsersResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	all, err := s.svc.Users(ctx, chain.Principal(ctx))
	if err != nil {
		return nil, err
	}
	page, cursor, err := userShelf.page(all, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListUsersResponse{Users: convert(page, userToWire), NextPageToken: next(cursor)}, nil
}

func (s *adminService) UpdateUser(ctx context.Context, req *v1.UpdateUserRequest) (*v1.User, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	rev, err := revision(req.GetUser().GetEtag())
	if err != nil {
		return nil, err
	}
	paths, _, err := readMask(req.GetUpdateMask(), req.GetUser())
	if err != nil {
		return nil, err
	}
	grants, err := grantsFromWire(req.GetUser().GetGrants())
	if err != nil {
		return nil, err
	}
	u := &applications.User{
		ID: lastID(req.GetUser().GetName()), Name: req.GetUser().GetDisplayName(), Grants: grants,
		Disabled: req.GetUser().GetDisabled(), Revision: rev,
	}
	return user(s.svc.UpdateUser(ctx, chain.Principal(ctx), u, convert(paths, maskPath.json), idem))
}

func user(u *applications.User, err error) (*v1.User, error) {
	if err != nil {
		return nil, err
	}
	return userToWire(u), nil
}

// ---- tokens ----

func (s *adminService) CreateToken(ctx context.Context, req *v1.CreateTokenRequest) (*v1.Token, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	t, err := tokenFromWire(req.GetToken())
	if err != nil {
		return nil, err
	}
	secret, err := s.svc.IssueToken(ctx, chain.Principal(ctx), t, idem)
	if err != nil {
		return nil, err
	}
	w := tokenToWire(t)
	w.Secret = secret
	return w, nil
}

func (s *adminService) GetToken(ctx context.Context, req *v1.GetTokenRequest) (*v1.Token, error) {
	return s.findToken(ctx, lastID(req.GetName()))
}

func (s *adminService) findToken(ctx context.Context, id string) (*v1.Token, error) {
	all, err := s.svc.Tokens(ctx, chain.Principal(ctx))
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(t *applications.Token) bool { return t.ID == id }); i >= 0 {
		return tokenToWire(all[i]), nil
	}
	return nil, applications.Errorf(applications.NotFound, "TOKEN_NOT_FOUND", "there is no such token")
}

var tokenShelf = shelf[*applications.Token]{
	key:    func(t *applications.Token) string { return t.ID },
	fields: []filter.Field{{Name: "user", Type: filter.String}},
	get: func(t *applications.Token, _ string) filter.Value {
		return filter.Value{Present: t.User != "", Text: userName(t.User)}
	},
}

func (s *adminService) ListTokens(ctx context.Context, req *v1.ListTokensRequest) (*v1.ListTokensResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	all, err := s.svc.Tokens(ctx, chain.Principal(ctx))
	if err != nil {
		return nil, err
	}
	page, cursor, err := tokenShelf.page(all, q)
	if err != nil {
		return nil, err
	}
	return &v1.ListTokensResponse{Tokens: convert(page, tokenToWire), NextPageToken: next(cursor)}, nil
}

func (s *adminService) RevokeToken(ctx context.Context, req *v1.RevokeTokenRequest) (*v1.Token, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	id := lastID(req.GetName())
	if err := s.svc.RevokeToken(ctx, chain.Principal(ctx), id, idem); err != nil {
		return nil, err
	}
	return s.findToken(ctx, id)
}

// IssueStaffSignInLink signs the caller in on the pages.
func (s *adminService) IssueStaffSignInLink(ctx context.Context, req *v1.IssueStaffSignInLinkRequest) (*v1.SignInLink, error) {
	return signInLink(ctx, s.svc, s.publicURL, "", "", "", req.GetTtl())
}

// ---- audit log ----

func (s *adminService) GetAuditEvent(ctx context.Context, req *v1.GetAuditEventRequest) (*v1.AuditEvent, error) {
	index, err := strconv.ParseInt(lastID(req.GetName()), 10, 64)
	if err != nil {
		return nil, err // the pattern allows numbers only
	}
	events, _, err := s.svc.Events(ctx, chain.Principal(ctx), index, 1)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 || events[0].Index != index {
		return nil, applications.Errorf(applications.NotFound, "EVENT_NOT_FOUND", "the audit log has no such line yet, or none that you may read")
	}
	return eventToWire(events[0]), nil
}

var eventFields = []filter.Field{
	{Name: "action", Type: filter.String}, {Name: "actor", Type: filter.String}, {Name: "resource", Type: filter.String},
}

func eventField(e applications.Event, field string) filter.Value {
	text := map[string]string{"action": e.Action, "actor": e.Actor, "resource": e.Resource}[field]
	return filter.Value{Present: text != "", Text: text}
}

// eventScan is how many events one page of a filtered list looks at, at most;
// a page may then be short, or empty, with a token for the next.
const eventScan = 10_000

func (s *adminService) ListAuditEvents(ctx context.Context, req *v1.ListAuditEventsRequest) (*v1.ListAuditEventsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	f, err := filter.Parse(q.Filter, eventFields)
	if err != nil {
		return nil, filterError(err)
	}
	if descending, err := nameOrder(q.OrderBy); err != nil {
		return nil, err
	} else if descending {
		const message = "the audit log is listed oldest first"
		return nil, applications.Invalid("ORDER_INVALID", message, applications.Violation{Field: "orderBy", Message: message})
	}
	from, err := strconv.ParseInt("0"+strings.TrimSpace(q.Cursor), 10, 64)
	if err != nil {
		return nil, err // the cursor is ours and signed
	}
	resp := &v1.ListAuditEventsResponse{}
	for scanned := 0; scanned < eventScan; scanned += maxPageSize {
		batch, after, err := s.svc.Events(ctx, chain.Principal(ctx), from, maxPageSize)
		if err != nil {
			return nil, err
		}
		for _, e := range batch {
			if f.Match(func(field string) filter.Value { return eventField(e, field) }) {
				if len(resp.AuditEvents) == q.PageSize {
					resp.NextPageToken = next(strconv.FormatInt(e.Index, 10))
					return resp, nil
				}
				resp.AuditEvents = append(resp.AuditEvents, eventToWire(e))
			}
		}
		if after < 0 {
			return resp, nil
		}
		from = after
	}
	resp.NextPageToken = next(strconv.FormatInt(from, 10))
	return resp, nil
}
