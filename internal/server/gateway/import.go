package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// ImportPattern is the route of imports, for an http.ServeMux.
const ImportPattern = "POST /v1/programs/{program}/applications:import"

// ImportTimeout is how long an import may take, upload included.
const ImportTimeout = 10 * time.Minute

const (
	maxImport   = 64 << 20  // bytes of a table
	importChunk = 256 << 10 // bytes of one message of the stream
)

// Import takes a form of two parts, the spec as JSON and the table as CSV, and
// passes them on to the streaming method, so that they meet the same chain as
// every call. Nothing comes in the URL: servers and proxies write URLs down,
// and a consent note or the headers of a table can name somebody.
func Import(conn *grpc.ClientConn, trusted []netip.Prefix) http.Handler {
	client := v1.NewApplicationServiceClient(conn)
	codec := newCodec()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex() // HTTP/2 is so by itself
		// The room above the table is for the spec and what a form adds.
		r.Body = http.MaxBytesReader(w, r.Body, maxImport+2*MaxBody)
		refuse := func(answer func()) {
			w.Header().Set("Connection", "close")
			answer()
			linger(control, r.Body)
		}
		spec, table, err := readForm(r, codec)
		if err != nil {
			refuse(func() { WriteError(w, r, err) })
			return
		}
		until := time.Now().Add(ImportTimeout)
		_ = control.SetReadDeadline(until) // not every test server has deadlines
		_ = control.SetWriteDeadline(until)
		ctx, cancel := context.WithDeadline(r.Context(), until)
		defer cancel()
		md := metadata.Pairs(chain.ClientKey, ClientAddress(r, trusted).String())
		md.Append("authorization", r.Header.Values("Authorization")...)
		var header metadata.MD
		resp, sent, err := send(metadata.NewOutgoingContext(ctx, md), client, spec, table, &header)
		if id := header.Get(chain.RequestIDKey); len(id) > 0 {
			w.Header().Set("X-Request-Id", id[0])
		}
		if err != nil {
			refuse(func() {
				var own *applications.Error
				if errors.As(err, &own) { // of the form; the services' come as a status
					WriteError(w, r, own)
				} else {
					answerError(r.Context(), nil, nil, w, r, err)
				}
				_ = control.Flush() // or nobody hears of it before the upload ends
				_ = control.SetReadDeadline(time.Now().Add(lingering))
				<-sent
			})
			return
		}
		body, err := codec.Marshal(resp)
		if err != nil {
			WriteError(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the caller has gone: nobody to tell
	})
}

// lingering is how long what comes behind a refusal is still read. Whoever is
// in the middle of sending hears of the refusal only then: closing a connection
// on data that is on its way makes the system drop the answer with it.
const lingering = 5 * time.Second

func linger(control *http.ResponseController, body io.Reader) {
	_ = control.Flush()
	_ = control.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.Copy(io.Discard, body) // until the sender is done, has gone, or time is up
}

// formOfImport is how an import is sent, for those who send it otherwise.
const formOfImport = `send a form (multipart/form-data) with the part "spec", such as {"consentNote": "asked by phone"}, and behind it the part "table", which is the CSV`

// readForm reads what comes before the table and checks the headers.
func readForm(r *http.Request, codec codec) (*v1.ImportSpec, io.Reader, error) {
	if err := checkHeaders(r); err != nil {
		return nil, nil, err
	}
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, nil, applications.Invalid(problem.ReasonQueryInvalid, "an import takes nothing in the URL, because URLs are written into logs; "+formOfImport, queried(r.URL.Query())...)
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return nil, nil, applications.Invalid(problem.ReasonMediaType, formOfImport)
	}
	form := multipart.NewReader(r.Body, params["boundary"])
	part, err := form.NextPart()
	if err != nil {
		return nil, nil, formError(err)
	}
	if part.FormName() != "spec" {
		return nil, nil, importForm(`the first part has to be "spec"`)
	}
	text, err := io.ReadAll(http.MaxBytesReader(nil, part, MaxBody))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, nil, applications.Invalid(problem.ReasonTooLarge, `the part "spec" is larger than 1 MiB`)
		}
		return nil, nil, formError(err)
	}
	spec, err := readSpec(r, text, codec)
	if err != nil {
		return nil, nil, err
	}
	if part, err = form.NextPart(); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, formError(err)
	}
	if err != nil || part.FormName() != "table" {
		return nil, nil, importForm(`the second part has to be "table"`)
	}
	return spec, &tablePart{part: part, form: form}, nil
}

