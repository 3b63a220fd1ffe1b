package applications_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

var once = applications.Idempotency{}

func TestProgramFromPreset(t *testing.T) {
	w := newWorld(t)
	p := w.draft()
	if p.State != applications.ProgramDraft || p.CodePrefix != "NS" || p.Seats != 4 || p.MinSeats != 3 || p.FormVersion != 1 ||
		p.Window.Zone != "America/Los_Angeles" || p.Window.GraceMinutes != 10 || p.Title.In("en") != "Tiny program" {
		t.Errorf("the preset's part is not there: %+v", p)
	}
	c, err := w.Criteria(w.ctx, w.facilitator, "leaders", 0)
	if err != nil || c.Name != "neutral" || c.Version != 1 || c.Registered || c.Size != 4 {
		t.Errorf("a program begins with neutral: %+v %v", c, err)
	}
	f, err := w.Form(w.ctx, w.admin, "leaders", 0)
	if err != nil || f.Version != 1 || len(f.Attributes) != 12 || !strings.HasPrefix(f.Digest, "sha256:") {
		t.Errorf("the form: %v", err)
	}
	_, err = w.CreateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders"}, nil, once)
	want(t, "an id twice", err, "PROGRAM_EXISTS")

	// What the program gives beats the preset.
	p, err = w.CreateProgram(w.ctx, w.admin, &applications.Program{ID: "more", Preset: "tiny", Seats: 9, Title: applications.Text{"en": "More"}}, nil, once)
	if err != nil || p.Seats != 9 || p.MinSeats != 9 || p.Title.In("es") != "More" {
		t.Errorf("%+v %v", p, err)
	}
	if c, err := w.Criteria(w.ctx, w.facilitator, "more", 0); err != nil || c.Size != 9 || c.MinSize != 9 {
		t.Errorf("criteria for 9 seats: %+v %v", c, err)
	}
}

func TestProgramProblemsAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateProgram(w.ctx, w.admin, &applications.Program{
		ID: "No!", Preset: "tiney", CodePrefix: "ns", Seats: 2, MinSeats: 3, Title: applications.Text{"english": "x"},
		Window: applications.Window{Opens: noon, Closes: noon, Zone: "Local", GraceMinutes: 121},
	}, nil, once)
	want(t, "everything wrong", err, "PROGRAM_INVALID")
	fields := violations(err)
	for _, f := range []string{"id", "preset", "code_prefix", "min_seats", "title", "window.time_zone", "window.close_time", "window.grace_minutes"} {
		if !slices.Contains(fields, f) {
			t.Errorf("%s is not named; named are %v", f, fields)
		}
	}
	if !strings.Contains(explained(err), `did you mean "tiny"`) {
		t.Errorf("no suggestion: %s", explained(err))
	}
	if _, err := w.Program(w.ctx, w.admin, "No!"); applications.CodeOf(err) != applications.NotFound {
		t.Errorf("something was written: %v", err)
	}
}

func TestOpeningNamesWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	if _, err := w.CreateProgram(w.ctx, w.admin, &applications.Program{ID: "bare"}, nil, once); err != nil {
		t.Fatal(err)
	}
	_, err := w.OpenProgram(w.ctx, w.admin, "bare", 0, once)
	want(t, "a bare program", err, "PROGRAM_INCOMPLETE")
	got := violations(err)
	for _, f := range []string{"title.en", "contact.en", "code_prefix", "seats", "min_seats", "window.time_zone", "window.close_time", "form", "criteria"} {
		if !slices.Contains(got, f) {
			t.Errorf("%s is not named; named are %v", f, got)
		}
	}
	if p, err := w.Program(w.ctx, w.admin, "bare"); err != nil || p.State != applications.ProgramDraft || p.Revision != 1 {
		t.Errorf("the refused opening changed something: %+v %v", p, err)
	}
}

