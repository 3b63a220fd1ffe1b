package introductions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// Runner works on queued rounds, one at a time, as the runners of packages
// applications and mentoring do: a round belongs to whoever holds its lease, and
// when an owner dies, the next runner goes on from the last durable step.
type Runner struct {
	Service *Service
	Owner   string        // unique among all runners of the database
	Lease   time.Duration // 0: 30 s. Renewed three times in each
	Poll    time.Duration // how often to look for work unasked; 0: 5 s
	// Hook, if not nil, is called before and after each durable step is written
	// ("before frozen", "after frozen"). An error from it ends the work on the
	// spot, as if the process died. For tests.
	Hook func(point string) error

	wake chan struct{}
}

// NewRunner makes a runner for the service.
func NewRunner(s *Service, owner string) *Runner {
	return &Runner{Service: s, Owner: owner, wake: make(chan struct{}, 1)}
}

// Wake tells the runner to look for work now. It never blocks.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until the context ends. A round in progress is then given back.
func (r *Runner) Run(ctx context.Context) {
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
			r.Service.log().Error("a round of introductions was left", "error", err)
		case !waiting:
			r.Service.log().Warn("rounds of introductions wait for the database", "error", err)
		}
		waiting = away
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-ticker.C:
		}
	}
}

func (r *Runner) lease() time.Duration {
	if r.Lease == 0 {
		return 30 * time.Second
	}
	return r.Lease
}

// Ends of a round that are not the engine's.
var (
	errCanceled  = errors.New("somebody asked to stop")
	errLeaseLost = errors.New("another runner took over")
	errHook      = errors.New("left at a hook")
)

// maxAttempts is how often a round is taken up before it counts as one that
// kills its worker.
const maxAttempts = 100

// RunOne claims one round, if there is any, and works on it to its end. It
// reports whether there was one. An error means that the round was left as it
// is, for the next runner.
func (r *Runner) RunOne(ctx context.Context) (bool, error) {
	if err := r.hook("before " + StepClaimed); err != nil {
		return false, err
	}
	s := r.Service
	var round *Round
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		round, err = tx.ClaimRound(ctx, r.Owner, now, now.Add(r.lease()))
		if err != nil || round == nil {
			return err
		}
		round.step(StepClaimed, now)
		if round.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(system, "round.start", round.name(), "", transition(Queued, Solving))); err != nil {
				return err
			}
		}
		return tx.UpdateRound(ctx, round)
	})
	if err != nil || round == nil {
		return false, err
	}
	if err := r.hook("after " + StepClaimed); err != nil {
		return true, err
	}
	if round.Attempt > maxAttempts {
		return true, r.fail(ctx, round, "RUN_GAVE_UP", "the round was taken up many times and never finished")
	}
	return true, r.work(ctx, round)
}

// step notes a durable step, once.
func (r *Round) step(name string, at time.Time) {
	if !slices.ContainsFunc(r.Steps, func(st Step) bool { return st.Name == name }) {
		r.Steps = append(r.Steps, Step{Name: name, Time: at})
	}
	r.CurrentStep, r.UpdateTime = name, at
}

func (r *Runner) hook(point string) error {
	if r.Hook == nil {
		return nil
	}
	if err := r.Hook(point); err != nil {
		return fmt.Errorf("%w: %s: %w", errHook, point, err)
	}
	return nil
}

// work runs a claimed round to its end while the lease is renewed.
func (r *Runner) work(ctx context.Context, round *Round) error {
	solving, stop := context.WithCancelCause(ctx)
	beat, endBeat := context.WithCancel(ctx)
	beating := make(chan struct{})
	held := *round // round changes while the heart beats
	go func() {
		defer close(beating)
		r.heartbeat(beat, &held, stop)
	}()
	defer func() {
		endBeat()
		<-beating
		stop(nil)
	}()
	if round.CancelAsked {
		stop(errCanceled)
	}
	err := r.solve(solving, round)
	switch cause := context.Cause(solving); {
	case err == nil:
		return nil
	case errors.Is(err, errLeaseLost), errors.Is(cause, errLeaseLost):
		return nil // not ours any more
	case errors.Is(err, errHook):
		return err
	case problem.ReasonOf(err) == "INPUT_ERASED":
		r.giveBack(round) // and it is taken up again at once
		return nil
	case errors.Is(err, errCanceled), errors.Is(cause, errCanceled):
		return r.finish(ctx, round, Canceled, "round.cancel", func(*Round) {})
	case ctx.Err() != nil:
		r.giveBack(round)
		return ctx.Err()
	}
	var ours *Error
	var fault *engineFault
	switch {
	case errors.As(err, &ours) && ours.Code != problem.Unavailable && ours.Code != problem.Aborted && ours.Code != problem.Internal:
		return r.fail(ctx, round, ours.Reason, ours.Message)
	case errors.As(err, &fault):
		r.Service.log().Error("the engine failed", "round", round.name(), "error", fault.err)
		return r.fail(ctx, round, "ENGINE_FAILED", "the matcher failed; the server's log says why")
	}
	return err // the store: the round is taken up again when the lease ends
}

// heartbeat renews the lease until its context ends, and stops the solving when
// somebody asked for it or another owner took over.
func (r *Runner) heartbeat(ctx context.Context, round *Round, stop context.CancelCauseFunc) {
	s := r.Service
	ticker := time.NewTicker(r.lease() / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		cancel := false
		err := s.Store.Update(ctx, func(tx Tx) (err error) {
			cancel, err = tx.RenewRound(ctx, round.Program, round.Network, round.ID, r.Owner, s.now().Add(r.lease()))
			return err
		})
		switch {
		case problem.ReasonOf(err) == "LEASE_LOST", problem.CodeOf(err) == problem.NotFound:
			stop(errLeaseLost)
			return
		case err != nil && ctx.Err() == nil:
			s.log().Warn("a lease could not be renewed", "round", round.ID, "error", err)
		case cancel:
			stop(errCanceled)
			return
		}
	}
}

