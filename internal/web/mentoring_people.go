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

// The coordinator's pages of mentors and mentees: who is there, what stands
// next, and everything that staff do for somebody. People stand in lists by
// code; who somebody is, one page tells, and that it was read is recorded.

// peopleRoutes are the addresses of these pages.
func (s *server) peopleRoutes(handle func(string, func(http.ResponseWriter, *http.Request) error)) {
	handle("GET /programs/{program}/mentoring", s.getPeople)
	handle("GET /programs/{program}/mentoring/plan", s.getPlan)
	handle("POST /programs/{program}/mentoring/plan", s.postPlan)
	handle("GET /programs/{program}/mentoring/directives", s.getDirectives)
	handle("POST /programs/{program}/mentoring/directives", s.postDirective)
	handle("POST /programs/{program}/mentoring/directives/{directive}/lift", s.postLift)
	for _, role := range []mentoring.Role{mentoring.Mentee, mentoring.Mentor} {
		at := " /programs/{program}/mentoring/" + rolePath(role)
		handle("GET"+at, s.getPeopleList)
		handle("POST"+at, s.postPeopleList)
		handle("GET"+at+"/new", s.getNewPerson)
		handle("POST"+at+"/new", s.postNewPerson)
		handle("GET"+at+"/members", s.getMembers)
		handle("POST"+at+"/members", s.postMembers)
		handle("GET"+at+"/import", s.getImport)
		handle("POST"+at+"/import", s.postImport)
		handle("GET"+at+"/export", s.getPeopleExport)
		handle("GET"+at+"/{enrollment}", s.getMentoringPerson)
		handle("POST"+at+"/{enrollment}", s.postMentoringPerson)
		handle("GET"+at+"/{enrollment}/edit", s.getEditPerson)
		handle("POST"+at+"/{enrollment}/edit", s.postEditPerson)
		handle("GET"+at+"/{enrollment}/erase", s.getErasePerson)
		handle("POST"+at+"/{enrollment}/erase", s.postErasePerson)
	}
}

// peopleDesk is a program's mentoring as the pages of its coordinators need it.
type peopleDesk struct {
	who     access.Principal
	program *applications.Program
	plan    *mentoring.Plan // nil: there is none yet
	run     bool            // may change things

	unreadable bool // the plan's rules cannot be read: plan has those that ship
}

func (d *peopleDesk) path(rest string) string {
	return "/programs/" + d.program.ID + "/mentoring" + rest
}
func (d *peopleDesk) zone() *time.Location { return zoneOf(d.program) }

// peopleDesk reads the program in the path for staff who see its matchings.
func (s *server) peopleDesk(r *http.Request) (*peopleDesk, error) {
	if s.Mentoring == nil {
		return nil, errNoPage
	}
	who, err := s.staff(r)
	if err != nil {
		return nil, err
	}
	d := &peopleDesk{who: who}
	if d.program, err = s.svc.Program(r.Context(), who, r.PathValue("program")); err != nil {
		return nil, err
	}
	if d.run = who.Can(access.MatchingsRun, d.program.ID); !who.Can(access.MatchingsRead, d.program.ID) {
		return nil, permissionMissing(access.MatchingsRead)
	}
	d.plan, err = s.Mentoring.Plan(r.Context(), who, d.program.ID)
	if applications.ReasonOf(err) == "PLAN_NOT_FOUND" {
		d.plan, err = nil, nil
	}
	if _, why := d.plan.ScoringRules(); why != nil && err == nil {
		// Somebody has to mend them, who is told before they save others.
		plan := *d.plan
		plan.Rules, d.plan, d.unreadable = "", &plan, true
	}
	return d, err
}

// planned is the desk of pages that are nothing without a plan: where there is
// none it leads to the landing page, which says so, and returns nil.
func (s *server) planned(w http.ResponseWriter, r *http.Request) (*peopleDesk, error) {
	d, err := s.peopleDesk(r)
	if err != nil {
		return nil, err
	}
	if d.plan == nil {
		seeOther(w, r, d.path(""))
		return nil, nil
	}
	return d, nil
}

// mayRun refuses a change by who only looks.
func (d *peopleDesk) mayRun() error {
	if d.run {
		return nil
	}
	return permissionMissing(access.MatchingsRun)
}

