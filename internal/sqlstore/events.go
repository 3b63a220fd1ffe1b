package sqlstore

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/vault"
)

var (
	queryAuditHead  = newQuery(`SELECT size, edge, mac FROM audit_head WHERE one = 1`)
	lockAuditHead   = newQuery(`SELECT size, edge, mac FROM audit_head WHERE one = 1 ${for update}`)
	updateAuditHead = newQuery(`UPDATE audit_head SET size = $1, edge = $2, mac = $3 WHERE one = 1 AND size = $4`)
	insertEvent     = newQuery(`INSERT INTO events (idx, create_time, actor, action, resource, detail, reason_digest, reason, hashes)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`)
	eraseReasons = newQuery(`UPDATE events SET reason = NULL
		WHERE resource = 'programs/' || $1 OR substr(resource, 1, length($1) + 10) = 'programs/' || $1 || '/'`)
	queryEvents = newQuery(`SELECT idx, create_time, actor, action, resource, detail, reason_digest, reason, hashes
		FROM events WHERE idx >= $1 ORDER BY idx LIMIT $2`)
)

var _ audit.Log = (*tx)(nil)

// AppendEvents keeps the events until the transaction ends, or somebody in it
// looks at the log: the log's head is one row that all writers lock, so each
// locks it last, for as short as can be, and never while it waits for another.
func (t *tx) AppendEvents(ctx context.Context, events ...applications.Event) error {
	if !t.write {
		return errReadOnly
	}
	for _, e := range events {
		if err := t.ready(ctx, insertEvent, []any{e.Actor, e.Action, e.Resource, e.Detail}); err != nil {
			return err
		}
	}
	t.events = append(t.events, events...)
	return nil
}

// flushEvents writes the events that were appended. Whatever erases reasons,
// or a key that seals them, comes after it.
func (t *tx) flushEvents(ctx context.Context) error {
	if len(t.events) == 0 {
		return nil
	}
	head, genuine, err := t.auditHead(ctx, lockAuditHead)
	if err != nil {
		return err
	}
	if !genuine {
		// Appending would put our seal under somebody else's head.
		return headForged()
	}
	before := head.Size
	for i := range t.events {
		if err := t.appendEvent(ctx, &head, t.events[i]); err != nil {
			return err
		}
	}
	t.events = nil
	edge := audit.AppendHashes(nil, head.Edge)
	// The head is ours since it was locked: this always changes its row.
	return t.later(ctx, updateAuditHead, head.Size, edge, t.s.headMAC(head.Size, edge), before)
}

func (t *tx) appendEvent(ctx context.Context, head *audit.Head, e applications.Event) error {
	e.Index = head.Size
	program := programOf(e.Resource)
	var digest, reason []byte
	if e.Reason != "" {
		salt := make([]byte, audit.SaltSize, audit.SaltSize+len(e.Reason))
		rand.Read(salt) // never fails
		digest = audit.ReasonDigest(salt, e.Reason)
		if program != installation {
			if _, err := t.currentKey(ctx, program); applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
				program = installation // about a program that is gone
			} else if err != nil {
				return err
			}
		}
		var err error
		if reason, err = t.seal(ctx, program, reasonPlace(e.Index), append(salt, e.Reason...)); err != nil {
			return err
		}
	}
	hashes, err := head.Append(audit.Leaf(&e, digest))
	if err != nil {
		return err
	}
	return t.later(ctx, insertEvent, e.Index, e.Time.UnixMicro(), e.Actor, e.Action, e.Resource, e.Detail, digest, reason, audit.AppendHashes(nil, hashes))
}

