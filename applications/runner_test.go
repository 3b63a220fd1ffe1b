package applications_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
)

// pool fills and closes the call: n people with varied answers, some of whom
// decline.
func (w *world) pool(n int) {
	w.Helper()
	w.open()
	counties, sectors := []string{"island", "san_juan", "skagit"}, []string{"clinic", "hospital", "housing"}
	for i := range n {
		w.apply(func(a *applications.Application) {
			a.Contact.Name = fmt.Sprintf("Invented %d", i)
			a.Answers["county"] = applications.Answer{Values: []string{counties[i*i%3]}}
			a.Answers["sector"] = applications.Answer{Values: []string{sectors[i%3]}}
			a.Answers["organization"] = applications.Answer{Text: fmt.Sprintf("Organization %d", i%4)}
			if i%5 == 0 {
				a.Answers["race"] = applications.Answer{Declined: true}
			} else {
				a.Answers["race"] = applications.Answer{Values: []string{[]string{"asian", "black", "white", "hispanic"}[i%4]}}
			}
		})
	}
	w.close()
}

func (w *world) selection(change func(*applications.Selection)) *applications.Selection {
	w.Helper()
	sel := &applications.Selection{Program: "leaders", Seed: "dice: 4 4 1", Lottery: matcher.LotteryNone}
	if change != nil {
		change(sel)
	}
	made, err := w.CreateSelection(w.ctx, w.facilitator, sel, once)
	if err != nil {
		w.Fatal(explained(err))
	}
	return made
}

