// Command protos writes the third-party .proto files that Fairlead's own
// import: printed back from the descriptors that are linked into the Go
// packages which go.mod pins, so that no copy of them is kept and none is
// fetched from a registry of its own.
//
// Usage: protos DIR. DIR is made anew.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	_ "google.golang.org/genproto/googleapis/api/annotations"
	_ "google.golang.org/genproto/googleapis/api/httpbody"
)

// wanted are the files that proto/fairlead imports. What they import in turn
// is among them or belongs to google/protobuf, which buf brings itself.
var wanted = []string{
	"buf/validate/validate.proto",
	"google/api/annotations.proto",
	"google/api/client.proto",
	"google/api/field_behavior.proto",
	"google/api/field_info.proto",
	"google/api/http.proto",
	"google/api/httpbody.proto",
	"google/api/launch_stage.proto",
	"google/api/resource.proto",
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protos DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protos:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	for _, path := range wanted {
		file, err := protoregistry.GlobalFiles.FindFileByPath(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := write(dir, file); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func write(dir string, file protoreflect.FileDescriptor) error {
	name := filepath.Join(dir, filepath.FromSlash(file.Path()))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	printer := protoprint.Printer{Compact: true, SortElements: true}
	if err := printer.PrintProtoFile(file, out); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
