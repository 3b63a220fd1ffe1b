package applications

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/filter"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// CreateSelection queues a run on the registered criteria (sel.Criteria 0) or
// on a registered version. How it draws is resolved here and kept with it: what
// the criteria registered, else what is asked for, else leximin and a seed of
// the server's. A Seed is for LotteryNone only, where an empty one is drawn from
// Random; FailedPrecondition SEED_TOO_EARLY with a lottery. Locks name
// applications of the pool, by id or by code, each with a reason. A run that is
// not a trial moves the program to SELECTING.
func (s *Service) CreateSelection(ctx context.Context, who access.Principal, sel *Selection, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, sel.Program); err != nil {
		return nil, err
	}
	seed := make([]byte, 16)
	if _, err := io.ReadFull(s.Random, seed); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	made, err := once(ctx, s, who, sel.Program, "CreateSelection", idem, func(tx Tx) (*Selection, string, error) {
		p, err := tx.Program(ctx, sel.Program)
		if err != nil {
			return nil, "", err
		}
		now := s.now()
		made := &Selection{
			Program: p.ID, ID: s.NewID(), State: SelectionQueued, Criteria: sel.Criteria, Trial: sel.Trial,
			Work: sel.Work, Engine: s.Engine, CreateTime: now, UpdateTime: now, CreatedBy: who.Subject,
		}
		if made.Seed, err = cleanSeed(sel); err != nil {
			return nil, "", err
		}
		c, form, err := s.criteriaToRun(ctx, tx, p, made)
		if err != nil {
			return nil, "", err
		}
		if err := made.resolveLottery(c, sel); err != nil {
			return nil, "", err
		}
		if made.Lottery == matcher.LotteryNone && made.Seed == "" {
			made.Seed = hex.EncodeToString(seed)
		}
		pool, err := tx.Applications(ctx, ApplicationQuery{Program: p.ID, States: []ApplicationState{InPool}})
		if err != nil {
			return nil, "", err
		}
		if err := s.lock(who, made, sel, pool); err != nil {
			return nil, "", err
		}
		input := freeze(form, c, pool, made)
		if err := input.contradiction(); err != nil {
			return nil, "", err
		}
		if problems, _ := selection.Validate(input.People, input.Criteria); len(problems) > 0 {
			return nil, "", engineError("SELECTION_INVALID", selection.InputErrors(problems))
		}
		made.PoolSize = len(pool)
		if err := tx.InsertSelection(ctx, made); err != nil {
			return nil, "", err
		}
		action := runSelection
		if made.Trial {
			action = runTrial
		}
		from := p.State
		if next, _ := from.after(action); next != from {
			p.State, p.UpdateTime = next, now
			if err := tx.UpdateProgram(ctx, p); err != nil {
				return nil, "", err
			}
			if err := tx.AppendEvents(ctx, s.event(who, "program.select", programName(p.ID), "", transition(from, next))); err != nil {
				return nil, "", err
			}
		}
		detail := fmt.Sprintf("%s criteria=%d lottery=%s include=%d exclude=%d trial=%t",
			transition("", SelectionQueued), made.Criteria, made.Lottery, len(made.Include), len(made.Exclude), made.Trial)
		return made, made.ID, tx.AppendEvents(ctx, s.event(who, "selection.create", selectionName(made), "", detail))
	})
	if err == nil && s.Wake != nil {
		s.Wake()
	}
	return made, err
}

// runAt reads a run that is to be changed, if it is still at a revision.
func runAt(ctx context.Context, tx Tx, program, id string, revision int64) (*Selection, error) {
	sel, err := tx.Selection(ctx, program, id)
	if err != nil {
		return nil, err
	}
	return sel, calls.SameRevision(revision, sel.Revision)
}

func selectionName(sel *Selection) string { return "programs/" + sel.Program + "/selections/" + sel.ID }

func cleanSeed(sel *Selection) (string, error) {
	seed, problem := cleanText(sel.Seed, false, maxSeed)
	var bad []Violation
	if problem != "" {
		bad = append(bad, Violation{Field: "seed", Message: problem})
	}
	if sel.Work < 0 {
		bad = append(bad, Violation{Field: "work_limit", Message: "not negative; 0 is no limit"})
	}
	if len(bad) > 0 {
		return "", Invalid("SELECTION_INVALID", "the run cannot begin like this", bad...)
	}
	return seed, nil
}

