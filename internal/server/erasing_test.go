package server_test

import (
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/access"
)

// Over the API an erased application is a tombstone for whoever may still see
// it, and its token, code and first answers are gone.
func TestErasedApplication(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	for n := range 4 {
		w.apply("alpha", 10+n, true)
	}
	const key = "Idempotency-Key: 0d5b9e1c-1111-4222-8333-000000000001"
	var theirs applicant
	first := w.must("POST", "/v1/programs/alpha/applications?submit=true", "", applicationBody(7), key)
	first.into(t, &theirs)
	path := "/v1/" + theirs.Application.Name
	officer, facilitator := w.token(access.PrivacyOfficer, "alpha"), w.token(access.Facilitator, "alpha")

	if a := w.call("POST", path+":erase", officer, `{}`); a.status != 400 {
		t.Errorf("without a reason: %d %s", a.status, a.body)
	}
	if a := w.call("POST", path+":erase", theirs.Token, `{"reason": "mine"}`); a.status != 403 && a.status != 404 {
		t.Errorf("by the applicant: %d %s", a.status, a.body)
	}
	erased := w.must("POST", path+":erase", officer, `{"reason": "asked by phone"}`)
	if a := w.call("GET", path, theirs.Token, ""); a.status != 401 {
		t.Errorf("with the token: %d %s", a.status, a.body)
	}
	if a := w.call("POST", "/v1/programs/alpha/applications:resume", "", `{"returnCode": "`+theirs.ReturnCode+`"}`); a.status != 404 {
		t.Errorf("with the return code: %d %s", a.status, a.body)
	}
	if a := w.call("POST", "/v1/programs/alpha/applications?submit=true", "", applicationBody(7), key); a.status != 400 && a.status != 412 && a.status != 409 || a.reason != "ANSWER_ERASED" {
		t.Errorf("the creation again: %d %s", a.status, a.body)
	}
	for name, got := range map[string]answer{
		"the answer":        erased,
		"for the officer":   w.must("GET", path, officer, ""),
		"with identity":     w.must("POST", path+":read", facilitator, `{"view": "APPLICATION_VIEW_FULL", "reason": "look"}`),
		"in a list":         w.must("GET", "/v1/programs/alpha/applications?filter=state%3DERASED", officer, ""),
		"in a list, whole":  w.must("POST", "/v1/programs/alpha/applications:read", facilitator, `{"view": "APPLICATION_VIEW_FULL", "reason": "look", "filter": "state=ERASED"}`),
		"by its code":       w.must("GET", "/v1/programs/alpha/applications?filter=code%3D"+theirs.Application.Code, officer, ""),
		"by somebody again": w.must("POST", path+":erase", officer, `{"reason": "asked by letter"}`),
	} {
		text := string(got.body)
		if !strings.Contains(text, `ERASED`) || !strings.Contains(text, theirs.Application.Code) {
			t.Errorf("%s: %s", name, text)
		}
		for _, word := range []string{"contact", "answers", "consents", "language"} {
			if strings.Contains(text, `"`+word+`":{"`) || strings.Contains(text, `"`+word+`":"`) || strings.Contains(text, `"`+word+`":[{`) {
				t.Errorf("%s still has %s: %s", name, word, text)
			}
		}
	}
	if export := w.must("POST", "/v1/programs/alpha/applications:export", facilitator, `{}`); strings.Contains(string(export.body), theirs.Application.Code) {
		t.Error("the export names it")
	}
}
