package storetest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
)

// Backend is a store with a back door: what somebody can do who gets at the
// database, and does not have the master key.
type Backend interface {
	Store() applications.Store
	// Dump returns everything that the database has on disk.
	Dump(t testing.TB) []byte
	// Exec changes the database behind the store's back, also in ways that its
	// constraints would refuse, and returns how many rows changed.
	Exec(t testing.TB, sql string, args ...any) int64
	// Read runs a query behind the store's back.
	Read(t testing.TB, sql string, args ...any) [][]any
	// Reopen closes the store and opens it again, so that it remembers nothing.
	Reopen(t testing.TB)
}

// RunAtRest checks what a backend's database shows, and what it notices.
func RunAtRest(t *testing.T, open func(testing.TB) Backend) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"a dump shows nothing that a person wrote or answered", dumpShowsNothing},
		{"a value that was moved, cut or flipped does not open", movedValues},
		{"a program's key opens in its program only", movedKeys},
		{"an erased application leaves no ciphertext in a dump", erasedAtRest},
		{"a destroyed key makes a program unreadable, and no other", destroyedKey},
		{"each flipped byte of the audit log is found, and its record named", flippedBytes},
		{"audit records that were removed, added or swapped", removedRecords},
		{"an audit log that was rewritten with all its hashes", rewrittenLog},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// fillStore puts one of everything into a store, twice.
func fillStore(t testing.TB, s applications.Store) {
	t.Helper()
	ctx := t.Context()
	for _, id := range []string{"p1", "p2"} {
		must(t, populateStore(t, s, id))
	}
	must(t, s.Update(ctx, func(tx applications.Tx) error {
		second := exampleApplication("p1", "second", 2)
		second.WithdrawReason = "moved away " + canary
		for _, err := range []error{
			tx.InsertApplication(ctx, second, digest("second")),
			tx.InsertCriteria(ctx, exampleCriteria("p1", 2)),
			tx.RegisterCriteria(ctx, registration("p1", 1)),
			tx.InsertForm(ctx, exampleForm("p1", 2)),
			tx.InsertPolicy(ctx, examplePolicy("p1", "policy2")),
			tx.InsertSelection(ctx, exampleSelection("p1", "selection2")),
			tx.InsertOffer(ctx, exampleOffer("p1", "offer2", "second")),
			tx.SaveRequest(ctx, exampleRequest("p1", "CreateApplication", "request2")),
			tx.SaveRequest(ctx, exampleRequest("", "CreateProgram", "request")),
			tx.InsertUser(ctx, exampleUser("u1")), tx.InsertUser(ctx, exampleUser("u2")),
			tx.InsertToken(ctx, exampleToken("k1"), false), tx.InsertToken(ctx, exampleToken("k2"), false),
		} {
			if err != nil {
				return err
			}
		}
		// Values that were replaced must not stay either.
		a, err := tx.Application(ctx, "p1", "application")
		if err != nil {
			return err
		}
		a.Contact.Name = "Renamed " + canary
		return tx.UpdateApplication(ctx, a, nil)
	}))
}

func dumpShowsNothing(t *testing.T, b Backend) {
	fillStore(t, b.Store())
	dump := bytes.ToLower(b.Dump(t))
	for _, plain := range []string{"policy2", "createapplication", "ns-0001"} { // else the search would prove nothing
		if !bytes.Contains(dump, []byte(plain)) {
			t.Errorf("the dump does not hold %q, which is a plain column: is it whole?", plain)
		}
	}
	for _, secret := range []string{
		canary, hex.EncodeToString([]byte(canary)), strings.Join(strings.Split(canary, ""), "\x00"),
		"example.org", "invented person", "in your own words", "my own words", "value_7", "attribute_", "omb spd-15", "the board asked", "360 555",
	} {
		if i := bytes.Index(dump, []byte(secret)); i >= 0 {
			t.Errorf("the dump holds %q", dump[max(0, i-40):min(len(dump), i+60)])
		}
	}
}

