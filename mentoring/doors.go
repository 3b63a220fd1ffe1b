package mentoring

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/problem"
)

// TokenPrefix is what tokens of mentors and mentees begin with.
const TokenPrefix = "fle_"

var tokens = calls.TokenKind{Prefix: TokenPrefix, Label: "enrollment token"}

// asError is errors.As for ours.
func asError(err error, into **Error) bool { return errors.As(err, into) }

// Authenticate turns the token of a mentor or mentee into who calls.
// Unauthenticated TOKEN_INVALID for anything else, in the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (access.Principal, error) {
	program, id, ok := tokens.Read(token)
	if !ok {
		return access.Principal{}, calls.InvalidToken()
	}
	var e *Enrollment
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.Enrollment(ctx, program, id)
		return err
	})
	if c := problem.CodeOf(err); c == problem.NotFound || c == problem.InvalidArgument {
		return access.Principal{}, calls.InvalidToken()
	}
	if err != nil {
		return access.Principal{}, err
	}
	if e.State == Erased || !tokens.Is(token, s.Secrets.MAC, program, id, e.TokenGeneration) {
		return access.Principal{}, calls.InvalidToken()
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
		err = calls.InvalidToken()
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
	reason, err := calls.OnBehalf(who.Enrolled(program, id), reason)
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
			token = tokens.Make(s.Secrets.MAC, program, id, e.TokenGeneration+1)
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
	reason, err := calls.OnBehalf(who.Enrolled(program, id), reason)
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
