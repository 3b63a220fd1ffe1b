package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// mentoringStore is the same database, as package mentoring sees it.
type mentoringStore struct{ *Store }

// Mentoring returns the store of mentors and mentees, which is in the same
// database: a transaction of either domain is one of both.
func (s *Store) Mentoring() mentoring.Store { return mentoringStore{s} }

func (s mentoringStore) View(ctx context.Context, fn func(mentoring.Tx) error) error {
	return s.inTx(ctx, false, func(t *tx) error { return fn(t) })
}

func (s mentoringStore) Update(ctx context.Context, fn func(mentoring.Tx) error) error {
	return s.inTx(ctx, true, func(t *tx) error { return fn(t) })
}

var _ mentoring.Tx = (*tx)(nil)

var (
	queryHasProgram = newQuery(`SELECT 1 FROM programs WHERE id = $1`)
	queryIsMember   = newQuery(`SELECT 1 FROM offers WHERE program = $1 AND application = $2 AND state = 'ACCEPTED'`)

	insertPlan = newQuery(`INSERT INTO mentoring_plans (program, published, mentors, mentees, revision, body)
		VALUES ($1, '', 0, 0, 1, $2) ON CONFLICT DO NOTHING`)
	queryPlan      = newQuery(`SELECT revision, body FROM mentoring_plans WHERE program = $1`)
	lockPlan       = newQuery(`SELECT revision, body FROM mentoring_plans WHERE program = $1 ${for update}`)
	updatePlan     = newQuery(`UPDATE mentoring_plans SET body = $3, revision = revision + 1 WHERE program = $1 AND revision = $2`)
	queryPublished = newQuery(`SELECT published FROM mentoring_plans WHERE program = $1`)
	publish        = newQuery(`UPDATE mentoring_plans SET published = $3 WHERE program = $1 AND published = $2`)
	nextMentor     = newQuery(`UPDATE mentoring_plans SET mentors = mentors + 1 WHERE program = $1 RETURNING mentors`)
	nextMentee     = newQuery(`UPDATE mentoring_plans SET mentees = mentees + 1 WHERE program = $1 RETURNING mentees`)

	insertEnrollmentLink = newQuery(`INSERT INTO enrollment_links (hash, program, enrollment, generation, expire_time, use_time)
		VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING`)
	useEnrollmentLink = newQuery(`UPDATE enrollment_links SET use_time = $2 WHERE hash = $1 AND use_time = 0 AND expire_time > $2
		RETURNING program, enrollment, generation, expire_time`)
	deleteEnrollmentLinks = newQuery(`DELETE FROM enrollment_links WHERE program = $1 AND enrollment = $2`)

	insertDirective = newQuery(`INSERT INTO directives (program, id, mentee, mentor, in_force, revision, body)
		VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT DO NOTHING`)
	queryDirective  = newQuery(`SELECT program, id, mentee, mentor, revision, body FROM directives WHERE program = $1 AND id = $2`)
	queryDirectives = newQuery(`SELECT program, id, mentee, mentor, revision, body FROM directives
		WHERE program = $1 AND id > $2 AND in_force >= $3 ORDER BY id LIMIT $4`)
	updateDirective = newQuery(`UPDATE directives SET in_force = $4, body = $5, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3`)
)

func (t *tx) HasProgram(ctx context.Context, program string) error {
	var one int
	found, err := t.one(ctx, queryHasProgram, []any{program}, &one)
	if err == nil && !found {
		err = notFound("PROGRAM", "program")
	}
	return err
}

func (t *tx) IsMember(ctx context.Context, program, application string) (bool, error) {
	var one int
	return t.one(ctx, queryIsMember, []any{program, application}, &one)
}

func (t *tx) InsertPlan(ctx context.Context, p *mentoring.Plan) error {
	body, err := t.sealBody(ctx, p.Program, "mentoring_plans", p.Program, planBody(p))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertPlan, p.Program, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("PLAN", "plan")
	}
	t.renumber("plan", "", p.Program, &p.Revision, 1)
	return nil
}

func planBody(p *mentoring.Plan) *mentoring.Plan {
	b := *p
	b.Program, b.Revision = "", 0
	return &b
}

func (t *tx) Plan(ctx context.Context, program string) (*mentoring.Plan, error) {
	q := queryPlan
	if t.write {
		q = lockPlan
	}
	var revision int64
	var body []byte
	found, err := t.one(ctx, q, []any{program}, &revision, &body)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("PLAN", "plan: this program has no mentoring yet")
	}
	p := &mentoring.Plan{}
	if err := t.openBody(ctx, program, "mentoring_plans", program, body, p); err != nil {
		return nil, err
	}
	p.Program, p.Revision = program, revision
	t.saw("plan", "", program, revision)
	toMicros(&p.CreateTime, &p.UpdateTime)
	return p, nil
}

func (t *tx) UpdatePlan(ctx context.Context, p *mentoring.Plan) error {
	body, err := t.sealBody(ctx, p.Program, "mentoring_plans", p.Program, planBody(p))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("PLAN", "plan")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updatePlan, p.Program, p.Revision, body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("plan", "", p.Program, &p.Revision, p.Revision+1)
		return nil
	}
	var stored int64
	if found, err := t.one(ctx, queryPlan, []any{p.Program}, &stored, &body); err != nil || !found {
		if err == nil {
			err = notFound("PLAN", "plan")
		}
		return err
	}
	return t.stale(ctx, updatePlan, "plan", "", p.Program, p.Revision)
}

