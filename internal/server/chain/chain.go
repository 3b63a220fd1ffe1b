// Package chain is what every call goes through before a service sees it, on
// whichever door it came in: request id, deadline, log, recover, authenticate,
// rate limit, authorize, validate, in this order. The gateway calls the gRPC
// services through the same chain as a remote caller.
package chain

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// Metadata keys. RequestIDKey is in answers; the gateway sets the others, and
// from anybody else's connection they are ignored.
const (
	RequestIDKey      = "x-request-id"
	ClientKey         = "fairlead-client" // address of the REST caller
	IfMatchKey        = "fairlead-if-match"
	IdempotencyKeyKey = "fairlead-idempotency-key"
)

// InProcess is the network name of the gateway's own connection.
const InProcess = "bufconn"

// Options of a chain. All fields but Metrics, Gates and TrustedProxies are
// required.
type Options struct {
	Log          *slog.Logger
	Authenticate func(ctx context.Context, token string) (access.Principal, error)
	Methods      Methods
	Limiter      *Limiter
	NewID        func() string
	Now          func() time.Time
	Metrics      *Metrics // nil: none
	Gates        *Gates   // nil: everybody is let in
	// TrustedProxies are believed when they say for whom they call.
	TrustedProxies []netip.Prefix
}

// Chain holds the interceptors.
type Chain struct {
	Options
	validator protovalidate.Validator
	steps     []step
	streams   openStreams
}

// New makes the chain.
func New(o Options) (*Chain, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("starting the validation of requests: %w", err)
	}
	c := &Chain{Options: o, validator: v}
	c.steps = []step{c.identify, c.deadline, c.log, c.recover, c.authenticate, c.rateLimit, c.authorize}
	return c, nil
}

// call is what the steps know and find out about one call.
type call struct {
	method    Method
	requestID string
	door      string // "grpc" or "rest"
	client    netip.Addr
	who       access.Principal
	start     time.Time

	ifMatch, idempotencyKey string // headers that stand for fields
}

// step does its part around the rest of the chain.
type step func(ctx context.Context, c *call, next func(context.Context) error) error

// run passes a call through all steps to end, and makes of every error what
// the caller may see.
func (c *Chain) run(ctx context.Context, fullMethod string, end func(context.Context, *call) error) error {
	one := &call{method: c.Methods.of(fullMethod), start: c.Now()}
	next := func(ctx context.Context) error { return end(ctx, one) }
	for i := len(c.steps) - 1; i >= 0; i-- {
		s, rest := c.steps[i], next
		next = func(ctx context.Context) error { return s(ctx, one, rest) }
	}
	return next(ctx)
}

// Unary is the chain for unary calls.
func (c *Chain) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		leave, err := c.enter(ctx, info.FullMethod)
		if err != nil {
			return nil, err
		}
		defer leave()
		err = c.run(ctx, info.FullMethod, func(ctx context.Context, one *call) error {
			if err := c.admit(ctx, one, req, true); err != nil {
				return err
			}
			resp, err = handler(ctx, req)
			return err
		})
		if err != nil {
			return nil, err
		}
		return resp, nil
	}
}

// enter asks for a place for a unary call. The gateway has one already when it
// calls; health and reflection need none; streams are counted by themselves.
// Who is refused leaves no line in the log: there are many then.
func (c *Chain) enter(ctx context.Context, fullMethod string) (leave func(), err error) {
	m := c.Methods.of(fullMethod)
	if p, ok := peer.FromContext(ctx); c.Gates == nil || m.Foreign || ok && p.Addr != nil && p.Addr.Network() == InProcess {
		return func() {}, nil
	}
	leave, err = c.Gates.Enter(ctx, m.reads)
	if err != nil {
		st, _ := problem.Status(err, "")
		return nil, st.Err()
	}
	return leave, nil
}

