package introductions

import (
	"slices"
	"time"
)

// State is the life of an introduction.
type State string

const (
	Proposed State = "PROPOSED"
	Accepted State = "ACCEPTED" // all who are left in it agreed
	Declined State = "DECLINED" // so many declined that nobody is introduced
	Expired  State = "EXPIRED"
	Recalled State = "RECALLED" // somebody left the network, or had a change of mind before contacts were shared
)

// DeclineReason is why somebody declined, in a closed list that can be counted.
type DeclineReason string

const (
	NoTime      DeclineReason = "NO_TIME"
	Known       DeclineReason = "KNOWN"
	TooClose    DeclineReason = "TOO_CLOSE"
	NotThisOne  DeclineReason = "NOT_THIS_ONE"
	OtherReason DeclineReason = "OTHER"
)

// DeclineReasons lists them in the order of pages.
var DeclineReasons = []DeclineReason{NoTime, Known, TooClose, NotThisOne, OtherReason}

// Side is one of the people of an introduction, with their answer.
type Side struct {
	Member, Code string
	Answer       State     // "", Accepted or Declined
	Time         time.Time // of the answer
	Reason       DeclineReason
	Left         bool // the network: erased
}

// Introduction is people who are introduced to each other.
type Introduction struct {
	Program, Network, ID string // id: UUIDv7
	Round                string // id
	State                State
	// Need is how many have to accept: fewer make no group of this network.
	Need  int
	Sides []Side // by code

	Revision                                    int64
	CreateTime, UpdateTime, ExpireTime, EndTime time.Time // EndTime: zero until it is over
}

// side returns somebody's side, or nil.
func (i *Introduction) side(member string) *Side {
	at := slices.IndexFunc(i.Sides, func(s Side) bool { return s.Member == member })
	if at < 0 {
		return nil
	}
	return &i.Sides[at]
}

// answers counts who accepted and who declined.
func (i *Introduction) answers() (accepted, declined int) {
	for _, s := range i.Sides {
		switch s.Answer {
		case Accepted:
			accepted++
		case Declined:
			declined++
		}
	}
	return accepted, declined
}

var introductionStates = []State{Proposed, Accepted, Declined, Expired, Recalled}
