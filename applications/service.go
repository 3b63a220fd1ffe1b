package applications

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Secrets derives keys from the installation's master key, one for each label.
type Secrets interface {
	// MAC is HMAC-SHA256 under the label's key.
	MAC(label string, message []byte) []byte
}

// Service is everything that can be done with programs and applications. The
// gRPC services, the pages and the command line all come through here: each
// method checks who calls, guards the state, writes in one transaction, and
// appends to the audit log in that same transaction.
//
// Methods return *Error for what a caller can mend: PermissionDenied when the
// role is missing, NotFound also for what the caller may not know of,
// FailedPrecondition for a wrong state, Aborted for a stale Revision,
// InvalidArgument with every violation at once.
type Service struct {
	Store   Store
	Secrets Secrets
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // UUIDv7
	Random  io.Reader     // for secrets; crypto/rand outside tests
	Engine  string        // version of the engine, as records name it
	Presets map[string]*Preset
	// Wake, if not nil, is told that a run was queued.
	Wake func()
}

// Preset is a program ready to be made: its texts, form and sets of criteria.
type Preset struct {
	ID, Version  string
	Title        Text
	Description  Text
	Program      Program // texts, seats, code prefix; no dates
	Form         Form
	Criteria     map[string]Criteria // by name; "neutral" is what a program starts with
	CriteriaName []string            // in order
	Sources      []string
}

// Idempotency identifies a mutation for its retries. The zero value is a call
// without a request id.
type Idempotency struct {
	RequestID string // UUIDv4, or ""
	// Hash is the SHA-256 of the request without its id: the same id with
	// another hash is refused (AlreadyExists, REQUEST_ID_REUSED).
	Hash []byte
}

// ---- programs ----

// CreateProgram makes a draft, whole or from a preset (p.Preset names it; what
// p leaves empty comes from the preset). The form and the preset's neutral
// criteria come with it.
func (s *Service) CreateProgram(ctx context.Context, who access.Principal, p *Program, form *Form, idem Idempotency) (*Program, error) {
	panic("being written")
}

// Program returns a program: staff see drafts, everybody sees what was opened.
func (s *Service) Program(ctx context.Context, who access.Principal, id string) (*Program, error) {
	panic("being written")
}

// Programs lists the programs the caller's roles reach, by id.
func (s *Service) Programs(ctx context.Context, who access.Principal, q ListQuery) (*ListPage[*Program], error) {
	panic("being written")
}

// OpenCalls lists what can be applied for now, or soon. Public.
func (s *Service) OpenCalls(ctx context.Context, q ListQuery) (*ListPage[*Program], error) {
	panic("being written")
}

// UpdateProgram changes the fields named (lowerCamelCase paths of Program's
// wire form: "title", "window", "seats", "minSeats", …) if p.Revision is the
// stored one, or unconditionally if it is 0.
func (s *Service) UpdateProgram(ctx context.Context, who access.Principal, p *Program, fields []string, idem Idempotency) (*Program, error) {
	panic("being written")
}

// DeleteProgram deletes a draft that nobody applied to.
func (s *Service) DeleteProgram(ctx context.Context, who access.Principal, id string, revision int64) error {
	panic("being written")
}

// OpenProgram opens the call: the form is published, the criteria are
// registered and can no longer change. Fails with every missing part named.
func (s *Service) OpenProgram(ctx context.Context, who access.Principal, id string, revision int64, idem Idempotency) (*Program, error) {
	panic("being written")
}

// CloseProgram ends the window now; drafts stay drafts, submissions go to the
// pool or are found ineligible in the same transaction.
func (s *Service) CloseProgram(ctx context.Context, who access.Principal, id string, revision int64, idem Idempotency) (*Program, error) {
	panic("being written")
}

// ExtendProgram moves the closing time later: while open, or within 24 hours
// after the close, with a reason.
func (s *Service) ExtendProgram(ctx context.Context, who access.Principal, id string, closes time.Time, reason string, revision int64, idem Idempotency) (*Program, error) {
	panic("being written")
}

// Form returns a form version; 0 is the published one, or the draft's. Public
// once the program was opened.
func (s *Service) Form(ctx context.Context, who access.Principal, program string, version int) (*Form, error) {
	panic("being written")
}

// UpdateForm stores a new form version of a draft program (before it opens).
func (s *Service) UpdateForm(ctx context.Context, who access.Principal, form *Form, idem Idempotency) (*Form, error) {
	panic("being written")
}

// ---- criteria and policies ----

// SaveCriteria stores a new version, unregistered. While the program is a
// draft, opening registers the newest; later RegisterCriteria does, with a
// reason and a second person.
func (s *Service) SaveCriteria(ctx context.Context, who access.Principal, c *Criteria, idem Idempotency) (*Criteria, error) {
	panic("being written")
}

