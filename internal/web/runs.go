package web

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

// runsPage lists a program's runs, the newest first, and starts one.
type runsPage struct {
	frame
	Program  string
	Sub      []tab
	Heading  phrase
	State    string
	Runs     []runLine
	MayStart bool
	Request  string
	Start    startView
	Faults   []fault
}

// startView is the form that starts a run, as typed.
type startView struct {
	Lottery          string // in words, where the criteria fix it
	Tied             bool   // no lottery: a seed breaks the ties
	Sources          []option
	SourceFixed      string // in words, where the criteria fix it
	Seed, SourceText string
	First, Second    string // the two people of a seed by commitment
	Include, Exclude string
	LockReason       string
	Trial            bool
	Locks            bool // the part on locks is open
}

type runLine struct {
	Number      int
	Href        string
	Word, Tone  string
	Mark        string
	Criteria    int
	Pool        string
	Trial       bool
	Started     moment
	CurrentStep string
}

func (s *server) getRuns(w http.ResponseWriter, r *http.Request) error {
	who, err := s.staff(r)
	if err != nil {
		return err
	}
	page, err := s.newRunsPage(r, who)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "runs", page)
	return nil
}

// allRuns returns a program's runs, oldest first: a program has tens of them.
func (s *server) allRuns(r *http.Request, who access.Principal, program string) ([]*applications.Selection, error) {
	var out []*applications.Selection
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.svc.Selections(r.Context(), who, program, q)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 5000 {
			return out, nil
		}
	}
}

func (s *server) newRunsPage(r *http.Request, who access.Principal) (*runsPage, error) {
	program, err := s.svc.Program(r.Context(), who, r.PathValue("program"))
	if err != nil {
		return nil, err
	}
	runs, err := s.allRuns(r, who, program.ID)
	if err != nil {
		return nil, err
	}
	page := fillRunsPage(s.staffFrame(r, "programs"), program, runs, who)
	if page.MayStart {
		criteria, err := s.svc.Criteria(r.Context(), who, program.ID, 0)
		if err != nil && applications.CodeOf(err) != applications.NotFound {
			return nil, err
		}
		page.Start.fill(page.tongue, criteria, r.PostForm)
		if from := r.URL.Query().Get("from"); r.Method == http.MethodGet && from != "" {
			run, err := s.svc.Selection(r.Context(), who, program.ID, from)
			if err != nil {
				return nil, err
			}
			page.Start.without(run, r.URL.Query()["unlock"])
		}
	}
	return page, nil
}

// without is a trial with the locks of a run but for those of some people.
func (v *startView) without(run *applications.Selection, unlocked []string) {
	var reasons []string
	left := func(locks []applications.Lock) string {
		var codes []string
		for _, lock := range locks {
			if slices.Contains(unlocked, lock.Code) {
				continue
			}
			codes = append(codes, lock.Code)
			if !slices.Contains(reasons, lock.Reason) {
				reasons = append(reasons, lock.Reason)
			}
		}
		return strings.Join(codes, " ")
	}
	v.Include, v.Exclude, v.Trial = left(run.Include), left(run.Exclude), true
	v.Locks = v.Include != "" || v.Exclude != ""
	if len(reasons) == 1 { // else each had its own, and the form has room for one
		v.LockReason = reasons[0]
	}
}

// fill shows what is left open by the criteria, with what was typed before.
func (v *startView) fill(l tongue, c *applications.Criteria, form url.Values) {
	get := func(name string) string { return form.Get(name) }
	v.Seed, v.SourceText, v.First, v.Second = get("seed"), get("source"), get("first"), get("second")
	v.Include, v.Exclude, v.LockReason, v.Trial = get("include"), get("exclude"), get("lock_reason"), get("trial") == "yes"
	v.Locks = v.Include != "" || v.Exclude != ""
	if c == nil {
		c = &applications.Criteria{}
	}
	v.Lottery = lotteryWords(l, c.Lottery)
	if v.Tied = c.Lottery == matcher.LotteryNone; v.Tied {
		return
	}
	if c.SeedKind != "" {
		v.SourceFixed = l.say("seed." + seedKey(c.SeedKind))
		return
	}
	chosen := get("seed_kind")
	if chosen == "" {
		chosen = string(applications.SeedServer)
	}
	for _, kind := range []applications.SeedKind{applications.SeedServer, applications.SeedPublicNumber, applications.SeedCommitReveal} {
		v.Sources = append(v.Sources, option{string(kind), l.say("source." + string(kind)), string(kind) == chosen})
	}
}

