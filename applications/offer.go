package applications

import "time"

// OfferState is the life of an offer.
type OfferState string

const (
	OfferPending   OfferState = "PENDING"   // confirmed by a person; nobody was told
	OfferSent      OfferState = "SENT"      // waiting for an answer
	OfferAccepted  OfferState = "ACCEPTED"  // holds a seat
	OfferDeclined  OfferState = "DECLINED"  // also: given back after it was accepted
	OfferExpired   OfferState = "EXPIRED"   // not answered in time
	OfferRescinded OfferState = "RESCINDED" // taken back, or never sent
)

// Open reports whether the offer may still hold or take a seat. An application
// has at most one open offer; one that is not open stays as it is.
func (s OfferState) Open() bool {
	return s == OfferPending || s == OfferSent || s == OfferAccepted
}

// Offer is one seat offered to one applicant.
type Offer struct {
	Program, ID string // id: UUIDv7
	Application string // id
	Code        string // of the application
	State       OfferState

	// Who gets an offer is decided by a person: ConfirmedBy (a subject) with
	// Reason, on what a run proposed. Proposed tells whether the run chose this
	// applicant, or the person did beyond it.
	Selection   string // id of the run
	Proposed    bool
	ConfirmedBy string
	Reason      string
	// FirstCome: more offers than seats may be out, and a seat goes to whoever
	// accepts first.
	FirstCome bool

	AnsweredBy    string // subject of who accepted or declined
	DeclineReason string // the applicant's own words

	Revision                                      int64
	CreateTime, UpdateTime                        time.Time
	SendTime, ExpireTime, AnswerTime, RescindTime time.Time // zero until it happens
}

// Seats counts a program's seats: how many there are, how many open offers
// there are for them, and how many offers were accepted.
type Seats struct {
	Total, Offered, Taken int
}

// offerAction is something done to an offer.
type offerAction string

const (
	sendOffer    offerAction = "send"
	acceptOffer  offerAction = "accept"
	declineOffer offerAction = "decline"
	expireOffer  offerAction = "expire"
	rescindOffer offerAction = "take back"
)

var offerStates = []OfferState{OfferPending, OfferSent, OfferAccepted, OfferDeclined, OfferExpired, OfferRescinded}

// A seat that was accepted can be given back by its holder (declined) or taken
// back by staff (rescinded); either frees it.
var offerLife = map[offerAction]map[OfferState]OfferState{
	sendOffer:    {OfferPending: OfferSent},
	acceptOffer:  {OfferSent: OfferAccepted},
	declineOffer: {OfferSent: OfferDeclined, OfferAccepted: OfferDeclined},
	expireOffer:  {OfferSent: OfferExpired},
	rescindOffer: {OfferPending: OfferRescinded, OfferSent: OfferRescinded, OfferAccepted: OfferRescinded},
}

// after returns the state that the action leads to. FailedPrecondition
// OFFER_EXPIRED for an answer that comes too late, OFFER_ANSWERED for one that
// comes twice, and OFFER_STATE if the offer is not in a state for it otherwise.
func (s OfferState) after(a offerAction) (OfferState, error) {
	if next, ok := offerLife[a][s]; ok {
		return next, nil
	}
	switch answer := a == acceptOffer || a == declineOffer; {
	case answer && s == OfferExpired:
		return "", offerExpired()
	case a == acceptOffer && s == OfferAccepted, a == declineOffer && s == OfferDeclined:
		return "", Errorf(FailedPrecondition, "OFFER_ANSWERED", "this offer was answered already: it is %s", s)
	}
	return "", Errorf(FailedPrecondition, "OFFER_STATE", "cannot %s an offer in state %s; it has to be %s", a, s, oneOf(offerStates, offerLife[a]))
}

func offerExpired() error {
	return Errorf(FailedPrecondition, "OFFER_EXPIRED", "the time to answer this offer is over; ask the people of the program whether the seat is still free")
}
