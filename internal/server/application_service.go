package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// MaxImport is the largest table that can be imported, in bytes.
const MaxImport = 64 << 20

// importsAtOnce bounds the tables held in memory at the same time.
const importsAtOnce = 2

// signInLinkLife is how long a sign-in link is valid when nobody says.
const signInLinkLife = 15 * time.Minute

type applicationService struct {
	v1.UnimplementedApplicationServiceServer
	svc       *applications.Service
	pages     pages
	publicURL string
	tries     *applications.Tries // wrong return codes, by address and program
	importing chan struct{}       // a place for each import at work
}

func (s *applicationService) CreateApplication(ctx context.Context, req *v1.CreateApplicationRequest) (*v1.ApplicationAccess, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	a, err := applicationFromWire(programID(req.GetParent()), req.GetApplication())
	if err != nil {
		return nil, err
	}
	a.ID = ""
	return applicationAccess(s.svc.CreateApplication(ctx, chain.Principal(ctx), a, req.GetSubmit(), idem))
}

func (s *applicationService) GetApplication(ctx context.Context, req *v1.GetApplicationRequest) (*v1.Application, error) {
	full := req.GetView() == v1.ApplicationView_APPLICATION_VIEW_FULL
	return application(s.svc.Application(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), full, req.GetReason()))
}

func (s *applicationService) ListApplications(ctx context.Context, req *v1.ListApplicationsRequest) (*v1.ListApplicationsResponse, error) {
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	full := req.GetView() == v1.ApplicationView_APPLICATION_VIEW_FULL
	page, err := s.svc.Applications(ctx, chain.Principal(ctx), programID(req.GetParent()), q, full, req.GetReason())
	if err != nil {
		return nil, err
	}
	return &v1.ListApplicationsResponse{Applications: convert(page.Items, applicationToWire), NextPageToken: next(page.Next)}, nil
}

func (s *applicationService) UpdateApplication(ctx context.Context, req *v1.UpdateApplicationRequest) (*v1.Application, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	rev, err := revision(req.GetApplication().GetEtag())
	if err != nil {
		return nil, err
	}
	paths, fixed, err := readMask(req.GetUpdateMask(), req.GetApplication())
	if err != nil {
		return nil, err
	}
	for _, p := range fixed { // on_behalf, person: nothing that an update could mean
		if req.GetApplication().ProtoReflect().Has(p.field) {
			return nil, applications.Invalid("FIELD_IMMUTABLE", "some fields cannot be changed any more",
				applications.Violation{Field: p.field.JSONName(), Message: "is fixed when the application is begun and cannot be changed"})
		}
	}
	a, err := applicationFromWire(programID(req.GetApplication().GetName()), req.GetApplication())
	if err != nil {
		return nil, err
	}
	a.Revision = rev
	return application(s.svc.UpdateApplication(ctx, chain.Principal(ctx), a, convert(paths, maskPath.json), idem))
}

func (s *applicationService) SubmitApplication(ctx context.Context, req *v1.SubmitApplicationRequest) (*v1.Application, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return application(s.svc.SubmitApplication(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *applicationService) WithdrawApplication(ctx context.Context, req *v1.WithdrawApplicationRequest) (*v1.Application, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return application(s.svc.WithdrawApplication(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), rev, idem))
}

func (s *applicationService) ExtendApplication(ctx context.Context, req *v1.ExtendApplicationRequest) (*v1.Application, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return application(s.svc.ExtendApplication(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), timeOf(req.GetExtendedCloseTime()), req.GetReason(), rev, idem))
}

func (s *applicationService) RenewReturnCode(ctx context.Context, req *v1.RenewReturnCodeRequest) (*v1.ApplicationAccess, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return applicationAccess(s.svc.NewReturnCode(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), idem))
}

func (s *applicationService) EraseApplication(ctx context.Context, req *v1.EraseApplicationRequest) (*v1.Application, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	return application(s.svc.EraseApplication(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), req.GetReason(), idem))
}

// ResumeApplication lets an address try so many wrong codes an hour. Right
// ones do not count: a clinic behind one address is many people.
func (s *applicationService) ResumeApplication(ctx context.Context, req *v1.ResumeApplicationRequest) (*v1.ApplicationAccess, error) {
	program := programID(req.GetParent())
	// Only programs that exist are counted by: made-up ones would push real
	// tries out of memory.
	if _, err := s.svc.Program(ctx, access.Principal{}, program); err != nil {
		return nil, err
	}
	key := applications.TriesKey(chain.Client(ctx).String(), program)
	if wait := s.tries.Take(key, s.svc.Now()); wait > 0 {
		return nil, &problem.Limited{After: wait}
	}
	found, err := s.svc.Resume(ctx, program, req.GetReturnCode())
	if applications.CodeOf(err) != applications.NotFound {
		s.tries.Refund(key)
	}
	return applicationAccess(found, err)
}

func (s *applicationService) IssueSignInLink(ctx context.Context, req *v1.IssueSignInLinkRequest) (*v1.SignInLink, error) {
	return signInLink(ctx, s.svc, s.publicURL, programID(req.GetName()), lastID(req.GetName()), req.GetReason(), req.GetTtl())
}

