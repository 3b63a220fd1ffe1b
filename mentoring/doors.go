package mentoring

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/logbook"
	"github.com/openfairlead/fairlead/internal/problem"
)

// TokenPrefix is what tokens of mentors and mentees begin with.
const TokenPrefix = "fle_"

// labelToken is the label of the key that tokens are derived with.
const labelToken = "enrollment token"

// asError is errors.As for ours.
func asError(err error, into **Error) bool { return errors.As(err, into) }

// token derives an enrollment's token, as applicants' are: it carries the
// program and the id, and a MAC over them and the generation, so that a new
// generation revokes it.
func (s *Service) token(program, id string, generation int) string {
	message := append([]byte(program), 0)
	message = append(message, id...)
	message = binary.BigEndian.AppendUint64(append(message, 0), uint64(generation))
	raw := append([]byte(nil), s.Secrets.MAC(labelToken, message)...)
	uuid, ok := logbook.ReadUUID(id)
	if !ok {
		panic("the id of an enrollment is not a UUID")
	}
	raw = append(raw, uuid[:]...)
	raw = append(raw, program...)
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// readToken takes a token apart. It proves nothing yet.
func readToken(token string) (program, id string, ok bool) {
	text, ok := strings.CutPrefix(token, TokenPrefix)
	if !ok || len(token) > 200 {
		return "", "", false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) <= 32+16 {
		return "", "", false
	}
	return string(raw[32+16:]), logbook.UUID([16]byte(raw[32 : 32+16])), true
}

func invalidToken() error {
	return problem.Errorf(problem.Unauthenticated, "TOKEN_INVALID", "the token is not valid: it is mistyped, revoked or expired")
}

// Authenticate turns the token of a mentor or mentee into who calls.
// Unauthenticated TOKEN_INVALID for anything else, in the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (access.Principal, error) {
	program, id, ok := readToken(token)
	if !ok {
		return access.Principal{}, invalidToken()
	}
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.Enrollment(ctx, program, id)
		return err
	})
	if c := problem.CodeOf(err); c == problem.NotFound || c == problem.InvalidArgument {
		return access.Principal{}, invalidToken()
	}
	if err != nil {
		return access.Principal{}, err
	}
	if e.State == Erased || !hmac.Equal([]byte(token), []byte(s.token(program, id, e.TokenGeneration))) {
		return access.Principal{}, invalidToken()
	}
	return principalOf(e), nil
}

func principalOf(e *Enrollment) access.Principal {
	return access.Principal{Subject: collection(e.Role) + "/" + e.ID, Program: e.Program, Enrollment: e.ID}
}

// Session returns who an enrollment stands for, if its token has still the
// generation: for pages, whose sessions outlive a request and must end with the
// token.
func (s *Service) Session(ctx context.Context, program, id string, generation int) (access.Principal, error) {
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.Enrollment(ctx, program, id)
		return err
	})
	if problem.CodeOf(err) == problem.NotFound || err == nil && (e.State == Erased || e.TokenGeneration != generation) {
		err = invalidToken()
	}
	if err != nil {
		return access.Principal{}, err
	}
	return principalOf(e), nil
}

// RenewToken ends a token with its links and sessions, and gives the owner a new
// one. Staff say how they know that it is the person who asks, and get "": with
// the token they would be that person. They send a link (SignInLink).
func (s *Service) RenewToken(ctx context.Context, who access.Principal, program, id, reason string) (string, error) {
	if err := mayTouch(who, access.MatchingsRun, program, id); err != nil {
		return "", err
	}
	reason, err := behalf(who, who.Enrolled(program, id), reason)
	if err != nil {
		return "", err
	}
	var token string
	err = s.Store.Update(ctx, func(tx Tx) error {
		_, e, err := s.load(ctx, tx, program, id)
		if err != nil {
			return err
		}
		if token = ""; who.Enrolled(program, id) {
			token = s.token(program, id, e.TokenGeneration+1)
		}
		return s.renew(ctx, tx, who, e, reason)
	})
	if err != nil {
		return "", err
	}
	return token, nil
}

