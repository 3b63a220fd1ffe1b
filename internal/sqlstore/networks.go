package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
	"github.com/openfairlead/fairlead/introductions"
)

// networksStore is the same database, as package introductions sees it.
type networksStore struct{ *Store }

// Networks returns the store of networks, which is in the same database: a
// transaction of any domain is one of all.
func (s *Store) Networks() introductions.Store { return networksStore{s} }

func (s networksStore) View(ctx context.Context, fn func(introductions.Tx) error) error {
	return s.inTx(ctx, false, func(t *tx) error { return fn(t) })
}

func (s networksStore) Update(ctx context.Context, fn func(introductions.Tx) error) error {
	return s.inTx(ctx, true, func(t *tx) error { return fn(t) })
}

var _ introductions.Tx = (*tx)(nil)

const (
	memberColumns = `program, network, id, code, waited, skipped, introduce_time, revision, body`
	roundColumns  = `program, network, id, state, owner, lease_until, attempt, cancel_asked, revision, body, frozen, record`
)

var (
	insertNetwork = newQuery(`INSERT INTO networks (program, id, rounds, members, revision, body)
		VALUES ($1, $2, 0, 0, 1, $3) ON CONFLICT DO NOTHING`)
	queryNetwork         = newQuery(`SELECT program, id, rounds, revision, body FROM networks WHERE program = $1 AND id = $2`)
	lockNetwork          = newQuery(`SELECT program, id, rounds, revision, body FROM networks WHERE program = $1 AND id = $2 ${for update}`)
	queryNetworkRevision = newQuery(`SELECT revision FROM networks WHERE program = $1 AND id = $2`)
	queryNetworks        = newQuery(`SELECT program, id, rounds, revision, body FROM networks WHERE program = $1 AND id > $2 ORDER BY id LIMIT $3`)
	queryNetworksDown    = newQuery(`SELECT program, id, rounds, revision, body FROM networks
		WHERE program = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`)
	updateNetwork = newQuery(`UPDATE networks SET body = $4, revision = revision + 1 WHERE program = $1 AND id = $2 AND revision = $3`)
	countRound    = newQuery(`UPDATE networks SET rounds = rounds + 1 WHERE program = $1 AND id = $2 AND rounds = $3`)
	nextMember    = newQuery(`UPDATE networks SET members = members + $3 WHERE program = $1 AND id = $2 RETURNING members - $3 + 1`)

	insertMember = newQuery(`INSERT INTO network_members (program, network, id, code, reference, waited, skipped, introduce_time, revision, body)
		VALUES ($1, $2, $3, $4, $5, 0, 0, 0, 1, $6) ON CONFLICT DO NOTHING`)
	queryMember         = newQuery(`SELECT ` + memberColumns + ` FROM network_members WHERE program = $1 AND id = $2 AND ($3 = '' OR network = $3)`)
	queryMemberRevision = newQuery(`SELECT revision FROM network_members WHERE program = $1 AND id = $2 AND network = $3`)
	queryMembers        = newQuery(`SELECT ` + memberColumns + ` FROM network_members
		WHERE program = $1 AND network = $2 AND id > $3 ORDER BY id LIMIT $4`)
	queryMembersDown = newQuery(`SELECT ` + memberColumns + ` FROM network_members
		WHERE program = $1 AND network = $2 AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4`)
	updateMember = newQuery(`UPDATE network_members SET body = $5, revision = revision + 1
		WHERE program = $1 AND id = $2 AND network = $3 AND revision = $4`)
	eraseMember = newQuery(`UPDATE network_members SET body = $5, reference = NULL, revision = revision + 1
		WHERE program = $1 AND id = $2 AND network = $3 AND revision = $4`)
	skipMember = newQuery(`UPDATE network_members SET waited = $4, skipped = skipped + 1, introduce_time = $5
		WHERE program = $1 AND id = $2 AND network = $3`)
	introduceMembers = newQuery(`UPDATE network_members SET waited = 0, introduce_time = $4
		WHERE program = $1 AND network = $2 AND id IN (SELECT m.member FROM introductions i
			JOIN introduction_members m ON m.program = i.program AND m.introduction = i.id WHERE i.program = $1 AND i.round = $3)`)

	insertMemberLink = newQuery(`INSERT INTO network_links (hash, program, network, member, generation, expire_time, use_time)
		VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT DO NOTHING`)
	useMemberLink = newQuery(`UPDATE network_links SET use_time = $2 WHERE hash = $1 AND use_time = 0 AND expire_time > $2
		RETURNING program, network, member, generation, expire_time`)
	deleteMemberLinks = newQuery(`DELETE FROM network_links WHERE program = $1 AND member = $2`)

	insertRound = newQuery(`INSERT INTO network_rounds (` + roundColumns + `)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11) ON CONFLICT DO NOTHING`)
	queryRound      = newQuery(`SELECT ` + roundColumns + ` FROM network_rounds WHERE program = $1 AND id = $2 AND network = $3`)
	queryRoundHeads = newQuery(`SELECT program, network, id, state, owner, lease_until, attempt, cancel_asked, revision, body
		FROM network_rounds WHERE program = $1 AND network = $2 AND id > $3 ORDER BY id LIMIT $4`)
	// As with selections: who renewed the lease meanwhile keeps it.
	updateRound = newQuery(`UPDATE network_rounds SET state = $5, owner = $6,
		lease_until = CASE WHEN state = 'SOLVING' AND $5 = 'SOLVING' AND owner = $6 AND lease_until > $7 THEN lease_until ELSE $7 END,
		attempt = $8, cancel_asked = $9, body = $10, frozen = $11, record = $12, revision = revision + 1
		WHERE program = $1 AND id = $2 AND network = $3 AND revision = $4`)
	queryRoundRevision = newQuery(`SELECT revision FROM network_rounds WHERE program = $1 AND id = $2 AND network = $3`)
	claimRound         = newQuery(`UPDATE network_rounds SET state = 'SOLVING', owner = $1, lease_until = $2,
		attempt = attempt + 1, revision = revision + 1
		WHERE (program, id) = (SELECT program, id FROM network_rounds
			WHERE state IN ('QUEUED', 'SOLVING') AND (state = 'QUEUED' OR lease_until < $3)
			ORDER BY id, program LIMIT 1 ${skip locked})
		AND (state = 'QUEUED' OR (state = 'SOLVING' AND lease_until < $3))
		RETURNING ` + roundColumns)
	renewRound = newQuery(`UPDATE network_rounds SET lease_until = $5
		WHERE program = $1 AND id = $2 AND network = $3 AND owner = $4 AND state = 'SOLVING' RETURNING cancel_asked`)
)

