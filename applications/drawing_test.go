package applications_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

// lottery starts a run that draws by lottery and works on it until it is sealed.
func (w *world) lottery(change func(*applications.Selection)) *applications.Selection {
	w.Helper()
	made := w.selection(func(s *applications.Selection) {
		s.Lottery, s.Seed = "", ""
		if change != nil {
			change(s)
		}
	})
	w.finish(applications.NewRunner(w.Service, "one"))
	return w.run(made.ID)
}

func (w *world) draw(id string, change func(*applications.DrawRequest)) (*applications.Selection, error) {
	req := applications.DrawRequest{Program: "leaders", Selection: id}
	if change != nil {
		change(&req)
	}
	return w.DrawSelection(w.ctx, w.facilitator, req, once)
}

func mustDraw(w *world, id string, change func(*applications.DrawRequest)) *applications.Selection {
	w.Helper()
	sel, err := w.draw(id, change)
	if err != nil {
		w.Fatal(explained(err))
	}
	return sel
}

// chair is a facilitator who is a person.
func (w *world) chair() access.Principal {
	return access.Principal{Subject: "users/chair", Grants: []access.Grant{{Role: access.Facilitator}}}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestLotteryIsTheDefaultAndKept(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	size := w.logSize()
	sel := w.lottery(nil)
	if sel.State != applications.SelectionSealed || sel.Lottery != matcher.LotteryLeximin || sel.SeedKind != applications.SeedServer || sel.Seed != "" || sel.Provenance != "" || !sel.DoneTime.IsZero() {
		t.Fatalf("after sealing: %+v", sel)
	}
	s := sel.Seal
	if s == nil || s.People != 12 || s.Types < 2 || s.Cohorts < 2 || s.Chances.Method != matcher.LotteryLeximin || !s.Chances.Proved || s.Chances.Smallest <= 0 {
		t.Fatalf("the seal: %+v", s)
	}
	for _, digest := range []string{s.PoolRoot, s.TypesRoot, s.RulesDigest, s.BookDigest} {
		if len(digest) != len("sha256:")+64 {
			t.Errorf("digest %q", digest)
		}
	}
	var log []string
	for _, e := range w.events(size) {
		if e.Action == "selection.seal" {
			log = append(log, e.Detail)
		}
	}
	if want := "seal=" + s.Digest + " pool=" + s.PoolRoot + " types=" + s.TypesRoot + " rules=" + s.RulesDigest + " book=" + s.BookDigest; !slices.Equal(log, []string{want}) {
		t.Errorf("the log has %q, want %q", log, want)
	}
	// Nobody is told before the draw.
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(r.Members) != 0 || len(r.Record.Cohort) != 0 || r.Chances == nil || len(r.Rules) != 5 {
		t.Fatalf("before the draw: %+v %v", r, explained(err))
	}
	if r.Record.Certificate != nil || r.Record.Lottery.Types != nil || r.Record.Lottery.Book != nil {
		t.Error("the result holds the whole pool")
	}
	_, err = w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "r"}, once)
	want(t, "offers before the draw", err, "RUN_NOT_DRAWN")

	drawn := mustDraw(w, sel.ID, nil)
	if drawn.State != applications.SelectionSucceeded || drawn.Provenance != applications.Drawn || len(drawn.Draws) != 1 || len(drawn.Seed) != 64 || drawn.DoneTime.IsZero() {
		t.Fatalf("drawn: %+v", drawn)
	}
	d := drawn.Draws[0]
	if d.Attempt != 1 || d.Value != drawn.Seed || d.Kind != applications.SeedServer || d.Ticket < 0 || d.Ticket >= matcher.Tickets || len(d.Cohort) < 3 || d.By != w.facilitator.Subject {
		t.Errorf("the draw: %+v", d)
	}
	r, err = w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(r.Members) != len(d.Cohort) {
		t.Fatalf("%+v %v", r, explained(err))
	}
	for _, m := range r.Members {
		if m.Chance <= 0 || m.Chance > matcher.Tickets {
			t.Errorf("%s has the chance %d", m.Code, m.Chance)
		}
	}
	if r, err = w.SelectionResult(w.ctx, w.manager, "leaders", sel.ID); err != nil || r.Chances.Smallest != 0 || r.Chances.Impossible != applications.TooFew || r.Members[0].Chance != 0 {
		t.Errorf("without identity: %+v %v", r, explained(err))
	}
	if report, err := w.VerifyRuns(w.ctx); err != nil || report.Runs != 1 {
		t.Errorf("%+v %v", report, explained(err))
	}
}

