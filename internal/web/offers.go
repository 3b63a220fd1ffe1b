package web

import (
	"net/http"

	"github.com/openfairlead/fairlead/applications"
)

// offerCard is what the status page says of an offered seat, and what can be
// answered to it.
type offerCard struct {
	Until     moment // to answer; only while it waits
	FirstCome bool   // a seat goes to whoever accepts first
	Taken     bool   // others were faster just now
	GiveBack  bool   // it was accepted, and can be given back
}

// offerOf reads the last offer that was sent to an applicant; nil if there is
// none.
func (s *server) offerOf(r *http.Request, p *place) (*applications.Offer, error) {
	if p.app.Offer == "" {
		return nil, nil
	}
	o, err := s.svc.Offer(r.Context(), p.session.principal(), p.program.ID, p.app.Offer)
	if applications.CodeOf(err) == applications.NotFound && err != nil {
		return nil, nil
	}
	return o, err
}

// fillOffer makes the card of an application that was selected the card of its
// offer.
func (page *statusPage) fillOffer(s *server, p *place, o *applications.Offer) (key string) {
	l, zone := page.tongue, zoneOf(p.program)
	switch o.State {
	case applications.OfferAccepted:
		page.Offer = &offerCard{GiveBack: true}
		return "seat_accepted"
	case applications.OfferDeclined:
		page.Tone, page.Mark = "plain", "●"
		return "seat_declined"
	case applications.OfferSent:
		if s.Now().Before(o.ExpireTime) {
			page.Mark = "!"
			page.Offer = &offerCard{Until: l.moment(o.ExpireTime, zone), FirstCome: o.FirstCome}
			return "seat_offered"
		}
	case applications.OfferRescinded:
		page.Tone, page.Mark = "warn", "!"
		return "seat_rescinded"
	}
	page.Tone, page.Mark = "warn", "!"
	return "seat_expired"
}

func (s *server) postAccept(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	o, err := s.offerOf(r, p)
	if err != nil {
		return err
	}
	if o == nil {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	_, err = s.svc.AcceptOffer(r.Context(), p.session.principal(), p.program.ID, o.ID, "", 0, applications.Idempotency{})
	if applications.ReasonOf(err) == "SEATS_TAKEN" {
		page := s.newStatusPage(r, p, o)
		if page.Offer != nil {
			page.Offer.Taken = true
		}
		s.render(w, r, http.StatusConflict, "status", page)
		return nil
	}
	return s.afterAnswer(w, r, p, err)
}

// afterAnswer shows how things stand, also to who pressed twice or came too
// late: the card says it.
func (s *server) afterAnswer(w http.ResponseWriter, r *http.Request, p *place, err error) error {
	switch applications.ReasonOf(err) {
	case "", "OFFER_ANSWERED", "OFFER_EXPIRED", "OFFER_STATE":
		if applications.CodeOf(err) == applications.Internal && err != nil {
			return err
		}
		seeOther(w, r, p.path("/status"))
		return nil
	}
	return err
}

// declinePage asks once more.
type declinePage struct {
	frame
	Program  string
	Accepted bool // a seat is given back
	Reason   string
	Faults   []fault
}

func (s *server) newDeclinePage(r *http.Request, p *place, o *applications.Offer, reason string, faults []fault) *declinePage {
	page := &declinePage{
		frame: s.callFrame(r, p.program), Program: p.program.ID, Reason: reason, Faults: faults,
		Accepted: o.State == applications.OfferAccepted,
	}
	page.Failed = len(faults) > 0
	title := page.tongue.say("decline.title")
	if page.Accepted {
		title = page.tongue.say("decline.back.title")
	}
	page.titled(title, page.tongue.phrase(p.program.Title).Text)
	return page
}

// declinable reports whether there is something to decline.
func (s *server) declinable(o *applications.Offer) bool {
	return o != nil && (o.State == applications.OfferAccepted || o.State == applications.OfferSent && s.Now().Before(o.ExpireTime))
}

func (s *server) getDecline(w http.ResponseWriter, r *http.Request) error {
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	o, err := s.offerOf(r, p)
	if err != nil {
		return err
	}
	if !s.declinable(o) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	s.render(w, r, http.StatusOK, "decline", s.newDeclinePage(r, p, o, "", nil))
	return nil
}

func (s *server) postDecline(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	p, err := s.placeOfOwn(w, r)
	if p == nil || err != nil {
		return err
	}
	o, err := s.offerOf(r, p)
	if err != nil {
		return err
	}
	if !s.declinable(o) {
		seeOther(w, r, p.path("/status"))
		return nil
	}
	reason := clean(r.PostForm.Get("reason"), true)
	_, err = s.svc.DeclineOffer(r.Context(), p.session.principal(), p.program.ID, o.ID, reason, "", 0, applications.Idempotency{})
	if faults, others, ok := violations(err, nil); ok && len(faults)+len(others) > 0 && applications.CodeOf(err) == applications.InvalidArgument {
		var list []fault
		for _, m := range faults {
			list = append(list, fault{"reason", m})
		}
		for _, m := range others {
			list = append(list, fault{"", m})
		}
		s.render(w, r, http.StatusUnprocessableEntity, "decline", s.newDeclinePage(r, p, o, reason, list))
		return nil
	}
	return s.afterAnswer(w, r, p, err)
}
