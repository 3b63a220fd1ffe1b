package applications_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

func (w *world) importing(text string, mapping map[string]string, dry bool) (*applications.ImportReport, error) {
	return w.ImportApplications(w.ctx, w.facilitator, "leaders", strings.NewReader(text), mapping, dry, "signed paper forms", once)
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	w.open()
	// A byte order mark, CRLF, quotes, a blank line, labels, codes, Spanish, a
	// decline, commas inside labels, and cells that a spreadsheet guarded.
	text := "\uFEFFcontact.name,contact.email,contact.phone,language,answers.role,answers.county,answers.sector,answers.sector.write_ins.other,answers.race,answers.lived,answers.lived.qualifiers.disability,answers.staff,answers.organization,consents.health\r\n" +
		"x̌ʷəlč,a@example.org,'+1 360 555 0100,,decides,\"Island County, skagit\",\"Primary care clinic, including health centers, Hospital o clínica\",,I prefer not to say,Disability;Low income,My own,12,\"Sea \"\"Mar\"\"\",yes\r\n" +
		",,,,,,,,,,,,,\r\n" +
		"\"Núñez de la Peña, María José\",,,es,\"I decide\nI supervise\",condado de island;,other,Food bank,asian,,,,,no\r\n"
	report, err := w.importing(text, nil, true)
	if err != nil || report.Rows != 2 || report.Created != 0 || report.ErrorCount != 0 {
		t.Fatalf("dry: %+v %v", report, explained(err))
	}
	if page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{}, false, ""); err != nil || len(page.Items) != 0 {
		t.Fatalf("a dry run wrote: %v %v", page, err)
	}
	size := w.logSize()
	report, err = w.importing(text, nil, false)
	if err != nil || report.Rows != 2 || report.Created != 2 || len(report.Errors) != 0 {
		t.Fatalf("%+v %v", report, explained(err))
	}
	first, second := w.byCode("NS-0001"), w.byCode("NS-0002")
	n := int64(12)
	wantFirst := applications.Answers{
		"role": {Values: []string{"decides"}}, "county": {Values: []string{"island", "skagit"}}, "sector": {Values: []string{"clinic", "hospital"}},
		"race": {Declined: true}, "lived": {Values: []string{"poverty", "disability"}, Qualifiers: map[string][]string{"disability": {"self"}}},
		"staff": {Number: &n}, "organization": {Text: `Sea "Mar"`},
	}
	if !reflect.DeepEqual(first.Answers, wantFirst) || first.Contact != (applications.Contact{Name: "x̌ʷəlč", Email: "a@example.org", Phone: "+1 360 555 0100"}) || len(first.Consents) != 2 {
		t.Errorf("row 1: %+v", first)
	}
	wantSecond := applications.Answers{
		"role": {Values: []string{"decides", "supervises"}}, "county": {Values: []string{"island"}},
		"sector": {Values: []string{"other"}, WriteIns: map[string]string{"other": "Food bank"}}, "race": {Values: []string{"asian"}},
	}
	if !reflect.DeepEqual(second.Answers, wantSecond) || second.Contact.Name != "Núñez de la Peña, María José" || second.Language != "es" || second.State != applications.Submitted {
		t.Errorf("row 2: %+v", second)
	}
	if o := first.OnBehalf; o == nil || o.ConsentNote != "signed paper forms" || o.Reason != "import" || o.By != w.facilitator.Subject {
		t.Errorf("on behalf: %+v", o)
	}
	if log := w.events(size); len(log) != 3 || log[2].Action != "application.import" || log[2].Detail != "count=2" {
		t.Errorf("recorded as %+v", log)
	}
}

