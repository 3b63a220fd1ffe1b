package applications

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// ImportReport says what an import did, or would do.
type ImportReport struct {
	Rows, Created int
	Errors        []Violation // the first 100
	ErrorCount    int
}

// reportedErrors is how many errors of an import are listed; all are counted.
const reportedErrors = 100

// ImportApplications reads a CSV whose columns are named by mapping (CSV
// header -> "contact.name", "answers.KEY", …; nil: headers are these already),
// validates all of it, and then creates all applications, submitted, in one
// transaction; or, on any error or with dryRun, none.
//
// Fields: contact.name (or contact.name.first and contact.name.last),
// contact.preferred_name, contact.email, contact.phone, language,
// answers.KEY, answers.KEY.write_ins.CODE, answers.KEY.qualifiers.CODE,
// consents.KEY, and "" for a column to leave out. Several columns may go to one
// answer. A cell holds one or several values, by code or by label in any
// language, separated by ";", by a new line, or by "," where no label has one.
//
// The consent note stands for the consents that everybody has to give; the one
// to health answers has to be in the file. Bad rows are no error of the call:
// they are in the report.
func (s *Service) ImportApplications(ctx context.Context, who access.Principal, program string, csv io.Reader, mapping map[string]string, dryRun bool, consentNote string, idem Idempotency) (*ImportReport, error) {
	if err := calls.Need(who, access.ApplicationsWrite, program); err != nil {
		return nil, err
	}
	note, problem := cleanText(consentNote, true, 1000)
	if problem == "" && note == "" && !dryRun {
		problem = "say how these people agreed"
	}
	if problem != "" {
		return nil, Invalid("IMPORT_INVALID", "the file cannot be imported like this", Violation{Field: "consent_note", Message: problem})
	}
	var p *Program
	var form *Form
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if p, form, err = programAndForm(ctx, tx, program); err != nil {
			return err
		}
		return p.accepts(nil, s.now())
	})
	if err != nil && idem.RequestID == "" {
		return nil, err
	}
	if p == nil || form == nil {
		return nil, err
	}
	if dryRun && note == "" {
		note = "–"
	}
	report, made := s.readImport(who, p, form, csv, mapping, note)
	if report.ErrorCount > 0 || dryRun {
		return report, err
	}
	return once(ctx, s, who, program, "ImportApplications", idem, func(tx Tx) (*ImportReport, string, error) {
		now, err := tx.Program(ctx, program)
		if err != nil {
			return nil, "", err
		}
		if err := now.accepts(nil, s.now()); err != nil {
			return nil, "", err
		}
		if now.FormVersion != form.Version {
			return nil, "", Errorf(Aborted, "STALE_REVISION", "the form changed meanwhile: try again")
		}
		for i := range made {
			a := *made[i]
			if err := s.insertApplication(ctx, tx, who, p, &a); err != nil {
				return nil, "", err
			}
		}
		done := *report
		done.Created = len(made)
		return &done, "", tx.AppendEvents(ctx, s.event(who, "application.import", programName(program)+"/applications", "", fmt.Sprintf("count=%d", len(made))))
	})
}

// readImport reads and checks a whole file.
func (s *Service) readImport(who access.Principal, p *Program, form *Form, csv io.Reader, mapping map[string]string, note string) (*ImportReport, []*Application) {
	report := &ImportReport{}
	complain := func(v ...Violation) {
		report.ErrorCount += len(v)
		if room := reportedErrors - len(report.Errors); room > 0 {
			report.Errors = append(report.Errors, v[:min(room, len(v))]...)
		}
	}
	t, bad := openTable(csv)
	if len(bad) > 0 {
		complain(bad...)
		return report, nil
	}
	columns, bad := importColumns(form, t, mapping)
	if len(bad) > 0 {
		complain(bad...)
		return report, nil
	}
	var made []*Application
	for {
		row, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			complain(csvProblem(err))
			return report, nil // what follows cannot be told apart any more
		}
		if report.Rows++; report.Rows > maxImportRows {
			complain(Violation{Field: "file", Message: fmt.Sprintf("at most %d rows", maxImportRows)})
			return report, nil
		}
		a, bad := s.importRow(who, p, form, columns, t.header, row, note)
		for _, v := range bad {
			complain(Violation{Field: fmt.Sprintf("row %d, %s", report.Rows, v.Field), Message: v.Message})
		}
		if report.ErrorCount == 0 {
			made = append(made, a)
		}
	}
	if report.Rows == 0 {
		complain(Violation{Field: "file", Message: "the file has a header and no rows"})
	}
	return report, made
}

