package sqlstore

import (
	"context"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

var (
	insertUser = newQuery(`INSERT INTO users (id, revision, body) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING`)
	queryUser  = newQuery(`SELECT id, revision, body FROM users WHERE id = $1`)
	queryUsers = newQuery(`SELECT id, revision, body FROM users WHERE id > $1 ORDER BY id LIMIT $2`)
	updateUser = newQuery(`UPDATE users SET body = $3, revision = revision + 1 WHERE id = $1 AND revision = $2`)

	insertToken = newQuery(`INSERT INTO tokens (id, hash, first, revoke_time, body) VALUES ($1, $2, NULL, $3, $4) ON CONFLICT DO NOTHING`)
	// The unique key on first decides between two servers that both see none.
	insertFirstToken = newQuery(`INSERT INTO tokens (id, hash, first, revoke_time, body)
		SELECT $1, $2, 1, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM tokens) ON CONFLICT DO NOTHING`)
	queryToken       = newQuery(`SELECT id, hash, revoke_time, body FROM tokens WHERE id = $1`)
	queryTokenByHash = newQuery(`SELECT id, hash, revoke_time, body FROM tokens WHERE hash = $1`)
	queryTokens      = newQuery(`SELECT id, hash, revoke_time, body FROM tokens WHERE id > $1 ORDER BY id LIMIT $2`)
	revokeToken      = newQuery(`UPDATE tokens SET revoke_time = CASE WHEN revoke_time = 0 THEN $2 ELSE revoke_time END WHERE id = $1`)

	insertLink = newQuery(`INSERT INTO links (hash, program, application, generation, token, expire_time, use_time)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`)
	queryLink = newQuery(`SELECT program, application, generation, token, expire_time, use_time FROM links
		WHERE hash = $1 AND use_time = 0 AND expire_time > $2`)
	useLink = newQuery(`UPDATE links SET use_time = $2 WHERE hash = $1 AND use_time = 0 AND expire_time > $2
		RETURNING program, application, generation, token, expire_time, use_time`)
)

// ---- users ----

func (t *tx) InsertUser(ctx context.Context, u *applications.User) error {
	body, err := t.sealBody(ctx, installation, "users", u.ID, userBody(u))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertUser, u.ID, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return exists("USER", "user")
	}
	t.renumber("user", "", u.ID, &u.Revision, 1)
	return nil
}

func userBody(u *applications.User) *applications.User {
	b := *u
	b.ID, b.Revision = "", 0
	return &b
}

type userRow struct {
	id       string
	revision int64
	body     []byte
}

func (r *userRow) open(ctx context.Context, t *tx) (*applications.User, error) {
	u := &applications.User{}
	if err := t.openBody(ctx, installation, "users", r.id, r.body, u); err != nil {
		return nil, err
	}
	u.ID, u.Revision = r.id, r.revision
	t.saw("user", "", r.id, r.revision)
	toMicros(&u.CreateTime)
	return u, nil
}

func (t *tx) User(ctx context.Context, id string) (*applications.User, error) {
	var row userRow
	found, err := t.one(ctx, queryUser, []any{id}, &row.id, &row.revision, &row.body)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("USER", "user")
	}
	return row.open(ctx, t)
}

func (t *tx) Users(ctx context.Context, after string, limit int) ([]*applications.User, error) {
	return collect(t, ctx, queryUsers, []any{after, bound(limit)}, func(r rows) (*userRow, error) {
		var u userRow
		return &u, r.Scan(&u.id, &u.revision, &u.body)
	}, (*userRow).open)
}

func (t *tx) UpdateUser(ctx context.Context, u *applications.User) error {
	if _, err := t.User(ctx, u.ID); err != nil {
		return err
	}
	body, err := t.sealBody(ctx, installation, "users", u.ID, userBody(u))
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateUser, u.ID, u.Revision, body)
	if err != nil {
		return err
	}
	if n == 0 {
		return t.stale(ctx, updateUser, "user", "", u.ID, u.Revision)
	}
	t.renumber("user", "", u.ID, &u.Revision, u.Revision+1)
	return nil
}

