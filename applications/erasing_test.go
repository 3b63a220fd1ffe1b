package applications_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

var officer = access.Principal{Subject: "users/01980000-0000-7000-8000-0000000000ff", Token: "p", Grants: []access.Grant{{Role: access.PrivacyOfficer}}}

// listed is an erasure list in memory, which can be made to fail.
type listed struct {
	mu   sync.Mutex
	list []applications.Erasure
	err  error
}

func (l *listed) Add(list ...applications.Erasure) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	for _, e := range list {
		if !slices.ContainsFunc(l.list, func(o applications.Erasure) bool {
			return o.Program == e.Program && o.Application == e.Application && o.ProgramCreated.Equal(e.ProgramCreated)
		}) {
			l.list = append(l.list, e)
		}
	}
	return nil
}

// file is a world whose database lies in a file that the test can look into.
type file struct {
	*world
	path  string
	vault *vault.Vault
	store *sqlstore.Store
	list  *listed
}

func newFile(t *testing.T) *file {
	t.Helper()
	v, err := vault.Generate()
	if err != nil {
		t.Fatal(err)
	}
	f := &file{path: filepath.Join(t.TempDir(), "fairlead.db"), vault: v, list: &listed{}}
	f.store = storetest.OpenAt(t, f.path, v)
	f.world = worldOn(t, f.store)
	f.Erasures = f.list
	return f
}

// bytes are everything that the database has on disk.
func (f *file) bytes() []byte {
	f.Helper()
	var all []byte
	for _, p := range []string{f.path, f.path + "-wal"} {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// sealed reads every sealed value of a table's column, past the store, as a
// piece of ciphertext that nothing else has: its nonce and a little more.
func (f *file) sealed(query string, args ...any) [][]byte {
	f.Helper()
	db, err := sql.Open("sqlite", "file:"+f.path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		f.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query, args...)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	var all [][]byte
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			f.Fatal(err)
		}
		if len(b) > 40 {
			all = append(all, b[9:33], b[len(b)-20:])
		}
	}
	if len(all) == 0 {
		f.Fatalf("%s found nothing", query)
	}
	return all
}

// person is somebody with the canary in everything that can be written.
func person() *applications.Application {
	a := complete(canary)
	a.Contact = applications.Contact{Name: canary, Goes: canary, Email: canary + "@example.org", Phone: "360-555-0177"}
	a.Answers["organization"] = applications.Answer{Text: canary}
	a.Answers["sector"] = applications.Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": canary}}
	a.Answers["needs"] = applications.Answer{Text: canary}
	a.Answers["race"] = applications.Answer{Values: []string{"asian"}}
	a.Consents = append(a.Consents, applications.Consent{Key: "health"})
	a.OnBehalf = &applications.OnBehalf{Reason: "phone " + canary, ConsentNote: "agreed " + canary}
	return a
}

