package mentoring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/internal/access"
	"github.com/openfairlead/fairlead/internal/calls"
	"github.com/openfairlead/fairlead/internal/leased"
	"github.com/openfairlead/fairlead/internal/problem"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// RulePrices is what hard rules take from the mentees who are available now,
// before anybody is matched by them.
type RulePrices struct {
	Mentees int   // who want a mentor
	Mentors int   // who have a seat
	Pairs   int64 // that no rule in force forbids
	Now     Left  // with the rules in force
	Rules   []RulePrice
}

// Left counts mentees who have hardly a choice.
type Left struct {
	None int // no mentor to choose
	Few  int // fewer than pairing.Few, those with none included
}

// RulePrice is what one hard rule takes. Those about what only one of a pair may
// know of, or only one of them decided, are one rule, "private": what each of
// them takes would tell of people who are few.
type RulePrice struct {
	Rule     string
	InForce  bool
	Liftable bool
	// Alone is with this rule and no other; Changed if the rule were lifted, or put
	// in force where it is not.
	Alone, Changed Left
	Pairs          int64 // that this rule alone forbids, or would
}

// PriceRules says what each hard rule of a program takes: those of its plan as
// it is saved if rules is nil, else those of a rules file (empty: the one that
// ships). It saves nothing. InvalidArgument RULES_INVALID.
func (s *Service) PriceRules(ctx context.Context, who access.Principal, program string, rules *string) (*RulePrices, error) {
	if err := calls.Need(who, access.MatchingsRun, program); err != nil {
		return nil, err
	}
	var f *frozen
	err := s.Store.View(ctx, func(tx Tx) error {
		p, err := tx.Plan(ctx, program)
		if err != nil {
			return err
		}
		if f, err = freeze(ctx, tx, p, &Matching{Program: program}); err != nil {
			return err
		}
		if rules != nil {
			f.Rules = *rules
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(f.Rules) > mostRules {
		return nil, problem.Invalid("RULES_INVALID", "these rules cannot be priced", Violation{Field: "rules", Message: fmt.Sprintf("at most %d KiB", mostRules>>10)})
	}
	if _, err := (&Plan{Rules: f.Rules}).ScoringRules(); err != nil {
		return nil, problem.Invalid("RULES_INVALID", "these rules cannot be priced", Violation{Field: "rules", Message: err.Error()})
	}
	v, err := scorable(f)
	if err != nil {
		return nil, err
	}
	return v.priceRules(ctx)
}

func (v *solved) priceRules(ctx context.Context) (*RulePrices, error) {
	price := func(more ...scoring.Rule) (*pairing.RulePrices, error) {
		return pairing.PriceRules(ctx, v.problem, *openRules(v.scorer.Rules(more...)))
	}
	now, err := price()
	if err != nil {
		return nil, err
	}
	left := func(l pairing.Left) Left { return Left{l.WithNone, l.WithFew} }
	all := &RulePrices{Mentees: now.Mentees, Mentors: now.Mentors, Pairs: now.Pairs, Now: left(now.All)}
	for _, r := range now.Rules {
		all.Rules = append(all.Rules, RulePrice{
			Rule: r.Rule, InForce: true, Liftable: r.Rule != privateRule && scoring.Liftable(r.Rule),
			Alone: left(r.Alone), Changed: left(r.Without), Pairs: r.Pairs,
		})
	}
	for _, rule := range v.scorer.NotInForce() {
		name := rule.String()
		if slices.Contains(privateRules, name) {
			continue // the other private ones are in force always
		}
		then, err := price(rule)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(then.Rules, func(r pairing.RulePrice) bool { return r.Rule == name })
		all.Rules = append(all.Rules, RulePrice{
			Rule: name, Liftable: true, Alone: left(then.Rules[at].Alone), Changed: left(then.All), Pairs: now.Pairs - then.Pairs,
		})
	}
	return all, nil
}

// privateRule stands for rules that only one of a pair may know of.
const privateRule = "private"

// rules are the hard rules in force, for why somebody is left.
func (v *solved) rules() *pairing.HardRules { return openRules(v.scorer.Rules()) }

// openRules are hard rules as staff may know them: the private ones are one.
func openRules(view *scoring.RuleView) *pairing.HardRules {
	h := hardRules{view: view}
	for k, name := range view.Names() {
		shown := publicRules([]string{name})[0]
		at := slices.Index(h.names, shown)
		if at < 0 {
			at = len(h.names)
			h.names = append(h.names, shown)
		}
		h.bit[k] = 1 << at
	}
	return &pairing.HardRules{Names: h.names, Rows: &h}
}

type hardRules struct {
	view  *scoring.RuleView
	names []string
	bit   [64]uint64 // of the view's rules, among names
}

// Blocked implements pairing.RuleRows.
func (h *hardRules) Blocked(j int, into []uint64) {
	h.view.Blocked(j, into)
	for i, m := range into {
		shown := uint64(0)
		for ; m != 0; m &= m - 1 {
			shown |= h.bit[bits.TrailingZeros64(m)]
		}
		into[i] = shown
	}
}

// Recruitment says whom to look for: what one more seat would be worth to a
// run, with the edits since.
type Recruitment struct {
	Unserved int // mentees who want a mentor and have none
	// Seats is how many more seats it takes, at least, until nobody is left: one
	// seat serves one mentee more at most. Mentors is how many mentors that is, at
	// least, if each takes as many mentees as the plan allows.
	Seats, Mentors int
	// Groups are the mentors who are there, by topic, place and language; of each of
	// these the group first in which a seat is worth most.
	Groups []RecruitGroup
	// Kinds are mentors who are not there yet, those first who help most. None
	// where the objective asks for good scores before everybody is served: how
	// well somebody fits who is not there yet is not known.
	Kinds []RecruitKind
}

// RecruitGroup is what one more seat is worth with the mentors of one topic,
// place or language.
type RecruitGroup struct {
	Attribute      string // "topic", "place" or "language"
	Value, Label   string // an id, or people's own words; its English label
	Mentors, Seats int
	// Worth is what one more seat brings, term by term, with the mentor of the group
	// with whom it brings most: only terms that change.
	Worth []Term
	// Serving is how many of the mentors would, with one more seat, let one mentee
	// more be served.
	Serving int
}

// RecruitKind is a mentor who is not there yet, with one seat, of whom only a
// language and a place are known.
type RecruitKind struct {
	Language, LanguageLabel string
	Place, PlaceLabel       string // "": anywhere
	Serves                  int    // mentees more with a mentor: 0 or 1
	Waiting                 int    // of these, left over before
	// Could is how many of those without a mentor speak the language, live there,
	// and are kept from such a mentor by no hard rule.
	Could int
	// Topics are what these want to learn most, at most three.
	Topics, TopicLabels []string
}

// Recruit says whom to look for, by a run. FailedPrecondition MATCHING_UNPROVED
// if the run was stopped before its pairs were proved best.
func (s *Service) Recruit(ctx context.Context, who access.Principal, program, id string) (*Recruitment, error) {
	m, err := s.matching(ctx, who, access.MatchingsRead, program, id)
	if err != nil {
		return nil, err
	}
	var plan *Plan
	if err := s.Store.View(ctx, func(tx Tx) (err error) {
		plan, err = tx.Plan(ctx, program)
		return err
	}); err != nil {
		return nil, err
	}
	v, err := s.solvedWith(ctx, m, m.Edits)
	if err != nil {
		return nil, err
	}
	return v.recruit(ctx, plan.MaxSeats)
}

func (v *solved) recruit(ctx context.Context, mostSeats int) (*Recruitment, error) {
	if len(v.problem.Objective) > 0 && v.problem.Objective[0] == pairing.Even {
		return nil, problem.Errorf(problem.FailedPrecondition, "OBJECTIVES_EVEN", "where even loads count before everything else, a seat is worth nothing by itself: start a run with another objective")
	}
	people, err := v.readPeople()
	if err != nil {
		return nil, err
	}
	o := pairing.RecruitOptions{Mentors: people.groupings()}
	kinds := people.kinds()
	if v.servesFirst() {
		if o.Invented, err = people.invent(ctx, kinds); err != nil {
			return nil, err
		}
	}
	found, err := pairing.Recruit(ctx, v.problem, v.result, o)
	switch {
	case errors.Is(err, pairing.ErrNoProof):
		return nil, problem.Errorf(problem.FailedPrecondition, "MATCHING_UNPROVED", "this run was stopped before its pairs were proved best, so that nothing can be said of a seat more: start a run without a limit")
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, &leased.Fault{Err: err}
	}
	r := &Recruitment{}
	served := map[string]bool{}
	for _, match := range v.result.Matches {
		served[match.Mentee] = true
	}
	for _, e := range v.input.Mentees {
		if !served[e.Code] {
			r.Unserved++
		}
	}
	r.Seats, r.Mentors = r.Unserved, (r.Unserved+mostSeats-1)/mostSeats
	for _, g := range found.Groups {
		group := RecruitGroup{
			Attribute: g.Attribute, Value: g.Group, Label: people.label(g.Attribute, g.Group), Mentors: g.Mentors, Seats: g.Seats,
			Worth: worthTerms(found.Tiers, g.Worth), Serving: g.Serving,
		}
		r.Groups = append(r.Groups, group)
	}
	for k, invented := range found.Invented {
		kind := kinds[k]
		for n, tier := range found.Tiers {
			switch {
			case tier.Kind == pairing.KindCover && tier.Number == 1:
				kind.Serves = int(max(invented.Worth[n], 0))
			case tier.Kind == pairing.KindWaiting:
				kind.Waiting = int(max(invented.Worth[n], 0))
			}
		}
		people.could(&kind, o.Invented[k].Scores, served)
		r.Kinds = append(r.Kinds, kind)
	}
	slices.SortStableFunc(r.Kinds, func(a, b RecruitKind) int {
		return cmp.Or(cmp.Compare(b.Serves, a.Serves), cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Could, a.Could),
			strings.Compare(a.Language, b.Language), strings.Compare(a.Place, b.Place))
	})
	return r, nil
}

// servesFirst reports whether how many are served counts before how well.
func (v *solved) servesFirst() bool {
	return len(v.problem.Objective) == 0 || v.problem.Objective[0] == pairing.Cover
}

// worthTerms are gains by the names of terms. How many stay below the threshold
// of worst is none that people follow.
func worthTerms(tiers []pairing.Tier, worth []int64) []Term {
	var terms []Term
	for k, tier := range tiers {
		if worth[k] == 0 || tier.Kind == pairing.KindBelow {
			continue
		}
		terms = append(terms, Term{Name: termName(tier), Value: worth[k]})
	}
	return terms
}

// readable are the people of a run as their profiles tell of them.
type readable struct {
	rules   *scoring.Rules
	topics  *scoring.Topics
	travel  *scoring.Travel
	mentees []scoring.Mentee // as in the input
	mentors []scoring.Mentor
}

func (v *solved) readPeople() (*readable, error) {
	rules, err := (&Plan{Rules: v.input.Rules}).ScoringRules()
	if err != nil {
		return nil, problem.Errorf(problem.FailedPrecondition, "RULES_INVALID", "the program's rules cannot be read: %v", err)
	}
	people := &readable{rules: rules, topics: scoring.ShippedTopics(), travel: shippedTravel()}
	in := scoring.NewIntake(rules, people.topics, people.travel)
	for _, e := range v.input.Mentees {
		m, _ := in.Mentee(e.Code, e.Profile) // a cell that cannot be read is blank
		for _, a := range e.Affinity {
			m.Seeks = append(m.Seeks, scoring.Seek{Attribute: a.Attribute, Value: a.Value, Strength: strengths[a.Strength]})
		}
		people.mentees = append(people.mentees, m)
	}
	for _, e := range v.input.Mentors {
		m, _ := in.Mentor(e.Code, e.Profile)
		people.mentors = append(people.mentors, m)
	}
	return people, nil
}

// groupings sort the mentors by what staff read of them.
func (r *readable) groupings() []pairing.Grouping {
	topics, places, languages := pairing.Grouping{Attribute: "topic"}, pairing.Grouping{Attribute: "place"}, pairing.Grouping{Attribute: "language"}
	for i := range r.mentors {
		m := &r.mentors[i]
		var offered, near []string
		for _, o := range m.Offers {
			offered = append(offered, o.Topic)
		}
		for _, at := range m.Places {
			near = append(near, r.travel.IDs()[at])
		}
		topics.Of, places.Of, languages.Of = append(topics.Of, offered), append(places.Of, near), append(languages.Of, m.Languages)
	}
	return []pairing.Grouping{topics, places, languages}
}

func (r *readable) label(attribute, value string) string {
	switch attribute {
	case "topic":
		return r.topics.Label(value, "en")
	case "place":
		return r.travel.Label(value, "en")
	}
	return scoring.LanguageName(value)
}

// mostKinds bounds the mentors who are imagined: each costs a score with every
// mentee.
const mostKinds = 200

// kinds are the mentors who could be looked for: every language that a mentee
// speaks, anywhere and in every place where somebody who speaks it is; those
// first whom most could have.
func (r *readable) kinds() []RecruitKind {
	type key struct{ language, place string }
	named := map[key]int{}
	for j := range r.mentees {
		languages := r.mentees[j].Languages
		if len(languages) == 0 {
			languages = []string{""}
		}
		for _, language := range languages {
			named[key{language, ""}]++
			for _, at := range r.mentees[j].Places {
				named[key{language, r.travel.IDs()[at]}]++
			}
		}
	}
	keys := make([]key, 0, len(named))
	for k := range named {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(named[b], named[a]), strings.Compare(a.language, b.language), strings.Compare(a.place, b.place))
	})
	var kinds []RecruitKind
	for _, k := range keys[:min(len(keys), mostKinds)] {
		kind := RecruitKind{Language: k.language, Place: k.place}
		if k.language != "" {
			kind.LanguageLabel = scoring.LanguageName(k.language)
		}
		if k.place != "" {
			kind.PlaceLabel = r.travel.Label(k.place, "en")
		}
		kinds = append(kinds, kind)
	}
	return kinds
}

