package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

// apiMethods lists every method of the API in the order of the descriptors.
func apiMethods() []protoreflect.MethodDescriptor {
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		files = append(files, f)
		return true
	})
	slices.SortFunc(files, func(a, b protoreflect.FileDescriptor) int { return strings.Compare(a.Path(), b.Path()) })
	var methods []protoreflect.MethodDescriptor
	for _, f := range files {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				methods = append(methods, f.Services().Get(i).Methods().Get(j))
			}
		}
	}
	return methods
}

func methodName(m protoreflect.MethodDescriptor) string {
	return string(m.Parent().Name()) + "/" + string(m.Name())
}

// permission is what the method declares.
func permission(m protoreflect.MethodDescriptor) string {
	return proto.GetExtension(m.Options(), v1.E_Permission).(string)
}

// binding is one REST route of a method.
type binding struct{ verb, path, body string }

func bindings(m protoreflect.MethodDescriptor) []binding {
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		return nil
	}
	var out []binding
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		b := binding{body: r.GetBody()}
		switch p := r.GetPattern().(type) {
		case *annotations.HttpRule_Get:
			b.verb, b.path = http.MethodGet, p.Get
		case *annotations.HttpRule_Post:
			b.verb, b.path = http.MethodPost, p.Post
		case *annotations.HttpRule_Put:
			b.verb, b.path = http.MethodPut, p.Put
		case *annotations.HttpRule_Patch:
			b.verb, b.path = http.MethodPatch, p.Patch
		case *annotations.HttpRule_Delete:
			b.verb, b.path = http.MethodDelete, p.Delete
		}
		out = append(out, b)
	}
	return out
}

// variable finds the first variable of a path template: the field it fills
// and the pattern of that field's value.
func (b binding) variable() (field, pattern string, ok bool) {
	_, rest, ok := strings.Cut(b.path, "{")
	if !ok {
		return "", "", false
	}
	inside, _, _ := strings.Cut(rest, "}")
	field, pattern, _ = strings.Cut(inside, "=")
	return field, pattern, true
}

// request makes an empty request of a method.
func request(m protoreflect.MethodDescriptor) proto.Message {
	t, err := protoregistry.GlobalTypes.FindMessageByName(m.Input().FullName())
	if err != nil {
		return dynamicpb.NewMessage(m.Input())
	}
	return t.New().Interface()
}

// field reads a string field by a path with dots.
func field(msg proto.Message, path string) string {
	m := msg.ProtoReflect()
	parts := strings.Split(path, ".")
	for i, p := range parts {
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(p))
		if i == len(parts)-1 {
			return m.Get(fd).String()
		}
		m = m.Get(fd).Message()
	}
	return ""
}

// setField sets a string field by a path with dots.
func setField(msg proto.Message, path, value string) {
	m := msg.ProtoReflect()
	parts := strings.Split(path, ".")
	for i, p := range parts {
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(p))
		if i == len(parts)-1 {
			m.Set(fd, protoreflect.ValueOfString(value))
			return
		}
		m = m.Mutable(fd).Message()
	}
}

// invokeGRPC makes any call over the gRPC port. The answer of a unary call, or
// the last one of a stream, comes back.
func (w *world) invokeGRPC(m protoreflect.MethodDescriptor, token string, req proto.Message) (proto.Message, outcome) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(with(context.Background(), token))
	defer cancel()
	full := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
	t, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	if err != nil {
		w.t.Fatal(err)
	}
	resp := t.New().Interface()
	if !m.IsStreamingClient() && !m.IsStreamingServer() {
		return resp, grpcOutcome(w.conn.Invoke(ctx, full, req, resp))
	}
	stream, err := w.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.IsStreamingClient(), ServerStreams: m.IsStreamingServer()}, full)
	if err != nil {
		return nil, grpcOutcome(err)
	}
	if err := stream.SendMsg(req); err != nil && !errors.Is(err, io.EOF) {
		return nil, grpcOutcome(err)
	}
	if err := stream.CloseSend(); err != nil {
		return nil, grpcOutcome(err)
	}
	for {
		err := stream.RecvMsg(resp)
		if errors.Is(err, io.EOF) || (err == nil && !m.IsStreamingServer()) {
			return resp, outcome{code: "OK"}
		}
		if err != nil {
			return nil, grpcOutcome(err)
		}
	}
}

// restOf spells a request as the route has it: names in the path, the body
// field as the body, everything else in the query.
func restOf(t testing.TB, b binding, req proto.Message) (path, body string) {
	t.Helper()
	c := proto.Clone(req)
	path = b.path
	if name, _, ok := b.variable(); ok {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + field(c, name) + after
		setField(c, name, "")
	}
	marshal := func(m proto.Message) string {
		j, err := protojson.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(j)
	}
	m := c.ProtoReflect()
	switch {
	case b.body == "*":
		return path, marshal(c)
	case b.body != "":
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(b.body))
		body = marshal(m.Get(fd).Message().Interface())
		m.Clear(fd)
	}
	query := url.Values{}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() != nil && fd.Message().FullName() == "google.protobuf.FieldMask":
			paths := v.Message().Get(fd.Message().Fields().ByName("paths")).List()
			var all []string
			for i := range paths.Len() {
				all = append(all, paths.Get(i).String())
			}
			query.Set(fd.JSONName(), strings.Join(all, ","))
		case fd.Message() != nil:
			t.Fatalf("%s: %s in a query", b.path, fd.FullName())
		case fd.Enum() != nil:
			query.Set(fd.JSONName(), string(fd.Enum().Values().ByNumber(v.Enum()).Name()))
		default:
			query.Set(fd.JSONName(), fmt.Sprint(v.Interface()))
		}
		return true
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, body
}
