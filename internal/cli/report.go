package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// report writes a result for a person.
type report struct {
	w     io.Writer
	color bool
	err   error
}

func (t *report) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

// outcome tells the result of a selection: the verdict, the lottery before the
// draw, the make-up of the cohort, the cohort.
func (t *report) outcome(result *selected) {
	q, r := result.question, result.record
	switch {
	case r.Status == matcher.Infeasible:
		t.impossible(q, r.Infeasibility, r.Complete)
		return
	case r.Status == matcher.Undecided:
		t.line("%s  Neither a cohort was found nor a proof that there is none: %s.", t.bold("UNDECIDED"), cutBy(r.Complete))
		return
	case r.Undrawn():
		t.undrawn(result)
		return
	case r.Status == matcher.Optimal && r.Lottery.Drawable():
		t.line("%s  %s, drawn by lot. Every rule that must hold is kept, and %s.", t.bold("OPTIMAL"), people(r.Size.Got), best(q, r))
	case r.Status == matcher.Optimal:
		t.line("%s  %s, every rule that must hold is kept, and %s.", t.bold("OPTIMAL"), people(r.Size.Got), best(q, r))
	default:
		switch drawn := r.Lottery.Method != matcher.LotteryNone; {
		case drawn && reached(q, r):
			t.line("%s  %s, every rule that must hold is kept, and %s; but no lottery was found over all that are as good: %s.", t.bold("FEASIBLE"), people(r.Size.Got), best(q, r), cutBy(r.Complete))
			t.line("Nothing was drawn. This is only one of the best cohorts.")
		case drawn:
			t.line("%s  %s, every rule that must hold is kept, but not proved best: %s.", t.bold("FEASIBLE"), people(r.Size.Got), cutBy(r.Complete))
			t.line("Nothing was drawn: there is no lottery before the best is proved. This is only the best cohort found so far.")
		default:
			t.line("%s  %s, every rule that must hold is kept, but not proved best: %s.", t.bold("FEASIBLE"), people(r.Size.Got), cutBy(r.Complete))
		}
	}
	t.yields(q, result.yields)
	t.line("")
	if r.Lottery.Drawable() {
		t.lottery(result)
		t.line("")
	}
	t.makeUp(r.Rules)
	t.line("")
	t.objectives(q, r)
	t.line("")
	t.members(r, q.criteria.Include)
	t.line("")
	if result.standby != nil {
		t.standby(result.standby, len(r.Cohort))
		t.line("")
	}
	if r.Lottery.Drawable() {
		t.line("seed %s   lottery %s   ticket %d   record %s", r.Seed, strings.ToLower(r.Lottery.Method), r.Certificate.Draw.Ticket, r.Digest)
		return
	}
	if r.Seed != "" {
		t.line("seed %s   lottery none   record %s", r.Seed, r.Digest)
		return
	}
	t.line("nothing drawn   record %s", r.Digest)
}

// best says what OPTIMAL proves. With --allow a cohort that is a little worse is
// as good, so that a better one may well exist.
func best(q *question, r *matcher.Record) string {
	for _, d := range r.Deviation {
		if q.criteria.Allow[d.Priority] > 0 {
			return "no cohort is better by more than is allowed"
		}
	}
	return "no cohort is better"
}

// reached is whether every bound is reached: no cohort is better.
func reached(q *question, r *matcher.Record) bool {
	for _, d := range r.Deviation {
		if d.Value > d.Bound.Bound+q.criteria.Allow[d.Priority] {
			return false
		}
	}
	return r.Size.Got == r.Size.Bound && r.Score.Value == r.Score.Bound
}

func cutBy(complete bool) string {
	if complete {
		return "the work given ran out"
	}
	return "it was stopped first"
}

func (t *report) verdict(q *question, v *selection.Verdict) {
	switch v.Status {
	case matcher.Feasible:
		t.line("%s  A cohort of %s keeps every rule that must hold.", t.bold("POSSIBLE"), people(len(v.Witness)))
	case matcher.Infeasible:
		t.impossible(q, v.Infeasibility, v.Complete)
	default:
		t.line("%s  Neither a cohort was found nor a proof that there is none: %s.", t.bold("NOT DECIDED"), cutBy(v.Complete))
	}
}

