package applications

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Durable steps of a run that are the runner's own. Between StepFrozen and
// StepStored come those of package selection, as it proves them; after each one
// a run can be left and is resumed by whoever claims it next.
const (
	StepClaimed = "claimed" // taken by lease
	StepFrozen  = "frozen"  // the pool, the criteria and the seed are fixed
	StepStored  = "stored"  // the record is kept; the run is done
)

// Steps lists the durable steps of a run in the order in which they come. A
// run has those that its criteria need: no priority without a rule of it.
var Steps = func() []string {
	steps := []string{StepClaimed, StepFrozen, selection.StepFeasible, selection.StepImpossible, selection.StepLeast, selection.StepSize}
	for p := 1; p <= matcher.MaxPriority; p++ {
		steps = append(steps, fmt.Sprint(selection.StepPriority, p))
	}
	steps = append(steps, selection.StepScore)
	for round := 1; round <= 3; round++ {
		steps = append(steps, fmt.Sprint(selection.StepSeed, round))
	}
	return append(steps, selection.StepVerified, StepSealed, StepDrawn, StepStored)
}()

// Runner works on queued runs, one at a time. Several runners, in one process
// or many, share the work: a run belongs to whoever holds its lease. When an
// owner dies its lease ends, and the next runner goes on from the last durable
// step; the record is the same to the byte.
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

// maxAttempts is how often a run is taken up before it counts as one that
// kills its worker.
const maxAttempts = 100

// Wake tells the runner to look for work now. It never blocks.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run works until the context ends. A run in progress is then given back, so
// that another runner can take it up at once.
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
		away := err != nil && CodeOf(err) == Unavailable
		switch {
		case err == nil, ctx.Err() != nil:
		case !away:
			r.log().Error("a selection run was left", "error", err)
		case !waiting:
			r.log().Warn("selection runs wait for the database", "error", err)
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

func (r *Runner) log() *slog.Logger {
	if r.Service.Log != nil {
		return r.Service.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (r *Runner) lease() time.Duration {
	if r.Lease == 0 {
		return 30 * time.Second
	}
	return r.Lease
}

// Ends of a run that are not the engine's.
var (
	errCanceled  = errors.New("somebody asked to stop")
	errLeaseLost = errors.New("another runner took over")
)

// RunOne claims one run, if there is any, and works on it to its end. It
// reports whether there was one. An error means that the run was left as it
// is, for the next runner.
func (r *Runner) RunOne(ctx context.Context) (bool, error) {
	if err := r.hook("before " + StepClaimed); err != nil {
		return false, err
	}
	s := r.Service
	var sel *Selection
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		sel, err = tx.ClaimSelection(ctx, r.Owner, now, now.Add(r.lease()))
		if err != nil || sel == nil {
			return err
		}
		sel.step(StepClaimed, 0, now)
		if sel.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(system, "selection.start", selectionName(sel), "", transition(SelectionQueued, SelectionRunning))); err != nil {
				return err
			}
		}
		return tx.UpdateSelection(ctx, sel)
	})
	if err != nil || sel == nil {
		return false, err
	}
	if err := r.hook("after " + StepClaimed); err != nil {
		return true, err
	}
	if sel.Attempt > maxAttempts {
		return true, r.fail(ctx, sel, "RUN_GAVE_UP", "the run was taken up many times and never finished")
	}
	return true, r.work(ctx, sel)
}

// step notes a durable step, once.
func (sel *Selection) step(name string, value int64, at time.Time) {
	if !slices.ContainsFunc(sel.Steps, func(st RunStep) bool { return st.Name == name }) {
		sel.Steps = append(sel.Steps, RunStep{Name: name, Value: value, Time: at})
	}
	sel.CurrentStep, sel.UpdateTime = name, at
}

func (r *Runner) hook(point string) error {
	if r.Hook == nil {
		return nil
	}
	return r.Hook(point)
}

