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
	asJSON bool
}

func (p *program) checkCommand() *cobra.Command {
	c := &checking{}
	cmd := &cobra.Command{
		Use:   "check --pool FILE --rules FILE --size N",
		Short: "Say whether any cohort can keep the rules that must hold",
		Long: `Check says whether any cohort can keep the rules that must hold. If none can, it
says by how much the closest one misses them and which one that is. It chooses
nobody. docs/selecting.md describes the files.

Exit codes: 0 possible · 2 usage · 3 bad input data · 4 proved impossible ·
5 not decided in the work or time given · 130 interrupted.`,
		Example: "  fairlead check --pool people.csv --rules rules.csv --size 15",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), p) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	c.flags(f)
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
	v, err := selection.Check(limited, q.people, q.criteria, selection.Options{Work: c.work, Progress: line.show})
	line.clear()
	if err != nil {
		return err
	}
	if c.asJSON {
		c.note(p, "this verdict holds personal data")
		err = writeVerdict(p, v)
	} else {
		t := &report{w: p.stdout, color: colorful(p.stdout)}
		t.verdict(q, v)
		err = t.err
	}
	if err != nil {
		return err
	}
	if v.Status == matcher.Feasible {
		return nil
	}
	return verdictOf(ctx, v.Status, v.Complete)
}

// The verdict as JSON. Rules are as in the record of select.
type (
	verdictJSON struct {
		Status              string        `json:"status"`
		Complete            bool          `json:"complete"`
		Witness             []string      `json:"witness"`
		Rules               []countJSON   `json:"rules"`
		LeastTotalDeviation *int64        `json:"leastTotalDeviation"`
		Clash               []string      `json:"clash"`
		Closest             closestJSON   `json:"closest"`
		Warnings            []warningJSON `json:"warnings"`
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

func writeVerdict(p *program, v *selection.Verdict) error {
	j := verdictJSON{
		Status: string(v.Status), Complete: v.Complete,
		Witness: notNil(v.Witness), Rules: countsJSON(v.Rules), Clash: []string{},
		Closest:  closestJSON{Cohort: []string{}, Rules: []countJSON{}},
		Warnings: []warningJSON{},
	}
	if v.Status == matcher.Feasible {
		j.LeastTotalDeviation = new(int64)
	}
	if i := v.Infeasibility; i != nil {
		j.LeastTotalDeviation, j.Clash = i.LeastTotalDeviation, notNil(i.Clash)
		j.Closest = closestJSON{Cohort: notNil(i.Closest), Rules: countsJSON(i.ClosestRules)}
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

func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
