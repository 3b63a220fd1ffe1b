package applications_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

func TestApplicationFromDraftToPool(t *testing.T) {
	w := newWorld(t)
	w.open()
	made, err := w.CreateApplication(w.ctx, access.Principal{}, &applications.Application{Program: "leaders"}, false, once)
	if err != nil || made.Application.State != applications.Draft || made.Application.Code != "NS-0001" || made.Application.Language != "en" {
		t.Fatalf("an empty draft: %+v %v", made, err)
	}
	who, id := w.as(made), made.Application.ID
	if !who.Owns("leaders", id) {
		t.Fatalf("the token is %+v", who)
	}
	_, err = w.SubmitApplication(w.ctx, who, "leaders", id, 0, once)
	want(t, "submit an empty draft", err, "APPLICATION_INCOMPLETE")
	if got := violations(err); !slices.Equal(got, []string{"contact.name", "answers.role", "consents.use"}) {
		t.Errorf("missing: %v", got)
	}
	// A page at a time, as the form saves it.
	save := func(a *applications.Application, fields ...string) *applications.Application {
		t.Helper()
		a.Program, a.ID = "leaders", id
		got, err := w.UpdateApplication(w.ctx, who, a, fields, once)
		if err != nil {
			t.Fatal(explained(err))
		}
		return got
	}
	save(&applications.Application{Contact: applications.Contact{Name: "x̌ʷəlč", Email: "a@example.org"}}, "contact")
	save(&applications.Application{Contact: applications.Contact{Phone: "360-555-0100"}}, "contact.phone")
	save(&applications.Application{Answers: answers()}, "answers.role", "answers.county")
	a := save(&applications.Application{Answers: answers(), Consents: []applications.Consent{{Key: "use", Language: "es"}}}) // whatever is set
	if a.Contact != (applications.Contact{Name: "x̌ʷəlč", Email: "a@example.org", Phone: "360-555-0100"}) || len(a.Answers) != 4 {
		t.Errorf("saved: %+v", a)
	}
	if c := a.Consents; len(c) != 1 || c[0].FormVersion != 1 || c[0].Language != "es" || !c[0].Time.Equal(noon) {
		t.Errorf("the consent: %+v", c)
	}
	a, err = w.SubmitApplication(w.ctx, who, "leaders", id, a.Revision, once)
	if err != nil || a.State != applications.Submitted || !a.SubmitTime.Equal(noon) {
		t.Fatalf("submitted: %+v %v", a, err)
	}
	_, err = w.SubmitApplication(w.ctx, who, "leaders", id, 0, once)
	want(t, "submit twice", err, "ALREADY_SUBMITTED")

	// Editing until the close; a submission stays one, and stays complete.
	w.clock.advance(time.Hour)
	a = save(&applications.Application{Answers: applications.Answers{"county": {Values: []string{"skagit"}}}}, "answers.county")
	if a.State != applications.Submitted || a.Answers["county"].Values[0] != "skagit" || !a.SubmitTime.Equal(noon) || len(a.Answers) != 4 {
		t.Errorf("edited: %+v", a)
	}
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id}, []string{"answers.role"}, once)
	want(t, "take away what is required", err, "APPLICATION_INVALID")
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id}, []string{"consents"}, once)
	want(t, "take back the consent", err, "APPLICATION_INVALID")
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Revision: 2, Language: "es"}, nil, once)
	want(t, "an old tab", err, "STALE_REVISION")

	w.close()
	got := w.stored(id)
	if got.State != applications.InPool {
		t.Errorf("after the close: %s", got.State)
	}
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Language: "es"}, nil, once)
	want(t, "edit after the close", err, "CALL_CLOSED")
	a, err = w.WithdrawApplication(w.ctx, who, "leaders", id, "found another program", 0, once)
	if err != nil || a.State != applications.Withdrawn || a.WithdrawReason != "found another program" {
		t.Errorf("withdrawn: %+v %v", a, err)
	}
	_, err = w.WithdrawApplication(w.ctx, who, "leaders", id, "", 0, once)
	want(t, "withdraw twice", err, "APPLICATION_STATE")

	var log []string
	for _, e := range w.events(3) {
		if strings.HasPrefix(e.Action, "application.") {
			log = append(log, fmt.Sprint(e.Action, " ", e.Detail, " ", e.Actor))
		}
	}
	own := " applications/" + id
	wantLog := []string{
		"application.create >DRAFT ", "application.update DRAFT>DRAFT fields=contact" + own, "application.update DRAFT>DRAFT fields=contact" + own,
		"application.update DRAFT>DRAFT fields=answers" + own, "application.update DRAFT>DRAFT fields=answers,consents" + own,
		"application.submit DRAFT>SUBMITTED" + own, "application.update SUBMITTED>SUBMITTED fields=answers" + own,
		"application.pool SUBMITTED>IN_POOL " + w.admin.Subject, "application.withdraw IN_POOL>WITHDRAWN" + own,
	}
	if !slices.Equal(log, wantLog) {
		t.Errorf("the log:\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(wantLog, "\n"))
	}
}

