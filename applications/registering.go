package applications

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/nearest"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Bounds of criteria.
const (
	maxRules = 500
	maxTies  = 10000
	maxIDs   = 1000
)

// prepareCriteria checks criteria against a form and brings them into the form
// that is kept. form is nil while a program has none: then rules cannot be
// kept either.
func prepareCriteria(c *Criteria, form *Form, p *Program) error {
	if c.Size == 0 {
		c.Size = p.Seats
		if c.MinSize == 0 {
			c.MinSize = p.MinSeats
		}
	}
	if c.MinSize == 0 {
		c.MinSize = c.Size
	}
	if c.Lottery == "" {
		c.Lottery = matcher.LotteryNone
	}
	for i := range c.Rules {
		if c.Rules[i].Kind == "" {
			c.Rules[i].Kind = "quota"
		}
	}
	if form == nil {
		form = &Form{}
	}
	if bad := c.problems(form); len(bad) > 0 {
		return Invalid("CRITERIA_INVALID", "the criteria cannot be kept like this", bad...)
	}
	return nil
}

// problems returns everything that is wrong with criteria on a form.
func (c *Criteria) problems(form *Form) []Violation {
	k := &criteriaChecker{c: c, form: form}
	for i := range form.Attributes {
		k.keys = append(k.keys, form.Attributes[i].Key)
	}
	name, problem := cleanText(c.Name, false, 100)
	if problem != "" {
		k.badf("title", "%s", problem)
	}
	c.Name = name
	if c.Size < 1 || c.Size > 1000 {
		k.badf("size", "from 1 to 1000")
	}
	if c.MinSize < 1 || c.MinSize > c.Size {
		k.badf("min_size", "from 1 to the size")
	}
	if c.Lottery != matcher.LotteryNone {
		k.badf("lottery", "only NONE: lotteries are not built yet")
	}
	if source, problem := cleanText(c.SeedSource, true, 1000); problem != "" {
		k.badf("seed_source", "%s", problem)
	} else {
		c.SeedSource = source
	}
	for priority, allowed := range c.Allow {
		if priority < 1 || priority > matcher.MaxPriority || allowed < 0 || allowed > 1_000_000 {
			k.badf("allow", "from priority 1 to %d, a deviation from 0 to 1,000,000", matcher.MaxPriority)
			break
		}
	}
	for _, key := range sortedKeys(c.HardCaps) {
		at := "hard_caps." + key
		if c.HardCaps[key] < 1 || c.HardCaps[key] > 1000 {
			k.badf(at, "from 1 to 1000")
		}
		k.attribute(at, key)
	}
	if len(c.Rules) > maxRules {
		k.badf("rules", "at most %d", maxRules)
		return k.bad
	}
	for i := range c.Rules {
		k.rule(fmt.Sprintf("rules[%d]", i), &c.Rules[i])
	}
	if len(c.Ties) > maxTies {
		k.badf("links", "at most %d", maxTies)
		return k.bad
	}
	for i, t := range c.Ties {
		at := fmt.Sprintf("links[%d]", i)
		if _, ok := tieKinds[t.Kind]; !ok {
			k.badf(at+".kind", "one of apart, together, at_least_one")
		}
		least := 2
		if t.Kind == "at_least_one" {
			least = 1
		}
		k.ids(at+".ids", t.IDs, least)
	}
	return k.bad
}

type criteriaChecker struct {
	c    *Criteria
	form *Form
	keys []string
	bad  []Violation
}

func (k *criteriaChecker) badf(field, format string, args ...any) {
	k.bad = append(k.bad, Violation{field, fmt.Sprintf(format, args...)})
}

// attribute wants one that rules can name.
func (k *criteriaChecker) attribute(at, key string) *Attribute {
	a := k.form.Attribute(key)
	if a == nil {
		k.badf(at, "the form has no attribute %.60q%s", key, nearest.Hint(key, k.keys))
		return nil
	}
	switch {
	case a.Kind == FreeText || a.Kind == Number:
		k.badf(at, "%s is a %s: it makes no groups that a rule could count", key, a.Kind)
		return nil
	case !a.Identity() && !a.For(ForBalance):
		k.badf(at, "the form does not say that %s is used for BALANCE", key)
	}
	return a
}