// everything lists all that anybody may read of the program, as one text.
func (w *world) everything() string {
	w.Helper()
	var b strings.Builder
	put := func(v any, err error) {
		if err != nil {
			fmt.Fprintln(&b, explained(err))
			return
		}
		text, err := json.Marshal(v)
		if err != nil {
			w.Fatal(err)
		}
		b.Write(text)
		b.WriteByte('\n')
	}
	page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{PageSize: 1000}, true, "look")
	put(page, err)
	for _, a := range page.Items {
		one, err := w.Application(w.ctx, w.facilitator, "leaders", a.ID, true, "look")
		put(one, err)
	}
	runs, err := w.Selections(w.ctx, w.facilitator, "leaders", applications.ListQuery{PageSize: 1000})
	put(runs, err)
	for _, sel := range runs.Items {
		put(w.SelectionResult(w.ctx, w.facilitator, "leaders", sel.ID))
		stored := w.run(sel.ID)
		b.Write(stored.Frozen)
		b.Write(stored.Record)
		put(stored, nil)
	}
	var out bytes.Buffer
	err = w.ExportApplications(w.ctx, w.facilitator, "leaders", true, "look", &out)
	put(out.String(), err)
	put(w.events(0), nil)
	err = w.Store.View(w.ctx, func(tx applications.Tx) error {
		offers, err := tx.Offers(w.ctx, applications.OfferQuery{Program: "leaders"})
		put(offers, err)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return b.String()
}

func TestEraseOnePerson(t *testing.T) {
	f := newFile(t)
	f.open()
	for range 9 {
		f.apply(nil)
	}
	staff := f.facilitator
	made, err := f.CreateApplication(f.ctx, staff, person(), true, idem(1, "a"))
	if err != nil {
		t.Fatal(explained(err))
	}
	id, code, own := made.Application.ID, made.Application.Code, f.as(made)
	old := f.sealed("SELECT body FROM applications WHERE id = ?", id)
	edited := &applications.Application{Program: "leaders", ID: id, Answers: applications.Answers{"needs": {Text: canary + " twice"}}}
	if _, err := f.UpdateApplication(f.ctx, own, edited, []string{"answers.needs"}, idem(2, "b")); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := f.ExtendApplication(f.ctx, staff, "leaders", id, f.clock.now().AddDate(0, 0, 8), "is ill "+canary, 0, idem(3, "c")); err != nil {
		t.Fatal(explained(err))
	}
	link, err := f.SignInLink(f.ctx, own, "leaders", id, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.advance(9 * 24 * time.Hour)
	if _, err := f.CloseDue(f.ctx); err != nil {
		t.Fatal(err)
	}
	locked := f.selection(func(s *applications.Selection) {
		s.Include = []applications.Lock{{Application: id, Reason: "knows us " + canary}}
	})
	trial := f.selection(func(s *applications.Selection) { s.Trial = true })
	f.finish(applications.NewRunner(f.Service, "one"))
	offers := f.prepare(applications.OfferPlan{Selection: locked.ID, Reason: "as the run proposed"})
	f.send()
	var theirs *applications.Offer
	for _, o := range offers {
		if o.Application == id {
			theirs = f.offer(o.ID)
		}
	}
	if err := f.accept(theirs); err != nil {
		t.Fatal(explained(err))
	}
	if _, err := f.DeclineOffer(f.ctx, own, "leaders", theirs.ID, "because "+canary, "", 0, idem(4, "d")); err != nil {
		t.Fatal(explained(err))
	}
	old = append(old, f.sealed("SELECT body FROM applications WHERE id = ?", id)...)
	old = append(old, f.sealed("SELECT answer FROM requests WHERE resource IN (?, ?)", id, theirs.ID)...)
	old = append(old, f.sealed("SELECT reason FROM events WHERE resource LIKE ?", "%"+id+"%")...)
	old = append(old, f.sealed("SELECT body FROM offers WHERE application = ?", id)...)
	for _, column := range []string{"frozen", "record", "body"} {
		old = append(old, f.sealed("SELECT "+column+" FROM selections")...)
	}
	if text := f.everything(); strings.Count(text, canary) < 20 {
		t.Fatalf("only %d canaries before", strings.Count(text, canary))
	}
	before := f.run(locked.ID)
	size := f.logSize()

	// Who may not.
	for name, who := range map[string]access.Principal{
		"administrator": f.admin, "facilitator": f.facilitator, "manager": f.manager, "auditor": f.auditor, "the applicant": own, "nobody": {},
		"an officer of another program": {Subject: "users/x", Grants: []access.Grant{{Role: access.PrivacyOfficer, Program: "others"}}},
	} {
		if _, err := f.EraseApplication(f.ctx, who, "leaders", id, "asked", once); applications.CodeOf(err) != applications.PermissionDenied && applications.CodeOf(err) != applications.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.EraseApplication(f.ctx, officer, "leaders", id, "  ", once); applications.ReasonOf(err) != "ERASURE_INVALID" || !slices.Equal(violations(err), []string{"reason"}) {
		t.Errorf("without a reason: %v", explained(err))
	}
	_, err = f.EraseApplication(f.ctx, officer, "leaders", f.NewID(), "asked", once)
	want(t, "an unknown one", err, "APPLICATION_NOT_FOUND")

	f.clock.advance(time.Hour)
	left, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked by phone", idem(9, "e"))
	if err != nil {
		t.Fatal(explained(err))
	}
	wantLeft := &applications.Application{
		Program: "leaders", ID: id, Code: code, State: applications.Erased, Form: 1, Offer: theirs.ID, TokenGeneration: 2, CodeGeneration: 2,
		Revision: left.Revision, CreateTime: made.Application.CreateTime, SubmitTime: made.Application.SubmitTime, UpdateTime: f.clock.now(),
	}
	if got, want := fmt.Sprintf("%+v", *f.stored(id)), fmt.Sprintf("%+v", *wantLeft); got != want || fmt.Sprintf("%+v", *left) != want {
		t.Errorf("what is left:\n%s\nwant\n%s", got, want)
	}

	// In the files, right after the call.
	disk := f.bytes()
	for i, piece := range old {
		if bytes.Contains(disk, piece) {
			t.Errorf("piece %d of %d of what was encrypted is still on disk", i, len(old))
		}
	}
	text := f.everything()
	for _, word := range []string{canary, "is ill", "knows us", "360-555-0177"} {
		if i := strings.Index(text, word); i >= 0 {
			t.Errorf("still there: …%s…", text[max(0, i-120):min(len(text), i+40)])
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line, `"asian"`) && !strings.Contains(line, `"Attributes"`) && !strings.Contains(line, `"Rules"`) {
			t.Errorf("their answer is still there: %.300s", line)
		}
	}

	// What opened it does so no more.
	_, err = f.Authenticate(f.ctx, made.Token)
	want(t, "the token", err, "TOKEN_INVALID")
	_, err = f.Resume(f.ctx, "leaders", made.ReturnCode)
	want(t, "the return code", err, "RETURN_CODE_UNKNOWN")
	_, err = f.UseSignInLink(f.ctx, link)
	want(t, "the link", err, "LINK_NOT_FOUND")
	_, err = f.SignInLink(f.ctx, f.facilitator, "leaders", id, "look", 0)
	want(t, "a new link", err, "APPLICATION_NOT_FOUND")
	for name, try := range map[string]func() error{
		"edit": func() error {
			_, err := f.UpdateApplication(f.ctx, staff, edited, []string{"answers.needs"}, once)
			return err
		},
		"submit":   func() error { _, err := f.SubmitApplication(f.ctx, staff, "leaders", id, 0, once); return err },
		"withdraw": func() error { _, err := f.WithdrawApplication(f.ctx, staff, "leaders", id, "", 0, once); return err },
		"new code": func() error { _, err := f.NewReturnCode(f.ctx, staff, "leaders", id, "lost", once); return err },
	} {
		want(t, name, try(), "APPLICATION_STATE")
	}
	// Retries of what was done with it find that it is gone, and do it not again.
	_, err = f.CreateApplication(f.ctx, staff, person(), true, idem(1, "a"))
	want(t, "the creation again", err, "ANSWER_ERASED")
	_, err = f.UpdateApplication(f.ctx, own, edited, []string{"answers.needs"}, idem(2, "b"))
	want(t, "the edit again", err, "ANSWER_ERASED")
	if n := f.program().ApplicationCount; n != 10 {
		t.Errorf("%d applications", n)
	}

	// The log: digests stay, and it verifies; what was done stands in it.
	report, err := audit.Verify(f.ctx, f.Store, nil)
	if err != nil || report.ErasedReasons < 3 {
		t.Errorf("%+v %v", report, err)
	}
	var log []string
	for _, e := range f.events(size) {
		if e.Action != "identity.read" && e.Action != "identity.export" {
			log = append(log, strings.TrimSpace(e.Action+" "+e.Detail+" "+e.Reason))
		}
	}
	if wantLog := []string{"selection.erase erased=1", "selection.erase erased=1", "application.erase SELECTED>ERASED asked by phone"}; !slices.Equal(log, append(wantLog[:0:0], wantLog...)) {
		// The trial was on the same pool and is stale now; seats were offered on
		// the other run, which stays as it is.
		wantLog = append([]string{"selection.end SUCCEEDED>STALE"}, wantLog...)
		if !slices.Equal(log, wantLog) {
			t.Errorf("the log:\n%s", strings.Join(log, "\n"))
		}
	}

	// The runs.
	runs, err := f.VerifyRuns(f.ctx)
	if err != nil || *runs != (applications.RunsReport{Runs: 2, Erased: 2, Unchecked: 2}) {
		t.Errorf("%+v %v", runs, explained(err))
	}
	after := f.run(locked.ID)
	if after.Commitment != before.Commitment || after.InputDigest != "" || after.ErasedCount != 1 || after.Include[0].Reason != "" || after.Include[0].Code != code || after.PoolSize != before.PoolSize {
		t.Errorf("the run: %+v", after)
	}
	record, err := matcher.ParseRecord(after.Record)
	if err != nil || record.Erased != 1 || record.InputDigest != before.Commitment || !slices.Contains(record.Cohort, code) || len(record.Deviation) > 0 {
		t.Errorf("the record: %+v %v", record, err)
	}
	if f.run(trial.ID).State != applications.SelectionStale {
		t.Errorf("the trial is %s", f.run(trial.ID).State)
	}
	result, err := f.SelectionResult(f.ctx, f.facilitator, "leaders", locked.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range result.Members {
		if m.Code == code && (len(m.Answers) > 0 || m.LockReason != "") {
			t.Errorf("the member: %+v", m)
		}
	}

	// Once more, and the same call again.
	again, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked again", once)
	if err != nil || fmt.Sprintf("%+v", *again) != fmt.Sprintf("%+v", *wantLeft) {
		t.Errorf("a second time: %+v %v", again, err)
	}
	same, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked by phone", idem(9, "e"))
	if err != nil || fmt.Sprintf("%+v", *same) != fmt.Sprintf("%+v", *wantLeft) {
		t.Errorf("a retry: %+v %v", same, err)
	}
	if n := len(f.list.list); n != 1 || f.list.list[0] != (applications.Erasure{Program: "leaders", Application: id, Time: wantLeft.UpdateTime}) {
		t.Errorf("the list: %+v", f.list.list)
	}
	// Somebody else can take the seat.
	f.balance(applications.Seats{Total: 4, Offered: 3, Taken: 0})
	if strings.Contains(f.log.String(), canary) {
		t.Error("the log of the program holds the canary")
	}
}

// From every state, in every order, with and without a run.
func TestEraseFromEveryState(t *testing.T) {
	for _, state := range applications.ApplicationStates() {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t)
			w.open()
			made := w.apply(func(a *applications.Application) { *a = *person(); a.OnBehalf = nil })
			a := w.stored(made.Application.ID)
			a.State = state
			must(t, w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.UpdateApplication(w.ctx, a, nil) }))
			left, err := w.EraseApplication(w.ctx, officer, "leaders", a.ID, "asked", once)
			if err != nil || left.State != applications.Erased {
				t.Fatalf("%+v %v", left, err)
			}
			if state != applications.Erased && strings.Contains(w.everything(), canary) {
				t.Error("something is left")
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(explained(err))
	}
}

// Erased while a run works on the pool, at each of its steps: the run becomes
// stale, writes nothing of the person back, and the next one goes without them.
func TestEraseDuringARun(t *testing.T) {
	for _, at := range []string{"after claimed", "before frozen", "after frozen", "before feasible", "after size", "before verified", "before stored", "after stored"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t)
			w.pool(10)
			id := w.byCode("NS-0004").ID
			sel := w.selection(nil)
			runner := applications.NewRunner(w.Service, "one")
			erased := false
			runner.Hook = func(point string) error {
				if point == at && !erased {
					erased = true
					_, err := w.EraseApplication(w.ctx, officer, "leaders", id, "asked", once)
					return err
				}
				return nil
			}
			w.finish(runner)
			if !erased {
				t.Fatal("the run has no such step")
			}
			got := w.run(sel.ID)
			wantState := applications.SelectionStale
			if at == "after claimed" || at == "before frozen" {
				wantState = applications.SelectionSucceeded
			}
			if got.State != wantState || bytes.Contains(got.Frozen, []byte("Invented 3")) {
				t.Errorf("%s: %s", at, got.State)
			}
			if wantState == applications.SelectionStale && got.ErasedCount != 1 {
				t.Errorf("%d entries erased", got.ErasedCount)
			}
			if report, err := w.VerifyRuns(w.ctx); err != nil {
				t.Errorf("%+v %v", report, explained(err))
			}
			next := w.selection(nil)
			w.finish(applications.NewRunner(w.Service, "two"))
			if got := w.run(next.ID); got.State != applications.SelectionSucceeded || got.PoolSize != 9 || got.ErasedCount != 0 {
				t.Errorf("the next run: %s of %d", got.State, got.PoolSize)
			}
		})
	}
}

