package server_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
)

// formHeader goes with what importForm makes.
const formHeader = "Content-Type: multipart/form-data; boundary=a-line-between"

// importForm is the body of an import.
func importForm(spec, table string) string {
	return formPart("spec", spec) + formPart("table", table) + "--a-line-between--\r\n"
}

func formPart(name, content string) string {
	return "--a-line-between\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + content + "\r\n"
}

// TestFormsThatAreNone sends imports in every way they cannot be read.
func TestFormsThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	admin := w.token(access.ProgramAdministrator, "alpha")
	const path = "/v1/programs/alpha/applications:import"
	const spec, table, end = `{"consentNote": "asked"}`, "contact.name,answers.sector\nInvented,health\n", "--a-line-between--\r\n"
	for name, c := range map[string]struct {
		query, body, header string
		status              int
		reason, told        string
	}{
		"a table alone":             {"", table, "Content-Type: text/csv", 415, "UNSUPPORTED_MEDIA_TYPE", "multipart/form-data"},
		"a form without a boundary": {"", importForm(spec, table), "Content-Type: multipart/form-data", 415, "UNSUPPORTED_MEDIA_TYPE", "multipart/form-data"},
		"nothing":                   {"", end, formHeader, 400, "FORM_INVALID", "empty"},
		"another boundary":          {"", importForm(spec, table), formHeader + "s", 400, "FORM_INVALID", "empty"},
		"the table first":           {"", formPart("table", table) + formPart("spec", spec) + end, formHeader, 400, "FORM_INVALID", `"spec"`},
		"no spec":                   {"", formPart("table", table) + end, formHeader, 400, "FORM_INVALID", `"spec"`},
		"no table":                  {"", formPart("spec", spec) + end, formHeader, 400, "FORM_INVALID", `"table"`},
		"two tables":                {"", formPart("spec", spec) + formPart("table", table) + formPart("table", table) + end, formHeader, 400, "FORM_INVALID", "third"},
		"a form without its end":    {"", formPart("spec", spec) + formPart("table", table), formHeader, 400, "FORM_INVALID", "broke off"},
		"half a row":                {"", formPart("spec", spec) + strings.TrimSuffix(formPart("table", table), "h\n\r\n"), formHeader, 400, "FORM_INVALID", "broke off"},
		"a part without a name":     {"", strings.Replace(importForm(spec, table), `; name="spec"`, "", 1), formHeader, 400, "FORM_INVALID", `"spec"`},
		"a spec that is no JSON":    {"", importForm("consentNote=asked", table), formHeader, 400, "JSON_MALFORMED", "line 1"},
		"an unknown field":          {"", importForm(`{"consentNot": "asked"}`, table), formHeader, 400, "FIELDS_INVALID", `did you mean "consentNote"`},
		"another program":           {"", importForm(`{"consentNote": "asked", "parent": "programs/beta"}`, table), formHeader, 400, "NAME_CONFLICT", "programs/beta"},
		"no consent note":           {"", importForm("", table), formHeader, 400, "IMPORT_INVALID", "consentNote"},
		"two request ids":           {"", importForm(`{"consentNote": "asked", "requestId": "7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11"}`, table), formHeader, 400, "HEADER_CONFLICT", "Idempotency-Key"},
		"a large spec":              {"", importForm(`{"consentNote": "`+strings.Repeat("x", 1<<20)+`"}`, table), formHeader, 413, "REQUEST_TOO_LARGE", "spec"},
		"a note in the URL":         {"?consentNote=canary", importForm(spec, table), formHeader, 400, "QUERY_INVALID", `part "spec"`},
		"a mapping in the URL":      {"?mapping[canary]=contact.name", importForm(spec, table), formHeader, 400, "QUERY_INVALID", `"field":"mapping"`},
		"anything in the URL":       {"?canary=1", importForm(spec, table), formHeader, 400, "QUERY_INVALID", "nothing in the URL"},
		"the form of 0.1":           {"?consentNote=canary", table, "Content-Type: text/csv", 400, "QUERY_INVALID", "multipart/form-data"},
	} {
		got := w.call("POST", path+c.query, admin, c.body, c.header, "Idempotency-Key: 7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a12")
		text := strings.ReplaceAll(string(got.body), `\"`, `"`)
		if got.status != c.status || got.reason != c.reason || !strings.Contains(text, c.told) {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if strings.Contains(text, "canary") {
			t.Errorf("%s: the answer repeats the URL: %s", name, got.body)
		}
	}
	var list struct{ Applications []struct{ Code string } }
	w.must("GET", "/v1/programs/alpha/applications", admin, "").into(t, &list)
	if len(list.Applications) > 0 {
		t.Errorf("%d applications came of it", len(list.Applications))
	}
}

