package web

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// auditPage says whether groups of mentees were served alike: in words first.
type auditPage struct {
	frame
	Path       string
	Sub        []tab
	Views      []tab
	Number     int
	Lede       string
	Off        string // why there is no audit
	Words      []auditWords
	Tables     []auditTable
	Smallest   string
	Proved     string
	Download   string // address of the certificate
	FileName   string
	NoDownload string
}

// auditWords is a sentence about one group.
type auditWords struct {
	Tone, Mark string
	Text       string
	Rule       string
}

type auditTable struct {
	Attribute string
	Rows      []auditRow
}

// auditRow is one group; its numbers are empty where they are withheld.
type auditRow struct {
	Group                                    string
	Hidden                                   bool
	Mentees, Covered, Share, Fit, Less, Open string
	Ratio                                    string
	Tone, Mark, Word                         string
}

func (s *server) getAudit(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	v, err := s.reviewed(r, d)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "matching-audit", newAuditPage(s.staffFrame(r, "programs"), d, v))
	return nil
}

func newAuditPage(f frame, d *matchDesk, v *reviewed) *auditPage {
	l := f.tongue
	page := &auditPage{
		frame: f, Path: d.run(v.run.ID), Sub: mentoringTabs(l, d.program.ID, "matchings"), Views: d.tabs(l, v.run, "audit"), Number: v.number,
	}
	page.fill(l, v.res.Audit)
	if len(v.res.Certificate) > 0 {
		page.Download, page.FileName = page.Path+"/certificate", certificateName(v.run.ID)
		page.Proved = l.say("matching.certificate.text")
	} else {
		page.NoDownload = l.say("matching.certificate.none")
	}
	title := l.say("matching.audit")
	page.Crumbs = d.crumbs(l, crumb{l.said(l.say("matching.title")), d.path("/matchings")}, crumb{l.said(l.say("run.number", "n", v.number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", v.number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (page *auditPage) fill(l tongue, a *pairing.EquityAudit) {
	switch {
	case a == nil:
		page.Off = l.say("matching.audit.gone")
		return
	case len(a.Attributes) == 0:
		page.Off = l.say("matching.audit.no_columns")
	}
	page.Smallest = l.say("matching.audit.smallest", "n", a.Smallest)
	if a.All.Suppressed {
		page.Lede = l.say("matching.audit.few", "n", a.Smallest)
	} else {
		page.Lede = l.say("matching.audit.all", "n", a.All.Covered, "of", a.All.Mentees, "share", shareOf(a.All.Covered, a.All.Mentees), "fit", rounded(a.All.MeanScore()))
	}
	for i := range a.Attributes {
		page.attribute(l, &a.Attributes[i])
	}
	if page.Off == "" && len(page.Words) == 0 {
		page.Words = append(page.Words, auditWords{Tone: "ok", Mark: "✓", Text: l.say("matching.audit.alike")})
	}
}

func (page *auditPage) attribute(l tongue, a *pairing.AttributeAudit) {
	name := columnLabel(l, a.Attribute)
	table := auditTable{Attribute: name}
	shown, hidden := 0, 0
	for i := range a.Groups {
		g := &a.Groups[i]
		row := auditRow{Group: groupName(l, a.Attribute, g.Name), Hidden: g.Suppressed}
		if g.Suppressed {
			hidden++
			row.Mark, row.Word = "–", l.say("too_few")
			table.Rows = append(table.Rows, row)
			continue
		}
		shown++
		row.Mentees, row.Covered, row.Share = l.number(int64(g.Mentees)), l.number(int64(g.Covered)), shareOf(g.Covered, g.Mentees)
		row.Fit, row.Less, row.Open = rounded(g.MeanScore()), rounded(g.MeanRegret()), rounded(g.MeanOpportunity())
		row.Ratio = perMille(g.CoverageRatio)
		row.Tone, row.Mark, row.Word = "ok", "✓", l.say("matching.audit.row_alike")
		if behind := g.CoverageRatio < 1000 || g.ScoreRatio < pairing.Behind; behind {
			row.Tone, row.Mark, row.Word = "bad", "!", l.say("matching.audit.row_behind")
			page.Words = append(page.Words, behindWords(l, name, row.Group, a, g))
		}
		table.Rows = append(table.Rows, row)
	}
	if shown == 0 && hidden > 0 {
		page.Words = append(page.Words, auditWords{Mark: "–", Text: l.say("matching.audit.all_hidden", "attribute", name)})
	} else if hidden > 0 {
		page.Words = append(page.Words, auditWords{Mark: "–", Text: l.count("matching.audit.hidden", hidden, "attribute", name)})
	}
	page.Tables = append(page.Tables, table)
}

// behindWords says by how much a group is behind the one that is served best.
func behindWords(l tongue, attribute, group string, a *pairing.AttributeAudit, g *pairing.GroupAudit) auditWords {
	w := auditWords{Tone: "bad", Mark: "!"}
	best := bestGroup(a, func(x *pairing.GroupAudit) float64 { return x.Coverage() })
	if g.CoverageRatio < 1000 && best != nil {
		w.Text = l.say("matching.audit.behind", "group", group, "attribute", attribute, "n", g.Covered, "of", g.Mentees, "share", shareOf(g.Covered, g.Mentees),
			"best", groupName(l, a.Attribute, best.Name), "best_share", shareOf(best.Covered, best.Mentees))
	} else if best = bestGroup(a, func(x *pairing.GroupAudit) float64 { return x.MeanScore() }); best != nil {
		w.Text = l.say("matching.audit.worse_fit", "group", group, "attribute", attribute, "fit", rounded(g.MeanScore()), "best", groupName(l, a.Attribute, best.Name), "best_fit", rounded(best.MeanScore()))
	}
	if g.Gap != nil {
		w.Rule = l.say("matching.audit.rule", "rule", ruleLabel(l, g.Gap.Rule))
		if g.Gap.Serves > 0 {
			w.Rule = l.count("matching.audit.rule_serves", g.Gap.Serves, "rule", ruleLabel(l, g.Gap.Rule))
		}
	}
	return w
}

// groupName names a group of mentees: the places that ship by their names.
func groupName(l tongue, attribute, name string) string {
	switch {
	case name == "":
		return l.say("matching.audit.not_said")
	case attribute == "places":
		return scoring.ShippedTravel().Label(name, string(l))
	}
	return name
}

// bestGroup is the group of those shown with the largest value.
func bestGroup(a *pairing.AttributeAudit, value func(*pairing.GroupAudit) float64) *pairing.GroupAudit {
	var best *pairing.GroupAudit
	for i := range a.Groups {
		if g := &a.Groups[i]; !g.Suppressed && (best == nil || value(g) > value(best)) {
			best = g
		}
	}
	return best
}

// columnLabel names a column of profiles.
func columnLabel(l tongue, column string) string {
	if _, ok := catalogs["en"]["pair.column."+column]; ok {
		return l.say("pair.column." + column)
	}
	first, size := utf8.DecodeRuneInString(column)
	return string(unicode.ToUpper(first)) + strings.ReplaceAll(column[size:], "_", " ")
}

// shareOf writes n of so many in whole hundredths.
func shareOf(n, of int) string {
	if of == 0 {
		return "–"
	}
	return itoa((200*n+of)/(2*of)) + " %"
}

// perMille writes thousandths as hundredths.
func perMille(n int) string { return itoa((n+5)/10) + " %" }

func rounded(x float64) string { return itoa(int(x + 0.5)) }

// measuresPage is what became of a program's pairs.
type measuresPage struct {
	frame
	Sub     []tab
	Views   []tab
	Words   []string
	Figures []measureLine
	Why     []measureLine // of declines
	Note    string
}

type measureLine struct{ Label, Value, Note string }

func (s *server) getMeasures(w http.ResponseWriter, r *http.Request) error {
	d, err := s.matchDesk(r)
	if err != nil {
		return err
	}
	m, err := s.Mentoring.Measures(r.Context(), d.who, d.program.ID)
	if err != nil {
		return d.noPlanYet(w, r, err)
	}
	s.render(w, r, http.StatusOK, "matching-measures", newMeasuresPage(s.staffFrame(r, "programs"), d, m))
	return nil
}

func newMeasuresPage(f frame, d *matchDesk, m *mentoring.Measures) *measuresPage {
	l := f.tongue
	page := &measuresPage{frame: f, Sub: mentoringTabs(l, d.program.ID, "mentorships"), Views: d.afterTabs(l, "measures"), Note: l.say("matching.measures.note", "n", m.Smallest)}
	say := func(key string, n int, pairs ...any) { page.Words = append(page.Words, l.count(key, n, pairs...)) }
	switch {
	case m.Sent == 0:
		page.Words = append(page.Words, l.say("matching.measures.none"))
	case m.Acceptance >= 0:
		page.Words = append(page.Words, l.say("matching.measures.accepted", "share", perMille(m.Acceptance), "n", m.Confirmed, "of", m.Confirmed+m.Declined+m.Expired))
	default:
		say("matching.measures.open", m.Sent)
	}
	if m.FirstResponse > 0 {
		page.Words = append(page.Words, l.say("matching.measures.response", "time", daysWords(l, m.FirstResponse)))
	}
	if m.FirstMeetings > 0 {
		page.Words = append(page.Words, l.say("matching.measures.meeting", "n", m.FirstMeetingsInTime, "of", m.FirstMeetings))
	}
	if m.OverridesPer100 >= 0 {
		say("matching.measures.overrides", m.OverridesPer100)
	}
	if m.Waiting > 0 {
		say("matching.measures.waiting", m.Waiting)
	}
	add := func(key, value string) {
		page.Figures = append(page.Figures, measureLine{Label: l.say("matching.measure." + key), Value: value})
	}
	number := func(key string, n int) { add(key, l.number(int64(n))) }
	share := func(key string, n int) {
		if n < 0 {
			add(key, "–")
			return
		}
		add(key, perMille(n))
	}
	number("mentees", m.Mentees)
	number("mentors", m.Mentors)
	number("waiting", m.Waiting)
	number("longest", m.LongestWait)
	number("matchings", m.Matchings)
	number("sent", m.Sent)
	number("confirmed", m.Confirmed)
	number("declined", m.Declined)
	number("expired", m.Expired)
	share("acceptance", m.Acceptance)
	if m.FirstResponse > 0 {
		add("response", daysWords(l, m.FirstResponse))
	}
	share("meeting", m.FirstMeetingRate)
	if m.OverridesPer100 >= 0 {
		number("overrides", m.OverridesPer100)
	}
	number("live", m.Live)
	number("completed", m.Completed)
	number("ended", m.EndedEarly)
	if m.Helped >= 0 {
		add("helped", l.say("matching.measure.of5", "n", itoa(m.Helped/1000)+"."+itoa(m.Helped%1000/100)))
	}
	for _, reason := range mentoring.DeclineReasons {
		switch n, ok := m.DeclineReasons[reason]; {
		case !ok:
		case n < 0:
			page.Why = append(page.Why, measureLine{Label: l.say("decline_reason." + string(reason)), Value: l.say("too_few")})
		default:
			page.Why = append(page.Why, measureLine{Label: l.say("decline_reason." + string(reason)), Value: l.number(int64(n))})
		}
	}
	title := l.say("matching.measures")
	page.Crumbs = d.crumbs(l, crumb{l.said(title), ""})
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}
