package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

// outreachPage tells, while a call is open, whether the people who have applied
// could make a group, and who is missing. It may hang on a wall: it has no
// small number, only words for it, and says nothing of anybody.
type outreachPage struct {
	frame
	Program   string
	Sub       []tab
	Lede      string
	Checked   bool // the reader may know the verdict
	Verdict   checkView
	Missing   []missLine
	Enough    string
	Address   string // of the call
	MayExtend bool
	Criteria  string
	Digest    string
}

func (s *server) getOutreach(w http.ResponseWriter, r *http.Request) error {
	d, err := s.desk(r)
	if err != nil {
		return err
	}
	if err := mayEdit(d.who, d.program.ID); err != nil {
		return err
	}
	var verdict *applications.CriteriaVerdict
	c, err := s.svc.Criteria(r.Context(), d.who, d.program.ID, 0)
	switch {
	case applications.CodeOf(err) == applications.NotFound && err != nil:
		c = nil
	case err != nil:
		return err
	default:
		verdict, err = s.svc.CheckCriteria(r.Context(), d.who, &applications.Criteria{Program: d.program.ID, Version: c.Version})
		if applications.CodeOf(err) == applications.PermissionDenied && err != nil {
			verdict, err = nil, nil
		}
	}
	page := newOutreachPage(s.staffFrame(r, "programs"), d, c, verdict, s.PublicURL, s.Now())
	if _, _, ok := violations(err, nil); err != nil && ok {
		// The engine takes no pool that is smaller than the group.
		l := page.tongue
		page.Checked, err = true, nil
		page.Verdict = checkView{Tone: "warn", Mark: "✕", Title: l.say("outreach.too_few"), Text: l.count("outreach.too_few_text", max(c.MinSize, 1))}
	}
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "outreach", page)
	return nil
}

func newOutreachPage(f frame, d *desk, c *applications.Criteria, verdict *applications.CriteriaVerdict, publicURL string, now time.Time) *outreachPage {
	l, p := f.tongue, d.program
	page := &outreachPage{
		frame: f, Program: p.ID, Sub: programTabs(l, p, d.who, "outreach"),
		Address:   strings.TrimSuffix(publicURL, "/") + "/calls/" + p.ID,
		MayExtend: p.State == applications.ProgramOpen && d.who.Can(access.ProgramsOpen, p.ID),
	}
	closes := l.moment(p.Window.Closes, zoneOf(p)).Text
	if left := timeLeft(l, p, now); left != "" && p.State == applications.ProgramOpen {
		page.Lede = l.say("outreach.open", "closes", closes, "left", left)
	} else {
		page.Lede = l.say("outreach.closed")
	}
	if c != nil {
		page.Criteria = l.say("detail.version", "n", c.Version, "name", c.Name)
		if c.Registered {
			page.Criteria = l.say("outreach.registered", "criteria", page.Criteria)
			page.Digest = c.Digest
		}
	}
	if verdict != nil {
		page.Checked = true
		page.fill(l, verdict)
	}
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {l.phrase(p.Title), ""}}
	page.titled(l.say("outreach.title"), l.phrase(p.Title).Text, "Fairlead")
	return page
}

func (page *outreachPage) fill(l tongue, verdict *applications.CriteriaVerdict) {
	v := &page.Verdict
	pool := masked(l, verdict.PoolSize, false)
	if pool == l.say("too_few") {
		pool = l.say("fewer_than", "n", applications.Fewest)
	}
	switch verdict.Verdict.Status {
	case matcher.Feasible:
		v.Tone, v.Mark, v.Title = "ok", "✓", l.say("outreach.possible", "pool", pool)
	case matcher.Infeasible:
		v.Tone, v.Mark, v.Title = "warn", "✕", l.say("outreach.impossible", "pool", pool)
	default:
		v.Tone, v.Mark, v.Title = "warn", "?", l.say("check.unknown")
	}
	asked := 0
	for _, r := range verdict.Rules {
		if r.Kind != matcher.Quota && r.Kind != matcher.Spread || r.Min == 0 || r.Pool == applications.TooFew {
			continue
		}
		asked++
		line := missLine{What: rowName(l, r)}
		switch {
		case r.Pool == 0:
			line.Text = l.say("outreach.nobody")
		case r.Pool < r.Min && r.Kind == matcher.Quota:
			line.Text = l.say("outreach.fewer")
		case r.Pool < r.Min:
			line.Text = l.count("outreach.kinds", r.Min)
		default:
			continue
		}
		page.Missing = append(page.Missing, line)
	}
	if asked > 0 && len(page.Missing) == 0 {
		page.Enough = l.say("outreach.enough")
	}
}

// extendPage moves the closing time.
type extendPage struct {
	frame
	Program                 string
	Closes                  moment
	Zone                    string
	Until, Reason           string
	UntilFault, ReasonFault string
	Faults                  []fault
}

// localTime is how browsers write a date and a time without a zone.
const localTime = "2006-01-02T15:04"

func (s *server) newExtendPage(r *http.Request, d *desk) *extendPage {
	zone := zoneOf(d.program)
	page := &extendPage{
		frame: s.staffFrame(r, "programs"), Program: d.program.ID, Zone: zone.String(),
		Until: d.program.Window.Closes.In(zone).AddDate(0, 0, 7).Format(localTime),
	}
	l := page.tongue
	page.Closes = l.moment(d.program.Window.Closes, zone)
	page.Narrow = true
	page.titled(l.say("extend.title"), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) extending(r *http.Request) (*desk, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	if err := permitted(d.who, access.ProgramsOpen, d.program.ID); err != nil {
		return nil, err
	}
	return d, nil
}

func (s *server) getExtend(w http.ResponseWriter, r *http.Request) error {
	d, err := s.extending(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "extend", s.newExtendPage(r, d))
	return nil
}

func (s *server) postExtend(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, err := s.extending(r)
	if err != nil {
		return err
	}
	typed, reason := clean(r.PostForm.Get("until"), false), clean(r.PostForm.Get("reason"), true)
	until, badTime := time.ParseInLocation(localTime, typed, zoneOf(d.program))
	if badTime != nil {
		until = time.Time{}
	}
	_, err = s.svc.ExtendProgram(r.Context(), d.who, d.program.ID, until, reason, d.program.Revision, applications.Idempotency{})
	if faults, others, ok := violations(err, nil); err != nil && ok {
		page := s.newExtendPage(r, d)
		page.Until, page.Reason, page.Failed, page.Languages = typed, reason, true, nil
		page.UntilFault, page.ReasonFault = faults["close_time"], faults["reason"]
		page.Faults = listed(faults, others, blamed{"close_time", "until"}, blamed{"reason", "reason"})
		s.render(w, r, http.StatusUnprocessableEntity, "extend", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, "/programs/"+d.program.ID+"/outreach")
	return nil
}
