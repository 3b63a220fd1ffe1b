package mentoring

import (
	"context"
	"fmt"
	"slices"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
)

// CreateDirective orders that a pair be made (LOCK) or never be made (FORBID)
// by every run from now on, with a reason. A pair has one directive at a time.
func (s *Service) CreateDirective(ctx context.Context, who access.Principal, d *Directive, idem Idempotency) (*Directive, error) {
	if err := calls.Need(who, access.MatchingsRun, d.Program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", d.Reason)
	if d.Kind != LockPair && d.Kind != ForbidPair {
		bad = append(bad, Violation{Field: "kind", Message: "LOCK or FORBID"})
	}
	if len(bad) > 0 {
		return nil, problem.Invalid("DIRECTIVE_INVALID", "the directive cannot be kept like this", bad...)
	}
	return once(ctx, s, who, d.Program, "CreateDirective", idem, func(tx Tx) (*Directive, string, error) {
		if _, err := tx.Plan(ctx, d.Program); err != nil {
			return nil, "", err
		}
		mentee, mentor, err := pairOf(ctx, tx, d.Program, d.Mentee, d.Mentor)
		if err != nil {
			return nil, "", err
		}
		if d.Kind == LockPair {
			if err := possiblePair(ctx, tx, mentee, mentor); err != nil {
				return nil, "", err
			}
		}
		made := &Directive{
			Program: d.Program, ID: s.NewID(), Kind: d.Kind, Mentee: mentee.ID, Mentor: mentor.ID,
			Reason: reason, By: who.Subject, CreateTime: s.now(),
		}
		if err := tx.InsertDirective(ctx, made); err != nil {
			return nil, "", err
		}
		if err := fewLocks(ctx, tx, mentee, mentor); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "directive.create", made.name(), reason, string(d.Kind)+" "+mentee.Code+" "+mentor.Code))
	})
}

// fewLocks refuses more locked pairs of somebody than they have places.
func fewLocks(ctx context.Context, tx Tx, mentee, mentor *Enrollment) error {
	list, err := tx.Directives(ctx, DirectiveQuery{Program: mentee.Program, InForce: true})
	if err != nil {
		return err
	}
	locked := map[string]int{}
	for _, d := range list {
		if d.Kind == LockPair {
			locked[d.Mentee]++
			locked[d.Mentor]++
		}
	}
	var bad []Violation
	if locked[mentee.ID] > mentee.Wanted {
		bad = append(bad, Violation{Field: "mentee", Message: fmt.Sprintf("more pairs of %s are locked than the mentors they want, %d: lift one first", mentee.Code, mentee.Wanted)})
	}
	if locked[mentor.ID] > mentor.Seats {
		bad = append(bad, Violation{Field: "mentor", Message: fmt.Sprintf("more pairs of %s are locked than they have seats, %d: lift one first", mentor.Code, mentor.Seats)})
	}
	if len(bad) == 0 {
		return nil
	}
	return problem.Invalid("DIRECTIVE_INVALID", "the directive cannot be kept like this", bad...)
}

// pairOf reads the two sides of a pair, and refuses what is none.
func pairOf(ctx context.Context, tx Tx, program, menteeID, mentorID string) (mentee, mentor *Enrollment, err error) {
	read := func(field, id string, role Role) (*Enrollment, error) {
		e, err := tx.Enrollment(ctx, program, id)
		if problem.CodeOf(err) == problem.NotFound || err == nil && (e.Role != role || e.State == Erased) {
			return nil, problem.Invalid("PAIR_INVALID", "this is no pair", Violation{Field: field, Message: "there is no such " + collection(role)[:6]})
		}
		return e, err
	}
	if mentee, err = read("mentee", menteeID, Mentee); err != nil {
		return nil, nil, err
	}
	if mentor, err = read("mentor", mentorID, Mentor); err != nil {
		return nil, nil, err
	}
	if samePerson(mentee, mentor) {
		return nil, nil, problem.Invalid("PAIR_INVALID", "this is no pair", Violation{Field: "mentor", Message: "nobody is their own mentor"})
	}
	return mentee, mentor, nil
}

