package mentoring

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/internal/words"
	"github.com/openfairlead/fairlead/matcher/pairing"
)

// CreateMatching queues a run over everybody who is available. m gives Program,
// Objectives (empty: the plan's), Seed (empty: drawn) and Work.
func (s *Service) CreateMatching(ctx context.Context, who access.Principal, m *Matching, idem Idempotency) (*Matching, error) {
	return s.queue(ctx, who, m, "CreateMatching", idem)
}

// Rematch queues a run that mends the end of a proposal: what stands, stands,
// and what is free is matched again; the pair that ended is not made again if
// it was declined. Those who wait longest come first.
func (s *Service) Rematch(ctx context.Context, who access.Principal, program, proposal string, idem Idempotency) (*Matching, error) {
	return s.queue(ctx, who, &Matching{Program: program, After: proposal}, "Rematch", idem)
}

func (s *Service) queue(ctx context.Context, who access.Principal, asked *Matching, method string, idem Idempotency) (*Matching, error) {
	if err := need(who, access.MatchingsRun, asked.Program); err != nil {
		return nil, err
	}
	var bad []Violation
	seed, why := words.Clean(asked.Seed, false, 200)
	if why != "" {
		bad = append(bad, Violation{Field: "seed", Message: why})
	}
	if asked.Work < 0 {
		bad = append(bad, Violation{Field: "work_limit", Message: "not negative; 0 is no limit"})
	}
	if len(asked.Objectives) > 0 {
		if _, err := pairing.ParseObjective(strings.Join(asked.Objectives, ",")); err != nil {
			bad = append(bad, Violation{Field: "objectives", Message: err.Error()})
		}
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("MATCHING_INVALID", "the run cannot begin like this", bad...)
	}
	drawn := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, drawn); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	made, err := once(ctx, s, who, asked.Program, method, idem, func(tx Tx) (*Matching, string, error) {
		p, err := tx.Plan(ctx, asked.Program)
		if err != nil {
			return nil, "", err
		}
		base, err := tx.Published(ctx, asked.Program)
		if err != nil {
			return nil, "", err
		}
		if asked.After != "" {
			ended, err := tx.Proposal(ctx, asked.Program, asked.After)
			if err != nil {
				return nil, "", err
			}
			if ended.State.Open() || ended.State == Confirmed {
				return nil, "", problem.Errorf(problem.FailedPrecondition, "PROPOSAL_STATE", "this proposal is %s: there is nothing to mend", ended.State)
			}
		}
		now := s.now()
		made := &Matching{
			Program: p.Program, ID: s.NewID(), State: Queued, Objectives: slices.Clone(asked.Objectives), Seed: seed, Work: asked.Work,
			Base: base, After: asked.After, Engine: s.Engine, CreateTime: now, UpdateTime: now, CreatedBy: who.Subject,
		}
		if len(made.Objectives) == 0 {
			made.Objectives = slices.Clone(p.Objectives)
		}
		if len(made.Objectives) == 0 {
			for _, t := range pairing.DefaultObjective() {
				made.Objectives = append(made.Objectives, t.String())
			}
		}
		if made.Seed == "" {
			made.Seed = hex.EncodeToString(drawn)
		}
		if err := tx.InsertMatching(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "matching.create", made.name(), "", transition("", made.State)))
	})
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return made, err
}

// outside is a run without what its people must not be read from.
func (m *Matching) outside() *Matching {
	r := *m
	r.Frozen, r.Record = nil, nil
	return &r
}

// Matching returns a run: its state and progress.
func (s *Service) Matching(ctx context.Context, who access.Principal, program, id string) (*Matching, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	return m.outside(), nil
}

func (s *Service) matching(ctx context.Context, who access.Principal, perm access.Permission, program, id string) (*Matching, error) {
	if err := need(who, perm, program); err != nil {
		return nil, err
	}
	var m *Matching
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		m, err = tx.Matching(ctx, program, id)
		return err
	})
	return m, err
}

var matchingFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(matchingStates)},
	{Name: "create_time", Type: filter.Time},
	{Name: "done_time", Type: filter.Time},
	{Name: "publish_time", Type: filter.Time},
}

func matchingValue(m *Matching, field string) filter.Value {
	switch field {
	case "state":
		return listing.Text(string(m.State))
	case "create_time":
		return listing.Time(m.CreateTime)
	case "done_time":
		return listing.Time(m.DoneTime)
	case "publish_time":
		return listing.Time(m.PublishTime)
	}
	return filter.Value{}
}

