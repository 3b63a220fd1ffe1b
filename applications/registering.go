package applications

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/matcher/nearest"
)

// SaveCriteria stores a new version, unregistered. While the program is a
// draft, opening registers the newest; later RegisterCriteria does, with a
// reason and a second person. Criteria without rules and with the name of a
// set of the program's preset are that set, for the program's own seats.
func (s *Service) SaveCriteria(ctx context.Context, who access.Principal, c *Criteria, idem Idempotency) (*Criteria, error) {
	if err := calls.Need(who, access.CriteriaWrite, c.Program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, c.Program, "SaveCriteria", idem, func(tx Tx) (*Criteria, string, error) {
		p, form, err := programAndForm(ctx, tx, c.Program)
		if err != nil {
			return nil, "", err
		}
		if _, err := p.State.after(saveCriteria); err != nil {
			return nil, "", err
		}
		made, err := s.criteriaFor(p, form, c)
		if err != nil {
			return nil, "", err
		}
		versions, err := tx.CriteriaVersions(ctx, p.ID)
		if err != nil {
			return nil, "", err
		}
		made.Version = len(versions) + 1
		made.CreateTime = s.now()
		if err := tx.InsertCriteria(ctx, made); err != nil {
			return nil, "", err
		}
		return made, fmt.Sprint(made.Version), tx.AppendEvents(ctx,
			s.event(who, "criteria.save", criteriaName(p.ID, made.Version), "", ""))
	})
}

func criteriaName(program string, version int) string {
	return fmt.Sprintf("programs/%s/criteria/%d", program, version)
}

// programAndForm reads a program with its newest form; an empty form if it has
// none.
func programAndForm(ctx context.Context, tx Tx, program string) (*Program, *Form, error) {
	p, err := tx.Program(ctx, program)
	if err != nil {
		return nil, nil, err
	}
	if p.FormVersion == 0 {
		return p, &Form{}, nil
	}
	form, err := tx.Form(ctx, program, p.FormVersion)
	return p, form, err
}

// criteriaFor returns a checked copy of what a caller gives, or of the preset's
// set of that name.
func (s *Service) criteriaFor(p *Program, form *Form, given *Criteria) (*Criteria, error) {
	made := &Criteria{
		Program: p.ID, Name: given.Name, Size: given.Size, MinSize: given.MinSize,
		Lottery: given.Lottery, MaxChance: given.MaxChance,
		SeedKind: given.SeedKind, SeedSource: given.SeedSource, SeedPeople: slices.Clone(given.SeedPeople),
	}
	from := given
	if preset := s.Presets[p.Preset]; preset != nil && len(given.Rules) == 0 && given.Name != "" {
		set, ok := preset.Criteria[given.Name]
		if !ok {
			return nil, Invalid("CRITERIA_INVALID", "the criteria cannot be kept like this", Violation{Field: "title", Message: fmt.Sprintf(
				"criteria without rules name a set of the preset: %s%s", strings.Join(preset.CriteriaName, ", "), nearest.Hint(given.Name, preset.CriteriaName))})
		}
		from = &set
		if made.SeedSource == "" {
			made.SeedSource = set.SeedSource
		}
		if made.Lottery == "" {
			made.Lottery, made.MaxChance = set.Lottery, set.MaxChance
		}
	}
	// What is kept shares nothing with the caller or the preset.
	if err := copyJSON(&made.Rules, from.Rules); err != nil {
		return nil, err
	}
	if err := copyJSON(&made.HardCaps, from.HardCaps); err != nil {
		return nil, err
	}
	if err := copyJSON(&made.Allow, from.Allow); err != nil {
		return nil, err
	}
	if err := copyJSON(&made.Ties, from.Ties); err != nil {
		return nil, err
	}
	if err := prepareCriteria(made, form, p); err != nil {
		return nil, err
	}
	return made, nil
}

