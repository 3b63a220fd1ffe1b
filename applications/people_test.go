package applications_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

func TestFirstToken(t *testing.T) {
	w := newWorld(t)
	secret, err := w.FirstToken(w.ctx)
	if err != nil || !strings.HasPrefix(secret, "fls_") || len(secret) < 4+43 {
		t.Fatalf("%q %v", secret, err)
	}
	who, err := w.Authenticate(w.ctx, secret)
	if err != nil || !who.Can(access.TokensAdmin, "") || who.Can(access.IdentityRead, "leaders") || !strings.HasPrefix(who.Subject, "tokens/") {
		t.Errorf("%+v %v", who, err)
	}
	for range 2 {
		if again, err := w.FirstToken(w.ctx); err != nil || again != "" {
			t.Errorf("a second first token: %q %v", again, err)
		}
	}
	if tokens, err := w.Tokens(w.ctx, w.admin); err != nil || len(tokens) != 1 || tokens[0].Hash != nil {
		t.Errorf("%v %v", tokens, err)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	w.draft()
	issue := func(tok *applications.Token, id applications.Idempotency) string {
		t.Helper()
		secret, err := w.IssueToken(w.ctx, w.admin, tok, id)
		if err != nil {
			t.Fatal(explained(err))
		}
		return secret
	}
	grants := []access.Grant{{Role: access.Facilitator, Program: "leaders"}}
	tok := &applications.Token{Label: "desk", Grants: grants, ExpireTime: noon.Add(time.Hour)}
	secret := issue(tok, once)
	who, err := w.Authenticate(w.ctx, secret)
	if err != nil || !slices.Equal(who.Grants, grants) || who.Token != tok.ID || who.Subject != "tokens/"+tok.ID {
		t.Errorf("%+v %v", who, err)
	}
	w.clock.advance(time.Hour - time.Microsecond)
	if _, err := w.Authenticate(w.ctx, secret); err != nil {
		t.Errorf("just before it expires: %v", err)
	}
	w.clock.advance(time.Microsecond)
	_, err = w.Authenticate(w.ctx, secret)
	want(t, "expired", err, "TOKEN_INVALID")

	// Under a request id the same secret comes back, and only then.
	service := []access.Grant{{Role: access.Service}}
	a := issue(&applications.Token{Grants: service}, idem(1, "t"))
	b := issue(&applications.Token{Grants: service}, idem(1, "t"))
	c := issue(&applications.Token{Grants: service}, idem(2, "t"))
	d := issue(&applications.Token{Grants: service}, once)
	e := issue(&applications.Token{Grants: service}, once)
	if a != b || a == c || c == d || d == e || len(a) != len(d) {
		t.Errorf("secrets %q %q %q %q %q", a, b, c, d, e)
	}
	_, err = w.IssueToken(w.ctx, w.admin, &applications.Token{Grants: grants}, idem(1, "another"))
	want(t, "the id for another token", err, "REQUEST_ID_REUSED")

	all, err := w.Tokens(w.ctx, w.admin)
	if err != nil || len(all) != 5 {
		t.Fatalf("%d tokens: %v", len(all), err)
	}
	var last *applications.Token
	for _, t := range all {
		last = t
	}
	for _, id := range []applications.Idempotency{idem(5, "r"), idem(5, "r"), once} {
		if err := w.RevokeToken(w.ctx, w.admin, last.ID, id); err != nil {
			t.Errorf("revoke: %v", err)
		}
	}
	_, err = w.Authenticate(w.ctx, e)
	want(t, "revoked", err, "TOKEN_INVALID")
	_, err = w.StaffSession(w.ctx, last.ID)
	want(t, "a session of it", err, "TOKEN_INVALID")
	want(t, "revoke what is not there", w.RevokeToken(w.ctx, w.admin, w.NewID(), once), "TOKEN_NOT_FOUND")
	revoked := 0
	for _, ev := range w.events(0) {
		if ev.Action == "token.revoke" {
			revoked++
		}
	}
	if revoked != 1 {
		t.Errorf("recorded %d times", revoked)
	}

	for _, c := range []struct {
		tok    applications.Token
		fields []string
	}{
		{applications.Token{}, []string{"grants"}},
		{applications.Token{Grants: []access.Grant{{Role: "FACILITATR"}}}, []string{"grants[0].role"}},
		{applications.Token{Grants: []access.Grant{{Role: access.Applicant}}}, []string{"grants[0].role"}},
		{applications.Token{Grants: []access.Grant{{Role: access.Auditor, Program: "nowhere"}}}, []string{"grants[0].program"}},
		{applications.Token{Grants: append(slices.Clone(grants), grants...)}, []string{"grants[1]"}},
		{applications.Token{User: "nobody"}, []string{"user"}},
		{applications.Token{User: "nobody", Grants: grants}, []string{"grants"}},
		{applications.Token{Grants: grants, ExpireTime: w.clock.now()}, []string{"expire_time"}},
		{applications.Token{Grants: grants, Label: strings.Repeat("x", 101)}, []string{"label"}},
	} {
		_, err := w.IssueToken(w.ctx, w.admin, &c.tok, once)
		if got := violations(err); !slices.Equal(got, c.fields) {
			t.Errorf("%+v: %s, want %v", c.tok, explained(err), c.fields)
		}
	}
	_, err = w.IssueToken(w.ctx, w.admin, &applications.Token{Grants: []access.Grant{{Role: "FACILITATR"}}}, once)
	if !strings.Contains(explained(err), `did you mean "FACILITATOR"`) {
		t.Error(explained(err))
	}
}

// Whatever is no valid token is answered in the same words.
func TestBadTokens(t *testing.T) {
	w := newWorld(t)
	w.open()
	made, other := w.apply(nil), w.apply(nil)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(made.Token, "fla_"))
	if err != nil {
		t.Fatal(err)
	}
	rawOther, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(other.Token, "fla_"))
	token := func(b []byte) string { return "fla_" + base64.RawURLEncoding.EncodeToString(b) }
	// One person's proof with another's id.
	swapped := append(slices.Clone(raw[:32]), rawOther[32:]...)
	bad := []string{
		"", "x", "fls_", "fla_", "fls_" + strings.Repeat("A", 43), "fla_" + strings.Repeat("A", 100), token(swapped), token(raw[:40]),
		token(append(slices.Clone(raw), 'x')), strings.ToUpper(made.Token), made.Token + "=", "fla_" + strings.Repeat("A", 1000), "Bearer " + made.Token,
	}
	for i := range raw {
		flipped := slices.Clone(raw)
		flipped[i] ^= 1
		bad = append(bad, token(flipped))
	}
	for _, b := range bad {
		who, err := w.Authenticate(w.ctx, b)
		if applications.ReasonOf(err) != "TOKEN_INVALID" || err.Error() != "TOKEN_INVALID: the token is not valid: it is mistyped, revoked or expired" || who.Authenticated() {
			t.Errorf("%.60q is %+v, %v", b, who, err)
		}
	}
	if who := w.as(made); who.Subject != "applications/"+made.Application.ID || who.Program != "leaders" || len(who.Grants) != 0 {
		t.Errorf("%+v", who)
	}
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	w.draft()
	u, err := w.CreateUser(w.ctx, w.admin, &applications.User{Name: " Invented Person ", Grants: []access.Grant{{Role: access.Reviewer, Program: "leaders"}}}, idem(1, "u"))
	if err != nil || u.Name != "Invented Person" {
		t.Fatalf("%+v %v", u, explained(err))
	}
	if again, err := w.CreateUser(w.ctx, w.admin, &applications.User{Name: "Invented Person"}, idem(1, "u")); err != nil || again.ID != u.ID {
		t.Errorf("retried: %+v %v", again, err)
	}
	secret, err := w.IssueToken(w.ctx, w.admin, &applications.Token{User: u.ID}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	who, err := w.Authenticate(w.ctx, secret)
	if err != nil || who.Subject != "users/"+u.ID || !who.Can(access.ReviewsWrite, "leaders") || who.Can(access.IdentityRead, "leaders") {
		t.Errorf("%+v %v", who, err)
	}
	// New roles hold at once, for tokens that were issued before.
	u2, err := w.UpdateUser(w.ctx, w.admin, &applications.User{ID: u.ID, Grants: []access.Grant{{Role: access.Facilitator}}}, []string{"grants"}, once)
	if err != nil || u2.Name != "Invented Person" {
		t.Fatalf("%+v %v", u2, explained(err))
	}
	if who, err = w.Authenticate(w.ctx, secret); err != nil || !who.Can(access.IdentityRead, "leaders") {
		t.Errorf("%+v %v", who, err)
	}
	_, err = w.UpdateUser(w.ctx, w.admin, &applications.User{ID: u.ID, Revision: 1, Disabled: true}, []string{"disabled"}, once)
	want(t, "an old revision", err, "STALE_REVISION")
	_, err = w.UpdateUser(w.ctx, w.admin, &applications.User{ID: u.ID, Disabled: true}, []string{"disabld"}, once)
	if !strings.Contains(explained(err), `did you mean "disabled"`) {
		t.Error(explained(err))
	}
	if _, err = w.UpdateUser(w.ctx, w.admin, &applications.User{ID: u.ID, Disabled: true}, []string{"disabled"}, once); err != nil {
		t.Fatal(err)
	}
	_, err = w.Authenticate(w.ctx, secret)
	want(t, "a disabled user's token", err, "TOKEN_INVALID")
	_, err = w.IssueToken(w.ctx, w.admin, &applications.Token{User: u.ID}, once)
	want(t, "a token for a disabled user", err, "TOKEN_INVALID_REQUEST")
	_, err = w.CreateUser(w.ctx, w.admin, &applications.User{Name: " ", Grants: []access.Grant{{Role: "X"}}}, once)
	if got := violations(err); !slices.Equal(got, []string{"display_name", "grants[0].role"}) {
		t.Errorf("%s", explained(err))
	}
	if all, err := w.Users(w.ctx, w.admin); err != nil || len(all) != 1 || !all[0].Disabled {
		t.Errorf("%v %v", all, err)
	}
	for _, e := range w.events(0) {
		if strings.Contains(fmt.Sprint(e), "Invented") {
			t.Errorf("a name is in the log: %+v", e)
		}
	}
}

