package applications

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	// Windows name IANA zones; they have to mean the same on every machine.
	_ "time/tzdata"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// CreateProgram makes a draft, whole or from a preset (p.Preset names it; what
// p leaves empty comes from the preset). The form and the preset's neutral
// criteria come with it, as version 1 each. AlreadyExists PROGRAM_EXISTS if
// the id is taken, PROGRAM_ID_SPENT if it was that of a program that was
// destroyed.
func (s *Service) CreateProgram(ctx context.Context, who access.Principal, p *Program, form *Form, idem Idempotency) (*Program, error) {
	if err := calls.Need(who, access.ProgramsWrite, p.ID); err != nil {
		return nil, err
	}
	made, err := s.startProgram(p)
	if err != nil {
		return nil, err
	}
	var criteria *Criteria
	if preset := s.Presets[p.Preset]; preset != nil {
		if form == nil {
			form = &preset.Form
		}
		criteria = preset.start(made)
	}
	if form != nil {
		if form, err = prepareForm(form, made.ID, 1); err != nil {
			return nil, err
		}
		made.FormVersion = 1
	}
	if criteria != nil {
		if err := prepareCriteria(criteria, form, made); err != nil {
			return nil, err
		}
	}
	return once(ctx, s, who, "", "CreateProgram", idem, func(tx Tx) (*Program, string, error) {
		now := s.now()
		p := *made
		p.CreateTime, p.UpdateTime = now, now
		if err := tx.InsertProgram(ctx, &p); err != nil {
			if CodeOf(err) == AlreadyExists {
				err = Errorf(AlreadyExists, "PROGRAM_EXISTS", "there is a program with this id already; choose another")
			}
			return nil, "", err
		}
		// Now, because inserting has waited for whoever destroys it just then.
		if err := unspent(ctx, tx, p.ID); err != nil {
			return nil, "", err
		}
		if form != nil {
			if err := tx.InsertForm(ctx, form); err != nil {
				return nil, "", err
			}
		}
		if criteria != nil {
			c := *criteria
			c.CreateTime = now
			if err := tx.InsertCriteria(ctx, &c); err != nil {
				return nil, "", err
			}
		}
		return &p, p.ID, tx.AppendEvents(ctx, s.event(who, "program.create", programName(p.ID), "", transition("", ProgramDraft)))
	})
}

// unspent refuses the id of a program that was destroyed. Roles and the audit
// log know programs by their ids, and so do links that people hold: a new
// program must not come into what was another's.
func unspent(ctx context.Context, tx Tx, id string) error {
	erased, err := tx.Erasures(ctx, time.Time{})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(erased, func(e Erasure) bool { return e.Program == id && e.Application == "" }) {
		return Errorf(AlreadyExists, "PROGRAM_ID_SPENT", "a program with this id was destroyed, and people may still hold roles in it and links to it; choose another id")
	}
	return nil
}

// startProgram checks what a caller gives for a new program and fills in the
// preset's part.
func (s *Service) startProgram(given *Program) (*Program, error) {
	p := &Program{
		ID: given.ID, State: ProgramDraft, Preset: given.Preset,
		Title: given.Title, Summary: given.Summary, Audience: given.Audience, Effort: given.Effort,
		Selected: given.Selected, Contact: given.Contact, Region: given.Region,
		CodePrefix: given.CodePrefix, MinSeats: given.MinSeats, Seats: given.Seats,
		Window: given.Window, PublicAgency: given.PublicAgency,
	}
	var bad []Violation
	if given.Preset != "" {
		preset := s.Presets[given.Preset]
		if preset == nil {
			known := sortedKeys(s.Presets)
			bad = append(bad, Violation{Field: "preset", Message: fmt.Sprintf("there is no preset %q%s", given.Preset, nearest.Hint(given.Preset, known))})
		} else {
			preset.fill(p)
		}
	}
	if !programShape.MatchString(p.ID) {
		bad = append(bad, Violation{Field: "id", Message: `a program's id is 3 to 63 of a-z, 0-9 and "-" and begins with a letter, for example "equity-in-leadership-2027"`})
	}
	if p.Seats > 0 && p.MinSeats == 0 {
		p.MinSeats = p.Seats
	}
	bad = append(bad, cleanProgram(p)...)
	if len(bad) > 0 {
		return nil, Invalid("PROGRAM_INVALID", "the program cannot be kept like this", bad...)
	}
	return p, nil
}