// asked is the run that the form asks for.
func (v *startView) asked(program string) *applications.Selection {
	run := &applications.Selection{Program: program, Trial: v.Trial}
	if v.Tied {
		run.Seed = clean(v.Seed, false)
	}
	for _, source := range v.Sources {
		if source.Chosen {
			run.SeedKind = applications.SeedKind(source.Value)
		}
	}
	if run.SeedKind == applications.SeedPublicNumber || run.SeedKind == applications.SeedCommitReveal {
		run.SeedSource = clean(v.SourceText, true)
	}
	if run.SeedKind == applications.SeedCommitReveal {
		run.SeedPeople = []string{clean(v.First, false), clean(v.Second, false)}
	}
	locks := func(codes string) (out []applications.Lock) {
		for _, code := range strings.FieldsFunc(codes, func(r rune) bool { return strings.ContainsRune(" ,;\n\r\t", r) }) {
			out = append(out, applications.Lock{Code: code, Reason: clean(v.LockReason, true)})
		}
		return out
	}
	run.Include, run.Exclude = locks(v.Include), locks(v.Exclude)
	return run
}

func fillRunsPage(f frame, program *applications.Program, runs []*applications.Selection, who access.Principal) *runsPage {
	page := &runsPage{
		frame: f, Program: program.ID, Request: nonce(), Sub: programTabs(f.tongue, program, who, "selections"),
		MayStart: who.Can(access.SelectionsRun, program.ID),
	}
	l, zone := page.tongue, zoneOf(program)
	page.Heading = l.phrase(program.Title)
	page.State = l.say("program." + string(program.State))
	for i, run := range runs {
		line := runLine{
			Number: i + 1, Href: "/programs/" + program.ID + "/selections/" + run.ID,
			Criteria: run.Criteria, Trial: run.Trial, Started: l.moment(run.CreateTime, zone),
		}
		if run.PoolSize != 0 {
			line.Pool = masked(l, run.PoolSize, true)
		}
		line.Word, line.Tone, line.Mark = runState(l, run.State)
		page.Runs = append(page.Runs, line)
	}
	slices.Reverse(page.Runs)
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {page.Heading, ""}}
	page.titled(l.say("runs.title"), page.Heading.Text, "Fairlead")
	return page
}

func runState(l tongue, state applications.SelectionState) (word, tone, mark string) {
	word = l.say("run." + string(state))
	switch state {
	case applications.SelectionSucceeded:
		return word, "ok", "✓"
	case applications.SelectionSealed:
		return word, "", "●"
	case applications.SelectionFailed, applications.SelectionStale:
		return word, "bad", "✕"
	case applications.SelectionCanceled:
		return word, "", "–"
	}
	return word, "", "…"
}

