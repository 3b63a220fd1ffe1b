package applications

import (
	"cmp"
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

// ChooseRequest changes the group of a run by hand: members Out and others In,
// or the whole Cohort; ids of applications.
type ChooseRequest struct {
	Program, Selection string
	Out, In            []string
	Cohort             []string
	Reason             string
	Revision           int64
}

// ChooseSelection makes an alternative, or a swap, the group of a run, with a
// reason. From then on, and for good, the run says CHOSEN: its chances do not
// describe the group any more, and it cannot be drawn again. What was drawn
// stays visible.
//
// InvalidArgument SWAP_INVALID if the group would not keep a rule that must
// hold, the size, a lock or a link, naming which.
func (s *Service) ChooseSelection(ctx context.Context, who access.Principal, req ChooseRequest, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, req.Program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", req.Reason)
	if len(bad) > 0 {
		return nil, Invalid("REASON_MISSING", "to change a group by hand needs a reason, which is recorded", bad...)
	}
	return once(ctx, s, who, req.Program, "ChooseSelection", idem, func(tx Tx) (*Selection, string, error) {
		sel, err := runAt(ctx, tx, req.Program, req.Selection, req.Revision)
		if err != nil {
			return nil, "", err
		}
		before, err := sel.cohort()
		switch {
		case err != nil:
			return nil, "", err
		case !sel.OfferTime.IsZero():
			return nil, "", Errorf(FailedPrecondition, "OFFERS_MADE", "seats were offered on this run: its group stands as it is")
		case sel.ErasedCount > 0:
			return nil, "", Errorf(FailedPrecondition, "RUN_ERASED", "people were erased from this run: start a new one")
		}
		input, err := readFrozen(sel.Frozen)
		if err != nil {
			return nil, "", err
		}
		after, err := req.apply(ctx, tx, before)
		if err != nil {
			return nil, "", err
		}
		p, err := tx.Program(ctx, req.Program)
		if err != nil {
			return nil, "", err
		}
		form, err := tx.Form(ctx, req.Program, p.FormVersion)
		if err != nil {
			return nil, "", err
		}
		c, err := tx.Criteria(ctx, req.Program, sel.Criteria)
		if err != nil {
			return nil, "", err
		}
		if err := input.holds(after, form, c); err != nil {
			return nil, "", err
		}
		if err := s.choose(ctx, tx, who, sel, before, after, reason); err != nil {
			return nil, "", err
		}
		return sel.outside(who), sel.ID, nil
	})
}

// choose makes a group that somebody picked the one of a run.
func (s *Service) choose(ctx context.Context, tx Tx, who access.Principal, sel *Selection, before, after []string, reason string) error {
	now := s.now()
	c := Choice{
		Attempt: len(sel.Draws), Out: without(before, after), In: without(after, before), Reason: reason, By: who.Subject, Time: now, Cohort: after,
	}
	from := sel.Provenance
	sel.Choices = append(sel.Choices, c)
	sel.Provenance, sel.UpdateTime = Chosen, now
	if err := tx.UpdateSelection(ctx, sel); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, s.event(who, "selection.choose", selectionName(sel), reason,
		fmt.Sprintf("%s out=%d in=%d", transition(from, Chosen), len(c.Out), len(c.In))))
}

// about reports whether somebody went or came by a choice.
func (c *Choice) about(code string) bool {
	return slices.Contains(c.Out, code) || slices.Contains(c.In, code)
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(id string) bool { return slices.Contains(others, id) })
}