// fill gives p what it leaves empty.
func (preset *Preset) fill(p *Program) {
	from := preset.Program
	for _, t := range []struct {
		to   *Text
		from Text
	}{
		{&p.Title, from.Title},
		{&p.Summary, from.Summary},
		{&p.Audience, from.Audience},
		{&p.Effort, from.Effort},
		{&p.Selected, from.Selected},
		{&p.Contact, from.Contact},
		{&p.Region, from.Region},
	} {
		if len(*t.to) == 0 {
			*t.to = maps.Clone(t.from)
		}
	}
	if p.CodePrefix == "" {
		p.CodePrefix = from.CodePrefix
	}
	if p.Seats == 0 {
		p.Seats = from.Seats
		if p.MinSeats == 0 {
			p.MinSeats = from.MinSeats
		}
	}
	if p.Window.Zone == "" {
		p.Window.Zone = from.Window.Zone
	}
	if p.Window.GraceMinutes == 0 {
		p.Window.GraceMinutes = from.Window.GraceMinutes
	}
}

// start returns the criteria that a program begins with: the preset's first
// set, for the program's own number of seats.
func (preset *Preset) start(p *Program) *Criteria {
	if len(preset.CriteriaName) == 0 {
		return nil
	}
	c := preset.Criteria[preset.CriteriaName[0]]
	c.Program, c.Version, c.Size, c.MinSize = p.ID, 1, p.Seats, p.MinSeats
	return &c
}

// cleanProgram brings texts into the form that is kept and returns what is
// wrong. A draft may still lack anything; what is there has to be right.
func cleanProgram(p *Program) []Violation {
	var bad []Violation
	for _, t := range []struct {
		field string
		text  *Text
		most  int
	}{
		{"title", &p.Title, 200},
		{"summary", &p.Summary, 2000},
		{"audience", &p.Audience, 2000},
		{"effort", &p.Effort, 2000},
		{"selection_note", &p.Selected, 4000},
		{"contact", &p.Contact, 1000},
		{"region", &p.Region, 200},
	} {
		clean, problems := cleanLabels(t.field, *t.text, t.most, false)
		*t.text = clean
		bad = append(bad, problems...)
	}
	if p.CodePrefix != "" && !prefixShape.MatchString(p.CodePrefix) {
		bad = append(bad, Violation{Field: "code_prefix", Message: `1 to 6 capital letters, for example "NS"`})
	}
	if p.Seats < 0 || p.Seats > 1000 {
		bad = append(bad, Violation{Field: "seats", Message: "from 1 to 1000"})
	}
	if p.MinSeats < 0 || p.MinSeats > p.Seats {
		bad = append(bad, Violation{Field: "min_seats", Message: "from 1 to the number of seats"})
	}
	return append(bad, cleanWindow(&p.Window)...)
}

func cleanWindow(w *Window) []Violation {
	var bad []Violation
	w.Opens, w.Closes = instant(w.Opens), instant(w.Closes)
	if w.Zone != "" {
		// "Local" is a name that Go knows and that differs between machines.
		if _, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
			bad = append(bad, Violation{Field: "window.time_zone", Message: `an IANA name, for example "America/Los_Angeles"`})
		}
	}
	if !w.Opens.IsZero() && !w.Closes.IsZero() && !w.Opens.Before(w.Closes) {
		bad = append(bad, Violation{Field: "window.close_time", Message: "after the opening"})
	}
	if w.GraceMinutes < 0 || w.GraceMinutes > 120 {
		bad = append(bad, Violation{Field: "window.grace_minutes", Message: "from 0 to 120"})
	}
	return bad
}

