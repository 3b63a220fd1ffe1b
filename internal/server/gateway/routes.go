package gateway

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// route is one REST route as the .proto files declare it.
type route struct {
	method   string
	segments []string // "*" takes any one segment
	verb     string   // behind the colon, or ""
	streams  bool     // the answer is a stream

	variables []variable
	body      string // the field that the body fills; "*" for the whole request, "" for none
}

// routes knows all of them, to say which methods a path does have.
type routes []route

func newRoutes() routes {
	var all routes
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if rule, ok := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule); ok && rule != nil {
					for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
						r := readRoute(binding)
						r.streams = methods.Get(j).IsStreamingServer()
						all = append(all, r)
					}
				}
			}
		}
		return true
	})
	return all
}

func readRoute(rule *annotations.HttpRule) route {
	r := route{body: rule.GetBody()}
	var path string
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		r.method, path = http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		r.method, path = http.MethodPost, p.Post
	case *annotations.HttpRule_Put:
		r.method, path = http.MethodPut, p.Put
	case *annotations.HttpRule_Patch:
		r.method, path = http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		r.method, path = http.MethodDelete, p.Delete
	}
	// {name=programs/*} stands for programs/*, {id} for *.
	for {
		before, rest, ok := strings.Cut(path, "{")
		if !ok {
			break
		}
		inside, after, _ := strings.Cut(rest, "}")
		field, template, ok := strings.Cut(inside, "=")
		if !ok {
			template = "*"
		}
		first := strings.Count(strings.Trim(before, "/"), "/") + 1
		r.variables = append(r.variables, variable{field, first, first + strings.Count(template, "/") + 1})
		path = before + template + after
	}
	path, r.verb, _ = strings.Cut(path, ":")
	r.segments = strings.Split(strings.Trim(path, "/"), "/")
	return r
}

func (r route) matches(segments []string, verb string) bool {
	return r.verb == verb && slices.EqualFunc(r.segments, segments, func(want, got string) bool {
		return want == got || want == "*" && got != ""
	})
}

// split takes a path apart.
func split(path string) (segments []string, verb string) {
	segments = strings.Split(strings.Trim(path, "/"), "/")
	last := len(segments) - 1
	segments[last], verb, _ = strings.Cut(segments[last], ":")
	return segments, verb
}

// streams reports whether the answer to the request is a stream, which may
// take longer than others.
func (all routes) streams(method, path string) bool {
	segments, verb := split(path)
	return slices.ContainsFunc(all, func(r route) bool {
		return r.streams && r.method == method && r.matches(segments, verb)
	})
}

// allowed lists the methods that the path has.
func (all routes) allowed(path string) []string {
	segments, verb := split(path)
	var methods []string
	for _, r := range all {
		if r.matches(segments, verb) && !slices.Contains(methods, r.method) {
			methods = append(methods, r.method)
			if r.method == http.MethodGet {
				methods = append(methods, http.MethodHead)
			}
		}
	}
	slices.Sort(methods)
	return methods
}

func (all routes) answerRoutingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	if code == http.StatusMethodNotAllowed {
		allowed := strings.Join(all.allowed(r.URL.Path), ", ")
		w.Header().Set("Allow", allowed)
		WriteError(w, r, applications.Invalid(problem.ReasonMethodNotAllowed, "this path takes "+allowed))
		return
	}
	NotFound(w, r)
}

// NotFound answers a request for a route that does not exist. It does not
// repeat the path.
func NotFound(w http.ResponseWriter, r *http.Request) {
	WriteError(w, r, applications.Errorf(applications.NotFound, problem.ReasonRouteUnknown, "there is no such route; /docs and /openapi.json list them"))
}
