package sqlstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/applications"
)

// table is a table as the database itself describes it: what copies a database
// whole must not forget a table or a column that a later migration adds.
type table struct {
	name    string
	columns []column // sorted by name, so that all databases say the same
	key     []string // the primary key, in its order
	parents []string // tables that its rows refer to
}

type column struct {
	name string
	kind kind
}

// kind is what a column holds. There are no others in the dialects' subset.
type kind byte

const (
	intKind   kind = 'i'
	textKind  kind = 't'
	bytesKind kind = 'b'
)

// catalog is how a kind of database describes its tables.
type catalog struct {
	columns string // query: table, column, type, place in the primary key or 0
	parents string // query: table, table that it refers to
	byBytes string // makes ORDER BY compare a text by bytes
	kinds   map[string]kind
	batch   int // rows to insert at once, by measurement: SQLite's driver takes longer with many
}

var sqliteCatalog = &catalog{
	columns: `SELECT t.name, c.name, c.type, c.pk FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY t.name, c.cid`,
	parents: `SELECT t.name, f."table" FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f WHERE t.type = 'table'`,
	byBytes: " COLLATE BINARY",
	kinds:   map[string]kind{"integer": intKind, "text": textKind, "blob": bytesKind},
	batch:   8,
}

// What PostgreSQL's own words for tables of the current schema are. Foreign
// and partitioned tables have columns too, so that they are not overlooked.
var postgresCatalog = &catalog{
	columns: `SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0)
		FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
		LEFT JOIN pg_index AS i ON i.indrelid = t.oid AND i.indisprimary
		WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
		ORDER BY t.relname, a.attnum`,
	parents: `SELECT child.relname, parent.relname FROM pg_constraint AS f
		JOIN pg_class AS child ON child.oid = f.conrelid JOIN pg_class AS parent ON parent.oid = f.confrelid
		WHERE f.contype = 'f' AND child.relnamespace = current_schema()::regnamespace`,
	byBytes: ` COLLATE "C"`,
	kinds:   map[string]kind{"bigint": intKind, "text": textKind, "bytea": bytesKind},
	batch:   500,
}

// plainName keeps names that were read from a database from being anything but
// a name when they are put into a statement.
var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// readTables lists the tables, each after those that it refers to. It fails
// for what the dialects' subset does not have, because a copy would lose it.
func readTables(ctx context.Context, q querier, from *catalog) ([]table, error) {
	byName := map[string]*table{}
	err := queryEach(ctx, q, from.columns, func(r *sql.Rows) error {
		var name, col, typ string
		var pk int // place in the primary key from 1, or 0
		if err := r.Scan(&name, &col, &typ, &pk); err != nil {
			return err
		}
		k, ok := from.kinds[strings.ToLower(typ)]
		if !ok || !plainName.MatchString(name) || !plainName.MatchString(col) {
			return applications.Errorf(applications.FailedPrecondition, "TABLE_FOREIGN",
				"the database has a table or column that this program does not make (%q, %q of type %q); nothing was changed", name, col, typ)
		}
		t := byName[name]
		if t == nil {
			t = &table{name: name}
			byName[name] = t
		}
		t.columns = append(t.columns, column{col, k})
		if pk > 0 {
			for len(t.key) < pk {
				t.key = append(t.key, "")
			}
			t.key[pk-1] = col
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = queryEach(ctx, q, from.parents, func(r *sql.Rows) error {
		var child, parent string
		if err := r.Scan(&child, &parent); err != nil {
			return err
		}
		if t := byName[child]; t != nil && child != parent {
			t.parents = append(t.parents, parent)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []table
	for _, t := range byName {
		if len(t.key) == 0 || slices.Contains(t.key, "") {
			return nil, fmt.Errorf("sqlstore: table %s has no primary key: its rows have no order to compare", t.name)
		}
		slices.SortFunc(t.columns, func(a, b column) int { return cmp.Compare(a.name, b.name) })
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b table) int { return cmp.Compare(a.name, b.name) })
	return parentsFirst(all)
}

// parentsFirst keeps the order of names otherwise.
func parentsFirst(all []table) ([]table, error) {
	out := make([]table, 0, len(all))
	placed := map[string]bool{}
	for len(out) < len(all) {
		before := len(out)
		for _, t := range all {
			if !placed[t.name] && !slices.ContainsFunc(t.parents, func(p string) bool { return !placed[p] }) {
				placed[t.name] = true
				out = append(out, t)
			}
		}
		if len(out) == before {
			return nil, errors.New("sqlstore: tables refer to each other in a circle")
		}
	}
	return out, nil
}

// querier is a connection or transaction of database/sql.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func queryEach(ctx context.Context, q querier, text string, fn func(*sql.Rows) error) error {
	r, err := q.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := fn(r); err != nil {
			return err
		}
	}
	return r.Err()
}

func (t *table) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// selectAll reads the table in the order of its key. Texts compare by bytes on
// every database.
func (t *table) selectAll(from *catalog) string {
	order := slices.Clone(t.key)
	for i, name := range order {
		if c := slices.IndexFunc(t.columns, func(c column) bool { return c.name == name }); t.columns[c].kind == textKind {
			order[i] += from.byBytes
		}
	}
	return "SELECT " + strings.Join(t.columnNames(), ", ") + " FROM " + t.name + " ORDER BY " + strings.Join(order, ", ")
}

// rows calls fn for each row: one value for each column, which is nil, int64,
// string or []byte, and good until the next call.
func (t *table) rows(ctx context.Context, q querier, from *catalog, fn func(values []any) error) error {
	values, dest := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		dest[i] = &values[i]
	}
	return queryEach(ctx, q, t.selectAll(from), func(r *sql.Rows) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		for i, c := range t.columns {
			ok := true
			switch v := values[i].(type) {
			case nil:
			case int64:
				ok = c.kind == intKind
			case string:
				ok = c.kind == textKind
			case []byte:
				if v == nil { // how a driver spells no bytes, which is not NULL
					values[i] = []byte{}
				}
				ok = c.kind == bytesKind
			default:
				ok = false
			}
			if !ok {
				return applications.Errorf(failDamaged.code, failDamaged.reason, "table %s: a stored value of column %s has a type it cannot have: %s", t.name, c.name, failDamaged.message)
			}
		}
		return fn(values)
	})
}

// tableDigest is SHA-256 over a table's name, columns and rows in the order of
// its key, each part with its length: the same on every database.
type tableDigest struct {
	h    hash.Hash
	rows int64
	buf  []byte
}

func newTableDigest(t *table) *tableDigest {
	d := &tableDigest{h: sha256.New()}
	d.buf = append(d.buf, "fairlead table 1\n"...)
	d.text(t.name)
	for _, c := range t.columns {
		d.text(c.name)
		d.buf = append(d.buf, byte(c.kind))
	}
	d.h.Write(d.buf)
	return d
}

func (d *tableDigest) text(s string) {
	d.buf = binary.AppendUvarint(d.buf, uint64(len(s)))
	d.buf = append(d.buf, s...)
}

// row adds a row as table.rows gives it.
func (d *tableDigest) row(values []any) {
	d.rows++
	d.buf = append(d.buf[:0], 'r')
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			d.buf = append(d.buf, 'n')
		case int64:
			d.buf = binary.BigEndian.AppendUint64(append(d.buf, 'i'), uint64(v))
		case string:
			d.buf = append(d.buf, 't')
			d.text(v)
		case []byte:
			d.buf = binary.AppendUvarint(append(d.buf, 'b'), uint64(len(v)))
			d.buf = append(d.buf, v...)
		}
	}
	d.h.Write(d.buf)
}

