package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/pagetoken"
)

// Page sizes, in items.
const (
	defaultPageSize = 50
	maxPageSize     = 1000
)

// idempotency reads a mutation's request_id and hashes the rest of it.
func idempotency(req proto.Message) (applications.Idempotency, error) {
	m := req.ProtoReflect()
	fd := m.Descriptor().Fields().ByName("request_id")
	if fd == nil || m.Get(fd).String() == "" {
		return applications.Idempotency{}, nil
	}
	b, err := bytesWithout(req, "request_id")
	if err != nil {
		return applications.Idempotency{}, err
	}
	sum := sha256.Sum256(b)
	return applications.Idempotency{RequestID: m.Get(fd).String(), Hash: sum[:]}, nil
}

// bytesWithout is the message in fixed bytes, but for some fields.
func bytesWithout(msg proto.Message, fields ...protoreflect.Name) ([]byte, error) {
	c := proto.Clone(msg).ProtoReflect()
	for _, name := range fields {
		if fd := c.Descriptor().Fields().ByName(name); fd != nil {
			c.Clear(fd)
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(c.Interface())
}

// listRequest is what every List request has.
type listRequest interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
	GetFilter() string
	GetOrderBy() string
}

// pages turns the paging fields of List requests into queries and cursors into
// page tokens.
type pages struct{ tokens pagetoken.Tokens }

// query reads the paging fields. next makes the token of the following page.
func (p pages) query(ctx context.Context, req listRequest) (q applications.ListQuery, next func(cursor string) string, err error) {
	query, err := bytesWithout(req, "page_size", "page_token")
	if err != nil {
		return q, nil, err
	}
	b := pagetoken.Binding{
		Method:  string(req.ProtoReflect().Descriptor().FullName()),
		Subject: chain.Principal(ctx).Subject, Query: query,
	}
	cursor, err := p.tokens.Read(b, req.GetPageToken())
	if err != nil {
		return q, nil, err
	}
	size := min(int(req.GetPageSize()), maxPageSize)
	if size == 0 {
		size = defaultPageSize
	}
	q = applications.ListQuery{Filter: req.GetFilter(), OrderBy: req.GetOrderBy(), PageSize: size, Cursor: cursor}
	return q, func(cursor string) string { return p.tokens.Make(b, cursor) }, nil
}

// listed reads one page of what a program has, as its List method answers it.
func listed[D, W any](ctx context.Context, p pages, req interface {
	listRequest
	GetParent() string
}, read func(ctx context.Context, who access.Principal, program string, q listing.Query) (*listing.Page[D], error), toWire func(D) W,
) (items []W, nextToken string, err error) {
	q, next, err := p.query(ctx, req)
	if err != nil {
		return nil, "", err
	}
	page, err := read(ctx, chain.Principal(ctx), programID(req.GetParent()), q)
	if err != nil {
		return nil, "", err
	}
	return convert(page.Items, toWire), next(page.Next), nil
}

// shelf is a list that the service returns whole: how to find a place in it
// and what a filter may name.
type shelf[T any] struct {
	key    func(T) string // unique, ascending in the list; the cursor
	fields []filter.Field
	get    func(item T, field string) filter.Value
}

// page cuts a page out of the list.
func (s shelf[T]) page(items []T, q applications.ListQuery) (page []T, next string, err error) {
	descending, err := nameOrder(q.OrderBy)
	if err != nil {
		return nil, "", err
	}
	f, err := filter.Parse(q.Filter, s.fields)
	if err != nil {
		return nil, "", filterError(err)
	}
	if descending {
		items = slices.Clone(items)
		slices.Reverse(items)
	}
	begun := q.Cursor == ""
	for _, item := range items {
		if !begun {
			begun = s.key(item) == q.Cursor
			continue
		}
		if !f.Match(func(field string) filter.Value { return s.get(item, field) }) {
			continue
		}
		if len(page) == q.PageSize {
			return page, s.key(page[len(page)-1]), nil
		}
		page = append(page, item)
	}
	return page, "", nil
}

// filterError tells where a filter does not parse.
func filterError(err error) error {
	return applications.Invalid("FILTER_INVALID", "the filter cannot be read: "+err.Error(), applications.Violation{Field: "filter", Message: err.Error()})
}

// nameOrder reads the only orders of lists that are kept by name.
func nameOrder(orderBy string) (descending bool, err error) {
	switch orderBy {
	case "", "name", "name asc":
		return false, nil
	case "name desc":
		return true, nil
	}
	const message = `the list can be ordered by "name" or "name desc"`
	return false, applications.Invalid("ORDER_INVALID", message, applications.Violation{Field: "orderBy", Message: message})
}

// convert makes wire items of domain items.
func convert[D, W any](items []D, f func(D) W) []W {
	out := make([]W, 0, len(items))
	for _, item := range items {
		out = append(out, f(item))
	}
	return out
}

// enumNames pairs the words of a domain enum with the numbers of the wire's.
// prefix is what the wire puts before each name.
type enumNames struct {
	kind   string
	prefix string
	value  map[string]int32
	name   map[int32]string
}

// number is the wire's number for a domain word: 0 for one it does not know,
// which the round-trip test excludes.
func (e enumNames) number(word string) int32 { return e.value[e.prefix+word] }

// word is the domain's word for a number; "" for 0.
func (e enumNames) word(n int32) (string, error) {
	if n == 0 {
		return "", nil
	}
	name, ok := e.name[n]
	if !ok {
		return "", fmt.Errorf("%s has no value %d", e.kind, n) // validation refuses it before
	}
	return name[len(e.prefix):], nil
}

// guard reads what mutations of a stored resource have beside its name.
func guard(req interface {
	proto.Message
	GetEtag() string
},
) (rev int64, idem applications.Idempotency, err error) {
	if rev, err = revision(req.GetEtag()); err != nil {
		return 0, idem, err
	}
	idem, err = idempotency(req)
	return rev, idem, err
}