// possiblePair refuses a pair that declined, is or was a mentorship, or of which
// one never wants the other. All in the same words: they must not tell a decline
// for now from one for good, nor whose decision stands against the pair.
func possiblePair(ctx context.Context, tx Tx, mentee, mentor *Enrollment) error {
	if unwanted(mentee, mentor) {
		return pairImpossible()
	}
	declined, err := tx.Proposals(ctx, ProposalQuery{Program: mentee.Program, Enrollment: mentee.ID, States: []ProposalState{Declined}})
	if err != nil {
		return err
	}
	mentorships, err := tx.Mentorships(ctx, MentorshipQuery{Program: mentee.Program, Enrollment: mentee.ID})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(declined, func(p *Proposal) bool { return p.Mentor == mentor.ID }) ||
		slices.ContainsFunc(mentorships, func(m *Mentorship) bool { return m.Mentor == mentor.ID }) {
		return pairImpossible()
	}
	return nil
}

// pairImpossible is said of a pair that must not be made, for whatever private
// reason.
func pairImpossible() error {
	return problem.Errorf(problem.FailedPrecondition, "PAIR_IMPOSSIBLE", "this pair cannot be made: one of the two does not want it, or they are or were a pair")
}

// Directive returns one directive.
func (s *Service) Directive(ctx context.Context, who access.Principal, program, id string) (*Directive, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	var d *Directive
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		d, err = tx.Directive(ctx, program, id)
		return err
	})
	return d, err
}

// LiftDirective ends a directive, with a reason.
func (s *Service) LiftDirective(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Directive, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, problem.Invalid("REASON_MISSING", "to lift a directive needs a reason, which is recorded", bad...)
	}
	return once(ctx, s, who, program, "LiftDirective", idem, func(tx Tx) (*Directive, string, error) {
		if _, err := tx.Plan(ctx, program); err != nil {
			return nil, "", err
		}
		d, err := tx.Directive(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, d.Revision); err != nil {
			return nil, "", err
		}
		if !d.LiftTime.IsZero() {
			return d, d.ID, nil
		}
		d.LiftTime = s.now()
		if err := tx.UpdateDirective(ctx, d); err != nil {
			return nil, "", err
		}
		return d, d.ID, tx.AppendEvents(ctx, s.event(who, "directive.lift", d.name(), reason, ""))
	})
}

var directiveFields = []filter.Field{
	{Name: "kind", Type: filter.Enum, Values: []string{string(LockPair), string(ForbidPair)}},
	{Name: "mentee", Type: filter.String},
	{Name: "mentor", Type: filter.String},
	{Name: "in_force", Type: filter.Bool},
	{Name: "create_time", Type: filter.Time},
}

func directiveValue(d *Directive, field string) filter.Value {
	switch field {
	case "kind":
		return listing.Text(string(d.Kind))
	case "mentee":
		return listing.Text(enrollmentName(d.Program, Mentee, d.Mentee))
	case "mentor":
		return listing.Text(enrollmentName(d.Program, Mentor, d.Mentor))
	case "in_force":
		return filter.Value{Present: true, Bool: d.LiftTime.IsZero()}
	case "create_time":
		return listing.Time(d.CreateTime)
	}
	return filter.Value{}
}

// Directives lists a program's directives, oldest first.
func (s *Service) Directives(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Directive], error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	l, err := oldestFirst(q, directiveFields, directiveValue)
	if err != nil {
		return nil, err
	}
	var page *ListPage[*Directive]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Plan(ctx, program); err != nil {
			return err
		}
		page, err = l.Page(func(d *Directive) string { return d.ID }, func(d *Directive) *Directive { return d }, func(after string) ([]*Directive, error) {
			return tx.Directives(ctx, DirectiveQuery{Program: program, AfterID: after, Limit: listing.Batch})
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// oldestFirst reads the query of a list that has one order only.
func oldestFirst[T any](q ListQuery, fields []filter.Field, value func(T, string) filter.Value) (*listing.List[T], error) {
	l, err := listing.New(q, fields, value, "create_time")
	if err == nil && l.Descending {
		err = problem.Invalid("LIST_INVALID", "the list cannot be made like this", Violation{Field: "order_by", Message: "these are listed oldest first"})
	}
	return l, err
}