func (d *tableDigest) sum() TableInventory {
	return TableInventory{Rows: d.rows, Digest: hex.EncodeToString(d.h.Sum(nil))}
}

// Inventory is what a database holds, in figures that are the same on every
// kind of database.
type Inventory struct {
	Schema    int                       // number of the last migration
	KeyID     string                    // of the master key
	Tables    map[string]TableInventory // by name
	AuditSize int64                     // records in the audit log
	AuditRoot string                    // its Merkle root, base64 as `fairlead audit verify` prints it
}

// TableInventory counts a table.
type TableInventory struct {
	Rows   int64
	Digest string // hex SHA-256 of the canonical rows in the order of the key
}

// Rows is the number of rows of all tables.
func (i *Inventory) Rows() (n int64) {
	for _, t := range i.Tables {
		n += t.Rows
	}
	return n
}

// Compare says in what two inventories differ: DataLoss COPY_DIFFERS, which
// names the first table and its counts, or nil.
func (i *Inventory) Compare(copied *Inventory) error {
	differs := func(format string, args ...any) error {
		return applications.Errorf(applications.DataLoss, "COPY_DIFFERS", format, args...)
	}
	names := map[string]bool{}
	for n := range i.Tables {
		names[n] = true
	}
	for n := range copied.Tables {
		names[n] = true
	}
	sorted := make([]string, 0, len(names))
	for n := range names {
		sorted = append(sorted, n)
	}
	slices.Sort(sorted)
	for _, n := range sorted {
		a, here := i.Tables[n]
		b, there := copied.Tables[n]
		switch {
		case !there:
			return differs("the copy has no table %s", n)
		case !here:
			return differs("the copy has a table %s that the original has not", n)
		case a.Rows != b.Rows:
			return differs("table %s: %d rows, and %d in the copy", n, a.Rows, b.Rows)
		case a.Digest != b.Digest:
			return differs("table %s: the copy has as many rows, but not the same", n)
		}
	}
	switch {
	case i.Schema != copied.Schema:
		return differs("the schema is at step %d, and at %d in the copy", i.Schema, copied.Schema)
	case i.KeyID != copied.KeyID:
		return differs("the copy belongs to another master key")
	case i.AuditSize != copied.AuditSize || i.AuditRoot != copied.AuditRoot:
		return differs("the audit log has %d records and the root %s, and %d and %s in the copy", i.AuditSize, i.AuditRoot, copied.AuditSize, copied.AuditRoot)
	}
	return nil
}
