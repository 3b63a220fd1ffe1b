package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

// PoolStats is what a pool of connections has been doing.
type PoolStats struct {
	Open, InUse int           // connections, now
	Waits       int64         // transactions that had to wait for a connection, ever
	Waited      time.Duration // how long they waited together
}

// Pools tells about the pools by name ("read" and "write", or "all"), for
// metrics.
func (s *Store) Pools() map[string]PoolStats {
	if b, ok := s.db.(interface{ pools() map[string]PoolStats }); ok {
		return b.pools()
	}
	return nil
}

func (db *sqliteDB) pools() map[string]PoolStats {
	all := map[string]PoolStats{}
	for name, pool := range map[string]*sql.DB{"read": db.reader, "write": db.writer} {
		st := pool.Stats()
		all[name] = PoolStats{Open: st.OpenConnections, InUse: st.InUse, Waits: st.WaitCount, Waited: st.WaitDuration}
	}
	return all
}

var queryRuns = newQuery(`SELECT state, count(*) FROM selections WHERE state IN ('QUEUED', 'RUNNING') GROUP BY state`)

// Runs counts the selection runs of all programs that wait for a process and
// those that one has claimed, for metrics.
func (s *Store) Runs(ctx context.Context) (queued, running int, err error) {
	err = s.inTx(ctx, false, func(t *tx) error {
		queued, running = 0, 0
		return t.each(ctx, queryRuns, nil, func(r rows) error {
			var state string
			var n int
			if err := r.Scan(&state, &n); err != nil {
				return err
			}
			if applications.SelectionState(state) == applications.SelectionQueued {
				queued = n
			} else {
				running = n
			}
			return nil
		})
	})
	return queued, running, err
}
