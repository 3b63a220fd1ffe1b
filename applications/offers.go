package applications

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/matcher"
)

// maxOffers is how many offers one call prepares or sends, and maxOfferLife
// how long one may wait for its answer.
const (
	maxOffers    = 1000
	maxOfferLife = 366 * 24 * time.Hour
)

// OfferPlan says whom to offer seats to.
type OfferPlan struct {
	Program, Selection string
	// Applications are the ids to make offers to; empty: the run's cohort, without
	// who withdrew since it was drawn. They may go beyond what the run chose: each offer keeps whether it did.
	Applications []string
	// FirstCome allows more open offers than seats: whoever accepts first gets
	// one.
	FirstCome bool
	Reason    string // why these people, for the audit log
}

// PrepareOffers makes offers on the result of a run that succeeded and is not
// stale. Nobody is told before SendOffers. The caller confirms with it, under
// their name, what the selector proposed, so a token that belongs to no person
// is refused: FailedPrecondition PERSON_NEEDED.
//
// Everybody must be in the pool, or have been selected before without having
// an open offer now. All offers are made or none.
func (s *Service) PrepareOffers(ctx context.Context, who access.Principal, plan OfferPlan, idem Idempotency) ([]*Offer, error) {
	if err := calls.Need(who, access.SelectionsRun, plan.Program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", plan.Reason)
	if len(plan.Applications) > maxOffers {
		bad = append(bad, Violation{Field: "applications", Message: fmt.Sprintf("at most %d at once", maxOffers)})
	}
	if len(bad) > 0 {
		return nil, Invalid("OFFERS_INVALID", "the offers cannot be made like this", bad...)
	}
	if !strings.HasPrefix(who.Subject, "users/") {
		return nil, Errorf(FailedPrecondition, "PERSON_NEEDED", "people are chosen by a person, not by a program: use the token of a member of staff (`fairlead users create`), not one of its own")
	}
	plan.Reason = reason
	return once(ctx, s, who, plan.Program, "PrepareOffers", idem, func(tx Tx) ([]*Offer, string, error) {
		made, err := s.prepare(ctx, tx, who, plan)
		if err != nil {
			return nil, "", err
		}
		for i, o := range made {
			made[i] = o.shownTo(who)
		}
		return made, plan.Selection, nil
	})
}

func (s *Service) prepare(ctx context.Context, tx Tx, who access.Principal, plan OfferPlan) ([]*Offer, error) {
	p, err := tx.Program(ctx, plan.Program)
	if err != nil {
		return nil, err
	}
	if _, err := p.State.after(prepareOffers); err != nil {
		return nil, err
	}
	sel, err := tx.Selection(ctx, plan.Program, plan.Selection)
	if err != nil {
		return nil, err
	}
	cohort, err := sel.cohort()
	if err != nil {
		return nil, err
	}
	people, err := s.offerees(ctx, tx, plan, cohort, sel.Replaces)
	if err != nil {
		return nil, err
	}
	if err := tx.OpenSeats(ctx, p.ID, p.Seats); err != nil {
		return nil, err
	}
	if err := tx.OfferSeats(ctx, p.ID, len(people), plan.FirstCome); ReasonOf(err) == "SEATS_OFFERED" {
		seats, seatsErr := tx.Seats(ctx, p.ID)
		if seatsErr != nil {
			return nil, seatsErr
		}
		return nil, Errorf(FailedPrecondition, "SEATS_OFFERED", "%d more offers do not fit: there are %d seats and %d open offers for them. Make fewer, or allow more offers than seats, of which the first to accept get one", len(people), seats.Total, seats.Offered)
	} else if err != nil {
		return nil, err
	}
	now := s.now()
	made := make([]*Offer, 0, len(people))
	var events []Event
	for _, a := range people {
		o := &Offer{
			Program: p.ID, ID: s.NewID(), Application: a.ID, Code: a.Code, State: OfferPending,
			Selection: sel.ID, Proposed: slices.Contains(cohort, a.Code), ConfirmedBy: who.Subject, Reason: plan.Reason, FirstCome: plan.FirstCome,
			CreateTime: now, UpdateTime: now,
		}
		if err := tx.InsertOffer(ctx, o); ReasonOf(err) == "OFFER_OPEN" {
			return nil, Errorf(FailedPrecondition, "OFFER_OPEN", "%s has an open offer already", a.Code)
		} else if err != nil {
			return nil, err
		}
		made = append(made, o)
		events = append(events, s.event(who, "offer.prepare", offerName(o), plan.Reason, fmt.Sprintf("%s proposed=%t", transition("", o.State), o.Proposed)))
	}
	var beyond []string
	for _, a := range people {
		if !slices.Contains(cohort, a.Code) {
			beyond = append(beyond, a.Code)
		}
	}
	if len(beyond) > 0 {
		// Whoever adds people to what was drawn has chosen.
		more := slices.Sorted(slices.Values(append(beyond, cohort...)))
		if err := s.choose(ctx, tx, who, sel, cohort, more, plan.Reason); err != nil {
			return nil, err
		}
	}
	if sel.OfferTime.IsZero() {
		sel.OfferTime, sel.UpdateTime = now, now
		if err := tx.UpdateSelection(ctx, sel); err != nil {
			return nil, err
		}
		events = append(events, s.event(who, "selection.confirm", selectionName(sel), plan.Reason, fmt.Sprintf("cohort=%d offers=%d", len(cohort), len(made))))
	}
	return made, tx.AppendEvents(ctx, events...)
}

// cohort lists the codes that a run chose, if seats may be offered on it.
func (sel *Selection) cohort() ([]string, error) {
	switch {
	case !sel.State.Done():
		return nil, Errorf(FailedPrecondition, "RUN_NOT_DONE", "the run is not done yet")
	case sel.State == SelectionSealed:
		return nil, Errorf(FailedPrecondition, "RUN_NOT_DRAWN", "the run is sealed and was not drawn yet")
	case sel.State == SelectionStale:
		return nil, Errorf(FailedPrecondition, "RUN_STALE", "the pool is not what this run chose from any more: start a new one")
	case sel.State != SelectionSucceeded || len(sel.Record) == 0:
		return nil, Errorf(FailedPrecondition, "RUN_WITHOUT_RESULT", "the run ended without a result (%s)", sel.State)
	case sel.Trial:
		return nil, Errorf(FailedPrecondition, "RUN_IS_TRIAL", "this was a trial: start a run that is none")
	}
	return sel.group()
}

// group lists the codes of a run that has a result: what somebody chose, else
// what was drawn or computed.
func (sel *Selection) group() ([]string, error) {
	if n := len(sel.Choices); n > 0 {
		return sel.Choices[n-1].Cohort, nil
	}
	record, err := matcher.ParseRecord(sel.Record)
	if err != nil {
		return nil, err
	}
	if len(record.Cohort) == 0 {
		return nil, Errorf(FailedPrecondition, "RUN_WITHOUT_COHORT", "the run chose nobody (%s)", record.Status)
	}
	return record.Cohort, nil
}

// offerees reads who is to get an offer, in the order of their codes.
func (s *Service) offerees(ctx context.Context, tx Tx, plan OfferPlan, cohort []string, replaces string) ([]*Application, error) {
	var people []*Application
	var bad []Violation
	if len(plan.Applications) == 0 {
		for _, code := range cohort {
			a, err := tx.ApplicationByCode(ctx, plan.Program, code)
			if err != nil {
				return nil, err
			}
			if a.State == Withdrawn {
				continue // after the draw: their seat is for a replacement
			}
			if replaces != "" {
				// Who keeps a seat has an offer; whoever left meanwhile gets no second.
				offers, err := tx.OffersTo(ctx, plan.Program, a.ID)
				if err != nil {
					return nil, err
				}
				if slices.ContainsFunc(offers, func(o *Offer) bool { return o.State.Open() }) {
					continue
				}
				if len(offers) > 0 {
					return nil, Errorf(FailedPrecondition, "MEMBER_GONE", "%s left after this run began: fill the seats again once more", a.Code)
				}
			}
			people = append(people, a)
		}
		if len(people) == 0 {
			return nil, Errorf(FailedPrecondition, "NOBODY_LEFT", "nobody of this group is waiting for a seat: fill the seats again of those who left")
		}
	}
	for i, id := range plan.Applications {
		at := fmt.Sprintf("applications[%d]", i)
		a, err := tx.Application(ctx, plan.Program, id)
		switch {
		case CodeOf(err) == NotFound:
			bad = append(bad, Violation{Field: at, Message: "there is no such application"})
			continue
		case err != nil:
			return nil, err
		case slices.Index(plan.Applications, id) != i:
			bad = append(bad, Violation{Field: at, Message: a.Code + " is there twice"})
			continue
		}
		people = append(people, a)
	}
	if len(bad) > 0 {
		return nil, Invalid("OFFERS_INVALID", "the offers cannot be made like this", bad...)
	}
	slices.SortFunc(people, func(a, b *Application) int { return strings.Compare(a.Code, b.Code) })
	for _, a := range people {
		if _, err := a.State.after(selectApplication); err != nil {
			return nil, Errorf(FailedPrecondition, "APPLICATION_STATE", "%s is %s: seats are offered to people in the pool, or who were selected before", a.Code, a.State)
		}
	}
	return people, nil
}

func offerName(o *Offer) string { return "programs/" + o.Program + "/offers/" + o.ID }

// SendOffers releases offers (ids; empty: all that are pending) until expires:
// from then on their applicants see and answer them, and are SELECTED. The
// pending offer of somebody who is not in the pool any more is taken back
// instead. All are sent or none; it returns how many. There is no mail yet: to
// tell people is for people to do.
func (s *Service) SendOffers(ctx context.Context, who access.Principal, program string, ids []string, expires time.Time, idem Idempotency) (int, error) {
	if err := calls.Need(who, access.SelectionsRun, program); err != nil {
		return 0, err
	}
	expires = instant(expires)
	now := s.now()
	if !expires.After(now) || expires.After(now.Add(maxOfferLife)) {
		return 0, Invalid("OFFERS_INVALID", "the offers cannot be sent like this", Violation{Field: "expire_time", Message: "in the future, and within a year"})
	}
	return once(ctx, s, who, program, "SendOffers", idem, func(tx Tx) (int, string, error) {
		p, err := tx.Program(ctx, program)
		if err != nil {
			return 0, "", err
		}
		from := p.State
		if p.State, err = from.after(sendOffers); err != nil {
			return 0, "", err
		}
		offers, err := offersToSend(ctx, tx, program, ids)
		if err != nil {
			return 0, "", err
		}
		sent := 0
		var events []Event
		for _, o := range offers {
			more, did, err := s.send(ctx, tx, who, o, expires)
			if err != nil {
				return 0, "", err
			}
			events = append(events, more...)
			if did {
				sent++
			}
		}
		if sent > 0 && p.State != from {
			p.UpdateTime = s.now()
			if err := tx.UpdateProgram(ctx, p); err != nil {
				return 0, "", err
			}
			events = append(events, s.event(who, "program.offers", programName(p.ID), "", transition(from, p.State)))
		}
		return sent, program, tx.AppendEvents(ctx, events...)
	})
}

func offersToSend(ctx context.Context, tx Tx, program string, ids []string) ([]*Offer, error) {
	if len(ids) == 0 {
		return tx.Offers(ctx, OfferQuery{Program: program, States: []OfferState{OfferPending}, Limit: maxOffers})
	}
	if len(ids) > maxOffers {
		return nil, Invalid("OFFERS_INVALID", "the offers cannot be sent like this", Violation{Field: "names", Message: fmt.Sprintf("at most %d at once", maxOffers)})
	}
	var offers []*Offer
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		o, err := tx.Offer(ctx, program, id)
		if err != nil {
			return nil, err
		}
		offers = append(offers, o)
	}
	return offers, nil
}

