package chain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// canary must never reach a log.
const canary = "Invented-Canary-Person"

// stub is a service that does as its test says.
type stub struct {
	v1.UnimplementedProgramServiceServer
	get    func(context.Context, *v1.GetProgramRequest) (*v1.Program, error)
	open   func(context.Context, *v1.OpenProgramRequest) (*v1.Program, error)
	update func(context.Context, *v1.UpdateProgramRequest) (*v1.Program, error)
}

func (s *stub) GetProgram(ctx context.Context, r *v1.GetProgramRequest) (*v1.Program, error) {
	return s.get(ctx, r)
}

func (s *stub) OpenProgram(ctx context.Context, r *v1.OpenProgramRequest) (*v1.Program, error) {
	return s.open(ctx, r)
}

func (s *stub) UpdateProgram(ctx context.Context, r *v1.UpdateProgramRequest) (*v1.Program, error) {
	return s.update(ctx, r)
}

type streamStub struct {
	v1.UnimplementedApplicationServiceServer
}

func (streamStub) ImportApplications(s grpc.ClientStreamingServer[v1.ImportApplicationsRequest, v1.ImportApplicationsResponse]) error {
	if _, err := s.Recv(); err != nil {
		return err
	}
	return s.SendAndClose(&v1.ImportApplicationsResponse{RowCount: 1})
}

type world struct {
	programs v1.ProgramServiceClient
	imports  v1.ApplicationServiceClient
	log      *bytes.Buffer
	registry *prometheus.Registry
}

// start serves the stub behind the chain.
func start(t *testing.T, s *stub, perSecond float64) *world {
	t.Helper()
	w := &world{log: &bytes.Buffer{}, registry: prometheus.NewRegistry()}
	n := 0
	c, err := New(Options{
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Authenticate: func(_ context.Context, token string) (access.Principal, error) {
			switch token {
			case "program-admin":
				return access.Principal{Subject: "tokens/1", Grants: []access.Grant{{Role: access.ProgramAdministrator, Program: "alpha"}}}, nil
			case "administrator":
				return access.Principal{Subject: "tokens/2", Grants: []access.Grant{{Role: access.Administrator}}}, nil
			}
			return access.Principal{}, applications.Errorf(applications.Unauthenticated, "TOKEN_INVALID", "no")
		},
		NewID: func() string { n++; return fmt.Sprintf("request-%d", n) }, Now: time.Now,
		Limiter: NewLimiter(perSecond, 3, time.Now), Metrics: NewMetrics(w.registry),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(c.Unary()), grpc.ChainStreamInterceptor(c.Stream()))
	v1.RegisterProgramServiceServer(server, s)
	v1.RegisterApplicationServiceServer(server, streamStub{})
	if c.Methods, err = ReadMethods(server.GetServiceInfo(), nil); err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(64 << 10)
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); server.GracefulStop(); <-done })
	w.programs, w.imports = v1.NewProgramServiceClient(conn), v1.NewApplicationServiceClient(conn)
	return w
}

func as(token string, more ...string) context.Context {
	md := metadata.Pairs(more...)
	if token != "" {
		md.Set("authorization", "Bearer "+token)
	}
	return metadata.NewOutgoingContext(context.Background(), md)
}

func TestAccess(t *testing.T) {
	ok := func(context.Context, *v1.OpenProgramRequest) (*v1.Program, error) { return &v1.Program{}, nil }
	w := start(t, &stub{open: ok}, 0)
	for _, c := range []struct {
		name, token, program string
		code                 codes.Code
		reason               string
	}{
		{"own program", "program-admin", "alpha", codes.OK, ""},
		{"another program", "program-admin", "other", codes.PermissionDenied, "PERMISSION_MISSING"},
		{"every program", "administrator", "other", codes.OK, ""},
		{"no token", "", "alpha", codes.Unauthenticated, "TOKEN_REQUIRED"},
		{"wrong token", "guess", "alpha", codes.Unauthenticated, "TOKEN_INVALID"},
	} {
		_, err := w.programs.OpenProgram(as(c.token), &v1.OpenProgramRequest{Name: "programs/" + c.program})
		if st := status.Convert(err); st.Code() != c.code || problem.Reason(st) != c.reason {
			t.Errorf("%s: %v %s, want %v %s", c.name, st.Code(), problem.Reason(st), c.code, c.reason)
		}
	}
	for _, header := range []string{"program-admin", "Basic program-admin", "Bearer", "Bearer "} {
		_, err := w.programs.OpenProgram(metadata.NewOutgoingContext(context.Background(), metadata.Pairs("authorization", header)), &v1.OpenProgramRequest{Name: "programs/alpha"})
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("authorization %q: %v", header, err)
		}
	}
}

