package mentoring

import (
	"context"
	"crypto/hmac"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/problem"
)

const labelEnrollmentCode = "enrollment return code"

// ReturnCode is what brings the owner of an enrollment back from any device,
// without e-mail: the code that staff see, and a secret after it, such as
// MO-0007-KE7P-7304-9QX2. It ends with the token (RenewToken). Nothing of it is
// stored.
func (s *Service) ReturnCode(ctx context.Context, who access.Principal, program, id string) (string, error) {
	if !who.Enrolled(program, id) {
		return "", noEnrollment()
	}
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.Enrollment(ctx, program, id)
		return err
	})
	if err != nil {
		return "", err
	}
	return e.Code + "-" + s.returnSecret(e), nil
}

func (s *Service) returnSecret(e *Enrollment) string {
	return calls.Code(s.Secrets.MAC(labelEnrollmentCode, calls.SecretOf(e.Program, e.ID, e.TokenGeneration)))
}

// UseReturnCode returns who a return code opens the pages for, and the
// enrollment's token generation for Session. NotFound RETURN_CODE_UNKNOWN for
// anything else, in the same words. The caller limits tries.
func (s *Service) UseReturnCode(ctx context.Context, program, typed string) (who access.Principal, generation int, err error) {
	unknown := problem.Errorf(problem.NotFound, "RETURN_CODE_UNKNOWN", "this code opens nothing: it is mistyped, or a new one was given since")
	code, secret, ok := readReturnCode(typed)
	if !ok {
		return access.Principal{}, 0, unknown
	}
	var e *Enrollment
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.EnrollmentByCode(ctx, program, code)
		return err
	})
	switch {
	case problem.CodeOf(err) == problem.NotFound || err == nil && (e.State == Erased || !hmac.Equal([]byte(secret), []byte(s.returnSecret(e)))):
		return access.Principal{}, 0, unknown
	case err != nil:
		return access.Principal{}, 0, err
	}
	return principalOf(e), e.TokenGeneration, nil
}

// readReturnCode reads a code as people type it: any case, with or without
// dashes and blanks, in the secret O for 0, I or L for 1.
func readReturnCode(typed string) (code, secret string, ok bool) {
	if len(typed) > 200 {
		return "", "", false
	}
	const prefix, digits = 2, 4
	plain := calls.Typed(typed)
	at := len(plain) - calls.CodeLength
	if at < prefix+digits || strings.ContainsFunc(plain, func(r rune) bool { return r > 'Z' }) {
		return "", "", false
	}
	secret, ok = calls.ReadCode(plain[at:])
	return plain[:prefix] + "-" + calls.Alike.Replace(plain[prefix:at]), secret, ok
}

// CodesOf gives the codes of those whom the owner of an enrollment named or
// declined, by id, for pages: an id says nothing to people. Whoever is gone is
// left out.
func (s *Service) CodesOf(ctx context.Context, who access.Principal, program, id string) (never, refused []string, err error) {
	if !who.Enrolled(program, id) {
		return nil, nil, noEnrollment()
	}
	err = s.Store.View(ctx, func(tx Tx) error {
		never, refused = nil, nil
		e, err := tx.Enrollment(ctx, program, id)
		if err != nil {
			return err
		}
		for _, list := range []struct {
			ids  []string
			into *[]string
		}{{e.Never, &never}, {e.Refused, &refused}} {
			for _, id := range list.ids {
				other, err := tx.Enrollment(ctx, program, id)
				if problem.CodeOf(err) == problem.NotFound || err == nil && other.State == Erased {
					continue
				}
				if err != nil {
					return err
				}
				*list.into = append(*list.into, other.Code)
			}
		}
		return nil
	})
	return never, refused, err
}