// programOf returns the id in a resource name "programs/ID/…".
func programOf(resource string) string {
	rest, ok := strings.CutPrefix(resource, "programs/")
	if !ok {
		return installation
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

func reasonPlace(index int64) vault.Place {
	return vault.Place{Table: "events", Field: "reason", Row: strconv.FormatInt(index, 10)}
}

func (t *tx) Events(ctx context.Context, from int64, limit int) ([]applications.Event, error) {
	records, err := t.AuditRecords(ctx, from, limit)
	if err != nil {
		return nil, err
	}
	out := make([]applications.Event, len(records))
	for i, r := range records {
		if r.Problem != "" {
			return nil, vault.Unreadable(reasonPlace(r.Index))
		}
		out[i] = r.Event
	}
	return out, nil
}

type eventRow struct {
	audit.Record
	time   int64
	sealed []byte
}

// AuditRecords implements audit.Log.
func (t *tx) AuditRecords(ctx context.Context, from int64, limit int) ([]audit.Record, error) {
	if err := t.flushEvents(ctx); err != nil {
		return nil, err
	}
	return collect(t, ctx, queryEvents, []any{from, bound(limit)}, func(r rows) (*eventRow, error) {
		var e eventRow
		return &e, r.Scan(&e.Index, &e.time, &e.Actor, &e.Action, &e.Resource, &e.Detail, &e.ReasonDigest, &e.sealed, &e.Hashes)
	}, (*eventRow).open)
}

// open never fails for what is wrong with the row: that is for the checker.
func (e *eventRow) open(ctx context.Context, t *tx) (audit.Record, error) {
	r := e.Record
	// Not fromMicros: in the log, 1970 is a time like any other.
	r.Time = unixMicro(e.time)
	if e.sealed == nil {
		if len(r.ReasonDigest) > 0 {
			r.ReasonErased = true
		}
		return r, nil
	}
	if _, ok := vault.SealedBy(e.sealed); !ok || len(r.ReasonDigest) == 0 {
		r.Problem = "its reason is damaged"
		return r, nil
	}
	k, err := t.keyOf(ctx, programOf(e.Resource), e.sealed)
	if k == nil && err == nil {
		k, err = t.keyOf(ctx, installation, e.sealed)
	}
	if applications.CodeOf(err) == applications.DataLoss {
		r.Problem = "the key of its reason is damaged"
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if k == nil { // destroying a key also empties what it sealed here
		r.Problem = "the key of its reason is missing"
		return r, nil
	}
	plain, err := k.Open(reasonPlace(e.Index), e.sealed)
	if err != nil || len(plain) < audit.SaltSize {
		r.Problem = "its reason does not decrypt"
		return r, nil
	}
	r.ReasonSalt, r.Reason = plain[:audit.SaltSize], string(plain[audit.SaltSize:])
	return r, nil
}

func (t *tx) AuditHead(ctx context.Context) (size int64, root []byte, err error) {
	if err := t.flushEvents(ctx); err != nil {
		return 0, nil, err
	}
	head, genuine, err := t.auditHead(ctx, queryAuditHead)
	if err != nil {
		return 0, nil, err
	}
	if !genuine {
		return 0, nil, headForged()
	}
	h, err := head.Root()
	if err != nil {
		return 0, nil, headForged()
	}
	return head.Size, h[:], nil
}

// AuditStoredHead implements audit.Log.
func (t *tx) AuditStoredHead(ctx context.Context) (audit.Head, bool, error) {
	if err := t.flushEvents(ctx); err != nil {
		return audit.Head{}, false, err
	}
	return t.auditHead(ctx, queryAuditHead)
}

func (t *tx) auditHead(ctx context.Context, q *query) (h audit.Head, genuine bool, err error) {
	var edge, mac []byte
	found, err := t.one(ctx, q, nil, &h.Size, &edge, &mac)
	if err != nil {
		return h, false, err
	}
	if !found {
		return h, false, nil
	}
	hashes, err := audit.ParseHashes(edge)
	if err != nil {
		return h, false, nil
	}
	h.Edge = hashes
	return h, hmac.Equal(mac, t.s.headMAC(h.Size, edge)), nil
}

// headMAC seals the head: whoever can write the database but does not hold
// the master key cannot rewrite the log from some record on.
func (s *Store) headMAC(size int64, edge []byte) []byte { return headMAC(s.vault, size, edge) }

func headMAC(v *vault.Vault, size int64, edge []byte) []byte {
	msg := binary.BigEndian.AppendUint64(make([]byte, 0, 8+8*tlog.HashSize), uint64(size))
	return v.MAC("sqlstore audit head", append(msg, edge...))
}

func headForged() error {
	return applications.Errorf(applications.DataLoss, "AUDIT_BROKEN",
		"the head of the audit log was changed from outside; run: fairlead audit verify")
}
