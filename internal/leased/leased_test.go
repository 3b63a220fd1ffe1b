package leased_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
)

type job struct {
	id      string
	attempt int
	cancel  bool
}

// table is a store of one job.
type table struct {
	mu     sync.Mutex
	job    job
	owner  string
	until  time.Time
	done   bool
	lost   bool // the next renewal finds another owner
	renews []time.Duration
	ended  []string
	log    bytes.Buffer
}

func (t *table) runner(owner string, work func(context.Context, *job) error) *leased.Runner[job] {
	r := leased.New(owner, leased.Jobs[job]{
		Kind: "test run", Engine: "tester", Log: slog.New(slog.NewTextHandler(&t.log, nil)),
		Name: func(j *job) string { return j.id }, Attempt: func(j *job) int { return j.attempt }, CancelAsked: func(j *job) bool { return j.cancel },
		Claim: func(_ context.Context, owner string, lease time.Duration) (*job, error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.done || t.owner != "" && time.Now().Before(t.until) {
				return nil, nil
			}
			t.owner, t.until = owner, time.Now().Add(lease)
			t.job.attempt++
			j := t.job
			return &j, nil
		},
		Renew: func(_ context.Context, _ *job, owner string, lease time.Duration) (bool, error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.renews = append(t.renews, lease)
			if t.lost || t.owner != owner {
				return false, problem.Errorf(problem.Aborted, "LEASE_LOST", "lost")
			}
			t.until = time.Now().Add(lease)
			return t.job.cancel, nil
		},
		Work: func(ctx context.Context, j *job) error {
			if err := work(ctx, j); err != nil {
				return err
			}
			return t.end("stored")
		},
		Cancel: func(context.Context, *job) error { return t.end("canceled") },
		Fail:   func(_ context.Context, _ *job, reason, message string) error { return t.end(reason + ": " + message) },
	})
	r.Lease = 30 * time.Millisecond
	return r
}

func (t *table) end(how string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return fmt.Errorf("ended before: %w", leased.ErrLost)
	}
	t.done, t.ended = true, append(t.ended, how)
	return nil
}

// until the context of the work ends, or a while has passed.
func untilStopped(ctx context.Context, _ *job) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("nobody stopped the work")
	}
}

// Every way in which work can end, and what becomes of the job.
func TestRunOneEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(*table)
		work    func(context.Context, *job) error
		ended   string // empty: left as it is
		err     bool
		again   bool // another runner need not wait for it
	}{
		{name: "done", work: func(context.Context, *job) error { return nil }, ended: "stored"},
		{
			name: "bad input", work: func(context.Context, *job) error {
				return problem.Errorf(problem.FailedPrecondition, "NO_PEOPLE", "nobody is there")
			},
			ended: "NO_PEOPLE: nobody is there",
		},
		{
			name: "a fault", work: func(context.Context, *job) error { return &leased.Fault{Err: errors.New("an odd sum")} },
			ended: "ENGINE_FAILED: the tester failed; the server's log says why",
		},
		{name: "a panic", work: func(context.Context, *job) error { panic("out of range") }, ended: "ENGINE_FAILED: the tester failed; the server's log says why"},
		{name: "asked to cancel", prepare: func(t *table) { t.job.cancel = true }, work: untilStopped, ended: "canceled"},
		{name: "lost to another", prepare: func(t *table) { t.lost = true }, work: untilStopped},
		{name: "changed input", work: func(context.Context, *job) error { return fmt.Errorf("on the way: %w", leased.ErrAgain) }, again: true},
		{
			name: "the store is away", work: func(context.Context, *job) error { return problem.Errorf(problem.Unavailable, "AWAY", "away") },
			err: true,
		},
		{
			name: "many attempts", prepare: func(t *table) { t.job.attempt = 100 }, work: func(context.Context, *job) error { return errors.New("not reached") },
			ended: "RUN_GAVE_UP: the run was taken up many times and never finished",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tab := &table{job: job{id: "one"}}
			if c.prepare != nil {
				c.prepare(tab)
			}
			worked, err := tab.runner("me", c.work).RunOne(t.Context())
			if !worked || (err != nil) != c.err {
				t.Fatalf("worked %t, error %v", worked, err)
			}
			if got := strings.Join(tab.ended, ", "); got != c.ended {
				t.Errorf("ended %q, want %q", got, c.ended)
			}
			if free := slices.Contains(tab.renews, -time.Microsecond); free != c.again {
				t.Errorf("given back: %t, want %t", free, c.again)
			}
		})
	}
}

