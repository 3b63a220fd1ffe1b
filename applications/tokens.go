package applications

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

const staffPrefix = "fls_"

// Label of the key that the secret of a token made under a request id is
// derived with.
const labelStaffToken = "staff token"

// Authenticate turns a bearer token (staff, service or applicant) into who
// calls. Unauthenticated TOKEN_INVALID for anything else, in the same words.
func (s *Service) Authenticate(ctx context.Context, token string) (access.Principal, error) {
	var who access.Principal
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if strings.HasPrefix(token, applicantTokens.Prefix) {
			who, err = s.authenticateApplicant(ctx, tx, token)
			return err
		}
		if !strings.HasPrefix(token, staffPrefix) || len(token) > 200 {
			return calls.InvalidToken()
		}
		hash := sha256.Sum256([]byte(token))
		t, err := tx.TokenByHash(ctx, hash[:])
		if err != nil {
			return err
		}
		who, err = s.principalOf(ctx, tx, t)
		return err
	})
	if CodeOf(err) == NotFound {
		err = calls.InvalidToken()
	}
	if err != nil {
		return access.Principal{}, err
	}
	return who, nil
}

func (s *Service) authenticateApplicant(ctx context.Context, tx Tx, token string) (access.Principal, error) {
	program, id, ok := applicantTokens.Read(token)
	if !ok || !programShape.MatchString(program) {
		return access.Principal{}, calls.InvalidToken()
	}
	a, err := tx.Application(ctx, program, id)
	if err != nil {
		return access.Principal{}, err
	}
	if a.State == Erased || !applicantTokens.Is(token, s.Secrets.MAC, a.Program, a.ID, a.TokenGeneration) {
		return access.Principal{}, calls.InvalidToken()
	}
	return applicantOf(a), nil
}

// principalOf is who a staff token stands for, if it is valid now.
func (s *Service) principalOf(ctx context.Context, tx Tx, t *Token) (access.Principal, error) {
	now := s.now()
	if !t.RevokeTime.IsZero() && !now.Before(t.RevokeTime) || !t.ExpireTime.IsZero() && !now.Before(t.ExpireTime) {
		return access.Principal{}, calls.InvalidToken()
	}
	if t.User == "" {
		return access.Principal{Subject: "tokens/" + t.ID, Token: t.ID, Grants: t.Grants}, nil
	}
	u, err := tx.User(ctx, t.User)
	if err != nil {
		return access.Principal{}, err
	}
	if u.Disabled {
		return access.Principal{}, calls.InvalidToken()
	}
	return access.Principal{Subject: "users/" + u.ID, Token: t.ID, Grants: u.Grants}, nil
}

// IssueToken makes a staff or service token and returns its secret, once: 256
// random bits, of which only the SHA-256 is stored. Under a request id the
// secret is derived instead, so that a retry, and nothing else, returns it
// again.
func (s *Service) IssueToken(ctx context.Context, who access.Principal, t *Token, idem Idempotency) (secret string, err error) {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return "", err
	}
	random, err := s.randomSecret()
	if err != nil {
		return "", err
	}
	secretFor := func(id string) string {
		if idem.RequestID == "" {
			return random
		}
		mac := s.Secrets.MAC(labelStaffToken, []byte(who.Subject+"\x00"+idem.RequestID+"\x00"+id))
		return staffPrefix + base64.RawURLEncoding.EncodeToString(mac)
	}
	made, err := once(ctx, s, who, "", "IssueToken", idem, func(tx Tx) (*Token, string, error) {
		made, err := s.newToken(ctx, tx, t)
		if err != nil {
			return nil, "", err
		}
		hash := sha256.Sum256([]byte(secretFor(made.ID)))
		made.Hash = hash[:]
		if err := tx.InsertToken(ctx, made, false); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "token.issue", "tokens/"+made.ID, "", grantsDetail(made)))
	})
	if err != nil {
		return "", err
	}
	*t = *made
	return secretFor(made.ID), nil
}

