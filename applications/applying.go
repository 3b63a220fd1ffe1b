package applications

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// CreatedApplication is the answer to a creation: Token and ReturnCode open
// the application again. Both are derived, so that a retry returns them too.
type CreatedApplication struct {
	Application       *Application
	Token, ReturnCode string
}

// CreateApplication begins an application, as a draft or, with submit, as a
// submission. Public while the program takes applications; staff with
// ApplicationsWrite may do so with a.OnBehalf set. Answers may be partial in a
// draft; what is there must be valid.
//
// Whoever begins it for themselves gets the application back whole; staff get
// it without contact and identity answers.
func (s *Service) CreateApplication(ctx context.Context, who access.Principal, a *Application, submit bool, idem Idempotency) (*CreatedApplication, error) {
	if a.OnBehalf != nil {
		if err := calls.Need(who, access.ApplicationsWrite, a.Program); err != nil {
			return nil, err
		}
	}
	made, err := once(ctx, s, who, a.Program, "CreateApplication", idem, func(tx Tx) (*Application, string, error) {
		p, form, err := openProgramAndForm(ctx, tx, a.Program)
		if err != nil {
			return nil, "", err
		}
		if err := p.accepts(nil, s.now()); err != nil {
			return nil, "", err
		}
		made, bad := s.newApplication(who, p, form, a, submit)
		if len(bad) > 0 {
			return nil, "", invalidApplication(bad)
		}
		if err := s.insertApplication(ctx, tx, who, p, made); err != nil {
			return nil, "", err
		}
		if made.OnBehalf != nil {
			return redacted(made, form), made.ID, nil
		}
		return made.own(form), made.ID, nil
	})
	if err != nil {
		return nil, err
	}
	return s.opened(made), nil
}

func invalidApplication(bad []Violation) error {
	message := "the application has a problem"
	if len(bad) > 1 {
		message = fmt.Sprintf("the application has %d problems", len(bad))
	}
	return Invalid("APPLICATION_INVALID", message, bad...)
}

// openProgramAndForm reads a program that people may know of, with the form
// that they fill in.
func openProgramAndForm(ctx context.Context, tx Tx, program string) (*Program, *Form, error) {
	p, err := visibleProgram(ctx, tx, access.Principal{}, program)
	if err != nil {
		return nil, nil, err
	}
	form, err := tx.Form(ctx, program, p.FormVersion)
	return p, form, err
}

// opened adds the secrets that belong to an application.
func (s *Service) opened(a *Application) *CreatedApplication {
	return &CreatedApplication{
		Application: a,
		Token:       applicantTokens.Make(s.Secrets.MAC, a.Program, a.ID, a.TokenGeneration),
		ReturnCode:  s.returnCode(a.Program, a.ID, a.CodeGeneration),
	}
}

