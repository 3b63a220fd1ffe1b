package applications

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/openfairlead/fairlead/internal/words"
)

// Guess is what GuessMapping thinks of one column.
type Guess struct {
	Header string
	Field  string // where it goes, as ImportApplications reads it; "" is left out
	Why    string // in a few words
	// Read and Unread count the cells of the sample that can, and cannot, be
	// read as an answer to the question.
	Read, Unread int
}

// Mapping turns guesses into what ImportApplications takes.
func Mapping(guesses []Guess) map[string]string {
	m := make(map[string]string, len(guesses))
	for _, g := range guesses {
		m[g.Header] = g.Field
	}
	return m
}

// ReadTable reads the header and up to most rows of a CSV, as
// ImportApplications sees them.
func ReadTable(r io.Reader, most int) (header []string, rows [][]string, err error) {
	t, bad := openTable(r)
	if len(bad) == 0 {
		bad = t.duplicateHeaders()
	}
	for len(bad) == 0 && len(rows) < most {
		row, problem := t.next()
		if problem == io.EOF {
			break
		}
		if problem != nil {
			bad = append(bad, csvProblem(problem))
			break
		}
		rows = append(rows, row)
	}
	if len(bad) > 0 {
		return nil, nil, Invalid("IMPORT_INVALID", "the file cannot be read", bad...)
	}
	return t.header, rows, nil
}

// GuessMapping proposes where the columns of a form tool's export go: by a
// header that is a field already, by the text of a question, its short name or
// its key in any language, by what tools call names and addresses, and at last
// by the answers in a sample of rows. It never decides: a person looks at it.
//
// It knows the ways of Google Forms ("Timestamp", several answers joined by
// ", "), Microsoft Forms ("ID", "Start time", answers joined by ";"),
// SurveyMonkey (a column for each answer, two lines of headings) and Jotform
// ("Submission Date", "First Name", answers on lines of their own).
func GuessMapping(form *Form, header []string, rows [][]string) []Guess {
	known := importFields(form)
	guesses := make([]Guess, len(header))
	taken := map[string]bool{}
	claim := func(i int, field, why string) {
		guesses[i].Field, guesses[i].Why = field, why
		taken[field] = true
	}
	// Sure things first, so that a guess by answers cannot take their place.
	for i, h := range header {
		guesses[i].Header = h
		if slices.Contains(known, h) {
			claim(i, h, "the header is the field")
		}
	}
	for i, h := range header {
		if guesses[i].Why != "" {
			continue
		}
		if field, why := byQuestion(form, h); field != "" {
			claim(i, field, why)
		} else if field, why := byCustom(h); why != "" && (field == "" || !taken[field]) {
			claim(i, field, why)
		}
	}
	// "Full name" beats "First" and "Last" next to it.
	if taken["contact.name"] {
		for i := range guesses {
			if strings.HasPrefix(guesses[i].Field, "contact.name.") {
				guesses[i].Field, guesses[i].Why = "", "the whole name is in another column"
			}
		}
	}
	for i := range header {
		if guesses[i].Why == "" {
			byAnswers(form, taken, &guesses[i], column(rows, i))
			taken[guesses[i].Field] = true
		}
		if attr := attributeOf(form, guesses[i].Field); attr != nil {
			guesses[i].Read, guesses[i].Unread = readable(attr, column(rows, i))
		}
		if guesses[i].Why == "" {
			guesses[i].Why = "nothing in the form is like it"
		}
	}
	return guesses
}

func column(rows [][]string, i int) []string {
	var cells []string
	for _, row := range rows {
		if i < len(row) && strings.TrimSpace(row[i]) != "" {
			cells = append(cells, strings.TrimSpace(row[i]))
		}
	}
	return cells
}

// attributeOf is the attribute that a field "answers.KEY" answers.
func attributeOf(form *Form, field string) *Attribute {
	key, ok := strings.CutPrefix(field, "answers.")
	if !ok || strings.Contains(key, ".") {
		return nil
	}
	return form.Attribute(key)
}

