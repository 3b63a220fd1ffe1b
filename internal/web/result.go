package web

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
)

// resultPage is the outcome of a run: what was asked for, what was reached,
// what was proved, and who, by code.
//
// Small totals and the facts about single people never stand on one screen:
// compared, they could single somebody out. So the make-up view shows codes
// only, and the people view no totals.
type resultPage struct {
	frame
	Path       string
	People     bool // the people view
	Number     int
	Heading    string
	Lede       string
	Trial      bool
	Verdict    verdictView
	Groups     []groupView
	Hidden     []phrase // groups withheld from the reader
	GaveWay    []string // the rules that ask for company
	Masked     bool     // some count is too small to be shown
	Ticks      bool     // some row has a community share
	Outlines   bool     // some row counts groups instead of people
	Members    []memberView
	Closest    bool   // there is no cohort: the people nearest to one
	Sealed     bool   // not drawn yet
	Group      bool   // there is a group that can be looked at
	MayRun     bool   // the reader may draw, choose and replace
	MayTry     bool   // and see what an answer would change
	Drawable   bool   // it has a draw, held or not
	Public     string // address of the page that everybody can check it on
	Chances    chancesView
	Provenance string
	Computed   string // the provenance in plain words
	Bounds     []boundLine
	Details    []detail
	Steps      []stepLine
}

type verdictView struct {
	Tone, Mark, Title string
	Text              string
	Lines             []missLine
	More              int // lines left out
	Ways              []wayLink
	MoreWays          int
	After             string
}

// wayLink is a way out, and where it can be tried: on a copy of the criteria, or
// by a trial without a lock.
type wayLink struct {
	Label, Cost, Href string
	Trial             bool
}

type missLine struct {
	What phrase
	Text string
}

type groupView struct {
	Name phrase
	Note string
	Rows []rowView
}

type rowView struct {
	Label            phrase
	Words            string // said instead of Label, in the page's language
	Bar              template.HTML
	Count, Applied   string // "" where too few to show safely
	Range            string
	Tone, Mark, Word string
	Must             bool
	Priority         int
}

type memberView struct {
	Code   string
	Locked bool
	Reason string
	Facts  []phrase
	Chance string // in classes, and only where it describes the group
	Href   string // of the page that explains it
}

type boundLine struct {
	Label, Value, Bound, Word string
	Proved                    bool
}

type detail struct {
	Label, Text string
	Code        bool
}

// mostMisses is how many missed rules the verdict names before it refers to
// the tables.
const mostMisses = 4

func newResultPage(f frame, res *applications.SelectionResult, number int, view string) *resultPage {
	l, rec := f.tongue, res.Record
	page := &resultPage{
		frame: f, Number: number, People: view == "people", Trial: res.Selection.Trial,
		Path: "/programs/" + res.Program.ID + "/selections/" + res.Selection.ID,
	}
	page.Crumbs = runCrumbs(l, res.Program, number)
	page.Sealed = res.Selection.State == applications.SelectionSealed
	page.Drawable = res.Selection.Seal != nil && !page.Trial
	if page.Drawable {
		page.Public = "/draws/" + res.Program.ID + "/" + res.Selection.ID
	}
	if res.Selection.Provenance != applications.Chosen { // then they do not describe the group
		page.Chances = newChancesView(l, res.Chances, res.Rules)
	}
	page.GaveWay = gaveWayLines(l, res)
	size := len(rec.Cohort)
	if size == 0 && res.Chances != nil { // the likeliest group of a lottery
		size = rec.Size.Wanted
	}
	if rec.Status == matcher.Infeasible && rec.Infeasibility != nil {
		size = len(rec.Infeasibility.Closest)
		page.Closest = size > 0
	}
	page.head(l, res)
	page.verdict(l, res)
	page.makeup(l, res, size)
	if !page.Trial {
		for _, m := range res.Members {
			v := newMemberView(l, res.Form, m)
			v.Href = page.Path + "/people/" + m.Code
			page.Members = append(page.Members, v)
		}
	}
	page.Group = len(page.Members) > 0 && !page.Closest && res.Selection.ErasedCount == 0
	page.proof(l, res)
	page.titled(page.Heading, l.say("run.number", "n", number), l.phrase(res.Program.Title).Text, "Fairlead")
	return page
}