func TestDrawFromAPublicNumber(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	made := w.selection(func(s *applications.Selection) {
		s.Lottery, s.Seed, s.SeedKind, s.SeedSource = "", "", applications.SeedPublicNumber, "the state lottery of May 3"
	})
	_, err := w.draw(made.ID, func(r *applications.DrawRequest) { r.Value = "4 1" })
	want(t, "a seed before the seal", err, "SEED_TOO_EARLY")
	_, err = w.draw(made.ID, nil)
	want(t, "a draw before the seal", err, "RUN_NOT_SEALED")
	w.finish(applications.NewRunner(w.Service, "one"))

	for _, c := range []struct {
		name, reason string
		change       func(*applications.DrawRequest)
	}{
		{"no number", "SEED_MISSING", nil},
		{"words", "SEED_INVALID", func(r *applications.DrawRequest) { r.Value = "four" }},
		{"a zero before a number", "SEED_INVALID", func(r *applications.DrawRequest) { r.Value = "04-17-08" }},
		{"texts", "SEED_SOURCE", func(r *applications.DrawRequest) { r.Reveals = []applications.Reveal{{Person: "A", Text: "x"}} }},
	} {
		_, err := w.draw(made.ID, c.change)
		want(t, c.name, err, c.reason)
	}
	before := w.run(made.ID)
	first := mustDraw(w, made.ID, func(r *applications.DrawRequest) { r.Value = "4-17-8" })
	if first.Seed != "4 1 7 8" {
		t.Errorf("the number is kept as %q", first.Seed)
	}
	_, err = w.draw(made.ID, func(r *applications.DrawRequest) { r.Value = "5 5 5" })
	want(t, "again without a reason", err, "RUN_DRAWN")
	_, err = w.draw(made.ID, func(r *applications.DrawRequest) { r.Value, r.Reason = "41 78", "the camera was off" })
	want(t, "the same digits again", err, "SEED_USED")
	second := mustDraw(w, made.ID, func(r *applications.DrawRequest) { r.Value, r.Reason = "5 5 5", "the camera was off" })
	if len(second.Draws) != 2 || second.Draws[1].Attempt != 2 || second.Draws[1].Reason == "" || !slices.Equal(second.Draws[0].Cohort, first.Draws[0].Cohort) || second.Provenance != applications.Drawn {
		t.Errorf("the second draw: %+v", second.Draws)
	}
	after := w.run(made.ID)
	if !reflect.DeepEqual(after.Seal, before.Seal) {
		t.Error("a draw changed what was sealed")
	}
}

func TestDrawWithTwoPeople(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	const one, two = "seven herons on the breakwater", "the ferry of half past nine"
	made := w.selection(func(s *applications.Selection) {
		s.Lottery, s.Seed, s.SeedKind, s.SeedPeople = "", "", applications.SeedCommitReveal, []string{"The Chair", "The Guest"}
	})
	other := access.Principal{Subject: "tokens/other", Grants: w.facilitator.Grants}
	commitAs := func(who access.Principal, person, digest string) error {
		_, err := w.CommitSeed(w.ctx, who, applications.SeedCommit{Program: "leaders", Selection: made.ID, Person: person, Digest: digest}, once)
		return err
	}
	// Each of the two has somebody of their own who enters what they commit to.
	commit := func(person, digest string) error {
		if person == "The Guest" {
			return commitAs(other, person, digest)
		}
		return commitAs(w.facilitator, person, digest)
	}
	want(t, "no digest", commit("The Chair", "abc"), "COMMITMENT_INVALID")
	want(t, "somebody else", commit("The Char", hash(one)), "SEED_SOURCE")
	want(t, "before the seal", commit("the chair", hash(one)), "")
	want(t, "twice", commit("The Chair", hash(two)), "COMMITMENT_MADE")
	want(t, "copied", commit("The Guest", hash(one)), "COMMITMENT_COPIED")
	want(t, "one for both", commitAs(w.facilitator, "The Guest", hash(two)), "COMMITMENT_BY_ONE")
	w.finish(applications.NewRunner(w.Service, "one"))
	reveal := func(a, b string) func(*applications.DrawRequest) {
		return func(r *applications.DrawRequest) {
			r.Reveals = []applications.Reveal{{Person: "The Guest", Text: b}, {Person: "The Chair", Text: a}}
		}
	}
	_, err := w.draw(made.ID, reveal(one, two))
	want(t, "one commitment", err, "COMMITMENT_MISSING")
	want(t, "after the seal", commit("The Guest", "sha256:"+hash(two)), "")
	_, err = w.draw(made.ID, reveal(one, two+" "))
	want(t, "another text", err, "COMMITMENT_MISMATCH")
	_, err = w.draw(made.ID, func(r *applications.DrawRequest) {
		r.Reveals = []applications.Reveal{{Person: "The Chair", Text: one}}
	})
	want(t, "one text", err, "SEED_MISSING")
	_, err = w.draw(made.ID, func(r *applications.DrawRequest) { r.Value = "4" })
	want(t, "a number", err, "SEED_SOURCE")
	drawn := mustDraw(w, made.ID, reveal(one, two))
	if drawn.Seed != one+"\n"+two {
		t.Errorf("the public value is %q", drawn.Seed)
	}
	again := func(r *applications.DrawRequest) { reveal(one, two)(r); r.Reason = "once more" }
	_, err = w.draw(made.ID, again)
	want(t, "the same texts once more", err, "COMMITMENT_MISSING")
	want(t, "an old text", commit("The Guest", hash(two)), "COMMITMENT_COPIED")
}

