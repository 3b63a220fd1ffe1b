package mentoring

import "time"

// ProposalState is the life of a proposal: one pair on offer to both sides.
type ProposalState string

const (
	Staged    ProposalState = "STAGED"    // decided; nobody was told
	Sent      ProposalState = "SENT"      // both sides may answer
	Accepted  ProposalState = "ACCEPTED"  // one side accepted
	Confirmed ProposalState = "CONFIRMED" // both did: a mentorship began
	Declined  ProposalState = "DECLINED"
	Expired   ProposalState = "EXPIRED"
	Recalled  ProposalState = "RECALLED" // taken back by staff, or a side left
)

// Open reports whether the proposal may still become a mentorship.
func (s ProposalState) Open() bool { return s == Staged || s == Sent || s == Accepted }

// DeclineReason is why somebody declined, in a closed list that can be counted.
type DeclineReason string

const (
	NoTime      DeclineReason = "NO_TIME"      // no room for it now
	OtherTopic  DeclineReason = "OTHER_TOPIC"  // looks for something else
	TooClose    DeclineReason = "TOO_CLOSE"    // works with or knows this person
	WrongTimes  DeclineReason = "WRONG_TIMES"  // times or places do not fit
	NotThisOne  DeclineReason = "NOT_THIS_ONE" // would rather have somebody else
	OtherReason DeclineReason = "OTHER"
)

// DeclineReasons lists them in the order of pages.
var DeclineReasons = []DeclineReason{NoTime, OtherTopic, TooClose, WrongTimes, NotThisOne, OtherReason}

// Proposal is one pair on offer.
type Proposal struct {
	Program, ID            string // id: UUIDv7
	Matching               string // id of the run; "" for one that staff made by hand
	Mentee, Mentor         string // ids of enrollments
	MenteeCode, MentorCode string
	State                  ProposalState
	Score                  int
	Parts                  []Part
	// Proposed by hand, beyond a run, with a reason.
	ByHand, Reason string

	// Until both accept, each answers alone; zero: not yet.
	MenteeTime, MentorTime time.Time
	Decliner               Role // "" unless DECLINED
	DeclineReason          DeclineReason
	DeclineNote            string // the decliner's own words
	Mentorship             string // id, once CONFIRMED

	Revision                                       int64
	CreateTime, UpdateTime                         time.Time
	SendTime, ExpireTime, FirstAnswerTime, EndTime time.Time // zero until it happens
}

// proposalAction is something done to a proposal.
type proposalAction string

const (
	sendProposal    proposalAction = "send"
	acceptProposal  proposalAction = "accept"  // the first side
	confirmProposal proposalAction = "confirm" // the second side
	declineProposal proposalAction = "decline"
	expireProposal  proposalAction = "expire"
	recallProposal  proposalAction = "take back"
)

var proposalStates = []ProposalState{Staged, Sent, Accepted, Confirmed, Declined, Expired, Recalled}

var proposalLife = map[proposalAction]map[ProposalState]ProposalState{
	sendProposal:    {Staged: Sent},
	acceptProposal:  {Sent: Accepted},
	confirmProposal: {Accepted: Confirmed},
	declineProposal: {Sent: Declined, Accepted: Declined},
	expireProposal:  {Sent: Expired, Accepted: Expired},
	recallProposal:  {Staged: Recalled, Sent: Recalled, Accepted: Recalled},
}
