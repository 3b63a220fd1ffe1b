package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

const enrollmentColumns = `program, id, code, role, state, origin_program, origin_application, revision, body`

var (
	insertEnrollment = newQuery(`INSERT INTO enrollments (` + enrollmentColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8) ON CONFLICT DO NOTHING`)
	queryEnrollment         = newQuery(`SELECT ` + enrollmentColumns + ` FROM enrollments WHERE program = $1 AND id = $2`)
	queryEnrollmentByCode   = newQuery(`SELECT ` + enrollmentColumns + ` FROM enrollments WHERE program = $1 AND code = $2`)
	queryEnrollmentRevision = newQuery(`SELECT revision FROM enrollments WHERE program = $1 AND id = $2`)
	queryOriginEnrolled     = newQuery(`SELECT 1 FROM enrollments
		WHERE origin_program = $1 AND origin_application = $2 AND program = $3 AND role = $4 AND origin_application <> ''`)
	queryEnrollments = stateQueries(7, `SELECT `+enrollmentColumns+` FROM enrollments
		WHERE program = $1 AND id > $2 AND ($3 = '' OR role = $3) ${states} ORDER BY id LIMIT $4`, "state", 5)
	queryEnrollmentsDown = stateQueries(7, `SELECT `+enrollmentColumns+` FROM enrollments
		WHERE program = $1 AND ($2 = '' OR id < $2) AND ($3 = '' OR role = $3) ${states} ORDER BY id DESC LIMIT $4`, "state", 5)
	queryEnrollmentsFrom = newQuery(`SELECT ` + enrollmentColumns + ` FROM enrollments
		WHERE origin_program = $1 AND origin_application = $2 AND origin_application <> '' ORDER BY program, id`)
	updateEnrollment = newQuery(`UPDATE enrollments SET state = $4, body = $5, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
	eraseEnrollment = newQuery(`UPDATE enrollments SET state = $4, body = $5, origin_program = '', origin_application = '', revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)

	insertPlaces = newQuery(`INSERT INTO enrollment_places (program, enrollment, total, proposed, taken) VALUES ($1, $2, $3, 0, 0)`)
	setPlaces    = newQuery(`UPDATE enrollment_places SET total = $3 WHERE program = $1 AND enrollment = $2 AND total <> $3`)
	queryPlaces  = newQuery(`SELECT total, proposed, taken FROM enrollment_places WHERE program = $1 AND enrollment = $2`)
	allPlaces    = newQuery(`SELECT enrollment, total, proposed, taken FROM enrollment_places WHERE program = $1`)
	proposePlace = newQuery(`UPDATE enrollment_places SET proposed = proposed + 1
		WHERE program = $1 AND enrollment = $2 AND ($3 = 1 OR proposed < total)`)
	proposePlaces = proposingPlaces()
	takePlace     = newQuery(`UPDATE enrollment_places SET taken = taken + 1 WHERE program = $1 AND enrollment = $2 AND taken < total`)
	freePlace     = newQuery(`UPDATE enrollment_places SET proposed = proposed - 1, taken = taken - $3
		WHERE program = $1 AND enrollment = $2 AND proposed > 0 AND taken >= $3`)
)

func (t *tx) InsertEnrollment(ctx context.Context, e *mentoring.Enrollment) error {
	body, err := t.sealBody(ctx, e.Program, "enrollments", e.ID, enrollmentBody(e))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertEnrollment, e.Program, e.ID, e.Code, string(e.Role), string(e.State), e.Origin.Program, e.Origin.Application, body)
	if err != nil {
		return err
	}
	if n == 0 {
		var one int
		found, err := t.one(ctx, queryOriginEnrolled, []any{e.Origin.Program, e.Origin.Application, e.Program, string(e.Role)}, &one)
		if err != nil {
			return err
		}
		if found {
			return applications.Errorf(applications.AlreadyExists, "ORIGIN_ENROLLED", "this application is enrolled in that role already")
		}
		return exists("ENROLLMENT", "enrollment")
	}
	if _, err := t.exec(ctx, insertPlaces, e.Program, e.ID, e.Seats+e.Wanted); err != nil {
		return err
	}
	t.renumber("enrollment", e.Program, e.ID, &e.Revision, 1)
	return nil
}

// enrollmentBody is an enrollment without what stands in columns.
func enrollmentBody(e *mentoring.Enrollment) *mentoring.Enrollment {
	b := *e
	b.Program, b.ID, b.Code, b.Role, b.State, b.Origin, b.Revision = "", "", "", "", "", mentoring.Origin{}, 0
	return &b
}

type enrollmentRow struct {
	program, id, code, role, state, originProgram, originApplication string
	revision                                                         int64
	body                                                             []byte
}

func (r *enrollmentRow) dest() []any {
	return []any{&r.program, &r.id, &r.code, &r.role, &r.state, &r.originProgram, &r.originApplication, &r.revision, &r.body}
}

func (r *enrollmentRow) open(ctx context.Context, t *tx) (*mentoring.Enrollment, error) {
	e := &mentoring.Enrollment{}
	if err := t.openBody(ctx, r.program, "enrollments", r.id, r.body, e); err != nil {
		return nil, err
	}
	e.Program, e.ID, e.Code, e.Role, e.State, e.Revision = r.program, r.id, r.code, mentoring.Role(r.role), mentoring.EnrollmentState(r.state), r.revision
	e.Origin = mentoring.Origin{Program: r.originProgram, Application: r.originApplication}
	t.saw("enrollment", r.program, r.id, r.revision)
	toMicros(&e.CreateTime, &e.UpdateTime, &e.SubmitTime, &e.WaitSince)
	for i := range e.Consents {
		toMicros(&e.Consents[i].Time)
	}
	return e, nil
}

func (t *tx) Enrollment(ctx context.Context, program, id string) (*mentoring.Enrollment, error) {
	return t.oneEnrollment(ctx, queryEnrollment, program, id)
}

func (t *tx) EnrollmentByCode(ctx context.Context, program, code string) (*mentoring.Enrollment, error) {
	return t.oneEnrollment(ctx, queryEnrollmentByCode, program, code)
}

func (t *tx) oneEnrollment(ctx context.Context, q *query, key ...any) (*mentoring.Enrollment, error) {
	var row enrollmentRow
	found, err := t.one(ctx, q, key, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("ENROLLMENT", "enrollment")
	}
	return row.open(ctx, t)
}

func (t *tx) Enrollments(ctx context.Context, q mentoring.EnrollmentQuery) ([]*mentoring.Enrollment, error) {
	queries := queryEnrollments
	if q.Descending {
		queries = queryEnrollmentsDown
	}
	list, args, err := withStates(queries, q.States, q.Program, q.AfterID, string(q.Role), bound(q.Limit))
	if err != nil {
		return nil, err
	}
	return t.listEnrollments(ctx, list, args)
}

func (t *tx) EnrollmentsFrom(ctx context.Context, o mentoring.Origin) ([]*mentoring.Enrollment, error) {
	return t.listEnrollments(ctx, queryEnrollmentsFrom, []any{o.Program, o.Application})
}

func (t *tx) listEnrollments(ctx context.Context, q *query, args []any) ([]*mentoring.Enrollment, error) {
	return collect(t, ctx, q, args, func(r rows) (*enrollmentRow, error) {
		var e enrollmentRow
		return &e, r.Scan(e.dest()...)
	}, (*enrollmentRow).open)
}

func (t *tx) UpdateEnrollment(ctx context.Context, e *mentoring.Enrollment) error {
	if err := t.changeEnrollment(ctx, updateEnrollment, e); err != nil {
		return err
	}
	_, err := t.exec(ctx, setPlaces, e.Program, e.ID, e.Seats+e.Wanted)
	return err
}

func (t *tx) EraseEnrollment(ctx context.Context, e *mentoring.Enrollment) error {
	if err := t.changeEnrollment(ctx, eraseEnrollment, e); err != nil {
		return err
	}
	if _, err := t.exec(ctx, setPlaces, e.Program, e.ID, 0); err != nil {
		return err
	}
	_, err := t.exec(ctx, deleteEnrollmentLinks, e.Program, e.ID)
	return err
}

func (t *tx) changeEnrollment(ctx context.Context, q *query, e *mentoring.Enrollment) error {
	body, err := t.sealBody(ctx, e.Program, "enrollments", e.ID, enrollmentBody(e))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("ENROLLMENT", "enrollment")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, q, e.Program, e.ID, e.Revision, string(e.State), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("enrollment", e.Program, e.ID, &e.Revision, e.Revision+1)
		return nil
	}
	return t.staleOr(ctx, q, queryEnrollmentRevision, "ENROLLMENT", "enrollment", e.Program, e.ID, e.Revision)
}

func (t *tx) Places(ctx context.Context, program, enrollment string) (mentoring.Places, error) {
	var p mentoring.Places
	found, err := t.one(ctx, queryPlaces, []any{program, enrollment}, &p.Total, &p.Proposed, &p.Taken)
	if err == nil && !found {
		err = notFound("ENROLLMENT", "enrollment")
	}
	return p, err
}

func (t *tx) AllPlaces(ctx context.Context, program string) (map[string]mentoring.Places, error) {
	all := map[string]mentoring.Places{}
	err := t.each(ctx, allPlaces, []any{program}, func(r rows) error {
		var id string
		var p mentoring.Places
		if err := r.Scan(&id, &p.Total, &p.Proposed, &p.Taken); err != nil {
			return err
		}
		all[id] = p
		return nil
	})
	return all, err
}

func (t *tx) ProposePlace(ctx context.Context, program, enrollment string, beyond bool) error {
	n, err := t.exec(ctx, proposePlace, program, enrollment, toInt(beyond))
	if err == nil && n == 0 {
		err = placesFull()
	}
	return err
}

// placesAtOnce is how many people one statement counts a proposal for.
const placesAtOnce = 100

func proposingPlaces() *query {
	var ids []string
	for k := range placesAtOnce {
		ids = append(ids, fmt.Sprintf(`$%d`, k+2))
	}
	return newQuery(`UPDATE enrollment_places SET proposed = proposed + 1
		WHERE program = $1 AND enrollment IN (` + strings.Join(ids, `, `) + `) AND proposed < total`)
}

func (t *tx) ProposePlaces(ctx context.Context, program string, enrollments []string) error {
	for left := slices.Sorted(slices.Values(enrollments)); len(left) > 0; {
		// Once for everybody, then again for those who are named again.
		var once, again []string
		for k, id := range left {
			if k > 0 && id == left[k-1] {
				again = append(again, id)
			} else {
				once = append(once, id)
			}
		}
		for some := range slices.Chunk(once, placesAtOnce) {
			args := []any{program}
			for k := range placesAtOnce {
				args = append(args, some[min(k, len(some)-1)])
			}
			n, err := t.exec(ctx, proposePlaces, args...)
			if err != nil {
				return err
			}
			if n < int64(len(some)) {
				return placesFull()
			}
		}
		left = again
	}
	return nil
}

func placesFull() error {
	return applications.Errorf(applications.FailedPrecondition, "PLACES_FULL", "every place of this person has a proposal or a mentorship already")
}

func (t *tx) TakePlace(ctx context.Context, program, enrollment string) error {
	n, err := t.exec(ctx, takePlace, program, enrollment)
	if err == nil && n == 0 {
		err = applications.Errorf(applications.FailedPrecondition, "PLACES_TAKEN", "every place of this person is taken")
	}
	return err
}

func (t *tx) FreePlace(ctx context.Context, program, enrollment string, taken bool) error {
	n, err := t.exec(ctx, freePlace, program, enrollment, toInt(taken))
	if err == nil && n == 0 {
		err = t.fail(ctx, freePlace, errors.New("a place was to be freed that was never counted"))
	}
	return err
}