func (t *tx) InsertNetwork(ctx context.Context, n *introductions.Network) error {
	body, err := t.sealBody(ctx, n.Program, "networks", n.ID, networkBody(n))
	if err != nil {
		return err
	}
	k, err := t.exec(ctx, insertNetwork, n.Program, n.ID, body)
	if err != nil {
		return err
	}
	if k == 0 {
		return exists("NETWORK", "network")
	}
	t.renumber("network", n.Program, n.ID, &n.Revision, 1)
	return nil
}

// networkBody is a network without what stands in columns.
func networkBody(n *introductions.Network) *introductions.Network {
	b := *n
	b.Program, b.ID, b.Rounds, b.Revision = "", "", 0, 0
	return &b
}

type networkRow struct {
	program, id string
	rounds      int
	revision    int64
	body        []byte
}

func (r *networkRow) dest() []any { return []any{&r.program, &r.id, &r.rounds, &r.revision, &r.body} }

func (r *networkRow) open(ctx context.Context, t *tx) (*introductions.Network, error) {
	n := &introductions.Network{}
	if err := t.openBody(ctx, r.program, "networks", r.id, r.body, n); err != nil {
		return nil, err
	}
	n.Program, n.ID, n.Rounds, n.Revision = r.program, r.id, r.rounds, r.revision
	t.saw("network", r.program, r.id, r.revision)
	toMicros(&n.CreateTime, &n.UpdateTime)
	return n, nil
}

func (t *tx) Network(ctx context.Context, program, id string) (*introductions.Network, error) {
	q := queryNetwork
	if t.write {
		q = lockNetwork
	}
	var row networkRow
	found, err := t.one(ctx, q, []any{program, id}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("NETWORK", "network")
	}
	return row.open(ctx, t)
}

