package applications_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
)

const canary = "kanarienvogel"

// Somebody who wrote the canary everywhere goes through everything that can
// happen to an application. Neither the log at debug level, nor the audit log,
// nor any error repeats it.
func TestNothingOfAPersonLeaks(t *testing.T) {
	w := newWorld(t)
	w.draft()
	w.allowRace("")
	if _, err := w.SaveCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balanced"}, once); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OpenProgram(w.ctx, w.admin, "leaders", 0, once); err != nil {
		t.Fatal(explained(err))
	}
	var failures []error
	note := func(err error) {
		if err != nil {
			failures = append(failures, err)
		}
	}
	person := func() *applications.Application {
		a := complete(canary)
		a.Contact = applications.Contact{Name: canary, Goes: canary, Email: canary + "@example.org", Phone: "360-555-0100"}
		a.Answers["organization"] = applications.Answer{Text: canary}
		a.Answers["sector"] = applications.Answer{Values: []string{"other"}, WriteIns: map[string]string{"other": canary}}
		a.Answers["needs"] = applications.Answer{Text: canary}
		a.Answers["race"] = applications.Answer{Values: []string{"asian"}}
		a.Consents = append(a.Consents, applications.Consent{Key: "health"})
		return a
	}
	made, err := w.CreateApplication(w.ctx, access.Principal{}, person(), false, idem(1, canary))
	if err != nil {
		t.Fatal(explained(err))
	}
	who, id := w.as(made), made.Application.ID
	for range 7 {
		w.apply(func(a *applications.Application) { *a = *person() })
	}
	// Errors of every kind, with the canary in what caused them.
	bad := person()
	bad.Contact = applications.Contact{Name: canary + "\x00", Goes: strings.Repeat(canary, 50), Email: canary, Phone: canary}
	bad.Language = canary
	bad.Answers = applications.Answers{"I am " + canary: {Text: canary}, "race": {Values: []string{canary}}, "role": {WriteIns: map[string]string{canary: canary}}}
	bad.Consents = []applications.Consent{{Key: canary + " " + canary}}
	bad.OnBehalf = &applications.OnBehalf{Reason: strings.Repeat(canary, 50), ConsentNote: "\xff" + canary}
	_, err = w.CreateApplication(w.ctx, w.facilitator, bad, true, once)
	note(err)
	_, err = w.CreateApplication(w.ctx, access.Principal{}, person(), false, idem(1, canary+" changed"))
	note(err)
	_, err = w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Answers: applications.Answers{"nation": {Values: []string{canary}}}}, nil, once)
	note(err)
	_, err = w.Resume(w.ctx, "leaders", canary)
	note(err)
	_, err = w.Authenticate(w.ctx, "fla_"+canary)
	note(err)
	_, err = w.UseSignInLink(w.ctx, canary)
	note(err)
	_, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: "contact.name = " + canary}, false, "")
	note(err)
	_, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: canary}, true, "look")
	note(err)
	_, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: "answers.race:" + canary}, true, "look")
	note(err)
	_, err = w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{OrderBy: canary, Cursor: canary}, false, "")
	note(err)
	report, err := w.importing("contact.name,answers.role,answers.staff,answers.county\n"+canary+","+canary+","+canary+","+canary+"\n", nil, false)
	note(err)
	if report.ErrorCount == 0 || strings.Contains(fmt.Sprint(report.Errors), canary) {
		t.Errorf("the report of the import: %+v", report)
	}

	for _, step := range []func() error{
		func() error {
			_, err := w.UpdateApplication(w.ctx, who, &applications.Application{Program: "leaders", ID: id, Contact: applications.Contact{Name: canary}}, nil, once)
			return err
		},
		func() error { _, err := w.SubmitApplication(w.ctx, who, "leaders", id, 0, once); return err },
		func() error { _, err := w.Resume(w.ctx, "leaders", made.ReturnCode); return err },
		func() error {
			_, err := w.Applications(w.ctx, w.facilitator, "leaders", applications.ListQuery{Filter: "contact.name:" + canary}, true, "find a caller")
			return err
		},
		func() error {
			_, err := w.Application(w.ctx, w.facilitator, "leaders", id, true, "accommodation")
			return err
		},
		func() error {
			return w.ExportApplications(w.ctx, w.facilitator, "leaders", true, "to the evaluator", io.Discard)
		},
		func() error {
			_, err := w.CheckCriteria(w.ctx, w.facilitator, &applications.Criteria{Program: "leaders", Name: "balanced"})
			return err
		},
		func() error {
			_, err := w.NewReturnCode(w.ctx, w.facilitator, "leaders", id, "lost", once)
			return err
		},
		func() error { w.close(); return nil },
		func() error { w.selection(nil); return nil },
		func() error { w.finish(applications.NewRunner(w.Service, "one")); return nil },
		func() error {
			_, err := w.WithdrawApplication(w.ctx, who, "leaders", id, "because "+canary, 0, once)
			return err
		},
	} {
		if err := step(); err != nil {
			t.Fatal(explained(err))
		}
	}
	if len(failures) < 10 {
		t.Errorf("only %d of the calls failed", len(failures))
	}
	for _, err := range failures {
		if strings.Contains(explained(err), canary) {
			t.Errorf("an error repeats what a person wrote: %s", explained(err))
		}
		var ours *applications.Error
		if !errors.As(err, &ours) || ours.Code == applications.Internal {
			t.Errorf("not an error for a caller: %v", err)
		}
	}
	actions := map[string]bool{}
	for _, e := range w.events(0) {
		actions[e.Action] = true
		if strings.Contains(fmt.Sprint(e), canary) {
			t.Errorf("the audit log repeats what a person wrote: %+v", e)
		}
		for _, secret := range []string{made.Token, made.ReturnCode, "asian", "example.org"} {
			if strings.Contains(fmt.Sprint(e), secret) {
				t.Errorf("the audit log holds %q: %+v", secret, e)
			}
		}
	}
	for _, a := range []string{"application.create", "application.update", "application.submit", "application.pool", "application.withdraw", "application.resume", "application.new_code", "identity.read", "identity.export", "identity.count", "selection.create", "selection.start", "selection.end"} {
		if !actions[a] {
			t.Errorf("nothing recorded as %s", a)
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Errorf("the log repeats what a person wrote:\n%s", w.log)
	}
}