// TestUploadThatBreaksOff cuts the connection within a table that would be
// valid as far as it came.
func TestUploadThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	admin := w.token(access.ProgramAdministrator, "alpha")
	body := importForm(`{"consentNote": "asked"}`, "contact.name,answers.sector\nInvented,health\nInvented Too,food\n")
	cut := strings.Index(body, "Invented Too")
	for _, length := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body[:cut]), fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", cut, body[:cut])} {
		u, err := url.Parse(w.rest)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", u.Host)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/programs/alpha/applications:import HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n%s", u.Host, admin, formHeader, length)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil && resp.StatusCode/100 == 2 {
			t.Errorf("half a table was taken: %d", resp.StatusCode)
		}
		conn.Close()
	}
	var list struct{ Applications []struct{ Code string } }
	w.must("GET", "/v1/programs/alpha/applications", admin, "").into(t, &list)
	if len(list.Applications) > 0 {
		t.Errorf("%d applications came of it", len(list.Applications))
	}
}

// TestLogsHoldNoQueries: whatever stands in a URL behind its path, no line of
// the log has it, whichever way the call goes.
func TestLogsHoldNoQueries(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	facilitator := w.token(access.Facilitator, "alpha")
	canaries := []string{"canary@example.org", "canary%40example.org", "Canarybird"}
	calls := 0
	for _, query := range []string{
		"filter=" + url.QueryEscape(`contact.email = "canary@example.org"`), "filter=" + url.QueryEscape(`code = "Canarybird"`),
		"filter=" + url.QueryEscape(`"canary@example.org`), "view=APPLICATION_VIEW_FULL&reason=Canarybird", "Canarybird=1", "pageToken=Canarybird", "%zzCanarybird",
	} {
		for _, path := range []string{
			"/v1/programs/alpha/applications", "/v1/programs", "/v1/openCalls", "/v1/programs/alpha/selections", "/v1/programs/alpha",
			"/v1/nothing", "/healthz", "/openapi.json", "/v1/programs/alpha/applications:import",
		} {
			for _, method := range []string{"GET", "POST", "PUT", "OPTIONS"} {
				got := w.call(method, path+"?"+query, facilitator, "")
				calls++
				if i := slices.IndexFunc(canaries, func(c string) bool { return strings.Contains(string(got.body), c) }); i >= 0 && !strings.Contains(query, "Canarybird=1") {
					t.Errorf("%s %s?%s: the answer repeats %q: %s", method, path, query, canaries[i], got.body)
				}
			}
		}
	}
	w.must("POST", "/v1/programs/alpha/applications:read", facilitator, `{"view": "APPLICATION_VIEW_FULL", "reason": "to find Canarybird", "filter": "contact.email = \"canary@example.org\""}`)
	log := w.log.String()
	if lines := strings.Count(log, "msg=call"); lines < 20 {
		t.Fatalf("%d lines for %d calls: the log was not on", lines, calls)
	}
	for _, c := range canaries {
		if i := strings.Index(log, c); i >= 0 {
			t.Errorf("the log holds %q: …%s…", c, log[max(0, i-200):min(len(log), i+100)])
		}
	}
}
