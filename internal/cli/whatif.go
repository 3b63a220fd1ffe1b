package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// trying are the flags of fairlead explain that try changes.
type trying struct {
	swaps, include, exclude, free, rules []string
}

// changes reads the flags; given is false where there are none.
func (x *trying) changes() (ch selection.Changes, given bool, err error) {
	for _, list := range x.swaps {
		for text := range strings.SplitSeq(list, ",") {
			out, in, ok := strings.Cut(strings.TrimSpace(text), "=")
			out, in = strings.TrimSpace(out), strings.TrimSpace(in)
			if !ok || out == "" && in == "" || strings.Contains(in, "=") {
				return ch, false, usage("--swap %q: write OUT=IN, such as A03=A07; A03= lets nobody in for A03, and =A07 nobody out", text)
			}
			ch.Swaps = append(ch.Swaps, selection.Exchange{Out: out, In: in})
		}
	}
	for _, l := range []struct {
		flag  string
		given []string
		to    *[]string
	}{{"include", x.include, &ch.Include}, {"exclude", x.exclude, &ch.Exclude}, {"free", x.free, &ch.Free}} {
		if *l.to, err = ids(l.flag, l.given); err != nil {
			return ch, false, err
		}
	}
	if ch.Rules, err = ruleEdits(x.rules); err != nil {
		return ch, false, err
	}
	return ch, len(ch.Swaps)+len(ch.Include)+len(ch.Exclude)+len(ch.Free)+len(ch.Rules) > 0, nil
}

// ruleEdits reads "2.max=3", "2.priority=must" and "2.off"; what is said of one
// rule is one edit.
func ruleEdits(lists []string) ([]selection.RuleEdit, error) {
	var edits []selection.RuleEdit
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			wrong := usage("--rule %q: write the number of the rule and what changes: 2.min=1, 2.max=3, 2.priority=1, 2.priority=must, 2.weight=5 or 2.off", text)
			number, what, ok := strings.Cut(strings.TrimSpace(text), ".")
			name, value, valued := strings.Cut(what, "=")
			row, err := strconv.Atoi(number)
			if !ok || err != nil || row < 1 {
				return nil, wrong
			}
			at := slices.IndexFunc(edits, func(e selection.RuleEdit) bool { return e.Row == row })
			if at < 0 {
				at, edits = len(edits), append(edits, selection.RuleEdit{Row: row})
			}
			edit := &edits[at]
			if name == "off" && !valued {
				edit.Remove = true
				continue
			}
			n, err := strconv.Atoi(value)
			if name == "priority" && value == "must" {
				n, err = matcher.Must, nil
			}
			field := map[string]**int{"min": &edit.Min, "max": &edit.Max, "priority": &edit.Priority, "weight": &edit.Weight}[name]
			if field == nil || err != nil {
				return nil, wrong
			}
			if *field != nil {
				return nil, usage("--rule names %s.%s twice", number, name)
			}
			*field = &n
		}
	}
	return edits, nil
}

// whatIf tries changes on a record and tells what they would come to.
func (x *explaining) whatIf(ctx context.Context, p *program, name string, ch selection.Changes) error {
	_, s, err := readRecord(p, name)
	if err != nil {
		return err
	}
	limited, cancel := x.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, x.quiet)
	e, err := selection.WhatIf(limited, s, ch, selection.Options{Work: x.work, Progress: line.show})
	line.clear()
	if err != nil {
		words := map[string]string{"include": "--include", "exclude": "--exclude", "free": "--free"}
		for i, w := range ch.Swaps {
			for _, field := range []string{"", ".out", ".in"} {
				words[fmt.Sprintf("swaps[%d]%s", i, field)] = fmt.Sprintf("--swap %s=%s", w.Out, w.In)
			}
		}
		for i, r := range ch.Rules {
			words[fmt.Sprintf("rules[%d].row", i)] = fmt.Sprintf("--rule %d", r.Row)
			for _, field := range []string{"min", "max", "priority", "weight"} {
				words[fmt.Sprintf("rules[%d].%s", i, field)] = fmt.Sprintf("--rule %d.%s", r.Row, field)
			}
		}
		return inFlags(name, err, words)
	}
	if x.asJSON {
		x.note(p, "this trial holds personal data")
		err = writeEffect(p, e)
	} else {
		t := &report{w: p.stdout, color: colorful(p.stdout)}
		t.effect(s, e, ch)
		err = t.err
	}
	if err != nil {
		return err
	}
	if len(ch.Include)+len(ch.Exclude)+len(ch.Free)+len(ch.Rules) == 0 {
		return nil // nothing was solved anew
	}
	return verdictOf(ctx, e.Outcome.Status, e.Outcome.Complete)
}

