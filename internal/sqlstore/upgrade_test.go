package sqlstore_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/pgtest"
	"github.com/openfairlead/fairlead/internal/sqlstore"
	"github.com/openfairlead/fairlead/internal/sqlstore/storetest"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/mentoring"
)

// fixtures lists the schemas that have landed: testdata/schemas/make.sh makes
// a database of each with the code that made the schema.
func fixtures(t testing.TB) (schemas []int) {
	t.Helper()
	found, err := filepath.Glob("testdata/schemas/*.db.gz")
	if err != nil || len(found) == 0 {
		t.Fatalf("%d fixtures, %v", len(found), err)
	}
	for _, f := range found {
		n, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(f), ".db.gz"))
		if err != nil {
			t.Fatal(err)
		}
		schemas = append(schemas, n)
	}
	return schemas
}

// eachBackend runs a test on a database file and on a copy of it in
// PostgreSQL.
func eachBackend(t *testing.T, make func(t *testing.T) (database, keyFile string, v *vault.Vault), test func(t *testing.T, database, keyFile string, v *vault.Vault)) {
	t.Run("SQLite", func(t *testing.T) {
		database, keyFile, v := make(t)
		test(t, database, keyFile, v)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		file, keyFile, v := make(t)
		url := pgtest.Start(t).Database(t)
		sn := openSnapshot(t, sqlstore.SnapshotOptions{Database: file, Vault: v})
		if _, err := sn.CopyTo(t.Context(), url, nil); err != nil {
			t.Fatal(err)
		}
		sn.Close()
		test(t, url, keyFile, v)
	})
}

// What the code of every landed schema has written is read by this code, and
// the same, on both databases.
func TestUpgradeKeepsEverything(t *testing.T) {
	for _, schema := range fixtures(t) {
		t.Run(fmt.Sprint("schema ", schema), func(t *testing.T) {
			eachBackend(t, func(t *testing.T) (string, string, *vault.Vault) { return storetest.Earlier(t, schema) }, func(t *testing.T, database, _ string, v *vault.Vault) {
				upgradeOne(t, schema, database, v)
			})
		})
	}
}