// run reads a run past every permission, with its record.
func (w *world) run(id string) *applications.Selection {
	w.Helper()
	var sel *applications.Selection
	err := w.Store.View(w.ctx, func(tx applications.Tx) (err error) {
		sel, err = tx.Selection(w.ctx, "leaders", id)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return sel
}

func (w *world) finish(runner *applications.Runner) {
	w.Helper()
	for {
		worked, err := runner.RunOne(w.ctx)
		if err != nil {
			w.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

// Who does not read identity answers sees of a run what it says about jobs, no
// small count, and nothing that a small count can be worked out from.
func TestResultWithoutIdentity(t *testing.T) {
	w := newWorld(t)
	w.draft()
	c := neutral()
	c.Program, c.Name = "leaders", "own"
	c.Rules = append(
		c.Rules,
		applications.CriteriaRule{Kind: "quota", Attribute: "sector", Values: []string{"clinic"}, Min: ptr(1), Priority: 4},
		applications.CriteriaRule{Kind: "quota", Attribute: "sector", Values: []string{"other"}, Min: ptr(1), Priority: 4},
		applications.CriteriaRule{Kind: "quota", Attribute: "sector", Values: []string{"clinic"}, And: []applications.Condition{{Attribute: "county", Values: []string{"island"}}}, Min: ptr(1), Priority: 4},
		applications.CriteriaRule{Kind: "quota", Attribute: "sector", Values: []string{"clinic"}, IDs: []string{"NS-0001"}, Min: ptr(1), Priority: 5},
		applications.CriteriaRule{Kind: "quota", IDs: []string{"NS-0002"}, Min: ptr(1), Priority: 5},
	)
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &c, once); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	for i := range 12 {
		w.apply(func(a *applications.Application) {
			a.Answers["organization"] = applications.Answer{Text: fmt.Sprint("Organization ", i%3)}
		})
	}
	w.close()
	made := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))

	all, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	if len(all.Rules) != 10 || all.Withheld != nil || len(all.Record.Deviation) == 0 || all.Record.Digest == "" || all.Selection.PoolSize != 12 || all.Selection.InputDigest == "" {
		t.Fatalf("a facilitator sees %+v", all)
	}
	r, err := w.SelectionResult(w.ctx, w.manager, "leaders", made.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	type row struct{ number, pool, count, short, over int }
	var rows []row
	for _, x := range r.Rules {
		rows = append(rows, row{x.Row, x.Pool, x.Count, x.Short, x.Over})
		if x.Missed() != all.Rules[slices.IndexFunc(all.Rules, func(y applications.ResultRule) bool { return y.Row == x.Row })].Missed() {
			t.Errorf("row %d is missed for one caller and not for the other", x.Row)
		}
	}
	const few = applications.TooFew
	wantRows := []row{
		{4, few, few, few, 0}, // spread of sectors: all are clinics
		{5, few, few, 0, 0},   // cap on organizations: at most 4 of one
		{6, 12, few, 0, 0},    // clinics
		{7, few, few, few, 0}, // other sectors: nobody
	}
	if !slices.Equal(rows, wantRows) {
		t.Errorf("rows %v, want %v", rows, wantRows)
	}
	var groups []string
	for _, g := range r.Withheld {
		groups = append(groups, g.In("en"))
	}
	if !slices.Equal(groups, []string{"County", "Sector", "Applicants"}) {
		t.Errorf("withheld are %v", groups)
	}
	if rec := r.Record; rec.Rules != nil || rec.Deviation != nil || rec.Digest != "" || rec.InputDigest != "" || len(rec.Cohort) != 4 || r.Selection.PoolSize != 12 || len(r.Members) != 4 {
		t.Errorf("the record is %+v", rec)
	}
	check := func(where string, sel *applications.Selection) {
		t.Helper()
		if sel.InputDigest != "" || sel.PoolSize != 12 || sel.Frozen != nil || sel.Record != nil {
			t.Errorf("%s: %+v", where, sel)
		}
		sums := 0
		for _, step := range sel.Steps {
			if strings.HasPrefix(step.Name, "priority ") {
				sums++
				if step.Value != few {
					t.Errorf("%s: the step %s tells %d", where, step.Name, step.Value)
				}
			}
		}
		if sums == 0 {
			t.Errorf("%s: no step about a priority: %v", where, sel.Steps)
		}
	}
	check("the result", r.Selection)
	sel, err := w.Selection(w.ctx, w.manager, "leaders", made.ID)
	if err != nil {
		t.Fatal(explained(err))
	}
	check("the run", sel)
	page, err := w.Selections(w.ctx, w.manager, "leaders", applications.ListQuery{})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(explained(err))
	}
	check("the list", page.Items[0])
}

// A pool of few is withheld too, and why no group exists where that tells of
// answers.
func TestImpossibleResultWithoutIdentity(t *testing.T) {
	for _, c := range []struct {
		cap, clash string
	}{{"organization", "told"}, {"county", "withheld"}} {
		w := newWorld(t)
		w.draft()
		criteria := neutral()
		criteria.Program, criteria.Name, criteria.HardCaps = "leaders", "own", map[string]int{c.cap: 1}
		if _, err := w.SaveCriteria(w.ctx, w.facilitator, &criteria, once); err != nil {
			t.Fatal(explained(err))
		}
		if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
			t.Fatal(explained(err))
		}
		for range 5 {
			w.apply(nil)
		}
		w.close()
		made := w.selection(nil)
		w.finish(applications.NewRunner(w.Service, "one"))
		all, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
		if err != nil || all.Record.Infeasibility == nil || len(all.Record.Infeasibility.Clash) == 0 {
			t.Fatalf("cap on %s: %+v %v", c.cap, all, explained(err))
		}
		r, err := w.SelectionResult(w.ctx, w.manager, "leaders", made.ID)
		if err != nil {
			t.Fatal(explained(err))
		}
		why := r.Record.Infeasibility
		if r.Selection.PoolSize != applications.TooFew || why == nil || why.LeastTotalDeviation != nil || why.ClosestRules != nil || (len(why.Clash) > 0) != (c.clash == "told") {
			t.Errorf("cap on %s: pool %d, %+v", c.cap, r.Selection.PoolSize, why)
		}
	}
}

func TestSelection(t *testing.T) {
	w := newWorld(t)
	woken := 0
	w.Wake = func() { woken++ }
	w.pool(12)
	size := w.logSize()
	made := w.selection(func(s *applications.Selection) {
		s.Include = []applications.Lock{{Code: "NS-0003", Reason: "seat named before the opening"}}
		s.Exclude = []applications.Lock{{Application: w.byCode("NS-0004").ID, Reason: "moved away"}}
	})
	if made.State != applications.SelectionQueued || woken != 1 || made.PoolSize != 12 || made.Criteria != 1 || made.Include[0].Code != "NS-0003" || made.Include[0].By != w.facilitator.Subject {
		t.Errorf("queued: %+v", made)
	}
	if p, err := w.Program(w.ctx, w.admin, "leaders"); err != nil || p.State != applications.ProgramSelecting {
		t.Errorf("%+v %v", p, err)
	}
	_, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
	want(t, "a result before the run", err, "RUN_NOT_DONE")
	w.finish(applications.NewRunner(w.Service, "one"))

	sel, err := w.Selection(w.ctx, w.facilitator, "leaders", made.ID)
	if err != nil || sel.State != applications.SelectionSucceeded || sel.Provenance != applications.Computed || sel.Frozen != nil || sel.Record != nil || sel.Engine != "test-engine" || sel.Owner != "" {
		t.Fatalf("%+v %v", sel, err)
	}
	steps := applications.StepsOf(sel)
	if steps[0] != "claimed" || steps[1] != "frozen" || steps[len(steps)-1] != "stored" || !slices.Contains(steps, "feasible") || !slices.Contains(steps, "verified") {
		t.Errorf("steps %v", steps)
	}
	for _, s := range steps {
		if !slices.Contains(applications.Steps, s) {
			t.Errorf("the step %q is not in the list of steps", s)
		}
	}
	if !slices.IsSortedFunc(steps, func(a, b string) int {
		return slices.Index(applications.Steps, a) - slices.Index(applications.Steps, b)
	}) {
		t.Errorf("steps out of order: %v", steps)
	}
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r.Record.Status != matcher.Optimal || len(r.Members) != 4 || len(r.Rules) != 5 || r.Record.InputDigest != sel.InputDigest || r.Record.Seed != "dice: 4 4 1" || r.Record.Engine != "test-engine" {
		t.Fatalf("%+v", r.Record)
	}
	var codes []string
	for _, m := range r.Members {
		codes = append(codes, m.Code)
		if _, there := m.Answers["county"]; there {
			t.Errorf("a member's county is shown: %+v", m)
		}
		if _, there := m.Answers["sector"]; !there {
			t.Errorf("a member's sector is missing: %+v", m)
		}
		if m.Locked != (m.Code == "NS-0003") || m.Locked && m.LockReason != "seat named before the opening" {
			t.Errorf("lock: %+v", m)
		}
	}
	if !slices.Contains(codes, "NS-0003") || slices.Contains(codes, "NS-0004") || !slices.Equal(codes, r.Record.Cohort) {
		t.Errorf("the cohort %v, by the record %v", codes, r.Record.Cohort)
	}
	var log []string
	for _, e := range w.events(size) {
		log = append(log, strings.TrimSpace(e.Action+" "+e.Detail+" "+e.Actor))
	}
	who := " " + w.facilitator.Subject
	wantLog := []string{
		"program.select CLOSED>SELECTING" + who, "selection.create >QUEUED criteria=1 lottery=NONE include=1 exclude=1 trial=false" + who,
		"selection.start QUEUED>RUNNING system", "selection.freeze commitment=" + w.run(made.ID).Commitment + " system", "selection.end RUNNING>SUCCEEDED system",
	}
	if !slices.Equal(log, wantLog) {
		t.Errorf("the log:\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(wantLog, "\n"))
	}
}

func TestSelectionProblems(t *testing.T) {
	w := newWorld(t)
	w.open()
	_, err := w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders"}, once)
	want(t, "while the call is open", err, "PROGRAM_STATE")
	for range 3 {
		w.apply(nil)
	}
	gone := w.apply(nil)
	if _, err := w.WithdrawApplication(w.ctx, w.as(gone), "leaders", gone.Application.ID, "", 0, once); err != nil {
		t.Fatal(err)
	}
	w.close()
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders"}, once)
	want(t, "4 seats, 3 people", err, "SELECTION_INVALID")
	if !slices.Contains(violations(err), "size") {
		t.Errorf("named: %s", explained(err))
	}
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "neutral", Size: 3}, once); err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders", Criteria: 2}, once)
	want(t, "criteria that are not registered", err, "CRITERIA_NOT_REGISTERED")
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders", Criteria: 9}, once)
	want(t, "criteria that are not there", err, "CRITERIA_NOT_FOUND")
	if _, err := w.RegisterCriteria(w.ctx, w.facilitator, "leaders", 2, "one seat was lost", "Another Person", once); err != nil {
		t.Fatal(explained(err))
	}
	lock := func(code, reason string) applications.Lock { return applications.Lock{Code: code, Reason: reason} }
	for _, c := range []struct {
		name   string
		sel    applications.Selection
		fields []string
	}{
		{"a seed of two lines", applications.Selection{Seed: "a\nb"}, []string{"seed"}},
		{"an unknown lottery", applications.Selection{Lottery: "DICE"}, []string{"lottery"}},
		{"a limit without a lottery", applications.Selection{Lottery: "NONE", MaxChance: 500}, []string{"max_chance"}},
		{"a seed from nowhere", applications.Selection{SeedKind: "STARS"}, []string{"seed_kind"}},
		{"a source of no kind", applications.Selection{SeedSource: "dice at the town hall"}, []string{"seed_kind"}},
		{"a number nobody knows of", applications.Selection{SeedKind: applications.SeedPublicNumber}, []string{"seed_source"}},
		{"one of two people", applications.Selection{SeedKind: applications.SeedCommitReveal, SeedPeople: []string{"A"}}, []string{"seed_people"}},
		{"one person twice", applications.Selection{SeedKind: applications.SeedCommitReveal, SeedPeople: []string{"A", "a"}}, []string{"seed_people[1]"}},
		{"negative work", applications.Selection{Work: -1}, []string{"work_limit"}},
		{"nobody", applications.Selection{Include: []applications.Lock{lock("NS-0099", "x")}}, []string{"include[0].application"}},
		{"withdrawn", applications.Selection{Include: []applications.Lock{lock("NS-0004", "x")}}, []string{"include[0].application"}},
		{"no reason", applications.Selection{Exclude: []applications.Lock{lock("NS-0001", "")}}, []string{"exclude[0].reason"}},
		{"in and out", applications.Selection{Include: []applications.Lock{lock("NS-0001", "x")}, Exclude: []applications.Lock{lock("NS-0001", "y")}}, []string{"exclude[0].application"}},
		{"twice", applications.Selection{Include: []applications.Lock{lock("NS-0001", "x"), lock("NS-0001", "x")}}, []string{"include[1].application"}},
	} {
		c.sel.Program = "leaders"
		_, err := w.CreateSelection(w.ctx, w.facilitator, &c.sel, once)
		reason := "SELECTION_INVALID"
		if c.name == "in and out" {
			reason = "LOCKS_CONTRADICT"
		}
		want(t, c.name, err, reason)
		if got := violations(err); !slices.Equal(got, c.fields) {
			t.Errorf("%s: named %s", c.name, explained(err))
		}
	}
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders", Seed: "4 4 1"}, once)
	want(t, "a seed before the seal", err, "SEED_TOO_EARLY")
	_, err = w.CreateSelection(w.ctx, w.manager, &applications.Selection{Program: "leaders"}, once)
	want(t, "by somebody who may not", err, "PERMISSION_MISSING")
	if page, err := w.Selections(w.ctx, w.facilitator, "leaders", applications.ListQuery{}); err != nil || len(page.Items) != 0 {
		t.Errorf("a refused run was kept: %v %v", page, err)
	}
	none := applications.Selection{Program: "leaders", Lottery: matcher.LotteryNone}
	made, err := w.CreateSelection(w.ctx, w.facilitator, &none, idem(1, "s"))
	if err != nil || len(made.Seed) != 32 {
		t.Fatalf("%+v %v", made, explained(err))
	}
	again, err := w.CreateSelection(w.ctx, w.facilitator, &none, idem(1, "s"))
	if err != nil || again.ID != made.ID || again.Seed != made.Seed {
		t.Errorf("retried: %+v %v", again, err)
	}
}