// While the person edits: whichever comes first, nothing of them is left.
func TestEraseAgainstEdits(t *testing.T) {
	f := newFile(t)
	f.open()
	for n := range 5 {
		made := f.apply(func(a *applications.Application) { *a = *person(); a.OnBehalf = nil })
		own, id := f.as(made), made.Application.ID
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := range 10 {
					a := &applications.Application{Program: "leaders", ID: id, Answers: applications.Answers{"needs": {Text: fmt.Sprint(canary, i, j)}}}
					_, err := f.UpdateApplication(f.ctx, own, a, []string{"answers.needs"}, idem(1000*n+100*i+j, fmt.Sprint(j)))
					if r := applications.ReasonOf(err); err != nil && r != "APPLICATION_STATE" && r != "ANSWER_ERASED" {
						t.Errorf("edit: %v", err)
					}
				}
			})
		}
		for range 3 {
			wg.Go(func() {
				if _, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked", once); err != nil {
					t.Errorf("erase: %v", err)
				}
			})
		}
		wg.Wait()
		if a := f.stored(id); a.State != applications.Erased || len(a.Answers) > 0 {
			t.Errorf("%+v", a)
		}
	}
	if text := f.everything(); strings.Contains(text, canary) {
		t.Error("something is left")
	}
	if len(f.list.list) != 5 {
		t.Errorf("%d on the list", len(f.list.list))
	}
}

