package applications_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// gaveWay checks that the company rule of row 1, which must hold, gave way to
// whoever is alone, in the run and in what it froze and proved.
func (w *world) gaveWay(sel *applications.Selection) *matcher.Record {
	w.Helper()
	// To whom is sealed, and not in what is stored in the clear.
	if want := []selection.Yield{{Rows: []int{1}, Relief: 1}}; !cmp.Equal(w.run(sel.ID).GaveWay, want) {
		w.Fatalf("gave way by %+v", w.run(sel.ID).GaveWay)
	}
	record, err := matcher.ParseRecord(w.run(sel.ID).Record)
	if err != nil {
		w.Fatal(err)
	}
	if r := record.Certificate.Input.Criteria.Rules[0]; r.Priority != matcher.Must || r.Relief != 1 || !slices.Equal(r.Alone, []string{alone}) {
		w.Errorf("recorded with %+v", r)
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
	if err != nil || !cmp.Equal(v.Details.Yields, []selection.Yield{{Rows: []int{1}, People: []string{alone}, Relief: 1}}) {
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
	for _, line := range record.Lottery.Book { // the rule is missed only beside them
		var cohort []string
		with := false
		for _, c := range line.Counts {
			cohort = append(cohort, record.Lottery.Types[c.Type][:c.Count]...)
			with = with || slices.Contains(record.Lottery.Types[c.Type][:c.Count], alone)
		}
		strict := record.Certificate.Input.Criteria
		strict.Rules = slices.Clone(strict.Rules)
		strict.Rules[0].Relief = 0
		if short := selection.Count(record.Certificate.Input.People, strict, cohort)[0].Short; (short > 0) != with {
			t.Errorf("%v is short by %d", cohort, short)
		}
	}
	mustDraw(w, sel.ID, nil)
	log := w.events(0)
	i := slices.IndexFunc(log, func(e applications.Event) bool { return e.Action == "selection.freeze" })
	if log[i].Detail != "commitment="+sel.Commitment {
		t.Errorf("logged as %q", log[i].Detail)
	}

	res, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID)
	if err != nil || len(res.Selection.GaveWay) != 1 || res.Rules[0].Priority != matcher.Must {
		t.Errorf("%v: the result tells %+v of %+v", explained(err), res.Selection.GaveWay, res.Rules)
	}
	// That a rule gave way tells that somebody is alone.
	res, err = w.SelectionResult(w.ctx, w.manager, "leaders", sel.ID)
	if err != nil || res.Selection.GaveWay != nil {
		t.Errorf("%v: the result tells %+v", explained(err), res.Selection.GaveWay)
	}
	seen, err := w.Selection(w.ctx, w.manager, "leaders", sel.ID)
	if err != nil || seen.GaveWay != nil {
		t.Errorf("%v: who does not read identity answers is told of %+v", explained(err), seen.GaveWay)
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
		record, err := matcher.ParseRecord(w.run(sel.ID).Record)
		if err != nil {
			t.Fatal(err)
		}
		in := record.Certificate.Input
		if err := selection.Audit(in.People, in.Criteria, &record.Outcome); err != nil {
			t.Error(err)
		}
		// Whoever declined is nobody's company any more.
		want := slices.DeleteFunc([]string{alone}, func(code string) bool { return code == gone.Code })
		if r := in.Criteria.Rules[0]; r.Relief != 1 || !slices.Equal(r.Alone, want) && len(r.Alone)+len(want) > 0 {
			t.Errorf("recorded with %+v, and %s is gone", r, gone.Code)
		}
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}

// Once somebody is erased, nothing of the run says any more that they were alone.
func TestGaveWayIsNotKeptOfTheErased(t *testing.T) {
	w := newWorld(t)
	versions := w.counties(company(twoOf("county")))
	sel := mustDraw(w, w.lottery(func(s *applications.Selection) { s.Criteria = versions[0] }).ID, nil)
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", w.byCode(alone).ID, "asked", once); err != nil {
		t.Fatal(explained(err))
	}
	kept := w.run(sel.ID)
	if len(kept.GaveWay) != 1 || len(kept.GaveWay[0].People) > 0 || strings.Contains(string(kept.Frozen), `"Alone":["`) || strings.Contains(string(kept.Record), "alone") {
		t.Errorf("kept %+v", kept.GaveWay)
	}
	if _, err := w.VerifyRuns(w.ctx); err != nil {
		t.Error(explained(err))
	}
}
