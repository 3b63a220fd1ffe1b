package mentoring

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// EraseEnrollment erases a mentor or mentee for good, whatever state anything of
// theirs is in: contact, profile, preferences and every text by or about them;
// token and links; the stored answers to requests about them; the reasons in the
// audit log. Open proposals are taken back, mentorships end, and in the frozen
// input of every run their entry is blanked. Erasing what is erased changes
// nothing.
//
// It returns when the erasure is on the list outside the database: Unavailable
// ERASURE_NOT_LISTED if that failed; then the enrollment is erased, and the
// server lists it by itself later.
func (s *Service) EraseEnrollment(ctx context.Context, who access.Principal, program, id, reason string, idem Idempotency) (*Enrollment, error) {
	if err := calls.Need(who, access.ApplicationsErase, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("ERASURE_INVALID", "the enrollment cannot be erased like this", bad...)
	}
	e, err := once(ctx, s, who, program, "EraseEnrollment", idem, func(tx Tx) (*Enrollment, string, error) {
		if _, err := tx.Plan(ctx, program); err != nil {
			return nil, "", err
		}
		e, err := tx.Enrollment(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		return e, id, s.erase(ctx, tx, who, e, reason)
	})
	if err != nil {
		return nil, err
	}
	if s.Erasures != nil {
		if err := s.Erasures.Add(logbook.Erasure{Program: program, Application: id, Time: e.UpdateTime}); err != nil {
			return nil, problem.Errorf(problem.Unavailable, "ERASURE_NOT_LISTED", "this is erased, but could not be written to the list that a restored backup is erased by; free space or mend the list's folder, then make the call again: %w", err)
		}
	}
	s.scrub(ctx)
	return e, nil
}

// EraseFrom erases, in somebody else's transaction, every enrollment that came
// from an application which is erased in it.
func (s *Service) EraseFrom(ctx context.Context, tx Tx, who access.Principal, o Origin, reason string) error {
	list, err := tx.EnrollmentsFrom(ctx, o)
	if err != nil {
		return err
	}
	for _, e := range list {
		if _, err := tx.Plan(ctx, e.Program); err != nil {
			return err
		}
		if err := s.erase(ctx, tx, who, e, reason); err != nil {
			return err
		}
	}
	atomic.StoreUint32(&s.unscrubbed, 1)
	s.forget()
	return nil
}

// Replay erases again what a list of erasures names, in somebody else's
// transaction, and reports whether it was an enrollment that was not erased.
func (s *Service) Replay(ctx context.Context, tx Tx, program, id string) (bool, error) {
	e, err := tx.Enrollment(ctx, program, id)
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.Plan(ctx, program); err != nil {
		return false, err
	}
	was := e.State
	return was != Erased, s.erase(ctx, tx, calls.System, e, "")
}

// TendErasures takes what was erased out of the database's files if that could
// not be done at once, and out of memory what another replica has erased. The
// server calls it from time to time.
func (s *Service) TendErasures(ctx context.Context) error {
	// Neither waits for the other: a run that cannot be read must not keep what was
	// erased in the files.
	var failed error
	if atomic.SwapUint32(&s.unscrubbed, 0) != 0 {
		if failed = s.Store.Scrub(ctx); failed != nil {
			atomic.StoreUint32(&s.unscrubbed, 1)
		}
	}
	return errors.Join(failed, s.forgetErased(ctx))
}

func (s *Service) scrub(ctx context.Context) {
	s.forget()
	atomic.StoreUint32(&s.unscrubbed, 1)
	const patience = 2 * time.Second // of who waits for an answer
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.TendErasures(ctx); err != nil {
		s.log().WarnContext(ctx, "what was erased is not yet overwritten in the database's files; it is tried again", "error", err)
	}
}

// forget drops what was solved from memory: it holds profiles.
func (s *Service) forget() {
	s.mu.Lock()
	s.solved = nil
	s.mu.Unlock()
}

// forgetRun drops one run, with whatever edits.
func (s *Service) forgetRun(name string) {
	s.mu.Lock()
	s.solved = slices.DeleteFunc(slices.Clone(s.solved), func(v *solved) bool { return runOf(v.key) == name })
	s.mu.Unlock()
}

// runOf is the name of the run that a key of what was solved begins with.
func runOf(key string) string {
	name, _, _ := strings.Cut(key, "\x00")
	return name
}

// forgetErased drops the runs of which somebody was erased since they were
// solved, or that are gone: another replica may have done that.
func (s *Service) forgetErased(ctx context.Context) error {
	s.mu.Lock()
	held := map[string]string{} // name of a run -> digest of its input
	for _, v := range s.solved {
		held[runOf(v.key)] = v.digest
	}
	s.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(held)) {
		parts := strings.Split(name, "/") // programs/PROGRAM/matchings/ID
		var m *Matching
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			m, err = tx.Matching(ctx, parts[1], parts[3])
			return err
		})
		switch {
		case problem.CodeOf(err) == problem.NotFound || problem.CodeOf(err) == problem.FailedPrecondition: // also if its key was destroyed
			s.forgetRun(name)
		case err != nil:
			return err
		case m.InputDigest != held[name]:
			s.forgetRun(name)
		}
	}
	return nil
}

