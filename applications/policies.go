package applications

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// CreatePolicy records an approval to balance a group by identity attributes:
// who approved it, why, and until when.
func (s *Service) CreatePolicy(ctx context.Context, who access.Principal, p *Policy, idem Idempotency) (*Policy, error) {
	if err := calls.Need(who, access.PoliciesApprove, p.Program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, p.Program, "CreatePolicy", idem, func(tx Tx) (*Policy, string, error) {
		program, form, err := programAndForm(ctx, tx, p.Program)
		if err != nil {
			return nil, "", err
		}
		if _, err := program.State.after(approvePolicy); err != nil {
			return nil, "", err
		}
		made := &Policy{
			Program: p.Program, ID: s.NewID(), Attributes: slices.Clone(p.Attributes), Purpose: p.Purpose,
			Approver: p.Approver, RecordedBy: who.Subject, Reason: p.Reason, SecondApprover: p.SecondApprover,
			ApproveTime: instant(p.ApproveTime), ExpireTime: instant(p.ExpireTime),
		}
		if made.ApproveTime.IsZero() {
			made.ApproveTime = s.now()
		}
		if made.Purpose == "" {
			made.Purpose = ForBalance
		}
		if bad := s.policyProblems(made, form); len(bad) > 0 {
			return nil, "", Invalid("POLICY_INVALID", "the approval cannot be recorded like this", bad...)
		}
		if err := tx.InsertPolicy(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "policy.create", policyName(made), "", "attributes="+strings.Join(made.Attributes, ",")))
	})
}

func policyName(p *Policy) string { return "programs/" + p.Program + "/policies/" + p.ID }

// policyProblems checks an approval and brings it into the form that is kept.
func (s *Service) policyProblems(p *Policy, form *Form) []Violation {
	var bad []Violation
	badf := func(field, format string, args ...any) {
		bad = append(bad, Violation{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	if p.Purpose != ForBalance {
		badf("purpose", "only BALANCE: identity attributes cannot be approved for anything else")
	}
	var keys []string
	for i := range form.Attributes {
		if form.Attributes[i].Identity() {
			keys = append(keys, form.Attributes[i].Key)
		}
	}
	if len(p.Attributes) == 0 {
		badf("attributes", "name the attributes that it covers")
	}
	for i, key := range p.Attributes {
		switch {
		case !slices.Contains(keys, key):
			badf("attributes", "the form has no identity attribute %.60q%s", key, nearest.Hint(key, keys))
		case slices.Index(p.Attributes, key) != i:
			badf("attributes", "%s is there twice", key)
		}
	}
	slices.Sort(p.Attributes)
	for _, f := range []struct {
		field, missing string
		text           *string
		most           int
	}{
		{"approver", "name who approved it", &p.Approver, 200},
		{"reason", "give the written reason", &p.Reason, 4000},
		{"second_approver", "", &p.SecondApprover, 200},
	} {
		clean, problem := cleanText(*f.text, true, f.most)
		if problem == "" && clean == "" {
			problem = f.missing
		}
		if problem != "" {
			badf(f.field, "%s", problem)
		}
		*f.text = clean
	}
	if p.SecondApprover != "" && entityKey(p.SecondApprover) == entityKey(p.Approver) {
		badf("second_approver", "somebody else than the approver")
	}
	switch now := s.now(); {
	case p.ExpireTime.IsZero():
		badf("expire_time", "say until when it holds")
	case !p.ExpireTime.After(now) || !p.ExpireTime.After(p.ApproveTime):
		badf("expire_time", "in the future, and after the approval")
	}
	if p.ApproveTime.After(s.now()) {
		badf("approve_time", "not in the future")
	}
	return bad
}

// Policies lists a program's approvals, revoked and expired ones included.
func (s *Service) Policies(ctx context.Context, who access.Principal, program string) ([]*Policy, error) {
	if err := calls.Need(who, access.ProgramsRead, program); err != nil {
		return nil, err
	}
	var all []*Policy
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if _, err = tx.Program(ctx, program); err != nil {
			return err
		}
		all, err = tx.Policies(ctx, program)
		return err
	})
	return all, err
}

// RevokePolicy ends an approval now, with a reason. Criteria that rely on it
// stay registered and cannot be run any more.
func (s *Service) RevokePolicy(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Policy, error) {
	if err := calls.Need(who, access.PoliciesApprove, program); err != nil {
		return nil, err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return nil, Invalid("REASON_MISSING", "revoking an approval needs a reason, which is recorded", bad...)
	}
	return once(ctx, s, who, program, "RevokePolicy", idem, func(tx Tx) (*Policy, string, error) {
		p, err := tx.Policy(ctx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
		if !p.RevokeTime.IsZero() {
			return nil, "", Errorf(FailedPrecondition, "POLICY_REVOKED", "this approval was revoked already")
		}
		p.RevokeTime = s.now()
		if err := tx.UpdatePolicy(ctx, p); err != nil {
			return nil, "", err
		}
		return p, id, tx.AppendEvents(ctx, s.event(who, "policy.revoke", policyName(p), reason, ""))
	})
}
