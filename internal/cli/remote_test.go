package cli

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/internal/testserver"
)

// openCall makes a house with an open call named alpha.
func openCall(t *testing.T) *house {
	t.Helper()
	h := newHouse(t)
	h.serve()
	admin := h.admin()
	h.post("/v1/programs?programId=alpha", admin, `{"preset": "presets/north-sound",
 "effort": {"en": "A day a month."}, "contact": {"en": "Ask us, 555-0100."},
 "window": {"openTime": "2020-01-01T00:00:00Z", "closeTime": "2100-01-01T00:00:00Z", "timeZone": "America/Los_Angeles"}}`)
	h.post("/v1/programs/alpha:open", admin, `{}`)
	t.Setenv("FAIRLEAD_TOKEN", strings.TrimSpace(h.must("tokens", "create", "--role", "facilitator", "--program", "alpha").stdout))
	return h
}

// remote runs a command against the house's server.
func (h *house) remote(args ...string) ran {
	h.t.Helper()
	return run(h.t, append(args, "--server", h.url, "--program", "alpha")...)
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// formTool is a table as a form tool exports it: questions as headers, labels
// as answers.
const formTool = "Timestamp,What is your name?,Email address,Which county,Favorite [color]\r\n" +
	"2027-01-01,Invented A,a@example.org,Skagit,blue\r\n" +
	"2027-01-02,Invented B,b@example.org,Island,red\r\n"

func TestImportWithGuess(t *testing.T) {
	h := openCall(t)
	table := write(t, "answers.csv", formTool)
	guess := h.remote("import", "--guess", table)
	if guess.code != exitOK || !strings.HasPrefix(guess.stdout, "column,field,why") || !strings.Contains(guess.stdout, "Email address,contact.email,") {
		t.Fatalf("%d\n%s%s", guess.code, guess.stdout, guess.stderr)
	}
	// A person mends it: only what is sure goes in.
	mapping := write(t, "map.csv", "column,field\r\nWhat is your name?,contact.name\r\nEmail address,contact.email\r\n")
	dry := h.remote("import", "--map", mapping, "--dry-run", table)
	if dry.code != exitData || !strings.Contains(dry.stderr, "row 1") || !strings.Contains(dry.stderr, "nothing was created") {
		t.Errorf("a table without what the form requires: %d\n%s%s", dry.code, dry.stdout, dry.stderr)
	}
	// The guess itself, printed, is what --map takes.
	printed := write(t, "printed.csv", guess.stdout)
	again := h.remote("import", "--map", printed, "--dry-run", table)
	if strings.Contains(again.stderr, "--map") || again.code == exitUsage {
		t.Errorf("the guess is not taken back: %d\n%s", again.code, again.stderr)
	}
}

// complete is a table that the preset's form takes.
const complete = "contact.name,contact.email,answers.role_authority,answers.organization,answers.county\n" +
	"Invented A,a@example.org,CODE,Invented Org,skagit\n" +
	"=Invented B,b@example.org,CODE,Other Org,Island\n"

func TestImportAndExport(t *testing.T) {
	h := openCall(t)
	table := write(t, "table.csv", strings.ReplaceAll(complete, "CODE", firstCode(t, h, "role_authority")))
	if got := h.remote("import", "--dry-run", table); got.code != exitOK || got.stdout != "2 rows can be imported\n" {
		t.Fatalf("dry run: %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if got := h.remote("import", table); got.code != exitUsage || !strings.Contains(got.stderr, "--consent-note") {
		t.Errorf("without a consent note: %d %s", got.code, got.stderr)
	}
	const id = "7f1d9d0a-8c0e-4d0f-9d57-1f1f3c1f8a11"
	for range 2 { // the second is a retry
		if got := h.remote("import", "--consent-note", "asked by phone", "--request-id", id, table); got.code != exitOK || got.stdout != "2 applications created from 2 rows\n" {
			t.Fatalf("import: %d\n%s%s", got.code, got.stdout, got.stderr)
		}
	}
	bad := write(t, "bad.csv", "contact.name,answers.county\nInvented C,skagitt\n")
	if got := h.remote("import", "--consent-note", "x", bad); got.code != exitData || !strings.Contains(got.stderr, "row 1, column answers.county") || !strings.Contains(got.stderr, "did you mean") {
		t.Errorf("a wrong cell: %d\n%s", got.code, got.stderr)
	}

	plain := h.remote("export")
	if plain.code != exitOK || strings.Contains(plain.stdout, "Invented A") || !strings.HasPrefix(plain.stdout, "code,state") || strings.Count(plain.stdout, "\n") != 3 {
		t.Errorf("export: %d\n%s%s", plain.code, plain.stdout, plain.stderr)
	}
	if got := h.remote("export", "--identity"); got.code != exitUsage || !strings.Contains(got.stderr, "--reason") {
		t.Errorf("identity without a reason: %d %s", got.code, got.stderr)
	}
	out := filepath.Join(t.TempDir(), "out.csv")
	got := h.remote("export", "--identity", "--reason", "to call back", "--out", out)
	b, err := os.ReadFile(out)
	must(t, err)
	if got.code != exitOK || got.stdout != "" || !strings.Contains(string(b), "Invented A") || !strings.Contains(string(b), "'=Invented B") || !strings.Contains(got.stderr, "personal data") {
		t.Errorf("export with identity: %d %s\n%s", got.code, got.stderr, b)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others can read the export: %v %v", info.Mode(), err)
	}
	if got := h.remote("export", "--out", out); got.code != exitUsage || !strings.Contains(got.stderr, "--force") {
		t.Errorf("an existing file: %d %s", got.code, got.stderr)
	}
	if got := h.remote("export", "--out", out, "--force"); got.code != exitOK {
		t.Errorf("--force: %d %s", got.code, got.stderr)
	}
	left, err := filepath.Glob(out + ".*")
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// firstCode is the first answer that a question of the form offers.
func firstCode(t *testing.T, h *house, key string) string {
	t.Helper()
	resp, err := http.Get(h.url + "/v1/programs/alpha/forms/current")
	must(t, err)
	defer resp.Body.Close()
	var form struct {
		Attributes []struct {
			Key    string
			Values []struct{ Code string }
		}
	}
	must(t, decode(resp, &form))
	for _, a := range form.Attributes {
		if a.Key == key {
			return a.Values[0].Code
		}
	}
	t.Fatalf("the form does not ask %s", key)
	return ""
}

func TestRemoteFailures(t *testing.T) {
	table := write(t, "t.csv", "contact.name\nx\n")
	t.Setenv("FAIRLEAD_TOKEN", "")
	if got := run(t, "export", "--program", "alpha"); got.code != exitUsage || !strings.Contains(got.stderr, "FAIRLEAD_TOKEN") {
		t.Errorf("without a token: %d %s", got.code, got.stderr)
	}
	t.Setenv("FAIRLEAD_TOKEN", "a-secret-token")
	nobody := "http://" + testserver.FreePort(t)
	for _, args := range [][]string{
		{"export", "--program", "alpha", "--server", nobody},
		{"import", "--program", "alpha", "--server", nobody, "--consent-note", "x", table},
	} {
		got := run(t, args...)
		if got.code != exitUnreachable || !strings.Contains(got.stderr, "cannot be reached") || strings.Contains(got.stderr, "a-secret-token") || strings.Contains(got.stderr, "alpha") {
			t.Errorf("%v: %d %s", args, got.code, got.stderr)
		}
		if args[0] == "import" && !strings.Contains(got.stderr, "--request-id") {
			t.Errorf("an import that broke off does not say how to go on: %s", got.stderr)
		}
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			t.Errorf("the token was sent on")
		}
		http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
	}))
	defer elsewhere.Close()
	if got := run(t, "export", "--program", "alpha", "--server", elsewhere.URL); got.code != exitUnreachable || !strings.Contains(got.stderr, "--server") {
		t.Errorf("another kind of server: %d %s", got.code, got.stderr)
	}
	for _, server := range []string{"localhost:8080", "ftp://x", "http://"} {
		if got := run(t, "export", "--program", "alpha", "--server", server); got.code != exitUsage {
			t.Errorf("--server %s: %d %s", server, got.code, got.stderr)
		}
	}
	h := openCall(t)
	t.Setenv("FAIRLEAD_TOKEN", "guess")
	if got := h.remote("export"); got.code != exitUsage {
		t.Errorf("a wrong token: %d %s", got.code, got.stderr)
	}
	for _, c := range []struct{ mapping, want string }{
		{"a,b\n", "column and field"},
		{"column,field\ncontact.nam,contact.name\n", `did you mean "contact.name"`},
		{"column,field\ncontact.name,x\ncontact.name,y\n", "twice"},
		{"", "header"},
		{"column,field\na\"b,contact.name\n", "line 2"},
	} {
		if got := h.remote("import", "--map", write(t, "m.csv", c.mapping), "--dry-run", table); got.code != exitData || !strings.Contains(got.stderr, c.want) {
			t.Errorf("--map %q: %d %s", c.mapping, got.code, got.stderr)
		}
	}
	if got := h.remote("import", "--dry-run", filepath.Join(t.TempDir(), "none.csv")); got.code != exitData || !strings.Contains(got.stderr, "none.csv") {
		t.Errorf("a file that is not there: %d %s", got.code, got.stderr)
	}
}

