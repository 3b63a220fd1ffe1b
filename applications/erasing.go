package applications

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
)

// Erasing takes a person out of everything that is kept about one application,
// in one transaction. What stays is a tombstone: that there was an application,
// its code, and when. It cannot be undone, and a restored backup is erased
// again from the list outside the database before anybody sees it.
//
// It is for a privacy officer, whom the applicant asks: not for whoever finds a
// return code, and not before somebody has looked whether a law keeps it.

// ErasureList keeps erasures outside the database, where no restore of an
// older backup can undo them.
type ErasureList interface {
	// Add is durable when it returns nil. What is there already is not added.
	Add(list ...Erasure) error
}

// Elsewhere is what other domains hold of people in the same database. Both
// methods work in a transaction of this package.
type Elsewhere interface {
	// EraseFrom erases everything that came from an application.
	EraseFrom(ctx context.Context, tx Tx, who access.Principal, program, application, reason string) error
	// Replay erases again what an entry of the list names that is no application,
	// and reports whether there was something to erase.
	Replay(ctx context.Context, tx Tx, e Erasure) (bool, error)
}

// EraseApplication erases an application for good, whatever state it and its
// program are in: its contact, answers, consents and every text about it; its
// return code, token and links; the stored answers to requests about it; the
// reasons in the audit log. An open offer to it ends, runs that count on it
// become stale, and in the frozen input of every run its entry becomes a salted
// digest, so that the rest can still be checked. Erasing what is erased changes
// nothing.
//
// It returns when the erasure is on the list outside the database: Unavailable
// ERASURE_NOT_LISTED if that failed; then the application is erased, and the
// call has to be made again, or the server lists it by itself later.
func (s *Service) EraseApplication(ctx context.Context, who access.Principal, program, id, reason string, idem Idempotency) (*Application, error) {
	if err := calls.Need(who, access.ApplicationsErase, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, Invalid("ERASURE_INVALID", "the application cannot be erased like this", bad...)
	}
	a, err := once(ctx, s, who, program, "EraseApplication", idem, func(tx Tx) (*Application, string, error) {
		_, a, err := loadApplication(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		return a, id, s.erase(ctx, tx, who, a, reason)
	})
	if err != nil {
		return nil, err
	}
	s.forget(program)
	return a, s.erased(ctx, Erasure{Program: program, Application: id, Time: a.UpdateTime})
}

// erased makes erasures durable outside the database, and takes what they left
// behind out of its files.
func (s *Service) erased(ctx context.Context, list ...Erasure) error {
	if s.Erasures != nil {
		if err := s.Erasures.Add(list...); err != nil {
			atomic.StoreUint32(&s.unlisted, 1)
			return Errorf(Unavailable, "ERASURE_NOT_LISTED", "this is erased, but could not be written to the list that a restored backup is erased by; free space or mend the list's folder, then make the call again: %w", err)
		}
	}
	s.scrub(ctx)
	return nil
}

// scrub takes what was erased out of the database's files, now or, if others
// read just then, with the next TendErasures.
func (s *Service) scrub(ctx context.Context) {
	atomic.StoreUint32(&s.unscrubbed, 1)
	const patience = 2 * time.Second // of who waits for an answer
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.Store.Scrub(ctx)
	if err == nil {
		atomic.StoreUint32(&s.unscrubbed, 0)
		return
	}
	s.log().WarnContext(ctx, "what was erased is not yet overwritten in the database's files; it is tried again", "error", err)
}

// TendErasures does what is left to do of erasures: it puts on the list outside
// the database those since the time given that are not on it, which other
// servers made or which a crash came before, and takes what they left behind
// out of the database's files. The server calls it from time to time. It
// returns the time to pass the next time.
func (s *Service) TendErasures(ctx context.Context, since time.Time) (time.Time, error) {
	// Other servers' clocks may be late, and their transactions long.
	const overlap = time.Hour
	if atomic.SwapUint32(&s.unlisted, 0) == 1 {
		since = time.Time{}
	}
	next := s.now().Add(-overlap)
	var list []Erasure
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		list, err = tx.Erasures(ctx, since)
		return err
	})
	if err == nil && s.Erasures != nil && len(list) > 0 {
		err = s.Erasures.Add(list...)
	}
	if err != nil {
		return since, err
	}
	if atomic.SwapUint32(&s.unscrubbed, 0) == 1 {
		if err := s.Store.Scrub(ctx); err != nil {
			atomic.StoreUint32(&s.unscrubbed, 1)
			return next, err
		}
	}
	return next, nil
}

// erase takes an application out of everything. reason goes to the audit log.
func (s *Service) erase(ctx context.Context, tx Tx, who access.Principal, a *Application, reason string) error {
	if a.State != Erased {
		if err := s.eraseNow(ctx, tx, who, a, reason); err != nil {
			return err
		}
	}
	return tx.AddErasure(ctx, &Erasure{Program: a.Program, Application: a.ID, Time: a.UpdateTime})
}

