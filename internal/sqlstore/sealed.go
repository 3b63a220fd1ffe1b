package sqlstore

import (
	"fmt"
	"strings"

	"github.com/openfairlead/fairlead/internal/vault"
)

// sealedColumn is a column that holds sealed values: all of them, in one list,
// so that a change of keys forgets none. A test compares the list with the
// schema.
type sealedColumn struct {
	table, column string
	// program is the column with the program's id. "": rows belong to the
	// installation, or say otherwise to which program.
	program string
	// key are the other columns of the primary key; numbers says that they are
	// numbers and not texts.
	key     []string
	numbers bool
	// row is the Place's row of a row's key.
	row func(program string, key []any) string
	// stamp is a column that repeats the head of the value, or "".
	stamp string

	next, update, count *query
}

func keyText(_ string, key []any) string { return fmt.Sprint(key[0]) }

var sealedColumns = []*sealedColumn{
	{table: "programs", column: "body", program: "id", row: func(program string, _ []any) string { return program }},
	{table: "forms", column: "body", program: "program", key: []string{"version"}, numbers: true, row: keyText, stamp: "stamp"},
	{table: "criteria", column: "body", program: "program", key: []string{"version"}, numbers: true, row: keyText},
	{table: "policies", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "applications", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "offers", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "selections", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "selections", column: "frozen", program: "program", key: []string{"id"}, row: keyText},
	{table: "selections", column: "record", program: "program", key: []string{"id"}, row: keyText},
	{table: "mentoring_plans", column: "body", program: "program", row: func(program string, _ []any) string { return program }},
	{table: "enrollments", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "directives", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "matchings", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "matchings", column: "frozen", program: "program", key: []string{"id"}, row: keyText},
	{table: "matchings", column: "record", program: "program", key: []string{"id"}, row: keyText},
	{table: "proposals", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "mentorships", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "networks", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "network_members", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "network_rounds", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "network_rounds", column: "frozen", program: "program", key: []string{"id"}, row: keyText},
	{table: "network_rounds", column: "record", program: "program", key: []string{"id"}, row: keyText},
	{table: "introductions", column: "body", program: "program", key: []string{"id"}, row: keyText},
	{table: "users", column: "body", key: []string{"id"}, row: keyText},
	{table: "tokens", column: "body", key: []string{"id"}, row: keyText},
	{table: "requests", column: "answer", program: "program", key: []string{"method", "id"}, row: func(_ string, key []any) string {
		return requestPlace(key[0].(string), key[1].(string)).Row
	}},
	{table: "events", column: "reason", key: []string{"idx"}, numbers: true, row: keyText},
}

// plainColumns are the columns of bytes that hold no sealed values: hashes,
// random salts, and keys that the master key wraps.
var plainColumns = []string{
	"installation.key_check", "data_keys.wrapped", "derived_keys.wrapped", "forms.stamp", "applications.return_code",
	"tokens.hash", "links.hash", "enrollment_links.hash", "network_members.reference", "network_links.hash", "requests.hash", "events.reason_digest", "events.hashes", "audit_head.edge", "audit_head.mac",
}

// sealHeadSize is what the head of a data key's values is compared by.
const sealHeadSize = 9

func init() {
	for _, c := range sealedColumns {
		c.queries()
	}
}

// queries makes the texts. Parameters: the head, then the program where there
// is one, then the key after which to go on, then the limit.
func (c *sealedColumn) queries() {
	n := 1
	param := func() string { n++; return fmt.Sprintf("$%d", n) }
	where := fmt.Sprintf("substr(%s, 1, %d) = $1", c.column, sealHeadSize)
	if c.program != "" {
		where += fmt.Sprintf(" AND %s = %s", c.program, param())
	}
	c.count = newQuery(fmt.Sprintf("SELECT count(*) FROM %s WHERE %s", c.table, where))

	columns := append(append([]string{}, c.key...), c.column)
	order := ""
	if len(c.key) > 0 {
		var after []string
		for range c.key {
			after = append(after, param())
		}
		where += fmt.Sprintf(" AND (%s) > (%s)", strings.Join(c.key, ", "), strings.Join(after, ", "))
		order = " ORDER BY " + strings.Join(c.key, ", ")
	}
	if c.table == "events" {
		columns = append(columns, "resource")
	}
	c.next = newQuery(fmt.Sprintf("SELECT %s FROM %s WHERE %s%s LIMIT %s", strings.Join(columns, ", "), c.table, where, order, param()))

	// The old value is compared, so that a row that somebody changed meanwhile
	// stays as they left it.
	n = 2
	where = fmt.Sprintf("%s = $2", c.column)
	if c.program != "" {
		where += fmt.Sprintf(" AND %s = %s", c.program, param())
	}
	for _, k := range c.key {
		where += fmt.Sprintf(" AND %s = %s", k, param())
	}
	set := c.column + " = $1"
	if c.stamp != "" {
		set += fmt.Sprintf(", %s = %s", c.stamp, param())
	}
	c.update = newQuery(fmt.Sprintf("UPDATE %s SET %s WHERE %s", c.table, set, where))
}

// first is the key before every key.
func (c *sealedColumn) first() []any {
	key := make([]any, len(c.key))
	for i := range key {
		key[i] = ""
		if c.numbers {
			key[i] = int64(-1)
		}
	}
	return key
}

func (c *sealedColumn) place(program string, key []any) vault.Place {
	return vault.Place{Table: c.table, Field: c.column, Row: c.row(program, key)}
}