func (s *Service) randomSecret() (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return staffPrefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

// newToken checks what a token is asked to be. A user's token has the user's
// roles; any other has its own.
func (s *Service) newToken(ctx context.Context, tx Tx, given *Token) (*Token, error) {
	now := s.now()
	t := &Token{ID: s.NewID(), User: given.User, Grants: given.Grants, CreateTime: now, ExpireTime: instant(given.ExpireTime)}
	var bad []Violation
	label, problem := cleanText(given.Label, false, 100)
	if problem != "" {
		bad = append(bad, Violation{Field: "label", Message: problem})
	}
	t.Label = label
	if !t.ExpireTime.IsZero() && !t.ExpireTime.After(now) {
		bad = append(bad, Violation{Field: "expire_time", Message: "in the future"})
	}
	switch {
	case t.User != "" && len(t.Grants) > 0:
		bad = append(bad, Violation{Field: "grants", Message: "a user's token has the roles of the user"})
	case t.User != "":
		u, err := tx.User(ctx, t.User)
		if CodeOf(err) == NotFound {
			bad = append(bad, Violation{Field: "user", Message: "there is no such user"})
		} else if err != nil {
			return nil, err
		} else if u.Disabled {
			bad = append(bad, Violation{Field: "user", Message: "this user is disabled"})
		}
	case len(t.Grants) == 0:
		bad = append(bad, Violation{Field: "grants", Message: "give at least one role"})
	}
	problems, err := checkGrants(ctx, tx, t.Grants)
	if err != nil {
		return nil, err
	}
	if bad = append(bad, problems...); len(bad) > 0 {
		return nil, Invalid("TOKEN_INVALID_REQUEST", "the token cannot be made like this", bad...)
	}
	return t, nil
}

// checkGrants wants roles that exist, in programs that exist.
func checkGrants(ctx context.Context, tx Tx, grants []access.Grant) ([]Violation, error) {
	const most = 100
	if len(grants) > most {
		return []Violation{{Field: "grants", Message: fmt.Sprintf("at most %d", most)}}, nil
	}
	var known []string
	for _, r := range access.Roles {
		if access.Grantable(r) {
			known = append(known, string(r))
		}
	}
	var bad []Violation
	for i, g := range grants {
		at := fmt.Sprintf("grants[%d]", i)
		if !access.Grantable(g.Role) {
			bad = append(bad, Violation{Field: at + ".role", Message: fmt.Sprintf("there is no role %.40q that can be granted%s", g.Role, nearest.Hint(string(g.Role), known))})
		}
		if slices.Index(grants, g) != i {
			bad = append(bad, Violation{Field: at, Message: "the same grant is there twice"})
		}
		if g.Program == "" {
			continue
		}
		if _, err := tx.Program(ctx, g.Program); CodeOf(err) == NotFound {
			bad = append(bad, Violation{Field: at + ".program", Message: fmt.Sprintf("there is no program %.63q", g.Program)})
		} else if err != nil {
			return nil, err
		}
	}
	return bad, nil
}

// grantsDetail lists roles for the audit log: "roles=FACILITATOR@p,AUDITOR".
func grantsDetail(t *Token) string {
	if t.User != "" {
		return "user=" + t.User
	}
	return "roles=" + grantList(t.Grants)
}

func grantList(grants []access.Grant) string {
	var all []string
	for _, g := range grants {
		name := string(g.Role)
		if g.Program != "" {
			name += "@" + g.Program
		}
		all = append(all, name)
	}
	return strings.Join(all, ",")
}

// FirstToken makes the first administrator's token if there is no token yet;
// "" if there is one. It is the server that calls.
func (s *Service) FirstToken(ctx context.Context) (secret string, err error) {
	secret, err = s.randomSecret()
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256([]byte(secret))
	err = s.Store.Update(ctx, func(tx Tx) error {
		t := &Token{
			ID: s.NewID(), Hash: hash[:], Label: "first administrator",
			Grants: []access.Grant{{Role: access.Administrator}}, CreateTime: s.now(),
		}
		if err := tx.InsertToken(ctx, t, true); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(calls.System, "token.issue", "tokens/"+t.ID, "", grantsDetail(t)))
	})
	if ReasonOf(err) == "FIRST_TOKEN_EXISTS" {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Tokens lists every token, without hashes, revoked ones included, by id.
func (s *Service) Tokens(ctx context.Context, who access.Principal) ([]*Token, error) {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return nil, err
	}
	var all []*Token
	err := s.Store.View(ctx, func(tx Tx) error {
		all = nil
		for after := ""; ; {
			batch, err := tx.Tokens(ctx, after, scanBatch)
			if err != nil {
				return err
			}
			for _, t := range batch {
				t.Hash, after = nil, t.ID
				all = append(all, t)
			}
			if len(batch) < scanBatch {
				return nil
			}
		}
	})
	return all, err
}

// RevokeToken ends a token now. Revoking a revoked one changes nothing.
func (s *Service) RevokeToken(ctx context.Context, who access.Principal, id string, idem Idempotency) error {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return err
	}
	_, err := once(ctx, s, who, "", "RevokeToken", idem, func(tx Tx) (bool, string, error) {
		t, err := tx.Token(ctx, id)
		if err != nil || !t.RevokeTime.IsZero() {
			return true, id, err
		}
		if err := tx.RevokeToken(ctx, id, s.now()); err != nil {
			return false, "", err
		}
		return true, id, tx.AppendEvents(ctx, s.event(who, "token.revoke", "tokens/"+id, "", ""))
	})
	return err
}

// Lifetimes of a sign-in link.
const (
	defaultLinkLife = 15 * time.Minute
	shortestLink    = time.Minute
	longestLink     = 24 * time.Hour
)

