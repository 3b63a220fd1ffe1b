package applications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
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
// lottery are those of the run that it replaces, with a draw of its own; company
// rules give way as they did there. Its largest chance holds where some lottery
// keeps it: with few who can take a seat somebody has to have a large one, and the
// run is then without the limit. Beside those that are named, every member counts
// who has no open offer any more, or left.
//
// FailedPrecondition OFFER_OPEN if somebody who is named still has an offer:
// the decline is recorded first. NOBODY_DECLINED if no seat is free.
func (s *Service) ReplaceMembers(ctx context.Context, who access.Principal, req ReplaceRequest, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, req.Program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", req.Reason)
	if len(bad) > 0 {
		return nil, Invalid("REASON_MISSING", "to fill seats again needs a reason, which is recorded", bad...)
	}
	made, err := once(ctx, s, who, req.Program, "ReplaceMembers", idem, func(tx Tx) (*Selection, string, error) {
		p, err := tx.Program(ctx, req.Program)
		if err != nil {
			return nil, "", err
		}
		base, err := runAt(ctx, tx, req.Program, req.Selection, req.Revision)
		if err != nil {
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
			Allow: base.Allow, GaveWay: base.GaveWay, SeedKind: base.SeedKind, SeedSource: base.SeedSource, SeedPeople: base.SeedPeople, Work: base.Work,
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

// RepairMove is an objective that a replacement cannot keep.
type RepairMove struct {
	// Reason is as selection.Move: ExcludedByConditions, ExcludedByMust,
	// ExcludedBySize, or ExcludedByPriority with its number.
	Reason string
	// Limit is what was good enough, Least what is possible; or TooFew, for some
	// callers.
	Limit, Least int64
	Rows         []int    // of the rules that move
	Clash        []string // conditions that cannot hold together
}

// repair finds what filling seats again can keep of the run that is replaced:
// what is allowed above the new optimum is what was registered, less what the
// optimum itself gave way.
func (r *Runner) repair(ctx context.Context, sel *Selection) (*selection.Repair, error) {
	var old *frozen
	var chosen selection.Selected
	err := r.Service.Store.View(ctx, func(tx Tx) error {
		base, err := tx.Selection(ctx, sel.Program, sel.Replaces)
		if err != nil || base.ErasedCount > 0 {
			return err // what is left of it does not say what was possible
		}
		cohort, err := base.group()
		if err != nil {
			return err
		}
		record, err := matcher.ParseRecord(base.Record)
		if err != nil {
			return err
		}
		if old, err = readFrozen(base.Frozen); err != nil {
			return err
		}
		pool, err := poolFor(ctx, tx, sel)
		if err != nil {
			return err
		}
		left := map[string]bool{}
		for _, p := range old.People {
			left[p.ID] = !slices.Contains(cohort, p.ID) &&
				!slices.ContainsFunc(pool, func(a *Application) bool { return a.Code == p.ID })
		}
		gone := func(id string) bool { return left[id] }
		c := old.Criteria
		c.Include, c.Exclude = slices.DeleteFunc(c.Include, gone), slices.DeleteFunc(c.Exclude, gone)
		outcome := record.Outcome
		outcome.Cohort = cohort
		chosen = selection.Selected{
			People:   slices.DeleteFunc(old.People, func(p matcher.Person) bool { return left[p.ID] }),
			Criteria: withoutPeople(c, gone), Outcome: &outcome,
		}
		return nil
	})
	if err != nil || old == nil {
		return nil, err
	}
	var confirmed []string
	for _, l := range sel.Include {
		confirmed = append(confirmed, l.Code)
	}
	repair, err := selection.Replace(ctx, chosen, confirmed, sel.Declined, selection.Options{Work: sel.Work})
	if problems, ok := err.(selection.InputErrors); ok {
		return nil, engineError("REPLACEMENT_INVALID", problems)
	}
	return repair, err
}

// uncap takes the limit on the largest chance out of what is frozen.
func (r *Runner) uncap(ctx context.Context, sel *Selection, input *frozen) error {
	return r.durable(ctx, sel, StepFrozen, 0, func(tx Tx, now *Selection) (err error) {
		detail := fmt.Sprintf("maxChance=%d", now.MaxChance)
		now.MaxChance, input.MaxChance = 0, 0
		if now.Frozen, err = input.bytes(); err != nil {
			return err
		}
		now.InputDigest = input.digest()
		return tx.AppendEvents(ctx, r.Service.event(calls.System, "selection.uncap", selectionName(now), "", detail))
	})
}

// tooLowACap reports whether an error says that no lottery keeps the limit on the
// largest chance.
func tooLowACap(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason == "SELECTION_INVALID" && len(e.Violations) == 1 && e.Violations[0].Field == "max_chance"
}

// withoutPeople takes people out of links and lists of a set of criteria. A link
// that is left with nobody to tie is none. A rule on people of whom none is left
// counts nobody: an empty list would be everybody.
func withoutPeople(c matcher.Criteria, gone func(string) bool) matcher.Criteria {
	c.Links = slices.Clone(c.Links)
	for i := range c.Links {
		c.Links[i].IDs = slices.DeleteFunc(slices.Clone(c.Links[i].IDs), gone)
	}
	c.Links = slices.DeleteFunc(c.Links, func(l matcher.Link) bool {
		return len(l.IDs) == 0 || len(l.IDs) == 1 && l.Kind != matcher.AtLeastOne
	})
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		p := &c.Rules[i].Property
		listed := p.IDs
		p.IDs = slices.DeleteFunc(slices.Clone(listed), gone)
		c.Rules[i].Alone = slices.DeleteFunc(slices.Clone(c.Rules[i].Alone), gone)
		if len(listed) > 0 && len(p.IDs) == 0 {
			p.IDs, p.Terms = nil, []matcher.Term{{Attribute: nobodyHas, Values: listed}}
		}
	}
	return c
}

// nobodyHas is no key of any form, as keys have no blanks.
const nobodyHas = "applicant code"

// take notes in a run what a repair came to.
func (sel *Selection) take(repair *selection.Repair) {
	if repair == nil {
		return
	}
	sel.Allow = repair.Criteria.Allow
	for _, m := range repair.Moves {
		move := RepairMove{Reason: m.Reason, Limit: m.Limit, Least: m.Least, Clash: m.Clash}
		for _, rule := range m.Rules {
			move.Rows = append(move.Rows, rule.After.Row)
		}
		sel.Moves = append(sel.Moves, move)
	}
}

// whoStays splits a group into those who keep their seats and those who left.
func (s *Service) whoStays(ctx context.Context, tx Tx, req ReplaceRequest, cohort []string) (kept, gone []*Application, err error) {
	named := map[string]bool{}
	var bad []Violation
	for i, id := range req.Declined {
		at := fmt.Sprintf("declined[%d]", i)
		a, err := tx.Application(ctx, req.Program, id)
		switch {
		case CodeOf(err) == NotFound:
			bad = append(bad, Violation{Field: at, Message: "there is no such application"})
		case err != nil:
			return nil, nil, err
		case !slices.Contains(cohort, a.Code):
			bad = append(bad, Violation{Field: at, Message: a.Code + " is not in the group of this run"})
		case named[a.ID]:
			bad = append(bad, Violation{Field: at, Message: a.Code + " is there twice"})
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
