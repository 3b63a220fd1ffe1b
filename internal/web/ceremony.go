package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

// ceremonyPage is the draw, in type that can be read from the back of a room:
// what was sealed, where the seed comes from, and what it gave. It shows codes
// and digests, and nothing about anybody.
type ceremonyPage struct {
	frame
	Path      string
	Number    int
	Program   phrase
	Lede      string
	Waiting   string // why it cannot be drawn now
	Sealed    []detail
	People    string
	Source    string // in the page's words
	Words     string // as it was registered
	Kind      string
	Persons   []seedPerson
	Committed bool // both, or nobody has to
	MayDraw   bool
	Again     bool // there was a draw already
	Confirm   bool // many have no chance: a reason is needed
	Request   string

	Value, Reason, Confirmed              string
	ValueFault, ReasonFault, ConfirmFault string
	Review                                bool // look at it once more
	Draws                                 []drawView
	Codes                                 []string // of the group as it stands
	Provenance, ProvenanceText            string
	PublicHref, PublicAddress             string
	QR                                    template.HTML // PublicAddress, for phones in the room
	Faults                                []fault
}

// seedPerson is one of the two people whose texts make the seed.
type seedPerson struct {
	ID        string
	Name      string
	Digest    string // what they are bound to, or as typed
	Bound     bool
	By        string // who entered it, by account
	Text      string
	Fault     string
	TextFault string
}

// drawView is one attempt.
type drawView struct {
	Title  string
	Value  string
	Ticket string
	Reason string
	When   moment
}

// runOf reads a run with its number among the program's runs.
func (s *server) runOf(r *http.Request) (d *desk, run *applications.Selection, number int, err error) {
	if d, err = s.desk(r); err != nil {
		return nil, nil, 0, err
	}
	if run, err = s.svc.Selection(r.Context(), d.who, d.program.ID, r.PathValue("selection")); err != nil {
		return nil, nil, 0, err
	}
	runs, err := s.allRuns(r, d.who, d.program.ID)
	if err != nil {
		return nil, nil, 0, err
	}
	return d, run, 1 + slices.IndexFunc(runs, func(x *applications.Selection) bool { return x.ID == run.ID }), nil
}

func runPath(program, selection string) string {
	return "/programs/" + program + "/selections/" + selection
}

func (s *server) getCeremony(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	if run.Trial || run.Lottery == matcher.LotteryNone { // nothing is ever drawn here
		seeOther(w, r, runPath(d.program.ID, run.ID))
		return nil
	}
	s.render(w, r, http.StatusOK, "ceremony", newCeremonyPage(s.staffFrame(r, "programs"), d, run, number, s.publicAddress(r)))
	return nil
}

func newCeremonyPage(f frame, d *desk, run *applications.Selection, number int, origin string) *ceremonyPage {
	l, zone := f.tongue, zoneOf(d.program)
	public := "/draws/" + d.program.ID + "/" + run.ID
	page := &ceremonyPage{
		frame: f, Path: runPath(d.program.ID, run.ID), Number: number, Program: l.phrase(d.program.Title), Kind: string(run.SeedKind),
		Source: l.say("seed." + seedKey(run.SeedKind)), Words: run.SeedSource, Request: nonce(), Again: len(run.Draws) > 0,
		PublicHref: public, PublicAddress: origin + public,
	}
	page.QR = qrCode(page.PublicAddress, l.say("draw.qr"))
	may := d.who.Can(access.SelectionsRun, d.program.ID)
	switch {
	case run.Seal == nil && !run.State.Done():
		page.Lede, page.Waiting = l.say("draw.not_sealed"), l.say("draw.not_sealed_text")
	case run.State == applications.SelectionStale:
		page.Lede, page.Waiting = l.say("run.STALE"), l.say("run.STALE.text")
	case run.Seal == nil:
		page.Lede, page.Waiting = runWord(l, run.State), l.say("draw.nothing")
	case len(run.Draws) == 0:
		page.Lede, page.MayDraw = l.say("draw.ready"), may && run.State == applications.SelectionSealed
	default:
		page.Lede = l.say("draw.done")
		page.MayDraw = may && run.State == applications.SelectionSucceeded && run.OfferTime.IsZero() && len(run.Choices) == 0 && run.ErasedCount == 0
	}
	if seal := run.Seal; seal != nil {
		add := func(key, digest string) {
			if digest != "" {
				page.Sealed = append(page.Sealed, detail{l.say("sealed." + key), digest, true})
			}
		}
		page.People = masked(l, seal.People, d.who.Can(access.IdentityRead, d.program.ID))
		page.Sealed = append(page.Sealed, detail{l.say("sealed.when"), l.moment(seal.Time, zone).Text, false})
		add("pool", seal.PoolRoot)
		add("types", seal.TypesRoot)
		add("rules", seal.RulesDigest)
		add("book", seal.BookDigest)
		add("all", seal.Digest)
		page.Confirm = seal.Chances.Confirm && !slices.ContainsFunc(run.Draws, func(d applications.Draw) bool { return d.Confirmed != "" })
	}
	attempt := len(run.Draws) + 1
	page.Committed = true
	for i, name := range run.SeedPeople {
		p := seedPerson{ID: fmt.Sprintf("p%d", i+1), Name: name}
		for _, c := range run.Commitments {
			if c.Attempt == attempt && c.Person == name {
				p.Digest, p.Bound, p.By = c.Digest, true, c.By
			}
		}
		page.Committed = page.Committed && p.Bound
		page.Persons = append(page.Persons, p)
	}
	for _, x := range run.Draws {
		v := drawView{Title: l.say("draw.attempt", "n", x.Attempt), Value: x.Value, Ticket: l.number(x.Ticket), Reason: x.Reason, When: l.moment(x.Time, zone)}
		page.Draws = append(page.Draws, v)
		page.Codes = x.Cohort
	}
	if n := len(run.Choices); n > 0 {
		page.Codes = run.Choices[n-1].Cohort
	}
	if run.Provenance != "" {
		page.Provenance = string(run.Provenance)
		page.ProvenanceText = provenanceText(l, run)
	}
	if len(page.Persons) > 0 {
		page.Script = "commit.js"
	}
	title := l.say("draw.title")
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", number), page.Program.Text, "Fairlead")
	return page
}

