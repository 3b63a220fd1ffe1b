// Package gateway is the REST door. It translates between HTTP with JSON and
// the gRPC services, which it calls over a connection inside the process, so
// that every call goes through the same chain as a remote one.
package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/chain"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// MaxBody is the largest body of a request, in bytes. Imports have a route of
// their own.
const MaxBody = 1 << 20

// Timeouts of one request, above those of the methods: they bound what waits
// for a place on the connection to the services, before any method's begins.
// AnswerTimeout leaves time to tell of it before the ports give up on writing.
const (
	AnswerTimeout = 80 * time.Second
	StreamTimeout = time.Hour
)

// Register adds a service's routes; the generated code has one for each.
type Register func(ctx context.Context, mux *runtime.ServeMux, conn *grpc.ClientConn) error

// Options of the gateway.
type Options struct {
	Conn     *grpc.ClientConn
	Services []Register
	// TrustedProxies are believed when they say for whom they call.
	TrustedProxies []netip.Prefix
	// Gates let requests in once they are read; nil: all of them. Streams are
	// counted by the services.
	Gates *chain.Gates
}

// New makes the handler for everything below /v1/.
func New(ctx context.Context, o Options) (http.Handler, error) {
	routes := newRoutes()
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: newCodec()}),
		runtime.SetQueryParameterParser(&queryParser{}),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableChunkedEncoding(), // net/http does that by itself
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithIncomingHeaderMatcher(incomingHeader),
		runtime.WithOutgoingHeaderMatcher(outgoingHeader),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(func(_ context.Context, r *http.Request) metadata.MD {
			return metadata.Pairs(chain.ClientKey, ClientAddress(r, o.TrustedProxies).String())
		}),
		runtime.WithForwardResponseOption(setETag),
		runtime.WithErrorHandler(answerError),
		runtime.WithStreamErrorHandler(streamError),
		runtime.WithRoutingErrorHandler(routes.answerRoutingError),
	)
	for _, register := range o.Services {
		if err := register(ctx, mux, o.Conn); err != nil {
			return nil, err
		}
	}
	return readBody(routes, o.Gates, o.TrustedProxies, mux), nil
}

// incomingHeader lets through the headers that stand for fields, and no other;
// the gateway itself passes on Authorization.
func incomingHeader(key string) (string, bool) {
	switch http.CanonicalHeaderKey(key) {
	case "If-Match":
		return chain.IfMatchKey, true
	case "Idempotency-Key":
		return chain.IdempotencyKeyKey, true
	}
	return "", false
}

func outgoingHeader(key string) (string, bool) {
	switch key {
	case chain.RequestIDKey:
		return "X-Request-Id", true
	case "content-disposition": // of an export
		return "Content-Disposition", true
	}
	return "", false
}

// setETag says a resource's etag in the header too, so that it can be sent
// back as If-Match.
func setETag(_ context.Context, w http.ResponseWriter, msg proto.Message) error {
	if msg == nil {
		return nil
	}
	m := msg.ProtoReflect()
	fd := m.Descriptor().Fields().ByName("etag")
	if fd == nil || fd.Kind() != protoreflect.StringKind {
		return nil
	}
	if tag := m.Get(fd).String(); tag != "" {
		w.Header().Set("Etag", `"`+tag+`"`)
	}
	return nil
}

// readBody takes a request in before anything looks at it: its headers, its
// size, its media type; and lets HEAD do what GET does, without the body. Only
// then it asks for a place: whoever sends slowly keeps nobody out.
func readBody(routes routes, gates *chain.Gates, trusted []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store") // answers hold what people said
		if err := checkHeaders(r); err != nil {
			WriteError(w, r, err)
			return
		}
		if r.Method == http.MethodHead {
			r = r.Clone(r.Context())
			r.Method = http.MethodGet // net/http drops the body of the answer
		}
		timeout, streams := AnswerTimeout, false
		if routes.streams(r.Method, r.URL.Path) {
			timeout, streams = StreamTimeout, true
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(StreamTimeout)) // not every test server has deadlines
			stream := &streamWriter{ResponseWriter: w, request: r}
			w, r = stream, r.WithContext(context.WithValue(r.Context(), streamKey{}, stream))
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
		if err != nil {
			WriteError(w, r, bodyReadError(err))
			return
		}
		if len(bytes.TrimSpace(body)) > 0 && !isJSON(r.Header.Get("Content-Type")) {
			WriteError(w, r, applications.Invalid(problem.ReasonMediaType, `bodies are JSON here; send it with the header "Content-Type: application/json"`))
			return
		}
		if gates != nil && !streams {
			admitted, leave, err := Admit(gates, w, r)
			if err != nil {
				WriteError(w, r, err)
				rest(w, r, trusted)
				return
			}
			defer leave()
			w = admitted
		}
		if err := routes.checkNames(r, body); err != nil {
			WriteError(w, r, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.ContentLength = int64(len(body))
		next.ServeHTTP(w, r)
	})
}