func TestEverythingWrongAtOnce(t *testing.T) {
	w := newWorld(t)
	w.open()
	_, err := w.CreateApplication(w.ctx, access.Principal{}, &applications.Application{
		Program: "leaders", Language: "English!", Contact: applications.Contact{Email: "x", Phone: "y"},
		Answers:  applications.Answers{"role": {Values: []string{"neither", "decides"}}, "county": {Declined: true}, "zzz": {Text: "x"}},
		Consents: []applications.Consent{{Key: "user"}},
	}, true, once)
	want(t, "everything wrong", err, "APPLICATION_INVALID")
	got := violations(err)
	for _, f := range []string{"language", "contact.name", "contact.email", "contact.phone", "answers.role", "answers.county", "answers.zzz", "consents.user", "consents.use"} {
		if !slices.Contains(got, f) {
			t.Errorf("%s is not named; named are %v", f, got)
		}
	}
	if n := len(w.events(3)); n != 0 {
		t.Errorf("%d events of something that was refused", n)
	}
}

// Nothing but the name, the consent and eligibility is needed: no address, no
// telephone, and every other question may be declined or left.
func TestLittleIsRequired(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(func(a *applications.Application) {
		a.Contact = applications.Contact{Name: "Suharto"}
		a.Answers = applications.Answers{"role": {Values: []string{"supervises"}}, "race": {Declined: true}}
	})
	w.close()
	if got := w.stored(made.Application.ID); got.State != applications.InPool {
		t.Errorf("state %s", got.State)
	}
}

func TestIneligible(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(func(a *applications.Application) {
		a.Answers["role"] = applications.Answer{Values: []string{"influences"}}
	})
	who := w.as(made)
	w.close()
	got, err := w.Application(w.ctx, who, "leaders", made.Application.ID, false, "")
	if err != nil || got.State != applications.Ineligible || !slices.Equal(got.IneligibleReasons, []string{"role"}) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestIdempotentCreate(t *testing.T) {
	w := newWorld(t)
	w.open()
	first, err := w.CreateApplication(w.ctx, access.Principal{}, complete("One"), true, idem(1, "body"))
	if err != nil {
		t.Fatal(err)
	}
	// Retried later, with the window closed and the application changed.
	who := w.as(first)
	if _, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: first.Application.ID, Language: "es"}, nil, once); err != nil {
		t.Fatal(err)
	}
	w.close()
	w.clock.advance(time.Hour)
	again, err := w.CreateApplication(w.ctx, access.Principal{}, complete("One"), true, idem(1, "body"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(first)
	b, _ := json.Marshal(again)
	if string(a) != string(b) {
		t.Errorf("the retry says\n%s\nthe first said\n%s", b, a)
	}
	if _, err := w.Authenticate(w.ctx, again.Token); err != nil {
		t.Errorf("the retried token: %v", err)
	}
	_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("Two"), true, idem(1, "another body"))
	want(t, "the id with another body", err, "REQUEST_ID_REUSED")
	_, err = w.CreateApplication(w.ctx, w.facilitator, complete("One"), true, idem(1, "body"))
	want(t, "the id by somebody else", err, "REQUEST_ID_REUSED")
	for _, id := range []string{
		"1", "00000000-0000-0000-0000-000000000000", "0d5b9e1c-1111-1222-8333-000000000001", "01980000-0000-7000-8000-000000000001",
	} {
		_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("One"), true, applications.Idempotency{RequestID: id, Hash: []byte("x")})
		want(t, "an id that two clients may both come up with: "+id, err, "REQUEST_ID_INVALID")
	}
	page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{}, false, "")
	if err != nil || len(page.Items) != 1 {
		t.Errorf("%d applications, want 1: %v", len(page.Items), err)
	}
}

