package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// rulePrices is what --price-rules --json prints.
type rulePrices struct {
	Mentees int         `json:"mentees"` // who want a mentor
	Mentors int         `json:"mentors"` // who have a seat
	Pairs   int64       `json:"pairs"`   // that no rule in force forbids
	Now     choiceLeft  `json:"now"`
	Rules   []rulePrice `json:"rules"`
}

// choiceLeft counts mentees by how many mentors they could have.
type choiceLeft struct {
	None int `json:"none"` // no mentor
	Few  int `json:"few"`  // fewer than three, those with none included
}

// rulePrice is what changes if one rule is lifted or put in force.
type rulePrice struct {
	Rule     string     `json:"rule"`
	InForce  bool       `json:"inForce"`
	Liftable bool       `json:"liftable"`
	Changed  choiceLeft `json:"changed"` // if it were lifted, or put in force
	Pairs    int64      `json:"pairs"`   // that it alone forbids, or would
}

// shutOut warns of mentees who could have a mentor but for the hard rule on
// experience: it takes the mentors from those who have risen highest, and whoever
// puts it in force should see whom.
func (out *profiles) shutOut(p *program) {
	view := out.scorer.Rules()
	at := slices.Index(view.Names(), scoring.ExperienceGap.String())
	if at < 0 {
		return
	}
	masks := make([]uint64, len(out.mentors))
	var ids []string
	for j, mentee := range out.mentees {
		if mentee.Demand == 0 {
			continue
		}
		view.Blocked(j, masks)
		free, only := false, false
		for i, mask := range masks {
			if out.mentors[i].Seats > 0 {
				free, only = free || mask == 0, only || mask == 1<<at
			}
		}
		if !free && only {
			ids = append(ids, mentee.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	const most = 10
	more := ""
	if len(ids) > most {
		more = fmt.Sprintf(" and %d more", len(ids)-most)
		ids = ids[:most]
	}
	fmt.Fprintf(p.stderr, "fairlead: warning: the hard rule on experience alone leaves these with no mentor to choose: %s%s\n", cleanList(ids), more)
}

// priceRules says what each hard rule takes, before anybody is matched by it.
func (out *profiles) priceRules(ctx context.Context, p *program, asJSON bool) error {
	problem := &pairing.Problem{Mentees: out.mentees, Mentors: out.mentors}
	price := func(more ...scoring.Rule) (*pairing.RulePrices, error) {
		view := out.scorer.Rules(more...)
		return pairing.PriceRules(ctx, problem, pairing.HardRules{Names: view.Names(), Rows: view})
	}
	now, err := price()
	if err != nil {
		return err
	}
	left := func(l pairing.Left) choiceLeft { return choiceLeft{l.WithNone, l.WithFew} }
	all := rulePrices{Mentees: now.Mentees, Mentors: now.Mentors, Pairs: now.Pairs, Now: left(now.All)}
	for _, r := range now.Rules {
		all.Rules = append(all.Rules, rulePrice{r.Rule, true, scoring.Liftable(r.Rule), left(r.Without), r.Pairs})
	}
	for _, rule := range out.scorer.NotInForce() {
		then, err := price(rule)
		if err != nil {
			return err
		}
		all.Rules = append(all.Rules, rulePrice{rule.String(), false, true, left(then.All), now.Pairs - then.Pairs})
	}
	if asJSON {
		return json.NewEncoder(p.stdout).Encode(all)
	}
	t := &report{w: p.stdout, color: colorful(p.stdout)}
	t.prices(&all)
	return t.err
}

func (t *report) prices(all *rulePrices) {
	t.line("Mentees who want a mentor: %d. Mentors with a seat: %d. Pairs that no rule forbids: %d.", all.Mentees, all.Mentors, all.Pairs)
	t.line("With the rules in force %d mentees have no mentor to choose, and %d have fewer than %d.", all.Now.None, all.Now.Few, pairing.Few)
	t.line("")
	rows := [][]string{{"RULE", "NOW", "IF CHANGED: NO MENTOR", fmt.Sprintf("FEWER THAN %d", pairing.Few), "PAIRS IT ALONE FORBIDS"}}
	for _, r := range all.Rules {
		now := "in force"
		switch {
		case !r.InForce:
			now = "not in force"
		case !r.Liftable:
			now = "always"
		}
		rows = append(rows, []string{r.Rule, now, fmt.Sprint(r.Changed.None), fmt.Sprint(r.Changed.Few), fmt.Sprint(r.Pairs)})
	}
	t.table(rows, []bool{false, false, true, true, true}, func(int, int) string { return "" })
	t.line("")
	t.line("A rule that is always in force protects people; what it takes is shown, and it cannot be lifted.")
}