// eraseNow does not touch the audit log before its last step: every other
// writer waits for that.
func (s *Service) eraseNow(ctx context.Context, tx Tx, who access.Principal, a *Application, reason string) error {
	from := a.State
	next, err := from.after(eraseApplication)
	if err != nil {
		return err
	}
	events, err := s.endOffer(ctx, tx, who, a)
	if err != nil {
		return err
	}
	if err := s.eraseOffers(ctx, tx, a.Program, a.ID); err != nil {
		return err
	}
	offers, err := tx.OffersTo(ctx, a.Program, a.ID)
	if err != nil {
		return err
	}
	runs, swapped, more, err := s.eraseFromRuns(ctx, tx, who, a)
	if err != nil {
		return err
	}
	events = append(events, more...)
	// Requests about these have answers that tell of the person, and events
	// about those say why something was done to them.
	answers, reasons := append(runs, a.ID), []string{applicationName(a.Program, a.ID)}
	reasons = append(reasons, swapped...)
	for _, o := range offers {
		answers, reasons = append(answers, o.ID, o.Selection), append(reasons, offerName(o))
	}
	*a = Application{
		Program: a.Program, ID: a.ID, Code: a.Code, State: next, Form: a.Form, Offer: a.Offer,
		// What opened it opens it no more, whatever is read of this first.
		TokenGeneration: a.TokenGeneration + 1, CodeGeneration: a.CodeGeneration + 1,
		Revision: a.Revision, CreateTime: a.CreateTime, SubmitTime: a.SubmitTime, UpdateTime: s.now(),
	}
	if err := tx.EraseApplication(ctx, a); err != nil {
		return err
	}
	slices.Sort(answers)
	for _, resource := range slices.Compact(answers) {
		if err := tx.EraseAnswers(ctx, a.Program, resource); err != nil {
			return err
		}
	}
	for _, resource := range reasons {
		if err := tx.EraseReasons(ctx, resource); err != nil {
			return err
		}
	}
	if from == InPool || from == Selected || from == Alternate {
		if err := s.staleRuns(ctx, tx, who, a.Program, false); err != nil {
			return err
		}
	}
	if s.Elsewhere != nil {
		if err := s.Elsewhere.EraseFrom(ctx, tx, who, a.Program, a.ID, reason); err != nil {
			return err
		}
	}
	return tx.AppendEvents(ctx, append(events, s.event(who, "application.erase", applicationName(a.Program, a.ID), reason, transition(from, next)))...)
}

// eraseFromRuns takes the person out of every run of the program that holds
// them, and returns the ids of those runs, the names of those in which somebody
// chose for or against them, with a reason, and what to record.
func (s *Service) eraseFromRuns(ctx context.Context, tx Tx, who access.Principal, a *Application) (ids, swapped []string, events []Event, err error) {
	for after := ""; ; {
		// Few at a time: each may hold a whole pool.
		const few = 20
		batch, err := tx.Selections(ctx, a.Program, after, few)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, sel := range batch {
			after = sel.ID
			if slices.ContainsFunc(sel.Choices, func(c Choice) bool { return c.about(a.Code) }) {
				swapped = append(swapped, selectionName(sel))
			}
			held, err := sel.erase(a, s.Random)
			if err != nil {
				return nil, nil, nil, err
			}
			if !held {
				continue
			}
			sel.UpdateTime = s.now()
			if err := tx.UpdateSelection(ctx, sel); err != nil {
				return nil, nil, nil, err
			}
			ids = append(ids, sel.ID)
			events = append(events, s.event(who, "selection.erase", selectionName(sel), "", fmt.Sprintf("erased=%d", sel.ErasedCount)))
		}
		if len(batch) < few {
			return ids, swapped, events, nil
		}
	}
}

// ReplayErasures erases again what a list says was erased: after an older
// backup was restored, before anybody can read it. What is not there, or is
// erased, is left as it is. It returns how many it erased.
func (s *Service) ReplayErasures(ctx context.Context, list []Erasure) (n int, err error) {
	for _, e := range list {
		did := false
		err := s.Store.Update(ctx, func(tx Tx) error {
			did = false
			if e.Application == "" {
				p, err := tx.Program(ctx, e.Program)
				if CodeOf(err) == NotFound {
					return tx.AddErasure(ctx, &e) // its id stays spent
				}
				if err != nil {
					return err
				}
				if !p.CreateTime.Equal(e.ProgramCreated) {
					return nil // another program, made later, with the same id
				}
				did = true
				return s.destroy(ctx, tx, calls.System, p, "")
			}
			a, err := tx.Application(ctx, e.Program, e.Application)
			if CodeOf(err) == NotFound {
				if s.Elsewhere != nil {
					did, err = s.Elsewhere.Replay(ctx, tx, e)
					return err
				}
				return nil
			}
			if err != nil {
				return err
			}
			did = a.State != Erased
			return s.erase(ctx, tx, calls.System, a, "")
		})
		if err != nil {
			return n, err
		}
		if did {
			n++
		}
	}
	if n > 0 {
		s.scrub(ctx)
	}
	return n, nil
}

// DestroyProgram destroys a program for good, with its data key: everything of
// it, and every copy of it that was encrypted under that key, can be read by
// nobody who has not a copy of the key from before. It has to be over, unless
// forced. Its lines in the audit log stay, without their reasons.
func (s *Service) DestroyProgram(ctx context.Context, who access.Principal, id, reason string, force bool) error {
	if err := calls.Need(who, access.KeysAdmin, ""); err != nil {
		return err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return Invalid("DESTRUCTION_INVALID", "the program cannot be destroyed like this", bad...)
	}
	var e Erasure
	err := s.Store.Update(ctx, func(tx Tx) error {
		p, err := tx.Program(ctx, id)
		if err != nil {
			return err
		}
		if _, err := p.State.after(destroyProgram); err != nil && !force {
			return err
		}
		e = Erasure{Program: id, ProgramCreated: p.CreateTime, Time: s.now()}
		return s.destroy(ctx, tx, who, p, reason)
	})
	if err != nil {
		return err
	}
	s.forget(id)
	return s.erased(ctx, e)
}

func (s *Service) destroy(ctx context.Context, tx Tx, who access.Principal, p *Program, reason string) error {
	if err := tx.DeleteProgram(ctx, p.ID); err != nil {
		return err
	}
	if err := tx.AddErasure(ctx, &Erasure{Program: p.ID, ProgramCreated: p.CreateTime, Time: s.now()}); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, s.event(who, "program.destroy", programName(p.ID), reason, transition(p.State, "")))
}