// What is stored of a request is keyed: a dump confirms no guess about it.
func TestStoredRequestsConfirmNoGuess(t *testing.T) {
	w := newWorld(t)
	w.open()
	guess := sha256.Sum256([]byte("the request, guessed"))
	id := applications.Idempotency{RequestID: idem(1, "").RequestID, Hash: guess[:]}
	if _, err := w.CreateApplication(w.ctx, access.Principal{}, complete("One"), true, id); err != nil {
		t.Fatal(explained(err))
	}
	var stored *applications.Request
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		stored, err = tx.Request(w.ctx, "leaders", "CreateApplication", id.RequestID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored.Hash, macs{}.MAC("request hash", append([]byte{0}, guess[:]...))) {
		t.Errorf("the request is known by %x, which is not the digest under the key for it", stored.Hash)
	}
}

// One wrong answer is one problem: right answers are not called missing.
func TestOneWrongAnswerIsOneProblem(t *testing.T) {
	w := newWorld(t)
	w.open()
	for field, spoil := range map[string]func(*applications.Application){
		"answers.county": func(a *applications.Application) {
			a.Answers["county"] = applications.Answer{Values: []string{"nowhere"}}
		},
		"answers.role":    func(a *applications.Application) { a.Answers["role"] = applications.Answer{Values: []string{"decide"}} },
		"answers.unknown": func(a *applications.Application) { a.Answers["unknown"] = applications.Answer{Text: "x"} },
		"contact.name":    func(a *applications.Application) { a.Contact.Name = "\u200b" },
	} {
		a := complete("One")
		spoil(a)
		_, err := w.CreateApplication(w.ctx, access.Principal{}, a, true, once)
		want(t, field, err, "APPLICATION_INVALID")
		if got := violations(err); !slices.Equal(got, []string{field}) {
			t.Errorf("violations of %v, want one of %s", got, field)
		}
	}
}

// A refused call is not remembered: mended, the same id works.
func TestRefusedRequestIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	w.open()
	_, err := w.CreateApplication(w.ctx, access.Principal{}, complete(""), true, idem(1, "bad"))
	want(t, "no name", err, "APPLICATION_INVALID")
	_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("One"), true, idem(1, "good"))
	want(t, "mended", err, "")
}

func TestIdempotentChanges(t *testing.T) {
	w := newWorld(t)
	w.open()
	made, err := w.CreateApplication(w.ctx, access.Principal{}, complete("One"), false, once)
	if err != nil {
		t.Fatal(err)
	}
	who, id := w.as(made), made.Application.ID
	calls := []func() (*applications.Application, error){
		func() (*applications.Application, error) {
			return w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Language: "es"}, nil, idem(1, "u"))
		},
		func() (*applications.Application, error) {
			return w.SubmitApplication(w.ctx, who, "leaders", id, 2, idem(1, "s"))
		},
		func() (*applications.Application, error) {
			return w.WithdrawApplication(w.ctx, who, "leaders", id, "", 3, idem(1, "w"))
		},
	}
	var firsts []*applications.Application
	for i, call := range calls {
		a, err := call()
		if err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		firsts = append(firsts, a)
	}
	size := w.logSize()
	for i, call := range calls {
		a, err := call()
		if err != nil || !reflect.DeepEqual(a, firsts[i]) {
			t.Errorf("call %d retried: %+v %v, want %+v", i, a, err, firsts[i])
		}
	}
	if now := w.logSize(); now != size {
		t.Errorf("retries wrote %d events", now-size)
	}
}

