// Package leased works on long jobs that wait in a database: selections,
// matchings, rounds of introductions. Several runners, in one process or many,
// share the jobs: one belongs to whoever holds its lease. When an owner dies its
// lease ends, and the next runner goes on from the last durable step.
package leased

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/openfairlead/fairlead/internal/problem"
)

// Ends of a job that are not the engine's. Work returns them, wrapped or not.
var (
	ErrCanceled = errors.New("somebody asked to stop")
	ErrLost     = errors.New("another runner took over")
	ErrAgain    = errors.New("the input changed on the way") // given back, and taken up again at once

	errHook = errors.New("left at a hook")
)

// Fault is an error of the engine itself, not of what it was given.
type Fault struct{ Err error }

func (f *Fault) Error() string { return "engine: " + f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// StepClaimed is the first durable step of every job: a runner took it.
const StepClaimed = "claimed"

// maxAttempts is how often a job is taken up before it counts as one that kills
// its worker.
const maxAttempts = 100

// Jobs is what a runner must know of one kind of job.
type Jobs[J any] struct {
	Kind   string // for the log: "selection run"
	Engine string // for people: "selector"
	Log    *slog.Logger

	Name        func(job *J) string // for the log
	Attempt     func(job *J) int    // how often it was claimed, from 1
	CancelAsked func(job *J) bool

	// Claim takes a job that waits, or whose lease has ended, and stores
	// StepClaimed. It returns nil if there is none.
	Claim func(ctx context.Context, owner string, lease time.Duration) (*J, error)
	// Renew lets the lease end after the given time from now, and reports whether
	// somebody asked to cancel: LEASE_LOST if the owner has it no more.
	Renew func(ctx context.Context, job *J, owner string, lease time.Duration) (cancel bool, err error)
	// Work brings a job to its end from the last durable step, and stores that.
	// Its context ends when the lease is lost or somebody asks to cancel.
	Work func(ctx context.Context, job *J) error
	// Cancel and Fail end a job that has no result.
	Cancel func(ctx context.Context, job *J) error
	Fail   func(ctx context.Context, job *J, reason, message string) error
}

// Runner works on waiting jobs, one at a time.
type Runner[J any] struct {
	Owner string        // unique among all runners of the database
	Lease time.Duration // 0: 30 s. Renewed three times in each
	Poll  time.Duration // how often to look for work unasked; 0: 5 s
	// Hook, if not nil, is called before and after each durable step is written
	// ("before frozen", "after frozen"). An error from it ends the work on the
	// spot, as if the process died. For tests.
	Hook func(point string) error

	jobs Jobs[J]
	wake chan struct{}
}

// New makes a runner. Owner is unique among all runners of the database.
func New[J any](owner string, jobs Jobs[J]) *Runner[J] {
	if jobs.Log == nil {
		jobs.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner[J]{Owner: owner, jobs: jobs, wake: make(chan struct{}, 1)}
}

// Wake tells the runner to look for work now. It never blocks.
func (r *Runner[J]) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until the context ends. A job in progress is then given back, so
// that another runner can take it up at once.
func (r *Runner[J]) Run(ctx context.Context) {
	poll := r.Poll
	if poll == 0 {
		poll = 5 * time.Second
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	waiting := false // for the database, and the log knows
	for ctx.Err() == nil {
		worked, err := r.RunOne(ctx)
		away := err != nil && problem.CodeOf(err) == problem.Unavailable
		switch {
		case err == nil, ctx.Err() != nil:
		case !away:
			r.jobs.Log.Error("a "+r.jobs.Kind+" was left", "error", err)
		case !waiting:
			r.jobs.Log.Warn("runs wait for the database", "of", r.jobs.Kind, "error", err)
		}
		waiting = away
		if worked && err == nil {
			continue // look for more at once
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

// RunOne claims one job, if there is any, and works on it to its end. It reports
// whether there was one. An error means that the job was left as it is, for the
// next runner.
func (r *Runner[J]) RunOne(ctx context.Context) (bool, error) {
	if err := r.At("before " + StepClaimed); err != nil {
		return false, err
	}
	job, err := r.jobs.Claim(ctx, r.Owner, r.lease())
	if err != nil || job == nil {
		return false, err
	}
	if err := r.At("after " + StepClaimed); err != nil {
		return true, err
	}
	if r.jobs.Attempt(job) > maxAttempts {
		return true, r.end(r.jobs.Fail(ctx, job, "RUN_GAVE_UP", "the run was taken up many times and never finished"))
	}
	return true, r.work(ctx, job)
}

// At calls the hook, if there is one, at a point of the work.
func (r *Runner[J]) At(point string) error {
	if r.Hook == nil {
		return nil
	}
	if err := r.Hook(point); err != nil {
		return fmt.Errorf("%w: %s: %w", errHook, point, err)
	}
	return nil
}

// Stopped reports whether an error of the work says that it was stopped, at a
// hook, by somebody or because the lease was lost: no finding about the job.
func Stopped(err error) bool {
	return errors.Is(err, errHook) || errors.Is(err, ErrLost) || errors.Is(err, ErrCanceled) || errors.Is(err, ErrAgain)
}

func (r *Runner[J]) lease() time.Duration {
	if r.Lease == 0 {
		return 30 * time.Second
	}
	return r.Lease
}

// work brings a claimed job to its end while the lease is renewed.
func (r *Runner[J]) work(ctx context.Context, job *J) error {
	working, stop := context.WithCancelCause(ctx)
	beat, endBeat := context.WithCancel(ctx)
	beating := make(chan struct{})
	held := *job // job changes while the heart beats
	go func() {
		defer close(beating)
		r.heartbeat(beat, &held, stop)
	}()
	defer func() {
		endBeat()
		<-beating
		stop(nil)
	}()
	if r.jobs.CancelAsked(job) {
		stop(ErrCanceled)
	}
	err := r.guarded(working, job)
	cause := context.Cause(working)
	is := func(end error) bool { return errors.Is(err, end) || errors.Is(cause, end) }
	var ours *problem.Error
	var fault *Fault
	switch {
	case err == nil, is(ErrLost):
		return nil
	case errors.Is(err, errHook):
		return err
	case errors.Is(err, ErrAgain):
		r.giveBack(job)
		return nil
	case is(ErrCanceled):
		return r.end(r.jobs.Cancel(ctx, job))
	case ctx.Err() != nil:
		r.giveBack(job)
		return ctx.Err()
	case errors.As(err, &fault):
		r.jobs.Log.Error("the engine failed", "run", r.jobs.Name(job), "error", fault.Err)
		return r.end(r.jobs.Fail(ctx, job, "ENGINE_FAILED", "the "+r.jobs.Engine+" failed; the server's log says why"))
	case errors.As(err, &ours) && ours.Code != problem.Unavailable && ours.Code != problem.Aborted && ours.Code != problem.Internal:
		return r.end(r.jobs.Fail(ctx, job, ours.Reason, ours.Message))
	}
	return err // the store's: the job is taken up again when the lease ends
}

// end forgives that a job could not be ended because it is not ours any more.
func (*Runner[J]) end(err error) error {
	if errors.Is(err, ErrLost) {
		return nil
	}
	return err
}

// guarded has a panic fail this job, not the server with all others.
func (r *Runner[J]) guarded(ctx context.Context, job *J) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Fault{fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	return r.jobs.Work(ctx, job)
}

// heartbeat renews the lease until its context ends, and stops the work when
// somebody asked for it or another owner took over.
func (r *Runner[J]) heartbeat(ctx context.Context, job *J, stop context.CancelCauseFunc) {
	ticker := time.NewTicker(r.lease() / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		cancel, err := r.jobs.Renew(ctx, job, r.Owner, r.lease())
		switch {
		case problem.ReasonOf(err) == "LEASE_LOST", problem.CodeOf(err) == problem.NotFound:
			stop(ErrLost)
			return
		case err != nil && ctx.Err() == nil:
			r.jobs.Log.Warn("a lease could not be renewed", "run", r.jobs.Name(job), "error", err)
		case cancel:
			stop(ErrCanceled)
			return
		}
	}
}

// giveBack ends our lease, so that another runner need not wait for it. The
// context of the work may have ended, so it has a short one of its own.
func (r *Runner[J]) giveBack(job *J) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err := r.jobs.Renew(ctx, job, r.Owner, -time.Microsecond)
	if err != nil && problem.ReasonOf(err) != "LEASE_LOST" {
		r.jobs.Log.Warn("a lease could not be given back", "run", r.jobs.Name(job), "error", err)
	}
}

// Seldom wraps a report of progress so that it is made at most every two
// seconds: each one is a write, and costs the others.
func Seldom[P any](report func(P)) func(P) {
	const every = 2 * time.Second
	last := time.Now() // only how often to write depends on it
	return func(p P) {
		if time.Since(last) >= every {
			last = time.Now()
			report(p)
		}
	}
}
