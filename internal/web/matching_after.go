package web

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// What becomes of pairs once they are published: proposals and mentorships.

// afterTabs are the pages about published pairs.
func (d *matchDesk) afterTabs(l tongue, here string) []tab {
	var tabs []tab
	for _, key := range []string{"proposals", "mentorships", "measures"} {
		tabs = append(tabs, tab{l.say("matching." + key), d.path("/" + key), key == here})
	}
	return tabs
}

// proposalsPage lists a program's proposals, the newest first.
type proposalsPage struct {
	frame
	Sub    []tab
	Views  []tab
	States []tab
	Of     string // the run that they come from, if only its are listed
	Lines  []proposalLine
	More   string
	First  string
	ByHand *byHandView
	Faults []fault
}

// byHandView is the form that proposes a pair that no run made, as typed.
type byHandView struct {
	Action, Mentee, Mentor, Reason string
	Open                           bool
	Request                        string
	Fault                          string // of the reason
}

type proposalLine struct {
	Href           string
	Mentee, Mentor string
	Word, Tone     string
	Mark, Text     string
}

func (s *server) getProposals(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	return s.showProposals(w, r, d, http.StatusOK, nil)
}

// showProposals renders the list, with what was typed where something is wrong
// with it.
func (s *server) showProposals(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, faults []fault) error {
	asked := r.URL.Query()
	q := applications.ListQuery{PageSize: 100, OrderBy: "create_time desc", Cursor: asked.Get("after")}
	var filters []string
	state := mentoring.ProposalState(asked.Get("state"))
	if !slices.Contains(shownProposals, state) {
		state = ""
	} else {
		filters = append(filters, `state = "`+string(state)+`"`)
	}
	of := asked.Get("matching")
	if !idShaped.MatchString(of) {
		of = ""
	}
	if of != "" {
		filters = append(filters, `matching = "programs/`+d.program.ID+`/matchings/`+of+`"`)
	}
	q.Filter = strings.Join(filters, " AND ")
	list, err := s.Mentoring.Proposals(r.Context(), d.who, d.program.ID, q)
	if err != nil {
		return d.noPlanYet(w, r, err)
	}
	page := s.newProposalsPage(s.staffFrame(r, "programs"), d, list, state, of, q.Cursor != "")
	if page.Faults = faults; len(faults) > 0 && page.ByHand != nil {
		page.Failed, page.Languages = true, nil
		form := page.ByHand
		form.Mentee, form.Mentor, form.Reason, form.Open = r.PostForm.Get("mentee"), r.PostForm.Get("mentor"), r.PostForm.Get("reason"), true
		for _, f := range faults {
			if f.Field == "reason" {
				form.Fault = f.Message
			}
		}
	}
	s.render(w, r, status, "matching-proposals", page)
	return nil
}

// postByHand proposes a pair that no run made.
func (s *server) postByHand(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	ctx, l, form := r.Context(), s.tongueOf(r), r.PostForm
	var faults []fault
	ids := map[mentoring.Role]string{}
	for _, side := range []struct {
		role  mentoring.Role
		field string
	}{{mentoring.Mentee, "mentee"}, {mentoring.Mentor, "mentor"}} {
		code := strings.ToUpper(clean(form.Get(side.field), false))
		e, err := s.enrolledAs(ctx, d, side.role, code)
		if err != nil {
			return err
		}
		if e == nil {
			faults = append(faults, fault{side.field, l.say("matching.hand.nobody."+side.field, "code", code)})
			continue
		}
		ids[side.role] = e.ID
	}
	reason := clean(form.Get("reason"), false)
	if reason == "" {
		faults = append(faults, fault{"reason", l.say("matching.fault.reason")})
	}
	if len(faults) > 0 {
		return s.showProposals(w, r, d, http.StatusUnprocessableEntity, faults)
	}
	p, err := s.Mentoring.Propose(ctx, d.who, d.program.ID, ids[mentoring.Mentee], ids[mentoring.Mentor], reason, pressed(r))
	if text, refused := matchRefusal(l, err); refused {
		return s.showProposals(w, r, d, http.StatusConflict, []fault{{"", text}})
	} else if err != nil {
		return err
	}
	seeOther(w, r, d.path("/proposals/"+p.ID))
	return nil
}