// work runs a claimed selection to its end while the lease is renewed.
func (r *Runner) work(ctx context.Context, sel *Selection) error {
	solving, stop := context.WithCancelCause(ctx)
	beating := make(chan struct{})
	beat, endBeat := context.WithCancel(ctx)
	go func() {
		defer close(beating)
		r.heartbeat(beat, sel, stop)
	}()
	defer func() {
		endBeat()
		<-beating
		stop(nil)
	}()
	if sel.CancelAsked {
		stop(errCanceled)
	}

	err := r.choose(solving, sel)
	switch cause := context.Cause(solving); {
	case err == nil:
		return nil
	case errors.Is(err, errLeaseLost), errors.Is(cause, errLeaseLost):
		return nil // not ours any more, or stale: nothing to do
	case errors.Is(err, errHook):
		return err
	case errors.Is(err, errCanceled), errors.Is(cause, errCanceled):
		return r.cancel(ctx, sel)
	case ctx.Err() != nil:
		r.giveBack(sel)
		return ctx.Err()
	}
	var ours *Error
	var fault *engineFault
	switch {
	case errors.As(err, &ours) && ours.Code != Unavailable && ours.Code != Aborted && ours.Code != Internal:
		return r.fail(ctx, sel, ours.Reason, ours.Message)
	case errors.As(err, &fault):
		r.log().Error("the engine failed", "selection", selectionName(sel), "error", fault.err)
		return r.fail(ctx, sel, "ENGINE_FAILED", "the selector failed; the server's log says why")
	}
	return err // the store: the run is taken up again when the lease ends
}

// heartbeat renews the lease until its context ends, and stops the solving
// when somebody asked for it or another owner took over.
func (r *Runner) heartbeat(ctx context.Context, sel *Selection, stop context.CancelCauseFunc) {
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
			cancel, err = tx.RenewLease(ctx, sel.Program, sel.ID, r.Owner, s.now().Add(r.lease()))
			return err
		})
		switch {
		case ReasonOf(err) == "LEASE_LOST", CodeOf(err) == NotFound:
			stop(errLeaseLost)
			return
		case err != nil && ctx.Err() == nil:
			r.log().Warn("a lease could not be renewed", "selection", selectionName(sel), "error", err)
		case cancel:
			stop(errCanceled)
			return
		}
	}
}

// durable writes a change of the run if the run is still ours: RUNNING and
// under our lease. Somebody may have asked to cancel meanwhile, which changes
// the revision, so it reads again.
func (r *Runner) durable(ctx context.Context, sel *Selection, step string, value int64, change func(tx Tx, now *Selection) error) error {
	if err := r.hookAt("before " + step); err != nil {
		return err
	}
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Selection(ctx, sel.Program, sel.ID)
		if err != nil {
			return err
		}
		if stored.State != SelectionRunning || stored.Owner != r.Owner || stored.Attempt != sel.Attempt {
			return errLeaseLost
		}
		if stored.CancelAsked && step != StepStored {
			return errCanceled
		}
		stored.step(step, value, s.now())
		if change != nil {
			if err := change(tx, stored); err != nil {
				return err
			}
		}
		if stored.State == SelectionRunning { // else change has stored it
			if err := tx.UpdateSelection(ctx, stored); err != nil {
				return err
			}
		}
		*sel = *stored
		return nil
	})
	if err != nil {
		return err
	}
	return r.hookAt("after " + step)
}

// errHook marks an error that a test's hook gave.
var errHook = errors.New("left at a hook")

func (r *Runner) hookAt(point string) error {
	if err := r.hook(point); err != nil {
		return fmt.Errorf("%w: %s: %w", errHook, point, err)
	}
	return nil
}

// engineFault is an error of the engine itself.
type engineFault struct{ err error }

func (e *engineFault) Error() string { return "engine: " + e.err.Error() }