// mentoringTabs are the coordinator's pages of one program.
func mentoringTabs(l tongue, program, here string) []tab {
	var tabs []tab
	for _, t := range []struct{ key, at string }{
		{"mentoring", "/mentoring"},
		{"mentees", "/mentoring/mentees"},
		{"mentors", "/mentoring/mentors"},
		{"directives", "/mentoring/directives"},
		{"plan", "/mentoring/plan"},
		{"matchings", "/matchings"},
		{"mentorships", "/mentorships"},
	} {
		tabs = append(tabs, tab{l.say("people.tab." + t.key), "/programs/" + program + t.at, t.key == here})
	}
	return tabs
}

func peopleCrumbs(l tongue, program *applications.Program, here string) []crumb {
	return []crumb{
		{l.said(l.say("menu.programs")), "/programs"},
		{l.phrase(program.Title), "/programs/" + program.ID + "/mentoring"},
		{l.said(here), ""},
	}
}

// roleOf is the role of a list by its place in the path.
func roleOf(r *http.Request) mentoring.Role {
	if strings.HasPrefix(r.URL.Path, "/programs/"+r.PathValue("program")+"/mentoring/mentors") {
		return mentoring.Mentor
	}
	return mentoring.Mentee
}

// rolePath is the place of a role in the path, and the ending of its messages.
func rolePath(role mentoring.Role) string {
	if role == mentoring.Mentor {
		return "mentors"
	}
	return "mentees"
}

// enrollmentWord is a state in words, with a sign and a tone.
func enrollmentWord(l tongue, state mentoring.EnrollmentState) (word, tone, mark string) {
	word = l.say("people.state." + string(state))
	switch state {
	case mentoring.Available:
		return word, "ok", "✓"
	case mentoring.Draft, mentoring.Submitted, mentoring.Screened:
		return word, "", "…"
	}
	return word, "", "–"
}

// peoplePage is where a coordinator begins: how many there are, and what stands
// next.
type peoplePage struct {
	frame
	Sub   []tab
	Next  []nextLine
	Plan  bool
	Sides []sideView
	Runs  string // address
}

// nextLine is one thing to do.
type nextLine struct{ Text, Href, Link string }

// sideView counts one role.
type sideView struct {
	Heading, Href string
	Counts        []countLine
	Places        string
	Import, New   string // addresses, or ""
}

type countLine struct {
	Word string
	N    int
	Href string
}

// tally counts the people of one role.
type tally struct {
	states map[mentoring.EnrollmentState]int
	places int // seats of mentors, or mentors wanted, of who is available
}

// allEnrollments calls fn for everybody of a role, in the order in which they
// enrolled.
func (s *server) allEnrollments(r *http.Request, d *peopleDesk, role mentoring.Role, fn func(*mentoring.Enrollment) error) error {
	q := applications.ListQuery{PageSize: 1000, Filter: "state != ERASED"}
	for {
		list, err := s.Mentoring.Enrollments(r.Context(), d.who, d.program.ID, role, q)
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if err := fn(e); err != nil {
				return err
			}
		}
		if q.Cursor = list.Next; q.Cursor == "" {
			return nil
		}
	}
}

func (s *server) tally(r *http.Request, d *peopleDesk, role mentoring.Role) (tally, error) {
	t := tally{states: map[mentoring.EnrollmentState]int{}}
	err := s.allEnrollments(r, d, role, func(e *mentoring.Enrollment) error {
		t.states[e.State]++
		if e.State == mentoring.Available {
			t.places += e.Seats + e.Wanted
		}
		return nil
	})
	return t, err
}

func (s *server) getPeople(w http.ResponseWriter, r *http.Request) error {
	d, err := s.peopleDesk(r)
	if err != nil {
		return err
	}
	var mentees, mentors tally
	var last *mentoring.Matching
	if d.plan != nil {
		if mentees, err = s.tally(r, d, mentoring.Mentee); err != nil {
			return err
		}
		if mentors, err = s.tally(r, d, mentoring.Mentor); err != nil {
			return err
		}
		runs, err := s.allMatchings(r, d.who, d.program.ID)
		if err != nil {
			return err
		}
		if len(runs) > 0 {
			last = runs[len(runs)-1]
		}
	}
	s.render(w, r, http.StatusOK, "people", newPeoplePage(s.staffFrame(r, "programs"), d, mentees, mentors, last))
	return nil
}

