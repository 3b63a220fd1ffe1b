package apitest

import (
	"os"
	"testing"

	"golang.org/x/mod/modfile"
)

// The third-party .proto files are printed from the modules that
// internal/protos pins. What it prints has to be what the product is built
// with.
func TestProtosArePinnedAlike(t *testing.T) {
	versions := func(name string) map[string]string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, r := range file.Require {
			all[r.Mod.Path] = r.Mod.Version
		}
		return all
	}
	product, protos := versions("../../go.mod"), versions("../protos/go.mod")
	for _, module := range []string{
		"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go",
		"google.golang.org/genproto/googleapis/api",
		"google.golang.org/protobuf",
	} {
		if product[module] == "" || product[module] != protos[module] {
			t.Errorf("%s: the product pins %q, internal/protos %q; run `go get %s@%s` in internal/protos", module, product[module], protos[module], module, product[module])
		}
	}
}