// sealedColumns are all columns that hold sealed values, with the rows to move
// values between and what reads the first row.
var sealedColumns = []struct {
	table, column, row, other string
	read                      func(ctx context.Context, tx applications.Tx) error
}{
	{"programs", "body", "id = 'p1'", "id = 'p2'", func(ctx context.Context, tx applications.Tx) error { _, err := tx.Program(ctx, "p1"); return err }},
	{"forms", "body", "program = 'p1' AND version = 1", "program = 'p1' AND version = 2", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Form(ctx, "p1", 1)
		return err
	}},
	{"criteria", "body", "program = 'p1' AND version = 1", "program = 'p1' AND version = 2", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.CriteriaVersions(ctx, "p1")
		return err
	}},
	{"policies", "body", "program = 'p1' AND id = 'policy'", "program = 'p1' AND id = 'policy2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Policies(ctx, "p1")
		return err
	}},
	{"applications", "body", "program = 'p1' AND id = 'application'", "program = 'p1' AND id = 'second'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Application(ctx, "p1", "application")
		return err
	}},
	{"applications", "body", "program = 'p1' AND id = 'application'", "program = 'p2' AND id = 'application'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Applications(ctx, applications.ApplicationQuery{Program: "p1"})
		return err
	}},
	{"selections", "body", "program = 'p1' AND id = 'selection'", "program = 'p1' AND id = 'selection2'", readSelection},
	{"selections", "frozen", "program = 'p1' AND id = 'selection'", "program = 'p1' AND id = 'selection2'", readSelection},
	{"selections", "record", "program = 'p1' AND id = 'selection'", "program = 'p2' AND id = 'selection'", readSelection},
	{"offers", "body", "program = 'p1' AND id = 'offer'", "program = 'p1' AND id = 'offer2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Offer(ctx, "p1", "offer")
		return err
	}},
	{"offers", "body", "program = 'p1' AND id = 'offer'", "program = 'p2' AND id = 'offer'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Offers(ctx, applications.OfferQuery{Program: "p1"})
		return err
	}},
	{"requests", "answer", "program = 'p1' AND id = 'request'", "program = 'p1' AND id = 'request2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.Request(ctx, "p1", "CreateApplication", "request")
		return err
	}},
	{"mentoring_plans", "body", "program = 'p1'", "program = 'p2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := pairTx(tx).Plan(ctx, "p1")
		return err
	}},
	{"enrollments", "body", "program = 'p1' AND id = 'mentee'", "program = 'p1' AND id = 'mentor'", func(ctx context.Context, tx applications.Tx) error {
		_, err := pairTx(tx).Enrollment(ctx, "p1", "mentee")
		return err
	}},
	{"directives", "body", "program = 'p1' AND id = 'directive'", "program = 'p2' AND id = 'directive'", func(ctx context.Context, tx applications.Tx) error {
		_, err := pairTx(tx).Directive(ctx, "p1", "directive")
		return err
	}},
	{"matchings", "body", "program = 'p1' AND id = 'matching'", "program = 'p2' AND id = 'matching'", readMatching},
	{"matchings", "frozen", "program = 'p1' AND id = 'matching'", "program = 'p2' AND id = 'matching'", readMatching},
	{"matchings", "record", "program = 'p1' AND id = 'matching'", "program = 'p2' AND id = 'matching'", readMatching},
	{"proposals", "body", "program = 'p1' AND id = 'proposal'", "program = 'p2' AND id = 'proposal'", func(ctx context.Context, tx applications.Tx) error {
		_, err := pairTx(tx).Proposal(ctx, "p1", "proposal")
		return err
	}},
	{"mentorships", "body", "program = 'p1' AND id = 'mentorship'", "program = 'p2' AND id = 'mentorship'", func(ctx context.Context, tx applications.Tx) error {
		_, err := pairTx(tx).Mentorship(ctx, "p1", "mentorship")
		return err
	}},
	{"networks", "body", "program = 'p1' AND id = 'net'", "program = 'p2' AND id = 'net'", func(ctx context.Context, tx applications.Tx) error {
		_, err := netTx(tx).Network(ctx, "p1", "net")
		return err
	}},
	{"network_members", "body", "program = 'p1' AND id = 'm1'", "program = 'p1' AND id = 'm2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := netTx(tx).MemberOf(ctx, "p1", "m1")
		return err
	}},
	{"network_rounds", "body", "program = 'p1' AND id = 'round'", "program = 'p2' AND id = 'round'", readRound},
	{"network_rounds", "frozen", "program = 'p1' AND id = 'round'", "program = 'p2' AND id = 'round'", readRound},
	{"network_rounds", "record", "program = 'p1' AND id = 'round'", "program = 'p2' AND id = 'round'", readRound},
	{"introductions", "body", "program = 'p1' AND id = 'intro'", "program = 'p2' AND id = 'intro'", func(ctx context.Context, tx applications.Tx) error {
		_, err := netTx(tx).Introduction(ctx, "p1", "net", "intro")
		return err
	}},
	{"users", "body", "id = 'u1'", "id = 'u2'", func(ctx context.Context, tx applications.Tx) error { _, err := tx.Users(ctx, "", 0); return err }},
	{"tokens", "body", "id = 'k1'", "id = 'k2'", func(ctx context.Context, tx applications.Tx) error {
		_, err := tx.TokenByHash(ctx, digest("token", "k1"))
		return err
	}},
	{"events", "reason", "idx = 0", "idx = 1", func(ctx context.Context, tx applications.Tx) error { _, err := tx.Events(ctx, 0, 0); return err }},
}

