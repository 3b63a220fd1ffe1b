package applications

import (
	"context"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Explaining looks at a run that has a group, and changes nothing. What comes
// back are codes and numbers of the engine, people by code; the words are for
// whoever shows them.

// explainWork bounds what one look may cost, in pivots: a person waits.
const explainWork = 1_000_000

// RunView is a run with its group, made ready for looking at it.
type RunView struct {
	Selection *Selection
	Program   *Program
	Criteria  *Criteria
	Form      *Form
	// Rules are the rows of the group as it stands, with the form's labels, as the
	// caller may see them: what an explanation names by Row and is not among them
	// is withheld.
	Rules []ResultRule
	// Applications are ids by code, of everybody in the pool.
	Applications map[string]string

	selected selection.Selected
	identity bool // the caller reads identity answers
}

// Present lists the codes of the group as it stands, sorted.
func (v *RunView) Present() []string { return slices.Clone(v.selected.Outcome.Cohort) }

// view reads a run for a look at it. FailedPrecondition as PrepareOffers, and
// RUN_ERASED when people were erased from its input.
func (s *Service) view(ctx context.Context, who access.Principal, perm access.Permission, program, id string) (*RunView, error) {
	if err := calls.Need(who, perm, program); err != nil {
		return nil, err
	}
	v := &RunView{Applications: map[string]string{}, identity: who.Can(access.IdentityRead, program)}
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if v.Selection, err = tx.Selection(ctx, program, id); err != nil {
			return err
		}
		cohort, err := v.Selection.cohort()
		if err != nil {
			return err
		}
		if v.Selection.ErasedCount > 0 {
			return Errorf(FailedPrecondition, "RUN_ERASED", "people were erased from this run: what is left of it cannot be explained")
		}
		if v.Program, err = tx.Program(ctx, program); err != nil {
			return err
		}
		if v.Criteria, err = tx.Criteria(ctx, program, v.Selection.Criteria); err != nil {
			return err
		}
		if v.Form, err = tx.Form(ctx, program, v.Program.FormVersion); err != nil {
			return err
		}
		f, err := readFrozen(v.Selection.Frozen)
		if err != nil {
			return err
		}
		record, err := matcher.ParseRecord(v.Selection.Record)
		if err != nil {
			return err
		}
		for code, l := range f.Leaves {
			v.Applications[code] = l.Application
		}
		outcome := record.Outcome
		outcome.Cohort = cohort
		v.selected = selection.Selected{People: f.People, Criteria: f.Criteria, Outcome: &outcome}
		if v.Selection.Provenance == Drawn || v.Selection.Provenance == DrawnWithLocks {
			v.selected.Chances = map[string]selection.Chance{}
			for t, ids := range record.Lottery.Types {
				for _, id := range ids {
					v.selected.Chances[id] = selection.Chance{Tickets: record.Lottery.Chances[t], People: len(ids)}
				}
			}
		}
		v.Rules = v.label(selection.Count(f.People, f.Criteria, cohort))
		return nil
	})
	if err != nil {
		return nil, err
	}
	v.Criteria.shownTo(who)
	v.Selection.outside(who)
	return v, nil
}

// label puts the form's words to rows, and leaves out what the caller may not
// see.
func (v *RunView) label(counts []matcher.RuleCount) []ResultRule {
	rules := v.Criteria.resolve(v.Form).label(v.Form, v.Criteria, counts)
	if !v.identity {
		rules, _ = withhold(rules)
	}
	return rules
}

// codes turns ids of applications, or codes, into codes.
func (v *RunView) codes(field string, list []string) ([]string, []Violation) {
	var out []string
	var bad []Violation
	for i, given := range list {
		code := given
		if _, ok := v.Applications[given]; !ok {
			code = ""
			for c, id := range v.Applications {
				if id == given {
					code = c
				}
			}
		}
		if code == "" {
			bad = append(bad, Violation{Field: fmt.Sprintf("%s[%d]", field, i), Message: "nobody in the pool of this run has this id or code"})
			continue
		}
		out = append(out, code)
	}
	return out, bad
}

// Explained is why somebody is in a group or out of it. To a caller who does not
// read identity answers nothing is told of who is like whom: no swaps, no
// chance, and no rule on identity. Where some rule is on identity, what hinders
// swaps is left out too: a rule hinders only swaps that keep those before it, so
// that it would tell who keeps a rule on identity.
type Explained struct {
	*RunView
	*selection.Explanation
	// Withheld: something was left out for this caller.
	Withheld bool
}

// viewToChange is view for who looks for another group: what comes back tells who
// is like whom, so it needs IdentityRead where the rules count people by who they
// are.
func (s *Service) viewToChange(ctx context.Context, who access.Principal, program, id string) (*RunView, error) {
	v, err := s.view(ctx, who, access.SelectionsRun, program, id)
	if err != nil {
		return nil, err
	}
	return v, mayCountBy(who, v.Criteria, v.Form)
}