// A question that nothing uses cannot be published.
func TestUnusedQuestionRefused(t *testing.T) {
	w := newWorld(t)
	form := applications.FormForTests()
	form.Attributes[2].Purposes = []applications.Purpose{applications.ForBalance} // sector
	c := neutral()
	c.Rules = slices.Delete(c.Rules, 1, 2) // the only rule on sector
	w.Presets["tiny"].Criteria["neutral"] = c
	p := &applications.Program{ID: "leaders", Preset: "tiny", Window: applications.Window{Closes: noon.AddDate(0, 0, 7)}}
	if _, err := w.CreateProgram(w.ctx, w.admin, p, form, once); err != nil {
		t.Fatal(explained(err))
	}
	_, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once)
	want(t, "a question without a use", err, "QUESTION_UNUSED")
	if got := violations(err); !slices.Equal(got, []string{"form.attributes.sector"}) {
		t.Errorf("named: %v", got)
	}
	if c, err := w.Criteria(w.ctx, w.admin, "leaders", 1); err != nil || c.Registered {
		t.Errorf("the refused opening registered the criteria: %v", err)
	}
}

func TestProgramLifeThroughTheService(t *testing.T) {
	w := newWorld(t)
	w.draft()
	if _, err := w.Program(w.ctx, access.Principal{}, "leaders"); applications.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
		t.Errorf("the public sees a draft: %v", err)
	}
	if _, err := w.Form(w.ctx, access.Principal{}, "leaders", 0); applications.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
		t.Errorf("the public sees a draft's form: %v", err)
	}
	calls, err := w.OpenCalls(w.ctx, applications.ListQuery{})
	if err != nil || len(calls.Items) != 0 {
		t.Errorf("a draft is listed: %v", err)
	}
	p, err := w.OpenProgram(w.ctx, w.admin, "leaders", 1, once)
	if err != nil || p.State != applications.ProgramOpen || p.CriteriaVersion != 1 || !p.OpenTime.Equal(noon) {
		t.Fatalf("opened: %+v %v", p, err)
	}
	c, err := w.Criteria(w.ctx, access.Principal{}, "leaders", 0)
	if err != nil || !c.Registered || c.RegisteredBy != w.admin.Subject || !strings.HasPrefix(c.Digest, "sha256:") {
		t.Errorf("registered criteria are public: %+v %v", c, err)
	}
	calls, err = w.OpenCalls(w.ctx, applications.ListQuery{})
	if err != nil || len(calls.Items) != 1 {
		t.Errorf("an open call is not listed: %v", err)
	}
	_, err = w.OpenProgram(w.ctx, w.admin, "leaders", 0, once)
	want(t, "open twice", err, "PROGRAM_STATE")
	want(t, "delete an open program", w.DeleteProgram(w.ctx, w.admin, "leaders", 0, once), "PROGRAM_STATE")
	_, err = w.UpdateForm(w.ctx, w.admin, &applications.Form{Program: "leaders"}, once)
	if applications.CodeOf(err) == applications.Internal {
		t.Errorf("an empty form: %v", err)
	}
	form := applications.FormForTests()
	form.Program = "leaders"
	_, err = w.UpdateForm(w.ctx, w.admin, form, once)
	want(t, "change the form of an open call", err, "PROGRAM_STATE")
	_, err = w.UpdateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Seats: 9}, []string{"seats"}, once)
	want(t, "change the seats of an open call", err, "PROGRAM_STATE")
	p, err = w.UpdateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Title: applications.Text{"en": "New"}}, []string{"title"}, once)
	if err != nil || p.Title["en"] != "New" || p.Seats != 4 {
		t.Errorf("change a text of an open call: %+v %v", p, err)
	}
	p = w.close()
	if p.State != applications.ProgramClosed || !p.Window.Closes.Equal(noon) {
		t.Errorf("closed now: %+v", p)
	}
	if calls, err := w.OpenCalls(w.ctx, applications.ListQuery{}); err != nil || len(calls.Items) != 0 {
		t.Errorf("a closed call is listed: %v", err)
	}
	if _, err := w.Program(w.ctx, access.Principal{}, "leaders"); err != nil {
		t.Errorf("the page of a closed call is gone: %v", err)
	}
	var log []string
	for _, e := range w.events(0) {
		log = append(log, e.Action+" "+e.Detail)
	}
	wantLog := []string{"program.create >DRAFT", "criteria.register " + c.Digest, "program.open DRAFT>OPEN", "program.update fields=title", "program.close OPEN>CLOSED"}
	if !slices.Equal(log, wantLog) {
		t.Errorf("the log:\n%s\nwant\n%s", strings.Join(log, "\n"), strings.Join(wantLog, "\n"))
	}
}