func readSelection(ctx context.Context, tx applications.Tx) error {
	_, err := tx.Selection(ctx, "p1", "selection")
	return err
}

func readRound(ctx context.Context, tx applications.Tx) error {
	_, err := netTx(tx).Round(ctx, "p1", "net", "round")
	return err
}

func movedValues(t *testing.T, b Backend) {
	ctx := t.Context()
	fillStore(t, b.Store())
	b.Reopen(t) // with nothing decoded in memory
	for _, c := range sealedColumns {
		get := func(row string) []byte {
			t.Helper()
			rows := b.Read(t, fmt.Sprintf("SELECT %s FROM %s WHERE %s", c.column, c.table, row))
			if len(rows) != 1 || len(rows[0][0].([]byte)) < 40 {
				t.Fatalf("%s.%s where %s: %d rows", c.table, c.column, row, len(rows))
			}
			return rows[0][0].([]byte)
		}
		put := func(value []byte) {
			t.Helper()
			if n := b.Exec(t, fmt.Sprintf("UPDATE %s SET %s = $1 WHERE %s", c.table, c.column, c.row), value); n != 1 {
				t.Fatalf("%d rows of %s changed", n, c.table)
			}
		}
		good := get(c.row)
		bad := map[string][]byte{"of another row": get(c.other), "cut": good[:len(good)-1], "short": {1, 2, 3}, "longer": append(bytes.Clone(good), 0)}
		for _, i := range []int{0, 1, 8, 9, 20, 21, len(good) / 2, len(good) - 1} { // format, key, nonce, text, tag
			bad[fmt.Sprintf("with byte %d flipped", i)] = flip(good, i)
		}
		if c.column == "body" { // the others may be absent: nothing tells that one was
			bad["empty"] = []byte{}
		}
		if c.column == "frozen" {
			bad["of another column"] = b.Read(t, "SELECT record FROM "+c.table+" WHERE "+c.row)[0][0].([]byte)
		}
		for how, value := range bad {
			put(value)
			err := b.Store().View(ctx, func(tx applications.Tx) error { return c.read(ctx, tx) })
			if applications.CodeOf(err) != applications.DataLoss || applications.ReasonOf(err) != "SEALED_VALUE_UNREADABLE" {
				t.Errorf("%s.%s %s: %v", c.table, c.column, how, err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("the error tells what it should keep: %v", err)
			}
		}
		put(good)
		must(t, b.Store().View(ctx, func(tx applications.Tx) error { return c.read(ctx, tx) }))
	}
}

func movedKeys(t *testing.T, b Backend) {
	ctx := t.Context()
	fillStore(t, b.Store())
	b.Exec(t, "UPDATE data_keys SET wrapped = (SELECT o.wrapped FROM data_keys o WHERE o.program = 'p2') WHERE program = 'p1'")
	b.Reopen(t)
	for _, run := range []func(context.Context, func(applications.Tx) error) error{b.Store().View, b.Store().Update} {
		err := run(ctx, func(tx applications.Tx) error { _, err := tx.Program(ctx, "p1"); return err })
		if applications.CodeOf(err) != applications.DataLoss || applications.ReasonOf(err) != "DATA_KEY_UNREADABLE" {
			t.Errorf("got %v", err)
		}
	}
	// Nothing new is written under a key that cannot be read.
	err := b.Store().Update(ctx, func(tx applications.Tx) error {
		return tx.InsertApplication(ctx, exampleApplication("p1", "new", 9), nil)
	})
	if applications.ReasonOf(err) != "DATA_KEY_UNREADABLE" {
		t.Errorf("got %v", err)
	}
	must(t, b.Store().View(ctx, func(tx applications.Tx) error { _, err := tx.Program(ctx, "p2"); return err }))
}

func destroyedKey(t *testing.T, b Backend) {
	ctx := t.Context()
	fillStore(t, b.Store())
	b.Exec(t, "DELETE FROM data_keys WHERE program = 'p1'")
	b.Reopen(t)
	for _, c := range sealedColumns {
		if strings.Contains(c.row, "p1") {
			err := b.Store().View(ctx, func(tx applications.Tx) error { return c.read(ctx, tx) })
			if applications.CodeOf(err) != applications.DataLoss {
				t.Errorf("%s.%s: %v", c.table, c.column, err)
			}
		}
	}
	must(t, b.Store().View(ctx, func(tx applications.Tx) error { _, err := tx.Application(ctx, "p2", "application"); return err }))
}

// fillLog appends n events, of which every second has a reason.
func fillLog(t testing.TB, s applications.Store, n int) {
	t.Helper()
	ctx := t.Context()
	must(t, s.Update(ctx, func(tx applications.Tx) error {
		if err := tx.InsertProgram(ctx, exampleProgram("p1")); err != nil {
			return err
		}
		for i := range n {
			e := plainEvent(i)
			if i%2 == 1 {
				e.Reason = "asked by phone"
			}
			if err := tx.AppendEvents(ctx, e); err != nil {
				return err
			}
		}
		return nil
	}))
}

// wantDamage verifies and checks which record is named: -1 is the head.
func wantDamage(t testing.TB, b Backend, index int64, what string) {
	t.Helper()
	_, err := audit.Verify(t.Context(), b.Store(), nil)
	var d *audit.Damage
	if !errors.As(err, &d) || applications.CodeOf(err) != applications.DataLoss || applications.ReasonOf(err) != "AUDIT_BROKEN" {
		t.Errorf("%s: got %v, want record %d named", what, err, index)
	} else if d.Index != index {
		t.Errorf("%s: named %d (%v), want %d", what, d.Index, err, index)
	}
}

func wantSound(t testing.TB, b Backend) {
	t.Helper()
	if _, err := audit.Verify(t.Context(), b.Store(), nil); err != nil {
		t.Fatalf("the log does not verify after it was put back: %v", err)
	}
}

func flippedBytes(t *testing.T, b Backend) {
	n := int64(4)
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		n = 9
	}
	fillLog(t, b.Store(), int(n))
	wantSound(t, b)
	for index := int64(0); index < n; index++ {
		for _, column := range []string{"idx", "create_time", "actor", "action", "resource", "detail", "reason_digest", "reason", "hashes"} {
			good := b.Read(t, "SELECT "+column+" FROM events WHERE idx = $1", index)[0][0]
			put := func(where int64, value any) {
				t.Helper()
				if b.Exec(t, "UPDATE events SET "+column+" = $1 WHERE idx = $2", value, where) != 1 {
					t.Fatalf("record %d has no row", where)
				}
			}
			switch good := good.(type) {
			case int64:
				for bit := range 63 {
					bad := good ^ 1<<bit
					if column != "idx" {
						put(index, bad)
						wantDamage(t, b, index, fmt.Sprintf("record %d, %s, bit %d", index, column, bit))
						put(index, good)
						continue
					}
					if bad < n {
						continue // taken: see removedRecords
					}
					put(index, bad)
					wantDamage(t, b, index, fmt.Sprintf("record %d, %s, bit %d", index, column, bit))
					put(bad, good)
				}
			case string:
				for i := range len(good) {
					put(index, good[:i]+string(good[i]^1)+good[i+1:])
					wantDamage(t, b, index, fmt.Sprintf("record %d, %s, byte %d", index, column, i))
				}
				put(index, good+" ")
				wantDamage(t, b, index, fmt.Sprintf("record %d, %s longer", index, column))
				put(index, good)
			case []byte:
				for i := range good {
					put(index, flip(good, i))
					wantDamage(t, b, index, fmt.Sprintf("record %d, %s, byte %d", index, column, i))
				}
				put(index, good[:len(good)-1])
				wantDamage(t, b, index, fmt.Sprintf("record %d, %s shorter", index, column))
				put(index, good)
			}
		}
	}
	wantSound(t, b)
	for _, column := range []string{"edge", "mac"} {
		good := b.Read(t, "SELECT "+column+" FROM audit_head")[0][0].([]byte)
		for i := range good {
			b.Exec(t, "UPDATE audit_head SET "+column+" = $1", flip(good, i))
			wantDamage(t, b, -1, fmt.Sprintf("%s, byte %d", column, i))
		}
		// A forged head is noticed by whoever reads or extends it, too.
		ctx := t.Context()
		err := b.Store().Update(ctx, func(tx applications.Tx) error { return tx.AppendEvents(ctx, plainEvent(1)) })
		err2 := b.Store().View(ctx, func(tx applications.Tx) error { _, _, err := tx.AuditHead(ctx); return err })
		if applications.ReasonOf(err) != "AUDIT_BROKEN" || applications.ReasonOf(err2) != "AUDIT_BROKEN" {
			t.Errorf("a forged %s: append %v, read %v", column, err, err2)
		}
		b.Exec(t, "UPDATE audit_head SET "+column+" = $1", good)
	}
	wantSound(t, b)
}

