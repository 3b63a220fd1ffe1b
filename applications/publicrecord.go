package applications

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// A draw is told at three levels. Everybody gets the public record: what was
// sealed, and that the draw followed from it. An applicant gets a slip: that
// they were in, with these answers. An auditor gets everything.

// PublicRun is a run that has a public record.
type PublicRun struct {
	ID         string
	State      SelectionState
	Provenance Provenance
	SealTime   time.Time
}

// PublicRuns lists the runs of a program that have a public record, oldest
// first. For everybody.
func (s *Service) PublicRuns(ctx context.Context, program string) ([]PublicRun, error) {
	var runs []PublicRun
	err := s.Store.View(ctx, func(tx Tx) error {
		runs = nil
		if _, err := visibleProgram(ctx, tx, access.Principal{}, program); err != nil {
			return err
		}
		return eachSelection(ctx, tx, program, func(sel *Selection) {
			if sel.isPublic() {
				runs = append(runs, PublicRun{ID: sel.ID, State: sel.State, Provenance: sel.Provenance, SealTime: sel.Seal.Time})
			}
		})
	})
	return runs, err
}

// eachSelection goes through the heads of a program's runs, oldest first.
func eachSelection(ctx context.Context, tx Tx, program string, fn func(*Selection)) error {
	for after := ""; ; {
		batch, err := tx.SelectionHeads(ctx, program, after, scanBatch)
		if err != nil {
			return err
		}
		for _, sel := range batch {
			after = sel.ID
			fn(sel)
		}
		if len(batch) < scanBatch {
			return nil
		}
	}
}

// isPublic: what was sealed is published, and how it ended too; trials are not.
func (sel *Selection) isPublic() bool { return sel.Seal != nil && !sel.Trial }

// PublicRecord is the record of a draw that everybody may see, as
// verify.PublicRecord writes it: from the seal on, and with the draws as soon as
// there are any. It names nobody and tells of nobody's answers.
// NotFound RECORD_NOT_FOUND before the seal, and for runs without a lottery.
func (s *Service) PublicRecord(ctx context.Context, program, id string) ([]byte, error) {
	var out []byte
	err := s.Store.View(ctx, func(tx Tx) error {
		if _, err := visibleProgram(ctx, tx, access.Principal{}, program); CodeOf(err) == NotFound {
			return noRecord()
		} else if err != nil {
			return err
		}
		sel, err := sealedRun(ctx, tx, program, id)
		if err != nil {
			return err
		}
		out = sel.publicRecord().AppendJSON(nil)
		return nil
	})
	return out, err
}

func noRecord() error {
	return Errorf(NotFound, "RECORD_NOT_FOUND", "there is no such record: a run has one from the moment its pool is sealed, if it draws by lottery")
}

// sealedRun reads a run that has a public record.
func sealedRun(ctx context.Context, tx Tx, program, id string) (*Selection, error) {
	sel, err := tx.Selection(ctx, program, id)
	if CodeOf(err) == NotFound && err != nil || err == nil && !sel.isPublic() {
		return nil, noRecord()
	}
	return sel, err
}

// sealedInput reads such a run with what it sealed.
func sealedInput(ctx context.Context, tx Tx, program, id string) (*Selection, *frozen, error) {
	sel, err := sealedRun(ctx, tx, program, id)
	if err != nil {
		return nil, nil, err
	}
	f, err := readFrozen(sel.Frozen)
	return sel, f, err
}

// publicRecord makes the public record of a sealed run.
func (sel *Selection) publicRecord() *verify.PublicRecord {
	r := &verify.PublicRecord{
		Selection: sel.ID, Method: sel.Lottery, Provenance: verify.Sealed, Size: sel.Seal.Seats, Applicants: sel.Seal.People,
		PoolRoot: sel.Seal.PoolRoot, TypesRoot: sel.Seal.TypesRoot, RulesDigest: sel.Seal.RulesDigest, BookDigest: sel.Seal.BookDigest,
		Source: verify.SeedSource{Kind: string(sel.SeedKind), Words: sel.SeedSource, People: sel.SeedPeople},
		Runs:   sel.Seal.Runs, Trials: sel.Seal.Trials, CriteriaVersions: sel.Seal.CriteriaVersions,
		Locks: len(sel.Include) + len(sel.Exclude), Swaps: sel.EarlierChoices + len(sel.Choices),
	}
	if sel.Provenance != "" {
		r.Provenance = string(sel.Provenance)
	} else if r.Swaps > 0 {
		r.Provenance = verify.Chosen
	}
	for _, d := range sel.Draws {
		a := verify.PublicAttempt{Attempt: d.Attempt, Value: d.Value, Ticket: d.Ticket, CohortDigest: d.CohortDigest, Reason: d.Reason}
		if d.Kind == SeedCommitReveal {
			a.Reveals = strings.Split(d.Value, "\n")
			for _, person := range sel.SeedPeople {
				for _, c := range sel.Commitments {
					if c.Attempt == d.Attempt && c.Person == person {
						a.Commitments = append(a.Commitments, c.Digest)
					}
				}
			}
		}
		r.Attempts, r.RecordDigest = append(r.Attempts, a), d.RecordDigest
	}
	r.Seal()
	return r
}

