package cli

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLargeImport imports the largest table that a server takes, by the command,
// into a file, and closes the call: the figures of docs/operations.md. Both
// tell how long other calls that write may have to wait.
func TestLargeImport(t *testing.T) {
	rows := 500
	if os.Getenv("FAIRLEAD_SOAK") == "1" {
		rows = 100_000
	}
	h := openCall(t)
	role := firstCode(t, h, "role_authority")
	var table strings.Builder
	table.WriteString("contact.name,contact.email,answers.role_authority,answers.organization,answers.county\n")
	for i := range rows {
		fmt.Fprintf(&table, "Invented %d,a%d@example.org,%s,Invented Org %d,skagit\n", i, i, role, i%1000)
	}
	begin := time.Now()
	got := h.remote("import", "--consent-note", "asked by phone", write(t, "table.csv", table.String()))
	took := time.Since(begin)
	if want := fmt.Sprintf("%d applications created from %d rows\n", rows, rows); got.code != exitOK || got.stdout != want {
		t.Fatalf("import: %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	begin = time.Now()
	h.post("/v1/programs/alpha:close", h.admin(), `{}`)
	t.Logf("figure: importing %d rows into a file: %.1f s; closing the call with them: %.1f s", rows, took.Seconds(), time.Since(begin).Seconds())
}
