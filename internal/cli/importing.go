package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/server"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// maxTable is the largest table that a server takes, in bytes.
const maxTable = 64 << 20

// guessRows is how many rows --guess looks at.
const guessRows = 500

func (p *program) importCommand() *cobra.Command {
	var r remote
	var mapFile, note, requestID string
	var guess, dryRun bool
	cmd := &cobra.Command{
		Use:   "import --program ID FILE",
		Short: "Send a table of applications to a server: all of it, or nothing",
		Long: `Import sends a CSV or an .xlsx workbook (its first sheet) to a program that takes
applications. Every row is checked first; then all become submitted applications
in one transaction, or, on any error, none.

Columns are named as the API names fields (contact.name, answers.county, …). For
the export of a form tool, let --guess propose where its columns go, look at the
proposal, and give it back with --map:

  fairlead import --program equity-2027 --guess answers.csv > map.csv
  fairlead import --program equity-2027 --map map.csv --dry-run answers.csv
  fairlead import --program equity-2027 --map map.csv --consent-note "asked by phone" answers.csv

FILE - is stdin. The token comes from the environment variable FAIRLEAD_TOKEN.`,
		Args: oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			table, err := p.readTable(args[0])
			if err != nil {
				return err
			}
			if guess {
				if mapFile != "" || dryRun {
					return exit(exitUsage, "--guess only prints a proposal; use --map and --dry-run in the next step")
				}
				return p.guess(cmd, r, table)
			}
			spec := importSpec{DryRun: dryRun, ConsentNote: note}
			if mapFile != "" {
				if spec.Mapping, err = readMapping(mapFile); err != nil {
					return err
				}
				if err := checkColumns(spec.Mapping, table, mapFile); err != nil {
					return err
				}
			}
			if note == "" && !dryRun {
				return exit(exitUsage, "say with --consent-note how these people agreed; it stands on each application")
			}
			if requestID == "" {
				requestID = uuid.NewString()
			}
			form, contentType, err := spec.form(table)
			if err != nil {
				return err
			}
			resp, err := r.send(cmd.Context(), request{
				method: "POST", path: "/v1/programs/" + url.PathEscape(r.program) + "/applications:import",
				contentType: contentType, body: form, key: requestID,
			})
			if err != nil {
				return p.notSure(err, requestID, dryRun)
			}
			var report importReport
			if err := decode(resp, &report); err != nil {
				return p.notSure(err, requestID, dryRun)
			}
			return p.tellImport(report, dryRun)
		},
	}
	r.flags(cmd)
	cmd.Flags().StringVar(&mapFile, "map", "", "CSV with the columns column and field, as --guess prints it")
	cmd.Flags().BoolVar(&guess, "guess", false, "print where the columns would go, and send nothing")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "check everything on the server and create nothing")
	cmd.Flags().StringVar(&note, "consent-note", "", "how these people agreed")
	cmd.Flags().StringVar(&requestID, "request-id", "", "UUID of an import that broke off, to try it again without doing it twice")
	return cmd
}

// importSpec is what the API's ImportSpec is in JSON.
type importSpec struct {
	Mapping     map[string]string `json:"mapping,omitempty"`
	DryRun      bool              `json:"dryRun,omitempty"`
	ConsentNote string            `json:"consentNote,omitempty"`
}

// form makes the body of an import: the spec, then the table. What a retry
// sends is the same but for the line between.
func (s importSpec) form(table []byte) (body *bytes.Buffer, contentType string, err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, "", err
	}
	body = bytes.NewBuffer(make([]byte, 0, len(table)+len(text)+1024))
	w := multipart.NewWriter(body)
	for _, part := range []struct {
		name, media string
		content     []byte
	}{{"spec", "application/json", text}, {"table", "text/csv", table}} {
		to, err := w.CreatePart(textproto.MIMEHeader{
			"Content-Disposition": {`form-data; name="` + part.name + `"`}, "Content-Type": {part.media},
		})
		if err == nil {
			_, err = to.Write(part.content)
		}
		if err != nil {
			return nil, "", err
		}
	}
	return body, w.FormDataContentType(), w.Close()
}

type importReport struct {
	RowCount     int `json:"rowCount"`
	CreatedCount int `json:"createdCount"`
	ErrorCount   int `json:"errorCount"`
	Errors       []struct{ Field, Message string }
}

