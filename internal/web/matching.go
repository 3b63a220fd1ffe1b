package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// The pages of those who match: runs of the matcher, their review, and what
// becomes of their pairs. People stand there by code; what only one of a pair may
// know of, the service leaves out before a page sees it.

// matchDesk is who matches, and where.
type matchDesk struct {
	who     access.Principal
	program *applications.Program
	mayRun  bool
}

func (d *matchDesk) path(rest string) string { return "/programs/" + d.program.ID + rest }

// run is the address of a matching run.
func (d *matchDesk) run(id string) string { return d.path("/matchings/" + id) }

// matchDesk lets in whoever reads a program's matchings.
func (s *server) matchDesk(r *http.Request) (*matchDesk, error) {
	who, err := s.staff(r)
	if err != nil {
		return nil, err
	}
	if s.Mentoring == nil {
		return nil, errNoPage
	}
	id := r.PathValue("program")
	if !who.Can(access.MatchingsRead, id) {
		return nil, permissionMissing(access.MatchingsRead)
	}
	program, err := s.svc.Program(r.Context(), who, id)
	if err != nil {
		return nil, err
	}
	return &matchDesk{who, program, who.Can(access.MatchingsRun, id)}, nil
}

// matchForm is matchDesk for a form that changes something.
func (s *server) matchForm(r *http.Request) (*matchDesk, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	d, err := s.matchDesk(r)
	if err == nil && !d.mayRun {
		err = permissionMissing(access.MatchingsRun)
	}
	return d, err
}

// permitted refuses who does not hold a permission for a program, before a page
// reads or shows what the service gives with less.
func permitted(who access.Principal, p access.Permission, program string) error {
	if who.Can(p, program) {
		return nil
	}
	return permissionMissing(p)
}

func permissionMissing(p access.Permission) error {
	return applications.Errorf(applications.PermissionDenied, "PERMISSION_MISSING", "this needs the permission %s", p)
}

// crumbs lead from the programs to a page about matching.
func (d *matchDesk) crumbs(l tongue, trail ...crumb) []crumb {
	at := []crumb{
		{l.said(l.say("menu.programs")), "/programs"},
		{l.phrase(d.program.Title), d.path("/mentoring")},
	}
	return append(at, trail...)
}

// matchRefusal words why something is not possible now: in the page's language
// where a message has it, else as the service says it.
func matchRefusal(l tongue, err error) (text string, ok bool) {
	e, is := asError(err)
	if !is {
		return "", false
	}
	switch e.Code {
	case applications.InvalidArgument, applications.FailedPrecondition, applications.Aborted, applications.AlreadyExists:
	default:
		return "", false
	}
	if _, known := catalogs["en"]["matching.refused."+e.Reason]; known {
		return l.say("matching.refused." + e.Reason), true
	}
	return e.Message, true
}

// notNow is matchRefusal also for somebody who is not in the run any more, or
// never was.
func notNow(l tongue, err error) (text string, ok bool) {
	if err == nil || applications.CodeOf(err) != applications.NotFound {
		return matchRefusal(l, err)
	}
	switch reason := applications.ReasonOf(err); reason {
	case "PAIR_NOT_IN_RUN", "ENROLLMENT_NOT_FOUND":
		return l.say("matching.refused." + reason), true
	}
	return "", false
}

// noPlanYet leads to the page that says what is missing, if that is a plan.
func (d *matchDesk) noPlanYet(w http.ResponseWriter, r *http.Request, err error) error {
	if applications.ReasonOf(err) != "PLAN_NOT_FOUND" {
		return err
	}
	seeOther(w, r, d.path("/matchings"))
	return nil
}

// matchingsPage lists a program's runs, the newest first, and starts one.
type matchingsPage struct {
	frame
	Path       string
	Sub        []tab
	Heading    phrase
	Lede       string
	NoPlan     bool
	PlanHref   string
	PeopleHref string
	Runs       []matchingLine
	MayStart   bool
	Request    string
	Seed       string
	Objectives []option
	Faults     []fault
}

type matchingLine struct {
	Number     int
	Href       string
	Word, Tone string
	Mark       string
	Text       string
	Rematch    bool
	Started    moment
}

// allMatchings returns a program's runs, oldest first: a program has tens of
// them.
func (s *server) allMatchings(r *http.Request, who access.Principal, program string) ([]*mentoring.Matching, error) {
	var out []*mentoring.Matching
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.Mentoring.Matchings(r.Context(), who, program, q)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 5000 {
			return out, nil
		}
	}
}

func (s *server) getMatchings(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	return s.showMatchings(w, r, d, http.StatusOK, nil)
}

