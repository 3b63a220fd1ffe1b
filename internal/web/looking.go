package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Looking at a group: why somebody is in or out, other groups that are as good,
// and what a swap would come to. The people stand there by code, and what would
// tell who somebody is is said in classes: never which group of identity
// somebody is needed for, never that they are the only one.

// personPage says why somebody is in a group or out of it.
type personPage struct {
	frame
	Path     string
	Number   int
	Code     string
	In       bool
	Word     string
	Lock     string
	Chance   string
	Reasons  []string // why in
	Hinders  []string // what stands in the way of somebody out
	Tied     string   // codes of who comes and goes together with them
	Swaps    []string // codes
	SwapText string
	Never    string // of somebody out
	MaySwap  bool
	MayTry   bool // what a lock would come to
	Locked   bool
	Withheld bool
}

func (s *server) getPerson(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	x, err := s.svc.ExplainSelection(r.Context(), d.who, d.program.ID, run.ID, r.PathValue("code"))
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "person", newPersonPage(s.staffFrame(r, "programs"), d, run, number, x))
	return nil
}

func newPersonPage(f frame, d *desk, run *applications.Selection, number int, x *applications.Explained) *personPage {
	l := f.tongue
	page := &personPage{
		frame: f, Path: runPath(d.program.ID, run.ID), Number: number, Code: x.ID, In: x.In, Withheld: x.Withheld,
		MayTry: d.who.Can(access.SelectionsRun, d.program.ID) && !x.Withheld, Locked: x.Lock != "",
	}
	page.MaySwap = page.MayTry && run.OfferTime.IsZero()
	page.Word = l.say("person.out")
	if x.In {
		page.Word = l.say("person.in")
	}
	switch x.Lock {
	case selection.BrokenInclude:
		page.Lock = l.say("person.locked_in")
	case selection.BrokenExclude:
		page.Lock = l.say("person.locked_out")
	}
	if c := x.Chance; c != nil && c.People > 0 {
		if page.Chance = chanceClass(l, c.Tickets/int64(c.People)); page.Chance == "" {
			page.Chance = l.say("chance.none")
		}
	}
	page.Reasons = classes(l, x.RunView, func(yield func(row int)) {
		for _, h := range x.Helps {
			yield(max(h.Before.Row, h.After.Row))
		}
	})
	if x.In && len(page.Reasons) == 0 {
		page.Reasons = []string{l.say("person.no_need")}
	}
	if !x.In {
		page.Hinders = classes(l, x.RunView, func(yield func(row int)) {
			for _, h := range x.Hindrances {
				if h.Row > 0 {
					yield(h.Row)
				}
			}
		})
		if x.Fixed != nil && x.Lock == "" {
			page.Never = l.say("person.never")
		}
	}
	page.Tied = joined(x.Tied)
	for _, swap := range x.Swaps {
		codes := swap.In
		if !x.In {
			codes = swap.Out
		}
		page.Swaps = append(page.Swaps, joined(codes))
	}
	switch {
	case x.Withheld:
		page.SwapText = l.say("person.withheld")
	case len(page.Swaps) > 0 && x.In:
		page.SwapText = l.say("person.swaps_in")
	case len(page.Swaps) > 0:
		page.SwapText = l.say("person.swaps_out")
	default:
		page.SwapText = l.say("person.no_swaps")
	}
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(page.Code), ""})
	page.titled(page.Code, page.Word, l.say("run.number", "n", number), "Fairlead")
	return page
}