func TestDrawIsRefused(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	computed := w.selection(nil)
	trial := w.selection(func(s *applications.Selection) { s.Lottery, s.Seed, s.Trial = "", "", true })
	sealed := w.lottery(nil)
	_, err := w.draw(computed.ID, nil)
	want(t, "no lottery", err, "RUN_WITHOUT_LOTTERY")
	_, err = w.draw(trial.ID, nil)
	want(t, "a trial", err, "RUN_IS_TRIAL")
	if s := w.run(trial.ID); s.State != applications.SelectionSucceeded || s.Provenance != "" || s.Seal == nil {
		t.Errorf("the trial: %+v", s)
	}
	if r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", trial.ID); err != nil || r.Members != nil || r.Chances == nil || len(r.Rules) != 5 || r.Record.Lottery.Types != nil {
		t.Errorf("a trial's result: %+v %v", r, explained(err))
	}
	_, err = w.DrawSelection(w.ctx, w.manager, applications.DrawRequest{Program: "leaders", Selection: sealed.ID}, once)
	want(t, "by somebody who may not", err, "PERMISSION_MISSING")
	_, err = w.draw(sealed.ID, func(r *applications.DrawRequest) { r.Value = "4" })
	want(t, "a seed of one's own", err, "SEED_SOURCE")
	_, err = w.draw(sealed.ID, func(r *applications.DrawRequest) { r.Revision = 1 })
	want(t, "a stale revision", err, "STALE_REVISION")
	if _, err := w.CancelSelection(w.ctx, w.facilitator, "leaders", sealed.ID, 0, once); err != nil {
		t.Fatal(explained(err))
	}
	_, err = w.draw(sealed.ID, nil)
	want(t, "a canceled run", err, "RUN_WITHOUT_RESULT")

	other := w.lottery(nil)
	gone := w.byCode("NS-0002")
	if _, err := w.WithdrawApplication(w.ctx, w.facilitator, "leaders", gone.ID, "", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	_, err = w.draw(other.ID, nil)
	want(t, "a pool that changed", err, "RUN_STALE")
}

// A confirmation that nobody asked for is not kept: it would be told as if many
// had no chance.
func TestConfirmedOnlyWhereAsked(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(nil)
	drawn := mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "seen" })
	if sel.Seal.Chances.Confirm || drawn.Draws[0].Confirmed != "" {
		t.Errorf("asked %v, kept %q", sel.Seal.Chances.Confirm, drawn.Draws[0].Confirmed)
	}
}

// A draw follows from what was sealed and the seed: another process that seals
// the same run seals the same bytes, whenever it was interrupted.
func TestSealingIsResumed(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	numbers := func(s *applications.Selection) {
		s.Lottery, s.Seed, s.SeedKind, s.SeedSource = "", "", applications.SeedPublicNumber, "dice"
	}
	whole := w.lottery(numbers)
	points := []string{}
	for _, step := range applications.StepsOf(whole) {
		points = append(points, "before "+step, "after "+step)
	}
	for _, point := range points {
		made := w.selection(numbers)
		dead := applications.NewRunner(w.Service, "dead")
		dead.Hook = func(at string) error {
			if at == point {
				return errKilled
			}
			return nil
		}
		if _, err := dead.RunOne(w.ctx); !errors.Is(err, errKilled) {
			t.Fatalf("%s: not interrupted: %v", point, err)
		}
		w.clock.advance(time.Minute)
		w.finish(applications.NewRunner(w.Service, "next "+point))
		got := w.run(made.ID)
		if got.State != applications.SelectionSealed || !bytes.Equal(got.Record, whole.Record) {
			t.Errorf("%s: %s, the same record: %v", point, got.State, bytes.Equal(got.Record, whole.Record))
		}
		if got.Seal.PoolRoot != whole.Seal.PoolRoot || got.Seal.TypesRoot != whole.Seal.TypesRoot {
			t.Errorf("%s: other roots", point)
		}
		a := mustDraw(w, made.ID, func(r *applications.DrawRequest) { r.Value = "6 6 1" })
		if a.Provenance != applications.Drawn {
			t.Error(a.Provenance)
		}
	}
}