// makeUp is the table of rules: priority, rule, range, in the pool, in the
// cohort, status.
func (t *report) makeUp(rules []matcher.RuleCount) {
	rows := [][]string{{"PRIORITY", "RULE", "RANGE", "POOL", "IN COHORT", "STATUS"}}
	for _, r := range rules {
		priority := "must"
		if r.Priority != matcher.Must {
			priority = fmt.Sprint(r.Priority)
		}
		rows = append(rows, []string{priority, ruleName(r), rangeWords(r), fmt.Sprint(r.Pool), fmt.Sprint(r.Count), statusWords(r)})
	}
	right := []bool{false, false, false, true, true, false}
	t.table(rows, right, func(row, column int) string {
		if row == 0 || column != len(right)-1 {
			return ""
		}
		if r := rules[row-1]; r.Short+r.Over > 0 {
			return yellow
		}
		return green
	})
}

func ruleName(r matcher.RuleCount) string {
	const most = 60 // characters: a table has to fit on a screen
	name := []rune(clean(r.Feature) + ": " + strings.ReplaceAll(clean(r.Value), ";", " or "))
	if len(name) > most {
		return string(name[:most-1]) + "…"
	}
	return string(name)
}

// clean takes out of a text from a file what could garble a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

func rangeWords(r matcher.RuleCount) string {
	switch r.Kind {
	case matcher.Company:
		return fmt.Sprintf("%d+ of each", r.Min)
	case matcher.Spread:
		return fmt.Sprintf("%d+ different", r.Min)
	case matcher.Cap:
		return fmt.Sprintf("up to %d of each", r.Max)
	}
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

func statusWords(r matcher.RuleCount) string {
	switch {
	case r.Short > 0:
		return fmt.Sprintf("%d short", r.Short)
	case r.Over > 0:
		return fmt.Sprintf("%d over", r.Over)
	}
	return "met"
}

// missed names rules with what they are missed by.
func missed(rules []matcher.RuleCount) string {
	var list []string
	for _, r := range rules {
		list = append(list, fmt.Sprintf("%s (%s)", ruleName(r), statusWords(r)))
	}
	return strings.Join(list, ", ")
}

// objectives says what was reached and what was proved.
func (t *report) objectives(q *question, r *matcher.Record) {
	t.line("size %d of %d wanted%s", r.Size.Got, r.Size.Wanted, proof(int64(r.Size.Got), int64(r.Size.Bound), "at most"))
	for _, d := range r.Deviation {
		proved := proof(d.Value, d.Bound.Bound, "at least")
		if a := q.criteria.Allow[d.Priority]; a > 0 && r.Status == matcher.Optimal {
			proved = fmt.Sprintf(" (the best is %d, and %d above it is allowed)", d.Bound.Bound, a)
		}
		t.line("priority %d: deviation %d%s", d.Priority, d.Value, proved)
	}
	if len(q.criteria.Scores) > 0 {
		t.line("total score %d%s", r.Score.Value, proof(r.Score.Value, r.Score.Bound, "at most"))
	}
}

func proof(value, bound int64, side string) string {
	if value == bound {
		return " (proved best)"
	}
	return fmt.Sprintf(" (the best is %s %d)", side, bound)
}

func (t *report) cohort(title string, ids, included []string) {
	t.line("%s (%d)", title, len(ids))
	for i, id := range ids {
		lock := ""
		for _, in := range included {
			if in == id {
				lock = "  included"
			}
		}
		t.line("%4d  %s%s", i+1, clean(id), lock)
	}
}

const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	strong = "\x1b[1m"
	plain  = "\x1b[0m"
)

func (t *report) bold(text string) string { return t.paint(strong, text) }

func (t *report) paint(code, text string) string {
	if !t.color || code == "" {
		return text
	}
	return code + text + plain
}

// table writes rows in columns that align. right says which columns are
// numbers; color gives the color of a cell.
func (t *report) table(rows [][]string, right []bool, color func(row, column int) string) {
	width := make([]int, len(right))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			painted := t.paint(color(n, i), cell)
			switch {
			case right[i]:
				b.WriteString(pad + painted)
			case i == len(row)-1:
				b.WriteString(painted)
			default:
				b.WriteString(painted + pad)
			}
			if i < len(row)-1 {
				b.WriteString("  ")
			}
		}
		t.line("%s", strings.TrimRight(b.String(), " "))
	}
}

// people is "1 person" or "n people".
func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d people", n)
}