// workbookOf packs the parts of a small .xlsx file.
func workbookOf(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range parts {
		w, err := z.Create(name)
		must(t, err)
		_, err = w.Write([]byte(content))
		must(t, err)
	}
	must(t, z.Close())
	return b.Bytes()
}

var smallWorkbook = map[string]string{
	"xl/workbook.xml": `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">
 <sheets><sheet name="Answers" sheetId="1" r:id="rId7"/><sheet name="Other" sheetId="2" r:id="rId8"/></sheets></workbook>`,
	"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
 <Relationship Id="rId8" Target="worksheets/sheet1.xml"/><Relationship Id="rId7" Target="worksheets/sheet2.xml"/></Relationships>`,
	"xl/sharedStrings.xml": `<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>Name</t></si><si><r><t>Invented </t></r><r><t xml:space="preserve">"A"</t></r></si></sst>`,
	"xl/styles.xml": `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd hh:mm"/></numFmts>
 <cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>`,
	"xl/worksheets/sheet1.xml": `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>`,
	"xl/worksheets/sheet2.xml": `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>
 <row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>Day</t></is></c><c r="D1" t="str"><v>Sum</v></c></row>
 <row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>46402</v></c><c r="C2" s="2"><v>46402.5</v></c><c r="D2"><v>12.5</v></c><c r="E2" t="b"><v>1</v></c></row>
 <row r="3"/></sheetData></worksheet>`,
}

func TestWorkbook(t *testing.T) {
	got, err := workbookCSV(workbookOf(t, smallWorkbook), "x.xlsx")
	must(t, err)
	want := "Name,Day,,Sum,\n\"Invented \"\"A\"\"\",2027-01-15,2027-01-15T12:00:00,12.5,TRUE\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	change := func(part, content string) map[string]string {
		parts := map[string]string{}
		for k, v := range smallWorkbook {
			parts[k] = v
		}
		parts[part] = content
		return parts
	}
	for name, parts := range map[string]map[string]string{
		"no sheet":           change("xl/workbook.xml", `<workbook/>`),
		"sheet is missing":   change("xl/_rels/workbook.xml.rels", `<Relationships/>`),
		"broken XML":         change("xl/worksheets/sheet2.xml", `<worksheet><sheetData><row>`),
		"a text that is not": change("xl/worksheets/sheet2.xml", `<worksheet><sheetData><row><c t="s"><v>99</v></c></row></sheetData></worksheet>`),
		"far to the right":   change("xl/worksheets/sheet2.xml", `<worksheet><sheetData><row><c r="ZZZZ1"><v>1</v></c></row></sheetData></worksheet>`),
		"not a workbook":     {"readme.txt": "x"},
	} {
		if _, err := workbookCSV(workbookOf(t, parts), "x.xlsx"); err == nil || !strings.Contains(err.Error(), "x.xlsx") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Of several broken parts the same one is named every time.
	broken := change("xl/workbook.xml", "<workbook>")
	broken["xl/_rels/workbook.xml.rels"], broken["xl/sharedStrings.xml"] = "<Relationships>", "<sst>"
	file := workbookOf(t, broken)
	for range 20 {
		if _, err := workbookCSV(file, "x.xlsx"); err == nil || !strings.Contains(err.Error(), "xl/workbook.xml") {
			t.Fatalf("several broken parts: %v", err)
		}
	}
	if _, err := workbookCSV([]byte("PK\x03\x04 nonsense"), "x.xlsx"); err == nil {
		t.Error("nonsense was read")
	}
}

// FuzzWorkbook reads anything as a workbook's parts.
func FuzzWorkbook(f *testing.F) {
	f.Add(smallWorkbook["xl/worksheets/sheet2.xml"], smallWorkbook["xl/styles.xml"], smallWorkbook["xl/sharedStrings.xml"])
	f.Add(`<worksheet><sheetData><row><c r="A1" s="-1"><v>1e300</v></c></row></sheetData></worksheet>`, "", "")
	f.Fuzz(func(t *testing.T, sheet, styles, shared string) {
		parts := map[string]string{
			"xl/workbook.xml": smallWorkbook["xl/workbook.xml"], "xl/_rels/workbook.xml.rels": smallWorkbook["xl/_rels/workbook.xml.rels"],
			"xl/worksheets/sheet2.xml": sheet, "xl/styles.xml": styles, "xl/sharedStrings.xml": shared,
		}
		if _, err := workbookCSV(workbookOf(t, parts), "x.xlsx"); err != nil && codeOf(t.Context(), err) != exitData {
			t.Fatal(err)
		}
	})
}