// The erasure is not acknowledged before it is on the list, and comes onto it
// by itself when the list can be written again.
func TestErasureNotListed(t *testing.T) {
	f := newFile(t)
	f.open()
	id := f.apply(nil).Application.ID
	f.list.err = errors.New("the disk is full")
	_, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked", idem(1, "x"))
	if applications.CodeOf(err) != applications.Unavailable || applications.ReasonOf(err) != "ERASURE_NOT_LISTED" {
		t.Fatal(err)
	}
	if f.stored(id).State != applications.Erased {
		t.Error("it was not erased")
	}
	if _, err := f.TendErasures(f.ctx, f.clock.now()); err == nil {
		t.Error("tending says that all is well")
	}
	f.list.err = nil
	next, err := f.TendErasures(f.ctx, f.clock.now().AddDate(1, 0, 0))
	if err != nil || len(f.list.list) != 0 && len(f.list.list) != 1 {
		t.Fatal(err)
	}
	if _, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked", idem(1, "x")); err != nil {
		t.Error(err)
	}
	if len(f.list.list) != 1 || !next.Before(f.clock.now()) {
		t.Errorf("%d on the list, next %s", len(f.list.list), next)
	}
	// What another server erased.
	f.list.list = nil
	if _, err := f.TendErasures(f.ctx, time.Time{}); err != nil || len(f.list.list) != 1 {
		t.Errorf("%d on the list, %v", len(f.list.list), err)
	}
}

