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

// CreateUser adds a member of staff with their roles.
func (s *Service) CreateUser(ctx context.Context, who access.Principal, u *User, idem Idempotency) (*User, error) {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return nil, err
	}
	return once(ctx, s, who, "", "CreateUser", idem, func(tx Tx) (*User, string, error) {
		made := &User{ID: s.NewID(), Name: u.Name, Grants: u.Grants, Disabled: u.Disabled, CreateTime: s.now()}
		if err := checkUser(ctx, tx, made); err != nil {
			return nil, "", err
		}
		if err := tx.InsertUser(ctx, made); err != nil {
			return nil, "", err
		}
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "user.create", "users/"+made.ID, "", "roles="+grantList(made.Grants)))
	})
}

func checkUser(ctx context.Context, tx Tx, u *User) error {
	var bad []Violation
	name, problem := cleanText(u.Name, false, 200)
	if problem == "" && name == "" {
		problem = "enter how staff call this person"
	}
	if problem != "" {
		bad = append(bad, Violation{Field: "display_name", Message: problem})
	}
	u.Name = name
	problems, err := checkGrants(ctx, tx, u.Grants)
	if err != nil {
		return err
	}
	if bad = append(bad, problems...); len(bad) > 0 {
		return Invalid("USER_INVALID", "the user cannot be kept like this", bad...)
	}
	return nil
}

// Users lists every member of staff, disabled ones included, by id.
func (s *Service) Users(ctx context.Context, who access.Principal) ([]*User, error) {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return nil, err
	}
	var all []*User
	err := s.Store.View(ctx, func(tx Tx) error {
		all = nil
		for after := ""; ; {
			batch, err := tx.Users(ctx, after, scanBatch)
			if err != nil {
				return err
			}
			all = append(all, batch...)
			if len(batch) < scanBatch {
				return nil
			}
			after = batch[len(batch)-1].ID
		}
	})
	return all, err
}

// UpdateUser changes the fields named: "displayName", "grants", "disabled"; no
// fields means all three. u.Revision must be the stored one, or 0. Disabling a
// user ends all of their tokens at once.
func (s *Service) UpdateUser(ctx context.Context, who access.Principal, u *User, fields []string, idem Idempotency) (*User, error) {
	if err := calls.Need(who, access.TokensAdmin, ""); err != nil {
		return nil, err
	}
	known := []string{"display_name", "grants", "disabled"}
	var changed []string
	var bad []Violation
	for _, f := range fields {
		name := snakeCase(f)
		if !slices.Contains(known, name) {
			bad = append(bad, Violation{Field: "update_mask", Message: fmt.Sprintf("a user has no field %.60q that can be changed%s", f, nearest.Hint(name, known))})
			continue
		}
		changed = append(changed, name)
	}
	if len(bad) > 0 {
		return nil, Invalid("UPDATE_MASK_INVALID", "the fields to change are not all known", bad...)
	}
	if len(fields) == 0 {
		changed = known
	}
	return once(ctx, s, who, "", "UpdateUser", idem, func(tx Tx) (*User, string, error) {
		stored, err := tx.User(ctx, u.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(u.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		for _, f := range changed {
			switch f {
			case "display_name":
				stored.Name = u.Name
			case "grants":
				stored.Grants = u.Grants
			case "disabled":
				stored.Disabled = u.Disabled
			}
		}
		if err := checkUser(ctx, tx, stored); err != nil {
			return nil, "", err
		}
		if err := tx.UpdateUser(ctx, stored); err != nil {
			return nil, "", err
		}
		detail := "fields=" + strings.Join(changed, ",")
		if slices.Contains(changed, "grants") {
			detail += " roles=" + grantList(stored.Grants)
		}
		return stored, stored.ID, tx.AppendEvents(ctx, s.event(who, "user.update", "users/"+u.ID, "", detail))
	})
}