func upgradeOne(t *testing.T, schema int, database string, v *vault.Vault) {
	ctx := t.Context()
	_, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v, NoMigration: true})
	if applications.ReasonOf(err) != "DATABASE_OLDER" {
		t.Fatalf("before the upgrade: %v", err)
	}
	before := openSnapshot(t, sqlstore.SnapshotOptions{Database: database, Vault: v})
	inv, err := before.Inventory(ctx, nil)
	if err != nil || inv.Schema != schema {
		t.Fatalf("%+v, %v", inv, err)
	}
	if _, err := before.VerifyAudit(ctx); err != nil {
		t.Fatal(err)
	}
	before.Close()
	s, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := os.ReadFile(filepath.Join("testdata", "schemas", strconv.Itoa(schema)+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	err = s.View(ctx, func(tx applications.Tx) error {
		if size, root, err := tx.AuditHead(ctx); err != nil || size != inv.AuditSize || len(root) == 0 {
			t.Errorf("the log has %d records, %v", size, err)
		}
		for name, text := range want {
			what, program, _ := strings.Cut(name, " ")
			var now any
			var err error
			switch what {
			case "programs":
				now, err = tx.Programs(ctx, nil, "", 0)
			case "form":
				now, err = tx.Form(ctx, program, 1)
			case "criteria":
				now, err = tx.CriteriaVersions(ctx, program)
			case "policies":
				now, err = tx.Policies(ctx, program)
			case "applications":
				now, err = tx.Applications(ctx, applications.ApplicationQuery{Program: program})
			case "selection":
				now, err = tx.Selection(ctx, program, "s1")
			case "offers":
				now, err = tx.Offers(ctx, applications.OfferQuery{Program: program})
			case "seats":
				now, err = tx.Seats(ctx, program)
			case "request":
				now, err = tx.Request(ctx, program, "CreateApplication", "11111111-1111-4111-8111-111111111111")
			case "users":
				now, err = tx.Users(ctx, "", 0)
			case "tokens":
				now, err = tx.Tokens(ctx, "", 0)
			case "link":
				now, err = tx.PeekLink(ctx, linkHash(text), time.Date(2027, 3, 1, 17, 30, 0, 0, time.UTC))
			case "erasures":
				now, err = tx.Erasures(ctx, time.Time{})
			case "events":
				now, err = tx.Events(ctx, 0, 0)
			case "plan":
				now, err = tx.(mentoring.Tx).Plan(ctx, program)
			case "enrollments":
				now, err = tx.(mentoring.Tx).Enrollments(ctx, mentoring.EnrollmentQuery{Program: program})
			case "places":
				now, err = tx.(mentoring.Tx).AllPlaces(ctx, program)
			case "directives":
				now, err = tx.(mentoring.Tx).Directives(ctx, mentoring.DirectiveQuery{Program: program})
			case "matching":
				now, err = tx.(mentoring.Tx).Matching(ctx, program, "matching")
			case "proposals":
				now, err = tx.(mentoring.Tx).Proposals(ctx, mentoring.ProposalQuery{Program: program})
			case "mentorships":
				now, err = tx.(mentoring.Tx).Mentorships(ctx, mentoring.MentorshipQuery{Program: program})
			default:
				t.Errorf("the fixture has %s, which this test does not read", name)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			again, err := json.Marshal(now)
			if err != nil {
				return err
			}
			var a, b any
			if err := errors.Join(json.Unmarshal(text, &a), json.Unmarshal(again, &b)); err != nil {
				return err
			}
			if diff := lost(name, a, b); diff != "" {
				t.Error(diff)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx applications.Tx) error {
		return tx.AppendEvents(ctx, applications.Event{Time: time.Now(), Action: "test"})
	}); err != nil {
		t.Error(err)
	}
	if report, err := audit.Verify(ctx, s, nil); err != nil || report.Size != inv.AuditSize+1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func linkHash(text []byte) []byte {
	var l applications.Link
	_ = json.Unmarshal(text, &l) // a wrong one is not found
	return l.Hash
}

// lost says what of an older value is not the same in a newer one, which may
// have fields more.
func lost(at string, was, is any) string {
	switch was := was.(type) {
	case map[string]any:
		is, ok := is.(map[string]any)
		if !ok {
			return at + " is gone"
		}
		for k, v := range was {
			if diff := lost(at+"."+k, v, is[k]); diff != "" {
				return diff
			}
		}
		return ""
	case []any:
		is, ok := is.([]any)
		if !ok || len(is) != len(was) {
			return fmt.Sprintf("%s has %d items, and had %d", at, len(is), len(was))
		}
		for i, v := range was {
			if diff := lost(fmt.Sprintf("%s[%d]", at, i), v, is[i]); diff != "" {
				return diff
			}
		}
		return ""
	default:
		if diff := cmp.Diff(was, is); diff != "" {
			return at + ":\n" + diff
		}
		return ""
	}
}

// An older program, which knows fewer steps, does not open what a newer one
// has written, and does not back it up.
func TestOlderProgramIsRefused(t *testing.T) {
	t.Parallel()
	v := newVault(t)
	for _, database := range []string{filepath.Join(t.TempDir(), "fairlead.db"), pgtest.Start(t).Database(t)} {
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: database, Vault: v})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		// A step more than this program knows is what it looks like to an older one.
		db := raw(t, database)
		if _, err := db.Exec(`INSERT INTO migrations (version, name, checksum, create_time) SELECT max(version) + 1, 'later', 'x', 0 FROM migrations`); err != nil {
			t.Fatal(err)
		}
		db.Close()
		for _, no := range []bool{false, true} {
			if _, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: database, Vault: v, NoMigration: no}); applications.ReasonOf(err) != "DATABASE_NEWER" {
				t.Errorf("%s: %v", sqlstore.Describe(database), err)
			}
		}
		if _, err := sqlstore.OpenSnapshot(t.Context(), sqlstore.SnapshotOptions{Database: database, Vault: v}); applications.ReasonOf(err) != "DATABASE_NEWER" {
			t.Errorf("%s: a backup: %v", sqlstore.Describe(database), err)
		}
	}
}

func raw(t testing.TB, database string) *sql.DB {
	t.Helper()
	db, err := rawDB(database)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// rawDB opens a database as the first landed version did.
func rawDB(database string) (*sql.DB, error) {
	driver, name := "sqlite", "file:"+database+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	if sqlstore.IsPostgres(database) {
		driver, name = "pgx", database
	}
	db, err := sql.Open(driver, name)
	if err == nil && driver == "sqlite" {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// While an upgrade runs over many rows, processes of the version before go on
// submitting. Each submission is refused or there in the end, whole; the log
// verifies.
func TestUpgradeWhileWriting(t *testing.T) {
	schemas, applicants := fixtures(t), 100_000
	if os.Getenv("FAIRLEAD_SOAK") != "1" {
		schemas, applicants = schemas[len(schemas)-1:], 500
	}
	for _, schema := range schemas {
		t.Run(fmt.Sprint("schema ", schema), func(t *testing.T) { upgradeWhileWriting(t, schema, applicants) })
	}
}

func upgradeWhileWriting(t *testing.T, schema, applicants int) {
	make := func(t *testing.T) (string, string, *vault.Vault) {
		database, keyFile, v := storetest.Earlier(t, schema)
		o, err := openOld(database, v, schema)
		if err != nil {
			t.Fatal(err)
		}
		defer o.db.Close()
		for done := 0; done < applicants; done += 1000 {
			if err := o.submit(t.Context(), "many", done, min(1000, applicants-done)); err != nil {
				t.Fatal(err)
			}
		}
		return database, keyFile, v
	}
	eachBackend(t, make, func(t *testing.T, database, keyFile string, v *vault.Vault) {
		child := startOld(t, schema, database, keyFile)
		child.wait(t, 20)
		start := time.Now()
		s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: database, Vault: v, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		took := time.Since(start)
		child.wait(t, 20) // more
		acknowledged, refused := child.kill()
		report, err := audit.Verify(t.Context(), s, nil)
		if err != nil {
			t.Fatal(err)
		}
		there, offered, erased, fromFixture := map[string]bool{}, map[string]bool{}, map[string]bool{}, 0
		err = s.View(t.Context(), func(tx applications.Tx) error {
			list, err := tx.Applications(t.Context(), applications.ApplicationQuery{Program: "p1"})
			for _, a := range list {
				there[a.ID] = a.Contact.Name == "Invented "+a.ID
				if len(a.ID) == 2 { // a0 … a4
					fromFixture++
				}
			}
			if err != nil {
				return err
			}
			offers, err := tx.Offers(t.Context(), applications.OfferQuery{Program: "p1"})
			if err != nil {
				return err
			}
			for _, o := range offers {
				offered[o.Application] = o.Code == "Invented "+o.Application
			}
			erasures, err := tx.Erasures(t.Context(), time.Time{})
			for _, e := range erasures {
				erased[e.Application] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for _, id := range acknowledged {
			if !there[id] || schema > 1 && !offered[id] || schema > 2 && !erased["gone-"+id] {
				lost++
			}
		}
		if lost > 0 || len(there) < applicants+len(acknowledged)+fromFixture {
			t.Errorf("%d of %d acknowledged submissions are lost; %d there", lost, len(acknowledged), len(there))
		}
		if int(report.Size) != len(there)+fromFixture { // p2 has as many
			t.Errorf("%d applications, %d events", len(there), report.Size)
		}
		t.Logf("figure: upgrade from schema %d, %d applications, beside a writing process of that version: %v; %d acknowledged, %d refused, 0 lost", schema, applicants, took.Round(time.Millisecond), len(acknowledged), refused)
	})
}

// An upgrade waits for a process that holds the file for longer than SQLite
// would wait, and says so in the log; it ends at once when it is told to.
func TestUpgradeWaitsForWriter(t *testing.T) {
	t.Parallel()
	schemas := fixtures(t)
	database, _, v := storetest.Earlier(t, schemas[len(schemas)-1])
	db := raw(t, database)
	defer db.Close()
	holding, err := db.Begin() // IMMEDIATE
	if err != nil {
		t.Fatal(err)
	}
	defer holding.Rollback()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := sqlstore.Open(ctx, sqlstore.Options{Database: database, Vault: v}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("with a deadline of 200 ms it took %v", took)
	}
	ended := make(chan error)
	go func() {
		time.Sleep(6 * time.Second)
		ended <- holding.Rollback()
	}()
	var log strings.Builder
	s, err := sqlstore.Open(t.Context(), sqlstore.Options{Database: database, Vault: v, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err := errors.Join(err, <-ended); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.Contains(log.String(), "waiting for another process") {
		t.Errorf("the log does not tell of waiting:\n%s", &log)
	}
	// From then on SQLite's own waiting is as long as ever.
	if holding, err = db.Begin(); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(200 * time.Millisecond)
		ended <- holding.Rollback()
	}()
	err = s.Update(t.Context(), func(tx applications.Tx) error {
		return tx.AppendEvents(t.Context(), applications.Event{Time: time.Now(), Action: "test"})
	})
	if err := errors.Join(err, <-ended); err != nil {
		t.Error(err)
	}
}

// oldEnv makes the test binary a process of a landed version that
// writes to the database there until it is killed.
const oldEnv = "FAIRLEAD_TEST_OLD_WRITER"

// writeAsOld prints the id of each submission that was acknowledged, and a
// line "!" for each that was refused.
func writeAsOld(schema int, database, keyFile string) error {
	v, err := vault.Load(keyFile)
	if err != nil {
		return err
	}
	o, err := openOld(database, v, schema)
	if err != nil {
		return err
	}
	var print sync.Mutex
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				prefix := fmt.Sprintf("old-%d", w)
				line := fmt.Sprintf("%s-%07d\n", prefix, i)
				if err := o.submit(context.Background(), prefix, i, 1); err != nil {
					line = "!" + strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
					time.Sleep(time.Millisecond)
				}
				print.Lock()
				_, err := os.Stdout.WriteString(line)
				print.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return nil
}

// oldStore submits with the statements of a landed version: since the second
// there are offers, since the third erasures.
type oldStore struct {
	schema int
	db     *sql.DB
	v      *vault.Vault
	key    *vault.DataKey
	// what PostgreSQL needs where SQLite has one writer
	forUpdate string
}

func openOld(database string, v *vault.Vault, schema int) (*oldStore, error) {
	db, err := rawDB(database)
	if err != nil {
		return nil, err
	}
	o := &oldStore{schema: schema, db: db, v: v}
	if sqlstore.IsPostgres(database) {
		o.forUpdate = " FOR UPDATE"
	}
	var id string
	var wrapped []byte
	if err := db.QueryRow(`SELECT id, wrapped FROM data_keys WHERE program = 'p1' AND current = 1`).Scan(&id, &wrapped); err != nil {
		return nil, err
	}
	o.key, err = v.OpenDataKey("p1", id, wrapped)
	return o, err
}

// submit adds n applications, from number first on, in one transaction.
func (o *oldStore) submit(ctx context.Context, prefix string, first, n int) error {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range n {
		id := fmt.Sprintf("%s-%07d", prefix, first+i)
		var code int
		if err := tx.QueryRow(`UPDATE program_counters SET applications = applications + 1 WHERE program = $1 RETURNING applications`, "p1").Scan(&code); err != nil {
			return err
		}
		plain, err := json.Marshal(&applications.Application{Form: 1, Contact: applications.Contact{Name: "Invented " + id}})
		if err != nil {
			return err
		}
		body, err := o.key.Seal(vault.Place{Table: "applications", Field: "body", Row: id}, plain)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO applications (program, id, code, state, revision, return_code, body) VALUES ($1, $2, $3, $4, 1, $5, $6)`,
			"p1", id, fmt.Sprintf("NS-%04d", code), "SUBMITTED", []byte(id), body); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO requests (program, method, id, hash, resource, answer, create_time) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			"p1", "CreateApplication", uuid.NewString(), []byte(id), id, nil, 1); err != nil {
			return err
		}
		if o.schema > 1 {
			plain, err := json.Marshal(&applications.Offer{Code: "Invented " + id})
			if err != nil {
				return err
			}
			body, err := o.key.Seal(vault.Place{Table: "offers", Field: "body", Row: "o-" + id}, plain)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO offers (program, id, application, state, expire_time, revision, body) VALUES ($1, $2, $3, $4, $5, 1, $6)`,
				"p1", "o-"+id, id, "PENDING", 0, body); err != nil {
				return err
			}
		}
		if o.schema > 2 {
			if _, err := tx.Exec(`INSERT INTO erasures (program, application, program_create_time, create_time) VALUES ($1, $2, $3, $4)`,
				"p1", "gone-"+id, 0, 1); err != nil {
				return err
			}
		}
	}
	var head audit.Head
	var edge, mac []byte
	if err := tx.QueryRow(`SELECT size, edge, mac FROM audit_head WHERE one = 1`+o.forUpdate).Scan(&head.Size, &edge, &mac); err != nil {
		return err
	}
	if head.Edge, err = audit.ParseHashes(edge); err != nil {
		return err
	}
	before := head.Size
	for i := range n {
		e := applications.Event{
			Index: head.Size, Time: time.UnixMicro(1), Actor: "public", Action: "application.submit",
			Resource: fmt.Sprintf("programs/p1/applications/%s-%07d", prefix, first+i),
		}
		hashes, err := head.Append(audit.Leaf(&e, nil))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO events (idx, create_time, actor, action, resource, detail, reason_digest, reason, hashes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			e.Index, e.Time.UnixMicro(), e.Actor, e.Action, e.Resource, e.Detail, nil, nil, audit.AppendHashes(nil, hashes)); err != nil {
			return err
		}
	}
	edge = audit.AppendHashes(nil, head.Edge)
	message := append(binary.BigEndian.AppendUint64(nil, uint64(head.Size)), edge...)
	r, err := tx.Exec(`UPDATE audit_head SET size = $1, edge = $2, mac = $3 WHERE one = 1 AND size = $4`, head.Size, edge, o.v.MAC("sqlstore audit head", message), before)
	if err != nil {
		return err
	}
	if changed, err := r.RowsAffected(); err != nil || changed != 1 {
		return errors.Join(err, errors.New("the log has moved"))
	}
	return tx.Commit()
}

// oldProcess is a running writer.
type oldProcess struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu           sync.Mutex
	acknowledged []string
	refused      int
	last         string // refusal
}

func startOld(t testing.TB, schema int, database, keyFile string) *oldProcess {
	t.Helper()
	p := &oldProcess{cmd: exec.Command(os.Args[0]), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), oldEnv+"="+fmt.Sprint(schema)+"\n"+database+"\n"+keyFile)
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.kill() })
	go func() {
		defer close(p.ended)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			p.mu.Lock()
			if text, bad := strings.CutPrefix(line, "!"); bad {
				p.refused++
				p.last = text
			} else {
				p.acknowledged = append(p.acknowledged, strings.TrimSpace(line))
			}
			p.mu.Unlock()
		}
	}()
	return p
}

// wait waits until so many more submissions were acknowledged.
func (p *oldProcess) wait(t testing.TB, n int) {
	t.Helper()
	p.mu.Lock()
	want := len(p.acknowledged) + n
	p.mu.Unlock()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		have := len(p.acknowledged)
		p.mu.Unlock()
		if have >= want {
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t.Fatalf("only %d of %d submissions, %d refused, the last for: %s", len(p.acknowledged), want, p.refused, p.last)
}

func (p *oldProcess) kill() (acknowledged []string, refused int) {
	p.cmd.Process.Kill()
	<-p.ended
	p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acknowledged, p.refused
}