// Matchings lists a program's runs, oldest first.
func (s *Service) Matchings(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Matching], error) {
	if err := need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := oldestFirst(q, matchingFields, matchingValue)
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Matching]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		page, err = l.Page(func(m *Matching) string { return m.ID }, (*Matching).outside, func(after string) ([]*Matching, error) {
			return tx.MatchingHeads(ctx, program, after, listing.Batch)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// MatchingResult returns what a run found, with the edits since:
// FailedPrecondition MATCHING_WITHOUT_RESULT before there is one.
func (s *Service) MatchingResult(ctx context.Context, who access.Principal, program, id string) (*Result, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	r, err := m.result()
	if err != nil {
		return nil, err
	}
	for i := range r.Pairs {
		r.Pairs[i].Parts = openParts(r.Pairs[i].Parts)
	}
	return r, nil
}

func (m *Matching) result() (*Result, error) {
	if len(m.Record) == 0 {
		return nil, problem.Errorf(problem.FailedPrecondition, "MATCHING_WITHOUT_RESULT", "this run has no result: it is %s", m.State)
	}
	r := &Result{}
	if err := json.Unmarshal(m.Record, r); err != nil {
		return nil, problem.Errorf(problem.DataLoss, "RECORD_UNREADABLE", "the stored result of this run cannot be read")
	}
	return r, nil
}

// CancelMatching stops a run that is not done.
func (s *Service) CancelMatching(ctx context.Context, who access.Principal, program, id string, idem Idempotency) (*Matching, error) {
	if err := need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "CancelMatching", idem, func(tx Tx) (*Matching, string, error) {
		m, err := tx.Matching(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		next, err := m.State.after(cancelMatching)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		event := s.event(who, "matching.cancel", m.name(), "", "")
		m.CancelAsked, m.UpdateTime = true, now
		if m.State == Queued { // nobody works on it: it ends here
			event.Detail = transition(m.State, next)
			m.State, m.DoneTime = next, now
		}
		if err := tx.UpdateMatching(ctx, m); err != nil {
			return nil, "", err
		}
		return m.outside(), m.ID, tx.AppendEvents(ctx, event)
	})
}

// Durable steps of a run. After each one it can be left, and is resumed by
// whoever claims it next, with the same result to the byte.
const (
	StepClaimed = "claimed" // taken by lease
	StepFrozen  = "frozen"  // the people, the rules and the seed are fixed
	StepStored  = "stored"  // the result is kept
	// StepUnreadable counts people with a cell that could not be read: it counted
	// as blank. Only in runs where there are any.
	StepUnreadable = "unreadable"
)

// Runner works on queued runs, one at a time, as the runner of package
// applications does: a run belongs to whoever holds its lease, and when an owner
// dies, the next runner goes on from the last durable step.
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

// Run works until the context ends. A run in progress is then given back.
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
			r.Service.log().Error("a matching run was left", "error", err)
		case !waiting:
			r.Service.log().Warn("matching runs wait for the database", "error", err)
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

// Ends of a run that are not the engine's.
var (
	errCanceled  = errors.New("somebody asked to stop")
	errLeaseLost = errors.New("another runner took over")
	errHook      = errors.New("left at a hook")
)

// maxAttempts is how often a run is taken up before it counts as one that kills
// its worker.
const maxAttempts = 100

// RunOne claims one run, if there is any, and works on it to its end. It
// reports whether there was one. An error means that the run was left as it is,
// for the next runner.
func (r *Runner) RunOne(ctx context.Context) (bool, error) {
	if err := r.hook("before " + StepClaimed); err != nil {
		return false, err
	}
	s := r.Service
	var m *Matching
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		now := s.now()
		m, err = tx.ClaimMatching(ctx, r.Owner, now, now.Add(r.lease()))
		if err != nil || m == nil {
			return err
		}
		m.step(StepClaimed, 0, now)
		if m.Attempt == 1 {
			if err := tx.AppendEvents(ctx, s.event(system, "matching.start", m.name(), "", transition(Queued, Solving))); err != nil {
				return err
			}
		}
		return tx.UpdateMatching(ctx, m)
	})
	if err != nil || m == nil {
		return false, err
	}
	if err := r.hook("after " + StepClaimed); err != nil {
		return true, err
	}
	if m.Attempt > maxAttempts {
		return true, r.fail(ctx, m, "RUN_GAVE_UP", "the run was taken up many times and never finished")
	}
	return true, r.work(ctx, m)
}

