package web

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// newCheckView words a verdict. It speaks of what must hold: targets are met as
// well as possible, and make nothing impossible.
func newCheckView(l tongue, e *editing, verdict *applications.CriteriaVerdict, at places) checkView {
	v := checkView{Tone: "warn", Mark: "?"}
	switch {
	case len(e.faults)+len(e.others) > 0:
		v.Mark, v.Title, v.Text = "!", l.say("check.faulty"), l.say("check.faulty.text")
		return v
	case verdict == nil:
		v.Tone, v.Title, v.Text = "", l.say("check.forbidden"), l.say("check.forbidden.text")
		return v
	}
	pool := masked(l, verdict.PoolSize, true)
	switch verdict.Verdict.Status {
	case matcher.Feasible:
		v.Tone, v.Mark, v.Title = "ok", "✓", l.say("check.possible")
		v.Text = l.say("check.possible.text", "pool", pool)
		if len(at.rows) == 0 {
			v.Text = l.say("check.no_rules", "size", e.draft.Size)
		}
	case matcher.Infeasible:
		v.Mark, v.Title = "✕", l.say("check.impossible")
		v.Text = l.say("check.impossible.text", "pool", pool)
		e.whyNot(l, &v, verdict, at)
	default:
		v.Title, v.Text = l.say("check.unknown"), l.say("check.unknown.text", "pool", pool)
	}
	if d := verdict.Details; d != nil {
		for _, y := range d.Yields {
			v.After = append(v.After, e.yieldLine(l, verdict, y))
		}
		for _, decliners := range d.Decliners {
			v.After = append(v.After, e.declinerLine(l, decliners)...)
		}
	}
	e.room(l, &v, verdict)
	for i := range verdict.Rules {
		if n := verdict.Rules[i].Row - 1; n >= 0 && n < len(at.rows) {
			v.Rows = append(v.Rows, e.rowCheck(l, verdict, i, at.rows[n]))
		}
	}
	return v
}

// room words what allowing more would do; each line can be tried on the form.
func (e *editing) room(l tongue, v *checkView, verdict *applications.CriteriaVerdict) {
	if !e.weigh || verdict.Verdict.Status != matcher.Feasible {
		return
	}
	for _, p := range verdict.TradeOff {
		way := wayOut{Label: l.say("check.room_now")}
		for g, more := range p.Extra {
			way.Label = l.say("check.room_more", "n", l.number(more), "priority", g)
			way.Set = fmt.Sprintf("%s%s=%d", doSet, allowField(g), verdict.Criteria.Allow[g]+more)
		}
		switch {
		case p.OverCap:
			way.Cost = l.say("check.room_over", "n", verdict.Criteria.MaxChance)
		case p.People == 0:
			way.Cost = l.say("check.room_unknown")
		case !p.Proved:
			way.Cost = l.say("check.room_between", "least", share(p.Smallest), "most", share(p.Bound))
		default:
			way.Cost = l.say("check.room_chance", "chance", share(p.Smallest), "n", l.number(int64(p.Impossible)), "of", l.number(int64(p.People)))
		}
		v.Room = append(v.Room, way)
	}
	v.RoomCut = len(v.Room) < len(selection.EachPriority(verdict.Resolved))
}

// share writes a chance as percent.
func share(chance float64) string { return percent(int64(math.Round(chance * matcher.Billion))) }

func (e *editing) rowCheck(l tongue, verdict *applications.CriteriaVerdict, i int, at cardRow) rowCheck {
	r := &verdict.Rules[i]
	out := rowCheck{ID: fieldID(fmt.Sprintf("c%d.r%d", at.card, at.row))}
	if r.Kind == matcher.Quota || r.Kind == matcher.Spread {
		out.Applied = masked(l, r.Pool, true)
	}
	switch {
	case r.Kind != matcher.Quota || r.Pool == applications.TooFew:
	case r.Pool == 0:
		out.Note = l.say("check.row_nobody")
	case r.Pool < r.Min:
		out.Note = l.count("check.row_short", r.Pool, "min", r.Min)
	}
	if verdict.Details == nil || out.Note != "" {
		return out
	}
	for _, g := range verdict.Details.Ranges {
		if g.Row != r.Row {
			continue
		}
		switch g.Tightness(r.Priority) {
		case selection.Never:
			out.Note = l.say("tight.never")
		case selection.Tight:
			out.Note = l.say("tight.tight")
		case selection.Always:
			out.Note = l.say("tight.always")
		}
	}
	return out
}

