package selection_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// A selection that does not say the truth (a record can be changed and sealed
// anew) may give a wrong answer or an error, and nothing worse.
func TestSelectedThatLies(t *testing.T) {
	const seed = 48
	ctx := context.Background()
	lies, errs, faults, at := 0, 0, 0, 0
	defer func() {
		if v := recover(); v != nil {
			panic(fmt.Sprintf("instance %d of seed %d: %v", at, seed, v))
		}
	}()
	for i := range soak(100, 3000) {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		s := chosen(t, rng, 12)
		o := *s.Outcome
		o.Cohort, o.Deviation = slices.Clone(o.Cohort), slices.Clone(o.Deviation)
		c := s.Criteria
		c.Rules = slices.Clone(c.Rules)
		for range 1 + rng.IntN(3) {
			lies++
			switch rng.IntN(8) {
			case 0:
				o.Size.Bound = rng.IntN(20)
			case 1:
				if len(o.Deviation) > 0 {
					o.Deviation[rng.IntN(len(o.Deviation))].Bound.Bound = int64(rng.IntN(5))
				}
			case 2:
				o.Deviation = nil
			case 3:
				o.Score.Bound = int64(rng.IntN(100))
			case 4:
				o.Cohort[rng.IntN(len(o.Cohort))] = s.People[rng.IntN(len(s.People))].ID
			case 5:
				o.Cohort = o.Cohort[:1+rng.IntN(len(o.Cohort))]
			case 6:
				c.Rules[0].Min, c.Rules[0].Max = c.Rules[0].Min+2, c.Rules[0].Max+2
			case 7:
				c.Exclude = append(slices.Clone(c.Exclude), o.Cohort[0])
			}
		}
		s.Outcome, s.Criteria = &o, c
		note := func(err error) {
			if err != nil {
				errs++
				var bad selection.InputErrors
				if !errors.As(err, &bad) {
					faults++
				}
			}
		}
		at = i
		_, err := selection.Explain(ctx, s, s.People[rng.IntN(len(s.People))].ID, selection.Options{})
		note(err)
		_, err = selection.Replace(ctx, s, nil, []string{o.Cohort[0]}, selection.Options{})
		note(err)
		_, err = selection.Alternatives(ctx, s, 2, selection.Options{})
		note(err)
		_, err = selection.Alternates(ctx, s, 2, selection.Options{})
		note(err)
		_, err = selection.WhatIf(ctx, s, selection.Changes{Swaps: []selection.Exchange{{Out: o.Cohort[0], In: s.People[0].ID}}}, selection.Options{})
		note(err)
		_, err = selection.Compare(s, s)
		note(err)
	}
	if faults == 0 {
		t.Error("the lies are too small")
	}
	t.Logf("%d lies in 6 questions each: %d errors, %d of them contradictions found out", lies, errs, faults)
}
