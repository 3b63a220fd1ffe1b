package erasures

import (
	"context"
	"fmt"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/introductions"
	"github.com/openfairlead/fairlead/mentoring"
)

// Elsewhere lets an erased application take the enrollments with it that came
// from it, and the list of erasures name mentors, mentees and members of
// networks (none of these if n is nil): all domains are in one database, and one
// transaction of it is one of all.
func Elsewhere(s *mentoring.Service, n *introductions.Service) applications.Elsewhere {
	return elsewhere{s, n}
}

type elsewhere struct {
	s *mentoring.Service
	n *introductions.Service
}

func (e elsewhere) EraseFrom(ctx context.Context, tx applications.Tx, who access.Principal, program, application, reason string) error {
	t, err := pairTx(tx)
	if err != nil {
		return err
	}
	return e.s.EraseFrom(ctx, t, who, mentoring.Origin{Program: program, Application: application}, reason)
}

func (e elsewhere) Replay(ctx context.Context, tx applications.Tx, x applications.Erasure) (bool, error) {
	t, err := pairTx(tx)
	if err != nil {
		return false, err
	}
	did, err := e.s.Replay(ctx, t, x.Program, x.Application)
	if err != nil || did || e.n == nil {
		return did, err
	}
	members, ok := tx.(introductions.Tx)
	if !ok {
		return false, fmt.Errorf("erasures: the store %T does not keep networks", tx)
	}
	return e.n.Replay(ctx, members, x.Program, x.Application)
}

func pairTx(tx applications.Tx) (mentoring.Tx, error) {
	t, ok := tx.(mentoring.Tx)
	if !ok {
		return nil, fmt.Errorf("erasures: the store %T does not keep mentors and mentees", tx)
	}
	return t, nil
}
