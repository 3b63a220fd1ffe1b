package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
)

// boardPage is the report for the people who answer for a selection, to be
// printed on two pages and signed: what was said, what was done, what was not
// met and who decided. Its public version shows no count of people below
// Fewest, and no code.
type boardPage struct {
	frame
	Path     string
	Public   bool
	Program  phrase
	Number   int
	Summary  string
	Said     []detail
	Done     []detail
	Events   []boardLine // draws, choices, locks: what happened, when, why
	Missed   []missLine
	NotMet   string
	After    string
	Neutral  string
	GaveWay  []string // the rules that ask for company
	Groups   []groupView
	Hidden   []phrase
	Masked   bool
	Codes    []string
	Declines []detail
	Made     moment
	Check    string // public address of the draw
}

type boardLine struct {
	What, Why, By string
	When          moment
}

func (s *server) getBoard(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	res, err := s.svc.SelectionResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return err
	}
	runs, err := s.allRuns(r, d.who, d.program.ID)
	if err != nil {
		return err
	}
	versions, err := s.svc.CriteriaVersions(r.Context(), d.who, d.program.ID)
	if err != nil {
		return err
	}
	var offers []*applications.Offer
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.svc.Offers(r.Context(), d.who, d.program.ID, q)
		if err != nil {
			return err
		}
		offers = append(offers, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" {
			break
		}
	}
	b := &board{desk: d, res: res, number: number, runs: runs, versions: versions, offers: offers, public: r.URL.Query().Get("public") == "yes", url: s.PublicURL}
	if b.neutral, err = s.neutralBeside(r, d, run, runs, versions); err != nil {
		return err
	}
	if b.public {
		res.Withhold()
	}
	page := newBoardPage(s.staffFrame(r, "programs"), b)
	page.Made = page.tongue.moment(s.Now(), zoneOf(d.program))
	s.render(w, r, http.StatusOK, "board", page)
	return nil
}

// neutralBeside is the last result by the neutral criteria, which look at
// nothing that tells who people are; nil if there is none, or if it is this run.
func (s *server) neutralBeside(r *http.Request, d *desk, run *applications.Selection, runs []*applications.Selection, versions []*applications.Criteria) (*applications.SelectionResult, error) {
	for _, other := range slices.Backward(runs) {
		i := slices.IndexFunc(versions, func(c *applications.Criteria) bool { return c.Version == other.Criteria })
		if i < 0 || versions[i].Name != "neutral" || other.State != applications.SelectionSucceeded && other.State != applications.SelectionSealed {
			continue
		}
		if other.ID == run.ID || other.Criteria == run.Criteria {
			return nil, nil
		}
		return s.svc.SelectionResult(r.Context(), d.who, d.program.ID, other.ID)
	}
	return nil, nil
}

// board is what a report is made from.
type board struct {
	*desk
	res      *applications.SelectionResult
	number   int
	runs     []*applications.Selection
	versions []*applications.Criteria
	offers   []*applications.Offer
	neutral  *applications.SelectionResult
	public   bool
	url      string
}

// people writes a count of people: in the public version small ones in words.
func (b *board) people(l tongue, n int) string {
	switch {
	case n == 0:
		return l.say("board.nobody")
	case n == applications.TooFew || b.public && n < applications.Fewest:
		return l.say("fewer_than", "n", applications.Fewest)
	}
	return l.number(int64(n))
}

