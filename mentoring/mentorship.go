package mentoring

import "time"

// MentorshipState is the life of a mentorship.
type MentorshipState string

const (
	Active     MentorshipState = "ACTIVE"
	OnHold     MentorshipState = "ON_HOLD"
	Completed  MentorshipState = "COMPLETED"
	EndedEarly MentorshipState = "ENDED_EARLY"
)

// Live reports whether the mentorship holds a seat.
func (s MentorshipState) Live() bool { return s == Active || s == OnHold }

// EndReason is why a mentorship ended early, in a closed list.
type EndReason string

const (
	EndTime     EndReason = "NO_TIME"
	EndGoals    EndReason = "GOALS_CHANGED"
	EndFit      EndReason = "NOT_A_FIT"
	EndMoved    EndReason = "MOVED_ON"
	EndSafeExit EndReason = "SAFE_EXIT" // only staff see this one; the other side sees OTHER
	EndLeft     EndReason = "LEFT"      // one side left the program
	EndOther    EndReason = "OTHER"
)

// EndReasons lists those that mentors and mentees may give.
var EndReasons = []EndReason{EndTime, EndGoals, EndFit, EndMoved, EndOther}

// MeetingState is what became of a meeting.
type MeetingState string

const (
	Planned MeetingState = "PLANNED"
	Held    MeetingState = "HELD"
	Missed  MeetingState = "MISSED"
)

// Meeting is one meeting of a mentorship. It has no minutes: what was said
// stays between the two.
type Meeting struct {
	ID      string // UUIDv7
	State   MeetingState
	Time    time.Time
	Minutes int    // 5…480
	Place   string // a link or a place, or ""
	By      Role   // who entered it
}

// GoalState is what became of a goal.
type GoalState string

const (
	GoalOpen    GoalState = "OPEN"
	GoalReached GoalState = "REACHED"
	GoalDropped GoalState = "DROPPED"
)

// Goal is something that the two want to reach.
type Goal struct {
	ID    string // UUIDv7
	Words string
	State GoalState
	By    Role
	Time  time.Time
}

// Survey is one side's closing survey.
type Survey struct {
	Helped    int    // 1…5: it helped me
	Again     int    // 1…5: I would do it again
	Fit       int    // 1…5: we fitted
	Words     string // for the program's people
	Time      time.Time
	Recommend bool
}

// Mentorship is a live relation of a mentee and a mentor.
type Mentorship struct {
	Program, ID            string // id: UUIDv7
	Proposal               string
	Mentee, Mentor         string // ids of enrollments
	MenteeCode, MentorCode string
	State                  MentorshipState
	Meetings               []Meeting // by time
	Goals                  []Goal
	MenteeSurvey           *Survey
	MentorSurvey           *Survey
	EndReason              EndReason
	EndedBy                Role // "" for staff
	// SafeExit is what somebody who left by the safe exit wants the program's
	// person to know; Handled says that that person has taken it up.
	SafeExit     string
	SafeExitFrom Role
	Handled      bool
	HandledBy    string

	Revision                        int64
	CreateTime, UpdateTime, EndTime time.Time
}

// Partner is what one side of a confirmed pair sees of the other.
type Partner struct {
	Code    string
	Contact Contact
}

// mentorshipAction is something done to a mentorship.
type mentorshipAction string

const (
	changeMentorship   mentorshipAction = "change"
	holdMentorship     mentorshipAction = "pause"
	resumeMentorship   mentorshipAction = "resume"
	completeMentorship mentorshipAction = "complete"
	endMentorship      mentorshipAction = "end"
	surveyMentorship   mentorshipAction = "answer the closing survey of"
)

var mentorshipStates = []MentorshipState{Active, OnHold, Completed, EndedEarly}

var mentorshipLife = map[mentorshipAction]map[MentorshipState]MentorshipState{
	changeMentorship:   {Active: Active, OnHold: OnHold},
	holdMentorship:     {Active: OnHold},
	resumeMentorship:   {OnHold: Active},
	completeMentorship: {Active: Completed, OnHold: Completed},
	endMentorship:      {Active: EndedEarly, OnHold: EndedEarly},
	surveyMentorship:   {Completed: Completed, EndedEarly: EndedEarly},
}

// Measures are a program's measured outcomes. Rates are in thousandths, -1
// where there is nothing to measure. Cells of fewer people than Smallest are
// left out: their count is -1.
type Measures struct {
	Program                            string
	Mentors, Mentees                   int           // that can be matched or are paused
	Waiting                            int           // mentees AVAILABLE without mentor or open proposal
	LongestWait                        int           // rounds
	Matchings                          int           // published
	Sent, Confirmed, Declined, Expired int           // proposals
	Acceptance                         int           // confirmed of those that ended, in thousandths
	FirstResponse                      time.Duration // median from sending to the first answer; 0 with none
	Mentorships, Live                  int
	FirstMeetings, FirstMeetingsInTime int // of mentorships older than 14 days: how many, and met within 14 days
	FirstMeetingRate                   int
	Pairs, Overridden, OverridesPer100 int // of published runs
	Completed, EndedEarly              int
	Surveys                            int
	Helped                             int // mean of the answers, in thousandths of a point; -1 with fewer than Smallest
	DeclineReasons                     map[DeclineReason]int
	Smallest                           int
}
