package sqlstore

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var updateBodies = flag.Bool("update", false, "rewrite testdata/bodies.txt")

// TestBodiesKeepTheirNames: bodies are JSON of the domain types, so that a
// field that is renamed or changes its type silently loses what was stored
// under the old name. This list holds every name that a database may hold; new
// fields are added with -update, and a line may go only together with a
// migration that rewrites the bodies.
func TestBodiesKeepTheirNames(t *testing.T) {
	var now []string
	for name, v := range map[string]any{
		"program": applications.Program{}, "form": applications.Form{}, "criteria": applications.Criteria{}, "policy": applications.Policy{},
		"application": applications.Application{}, "selection": applications.Selection{}, "user": applications.User{}, "token": applications.Token{},
		"offer": applications.Offer{},
	} {
		now = append(now, paths(name, reflect.TypeOf(v))...)
	}
	slices.Sort(now)
	const file = "testdata/bodies.txt"
	if *updateBodies {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pinned := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(pinned) < 100 {
		t.Fatalf("only %d names are pinned", len(pinned))
	}
	for _, line := range pinned {
		if !slices.Contains(now, line) {
			t.Errorf("%s is stored in databases, and the domain types have it no more: stored values would be lost without a word", line)
		}
	}
}

// paths lists the leaves of a type as JSON names them, with their kinds.
func paths(prefix string, t reflect.Type) []string {
	if t == reflect.TypeFor[time.Time]() {
		return []string{prefix + " time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return paths(prefix, t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return []string{prefix + " bytes"}
		}
		return paths(prefix+"[]", t.Elem())
	case reflect.Map:
		return paths(prefix+"{}", t.Elem())
	case reflect.Struct:
		var out []string
		for i := range t.NumField() {
			f := t.Field(i)
			name := f.Name
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != "" {
				name = tag
			}
			out = append(out, paths(prefix+"."+name, f.Type)...)
		}
		return out
	default:
		return []string{prefix + " " + t.Kind().String()}
	}
}