// target is where a column goes.
type target struct {
	part  string // "contact", "answers", "write_ins", "qualifiers", "consents", "language"; "" is left out
	key   string // contact field, attribute or consent
	code  string // value, for write_ins and qualifiers
	names *valueNames
}

// importColumns finds out where each column goes.
func importColumns(form *Form, t *table, mapping map[string]string) ([]target, []Violation) {
	bad := t.duplicateHeaders()
	columns := make([]target, len(t.header))
	for i, h := range t.header {
		field, mapped := h, true
		if mapping != nil {
			if field, mapped = mapping[h]; !mapped {
				continue
			}
		}
		if field == "" {
			if mapping == nil {
				bad = append(bad, Violation{Field: "header", Message: fmt.Sprintf("column %d has no name", i+1)})
			}
			continue
		}
		to, problem := importTarget(form, field)
		if problem != "" {
			at := "header"
			if mapping != nil {
				at = "mapping"
			}
			bad = append(bad, Violation{Field: at, Message: fmt.Sprintf("column %.80q: %s", h, problem)})
		}
		columns[i] = to
	}
	for _, h := range sortedKeys(mapping) {
		if !slices.Contains(t.header, h) {
			bad = append(bad, Violation{Field: "mapping", Message: fmt.Sprintf("the file has no column %.80q%s", h, nearest.Hint(h, t.header))})
		}
	}
	named := slices.ContainsFunc(columns, func(to target) bool { return to.part == "contact" && strings.HasPrefix(to.key, "name") })
	if len(bad) == 0 && !named {
		bad = append(bad, Violation{Field: "header", Message: "no column goes to contact.name"})
	}
	return columns, bad
}

// importFields lists every field that a column can go to.
func importFields(form *Form) []string {
	fields := []string{"contact.name", "contact.name.first", "contact.name.last", "contact.preferred_name", "contact.email", "contact.phone", "language"}
	for i := range form.Attributes {
		a := &form.Attributes[i]
		if a.Kind == Derived {
			continue
		}
		fields = append(fields, "answers."+a.Key)
		for _, v := range a.Values {
			if v.WriteIn {
				fields = append(fields, "answers."+a.Key+".write_ins."+v.Code)
			}
			if a.Qualifier != nil {
				fields = append(fields, "answers."+a.Key+".qualifiers."+v.Code)
			}
		}
	}
	for _, c := range form.Consents {
		fields = append(fields, "consents."+c.Key)
	}
	return fields
}

func importTarget(form *Form, field string) (target, string) {
	known := importFields(form)
	if !slices.Contains(known, field) {
		hint := nearest.Hint(field, known)
		if hint == "" {
			hint = "; there is contact.name, contact.email, contact.phone, language, answers.KEY and consents.KEY"
		}
		return target{}, fmt.Sprintf("there is no field %.80q%s", field, hint)
	}
	parts := strings.Split(field, ".")
	switch {
	case len(parts) == 1:
		return target{part: parts[0]}, ""
	case parts[0] == "contact":
		return target{part: "contact", key: strings.Join(parts[1:], ".")}, ""
	case len(parts) == 4:
		to := target{part: parts[2], key: parts[1], code: parts[3]}
		if to.part == "qualifiers" {
			to.names = namesOf(form.Attribute(to.key).Qualifier.Values, false)
		}
		return to, ""
	}
	to := target{part: parts[0], key: parts[1]}
	if to.part == "answers" {
		a := form.Attribute(to.key)
		to.names = namesOf(a.Values, a.Decline)
	}
	return to, ""
}

