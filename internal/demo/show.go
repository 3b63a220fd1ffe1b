package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// showResult prints the balanced cohort: rule by rule, then by code.
func (d *demo) showResult(context.Context) error {
	d.p.heading("The make-up of the %s cohort", d.balanced.Title)
	size := d.result.Size.Wanted
	var rows [][]cell
	for _, g := range byGroup(d.result.Rules) {
		rows = append(rows, []cell{{text: g[0].Group["en"]}})
		for _, r := range g {
			rows = append(rows, []cell{
				left("  " + clip(ruleName(r), d.rest(56))), left(rangeOf(r, size)), number(r.Pool), number(r.Count), statusOf(r),
			})
		}
	}
	d.p.table([]cell{left("Rule"), left("Range"), left("Applied"), left("In cohort"), left("Status")}, rows)
	met := 0
	for _, r := range d.result.Rules {
		if r.Short+r.Over == 0 {
			met++
		}
	}
	d.p.line("\n  %d of %d rules met; provenance %s: by the lottery, and by nobody's hand.", met, len(d.result.Rules), strings.TrimPrefix(d.result.Provenance, "PROVENANCE_"))

	d.p.heading("The %s cohort by code (identity answers are not shown)", d.balanced.Title)
	rows = nil
	for _, m := range members(d.result) {
		rows = append(rows, []cell{
			left(m.Code),
			{text: fmt.Sprintf("%.1f %%", float64(m.Chance)/1e4), right: true},
			left(m.Answers["organization"].Text),
			left(clip(d.labels(m, "sector"), d.rest(80))), left(clip(d.labels(m, "role_level"), 32)),
		})
	}
	d.p.table([]cell{left("Code"), left("Chance"), left("Organization"), left("Sector"), left("Role")}, rows)
	return nil
}

// rest is what the other columns of a table, taken columns wide, leave for the
// one that is clipped.
func (d *demo) rest(taken int) int { return min(58, max(20, d.o.Width-taken)) }

// byGroup gathers the rules of each attribute, in the order in which the
// attributes first appear.
func byGroup(rules []ruleMessage) [][]ruleMessage {
	var groups [][]ruleMessage
	for _, r := range rules {
		i := slices.IndexFunc(groups, func(g []ruleMessage) bool { return g[0].Attribute == r.Attribute })
		if i < 0 {
			groups, i = append(groups, nil), len(groups)
		}
		groups[i] = append(groups[i], r)
	}
	return groups
}

// ruleName names a rule within its group; the kinds that speak of every value
// get the same words for each attribute.
func ruleName(r ruleMessage) string {
	if name := r.Label["en"]; name != "" {
		return name
	}
	return strings.Join(r.Values, " or ")
}

// labels are the labels of a member's answer.
func (d *demo) labels(m memberMessage, attribute string) string {
	a := m.Answers[attribute]
	var out []string
	for _, v := range a.Values {
		out = append(out, d.form.label(attribute, v))
	}
	if len(out) == 0 && !a.Declined {
		return a.Text
	}
	return strings.Join(out, "; ")
}

// compare puts the neutral cohort beside the balanced one: the counts of the
// rules that both have, and the seats that differ.
func (d *demo) compare(context.Context) error {
	d.p.heading("5. The same pool with %s criteria beside it", d.neutral.Title)
	balanced := map[string]ruleMessage{}
	for _, r := range d.result.Rules {
		balanced[ruleKey(r)] = r
	}
	size := d.other.Size.Wanted
	var rows [][]cell
	for _, g := range byGroup(d.other.Rules) {
		rows = append(rows, []cell{{text: g[0].Group["en"]}})
		for _, r := range g {
			row := []cell{left("  " + clip(ruleName(r), d.rest(76))), left(rangeOf(r, size)), number(r.Pool), number(r.Count), statusOf(r)}
			if b, ok := balanced[ruleKey(r)]; ok {
				row = append(row, number(b.Count), statusOf(b))
			} else {
				row = append(row, left("-"), left("no rule"))
			}
			rows = append(rows, row)
		}
	}
	d.p.table([]cell{left("Rule"), left("Range"), left("Applied"), left("neutral"), left(""), left("balanced"), left("")}, rows)
	if extra := len(d.result.Rules) - len(d.other.Rules); extra > 0 {
		d.p.line("\n  The balanced criteria have %d more rules, on identity answers; they stand above.", extra)
	}

	both, only, gone := seats(codes(d.result), codes(d.other))
	d.p.heading("Which seats differ")
	d.p.line("  %-20s %s", fmt.Sprintf("in both (%d):", len(both)), list(both))
	d.p.line("  %-20s %s", fmt.Sprintf("only balanced (%d):", len(only)), d.p.paint(green, list(only)))
	d.p.line("  %-20s %s", fmt.Sprintf("only neutral (%d):", len(gone)), d.p.paint(yellow, list(gone)))
	return nil
}

// ruleKey tells whether two sets of criteria have the same rule.
func ruleKey(r ruleMessage) string {
	return fmt.Sprint(r.Attribute, r.Values, r.Kind, r.Min, r.Max, r.Priority)
}

func members(r resultMessage) []memberMessage {
	if len(r.Groups) > 0 {
		return r.Groups[0].Members
	}
	return nil
}

func codes(r resultMessage) []string {
	var out []string
	for _, m := range members(r) {
		out = append(out, m.Code)
	}
	slices.Sort(out)
	return out
}

// seats splits two cohorts into who is in both, only in a, only in b.
func seats(a, b []string) (both, onlyA, onlyB []string) {
	for _, c := range a {
		if slices.Contains(b, c) {
			both = append(both, c)
		} else {
			onlyA = append(onlyA, c)
		}
	}
	for _, c := range b {
		if !slices.Contains(a, c) {
			onlyB = append(onlyB, c)
		}
	}
	return both, onlyA, onlyB
}

func list(codes []string) string {
	if len(codes) == 0 {
		return "nobody"
	}
	return strings.Join(codes, "  ")
}