// errKilled is what the hook of a test returns: the process dies here.
var errKilled = errors.New("killed")

// A run that is killed before and after each of its durable steps is taken up
// by another runner and ends in the same bytes.
func TestKilledRunsResumeToTheSameBytes(t *testing.T) {
	w := newWorld(t)
	w.pool(15)
	made := w.selection(nil)
	var points []string
	runner := applications.NewRunner(w.Service, "whole")
	runner.Hook = func(point string) error { points = append(points, point); return nil }
	w.finish(runner)
	first := w.run(made.ID)
	if first.State != applications.SelectionSucceeded || len(first.Record) == 0 {
		t.Fatalf("%s %s", first.State, first.Error)
	}
	// The last "before claimed" is the look that found nothing.
	points = points[:len(points)-1]
	if steps := applications.StepsOf(first); len(points) != 2*len(steps) {
		t.Fatalf("%d points for the steps %v", len(points), steps)
	}
	for i, point := range points {
		sel := w.selection(nil)
		dying := applications.NewRunner(w.Service, fmt.Sprintf("dying-%d", i))
		dying.Hook = func(at string) error {
			if at == point {
				return errKilled
			}
			return nil
		}
		if _, err := dying.RunOne(w.ctx); !errors.Is(err, errKilled) {
			t.Fatalf("killed %s: %v", point, err)
		}
		left := w.run(sel.ID)
		if point == "after stored" {
			if left.State != applications.SelectionSucceeded {
				t.Errorf("killed %s: %s", point, left.State)
			}
		} else {
			if left.State == applications.SelectionSucceeded {
				t.Errorf("killed %s: already %s", point, left.State)
			}
			next := applications.NewRunner(w.Service, fmt.Sprintf("next-%d", i))
			if left.State == applications.SelectionRunning {
				// Nobody takes it while the lease of the dead runs.
				if worked, err := next.RunOne(w.ctx); worked || err != nil {
					t.Errorf("killed %s: taken up before the lease ended: %v", point, err)
				}
				w.clock.advance(31 * time.Second)
			}
			w.finish(next)
		}
		got := w.run(sel.ID)
		if got.State != applications.SelectionSucceeded || !bytes.Equal(got.Record, first.Record) || unsalted(t, got.Frozen) != unsalted(t, first.Frozen) {
			t.Errorf("killed %s: %s, the record differs:\n%s\nwant\n%s", point, got.State, got.Record, first.Record)
		}
		if !slices.Equal(applications.StepsOf(got), applications.StepsOf(first)) {
			t.Errorf("killed %s: steps %v, want %v", point, applications.StepsOf(got), applications.StepsOf(first))
		}
	}
}