func (s *server) showMatchings(w http.ResponseWriter, r *http.Request, d *matchDesk, status int, faults []fault) error {
	runs, err := s.allMatchings(r, d.who, d.program.ID)
	noPlan := err != nil && applications.ReasonOf(err) == "PLAN_NOT_FOUND"
	if err != nil && !noPlan {
		return err
	}
	var plan *mentoring.Plan
	var people *mentoring.Measures
	if !noPlan {
		if plan, err = s.Mentoring.Plan(r.Context(), d.who, d.program.ID); err != nil {
			return err
		}
		if people, err = s.Mentoring.Measures(r.Context(), d.who, d.program.ID); err != nil {
			return err
		}
	}
	page := newMatchingsPage(s.staffFrame(r, "programs"), d, plan, people, runs)
	if page.Faults = faults; len(faults) > 0 {
		page.Failed, page.Languages = true, nil
		page.Seed = r.PostForm.Get("seed")
		for i := range page.Objectives {
			page.Objectives[i].Chosen = page.Objectives[i].Value == r.PostForm.Get("objectives")
		}
	}
	s.render(w, r, status, "matching-runs", page)
	return nil
}

// objectiveChoices are the orders of aims that the form offers besides that of
// the plan: words, and terms as a comma list.
var objectiveChoices = []struct{ key, terms string }{
	{"worst", "cover,cover2,cover3,worst,total,even"},
	{"total", "cover,cover2,cover3,total,even"},
	{"even", "cover,even,worst,total"},
}

func newMatchingsPage(f frame, d *matchDesk, plan *mentoring.Plan, people *mentoring.Measures, runs []*mentoring.Matching) *matchingsPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &matchingsPage{
		frame: f, Path: d.path("/matchings"), Sub: mentoringTabs(l, d.program.ID, "matchings"), Heading: l.phrase(d.program.Title),
		NoPlan: plan == nil, PlanHref: d.path("/mentoring/plan"), PeopleHref: d.path("/mentoring"),
		MayStart: d.mayRun && plan != nil, Request: nonce(),
	}
	if people != nil {
		page.Lede = l.say("matching.people", "mentees", l.count("matching.mentees", people.Mentees), "mentors", l.count("matching.mentors", people.Mentors))
		if people.Mentees == 0 || people.Mentors == 0 {
			page.Lede += " " + l.say("matching.nobody")
		}
	}
	if plan != nil {
		page.Objectives = []option{{"", l.say("matching.aims.plan", "aims", aimWords(l, plan.Objectives)), true}}
		for _, c := range objectiveChoices {
			page.Objectives = append(page.Objectives, option{Value: c.terms, Label: l.say("matching.aims." + c.key)})
		}
	}
	for i, run := range runs {
		line := matchingLine{
			Number: i + 1, Href: d.run(run.ID), Rematch: run.After != "", Started: l.moment(run.CreateTime, zone),
		}
		line.Word, line.Tone, line.Mark = matchingState(l, run.State)
		if run.Mentees+run.Mentors > 0 {
			line.Text = l.say("matching.people", "mentees", l.count("matching.mentees", run.Mentees), "mentors", l.count("matching.mentors", run.Mentors))
		}
		if !run.DoneTime.IsZero() && run.State != mentoring.Failed && run.State != mentoring.Canceled {
			line.Text = l.count("matching.pairs", run.Pairs) + " · " + l.say("matching.of_mentees", "n", run.Covered, "of", run.Mentees)
		}
		page.Runs = append(page.Runs, line)
	}
	slices.Reverse(page.Runs)
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), ""})
	page.titled(l.say("matching.title"), page.Heading.Text, "Fairlead")
	return page
}

// aimWords are the terms of an objective in their order; the default where there
// are none.
func aimWords(l tongue, terms []string) string {
	if len(terms) == 0 {
		terms = strings.Split(objectiveChoices[0].terms, ",")
	}
	var words []string
	for _, t := range terms {
		words = append(words, termLabel(l, t))
	}
	return strings.Join(words, ", ")
}

// termLabel names a term of the objective; its own name where there is no word
// for it.
func termLabel(l tongue, term string) string {
	if strings.HasPrefix(term, "band") {
		term = "bands"
	}
	if _, ok := catalogs["en"]["matching.term."+term]; !ok {
		return term
	}
	return l.say("matching.term." + term)
}

func matchingState(l tongue, state mentoring.MatchingState) (word, tone, mark string) {
	word = l.say("matching.state." + string(state))
	switch state {
	case mentoring.Published, mentoring.Solved:
		return word, "ok", "✓"
	case mentoring.InReview:
		return word, "", "●"
	case mentoring.Failed:
		return word, "bad", "✕"
	case mentoring.Canceled, mentoring.Superseded:
		return word, "", "–"
	}
	return word, "", "…"
}

func (s *server) postMatching(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	asked := &mentoring.Matching{Program: d.program.ID, Seed: clean(r.PostForm.Get("seed"), false)}
	for _, c := range objectiveChoices {
		if r.PostForm.Get("objectives") == c.terms {
			asked.Objectives = strings.Split(c.terms, ",")
		}
	}
	run, err := s.Mentoring.CreateMatching(r.Context(), d.who, asked, pressed(r))
	if err != nil {
		l := s.tongueOf(r)
		var faults []fault
		for _, v := range asViolations(err) {
			field := ""
			if v.Field == "seed" {
				field = "seed"
			}
			faults = append(faults, fault{field, v.Message})
		}
		text, ok := matchRefusal(l, err)
		if !ok {
			return err
		}
		if len(faults) == 0 {
			faults = []fault{{"", text}}
		}
		return s.showMatchings(w, r, d, http.StatusUnprocessableEntity, faults)
	}
	seeOther(w, r, d.run(run.ID))
	return nil
}

