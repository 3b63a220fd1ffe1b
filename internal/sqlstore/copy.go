package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// CopyTo copies everything into an empty database of either kind, in one
// transaction there: until it returns, and if it fails or the process dies,
// nothing of it can be used. A file must not exist yet, and has to be synced
// by the caller. It returns the inventory, which it has compared on both
// sides. TARGET_NOT_EMPTY and COPY_DIFFERS are its own errors.
func (sn *Snapshot) CopyTo(ctx context.Context, database string, progress Progress) (inv *Inventory, err error) {
	open := createSQLiteWhole
	if IsPostgres(database) {
		open = emptyPostgresWhole
	}
	to, err := open(ctx, database)
	if err != nil {
		return nil, err
	}
	defer func() {
		to.tx.Rollback() // after a commit this does nothing
		if closed := to.db.Close(); err == nil {
			err = closed
		}
	}()
	target := &Snapshot{whole: to, schema: sn.schema, name: Describe(database), store: &Store{db: noBackend{to.d}, vault: sn.store.vault}}
	tables, err := target.sameTables(ctx, sn)
	if err != nil {
		return nil, err
	}
	if inv, err = sn.fill(ctx, target, tables, progress); err != nil {
		return nil, err
	}
	total := 2 * inv.Rows()
	copied, err := target.Inventory(ctx, func(done, _ int64) {
		if progress != nil {
			progress(total/2+done, total)
		}
	})
	if err != nil {
		return nil, err
	}
	if err := inv.Compare(copied); err != nil {
		return nil, err
	}
	if _, err := target.VerifyAudit(ctx); err != nil {
		return nil, err
	}
	if err := target.CheckIntegrity(ctx); err != nil {
		return nil, err
	}
	if err := to.analyze(ctx, tables); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if err := to.tx.Commit(); err != nil {
		return nil, to.explain(ctx, err)
	}
	return inv, nil
}

// sameTables takes an empty database to the schema of from, and checks that
// the two agree on what that is.
func (sn *Snapshot) sameTables(ctx context.Context, from *Snapshot) ([]table, error) {
	steps, err := loadMigrations(embedded)
	if err != nil {
		return nil, err
	}
	scripts := []string{createMigrations}
	for _, m := range steps[:sn.schema] {
		scripts = append(scripts, m.text)
	}
	for _, text := range scripts {
		if _, err := sn.tx.ExecContext(ctx, sn.d.sql(text)); err != nil {
			return nil, sn.explain(ctx, err)
		}
	}
	mine, err := readTables(ctx, sn.tx, sn.from)
	if err != nil {
		return nil, sn.explain(ctx, err)
	}
	theirs, err := readTables(ctx, from.tx, from.from)
	if err != nil {
		return nil, from.explain(ctx, err)
	}
	for _, t := range theirs {
		if !slices.ContainsFunc(mine, func(m table) bool { return m.name == t.name }) {
			return nil, applications.Errorf(applications.FailedPrecondition, "TABLE_FOREIGN",
				"the database %s has a table that this program does not make (%s); move it elsewhere first, nothing was changed", from.name, t.name)
		}
	}
	for _, m := range mine {
		if !slices.ContainsFunc(theirs, func(t table) bool { return sameTable(m, t) }) {
			return nil, fmt.Errorf("sqlstore: %s and %s do not agree on table %s", from.d.name, sn.d.name, m.name)
		}
	}
	return mine, nil
}

// analyze tells PostgreSQL's planner about the new rows, which would take it a
// minute to find out by itself.
func (w *whole) analyze(ctx context.Context, tables []table) error {
	if w.d != postgresDialect {
		return nil
	}
	for _, t := range tables {
		if _, err := w.tx.ExecContext(ctx, "ANALYZE "+t.name); err != nil {
			return w.explain(ctx, err)
		}
	}
	return nil
}

func sameTable(a, b table) bool {
	return a.name == b.name && slices.Equal(a.columns, b.columns) && slices.Equal(a.key, b.key)
}

// A batch is one INSERT. Its bounds keep memory small and statements legal:
// PostgreSQL takes 65,535 values in one.
const (
	batchValues = 30000
	batchBytes  = 4 << 20
)

