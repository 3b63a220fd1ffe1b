package server_test

import (
	"context"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// canaries are texts that people gave and that no log may hold.
var canaries = []string{"Canaria", "canary-mail", "555-0123", "canary write-in", "canary withdraws", "canary-code"}

// TestJourneyLeavesNothingInTheLog walks through a whole call, with mistakes on
// the way, while the log is at its most talkative.
func TestJourneyLeavesNothingInTheLog(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	apps := "/v1/programs/alpha/applications"
	body := `{"contact": {"name": "Canaria Invented", "email": "canary-mail@example.org", "phone": "555-0123"},
 "answers": {"county": {"values": ["island"]}, "why_now": {"text": "canary write-in"}}, "consents": [{"key": "take_part"}]}`
	var a applicant
	w.must("POST", apps, "", body, "Idempotency-Key: 7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11").into(t, &a)
	w.must("POST", apps, "", body, "Idempotency-Key: 7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11")
	one := "/v1/" + a.Application.Name
	if got := w.call("POST", one+":submit", a.Token, "{}"); got.ok() {
		t.Error("submitted without a required answer")
	}
	w.must("PATCH", one+"?updateMask=answers.sector", a.Token, `{"answers": {"sector": {"values": ["health"]}}}`)
	w.must("POST", one+":submit", a.Token, "{}")
	// Mistakes that repeat what people wrote.
	w.call("POST", apps, "", `{"contact": "Canaria"}`)
	w.call("POST", apps, "", `{"Canaria": 1, "contact": {"name": "Canaria"`)
	w.call("POST", apps, "", `{"contact": {"name": "Canaria", "email": "canary-mail"}, "answers": {"county": {"values": ["canaria"]}}}`)
	w.call("GET", apps+"?filter=Canaria", w.admin, "")
	w.call("GET", "/v1/programs/Canaria/applications/Canaria", "Canaria", "")
	w.call("GET", "/v1/Canaria", "", "")
	w.call("POST", apps+":resume", "", `{"returnCode": "canary-code"}`)
	w.must("POST", apps+":resume", "", `{"returnCode": "`+a.ReturnCode+`"}`)

	facilitator := w.token(access.Facilitator, "alpha")
	w.must("POST", one+":read", facilitator, `{"view": "APPLICATION_VIEW_FULL", "reason": "to call back"}`)
	w.must("POST", apps+":export", facilitator, `{"identityColumns": true, "reason": "to call back"}`)
	for n := range 8 {
		w.apply("alpha", n, true)
	}
	w.must("POST", one+":withdraw", a.Token, `{"reason": "canary withdraws"}`)
	w.must("POST", "/v1/programs/alpha:close", w.admin, "{}")
	var run struct{ Name string }
	w.must("POST", "/v1/programs/alpha/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`).into(t, &run)
	if worked, err := applications.NewRunner(w.svc, "test").RunOne(context.Background()); err != nil || !worked {
		t.Fatalf("the run: %v %v", worked, err)
	}
	var result struct {
		Status string
		Groups []struct{ Members []struct{ Code string } }
	}
	w.must("GET", "/v1/"+run.Name+"/result", facilitator, "").into(t, &result)
	if result.Status != "OPTIMAL" || len(result.Groups) != 1 || len(result.Groups[0].Members) != 3 {
		t.Errorf("the result is %+v", result)
	}
	watched := w.must("GET", "/v1/"+run.Name+":watch", facilitator, "")
	if !strings.Contains(string(watched.body), "SUCCEEDED") {
		t.Errorf("watching a finished run: %s", watched.body)
	}
	log := w.log.String()
	if n := strings.Count(log, "msg=call"); n < 25 {
		t.Fatalf("the log has %d lines of calls; it was not on", n)
	}
	for _, canary := range append(canaries, a.Token, a.ReturnCode, facilitator, w.admin) {
		if i := strings.Index(strings.ToLower(log), strings.ToLower(canary)); i >= 0 {
			t.Errorf("the log holds %q: …%s…", canary, log[max(0, i-200):min(len(log), i+100)])
		}
	}
}