func (k *criteriaChecker) rule(at string, r *CriteriaRule) {
	if _, ok := ruleKinds[r.Kind]; !ok {
		k.badf(at+".kind", "one of quota, company, spread, cap%s", nearest.Hint(r.Kind, []string{"quota", "company", "spread", "cap"}))
	}
	quota := r.Kind == "quota"
	if !quota && (r.Each || r.All || len(r.And) > 0 || len(r.IDs) > 0) {
		k.badf(at, "each, all, and and ids are for a quota")
	}
	if r.Attribute != "" || len(r.IDs) == 0 {
		if a := k.attribute(at+".attribute", r.Attribute); a != nil {
			k.values(at+".values", a, r.Values)
			if r.Each && len(r.Values) == 0 && a.Kind == Entity {
				k.badf(at+".each", "an organization has no list of values: use cap or spread")
			}
		}
	} else if len(r.Values) > 0 {
		k.badf(at+".values", "values of which attribute?")
	}
	if r.All && r.Each || r.All && len(r.Values) == 0 {
		k.badf(at+".all", "needs values, and goes without each")
	}
	if len(r.And) > 10 {
		k.badf(at+".and", "at most 10")
		return
	}
	for i, and := range r.And {
		at := fmt.Sprintf("%s.and[%d]", at, i)
		if a := k.attribute(at, and.Attribute); a != nil {
			if len(and.Values) == 0 {
				k.badf(at, "name its values")
			}
			k.values(at, a, and.Values)
		}
	}
	if len(r.IDs) > 0 {
		k.ids(at+".ids", r.IDs, 1)
	}
	k.bounds(at, r)
	note, problem := cleanText(r.Note, true, 1000)
	if problem != "" {
		k.badf(at+".note", "%s", problem)
	}
	r.Note = note
}

func (k *criteriaChecker) values(at string, a *Attribute, codes []string) {
	if a.Kind == Entity {
		if len(codes) > 0 {
			k.badf(at, "%s has no list of values", a.Key)
		}
		return
	}
	counted := a.counted()
	for i, code := range codes {
		v := a.Value(code)
		switch {
		case v == nil && strings.EqualFold(code, declineCode):
			k.badf(at, "whoever declines belongs to no group: no rule can count them")
		case v == nil:
			k.badf(at, "%s has no value %.60q%s", a.Key, code, nearest.Hint(code, counted))
		case v.Uncounted:
			k.badf(at, "%q belongs to no group: no rule can count it", code)
		case slices.Index(codes, code) != i:
			k.badf(at, "%q is there twice", code)
		}
	}
}

func (k *criteriaChecker) bounds(at string, r *CriteriaRule) {
	for _, b := range []struct {
		name string
		n    *int
	}{{"min", r.Min}, {"max", r.Max}, {"min_flex", r.MinFlex}, {"max_flex", r.MaxFlex}} {
		if b.n != nil && (*b.n < 0 || *b.n > 1000) {
			k.badf(at+"."+b.name, "from 0 to 1000")
		}
	}
	if r.Min != nil && r.Max != nil && *r.Min > *r.Max {
		k.badf(at+".min", "not more than max")
	}
	switch r.Kind {
	case "quota":
		if r.Min == nil && r.Max == nil {
			k.badf(at, "a quota needs min, max or both")
		}
	case "company", "spread":
		if r.Min == nil {
			k.badf(at+".min", "is missing")
		}
	case "cap":
		if r.Max == nil {
			k.badf(at+".max", "is missing")
		}
	}
	if r.Priority < 0 || r.Priority > matcher.MaxPriority {
		k.badf(at+".priority", "0 (must hold) or 1 to %d", matcher.MaxPriority)
	}
	if r.Weight < 0 || r.Weight > 1000 || r.Priority == 0 && r.Weight > 1 {
		k.badf(at+".weight", "from 1 to 1000, and only with a priority from 1 to %d", matcher.MaxPriority)
	}
}

