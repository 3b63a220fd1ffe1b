package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

// editorPage edits criteria: cards by priority, and the verdict on them as they
// stand. What is on it is stored nowhere before it is saved as a version.
type editorPage struct {
	frame
	Program string
	Sub     []tab
	Heading phrase
	From    string // what the edit began from
	Faults  []fault

	Name, Size, MinSize string
	SizeFault           string
	Kept                string
	Request             string
	Levels              []levelView
	Widths              []option
	Waiting             []option // what is allowed at priorities without targets
	MayWeigh            bool     // may ask what more room would do
	Add, Sets           []option
	Verdict             checkView
}

// tab is a link between the pages of one program.
type tab struct {
	Label, Href string
	Here        bool
}

type option struct {
	Value, Label string
	Chosen       bool
}

// levelView is what has one priority.
type levelView struct {
	Title                            string
	Cards                            []cardView
	AllowID, AllowName, Allow, Fault string // of targets: what is allowed above the best
}

type cardView struct {
	ID         string // c0
	Index      int
	Kind       string
	Attribute  string
	Heading    phrase
	KindWord   string
	Notes      []string
	Focus      bool
	Priorities []option
	Target     bool // has a weight
	Weight     string
	Min, Max   bool // has this bound
	Shares     bool // some row has a population figure
	Source     string
	Rows       []editRow
	Total      string
	Up, Down   bool
}

type editRow struct {
	ID, Name     string // c0-r0 and c0.r0
	Kept         string
	Label        phrase
	Words        string // said instead of Label
	Share, Exact string
	Min, Max     string
	Applied      string
	Note, Fault  string
}

// checkView is the verdict on the criteria as they stand, and what it says of
// each row. It is made new at every change.
type checkView struct {
	Tone, Mark, Title string
	Text              string
	Lines             []missLine
	Ways              []wayOut
	After             []string
	Room              []wayOut // what allowing more would do for the chances
	RoomCut           bool     // there was no time for more of it
	Rows              []rowCheck
}

// wayOut is a change that would make the criteria possible.
type wayOut struct {
	Label string
	Cost  string
	Set   string // of the button that tries it
}

// rowCheck is what a check says of a row.
type rowCheck struct{ ID, Applied, Note string }

// mayEdit refuses who may not write criteria: the pages of the service read
// registered criteria for everybody.
func mayEdit(who access.Principal, program string) error {
	return permitted(who, access.CriteriaWrite, program)
}

// desk is a program as the pages of its staff need it.
type desk struct {
	who     access.Principal
	program *applications.Program
	form    *applications.Form
}

func (s *server) desk(r *http.Request) (*desk, error) {
	who, err := s.staff(r)
	if err != nil {
		return nil, err
	}
	d := &desk{who: who}
	if d.program, err = s.svc.Program(r.Context(), who, r.PathValue("program")); err != nil {
		return nil, err
	}
	d.form = &applications.Form{}
	if d.program.FormVersion != 0 {
		d.form, err = s.svc.Form(r.Context(), who, d.program.ID, 0)
	}
	return d, err
}

// programTabs are the pages of a program that somebody may see.
func programTabs(l tongue, p *applications.Program, who access.Principal, here string) []tab {
	var tabs []tab
	at := "/programs/" + p.ID
	for _, t := range []struct {
		key  string
		perm access.Permission
	}{{"criteria", access.CriteriaWrite}, {"outreach", access.CriteriaWrite}, {"selections", access.SelectionsRead}, {"offers", access.SelectionsRead}, {"mentoring", access.MatchingsRead}} {
		if who.Can(t.perm, p.ID) {
			tabs = append(tabs, tab{l.say("tab." + t.key), at + "/" + t.key, t.key == here})
		}
	}
	return tabs
}

func (s *server) getEditor(w http.ResponseWriter, r *http.Request) error {
	d, err := s.desk(r)
	if err != nil {
		return err
	}
	if err := mayEdit(d.who, d.program.ID); err != nil {
		return err
	}
	l := s.tongueOf(r)
	base, from := &applications.Criteria{Size: d.program.Seats, MinSize: d.program.MinSeats}, l.say("edit.from_nothing")
	q := r.URL.Query()
	preset := s.svc.Presets[d.program.Preset]
	version, err := strconv.Atoi(q.Get("version"))
	if q.Get("version") != "" && (err != nil || version < 1) {
		return errNoPage
	}
	switch set := q.Get("set"); {
	case set != "" && preset != nil && len(preset.Criteria[set].Rules) > 0:
		c := preset.Criteria[set]
		c.Size, c.MinSize = base.Size, base.MinSize
		base, from = &c, l.say("edit.from_set", "name", set)
	default:
		c, err := s.svc.Criteria(r.Context(), d.who, d.program.ID, version)
		switch {
		case err == nil:
			base, from = c, l.say("edit.from_version", "n", c.Version)
			if c.Registered {
				from = l.say("edit.from_registered", "n", c.Version)
			}
		case applications.CodeOf(err) != applications.NotFound || version != 0:
			return err
		}
	}
	e := &editing{server: s, desk: d, draft: newDraft(base, d.form), from: from, focus: -1}
	e.try(q["change"])
	return e.render(w, r, http.StatusOK)
}

