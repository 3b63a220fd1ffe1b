package mentoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// Durable steps of a run. After each one it can be left, and is resumed by
// whoever claims it next, with the same result to the byte.
const (
	StepClaimed = leased.StepClaimed // taken by lease
	StepFrozen  = "frozen"           // the people, the rules and the seed are fixed
	StepStored  = "stored"           // the result is kept
	// StepUnreadable counts people with a cell that could not be read: it counted
	// as blank. Only in runs where there are any.
	StepUnreadable = "unreadable"
	// StepFloorsShort counts mentees whom the floors ask for and for whom there are
	// not mentors enough, StepFloorsUnheld floors about a value that nobody has.
	// Only in runs where there are any.
	StepFloorsShort  = "floors_short"
	StepFloorsUnheld = "floors_unheld"
)

// Runner works on queued runs: see package leased.
type Runner struct {
	*leased.Runner[Matching]
	Service *Service
}

// NewRunner makes a runner for the service. Owner is unique among all runners of
// the database.
func NewRunner(s *Service, owner string) *Runner {
	r := &Runner{Service: s}
	r.Runner = leased.New(owner, leased.Jobs[Matching]{
		Kind: "matching run", Engine: "matcher", Log: s.log(),
		Name: (*Matching).name, Attempt: func(m *Matching) int { return m.Attempt }, CancelAsked: func(m *Matching) bool { return m.CancelAsked },
		Claim: r.claim, Renew: r.renew, Work: r.match,
		Cancel: func(ctx context.Context, m *Matching) error {
			return r.finish(ctx, m, Canceled, "matching.cancel", func(*Matching) {})
		},
		Fail: func(ctx context.Context, m *Matching, reason, message string) error {
			return r.finish(ctx, m, Failed, "matching.fail", func(now *Matching) { now.ErrorReason, now.Error = reason, message })
		},
	})
	return r
}

func (r *Runner) claim(ctx context.Context, owner string, lease time.Duration) (m *Matching, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		m, err = tx.ClaimMatching(ctx, owner, now, now.Add(lease))
		if err != nil || m == nil {
			return err
		}
		m.step(StepClaimed, 0, now)
		if m.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(calls.System, "matching.start", m.name(), "", transition(Queued, Solving))); err != nil {
				return err
			}
		}
		return tx.UpdateMatching(ctx, m)
	})
	return m, err
}

func (r *Runner) renew(ctx context.Context, m *Matching, owner string, lease time.Duration) (cancel bool, err error) {
	s := r.Service
	err = s.Store.Update(ctx, func(tx Tx) (err error) {
		cancel, err = tx.RenewMatching(ctx, m.Program, m.ID, owner, s.now().Add(lease))
		return err
	})
	return cancel, err
}

// step notes a durable step, once.
func (m *Matching) step(name string, value int64, at time.Time) {
	if !slices.ContainsFunc(m.Steps, func(st Step) bool { return st.Name == name }) {
		m.Steps = append(m.Steps, Step{Name: name, Value: value, Time: at})
	}
	m.CurrentStep, m.UpdateTime = name, at
}

// counted notes what a step counted on its way, if there is any.
func (m *Matching) counted(name string, n int) {
	if n > 0 {
		at := m.CurrentStep
		m.step(name, int64(n), m.UpdateTime)
		m.CurrentStep = at
	}
}

