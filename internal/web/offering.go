package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// offersPage lists a program's offers. It has codes only.
type offersPage struct {
	frame
	Path    string
	Sub     []tab
	Heading phrase
	Counts  []string
	Waiting string // what is to be sent; "" where nothing is, or the reader may not
	Free    string // address of where free places are filled, or ""
	Offers  []offerLine
}

type offerLine struct {
	Code, Word, Tone, Mark string
	Run                    string
	RunHref, Href          string
	Until, Answered        moment
}

// offerOrder is the order of the list: what wants something done comes first.
var offerOrder = []applications.OfferState{
	applications.OfferPending, applications.OfferSent, applications.OfferAccepted,
	applications.OfferDeclined, applications.OfferExpired, applications.OfferRescinded,
}

func offersPath(program string) string { return "/programs/" + program + "/offers" }

// allOffers returns a program's offers, oldest first.
func (s *server) allOffers(r *http.Request, d *desk) ([]*applications.Offer, error) {
	var out []*applications.Offer
	q := applications.ListQuery{PageSize: 500}
	for {
		list, err := s.svc.Offers(r.Context(), d.who, d.program.ID, q)
		if err != nil {
			return nil, err
		}
		out = append(out, list.Items...)
		if q.Cursor = list.Next; q.Cursor == "" || len(out) >= 5000 {
			return out, nil
		}
	}
}

// byCode is the last offer to each person.
func byCode(offers []*applications.Offer) map[string]*applications.Offer {
	last := map[string]*applications.Offer{}
	for _, o := range offers {
		last[o.Code] = o
	}
	return last
}

// mayOffer refuses who may not offer places.
func mayOffer(d *desk) error {
	if d.who.Can(access.SelectionsRun, d.program.ID) {
		return nil
	}
	return permissionMissing(access.SelectionsRun)
}

func (s *server) getOffers(w http.ResponseWriter, r *http.Request) error {
	d, err := s.desk(r)
	if err != nil {
		return err
	}
	offers, err := s.allOffers(r, d)
	if err != nil {
		return err
	}
	runs, err := s.allRuns(r, d.who, d.program.ID)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "offers", newOffersPage(s.staffFrame(r, "programs"), d, offers, runs, s.Now()))
	return nil
}

func newOffersPage(f frame, d *desk, offers []*applications.Offer, runs []*applications.Selection, now time.Time) *offersPage {
	l, zone := f.tongue, zoneOf(d.program)
	page := &offersPage{frame: f, Path: offersPath(d.program.ID), Sub: programTabs(l, d.program, d.who, "offers"), Heading: l.phrase(d.program.Title)}
	numbers, last := map[string]int{}, ""
	for i, run := range runs {
		numbers[run.ID] = i + 1
	}
	count := map[applications.OfferState]int{}
	offers = slices.Clone(offers)
	slices.SortStableFunc(offers, func(a, b *applications.Offer) int {
		if by := slices.Index(offerOrder, a.State) - slices.Index(offerOrder, b.State); by != 0 {
			return by
		}
		return strings.Compare(a.Code, b.Code)
	})
	for _, o := range offers {
		count[o.State]++
		if numbers[o.Selection] > numbers[last] {
			last = o.Selection
		}
		line := offerLine{
			Code: o.Code, Word: l.say("seat." + string(o.State)), Mark: "●", Href: page.Path + "/" + o.ID,
			Answered: l.moment(o.AnswerTime, zone), RunHref: runPath(d.program.ID, o.Selection),
		}
		if n := numbers[o.Selection]; n > 0 {
			line.Run = l.say("run.number", "n", n)
		}
		switch o.State {
		case applications.OfferAccepted:
			line.Tone, line.Mark = "ok", "✓"
		case applications.OfferSent:
			line.Mark, line.Until = "…", l.moment(o.ExpireTime, zone)
			if !now.Before(o.ExpireTime) {
				line.Word = l.say("seat.EXPIRED")
			}
		case applications.OfferExpired:
			line.Tone, line.Mark = "warn", "!"
		}
		page.Offers = append(page.Offers, line)
	}
	page.Counts = append(page.Counts, l.count("offers.places", d.program.Seats))
	for _, state := range []applications.OfferState{applications.OfferAccepted, applications.OfferSent, applications.OfferPending} {
		if n := count[state]; n > 0 {
			page.Counts = append(page.Counts, l.say("seat."+string(state))+": "+l.number(int64(n)))
		}
	}
	if d.who.Can(access.SelectionsRun, d.program.ID) {
		if n := count[applications.OfferPending]; n > 0 {
			page.Waiting = l.count("offers.waiting", n)
		}
		open := count[applications.OfferAccepted] + count[applications.OfferSent] + count[applications.OfferPending]
		if len(offers) > open && open < d.program.Seats {
			page.Free = runPath(d.program.ID, last) + "/replace"
		}
	}
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {page.Heading, ""}}
	page.titled(l.say("offers.title"), page.Heading.Text, "Fairlead")
	return page
}