func (t *tx) Networks(ctx context.Context, program, after string, descending bool, limit int) ([]*introductions.Network, error) {
	q := queryNetworks
	if descending {
		q = queryNetworksDown
	}
	return collect(t, ctx, q, []any{program, after, bound(limit)}, func(r rows) (*networkRow, error) {
		var n networkRow
		return &n, r.Scan(n.dest()...)
	}, (*networkRow).open)
}

func (t *tx) UpdateNetwork(ctx context.Context, n *introductions.Network) error {
	body, err := t.sealBody(ctx, n.Program, "networks", n.ID, networkBody(n))
	if err != nil {
		return gone(err, "NETWORK", "network")
	}
	k, err := t.exec(ctx, updateNetwork, n.Program, n.ID, n.Revision, body)
	if err != nil {
		return err
	}
	if k == 1 {
		t.renumber("network", n.Program, n.ID, &n.Revision, n.Revision+1)
		return nil
	}
	return t.staleOr(ctx, updateNetwork, queryNetworkRevision, "NETWORK", "network", n.Program, n.ID, n.Revision)
}

// gone says of what was to be changed in a program that does not exist that it
// does not either.
func gone(err error, noun, word string) error {
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound(noun, word)
	}
	return err
}

func (t *tx) CountRound(ctx context.Context, program, network string, base int) error {
	n, err := t.exec(ctx, countRound, program, network, base)
	if err == nil && n == 0 {
		err = applications.Errorf(applications.FailedPrecondition, "ROUND_OVERTAKEN", "another round of this network was published since this one was queued: queue a new one")
	}
	return err
}

func (t *tx) NextMember(ctx context.Context, program, network string, n int) (int, error) {
	var first int
	found, err := t.one(ctx, nextMember, []any{program, network, n}, &first)
	if err == nil && !found {
		err = notFound("NETWORK", "network")
	}
	return first, err
}

func (t *tx) InsertMember(ctx context.Context, m *introductions.Member, reference []byte) error {
	body, err := t.sealBody(ctx, m.Program, "network_members", m.ID, memberBody(m))
	if err != nil {
		return err
	}
	var digest any
	if reference != nil {
		digest = reference
	}
	n, err := t.exec(ctx, insertMember, m.Program, m.Network, m.ID, m.Code, digest, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("MEMBER", "member")
	}
	t.renumber("member", m.Program, m.ID, &m.Revision, 1)
	return nil
}

// memberBody is a member without what stands in columns.
func memberBody(m *introductions.Member) *introductions.Member {
	b := *m
	b.Program, b.Network, b.ID, b.Code, b.Standing, b.Revision = "", "", "", "", introductions.Standing{}, 0
	return &b
}

type memberRow struct {
	program, network, id, code string
	waited, skipped            int
	introduced, revision       int64
	body                       []byte
}

func (r *memberRow) dest() []any {
	return []any{&r.program, &r.network, &r.id, &r.code, &r.waited, &r.skipped, &r.introduced, &r.revision, &r.body}
}

func (r *memberRow) open(ctx context.Context, t *tx) (*introductions.Member, error) {
	m := &introductions.Member{}
	if err := t.openBody(ctx, r.program, "network_members", r.id, r.body, m); err != nil {
		return nil, err
	}
	m.Program, m.Network, m.ID, m.Code, m.Revision = r.program, r.network, r.id, r.code, r.revision
	m.Standing = introductions.Standing{Waited: r.waited, Skipped: r.skipped, IntroduceTime: fromMicros(r.introduced)}
	t.saw("member", r.program, r.id, r.revision)
	toMicros(&m.AgreeTime, &m.CreateTime, &m.UpdateTime)
	return m, nil
}

func (t *tx) Member(ctx context.Context, program, network, id string) (*introductions.Member, error) {
	if network == "" {
		return nil, notFound("MEMBER", "member")
	}
	return t.member(ctx, program, network, id)
}

func (t *tx) MemberOf(ctx context.Context, program, id string) (*introductions.Member, error) {
	return t.member(ctx, program, "", id)
}

func (t *tx) member(ctx context.Context, program, network, id string) (*introductions.Member, error) {
	var row memberRow
	found, err := t.one(ctx, queryMember, []any{program, id, network}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("MEMBER", "member")
	}
	return row.open(ctx, t)
}