func newPeoplePage(f frame, d *peopleDesk, mentees, mentors tally, last *mentoring.Matching) *peoplePage {
	l := f.tongue
	page := &peoplePage{frame: f, Plan: d.plan != nil, Runs: "/programs/" + d.program.ID + "/matchings"}
	page.Crumbs = peopleCrumbs(l, d.program, l.say("people.title"))
	page.titled(l.say("people.title"), l.phrase(d.program.Title).Text, "Fairlead")
	if d.plan == nil {
		page.Next = []nextLine{{l.say("people.next.plan"), d.path("/plan"), l.say("people.next.plan.link")}}
		return page
	}
	page.Sub = mentoringTabs(l, d.program.ID, "mentoring")
	page.Next = nextSteps(l, d, mentees, mentors, last)
	for _, side := range []struct {
		role mentoring.Role
		t    tally
	}{{mentoring.Mentee, mentees}, {mentoring.Mentor, mentors}} {
		at := d.path("/" + rolePath(side.role))
		v := sideView{Heading: l.say("people." + rolePath(side.role)), Href: at, Places: l.count("people.places."+rolePath(side.role), side.t.places)}
		if d.run {
			v.Import, v.New = at+"/import", at+"/new"
		}
		for _, state := range liveStates {
			if n := side.t.states[state]; n > 0 {
				v.Counts = append(v.Counts, countLine{l.say("people.state." + string(state)), n, at + "?state=" + string(state)})
			}
		}
		page.Sides = append(page.Sides, v)
	}
	return page
}

// liveStates are those that lists can be narrowed to.
var liveStates = []mentoring.EnrollmentState{
	mentoring.Draft, mentoring.Submitted, mentoring.Screened, mentoring.Available, mentoring.Paused, mentoring.Withdrawn,
}

// nextSteps is what a coordinator would do now, the most pressing first.
func nextSteps(l tongue, d *peopleDesk, mentees, mentors tally, last *mentoring.Matching) []nextLine {
	var out []nextLine
	for _, side := range []struct {
		role mentoring.Role
		t    tally
	}{{mentoring.Mentee, mentees}, {mentoring.Mentor, mentors}} {
		key, at := rolePath(side.role), d.path("/"+rolePath(side.role))
		total := 0
		for _, n := range side.t.states {
			total += n
		}
		if total == 0 {
			out = append(out, nextLine{l.say("people.next.none." + key), at + "/import", l.say("people.next.none." + key + ".link")})
			continue
		}
		for _, state := range []mentoring.EnrollmentState{mentoring.Submitted, mentoring.Screened, mentoring.Draft} {
			if n := side.t.states[state]; n > 0 {
				out = append(out, nextLine{l.count("people.next."+string(state)+"."+key, n), at + "?state=" + string(state), l.say("people.next.look")})
			}
		}
	}
	runs := "/programs/" + d.program.ID + "/matchings"
	ready := mentees.states[mentoring.Available] > 0 && mentors.places > 0
	switch {
	case last != nil && (last.State == mentoring.Solved || last.State == mentoring.InReview):
		out = append(out, nextLine{l.say("people.next.review"), runs + "/" + last.ID, l.say("people.next.review.link")})
	case last != nil && !last.State.Done():
		out = append(out, nextLine{l.say("people.next.running"), runs + "/" + last.ID, l.say("people.next.running.link")})
	case ready:
		out = append(out, nextLine{l.count("people.next.match", mentees.states[mentoring.Available], "seats", mentors.places), runs, l.say("people.next.match.link")})
	}
	return out
}

// peopleListPage lists one role.
type peopleListPage struct {
	frame
	Sub                    []tab
	Path, Heading          string
	Mentors                bool
	Filters                []tab
	People                 []personLine
	Empty                  string
	First, More            string // addresses of pages, or ""
	MayRun                 bool
	Code, Reason           string
	Faults                 []fault
	Done                   string // what was just changed
	Request                string
	Import, New, Members   string
	Export                 string
	CodeFault, ReasonFault string
}

type personLine struct {
	ID, Code, Href   string
	Word, Tone, Mark string
	Places           string
	Hours, Languages string
	Missing          string // what a score would lack, or ""
	Waits            string
	Ticked           bool
}

