package sqlstore

import (
	"context"
	"math"

	"github.com/openfairlead/fairlead/applications"
)

var (
	insertProgram        = newQuery(`INSERT INTO programs (id, state, revision, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`)
	insertProgramCounter = newQuery(`INSERT INTO program_counters (program, applications) VALUES ($1, 0)`)
	queryProgram         = newQuery(`SELECT p.state, p.revision, p.body, c.applications
		FROM programs p JOIN program_counters c ON c.program = p.id WHERE p.id = $1`)
	// Who changes something of a program reads it first, and relies on the state
	// that it is in: so those take turns.
	lockProgram = newQuery(`SELECT p.state, p.revision, p.body, c.applications
		FROM programs p JOIN program_counters c ON c.program = p.id WHERE p.id = $1 ${for no key update of p}`)
	queryPrograms = stateQueries(9, `SELECT p.id, p.state, p.revision, p.body, c.applications
		FROM programs p JOIN program_counters c ON c.program = p.id
		WHERE p.id > $1 ${states} ORDER BY p.id LIMIT $2`, "p.state", 3)
	updateProgram = newQuery(`UPDATE programs SET state = $3, body = $4, revision = revision + 1 WHERE id = $1 AND revision = $2`)
	nextCode      = newQuery(`UPDATE program_counters SET applications = applications + 1 WHERE program = $1 RETURNING applications`)
)

// programParts are deleted with a program, in this order: what refers to
// something comes before it.
var programParts = []*query{
	eraseReasons,
	newQuery(`DELETE FROM requests WHERE program = $1`),
	newQuery(`DELETE FROM links WHERE program = $1`),
	newQuery(`DELETE FROM introduction_members WHERE program = $1`),
	newQuery(`DELETE FROM introductions WHERE program = $1`),
	newQuery(`DELETE FROM network_rounds WHERE program = $1`),
	newQuery(`DELETE FROM network_links WHERE program = $1`),
	newQuery(`DELETE FROM network_members WHERE program = $1`),
	newQuery(`DELETE FROM networks WHERE program = $1`),
	newQuery(`DELETE FROM mentorships WHERE program = $1`),
	newQuery(`DELETE FROM proposals WHERE program = $1`),
	newQuery(`DELETE FROM matchings WHERE program = $1`),
	newQuery(`DELETE FROM directives WHERE program = $1`),
	newQuery(`DELETE FROM enrollment_links WHERE program = $1`),
	newQuery(`DELETE FROM enrollment_places WHERE program = $1`),
	newQuery(`DELETE FROM enrollments WHERE program = $1`),
	newQuery(`DELETE FROM mentoring_plans WHERE program = $1`),
	newQuery(`DELETE FROM offers WHERE program = $1`),
	newQuery(`DELETE FROM program_seats WHERE program = $1`),
	newQuery(`DELETE FROM selections WHERE program = $1`),
	newQuery(`DELETE FROM applications WHERE program = $1`),
	newQuery(`DELETE FROM policies WHERE program = $1`),
	newQuery(`DELETE FROM criteria WHERE program = $1`),
	newQuery(`DELETE FROM forms WHERE program = $1`),
	newQuery(`DELETE FROM program_counters WHERE program = $1`),
	deleteDataKeys,
}

var deleteProgram = newQuery(`DELETE FROM programs WHERE id = $1`)

func (t *tx) InsertProgram(ctx context.Context, p *applications.Program) error {
	if p.ID == installation {
		return applications.Invalid("PROGRAM_ID_MISSING", "a program needs an id", applications.Violation{Field: "id", Message: "is empty"})
	}
	if !t.write {
		return errReadOnly
	}
	k, wrapped, err := t.s.vault.NewDataKey(p.ID)
	if err != nil {
		return err
	}
	plain, err := encode(programBody(p))
	if err != nil {
		return err
	}
	body, err := k.Seal(bodyPlace("programs", p.ID), plain)
	if err != nil {
		return err
	}
	// First the row that tells whether there is one already, then its key.
	n, err := t.exec(ctx, insertProgram, p.ID, string(p.State), 1, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("PROGRAM", "program")
	}
	if err := t.storeDataKey(ctx, k, wrapped); err != nil {
		return err
	}
	if _, err := t.exec(ctx, insertProgramCounter, p.ID); err != nil {
		return err
	}
	t.renumber("program", "", p.ID, &p.Revision, 1)
	return nil
}

