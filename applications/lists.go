package applications

import (
	"strings"

	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/internal/listing"
)

// ListQuery and ListPage are those of package listing.
type (
	ListQuery       = listing.Query
	ListPage[T any] = listing.Page[T]
	list[T any]     = listing.List[T]
)

const (
	maxPageSize = listing.MaxSize
	scanBatch   = listing.Batch
)

func snakeCase(field string) string { return filter.SnakeCase(field) }

func newList[T any](q ListQuery, fields []filter.Field, value func(T, string) filter.Value, orders ...string) (*list[T], error) {
	return listing.New(q, fields, value, orders...)
}

var (
	textValue = listing.Text
	timeValue = listing.Time
)

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
