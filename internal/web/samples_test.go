package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// Everything in this file is invented.

type testSecrets struct{}

func (testSecrets) MAC(label string, message []byte) []byte {
	sum := sha256Sum(append([]byte(label+"\x00"), message...))
	return sum[:]
}

var sampleNow = time.Date(2026, 11, 21, 17, 41, 0, 0, time.UTC)

func en(s string) applications.Text { return applications.Text{"en": s} }

func sampleProgram() *applications.Program {
	return &applications.Program{
		ID: "equity-in-leadership-2027", State: applications.ProgramOpen,
		Title:    applications.Text{"en": "Equity in Leadership 2027", "es": "Equidad en el liderazgo 2027"},
		Summary:  en("A year of learning together for up to 15 leaders of health and human service organizations."),
		Audience: en("Leaders with the authority to make structural change.\nThose who supervise the staff responsible for carrying it out."),
		Effort:   en("Monthly meetings from January to December 2027, in person.\nThere is no cost."),
		Selected: en("People apply on their own.\nThe group as a whole should look like the region.\nThe rules were fixed before the call opened."),
		Contact:  en("Write to the program team or call 360-555-0100."),
		Region:   en("Island, San Juan, Skagit, Snohomish and Whatcom counties"),
		MinSeats: 12, Seats: 15, FormVersion: 1, CriteriaVersion: 1, ApplicationCount: 84,
		Window: applications.Window{
			Opens:  time.Date(2026, 11, 1, 16, 0, 0, 0, time.UTC),
			Closes: time.Date(2026, 12, 13, 1, 0, 0, 0, time.UTC), Zone: "America/Los_Angeles",
		},
		PublicAgency: true,
	}
}

func values(pairs ...string) []applications.Value {
	var out []applications.Value
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, applications.Value{Code: pairs[i], Label: en(pairs[i+1])})
	}
	return out
}

func sampleForm() *applications.Form {
	race := values("aian", "American Indian or Alaska Native", "asian", "Asian", "black", "Black or African American",
		"hispanic", "Hispanic or Latino", "mena", "Middle Eastern or North African", "nhpi", "Native Hawaiian or Pacific Islander", "white", "White")
	race[3].Label["es"] = "Hispana o latina"
	lived := values("housing", "Homelessness or housing instability", "disability", "Disability", "veteran", "Military service", "none", "None of these")
	lived[1].Health, lived[3].Exclusive, lived[3].Uncounted = true, true, true
	relation := values("citizen", "Citizen or member", "descendant", "Descendant", "works_for", "I work for a Tribal Nation", "none", "None of these")
	relation[3].Exclusive = true
	nations := values("lummi", "Lummi Nation", "samish", "Samish Indian Nation", "other", "Another Tribal Nation")
	nations[2].WriteIn = true
	identity := []applications.Purpose{applications.ForReport}
	return &applications.Form{
		Program: "equity-in-leadership-2027", Version: 1,
		Attributes: []applications.Attribute{
			{
				Key: "role_authority", Kind: applications.Multi, Question: en("What authority do you have in your organization?"),
				Label: en("Authority"), Values: values("structural_change", "I can make structural change", "supervises", "I supervise staff who carry it out", "influences", "I influence change"),
				Required: true, Sensitivity: applications.InternalFact, Purposes: []applications.Purpose{applications.ForEligibility},
			},
			{
				Key: "sector", Kind: applications.Multi, MaxValues: 2, Question: en("Which kind of organization do you work in?"), Label: en("Sector"),
				Values:      values("hospital", "Hospital or health system", "housing", "Housing and homelessness services", "tribal_health", "Tribal health center or Tribal government program"),
				Sensitivity: applications.InternalFact, Purposes: []applications.Purpose{applications.ForBalance},
			},
			{
				Key: "role_level", Kind: applications.Single, Question: en("Which level is your role?"), Label: en("Role"),
				Values:      values("executive", "Executive or director", "manager", "Manager or supervisor", "lead", "Program lead or coordinator"),
				Sensitivity: applications.InternalFact, Purposes: []applications.Purpose{applications.ForBalance},
			},
			{Key: "organization", Kind: applications.Entity, Question: en("Which organization do you work for?"), Label: en("Organization"), Sensitivity: applications.InternalFact},
			{Key: "staff", Kind: applications.Number, Question: en("How many people do you supervise?"), Sensitivity: applications.InternalFact},
			{
				Key: "race_ethnicity", Kind: applications.Multi, Question: applications.Text{"en": "What is your race or ethnicity?", "es": "¿Cuál es su raza o etnia?"},
				Label: en("Race and ethnicity"), Why: en("We use this answer only to make sure that the group reflects the five counties."),
				Values: race, Decline: true, Sensitivity: applications.Special, Purposes: identity,
			},
			{
				Key: "tribal_relation", Kind: applications.Multi, Question: en("What is your relationship with a Tribal Nation?"), Label: en("Relationship with a Tribal Nation"),
				Hint: en("Self-identified. No proof is asked."), Values: relation, Decline: true, Sensitivity: applications.SpecialSovereign, Purposes: identity,
			},
			{
				Key: "tribal_nations", Kind: applications.Multi, Question: en("Which Nations?"), Label: en("Tribal Nations"), Values: nations, Decline: true,
				Sensitivity: applications.SpecialSovereign, Purposes: identity,
				VisibleWhen: &applications.Condition{Attribute: "tribal_relation", Values: []string{"citizen", "descendant", "works_for"}},
			},
			{
				Key: "lived_experience", Kind: applications.Multi, Question: en("Which of these do you bring as lived experience?"), Label: en("Lived experience"),
				Values: lived, Decline: true, Sensitivity: applications.SpecialHealth, Purposes: identity,
				Qualifier: &applications.Qualifier{Key: "whose", Label: en("Whose experience?"), Values: values("self", "My own experience", "family", "Close family or someone I care for")},
			},
			{
				Key: "access_needs", Kind: applications.FreeText, MaxLength: 400, Question: en("What would help you take part?"), Label: en("Access needs"), Decline: true,
				Sensitivity: applications.SpecialHealth, Purposes: []applications.Purpose{applications.ForLogistics},
			},
		},
		Pages: []applications.Page{
			{Key: applications.ContactPage, Title: en("How we reach you")},
			{Key: "authority", Title: en("Your role"), Attributes: []string{"role_authority"}},
			{Key: "work", Title: en("Your work"), Attributes: []string{"sector", "role_level", "organization", "staff"}},
			{Key: "race", Title: en("Race and ethnicity"), Attributes: []string{"race_ethnicity"}},
			{Key: "tribal", Title: en("Your relationship with a Tribal Nation"), Attributes: []string{"tribal_relation"}},
			{Key: "nations", Title: en("Tribal Nations"), Attributes: []string{"tribal_nations"}},
			{Key: "lived", Title: en("Lived experience"), Attributes: []string{"lived_experience"}},
			{Key: "access", Title: en("Taking part"), Attributes: []string{"access_needs"}},
			{Key: applications.ConsentPage, Title: en("Consent")},
		},
		Eligibility: []applications.Condition{{Attribute: "role_authority", Values: []string{"structural_change", "supervises"}}},
		Consents: []applications.ConsentText{
			{Key: "terms", Text: en("I agree that my answers are used to choose the group."), Required: true},
			{Key: "health", Text: en("I agree that my answers about health are kept and used to balance the group."), Health: true},
		},
	}
}

