package mentoring

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/problem"
)

const (
	labelEnrollmentCode = "enrollment return code"
	// crockford is the alphabet of return codes: digits and letters without I, L,
	// O and U, which are misread.
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	// secretLength is how many characters of 5 bits nobody can guess, where the
	// caller of UseReturnCode limits tries.
	secretLength = 12
)

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
	message := append([]byte(e.Program), 0)
	message = append(message, e.ID...)
	message = binary.BigEndian.AppendUint64(append(message, 0), uint64(e.TokenGeneration))
	bits := binary.BigEndian.Uint64(s.Secrets.MAC(labelEnrollmentCode, message))
	var b strings.Builder
	for i := range secretLength {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(crockford[bits>>(64-5*(i+1))&31])
	}
	return b.String()
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
	var plain []byte
	for _, r := range strings.ToUpper(typed) {
		switch r {
		case ' ', '-', '\t', '\u00a0', '‐', '‑', '–', '—', '.':
			continue
		}
		if r > 'Z' {
			return "", "", false
		}
		plain = append(plain, byte(r))
	}
	const prefix, digits = 2, 4
	at := len(plain) - secretLength
	if at < prefix+digits {
		return "", "", false
	}
	alike := strings.NewReplacer("O", "0", "I", "1", "L", "1")
	code = string(plain[:prefix]) + "-" + alike.Replace(string(plain[prefix:at]))
	for i, r := range alike.Replace(string(plain[at:])) {
		if !strings.ContainsRune(crockford, r) {
			return "", "", false
		}
		if i > 0 && i%4 == 0 {
			secret += "-"
		}
		secret += string(r)
	}
	return code, secret, true
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