// try makes changes to the copy that is edited: "3.max=11" sets the upper bound
// of the engine's row 3.
func (e *editing) try(changes []string) {
	_, at, _ := e.draft.criteria(e.program.ID, e.form)
	for _, change := range changes {
		var row, to int
		var name string
		if n, _ := fmt.Sscanf(strings.NewReplacer(".", " ", "=", " ").Replace(change), "%d %s %d", &row, &name, &to); n == 3 && row >= 1 && row <= len(at.rows) {
			e.draft.set(fmt.Sprintf("%s=%d", at.rows[row-1].field(name), to))
			e.focus = at.rows[row-1].card
		}
	}
}

// editing is one request of the editor.
type editing struct {
	*server
	*desk
	draft  *draft
	from   string
	focus  int // the card that was changed, or −1
	width  int
	quick  bool              // the verdict alone, while somebody types
	weigh  bool              // and what more room would do
	faults map[string]string // by field, or "" for the whole
	others []string
}

// widest is how many more on each side of a share the page offers.
const widest = 2

// The words that a button of the editor begins with.
const (
	doUp, doDown, doRemove, doFill, doSet = "up:", "down:", "remove:", "fill:", "set:"
	doAdd, doSave, doWeigh                = "add", "save", "weigh"
)

func (s *server) postEditor(w http.ResponseWriter, r *http.Request) error {
	e, err := s.readEditor(r)
	if err != nil {
		return err
	}
	do := r.PostForm.Get("do")
	card := func(prefix string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(do, prefix))
		if err != nil {
			return -1
		}
		e.focus = n
		return n
	}
	switch {
	case strings.HasPrefix(do, doUp):
		e.draft.move(card(doUp), -1)
	case strings.HasPrefix(do, doDown):
		e.draft.move(card(doDown), +1)
	case strings.HasPrefix(do, doRemove):
		e.draft.remove(card(doRemove))
		e.focus = -1
	case strings.HasPrefix(do, doFill):
		e.draft.fill(card(doFill), e.form, e.width)
	case strings.HasPrefix(do, doSet):
		e.draft.set(strings.TrimPrefix(do, doSet))
	case do == doAdd:
		key, kind, _ := strings.Cut(r.PostForm.Get("add"), ":")
		if a := e.form.Attribute(key); a != nil && slices.Contains(addable(a), kind) {
			e.draft.add(kind, a)
			e.focus = len(e.draft.Cards) - 1
		}
	case do == doWeigh:
		e.weigh = facilitates(e.who, e.program.ID)
	case do == doSave:
		return e.save(w, r)
	}
	return e.render(w, r, http.StatusOK)
}

func (s *server) readEditor(r *http.Request) (*editing, error) {
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	d, err := s.desk(r)
	if err != nil {
		return nil, err
	}
	if err := mayEdit(d.who, d.program.ID); err != nil {
		return nil, err
	}
	e := &editing{server: s, desk: d, from: clean(r.PostForm.Get("from"), false), focus: -1}
	if n, err := strconv.Atoi(r.PostForm.Get("width")); err == nil && n >= 0 && n <= widest {
		e.width = n
	}
	e.draft, err = readDraft(r.PostForm)
	return e, err
}