// send moves one offer and its application. Events are for the caller to
// append, last: every transaction of the database waits for the log.
func (s *Service) send(ctx context.Context, tx Tx, who access.Principal, o *Offer, expires time.Time) (events []Event, sent bool, err error) {
	a, err := tx.Application(ctx, o.Program, o.Application)
	if err != nil {
		return nil, false, err
	}
	now := s.now()
	from := a.State
	next, stateErr := from.after(selectApplication)
	if stateErr != nil {
		e, err := s.moveOffer(ctx, tx, who, o, rescindOffer, "")
		return []Event{e}, false, err
	}
	o.SendTime, o.ExpireTime = now, expires
	e, err := s.moveOffer(ctx, tx, who, o, sendOffer, "")
	if err != nil {
		return nil, false, err
	}
	a.State, a.Offer, a.UpdateTime = next, o.ID, now
	if err := tx.UpdateApplication(ctx, a, nil); err != nil {
		return nil, false, err
	}
	return []Event{e, s.event(who, "application.select", applicationName(a.Program, a.ID), "", transition(from, next))}, true, nil
}

// moveOffer takes one transition of an offer, with the counts of its program,
// and returns what to record: this is the only place where either changes.
func (s *Service) moveOffer(ctx context.Context, tx Tx, who access.Principal, o *Offer, action offerAction, reason string) (Event, error) {
	from := o.State
	next, err := from.after(action)
	if err != nil {
		return Event{}, err
	}
	o.State, o.UpdateTime = next, s.now()
	switch action {
	case acceptOffer, declineOffer:
		o.AnswerTime, o.AnsweredBy = o.UpdateTime, who.Subject
	case rescindOffer:
		o.RescindTime = o.UpdateTime
	}
	// The offer before the counts, always: two transactions that lock both in
	// different orders would wait for each other.
	if err := tx.UpdateOffer(ctx, o); err != nil {
		return Event{}, err
	}
	switch {
	case next == OfferAccepted:
		err = tx.TakeSeat(ctx, o.Program)
		if ReasonOf(err) == "SEATS_TAKEN" {
			err = Errorf(FailedPrecondition, "SEATS_TAKEN", "every seat of this program is taken: others accepted first. The people of the program know whether one becomes free again")
		}
	case !next.Open():
		err = tx.FreeSeat(ctx, o.Program, from == OfferAccepted)
	}
	return s.event(who, offerEvents[action], offerName(o), reason, transition(from, next)), err
}

