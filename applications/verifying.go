package applications

import (
	"context"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// RunsReport is what a check of all stored runs found.
type RunsReport struct {
	Runs   int // runs that had frozen their input
	Erased int // entries of frozen inputs that were erased since
	// Unchecked are the runs of which entries were erased: what needs those
	// entries, that the rules are kept and the result is the best one, cannot be
	// checked of them any more.
	Unchecked int
}

// VerifyRuns checks every stored run against its frozen input: that the input is
// what was frozen, and that the result is made from it and counts up. It is the
// program itself that asks, so nobody is checked. DataLoss RUN_BROKEN names the
// first run that is wrong.
func (s *Service) VerifyRuns(ctx context.Context) (*RunsReport, error) {
	report := &RunsReport{}
	frozenAs, err := s.commitments(ctx)
	if err != nil {
		return nil, err
	}
	err = s.eachProgram(ctx, func(program string) error {
		for after := ""; ; {
			var batch []*Selection
			err := s.Store.View(ctx, func(tx Tx) (err error) {
				batch, err = tx.Selections(ctx, program, after, 20)
				return err
			})
			if err != nil {
				return err
			}
			for _, sel := range batch {
				after = sel.ID
				if len(sel.Frozen) == 0 {
					continue
				}
				name := selectionName(sel)
				if what := sel.verify(frozenAs[name]); what != "" {
					return Errorf(DataLoss, "RUN_BROKEN", "the run %s was changed from outside: %s; keep this database, and compare it with a backup", name, what)
				}
				report.Runs++
				report.Erased += sel.ErasedCount
				if sel.ErasedCount > 0 {
					report.Unchecked++
				}
			}
			if len(batch) < 20 {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return report, nil
}

// commitments reads from the audit log what each run had frozen.
func (s *Service) commitments(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	for from := int64(0); ; {
		var batch []Event
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			batch, err = tx.Events(ctx, from, maxPageSize)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, e := range batch {
			from = e.Index + 1
			if e.Action == "selection.freeze" {
				all[e.Resource] = e.Detail
			}
		}
		if len(batch) < maxPageSize {
			return all, nil
		}
	}
}

func (s *Service) eachProgram(ctx context.Context, fn func(id string) error) error {
	for after := ""; ; {
		var batch []*Program
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			batch, err = tx.Programs(ctx, nil, after, scanBatch)
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range batch {
			after = p.ID
			if err := fn(p.ID); err != nil {
				return err
			}
		}
		if len(batch) < scanBatch {
			return nil
		}
	}
}

// verify says what is wrong with a stored run, or "". frozenAs is what the
// audit log says of its input, "" for a run from before that was recorded.
func (sel *Selection) verify(frozenAs string) string {
	f, err := readFrozen(sel.Frozen)
	switch {
	case err != nil:
		return "its frozen input cannot be read"
	case len(f.Erased) != sel.ErasedCount:
		return "its frozen input has not as many erased entries as it says"
	case len(f.Erased) == 0 && f.digest() != sel.InputDigest:
		return "its frozen input is not what its digest says"
	case (len(f.Erased) > 0 || sel.Commitment != "") && f.commitment() != sel.Commitment:
		return "its frozen input is not what was frozen"
	case frozenAs != "" && frozenAs != "commitment="+sel.Commitment:
		return "its frozen input is not the one that the audit log names"
	case len(sel.Record) == 0:
		return ""
	}
	r, err := matcher.ParseRecord(sel.Record)
	if err != nil {
		return "its record does not match its digest"
	}
	bound := sel.InputDigest
	if len(f.Erased) > 0 {
		bound = sel.Commitment
	}
	if r.InputDigest != bound || r.Erased != len(f.Erased) {
		return "its record was made from another input"
	}
	return recountRecord(f, r)
}

// recountRecord counts a record anew over who is left.
func recountRecord(f *frozen, r *matcher.Record) string {
	there := func(id string) bool {
		_, erased := f.Erased[id]
		return erased || slices.ContainsFunc(f.People, func(p matcher.Person) bool { return p.ID == id })
	}
	cohort, counts := r.Cohort, r.Rules
	if why := r.Infeasibility; why != nil {
		cohort, counts = why.Closest, why.ClosestRules
	}
	for _, id := range cohort {
		if !there(id) {
			return "its cohort has somebody who was not in its pool"
		}
		if slices.Contains(f.Criteria.Exclude, id) && r.Infeasibility == nil {
			return "its cohort has somebody who was excluded"
		}
	}
	if len(cohort) == 0 {
		return ""
	}
	if !slices.Equal(selection.Count(f.People, f.Criteria, cohort), counts) {
		return "its cohort does not count up to what its record says"
	}
	if r.Infeasibility != nil {
		return ""
	}
	for _, id := range f.Criteria.Include {
		if !slices.Contains(cohort, id) {
			return "its cohort lacks somebody who was to be in it"
		}
	}
	for _, c := range counts {
		if len(f.Erased) == 0 && c.Priority == matcher.Must && (c.Short > 0 || c.Over > 0) {
			return "its cohort does not keep a rule that has to hold"
		}
	}
	return ""
}
