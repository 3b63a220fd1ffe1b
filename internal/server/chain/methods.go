package chain

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openfairlead/fairlead/internal/access"
)

// Timeouts of methods that have none of their own. A caller's shorter deadline
// holds.
const (
	UnaryTimeout  = 15 * time.Second
	StreamTimeout = 5 * time.Minute
)

// Method is what the chain knows of one method of the API.
type Method struct {
	Name       string // "ProgramService/OpenProgram", for logs and metrics
	Permission access.Permission
	Timeout    time.Duration
	// Foreign is set for the health and reflection services: public, quiet,
	// and none of our options.
	Foreign bool

	reads bool // it changes nothing: its REST route is a GET

	// program finds the program that a request is about; nil where the route
	// names none.
	program func(proto.Message) string
}

// Methods are all methods, by their full name "/fairlead.v1.X/Y".
type Methods map[string]Method

// permissionOption is the method option that says who may call.
const permissionOption protoreflect.FullName = "fairlead.v1.permission"

// ReadMethods reads what the registered services declare about their methods.
// A method of ours that declares no permission is an error: it must not start.
// timeouts, by the method's short name, replaces the usual ones.
func ReadMethods(services map[string]grpc.ServiceInfo, timeouts map[string]time.Duration) (Methods, error) {
	methods := Methods{}
	for service := range services {
		if !strings.HasPrefix(service, "fairlead.") {
			for _, m := range services[service].Methods {
				methods["/"+service+"/"+m.Name] = Method{
					Name: short(service) + "/" + m.Name, Permission: access.Public, Timeout: StreamTimeout, Foreign: true,
				}
			}
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", service, err)
		}
		list := d.(protoreflect.ServiceDescriptor).Methods()
		for i := range list.Len() {
			m, err := readMethod(list.Get(i))
			if err != nil {
				return nil, err
			}
			if t, ok := timeouts[string(list.Get(i).Name())]; ok {
				m.Timeout = t
			}
			methods["/"+service+"/"+string(list.Get(i).Name())] = m
		}
	}
	return methods, nil
}

func readMethod(d protoreflect.MethodDescriptor) (Method, error) {
	m := Method{Name: short(string(d.Parent().FullName())) + "/" + string(d.Name()), Timeout: UnaryTimeout}
	if d.IsStreamingClient() || d.IsStreamingServer() {
		m.Timeout = StreamTimeout
	}
	m.Permission = permissionOf(d)
	if m.Permission == "" {
		return m, fmt.Errorf("method %s declares no (%s): nobody knows who may call it", d.FullName(), permissionOption)
	}
	if !access.Known(m.Permission) {
		return m, fmt.Errorf("method %s declares the permission %q, which is none", d.FullName(), m.Permission)
	}
	rule, _ := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	m.reads = rule.GetGet() != ""
	m.program = programOf(d)
	return m, nil
}

func permissionOf(d protoreflect.MethodDescriptor) access.Permission {
	var found access.Permission
	d.Options().ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.FullName() == permissionOption {
			found = access.Permission(v.String())
		}
		return found == ""
	})
	return found
}

// of returns what is known of a method. An unknown one cannot be called: gRPC
// refuses it before the chain.
func (m Methods) of(fullMethod string) Method {
	if found, ok := m[fullMethod]; ok {
		return found
	}
	return Method{Name: "unknown", Permission: access.TokensAdmin, Timeout: UnaryTimeout}
}

// programOf says where a request names its program: in the variable of the REST
// route that begins with programs/*, whose second part is the program.
func programOf(d protoreflect.MethodDescriptor) func(proto.Message) string {
	rule, _ := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	var path string
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		path = p.Get
	case *annotations.HttpRule_Post:
		path = p.Post
	case *annotations.HttpRule_Put:
		path = p.Put
	case *annotations.HttpRule_Patch:
		path = p.Patch
	case *annotations.HttpRule_Delete:
		path = p.Delete
	}
	field, ok := programField(path)
	if !ok {
		// A stream without a route: its first message names the parent.
		if spec := d.Input().Fields().ByName("spec"); spec == nil || spec.Message() == nil || spec.Message().Fields().ByName("parent") == nil {
			return nil
		}
		field = "spec.parent"
	}
	fields := strings.Split(field, ".")
	return func(msg proto.Message) string {
		m := msg.ProtoReflect()
		for i, name := range fields {
			fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
			if fd == nil {
				return ""
			}
			if i < len(fields)-1 {
				m = m.Get(fd).Message()
				continue
			}
			return ProgramIn(m.Get(fd).String())
		}
		return ""
	}
}

// programField finds the variable of a route that begins with programs/*.
func programField(path string) (field string, ok bool) {
	_, rest, _ := strings.Cut(path, "{")
	variable, _, _ := strings.Cut(rest, "}")
	field, template, _ := strings.Cut(variable, "=")
	return field, strings.HasPrefix(template, "programs/*")
}

// ProgramIn returns P of the resource name "programs/P" or "programs/P/…", or
// "".
func ProgramIn(name string) string {
	rest, ok := strings.CutPrefix(name, "programs/")
	if !ok {
		return ""
	}
	program, _, _ := strings.Cut(rest, "/")
	return program
}

func short(service string) string { return service[strings.LastIndexByte(service, '.')+1:] }