func TestSignInLinks(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	id := made.Application.ID
	secret, err := w.IssueToken(w.ctx, w.admin, &applications.Token{Grants: []access.Grant{{Role: access.Facilitator}}}, once)
	if err != nil {
		t.Fatal(err)
	}
	staff, err := w.Authenticate(w.ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	link := func(who access.Principal, program, application string, d time.Duration) string {
		t.Helper()
		code, err := w.SignInLink(w.ctx, who, program, application, "asked by telephone", d)
		if err != nil {
			t.Fatal(explained(err))
		}
		return code
	}
	if who, err := w.UseSignInLink(w.ctx, link(staff, "", "", 0)); err != nil || who.Subject != staff.Subject || !who.Can(access.IdentityRead, "leaders") {
		t.Errorf("staff: %+v %v", who, err)
	}
	for _, by := range []access.Principal{staff, w.as(made)} {
		code := link(by, "leaders", id, 0)
		who, err := w.UseSignInLink(w.ctx, code)
		if err != nil || !who.Owns("leaders", id) || len(who.Grants) != 0 {
			t.Errorf("applicant: %+v %v", who, err)
		}
		_, err = w.UseSignInLink(w.ctx, code)
		want(t, "a second use", err, "LINK_NOT_FOUND")
	}
	code := link(staff, "leaders", id, 0)
	w.clock.advance(15 * time.Minute)
	_, err = w.UseSignInLink(w.ctx, code)
	want(t, "after 15 minutes", err, "LINK_NOT_FOUND")
	_, err = w.UseSignInLink(w.ctx, "never was")
	want(t, "one that never was", err, "LINK_NOT_FOUND")

	other := w.apply(nil)
	_, err = w.SignInLink(w.ctx, w.as(other), "leaders", id, "", 0)
	want(t, "for another applicant", err, "APPLICATION_NOT_FOUND")
	for _, who := range []access.Principal{w.approver, w.manager, w.service} { // a link shows every answer
		_, err = w.SignInLink(w.ctx, who, "leaders", id, "asked by telephone", 0)
		want(t, "by "+who.Subject, err, "PERMISSION_MISSING")
	}
	_, err = w.SignInLink(w.ctx, staff, "leaders", id, "", 0)
	want(t, "without a reason", err, "REASON_MISSING")
	size := w.logSize()
	link(staff, "leaders", id, 0)
	if log := w.events(size); len(log) != 1 || log[0].Action != "link.issue" || log[0].Reason != "asked by telephone" || log[0].Resource != "programs/leaders/applications/"+id {
		t.Errorf("recorded as %+v", log)
	}
	_, err = w.SignInLink(w.ctx, w.as(other), "", "", "", 0)
	want(t, "an applicant as staff", err, "PERMISSION_MISSING")
	_, err = w.SignInLink(w.ctx, access.Principal{}, "", "", "", 0)
	want(t, "the public", err, "PERMISSION_MISSING")
	_, err = w.SignInLink(w.ctx, staff, "leaders", w.NewID(), "lost", 0)
	want(t, "for nobody", err, "APPLICATION_NOT_FOUND")
	for _, d := range []time.Duration{time.Second, 25 * time.Hour, -1} {
		_, err = w.SignInLink(w.ctx, staff, "", "", "", d)
		want(t, fmt.Sprint(d), err, "LINK_INVALID")
	}
	// A link of a token that was revoked meanwhile opens nothing.
	code = link(staff, "", "", time.Hour)
	if err := w.RevokeToken(w.ctx, w.admin, staff.Token, once); err != nil {
		t.Fatal(err)
	}
	_, err = w.UseSignInLink(w.ctx, code)
	want(t, "of a revoked token", err, "LINK_NOT_FOUND")
}

// Who took somebody's token may have made a link with it: the renewal that
// shuts out the token shuts out the link.
func TestRenewalEndsLinks(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	id := made.Application.ID
	code, err := w.SignInLink(w.ctx, w.as(made), "leaders", id, "", 24*time.Hour)
	if err != nil {
		t.Fatal(explained(err))
	}
	renewed, err := w.NewReturnCode(w.ctx, w.facilitator, "leaders", id, "lost the telephone", once)
	if err != nil {
		t.Fatal(explained(err))
	}
	if who, err := w.UseSignInLink(w.ctx, code); applications.ReasonOf(err) != "LINK_NOT_FOUND" {
		t.Errorf("a link from before the renewal opens: %+v %v", who, err)
	}
	if code, err = w.SignInLink(w.ctx, w.as(renewed), "leaders", id, "", 0); err != nil {
		t.Fatal(explained(err))
	}
	if who, err := w.UseSignInLink(w.ctx, code); err != nil || !who.Owns("leaders", id) {
		t.Errorf("a link from after it: %+v %v", who, err)
	}
}

// Of many who use a link at once, one is let in.
func TestLinkHasOneWinner(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	code, err := w.SignInLink(w.ctx, w.as(made), "leaders", made.Application.ID, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 8 {
		wait.Go(func() {
			if _, err := w.UseSignInLink(w.ctx, code); err == nil {
				mu.Lock()
				in++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if in != 1 {
		t.Errorf("%d were let in", in)
	}
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.open()
	for range 5 {
		w.apply(nil)
	}
	all, next, err := w.Events(w.ctx, w.auditor, 0, 0)
	if err != nil || len(all) != 8 || next != -1 {
		t.Fatalf("%d events, next %d: %v", len(all), next, err)
	}
	part, next, err := w.Events(w.ctx, w.auditor, 3, 2)
	if err != nil || len(part) != 2 || part[0] != all[3] || part[1] != all[4] || next != 5 {
		t.Errorf("%v %d %v", part, next, err)
	}
	_, _, err = w.Events(w.ctx, w.auditor, -1, 0)
	want(t, "before the beginning", err, "LIST_INVALID")
}

// Whoever audits one program reads what happened there, and nothing else.
func TestEventsOfOneProgram(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.apply(nil)
	for _, role := range []access.Role{access.Auditor, access.PrivacyOfficer} {
		here := access.Principal{Subject: "users/here", Grants: []access.Grant{{Role: role, Program: "leaders"}}}
		all, _, err := w.Events(w.ctx, w.auditor, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) < 3 {
			t.Fatalf("only %d events", len(all))
		}
		mine, next, err := w.Events(w.ctx, here, 0, len(all))
		if err != nil || next != int64(len(all)) {
			t.Fatalf("next %d: %v", next, err)
		}
		i := 0
		for _, e := range all {
			if e.Resource != "programs/leaders" && !strings.HasPrefix(e.Resource, "programs/leaders/") {
				continue
			}
			if i >= len(mine) || mine[i] != e {
				t.Fatalf("%s does not read %+v", role, e)
			}
			i++
		}
		if i == 0 || i != len(mine) {
			t.Errorf("%s reads %d of %d events of the program", role, len(mine), i)
		}
		elsewhere := access.Principal{Subject: "users/there", Grants: []access.Grant{{Role: role, Program: "leader"}}}
		if theirs, _, err := w.Events(w.ctx, elsewhere, 0, 0); err != nil || len(theirs) > 0 {
			t.Errorf("%s of another program reads %v %v", role, theirs, err)
		}
	}
}