// ---- tokens ----

func (t *tx) InsertToken(ctx context.Context, k *applications.Token, first bool) error {
	b := *k
	b.ID, b.Hash, b.RevokeTime = "", nil, time.Time{}
	body, err := t.sealBody(ctx, installation, "tokens", k.ID, &b)
	if err != nil {
		return err
	}
	q := insertToken
	if first {
		q = insertFirstToken
	}
	n, err := t.exec(ctx, q, k.ID, k.Hash, micros(k.RevokeTime), body)
	switch {
	case err != nil:
		return err
	case n == 1:
		return nil
	case first:
		return applications.Errorf(applications.AlreadyExists, "FIRST_TOKEN_EXISTS", "this installation has a token already; make further ones with it")
	default:
		return exists("TOKEN", "token")
	}
}

type tokenRow struct {
	id     string
	hash   []byte
	revoke int64
	body   []byte
}

func (r *tokenRow) dest() []any { return []any{&r.id, &r.hash, &r.revoke, &r.body} }

func (r *tokenRow) open(ctx context.Context, t *tx) (*applications.Token, error) {
	k := &applications.Token{}
	if err := t.openBody(ctx, installation, "tokens", r.id, r.body, k); err != nil {
		return nil, err
	}
	k.ID, k.Hash, k.RevokeTime = r.id, r.hash, fromMicros(r.revoke)
	toMicros(&k.CreateTime, &k.ExpireTime)
	return k, nil
}

func (t *tx) token(ctx context.Context, q *query, key any) (*applications.Token, error) {
	var row tokenRow
	found, err := t.one(ctx, q, []any{key}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("TOKEN", "token")
	}
	return row.open(ctx, t)
}

func (t *tx) Token(ctx context.Context, id string) (*applications.Token, error) {
	return t.token(ctx, queryToken, id)
}

func (t *tx) TokenByHash(ctx context.Context, hash []byte) (*applications.Token, error) {
	return t.token(ctx, queryTokenByHash, hash)
}

func (t *tx) Tokens(ctx context.Context, after string, limit int) ([]*applications.Token, error) {
	return collect(t, ctx, queryTokens, []any{after, bound(limit)}, func(r rows) (*tokenRow, error) {
		var k tokenRow
		return &k, r.Scan(k.dest()...)
	}, (*tokenRow).open)
}

func (t *tx) RevokeToken(ctx context.Context, id string, at time.Time) error {
	n, err := t.exec(ctx, revokeToken, id, micros(at))
	if err == nil && n == 0 {
		err = notFound("TOKEN", "token")
	}
	return err
}

// ---- links ----

func (t *tx) InsertLink(ctx context.Context, l *applications.Link) error {
	n, err := t.exec(ctx, insertLink, l.Hash, l.Program, l.Application, l.Generation, l.Token, micros(l.ExpireTime), micros(l.UseTime))
	if err == nil && n == 0 {
		err = exists("LINK", "link")
	}
	return err
}

func (t *tx) UseLink(ctx context.Context, hash []byte, now time.Time) (*applications.Link, error) {
	return t.link(ctx, useLink, hash, now)
}

func (t *tx) PeekLink(ctx context.Context, hash []byte, now time.Time) (*applications.Link, error) {
	return t.link(ctx, queryLink, hash, now)
}

func (t *tx) link(ctx context.Context, q *query, hash []byte, now time.Time) (*applications.Link, error) {
	l := &applications.Link{Hash: append([]byte(nil), hash...)}
	var expire, use int64
	found, err := t.one(ctx, q, []any{hash, micros(now)}, &l.Program, &l.Application, &l.Generation, &l.Token, &expire, &use)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("LINK", "link, or it was used or has expired; ask for a new link")
	}
	l.ExpireTime, l.UseTime = fromMicros(expire), fromMicros(use)
	return l, nil
}