// seedKey is the part of a message's key for where a seed comes from.
func seedKey(kind applications.SeedKind) string {
	switch kind {
	case applications.SeedPublicNumber, applications.SeedCommitReveal:
		return string(kind)
	}
	return string(applications.SeedServer)
}

func runWord(l tongue, state applications.SelectionState) string {
	word, _, _ := runState(l, state)
	return word
}

// provenanceText says how a group came about. The seed is named where it is
// short enough to be read.
func provenanceText(l tongue, run *applications.Selection) string {
	switch run.Provenance {
	case applications.Computed:
		return l.say("provenance.COMPUTED", "seed", run.Seed)
	case applications.Chosen:
		return l.say("provenance.CHOSEN")
	case applications.DrawnWithLocks:
		return l.say("provenance.DRAWN_WITH_LOCKS", "seed", oneLine(run.Seed))
	case applications.Drawn:
		return l.say("provenance.DRAWN", "seed", oneLine(run.Seed))
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Split(s, "\n"), " · ") }

// blame puts what the service does not accept to the fields of the ceremony.
func (page *ceremonyPage) blame(err error) {
	e, _ := asError(err)
	put := func(id, message string) { page.Faults = append(page.Faults, fault{id, message}) }
	for _, v := range e.Violations {
		switch {
		case v.Field == "value":
			page.ValueFault = v.Message
			put("value", v.Message)
		case v.Field == "reason":
			page.ReasonFault = v.Message
			put("reason", v.Message)
		case v.Field == "confirm_impossible":
			page.ConfirmFault = v.Message
			put("confirm", v.Message)
		default:
			put("", v.Message)
		}
	}
	if len(e.Violations) == 0 {
		put("", e.Message)
	}
	page.Failed, page.Languages = true, nil
}

func (s *server) postCommit(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	person, digest := clean(r.PostForm.Get("person"), false), strings.ToLower(clean(r.PostForm.Get("digest"), false))
	_, err = s.svc.CommitSeed(r.Context(), d.who, applications.SeedCommit{Program: d.program.ID, Selection: run.ID, Person: person, Digest: digest}, applications.Idempotency{})
	if _, _, ok := violations(err, nil); err != nil && ok && applications.ReasonOf(err) != "COMMITMENT_MADE" {
		page := newCeremonyPage(s.staffFrame(r, "programs"), d, run, number, s.publicAddress(r))
		page.Failed, page.Languages = true, nil
		e, _ := asError(err)
		message := e.Message
		if len(e.Violations) > 0 {
			message = e.Violations[0].Message
		}
		for i := range page.Persons {
			if p := &page.Persons[i]; p.Name == person && !p.Bound {
				p.Digest, p.Fault = digest, message
				page.Faults = append(page.Faults, fault{p.ID + "-digest", message})
			}
		}
		if len(page.Faults) == 0 {
			page.Faults = []fault{{"", message}}
		}
		s.render(w, r, http.StatusUnprocessableEntity, "ceremony", page)
		return nil
	}
	if err != nil && applications.ReasonOf(err) != "COMMITMENT_MADE" {
		return err
	}
	seeOther(w, r, runPath(d.program.ID, run.ID)+"/draw")
	return nil
}

