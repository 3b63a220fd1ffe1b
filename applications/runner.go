package applications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Durable steps of a run that are the runner's own. Between StepFrozen and
// StepStored come those of package selection, as it proves them; after each one
// a run can be left and is resumed by whoever claims it next.
const (
	StepClaimed = leased.StepClaimed // taken by lease
	StepFrozen  = "frozen"           // the pool, the criteria and the seed are fixed
	StepStored  = "stored"           // the record is kept; the run is done
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

// Runner works on queued runs: see package leased. Whoever goes on with a run
// comes to the same record to the byte.
type Runner struct {
	*leased.Runner[Selection]
	Service *Service
}

// NewRunner makes a runner for the service. Owner is unique among all runners of
// the database.
func NewRunner(s *Service, owner string) *Runner {
	r := &Runner{Service: s}
	r.Runner = leased.New(owner, leased.Jobs[Selection]{
		Kind: "selection run", Engine: "selector", Log: s.log(),
		Name: selectionName, Attempt: func(sel *Selection) int { return sel.Attempt }, CancelAsked: func(sel *Selection) bool { return sel.CancelAsked },
		Claim: r.claim, Renew: r.renew, Work: r.choose,
		Cancel: func(ctx context.Context, sel *Selection) error {
			return r.finish(ctx, sel, SelectionCanceled, func(*Selection) {})
		},
		Fail: func(ctx context.Context, sel *Selection, reason, message string) error {
			return r.finish(ctx, sel, SelectionFailed, func(now *Selection) { now.ErrorReason, now.Error = reason, message })
		},
	})
	return r
}

func (r *Runner) claim(ctx context.Context, owner string, lease time.Duration) (sel *Selection, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		sel, err = tx.ClaimSelection(ctx, owner, now, now.Add(lease))
		if err != nil || sel == nil {
			return err
		}
		sel.step(StepClaimed, 0, now)
		if sel.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(calls.System, "selection.start", selectionName(sel), "", transition(SelectionQueued, SelectionRunning))); err != nil {
				return err
			}
		}
		return tx.UpdateSelection(ctx, sel)
	})
	return sel, err
}

func (r *Runner) renew(ctx context.Context, sel *Selection, owner string, lease time.Duration) (cancel bool, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		cancel, err = tx.RenewLease(ctx, sel.Program, sel.ID, owner, s.now().Add(lease))
		return err
	})
	return cancel, err
}

// step notes a durable step, once.
func (sel *Selection) step(name string, value int64, at time.Time) {
	if !slices.ContainsFunc(sel.Steps, func(st RunStep) bool { return st.Name == name }) {
		sel.Steps = append(sel.Steps, RunStep{Name: name, Value: value, Time: at})
	}
	sel.CurrentStep, sel.UpdateTime = name, at
}

// durable writes a change of the run if the run is still ours: RUNNING and
// under our lease. Somebody may have asked to cancel meanwhile, which changes
// the revision, so it reads again.
func (r *Runner) durable(ctx context.Context, sel *Selection, step string, value int64, change func(tx Tx, now *Selection) error) error {
	if err := r.At("before " + step); err != nil {
		return err
	}
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Selection(ctx, sel.Program, sel.ID)
		if err != nil {
			return err
		}
		if stored.State != SelectionRunning || stored.Owner != r.Owner || stored.Attempt != sel.Attempt {
			return leased.ErrLost
		}
		if stored.CancelAsked && step != StepStored {
			return leased.ErrCanceled
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
	return r.At("after " + step)
}

// choose freezes the input, unless that was done, solves, and stores.
func (r *Runner) choose(ctx context.Context, sel *Selection) error {
	s := r.Service
	if len(sel.Frozen) == 0 {
		if err := r.freeze(ctx, sel); err != nil {
			return err
		}
	}
	input, err := readFrozen(sel.Frozen)
	if err != nil {
		return &leased.Fault{Err: err}
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
		return &leased.Fault{Err: err}
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
		return s.end(ctx, tx, calls.System, now, state)
	})
}

// freeze fixes what the result of a run depends on. What a repair keeps and how
// company rules give way is long work, so it is found before the transaction; if
// the pool moved meanwhile, how they give way is found anew.
func (r *Runner) freeze(ctx context.Context, sel *Selection) error {
	s := r.Service
	var repair *selection.Repair
	if sel.Replaces != "" {
		var err error
		if repair, err = r.repair(ctx, sel); err != nil {
			return err
		}
	}
	for moved := 0; ; moved++ {
		var gave []selection.Yield
		var of string // digest of the input with it
		if repair != nil {
			gave = selection.YieldsOf(sel.GaveWay, repair.Criteria)
		} else if sel.Replaces == "" {
			var err error
			if gave, of, err = r.giveWay(ctx, sel); err != nil {
				return err
			}
		}
		err := r.durable(ctx, sel, StepFrozen, 0, func(tx Tx, now *Selection) error {
			now.take(repair)
			now.GaveWay = gave
			f, form, pool, err := s.inputNow(ctx, tx, now)
			if err != nil {
				return err
			}
			// To whom they give way is sealed with the input and stands nowhere else.
			now.GaveWay = nil
			for _, y := range gave {
				y.People = nil
				now.GaveWay = append(now.GaveWay, y)
			}
			if of != "" && f.digest() != of {
				return errPoolMoved
			}
			if err := f.salts(pool, s.Random); err != nil {
				return err
			}
			f.grow(form, pool)
			now.Frozen, err = f.bytes()
			now.InputDigest, now.Commitment, now.PoolSize, now.Engine = f.digest(), f.commitment(), len(f.People), s.Engine
			if err != nil {
				return err
			}
			// In the log, so that nobody can change afterwards what was frozen.
			return tx.AppendEvents(ctx, s.event(calls.System, "selection.freeze", selectionName(now), "", "commitment="+now.Commitment))
		})
		if err != errPoolMoved || moved == mostMoved || ctx.Err() != nil {
			return err
		}
	}
}

