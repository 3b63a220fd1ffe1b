package storetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/mentoring"
)

// RunKeys checks what changing keys promises, on databases that open names:
// a path or a URL, empty, each time another. read runs a query on one of them
// behind the store's back and returns the first column.
func RunKeys(t *testing.T, open func(testing.TB) string, read func(t testing.TB, database, query string) [][]byte) {
	for _, c := range []struct {
		name string
		run  func(*keyCase)
	}{
		{"a rotated data key: all reads as before, nothing is left under the old one", rotatedDataKey},
		{"a rotation that is cut off goes on where it was", interruptedRotation},
		{"data keys are rotated while others write", rotationUnderWrites},
		{"who still seals with the old key is waited for", slowWriter},
		{"a new master key: all reads as before, tokens last, other processes follow", rotatedMaster},
		{"a master key is changed while others write", masterUnderWrites},
		{"a change of the master key that fails changes nothing", failedMaster},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := &keyCase{T: t, database: open(t), keyFile: filepath.Join(t.TempDir(), "keys", "master.key"), read: read}
			k.vault = k.load(true)
			k.store = OpenAt(t, k.database, k.vault)
			c.run(k)
		})
	}
}

type keyCase struct {
	*testing.T
	database, keyFile string
	read              func(t testing.TB, database, query string) [][]byte
	vault             *vault.Vault
	store             *sqlstore.Store
}

func (k *keyCase) load(make bool) *vault.Vault {
	k.Helper()
	v, _, err := vault.LoadOrCreate(k.keyFile, make)
	must(k, err)
	return v
}

// another is what another process has: the database with the key file as it is
// now.
func (k *keyCase) another() *sqlstore.Store { return OpenAt(k, k.database, k.load(false)) }

// contents is everything in the store, as one text.
func contents(t testing.TB, s applications.Store) string {
	t.Helper()
	var b strings.Builder
	ctx := context.Background()
	must(t, s.View(ctx, func(tx applications.Tx) error {
		b.Reset()
		put := func(v any, err error) {
			if err != nil {
				fmt.Fprintln(&b, "error:", err)
				return
			}
			text, err := json.Marshal(v)
			must(t, err)
			b.Write(text)
			b.WriteByte('\n')
		}
		programs, err := tx.Programs(ctx, nil, "", 0)
		if err != nil {
			return err
		}
		put(programs, nil)
		for _, p := range programs {
			put(tx.Form(ctx, p.ID, 1))
			put(tx.CriteriaVersions(ctx, p.ID))
			put(tx.Policies(ctx, p.ID))
			put(tx.Applications(ctx, applications.ApplicationQuery{Program: p.ID}))
			put(tx.Offers(ctx, applications.OfferQuery{Program: p.ID}))
			put(tx.Selections(ctx, p.ID, "", 0))
			put(tx.Request(ctx, p.ID, "CreateApplication", "request"))
			put(pairTx(tx).Plan(ctx, p.ID))
			put(pairTx(tx).Enrollments(ctx, mentoring.EnrollmentQuery{Program: p.ID}))
			put(pairTx(tx).Directives(ctx, mentoring.DirectiveQuery{Program: p.ID}))
			put(pairTx(tx).Matching(ctx, p.ID, "matching"))
			put(pairTx(tx).Proposals(ctx, mentoring.ProposalQuery{Program: p.ID}))
			put(pairTx(tx).Mentorships(ctx, mentoring.MentorshipQuery{Program: p.ID}))
		}
		put(tx.Users(ctx, "", 0))
		put(tx.Tokens(ctx, "", 0))
		put(tx.Request(ctx, "", "CreateProgram", "request"))
		events, err := tx.Events(ctx, 0, 0)
		events = slices.DeleteFunc(events, func(e applications.Event) bool { return strings.HasPrefix(e.Action, "keys.") })
		put(events, err)
		return nil
	}))
	return b.String()
}

func (k *keyCase) fill() string {
	k.Helper()
	fillStore(k, k.store)
	text := contents(k, k.store)
	if strings.Count(text, canary) < 50 || strings.Contains(text, "error:") {
		k.Fatalf("%d canaries in\n%s", strings.Count(text, canary), text)
	}
	return text
}

func keyEvent(action string) applications.Event {
	return applications.Event{Time: start, Actor: "system", Action: action, Resource: "installation"}
}