// unsalted is a frozen input without its salts, which every run throws anew.
func unsalted(t *testing.T, frozen []byte) string {
	t.Helper()
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(frozen, &parts); err != nil {
		t.Fatal(err)
	}
	if len(parts["Salts"]) == 0 {
		t.Fatal("the frozen input has no salts")
	}
	return string(parts["People"]) + string(parts["Criteria"]) + string(parts["Seed"])
}

// What the engine gives the runner is recounted before it is stored: a planted
// member, count or deviation is refused.
func TestResultIsRecounted(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	made := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	sel := w.run(made.ID)
	for name, change := range map[string]func(*matcher.Record){
		"as it is":          func(*matcher.Record) {},
		"another input":     func(r *matcher.Record) { r.InputDigest = "sha256:00" },
		"somebody else":     func(r *matcher.Record) { r.Cohort[0] = "NS-9999" },
		"somebody twice":    func(r *matcher.Record) { r.Cohort[0] = r.Cohort[1] },
		"a count":           func(r *matcher.Record) { r.Rules[1].Count++ },
		"a deviation":       func(r *matcher.Record) { r.Deviation[0].Value++ },
		"a larger size":     func(r *matcher.Record) { r.Size.Bound++ },
		"no cohort at all":  func(r *matcher.Record) { r.Cohort = nil },
		"not even feasible": func(r *matcher.Record) { r.Status = matcher.Infeasible },
	} {
		r, err := matcher.ParseRecord(sel.Record)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		if err := applications.CheckResult(sel, r); (err == nil) != (name == "as it is") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One run, killed at every point one after the other.
func TestRunKilledManyTimes(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	whole, torn := w.selection(nil), w.selection(nil)
	if worked, err := applications.NewRunner(w.Service, "whole").RunOne(w.ctx); !worked || err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	kills := 0
	for {
		r := applications.NewRunner(w.Service, fmt.Sprintf("runner-%d", kills))
		r.Hook = func(at string) error {
			if !seen[at] {
				seen[at] = true
				return errKilled
			}
			return nil
		}
		_, err := r.RunOne(w.ctx)
		if !errors.Is(err, errKilled) {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		kills++
		w.clock.advance(31 * time.Second)
	}
	a, b := w.run(whole.ID), w.run(torn.ID)
	if b.State != applications.SelectionSucceeded || !bytes.Equal(a.Record, b.Record) || kills < 10 {
		t.Errorf("after %d kills: %s", kills, b.State)
	}
}

func TestCancelSelection(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	queued := w.selection(nil)
	_, err := w.CancelSelection(w.ctx, w.manager, "leaders", queued.ID, 0, once)
	want(t, "by somebody who may not", err, "PERMISSION_MISSING")
	_, err = w.CancelSelection(w.ctx, w.facilitator, "leaders", queued.ID, 9, once)
	want(t, "an old revision", err, "STALE_REVISION")
	got, err := w.CancelSelection(w.ctx, w.facilitator, "leaders", queued.ID, 0, idem(1, "c"))
	if err != nil || got.State != applications.SelectionCanceled {
		t.Fatalf("%+v %v", got, err)
	}
	if again, err := w.CancelSelection(w.ctx, w.facilitator, "leaders", queued.ID, 0, idem(1, "c")); err != nil || again.State != applications.SelectionCanceled {
		t.Errorf("retried: %+v %v", again, err)
	}
	_, err = w.CancelSelection(w.ctx, w.facilitator, "leaders", queued.ID, 0, once)
	want(t, "cancel what has ended", err, "RUN_DONE")
	_, err = w.SelectionResult(w.ctx, w.facilitator, "leaders", queued.ID)
	want(t, "the result of a canceled run", err, "RUN_WITHOUT_RESULT")

	// Asked for while it runs, before any step: the next step does not come.
	running := w.selection(nil)
	runner := applications.NewRunner(w.Service, "one")
	runner.Hook = func(point string) error {
		if point == "before feasible" {
			if _, err := w.CancelSelection(w.ctx, w.facilitator, "leaders", running.ID, 0, once); err != nil {
				t.Error(err)
			}
		}
		return nil
	}
	w.finish(runner)
	sel := w.run(running.ID)
	if sel.State != applications.SelectionCanceled || len(sel.Record) > 0 || slices.Contains(applications.StepsOf(sel), "feasible") {
		t.Errorf("%s with the steps %v", sel.State, applications.StepsOf(sel))
	}
}

// Whoever withdraws makes the runs stale that counted them.
func TestWithdrawalMakesRunsStale(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	done := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	running := w.selection(nil)
	runner := applications.NewRunner(w.Service, "one")
	withdraw := func(code string) {
		a := w.byCode(code)
		if _, err := w.WithdrawApplication(w.ctx, w.facilitator, "leaders", a.ID, "", 0, once); err != nil {
			t.Error(err)
		}
	}
	runner.Hook = func(point string) error {
		if point == "before score" || point == "before seed 1" {
			if a := w.byCode("NS-0007"); a.State == applications.InPool {
				withdraw("NS-0007")
			}
		}
		return nil
	}
	if worked, err := runner.RunOne(w.ctx); !worked || err != nil {
		t.Fatalf("%v %v", worked, err)
	}
	for _, id := range []string{done.ID, running.ID} {
		if sel := w.run(id); sel.State != applications.SelectionStale {
			t.Errorf("%s is %s", id, sel.State)
		}
	}
	// The result of the one that was done can still be read, as stale.
	if r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", done.ID); err != nil || r.Selection.State != applications.SelectionStale {
		t.Errorf("%v", err)
	}
	// A queued run has counted nobody yet: it takes the pool as it finds it.
	queued := w.selection(nil)
	withdraw("NS-0008")
	w.finish(applications.NewRunner(w.Service, "one"))
	if sel := w.run(queued.ID); sel.State != applications.SelectionSucceeded || sel.PoolSize != 10 {
		t.Errorf("%s of %d", sel.State, sel.PoolSize)
	}
}

// Two runners never work on one run, and a runner that lost its lease leaves
// it alone.
func TestLeaseTakenOver(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	made := w.selection(nil)
	slow := applications.NewRunner(w.Service, "slow")
	slow.Hook = func(point string) error {
		if point == "before verified" {
			w.clock.advance(31 * time.Second)
			fast := applications.NewRunner(w.Service, "fast")
			if worked, err := fast.RunOne(w.ctx); !worked || err != nil {
				t.Errorf("the second runner: %v %v", worked, err)
			}
		}
		return nil
	}
	if worked, err := slow.RunOne(w.ctx); !worked || err != nil {
		t.Fatalf("the first runner: %v %v", worked, err)
	}
	sel := w.run(made.ID)
	if sel.State != applications.SelectionSucceeded || sel.Attempt != 2 {
		t.Errorf("%s after %d attempts", sel.State, sel.Attempt)
	}
	ends := 0
	for _, e := range w.events(0) {
		if e.Action == "selection.end" {
			ends++
		}
	}
	if ends != 1 {
		t.Errorf("the run ended %d times", ends)
	}
}

// A trial shows what is possible and how it counts, not who; it moves nothing.
func TestTrial(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	made := w.selection(func(s *applications.Selection) { s.Trial = true })
	w.finish(applications.NewRunner(w.Service, "one"))
	if p, err := w.Program(w.ctx, w.admin, "leaders"); err != nil || p.State != applications.ProgramClosed {
		t.Errorf("%+v %v", p, err)
	}
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
	if err != nil || len(r.Rules) != 5 || len(r.Members) != 0 || len(r.Record.Cohort) != 0 || r.Record.Size.Got != 4 {
		t.Errorf("%+v %v", r, err)
	}
	// A closed call that is extended makes the trial's pool another one.
	if _, err := w.ExtendProgram(w.ctx, w.admin, "leaders", noon.AddDate(0, 0, 9), "storm", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	if sel := w.run(made.ID); sel.State != applications.SelectionStale {
		t.Errorf("the trial is %s", sel.State)
	}
}

// What cannot be met is a result too: the closest cohort, and what it misses.
func TestImpossible(t *testing.T) {
	w := newWorld(t)
	c := neutral()
	c.Rules = append(c.Rules, rule("quota", "sector", func(r *applications.CriteriaRule) { r.Values, r.Min = []string{"other"}, ptr(2) }))
	w.Presets["tiny"].Criteria["neutral"] = c
	w.pool(12)
	made := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	r, err := w.SelectionResult(w.ctx, w.facilitator, "leaders", made.ID)
	if err != nil || r.Selection.State != applications.SelectionSucceeded || r.Record.Status != matcher.Infeasible || len(r.Record.Cohort) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	if least := r.Record.Infeasibility.LeastTotalDeviation; least == nil || *least != 2 || len(r.Members) != 4 || len(r.Rules) != 6 || r.Rules[5].Short != 2 {
		t.Errorf("%+v, %d members, rules %+v", r.Record.Infeasibility, len(r.Members), r.Rules)
	}
}

// P3: an approval that ended ends the runs that need it.
func TestRunNeedsItsPolicyInForce(t *testing.T) {
	w := newWorld(t)
	w.draft()
	p := w.allowRace("")
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balanced"}, once); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	for range 8 {
		w.apply(nil)
	}
	w.close()
	queued := w.selection(nil)
	if _, err := w.RevokePolicy(w.ctx, w.approver, "leaders", p.ID, "changed minds", 0, once); err != nil {
		t.Fatal(err)
	}
	_, err := w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders"}, once)
	want(t, "a run after the approval ended", err, "POLICY_MISSING")
	w.finish(applications.NewRunner(w.Service, "one"))
	if sel := w.run(queued.ID); sel.State != applications.SelectionFailed || sel.ErrorReason != "POLICY_MISSING" || sel.Error == "" {
		t.Errorf("the queued run: %s %s", sel.State, sel.ErrorReason)
	}
}

// The same answers and seed give the same record whoever else is in the
// database, and another seed may give another cohort but no worse one.
func TestSeedDecidesTies(t *testing.T) {
	w := newWorld(t)
	w.pool(15)
	var records [][]byte
	for _, seed := range []string{"a", "a", "b", "c", "d"} {
		made := w.selection(func(s *applications.Selection) { s.Seed = seed })
		w.finish(applications.NewRunner(w.Service, "one"))
		records = append(records, w.run(made.ID).Record)
	}
	if !bytes.Equal(records[0], records[1]) {
		t.Error("one seed, two records")
	}
	different := false
	var deviation []matcher.Deviation
	for i, b := range records {
		r, err := matcher.ParseRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			deviation = r.Deviation
		} else if !slices.Equal(r.Deviation, deviation) {
			t.Errorf("another seed, another deviation: %v, %v", r.Deviation, deviation)
		}
		different = different || !bytes.Equal(b, records[0])
	}
	if !different {
		t.Error("four seeds, one cohort: the seed decides nothing here")
	}
}

// Run works off what is queued, is woken, and gives a run back when it is told
// to stop.
func TestRunnerLoop(t *testing.T) {
	w := newWorld(t)
	w.pool(10)
	runner := applications.NewRunner(w.Service, "loop")
	runner.Poll = time.Hour
	w.Wake = runner.Wake
	ctx, stop := context.WithCancel(w.ctx)
	ended := make(chan struct{})
	go func() { runner.Run(ctx); close(ended) }()
	for range 2 {
		made := w.selection(nil)
		for deadline := time.Now().Add(20 * time.Second); !w.run(made.ID).State.Done(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the run is not worked on")
			}
		}
	}
	stop()
	<-ended

	// Told to stop in the middle: the next runner need not wait for the lease.
	made := w.selection(nil)
	ctx, stop = context.WithCancel(w.ctx)
	runner.Hook = func(point string) error {
		if point == "after frozen" {
			stop()
		}
		return nil
	}
	if _, err := runner.RunOne(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	if sel := w.run(made.ID); sel.State != applications.SelectionRunning {
		t.Errorf("left as %s", sel.State)
	}
	w.finish(applications.NewRunner(w.Service, "next"))
	if sel := w.run(made.ID); sel.State != applications.SelectionSucceeded {
		t.Errorf("taken up: %s", sel.State)
	}
}

// A run that can never finish does not run for ever.
func TestRunGivesUp(t *testing.T) {
	w := newWorld(t)
	w.pool(8)
	made := w.selection(nil)
	attempts := 0
	for ; !w.run(made.ID).State.Done(); attempts++ {
		r := applications.NewRunner(w.Service, fmt.Sprintf("runner-%d", attempts))
		r.Hook = func(at string) error {
			if at == "before feasible" {
				return errKilled
			}
			return nil
		}
		if _, err := r.RunOne(w.ctx); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		w.clock.advance(31 * time.Second)
		if attempts > 200 {
			t.Fatal("no end")
		}
	}
	if sel := w.run(made.ID); sel.State != applications.SelectionFailed || sel.ErrorReason != "RUN_GAVE_UP" {
		t.Errorf("%s %s after %d", sel.State, sel.ErrorReason, attempts)
	}
}

// The frozen input and the record hold codes and the answers that decide, and
// nothing else of a person.
func TestFrozenInputIsSparse(t *testing.T) {
	w := newWorld(t)
	w.pool(8)
	made := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	sel := w.run(made.ID)
	for _, b := range [][]byte{sel.Frozen, sel.Record} {
		for _, word := range []string{"Invented", "example.org", "asian", "race", "decides"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%q is frozen:\n%s", word, b)
			}
		}
	}
	page, err := w.Selections(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: "state = SUCCEEDED AND NOT trial"})
	if err != nil || len(page.Items) != 1 || page.Items[0].Frozen != nil || page.Items[0].Record != nil {
		t.Errorf("%v %v", page, err)
	}
	_, err = w.Selection(w.ctx, access.Principal{}, "leaders", made.ID)
	want(t, "the public", err, "TOKEN_REQUIRED")
}

