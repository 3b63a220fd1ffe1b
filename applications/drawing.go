package applications

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ballot"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// SeedCommit binds one of the two people of SeedCommitReveal to a text that
// nobody else knows yet: Digest is the SHA-256, in hex, of its UTF-8.
type SeedCommit struct {
	Program, Selection string
	Person, Digest     string
	Revision           int64
}

// Reveal is the text that somebody committed to.
type Reveal struct{ Person, Text string }

// DrawRequest asks for a draw. Value is the number that was drawn in public;
// Reveals are the texts of the two people; a seed of the server's needs neither.
type DrawRequest struct {
	Program, Selection string
	Value              string
	Reveals            []Reveal
	// Reason says why it is drawn again; of the first attempt it is empty.
	Reason string
	// ConfirmImpossible says why it is drawn although more than a tenth of the
	// pool has no chance at all, or company rules shut somebody out.
	ConfirmImpossible string
	Revision          int64
}

// CommitSeed keeps a commitment for the next draw of a run, sealed or not yet.
// FailedPrecondition SEED_SOURCE if the run's seed does not come from two
// people, COMMITMENT_MADE if the person made theirs already, COMMITMENT_BY_ONE if
// the caller entered the other's.
func (s *Service) CommitSeed(ctx context.Context, who access.Principal, req SeedCommit, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, req.Program); err != nil {
		return nil, err
	}
	digest := strings.TrimPrefix(req.Digest, "sha256:")
	if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 || strings.ToLower(digest) != digest {
		return nil, Invalid("COMMITMENT_INVALID", "this commits to nothing", Violation{Field: "digest", Message: "the SHA-256 of the text: 64 digits and letters from a to f"})
	}
	return once(ctx, s, who, req.Program, "CommitSeed", idem, func(tx Tx) (*Selection, string, error) {
		sel, err := runAt(ctx, tx, req.Program, req.Selection, req.Revision)
		if err != nil {
			return nil, "", err
		}
		attempt, err := sel.nextDraw(true)
		if err != nil {
			return nil, "", err
		}
		if sel.SeedKind != SeedCommitReveal {
			return nil, "", Errorf(FailedPrecondition, "SEED_SOURCE", "the seed of this run comes from %s: nobody commits to a text", sel.SeedKind)
		}
		person, err := sel.seedPerson("person", req.Person)
		if err != nil {
			return nil, "", err
		}
		for _, c := range sel.Commitments {
			switch {
			case c.Attempt == attempt && c.Person == person:
				return nil, "", Errorf(FailedPrecondition, "COMMITMENT_MADE", "%s is bound to a text already; it cannot be changed for another", person)
			case c.Attempt == attempt && c.By == who.Subject:
				return nil, "", Errorf(FailedPrecondition, "COMMITMENT_BY_ONE", "you entered the one of %s: somebody else, under their own name, enters that of %s, so that no one alone makes the seed", c.Person, person)
			case c.Digest == digest:
				return nil, "", Errorf(FailedPrecondition, "COMMITMENT_COPIED", "this commitment was made before, by %s: a text of one's own", c.Person)
			}
		}
		sel.UpdateTime = s.now()
		sel.Commitments = append(sel.Commitments, SeedCommitment{Attempt: attempt, Person: person, Digest: digest, By: who.Subject, Time: s.now()})
		if err := tx.UpdateSelection(ctx, sel); err != nil {
			return nil, "", err
		}
		err = tx.AppendEvents(ctx, s.event(who, "selection.commit", selectionName(sel), "",
			fmt.Sprintf("attempt=%d person=%d digest=sha256:%s", attempt, 1+slices.Index(sel.SeedPeople, person), digest)))
		return sel.outside(who), sel.ID, err
	})
}

// seedPerson is one of the run's two people, as they are registered.
func (sel *Selection) seedPerson(field, name string) (string, error) {
	clean, _ := cleanText(name, false, 200)
	for _, p := range sel.SeedPeople {
		if strings.EqualFold(p, clean) {
			return p, nil
		}
	}
	return "", Invalid("SEED_SOURCE", "only the two people who are registered for it give a text", Violation{Field: field, Message: fmt.Sprintf(
		"one of: %s%s", strings.Join(sel.SeedPeople, ", "), nearest.Hint(clean, sel.SeedPeople))})
}