// RegisterCriteria registers a version: before opening by anyone who may write
// criteria; after the first submission with a reason and a second person.
// Refused with POLICY_MISSING when a rule names an identity attribute that no
// policy in force covers.
func (s *Service) RegisterCriteria(ctx context.Context, who access.Principal, program string, version int, reason, secondBy string, idem Idempotency) (*Criteria, error) {
	panic("being written")
}

// Criteria returns a version; 0 is the registered one, or else the newest.
// Registered criteria are public.
func (s *Service) Criteria(ctx context.Context, who access.Principal, program string, version int) (*Criteria, error) {
	panic("being written")
}

// CriteriaVersions lists them, oldest first.
func (s *Service) CriteriaVersions(ctx context.Context, who access.Principal, program string) ([]*Criteria, error) {
	panic("being written")
}

// CheckCriteria says whether criteria (unsaved ones, or a version) can be kept
// by the program's present pool.
func (s *Service) CheckCriteria(ctx context.Context, who access.Principal, c *Criteria) (*CriteriaVerdict, error) {
	panic("being written")
}

// CriteriaVerdict is the engine's verdict, with counts but no names.
type CriteriaVerdict struct {
	Verdict  *selection.Verdict
	PoolSize int
	Criteria *Criteria
	Resolved matcher.Criteria
	Form     *Form
}

// CreatePolicy records an approval.
func (s *Service) CreatePolicy(ctx context.Context, who access.Principal, p *Policy, idem Idempotency) (*Policy, error) {
	panic("being written")
}

// Policies lists a program's approvals.
func (s *Service) Policies(ctx context.Context, who access.Principal, program string) ([]*Policy, error) {
	panic("being written")
}

// RevokePolicy ends an approval now.
func (s *Service) RevokePolicy(ctx context.Context, who access.Principal, program, id, reason string) (*Policy, error) {
	panic("being written")
}

// ---- applications ----

// CreatedApplication is the answer to a creation: Token and ReturnCode open
// the application again. Both are derived, so that a retry returns them too.
type CreatedApplication struct {
	Application       *Application
	Token, ReturnCode string
}

// CreateApplication begins an application, as a draft or, with submit, as a
// submission. Public while the program takes applications; staff with
// ApplicationsWrite may do so with a.OnBehalf set. Answers may be partial in a
// draft; what is there must be valid.
func (s *Service) CreateApplication(ctx context.Context, who access.Principal, a *Application, submit bool, idem Idempotency) (*CreatedApplication, error) {
	panic("being written")
}

// Application returns one application. Its applicant sees all of it; staff
// with ApplicationsRead see no contact and no identity answers, unless
// withIdentity, which needs IdentityRead and a reason and is recorded.
func (s *Service) Application(ctx context.Context, who access.Principal, program, id string, withIdentity bool, reason string) (*Application, error) {
	panic("being written")
}

// Applications lists a program's applications, without contact and identity
// answers unless withIdentity (as above, one event for the page).
func (s *Service) Applications(ctx context.Context, who access.Principal, program string, q ListQuery, withIdentity bool, reason string) (*ListPage[*Application], error) {
	panic("being written")
}

// UpdateApplication changes fields of a draft or of a submission that is still
// open: "contact", "answers" (whole), "answers.KEY", "consents", "language".
// a.Revision must be the stored one, or 0.
func (s *Service) UpdateApplication(ctx context.Context, who access.Principal, a *Application, fields []string, idem Idempotency) (*Application, error) {
	panic("being written")
}

// SubmitApplication submits a draft: everything required must be there.
func (s *Service) SubmitApplication(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Application, error) {
	panic("being written")
}

// WithdrawApplication ends it, with an optional reason. Runs that hold it
// become stale.
func (s *Service) WithdrawApplication(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Application, error) {
	panic("being written")
}

// NewReturnCode gives a new return code and a new token and revokes the old
// ones (staff, for somebody who lost theirs; with a reason).
func (s *Service) NewReturnCode(ctx context.Context, who access.Principal, program, id, reason string) (*CreatedApplication, error) {
	panic("being written")
}

// Resume exchanges a return code for the application and its token. Unknown
// codes: NotFound, the same answer for every reason. The caller limits tries.
func (s *Service) Resume(ctx context.Context, program, returnCode string) (*CreatedApplication, error) {
	panic("being written")
}

// ImportReport says what an import did, or would do.
type ImportReport struct {
	Rows, Created int
	Errors        []Violation // the first 100
	ErrorCount    int
}