func newBoardPage(f frame, b *board) *boardPage {
	l, res := f.tongue, b.res
	run, rec, zone := res.Selection, res.Record, zoneOf(b.program)
	page := &boardPage{frame: f, Path: runPath(b.program.ID, run.ID), Public: b.public, Program: l.phrase(b.program.Title), Number: b.number}
	if run.Seal != nil && !run.Trial {
		page.Check = strings.TrimSuffix(b.url, "/") + "/draws/" + b.program.ID + "/" + run.ID
	}
	seats := len(rec.Cohort)
	if len(res.Members) > 0 {
		seats = len(res.Members)
	}
	page.Summary = l.say("board.summary", "n", seats, "pool", b.people(l, run.PoolSize), "word", provenanceShort(l, run.Provenance))

	said := func(key, text string, code bool) {
		if text != "" {
			page.Said = append(page.Said, detail{l.say("board." + key), text, code})
		}
	}
	said("criteria", l.say("detail.version", "n", res.Criteria.Version, "name", res.Criteria.Name), false)
	said("registered", l.moment(res.Criteria.RegisterTime, zone).Text, false)
	said("digest", res.Criteria.Digest, true)
	said("changed", res.Criteria.Reason, false)
	said("lottery", lotteryWords(l, run.Lottery), false)
	if run.Lottery != matcher.LotteryNone {
		said("source", l.say("source."+seedKey(run.SeedKind)), false)
		said("words", run.SeedSource, false)
	}

	done := func(key, text string, code bool) {
		if text != "" {
			page.Done = append(page.Done, detail{l.say("board." + key), text, code})
		}
	}
	trials, registered := 0, 0
	for _, other := range b.runs {
		if other.Trial {
			trials++
		}
	}
	for _, c := range b.versions {
		if c.Registered {
			registered++
		}
	}
	done("provenance", string(run.Provenance), true)
	done("how", provenanceText(l, run), false)
	if run.Seal != nil {
		done("sealed", l.moment(run.Seal.Time, zone).Text+" · "+l.say("board.sealed_digest"), false)
		done("seal", run.Seal.Digest, true)
	}
	done("runs", l.say("board.runs_of", "n", b.number, "of", len(b.runs), "trials", trials, "versions", registered), false)
	done("locks", b.people(l, len(run.Include)+len(run.Exclude)), false)
	if res.Chances != nil && run.Provenance != applications.Chosen {
		if b.public || res.Chances.Certain == applications.TooFew {
			done("chances", l.say("board.chances_hidden"), false)
		} else {
			done("chances", l.say("board.chances_text", "smallest", percent(res.Chances.Smallest), "largest", percent(res.Chances.Largest),
				"certain", res.Chances.Certain, "impossible", res.Chances.Impossible), false)
		}
	}
	for _, x := range run.Draws {
		page.Events = append(page.Events, boardLine{l.say("board.drawn", "n", x.Attempt, "value", oneLine(x.Value)), x.Reason, b.by(x.By), l.moment(x.Time, zone)})
		if x.Confirmed != "" {
			page.Events = append(page.Events, boardLine{l.say("board.confirmed"), x.Confirmed, b.by(x.By), l.moment(x.Time, zone)})
		}
	}
	for _, x := range run.Choices {
		page.Events = append(page.Events, boardLine{l.say("board.chosen", "n", b.people(l, len(x.In))), x.Reason, b.by(x.By), l.moment(x.Time, zone)})
	}
	page.result(l, b, seats)
	page.declines(l, b)
	if !b.public {
		page.GaveWay = gaveWayLines(l, res)
		for _, m := range res.Members {
			page.Codes = append(page.Codes, m.Code)
		}
	}
	title := l.say("board.title")
	page.Crumbs = append(runCrumbs(l, b.program, b.number)[:2], crumb{l.said(l.say("run.number", "n", b.number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", b.number), page.Program.Text, "Fairlead")
	return page
}

// by is who did something, as the log names them; nobody in the public version.
func (b *board) by(subject string) string {
	if b.public {
		return ""
	}
	return subject
}

func provenanceShort(l tongue, p applications.Provenance) string {
	switch p {
	case applications.Drawn, applications.DrawnWithLocks:
		return l.say("board.by_lottery")
	case applications.Chosen:
		return l.say("board.by_people")
	}
	return l.say("board.by_seed")
}

// result says in words what was not met, and then shows the numbers.
func (page *boardPage) result(l tongue, b *board, size int) {
	res := b.res
	met := 0
	for _, r := range res.Rules {
		if !r.Missed() {
			met++
			continue
		}
		page.Missed = append(page.Missed, missLine{rowName(l, r), missText(l, r)})
	}
	switch {
	case met == len(res.Rules) && len(res.Withheld) == 0:
		page.NotMet = l.say("board.all_met")
	case met == len(res.Rules):
		page.NotMet = l.say("board.shown_met")
	default:
		page.NotMet = l.say("board.not_met")
	}
	if len(page.Missed) > 0 {
		page.After = howClose(l, res)
	}
	if n := b.neutral; n != nil {
		ok := 0
		for _, r := range n.Rules {
			if !r.Missed() {
				ok++
			}
		}
		page.Neutral = l.say("board.neutral_text", "met", ok, "of", len(n.Rules))
		if ok == len(n.Rules) {
			page.Neutral = l.say("board.neutral_all")
		}
	}
	axis := chartAxis(res.Rules, size)
	at := map[string]int{}
	for _, r := range res.Rules {
		i, ok := at[r.Attribute]
		if !ok {
			i = len(page.Groups)
			at[r.Attribute] = i
			page.Groups = append(page.Groups, groupView{Name: l.phrase(r.Group)})
		}
		row := newRowView(l, r, axis, size)
		if b.public { // a range tells a small number too, and is public with the criteria
			row.Bar = ""
		}
		page.Masked = page.Masked || row.Count == "" || row.Applied == ""
		page.Groups[i].Rows = append(page.Groups[i].Rows, row)
	}
	for _, group := range res.Withheld {
		page.Hidden = append(page.Hidden, l.phrase(group))
	}
}

// declines counts what became of the places that were offered on this run, and
// names the runs that filled places again.
func (page *boardPage) declines(l tongue, b *board) {
	counts := map[applications.OfferState]int{}
	for _, o := range b.offers {
		if o.Selection == b.res.Selection.ID {
			counts[o.State]++
		}
	}
	add := func(label, text string) { page.Declines = append(page.Declines, detail{label, text, false}) }
	for _, state := range []applications.OfferState{applications.OfferAccepted, applications.OfferSent, applications.OfferPending, applications.OfferDeclined, applications.OfferExpired, applications.OfferRescinded} {
		if counts[state] > 0 {
			add(l.say("seat."+string(state)), b.people(l, counts[state]))
		}
	}
	for i, other := range b.runs {
		if other.Replaces == b.res.Selection.ID {
			add(l.say("board.replaced"), l.say("board.replaced_text", "n", i+1, "people", b.people(l, len(other.Declined)), "state", runWord(l, other.State)))
		}
	}
	if b.res.Selection.Replaces != "" {
		if i := slices.IndexFunc(b.runs, func(x *applications.Selection) bool { return x.ID == b.res.Selection.Replaces }); i >= 0 {
			add(l.say("board.replaces"), l.say("board.replaces_text", "n", i+1, "people", b.people(l, len(b.res.Selection.Declined))))
		}
	}
	if len(page.Declines) == 0 {
		add(l.say("board.offers"), l.say("board.no_offers"))
	}
}
