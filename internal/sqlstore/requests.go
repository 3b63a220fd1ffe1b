package sqlstore

import (
	"context"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/vault"
)

var (
	insertRequest = newQuery(`INSERT INTO requests (program, method, id, hash, resource, answer, create_time)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`)
	queryRequest = newQuery(`SELECT hash, resource, answer, create_time FROM requests WHERE program = $1 AND method = $2 AND id = $3`)
)

func (t *tx) SaveRequest(ctx context.Context, r *applications.Request) error {
	answer, err := t.seal(ctx, r.Program, requestPlace(r.Method, r.ID), r.Answer)
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, insertRequest, r.Program, r.Method, r.ID, r.Hash, r.Resource, answer, micros(r.Time))
	if err == nil && n == 0 {
		err = exists("REQUEST", "request id")
	}
	return err
}

func (t *tx) Request(ctx context.Context, program, method, id string) (*applications.Request, error) {
	r := &applications.Request{Program: program, Method: method, ID: id}
	var answer []byte
	var at int64
	found, err := t.one(ctx, queryRequest, []any{program, method, id}, &r.Hash, &r.Resource, &answer, &at)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("REQUEST", "request")
	}
	r.Time = fromMicros(at)
	r.Answer, err = t.unseal(ctx, program, requestPlace(method, id), answer)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func requestPlace(method, id string) vault.Place {
	return vault.Place{Table: "requests", Field: "answer", Row: method + " " + id}
}
