package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// standBy finds who has no exact replacement and who should stand ready, and
// puts the alternates into the record.
func (s *selecting) standBy(ctx context.Context, p *program, r *matcher.Record) (*selection.Standby, error) {
	from, err := selection.OfRecord(r)
	if err != nil {
		return nil, err
	}
	line := newProgressLine(p.stderr, s.quiet)
	defer line.clear()
	found, err := selection.Alternates(ctx, from, s.alternates, selection.Options{Work: s.work, Progress: line.show})
	if err != nil {
		return nil, err
	}
	r.Complete = r.Complete && found.Complete
	r.Alternates = nil
	for _, a := range found.Alternates {
		r.Alternates = append(r.Alternates, a.ID)
	}
	r.Seal()
	return found, nil
}

// standby tells what happens when people decline.
func (t *report) standby(s *selection.Standby, members int) {
	t.line("%s", t.bold("If somebody declines and all others stay"))
	t.line("  %d of %d members can be replaced with nothing lost%s", s.Singles.Exact, s.Singles.All, notDecided(s.Singles))
	if len(s.Without) > 0 {
		t.line("  not without a loss: %s", cleanList(s.Without))
	}
	if s.Pairs.All > 0 {
		t.line("  %d of %d pairs can be%s", s.Pairs.Exact, s.Pairs.All, notDecided(s.Pairs))
	}
	if len(s.Alternates) == 0 {
		t.line("  there is nobody who could stand ready")
		return
	}
	t.line("")
	t.line("%s", t.bold(fmt.Sprintf("Alternates, in the order to ask them (for 1 to %d declines)", s.Declines)))
	rows := [][]string{
		{"", "", "REPLACES EXACTLY, ALONE", "EXPECTED LOSS WITH THOSE UP TO HERE"},
		{"", "nobody", "", shortfallWords(s.Alone)},
	}
	for i, a := range s.Alternates {
		covers := "nobody"
		if n := len(a.Covers); n == members {
			covers = "everybody"
		} else if n > 0 {
			covers = fmt.Sprintf("%d of %d", n, members)
		}
		rows = append(rows, []string{fmt.Sprintf("%4d", i+1), clean(a.ID), covers, shortfallWords(a.Expected)})
	}
	t.table(rows, []bool{true, false, false, false}, func(int, int) string { return "" })
	if s.Least {
		t.line("  no other list of so many people has a smaller expected loss (proved)")
	}
}

func notDecided(c selection.Cases) string {
	if c.Open == 0 {
		return " (proved)"
	}
	return fmt.Sprintf(" (%d not decided)", c.Open)
}

// shortfallWords tells an expectation in the order of objectives.
func shortfallWords(s selection.Shortfall) string {
	if s.None() {
		return "nothing"
	}
	var words []string
	part := func(n int64, format string, args ...any) {
		if n > 0 {
			number := fmt.Sprintf("%.2f", float64(n)/float64(s.Of))
			if number == "0.00" {
				number = "<0.01"
			}
			words = append(words, number+" "+fmt.Sprintf(format, args...))
		}
	}
	part(s.Conditions, "links or limits broken")
	part(s.Must, "off rules that must hold")
	part(s.Seats, "empty seats")
	for g, n := range s.Priority {
		part(n, "off priority %d", g)
	}
	return strings.Join(words, ", ")
}