// nextDraw is the number of the next attempt, or says why there is none. early
// allows what comes before the seal.
func (sel *Selection) nextDraw(early bool) (int, error) {
	next := len(sel.Draws) + 1
	switch {
	case sel.Trial:
		return 0, Errorf(FailedPrecondition, "RUN_IS_TRIAL", "this is a trial: it shows what is possible, and nobody is ever drawn from it")
	case sel.Lottery == matcher.LotteryNone:
		return 0, Errorf(FailedPrecondition, "RUN_WITHOUT_LOTTERY", "this run has no lottery: its seed broke the ties")
	case !sel.State.Done() && early:
		return next, nil
	case !sel.State.Done():
		return 0, Errorf(FailedPrecondition, "RUN_NOT_SEALED", "the pool and the ticket book of this run are not sealed yet: wait for that, then draw")
	case sel.State == SelectionStale:
		return 0, poolChanged()
	case sel.State == SelectionFailed || sel.State == SelectionCanceled || sel.Seal == nil:
		return 0, Errorf(FailedPrecondition, "RUN_WITHOUT_RESULT", "the run ended without a lottery to draw from (%s)", sel.State)
	case sel.ErasedCount > 0:
		return 0, Errorf(FailedPrecondition, "RUN_ERASED", "people were erased from this run: start a new one")
	case !sel.OfferTime.IsZero():
		return 0, Errorf(FailedPrecondition, "OFFERS_MADE", "seats were offered on this run: it stands as it is. Fill seats that become free again with a replacement")
	case len(sel.Choices) > 0:
		return 0, Errorf(FailedPrecondition, "RUN_CHOSEN", "somebody changed the group that was drawn: a new draw would hide that. Start a new run")
	}
	return next, nil
}

func poolChanged() error {
	return Errorf(FailedPrecondition, "RUN_STALE", "the pool is not what this run sealed any more: start a new one")
}

// DrawSelection draws a cohort from a sealed run, or draws again, which needs a
// reason and a new seed and leaves the earlier attempts visible. What is drawn
// follows from what was sealed and the seed alone.
//
// FailedPrecondition: RUN_NOT_SEALED, or SEED_TOO_EARLY if a seed is given before
// the seal; RUN_DRAWN for a second draw without a reason; CONFIRMATION_NEEDED if
// more than a tenth of the pool has no chance, and nobody said why that is all
// right; SEED_MISSING, SEED_SOURCE, SEED_USED, COMMITMENT_MISSING,
// COMMITMENT_MISMATCH for a seed that is not what was registered.
func (s *Service) DrawSelection(ctx context.Context, who access.Principal, req DrawRequest, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, req.Program); err != nil {
		return nil, err
	}
	var bad []Violation
	for _, f := range []struct {
		field string
		text  *string
	}{{"reason", &req.Reason}, {"confirm_impossible", &req.ConfirmImpossible}} {
		clean, problem := cleanText(*f.text, false, 1000)
		if problem != "" {
			bad = append(bad, Violation{Field: f.field, Message: problem})
		}
		*f.text = clean
	}
	if len(bad) > 0 {
		return nil, Invalid("DRAW_INVALID", "the draw cannot be made like this", bad...)
	}
	random := make([]byte, 32)
	if _, err := io.ReadFull(s.Random, random); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	ready := s.prepareDraw(ctx, req, random)
	return once(ctx, s, who, req.Program, "DrawSelection", idem, func(tx Tx) (*Selection, string, error) {
		sel, err := runAt(ctx, tx, req.Program, req.Selection, req.Revision)
		if err != nil {
			return nil, "", err
		}
		if err := s.draw(ctx, tx, who, sel, req, random, ready); err != nil {
			return nil, "", err
		}
		return sel.outside(who), sel.ID, nil
	})
}

// drawn is a draw from a run as it was at a revision.
type drawn struct {
	revision int64
	record   *matcher.Record
	input    *frozen
	bytes    []byte
}

// prepareDraw draws outside of the transaction, which others wait for. Whatever
// keeps it from that is told by the draw itself: then it is nil.
func (s *Service) prepareDraw(ctx context.Context, req DrawRequest, random []byte) *drawn {
	var sel *Selection
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		sel, err = tx.Selection(ctx, req.Program, req.Selection)
		return err
	})
	if err != nil {
		return nil
	}
	attempt, err := sel.nextDraw(false)
	if err != nil {
		return nil
	}
	value, err := sel.seed(attempt, req, random)
	if err != nil {
		return nil
	}
	d, err := sel.drawWith(attempt, value)
	if err != nil {
		return nil
	}
	return d
}

