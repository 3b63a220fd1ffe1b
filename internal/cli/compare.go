package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// comparing is `fairlead compare`.
type comparing struct {
	limits
	alternatives int
	asJSON       bool
}

func (p *program) compareCommand() *cobra.Command {
	c := &comparing{}
	cmd := &cobra.Command{
		Use:   "compare A.json B.json …",
		Short: "Put selections, or one and its alternatives, side by side",
		Long: `Compare reads records of fairlead select and puts them side by side, one column
each: targets met, deviations, size, score, the people they share with the first,
and the smallest and the mean chance of their lotteries. The records may be of
different pools and rules.

With --alternatives K and one record, the other columns are up to K cohorts that are
as good as the drawn one, by the same rules, and as unlike it and each other as such
cohorts can be: proved, and drawn by nobody. docs/explaining.md has examples.

Exit codes: 0 ok · 2 usage · 3 bad input data · 5 not all alternatives found in the
work or time given, or the record is not proved best · 6 the record contradicts
itself · 130 interrupted.`,
		Example: `  fairlead compare a.json b.json
  fairlead compare run.json --alternatives 3`,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("alternatives") {
				if len(args) != 1 {
					return usage("--alternatives looks for those of one record: name one")
				}
				return nil
			}
			if len(args) < 2 {
				return usage("name two records or more: fairlead compare A.json B.json; or one with --alternatives K")
			}
			if n := len(args) - len(slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "-" })); n > 1 {
				return usage("only one record can come from stdin (-)")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), p, args) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&c.alternatives, "alternatives", 0, "put up to `K` cohorts that are as good beside one record")
	f.BoolVar(&c.asJSON, "json", false, "print the comparison as JSON")
	c.limits.flags(f)
	return cmd
}

func (c *comparing) run(ctx context.Context, p *program, names []string) error {
	if err := c.limits.check(); err != nil {
		return err
	}
	if c.set("alternatives") && (c.alternatives < 1 || c.alternatives > selection.MostAlternatives) {
		return usage("--alternatives %d: it must be from 1 to %d", c.alternatives, selection.MostAlternatives)
	}
	var options []selection.Selected
	for _, name := range names {
		_, s, err := readRecord(p, name)
		if err != nil {
			return err
		}
		options = append(options, s)
	}
	var found *selection.AlternativeList
	if c.alternatives > 0 {
		var err error
		if found, err = c.find(ctx, p, options[0]); err != nil {
			return inFlags(names[0], err, nil)
		}
		for i, a := range found.List {
			names, options = append(names, fmt.Sprintf("alternative %d", i+1)), append(options, as(options[0], a.Cohort))
		}
	}
	compared, err := selection.Compare(options...)
	if err != nil {
		return inFlags("one of the records", err, nil)
	}
	if c.asJSON {
		c.note(p, "this comparison holds personal data")
		err = writeComparison(p, names, compared, found)
	} else {
		t := &report{w: p.stdout, color: colorful(p.stdout)}
		t.comparison(names, compared)
		if found != nil {
			t.line("")
			t.line("%s", c.verdict(options[0], found))
		}
		err = t.err
	}
	switch {
	case err != nil || found == nil || found.Proved:
		return err
	case !found.Complete && ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	}
	return &exitError{code: exitUnproved}
}

func (c *comparing) find(ctx context.Context, p *program, s selection.Selected) (*selection.AlternativeList, error) {
	limited, cancel := c.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, c.quiet)
	defer line.clear()
	return selection.Alternatives(limited, s, c.alternatives, selection.Options{Work: c.work, Progress: line.show})
}

// as is a selection with another cohort, which nobody drew.
func as(s selection.Selected, cohort []string) selection.Selected {
	outcome := *s.Outcome
	outcome.Cohort = cohort
	s.Outcome, s.Chances = &outcome, nil
	return s
}

// verdict says whether there are more alternatives.
func (c *comparing) verdict(s selection.Selected, found *selection.AlternativeList) string {
	switch {
	case s.Outcome.Status != matcher.Optimal:
		return "The record is not proved best, so that no other cohort can be proved as good."
	case !found.Proved:
		return fmt.Sprintf("The search for more was cut off: %s.", cutBy(found.Complete))
	case found.All && len(found.List) == 0:
		return "No other cohort is as good (proved)."
	case found.All:
		return "No further cohort is as good (proved)."
	}
	return "There may be further cohorts that are as good."
}