func (e *editing) save(w http.ResponseWriter, r *http.Request) error {
	c, at, faults := e.draft.criteria(e.program.ID, e.form)
	if len(faults) > 0 {
		return e.render(w, r, http.StatusUnprocessableEntity)
	}
	if len(c.Rules) == 0 {
		c.Name = "" // a name without rules would stand for a set of the preset
	}
	made, err := e.svc.SaveCriteria(r.Context(), e.who, c, pressed(r))
	if _, _, ok := violations(err, nil); err != nil && ok {
		e.blame(err, at)
		return e.render(w, r, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return err
	}
	seeOther(w, r, "/programs/"+e.program.ID+"/criteria/"+itoa(made.Version))
	return nil
}

// blame puts what the service does not accept to the fields of the form.
func (e *editing) blame(err error, at places) {
	faults, others, _ := violations(err, nil)
	if e.faults == nil {
		e.faults = map[string]string{}
	}
	e.others = append(e.others, others...)
	for field, message := range faults {
		var i int
		var rest string
		if n, _ := fmt.Sscanf(field, "rules[%d].%s", &i, &rest); n >= 1 && i < len(at.rules) {
			name := "min"
			if strings.Contains(rest, "max") {
				name = "max"
			}
			e.faults[at.rules[i].field(name)] = message
			continue
		}
		switch field {
		case "size", "min_size":
			e.faults[field] = message
		default:
			e.others = append(e.others, field+": "+message)
		}
	}
	slices.Sort(e.others)
}

// set changes bounds as a way out says: "c0.r1.max=5 c2.r0.min=".
func (d *draft) set(changes string) {
	for change := range strings.FieldsSeq(changes) {
		field, value, _ := strings.Cut(change, "=")
		if priority, ok := strings.CutPrefix(field, allowPrefix); ok {
			if g, err := strconv.Atoi(priority); err == nil && g >= 1 && g <= lowestPriority {
				d.Allow[g] = clean(value, false)
			}
			continue
		}
		var at cardRow
		var name string
		if n, _ := fmt.Sscanf(field, "c%d.r%d.%s", &at.card, &at.row, &name); n != 3 ||
			at.card < 0 || at.card >= len(d.Cards) || at.row < 0 || at.row >= len(d.Cards[at.card].Rows) {
			continue
		}
		switch row := &d.Cards[at.card].Rows[at.row]; name {
		case "min":
			row.Min = clean(value, false)
		case "max":
			row.Max = clean(value, false)
		}
	}
}

// postCheck answers with the verdict alone: what the page's script shows while
// somebody types.
func (s *server) postCriteriaCheck(w http.ResponseWriter, r *http.Request) error {
	e, err := s.readEditor(r)
	if err != nil {
		return err
	}
	e.quick = r.URL.Query().Get("details") == ""
	page, err := e.page(r)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.pages[page.tongue].ExecuteTemplate(&b, "checked", page); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
	return nil
}

func (e *editing) render(w http.ResponseWriter, r *http.Request, status int) error {
	page, err := e.page(r)
	if err != nil {
		return err
	}
	if r.Method != http.MethodGet {
		page.Languages = nil
	}
	e.server.render(w, r, status, "criteria", page)
	return nil
}

// page checks the draft and makes the page of it.
func (e *editing) page(r *http.Request) (*editorPage, error) {
	c, at, faults := e.draft.criteria(e.program.ID, e.form)
	var verdict *applications.CriteriaVerdict
	var err error
	if len(faults) == 0 && len(e.faults)+len(e.others) == 0 {
		verdict, err = e.check(r.Context(), c, at)
	}
	if err != nil {
		return nil, err
	}
	f := e.staffFrame(r, "programs")
	l := f.tongue
	if e.faults == nil {
		e.faults = map[string]string{}
	}
	for field := range faults {
		e.faults[field] = l.say("edit.fault_number")
		if strings.HasPrefix(field, allowPrefix) {
			e.faults[field] = l.say("edit.fault_allow", "most", l.number(mostAllowed))
		}
		if strings.HasSuffix(field, ".max") && faults[strings.TrimSuffix(field, "max")+"min"] == "" && isNumber(faults[field]) {
			e.faults[field] = l.say("edit.fault_order")
		}
	}
	return newEditorPage(f, e, verdict, at), nil
}

func isNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= 1000
}

// check asks for the verdict. Nil: the caller may not have one, or the criteria
// have faults, which are told.
func (e *editing) check(ctx context.Context, c *applications.Criteria, at places) (*applications.CriteriaVerdict, error) {
	asked := *c
	asked.Name = "" // without rules a name would stand for a set of the preset
	ask := e.svc.ExamineCriteria
	if e.quick {
		ask = e.svc.CheckCriteria
	}
	if e.weigh {
		ask = func(ctx context.Context, who access.Principal, c *applications.Criteria) (*applications.CriteriaVerdict, error) {
			return e.svc.WeighCriteria(ctx, who, c, true)
		}
	}
	verdict, err := ask(ctx, e.who, &asked)
	switch {
	case err == nil:
		return verdict, nil
	case applications.CodeOf(err) == applications.PermissionDenied:
		return nil, nil
	case errors.Is(err, context.Canceled):
		return nil, err
	}
	if _, _, ok := violations(err, nil); ok {
		e.blame(err, at)
		return nil, nil
	}
	return nil, err
}

