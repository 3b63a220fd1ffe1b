package introductions_test

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
	"github.com/openfairlead/fairlead/introductions"
)

// world is a service on a real store, with a clock, ids and secrets that a test
// holds in its hand.
type world struct {
	testing.TB
	*introductions.Service
	ctx    context.Context
	store  *sqlstore.Store
	log    *bytes.Buffer
	runner *introductions.Runner

	mu  sync.Mutex
	now time.Time
	ids int

	staff, privacy access.Principal
}

const program, network = "coast", "alumni"

var noon = time.Date(2027, 3, 1, 20, 0, 0, 0, time.UTC)

type macs struct{}

func (macs) MAC(label string, message []byte) []byte {
	h := hmac.New(sha256.New, []byte("tests "+label))
	h.Write(message)
	return h.Sum(nil)
}

// none is a call without a request id.
var none = introductions.Idempotency{}

// newWorld is a program with a network.
func newWorld(t testing.TB, n introductions.Network) *world {
	t.Helper()
	store := storetest.Open(t).(*sqlstore.Store)
	w := &world{TB: t, ctx: context.Background(), store: store, log: &bytes.Buffer{}, now: noon}
	w.Service = &introductions.Service{
		Store: store.Networks(), Secrets: macs{}, Random: rand.Reader, Engine: "test-engine",
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ids++
			return fmt.Sprintf("01980000-0000-7000-8000-%012x", w.ids)
		},
	}
	w.runner = introductions.NewRunner(w.Service, "runner")
	w.staff = access.Principal{Subject: "users/staff", Grants: []access.Grant{{Role: access.Coordinator}}}
	w.privacy = access.Principal{Subject: "users/privacy", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}
	w.must(store.Update(w.ctx, func(tx applications.Tx) error {
		return tx.InsertProgram(w.ctx, &applications.Program{ID: program, State: applications.ProgramDraft, CreateTime: noon})
	}))
	n.Program, n.ID = program, network
	_, err := w.CreateNetwork(w.ctx, w.staff, &n, none)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err == nil {
		return
	}
	var e *introductions.Error
	if errors.As(err, &e) {
		w.Fatalf("%v %v", err, e.Violations)
	}
	w.Fatal(err)
}

func (w *world) refused(err error, reason string) {
	w.Helper()
	if problem.ReasonOf(err) != reason {
		w.Fatalf("%v, want %s", err, reason)
	}
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// join adds n people with a profile each, and returns their ids.
func (w *world) join(n int, profile func(i int) map[string]string) []string {
	w.Helper()
	var list []*introductions.Member
	for i := range n {
		list = append(list, &introductions.Member{
			Reference: fmt.Sprint("M", i), Agreed: true, Profile: profile(i),
			Contact: introductions.Contact{Name: fmt.Sprint("Invented Person ", i), Email: fmt.Sprintf("p%d@example.org", i)},
		})
	}
	made, err := w.ImportMembers(w.ctx, w.staff, program, network, list, "asked on a form", none)
	w.must(err)
	if made != n {
		w.Fatalf("%d of %d", made, n)
	}
	var ids []string
	w.must(w.Store.View(w.ctx, func(tx introductions.Tx) error {
		members, err := tx.Members(w.ctx, introductions.MemberQuery{Program: program, Network: network})
		for _, m := range members[len(members)-n:] {
			ids = append(ids, m.ID)
		}
		return err
	}))
	return ids
}

func plain(int) map[string]string { return nil }

func as(id string) access.Principal {
	return access.Principal{Subject: "members/" + id, Program: program, Network: network, Member: id}
}

// solve queues a round, works on it, and returns it with its result.
func (w *world) solve(seed string) (*introductions.Round, *introductions.Result) {
	w.Helper()
	r, err := w.CreateRound(w.ctx, w.staff, &introductions.Round{Program: program, Network: network, Seed: seed}, none)
	w.must(err)
	for {
		worked, err := w.runner.RunOne(w.ctx)
		w.must(err)
		if !worked {
			break
		}
	}
	r, err = w.Round(w.ctx, w.staff, program, network, r.ID)
	w.must(err)
	if r.State != introductions.Solved {
		w.Fatalf("the round is %s: %s %s", r.State, r.ErrorReason, r.Error)
	}
	result, err := w.RoundResult(w.ctx, w.staff, program, network, r.ID)
	w.must(err)
	return r, result
}

// publish publishes a round and returns its introductions.
func (w *world) publish(id string) []*introductions.Introduction {
	w.Helper()
	_, err := w.PublishRound(w.ctx, w.staff, program, network, id, "looked at", 0, none)
	w.must(err)
	var list []*introductions.Introduction
	w.must(w.Store.View(w.ctx, func(tx introductions.Tx) (err error) {
		list, err = tx.Introductions(w.ctx, introductions.IntroductionQuery{Program: program, Network: network, States: []introductions.State{introductions.Proposed}})
		return err
	}))
	return list
}

// whole reads a round as it is stored.
func (w *world) whole(id string) (r *introductions.Round) {
	w.Helper()
	w.must(w.Store.View(w.ctx, func(tx introductions.Tx) (err error) {
		r, err = tx.Round(w.ctx, program, network, id)
		return err
	}))
	return r
}
