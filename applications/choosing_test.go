package applications_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
)

// swap finds somebody out who can take the place of somebody in.
func (w *world) swap(sel *applications.Selection, cohort []string) (*applications.Selection, error) {
	w.Helper()
	var err error
	for _, out := range cohort {
		for n := 1; n <= 12; n++ {
			in := w.byCode(fmt.Sprintf("NS-%04d", n))
			if slices.Contains(cohort, in.Code) || in.State != applications.InPool {
				continue
			}
			var got *applications.Selection
			got, err = w.ChooseSelection(w.ctx, w.facilitator, applications.ChooseRequest{
				Program: "leaders", Selection: sel.ID, Out: []string{w.byCode(out).ID}, In: []string{in.ID}, Reason: "knows the islands",
			}, once)
			if err == nil || applications.ReasonOf(err) != "SWAP_INVALID" {
				return got, err
			}
		}
	}
	return nil, err
}

func TestChooseSelection(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(nil)
	_, err := w.swap(sel, []string{"NS-0001"})
	want(t, "a swap before the draw", err, "RUN_NOT_DRAWN")
	drawn := mustDraw(w, sel.ID, nil)
	cohort := drawn.Draws[0].Cohort
	id := func(code string) string { return w.byCode(code).ID }
	out := ""
	for n := 1; out == ""; n++ {
		if code := fmt.Sprintf("NS-%04d", n); !slices.Contains(cohort, code) {
			out = code
		}
	}
	choose := func(change func(*applications.ChooseRequest)) error {
		req := applications.ChooseRequest{Program: "leaders", Selection: sel.ID, Out: []string{id(cohort[0])}, In: []string{id(out)}, Reason: "r"}
		change(&req)
		_, err := w.ChooseSelection(w.ctx, w.facilitator, req, once)
		return err
	}
	want(t, "no reason", choose(func(r *applications.ChooseRequest) { r.Reason = "" }), "REASON_MISSING")
	want(t, "in already", choose(func(r *applications.ChooseRequest) { r.In = []string{id(cohort[1])} }), "SWAP_INVALID")
	want(t, "not in", choose(func(r *applications.ChooseRequest) { r.Out = []string{id(out)} }), "SWAP_INVALID")
	want(t, "too few", choose(func(r *applications.ChooseRequest) { r.Out, r.In = []string{id(cohort[0]), id(cohort[1])}, nil }), "SWAP_INVALID")
	want(t, "nothing", choose(func(r *applications.ChooseRequest) { r.Out, r.In = nil, nil }), "SWAP_INVALID")
	want(t, "nobody", choose(func(r *applications.ChooseRequest) { r.In = []string{"x"} }), "SWAP_INVALID")
	want(t, "a stale revision", choose(func(r *applications.ChooseRequest) { r.Revision = 1 }), "STALE_REVISION")

	size := w.logSize()
	chosen, err := w.swap(sel, cohort)
	if err != nil {
		t.Fatal(explained(err))
	}
	if chosen.Provenance != applications.Chosen || len(chosen.Choices) != 1 || len(chosen.Choices[0].In) != 1 || len(chosen.Draws) != 1 {
		t.Errorf("%+v", chosen)
	}
	if e := w.events(size); len(e) != 1 || e[0].Detail != "DRAWN>CHOSEN out=1 in=1" || e[0].Reason == "" {
		t.Errorf("recorded as %+v", e)
	}
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(r.Members) != len(cohort) {
		t.Fatalf("%+v %v", r, explained(err))
	}
	for _, m := range r.Members {
		if m.Chance != 0 {
			t.Errorf("%s still has a chance of %d", m.Code, m.Chance)
		}
		if !slices.Contains(chosen.Choices[0].Cohort, m.Code) {
			t.Errorf("%s is in, and was not chosen", m.Code)
		}
	}
	_, err = w.draw(sel.ID, func(r *applications.DrawRequest) { r.Reason = "again" })
	want(t, "a draw after a swap", err, "RUN_CHOSEN")
	if report, err := w.VerifyRuns(w.ctx); err != nil || report.Runs != 1 {
		t.Errorf("%+v %v", report, explained(err))
	}
	public, err := w.PublicRecord(w.ctx, "leaders", sel.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	verified(t, "the public record of a chosen group", public, nil)
}

// No sequence of calls gives a run that was changed by hand back the word DRAWN,
// or its members a chance. Random calls, and a model that remembers.
func TestNeverDrawnAfterASwap(t *testing.T) {
	rounds := 6
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		rounds = 60
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	swaps, refused := 0, 0
	for range rounds {
		w := newWorld(t)
		w.pool(12)
		swapped := map[string]bool{}
		var runs []string
		for range 25 {
			var err error
			pick := ""
			if len(runs) > 0 {
				pick = runs[random.IntN(len(runs))]
			}
			switch what := random.IntN(8); {
			case what == 0 || pick == "":
				kind := random.IntN(3)
				runs = append(runs, w.lottery(func(s *applications.Selection) {
					if kind == 0 {
						s.Include = []applications.Lock{{Code: "NS-0002", Reason: "r"}}
					}
				}).ID)
			case what <= 2:
				_, err = w.draw(pick, func(r *applications.DrawRequest) { r.Reason, r.ConfirmImpossible = "again", "seen" })
			case what <= 4:
				if r, e := w.SelectionResult(w.ctx, w.facilitator, "leaders", pick); e == nil && len(r.Members) > 0 {
					var cohort []string
					for _, m := range r.Members {
						cohort = append(cohort, m.Code)
					}
					if _, err = w.swap(w.run(pick), cohort); err == nil {
						swapped[pick] = true
						swaps++
					}
				}
			case what == 5:
				_, err = w.CancelSelection(w.ctx, w.facilitator, "leaders", pick, 0, once)
			case what == 6:
				var declined []string
				if s := w.run(pick); len(s.Draws) > 0 {
					declined = []string{w.byCode(s.Draws[0].Cohort[0]).ID}
				}
				var made *applications.Selection
				made, err = w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: pick, Declined: declined, Reason: "moved"}, once)
				if err == nil {
					w.finish(applications.NewRunner(w.Service, "replacing"))
					runs = append(runs, made.ID)
					swapped[made.ID] = swapped[pick]
				}
			case what == 7 && random.IntN(4) == 0:
				var all []string
				for n := range 4 {
					all = append(all, w.byCode(fmt.Sprintf("NS-%04d", 1+n)).ID)
				}
				before := w.run(pick)
				_, err = w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: pick, Applications: all, Reason: "these"}, once)
				if err == nil && len(before.Draws) > 0 {
					for _, a := range all {
						if code := w.stored(a).Code; !slices.Contains(before.Draws[len(before.Draws)-1].Cohort, code) {
							swapped[pick] = true
						}
					}
				}
			}
			if err != nil {
				refused++
			}
			for _, id := range runs {
				s := w.run(id)
				if !swapped[id] {
					continue
				}
				if s.Provenance == applications.Drawn || s.Provenance == applications.DrawnWithLocks {
					t.Fatalf("seed %d: a run that was changed by hand says %s", seed, s.Provenance)
				}
				if r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", id); err == nil {
					for _, m := range r.Members {
						if m.Chance != 0 {
							t.Fatalf("seed %d: a chance is told of a group that was changed by hand", seed)
						}
					}
				}
			}
		}
	}
	if swaps == 0 {
		t.Errorf("seed %d: nothing was ever swapped", seed)
	}
	t.Logf("figure: %d rounds of 25 random calls, %d swaps, %d calls refused: no swapped run says DRAWN", rounds, swaps, refused)
}