// Stream is the chain for streams: few are open at once, the first message
// decides on access, each message is validated as it comes.
func (c *Chain) Stream() grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		return c.run(ss.Context(), info.FullMethod, func(ctx context.Context, one *call) error {
			if !one.method.Foreign {
				leave, err := c.streams.enter(one.countedBy())
				if err != nil {
					return err
				}
				defer leave()
			}
			return handler(srv, &stream{ServerStream: ss, ctx: ctx, chain: c, call: one})
		})
	}
}

type stream struct {
	grpc.ServerStream
	ctx   context.Context
	chain *Chain
	call  *call
	begun bool
}

func (s *stream) Context() context.Context { return s.ctx }

func (s *stream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	first := !s.begun
	s.begun = true
	return s.chain.admit(s.ctx, s.call, m, first)
}

// admit is what needs the request itself: headers that stand for fields,
// access to the program it names, validation.
func (c *Chain) admit(_ context.Context, one *call, req any, first bool) error {
	msg, ok := req.(proto.Message)
	if !ok || one.method.Foreign {
		return nil
	}
	if first {
		if err := fillFromHeaders(msg, one); err != nil {
			return err
		}
		if err := c.authorizeRequest(one, msg); err != nil {
			return err
		}
	}
	return c.validate(msg)
}

// ---- the steps ----

type key int

const (
	callKey key = iota
)

// Principal is who makes the call.
func Principal(ctx context.Context) access.Principal {
	if one, ok := ctx.Value(callKey).(*call); ok {
		return one.who
	}
	return access.Principal{}
}

// RequestID is the reference under which the log knows the call.
func RequestID(ctx context.Context) string {
	if one, ok := ctx.Value(callKey).(*call); ok {
		return one.requestID
	}
	return ""
}

// Client is the caller's address, as far as it is known.
func Client(ctx context.Context) netip.Addr {
	if one, ok := ctx.Value(callKey).(*call); ok {
		return one.client
	}
	return netip.Addr{}
}

// identify gives the call its id, which is ours and never the caller's: theirs
// could carry a name into our log.
func (c *Chain) identify(ctx context.Context, one *call, next func(context.Context) error) error {
	one.requestID, one.door = c.NewID(), "grpc"
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		if p.Addr.Network() == InProcess {
			one.door = "rest"
			one.client, _ = netip.ParseAddr(first(ctx, ClientKey))
			one.ifMatch, one.idempotencyKey = first(ctx, IfMatchKey), first(ctx, IdempotencyKeyKey)
		} else if ap, err := netip.ParseAddrPort(p.Addr.String()); err == nil {
			one.client = ClientAddress(ap.Addr(), metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"), c.TrustedProxies)
		}
	}
	_ = grpc.SetHeader(ctx, metadata.Pairs(RequestIDKey, one.requestID)) // fails only outside a gRPC server
	return next(context.WithValue(ctx, callKey, one))
}

func first(ctx context.Context, key string) string {
	if v := metadata.ValueFromIncomingContext(ctx, key); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (c *Chain) deadline(ctx context.Context, one *call, next func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, one.method.Timeout)
	defer cancel()
	return next(ctx)
}

// log writes one line for each call and counts it. It never sees a request, a
// query or a message for the caller, so that none can end up in the log.
func (c *Chain) log(ctx context.Context, one *call, next func(context.Context) error) error {
	if c.Metrics != nil {
		defer c.Metrics.begin(one.door)()
	}
	err := next(ctx)
	st, internal := problem.Status(err, one.requestID)
	took := c.Now().Sub(one.start)
	attrs := []slog.Attr{
		slog.String("method", one.method.Name), slog.String("door", one.door),
		slog.String("code", st.Code().String()), slog.String("reason", problem.Reason(st)),
		slog.Duration("took", took), slog.String("request", one.requestID), slog.String("subject", one.who.Subject),
	}
	level := slog.LevelInfo
	if one.method.Foreign {
		level = slog.LevelDebug // health checks, every few seconds
	}
	if internal {
		level = slog.LevelError
		attrs = append(attrs, slog.String("error", err.Error()))
		var p *PanicError
		if errors.As(err, &p) {
			attrs = append(attrs, slog.String("stack", p.Stack()))
		}
	}
	c.Log.LogAttrs(ctx, level, "call", attrs...)
	if c.Metrics != nil {
		c.Metrics.observe(one.method.Name, one.door, st.Code(), took)
	}
	return st.Err()
}