// RegisterCriteria registers a version: before opening by anyone who may write
// criteria; after the first submission with a reason and a second person.
// Refused with POLICY_MISSING when a rule names an identity attribute that no
// policy in force covers, and with DECLINERS_SHUT_OUT when the floors that must
// hold leave no seat for whoever declines a question, unless the caller also
// approves policies and gives a reason.
func (s *Service) RegisterCriteria(ctx context.Context, who access.Principal, program string, version int, reason, secondBy string, idem Idempotency) (*Criteria, error) {
	if err := calls.Need(who, access.CriteriaWrite, program); err != nil {
		return nil, err
	}
	var bad []Violation
	for _, f := range []struct {
		field string
		text  *string
		most  int
	}{{"reason", &reason, 1000}, {"second_person", &secondBy, 200}} {
		clean, problem := cleanText(*f.text, true, f.most)
		if problem != "" {
			bad = append(bad, Violation{Field: f.field, Message: problem})
		}
		*f.text = clean
	}
	if len(bad) > 0 {
		return nil, Invalid("REGISTRATION_INVALID", "the criteria cannot be registered like this", bad...)
	}
	return once(ctx, s, who, program, "RegisterCriteria", idem, func(tx Tx) (*Criteria, string, error) {
		p, form, err := programAndForm(ctx, tx, program)
		if err != nil {
			return nil, "", err
		}
		if _, err := p.State.after(saveCriteria); err != nil {
			return nil, "", err
		}
		c, err := tx.Criteria(ctx, program, version)
		if err != nil {
			return nil, "", err
		}
		if err := s.changeAllowed(ctx, tx, who, p, reason, secondBy); err != nil {
			return nil, "", err
		}
		if err := s.register(ctx, tx, who, p, form, c, reason, secondBy); err != nil {
			return nil, "", err
		}
		p.UpdateTime = s.now()
		if err := tx.UpdateProgram(ctx, p); err != nil {
			return nil, "", err
		}
		return c, fmt.Sprint(version), nil
	})
}

// changeAllowed wants a reason and a second person once anybody has submitted.
func (s *Service) changeAllowed(ctx context.Context, tx Tx, who access.Principal, p *Program, reason, secondBy string) error {
	counts, err := tx.CountApplications(ctx, p.ID)
	if err != nil {
		return err
	}
	submitted := 0
	for _, state := range applicationStates {
		if state != Draft {
			submitted += counts[state]
		}
	}
	if submitted == 0 {
		return nil
	}
	var bad []Violation
	if reason == "" {
		bad = append(bad, Violation{Field: "reason", Message: "say why; it is published with the criteria"})
	}
	own := []string{who.Subject}
	if id, ok := strings.CutPrefix(who.Subject, "users/"); ok {
		u, err := tx.User(ctx, id)
		if err != nil {
			return err
		}
		own = append(own, u.Name, u.ID)
	}
	switch {
	case secondBy == "":
		bad = append(bad, Violation{Field: "second_person", Message: "name the second person who agreed"})
	case slices.ContainsFunc(own, func(name string) bool { return entityKey(name) == entityKey(secondBy) }):
		bad = append(bad, Violation{Field: "second_person", Message: "somebody else than yourself"})
	}
	if len(bad) > 0 {
		return &Error{
			Code: FailedPrecondition, Reason: "CRITERIA_CHANGE_UNSEEN",
			Message: "people have submitted: a change of the criteria needs a reason and a second person", Violations: bad,
		}
	}
	return nil
}

// register seals a version and makes it the program's. The caller stores p.
func (s *Service) register(ctx context.Context, tx Tx, who access.Principal, p *Program, form *Form, c *Criteria, reason, secondBy string) error {
	if c.Registered {
		return Errorf(FailedPrecondition, "CRITERIA_REGISTERED", "this version is registered already; it cannot change")
	}
	if bad := c.problems(form); len(bad) > 0 {
		return &Error{Code: FailedPrecondition, Reason: "CRITERIA_DO_NOT_FIT", Message: "the criteria do not fit the form any more", Violations: bad}
	}
	policies, err := s.policiesFor(ctx, tx, p.ID, form, c)
	if err != nil {
		return err
	}
	shut, err := c.shutOut(ctx, form)
	if err != nil {
		return err
	}
	if len(shut) > 0 && !(who.Can(access.PoliciesApprove, p.ID) && reason != "") {
		return &Error{
			Code: FailedPrecondition, Reason: "DECLINERS_SHUT_OUT", Violations: shut,
			Message: "the floors that must hold leave no seat for people who prefer not to say; lower one, give it a priority, or have a policy approver register this with a reason",
		}
	}
	c.Registered, c.RegisterTime, c.RegisteredBy = true, s.now(), who.Subject
	c.Reason, c.SecondBy, c.Policies, c.Digest = reason, secondBy, policies, c.digest()
	if err := tx.RegisterCriteria(ctx, c); err != nil {
		return err
	}
	p.CriteriaVersion = c.Version
	return tx.AppendEvents(ctx, s.event(who, "criteria.register", criteriaName(p.ID, c.Version), reason, c.Digest))
}

