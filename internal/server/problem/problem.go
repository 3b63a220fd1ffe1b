// Package problem tells errors to callers: an applications.Error becomes a
// google.rpc.Status with ErrorInfo and BadRequest on gRPC, and the same thing
// as application/problem+json (RFC 9457) on REST. Whatever is not one of ours
// becomes "internal", told as nothing but a reference.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/openfairlead/fairlead/applications"
)

// Domain is the ErrorInfo domain of every reason.
const Domain = "fairlead"

// ContentType is the media type of a problem on REST.
const ContentType = "application/problem+json"

// Reasons that the doors themselves give, before any service is asked.
const (
	ReasonInternal         = "INTERNAL"
	ReasonCanceled         = "CANCELED"
	ReasonDeadline         = "DEADLINE_EXCEEDED"
	ReasonTokenMissing     = "TOKEN_REQUIRED"
	ReasonRoleMissing      = "PERMISSION_MISSING"
	ReasonRateLimited      = "RATE_LIMITED"
	ReasonStreams          = "TOO_MANY_STREAMS"
	ReasonOverloaded       = "OVERLOADED"
	ReasonFullView         = "FULL_VIEW_NEEDS_POST"
	ReasonFieldsInvalid    = "FIELDS_INVALID"
	ReasonJSONMalformed    = "JSON_MALFORMED"
	ReasonQueryInvalid     = "QUERY_INVALID"
	ReasonRouteUnknown     = "ROUTE_NOT_FOUND"
	ReasonMethodNotAllowed = "METHOD_NOT_ALLOWED"
	ReasonMediaType        = "UNSUPPORTED_MEDIA_TYPE"
	ReasonTooLarge         = "REQUEST_TOO_LARGE"
	ReasonRequestIDReused  = "REQUEST_ID_REUSED"
	ReasonStaleRevision    = "STALE_REVISION"
	ReasonHeaderConflict   = "HEADER_CONFLICT"
	ReasonHeaderInvalid    = "HEADER_INVALID"
	ReasonNameConflict     = "NAME_CONFLICT"
	ReasonFormInvalid      = "FORM_INVALID"
	ReasonTokenInvalid     = "TOKEN_INVALID"
	ReasonNotBuilt         = "NOT_BUILT"
)

// wireCodes mirrors the closed set of domain codes.
var wireCodes = map[applications.Code]codes.Code{
	applications.Internal:           codes.Internal,
	applications.InvalidArgument:    codes.InvalidArgument,
	applications.NotFound:           codes.NotFound,
	applications.AlreadyExists:      codes.AlreadyExists,
	applications.PermissionDenied:   codes.PermissionDenied,
	applications.Unauthenticated:    codes.Unauthenticated,
	applications.FailedPrecondition: codes.FailedPrecondition,
	applications.Aborted:            codes.Aborted,
	applications.ResourceExhausted:  codes.ResourceExhausted,
	applications.Unavailable:        codes.Unavailable,
	applications.DeadlineExceeded:   codes.DeadlineExceeded,
	applications.Canceled:           codes.Canceled,
	applications.DataLoss:           codes.DataLoss,
}

// Limited is returned for a caller who has to wait.
type Limited struct {
	After time.Duration
}

func (l *Limited) Error() string { return "too many requests" }

// Overloaded is returned for a call that the server has no time for.
type Overloaded struct {
	After time.Duration
}

const overloadedMessage = "the server has more to do just now than it can; nothing was done, try again in a moment"

func (o *Overloaded) Error() string { return overloadedMessage }

var overloadedProblem = Problem{
	Type: "about:blank", Title: http.StatusText(http.StatusTooManyRequests), Status: http.StatusTooManyRequests,
	Detail: overloadedMessage, Code: codeName(codes.ResourceExhausted), Reason: ReasonOverloaded,
}

var overloadedBody = sync.OnceValue(overloadedProblem.body)

// Write answers on REST, without the detour over a status: refusing has to
// cost next to nothing when there is most to refuse.
func (o *Overloaded) Write(w http.ResponseWriter) {
	p, body := overloadedProblem, overloadedBody()
	p.retryAfter = o.After
	p.begin(w.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // so that a flush ends the answer
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the caller has gone: nobody to tell
}

// Status turns any error into what a caller may see. reference is the request
// id, the only thing told about an internal error; internal reports that the
// error is one and has to be logged in full.
func Status(err error, reference string) (st *status.Status, internal bool) {
	var own *applications.Error
	var limited *Limited
	var overloaded *Overloaded
	switch {
	case err == nil:
		return status.New(codes.OK, ""), false
	case errors.As(err, &own) && own.Code != applications.Internal && own.Code != applications.DataLoss:
		return FromError(own), false
	case errors.As(err, &limited):
		return with(codes.ResourceExhausted, ReasonRateLimited, "too many requests; wait "+limited.After.Round(time.Second).String()+" and try again", nil,
			&errdetails.RetryInfo{RetryDelay: durationpb.New(limited.After)}), false
	case errors.As(err, &overloaded):
		return with(codes.ResourceExhausted, ReasonOverloaded, overloadedMessage, nil,
			&errdetails.RetryInfo{RetryDelay: durationpb.New(overloaded.After)}), false
	case errors.Is(err, context.DeadlineExceeded):
		return with(codes.DeadlineExceeded, ReasonDeadline, "this took longer than allowed; nothing was half-written, try again", nil), false
	case errors.Is(err, context.Canceled):
		return with(codes.Canceled, ReasonCanceled, "the caller went away", nil), false
	case status.Code(err) == codes.Unimplemented:
		return with(codes.Unimplemented, ReasonNotBuilt, "this method is named but not built yet", nil), false
	}
	code := codes.Internal
	if own != nil && own.Code == applications.DataLoss {
		code = codes.DataLoss
	}
	return with(code, ReasonInternal, "something went wrong on our side; the administrators find it in the log under reference "+reference,
		map[string]string{"reference": reference}), true
}

// whenOthersEnd is what callers are told to wait for something long to end.
const whenOthersEnd = 5 * time.Second

// FromError is Status for an error that is known to be one of ours and no
// internal one.
func FromError(e *applications.Error) *status.Status {
	var details []protoadapt.MessageV1
	if len(e.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range e.Violations {
			bad.FieldViolations = append(bad.FieldViolations, &errdetails.BadRequest_FieldViolation{
				Field: strings.ToValidUTF8(wireField(v.Field), "\ufffd"), Description: strings.ToValidUTF8(v.Message, "\ufffd"), // the name of a query parameter may be any bytes
			})
		}
		details = append(details, bad)
	}
	if e.Code == applications.ResourceExhausted { // too many imports, exports and watches are open
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(whenOthersEnd)})
	}
	return with(wireCodes[e.Code], e.Reason, strings.ToValidUTF8(e.Message, "\ufffd"), nil, details...)
}

