package applications_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
)

// model is what a second, much simpler account of the rules says about one
// program and its applications, to be compared with the service after every
// call.
type model struct {
	program applications.ProgramState
	closes  time.Time
	closed  time.Time // when it closed
	apps    map[string]*modelApplication
	order   []string
}

type modelApplication struct {
	state     applications.ApplicationState
	token     string
	code      string // the return code
	eligible  bool
	whole     bool // has a name, the role and the consent
	extended  time.Time
	submitted bool // by anybody, ever
	erased    bool
}

// life is a sequence of calls drawn by chance.
type life struct {
	*world
	m *model
	t *rapid.T
}

const grace = 10 * time.Minute

func (l *life) taking(a *modelApplication) bool {
	now := l.clock.now()
	if l.m.program == applications.ProgramOpen && now.Before(l.m.closes.Add(grace)) {
		return true
	}
	return a != nil && now.Before(a.extended) && (l.m.program == applications.ProgramOpen || l.m.program == applications.ProgramClosed)
}

// check compares an error with what the model expects: "" is none.
func (l *life) check(what string, err error, reason string) bool {
	l.t.Helper()
	if got := applications.ReasonOf(err); err != nil && got == "" || got != reason {
		l.t.Fatalf("%s: %s, the model says %q", what, explained(err), reason)
	}
	return err == nil
}

// pick takes one of the applications; nil when nobody has applied yet.
func (l *life) pick() (string, *modelApplication) {
	if len(l.m.order) == 0 {
		return "", nil
	}
	id := rapid.SampledFrom(l.m.order).Draw(l.t, "application")
	return id, l.m.apps[id]
}

func (l *life) decide() {
	now := l.clock.now()
	for _, a := range l.m.apps {
		if a.state == applications.Submitted && !now.Before(a.extended) {
			a.state = applications.InPool
			if !a.eligible {
				a.state = applications.Ineligible
			}
		}
	}
}

func (l *life) Create(t *rapid.T) {
	l.t = t
	a := complete("Invented")
	m := &modelApplication{state: applications.Draft, eligible: true, whole: true}
	if rapid.Bool().Draw(t, "ineligible") {
		a.Answers["role"] = applications.Answer{Values: []string{"influences"}}
		m.eligible = false
	}
	submit := rapid.Bool().Draw(t, "submit")
	reason := ""
	switch rapid.IntRange(0, 3).Draw(t, "lacks") {
	case 0:
		a.Contact, m.whole = applications.Contact{}, false
	case 1:
		a.Consents, m.whole = nil, false
	}
	switch {
	case !l.taking(nil):
		reason = "CALL_CLOSED"
	case submit && !m.whole:
		reason = "APPLICATION_INVALID"
	}
	made, err := l.CreateApplication(l.ctx, access.Principal{}, a, submit, once)
	if l.check("create", err, reason) {
		if submit {
			m.state, m.submitted = applications.Submitted, true
		}
		m.token, m.code = made.Token, made.ReturnCode
		l.m.apps[made.Application.ID] = m
		l.m.order = append(l.m.order, made.Application.ID)
	}
}

func (l *life) Edit(t *rapid.T) {
	l.t = t
	id, a := l.pick()
	if a == nil {
		return
	}
	reason := ""
	switch {
	case a.state == applications.Withdrawn || a.erased:
		reason = "APPLICATION_STATE"
	case !l.taking(a):
		reason = "CALL_CLOSED"
	case a.state != applications.Draft && a.state != applications.Submitted:
		reason = "APPLICATION_STATE"
	}
	value, eligible := "decides", true
	if rapid.Bool().Draw(t, "ineligible") {
		value, eligible = "influences", false
	}
	who := access.Principal{Subject: "applications/" + id, Program: "leaders", Application: id}
	_, err := l.UpdateApplication(l.ctx, who, &applications.Application{Program: "leaders", ID: id, Answers: applications.Answers{"role": {Values: []string{value}}}}, []string{"answers.role"}, once)
	if l.check("edit", err, reason) {
		a.eligible = eligible
	}
}

func (l *life) Submit(t *rapid.T) {
	l.t = t
	id, a := l.pick()
	if a == nil {
		return
	}
	reason := ""
	switch {
	case a.state == applications.Withdrawn || a.erased:
		reason = "APPLICATION_STATE"
	case !l.taking(a):
		reason = "CALL_CLOSED"
	case a.state == applications.Submitted:
		reason = "ALREADY_SUBMITTED"
	case a.state != applications.Draft:
		reason = "APPLICATION_STATE"
	case !a.whole:
		reason = "APPLICATION_INCOMPLETE"
	}
	_, err := l.SubmitApplication(l.ctx, l.facilitator, "leaders", id, 0, once)
	if l.check("submit", err, reason) {
		a.state, a.submitted = applications.Submitted, true
	}
}