// key is the current key of a program; there has to be no other.
func (k *keyCase) key(program string) string {
	k.Helper()
	id := ""
	keys, err := k.store.DataKeys(k.Context())
	must(k, err)
	for _, key := range keys {
		if key.Program != program {
			continue
		}
		if !key.Current || id != "" {
			k.Errorf("%s has the key %+v too", program, key)
		}
		id = key.ID
	}
	return id
}

// sealedQueries select every sealed value of the database.
var sealedQueries = []string{
	"SELECT body FROM programs", "SELECT body FROM forms", "SELECT stamp FROM forms", "SELECT body FROM criteria", "SELECT body FROM policies",
	"SELECT body FROM applications", "SELECT body FROM offers", "SELECT body FROM selections", "SELECT frozen FROM selections", "SELECT record FROM selections",
	"SELECT body FROM mentoring_plans", "SELECT body FROM enrollments", "SELECT body FROM directives", "SELECT body FROM matchings", "SELECT frozen FROM matchings",
	"SELECT record FROM matchings", "SELECT body FROM proposals", "SELECT body FROM mentorships",
	"SELECT body FROM networks", "SELECT body FROM network_members", "SELECT body FROM network_rounds",
	"SELECT frozen FROM network_rounds", "SELECT record FROM network_rounds", "SELECT body FROM introductions",
	"SELECT body FROM users", "SELECT body FROM tokens", "SELECT answer FROM requests", "SELECT reason FROM events",
}

// under counts the values that each key seals.
func (k *keyCase) under() map[string]int {
	k.Helper()
	n := map[string]int{}
	for _, q := range sealedQueries {
		for _, value := range k.read(k, k.database, q) {
			if len(value) > 9 {
				n[hex.EncodeToString(value[1:9])]++
			}
		}
	}
	return n
}

func rotatedDataKey(k *keyCase) {
	before := k.fill()
	revisions := k.read(k, k.database, "SELECT revision FROM applications WHERE program = 'p1' ORDER BY id")
	for _, program := range []string{"p1", ""} {
		old, all := k.key(program), k.under()
		otherBefore := all[k.key("p2")]
		must(k, k.store.RotateDataKey(k.Context(), program, keyEvent("keys.rotate")))
		if got := contents(k, k.store); got != before {
			k.Errorf("after the new key of %q the store reads\n%s", program, got)
		}
		if _, err := k.store.RetireDataKeys(k.Context(), program, keyEvent("keys.retire")); applications.ReasonOf(err) != "DATA_KEY_IN_USE" {
			k.Errorf("a key in use: %v", err)
		}
		told := 0
		n, err := k.store.Reencrypt(k.Context(), program, 1, func(table string, done int) { told = done })
		if err != nil || n == 0 || told != n {
			k.Fatalf("%d values, told of %d, %v", n, told, err)
		}
		if destroyed, err := k.store.RetireDataKeys(k.Context(), program, keyEvent("keys.retire")); destroyed != 1 || err != nil {
			k.Fatalf("%d keys destroyed, %v", destroyed, err)
		}
		after := k.under()
		if now := k.key(program); now == old || after[old] != 0 || after[now] < n || after[k.key("p2")] != otherBefore {
			k.Errorf("%q: key %s, then %s; values before %v, after %v", program, old, now, all, after)
		}
		if got := contents(k, k.store); got != before {
			k.Errorf("after encrypting %q anew the store reads\n%s", program, got)
		}
	}
	if got := contents(k, k.another()); got != before {
		k.Errorf("another process reads\n%s", got)
	}
	if got := k.read(k, k.database, "SELECT revision FROM applications WHERE program = 'p1' ORDER BY id"); !slices.EqualFunc(got, revisions, bytes.Equal) {
		k.Errorf("the revisions changed: %s", got)
	}
	_, err := audit.Verify(k.Context(), k.store, nil)
	must(k, err)
	err = k.store.RotateDataKey(k.Context(), "p9", keyEvent("keys.rotate"))
	if applications.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
		k.Errorf("an unknown program: %v", err)
	}
}

