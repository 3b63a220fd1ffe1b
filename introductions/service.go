// Package introductions is the life of a network of peers: people join, a round
// of the matcher puts them together in pairs or circles, all of a group answer,
// and who agreed is introduced.
//
// It knows nothing of SQL, HTTP or wire types, and nothing of packages
// applications and mentoring: what they have in common stands in small rooms of
// internal/.
package introductions

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// What is shared with the other domain packages.
type (
	Error           = problem.Error
	Violation       = problem.Violation
	Event           = logbook.Event
	Idempotency     = logbook.Idempotency
	ListQuery       = listing.Query
	ListPage[T any] = listing.Page[T]
)

// Secrets derives keys from the installation's master key, one for each label.
type Secrets interface {
	// MAC is HMAC-SHA256 under the label's key.
	MAC(label string, message []byte) []byte
}

// ErasureList keeps erasures outside the database, where no restore of an
// older backup can undo them.
type ErasureList interface {
	// Add is durable when it returns nil. What is there already is not added.
	Add(list ...logbook.Erasure) error
}

// Service is everything that can be done with networks. Each method checks who
// calls, guards the state, writes in one transaction, and appends to the audit
// log in that same transaction.
//
// Methods return *Error as those of package applications do: PermissionDenied,
// NotFound also for what the caller may not know of, FailedPrecondition for a
// wrong state, Aborted for a stale revision, InvalidArgument with every
// violation at once. A revision of 0 is: unconditionally.
type Service struct {
	Store   Store
	Secrets Secrets
	Log     *slog.Logger
	Now     func() time.Time
	NewID   func() string // UUIDv7
	Random  io.Reader     // for secrets and seeds; crypto/rand outside tests
	Engine  string        // version of the engine, as rounds name it
	// Wake, if not nil, is told that a round was queued.
	Wake func()
	// Erasures keeps what was erased outside the database; nil: nowhere.
	Erasures ErasureList

	// Whether TendErasures has to scrub once more: 0 or 1, atomic.
	unscrubbed uint32
}

// now is the one clock: UTC, to the microsecond that stores keep.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) log() *slog.Logger {
	if s.Log != nil {
		return s.Log
	}
	return slog.New(slog.DiscardHandler)
}

// mayTouch lets through whose membership it is, and staff with the permission. A
// member learns nothing about others, not even that they are there.
func mayTouch(who access.Principal, perm access.Permission, program, network, id string) error {
	switch {
	case who.MemberOf(program, network, id):
		return nil
	case who.Member != "" && who.Program == program:
		return noMember()
	}
	return calls.Need(who, perm, program)
}

// isOwn reports whether who calls is a member of the network.
func isOwn(who access.Principal, program, network string) bool {
	return who.Member != "" && who.Program == program && who.Network == network
}

func noMember() error {
	return problem.Errorf(problem.NotFound, "MEMBER_NOT_FOUND", "there is no such member")
}

func noIntroduction() error {
	return problem.Errorf(problem.NotFound, "INTRODUCTION_NOT_FOUND", "there is no such introduction")
}

// event is a line of the audit log. Neither reason nor detail may hold anything
// that a member wrote.
func (s *Service) event(who access.Principal, action, resource, reason, detail string) Event {
	return Event{Time: s.now(), Actor: who.Subject, Action: action, Resource: resource, Reason: reason, Detail: detail}
}

// once is logbook.Once for a call of this service.
func once[T any](ctx context.Context, s *Service, who access.Principal, program, method string, idem Idempotency, fn func(tx Tx) (T, string, error)) (T, error) {
	call := logbook.Call{Program: program, Method: method, Subject: who.Subject, Idempotency: idem, MAC: s.Secrets.MAC, Now: s.now}
	return logbook.Once(ctx, s.Store.Update, call, fn)
}

// after looks up what an action makes of a round's state. One that is in no
// state for it is refused with the states that are.
func (s RoundState) after(a roundAction) (RoundState, error) {
	if next, ok := roundLife[a][s]; ok {
		return next, nil
	}
	var names []string
	for _, from := range roundStates {
		if _, ok := roundLife[a][from]; ok {
			names = append(names, string(from))
		}
	}
	return "", problem.Errorf(problem.FailedPrecondition, "ROUND_STATE", "cannot %s a round in state %s; it has to be %s", a, s, strings.Join(names, " or "))
}

// transition is the detail of an audit event: "PROPOSED>ACCEPTED".
func transition[S ~string](from, to S) string { return string(from) + ">" + string(to) }

func names[S ~string](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

// Names of resources, as the audit log and the API write them.
func networkName(program, network string) string {
	return "programs/" + program + "/networks/" + network
}

func (n *Network) name() string { return networkName(n.Program, n.ID) }
func (m *Member) name() string  { return networkName(m.Program, m.Network) + "/members/" + m.ID }
func (r *Round) name() string   { return networkName(r.Program, r.Network) + "/rounds/" + r.ID }
func (i *Introduction) name() string {
	return networkName(i.Program, i.Network) + "/introductions/" + i.ID
}

// zeroTime is what has not happened.
var zeroTime time.Time