// comparison is a table with a column for each selection.
func (t *report) comparison(names []string, c *selection.Comparison) {
	header := []string{""}
	for _, name := range names {
		header = append(header, clean(filepath.Base(name)))
	}
	rows := [][]string{header}
	row := func(title string, cell func(selection.Column) string) {
		cells := []string{title}
		for _, col := range c.Columns {
			cells = append(cells, cell(col))
		}
		rows = append(rows, cells)
	}
	row("targets met", func(c selection.Column) string { return fmt.Sprintf("%d of %d", c.Met, c.Targets) })
	row("rules that must hold kept", func(c selection.Column) string { return fmt.Sprintf("%d of %d", c.Kept, c.Musts) })
	row("size", func(c selection.Column) string { return fmt.Sprintf("%d of %d", c.Size.Got, c.Size.Wanted) })
	for g := 1; g <= matcher.MaxPriority; g++ {
		at := func(c selection.Column) int {
			return slices.IndexFunc(c.Deviation, func(d matcher.Deviation) bool { return d.Priority == g })
		}
		if !slices.ContainsFunc(c.Columns, func(c selection.Column) bool { return at(c) >= 0 }) {
			continue
		}
		row(fmt.Sprintf("deviation of priority %d", g), func(c selection.Column) string {
			if k := at(c); k >= 0 {
				return fmt.Sprint(c.Deviation[k].Value)
			}
			return "–"
		})
	}
	if slices.ContainsFunc(c.Columns, func(c selection.Column) bool { return c.Score.Bound > 0 }) {
		row("total score", func(c selection.Column) string { return fmt.Sprint(c.Score.Value) })
	}
	row("people shared with the first", func(c selection.Column) string { return fmt.Sprint(c.Common) })
	if slices.ContainsFunc(c.Columns, func(c selection.Column) bool { return c.Mean != nil }) {
		row("smallest chance above 0", func(c selection.Column) string {
			if c.Smallest == nil {
				return "–"
			}
			return rational(c.Smallest)
		})
		row("mean chance", func(c selection.Column) string {
			if c.Mean == nil {
				return "–"
			}
			return rational(c.Mean)
		})
	}
	right := make([]bool, len(header))
	for i := 1; i < len(right); i++ {
		right[i] = true
	}
	t.table(rows, right, func(int, int) string { return "" })

	t.line("")
	rows = [][]string{append([]string{"RULE"}, header[1:]...)}
	for _, r := range c.Rules {
		cells := []string{""}
		for _, n := range r.Counts {
			if n == nil {
				cells = append(cells, "–")
				continue
			}
			if cells[0] == "" {
				cells[0] = fmt.Sprintf("%s, %s", ruleName(*n), n.Kind)
			}
			cells = append(cells, fmt.Sprintf("%d, %s", n.Count, statusWords(*n)))
		}
		rows = append(rows, cells)
	}
	t.table(rows, right, func(int, int) string { return "" })
	for i, col := range c.Columns[1:] {
		t.line("")
		t.line("%s, compared with %s:", header[i+2], header[1])
		t.line("  out: %s", nobody(col.Left))
		t.line("  in:  %s", nobody(col.Joined))
	}
}

func nobody(ids []string) string {
	if len(ids) == 0 {
		return "nobody"
	}
	return cleanList(ids)
}

// The comparison as JSON. Chances are decimals with nine places, as text; null
// where there are none.
type (
	comparisonJSON struct {
		Columns      []columnJSON       `json:"columns"`
		Rules        []comparedRuleJSON `json:"rules"`
		Alternatives *alternativesJSON  `json:"alternatives"` // null: not asked for
	}
	alternativesJSON struct {
		All    bool `json:"all"` // there is no further one
		Proved bool `json:"proved"`
	}
	columnJSON struct {
		File      string           `json:"file"`
		Cohort    []string         `json:"cohort"`
		Met       int              `json:"met"`
		Targets   int              `json:"targets"`
		Kept      int              `json:"kept"`
		Musts     int              `json:"musts"`
		Wanted    int              `json:"wanted"`
		Got       int              `json:"got"`
		Deviation []deviationEntry `json:"deviation"`
		Score     int64            `json:"score"`
		Common    int              `json:"common"`
		Joined    []string         `json:"joined"`
		Left      []string         `json:"left"`
		Smallest  *string          `json:"smallest"`
		Mean      *string          `json:"mean"`
	}
	deviationEntry struct {
		Priority int   `json:"priority"`
		Value    int64 `json:"value"`
		Bound    int64 `json:"bound"`
	}
	comparedRuleJSON struct {
		Counts []*countJSON `json:"counts"` // by column; null: it lacks the rule
	}
)

func writeComparison(p *program, names []string, c *selection.Comparison, found *selection.AlternativeList) error {
	j := comparisonJSON{Columns: []columnJSON{}, Rules: []comparedRuleJSON{}}
	for i, col := range c.Columns {
		out := columnJSON{
			File: names[i], Cohort: notNil(col.Cohort), Met: col.Met, Targets: col.Targets, Kept: col.Kept, Musts: col.Musts,
			Wanted: col.Size.Wanted, Got: col.Size.Got, Deviation: deviationsJSON(col.Deviation), Score: col.Score.Value,
			Common: col.Common, Joined: notNil(col.Joined), Left: notNil(col.Left),
		}
		if col.Smallest != nil {
			text := col.Smallest.FloatString(9)
			out.Smallest = &text
		}
		if col.Mean != nil {
			text := col.Mean.FloatString(9)
			out.Mean = &text
		}
		j.Columns = append(j.Columns, out)
	}
	for _, r := range c.Rules {
		var counts []*countJSON
		for _, n := range r.Counts {
			if n == nil {
				counts = append(counts, nil)
				continue
			}
			counts = append(counts, &countsJSON([]matcher.RuleCount{*n})[0])
		}
		j.Rules = append(j.Rules, comparedRuleJSON{counts})
	}
	if found != nil {
		j.Alternatives = &alternativesJSON{found.All, found.Proved}
	}
	return writeLine(p, j)
}

func deviationsJSON(list []matcher.Deviation) []deviationEntry {
	out := []deviationEntry{}
	for _, d := range list {
		out = append(out, deviationEntry{d.Priority, d.Value, d.Bound.Bound})
	}
	return out
}