// refused puts what the service does not accept on a page, in its language where
// there are words for it.
func refused(l tongue, err error, inputs ...blamed) (faults map[string]string, list []fault, ok bool) {
	faults, others, ok := violations(err, nil)
	if !ok {
		return nil, nil, false
	}
	for field := range faults {
		switch field {
		case "expire_time":
			faults[field] = l.say("offers.fault_until")
		case "reason", "on_behalf_reason":
			faults[field] = l.say("offers.fault_reason")
		}
	}
	if reason := applications.ReasonOf(err); len(others) > 0 {
		if _, known := catalogs["en"]["offers.refused."+reason]; known {
			others = []string{l.say("offers.refused." + reason)}
		}
	}
	return faults, listed(faults, others, inputs...), true
}

// makeOffersPage is about to offer places to the people of a group.
type makeOffersPage struct {
	frame
	Path    string
	Members []declineView
	Any     bool // somebody can be offered a place
	Request string
	Reason  string
	Fault   string
	Faults  []fault

	ids map[string]string // of applications, by code
}

func (s *server) offeringTo(r *http.Request) (*desk, *makeOffersPage, *applications.Selection, error) {
	d, run, number, err := s.runOf(r)
	if err == nil {
		err = mayOffer(d)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	res, err := s.svc.SelectionResult(r.Context(), d.who, d.program.ID, run.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	offers, err := s.allOffers(r, d)
	if err != nil {
		return nil, nil, nil, err
	}
	page := &makeOffersPage{frame: s.staffFrame(r, "programs"), Path: runPath(d.program.ID, run.ID), Request: requestOf(r), ids: map[string]string{}}
	l, last := page.tongue, byCode(offers)
	for _, m := range res.Members {
		page.ids[m.Code] = m.Application
		v := declineView{ID: "o-" + m.Code, Code: m.Code, State: l.say("seat.none"), Chosen: true}
		if o := last[m.Code]; o != nil {
			// Who declined is asked again by nobody's oversight.
			v.State, v.Chosen = l.say("seat."+string(o.State)), false
			v.Gone = o.State.Open() || o.State == applications.OfferDeclined
		}
		if r.Method == http.MethodPost {
			v.Chosen = slices.Contains(r.PostForm["offer"], m.Code)
		}
		v.Chosen = v.Chosen && !v.Gone
		page.Any = page.Any || !v.Gone
		page.Members = append(page.Members, v)
	}
	title := l.say("offers.make")
	page.Crumbs = append(runCrumbs(l, d.program, number)[:2], crumb{l.said(l.say("run.number", "n", number)), page.Path}, crumb{l.said(title), ""})
	page.titled(title, l.say("run.number", "n", number), l.phrase(d.program.Title).Text, "Fairlead")
	return d, page, run, nil
}

func (s *server) getMakeOffers(w http.ResponseWriter, r *http.Request) error {
	_, page, _, err := s.offeringTo(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "offers-make", page)
	return nil
}

func (s *server) postMakeOffers(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, page, run, err := s.offeringTo(r)
	if err != nil {
		return err
	}
	l := page.tongue
	page.Languages, page.Reason = nil, clean(r.PostForm.Get("reason"), true)
	// As they were marked: pressed twice, they have offers by now.
	var ids []string
	for _, code := range slices.Compact(slices.Sorted(slices.Values(r.PostForm["offer"]))) {
		if id := page.ids[code]; id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		err = applications.Invalid("OFFERS_INVALID", l.say("offers.fault_nobody"))
	} else {
		_, err = s.svc.PrepareOffers(r.Context(), d.who, applications.OfferPlan{
			Program: d.program.ID, Selection: run.ID, Applications: ids, Reason: page.Reason,
		}, pressed(r))
	}
	if err == nil {
		seeOther(w, r, offersPath(d.program.ID)+"/send")
		return nil
	}
	faults, list, ok := refused(l, err, blamed{"reason", "reason"})
	if !ok {
		return err
	}
	page.Failed, page.Fault, page.Faults = true, faults["reason"], list
	s.render(w, r, http.StatusUnprocessableEntity, "offers-make", page)
	return nil
}

// sendOffersPage is looked at before anybody is told.
type sendOffersPage struct {
	frame
	Path       string
	Codes      []string
	Until      string // as browsers write it
	Zone       string
	Request    string
	UntilFault string
	Faults     []fault

	pending []*applications.Offer // oldest first
}

// answerDays is how long people have by default.
const answerDays = 14

func (s *server) sending(r *http.Request) (*desk, *sendOffersPage, error) {
	d, err := s.desk(r)
	if err == nil {
		err = mayOffer(d)
	}
	if err != nil {
		return nil, nil, err
	}
	offers, err := s.allOffers(r, d)
	if err != nil {
		return nil, nil, err
	}
	zone := zoneOf(d.program)
	day := s.Now().In(zone).AddDate(0, 0, answerDays)
	page := &sendOffersPage{
		frame: s.staffFrame(r, "programs"), Path: offersPath(d.program.ID), Request: requestOf(r), Zone: zone.String(),
		Until: time.Date(day.Year(), day.Month(), day.Day(), 17, 0, 0, 0, zone).Format(localTime),
	}
	for _, o := range offers {
		if o.State == applications.OfferPending {
			page.Codes, page.pending = append(page.Codes, o.Code), append(page.pending, o)
		}
	}
	slices.Sort(page.Codes)
	l := page.tongue
	title := l.say("offers.send")
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {l.phrase(d.program.Title), page.Path}, {l.said(title), ""}}
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return d, page, nil
}

func (s *server) getSendOffers(w http.ResponseWriter, r *http.Request) error {
	_, page, err := s.sending(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "offers-send", page)
	return nil
}

func (s *server) postSendOffers(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, page, err := s.sending(r)
	if err != nil {
		return err
	}
	page.Until, page.Languages = clean(r.PostForm.Get("until"), false), nil
	until, bad := time.ParseInLocation(localTime, page.Until, zoneOf(d.program))
	if bad != nil {
		until = time.Time{}
	}
	// Those that were looked at: one that was made meanwhile waits.
	var ids []string
	for _, o := range page.pending {
		if slices.Contains(r.PostForm["offer"], o.Code) {
			ids = append(ids, o.ID)
		}
	}
	if len(ids) == 0 { // sent already, or taken back
		seeOther(w, r, page.Path)
		return nil
	}
	_, err = s.svc.SendOffers(r.Context(), d.who, d.program.ID, ids, until, pressed(r))
	if err == nil {
		seeOther(w, r, page.Path)
		return nil
	}
	faults, list, ok := refused(page.tongue, err, blamed{"expire_time", "until"})
	if !ok {
		return err
	}
	page.Failed, page.UntilFault, page.Faults = true, faults["expire_time"], list
	s.render(w, r, http.StatusUnprocessableEntity, "offers-send", page)
	return nil
}

// offerPage is one offer, and what staff can do about it.
type offerPage struct {
	frame
	Path      string
	Self      string
	Code      string
	Word      string
	Facts     []detail
	Words     string // of a decline, by the applicant
	MayAnswer bool
	Waits     bool // for an answer; else it was accepted and can be given back
	MayRecall bool
	Request   string
	Revision  int64 // of the offer as the page shows it
	How, Why  string
	Answer    string
	HowFault  string
	WhyFault  string
	Faults    []fault
}

func (s *server) offerAt(r *http.Request) (*desk, *offerPage, *applications.Offer, error) {
	d, err := s.desk(r)
	if err != nil {
		return nil, nil, nil, err
	}
	o, err := s.svc.Offer(r.Context(), d.who, d.program.ID, r.PathValue("offer"))
	if err != nil {
		return nil, nil, nil, err
	}
	return d, newOfferPage(s.staffFrame(r, "programs"), d, o, requestOf(r), s.Now()), o, nil
}

func newOfferPage(f frame, d *desk, o *applications.Offer, request string, now time.Time) *offerPage {
	l, zone := f.tongue, zoneOf(d.program)
	late := o.State == applications.OfferSent && !now.Before(o.ExpireTime)
	page := &offerPage{
		frame: f, Path: offersPath(d.program.ID), Self: offersPath(d.program.ID) + "/" + o.ID, Code: o.Code, Word: l.say("seat." + string(o.State)), Words: o.DeclineReason,
		Request: request, Revision: o.Revision, Waits: o.State == applications.OfferSent && !late,
	}
	if late {
		page.Word = l.say("seat.EXPIRED")
	}
	page.MayAnswer = (page.Waits || o.State == applications.OfferAccepted) && d.who.Can(access.ApplicationsWrite, d.program.ID)
	page.MayRecall = o.State.Open() && !late && d.who.Can(access.SelectionsRun, d.program.ID)
	fact := func(label string, at time.Time) {
		if !at.IsZero() {
			page.Facts = append(page.Facts, detail{Label: label, Text: l.moment(at, zone).Text})
		}
	}
	fact(l.say("offers.made"), o.CreateTime)
	fact(l.say("offers.sent"), o.SendTime)
	fact(l.say("offers.until"), o.ExpireTime)
	fact(l.say("offers.answered"), o.AnswerTime)
	fact(l.say("offers.recalled"), o.RescindTime)
	if o.Reason != "" {
		page.Facts = append(page.Facts, detail{Label: l.say("draw.reason"), Text: o.Reason})
	}
	title := l.say("offers.to", "code", o.Code)
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {l.phrase(d.program.Title), page.Path}, {l.said(title), ""}}
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) getOffer(w http.ResponseWriter, r *http.Request) error {
	_, page, _, err := s.offerAt(r)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "offer", page)
	return nil
}

