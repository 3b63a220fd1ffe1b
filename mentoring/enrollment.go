package mentoring

import "time"

// Role is the side of a pair that somebody enrolled for. A person who does
// both enrolls twice.
type Role string

const (
	Mentor Role = "MENTOR"
	Mentee Role = "MENTEE"
)

// EnrollmentState is the life of an enrollment.
type EnrollmentState string

const (
	Draft     EnrollmentState = "DRAFT"
	Submitted EnrollmentState = "SUBMITTED"
	Screened  EnrollmentState = "SCREENED"  // staff looked at it; not matched yet
	Available EnrollmentState = "AVAILABLE" // the next run matches it
	Paused    EnrollmentState = "PAUSED"    // not matched; what runs goes on
	Withdrawn EnrollmentState = "WITHDRAWN"
	Erased    EnrollmentState = "ERASED" // a tombstone
)

// Purpose is what somebody agrees to, each by itself.
type Purpose string

const (
	// ForMatching: the profile is used to find pairs. Nobody can submit without.
	ForMatching Purpose = "MATCHING"
	// ForContact: a confirmed partner sees name and contact. Nobody can accept a
	// proposal without.
	ForContact Purpose = "CONTACT"
	// ForAffinity: lived experience may be used, as far as it was released.
	ForAffinity Purpose = "AFFINITY"
	// ForMeasures: meetings and surveys count in the program's figures.
	ForMeasures Purpose = "MEASURES"
)

// Consent is somebody's answer to one purpose.
type Consent struct {
	Purpose Purpose
	Given   bool
	Time    time.Time
}

// Contact is how to address and reach somebody.
type Contact struct {
	Name  string
	Goes  string // the name we should use; "" is Name
	Email string
	Phone string
}

// Trait is one value of lived experience that a mentor or mentee has entered.
// What is not released stays with its owner: it is in no run, answer, export or
// log.
type Trait struct {
	Attribute, Value string
	Matching         bool // may be compared with what a mentee prefers
	Explained        bool // may also be named to the partner and to staff
}

// AffinityWish is a mentee's own choice: how much a trait of the mentor counts.
type AffinityWish struct {
	Attribute, Value string
	Strength         string // "NICE", "IMPORTANT" or "REQUIRED"
}

// Origin is the application from which somebody came: a cohort's member as a
// mentee, an alumna as a mentor.
type Origin struct{ Program, Application string }

// Enrollment is one mentor or mentee of a program.
type Enrollment struct {
	Program, ID string // id: UUIDv7
	Code        string // "MO-0007" or "ME-0012": what staff see
	Role        Role
	State       EnrollmentState
	Origin      Origin // zero: enrolled by themselves or by staff
	OnBehalf    string // subject of the member of staff who enrolled them, or ""
	Contact     Contact
	Language    string // BCP 47, for pages; "" is the program's
	// Seats is how many mentees a mentor takes, Wanted how many mentors a mentee
	// asks for; the other one is 0.
	Seats, Wanted int
	// Profile holds the answers by the columns of the plan's rules, as a row of
	// a file of mentors or mentees does.
	Profile  map[string]string
	Traits   []Trait
	Affinity []AffinityWish // mentees only
	// Wishes are codes of people whom somebody would like to be matched with, the
	// first before the others. Never are ids of those whom they never want to be
	// matched with, which nobody else sees.
	Wishes, Never []string
	// Refused are ids of those whom somebody declined for good: no run pairs them
	// again, and nobody else sees it either.
	Refused  []string
	Consents []Consent
	// WaitRounds counts the published runs that found nobody for a mentee since
	// they last had a mentor, WaitSince says since when.
	WaitRounds int
	WaitSince  time.Time

	// TokenGeneration is how many times the token was renewed.
	TokenGeneration int

	Revision                           int64
	CreateTime, UpdateTime, SubmitTime time.Time
}

// Places counts what an enrollment has given away: Total seats of a mentor or
// mentors wanted by a mentee, Proposed in open proposals and live mentorships,
// Taken in live mentorships.
type Places struct{ Total, Proposed, Taken int }

// enrollmentAction is something done to an enrollment.
type enrollmentAction string

const (
	editEnrollment     enrollmentAction = "change"
	agreeEnrollment    enrollmentAction = "change the consents of"
	submitEnrollment   enrollmentAction = "submit"
	screenEnrollment   enrollmentAction = "screen"
	returnEnrollment   enrollmentAction = "give back"
	offerEnrollment    enrollmentAction = "make available"
	pauseEnrollment    enrollmentAction = "pause"
	withdrawEnrollment enrollmentAction = "withdraw"
	renewEnrollment    enrollmentAction = "give a new link to"
	eraseEnrollment    enrollmentAction = "erase"
)

var enrollmentStates = []EnrollmentState{Draft, Submitted, Screened, Available, Paused, Withdrawn, Erased}

var enrollmentLife = map[enrollmentAction]map[EnrollmentState]EnrollmentState{
	editEnrollment: {Draft: Draft, Submitted: Submitted, Screened: Screened, Available: Available, Paused: Paused},
	agreeEnrollment: {
		Draft: Draft, Submitted: Submitted, Screened: Screened, Available: Available, Paused: Paused, Withdrawn: Withdrawn,
	},
	submitEnrollment: {Draft: Submitted},
	screenEnrollment: {Submitted: Screened},
	returnEnrollment: {Submitted: Draft, Screened: Draft},
	offerEnrollment:  {Screened: Available, Paused: Available},
	pauseEnrollment:  {Available: Paused},
	withdrawEnrollment: {
		Draft: Withdrawn, Submitted: Withdrawn, Screened: Withdrawn, Available: Withdrawn, Paused: Withdrawn,
	},
	renewEnrollment: {
		Draft: Draft, Submitted: Submitted, Screened: Screened, Available: Available, Paused: Paused, Withdrawn: Withdrawn,
	},
	eraseEnrollment: {
		Draft: Erased, Submitted: Erased, Screened: Erased, Available: Erased, Paused: Erased, Withdrawn: Erased,
	},
}
