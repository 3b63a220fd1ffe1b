package sqlstore

import (
	"context"
	"strings"
)

// query is one SQL text. All of them are made when the program starts, so
// that a database prepares each before the first request, and a wrong one is
// found by the first test that opens a store.
type query struct {
	text  string
	index int  // in queries
	write bool // does more than read
}

var queries []*query

func newQuery(text string) *query {
	q := &query{text: text, index: len(queries), write: !strings.HasPrefix(text, "SELECT ")}
	queries = append(queries, q)
	return q
}

// transaction is all that the statements need of a database, so that another
// driver fits in with a few lines. It is used by one goroutine at a time.
type transaction interface {
	// exec returns how many rows it changed.
	exec(ctx context.Context, q *query, args []any) (int64, error)
	// later is an exec whose result nobody needs. It may run with the next
	// statement or the commit, which then fail with it.
	later(ctx context.Context, q *query, args []any) error
	query(ctx context.Context, q *query, args []any) (rows, error)
	commit(ctx context.Context) error
	// rollback fails if what the transaction had read was undone as well: then
	// nothing may be concluded from it.
	rollback() error
}

type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// backend is one database.
type backend interface {
	dialect() *dialect
	// begin waits for its turn as long as ctx allows.
	begin(ctx context.Context, write bool) (transaction, error)
	close() error
}
