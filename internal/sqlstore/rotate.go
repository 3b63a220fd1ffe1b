package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/audit"
	"github.com/openfairlead/fairlead/internal/vault"
)

var (
	queryDataKeys = newQuery(`SELECT program, id, current, wrapped, create_time FROM data_keys ORDER BY program, create_time, id`)
	// As the row's only writer wants it: who seals with the key holds it until
	// the end of their transaction.
	lockDataKey   = newQuery(`SELECT current FROM data_keys WHERE program = $1 AND id = $2 ${for update}`)
	retireCurrent = newQuery(`UPDATE data_keys SET current = 0 WHERE program = $1 AND current = 1`)
	deleteDataKey = newQuery(`DELETE FROM data_keys WHERE program = $1 AND id = $2 AND current = 0`)
	rewrapDataKey = newQuery(`UPDATE data_keys SET wrapped = $3 WHERE program = $1 AND id = $2`)

	queryDerivedKeys  = newQuery(`SELECT label, wrapped FROM derived_keys ORDER BY label`)
	deleteDerivedKeys = newQuery(`DELETE FROM derived_keys`)
	insertDerivedKey  = newQuery(`INSERT INTO derived_keys (label, wrapped, create_time) VALUES ($1, $2, $3)`)
	changeMasterKey   = newQuery(`UPDATE installation SET key_id = $1, key_check = $2 WHERE one = 1`)
	resealAuditHead   = newQuery(`UPDATE audit_head SET mac = $1 WHERE one = 1`)
)

// DataKey is one data key of a program ("" is the installation itself).
type DataKey struct {
	Program, ID string
	Current     bool // new values are sealed with it
	CreateTime  time.Time

	wrapped []byte
}

// DataKeys lists all data keys, by program and age.
func (s *Store) DataKeys(ctx context.Context) ([]DataKey, error) {
	var all []DataKey
	err := s.inTx(ctx, false, func(t *tx) (err error) {
		all, err = t.dataKeys(ctx)
		return err
	})
	return all, err
}

func (t *tx) dataKeys(ctx context.Context) ([]DataKey, error) {
	var all []DataKey
	err := t.each(ctx, queryDataKeys, nil, func(r rows) error {
		var k DataKey
		var current, at int64
		err := r.Scan(&k.Program, &k.ID, &current, &k.wrapped, &at)
		k.Current, k.CreateTime = current == 1, fromMicros(at)
		all = append(all, k)
		return err
	})
	return all, err
}

// patient runs an Update, again while another process keeps an SQLite file busy:
// a server under load, beside which this one command has little luck with the
// lock.
func (s *Store) patient(ctx context.Context, fn func(*tx) error) error {
	return s.whileBusy(ctx, 2*time.Minute, func(time.Duration) {}, func() error { return s.inTx(ctx, true, fn) })
}

// whileBusy does something again as long as another process keeps an SQLite
// file busy, for so long at most. waiting is told how long it has been.
func (s *Store) whileBusy(ctx context.Context, patience time.Duration, waiting func(time.Duration), do func() error) error {
	for start := time.Now(); ; {
		err := do()
		waited := time.Since(start)
		if applications.ReasonOf(err) != failBusy.reason || waited > patience {
			return err
		}
		if ctx.Err() != nil {
			return s.explain(ctx, ctx.Err())
		}
		waiting(waited)
	}
}

// RotateDataKey gives a program a new data key, which new values are sealed
// with from now on, and appends the event. NotFound PROGRAM_NOT_FOUND.
func (s *Store) RotateDataKey(ctx context.Context, program string, event applications.Event) error {
	return s.patient(ctx, func(t *tx) error {
		old, err := t.currentKey(ctx, program)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, retireCurrent, program); err != nil {
			return err
		}
		if err := t.addDataKey(ctx, program); err != nil {
			return err
		}
		event.Detail = old.ID + ">" + t.keys[program].ID
		return t.AppendEvents(ctx, event)
	})
}

// Reencrypt seals a program's values that older keys sealed with its current
// one, at most batch of them in one transaction, while others read and write.
// It can be ended at any point and called again. progress, if not nil, is told
// after each batch which table it was and how many values were done in all.
func (s *Store) Reencrypt(ctx context.Context, program string, batch int, progress func(table string, done int)) (int, error) {
	done := 0
	keys, err := s.olderKeys(ctx, program)
	if err != nil {
		return 0, err
	}
	for _, old := range keys {
		for _, c := range sealedColumns {
			if c.program == "" && c.table != "events" && program != installation {
				continue
			}
			for after := c.first(); after != nil; {
				var n int
				var next []any
				err := s.patient(ctx, func(t *tx) (err error) {
					n, next, err = t.reencrypt(ctx, c, program, old, after, batch)
					return err
				})
				if err != nil {
					return done, err
				}
				after = next
				if done += n; n > 0 && progress != nil {
					progress(c.table, done)
				}
			}
		}
	}
	return done, nil
}

