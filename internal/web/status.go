package web

import (
	"net/http"

	"github.com/openfairlead/fairlead/applications"
)

// receiptPage confirms a submission.
type receiptPage struct {
	frame
	Program   string
	Reference string
	Submitted moment
	Code      string
	Closes    moment
	Open      bool
	Contact   []phrase
	Print     string
}

func (s *server) getReceipt(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	if p.app.SubmitTime.IsZero() {
		seeOther(w, r, p.path("/check"))
		return nil
	}
	s.keepApplicant(w, *p.session)
	f := s.callFrame(r, p.program)
	l, zone := f.tongue, zoneOf(p.program)
	page := &receiptPage{
		frame: f, Program: p.program.ID, Reference: p.app.Code, Code: grouped(p.session.ReturnCode),
		Submitted: l.moment(p.app.SubmitTime, zone), Closes: l.moment(p.program.Window.Closes, zone),
		Open: p.open(s.Now()), Contact: l.paragraphs(p.program.Contact), Print: p.app.Print,
	}
	page.titled(l.say("receipt.title"), l.phrase(p.program.Title).Text)
	s.render(w, r, http.StatusOK, "receipt", page)
	return nil
}

// statusPage is one card with one next action.
type statusPage struct {
	frame
	Program   string
	Reference string
	Tone      string // "plain", "good", "warn"
	Mark      string // the sign beside the word
	Word      string
	Text      string
	Reasons   []phrase // why it was not eligible
	Next      action
	Submitted moment
	Closes    moment
	Open      bool
	Code      string
	Offer     *offerCard
	Withdraw  bool
	Change    bool
	Draws     []action // the applicant's slips
	Contact   []phrase
}

type action struct{ Label, Href string }

func (s *server) getStatus(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	s.keepApplicant(w, *p.session)
	o, err := s.offerOf(r, p)
	if err != nil {
		return err
	}
	page := s.newStatusPage(r, p, o)
	if page.Draws, err = s.slips(r, page.tongue, p); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "status", page)
	return nil
}

// slips lists the draws whose pool an application may have been in.
func (s *server) slips(r *http.Request, l tongue, p *place) ([]action, error) {
	switch p.app.State {
	case applications.InPool, applications.Selected, applications.Alternate, applications.NotSelected:
	default:
		return nil, nil
	}
	runs, err := s.svc.PublicRuns(r.Context(), p.program.ID)
	if err != nil {
		return nil, err
	}
	var out []action
	for _, run := range runs {
		at := l.moment(run.SealTime, zoneOf(p.program)).Text
		out = append(out, action{l.say("slip.link") + " (" + at + ")", slipPath(p.program.ID, run.ID)})
	}
	return out, nil
}

// newStatusPage makes the page; o is the last offer that was sent, or nil.
func (s *server) newStatusPage(r *http.Request, p *place, o *applications.Offer) *statusPage {
	f := s.callFrame(r, p.program)
	l, zone, app := f.tongue, zoneOf(p.program), p.app
	open := p.open(s.Now())
	page := &statusPage{
		frame: f, Program: p.program.ID, Reference: app.Code, Code: grouped(p.session.ReturnCode),
		Submitted: l.moment(app.SubmitTime, zone), Closes: l.moment(p.program.Window.Closes, zone),
		Open: open, Contact: l.paragraphs(p.program.Contact), Tone: "plain", Mark: "●",
	}
	key := "received"
	call := action{l.say("status.next.call"), "/calls/" + p.program.ID}
	page.Next = call
	switch app.State {
	case applications.Draft:
		key = "draft"
		page.Next = action{l.say("status.next.continue"), p.path("")}
		// getApply sends a draft to the first page with something to answer.
		if !open {
			key, page.Next, page.Tone, page.Mark = "draft_closed", call, "warn", "!"
		}
	case applications.Submitted:
		page.Tone, page.Mark = "good", "✓"
		if open {
			page.Next, page.Change = action{l.say("status.next.change"), p.path("/check")}, true
		}
	case applications.Screening, applications.InReview:
		key = "review"
	case applications.InPool:
		key, page.Tone, page.Mark = "pool", "good", "✓"
		if o != nil && o.State == applications.OfferRescinded {
			key = page.fillOffer(s, p, o)
		}
	case applications.Ineligible:
		key, page.Tone, page.Mark = "ineligible", "warn", "!"
		for _, reason := range app.IneligibleReasons {
			a := p.form.Attribute(reason)
			if a == nil {
				continue
			}
			page.Reasons = append(page.Reasons, l.phrase(a.Question))
		}
	case applications.Selected:
		key, page.Tone, page.Mark = "selected", "good", "✓"
		if o != nil {
			key = page.fillOffer(s, p, o)
		}
	case applications.Alternate:
		key = "alternate"
	case applications.NotSelected:
		key = "not_selected"
		page.Next = action{l.say("status.next.calls"), "/calls"}
	case applications.Withdrawn:
		key = "withdrawn"
		page.Next = action{l.say("status.next.calls"), "/calls"}
	case applications.Erased:
		key = "erased"
		page.Next = action{l.say("status.next.calls"), "/calls"}
	}
	page.Word, page.Text = l.say("status."+key), l.say("status."+key+".text")
	page.Withdraw = withdrawable(app)
	page.titled(page.Word, l.phrase(p.program.Title).Text)
	return page
}

// withdrawable reports whether an applicant can still withdraw: from anywhere
// before the end.
func withdrawable(a *applications.Application) bool {
	switch a.State {
	case applications.Withdrawn, applications.Erased, applications.NotSelected:
		return false
	}
	return true
}

// withdrawPage asks once more.
type withdrawPage struct {
	frame
	Program   string
	Reference string
	Reason    string
	Faults    []fault
}

func (s *server) newWithdrawPage(r *http.Request, p *place, reason string, faults []fault) *withdrawPage {
	page := &withdrawPage{
		frame: s.callFrame(r, p.program), Program: p.program.ID, Reference: p.app.Code, Reason: reason, Faults: faults,
	}
	page.Failed = len(faults) > 0
	page.titled(page.tongue.say("withdraw.title"), page.tongue.phrase(p.program.Title).Text)
	return page
}

func (s *server) getWithdraw(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	if !withdrawable(p.app) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	s.render(w, r, http.StatusOK, "withdraw", s.newWithdrawPage(r, p, "", nil))
	return nil
}

func (s *server) postWithdraw(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	if !withdrawable(p.app) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	reason := clean(r.PostForm.Get("reason"), true)
	_, err = s.svc.WithdrawApplication(r.Context(), p.session.principal(), p.program.ID, p.app.ID, reason, 0, applications.Idempotency{})
	if applications.CodeOf(err) == applications.FailedPrecondition && err != nil {
		now, _, readErr := s.own(r, p.program.ID)
		if readErr != nil {
			return readErr
		}
		if now == nil || !withdrawable(now) { // pressed twice
			seeOther(w, r, p.path("/status"))
			return nil
		}
	}
	if faults, others, ok := violations(err, nil); err != nil && ok {
		var list []fault
		for _, m := range faults {
			list = append(list, fault{"reason", m})
		}
		for _, m := range others {
			list = append(list, fault{"", m})
		}
		s.render(w, r, http.StatusUnprocessableEntity, "withdraw", s.newWithdrawPage(r, p, reason, list))
		return nil
	}
	if err != nil {
		return err
	}
	seeOther(w, r, p.path("/status"))
	return nil
}
