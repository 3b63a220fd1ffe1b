package applications

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/logbook"
)

func TestUUID(t *testing.T) {
	const id = "01980000-0000-7000-8000-00000000002a"
	b, ok := logbook.ReadUUID(id)
	if !ok || logbook.UUID(b) != id {
		t.Errorf("%s came back as %s", id, logbook.UUID(b))
	}
	for _, bad := range []string{"", "x", strings.ToUpper("01980000-0000-7000-8000-00000000002a"), "01980000-0000-7000-8000-00000000002", "0198000000-00-7000-8000-00000000002a", "01980000-0000-7000-8000-00000000002g"} {
		if _, ok := logbook.ReadUUID(bad); ok {
			t.Errorf("%q is taken for a UUID", bad)
		}
	}
	if !IsRequestID("0d5b9e1c-1111-4222-8333-000000000001") {
		t.Error("a UUID of version 4 is not taken for one")
	}
	for what, bad := range map[string]string{
		"nil": "00000000-0000-0000-0000-000000000000", "max": "ffffffff-ffff-ffff-ffff-ffffffffffff",
		"version 1": "0d5b9e1c-1111-1222-8333-000000000001", "version 7": id, "another variant": "0d5b9e1c-1111-4222-c333-000000000001",
	} {
		if IsRequestID(bad) {
			t.Errorf("%s is taken for a random UUID", what)
		}
	}
}