func (s *Store) olderKeys(ctx context.Context, program string) ([]*vault.DataKey, error) {
	var older []*vault.DataKey
	err := s.inTx(ctx, false, func(t *tx) error {
		older = nil
		all, err := t.dataKeys(ctx)
		if err != nil {
			return err
		}
		for _, k := range all {
			if k.Program != program || k.Current {
				continue
			}
			opened, err := s.unwrap(program, k.ID, k.wrapped)
			if err != nil {
				return err
			}
			older = append(older, opened)
		}
		return nil
	})
	return older, err
}

// reencrypt does one batch of one column, after a key. The key to go on after
// is nil when nothing is left.
func (t *tx) reencrypt(ctx context.Context, c *sealedColumn, program string, old *vault.DataKey, after []any, batch int) (n int, next []any, err error) {
	type row struct {
		key      []any
		sealed   []byte
		resource string
	}
	var rowsRead []row
	args := []any{old.Head()}
	if c.program != "" {
		args = append(args, program)
	}
	args = append(append(args, after...), int64(batch))
	err = t.each(ctx, c.next, args, func(r rows) error {
		one := row{key: c.first()}
		var dest []any
		for i := range one.key {
			if c.numbers {
				one.key[i] = new(int64)
			} else {
				one.key[i] = new(string)
			}
			dest = append(dest, one.key[i])
		}
		dest = append(dest, &one.sealed)
		if c.table == "events" {
			dest = append(dest, &one.resource)
		}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		for i, p := range one.key {
			if c.numbers {
				one.key[i] = *p.(*int64)
			} else {
				one.key[i] = *p.(*string)
			}
		}
		rowsRead = append(rowsRead, one)
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	current, err := t.currentKey(ctx, program)
	if err != nil {
		return 0, nil, err
	}
	for _, r := range rowsRead {
		at := c.place(program, r.key)
		plain, err := old.Open(at, r.sealed)
		if err != nil {
			return 0, nil, err
		}
		sealed, err := current.Seal(at, plain)
		if err != nil {
			return 0, nil, err
		}
		args := []any{sealed, r.sealed}
		if c.program != "" {
			args = append(args, program)
		}
		args = append(args, r.key...)
		if c.stamp != "" {
			args = append(args, sealed[:vault.SealHead])
		}
		changed, err := t.exec(ctx, c.update, args...)
		if err != nil {
			return 0, nil, err
		}
		n += int(changed)
	}
	if len(rowsRead) < batch || len(c.key) == 0 {
		return n, nil, nil
	}
	return n, rowsRead[len(rowsRead)-1].key, nil
}

// RetireDataKeys destroys the older keys of a program and appends the event for
// each. A key that still seals a value stays: FailedPrecondition
// DATA_KEY_IN_USE, and Reencrypt has to come first.
func (s *Store) RetireDataKeys(ctx context.Context, program string, event applications.Event) (int, error) {
	older, err := s.olderKeys(ctx, program)
	if err != nil {
		return 0, err
	}
	for i, k := range older {
		// Whoever sealed with the key before it was replaced is waited for here,
		// in a transaction of its own: the next one then sees what they wrote.
		err := s.patient(ctx, func(t *tx) error {
			var current int
			_, err := t.one(ctx, lockDataKey, []any{program, k.ID}, &current)
			return err
		})
		if err != nil {
			return i, err
		}
		err = s.patient(ctx, func(t *tx) error {
			for _, c := range sealedColumns {
				args := []any{k.Head()}
				if c.program != "" {
					args = append(args, program)
				}
				var n int64
				if _, err := t.one(ctx, c.count, args, &n); err != nil {
					return err
				}
				if n > 0 {
					return applications.Errorf(applications.FailedPrecondition, "DATA_KEY_IN_USE", "%d values in %s are still sealed with the older key %s", n, c.table, k.ID)
				}
			}
			if _, err := t.exec(ctx, deleteDataKey, program, k.ID); err != nil {
				return err
			}
			e := event
			e.Detail = k.ID + ">"
			return t.AppendEvents(ctx, e)
		})
		if err != nil {
			return i, err
		}
	}
	return len(older), nil
}

// RotateMaster makes the database one of another master key, all at once or
// not at all: it wraps every data key anew, keeps the derived keys whose labels
// keep says, seals the audit log's head anew and appends the event. The store's
// own vault is the new one then; other processes follow, see vault.Follow.
func (s *Store) RotateMaster(ctx context.Context, to *vault.Vault, keep func(vault.Label) bool, event applications.Event) error {
	from := s.vault
	before := from.KeyID()
	if to.KeyID() == before {
		return applications.Errorf(applications.FailedPrecondition, "MASTER_KEY_SAME",
			"the key that is to take the place of the master key is the master key already: a change was not finished where the key lies; put KEYFILE.new in the place of KEYFILE")
	}
	derived := map[string][]byte{}
	err := s.patient(ctx, func(t *tx) error {
		// First the head: every other writer waits for it, or fails because it is
		// not theirs any more.
		event.Detail = before + ">" + to.KeyID()
		if err := t.AppendEvents(ctx, event); err != nil {
			return err
		}
		if err := t.flushEvents(ctx); err != nil {
			return err
		}
		if err := t.checkMasterKey(ctx); err != nil {
			return err
		}
		all, err := t.dataKeys(ctx)
		if err != nil {
			return err
		}
		for _, k := range all {
			wrapped, err := from.Rewrap(to, k.Program, k.ID, k.wrapped)
			if err != nil {
				return err
			}
			if _, err := t.exec(ctx, rewrapDataKey, k.Program, k.ID, wrapped); err != nil {
				return err
			}
		}
		if _, err := t.exec(ctx, deleteDerivedKeys); err != nil {
			return err
		}
		clear(derived)
		for _, label := range vault.Labels {
			if !label.Lasting || !keep(label) {
				continue
			}
			wrapped, err := from.WrapDerived(to, label.Name)
			if err != nil {
				return err
			}
			if _, err := t.exec(ctx, insertDerivedKey, label.Name, wrapped, t.s.now().UnixMicro()); err != nil {
				return err
			}
			derived[label.Name] = wrapped
		}
		if _, err := t.exec(ctx, changeMasterKey, to.KeyID(), to.Check()); err != nil {
			return err
		}
		head, _, err := t.auditHead(ctx, queryAuditHead)
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, resealAuditHead, headMAC(to, head.Size, audit.AppendHashes(nil, head.Edge)))
		return err
	})
	if err != nil {
		return err
	}
	return from.Become(to, derived)
}

// keepDerived gives the vault the derived keys that the database keeps: while
// it is being opened, and nobody derives anything yet.
func (t *tx) keepDerived(ctx context.Context) error {
	kept, err := t.derivedKeys(ctx)
	if err != nil {
		return err
	}
	for label, wrapped := range kept {
		if err := t.s.vault.Keep(label, wrapped); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) derivedKeys(ctx context.Context) (map[string][]byte, error) {
	kept := map[string][]byte{}
	err := t.each(ctx, queryDerivedKeys, nil, func(r rows) error {
		var label string
		var wrapped []byte
		err := r.Scan(&label, &wrapped)
		kept[label] = wrapped
		return err
	})
	return kept, err
}

// CheckKey goes with the database to another master key, if it went over to
// one. Who writes finds out by it; who only reads would go on with the old key.
// Unavailable MASTER_KEY_CHANGED.
func (s *Store) CheckKey(ctx context.Context) error {
	var key string
	err := s.inTx(ctx, false, func(t *tx) error {
		_, err := t.one(ctx, queryPing, nil, &key)
		return err
	})
	if err == nil && key != s.vault.KeyID() {
		err = s.follow(ctx)
	}
	return err
}

// follow goes with the database to another master key, if it went over to one
// while this store was open and the vault can.
func (s *Store) follow(ctx context.Context) error {
	id, err := s.followNow(ctx)
	// It may have gone over to yet another one between our look at the database and
	// that at the file: then the database says so when asked again.
	for before := ""; applications.ReasonOf(err) == "MASTER_KEY_MISMATCH" && id != before; {
		before = id
		id, err = s.followNow(ctx)
	}
	if applications.ReasonOf(err) == "MASTER_KEY_MISMATCH" {
		return applications.Errorf(applications.Unavailable, "MASTER_KEY_CHANGED",
			"the database has a new master key (%s), which this server does not have yet: put the new key file in the place of the old one; no restart is needed (%w)", id, err)
	}
	return err
}

// followNow is one look at the database and one at the key file. id is the key
// that the database wants.
func (s *Store) followNow(ctx context.Context) (id string, err error) {
	var check []byte
	var derived map[string][]byte
	err = s.run(ctx, false, func(t *tx) error {
		found, err := t.one(ctx, queryInstallation, nil, &id, &check)
		if err == nil && !found {
			err = fmt.Errorf("sqlstore: no installation")
		}
		if err == nil {
			derived, err = t.derivedKeys(ctx)
		}
		return err
	})
	if err == nil {
		id, err = s.restoredKey(id)
	}
	if err != nil {
		return "", err
	}
	_, err = s.vault.Follow(id, check, derived)
	s.behind.Store(err != nil)
	return id, err
}

// keyChanged reports whether an error may be that of a store whose database
// went over to another master key.
func keyChanged(err error) bool {
	switch applications.ReasonOf(err) {
	case "DATA_KEY_UNREADABLE", "AUDIT_BROKEN":
		return true
	}
	return false
}
