package server_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/reflect/protoreflect"

	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

// mutation is one call that changes something and can be made again.
type mutation struct {
	method, path, token, body string
	// other is the same call with another body.
	other string
}

// mutations makes one call for each method that takes a request id.
func mutations(w *world) map[string]mutation {
	w.open("alpha")
	w.open("beta")
	w.draft("gamma")
	w.draft("delta")
	w.draft("zeta")
	for n := range 4 {
		w.apply("beta", 20+n, true)
	}
	w.must("POST", "/v1/programs/beta:close", w.admin, "{}")
	offers := w.offered("eta")
	w.open("epsilon")
	for n := range 6 {
		w.apply("epsilon", n, true)
	}
	chosen, person := w.choose("epsilon"), w.person(access.Facilitator, "")
	facilitator := w.token(access.Facilitator, "")
	approver := w.token(access.PolicyApprover, "")
	draft, sent, third, fourth := w.apply("alpha", 1, false), w.apply("alpha", 2, true), w.apply("alpha", 3, false), w.apply("alpha", 4, false)
	fifth := w.apply("alpha", 5, true)
	for _, p := range []string{"theta", "iota", "kappa"} {
		w.open(p)
		for n := range 6 {
			w.apply(p, n, true)
		}
	}
	w.must("POST", "/v1/programs/theta:close", w.admin, "{}")
	var sealed struct{ Name string }
	w.must("POST", "/v1/programs/theta/selections", facilitator, `{"seedKind": "PUBLIC_NUMBER", "seedSource": "dice"}`).into(w.t, &sealed)
	swapped, replaced := w.choose("iota"), w.choose("kappa")
	var other struct {
		Alternatives []struct {
			Members []struct{ Application string }
		}
	}
	w.must("GET", "/v1/"+swapped+":alternatives", facilitator, "").into(w.t, &other)
	var ready struct {
		Alternates  []struct{ Member struct{ Code string } }
		MemberCount int
		LossWithout struct{ Seats int }
		Complete    bool
	}
	w.must("GET", "/v1/"+swapped+":alternates?count=2", facilitator, "").into(w.t, &ready)
	if len(ready.Alternates) != 2 || ready.Alternates[0].Member.Code == "" || ready.MemberCount == 0 || ready.LossWithout.Seats == 0 || !ready.Complete {
		w.t.Errorf("alternates: %+v", ready)
	}
	var group []string
	for _, m := range other.Alternatives[0].Members {
		group = append(group, m.Application)
	}
	cohort, err := json.Marshal(group)
	if err != nil {
		w.t.Fatal(err)
	}
	var result struct {
		Groups []struct {
			Members []struct{ Application string }
		}
	}
	w.must("GET", "/v1/"+replaced+"/result", facilitator, "").into(w.t, &result)
	declined := `"declined": ["` + result.Groups[0].Members[0].Application + `"]`
	var policy, user, token, run, saved, bound struct{ Name string }
	w.must("POST", "/v1/programs/alpha/policies", approver, `{"attributes": ["county"], "approver": "x", "reason": "y", "expireTime": "2028-01-01T00:00:00Z"}`).into(w.t, &policy)
	w.must("POST", "/v1/users", w.admin, `{"displayName": "Invented Staff"}`).into(w.t, &user)
	w.must("POST", "/v1/tokens", w.admin, `{"grants": [{"role": "ROLE_AUDITOR"}]}`).into(w.t, &token)
	w.must("POST", "/v1/programs/beta/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`).into(w.t, &run)
	w.must("POST", "/v1/programs/gamma/criteria", facilitator, criteria).into(w.t, &saved)
	w.must("POST", "/v1/programs/beta/selections", facilitator, `{"seedKind": "COMMIT_REVEAL", "seedPeople": ["One", "Two"]}`).into(w.t, &bound)
	digest, another := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	all := mentoringMutations(w)
	maps.Copy(all, networkMutations(w))
	maps.Copy(all, map[string]mutation{
		"ProgramService/CreateProgram":    {"POST", "/v1/programs?programId=new-one", w.admin, `{"preset": "presets/north-sound"}`, `{"seats": 4}`},
		"ProgramService/UpdateProgram":    {"PATCH", "/v1/programs/gamma", w.admin, `{"seats": 4}`, `{"seats": 5}`},
		"ProgramService/DeleteProgram":    {"DELETE", "/v1/programs/zeta", w.admin, "", ""},
		"ProgramService/OpenProgram":      {"POST", "/v1/programs/delta:open", w.admin, `{}`, ``},
		"ProgramService/CloseProgram":     {"POST", "/v1/programs/alpha:close", w.admin, `{}`, ``},
		"ProgramService/ExtendProgram":    {"POST", "/v1/programs/alpha:extend", w.admin, `{"closeTime": "2027-02-20T00:00:00Z", "reason": "more time"}`, `{"closeTime": "2027-02-20T00:00:00Z", "reason": "no"}`},
		"ProgramService/CreateForm":       {"POST", "/v1/programs/gamma/forms", w.admin, form, strings.Replace(form, "Why now?", "Why?", 1)},
		"ProgramService/CreateCriteria":   {"POST", "/v1/programs/alpha/criteria", facilitator, criteria, strings.Replace(criteria, `"test"`, `"other"`, 1)},
		"ProgramService/RegisterCriteria": {"POST", "/v1/" + saved.Name + ":register", facilitator, `{}`, `{"reason": "x"}`},
		"ProgramService/CreatePolicy": {
			"POST", "/v1/programs/alpha/policies", approver,
			`{"attributes": ["county"], "approver": "x", "reason": "y", "expireTime": "2028-01-01T00:00:00Z"}`,
			`{"attributes": ["county"], "approver": "x", "reason": "z", "expireTime": "2028-01-01T00:00:00Z"}`,
		},
		"ProgramService/RevokePolicy":            {"POST", "/v1/" + policy.Name + ":revoke", approver, `{"reason": "over"}`, `{"reason": "other"}`},
		"ApplicationService/CreateApplication":   {"POST", "/v1/programs/alpha/applications", "", applicationBody(7), applicationBody(8)},
		"ApplicationService/UpdateApplication":   {"PATCH", "/v1/" + draft.Application.Name, draft.Token, `{"language": "es"}`, `{"language": "en"}`},
		"ApplicationService/SubmitApplication":   {"POST", "/v1/" + third.Application.Name + ":submit", third.Token, `{}`, ``},
		"ApplicationService/WithdrawApplication": {"POST", "/v1/" + sent.Application.Name + ":withdraw", sent.Token, `{"reason": "x"}`, `{"reason": "y"}`},
		"ApplicationService/ExtendApplication":   {"POST", "/v1/" + draft.Application.Name + ":extend", facilitator, `{"extendedCloseTime": "2027-02-25T00:00:00Z", "reason": "ill"}`, `{"extendedCloseTime": "2027-02-26T00:00:00Z", "reason": "ill"}`},
		"ApplicationService/RenewReturnCode":     {"POST", "/v1/" + fourth.Application.Name + ":renewReturnCode", facilitator, `{"reason": "lost"}`, `{"reason": "x"}`},
		"ApplicationService/EraseApplication":    {"POST", "/v1/" + fifth.Application.Name + ":erase", w.token(access.PrivacyOfficer, ""), `{"reason": "asked by phone"}`, `{"reason": "asked by letter"}`},
		"SelectionService/CreateSelection":       {"POST", "/v1/programs/beta/selections", facilitator, `{"seed": "s", "lottery": "NONE"}`, `{"seed": "t", "lottery": "NONE"}`},
		"SelectionService/CommitSeed": {
			"POST", "/v1/" + bound.Name + ":commitSeed", facilitator, `{"person": "One", "digest": "` + digest + `"}`, `{"person": "One", "digest": "` + another + `"}`,
		},
		"SelectionService/DrawSelection":   {"POST", "/v1/" + sealed.Name + ":draw", facilitator, `{"value": "4 1", "confirmImpossible": "a test"}`, `{"value": "4 2"}`},
		"SelectionService/ChooseSelection": {"POST", "/v1/" + swapped + ":choose", facilitator, `{"cohort": ` + string(cohort) + `, "reason": "x"}`, `{"cohort": ` + string(cohort) + `, "reason": "y"}`},
		"SelectionService/ReplaceMembers":  {"POST", "/v1/" + replaced + ":replace", facilitator, `{` + declined + `, "reason": "x"}`, `{` + declined + `, "reason": "y"}`},
		"SelectionService/CancelSelection": {"POST", "/v1/" + run.Name + ":cancel", facilitator, `{}`, ``},
		"OfferService/PrepareOffers":       {"POST", "/v1/programs/epsilon/offers:prepare", person, `{"selection": "` + chosen + `", "reason": "x"}`, `{"selection": "` + chosen + `", "reason": "y"}`},
		"OfferService/SendOffers":          {"POST", "/v1/programs/epsilon/offers:send", person, `{"expireTime": "2027-03-01T00:00:00Z"}`, `{"expireTime": "2027-03-02T00:00:00Z"}`},
		"OfferService/AcceptOffer":         {"POST", "/v1/" + offers[0] + ":accept", person, `{"onBehalfReason": "by phone"}`, `{"onBehalfReason": "by mail"}`},
		"OfferService/DeclineOffer":        {"POST", "/v1/" + offers[1] + ":decline", person, `{"onBehalfReason": "by phone"}`, `{"onBehalfReason": "by mail"}`},
		"OfferService/RescindOffer":        {"POST", "/v1/" + offers[2] + ":rescind", person, `{"reason": "a mistake"}`, `{"reason": "another"}`},
		"AdminService/CreateUser":          {"POST", "/v1/users", w.admin, `{"displayName": "One"}`, `{"displayName": "Two"}`},
		"AdminService/UpdateUser":          {"PATCH", "/v1/" + user.Name, w.admin, `{"displayName": "One"}`, `{"displayName": "Two"}`},
		"AdminService/CreateToken":         {"POST", "/v1/tokens", w.admin, `{"grants": [{"role": "ROLE_AUDITOR"}]}`, `{"grants": [{"role": "ROLE_REVIEWER"}]}`},
		"AdminService/RevokeToken":         {"POST", "/v1/" + token.Name + ":revoke", w.admin, `{}`, ``},
	})
	return all
}

func TestEveryMutationIsIdempotent(t *testing.T) {
	w := newWorld(t)
	all := mutations(w)
	// Closing ends what others need to be open; it goes last.
	order := []string{}
	for _, m := range apiMethods() {
		if m.Input().Fields().ByName("request_id") == nil || (&stage{world: w}).unbuilt(m) {
			continue
		}
		if _, ok := all[methodName(m)]; !ok {
			t.Errorf("%s is a new mutation: add it to mutations", methodName(m))
			continue
		}
		if methodName(m) != "ProgramService/CloseProgram" {
			order = append(order, methodName(m))
		}
	}
	order = append(order, "ProgramService/CloseProgram")
	for _, name := range order {
		m := all[name]
		t.Run(name, func(t *testing.T) {
			key := "Idempotency-Key: " + uuid.NewString()
			first := w.call(m.method, m.path, m.token, m.body, key)
			if first.status != 200 {
				t.Fatalf("%d %s", first.status, first.body)
			}
			w.pass(3e9)
			again := w.call(m.method, m.path, m.token, m.body, key)
			if again.status != 200 || canonical(t, again.body) != canonical(t, first.body) {
				t.Errorf("the retry is answered %d %s\nthe first try was %s", again.status, again.body, first.body)
			}
			if m.other != "" {
				if a := w.call(m.method, m.path, m.token, m.other, key); a.status != 422 || a.reason != "REQUEST_ID_REUSED" {
					t.Errorf("another body under the same key: %d %s", a.status, a.body)
				}
			}
			if a := w.call(m.method, m.path, m.token, m.body, "Idempotency-Key: not-a-uuid"); a.status != 400 || !slices.Equal(a.fields, []string{"requestId"}) {
				t.Errorf("a key that is no UUID: %d %s", a.status, a.body)
			}
		})
	}
	var list struct{ Applications []struct{ Code string } }
	w.must("GET", "/v1/programs/alpha/applications", w.token(access.Facilitator, "alpha"), "").into(t, &list)
	if n := len(list.Applications); n != 6 {
		t.Errorf("%d applications in alpha, want 6: one of them was made by three calls with one key", n)
	}
}

// canonical spells JSON in one way: protojson's spaces vary.
func canonical(t testing.TB, body []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEtags(t *testing.T) {
	w := newWorld(t)
	w.draft("alpha")
	const path = "/v1/programs/alpha"
	read := w.must("GET", path, w.admin, "")
	old := read.header.Get("Etag")
	var program struct{ Etag string }
	read.into(t, &program)
	if old == "" || old != `"`+program.Etag+`"` {
		t.Fatalf("header %q, field %q", old, program.Etag)
	}
	changed := w.must("PATCH", path, w.admin, `{"seats": 4}`, "If-Match: "+old)
	if changed.header.Get("Etag") == old {
		t.Error("the etag did not change")
	}
	for _, stale := range []string{old, `"r0"`, `"nonsense"`, `"r01"`, `"r1e0"`} {
		a := w.call("PATCH", path, w.admin, `{"seats": 5}`, "If-Match: "+stale)
		if a.status != 412 || a.code != "ABORTED" || a.reason != "STALE_REVISION" {
			t.Errorf("If-Match: %s: %d %s", stale, a.status, a.body)
		}
	}
	if a := w.call("PATCH", path, w.admin, `{"seats": 5, "etag": "`+program.Etag+`"}`); a.status != 409 || a.reason != "STALE_REVISION" {
		t.Errorf("a stale etag in the body: %d %s", a.status, a.body)
	}
	for _, m := range []string{":open", ":close"} {
		if a := w.call("POST", path+m, w.admin, `{}`, "If-Match: "+old); a.status != 412 {
			t.Errorf("%s with a stale etag: %d %s", m, a.status, a.body)
		}
	}
	if a := w.call("DELETE", path, w.admin, "", "If-Match: "+old); a.status != 412 {
		t.Errorf("DELETE with a stale etag: %d %s", a.status, a.body)
	}
	w.must("PATCH", path, w.admin, `{"seats": 5}`, "If-Match: *")
	w.must("PATCH", path, w.admin, `{"seats": 6}`)
}

func TestFieldMasks(t *testing.T) {
	w := newWorld(t)
	w.draft("alpha")
	const path = "/v1/programs/alpha"
	get := func() *programView {
		p := &programView{}
		w.must("GET", path, w.admin, "").into(t, p)
		return p
	}
	before := get()
	// Without a mask, what is set in the body is changed, and nothing else.
	w.must("PATCH", path, w.admin, `{"seats": 5}`)
	if p := get(); p.Seats != 5 || p.Title["en"] != before.Title["en"] || p.MinSeats != before.MinSeats {
		t.Errorf("without a mask: %+v", p)
	}
	// With one, what it names: also cleared, and also a part of a field.
	w.must("PATCH", path+"?updateMask=region,window.closeTime", w.admin, `{"seats": 9, "window": {"closeTime": "2027-03-01T00:00:00Z", "timeZone": "Europe/Paris"}}`)
	if p := get(); p.Seats != 5 || p.Region != nil || p.Window.CloseTime != "2027-03-01T00:00:00Z" || p.Window.TimeZone != "America/Los_Angeles" {
		t.Errorf("with a mask: %+v", p)
	}
	// One language of a text; both spellings of a field.
	w.must("PATCH", path+"?updateMask=title.es,min_seats", w.admin, `{"title": {"es": "Programa", "en": "ignored"}, "minSeats": 3}`)
	if p := get(); p.Title["es"] != "Programa" || p.Title["en"] != before.Title["en"] || p.MinSeats != 3 {
		t.Errorf("a part of a map: %+v", p)
	}
	w.must("PATCH", path+"?updateMask=title.es", w.admin, `{}`)
	if p := get(); p.Title["es"] != "" || p.Title["en"] == "" {
		t.Errorf("a part of a map, cleared: %+v", p)
	}
	// A resource can be sent back as it was read.
	whole := w.must("GET", path, w.admin, "")
	w.must("PATCH", path, w.admin, string(whole.body))
	for _, c := range []struct{ query, body, reason, told string }{
		{"?updateMask=seets", `{"seats": 5}`, "UPDATE_MASK_INVALID", `did you mean \"seats\"?`},
		{"?updateMask=window.closetime", `{"seats": 5}`, "UPDATE_MASK_INVALID", `did you mean \"closeTime\"?`},
		{"?updateMask=seats.x", `{"seats": 5}`, "UPDATE_MASK_INVALID", "no parts"},
		{"?updateMask=state", `{"state": "OPEN"}`, "UPDATE_MASK_EMPTY", ""},
		{"", `{}`, "UPDATE_MASK_EMPTY", ""},
		{"?updateMask=preset", `{"preset": "presets/north-sound"}`, "FIELD_IMMUTABLE", "preset"},
	} {
		if a := w.call("PATCH", path+c.query, w.admin, c.body); a.status != 400 || a.reason != c.reason || !strings.Contains(string(a.body), c.told) {
			t.Errorf("%s %s: %d %s, want %s", c.query, c.body, a.status, a.body, c.reason)
		}
	}
	w.must("PATCH", path+"?updateMask=*", w.admin, `{"title": {"en": "All new"}, "codePrefix": "AB", "minSeats": 1, "seats": 2}`)
	if p := get(); p.Title["en"] != "All new" || p.Seats != 2 || p.Region != nil {
		t.Errorf("everything: %+v", p)
	}
}

type programView struct {
	Title, Region   map[string]string
	Seats, MinSeats int
	Window          struct{ CloseTime, TimeZone string }
}

func TestApplicationMasks(t *testing.T) {
	w := newWorld(t)
	w.open("alpha")
	a := w.apply("alpha", 1, false)
	path := "/v1/" + a.Application.Name
	get := func() (v struct {
		Contact struct{ Name, Email string }
		Answers map[string]struct {
			Values   []string
			Declined bool
		}
	},
	) {
		w.must("GET", path, a.Token, "").into(t, &v)
		return v
	}
	w.must("PATCH", path+"?updateMask=answers.county", a.Token, `{"answers": {"county": {"declined": true}}}`)
	if v := get(); !v.Answers["county"].Declined || len(v.Answers["sector"].Values) != 1 {
		t.Errorf("one answer: %+v", v)
	}
	w.must("PATCH", path+"?updateMask=answers.county", a.Token, `{}`)
	if v := get(); v.Answers["county"].Declined || len(v.Answers) != 1 {
		t.Errorf("one answer taken back: %+v", v)
	}
	w.must("PATCH", path, a.Token, `{"contact": {"name": "Invented Other"}}`)
	if v := get(); v.Contact.Name != "Invented Other" || v.Contact.Email != "person-1@example.org" {
		t.Errorf("the name alone: %+v", v)
	}
	bad := w.call("PATCH", path, a.Token, `{"answers": {"county": {"values": ["skagit"], "declined": true}}}`)
	if bad.status != 400 || len(bad.fields) != 1 || !strings.HasPrefix(bad.fields[0], "answers.county") {
		t.Errorf("a decline together with an answer: %d %s", bad.status, bad.body)
	}
	bad = w.call("PATCH", path, a.Token, `{"answers": {"county": {"values": ["skagitt"]}}}`)
	if bad.status != 400 || !strings.Contains(string(bad.body), `did you mean \"skagit\"`) {
		t.Errorf("an unknown code: %d %s", bad.status, bad.body)
	}
	if bad = w.call("PATCH", path, w.apply("alpha", 2, false).Token, `{"language": "es"}`); bad.status != 404 {
		t.Errorf("another applicant's token: %d %s", bad.status, bad.body)
	}
}

// TestMethodsThatChangeTakeARequestID is what makes the two tests above
// complete: whoever adds a mutation has to give it a request id.
func TestMethodsThatChangeTakeARequestID(t *testing.T) {
	for _, m := range apiMethods() {
		list := bindings(m)
		reads := len(list) == 0 || list[0].verb == "GET" || slices.ContainsFunc([]string{"Check", "Export", "Simulate", "Resume", "Issue", "OpenMemberLink", "Explain", "Price"}, func(p string) bool {
			return strings.HasPrefix(string(m.Name()), p)
		})
		if has := m.Input().Fields().ByName("request_id") != nil; has == reads {
			t.Errorf("%s: request_id %v, reads only %v", methodName(m), has, reads)
		}
	}
	spec := (&v1.ImportSpec{}).ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name("request_id"))
	if spec == nil {
		t.Error("imports take no request id")
	}
}