// solve freezes the input, unless that was done, solves, and stores.
func (r *Runner) solve(ctx context.Context, round *Round) error {
	s := r.Service
	if len(round.Frozen) == 0 {
		salt := make([]byte, 32)
		if _, err := io.ReadFull(s.Random, salt); err != nil {
			return fmt.Errorf("read random bytes: %w", err)
		}
		err := r.durable(ctx, round, StepFrozen, func(tx Tx, n *Network, now *Round) error {
			f, err := freeze(ctx, tx, n, now.Seed, s.now())
			if err != nil {
				return err
			}
			f.Salt = salt
			if now.Frozen, err = f.bytes(); err != nil {
				return err
			}
			now.InputDigest, now.Members, now.Engine = digestOf(now.Frozen), len(f.People), s.Engine
			for _, a := range f.Absent {
				now.Absent += a.Members
			}
			// In the log, so that nobody can change afterwards what was frozen.
			return tx.AppendEvents(ctx, s.event(system, "round.freeze", now.name(), "", "digest="+now.InputDigest))
		})
		if err != nil {
			return err
		}
	}
	if round.ErasedCount == 0 && digestOf(round.Frozen) != round.InputDigest {
		return problem.Errorf(problem.DataLoss, "INPUT_CHANGED", "the frozen input is not what was frozen: its digest differs")
	}
	f, err := readFrozen(round.Frozen)
	if err != nil {
		return &engineFault{err}
	}
	in, err := f.read()
	if err != nil {
		return err
	}
	last := time.Now()
	result, err := in.solve(ctx, round.Work, func(p peers.Progress) {
		const often = 2 * time.Second
		if time.Since(last) >= often {
			last = time.Now()
			r.note(ctx, round, p)
		}
	})
	if err != nil {
		return err
	}
	return r.durable(ctx, round, StepStored, func(tx Tx, _ *Network, now *Round) error {
		if now.ErasedCount != round.ErasedCount {
			// What was found holds who was erased meanwhile: the next claim solves what
			// is left.
			return problem.Errorf(problem.Aborted, "INPUT_ERASED", "somebody of this round was erased while it was solved")
		}
		if err := now.keep(result); err != nil {
			return err
		}
		from := now.State
		if now.State, err = from.after(solveRound); err != nil {
			return err
		}
		now.DoneTime = now.UpdateTime
		detail := fmt.Sprintf("%s groups=%d left=%d absent=%d", transition(from, now.State), now.Groups, now.Left, now.Absent)
		return tx.AppendEvents(ctx, s.event(system, "round.end", now.name(), "", detail))
	})
}

// note keeps progress for who looks; that it is lost does no harm.
func (r *Runner) note(ctx context.Context, round *Round, p peers.Progress) {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Round(ctx, round.Program, round.Network, round.ID)
		if err != nil || stored.State != Solving || stored.Owner != r.Owner {
			return err
		}
		stored.CurrentStep, stored.Progress = p.Step, max(stored.Progress, p.Work)
		return tx.UpdateRound(ctx, stored)
	})
	if err != nil && ctx.Err() == nil {
		s.log().Warn("progress was not kept", "round", round.name(), "error", err)
	}
}

// durable writes a change of the round if the round is still ours.
func (r *Runner) durable(ctx context.Context, round *Round, step string, change func(tx Tx, n *Network, now *Round) error) error {
	if err := r.hook("before " + step); err != nil {
		return err
	}
	s := r.Service
	var kept *Round
	err := s.Store.Update(ctx, func(tx Tx) error {
		// The network first, as in every change: then nobody joins, declines or
		// pauses while its people are frozen.
		n, err := tx.Network(ctx, round.Program, round.Network)
		if err != nil {
			return err
		}
		stored, err := tx.Round(ctx, round.Program, round.Network, round.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner || stored.Attempt != round.Attempt {
			return errLeaseLost
		}
		if stored.CancelAsked {
			return errCanceled
		}
		stored.step(step, s.now())
		if err := change(tx, n, stored); err != nil {
			return err
		}
		if err := tx.UpdateRound(ctx, stored); err != nil {
			return err
		}
		kept = stored
		return nil
	})
	if err != nil {
		return err
	}
	*round = *kept
	return r.hook("after " + step)
}

// fail ends a round that cannot come to a result.
func (r *Runner) fail(ctx context.Context, round *Round, reason, message string) error {
	return r.finish(ctx, round, Failed, "round.fail", func(now *Round) { now.ErrorReason, now.Error = reason, message })
}

func (r *Runner) finish(ctx context.Context, round *Round, state RoundState, action string, change func(*Round)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Round(ctx, round.Program, round.Network, round.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner {
			return errLeaseLost
		}
		change(stored)
		from, now := stored.State, s.now()
		stored.State, stored.UpdateTime, stored.DoneTime = state, now, now
		if err := tx.UpdateRound(ctx, stored); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(system, action, stored.name(), "", transition(from, state)))
	})
	if errors.Is(err, errLeaseLost) {
		return nil
	}
	return err
}

// giveBack ends our lease, so that another runner need not wait for it. The
// context of the work has ended, so it has a short one of its own.
func (r *Runner) giveBack(round *Round) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		_, err := tx.RenewRound(ctx, round.Program, round.Network, round.ID, r.Owner, s.now().Add(-time.Microsecond))
		return err
	})
	if err != nil && problem.ReasonOf(err) != "LEASE_LOST" {
		s.log().Warn("a lease could not be given back", slog.String("round", round.name()), slog.Any("error", err))
	}
}
