package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

var public access.Principal

// callsPage lists what can be applied for.
type callsPage struct {
	frame
	Open, Soon []callCard
}

type callCard struct {
	Href    string
	Title   phrase
	Summary phrase
	Region  phrase
	Seats   int
	When    moment // closing, or opening if it is soon
	Left    string // "closes in 21 days", or ""
}

func (s *server) getCalls(w http.ResponseWriter, r *http.Request) error {
	var programs []*applications.Program
	q := applications.ListQuery{PageSize: 200}
	for {
		list, err := s.svc.OpenCalls(r.Context(), q)
		if err != nil {
			return err
		}
		programs = append(programs, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(programs) >= 1000 {
			break
		}
	}
	s.render(w, r, http.StatusOK, "calls", newCallsPage(s.frame(r), programs, s.Now()))
	return nil
}

func newCallsPage(f frame, programs []*applications.Program, now time.Time) *callsPage {
	page := &callsPage{frame: f}
	l := f.tongue
	page.titled(l.say("calls.title"), "Fairlead")
	for _, p := range programs {
		c := callCard{
			Href: "/calls/" + p.ID, Title: l.phrase(p.Title), Summary: l.phrase(p.Summary),
			Region: l.phrase(p.Region), Seats: p.Seats,
		}
		if now.Before(p.Window.Opens) {
			c.When = l.moment(p.Window.Opens, zoneOf(p))
			page.Soon = append(page.Soon, c)
			continue
		}
		c.When = l.moment(p.Window.Closes, zoneOf(p))
		c.Left = timeLeft(l, p, now)
		page.Open = append(page.Open, c)
	}
	return page
}

// timeLeft counts calendar days in the call's own zone: what closes tonight
// "closes today".
func timeLeft(l tongue, p *applications.Program, now time.Time) string {
	zone := zoneOf(p)
	day := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	if !now.Before(p.Window.Closes) {
		return ""
	}
	// The instant of closing is no longer part of the window.
	days := int(day(p.Window.Closes.Add(-time.Nanosecond)).Sub(day(now)) / (24 * time.Hour))
	if days <= 0 {
		return l.say("calls.today")
	}
	return l.count("calls.days", days)
}

// callPage is everything one wants to know before applying.
type callPage struct {
	frame
	Program                             string
	Heading                             phrase
	State                               string // "open", "soon", "closed"
	Summary, Audience, Effort, Selected []phrase
	Contact                             []phrase
	Region                              phrase
	Seats, MinSeats                     int
	Opens, Closes, ClosesUTC            moment
	Left                                string
	Steps                               int
	Asked                               []askedLine
	Rules                               []ruleLine
	Terms                               []detail // what is registered beside the rules
	Must                                bool     // some rule must hold
	Criteria                            int
	Registered                          moment
	Digest                              string
	Changed                             string // why, if the rules were changed after applications had come in
	Resumable                           bool   // this browser has an application
	Draws                               []action
	PublicAgency                        bool
	Enroll                              string // as mentor or mentee, or ""
}

// askedLine is one question and what its answer is used for.
type askedLine struct {
	Question phrase
	Use      string
	Identity bool
}

func (s *server) getCall(w http.ResponseWriter, r *http.Request) error {
	c, err := s.call(r, public)
	if err != nil {
		return err
	}
	page := newCallPage(s.callFrame(r, c.program), c, s.Now())
	page.Resumable = s.applicant(r, c.program.ID) != nil
	runs, err := s.svc.PublicRuns(r.Context(), c.program.ID)
	if err != nil {
		return err
	}
	for _, run := range runs {
		at := page.tongue.moment(run.SealTime, zoneOf(c.program)).Text
		page.Draws = append(page.Draws, action{page.tongue.say("call.sealed", "when", at), "/draws/" + c.program.ID + "/" + run.ID})
	}
	if s.Mentoring != nil {
		if plan, err := s.Mentoring.Plan(r.Context(), public, c.program.ID); err == nil && plan.Open {
			page.Enroll = "/mentoring/" + c.program.ID + "/enroll"
		}
	}
	s.render(w, r, http.StatusOK, "call", page)
	return nil
}

// call is a program with its published form and registered criteria; criteria
// is nil if none are registered.
type call struct {
	program  *applications.Program
	form     *applications.Form
	criteria *applications.Criteria
}

func (s *server) call(r *http.Request, who access.Principal) (*call, error) {
	ctx, id := r.Context(), r.PathValue("program")
	p, err := s.svc.Program(ctx, who, id)
	if err != nil {
		return nil, err
	}
	c := &call{program: p}
	if c.form, err = s.svc.Form(ctx, who, id, 0); err != nil {
		return nil, err
	}
	criteria, err := s.svc.Criteria(ctx, who, id, 0)
	switch {
	case err == nil && criteria.Registered:
		c.criteria = criteria
	case err != nil && applications.CodeOf(err) != applications.NotFound && applications.CodeOf(err) != applications.PermissionDenied:
		return nil, err
	}
	return c, nil
}

func newCallPage(f frame, c *call, now time.Time) *callPage {
	l, p := f.tongue, c.program
	zone := zoneOf(p)
	page := &callPage{
		frame: f, Program: p.ID, Heading: l.phrase(p.Title),
		Summary: l.paragraphs(p.Summary), Audience: l.paragraphs(p.Audience), Effort: l.paragraphs(p.Effort),
		Selected: l.paragraphs(p.Selected), Contact: l.paragraphs(p.Contact), Region: l.phrase(p.Region),
		Seats: p.Seats, MinSeats: p.MinSeats,
		Opens: l.moment(p.Window.Opens, zone), Closes: l.moment(p.Window.Closes, zone),
		Left: timeLeft(l, p, now), PublicAgency: p.PublicAgency,
		Steps: len(questionPages(c.form)),
	}
	if zone != time.UTC {
		page.ClosesUTC = l.moment(p.Window.Closes, time.UTC)
	}
	switch {
	case p.Accepting(now):
		page.State = "open"
	case now.Before(p.Window.Opens):
		page.State = "soon"
	default:
		page.State = "closed"
	}
	for i := range c.form.Attributes {
		a := &c.form.Attributes[i]
		if a.Kind == applications.Derived {
			continue
		}
		page.Asked = append(page.Asked, askedLine{l.phrase(a.Question), l.say("use." + c.use(a)), a.Identity()})
	}
	if c.criteria != nil {
		page.Criteria = c.criteria.Version
		page.Digest = c.criteria.Digest
		if c.criteria.SecondBy != "" {
			page.Changed = c.criteria.Reason
		}
		page.Registered = l.moment(c.criteria.RegisterTime, zone)
		for _, rule := range c.criteria.Rules {
			line := newRuleLine(l, c.form, rule)
			page.Must = page.Must || line.Must
			page.Rules = append(page.Rules, line)
		}
		page.Terms = registeredTerms(l, c.form, c.criteria)
	}
	page.titled(page.Heading.Text, l.say("calls.title"))
	return page
}

// use says what the answer to a question is really used for under the
// criteria in force, not what it might be used for: "balance", "eligibility",
// "report", "logistics" or "none".
func (c *call) use(a *applications.Attribute) string {
	for _, e := range c.form.Eligibility {
		if e.Attribute == a.Key {
			if c.balances(a.Key) {
				return "eligibility_balance"
			}
			return "eligibility"
		}
	}
	switch {
	case c.balances(a.Key):
		return "balance"
	case hasPurpose(a, applications.ForLogistics):
		return "logistics"
	case hasPurpose(a, applications.ForReport):
		return "report"
	}
	return "none"
}

// balances reports whether a registered rule reads the attribute, itself or
// through an attribute derived from it.
func (c *call) balances(key string) bool {
	if c.criteria == nil {
		return false
	}
	reads := func(rule string) bool {
		if rule == key {
			return true
		}
		a := c.form.Attribute(rule)
		return a != nil && a.Kind == applications.Derived && a.DerivedFrom == key
	}
	for _, r := range c.criteria.Rules {
		if reads(r.Attribute) {
			return true
		}
		for _, and := range r.And {
			if reads(and.Attribute) {
				return true
			}
		}
	}
	for attribute := range c.criteria.HardCaps {
		if reads(attribute) {
			return true
		}
	}
	return false
}

func hasPurpose(a *applications.Attribute, p applications.Purpose) bool {
	for _, have := range a.Purposes {
		if have == p {
			return true
		}
	}
	return false
}

// ruleLine is one registered rule in words.
type ruleLine struct {
	Group    phrase
	Text     string
	Must     bool
	Priority int
	Weight   int    // of a target that counts more than once; 0 otherwise
	Note     string // as whoever wrote the rule put it
}

func newRuleLine(l tongue, form *applications.Form, r applications.CriteriaRule) ruleLine {
	line := ruleLine{Must: r.Priority == 0, Priority: r.Priority, Group: l.said(r.Attribute), Note: r.Note}
	if r.Priority > 0 && r.Weight > 1 {
		line.Weight = r.Weight
	}
	if r.Attribute == "" {
		line.Group = l.said(l.say("edit.named"))
	}
	a := form.Attribute(r.Attribute)
	if a != nil {
		line.Group = attributeLabel(l, a)
	}
	bound := func(b *int) int {
		if b == nil {
			return 0
		}
		return *b
	}
	var people string
	switch {
	case r.Min != nil && r.Max != nil && *r.Min == *r.Max:
		people = l.count("rule.exactly", *r.Min)
	case r.Min != nil && r.Max != nil:
		people = l.say("rule.between", "min", *r.Min, "max", *r.Max)
	case r.Min != nil:
		people = l.count("rule.at_least", *r.Min)
	case r.Max != nil:
		people = l.count("rule.at_most", *r.Max)
	}
	values := valueLabels(l, a, r.Values)
	switch r.Kind {
	case "company":
		line.Text = l.count("rule.company", bound(r.Min)) + "; " + l.say("rule.company_gives")
	case "spread":
		line.Text = l.count("rule.spread", bound(r.Min))
	case "cap":
		line.Text = l.count("rule.cap", bound(r.Max))
	default:
		switch {
		case r.Each && values == "":
			line.Text = l.say("rule.each", "people", people)
		case r.Each:
			line.Text = l.say("rule.each_of", "people", people, "values", values)
		case r.All:
			line.Text = l.say("rule.all_of", "people", people, "values", values)
		case values == "":
			line.Text = l.say("rule.any", "people", people)
		default:
			line.Text = l.say("rule.any_of", "people", people, "values", values)
		}
	}
	for _, and := range r.And {
		other := form.Attribute(and.Attribute)
		label := and.Attribute
		if other != nil {
			label = attributeLabel(l, other).Text
		}
		line.Text += " " + l.say("rule.and", "attribute", label, "values", valueLabels(l, other, and.Values))
	}
	if len(r.IDs) > 0 {
		line.Text += " " + l.say("rule.named", "ids", strings.Join(r.IDs, ", "))
	}
	return line
}

// attributeLabel is the short name of an attribute.
func attributeLabel(l tongue, a *applications.Attribute) phrase {
	for _, t := range []applications.Text{a.Label, a.Question} {
		if p := l.phrase(t); p.Text != "" {
			return p
		}
	}
	return l.said(a.Key)
}

func valueLabels(l tongue, a *applications.Attribute, codes []string) string {
	labels := make([]string, 0, len(codes))
	for _, code := range codes {
		labels = append(labels, valueLabel(l, a, code).Text)
	}
	return strings.Join(labels, ", ")
}

func valueLabel(l tongue, a *applications.Attribute, code string) phrase {
	if a != nil {
		for i := range a.Values {
			if a.Values[i].Code == code {
				return l.phrase(a.Values[i].Label)
			}
		}
	}
	return l.said(code)
}

// privacyPage says of one call who sees what and what for. It is made from the
// form and the criteria in force, so that it cannot say anything else than
// what happens.
type privacyPage struct {
	frame
	Heading      phrase
	Asked        []askedLine
	Health       bool
	PublicAgency bool
	Contact      []phrase
}

func (s *server) getPrivacy(w http.ResponseWriter, r *http.Request) error {
	c, err := s.call(r, public)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "privacy", newPrivacyPage(s.callFrame(r, c.program), c))
	return nil
}

func newPrivacyPage(f frame, c *call) *privacyPage {
	l := f.tongue
	page := &privacyPage{
		frame: f, Heading: l.phrase(c.program.Title), PublicAgency: c.program.PublicAgency,
		Contact: l.paragraphs(c.program.Contact),
	}
	for i := range c.form.Attributes {
		a := &c.form.Attributes[i]
		if a.Kind == applications.Derived {
			continue
		}
		page.Asked = append(page.Asked, askedLine{l.phrase(a.Question), l.say("use." + c.use(a)), a.Identity()})
		page.Health = page.Health || asksHealth(a)
	}
	page.titled(l.say("privacy.title"), page.Heading.Text)
	return page
}
