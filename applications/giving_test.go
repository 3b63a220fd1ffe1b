package applications_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// company are criteria that leave whoever is alone in their county no place:
// the two of each of the others take all four.
func company(rules ...applications.CriteriaRule) *applications.Criteria {
	return &applications.Criteria{Program: "leaders", Name: "company", Size: 4, MinSize: 4, Rules: rules}
}

func twoOf(attribute string) applications.CriteriaRule {
	return rule("company", attribute, func(r *applications.CriteriaRule) { r.Min = ptr(2) })
}

// counties closes a call with five people of one county, six of another and one
// of a third, the last. With criteria registered in order; their versions.
func (w *world) counties(criteria ...*applications.Criteria) (versions []int) {
	w.Helper()
	w.draft()
	for _, c := range criteria {
		made, err := w.SaveCriteria(w.ctx, w.facilitator, c, once)
		if err != nil {
			w.Fatal(explained(err))
		}
		versions = append(versions, made.Version)
	}
	// Version 1 uses the questions that these rules do not.
	for _, version := range slices.Concat([]int{1}, versions) {
		if _, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", version, "", "", once); err != nil {
			w.Fatal(explained(err))
		}
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		w.Fatal(explained(err))
	}
	for i, county := range slices.Concat(slices.Repeat([]string{"island"}, 5), slices.Repeat([]string{"skagit"}, 6), []string{"san_juan"}) {
		w.apply(func(a *applications.Application) {
			a.Answers["county"] = applications.Answer{Values: []string{county}}
			a.Answers["sector"] = applications.Answer{Values: []string{map[string]string{"island": "clinic", "skagit": "hospital", "san_juan": "housing"}[county]}}
			a.Answers["organization"] = applications.Answer{Text: strings.Repeat("x", i+1)}
		})
	}
	w.close()
	return versions
}

// alone is the code of whoever is alone in their county.
const alone = "NS-0012"

// gaveWay checks that the company rule of row 1, which must hold, gave way by
// one, in the run and in what it froze and proved.
func (w *world) gaveWay(sel *applications.Selection) *matcher.Record {
	w.Helper()
	want := applications.GaveWay{Rows: []int{1}, Priority: matcher.Must, CountsAs: 1, Allow: 1}
	if len(sel.GaveWay) != 1 || !slices.Equal(sel.GaveWay[0].Rows, want.Rows) || sel.GaveWay[0].Priority != want.Priority ||
		sel.GaveWay[0].CountsAs != want.CountsAs || sel.GaveWay[0].Allow != want.Allow || sel.GaveWay[0].Dropped {
		w.Fatalf("gave way by %+v, want %+v", sel.GaveWay, want)
	}
	record, err := matcher.ParseRecord(w.run(sel.ID).Record)
	if err != nil {
		w.Fatal(err)
	}
	if c := record.Certificate.Input.Criteria; c.Rules[0].Priority != 1 || c.Rules[0].Kind != matcher.Company {
		w.Errorf("recorded with %+v", c.Rules)
	}
	return record
}

// Nobody who is alone in their county loses their last chance by a company rule:
// the check tells how it gives way, and a run needs no confirmation for it.
func TestCompanyGivesWay(t *testing.T) {
	w := newWorld(t)
	ranged := rule("quota", "county", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"island"}, ptr(2) })
	other := ranged
	other.Values = []string{"skagit"}
	versions := w.counties(company(twoOf("county")), company(ranged, other))

	v, err := w.ExamineCriteria(w.ctx, w.facilitator, company(twoOf("county")))
	if err != nil || len(v.Details.Yields) != 1 || !slices.Equal(v.Details.Yields[0].Rows, []int{1}) || !slices.Equal(v.Details.Yields[0].People, []string{alone}) || v.Details.Yields[0].Allow != 1 {
		t.Errorf("%v: the check tells of %+v", explained(err), v.Details.Yields)
	}
	if v, err = w.ExamineCriteria(w.ctx, w.manager, company(twoOf("sector"))); err != nil || len(v.Details.Yields) != 1 || v.Details.Yields[0].People != nil {
		t.Errorf("%v: who does not read identity answers is told of %+v", explained(err), v.Details.Yields)
	}
	// Floors that somebody set for these counties are meant as they are.
	if v, err = w.ExamineCriteria(w.ctx, w.facilitator, company(ranged, other)); err != nil || len(v.Details.Yields) > 0 {
		t.Errorf("%v: the check tells of %+v", explained(err), v.Details.Yields)
	}

	sel := w.lottery(func(s *applications.Selection) { s.Criteria = versions[0] })
	record := w.gaveWay(sel)
	if c := sel.Seal.Chances; c.Confirm || c.Impossible > 0 {
		t.Errorf("sealed as %+v", c)
	}
	if sel.Allow[1] != 1 || record.Certificate.Input.Criteria.Allow[1] != 1 {
		t.Errorf("allowed %v, recorded %v", sel.Allow, record.Certificate.Input.Criteria.Allow)
	}
	mustDraw(w, sel.ID, nil)
	log := w.events(0)
	i := slices.IndexFunc(log, func(e applications.Event) bool { return e.Action == "selection.freeze" })
	if log[i].Detail != "commitment="+sel.Commitment+" gaveWay=rows 1" {
		t.Errorf("logged as %q", log[i].Detail)
	}

	res, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(res.GaveWay) != 1 || res.GaveWay[0].Row != 1 || res.Rules[0].Priority != 1 || len(res.Record.Deviation) != 1 || res.Record.Deviation[0].Priority != 1 {
		t.Errorf("%v: the result tells %+v of %+v", explained(err), res.GaveWay, res.Rules)
	}
	// Which rule, and by how much, tells that somebody is alone.
	res, err = w.SelectionResult(w.ctx, w.manager, "leaders", sel.ID)
	if err != nil || res.GaveWay != nil {
		t.Errorf("%v: the result tells %+v", explained(err), res.GaveWay)
	}
	seen, err := w.Selection(w.ctx, w.manager, "leaders", sel.ID)
	if err != nil || seen.GaveWay[0].Rows != nil || seen.GaveWay[0].Allow != applications.TooFew || seen.Allow[1] != applications.TooFew {
		t.Errorf("%v: who does not read identity answers is told of %+v and %v", explained(err), seen.GaveWay, seen.Allow)
	}

	plain := w.lottery(func(s *applications.Selection) { s.Criteria = versions[1] })
	if len(plain.GaveWay) > 0 || plain.Seal.Chances.Impossible != 1 {
		t.Errorf("%+v, sealed as %+v", plain.GaveWay, plain.Seal.Chances)
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}

