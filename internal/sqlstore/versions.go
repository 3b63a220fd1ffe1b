package sqlstore

import (
	"context"
	"strconv"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

// Forms and criteria are numbered 1, 2, … in a program; the insert itself
// refuses a number that leaves a gap.
var (
	insertForm = newQuery(`INSERT INTO forms (program, version, stamp, body)
		SELECT $1, $2, $3, $4 WHERE $2 = (SELECT coalesce(max(version), 0) + 1 FROM forms WHERE program = $1)
		ON CONFLICT DO NOTHING`)
	queryFormStamp  = newQuery(`SELECT stamp FROM forms WHERE program = $1 AND version = $2`)
	queryForm       = newQuery(`SELECT body FROM forms WHERE program = $1 AND version = $2`)
	queryFormExists = newQuery(`SELECT 1 FROM forms WHERE program = $1 AND version = $2`)

	insertCriteria = newQuery(`INSERT INTO criteria (program, version, registered, body)
		SELECT $1, $2, $3, $4 WHERE $2 = (SELECT coalesce(max(version), 0) + 1 FROM criteria WHERE program = $1)
		ON CONFLICT DO NOTHING`)
	queryCriteria       = newQuery(`SELECT version, registered, body FROM criteria WHERE program = $1 AND version = $2`)
	queryCriteriaExists = newQuery(`SELECT 1 FROM criteria WHERE program = $1 AND version = $2`)
	queryAllCriteria    = newQuery(`SELECT version, registered, body FROM criteria WHERE program = $1 ORDER BY version`)
	registerCriteria    = newQuery(`UPDATE criteria SET registered = 1, body = $3 WHERE program = $1 AND version = $2 AND registered = 0`)

	insertPolicy  = newQuery(`INSERT INTO policies (program, id, revision, body) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING`)
	queryPolicy   = newQuery(`SELECT id, revision, body FROM policies WHERE program = $1 AND id = $2`)
	queryPolicies = newQuery(`SELECT id, revision, body FROM policies WHERE program = $1 ORDER BY id`)
	updatePolicy  = newQuery(`UPDATE policies SET body = $4, revision = revision + 1 WHERE program = $1 AND id = $2 AND revision = $3`)
)

func (t *tx) InsertForm(ctx context.Context, f *applications.Form) error {
	b := *f
	b.Program, b.Version = "", 0
	body, err := t.sealBody(ctx, f.Program, "forms", strconv.Itoa(f.Version), &b)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertForm, f.Program, f.Version, body[:vault.SealHead], body)
	if err != nil || n == 1 {
		return err
	}
	return t.versionRefused(ctx, queryFormExists, f.Program, f.Version, "FORM", "form")
}

// versionRefused says why a version was not inserted.
func (t *tx) versionRefused(ctx context.Context, q *query, program string, version int, noun, word string) error {
	var one int
	found, err := t.one(ctx, q, []any{program, version}, &one)
	switch {
	case err != nil:
		return err
	case found:
		return exists(noun, word+" version")
	default:
		return applications.Errorf(applications.FailedPrecondition, "VERSION_GAP", "the next %s version is not number %d", word, version)
	}
}

func (t *tx) Form(ctx context.Context, program string, version int) (*applications.Form, error) {
	name := formName{program, version}
	var stamp, sealed []byte
	found, err := t.one(ctx, queryFormStamp, []any{program, version}, &stamp)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("FORM", "form version")
	}
	if f := t.s.forms.get(name, stamp); f != nil {
		return f, nil
	}
	if found, err = t.one(ctx, queryForm, []any{program, version}, &sealed); err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("FORM", "form version")
	}
	f := &applications.Form{}
	if err := t.openBody(ctx, program, "forms", strconv.Itoa(version), sealed, f); err != nil {
		return nil, err
	}
	f.Program, f.Version = program, version
	t.s.forms.put(name, stamp, f)
	return f, nil
}

func (t *tx) InsertCriteria(ctx context.Context, c *applications.Criteria) error {
	body, err := t.sealBody(ctx, c.Program, "criteria", strconv.Itoa(c.Version), criteriaBody(c))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertCriteria, c.Program, c.Version, toInt(c.Registered), body)
	if err != nil || n == 1 {
		return err
	}
	return t.versionRefused(ctx, queryCriteriaExists, c.Program, c.Version, "CRITERIA", "criteria")
}

func criteriaBody(c *applications.Criteria) *applications.Criteria {
	b := *c
	b.Program, b.Version, b.Registered = "", 0, false
	return &b
}