// match freezes the input, unless that was done, solves, and stores.
func (r *Runner) match(ctx context.Context, m *Matching) error {
	s := r.Service
	if len(m.Frozen) == 0 {
		salt := make([]byte, 32)
		if _, err := io.ReadFull(s.Random, salt); err != nil {
			return fmt.Errorf("read random bytes: %w", err)
		}
		err := r.durable(ctx, m, StepFrozen, func(tx Tx, now *Matching) error {
			p, err := tx.Plan(ctx, now.Program)
			if err != nil {
				return err
			}
			f, err := freeze(ctx, tx, p, now)
			if err != nil {
				return err
			}
			f.Salt = salt
			if now.Frozen, err = f.bytes(); err != nil {
				return err
			}
			now.InputDigest, now.Mentees, now.Mentors, now.Engine = digestOf(now.Frozen), len(f.Mentees), len(f.Mentors), s.Engine
			now.counted(StepFloorsUnheld, f.unheld)
			// In the log, so that nobody can change afterwards what was frozen.
			return tx.AppendEvents(ctx, s.event(calls.System, "matching.freeze", now.name(), "", "digest="+now.InputDigest))
		})
		if err != nil {
			return err
		}
	}
	if m.ErasedCount == 0 && digestOf(m.Frozen) != m.InputDigest {
		return problem.Errorf(problem.DataLoss, "INPUT_CHANGED", "the frozen input is not what was frozen: its digest differs")
	}
	found, err := r.solve(ctx, m)
	if err != nil {
		return err
	}
	outcome, err := found.outcome(ctx, s.Engine)
	if err != nil {
		return err
	}
	return r.durable(ctx, m, StepStored, func(tx Tx, now *Matching) error {
		if now.ErasedCount != m.ErasedCount {
			// What was found holds what was erased meanwhile: the next claim solves
			// what is left.
			return leased.ErrAgain
		}
		now.counted(StepUnreadable, found.unreadable)
		now.counted(StepFloorsShort, found.short)
		if err := now.keep(outcome); err != nil {
			return err
		}
		from := now.State
		if now.State, err = from.after(solveMatching); err != nil {
			return err
		}
		now.DoneTime = now.UpdateTime
		detail := fmt.Sprintf("%s pairs=%d covered=%d unmatched=%d", transition(from, now.State), now.Pairs, now.Covered, len(outcome.Unmatched))
		return tx.AppendEvents(ctx, s.event(calls.System, "matching.end", now.name(), "", detail))
	})
}

// keep stores a result in a run.
func (m *Matching) keep(r *Result) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	m.Record, m.Pairs, m.Covered = text, len(r.Pairs), r.Covered
	return nil
}

// solve computes the result of a claimed run, and notes its progress.
func (r *Runner) solve(ctx context.Context, m *Matching) (*solved, error) {
	input, err := readFrozen(m.Frozen)
	if err != nil {
		return nil, &leased.Fault{Err: err}
	}
	scored, err := score(ctx, input)
	if err != nil {
		return nil, err
	}
	progress := leased.Seldom(func(p pairing.Progress) { r.note(ctx, m, p) })
	return scored.solve(ctx, m.Edits, pairing.Options{Work: m.Work, Progress: progress})
}

// note keeps progress for who watches; that it is lost does no harm.
func (r *Runner) note(ctx context.Context, m *Matching, p pairing.Progress) {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Matching(ctx, m.Program, m.ID)
		if err != nil || stored.State != Solving || stored.Owner != r.Owner {
			return err
		}
		stored.CurrentStep, stored.Progress = p.Step, max(stored.Progress, p.Visited)
		return tx.UpdateMatching(ctx, stored)
	})
	if err != nil && ctx.Err() == nil {
		s.log().Warn("progress was not kept", "matching", m.name(), "error", err)
	}
}

// durable writes a change of the run if the run is still ours.
func (r *Runner) durable(ctx context.Context, m *Matching, step string, change func(tx Tx, now *Matching) error) error {
	if err := r.At("before " + step); err != nil {
		return err
	}
	s := r.Service
	var kept *Matching
	err := s.Store.Update(ctx, func(tx Tx) error {
		// The plan first, as in every change: then nobody enrolls, declines or
		// orders while a pool is frozen.
		if _, err := tx.Plan(ctx, m.Program); err != nil {
			return err
		}
		stored, err := tx.Matching(ctx, m.Program, m.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner || stored.Attempt != m.Attempt {
			return leased.ErrLost
		}
		if stored.CancelAsked {
			return leased.ErrCanceled
		}
		stored.step(step, 0, s.now())
		if err := change(tx, stored); err != nil {
			return err
		}
		if err := tx.UpdateMatching(ctx, stored); err != nil {
			return err
		}
		kept = stored
		return nil
	})
	if err != nil {
		return err
	}
	*m = *kept
	return r.At("after " + step)
}

// finish ends a run that has no result.
func (r *Runner) finish(ctx context.Context, m *Matching, state MatchingState, action string, change func(*Matching)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Matching(ctx, m.Program, m.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner {
			return leased.ErrLost
		}
		change(stored)
		from, now := stored.State, s.now()
		stored.State, stored.UpdateTime, stored.DoneTime = state, now, now
		if err := tx.UpdateMatching(ctx, stored); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(calls.System, action, stored.name(), "", transition(from, state)))
	})
	return err
}