// count notes in a seal what else was tried in the program before it.
func (seal *Seal) count(ctx context.Context, tx Tx, sel *Selection) error {
	err := eachSelection(ctx, tx, sel.Program, func(other *Selection) {
		switch {
		case other.ID == sel.ID:
		case other.Trial:
			seal.Trials++
		case other.Seal != nil:
			seal.Runs++
		}
	})
	if err != nil {
		return err
	}
	versions, err := tx.CriteriaVersions(ctx, sel.Program)
	for _, c := range versions {
		if c.Registered {
			seal.CriteriaVersions++
		}
	}
	return err
}

// Slip proves to an applicant that they were in the sealed pool of a run, and
// with which answers, as verify.Slip writes it. For the applicant alone.
// NotFound RECORD_NOT_FOUND if the run has no public record, NOT_IN_POOL if they
// were not in its pool.
func (s *Service) Slip(ctx context.Context, who access.Principal, program, id, application string) ([]byte, error) {
	if !who.Owns(program, application) {
		if err := calls.Need(who, access.ApplicationsOwn, program); err != nil {
			return nil, err
		}
		if who.Application != "" {
			return nil, noApplication()
		}
		return nil, Errorf(PermissionDenied, "PERMISSION_MISSING", "a slip holds somebody's answers: only they themselves can open it")
	}
	var out []byte
	err := s.Store.View(ctx, func(tx Tx) error {
		sel, f, err := sealedInput(ctx, tx, program, id)
		if err != nil {
			return err
		}
		a, err := tx.Application(ctx, program, application)
		if err != nil {
			return err
		}
		l, salt := f.Leaves[a.Code], f.Salts[a.Code]
		if l == nil || salt == nil {
			return Errorf(NotFound, "NOT_IN_POOL", "this application was not in the pool of this run")
		}
		form, err := tx.Form(ctx, program, a.Form)
		if err != nil {
			return err
		}
		answers := usedAnswers(form, a.Answers)
		if digest := verify.AnswersDigest(answers); !slices.Equal(digest[:], l.Answers) {
			return Errorf(FailedPrecondition, "ANSWERS_CHANGED", "the answers are not those that were sealed any more")
		}
		at, _ := slices.BinarySearch(sortedKeys(f.Leaves), a.Code)
		out = verify.NewSlip(sel.ID, a.ID, salt, answers, f.prints(), at).AppendJSON(nil)
		return nil
	})
	return out, err
}

// AuditRecord is everything about a sealed run, as verify.AuditRecord writes it.
// It needs AuditRead, holds everybody's answers as rules count them, and every
// reading is recorded.
func (s *Service) AuditRecord(ctx context.Context, who access.Principal, program, id string) ([]byte, error) {
	if err := calls.Need(who, access.AuditRead, program); err != nil {
		return nil, err
	}
	var out []byte
	err := s.Store.View(ctx, func(tx Tx) error {
		sel, f, err := sealedInput(ctx, tx, program, id)
		if err != nil {
			return err
		}
		record, err := matcher.ParseRecord(sel.Record)
		if err != nil {
			return err
		}
		r := &verify.AuditRecord{Salt: hex.EncodeToString(f.Salt), Record: sel.Record}
		r.Public = sel.publicRecord()
		of := typeNames(record.Lottery.Types)
		for _, code := range sortedKeys(f.Leaves) {
			l := f.Leaves[code]
			leaf := verify.AuditLeaf{Application: l.Application, Code: code}
			if len(f.Erased) > 0 {
				// Who is alike went with the first who was erased, and with it what opens
				// the tree of types: the leaves themselves stand for everybody.
				leaf.Pool, leaf.Typed = "sha256:"+hex.EncodeToString(l.Fingerprint), "sha256:"+hex.EncodeToString(l.Type)
			} else {
				leaf.Salt, leaf.AnswersDigest, leaf.Type = hex.EncodeToString(f.Salts[code]), "sha256:"+hex.EncodeToString(l.Answers), of[code]
			}
			r.Leaves = append(r.Leaves, leaf)
		}
		r.Seal()
		out = r.AppendJSON(nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	// Recorded before it is shown.
	err = s.Store.Update(ctx, func(tx Tx) error {
		return tx.AppendEvents(ctx, s.event(who, "identity.read", "programs/"+program+"/selections/"+id, "", "audit record"))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
