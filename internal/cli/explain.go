package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// explaining is `fairlead explain`.
type explaining struct {
	limits
	trying
	asJSON bool
}

func (p *program) explainCommand() *cobra.Command {
	x := &explaining{}
	cmd := &cobra.Command{
		Use:   "explain RUN.json [ID]",
		Short: "Say of one person why they are in, or out, or what a change would do",
		Long: `Explain reads a record of fairlead select and says of one person: if they are in,
which rules need them and who could take the seat without a loss; if they are out,
their chance, whom they could replace, or what stands in the way. Where no cohort
that is as good is without them, or has them, it says so, and why. Every swap is
counted from the rules.

With --swap, --include, --exclude, --free or --rule instead of an id it says what
these changes, all at once, would come to. The best cohort under other locks or
rules is found and proved anew; the record stays as it is. docs/explaining.md has
examples.

Exit codes: 0 ok · 2 usage · 3 bad input data, also an id that the pool lacks ·
4 the changes are proved impossible · 5 their best is not proved in the work or time
given · 6 the record contradicts itself · 130 interrupted.`,
		Example: `  fairlead explain run.json A07
  fairlead explain run.json --swap A03=A07
  fairlead explain run.json --exclude A02 --rule 1.max=4`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("name the record and the id: fairlead explain RUN.json ID")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd.Context(), p, args[0], args[1:]) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&x.swaps, "swap", nil, "`OUT=IN`: try another member for one; A= is nobody for A, =B nobody out for B; several joined by commas")
	f.StringArrayVar(&x.include, "include", nil, "try with these `IDS`, joined by commas, in whatever happens")
	f.StringArrayVar(&x.exclude, "exclude", nil, "try with these `IDS` out")
	f.StringArrayVar(&x.free, "free", nil, "try with these `IDS` neither included nor excluded by name")
	f.StringArrayVar(&x.rules, "rule", nil, "`N.max=3`: try another min, max, priority or weight of the N-th rule, or N.off without it")
	f.BoolVar(&x.asJSON, "json", false, "print the explanation as JSON")
	x.limits.flags(f)
	return cmd
}

func (x *explaining) run(ctx context.Context, p *program, name string, id []string) error {
	if err := x.limits.check(); err != nil {
		return err
	}
	ch, given, err := x.changes()
	switch {
	case err != nil:
		return err
	case given && len(id) > 0:
		return usage("an id asks about a person, --swap and the like about changes: keep one of the two")
	case given:
		return x.whatIf(ctx, p, name, ch)
	case len(id) == 0:
		return usage("name the record and the id: fairlead explain RUN.json ID; or say what to try, such as --swap OUT=IN")
	}
	return x.person(ctx, p, name, id[0])
}

// person says of somebody why they are in, or out.
func (x *explaining) person(ctx context.Context, p *program, name, id string) error {
	_, s, err := readRecord(p, name)
	if err != nil {
		return err
	}
	limited, cancel := x.limit(ctx)
	defer cancel()
	found, err := selection.Explain(limited, s, id, selection.Options{Work: x.work})
	if err != nil {
		return inFlags(name, err, map[string]string{"id": name})
	}
	if x.asJSON {
		x.note(p, "this explanation holds personal data")
		err = writeExplanation(p, found)
	} else {
		t := &report{w: p.stdout, color: colorful(p.stdout)}
		t.explanation(found, len(s.Criteria.Scores) > 0)
		err = t.err
	}
	if err == nil && ctx.Err() != nil {
		return &exitError{code: exitInterrupted}
	}
	return err
}

// explanation tells why somebody is in or out.
func (t *report) explanation(x *selection.Explanation, scored bool) {
	where := "not in the cohort"
	if x.In {
		where = "in the cohort"
	}
	t.line("%s  %s", t.bold(clean(x.ID)), where)
	if x.Lock == selection.BrokenInclude {
		t.line("  included by name, whatever the draw")
	} else if x.Lock == selection.BrokenExclude {
		t.line("  excluded by name, whatever the draw")
	}
	if len(x.Tied) > 0 {
		t.line("  comes only together with %s", cleanList(x.Tied))
	}
	switch {
	case x.Lock != "":
	case x.Chance != nil:
		t.line("  chance before the draw %s", rational(x.Chance.Rat()))
	default:
		t.line("  no lottery was drawn, so there are no chances")
	}
	if x.In {
		t.line("")
		if len(x.Helps) == 0 {
			t.line("No rule needs them: each is met as well without them, nobody in their place.")
		} else {
			t.line("Rules that need them, nobody in their place:")
			rows := [][]string{}
			for _, h := range x.Helps {
				rows = append(rows, []string{"  " + ruleName(h.Before), rangeWords(h.Before), fmt.Sprintf("%d, without them %d", h.Before.Count, h.After.Count), statusWords(h.After)})
			}
			t.table(rows, []bool{false, false, false, false}, func(int, int) string { return "" })
		}
	}
	if x.Lock != "" {
		return
	}
	t.line("")
	t.swaps(x, scored)
	if x.Fixed != nil {
		t.line("")
		if x.In {
			t.line("Proved: no cohort that is as good is without them: %s.", withWords(*x.Fixed, "without them"))
		} else {
			t.line("Proved: no cohort that is as good has them: %s.", withWords(*x.Fixed, "with them"))
		}
	} else if !x.Decided {
		t.line("")
		t.line("Whether an equally good cohort without them, or with them, exists was not decided.")
	}
}