func (p *program) tellImport(r importReport, dryRun bool) error {
	for _, e := range r.Errors {
		fmt.Fprintf(p.stderr, "%s: %s\n", e.Field, e.Message)
	}
	if r.ErrorCount > 0 {
		if more := r.ErrorCount - len(r.Errors); more > 0 {
			fmt.Fprintf(p.stderr, "and %s more\n", count(more, "error"))
		}
		return exit(exitData, "%s in %s; nothing was created", count(r.ErrorCount, "error"), count(r.RowCount, "row"))
	}
	if dryRun {
		fmt.Fprintf(p.stdout, "%s can be imported\n", count(r.RowCount, "row"))
		return nil
	}
	fmt.Fprintf(p.stdout, "%s created from %s\n", count(r.CreatedCount, "application"), count(r.RowCount, "row"))
	return nil
}

// notSure tells how to go on after an import whose answer did not come.
func (p *program) notSure(err error, requestID string, dryRun bool) error {
	var e *exitError
	if errors.As(err, &e) && e.code == exitUnreachable && !dryRun {
		fmt.Fprintf(p.stderr, "To try again without importing anybody twice, add: --request-id %s\n", requestID)
	}
	return err
}

// readTable reads a whole table as CSV.
func (p *program) readTable(path string) ([]byte, error) {
	in := p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, exit(exitData, "cannot read %s: %w", path, cause(err))
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxTable+1))
	if err != nil {
		return nil, exit(exitData, "cannot read %s: %w", path, cause(err))
	}
	if len(b) > maxTable {
		return nil, exit(exitData, "%s is larger than 64 MiB; import it in parts", path)
	}
	if bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return workbookCSV(b, path)
	}
	return b, nil
}

// guess prints a proposal as CSV: column, field, and why for the person who
// looks at it.
func (p *program) guess(cmd *cobra.Command, r remote, table []byte) error {
	header, rows, err := applications.ReadTable(bytes.NewReader(table), guessRows)
	if err != nil {
		return err
	}
	resp, err := r.send(cmd.Context(), request{method: "GET", path: "/v1/programs/" + url.PathEscape(r.program) + "/forms/current"})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return exit(exitUnreachable, "the answer of the server broke off: %w", err)
	}
	form, err := server.ParseForm(body)
	if err != nil {
		return exit(exitUnreachable, "the server's form cannot be read; is this program as new as the server? %w", err)
	}
	w := csv.NewWriter(p.stdout)
	_ = w.Write([]string{"column", "field", "why", "cells read", "cells not read"}) // Flush tells
	left := 0
	for _, g := range applications.GuessMapping(form, header, rows) {
		if g.Field == "" {
			left++
		}
		_ = w.Write([]string{g.Header, g.Field, g.Why, strconv.Itoa(g.Read), strconv.Itoa(g.Unread)})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "%s, %d of them left out. Look at the proposal, mend it, and give it back with --map.\n", count(len(header), "column"), left)
	return nil
}

// readMapping reads what --guess printed, as mended by a person.
func readMapping(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, exit(exitData, "cannot read %s: %w", path, cause(err))
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return nil, exit(exitData, "%s: there is no header line; it needs the columns column and field", path)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	for i := range head {
		head[i] = strings.ToLower(strings.TrimSpace(head[i]))
	}
	column, field := slices.Index(head, "column"), slices.Index(head, "field")
	if column < 0 || field < 0 {
		return nil, exit(exitData, "%s: the header needs the columns column and field, as `fairlead import --guess` prints them", path)
	}
	mapping := map[string]string{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return mapping, nil
		}
		if err != nil {
			return nil, exit(exitData, "%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		if column >= len(row) || row[column] == "" {
			return nil, exit(exitData, "%s:%d: the column has no name", path, line)
		}
		if _, twice := mapping[row[column]]; twice {
			return nil, exit(exitData, "%s:%d: the column %q is there twice", path, line, row[column])
		}
		to := ""
		if field < len(row) {
			to = strings.TrimSpace(row[field])
		}
		mapping[row[column]] = to
	}
}

// checkColumns finds mistakes in a mapping before anything is sent.
func checkColumns(mapping map[string]string, table []byte, mapFile string) error {
	header, _, err := applications.ReadTable(bytes.NewReader(table), 0)
	if err != nil {
		return err
	}
	for _, column := range slices.Sorted(maps.Keys(mapping)) {
		if !slices.Contains(header, column) {
			return exit(exitData, "%s: the table has no column %q%s", mapFile, column, nearest.Hint(column, header))
		}
	}
	for _, column := range header {
		if _, ok := mapping[column]; !ok {
			mapping[column] = "" // left out
		}
	}
	return nil
}