// A seat that became free is filled by a new run in which the others keep
// theirs.
func TestReplaceMembers(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	sel := w.lottery(nil)
	replace := func(declined ...string) (*applications.Selection, error) {
		return w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Declined: declined, Reason: "moved away"}, once)
	}
	_, err := replace()
	want(t, "before the draw", err, "RUN_NOT_DRAWN")
	sel = mustDraw(w, sel.ID, nil)
	cohort := sel.Draws[0].Cohort
	_, err = replace()
	want(t, "nobody left", err, "NOBODY_DECLINED")
	offers, err := w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: sel.ID, Reason: "r"}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.SendOffers(w.ctx, w.chair(), "leaders", nil, w.clock.now().AddDate(0, 0, 7), once); err != nil {
		t.Fatal(explained(err))
	}
	_, err = replace(offers[1].Application)
	want(t, "an open offer", err, "OFFER_OPEN")
	_, err = w.draw(sel.ID, func(r *applications.DrawRequest) { r.Reason = "r" })
	want(t, "a draw after offers", err, "OFFERS_MADE")
	if _, err := w.AcceptOffer(w.ctx, w.chair(), "leaders", offers[0].ID, "by phone", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.DeclineOffer(w.ctx, w.chair(), "leaders", offers[1].ID, "", "by phone", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	next, err := replace(offers[1].Application)
	if err != nil {
		t.Fatal(explained(err))
	}
	w.finish(applications.NewRunner(w.Service, "two"))
	drawn := mustDraw(w, next.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "one seat" })
	group := drawn.Draws[0].Cohort
	if drawn.Provenance != applications.DrawnWithLocks || drawn.Replaces != sel.ID || !slices.Equal(drawn.Declined, []string{offers[1].Code}) || slices.Contains(group, offers[1].Code) {
		t.Fatalf("%+v", drawn)
	}
	kept := 0
	for _, code := range cohort {
		if slices.Contains(group, code) {
			kept++
		}
	}
	if kept != len(cohort)-1 || len(group) != len(cohort) {
		t.Errorf("of %v, %v is left", cohort, group)
	}
	more, err := w.PrepareOffers(w.ctx, w.chair(), applications.OfferPlan{Program: "leaders", Selection: next.ID, Reason: "r"}, once)
	if err != nil || len(more) != 1 || slices.Contains(cohort, more[0].Code) {
		t.Fatalf("%+v %v", more, explained(err))
	}
	if report, err := w.VerifyRuns(w.ctx); err != nil || report.Runs != 2 {
		t.Errorf("%+v %v", report, explained(err))
	}
}

