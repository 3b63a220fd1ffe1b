package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/lottery"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// weigh finds what allowing more deviation would do for the chances. --work holds
// for each point.
func (c *checking) weigh(ctx context.Context, q *question, line *progressLine) ([]selection.TradeOffPoint, error) {
	points, found := selection.EachPriority(q.criteria), 0
	at := func(p selection.Progress) {
		p.Step = fmt.Sprintf("trade-off, %d of %d, %s", found+1, len(points), p.Step)
		line.show(p)
	}
	o := selection.TradeOffOptions{Extra: points, Found: func(selection.TradeOffPoint) { found++ }}
	o.Work, o.Progress, o.Cap = c.work, at, float64(q.maxChance)/1000
	o.Watch = func(p lottery.Progress) { at(lotteryStep(p)) }
	return selection.TradeOff(ctx, q.people, q.criteria, o)
}

// tradeOff is the table of the curve: what is allowed, and the chances with it.
func (t *report) tradeOff(q *question, curve []selection.TradeOffPoint) {
	t.line("")
	t.line("%s", t.bold("What more room would do"))
	of := len(selection.EachPriority(q.criteria))
	if of == 1 {
		t.line("  There are no targets, so that there is nothing to allow more of.")
	}
	rows := [][]string{{"  ALLOWED", "DEVIATION", "SMALLEST CHANCE", "WITHOUT A CHANCE"}}
	for _, p := range curve {
		rows = append(rows, pointWords(p))
	}
	t.table(rows, []bool{false, false, true, true}, func(int, int) string { return "" })
	if len(curve) < of {
		t.line("  %d of %d were found before it was stopped.", len(curve), of)
	}
	if q.maxChance > 0 {
		t.line("  Nobody has more than %d in 1000 in any of them, but who is included by name.", q.maxChance)
	}
	t.line("  The smallest chance is of those who can be in: it can fall when more people can.")
}

func pointWords(p selection.TradeOffPoint) []string {
	allowed, deviation := "nothing more", ""
	for g := 1; g <= matcher.MaxPriority; g++ {
		if n := p.Extra[g]; n > 0 {
			allowed = fmt.Sprintf("%d more at priority %d", n, g)
			if most, known := p.Allowed[g]; known {
				deviation = fmt.Sprintf("up to %d", most)
			}
		}
	}
	row := []string{"  " + allowed, deviation, "", ""}
	switch {
	case p.OverCap:
		row[2], row[3] = "none keeps the largest chance", ""
	case p.People == 0:
		row[2] = "not decided"
	case !p.Proved:
		row[2], row[3] = chance(billionths(p.Smallest))+" to "+chance(billionths(p.Bound)), "not decided"
	default:
		row[2], row[3] = chance(billionths(p.Smallest)), fmt.Sprintf("%d of %d", p.Impossible, p.People)
	}
	return row
}

func billionths(p float64) int64 { return int64(math.Round(p * matcher.Billion)) }

// weighed reports whether every point of the curve was proved.
func weighed(q *question, curve []selection.TradeOffPoint) bool {
	if len(curve) < len(selection.EachPriority(q.criteria)) {
		return false
	}
	for _, p := range curve {
		if !p.Proved && !p.OverCap {
			return false
		}
	}
	return true
}

// pointJSON is one point of --trade-off: by priority what is allowed above the
// criteria and what a cohort may deviate then. Chances are in billionths.
type pointJSON struct {
	Extra      map[string]int64 `json:"extra"`
	Allowed    map[string]int64 `json:"allowed"`
	Proved     bool             `json:"proved"`
	OverCap    bool             `json:"overCap"`
	Smallest   *int64           `json:"smallest"`
	Bound      *int64           `json:"bound"`
	Impossible *int             `json:"impossible"`
	People     int              `json:"people"`
}

func pointsJSON(curve []selection.TradeOffPoint) []pointJSON {
	out := []pointJSON{}
	byPriority := func(of map[int]int64) map[string]int64 {
		m := map[string]int64{}
		for g, n := range of {
			m[strconv.Itoa(g)] = n
		}
		return m
	}
	for _, p := range curve {
		j := pointJSON{Extra: byPriority(p.Extra), Allowed: byPriority(p.Allowed), Proved: p.Proved, OverCap: p.OverCap, People: p.People}
		if p.People > 0 {
			least, bound := billionths(p.Smallest), billionths(p.Bound)
			j.Smallest, j.Bound = &least, &bound
		}
		if p.Proved {
			n := p.Impossible
			j.Impossible = &n
		}
		out = append(out, j)
	}
	return out
}