func removedRecords(t *testing.T, b Backend) {
	const n = 6
	fillLog(t, b.Store(), n)
	columns := "idx, create_time, actor, action, resource, detail, reason_digest, reason, hashes"
	for index := int64(0); index < n; index++ {
		row := b.Read(t, "SELECT "+columns+" FROM events WHERE idx = $1", index)[0]
		b.Exec(t, "DELETE FROM events WHERE idx = $1", index)
		wantDamage(t, b, index, fmt.Sprintf("record %d removed", index))
		b.Exec(t, "INSERT INTO events ("+columns+") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", row...)
	}
	wantSound(t, b)

	b.Exec(t, "UPDATE events SET idx = 100 WHERE idx = 2")
	b.Exec(t, "UPDATE events SET idx = 2 WHERE idx = 4")
	b.Exec(t, "UPDATE events SET idx = 4 WHERE idx = 100")
	wantDamage(t, b, 2, "records 2 and 4 swapped")
	b.Exec(t, "UPDATE events SET idx = 100 WHERE idx = 2")
	b.Exec(t, "UPDATE events SET idx = 2 WHERE idx = 4")
	b.Exec(t, "UPDATE events SET idx = 4 WHERE idx = 100")
	wantSound(t, b)

	// One record more, with the hashes that it would have.
	var head audit.Head
	ctx := t.Context()
	extra := plainEvent(7)
	must(t, b.Store().View(ctx, func(tx applications.Tx) (err error) {
		head, _, err = tx.(audit.Log).AuditStoredHead(ctx)
		return err
	}))
	extra.Index = n
	hashes, err := head.Append(audit.Leaf(&extra, nil))
	must(t, err)
	b.Exec(t, "INSERT INTO events ("+columns+") VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL, $7)",
		int64(n), extra.Time.UnixMicro(), extra.Actor, extra.Action, extra.Resource, extra.Detail, audit.AppendHashes(nil, hashes))
	wantDamage(t, b, n, "a record added")
	b.Exec(t, "DELETE FROM events WHERE idx = $1", int64(n))
	wantSound(t, b)

	b.Exec(t, "DELETE FROM events")
	wantDamage(t, b, 0, "all records removed")
	b.Exec(t, "DELETE FROM audit_head")
	wantDamage(t, b, -1, "the head removed")
}

