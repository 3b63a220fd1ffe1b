package web

import (
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// pairsPage is the result of a run: the pairs, whom it left, and what helps.
type pairsPage struct {
	frame
	Path       string
	Sub        []tab
	Views      []tab // of this run
	Number     int
	Word       string
	Tone, Mark string
	Lede       string
	Notes      []string // what is true of the run as a whole
	Pairs      []pairRow
	Range      string // of the codes shown, where there are several pages
	Pages      []tab
	Left       []leftView
	Needed     string // what it takes to match everybody
	Recruit    []string
	RecruitOff string // why that is not told
	// RecruitHref tells it: in a large run it takes seconds.
	RecruitHref string
	Edits       string
	MayReview   bool // edit and publish
	Proposals   string
	Certified   bool
	Faults      []fault
	Stable      string // whether some would both change to each other; "" is not known
	Unstable    []codeLink
}

// pairRow is one pair.
type pairRow struct {
	ID             string
	Mentee, Mentor string
	Href           string
	Locked         bool
	Fit            fitView
}

// leftView are mentees without a mentor for one reason.
type leftView struct {
	ID    string
	Codes []codeLink
	Text  string
	Rule  string
}

type codeLink struct{ Code, Href string }

// quick reports whether a run is so small that solving it once more, with some
// change, takes no time that a reader notices.
func quick(m *mentoring.Matching) bool { return m.Mentees*m.Mentors <= mostQuick }

// mostQuick is in pairs of a mentee and a mentor. Tests set it.
var mostQuick = 1_000_000

// pairsShown is how many pairs stand on one page, so that it stays below 100 kB.
const pairsShown = 50

// tabs are the pages of one run.
func (d *matchDesk) tabs(l tongue, run *mentoring.Matching, here string) []tab {
	at := d.run(run.ID)
	var tabs []tab
	for _, t := range []struct{ key, path string }{{"pairs", ""}, {"audit", "/audit"}, {"edits", "/edits"}} {
		tabs = append(tabs, tab{l.say("matching.tab." + t.key), at + t.path, t.key == here})
	}
	return tabs
}

func (s *server) showPairs(w http.ResponseWriter, r *http.Request, d *matchDesk, run *mentoring.Matching, number, status int, faults []fault) error {
	res, err := s.Mentoring.MatchingResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return err
	}
	l := s.tongueOf(r)
	n, _ := strconv.Atoi(r.URL.Query().Get("page")) // anything else is the first
	page := newPairsPage(s.staffFrame(r, "programs"), d, run, res, number, n)
	switch look := r.URL.Query().Get("look") == "yes"; {
	case len(res.Unmatched) == 0:
	case !quick(run) && !look:
		page.RecruitHref = page.Path + "?look=yes"
	default:
		found, err := s.Mentoring.Recruit(r.Context(), d.who, d.program.ID, run.ID)
		text, ok := matchRefusal(l, err)
		switch {
		case err == nil:
			page.recruit(l, found)
		case ok:
			page.RecruitOff = text
		default:
			return err
		}
	}
	if page.Faults = faults; len(faults) > 0 {
		page.Failed, page.Languages = true, nil
	}
	s.render(w, r, status, "matching-pairs", page)
	return nil
}