func (page *resultPage) head(l tongue, res *applications.SelectionResult) {
	rec, pool := res.Record, l.number(int64(res.Selection.PoolSize))
	if res.Selection.PoolSize == applications.TooFew {
		pool = l.say("fewer_than", "n", applications.Fewest)
	}
	switch rec.Status {
	case matcher.Infeasible:
		page.Heading = l.say("result.impossible")
		page.Lede = l.say("result.impossible.lede", "n", res.Criteria.Size, "pool", pool)
	case matcher.Undecided:
		page.Heading = l.say("result.undecided")
		page.Lede = l.say("result.undecided.lede", "pool", pool)
	default:
		page.Heading = l.say("result.title")
		page.Lede = l.count("result.lede", len(res.Members), "pool", pool)
		if res.Selection.State == applications.SelectionSealed || res.Selection.Trial && res.Chances != nil {
			page.Heading = l.say("result.sealed")
			if res.Selection.Trial {
				page.Heading = l.say("result.trial_title")
			}
			page.Lede = l.say("result.sealed_lede", "n", rec.Size.Wanted, "pool", pool)
			return
		}
		if len(res.Members) == 0 {
			page.Lede = l.count("result.lede", len(rec.Cohort), "pool", pool)
		}
		if rec.Size.Got < rec.Size.Wanted {
			if rec.Size.Got == rec.Size.Bound {
				page.Lede += " " + l.say("result.smaller", "wanted", rec.Size.Wanted, "got", rec.Size.Got)
			} else {
				page.Lede += " " + l.say("result.smaller_unproved", "wanted", rec.Size.Wanted, "got", rec.Size.Got, "bound", rec.Size.Bound)
			}
		}
		switch {
		case res.Selection.Provenance == applications.Chosen: // what was proved is about the group before
			page.Lede += " " + l.say("result.chosen")
		case rec.Status == matcher.Optimal && closest(rec):
			page.Lede += " " + l.say("result.optimal")
		case rec.Status == matcher.Optimal:
			page.Lede += " " + l.say("result.allowed")
		default:
			page.Lede += " " + l.say("result.feasible")
		}
	}
}

func (page *resultPage) verdict(l tongue, res *applications.SelectionResult) {
	rec, v := res.Record, &page.Verdict
	met := 0
	for _, r := range res.Rules {
		if !r.Missed() {
			met++
			continue
		}
		if rec.Status == matcher.Infeasible && r.Priority != matcher.Must {
			continue // a target that is missed makes nothing impossible
		}
		if len(v.Lines) == mostMisses {
			v.More++
			continue
		}
		v.Lines = append(v.Lines, missLine{rowName(l, r), missText(l, r)})
	}
	total, partly := len(res.Rules), len(res.Withheld) > 0
	v.Tone, v.Mark = "ok", "✓"
	v.Title = l.count("result.all_met", total)
	if partly { // the others may be missed
		v.Title = l.count("result.shown_all_met", total)
	}
	if met < total {
		v.Tone, v.Mark = "warn", "!"
		v.Title = l.say("result.some_met", "met", met, "total", total)
		if partly {
			v.Title = l.say("result.shown_some_met", "met", met, "total", total)
		}
		v.After = howClose(l, res)
	}
	switch {
	case total == 0 && partly:
		v.Tone, v.Mark, v.Title = "", "–", l.say("result.shown_none")
	case total == 0:
		v.Title = l.say("result.no_rules")
	}
	switch rec.Status {
	case matcher.Undecided:
		v.Tone, v.Mark, v.Title, v.After, v.Lines, v.More = "warn", "?", l.say("result.undecided"), l.say("result.undecided.text"), nil, 0
	case matcher.Infeasible:
		v.Tone, v.Mark = "warn", "✕"
		v.Title, v.After = l.say("result.clash_rules"), ""
		if inf := rec.Infeasibility; inf != nil {
			if len(inf.Clash) > 0 {
				v.Title, v.Lines, v.More = l.say("result.clash_hard"), nil, 0
				for _, c := range inf.Clash {
					v.Lines = append(v.Lines, missLine{What: l.said(hardWords(l, c))})
				}
			} else if len(inf.Conflict) > 0 {
				v.Text, v.Lines, v.More = l.say("why.together"), nil, 0
				if len(inf.Conflict) == 1 {
					v.Text = l.say("why.alone")
				}
				for _, c := range inf.Conflict {
					v.Lines = append(v.Lines, conditionLine(l, res.Rules, c))
				}
			}
			page.ways(l, res, inf.Relaxations)
			if inf.LeastTotalDeviation != nil {
				v.After = l.count("result.least_total", int(*inf.LeastTotalDeviation))
			} else if len(inf.Clash) == 0 && !partly {
				v.After = l.say("result.least_unknown")
			}
		}
	}
	if page.People { // how a target is missed is a small total
		v.Text, v.Lines, v.More, v.Ways = "", nil, 0, nil
	}
	if !rec.Complete {
		v.After = strings.TrimSpace(v.After + " " + l.say("result.incomplete"))
	}
}