func interruptedRotation(k *keyCase) {
	before := k.fill()
	old := k.key("p1")
	must(k, k.store.RotateDataKey(k.Context(), "p1", keyEvent("keys.rotate")))
	total := 0
	for stops := 1; ; stops++ {
		ctx, cancel := context.WithCancel(k.Context())
		n, err := k.store.Reencrypt(ctx, "p1", 1, func(string, int) { cancel() })
		cancel()
		total += n
		if got := contents(k, k.store); got != before {
			k.Fatalf("cut off %d times, the store reads\n%s", stops, got)
		}
		if err == nil {
			break
		}
		if applications.CodeOf(err) != applications.Canceled && !errors.Is(err, context.Canceled) {
			k.Fatal(err)
		}
		if stops == 5 { // another key before the first is through
			must(k, k.store.RotateDataKey(k.Context(), "p1", keyEvent("keys.rotate")))
		}
	}
	if n, err := k.store.RetireDataKeys(k.Context(), "p1", keyEvent("keys.retire")); n != 2 || err != nil {
		k.Errorf("%d keys destroyed, %v", n, err)
	}
	if after := k.under(); after[old] != 0 || total < after[k.key("p1")] {
		k.Errorf("%v under the keys, %d values done", after, total)
	}
	if got := contents(k, k.another()); got != before {
		k.Errorf("another process reads\n%s", got)
	}
}

// rounds is how often things are repeated; a soak repeats them more often.
func rounds(few, many int) int {
	if os.Getenv("FAIRLEAD_SOAK") != "" {
		return many
	}
	return few
}