// wireField spells the path of a field as JSON does. The parts behind answers
// and consents are keys that programs chose, and stay as they are; so does
// whatever is no path, such as "row 12, column county".
func wireField(path string) string {
	if !strings.Contains(path, "_") || strings.Contains(path, " ") {
		return path
	}
	parts := strings.Split(path, ".")
	for i, part := range parts {
		if part == "answers" || part == "consents" {
			break
		}
		words := strings.Split(part, "_")
		for j, w := range words[1:] {
			if w != "" {
				words[j+1] = strings.ToUpper(w[:1]) + w[1:]
			}
		}
		parts[i] = strings.Join(words, "")
	}
	return strings.Join(parts, ".")
}

func with(code codes.Code, reason, message string, meta map[string]string, more ...protoadapt.MessageV1) *status.Status {
	details := append([]protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: reason, Domain: Domain, Metadata: meta}}, more...)
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil { // a detail that does not marshal: text that is no UTF-8
		return status.New(code, "something went wrong")
	}
	return st
}

// Reason returns the ErrorInfo reason of a status, or "".
func Reason(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// Problem is the body of an error on REST. Type is "about:blank": what kind of
// problem it is stands in Reason, which is stable.
type Problem struct {
	Type       string      `json:"type"`
	Title      string      `json:"title"`
	Status     int         `json:"status"`
	Detail     string      `json:"detail,omitempty"`
	Code       string      `json:"code"`
	Reason     string      `json:"reason,omitempty"`
	Reference  string      `json:"reference,omitempty"`
	Violations []Violation `json:"violations,omitempty"`

	retryAfter time.Duration
}

// Violation is one problem with one field.
type Violation struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// From makes the REST form of a status. ifMatch says that the request bound
// itself to a version by an If-Match header, whose failing is 412.
func From(st *status.Status, ifMatch bool) *Problem {
	p := &Problem{Type: "about:blank", Detail: st.Message(), Code: codeName(st.Code())}
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			p.Reason, p.Reference = d.GetReason(), d.GetMetadata()["reference"]
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.Violations = append(p.Violations, Violation{v.GetField(), v.GetDescription()})
			}
		case *errdetails.RetryInfo:
			p.retryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	p.Status = httpStatus(st.Code(), p.Reason)
	if p.Reason == ReasonStaleRevision && ifMatch {
		p.Status = http.StatusPreconditionFailed
	}
	p.Title = http.StatusText(p.Status)
	if p.Status == statusClientClosedRequest {
		p.Title = "Client Closed Request"
	}
	return p
}

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	p.begin(w.Header())
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.body()) // the caller has gone: nobody to tell
}

func (p *Problem) begin(h http.Header) {
	h.Del("Content-Length")
	h.Del("Etag")
	h.Set("Content-Type", ContentType)
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="fairlead"`)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
}

func (p *Problem) body() []byte {
	body, err := json.Marshal(p)
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	return append(body, '\n')
}

// statusClientClosedRequest is what gateways write in their logs for a caller
// who went away; nobody is there to read it.
const statusClientClosedRequest = 499

// httpStatus maps a code to REST: the usual mapping of google.rpc.Code, but
// for reasons that HTTP has a word of its own for.
func httpStatus(code codes.Code, reason string) int {
	switch reason {
	case ReasonRequestIDReused:
		return http.StatusUnprocessableEntity
	case ReasonTooLarge:
		return http.StatusRequestEntityTooLarge
	case ReasonMediaType:
		return http.StatusUnsupportedMediaType
	case ReasonMethodNotAllowed:
		return http.StatusMethodNotAllowed
	}
	switch code {
	case codes.OK:
		return http.StatusOK
	case codes.Canceled:
		return statusClientClosedRequest
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.Aborted:
		return http.StatusConflict
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// codeName is the name of a code as google.rpc.Code spells it.
func codeName(c codes.Code) string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return "UNKNOWN"
}