// criteriaToRun returns the registered criteria that a run is to use, checked
// once more: still what was registered, and covered by policies in force now.
func (s *Service) criteriaToRun(ctx context.Context, tx Tx, p *Program, sel *Selection) (*Criteria, *Form, error) {
	action := runSelection
	switch {
	case sel.Trial:
		action = runTrial
	case sel.Replaces != "":
		action = replaceMembers
	}
	if _, err := p.State.after(action); err != nil {
		return nil, nil, err
	}
	if sel.Criteria == 0 {
		sel.Criteria = p.CriteriaVersion
	}
	c, err := tx.Criteria(ctx, p.ID, sel.Criteria)
	if err != nil {
		return nil, nil, err
	}
	if !c.Registered {
		return nil, nil, Errorf(FailedPrecondition, "CRITERIA_NOT_REGISTERED", "a run uses registered criteria: register version %d first", c.Version)
	}
	if c.Digest != c.digest() {
		return nil, nil, Errorf(DataLoss, "CRITERIA_CHANGED", "the criteria are not what was registered: their digest differs")
	}
	form, err := tx.Form(ctx, p.ID, p.FormVersion)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.policiesFor(ctx, tx, p.ID, form, c); err != nil {
		return nil, nil, err
	}
	if !sel.Trial {
		counts, err := tx.CountApplications(ctx, p.ID)
		if err != nil {
			return nil, nil, err
		}
		if n := counts[Submitted]; n > 0 {
			return nil, nil, Errorf(FailedPrecondition, "EXTENSION_RUNNING", "%d submissions have a personal extension that still runs: wait until it ends, or make a trial run", n)
		}
	}
	return c, form, nil
}

// lock turns the locks that were asked for into ones on the pool.
func (s *Service) lock(who access.Principal, made, asked *Selection, pool []*Application) error {
	byName := map[string]*Application{}
	for _, a := range pool {
		byName[a.ID], byName[a.Code] = a, a
	}
	seen := map[string]string{} // id -> the list it is on
	var bad []Violation
	contradict := false
	for _, side := range []struct {
		name  string
		asked []Lock
		made  *[]Lock
	}{{"include", asked.Include, &made.Include}, {"exclude", asked.Exclude, &made.Exclude}} {
		for i, l := range side.asked {
			at := fmt.Sprintf("%s[%d]", side.name, i)
			reason, problems := calls.StaffReason(at+".reason", l.Reason)
			bad = append(bad, problems...)
			name := l.Application
			if name == "" {
				name = l.Code
			}
			a := byName[name]
			if a == nil {
				bad = append(bad, Violation{Field: at + ".application", Message: "nobody in the pool has this id or code"})
				continue
			}
			switch before := seen[a.ID]; before {
			case "":
			case side.name:
				bad = append(bad, Violation{Field: at + ".application", Message: a.Code + " is there twice"})
			default:
				bad, contradict = append(bad, Violation{Field: at + ".application", Message: a.Code + " is both included and excluded"}), true
			}
			seen[a.ID] = side.name
			*side.made = append(*side.made, Lock{Application: a.ID, Code: a.Code, Reason: reason, By: who.Subject, Time: s.now()})
		}
	}
	if contradict {
		return Invalid("LOCKS_CONTRADICT", "the locks contradict each other", bad...)
	}
	if len(bad) > 0 {
		return Invalid("SELECTION_INVALID", "the run cannot begin like this", bad...)
	}
	return nil
}

