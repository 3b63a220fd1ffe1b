package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
)

// menteePage is one mentee of a run: the mentors they got and why, what each will
// be told, and who else could be.
type menteePage struct {
	frame
	Path      string // of the run
	Self      string
	Sub       []tab
	Views     []tab
	Number    int
	Code      string
	Lede      string
	Left      *leftView
	Pairs     []whyView
	Others    []otherView
	Orders    string // address of the standing orders
	OthersOff string
	// OthersHref lists them: in a large run it takes seconds.
	OthersHref string
	MayReview  bool
	Mentors    []string // codes of the pairs, for the form
	Swaps      []option
	SwapCode   bool // too many for a list: by code
	Faults     []fault
}

// whyView is one pair and why.
type whyView struct {
	ID, Mentor   string
	Locked       bool
	Fit          fitView
	Completeness string
	Wants        []cellView // what the mentee entered
	Offers       []cellView // what the mentor entered
	Told         []string
}

// cellView is one answer of a profile.
type cellView struct{ Label, Text string }

// otherView is somebody else who could be the mentor, with the cost.
type otherView struct {
	Mentor, Href string
	Fit          fitView
	Cost         string
}

// mostOthers is how many other mentors a page lists, each with its exact cost.
const mostOthers = 5

// reviewed is a run with its result, and who of it is who.
type reviewed struct {
	run    *mentoring.Matching
	res    *mentoring.Result
	number int
}

func (s *server) reviewed(r *http.Request, d *matchDesk) (*reviewed, error) {
	run, number, err := s.matchingOf(r, d)
	if err != nil {
		return nil, err
	}
	res, err := s.Mentoring.MatchingResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return nil, err
	}
	return &reviewed{run, res, number}, nil
}

// mentee finds a mentee of the run by code.
func (v *reviewed) mentee(code string) (id string, pairs []mentoring.Pair, left *mentoring.Unmatched) {
	for _, p := range v.res.Pairs {
		if p.MenteeCode == code {
			id, pairs = p.Mentee, append(pairs, p)
		}
	}
	for i, u := range v.res.Unmatched {
		if u.MenteeCode == code {
			id, left = u.Mentee, &v.res.Unmatched[i]
		}
	}
	for _, k := range v.res.Kept {
		if k.MenteeCode == code {
			id = k.Mentee
		}
	}
	return id, pairs, left
}