// classes names the rules of rows as blind mode allows: a fact about the job by
// its attribute, anything else as balance. Each once.
func classes(l tongue, v *applications.RunView, rows func(yield func(row int))) []string {
	var out []string
	rows(func(row int) {
		text := l.say("class.balance")
		if r := ruleAt(v.Rules, row); r != nil && !r.Identity {
			text = l.say("class.job", "attribute", l.phrase(r.Group).Text)
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	})
	slices.Sort(out)
	return out
}

// optionsPage puts groups that are equally good side by side.
type optionsPage struct {
	frame
	Path     string
	Number   int
	Lede     string
	Options  []groupOption
	Rows     []compareRow
	Groups   []compareGroup
	MayUse   bool
	Ticks    bool
	Outlines bool
}

type groupOption struct {
	Name    string // A, B, …
	Current bool
	Out, In []string // codes, against A
	Codes   string   // of the whole group, for the form
}

// compareRow is one line of the table: what, and a value an option.
type compareRow struct {
	Label  string
	Values []string
}

// compareGroup is the make-up by one attribute, the options stacked.
type compareGroup struct {
	Name phrase
	Rows []stackedRow
}

type stackedRow struct {
	Label phrase
	Words string
	Range string
	Bars  []stackedBar
}

type stackedBar struct {
	Name string
	Row  rowView
}

// mostOptions is how many groups stand side by side, the present one included.
const mostOptions = 4

func (s *server) getOptions(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	a, err := s.svc.AlternativesOf(r.Context(), d.who, d.program.ID, run.ID, mostOptions-1)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "options", newOptionsPage(s.staffFrame(r, "programs"), d, run, number, a, a.Present()))
	return nil
}

func newOptionsPage(f frame, d *desk, run *applications.Selection, number int, a *applications.Alternatives, present []string) *optionsPage {
	l := f.tongue
	page := &optionsPage{
		frame: f, Path: runPath(d.program.ID, run.ID), Number: number,
		MayUse: d.who.Can(access.SelectionsRun, d.program.ID) && run.OfferTime.IsZero(),
	}
	switch {
	case len(a.List) == 0 && a.All:
		page.Lede = l.say("options.none")
	case len(a.List) == 0:
		page.Lede = l.say("options.unknown")
	case a.All:
		page.Lede = l.count("options.all", len(a.List))
	default:
		page.Lede = l.count("options.some", len(a.List))
	}

	all := [][]applications.ResultRule{a.RunView.Rules}
	page.Options = []groupOption{{Name: "A", Current: true, Codes: strings.Join(present, " ")}}
	for i, option := range a.List {
		page.Options = append(page.Options, groupOption{
			Name: string(rune('B' + i)), Out: missingFrom(option.Cohort, present), In: missingFrom(present, option.Cohort), Codes: strings.Join(option.Cohort, " "),
		})
		all = append(all, a.Rows[i])
	}
	met := compareRow{Label: l.say("options.met")}
	worst, total, common := compareRow{Label: l.say("options.worst")}, compareRow{Label: l.say("options.total")}, compareRow{Label: l.say("options.common")}
	size := len(present)
	for i, rules := range all {
		ok, w, sum := 0, 0, 0
		for _, r := range rules {
			if !r.Missed() {
				ok++
			}
			gap := max(r.Short, 0) + max(r.Over, 0)
			w, sum = max(w, gap), sum+gap
		}
		met.Values = append(met.Values, l.say("options.met_of", "n", ok, "of", len(rules)))
		worst.Values, total.Values = append(worst.Values, l.number(int64(w))), append(total.Values, l.number(int64(sum)))
		common.Values = append(common.Values, l.number(int64(size-len(page.Options[i].Out))))
	}
	page.Rows = []compareRow{met, worst, total, common}
	if len(a.List) > 0 {
		page.stack(l, all, size)
	}
	title := l.say("options.title")
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// missingFrom lists who of b is not in a.
func missingFrom(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(b), func(code string) bool { return slices.Contains(a, code) })
}

// stack shows the rows in which the options differ, one bar an option.
func (page *optionsPage) stack(l tongue, all [][]applications.ResultRule, size int) {
	var every []applications.ResultRule
	for _, rules := range all {
		every = append(every, rules...)
	}
	axis := chartAxis(every, size)
	at := map[string]int{}
	for _, r := range all[0] {
		row, differs := stackedRow{Label: l.phrase(r.Label)}, false
		for i, rules := range all {
			other := ruleAt(rules, r.Row)
			if other == nil {
				continue
			}
			differs = differs || other.Count != r.Count
			view := newRowView(l, *other, axis, size)
			row.Words, row.Range = view.Words, view.Range
			row.Bars = append(row.Bars, stackedBar{page.Options[i].Name, view})
		}
		if !differs {
			continue
		}
		i, ok := at[r.Attribute]
		if !ok {
			i = len(page.Groups)
			at[r.Attribute] = i
			page.Groups = append(page.Groups, compareGroup{Name: l.phrase(r.Group)})
		}
		page.Groups[i].Rows = append(page.Groups[i].Rows, row)
		page.Ticks = page.Ticks || r.Benchmark != nil
		page.Outlines = page.Outlines || row.Words != ""
	}
}

