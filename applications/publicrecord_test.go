package applications_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// verified checks a file as a stranger does.
func verified(t *testing.T, what string, file []byte, public []byte) *verify.Report {
	t.Helper()
	report, err := verify.File(file, verify.Options{Public: public})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	for _, c := range report.Checks {
		if c.State == verify.Broken {
			t.Errorf("%s: check %s (%s): %s", what, c.Number, c.Title, c.Why)
		}
	}
	if !report.Accepted {
		t.Errorf("%s is not accepted", what)
	}
	return report
}

// What strangers, applicants and auditors get of a draw passes the checks of a
// verifier that shares no code with the selector.
func TestRecordsOfADraw(t *testing.T) {
	w := newWorld(t)
	w.open()
	mine := w.apply(func(a *applications.Application) {
		a.Answers["county"] = applications.Answer{Values: []string{"skagit"}}
	})
	for i := range 11 {
		w.apply(func(a *applications.Application) {
			a.Answers["county"] = applications.Answer{Values: []string{[]string{"island", "san_juan", "skagit"}[i%3]}}
			a.Answers["sector"] = applications.Answer{Values: []string{[]string{"clinic", "housing"}[i%2]}}
		})
	}
	w.close()
	form := w.formNow()
	fingerprint := mine.Application.Fingerprint(form)
	trial := w.lottery(func(s *applications.Selection) { s.Trial = true })
	sel := w.lottery(func(s *applications.Selection) { s.SeedKind, s.SeedSource = applications.SeedPublicNumber, "dice" })
	public := func() []byte {
		t.Helper()
		b, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
		if err != nil {
			t.Fatal(explained(err))
		}
		return b
	}
	for _, id := range []string{trial.ID, "01980000-0000-7000-8000-00000000ffff"} {
		_, err := w.PublicRecord(w.ctx, "leaders", id)
		want(t, "the record of a trial or of nothing", err, "RECORD_NOT_FOUND")
	}
	before := public()
	verified(t, "the public record before the draw", before, nil)
	if r, err := verify.ParsePublicRecord(before); err != nil || r.Provenance != verify.Sealed || r.SealDigest != sel.Seal.Digest || r.Trials != 1 || r.CriteriaVersions != 1 || len(r.Attempts) != 0 {
		t.Errorf("%+v %v", r, err)
	}
	mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.Value = "4 17 8" })
	mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.Value, r.Reason = "9 9 1", "the dice fell off the table" })
	after := public()
	verified(t, "the public record", after, nil)
	r, err := verify.ParsePublicRecord(after)
	if err != nil || r.Provenance != verify.Drawn || len(r.Attempts) != 2 || r.SealDigest != sel.Seal.Digest {
		t.Errorf("%+v %v", r, err)
	}

	slip, err := w.Slip(w.ctx, w.as(mine), "leaders", sel.ID, mine.Application.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	verified(t, "the slip", slip, after)
	var open struct {
		Answers map[string][]string
		Salt    string
	}
	if err := json.Unmarshal(slip, &open); err != nil || !slices.Equal(open.Answers["county"], []string{"skagit"}) {
		t.Errorf("the slip says %s %v", slip, err)
	}
	salt, err := hex.DecodeString(open.Salt)
	if leaf := verify.PoolLeaf(salt, mine.Application.ID, verify.AnswersDigest(open.Answers)); err != nil || hex.EncodeToString(leaf[:]) != fingerprint {
		t.Error("the receipt's fingerprint is not the leaf of the sealed pool")
	}
	other := w.byCode("NS-0002")
	_, err = w.Slip(w.ctx, w.as(mine), "leaders", sel.ID, other.ID)
	want(t, "another's slip", err, "APPLICATION_NOT_FOUND")
	_, err = w.Slip(w.ctx, w.facilitator, "leaders", sel.ID, other.ID)
	want(t, "a slip for staff", err, "PERMISSION_MISSING")
	_, err = w.Slip(w.ctx, access.Principal{}, "leaders", sel.ID, other.ID)
	want(t, "a slip for anybody", err, "TOKEN_REQUIRED")

	_, err = w.AuditRecord(w.ctx, w.facilitator, "leaders", sel.ID)
	want(t, "the audit record for a facilitator", err, "PERMISSION_MISSING")
	size := w.logSize()
	audit, err := w.AuditRecord(w.ctx, w.auditor, "leaders", sel.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	verified(t, "the audit record", audit, nil)
	if e := w.events(size); len(e) != 1 || e[0].Action != "identity.read" || e[0].Actor != w.auditor.Subject {
		t.Errorf("the reading is recorded as %+v", e)
	}
	// A forged public record is refused: the ticket of another number.
	forged := bytes.Replace(after, []byte("9 9 1"), []byte("9 9 2"), 1)
	if report, err := verify.File(forged, verify.Options{}); err == nil && report.Accepted {
		t.Error("a forged seed is accepted")
	}
	if runs, err := w.PublicRuns(w.ctx, "leaders"); err != nil || len(runs) != 1 || runs[0].ID != sel.ID || runs[0].Provenance != applications.Drawn {
		t.Errorf("%+v %v", runs, explained(err))
	}
}

func (w *world) formNow() *applications.Form {
	w.Helper()
	var form *applications.Form
	err := w.Store.View(w.ctx, func(tx applications.Tx) error {
		p, err := tx.Program(w.ctx, "leaders")
		if err != nil {
			return err
		}
		form, err = tx.Form(w.ctx, "leaders", p.FormVersion)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return form
}

// V1: whoever has the public record and knows everything about everybody but
// one answer of one person learns nothing about that answer. Two worlds that
// differ in it have the same record but for digests, each of which is salted:
// no value tried for the answer gives any of them.
func TestPublicRecordTellsNothing(t *testing.T) {
	counties := []string{"island", "san_juan", "skagit"}
	worlds := map[string]*verify.PublicRecord{}
	for _, county := range counties {
		w := newWorld(t)
		w.open()
		for i := range 8 {
			w.apply(func(a *applications.Application) {
				a.Answers["county"] = applications.Answer{Values: []string{counties[i%3]}}
				if i == 5 {
					a.Answers["county"] = applications.Answer{Values: []string{county}}
				}
			})
		}
		w.close()
		sel := w.lottery(func(s *applications.Selection) { s.SeedKind, s.SeedSource = applications.SeedPublicNumber, "dice" })
		sel = mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.Value = "3 1" })
		b, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
		if err != nil {
			t.Fatal(explained(err))
		}
		r, err := verify.ParsePublicRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		worlds[county] = r
		stored := w.run(sel.ID)
		record, err := matcher.ParseRecord(stored.Record)
		if err != nil {
			t.Fatal(err)
		}
		// Everything that the attacker can compute without the salts.
		plain := []string{record.Digest, record.InputDigest, record.Lottery.BookDigest(), stored.InputDigest}
		nothing := make([]byte, 16)
		for what, value := range map[string][]byte{"book": record.Lottery.AppendBook(nil), "record": stored.Record, "cohort": verify.CohortBytes(record.Cohort)} {
			plain = append(plain, verify.Salted(nil, what, value), verify.Salted(nothing, what, value))
		}
		for _, p := range plain {
			if bytes.Contains(b, []byte(strings.TrimPrefix(p, "sha256:"))) {
				t.Errorf("%s: the public record holds a digest that confirms a guess", county)
			}
		}
		for _, told := range append([]string{"NS-0", "island", "san_juan", "skagit", "clinic", "county"}, record.Cohort...) {
			if bytes.Contains(b, []byte(told)) {
				t.Errorf("%s: the public record says %q", county, told)
			}
		}
	}
	// But for what is random in each world, the records are the same.
	var shapes []string
	for _, county := range counties {
		r := *worlds[county]
		a := r.Attempts[0]
		a.Ticket, a.CohortDigest = 0, ""
		r.Attempts = []verify.PublicAttempt{a}
		r.PoolRoot, r.TypesRoot, r.BookDigest, r.RecordDigest, r.SealDigest, r.Digest, r.Selection = "", "", "", "", "", "", ""
		shapes = append(shapes, string(r.AppendJSON(nil)))
	}
	if shapes[0] != shapes[1] || shapes[1] != shapes[2] {
		t.Errorf("the records differ in more than salted digests:\n%s", strings.Join(shapes, "\n"))
	}
}

// After somebody was erased, the roots can still be computed from what is left,
// and nothing that is stored would confirm a guess at their answers.
func TestErasureKeepsTheRoots(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(nil)
	sel = mustDraw(w, sel.ID, nil)
	if _, err := w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "r"}, once); err != nil {
		t.Fatal(explained(err))
	}
	before := w.run(sel.ID)
	record, err := matcher.ParseRecord(before.Record)
	if err != nil {
		t.Fatal(err)
	}
	gone := w.byCode("NS-0007")
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", gone.ID, "asked by letter", once); err != nil {
		t.Fatal(explained(err))
	}
	if report, err := w.VerifyRuns(w.ctx); err != nil || report.Unchecked != 1 {
		t.Fatalf("%+v %v", report, explained(err))
	}
	after := w.run(sel.ID)
	left, err := matcher.ParseRecord(after.Record)
	if err != nil || left.Certificate != nil || left.Lottery.Book != nil || left.Lottery.Types != nil || left.Lottery.Method != record.Lottery.Method || left.Erased != 1 {
		t.Fatalf("%+v %v", left, err)
	}
	if after.Seal.PoolRoot != before.Seal.PoolRoot || after.Seal.Chances.Smallest != 0 || after.Seal.Types != 0 || after.Seal.Cohorts != 0 {
		t.Errorf("%+v", after.Seal)
	}
	public, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	verified(t, "the public record", public, nil)
	audit, err := w.AuditRecord(w.ctx, w.auditor, "leaders", sel.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	verified(t, "the audit record", audit, nil)
	if bytes.Contains(after.Record, []byte(record.InputDigest)) || bytes.Contains(after.Frozen, gone.Salt) {
		t.Error("something is left that confirms a guess")
	}
	_, err = w.draw(sel.ID, func(r *applications.DrawRequest) { r.Reason = "x" })
	want(t, "a draw from what is left", err, "RUN_ERASED")
}