func TestAccessOfStreams(t *testing.T) {
	w := start(t, &stub{}, 0)
	importInto := func(token, program string) error {
		s, err := w.imports.ImportApplications(as(token))
		if err != nil {
			return err
		}
		if err := s.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Spec{Spec: &v1.ImportSpec{Parent: "programs/" + program}}}); err != nil && !errors.Is(err, io.EOF) {
			return err // io.EOF: refused already, and the answer says why
		}
		_, err = s.CloseAndRecv()
		return err
	}
	if err := importInto("program-admin", "alpha"); err != nil {
		t.Errorf("own program: %v", err)
	}
	if err := importInto("program-admin", "other"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("another program: %v", err)
	}
	if err := importInto("", "alpha"); status.Code(err) != codes.Unauthenticated {
		t.Errorf("no token: %v", err)
	}
	if err := importInto("program-admin", "Not A Name"); status.Code(err) == codes.OK {
		t.Error("a name that is none was accepted")
	}
}

func TestValidation(t *testing.T) {
	w := start(t, &stub{update: func(context.Context, *v1.UpdateProgramRequest) (*v1.Program, error) {
		t.Error("an invalid request reached the service")
		return nil, nil
	}}, 0)
	_, err := w.programs.UpdateProgram(as("administrator"), &v1.UpdateProgramRequest{Program: &v1.Program{
		Name: "programs/alpha", MinSeats: 5000, Window: &v1.Window{GraceMinutes: -1}, Title: map[string]string{"en": strings.Repeat("x", 300)},
	}})
	st := status.Convert(err)
	if st.Code() != codes.InvalidArgument || problem.Reason(st) != "FIELDS_INVALID" {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				got[v.GetField()] = true
				if v.GetDescription() == "" {
					t.Errorf("%s says nothing", v.GetField())
				}
			}
		} else if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() != "fairlead" {
			t.Errorf("domain %q", info.GetDomain())
		} else if !ok {
			t.Errorf("unexpected detail %T", d)
		}
	}
	for _, want := range []string{"program.minSeats", "program.window.graceMinutes", `program.title["en"]`} {
		if !got[want] {
			t.Errorf("no violation of %s among %v", want, got)
		}
	}
}

func TestHeaders(t *testing.T) {
	var seen *v1.UpdateProgramRequest
	var opened *v1.OpenProgramRequest
	w := start(t, &stub{
		update: func(_ context.Context, r *v1.UpdateProgramRequest) (*v1.Program, error) {
			seen = r
			return &v1.Program{}, nil
		},
		open: func(_ context.Context, r *v1.OpenProgramRequest) (*v1.Program, error) {
			opened = r
			return &v1.Program{}, nil
		},
	}, 0)
	const key = "7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11"
	ctx := as("administrator", IfMatchKey, `"r7"`, IdempotencyKeyKey, key)
	if _, err := w.programs.UpdateProgram(ctx, &v1.UpdateProgramRequest{Program: &v1.Program{Name: "programs/alpha"}}); err != nil {
		t.Fatal(err)
	}
	if seen.GetProgram().GetEtag() != "r7" || seen.GetRequestId() != key {
		t.Errorf("an update got etag %q and request id %q", seen.GetProgram().GetEtag(), seen.GetRequestId())
	}
	if _, err := w.programs.OpenProgram(as("administrator", IfMatchKey, `W/"r7"`), &v1.OpenProgramRequest{Name: "programs/alpha"}); err != nil || opened.GetEtag() != "r7" {
		t.Errorf("a custom method got etag %q, %v", opened.GetEtag(), err)
	}
	if _, err := w.programs.OpenProgram(as("administrator", IfMatchKey, "*"), &v1.OpenProgramRequest{Name: "programs/alpha"}); err != nil || opened.GetEtag() != "" {
		t.Errorf("If-Match: * gave etag %q, %v", opened.GetEtag(), err)
	}
	_, err := w.programs.OpenProgram(as("administrator", IfMatchKey, `"r7"`), &v1.OpenProgramRequest{Name: "programs/alpha", Etag: "r8"})
	if problem.Reason(status.Convert(err)) != "HEADER_CONFLICT" {
		t.Errorf("header and field that differ: %v", err)
	}
}