// PanicError is a panic on its way to the log.
type PanicError struct {
	what  string
	stack string
}

// Panicked makes an error of a recovered panic. A panic's own text is kept only
// when the runtime wrote it, because any other could hold what somebody
// answered.
func Panicked(recovered any) *PanicError {
	what := fmt.Sprintf("%T", recovered)
	if re, ok := recovered.(runtime.Error); ok {
		what = re.Error()
	}
	return &PanicError{what: what, stack: string(debug.Stack())}
}

func (p *PanicError) Error() string { return "panic: " + p.what }

// Stack names the functions that were at work; it holds addresses, no values.
func (p *PanicError) Stack() string { return p.stack }

// recover turns a panic into an internal error: one bad call must not take
// the others with it.
func (c *Chain) recover(ctx context.Context, _ *call, next func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Panicked(p)
		}
	}()
	return next(ctx)
}

// authenticate finds out who calls. No token is the public; a wrong one is
// refused even where none is needed, so that its holder learns of it.
func (c *Chain) authenticate(ctx context.Context, one *call, next func(context.Context) error) error {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 {
		return next(ctx)
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	if !ok || !strings.EqualFold(scheme, "Bearer") || token == "" || len(values) > 1 {
		return applications.Errorf(applications.Unauthenticated, problem.ReasonTokenInvalid, "send one token, as \"Authorization: Bearer TOKEN\"")
	}
	// Guessing costs as much as calling without a token does.
	if wait := c.Limiter.Exhausted(AddressKey(one.client)); wait > 0 {
		return &problem.Limited{After: wait}
	}
	who, err := c.Authenticate(ctx, token)
	if err != nil {
		if applications.CodeOf(err) == applications.Unauthenticated {
			c.Limiter.Take(AddressKey(one.client))
		}
		return err
	}
	one.who = who
	return next(ctx)
}

// countedBy is who calls, and the address only where nobody is known: a clinic
// behind one address is many people.
func (c *call) countedBy() string {
	if c.who.Subject != "" {
		return c.who.Subject
	}
	return AddressKey(c.client)
}

// rateLimit lets each caller make so many calls a second.
func (c *Chain) rateLimit(ctx context.Context, one *call, next func(context.Context) error) error {
	if wait := c.Limiter.Take(one.countedBy()); wait > 0 {
		return &problem.Limited{After: wait}
	}
	return next(ctx)
}

// authorize asks whether the caller's roles reach the method at all; whether
// they reach the program in question is asked once the request is there, and
// whether they reach the very application is the service's to say.
func (c *Chain) authorize(ctx context.Context, one *call, next func(context.Context) error) error {
	if !one.who.CanSomewhere(one.method.Permission) && one.method.Permission != access.Public {
		return denied(one)
	}
	return next(ctx)
}

func (c *Chain) authorizeRequest(one *call, msg proto.Message) error {
	if one.method.Permission == access.Public || one.method.program == nil {
		return nil
	}
	if !one.who.Can(one.method.Permission, one.method.program(msg)) {
		return denied(one)
	}
	return nil
}

func denied(one *call) error {
	if !one.who.Authenticated() {
		return applications.Errorf(applications.Unauthenticated, problem.ReasonTokenMissing, "this needs a token: send \"Authorization: Bearer TOKEN\"")
	}
	return applications.Errorf(applications.PermissionDenied, problem.ReasonRoleMissing, "your roles do not allow this: it needs the permission %q", string(one.method.Permission))
}
