package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// lottery tells what was known before the ticket was drawn.
func (t *report) lottery(result *selected) {
	r, found := result.record, result.lottery
	l := &r.Lottery
	in := len(l.Optimum)
	title := fmt.Sprintf("Lottery (%s) before the draw", strings.ToLower(l.Method))
	t.line("%s", t.bold(title))
	rows := [][]string{
		{"  lines in the ticket book", grouped(int64(len(l.Book))), "all as good as each other; 1,000,000 tickets in all"},
		{"  smallest chance", chance(l.Smallest), "of the " + people(in-l.Impossible) + " who can be in; " + howProved(l, found.Proved, r.Complete)},
		{"  largest chance", chance(l.Largest), result.largestWords()},
		{"  certain", fmt.Sprint(l.Certain), who(l.Certain, "in, whatever the ticket", found.Certain)},
		{"  impossible", fmt.Sprint(l.Impossible), who(l.Impossible, "in none of these cohorts", found.Impossible)},
		{"  tickets off the exact chances", chance(apart(l)), "at most; tickets are whole"},
	}
	t.table(rows, []bool{false, true, false}, func(int, int) string { return "" })
	if l.Impossible > 0 {
		t.line("  Why somebody is impossible:")
		for _, x := range reasons(found.Exclusions) {
			t.line("    %s", x)
		}
	}
	t.line("  ticket book %s", l.BookDigest())
}

// undrawn tells of a lottery that nobody has drawn from.
func (t *report) undrawn(result *selected) {
	r := result.record
	t.line("%s  %s will keep every rule that must hold, and %s. Nobody is drawn yet.", t.bold("OPTIMAL"), people(r.Size.Bound), best(result.question, r))
	t.yields(result.question, result.yields)
	t.line("")
	t.lottery(result)
	t.line("")
	t.line("size %d of %d wanted (proved best)", r.Size.Bound, r.Size.Wanted)
	for _, d := range r.Deviation {
		more := ""
		if a := result.question.criteria.Allow[d.Priority]; a > 0 {
			more = fmt.Sprintf(", and %d above it is allowed", a)
		}
		t.line("priority %d: deviation %d (proved best%s)", d.Priority, d.Bound.Bound, more)
	}
	if len(result.question.criteria.Scores) > 0 {
		t.line("total score %d (proved best)", r.Score.Bound)
	}
	t.line("")
	t.line("The same command with --seed TEXT in place of --no-draw draws from this very ticket book.")
}

// howProved says how much is known about the smallest chance.
func howProved(l *matcher.Lottery, proved, complete bool) string {
	if proved {
		return "no lottery can raise it (proved)"
	}
	return fmt.Sprintf("NOT proved the largest possible: it is at most %s; %s", chance(l.Smallest+l.Gap), cutBy(complete))
}

func (r *selected) largestWords() string {
	if limit := r.record.Certificate.Input.MaxChance; limit > 0 {
		return fmt.Sprintf("%d in 1000 are allowed to those not included by name", limit)
	}
	return ""
}

// who names people if they are few.
func who(n int, words string, ids []string) string {
	const few = 6
	switch {
	case n == 0:
		return ""
	case len(ids) != n || n > few:
		return words
	}
	clear := make([]string, len(ids))
	for i, id := range ids {
		clear[i] = clean(id)
	}
	return words + ": " + strings.Join(clear, ", ")
}

// chance writes billionths with at most six places that tell something.
func chance(billionths int64) string {
	p := float64(billionths) / matcher.Billion
	if p > 0 && p < 0.00001 {
		return strconv.FormatFloat(p, 'f', 9, 64)
	}
	return strconv.FormatFloat(p, 'f', 6, 64)
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// apart is the largest |chance − optimum|, in billionths.
func apart(l *matcher.Lottery) int64 {
	most := int64(0)
	for t, ids := range l.Types {
		// In billionths times the people of the type, which is exact.
		n := int64(len(ids))
		d := l.Chances[t]*(matcher.Billion/matcher.Tickets) - n*l.Optimum[ids[0]]
		most = max(most, (max(d, -d)+n-1)/n)
	}
	return most
}

// reasons tells why nobody of some types is in any of the cohorts, a line for
// each different reason.
func reasons(all []selection.Exclusion) []string {
	var lines []string
	count := map[string]int{}
	for _, x := range all {
		words := exclusionWords(x)
		if count[words] == 0 {
			lines = append(lines, words)
		}
		count[words] += len(x.People)
	}
	for i, words := range lines {
		if count[words] == 1 {
			lines[i] = people(1) + ": " + strings.Replace(words, "with one of them", "with them", 1)
			continue
		}
		lines[i] = people(count[words]) + ": " + words
	}
	return lines
}

func exclusionWords(x selection.Exclusion) string {
	named := missed(x.Rules)
	if priority, ok := strings.CutPrefix(x.Reason, selection.ExcludedByPriority); ok {
		return fmt.Sprintf("with one of them the deviation of priority %s is %d or more, and %d is the most there may be: %s", priority, x.Least, x.Allowed, named)
	}
	switch x.Reason {
	case selection.ExcludedByMust:
		return "with one of them rules that must hold cannot all be kept: " + named
	case selection.ExcludedBySize:
		return fmt.Sprintf("with one of them the cohort has at most %s, not %d", people(int(x.Least)), x.Allowed)
	case selection.ExcludedByScore:
		return fmt.Sprintf("with one of them the total score is at most %d, not %d", x.Least, x.Allowed)
	}
	return "locks, links, hard caps or the size keep them out"
}

// members lists the cohort, with the chance that each had.
func (t *report) members(r *matcher.Record, included []string) {
	if !r.Lottery.Drawable() {
		t.cohort("Cohort", r.Cohort, included)
		return
	}
	locked := map[string]bool{}
	for _, id := range included {
		locked[id] = true
	}
	drawn := map[string]string{}
	for i, ids := range r.Lottery.Types {
		for _, id := range ids {
			drawn[id] = chance(r.Lottery.Chances[i] * (matcher.Billion / matcher.Tickets) / int64(len(ids)))
		}
	}
	t.line("Cohort (%d), and the chance that each had", len(r.Cohort))
	rows := [][]string{}
	for i, id := range r.Cohort {
		words := drawn[id]
		if locked[id] {
			words = "included"
		}
		rows = append(rows, []string{fmt.Sprintf("%4d", i+1), clean(id), words})
	}
	t.table(rows, []bool{true, false, false}, func(int, int) string { return "" })
}