// closest reports whether no group comes closer to the targets: not so where the
// criteria allow some deviation and the group uses it.
func closest(rec *matcher.Record) bool {
	return !slices.ContainsFunc(rec.Deviation, func(d matcher.Deviation) bool { return d.Value > d.Bound.Bound })
}

// howClose says what was proved about targets that are missed.
func howClose(l tongue, res *applications.SelectionResult) string {
	switch {
	case res.Selection.Provenance == applications.Chosen:
		return l.say("result.chosen_missed")
	case res.Record.Status != matcher.Optimal:
		return l.say("result.not_proved")
	case !closest(res.Record):
		return l.say("result.allowed_missed")
	}
	return l.say("result.least")
}

// ways offers what would make a group possible, each to be tried on a copy.
func (page *resultPage) ways(l tongue, res *applications.SelectionResult, list []matcher.Relaxation) {
	v := &page.Verdict
	for i, x := range list {
		if i == shownWays {
			v.MoreWays = len(list) - shownWays
			return
		}
		way := wayLink{}
		way.Label, way.Cost = relaxationWords(l, res.Rules, x)
		q, trial := url.Values{"version": {itoa(res.Criteria.Version)}}, url.Values{"from": {res.Selection.ID}}
		for _, c := range x.Changes {
			if _, code, lock := c.Lock(); lock {
				trial.Add("unlock", code)
			} else if c.Row > 0 {
				q.Add("change", fmt.Sprintf("%d.%s=%d", c.Row, strings.ToLower(c.Bound), c.To))
			}
		}
		switch len(x.Changes) {
		case len(q["change"]):
			way.Href = "/programs/" + res.Program.ID + "/criteria?" + q.Encode()
		case len(trial["unlock"]):
			way.Href, way.Trial = "/programs/"+res.Program.ID+"/selections?"+trial.Encode(), true
		}
		v.Ways = append(v.Ways, way)
	}
}

// rowName is what a row counts, with its attribute where the row alone would
// not tell.
func rowName(l tongue, r applications.ResultRule) phrase {
	p := l.phrase(r.Label)
	if p.Text != "" && r.Kind == matcher.Quota {
		return p
	}
	return l.phrase(r.Group)
}

func missText(l tongue, r applications.ResultRule) string {
	switch {
	case r.Count == applications.TooFew || r.Pool == applications.TooFew:
		return l.say("miss.unmet")
	case r.Kind == matcher.Quota && r.Short > 0:
		return l.count("miss.short", r.Count, "min", r.Min, "pool", r.Pool)
	case r.Kind == matcher.Quota:
		return l.count("miss.over", r.Count, "max", r.Max)
	case r.Kind == matcher.Company:
		return l.count("miss.company", r.Pool-r.Count, "min", r.Min)
	case r.Kind == matcher.Spread:
		return l.count("miss.spread", r.Count, "min", r.Min)
	default:
		return l.count("miss.cap", r.Count, "max", r.Max)
	}
}