func (l *life) Withdraw(t *rapid.T) {
	l.t = t
	id, a := l.pick()
	if a == nil {
		return
	}
	reason := ""
	if a.state == applications.Withdrawn || a.erased {
		reason = "APPLICATION_STATE"
	}
	_, err := l.WithdrawApplication(l.ctx, l.facilitator, "leaders", id, "", 0, once)
	if l.check("withdraw", err, reason) {
		a.state = applications.Withdrawn
	}
}

func (l *life) ExtendOne(t *rapid.T) {
	l.t = t
	id, a := l.pick()
	if a == nil {
		return
	}
	until := l.m.closes.Add(time.Duration(rapid.IntRange(1, 72).Draw(t, "hours")) * time.Hour)
	reason := ""
	switch {
	case l.m.program != applications.ProgramOpen && l.m.program != applications.ProgramClosed:
		reason = "PROGRAM_STATE"
	case !until.After(l.clock.now()):
		reason = "EXTENSION_INVALID"
	case a.state != applications.Draft && a.state != applications.Submitted:
		reason = "APPLICATION_STATE"
	}
	_, err := l.ExtendApplication(l.ctx, l.facilitator, "leaders", id, until, "ill", 0, once)
	if l.check("extend one", err, reason) {
		a.extended = until
	}
}

func (l *life) NewCode(t *rapid.T) {
	l.t = t
	id, a := l.pick()
	if a == nil {
		return
	}
	reason := ""
	if a.erased {
		reason = "APPLICATION_STATE"
	}
	made, err := l.NewReturnCode(l.ctx, l.facilitator, "leaders", id, "lost", once)
	if l.check("new code", err, reason) {
		if _, err := l.Authenticate(l.ctx, a.token); applications.ReasonOf(err) != "TOKEN_INVALID" {
			t.Fatalf("the old token still opens: %v", err)
		}
		a.token, a.code = made.Token, made.ReturnCode
	}
}

func (l *life) Erase(t *rapid.T) {
	l.t = t
	if rapid.IntRange(0, 2).Draw(t, "rarely") > 0 {
		return
	}
	id, a := l.pick()
	if a == nil {
		return
	}
	_, err := l.EraseApplication(l.ctx, officer, "leaders", id, "asked", once)
	if l.check("erase", err, "") {
		a.state, a.erased = applications.Erased, true
		left := l.stored(id)
		if left.Contact != (applications.Contact{}) || len(left.Answers)+len(left.Consents) > 0 || left.Language != "" || left.OnBehalf != nil || !left.ExtendedUntil.IsZero() {
			t.Fatalf("left of it: %+v", left)
		}
	}
}

func (l *life) Close(t *rapid.T) {
	l.t = t
	if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
		return
	}
	reason := "PROGRAM_STATE"
	if l.m.program == applications.ProgramOpen {
		reason = ""
	}
	_, err := l.CloseProgram(l.ctx, l.admin, "leaders", 0, once)
	if l.check("close", err, reason) {
		now := l.clock.now()
		l.m.program, l.m.closed = applications.ProgramClosed, now
		if now.Before(l.m.closes) {
			l.m.closes = now
		}
		l.decide()
	}
}

func (l *life) Extend(t *rapid.T) {
	l.t = t
	now := l.clock.now()
	later := l.m.closes.Add(time.Duration(rapid.IntRange(-5, 48).Draw(t, "hours")) * time.Hour)
	reason := ""
	switch {
	case l.m.program != applications.ProgramOpen && l.m.program != applications.ProgramClosed:
		reason = "PROGRAM_STATE"
	case l.m.program == applications.ProgramClosed && !now.Before(l.m.closed.Add(24*time.Hour)):
		reason = "EXTENSION_TOO_LATE"
	case !later.After(l.m.closes) || !later.After(now):
		reason = "EXTENSION_INVALID"
	}
	_, err := l.ExtendProgram(l.ctx, l.admin, "leaders", later, "storm", 0, once)
	if l.check("extend", err, reason) {
		if l.m.program == applications.ProgramClosed {
			for _, a := range l.m.apps {
				if a.state == applications.InPool || a.state == applications.Ineligible {
					a.state = applications.Submitted
				}
			}
		}
		l.m.program, l.m.closes = applications.ProgramOpen, later
	}
}

func (l *life) Tick(t *rapid.T) {
	l.t = t
	l.clock.advance(time.Duration(rapid.IntRange(1, 40).Draw(t, "hours")) * time.Hour)
	if _, err := l.CloseDue(l.ctx); err != nil {
		t.Fatal(err)
	}
	now := l.clock.now()
	if l.m.program == applications.ProgramOpen && !now.Before(l.m.closes.Add(grace)) {
		l.m.program, l.m.closed = applications.ProgramClosed, now
	}
	if l.m.program == applications.ProgramClosed {
		l.decide()
	}
}

