package applications

import "github.com/openfairlead/fairlead/matcher"

// FormForTests is a form with every kind of question. Its labels are plain,
// its answers invented.
func FormForTests() *Form {
	en := func(s string) Text { return Text{"en": s} }
	both := func(en, es string) Text { return Text{"en": en, "es": es} }
	return &Form{
		Attributes: []Attribute{
			{
				Key: "role", Kind: Multi, Question: en("What authority do you have?"), Label: en("Authority"), Required: true,
				Sensitivity: InternalFact, Purposes: []Purpose{ForEligibility, ForBalance},
				Values: []Value{
					{Code: "decides", Label: en("I decide")},
					{Code: "supervises", Label: en("I supervise")},
					{Code: "influences", Label: en("I influence")},
					{Code: "neither", Label: en("None of these"), Exclusive: true, Uncounted: true},
				},
			},
			{
				Key: "organization", Kind: Entity, Question: en("Where do you work?"), Label: en("Organization"),
				Sensitivity: InternalFact, Purposes: []Purpose{ForBalance},
			},
			{
				Key: "sector", Kind: Multi, MaxValues: 2, Question: en("Which kind of organization do you work in?"), Label: en("Sector"),
				Sensitivity: InternalFact, Purposes: []Purpose{ForBalance, ForReport},
				Values: []Value{
					{Code: "clinic", Label: en("Primary care clinic, including health centers")},
					{Code: "hospital", Label: both("Hospital", "Hospital o clínica")},
					{Code: "housing", Label: en("Housing")},
					{Code: "other", Label: en("Another sector"), WriteIn: true},
				},
			},
			{
				Key: "staff", Kind: Number, Question: en("How many people work there?"), Label: en("Staff"),
				Sensitivity: InternalFact, Purposes: []Purpose{ForReport},
			},
			{
				Key: "county", Kind: Multi, Question: both("Which counties do you serve? Select all that apply.", "¿En qué condados presta servicios?"),
				Label: both("County", "Condado"), Sensitivity: Personal, Purposes: []Purpose{ForBalance, ForReport},
				Values: []Value{
					{Code: "island", Label: both("Island County", "Condado de Island"), Benchmark: &Benchmark{Share: 0.0674, Basis: "people", Source: "census"}},
					{Code: "san_juan", Label: en("San Juan County")},
					{Code: "skagit", Label: en("Skagit County")},
				},
			},
			{
				Key: "race", Kind: Multi, Question: en("What is your race or ethnicity?"), Label: en("Race"), Decline: true,
				Sensitivity: Special, Purposes: []Purpose{ForReport},
				Values: []Value{
					{Code: "asian", Label: en("Asian")},
					{Code: "black", Label: en("Black")},
					{Code: "hispanic", Label: en("Hispanic")},
					{Code: "white", Label: en("White")},
				},
			},
			{
				Key: "race_report", Kind: Derived, DerivedFrom: "race", Label: en("Race, for reports"),
				Sensitivity: Special, Purposes: []Purpose{ForReport},
				Values: []Value{
					{Code: "hispanic_any", Label: en("Hispanic, any"), Rollup: &Rollup{Any: []string{"hispanic"}}},
					{Code: "multi", Label: en("Two or more"), Rollup: &Rollup{AtLeast: 2}},
					{Code: "white_only", Label: en("White only"), Rollup: &Rollup{Only: "white"}},
				},
			},
			{
				Key: "relation", Kind: Multi, Question: en("What is your relationship with a Tribal Nation?"), Label: en("Relation"), Decline: true,
				Sensitivity: SpecialSovereign, Purposes: []Purpose{ForReport},
				Values: []Value{
					{Code: "citizen", Label: en("Citizen")},
					{Code: "serves", Label: en("I serve its community")},
					{Code: "none", Label: en("None"), Exclusive: true, Uncounted: true},
				},
			},
			{
				Key: "nation", Kind: Multi, Question: en("Which Nations?"), Label: en("Nation"), Decline: true,
				Sensitivity: SpecialSovereign, Purposes: []Purpose{ForReport},
				VisibleWhen: &Condition{"relation", []string{"citizen", "serves"}},
				Values: []Value{
					{Code: "lummi", Label: en("Lummi Nation")},
					{Code: "tulalip", Label: en("Tulalip Tribes")},
					{Code: "enrolled_office", Label: en("An enrollment office"), VisibleWhen: &Condition{"relation", []string{"citizen"}}},
					{Code: "another", Label: en("Another"), WriteIn: true},
				},
			},
			{
				Key: "lived", Kind: Multi, Question: en("Which of these have you lived?"), Label: en("Lived experience"), Decline: true,
				Sensitivity: SpecialHealth, Purposes: []Purpose{ForReport},
				Qualifier: &Qualifier{Key: "whose", Label: en("Whose?"), Values: []Value{
					{Code: "self", Label: en("My own")}, {Code: "family", Label: en("Family")},
				}},
				Values: []Value{
					{Code: "poverty", Label: en("Low income")},
					{Code: "disability", Label: en("Disability"), Health: true},
					{Code: "none_of_these", Label: en("None of these"), Exclusive: true, Uncounted: true},
				},
			},
			{
				Key: "tongue", Kind: Single, Question: en("Which language do you prefer?"), Label: en("Language"),
				Sensitivity: Personal, Purposes: []Purpose{ForLogistics},
				Values: []Value{{Code: "english", Label: en("English")}, {Code: "spanish", Label: both("Spanish", "Español")}},
			},
			{
				Key: "needs", Kind: FreeText, Question: en("What would help you take part?"), Label: en("Needs"), MaxLength: 100,
				Sensitivity: SpecialHealth, Purposes: []Purpose{ForLogistics},
			},
		},
		Pages: []Page{
			{Key: ContactPage, Title: en("About you")},
			{Key: "role", Title: en("Your role"), Attributes: []string{"role"}},
			{Key: "work", Title: en("Your work"), Attributes: []string{"organization", "sector", "staff"}},
			{Key: "county", Title: en("Counties"), Attributes: []string{"county"}},
			{Key: "race", Title: en("Race"), Attributes: []string{"race"}},
			{Key: "nation", Title: en("Your relationship with a Tribal Nation"), Attributes: []string{"relation", "nation"}},
			{Key: "lived", Title: en("Lived experience"), Attributes: []string{"lived"}},
			{Key: "part", Title: en("Taking part"), Attributes: []string{"tongue", "needs"}},
			{Key: ConsentPage, Title: en("Consent")},
		},
		Eligibility: []Condition{{"role", []string{"decides", "supervises"}}},
		Consents: []ConsentText{
			{Key: "use", Text: en("Use my answers to choose the group"), Required: true},
			{Key: "health", Text: en("Keep my health answers"), Health: true},
		},
	}
}

// EntityKey lets the outer tests look at what is derived.
var EntityKey = entityKey

// StepsOf lists the durable steps that a run took.
func StepsOf(sel *Selection) []string {
	var all []string
	for _, st := range sel.Steps {
		all = append(all, st.Name)
	}
	return all
}

// ApplicationStates lists all states.
func ApplicationStates() []ApplicationState { return applicationStates }

// VerifyRun says what is wrong with a stored run, without the audit log.
func VerifyRun(sel *Selection) string { return sel.verify(committed{}) }

// CheckResult is what the runner asks of a record before it stores it.
func CheckResult(sel *Selection, r *matcher.Record) error {
	input, err := readFrozen(sel.Frozen)
	if err != nil {
		return err
	}
	return sel.checkResult(input, r)
}

// Recall and Recalled are what checks of criteria remember of a pool.
func (s *Service) Recall(program string, form *Form, pool []*Application) {
	s.recall(program, form, pool)
}

func (s *Service) Recalled(program string) []*Application {
	recalling.Lock()
	defer recalling.Unlock()
	if p := s.pools[program]; p != nil {
		return p.people
	}
	return nil
}

const RecallFor, MaxRecalled, MaxRecalledPools = recallFor, maxRecalled, maxRecalledPools