func number(n int) *int { return &n }

func sampleCriteria() *applications.Criteria {
	return &applications.Criteria{
		Program: "equity-in-leadership-2027", Version: 1, Name: "balanced", Size: 15, MinSize: 12, Registered: true,
		RegisterTime: time.Date(2026, 11, 1, 16, 0, 0, 0, time.UTC), Digest: "sha256:9f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c",
		Allow: map[int]int64{1: 1}, MaxChance: 700, HardCaps: map[string]int{"organization": 2},
		Ties:     []applications.Tie{{Kind: "together", IDs: []string{"NS-0412", "NS-0413"}}},
		SeedKind: applications.SeedCommitReveal, SeedPeople: []string{"The chair", "The guest"},
		Rules: []applications.CriteriaRule{
			{Kind: "quota", Attribute: "race_ethnicity", Each: true, Min: number(1), Priority: 1},
			{Kind: "quota", Attribute: "race_ethnicity", Values: []string{"aian", "asian"}, Min: number(2), Max: number(7), Priority: 1},
			{Kind: "spread", Attribute: "sector", Min: number(7), Priority: 1},
			{Kind: "company", Attribute: "race_ethnicity", Min: number(2), Priority: 2},
			{Kind: "cap", Attribute: "organization", Max: number(3), Note: "As the board asked"},
			{
				Kind: "quota", Attribute: "tribal_relation", Values: []string{"citizen", "descendant"}, Min: number(2), Priority: 1, Weight: 2,
				And: []applications.Condition{{Attribute: "lived_experience", Values: []string{"disability"}}},
			},
		},
	}
}

func sampleCall() *call { return &call{sampleProgram(), sampleForm(), sampleCriteria()} }

func sampleApplication() *applications.Application {
	supervised := int64(1200)
	return &applications.Application{
		Program: "equity-in-leadership-2027", ID: "0193f5b0-0000-7000-8000-000000000001", Code: "NS-0412", State: applications.Draft, Form: 1,
		Contact: applications.Contact{Name: "dxʷlilap Xwlemi (invented)", Email: "invented@example.org"},
		Answers: applications.Answers{
			"role_authority":   {Values: []string{"structural_change"}},
			"sector":           {Values: []string{"hospital", "housing"}},
			"role_level":       {Values: []string{"executive"}},
			"organization":     {Text: "An invented clinic"},
			"staff":            {Number: &supervised},
			"race_ethnicity":   {Values: []string{"aian", "hispanic"}},
			"tribal_relation":  {Values: []string{"citizen"}},
			"tribal_nations":   {Values: []string{"samish", "other"}, WriteIns: map[string]string{"other": "ƛ̕əbsən"}},
			"lived_experience": {Values: []string{"housing", "disability"}, Qualifiers: map[string][]string{"housing": {"self", "family"}}},
			"access_needs":     {Declined: true},
		},
		Consents: []applications.Consent{{Key: "health", FormVersion: 1, Language: "en"}},
		Language: "en", TokenGeneration: 1, CodeGeneration: 1, Revision: 4,
		CreateTime: sampleNow.Add(-time.Hour), UpdateTime: sampleNow,
	}
}

func samplePlace(page string) *place {
	c, app := sampleCall(), sampleApplication()
	p := &place{call: c, app: app, session: &applicantSession{
		Program: app.Program, Application: app.ID, Generation: 1, ReturnCode: "KE7P73049QX2",
	}}
	for _, x := range c.form.Pages {
		if x.Key == page {
			p.page = x
		}
	}
	return p
}