// swapPage says what a swap would come to.
type swapPage struct {
	frame
	Path    string
	Number  int
	Code    string // who is asked about
	Out, In string // codes: of people who are tied together, all
	Tied    bool
	Exact   []candidate
	Closest *candidate
	Text    string
	Fault   string
	Faults  []fault
	Effect  *effectView
	MayUse  bool
}

// candidate is somebody who could come in, or people who come only together,
// with what it does to the targets.
type candidate struct {
	Code   string // codes
	Text   string
	Shifts []string
	Chosen bool
}

type effectView struct {
	Tone, Mark, Title string
	Shifts            []shiftLine
	Possible          bool // the rules that must hold are kept: it may be used
}

func (s *server) getSwap(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	if err := permitted(d.who, access.SelectionsRun, d.program.ID); err != nil {
		return err
	}
	q := r.URL.Query()
	in := codesIn(q.Get("in"))
	if typed := codesIn(q.Get("other")); len(typed) > 0 {
		in = typed
	}
	x, err := s.svc.ExplainSelection(r.Context(), d.who, d.program.ID, run.ID, clean(q.Get("out"), false))
	if err != nil {
		return err
	}
	if !x.In {
		return applications.Errorf(applications.NotFound, "NOT_IN_GROUP", "nobody of the group has this code")
	}
	page := newSwapPage(s.staffFrame(r, "programs"), d, run, number, x, in)
	status := http.StatusOK
	if len(in) > 0 {
		effect, err := s.svc.WhatIfSelection(r.Context(), d.who, applications.WhatIfRequest{
			Program: d.program.ID, Selection: run.ID, Changes: selection.Changes{Swaps: exchanges(block(x.Explanation), in)},
		})
		switch e, _ := asError(err); {
		case err == nil:
			page.Effect = newEffectView(page.tongue, effect)
		case applications.CodeOf(err) == applications.InvalidArgument:
			page.Fault = e.Message
			if len(e.Violations) > 0 {
				page.Fault = e.Violations[0].Message
			}
			page.Faults, page.Failed, status = []fault{{"other", page.Fault}}, true, http.StatusUnprocessableEntity
		default:
			return err
		}
	}
	s.render(w, r, status, "swap", page)
	return nil
}

// block is somebody with who comes and goes together with them, sorted.
func block(x *selection.Explanation) []string {
	all := append([]string{x.ID}, x.Tied...)
	slices.Sort(all)
	return all
}

// exchanges are people for others, as many as there are of each.
func exchanges(out, in []string) []selection.Exchange {
	list := make([]selection.Exchange, max(len(out), len(in)))
	for i := range list {
		if i < len(out) {
			list[i].Out = out[i]
		}
		if i < len(in) {
			list[i].In = in[i]
		}
	}
	return list
}

// codesIn reads codes, each once, sorted, with anything between them that is in
// no code.
func codesIn(text string) []string {
	list := strings.FieldsFunc(clean(text, false), func(r rune) bool { return strings.ContainsRune(" +,;", r) })
	slices.Sort(list)
	return slices.Compact(list)
}

// joined is codes as a page shows them and codesIn reads them.
func joined(codes []string) string { return strings.Join(codes, " + ") }