// apply is the group that is asked for, by code and sorted.
func (req *ChooseRequest) apply(ctx context.Context, tx Tx, before []string) ([]string, error) {
	var bad []Violation
	var failed error
	codes := func(field string, ids []string) []string {
		var list []string
		for i, id := range ids {
			at := fmt.Sprintf("%s[%d]", field, i)
			a, err := tx.Application(ctx, req.Program, id)
			switch {
			case CodeOf(err) == NotFound:
				bad = append(bad, Violation{Field: at, Message: "there is no such application"})
			case err != nil:
				failed = cmp.Or(failed, err)
			case slices.Contains(list, a.Code):
				bad = append(bad, Violation{Field: at, Message: a.Code + " is there twice"})
			case field != "out" && a.State != InPool && a.State != Selected && !slices.Contains(before, a.Code):
				bad = append(bad, Violation{Field: at, Message: fmt.Sprintf("%s is %s, and not in the pool any more", a.Code, a.State)})
			default:
				list = append(list, a.Code)
			}
		}
		return list
	}
	out, in, whole := codes("out", req.Out), codes("in", req.In), codes("cohort", req.Cohort)
	if failed != nil {
		return nil, failed
	}
	after := whole
	if len(whole) > 0 && len(out)+len(in) > 0 {
		bad = append(bad, Violation{Field: "cohort", Message: "the whole group, or who goes and who comes: not both"})
	}
	if len(req.Cohort) == 0 {
		for _, code := range out {
			if !slices.Contains(before, code) {
				bad = append(bad, Violation{Field: "out", Message: code + " is not in the group"})
			}
		}
		for _, code := range in {
			if slices.Contains(before, code) {
				bad = append(bad, Violation{Field: "in", Message: code + " is in the group already"})
			}
		}
		after = append(without(before, out), in...)
	}
	slices.Sort(after)
	if len(bad) == 0 && slices.Equal(after, before) {
		bad = append(bad, Violation{Field: "cohort", Message: "this is the group as it stands"})
	}
	if len(bad) > 0 {
		return nil, Invalid("SWAP_INVALID", "the group cannot be changed like this", bad...)
	}
	return after, nil
}

// holds checks that a group keeps everything that must hold. Of rows that tell
// who people are only the number is told: errors end up in logs and tickets.
func (f *frozen) holds(cohort []string, form *Form, registered *Criteria) error {
	c := f.Criteria
	var bad []Violation
	there := map[string]bool{}
	for _, p := range f.People {
		there[p.ID] = true
	}
	for _, id := range cohort {
		if !there[id] {
			bad = append(bad, Violation{Field: "in", Message: id + " was not in the pool of this run"})
		}
		if slices.Contains(c.Exclude, id) {
			bad = append(bad, Violation{Field: "in", Message: id + " is excluded from this run"})
		}
	}
	for _, id := range without(c.Include, cohort) {
		bad = append(bad, Violation{Field: "out", Message: id + " is in by a lock"})
	}
	if n := len(cohort); n > c.Size || n < c.MinSize {
		bad = append(bad, Violation{Field: "cohort", Message: fmt.Sprintf("%d people; from %d to %d are wanted", n, c.MinSize, c.Size)})
	}
	if len(bad) == 0 {
		for _, row := range registered.resolve(form).label(form, registered, selection.Count(f.People, c, cohort)) {
			switch {
			case row.Priority != matcher.Must || !row.Missed():
			case row.Identity:
				bad = append(bad, Violation{Field: "cohort", Message: fmt.Sprintf("row %d has to hold, and does not", row.Row)})
			default:
				bad = append(bad, Violation{Field: "cohort", Message: fmt.Sprintf("row %d (%s %s) has to hold: it is short by %d and over by %d", row.Row, row.Feature, row.Value, row.Short, row.Over)})
			}
		}
	}
	if len(bad) == 0 { // caps and links are left
		var broken *selection.Broken
		err := selection.Conditions(f.People, c, cohort)
		message := "a cap that has to hold does not"
		switch {
		case err == nil:
		case !errors.As(err, &broken):
			message = err.Error()
		case broken.Kind != selection.BrokenCap:
			message = fmt.Sprintf("%s: %s", err, strings.Join(broken.IDs, ", "))
		case len((&Criteria{HardCaps: map[string]int{broken.Attribute: broken.Limit}}).identityAttributes(form)) == 0:
			message = err.Error()
		}
		if err != nil {
			bad = append(bad, Violation{Field: "cohort", Message: message})
		}
	}
	if len(bad) > 0 {
		return Invalid("SWAP_INVALID", "the group cannot be changed like this", bad...)
	}
	return nil
}