// sampleResult is the result of a run; shape picks "optimal", "impossible",
// "clash", "undecided" or "large".
func sampleResult(shape string) *applications.SelectionResult {
	type row struct {
		attribute, label    string
		kind                matcher.Kind
		n, lo, hi, pool, pr int
		share               float64
	}
	rows := []row{
		{"race_ethnicity", "American Indian or Alaska Native", matcher.Quota, 3, 2, 4, 11, 1, .125},
		{"race_ethnicity", "Asian", matcher.Quota, 2, 1, 3, 12, 1, .09},
		{"race_ethnicity", "Black or African American", matcher.Quota, 2, 1, 15, 9, 1, .026},
		{"race_ethnicity", "Hispanic or Latino", matcher.Quota, 2, 3, 4, 7, 1, .117},
		{"race_ethnicity", "White", matcher.Quota, 6, 3, 6, 40, 1, .66},
		{"race_ethnicity", "", matcher.Company, 4, 2, 0, 5, 2, 0},
		{"tribal_relation", "Citizen or member, Descendant", matcher.Quota, 2, 2, 15, 6, 0, 0},
		{"sector", "Hospital or health system", matcher.Quota, 3, 0, 3, 31, 1, 0},
		{"sector", "Housing and homelessness services", matcher.Quota, 2, 0, 3, 14, 1, 0},
		{"sector", "Tribal health center or Tribal government program", matcher.Quota, 2, 2, 2, 8, 1, 0},
		{"sector", "", matcher.Spread, 8, 7, 0, 11, 1, 0},
		{"organization", "", matcher.Cap, 2, 0, 1, 4, 3, 0},
	}
	form := sampleForm()
	res := &applications.SelectionResult{
		Program: sampleProgram(), Criteria: sampleCriteria(), Form: form,
		Selection: &applications.Selection{
			Program: "equity-in-leadership-2027", ID: "0193f5b0-0000-7000-8000-0000000000aa", State: applications.SelectionSucceeded,
			Criteria: 1, PoolSize: 84, Provenance: applications.Computed, Seed: "4 1 6 2 6 3", CreateTime: sampleNow, DoneTime: sampleNow,
			Steps: []applications.RunStep{{Name: "claimed", Time: sampleNow}, {Name: "priority 1", Value: 1, Time: sampleNow}, {Name: "stored", Time: sampleNow}},
		},
		Record: &matcher.Record{
			Outcome: matcher.Outcome{
				Status: matcher.Optimal, Complete: true, Size: matcher.Size{Wanted: 15, Got: 15, Bound: 15}, Seed: "4 1 6 2 6 3",
				Deviation: []matcher.Deviation{{Priority: 1, Bound: matcher.Bound{Value: 1, Bound: 1}}, {Priority: 2, Bound: matcher.Bound{Value: 1, Bound: 1}}},
				Score:     matcher.Bound{Value: 120, Bound: 120},
			},
			Lottery: matcher.Lottery{Method: matcher.LotteryNone}, InputDigest: "sha256:77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab9f2c", Engine: "fairlead 0.1.0",
			Digest: "sha256:41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c41ab77e09f2c9f2c",
		},
	}
	scale := 1
	if shape == "large" {
		scale = 9
	}
	for i, r := range rows {
		if shape == "impossible" && r.pr == 0 {
			r.n, r.lo = 1, 3
		}
		rule := applications.ResultRule{Attribute: r.attribute, Identity: form.Attribute(r.attribute).Identity(), Group: form.Attribute(r.attribute).Label}
		if r.label != "" {
			rule.Label = en(r.label)
		}
		rule.RuleCount = matcher.RuleCount{
			Row: i + 1, Kind: r.kind, Min: r.lo * scale, Max: r.hi * scale, Priority: r.pr, Pool: r.pool * scale, Count: r.n * scale,
		}
		switch r.kind {
		case matcher.Company:
			rule.Short = (r.pool - r.n) * scale
		case matcher.Cap:
			rule.Over = max(0, r.n-r.hi) * scale
		case matcher.Spread:
			rule.Short = max(0, r.lo-r.n) * scale
		default:
			rule.Short, rule.Over = max(0, r.lo-r.n)*scale, max(0, r.n-r.hi)*scale
		}
		if r.share > 0 {
			rule.Benchmark = &applications.Benchmark{Share: r.share}
		}
		res.Rules = append(res.Rules, rule)
	}
	levels, sectors := []string{"executive", "manager", "lead"}, []string{"hospital", "housing", "tribal_health"}
	for i := range 15 * scale {
		code := fmt.Sprintf("NS-%04d", 100+i*13)
		res.Record.Cohort = append(res.Record.Cohort, code)
		m := applications.ResultMember{Application: code, Code: code, Answers: applications.Answers{
			"role_level": {Values: []string{levels[i%3]}}, "sector": {Values: []string{sectors[i%3]}},
			"organization": {Text: "An invented clinic"},
		}}
		if i == 11 {
			m.Locked, m.LockReason = true, "Asked by the board"
		}
		res.Members = append(res.Members, m)
	}
	if shape == "large" {
		res.Record.Size = matcher.Size{Wanted: 150, Got: 135, Bound: 140}
		res.Record.Status, res.Record.Deviation[1].Bound.Bound = matcher.Feasible, 0
	}
	switch shape {
	case "impossible":
		res.Record.Status = matcher.Infeasible
		res.Record.Infeasibility = sampleConflict()
		res.Record.Infeasibility.Closest = res.Record.Cohort
		res.Record.Cohort, res.Record.Deviation = nil, nil
	case "clash":
		res.Record.Status = matcher.Infeasible
		res.Record.Infeasibility = &matcher.Infeasibility{Clash: []string{"size 15", "include NS-0112", "exclude NS-0112"}}
		res.Record.Cohort, res.Record.Deviation, res.Members, res.Rules = nil, nil, nil, nil
	case "sealed", "drawn":
		res.Chances = &applications.ChanceSummary{
			Method: matcher.LotteryLeximin, Smallest: 114_942_529, Largest: 1_000_000_000, Bound: 120_000_000, Certain: 1, Impossible: 12, Confirm: true,
			Exclusions: []applications.ExclusionSummary{{People: 5, Reason: "priority 1", Least: 2, Allowed: 1, Rows: []int{4, 8}}, {People: 7, Reason: "must"}},
		}
		res.Selection = sampleSealed(applications.SeedPublicNumber, 1)
		for i := range res.Members {
			res.Members[i].Chance = int64(i) * 66_000
		}
		if shape == "sealed" {
			res.Selection = sampleSealed(applications.SeedPublicNumber, 0)
			res.Record.Cohort, res.Members, res.Record.Size.Got = nil, nil, 0
		}
		res.Selection.GaveWay = []selection.Yield{{Rows: []int{3}, Relief: 1, People: []string{"NS-0107"}}, {Rows: []int{3, 4}, Priority: 1, Allow: 2}, {Rows: []int{4}, Priority: 2, Dropped: true}}
	case "undecided":
		res.Record.Status, res.Record.Complete = matcher.Undecided, false
		res.Record.Cohort, res.Record.Deviation, res.Members, res.Rules = nil, nil, nil, nil
	}
	return res
}

type pageFrame = frame // where a variable hides the name

// sampleView is a drawn run as it is looked at.
func sampleView() *applications.RunView {
	res := sampleResult("drawn")
	return &applications.RunView{Selection: res.Selection, Program: res.Program, Criteria: res.Criteria, Form: res.Form, Rules: res.Rules}
}

// sampleExplained is somebody of the group with every kind of reason.
func sampleExplained() *applications.Explained {
	v := sampleView()
	shift := func(row, after int) selection.RuleShift {
		b := v.Rules[row-1].RuleCount
		a := b
		a.Count, a.Short = after, b.Short+1
		return selection.RuleShift{Before: b, After: a}
	}
	return &applications.Explained{RunView: v, Explanation: &selection.Explanation{
		ID: "NS-0100", In: true, Lock: selection.BrokenInclude, Chance: &selection.Chance{Tickets: 1_000_000, People: 1},
		Helps: []selection.RuleShift{shift(1, 2), shift(8, 2), shift(4, 1)},
		Swaps: []selection.Swap{
			{Out: []string{"NS-0100"}, In: []string{"NS-0340"}, Changes: []selection.RuleShift{shift(1, 2), shift(2, 4)}},
			{Out: []string{"NS-0100"}, In: []string{"NS-0288"}},
		},
		Closest:    &selection.Swap{Out: []string{"NS-0100"}, In: []string{"NS-0322"}, Breach: selection.Breach{Reason: selection.ExcludedByMust, Rules: []matcher.RuleCount{{Row: 8}}}},
		Hindrances: []selection.Hindrance{{Reason: "priority 1", Row: 1, Swaps: 3}, {Reason: "priority 1", Row: 8, Swaps: 2}, {Reason: selection.ExcludedByConditions, Kind: selection.BrokenCap, Swaps: 1}},
		Fixed:      &selection.Exclusion{Reason: selection.ExcludedByMust},
	}}
}

