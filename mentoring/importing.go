package mentoring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/listing"
	"github.com/openfairlead/fairlead/internal/problem"
)

// ImportCheck is what an import would come to. Row is the place in the list,
// from 0.
type ImportCheck struct {
	Problems []RowProblem // the first hundred, by row
	// Known are rows of people who are enrolled in this role already, under the
	// same e-mail address or, without one, telephone number: with their codes.
	Known map[int]string
}

// RowProblem is what keeps a row out. Field is as in ENROLLMENT_INVALID.
type RowProblem struct {
	Row            int
	Field, Message string
}

// CheckImport says what ImportEnrollments would refuse, and who of the list is
// enrolled already, and writes nothing. As it compares the list with contacts,
// it is recorded.
func (s *Service) CheckImport(ctx context.Context, who access.Principal, program string, role Role, list []*Enrollment) (*ImportCheck, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	if len(list) > mostImported {
		return nil, problem.Invalid("IMPORT_INVALID", "the list cannot be imported like this",
			Violation{Field: "enrollments", Message: fmt.Sprintf("at most %d at once", mostImported)})
	}
	check := &ImportCheck{}
	err := s.Store.View(ctx, func(tx Tx) error {
		p, err := tx.Plan(ctx, program)
		if err != nil {
			return err
		}
		*check = ImportCheck{Known: map[int]string{}}
		codes, err := reachable(ctx, tx, program, role)
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for i, given := range list {
			if first := twice(seen, i, given); first >= 0 {
				check.Problems = append(check.Problems, RowProblem{i, "contact", samePersonAs(first)})
				continue
			}
			if code := codes[given.Contact.reach()]; code != "" {
				check.Known[i] = code
			}
			const enough = 100
			if len(check.Problems) >= enough {
				continue
			}
			made := &Enrollment{Program: program, Role: role, Code: codePrefix(role) + "-0000"}
			for _, err := range []error{staffMayGive(given), s.take(ctx, tx, p, made, given, enrollmentFieldNames), made.complete()} {
				var ours *Error
				if err != nil && (!errors.As(err, &ours) || len(ours.Violations) == 0) {
					return err
				}
				if ours == nil {
					continue
				}
				for _, v := range ours.Violations {
					check.Problems = append(check.Problems, RowProblem{i, v.Field, v.Message})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		detail := fmt.Sprintf("contacts of %s compared with a list of %d", collection(role), len(list))
		return tx.AppendEvents(ctx, s.event(who, "identity.read", programName(program)+"/"+collection(role), "", detail))
	})
	if err != nil {
		return nil, err
	}
	return check, nil
}

// reachable are the codes of one role by how people are reached. Who has
// withdrawn is among them: a list must not bring them back.
func reachable(ctx context.Context, tx Tx, program string, role Role) (map[string]string, error) {
	codes := map[string]string{}
	for after := ""; ; {
		batch, err := tx.Enrollments(ctx, EnrollmentQuery{Program: program, Role: role, AfterID: after, Limit: listing.Batch})
		if err != nil {
			return nil, err
		}
		for _, e := range batch {
			after = e.ID
			if at := e.Contact.reach(); at != "" {
				codes[at] = e.Code
			}
		}
		if len(batch) < listing.Batch {
			return codes, nil
		}
	}
}

// reach is what tells two entries of one person: the e-mail address, or the
// digits of the telephone number where there is none. "" tells nothing.
func (c Contact) reach() string {
	if mail := strings.ToLower(strings.TrimSpace(c.Email)); mail != "" {
		return mail
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, c.Phone)
}

// Codes returns the codes of enrollments by id, without reading who they are.
// What is not there is left out.
func (s *Service) Codes(ctx context.Context, who access.Principal, program string, ids []string) (map[string]string, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	codes := map[string]string{}
	err := s.Store.View(ctx, func(tx Tx) error {
		clear(codes)
		for _, id := range ids {
			if codes[id] != "" {
				continue
			}
			e, err := tx.Enrollment(ctx, program, id)
			switch {
			case err == nil:
				codes[id] = e.Code
			case problem.CodeOf(err) != problem.NotFound:
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// ByCode finds an enrollment by the code that staff see, without its contact.
func (s *Service) ByCode(ctx context.Context, who access.Principal, program, code string) (*Enrollment, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if e, err = tx.EnrollmentByCode(ctx, program, strings.ToUpper(strings.TrimSpace(code))); err == nil && e.State == Erased {
			err = noEnrollment()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.shownTo(who, false), nil
}

// AllPlaces counts what everybody of a program has given away, by id.
func (s *Service) AllPlaces(ctx context.Context, who access.Principal, program string) (map[string]Places, error) {
	if err := calls.Need(who, access.MatchingsRead, program); err != nil {
		return nil, err
	}
	var all map[string]Places
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		all, err = tx.AllPlaces(ctx, program)
		return err
	})
	return all, err
}