func TestImportErrors(t *testing.T) {
	w := newWorld(t)
	w.open()
	for _, c := range []struct {
		name, text string
		field      string
		message    string
	}{
		{"empty", "", "file", "empty"},
		{"header only", "contact.name,answers.role\n", "file", "no rows"},
		{"unknown column", "contact.name,answers.countty\nA,x\n", "header", `did you mean "answers.county"`},
		{"column without name", "contact.name,\nA,x\n", "header", "column 2 has no name"},
		{"column twice", "contact.name,contact.name\nA,B\n", "header", "two columns"},
		{"no name column", "answers.role\ndecides\n", "header", "contact.name"},
		{"derived column", "contact.name,answers.race_report\nA,x\n", "header", "no field"},
		{"ragged row", "contact.name,answers.role\nA\n", "row 1, all columns", "1 cells, the header 2"},
		{"bad quote", "contact.name,answers.role\nA,\"b\"c\n", "line 2", "quote"},
		{"open quote", "contact.name,answers.role\nA,decides\nB,\"b\n", "line 3", "quote"},
		{"not UTF-8 header", "contact.name,answ\xffers\nA,x\n", "header", "UTF-8"},
		{"unknown value", "contact.name,answers.role\nA,I decde\n", "row 1, column answers.role", `did you mean "I decide"`},
		{"not a number", "contact.name,answers.role,answers.staff\nA,decides,many\n", "row 1, column answers.staff", "integer"},
		{"not yes", "contact.name,answers.role,consents.use\nA,decides,perhaps\n", "row 1, column consents.use", "yes or no"},
		{"no name", "contact.name,answers.role\n,decides\n", "row 1, field contact.name", "enter your name"},
		{"no role", "contact.name,answers.role\nA,\n", "row 1, field answers.role", "decides whether"},
		{"health without consent", "contact.name,answers.role,answers.lived\nA,decides,disability\n", "row 1, column answers.lived", "consent"},
		{"decline and answer", "contact.name,answers.role,answers.race\nA,decides,asian;prefer not to say\n", "row 1, column answers.race", "not both"},
		{"bad address", "contact.name,contact.email,answers.role\nA,nobody,decides\n", "row 1, column contact.email", "e-mail"},
		{"hidden question", "contact.name,answers.role,answers.nation\nA,decides,lummi\n", "row 1, column answers.nation", "not asked"},
		{"text not UTF-8", "contact.name,answers.role\nA\xff,decides\n", "row 1, column contact.name", "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report, err := w.importing(c.text, nil, false)
			if err != nil {
				t.Fatal(explained(err))
			}
			found := slices.ContainsFunc(report.Errors, func(v applications.Violation) bool {
				return v.Field == c.field && strings.Contains(v.Message, c.message)
			})
			if !found || report.Created != 0 {
				t.Errorf("%+v, want %s: %s", report, c.field, c.message)
			}
		})
	}
	if page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{}, false, ""); err != nil || len(page.Items) != 0 {
		t.Errorf("a bad file wrote: %v %v", page, err)
	}
	_, err := w.ImportApplications(w.ctx, w.facilitator, "leaders", strings.NewReader(""), nil, false, " ", once)
	want(t, "without a consent note", err, "IMPORT_INVALID")
	report, err := w.importing("Name,X\nA,b\n", map[string]string{"Name": "contact.name", "Nam": "answers.role", "X": "contact.nmae"}, false)
	if err != nil || report.ErrorCount != 2 || !strings.Contains(fmt.Sprint(report.Errors), `did you mean "Name"`) || !strings.Contains(fmt.Sprint(report.Errors), `did you mean "contact.name"`) {
		t.Errorf("a bad mapping: %+v %v", report, err)
	}

	// All errors are counted, the first hundred listed, in the order of rows.
	var text strings.Builder
	text.WriteString("contact.name,answers.role,answers.staff\n")
	for range 150 {
		text.WriteString("A,nothing,many\n")
	}
	report, err = w.importing(text.String(), nil, false)
	if err != nil || report.Rows != 150 || report.ErrorCount != 300 || len(report.Errors) != 100 || report.Errors[99].Field != "row 50, column answers.staff" {
		t.Errorf("%d rows, %d errors, %d listed: %v", report.Rows, report.ErrorCount, len(report.Errors), err)
	}
}

// No error of an import repeats what is in a cell.
func TestImportErrorsKeepCellsOut(t *testing.T) {
	w := newWorld(t)
	w.open()
	const canary = "kanarienvogel"
	text := "contact.name,contact.email,contact.phone,language,answers.role,answers.county,answers.staff,answers.race,answers.nation,answers.needs,consents.health,answers.lived.qualifiers.poverty\n" +
		canary + "\x01," + strings.Repeat(canary+",", 10) + canary + "\n"
	report, err := w.importing(text, nil, false)
	if err != nil || report.ErrorCount < 5 {
		t.Fatalf("%+v %v", report, err)
	}
	if strings.Contains(fmt.Sprint(report), canary) {
		t.Errorf("an error repeats a cell: %v", report.Errors)
	}
}