// Nobody's job is ended by who lost it: an end that finds it ended is no error.
func TestEndOfALostJob(t *testing.T) {
	tab := &table{job: job{id: "one"}}
	r := tab.runner("me", func(context.Context, *job) error {
		_ = tab.end("by another")
		return &leased.Fault{Err: errors.New("late")}
	})
	if _, err := r.RunOne(t.Context()); err != nil || !slices.Equal(tab.ended, []string{"by another"}) {
		t.Errorf("error %v, ended %q", err, tab.ended)
	}
}

// A hook that fails leaves the job as a killed process does: with its lease.
func TestHookLeaves(t *testing.T) {
	for _, point := range []string{"before claimed", "after claimed"} {
		tab := &table{job: job{id: "one"}}
		r := tab.runner("me", func(context.Context, *job) error { return nil })
		died := errors.New("died")
		r.Hook = func(at string) error {
			if at == point {
				return died
			}
			return nil
		}
		if _, err := r.RunOne(t.Context()); !errors.Is(err, died) || len(tab.ended) > 0 || len(tab.renews) > 0 {
			t.Errorf("%s: error %v, ended %q, %d renewals", point, err, tab.ended, len(tab.renews))
		}
	}
}

// The lease is renewed while the work takes longer than it, and given back when
// the server stops; the next runner takes the job up at once.
func TestRunRenewsAndGivesBack(t *testing.T) {
	tab := &table{job: job{id: "one"}}
	ctx, stop := context.WithCancel(t.Context())
	began := make(chan struct{})
	r := tab.runner("first", func(ctx context.Context, j *job) error {
		close(began)
		return untilStopped(ctx, j)
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	<-began
	renewed := func() int {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		return len(tab.renews)
	}
	for renewed() < 5 { // more than one lease
		time.Sleep(time.Millisecond)
	}
	next := tab.runner("second", func(context.Context, *job) error { return nil })
	next.Lease = time.Hour
	if tab.owner != "first" {
		t.Fatalf("the job belongs to %q", tab.owner)
	}
	stop()
	<-ended
	if last := tab.renews[len(tab.renews)-1]; last >= 0 {
		t.Errorf("the last renewal is by %v", last)
	}
	if worked, err := next.RunOne(t.Context()); !worked || err != nil || !slices.Equal(tab.ended, []string{"stored"}) {
		t.Errorf("the next: worked %t, error %v, ended %q", worked, err, tab.ended)
	}
}

// A runner that is woken does not wait for its next look.
func TestWake(t *testing.T) {
	tab := &table{job: job{id: "one"}, done: true}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := tab.runner("me", func(context.Context, *job) error {
		stop()
		return nil
	})
	r.Poll = time.Hour
	looked := make(chan struct{}, 10)
	r.Hook = func(at string) error {
		if at == "before claimed" {
			looked <- struct{}{}
		}
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.Run(ctx)
	}()
	<-looked
	tab.mu.Lock()
	tab.done = false
	tab.mu.Unlock()
	r.Wake()
	r.Wake() // never blocks
	<-ended
	if !slices.Equal(tab.ended, []string{"stored"}) {
		t.Errorf("ended %q", tab.ended)
	}
}

// Progress is written seldom: never at once, as the step before was written.
func TestSeldom(t *testing.T) {
	n := 0
	report := leased.Seldom(func(int) { n++ })
	for i := range 1000 {
		report(i)
	}
	if n != 0 {
		t.Errorf("%d reports at once", n)
	}
}
