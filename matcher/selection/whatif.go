package selection

import (
	"context"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Changes are what is tried on a copy of a selection, all at once.
type Changes struct {
	// Swaps change the cohort by hand, one after the other.
	Swaps []Exchange
	// Include and Exclude lock people in and out; Free takes away what the
	// criteria say of somebody.
	Include, Exclude, Free []string
	Rules                  []RuleEdit
}

// Exchange is one member for somebody who is out. An empty Out lets somebody in
// whom nobody leaves for, an empty In nobody in: so several for one are told.
type Exchange struct {
	Out, In string
}

// RuleEdit changes one rule. A field that is nil stays as it is.
type RuleEdit struct {
	Row              int
	Min, Max         *int
	Priority, Weight *int
	Remove           bool // leave the rule out
}

// Effect is what changes would come to. Nothing is saved.
type Effect struct {
	// Criteria are those with the changes.
	Criteria matcher.Criteria
	// Outcome is the optimum under the changed criteria; without changes to the
	// criteria it is the selection's own.
	Outcome *matcher.Outcome
	// Present is what the present cohort does not keep of the changed criteria and
	// their optimum. Where they are impossible only conditions and rules that must
	// hold are looked at.
	Present Breach
	// Cohort is the one with the swaps; without swaps that of the Outcome; where
	// that has none, the present one. Breach is about it, Joined and Left compare
	// it with the present one.
	Cohort       []string
	Breach       Breach
	Joined, Left []string
	// Cost is what Cohort does not keep of the present rules and what was proved of
	// them, whatever is locked: what a lock costs. It says nothing where Outcome has
	// no cohort.
	Cost Breach
	// Rules are all rules, those of the present cohort under the present criteria
	// before, those of Cohort under the changed criteria after.
	Rules []RuleShift
	// Size, Deviation and Score are those of Cohort beside what was proved.
	Size      matcher.Size
	Deviation []matcher.Deviation
	Score     matcher.Bound
}

// WhatIf says what changes would do. It proves the optimum of changed criteria
// anew; the seed of the selection breaks ties, so that the cohort is one example
// of the best.
func WhatIf(ctx context.Context, s Selected, ch Changes, o Options) (*Effect, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	e := &Effect{Outcome: s.Outcome, Cohort: st.cohort}
	criteria, touched, err := st.edited(ch)
	if err != nil {
		return nil, err
	}
	e.Criteria = criteria
	if touched {
		if e.Outcome, err = Select(ctx, s.People, criteria, s.Outcome.Seed, o); err != nil {
			return nil, err
		}
	}
	if len(ch.Swaps) > 0 {
		if e.Cohort, err = st.exchanged(ch.Swaps); err != nil {
			return nil, err
		}
	} else if touched && len(e.Outcome.Cohort) > 0 {
		e.Cohort = e.Outcome.Cohort
	}
	after, err := Selected{People: s.People, Criteria: criteria, Outcome: atHand(e.Outcome, st.cohort)}.stand()
	if err != nil {
		return nil, err
	}
	l, t, broken := after.weigh(st.cohort)
	e.Present = l.breach(nil, &t, broken)
	l, t, broken = after.weigh(e.Cohort)
	e.Breach = l.breach(nil, &t, broken)
	relocked := s
	relocked.Criteria.Include, relocked.Criteria.Exclude = criteria.Include, criteria.Exclude
	before, err := relocked.stand()
	if err != nil {
		return nil, err
	}
	bl, bt, bbroken := before.weigh(e.Cohort)
	e.Cost = bl.breach(st.tally.rules, &bt, bbroken)
	e.Joined, e.Left = difference(e.Cohort, st.cohort), difference(st.cohort, e.Cohort)
	e.Rules = aligned(st.tally.rules, t.rules)
	e.Size = matcher.Size{Wanted: criteria.Size, Got: t.size, Bound: after.size}
	for g := 1; g <= matcher.MaxPriority; g++ {
		if !slices.ContainsFunc(criteria.Rules, func(r matcher.Rule) bool { return r.Priority == g }) {
			continue
		}
		d := matcher.Deviation{Priority: g, Bound: matcher.Bound{Value: t.deviation[g]}}
		for _, proved := range e.Outcome.Deviation {
			if proved.Priority == g {
				d.Bound.Bound = proved.Bound.Bound
			}
		}
		e.Deviation = append(e.Deviation, d)
	}
	e.Score = matcher.Bound{Value: t.score, Bound: max(t.score, e.Outcome.Score.Bound)}
	return e, nil
}

// atHand is an outcome with a cohort to look at. Where there is none, nothing
// but conditions and rules that must hold can be missed.
func atHand(o *matcher.Outcome, cohort []string) *matcher.Outcome {
	copied := *o
	copied.Cohort = cohort
	if o.Status == matcher.Infeasible || o.Status == matcher.Undecided {
		copied.Deviation = nil
		copied.Size.Bound = 0
	}
	return &copied
}

// edited is the criteria with changes, and whether there are any.
func (st *standing) edited(ch Changes) (matcher.Criteria, bool, error) {
	c := st.Criteria
	c.Include, c.Exclude = slices.Clone(c.Include), slices.Clone(c.Exclude)
	touched := len(ch.Include)+len(ch.Exclude)+len(ch.Free)+len(ch.Rules) > 0
	for _, list := range []struct {
		field string
		ids   []string
	}{{"free", ch.Free}, {"include", ch.Include}, {"exclude", ch.Exclude}} {
		for _, id := range list.ids {
			if _, ok := st.auditor.at[id]; !ok {
				return c, false, st.unknown(list.field, id)
			}
		}
	}
	drop := func(list []string, ids []string) []string {
		return slices.DeleteFunc(list, func(id string) bool { return slices.Contains(ids, id) })
	}
	for _, id := range ch.Free {
		if !st.included[id] && !st.excluded[id] {
			return c, false, inputError("free", fmt.Sprintf("%q is neither included nor excluded", id))
		}
	}
	for _, id := range ch.Include {
		if slices.Contains(ch.Exclude, id) {
			return c, false, inputError("include", fmt.Sprintf("%q is excluded too: keep one of the two", id))
		}
	}
	// A lock that is tried takes the place of what stood there.
	c.Include = add(drop(drop(c.Include, ch.Free), ch.Exclude), ch.Include)
	c.Exclude = add(drop(drop(c.Exclude, ch.Free), ch.Include), ch.Exclude)
	c.Rules = slices.Clone(c.Rules)
	for i, edit := range ch.Rules {
		field := fmt.Sprintf("rules[%d]", i)
		at := slices.IndexFunc(c.Rules, func(r matcher.Rule) bool { return r.Row == edit.Row })
		if at < 0 {
			return c, false, inputError(field+".row", fmt.Sprintf("there is no rule %d", edit.Row))
		}
		if edit.Remove {
			c.Rules = slices.Delete(c.Rules, at, at+1)
			continue
		}
		r := &c.Rules[at]
		for _, f := range []struct {
			to   *int
			from *int
		}{{edit.Min, &r.Min}, {edit.Max, &r.Max}, {edit.Priority, &r.Priority}, {edit.Weight, &r.Weight}} {
			if f.to != nil {
				*f.from = *f.to
			}
		}
		if edit.Priority != nil && r.Priority != matcher.Must {
			r.Alone, r.Relief = nil, 0 // a target gives way by what is allowed
		}
		switch {
		case r.Priority == matcher.Must && edit.Weight == nil:
			r.Weight = 1
		case r.Weight == 0:
			r.Weight = 1
		}
	}
	if errs, _ := Validate(st.People, c); len(errs) > 0 {
		for i, e := range errs {
			errs[i].Field = ch.fieldOf(e.Field, c.Rules)
		}
		return c, false, InputErrors(errs)
	}
	return c, touched, nil
}

// fieldOf turns the field of a changed rule of the criteria into that of the edit
// that changed it.
func (ch *Changes) fieldOf(field string, rules []matcher.Rule) string {
	k, rest := 0, ""
	if n, _ := fmt.Sscanf(field, "rules[%d].%s", &k, &rest); n < 2 || k >= len(rules) {
		return field
	}
	if at := slices.IndexFunc(ch.Rules, func(e RuleEdit) bool { return e.Row == rules[k].Row }); at >= 0 {
		return fmt.Sprintf("rules[%d].%s", at, rest)
	}
	return field
}

// add appends what a list lacks.
func add(list, more []string) []string {
	for _, id := range more {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// exchanged is the cohort after swaps.
func (st *standing) exchanged(swaps []Exchange) ([]string, error) {
	cohort := slices.Clone(st.cohort)
	for i, w := range swaps {
		field := fmt.Sprintf("swaps[%d]", i)
		if w.Out == "" && w.In == "" {
			return nil, inputError(field, "names nobody")
		}
		for _, id := range []string{w.Out, w.In} {
			if _, ok := st.auditor.at[id]; !ok && id != "" {
				return nil, st.unknown(field, id)
			}
		}
		at := slices.Index(cohort, w.Out)
		if at < 0 && w.Out != "" {
			return nil, inputError(field+".out", fmt.Sprintf("%q is not in the cohort", w.Out))
		}
		if slices.Contains(cohort, w.In) {
			return nil, inputError(field+".in", fmt.Sprintf("%q is in the cohort already", w.In))
		}
		if at >= 0 {
			cohort = slices.Delete(cohort, at, at+1)
		}
		if w.In != "" {
			cohort = append(cohort, w.In)
		}
	}
	slices.Sort(cohort)
	return cohort, nil
}

// difference is a without b, both sorted.
func difference(a, b []string) []string {
	var only []string
	for _, id := range a {
		if _, ok := slices.BinarySearch(b, id); !ok {
			only = append(only, id)
		}
	}
	return only
}

// aligned pairs the rules of two sets of criteria by their rows.
func aligned(before, after []matcher.RuleCount) []RuleShift {
	var all []RuleShift
	used := make([]bool, len(after))
	for _, b := range before {
		shift := RuleShift{Before: b}
		for i, a := range after {
			if !used[i] && a.Row == b.Row {
				shift.After, used[i] = a, true
				break
			}
		}
		all = append(all, shift)
	}
	for i, a := range after {
		if !used[i] {
			all = append(all, RuleShift{After: a})
		}
	}
	return all
}