func TestDeleteProgram(t *testing.T) {
	w := newWorld(t)
	w.draft()
	want(t, "somebody else's revision", w.DeleteProgram(w.ctx, w.admin, "leaders", 7, once), "STALE_REVISION")
	id := idem(1, "delete")
	want(t, "delete", w.DeleteProgram(w.ctx, w.admin, "leaders", 1, id), "")
	want(t, "delete, retried", w.DeleteProgram(w.ctx, w.admin, "leaders", 1, id), "")
	want(t, "delete what is not there", w.DeleteProgram(w.ctx, w.admin, "leaders", 0, once), "PROGRAM_NOT_FOUND")
}

func TestUpdateProgramFields(t *testing.T) {
	w := newWorld(t)
	w.draft()
	for _, c := range []struct {
		fields []string
		reason string
		hint   string
	}{
		{[]string{"titel"}, "UPDATE_MASK_INVALID", `did you mean "title"`},
		{[]string{"state"}, "UPDATE_MASK_INVALID", "no field"},
		{nil, "UPDATE_MASK_EMPTY", ""},
		{[]string{"seats", "minSeats", "window.closeTime", "selection_note"}, "", ""},
	} {
		p := &applications.Program{ID: "leaders"}
		if len(c.fields) > 1 {
			p.Seats, p.MinSeats, p.Window.Closes = 6, 5, noon.AddDate(0, 1, 0)
		}
		got, err := w.UpdateProgram(w.ctx, w.admin, p, c.fields, once)
		want(t, fmt.Sprint(c.fields), err, c.reason)
		if c.hint != "" && !strings.Contains(explained(err), c.hint) {
			t.Errorf("%v: %s, want %s", c.fields, explained(err), c.hint)
		}
		if c.reason == "" && (got.Seats != 6 || got.MinSeats != 5 || !got.Window.Closes.Equal(noon.AddDate(0, 1, 0)) || got.Window.Zone == "") {
			t.Errorf("%v: %+v", c.fields, got)
		}
	}
	_, err := w.UpdateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Seats: 2}, []string{"seats"}, once)
	want(t, "fewer seats than the smallest cohort", err, "PROGRAM_INVALID")
	_, err = w.UpdateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Revision: 1, Seats: 9}, []string{"seats"}, once)
	want(t, "an old etag", err, "STALE_REVISION")
}

func TestUpdateForm(t *testing.T) {
	w := newWorld(t)
	w.draft()
	form := applications.FormForTests()
	form.Program = "leaders"
	form.Attributes[3].Label = applications.Text{"en": "People"}
	f, err := w.UpdateForm(w.ctx, w.admin, form, idem(1, "a"))
	if err != nil || f.Version != 2 {
		t.Fatalf("%+v %v", f, err)
	}
	again, err := w.UpdateForm(w.ctx, w.admin, form, idem(1, "a"))
	if err != nil || again.Version != 2 || again.Digest != f.Digest {
		t.Errorf("retried: %+v %v", again, err)
	}
	old, err := w.Form(w.ctx, w.admin, "leaders", 1)
	if err != nil || old.Attribute("staff").Label["en"] != "Staff" {
		t.Errorf("the old version changed: %v", err)
	}
	form.Attributes = slices.Delete(form.Attributes, 4, 5) // county, which the criteria name
	form.Pages = slices.Delete(form.Pages, 3, 4)
	_, err = w.UpdateForm(w.ctx, w.admin, form, once)
	want(t, "a form without what the criteria name", err, "FORM_BREAKS_CRITERIA")
	form.Attributes[0].Key = "!"
	_, err = w.UpdateForm(w.ctx, w.admin, form, once)
	want(t, "a broken form", err, "FORM_INVALID")
}