func (s *Service) erase(ctx context.Context, tx Tx, who access.Principal, e *Enrollment, reason string) error {
	if e.State != Erased {
		if err := s.eraseNow(ctx, tx, who, e, reason); err != nil {
			return err
		}
	}
	return tx.AddErasure(ctx, &logbook.Erasure{Program: e.Program, Application: e.ID, Time: e.UpdateTime})
}

// eraseNow does not touch the audit log before its last step: every other
// writer waits for that.
func (s *Service) eraseNow(ctx context.Context, tx Tx, who access.Principal, e *Enrollment, reason string) error {
	from := e.State
	next, err := from.after(eraseEnrollment)
	if err != nil {
		return err
	}
	events, err := s.leave(ctx, tx, who, e)
	if err != nil {
		return err
	}
	// Requests about these have answers that tell of the person, and events about
	// those say why something was done to them.
	answers, reasons := []string{e.ID}, []string{e.name()}
	for _, step := range []func(context.Context, Tx, *Enrollment) (ids, names []string, err error){s.eraseProposals, s.eraseMentorships, s.eraseDirectives, s.eraseMatchings} {
		ids, names, err := step(ctx, tx, e)
		if err != nil {
			return err
		}
		answers, reasons = append(answers, ids...), append(reasons, names...)
	}
	*e = Enrollment{
		Program: e.Program, ID: e.ID, Code: e.Code, Role: e.Role, State: next,
		// What opened it opens it no more, whatever is read of this first.
		TokenGeneration: e.TokenGeneration + 1,
		Revision:        e.Revision, CreateTime: e.CreateTime, SubmitTime: e.SubmitTime, UpdateTime: s.now(),
	}
	if err := tx.EraseEnrollment(ctx, e); err != nil {
		return err
	}
	slices.Sort(answers)
	for _, resource := range slices.Compact(answers) {
		if err := tx.EraseAnswers(ctx, e.Program, resource); err != nil {
			return err
		}
	}
	for _, resource := range reasons {
		if err := tx.EraseReasons(ctx, resource); err != nil {
			return err
		}
	}
	return tx.AppendEvents(ctx, append(events, s.event(who, "enrollment.erase", e.name(), reason, transition(from, next)))...)
}

