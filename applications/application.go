package applications

import "time"

// ApplicationState is the life of an application.
type ApplicationState string

const (
	Draft       ApplicationState = "DRAFT"
	Submitted   ApplicationState = "SUBMITTED"
	Screening   ApplicationState = "SCREENING"
	Ineligible  ApplicationState = "INELIGIBLE"
	InReview    ApplicationState = "IN_REVIEW"
	InPool      ApplicationState = "IN_POOL"
	Selected    ApplicationState = "SELECTED"
	Alternate   ApplicationState = "ALTERNATE"
	NotSelected ApplicationState = "NOT_SELECTED"
	Withdrawn   ApplicationState = "WITHDRAWN"
	Erased      ApplicationState = "ERASED"
)

// Contact is how to reach an applicant. Encrypted at rest. Name is one field:
// mononyms and double surnames are whole names.
type Contact struct {
	Name  string
	Goes  string // the name we should use, or ""
	Email string // "" if none: everything works without mail
	Phone string
}

// Answer is the answer to one attribute. Declined excludes everything else.
type Answer struct {
	Values     []string            // codes, in the form's order, no repeats
	Qualifiers map[string][]string // value code -> qualifier codes
	WriteIns   map[string]string   // value code -> own words
	Text       string              // Entity, FreeText
	Number     *int64
	Declined   bool
}

// Empty reports whether nothing was answered and nothing was declined.
func (a Answer) Empty() bool {
	return len(a.Values) == 0 && a.Text == "" && a.Number == nil && !a.Declined
}

// Answers are by attribute key. A missing key is a question not answered yet.
type Answers map[string]Answer

// Consent records that one text was agreed to, and in which language and form
// version it was read.
type Consent struct {
	Key         string
	FormVersion int
	Language    string
	Time        time.Time
}

// OnBehalf records that staff entered an application for somebody.
type OnBehalf struct {
	By          string // principal's subject
	Reason      string // "phone", "paper", …
	ConsentNote string
}

// Application is one person's application to one program.
type Application struct {
	Program  string
	ID       string // UUIDv7
	Code     string // "NS-0412": how staff name it; unique in the program
	State    ApplicationState
	Form     int // version the answers were given under
	Contact  Contact
	Answers  Answers
	Consents []Consent
	OnBehalf *OnBehalf // nil unless staff entered it
	Language string    // "en", "es"
	// Ineligible: the codes of the eligibility conditions that did not hold.
	IneligibleReasons []string
	WithdrawReason    string
	Offer             string // id of the last offer that was sent, or ""
	// Salt is random and of this application only: Fingerprint. Nil where it
	// began before there were fingerprints.
	Salt []byte
	// Print is the Fingerprint, as the applicant is told it: not stored, and empty
	// for everybody else.
	Print string `json:",omitempty"`
	// TokenGeneration counts the application's tokens: a new one revokes the
	// old. CodeGeneration does the same for the return code.
	TokenGeneration, CodeGeneration int

	Revision                           int64
	CreateTime, UpdateTime, SubmitTime time.Time
	ExtendedUntil                      time.Time // a personal extension, or zero
}