// renew ends what opens an enrollment.
func (s *Service) renew(ctx context.Context, tx Tx, who access.Principal, e *Enrollment, reason string) error {
	if _, err := e.State.after(renewEnrollment); err != nil {
		return err
	}
	e.TokenGeneration++
	e.UpdateTime = s.now()
	if err := tx.UpdateEnrollment(ctx, e); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, s.event(who, "enrollment.renew", e.name(), reason, ""))
}

// Lifetimes of a link.
const (
	usualLink    = 15 * time.Minute
	shortestLink = time.Minute
	longestLink  = 14 * 24 * time.Hour // as long as a proposal usually waits
)

// SignInLink makes a link code that opens the pages once, as this mentor or
// mentee: for the owner, or for staff who send it, with a reason. It is valid
// for 15 minutes unless validFor says otherwise: a minute to 14 days.
func (s *Service) SignInLink(ctx context.Context, who access.Principal, program, id, reason string, validFor time.Duration) (string, error) {
	return s.signInLink(ctx, who, program, id, reason, validFor, false)
}

// OnlySignInLink is SignInLink for who lost what opened an enrollment: it ends
// that, as RenewToken does, and makes the link, or does neither.
func (s *Service) OnlySignInLink(ctx context.Context, who access.Principal, program, id, reason string, validFor time.Duration) (string, error) {
	return s.signInLink(ctx, who, program, id, reason, validFor, true)
}

func (s *Service) signInLink(ctx context.Context, who access.Principal, program, id, reason string, validFor time.Duration, endOthers bool) (string, error) {
	if err := mayTouch(who, access.MatchingsRun, program, id); err != nil {
		return "", err
	}
	reason, err := behalf(who, who.Enrolled(program, id), reason)
	if err != nil {
		return "", err
	}
	if validFor == 0 {
		validFor = usualLink
	}
	if validFor < shortestLink || validFor > longestLink {
		return "", problem.Invalid("LINK_INVALID", "the link cannot be made like this", Violation{Field: "ttl", Message: "from 1 minute to 14 days"})
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	code := base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(code))
	err = s.Store.Update(ctx, func(tx Tx) error {
		_, e, err := s.load(ctx, tx, program, id)
		if err != nil {
			return err
		}
		if endOthers {
			if err := s.renew(ctx, tx, who, e, reason); err != nil {
				return err
			}
		}
		link := &Link{Hash: hash[:], Program: program, Enrollment: id, Generation: e.TokenGeneration, ExpireTime: s.now().Add(validFor)}
		if err := tx.InsertEnrollmentLink(ctx, link); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(who, "link.issue", e.name(), reason, ""))
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// UseSignInLink takes a link and returns who it signs in, and the enrollment's
// token generation for Session. NotFound LINK_NOT_FOUND for one that was used,
// has expired or never was.
func (s *Service) UseSignInLink(ctx context.Context, code string) (who access.Principal, generation int, err error) {
	hash := sha256.Sum256([]byte(code))
	err = s.Store.Update(ctx, func(tx Tx) error {
		link, err := tx.UseEnrollmentLink(ctx, hash[:], s.now())
		if err != nil {
			return err
		}
		e, err := tx.Enrollment(ctx, link.Program, link.Enrollment)
		if err != nil {
			return err
		}
		if e.State == Erased || e.TokenGeneration != link.Generation {
			return noEnrollment()
		}
		who, generation = principalOf(e), e.TokenGeneration
		return tx.AppendEvents(ctx, s.event(who, "link.use", e.name(), "", ""))
	})
	if problem.CodeOf(err) == problem.NotFound {
		err = problem.Errorf(problem.NotFound, "LINK_NOT_FOUND", "this link was used already, has expired or never was: ask for a new one")
	}
	if err != nil {
		return access.Principal{}, 0, err
	}
	return who, generation, nil
}
