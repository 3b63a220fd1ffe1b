package applications

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// Page sizes of lists, and how many items are read from the store at once.
const (
	defaultPageSize = 50
	maxPageSize     = 1000
	scanBatch       = 200
)

func snakeCase(field string) string { return filter.SnakeCase(field) }

// list is one query, read and checked. Items are scanned in the order of ids
// after the cursor and filtered here; a field other than the ids' own order is
// sorted in memory.
type list[T any] struct {
	size       int
	filter     *filter.Filter
	value      func(item T, field string) filter.Value
	order      string // field that the list is ordered by
	descending bool
	key, after string // of the last item of the page before
}

// newList reads a query. orders names the fields that a list can be ordered
// by; the first is the default and the order of ids.
func newList[T any](q ListQuery, fields []filter.Field, value func(T, string) filter.Value, orders ...string) (*list[T], error) {
	l := &list[T]{size: q.PageSize, value: value, order: orders[0]}
	var bad []Violation
	switch {
	case l.size == 0:
		l.size = defaultPageSize
	case l.size < 0:
		bad = append(bad, Violation{"page_size", fmt.Sprintf("from 1 to %d", maxPageSize)})
	default:
		l.size = min(l.size, maxPageSize)
	}
	parsed, err := filter.Parse(q.Filter, fields)
	var problem *filter.Error
	if errors.As(err, &problem) {
		return nil, Invalid("FILTER_INVALID", "the filter cannot be read", Violation{"filter", problem.Error()})
	}
	l.filter = parsed
	if by := strings.Fields(q.OrderBy); len(by) > 0 {
		name := snakeCase(by[0])
		switch {
		case !slices.Contains(orders, name):
			bad = append(bad, Violation{"order_by", "order by " + strings.Join(orders, ", ") + nearest.Hint(name, orders)})
		case len(by) > 2 || len(by) == 2 && by[1] != "desc" && by[1] != "asc":
			bad = append(bad, Violation{"order_by", `one field, optionally followed by "desc"`})
		default:
			l.order, l.descending = name, len(by) == 2 && by[1] == "desc"
		}
	}
	if q.Cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(q.Cursor)
		key, id, ok := strings.Cut(string(raw), "\x00")
		if err != nil || !ok {
			bad = append(bad, Violation{"page_token", "begin again at the first page"})
		}
		l.key, l.after = key, id
	}
	if len(bad) > 0 {
		return nil, Invalid("LIST_INVALID", "the list cannot be made like this", bad...)
	}
	return l, nil
}

func (l *list[T]) match(item T) bool {
	return l.filter.Match(func(field string) filter.Value { return l.value(item, field) })
}

// cursor is the position after an item.
func (l *list[T]) cursor(key, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key + "\x00" + id))
}

// page fills a page of a list in the order of ids from what read finds after
// one, a batch at a time. It holds what show makes of them: what is stored may
// be large.
func (l *list[T]) page(id func(T) string, show func(T) T, read func(after string) ([]T, error)) (*ListPage[T], error) {
	page := &ListPage[T]{}
	for after := l.after; ; {
		batch, err := read(after)
		if err != nil {
			return nil, err
		}
		for _, item := range batch {
			after = id(item)
			if !l.match(item) {
				continue
			}
			if len(page.Items) == l.size {
				page.Next = l.cursor("", id(page.Items[l.size-1]))
				return page, nil
			}
			page.Items = append(page.Items, show(item))
		}
		if len(batch) < scanBatch {
			return page, nil
		}
	}
}

// before reports whether an item sorts before another one: by key, then id.
func (l *list[T]) before(keyA, idA, keyB, idB string) bool {
	if keyA == keyB {
		keyA, keyB = idA, idB
	}
	if l.descending {
		return keyB < keyA
	}
	return keyA < keyB
}

func textValue(s string) filter.Value { return filter.Value{Present: s != "", Text: s} }

func timeValue(t time.Time) filter.Value { return filter.Value{Present: !t.IsZero(), Time: t} }

// labelValue is a text for people in all its languages.
func labelValue(t Text) filter.Value {
	var all []string
	for _, lang := range sortedKeys(t) {
		all = append(all, t[lang])
	}
	return textValue(strings.Join(all, "\n"))
}

