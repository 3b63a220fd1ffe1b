package web

import (
	"net/http"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// whatIfPage says what a lock of one person would come to, or to take it back.
// Nothing is kept: a lock is made with a new run.
type whatIfPage struct {
	frame
	Path, Code string
	Heading    string
	Tone, Mark string
	Verdict    string
	Lines      []missLine // what cannot be kept together
	Proved     string     // of a group that is not proved the best
	Out, In    []string
	Same       bool // the present group stays one of the best
	Possible   bool
	Shifts     []shiftLine
	Runs       string // where a run with locks is started
}

// The trials: a person locked in, left out, or neither.
const (
	tryLock    = "lock"
	tryExclude = "exclude"
	tryFree    = "free"
)

func (s *server) getWhatIf(w http.ResponseWriter, r *http.Request) error {
	d, run, number, err := s.runOf(r)
	if err != nil {
		return err
	}
	if err := permitted(d.who, access.SelectionsRun, d.program.ID); err != nil {
		return err
	}
	code, try := r.PathValue("code"), r.URL.Query().Get("try")
	ch := selection.Changes{}
	switch try {
	case tryLock:
		ch.Include = []string{code}
	case tryExclude:
		ch.Exclude = []string{code}
	case tryFree:
		ch.Free = []string{code}
	default:
		return applications.Errorf(applications.NotFound, "TRIAL_NOT_FOUND", "what to try is one of lock, exclude, free")
	}
	x, err := s.svc.WhatIfSelection(r.Context(), d.who, applications.WhatIfRequest{Program: d.program.ID, Selection: run.ID, Changes: ch})
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "what-if", newWhatIfPage(s.staffFrame(r, "programs"), d, run, number, x, code, try))
	return nil
}

func newWhatIfPage(f frame, d *desk, run *applications.Selection, number int, x *applications.WhatIf, code, try string) *whatIfPage {
	l, rules, o := f.tongue, x.RunView.Rules, x.Effect.Outcome
	page := &whatIfPage{
		frame: f, Path: runPath(d.program.ID, run.ID), Code: code,
		Runs: "/programs/" + d.program.ID + "/selections", Out: x.Left, In: x.Joined,
	}
	switch try {
	case tryLock:
		page.Heading = l.say("whatif.lock", "code", code)
	case tryExclude:
		page.Heading = l.say("whatif.exclude", "code", code)
	default:
		page.Heading = l.say("whatif.free", "code", code)
	}
	switch o.Status {
	case matcher.Infeasible:
		page.Tone, page.Mark, page.Verdict = "warn", "✕", l.say("whatif.impossible")
		if why := o.Infeasibility; why != nil {
			for _, words := range why.Clash {
				page.Lines = append(page.Lines, missLine{What: l.said(hardWords(l, words))})
			}
			for _, c := range why.Conflict {
				page.Lines = append(page.Lines, conditionLine(l, x.After, c))
			}
		}
	case matcher.Undecided:
		page.Tone, page.Mark, page.Verdict = "warn", "?", l.say("whatif.undecided")
	default:
		page.Possible = true
		page.Tone, page.Mark, page.Verdict = "ok", "✓", l.say("whatif.as_good")
		if !x.Cost.Exact() {
			page.Tone, page.Mark = "warn", "!"
			page.Verdict = l.say("whatif.cost", "what", breachWords(l, rules, x.Cost))
		}
		if o.Status != matcher.Optimal {
			page.Proved = l.say("whatif.not_proved")
		}
		if page.Same = x.Effect.Present.Exact(); page.Same {
			page.Out, page.In = nil, nil
		} else {
			page.Shifts = shiftLines(l, rules, x.Effect.Rules)
		}
	}
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(page.Heading), ""})
	page.titled(page.Heading, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// shiftLines are the rules that count another number.
func shiftLines(l tongue, rules []applications.ResultRule, shifts []selection.RuleShift) []shiftLine {
	var lines []shiftLine
	for _, change := range shifts {
		if line, ok := newShiftLine(l, rules, change); ok {
			lines = append(lines, line)
		}
	}
	return lines
}
