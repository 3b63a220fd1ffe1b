package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/server/problem"
)

// FuzzREST sends anything as the body and the query of routes that take much,
// through the gateway and the whole chain: the answer is a success or a
// problem with a reason, and never our fault.
func FuzzREST(f *testing.F) {
	f.Add(uint8(0), applicationBody(1), "submit=true")
	f.Add(uint8(0), `{"answers": {"county": {"declined": true, "values": ["x"]}}}`, "")
	f.Add(uint8(1), criteria, "")
	f.Add(uint8(2), form, "")
	f.Add(uint8(3), `{"criteria": `+criteria+`}`, "")
	f.Add(uint8(4), `{"seed": "s", "include": [{"application": "programs/alpha/applications/01a20028-0000-7000-8000-000000000000", "reason": "r"}]}`, "")
	f.Add(uint8(5), `{"title": {"en": "x"}}`, "updateMask=title.en,window")
	f.Add(uint8(6), importForm(`{"dryRun": true, "mapping": {"x": "y"}}`, "contact.name,answers.sector\nInvented,health\n"), "")
	f.Add(uint8(6), importForm("{}", "x\n1\n"), "\"X\xcf")
	f.Add(uint8(8), `{"mentor": `+mentorBody(1)+`, "submit": true}`, "")
	f.Add(uint8(8), `{"mentor": {"profile": {"zone": "America/Seattle", "hours": "Mon 17:00-9"}, "traits": [{"attribute": "x"}]}}`, "")
	f.Add(uint8(9), `{"reason": "x", "mentees": [`+menteeBody(1)+`, `+menteeBody(1)+`]}`, "")
	f.Add(uint8(10), `{"rules": "features: {skills: 0}", "floors": {"attribute": "x", "min": {"y": 1}}}`, "updateMask=rules,floors")
	f.Add(uint8(11), `{"objectives": ["worst", "cover"], "seed": "s"}`, "")
	f.Add(uint8(12), `{"kind": "LOCK", "mentee": "programs/alpha/mentees/01a20028-0000-7000-8000-000000000000", "mentor": "programs/alpha/mentors/01a20028-0000-7000-8000-000000000000", "reason": "r"}`, "")
	f.Add(uint8(13), "", `filter=state %3D "AVAILABLE" AND seats > 0`)
	// Which code a server reaches differs from run to run, so that making an
	// input smaller does not come to an end and leaves no time for other inputs.
	if err := flag.Set("test.fuzzminimizetime", "1x"); err != nil {
		f.Fatal(err)
	}
	w := newWorld(f)
	w.open("alpha")
	token, coordinator := w.token(access.Facilitator, ""), w.mentoringOf("alpha", 2, 2).staff
	f.Fuzz(func(t *testing.T, route uint8, body, query string) {
		routes := []struct{ method, path, media string }{
			{"POST", "/v1/programs/alpha/applications", "application/json"},
			{"POST", "/v1/programs/alpha/criteria", "application/json"},
			{"POST", "/v1/programs/alpha/forms", "application/json"},
			{"POST", "/v1/programs/alpha:checkCriteria", "application/json"},
			{"POST", "/v1/programs/alpha/selections", "application/json"},
			{"PATCH", "/v1/programs/alpha", "application/json"},
			{"POST", "/v1/programs/alpha/applications:import", strings.TrimPrefix(formHeader, "Content-Type: ")},
			{"GET", "/v1/programs/alpha/applications", "application/json"},
			{"POST", "/v1/programs/alpha/mentors:enroll", "application/json"},
			{"POST", "/v1/programs/alpha/mentees:import", "application/json"},
			{"PATCH", "/v1/programs/alpha/mentoringPlan", "application/json"},
			{"POST", "/v1/programs/alpha/matchings", "application/json"},
			{"POST", "/v1/programs/alpha/directives", "application/json"},
			{"GET", "/v1/programs/alpha/mentors", "application/json"},
		}
		r := routes[int(route)%len(routes)]
		req := httptest.NewRequest(r.method, r.path, bytes.NewReader([]byte(body)))
		req.URL.RawQuery = query
		req.Header.Set("Content-Type", r.media)
		req.Header.Set("Authorization", "Bearer "+token)
		if int(route)%len(routes) >= 8 {
			req.Header.Set("Authorization", "Bearer "+coordinator)
		} else if r.method == "PATCH" || r.path == "/v1/programs/alpha/forms" {
			req.Header.Set("Authorization", "Bearer "+w.admin)
		}
		rec := httptest.NewRecorder()
		begin := time.Now()
		w.app.HTTP.ServeHTTP(rec, req)
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("%s %s?%q %q took %v: %d %s", r.method, r.path, query, body, took, rec.Code, rec.Body)
		}
		if rec.Code/100 == 2 {
			return
		}
		var p problem.Problem
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || p.Reason == "" || p.Status != rec.Code {
			t.Fatalf("%s %s?%q %q: %d %s", r.method, r.path, query, body, rec.Code, rec.Body)
		}
		if rec.Code >= 500 && rec.Code != http.StatusNotImplemented {
			t.Fatalf("%s %s?%q %q: %d %s\n%s", r.method, r.path, query, body, rec.Code, rec.Body, w.log.String())
		}
	})
}