// swaps tells of the exact swaps, or of the closest one and what stands in the
// way.
func (t *report) swaps(x *selection.Explanation, scored bool) {
	side := func(w selection.Swap) string {
		ids := cleanList(w.In)
		if !x.In {
			ids = cleanList(w.Out)
		}
		if scored && w.Score != 0 {
			ids += fmt.Sprintf(" (total score %+d)", w.Score)
		}
		return ids
	}
	if len(x.Swaps) > 0 {
		var all []string
		for _, w := range x.Swaps {
			all = append(all, side(w))
		}
		if x.In {
			t.line("Could take the seat, nothing lost (%d): %s", len(all), strings.Join(all, "; "))
		} else {
			t.line("Could replace, nothing lost (%d): %s", len(all), strings.Join(all, "; "))
		}
		return
	}
	switch {
	case x.Closest == nil && x.In:
		t.line("There is nobody who could take the seat.")
		return
	case x.Closest == nil:
		t.line("There is nobody to replace.")
		return
	case x.In:
		t.line("Nobody could take the seat without a loss. The least is lost with %s: %s.", side(*x.Closest), breachWords(x.Closest.Breach))
	default:
		t.line("They could replace nobody without a loss. The least is lost for %s: %s.", side(*x.Closest), breachWords(x.Closest.Breach))
	}
}

// withWords says why a person is in every cohort that is as good, or in none.
func withWords(x selection.Exclusion, with string) string {
	return strings.Replace(exclusionWords(x), "with one of them", with, 1)
}

// The explanation as JSON.
type (
	explanationJSON struct {
		ID         string          `json:"id"`
		In         bool            `json:"in"`
		Lock       string          `json:"lock"`
		Tied       []string        `json:"tied"`
		Chance     *chanceJSON     `json:"chance"` // null: there are none
		Helps      []shiftJSON     `json:"helps"`
		Swaps      []swapJSON      `json:"swaps"`
		Closest    *swapJSON       `json:"closest"`
		Hindrances []hindranceJSON `json:"hindrances"`
		Fixed      *fixedJSON      `json:"fixed"`
		Decided    bool            `json:"decided"`
	}
	chanceJSON struct {
		Tickets int64 `json:"tickets"`
		People  int   `json:"people"`
	}
	hindranceJSON struct {
		Reason string `json:"reason"`
		Kind   string `json:"kind"`
		Row    int    `json:"row"`
		Swaps  int    `json:"swaps"`
	}
	fixedJSON struct {
		People  []string    `json:"people"`
		Reason  string      `json:"reason"`
		Least   int64       `json:"least"`
		Allowed int64       `json:"allowed"`
		Rules   []countJSON `json:"rules"`
	}
)

func writeExplanation(p *program, x *selection.Explanation) error {
	j := explanationJSON{
		ID: x.ID, In: x.In, Lock: x.Lock, Tied: notNil(x.Tied), Helps: shiftsJSON(x.Helps),
		Swaps: []swapJSON{}, Hindrances: []hindranceJSON{}, Decided: x.Decided,
	}
	if x.Chance != nil {
		j.Chance = &chanceJSON{x.Chance.Tickets, x.Chance.People}
	}
	for _, w := range x.Swaps {
		j.Swaps = append(j.Swaps, swapOf(w))
	}
	if x.Closest != nil {
		closest := swapOf(*x.Closest)
		j.Closest = &closest
	}
	for _, h := range x.Hindrances {
		j.Hindrances = append(j.Hindrances, hindranceJSON(h))
	}
	if f := x.Fixed; f != nil {
		j.Fixed = &fixedJSON{notNil(f.People), f.Reason, f.Least, f.Allowed, countsJSON(f.Rules)}
	}
	return writeLine(p, j)
}

// writeLine prints JSON on one line.
func writeLine(p *program, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", b)
	return err
}