// offerEvents are the words of the audit log.
var offerEvents = map[offerAction]string{
	sendOffer: "offer.send", acceptOffer: "offer.accept", declineOffer: "offer.decline",
	expireOffer: "offer.expire", rescindOffer: "offer.rescind",
}

// AcceptOffer takes the seat for the applicant. Staff with ApplicationsWrite do
// so on somebody's behalf and say how they know (onBehalf; recorded).
// FailedPrecondition OFFER_EXPIRED after the time to answer, SEATS_TAKEN if more
// offers than seats were sent and others accepted first.
func (s *Service) AcceptOffer(ctx context.Context, who access.Principal, program, id, onBehalf string, revision int64, idem Idempotency) (*Offer, error) {
	return s.answer(ctx, who, acceptOffer, &Offer{Program: program, ID: id, Revision: revision}, onBehalf, idem)
}

// DeclineOffer refuses a seat, or gives one back that was accepted, with a
// reason if the applicant wants to say one; otherwise as AcceptOffer. The seat
// is free again. The application stays SELECTED: that it was is true, and what
// became of it the offer says.
func (s *Service) DeclineOffer(ctx context.Context, who access.Principal, program, id, reason, onBehalf string, revision int64, idem Idempotency) (*Offer, error) {
	reason, problem := cleanText(reason, true, 1000)
	if problem != "" {
		return nil, Invalid("DECLINE_INVALID", "the reason cannot be kept", Violation{Field: "reason", Message: problem})
	}
	return s.answer(ctx, who, declineOffer, &Offer{Program: program, ID: id, Revision: revision, DeclineReason: reason}, onBehalf, idem)
}

