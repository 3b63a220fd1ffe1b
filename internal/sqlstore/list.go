package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// stateQueries makes one query for each number of states that a list can be
// narrowed to, from none up to most: ${states} in the text becomes a condition
// on the column, whose parameters begin with number first.
func stateQueries(most int, text, column string, first int) []*query {
	out := make([]*query, most+1)
	for n := range out {
		condition := ""
		if n > 0 {
			params := make([]string, n)
			for i := range params {
				params[i] = fmt.Sprintf("$%d", first+i)
			}
			condition = "AND " + column + " IN (" + strings.Join(params, ", ") + ")"
		}
		out[n] = newQuery(strings.Replace(text, "${states}", condition, 1))
	}
	return out
}

// withStates picks the query for the states and adds them to its arguments.
func withStates[S ~string](queries []*query, states []S, args ...any) (*query, []any, error) {
	states = slices.Compact(slices.Sorted(slices.Values(states)))
	if len(states) >= len(queries) {
		// Every state there is: the same as none, unless somebody made up more.
		return nil, nil, fmt.Errorf("sqlstore: %d states were asked for, there are not that many", len(states))
	}
	for _, s := range states {
		args = append(args, string(s))
	}
	return queries[len(states)], args, nil
}

// collect reads all rows, and only then opens each: opening may need the
// database for a key, which cannot answer while it is sending rows.
func collect[R, V any](t *tx, ctx context.Context, q *query, args []any, scan func(rows) (R, error), open func(R, context.Context, *tx) (V, error)) ([]V, error) {
	var read []R
	err := t.each(ctx, q, args, func(r rows) error {
		row, err := scan(r)
		read = append(read, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]V, len(read))
	for i, row := range read {
		if i%256 == 255 && ctx.Err() != nil {
			return nil, contextError(ctx)
		}
		if out[i], err = open(row, ctx, t); err != nil {
			return nil, err
		}
	}
	return out, nil
}