func (k *criteriaChecker) ids(at string, ids []string, least int) {
	if len(ids) < least || len(ids) > maxIDs {
		k.badf(at, "from %d to %d applicants' codes", least, maxIDs)
		return
	}
	for i, id := range ids {
		if len(id) > 40 || !strings.Contains(id, "-") || strings.ContainsFunc(id, func(r rune) bool {
			return !(r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		}) {
			k.badf(at, `an applicant's code has the form "NS-0412"`)
			return
		}
		if slices.Index(ids, id) != i {
			k.badf(at, "%s is there twice", id)
		}
	}
}

// digest covers everything that decides, and nothing else.
func (c *Criteria) digest() string {
	return jsonDigest(struct {
		Rules         []CriteriaRule
		Size, MinSize int
		HardCaps      map[string]int
		Ties          []Tie
		Lottery       string
		Allow         map[int]int64
		SeedSource    string
	}{c.Rules, c.Size, c.MinSize, c.HardCaps, c.Ties, c.Lottery, c.Allow, c.SeedSource})
}

// SaveCriteria stores a new version, unregistered. While the program is a
// draft, opening registers the newest; later RegisterCriteria does, with a
// reason and a second person. Criteria without rules and with the name of a
// set of the program's preset are that set, for the program's own seats.
func (s *Service) SaveCriteria(ctx context.Context, who access.Principal, c *Criteria, idem Idempotency) (*Criteria, error) {
	if err := need(who, access.CriteriaWrite, c.Program); err != nil {
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
		Lottery: given.Lottery, SeedSource: given.SeedSource,
	}
	from := given
	if preset := s.Presets[p.Preset]; preset != nil && len(given.Rules) == 0 && given.Name != "" {
		set, ok := preset.Criteria[given.Name]
		if !ok {
			return nil, Invalid("CRITERIA_INVALID", "the criteria cannot be kept like this", Violation{"title", fmt.Sprintf(
				"criteria without rules name a set of the preset: %s%s", strings.Join(preset.CriteriaName, ", "), nearest.Hint(given.Name, preset.CriteriaName))})
		}
		from = &set
		if made.SeedSource == "" {
			made.SeedSource = set.SeedSource
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
	if err := need(who, access.CriteriaWrite, program); err != nil {
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
			bad = append(bad, Violation{f.field, problem})
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
		bad = append(bad, Violation{"reason", "say why; it is published with the criteria"})
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
		bad = append(bad, Violation{"second_person", "name the second person who agreed"})
	case slices.ContainsFunc(own, func(name string) bool { return entityKey(name) == entityKey(secondBy) }):
		bad = append(bad, Violation{"second_person", "somebody else than yourself"})
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
	if shut := c.shutOut(form); len(shut) > 0 && !(who.Can(access.PoliciesApprove, p.ID) && reason != "") {
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
			missing = append(missing, Violation{"policies." + key, "no policy in force allows to balance by " + a.Label.In("en")})
		case twice && found.SecondApprover == "":
			second = append(second, Violation{"policies." + key, "a rule that must hold names " + a.Label.In("en") + ": its policy needs a second approver, or the rule a priority from 1 to 9"})
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

// shutOut names the attributes whose floors, as far as they must hold, add up
// to all seats, so that nobody who declines the question can ever be chosen.
// It looks at floors that no person of one value fills twice: the largest sum
// over quotas of which no two share a value. (With several values a person can
// fill several floors, but nothing says before people apply that anybody will,
// so those count as well.)
func (c *Criteria) shutOut(form *Form) []Violation {
	var bad []Violation
	for _, key := range c.mustAttributes() {
		a := form.Attribute(key)
		if a == nil || !a.Decline {
			continue
		}
		floors := c.floors(form, a)
		taken := 0
		for _, f := range floors {
			taken += f.min
		}
		if taken < c.Size {
			continue
		}
		var list []string
		for _, f := range floors {
			list = append(list, fmt.Sprintf("%s at least %d", f.name, f.min))
		}
		bad = append(bad, Violation{"rules", fmt.Sprintf("%s: %s take all %d seats; lower one of them by %d",
			a.Label.In("en"), strings.Join(list, ", "), c.Size, taken-c.Size+1)})
	}
	return bad
}

type floor struct {
	name   string
	min    int
	values []string // nil: all
}

// floors returns the quotas and spreads on an attribute that take the most
// seats from whoever has none of its values.
func (c *Criteria) floors(form *Form, a *Attribute) []floor {
	var all []floor
	for i := range c.Rules {
		r := &c.Rules[i]
		if r.Priority != 0 || r.Min == nil || *r.Min == 0 {
			continue
		}
		switch {
		case r.Kind == "spread" && r.Attribute == a.Key:
			all = append(all, floor{a.Key, *r.Min, nil})
		case r.Kind == "quota" && r.Attribute == a.Key && r.Each:
			for _, v := range r.eachValue(form) {
				all = append(all, floor{v, *r.Min, []string{v}})
			}
		case r.Kind == "quota" && r.Attribute == a.Key:
			name := strings.Join(r.Values, " or ")
			if len(r.Values) == 0 {
				name = a.Key
			}
			all = append(all, floor{name, *r.Min, r.Values})
		case r.Kind == "quota":
			for _, and := range r.And {
				if and.Attribute == a.Key {
					all = append(all, floor{strings.Join(and.Values, " or "), *r.Min, and.Values})
				}
			}
		}
	}
	// The best set of disjoint floors, by trying: there are few, and the
	// largest first finds it early.
	slices.SortStableFunc(all, func(a, b floor) int { return b.min - a.min })
	var best, now []floor
	bestSum, tries := 0, 0
	var try func(i, sum, left int)
	try = func(i, sum, left int) {
		tries++
		if sum > bestSum {
			bestSum, best = sum, slices.Clone(now)
		}
		const enough = 100_000
		if i == len(all) || sum+left <= bestSum || tries > enough {
			return
		}
		f := all[i]
		if !slices.ContainsFunc(now, func(g floor) bool { return overlap(f, g) }) {
			now = append(now, f)
			try(i+1, sum+f.min, left-f.min)
			now = now[:len(now)-1]
		}
		try(i+1, sum, left-f.min)
	}
	total := 0
	for _, f := range all {
		total += f.min
	}
	try(0, 0, total)
	return best
}

func overlap(a, b floor) bool {
	return len(a.values) == 0 || len(b.values) == 0 ||
		slices.ContainsFunc(a.values, func(v string) bool { return slices.Contains(b.values, v) })
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

// shownTo leaves out named applicants for whoever may not list them.
func (c *Criteria) shownTo(who access.Principal) *Criteria {
	if who.Can(access.ApplicationsRead, c.Program) {
		return c
	}
	c.Ties = nil
	for i := range c.Rules {
		c.Rules[i].IDs = nil
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

// CriteriaVerdict is the engine's verdict, with counts and codes but no names.
type CriteriaVerdict struct {
	Verdict  *selection.Verdict
	PoolSize int
	Criteria *Criteria
	Resolved matcher.Criteria
	Form     *Form
	// Rules are the counts of the witness, or of the closest cohort when the
	// rules cannot be kept, with the labels of the form.
	Rules []ResultRule
}

// CheckCriteria says whether criteria (unsaved ones, or a version) can be kept
// by the program's present pool: whoever is in the pool, or, while the call is
// open, has submitted and is eligible. A check on identity attributes counts
// people by them, so it is recorded.
func (s *Service) CheckCriteria(ctx context.Context, who access.Principal, c *Criteria) (*CriteriaVerdict, error) {
	if err := need(who, access.CriteriaWrite, c.Program); err != nil {
		return nil, err
	}
	var people []matcher.Person
	var form *Form
	err := s.Store.View(ctx, func(tx Tx) error {
		p, f, err := programAndForm(ctx, tx, c.Program)
		if err != nil {
			return err
		}
		form = f
		if len(c.Rules) == 0 && c.Version > 0 {
			if c, err = tx.Criteria(ctx, c.Program, c.Version); err != nil {
				return err
			}
		} else if c, err = s.criteriaFor(p, form, c); err != nil {
			return err
		}
		pool, err := presentPool(ctx, tx, p, form)
		people = poolOf(form, c, pool)
		return err
	})
	if err != nil {
		return nil, err
	}
	var counted []string
	for _, key := range c.attributes() {
		if form.Attribute(key).Identity() {
			counted = append(counted, key)
		}
	}
	if len(counted) > 0 {
		err := s.Store.Update(ctx, func(tx Tx) error {
			return tx.AppendEvents(ctx, s.event(who, "identity.count", programName(c.Program)+"/applications", "", "columns="+strings.Join(counted, ",")))
		})
		if err != nil {
			return nil, err
		}
	}
	r := c.resolve(form)
	verdict, err := selection.Check(ctx, people, r.Criteria, selection.Options{Work: checkWork})
	if err != nil {
		return nil, engineError("CRITERIA_INVALID", err)
	}
	counts := verdict.Rules
	if verdict.Infeasibility != nil {
		counts = verdict.Infeasibility.ClosestRules
	}
	return &CriteriaVerdict{
		Verdict: verdict, PoolSize: len(people), Criteria: c, Resolved: r.Criteria, Form: form,
		Rules: r.label(form, c, counts),
	}, nil
}

// checkWork bounds a check, in pivots: it answers a person who waits.
const checkWork = 200_000

// presentPool is who a run would choose from if the call closed now.
func presentPool(ctx context.Context, tx Tx, p *Program, form *Form) ([]*Application, error) {
	states := []ApplicationState{InPool}
	if p.State == ProgramOpen {
		states = append(states, Submitted)
	}
	all, err := tx.Applications(ctx, ApplicationQuery{Program: p.ID, States: states})
	return slices.DeleteFunc(all, func(a *Application) bool { return !form.Eligible(a.Answers) }), err
}

// engineError turns what the engine says about its input into violations.
func engineError(reason string, err error) error {
	problems, ok := err.(selection.InputErrors)
	if !ok {
		return err
	}
	var bad []Violation
	for _, p := range problems {
		bad = append(bad, Violation{p.Field, p.Message})
	}
	return Invalid(reason, "the selector cannot work with this", bad...)
}
