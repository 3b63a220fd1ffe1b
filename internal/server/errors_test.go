package server_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	w.draft("later")
	a := w.apply("alpha", 1, false)
	apps := "/v1/programs/alpha/applications"
	for _, c := range []struct {
		name, method, path, token, body string
		headers                         []string
		status                          int
		reason, told                    string
	}{
		{"no such route", "GET", "/v1/nothing", "", "", nil, 404, "ROUTE_NOT_FOUND", "/docs"},
		{"no such page of the API", "GET", "/v2/programs", "", "", nil, 404, "ROUTE_NOT_FOUND", ""},
		{"wrong method", "PUT", "/v1/programs/alpha", "", "", nil, 405, "METHOD_NOT_ALLOWED", "DELETE, GET, HEAD, PATCH"},
		{"wrong media type", "POST", apps, "", "a=b", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE", "application/json"},
		{"no JSON", "POST", apps, "", "{", nil, 400, "JSON_MALFORMED", "line 1, column"},
		{"unknown field", "POST", apps, "", `{"contcat": {}}`, nil, 400, "FIELDS_INVALID", `did you mean \"contact\"`},
		{"wrong type", "POST", apps, "", `{"contact": {"name": 5}}`, nil, 400, "FIELDS_INVALID", "contact.name"},
		{"unknown enum value", "POST", apps + ":read", w.token(access.Facilitator, ""), `{"view": "APPLICATION_VIEW_FUL", "reason": "x"}`, nil, 400, "FIELDS_INVALID", `did you mean \"APPLICATION_VIEW_FULL\"`},
		{"oversize", "POST", apps, "", `{"contact": {"name": "` + strings.Repeat("x", 1<<20) + `"}}`, nil, 413, "REQUEST_TOO_LARGE", "1 MiB"},
		{"bounds", "POST", apps, "", `{"contact": {"name": "` + strings.Repeat("x", 300) + `"}}`, nil, 400, "FIELDS_INVALID", "application.contact.name"},
		{"unknown attribute", "POST", apps, "", `{"answers": {"contry": {"values": ["skagit"]}}}`, nil, 400, "", `did you mean \"county\"`},
		{"a name that is none", "GET", "/v1/programs/Not_A_Name", "", "", nil, 400, "FIELDS_INVALID", "write it as programs/PROGRAM"},
		{"not there", "GET", "/v1/programs/nobody", "", "", nil, 404, "PROGRAM_NOT_FOUND", ""},
		{"a draft, to the public", "GET", "/v1/programs/later", "", "", nil, 404, "PROGRAM_NOT_FOUND", ""},
		{"apply before the opening", "POST", "/v1/programs/later/applications", "", applicationBody(1), nil, 404, "PROGRAM_NOT_FOUND", ""},
		{"no token", "GET", apps, "", "", nil, 401, "TOKEN_REQUIRED", "Authorization"},
		{"wrong token", "GET", "/v1/programs/alpha", "guess", "", nil, 401, "TOKEN_INVALID", ""},
		{"no role", "GET", apps, w.token(access.Reviewer, "alpha"), "", nil, 403, "PERMISSION_MISSING", "applications.read"},
		{"somebody else's application", "GET", "/v1/" + a.Application.Name, w.apply("alpha", 2, false).Token, "", nil, 404, "APPLICATION_NOT_FOUND", ""},
		{"identity without a reason", "POST", "/v1/" + a.Application.Name + ":read", w.token(access.Facilitator, ""), `{"view": "APPLICATION_VIEW_FULL"}`, nil, 400, "", "reason"},
		{"identity by URL", "GET", "/v1/" + a.Application.Name + "?view=APPLICATION_VIEW_FULL&reason=x", w.token(access.Facilitator, ""), "", nil, 400, "FULL_VIEW_NEEDS_POST", ":read"},
		{"a name in a URL", "GET", apps + "?view=2&filter=" + url.QueryEscape(`contact.email = "x@example.org"`), w.token(access.Facilitator, ""), "", nil, 400, "FULL_VIEW_NEEDS_POST", ":read"},
		{"an address in the URL of a basic list", "GET", apps + "?filter=" + url.QueryEscape(`Contact.email = "x@example.org"`), w.token(access.Facilitator, ""), "", nil, 400, "FULL_VIEW_NEEDS_POST", ":read"},
		{"an address anywhere in a filter's URL", "GET", apps + "?filter=" + url.QueryEscape(`answers.why_now : "x@example.org"`), w.token(access.Facilitator, ""), "", nil, 400, "FULL_VIEW_NEEDS_POST", ":read"},
		{"a reason in the URL of a basic view", "GET", "/v1/" + a.Application.Name + "?reason=x", w.token(access.Facilitator, ""), "", nil, 400, "FULL_VIEW_NEEDS_POST", ":read"},
		{"one's own application in full", "GET", "/v1/" + a.Application.Name + "?view=APPLICATION_VIEW_FULL", a.Token, "", nil, 200, "", "Invented Person"},
		{"unknown query parameter", "GET", "/v1/openCalls?fliter=x", "", "", nil, 400, "QUERY_INVALID", `did you mean \"filter\"`},
		{"a query that is no text", "POST", apps + ":import?%22X%CF=1", w.admin, "x\n", []string{"Content-Type: text/csv"}, 400, "QUERY_INVALID", "multipart/form-data"},
		{"query for a body", "POST", apps + "?contact.name=x", "", applicationBody(1), nil, 400, "QUERY_INVALID", "contact.name"},
		{"not built", "POST", "/v1/programs/alpha/selections/01a20028-0000-7000-8000-000000000000:publish", w.token(access.Facilitator, ""), `{}`, nil, 501, "NOT_BUILT", ""},
		{"a used code of nobody", "POST", apps + ":resume", "", `{"returnCode": "AAAA-AAAA-AAAA"}`, nil, 404, "", ""},
		{"import without a form", "POST", apps + ":import", w.admin, "x\n", []string{"Content-Type: text/csv"}, 415, "UNSUPPORTED_MEDIA_TYPE", "multipart/form-data"},
		{"import without the right", "POST", apps + ":import", w.admin, importForm(`{"dryRun": true}`, "x\n"), []string{formHeader}, 403, "PERMISSION_MISSING", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := w.call(c.method, c.path, c.token, c.body, c.headers...)
			if got.status != c.status || c.reason != "" && got.reason != c.reason || !strings.Contains(string(got.body)+got.header.Get("Allow"), c.told) {
				t.Errorf("%d %s\nwant %d %s %s", got.status, got.body, c.status, c.reason, c.told)
			}
			if c.status == 405 && got.header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
}

func TestSubmittingInTheWrongState(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	a := w.apply("alpha", 1, true)
	submit := "/v1/" + a.Application.Name + ":submit"
	if got := w.call("POST", submit, a.Token, `{}`); got.status != 400 || got.code != "FAILED_PRECONDITION" {
		t.Errorf("twice: %d %s", got.status, got.body)
	}
	late := w.apply("alpha", 2, false)
	w.pass(60 * 24 * 60 * 60 * 1e9)
	for path, body := range map[string]string{"/v1/" + late.Application.Name + ":submit": `{}`, "/v1/programs/alpha/applications": applicationBody(3)} {
		if got := w.call("POST", path, late.Token, body); got.status != 400 || got.code != "FAILED_PRECONDITION" {
			t.Errorf("%s after the close: %d %s", path, got.status, got.body)
		}
	}
}

func TestHeadAndHeaders(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	get := w.must("GET", "/v1/programs/alpha", "", "")
	head := w.call("HEAD", "/v1/programs/alpha", "", "")
	if head.status != 200 || len(head.body) != 0 || head.header.Get("Etag") != get.header.Get("Etag") {
		t.Errorf("HEAD: %d %q %v", head.status, head.body, head.header)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Content-Type": "application/json"} {
		if got := get.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if get.header.Get("X-Request-Id") == "" {
		t.Error("no request id")
	}
	if got := w.call("GET", "/v1/programs/nobody", "", "").header.Get("X-Request-Id"); got == "" {
		t.Error("no request id on an error")
	}
	for path, want := range map[string]int{"/healthz": 200, "/openapi.json": 200, "/docs": 200, "/docs/docs.css": 200} {
		resp, err := http.Get(w.rest + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// TestErrorDetails looks at an error as a gRPC client gets it.
func TestErrorDetails(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	client := v1.NewApplicationServiceClient(w.conn)
	var header metadata.MD
	_, err := client.CreateApplication(context.Background(), &v1.CreateApplicationRequest{
		Parent: "programs/alpha", Submit: true,
		Application: &v1.Application{Contact: &v1.Contact{Name: "Invented"}, Answers: map[string]*v1.Answer{"county": {Values: []string{"atlantis"}}}},
	}, grpc.Header(&header))
	st := status.Convert(err)
	var info *errdetails.ErrorInfo
	var bad *errdetails.BadRequest
	for _, d := range st.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.BadRequest:
			bad = d
		}
	}
	if info.GetDomain() != "fairlead" || info.GetReason() == "" || len(bad.GetFieldViolations()) == 0 {
		t.Fatalf("%v %v %v", st, info, bad)
	}
	if len(header.Get("x-request-id")) != 1 {
		t.Errorf("headers %v", header)
	}
}

// TestGuessingReturnCodes uses up the tries of an address.
func TestGuessingReturnCodes(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	a := w.apply("alpha", 1, false)
	const path = "/v1/programs/alpha/applications:resume"
	for range 20 { // right ones cost nothing
		w.must("POST", path, "", `{"returnCode": "`+strings.ToLower(a.ReturnCode)+`"}`)
	}
	for i := range 10 {
		if got := w.call("POST", path, "", `{"returnCode": "AAAA-AAAA-AAAA"}`); got.status != 404 {
			t.Fatalf("try %d: %d %s", i, got.status, got.body)
		}
	}
	got := w.call("POST", path, "", `{"returnCode": "`+a.ReturnCode+`"}`)
	if got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("after ten wrong codes: %d %s", got.status, got.body)
	}
	w.pass(60 * 60 * 1e9)
	w.must("POST", path, "", `{"returnCode": "`+a.ReturnCode+`"}`)
}

// TestImportOverREST sends a table in and gets it out again.
func TestImportOverREST(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	admin := w.token(access.ProgramAdministrator, "alpha")
	const path = "/v1/programs/alpha/applications:import"
	csv := "Name [first],contact.email,Where,answers.sector\r\n\"Invented, A\",a@example.org,Skagit,health;food\r\nInvented B,b@example.org,island,housing\r\n"
	spec := func(more string) string {
		return `{"mapping": {"Name [first]": "contact.name", "Where": "answers.county", "contact.email": "contact.email", "answers.sector": "answers.sector"}, ` + more + `}`
	}
	asked := spec(`"consentNote": "asked"`)
	type report struct{ RowCount, CreatedCount, ErrorCount int }
	var r report
	w.must("POST", path, admin, importForm(spec(`"dryRun": true`), csv), formHeader).into(t, &r)
	if r != (report{2, 0, 0}) {
		t.Errorf("dry run: %+v", r)
	}
	key := "Idempotency-Key: 7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11"
	for range 2 { // the second is a retry
		r = report{}
		w.must("POST", path, admin, importForm(asked, csv), formHeader, key).into(t, &r)
		if r != (report{2, 2, 0}) {
			t.Errorf("import: %+v", r)
		}
	}
	if got := w.call("POST", path, admin, importForm(asked, csv+"x,c@example.org,island,food\r\n"), formHeader, key); got.status != 422 {
		t.Errorf("another table under the same key: %d %s", got.status, got.body)
	}
	bad := w.must("POST", path, admin, importForm(asked, strings.Replace(csv, "island", "iland", 1)), formHeader)
	if !strings.Contains(string(bad.body), "row 2, column Where") || !strings.Contains(string(bad.body), "did you mean") {
		t.Errorf("a wrong cell: %s", bad.body)
	}
	out := w.must("POST", "/v1/programs/alpha/applications:export", w.token(access.Facilitator, "alpha"), `{"identityColumns": true, "reason": "test"}`)
	lines := strings.Split(strings.TrimSpace(string(out.body)), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], `"Invented, A"`) || !strings.HasPrefix(out.header.Get("Content-Type"), "text/csv") || !strings.Contains(out.header.Get("Content-Disposition"), "alpha") {
		t.Errorf("export: %v\n%s", out.header, out.body)
	}
}