// matchingRunPage is a run without a result: queued, running, or ended without
// one.
type matchingRunPage struct {
	frame
	Path, Back string
	Sub        []tab
	Number     int
	Word, Tone string
	Mark, Text string
	Running    bool
	Paused     bool
	Asked      bool // to cancel
	MayCancel  bool
	MayRun     bool
	Now        string
	Visited    int64
	Steps      []stepLine
	People     string
	Started    moment
	Error      string
	ErrorLang  string
	PlanHref   string
}

// matchingOf reads the run in the path, and its number in the program.
func (s *server) matchingOf(r *http.Request, d *matchDesk) (*mentoring.Matching, int, error) {
	id := r.PathValue("matching")
	run, err := s.Mentoring.Matching(r.Context(), d.who, d.program.ID, id)
	if err != nil {
		return nil, 0, err
	}
	runs, err := s.allMatchings(r, d.who, d.program.ID)
	if err != nil {
		return nil, 0, err
	}
	return run, 1 + slices.IndexFunc(runs, func(x *mentoring.Matching) bool { return x.ID == id }), nil
}

func (s *server) getMatching(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	run, number, err := s.matchingOf(r, d)
	if err != nil {
		return err
	}
	if hasResult(run) {
		return s.showPairs(w, r, d, run, number, http.StatusOK, nil)
	}
	page := newMatchingRunPage(s.staffFrame(r, "programs"), d, run, number)
	page.Paused = r.URL.Query().Get("updates") == "off"
	if page.Running && !page.Paused {
		w.Header().Set("Refresh", refreshSeconds)
	}
	s.render(w, r, http.StatusOK, "matching-run", page)
	return nil
}

// hasResult reports whether a run came to pairs.
func hasResult(m *mentoring.Matching) bool {
	return m.State.Done() && m.State != mentoring.Failed && m.State != mentoring.Canceled
}

func newMatchingRunPage(f frame, d *matchDesk, run *mentoring.Matching, number int) *matchingRunPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &matchingRunPage{
		frame: f, Path: d.run(run.ID), Back: d.path("/matchings"), Sub: mentoringTabs(l, d.program.ID, "matchings"), Number: number,
		Running: !run.State.Done(), Asked: run.CancelAsked, MayCancel: d.mayRun, MayRun: d.mayRun, Visited: run.Progress,
		Started: l.moment(run.CreateTime, zone), PlanHref: d.path("/mentoring/plan"),
	}
	page.Word, page.Tone, page.Mark = matchingState(l, run.State)
	page.Text = l.say("matching.state." + string(run.State) + ".text")
	if run.Mentees+run.Mentors > 0 {
		page.People = l.say("matching.people", "mentees", l.count("matching.mentees", run.Mentees), "mentors", l.count("matching.mentors", run.Mentors))
	}
	if page.Running && run.CurrentStep != "" {
		page.Now = matchingStep(l, run.CurrentStep)
	}
	for _, step := range run.Steps {
		line := stepLine{Label: matchingStep(l, step.Name), When: l.moment(step.Time, zone)}
		if step.Value > 0 {
			line.Value = l.number(step.Value)
		}
		page.Steps = append(page.Steps, line)
	}
	if run.State == mentoring.Failed {
		if _, known := catalogs["en"]["matching.refused."+run.ErrorReason]; known {
			page.Error = l.say("matching.refused." + run.ErrorReason)
		} else {
			page.Error, page.ErrorLang = run.Error, "en"
		}
	}
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), page.Back}, crumb{l.said(l.say("run.number", "n", number)), ""})
	page.titled(page.Word, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// matchingStep is a step of a run in words.
func matchingStep(l tongue, name string) string {
	if _, ok := catalogs["en"]["matching.step."+name]; !ok {
		return name
	}
	return l.say("matching.step." + name)
}

func (s *server) postMatchingCancel(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchForm(r)
	if err != nil {
		return err
	}
	id := r.PathValue("matching")
	_, err = s.Mentoring.CancelMatching(r.Context(), d.who, d.program.ID, id, applications.Idempotency{})
	// Done meanwhile: its page says so.
	if err != nil && applications.CodeOf(err) != applications.FailedPrecondition {
		return err
	}
	seeOther(w, r, d.run(id))
	return nil
}

// daysWords is a time that passes, in whole days, or hours where it is less than
// two days.
func daysWords(l tongue, t time.Duration) string {
	if hours := int((t + 30*time.Minute) / time.Hour); hours < 48 {
		return l.count("matching.hours", hours)
	}
	return l.count("matching.days", int((t+12*time.Hour)/(24*time.Hour)))
}