// writers change applications of p1 until stopped, and count what was
// acknowledged; each writer has its own.
func (k *keyCase) writers(store applications.Store, name string, n int) (stop func() map[string]int) {
	k.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := map[string]int{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i := range n {
		id := fmt.Sprintf("%s-%d", name, i)
		begin := func() error {
			return store.Update(ctx, func(tx applications.Tx) error {
				a := exampleApplication("p1", id, 0)
				a.Code = strings.ToUpper(id)
				return tx.InsertApplication(ctx, a, nil)
			})
		}
		err := begin()
		for applications.ReasonOf(err) == "DATABASE_BUSY" {
			err = begin()
		}
		must(k, err)
		wg.Go(func() {
			for ctx.Err() == nil {
				err := store.Update(context.Background(), func(tx applications.Tx) error {
					a, err := tx.Application(ctx, "p1", id)
					if err != nil {
						return err
					}
					a.Form++
					if err := tx.UpdateApplication(ctx, a, nil); err != nil {
						return err
					}
					return tx.AppendEvents(ctx, applications.Event{Time: start, Actor: "users/1", Action: "test", Resource: "programs/p1/applications/" + id, Reason: canary})
				})
				if errors.Is(err, context.Canceled) || applications.CodeOf(err) == applications.Canceled {
					return
				}
				switch {
				case err == nil:
					mu.Lock()
					done[id]++
					mu.Unlock()
				case applications.ReasonOf(err) != "DATABASE_BUSY": // another process was faster
					k.Errorf("%s: %v", id, err)
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
		})
	}
	return func() map[string]int {
		cancel()
		wg.Wait()
		return done
	}
}

// written checks that every acknowledged change is there.
func (k *keyCase) written(done map[string]int) {
	k.Helper()
	total := 0
	must(k, k.store.View(k.Context(), func(tx applications.Tx) error {
		for id, n := range done {
			a, err := tx.Application(k.Context(), "p1", id)
			if err != nil {
				return err
			}
			if a.Form < 1+n || a.Form > 2+n || a.Contact.Name == "" { // one more may not have been acknowledged
				k.Errorf("%s was changed %d times, and reads %d", id, n, a.Form-1)
			}
			total += n
		}
		return nil
	}))
	if total < len(done) {
		k.Errorf("only %d changes: the test proves nothing", total)
	}
	report, err := audit.Verify(k.Context(), k.store, nil)
	if err != nil || report.ErasedReasons != 0 {
		k.Errorf("%+v %v", report, err)
	}
}

func rotationUnderWrites(k *keyCase) {
	k.fill()
	other := k.another()
	stopOne, stopTwo := k.writers(k.store, "one", 3), k.writers(other, "two", 2)
	for round := range rounds(3, 12) {
		// Each round seals again whatever was written until then, and more is written
		// meanwhile: by fives the writers outrun it, and thirty rounds take for ever.
		batch := 5
		if round >= 3 {
			batch = 500
		}
		must(k, k.store.RotateDataKey(k.Context(), "p1", keyEvent("keys.rotate")))
		for {
			_, err := k.store.Reencrypt(k.Context(), "p1", batch, nil)
			must(k, err)
			n, err := k.store.RetireDataKeys(k.Context(), "p1", keyEvent("keys.retire"))
			if applications.ReasonOf(err) == "DATA_KEY_IN_USE" {
				continue
			}
			if err != nil || n != 1 {
				k.Fatalf("%d keys destroyed, %v", n, err)
			}
			break
		}
	}
	done := stopOne()
	for id, n := range stopTwo() {
		done[id] = n
	}
	k.written(done)
	k.key("p1")
	if text := contents(k, k.another()); strings.Contains(text, "error:") {
		k.Errorf("another process reads\n%s", text)
	}
}

// A writer that took the key before it was replaced, and is slow: its value
// must not come under a key that is gone.
func slowWriter(k *keyCase) {
	k.fill()
	sealing, release := make(chan struct{}), make(chan struct{})
	written := make(chan error, 1)
	var once sync.Once
	go func() {
		written <- k.another().Update(context.Background(), func(tx applications.Tx) error {
			a := exampleApplication("p1", "slow", 77)
			if err := tx.InsertApplication(context.Background(), a, nil); err != nil {
				return err
			}
			once.Do(func() { close(sealing) })
			<-release
			return nil
		})
	}()
	<-sealing
	rotated := make(chan error, 1)
	go func() {
		err := k.store.RotateDataKey(context.Background(), "p1", keyEvent("keys.rotate"))
		for err == nil {
			if _, err = k.store.Reencrypt(context.Background(), "p1", 100, nil); err == nil {
				if _, err = k.store.RetireDataKeys(context.Background(), "p1", keyEvent("keys.retire")); err == nil {
					break
				}
				if applications.ReasonOf(err) == "DATA_KEY_IN_USE" {
					err = nil
				}
			}
		}
		rotated <- err
	}()
	select {
	case err := <-rotated:
		close(release)
		<-written
		k.Fatalf("the old key was destroyed under a transaction that seals with it: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	close(release)
	must(k, <-written)
	must(k, <-rotated)
	must(k, k.another().View(k.Context(), func(tx applications.Tx) error {
		a, err := tx.Application(k.Context(), "p1", "slow")
		if err == nil && !strings.Contains(a.Contact.Name, canary) {
			k.Errorf("%+v", a)
		}
		return err
	}))
	k.key("p1")
}

func all(vault.Label) bool { return true }

func rotatedMaster(k *keyCase) {
	before := k.fill()
	running, late := k.another(), k.another()
	old := k.load(false)
	lasting := map[string][]byte{}
	for _, l := range vault.Labels {
		lasting[l.Name] = old.MAC(l.Name, []byte("x"))
	}
	for round := range 2 {
		next, _, err := vault.Next(k.keyFile)
		must(k, err)
		must(k, k.store.RotateMaster(k.Context(), next, all, keyEvent("keys.rotate_master")))
		// Here a crash would leave the files as they were: the first who opens
		// or writes puts them right.
		if round == 0 {
			must(k, vault.Promote(k.keyFile, next.KeyID()))
		}
		for name, s := range map[string]*sqlstore.Store{"the store": k.store, "another": k.another(), "a running one": running} {
			must(k, s.Ping(k.Context()))
			if got := contents(k, s); got != before {
				k.Errorf("%s reads\n%s", name, got)
			}
			must(k, s.Update(k.Context(), func(tx applications.Tx) error {
				return tx.AppendEvents(k.Context(), keyEvent("keys.test"))
			}))
		}
		// One that did nothing meanwhile makes a program: its key has to be
		// wrapped by the new master key.
		id := fmt.Sprint("late", round)
		must(k, late.Update(k.Context(), func(tx applications.Tx) error {
			if err := tx.InsertProgram(k.Context(), exampleProgram(id)); err != nil {
				return err
			}
			return tx.AppendEvents(k.Context(), keyEvent("keys.test"))
		}))
		must(k, k.another().View(k.Context(), func(tx applications.Tx) error { _, err := tx.Program(k.Context(), id); return err }))
		before = contents(k, k.store)
		now := k.load(false)
		OpenAt(k, k.database, now)
		for _, l := range vault.Labels {
			if same := bytes.Equal(now.MAC(l.Name, []byte("x")), lasting[l.Name]); same != l.Lasting {
				k.Errorf("round %d: the key of %s is the same: %v, want %v", round, l.Name, same, l.Lasting)
			}
		}
		if now.KeyID() != next.KeyID() {
			k.Errorf("the file holds %s, the database wants %s", now.KeyID(), next.KeyID())
		}
		if round == 0 {
			must(k, os.Remove(vault.OldPath(k.keyFile)))
		}
	}
	// The old key opens nothing.
	first := filepath.Join(k.TempDir(), "first.key")
	must(k, os.WriteFile(first, old.FileText(), 0o600))
	v, err := vault.Load(first)
	must(k, err)
	if _, err := sqlstore.Open(k.Context(), sqlstore.Options{Database: k.database, Vault: v}); applications.ReasonOf(err) != "MASTER_KEY_MISMATCH" {
		k.Errorf("with the first key: %v", err)
	}
	_, err = audit.Verify(k.Context(), k.store, nil)
	must(k, err)
	// A server elsewhere, whose file is still the old one, says so and damages
	// nothing.
	elsewhere := filepath.Join(k.TempDir(), "elsewhere.key")
	must(k, os.WriteFile(elsewhere, k.load(false).FileText(), 0o600))
	v, err = vault.Load(elsewhere)
	must(k, err)
	far := OpenAt(k, k.database, v)
	next, _, err := vault.Next(k.keyFile)
	must(k, err)
	must(k, k.store.RotateMaster(k.Context(), next, all, keyEvent("keys.rotate_master")))
	write := func() error {
		return far.Update(k.Context(), func(tx applications.Tx) error { return tx.AppendEvents(k.Context(), keyEvent("keys.test")) })
	}
	for _, err := range []error{far.Ping(k.Context()), write()} {
		if applications.CodeOf(err) != applications.Unavailable || applications.ReasonOf(err) != "MASTER_KEY_CHANGED" {
			k.Errorf("a server without the new key: %v", err)
		}
	}
	// Reading, too: tokens that ended with the old key would be good there.
	look := func(s *sqlstore.Store) error {
		return s.View(k.Context(), func(tx applications.Tx) error { _, err := tx.Program(k.Context(), "late0"); return err })
	}
	if err := look(far); applications.ReasonOf(err) != "MASTER_KEY_CHANGED" {
		k.Errorf("a server without the new key reads: %v", err)
	}
	must(k, os.WriteFile(elsewhere, next.FileText(), 0o600))
	must(k, look(far))
	must(k, write())
	must(k, far.Ping(k.Context()))

	// One that never writes goes over all the same.
	if err := vault.Promote(k.keyFile, next.KeyID()); err != nil && k.load(false).KeyID() != next.KeyID() {
		k.Fatal(err)
	}
	v = k.load(false)
	reader := OpenAt(k, k.database, v)
	must(k, os.RemoveAll(vault.OldPath(k.keyFile)))
	next, _, err = vault.Next(k.keyFile)
	must(k, err)
	must(k, k.store.RotateMaster(k.Context(), next, all, keyEvent("keys.rotate_master")))
	must(k, look(reader))
	must(k, reader.CheckKey(k.Context()))
	if v.KeyID() != next.KeyID() {
		k.Errorf("a store that only reads has the key %s, want %s", v.KeyID(), next.KeyID())
	}
	must(k, look(reader))
}

func masterUnderWrites(k *keyCase) {
	k.fill()
	other := k.another()
	stopOne, stopTwo := k.writers(k.store, "one", 2), k.writers(other, "two", 2)
	for range rounds(3, 20) {
		next, _, err := vault.Next(k.keyFile)
		must(k, err)
		must(k, k.store.RotateMaster(k.Context(), next, all, keyEvent("keys.rotate_master")))
		if err := vault.Promote(k.keyFile, next.KeyID()); err != nil && k.load(false).KeyID() != next.KeyID() {
			k.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	done := stopOne()
	for id, n := range stopTwo() {
		done[id] = n
	}
	k.written(done)
	if text := contents(k, k.another()); strings.Contains(text, "error:") {
		k.Errorf("another process reads\n%s", text)
	}
}

func failedMaster(k *keyCase) {
	before := k.fill()
	next, _, err := vault.Next(k.keyFile)
	must(k, err)
	ctx, cancel := context.WithCancel(k.Context())
	err = k.store.RotateMaster(ctx, next, func(l vault.Label) bool { cancel(); return true }, keyEvent("keys.rotate_master"))
	if applications.CodeOf(err) != applications.Canceled {
		k.Fatal(err)
	}
	for _, s := range []*sqlstore.Store{k.store, k.another()} {
		if got := contents(k, s); got != before {
			k.Errorf("the store reads\n%s", got)
		}
		must(k, s.Update(k.Context(), func(tx applications.Tx) error {
			return tx.AppendEvents(k.Context(), keyEvent("keys.test"))
		}))
	}
	if k.vault.KeyID() == next.KeyID() || k.load(false).KeyID() == next.KeyID() {
		k.Error("the key changed")
	}
}