// enrolledAs finds somebody of a program by code, as lists show them: without
// their contact.
func (s *server) enrolledAs(ctx context.Context, d *matchDesk, role mentoring.Role, code string) (*mentoring.Enrollment, error) {
	if code == "" || strings.ContainsAny(code, `"\`) {
		return nil, nil
	}
	list, err := s.Mentoring.Enrollments(ctx, d.who, d.program.ID, role, applications.ListQuery{PageSize: 1, Filter: `code = "` + code + `"`})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return list.Items[0], nil
}

func (s *server) getMentee(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	code := r.PathValue("mentee")
	id, pairs, left := v.mentee(code)
	if id == "" {
		return applications.Errorf(applications.NotFound, "PAIR_NOT_IN_RUN", "nobody of this run has this code")
	}
	ctx, l := r.Context(), s.tongueOf(r)
	page := newMenteePage(s.staffFrame(r, "programs"), d, v, code, left)
	mentee, err := s.enrolledAs(ctx, d, mentoring.Mentee, code)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		explained, err := s.Mentoring.ExplainPair(ctx, d.who, d.program.ID, v.run.ID, p.Mentee, p.Mentor)
		if _, refused := notNow(l, err); err != nil && !refused { // of a run that cannot be solved again: what was stored
			return err
		}
		mentor, err := s.enrolledAs(ctx, d, mentoring.Mentor, p.MentorCode)
		if err != nil {
			return err
		}
		page.Pairs = append(page.Pairs, newWhyView(l, i+1, p, explained, mentee, mentor))
	}
	if !quick(v.run) && r.URL.Query().Get("others") != "yes" {
		page.OthersHref = page.Self + "?others=yes#others"
		s.render(w, r, http.StatusOK, "matching-mentee", page)
		return nil
	}
	others, err := s.Mentoring.OtherMentors(ctx, d.who, d.program.ID, v.run.ID, id, mostOthers)
	if text, refused := notNow(l, err); refused {
		page.OthersOff = text
	} else if err != nil {
		return err
	}
	page.others(l, others)
	s.render(w, r, http.StatusOK, "matching-mentee", page)
	return nil
}

func newMenteePage(f frame, d *matchDesk, v *reviewed, code string, left *mentoring.Unmatched) *menteePage {
	l := f.tongue
	page := &menteePage{
		frame: f, Path: d.run(v.run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Views: d.tabs(l, v.run, ""), Number: v.number, Code: code,
		MayReview: d.mayRun && inReview(v.run),
	}
	page.Self, page.Orders = page.Path+"/pairs/"+code, d.path("/mentoring/directives")
	for _, p := range v.res.Pairs {
		if p.MenteeCode == code {
			page.Mentors = append(page.Mentors, p.MentorCode)
		} else {
			page.Swaps = append(page.Swaps, option{Value: p.MenteeCode + " " + p.MentorCode, Label: l.say("pair.swap_with", "mentee", p.MenteeCode, "mentor", p.MentorCode)})
		}
	}
	if page.SwapCode = len(page.Swaps) > mostSwaps; page.SwapCode || len(page.Mentors) == 0 {
		page.Swaps = nil
	}
	page.SwapCode = page.SwapCode && len(page.Mentors) > 0
	page.Lede = l.say("pair.lede", "mentors", strings.Join(page.Mentors, ", "))
	if len(page.Mentors) == 0 {
		page.Lede = l.say("pair.kept")
	}
	if left != nil {
		text, rule := leftWords(l, *left)
		page.Left = &leftView{Text: text, Rule: rule}
		page.Lede = l.say("pair.left")
	}
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", v.number)), page.Path}, crumb{l.said(code), ""})
	page.titled(code, l.say("run.number", "n", v.number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// mostSwaps is how many pairs the list for a swap holds: beyond it, the other
// mentee is named by code.
const mostSwaps = 300

func newWhyView(l tongue, n int, p mentoring.Pair, x *mentoring.PairExplanation, mentee, mentor *mentoring.Enrollment) whyView {
	v := whyView{ID: "pair-" + itoa(n), Mentor: p.MentorCode, Locked: p.Locked, Fit: newFitView(l, p.Score, p.Parts)}
	if x != nil {
		v.Completeness = l.say("pair.complete", "n", (x.Completeness+5)/10)
	}
	v.Wants, v.Offers = profileCells(l, mentee), profileCells(l, mentor)
	v.Told = []string{
		l.say("pair.told.code", "mentee", p.MenteeCode, "mentor", p.MentorCode),
		l.say("pair.told.reasons"),
		l.say("pair.told.names"),
	}
	return v
}

// profileCells are what somebody entered and staff may read, the topics first.
func profileCells(l tongue, e *mentoring.Enrollment) []cellView {
	if e == nil {
		return nil
	}
	first := []string{"wants", "offers", "goals", "about", "languages", "preferred_language", "hours", "zone", "asynchronous", "in_person", "places", "experience", "units"}
	rank := func(column string) int {
		if i := slices.Index(first, column); i >= 0 {
			return i
		}
		return len(first)
	}
	var columns []string
	for column := range e.Profile {
		columns = append(columns, column)
	}
	slices.SortFunc(columns, func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var cells []cellView
	for _, column := range columns {
		text := e.Profile[column]
		if column == "places" {
			var names []string
			for place := range strings.SplitSeq(text, ";") {
				names = append(names, groupName(l, column, strings.TrimSpace(place)))
			}
			text = strings.Join(names, "; ")
		}
		cells = append(cells, cellView{columnLabel(l, column), text})
	}
	return cells
}

func (page *menteePage) others(l tongue, list []mentoring.Alternative) {
	for _, a := range list {
		page.Others = append(page.Others, otherView{
			Mentor: a.Pair.MentorCode, Href: tryPath(page.Path, "lock", page.Code, a.Pair.MentorCode),
			Fit: newFitView(l, a.Pair.Score, a.Pair.Parts), Cost: shortCost(l, &a.Cost, page.Code),
		})
	}
}

func tryPath(run, do, mentee, mentor string) string {
	return run + "/try?do=" + do + "&mentee=" + mentee + "&mentor=" + mentor
}

// tryPage says what an edit would cost, and takes the reason for it.
type tryPage struct {
	frame
	Path    string // of the run
	Back    string // the mentee's page
	Sub     []tab
	Number  int
	Heading string
	Now     string
	Fit     *fitView // of the pair asked about
	Blocked []string
	Refused string // why it cannot be
	Cost    *costView
	// Least is what it costs at the least, which is known at once; Exact is where it
	// is worked out: in a large run that takes seconds.
	Least, Exact string
	Final        string // the run cannot be changed any more
	Ask          bool   // it may be made
	Do           string
	Mentee       string
	Mentor       string
	With         string
	Request      string
	Revision     int64
	Reason       string
	Fault        string
	Faults       []fault
}

// askedEdit is an edit that somebody asks about.
type askedEdit struct {
	do            string // lock, forbid or swap
	mentee, other string // codes; other is the mentor, or for a swap the second mentee
	edit          mentoring.Edit
	a, b          mentoring.Pair // of a swap
}

// readEdit finds out which edit a form means, by codes. The fault is of a field
// that names nobody of the run.
func (s *server) readEdit(ctx context.Context, l tongue, d *matchDesk, v *reviewed, get func(string) string) (*askedEdit, *fault, error) {
	code := func(name string) string { return strings.ToUpper(clean(get(name), false)) }
	e := &askedEdit{do: get("do"), mentee: code("mentee"), other: code("mentor")}
	id, pairs, _ := v.mentee(e.mentee)
	if id == "" {
		return e, &fault{"mentor", l.say("pair.fault.mentee", "code", e.mentee)}, nil
	}
	switch e.do {
	case "swap":
		// "ME-0002 MO-0007": the other pair; the own one is the only one or named.
		mentee, mentor, _ := strings.Cut(code("with"), " ")
		e.other = mentee
		if len(pairs) == 0 || mentee == "" {
			return e, &fault{"with", l.say("pair.fault.with")}, nil
		}
		e.a = pairs[0]
		for _, p := range pairs {
			if p.MentorCode == code("mentor") {
				e.a = p
			}
		}
		for _, p := range v.res.Pairs {
			if p.MenteeCode == mentee && (mentor == "" || p.MentorCode == mentor) {
				e.b = p
			}
		}
		if e.b.Mentee == "" {
			return e, &fault{"with", l.say("pair.fault.with")}, nil
		}
	case "forbid", "lock":
		kind := map[string]mentoring.DirectiveKind{"forbid": mentoring.ForbidPair, "lock": mentoring.LockPair}[e.do]
		if e.other == "" && len(pairs) == 1 && e.do == "forbid" {
			e.other = pairs[0].MentorCode
		}
		mentor := ""
		for _, p := range v.res.Pairs {
			if p.MentorCode == e.other {
				mentor = p.Mentor
			}
		}
		if mentor == "" {
			found, err := s.enrolledAs(ctx, d, mentoring.Mentor, e.other)
			if err != nil {
				return nil, nil, err
			}
			if found == nil {
				return e, &fault{"mentor", l.say("pair.fault.mentor", "code", e.other)}, nil
			}
			mentor = found.ID
		}
		e.edit = mentoring.Edit{Kind: kind, Mentee: id, Mentor: mentor}
	default:
		return e, &fault{"do", l.say("pair.fault.do")}, nil
	}
	return e, nil, nil
}

func (s *server) getTry(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	page, status, err := s.newTryPage(r, d, v, r.URL.Query().Get)
	if err != nil {
		return err
	}
	s.render(w, r, status, "matching-try", page)
	return nil
}

// newTryPage asks the service what an edit would cost.
func (s *server) newTryPage(r *http.Request, d *matchDesk, v *reviewed, get func(string) string) (*tryPage, int, error) {
	ctx, l := r.Context(), s.tongueOf(r)
	e, wrong, err := s.readEdit(ctx, l, d, v, get)
	if err != nil {
		return nil, 0, err
	}
	page := fillTryPage(s.staffFrame(r, "programs"), d, v, e)
	if wrong != nil {
		page.Faults, page.Failed = []fault{{"", wrong.Message}}, true
		return page, http.StatusUnprocessableEntity, nil
	}
	program, id := d.program.ID, v.run.ID
	var cost *mentoring.Cost
	switch {
	case e.do == "lock" && !quick(v.run) && get("exact") != "yes":
		x, err := s.Mentoring.ExplainPair(ctx, d.who, program, id, e.edit.Mentee, e.edit.Mentor)
		if text, refused := notNow(l, err); refused {
			page.Refused = text
			return page, http.StatusConflict, nil
		} else if err != nil {
			return nil, 0, err
		}
		page.pair(l, x)
		if page.least(l, x); page.Exact != "" {
			return page, http.StatusOK, nil
		}
		if x.Made {
			cost = &mentoring.Cost{}
		}
	case e.do == "lock":
		// Also for who only looks, and for a run that stands.
		x, err := s.Mentoring.WhyNot(ctx, d.who, program, id, e.edit.Mentee, e.edit.Mentor)
		if text, refused := notNow(l, err); refused {
			page.Refused = text
			return page, http.StatusConflict, nil
		} else if err != nil {
			return nil, 0, err
		}
		page.explain(l, x)
		if cost = x.Cost; cost == nil && x.Explanation.Made {
			cost = &mentoring.Cost{}
		}
	case !inReview(v.run):
	case !d.mayRun:
		return nil, 0, permissionMissing(access.MatchingsRun)
	case e.do == "swap":
		cost, err = s.Mentoring.TrySwap(ctx, d.who, program, id, e.a, e.b)
	default:
		cost, err = s.Mentoring.TryEdit(ctx, d.who, program, id, e.edit)
	}
	if text, refused := notNow(l, err); refused {
		page.Refused = text
		return page, http.StatusConflict, nil
	} else if err != nil {
		return nil, 0, err
	}
	page.cost(l, cost, v.run, d.mayRun)
	return page, http.StatusOK, nil
}

// explain shows the pair that is asked about.
func (page *tryPage) explain(l tongue, x *mentoring.WhyNot) {
	page.pair(l, x.Explanation)
	if x.Cost == nil && x.Explanation.Eligible && !x.Explanation.Made {
		page.Refused = l.say("matching.refused.MATCHING_IMPOSSIBLE")
	}
}

func (page *tryPage) pair(l tongue, x *mentoring.PairExplanation) {
	fit := newFitView(l, x.Pair.Score, x.Pair.Parts)
	page.Fit = &fit
	for _, rule := range x.Blocked {
		page.Blocked = append(page.Blocked, ruleLabel(l, rule))
	}
	switch {
	case !x.Eligible:
		page.Refused = l.say("pair.blocked")
	case x.Made:
		page.Now = l.say("pair.made")
	}
}

// least says what a pair costs at the least, and where to ask for the whole cost.
func (page *tryPage) least(l tongue, x *mentoring.PairExplanation) {
	if !x.Eligible || x.Made {
		return
	}
	page.Exact = tryPath(page.Path, page.Do, page.Mentee, page.Mentor) + "&exact=yes"
	page.Least = l.say("pair.least.unknown")
	if len(x.AtLeast) == 0 {
		return
	}
	page.Least = l.say("pair.least.nothing")
	switch t := x.AtLeast[len(x.AtLeast)-1]; {
	case t.Value == 0:
	case t.Name == pairing.KindBelow.String():
		page.Least = l.say("pair.least", "what", l.count("pair.least.below", int(t.Value)))
	default:
		page.Least = l.say("pair.least", "what", termWords(l, mentoring.TermChange{Term: t.Name, Before: t.Value}))
	}
}

func (page *tryPage) cost(l tongue, c *mentoring.Cost, run *mentoring.Matching, mayRun bool) {
	if c != nil {
		view := newCostView(l, c)
		page.Cost = &view
	}
	switch {
	case !inReview(run):
		page.Final = l.say("pair.final")
	case page.Refused == "" && c != nil:
		page.Ask = mayRun
	}
}

func fillTryPage(f frame, d *matchDesk, v *reviewed, e *askedEdit) *tryPage {
	l := f.tongue
	page := &tryPage{
		frame: f, Path: d.run(v.run.ID), Back: d.run(v.run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Number: v.number,
		Do: e.do, Mentee: e.mentee, Mentor: e.other, Request: nonce(), Revision: v.run.Revision,
	}
	if id, _, _ := v.mentee(e.mentee); id != "" {
		page.Back += "/pairs/" + e.mentee
	}
	switch e.do {
	case "swap":
		page.Mentor, page.With = e.a.MentorCode, strings.TrimSpace(e.b.MenteeCode+" "+e.b.MentorCode)
		page.Heading = l.say("pair.try.swap", "a", e.mentee, "b", e.other)
	case "lock", "forbid":
		page.Heading = l.say("pair.try."+e.do, "mentee", e.mentee, "mentor", e.other)
	default:
		page.Heading = l.say("pair.try")
	}
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", v.number)), page.Path}, crumb{l.said(page.Heading), ""})
	page.titled(page.Heading, l.say("run.number", "n", v.number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// postEdit makes an edit that was looked at, or takes the last one back.
func (s *server) postEdit(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	ctx, l, form := r.Context(), s.tongueOf(r), r.PostForm
	revision := revisionOf(r)
	program, id := d.program.ID, v.run.ID
	if form.Get("go") == "undo" {
		_, err := s.Mentoring.UndoEdit(ctx, d.who, program, id, revision, pressed(r))
		if text, refused := matchRefusal(l, err); refused {
			return s.showEdits(w, r, d, http.StatusConflict, []fault{{"", text}})
		} else if err != nil {
			return err
		}
		seeOther(w, r, d.run(id)+"/edits")
		return nil
	}
	e, wrong, err := s.readEdit(ctx, l, d, v, form.Get)
	if err != nil {
		return err
	}
	if wrong == nil {
		reason := clean(form.Get("reason"), false)
		if e.do == "swap" {
			_, err = s.Mentoring.SwapMentors(ctx, d.who, program, id, e.a, e.b, reason, revision, pressed(r))
		} else {
			e.edit.Reason = reason
			_, err = s.Mentoring.EditMatching(ctx, d.who, program, id, e.edit, revision, pressed(r))
		}
		if err == nil {
			seeOther(w, r, d.run(id)+"/pairs/"+e.mentee)
			return nil
		}
	}
	why := err
	text, refused := notNow(l, why)
	if why != nil && !refused {
		return why
	}
	// The page again, with what it would cost now.
	if v, err = s.reviewed(r, d); err != nil {
		return err
	}
	page, status, again := s.newTryPage(r, d, v, form.Get)
	if again != nil {
		return again
	}
	page.Reason, page.Request, page.Failed, page.Languages = form.Get("reason"), nonce(), true, nil
	switch {
	case wrong != nil:
	case applications.ReasonOf(why) == "REASON_MISSING":
		status = http.StatusUnprocessableEntity
		page.Fault = l.say("matching.fault.reason")
		page.Faults = []fault{{"reason", page.Fault}}
	default:
		status = http.StatusConflict
		page.Faults = []fault{{"", text}}
	}
	s.render(w, r, status, "matching-try", page)
	return nil
}