// sampleAlternatives is so many groups beside the drawn one.
func sampleAlternatives(n int) *applications.Alternatives {
	a := &applications.Alternatives{RunView: sampleView(), AlternativeList: &selection.AlternativeList{All: n != 1, Proved: true, Complete: true}}
	for i := range n {
		a.List = append(a.List, selection.Alternative{Cohort: []string{"NS-0340", fmt.Sprint("NS-000", i)}, Differs: 1})
		rows := sampleResult("drawn").Rules
		rows[0].Count, rows[10].Count = i+1, 7
		a.Rows = append(a.Rows, rows)
	}
	return a
}

// sampleBoard is a drawn run with everything that a report can tell of.
func sampleBoard(public bool) *board {
	res := sampleResult("drawn")
	res.Criteria.Reason = "An invented reason for a change."
	run := res.Selection
	run.Draws[0].Confirmed, run.Draws[0].By = "Decided by an invented board.", "users/1"
	run.Include = []applications.Lock{{Code: "NS-0243"}}
	run.Choices = []applications.Choice{{Attempt: 1, Out: []string{"NS-0100"}, In: []string{"NS-0340"}, Reason: "An invented reason.", By: "users/1", Time: sampleNow}}
	run.Provenance, run.Replaces, run.Declined = applications.Chosen, "earlier", []string{"NS-0777"}
	earlier, later := *run, *run
	earlier.ID, earlier.Replaces = "earlier", ""
	later.ID, later.Replaces, later.Declined = "later", run.ID, []string{"NS-0100", "NS-0113"}
	b := &board{
		desk: &desk{sampleFacilitator, sampleProgram(), sampleForm()}, res: res, number: 2, runs: []*applications.Selection{&earlier, run, &later},
		versions: []*applications.Criteria{sampleCriteria()}, neutral: sampleResult("optimal"), public: public, url: "https://apply.example.org",
	}
	for i, state := range []applications.OfferState{applications.OfferAccepted, applications.OfferSent, applications.OfferDeclined, applications.OfferExpired} {
		for range 4 * (4 - i) {
			b.offers = append(b.offers, &applications.Offer{Selection: run.ID, State: state})
		}
	}
	return b
}

// sampleSealed is a run that was sealed, and drawn so often.
func sampleSealed(kind applications.SeedKind, draws int) *applications.Selection {
	digest := "sha256:" + strings.Repeat("9f2c41ab77e0", 5) + "9f2c"
	run := &applications.Selection{
		Program: "equity-in-leadership-2027", ID: "0193f5b0-0000-7000-8000-0000000000bb", State: applications.SelectionSealed, Criteria: 1, PoolSize: 84,
		Lottery: matcher.LotteryLeximin, SeedKind: kind, CreateTime: sampleNow, DoneTime: sampleNow,
		Seal: &applications.Seal{Time: sampleNow, PoolRoot: digest, TypesRoot: digest, RulesDigest: digest, BookDigest: digest, Digest: digest, People: 84},
	}
	switch kind {
	case applications.SeedPublicNumber:
		run.SeedSource = "Six dice, thrown at an invented meeting."
	case applications.SeedCommitReveal:
		run.SeedPeople = []string{"The chair (invented)", "A board member (invented)"}
		run.Commitments = []applications.SeedCommitment{{Attempt: draws + 1, Person: run.SeedPeople[0], Digest: strings.Repeat("0badcafe", 8)}}
	}
	for i := range draws {
		d := applications.Draw{Attempt: i + 1, Kind: kind, Value: "4 1 6 2 6 3", Time: sampleNow, Ticket: 412_345}
		if i > 0 {
			d.Reason = "An invented reason."
		}
		for j := range 15 {
			d.Cohort = append(d.Cohort, fmt.Sprintf("NS-%04d", 100+j*13))
		}
		run.Draws = append(run.Draws, d)
		run.State, run.Provenance, run.Seed = applications.SelectionSucceeded, applications.Drawn, d.Value
	}
	return run
}

// sampleVerdict is a check's answer on sampleCriteria.
func sampleVerdict(status matcher.Status) *applications.CriteriaVerdict {
	least := int64(2)
	v := &applications.CriteriaVerdict{
		Verdict:  &selection.Verdict{Status: status, Complete: true, Warnings: []selection.Warning{{Row: 1, Message: "nobody has the value mena"}}},
		PoolSize: 84, Criteria: sampleCriteria(), Form: sampleForm(), Rules: sampleResult("").Rules,
	}
	if status == matcher.Infeasible {
		v.Verdict.Infeasibility = &matcher.Infeasibility{LeastTotalDeviation: &least}
		v.Details = &selection.Details{Infeasibility: sampleConflict()}
		v.Rules[1].Pool, v.Rules[2].Pool, v.Rules[2].Min = 0, 1, 2
	}
	if status == matcher.Feasible {
		v.Details = &selection.Details{
			Yields: []selection.Yield{
				{Rows: []int{2}, Relief: 1, People: []string{"NS-0107"}},
				{Rows: []int{2, 3}, Priority: 1, Allow: 2, People: []string{"NS-0107", "NS-0108"}},
				{Rows: []int{3}, Priority: 2, Dropped: true},
			},
			Ranges: []selection.Range{{Row: 1, Least: 0, Most: 2, MostProved: true, Low: 2, High: 4}, {Row: 2, Most: 1, MostProved: true, Low: 2, High: 9}, {Row: 3, Least: 3, Most: 5, LeastProved: true, Low: 1, High: 9}},
			Decliners: []selection.Decliner{
				{Attribute: "race_ethnicity", People: 4, Allowed: selection.Seats{Cannot: 4}, Best: selection.Seats{Cannot: 4}},
				{Attribute: "sector", People: 14, Best: selection.Seats{Can: 2, Cannot: 12}},
			},
		}
	}
	return v
}

// sampleConflict is why nothing is possible, with every kind of way out.
func sampleConflict() *matcher.Infeasibility {
	least := int64(2)
	why := &matcher.Infeasibility{
		LeastTotalDeviation: &least, Cut: []string{matcher.CutRelaxations},
		Conflict: []matcher.Condition{
			matcher.LockCondition(matcher.LockInclude, "NS-0252"),
			{Bound: "size at most 15"},
			{Bound: "apart NS-0001, NS-0002"},
			{Row: 4, Bound: matcher.BoundMin},
			{Row: 8, Bound: matcher.BoundMax},
			{Row: 11, Bound: matcher.BoundMin},
			{Row: 12, Bound: matcher.BoundMax},
			{Row: 99, Bound: matcher.BoundMin},
		},
		Relaxations: []matcher.Relaxation{
			{Cost: 1, Changes: []matcher.Change{{Row: 4, Bound: matcher.BoundMax, From: 4, To: 5}}},
			{Cost: 1, Changes: []matcher.Change{{Bound: "include NS-0252", From: 1}}},
			{Cost: 3, Changes: []matcher.Change{{Row: 4, Bound: matcher.BoundMin, From: 3}, {Row: 8, Bound: matcher.BoundMax, From: 3, To: 4}}},
		},
	}
	for i := range 12 {
		why.Relaxations = append(why.Relaxations, matcher.Relaxation{Cost: int64(4 + i), Changes: []matcher.Change{{Row: 1, Bound: matcher.BoundMin, From: 9, To: 4}}})
	}
	return why
}

