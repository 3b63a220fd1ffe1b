package readmetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// TestMain lets the test program stand in for grpcurl, by its name: compiling
// the real one with the 300 packages that nothing else here needs takes a
// minute of processor time. The full count runs the real one.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "grpcurl" {
		if err := grpcurl(os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "grpcurl:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testserver.Main(m))
}

// headers are the values of -H.
type headers struct{ metadata.MD }

func (h headers) String() string { return "" }

func (h headers) Set(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return errors.New("wanted 'name: value'")
	}
	h.Append(strings.TrimSpace(name), strings.TrimSpace(value))
	return nil
}

// grpcurl does what our documents ask of grpcurl: list, describe, and a call of
// one answer. Like the real one it knows nothing but what the server's
// reflection says.
func grpcurl(args []string, out io.Writer) error {
	sent := headers{metadata.MD{}}
	flags := flag.NewFlagSet("grpcurl", flag.ContinueOnError)
	plaintext := flags.Bool("plaintext", false, "")
	body := flags.String("d", "{}", "")
	flags.Var(sent, "H", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !*plaintext || flags.NArg() < 2 {
		return fmt.Errorf("this stand-in takes -plaintext, an address and what to do there, not %q", args)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := grpc.NewClient(flags.Arg(0), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	asked, err := reflection.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return err
	}
	switch verb, symbol := flags.Arg(1), flags.Arg(2); {
	case verb == "list" && symbol == "":
		said, err := ask(asked, &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_ListServices{}})
		if err != nil {
			return err
		}
		for _, s := range said.GetListServicesResponse().GetService() {
			fmt.Fprintln(out, s.GetName())
		}
		return nil
	case verb == "describe" && symbol != "":
		d, err := find(asked, symbol)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is %v\n", d.FullName(), d)
		return nil
	case flags.NArg() == 2:
		service, name, _ := strings.Cut(verb, "/")
		d, err := find(asked, service+"."+name)
		if err != nil {
			return err
		}
		method, ok := d.(protoreflect.MethodDescriptor)
		if !ok {
			return fmt.Errorf("%s is no method", verb)
		}
		request, answer := dynamicpb.NewMessage(method.Input()), dynamicpb.NewMessage(method.Output())
		if err := protojson.Unmarshal([]byte(*body), request); err != nil {
			return err
		}
		if err := conn.Invoke(metadata.NewOutgoingContext(ctx, sent.MD), "/"+verb, request, answer); err != nil {
			return err
		}
		b, err := protojson.Marshal(answer)
		if err != nil {
			return err
		}
		var indented bytes.Buffer // protojson's own spaces differ from one build to the next
		if err := json.Indent(&indented, b, "", "  "); err != nil {
			return err
		}
		fmt.Fprintln(out, &indented)
		return nil
	}
	return fmt.Errorf("this stand-in does not know %q", args)
}

type stream = grpc.BidiStreamingClient[reflection.ServerReflectionRequest, reflection.ServerReflectionResponse]

func ask(s stream, q *reflection.ServerReflectionRequest) (*reflection.ServerReflectionResponse, error) {
	if err := s.Send(q); err != nil {
		return nil, err
	}
	said, err := s.Recv()
	if err != nil {
		return nil, err
	}
	if e := said.GetErrorResponse(); e != nil {
		return nil, errors.New(e.GetErrorMessage())
	}
	return said, nil
}

// find has the server describe a name with everything that it is made of.
func find(s stream, symbol string) (protoreflect.Descriptor, error) {
	said, err := ask(s, &reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol}})
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, b := range said.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(b, file); err != nil {
			return nil, err
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, err
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(symbol))
	if errors.Is(err, protoregistry.NotFound) {
		return nil, fmt.Errorf("the server does not know %s", symbol)
	}
	return found, err
}