// A run that is left after its input was frozen goes on with the rules as they
// gave way, and one that is left before finds the same.
func TestGaveWayIsKept(t *testing.T) {
	w := newWorld(t)
	versions := w.counties(company(twoOf("county")))
	var records [][]byte
	for _, point := range []string{"before " + applications.StepFrozen, "after " + applications.StepFrozen, "before " + applications.StepSealed} {
		made := w.selection(func(s *applications.Selection) { s.Criteria, s.Lottery, s.Seed = versions[0], "", "" })
		killed := applications.NewRunner(w.Service, "killed")
		left := errors.New("killed")
		killed.Hook = func(at string) error {
			if at == point {
				return left
			}
			return nil
		}
		if _, err := killed.RunOne(w.ctx); !errors.Is(err, left) {
			t.Fatalf("%s: %v", point, err)
		}
		if froze := w.run(made.ID); (len(froze.GaveWay) > 0) != (point != "before "+applications.StepFrozen) {
			t.Errorf("%s: %+v", point, froze.GaveWay)
		}
		w.clock.advance(time.Hour) // the lease ends
		w.finish(applications.NewRunner(w.Service, "next"))
		sel := w.run(made.ID)
		w.gaveWay(sel)
		records = append(records, sel.Record)
	}
	for i, r := range records[1:] {
		if string(r) != string(records[0]) {
			t.Errorf("record %d differs from the first", i+2)
		}
	}
}

// Where the pool moves while it is found how company rules give way, that is
// found anew: here the one who is alone withdraws.
func TestGivesWayInThePoolThatIsFrozen(t *testing.T) {
	w := newWorld(t)
	versions := w.counties(company(twoOf("county")))
	made := w.selection(func(s *applications.Selection) { s.Criteria, s.Lottery, s.Seed = versions[0], "", "" })
	runner := applications.NewRunner(w.Service, "one")
	frozen := 0
	runner.Hook = func(at string) error {
		if at == "before "+applications.StepFrozen {
			if frozen++; frozen == 1 {
				w.withdraw(alone)
			}
		}
		return nil
	}
	w.finish(runner)
	if sel := w.run(made.ID); frozen != 2 || sel.State != applications.SelectionSealed || len(sel.GaveWay) > 0 || sel.PoolSize != 11 {
		t.Errorf("after %d times: %s of %d, and gave way by %+v", frozen, sel.State, sel.PoolSize, sel.GaveWay)
	}
}

// Seats are filled again under the rules as they gave way at first, whoever is
// left in the pool.
func TestReplacementGivesWayAsBefore(t *testing.T) {
	w := newWorld(t)
	versions := w.counties(company(twoOf("county")))
	sel := mustDraw(w, w.lottery(func(s *applications.Selection) { s.Criteria = versions[0] }).ID, nil)
	for range 2 { // the second replaces a replacement
		gone := w.byCode(sel.Draws[0].Cohort[0])
		next, err := w.ReplaceMembers(w.ctx, w.facilitator, applications.ReplaceRequest{Program: "leaders", Selection: sel.ID, Declined: []string{gone.ID}, Reason: "moved away"}, once)
		if err != nil {
			t.Fatal(explained(err))
		}
		w.finish(applications.NewRunner(w.Service, "two"))
		sel = mustDraw(w, next.ID, func(r *applications.DrawRequest) { r.ConfirmImpossible = "one seat" })
		record := w.gaveWay(sel)
		in := record.Certificate.Input
		if err := selection.Audit(in.People, in.Criteria, &record.Outcome); err != nil {
			t.Error(err)
		}
		if in.Criteria.Allow[1] != sel.Allow[1] {
			t.Errorf("allowed %v, recorded %v", sel.Allow, in.Criteria.Allow)
		}
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}

// Once somebody is erased, nothing says any more that somebody was alone: the run
// keeps it, for the seats that it fills again.
func TestGaveWayIsNotToldAfterErasure(t *testing.T) {
	w := newWorld(t)
	versions := w.counties(company(twoOf("county")))
	sel := mustDraw(w, w.lottery(func(s *applications.Selection) { s.Criteria = versions[0] }).ID, nil)
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", w.byCode(alone).ID, "asked", once); err != nil {
		t.Fatal(explained(err))
	}
	seen, err := w.Selection(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(seen.GaveWay) != 1 || seen.GaveWay[0].Rows != nil || seen.GaveWay[0].Allow != applications.TooFew || seen.Allow[1] != applications.TooFew {
		t.Errorf("%v: told of %+v and %v", explained(err), seen.GaveWay, seen.Allow)
	}
	res, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || res.GaveWay != nil {
		t.Errorf("%v: the result tells of %+v", explained(err), res.GaveWay)
	}
	if kept := w.run(sel.ID).GaveWay; len(kept) != 1 || kept[0].Allow != 1 {
		t.Errorf("kept %+v", kept)
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}