// A pool that changed in any way while the run went on makes it stale when it
// is stored, also where no transition said so.
func TestPoolChangedUnderTheRun(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	made := w.selection(nil)
	runner := applications.NewRunner(w.Service, "one")
	runner.Hook = func(point string) error {
		if point != "before stored" {
			return nil
		}
		a := w.byCode("NS-0002")
		a.Answers["sector"] = applications.Answer{Values: []string{"other"}}
		return w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.UpdateApplication(w.ctx, a, nil) })
	}
	w.finish(runner)
	if sel := w.run(made.ID); sel.State != applications.SelectionStale || len(sel.Record) == 0 {
		t.Errorf("%s", sel.State)
	}
}

// P3: a run refuses criteria that are not what was registered.
func TestTamperedCriteriaRefused(t *testing.T) {
	w := newWorld(t)
	w.pool(8)
	c, err := w.Criteria(w.ctx, w.facilitator, "leaders", 1)
	if err != nil {
		t.Fatal(err)
	}
	c.Version = 2
	c.Rules[0].Min = ptr(2) // and the digest of version 1
	err = w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.InsertCriteria(w.ctx, c) })
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateSelection(w.ctx, w.facilitator, &applications.Selection{Program: "leaders", Criteria: 2}, once)
	want(t, "criteria that changed after they were registered", err, "CRITERIA_CHANGED")
}

