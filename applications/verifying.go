package applications

import (
	"context"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/draw"
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
	logged, err := s.commitments(ctx)
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
				if what := sel.verify(logged[name]); what != "" {
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

// committed is what the audit log says of a run: "" of what was not recorded.
type committed struct{ frozen, sealed string }

// commitments reads from the audit log what each run had frozen and sealed.
func (s *Service) commitments(ctx context.Context) (map[string]committed, error) {
	all := map[string]committed{}
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
			run := all[e.Resource]
			switch e.Action {
			case "selection.freeze":
				run.frozen = e.Detail
			case "selection.seal":
				run.sealed = e.Detail
			default:
				continue
			}
			all[e.Resource] = run
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

// verify says what is wrong with a stored run, or "".
func (sel *Selection) verify(logged committed) string {
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
	case logged.frozen != "" && logged.frozen != "commitment="+sel.Commitment:
		return "its frozen input is not the one that the audit log names"
	case sel.Seal == nil && logged.sealed != "", sel.Seal != nil && logged.sealed != sel.Seal.line():
		return "its seal is not the one that the audit log names"
	case sel.Seal != nil && (digestText(draw.Root(f.prints())) != sel.Seal.PoolRoot || digestText(draw.Root(f.typePrints())) != sel.Seal.TypesRoot):
		return "its pool is not the one that was sealed"
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
	if what := sel.verifyDraws(f, r); what != "" {
		return what
	}
	return recountRecord(f, r)
}

// verifyDraws draws once more from what was sealed. Of a run from which people
// were erased the ticket book is gone.
func (sel *Selection) verifyDraws(f *frozen, r *matcher.Record) string {
	if len(f.Erased) > 0 {
		return ""
	}
	if sel.Seal != nil && f.salted("book", r.Lottery.AppendBook(nil)) != sel.Seal.BookDigest {
		return "its ticket book is not the one that was sealed"
	}
	for i, d := range sel.Draws {
		again, err := ballot.Draw(r, matcher.DrawSource{Root: sel.Seal.PoolRoot, Value: d.Value, Selection: sel.ID, Attempt: d.Attempt})
		if err != nil || d.Attempt != i+1 || again.Certificate.Draw.Ticket != d.Ticket || !slices.Equal(again.Cohort, d.Cohort) {
			return "a draw does not follow from what was sealed and its seed"
		}
		if i == len(sel.Draws)-1 && !slices.Equal(r.Cohort, d.Cohort) {
			return "its record is not that of its last draw"
		}
	}
	return ""
}

// recountRecord counts a record anew. After an erasure its counts are about who is
// left, and whatever took the answers of the others cannot be recounted.
func recountRecord(f *frozen, r *matcher.Record) string {
	if len(f.Erased) > 0 {
		return recountErased(f, r)
	}
	if r.Undrawn() && len(r.Cohort) == 0 {
		return ""
	}
	if err := selection.Audit(f.People, f.Criteria, &r.Outcome); err != nil {
		return "its cohort cannot be the result of its input: " + err.Error()
	}
	return ""
}

func recountErased(f *frozen, r *matcher.Record) string {
	cohort, counts := r.Cohort, r.Rules
	if why := r.Infeasibility; why != nil {
		cohort, counts = why.Closest, why.ClosestRules
	}
	if len(cohort) == 0 {
		return ""
	}
	there := map[string]bool{}
	for _, p := range f.People {
		there[p.ID] = true
	}
	for _, id := range cohort {
		if _, erased := f.Erased[id]; !erased && !there[id] {
			return "its cohort has somebody who was not in its pool"
		}
		if slices.Contains(f.Criteria.Exclude, id) {
			return "its cohort has somebody who was excluded"
		}
	}
	if len(without(f.Criteria.Include, cohort)) > 0 {
		return "its cohort lacks somebody who was to be in it"
	}
	if !slices.Equal(selection.Count(f.People, f.Criteria, cohort), counts) {
		return "its cohort does not count up to what its record says"
	}
	return ""
}