func TestErrorsTellNothingInternal(t *testing.T) {
	var fail error
	var boom any
	w := start(t, &stub{get: func(context.Context, *v1.GetProgramRequest) (*v1.Program, error) {
		if boom != nil {
			panic(boom)
		}
		return nil, fail
	}}, 0)
	call := func() (*status.Status, metadata.MD) {
		var header metadata.MD
		_, err := w.programs.GetProgram(as(""), &v1.GetProgramRequest{Name: "programs/alpha"}, grpc.Header(&header))
		return status.Convert(err), header
	}
	fail = errors.New("disk on fire at sector 7")
	st, header := call()
	id := header.Get(RequestIDKey)
	if st.Code() != codes.Internal || strings.Contains(st.Message(), "fire") || len(id) != 1 || !strings.Contains(st.Message(), id[0]) {
		t.Errorf("internal error: %v, request id %v", st, id)
	}
	if !strings.Contains(w.log.String(), "disk on fire") || !strings.Contains(w.log.String(), "request="+id[0]) {
		t.Error("the log does not hold the error and its reference")
	}
	for _, boom = range []any{"text with " + canary, errors.New(canary), func() (e any) {
		defer func() { e = recover() }()
		var none []int
		return none[len(canary)]
	}()} {
		st, _ := call()
		if st.Code() != codes.Internal || strings.Contains(st.Message(), canary) {
			t.Errorf("panic(%T): %v", boom, st)
		}
	}
	if !strings.Contains(w.log.String(), "index out of range") || !strings.Contains(w.log.String(), "chain_test.go") {
		t.Error("the log does not say what panicked and where")
	}
	boom = nil
	for code, want := range map[applications.Code]codes.Code{
		applications.NotFound: codes.NotFound, applications.Aborted: codes.Aborted, applications.FailedPrecondition: codes.FailedPrecondition,
		applications.AlreadyExists: codes.AlreadyExists, applications.ResourceExhausted: codes.ResourceExhausted, applications.Unavailable: codes.Unavailable,
		applications.DataLoss: codes.DataLoss,
	} {
		fail = fmt.Errorf("wrapped: %w", applications.Errorf(code, "SOME_REASON", "words for people"))
		st, _ := call()
		if st.Code() != want {
			t.Errorf("code %d: %v", code, st)
		}
		if code != applications.DataLoss && (st.Message() != "words for people" || problem.Reason(st) != "SOME_REASON") {
			t.Errorf("code %d: %v", code, st)
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Error("the log holds a canary")
	}
}

func TestDeadline(t *testing.T) {
	w := start(t, &stub{get: func(ctx context.Context, _ *v1.GetProgramRequest) (*v1.Program, error) {
		end, ok := ctx.Deadline()
		if left := time.Until(end); !ok || left > UnaryTimeout || left < UnaryTimeout-5*time.Second {
			t.Errorf("deadline in %v", left)
		}
		return &v1.Program{}, nil
	}}, 0)
	if _, err := w.programs.GetProgram(as(""), &v1.GetProgramRequest{Name: "programs/alpha"}); err != nil {
		t.Fatal(err)
	}
}

func TestRateLimit(t *testing.T) {
	w := start(t, &stub{get: func(context.Context, *v1.GetProgramRequest) (*v1.Program, error) { return &v1.Program{}, nil }}, 0.01)
	call := func(token string) *status.Status {
		_, err := w.programs.GetProgram(as(token), &v1.GetProgramRequest{Name: "programs/alpha"})
		return status.Convert(err)
	}
	for i := range 3 {
		if st := call("administrator"); st.Code() != codes.OK {
			t.Fatalf("call %d: %v", i, st)
		}
	}
	st := call("administrator")
	if st.Code() != codes.ResourceExhausted || problem.Reason(st) != "RATE_LIMITED" {
		t.Fatalf("fourth call: %v", st)
	}
	if p := problem.From(st, false); p.Status != 429 {
		t.Errorf("REST status %d", p.Status)
	}
	if st := call("program-admin"); st.Code() != codes.OK {
		t.Errorf("another caller: %v", st)
	}
	// Three wrong tokens use up the address, and then nothing is looked up.
	for range 3 {
		if st := call("guess"); st.Code() != codes.Unauthenticated {
			t.Fatal(st)
		}
	}
	if st := call("guess"); problem.Reason(st) != "RATE_LIMITED" {
		t.Errorf("guessing goes on: %v", st)
	}
}

func TestLogAndMetrics(t *testing.T) {
	w := start(t, &stub{update: func(_ context.Context, r *v1.UpdateProgramRequest) (*v1.Program, error) {
		return nil, applications.Invalid("SOME_REASON", "about "+canary, applications.Violation{Field: "title", Message: canary})
	}}, 0)
	_, err := w.programs.UpdateProgram(as("administrator", "user-agent-note", canary), &v1.UpdateProgramRequest{Program: &v1.Program{
		Name: "programs/alpha", Title: map[string]string{"en": canary},
	}})
	if !strings.Contains(status.Convert(err).Message(), canary) {
		t.Fatal("the caller is not told")
	}
	line := w.log.String()
	for _, want := range []string{"method=ProgramService/UpdateProgram", "code=InvalidArgument", "reason=SOME_REASON", "subject=tokens/2", "request=request-", "took="} {
		if !strings.Contains(line, want) {
			t.Errorf("the log line lacks %s: %s", want, line)
		}
	}
	if strings.Contains(line, canary) {
		t.Errorf("the log holds a canary: %s", line)
	}
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "fairlead_call_duration_seconds" && len(f.GetMetric()) != 1 {
			t.Errorf("%d series, want 1", len(f.GetMetric()))
		}
	}
	if len(families) != 2 {
		t.Errorf("%d metrics, want 2", len(families))
	}
}

