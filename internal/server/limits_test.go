package server

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/openfairlead/fairlead/internal/server/chain"
)

// TestDocumentedTimeouts: docs/operations.md names how long each method may
// take, and those are methods.
func TestDocumentedTimeouts(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| a call \| (.*)\. A caller's shorter deadline holds \|$`).FindSubmatch(text)
	if row == nil {
		t.Fatal("the table of limits has no row of calls as this test knows it")
	}
	parts := strings.Split(string(row[1]), "; ")
	if want := fmt.Sprintf("%.0f s", chain.UnaryTimeout.Seconds()); parts[0] != want {
		t.Errorf("the usual time is %q, want %q", parts[0], want)
	}
	said := map[string]time.Duration{}
	for _, part := range parts[1:] {
		long, names, _ := strings.Cut(part, ": ")
		var n time.Duration
		var unit string
		if _, err := fmt.Sscanf(long, "%d %s", &n, &unit); err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		each, known := map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour}[unit]
		if !known {
			t.Fatalf("%q: the unit %q is none of s, min, h", part, unit)
		}
		for name := range strings.SplitSeq(names, ", ") {
			said[strings.Trim(name, "`")] = n * each
		}
	}
	if diff := cmp.Diff(timeouts, said); diff != "" {
		t.Errorf("the table of limits differs from the server (-server +document):\n%s", diff)
	}
	unknown := maps.Clone(timeouts)
	protoregistry.GlobalFiles.RangeFilesByPackage("fairlead.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				m := methods.Get(j)
				if _, own := timeouts[string(m.Name())]; !own && (m.IsStreamingClient() || m.IsStreamingServer()) {
					t.Errorf("%s is a stream without a time of its own, which the table could not say", m.Name())
				}
				delete(unknown, string(m.Name()))
			}
		}
		return true
	})
	for name := range unknown {
		t.Errorf("there is no method %s", name)
	}
}
