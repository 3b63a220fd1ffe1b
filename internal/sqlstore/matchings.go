package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/mentoring"
)

const matchingColumns = `program, id, state, owner, lease_until, attempt, cancel_asked, revision, body, frozen, record`

var (
	insertMatching = newQuery(`INSERT INTO matchings (` + matchingColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) ON CONFLICT DO NOTHING`)
	queryMatching      = newQuery(`SELECT ` + matchingColumns + ` FROM matchings WHERE program = $1 AND id = $2`)
	queryMatchingHeads = newQuery(`SELECT program, id, state, owner, lease_until, attempt, cancel_asked, revision, body
		FROM matchings WHERE program = $1 AND id > $2 ORDER BY id LIMIT $3`)
	// As with selections: who renewed the lease meanwhile keeps it.
	updateMatching = newQuery(`UPDATE matchings SET state = $4, owner = $5,
		lease_until = CASE WHEN state = 'SOLVING' AND $4 = 'SOLVING' AND owner = $5 AND lease_until > $6 THEN lease_until ELSE $6 END,
		attempt = $7, cancel_asked = $8, body = $9, frozen = $10, record = $11, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
	queryMatchingRevision = newQuery(`SELECT revision FROM matchings WHERE program = $1 AND id = $2`)
	claimMatching         = newQuery(`UPDATE matchings SET state = 'SOLVING', owner = $1, lease_until = $2,
		attempt = attempt + 1, revision = revision + 1
		WHERE (program, id) = (SELECT program, id FROM matchings
			WHERE state IN ('QUEUED', 'SOLVING') AND (state = 'QUEUED' OR lease_until < $3)
			ORDER BY id, program LIMIT 1 ${skip locked})
		AND (state = 'QUEUED' OR (state = 'SOLVING' AND lease_until < $3))
		RETURNING ` + matchingColumns)
	renewMatching = newQuery(`UPDATE matchings SET lease_until = $4
		WHERE program = $1 AND id = $2 AND owner = $3 AND state = 'SOLVING' RETURNING cancel_asked`)
)

func (t *tx) InsertMatching(ctx context.Context, m *mentoring.Matching) error {
	body, frozen, record, err := t.sealMatching(ctx, m)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertMatching, m.Program, m.ID, string(m.State), m.Owner, micros(m.LeaseUntil), m.Attempt, toInt(m.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("MATCHING", "matching")
	}
	t.renumber("matching", m.Program, m.ID, &m.Revision, 1)
	return nil
}

func (t *tx) sealMatching(ctx context.Context, m *mentoring.Matching) (body, frozen, record []byte, err error) {
	b := *m
	b.Program, b.ID, b.State, b.Owner, b.Revision = "", "", "", "", 0
	b.LeaseUntil, b.Attempt, b.CancelAsked = time.Time{}, 0, false
	b.Frozen, b.Record = nil, nil
	if body, err = t.sealBody(ctx, m.Program, "matchings", m.ID, &b); err != nil {
		return nil, nil, nil, err
	}
	if frozen, err = t.seal(ctx, m.Program, vault.Place{Table: "matchings", Field: "frozen", Row: m.ID}, m.Frozen); err != nil {
		return nil, nil, nil, err
	}
	record, err = t.seal(ctx, m.Program, vault.Place{Table: "matchings", Field: "record", Row: m.ID}, m.Record)
	return body, frozen, record, err
}

type matchingRow struct {
	program, id, state, owner string
	lease                     int64
	attempt, cancel           int
	revision                  int64
	body, frozen, record      []byte
}

func (r *matchingRow) dest() []any {
	return []any{&r.program, &r.id, &r.state, &r.owner, &r.lease, &r.attempt, &r.cancel, &r.revision, &r.body, &r.frozen, &r.record}
}

func (r *matchingRow) open(ctx context.Context, t *tx) (*mentoring.Matching, error) {
	m := &mentoring.Matching{}
	if err := t.openBody(ctx, r.program, "matchings", r.id, r.body, m); err != nil {
		return nil, err
	}
	var err error
	if m.Frozen, err = t.unseal(ctx, r.program, vault.Place{Table: "matchings", Field: "frozen", Row: r.id}, r.frozen); err != nil {
		return nil, err
	}
	if m.Record, err = t.unseal(ctx, r.program, vault.Place{Table: "matchings", Field: "record", Row: r.id}, r.record); err != nil {
		return nil, err
	}
	m.Program, m.ID, m.State, m.Owner, m.Revision = r.program, r.id, mentoring.MatchingState(r.state), r.owner, r.revision
	m.LeaseUntil, m.Attempt, m.CancelAsked = fromMicros(r.lease), r.attempt, r.cancel == 1
	t.saw("matching", r.program, r.id, r.revision)
	toMicros(&m.CreateTime, &m.UpdateTime, &m.DoneTime, &m.PublishTime)
	for i := range m.Steps {
		toMicros(&m.Steps[i].Time)
	}
	for i := range m.Edits {
		toMicros(&m.Edits[i].Time)
	}
	return m, nil
}

func (t *tx) Matching(ctx context.Context, program, id string) (*mentoring.Matching, error) {
	var row matchingRow
	found, err := t.one(ctx, queryMatching, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("MATCHING", "matching")
	}
	return row.open(ctx, t)
}

func (t *tx) MatchingHeads(ctx context.Context, program, after string, limit int) ([]*mentoring.Matching, error) {
	return collect(t, ctx, queryMatchingHeads, []any{program, after, bound(limit)}, func(r rows) (*matchingRow, error) {
		var m matchingRow
		all := m.dest()
		return &m, r.Scan(all[:len(all)-2]...)
	}, (*matchingRow).open)
}

func (t *tx) UpdateMatching(ctx context.Context, m *mentoring.Matching) error {
	body, frozen, record, err := t.sealMatching(ctx, m)
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("MATCHING", "matching")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateMatching, m.Program, m.ID, m.Revision, string(m.State), m.Owner, micros(m.LeaseUntil), m.Attempt, toInt(m.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("matching", m.Program, m.ID, &m.Revision, m.Revision+1)
		return nil
	}
	return t.staleOr(ctx, updateMatching, queryMatchingRevision, "MATCHING", "matching", m.Program, m.ID, m.Revision)
}

func (t *tx) ClaimMatching(ctx context.Context, owner string, now, leaseUntil time.Time) (*mentoring.Matching, error) {
	var row matchingRow
	found, err := t.one(ctx, claimMatching, []any{owner, micros(leaseUntil), micros(now)}, row.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return row.open(ctx, t)
}

func (t *tx) RenewMatching(ctx context.Context, program, id, owner string, leaseUntil time.Time) (cancel bool, err error) {
	var asked int
	found, err := t.one(ctx, renewMatching, []any{program, id, owner, micros(leaseUntil)}, &asked)
	if err != nil || found {
		return asked == 1, err
	}
	var revision int64
	if found, err = t.one(ctx, queryMatchingRevision, []any{program, id}, &revision); err != nil {
		return false, err
	}
	if !found {
		return false, notFound("MATCHING", "matching")
	}
	return false, applications.Errorf(applications.FailedPrecondition, "LEASE_LOST", "this run is done, or somebody else works on it now")
}