const peopleShown = 50 // on one page of a list

func (s *server) getPeopleList(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	page, err := s.newPeopleList(r, d)
	if err != nil {
		return err
	}
	if n := r.URL.Query().Get("changed"); d.run && n != "" && len(n) < 6 && strings.Trim(n, "0123456789") == "" {
		page.Done = page.tongue.say("people.list.done", "n", n)
	}
	s.render(w, r, http.StatusOK, "people-list", page)
	return nil
}

func (s *server) newPeopleList(r *http.Request, d *peopleDesk) (*peopleListPage, error) {
	role := roleOf(r)
	state := mentoring.EnrollmentState(r.URL.Query().Get("state"))
	q := applications.ListQuery{PageSize: peopleShown, Filter: "state != ERASED", Cursor: r.URL.Query().Get("page")}
	if slices.Contains(liveStates, state) {
		q.Filter = "state = " + string(state)
	} else {
		state = "" // an unknown filter is none
	}
	list, err := s.Mentoring.Enrollments(r.Context(), d.who, d.program.ID, role, q)
	if err != nil {
		return nil, err
	}
	places := map[string]mentoring.Places{}
	for _, e := range list.Items {
		if places[e.ID], err = s.Mentoring.Places(r.Context(), d.who, d.program.ID, e.ID); err != nil {
			return nil, err
		}
	}
	return fillPeopleList(s.staffFrame(r, "programs"), d, role, state, list.Items, places, q.Cursor != "", list.Next), nil
}

