package ballot

import (
	"context"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/certify"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// certified fills in the claims of a record with their proofs. Its types are
// those of the lottery, in their order.
func certified(ctx context.Context, r *matcher.Record, l *selection.Lottery, tell func(done, of int)) error {
	var levels []certify.Level
	if l != nil && len(r.Lottery.Types) > 0 {
		impossible := make(map[string]bool, len(l.Impossible))
		for _, id := range l.Impossible {
			impossible[id] = true
		}
		var none certify.Level
		for t, ids := range r.Lottery.Types {
			if impossible[ids[0]] {
				none.Types = append(none.Types, t)
			}
		}
		if len(none.Types) > 0 {
			levels = append(levels, none)
		}
		for _, level := range l.Levels {
			if level.Value > 0 {
				levels = append(levels, certify.Level{
					Value: level.Value, Types: level.Types, Weight: level.Proof.Weight, Bound: level.Proof.Bound,
				})
			}
		}
	}
	return certify.Run(ctx, r, levels, certify.Options{Progress: tell})
}