func newSwapPage(f frame, d *desk, run *applications.Selection, number int, x *applications.Explained, in []string) *swapPage {
	l := f.tongue
	page := &swapPage{
		frame: f, Path: runPath(d.program.ID, run.ID), Number: number, Code: x.ID, Out: joined(block(x.Explanation)), In: joined(in),
		Tied: len(x.Tied) > 0, MayUse: run.OfferTime.IsZero(),
	}
	made := func(swap *selection.Swap) candidate {
		c := candidate{Code: joined(swap.In), Text: breachWords(l, x.RunView.Rules, swap.Breach)}
		c.Chosen = c.Code == page.In
		for _, change := range swap.Changes {
			if line, ok := newShiftLine(l, x.RunView.Rules, change); ok {
				c.Shifts = append(c.Shifts, line.What.Text+" "+line.Sign)
			}
		}
		return c
	}
	for i := range x.Swaps {
		page.Exact = append(page.Exact, made(&x.Swaps[i]))
	}
	// The fewest numbers that change first.
	slices.SortStableFunc(page.Exact, func(a, b candidate) int { return len(a.Shifts) - len(b.Shifts) })
	if x.Closest != nil {
		c := made(x.Closest)
		page.Closest = &c
	}
	page.Text = l.say("swap.some")
	if len(page.Exact) == 0 {
		page.Text = l.say("swap.none")
	}
	title := l.say("swap.title", "code", page.Out)
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func newEffectView(l tongue, x *applications.WhatIf) *effectView {
	v := &effectView{Tone: "ok", Mark: "✓", Title: breachWords(l, x.RunView.Rules, x.Effect.Breach)}
	v.Possible = x.Effect.Breach.Reason != selection.ExcludedByConditions && x.Effect.Breach.Reason != selection.ExcludedByMust
	if !x.Effect.Breach.Exact() {
		v.Tone, v.Mark = "warn", "!"
	}
	if !v.Possible {
		v.Mark = "✕"
	}
	v.Shifts = shiftLines(l, x.RunView.Rules, x.Effect.Rules)
	return v
}

// choosePage is the last look before a person changes a group by hand.
type choosePage struct {
	frame
	Path    string
	Number  int
	Out, In []string
	Cohort  string // codes
	Request string
	Warning string
	Reason  string
	Fault   string
	Faults  []fault
}

// postChoose takes an alternative or a swap, after a review and with a reason.
func (s *server) postChoose(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	if err := permitted(d.who, access.SelectionsRun, d.program.ID); err != nil {
		return err
	}
	res, err := s.svc.SelectionResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return err
	}
	var present []string
	for _, m := range res.Members {
		present = append(present, m.Code)
	}
	wanted := strings.Fields(clean(r.PostForm.Get("cohort"), false))
	if out, in := codesIn(r.PostForm.Get("out")), codesIn(r.PostForm.Get("in")); len(out) > 0 && len(in) > 0 {
		wanted = append(missingFrom(out, present), in...)
	}
	slices.Sort(wanted)
	l := s.tongueOf(r)
	page := &choosePage{
		frame: s.staffFrame(r, "programs"), Path: runPath(d.program.ID, run.ID), Number: number,
		Out: missingFrom(wanted, present), In: missingFrom(present, wanted), Cohort: strings.Join(wanted, " "),
		Request: requestOf(r), Warning: l.say("choose.warning"), Reason: clean(r.PostForm.Get("reason"), true),
	}
	page.Languages = nil
	if run.Provenance == applications.Chosen {
		page.Warning = l.say("choose.already")
	}
	page.titled(l.say("choose.title"), l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	if r.PostForm.Get("sure") != "yes" {
		s.render(w, r, http.StatusOK, "choose", page)
		return nil
	}
	ids, err := s.idsOf(r, d, run, wanted)
	if err != nil {
		return err
	}
	_, err = s.svc.ChooseSelection(r.Context(), d.who, applications.ChooseRequest{
		Program: d.program.ID, Selection: run.ID, Cohort: ids, Reason: page.Reason,
	}, pressed(r))
	if faults, others, ok := violations(err, nil); err != nil && ok {
		page.Failed = true
		page.Fault = faults["reason"]
		page.Faults = listed(faults, others, blamed{"reason", "reason"})
		s.render(w, r, http.StatusUnprocessableEntity, "choose", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, page.Path)
	return nil
}

// idsOf are the ids of applications by their codes.
func (s *server) idsOf(r *http.Request, d *desk, run *applications.Selection, codes []string) ([]string, error) {
	if len(codes) == 0 {
		return nil, applications.Invalid("FORM_INVALID", "the form cannot be read: please open the page again")
	}
	x, err := s.svc.ExplainSelection(r.Context(), d.who, d.program.ID, run.ID, codes[0])
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(codes))
	for _, code := range codes {
		id := x.Applications[code]
		if id == "" {
			return nil, applications.Errorf(applications.NotFound, "NOT_IN_POOL", "nobody in the pool of this run has the code %s", code)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// replacePage records who declined and fills their seats by a run of its own.
type replacePage struct {
	frame
	Path    string
	Number  int
	Members []declineView
	Request string
	Reason  string
	Review  bool
	Names   string
	Fault   string
	Faults  []fault
}

type declineView struct {
	ID, Code string
	State    string
	Gone     bool // declined already
	Chosen   bool
}

func (s *server) replacing(r *http.Request) (*desk, *replacePage, *applications.Selection, error) {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := permitted(d.who, access.SelectionsRun, d.program.ID); err != nil {
		return nil, nil, nil, err
	}
	res, err := s.svc.SelectionResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	offers := map[string]*applications.Offer{}
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.svc.Offers(r.Context(), d.who, d.program.ID, q)
		if err != nil {
			return nil, nil, nil, err
		}
		for _, o := range list.Items {
			offers[o.Code] = o // the last one counts
		}
		if q.Cursor = list.Next; q.Cursor == "" {
			break
		}
	}
	page := &replacePage{frame: s.staffFrame(r, "programs"), Path: runPath(d.program.ID, run.ID), Number: number, Request: requestOf(r)}
	l := page.tongue
	for _, m := range res.Members {
		v := declineView{ID: "d-" + m.Code, Code: m.Code, State: l.say("seat.none")}
		if o := offers[m.Code]; o != nil {
			v.State = l.say("seat." + string(o.State))
			v.Gone = !o.State.Open()
		}
		v.Chosen = v.Gone || slices.Contains(r.PostForm["declined"], m.Code)
		page.Members = append(page.Members, v)
	}
	title := l.say("replace.title")
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return d, page, run, nil
}

func (s *server) getReplace(w http.ResponseWriter, r *http.Request) error {
	_, page, _, err := s.replacing(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "replace", page)
	return nil
}

func (s *server) postReplace(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, page, run, err := s.replacing(r)
	if err != nil {
		return err
	}
	l := page.tongue
	page.Languages = nil
	page.Reason = clean(r.PostForm.Get("reason"), true)
	var codes []string
	for _, m := range page.Members {
		if m.Chosen {
			codes = append(codes, m.Code)
		}
	}
	page.Names = strings.Join(codes, ", ")
	refuse := func(err error) error {
		faults, others, ok := violations(err, nil)
		if !ok {
			return err
		}
		page.Failed, page.Fault = true, faults["reason"]
		page.Faults = append(page.Faults, listed(faults, others, blamed{"reason", "reason"})...)
		s.render(w, r, http.StatusUnprocessableEntity, "replace", page)
		return nil
	}
	switch {
	case len(codes) == 0:
		return refuse(applications.Invalid("NOBODY_DECLINED", l.say("replace.fault_nobody")))
	case page.Reason == "":
		return refuse(applications.Invalid("REASON_MISSING", "", applications.Violation{Field: "reason", Message: l.say("replace.fault_reason")}))
	case r.PostForm.Get("sure") != "yes":
		page.Review = true
		s.render(w, r, http.StatusOK, "replace", page)
		return nil
	}
	ids, err := s.idsOf(r, d, run, codes)
	if err != nil {
		return err
	}
	if err := s.recordDeclines(r, d, codes, page.Reason); err != nil {
		return refuse(err)
	}
	made, err := s.svc.ReplaceMembers(r.Context(), d.who, applications.ReplaceRequest{
		Program: d.program.ID, Selection: run.ID, Declined: ids, Reason: page.Reason,
	}, pressed(r))
	if err != nil {
		return refuse(err)
	}
	seeOther(w, r, runPath(d.program.ID, made.ID))
	return nil
}

// recordDeclines declines, on behalf of people who told it to the facilitator,
// the offers that are still open.
func (s *server) recordDeclines(r *http.Request, d *desk, codes []string, reason string) error {
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.svc.Offers(r.Context(), d.who, d.program.ID, q)
		if err != nil {
			return err
		}
		for _, o := range list.Items {
			if !slices.Contains(codes, o.Code) || o.State != applications.OfferSent && o.State != applications.OfferAccepted {
				continue
			}
			if _, err := s.svc.DeclineOffer(r.Context(), d.who, d.program.ID, o.ID, "", reason, 0, applications.Idempotency{}); err != nil {
				return err
			}
		}
		if q.Cursor = list.Next; q.Cursor == "" {
			return nil
		}
	}
}
