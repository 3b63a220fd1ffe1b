package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// mostWays is how many ways out are printed; the JSON forms list all.
const mostWays = 12

// impossible says why there is no cohort, what would help, and which cohort
// comes closest.
func (t *report) impossible(q *question, i *matcher.Infeasibility, complete bool) {
	verdict := t.bold("IMPOSSIBLE")
	switch {
	case len(i.Clash) > 0:
		t.line("%s  No cohort can be formed, whatever the rules: these cannot hold together:", verdict)
		for _, words := range i.Clash {
			t.line("  %s", clean(words))
		}
	case i.LeastTotalDeviation == nil:
		t.line("%s  No cohort keeps the rules that must hold. How close one can come is not known: %s.", verdict, cutBy(complete))
	default:
		t.line("%s  No cohort keeps the rules that must hold. The closest one misses them by %d in total (proved least).", verdict, *i.LeastTotalDeviation)
	}
	if len(i.Clash) == 0 && len(i.Conflict) > 0 {
		t.line("")
		t.conflict(q, i)
	}
	if len(i.Conflict) > 0 {
		t.line("")
		t.ways(q, i)
	}
	if len(i.Closest) > 0 {
		t.line("")
		t.makeUp(i.ClosestRules)
		t.line("")
		t.cohort("Closest cohort", i.Closest, nil)
	}
}

// conflict lists what cannot hold together, with the counts behind it.
func (t *report) conflict(q *question, i *matcher.Infeasibility) {
	switch {
	case slices.Contains(i.Cut, matcher.CutConflict):
		t.line("These %d cannot hold together. The search was cut off: some of them may have nothing to do with it.", len(i.Conflict))
	case len(i.Conflict) == 1:
		t.line("This one cannot hold by itself:")
	default:
		t.line("These %d cannot hold together; without any one of them the others can:", len(i.Conflict))
	}
	facts := selection.Facts(q.people, q.criteria, i.Conflict)
	rows := make([][]string, len(i.Conflict))
	for k, m := range i.Conflict {
		rows[k] = []string{"  " + conditionWords(q, m), factWords(q, i.Conflict, k, facts)}
	}
	t.table(rows, []bool{false, false}, func(int, int) string { return "" })
}

// ruleAt is the rule that must hold of a row; ok false if there is none.
func ruleAt(q *question, row int) (matcher.Rule, bool) {
	k := slices.IndexFunc(q.criteria.Rules, func(r matcher.Rule) bool { return r.Row == row && r.Priority == matcher.Must })
	if k < 0 {
		return matcher.Rule{}, false
	}
	return q.criteria.Rules[k], true
}

func nameOf(r matcher.Rule) string {
	return ruleName(matcher.RuleCount{Feature: r.Feature, Value: r.Value})
}

func conditionWords(q *question, m matcher.Condition) string {
	if word, id, ok := m.Lock(); ok {
		return fmt.Sprintf("%s is %sd", clean(id), word)
	}
	r, ok := ruleAt(q, m.Row)
	switch {
	case !ok:
		return clean(m.Bound)
	case m.Bound == matcher.BoundMin:
		return nameOf(r) + " " + sideWords(r, m.Bound, r.Min)
	default:
		return nameOf(r) + " " + sideWords(r, m.Bound, r.Max)
	}
}

// sideWords is a side of a rule, with this bound.
func sideWords(r matcher.Rule, bound string, n int) string {
	least := "at least"
	if bound == matcher.BoundMax {
		least = "at most"
	}
	switch r.Kind {
	case matcher.Company, matcher.Cap:
		return fmt.Sprintf("%s %d of each", least, n)
	case matcher.Spread:
		return fmt.Sprintf("%s %d different", least, n)
	}
	return fmt.Sprintf("%s %d", least, n)
}

// factWords are the counts behind a member of a conflict: those that pull
// against each other.
func factWords(q *question, conflict []matcher.Condition, k int, facts []selection.Fact) string {
	f, m := facts[k], conflict[k]
	if f.People < 0 {
		return ""
	}
	_, _, lock := m.Lock()
	var parts []string
	if !lock {
		parts = append(parts, fmt.Sprintf("%d in the pool", f.People))
	}
	floors, shared := 0, false // the other rules that ask for people
	for _, o := range f.Overlaps {
		if conflict[o.Member].Bound == matcher.BoundMin {
			floors, shared = floors+1, shared || o.Both > 0
		}
	}
	apart := !lock && m.Bound == matcher.BoundMin && floors > 1 && !shared
	if apart {
		parts = append(parts, "none of them in another of these")
	}
	for _, o := range f.Overlaps {
		if len(parts) == 4 {
			break // more than anybody reads
		}
		other, _ := ruleAt(q, conflict[o.Member].Row)
		name := nameOf(other)
		switch {
		case lock && o.Both == 1:
			parts = append(parts, "counts for "+name)
		case lock:
			parts = append(parts, "does not count for "+name)
		case m.Bound == matcher.BoundMin && conflict[o.Member].Bound == matcher.BoundMax:
			parts = append(parts, fmt.Sprintf("%s of them outside %s", some(f.People-o.Both), name))
		case apart && conflict[o.Member].Bound == matcher.BoundMin:
		case o.Member > k: // the other one says the same of this
			parts = append(parts, fmt.Sprintf("%s of them also %s", some(o.Both), name))
		}
	}
	return strings.Join(parts, ", ")
}