func newEditorPage(f frame, e *editing, verdict *applications.CriteriaVerdict, at places) *editorPage {
	l, d := f.tongue, e.draft
	page := &editorPage{
		frame: f, Program: e.program.ID, Sub: programTabs(l, e.program, e.who, "criteria"), Heading: l.phrase(e.program.Title),
		From: e.from, Name: d.Name, Size: d.Size, MinSize: d.MinSize, Kept: asJSON(d.Kept),
	}
	page.Script, page.Request = "criteria.js", nonce() // each page is saved once
	page.Verdict = newCheckView(l, e, verdict, at)
	checked := map[string]rowCheck{}
	for _, row := range page.Verdict.Rows {
		checked[row.ID] = row
	}
	level := map[int]int{}
	for i := range d.Cards {
		level[d.Cards[i].Priority]++
	}
	for priority := range lowestPriority + 1 {
		if level[priority] == 0 {
			if d.Allow[priority] != "" {
				page.Waiting = append(page.Waiting, option{Value: d.Allow[priority], Label: allowField(priority)})
			}
			continue
		}
		view := levelView{Title: l.say("edit.must")}
		if priority > 0 {
			view.Title = l.say("edit.priority", "n", priority)
			view.AllowName, view.Allow = allowField(priority), d.Allow[priority]
			view.AllowID, view.Fault = fieldID(view.AllowName), e.faults[view.AllowName]
			page.MayWeigh = facilitates(e.who, e.program.ID)
		}
		for i := range d.Cards {
			if d.Cards[i].Priority == priority {
				view.Cards = append(view.Cards, newCardView(l, e, i, checked))
			}
		}
		page.Levels = append(page.Levels, view)
	}
	for _, field := range slices.Sorted(maps.Keys(e.faults)) {
		switch field {
		case "size", "min_size":
			page.SizeFault = e.faults[field]
			page.Faults = append(page.Faults, fault{"size", l.say("edit.size") + ": " + e.faults[field]})
		default:
			page.Faults = append(page.Faults, fault{fieldID(field), e.labelOf(l, field) + ": " + e.faults[field]})
		}
	}
	for _, message := range e.others {
		page.Faults = append(page.Faults, fault{"", message})
	}
	page.Failed = len(page.Faults) > 0
	for n := range widest + 1 {
		label := l.say("edit.around_share")
		if n > 0 {
			label = l.count("edit.width", n)
		}
		page.Widths = append(page.Widths, option{itoa(n), label, n == e.width})
	}
	for i := range e.form.Attributes {
		a := &e.form.Attributes[i]
		if !a.Identity() && !a.For(applications.ForBalance) {
			continue
		}
		for _, kind := range addable(a) {
			page.Add = append(page.Add, option{a.Key + ":" + kind, attributeLabel(l, a).Text + ": " + l.say("kind."+kind), false})
		}
	}
	if e.server != nil && e.svc != nil {
		if preset := e.svc.Presets[e.program.Preset]; preset != nil {
			for _, name := range preset.CriteriaName {
				page.Sets = append(page.Sets, option{Value: name, Label: name})
			}
		}
	}
	page.Crumbs = []crumb{{l.said(l.say("menu.programs")), "/programs"}, {page.Heading, ""}}
	page.titled(l.say("edit.title"), page.Heading.Text, "Fairlead")
	return page
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs only
	}
	return string(b)
}

// labelOf names the row of a field.
func (e *editing) labelOf(l tongue, field string) string {
	if g, ok := strings.CutPrefix(field, allowPrefix); ok {
		return l.say("version.allow", "priority", g)
	}
	var at cardRow
	var name string
	fmt.Sscanf(field, "c%d.r%d.%s", &at.card, &at.row, &name)
	if at.card >= len(e.draft.Cards) || at.row >= len(e.draft.Cards[at.card].Rows) {
		return field
	}
	c := &e.draft.Cards[at.card]
	heading, label := e.headingOf(l, c), e.rowLabel(l, c, &c.Rows[at.row])
	if label.Text == "" {
		return heading.Text
	}
	return heading.Text + ", " + label.Text
}

func (e *editing) headingOf(l tongue, c *draftCard) phrase {
	if a := e.form.Attribute(c.Attribute); a != nil {
		return attributeLabel(l, a)
	}
	if c.Attribute == "" {
		return l.said(l.say("edit.named"))
	}
	return l.said(c.Attribute)
}