// readSpec reads the part that says how to import.
func readSpec(r *http.Request, text []byte, codec codec) (*v1.ImportSpec, error) {
	spec := &v1.ImportSpec{}
	if len(bytes.TrimSpace(text)) > 0 {
		if err := codec.Unmarshal(text, spec); err != nil {
			var bad *bodyError
			if errors.As(err, &bad) {
				return nil, bad.err
			}
			return nil, err
		}
	}
	parent := "programs/" + r.PathValue("program")
	if said := spec.GetParent(); said != "" && said != parent {
		message := "is " + shownName(said) + ", but the path names " + shownName(parent) + "; send one of them"
		return nil, applications.Invalid(problem.ReasonNameConflict, "the spec's parent "+message, applications.Violation{Field: "parent", Message: message})
	}
	spec.Parent = parent
	if key := r.Header.Get("Idempotency-Key"); key != "" {
		if said := spec.GetRequestId(); said != "" && said != key {
			return nil, applications.Invalid(problem.ReasonHeaderConflict, "the header Idempotency-Key and the spec's requestId differ; send one of them",
				applications.Violation{Field: "requestId", Message: "differs from the header Idempotency-Key"})
		}
		spec.RequestId = key
	}
	return spec, nil
}

// queried names the fields of the spec that a query holds, and none of what it
// says about them.
func queried(query url.Values) []applications.Violation {
	var found []applications.Violation
	for _, field := range []string{"consentNote", "dryRun", "mapping", "requestId"} {
		for key := range query {
			if key == field || strings.HasPrefix(key, field+"[") {
				found = append(found, applications.Violation{Field: field, Message: `belongs into the part "spec"`})
				break
			}
		}
	}
	return found
}

func importForm(what string) *applications.Error {
	return applications.Invalid(problem.ReasonFormInvalid, what+"; "+formOfImport)
}

// formError says why a form cannot be read on. The library's own words may
// quote it.
func formError(err error) *applications.Error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return applications.Invalid(problem.ReasonTooLarge, "the table is larger than 64 MiB; import it in parts")
	case errors.Is(err, io.EOF):
		return importForm("the form is empty")
	}
	return importForm("the form broke off or is none")
}

// tablePart is the table of a form. It ends only where the form does: a table
// whose end did not arrive must not pass for a whole one.
type tablePart struct {
	part io.Reader
	form *multipart.Reader
	size int64
}

func (t *tablePart) Read(p []byte) (int, error) {
	n, err := t.part.Read(p)
	if t.size += int64(n); t.size > maxImport {
		return n, applications.Invalid(problem.ReasonTooLarge, "the table is larger than 64 MiB; import it in parts")
	}
	if err == nil {
		return n, nil
	}
	if !errors.Is(err, io.EOF) {
		return n, formError(err)
	}
	switch _, err := t.form.NextPart(); {
	case err == nil:
		return n, importForm("the form has a third part")
	case !errors.Is(err, io.EOF):
		return n, formError(err)
	}
	return n, io.EOF
}

// send streams the spec and the table. The server may end the call early, as it
// does for who may not import: then the answer comes before the table was read,
// and sent is closed once nobody reads it any more.
func send(ctx context.Context, client v1.ApplicationServiceClient, spec *v1.ImportSpec, table io.Reader, header *metadata.MD) (resp *v1.ImportApplicationsResponse, sent <-chan struct{}, err error) {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx) // ends the stream when the upload breaks off
	stream, err := client.ImportApplications(ctx, grpc.Header(header))
	if err != nil {
		cancel()
		close(done)
		return nil, done, err
	}
	answer := make(chan error, 1)
	resp = &v1.ImportApplicationsResponse{}
	go func() { answer <- stream.RecvMsg(resp) }()
	parts := make(chan error, 1)
	go func() {
		defer close(done)
		err := sendParts(stream, spec, table)
		if err == nil {
			err = stream.CloseSend()
		}
		parts <- err // before the answer that it brings about
		if err != nil {
			cancel()
		}
	}()
	err = <-answer
	select {
	case broken := <-parts:
		if broken != nil {
			err = broken
		}
	default: // the table is still on its way
		if err == nil { // never: the server reads to the end first
			err = <-parts
		}
	}
	cancel()
	return resp, done, err
}

// sendParts sends everything there is. What a stream that has ended says stands
// in its answer: that is no error here.
func sendParts(stream grpc.ClientStreamingClient[v1.ImportApplicationsRequest, v1.ImportApplicationsResponse], spec *v1.ImportSpec, table io.Reader) error {
	err := stream.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Spec{Spec: spec}})
	chunk := make([]byte, importChunk)
	for done := false; err == nil && !done; {
		n := 0
		for n < len(chunk) && !done { // io.ReadFull cannot tell a table that ends from one that breaks off
			m, readErr := table.Read(chunk[n:])
			n += m
			if done = errors.Is(readErr, io.EOF); readErr != nil && !done {
				return readErr
			}
		}
		if n > 0 {
			err = stream.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Chunk{Chunk: chunk[:n]}})
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
