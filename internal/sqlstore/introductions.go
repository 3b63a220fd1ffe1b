package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/introductions"
)

const introductionColumns = `program, network, id, round, state, expire_time, revision, body`

var (
	insertIntroduction = newQuery(`INSERT INTO introductions (` + introductionColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, 1, $7) ON CONFLICT DO NOTHING`)
	insertIntroduced = newQuery(`INSERT INTO introduction_members (program, introduction, member, waited, skipped, introduce_time)
		VALUES ($1, $2, $3, $4, $5, $6)`)
	queryIntroduction         = newQuery(`SELECT ` + introductionColumns + ` FROM introductions WHERE program = $1 AND id = $2 AND network = $3`)
	queryIntroductionRevision = newQuery(`SELECT revision FROM introductions WHERE program = $1 AND id = $2 AND network = $3`)
	queryIntroductions        = stateQueries(5, `SELECT `+introductionColumns+` FROM introductions
		WHERE program = $1 AND network = $2 AND id > $3 ${states} ORDER BY id LIMIT $4`, "state", 5)
	queryIntroductionsDown = stateQueries(5, `SELECT `+introductionColumns+` FROM introductions
		WHERE program = $1 AND network = $2 AND ($3 = '' OR id < $3) ${states} ORDER BY id DESC LIMIT $4`, "state", 5)
	queryIntroductionsOf = stateQueries(5, `SELECT `+introductionColumns+` FROM introductions
		WHERE program = $1 AND network = $2 AND id > $3 AND id IN (SELECT introduction FROM introduction_members WHERE program = $1 AND member = $5)
		${states} ORDER BY id LIMIT $4`, "state", 6)
	queryIntroductionsOfDown = stateQueries(5, `SELECT `+introductionColumns+` FROM introductions
		WHERE program = $1 AND network = $2 AND ($3 = '' OR id < $3) AND id IN (SELECT introduction FROM introduction_members WHERE program = $1 AND member = $5)
		${states} ORDER BY id DESC LIMIT $4`, "state", 6)
	queryDueIntroductions = newQuery(`SELECT program, network, id FROM introductions
		WHERE state = 'PROPOSED' AND expire_time <= $1 ORDER BY expire_time, program, id LIMIT $2`)
	updateIntroduction = newQuery(`UPDATE introductions SET state = $5, expire_time = $6, body = $7, revision = revision + 1
		WHERE program = $1 AND id = $2 AND network = $3 AND revision = $4 AND (state = 'PROPOSED' OR $5 <> 'PROPOSED')`)
	queryBefore = newQuery(`SELECT member, waited, skipped, introduce_time FROM introduction_members m
		WHERE program = $1 AND introduction = $2 AND EXISTS (SELECT 1 FROM introductions i WHERE i.program = $1 AND i.id = $2 AND i.network = $3)`)
	queryMet = newQuery(`SELECT m.introduction, m.member FROM introduction_members m
		JOIN introductions i ON i.program = m.program AND i.id = m.introduction
		WHERE i.program = $1 AND i.network = $2 ORDER BY m.introduction, m.member`)
	queryInOpen = newQuery(`SELECT DISTINCT m.member FROM introduction_members m
		JOIN introductions i ON i.program = m.program AND i.id = m.introduction
		WHERE i.program = $1 AND i.network = $2 AND i.state = 'PROPOSED' ORDER BY m.member`)
)

func (t *tx) InsertIntroduction(ctx context.Context, i *introductions.Introduction, before []introductions.Standing) error {
	body, err := t.sealBody(ctx, i.Program, "introductions", i.ID, introductionBody(i))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertIntroduction, i.Program, i.Network, i.ID, i.Round, string(i.State), micros(i.ExpireTime), body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("INTRODUCTION", "introduction")
	}
	for k, side := range i.Sides {
		if _, err := t.exec(ctx, insertIntroduced, i.Program, i.ID, side.Member, before[k].Waited, before[k].Skipped, micros(before[k].IntroduceTime)); err != nil {
			return err
		}
	}
	t.renumber("introduction", i.Program, i.ID, &i.Revision, 1)
	return nil
}

// introductionBody is an introduction without what stands in columns.
func introductionBody(i *introductions.Introduction) *introductions.Introduction {
	b := *i
	b.Program, b.Network, b.ID, b.Round, b.State, b.Revision, b.ExpireTime = "", "", "", "", "", 0, time.Time{}
	return &b
}

type introductionRow struct {
	program, network, id, round, state string
	expire, revision                   int64
	body                               []byte
}

func (r *introductionRow) dest() []any {
	return []any{&r.program, &r.network, &r.id, &r.round, &r.state, &r.expire, &r.revision, &r.body}
}

func (r *introductionRow) open(ctx context.Context, t *tx) (*introductions.Introduction, error) {
	i := &introductions.Introduction{}
	if err := t.openBody(ctx, r.program, "introductions", r.id, r.body, i); err != nil {
		return nil, err
	}
	i.Program, i.Network, i.ID, i.Round, i.State, i.Revision = r.program, r.network, r.id, r.round, introductions.State(r.state), r.revision
	i.ExpireTime = fromMicros(r.expire)
	t.saw("introduction", r.program, r.id, r.revision)
	toMicros(&i.CreateTime, &i.UpdateTime, &i.EndTime)
	for k := range i.Sides {
		toMicros(&i.Sides[k].Time)
	}
	return i, nil
}

func (t *tx) Introduction(ctx context.Context, program, network, id string) (*introductions.Introduction, error) {
	var row introductionRow
	found, err := t.one(ctx, queryIntroduction, []any{program, id, network}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("INTRODUCTION", "introduction")
	}
	return row.open(ctx, t)
}

func (t *tx) Introductions(ctx context.Context, q introductions.IntroductionQuery) ([]*introductions.Introduction, error) {
	queries, args := queryIntroductions, []any{q.Program, q.Network, q.AfterID, bound(q.Limit)}
	switch {
	case q.Member != "" && q.Descending:
		queries, args = queryIntroductionsOfDown, append(args, q.Member)
	case q.Member != "":
		queries, args = queryIntroductionsOf, append(args, q.Member)
	case q.Descending:
		queries = queryIntroductionsDown
	}
	list, args, err := withStates(queries, q.States, args...)
	if err != nil {
		return nil, err
	}
	return collect(t, ctx, list, args, func(r rows) (*introductionRow, error) {
		var i introductionRow
		return &i, r.Scan(i.dest()...)
	}, (*introductionRow).open)
}

func (t *tx) DueIntroductions(ctx context.Context, now time.Time, limit int) ([]introductions.Key, error) {
	var keys []introductions.Key
	err := t.each(ctx, queryDueIntroductions, []any{micros(now), bound(limit)}, func(r rows) error {
		var k introductions.Key
		if err := r.Scan(&k.Program, &k.Network, &k.ID); err != nil {
			return err
		}
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

func (t *tx) UpdateIntroduction(ctx context.Context, i *introductions.Introduction) error {
	body, err := t.sealBody(ctx, i.Program, "introductions", i.ID, introductionBody(i))
	if err != nil {
		return gone(err, "INTRODUCTION", "introduction")
	}
	n, err := t.exec(ctx, updateIntroduction, i.Program, i.ID, i.Network, i.Revision, string(i.State), micros(i.ExpireTime), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("introduction", i.Program, i.ID, &i.Revision, i.Revision+1)
		return nil
	}
	var revision int64
	found, err := t.one(ctx, queryIntroductionRevision, []any{i.Program, i.ID, i.Network}, &revision)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("INTRODUCTION", "introduction")
	case revision != i.Revision:
		return t.stale(ctx, updateIntroduction, "introduction", i.Program, i.ID, i.Revision)
	}
	return applications.Errorf(applications.FailedPrecondition, "INTRODUCTION_CLOSED", "an introduction that is over does not open again")
}

func (t *tx) Before(ctx context.Context, program, network, introduction string) (map[string]introductions.Standing, error) {
	all := map[string]introductions.Standing{}
	err := t.each(ctx, queryBefore, []any{program, introduction, network}, func(r rows) error {
		var id string
		var s introductions.Standing
		var at int64
		if err := r.Scan(&id, &s.Waited, &s.Skipped, &at); err != nil {
			return err
		}
		s.IntroduceTime = fromMicros(at)
		all[id] = s
		return nil
	})
	return all, err
}

func (t *tx) Met(ctx context.Context, program, network string) ([][]string, error) {
	var all [][]string
	last := ""
	err := t.each(ctx, queryMet, []any{program, network}, func(r rows) error {
		var introduction, member string
		if err := r.Scan(&introduction, &member); err != nil {
			return err
		}
		if introduction != last {
			last, all = introduction, append(all, nil)
		}
		all[len(all)-1] = append(all[len(all)-1], member)
		return nil
	})
	return all, err
}

func (t *tx) InOpen(ctx context.Context, program, network string) ([]string, error) {
	var all []string
	err := t.each(ctx, queryInOpen, []any{program, network}, func(r rows) error {
		var id string
		err := r.Scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}
