package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

const selectionColumns = `program, id, state, owner, lease_until, attempt, cancel_asked, revision, body, frozen, record`

var (
	insertSelection = newQuery(`INSERT INTO selections (` + selectionColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) ON CONFLICT DO NOTHING`)
	querySelection  = newQuery(`SELECT ` + selectionColumns + ` FROM selections WHERE program = $1 AND id = $2`)
	querySelections = newQuery(`SELECT ` + selectionColumns + ` FROM selections WHERE program = $1 AND id > $2 ORDER BY id LIMIT $3`)
	queryHeads      = newQuery(`SELECT program, id, state, owner, lease_until, attempt, cancel_asked, revision, body
		FROM selections WHERE program = $1 AND id > $2 ORDER BY id LIMIT $3`)
	// A run that goes on under the same owner keeps the later of the leases:
	// its worker may have renewed it after it read the run.
	updateSelection = newQuery(`UPDATE selections SET state = $4, owner = $5,
		lease_until = CASE WHEN state = 'RUNNING' AND $4 = 'RUNNING' AND owner = $5 AND lease_until > $6 THEN lease_until ELSE $6 END,
		attempt = $7, cancel_asked = $8, body = $9, frozen = $10, record = $11, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
	querySelectionExists = newQuery(`SELECT 1 FROM selections WHERE program = $1 AND id = $2`)
	claimSelection       = newQuery(`UPDATE selections SET state = 'RUNNING', owner = $1, lease_until = $2,
		attempt = attempt + 1, revision = revision + 1
		WHERE (program, id) = (SELECT program, id FROM selections
			WHERE state IN ('QUEUED', 'RUNNING') AND (state = 'QUEUED' OR lease_until < $3)
			ORDER BY id, program LIMIT 1 ${skip locked})
		AND (state = 'QUEUED' OR (state = 'RUNNING' AND lease_until < $3))
		RETURNING ` + selectionColumns)
	renewLease = newQuery(`UPDATE selections SET lease_until = $4
		WHERE program = $1 AND id = $2 AND owner = $3 AND state = 'RUNNING' RETURNING cancel_asked`)
)

func (t *tx) InsertSelection(ctx context.Context, s *applications.Selection) error {
	body, frozen, record, err := t.sealSelection(ctx, s)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertSelection, s.Program, s.ID, string(s.State), s.Owner, micros(s.LeaseUntil), s.Attempt, toInt(s.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("SELECTION", "selection")
	}
	t.renumber("selection", s.Program, s.ID, &s.Revision, 1)
	return nil
}

func (t *tx) sealSelection(ctx context.Context, s *applications.Selection) (body, frozen, record []byte, err error) {
	b := *s
	b.Program, b.ID, b.State, b.Owner, b.Revision = "", "", "", "", 0
	b.LeaseUntil, b.Attempt, b.CancelAsked = time.Time{}, 0, false
	b.Frozen, b.Record = nil, nil
	if body, err = t.sealBody(ctx, s.Program, "selections", s.ID, &b); err != nil {
		return nil, nil, nil, err
	}
	if frozen, err = t.seal(ctx, s.Program, vault.Place{Table: "selections", Field: "frozen", Row: s.ID}, s.Frozen); err != nil {
		return nil, nil, nil, err
	}
	record, err = t.seal(ctx, s.Program, vault.Place{Table: "selections", Field: "record", Row: s.ID}, s.Record)
	return body, frozen, record, err
}

type selectionRow struct {
	program, id, state, owner string
	lease                     int64
	attempt, cancel           int
	revision                  int64
	body, frozen, record      []byte
}

func (r *selectionRow) dest() []any {
	return []any{&r.program, &r.id, &r.state, &r.owner, &r.lease, &r.attempt, &r.cancel, &r.revision, &r.body, &r.frozen, &r.record}
}