func TestWhoSeesWhat(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(func(a *applications.Application) {
		a.Language = "es"
		a.Contact.Name = "Kanarienvogel"
		a.Answers["race"] = applications.Answer{Values: []string{"asian"}}
		a.Answers["lived"] = applications.Answer{Values: []string{"disability"}}
		a.Consents = append(a.Consents, applications.Consent{Key: "health"})
	})
	other := w.apply(nil)
	id := made.Application.ID

	own, err := w.Application(w.ctx, w.as(made), "leaders", id, false, "")
	if err != nil || own.Contact.Name != "Kanarienvogel" || len(own.Answers) != 6 || len(own.Consents) != 2 {
		t.Errorf("one's own: %+v %v", own, err)
	}
	size := w.logSize()
	staff, err := w.Application(w.ctx, w.facilitator, "leaders", id, false, "")
	if err != nil || staff.Contact != (applications.Contact{}) || staff.Language != "" || staff.Code != "NS-0001" {
		t.Errorf("for staff: %+v %v", staff, err)
	}
	var keys []string
	for k := range staff.Answers {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	if !slices.Equal(keys, []string{"organization", "role", "sector"}) {
		t.Errorf("staff see the answers %v", keys)
	}
	if len(staff.Consents) != 1 || staff.Consents[0].Key != "use" {
		t.Errorf("staff see the consents %v: the one to health tells of an answer", staff.Consents)
	}
	if w.logSize() != size {
		t.Error("a read without identity is in the log")
	}

	_, err = w.Application(w.ctx, w.facilitator, "leaders", id, true, " ")
	want(t, "identity without a reason", err, "REASON_MISSING")
	_, err = w.Application(w.ctx, w.manager, "leaders", id, true, "curious")
	want(t, "identity without the permission", err, "PERMISSION_MISSING")
	whole, err := w.Application(w.ctx, w.facilitator, "leaders", id, true, "accommodation call")
	if err != nil || whole.Contact.Name != "Kanarienvogel" || len(whole.Answers) != 6 {
		t.Errorf("identity: %+v %v", whole, err)
	}
	log := w.events(size)
	if len(log) != 1 || log[0].Action != "identity.read" || log[0].Reason != "accommodation call" || log[0].Resource != "programs/leaders/applications/"+id || log[0].Actor != w.facilitator.Subject {
		t.Errorf("the read is recorded as %+v", log)
	}

	_, err = w.Application(w.ctx, w.as(other), "leaders", id, false, "")
	want(t, "another applicant", err, "APPLICATION_NOT_FOUND")
	_, err = w.UpdateApplication(w.ctx, w.as(other), &applications.Application{Program: "leaders", ID: id, Language: "en"}, nil, once)
	want(t, "another applicant changes", err, "APPLICATION_NOT_FOUND")
	_, err = w.SubmitApplication(w.ctx, w.as(other), "leaders", id, 0, once)
	want(t, "another applicant submits", err, "APPLICATION_NOT_FOUND")
	_, err = w.WithdrawApplication(w.ctx, w.as(other), "leaders", id, "", 0, once)
	want(t, "another applicant withdraws", err, "APPLICATION_NOT_FOUND")
	_, err = w.Application(w.ctx, access.Principal{}, "leaders", id, false, "")
	want(t, "the public", err, "TOKEN_REQUIRED")
	_, err = w.Application(w.ctx, w.approver, "leaders", id, false, "")
	want(t, "a policy approver", err, "PERMISSION_MISSING")

	size = w.logSize()
	page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: "contact.name:kanarienvogel OR answers.race:asian"}, true, "find a caller")
	if err != nil || len(page.Items) != 1 || page.Items[0].Contact.Name != "Kanarienvogel" {
		t.Errorf("%v %v", page, err)
	}
	log = w.events(size)
	if len(log) != 1 || log[0].Action != "identity.read" || log[0].Detail != "count=1 first=NS-0001 last=NS-0001" {
		t.Errorf("one event for the page: %+v", log)
	}
	// That nobody matches tells about whom the filter names.
	size = w.logSize()
	page, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: `answers.race:black AND code="NS-0001"`}, true, "find a caller")
	if err != nil || len(page.Items) != 0 {
		t.Errorf("%v %v", page, err)
	}
	if log = w.events(size); len(log) != 1 || log[0].Action != "identity.read" || log[0].Detail != "count=0" || log[0].Reason != "find a caller" {
		t.Errorf("one event for an empty page: %+v", log)
	}
	for _, filter := range []string{"answers.race:asian", "answers.county:island", "contact.name:k", "language = es"} {
		_, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: filter}, false, "")
		want(t, "a filter by identity "+filter, err, "FILTER_INVALID")
	}
}

