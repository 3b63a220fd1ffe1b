package web

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/mentoring"
)

// A list of mentors or mentees is imported in three steps: the file, where its
// columns go, and what would change. Nothing is stored before the last one: the
// file travels sealed through the pages.

// Bounds of a list. Larger ones go over the API, or in parts.
const (
	mostListBytes   = 1 << 20 // as CSV
	mostListPeople  = 5000
	mostListColumns = 200
	mostUpload      = 3 << 20 // of a request, with the sealed file in it
	listLasts       = 8 * time.Hour
)

// uploads reports whether a request may be as large as a list: it goes to one of
// these pages, and somebody of staff is signed in, as far as a cookie tells.
func (s *server) uploads(r *http.Request) bool {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, "/programs/") || !strings.HasSuffix(r.URL.Path, "/import") {
		return false
	}
	var session staffSession
	return s.sealer.open(staffCookie, s.readCookie(r, staffCookie), &session) && s.Now().Before(session.Expires)
}

// importTargets are the fields that a column of a list can go to. What only a
// person may say of themself is not among them.
func importTargets(d *peopleDesk, role mentoring.Role) []string {
	out := []string{"id", "contact.name", "contact.goes", "contact.email", "contact.phone", "language", "wanted"}
	if role == mentoring.Mentor {
		out[len(out)-1] = "seats"
	}
	for _, c := range profileColumns(d.plan, role) {
		out = append(out, c.Name)
	}
	return append(out, keepColumn)
}

// keepColumn keeps a column under its own name: no score reads it, but runs can be
// audited by it, and floors stand on it.
const keepColumn = "keep"

// ownColumn is the name that such a column gets, or "" if it cannot be kept.
func ownColumn(header string, targets []string) string {
	name := strings.ReplaceAll(headerKey(header), " ", "_")
	if slices.Contains(targets, name) || slices.Contains(ownersOnly, name) || len(name) > 60 {
		return ""
	}
	return name
}

// ownersOnly are columns of a file of profiles that only the person may fill in.
var ownersOnly = []string{
	"managers", "conflicts", "wishes", "never", "affinity", "affinity_match", "affinity_name", "traits", "traits_match", "traits_named", "seeks",
}

func targetLabel(l tongue, target string) string {
	switch target {
	case "id":
		return l.say("people.import.id")
	case keepColumn:
		return l.say("people.import.keep")
	case "seats", "wanted":
		return l.say("people." + target)
	case "language":
		return l.say("people.language")
	}
	if rest, found := strings.CutPrefix(target, "contact."); found {
		return l.say("people.contact." + rest)
	}
	return profileLabel(l, target)
}

// peopleImportPage is one of the three steps.
type peopleImportPage struct {
	frame
	Sub        []tab
	Path, List string
	Heading    string
	Step       string // in words
	Read       bool   // the first step: which file
	Map        bool   // the second: where its columns go
	Show       bool   // the third: what would change
	Columns    []string
	Table      string // sealed
	Text       string
	Count      string
	Choices    []columnChoice
	Kept       []factLine // fields of the form that travel along: name, value
	Summary    []string
	Known      string // codes
	Problems   []problemLine
	MoreWrong  bool
	Fresh      []freshLine
	MoreFresh  string
	Mapped     []factLine
	Ready      string // the button, or "" while something is wrong
	Agreed     bool
	AgreedText string
	Reason     string
	Request    string
	Faults     []fault

	TextFault, ReasonFault, AgreedFault string
}

type columnChoice struct {
	Name, Header, Filled, Fault string
	Options                     []option
}

type problemLine struct {
	Line          int
	Column, Field string
	Message       phrase
}

type freshLine struct {
	Line int
	What string
}

// Bounds of what the third step shows.
const (
	freshShown   = 50
	problemsMost = 100
)

func (s *server) getImport(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, "people-import", newImportPage(s.staffFrame(r, "programs"), d, roleOf(r)))
	return nil
}