// idShaped is the form of an id in an address.
var idShaped = regexp.MustCompile(`^[0-9a-f-]{36}$`)

// shownProposals are the states that the list can be narrowed to.
var shownProposals = []mentoring.ProposalState{
	mentoring.Sent, mentoring.Accepted, mentoring.Confirmed, mentoring.Declined, mentoring.Expired, mentoring.Recalled,
}

func (s *server) newProposalsPage(f frame, d *matchDesk, list *mentoring.ListPage[*mentoring.Proposal], state mentoring.ProposalState, of string, later bool) *proposalsPage {
	l, at := f.tongue, d.path("/proposals")
	page := &proposalsPage{frame: f, Sub: mentoringTabs(l, d.program.ID, "mentorships"), Views: d.afterTabs(l, "proposals")}
	where := func(state mentoring.ProposalState, after string) string {
		return narrowed(at, map[string]string{"state": string(state), "matching": of, "after": after})
	}
	page.States = []tab{{l.say("matching.state.all"), where("", ""), state == ""}}
	for _, one := range shownProposals {
		page.States = append(page.States, tab{l.say("matching.proposal." + string(one)), where(one, ""), one == state})
	}
	if of != "" {
		page.Of = d.run(of)
	}
	if d.mayRun {
		page.ByHand = &byHandView{Action: at, Request: nonce()}
	}
	for _, p := range list.Items {
		line := proposalLine{Href: at + "/" + p.ID, Mentee: p.MenteeCode, Mentor: p.MentorCode}
		line.Word, line.Tone, line.Mark = proposalState(l, p)
		line.Text = s.proposalText(l, d, p)
		page.Lines = append(page.Lines, line)
	}
	if list.Next != "" {
		page.More = where(state, list.Next)
	}
	if later {
		page.First = where(state, "")
	}
	title := l.say("matching.proposals")
	page.Crumbs = d.crumbs(l, crumb{l.said(title), ""})
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// narrowed is the address of a list with the values that narrow it; "" does not.
func narrowed(at string, by map[string]string) string {
	q := url.Values{}
	for name, value := range by {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return at
	}
	return at + "?" + q.Encode()
}

func proposalState(l tongue, p *mentoring.Proposal) (word, tone, mark string) {
	word = l.say("matching.proposal." + string(p.State))
	switch p.State {
	case mentoring.Confirmed:
		return word, "ok", "✓"
	case mentoring.Declined, mentoring.Expired:
		return word, "bad", "✕"
	case mentoring.Recalled:
		return word, "", "–"
	}
	return word, "", "…"
}

// proposalText says what the proposal waits for, or how it ended.
func (s *server) proposalText(l tongue, d *matchDesk, p *mentoring.Proposal) string {
	zone := zoneOf(d.program)
	switch p.State {
	case mentoring.Sent, mentoring.Accepted:
		who := l.say("matching.waits.both")
		switch {
		case !p.MenteeTime.IsZero():
			who = l.say("matching.waits.mentor")
		case !p.MentorTime.IsZero():
			who = l.say("matching.waits.mentee")
		}
		if !s.Now().Before(p.ExpireTime) {
			return l.say("matching.waits.over", "when", l.moment(p.ExpireTime, zone).Text)
		}
		return l.say("matching.waits", "who", who, "when", l.moment(p.ExpireTime, zone).Text)
	case mentoring.Declined:
		side := l.say("matching.side." + string(p.Decliner))
		return l.say("matching.declined_by", "side", side, "reason", l.say("decline_reason."+string(p.DeclineReason)), "when", l.moment(p.EndTime, zone).Text)
	case mentoring.Staged:
		return ""
	}
	return l.moment(p.EndTime, zone).Text
}

// proposalPage is one proposal, and what staff can do about it.
type proposalPage struct {
	frame
	Path       string
	Sub, Views []tab
	Mentee     string
	Mentor     string
	Word, Tone string
	Mark, Text string
	Fit        fitView
	Run, Ship  string
	ByHand     string
	Note       string // the decliner's own words
	Sides      []option
	Answer     string // as typed
	Reasons    []option
	Reason     string
	Recall     string
	MayAnswer  bool
	MayRematch bool
	Request    string
	Revision   int64
	Fault      string
	RecallBad  string
	Faults     []fault
}

func (s *server) getProposal(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	return s.showProposal(w, r, d, http.StatusOK, func(*proposalPage) {})
}

func (s *server) showProposal(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, change func(*proposalPage)) error {
	p, err := s.Mentoring.Proposal(r.Context(), d.who, d.program.ID, r.PathValue("proposal"))
	if err != nil {
		return err
	}
	page := s.newProposalPage(s.staffFrame(r, "programs"), d, p)
	if change(page); len(page.Faults) > 0 {
		page.Failed, page.Languages = true, nil
		page.Answer = r.PostForm.Get("answer")
		for i := range page.Sides {
			page.Sides[i].Chosen = page.Sides[i].Value == r.PostForm.Get("side")
		}
		for i := range page.Reasons {
			page.Reasons[i].Chosen = page.Reasons[i].Value == r.PostForm.Get("decline_reason")
		}
	}
	s.render(w, r, status, "matching-proposal", page)
	return nil
}

func (s *server) newProposalPage(f frame, d *matchDesk, p *mentoring.Proposal) *proposalPage {
	l := f.tongue
	page := &proposalPage{
		frame: f, Path: d.path("/proposals/" + p.ID), Sub: mentoringTabs(l, d.program.ID, "mentorships"), Views: d.afterTabs(l, "proposals"), Mentee: p.MenteeCode, Mentor: p.MentorCode,
		Text: s.proposalText(l, d, p), Fit: newFitView(l, p.Score, p.Parts), Note: p.DeclineNote, ByHand: p.Reason,
		Request: nonce(), Revision: p.Revision,
	}
	page.Word, page.Tone, page.Mark = proposalState(l, p)
	page.MayAnswer = d.mayRun && (p.State == mentoring.Sent || p.State == mentoring.Accepted) && s.Now().Before(p.ExpireTime)
	page.MayRematch = d.mayRun && !p.State.Open() && p.State != mentoring.Confirmed
	if p.Matching != "" {
		page.Run = d.run(p.Matching)
	}
	if p.Mentorship != "" {
		page.Ship = d.path("/mentorships/" + p.Mentorship)
	}
	for _, side := range []mentoring.Role{mentoring.Mentee, mentoring.Mentor} {
		answered, code := p.MenteeTime, p.MenteeCode
		if side == mentoring.Mentor {
			answered, code = p.MentorTime, p.MentorCode
		}
		label := l.say("matching.answer.for", "side", l.say("matching.side."+string(side)), "code", code)
		if !answered.IsZero() {
			label += " " + l.say("matching.answer.accepted")
		}
		page.Sides = append(page.Sides, option{Value: string(side), Label: label})
	}
	for _, reason := range mentoring.DeclineReasons {
		page.Reasons = append(page.Reasons, option{Value: string(reason), Label: l.say("decline_reason." + string(reason))})
	}
	title := l.say("matching.proposal.title", "mentee", p.MenteeCode, "mentor", p.MentorCode)
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.proposals")), d.path("/proposals")}, crumb{l.said(title), ""})
	page.titled(title, page.Word, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// postProposal answers for one side, takes a proposal back, or looks for
// somebody else after its end.
func (s *server) postProposal(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	ctx, form, program, id := r.Context(), r.PostForm, d.program.ID, r.PathValue("proposal")
	reason, side, revision := clean(form.Get("reason"), false), mentoring.Role(form.Get("side")), revisionOf(r)
	l := s.tongueOf(r)
	var faults []fault
	action := form.Get("go")
	if action == "" {
		action = form.Get("answer")
	}
	switch action {
	case "recall":
		_, err = s.Mentoring.RecallProposal(ctx, d.who, program, id, clean(form.Get("why"), false), revision, pressed(r))
	case "rematch":
		run, again := s.Mentoring.Rematch(ctx, d.who, program, id, pressed(r))
		if again == nil {
			seeOther(w, r, d.run(run.ID))
			return nil
		}
		err = again
	case "accept", "decline":
		if side != mentoring.Mentee && side != mentoring.Mentor {
			faults = append(faults, fault{"side", l.say("matching.fault.side")})
		}
		declined := mentoring.Decline{Reason: mentoring.DeclineReason(form.Get("decline_reason"))}
		if action == "decline" && !slices.Contains(mentoring.DeclineReasons, declined.Reason) {
			faults = append(faults, fault{"decline_reason", l.say("mentoring.decline.choose")})
		}
		if reason == "" {
			faults = append(faults, fault{"reason", l.say("matching.fault.reason")})
		}
		switch {
		case len(faults) > 0:
		case action == "accept":
			_, err = s.Mentoring.AcceptProposal(ctx, d.who, program, id, reason, side, revision, pressed(r))
		default:
			_, err = s.Mentoring.DeclineProposal(ctx, d.who, program, id, declined, reason, side, revision, pressed(r))
		}
	default:
		faults = append(faults, fault{"answer", l.say("matching.fault.answer")})
	}
	if len(faults) > 0 {
		return s.showProposal(w, r, d, http.StatusUnprocessableEntity, func(page *proposalPage) {
			page.Faults, page.Reason = faults, form.Get("reason")
			if i := slices.IndexFunc(faults, func(f fault) bool { return f.Field == "reason" }); i >= 0 {
				page.Fault = faults[i].Message
			}
		})
	}
	if text, refused := matchRefusal(l, err); refused {
		missing := applications.ReasonOf(err) == "REASON_MISSING"
		status := http.StatusConflict
		if missing {
			status = http.StatusUnprocessableEntity
		}
		return s.showProposal(w, r, d, status, func(page *proposalPage) {
			page.Faults = []fault{{"", text}}
			if page.Reason = form.Get("reason"); missing {
				page.RecallBad = l.say("matching.fault.reason")
				page.Faults = []fault{{"why", page.RecallBad}}
			}
		})
	}
	if err != nil {
		return err
	}
	seeOther(w, r, d.path("/proposals/"+id))
	return nil
}

// shipsPage lists a program's mentorships.
type shipsPage struct {
	frame
	Sub    []tab
	Views  []tab
	States []tab
	Lede   string
	Lines  []staffShipLine
	More   string
	First  string
}

type staffShipLine struct {
	Href           string
	Mentee, Mentor string
	Word, Tone     string
	Mark, Text     string
	Exit           bool // somebody left by the safe exit, and nobody took it up yet
}

func (s *server) getShips(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	asked := r.URL.Query()
	q := applications.ListQuery{PageSize: 100, OrderBy: "create_time desc", Cursor: asked.Get("after")}
	state := asked.Get("state")
	switch {
	case state == "exits":
		q.Filter = "safe_exit = true"
	case slices.Contains(shownShips, mentoring.MentorshipState(state)):
		q.Filter = `state = "` + state + `"`
	default:
		state = ""
	}
	list, err := s.Mentoring.Mentorships(r.Context(), d.who, d.program.ID, q)
	if err != nil {
		return d.noPlanYet(w, r, err)
	}
	exits, err := s.Mentoring.Mentorships(r.Context(), d.who, d.program.ID, applications.ListQuery{PageSize: mostExits, Filter: "safe_exit = true"})
	if err != nil {
		return err
	}
	page := newShipsPage(s.staffFrame(r, "programs"), d, list, state, len(exits.Items), q.Cursor != "")
	s.render(w, r, http.StatusOK, "matching-ships", page)
	return nil
}

const mostExits = 100

var shownShips = []mentoring.MentorshipState{mentoring.Active, mentoring.OnHold, mentoring.Completed, mentoring.EndedEarly}

func newShipsPage(f frame, d *matchDesk, list *mentoring.ListPage[*mentoring.Mentorship], state string, exits int, later bool) *shipsPage {
	l, at := f.tongue, d.path("/mentorships")
	page := &shipsPage{frame: f, Sub: mentoringTabs(l, d.program.ID, "mentorships"), Views: d.afterTabs(l, "mentorships"), Lede: l.say("matching.ships.no_exits")}
	if exits > 0 {
		page.Lede = l.count("matching.ships.exits", exits)
	}
	where := func(state, after string) string {
		return narrowed(at, map[string]string{"state": state, "after": after})
	}
	page.States = []tab{{l.say("matching.state.all"), where("", ""), state == ""}, {l.say("matching.ships.to_handle"), where("exits", ""), state == "exits"}}
	for _, one := range shownShips {
		page.States = append(page.States, tab{l.say("mentorship." + string(one)), where(string(one), ""), string(one) == state})
	}
	for _, m := range list.Items {
		page.Lines = append(page.Lines, newStaffShipLine(l, d, m))
	}
	if list.Next != "" {
		page.More = where(state, list.Next)
	}
	if later {
		page.First = where(state, "")
	}
	title := l.say("matching.mentorships")
	page.Crumbs = d.crumbs(l, crumb{l.said(title), ""})
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func newStaffShipLine(l tongue, d *matchDesk, m *mentoring.Mentorship) staffShipLine {
	line := staffShipLine{
		Href: d.path("/mentorships/" + m.ID), Mentee: m.MenteeCode, Mentor: m.MentorCode, Exit: m.SafeExitFrom != "" && !m.Handled,
	}
	line.Word, line.Tone, line.Mark = shipState(l, m)
	held := 0
	for _, x := range m.Meetings {
		if x.State == mentoring.Held {
			held++
		}
	}
	line.Text = l.say("matching.ship.since", "when", l.moment(m.CreateTime, zoneOf(d.program)).Text) + " · " + l.count("matching.ship.meetings", held)
	return line
}

func shipState(l tongue, m *mentoring.Mentorship) (word, tone, mark string) {
	word = l.say("mentorship." + string(m.State))
	switch {
	case m.SafeExitFrom != "" && !m.Handled:
		return word, "bad", "!"
	case m.State == mentoring.Active, m.State == mentoring.Completed:
		return word, "ok", "✓"
	case m.State == mentoring.OnHold:
		return word, "", "…"
	}
	return word, "", "–"
}

// shipPage is one mentorship for those who match. Where the two meet and what
// they want to reach stays theirs.
type shipPage struct {
	frame
	Path       string
	Sub, Views []tab
	Mentee     string
	Mentor     string
	Word, Tone string
	Mark, Text string
	Meetings   []meetingLine
	Ended      string
	Exit       string // who left by the safe exit
	ExitWords  string
	Handled    string
	Surveys    []surveyView
	Live, Held bool
	MayRun     bool
	MayHandle  bool
	Reasons    []option
	Why, Done  string // as typed
	Request    string
	Revision   int64
	WhyFault   string
	DoneFault  string
	Faults     []fault
}

type surveyView struct {
	Side    string
	Answers []measureLine
	Words   string
}

func (s *server) getShip(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	return s.showShip(w, r, d, http.StatusOK, func(*shipPage) {})
}

func (s *server) showShip(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, change func(*shipPage)) error {
	m, err := s.Mentoring.Mentorship(r.Context(), d.who, d.program.ID, r.PathValue("mentorship"))
	if err != nil {
		return err
	}
	page := newShipPage(s.staffFrame(r, "programs"), d, m)
	if change(page); len(page.Faults) > 0 {
		page.Failed, page.Languages = true, nil
		page.Why, page.Done = r.PostForm.Get("why"), r.PostForm.Get("done")
		for i := range page.Reasons {
			page.Reasons[i].Chosen = page.Reasons[i].Value == r.PostForm.Get("end_reason")
		}
	}
	s.render(w, r, status, "matching-ship", page)
	return nil
}

func newShipPage(f frame, d *matchDesk, m *mentoring.Mentorship) *shipPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &shipPage{
		frame: f, Path: d.path("/mentorships/" + m.ID), Sub: mentoringTabs(l, d.program.ID, "mentorships"), Views: d.afterTabs(l, "mentorships"), Mentee: m.MenteeCode, Mentor: m.MentorCode,
		Live: m.State.Live(), Held: m.State == mentoring.OnHold, MayRun: d.mayRun, Request: nonce(), Revision: m.Revision,
		Text: newStaffShipLine(l, d, m).Text,
	}
	page.Word, page.Tone, page.Mark = shipState(l, m)
	for _, x := range m.Meetings {
		page.Meetings = append(page.Meetings, meetingLine{l.moment(x.Time, zone), l.say("meeting." + string(x.State)), ""})
	}
	if m.EndReason != "" {
		page.Ended = l.say("matching.end."+string(m.EndReason)) + ", " + l.moment(m.EndTime, zone).Text
	}
	if m.SafeExitFrom != "" {
		page.Exit, page.ExitWords = l.say("matching.exit.from", "side", l.say("matching.side."+string(m.SafeExitFrom))), m.SafeExit
		page.MayHandle = d.mayRun && !m.Handled
		if m.Handled {
			page.Handled = l.say("matching.exit.handled", "by", m.HandledBy)
		}
	}
	for _, one := range []struct {
		side   mentoring.Role
		survey *mentoring.Survey
	}{{mentoring.Mentee, m.MenteeSurvey}, {mentoring.Mentor, m.MentorSurvey}} {
		if one.survey == nil {
			continue
		}
		view := surveyView{Side: l.say("matching.side." + string(one.side)), Words: one.survey.Words}
		for _, a := range []struct {
			key string
			n   int
		}{{"helped", one.survey.Helped}, {"again", one.survey.Again}, {"fit", one.survey.Fit}} {
			view.Answers = append(view.Answers, measureLine{Label: l.say("survey." + a.key), Value: l.say("matching.measure.of5", "n", a.n)})
		}
		page.Surveys = append(page.Surveys, view)
	}
	for _, reason := range mentoring.EndReasons {
		page.Reasons = append(page.Reasons, option{Value: string(reason), Label: l.say("matching.end." + string(reason))})
	}
	title := l.say("matching.proposal.title", "mentee", m.MenteeCode, "mentor", m.MentorCode)
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.mentorships")), d.path("/mentorships")}, crumb{l.said(title), ""})
	page.titled(title, page.Word, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// postShip is every button of the page.
func (s *server) postShip(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	ctx, form, program, id := r.Context(), r.PostForm, d.program.ID, r.PathValue("mentorship")
	revision, l := revisionOf(r), s.tongueOf(r)
	simple := map[string]func(context.Context, access.Principal, string, string, int64, applications.Idempotency) (*mentoring.Mentorship, error){
		"hold": s.Mentoring.HoldMentorship, "resume": s.Mentoring.ResumeMentorship, "complete": s.Mentoring.CompleteMentorship,
	}
	why, done := clean(form.Get("why"), false), clean(form.Get("done"), false)
	var faults []fault
	switch action := form.Get("go"); action {
	case "hold", "resume", "complete":
		_, err = simple[action](ctx, d.who, program, id, revision, pressed(r))
	case "end":
		reason := mentoring.EndReason(form.Get("end_reason"))
		if !slices.Contains(mentoring.EndReasons, reason) {
			faults = append(faults, fault{"end_reason", l.say("mentoring.decline.choose")})
		}
		if why == "" {
			faults = append(faults, fault{"why", l.say("matching.fault.reason")})
		}
		if len(faults) == 0 {
			_, err = s.Mentoring.EndMentorship(ctx, d.who, program, id, reason, why, revision, pressed(r))
		}
	case "handle":
		if done == "" {
			faults = append(faults, fault{"done", l.say("matching.fault.done")})
			break
		}
		_, err = s.Mentoring.HandleSafeExit(ctx, d.who, program, id, done, revision, pressed(r))
	}
	status := http.StatusUnprocessableEntity
	if text, refused := matchRefusal(l, err); refused {
		faults, status = []fault{{"", text}}, http.StatusConflict
	} else if err != nil {
		return err
	}
	if len(faults) > 0 {
		return s.showShip(w, r, d, status, func(page *shipPage) {
			page.Faults = faults
			for _, f := range faults {
				switch f.Field {
				case "why":
					page.WhyFault = f.Message
				case "done":
					page.DoneFault = f.Message
				}
			}
		})
	}
	seeOther(w, r, d.path("/mentorships/"+id))
	return nil
}
