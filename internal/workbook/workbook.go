// Package workbook reads the first sheet of an .xlsx workbook (ECMA-376).
package workbook

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"
)

const maxColumns = 1000

// ErrNone is a file that is no workbook at all.
var ErrNone = errors.New("no workbook")

// Bounds of a workbook, so that a hostile one cannot fill the memory.
type Bounds struct {
	Part  int64 // bytes of one unpacked part, and of all that the sheet shows
	Cells int   // of the sheet, the empty ones included; and of shared texts
}

// CSV turns the first sheet of a workbook into CSV. Cells come as they are shown
// in their simplest form: text, numbers, TRUE and FALSE, and dates as 2027-01-15
// or 2027-01-15T09:30:00.
func CSV(file []byte, most Bounds) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	w := workbook{zip: z, most: most}
	rows, err := w.firstSheet()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	c := csv.NewWriter(&out)
	if err := c.WriteAll(rows); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type workbook struct {
	zip    *zip.Reader
	most   Bounds
	shared []string
	dates  []bool // by style: is it a date?
}

// part decodes a part of the workbook; a part that is not there leaves v.
func (w *workbook) part(name string, v any) error {
	f, err := w.zip.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	if err := w.decoder(f).Decode(v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// richText is text that may come in differently formatted runs.
type richText struct {
	Text string   `xml:"t"`
	Runs []string `xml:"r>t"`
}

func (t richText) String() string { return t.Text + strings.Join(t.Runs, "") }

func (w *workbook) firstSheet() ([][]string, error) {
	var book struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			ID string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		Relations []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	for _, p := range []struct { // in order, so that of several broken parts always the same one is named
		name string
		into any
	}{{"xl/workbook.xml", &book}, {"xl/_rels/workbook.xml.rels", &relations}} {
		if err := w.part(p.name, p.into); err != nil {
			return nil, err
		}
	}
	if err := w.readShared(); err != nil {
		return nil, err
	}
	if err := w.readStyles(); err != nil {
		return nil, err
	}
	if len(book.Sheets) == 0 {
		return nil, errors.New("it has no sheet")
	}
	target := ""
	for _, r := range relations.Relations {
		if r.ID == book.Sheets[0].ID {
			target = r.Target
		}
	}
	if !strings.HasPrefix(target, "/") {
		target = path.Join("xl", target)
	}
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC) // the day before "day 1", with 1900 taken for a leap year
	if v := book.Properties.Date1904; v == "1" || v == "true" {
		epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return w.sheet(strings.TrimPrefix(target, "/"), epoch)
}

// readShared reads the texts that cells name, one by one: decoded all at once, a
// part of empty ones would take many times its size.
func (w *workbook) readShared() error {
	const name = "xl/sharedStrings.xml"
	f, err := w.zip.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	d := w.decoder(f)
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		start, ok := t.(xml.StartElement)
		if !ok || start.Name.Local != "si" {
			continue
		}
		if len(w.shared) >= w.most.Cells {
			return errTooMany
		}
		var text richText
		if err := d.DecodeElement(&text, &start); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		w.shared = append(w.shared, text.String())
	}
}

// readStyles finds out which styles show a number as a date.
func (w *workbook) readStyles() error {
	var styles struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := w.part("xl/styles.xml", &styles); err != nil {
		return err
	}
	dated := map[int]bool{}
	for id := 14; id <= 22; id++ { // the built-in dates and times
		dated[id] = true
	}
	for _, f := range styles.Formats {
		code := strings.ToLower(f.Code)
		dated[f.ID] = strings.Contains(code, "yy") || strings.Contains(code, "d") && strings.Contains(code, "m") || strings.Contains(code, "h:")
	}
	for _, c := range styles.Cells {
		w.dates = append(w.dates, dated[c.Format])
	}
	return nil
}

var errTooMany = errors.New("it has too many cells")

type sheetCell struct {
	Ref    string   `xml:"r,attr"`
	Type   string   `xml:"t,attr"`
	Style  int      `xml:"s,attr"`
	Value  string   `xml:"v"`
	Inline richText `xml:"is"`
}

func (w *workbook) sheet(name string, epoch time.Time) ([][]string, error) {
	f, err := w.zip.Open(name)
	if err != nil {
		return nil, errors.New("its first sheet is missing")
	}
	defer f.Close()
	d := w.decoder(f)
	var rows [][]string
	var cells []string // of the row that is being read
	width, total := 0, 0
	shown, within, blank := int64(0), false, true
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.EndElement:
			if t.Name.Local != "row" {
				continue
			}
			if within && !blank {
				width = max(width, len(cells))
				rows = append(rows, cells)
			}
			within = false
		case xml.StartElement:
			switch {
			case t.Name.Local == "row":
				cells, within, blank = nil, true, true
			case t.Name.Local == "c" && within:
				var c sheetCell
				if err := d.DecodeElement(&c, &t); err != nil {
					return nil, err
				}
				at := len(cells)
				if c.Ref != "" {
					at = columnOf(c.Ref)
				}
				if at < 0 || at >= maxColumns {
					return nil, errors.New("it has more than 1,000 columns")
				}
				total++ // another for the same place counts, too
				if at > len(cells) {
					total += at - len(cells)
				}
				for len(cells) <= at {
					cells = append(cells, "")
				}
				if total > w.most.Cells {
					return nil, errTooMany
				}
				if cells[at], err = w.text(c, epoch); err != nil {
					return nil, err
				}
				// Many cells may name one long text.
				if shown += int64(len(cells[at])); shown > w.most.Part {
					return nil, errors.New("it has too much text")
				}
				blank = blank && cells[at] == ""
			}
		}
	}
	if width > 0 && len(rows) > w.most.Cells/width {
		return nil, errTooMany
	}
	for i := range rows {
		for len(rows[i]) < width {
			rows[i] = append(rows[i], "")
		}
	}
	return rows, nil
}

// text is what a cell shows.
func (w *workbook) text(c sheetCell, epoch time.Time) (string, error) {
	switch c.Type {
	case "s":
		i, err := strconv.Atoi(c.Value)
		if err != nil || i < 0 || i >= len(w.shared) {
			return "", errors.New("a cell names a text that there is not")
		}
		return w.shared[i], nil
	case "inlineStr":
		return c.Inline.String(), nil
	case "b":
		if c.Value == "1" {
			return "TRUE", nil
		}
		return "FALSE", nil
	case "str", "d", "e":
		return c.Value, nil
	}
	if c.Value == "" || c.Style < 0 || c.Style >= len(w.dates) || !w.dates[c.Style] {
		return c.Value, nil
	}
	days, err := strconv.ParseFloat(c.Value, 64)
	if err != nil || days < 0 || days > 3e6 { // the year 10113
		return c.Value, nil
	}
	at := epoch.Add(time.Duration(days*86400+.5) * time.Second)
	if days == float64(int(days)) {
		return at.Format(time.DateOnly), nil
	}
	return at.Format("2006-01-02T15:04:05"), nil
}

// columnOf is the column, from 0, of a reference such as "AB12".
func columnOf(ref string) int {
	n := 0
	for _, r := range ref {
		if r < 'A' || r > 'Z' || n > maxColumns {
			break
		}
		n = 26*n + int(r-'A') + 1
	}
	return n - 1
}
