package sqlstore

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"
)

// Every column of bytes in the schema is known to be sealed or to be plain: a
// sealed one that a change of keys forgot would be lost with the old key.
func TestEveryColumnOfBytesIsClassified(t *testing.T) {
	files, err := fs.Glob(embedded, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	table := regexp.MustCompile(`CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)`)
	added := regexp.MustCompile(`ALTER TABLE ([a-z_]+) ADD (?:COLUMN )?([a-z_]+)\s+\$\{bytes\}`)
	column := regexp.MustCompile(`(?m)^\s*([a-z_]+)\s+\$\{bytes\}`)
	for _, file := range files {
		text, err := fs.ReadFile(embedded, file)
		if err != nil {
			t.Fatal(err)
		}
		at := table.FindAllSubmatchIndex(text, -1)
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			for _, c := range column.FindAllSubmatch(text[m[0]:end], -1) {
				columns = append(columns, string(text[m[2]:m[3]])+"."+string(c[1]))
			}
		}
		for _, m := range added.FindAllSubmatch(text, -1) {
			columns = append(columns, string(m[1])+"."+string(m[2]))
		}
	}
	if len(columns) < 20 {
		t.Fatalf("found only %v", columns)
	}
	known := slices.Clone(plainColumns)
	for _, c := range sealedColumns {
		known = append(known, c.table+"."+c.column)
	}
	for _, c := range columns {
		if !slices.Contains(known, c) {
			t.Errorf("%s stands neither in sealedColumns nor in plainColumns (sealed.go)", c)
		}
	}
	for _, c := range known {
		if !slices.Contains(columns, c) {
			t.Errorf("%s is no column of the schema", c)
		}
	}
}