// mostMoved is how often the pool may move while it is found how company rules
// give way, before the run is given up.
const mostMoved = 10

var errPoolMoved = Errorf(Aborted, "POOL_CHANGED", "the pool changed again and again while the run began: start it once the pool is at rest")

// giveWay finds how company rules give way in the pool as it is now, and tells
// the digest of the input that this is about.
func (r *Runner) giveWay(ctx context.Context, sel *Selection) ([]selection.Yield, string, error) {
	var f *frozen
	err := r.Service.Store.View(ctx, func(tx Tx) (err error) {
		f, _, _, err = r.Service.inputNow(ctx, tx, sel)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	var pivots atomic.Int64
	yields, err := selection.GiveWay(ctx, f.People, f.Criteria, selection.Options{Work: sel.Work, Progress: r.progress(ctx, sel, &pivots)})
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case err != nil:
		return nil, "", &leased.Fault{Err: err}
	}
	f.Criteria = selection.Yielded(f.Criteria, yields)
	return yields, f.digest(), nil
}

// inputNow makes the input of a run, without salts, from the pool as it is now.
func (s *Service) inputNow(ctx context.Context, tx Tx, sel *Selection) (*frozen, *Form, []*Application, error) {
	p, err := tx.Program(ctx, sel.Program)
	if err != nil {
		return nil, nil, nil, err
	}
	c, form, err := s.criteriaToRun(ctx, tx, p, sel)
	if err != nil {
		return nil, nil, nil, err
	}
	pool, err := poolFor(ctx, tx, sel)
	if err != nil {
		return nil, nil, nil, err
	}
	f := freeze(form, c, pool, sel)
	if problems, _ := selection.Validate(f.People, f.Criteria); len(problems) > 0 {
		return nil, nil, nil, engineError("SELECTION_INVALID", selection.InputErrors(problems))
	}
	return f, form, pool, nil
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
func (r *Runner) solve(ctx context.Context, sel *Selection, input *frozen) (*matcher.Record, *selection.Lottery, error) {
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
	record, found, err := ballot.Seal(ctx, input.People, input.Criteria, ballot.Options{
		Options: options, Method: sel.Lottery, MaxChance: input.MaxChance, Seed: input.Seed, Explain: true, Engine: sel.Engine,
		Watch: func(p lottery.Progress) { options.Progress(selection.Progress{Step: stepLottery, Pivots: p.Pivots}) },
	})
	switch {
	case ctx.Err() != nil:
		// What was found so far depends on the machine: it is no result.
		return nil, nil, ctx.Err()
	case err == nil:
		return record, found, nil
	case leased.Stopped(err), CodeOf(err) != Internal:
		return nil, nil, err
	}
	var problems selection.InputErrors
	if errors.As(err, &problems) {
		return nil, nil, engineError("SELECTION_INVALID", problems)
	}
	return nil, nil, &leased.Fault{Err: err}
}

// progress keeps how far a run is for who looks; that it is lost does no harm.
func (r *Runner) progress(ctx context.Context, sel *Selection, pivots *atomic.Int64) func(selection.Progress) {
	note := leased.Seldom(func(p selection.Progress) {
		err := r.Service.Store.Update(ctx, func(tx Tx) error {
			stored, err := tx.Selection(ctx, sel.Program, sel.ID)
			if err != nil || stored.State != SelectionRunning || stored.Owner != r.Owner {
				return err
			}
			stored.CurrentStep, stored.Pivots = p.Step, max(stored.Pivots, p.Pivots)
			return tx.UpdateSelection(ctx, stored)
		})
		if err != nil && ctx.Err() == nil {
			r.Service.log().Warn("progress was not kept", "selection", selectionName(sel), "error", err)
		}
	})
	return func(p selection.Progress) {
		pivots.Store(p.Pivots)
		note(p)
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

// finish ends a run that has no result.
func (r *Runner) finish(ctx context.Context, sel *Selection, state SelectionState, change func(*Selection)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Selection(ctx, sel.Program, sel.ID)
		if err != nil {
			return err
		}
		if stored.State != SelectionRunning || stored.Owner != r.Owner {
			return leased.ErrLost
		}
		change(stored)
		return s.end(ctx, tx, calls.System, stored, state)
	})
	return err
}