func (s *Service) answer(ctx context.Context, who access.Principal, action offerAction, asked *Offer, onBehalf string, idem Idempotency) (*Offer, error) {
	method := map[offerAction]string{acceptOffer: "AcceptOffer", declineOffer: "DeclineOffer"}[action]
	own := who.Application != "" && who.Program == asked.Program
	if !own {
		if err := calls.Need(who, access.ApplicationsWrite, asked.Program); err != nil {
			return nil, err
		}
		reason, bad := calls.StaffReason("on_behalf_reason", onBehalf)
		if len(bad) > 0 {
			return nil, Invalid("REASON_MISSING", "an answer for somebody else needs a reason, which is recorded: how they told you", bad...)
		}
		onBehalf = reason
	} else {
		onBehalf = ""
	}
	return once(ctx, s, who, asked.Program, method, idem, func(tx Tx) (*Offer, string, error) {
		p, err := tx.Program(ctx, asked.Program)
		if err != nil {
			return nil, "", err
		}
		o, err := visibleOffer(ctx, tx, who, asked.Program, asked.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(asked.Revision, o.Revision); err != nil {
			return nil, "", err
		}
		if _, err := p.State.after(answerOffers); err != nil {
			return nil, "", err
		}
		// From its end on an offer is over, whether the clock that ends it has
		// come by or not.
		if o.State == OfferSent && !s.now().Before(o.ExpireTime) {
			return nil, "", offerExpired()
		}
		if action == declineOffer {
			o.DeclineReason = asked.DeclineReason
		}
		e, err := s.moveOffer(ctx, tx, who, o, action, onBehalf)
		if err != nil {
			return nil, "", err
		}
		return o.shownTo(who), o.ID, tx.AppendEvents(ctx, e)
	})
}

// RescindOffer takes an offer back, with a reason: one that was not sent, one
// that was, and also one that was accepted. The seat is free again; an
// applicant who was told of it is back in the pool.
func (s *Service) RescindOffer(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Offer, error) {
	if err := calls.Need(who, access.SelectionsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, Invalid("REASON_MISSING", "to take an offer back needs a reason, which is recorded", bad...)
	}
	return once(ctx, s, who, program, "RescindOffer", idem, func(tx Tx) (*Offer, string, error) {
		p, err := tx.Program(ctx, program)
		if err != nil {
			return nil, "", err
		}
		o, err := tx.Offer(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, o.Revision); err != nil {
			return nil, "", err
		}
		if _, err := p.State.after(rescindOffers); err != nil {
			return nil, "", err
		}
		a, err := tx.Application(ctx, program, o.Application)
		if err != nil {
			return nil, "", err
		}
		e, err := s.moveOffer(ctx, tx, who, o, rescindOffer, reason)
		if err != nil {
			return nil, "", err
		}
		events := []Event{e}
		from := a.State
		if next, err := from.after(returnToPool); err == nil && !o.SendTime.IsZero() {
			a.State, a.UpdateTime = next, s.now()
			if err := tx.UpdateApplication(ctx, a, nil); err != nil {
				return nil, "", err
			}
			events = append(events, s.event(who, "application.pool", applicationName(program, a.ID), reason, transition(from, next)))
		}
		return o.shownTo(who), o.ID, tx.AppendEvents(ctx, events...)
	})
}

// endOffer ends the open offer of an application that leaves the program, if
// there is one: one that was not sent is taken back, any other declined. It
// comes before the application's own change, and returns what to record.
func (s *Service) endOffer(ctx context.Context, tx Tx, who access.Principal, a *Application) ([]Event, error) {
	o, err := tx.OpenOffer(ctx, a.Program, a.ID)
	if err != nil {
		if CodeOf(err) == NotFound {
			err = nil
		}
		return nil, err
	}
	action := declineOffer
	if o.State == OfferPending {
		action = rescindOffer
	}
	e, err := s.moveOffer(ctx, tx, who, o, action, "")
	return []Event{e}, err
}

// eraseOffers takes what people wrote out of every offer to an application.
func (s *Service) eraseOffers(ctx context.Context, tx Tx, program, application string) error {
	offers, err := tx.OffersTo(ctx, program, application)
	if err != nil {
		return err
	}
	for _, o := range offers {
		if o.DeclineReason == "" && o.Reason == "" {
			continue
		}
		o.DeclineReason, o.Reason = "", ""
		if err := tx.UpdateOffer(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// ExpireOffers ends every offer whose time to answer is over, and returns how
// many. The server calls it from time to time; calling it twice, or on two
// servers at once, or while somebody accepts, gives each offer one end. One
// that cannot be ended does not keep the others.
func (s *Service) ExpireOffers(ctx context.Context) (int, error) {
	n := 0
	var failed error
	for {
		var due []OfferKey
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			due, err = tx.DueOffers(ctx, s.now(), scanBatch)
			return err
		})
		if err != nil {
			return n, errors.Join(failed, err)
		}
		before := n
		for _, key := range due {
			did, err := s.expire(ctx, key)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("offer %s of program %s: %w", key.ID, key.Program, err))
			}
			if did {
				n++
			}
		}
		if len(due) < scanBatch || n == before || ctx.Err() != nil {
			return n, failed
		}
	}
}