// newApplication checks what was given and makes an application of it, or
// returns everything that is wrong. It has no code yet.
func (s *Service) newApplication(who access.Principal, p *Program, form *Form, given *Application, submit bool) (*Application, []Violation) {
	now := s.now()
	a := &Application{
		Program: p.ID, State: Draft, Form: form.Version, Language: given.Language,
		TokenGeneration: 1, CodeGeneration: 1, CreateTime: now, UpdateTime: now,
	}
	var bad []Violation
	if a.Language == "" {
		a.Language = "en"
	}
	if given.OnBehalf != nil {
		onBehalf, problems := cleanOnBehalf(*given.OnBehalf)
		bad = append(bad, problems...)
		onBehalf.By = who.Subject
		a.OnBehalf = &onBehalf
	}
	bad = append(bad, s.fill(form, a, applicationParts{
		contact: &given.Contact, consents: given.Consents, setConsents: true,
		answers: given.Answers, wholeAnswers: true, language: a.Language,
	})...)
	if submit {
		// What is wrong already need not be called missing as well.
		for _, v := range form.unsubmittable(a) {
			if !slices.ContainsFunc(bad, func(b Violation) bool { return within(b.Field, v.Field) }) {
				bad = append(bad, v)
			}
		}
		a.State, a.SubmitTime = Submitted, now
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return a, nil
}

// within reports whether a field path is the other or a part of it.
func within(field, of string) bool { return field == of || strings.HasPrefix(field, of+".") }

func cleanOnBehalf(o OnBehalf) (OnBehalf, []Violation) {
	var bad []Violation
	for _, f := range []struct {
		field, missing string
		text           *string
		most           int
	}{
		{"on_behalf.reason", `say how it came in, for example "phone" or "paper"`, &o.Reason, 200},
		{"on_behalf.consent_note", "say how the person agreed", &o.ConsentNote, 1000},
	} {
		clean, problem := cleanText(*f.text, true, f.most)
		if problem == "" && clean == "" {
			problem = f.missing
		}
		if problem != "" {
			bad = append(bad, Violation{Field: f.field, Message: problem})
		}
		*f.text = clean
	}
	return o, bad
}

// insertApplication gives a new application its id and code and stores it.
func (s *Service) insertApplication(ctx context.Context, tx Tx, who access.Principal, p *Program, a *Application) error {
	number, err := tx.NextCode(ctx, p.ID)
	if err != nil {
		return err
	}
	a.ID, a.Code = s.NewID(), fmt.Sprintf("%s-%04d", p.CodePrefix, number)
	a.Salt = make([]byte, saltSize)
	if _, err := io.ReadFull(s.Random, a.Salt); err != nil {
		return fmt.Errorf("read random bytes: %w", err)
	}
	code := s.returnCode(p.ID, a.ID, a.CodeGeneration)
	if err := tx.InsertApplication(ctx, a, s.returnCodeHash(p.ID, code)); err != nil {
		return err
	}
	reason := ""
	if a.OnBehalf != nil {
		reason = a.OnBehalf.Reason
	}
	return tx.AppendEvents(ctx, s.event(who, "application.create", applicationName(p.ID, a.ID), reason, transition("", a.State)))
}

// applicationParts are what a call gives of an application. Nil and empty
// parts are left as they are.
type applicationParts struct {
	contact       *Contact
	contactFields []string // parts of the contact; empty: all of it
	consents      []Consent
	setConsents   bool
	answers       Answers
	wholeAnswers  bool
	language      string
}

// fill puts the parts into a and returns everything that is wrong; then a must
// not be stored. Consents come first: a health answer needs one.
func (s *Service) fill(form *Form, a *Application, parts applicationParts) []Violation {
	var bad []Violation
	if parts.language != "" {
		if !languageShape.MatchString(parts.language) || len(parts.language) > 35 {
			bad = append(bad, Violation{Field: "language", Message: `a language tag such as "en" or "es"`})
		}
		a.Language = parts.language
	}
	if parts.contact != nil {
		next := *parts.contact
		if len(parts.contactFields) > 0 {
			next = a.Contact
			for _, f := range parts.contactFields {
				switch f {
				case "name":
					next.Name = parts.contact.Name
				case "preferred_name":
					next.Goes = parts.contact.Goes
				case "email":
					next.Email = parts.contact.Email
				case "phone":
					next.Phone = parts.contact.Phone
				}
			}
		}
		clean, problems := cleanContact(next)
		bad = append(bad, problems...)
		a.Contact = clean
	}
	if parts.setConsents {
		consents, problems := form.cleanConsents(a.Consents, parts.consents, a.Language, func() Consent {
			return Consent{FormVersion: form.Version, Time: s.now()}
		})
		bad = append(bad, problems...)
		a.Consents = consents
	}
	answers, problems := form.mergeAnswers(a.Answers, parts.answers, parts.wholeAnswers, form.agreedToHealth(a.Consents))
	a.Answers = answers
	return append(bad, problems...)
}

// redacted is what staff see of an application without the permission to read
// identity answers: no contact, no identity answer, no health consent (it
// tells of the answer), nothing that the person wrote about themselves.
func redacted(a *Application, form *Form) *Application {
	r := *a
	r.Contact, r.Language, r.WithdrawReason, r.Print = Contact{}, "", "", ""
	r.Answers = withoutIdentity(a.Answers, form)
	health := form.healthConsent()
	r.Consents = slices.DeleteFunc(slices.Clone(a.Consents), func(c Consent) bool { return c.Key == health })
	for i := range r.Consents {
		r.Consents[i].Language = ""
	}
	if a.OnBehalf != nil {
		r.OnBehalf = &OnBehalf{By: a.OnBehalf.By, Reason: a.OnBehalf.Reason}
	}
	return &r
}

// withoutIdentity keeps the answers about the job.
func withoutIdentity(answers Answers, form *Form) Answers {
	kept := Answers{}
	for key, answer := range answers {
		if attr := form.Attribute(key); attr != nil && !attr.Identity() {
			kept[key] = answer
		}
	}
	return kept
}

func noApplication() error {
	return Errorf(NotFound, "APPLICATION_NOT_FOUND", "there is no such application")
}

// mayTouch lets the applicant and staff with the permission through. Another
// applicant learns nothing, not even that the application exists.
func mayTouch(who access.Principal, perm access.Permission, program, id string) error {
	if who.Owns(program, id) {
		return nil
	}
	err := calls.Need(who, perm, program)
	if err != nil && who.Application != "" {
		return noApplication()
	}
	return err
}

func loadApplication(ctx context.Context, tx Tx, program, id string) (*Program, *Application, error) {
	p, err := tx.Program(ctx, program)
	if err != nil {
		return nil, nil, err
	}
	a, err := tx.Application(ctx, program, id)
	return p, a, err
}

// Application returns one application. Its applicant sees all of it; staff
// with ApplicationsRead see no contact and no identity answers, unless
// withIdentity, which needs IdentityRead and a reason and is recorded.
func (s *Service) Application(ctx context.Context, who access.Principal, program, id string, withIdentity bool, reason string) (*Application, error) {
	if err := mayTouch(who, access.ApplicationsRead, program, id); err != nil {
		return nil, err
	}
	own := who.Owns(program, id)
	if withIdentity && !own {
		var err error
		if reason, err = mayReadIdentity(who, program, reason); err != nil {
			return nil, err
		}
	}
	var a *Application
	var form *Form
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if _, a, err = loadApplication(ctx, tx, program, id); err != nil {
			return err
		}
		form, err = tx.Form(ctx, program, a.Form)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case own:
		return a.own(form), nil
	case !withIdentity:
		return redacted(a, form), nil
	}
	// Recorded before it is shown.
	err = s.Store.Update(ctx, func(tx Tx) error {
		return tx.AppendEvents(ctx, s.event(who, "identity.read", applicationName(program, id), reason, ""))
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// mayReadIdentity lets staff with the permission through who say why.
func mayReadIdentity(who access.Principal, program, reason string) (string, error) {
	if err := calls.Need(who, access.IdentityRead, program); err != nil {
		return "", err
	}
	reason, bad := calls.StaffReason("reason", reason)
	if len(bad) > 0 {
		return "", Invalid("REASON_MISSING", "what shows identity answers needs a reason, which is recorded", bad...)
	}
	return reason, nil
}

// Applications lists a program's applications, without contact and identity
// answers unless withIdentity (as above, one event for the page). They can be
// ordered by create_time (as they began), code, submit_time or update_time,
// and filtered by what the caller sees.
func (s *Service) Applications(ctx context.Context, who access.Principal, program string, q ListQuery, withIdentity bool, reason string) (*ListPage[*Application], error) {
	if err := calls.Need(who, access.ApplicationsRead, program); err != nil {
		return nil, err
	}
	if withIdentity {
		var err error
		if reason, err = mayReadIdentity(who, program, reason); err != nil {
			return nil, err
		}
	}
	var page *ListPage[*Application]
	err := s.Store.View(ctx, func(tx Tx) error {
		p, err := tx.Program(ctx, program)
		if err != nil {
			return err
		}
		form := &Form{}
		if p.FormVersion > 0 {
			if form, err = tx.Form(ctx, program, p.FormVersion); err != nil {
				return err
			}
		}
		l, err := newList(q, applicationFields(form, withIdentity), applicationValue(form), "create_time", "code", "submit_time", "update_time")
		if err != nil {
			return err
		}
		if page, err = scanApplications(ctx, tx, program, l); err != nil {
			return err
		}
		if !withIdentity {
			for i, a := range page.Items {
				page.Items[i] = redacted(a, form)
			}
		}
		return nil
	})
	if err != nil || !withIdentity {
		return page, err
	}
	// A page without anybody is recorded as well: that a filter matches nobody
	// tells about everybody it could have matched.
	detail := fmt.Sprintf("count=%d", len(page.Items))
	if n := len(page.Items); n > 0 {
		detail += fmt.Sprintf(" first=%s last=%s", page.Items[0].Code, page.Items[n-1].Code)
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		return tx.AppendEvents(ctx, s.event(who, "identity.read", programName(program)+"/applications", reason, detail))
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// scanApplications fills one page. In the order of ids it stops as soon as the
// page is full; another order reads and sorts all that match.
func scanApplications(ctx context.Context, tx Tx, program string, l *list[*Application]) (*ListPage[*Application], error) {
	page := &ListPage[*Application]{}
	byID := l.Order == "create_time"
	key := func(a *Application) string {
		switch l.Order {
		case "code":
			// Longer numbers come after shorter ones.
			return fmt.Sprintf("%04d%s", len(a.Code), a.Code)
		case "submit_time":
			return a.SubmitTime.UTC().Format("2006-01-02T15:04:05.000000")
		case "update_time":
			return a.UpdateTime.UTC().Format("2006-01-02T15:04:05.000000")
		}
		return ""
	}
	query := ApplicationQuery{Program: program, Descending: l.Descending, Limit: scanBatch}
	if byID {
		query.AfterID = l.After
	}
	for {
		batch, err := tx.Applications(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, a := range batch {
			query.AfterID = a.ID
			if !l.Match(a) {
				continue
			}
			if byID && len(page.Items) == l.Size {
				page.Next = l.Cursor("", page.Items[l.Size-1].ID)
				return page, nil
			}
			if byID || l.After == "" || l.Before(l.Key, l.After, key(a), a.ID) {
				page.Items = append(page.Items, a)
			}
		}
		if len(batch) < scanBatch {
			break
		}
	}
	if byID {
		return page, nil
	}
	slices.SortFunc(page.Items, func(a, b *Application) int {
		if l.Before(key(a), a.ID, key(b), b.ID) {
			return -1
		}
		return 1 // ids differ, so never equal
	})
	if len(page.Items) > l.Size {
		page.Items = page.Items[:l.Size]
		last := page.Items[l.Size-1]
		page.Next = l.Cursor(key(last), last.ID)
	}
	return page, nil
}

// UpdateApplication changes fields of a draft or of a submission that is still
// open: "contact" (or a part of it, such as "contact.email"), "answers"
// (whole), "answers.KEY", "consents", "language"; no fields means every one
// that is set in a. a.Revision must be the stored one, or 0. A submission stays
// one, so it has to stay complete.
//
// Staff without IdentityRead change only what they see; what is wrong about the
// rest would tell them of it.
func (s *Service) UpdateApplication(ctx context.Context, who access.Principal, a *Application, fields []string, idem Idempotency) (*Application, error) {
	if err := mayTouch(who, access.ApplicationsWrite, a.Program, a.ID); err != nil {
		return nil, err
	}
	parts, changed, err := partsNamed(a, fields)
	if err != nil {
		return nil, err
	}
	return once(ctx, s, who, a.Program, "UpdateApplication", idem, func(tx Tx) (*Application, string, error) {
		p, stored, err := loadApplication(ctx, tx, a.Program, a.ID)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(a.Revision, stored.Revision); err != nil {
			return nil, "", err
		}
		if err := s.stillOpen(p, stored, editApplication); err != nil {
			return nil, "", err
		}
		form, err := tx.Form(ctx, a.Program, stored.Form)
		if err != nil {
			return nil, "", err
		}
		if err := mayChange(who, stored, form, parts); err != nil {
			return nil, "", err
		}
		bad := s.fill(form, stored, parts)
		if stored.State == Submitted && len(bad) == 0 {
			bad = form.unsubmittable(stored)
		}
		if len(bad) > 0 {
			return nil, "", invalidApplication(bad)
		}
		stored.UpdateTime = s.now()
		if err := tx.UpdateApplication(ctx, stored, nil); err != nil {
			return nil, "", err
		}
		// Which questions were answered stays out of the log: that the question
		// about Nations was, already tells something.
		err = tx.AppendEvents(ctx, s.event(who, "application.update", applicationName(a.Program, a.ID), "",
			transition(stored.State, stored.State)+" fields="+strings.Join(changed, ",")))
		return shownTo(who, stored, form), stored.ID, err
	})
}

// mayChange refuses staff without IdentityRead what they do not see: the
// contact, the consents and identity answers, and answers that can be given
// only after certain identity answers. Who entered an application was given
// its token, and may mend it until that token is renewed.
func mayChange(who access.Principal, a *Application, form *Form, parts applicationParts) error {
	entered := a.OnBehalf != nil && a.OnBehalf.By == who.Subject && a.TokenGeneration == 1
	if who.Owns(a.Program, a.ID) || entered || who.Can(access.IdentityRead, a.Program) {
		return nil
	}
	var hidden []string
	if parts.contact != nil {
		hidden = append(hidden, "contact")
	}
	if parts.setConsents {
		hidden = append(hidden, "consents")
	}
	if parts.wholeAnswers {
		hidden = append(hidden, "answers") // those that are not named would go
	}
	for _, key := range sortedKeys(parts.answers) {
		if form.tellsIdentity(form.Attribute(key)) {
			hidden = append(hidden, "answers."+key)
		}
	}
	if len(hidden) > 0 {
		return Errorf(PermissionDenied, "PERMISSION_MISSING", "to change %s of an application that you did not enter, you need the permission %s, which no role of yours gives here",
			strings.Join(hidden, ", "), access.IdentityRead)
	}
	return nil
}

// stillOpen refuses what the applicant can no longer do: they can while the
// state allows it and the window, or a personal extension, is running.
func (s *Service) stillOpen(p *Program, a *Application, action applicationAction) error {
	state := a.State
	if state == Withdrawn || state == Erased {
		_, err := state.after(action)
		return err
	}
	if err := p.accepts(a, s.now()); err != nil {
		return err
	}
	_, err := state.after(action)
	return err
}

// shownTo is what the caller gets back after a change.
func shownTo(who access.Principal, a *Application, form *Form) *Application {
	if who.Owns(a.Program, a.ID) {
		return a.own(form)
	}
	return redacted(a, form)
}

// own is an application as its applicant sees it.
func (a *Application) own(form *Form) *Application {
	shown := *a
	shown.Print = a.Fingerprint(form)
	return &shown
}

var contactFields = []string{"name", "preferred_name", "email", "phone"}

// partsNamed turns field paths into the parts of an application to change, and
// names the parts, roughly, for the audit log.
func partsNamed(a *Application, fields []string) (parts applicationParts, changed []string, err error) {
	if len(fields) == 0 {
		if a.Contact != (Contact{}) {
			fields = append(fields, "contact")
		}
		for _, key := range sortedKeys(a.Answers) {
			fields = append(fields, "answers."+key)
		}
		if len(a.Consents) > 0 {
			fields = append(fields, "consents")
		}
		if a.Language != "" {
			fields = append(fields, "language")
		}
		if len(fields) == 0 {
			return parts, nil, Invalid("UPDATE_MASK_EMPTY", "nothing to change was named", Violation{Field: "update_mask", Message: "name the fields to change"})
		}
	}
	known := []string{"contact", "answers", "consents", "language"}
	for _, f := range contactFields {
		known = append(known, "contact."+f)
	}
	var bad []Violation
	for _, field := range fields {
		head, rest, deep := strings.Cut(field, ".")
		switch {
		case field == "contact":
			contact := a.Contact
			parts.contact, parts.contactFields = &contact, nil
		case head == "contact" && slices.Contains(contactFields, snakeCase(rest)):
			if parts.contact == nil {
				contact := a.Contact
				parts.contact = &contact
			} else if len(parts.contactFields) == 0 {
				continue // the whole contact was named too
			}
			parts.contactFields = append(parts.contactFields, snakeCase(rest))
		case field == "answers":
			parts.answers, parts.wholeAnswers = maps.Clone(a.Answers), true
		case head == "answers" && deep && keyShape.MatchString(rest):
			if parts.answers == nil {
				parts.answers = Answers{}
			}
			parts.answers[rest] = a.Answers[rest]
		case field == "consents":
			parts.consents, parts.setConsents = a.Consents, true
		case field == "language":
			parts.language = a.Language
			if parts.language == "" {
				parts.language = "en"
			}
		default:
			message := `an application has no such field to change; there is contact, answers, answers.KEY, consents, language`
			if near := nearest.Word(snakeCase(field), known); near != "" {
				message = fmt.Sprintf("an application has no such field to change; did you mean %q?", near)
			}
			bad = append(bad, Violation{Field: "update_mask", Message: message})
			continue
		}
		if !slices.Contains(changed, head) {
			changed = append(changed, head)
		}
	}
	if len(bad) > 0 {
		return parts, nil, Invalid("UPDATE_MASK_INVALID", "the fields to change are not all known", bad...)
	}
	return parts, changed, nil
}

// SubmitApplication submits a draft: everything required must be there. With a
// personal extension it can be submitted after the close; eligibility is then
// decided when the extension ends.
func (s *Service) SubmitApplication(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Application, error) {
	if err := mayTouch(who, access.ApplicationsWrite, program, id); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "SubmitApplication", idem, func(tx Tx) (*Application, string, error) {
		p, a, err := loadApplication(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, a.Revision); err != nil {
			return nil, "", err
		}
		if err := s.stillOpen(p, a, submitApplication); err != nil {
			return nil, "", err
		}
		form, err := tx.Form(ctx, program, a.Form)
		if err != nil {
			return nil, "", err
		}
		if bad := form.unsubmittable(a); len(bad) > 0 {
			return nil, "", &Error{Code: FailedPrecondition, Reason: "APPLICATION_INCOMPLETE", Message: "something is missing before this can be submitted", Violations: bad}
		}
		a.SubmitTime = s.now()
		if err := s.move(ctx, tx, who, a, submitApplication, "application.submit", "", nil); err != nil {
			return nil, "", err
		}
		return shownTo(who, a, form), id, nil
	})
}

// WithdrawApplication ends it, with an optional reason. Runs that hold it
// become stale, and an offer to it ends with it.
func (s *Service) WithdrawApplication(ctx context.Context, who access.Principal, program, id, reason string, revision int64, idem Idempotency) (*Application, error) {
	if err := mayTouch(who, access.ApplicationsWrite, program, id); err != nil {
		return nil, err
	}
	reason, problem := cleanText(reason, true, 1000)
	if problem != "" {
		return nil, Invalid("WITHDRAWAL_INVALID", "the reason cannot be kept", Violation{Field: "reason", Message: problem})
	}
	return once(ctx, s, who, program, "WithdrawApplication", idem, func(tx Tx) (*Application, string, error) {
		p, a, err := loadApplication(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		if err := calls.SameRevision(revision, a.Revision); err != nil {
			return nil, "", err
		}
		if p.State == ProgramCompleted || p.State == ProgramArchived {
			return nil, "", Errorf(FailedPrecondition, "PROGRAM_STATE", "the program is over: nothing is left to withdraw from")
		}
		form, err := tx.Form(ctx, program, a.Form)
		if err != nil {
			return nil, "", err
		}
		counted := a.State == InPool || a.State == Selected || a.State == Alternate
		var ended []Event
		if counted {
			if ended, err = s.endOffer(ctx, tx, who, a); err != nil {
				return nil, "", err
			}
		}
		a.WithdrawReason = reason // the person's own words: not in the log
		if err := s.move(ctx, tx, who, a, withdrawApplication, "application.withdraw", "", nil); err != nil {
			return nil, "", err
		}
		if err := tx.AppendEvents(ctx, ended...); err != nil {
			return nil, "", err
		}
		if counted {
			if err := s.staleRuns(ctx, tx, who, program, true); err != nil {
				return nil, "", err
			}
		}
		return shownTo(who, a, form), id, nil
	})
}

// NewReturnCode gives a new return code and a new token and revokes the old
// ones (staff, for somebody who lost theirs; with a reason). They open all of
// the application, so that staff need IdentityRead beside ApplicationsWrite.
func (s *Service) NewReturnCode(ctx context.Context, who access.Principal, program, id, reason string, idem Idempotency) (*CreatedApplication, error) {
	if err := calls.Need(who, access.ApplicationsWrite, program); err != nil {
		return nil, err
	}
	reason, err := mayReadIdentity(who, program, reason)
	if err != nil {
		return nil, err
	}
	a, err := once(ctx, s, who, program, "NewReturnCode", idem, func(tx Tx) (*Application, string, error) {
		_, a, err := loadApplication(ctx, tx, program, id)
		if err != nil {
			return nil, "", err
		}
		form, err := tx.Form(ctx, program, a.Form)
		if err != nil {
			return nil, "", err
		}
		a.TokenGeneration++
		a.CodeGeneration++
		hash := s.returnCodeHash(program, s.returnCode(program, id, a.CodeGeneration))
		if err := s.move(ctx, tx, who, a, renewCode, "application.new_code", reason, hash); err != nil {
			return nil, "", err
		}
		return redacted(a, form), id, nil
	})
	if err != nil {
		return nil, err
	}
	return s.opened(a), nil
}

// Resume exchanges a return code for the application and its token. Unknown
// codes: NotFound RETURN_CODE_UNKNOWN, the same answer for every reason. The
// caller limits tries, in NewReturnCodeTries.
func (s *Service) Resume(ctx context.Context, program, returnCode string) (*CreatedApplication, error) {
	unknown := Errorf(NotFound, "RETURN_CODE_UNKNOWN", "no application of this call has this return code")
	code, ok := calls.ReadCode(returnCode)
	if !ok {
		return nil, unknown
	}
	var a *Application
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		a, err = tx.ApplicationByReturnCode(ctx, program, s.returnCodeHash(program, code))
		if err != nil {
			return err
		}
		if a.State == Erased {
			return unknown
		}
		who := applicantOf(a)
		return tx.AppendEvents(ctx, s.event(who, "application.resume", applicationName(program, a.ID), "", ""))
	})
	if CodeOf(err) == NotFound {
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	return s.opened(a), nil
}

func applicantOf(a *Application) access.Principal {
	return access.Principal{Subject: "applications/" + a.ID, Program: a.Program, Application: a.ID}
}