func TestLocksAreToldInTheProvenance(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(func(s *applications.Selection) {
		s.Include = []applications.Lock{{Code: "NS-0003", Reason: "named before the opening"}}
	})
	drawn := mustDraw(w, sel.ID, nil)
	if drawn.Provenance != applications.DrawnWithLocks || !slices.Contains(drawn.Draws[0].Cohort, "NS-0003") {
		t.Errorf("%s %v", drawn.Provenance, drawn.Draws[0].Cohort)
	}
}

func TestRegisteredLotteryStands(t *testing.T) {
	w := newWorld(t)
	w.draft()
	c := neutral()
	c.Program, c.Lottery, c.MaxChance = "leaders", matcher.LotteryMaximin, 900
	c.SeedKind, c.SeedSource = applications.SeedPublicNumber, "dice, thrown at the open meeting of April 2"
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &c, once); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	for range 6 {
		w.apply(nil)
	}
	w.close()
	for name, change := range map[string]func(*applications.Selection){
		"LOTTERY_NOT_REGISTERED": func(s *applications.Selection) { s.Lottery = matcher.LotteryNone },
		"SEED_SOURCE_REGISTERED": func(s *applications.Selection) { s.SeedKind = applications.SeedServer },
	} {
		sel := &applications.Selection{Program: "leaders"}
		change(sel)
		_, err := w.CreateSelection(w.ctx, w.facilitator, sel, once)
		want(t, name, err, name)
	}
	made, err := w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders"}, once)
	if err != nil || made.Lottery != matcher.LotteryMaximin || made.MaxChance != 900 || made.SeedKind != applications.SeedPublicNumber || !strings.HasPrefix(made.SeedSource, "dice") {
		t.Fatalf("%+v %v", made, explained(err))
	}
}

// Whoever changes a sealed or drawn run in the database is found out.
func TestChangedDrawIsFound(t *testing.T) {
	for name, change := range map[string]func(*applications.Selection){
		"another seed":          func(s *applications.Selection) { s.Draws[0].Value = "2 2" },
		"another ticket":        func(s *applications.Selection) { s.Draws[0].Ticket++ },
		"another group":         func(s *applications.Selection) { s.Draws[0].Cohort = s.Draws[0].Cohort[1:] },
		"another root":          func(s *applications.Selection) { s.Seal.PoolRoot = s.Seal.TypesRoot },
		"no seal":               func(s *applications.Selection) { s.Seal = nil },
		"an attempt that never": func(s *applications.Selection) { s.Draws = append(s.Draws, s.Draws[0]) },
		"another leaf": func(s *applications.Selection) {
			s.Frozen = bytes.Replace(s.Frozen, []byte(`"Fingerprint":"`), []byte(`"Fingerprint":"A`), 1)
		},
	} {
		w := newWorld(t)
		w.pool(8)
		sel := w.lottery(func(s *applications.Selection) { s.SeedKind, s.SeedSource = applications.SeedPublicNumber, "dice" })
		mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.Value = "1 1" })
		if _, err := w.VerifyRuns(w.ctx); err != nil {
			t.Fatal(explained(err))
		}
		err := w.Store.Update(w.ctx, func(tx applications.Tx) error {
			s, err := tx.Selection(w.ctx, "leaders", sel.ID)
			if err != nil {
				return err
			}
			change(s)
			return tx.UpdateSelection(w.ctx, s)
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.VerifyRuns(w.ctx)
		want(t, name, err, "RUN_BROKEN")
	}
}

// A sealed record that was exchanged for one of another input is found out by
// the recount against what was frozen.
func TestDrawFromAnotherInput(t *testing.T) {
	w := newWorld(t)
	w.pool(8)
	sel := w.lottery(func(s *applications.Selection) { s.SeedKind, s.SeedSource = applications.SeedPublicNumber, "dice" })
	r, err := matcher.ParseRecord(sel.Record)
	if err != nil {
		t.Fatal(err)
	}
	sealed := sel.Record
	store := func(record []byte) {
		err := w.Store.Update(w.ctx, func(tx applications.Tx) error {
			s, err := tx.Selection(w.ctx, "leaders", sel.ID)
			if err != nil {
				return err
			}
			s.Record = record
			return tx.UpdateSelection(w.ctx, s)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.Certificate.Input.Criteria.Rules[0].Max++
	r.InputDigest = r.Certificate.Input.Digest()
	r.Seal()
	store(r.AppendJSON(nil))
	draw := func() error {
		_, err := w.draw(sel.ID, func(r *applications.DrawRequest) { r.Value, r.ConfirmImpossible = "1 1", "meant" })
		return err
	}
	if err := draw(); err == nil || !strings.Contains(err.Error(), "does not count up to what the outcome says") {
		t.Errorf("drawn: %v", err)
	}
	store(sealed)
	if err := draw(); err != nil {
		t.Error(explained(err))
	}
}