// yieldLine says to whom rules that ask for company give way, and how.
func (e *editing) yieldLine(l tongue, verdict *applications.CriteriaVerdict, y selection.Yield) string {
	names := rowNames(l, verdict.Rules, y.Rows)
	who := l.say("yield.some", "rules", names)
	if n := len(y.People); n >= applications.Fewest || n > 0 && facilitates(e.who, e.program.ID) {
		who = l.count("yield", n, "rules", names)
	}
	return who + " " + yieldHow(l, y)
}

func yieldHow(l tongue, y selection.Yield) string {
	switch {
	case y.Dropped:
		return l.say("yield.dropped")
	case y.Priority == matcher.Must:
		return l.say("yield.relief", "n", l.number(int64(y.Relief)))
	}
	return l.say("yield.allow", "n", l.number(y.Allow), "priority", y.Priority)
}

// gaveWayLines say which rules that ask for company gave way in a run, and how.
func gaveWayLines(l tongue, res *applications.SelectionResult) (lines []string) {
	for _, y := range res.Selection.GaveWay {
		lines = append(lines, l.say("way.gave", "rules", rowNames(l, res.Rules, y.Rows))+" "+yieldHow(l, y))
	}
	return lines
}

// rowNames names rows; those that are withheld are told as that, once.
func rowNames(l tongue, rules []applications.ResultRule, rows []int) string {
	var names []string
	for _, row := range rows {
		name := l.say("rule.withheld")
		if r := ruleAt(rules, row); r != nil {
			name = rowName(l, *r).Text
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, "; ")
}

// declinerLine says what the criteria leave to people who declined a question.
func (e *editing) declinerLine(l tongue, d selection.Decliner) []string {
	if d.People == 0 || d.Best.Cannot == 0 {
		return nil
	}
	name := d.Attribute
	if a := e.form.Attribute(d.Attribute); a != nil {
		name = attributeLabel(l, a).Text
	}
	if d.Allowed.Cannot == d.People {
		return []string{l.say("decliners.none", "attribute", name)}
	}
	return []string{l.say("decliners.some", "attribute", name, "n", masked(l, d.Best.Cannot, facilitates(e.who, e.program.ID)), "of", masked(l, d.People, facilitates(e.who, e.program.ID)))}
}

// whyNot words why criteria cannot be kept, and the ways out, each of which the
// form can try as it stands.
func (e *editing) whyNot(l tongue, v *checkView, verdict *applications.CriteriaVerdict, at places) {
	why := verdict.Verdict.Infeasibility
	if d := verdict.Details; d != nil && d.Infeasibility != nil {
		why = d.Infeasibility
	}
	if why == nil {
		return
	}
	if len(why.Clash) > 0 {
		v.Text = l.say("result.clash_hard")
		for _, c := range why.Clash {
			v.Lines = append(v.Lines, missLine{What: l.said(hardWords(l, c))})
		}
		return
	}
	switch pool := masked(l, verdict.PoolSize, true); len(why.Conflict) {
	case 0:
	case 1:
		v.Text = l.say("why.conflict_one", "pool", pool)
	default:
		v.Text = l.say("why.conflict", "pool", pool)
	}
	for _, c := range why.Conflict {
		v.Lines = append(v.Lines, conditionLine(l, verdict.Rules, c))
	}
	for i, x := range why.Relaxations {
		if i == shownWays {
			v.After = append(v.After, l.count("way.more", len(why.Relaxations)-shownWays))
			break
		}
		way := wayOut{}
		way.Label, way.Cost = relaxationWords(l, verdict.Rules, x)
		var set []string
		for _, c := range x.Changes {
			if c.Row < 1 || c.Row > len(at.rows) {
				set = nil
				break
			}
			name := "min"
			if c.Bound == matcher.BoundMax {
				name = "max"
			}
			set = append(set, fmt.Sprintf("%s=%d", at.rows[c.Row-1].field(name), c.To))
		}
		if len(set) > 0 {
			way.Set = doSet + strings.Join(set, " ")
		}
		v.Ways = append(v.Ways, way)
	}
	if slices.Contains(why.Cut, matcher.CutRelaxations) {
		v.After = append(v.After, l.say("way.cut"))
	}
	if why.LeastTotalDeviation != nil && len(why.Relaxations) == 0 {
		v.After = append(v.After, l.count("result.least_total", int(*why.LeastTotalDeviation)))
	}
}
