package web

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/openfairlead/fairlead/mentoring"
)

// fitBar draws a score: one box for each part, as wide as the part weighs, filled
// as far as the pair has it. Together the filled lengths are the score. The
// numbers stand beside it in words.
func fitBar(parts []mentoring.Part) template.HTML {
	const whole = 1000 // of a score, and of the view box
	var w strings.Builder
	fmt.Fprintf(&w, `<svg class="bar fit" viewBox="0 0 %d %d" preserveAspectRatio="none" aria-hidden="true" focusable="false">`, whole, barHeight)
	at := 0
	for _, p := range parts {
		most := max(p.Most, p.Points, 0)
		if most = min(most, whole-at); most <= 0 {
			continue
		}
		const gap = 4 // between two boxes
		width := max(most-gap, 1)
		fmt.Fprintf(&w, `<rect class="band" x="%d" y="1" width="%d" height="12"/>`, at, width)
		if p.Points > 0 {
			fmt.Fprintf(&w, `<rect class="seat" x="%d" y="1" width="%d" height="12"/>`, at, min(p.Points, width))
		}
		at += most
	}
	w.WriteString(`</svg>`)
	return template.HTML(w.String())
}

// fitView is why a pair has its score.
type fitView struct {
	Score string
	Bar   template.HTML
	Parts []fitPart
	Text  string // all parts in one line
}

// fitPart is one part of a score in words.
type fitPart struct {
	Feature, Points string
	Bar             template.HTML // of this part alone
	Evidence        phrase
}

func newFitView(l tongue, score int, parts []mentoring.Part) fitView {
	v := fitView{Score: l.number(int64(score))}
	if len(parts) == 0 {
		return v
	}
	v.Bar = fitBar(parts)
	var line []string
	for _, p := range parts {
		part := fitPart{
			Feature: featureLabel(l, p.Feature), Points: l.say("fit.points", "n", p.Points, "of", p.Most),
			Evidence: phrase{strings.Join(p.Evidence, "; "), "en"},
		}
		if p.Most > 0 {
			part.Bar = bar{Axis: p.Most, Hi: p.Most, Count: max(p.Points, 0), Lo: 0}.svg()
		}
		v.Parts = append(v.Parts, part)
		line = append(line, part.Feature+" "+part.Points)
	}
	v.Text = strings.Join(line, " · ")
	return v
}

// ruleLabel is a hard rule in words.
func ruleLabel(l tongue, rule string) string {
	key := "matching.rule." + strings.ReplaceAll(rule, " ", "_")
	if _, ok := catalogs["en"][key]; !ok {
		return rule
	}
	return l.say(key)
}

// costView is what an edit changes for the whole.
type costView struct {
	Tone, Mark, Title string
	Lines             []string // terms that change
	Moves             []string // who gets another mentor
	More              int      // moves left out
}

// shownMoves is how many moves a page names before it only counts them.
const shownMoves = 12

func newCostView(l tongue, c *mentoring.Cost) costView {
	v := costView{Tone: "ok", Mark: "✓", Title: l.say("pair.cost.nothing")}
	decided := false
	for _, t := range c.Terms {
		d := t.After - t.Before
		if d == 0 {
			continue
		}
		line := termWords(l, t)
		v.Lines = append(v.Lines, line)
		if decided {
			continue
		}
		decided = true // the first term that changes decides: it counts before all others
		v.Title = l.say("pair.cost.gains", "what", line)
		if d < 0 {
			v.Tone, v.Mark, v.Title = "warn", "!", l.say("pair.cost.costs", "what", line)
		}
	}
	v.Moves = moveWords(l, c)
	if len(v.Moves) > shownMoves {
		v.More = len(v.Moves) - shownMoves
		v.Moves = v.Moves[:shownMoves]
	}
	return v
}

// shortCost is a cost in one line: for the whole, for the mentee, for others.
func shortCost(l tongue, c *mentoring.Cost, mentee string) string {
	var parts []string
	for _, t := range c.Terms {
		if t.After != t.Before {
			parts = append(parts, termWords(l, t))
		}
	}
	const few = 2
	if len(parts) > few { // the first ones count before the others
		parts = parts[:few]
	}
	if len(parts) == 0 {
		parts = []string{l.say("pair.cost.nothing")}
	}
	var moves []string
	for _, m := range movesOf(c) {
		switch {
		case m.mentee != mentee:
			moves = append(moves, m.words(l))
		case len(m.before) > 0:
			parts = append(parts, l.say("pair.cost.own", "d", signed(m.gain()), "mentee", mentee))
		}
	}
	const named = 3
	if len(moves) > named {
		moves = append(moves[:named], l.count("pair.more_moves", len(moves)-named))
	}
	return strings.Join(append(parts, moves...), "; ")
}

// termWords says how a term of the objective changes.
func termWords(l tongue, t mentoring.TermChange) string {
	d := t.After - t.Before
	side := "more"
	if d < 0 {
		side = "less"
	}
	name := t.Term
	if strings.HasPrefix(name, "band") {
		name = "bands"
	}
	switch name {
	case "cover", "cover2", "cover3", "waiting", "floors", "total":
		return l.count("pair.cost."+name+"_"+side, int(max(d, -d)))
	case "worst":
		return l.say("pair.cost."+name+"_"+side, "before", max(t.Before, 0), "after", max(t.After, 0))
	case "even", "bands":
		return l.say("pair.cost." + name + "_" + side)
	}
	return l.say("pair.cost.other", "term", t.Term, "before", t.Before, "after", t.After)
}

// move is what becomes of one mentee.
type move struct {
	mentee        string
	before, after []mentoring.Pair
}

// movesOf are the mentees whom a change gives other mentors, by code.
func movesOf(c *mentoring.Cost) []*move {
	var all []*move
	at := map[string]*move{}
	find := func(code string) *move {
		if at[code] == nil {
			at[code] = &move{mentee: code}
			all = append(all, at[code])
		}
		return at[code]
	}
	for _, p := range c.Removed {
		m := find(p.MenteeCode)
		m.before = append(m.before, p)
	}
	for _, p := range c.Added {
		m := find(p.MenteeCode)
		m.after = append(m.after, p)
	}
	return all
}

func moveWords(l tongue, c *mentoring.Cost) []string {
	var words []string
	for _, m := range movesOf(c) {
		words = append(words, m.words(l))
	}
	return words
}

// gain is what the fit of the mentee's pairs gains.
func (m *move) gain() (n int) {
	for _, p := range m.after {
		n += p.Score
	}
	for _, p := range m.before {
		n -= p.Score
	}
	return n
}

// words says what becomes of the mentee, with what their fit gains or loses.
func (m *move) words(l tongue) string {
	codes := func(pairs []mentoring.Pair) string {
		var list []string
		for _, p := range pairs {
			list = append(list, p.MentorCode)
		}
		return strings.Join(list, ", ")
	}
	from, to := codes(m.before), codes(m.after)
	switch {
	case len(m.after) == 0:
		return l.say("pair.move.loses", "mentee", m.mentee, "mentor", from)
	case len(m.before) == 0:
		return l.say("pair.move.gets", "mentee", m.mentee, "mentor", to, "fit", m.gain())
	}
	return l.say("pair.move.moves", "mentee", m.mentee, "from", from, "to", to, "d", signed(m.gain()))
}

// signed writes a change with its sign.
func signed(n int) string {
	if n < 0 {
		return fmt.Sprintf("−%d", -n)
	}
	return fmt.Sprintf("+%d", n)
}
