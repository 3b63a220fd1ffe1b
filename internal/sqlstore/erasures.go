package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var (
	eraseApplication = newQuery(`UPDATE applications SET state = $4, body = $5, return_code = NULL, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
	deleteLinks  = newQuery(`DELETE FROM links WHERE program = $1 AND application = $2`)
	eraseAnswers = newQuery(`UPDATE requests SET answer = NULL, hash = $3 WHERE program = $1 AND resource = $2`)
	eraseReason  = newQuery(`UPDATE events SET reason = NULL
		WHERE reason IS NOT NULL AND (resource = $1 OR substr(resource, 1, length($1) + 1) = $1 || '/')`)

	insertErasure = newQuery(`INSERT INTO erasures (program, application, program_create_time, create_time)
		VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`)
	queryErasures = newQuery(`SELECT program, application, program_create_time, create_time FROM erasures
		WHERE create_time >= $1 ORDER BY create_time, program, application, program_create_time`)
)

func (t *tx) EraseApplication(ctx context.Context, a *applications.Application) error {
	body, err := t.sealBody(ctx, a.Program, "applications", a.ID, applicationBody(a))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("APPLICATION", "application")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, eraseApplication, a.Program, a.ID, a.Revision, string(a.State), body)
	if err != nil {
		return err
	}
	if n == 0 {
		var revision int64
		if found, err := t.one(ctx, queryApplicationExists, []any{a.Program, a.ID}, &revision); err != nil {
			return err
		} else if !found {
			return notFound("APPLICATION", "application")
		}
		return t.stale(ctx, eraseApplication, "application", a.Program, a.ID, a.Revision)
	}
	t.renumber("application", a.Program, a.ID, &a.Revision, a.Revision+1)
	_, err = t.exec(ctx, deleteLinks, a.Program, a.ID)
	return err
}

func (t *tx) EraseAnswers(ctx context.Context, program, resource string) error {
	_, err := t.exec(ctx, eraseAnswers, program, resource, []byte{})
	return err
}

func (t *tx) EraseReasons(ctx context.Context, resource string) error {
	if err := t.flushEvents(ctx); err != nil {
		return err
	}
	_, err := t.exec(ctx, eraseReason, resource)
	return err
}

func (t *tx) AddErasure(ctx context.Context, e *applications.Erasure) error {
	_, err := t.exec(ctx, insertErasure, e.Program, e.Application, micros(e.ProgramCreated), micros(e.Time))
	return err
}

func (t *tx) Erasures(ctx context.Context, since time.Time) ([]applications.Erasure, error) {
	var all []applications.Erasure
	err := t.each(ctx, queryErasures, []any{micros(since)}, func(r rows) error {
		var e applications.Erasure
		var created, at int64
		if err := r.Scan(&e.Program, &e.Application, &created, &at); err != nil {
			return err
		}
		e.ProgramCreated, e.Time = fromMicros(created), fromMicros(at)
		all = append(all, e)
		return nil
	})
	return all, err
}

// scrubber is a database that keeps what was overwritten or deleted until it is
// told to let go of it.
type scrubber interface {
	scrub(ctx context.Context) error
}

// Scrub implements applications.Store.
func (s *Store) Scrub(ctx context.Context) error {
	db, ok := s.db.(scrubber)
	if !ok {
		return nil
	}
	if err := db.scrub(ctx); err != nil {
		return s.explain(ctx, err)
	}
	return nil
}

// Scrubs reports whether Scrub may do its work: on PostgreSQL only for who owns
// the tables or the database.
func (s *Store) Scrubs(ctx context.Context) (bool, error) {
	db, ok := s.db.(*postgresDB)
	if !ok {
		return true, nil
	}
	may, err := db.scrubs(ctx)
	if err != nil {
		return false, s.explain(ctx, err)
	}
	return may, nil
}