func TestProgramLists(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		p := &applications.Program{ID: fmt.Sprintf("program-%d", i), Title: applications.Text{"en": fmt.Sprintf("Call %d", i%2)}, Seats: i + 1}
		if _, err := w.CreateProgram(w.ctx, w.admin, p, nil, once); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		order, filter string
		want          string
	}{
		{"", "", "0123456"},
		{"id", "", "0123456"},
		{"name desc", "", "6543210"},
		{"", `title:"call 1"`, "135"},
		{"id desc", "seats > 3 AND title:1", "53"},
		{"", "state = OPEN", ""},
	} {
		for _, size := range []int{1, 2, 3, 100} {
			var got strings.Builder
			q := applications.ListQuery{Filter: c.filter, OrderBy: c.order, PageSize: size}
			for pages := 0; ; pages++ {
				page, err := w.Programs(w.ctx, w.admin, q)
				if err != nil {
					t.Fatal(err)
				}
				if len(page.Items) > size || pages > 8 {
					t.Fatalf("a page of %d, page %d", len(page.Items), pages)
				}
				for _, p := range page.Items {
					got.WriteString(strings.TrimPrefix(p.ID, "program-"))
				}
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if got.String() != c.want {
				t.Errorf("order %q, filter %q, size %d: %s, want %s", c.order, c.filter, size, got.String(), c.want)
			}
		}
	}
	for _, q := range []applications.ListQuery{{Filter: "stat = OPEN"}, {OrderBy: "seats"}, {OrderBy: "id up"}, {PageSize: -1}, {Cursor: "!"}} {
		if _, err := w.Programs(w.ctx, w.admin, q); applications.CodeOf(err) != applications.InvalidArgument {
			t.Errorf("%+v: %v", q, err)
		}
	}
	// A role for one program reaches that one.
	one := access.Principal{Subject: "users/x", Grants: []access.Grant{{Role: access.Reviewer, Program: "program-3"}}}
	page, err := w.Programs(w.ctx, one, applications.ListQuery{})
	if err != nil || len(page.Items) != 1 || page.Items[0].ID != "program-3" {
		t.Errorf("a reviewer of one program: %v %v", page, err)
	}
}

// W1: the window is instants; the zone is only for show. The rows are nights
// on which clocks in Washington jump, and the instants around each end.
func TestWindow(t *testing.T) {
	coast, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		opens, closes time.Time
		grace         int
	}{
		{"an ordinary week", time.Date(2027, 5, 3, 9, 0, 0, 0, coast), time.Date(2027, 5, 10, 17, 0, 0, 0, coast), 30},
		{"spring forward inside", time.Date(2027, 3, 13, 23, 0, 0, 0, coast), time.Date(2027, 3, 14, 3, 30, 0, 0, coast), 0},
		{"closes in the hour that does not exist", time.Date(2027, 3, 13, 9, 0, 0, 0, coast), time.Date(2027, 3, 14, 2, 30, 0, 0, coast), 15},
		{"fall back inside", time.Date(2027, 11, 6, 23, 0, 0, 0, coast), time.Date(2027, 11, 7, 4, 0, 0, 0, coast), 0},
		{"closes in the first of two equal hours", time.Date(2027, 11, 6, 9, 0, 0, 0, coast), time.Date(2027, 11, 7, 8, 30, 0, 0, time.UTC), 60},
		{"closes in the second of two equal hours", time.Date(2027, 11, 6, 9, 0, 0, 0, coast), time.Date(2027, 11, 7, 9, 30, 0, 0, time.UTC), 0},
		{"no grace", time.Date(2027, 12, 31, 23, 59, 59, 999999000, coast), time.Date(2028, 1, 1, 0, 0, 0, 0, coast), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := applications.Program{State: applications.ProgramOpen, Window: applications.Window{Opens: c.opens, Closes: c.closes, Zone: "America/Los_Angeles", GraceMinutes: c.grace}}
			end := c.closes.Add(time.Duration(c.grace) * time.Minute)
			tick := time.Microsecond
			for _, at := range []struct {
				t    time.Time
				want bool
			}{
				{c.opens.Add(-tick), false},
				{c.opens, true},
				{c.closes.Add(-tick), true},
				{c.closes, c.grace > 0},
				{end.Add(-tick), true},
				{end, false},
				{end.Add(tick), false},
			} {
				for _, zone := range []*time.Location{time.UTC, coast, time.FixedZone("", 14*3600)} {
					if got := p.Accepting(at.t.In(zone)); got != at.want {
						t.Errorf("at %s: %v, want %v", at.t.In(zone), got, at.want)
					}
				}
				for _, state := range []applications.ProgramState{applications.ProgramDraft, applications.ProgramClosed, applications.ProgramSelecting} {
					p := p
					p.State = state
					if p.Accepting(at.t) {
						t.Errorf("%s takes applications", state)
					}
				}
			}
		})
	}
}