func newPairsPage(f frame, d *matchDesk, run *mentoring.Matching, res *mentoring.Result, number, n int) *pairsPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &pairsPage{
		frame: f, Path: d.run(run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Views: d.tabs(l, run, "pairs"), Number: number,
		MayReview: d.mayRun && inReview(run), Certified: len(res.Certificate) > 0,
	}
	page.Word, page.Tone, page.Mark = matchingState(l, run.State)
	page.Lede = strings.Join(pairsHeadline(l, res), " · ")
	note := func(text string) { page.Notes = append(page.Notes, text) }
	note(l.say("matching.state." + string(run.State) + ".text"))
	switch {
	case run.State == mentoring.Published || run.State == mentoring.Superseded:
		note(l.say("matching.published", "when", l.moment(run.PublishTime, zone).Text))
		page.Proposals = d.path("/proposals?matching=" + run.ID)
	case res.Status == "OPTIMAL":
		note(l.say("matching.proved"))
	default:
		note(l.say("matching.unproved"))
	}
	if run.After != "" {
		note(l.say("matching.rematch"))
	}
	if run.ErasedCount > 0 {
		note(l.count("matching.erased", run.ErasedCount))
	}
	for _, step := range run.Steps {
		switch step.Name {
		case mentoring.StepUnreadable:
			note(l.count("matching.unreadable", int(step.Value)))
		case mentoring.StepFloorsShort:
			note(l.count("matching.floors_short", int(step.Value)))
		case mentoring.StepFloorsUnheld:
			note(l.count("matching.floors_unheld", int(step.Value)))
		}
	}
	if k := changesOf(run); k > 0 {
		page.Edits = l.count("matching.edited", k)
	}
	page.list(l, res.Pairs, n)
	page.Left = newLeft(l, page.Path, res.Unmatched)
	page.unstable(l, res.Unstable)
	page.Needed = neededWords(l, res.Unmatched)
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", number)), ""})
	page.titled(page.Word, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// unstable names pairs that would both change to each other, with the way to why
// they are not made.
func (page *pairsPage) unstable(l tongue, u *mentoring.Unstable) {
	switch {
	case u == nil: // of an earlier version
		return
	case u.Count == 0:
		page.Stable = l.say("matching.stable")
		return
	}
	page.Stable = l.count("matching.unstable", int(u.Count))
	for _, p := range u.First {
		page.Unstable = append(page.Unstable, codeLink{
			l.say("matching.unstable.pair", "mentee", p.MenteeCode, "mentor", p.MentorCode, "fit", p.Score), tryPath(page.Path, "lock", p.MenteeCode, p.MentorCode),
		})
	}
}

// changesOf counts what people changed in a run: joined edits are one change.
func changesOf(m *mentoring.Matching) (n int) {
	for _, e := range m.Edits {
		if !e.Joined {
			n++
		}
	}
	return n
}

// inReview reports whether a run may still be changed and published.
func inReview(m *mentoring.Matching) bool {
	return m.State == mentoring.Solved || m.State == mentoring.InReview
}

// pairsHeadline is a result in a few words.
func pairsHeadline(l tongue, res *mentoring.Result) []string {
	words := []string{l.count("matching.pairs", len(res.Pairs))}
	if len(res.Unmatched) > 0 {
		words = append(words, l.count("matching.unmatched", len(res.Unmatched)))
	} else {
		words = append(words, l.say("matching.all_matched"))
	}
	// What everybody would have with the mentor who fits them best, were there seats.
	if a := res.Audit; a != nil && !a.All.Suppressed && a.All.Score+a.All.Regret > 0 {
		best := a.All.Score + a.All.Regret
		return append(words, l.say("matching.of_best", "n", (200*a.All.Score+best)/(2*best)))
	}
	if k := int64(len(res.Pairs)); k > 0 {
		words = append(words, l.say("matching.mean_fit", "n", (2*res.Total+k)/(2*k)))
	}
	return words
}

func (page *pairsPage) list(l tongue, pairs []mentoring.Pair, n int) {
	last := max((len(pairs)+pairsShown-1)/pairsShown, 1)
	n = min(max(n, 1), last)
	for k := 1; last > 1 && k <= last; k++ {
		of := pairs[(k-1)*pairsShown : min(k*pairsShown, len(pairs))]
		label := of[0].MenteeCode + "–" + of[len(of)-1].MenteeCode
		page.Pages = append(page.Pages, tab{label, page.Path + "?page=" + strconv.Itoa(k), k == n})
		if k == n {
			page.Range = label
		}
	}
	seen := map[string]int{}
	for _, p := range pairs[(n-1)*pairsShown : min(n*pairsShown, len(pairs))] {
		row := pairRow{
			ID: "pair-" + p.MenteeCode, Mentee: p.MenteeCode, Mentor: p.MentorCode, Locked: p.Locked,
			Href: page.Path + "/pairs/" + p.MenteeCode, Fit: newFitView(l, p.Score, p.Parts),
		}
		if seen[p.MenteeCode]++; seen[p.MenteeCode] > 1 {
			row.ID += "-" + strconv.Itoa(seen[p.MenteeCode])
		}
		page.Pairs = append(page.Pairs, row)
	}
}

// newLeft groups those without a mentor by why.
func newLeft(l tongue, path string, list []mentoring.Unmatched) []leftView {
	var views []leftView
	at := map[string]int{}
	for _, u := range list {
		text, rule := leftWords(l, u)
		key := text + "\x00" + rule
		i, ok := at[key]
		if !ok {
			i = len(views)
			at[key] = i
			views = append(views, leftView{ID: "left-" + strconv.Itoa(i+1), Text: text, Rule: rule})
		}
		views[i].Codes = append(views[i].Codes, codeLink{u.MenteeCode, path + "/pairs/" + u.MenteeCode})
	}
	return views
}

// leftWords says why somebody has no mentor, and which rule makes it so.
func leftWords(l tongue, u mentoring.Unmatched) (text, rule string) {
	switch {
	case u.Reason == pairing.TooFewSeats && len(u.With) > 1 && len(u.By) > 0:
		text = l.count("matching.left.witness", len(u.By), "mentees", l.count("matching.mentees", len(u.With)), "who", strings.Join(u.With, ", "),
			"by", strings.Join(u.By, ", "), "seats", l.count("matching.seats", u.Seats))
	case u.Reason == pairing.TooFewSeats:
		text = l.say("matching.left.counts", "mentees", l.count("matching.mentees", u.Mentees),
			"mentors", l.count("matching.mentors", u.Mentors), "seats", l.count("matching.seats", u.Seats))
	default:
		text = string(u.Reason)
		if _, ok := catalogs["en"]["matching.left."+text]; ok {
			text = l.say("matching.left." + text)
		}
	}
	switch {
	case u.Rule != "":
		rule = l.say("matching.left.rule", "rule", ruleLabel(l, u.Rule))
	case u.Blocks != "":
		rule = l.say("matching.left.blocks", "rule", ruleLabel(l, u.Blocks))
	}
	return text, rule
}

// neededWords is how many seats more it takes to match everybody: one for each
// who cannot be served.
func neededWords(l tongue, list []mentoring.Unmatched) string {
	n := 0
	for _, u := range list {
		if u.Reason == pairing.TooFewSeats || u.Reason == pairing.NoSeats || u.Reason == pairing.NoEligibleMentor {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return l.count("matching.needed", n)
}

// shownKinds is how many kinds of mentors to look for a page names.
const shownKinds = 6

// recruit says whom to look for.
func (page *pairsPage) recruit(l tongue, found *mentoring.Recruitment) {
	if found.Mentors > 0 {
		page.Needed = l.count("matching.needed_mentors", found.Mentors, "seats", l.count("matching.more_seats", found.Seats))
	}
	for _, k := range found.Kinds {
		if k.Serves == 0 || len(page.Recruit) == shownKinds {
			continue
		}
		var what []string
		add := func(key, label, id string) {
			if id != "" {
				what = append(what, l.say("matching.recruit."+key, "what", label))
			}
		}
		add("language", k.LanguageLabel, k.Language)
		add("place", groupName(l, "places", k.Place), k.Place)
		var topics []string
		for i, id := range k.Topics {
			label := scoring.ShippedTopics().Label(id, string(l))
			if label == id && i < len(k.TopicLabels) { // people's own words
				label = k.TopicLabels[i]
			}
			topics = append(topics, label)
		}
		add("topic", strings.Join(topics, l.say("matching.or")), strings.Join(topics, ""))
		if len(what) == 0 {
			what = []string{l.say("matching.recruit.any")}
		}
		page.Recruit = append(page.Recruit, l.count("matching.recruit.adds", k.Serves, "what", strings.Join(what, ", "), "could", k.Could))
	}
	for _, g := range found.Groups {
		if g.Serving == 0 || len(page.Recruit) == shownKinds {
			continue
		}
		page.Recruit = append(page.Recruit, l.count("matching.recruit.seats", g.Serving, "what", g.Label))
	}
}

// getPairsFile is the pairs by code, for a spreadsheet.
func (s *server) getPairsFile(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	id := r.PathValue("matching")
	res, err := s.Mentoring.MatchingResult(r.Context(), d.who, d.program.ID, id)
	if err != nil {
		return err
	}
	rows := [][]string{{"mentee", "mentor", "score", "locked"}}
	for _, p := range res.Pairs {
		rows = append(rows, []string{p.MenteeCode, p.MentorCode, strconv.Itoa(p.Score), strconv.FormatBool(p.Locked)})
	}
	for _, u := range res.Unmatched {
		rows = append(rows, []string{u.MenteeCode, "", "", "false"})
	}
	slices.SortStableFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="pairs-`+shortID(id)+`.csv"`)
	return csv.NewWriter(w).WriteAll(rows)
}

// getCertificate is the record that `fairlead verify` checks.
func (s *server) getCertificate(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	id := r.PathValue("matching")
	res, err := s.Mentoring.MatchingResult(r.Context(), d.who, d.program.ID, id)
	if err != nil {
		return err
	}
	if len(res.Certificate) == 0 {
		return applications.Errorf(applications.NotFound, "CERTIFICATE_NOT_FOUND", "this run has no certificate: it was not proved, or somebody of it was erased")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="`+certificateName(id)+`"`)
	_, err = w.Write(res.Certificate)
	return err
}

func certificateName(id string) string { return "matching-" + shortID(id) + ".json" }

// shortID is the end of an id, which tells files apart.
func shortID(id string) string { return id[max(len(id)-8, 0):] }