// An older backup is erased again from the list, as often as one likes.
func TestReplayErasures(t *testing.T) {
	f := newFile(t)
	f.pool(8)
	sel := f.selection(nil)
	f.finish(applications.NewRunner(f.Service, "one"))
	one, two := f.byCode("NS-0002").ID, f.byCode("NS-0005").ID
	must(t, f.Store.Scrub(f.ctx))
	backup, err := os.ReadFile(f.path)
	must(t, err)
	for _, id := range []string{one, two} {
		if _, err := f.EraseApplication(f.ctx, officer, "leaders", id, "asked", once); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "fairlead.db")
	must(t, os.WriteFile(path, backup, 0o600))
	back := worldOn(t, storetest.OpenAt(t, path, f.vault))
	if back.stored(one).State == applications.Erased {
		t.Fatal("the backup is no older")
	}
	list := append(slices.Clone(f.list.list), applications.Erasure{Program: "leaders", Application: "01980000-0000-7000-8000-ffffffffffff"}, applications.Erasure{Program: "unknown", Application: one})
	for i, want := range []int{2, 0} {
		if n, err := back.ReplayErasures(back.ctx, list); n != want || err != nil {
			t.Errorf("replay %d: %d, %v", i, n, err)
		}
	}
	for _, id := range []string{one, two} {
		if a := back.stored(id); a.State != applications.Erased || a.Contact.Name != "" {
			t.Errorf("%+v", a)
		}
	}
	if got := back.run(sel.ID); got.State != applications.SelectionStale || got.ErasedCount != 2 || got.Commitment != f.run(sel.ID).Commitment {
		t.Errorf("the run: %s %d", got.State, got.ErasedCount)
	}
	if r, err := back.VerifyRuns(back.ctx); err != nil || r.Erased != 2 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := audit.Verify(back.ctx, back.Store, nil); err != nil {
		t.Error(err)
	}
	var again []applications.Erasure
	must(t, back.Store.View(back.ctx, func(tx applications.Tx) (err error) {
		again, err = tx.Erasures(back.ctx, time.Time{})
		return err
	}))
	if len(again) != 2 {
		t.Errorf("%d in the restored database", len(again))
	}
}