// effect tells what changes would come to.
func (t *report) effect(s selection.Selected, e *selection.Effect, ch selection.Changes) {
	o := e.Outcome
	solved := len(ch.Include)+len(ch.Exclude)+len(ch.Free)+len(ch.Rules) > 0
	switch {
	case solved && o.Status == matcher.Infeasible:
		t.impossible(&question{people: s.People, criteria: e.Criteria}, o.Infeasibility, o.Complete)
		return
	case solved && o.Status == matcher.Undecided:
		t.line("%s  Neither a cohort was found nor a proof that there is none: %s.", t.bold("UNDECIDED"), cutBy(o.Complete))
		return
	case solved && o.Status == matcher.Optimal:
		t.line("%s  With these changes there is a cohort that keeps every rule that must hold. The best one is proved.", t.bold("POSSIBLE"))
	case solved:
		t.line("%s  With these changes there is a cohort that keeps every rule that must hold; the best one is not proved: %s.", t.bold("POSSIBLE"), cutBy(o.Complete))
	}
	if solved {
		t.line("The present cohort: %s.", breachWords(e.Present))
	}
	if len(ch.Swaps) > 0 {
		t.line("After the swaps: %s.", breachWords(e.Breach))
	}
	t.line("")
	if len(ch.Swaps) == 0 {
		t.line("One of the best cohorts then, beside the present one; by the present rules %s:", breachWords(e.Cost))
	}
	t.line("  out: %s", nobody(e.Left))
	t.line("  in:  %s", nobody(e.Joined))
	t.line("")
	rows := [][]string{{"", "RULE", "RANGE", "BEFORE", "AFTER", "STATUS"}}
	for _, r := range e.Rules {
		switch {
		case r.After.Row == 0:
			rows = append(rows, []string{fmt.Sprint(r.Before.Row), ruleName(r.Before), rangeWords(r.Before), fmt.Sprint(r.Before.Count), "–", "left out"})
		case r.Before != r.After:
			rows = append(rows, []string{fmt.Sprint(r.After.Row), ruleName(r.After), rangeWords(r.After), fmt.Sprint(r.Before.Count), fmt.Sprint(r.After.Count), statusWords(r.After)})
		}
	}
	if len(rows) == 1 {
		t.line("No rule counts another number.")
	} else {
		t.table(rows, []bool{true, false, false, true, true, false}, func(int, int) string { return "" })
	}
	t.line("")
	t.line("size %d of %d wanted%s", e.Size.Got, e.Size.Wanted, proof(int64(e.Size.Got), int64(e.Size.Bound), "at most"))
	for _, d := range e.Deviation {
		t.line("priority %d: deviation %d%s", d.Priority, d.Value, proof(d.Value, d.Bound.Bound, "at least"))
	}
	if len(e.Criteria.Scores) > 0 {
		t.line("total score %d%s", e.Score.Value, proof(e.Score.Value, e.Score.Bound, "at most"))
	}
}

// effectJSON is the trial as JSON. Without changes to locks and rules status,
// bounds and present are those of the record.
type effectJSON struct {
	Status      string               `json:"status"`
	Complete    bool                 `json:"complete"`
	Cohort      []string             `json:"cohort"`
	Joined      []string             `json:"joined"`
	Left        []string             `json:"left"`
	Present     breachJSON           `json:"present"`
	Cost        breachJSON           `json:"cost"`
	Breach      breachJSON           `json:"breach"`
	Rules       []shiftJSON          `json:"rules"`
	Wanted      int                  `json:"wanted"`
	Got         int                  `json:"got"`
	Deviation   []deviationEntry     `json:"deviation"`
	Score       int64                `json:"score"`
	Clash       []string             `json:"clash"`
	Conflict    []matcher.Condition  `json:"conflict"`
	Relaxations []matcher.Relaxation `json:"relaxations"`
}

func writeEffect(p *program, e *selection.Effect) error {
	j := effectJSON{
		Status: string(e.Outcome.Status), Complete: e.Outcome.Complete, Cohort: notNil(e.Cohort), Joined: notNil(e.Joined), Left: notNil(e.Left),
		Present: breachOf(e.Present), Cost: breachOf(e.Cost), Breach: breachOf(e.Breach), Rules: shiftsJSON(e.Rules), Wanted: e.Size.Wanted, Got: e.Size.Got,
		Deviation: deviationsJSON(e.Deviation), Score: e.Score.Value,
		Clash: []string{}, Conflict: []matcher.Condition{}, Relaxations: []matcher.Relaxation{},
	}
	if i := e.Outcome.Infeasibility; i != nil {
		j.Clash, j.Conflict, j.Relaxations = notNil(i.Clash), notNil(i.Conflict), notNil(i.Relaxations)
	}
	return writeLine(p, j)
}