func (s *Service) expire(ctx context.Context, key OfferKey) (bool, error) {
	did := false
	err := s.Store.Update(ctx, func(tx Tx) error {
		did = false
		// First, as in every change of an offer: changes of one program take
		// turns from there on.
		if _, err := tx.Program(ctx, key.Program); err != nil {
			return err
		}
		o, err := tx.Offer(ctx, key.Program, key.ID)
		if err != nil || o.State != OfferSent || s.now().Before(o.ExpireTime) {
			return err // answered or ended meanwhile
		}
		e, err := s.moveOffer(ctx, tx, calls.System, o, expireOffer, "")
		if err != nil {
			return err
		}
		did = true
		return tx.AppendEvents(ctx, e)
	})
	if CodeOf(err) == NotFound {
		return false, nil // its program was deleted
	}
	return did && err == nil, err
}

// visibleOffer reads an offer that the caller may know of: an applicant of
// their own, once it was sent.
func visibleOffer(ctx context.Context, tx Tx, who access.Principal, program, id string) (*Offer, error) {
	o, err := tx.Offer(ctx, program, id)
	if err != nil {
		return nil, err
	}
	if who.Application != "" && (!who.Owns(program, o.Application) || o.SendTime.IsZero()) {
		return nil, Errorf(NotFound, "OFFER_NOT_FOUND", "there is no such offer")
	}
	return o, nil
}