// invent scores mentors of whom only a language and a place are known with
// every mentee. What is not known of them is no mismatch; how high these scores
// are says little, and nothing is told of it.
func (r *readable) invent(ctx context.Context, kinds []RecruitKind) ([]pairing.InventedMentor, error) {
	in := scoring.NewIntake(r.rules, r.topics, r.travel)
	input := scoring.Input{Rules: r.rules, Topics: r.topics, Travel: r.travel, Mentees: r.mentees}
	for k, kind := range kinds {
		m, _ := in.Mentor(fmt.Sprint("new ", k), map[string]string{"languages": kind.Language, "places": kind.Place})
		input.Mentors = append(input.Mentors, m)
	}
	scorer, _, err := scoring.New(input)
	if err != nil {
		return nil, &leased.Fault{Err: err}
	}
	scores, err := scorer.Matrix(ctx, 1)
	if err != nil {
		return nil, err
	}
	invented := make([]pairing.InventedMentor, len(kinds))
	for k := range kinds {
		column := make([]int16, len(r.mentees))
		for j := range column {
			column[j] = scores[j*len(kinds)+k]
		}
		invented[k] = pairing.InventedMentor{Name: input.Mentors[k].ID, Scores: column}
	}
	return invented, nil
}

// could counts whom a new mentor could have of those without one, and what these
// want to learn.
func (r *readable) could(kind *RecruitKind, scores []int16, served map[string]bool) {
	wanted := map[string]int{}
	for j := range r.mentees {
		m := &r.mentees[j]
		near := kind.Place == "" || slices.ContainsFunc(m.Places, func(at int) bool { return r.travel.IDs()[at] == kind.Place })
		if served[m.ID] || scores[j] < 0 || !near || kind.Language != "" && !slices.Contains(m.Languages, kind.Language) {
			continue
		}
		kind.Could++
		for _, w := range m.Wants {
			wanted[w.Topic] += w.Importance
		}
	}
	const most = 3
	topics := slices.Sorted(maps.Keys(wanted))
	slices.SortStableFunc(topics, func(a, b string) int { return cmp.Compare(wanted[b], wanted[a]) })
	for _, topic := range topics[:min(len(topics), most)] {
		kind.Topics = append(kind.Topics, topic)
		kind.TopicLabels = append(kind.TopicLabels, r.topics.Label(topic, "en"))
	}
}
