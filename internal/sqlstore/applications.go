package sqlstore

import (
	"context"

	"github.com/openfairlead/fairlead/applications"
)

var (
	insertApplication = newQuery(`INSERT INTO applications (program, id, code, state, revision, return_code, body)
		VALUES ($1, $2, $3, $4, 1, $5, $6) ON CONFLICT DO NOTHING`)
	queryApplicationClash = newQuery(`SELECT
		(SELECT count(*) FROM applications WHERE program = $1 AND id = $2),
		(SELECT count(*) FROM applications WHERE program = $1 AND code = $3)`)
	queryApplication             = newQuery(`SELECT id, code, state, revision, body FROM applications WHERE program = $1 AND id = $2`)
	queryApplicationByCode       = newQuery(`SELECT id, code, state, revision, body FROM applications WHERE program = $1 AND code = $2`)
	queryApplicationByReturnCode = newQuery(`SELECT id, code, state, revision, body FROM applications WHERE program = $1 AND return_code = $2`)
	queryApplicationExists       = newQuery(`SELECT revision FROM applications WHERE program = $1 AND id = $2`)
	queryApplications            = stateQueries(11, `SELECT id, code, state, revision, body FROM applications
		WHERE program = $1 AND id > $2 ${states} ORDER BY id LIMIT $3`, "state", 4)
	queryApplicationsDown = stateQueries(11, `SELECT id, code, state, revision, body FROM applications
		WHERE program = $1 AND ($2 = '' OR id < $2) ${states} ORDER BY id DESC LIMIT $3`, "state", 4)
	queryApplicationMarks = stateQueries(11, `SELECT id, revision FROM applications WHERE program = $1 ${states} ORDER BY id`, "state", 2)
	countApplications     = newQuery(`SELECT state, count(*) FROM applications WHERE program = $1 GROUP BY state`)
	updateApplication     = newQuery(`UPDATE applications SET state = $4, body = $5, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
	updateApplicationAndCode = newQuery(`UPDATE applications SET state = $4, body = $5, return_code = $6, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3
		AND NOT EXISTS (SELECT 1 FROM applications o WHERE o.program = $1 AND o.return_code = $6 AND o.id <> $2)`)
)

func (t *tx) InsertApplication(ctx context.Context, a *applications.Application, returnCodeHash []byte) error {
	body, err := t.sealBody(ctx, a.Program, "applications", a.ID, applicationBody(a))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertApplication, a.Program, a.ID, a.Code, string(a.State), orNull(returnCodeHash), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("application", a.Program, a.ID, &a.Revision, 1)
		return nil
	}
	var id, code int
	if _, err := t.one(ctx, queryApplicationClash, []any{a.Program, a.ID, a.Code}, &id, &code); err != nil {
		return err
	}
	switch {
	case id > 0:
		return exists("APPLICATION", "application")
	case code > 0:
		return exists("APPLICATION_CODE", "application code")
	default:
		return exists("RETURN_CODE", "return code")
	}
}

func applicationBody(a *applications.Application) *applications.Application {
	b := *a
	b.Program, b.ID, b.Code, b.State, b.Revision = "", "", "", "", 0
	return &b
}

type applicationRow struct {
	program, id, code, state string
	revision                 int64
	body                     []byte
}

func (r *applicationRow) dest() []any { return []any{&r.id, &r.code, &r.state, &r.revision, &r.body} }

func (r *applicationRow) open(ctx context.Context, t *tx) (*applications.Application, error) {
	a := &applications.Application{}
	if err := t.openBody(ctx, r.program, "applications", r.id, r.body, a); err != nil {
		return nil, err
	}
	a.Program, a.ID, a.Code, a.State, a.Revision = r.program, r.id, r.code, applications.ApplicationState(r.state), r.revision
	t.saw("application", r.program, r.id, r.revision)
	toMicros(&a.CreateTime, &a.UpdateTime, &a.SubmitTime, &a.ExtendedUntil)
	for i := range a.Consents {
		toMicros(&a.Consents[i].Time)
	}
	return a, nil
}

func (t *tx) application(ctx context.Context, q *query, program string, key any) (*applications.Application, error) {
	row := applicationRow{program: program}
	found, err := t.one(ctx, q, []any{program, key}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("APPLICATION", "application")
	}
	return row.open(ctx, t)
}

func (t *tx) Application(ctx context.Context, program, id string) (*applications.Application, error) {
	return t.application(ctx, queryApplication, program, id)
}

func (t *tx) ApplicationByCode(ctx context.Context, program, code string) (*applications.Application, error) {
	return t.application(ctx, queryApplicationByCode, program, code)
}

func (t *tx) ApplicationByReturnCode(ctx context.Context, program string, hash []byte) (*applications.Application, error) {
	return t.application(ctx, queryApplicationByReturnCode, program, hash)
}

func (t *tx) Applications(ctx context.Context, q applications.ApplicationQuery) ([]*applications.Application, error) {
	queries := queryApplications
	if q.Descending {
		queries = queryApplicationsDown
	}
	list, args, err := withStates(queries, q.States, q.Program, q.AfterID, bound(q.Limit))
	if err != nil {
		return nil, err
	}
	return collect(t, ctx, list, args, func(r rows) (*applicationRow, error) {
		a := applicationRow{program: q.Program}
		return &a, r.Scan(a.dest()...)
	}, (*applicationRow).open)
}

func (t *tx) ApplicationMarks(ctx context.Context, program string, states []applications.ApplicationState) ([]applications.ApplicationMark, error) {
	list, args, err := withStates(queryApplicationMarks, states, program)
	if err != nil {
		return nil, err
	}
	var marks []applications.ApplicationMark
	err = t.each(ctx, list, args, func(r rows) error {
		var m applications.ApplicationMark
		if err := r.Scan(&m.ID, &m.Revision); err != nil {
			return err
		}
		marks = append(marks, m)
		return nil
	})
	return marks, err
}

func (t *tx) CountApplications(ctx context.Context, program string) (map[applications.ApplicationState]int, error) {
	counts := map[applications.ApplicationState]int{}
	err := t.each(ctx, countApplications, []any{program}, func(r rows) error {
		var state string
		var n int
		if err := r.Scan(&state, &n); err != nil {
			return err
		}
		counts[applications.ApplicationState(state)] = n
		return nil
	})
	return counts, err
}

func (t *tx) UpdateApplication(ctx context.Context, a *applications.Application, returnCodeHash []byte) error {
	body, err := t.sealBody(ctx, a.Program, "applications", a.ID, applicationBody(a))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("APPLICATION", "application")
	}
	if err != nil {
		return err
	}
	q, args := updateApplication, []any{a.Program, a.ID, a.Revision, string(a.State), body}
	if len(returnCodeHash) > 0 {
		q, args = updateApplicationAndCode, append(args, returnCodeHash)
	}
	n, err := t.exec(ctx, q, args...)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("application", a.Program, a.ID, &a.Revision, a.Revision+1)
		return nil
	}
	var revision int64
	found, err := t.one(ctx, queryApplicationExists, []any{a.Program, a.ID}, &revision)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("APPLICATION", "application")
	case revision != a.Revision:
		return t.stale(ctx, q, "application", a.Program, a.ID, a.Revision)
	default:
		return exists("RETURN_CODE", "return code")
	}
}

// orNull keeps an absent hash out of the unique key: any number of rows may
// have none.
func orNull(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}
