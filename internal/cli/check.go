package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// checking is `fairlead check`.
type checking struct {
	inputs
	tradeOff bool
	asJSON   bool
}

func (p *program) checkCommand() *cobra.Command {
	c := &checking{}
	cmd := &cobra.Command{
		Use:   "check --pool FILE --rules FILE --size N",
		Short: "Say whether any cohort can keep the rules that must hold",
		Long: `Check says whether any cohort can keep the rules that must hold. If one can, it
says for each rule how many an allowed cohort can have, whether those who
declined to answer can be chosen, and which rules that ask for company give way.
If none can, it names a smallest set of conditions that cannot hold together, the
ways out, and the cohort that comes closest. With --trade-off it also says what
chances people would have if targets might be missed by more. It chooses nobody.
docs/selecting.md describes the files.

Exit codes: 0 possible · 2 usage · 3 bad input data · 4 proved impossible ·
5 not decided in the work or time given · 130 interrupted.`,
		Example: "  fairlead check --pool people.csv --rules rules.csv --size 15",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	c.flags(f)
	f.BoolVar(&c.tradeOff, "trade-off", false, "also say what allowing more than --allow would do for the chances; --work holds for each line of it")
	f.BoolVar(&c.asJSON, "json", false, "print the verdict as JSON")
	return cmd
}

func (c *checking) run(ctx context.Context, p *program) error {
	q, err := c.read(p)
	if err != nil {
		return err
	}
	p.warn(q)
	limited, cancel := c.limit(ctx)
	defer cancel()
	line := newProgressLine(p.stderr, c.quiet)
	o := selection.Options{Work: c.work, Progress: line.show}
	v, err := selection.Check(limited, q.people, q.criteria, o)
	var d *selection.Details
	if err == nil {
		if d, err = selection.Examine(limited, q.people, q.criteria, v, o); d != nil && d.Infeasibility != nil {
			v.Infeasibility = d.Infeasibility
		}
	}
	weigh := c.tradeOff && err == nil && v.Status == matcher.Feasible
	var curve []selection.TradeOffPoint
	if weigh {
		curve, err = c.weigh(limited, q, line)
	}
	line.clear()
	if err != nil {
		return err
	}
	if c.asJSON {
		c.note(p, "this verdict holds personal data")
		err = writeVerdict(p, v, d, curve)
	} else {
		t := &report{w: p.stdout, color: colorful(p.stdout)}
		t.verdict(q, v)
		t.yields(q, d.Yields)
		t.details(v, d)
		if weigh {
			t.tradeOff(q, curve)
		}
		err = t.err
	}
	switch {
	case err != nil:
		return err
	case weigh && !weighed(q, curve) && ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case weigh && !weighed(q, curve):
		return &exitError{code: exitUnproved}
	case v.Status == matcher.Feasible:
		return nil
	}
	return verdictOf(ctx, v.Status, v.Complete)
}

// The verdict as JSON. Rules are as in the record of select.
type (
	verdictJSON struct {
		Status              string               `json:"status"`
		Complete            bool                 `json:"complete"`
		Witness             []string             `json:"witness"`
		Rules               []countJSON          `json:"rules"`
		LeastTotalDeviation *int64               `json:"leastTotalDeviation"`
		Clash               []string             `json:"clash"`
		Conflict            []matcher.Condition  `json:"conflict"`
		Relaxations         []matcher.Relaxation `json:"relaxations"`
		Cut                 []string             `json:"cut"`
		Closest             closestJSON          `json:"closest"`
		Ranges              []rangeJSON          `json:"ranges"`
		Decliners           []declinerJSON       `json:"decliners"`
		Yields              []yieldJSON          `json:"yields"`
		TradeOff            []pointJSON          `json:"tradeOff"`
		Warnings            []warningJSON        `json:"warnings"`
	}
	yieldJSON struct {
		Rows     []int    `json:"rows"`
		Priority int      `json:"priority"`
		People   []string `json:"people"`
		Relief   int      `json:"relief"`
		Allow    int64    `json:"allow"`
		Dropped  bool     `json:"dropped"`
	}
	rangeJSON struct {
		Row         int                 `json:"row"`
		Least       int                 `json:"least"`
		LeastProved bool                `json:"leastProved"`
		Most        int                 `json:"most"`
		MostProved  bool                `json:"mostProved"`
		Tightness   selection.Tightness `json:"tightness"`
	}
	declinerJSON struct {
		Attribute string    `json:"attribute"`
		People    int       `json:"people"`
		Allowed   seatsJSON `json:"allowed"`
		Best      seatsJSON `json:"best"`
	}
	seatsJSON struct {
		Can    int `json:"can"`
		Cannot int `json:"cannot"`
	}
	closestJSON struct {
		Cohort []string    `json:"cohort"`
		Rules  []countJSON `json:"rules"`
	}
	warningJSON struct {
		Row     int    `json:"row"`
		Message string `json:"message"`
	}
	countJSON struct {
		Row      int    `json:"row"`
		Feature  string `json:"feature"`
		Value    string `json:"value"`
		Kind     string `json:"kind"`
		Min      int    `json:"min"`
		Max      int    `json:"max"`
		Priority any    `json:"priority"`
		Pool     int    `json:"pool"`
		Count    int    `json:"count"`
		Short    int    `json:"short"`
		Over     int    `json:"over"`
	}
)

func writeVerdict(p *program, v *selection.Verdict, d *selection.Details, curve []selection.TradeOffPoint) error {
	j := verdictJSON{
		Status: string(v.Status), Complete: v.Complete && d.Complete,
		Witness: notNil(v.Witness), Rules: countsJSON(v.Rules), Clash: []string{},
		Closest:  closestJSON{Cohort: []string{}, Rules: []countJSON{}},
		Conflict: []matcher.Condition{}, Relaxations: []matcher.Relaxation{}, Cut: []string{},
		Ranges: []rangeJSON{}, Decliners: []declinerJSON{}, Yields: []yieldJSON{}, Warnings: []warningJSON{},
		TradeOff: pointsJSON(curve),
	}
	if v.Status == matcher.Feasible {
		j.LeastTotalDeviation = new(int64)
	}
	if i := v.Infeasibility; i != nil {
		j.LeastTotalDeviation, j.Clash = i.LeastTotalDeviation, notNil(i.Clash)
		j.Conflict, j.Relaxations, j.Cut = notNil(i.Conflict), notNil(i.Relaxations), notNil(i.Cut)
		j.Closest = closestJSON{Cohort: notNil(i.Closest), Rules: countsJSON(i.ClosestRules)}
	}
	for k, g := range d.Ranges {
		j.Ranges = append(j.Ranges, rangeJSON{g.Row, g.Least, g.LeastProved, g.Most, g.MostProved, g.Tightness(v.Rules[k].Priority)})
	}
	for _, n := range d.Decliners {
		j.Decliners = append(j.Decliners, declinerJSON{n.Attribute, n.People, seatsJSON(n.Allowed), seatsJSON(n.Best)})
	}
	for _, y := range d.Yields {
		j.Yields = append(j.Yields, yieldJSON(y))
	}
	for _, w := range v.Warnings {
		j.Warnings = append(j.Warnings, warningJSON{w.Row, w.Message})
	}
	b, err := json.Marshal(j)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s\n", b)
	return err
}

func countsJSON(counts []matcher.RuleCount) []countJSON {
	out := []countJSON{}
	for _, c := range counts {
		j := countJSON{
			Row: c.Row, Feature: c.Feature, Value: c.Value, Kind: c.Kind.String(), Min: c.Min, Max: c.Max,
			Priority: c.Priority, Pool: c.Pool, Count: c.Count, Short: c.Short, Over: c.Over,
		}
		if c.Priority == matcher.Must {
			j.Priority = "must"
		}
		out = append(out, j)
	}
	return out
}

// notNil is [] and not null where there is nothing.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