// policiesFor returns the ids of the policies in force that the criteria rely
// on. FailedPrecondition POLICY_MISSING names the attributes without one;
// SECOND_APPROVAL_MISSING those of rules that must hold on race, gender or
// another attribute of that kind, whose policy only one person approved.
func (s *Service) policiesFor(ctx context.Context, tx Tx, program string, form *Form, c *Criteria) ([]string, error) {
	policies, err := tx.Policies(ctx, program)
	if err != nil {
		return nil, err
	}
	now := s.now()
	must := c.mustAttributes()
	var used []string
	var missing, second []Violation
	for _, key := range c.attributes() {
		a := form.Attribute(key)
		if a == nil || !a.NeedsPolicy() {
			continue
		}
		twice := a.Sensitivity == Special && slices.Contains(must, key)
		var found *Policy
		for _, p := range policies {
			if p.Purpose == ForBalance && p.InForce(key, now) && (found == nil || twice && found.SecondApprover == "") {
				found = p
			}
		}
		switch {
		case found == nil:
			missing = append(missing, Violation{Field: "policies." + key, Message: "no policy in force allows to balance by " + a.Label.In("en")})
		case twice && found.SecondApprover == "":
			second = append(second, Violation{Field: "policies." + key, Message: "a rule that must hold names " + a.Label.In("en") + ": its policy needs a second approver, or the rule a priority from 1 to 9"})
		default:
			used = append(used, found.ID)
		}
	}
	if len(missing) > 0 {
		return nil, &Error{
			Code: FailedPrecondition, Reason: "POLICY_MISSING", Violations: missing,
			Message: "identity answers may balance a group only under a policy: who approved it, why, and until when",
		}
	}
	if len(second) > 0 {
		return nil, &Error{
			Code: FailedPrecondition, Reason: "SECOND_APPROVAL_MISSING", Violations: second,
			Message: "rules that must hold on race or gender need two people's approval",
		}
	}
	slices.Sort(used)
	return slices.Compact(used), nil
}

// mustAttributes lists the attributes of rules that must hold, hard caps
// included.
func (c *Criteria) mustAttributes() []string {
	hard := Criteria{HardCaps: c.HardCaps}
	for _, r := range c.Rules {
		if r.Priority == 0 {
			hard.Rules = append(hard.Rules, r)
		}
	}
	return hard.attributes()
}

// Criteria returns a version; 0 is the registered one, or else the newest.
// Registered criteria are public, but for the applicants that they name.
func (s *Service) Criteria(ctx context.Context, who access.Principal, program string, version int) (*Criteria, error) {
	var c *Criteria
	err := s.Store.View(ctx, func(tx Tx) error {
		p, err := visibleProgram(ctx, tx, who, program)
		if err != nil {
			return err
		}
		if version == 0 {
			if version = p.CriteriaVersion; version == 0 {
				versions, err := tx.CriteriaVersions(ctx, program)
				if err != nil {
					return err
				}
				version = len(versions)
			}
		}
		c, err = tx.Criteria(ctx, program, version)
		if err == nil && !c.Registered && !who.Can(access.ProgramsRead, program) {
			err = Errorf(NotFound, "CRITERIA_NOT_FOUND", "there is no such version of the criteria")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.shownTo(who), nil
}

// shownTo leaves out named applicants for whoever may not list them, with the
// notes of rules that name some.
func (c *Criteria) shownTo(who access.Principal) *Criteria {
	if who.Can(access.ApplicationsRead, c.Program) {
		return c
	}
	c.Ties = nil
	for i := range c.Rules {
		if r := &c.Rules[i]; len(r.IDs) > 0 {
			r.IDs, r.Note = nil, ""
		}
	}
	return c
}

// CriteriaVersions lists them, oldest first: the registered ones for
// everybody.
func (s *Service) CriteriaVersions(ctx context.Context, who access.Principal, program string) ([]*Criteria, error) {
	var shown []*Criteria
	err := s.Store.View(ctx, func(tx Tx) error {
		shown = nil
		if _, err := visibleProgram(ctx, tx, who, program); err != nil {
			return err
		}
		versions, err := tx.CriteriaVersions(ctx, program)
		for _, c := range versions {
			if c.Registered || who.Can(access.ProgramsRead, program) {
				shown = append(shown, c.shownTo(who))
			}
		}
		return err
	})
	return shown, err
}