// SignInLink makes a link code that opens the pages once: for oneself (a staff
// token; program and application empty), or for an application, by its owner or
// by staff. Whoever has the link sees all of the application, so that staff
// need IdentityRead beside ApplicationsWrite, and a reason, which is recorded.
// It is valid for 15 minutes unless validFor says otherwise: 1 minute to 24
// hours.
func (s *Service) SignInLink(ctx context.Context, who access.Principal, program, application, reason string, validFor time.Duration) (code string, err error) {
	if validFor == 0 {
		validFor = defaultLinkLife
	}
	if validFor < shortestLink || validFor > longestLink {
		return "", Invalid("LINK_INVALID", "the link cannot be made like this", Violation{Field: "ttl", Message: "from 1 minute to 24 hours"})
	}
	raw := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, raw); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	code = base64.RawURLEncoding.EncodeToString(raw)
	hash := sha256.Sum256([]byte(code))
	link := &Link{Hash: hash[:], ExpireTime: s.now().Add(validFor)}
	resource := ""
	if application == "" || who.Owns(program, application) {
		reason = "" // it is for who gives an application of somebody else away
	}
	if application == "" {
		if who.Token == "" {
			return "", Errorf(PermissionDenied, "PERMISSION_MISSING", "only staff sign in by a link of their own; an applicant's link names the application")
		}
		link.Token, resource = who.Token, "tokens/"+who.Token
	} else {
		if err := mayTouch(who, access.ApplicationsWrite, program, application); err != nil {
			return "", err
		}
		if !who.Owns(program, application) {
			if reason, err = mayReadIdentity(who, program, reason); err != nil {
				return "", err
			}
		}
		link.Program, link.Application, resource = program, application, applicationName(program, application)
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		if application != "" {
			_, a, err := loadApplication(ctx, tx, program, application)
			if err != nil {
				return err
			}
			if a.State == Erased {
				return noApplication()
			}
			link.Generation = a.TokenGeneration
		}
		if err := tx.InsertLink(ctx, link); err != nil {
			return err
		}
		return tx.AppendEvents(ctx, s.event(who, "link.issue", resource, reason, ""))
	})
	if err != nil {
		return "", err
	}
	return code, nil
}

// UseSignInLink takes a link and returns who it signs in. NotFound
// LINK_NOT_FOUND for one that was used, has expired or never was, and for one
// to an application whose return code was renewed after the link was made.
func (s *Service) UseSignInLink(ctx context.Context, code string) (access.Principal, error) {
	hash := sha256.Sum256([]byte(code))
	var who access.Principal
	err := s.Store.Update(ctx, func(tx Tx) error {
		link, err := tx.UseLink(ctx, hash[:], s.now())
		if err != nil {
			return err
		}
		resource := "tokens/" + link.Token
		if link.Token != "" {
			t, err := tx.Token(ctx, link.Token)
			if err != nil {
				return err
			}
			if who, err = s.principalOf(ctx, tx, t); err != nil {
				return err
			}
		} else {
			a, err := tx.Application(ctx, link.Program, link.Application)
			if err != nil {
				return err
			}
			if a.State == Erased || a.TokenGeneration != link.Generation {
				return noApplication()
			}
			who, resource = applicantOf(a), applicationName(a.Program, a.ID)
		}
		return tx.AppendEvents(ctx, s.event(who, "link.use", resource, "", ""))
	})
	switch CodeOf(err) {
	case NotFound, Unauthenticated:
		return access.Principal{}, Errorf(NotFound, "LINK_NOT_FOUND", "this link was used already, has expired or never was: ask for a new one")
	}
	if err != nil {
		return access.Principal{}, err
	}
	return who, nil
}

// Events lists the audit log from an index. It looks at limit lines at most (0:
// 100; at most 1000) and returns those that who may read: all of them, or those
// about the programs for which AuditRead is held. next is where to go on, -1 at
// the end of the log.
func (s *Service) Events(ctx context.Context, who access.Principal, from int64, limit int) (events []Event, next int64, err error) {
	if !who.CanSomewhere(access.AuditRead) {
		return nil, 0, calls.Need(who, access.AuditRead, "")
	}
	if from < 0 || limit < 0 {
		return nil, 0, Invalid("LIST_INVALID", "the list cannot be made like this", Violation{Field: "from", Message: "not negative"})
	}
	if limit == 0 {
		limit = 100
	}
	limit = min(limit, maxPageSize)
	err = s.Store.View(ctx, func(tx Tx) (err error) {
		events, err = tx.Events(ctx, from, limit)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	if next = -1; len(events) == limit {
		next = events[limit-1].Index + 1
	}
	return slices.DeleteFunc(events, func(e Event) bool { return !who.Can(access.AuditRead, programIn(e.Resource)) }), next, nil
}

// programIn is P of the resource name "programs/P" or "programs/P/…", or "".
func programIn(resource string) string {
	rest, _ := strings.CutPrefix(resource, "programs/")
	if rest == resource {
		return ""
	}
	program, _, _ := strings.Cut(rest, "/")
	return program
}