// byQuestion finds the attribute or the consent that a header asks for.
// "Question [answer]" is one answer's column of a question.
func byQuestion(form *Form, header string) (field, why string) {
	h := plain(header)
	if open := strings.LastIndexByte(header, '['); open > 0 && strings.HasSuffix(header, "]") {
		if f, why := byQuestion(form, header[:open]); f != "" {
			return f, why
		}
	}
	for i := range form.Attributes {
		a := &form.Attributes[i]
		if a.Kind == Derived {
			continue
		}
		texts := []string{a.Key}
		for _, t := range []Text{a.Question, a.Label} {
			for _, lang := range sortedKeys(t) {
				texts = append(texts, t[lang])
			}
		}
		for n, t := range texts {
			if p := plain(t); p != "" && p == h {
				return "answers." + a.Key, []string{"the header is the key", "the header is the question"}[min(n, 1)]
			}
		}
		// Tools cut long questions, and people leave out their second sentence.
		for _, lang := range sortedKeys(a.Question) {
			q := plain(a.Question[lang])
			if len(h) >= 20 && (strings.HasPrefix(q, h) || strings.HasPrefix(h, q)) {
				return "answers." + a.Key, "the header begins like the question"
			}
		}
	}
	for _, c := range form.Consents {
		for _, lang := range sortedKeys(c.Text) {
			if t := plain(c.Text[lang]); t == h || len(h) >= 20 && strings.HasPrefix(t, h) {
				return "consents." + c.Key, "the header is the consent"
			}
		}
	}
	return "", ""
}

// customs are what form tools and people call the columns that every form has;
// "" is left out.
var customs = []struct {
	field string
	names []string
}{
	{"contact.name", []string{
		"name", "full name", "your name", "your full name", "applicant name", "name of applicant", "first and last name",
		"nombre", "nombre completo", "su nombre", "nombre y apellidos",
	}},
	{"contact.name.first", []string{"first name", "given name", "name first name", "nombres", "nombre de pila"}},
	{"contact.name.last", []string{"last name", "surname", "family name", "name last name", "apellido", "apellidos"}},
	{"contact.preferred_name", []string{"preferred name", "name we should use", "what should we call you", "goes by", "nombre preferido"}},
	{"contact.email", []string{
		"email", "e mail", "email address", "e mail address", "your email", "your email address", "username", "correo",
		"correo electronico", "direccion de correo electronico", "respondent email",
	}},
	{"contact.phone", []string{
		"phone", "phone number", "telephone", "telephone number", "your phone number", "mobile", "cell phone", "mobile phone",
		"telefono", "numero de telefono",
	}},
	{"language", []string{"language of the form", "form language"}},
	{"", []string{
		"timestamp", "marca temporal", "id", "start time", "completion time", "last modified time", "respondent id", "collector id",
		"start date", "end date", "date created", "date modified", "ip address", "custom data 1", "custom data", "submission date",
		"submission id", "submission ip", "last update date", "score", "total points", "quiz feedback", "hora de inicio",
		"hora de finalizacion", "email language", "browser", "edit link", "code", "state", "create time", "submit time", "ineligible reasons", "on behalf",
	}},
}

func byCustom(header string) (field, why string) {
	h := plain(header)
	for _, c := range customs {
		if slices.Contains(c.names, h) {
			if c.field == "" {
				return "", "a column of the form tool"
			}
			return c.field, "a usual name for it"
		}
	}
	return "", ""
}

// byAnswers finds the question whose answers the sample can best be read as:
// nine of ten cells, at least three, and clearly better than the next.
func byAnswers(form *Form, taken map[string]bool, g *Guess, cells []string) {
	const fewest = 3
	if len(cells) < fewest {
		return
	}
	if all(cells, words.Email) && !taken["contact.email"] {
		g.Field, g.Why = "contact.email", "the cells are e-mail addresses"
		return
	}
	best, second := 0, 0
	for i := range form.Attributes {
		a := &form.Attributes[i]
		if a.Kind != Single && a.Kind != Multi || taken["answers."+a.Key] {
			continue
		}
		read, _ := readable(a, cells)
		if read > best {
			best, second = read, best
			g.Field = "answers." + a.Key
		} else {
			second = max(second, read)
		}
	}
	if best*10 < len(cells)*9 || second*10 >= best*9 {
		g.Field = ""
		return
	}
	g.Why = fmt.Sprintf("%d of %d cells are answers to this question", best, len(cells))
}

func all(cells []string, is func(string) bool) bool {
	for _, c := range cells {
		if !is(c) {
			return false
		}
	}
	return true
}

// readable counts the cells that can be read as answers. A decline alone says
// nothing about which question it was.
func readable(a *Attribute, cells []string) (read, unread int) {
	if a.Kind != Single && a.Kind != Multi {
		return len(cells), 0
	}
	names := namesOf(a.Values, a.Decline)
	for _, c := range cells {
		switch codes, problem := names.read(c); {
		case problem != "":
			unread++
		case len(codes) == 1 && codes[0] == declineCode:
		default:
			read++
		}
	}
	return read, unread
}

// plain reduces a text to its letters and digits, so that marks, accents, case
// and the star of a required question make no difference.
func plain(s string) string {
	var b strings.Builder
	blank := false
	for _, r := range folder.String(norm.NFD.String(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if blank && b.Len() > 0 {
				b.WriteByte(' ')
			}
			blank = false
			b.WriteRune(r)
		default:
			blank = true
		}
	}
	return b.String()
}