// drawWith draws from a sealed run with a public value.
func (sel *Selection) drawWith(attempt int, value string) (*drawn, error) {
	sealed, err := matcher.ParseRecord(sel.Record)
	if err != nil {
		return nil, err
	}
	record, err := ballot.Draw(sealed, matcher.DrawSource{Root: sel.Seal.PoolRoot, Value: value, Selection: sel.ID, Attempt: attempt})
	if err != nil {
		return nil, fmt.Errorf("draw %s: %w", selectionName(sel), err)
	}
	input, err := readFrozen(sel.Frozen)
	if err != nil {
		return nil, err
	}
	if err := selection.Audit(input.People, input.Criteria, &record.Outcome); err != nil {
		return nil, fmt.Errorf("draw %s: %w", selectionName(sel), err)
	}
	return &drawn{sel.Revision, record, input, record.AppendJSON(nil)}, nil
}

func (s *Service) draw(ctx context.Context, tx Tx, who access.Principal, sel *Selection, req DrawRequest, random []byte, ready *drawn) error {
	attempt, err := sel.nextDraw(false)
	if ReasonOf(err) == "RUN_NOT_SEALED" && (req.Value != "" || len(req.Reveals) > 0) {
		err = Errorf(FailedPrecondition, "SEED_TOO_EARLY", "the pool and the ticket book of this run are not sealed yet: a seed that is known before then can be used to bend them. Wait, and take another")
	}
	if err != nil {
		return err
	}
	if len(sel.Draws) > 0 && req.Reason == "" {
		return &Error{
			Code: FailedPrecondition, Reason: "RUN_DRAWN", Violations: []Violation{{Field: "reason", Message: "say why it is drawn again: it is published"}},
			Message: "this run was drawn already; a second draw needs a reason",
		}
	}
	confirmed := req.ConfirmImpossible
	if n := len(sel.Draws); n > 0 && confirmed == "" {
		confirmed = sel.Draws[n-1].Confirmed
	}
	if !sel.Seal.Chances.Confirm {
		confirmed = "" // there was nothing to confirm: it would be told as if there were
	}
	if sel.Seal.Chances.Confirm && confirmed == "" {
		return unconfirmed()
	}
	value, err := sel.seed(attempt, req, random)
	if err != nil {
		return err
	}
	// The revision says that it is the same run, and the value the same seed.
	if ready == nil || ready.revision != sel.Revision || ready.record.Seed != value {
		if ready, err = sel.drawWith(attempt, value); err != nil {
			return err
		}
	}
	record, input := ready.record, ready.input
	if len(sel.Draws) > 0 { // what was drawn stands when somebody leaves; a new draw may not choose them
		switch same, err := s.poolIsStill(ctx, tx, sel, input); {
		case err != nil:
			return err
		case !same:
			return poolChanged()
		}
	}
	now := s.now()
	sel.Record = ready.bytes
	sel.Seed = value
	sel.Provenance = Drawn
	if len(sel.Include)+len(sel.Exclude) > 0 {
		sel.Provenance = DrawnWithLocks
	}
	if sel.EarlierChoices > 0 {
		sel.Provenance = Chosen
	}
	d := Draw{
		Attempt: attempt, Kind: sel.SeedKind, Value: value, Reason: req.Reason, Confirmed: confirmed, By: who.Subject, Time: now,
		Ticket: record.Certificate.Draw.Ticket, Cohort: record.Cohort,
		CohortDigest: input.salted("cohort", verify.CohortBytes(record.Cohort)),
		RecordDigest: input.salted("record", sel.Record),
	}
	sel.Draws = append(sel.Draws, d)
	reason := req.Reason
	if reason == "" {
		reason = confirmed
	}
	event := s.event(who, "selection.draw", selectionName(sel), reason,
		fmt.Sprintf("attempt=%d seed=%s ticket=%d cohort=%s record=%s", d.Attempt, d.Kind, d.Ticket, d.CohortDigest, d.RecordDigest))
	if sel.State == SelectionSealed {
		sel.step(StepDrawn, 0, now)
		if err := s.end(ctx, tx, who, sel, SelectionSucceeded); err != nil {
			return err
		}
	} else {
		sel.UpdateTime = now
		if err := tx.UpdateSelection(ctx, sel); err != nil {
			return err
		}
	}
	return tx.AppendEvents(ctx, event)
}

