package introductions

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

// TokenPrefix is what tokens of members begin with.
const TokenPrefix = "fln_"

var tokens = calls.TokenKind{Prefix: TokenPrefix, Label: "member token"}

// asError is errors.As for ours.
func asError(err error, into **Error) bool { return errors.As(err, into) }

// Authenticate turns the token of a member into who calls. Unauthenticated
// TOKEN_INVALID for anything else, in the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (access.Principal, error) {
	program, id, ok := tokens.Read(token)
	if !ok {
		return access.Principal{}, calls.InvalidToken()
	}
	var m *Member
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		m, err = tx.MemberOf(ctx, program, id)
		return err
	})
	if c := problem.CodeOf(err); c == problem.NotFound || c == problem.InvalidArgument {
		return access.Principal{}, calls.InvalidToken()
	}
	if err != nil {
		return access.Principal{}, err
	}
	if m.Erased || !tokens.Is(token, s.Secrets.MAC, program, id, m.TokenGeneration) {
		return access.Principal{}, calls.InvalidToken()
	}
	return principalOf(m), nil
}

func principalOf(m *Member) access.Principal {
	return access.Principal{Subject: "members/" + m.ID, Program: m.Program, Network: m.Network, Member: m.ID}
}

// Lifetimes of a link.
const (
	usualLink    = 15 * time.Minute
	shortestLink = time.Minute
	longestLink  = 14 * 24 * time.Hour // as long as an introduction usually waits
)

// IssueLink makes a code that gives the member a token, once: for staff, who send
// it, with a reason. They never get the token, with which they would be that
// person. It is valid for 15 minutes unless validFor says otherwise: a minute to
// 14 days. With revoke, the token and the codes from before open nothing any more.
func (s *Service) IssueLink(ctx context.Context, who access.Principal, program, network, id, reason string, validFor time.Duration, revoke bool) (code string, expires time.Time, err error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return "", zeroTime, err
	}
	if reason, err = calls.Reason(reason); err != nil {
		return "", zeroTime, err
	}
	if validFor == 0 {
		validFor = usualLink
	}
	if validFor < shortestLink || validFor > longestLink {
		return "", zeroTime, problem.Invalid("LINK_INVALID", "the link cannot be made like this", Violation{Field: "ttl", Message: "from 1 minute to 14 days"})
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", zeroTime, fmt.Errorf("read random bytes: %w", err)
	}
	code = base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(code))
	err = s.Store.Update(ctx, func(tx Tx) error {
		m, err := s.load(ctx, tx, program, network, id)
		if err != nil {
			return err
		}
		detail := ""
		if revoke {
			m.TokenGeneration++
			m.UpdateTime, detail = s.now(), "revoke"
			if err := tx.UpdateMember(ctx, m); err != nil {
				return err
			}
		}
		expires = s.now().Add(validFor)
		link := &Link{Hash: hash[:], Program: program, Network: network, Member: id, Generation: m.TokenGeneration, ExpireTime: expires}
		if err := tx.InsertMemberLink(ctx, link); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(who, "link.issue", m.name(), reason, detail))
	})
	if err != nil {
		return "", zeroTime, err
	}
	return code, expires, nil
}

// OpenLink takes a code and returns whose it is, with the token. NotFound
// LINK_NOT_FOUND for one that was used, has expired, never was, or is of another
// network.
func (s *Service) OpenLink(ctx context.Context, program, network, code string) (m *Member, token string, err error) {
	hash := sha256.Sum256([]byte(code))
	err = s.Store.Update(ctx, func(tx Tx) error {
		link, err := tx.UseMemberLink(ctx, hash[:], s.now())
		if err != nil {
			return err
		}
		if link.Program != program || link.Network != network {
			return noMember()
		}
		if m, err = tx.Member(ctx, program, network, link.Member); err != nil {
			return err
		}
		if m.Erased || m.TokenGeneration != link.Generation {
			return noMember()
		}
		return tx.AppendEvents(ctx, s.event(principalOf(m), "link.use", m.name(), "", ""))
	})
	if problem.CodeOf(err) == problem.NotFound {
		err = problem.Errorf(problem.NotFound, "LINK_NOT_FOUND", "this link was used already, has expired or never was: ask for a new one")
	}
	if err != nil {
		return nil, "", err
	}
	return m, tokens.Make(s.Secrets.MAC, program, m.ID, m.TokenGeneration), nil
}
