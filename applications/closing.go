package applications

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
)

// lateExtension is how long after the close a call can still be extended.
const lateExtension = 24 * time.Hour

// system is who acts when a clock does.

// CloseProgram ends the window now; drafts stay drafts, submissions go to the
// pool or are found ineligible in the same transaction. A submission with a
// personal extension that still runs is decided when that ends.
func (s *Service) CloseProgram(ctx context.Context, who access.Principal, id string, revision int64, idem Idempotency) (*Program, error) {
	if err := calls.Need(who, access.ProgramsOpen, id); err != nil {
		return nil, err
	}
	return once(ctx, s, who, id, "CloseProgram", idem, func(tx Tx) (*Program, string, error) {
		p, err := tx.Program(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
		if err := s.close(ctx, tx, who, p); err != nil {
			return nil, "", err
		}
		return countsFor(who, p), id, nil
	})
}

// CloseDue closes every call whose window has ended, and decides submissions
// whose personal extension has ended after their call closed. It returns how
// many programs changed. The server calls it from time to time; calling it
// twice, or on two servers at once, does nothing the second time.
func (s *Service) CloseDue(ctx context.Context) (int, error) {
	var due []string
	err := s.Store.View(ctx, func(tx Tx) error {
		due = nil
		now := s.now()
		for after := ""; ; {
			batch, err := tx.Programs(ctx, []ProgramState{ProgramOpen, ProgramClosed}, after, scanBatch)
			if err != nil {
				return err
			}
			for _, p := range batch {
				after = p.ID
				if p.State == ProgramOpen {
					if !now.Before(p.Window.end()) {
						due = append(due, p.ID)
					}
					continue
				}
				counts, err := tx.CountApplications(ctx, p.ID)
				if err != nil {
					return err
				}
				if counts[Submitted] > 0 {
					due = append(due, p.ID)
				}
			}
			if len(batch) < scanBatch {
				return nil
			}
		}
	})
	if err != nil {
		return 0, err
	}
	changed := 0
	for _, id := range due {
		did := false
		err := s.Store.Update(ctx, func(tx Tx) error {
			did = false
			p, err := tx.Program(ctx, id)
			if err != nil {
				return err
			}
			switch {
			case p.State == ProgramOpen && !s.now().Before(p.Window.end()):
				did = true
				return s.close(ctx, tx, calls.System, p)
			case p.State == ProgramClosed:
				n, err := s.decide(ctx, tx, calls.System, p)
				did = n > 0
				return err
			}
			return nil // somebody extended or closed it meanwhile
		})
		if err != nil && CodeOf(err) != NotFound {
			return changed, err
		}
		if did {
			changed++
		}
	}
	return changed, nil
}

// close moves an open program to CLOSED and decides its submissions.
func (s *Service) close(ctx context.Context, tx Tx, who access.Principal, p *Program) error {
	from := p.State
	next, err := from.after(closeProgram)
	if err != nil {
		return err
	}
	now := s.now()
	p.State, p.CloseTime, p.UpdateTime = next, now, now
	if now.Before(p.Window.Closes) {
		p.Window.Closes = now
		if now.Before(p.Window.Opens) {
			p.Window.Opens = now // closed before it began: an empty window
		}
	}
	if err := tx.UpdateProgram(ctx, p); err != nil {
		return err
	}
	if err := tx.AppendEvents(ctx, s.event(who, "program.close", programName(p.ID), "", transition(from, next))); err != nil {
		return err
	}
	_, err = s.decide(ctx, tx, who, p)
	return err
}

// decide takes each submission of a closed program into the pool or finds it
// ineligible, by the eligibility rule alone, and returns how many there were.
func (s *Service) decide(ctx context.Context, tx Tx, who access.Principal, p *Program) (int, error) {
	form, err := tx.Form(ctx, p.ID, p.FormVersion)
	if err != nil {
		return 0, err
	}
	now := s.now()
	return eachApplication(ctx, tx, p.ID, []ApplicationState{Submitted}, func(a *Application) (bool, error) {
		if now.Before(a.ExtendedUntil) {
			return false, nil
		}
		action, name := enterPool, "application.pool"
		if failed := form.ineligible(a.Answers); len(failed) > 0 {
			action, name, a.IneligibleReasons = findIneligible, "application.ineligible", failed
		}
		return true, s.move(ctx, tx, who, a, action, name, "", nil)
	})
}

// move takes one transition of an application and records it.
func (s *Service) move(ctx context.Context, tx Tx, who access.Principal, a *Application, action applicationAction, name, reason string, returnCodeHash []byte) error {
	from := a.State
	next, err := from.after(action)
	if err != nil {
		return err
	}
	a.State, a.UpdateTime = next, s.now()
	if err := tx.UpdateApplication(ctx, a, returnCodeHash); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, s.event(who, name, applicationName(a.Program, a.ID), reason, transition(from, next)))
}

// eachApplication calls fn for every application in one of the states, oldest
// first, and counts those for which it says true. fn may change the state.
func eachApplication(ctx context.Context, tx Tx, program string, states []ApplicationState, fn func(*Application) (bool, error)) (int, error) {
	n := 0
	for after := ""; ; {
		batch, err := tx.Applications(ctx, ApplicationQuery{Program: program, States: states, AfterID: after, Limit: scanBatch})
		if err != nil {
			return n, err
		}
		for _, a := range batch {
			after = a.ID
			did, err := fn(a)
			if err != nil {
				return n, err
			}
			if did {
				n++
			}
		}
		if len(batch) < scanBatch {
			return n, nil
		}
	}
}