func TestDestroyProgram(t *testing.T) {
	f := newFile(t)
	f.pool(6)
	other, err := f.CreateProgram(f.ctx, f.admin, &applications.Program{ID: "others", Preset: "tiny", Window: applications.Window{Closes: f.clock.now().AddDate(0, 1, 0)}}, nil, once)
	must(t, err)
	old := f.sealed("SELECT body FROM applications WHERE program = 'leaders'")
	old = append(old, f.sealed("SELECT wrapped FROM data_keys WHERE program = 'leaders'")...)
	must(t, f.Store.Scrub(f.ctx))
	backup, err := os.ReadFile(f.path)
	must(t, err)

	for name, who := range map[string]access.Principal{"facilitator": f.facilitator, "officer": officer, "manager": f.manager} {
		if err := f.DestroyProgram(f.ctx, who, "leaders", "over", true); applications.CodeOf(err) != applications.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	want(t, "one that is not over", f.DestroyProgram(f.ctx, f.admin, "leaders", "over", false), "PROGRAM_STATE")
	want(t, "without a reason", f.DestroyProgram(f.ctx, f.admin, "leaders", "", true), "DESTRUCTION_INVALID")
	want(t, "an unknown one", f.DestroyProgram(f.ctx, f.admin, "nothing", "over", true), "PROGRAM_NOT_FOUND")
	must(t, f.DestroyProgram(f.ctx, f.admin, "leaders", "retention is over", true))

	_, err = f.Program(f.ctx, f.admin, "leaders")
	want(t, "the program", err, "PROGRAM_NOT_FOUND")
	if p, err := f.Program(f.ctx, f.admin, "others"); err != nil || p.Title["en"] != other.Title["en"] {
		t.Errorf("the other program: %v", err)
	}
	disk := f.bytes()
	for i, piece := range old {
		if bytes.Contains(disk, piece) {
			t.Errorf("piece %d is still on disk", i)
		}
	}
	if _, err := audit.Verify(f.ctx, f.Store, nil); err != nil {
		t.Error(err)
	}
	log := f.events(0)
	if last := log[len(log)-1]; last.Action != "program.destroy" || last.Detail != "CLOSED>" || last.Reason != "retention is over" || last.Resource != "programs/leaders" {
		t.Errorf("%+v", last)
	}
	if len(f.list.list) != 1 || f.list.list[0].Application != "" || f.list.list[0].ProgramCreated.IsZero() {
		t.Fatalf("%+v", f.list.list)
	}

	again := func(w *world) error {
		_, err := w.CreateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Preset: "tiny", Window: applications.Window{Closes: w.clock.now().AddDate(0, 1, 0)}}, nil, once)
		return err
	}
	want(t, "another program with its id", again(f.world), "PROGRAM_ID_SPENT")
	path := filepath.Join(t.TempDir(), "fairlead.db")
	must(t, os.WriteFile(path, backup, 0o600))
	back := worldOn(t, storetest.OpenAt(t, path, f.vault))
	for i, wanted := range []int{1, 0} {
		if n, err := back.ReplayErasures(back.ctx, f.list.list); n != wanted || err != nil {
			t.Errorf("replay %d: %d %v", i, n, err)
		}
	}
	_, err = back.Program(back.ctx, back.admin, "leaders")
	want(t, "the program in the backup", err, "PROGRAM_NOT_FOUND")
	want(t, "another program with its id, there", again(back), "PROGRAM_ID_SPENT")

	// A backup from before the program was made knows it after the replay; a
	// program of that id that is there all the same is another one.
	before, later := newWorld(t), newWorld(t)
	later.clock.advance(time.Hour)
	must(t, again(later))
	for name, w := range map[string]*world{"before": before, "later": later} {
		if n, err := w.ReplayErasures(w.ctx, f.list.list); n != 0 || err != nil {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	want(t, "a program with its id, before it", again(before), "PROGRAM_ID_SPENT")
	if _, err := later.Program(later.ctx, later.admin, "leaders"); err != nil {
		t.Errorf("a program that was made later: %v", err)
	}
}

// Whoever changes a frozen input or a record in the database is found out, also
// after erasures; the runs of erased people verify in whatever order they were
// erased.
func TestVerifyRuns(t *testing.T) {
	w := newWorld(t)
	w.pool(12)
	for range 3 {
		w.selection(nil)
	}
	w.finish(applications.NewRunner(w.Service, "one"))
	page, err := w.Selections(w.ctx, w.facilitator, "leaders", applications.ListQuery{})
	must(t, err)
	people, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{PageSize: 100}, false, "")
	must(t, err)
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(people.Items))
	for i, p := range order {
		if r, err := w.VerifyRuns(w.ctx); err != nil || r.Runs != 3 || r.Erased != 3*i {
			t.Fatalf("after %d erasures: %+v %v", i, r, explained(err))
		}
		sel := w.run(page.Items[i%3].ID)
		for name, change := range map[string]func(*applications.Selection){
			"another answer": func(s *applications.Selection) {
				s.Frozen = bytes.Replace(s.Frozen, []byte("clinic"), []byte("hotels"), 1)
			},
			"another seed": func(s *applications.Selection) { s.Frozen = bytes.Replace(s.Frozen, []byte("dice"), []byte("mice"), 1) },
			"a person renamed": func(s *applications.Selection) {
				s.Frozen = bytes.ReplaceAll(s.Frozen, []byte("NS-0003"), []byte("NS-9999"))
			},
			"another commitment": func(s *applications.Selection) { s.Commitment = "sha256:00"; s.InputDigest = "" },
			"fewer erased":       func(s *applications.Selection) { s.ErasedCount++ },
			"another record": func(s *applications.Selection) {
				s.Record = bytes.Replace(s.Record, []byte(`"count":1`), []byte(`"count":2`), 1)
			},
		} {
			bad := *sel
			change(&bad)
			if bytes.Equal(bad.Frozen, sel.Frozen) && bytes.Equal(bad.Record, sel.Record) && bad.Commitment == sel.Commitment && bad.ErasedCount == sel.ErasedCount {
				continue // nobody of that kind is left
			}
			must(t, w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.UpdateSelection(w.ctx, &bad) }))
			if _, err := w.VerifyRuns(w.ctx); applications.ReasonOf(err) != "RUN_BROKEN" || !strings.Contains(err.Error(), sel.ID) {
				t.Errorf("%s, after %d erasures: %v", name, i, explained(err))
			}
			sel.Revision = bad.Revision
			must(t, w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.UpdateSelection(w.ctx, sel) }))
		}
		if _, err := w.EraseApplication(w.ctx, officer, "leaders", people.Items[p].ID, "asked", once); err != nil {
			t.Fatal(explained(err))
		}
	}
	if r, err := w.VerifyRuns(w.ctx); err != nil || r.Erased != 36 || r.Unchecked != 3 {
		t.Errorf("with nobody left: %+v %v", r, explained(err))
	}
}