// postDraw draws. The first press shows what is about to happen, because a draw
// happens once; the second does it.
func (s *server) postDraw(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	get := func(name string) string { return clean(r.PostForm.Get(name), false) }
	page := newCeremonyPage(s.staffFrame(r, "programs"), d, run, number, s.publicAddress(r))
	page.Languages = nil
	page.Value, page.Reason, page.Confirmed = get("value"), clean(r.PostForm.Get("reason"), true), clean(r.PostForm.Get("confirm"), true)
	page.Request = requestOf(r)
	req := applications.DrawRequest{Program: d.program.ID, Selection: run.ID, Value: page.Value, Reason: page.Reason, ConfirmImpossible: page.Confirmed}
	for i := range page.Persons {
		p := &page.Persons[i]
		// Every letter and blank counts: nothing is cleaned away.
		p.Text = r.PostForm.Get(p.ID + ".text")
		if p.Text != "" {
			req.Reveals = append(req.Reveals, applications.Reveal{Person: p.Name, Text: p.Text})
		}
	}
	if r.PostForm.Get("sure") != "yes" {
		l := page.tongue
		missing := func(id string, message *string, empty bool, text string) {
			if empty {
				*message = text
				page.Faults = append(page.Faults, fault{id, *message})
			}
		}
		missing("value", &page.ValueFault, page.Kind == string(applications.SeedPublicNumber) && page.Value == "", l.say("draw.fault_value"))
		for i := range page.Persons {
			p := &page.Persons[i]
			missing(p.ID+"-text", &p.TextFault, p.Text == "", l.say("draw.fault_text"))
		}
		missing("reason", &page.ReasonFault, page.Again && page.Reason == "", l.say("draw.fault_reason"))
		missing("confirm", &page.ConfirmFault, page.Confirm && page.Confirmed == "", l.say("draw.fault_confirm"))
		status := http.StatusOK
		if page.Failed = len(page.Faults) > 0; page.Failed {
			status = http.StatusUnprocessableEntity
		}
		page.Review = !page.Failed
		s.render(w, r, status, "ceremony", page)
		return nil
	}
	_, err = s.svc.DrawSelection(r.Context(), d.who, req, pressed(r))
	if _, _, ok := violations(err, nil); err != nil && ok {
		page.blame(err)
		s.render(w, r, http.StatusUnprocessableEntity, "ceremony", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, runPath(d.program.ID, run.ID)+"/draw")
	return nil
}

// chancesView is what a lottery gives to the people of its pool.
type chancesView struct {
	There             bool
	Hidden            bool // kept for facilitators
	Smallest, Largest string
	Certain           string
	Impossible        string
	Unproved          string
	Method            string
	Reasons           []missLine
	Confirm           bool
}

func newChancesView(l tongue, sum *applications.ChanceSummary, rules []applications.ResultRule) chancesView {
	if sum == nil || sum.Method == matcher.LotteryNone {
		return chancesView{}
	}
	v := chancesView{There: true, Method: lotteryWords(l, sum.Method), Confirm: sum.Confirm}
	if sum.Certain == applications.TooFew {
		v.Hidden = true
		return v
	}
	v.Smallest, v.Largest = percent(sum.Smallest), percent(sum.Largest)
	v.Certain, v.Impossible = l.number(int64(sum.Certain)), l.number(int64(sum.Impossible))
	if !sum.Proved {
		v.Unproved = l.say("chances.unproved", "bound", percent(sum.Bound))
	}
	// Exclusions come for each type; to a reader equal reasons are one.
	var people []int
	for _, x := range sum.Exclusions {
		base, n, _ := strings.Cut(x.Reason, " ")
		line := missLine{Text: l.say("excluded." + known(base, "conditions", "must", "size", "score"))}
		if base == "priority" {
			line.Text = l.say("excluded.priority", "n", n)
		}
		var names []string
		for _, row := range x.Rows {
			if i := slices.IndexFunc(rules, func(r applications.ResultRule) bool { return r.Row == row }); i >= 0 {
				names = append(names, rowName(l, rules[i]).Text)
			}
		}
		if len(names) > 0 {
			line.Text += " " + l.say("excluded.rows", "rows", strings.Join(names, "; "))
		}
		i := slices.IndexFunc(v.Reasons, func(r missLine) bool { return r.Text == line.Text })
		if i < 0 {
			i = len(people)
			v.Reasons, people = append(v.Reasons, line), append(people, 0)
		}
		people[i] += x.People
	}
	for i, n := range people {
		v.Reasons[i].What = l.said(l.count("chances.people", n))
	}
	return v
}

// percent writes billionths with one decimal.
func percent(billionths int64) string {
	switch {
	case billionths > 0 && billionths < 1_000_000:
		return "< 0.1 %"
	case billionths < 1_000_000_000 && billionths > 999_000_000:
		return "> 99.9 %"
	}
	tenths := (billionths + 500_000) / 1_000_000
	return fmt.Sprintf("%d.%d %%", tenths/10, tenths%10)
}