// fill copies the rows of all tables and returns their inventory as they were
// read.
func (sn *Snapshot) fill(ctx context.Context, to *Snapshot, tables []table, progress Progress) (*Inventory, error) {
	b := &batch{to: to}
	inv, err := sn.inventory(ctx, func(t *table, values []any) error { return b.add(ctx, t, values) }, func(done, _ int64) {
		if progress != nil {
			progress(done, 0)
		}
	})
	if err == nil {
		err = b.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	if err := sn.do(ctx, func(t *tx) error { return t.inventory(ctx, inv) }); err != nil {
		return nil, err
	}
	inv.Schema = sn.schema
	if len(inv.Tables) != len(tables) {
		return nil, fmt.Errorf("sqlstore: copied %d tables of %d", len(inv.Tables), len(tables))
	}
	return inv, nil
}

// batch collects rows of one table.
type batch struct {
	to     *Snapshot
	table  *table
	values []any
	rows   int
	bytes  int
	full   *sql.Stmt // for as many rows as fit
}

func (b *batch) add(ctx context.Context, t *table, values []any) error {
	if b.table != t {
		if err := b.flush(ctx); err != nil {
			return err
		}
		if b.full != nil {
			b.full.Close()
		}
		b.table, b.full = t, nil
	}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b.bytes += len(v)
		case []byte:
			b.bytes += len(v)
		}
		b.values = append(b.values, v)
	}
	b.rows++
	if b.rows == b.most() || b.bytes >= batchBytes {
		return b.flush(ctx)
	}
	return nil
}

func (b *batch) most() int { return min(b.to.from.batch, batchValues/len(b.table.columns)) }

func (b *batch) flush(ctx context.Context) (err error) {
	if b.rows == 0 {
		return nil
	}
	if b.rows == b.most() {
		if b.full == nil {
			if b.full, err = b.to.tx.PrepareContext(ctx, b.insert()); err != nil {
				return b.to.explain(ctx, err)
			}
		}
		_, err = b.full.ExecContext(ctx, b.values...)
	} else {
		_, err = b.to.tx.ExecContext(ctx, b.insert(), b.values...)
	}
	if err != nil {
		return b.to.explain(ctx, err)
	}
	clear(b.values)
	b.values, b.rows, b.bytes = b.values[:0], 0, 0
	return nil
}

// insert is the statement for the rows in the batch.
func (b *batch) insert() string {
	var s strings.Builder
	fmt.Fprintf(&s, "INSERT INTO %s (%s) VALUES ", b.table.name, strings.Join(b.table.columnNames(), ", "))
	n := 0
	for r := range b.rows {
		if r > 0 {
			s.WriteString(", ")
		}
		for c := range b.table.columns {
			n++
			if c == 0 {
				fmt.Fprintf(&s, "($%d", n)
			} else {
				fmt.Fprintf(&s, ", $%d", n)
			}
		}
		s.WriteByte(')')
	}
	return s.String()
}

// createSQLiteWhole makes a file for a copy: without a journal, because a copy
// that is cut off is thrown away.
func createSQLiteWhole(ctx context.Context, path string) (w whole, err error) {
	exists, err := Exists(path)
	if err != nil {
		return w, err
	}
	if exists {
		return w, notEmpty(path)
	}
	if err := prepareFile(path); err != nil {
		return w, err
	}
	w = whole{d: sqliteDialect, from: sqliteCatalog}
	if w.db, err = openPool(path, 1, "_txlock=immediate&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=foreign_keys(0)&_pragma=temp_store(MEMORY)&_pragma=trusted_schema(0)"); err != nil {
		return w, err
	}
	if _, err = w.db.ExecContext(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err == nil {
		w.tx, err = w.db.BeginTx(ctx, nil)
	}
	if err != nil {
		w.db.Close()
		return w, cannotOpen(path, err)
	}
	return w, nil
}

func notEmpty(name string) error {
	return applications.Errorf(applications.FailedPrecondition, "TARGET_NOT_EMPTY",
		"%s is not empty; name an empty one, or move away what is there; nothing was changed", name)
}