func TestOnBehalf(t *testing.T) {
	w := newWorld(t)
	w.open()
	a := complete("By Telephone")
	a.OnBehalf = &applications.OnBehalf{Reason: "phone", ConsentNote: "agreed on the phone on March 1", By: "somebody else"}
	_, err := w.CreateApplication(w.ctx, access.Principal{}, a, true, once)
	want(t, "the public for somebody else", err, "TOKEN_REQUIRED")
	_, err = w.CreateApplication(w.ctx, w.approver, a, true, once)
	want(t, "a role without the permission", err, "PERMISSION_MISSING")
	size := w.logSize()
	made, err := w.CreateApplication(w.ctx, w.facilitator, a, true, once)
	if err != nil || made.Application.Contact.Name != "" || made.Token == "" || made.ReturnCode == "" {
		t.Fatalf("%+v %v", made, err)
	}
	stored := w.stored(made.Application.ID)
	if o := stored.OnBehalf; o == nil || o.By != w.facilitator.Subject || o.Reason != "phone" || stored.Contact.Name != "By Telephone" {
		t.Errorf("stored: %+v", stored)
	}
	if log := w.events(size); len(log) != 1 || log[0].Reason != "phone" || log[0].Actor != w.facilitator.Subject {
		t.Errorf("recorded as %+v", log)
	}
	own, err := w.Application(w.ctx, w.as(made), "leaders", made.Application.ID, false, "")
	if err != nil || own.OnBehalf.ConsentNote == "" {
		t.Errorf("the person sees it: %+v %v", own, err)
	}
	a.OnBehalf = &applications.OnBehalf{Reason: " "}
	_, err = w.CreateApplication(w.ctx, w.facilitator, a, true, once)
	if got := violations(err); !slices.Equal(got, []string{"on_behalf.reason", "on_behalf.consent_note"}) {
		t.Errorf("without reason and note: %v", err)
	}
}