// contradiction names locks that no group can keep: more people than seats, or
// what the links of the criteria forbid.
func (f *frozen) contradiction() error {
	in := func(list []string) func(string) bool {
		return func(id string) bool { return slices.Contains(list, id) }
	}
	c := &f.Criteria
	var bad []Violation
	if n := len(c.Include); n > c.Size {
		bad = append(bad, Violation{Field: "include", Message: fmt.Sprintf("%d people for %d seats", n, c.Size)})
	}
	for _, l := range c.Links {
		held := slices.DeleteFunc(slices.Clone(l.IDs), func(id string) bool { return !in(c.Include)(id) })
		out := slices.DeleteFunc(slices.Clone(l.IDs), func(id string) bool { return !in(c.Exclude)(id) })
		switch {
		case l.Kind == matcher.Apart && len(held) > 1:
			bad = append(bad, Violation{Field: "include", Message: strings.Join(held, " and ") + " are to be apart"})
		case l.Kind == matcher.Together && len(held) > 0 && len(out) > 0:
			bad = append(bad, Violation{Field: "exclude", Message: fmt.Sprintf("%s is to be together with %s", strings.Join(out, ", "), strings.Join(held, ", "))})
		case l.Kind == matcher.AtLeastOne && len(out) == len(l.IDs):
			bad = append(bad, Violation{Field: "exclude", Message: "one of " + strings.Join(out, ", ") + " has to be in"})
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return Invalid("LOCKS_CONTRADICT", "no group can keep these locks", bad...)
}

// freeze makes the input of a run from its pool. Links and rules may name people
// who are not in the pool any more.
func freeze(form *Form, c *Criteria, pool []*Application, sel *Selection) *frozen {
	f := &frozen{People: poolOf(form, c, pool), Criteria: selection.Yielded(c.resolve(form).Criteria, sel.GaveWay), Seed: sel.Seed, MaxChance: sel.MaxChance}
	if sel.Replaces != "" {
		f.Criteria.Allow = maps.Clone(sel.Allow)
	}
	there := map[string]bool{}
	for _, p := range f.People {
		there[p.ID] = true
	}
	f.Criteria = withoutPeople(f.Criteria, func(id string) bool { return !there[id] })
	for _, l := range sel.Include {
		f.Criteria.Include = append(f.Criteria.Include, l.Code)
	}
	for _, l := range sel.Exclude {
		f.Criteria.Exclude = append(f.Criteria.Exclude, l.Code)
	}
	slices.Sort(f.Criteria.Include)
	slices.Sort(f.Criteria.Exclude)
	return f
}

// staleRuns marks every run of the program that froze a pool which is no
// longer the pool. No seats are offered on a stale run; one on which they were
// offered stays as it is. With drawnStand so does one that was drawn: nobody
// voids a draw by leaving.
func (s *Service) staleRuns(ctx context.Context, tx Tx, who access.Principal, program string, drawnStand bool) error {
	var standing []string
	err := eachSelection(ctx, tx, program, func(sel *Selection) {
		froze := sel.InputDigest != "" || sel.Commitment != "" || sel.ErasedCount > 0
		if drawnStand && len(sel.Draws) > 0 {
			return
		}
		if froze && (sel.State == SelectionRunning || sel.State == SelectionSealed || sel.State == SelectionSucceeded) && sel.OfferTime.IsZero() {
			standing = append(standing, sel.ID)
		}
	})
	if err != nil {
		return err
	}
	for _, id := range standing {
		sel, err := tx.Selection(ctx, program, id)
		if err != nil {
			return err
		}
		if err := s.end(ctx, tx, who, sel, SelectionStale); err != nil {
			return err
		}
	}
	return nil
}

// end moves a run to a final state and records it.
func (s *Service) end(ctx context.Context, tx Tx, who access.Principal, sel *Selection, state SelectionState) error {
	from := sel.State
	now := s.now()
	sel.State, sel.UpdateTime, sel.DoneTime = state, now, now
	if state == SelectionSealed {
		sel.DoneTime = time.Time{}
	}
	sel.Owner, sel.LeaseUntil, sel.CurrentStep = "", time.Time{}, ""
	if err := tx.UpdateSelection(ctx, sel); err != nil {
		return err
	}
	return tx.AppendEvents(ctx, s.event(who, "selection.end", selectionName(sel), "", transition(from, state)))
}

// Selection returns a run, without Frozen and Record.
func (s *Service) Selection(ctx context.Context, who access.Principal, program, id string) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRead, program); err != nil {
		return nil, err
	}
	var sel *Selection
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		sel, err = tx.Selection(ctx, program, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return sel.outside(who), nil
}

var selectionFields = []filter.Field{
	{Name: "state", Type: filter.Enum, Values: names([]SelectionState{
		SelectionQueued, SelectionRunning, SelectionSealed, SelectionSucceeded, SelectionFailed, SelectionCanceled, SelectionStale,
	})},
	{Name: "trial", Type: filter.Bool},
	{Name: "criteria", Type: filter.Int},
	{Name: "create_time", Type: filter.Time},
	{Name: "end_time", Type: filter.Time},
}

func selectionValue(sel *Selection, field string) filter.Value {
	switch field {
	case "state":
		return textValue(string(sel.State))
	case "trial":
		return filter.Value{Present: true, Bool: sel.Trial}
	case "criteria":
		return filter.Value{Present: true, Int: int64(sel.Criteria)}
	case "create_time":
		return timeValue(sel.CreateTime)
	case "end_time":
		return timeValue(sel.DoneTime)
	}
	return filter.Value{}
}

// Selections lists a program's runs, oldest first.
func (s *Service) Selections(ctx context.Context, who access.Principal, program string, q ListQuery) (*ListPage[*Selection], error) {
	if err := calls.Need(who, access.SelectionsRead, program); err != nil {
		return nil, err
	}
	l, err := newList(q, selectionFields, selectionValue, "create_time")
	if err != nil {
		return nil, err
	}
	if l.Descending {
		return nil, Invalid("LIST_INVALID", "the list cannot be made like this", Violation{Field: "order_by", Message: "runs are listed oldest first"})
	}
	var page *ListPage[*Selection]
	err = s.Store.View(ctx, func(tx Tx) error {
		if _, err := tx.Program(ctx, program); err != nil {
			return err
		}
		id, show := func(sel *Selection) string { return sel.ID }, func(sel *Selection) *Selection { return sel.outside(who) }
		page, err = l.Page(id, show, func(after string) ([]*Selection, error) {
			return tx.SelectionHeads(ctx, program, after, scanBatch)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return page, nil
}

// CancelSelection asks a run to stop: one that nobody works on, or that waits
// for its draw, stops at once, a running one within moments. FailedPrecondition RUN_DONE if it has ended.
func (s *Service) CancelSelection(ctx context.Context, who access.Principal, program, id string, revision int64, idem Idempotency) (*Selection, error) {
	if err := calls.Need(who, access.SelectionsRun, program); err != nil {
		return nil, err
	}
	return once(ctx, s, who, program, "CancelSelection", idem, func(tx Tx) (*Selection, string, error) {
		sel, err := runAt(ctx, tx, program, id, revision)
		if err != nil {
			return nil, "", err
		}
		switch {
		case sel.State.Done() && sel.State != SelectionSealed:
			return nil, "", Errorf(FailedPrecondition, "RUN_DONE", "the run has ended (%s): there is nothing to stop", sel.State)
		case sel.State == SelectionQueued, sel.State == SelectionSealed:
			err = s.end(ctx, tx, who, sel, SelectionCanceled)
		case !sel.CancelAsked:
			sel.CancelAsked, sel.UpdateTime = true, s.now()
			if err = tx.UpdateSelection(ctx, sel); err == nil {
				err = tx.AppendEvents(ctx, s.event(who, "selection.cancel", selectionName(sel), "", ""))
			}
		}
		return sel.outside(who), id, err
	})
}

// SelectionResult is a finished run in the words of its program.
type SelectionResult struct {
	Selection *Selection
	Program   *Program
	Criteria  *Criteria
	Form      *Form
	Record    *matcher.Record
	// Rules are the record's rows with the labels of the form, in order: of the
	// group as it stands, of the closest cohort when the rules cannot be kept, and
	// of the likeliest cohort of the ticket book where nobody was drawn yet.
	Rules []ResultRule
	// Withheld are the labels of the groups whose rows the caller is not shown,
	// because they tell who people are.
	Withheld []Text
	// Members are the people of the cohort (or of the closest one), by code,
	// with the answers that are not identity. None for a trial: it shows what
	// is possible and how it counts, not who.
	Members []ResultMember
	// Chances sums up the lottery, before the draw and after it; nil without one.
	Chances *ChanceSummary
	// Decliners compare, by attribute that a rule names, who declined it with the
	// rest of the pool.
	Decliners []DeclinerReport
}

// DeclinerReport compares the people of the pool who declined one attribute
// with the others. Mean and Rest are their mean chances in millionths, as the
// ticket book has them; 0 without a lottery. Counts may be TooFew.
type DeclinerReport struct {
	Attribute  string
	Label      Text
	People     int
	Mean, Rest int64
}

// declinerReports compares decliners with the rest, for each attribute that the
// criteria count people by and that can be declined.
func declinerReports(form *Form, c *Criteria, f *frozen, l *matcher.Lottery) []DeclinerReport {
	chance := map[string]int64{}
	for t, ids := range l.Types {
		for _, id := range ids {
			chance[id] = l.Chances[t] / int64(len(ids))
		}
	}
	var reports []DeclinerReport
	for _, key := range c.attributes() {
		a := form.Attribute(key)
		if a == nil || !a.Decline {
			continue
		}
		r := DeclinerReport{Attribute: key, Label: a.Label}
		rest := 0
		for _, p := range f.People {
			if len(p.Values[key]) == 0 {
				r.People++
				r.Mean += chance[p.ID]
			} else {
				rest++
				r.Rest += chance[p.ID]
			}
		}
		r.Mean, r.Rest = r.Mean/int64(max(1, r.People)), r.Rest/int64(max(1, rest))
		reports = append(reports, r)
	}
	return reports
}

// ResultRule is one row of the make-up table. Pool and Count, and Short and
// Over where they are not 0, may be TooFew.
type ResultRule struct {
	matcher.RuleCount
	Identity  bool     // counts people by who they are: an identity answer, or by name
	Attribute string   // key; "" for a row on named applicants
	Values    []string // codes of the values counted; nil for all
	Group     Text     // label of the attribute
	Label     Text     // label of the value or values
	Benchmark *Benchmark
}

// ResultMember is one seat.
type ResultMember struct {
	Application, Code string
	Answers           Answers
	Locked            bool
	LockReason        string
	// Chance is the member's chance in millionths, as the ticket book has it: 0
	// where there are no chances, or where they do not describe the group.
	Chance int64
}

// SelectionResult returns the result of a finished run; to who does not read
// identity answers, without what tells who people are.
// FailedPrecondition RUN_NOT_DONE before that, RUN_WITHOUT_RESULT if it failed
// or was stopped.
func (s *Service) SelectionResult(ctx context.Context, who access.Principal, program, id string) (*SelectionResult, error) {
	if err := calls.Need(who, access.SelectionsRead, program); err != nil {
		return nil, err
	}
	r := &SelectionResult{}
	var pool []*Application
	var input *frozen
	err := s.Store.View(ctx, func(tx Tx) (err error) {
		if r.Selection, err = tx.Selection(ctx, program, id); err != nil {
			return err
		}
		if !r.Selection.State.Done() {
			return Errorf(FailedPrecondition, "RUN_NOT_DONE", "the run is not done yet")
		}
		if len(r.Selection.Record) == 0 {
			return Errorf(FailedPrecondition, "RUN_WITHOUT_RESULT", "the run ended without a result (%s)", r.Selection.State)
		}
		if r.Program, err = tx.Program(ctx, program); err != nil {
			return err
		}
		if r.Criteria, err = tx.Criteria(ctx, program, r.Selection.Criteria); err != nil {
			return err
		}
		if r.Form, err = tx.Form(ctx, program, r.Program.FormVersion); err != nil {
			return err
		}
		if r.Record, err = matcher.ParseRecord(r.Selection.Record); err != nil {
			return err
		}
		if input, err = readFrozen(r.Selection.Frozen); err != nil {
			return err
		}
		for _, code := range r.people() {
			a, err := tx.ApplicationByCode(ctx, program, code)
			if err != nil {
				return err
			}
			pool = append(pool, a)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	countsFor(who, r.Program)
	r.Criteria.shownTo(who)
	counts := r.Record.Rules
	if why := r.Record.Infeasibility; why != nil {
		counts = why.ClosestRules
	}
	if seal := r.Selection.Seal; seal != nil {
		chances := seal.Chances
		r.Chances = &chances
	}
	switch {
	case r.Record.Lottery.Drawable() && len(r.Record.Cohort) == 0: // not drawn
		counts = selection.Count(input.People, input.Criteria, typical(r.Record))
	case len(r.Selection.Choices) > 0:
		counts = selection.Count(input.People, input.Criteria, r.people())
	}
	r.Rules = r.Criteria.resolve(r.Form).label(r.Form, r.Criteria, counts)
	r.members(pool)
	r.chances()
	r.Decliners = declinerReports(r.Form, r.Criteria, input, &r.Record.Lottery)
	// The rest of the record holds the whole pool.
	r.Record.Certificate = nil
	l := &r.Record.Lottery
	l.Optimum, l.Types, l.Chances, l.Book = nil, nil, nil, nil
	r.Selection.outside(who)
	if !who.Can(access.IdentityRead, program) {
		r.Withhold()
	}
	return r, nil
}

// people lists the cohort, or the closest one, by code; nobody for a trial.
func (r *SelectionResult) people() []string {
	switch {
	case r.Selection.Trial:
		return nil
	case r.Record.Infeasibility != nil:
		return r.Record.Infeasibility.Closest
	case len(r.Selection.Choices) > 0:
		return r.Selection.Choices[len(r.Selection.Choices)-1].Cohort
	}
	return r.Record.Cohort
}

// chances tells each member's, as long as they describe the group.
func (r *SelectionResult) chances() {
	if r.Selection.Provenance != Drawn && r.Selection.Provenance != DrawnWithLocks {
		return
	}
	l := &r.Record.Lottery
	for i := range r.Members {
		for t, ids := range l.Types {
			if _, in := slices.BinarySearch(ids, r.Members[i].Code); in {
				r.Members[i].Chance = l.Chances[t] / int64(len(ids))
			}
		}
	}
}

func (r *SelectionResult) members(pool []*Application) {
	if r.Selection.Trial {
		r.Record.Cohort, r.Record.Alternates = nil, nil
		if r.Record.Infeasibility != nil {
			r.Record.Infeasibility.Closest = nil
		}
		return
	}
	locks := map[string]string{}
	for _, l := range r.Selection.Include {
		locks[l.Application] = l.Reason
	}
	for _, a := range pool {
		reason, locked := locks[a.ID]
		r.Members = append(r.Members, ResultMember{
			Application: a.ID, Code: a.Code, Answers: withoutIdentity(a.Answers, r.Form), Locked: locked, LockReason: reason,
		})
	}
	slices.SortFunc(r.Members, func(a, b ResultMember) int { return strings.Compare(a.Code, b.Code) })
}

// label puts the form's words to the engine's counts.
func (r *resolved) label(form *Form, c *Criteria, counts []matcher.RuleCount) []ResultRule {
	rules := make([]ResultRule, 0, len(counts))
	for _, count := range counts {
		out := ResultRule{RuleCount: count, Identity: true} // unless known to be none
		if i := count.Row - 1; i >= 0 && i < len(r.rows) {
			row, rule := r.rows[i], &c.Rules[r.rows[i].rule]
			out.Attribute, out.Values, out.Identity = row.attribute, row.values, rule.tellsIdentity(form)
			out.Group, out.Label, out.Benchmark = labelsOf(form, rule, row)
		}
		rules = append(rules, out)
	}
	return rules
}

// labelsOf words one row: the attribute, what is counted of it, and the
// population figure where the row counts one value.
func labelsOf(form *Form, rule *CriteriaRule, row resolvedRow) (group, label Text, benchmark *Benchmark) {
	a := form.Attribute(row.attribute)
	if a == nil {
		group, label = Text{"en": "Applicants"}, Text{"en": strings.Join(rule.IDs, ", ")}
	} else {
		group = a.Label
		switch len(row.values) {
		case 0:
			label = wildcardLabel(rule)
		case 1:
			v := a.Value(row.values[0])
			label = v.Label
			if len(rule.And) == 0 && len(rule.IDs) == 0 {
				benchmark = v.Benchmark
			}
		default:
			label = joinLabels(a, row.values, rule.All)
		}
	}
	if len(rule.And) == 0 {
		return group, label, benchmark
	}
	narrowed := Text{}
	for _, lang := range sortedKeys(label) {
		parts := []string{label[lang]}
		for _, and := range rule.And {
			if other := form.Attribute(and.Attribute); other != nil {
				parts = append(parts, joinLabels(other, and.Values, false).In(lang))
			}
		}
		narrowed[lang] = strings.Join(parts, " + ")
	}
	return group, narrowed, nil
}

func wildcardLabel(rule *CriteriaRule) Text {
	switch rule.Kind {
	case "company":
		if n := rule.Min; n != nil && *n != 2 {
			return Text{
				"en": fmt.Sprintf("At least %d, where %d or more applied", *n, *n),
				"es": fmt.Sprintf("Al menos %d, donde se postularon %d o más", *n, *n),
			}
		}
		return Text{"en": "Nobody alone, where two applied", "es": "Nadie a solas, donde se postularon dos"}
	case "spread":
		return Text{"en": "Different answers", "es": "Respuestas distintas"}
	case "cap":
		return Text{"en": "From any one", "es": "De una misma"}
	}
	return Text{"en": "Any answer", "es": "Cualquier respuesta"}
}

// joinLabels is "Woman or Man", in every language that any of the values has.
func joinLabels(a *Attribute, values []string, all bool) Text {
	joined := Text{}
	for _, code := range values {
		if v := a.Value(code); v != nil {
			for lang := range v.Label {
				joined[lang] = ""
			}
		}
	}
	words := map[string]string{"en": " or ", "es": " o "}
	if all {
		words = map[string]string{"en": " and ", "es": " y "}
	}
	for lang := range joined {
		word, ok := words[lang]
		if !ok {
			word = " / "
		}
		var parts []string
		for _, code := range values {
			if v := a.Value(code); v != nil {
				parts = append(parts, v.Label.In(lang))
			}
		}
		joined[lang] = strings.Join(parts, word)
	}
	return joined
}