// choose freezes the input, unless that was done, solves, and stores.
func (r *Runner) choose(ctx context.Context, sel *Selection) error {
	s := r.Service
	if len(sel.Frozen) == 0 {
		var repair *selection.Repair
		if sel.Replaces != "" {
			var err error
			if repair, err = r.repair(ctx, sel); err != nil {
				return err
			}
		}
		err := r.durable(ctx, sel, StepFrozen, 0, func(tx Tx, now *Selection) error {
			now.take(repair)
			f, err := s.freezeNow(ctx, tx, now)
			if err != nil {
				return err
			}
			now.Frozen, err = f.bytes()
			now.InputDigest, now.Commitment, now.PoolSize, now.Engine = f.digest(), f.commitment(), len(f.People), s.Engine
			if err != nil {
				return err
			}
			// In the log, so that nobody can change afterwards what was frozen.
			return tx.AppendEvents(ctx, s.event(system, "selection.freeze", selectionName(now), "", "commitment="+now.Commitment))
		})
		if err != nil {
			return err
		}
	}
	input, err := readFrozen(sel.Frozen)
	if err != nil {
		return &engineFault{err}
	}
	if input.digest() != sel.InputDigest {
		return Errorf(DataLoss, "INPUT_CHANGED", "the frozen input is not what was frozen: its digest differs")
	}
	record, found, err := r.solve(ctx, sel, input)
	if sel.Replaces != "" && input.MaxChance > 0 && tooLowACap(err) {
		if err = r.uncap(ctx, sel, input); err == nil {
			record, found, err = r.solve(ctx, sel, input)
		}
	}
	if err != nil {
		return err
	}
	if err := sel.checkResult(input, record); err != nil {
		return &engineFault{err}
	}
	if record.Lottery.Drawable() {
		return r.seal(ctx, sel, record, found)
	}
	return r.durable(ctx, sel, StepStored, 0, func(tx Tx, now *Selection) error {
		now.Record = record.AppendJSON(nil)
		if len(record.Cohort) > 0 || record.Lottery.Method == matcher.LotteryNone {
			now.Provenance = Computed
		}
		state := SelectionSucceeded
		if same, err := s.poolIsStill(ctx, tx, now, input); err != nil {
			return err
		} else if !same {
			state = SelectionStale
		}
		return s.end(ctx, tx, system, now, state)
	})
}

// freezeNow makes the input of a run from the pool as it is now.
func (s *Service) freezeNow(ctx context.Context, tx Tx, sel *Selection) (*frozen, error) {
	p, err := tx.Program(ctx, sel.Program)
	if err != nil {
		return nil, err
	}
	c, form, err := s.criteriaToRun(ctx, tx, p, sel)
	if err != nil {
		return nil, err
	}
	pool, err := poolFor(ctx, tx, sel)
	if err != nil {
		return nil, err
	}
	f := freeze(form, c, pool, sel)
	if problems, _ := selection.Validate(f.People, f.Criteria); len(problems) > 0 {
		return nil, engineError("SELECTION_INVALID", selection.InputErrors(problems))
	}
	if err := f.salts(pool, s.Random); err != nil {
		return nil, err
	}
	f.grow(form, pool)
	return f, nil
}

// poolFor reads who a run chooses from: the pool and, where it fills seats
// again, the people who keep theirs.
func poolFor(ctx context.Context, tx Tx, sel *Selection) ([]*Application, error) {
	pool, err := tx.Applications(ctx, ApplicationQuery{Program: sel.Program, States: []ApplicationState{InPool}})
	if err != nil || sel.Replaces == "" {
		return pool, err
	}
	selected, err := tx.Applications(ctx, ApplicationQuery{Program: sel.Program, States: []ApplicationState{Selected}})
	for _, a := range selected {
		if slices.ContainsFunc(sel.Include, func(l Lock) bool { return l.Application == a.ID }) {
			pool = append(pool, a)
		}
	}
	return pool, err
}

// poolIsStill reports whether the pool is what was frozen.
func (s *Service) poolIsStill(ctx context.Context, tx Tx, sel *Selection, input *frozen) (bool, error) {
	p, err := tx.Program(ctx, sel.Program)
	if err != nil {
		return false, err
	}
	c, err := tx.Criteria(ctx, sel.Program, sel.Criteria)
	if err != nil {
		return false, err
	}
	form, err := tx.Form(ctx, p.ID, p.FormVersion)
	if err != nil {
		return false, err
	}
	pool, err := poolFor(ctx, tx, sel)
	if err != nil {
		return false, err
	}
	now := *input
	now.People = poolOf(form, c, pool)
	return now.digest() == sel.InputDigest, nil
}

