package problem

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/openfairlead/fairlead/applications"
)

// TestEveryCode makes sure that each domain code has its own wire code, and
// that none that a caller can mend is told as internal.
func TestEveryCode(t *testing.T) {
	seen := map[codes.Code]applications.Code{}
	for code := applications.Internal; code <= applications.DataLoss; code++ {
		wire, ok := wireCodes[code]
		if !ok {
			t.Errorf("domain code %d has no wire code", code)
		}
		if other, twice := seen[wire]; twice {
			t.Errorf("domain codes %d and %d are both %v", other, code, wire)
		}
		seen[wire] = code
		st, internal := Status(applications.Errorf(code, "R", "m"), "ref")
		if wantInternal := code == applications.Internal || code == applications.DataLoss; internal != wantInternal {
			t.Errorf("code %v: internal is %v", wire, internal)
		}
		if st.Code() != wire {
			t.Errorf("domain code %d became %v", code, st.Code())
		}
	}
}

func TestProblem(t *testing.T) {
	for _, c := range []struct {
		err     error
		ifMatch bool
		status  int
		code    string
		reason  string
	}{
		{applications.Errorf(applications.NotFound, "PROGRAM_NOT_FOUND", "no"), false, 404, "NOT_FOUND", "PROGRAM_NOT_FOUND"},
		{applications.Errorf(applications.Aborted, "STALE_REVISION", "no"), false, 409, "ABORTED", "STALE_REVISION"},
		{applications.Errorf(applications.Aborted, "STALE_REVISION", "no"), true, 412, "ABORTED", "STALE_REVISION"},
		{applications.Errorf(applications.AlreadyExists, "REQUEST_ID_REUSED", "no"), false, 422, "ALREADY_EXISTS", "REQUEST_ID_REUSED"},
		{applications.Errorf(applications.AlreadyExists, "PROGRAM_EXISTS", "no"), false, 409, "ALREADY_EXISTS", "PROGRAM_EXISTS"},
		{applications.Errorf(applications.Unauthenticated, "TOKEN_INVALID", "no"), false, 401, "UNAUTHENTICATED", "TOKEN_INVALID"},
		{applications.Errorf(applications.FailedPrecondition, "PROGRAM_CLOSED", "no"), false, 400, "FAILED_PRECONDITION", "PROGRAM_CLOSED"},
		{fmt.Errorf("x: %w", context.DeadlineExceeded), false, 504, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"},
		{context.Canceled, false, 499, "CANCELLED", "CANCELED"},
		{&Limited{After: 1500 * time.Millisecond}, false, 429, "RESOURCE_EXHAUSTED", "RATE_LIMITED"},
		{fmt.Errorf("secret of the house"), false, 500, "INTERNAL", "INTERNAL"},
	} {
		st, _ := Status(c.err, "ref-7")
		w := httptest.NewRecorder()
		From(st, c.ifMatch).Write(w)
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || p.Status != c.status || p.Code != c.code || p.Reason != c.reason || p.Title == "" || p.Type != "about:blank" {
			t.Errorf("%v: %d %+v", c.err, w.Code, p)
		}
		if got := w.Header().Get("Content-Type"); got != ContentType {
			t.Errorf("content type %q", got)
		}
		if (w.Header().Get("WWW-Authenticate") != "") != (c.status == 401) {
			t.Errorf("%d: WWW-Authenticate %q", c.status, w.Header().Get("WWW-Authenticate"))
		}
		if want := map[bool]string{true: "2"}[c.status == 429]; w.Header().Get("Retry-After") != want {
			t.Errorf("%d: Retry-After %q", c.status, w.Header().Get("Retry-After"))
		}
		if want := map[bool]string{true: "ref-7"}[c.status == 500]; p.Reference != want {
			t.Errorf("%d: reference %q", c.status, p.Reference)
		}
	}
}

func TestWireField(t *testing.T) {
	for in, want := range map[string]string{
		"contact.preferred_name":     "contact.preferredName",
		"answers.race_ethnicity":     "answers.race_ethnicity",
		"criteria.rules[3].min_flex": "criteria.rules[3].minFlex",
		"consents.data_use":          "consents.data_use",
		"row 12, column code_x":      "row 12, column code_x",
		"window.close_time":          "window.closeTime",
		"pageToken":                  "pageToken",
	} {
		if got := wireField(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