func fillPeopleList(f frame, d *peopleDesk, role mentoring.Role, state mentoring.EnrollmentState, list []*mentoring.Enrollment, places map[string]mentoring.Places, later bool, next string) *peopleListPage {
	l, at := f.tongue, d.path("/"+rolePath(role))
	page := &peopleListPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, rolePath(role)), Path: at, Heading: l.say("people." + rolePath(role)), Mentors: role == mentoring.Mentor,
		MayRun: d.run, Request: nonce(), Export: at + "/export", Empty: l.say("people.list.none"),
	}
	if d.run {
		page.Import, page.New, page.Members = at+"/import", at+"/new", at+"/members"
	}
	query := ""
	page.Filters = append(page.Filters, tab{l.say("people.list.all"), at, state == ""})
	for _, x := range liveStates {
		page.Filters = append(page.Filters, tab{l.say("people.state." + string(x)), at + "?state=" + string(x), x == state})
	}
	if state != "" {
		query, page.Empty = "state="+string(state), l.say("people.list.none_of_state")
	}
	if later {
		page.First = strings.TrimSuffix(at+"?"+query, "?")
	}
	if next != "" {
		page.More = at + "?" + query + "&page=" + next
		if query == "" {
			page.More = at + "?page=" + next
		}
	}
	for _, e := range list {
		line := personLine{ID: e.ID, Code: e.Code, Href: at + "/" + e.ID, Hours: e.Profile["hours"], Languages: e.Profile["languages"]}
		line.Word, line.Tone, line.Mark = enrollmentWord(l, e.State)
		p := places[e.ID]
		line.Places = l.say("people.places.of", "taken", p.Taken, "open", p.Proposed-p.Taken, "total", p.Total)
		if line.Hours != "" && e.Profile["zone"] != "" {
			line.Hours += " (" + e.Profile["zone"] + ")"
		}
		if strings.EqualFold(e.Profile["asynchronous"], "yes") {
			line.Hours = strings.TrimPrefix(line.Hours+"; "+l.say("people.asynchronous"), "; ")
		}
		line.Missing = strings.Join(missing(l, e), ", ")
		if e.WaitRounds > 0 {
			line.Waits = l.count("people.waits", e.WaitRounds)
		}
		page.People = append(page.People, line)
	}
	page.Crumbs = peopleCrumbs(l, d.program, page.Heading)
	page.titled(page.Heading, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// missing names what somebody left blank that most scores rest on. A blank is
// never held against anybody: the score says less.
func missing(l tongue, e *mentoring.Enrollment) []string {
	topics := "wants"
	if e.Role == mentoring.Mentor {
		topics = "offers"
	}
	var out []string
	for _, column := range []string{topics, "hours", "languages", "experience"} {
		if e.Profile[column] != "" || column == "hours" && e.Profile["asynchronous"] != "" {
			continue
		}
		out = append(out, profileLabel(l, column))
	}
	return out
}

// profileLabel is a column of a profile in words; its own name where a program
// has added it.
func profileLabel(l tongue, column string) string {
	if _, ok := catalogs["en"]["people.column."+column]; ok {
		return l.say("people.column." + column)
	}
	if item, found := strings.CutPrefix(column, "style_"); found {
		return l.say("people.style", "item", item)
	}
	return column
}

// postPeopleList opens somebody by code, or moves everybody who is ticked.
func (s *server) postPeopleList(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	role := roleOf(r)
	at := d.path("/" + rolePath(role))
	l := s.tongueOf(r)
	action := r.PostForm.Get("go")
	wrong := func(fill func(*peopleListPage), faults ...fault) error {
		page, err := s.newPeopleList(r, d)
		if err != nil {
			return err
		}
		page.Code, page.Reason = clean(r.PostForm.Get("code"), false), clean(r.PostForm.Get("reason"), false)
		for i := range page.People {
			page.People[i].Ticked = slices.Contains(r.PostForm["id"], page.People[i].ID)
		}
		page.Faults, page.Failed, page.Languages = faults, true, nil
		fill(page)
		s.render(w, r, http.StatusUnprocessableEntity, "people-list", page)
		return nil
	}
	if action == "find" {
		e, err := s.Mentoring.ByCode(r.Context(), d.who, d.program.ID, r.PostForm.Get("code"))
		if applications.CodeOf(err) == applications.NotFound {
			message := l.say("people.list.no_code")
			return wrong(func(p *peopleListPage) { p.CodeFault = message }, fault{"code", message})
		}
		if err != nil {
			return err
		}
		seeOther(w, r, d.path("/"+rolePath(e.Role)+"/"+e.ID))
		return nil
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	move := s.movement(action)
	if move == nil || action == "withdraw" || action == "return" {
		seeOther(w, r, at)
		return nil
	}
	reason := clean(r.PostForm.Get("reason"), false)
	ids := r.PostForm["id"]
	switch {
	case len(ids) == 0 || len(ids) > peopleShown:
		return wrong(func(*peopleListPage) {}, fault{"people", l.say("people.list.tick")})
	case reason == "":
		message := l.say("people.fault.reason")
		return wrong(func(p *peopleListPage) { p.ReasonFault = message }, fault{"reason", message})
	}
	changed := 0
	var faults []fault
	codes, err := s.Mentoring.Codes(r.Context(), d.who, d.program.ID, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := move(r.Context(), d.who, d.program.ID, id, reason, 0, applications.Idempotency{})
		switch applications.CodeOf(err) {
		case applications.FailedPrecondition, applications.InvalidArgument, applications.NotFound, applications.Aborted:
			faults = append(faults, fault{"", codes[id] + ": " + s.refusal(l, err)})
			continue
		}
		if err != nil {
			return err
		}
		changed++
	}
	if len(faults) > 0 {
		if changed > 0 {
			faults = append(faults, fault{"", l.say("people.list.done", "n", changed)})
		}
		return wrong(func(*peopleListPage) {}, faults...)
	}
	query := "?changed=" + itoa(changed)
	if state := r.URL.Query().Get("state"); slices.Contains(liveStates, mentoring.EnrollmentState(state)) {
		query += "&state=" + state
	}
	seeOther(w, r, at+query)
	return nil
}

// pressedOnce makes two presses of one button one change. A form that was sent,
// gone back to and sent with other words is another change.
func pressedOnce[T any](r *http.Request, change func(applications.Idempotency) (T, error)) (T, error) {
	v, err := change(pressed(r))
	if applications.ReasonOf(err) == "REQUEST_ID_REUSED" {
		return change(applications.Idempotency{})
	}
	return v, err
}

// refusal is what an error says to a coordinator, in the page's language where
// there are words for it.
func (s *server) refusal(l tongue, err error) string {
	reason := applications.ReasonOf(err)
	if _, ok := catalogs["en"]["people.refused."+reason]; ok && reason != "" {
		return l.say("people.refused." + reason)
	}
	if e, ok := asError(err); ok {
		if len(e.Violations) > 0 {
			return e.Violations[0].Message
		}
		return e.Message
	}
	return l.say("people.refused.other")
}