func (s *server) postOffer(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, page, o, err := s.offerAt(r)
	if err != nil {
		return err
	}
	page.Languages = nil
	page.How, page.Why, page.Answer = clean(r.PostForm.Get("how"), true), clean(r.PostForm.Get("why"), true), r.PostForm.Get("answer")
	ctx, program := r.Context(), d.program.ID
	recall, revision := r.PostForm.Get("go") == "recall", revisionOf(r)
	switch {
	case recall:
		_, err = s.svc.RescindOffer(ctx, d.who, program, o.ID, page.Why, revision, pressed(r))
	case page.Answer == "accept":
		_, err = s.svc.AcceptOffer(ctx, d.who, program, o.ID, page.How, revision, pressed(r))
	case page.Answer == "decline":
		_, err = s.svc.DeclineOffer(ctx, d.who, program, o.ID, "", page.How, revision, pressed(r))
	default:
		err = applications.Invalid("ANSWER_MISSING", page.tongue.say("offers.fault_answer"))
	}
	if err == nil {
		seeOther(w, r, page.Path)
		return nil
	}
	if applications.ReasonOf(err) == "STALE_REVISION" {
		// What was marked was about the offer as it stood: a decline that was
		// told of is no giving back of a place accepted since.
		how, why := page.How, page.Why
		if _, page, _, err = s.offerAt(r); err != nil {
			return err
		}
		page.Languages, page.How, page.Why = nil, how, why
		page.Failed, page.Faults = true, []fault{{"", page.tongue.say("offers.fault_stale")}}
		s.render(w, r, http.StatusConflict, "offer", page)
		return nil
	}
	faults, list, ok := refused(page.tongue, err, blamed{"on_behalf_reason", "how"}, blamed{"reason", "why"})
	if !ok {
		return err
	}
	page.Failed, page.HowFault, page.WhyFault, page.Faults = true, faults["on_behalf_reason"], faults["reason"], list
	s.render(w, r, http.StatusUnprocessableEntity, "offer", page)
	return nil
}
