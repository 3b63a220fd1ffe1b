package mentoring_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/mentoring"
)

// world is a service on a real store, with a clock, ids and secrets that a test
// holds in its hand.
type world struct {
	*testing.T
	*mentoring.Service
	ctx    context.Context
	store  *sqlstore.Store
	clock  *clock
	log    *bytes.Buffer
	runner *mentoring.Runner

	coordinator, privacy, reader access.Principal
}

const program = "coast"

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

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

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

type macs struct{}

func (macs) MAC(label string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte("tests "+label))
	h.Write(message)
	return h.Sum(nil)
}

// newWorld is a program with a plan that is open and wants no screening.
func newWorld(t *testing.T) *world {
	t.Helper()
	store := storetest.Open(t).(*sqlstore.Store)
	w := &world{T: t, ctx: context.Background(), store: store, clock: &clock{t: noon}, log: &bytes.Buffer{}}
	w.Service = &mentoring.Service{
		Store: store.Mentoring(), Secrets: macs{}, Now: w.clock.now, NewID: (&ids{}).next, Random: rand.Reader,
		Engine: "test-engine", Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.runner = mentoring.NewRunner(w.Service, "runner")
	w.coordinator = person("coordinator", access.Coordinator)
	w.privacy = person("privacy", access.PrivacyOfficer)
	w.reader = access.Principal{Subject: "users/reader", Grants: []access.Grant{{Role: access.Coordinator, Program: "elsewhere"}}}
	w.must(store.Update(w.ctx, func(tx applications.Tx) error {
		return tx.InsertProgram(w.ctx, &applications.Program{ID: program, State: applications.ProgramDraft, CreateTime: noon})
	}))
	_, err := w.SavePlan(w.ctx, w.coordinator, &mentoring.Plan{Program: program, Open: true, Contact: "The coordinator, 360-555-0100"}, none)
	w.must(err)
	return w
}

func person(name string, role access.Role) access.Principal {
	return access.Principal{Subject: "users/" + name, Token: name, Grants: []access.Grant{{Role: role}}}
}

// none is a call without a request id.
var none = mentoring.Idempotency{}

func (w *world) must(err error) {
	w.Helper()
	if err == nil {
		return
	}
	var ours *problem.Error
	if errors.As(err, &ours) {
		w.Fatalf("%v %v", err, ours.Violations)
	}
	w.Fatal(err)
}

func (w *world) refused(err error, reason string) {
	w.Helper()
	if problem.ReasonOf(err) != reason {
		w.Fatalf("got %v, want %s", err, reason)
	}
}

var agreed = []mentoring.Consent{
	{Purpose: mentoring.ForMatching, Given: true},
	{Purpose: mentoring.ForContact, Given: true},
	{Purpose: mentoring.ForAffinity, Given: true},
	{Purpose: mentoring.ForMeasures, Given: true},
}

// enrolled is somebody of a test, with their own door.
type enrolled struct {
	*mentoring.Enrollment
	who access.Principal
}

// enroll makes somebody available, with the cells of a profile.
func (w *world) enroll(role mentoring.Role, places int, cells map[string]string, change func(*mentoring.Enrollment)) enrolled {
	w.Helper()
	e := &mentoring.Enrollment{
		Program: program, Role: role, Language: "en", Consents: agreed, Profile: cells,
		Contact: mentoring.Contact{Name: "Invented Person", Phone: "360-555-0199"},
	}
	if role == mentoring.Mentor {
		e.Seats = places
	} else {
		e.Wanted = places
	}
	if change != nil {
		change(e)
	}
	made, token, err := w.Enroll(w.ctx, access.Principal{}, e, true, "", none)
	w.must(err)
	who, err := w.Authenticate(w.ctx, token)
	w.must(err)
	if made.State != mentoring.Available || !who.Enrolled(program, made.ID) {
		w.Fatalf("%+v, %+v", made, who)
	}
	return enrolled{made, who}
}

func (w *world) mentor(seats int, offers string) enrolled {
	w.Helper()
	return w.enroll(mentoring.Mentor, seats, map[string]string{"offers": offers, "languages": "English"}, nil)
}

func (w *world) mentee(wanted int, wants string) enrolled {
	w.Helper()
	return w.enroll(mentoring.Mentee, wanted, map[string]string{"wants": wants, "languages": "English"}, nil)
}

// match runs the matcher to its end.
func (w *world) match(m *mentoring.Matching) *mentoring.Matching {
	w.Helper()
	m.Program = program
	if m.Seed == "" {
		m.Seed = "a seed"
	}
	made, err := w.CreateMatching(w.ctx, w.coordinator, m, none)
	w.must(err)
	return w.run(made)
}

func (w *world) run(m *mentoring.Matching) *mentoring.Matching {
	w.Helper()
	did, err := w.runner.RunOne(w.ctx)
	w.must(err)
	if !did {
		w.Fatal("there was no run")
	}
	m, err = w.Matching(w.ctx, w.coordinator, program, m.ID)
	w.must(err)
	return m
}

func (w *world) result(m *mentoring.Matching) *mentoring.Result {
	w.Helper()
	r, err := w.MatchingResult(w.ctx, w.coordinator, program, m.ID)
	w.must(err)
	return r
}

func (w *world) publish(m *mentoring.Matching) *mentoring.Matching {
	w.Helper()
	m, err := w.PublishMatching(w.ctx, w.coordinator, program, m.ID, "looked at together", 0, none)
	w.must(err)
	return m
}

// proposals are all that somebody sees.
func (w *world) proposals(who access.Principal) []*mentoring.Proposal {
	w.Helper()
	page, err := w.Proposals(w.ctx, who, program, mentoring.ListQuery{})
	w.must(err)
	return page.Items
}

func (w *world) places(e enrolled) mentoring.Places {
	w.Helper()
	p, err := w.Places(w.ctx, w.coordinator, program, e.ID)
	w.must(err)
	return p
}