// staleOr is why an update with a revision changed nothing: the row is not
// there, or has another revision.
func (t *tx) staleOr(ctx context.Context, q, exists *query, noun, word, program, id string, revision int64) error {
	var stored int64
	found, err := t.one(ctx, exists, []any{program, id}, &stored)
	if err != nil {
		return err
	}
	if !found {
		return notFound(noun, word)
	}
	return t.stale(ctx, q, word, program, id, revision)
}

func (t *tx) Published(ctx context.Context, program string) (string, error) {
	var id string
	found, err := t.one(ctx, queryPublished, []any{program}, &id)
	if err == nil && !found {
		err = notFound("PLAN", "plan")
	}
	return id, err
}

func (t *tx) Publish(ctx context.Context, program, base, matching string) error {
	n, err := t.exec(ctx, publish, program, base, matching)
	if err == nil && n == 0 {
		err = applications.Errorf(applications.FailedPrecondition, "MATCHING_OVERTAKEN", "another run of this program was published since this one began")
	}
	return err
}

func (t *tx) NextEnrollment(ctx context.Context, program string, role mentoring.Role) (int, error) {
	q := nextMentee
	if role == mentoring.Mentor {
		q = nextMentor
	}
	var n int
	found, err := t.one(ctx, q, []any{program}, &n)
	if err == nil && !found {
		err = notFound("PLAN", "plan")
	}
	return n, err
}

func (t *tx) InsertEnrollmentLink(ctx context.Context, l *mentoring.Link) error {
	n, err := t.exec(ctx, insertEnrollmentLink, l.Hash, l.Program, l.Enrollment, l.Generation, micros(l.ExpireTime))
	if err == nil && n == 0 {
		err = exists("LINK", "link")
	}
	return err
}

func (t *tx) UseEnrollmentLink(ctx context.Context, hash []byte, now time.Time) (*mentoring.Link, error) {
	l := &mentoring.Link{Hash: hash, UseTime: now}
	var expires int64
	found, err := t.one(ctx, useEnrollmentLink, []any{hash, micros(now)}, &l.Program, &l.Enrollment, &l.Generation, &expires)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("LINK", "link")
	}
	l.ExpireTime = fromMicros(expires)
	return l, nil
}

func (t *tx) InsertDirective(ctx context.Context, d *mentoring.Directive) error {
	body, err := t.sealBody(ctx, d.Program, "directives", d.ID, directiveBody(d))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertDirective, d.Program, d.ID, d.Mentee, d.Mentor, toInt(d.LiftTime.IsZero()), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("directive", d.Program, d.ID, &d.Revision, 1)
		return nil
	}
	if _, err := t.Directive(ctx, d.Program, d.ID); err == nil {
		return exists("DIRECTIVE", "directive")
	} else if applications.CodeOf(err) != applications.NotFound {
		return err
	}
	return applications.Errorf(applications.AlreadyExists, "DIRECTIVE_IN_FORCE", "there is a directive about this pair already: lift it first")
}

func directiveBody(d *mentoring.Directive) *mentoring.Directive {
	b := *d
	b.Program, b.ID, b.Mentee, b.Mentor, b.Revision = "", "", "", "", 0
	return &b
}

type directiveRow struct {
	program, id, mentee, mentor string
	revision                    int64
	body                        []byte
}

func (r *directiveRow) dest() []any {
	return []any{&r.program, &r.id, &r.mentee, &r.mentor, &r.revision, &r.body}
}

func (r *directiveRow) open(ctx context.Context, t *tx) (*mentoring.Directive, error) {
	d := &mentoring.Directive{}
	if err := t.openBody(ctx, r.program, "directives", r.id, r.body, d); err != nil {
		return nil, err
	}
	d.Program, d.ID, d.Mentee, d.Mentor, d.Revision = r.program, r.id, r.mentee, r.mentor, r.revision
	t.saw("directive", r.program, r.id, r.revision)
	toMicros(&d.CreateTime, &d.LiftTime)
	return d, nil
}

func (t *tx) Directive(ctx context.Context, program, id string) (*mentoring.Directive, error) {
	var row directiveRow
	found, err := t.one(ctx, queryDirective, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("DIRECTIVE", "directive")
	}
	return row.open(ctx, t)
}

func (t *tx) Directives(ctx context.Context, q mentoring.DirectiveQuery) ([]*mentoring.Directive, error) {
	return collect(t, ctx, queryDirectives, []any{q.Program, q.AfterID, toInt(q.InForce), bound(q.Limit)}, func(r rows) (*directiveRow, error) {
		var d directiveRow
		return &d, r.Scan(d.dest()...)
	}, (*directiveRow).open)
}

func (t *tx) UpdateDirective(ctx context.Context, d *mentoring.Directive) error {
	body, err := t.sealBody(ctx, d.Program, "directives", d.ID, directiveBody(d))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("DIRECTIVE", "directive")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateDirective, d.Program, d.ID, d.Revision, toInt(d.LiftTime.IsZero()), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("directive", d.Program, d.ID, &d.Revision, d.Revision+1)
		return nil
	}
	return t.staleOr(ctx, updateDirective, queryDirectiveRevision, "DIRECTIVE", "directive", d.Program, d.ID, d.Revision)
}

var queryDirectiveRevision = newQuery(`SELECT revision FROM directives WHERE program = $1 AND id = $2`)
