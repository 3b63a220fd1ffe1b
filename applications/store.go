package applications

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/internal/logbook"
)

// Store keeps everything durable. Two kinds of transaction: View sees one
// consistent state and writes nothing; Update commits all or nothing, and is
// on disk when it returns nil. A backend may run an Update's function again
// when it lost a race with another writer, so the function must not have
// effects outside the transaction. No transaction spans a solve or the network.
//
// A Tx is used by one goroutine, and not after its function returned. A
// function opens no other transaction: an Update in an Update waits for itself,
// and Views in Views for each other. An error of the contract (NotFound,
// AlreadyExists, Aborted, FailedPrecondition) changes nothing and leaves the
// transaction usable; after any other error it cannot commit.
//
// Every backend passes the conformance suite in internal/sqlstore/storetest.
type Store interface {
	View(ctx context.Context, fn func(Tx) error) error
	Update(ctx context.Context, fn func(Tx) error) error
	// Scrub makes the database let go of what was overwritten or deleted before
	// it, as far as it can: nothing of it is in its files any more where the
	// files are ours. An error means that it has to be tried again: others were
	// reading just then.
	Scrub(ctx context.Context) error
	// Ping reports whether the store can be read and written just now.
	Ping(ctx context.Context) error
	Close() error
}

// Tx is one transaction. Contract of all methods: what is asked for by key and
// is not there gives NotFound with reason PROGRAM_NOT_FOUND,
// APPLICATION_NOT_FOUND, …; an Insert of a key that exists gives AlreadyExists;
// an Update with a Revision that is not the stored one gives Aborted with
// reason STALE_REVISION and changes nothing, and otherwise stores the value
// with Revision + 1, which it also sets in the value passed. An Insert stores
// Revision 1 and sets that. What belongs to a program that does not exist gives
// NotFound PROGRAM_NOT_FOUND. Lists of what does not exist are empty; a limit
// of 0 is no limit. Texts that are not UTF-8 give InvalidArgument TEXT_INVALID;
// what was stored and does not decrypt gives DataLoss. Values returned are the
// caller's own. Times are kept to the microsecond, in UTC. In a View
// every method that writes gives an internal error.
type Tx interface {
	InsertProgram(ctx context.Context, p *Program) error
	Program(ctx context.Context, id string) (*Program, error)
	// Programs lists by id, ascending, after the id given, at most limit.
	// States empty: all.
	Programs(ctx context.Context, states []ProgramState, after string, limit int) ([]*Program, error)
	UpdateProgram(ctx context.Context, p *Program) error
	// DeleteProgram removes a program and everything that hangs on it, its
	// requests and its data key included. Its events stay, without their
	// Reasons. The caller has checked that this is allowed.
	DeleteProgram(ctx context.Context, id string) error

	// InsertForm adds a version; versions of a program are 1, 2, … without gap:
	// FailedPrecondition VERSION_GAP for another. The same of InsertCriteria.
	InsertForm(ctx context.Context, f *Form) error
	Form(ctx context.Context, program string, version int) (*Form, error)

	InsertCriteria(ctx context.Context, c *Criteria) error
	Criteria(ctx context.Context, program string, version int) (*Criteria, error)
	CriteriaVersions(ctx context.Context, program string) ([]*Criteria, error) // ascending
	// RegisterCriteria stores the registration fields (RegisterTime,
	// RegisteredBy, Reason, SecondBy, Policies) of an unregistered version, and
	// Digest if that has none yet; FailedPrecondition CRITERIA_REGISTERED if it is registered.
	RegisterCriteria(ctx context.Context, c *Criteria) error

	InsertPolicy(ctx context.Context, p *Policy) error
	Policy(ctx context.Context, program, id string) (*Policy, error)
	Policies(ctx context.Context, program string) ([]*Policy, error) // by id
	UpdatePolicy(ctx context.Context, p *Policy) error

	// NextCode gives the program's next applicant number: 1, 2, …, never the
	// same twice. It also counts Program.ApplicationCount, without touching
	// the program's Revision.
	NextCode(ctx context.Context, program string) (int, error)
	// InsertApplication stores a new application and the hash of its return
	// code (nil: none), unique in the program: AlreadyExists APPLICATION_EXISTS,
	// APPLICATION_CODE_EXISTS or RETURN_CODE_EXISTS.
	InsertApplication(ctx context.Context, a *Application, returnCodeHash []byte) error
	Application(ctx context.Context, program, id string) (*Application, error)
	ApplicationByCode(ctx context.Context, program, code string) (*Application, error)
	ApplicationByReturnCode(ctx context.Context, program string, hash []byte) (*Application, error)
	// Applications lists in the order of the query.
	Applications(ctx context.Context, q ApplicationQuery) ([]*Application, error)
	// ApplicationMarks lists what Applications lists, of these states, by id, and
	// reads no body.
	ApplicationMarks(ctx context.Context, program string, states []ApplicationState) ([]ApplicationMark, error)
	// CountApplications counts by state.
	CountApplications(ctx context.Context, program string) (map[ApplicationState]int, error)
	// UpdateApplication stores a, but for its Code, which never changes;
	// returnCodeHash nil keeps the hash.
	UpdateApplication(ctx context.Context, a *Application, returnCodeHash []byte) error

	InsertSelection(ctx context.Context, s *Selection) error
	Selection(ctx context.Context, program, id string) (*Selection, error)
	// Selections lists by id, ascending (oldest first), after the id given.
	Selections(ctx context.Context, program, after string, limit int) ([]*Selection, error)
	// SelectionHeads lists the same without Frozen and Record, which hold whole
	// pools: for looking at, and never for an update.
	SelectionHeads(ctx context.Context, program, after string, limit int) ([]*Selection, error)
	// UpdateSelection never shortens the lease of a run that stays RUNNING under
	// the same owner, who may have renewed it meanwhile.
	UpdateSelection(ctx context.Context, s *Selection) error
	// ClaimSelection takes the oldest run of any program that is QUEUED, or
	// RUNNING with a lease that ended before now: it sets State RUNNING, Owner,
	// LeaseUntil, Attempt + 1 and Revision + 1 and returns it. One winner. Nil,
	// nil if there is none.
	ClaimSelection(ctx context.Context, owner string, now, leaseUntil time.Time) (*Selection, error)
	// RenewLease extends the lease of a run that owner holds, without touching
	// Revision, and returns whether somebody asked to cancel it.
	// FailedPrecondition LEASE_LOST if another owner holds it or it is done.
	RenewLease(ctx context.Context, program, id, owner string, leaseUntil time.Time) (cancel bool, err error)

	// InsertOffer stores an offer to an application that has no open one:
	// AlreadyExists OFFER_EXISTS for the id, OFFER_OPEN for the application;
	// NotFound APPLICATION_NOT_FOUND. It counts nothing: see OfferSeats.
	InsertOffer(ctx context.Context, o *Offer) error
	Offer(ctx context.Context, program, id string) (*Offer, error)
	// OpenOffer returns the open offer of an application: OFFER_NOT_FOUND if it
	// has none.
	OpenOffer(ctx context.Context, program, application string) (*Offer, error)
	// OffersTo lists all offers to an application, oldest first.
	OffersTo(ctx context.Context, program, application string) ([]*Offer, error)
	// Offers lists in the order of the query.
	Offers(ctx context.Context, q OfferQuery) ([]*Offer, error)
	// CountOffers counts by state.
	CountOffers(ctx context.Context, program string) (map[OfferState]int, error)
	// DueOffers names offers of all programs that are SENT and whose ExpireTime
	// is not after now, at most limit, the first to expire first. It opens no
	// body, so that one that cannot be read does not hide the others.
	DueOffers(ctx context.Context, now time.Time, limit int) ([]OfferKey, error)
	// UpdateOffer stores o, but for its Application, which never changes. An
	// offer that is not open does not open again: FailedPrecondition OFFER_CLOSED.
	UpdateOffer(ctx context.Context, o *Offer) error

	// Seats returns the counts of a program's seats: zero before OpenSeats.
	Seats(ctx context.Context, program string) (Seats, error)
	// OpenSeats begins to count; a program whose seats are counted stays as it is.
	OpenSeats(ctx context.Context, program string, total int) error
	// OfferSeats counts n more open offers: FailedPrecondition SEATS_OFFERED if
	// that would be more than there are seats, unless beyond allows it.
	OfferSeats(ctx context.Context, program string, n int, beyond bool) error
	// TakeSeat counts one more accepted offer: FailedPrecondition SEATS_TAKEN if
	// every seat is taken. Like OfferSeats it is one update with a condition: no
	// isolation level, and nothing that was read before, can oversell.
	TakeSeat(ctx context.Context, program string) error
	// FreeSeat counts one open offer less, and one accepted offer less if taken.
	// An internal error if that was never counted.
	FreeSeat(ctx context.Context, program string, taken bool) error

	InsertUser(ctx context.Context, u *User) error
	User(ctx context.Context, id string) (*User, error)
	Users(ctx context.Context, after string, limit int) ([]*User, error) // by id
	UpdateUser(ctx context.Context, u *User) error
	// InsertToken stores a token; AlreadyExists FIRST_TOKEN_EXISTS if first is
	// true and any token exists (one of N servers wins).
	InsertToken(ctx context.Context, t *Token, first bool) error
	TokenByHash(ctx context.Context, hash []byte) (*Token, error)
	Token(ctx context.Context, id string) (*Token, error)
	Tokens(ctx context.Context, after string, limit int) ([]*Token, error) // by id
	// RevokeToken ends a token; the first time stays if it is revoked again.
	RevokeToken(ctx context.Context, id string, at time.Time) error

	// InsertLink stores a sign-in link; UseLink takes it if it is unused and
	// not expired, once: the second gets NotFound LINK_NOT_FOUND, as does one
	// that never was.
	InsertLink(ctx context.Context, l *Link) error
	UseLink(ctx context.Context, hash []byte, now time.Time) (*Link, error)
	// PeekLink reads it without using it.
	PeekLink(ctx context.Context, hash []byte, now time.Time) (*Link, error)

	// SaveRequest remembers the first answer to a request id; a second insert
	// for the same program, method and id is AlreadyExists.
	SaveRequest(ctx context.Context, r *Request) error
	// Request returns it, or NotFound REQUEST_NOT_FOUND.
	Request(ctx context.Context, program, method, id string) (*Request, error)

	// EraseApplication stores a, which is what is left of an application, and
	// removes its return code and its links.
	EraseApplication(ctx context.Context, a *Application) error
	// EraseAnswers removes the answers to a program's requests whose Resource is
	// the one given, and their hashes; that they were made stays.
	EraseAnswers(ctx context.Context, program, resource string) error
	// EraseReasons removes the Reasons of the events about a resource and about
	// what its name begins the name of; their digests stay.
	EraseReasons(ctx context.Context, resource string) error
	// AddErasure adds a line to the list of what was erased; one that is there
	// stays as it is.
	AddErasure(ctx context.Context, e *Erasure) error
	// Erasures lists those whose Time is not before since, by Time.
	Erasures(ctx context.Context, since time.Time) ([]Erasure, error)

	// AppendEvents adds to the audit log, in order, in this transaction. It sets
	// no Index in the values passed.
	AppendEvents(ctx context.Context, events ...Event) error
	// Events lists from an index, ascending.
	Events(ctx context.Context, from int64, limit int) ([]Event, error)
	// AuditHead returns the size and the Merkle root of the log.
	AuditHead(ctx context.Context) (size int64, root []byte, err error)
}

// ApplicationQuery asks for a slice of a program's applications.
type ApplicationQuery struct {
	Program string
	States  []ApplicationState // empty: all
	// AfterID is the last id of the page before; ids ascend, or descend with
	// Descending. UUIDv7: the order of creation.
	AfterID    string
	Descending bool
	Limit      int // 0: no limit
}

// OfferKey names an offer.
type OfferKey struct{ Program, ID string }

// OfferQuery asks for a slice of a program's offers.
type OfferQuery struct {
	Program string
	States  []OfferState // empty: all
	// AfterID is the last id of the page before; ids ascend, or descend with
	// Descending. UUIDv7: the order of creation.
	AfterID    string
	Descending bool
	Limit      int // 0: no limit
}

// Request is the memory of one mutation by its client-made id, and Erasure a
// line of the list of what was erased.
type (
	Request = logbook.Request
	Erasure = logbook.Erasure
)

// Link opens the pages once, as a staff token or as an applicant.
type Link struct {
	Hash        []byte
	Token       string // id of a staff token, or ""
	Program     string // of an applicant's link
	Application string
	// Generation is the application's TokenGeneration when the link was made: a
	// renewal takes the links with it, as it does the token.
	Generation int
	ExpireTime time.Time
	UseTime    time.Time
}