type criteriaRow struct {
	program    string
	version    int
	registered int
	body       []byte
}

func (r *criteriaRow) open(ctx context.Context, t *tx) (*applications.Criteria, error) {
	c := &applications.Criteria{}
	if err := t.openBody(ctx, r.program, "criteria", strconv.Itoa(r.version), r.body, c); err != nil {
		return nil, err
	}
	c.Program, c.Version, c.Registered = r.program, r.version, r.registered == 1
	toMicros(&c.RegisterTime, &c.CreateTime)
	return c, nil
}

func (t *tx) Criteria(ctx context.Context, program string, version int) (*applications.Criteria, error) {
	row := criteriaRow{program: program}
	found, err := t.one(ctx, queryCriteria, []any{program, version}, &row.version, &row.registered, &row.body)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("CRITERIA", "criteria version")
	}
	return row.open(ctx, t)
}

func (t *tx) CriteriaVersions(ctx context.Context, program string) ([]*applications.Criteria, error) {
	return collect(t, ctx, queryAllCriteria, []any{program}, func(r rows) (*criteriaRow, error) {
		c := criteriaRow{program: program}
		return &c, r.Scan(&c.version, &c.registered, &c.body)
	}, (*criteriaRow).open)
}

func (t *tx) RegisterCriteria(ctx context.Context, c *applications.Criteria) error {
	stored, err := t.Criteria(ctx, c.Program, c.Version)
	if err != nil {
		return err
	}
	stored.RegisterTime, stored.RegisteredBy, stored.Reason, stored.SecondBy = c.RegisterTime, c.RegisteredBy, c.Reason, c.SecondBy
	stored.Policies = c.Policies
	if stored.Digest == "" {
		stored.Digest = c.Digest
	}
	body, err := t.sealBody(ctx, c.Program, "criteria", strconv.Itoa(c.Version), criteriaBody(stored))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, registerCriteria, c.Program, c.Version, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return applications.Errorf(applications.FailedPrecondition, "CRITERIA_REGISTERED", "these criteria are registered and can no longer change; save a new version")
	}
	was := c.Registered
	t.undo = append(t.undo, func() { c.Registered = was })
	c.Registered = true
	return nil
}

func (t *tx) InsertPolicy(ctx context.Context, p *applications.Policy) error {
	body, err := t.sealBody(ctx, p.Program, "policies", p.ID, policyBody(p))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertPolicy, p.Program, p.ID, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("POLICY", "policy")
	}
	t.renumber("policy", p.Program, p.ID, &p.Revision, 1)
	return nil
}

func policyBody(p *applications.Policy) *applications.Policy {
	b := *p
	b.Program, b.ID, b.Revision = "", "", 0
	return &b
}

type policyRow struct {
	program, id string
	revision    int64
	body        []byte
}

func (r *policyRow) open(ctx context.Context, t *tx) (*applications.Policy, error) {
	p := &applications.Policy{}
	if err := t.openBody(ctx, r.program, "policies", r.id, r.body, p); err != nil {
		return nil, err
	}
	p.Program, p.ID, p.Revision = r.program, r.id, r.revision
	t.saw("policy", r.program, r.id, r.revision)
	toMicros(&p.ApproveTime, &p.ExpireTime, &p.RevokeTime)
	return p, nil
}

func (t *tx) Policy(ctx context.Context, program, id string) (*applications.Policy, error) {
	row := policyRow{program: program}
	found, err := t.one(ctx, queryPolicy, []any{program, id}, &row.id, &row.revision, &row.body)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("POLICY", "policy")
	}
	return row.open(ctx, t)
}

func (t *tx) Policies(ctx context.Context, program string) ([]*applications.Policy, error) {
	return collect(t, ctx, queryPolicies, []any{program}, func(r rows) (*policyRow, error) {
		p := policyRow{program: program}
		return &p, r.Scan(&p.id, &p.revision, &p.body)
	}, (*policyRow).open)
}

func (t *tx) UpdatePolicy(ctx context.Context, p *applications.Policy) error {
	if _, err := t.Policy(ctx, p.Program, p.ID); err != nil {
		return err
	}
	body, err := t.sealBody(ctx, p.Program, "policies", p.ID, policyBody(p))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updatePolicy, p.Program, p.ID, p.Revision, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return t.stale(ctx, updatePolicy, "policy", p.Program, p.ID, p.Revision)
	}
	t.renumber("policy", p.Program, p.ID, &p.Revision, p.Revision+1)
	return nil
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