// shownTo is what the caller sees of an offer: the applicant nothing of how it
// came about; staff not what the applicant wrote.
func (o *Offer) shownTo(who access.Principal) *Offer {
	r := *o
	if who.Owns(o.Program, o.Application) {
		r.Selection, r.Proposed, r.ConfirmedBy, r.Reason, r.AnsweredBy = "", false, "", "", ""
	} else {
		r.DeclineReason = ""
	}
	return &r
}

// Offer returns an offer: to its applicant, once it was sent, and to staff with
// SelectionsRead. The reason of a decline is the applicant's own words: staff
// read it with IdentityRead, which is recorded.
func (s *Service) Offer(ctx context.Context, who access.Principal, program, id string) (*Offer, error) {
	if who.Application == "" || who.Program != program {
		if err := calls.Need(who, access.SelectionsRead, program); err != nil {
			return nil, err
		}
	}
	var o *Offer
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		o, err = visibleOffer(ctx, tx, who, program, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown := o.shownTo(who)
	if o.DeclineReason != "" && shown.DeclineReason == "" && who.Can(access.IdentityRead, program) {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.read", offerName(o), "", "decline_reason"))
		})
		if err != nil {
			return nil, err
		}
		shown.DeclineReason = o.DeclineReason
	}
	return shown, nil
}

var offerFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names(offerStates)},
	{Name: "code", Type: filter.String},
	{Name: "application", Type: filter.String},
	{Name: "selection", Type: filter.String},
	{Name: "proposed", Type: filter.Bool},
	{Name: "create_time", Type: filter.Time},
	{Name: "update_time", Type: filter.Time},
	{Name: "send_time", Type: filter.Time},
	{Name: "expire_time", Type: filter.Time},
	{Name: "answer_time", Type: filter.Time},
}

func offerValue(o *Offer, field string) filter.Value {
	switch field {
	case "state":
		return textValue(string(o.State))
	case "code":
		return textValue(o.Code)
	case "application":
		return textValue(applicationName(o.Program, o.Application))
	case "selection":
		return textValue("programs/" + o.Program + "/selections/" + o.Selection)
	case "proposed":
		return filter.Value{Present: true, Bool: o.Proposed}
	case "create_time":
		return timeValue(o.CreateTime)
	case "update_time":
		return timeValue(o.UpdateTime)
	case "send_time":
		return timeValue(o.SendTime)
	case "expire_time":
		return timeValue(o.ExpireTime)
	case "answer_time":
		return timeValue(o.AnswerTime)
	}
	return filter.Value{}
}

// Offers lists a program's offers in the order they were made, without the
// reasons of declines.
func (s *Service) Offers(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Offer], error) {
	if err := calls.Need(who, access.SelectionsRead, program); err != nil {
		return nil, err
	}
	l, err := newList(q, offerFields, offerValue, "create_time")
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Offer]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Program(ctx, program); err != nil {
			return err
		}
		id, show := func(o *Offer) string { return o.ID }, func(o *Offer) *Offer { return o.shownTo(who) }
		page, err = l.Page(id, show, func(after string) ([]*Offer, error) {
			return tx.Offers(ctx, OfferQuery{Program: program, AfterID: after, Descending: l.Descending, Limit: scanBatch})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}
