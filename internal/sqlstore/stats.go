package sqlstore

import (
	"database/sql"
	"time"
)

// PoolStats is what a pool of connections has been doing.
type PoolStats struct {
	Open, InUse int           // connections, now
	Waits       int64         // transactions that had to wait for a connection, ever
	Waited      time.Duration // how long they waited together
}

// Pools tells about the pools by name ("read", "write"), for metrics.
func (s *Store) Pools() map[string]PoolStats {
	all := map[string]PoolStats{}
	if b, ok := s.db.(interface{ pools() map[string]*sql.DB }); ok {
		for name, db := range b.pools() {
			st := db.Stats()
			all[name] = PoolStats{Open: st.OpenConnections, InUse: st.InUse, Waits: st.WaitCount, Waited: st.WaitDuration}
		}
	}
	return all
}

func (d *sqliteDB) pools() map[string]*sql.DB {
	return map[string]*sql.DB{"read": d.reader, "write": d.writer}
}