// importRow makes an application of a row. Field of a violation is the column.
func (s *Service) importRow(who access.Principal, p *Program, form *Form, columns []target, header, row []string, note string) (*Application, []Violation) {
	if len(row) != len(columns) {
		return nil, []Violation{{Field: "all columns", Message: fmt.Sprintf("the row has %d cells, the header %d", len(row), len(columns))}}
	}
	a := &Application{Answers: Answers{}, OnBehalf: &OnBehalf{Reason: "import", ConsentNote: note}}
	var bad []Violation
	column := map[string]string{} // field path -> header of the column that it came from
	var first, last string
	for i, to := range columns {
		cell := unguarded(strings.TrimSpace(row[i]))
		if to.part == "" || cell == "" {
			continue
		}
		at := fmt.Sprintf("column %.80s", header[i])
		switch to.part {
		case "language":
			a.Language = cell
			column["language"] = at
		case "contact":
			switch to.key {
			case "name":
				a.Contact.Name = cell
			case "name.first":
				first = cell
			case "name.last":
				last = cell
			case "preferred_name":
				a.Contact.Goes = cell
			case "email":
				a.Contact.Email = cell
			case "phone":
				a.Contact.Phone = cell
			}
			field := "contact." + to.key
			if strings.HasPrefix(to.key, "name.") {
				field = "contact.name"
			}
			column[field] = at
		case "consents":
			yes, ok := readYes(cell)
			if !ok {
				bad = append(bad, Violation{Field: at, Message: "yes or no"})
			}
			if yes {
				a.Consents = append(a.Consents, Consent{Key: to.key})
			}
			column["consents."+to.key] = at
		default:
			attr := form.Attribute(to.key)
			answer := a.Answers[to.key]
			if problem := attr.readCell(&answer, to, cell); problem != "" {
				bad = append(bad, Violation{Field: at, Message: problem})
			}
			a.Answers[to.key] = answer
			if _, ok := column["answers."+to.key]; !ok || to.part == "answers" {
				column["answers."+to.key] = at
			}
		}
	}
	if a.Contact.Name == "" {
		a.Contact.Name = strings.TrimSpace(first + " " + last)
	}
	for _, c := range form.Consents {
		if c.Required && !slices.ContainsFunc(a.Consents, func(g Consent) bool { return g.Key == c.Key }) {
			a.Consents = append(a.Consents, Consent{Key: c.Key})
		}
	}
	if len(bad) > 0 {
		return nil, bad
	}
	made, problems := s.newApplication(who, p, form, a, true)
	for _, v := range problems {
		bad = append(bad, Violation{Field: columnOf(column, v.Field), Message: v.Message})
	}
	return made, bad
}

// columnOf names the column that a field came from, or the field itself.
func columnOf(column map[string]string, field string) string {
	for f := field; f != ""; {
		if at, ok := column[f]; ok {
			return at
		}
		i := strings.LastIndexByte(f, '.')
		if i < 0 {
			break
		}
		f = f[:i]
	}
	return "field " + field
}

func readYes(cell string) (yes, ok bool) {
	switch foldCell(cell) {
	case "yes", "y", "true", "1", "x", "sí", "si", "i agree", "agree", "agreed", "acepto", "checked":
		return true, true
	case "no", "n", "false", "0", "-", "unchecked":
		return false, true
	}
	return false, false
}

// declines are the ways in which files say "I prefer not to say".
var declines = []string{
	declineCode, "prefer not to say", "i prefer not to say", "prefer not to answer", "i prefer not to answer",
	"decline to answer", "decline to state", "declined", "rather not say", "not_answered",
	"prefiero no decir", "prefiero no decirlo", "prefiero no responder", "prefiero no contestar",
}

