package web

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/openfairlead/fairlead/internal/workbook"
	"github.com/openfairlead/fairlead/mentoring"
)

// Files of people: reading them, and where their columns probably go.

// sealedList is a file between two pages.
type sealedList struct {
	Program string
	Role    mentoring.Role
	Rows    []byte // CSV, packed
	Expires time.Time
}

// peopleList is a file as it was read.
type peopleList struct {
	header []string
	rows   [][]string
	lines  []int // of each row in the file
}

// readList reads CSV with commas, semicolons or tabs, as spreadsheets write it,
// or a workbook. problem is a key of what is wrong with it, with its values.
func readList(file []byte) (list *peopleList, problem string, values []any) {
	if bytes.HasPrefix(file, []byte("PK\x03\x04")) {
		read, err := workbook.CSV(file, workbook.Bounds{Part: 16 << 20, Cells: (mostListPeople + 1) * mostListColumns})
		if err != nil {
			return nil, "people.import.workbook", nil
		}
		file = read
	}
	file = bytes.TrimPrefix(file, []byte("\uFEFF"))
	switch {
	case len(bytes.TrimSpace(file)) == 0:
		return nil, "people.import.empty", nil
	case len(file) > mostListBytes:
		return nil, "people.import.large", []any{"n", mostListPeople}
	case !utf8.Valid(file) || bytes.IndexByte(file, 0) >= 0:
		return nil, "people.import.utf8", nil
	}
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma, r.FieldsPerRecord = separatorOf(file), -1
	list = &peopleList{}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			line := 0
			var p *csv.ParseError
			if errors.As(err, &p) {
				line = p.Line
			}
			return nil, "people.import.line", []any{"line", line}
		}
		line, _ := r.FieldPos(0)
		blank := true
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
			blank = blank && row[i] == ""
		}
		switch {
		case blank:
		case list.header == nil:
			list.header = row
		case len(list.rows) == mostListPeople:
			return nil, "people.import.large", []any{"n", mostListPeople}
		default:
			list.rows, list.lines = append(list.rows, row), append(list.lines, line)
		}
	}
	switch {
	case len(list.header) > mostListColumns:
		return nil, "people.import.columns", []any{"n", mostListColumns}
	case len(list.rows) == 0:
		return nil, "people.import.nobody", nil
	}
	for i, row := range list.rows {
		if len(row) > len(list.header) && slices.ContainsFunc(row[len(list.header):], func(c string) bool { return c != "" }) {
			return nil, "people.import.cells", []any{"line", list.lines[i], "n", len(row), "columns", len(list.header)}
		}
	}
	for i, h := range list.header {
		if h != "" && slices.Index(list.header, h) != i {
			return nil, "people.import.twice", []any{"column", h}
		}
	}
	return list, "", nil
}

// separatorOf is what stands between the names of the columns: the most frequent
// of comma, semicolon and tab outside of quotes.
func separatorOf(file []byte) rune {
	counts := map[rune]int{}
	quoted := false
	for _, c := range string(file) {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' || c == '\r' {
			break
		}
		counts[c]++
	}
	best := ','
	for _, c := range []rune{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// pack makes a list small, with the lines that its rows had.
func (l *peopleList) pack() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := csv.NewWriter(z)
	_ = w.Write(append([]string{""}, l.header...)) // a buffer takes everything
	for i, row := range l.rows {
		_ = w.Write(append([]string{strconv.Itoa(l.lines[i])}, row...))
	}
	w.Flush()
	_ = z.Close()
	return b.Bytes()
}

func unpackList(packed []byte) (*peopleList, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(z)
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		return nil, errors.Join(errors.New("no list"), err)
	}
	l := &peopleList{header: all[0][1:]}
	for _, row := range all[1:] {
		line, err := strconv.Atoi(row[0])
		if err != nil {
			return nil, err
		}
		l.lines, l.rows = append(l.lines, line), append(l.rows, row[1:])
	}
	return l, nil
}

// cell is a cell of a row, "" where the row is short.
func (l *peopleList) cell(row, column int) string {
	if column >= len(l.rows[row]) {
		return ""
	}
	return unguardedCell(l.rows[row][column])
}

// headerWords are what files call the fields.
var headerWords = map[string][]string{
	"id":                 {"id", "number", "no", "numero", "response id"},
	"contact.name":       {"name", "full name", "your name", "nombre", "nombre completo", "first name", "last name", "surname", "nombres", "apellido", "apellidos"},
	"contact.goes":       {"preferred name", "goes by", "nickname", "nombre preferido"},
	"contact.email":      {"email", "e mail", "email address", "e mail address", "mail", "correo", "correo electronico"},
	"contact.phone":      {"phone", "telephone", "phone number", "mobile", "telefono", "celular"},
	"language":           {"page language", "language of pages", "idioma de las paginas"},
	"seats":              {"seats", "capacity", "mentees", "max mentees", "number of mentees", "places", "plazas", "cupo"},
	"wanted":             {"wanted", "mentors wanted", "number of mentors", "mentores"},
	"wants":              {"skills wanted", "wants to learn", "topics wanted", "topics", "skills", "temas", "quiere aprender"},
	"offers":             {"skills offered", "can teach", "topics offered", "topics", "skills", "expertise", "temas", "ofrece"},
	"goals":              {"goal", "what do you want to reach", "metas", "objetivos"},
	"about":              {"about me", "about you", "bio", "sobre mi"},
	"experience":         {"years of experience", "years", "grade", "experiencia", "anos de experiencia"},
	"zone":               {"time zone", "timezone", "zona horaria"},
	"hours":              {"availability", "available hours", "disponibilidad", "horario", "horas"},
	"asynchronous":       {"async", "messages", "mensajes"},
	"in_person":          {"meet in person", "en persona", "presencial"},
	"places":             {"county", "counties", "where", "location", "condado", "lugar", "lugares"},
	"languages":          {"language", "languages spoken", "idioma", "idiomas"},
	"preferred_language": {"preferred language", "idioma preferido"},
	"units":              {"unit", "organization", "organisation", "employer", "department", "organizacion", "unidad"},
}

// headerKey folds a name of a column: without regard to case, accents and signs.
func headerKey(h string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(h)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= 0x300 && r < 0x370: // an accent
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// proposed says where each column of a list probably goes: "" is left out. A
// person looks at it.
func proposed(header, targets []string) []string {
	out := make([]string, len(header))
	taken := map[string]bool{}
	for pass := range 2 { // what is called by its own name comes first
		for i, h := range header {
			key := headerKey(h)
			if out[i] != "" || key == "" {
				continue
			}
			for _, t := range targets {
				same := key == headerKey(strings.TrimPrefix(t, "contact.")) || key == headerKey(t)
				if pass == 1 {
					same = slices.Contains(headerWords[t], key)
				}
				if same && (!taken[t] || t == "contact.name") {
					out[i], taken[t] = t, true
					break
				}
			}
		}
	}
	return out
}