// Staff who do not read identity answers do not change them either: what is
// wrong with a change would tell what is stored.
func TestChangingWhatOneDoesNotSee(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(func(a *applications.Application) {
		a.Answers["relation"] = applications.Answer{Values: []string{"citizen"}}
	})
	id := made.Application.ID
	given := applications.Application{
		Program: "leaders", ID: id, Contact: applications.Contact{Name: "Another", Email: "x"}, Language: "es",
		Answers: applications.Answers{
			"county": {Values: []string{"nowhere"}}, "nation": {Values: []string{"lummi"}}, "lived": {Values: []string{"disability"}}, "sector": {Values: []string{"housing"}},
		},
	}
	change := func(who access.Principal, id string, fields ...string) error {
		a := given
		a.ID = id
		_, err := w.UpdateApplication(w.ctx, who, &a, fields, once)
		return err
	}
	for _, fields := range [][]string{
		{"answers.nation", "answers.county"},
		{"answers.lived"},
		{"answers.sector", "answers.county"},
		{"answers.race"},
		{"answers"},
		{"consents"},
		{"contact"},
		{"contact.email"},
		nil,
	} {
		for _, who := range []access.Principal{w.manager, w.service} {
			err := change(who, id, fields...)
			want(t, fmt.Sprint(who.Subject, " changes ", fields), err, "PERMISSION_MISSING")
			if len(violations(err)) > 0 {
				t.Errorf("%v tells %v", fields, explained(err))
			}
		}
		want(t, fmt.Sprint("a facilitator changes ", fields), change(w.facilitator, id, fields...), map[bool]string{true: "APPLICATION_INVALID"}[!slices.Equal(fields, []string{"answers.race"})])
	}
	want(t, "facts about the job", change(w.manager, id, "answers.sector", "language"), "")
	want(t, "a question there is not", change(w.manager, id, "answers.nothing"), "APPLICATION_INVALID")

	// Who entered it was given its token, as long as that is good.
	a := complete("By Telephone")
	a.OnBehalf = &applications.OnBehalf{Reason: "phone", ConsentNote: "agreed"}
	entered, err := w.CreateApplication(w.ctx, w.manager, a, true, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	given.Answers["county"] = applications.Answer{Values: []string{"skagit"}}
	want(t, "mending what one entered", change(w.manager, entered.Application.ID, "answers.county", "contact.name"), "")
	want(t, "another who did not", change(w.service, entered.Application.ID, "answers.county"), "PERMISSION_MISSING")
	if _, err := w.NewReturnCode(w.ctx, w.facilitator, "leaders", entered.Application.ID, "given to the person", once); err != nil {
		t.Fatal(explained(err))
	}
	want(t, "after the renewal", change(w.manager, entered.Application.ID, "answers.county"), "PERMISSION_MISSING")
}

func TestReturnCode(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	if len(made.ReturnCode) != 14 || made.ReturnCode[4] != '-' || made.ReturnCode[9] != '-' {
		t.Fatalf("the code is %q", made.ReturnCode)
	}
	typed := strings.ToLower(strings.ReplaceAll(made.ReturnCode, "-", " "))
	typed = strings.NewReplacer("0", "o", "1", "l").Replace(typed)
	size := w.logSize()
	back, err := w.Resume(w.ctx, "leaders", typed)
	if err != nil || back.Application.ID != made.Application.ID || back.Token != made.Token || back.ReturnCode != made.ReturnCode {
		t.Fatalf("back with %q: %+v %v", typed, back, err)
	}
	if log := w.events(size); len(log) != 1 || log[0].Action != "application.resume" || log[0].Actor != "applications/"+made.Application.ID {
		t.Errorf("recorded as %+v", log)
	}
	wrong := []string{"0000-0000-0000", "", "ABC", strings.Repeat("A", 64), made.ReturnCode + "0"}
	for _, code := range wrong {
		_, err := w.Resume(w.ctx, "leaders", code)
		want(t, "code "+code, err, "RETURN_CODE_UNKNOWN")
		if err != nil && err.Error() != "RETURN_CODE_UNKNOWN: no application of this call has this return code" {
			t.Errorf("another answer for %q: %v", code, err)
		}
	}
	_, err = w.Resume(w.ctx, "another", made.ReturnCode)
	want(t, "in another program", err, "RETURN_CODE_UNKNOWN")

	who := w.as(made)
	_, err = w.NewReturnCode(w.ctx, who, "leaders", made.Application.ID, "lost", once)
	want(t, "by the applicant", err, "PERMISSION_MISSING")
	_, err = w.NewReturnCode(w.ctx, w.facilitator, "leaders", made.Application.ID, "", once)
	want(t, "without a reason", err, "REASON_MISSING")
	renewed, err := w.NewReturnCode(w.ctx, w.facilitator, "leaders", made.Application.ID, "lost the paper", idem(1, "new"))
	if err != nil || renewed.ReturnCode == made.ReturnCode || renewed.Token == made.Token || renewed.Application.Contact.Name != "" {
		t.Fatalf("%+v %v", renewed, err)
	}
	again, err := w.NewReturnCode(w.ctx, w.facilitator, "leaders", made.Application.ID, "lost the paper", idem(1, "new"))
	if err != nil || again.ReturnCode != renewed.ReturnCode || again.Token != renewed.Token {
		t.Errorf("retried: %+v %v", again, err)
	}
	_, err = w.Resume(w.ctx, "leaders", made.ReturnCode)
	want(t, "the old code", err, "RETURN_CODE_UNKNOWN")
	_, err = w.Authenticate(w.ctx, made.Token)
	want(t, "the old token", err, "TOKEN_INVALID")
	if _, err := w.Resume(w.ctx, "leaders", renewed.ReturnCode); err != nil {
		t.Errorf("the new code: %v", err)
	}
	if _, err := w.Authenticate(w.ctx, renewed.Token); err != nil {
		t.Errorf("the new token: %v", err)
	}
}

func TestPersonalExtension(t *testing.T) {
	w := newWorld(t)
	p := w.open()
	made, err := w.CreateApplication(w.ctx, access.Principal{}, complete("Late"), false, once)
	if err != nil {
		t.Fatal(err)
	}
	submitted := w.apply(nil)
	who, id := w.as(made), made.Application.ID
	until := p.Window.Closes.Add(48 * time.Hour)
	_, err = w.ExtendApplication(w.ctx, w.facilitator, "leaders", id, p.Window.Closes, "ill", 0, once)
	want(t, "not later than the call", err, "EXTENSION_INVALID")
	for _, id := range []string{id, submitted.Application.ID} {
		if _, err := w.ExtendApplication(w.ctx, w.facilitator, "leaders", id, until, "ill", 0, once); err != nil {
			t.Fatal(explained(err))
		}
	}
	w.clock.set(p.Window.Closes.Add(10 * time.Minute))
	if n, err := w.CloseDue(w.ctx); err != nil || n != 1 {
		t.Fatalf("closed %d: %v", n, err)
	}
	if got := w.stored(submitted.Application.ID); got.State != applications.Submitted {
		t.Errorf("a submission with an extension is %s at the close", got.State)
	}
	_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("Too late"), true, once)
	want(t, "somebody without one", err, "CALL_CLOSED")
	if _, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Language: "es"}, nil, once); err != nil {
		t.Errorf("change in the extension: %v", err)
	}
	if a, err := w.SubmitApplication(w.ctx, who, "leaders", id, 0, once); err != nil || a.State != applications.Submitted {
		t.Errorf("submit in the extension: %+v %v", a, err)
	}
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders"}, once)
	want(t, "a selection while an extension runs", err, "EXTENSION_RUNNING")
	if n, err := w.CloseDue(w.ctx); err != nil || n != 0 {
		t.Errorf("decided %d too early: %v", n, err)
	}
	w.clock.set(until)
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Language: "en"}, nil, once)
	want(t, "change after the extension", err, "CALL_CLOSED")
	if n, err := w.CloseDue(w.ctx); err != nil || n != 1 {
		t.Errorf("decided %d: %v", n, err)
	}
	for _, id := range []string{id, submitted.Application.ID} {
		if got := w.stored(id); got.State != applications.InPool {
			t.Errorf("after the extension: %s", got.State)
		}
	}
	if n, err := w.CloseDue(w.ctx); err != nil || n != 0 {
		t.Errorf("again: %d %v", n, err)
	}
}

