package sqlstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

const (
	proposalColumns = `program, id, mentee, mentor, state, expire_time, revision, body`
	openProposals   = `('STAGED', 'SENT', 'ACCEPTED')`
	// of either side
	isPartner = `($3 = '' OR mentee = $3 OR mentor = $3)`
)

var (
	insertProposal        = insertingProposals(1)
	insertProposals       = insertingProposals(proposalsAtOnce)
	queryProposal         = newQuery(`SELECT ` + proposalColumns + ` FROM proposals WHERE program = $1 AND id = $2`)
	queryProposalRevision = newQuery(`SELECT revision FROM proposals WHERE program = $1 AND id = $2`)
	queryProposals        = stateQueries(7, `SELECT `+proposalColumns+` FROM proposals
		WHERE program = $1 AND id > $2 AND `+isPartner+` ${states} ORDER BY id LIMIT $4`, "state", 5)
	queryProposalsDown = stateQueries(7, `SELECT `+proposalColumns+` FROM proposals
		WHERE program = $1 AND ($2 = '' OR id < $2) AND `+isPartner+` ${states} ORDER BY id DESC LIMIT $4`, "state", 5)
	queryDueProposals = newQuery(`SELECT program, id FROM proposals
		WHERE state IN ('SENT', 'ACCEPTED') AND expire_time <= $1 ORDER BY expire_time, program, id LIMIT $2`)
	updateProposal = newQuery(`UPDATE proposals SET state = $4, expire_time = $5, body = $6, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3 AND (state IN ` + openProposals + ` OR $4 NOT IN ` + openProposals + `)`)
)

// proposalsAtOnce is how many one statement inserts where there are many.
const proposalsAtOnce = 50

func insertingProposals(n int) *query {
	var rows []string
	for k := range n {
		var places [7]any
		for c := range places {
			places[c] = 7*k + c + 1
		}
		rows = append(rows, fmt.Sprintf(`($%d, $%d, $%d, $%d, $%d, $%d, 1, $%d)`, places[:]...))
	}
	return newQuery(`INSERT INTO proposals (` + proposalColumns + `)
		VALUES ` + strings.Join(rows, `, `) + ` ON CONFLICT DO NOTHING`)
}

// insert inserts proposals by a statement for so many, and returns how many it did.
func (t *tx) insert(ctx context.Context, q *query, list ...*mentoring.Proposal) (int64, error) {
	var values []any
	for _, p := range list {
		body, err := t.sealBody(ctx, p.Program, "proposals", p.ID, proposalBody(p))
		if err != nil {
			return 0, err
		}
		values = append(values, p.Program, p.ID, p.Mentee, p.Mentor, string(p.State), micros(p.ExpireTime), body)
	}
	return t.exec(ctx, q, values...)
}

func (t *tx) InsertProposals(ctx context.Context, list []*mentoring.Proposal) error {
	for ; len(list) >= proposalsAtOnce; list = list[proposalsAtOnce:] {
		some := list[:proposalsAtOnce]
		n, err := t.insert(ctx, insertProposals, some...)
		if err != nil {
			return err
		}
		if n < proposalsAtOnce {
			return proposalOpen()
		}
		for _, p := range some {
			t.renumber("proposal", p.Program, p.ID, &p.Revision, 1)
		}
	}
	for _, p := range list {
		if err := t.InsertProposal(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func proposalOpen() error {
	return applications.Errorf(applications.AlreadyExists, "PROPOSAL_OPEN", "this pair has an open proposal already")
}

func (t *tx) InsertProposal(ctx context.Context, p *mentoring.Proposal) error {
	n, err := t.insert(ctx, insertProposal, p)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("proposal", p.Program, p.ID, &p.Revision, 1)
		return nil
	}
	var revision int64
	if found, err := t.one(ctx, queryProposalRevision, []any{p.Program, p.ID}, &revision); err != nil {
		return err
	} else if found {
		return exists("PROPOSAL", "proposal")
	}
	return proposalOpen()
}

// proposalBody is a proposal without what stands in columns.
func proposalBody(p *mentoring.Proposal) *mentoring.Proposal {
	b := *p
	b.Program, b.ID, b.Mentee, b.Mentor, b.State, b.Revision, b.ExpireTime = "", "", "", "", "", 0, time.Time{}
	return &b
}

type proposalRow struct {
	program, id, mentee, mentor, state string
	expire, revision                   int64
	body                               []byte
}

func (r *proposalRow) dest() []any {
	return []any{&r.program, &r.id, &r.mentee, &r.mentor, &r.state, &r.expire, &r.revision, &r.body}
}

func (r *proposalRow) open(ctx context.Context, t *tx) (*mentoring.Proposal, error) {
	p := &mentoring.Proposal{}
	if err := t.openBody(ctx, r.program, "proposals", r.id, r.body, p); err != nil {
		return nil, err
	}
	p.Program, p.ID, p.Mentee, p.Mentor, p.State, p.Revision = r.program, r.id, r.mentee, r.mentor, mentoring.ProposalState(r.state), r.revision
	p.ExpireTime = fromMicros(r.expire)
	t.saw("proposal", r.program, r.id, r.revision)
	toMicros(&p.MenteeTime, &p.MentorTime, &p.CreateTime, &p.UpdateTime, &p.SendTime, &p.FirstAnswerTime, &p.EndTime)
	return p, nil
}

func (t *tx) Proposal(ctx context.Context, program, id string) (*mentoring.Proposal, error) {
	var row proposalRow
	found, err := t.one(ctx, queryProposal, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("PROPOSAL", "proposal")
	}
	return row.open(ctx, t)
}

func (t *tx) Proposals(ctx context.Context, q mentoring.ProposalQuery) ([]*mentoring.Proposal, error) {
	queries := queryProposals
	if q.Descending {
		queries = queryProposalsDown
	}
	list, args, err := withStates(queries, q.States, q.Program, q.AfterID, q.Enrollment, bound(q.Limit))
	if err != nil {
		return nil, err
	}
	return collect(t, ctx, list, args, func(r rows) (*proposalRow, error) {
		var p proposalRow
		return &p, r.Scan(p.dest()...)
	}, (*proposalRow).open)
}

func (t *tx) DueProposals(ctx context.Context, now time.Time, limit int) ([]mentoring.Key, error) {
	var keys []mentoring.Key
	err := t.each(ctx, queryDueProposals, []any{micros(now), bound(limit)}, func(r rows) error {
		var k mentoring.Key
		if err := r.Scan(&k.Program, &k.ID); err != nil {
			return err
		}
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

func (t *tx) UpdateProposal(ctx context.Context, p *mentoring.Proposal) error {
	body, err := t.sealBody(ctx, p.Program, "proposals", p.ID, proposalBody(p))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("PROPOSAL", "proposal")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateProposal, p.Program, p.ID, p.Revision, string(p.State), micros(p.ExpireTime), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("proposal", p.Program, p.ID, &p.Revision, p.Revision+1)
		return nil
	}
	var revision int64
	found, err := t.one(ctx, queryProposalRevision, []any{p.Program, p.ID}, &revision)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("PROPOSAL", "proposal")
	case revision != p.Revision:
		return t.stale(ctx, updateProposal, "proposal", p.Program, p.ID, p.Revision)
	}
	return applications.Errorf(applications.FailedPrecondition, "PROPOSAL_CLOSED", "a proposal that is over does not open again: make a new one")
}