func (s *Service) eraseProposals(ctx context.Context, tx Tx, e *Enrollment) (ids, names []string, err error) {
	list, err := tx.Proposals(ctx, ProposalQuery{Program: e.Program, Enrollment: e.ID})
	if err != nil {
		return nil, nil, err
	}
	for _, p := range list {
		ids, names = append(ids, p.ID), append(names, p.name())
		p.Parts, p.Reason, p.DeclineNote = nil, "", ""
		if err := tx.UpdateProposal(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	return ids, names, nil
}

func (s *Service) eraseMentorships(ctx context.Context, tx Tx, e *Enrollment) (ids, names []string, err error) {
	list, err := tx.Mentorships(ctx, MentorshipQuery{Program: e.Program, Enrollment: e.ID})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range list {
		ids, names = append(ids, m.ID), append(names, m.name())
		// Goals, places and a safe exit are about both of them.
		m.Goals, m.SafeExit = nil, ""
		for i := range m.Meetings {
			m.Meetings[i].Place = ""
		}
		if e.ID == m.Mentee {
			m.MenteeSurvey = nil
		} else {
			m.MentorSurvey = nil
		}
		for _, v := range []*Survey{m.MenteeSurvey, m.MentorSurvey} {
			if v != nil {
				v.Words = ""
			}
		}
		if err := tx.UpdateMentorship(ctx, m); err != nil {
			return nil, nil, err
		}
	}
	return ids, names, nil
}

func (s *Service) eraseDirectives(ctx context.Context, tx Tx, e *Enrollment) (ids, names []string, err error) {
	list, err := tx.Directives(ctx, DirectiveQuery{Program: e.Program})
	if err != nil {
		return nil, nil, err
	}
	for _, d := range list {
		if d.Mentee != e.ID && d.Mentor != e.ID {
			continue
		}
		ids, names = append(ids, d.ID), append(names, d.name())
		if d.Reason = ""; d.LiftTime.IsZero() {
			d.LiftTime = s.now()
		}
		if err := tx.UpdateDirective(ctx, d); err != nil {
			return nil, nil, err
		}
	}
	return ids, names, nil
}

// eraseMatchings takes the person out of every run that holds them.
func (s *Service) eraseMatchings(ctx context.Context, tx Tx, e *Enrollment) (ids, names []string, err error) {
	for after := ""; ; {
		const few = 50
		batch, err := tx.MatchingHeads(ctx, e.Program, after, few)
		if err != nil {
			return nil, nil, err
		}
		for _, head := range batch {
			after = head.ID
			// One whole run at a time: each may hold a whole pool.
			m, err := tx.Matching(ctx, e.Program, head.ID)
			if err != nil {
				return nil, nil, err
			}
			held, ordered, err := m.erase(e.ID)
			if err != nil {
				return nil, nil, err
			}
			if ordered {
				names = append(names, m.name())
			}
			if !held {
				continue
			}
			ids = append(ids, m.ID)
			m.UpdateTime = s.now()
			if err := tx.UpdateMatching(ctx, m); err != nil {
				return nil, nil, err
			}
		}
		if len(batch) < few {
			return ids, names, nil
		}
	}
}

// erase blanks somebody in a run's input and result, and reports whether the run
// held them, and whether an edit was about them.
func (m *Matching) erase(id string) (held, edited bool, err error) {
	if len(m.Frozen) > 0 {
		f, err := readFrozen(m.Frozen)
		if err != nil {
			return false, false, err
		}
		if p := f.person(id); p != nil && !p.Erased {
			code := p.Code
			*p = frozenPerson{ID: p.ID, Code: code, Erased: true}
			f.Locks = slices.DeleteFunc(f.Locks, func(pair frozenPair) bool { return pair.Mentee == code || pair.Mentor == code })
			if m.Frozen, err = f.bytes(); err != nil {
				return false, false, err
			}
			held = true
			m.InputDigest = ""
			m.ErasedCount++
		}
	}
	if held && m.ErrorReason == "PROFILE_UNREADABLE" {
		m.Error = "" // of an earlier version: it quotes an answer
	}
	if held && len(m.Record) > 0 {
		r, err := m.result()
		if err != nil {
			return false, false, err
		}
		for i := range r.Pairs {
			if r.Pairs[i].Mentee == id || r.Pairs[i].Mentor == id {
				r.Pairs[i].Parts = nil
			}
		}
		r.Certificate, r.Audit = nil, nil // they name groups
		if m.Record, err = json.Marshal(r); err != nil {
			return false, false, err
		}
	}
	for i := range m.Edits {
		if e := &m.Edits[i]; e.Mentee == id || e.Mentor == id {
			e.Reason = ""
			held, edited = true, true
		}
	}
	return held, edited, nil
}