func bodyReadError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return applications.Invalid(problem.ReasonTooLarge, "the body is larger than 1 MiB; tables of applications go to …/applications:import, which takes 64 MiB")
	}
	return applications.Invalid(problem.ReasonJSONMalformed, "the body could not be read to its end; send it again")
}

// isJSON also takes no media type at all.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	t, params, err := mime.ParseMediaType(contentType)
	if err != nil || t != "application/json" {
		return false
	}
	charset := params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8")
}

// WriteError answers a REST request with an error of ours.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if o := (*problem.Overloaded)(nil); errors.As(err, &o) {
		o.Write(w)
		return
	}
	st, _ := problem.Status(err, w.Header().Get("X-Request-Id"))
	problem.From(st, r.Header.Get("If-Match") != "").Write(w)
}

// answerError is what the gateway calls for every error, its own and the
// services'.
func answerError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok {
		if id := md.HeaderMD.Get(chain.RequestIDKey); len(id) > 0 {
			w.Header().Set("X-Request-Id", id[0])
		}
	}
	var malformed *runtime.HTTPStatusError // only for a path with a broken %-sequence
	st := status.Convert(err)
	if e, ok := bodyErrorIn(st.Message()); ok {
		st = problem.FromError(e)
	} else if errors.As(err, &malformed) {
		st = problem.FromError(applications.Invalid(problem.ReasonRouteUnknown, "the path has a broken percent sequence"))
	} else if problem.Reason(st) == "" {
		st = problem.FromError(foreign(st))
	}
	problem.From(st, r.Header.Get("If-Match") != "").Write(w)
}

// streamWriter is what the answer of a stream is written to. It knows whether
// anything was sent, and takes nothing more once the stream has failed.
type streamWriter struct {
	http.ResponseWriter
	request *http.Request
	sent    bool
	failed  bool
}

type streamKey struct{}

func (w *streamWriter) WriteHeader(code int) {
	if !w.failed {
		w.ResponseWriter.WriteHeader(code)
	}
}

func (w *streamWriter) Write(p []byte) (int, error) {
	if w.failed {
		return len(p), nil
	}
	w.sent = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController find the writer's abilities.
func (w *streamWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// streamError is asked when a stream fails. Before its first part that is a
// problem like any other. Later, lines of JSON end with one that tells the
// error. A table must not: its connection is broken off, so that nobody takes
// a part for the whole.
func streamError(ctx context.Context, err error) *status.Status {
	w, ok := ctx.Value(streamKey{}).(*streamWriter)
	if ok && !w.sent {
		answerError(ctx, nil, nil, w.ResponseWriter, w.request, err)
		w.failed = true
	} else if method, _ := runtime.RPCMethod(ctx); strings.Contains(method, "/Export") {
		panic(http.ErrAbortHandler)
	}
	return status.Convert(err)
}

// foreign puts an error of the libraries below us into our words. Their own
// could quote the request.
func foreign(st *status.Status) *applications.Error {
	switch st.Code() {
	case codes.ResourceExhausted:
		return applications.Invalid(problem.ReasonTooLarge, "the request is larger than 1 MiB")
	case codes.Unavailable:
		return applications.Errorf(applications.Unavailable, "SHUTTING_DOWN", "the server is starting or stopping; try again in a moment")
	case codes.DeadlineExceeded:
		return applications.Errorf(applications.DeadlineExceeded, problem.ReasonDeadline, "this took longer than allowed; try again")
	case codes.Canceled:
		return applications.Errorf(applications.Canceled, problem.ReasonCanceled, "the caller went away")
	case codes.Unimplemented:
		return applications.Errorf(applications.NotFound, problem.ReasonRouteUnknown, "there is no such method yet")
	}
	return applications.Invalid(problem.ReasonFieldsInvalid, "the request cannot be read; see /docs for its form")
}

// ClientAddress is who calls, behind trusted proxies too.
func ClientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	remote, _ := netip.ParseAddrPort(r.RemoteAddr) // of a network without addresses: nobody
	return chain.ClientAddress(remote.Addr(), r.Header.Values("X-Forwarded-For"), trusted)
}