func (t *tx) Members(ctx context.Context, q introductions.MemberQuery) ([]*introductions.Member, error) {
	list := queryMembers
	if q.Descending {
		list = queryMembersDown
	}
	return collect(t, ctx, list, []any{q.Program, q.Network, q.AfterID, bound(q.Limit)}, func(r rows) (*memberRow, error) {
		var m memberRow
		return &m, r.Scan(m.dest()...)
	}, (*memberRow).open)
}

func (t *tx) UpdateMember(ctx context.Context, m *introductions.Member) error {
	return t.changeMember(ctx, updateMember, m)
}

func (t *tx) EraseMember(ctx context.Context, m *introductions.Member) error {
	if err := t.changeMember(ctx, eraseMember, m); err != nil {
		return err
	}
	_, err := t.exec(ctx, deleteMemberLinks, m.Program, m.ID)
	return err
}

func (t *tx) changeMember(ctx context.Context, q *query, m *introductions.Member) error {
	body, err := t.sealBody(ctx, m.Program, "network_members", m.ID, memberBody(m))
	if err != nil {
		return gone(err, "MEMBER", "member")
	}
	n, err := t.exec(ctx, q, m.Program, m.ID, m.Network, m.Revision, body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("member", m.Program, m.ID, &m.Revision, m.Revision+1)
		return nil
	}
	return t.networkStale(ctx, q, queryMemberRevision, "MEMBER", "member", m.Program, m.Network, m.ID, m.Revision)
}

// networkStale is staleOr for what is in a network.
func (t *tx) networkStale(ctx context.Context, q, there *query, noun, word, program, network, id string, revision int64) error {
	var stored int64
	found, err := t.one(ctx, there, []any{program, id, network}, &stored)
	if err != nil {
		return err
	}
	if !found {
		return notFound(noun, word)
	}
	return t.stale(ctx, q, word, program, id, revision)
}

func (t *tx) SkipMember(ctx context.Context, program, network, id string, before introductions.Standing) error {
	n, err := t.exec(ctx, skipMember, program, id, network, before.Waited+1, micros(before.IntroduceTime))
	if err == nil && n == 0 {
		err = notFound("MEMBER", "member")
	}
	return err
}

func (t *tx) IntroduceMembers(ctx context.Context, program, network, round string, at time.Time) error {
	_, err := t.exec(ctx, introduceMembers, program, network, round, micros(at))
	return err
}

func (t *tx) InsertMemberLink(ctx context.Context, l *introductions.Link) error {
	n, err := t.exec(ctx, insertMemberLink, l.Hash, l.Program, l.Network, l.Member, l.Generation, micros(l.ExpireTime))
	if err == nil && n == 0 {
		err = exists("LINK", "link")
	}
	return err
}

func (t *tx) UseMemberLink(ctx context.Context, hash []byte, now time.Time) (*introductions.Link, error) {
	l := &introductions.Link{Hash: hash, UseTime: now}
	var expires int64
	found, err := t.one(ctx, useMemberLink, []any{hash, micros(now)}, &l.Program, &l.Network, &l.Member, &l.Generation, &expires)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("LINK", "link")
	}
	l.ExpireTime = fromMicros(expires)
	return l, nil
}

func (t *tx) InsertRound(ctx context.Context, r *introductions.Round) error {
	body, frozen, record, err := t.sealRound(ctx, r)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertRound, r.Program, r.Network, r.ID, string(r.State), r.Owner, micros(r.LeaseUntil), r.Attempt, toInt(r.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("ROUND", "round")
	}
	t.renumber("round", r.Program, r.ID, &r.Revision, 1)
	return nil
}

func (t *tx) sealRound(ctx context.Context, r *introductions.Round) (body, frozen, record []byte, err error) {
	b := *r
	b.Program, b.Network, b.ID, b.State, b.Owner, b.Revision = "", "", "", "", "", 0
	b.LeaseUntil, b.Attempt, b.CancelAsked = time.Time{}, 0, false
	b.Frozen, b.Record = nil, nil
	if body, err = t.sealBody(ctx, r.Program, "network_rounds", r.ID, &b); err != nil {
		return nil, nil, nil, err
	}
	if frozen, err = t.seal(ctx, r.Program, vault.Place{Table: "network_rounds", Field: "frozen", Row: r.ID}, r.Frozen); err != nil {
		return nil, nil, nil, err
	}
	record, err = t.seal(ctx, r.Program, vault.Place{Table: "network_rounds", Field: "record", Row: r.ID}, r.Record)
	return body, frozen, record, err
}