// instant is a time as stores keep it; the zero time stays zero.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Program returns a program: staff see drafts, everybody sees what was opened.
// ApplicationCount is 0 for callers without ApplicationsRead. NotFound
// PROGRAM_NOT_FOUND also for a draft that the caller may not know of.
func (s *Service) Program(ctx context.Context, who access.Principal, id string) (*Program, error) {
	var p *Program
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		p, err = visibleProgram(ctx, tx, who, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return countsFor(who, p), nil
}

// visibleProgram reads a program that the caller may know of.
func visibleProgram(ctx context.Context, tx Tx, who access.Principal, id string) (*Program, error) {
	p, err := tx.Program(ctx, id)
	if err != nil {
		return nil, err
	}
	if p.OpenTime.IsZero() && !who.Can(access.ProgramsRead, id) {
		return nil, noProgram()
	}
	return p, nil
}

func noProgram() error {
	return Errorf(NotFound, "PROGRAM_NOT_FOUND", "there is no such program")
}

// countsFor hides how many applied from those who may not list applications.
func countsFor(who access.Principal, p *Program) *Program {
	if !who.Can(access.ApplicationsRead, p.ID) {
		p.ApplicationCount = 0
	}
	return p
}

// Programs lists the programs the caller's roles reach, by id.
func (s *Service) Programs(ctx context.Context, who access.Principal, q ListQuery) (*ListPage[*Program], error) {
	if !who.CanSomewhere(access.ProgramsRead) {
		if err := calls.Need(who, access.ProgramsRead, ""); err != nil {
			return nil, err
		}
	}
	return s.listPrograms(ctx, who, q, nil, func(p *Program) bool { return who.Can(access.ProgramsRead, p.ID) })
}

// OpenCalls lists what can be applied for now, or soon. Public.
func (s *Service) OpenCalls(ctx context.Context, q ListQuery) (*ListPage[*Program], error) {
	now := s.now()
	return s.listPrograms(ctx, access.Principal{}, q, []ProgramState{ProgramOpen}, func(p *Program) bool {
		return now.Before(p.Window.end())
	})
}

// listPrograms lists by id, up or down ("name" and "id" are the same order).
// The store goes up only, so the way down is through all that match.
func (s *Service) listPrograms(ctx context.Context, who access.Principal, q ListQuery, states []ProgramState, show func(*Program) bool) (*ListPage[*Program], error) {
	l, err := newList(q, programFields, programValue, "name", "id")
	if err != nil {
		return nil, err
	}
	var found []*Program
	err = s.Store.View(ctx, func(tx Tx) error {
		found = nil
		after := l.After
		if l.Descending {
			after = ""
		}
		for {
			batch, err := tx.Programs(ctx, states, after, scanBatch)
			if err != nil {
				return err
			}
			for _, p := range batch {
				after = p.ID
				if !show(p) || !l.Match(p) || l.Descending && l.After != "" && p.ID >= l.After {
					continue
				}
				if found = append(found, countsFor(who, p)); !l.Descending && len(found) > l.Size {
					return nil
				}
			}
			if len(batch) < scanBatch {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if l.Descending {
		slices.Reverse(found)
	}
	page := &ListPage[*Program]{Items: found}
	if len(found) > l.Size {
		page.Items = found[:l.Size]
		page.Next = l.Cursor("", found[l.Size-1].ID)
	}
	return page, nil
}

// programParts says for each field that UpdateProgram may change how to copy
// it, whether it is set, and whether it is part of the schedule, which is fixed
// once the call is open.
var programParts = []struct {
	name     string // snake_case
	schedule bool
	set      func(*Program) bool
	copy     func(to, from *Program)
}{
	{"title", false, func(p *Program) bool { return p.Title != nil }, func(to, from *Program) { to.Title = from.Title }},
	{"summary", false, func(p *Program) bool { return p.Summary != nil }, func(to, from *Program) { to.Summary = from.Summary }},
	{"audience", false, func(p *Program) bool { return p.Audience != nil }, func(to, from *Program) { to.Audience = from.Audience }},
	{"effort", false, func(p *Program) bool { return p.Effort != nil }, func(to, from *Program) { to.Effort = from.Effort }},
	{"selection_note", false, func(p *Program) bool { return p.Selected != nil }, func(to, from *Program) { to.Selected = from.Selected }},
	{"contact", false, func(p *Program) bool { return p.Contact != nil }, func(to, from *Program) { to.Contact = from.Contact }},
	{"region", false, func(p *Program) bool { return p.Region != nil }, func(to, from *Program) { to.Region = from.Region }},
	{"code_prefix", true, func(p *Program) bool { return p.CodePrefix != "" }, func(to, from *Program) { to.CodePrefix = from.CodePrefix }},
	{"min_seats", true, func(p *Program) bool { return p.MinSeats != 0 }, func(to, from *Program) { to.MinSeats = from.MinSeats }},
	{"seats", true, func(p *Program) bool { return p.Seats != 0 }, func(to, from *Program) { to.Seats = from.Seats }},
	{"window", true, func(p *Program) bool { return p.Window != Window{} }, func(to, from *Program) { to.Window = from.Window }},
	{"window.open_time", true, never, func(to, from *Program) { to.Window.Opens = from.Window.Opens }},
	{"window.close_time", true, never, func(to, from *Program) { to.Window.Closes = from.Window.Closes }},
	{"window.time_zone", true, never, func(to, from *Program) { to.Window.Zone = from.Window.Zone }},
	{"window.grace_minutes", true, never, func(to, from *Program) { to.Window.GraceMinutes = from.Window.GraceMinutes }},
	{"public_agency", true, func(p *Program) bool { return p.PublicAgency }, func(to, from *Program) { to.PublicAgency = from.PublicAgency }},
}

// never: a part of a field that is listed itself.
func never(*Program) bool { return false }

// UpdateProgram changes the fields named ("title", "summary", "audience",
// "effort", "selectionNote", "contact", "region", "codePrefix", "minSeats",
// "seats", "window" or a part of it, "publicAgency"; snake_case too) if
// p.Revision is the stored one, or unconditionally if it is 0. No fields means
// every one that is set in p. Once the call is open, only texts change; dates
// move by ExtendProgram.
func (s *Service) UpdateProgram(ctx context.Context, who access.Principal, p *Program, fields []string, idem Idempotency) (*Program, error) {
	if err := calls.Need(who, access.ProgramsWrite, p.ID); err != nil {
		return nil, err
	}
	chosen, err := programFieldsNamed(p, fields)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, p.ID, "UpdateProgram", idem, func(tx Tx) (*Program, string, error) {
		stored, err := tx.Program(ctx, p.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(p.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		var names []string
		for _, i := range chosen {
			part := programParts[i]
			action := changeTexts
			if part.schedule {
				action = changeSchedule
			}
			if _, err := stored.State.after(action); err != nil {
				return nil, "", err
			}
			part.copy(stored, p)
			names = append(names, part.name)
		}
		if bad := cleanProgram(stored); len(bad) > 0 {
			return nil, "", Invalid("PROGRAM_INVALID", "the program cannot be kept like this", bad...)
		}
		stored.UpdateTime = s.now()
		if err := tx.UpdateProgram(ctx, stored); err != nil {
			return nil, "", err
		}
		return countsFor(who, stored), stored.ID, tx.AppendEvents(ctx,
			s.event(who, "program.update", programName(p.ID), "", "fields="+strings.Join(names, ",")))
	})
}

func programFieldsNamed(p *Program, fields []string) ([]int, error) {
	var chosen []int
	if len(fields) == 0 {
		for i, part := range programParts {
			if part.set(p) {
				chosen = append(chosen, i)
			}
		}
		if len(chosen) == 0 {
			return nil, Invalid("UPDATE_MASK_EMPTY", "nothing to change was named", Violation{Field: "update_mask", Message: "name the fields to change"})
		}
		return chosen, nil
	}
	var names []string
	for _, part := range programParts {
		names = append(names, part.name)
	}
	var bad []Violation
	for _, f := range fields {
		i := slices.Index(names, snakeCase(f))
		if i < 0 {
			bad = append(bad, Violation{Field: "update_mask", Message: fmt.Sprintf("a program has no field %.60q that can be changed%s", f, nearest.Hint(snakeCase(f), names))})
			continue
		}
		chosen = append(chosen, i)
	}
	if len(bad) > 0 {
		return nil, Invalid("UPDATE_MASK_INVALID", "the fields to change are not all known", bad...)
	}
	return chosen, nil
}

// DeleteProgram deletes a draft that nobody applied to.
func (s *Service) DeleteProgram(ctx context.Context, who access.Principal, id string, revision int64, idem Idempotency) error {
	if err := calls.Need(who, access.ProgramsWrite, id); err != nil {
		return err
	}
	// The memory of the request must outlive the program: it belongs to none.
	_, err := once(ctx, s, who, "", "DeleteProgram", idem, func(tx Tx) (bool, string, error) {
		p, err := tx.Program(ctx, id)
		if err != nil {
			return false, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return false, "", err
		}
		if _, err := p.State.after(deleteProgram); err != nil {
			return false, "", err
		}
		if p.ApplicationCount > 0 {
			return false, "", Errorf(FailedPrecondition, "PROGRAM_HAS_APPLICATIONS", "people began applications: the program cannot be deleted")
		}
		if err := tx.DeleteProgram(ctx, id); err != nil {
			return false, "", err
		}
		return true, id, tx.AppendEvents(ctx, s.event(who, "program.delete", programName(id), "", ""))
	})
	return err
}

// OpenProgram opens the call: the form is published, the newest criteria are
// registered if they are not yet, and neither can be changed unseen from then
// on. Fails with every missing part named.
func (s *Service) OpenProgram(ctx context.Context, who access.Principal, id string, revision int64, idem Idempotency) (*Program, error) {
	if err := calls.Need(who, access.ProgramsOpen, id); err != nil {
		return nil, err
	}
	return once(ctx, s, who, id, "OpenProgram", idem, func(tx Tx) (*Program, string, error) {
		p, err := tx.Program(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, p.Revision); err != nil {
			return nil, "", err
		}
		next, err := p.State.after(openProgram)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		if p.Window.Opens.IsZero() {
			p.Window.Opens = now
		}
		missing := missingToOpen(p, now)
		versions, err := tx.CriteriaVersions(ctx, id)
		if err != nil {
			return nil, "", err
		}
		if len(versions) == 0 {
			missing = append(missing, Violation{Field: "criteria", Message: "save criteria first: they are registered when the call opens"})
		}
		if len(missing) > 0 {
			return nil, "", &Error{Code: FailedPrecondition, Reason: "PROGRAM_INCOMPLETE", Message: "the call cannot open yet", Violations: missing}
		}
		form, err := tx.Form(ctx, id, p.FormVersion)
		if err != nil {
			return nil, "", err
		}
		if newest := versions[len(versions)-1]; !newest.Registered {
			if err := s.register(ctx, tx, who, p, form, newest, "", ""); err != nil {
				return nil, "", err
			}
		}
		if err := usedQuestions(form, versions); err != nil {
			return nil, "", err
		}
		from := p.State
		p.State, p.OpenTime, p.UpdateTime = next, now, now
		if err := tx.UpdateProgram(ctx, p); err != nil {
			return nil, "", err
		}
		return countsFor(who, p), id, tx.AppendEvents(ctx, s.event(who, "program.open", programName(id), "", transition(from, next)))
	})
}

func missingToOpen(p *Program, now time.Time) []Violation {
	var missing []Violation
	want := func(ok bool, field, message string) {
		if !ok {
			missing = append(missing, Violation{Field: field, Message: message})
		}
	}
	want(p.Title["en"] != "", "title.en", "the title is missing")
	want(p.Contact["en"] != "", "contact.en", "say whom to ask")
	want(p.CodePrefix != "", "code_prefix", `the letters that applicants' codes begin with are missing, for example "NS"`)
	want(p.Seats > 0, "seats", "the number of seats is missing")
	want(p.MinSeats > 0, "min_seats", "the smallest cohort is missing")
	want(p.Window.Zone != "", "window.time_zone", `the time zone is missing, for example "America/Los_Angeles"`)
	want(!p.Window.Closes.IsZero(), "window.close_time", "the closing time is missing")
	want(p.Window.Closes.IsZero() || now.Before(p.Window.Closes), "window.close_time", "the closing time has passed")
	want(p.Window.Closes.IsZero() || p.Window.Opens.Before(p.Window.Closes), "window.open_time", "before the closing time")
	want(p.FormVersion > 0, "form", "the form is missing")
	return missing
}