func some(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// ways lists the ways out.
func (t *report) ways(q *question, i *matcher.Infeasibility) {
	cut := slices.Contains(i.Cut, matcher.CutRelaxations)
	switch {
	case len(i.Relaxations) == 0 && cut:
		t.line("No way out was found before the search was cut off.")
		return
	case len(i.Relaxations) == 0 && len(i.Clash) > 0:
		t.line("Taking back one lock is not enough.")
		return
	case len(i.Relaxations) == 0:
		t.line("Ways out: none by changing rules within their limits (min_flex, max_flex, fixed), nor by taking back one lock.")
		return
	}
	t.line("Ways out, the smallest first; each one is enough:")
	for n, x := range i.Relaxations {
		if n == mostWays {
			t.line("  and %d more (--json lists them)", len(i.Relaxations)-n)
			break
		}
		var parts []string
		for _, c := range x.Changes {
			parts = append(parts, changeWords(q, c))
		}
		t.line("  %s", strings.Join(parts, ", and "))
	}
	if cut {
		t.line("There may be others: the search was cut off.")
	}
}

func changeWords(q *question, c matcher.Change) string {
	if word, id, ok := c.Lock(); ok {
		return fmt.Sprintf("%s no longer %sd", clean(id), word)
	}
	r, ok := ruleAt(q, c.Row)
	if !ok {
		return clean(c.Bound)
	}
	return fmt.Sprintf("%s %s instead of %d", nameOf(r), sideWords(r, c.Bound, c.To), c.From)
}

// yields tells which company rules give way, and to whom.
func (t *report) yields(q *question, yields []selection.Yield) {
	for i, y := range yields {
		if i == 0 {
			t.line("")
			t.line("So that nobody who is alone loses their last chance:")
		}
		at := slices.IndexFunc(q.criteria.Rules, func(r matcher.Rule) bool { return r.Row == y.Rows[0] })
		t.line("  rule %d (%s) %s", y.Rows[0], nameOf(q.criteria.Rules[at]), y.Message())
		if i < len(yields)-1 && slices.Equal(y.People, yields[i+1].People) {
			continue
		}
		const most = 12 // names that fit on a line
		named, more := y.People[:min(most, len(y.People))], ""
		if n := len(y.People) - len(named); n > 0 {
			more = fmt.Sprintf(" and %d more (--json lists them)", n)
		}
		t.line("    %s%s", cleanList(named), more)
	}
}

// details tells what a check found out beyond its verdict: how far each rule
// can be met, and who of those who declined can be in.
func (t *report) details(v *selection.Verdict, d *selection.Details) {
	if !d.Complete {
		defer func() {
			t.line("")
			t.line("The details were stopped before they were finished.")
		}()
	}
	if d.Ranges == nil {
		return
	}
	rows := [][]string{{"PRIORITY", "RULE", "RANGE", "POOL", "COHORTS HAVE", "NOTE"}}
	for k, g := range d.Ranges {
		r := v.Rules[k]
		priority := "must"
		if r.Priority != matcher.Must {
			priority = fmt.Sprint(r.Priority)
		}
		rows = append(rows, []string{priority, ruleName(r), rangeWords(r), fmt.Sprint(r.Pool), reachWords(g), tightWords(g, r)})
	}
	t.line("")
	t.table(rows, []bool{false, false, false, true, true, false}, func(row, column int) string {
		if row == 0 || column != 5 {
			return ""
		}
		if tightWords(d.Ranges[row-1], v.Rules[row-1]) == "" {
			return ""
		}
		switch d.Ranges[row-1].Tightness(v.Rules[row-1].Priority) {
		case selection.Never, selection.Tight:
			return yellow
		}
		return ""
	})
	head := true
	for _, n := range d.Decliners {
		if n.People == 0 {
			continue
		}
		if head {
			t.line("")
			t.line("Who declined to answer, and can be chosen all the same:")
			head = false
		}
		t.line("  %s", declinerWords(n))
	}
}

func reachWords(g selection.Range) string {
	least, most := fmt.Sprint(g.Least), fmt.Sprint(g.Most)
	if !g.LeastProved {
		least += " or less"
	}
	if !g.MostProved {
		most += " or more"
	}
	if g.Least == g.Most && g.LeastProved && g.MostProved {
		return most
	}
	return least + " to " + most
}

func tightWords(g selection.Range, r matcher.RuleCount) string {
	switch g.Tightness(r.Priority) {
	case selection.Never:
		return "cannot be met"
	case selection.Tight:
		if r.Kind == matcher.Company {
			return "" // it counts values, and more than all cannot be met
		}
		if g.Low > 0 && g.Most == g.Low {
			return "tight: never above its min"
		}
		return "tight: never below its max"
	case selection.Always:
		return "met in any case"
	case selection.NotDecided:
		return "not known"
	}
	return ""
}

func declinerWords(n selection.Decliner) string {
	name := clean(n.Attribute)
	s := n.Best
	unknown := n.People - s.Can - s.Cannot
	text := fmt.Sprintf("%s: %d of %d", name, s.Can, n.People)
	if shut := n.Allowed.Cannot; shut > 0 {
		text += fmt.Sprintf("; %d cannot be in any cohort that keeps what must hold", shut)
	}
	if left := s.Cannot - n.Allowed.Cannot; left > 0 {
		text += fmt.Sprintf("; %d are in none of the best cohorts, so their chance is 0", left)
	}
	if unknown > 0 {
		text += fmt.Sprintf("; of %d it is not known", unknown)
	}
	return text
}
