package applications_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

func (w *world) withdraw(code string) {
	w.Helper()
	if _, err := w.WithdrawApplication(w.ctx, w.facilitator, "leaders", w.byCode(code).ID, "", 0, once); err != nil {
		w.Fatal(explained(err))
	}
}

// Who leaves between the draw and the offers voids no draw: the others keep what
// was drawn, the seat is for a replacement, and the public record is the same
// and verifies.
func TestLeavingAfterTheDraw(t *testing.T) {
	drawn := func(t *testing.T) (w *world, sel *applications.Selection, cohort, others []string) {
		w = newWorld(t)
		w.pool(12)
		sel = mustDraw(w, w.lottery(nil).ID, nil)
		cohort = sel.Draws[0].Cohort
		for _, p := range w.codes() {
			if !slices.Contains(cohort, p) {
				others = append(others, p)
			}
		}
		return w, sel, cohort, others
	}
	replaced := func(w *world, sel *applications.Selection, gone string, kept []string) *applications.Selection {
		w.Helper()
		next, err := w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Reason: "one withdrew"}, once)
		if err != nil {
			w.Fatal(explained(err))
		}
		w.finish(applications.NewRunner(w.Service, "two"))
		next = mustDraw(w, next.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "one seat" })
		group := next.Draws[0].Cohort
		if !slices.Equal(next.Declined, []string{gone}) || len(group) != len(kept)+1 || slices.Contains(group, gone) ||
			slices.ContainsFunc(kept, func(code string) bool { return !slices.Contains(group, code) }) {
			w.Errorf("without %s of %v came %+v", gone, kept, next)
		}
		return next
	}
	offered := func(w *world, sel *applications.Selection) []string {
		w.Helper()
		made, err := w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "r"}, once)
		if err != nil {
			w.Fatal(explained(err))
		}
		var codes []string
		for _, o := range made {
			codes = append(codes, o.Code)
		}
		slices.Sort(codes)
		return codes
	}

	t.Run("offers first", func(t *testing.T) {
		w, sel, cohort, others := drawn(t)
		before, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
		if err != nil {
			t.Fatal(explained(err))
		}
		w.withdraw(cohort[0])
		w.withdraw(others[0])
		if got := w.run(sel.ID); got.State != applications.SelectionSucceeded || got.Provenance != applications.Drawn || !slices.Equal(got.Draws[0].Cohort, cohort) {
			t.Errorf("the run is %+v", got)
		}
		after, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("the public record changed: %v", explained(err))
		}
		if report, err := verify.File(after, verify.Options{}); err != nil || report.Broken() != "" {
			t.Errorf("%v %+v", err, report)
		}
		if report, err := w.VerifyRuns(w.ctx); err != nil || report.Runs != 1 {
			t.Errorf("%+v %v", report, explained(err))
		}
		_, err = w.draw(sel.ID, func(r *applications.DrawRequest) { r.Reason = "somebody withdrew" })
		want(t, "a second draw from another pool", err, "RUN_STALE")
		_, err = w.ChooseSelection(w.ctx, w.facilitator, applications.ChooseRequest{
			Program: "leaders", Selection: sel.ID, Out: []string{w.byCode(cohort[0]).ID}, In: []string{w.byCode(others[0]).ID}, Reason: "r",
		}, once)
		want(t, "somebody who withdrew", err, "SWAP_INVALID")
		if got := offered(w, sel); !slices.Equal(got, cohort[1:]) {
			t.Errorf("offered to %v, of %v", got, cohort)
		}
		next := replaced(w, sel, cohort[0], cohort[1:])
		if got := offered(w, next); len(got) != 1 || slices.Contains(cohort, got[0]) || got[0] == others[0] {
			t.Errorf("the free seat was offered to %v", got)
		}
	})
	t.Run("a replacement first", func(t *testing.T) {
		w, sel, cohort, _ := drawn(t)
		w.withdraw(cohort[1])
		kept := append(slices.Clone(cohort[:1]), cohort[2:]...)
		next := replaced(w, sel, cohort[1], kept)
		if got := offered(w, next); !slices.Equal(got, next.Draws[0].Cohort) {
			t.Errorf("offered to %v, drawn was %v", got, next.Draws[0].Cohort)
		}
	})
	t.Run("everybody", func(t *testing.T) {
		w, sel, cohort, _ := drawn(t)
		for _, code := range cohort {
			w.withdraw(code)
		}
		_, err := w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "r"}, once)
		want(t, "offers to nobody", err, "NOBODY_LEFT")
	})
	t.Run("before the draw", func(t *testing.T) {
		w := newWorld(t)
		w.pool(12)
		sel := w.lottery(nil)
		w.withdraw("NS-0002")
		if got := w.run(sel.ID).State; got != applications.SelectionStale {
			t.Errorf("the run is %s", got)
		}
	})
}

// codes lists everybody's in the pool.
func (w *world) codes() []string {
	w.Helper()
	var codes []string
	err := w.Store.View(w.ctx, func(tx applications.Tx) error {
		pool, err := tx.Applications(w.ctx, applications.ApplicationQuery{Program: "leaders", States: []applications.ApplicationState{applications.InPool}})
		for _, a := range pool {
			codes = append(codes, a.Code)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return codes
}

// A rule on listed people counts nobody once all of them left, and not
// everybody.
func TestListedPeopleWhoLeft(t *testing.T) {
	for _, listed := range [][]string{{"NS-0001"}, {"NS-0001", "NS-0002"}} {
		for _, priority := range []int{matcher.Must, 1} {
			w := newWorld(t)
			c := neutral()
			c.Rules = append(c.Rules, applications.CriteriaRule{Kind: "quota", IDs: listed, Min: ptr(1), Priority: priority, Weight: min(priority, 1)})
			w.Presets["tiny"].Criteria["neutral"] = c
			w.pool(9)
			for _, code := range listed {
				w.withdraw(code)
			}
			for _, sel := range []*applications.Selection{w.selection(nil), w.selection(func(s *applications.Selection) { s.Lottery, s.Seed = "", "" })} {
				w.finish(applications.NewRunner(w.Service, "one"))
				record, err := matcher.ParseRecord(w.run(sel.ID).Record)
				if err != nil {
					t.Fatal(err)
				}
				rules := record.Rules
				status := matcher.Optimal
				if priority == matcher.Must {
					status, rules = matcher.Infeasible, record.Infeasibility.ClosestRules
				}
				if record.Status != status || len(rules) > 0 && (rules[len(rules)-1].Pool != 0 || rules[len(rules)-1].Short != 1) {
					t.Errorf("%v left, priority %d: %s, %+v", listed, priority, record.Status, rules)
				}
			}
		}
	}
}

// Somebody declines after the people that a rule lists have all left: the seat
// is filled all the same.
func TestReplaceAfterListedPeopleLeft(t *testing.T) {
	w := newWorld(t)
	c := neutral()
	c.Rules = append(c.Rules, applications.CriteriaRule{Kind: "quota", IDs: []string{"NS-0001", "NS-0002"}, Max: ptr(0)})
	w.Presets["tiny"].Criteria["neutral"] = c
	w.pool(9)
	sel := mustDraw(w, w.lottery(nil).ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "two are listed" })
	for _, code := range []string{"NS-0001", "NS-0002", sel.Draws[0].Cohort[0]} {
		w.withdraw(code)
	}
	next, err := w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Reason: "one withdrew"}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	w.finish(applications.NewRunner(w.Service, "two"))
	if got := w.run(next.ID); got.State != applications.SelectionSealed {
		t.Errorf("%s: %s %s", got.State, got.ErrorReason, got.Error)
	}
}
