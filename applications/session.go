package applications

import (
	"context"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
)

// StaffSession returns who a staff token stands for now, by the token's id:
// for pages, whose sessions outlive a request and must end with the token.
// Unauthenticated TOKEN_INVALID if it was revoked, has expired or never was.
func (s *Service) StaffSession(ctx context.Context, token string) (access.Principal, error) {
	var who access.Principal
	err := s.Store.View(ctx, func(tx Tx) error {
		t, err := tx.Token(ctx, token)
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