func TestImportIsIdempotent(t *testing.T) {
	w := newWorld(t)
	w.open()
	text := "contact.name,answers.role\nA,decides\nB,supervises\n"
	call := func(text string) (*applications.ImportReport, error) {
		return w.ImportApplications(w.ctx, w.facilitator, "leaders", strings.NewReader(text), nil, false, "paper", idem(1, text))
	}
	first, err := call(text)
	if err != nil || first.Created != 2 {
		t.Fatalf("%+v %v", first, err)
	}
	w.close()
	again, err := call(text)
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("retried after the close: %+v %v", again, explained(err))
	}
	_, err = call(text + "C,decides\n")
	want(t, "another file", err, "REQUEST_ID_REUSED")
	if _, err = w.importing(text, nil, false); applications.ReasonOf(err) != "CALL_CLOSED" {
		t.Errorf("after the close: %v", err)
	}
	if page, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{}, false, ""); err != nil || len(page.Items) != 2 {
		t.Errorf("%v %v", page, err)
	}
}

// An export is safe to open in a spreadsheet and can be imported again.
func TestExport(t *testing.T) {
	w := newWorld(t)
	w.open()
	w.apply(func(a *applications.Application) {
		a.Contact = applications.Contact{Name: "=cmd|' /C calc'!A0", Phone: "+1 360 555 0100", Email: "a@example.org"}
		a.Answers["organization"] = applications.Answer{Text: "@SUM(1+1)*cmd"}
		a.Answers["race"] = applications.Answer{Declined: true}
		a.Answers["lived"] = applications.Answer{Values: []string{"disability"}, Qualifiers: map[string][]string{"disability": {"self", "family"}}}
		a.Answers["sector"] = applications.Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": "-2+3"}}
		a.Consents = append(a.Consents, applications.Consent{Key: "health"})
	})
	w.apply(func(a *applications.Application) {
		a.Contact.Name = "Kanarienvogel"
		a.Answers["race"] = applications.Answer{Values: []string{"asian", "white"}}
	})
	if _, err := w.CreateApplication(w.ctx, access.Principal{}, complete("Draft"), false, once); err != nil {
		t.Fatal(err)
	}
	size := w.logSize()
	var plain bytes.Buffer
	if err := w.ExportApplications(w.ctx, w.facilitator, "leaders", false, "", &plain); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&plain).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	wantHeader := []string{"code", "state", "create_time", "submit_time", "ineligible_reasons", "on_behalf", "answers.role", "answers.organization", "answers.sector", "answers.sector.write_ins.other", "answers.staff"}
	if !slices.Equal(rows[0], wantHeader) {
		t.Errorf("columns %v", rows[0])
	}
	if rows[1][7] != "'@SUM(1+1)*cmd" || rows[1][9] != "'-2+3" || rows[1][0] != "NS-0001" || rows[1][3] != "2027-03-01T20:00:00Z" {
		t.Errorf("row 1: %q", rows[1])
	}
	want(t, "identity without a reason", w.ExportApplications(w.ctx, w.facilitator, "leaders", true, "", &plain), "REASON_MISSING")

	var whole bytes.Buffer
	if err := w.ExportApplications(w.ctx, w.facilitator, "leaders", true, "to the evaluator", &whole); err != nil {
		t.Fatal(err)
	}
	log := w.events(size)
	if len(log) != 2 || log[0].Action != "application.export" || log[1].Action != "identity.export" || log[1].Reason != "to the evaluator" || !strings.Contains(log[1].Detail, "answers.race,") || strings.Contains(log[0].Detail, "answers.race") {
		t.Errorf("recorded as %+v", log)
	}
	rows, err = csv.NewReader(bytes.NewReader(whole.Bytes())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a spreadsheet would run %q", cell)
			}
		}
	}
	column := func(name string, row int) string { return rows[row][slices.Index(rows[0], name)] }
	if column("answers.race", 1) != "prefer_not_to_say" || column("answers.race_report", 2) != "multi" || column("answers.lived.qualifiers.disability", 1) != "self;family" || column("contact.name", 2) != "Kanarienvogel" {
		t.Errorf("rows: %q", rows)
	}

	// In again, with the columns that are not for input left out.
	mapping := map[string]string{}
	for _, h := range rows[0] {
		mapping[h] = h
		if !strings.Contains(h, ".") && h != "language" || h == "answers.race_report" {
			mapping[h] = ""
		}
	}
	report, err := w.importing(whole.String(), mapping, false)
	if err != nil || report.Created != 2 {
		t.Fatalf("%+v %v", report, explained(err))
	}
	for i, code := range []string{"NS-0001", "NS-0002"} {
		before, after := w.byCode(code), w.byCode(fmt.Sprintf("NS-%04d", 4+i))
		if before.Contact != after.Contact || !reflect.DeepEqual(before.Answers, after.Answers) || len(before.Consents) != len(after.Consents) {
			t.Errorf("%s came back as\n%+v\nfrom\n%+v", code, after, before)
		}
	}
}

