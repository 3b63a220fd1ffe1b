package sqlstore

import (
	"context"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

const (
	mentorshipColumns = `program, id, mentee, mentor, state, revision, body`
	liveMentorships   = `('ACTIVE', 'ON_HOLD')`
)

var (
	insertMentorship = newQuery(`INSERT INTO mentorships (` + mentorshipColumns + `)
		VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT DO NOTHING`)
	queryMentorship         = newQuery(`SELECT ` + mentorshipColumns + ` FROM mentorships WHERE program = $1 AND id = $2`)
	queryMentorshipRevision = newQuery(`SELECT revision FROM mentorships WHERE program = $1 AND id = $2`)
	queryMentorships        = stateQueries(4, `SELECT `+mentorshipColumns+` FROM mentorships
		WHERE program = $1 AND id > $2 AND `+isPartner+` ${states} ORDER BY id LIMIT $4`, "state", 5)
	queryMentorshipsDown = stateQueries(4, `SELECT `+mentorshipColumns+` FROM mentorships
		WHERE program = $1 AND ($2 = '' OR id < $2) AND `+isPartner+` ${states} ORDER BY id DESC LIMIT $4`, "state", 5)
	updateMentorship = newQuery(`UPDATE mentorships SET state = $4, body = $5, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3 AND (state IN ` + liveMentorships + ` OR $4 NOT IN ` + liveMentorships + `)`)
)

func (t *tx) InsertMentorship(ctx context.Context, m *mentoring.Mentorship) error {
	body, err := t.sealBody(ctx, m.Program, "mentorships", m.ID, mentorshipBody(m))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertMentorship, m.Program, m.ID, m.Mentee, m.Mentor, string(m.State), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("mentorship", m.Program, m.ID, &m.Revision, 1)
		return nil
	}
	var revision int64
	if found, err := t.one(ctx, queryMentorshipRevision, []any{m.Program, m.ID}, &revision); err != nil {
		return err
	} else if found {
		return exists("MENTORSHIP", "mentorship")
	}
	return applications.Errorf(applications.AlreadyExists, "MENTORSHIP_LIVE", "these two have a mentorship already")
}

// mentorshipBody is a mentorship without what stands in columns.
func mentorshipBody(m *mentoring.Mentorship) *mentoring.Mentorship {
	b := *m
	b.Program, b.ID, b.Mentee, b.Mentor, b.State, b.Revision = "", "", "", "", "", 0
	return &b
}

type mentorshipRow struct {
	program, id, mentee, mentor, state string
	revision                           int64
	body                               []byte
}

func (r *mentorshipRow) dest() []any {
	return []any{&r.program, &r.id, &r.mentee, &r.mentor, &r.state, &r.revision, &r.body}
}

func (r *mentorshipRow) open(ctx context.Context, t *tx) (*mentoring.Mentorship, error) {
	m := &mentoring.Mentorship{}
	if err := t.openBody(ctx, r.program, "mentorships", r.id, r.body, m); err != nil {
		return nil, err
	}
	m.Program, m.ID, m.Mentee, m.Mentor, m.State, m.Revision = r.program, r.id, r.mentee, r.mentor, mentoring.MentorshipState(r.state), r.revision
	t.saw("mentorship", r.program, r.id, r.revision)
	toMicros(&m.CreateTime, &m.UpdateTime, &m.EndTime)
	for i := range m.Meetings {
		toMicros(&m.Meetings[i].Time)
	}
	for i := range m.Goals {
		toMicros(&m.Goals[i].Time)
	}
	for _, v := range []*mentoring.Survey{m.MenteeSurvey, m.MentorSurvey} {
		if v != nil {
			toMicros(&v.Time)
		}
	}
	return m, nil
}

func (t *tx) Mentorship(ctx context.Context, program, id string) (*mentoring.Mentorship, error) {
	var row mentorshipRow
	found, err := t.one(ctx, queryMentorship, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("MENTORSHIP", "mentorship")
	}
	return row.open(ctx, t)
}

func (t *tx) Mentorships(ctx context.Context, q mentoring.MentorshipQuery) ([]*mentoring.Mentorship, error) {
	queries := queryMentorships
	if q.Descending {
		queries = queryMentorshipsDown
	}
	list, args, err := withStates(queries, q.States, q.Program, q.AfterID, q.Enrollment, bound(q.Limit))
	if err != nil {
		return nil, err
	}
	return collect(t, ctx, list, args, func(r rows) (*mentorshipRow, error) {
		var m mentorshipRow
		return &m, r.Scan(m.dest()...)
	}, (*mentorshipRow).open)
}

func (t *tx) UpdateMentorship(ctx context.Context, m *mentoring.Mentorship) error {
	body, err := t.sealBody(ctx, m.Program, "mentorships", m.ID, mentorshipBody(m))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("MENTORSHIP", "mentorship")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateMentorship, m.Program, m.ID, m.Revision, string(m.State), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("mentorship", m.Program, m.ID, &m.Revision, m.Revision+1)
		return nil
	}
	var revision int64
	found, err := t.one(ctx, queryMentorshipRevision, []any{m.Program, m.ID}, &revision)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("MENTORSHIP", "mentorship")
	case revision != m.Revision:
		return t.stale(ctx, updateMentorship, "mentorship", m.Program, m.ID, m.Revision)
	}
	return applications.Errorf(applications.FailedPrecondition, "MENTORSHIP_OVER", "a mentorship that is over does not begin again: propose the pair once more")
}