// rewrittenLog is an attack by somebody who knows how all of this works, and
// only lacks the master key.
func rewrittenLog(t *testing.T, b Backend) {
	ctx := t.Context()
	const n = 8
	fillLog(t, b.Store(), n)
	var checkpoint audit.Checkpoint
	must(t, b.Store().View(ctx, func(tx applications.Tx) error {
		size, root, err := tx.AuditHead(ctx)
		checkpoint = audit.Checkpoint{Size: size, Root: tlog.Hash(root)}
		return err
	}))
	var head audit.Head
	var records []audit.Record
	must(t, b.Store().View(ctx, func(tx applications.Tx) (err error) {
		records, err = tx.(audit.Log).AuditRecords(ctx, 0, 0)
		return err
	}))
	for i := range records {
		r := &records[i]
		if i == 3 {
			r.Actor = "users/somebody-else"
			b.Exec(t, "UPDATE events SET actor = $1 WHERE idx = 3", r.Actor)
		}
		hashes, err := head.Append(audit.Leaf(&r.Event, r.ReasonDigest))
		must(t, err)
		b.Exec(t, "UPDATE events SET hashes = $1 WHERE idx = $2", audit.AppendHashes(nil, hashes), r.Index)
	}
	b.Exec(t, "UPDATE audit_head SET edge = $1", audit.AppendHashes(nil, head.Edge))
	wantDamage(t, b, -1, "a log that was rewritten")
	if _, err := audit.Verify(ctx, b.Store(), &checkpoint); applications.ReasonOf(err) != "AUDIT_BROKEN" {
		t.Errorf("against the checkpoint: %v", err)
	}
}