// One person is left for one seat: whatever the largest chance was, the seat is
// filled.
func TestReplaceBeyondLargestChance(t *testing.T) {
	w := newWorld(t)
	w.pool(5)
	sel := w.lottery(func(s *applications.Selection) { s.MaxChance = 900 })
	sel = mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "few applied" })
	cohort := sel.Draws[0].Cohort
	if sel.MaxChance != 900 || len(cohort) != 4 {
		t.Fatalf("%d of 5 with a largest chance of %d", len(cohort), sel.MaxChance)
	}
	var pool []*applications.Application
	if err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		pool, err = tx.Applications(w.ctx, applications.ApplicationQuery{Program: "leaders", States: []applications.ApplicationState{applications.InPool}})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	gone := slices.IndexFunc(pool, func(a *applications.Application) bool { return a.Code == cohort[0] })
	next, err := w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Declined: []string{pool[gone].ID}, Reason: "moved away"}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	w.finish(applications.NewRunner(w.Service, "two"))
	drawn := mustDraw(w, next.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "one is left" })
	if group := drawn.Draws[0].Cohort; len(group) != 4 || slices.Contains(group, cohort[0]) || drawn.MaxChance != 0 {
		t.Errorf("%v with a largest chance of %d", group, drawn.MaxChance)
	}
	log := w.events(0)
	if i := slices.IndexFunc(log, func(e applications.Event) bool { return e.Action == "selection.uncap" }); i < 0 || log[i].Detail != "maxChance=900" {
		t.Error("that the limit was given up is not recorded")
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}