// Check compares everything after each call.
func (l *life) Check(t *rapid.T) {
	p, err := l.Program(l.ctx, l.admin, "leaders")
	if err != nil || p.State != l.m.program || !p.Window.Closes.Equal(l.m.closes) {
		t.Fatalf("the program is %s until %s, the model says %s until %s (%v)", p.State, p.Window.Closes, l.m.program, l.m.closes, err)
	}
	page, err := l.Applications(l.ctx, l.facilitator, "leaders", applications.ListQuery{PageSize: 1000}, false, "")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for i, a := range page.Items {
		order = append(order, a.ID)
		m := l.m.apps[a.ID]
		if m == nil || a.State != m.state || a.Code != fmt.Sprintf("NS-%04d", i+1) {
			t.Fatalf("%s is %s, the model says %+v", a.Code, a.State, m)
		}
		if m.submitted == a.SubmitTime.IsZero() {
			t.Fatalf("%s: submitted %v, time %s", a.Code, m.submitted, a.SubmitTime)
		}
	}
	if !slices.Equal(order, l.m.order) {
		t.Fatalf("listed %v, made %v", order, l.m.order)
	}
	if len(order) > 0 {
		id := order[len(order)-1]
		if m := l.m.apps[id]; m.erased {
			if _, err := l.Authenticate(l.ctx, m.token); applications.ReasonOf(err) != "TOKEN_INVALID" {
				t.Fatalf("the token of %s, which is erased: %v", id, err)
			}
			if _, err := l.Resume(l.ctx, "leaders", m.code); applications.ReasonOf(err) != "RETURN_CODE_UNKNOWN" {
				t.Fatalf("the code of %s, which is erased: %v", id, err)
			}
			return
		}
		if who, err := l.Authenticate(l.ctx, l.m.apps[id].token); err != nil || !who.Owns("leaders", id) {
			t.Fatalf("the token of %s: %+v %v", id, who, err)
		}
		if back, err := l.Resume(l.ctx, "leaders", l.m.apps[id].code); err != nil || back.Application.ID != id {
			t.Fatalf("the code of %s: %v", id, err)
		}
	}
}

// Whatever order calls come in, the service and the model agree after each.
// FAIRLEAD_SOAK=1 draws many more of them; -rapid.seed repeats one.
func TestLife(t *testing.T) {
	lives := "25"
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		lives = "1000"
	}
	setChecks(t, lives)
	transitions := 0
	rapid.Check(t, func(rt *rapid.T) {
		// A store for each life, closed with it: there may be a thousand.
		folder, err := os.MkdirTemp(t.TempDir(), "life")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		v, err := vault.Generate()
		if err != nil {
			t.Fatal(err)
		}
		store, err := sqlstore.Open(context.Background(), sqlstore.Options{Database: filepath.Join(folder, "fairlead.db"), Vault: v})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		transitions += live(t, rt, store)
	})
	t.Logf("figure: %s lives, %d recorded transitions agree with the model", lives, transitions)
}

// live leads one life, and returns how many transitions were recorded.
func live(t *testing.T, rt *rapid.T, store applications.Store) int {
	w := worldOn(t, store)
	p := w.open()
	l := &life{world: w, m: &model{program: p.State, closes: p.Window.Closes, apps: map[string]*modelApplication{}}, t: rt}
	rt.Repeat(map[string]func(*rapid.T){
		"create": l.Create, "edit": l.Edit, "submit": l.Submit, "withdraw": l.Withdraw, "extend one": l.ExtendOne,
		"new code": l.NewCode, "close": l.Close, "erase": l.Erase, "extend": l.Extend, "tick": l.Tick, "": l.Check,
	})
	return len(w.events(0))
}

// The same on PostgreSQL, and as on a distributed database, where transactions
// run again.
func TestLifePostgres(t *testing.T)    { livesOn(t, storetest.Postgres(t)) }
func TestLifeDistributed(t *testing.T) { livesOn(t, storetest.Distributed(t)) }

func livesOn(t *testing.T, open storetest.Opener) {
	lives := 4
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		lives = 100
	}
	setChecks(t, "1")
	transitions := 0
	for i := range lives {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { transitions += live(t, rt, open(t)) })
		})
	}
	t.Logf("figure: %s: %d lives, %d recorded transitions agree with the model", t.Name(), lives, transitions)
}

// setChecks sets how many examples rapid draws, until the test ends.
func setChecks(t *testing.T, n string) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set(n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
}