func flip(b []byte, i int) []byte {
	out := bytes.Clone(b)
	out[i] ^= 1
	return out
}

// erasedAtRest erases an application with all that hangs on it, and looks for
// what was encrypted of it, as it was at any time.
func erasedAtRest(t *testing.T, b Backend) {
	ctx := t.Context()
	fillStore(t, b.Store())
	var pieces [][]byte
	remember := func() {
		for _, q := range []string{
			"SELECT body FROM applications WHERE program = 'p1' AND id = 'application'", "SELECT body FROM offers WHERE program = 'p1' AND id = 'offer'",
			"SELECT frozen FROM selections WHERE program = 'p1' AND id = 'selection'", "SELECT answer FROM requests WHERE program = 'p1' AND id = 'request'",
			"SELECT reason FROM events WHERE resource = 'programs/p1/applications/application'",
		} {
			for _, row := range b.Read(t, q) {
				if value, ok := row[0].([]byte); ok && len(value) >= 32 {
					pieces = append(pieces, value[9:32], value[len(value)-20:])
				}
			}
		}
	}
	must(t, b.Store().Update(ctx, func(tx applications.Tx) error {
		return tx.AppendEvents(ctx, applications.Event{Time: start, Actor: "users/1", Action: "test", Resource: "programs/p1/applications/application", Reason: "why " + canary})
	}))
	remember()
	must(t, b.Store().Update(ctx, func(tx applications.Tx) error {
		a, err := tx.Application(ctx, "p1", "application")
		if err != nil {
			return err
		}
		a.Contact.Goes = "Changed " + canary
		return tx.UpdateApplication(ctx, a, nil)
	}))
	remember()
	if len(pieces) < 20 {
		t.Fatalf("only %d pieces", len(pieces))
	}
	found := func(dump []byte) (n int) {
		for _, p := range pieces {
			if bytes.Contains(dump, p) || bytes.Contains(dump, []byte(hex.EncodeToString(p))) {
				n++
			}
		}
		return n
	}
	if n := found(b.Dump(t)); n < len(pieces)/2 {
		t.Fatalf("the dump holds %d of %d pieces before: the search would prove nothing", n, len(pieces))
	}
	must(t, b.Store().Update(ctx, func(tx applications.Tx) error {
		a, err := tx.Application(ctx, "p1", "application")
		if err != nil {
			return err
		}
		o, err := tx.Offer(ctx, "p1", "offer")
		if err != nil {
			return err
		}
		o.Reason, o.DeclineReason = "", ""
		sel, err := tx.Selection(ctx, "p1", "selection")
		if err != nil {
			return err
		}
		sel.Frozen = []byte(`{"pool":"nobody"}`)
		left := &applications.Application{Program: "p1", ID: "application", Code: a.Code, State: applications.Erased, Form: 1, Revision: a.Revision}
		for _, err := range []error{
			tx.UpdateOffer(ctx, o), tx.UpdateSelection(ctx, sel), tx.EraseApplication(ctx, left), tx.EraseAnswers(ctx, "p1", exampleRequest("p1", "", "").Resource),
			tx.EraseReasons(ctx, "programs/p1/applications/application"), tx.AddErasure(ctx, &applications.Erasure{Program: "p1", Application: "application", Time: start}),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, b.Store().Scrub(ctx))
	for _, q := range sealedQueries {
		for _, row := range b.Read(t, q) {
			if value, ok := row[0].([]byte); ok && found(value) > 0 {
				t.Errorf("%s still finds it", q)
			}
		}
	}
	if keeper, ok := b.(interface{ Rewrite(testing.TB) }); ok {
		// docs/keys.md: such a server does not overwrite what it forgets.
		keeper.Rewrite(t)
	}
	if n := found(b.Dump(t)); n > 0 {
		t.Errorf("%d of %d pieces are still in the dump", n, len(pieces))
	}
	if _, err := audit.Verify(ctx, b.Store(), nil); err != nil {
		t.Error(err)
	}
}

func readMatching(ctx context.Context, tx applications.Tx) error {
	_, err := pairTx(tx).Matching(ctx, "p1", "matching")
	return err
}
