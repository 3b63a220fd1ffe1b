package server

import (
	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
)

var applicationStates = enumNames{"Application.State", "", v1.Application_State_value, v1.Application_State_name}

func applicationToWire(a *applications.Application) *v1.Application {
	w := &v1.Application{
		Name: applicationName(a.Program, a.ID), Code: a.Code,
		State:   v1.Application_State(applicationStates.number(string(a.State))),
		Form:    formName(a.Program, a.Form),
		Answers: answersToWire(a.Answers), Language: a.Language,
		Consents: convert(a.Consents, func(c applications.Consent) *v1.Consent {
			return &v1.Consent{Key: c.Key, Form: formName(a.Program, c.FormVersion), Language: c.Language, AgreeTime: stamp(c.Time)}
		}),
		IneligibleReasons: a.IneligibleReasons, WithdrawReason: a.WithdrawReason,
		ExtendedCloseTime: stamp(a.ExtendedUntil), Etag: etag(a.Revision),
		CreateTime: stamp(a.CreateTime), UpdateTime: stamp(a.UpdateTime), SubmitTime: stamp(a.SubmitTime),
		Fingerprint: a.Print,
	}
	if a.Offer != "" {
		w.Offer = offerName(a.Program, a.Offer)
	}
	if c := a.Contact; c != (applications.Contact{}) {
		w.Contact = &v1.Contact{Name: c.Name, PreferredName: c.Goes, Email: c.Email, Phone: c.Phone}
	}
	if o := a.OnBehalf; o != nil {
		w.OnBehalf = &v1.OnBehalf{RecordedBy: o.By, Reason: o.Reason, ConsentNote: o.ConsentNote}
	}
	return w
}

// applicationFromWire takes what callers may set. Who entered it and when
// something was agreed to is for the service to say.
func applicationFromWire(program string, w *v1.Application) (*applications.Application, error) {
	if w.GetPerson() != "" {
		return nil, notKept("application.person", "people across programs do not exist yet; leave it out")
	}
	a := &applications.Application{Program: program, Answers: answersFromWire(w.GetAnswers()), Language: w.GetLanguage()}
	if w.GetName() != "" {
		a.ID = lastID(w.GetName())
	}
	if c := w.GetContact(); c != nil {
		a.Contact = applications.Contact{Name: c.GetName(), Goes: c.GetPreferredName(), Email: c.GetEmail(), Phone: c.GetPhone()}
	}
	for _, c := range w.GetConsents() {
		a.Consents = append(a.Consents, applications.Consent{Key: c.GetKey(), Language: c.GetLanguage()})
	}
	if o := w.GetOnBehalf(); o != nil {
		a.OnBehalf = &applications.OnBehalf{Reason: o.GetReason(), ConsentNote: o.GetConsentNote()}
	}
	return a, nil
}

func answersToWire(answers applications.Answers) map[string]*v1.Answer {
	if len(answers) == 0 {
		return nil
	}
	w := make(map[string]*v1.Answer, len(answers))
	for key, a := range answers {
		one := &v1.Answer{Values: a.Values, WriteIns: a.WriteIns, Text: a.Text, Number: a.Number, Declined: a.Declined}
		for value, codes := range a.Qualifiers {
			if one.Qualifiers == nil {
				one.Qualifiers = map[string]*v1.QualifierCodes{}
			}
			one.Qualifiers[value] = &v1.QualifierCodes{Codes: codes}
		}
		w[key] = one
	}
	return w
}

func answersFromWire(w map[string]*v1.Answer) applications.Answers {
	answers := make(applications.Answers, len(w))
	for key, a := range w {
		one := applications.Answer{
			Values: a.GetValues(), WriteIns: a.GetWriteIns(), Text: a.GetText(), Number: a.Number, Declined: a.GetDeclined(),
		}
		for value, codes := range a.GetQualifiers() {
			if one.Qualifiers == nil {
				one.Qualifiers = map[string][]string{}
			}
			one.Qualifiers[value] = codes.GetCodes()
		}
		answers[key] = one
	}
	return answers
}

func accessToWire(c *applications.CreatedApplication) *v1.ApplicationAccess {
	return &v1.ApplicationAccess{Application: applicationToWire(c.Application), Token: c.Token, ReturnCode: c.ReturnCode}
}

func importReportToWire(r *applications.ImportReport) *v1.ImportApplicationsResponse {
	return &v1.ImportApplicationsResponse{
		RowCount: int32(r.Rows), CreatedCount: int32(r.Created), ErrorCount: int32(r.ErrorCount),
		Errors: convert(r.Errors, func(v applications.Violation) *v1.ImportError {
			return &v1.ImportError{Field: v.Field, Message: v.Message}
		}),
	}
}