// TestUndeclared makes a service whose method declares no permission, or one
// that there is not: neither may start.
func TestUndeclared(t *testing.T) {
	declare := func(permission string) error {
		options := &descriptorpb.MethodOptions{}
		if permission != "" {
			proto.SetExtension(options, v1.E_Permission, permission)
		}
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: proto.String("x.proto"), Package: proto.String("fairlead.test"), Syntax: proto.String("proto3"),
			MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
			Service: []*descriptorpb.ServiceDescriptorProto{{Name: proto.String("S"), Method: []*descriptorpb.MethodDescriptorProto{{
				Name: proto.String("Do"), InputType: proto.String(".fairlead.test.M"), OutputType: proto.String(".fairlead.test.M"), Options: options,
			}}}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = readMethod(file.Services().Get(0).Methods().Get(0))
		return err
	}
	if err := declare("programs.read"); err != nil {
		t.Errorf("a declared one: %v", err)
	}
	if err := declare(""); err == nil || !strings.Contains(err.Error(), "fairlead.test.S.Do declares no") {
		t.Errorf("an undeclared one: %v", err)
	}
	if err := declare("programs.reed"); err == nil {
		t.Error("a permission that there is not was accepted")
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(1, 1, func() time.Time { return now })
	for i := range maxTracked + 10 {
		l.Take(fmt.Sprint(i))
	}
	if len(l.byKey) != maxTracked || l.recent.Len() != maxTracked {
		t.Errorf("remembers %d callers", len(l.byKey))
	}
	if l.Take("5") != 0 {
		t.Error("who was forgotten has to wait")
	}
	if l.Take("20005") == 0 {
		t.Error("who is remembered need not wait")
	}
	now = now.Add(time.Second)
	if l.Take("20005") != 0 {
		t.Error("has to wait after waiting")
	}
}
