package applications

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
)

// guarded makes a cell safe for spreadsheets: what they would run as a formula
// begins with an apostrophe.
func guarded(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// unguarded takes the apostrophe away again, so that an export can be
// imported.
func unguarded(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && guarded(cell[1:]) != cell[1:] {
		return cell[1:]
	}
	return cell
}

// exportColumn is a column of an export.
type exportColumn struct {
	name string
	cell func(*Application) string
}

// ExportApplications writes a CSV: code, state, times and the answers that are
// not identity; with identity columns only for IdentityRead, with a reason,
// recorded. Cells that a spreadsheet would run as a formula are neutralized.
// Drafts are left out: they were not handed in. The headers are those that
// ImportApplications reads.
func (s *Service) ExportApplications(ctx context.Context, who access.Principal, program string, identityColumns bool, reason string, w io.Writer) error {
	if err := calls.Need(who, access.ApplicationsExport, program); err != nil {
		return err
	}
	if identityColumns {
		var err error
		if reason, err = mayReadIdentity(who, program, reason); err != nil {
			return err
		}
	} else {
		reason = ""
	}
	var form *Form
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		_, form, err = programAndForm(ctx, tx, program)
		return err
	})
	if err != nil {
		return err
	}
	columns := exportColumns(form, identityColumns)
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = c.name
	}
	// Recorded before a byte leaves.
	err = s.Store.Update(ctx, func(tx Tx) error {
		action := "application.export"
		if identityColumns {
			action = "identity.export"
		}
		return tx.AppendEvents(ctx, s.event(who, action, programName(program)+"/applications", reason, "columns="+strings.Join(header, ",")))
	})
	if err != nil {
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(header); err != nil {
		return err
	}
	var states []ApplicationState
	for _, state := range applicationStates {
		if state != Draft && state != Erased {
			states = append(states, state)
		}
	}
	for after := ""; ; {
		// One short transaction for each batch: writing may take its time.
		var batch []*Application
		err := s.Store.View(ctx, func(tx Tx) (err error) {
			batch, err = tx.Applications(ctx, ApplicationQuery{Program: program, States: states, AfterID: after, Limit: scanBatch})
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range batch {
			after = a.ID
			row := make([]string, len(columns))
			for i, c := range columns {
				row[i] = guarded(c.cell(a))
			}
			if err := out.Write(row); err != nil {
				return err
			}
		}
		if len(batch) < scanBatch {
			out.Flush()
			return out.Error()
		}
	}
}

func exportColumns(form *Form, identity bool) []exportColumn {
	columns := []exportColumn{
		{"code", func(a *Application) string { return a.Code }},
		{"state", func(a *Application) string { return string(a.State) }},
		{"create_time", func(a *Application) string { return cellTime(a.CreateTime) }},
		{"submit_time", func(a *Application) string { return cellTime(a.SubmitTime) }},
		{"ineligible_reasons", func(a *Application) string { return strings.Join(a.IneligibleReasons, ";") }},
		{"on_behalf", func(a *Application) string { return strconv.FormatBool(a.OnBehalf != nil) }},
	}
	if identity {
		columns = append(columns,
			exportColumn{"contact.name", func(a *Application) string { return a.Contact.Name }},
			exportColumn{"contact.preferred_name", func(a *Application) string { return a.Contact.Goes }},
			exportColumn{"contact.email", func(a *Application) string { return a.Contact.Email }},
			exportColumn{"contact.phone", func(a *Application) string { return a.Contact.Phone }},
			exportColumn{"language", func(a *Application) string { return a.Language }},
		)
	}
	for i := range form.Attributes {
		attr := &form.Attributes[i]
		if attr.Identity() && !identity {
			continue
		}
		columns = append(columns, answerColumns(attr)...)
	}
	if !identity {
		return columns
	}
	for _, c := range form.Consents {
		columns = append(columns, exportColumn{"consents." + c.Key, func(a *Application) string {
			for _, given := range a.Consents {
				if given.Key == c.Key {
					return "yes"
				}
			}
			return ""
		}})
	}
	return columns
}

func answerColumns(attr *Attribute) []exportColumn {
	key := attr.Key
	columns := []exportColumn{{"answers." + key, func(a *Application) string {
		answer := a.Answers[key]
		switch {
		case attr.Kind == Derived:
			return strings.Join(attr.derive(a.Answers), ";")
		case answer.Declined:
			return declineCode
		case answer.Number != nil:
			return strconv.FormatInt(*answer.Number, 10)
		case answer.Text != "":
			return answer.Text
		}
		return strings.Join(answer.Values, ";")
	}}}
	for _, v := range attr.Values {
		code := v.Code
		if v.WriteIn {
			columns = append(columns, exportColumn{fmt.Sprintf("answers.%s.write_ins.%s", key, code), func(a *Application) string {
				return a.Answers[key].WriteIns[code]
			}})
		}
		if attr.Qualifier != nil {
			columns = append(columns, exportColumn{fmt.Sprintf("answers.%s.qualifiers.%s", key, code), func(a *Application) string {
				return strings.Join(a.Answers[key].Qualifiers[code], ";")
			}})
		}
	}
	return columns
}

func cellTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