// ExtendProgram moves the closing time later: while open, or within 24 hours
// after the close and before the selection begins, with a reason. A closed
// call is open again then; its pool goes back to SUBMITTED, and trial runs on
// the old pool become stale.
func (s *Service) ExtendProgram(ctx context.Context, who access.Principal, id string, closes time.Time, reason string, revision int64, idem Idempotency) (*Program, error) {
	if err := calls.Need(who, access.ProgramsOpen, id); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if closes.IsZero() {
		bad = append(bad, Violation{Field: "close_time", Message: "the new closing time is missing"})
	}
	if len(bad) > 0 {
		return nil, Invalid("EXTENSION_INVALID", "the call cannot be extended like this", bad...)
	}
	closes = instant(closes)
	return once(ctx, s, who, id, "ExtendProgram", idem, func(tx Tx) (*Program, string, error) {
		p, err := tx.Program(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
		from := p.State
		next, err := from.after(extendProgram)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		if from == ProgramClosed && !now.Before(p.CloseTime.Add(lateExtension)) {
			return nil, "", Errorf(FailedPrecondition, "EXTENSION_TOO_LATE", "a call can be extended within 24 hours after it closed, no later")
		}
		if !closes.After(p.Window.Closes) || !closes.After(now) {
			return nil, "", Invalid("EXTENSION_INVALID", "the call cannot be extended like this",
				Violation{Field: "close_time", Message: "later than the closing time so far, and in the future"})
		}
		p.State, p.Window.Closes, p.CloseTime, p.UpdateTime = next, closes, time.Time{}, now
		if err := tx.UpdateProgram(ctx, p); err != nil {
			return nil, "", err
		}
		if err := tx.AppendEvents(ctx, s.event(who, "program.extend", programName(id), reason, transition(from, next))); err != nil {
			return nil, "", err
		}
		if from == ProgramClosed {
			reopened, err := eachApplication(ctx, tx, id, []ApplicationState{InPool, Ineligible}, func(a *Application) (bool, error) {
				a.IneligibleReasons = nil
				return true, s.move(ctx, tx, who, a, reopenApplication, "application.reopen", reason, nil)
			})
			if err != nil {
				return nil, "", err
			}
			if reopened > 0 {
				if err := s.staleRuns(ctx, tx, who, id, false); err != nil {
					return nil, "", err
				}
			}
		}
		return countsFor(who, p), id, nil
	})
}

// ExtendApplication gives one applicant until a later instant to change and
// submit, with a reason: while the call is open, or closed without a selection
// begun.
func (s *Service) ExtendApplication(ctx context.Context, who access.Principal, program, id string, until time.Time, reason string, revision int64, idem Idempotency) (*Application, error) {
	if err := calls.Need(who, access.ApplicationsWrite, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, Invalid("EXTENSION_INVALID", "the application cannot be extended like this", bad...)
	}
	until = instant(until)
	return once(ctx, s, who, program, "ExtendApplication", idem, func(tx Tx) (*Application, string, error) {
		p, a, err := loadApplication(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, a.Revision); err != nil {
			return nil, "", err
		}
		if p.State != ProgramOpen && p.State != ProgramClosed {
			return nil, "", Errorf(FailedPrecondition, "PROGRAM_STATE", "an application can be extended while its call is open, or closed with no selection begun")
		}
		now := s.now()
		if !until.After(p.Window.end()) || !until.After(now) {
			return nil, "", Invalid("EXTENSION_INVALID", "the application cannot be extended like this",
				Violation{Field: "extended_close_time", Message: "later than the end of the call, and in the future"})
		}
		a.ExtendedUntil = until
		if err := s.move(ctx, tx, who, a, extendApplication, "application.extend", reason, nil); err != nil {
			return nil, "", err
		}
		form, err := tx.Form(ctx, program, a.Form)
		if err != nil {
			return nil, "", err
		}
		return redacted(a, form), id, nil
	})
}

// accepts refuses what comes outside the window: FailedPrecondition with
// CALL_NOT_OPEN before, CALL_CLOSED after. a is nil for a new application.
func (p *Program) accepts(a *Application, now time.Time) error {
	if p.Accepting(now) {
		return nil
	}
	extended := a != nil && now.Before(a.ExtendedUntil) && !now.Before(p.Window.Opens)
	switch {
	case extended && (p.State == ProgramOpen || p.State == ProgramClosed):
		return nil
	case p.State == ProgramDraft:
		return Errorf(FailedPrecondition, "CALL_NOT_OPEN", "this call is not open yet")
	case p.State == ProgramOpen && now.Before(p.Window.Opens):
		return Errorf(FailedPrecondition, "CALL_NOT_OPEN", "this call opens on %s", shown(p.Window.Opens, p.Window.Zone))
	}
	return Errorf(FailedPrecondition, "CALL_CLOSED", "this call closed on %s", shown(p.Window.Closes, p.Window.Zone))
}

// shown is an instant in the program's zone, with the zone's name of that day.
func shown(t time.Time, zone string) string {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	return t.In(loc).Format("January 2, 2006 at 3:04 PM MST")
}