func names[S ~string](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

// programFields are what a list of programs can be filtered by.
var programFields = []filter.Field{
	{Name: "name", Type: filter.String},
	{Name: "id", Type: filter.String},
	{Name: "state", Type: filter.Enum, Values: names(programStates)},
	{Name: "title", Type: filter.String},
	{Name: "summary", Type: filter.String},
	{Name: "region", Type: filter.String},
	{Name: "preset", Type: filter.String},
	{Name: "seats", Type: filter.Int},
	{Name: "window.open_time", Type: filter.Time},
	{Name: "window.close_time", Type: filter.Time},
	{Name: "create_time", Type: filter.Time},
	{Name: "open_time", Type: filter.Time},
	{Name: "close_time", Type: filter.Time},
	{Name: "public_agency", Type: filter.Bool},
}

func programValue(p *Program, field string) filter.Value {
	switch field {
	case "name":
		return textValue(programName(p.ID))
	case "id":
		return textValue(p.ID)
	case "state":
		return textValue(string(p.State))
	case "title":
		return labelValue(p.Title)
	case "summary":
		return labelValue(p.Summary)
	case "region":
		return labelValue(p.Region)
	case "preset":
		return textValue(p.Preset)
	case "seats":
		return filter.Value{Present: true, Int: int64(p.Seats)}
	case "window.open_time":
		return timeValue(p.Window.Opens)
	case "window.close_time":
		return timeValue(p.Window.Closes)
	case "create_time":
		return timeValue(p.CreateTime)
	case "open_time":
		return timeValue(p.OpenTime)
	case "close_time":
		return timeValue(p.CloseTime)
	case "public_agency":
		return filter.Value{Present: true, Bool: p.PublicAgency}
	}
	return filter.Value{}
}

// applicationFields are what a list of applications can be filtered by.
// Identity answers and the contact only where the caller reads them: a list
// that can be narrowed by county tells everybody's county.
func applicationFields(form *Form, withIdentity bool) []filter.Field {
	fields := []filter.Field{
		{Name: "state", Type: filter.Enum, Values: names(applicationStates)},
		{Name: "code", Type: filter.String},
		{Name: "create_time", Type: filter.Time},
		{Name: "update_time", Type: filter.Time},
		{Name: "submit_time", Type: filter.Time},
		{Name: "on_behalf", Type: filter.Bool},
	}
	if withIdentity {
		fields = append(fields,
			filter.Field{Name: "contact.name", Type: filter.String},
			filter.Field{Name: "contact.preferred_name", Type: filter.String},
			filter.Field{Name: "contact.email", Type: filter.String},
			filter.Field{Name: "contact.phone", Type: filter.String},
			filter.Field{Name: "language", Type: filter.String},
		)
	}
	if form == nil {
		return fields
	}
	for i := range form.Attributes {
		a := &form.Attributes[i]
		if a.Identity() && !withIdentity {
			continue
		}
		f := filter.Field{Name: "answers." + a.Key}
		switch a.Kind {
		case Single, Multi, Derived:
			f.Type, f.Values = filter.Set, valueCodes(a.Values)
			if a.Decline {
				f.Values = append(f.Values, declineCode)
			}
		case Number:
			f.Type = filter.Int
		default:
			f.Type = filter.String
		}
		fields = append(fields, f)
	}
	return fields
}

// applicationValue reads a field of an application for a filter on the form.
func applicationValue(form *Form) func(*Application, string) filter.Value {
	return func(a *Application, field string) filter.Value {
		switch field {
		case "state":
			return textValue(string(a.State))
		case "code":
			return textValue(a.Code)
		case "create_time":
			return timeValue(a.CreateTime)
		case "update_time":
			return timeValue(a.UpdateTime)
		case "submit_time":
			return timeValue(a.SubmitTime)
		case "on_behalf":
			return filter.Value{Present: true, Bool: a.OnBehalf != nil}
		case "contact.name":
			return textValue(a.Contact.Name)
		case "contact.preferred_name":
			return textValue(a.Contact.Goes)
		case "contact.email":
			return textValue(a.Contact.Email)
		case "contact.phone":
			return textValue(a.Contact.Phone)
		case "language":
			return textValue(a.Language)
		}
		key, ok := strings.CutPrefix(field, "answers.")
		if !ok || form == nil {
			return filter.Value{}
		}
		attr := form.Attribute(key)
		if attr == nil {
			return filter.Value{}
		}
		if attr.Kind == Derived {
			values := attr.derive(a.Answers)
			return filter.Value{Present: len(values) > 0, Set: values}
		}
		answer, given := a.Answers[key]
		switch {
		case !given:
			return filter.Value{}
		case answer.Declined:
			return filter.Value{Present: true, Set: []string{declineCode}}
		case answer.Number != nil:
			return filter.Value{Present: true, Int: *answer.Number}
		case attr.Kind == Entity || attr.Kind == FreeText:
			return textValue(answer.Text)
		}
		return filter.Value{Present: len(answer.Values) > 0, Set: answer.Values}
	}
}
