// Package applications is everything about applying: programs and their
// forms, applications, the criteria a cohort is built by, and the runs of the
// selector. It holds the state machines, the rules and the service logic, and
// names the Store that it needs. It knows nothing of the wire or of SQL.
package applications

import "time"

// Text is a text for people, by BCP 47 language tag ("en", "es"). A missing
// language falls back to "en".
type Text map[string]string

// In returns the text in the language, or in English.
func (t Text) In(lang string) string {
	if s := t[lang]; s != "" {
		return s
	}
	return t["en"]
}

// ProgramState is the life of a program, from a draft to the archive.
type ProgramState string

const (
	ProgramDraft     ProgramState = "DRAFT"
	ProgramOpen      ProgramState = "OPEN"
	ProgramClosed    ProgramState = "CLOSED"
	ProgramSelecting ProgramState = "SELECTING"
	ProgramOffersOut ProgramState = "OFFERS_OUT"
	ProgramFilled    ProgramState = "FILLED"
	ProgramRunning   ProgramState = "RUNNING"
	ProgramCompleted ProgramState = "COMPLETED"
	ProgramArchived  ProgramState = "ARCHIVED"
)

// Window is when applications are taken: closed-open, Opens ≤ t < Closes, plus
// the grace minutes that the page does not promise. Zone is an IANA name and
// says how the times are shown.
type Window struct {
	Opens, Closes time.Time
	Zone          string
	GraceMinutes  int // 0…120
}

// Program is a call for applications and what comes of it.
type Program struct {
	ID       string // "equity-in-leadership-2027": 3…63 of [a-z0-9-], starts with a letter
	State    ProgramState
	Title    Text
	Summary  Text // one paragraph for the list of open calls
	Audience Text // who it is for
	Effort   Text // dates and time commitment
	Selected Text // how people are chosen, in a few lines
	Contact  Text // whom to ask, with a phone number
	Region   Text
	Preset   string // the preset it was made from, or ""

	CodePrefix       string // of applicants' codes, 1…6 capital letters: "NS"
	MinSeats, Seats  int    // cohort size range; 1 ≤ MinSeats ≤ Seats ≤ 1000
	Window           Window
	FormVersion      int // the published form; 0 while there is none
	CriteriaVersion  int // the registered criteria; 0 while there are none
	PublicAgency     bool
	ApplicationCount int // all applications ever begun, kept by the store

	Revision                        int64 // grows by one at each change; the etag
	CreateTime, UpdateTime          time.Time
	OpenTime, CloseTime, DeleteTime time.Time // zero until it happens
}

// Accepting reports whether an application may be begun, changed or submitted
// at t.
func (p *Program) Accepting(t time.Time) bool {
	return p.State == ProgramOpen && !t.Before(p.Window.Opens) && t.Before(p.Window.end())
}

// end is the first instant at which nothing is taken any more.
func (w Window) end() time.Time {
	return w.Closes.Add(time.Duration(w.GraceMinutes) * time.Minute)
}