// Where enough are left for a seat, the largest chance holds for a replacement
// too.
func TestReplaceKeepsLargestChance(t *testing.T) {
	w := newWorld(t)
	w.pool(9)
	sel := w.lottery(func(s *applications.Selection) { s.MaxChance = 600 })
	sel = mustDraw(w, sel.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "a test" })
	gone := w.byCode(sel.Draws[0].Cohort[0])
	next, err := w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Declined: []string{gone.ID}, Reason: "moved away"}, once)
	if err != nil {
		t.Fatal(explained(err))
	}
	w.finish(applications.NewRunner(w.Service, "two"))
	drawn := mustDraw(w, next.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "a test" })
	var record *matcher.Record
	if err := w.Store.View(w.ctx, func(tx applications.Tx) error {
		stored, err := tx.Selection(w.ctx, "leaders", next.ID)
		if err == nil {
			record, err = matcher.ParseRecord(stored.Record)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if drawn.MaxChance != 600 || record.Certificate.Input.MaxChance != 600 {
		t.Errorf("limits of %d and, in the record, %d", drawn.MaxChance, record.Certificate.Input.MaxChance)
	}
	for k, ids := range record.Lottery.Types {
		kept := slices.Contains(record.Certificate.Input.Criteria.Include, ids[0])
		if chance := record.Lottery.Chances[k]; !kept && chance > 600*matcher.Tickets/1000*int64(len(ids)) {
			t.Errorf("%v have %d tickets", ids, chance)
		}
	}
}

// A group that misses a rule that must hold is refused. Of a rule on who people
// are the error tells the row and nothing else.
func TestRefusedSwapTellsNothingOfIdentity(t *testing.T) {
	for _, c := range []struct {
		attribute, value string
		told             bool
	}{{"county", "san_juan", false}, {"sector", "housing", true}} {
		w := newWorld(t)
		n := neutral()
		n.Rules = append(n.Rules, rule("quota", c.attribute, func(r *applications.CriteriaRule) { r.Values, r.Min = []string{c.value}, ptr(1) }))
		w.Presets["tiny"].Criteria["neutral"] = n
		w.pool(12)
		var without []string
		for _, code := range w.codes() {
			if a := w.byCode(code); !slices.Contains(a.Answers[c.attribute].Values, c.value) && len(without) < 4 {
				without = append(without, a.ID)
			}
		}
		sel := mustDraw(w, w.lottery(nil).ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "a test" })
		_, err := w.ChooseSelection(w.ctx, w.facilitator, applications.ChooseRequest{Program: "leaders", Selection: sel.ID, Cohort: without, Reason: "r"}, once)
		want(t, "a group without "+c.value, err, "SWAP_INVALID")
		text := explained(err)
		if strings.Contains(text, "row 6 has to hold") == c.told || strings.Contains(text, c.value) != c.told || strings.Contains(text, "short by 1") != c.told {
			t.Errorf("%s: %s", c.value, text)
		}
	}
}

// A group chosen by hand that breaks a cap or a link is refused, naming it; of a
// cap on who people are it is only told that there is one.
func TestChooseKeepsCapsAndLinks(t *testing.T) {
	w := newWorld(t)
	c := neutral()
	c.HardCaps = map[string]int{"organization": 1, "county": 3}
	c.Ties = []applications.Tie{{Kind: "apart", IDs: []string{"NS-0001", "NS-0002"}}}
	w.Presets["tiny"].Criteria["neutral"] = c
	w.pool(12)
	sel := mustDraw(w, w.lottery(nil).ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "meant" })
	for want, codes := range map[string][]string{
		"": {"NS-0001", "NS-0003", "NS-0006", "NS-0008"},
		`people share one value of "organization", at most 1 may`: {"NS-0001", "NS-0005", "NS-0003", "NS-0008"},
		"a cap that has to hold does not":                         {"NS-0002", "NS-0003", "NS-0005", "NS-0008"},
		"kind apart is broken: NS-0001, NS-0002":                  {"NS-0001", "NS-0002", "NS-0003", "NS-0008"},
	} {
		var group []string
		for _, code := range codes {
			group = append(group, w.byCode(code).ID)
		}
		_, err := w.ChooseSelection(w.ctx, w.facilitator, applications.ChooseRequest{Program: "leaders", Selection: sel.ID, Cohort: group, Reason: "r"}, once)
		if want == "" && (err == nil || strings.Contains(explained(err), "as it stands")) {
			continue
		}
		if text := explained(err); applications.ReasonOf(err) != "SWAP_INVALID" || want == "" || !strings.Contains(text, want) || strings.Contains(text, "county") {
			t.Errorf("%v: %s", codes, text)
		}
	}
}
