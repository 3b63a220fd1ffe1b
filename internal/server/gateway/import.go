package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
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

// Import takes a CSV as the body and passes it on to the streaming method, so
// that it meets the same chain as every call. What stands in the other fields
// of ImportSpec comes as query parameters.
func Import(conn *grpc.ClientConn, trusted []netip.Prefix) http.Handler {
	client := v1.NewApplicationServiceClient(conn)
	fromPath := utilities.NewDoubleArray([][]string{{"parent"}})
	codec := newCodec()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := checkHeaders(r); err != nil {
			WriteError(w, r, err)
			return
		}
		if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "text/csv" {
			WriteError(w, r, applications.Invalid(problem.ReasonMediaType, `the table is CSV; send it with the header "Content-Type: text/csv"`))
			return
		}
		spec := &v1.ImportSpec{Parent: "programs/" + r.PathValue("program")}
		query := r.URL.Query()
		spec.Mapping = takeMapping(query)
		if err := (&queryParser{}).Parse(spec, query, fromPath); err != nil {
			var bad *bodyError
			if errors.As(err, &bad) {
				err = bad.err
			}
			WriteError(w, r, err)
			return
		}
		if key := r.Header.Get("Idempotency-Key"); key != "" {
			if spec.GetRequestId() != "" && spec.GetRequestId() != key {
				WriteError(w, r, applications.Invalid(problem.ReasonHeaderConflict, "the header Idempotency-Key and the parameter requestId differ; send one of them",
					applications.Violation{Field: "requestId", Message: "differs from the header Idempotency-Key"}))
				return
			}
			spec.RequestId = key
		}
		control := http.NewResponseController(w)
		until := time.Now().Add(ImportTimeout)
		_ = control.SetReadDeadline(until) // not every test server has deadlines
		_ = control.SetWriteDeadline(until)

		ctx, cancel := context.WithDeadline(r.Context(), until)
		defer cancel()
		md := metadata.Pairs(chain.ClientKey, ClientAddress(r, trusted).String())
		md.Append("authorization", r.Header.Values("Authorization")...)
		var header metadata.MD
		resp, err := send(metadata.NewOutgoingContext(ctx, md), client, spec, http.MaxBytesReader(w, r.Body, maxImport), &header)
		if id := header.Get(chain.RequestIDKey); len(id) > 0 {
			w.Header().Set("X-Request-Id", id[0])
		}
		if err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				WriteError(w, r, applications.Invalid(problem.ReasonTooLarge, "the table is larger than 64 MiB; import it in parts"))
				return
			}
			answerError(r.Context(), nil, nil, w, r, err)
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

// takeMapping takes mapping[HEADER]=FIELD out of a query. A header can hold
// brackets itself, as form tools write them ("Skills [cooking]"), which the
// gateway's own way of reading maps does not expect.
func takeMapping(query url.Values) map[string]string {
	mapping := map[string]string{}
	for key, values := range query {
		header, ok := strings.CutPrefix(key, "mapping[")
		if !ok || !strings.HasSuffix(header, "]") || len(values) != 1 {
			continue
		}
		mapping[strings.TrimSuffix(header, "]")] = values[0]
		delete(query, key)
	}
	return mapping
}

// send streams the spec and the table. When the server ends the call early, it
// says why, and nothing more is read.
func send(ctx context.Context, client v1.ApplicationServiceClient, spec *v1.ImportSpec, table io.Reader, header *metadata.MD) (*v1.ImportApplicationsResponse, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when the upload breaks off
	defer cancel()
	stream, err := client.ImportApplications(ctx, grpc.Header(header))
	if err != nil {
		return nil, err
	}
	err = stream.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Spec{Spec: spec}})
	chunk := make([]byte, importChunk)
	for err == nil {
		n, readErr := io.ReadFull(table, chunk)
		if n > 0 {
			err = stream.Send(&v1.ImportApplicationsRequest{Part: &v1.ImportApplicationsRequest_Chunk{Chunk: chunk[:n]}})
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) {
			break
		}
		if readErr != nil {
			return nil, readErr
		}
	}
	if err != nil && !errors.Is(err, io.EOF) { // io.EOF: the answer waits below
		return nil, err
	}
	return stream.CloseAndRecv()
}