func foldCell(s string) string {
	return strings.Join(strings.Fields(folder.String(norm.NFC.String(s))), " ")
}

// readCell puts a cell into an answer. Several columns may go to one answer.
// The problem, if any, does not repeat the cell.
func (a *Attribute) readCell(answer *Answer, to target, cell string) string {
	switch to.part {
	case "write_ins":
		if answer.WriteIns == nil {
			answer.WriteIns = map[string]string{}
		}
		answer.WriteIns[to.code] = cell
		return ""
	case "qualifiers":
		codes, problem := to.names.read(cell)
		if answer.Qualifiers == nil {
			answer.Qualifiers = map[string][]string{}
		}
		answer.Qualifiers[to.code] = codes
		return problem
	}
	if a.Decline && slices.Contains(declines, foldCell(cell)) {
		answer.Declined = true
		return ""
	}
	switch a.Kind {
	case Number:
		n, err := strconv.ParseInt(cell, 10, 64)
		if err != nil {
			return "an integer is needed here"
		}
		answer.Number = &n
	case Entity, FreeText:
		answer.Text = cell
	default:
		codes, problem := to.names.read(cell)
		if problem != "" {
			return problem
		}
		for _, code := range codes {
			if code == declineCode {
				answer.Declined = true
			} else {
				answer.Values = append(answer.Values, code)
			}
		}
	}
	return ""
}

// valueNames finds values by what files call them: by code, and by label in any
// language, without regard to case.
type valueNames struct {
	values []Value
	code   map[string]string // folded name -> code
}

// namesOf gathers the names; with decline, those of "I prefer not to say" mean
// declineCode.
func namesOf(values []Value, decline bool) *valueNames {
	n := &valueNames{values: values, code: map[string]string{}}
	if decline {
		for _, name := range declines {
			n.code[name] = declineCode
		}
	}
	add := func(name, code string) {
		if name = foldCell(name); name != "" && n.code[name] == "" {
			n.code[name] = code
		}
	}
	for i := range values {
		add(values[i].Code, values[i].Code)
	}
	for i := range values {
		for _, lang := range sortedKeys(values[i].Label) {
			add(values[i].Label[lang], values[i].Code)
		}
	}
	return n
}

// read reads a cell of one or several values. The whole cell first, then parts
// by ";" or new line, then by ",": there parts are put together again as long
// as they make up a label, because labels have commas of their own.
func (n *valueNames) read(cell string) ([]string, string) {
	var codes []string
	for _, part := range strings.FieldsFunc(cell, func(r rune) bool { return r == ';' || r == '\n' || r == '\r' }) {
		if part = foldCell(part); part == "" {
			continue
		}
		if code := n.code[part]; code != "" {
			codes = append(codes, code)
			continue
		}
		pieces := strings.Split(part, ",")
		const most = 100 // pieces: trying all runs of more would take its time
		if len(pieces) > most {
			return nil, "too many values for one cell"
		}
		for from := 0; from < len(pieces); {
			if strings.TrimSpace(pieces[from]) == "" {
				from++
				continue
			}
			to, code := len(pieces), ""
			for ; to > from; to-- {
				if code = n.code[strings.TrimSpace(strings.Join(pieces[from:to], ","))]; code != "" {
					break
				}
			}
			if code == "" {
				return nil, "a value is not one of those to choose from" + n.hint(strings.TrimSpace(pieces[from]))
			}
			codes = append(codes, code)
			from = to
		}
	}
	return codes, ""
}

// hint suggests a label; it never repeats the cell.
func (n *valueNames) hint(piece string) string {
	var known []string
	for i := range n.values {
		known = append(known, n.values[i].Label.In("en"))
	}
	return nearest.Hint(piece, append(known, valueCodes(n.values)...))
}