// Who changes a record in the database and its digest with it is found out by
// the recount: of members, counts, size, deviations and score.
func TestVerifyRunsRecounts(t *testing.T) {
	w := newWorld(t)
	c := neutral()
	c.HardCaps = map[string]int{"organization": 1}
	w.Presets["tiny"].Criteria["neutral"] = c
	w.pool(12)
	sel := w.selection(nil)
	w.finish(applications.NewRunner(w.Service, "one"))
	sel = w.run(sel.ID)
	if what := applications.VerifyRun(sel); what != "" {
		t.Fatal(what)
	}
	sealed := sel.Record
	for name, change := range map[string]func(*matcher.Record){
		"as it is":          func(*matcher.Record) {},
		"nobody":            func(r *matcher.Record) { r.Cohort = nil },
		"somebody else":     func(r *matcher.Record) { r.Cohort[0] = "NS-9999" },
		"somebody twice":    func(r *matcher.Record) { r.Cohort[0] = r.Cohort[1] },
		"one fewer":         func(r *matcher.Record) { r.Cohort, r.Size.Got = r.Cohort[1:], r.Size.Got-1 },
		"a count":           func(r *matcher.Record) { r.Rules[0].Count++ },
		"a size":            func(r *matcher.Record) { r.Size.Bound++ },
		"a deviation":       func(r *matcher.Record) { r.Deviation[0].Value++ },
		"a bound":           func(r *matcher.Record) { r.Deviation[0].Bound.Bound++ },
		"no deviation":      func(r *matcher.Record) { r.Deviation = nil },
		"a score":           func(r *matcher.Record) { r.Score.Value++ },
		"nothing was found": func(r *matcher.Record) { r.Status = matcher.Undecided },
		"a broken cap": func(r *matcher.Record) {
			o := r.Outcome
			in := r.Certificate.Input
			for _, p := range in.People { // whom only the cap keeps out
				for i := range o.Cohort {
					swapped := slices.Clone(o.Cohort)
					swapped[i] = p.ID
					slices.Sort(swapped)
					without := in.Criteria
					without.Caps = nil
					r.Cohort = swapped
					if selection.Recount(in.People, without, &r.Outcome) == nil && selection.Recount(in.People, in.Criteria, &r.Outcome) != nil {
						return
					}
				}
			}
			t.Error("no group breaks the cap alone")
		},
	} {
		r, err := matcher.ParseRecord(sealed)
		must(t, err)
		change(r)
		r.Seal()
		sel.Record = r.AppendJSON(nil)
		if what := applications.VerifyRun(sel); (what == "") != (name == "as it is") {
			t.Errorf("%s: %q", name, what)
		}
	}
}