func (page *resultPage) makeup(l tongue, res *applications.SelectionResult, size int) {
	axis := chartAxis(res.Rules, size)
	at := map[string]int{}
	for _, r := range res.Rules {
		i, ok := at[r.Attribute]
		if !ok {
			i = len(page.Groups)
			at[r.Attribute] = i
			g := groupView{Name: l.phrase(r.Group)}
			if a := res.Form.Attribute(r.Attribute); a != nil && a.Kind == applications.Multi {
				g.Note = l.say("result.multi")
			}
			page.Groups = append(page.Groups, g)
		}
		row := newRowView(l, r, axis, size)
		page.Masked = page.Masked || row.Count == "" || row.Applied == ""
		page.Ticks = page.Ticks || row.Bar != "" && r.Benchmark != nil && r.Kind == matcher.Quota
		page.Outlines = page.Outlines || row.Bar != "" && (r.Kind == matcher.Spread || r.Kind == matcher.Company)
		page.Groups[i].Rows = append(page.Groups[i].Rows, row)
	}
	for _, group := range res.Withheld {
		page.Hidden = append(page.Hidden, l.phrase(group))
	}
}

// chartAxis is how many people the width of a chart stands for: enough for
// every count and every bound that really bounds.
func chartAxis(rules []applications.ResultRule, size int) int {
	axis := 4
	for _, r := range rules {
		axis = max(axis, r.Count, min(r.Min, size))
		if r.Benchmark != nil && r.Kind == matcher.Quota {
			axis = max(axis, int(math.Ceil(r.Benchmark.Share*float64(size)))-1)
		}
		if r.Kind == matcher.Company {
			axis = max(axis, r.Pool)
		}
		if r.Max < size && (r.Kind == matcher.Quota || r.Kind == matcher.Cap) {
			axis = max(axis, r.Max)
		}
	}
	return axis + 1
}

func newRowView(l tongue, r applications.ResultRule, axis, size int) rowView {
	row := rowView{Label: l.phrase(r.Label), Must: r.Priority == matcher.Must, Priority: r.Priority}
	wrong := r.Missed()
	b := bar{Axis: axis, Count: r.Count, Lo: r.Min, Hi: r.Max, Wrong: wrong}
	switch r.Kind {
	case matcher.Company:
		row.Words = l.count("row.company", r.Min)
		if row.Range = l.say("range.every"); r.Pool != applications.TooFew {
			row.Range = l.say("range.all", "n", r.Pool)
		}
		b.Lo, b.Hi, b.Outline = r.Pool, r.Pool, true
	case matcher.Spread:
		row.Words = l.say("row.spread")
		row.Range = l.say("range.from", "n", r.Min)
		b.Hi, b.Outline = -1, true
	case matcher.Cap:
		row.Words = l.say("row.cap")
		row.Range = l.say("range.to", "n", r.Max)
		b.Lo = 0
	default:
		switch {
		case r.Max >= size && r.Min > 0:
			row.Range, b.Hi = l.say("range.from", "n", r.Min), -1
		case r.Max >= size:
			row.Range, b.Hi = l.say("range.any"), -1
		case r.Min == 0:
			row.Range = l.say("range.to", "n", r.Max)
		case r.Min == r.Max:
			row.Range = l.number(int64(r.Min))
		default:
			row.Range = fmt.Sprintf("%d–%d", r.Min, r.Max)
		}
		if r.Benchmark != nil {
			b.Share = r.Benchmark.Share * float64(size)
		}
	}
	row.Tone, row.Mark = "ok", "✓"
	if wrong {
		row.Tone, row.Mark = "bad", "✕"
	}
	switch {
	case r.Count == applications.TooFew && wrong:
		row.Word = l.say("row.unmet") // by how many would tell the count
	case r.Count == applications.TooFew:
		row.Word = l.say("row.met")
	case r.Short > 0:
		row.Word = l.say("row.short", "n", r.Short)
	case r.Over > 0:
		row.Word = l.say("row.over", "n", r.Over)
	case r.Kind != matcher.Quota:
		row.Word = l.say("row.met")
	case r.Count == r.Min && r.Min > 0 && r.Max > r.Min:
		row.Word = l.say("row.at_floor")
	case r.Count == r.Max && r.Max > r.Min:
		row.Word = l.say("row.at_cap")
	default:
		row.Word = l.say("row.in_range")
	}
	shown := func(n int) string {
		if n == applications.TooFew {
			return ""
		}
		return l.number(int64(n))
	}
	row.Count, row.Applied = shown(r.Count), shown(r.Pool)
	if r.Count != applications.TooFew && (r.Kind != matcher.Company || r.Pool != applications.TooFew) {
		row.Bar = b.svg()
	}
	return row
}

