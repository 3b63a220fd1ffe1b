package applications_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
)

// world is a service on a real store, with a clock, ids and secrets that a
// test holds in its hand, and one person for each role.
type world struct {
	*testing.T
	*applications.Service
	ctx   context.Context
	clock *clock
	log   *bytes.Buffer

	admin, manager, facilitator, approver, auditor, service access.Principal
}

// noon is when the stories of these tests begin, in the last winter days of
// the coast's time.
var noon = time.Date(2027, 3, 1, 20, 0, 0, 0, time.UTC)

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) advance(d time.Duration) { c.set(c.now().Add(d)) }

// ids gives UUIDs of version 7 in the order in which they are asked for.
type ids struct {
	mu sync.Mutex
	n  int
}

func (i *ids) next() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n++
	return fmt.Sprintf("01980000-0000-7000-8000-%012x", i.n)
}

// macs derives from a fixed key: the secrets of the tests are the same every
// time.
type macs struct{}

func (macs) MAC(label string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte("tests "+label))
	h.Write(message)
	return h.Sum(nil)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOn(t, storetest.Open(t))
}

func worldOn(t *testing.T, store applications.Store) *world {
	w := &world{T: t, ctx: context.Background(), clock: &clock{t: noon}, log: &bytes.Buffer{}}
	w.Service = &applications.Service{
		Store: store, Secrets: macs{}, Now: w.clock.now, NewID: (&ids{}).next, Random: rand.Reader,
		Engine: "test-engine", Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Presets: map[string]*applications.Preset{"tiny": tinyPreset()},
	}
	person := func(roles ...access.Role) access.Principal {
		p := access.Principal{Subject: "tokens/" + strings.ToLower(string(roles[0])), Token: w.NewID()}
		for _, r := range roles {
			p.Grants = append(p.Grants, access.Grant{Role: r})
		}
		return p
	}
	w.admin, w.manager = person(access.Administrator), person(access.ProgramAdministrator)
	w.facilitator, w.approver = person(access.Facilitator), person(access.PolicyApprover)
	w.auditor, w.service = person(access.Auditor), person(access.Service)
	return w
}

func ptr(n int) *int { return &n }

// neutral and balanced are the two sets of criteria of the tests' preset.
func neutral() applications.Criteria {
	return applications.Criteria{
		Name: "neutral", Size: 4, MinSize: 3, SeedSource: "dice, thrown in public",
		Rules: []applications.CriteriaRule{
			{Kind: "quota", Attribute: "county", Each: true, Min: ptr(1), Priority: 1},
			{Kind: "spread", Attribute: "sector", Min: ptr(2), Priority: 2},
			{Kind: "cap", Attribute: "organization", Max: ptr(3)},
		},
	}
}

func balanced() applications.Criteria {
	c := neutral()
	c.Name = "balanced"
	c.Rules = append(c.Rules,
		applications.CriteriaRule{Kind: "quota", Attribute: "race", Values: []string{"asian", "black", "hispanic"}, Min: ptr(2), Priority: 1},
		applications.CriteriaRule{Kind: "company", Attribute: "race", Min: ptr(2), Priority: 3},
	)
	return c
}

func tinyPreset() *applications.Preset {
	return &applications.Preset{
		ID: "tiny", Version: "1", Title: applications.Text{"en": "Tiny"},
		Program: applications.Program{
			Title: applications.Text{"en": "Tiny program"}, Contact: applications.Text{"en": "Call 360-555-0100"},
			CodePrefix: "NS", MinSeats: 3, Seats: 4,
			Window: applications.Window{Zone: "America/Los_Angeles", GraceMinutes: 10},
		},
		Form:         *applications.FormForTests(),
		Criteria:     map[string]applications.Criteria{"neutral": neutral(), "balanced": balanced()},
		CriteriaName: []string{"neutral", "balanced"},
	}
}

// draft makes a program that is ready to open and stays open for a week.
func (w *world) draft() *applications.Program {
	w.Helper()
	p, err := w.CreateProgram(w.ctx, w.admin, &applications.Program{
		ID: "leaders", Preset: "tiny",
		Window: applications.Window{Opens: w.clock.now(), Closes: w.clock.now().AddDate(0, 0, 7)},
	}, nil, applications.Idempotency{})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

func (w *world) open() *applications.Program {
	w.Helper()
	w.draft()
	p, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, applications.Idempotency{})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// answers are those of somebody who is eligible.
func answers() applications.Answers {
	return applications.Answers{
		"role": {Values: []string{"decides"}}, "county": {Values: []string{"island"}}, "sector": {Values: []string{"clinic"}},
		"organization": {Text: "Sea Mar"},
	}
}

func complete(name string) *applications.Application {
	return &applications.Application{
		Program: "leaders", Contact: applications.Contact{Name: name, Email: "a@example.org"}, Answers: answers(),
		Consents: []applications.Consent{{Key: "use"}},
	}
}

// apply submits an application as the public, or stops the test.
func (w *world) apply(change func(*applications.Application)) *applications.CreatedApplication {
	w.Helper()
	a := complete("Invented Person")
	if change != nil {
		change(a)
	}
	made, err := w.CreateApplication(w.ctx, access.Principal{}, a, true, applications.Idempotency{})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// as is who an applicant's token says.
func (w *world) as(made *applications.CreatedApplication) access.Principal {
	w.Helper()
	who, err := w.Authenticate(w.ctx, made.Token)
	if err != nil {
		w.Fatal(err)
	}
	return who
}

func (w *world) close() *applications.Program {
	w.Helper()
	p, err := w.CloseProgram(w.ctx, w.admin, "leaders", 0, applications.Idempotency{})
	if err != nil {
		w.Fatal(err)
	}
	return p
}

// stored reads an application past every permission.
func (w *world) stored(id string) *applications.Application {
	w.Helper()
	var a *applications.Application
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		a, err = tx.Application(w.ctx, "leaders", id)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// events lists the audit log as "action resource detail" lines, from an index.
func (w *world) events(from int64) []applications.Event {
	w.Helper()
	var all []applications.Event
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		all, err = tx.Events(w.ctx, from, 100000)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

func (w *world) logSize() int64 {
	w.Helper()
	var n int64
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		n, _, err = tx.AuditHead(w.ctx)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// want checks an error's code and reason; reason "" wants no error.
func want(t testing.TB, what string, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Errorf("%s: %v", what, explained(err))
		}
		return
	}
	if got := applications.ReasonOf(err); got != reason {
		t.Errorf("%s: %v, want %s", what, explained(err), reason)
	}
}

// explained shows the violations of an error too.
func explained(err error) string {
	var e *applications.Error
	if errors.As(err, &e) {
		return fmt.Sprint(e, " ", e.Violations)
	}
	return fmt.Sprint(err)
}

// violations returns the fields that an error names.
func violations(err error) []string {
	var e *applications.Error
	var fields []string
	if errors.As(err, &e) {
		for _, v := range e.Violations {
			fields = append(fields, v.Field)
		}
	}
	return fields
}

func idem(n int, hash string) applications.Idempotency {
	return applications.Idempotency{RequestID: fmt.Sprintf("0d5b9e1c-1111-4222-8333-%012d", n), Hash: []byte(hash)}
}