// programBody is a program without what stands in columns.
func programBody(p *applications.Program) *applications.Program {
	b := *p
	b.ID, b.State, b.Revision, b.ApplicationCount = "", "", 0, 0
	return &b
}

func (t *tx) Program(ctx context.Context, id string) (*applications.Program, error) {
	row, q := programRow{id: id}, queryProgram
	if t.write {
		q = lockProgram
	}
	found, err := t.one(ctx, q, []any{id}, &row.state, &row.revision, &row.body, &row.count)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("PROGRAM", "program")
	}
	return row.open(ctx, t)
}

type programRow struct {
	id, state string
	revision  int64
	body      []byte
	count     int
}

func (r *programRow) open(ctx context.Context, t *tx) (*applications.Program, error) {
	p := &applications.Program{}
	if err := t.openBody(ctx, r.id, "programs", r.id, r.body, p); err != nil {
		return nil, err
	}
	p.ID, p.State, p.Revision, p.ApplicationCount = r.id, applications.ProgramState(r.state), r.revision, r.count
	t.saw("program", "", r.id, r.revision)
	toMicros(&p.Window.Opens, &p.Window.Closes, &p.CreateTime, &p.UpdateTime, &p.OpenTime, &p.CloseTime, &p.DeleteTime)
	return p, nil
}

func (t *tx) Programs(ctx context.Context, states []applications.ProgramState, after string, limit int) ([]*applications.Program, error) {
	q, args, err := withStates(queryPrograms, states, after, bound(limit))
	if err != nil {
		return nil, err
	}
	return collect(t, ctx, q, args, func(r rows) (*programRow, error) {
		var p programRow
		return &p, r.Scan(&p.id, &p.state, &p.revision, &p.body, &p.count)
	}, (*programRow).open)
}

func (t *tx) UpdateProgram(ctx context.Context, p *applications.Program) error {
	body, err := t.sealBody(ctx, p.ID, "programs", p.ID, programBody(p))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateProgram, p.ID, p.Revision, string(p.State), body)
	if err != nil {
		return err
	}
	if n == 0 {
		// That the program exists is known: sealing its body found its key.
		return t.stale(ctx, updateProgram, "program", "", p.ID, p.Revision)
	}
	t.renumber("program", "", p.ID, &p.Revision, p.Revision+1)
	return nil
}

func (t *tx) DeleteProgram(ctx context.Context, id string) error {
	if _, err := t.currentKey(ctx, id); err != nil || id == installation {
		if err == nil {
			err = notFound("PROGRAM", "program")
		}
		return err
	}
	if err := t.flushEvents(ctx); err != nil {
		return err
	}
	for _, q := range programParts {
		if _, err := t.exec(ctx, q, id); err != nil {
			return err
		}
	}
	if _, err := t.exec(ctx, deleteProgram, id); err != nil {
		return err
	}
	delete(t.keys, id)
	t.committed = append(t.committed, func() { t.s.forget(id) })
	return nil
}

func (t *tx) NextCode(ctx context.Context, program string) (int, error) {
	var n int
	found, err := t.one(ctx, nextCode, []any{program}, &n)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, notFound("PROGRAM", "program")
	}
	return n, nil
}

// bound turns "at most limit, or all for 0" into a LIMIT that every database
// takes.
func bound(limit int) int64 {
	if limit <= 0 {
		return math.MaxInt64
	}
	return int64(limit)
}