// A run that is sealed and not drawn, a trial and a chosen group lose whoever
// is erased as well, and stay what they say they are.
func TestErasureFromEveryKindOfRun(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	trial := w.lottery(func(s *applications.Selection) { s.Trial = true })
	drawn := w.lottery(nil)
	drawn = mustDraw(w, drawn.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "seen" })
	if _, err := w.swap(drawn, drawn.Draws[0].Cohort); err != nil {
		t.Fatal(explained(err))
	}
	sealed := w.lottery(nil)
	chosen := w.run(drawn.ID)
	gone := w.byCode(chosen.Choices[0].In[0])
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", gone.ID, "asked by letter", once); err != nil {
		t.Fatal(explained(err))
	}
	for name, id := range map[string]string{"trial": trial.ID, "chosen": drawn.ID, "sealed": sealed.ID} {
		s := w.run(id)
		if s.State != applications.SelectionStale || s.ErasedCount != 1 || bytes.Contains(s.Frozen, gone.Salt) || len(s.Choices) > 0 && s.Choices[0].Reason != "" {
			t.Errorf("%s: %s, %d erased, %+v", name, s.State, s.ErasedCount, s.Choices)
		}
		if r, err := matcher.ParseRecord(s.Record); err != nil || r.Certificate != nil || r.Lottery.Drawable() {
			t.Errorf("%s: %+v %v", name, r, err)
		}
		if _, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", id); err != nil {
			t.Errorf("%s: %s", name, explained(err))
		}
		_, err := w.draw(id, nil)
		if err == nil {
			t.Errorf("%s: drawn from what is left", name)
		}
	}
	for _, e := range w.events(0) {
		if e.Action == "selection.choose" && e.Reason != "" {
			t.Errorf("the log says why: %q", e.Reason)
		}
	}
	if report, err := w.VerifyRuns(w.ctx); err != nil || report.Unchecked != 3 {
		t.Errorf("%+v %v", report, explained(err))
	}
}