func TestCloseDue(t *testing.T) {
	w := newWorld(t)
	p := w.open()
	in := w.apply(nil)
	out := w.apply(func(a *applications.Application) {
		a.Answers["role"] = applications.Answer{Values: []string{"neither"}}
	})
	draft, err := w.CreateApplication(w.ctx, access.Principal{}, complete("Draft"), false, once)
	if err != nil {
		t.Fatal(err)
	}
	gone := w.apply(nil)
	if _, err := w.WithdrawApplication(w.ctx, w.as(gone), "leaders", gone.Application.ID, "", 0, once); err != nil {
		t.Fatal(err)
	}
	w.clock.set(p.Window.Closes.Add(10*time.Minute - time.Microsecond))
	if n, err := w.CloseDue(w.ctx); err != nil || n != 0 {
		t.Fatalf("closed %d in the grace minutes: %v", n, err)
	}
	w.clock.advance(time.Microsecond)
	size := w.logSize()
	if n, err := w.CloseDue(w.ctx); err != nil || n != 1 {
		t.Fatalf("closed %d: %v", n, err)
	}
	for id, state := range map[string]applications.ApplicationState{
		in.Application.ID: applications.InPool, out.Application.ID: applications.Ineligible,
		draft.Application.ID: applications.Draft, gone.Application.ID: applications.Withdrawn,
	} {
		if got := w.stored(id); got.State != state {
			t.Errorf("%s is %s, want %s", got.Code, got.State, state)
		}
	}
	for _, e := range w.events(size) {
		if e.Actor != "system" {
			t.Errorf("the clock closed it, the log says %+v", e)
		}
	}
	after, err := w.Program(w.ctx, w.admin, "leaders")
	if err != nil || after.State != applications.ProgramClosed || !after.Window.Closes.Equal(p.Window.Closes) {
		t.Errorf("%+v %v", after, err)
	}
}

func TestExtendProgram(t *testing.T) {
	w := newWorld(t)
	p := w.open()
	in := w.apply(nil)
	out := w.apply(func(a *applications.Application) {
		a.Answers["role"] = applications.Answer{Values: []string{"neither"}}
	})
	later := p.Window.Closes.AddDate(0, 0, 1)
	_, err := w.ExtendProgram(w.ctx, w.admin, "leaders", later, "", 0, once)
	want(t, "without a reason", err, "EXTENSION_INVALID")
	_, err = w.ExtendProgram(w.ctx, w.admin, "leaders", p.Window.Closes, "storm", 0, once)
	want(t, "not later", err, "EXTENSION_INVALID")
	if p, err = w.ExtendProgram(w.ctx, w.admin, "leaders", later, "storm", 0, once); err != nil || !p.Window.Closes.Equal(later) || p.State != applications.ProgramOpen {
		t.Fatalf("%+v %v", p, err)
	}
	w.clock.set(later.Add(10 * time.Minute))
	if n, err := w.CloseDue(w.ctx); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	w.clock.advance(24*time.Hour - time.Microsecond)
	if p, err = w.ExtendProgram(w.ctx, w.admin, "leaders", later.AddDate(0, 0, 3), "storm goes on", 0, once); err != nil || p.State != applications.ProgramOpen {
		t.Fatalf("within 24 hours: %+v %v", p, err)
	}
	for _, id := range []string{in.Application.ID, out.Application.ID} {
		if got := w.stored(id); got.State != applications.Submitted || len(got.IneligibleReasons) != 0 {
			t.Errorf("reopened: %s %v", got.State, got.IneligibleReasons)
		}
	}
	who := w.as(out)
	if _, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: out.Application.ID, Answers: answers()}, []string{"answers.role"}, once); err != nil {
		t.Errorf("change after the extension: %v", explained(err))
	}
	w.close()
	if got := w.stored(out.Application.ID); got.State != applications.InPool {
		t.Errorf("state %s", got.State)
	}
	w.clock.advance(24 * time.Hour)
	_, err = w.ExtendProgram(w.ctx, w.admin, "leaders", later.AddDate(0, 1, 0), "too late", 0, once)
	want(t, "after 24 hours", err, "EXTENSION_TOO_LATE")
}