// step notes a durable step, once.
func (m *Matching) step(name string, value int64, at time.Time) {
	if !slices.ContainsFunc(m.Steps, func(st Step) bool { return st.Name == name }) {
		m.Steps = append(m.Steps, Step{Name: name, Value: value, Time: at})
	}
	m.CurrentStep, m.UpdateTime = name, at
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

// work runs a claimed matching to its end while the lease is renewed.
func (r *Runner) work(ctx context.Context, m *Matching) error {
	solving, stop := context.WithCancelCause(ctx)
	beat, endBeat := context.WithCancel(ctx)
	beating := make(chan struct{})
	program, id := m.Program, m.ID // m changes while the heart beats
	go func() {
		defer close(beating)
		r.heartbeat(beat, program, id, stop)
	}()
	defer func() {
		endBeat()
		<-beating
		stop(nil)
	}()
	if m.CancelAsked {
		stop(errCanceled)
	}
	err := r.match(solving, m)
	switch cause := context.Cause(solving); {
	case err == nil:
		return nil
	case errors.Is(err, errLeaseLost), errors.Is(cause, errLeaseLost):
		return nil // not ours any more
	case errors.Is(err, errHook):
		return err
	case problem.ReasonOf(err) == "INPUT_ERASED":
		r.giveBack(m) // and it is taken up again at once
		return nil
	case errors.Is(err, errCanceled), errors.Is(cause, errCanceled):
		return r.finish(ctx, m, Canceled, "matching.cancel", func(*Matching) {})
	case ctx.Err() != nil:
		r.giveBack(m)
		return ctx.Err()
	}
	var ours *Error
	var fault *engineFault
	switch {
	case errors.As(err, &ours) && ours.Code != problem.Unavailable && ours.Code != problem.Aborted && ours.Code != problem.Internal:
		return r.fail(ctx, m, ours.Reason, ours.Message)
	case errors.As(err, &fault):
		r.Service.log().Error("the engine failed", "matching", m.name(), "error", fault.err)
		return r.fail(ctx, m, "ENGINE_FAILED", "the matcher failed; the server's log says why")
	}
	return err // the store: the run is taken up again when the lease ends
}

// heartbeat renews the lease until its context ends, and stops the solving when
// somebody asked for it or another owner took over.
func (r *Runner) heartbeat(ctx context.Context, program, id string, stop context.CancelCauseFunc) {
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
			cancel, err = tx.RenewMatching(ctx, program, id, r.Owner, s.now().Add(r.lease()))
			return err
		})
		switch {
		case problem.ReasonOf(err) == "LEASE_LOST", problem.CodeOf(err) == problem.NotFound:
			stop(errLeaseLost)
			return
		case err != nil && ctx.Err() == nil:
			s.log().Warn("a lease could not be renewed", "matching", id, "error", err)
		case cancel:
			stop(errCanceled)
			return
		}
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
			// In the log, so that nobody can change afterwards what was frozen.
			return tx.AppendEvents(ctx, s.event(system, "matching.freeze", now.name(), "", "digest="+now.InputDigest))
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
			return problem.Errorf(problem.Aborted, "INPUT_ERASED", "somebody of this run was erased while it was solved")
		}
		if found.unreadable > 0 {
			now.step(StepUnreadable, int64(found.unreadable), now.UpdateTime)
			now.CurrentStep = StepStored
		}
		if err := now.keep(outcome); err != nil {
			return err
		}
		from := now.State
		if now.State, err = from.after(solveMatching); err != nil {
			return err
		}
		now.DoneTime = now.UpdateTime
		detail := fmt.Sprintf("%s pairs=%d covered=%d unmatched=%d", transition(from, now.State), now.Pairs, now.Covered, len(outcome.Unmatched))
		return tx.AppendEvents(ctx, s.event(system, "matching.end", now.name(), "", detail))
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
		return nil, &engineFault{err}
	}
	scored, err := score(ctx, input)
	if err != nil {
		return nil, err
	}
	last := time.Now()
	progress := func(p pairing.Progress) {
		const often = 2 * time.Second
		if time.Since(last) < often {
			return
		}
		last = time.Now()
		r.note(ctx, m, p)
	}
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
	if err := r.hook("before " + step); err != nil {
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
			return errLeaseLost
		}
		if stored.CancelAsked {
			return errCanceled
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
	return r.hook("after " + step)
}

// fail ends a run that cannot come to a result.
func (r *Runner) fail(ctx context.Context, m *Matching, reason, message string) error {
	return r.finish(ctx, m, Failed, "matching.fail", func(now *Matching) { now.ErrorReason, now.Error = reason, message })
}

func (r *Runner) finish(ctx context.Context, m *Matching, state MatchingState, action string, change func(*Matching)) error {
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		stored, err := tx.Matching(ctx, m.Program, m.ID)
		if err != nil {
			return err
		}
		if stored.State != Solving || stored.Owner != r.Owner {
			return errLeaseLost
		}
		change(stored)
		from, now := stored.State, s.now()
		stored.State, stored.UpdateTime, stored.DoneTime = state, now, now
		if err := tx.UpdateMatching(ctx, stored); err != nil {
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
func (r *Runner) giveBack(m *Matching) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s := r.Service
	err := s.Store.Update(ctx, func(tx Tx) error {
		_, err := tx.RenewMatching(ctx, m.Program, m.ID, r.Owner, s.now().Add(-time.Microsecond))
		return err
	})
	if err != nil && problem.ReasonOf(err) != "LEASE_LOST" {
		s.log().Warn("a lease could not be given back", slog.String("matching", m.name()), slog.Any("error", err))
	}
}