// newMemberView shows facts about a job and nothing about the person: those
// that rules may read, the role first. What somebody wrote, and the name of an
// organization, can tell who they are, so only answers chosen from a list are
// shown.
func newMemberView(l tongue, form *applications.Form, m applications.ResultMember) memberView {
	v := memberView{Code: m.Code, Locked: m.Locked, Reason: m.LockReason, Chance: chanceClass(l, m.Chance)}
	for _, kind := range []applications.AttributeKind{applications.Single, applications.Multi} {
		for i := range form.Attributes {
			a := &form.Attributes[i]
			if a.Kind != kind || a.Identity() || !hasPurpose(a, applications.ForBalance) {
				continue
			}
			var labels []string
			lang := string(l)
			for _, code := range m.Answers[a.Key].Values {
				p := valueLabel(l, a, code)
				labels, lang = append(labels, p.Text), p.Lang
			}
			if len(labels) > 0 {
				v.Facts = append(v.Facts, phrase{strings.Join(labels, "; "), lang})
			}
		}
	}
	return v
}

// chanceClass is somebody's chance beside facts about them: as a class, because
// the exact number, and certainty before all, would tell how many people are
// like them.
func chanceClass(l tongue, millionths int64) string {
	switch {
	case millionths <= 0:
		return ""
	case millionths < 50_000:
		return l.say("chance.below", "n", "5 %")
	case millionths < 150_000:
		return l.say("chance.between", "from", "5", "to", "15 %")
	case millionths < 300_000:
		return l.say("chance.between", "from", "15", "to", "30 %")
	case millionths < 500_000:
		return l.say("chance.between", "from", "30", "to", "50 %")
	}
	return l.say("chance.above", "n", "50 %")
}

func (page *resultPage) proof(l tongue, res *applications.SelectionResult) {
	rec, run, zone := res.Record, res.Selection, zoneOf(res.Program)
	page.Provenance, page.Computed = string(run.Provenance), provenanceText(l, run)
	switch {
	case page.Provenance != "":
	case page.Sealed || res.Chances != nil:
		page.Provenance, page.Computed = string(applications.SelectionSealed), l.say("provenance.SEALED")
	default:
		page.Provenance, page.Computed = string(applications.Computed), l.say("provenance.COMPUTED", "seed", rec.Seed)
	}
	if run.Provenance != applications.Chosen && (rec.Status == matcher.Optimal || rec.Status == matcher.Feasible) {
		line := func(label string, value, bound int64) {
			b := boundLine{Label: label, Value: l.number(value), Bound: l.number(bound), Proved: value == bound}
			b.Word = l.say("bound.open")
			if rec.Status == matcher.Optimal {
				b.Word = l.say("bound.allowed")
			}
			if b.Proved {
				b.Word = l.say("bound.proved")
			}
			page.Bounds = append(page.Bounds, b)
		}
		if rec.Size.Got > 0 {
			line(l.say("bound.size"), int64(rec.Size.Got), int64(rec.Size.Bound))
		}
		for _, d := range rec.Deviation {
			line(l.say("bound.priority", "n", d.Priority), d.Value, d.Bound.Bound)
		}
		if rec.Score.Value != 0 || rec.Score.Bound != 0 {
			line(l.say("bound.score"), rec.Score.Value, rec.Score.Bound)
		}
	}
	add := func(key, text string, code bool) {
		if text != "" {
			page.Details = append(page.Details, detail{l.say("detail." + key), text, code})
		}
	}
	add("criteria", l.say("detail.version", "n", res.Criteria.Version, "name", res.Criteria.Name), false)
	add("criteria_digest", res.Criteria.Digest, true)
	add("seed", oneLine(rec.Seed), true)
	add("input", rec.InputDigest, true)
	add("record", rec.Digest, true)
	add("engine", rec.Engine, true)
	if !run.DoneTime.IsZero() {
		add("done", l.moment(run.DoneTime, zone).Text, false)
	}
	for _, step := range run.Steps {
		page.Steps = append(page.Steps, stepLine{Label: stepLabel(l, step.Name), When: l.moment(step.Time, zone)})
	}
}