// ImportApplications reads a CSV whose columns are named by mapping (CSV
// header -> "contact.name", "answers.KEY", …; nil: headers are these already),
// validates all of it, and then creates all applications, submitted, in one
// transaction; or, on any error or with dryRun, none.
func (s *Service) ImportApplications(ctx context.Context, who access.Principal, program string, csv io.Reader, mapping map[string]string, dryRun bool, consentNote string, idem Idempotency) (*ImportReport, error) {
	panic("being written")
}

// ExportApplications writes a CSV: code, state, times and the answers that are
// not identity; with identity columns only for IdentityRead, with a reason,
// recorded. Cells that a spreadsheet would run as a formula are neutralized.
func (s *Service) ExportApplications(ctx context.Context, who access.Principal, program string, identityColumns bool, reason string, w io.Writer) error {
	panic("being written")
}

// ---- selections ----

// CreateSelection queues a run on the registered criteria (sel.Criteria 0) or
// on a registered version. An empty seed is drawn from Random.
func (s *Service) CreateSelection(ctx context.Context, who access.Principal, sel *Selection, idem Idempotency) (*Selection, error) {
	panic("being written")
}

// Selection returns a run, without Frozen and Record.
func (s *Service) Selection(ctx context.Context, who access.Principal, program, id string) (*Selection, error) {
	panic("being written")
}

// Selections lists a program's runs, oldest first.
func (s *Service) Selections(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Selection], error) {
	panic("being written")
}

// CancelSelection asks a run to stop.
func (s *Service) CancelSelection(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Selection, error) {
	panic("being written")
}

// SelectionResult is a finished run in the words of its program.
type SelectionResult struct {
	Selection *Selection
	Program   *Program
	Criteria  *Criteria
	Form      *Form
	Record    *matcher.Record
	// Rules are the record's rows with the labels of the form, in order.
	Rules []ResultRule
	// Members are the people of the cohort (or of the closest one), by code,
	// with the answers that are not identity.
	Members []ResultMember
}

// ResultRule is one row of the make-up table.
type ResultRule struct {
	matcher.RuleCount
	Attribute string // key
	Group     Text   // label of the attribute
	Label     Text   // label of the value or values
	Benchmark *Benchmark
}

// ResultMember is one seat.
type ResultMember struct {
	Application, Code string
	Answers           Answers
	Locked            bool
	LockReason        string
}

// SelectionResult returns the result of a finished run.
// FailedPrecondition RUN_NOT_DONE before that.
func (s *Service) SelectionResult(ctx context.Context, who access.Principal, program, id string) (*SelectionResult, error) {
	panic("being written")
}

// ---- people ----

// Authenticate turns a bearer token (staff, service or applicant) into who
// calls. Unauthenticated TOKEN_INVALID for anything else, in the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (access.Principal, error) {
	panic("being written")
}

// IssueToken makes a staff or service token and returns its secret, once.
func (s *Service) IssueToken(ctx context.Context, who access.Principal, t *Token) (secret string, err error) {
	panic("being written")
}

// FirstToken makes the first administrator's token if there is no token yet;
// "" if there is one. It is the server that calls.
func (s *Service) FirstToken(ctx context.Context) (secret string, err error) {
	panic("being written")
}

func (s *Service) Tokens(ctx context.Context, who access.Principal) ([]*Token, error) {
	panic("being written")
}

func (s *Service) RevokeToken(ctx context.Context, who access.Principal, id string) error {
	panic("being written")
}

func (s *Service) CreateUser(ctx context.Context, who access.Principal, u *User) (*User, error) {
	panic("being written")
}

func (s *Service) Users(ctx context.Context, who access.Principal) ([]*User, error) {
	panic("being written")
}

func (s *Service) UpdateUser(ctx context.Context, who access.Principal, u *User) (*User, error) {
	panic("being written")
}

// SignInLink makes a link code that opens the pages once: for oneself (a staff
// token), or, with ApplicationsWrite or ownership, for an application.
func (s *Service) SignInLink(ctx context.Context, who access.Principal, program, application string, validFor time.Duration) (code string, err error) {
	panic("being written")
}

// UseSignInLink takes a link and returns who it signs in.
func (s *Service) UseSignInLink(ctx context.Context, code string) (access.Principal, error) {
	panic("being written")
}

// Events lists the audit log.
func (s *Service) Events(ctx context.Context, who access.Principal, from int64, limit int) ([]Event, error) {
	panic("being written")
}

// ListQuery is a page of a list. Filter is in the small grammar of package
// filter; OrderBy is a field name, optionally followed by " desc".
type ListQuery struct {
	Filter, OrderBy string
	PageSize        int    // 0: 50; at most 1000
	Cursor          string // opaque position from ListPage.Next, or ""
}

// ListPage is a page and the position after it, "" at the end.
type ListPage[T any] struct {
	Items []T
	Next  string
}