// The same through the service: the last microsecond is in, the next is out.
func TestDeadline(t *testing.T) {
	w := newWorld(t)
	p := w.open()
	end := p.Window.Closes.Add(10 * time.Minute)
	w.clock.set(end.Add(-time.Microsecond))
	made := w.apply(nil)
	w.clock.set(end)
	_, err := w.CreateApplication(w.ctx, access.Principal{}, complete("Late"), true, once)
	want(t, "after the end", err, "CALL_CLOSED")
	if !strings.Contains(err.Error(), "March 8, 2027 at 12:00 PM PST") {
		t.Errorf("the message shows no local time: %v", err)
	}
	_, err = w.UpdateApplication(w.ctx, w.as(made), &applications.Application{Program: "leaders", ID: made.Application.ID, Language: "es"}, nil, once)
	want(t, "change after the end", err, "CALL_CLOSED")
}

func TestNotOpenYet(t *testing.T) {
	w := newWorld(t)
	_, err := w.CreateApplication(w.ctx, access.Principal{}, complete("Early"), true, once)
	want(t, "no program", err, "PROGRAM_NOT_FOUND")
	w.draft()
	_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("Early"), true, once)
	want(t, "a draft is not there for the public", err, "PROGRAM_NOT_FOUND")
	if _, err := w.UpdateProgram(w.ctx, w.admin, &applications.Program{ID: "leaders", Window: applications.Window{Opens: noon.Add(time.Hour)}}, []string{"window.open_time"}, once); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(err)
	}
	_, err = w.CreateApplication(w.ctx, access.Principal{}, complete("Early"), true, once)
	want(t, "before the opening", err, "CALL_NOT_OPEN")
	calls, err := w.OpenCalls(w.ctx, applications.ListQuery{})
	if err != nil || len(calls.Items) != 1 {
		t.Errorf("a call that opens soon is not listed: %v", err)
	}
	w.clock.advance(time.Hour)
	w.apply(nil)
}

