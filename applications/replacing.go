package applications

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// ReplaceRequest asks for a run that fills the seats of people who declined:
// Declined are ids of applications of the group.
type ReplaceRequest struct {
	Program, Selection string
	Declined           []string
	Reason             string
	Revision           int64
}

// ReplaceMembers queues a run that fills seats which became free: the others of
// the group keep theirs, whoever declined is out, and the criteria and the
// lottery are those of the run that it replaces, with a draw of its own. Beside
// those that are named, every member counts who has no open offer any more, or
// left.
//
// FailedPrecondition OFFER_OPEN if somebody who is named still has an offer:
// the decline is recorded first. NOBODY_DECLINED if no seat is free.
func (s *Service) ReplaceMembers(ctx context.Context, who access.Principal, req ReplaceRequest, idem Idempotency) (*Selection, error) {
	if err := need(who, access.SelectionsRun, req.Program); err != nil {
		return nil, err
	}
	reason, bad := staffReason("reason", req.Reason)
	if len(bad) > 0 {
		return nil, Invalid("REASON_MISSING", "to fill seats again needs a reason, which is recorded", bad...)
	}
	made, err := once(ctx, s, who, req.Program, "ReplaceMembers", idem, func(tx Tx) (*Selection, string, error) {
		p, err := tx.Program(ctx, req.Program)
		if err != nil {
			return nil, "", err
		}
		base, err := tx.Selection(ctx, req.Program, req.Selection)
		if err != nil {
			return nil, "", err
		}
		if err := sameRevision(req.Revision, base.Revision); err != nil {
			return nil, "", err
		}
		cohort, err := base.cohort()
		if err != nil {
			return nil, "", err
		}
		kept, gone, err := s.whoStays(ctx, tx, req, cohort)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		made := &Selection{
			Program: p.ID, ID: s.NewID(), State: SelectionQueued, Criteria: base.Criteria, Lottery: base.Lottery, MaxChance: base.MaxChance,
			Allow: base.Allow, SeedKind: base.SeedKind, SeedSource: base.SeedSource, SeedPeople: base.SeedPeople, Work: base.Work,
			Replaces: base.ID, EarlierChoices: base.EarlierChoices + len(base.Choices),
			Engine: s.Engine, CreateTime: now, UpdateTime: now, CreatedBy: who.Subject,
		}
		if made.Lottery == matcher.LotteryNone {
			made.Seed = base.Seed
		}
		for _, a := range kept {
			made.Include = append(made.Include, Lock{Application: a.ID, Code: a.Code, Reason: "keeps the seat of run " + base.ID, By: who.Subject, Time: now})
		}
		for _, a := range gone {
			made.Declined = append(made.Declined, a.Code)
			if a.State == InPool {
				made.Exclude = append(made.Exclude, Lock{Application: a.ID, Code: a.Code, Reason: reason, By: who.Subject, Time: now})
			}
		}
		c, form, err := s.criteriaToRun(ctx, tx, p, made)
		if err != nil {
			return nil, "", err
		}
		pool, err := poolFor(ctx, tx, made)
		if err != nil {
			return nil, "", err
		}
		input := freeze(form, c, pool, made)
		if problems, _ := selection.Validate(input.People, input.Criteria); len(problems) > 0 {
			return nil, "", engineError("SELECTION_INVALID", selection.InputErrors(problems))
		}
		made.PoolSize = len(pool)
		if err := tx.InsertSelection(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "selection.replace", selectionName(made), reason,
			fmt.Sprintf("%s of=%s kept=%d free=%d", transition("", SelectionQueued), base.ID, len(kept), len(gone))))
	})
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return made, err
}

// whoStays splits a group into those who keep their seats and those who left.
func (s *Service) whoStays(ctx context.Context, tx Tx, req ReplaceRequest, cohort []string) (kept, gone []*Application, err error) {
	named := map[string]bool{}
	var bad []Violation
	for i, id := range req.Declined {
		at := fmt.Sprintf("declined[%d]", i)
		a, err := tx.Application(ctx, req.Program, id)
		switch {
		case err != nil:
			bad = append(bad, Violation{at, "there is no such application"})
		case !slices.Contains(cohort, a.Code):
			bad = append(bad, Violation{at, a.Code + " is not in the group of this run"})
		case named[a.ID]:
			bad = append(bad, Violation{at, a.Code + " is there twice"})
		}
		named[id] = true
	}
	if len(bad) > 0 {
		return nil, nil, Invalid("REPLACEMENT_INVALID", "seats cannot be filled again like this", bad...)
	}
	var open []string
	for _, code := range cohort {
		a, err := tx.ApplicationByCode(ctx, req.Program, code)
		if err != nil {
			return nil, nil, err
		}
		offers, err := tx.OffersTo(ctx, req.Program, a.ID)
		if err != nil {
			return nil, nil, err
		}
		holds := slices.ContainsFunc(offers, func(o *Offer) bool { return o.State.Open() })
		left := a.State != InPool && a.State != Selected || len(offers) > 0 && !holds
		switch {
		case named[a.ID] && holds:
			open = append(open, code)
		case named[a.ID] || left:
			gone = append(gone, a)
		default:
			kept = append(kept, a)
		}
	}
	if len(open) > 0 {
		return nil, nil, Errorf(FailedPrecondition, "OFFER_OPEN", "%s still has an open offer: record the decline first, or take the offer back", strings.Join(open, ", "))
	}
	if len(gone) == 0 {
		return nil, nil, Errorf(FailedPrecondition, "NOBODY_DECLINED", "nobody of this group has left: there is no seat to fill")
	}
	return kept, gone, nil
}