func signInLink(ctx context.Context, svc *applications.Service, publicURL, program, application, reason string, ttl *durationpb.Duration) (*v1.SignInLink, error) {
	life := signInLinkLife
	if ttl != nil {
		life = ttl.AsDuration()
	}
	code, err := svc.SignInLink(ctx, chain.Principal(ctx), program, application, reason, life)
	if err != nil {
		return nil, err
	}
	link := &v1.SignInLink{Code: code, ExpireTime: stamp(svc.Now().Add(life))}
	if publicURL != "" {
		link.Uri = publicURL + "/enter/" + code
	}
	return link, nil
}

func application(a *applications.Application, err error) (*v1.Application, error) {
	if err != nil {
		return nil, err
	}
	return applicationToWire(a), nil
}

func applicationAccess(c *applications.CreatedApplication, err error) (*v1.ApplicationAccess, error) {
	if err != nil {
		return nil, err
	}
	return accessToWire(c), nil
}

// ---- import and export ----

// ImportApplications takes the whole table in before it hands it on, because a
// request id stands for all of it.
func (s *applicationService) ImportApplications(stream grpc.ClientStreamingServer[v1.ImportApplicationsRequest, v1.ImportApplicationsResponse]) error {
	select {
	case s.importing <- struct{}{}:
		defer func() { <-s.importing }()
	default:
		return applications.Errorf(applications.ResourceExhausted, "IMPORTS_BUSY", "%d imports are at work; try again when they are done", importsAtOnce)
	}
	first, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	spec := first.GetSpec()
	if spec == nil {
		return applications.Invalid("IMPORT_SPEC_MISSING", "the first message has to say what to import and how",
			applications.Violation{Field: "spec", Message: "is missing"})
	}
	var table bytes.Buffer
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if m.GetSpec() != nil {
			return applications.Invalid("IMPORT_SPEC_TWICE", "only the first message says what to import",
				applications.Violation{Field: "spec", Message: "is there twice"})
		}
		if table.Len()+len(m.GetChunk()) > MaxImport {
			return applications.Invalid(problem.ReasonTooLarge, "the table is larger than 64 MiB; import it in parts")
		}
		table.Write(m.GetChunk())
	}
	idem, err := idempotency(spec)
	if err != nil {
		return err
	}
	if idem.RequestID != "" {
		content := sha256.Sum256(table.Bytes())
		both := sha256.Sum256(append(idem.Hash, content[:]...))
		idem.Hash = both[:]
	}
	report, err := s.svc.ImportApplications(stream.Context(), chain.Principal(stream.Context()), programID(spec.GetParent()),
		bytes.NewReader(table.Bytes()), spec.GetMapping(), spec.GetDryRun(), spec.GetConsentNote(), idem)
	if err != nil {
		return err
	}
	return stream.SendAndClose(importReportToWire(report))
}

func (s *applicationService) ExportApplications(req *v1.ExportApplicationsRequest, stream grpc.ServerStreamingServer[httpbody.HttpBody]) error {
	ctx := stream.Context()
	program := programID(req.GetParent())
	if err := stream.SetHeader(metadata.Pairs("content-disposition", `attachment; filename="`+program+`-applications.csv"`)); err != nil {
		return err
	}
	w := &rowWriter{send: func(rows []byte) error {
		return stream.Send(&httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Data: rows})
	}}
	if err := s.svc.ExportApplications(ctx, chain.Principal(ctx), program, req.GetIdentityColumns(), req.GetReason(), w); err != nil {
		return err
	}
	return w.close()
}

// rowWriter cuts a CSV into chunks of whole rows and leaves out the newline
// behind the last row of each: the gateway puts one after every chunk.
type rowWriter struct {
	send    func([]byte) error
	pending []byte
	quoted  bool // inside a quoted cell at the end of pending, where a newline ends no row
	rowEnd  int  // bytes of pending up to the last newline that ends a row
}

// chunkSize is the least that is sent at once, in bytes.
const chunkSize = 64 << 10

func (w *rowWriter) Write(p []byte) (int, error) {
	for i, c := range p {
		switch {
		case c == '"':
			w.quoted = !w.quoted // a doubled quote toggles twice
		case c == '\n' && !w.quoted:
			w.rowEnd = len(w.pending) + i
		}
	}
	w.pending = append(w.pending, p...)
	if w.rowEnd >= chunkSize {
		return len(p), w.flush()
	}
	return len(p), nil
}

func (w *rowWriter) flush() error {
	if err := w.send(w.pending[:w.rowEnd]); err != nil {
		return err
	}
	w.pending = append([]byte(nil), w.pending[w.rowEnd+1:]...)
	w.rowEnd = 0
	return nil
}

// close sends what is left.
func (w *rowWriter) close() error {
	if len(w.pending) == 0 {
		return nil
	}
	return w.send(bytes.TrimSuffix(w.pending, []byte("\n")))
}