// Every method refuses whoever lacks the permission, and the public by asking
// for a token.
func TestStaffMethodsNeedTheirPermission(t *testing.T) {
	w := newWorld(t)
	w.open()
	made := w.apply(nil)
	id := made.Application.ID
	applicant := w.as(made)
	calls := map[string]struct {
		allowed []access.Principal
		call    func(context.Context, access.Principal) error
	}{
		"CreateProgram": {[]access.Principal{w.admin, w.manager}, func(ctx context.Context, who access.Principal) error {
			_, err := w.CreateProgram(ctx, who, &applications.Program{ID: "p" + strings.ReplaceAll(strings.ReplaceAll(who.Subject, "/", "-"), "_", "-")}, nil, once)
			return err
		}},
		"Programs": {[]access.Principal{w.admin, w.manager, w.facilitator, w.approver, w.service}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Programs(ctx, who, applications.ListQuery{})
			return err
		}},
		"UpdateProgram": {[]access.Principal{w.admin, w.manager}, func(ctx context.Context, who access.Principal) error {
			_, err := w.UpdateProgram(ctx, who, &applications.Program{ID: "leaders", Region: applications.Text{"en": "x"}}, nil, once)
			return err
		}},
		"ExtendProgram": {[]access.Principal{w.admin, w.manager}, func(ctx context.Context, who access.Principal) error {
			w.clock.advance(time.Second)
			_, err := w.ExtendProgram(ctx, who, "leaders", w.clock.now().AddDate(0, 1, 0), "storm", 0, once)
			return err
		}},
		"SaveCriteria": {[]access.Principal{w.manager, w.facilitator}, func(ctx context.Context, who access.Principal) error {
			_, err := w.SaveCriteria(ctx, who, &applications.Criteria{Program: "leaders", Name: "neutral"}, once)
			return err
		}},
		"CheckCriteria": {[]access.Principal{w.manager, w.facilitator}, func(ctx context.Context, who access.Principal) error {
			_, err := w.CheckCriteria(ctx, who, &applications.Criteria{Program: "leaders", Size: 1, Rules: []applications.CriteriaRule{rule("spread", "sector", func(r *applications.CriteriaRule) { r.Min = ptr(1) })}})
			return err
		}},
		"CreatePolicy": {[]access.Principal{w.approver}, func(ctx context.Context, who access.Principal) error {
			_, err := w.CreatePolicy(ctx, who, &applications.Policy{Program: "leaders", Attributes: []string{"race"}, Approver: "Board", Reason: "intent", ExpireTime: noon.AddDate(1, 0, 0)}, once)
			return err
		}},
		"Policies": {[]access.Principal{w.admin, w.manager, w.facilitator, w.approver, w.service}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Policies(ctx, who, "leaders")
			return err
		}},
		"Applications": {[]access.Principal{w.manager, w.facilitator, w.service}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Applications(ctx, who, "leaders", applications.ListQuery{}, false, "")
			return err
		}},
		"Applications with identity": {[]access.Principal{w.facilitator}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Applications(ctx, who, "leaders", applications.ListQuery{}, true, "review")
			return err
		}},
		"NewReturnCode": {[]access.Principal{w.facilitator}, func(ctx context.Context, who access.Principal) error {
			other := w.apply(nil)
			_, err := w.NewReturnCode(ctx, who, "leaders", other.Application.ID, "lost", once)
			return err
		}},
		"ExtendApplication": {[]access.Principal{w.manager, w.facilitator, w.service}, func(ctx context.Context, who access.Principal) error {
			_, err := w.ExtendApplication(ctx, who, "leaders", id, w.clock.now().AddDate(1, 0, 0), "ill", 0, once)
			return err
		}},
		"ImportApplications": {[]access.Principal{w.manager, w.facilitator, w.service}, func(ctx context.Context, who access.Principal) error {
			_, err := w.ImportApplications(ctx, who, "leaders", strings.NewReader("contact.name\nA\n"), nil, true, "", once)
			return err
		}},
		"ExportApplications": {[]access.Principal{w.facilitator}, func(ctx context.Context, who access.Principal) error {
			return w.ExportApplications(ctx, who, "leaders", false, "", &strings.Builder{})
		}},
		"Selections": {[]access.Principal{w.manager, w.facilitator}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Selections(ctx, who, "leaders", applications.ListQuery{})
			return err
		}},
		"Tokens": {[]access.Principal{w.admin}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Tokens(ctx, who)
			return err
		}},
		"IssueToken": {[]access.Principal{w.admin}, func(ctx context.Context, who access.Principal) error {
			_, err := w.IssueToken(ctx, who, &applications.Token{Grants: []access.Grant{{Role: access.Auditor}}}, once)
			return err
		}},
		"Users": {[]access.Principal{w.admin}, func(ctx context.Context, who access.Principal) error {
			_, err := w.Users(ctx, who)
			return err
		}},
		"CreateUser": {[]access.Principal{w.admin}, func(ctx context.Context, who access.Principal) error {
			_, err := w.CreateUser(ctx, who, &applications.User{Name: "x"}, once)
			return err
		}},
		"Events": {[]access.Principal{w.auditor}, func(ctx context.Context, who access.Principal) error {
			_, _, err := w.Events(ctx, who, 0, 10)
			return err
		}},
	}
	elsewhere := access.Principal{Subject: "users/elsewhere"}
	for _, r := range access.Roles {
		if access.Grantable(r) {
			elsewhere.Grants = append(elsewhere.Grants, access.Grant{Role: r, Program: "another-program"})
		}
	}
	for name, c := range calls {
		for _, who := range []access.Principal{w.admin, w.manager, w.facilitator, w.approver, w.auditor, w.service, applicant, elsewhere, {}} {
			if (name == "Programs" || name == "Events") && who.Subject == elsewhere.Subject {
				continue // lists what another-program's roles reach: nothing
			}
			err := c.call(w.ctx, who)
			allowed := slices.ContainsFunc(c.allowed, func(p access.Principal) bool { return p.Subject == who.Subject })
			code := applications.CodeOf(err)
			switch {
			case allowed && err != nil:
				t.Errorf("%s by %s: %s", name, who.Subject, explained(err))
			case !allowed && who.Subject == "" && code != applications.Unauthenticated:
				t.Errorf("%s by the public: %v", name, err)
			case !allowed && who.Subject != "" && code != applications.PermissionDenied:
				t.Errorf("%s by %s: %v", name, who.Subject, err)
			}
		}
	}
}