// newImportPage is the first step.
func newImportPage(f frame, d *peopleDesk, role mentoring.Role) *peopleImportPage {
	l, list := f.tongue, d.path("/"+rolePath(role))
	page := &peopleImportPage{
		frame: f, Sub: mentoringTabs(l, d.program.ID, rolePath(role)), Path: list + "/import", List: list,
		Heading: l.say("people.import." + rolePath(role)), Step: l.say("people.import.step", "n", 1), Read: true, Request: nonce(),
		AgreedText: l.say("people.agreed.many"),
	}
	for _, t := range importTargets(d, role) {
		page.Columns = append(page.Columns, targetLabel(l, t))
	}
	page.Crumbs = append(peopleCrumbs(l, d.program, "")[:2], crumb{l.said(l.say("people." + rolePath(role))), list}, crumb{l.said(page.Heading), ""})
	page.titled(page.Heading, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

func (s *server) postImport(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseMultipartForm(mostUpload); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return badForm(err)
	}
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	role, form := roleOf(r), r.PostForm
	page := newImportPage(s.staffFrame(r, "programs"), d, role)
	page.Languages = nil // what was posted would be lost
	l := page.tongue
	first := func(message string) error {
		page.Read, page.Map, page.Show = true, false, false
		page.Step, page.TextFault, page.Text = l.say("people.import.step", "n", 1), message, form.Get("text")
		page.Faults, page.Failed = []fault{{"text", message}}, true
		s.render(w, r, http.StatusUnprocessableEntity, "people-import", page)
		return nil
	}
	var list *peopleList
	if form.Get("go") == "read" {
		file, err := postedFile(r)
		if err != nil {
			return badForm(err)
		}
		read, problem, values := readList(file)
		if problem != "" {
			return first(l.say(problem, values...))
		}
		list = read
	} else {
		var kept sealedList
		if !s.sealer.open("list", form.Get("table"), &kept) || kept.Program != d.program.ID || kept.Role != role || !s.Now().Before(kept.Expires) {
			return first(l.say("people.import.again"))
		}
		if list, err = unpackList(kept.Rows); err != nil {
			return err
		}
	}
	page.Table = s.sealer.seal("list", sealedList{d.program.ID, role, list.pack(), s.Now().Add(listLasts)})
	page.Count = l.count("people.import.count", len(list.rows), "columns", len(list.header))
	targets := importTargets(d, role)
	to := proposed(list.header, targets)
	if form.Get("go") != "read" {
		for i := range to {
			to[i] = ""
			if t := form.Get("c." + itoa(i)); slices.Contains(targets, t) {
				to[i] = t
			}
		}
	}
	if faults := doubled(l, list, to, targets); form.Get("go") == "read" || form.Get("go") == "map" || len(faults) > 0 {
		page.Read, page.Map, page.Step = false, true, l.say("people.import.step", "n", 2)
		page.choose(list, to, targets)
		status := http.StatusOK
		if form.Get("go") != "read" && form.Get("go") != "map" {
			for i, message := range faults {
				page.Choices[i].Fault = message
			}
			for _, i := range slices.Sorted(maps.Keys(faults)) {
				page.Faults = append(page.Faults, fault{page.Choices[i].Name, faults[i]})
			}
			status, page.Failed = http.StatusUnprocessableEntity, true
		}
		s.render(w, r, status, "people-import", page)
		return nil
	}
	people, check, err := s.checkList(r, d, role, list, to)
	if err != nil {
		return err
	}
	page.show(d, role, list, to, people, check)
	page.Request = requestOf(r)
	status := http.StatusOK
	if form.Get("go") == "import" && page.Ready != "" {
		page.Agreed, page.Reason = form.Get("agreed") == "yes", clean(form.Get("reason"), false)
		if !page.Agreed {
			page.AgreedFault = l.say("people.fault.agreed")
			page.Faults = append(page.Faults, fault{"agreed", page.AgreedFault})
		}
		if page.Reason == "" {
			page.ReasonFault = l.say("people.fault.reason")
			page.Faults = append(page.Faults, fault{"reason", page.ReasonFault})
		}
		if len(page.Faults) == 0 {
			var fresh []*mentoring.Enrollment
			for i, e := range people {
				if check.Known[i] == "" {
					fresh = append(fresh, e)
				}
			}
			n, err := pressedOnce(r, func(idem applications.Idempotency) (int, error) {
				return s.Mentoring.ImportEnrollments(r.Context(), d.who, d.program.ID, role, fresh, page.Reason, idem)
			})
			if err == nil {
				seeOther(w, r, page.List+"?changed="+itoa(n))
				return nil
			}
			if _, _, ok := violations(err, nil); !ok {
				return err
			}
			page.Faults = []fault{{"", s.refusal(l, err)}}
		}
	}
	if page.Ready == "" || len(page.Faults) > 0 {
		status, page.Failed = http.StatusUnprocessableEntity, len(page.Faults) > 0 || len(page.Problems) > 0
	}
	s.render(w, r, status, "people-import", page)
	return nil
}

// postedFile is the file that was uploaded, or else what was pasted.
func postedFile(r *http.Request) ([]byte, error) {
	file, _, err := r.FormFile("file")
	if err != nil {
		return []byte(r.PostFormValue("text")), nil // none was chosen
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil || len(b) == 0 {
		return []byte(r.PostFormValue("text")), err
	}
	return b, nil
}

// doubled finds two columns that go to one place, by column, and those that
// cannot be kept. Parts of a name are joined.
func doubled(l tongue, list *peopleList, to, targets []string) map[int]string {
	faults := map[int]string{}
	to = slices.Clone(to)
	for i, t := range to {
		if t != keepColumn {
			continue
		}
		if to[i] = "+" + ownColumn(list.header[i], targets); to[i] == "+" {
			to[i], faults[i] = "", l.say("people.import.not_kept", "column", list.header[i])
		}
	}
	for i, t := range to {
		if first := slices.Index(to, t); t != "" && t != "contact.name" && first != i {
			faults[i] = l.say("people.import.doubled", "one", list.header[first], "two", list.header[i])
		}
	}
	return faults
}

// choose fills the second step.
func (page *peopleImportPage) choose(list *peopleList, to, targets []string) {
	l := page.tongue
	for i, h := range list.header {
		filled := 0
		for row := range list.rows {
			if list.cell(row, i) != "" {
				filled++
			}
		}
		if h == "" && filled == 0 {
			page.Kept = append(page.Kept, factLine{"c." + itoa(i), ""})
			continue
		}
		name := h
		if h == "" {
			name = l.say("people.import.unnamed", "n", i+1)
		}
		c := columnChoice{Name: "c." + itoa(i), Header: name, Filled: l.count("people.import.filled", filled, "of", len(list.rows))}
		c.Options = append(c.Options, option{"", l.say("people.import.leave"), to[i] == ""})
		for _, t := range targets {
			c.Options = append(c.Options, option{t, targetLabel(l, t), t == to[i]})
		}
		page.Choices = append(page.Choices, c)
	}
}

// listFault is what keeps a row out, found before the service is asked.
type listFault struct {
	row            int
	field, message string
	lang           string // of the message; "": the page's
}

// listCheck is what an import would come to.
type listCheck struct {
	Known  map[int]string
	faults []listFault
}

// checkList reads a list by its columns and asks the service what it makes of it.
func (s *server) checkList(r *http.Request, d *peopleDesk, role mentoring.Role, list *peopleList, to []string) ([]*mentoring.Enrollment, *listCheck, error) {
	l := s.tongueOf(r)
	people, faults := enrollmentsOf(l, d, role, list, to)
	found, err := s.Mentoring.CheckImport(r.Context(), d.who, d.program.ID, role, people)
	if err != nil {
		return nil, nil, err
	}
	check := &listCheck{Known: found.Known, faults: faults}
	for _, p := range found.Problems {
		message, lang := p.Message, "en"
		switch p.Field {
		case "contact.name":
			if people[p.Row].Contact.Name == "" {
				message, lang = l.say("people.contact.need_name"), ""
			}
		case "contact.email":
			if c := people[p.Row].Contact; c.Email == "" && c.Phone == "" {
				message, lang = l.say("people.contact.need_reach"), ""
			}
		}
		check.faults = append(check.faults, listFault{p.Row, p.Field, message, lang})
	}
	slices.SortStableFunc(check.faults, func(a, b listFault) int { return a.row - b.row })
	return people, check, nil
}

// enrollmentsOf turns rows into enrollments, and says which cells are no numbers,
// and who is there twice.
func enrollmentsOf(l tongue, d *peopleDesk, role mentoring.Role, list *peopleList, to []string) ([]*mentoring.Enrollment, []listFault) {
	var people []*mentoring.Enrollment
	var faults []listFault
	targets := importTargets(d, role)
	ids, mails := map[string]int{}, map[string]int{}
	for row := range list.rows {
		e := &mentoring.Enrollment{Program: d.program.ID, Role: role, Profile: map[string]string{}, Consents: agreedForMatching()}
		if role == mentoring.Mentor {
			e.Seats = 1
		} else {
			e.Wanted = 1
		}
		twice := func(seen map[string]int, field, value string) {
			key := strings.ToLower(value)
			if before, there := seen[key]; there {
				faults = append(faults, listFault{row: row, field: field, message: l.say("people.import.same", "line", before)})
				return
			}
			seen[key] = list.lines[row]
		}
		for column, target := range to {
			cell := list.cell(row, column)
			if cell == "" {
				continue
			}
			switch target {
			case "":
			case keepColumn:
				e.Profile[ownColumn(list.header[column], targets)] = cell
			case "id":
				twice(ids, "id", cell)
			case "contact.name":
				e.Contact.Name = strings.TrimSpace(e.Contact.Name + " " + cell)
			case "contact.goes":
				e.Contact.Goes = cell
			case "contact.email":
				e.Contact.Email = cell
				twice(mails, target, cell)
			case "contact.phone":
				e.Contact.Phone = cell
			case "language":
				e.Language = pageLanguage(cell)
			case "seats", "wanted":
				n, err := strconv.Atoi(cell)
				if err != nil || n < 0 {
					faults = append(faults, listFault{row: row, field: target, message: l.say("people.import.number", "cell", shortened(cell))})
				} else if target == "seats" {
					e.Seats = n
				} else {
					e.Wanted = n
				}
			default:
				e.Profile[target] = cell
			}
		}
		people = append(people, e)
	}
	return people, faults
}

// pageLanguage is a language by its tag or one of its names.
func pageLanguage(cell string) string {
	switch headerKey(cell) {
	case "english", "ingles":
		return "en"
	case "spanish", "espanol", "castellano":
		return "es"
	}
	return strings.ToLower(cell)
}

func shortened(cell string) string {
	if runes := []rune(cell); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return cell
}

// show fills the third step.
func (page *peopleImportPage) show(d *peopleDesk, role mentoring.Role, list *peopleList, to []string, people []*mentoring.Enrollment, check *listCheck) {
	l := page.tongue
	page.Read, page.Show, page.Step = false, true, l.say("people.import.step", "n", 3)
	header, targets := map[string]string{}, importTargets(d, role)
	for i, t := range to {
		page.Kept = append(page.Kept, factLine{"c." + itoa(i), t})
		if t == "" {
			continue
		}
		at := t
		if t == keepColumn {
			at = ownColumn(list.header[i], targets)
		}
		if header[at] != "" {
			header[at] += " + "
		}
		header[at] += list.header[i]
		page.Mapped = append(page.Mapped, factLine{list.header[i], targetLabel(l, t)})
	}
	fresh := 0
	var known []string
	for i, e := range people {
		if code := check.Known[i]; code != "" {
			known = append(known, code)
			continue
		}
		if fresh++; len(page.Fresh) < freshShown {
			page.Fresh = append(page.Fresh, freshLine{list.lines[i], whatOf(l, e)})
		}
	}
	if fresh > freshShown {
		page.MoreFresh = l.count("people.import.more", fresh-freshShown)
	}
	key := rolePath(role)
	page.Summary = append(page.Summary, l.count("people.import.fresh."+key, fresh))
	if len(known) > 0 {
		slices.Sort(known)
		page.Summary = append(page.Summary, l.count("people.import.known", len(known)))
		if page.Known = strings.Join(slices.Compact(known), ", "); len(page.Known) > 2000 {
			page.Known = page.Known[:strings.LastIndex(page.Known[:2000], ",")] + ", …"
		}
	}
	left := 0
	for _, t := range to {
		if t == "" {
			left++
		}
	}
	if left > 0 {
		page.Summary = append(page.Summary, l.count("people.import.left", left))
	}
	if !slices.Contains(to, map[bool]string{true: "seats", false: "wanted"}[role == mentoring.Mentor]) {
		page.Summary = append(page.Summary, l.say("people.import.one."+key))
	}
	state := "people.import.to_available"
	if d.plan.Screening {
		state = "people.import.to_submitted"
	}
	page.Summary = append(page.Summary, l.say(state))
	for _, f := range check.faults {
		if check.Known[f.row] != "" { // left out anyway
			continue
		}
		if len(page.Problems) == problemsMost {
			page.MoreWrong = true
			break
		}
		field := strings.TrimPrefix(f.field, "profile.")
		page.Problems = append(page.Problems, problemLine{list.lines[f.row], header[field], targetLabel(l, field), phrase{f.message, f.lang}})
	}
	if fresh > 0 && len(page.Problems) == 0 {
		page.Ready = l.count("people.import.do."+key, fresh)
	}
}

// whatOf is what somebody brings, without who they are.
func whatOf(l tongue, e *mentoring.Enrollment) string {
	var parts []string
	if e.Role == mentoring.Mentor {
		parts = append(parts, l.count("people.places.mentors", e.Seats))
	} else {
		parts = append(parts, l.count("people.places.mentees", e.Wanted))
	}
	for _, c := range []string{"wants", "offers", "languages", "places", "hours"} {
		if v := e.Profile[c]; v != "" {
			parts = append(parts, profileLabel(l, c)+": "+shortened(v))
		}
	}
	return strings.Join(parts, "; ")
}

// guardedCell makes a cell safe for spreadsheets, as the export of applications
// does; unguardedCell takes it back, so that an export can be imported.
func guardedCell(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

func unguardedCell(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && guardedCell(cell[1:]) != cell[1:] {
		return cell[1:]
	}
	return cell
}

// getPeopleExport gives a role's list as CSV, with what staff see in lists: codes
// and profiles, no names. It can be imported again.
func (s *server) getPeopleExport(w http.ResponseWriter, r *http.Request) error {
	d, err := s.planned(w, r)
	if d == nil || err != nil {
		return err
	}
	role := roleOf(r)
	var list []*mentoring.Enrollment
	others := map[string]bool{}
	columns := []string{}
	for _, c := range profileColumns(d.plan, role) {
		columns = append(columns, c.Name)
	}
	err = s.allEnrollments(r, d, role, func(e *mentoring.Enrollment) error {
		list = append(list, e)
		for name := range e.Profile {
			if !slices.Contains(columns, name) {
				others[name] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	places, err := s.Mentoring.AllPlaces(r.Context(), d.who, d.program.ID)
	if err != nil {
		return err
	}
	columns = append(columns, slices.Sorted(maps.Keys(others))...)
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	place := "wanted"
	if role == mentoring.Mentor {
		place = "seats"
	}
	header := []string{"code", "state", place, "taken", "open_proposals", "wait_rounds", "create_time"}
	for _, c := range columns {
		header = append(header, guardedCell(c))
	}
	_ = out.Write(header) // a buffer takes everything
	for _, e := range list {
		row := []string{
			e.Code, string(e.State), itoa(e.Seats + e.Wanted), itoa(places[e.ID].Taken), itoa(places[e.ID].Proposed - places[e.ID].Taken), itoa(e.WaitRounds),
			e.CreateTime.Format(time.RFC3339),
		}
		for _, c := range columns {
			row = append(row, guardedCell(e.Profile[c]))
		}
		_ = out.Write(row)
	}
	out.Flush()
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.program.ID+"-"+rolePath(role)+".csv"))
	_, err = w.Write(b.Bytes())
	return err
}