// awayStore is a database that cannot be reached at times.
type awayStore struct {
	applications.Store
	away  atomic.Bool
	asked atomic.Int64
}

func (s *awayStore) Update(ctx context.Context, fn func(applications.Tx) error) error {
	defer s.asked.Add(1)
	if s.away.Load() {
		return applications.Errorf(applications.Unavailable, "DATABASE_UNAVAILABLE", "it cannot be reached")
	}
	return s.Store.Update(ctx, fn)
}

// A runner that waits for the database says so once, each time it is away, and
// not that it left a run.
func TestRunnerWaitsForTheDatabase(t *testing.T) {
	w := newWorld(t)
	store := &awayStore{Store: w.Store}
	var log bytes.Buffer
	s := *w.Service
	s.Store, s.Log = store, slog.New(slog.NewTextHandler(&log, nil))
	runner := applications.NewRunner(&s, "one")
	runner.Poll = time.Millisecond
	ctx, stop := context.WithCancel(w.ctx)
	done := make(chan struct{})
	go func() { defer close(done); runner.Run(ctx) }()
	for range 2 {
		for _, away := range []bool{true, false} {
			store.away.Store(away)
			for until := store.asked.Load() + 5; store.asked.Load() < until; time.Sleep(time.Millisecond) {
			}
		}
	}
	stop()
	<-done
	if said := log.String(); strings.Count(said, "wait for the database") != 2 || strings.Contains(said, "ERROR") {
		t.Errorf("the log says\n%s", said)
	}
}