// A run that an earlier version froze has no salts; it gets them when the first
// person is erased from it, and a broken one stays visibly broken.
func TestEraseFromAnOldRun(t *testing.T) {
	w := newWorld(t)
	w.pool(8)
	var runs []*applications.Selection
	for i := range 2 {
		sel := w.selection(nil)
		w.finish(applications.NewRunner(w.Service, fmt.Sprint(i)))
		sel = w.run(sel.ID)
		var parts map[string]json.RawMessage
		must(t, json.Unmarshal(sel.Frozen, &parts))
		delete(parts, "Salts")
		old := map[string]json.RawMessage{"People": parts["People"], "Criteria": parts["Criteria"], "Seed": parts["Seed"]}
		var err error
		sel.Frozen, err = json.Marshal(old)
		must(t, err)
		if i == 1 {
			sel.Frozen = bytes.Replace(sel.Frozen, []byte("clinic"), []byte("hotels"), 1)
		}
		sel.Commitment = ""
		must(t, w.Store.Update(w.ctx, func(tx applications.Tx) error { return tx.UpdateSelection(w.ctx, sel) }))
		runs = append(runs, sel)
	}
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", w.byCode("NS-0001").ID, "asked", once); err != nil {
		t.Fatal(err)
	}
	if got := w.run(runs[0].ID); got.Commitment == "" || got.ErasedCount != 1 || applications.VerifyRun(got) != "" {
		t.Errorf("%+v: %s", got, applications.VerifyRun(got))
	}
	if got := w.run(runs[1].ID); got.ErasedCount != 1 || applications.VerifyRun(got) == "" {
		t.Error("the broken run looks right")
	}
	if _, err := w.EraseApplication(w.ctx, officer, "leaders", w.byCode("NS-0002").ID, "asked", once); err != nil {
		t.Fatal(err)
	}
	if got := w.run(runs[0].ID); got.ErasedCount != 2 || applications.VerifyRun(got) != "" {
		t.Errorf("%s", applications.VerifyRun(got))
	}
}