// ExplainSelection says why an application (by id or code) is in the group of a
// run or not.
func (s *Service) ExplainSelection(ctx context.Context, who access.Principal, program, id, application string) (*Explained, error) {
	v, err := s.view(ctx, who, access.SelectionsRead, program, id)
	if err != nil {
		return nil, err
	}
	codes, bad := v.codes("application", []string{application})
	if len(bad) > 0 {
		return nil, Errorf(NotFound, "NOT_IN_POOL", "this application was not in the pool of this run")
	}
	x, err := selection.Explain(ctx, v.selected, codes[0], selection.Options{Work: explainWork})
	if err != nil {
		return nil, engineError("EXPLANATION_INVALID", err)
	}
	e := &Explained{RunView: v, Explanation: x}
	if !v.identity {
		e.withhold()
	}
	return e, nil
}

func (e *Explained) withhold() {
	x := &selection.Explanation{ID: e.ID, In: e.In, Lock: e.Lock}
	shown := func(row int) bool {
		return row == 0 || slices.ContainsFunc(e.RunView.Rules, func(r ResultRule) bool { return r.Row == row })
	}
	for _, h := range e.Helps {
		if shown(h.Before.Row) {
			// That it helps, and not by how much: the counts may be small.
			h.Before.Pool, h.Before.Count, h.Before.Short, h.Before.Over = TooFew, TooFew, TooFew, TooFew
			h.After.Pool, h.After.Count, h.After.Short, h.After.Over = TooFew, TooFew, TooFew, TooFew
			x.Helps = append(x.Helps, h)
		}
	}
	blind := len(e.Criteria.identityAttributes(e.Form)) > 0
	for _, h := range e.Hindrances {
		if !blind && h.Row > 0 && shown(h.Row) {
			h.Swaps = TooFew
			x.Hindrances = append(x.Hindrances, h)
		}
	}
	e.Explanation, e.Withheld = x, true
}

// WhatIfRequest asks what changes would come to: people by id or code.
type WhatIfRequest struct {
	Program, Selection string
	Changes            selection.Changes
}

// WhatIf is what changes would come to, with the rows labelled: of Cohort, or
// of the closest cohort where the changed criteria are impossible.
type WhatIf struct {
	*RunView
	*selection.Effect
	After []ResultRule
}

// WhatIfSelection says what a run would come to if people were swapped, locked
// in or out, or rules changed. Nothing is kept. It needs IdentityRead where the
// rules count people by who they are.
func (s *Service) WhatIfSelection(ctx context.Context, who access.Principal, req WhatIfRequest) (*WhatIf, error) {
	v, err := s.viewToChange(ctx, who, req.Program, req.Selection)
	if err != nil {
		return nil, err
	}
	ch := req.Changes
	var bad []Violation
	resolve := func(field string, list *[]string) {
		codes, problems := v.codes(field, *list)
		bad, *list = append(bad, problems...), codes
	}
	ch.Swaps = slices.Clone(ch.Swaps)
	for i := range ch.Swaps {
		for _, id := range []*string{&ch.Swaps[i].Out, &ch.Swaps[i].In} {
			if *id == "" {
				continue // nobody for somebody
			}
			codes, problems := v.codes(fmt.Sprintf("swaps[%d]", i), []string{*id})
			if bad = append(bad, problems...); len(problems) == 0 {
				*id = codes[0]
			}
		}
	}
	resolve("include", &ch.Include)
	resolve("exclude", &ch.Exclude)
	resolve("free", &ch.Free)
	if len(bad) > 0 {
		return nil, Invalid("CHANGES_INVALID", "these changes cannot be tried", bad...)
	}
	effect, err := selection.WhatIf(ctx, v.selected, ch, selection.Options{Work: explainWork})
	if err != nil {
		return nil, engineError("CHANGES_INVALID", err)
	}
	after := make([]matcher.RuleCount, 0, len(effect.Rules))
	for _, r := range effect.Rules {
		if r.After.Row > 0 {
			after = append(after, r.After)
		}
	}
	if why := effect.Outcome.Infeasibility; why != nil && len(after) == 0 {
		after = why.ClosestRules
	}
	return &WhatIf{RunView: v, Effect: effect, After: v.label(after)}, nil
}

// Alternatives are groups as good as a run's, each with its rows labelled.
type Alternatives struct {
	*RunView
	*selection.AlternativeList
	Rows [][]ResultRule // by alternative
}

// AlternativesOf finds up to count groups that are as good as that of a run and
// as unlike it and each other as such groups can be. It needs IdentityRead where
// the rules count people by who they are. To take one is ChooseSelection: from
// then on the run says CHOSEN.
func (s *Service) AlternativesOf(ctx context.Context, who access.Principal, program, id string, count int) (*Alternatives, error) {
	v, err := s.viewToChange(ctx, who, program, id)
	if err != nil {
		return nil, err
	}
	list, err := selection.Alternatives(ctx, v.selected, count, selection.Options{Work: explainWork})
	if err != nil {
		return nil, engineError("ALTERNATIVES_INVALID", err)
	}
	a := &Alternatives{RunView: v, AlternativeList: list}
	for _, option := range list.List {
		a.Rows = append(a.Rows, v.label(option.Rules))
	}
	return a, nil
}
