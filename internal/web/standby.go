package web

import (
	"net/http"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// standbyPage names who should stand ready in case members decline. It has
// codes only: who can take whose place tells who is like whom.
type standbyPage struct {
	frame
	Path       string
	Number     int
	Lede       string
	Alternates []alternateView
	Singles    string
	Pairs      string
	Without    []string // codes of members whom nobody replaces without a loss
	Open       string   // what was not found out
}

type alternateView struct {
	Code, Covers, Href string
}

// shownAlternates is how many people stand ready at most.
const shownAlternates = 5

func (s *server) getStandby(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	x, err := s.svc.StandbyOf(r.Context(), d.who, d.program.ID, run.ID, shownAlternates)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "standby", newStandbyPage(s.staffFrame(r, "programs"), d, run, number, x))
	return nil
}

func newStandbyPage(f frame, d *desk, run *applications.Selection, number int, x *applications.Standby) *standbyPage {
	l := f.tongue
	page := &standbyPage{frame: f, Path: runPath(d.program.ID, run.ID), Number: number, Without: x.Without, Lede: l.say("standby.lede")}
	if len(x.Alternates) == 0 {
		page.Lede = l.say("standby.nobody")
	}
	for _, a := range x.Alternates {
		page.Alternates = append(page.Alternates, alternateView{
			Code: a.ID, Covers: l.count("standby.covers", len(a.Covers), "of", x.Singles.All), Href: page.Path + "/people/" + a.ID,
		})
	}
	page.Singles = l.say("standby.singles", "n", x.Singles.Exact, "of", x.Singles.All)
	page.Pairs = l.say("standby.pairs", "n", x.Pairs.Exact, "of", x.Pairs.All)
	if !x.Proved {
		page.Open = l.say("standby.open", "n", x.Singles.Open+x.Pairs.Open)
	}
	title := l.say("standby.title")
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, strings.TrimSpace(l.say("run.number", "n", number)), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}
