package erasures

import (
	"context"
	"fmt"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/mentoring"
)

// Elsewhere lets an erased application take the enrollments with it that came
// from it, and the list of erasures name mentors and mentees: both domains are
// in one database, and one transaction of it is one of both.
func Elsewhere(s *mentoring.Service) applications.Elsewhere { return elsewhere{s} }

type elsewhere struct{ s *mentoring.Service }

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
	return e.s.Replay(ctx, t, x.Program, x.Application)
}

func pairTx(tx applications.Tx) (mentoring.Tx, error) {
	t, ok := tx.(mentoring.Tx)
	if !ok {
		return nil, fmt.Errorf("erasures: the store %T does not keep mentors and mentees", tx)
	}
	return t, nil
}
