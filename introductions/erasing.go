package introductions

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// EraseMember erases a member for good: contact, profile, wishes; token and
// links; the stored answers to requests about them; the reasons in the audit log.
// Open introductions go on without them, or end, and in the frozen input of every
// round their entry is blanked. Erasing what is erased changes nothing.
//
// It returns when the erasure is on the list outside the database: Unavailable
// ERASURE_NOT_LISTED if that failed; then the member is erased, and the server
// lists it by itself later.
func (s *Service) EraseMember(ctx context.Context, who access.Principal, program, network, id, reason string, idem Idempotency) (*Member, error) {
	if err := calls.Need(who, access.ApplicationsErase, program); err != nil {
		return nil, err
	}
	reason, err := calls.Reason(reason)
	if err != nil {
		return nil, err
	}
	m, err := once(ctx, s, who, program, "EraseMember", idem, func(tx Tx) (*Member, string, error) {
		if _, err := tx.Network(ctx, program, network); err != nil {
			return nil, "", err
		}
		m, err := tx.Member(ctx, program, network, id)
		if err != nil {
			return nil, "", err
		}
		return m, id, s.erase(ctx, tx, who, m, reason)
	})
	if err != nil {
		return nil, err
	}
	if s.Erasures != nil {
		if err := s.Erasures.Add(logbook.Erasure{Program: program, Application: id, Time: m.UpdateTime}); err != nil {
			return nil, problem.Errorf(problem.Unavailable, "ERASURE_NOT_LISTED", "this is erased, but could not be written to the list that a restored backup is erased by; free space or mend the list's folder, then make the call again: %w", err)
		}
	}
	s.scrub(ctx)
	return m, nil
}

// Replay erases again what a list of erasures names, in somebody else's
// transaction, and reports whether it was a member who was not erased.
func (s *Service) Replay(ctx context.Context, tx Tx, program, id string) (bool, error) {
	m, err := tx.MemberOf(ctx, program, id)
	if problem.CodeOf(err) == problem.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.Network(ctx, program, m.Network); err != nil {
		return false, err
	}
	was := m.Erased
	return !was, s.erase(ctx, tx, calls.System, m, "")
}

// TendErasures takes what was erased out of the database's files if that could
// not be done at once. The server calls it from time to time.
func (s *Service) TendErasures(ctx context.Context) error {
	if atomic.SwapUint32(&s.unscrubbed, 0) == 0 {
		return nil
	}
	err := s.Store.Scrub(ctx)
	if err != nil {
		atomic.StoreUint32(&s.unscrubbed, 1)
	}
	return err
}

func (s *Service) scrub(ctx context.Context) {
	atomic.StoreUint32(&s.unscrubbed, 1)
	const patience = 2 * time.Second // of who waits for an answer
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.TendErasures(ctx); err != nil {
		s.log().WarnContext(ctx, "what was erased is not yet overwritten in the database's files; it is tried again", "error", err)
	}
}

func (s *Service) erase(ctx context.Context, tx Tx, who access.Principal, m *Member, reason string) error {
	if !m.Erased {
		if err := s.eraseNow(ctx, tx, who, m, reason); err != nil {
			return err
		}
	}
	return tx.AddErasure(ctx, &logbook.Erasure{Program: m.Program, Application: m.ID, Time: m.UpdateTime})
}

// eraseNow does not touch the audit log before its last step: every other
// writer waits for that.
func (s *Service) eraseNow(ctx context.Context, tx Tx, who access.Principal, m *Member, reason string) error {
	var events []Event
	// Requests about these have answers that tell of the person, and events about
	// those say why something was done to them.
	answers, reasons := []string{m.ID}, []string{m.name()}
	list, err := tx.Introductions(ctx, IntroductionQuery{Program: m.Program, Network: m.Network, Member: m.ID})
	if err != nil {
		return err
	}
	for _, i := range list {
		answers, reasons = append(answers, i.ID), append(reasons, i.name())
		side := i.side(m.ID)
		side.Left = true
		if i.State != Proposed {
			side.Reason = ""
			if err := tx.UpdateIntroduction(ctx, i); err != nil {
				return err
			}
			continue
		}
		if side.Answer == Accepted {
			side.Answer = ""
		}
		side.Reason = ""
		event, err := s.settle(ctx, tx, who, i, "introduction.recall", "")
		if err != nil {
			return err
		}
		events = append(events, event)
	}
	rounds, err := s.eraseRounds(ctx, tx, m)
	if err != nil {
		return err
	}
	answers = append(answers, rounds...)
	*m = Member{
		Program: m.Program, Network: m.Network, ID: m.ID, Code: m.Code, Erased: true,
		// What opened it opens it no more, whatever is read of this first.
		TokenGeneration: m.TokenGeneration + 1, Standing: m.Standing,
		Revision: m.Revision, CreateTime: m.CreateTime, UpdateTime: s.now(),
	}
	if err := tx.EraseMember(ctx, m); err != nil {
		return err
	}
	slices.Sort(answers)
	for _, resource := range slices.Compact(answers) {
		if err := tx.EraseAnswers(ctx, m.Program, resource); err != nil {
			return err
		}
	}
	for _, resource := range reasons {
		if err := tx.EraseReasons(ctx, resource); err != nil {
			return err
		}
	}
	return tx.AppendEvents(ctx, append(events, s.event(who, "member.erase", m.name(), reason, ""))...)
}

// eraseRounds takes the person out of the input of every round that holds them,
// and returns the ids of those.
func (s *Service) eraseRounds(ctx context.Context, tx Tx, m *Member) (ids []string, err error) {
	for after := ""; ; {
		const few = 50
		batch, err := tx.RoundHeads(ctx, m.Program, m.Network, after, few)
		if err != nil {
			return nil, err
		}
		for _, head := range batch {
			after = head.ID
			// One whole round at a time: each may hold a whole network.
			r, err := tx.Round(ctx, m.Program, m.Network, head.ID)
			if err != nil {
				return nil, err
			}
			held, err := r.erase(m.ID)
			if err != nil {
				return nil, err
			}
			if !held {
				continue
			}
			ids = append(ids, r.ID)
			r.UpdateTime = s.now()
			if err := tx.UpdateRound(ctx, r); err != nil {
				return nil, err
			}
		}
		if len(batch) < few {
			return ids, nil
		}
	}
}

// erase blanks somebody in a round's input, and reports whether it held them.
func (r *Round) erase(id string) (held bool, err error) {
	if len(r.Frozen) == 0 {
		return false, nil
	}
	f, err := readFrozen(r.Frozen)
	if err != nil {
		return false, err
	}
	at := slices.IndexFunc(f.People, func(p frozenPerson) bool { return p.ID == id && !p.Erased })
	if at < 0 {
		return false, nil
	}
	f.People[at] = frozenPerson{ID: id, Code: f.People[at].Code, Erased: true}
	of := func(p frozenPair) bool { return p[0] == at || p[1] == at }
	f.Never, f.Met = slices.DeleteFunc(f.Never, of), slices.DeleteFunc(f.Met, of)
	if r.Frozen, err = f.bytes(); err != nil {
		return false, err
	}
	r.InputDigest = ""
	r.ErasedCount++
	return true, nil
}
