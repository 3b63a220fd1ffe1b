package web

import (
	"net/http"
	"strconv"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// versionPage is a stored version of the criteria in words, and registers it:
// the last look before everybody decides by it.
type versionPage struct {
	frame
	Program     string
	Version     int
	State       string
	Rules       []ruleLine
	Details     []detail
	MayRegister bool
	Reason      string
	Second      string
	ReasonFault string
	SecondFault string
	Faults      []fault
}

func (s *server) getVersion(w http.ResponseWriter, r *http.Request) error {
	d, c, err := s.version(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "version", newVersionPage(s.staffFrame(r, "programs"), d, c))
	return nil
}

func (s *server) version(r *http.Request) (*desk, *applications.Criteria, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, nil, err
	}
	if err := mayEdit(d.who, d.program.ID); err != nil {
		return nil, nil, err
	}
	version, err := strconv.Atoi(r.PathValue("version"))
	if err != nil || version < 1 {
		return nil, nil, errNoPage
	}
	c, err := s.svc.Criteria(r.Context(), d.who, d.program.ID, version)
	return d, c, err
}

func newVersionPage(f frame, d *desk, c *applications.Criteria) *versionPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &versionPage{frame: f, Program: d.program.ID, Version: c.Version, State: l.say("version.saved")}
	for _, rule := range c.Rules {
		page.Rules = append(page.Rules, newRuleLine(l, d.form, rule))
	}
	add := func(key, text string, code bool) {
		if text != "" {
			page.Details = append(page.Details, detail{l.say("version." + key), text, code})
		}
	}
	size := l.number(int64(c.Size))
	if c.MinSize != c.Size {
		size = l.say("call.seats_range", "min", c.MinSize, "max", c.Size)
	}
	add("size", size, false)
	add("name", c.Name, false)
	page.Details = append(page.Details, registeredTerms(l, d.form, c)...)
	if c.Registered {
		page.State = l.say("version.registered", "when", l.moment(c.RegisterTime, zone).Text)
		if d.program.CriteriaVersion == c.Version {
			page.State += " " + l.say("version.in_force")
		}
		add("digest", c.Digest, true)
		add("why", c.Reason, false)
		add("second_by", c.SecondBy, false)
	}
	page.MayRegister = !c.Registered && d.who.Can(access.CriteriaWrite, d.program.ID)
	title := l.say("version.title", "n", c.Version)
	page.Crumbs = []crumb{
		{l.said(l.say("menu.programs")), "/programs"},
		{l.phrase(d.program.Title), "/programs/" + d.program.ID + "/criteria"},
		{l.said(title), ""},
	}
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// lotteryWords says what a method of drawing does.
func lotteryWords(l tongue, method string) string {
	switch method {
	case "NONE":
		return l.say("lottery.NONE")
	case "MAXIMIN":
		return l.say("lottery.MAXIMIN")
	}
	return l.say("lottery.LEXIMIN")
}

func (s *server) postRegister(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, c, err := s.version(r)
	if err != nil {
		return err
	}
	reason, second := clean(r.PostForm.Get("reason"), true), clean(r.PostForm.Get("second"), false)
	_, err = s.svc.RegisterCriteria(r.Context(), d.who, d.program.ID, c.Version, reason, second, applications.Idempotency{})
	if applications.ReasonOf(err) == "CRITERIA_REGISTERED" { // pressed twice
		err = nil
	}
	if faults, others, ok := violations(err, nil); err != nil && ok {
		page := newVersionPage(s.staffFrame(r, "programs"), d, c)
		page.Reason, page.Second, page.Failed, page.Languages = reason, second, true, nil
		page.ReasonFault, page.SecondFault = faults["reason"], faults["second_person"]
		page.Faults = listed(faults, others, blamed{"reason", "reason"}, blamed{"second_person", "second"})
		s.render(w, r, http.StatusUnprocessableEntity, "version", page)
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, "/programs/"+d.program.ID+"/criteria/"+itoa(c.Version))
	return nil
}