func (r *selectionRow) open(ctx context.Context, t *tx) (*applications.Selection, error) {
	s := &applications.Selection{}
	if err := t.openBody(ctx, r.program, "selections", r.id, r.body, s); err != nil {
		return nil, err
	}
	var err error
	if s.Frozen, err = t.unseal(ctx, r.program, vault.Place{Table: "selections", Field: "frozen", Row: r.id}, r.frozen); err != nil {
		return nil, err
	}
	if s.Record, err = t.unseal(ctx, r.program, vault.Place{Table: "selections", Field: "record", Row: r.id}, r.record); err != nil {
		return nil, err
	}
	s.Program, s.ID, s.State, s.Owner, s.Revision = r.program, r.id, applications.SelectionState(r.state), r.owner, r.revision
	s.LeaseUntil, s.Attempt, s.CancelAsked = fromMicros(r.lease), r.attempt, r.cancel == 1
	t.saw("selection", r.program, r.id, r.revision)
	toMicros(&s.CreateTime, &s.UpdateTime, &s.DoneTime, &s.OfferTime)
	for _, locks := range [][]applications.Lock{s.Include, s.Exclude} {
		for i := range locks {
			toMicros(&locks[i].Time)
		}
	}
	for i := range s.Steps {
		toMicros(&s.Steps[i].Time)
	}
	if s.Seal != nil {
		toMicros(&s.Seal.Time)
	}
	for i := range s.Commitments {
		toMicros(&s.Commitments[i].Time)
	}
	for i := range s.Draws {
		toMicros(&s.Draws[i].Time)
	}
	for i := range s.Choices {
		toMicros(&s.Choices[i].Time)
	}
	return s, nil
}

func (t *tx) Selection(ctx context.Context, program, id string) (*applications.Selection, error) {
	var row selectionRow
	found, err := t.one(ctx, querySelection, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("SELECTION", "selection")
	}
	return row.open(ctx, t)
}

func (t *tx) Selections(ctx context.Context, program, after string, limit int) ([]*applications.Selection, error) {
	return collect(t, ctx, querySelections, []any{program, after, bound(limit)}, func(r rows) (*selectionRow, error) {
		var s selectionRow
		return &s, r.Scan(s.dest()...)
	}, (*selectionRow).open)
}

func (t *tx) SelectionHeads(ctx context.Context, program, after string, limit int) ([]*applications.Selection, error) {
	return collect(t, ctx, queryHeads, []any{program, after, bound(limit)}, func(r rows) (*selectionRow, error) {
		var s selectionRow
		all := s.dest()
		return &s, r.Scan(all[:len(all)-2]...)
	}, (*selectionRow).open)
}

func (t *tx) UpdateSelection(ctx context.Context, s *applications.Selection) error {
	body, frozen, record, err := t.sealSelection(ctx, s)
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("SELECTION", "selection")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateSelection, s.Program, s.ID, s.Revision, string(s.State), s.Owner, micros(s.LeaseUntil), s.Attempt, toInt(s.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("selection", s.Program, s.ID, &s.Revision, s.Revision+1)
		return nil
	}
	if found, err := t.selectionExists(ctx, s.Program, s.ID); err != nil || !found {
		if err == nil {
			err = notFound("SELECTION", "selection")
		}
		return err
	}
	return t.stale(ctx, updateSelection, "selection", s.Program, s.ID, s.Revision)
}

func (t *tx) selectionExists(ctx context.Context, program, id string) (bool, error) {
	var one int
	return t.one(ctx, querySelectionExists, []any{program, id}, &one)
}

func (t *tx) ClaimSelection(ctx context.Context, owner string, now, leaseUntil time.Time) (*applications.Selection, error) {
	var row selectionRow
	found, err := t.one(ctx, claimSelection, []any{owner, micros(leaseUntil), micros(now)}, row.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return row.open(ctx, t)
}

func (t *tx) RenewLease(ctx context.Context, program, id, owner string, leaseUntil time.Time) (cancel bool, err error) {
	var asked int
	found, err := t.one(ctx, renewLease, []any{program, id, owner, micros(leaseUntil)}, &asked)
	if err != nil || found {
		return asked == 1, err
	}
	if found, err = t.selectionExists(ctx, program, id); err != nil {
		return false, err
	}
	if !found {
		return false, notFound("SELECTION", "selection")
	}
	return false, applications.Errorf(applications.FailedPrecondition, "LEASE_LOST", "this run is done, or somebody else works on it now")
}