// solve runs the engine, keeping each step that it proves.
func (r *Runner) solve(ctx context.Context, sel *Selection, input *frozen) (record *matcher.Record, found *selection.Lottery, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &engineFault{fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	var done []selection.Step
	for _, st := range sel.Steps {
		if st.Name != StepClaimed && st.Name != StepFrozen && st.Name != StepSealed && st.Name != StepDrawn && st.Name != StepStored {
			done = append(done, selection.Step{Name: st.Name, Value: st.Value})
		}
	}
	var pivots atomic.Int64
	options := selection.Options{
		Work: sel.Work, Done: done,
		Proved: func(step selection.Step) error {
			if slices.ContainsFunc(sel.Steps, func(st RunStep) bool { return st.Name == step.Name }) {
				return nil // proved, and kept, before
			}
			return r.durable(ctx, sel, step.Name, step.Value, func(_ Tx, now *Selection) error {
				now.Pivots = max(now.Pivots, pivots.Load())
				return nil
			})
		},
		Progress: r.progress(ctx, sel, &pivots),
	}
	record, found, err = ballot.Seal(ctx, input.People, input.Criteria, ballot.Options{
		Options: options, Method: sel.Lottery, MaxChance: input.MaxChance, Seed: input.Seed, Explain: true, Engine: sel.Engine,
		Watch: func(p lottery.Progress) { options.Progress(selection.Progress{Step: stepLottery, Pivots: p.Pivots}) },
	})
	switch {
	case ctx.Err() != nil:
		// What was found so far depends on the machine: it is no result.
		return nil, nil, ctx.Err()
	case err == nil:
		return record, found, nil
	case errors.Is(err, errHook), errors.Is(err, errLeaseLost), errors.Is(err, errCanceled), CodeOf(err) != Internal:
		return nil, nil, err
	}
	var problems selection.InputErrors
	if errors.As(err, &problems) {
		return nil, nil, engineError("SELECTION_INVALID", problems)
	}
	return nil, nil, &engineFault{err}
}

// progress tells how far a run is, at most once in a while: every write costs
// the others.
func (r *Runner) progress(ctx context.Context, sel *Selection, pivots *atomic.Int64) func(selection.Progress) {
	const every = 2 * time.Second
	last := time.Now() // only how often to write depends on it
	return func(p selection.Progress) {
		pivots.Store(p.Pivots)
		if time.Since(last) < every || ctx.Err() != nil {
			return
		}
		last = time.Now()
		err := r.Service.Store.Update(ctx, func(tx Tx) error {
			stored, err := tx.Selection(ctx, sel.Program, sel.ID)
			if err != nil || stored.State != SelectionRunning || stored.Owner != r.Owner {
				return err
			}
			stored.CurrentStep, stored.Pivots = p.Step, max(stored.Pivots, p.Pivots)
			return tx.UpdateSelection(ctx, stored)
		})
		if err != nil && ctx.Err() == nil {
			r.log().Warn("progress was not kept", "selection", selectionName(sel), "error", err)
		}
	}
}

// checkResult refuses a result that is not one of the run's input. One that is
// still to be drawn has no cohort: its draw is audited.
func (sel *Selection) checkResult(input *frozen, r *matcher.Record) error {
	switch {
	case r.InputDigest != sel.InputDigest:
		return errors.New("the record is about another input")
	case r.Lottery.Drawable():
		return nil
	}
	return selection.Audit(input.People, input.Criteria, &r.Outcome)
}

// cancel ends a run that somebody asked to stop.
func (r *Runner) cancel(ctx context.Context, sel *Selection) error {
	return r.finish(ctx, sel, SelectionCanceled, func(*Selection) {})
}

// fail ends a run that cannot come to a result.
func (r *Runner) fail(ctx context.Context, sel *Selection, reason, message string) error {
	return r.finish(ctx, sel, SelectionFailed, func(now *Selection) { now.ErrorReason, now.Error = reason, message })
}

func (r *Runner) finish(ctx context.Context, sel *Selection, state SelectionState, change func(*Selection)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Selection(ctx, sel.Program, sel.ID)
		if err != nil {
			return err
		}
		if stored.State != SelectionRunning || stored.Owner != r.Owner {
			return errLeaseLost
		}
		change(stored)
		return s.end(ctx, tx, system, stored, state)
	})
	if errors.Is(err, errLeaseLost) {
		return nil
	}
	return err
}

// giveBack ends our lease, so that another runner need not wait for it. The
// context of the work has ended, so it has a short one of its own.
func (r *Runner) giveBack(sel *Selection) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		_, err := tx.RenewLease(ctx, sel.Program, sel.ID, r.Owner, s.now().Add(-time.Microsecond))
		return err
	})
	if err != nil && ReasonOf(err) != "LEASE_LOST" {
		r.log().Warn("a lease could not be given back", "selection", selectionName(sel), "error", err)
	}
}