// unconfirmed refuses a draw that leaves people no chance and gives no reason.
func unconfirmed() error {
	return &Error{
		Code: FailedPrecondition, Reason: "CONFIRMATION_NEEDED",
		Message:    "more than a tenth of the pool has no chance at all under these rules: allow more deviation, or confirm that this is meant",
		Violations: []Violation{{Field: "confirm_impossible", Message: "say why the draw is held all the same: it is recorded"}},
	}
}

// seed is the public value of a draw, if it is what was registered.
func (sel *Selection) seed(attempt int, req DrawRequest, random []byte) (string, error) {
	source := func(message string) error { return Errorf(FailedPrecondition, "SEED_SOURCE", "%s", message) }
	switch sel.SeedKind {
	case SeedPublicNumber:
		switch {
		case len(req.Reveals) > 0:
			return "", source("the seed of this run is a number that is drawn in public, and not two people's texts")
		case strings.TrimSpace(req.Value) == "":
			return "", &Error{
				Code: FailedPrecondition, Reason: "SEED_MISSING", Violations: []Violation{{Field: "value", Message: "the number that was drawn"}},
				Message: "the seed of this run is a number that is drawn in public: draw it, as was registered, and give it here",
			}
		}
		value, err := publicNumber(req.Value)
		if err != nil {
			return "", err
		}
		for _, d := range sel.Draws {
			if strings.ReplaceAll(d.Value, " ", "") == strings.ReplaceAll(value, " ", "") {
				return "", Errorf(FailedPrecondition, "SEED_USED", "this number was used for draw %d: whoever draws again with a number that is known knows what comes; draw a new one", d.Attempt)
			}
		}
		return value, nil
	case SeedCommitReveal:
		if req.Value != "" {
			return "", source("the seed of this run are the texts of two people, and not a number")
		}
		return sel.revealed(attempt, req.Reveals)
	}
	if req.Value != "" || len(req.Reveals) > 0 {
		return "", source("the seed of this run is a random number of the server's: leave it out. Register where a seed is to come from to give one")
	}
	return hex.EncodeToString(random), nil
}

// revealed joins the two texts, in the order in which the people are
// registered, if each is the one that its person committed to.
func (sel *Selection) revealed(attempt int, reveals []Reveal) (string, error) {
	texts := map[string]string{}
	for i, r := range reveals {
		person, err := sel.seedPerson(fmt.Sprintf("reveals[%d].person", i), r.Person)
		if err != nil {
			return "", err
		}
		if _, twice := texts[person]; twice {
			return "", Invalid("SEED_SOURCE", "each of the two people gives one text", Violation{Field: fmt.Sprintf("reveals[%d].person", i), Message: "is there twice"})
		}
		texts[person] = r.Text
	}
	var values []string
	for _, person := range sel.SeedPeople {
		i := slices.IndexFunc(sel.Commitments, func(c SeedCommitment) bool { return c.Attempt == attempt && c.Person == person })
		if i < 0 {
			return "", Errorf(FailedPrecondition, "COMMITMENT_MISSING", "%s has not committed to a text for draw %d: that comes first, from both, before any text is told", person, attempt)
		}
		text, ok := texts[person]
		switch {
		case !ok:
			return "", Errorf(FailedPrecondition, "SEED_MISSING", "the text of %s is missing: the draw takes both at once", person)
		case commitmentOf(text) != sel.Commitments[i].Digest:
			return "", Errorf(FailedPrecondition, "COMMITMENT_MISMATCH", "this is not the text that %s committed to: every letter and blank counts", person)
		}
		if clean, problem := cleanText(text, false, maxSeed); problem != "" || clean != text || len([]rune(text)) < minReveal {
			return "", Errorf(FailedPrecondition, "SEED_INVALID", "the text of %s cannot be a seed: one line of %d to %d characters without blanks at its ends. It is known now: start a new run", person, minReveal, maxSeed)
		}
		values = append(values, text)
	}
	return strings.Join(values, "\n"), nil
}