type roundRow struct {
	program, network, id, state, owner string
	lease                              int64
	attempt, cancel                    int
	revision                           int64
	body, frozen, record               []byte
}

func (r *roundRow) dest() []any {
	return []any{&r.program, &r.network, &r.id, &r.state, &r.owner, &r.lease, &r.attempt, &r.cancel, &r.revision, &r.body, &r.frozen, &r.record}
}

func (r *roundRow) open(ctx context.Context, t *tx) (*introductions.Round, error) {
	o := &introductions.Round{}
	if err := t.openBody(ctx, r.program, "network_rounds", r.id, r.body, o); err != nil {
		return nil, err
	}
	var err error
	if o.Frozen, err = t.unseal(ctx, r.program, vault.Place{Table: "network_rounds", Field: "frozen", Row: r.id}, r.frozen); err != nil {
		return nil, err
	}
	if o.Record, err = t.unseal(ctx, r.program, vault.Place{Table: "network_rounds", Field: "record", Row: r.id}, r.record); err != nil {
		return nil, err
	}
	o.Program, o.Network, o.ID, o.State, o.Owner, o.Revision = r.program, r.network, r.id, introductions.RoundState(r.state), r.owner, r.revision
	o.LeaseUntil, o.Attempt, o.CancelAsked = fromMicros(r.lease), r.attempt, r.cancel == 1
	t.saw("round", r.program, r.id, r.revision)
	toMicros(&o.CreateTime, &o.UpdateTime, &o.DoneTime, &o.PublishTime)
	for i := range o.Steps {
		toMicros(&o.Steps[i].Time)
	}
	return o, nil
}

func (t *tx) Round(ctx context.Context, program, network, id string) (*introductions.Round, error) {
	var row roundRow
	found, err := t.one(ctx, queryRound, []any{program, id, network}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("ROUND", "round")
	}
	return row.open(ctx, t)
}

func (t *tx) RoundHeads(ctx context.Context, program, network, after string, limit int) ([]*introductions.Round, error) {
	return collect(t, ctx, queryRoundHeads, []any{program, network, after, bound(limit)}, func(r rows) (*roundRow, error) {
		var o roundRow
		all := o.dest()
		return &o, r.Scan(all[:len(all)-2]...)
	}, (*roundRow).open)
}

func (t *tx) UpdateRound(ctx context.Context, r *introductions.Round) error {
	body, frozen, record, err := t.sealRound(ctx, r)
	if err != nil {
		return gone(err, "ROUND", "round")
	}
	n, err := t.exec(ctx, updateRound, r.Program, r.ID, r.Network, r.Revision, string(r.State), r.Owner, micros(r.LeaseUntil), r.Attempt, toInt(r.CancelAsked), body, frozen, record)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("round", r.Program, r.ID, &r.Revision, r.Revision+1)
		return nil
	}
	return t.networkStale(ctx, updateRound, queryRoundRevision, "ROUND", "round", r.Program, r.Network, r.ID, r.Revision)
}

func (t *tx) ClaimRound(ctx context.Context, owner string, now, leaseUntil time.Time) (*introductions.Round, error) {
	var row roundRow
	found, err := t.one(ctx, claimRound, []any{owner, micros(leaseUntil), micros(now)}, row.dest()...)
	if err != nil || !found {
		return nil, err
	}
	return row.open(ctx, t)
}

func (t *tx) RenewRound(ctx context.Context, program, network, id, owner string, leaseUntil time.Time) (cancel bool, err error) {
	var asked int
	found, err := t.one(ctx, renewRound, []any{program, id, network, owner, micros(leaseUntil)}, &asked)
	if err != nil || found {
		return asked == 1, err
	}
	var revision int64
	if found, err = t.one(ctx, queryRoundRevision, []any{program, id, network}, &revision); err != nil {
		return false, err
	}
	if !found {
		return false, notFound("ROUND", "round")
	}
	return false, applications.Errorf(applications.FailedPrecondition, "LEASE_LOST", "this round is done, or somebody else works on it now")
}
