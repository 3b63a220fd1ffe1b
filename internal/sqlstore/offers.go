package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

const (
	offerColumns = `program, id, application, state, expire_time, revision, body`
	openStates   = `('PENDING', 'SENT', 'ACCEPTED')`
)

var (
	insertOffer = newQuery(`INSERT INTO offers (` + offerColumns + `)
		VALUES ($1, $2, $3, $4, $5, 1, $6) ON CONFLICT DO NOTHING`)
	queryOffer       = newQuery(`SELECT ` + offerColumns + ` FROM offers WHERE program = $1 AND id = $2`)
	queryOfferExists = newQuery(`SELECT revision FROM offers WHERE program = $1 AND id = $2`)
	queryOpenOffer   = newQuery(`SELECT ` + offerColumns + ` FROM offers WHERE program = $1 AND application = $2 AND state IN ` + openStates)
	queryOffersTo    = newQuery(`SELECT ` + offerColumns + ` FROM offers WHERE program = $1 AND application = $2 ORDER BY id`)
	queryOffers      = stateQueries(6, `SELECT `+offerColumns+` FROM offers
		WHERE program = $1 AND id > $2 ${states} ORDER BY id LIMIT $3`, "state", 4)
	queryOffersDown = stateQueries(6, `SELECT `+offerColumns+` FROM offers
		WHERE program = $1 AND ($2 = '' OR id < $2) ${states} ORDER BY id DESC LIMIT $3`, "state", 4)
	queryDueOffers = newQuery(`SELECT program, id FROM offers
		WHERE state = 'SENT' AND expire_time <= $1 ORDER BY expire_time, program, id LIMIT $2`)
	countOffers = newQuery(`SELECT state, count(*) FROM offers WHERE program = $1 GROUP BY state`)
	updateOffer = newQuery(`UPDATE offers SET state = $4, expire_time = $5, body = $6, revision = revision + 1
		WHERE program = $1 AND id = $2 AND revision = $3 AND (state IN ` + openStates + ` OR $4 NOT IN ` + openStates + `)`)

	querySeats = newQuery(`SELECT total, offered, taken FROM program_seats WHERE program = $1`)
	openSeats  = newQuery(`INSERT INTO program_seats (program, total, offered, taken) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING`)
	offerSeats = newQuery(`UPDATE program_seats SET offered = offered + $2 WHERE program = $1 AND ($3 = 1 OR offered + $2 <= total)`)
	takeSeat   = newQuery(`UPDATE program_seats SET taken = taken + 1 WHERE program = $1 AND taken < total`)
	freeSeat   = newQuery(`UPDATE program_seats SET offered = offered - 1, taken = taken - $2
		WHERE program = $1 AND offered > 0 AND taken >= $2`)
)

func (t *tx) InsertOffer(ctx context.Context, o *applications.Offer) error {
	body, err := t.sealBody(ctx, o.Program, "offers", o.ID, offerBody(o))
	if err != nil {
		return err
	}
	var revision int64
	if found, err := t.one(ctx, queryApplicationExists, []any{o.Program, o.Application}, &revision); err != nil {
		return err
	} else if !found {
		return notFound("APPLICATION", "application")
	}
	n, err := t.exec(ctx, insertOffer, o.Program, o.ID, o.Application, string(o.State), micros(o.ExpireTime), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("offer", o.Program, o.ID, &o.Revision, 1)
		return nil
	}
	if found, err := t.one(ctx, queryOfferExists, []any{o.Program, o.ID}, &revision); err != nil {
		return err
	} else if found {
		return exists("OFFER", "offer")
	}
	return applications.Errorf(applications.AlreadyExists, "OFFER_OPEN", "this application has an open offer already")
}

// offerBody is an offer without what stands in columns.
func offerBody(o *applications.Offer) *applications.Offer {
	b := *o
	b.Program, b.ID, b.Application, b.State, b.Revision, b.ExpireTime = "", "", "", "", 0, time.Time{}
	return &b
}

type offerRow struct {
	program, id, application, state string
	expire, revision                int64
	body                            []byte
}

func (r *offerRow) dest() []any {
	return []any{&r.program, &r.id, &r.application, &r.state, &r.expire, &r.revision, &r.body}
}

func (r *offerRow) open(ctx context.Context, t *tx) (*applications.Offer, error) {
	o := &applications.Offer{}
	if err := t.openBody(ctx, r.program, "offers", r.id, r.body, o); err != nil {
		return nil, err
	}
	o.Program, o.ID, o.Application, o.State, o.Revision = r.program, r.id, r.application, applications.OfferState(r.state), r.revision
	o.ExpireTime = fromMicros(r.expire)
	t.saw("offer", r.program, r.id, r.revision)
	toMicros(&o.CreateTime, &o.UpdateTime, &o.SendTime, &o.AnswerTime, &o.RescindTime)
	return o, nil
}