func TestUnknownUpdateFields(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	who := w.as(made)
	for field, hint := range map[string]string{
		"contcat": `did you mean "contact"`, "contact.mail": `did you mean "contact.email"`, "state": "there is contact, answers", "answers.NO KEY": "there is contact",
	} {
		_, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: made.Application.ID}, []string{field}, once)
		want(t, field, err, "UPDATE_MASK_INVALID")
		if !strings.Contains(explained(err), hint) {
			t.Errorf("%s: %s, want %s", field, explained(err), hint)
		}
	}
	_, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: made.Application.ID}, nil, once)
	want(t, "nothing", err, "UPDATE_MASK_EMPTY")
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: made.Application.ID, Answers: applications.Answers{"countty": {Text: "x"}}}, []string{"answers.countty"}, once)
	want(t, "a question there is not", err, "APPLICATION_INVALID")
	if !strings.Contains(explained(err), `did you mean "county"`) {
		t.Error(explained(err))
	}
}

func TestApplicationLists(t *testing.T) {
	w := newWorld(t)
	w.open()
	for i := range 6 {
		w.clock.advance(time.Minute)
		made := w.apply(func(a *applications.Application) {
			if i%2 == 0 {
				a.Answers["sector"] = applications.Answer{Values: []string{"hospital"}}
			}
		})
		_ = made
	}
	// The first is changed last.
	w.clock.advance(time.Minute)
	first := w.apply(nil)
	w.clock.advance(time.Minute)
	if _, err := w.UpdateApplication(w.ctx, w.facilitator, &applications.Application{Program: "leaders", ID: w.byCode("NS-0001").ID, Language: "es"}, nil, once); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ order, filter, want string }{
		{"", "", "1234567"},
		{"create_time desc", "", "7654321"},
		{"code desc", "", "7654321"},
		{"code", "answers.sector:hospital", "135"},
		{"updateTime", "", "2345671"},
		{"update_time desc", "", "1765432"},
		{"submit_time desc", "state = SUBMITTED", "7654321"},
		{"", "code > NS-0005", "67"},
		{"", "answers.organization:\"sea mar\" AND NOT answers.sector:clinic", "135"},
		{"", `create_time >= "2027-03-01T20:05:00Z"`, "567"},
		{"", "on_behalf", ""},
	} {
		for _, size := range []int{1, 2, 7, 1000} {
			var got strings.Builder
			q := applications.ListQuery{Filter: c.filter, OrderBy: c.order, PageSize: size}
			for pages := 0; ; pages++ {
				page, err := w.Applications(w.ctx, w.facilitator, "leaders", q, false, "")
				if err != nil {
					t.Fatal(explained(err))
				}
				if len(page.Items) > size || pages > 8 {
					t.Fatalf("a page of %d, page %d", len(page.Items), pages)
				}
				for _, a := range page.Items {
					got.WriteString(strings.TrimPrefix(a.Code, "NS-000"))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if got.String() != c.want {
				t.Errorf("order %q, filter %q, size %d: %s, want %s", c.order, c.filter, size, got.String(), c.want)
			}
		}
	}
	_ = first
}

// byCode reads an application past every permission.
func (w *world) byCode(code string) *applications.Application {
	w.Helper()
	var a *applications.Application
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		a, err = tx.ApplicationByCode(w.ctx, "leaders", code)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return a
}