var (
	sampleFacilitator = access.Principal{Subject: "users/1", Grants: []access.Grant{{Role: access.Facilitator}}}
	sampleAdmin       = access.Principal{Subject: "users/2", Grants: []access.Grant{{Role: access.ProgramAdministrator}}}
)

// samplePages is every page there is, by name and variant. A template without
// an entry here fails TestEveryPage.
func samplePages(s *server, lang string) map[string]view {
	req := func(path string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Language", lang)
		return r
	}
	apply := "/apply/equity-in-leadership-2027"
	out := map[string]view{}
	soon, later := sampleProgram(), sampleProgram()
	later.ID = "another"
	later.Window.Opens = sampleNow.Add(48 * time.Hour)
	out["calls"] = newCallsPage(s.frame(req("/calls")), []*applications.Program{soon, later}, sampleNow)
	out["calls empty"] = newCallsPage(s.frame(req("/calls")), nil, sampleNow)
	out["call"] = newCallPage(s.callFrame(req("/calls/x"), sampleProgram()), sampleCall(), sampleNow)
	out["call soon"] = newCallPage(s.callFrame(req("/calls/x"), later), &call{later, sampleForm(), nil}, sampleNow)
	changed := sampleCall()
	changed.criteria.Version, changed.criteria.SecondBy, changed.criteria.Reason = 2, "tokens/2", "An invented reason."
	out["call changed"] = newCallPage(s.callFrame(req("/calls/x"), sampleProgram()), changed, sampleNow)
	out["call closed"] = newCallPage(s.callFrame(req("/calls/x"), sampleProgram()), sampleCall(), sampleNow.AddDate(1, 0, 0))
	out["privacy"] = newPrivacyPage(s.callFrame(req("/calls/x/privacy"), sampleProgram()), sampleCall())

	for _, page := range questionPages(sampleForm()) {
		p := samplePlace(page.Key)
		out["question "+page.Key] = s.newQuestionPage(req(apply), p, nil, nil, nil)
	}
	first := samplePlace(applications.ContactPage)
	first.app, first.session = nil, nil
	out["question first"] = s.newQuestionPage(req(apply), first, nil, nil, nil)
	blank := samplePlace("race")
	blank.app.Answers = applications.Answers{}
	out["question blank"] = s.newQuestionPage(req(apply), blank, nil, nil, nil)
	wrong := &posted{
		inputs:   map[string]input{"lived_experience": {Values: []string{"disability"}, Declined: true}},
		consents: map[string]bool{},
	}
	out["question wrong"] = s.newQuestionPage(req(apply), samplePlace("lived"), wrong,
		map[string]string{"answers.lived_experience": tongue(lang).say("fault.declined_groups"), "consents.health": tongue(lang).say("fault.health_consent")},
		[]string{tongue(lang).say("fault.again")})
	out["question contact wrong"] = s.newQuestionPage(req(apply), samplePlace(applications.ContactPage),
		&posted{contact: &applications.Contact{Email: "invented@"}}, map[string]string{"contact.name": tongue(lang).say("fault.name")}, nil)
	conflict := s.newQuestionPage(req(apply), samplePlace("race"), nil, nil, nil)
	conflict.Conflict = samplePlace("race").storedHere(tongue(lang))
	out["question conflict"] = conflict

	p := samplePlace("")
	out["check"] = s.newCheckPage(req(apply), p, nil, nil, nil)
	out["check wrong"] = s.newCheckPage(req(apply), p, map[string]bool{}, map[string]string{"consents.terms": tongue(lang).say("fault.consent"), "answers.role_authority": "x"}, []string{"y"})
	submitted := samplePlace("")
	submitted.app.State, submitted.app.SubmitTime = applications.Submitted, sampleNow
	out["check submitted"] = s.newCheckPage(req(apply), submitted, nil, nil, nil)
	l := tongue(lang)
	at := l.moment(sampleNow, zoneOf(p.program))
	frame := func() frame {
		f := s.callFrame(req(apply), p.program)
		f.titled("Invented")
		return f
	}
	out["saved"] = &savedPage{frame: frame(), Program: p.program.ID, Code: "KE7P-7304-9QX2", Saved: at, Closes: at, Open: true}
	out["return"] = s.newReturnPage(req(apply), p.program, false, "")
	lost := s.newReturnPage(req(apply), p.program, true, "sealed")
	lost.Code, lost.Fault, lost.Faults, lost.Failed = "KE7P", l.say("fault.code"), []fault{{"code", l.say("fault.code")}}, true
	out["return lost"] = lost
	out["receipt"] = &receiptPage{frame: frame(), Program: p.program.ID, Reference: "NS-0412", Submitted: at, Code: "KE7P-7304-9QX2", Closes: at, Open: true, Contact: l.paragraphs(p.program.Contact)}
	for _, state := range []applications.ApplicationState{
		applications.Draft, applications.Submitted, applications.Screening, applications.Ineligible, applications.InReview, applications.InPool,
		applications.Selected, applications.Alternate, applications.NotSelected, applications.Withdrawn, applications.Erased,
	} {
		x := samplePlace("")
		x.app.State, x.app.SubmitTime = state, sampleNow
		x.app.IneligibleReasons = []string{"role_authority"}
		out["status "+string(state)] = s.newStatusPage(req(apply), x, nil)
	}
	for _, state := range []applications.OfferState{
		applications.OfferSent, applications.OfferAccepted, applications.OfferDeclined, applications.OfferExpired, applications.OfferRescinded,
	} {
		x := samplePlace("")
		x.app.State, x.app.SubmitTime = applications.Selected, sampleNow
		if state == applications.OfferRescinded {
			x.app.State = applications.InPool
		}
		o := &applications.Offer{State: state, FirstCome: true, ExpireTime: sampleNow.AddDate(0, 0, 14)}
		out["status offer "+string(state)] = s.newStatusPage(req(apply), x, o)
		if s.declinable(o) {
			out["decline "+string(state)] = s.newDeclinePage(req(apply), x, o, "", nil)
		}
	}
	taken := s.newStatusPage(req(apply), func() *place { x := samplePlace(""); x.app.State = applications.Selected; return x }(),
		&applications.Offer{State: applications.OfferSent, FirstCome: true, ExpireTime: sampleNow.AddDate(0, 0, 14)})
	taken.Offer.Taken = true
	out["status offer taken"] = taken
	out["withdraw"] = s.newWithdrawPage(req(apply), p, "", nil)
	enter := &enterPage{frame: s.frame(req("/enter/x")), Action: "/enter/x?to=/programs"}
	enter.titled("Invented")
	out["enter"] = enter
	out["sign-in"] = s.newSignInPage(req("/sign-in"), "")
	out["sign-in wrong"] = s.newSignInPage(req("/sign-in?to=/programs"), l.say("fault.token"))
	failed := &errorPage{frame: s.frame(req("/x")), Reference: "0badcafe"}
	failed.fill(applications.Internal, "", errPanicked)
	out["error"] = failed

	programs := &programsPage{frame: s.staffFrame(req("/programs"), "programs"), Programs: []programLine{newProgramLine(l, sampleProgram(), sampleFacilitator)}}
	programs.titled("Invented")
	out["programs"] = programs
	runs := []*applications.Selection{sampleResult("").Selection}
	for i, state := range []applications.SelectionState{applications.SelectionRunning, applications.SelectionFailed, applications.SelectionCanceled, applications.SelectionStale, applications.SelectionQueued} {
		run := *runs[0]
		run.State, run.Trial, run.ID = state, i%2 == 0, fmt.Sprint("run", i)
		run.CurrentStep, run.Pivots, run.Error = "priority 1", 120431, ""
		if state == applications.SelectionFailed {
			run.Error = "The master key has changed."
		}
		runs = append(runs, &run)
		out["run "+string(state)] = newRunPage(s.staffFrame(req("/programs/x"), "programs"), sampleProgram(), &run, 2, sampleFacilitator, sampleNow)
	}
	out["runs"] = fillRunsPage(s.staffFrame(req("/programs/x"), "programs"), sampleProgram(), runs, sampleFacilitator)
	out["runs empty"] = fillRunsPage(s.staffFrame(req("/programs/x"), "programs"), sampleProgram(), nil, sampleAdmin)
	staff := func() pageFrame { return s.staffFrame(req("/programs/x"), "programs") }
	editor := func(c *applications.Criteria, who access.Principal) *editing {
		return &editing{server: s, desk: &desk{who, sampleProgram(), sampleForm()}, draft: newDraft(c, sampleForm()), from: l.say("edit.from_version", "n", 2), focus: 1}
	}
	edit := func(status matcher.Status) view {
		e := editor(sampleCriteria(), sampleFacilitator)
		_, where, _ := e.draft.criteria("x", e.form)
		return newEditorPage(staff(), e, sampleVerdict(status), where)
	}
	out["criteria possible"], out["criteria impossible"], out["criteria unknown"] = edit(matcher.Feasible), edit(matcher.Infeasible), edit(matcher.Undecided)
	weighed := editor(sampleCriteria(), sampleFacilitator)
	weighed.weigh = true
	room := sampleVerdict(matcher.Feasible)
	room.Criteria = sampleCriteria()
	room.TradeOff = []selection.TradeOffPoint{
		{People: 60, Impossible: 7, Smallest: 0.02, Proved: true},
		{Extra: map[int]int64{1: 1}, People: 60, Smallest: 0.05, Bound: 0.1},
		{Extra: map[int]int64{1: 2}},
		{Extra: map[int]int64{1: 3}, OverCap: true},
	}
	_, roomAt, _ := weighed.draft.criteria("x", weighed.form)
	out["criteria room"] = newEditorPage(staff(), weighed, room, roomAt)
	faulty := editor(sampleCriteria(), sampleFacilitator)
	faulty.draft.Cards[0].Rows[1].Max = "x"
	faulty.faults, faulty.others = map[string]string{"c0.r1.max": l.say("edit.fault_number"), "allow.1": l.say("edit.fault_allow", "most", 1), "size": l.say("edit.fault_number")}, []string{"invented"}
	out["criteria wrong"] = newEditorPage(staff(), faulty, nil, places{})
	out["criteria none"] = newEditorPage(staff(), editor(&applications.Criteria{Size: 15}, sampleAdmin), nil, places{})
	unregistered := sampleCriteria()
	unregistered.Registered = false
	out["version"] = newVersionPage(staff(), &desk{sampleFacilitator, sampleProgram(), sampleForm()}, sampleCriteria())
	review := newVersionPage(staff(), &desk{sampleFacilitator, sampleProgram(), sampleForm()}, unregistered)
	review.ReasonFault, review.SecondFault, review.Failed = "x", "y", true
	review.Faults = []fault{{"reason", "x"}, {"second", "y"}, {"", "z"}}
	out["version review"] = review
	for name, status := range map[string]matcher.Status{"possible": matcher.Feasible, "impossible": matcher.Infeasible, "unknown": matcher.Undecided} {
		out["outreach "+name] = newOutreachPage(staff(), &desk{sampleFacilitator, sampleProgram(), sampleForm()}, sampleCriteria(), sampleVerdict(status), "https://apply.example.org", sampleNow)
	}
	out["outreach other"] = newOutreachPage(staff(), &desk{sampleAdmin, sampleProgram(), sampleForm()}, nil, nil, "", sampleNow.AddDate(1, 0, 0))
	extend := func() *extendPage {
		return s.newExtendPage(req("/programs/x/extend"), &desk{sampleAdmin, sampleProgram(), sampleForm()})
	}
	out["extend"] = extend()
	late := extend()
	late.UntilFault, late.ReasonFault, late.Failed = "x", "y", true
	late.Faults = []fault{{"until", "x"}, {"reason", "y"}}
	out["extend wrong"] = late
	deskOf := func(who access.Principal) *desk { return &desk{who, sampleProgram(), sampleForm()} }
	ceremony := func(kind applications.SeedKind, draws int) *ceremonyPage {
		return newCeremonyPage(staff(), deskOf(sampleFacilitator), sampleSealed(kind, draws), 4, "https://apply.example.org")
	}
	out["ceremony number"] = ceremony(applications.SeedPublicNumber, 0)
	out["ceremony server"] = ceremony(applications.SeedServer, 0)
	people := ceremony(applications.SeedCommitReveal, 0)
	people.Persons[1].Fault, people.Failed, people.Faults = "x", true, []fault{{"p2-digest", "x"}}
	out["ceremony people"] = people
	out["ceremony drawn"] = ceremony(applications.SeedCommitReveal, 1)
	again := ceremony(applications.SeedPublicNumber, 2)
	again.ValueFault, again.ReasonFault, again.ConfirmFault, again.Confirm, again.Failed = "x", "y", "z", true, true
	again.Faults = []fault{{"value", "x"}, {"reason", "y"}, {"confirm", "z"}}
	out["ceremony again"] = again
	sure := ceremony(applications.SeedCommitReveal, 1)
	sure.Review, sure.Value, sure.Reason, sure.Confirmed = true, "4 1 6", "Somebody withdrew.", "Decided by the board."
	sure.Persons[0].Text, sure.Persons[1].Text = "an invented text of one", "an invented text of two"
	out["ceremony review"] = sure
	early := sampleSealed(applications.SeedPublicNumber, 0)
	early.Seal, early.State = nil, applications.SelectionRunning
	out["ceremony early"] = newCeremonyPage(staff(), deskOf(sampleAdmin), early, 4, "")
	report := func(broken bool) *verify.Report {
		r := &verify.Report{Level: verify.LevelPublic, Accepted: !broken, Certified: !broken}
		for i, state := range []verify.State{verify.Held, verify.NoMatter, verify.NotRun, verify.NotCertified, verify.Broken} {
			if state != verify.Broken || broken {
				r.Checks = append(r.Checks, verify.Check{Number: fmt.Sprint("P", i+1), Title: "An invented check.", State: state, Why: "Why it is so."})
			}
		}
		return r
	}
	drawn := &drawPage{frame: frame(), Heading: l.phrase(p.program.Title), Program: p.program.ID, Word: l.say("public.title"), Text: l.say("public.text"), File: "/draws/x/y/draw-y.json", FileName: "draw-y.json", Report: newReportView(l, report(false)), Record: `{"format":"fairlead public record"}`}
	out["draw"] = drawn
	broken := *drawn
	broken.frame, broken.Report = frame(), newReportView(l, report(true))
	out["draw refused"] = &broken
	out["verify"] = s.newVerifyPage(req("/verify"))
	refused := s.newVerifyPage(req("/verify"))
	refused.Pasted, refused.Beside, refused.Fault, refused.Failed, refused.Faults = "{", "{}", "x", true, []fault{{"pasted", "x"}}
	out["verify wrong"] = refused
	checkedFile := s.newVerifyPage(req("/verify"))
	checkedFile.Report = newReportView(l, report(true))
	out["verify report"] = checkedFile
	out["slip"] = &slipPage{frame: frame(), Program: p.program.ID, File: "/apply/x/slip/y/slip-y.json", FileName: "slip-y.json", Draw: "/draws/x/y", Report: newReportView(l, report(false)), Record: "{}"}
	for _, missing := range []string{"NOT_IN_POOL", "ANSWERS_CHANGED"} {
		page, err := newSlipPage(frame(), p.program, "y", nil, nil, missing)
		if err != nil {
			panic(err)
		}
		out["slip "+missing] = page
	}
	x := sampleExplained()
	drawnRun := sampleSealed(applications.SeedPublicNumber, 1)
	out["person in"] = newPersonPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, x)
	outside := sampleExplained()
	outside.In, outside.Swaps, outside.Lock = false, outside.Swaps[:1], ""
	outside.Swaps[0].Out = []string{"NS-0100"}
	out["person out"] = newPersonPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, outside)
	hidden := sampleExplained()
	hidden.Withheld, hidden.Swaps, hidden.Chance, hidden.Helps = true, nil, nil, nil
	hidden.RunView.Rules = nil
	out["person withheld"] = newPersonPage(staff(), deskOf(sampleAdmin), drawnRun, 4, hidden)
	swap := newSwapPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, x, []string{"NS-0340"})
	shift := func(row, before, after, short int) selection.RuleShift {
		b := x.RunView.Rules[row-1].RuleCount
		a := b
		b.Count, a.Count, a.Short = before, after, short
		return selection.RuleShift{Before: b, After: a}
	}
	swap.Effect = newEffectView(l, &applications.WhatIf{RunView: x.RunView, Effect: &selection.Effect{
		Breach: selection.Breach{Reason: "priority 1", By: 1, Rules: []matcher.RuleCount{{Row: 1}, {Row: 99}}, Conditions: []selection.Broken{{Kind: selection.BrokenCap}, {Kind: selection.BrokenApart}}},
		Rules:  []selection.RuleShift{shift(1, 3, 2, 0), shift(2, 2, 3, 0), shift(4, 2, 1, 3)},
	}})
	swap.Fault, swap.Failed, swap.Faults = "x", true, []fault{{"other", "x"}}
	out["swap"] = swap
	free := sampleExplained()
	free.Lock = ""
	out["person not locked"] = newPersonPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, free)
	for what, e := range map[string]*selection.Effect{
		"same": {Outcome: &matcher.Outcome{Status: matcher.Optimal}},
		"cost": {
			Outcome: &matcher.Outcome{Status: matcher.Feasible}, Present: selection.Breach{Reason: selection.ExcludedByConditions},
			Cost: selection.Breach{Reason: "priority 1", By: 1, Rules: []matcher.RuleCount{{Row: 1}}}, Joined: []string{"NS-0340"}, Left: []string{"NS-0100"},
			Rules: []selection.RuleShift{shift(1, 3, 2, 0), shift(4, 2, 1, 3)},
		},
		"impossible": {Outcome: &matcher.Outcome{Status: matcher.Infeasible, Infeasibility: sampleResult("impossible").Record.Infeasibility}},
		"undecided":  {Outcome: &matcher.Outcome{Status: matcher.Undecided}},
	} {
		out["what-if "+what] = newWhatIfPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, &applications.WhatIf{RunView: x.RunView, Effect: e, After: x.RunView.Rules}, "NS-0100", tryExclude)
	}
	pair := sampleExplained()
	pair.Tied = []string{"NS-0113"}
	pair.Swaps = []selection.Swap{{Out: []string{"NS-0100", "NS-0113"}, In: []string{"NS-0288", "NS-0340"}}}
	out["person tied"] = newPersonPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, pair)
	out["swap tied"] = newSwapPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, pair, pair.Swaps[0].In)
	alone := sampleExplained()
	alone.Swaps = nil
	out["swap none"] = newSwapPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, alone, nil)
	for _, n := range []int{0, 1, 3} {
		out[fmt.Sprint("options ", n)] = newOptionsPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, sampleAlternatives(n), drawnRun.Draws[0].Cohort)
	}
	ready := &applications.Standby{RunView: sampleView(), Standby: &selection.Standby{
		Singles: selection.Cases{All: 15, Exact: 11, Open: 1}, Pairs: selection.Cases{All: 105, Exact: 60}, Without: []string{"NS-0100", "NS-0113"},
		Alternates: []selection.Alternate{{ID: "NS-0340", Covers: []string{"NS-0126", "NS-0139"}}, {ID: "NS-0288", Covers: []string{"NS-0152"}}},
	}}
	out["standby"] = newStandbyPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, ready)
	out["standby none"] = newStandbyPage(staff(), deskOf(sampleFacilitator), drawnRun, 4, &applications.Standby{RunView: sampleView(), Standby: &selection.Standby{Proved: true}})
	choose := func() *choosePage {
		page := &choosePage{frame: staff(), Path: "/programs/x/selections/y", Number: 4, Out: []string{"NS-0100"}, In: []string{"NS-0340"}, Cohort: "NS-0340", Warning: l.say("choose.warning")}
		page.titled("Invented")
		return page
	}
	out["choose"] = choose()
	unreasoned := choose()
	unreasoned.Fault, unreasoned.Failed, unreasoned.Faults = "x", true, []fault{{"reason", "x"}, {"", "y"}}
	out["choose wrong"] = unreasoned
	replace := func() *replacePage {
		page := &replacePage{frame: staff(), Path: "/programs/x/selections/y", Number: 4, Names: "NS-0100"}
		for i, code := range []string{"NS-0100", "NS-0113", "NS-0126"} {
			page.Members = append(page.Members, declineView{ID: "d-" + code, Code: code, State: l.say("seat.ACCEPTED"), Gone: i == 1, Chosen: i < 2})
		}
		page.titled("Invented")
		return page
	}
	out["replace"] = replace()
	offerIn := func(state applications.OfferState, code string) *applications.Offer {
		o := &applications.Offer{Program: "x", ID: "o-" + code, Code: code, State: state, Selection: drawnRun.ID, Reason: "As drawn.", CreateTime: sampleNow}
		switch state {
		case applications.OfferSent, applications.OfferAccepted, applications.OfferDeclined:
			o.SendTime, o.ExpireTime = sampleNow, sampleNow.AddDate(0, 0, 14)
		case applications.OfferExpired:
			o.SendTime, o.ExpireTime = sampleNow.AddDate(0, 0, -20), sampleNow.AddDate(0, 0, -6)
		}
		if state == applications.OfferDeclined {
			o.AnswerTime, o.DeclineReason = sampleNow, "I am moving away (invented)."
		}
		return o
	}
	var offersMade []*applications.Offer
	for i, state := range offerOrder {
		offersMade = append(offersMade, offerIn(state, fmt.Sprintf("NS-01%02d", i)))
	}
	out["offers"] = newOffersPage(staff(), deskOf(sampleFacilitator), offersMade, []*applications.Selection{drawnRun}, sampleNow)
	out["offers none"] = newOffersPage(staff(), deskOf(sampleFacilitator), nil, nil, sampleNow)
	for _, o := range offersMade {
		out["offer "+strings.ToLower(string(o.State))] = newOfferPage(staff(), deskOf(sampleFacilitator), o, "r", sampleNow)
	}
	wrongOffer := newOfferPage(staff(), deskOf(sampleFacilitator), offersMade[1], "r", sampleNow)
	wrongOffer.Failed, wrongOffer.HowFault, wrongOffer.WhyFault, wrongOffer.Faults = true, "x", "y", []fault{{"how", "x"}, {"why", "y"}}
	out["offer wrong"] = wrongOffer
	makeOffers := func() *makeOffersPage {
		page := &makeOffersPage{frame: staff(), Path: "/programs/x/selections/y", Any: true, Request: "r"}
		for i, code := range []string{"NS-0100", "NS-0113", "NS-0126"} {
			page.Members = append(page.Members, declineView{ID: "o-" + code, Code: code, State: l.say("seat.none"), Gone: i == 1, Chosen: i != 1})
		}
		page.titled("Invented")
		return page
	}
	out["offers-make"] = makeOffers()
	wrongMake, doneMake := makeOffers(), makeOffers()
	wrongMake.Failed, wrongMake.Fault, wrongMake.Faults = true, "x", []fault{{"reason", "x"}}
	doneMake.Any = false
	out["offers-make wrong"], out["offers-make all"] = wrongMake, doneMake
	sendOffers := func(codes ...string) *sendOffersPage {
		page := &sendOffersPage{frame: staff(), Path: "/programs/x/offers", Codes: codes, Until: "2027-05-01T17:00", Zone: "America/Los_Angeles", Request: "r"}
		page.titled("Invented")
		return page
	}
	wrongSend := sendOffers("NS-0100")
	wrongSend.Failed, wrongSend.UntilFault, wrongSend.Faults = true, "x", []fault{{"until", "x"}}
	out["offers-send"], out["offers-send none"], out["offers-send wrong"] = sendOffers("NS-0100", "NS-0113"), sendOffers(), wrongSend
	sureReplace, wrongReplace := replace(), replace()
	sureReplace.Review, sureReplace.Reason = true, "Told us by telephone."
	wrongReplace.Fault, wrongReplace.Failed, wrongReplace.Faults = "x", true, []fault{{"reason", "x"}}
	out["replace review"], out["replace wrong"] = sureReplace, wrongReplace
	for _, public := range []bool{false, true} {
		b := sampleBoard(public)
		if public {
			b.res.Withhold()
		}
		page := newBoardPage(staff(), b)
		page.Made = l.moment(sampleNow, zoneOf(b.program))
		out[map[bool]string{false: "board", true: "board public"}[public]] = page
	}
	start := fillRunsPage(staff(), sampleProgram(), nil, sampleFacilitator)
	start.Start.fill(l, nil, url.Values{"include": {"NS-0001"}, "seed_kind": {"COMMIT_REVEAL"}, "first": {"One"}})
	out["runs start"] = start
	tied := fillRunsPage(staff(), sampleProgram(), nil, sampleFacilitator)
	tied.Start.fill(l, &applications.Criteria{Lottery: matcher.LotteryNone}, nil)
	out["runs tied"] = tied
	for _, shape := range []string{"sealed", "drawn"} {
		page := newResultPage(staff(), sampleResult(shape), 4, "people")
		page.MayRun, page.MayTry = true, true
		out["result "+shape] = page
		out["result "+shape+" makeup"] = newResultPage(staff(), sampleResult(shape), 4, "")
	}
	for _, shape := range []string{"optimal", "impossible", "clash", "undecided", "large"} {
		out["result "+shape] = newResultPage(s.staffFrame(req("/programs/x"), "programs"), sampleResult(shape), 4, "")
	}
	out["result people"] = newResultPage(s.staffFrame(req("/programs/x"), "programs"), sampleResult("optimal"), 4, "people")
	maskedResult := sampleResult("optimal")
	maskedResult.Withhold()
	out["result masked"] = newResultPage(s.staffFrame(req("/programs/x"), "programs"), maskedResult, 4, "")
	trial := sampleResult("optimal")
	trial.Selection.Trial = true
	out["result trial"] = newResultPage(s.staffFrame(req("/programs/x"), "programs"), trial, 4, "people")
	for name, page := range mentoringSamples(s, req) {
		out[name] = page
	}
	for name, page := range peopleSamples(s, req) {
		out[name] = page
	}
	for name, page := range matchingSamples(s, req) {
		out[name] = page
	}
	return out
}

func newTestServer() *server {
	return New(Options{Secrets: testSecrets{}, Now: func() time.Time { return sampleNow }}).(*server)
}