func (s *server) postRun(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	who, err := s.staff(r)
	if err != nil {
		return err
	}
	page, err := s.newRunsPage(r, who)
	if err != nil {
		return err
	}
	if !page.MayStart {
		return permissionMissing(access.SelectionsRun)
	}
	run, err := s.svc.CreateSelection(r.Context(), who, page.Start.asked(r.PathValue("program")), pressed(r))
	if faults, others, ok := violations(err, nil); err != nil && ok {
		for field, m := range faults {
			page.Faults = append(page.Faults, fault{page.Start.place(field), m})
			page.Start.Locks = page.Start.Locks || strings.HasPrefix(field, "include") || strings.HasPrefix(field, "exclude")
		}
		slices.SortFunc(page.Faults, func(a, b fault) int { return strings.Compare(a.Message, b.Message) })
		for _, m := range others {
			page.Faults = append(page.Faults, fault{"", m})
		}
		page.Failed, page.Languages = true, nil
		s.render(w, r, http.StatusUnprocessableEntity, "runs", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, "/programs/"+run.Program+"/selections/"+run.ID)
	return nil
}

// requestOf is the id of what a form does once, from the page before it or new.
func requestOf(r *http.Request) string {
	if id := r.PostForm.Get("request"); applications.IsRequestID(id) {
		return id
	}
	return nonce()
}

// pressed makes two presses of one button one change.
func pressed(r *http.Request) applications.Idempotency {
	id := r.PostForm.Get("request")
	if !applications.IsRequestID(id) {
		return applications.Idempotency{}
	}
	sum := sha256.Sum256([]byte(canonical(r.PostForm)))
	return applications.Idempotency{RequestID: id, Hash: sum[:]}
}

// place is the element of the form that a fault is about, or "".
func (v *startView) place(field string) string {
	base, _, _ := strings.Cut(field, "[")
	switch {
	case base == "seed" && v.Tied:
		return "seed"
	case base == "seed_source" && len(v.Sources) > 0:
		return "source"
	case base == "seed_people" && len(v.Sources) > 0:
		return "first"
	case strings.HasSuffix(field, ".reason"):
		return "lock_reason"
	case base == "include" || base == "exclude":
		return base
	}
	return ""
}

// runPage is a run without a result: queued, running, or ended without one.
type runPage struct {
	frame
	Path       string
	Number     int
	Word, Tone string
	Mark       string
	Text       string
	Running    bool
	Paused     bool
	Asked      bool // to cancel
	MayCancel  bool
	Now        string
	Steps      []stepLine
	Pivots     int64
	Pool       string
	Criteria   int
	Started    moment
	Elapsed    string // since then, to the end where there is one
	Error      string
}

type stepLine struct {
	Label string
	Value string
	When  moment
}

// refreshSeconds is how often the page of a run that works asks again.
const refreshSeconds = "3"

func (s *server) getRun(w http.ResponseWriter, r *http.Request) error {
	who, err := s.staff(r)
	if err != nil {
		return err
	}
	programID, id := r.PathValue("program"), r.PathValue("selection")
	run, err := s.svc.Selection(r.Context(), who, programID, id)
	if err != nil {
		return err
	}
	runs, err := s.allRuns(r, who, programID)
	if err != nil {
		return err
	}
	number := 1 + slices.IndexFunc(runs, func(x *applications.Selection) bool { return x.ID == id })
	if run.State == applications.SelectionSucceeded || run.State == applications.SelectionSealed {
		result, err := s.svc.SelectionResult(r.Context(), who, programID, id)
		if err != nil {
			return err
		}
		page := newResultPage(s.staffFrame(r, "programs"), result, number, r.URL.Query().Get("view"))
		page.MayRun = who.Can(access.SelectionsRun, programID)
		page.MayTry = page.MayRun && facilitates(who, programID)
		s.render(w, r, http.StatusOK, "result", page)
		return nil
	}
	program, err := s.svc.Program(r.Context(), who, programID)
	if err != nil {
		return err
	}
	page := newRunPage(s.staffFrame(r, "programs"), program, run, number, who, s.Now())
	page.Paused = r.URL.Query().Get("updates") == "off"
	if page.Running && !page.Paused {
		// A header instead of a meta element: the page stays the same either
		// way, and the link beside the progress stops it.
		w.Header().Set("Refresh", refreshSeconds)
	}
	s.render(w, r, http.StatusOK, "run", page)
	return nil
}

func newRunPage(f frame, program *applications.Program, run *applications.Selection, number int, who access.Principal, now time.Time) *runPage {
	l, zone := f.tongue, zoneOf(program)
	page := &runPage{
		frame: f, Path: "/programs/" + program.ID + "/selections/" + run.ID, Number: number,
		Running: !run.State.Done(), Asked: run.CancelAsked, Pivots: run.Pivots,
		MayCancel: who.Can(access.SelectionsRun, program.ID), Criteria: run.Criteria,
		Started: l.moment(run.CreateTime, zone), Error: run.Error,
	}
	if !run.DoneTime.IsZero() {
		now = run.DoneTime
	}
	page.Elapsed = l.elapsed(now.Sub(run.CreateTime))
	if run.PoolSize != 0 {
		page.Pool = masked(l, run.PoolSize, true)
	}
	page.Word, page.Tone, page.Mark = runState(l, run.State)
	page.Text = l.say("run." + string(run.State) + ".text")
	if page.Running && run.CurrentStep != "" {
		page.Now = stepLabel(l, run.CurrentStep)
	}
	for _, step := range run.Steps {
		line := stepLine{Label: stepLabel(l, step.Name), When: l.moment(step.Time, zone)}
		if base, _, _ := strings.Cut(step.Name, " "); (base == "size" || base == "priority") && step.Value != applications.TooFew {
			line.Value = l.number(step.Value)
		}
		page.Steps = append(page.Steps, line)
	}
	page.Crumbs = runCrumbs(l, program, number)
	page.titled(page.Word, l.say("run.number", "n", number), l.phrase(program.Title).Text, "Fairlead")
	return page
}

// elapsed is a time that passed, in its two largest units down to seconds.
func (l tongue) elapsed(d time.Duration) string {
	seconds := int(max(d, 0) / time.Second)
	switch hours, minutes := seconds/3600, seconds/60%60; {
	case hours > 0:
		return l.say("elapsed.hours", "h", hours, "m", minutes)
	case minutes > 0:
		return l.say("elapsed.minutes", "m", minutes, "s", seconds%60)
	}
	return l.say("elapsed.seconds", "s", seconds)
}

func runCrumbs(l tongue, program *applications.Program, number int) []crumb {
	return []crumb{
		{l.said(l.say("menu.programs")), "/programs"},
		{l.phrase(program.Title), "/programs/" + program.ID + "/selections"},
		{l.said(l.say("run.number", "n", number)), ""},
	}
}

// stepLabel is a step of a run in words: "priority 1" is the step "priority"
// with its number.
func stepLabel(l tongue, name string) string {
	base, n, _ := strings.Cut(name, " ")
	if _, ok := catalogs["en"]["step."+base]; !ok {
		return name
	}
	return l.say("step."+base, "n", n)
}

func (s *server) postCancel(w http.ResponseWriter, r *http.Request) error {
	who, err := s.staff(r)
	if err != nil {
		return err
	}
	program, id := r.PathValue("program"), r.PathValue("selection")
	_, err = s.svc.CancelSelection(r.Context(), who, program, id, 0, applications.Idempotency{})
	// Done meanwhile: its page says so.
	if err != nil && applications.CodeOf(err) != applications.FailedPrecondition {
		return err
	}
	seeOther(w, r, "/programs/"+program+"/selections/"+id)
	return nil
}
