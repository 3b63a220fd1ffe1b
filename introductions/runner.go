package introductions

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// Runner works on queued rounds: see package leased.
type Runner struct {
	*leased.Runner[Round]
	Service *Service
}

// NewRunner makes a runner for the service. Owner is unique among all runners of
// the database.
func NewRunner(s *Service, owner string) *Runner {
	r := &Runner{Service: s}
	r.Runner = leased.New(owner, leased.Jobs[Round]{
		Kind: "round of introductions", Engine: "matcher", Log: s.log(),
		Name: (*Round).name, Attempt: func(round *Round) int { return round.Attempt }, CancelAsked: func(round *Round) bool { return round.CancelAsked },
		Claim: r.claim, Renew: r.renew, Work: r.solve,
		Cancel: func(ctx context.Context, round *Round) error {
			return r.finish(ctx, round, Canceled, "round.cancel", func(*Round) {})
		},
		Fail: func(ctx context.Context, round *Round, reason, message string) error {
			return r.finish(ctx, round, Failed, "round.fail", func(now *Round) { now.ErrorReason, now.Error = reason, message })
		},
	})
	return r
}

func (r *Runner) claim(ctx context.Context, owner string, lease time.Duration) (round *Round, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		round, err = tx.ClaimRound(ctx, owner, now, now.Add(lease))
		if err != nil || round == nil {
			return err
		}
		round.step(StepClaimed, now)
		if round.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(calls.System, "round.start", round.name(), "", transition(Queued, Solving))); err != nil {
				return err
			}
		}
		return tx.UpdateRound(ctx, round)
	})
	return round, err
}

func (r *Runner) renew(ctx context.Context, round *Round, owner string, lease time.Duration) (cancel bool, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		cancel, err = tx.RenewRound(ctx, round.Program, round.Network, round.ID, owner, s.now().Add(lease))
		return err
	})
	return cancel, err
}

// step notes a durable step, once.
func (r *Round) step(name string, at time.Time) {
	if !slices.ContainsFunc(r.Steps, func(st Step) bool { return st.Name == name }) {
		r.Steps = append(r.Steps, Step{Name: name, Time: at})
	}
	r.CurrentStep, r.UpdateTime = name, at
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
			return tx.AppendEvents(ctx, s.event(calls.System, "round.freeze", now.name(), "", "digest="+now.InputDigest))
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
		return &leased.Fault{Err: err}
	}
	in, err := f.read()
	if err != nil {
		return err
	}
	result, err := in.solve(ctx, round.Work, leased.Seldom(func(p peers.Progress) { r.note(ctx, round, p) }))
	if err != nil {
		return err
	}
	return r.durable(ctx, round, StepStored, func(tx Tx, _ *Network, now *Round) error {
		if now.ErasedCount != round.ErasedCount {
			// What was found holds who was erased meanwhile: the next claim solves what
			// is left.
			return leased.ErrAgain
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
		return tx.AppendEvents(ctx, s.event(calls.System, "round.end", now.name(), "", detail))
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
	if err := r.At("before " + step); err != nil {
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
			return leased.ErrLost
		}
		if stored.CancelAsked {
			return leased.ErrCanceled
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
	return r.At("after " + step)
}

// finish ends a round that has no result.
func (r *Runner) finish(ctx context.Context, round *Round, state RoundState, action string, change func(*Round)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Round(ctx, round.Program, round.Network, round.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner {
			return leased.ErrLost
		}
		change(stored)
		from, now := stored.State, s.now()
		stored.State, stored.UpdateTime, stored.DoneTime = state, now, now
		if err := tx.UpdateRound(ctx, stored); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(calls.System, action, stored.name(), "", transition(from, state)))
	})
	return err
}