// rowLabel is what a row counts, without its attribute.
func (e *editing) rowLabel(l tongue, c *draftCard, row *draftRow) phrase {
	a, k := e.form.Attribute(c.Attribute), &row.Kept
	var p phrase
	switch {
	case len(k.IDs) > 0:
		p = l.said(l.count("edit.named_people", len(k.IDs)))
	case len(k.Values) == 1:
		p = valueLabel(l, a, k.Values[0])
	case len(k.Values) > 1:
		word := l.say("edit.or")
		if k.All {
			word = l.say("edit.and")
		}
		var labels []string
		for _, v := range k.Values {
			labels = append(labels, valueLabel(l, a, v).Text)
		}
		p = l.said(strings.Join(labels, " "+word+" "))
	case c.Kind == "quota":
		p = l.said(l.say("edit.any"))
	}
	for _, and := range k.And {
		other := e.form.Attribute(and.Attribute)
		label := and.Attribute
		if other != nil {
			label = attributeLabel(l, other).Text
		}
		p.Text += " " + l.say("rule.and", "attribute", label, "values", valueLabels(l, other, and.Values))
	}
	return p
}

func newCardView(l tongue, e *editing, index int, checked map[string]rowCheck) cardView {
	c := &e.draft.Cards[index]
	a := e.form.Attribute(c.Attribute)
	id := fmt.Sprintf("c%d", index)
	v := cardView{
		ID: id, Index: index, Kind: c.Kind, Attribute: c.Attribute, Heading: e.headingOf(l, c), Focus: e.focus == index,
		Target: c.Priority > 0, Weight: itoa(max(c.Weight, 1)),
		Min: c.Kind != "cap", Max: c.Kind == "quota" || c.Kind == "cap",
		Up: c.Priority > 0, Down: c.Priority < lowestPriority,
	}
	if _, known := catalogs["en"]["kind."+c.Kind]; known {
		v.KindWord = l.say("kind." + c.Kind)
	}
	if a != nil && a.Kind == applications.Multi && c.Kind == "quota" {
		v.Notes = append(v.Notes, l.say("result.multi"))
	}
	if a != nil && a.Decline {
		v.Notes = append(v.Notes, l.say("edit.decliners"))
	}
	if a != nil && a.NeedsPolicy() {
		v.Notes = append(v.Notes, l.say("edit.policy"))
	}
	for p := range lowestPriority + 1 {
		label := l.say("edit.must")
		if p > 0 {
			label = l.say("edit.priority", "n", p)
		}
		v.Priorities = append(v.Priorities, option{itoa(p), label, p == c.Priority})
	}
	size, err := strconv.Atoi(strings.TrimSpace(e.draft.Size))
	if err != nil {
		size = 0
	}
	lo, hi, ranges := 0, 0, 0
	for j := range c.Rows {
		row := &c.Rows[j]
		at := cardRow{index, j}
		name := fmt.Sprintf("c%d.r%d", index, j)
		x := editRow{
			ID: fieldID(name), Name: name, Kept: asJSON(row.Kept), Min: row.Min, Max: row.Max, Label: e.rowLabel(l, c, row),
			Fault: e.faults[at.field("min")],
		}
		if x.Fault == "" {
			x.Fault = e.faults[at.field("max")]
		}
		if x.Label.Text == "" {
			x.Words = v.KindWord
		}
		if check, ok := checked[x.ID]; ok {
			x.Applied, x.Note = check.Applied, check.Note
		}
		if row.Kept.single() && a != nil {
			if value := a.Value(row.Kept.Values[0]); value != nil && value.Benchmark != nil {
				v.Shares = true
				v.Source = l.say("edit.source", "basis", value.Benchmark.Basis, "source", value.Benchmark.Source)
				x.Share = strconv.FormatFloat(value.Benchmark.Share*100, 'f', 1, 64) + " %"
				if size > 0 {
					x.Exact = strconv.FormatFloat(value.Benchmark.Share*float64(size), 'f', 1, 64)
				}
			}
			if n, err := strconv.Atoi(row.Min); err == nil {
				lo, ranges = lo+n, ranges+1
			}
			n, err := strconv.Atoi(row.Max)
			if err != nil {
				n = size
			}
			hi += n
		}
		v.Rows = append(v.Rows, x)
	}
	if c.Kind == "quota" && ranges > 1 {
		v.Total = l.say("edit.total", "min", lo, "max", min(hi, max(size, lo)))
		if a != nil && a.Kind == applications.Single && size > 0 && lo > size {
			v.Total = l.say("edit.total_over", "min", lo, "size", size)
		}
	}
	return v
}