func TestExportManyPages(t *testing.T) {
	w := newWorld(t)
	w.open()
	var text strings.Builder
	text.WriteString("contact.name,answers.role\n")
	const n = 450 // more than two batches of the scan
	for i := range n {
		fmt.Fprintf(&text, "Invented %d,decides\n", i)
	}
	start := time.Now()
	if report, err := w.importing(text.String(), nil, false); err != nil || report.Created != n {
		t.Fatalf("%+v %v", report, err)
	}
	t.Logf("figure: imported %d applications in %s", n, time.Since(start).Round(time.Millisecond))
	var out bytes.Buffer
	if err := w.ExportApplications(w.ctx, w.facilitator, "leaders", false, "", &out); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != n+1 || rows[n][0] != fmt.Sprintf("NS-%04d", n) {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

// The exports of four form tools, as they write them, and where their columns
// go. The people in them are invented.
func TestGuessMapping(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       map[string]string
		names      []string // contact names after the import
	}{
		{
			"Google Forms",
			"Timestamp,Email Address,Full name,What authority do you have?,Which counties do you serve? Select all that apply.,Which kind of organization do you work in?,Where do you work?\n" +
				"3/1/2027 9:00:01,a@example.org,Ana,I decide,\"Island County, Skagit County\",\"Primary care clinic, including health centers, Housing\",Sea Mar\n" +
				"3/1/2027 9:05:01,b@example.org,Ben,\"I supervise, I influence\",San Juan County,Hospital,\n",
			map[string]string{
				"Timestamp": "", "Email Address": "contact.email", "Full name": "contact.name", "What authority do you have?": "answers.role",
				"Which counties do you serve? Select all that apply.": "answers.county", "Which kind of organization do you work in?": "answers.sector", "Where do you work?": "answers.organization",
			},
			[]string{"Ana", "Ben"},
		},
		{
			"Microsoft Forms",
			"ID,Start time,Completion time,Email,Name,Authority,County,What is your race or ethnicity?,Comments\n" +
				"1,3/1/27 9:00,3/1/27 9:10,anonymous,Ana,I decide;,Island County;Skagit County;,Prefer not to say;,hello\n" +
				"2,3/1/27 9:00,3/1/27 9:10,anonymous,Ben,I supervise;,San Juan County;,Asian;White;,\n",
			map[string]string{
				"ID": "", "Start time": "", "Completion time": "", "Email": "contact.email", "Name": "contact.name", "Authority": "answers.role",
				"County": "answers.county", "What is your race or ethnicity?": "answers.race", "Comments": "",
			},
			nil,
		},
		{
			"SurveyMonkey",
			"Respondent ID,Start Date,What is your full name?,¿En qué condados presta servicios?,,,What authority do you have?\n" +
				",,Open-Ended Response,Island County,San Juan County,Skagit County,Response\n" +
				"11,03/01/2027,Ana,Island County,,Skagit County,I decide\n" +
				"12,03/01/2027,Ben,,San Juan County,,I supervise\n",
			map[string]string{
				"Respondent ID": "", "Start Date": "", "What is your full name?": "", "¿En qué condados presta servicios? [Island County]": "answers.county",
				"¿En qué condados presta servicios? [San Juan County]": "answers.county", "¿En qué condados presta servicios? [Skagit County]": "answers.county",
				"What authority do you have?": "answers.role",
			},
			nil,
		},
		{
			"Jotform",
			"Submission Date,First Name,Last Name,E-mail *,Phone Number,Your authority (choose),Which kind of organization do you work in\n" +
				"2027-03-01 09:00,Ana,Pérez,a@example.org,(360) 555-0100,\"I decide\nI supervise\",Hospital\n" +
				"2027-03-01 09:00,Ben,Núñez Ruiz,b@example.org,(360) 555-0101,I influence,Housing\n" +
				"2027-03-01 09:00,Cleo,X,c@example.org,(360) 555-0102,I decide,Housing\n",
			map[string]string{
				"Submission Date": "", "First Name": "contact.name.first", "Last Name": "contact.name.last", "E-mail *": "contact.email",
				"Phone Number": "contact.phone", "Your authority (choose)": "answers.role", "Which kind of organization do you work in": "answers.sector",
			},
			[]string{"Ana Pérez", "Ben Núñez Ruiz", "Cleo X"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			header, rows, err := applications.ReadTable(strings.NewReader(c.text), 100)
			if err != nil {
				t.Fatal(explained(err))
			}
			guesses := applications.GuessMapping(applications.FormForTests(), header, rows)
			got := applications.Mapping(guesses)
			for h, field := range c.want {
				if got[h] != field {
					t.Errorf("%q goes to %q, want %q", h, got[h], field)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("columns %v", header)
			}
			for _, g := range guesses {
				if g.Why == "" {
					t.Errorf("no reason for %q", g.Header)
				}
				if g.Unread != 0 {
					t.Errorf("%q: %d cells cannot be read", g.Header, g.Unread)
				}
			}
			if c.names == nil {
				return
			}
			w := newWorld(t)
			w.open()
			report, err := w.importing(c.text, got, false)
			if err != nil || report.Created != len(c.names) {
				t.Fatalf("%+v %v", report, explained(err))
			}
			for i, name := range c.names {
				if a := w.byCode(fmt.Sprintf("NS-%04d", i+1)); a.Contact.Name != name {
					t.Errorf("applicant %d is %q, want %q", i+1, a.Contact.Name, name)
				}
			}
		})
	}
}

// A guess by answers is clear or none: two questions with the same answers are
// left to a person.
func TestGuessIsCareful(t *testing.T) {
	f := applications.FormForTests()
	twin := *f.Attribute("tongue")
	twin.Key, twin.Question, twin.Label = "other_tongue", applications.Text{"en": "And at home?"}, applications.Text{"en": "Home"}
	f.Attributes = append(f.Attributes, twin)
	header := []string{"Q7", "Q8", "Q9"}
	rows := [][]string{{"English", "Island County", "x"}, {"Spanish", "Skagit County", ""}, {"English", "San Juan County", "y"}}
	got := applications.Mapping(applications.GuessMapping(f, header, rows))
	if got["Q7"] != "" || got["Q8"] != "answers.county" || got["Q9"] != "" {
		t.Errorf("guessed %v", got)
	}
}

func FuzzImport(f *testing.F) {
	f.Add("contact.name,answers.role\nA,decides\n")
	f.Add("\uFEFFcontact.name,answers.county,answers.staff\r\n\"a,b\",\"Island County, skagit;\",12\r\n")
	f.Add("Q,,\nResponse,a,b\n1,2,3\n")
	f.Add("a\"b,c\n")
	form := applications.FormForTests()
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		header, rows, err := applications.ReadTable(strings.NewReader(text), 1000)
		if err != nil {
			if applications.CodeOf(err) != applications.InvalidArgument {
				t.Fatalf("%v is no error for a person", err)
			}
			return
		}
		guesses := applications.GuessMapping(form, header, rows)
		if len(guesses) != len(header) {
			t.Fatalf("%d guesses for %d columns", len(guesses), len(header))
		}
	})
}
