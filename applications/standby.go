package applications

import (
	"context"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Standby says how a group stands up to declines, people by code.
type Standby struct {
	*RunView
	*selection.Standby
}

// StandbyOf names up to count people who should stand ready in case members of
// a run's group decline, and the members who cannot be replaced without a loss.
// It keeps nothing, and needs IdentityRead where the rules count people by who
// they are: who can replace whom tells who is like whom.
func (s *Service) StandbyOf(ctx context.Context, who access.Principal, program, id string, count int) (*Standby, error) {
	v, err := s.viewToChange(ctx, who, program, id)
	if err != nil {
		return nil, err
	}
	found, err := selection.Alternates(ctx, v.selected, count, selection.Options{Work: explainWork})
	if err != nil {
		return nil, engineError("ALTERNATES_INVALID", err)
	}
	return &Standby{RunView: v, Standby: found}, nil
}