func (t *tx) offer(ctx context.Context, q *query, program, key string) (*applications.Offer, error) {
	var row offerRow
	found, err := t.one(ctx, q, []any{program, key}, row.dest()...)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("OFFER", "offer")
	}
	return row.open(ctx, t)
}

func (t *tx) Offer(ctx context.Context, program, id string) (*applications.Offer, error) {
	return t.offer(ctx, queryOffer, program, id)
}

func (t *tx) OpenOffer(ctx context.Context, program, application string) (*applications.Offer, error) {
	return t.offer(ctx, queryOpenOffer, program, application)
}

func (t *tx) Offers(ctx context.Context, q applications.OfferQuery) ([]*applications.Offer, error) {
	queries := queryOffers
	if q.Descending {
		queries = queryOffersDown
	}
	list, args, err := withStates(queries, q.States, q.Program, q.AfterID, bound(q.Limit))
	if err != nil {
		return nil, err
	}
	return t.listOffers(ctx, list, args)
}

func (t *tx) OffersTo(ctx context.Context, program, application string) ([]*applications.Offer, error) {
	return t.listOffers(ctx, queryOffersTo, []any{program, application})
}

func (t *tx) listOffers(ctx context.Context, q *query, args []any) ([]*applications.Offer, error) {
	return collect(t, ctx, q, args, func(r rows) (*offerRow, error) {
		var o offerRow
		return &o, r.Scan(o.dest()...)
	}, (*offerRow).open)
}

func (t *tx) DueOffers(ctx context.Context, now time.Time, limit int) ([]applications.OfferKey, error) {
	var keys []applications.OfferKey
	err := t.each(ctx, queryDueOffers, []any{micros(now), bound(limit)}, func(r rows) error {
		var k applications.OfferKey
		if err := r.Scan(&k.Program, &k.ID); err != nil {
			return err
		}
		keys = append(keys, k)
		return nil
	})
	return keys, err
}

func (t *tx) CountOffers(ctx context.Context, program string) (map[applications.OfferState]int, error) {
	counts := map[applications.OfferState]int{}
	err := t.each(ctx, countOffers, []any{program}, func(r rows) error {
		var state string
		var n int
		if err := r.Scan(&state, &n); err != nil {
			return err
		}
		counts[applications.OfferState(state)] = n
		return nil
	})
	return counts, err
}

func (t *tx) UpdateOffer(ctx context.Context, o *applications.Offer) error {
	body, err := t.sealBody(ctx, o.Program, "offers", o.ID, offerBody(o))
	if applications.ReasonOf(err) == "PROGRAM_NOT_FOUND" {
		return notFound("OFFER", "offer")
	}
	if err != nil {
		return err
	}
	n, err := t.exec(ctx, updateOffer, o.Program, o.ID, o.Revision, string(o.State), micros(o.ExpireTime), body)
	if err != nil {
		return err
	}
	if n == 1 {
		t.renumber("offer", o.Program, o.ID, &o.Revision, o.Revision+1)
		return nil
	}
	var revision int64
	found, err := t.one(ctx, queryOfferExists, []any{o.Program, o.ID}, &revision)
	switch {
	case err != nil:
		return err
	case !found:
		return notFound("OFFER", "offer")
	case revision != o.Revision:
		return t.stale(ctx, updateOffer, "offer", o.Program, o.ID, o.Revision)
	}
	return applications.Errorf(applications.FailedPrecondition, "OFFER_CLOSED", "an offer that is over does not open again: make a new one")
}

func (t *tx) Seats(ctx context.Context, program string) (applications.Seats, error) {
	var s applications.Seats
	_, err := t.one(ctx, querySeats, []any{program}, &s.Total, &s.Offered, &s.Taken)
	return s, err
}

func (t *tx) OpenSeats(ctx context.Context, program string, total int) error {
	if !t.write {
		return errReadOnly
	}
	if _, err := t.currentKey(ctx, program); err != nil {
		return err
	}
	_, err := t.exec(ctx, openSeats, program, total)
	return err
}

func (t *tx) OfferSeats(ctx context.Context, program string, n int, beyond bool) error {
	changed, err := t.exec(ctx, offerSeats, program, n, toInt(beyond))
	if err == nil && changed == 0 {
		err = applications.Errorf(applications.FailedPrecondition, "SEATS_OFFERED", "there are not enough seats for %d more offers", n)
	}
	return err
}

func (t *tx) TakeSeat(ctx context.Context, program string) error {
	changed, err := t.exec(ctx, takeSeat, program)
	if err == nil && changed == 0 {
		err = applications.Errorf(applications.FailedPrecondition, "SEATS_TAKEN", "every seat is taken")
	}
	return err
}

func (t *tx) FreeSeat(ctx context.Context, program string, taken bool) error {
	changed, err := t.exec(ctx, freeSeat, program, toInt(taken))
	if err == nil && changed == 0 {
		err = t.fail(ctx, freeSeat, errors.New("a seat was to be freed that was never counted"))
	}
	return err
}
