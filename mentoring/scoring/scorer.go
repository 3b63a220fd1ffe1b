package scoring

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// Input is what one run scores.
type Input struct {
	Rules   *Rules  // nil: those that ship
	Topics  *Topics // nil: those that ship
	Travel  *Travel // nil: that which ships
	Mentees []Mentee
	Mentors []Mentor
	// Ended are pairs of a mentee's and a mentor's id that ended with a concern.
	Ended [][2]string
}

// Warning is about something that is no mistake for certain.
type Warning struct {
	ID      string // of the person
	Column  string
	Message string
}

// Scorer scores pairs of one run. Indices of mentees and mentors are those of
// the input. It may be used from several goroutines at once.
type Scorer struct {
	rules   *Rules
	topics  *Topics
	travel  *Travel
	cal     *calendar
	mentees []Mentee
	mentors []Mentor

	wants  [][]want    // by mentee
	skill  [][]posting // by topic: what offers are worth, in thousandths
	offers [][]offer   // by mentor
	corpus *corpus
	goals  []query // by mentee

	menteeStarts, mentorStarts []slotSet
	languages, places, traits  classes
	traitKeys                  [][]string // by mentor: released for matching
	seekKeys                   [][]string // by mentee
	experiences                []int16    // by mentor; -1: blank
	flags                      []uint8    // by mentor
	styles                     []uint8    // by mentor, item by item
	styleValue                 [][]int64  // by items answered, distance
	gapValue                   [2*mostExperience + 1]int64
	plentyValue                []int64

	blocked     [][]block // by mentee: pairs that a rule about two people forbids
	unitMentors map[string][]int32
	opinions    [][]opinion // by mentee: of her and of mentors about each other
	unmentioned []int16     // by mentor: what they think of whom they do not name
	anyNamed    bool        // a mentor names somebody

	pool sync.Pool
}

type (
	want struct {
		topic int
		share uint32
	}
	offer struct{ topic, level int }
	block struct {
		mentor int32
		rule   Rule
	}
	// opinion is what one of a pair thinks of the other, in thousandths.
	opinion struct {
		mentor   int32
		ofMentor bool // the mentor's, else the mentee's
		value    int16
	}
)

// What there is to know of a mentor, as bits: a row looks at all the mentors,
// and their profiles lie far apart.
const (
	hasHours, hasOffers, asynchronous, inPerson, notInPerson = 1, 2, 4, 8, 16
)

// What people think of somebody: the first whom they wish for, how much less
// the next, one whom they do not name although they name others, and one whom
// they never want. -1: they name nobody.
const (
	firstWish   = 1000
	nextWish    = 100
	noWish      = 300
	softNever   = 0
	noOpinion   = -1
	opinionUnit = one / 1000
)

// New prepares the scores of a run.
func New(in Input) (*Scorer, []Warning, error) {
	s := &Scorer{rules: in.Rules, topics: in.Topics, travel: in.Travel, mentees: in.Mentees, mentors: slices.Clone(in.Mentors)}
	if s.rules == nil {
		s.rules = DefaultRules()
	}
	if s.topics == nil {
		s.topics = ShippedTopics()
	}
	if s.travel == nil {
		s.travel = ShippedTravel()
	}
	menteeAt, err := positions("mentee", len(in.Mentees), func(i int) string { return in.Mentees[i].ID })
	if err != nil {
		return nil, nil, err
	}
	mentorAt, err := positions("mentor", len(in.Mentors), func(i int) string { return in.Mentors[i].ID })
	if err != nil {
		return nil, nil, err
	}
	// What was not released for matching ends here.
	for i := range s.mentors {
		var released []Trait
		for _, t := range s.mentors[i].Traits {
			if t.Matching {
				released = append(released, t)
			}
		}
		s.mentors[i].Traits = released
	}
	s.cal = newCalendar(s.rules.Week, s.rules.Minutes)
	s.prepareTables()
	s.prepareSkills()
	s.corpus = newCorpus(s.topics, s.mentors)
	s.goals = make([]query, len(s.mentees))
	for j := range s.mentees {
		s.goals[j] = s.corpus.query(&s.mentees[j])
	}
	s.menteeStarts = make([]slotSet, len(s.mentees))
	for j := range s.mentees {
		if h := s.mentees[j].Hours; h != nil {
			s.menteeStarts[j] = s.cal.starts(s.cal.slots(h))
		}
	}
	s.mentorStarts = make([]slotSet, len(s.mentors))
	for i := range s.mentors {
		if h := s.mentors[i].Hours; h != nil {
			s.mentorStarts[i] = s.cal.starts(s.cal.slots(h))
		}
	}
	s.languages = classify(len(s.mentors), func(i int) []string { return s.mentors[i].Languages })
	s.places = classify(len(s.mentors), func(i int) []string {
		var out []string
		for _, p := range s.mentors[i].Places {
			out = append(out, s.travel.places[p].id)
		}
		return out
	})
	for i := range s.mentors {
		var keys []string
		for _, t := range s.mentors[i].Traits {
			keys = append(keys, traitKey(t.Attribute, t.Value))
		}
		s.traitKeys = append(s.traitKeys, keys)
	}
	for j := range s.mentees {
		var keys []string
		for _, w := range s.mentees[j].Seeks {
			keys = append(keys, traitKey(w.Attribute, w.Value))
		}
		s.seekKeys = append(s.seekKeys, keys)
	}
	s.traits = classify(len(s.mentors), func(i int) []string { return s.traitKeys[i] })
	s.prepareBlocks(menteeAt, mentorAt, in.Ended)
	s.prepareOpinions(menteeAt, mentorAt)
	s.pool.New = func() any { return s.newRow() }
	return s, s.warnings(menteeAt, mentorAt), nil
}

func positions(role string, n int, id func(int) string) (map[string]int, error) {
	at := make(map[string]int, n)
	for i := range n {
		switch before, twice := at[id(i)]; {
		case id(i) == "":
			return nil, fmt.Errorf("%s %d has no id", role, i+1)
		case twice:
			return nil, fmt.Errorf("the id %q is that of %ss %d and %d: ids must be unique", id(i), role, before+1, i+1)
		}
		at[id(i)] = i
	}
	return at, nil
}

func traitKey(attribute, value string) string { return fold(attribute) + "\x00" + fold(value) }

// classes are mentors who are alike in one respect: what holds of one holds of
// all, and is worked out once per row.
type classes struct {
	of    []int32 // by mentor
	first []int32 // by class: one of its mentors
}

func classify(n int, of func(i int) []string) classes {
	var c classes
	known := map[string]int32{}
	for i := range n {
		words := slices.Clone(of(i))
		slices.Sort(words)
		var key []byte
		for _, w := range words {
			key = binary.AppendUvarint(key, uint64(len(w)))
			key = append(key, w...)
		}
		class, ok := known[string(key)]
		if !ok {
			class = int32(len(c.first))
			known[string(key)] = class
			c.first = append(c.first, int32(i))
		}
		c.of = append(c.of, class)
	}
	return c
}

func (s *Scorer) prepareTables() {
	r := s.rules
	for at := range s.gapValue {
		gap := int64(at - mostExperience)
		zero, from, to, far := int64(r.GapZero), int64(r.GapFrom), int64(r.GapTo), int64(r.GapFar)
		farValue := int64(r.GapFarValue) * (one / 1000)
		switch {
		case gap <= zero:
		case gap < from:
			s.gapValue[at] = one * (gap - zero) / (from - zero)
		case gap <= to:
			s.gapValue[at] = one
		case gap < far:
			s.gapValue[at] = one - (one-farValue)*(gap-to)/(far-to)
		default:
			s.gapValue[at] = farValue
		}
	}
	for n := range r.Plenty + 1 {
		s.plentyValue = append(s.plentyValue, int64(n)*one/int64(r.Plenty))
	}
	s.experiences, s.flags = make([]int16, len(s.mentors)), make([]uint8, len(s.mentors))
	for i := range s.mentors {
		m := &s.mentors[i]
		s.experiences[i] = -1
		if m.Experience != nil {
			s.experiences[i] = int16(min(max(*m.Experience, 0), mostExperience))
		}
		for bit, holds := range map[uint8]bool{
			hasHours: m.Hours != nil, hasOffers: len(m.Offers) > 0, asynchronous: m.Asynchronous == Yes,
			inPerson: m.InPerson == Yes, notInPerson: m.InPerson == No,
		} {
			if holds {
				s.flags[i] |= bit
			}
		}
	}
	items := len(r.Items)
	s.styles = make([]uint8, len(s.mentors)*items)
	for i := range s.mentors {
		copy(s.styles[i*items:(i+1)*items], s.mentors[i].Style)
	}
	for n := range items + 1 {
		row := make([]int64, 4*n+1)
		for d := range row {
			if n > 0 {
				row[d] = one - one*int64(d)/int64(4*n)
			}
		}
		s.styleValue = append(s.styleValue, row)
	}
}

// prepareSkills works out what each mentor's offers are worth for each topic,
// and each mentee's shares of her topics.
func (s *Scorer) prepareSkills() {
	n := len(s.topics.list)
	own := map[string]int{}
	stems := newStemmer()
	number := func(topic string) int {
		if at, ok := s.topics.byID[topic]; ok {
			return at
		}
		key := stems.key(tokens(topic), 0)
		at, ok := own[key]
		if !ok {
			at = n + len(own)
			own[key] = at
		}
		return at
	}
	children := make([][]int, n)
	for at, t := range s.topics.list {
		if t.parent >= 0 {
			children[t.parent] = append(children[t.parent], at)
		}
	}
	s.offers = make([][]offer, len(s.mentors))
	offering, having := 0, map[int]int{}
	for i := range s.mentors {
		for _, o := range s.mentors[i].Offers {
			one := offer{number(o.Topic), max(1, min(3, o.Level))}
			if at := slices.IndexFunc(s.offers[i], func(b offer) bool { return b.topic == one.topic }); at >= 0 {
				s.offers[i][at].level = max(s.offers[i][at].level, one.level)
				continue
			}
			s.offers[i] = append(s.offers[i], one)
			having[one.topic]++
		}
		if len(s.offers[i]) > 0 {
			offering++
		}
	}
	s.wants = make([][]want, len(s.mentees))
	for j := range s.mentees {
		var topics []int
		var weights []int64
		for _, w := range s.mentees[j].Wants {
			at := number(w.Topic)
			weight := int64(max(1, min(3, w.Importance))) * idf(offering, having[at])
			if k := slices.Index(topics, at); k >= 0 {
				weights[k] = max(weights[k], weight)
				continue
			}
			topics, weights = append(topics, at), append(weights, weight)
		}
		for k, share := range shares(whole, weights) {
			s.wants[j] = append(s.wants[j], want{topics[k], uint32(share)})
		}
	}
	s.skill = make([][]posting, n+len(own))
	best := make([]uint32, n+len(own))
	for i := range s.mentors {
		var touched []int
		touch := func(topic int, value uint32) {
			if value > best[topic] {
				if best[topic] == 0 {
					touched = append(touched, topic)
				}
				best[topic] = value
			}
		}
		for _, o := range s.offers[i] {
			touch(o.topic, s.worth(o, same))
			if o.topic >= n {
				continue
			}
			for _, c := range children[o.topic] {
				touch(c, s.worth(o, parent))
			}
			if p := s.topics.list[o.topic].parent; p >= 0 {
				touch(p, s.worth(o, child))
				for _, b := range children[p] {
					if b != o.topic {
						touch(b, s.worth(o, sibling))
					}
				}
			}
		}
		for _, t := range touched {
			s.skill[t] = append(s.skill[t], posting{int32(i), best[t]})
			best[t] = 0
		}
	}
}

// worth is what an offer is worth for a topic that it is so related to, in
// thousandths.
func (s *Scorer) worth(o offer, r relation) uint32 {
	value := [...]int{unrelated: 0, same: 1000, child: s.rules.ChildValue, parent: s.rules.ParentValue, sibling: s.rules.SiblingValue}[r]
	return uint32(value * s.rules.Levels[o.level-1] / 1000)
}

// prepareBlocks collects the pairs that a rule about two people forbids.
func (s *Scorer) prepareBlocks(menteeAt, mentorAt map[string]int, ended [][2]string) {
	s.blocked = make([][]block, len(s.mentees))
	add := func(mentee, mentor string, rule Rule) {
		j, known := menteeAt[mentee]
		i, both := mentorAt[mentor]
		if known && both {
			s.blocked[j] = append(s.blocked[j], block{int32(i), rule})
		}
	}
	managers := map[string][]string{}
	for j := range s.mentees {
		managers[s.mentees[j].ID] = s.mentees[j].Managers
	}
	for i := range s.mentors {
		id := s.mentors[i].ID
		managers[id] = append(slices.Clone(managers[id]), s.mentors[i].Managers...)
	}
	chain := func(id string) []string {
		seen := map[string]bool{id: true}
		var out []string
		for open := managers[id]; len(open) > 0; open = open[1:] {
			if m := open[0]; !seen[m] {
				seen[m] = true
				out = append(out, m)
				open = append(slices.Clip(open), managers[m]...)
			}
		}
		return out
	}
	for j := range s.mentees {
		m := &s.mentees[j]
		add(m.ID, m.ID, Self)
		for _, id := range chain(m.ID) {
			add(m.ID, id, Chain)
		}
		for _, id := range m.Conflicts {
			add(m.ID, id, Conflict)
		}
		for _, id := range m.Never[:min(len(m.Never), s.rules.HardNevers)] {
			add(m.ID, id, Never)
		}
	}
	s.unitMentors = map[string][]int32{}
	for i := range s.mentors {
		m := &s.mentors[i]
		for _, id := range chain(m.ID) {
			add(id, m.ID, Chain)
		}
		for _, id := range m.Conflicts {
			add(id, m.ID, Conflict)
		}
		for _, id := range m.Never[:min(len(m.Never), s.rules.HardNevers)] {
			add(id, m.ID, Never)
		}
		for _, u := range m.Units {
			s.unitMentors[fold(u)] = append(s.unitMentors[fold(u)], int32(i))
		}
	}
	for _, pair := range ended {
		add(pair[0], pair[1], Ended)
	}
}

// prepareOpinions collects wishes, and the people whom somebody never wants
// beyond those whom a hard rule keeps away.
func (s *Scorer) prepareOpinions(menteeAt, mentorAt map[string]int) {
	s.opinions = make([][]opinion, len(s.mentees))
	s.unmentioned = make([]int16, len(s.mentors))
	about := func(p *Person, say func(id string, value int16)) {
		for rank, id := range p.Wishes[:min(len(p.Wishes), s.rules.Wishes)] {
			say(id, int16(firstWish-nextWish*rank))
		}
		for k := s.rules.HardNevers; k < len(p.Never); k++ {
			say(p.Never[k], softNever)
		}
	}
	for j := range s.mentees {
		about(&s.mentees[j].Person, func(id string, value int16) {
			if i, ok := mentorAt[id]; ok {
				s.opinions[j] = append(s.opinions[j], opinion{int32(i), false, value})
			}
		})
	}
	for i := range s.mentors {
		s.unmentioned[i] = s.unnamed(&s.mentors[i].Person)
		s.anyNamed = s.anyNamed || s.unmentioned[i] != noOpinion
		about(&s.mentors[i].Person, func(id string, value int16) {
			if j, ok := menteeAt[id]; ok {
				s.opinions[j] = append(s.opinions[j], opinion{int32(i), true, value})
			}
		})
	}
}

// unnamed is what somebody thinks of whom they do not name.
func (s *Scorer) unnamed(p *Person) int16 {
	if len(p.Wishes) == 0 || s.rules.Wishes == 0 {
		return noOpinion
	}
	return noWish
}

// warnings tell ids that nobody has.
func (s *Scorer) warnings(menteeAt, mentorAt map[string]int) []Warning {
	var out []Warning
	check := func(p *Person, others map[string]int, role string) {
		for _, id := range p.Wishes {
			if _, ok := others[id]; !ok {
				out = append(out, Warning{p.ID, "wishes", fmt.Sprintf("%q is no %s of this run: the wish counts for nothing", id, role)})
			}
		}
		for _, list := range []struct {
			column string
			ids    []string
		}{{"never", p.Never}, {"conflicts", p.Conflicts}} {
			for _, id := range list.ids {
				_, a := menteeAt[id]
				_, b := mentorAt[id]
				if !a && !b {
					out = append(out, Warning{p.ID, list.column, fmt.Sprintf("%q is nobody of this run: if it is a slip of the pen, it keeps nobody away", id)})
				}
			}
		}
	}
	for j := range s.mentees {
		check(&s.mentees[j].Person, mentorAt, "mentor")
	}
	for i := range s.mentors {
		check(&s.mentors[i].Person, menteeAt, "mentee")
	}
	return out
}

// RuleNames are the hard rules that are in force, in the order of the bits of
// [Scorer.Blocked].
func (s *Scorer) RuleNames() []string { return s.Rules().Names() }

// Blocked says which hard rules forbid the pairs of mentee j: bit k of into[i]
// is set if the k-th of [Scorer.RuleNames] forbids the pair with mentor i.
func (s *Scorer) Blocked(j int, into []uint64) { s.Rules().Blocked(j, into) }

// RuleView is some of the hard rules, for what they take.
type RuleView struct {
	s     *Scorer
	names []string
	bit   [rules]uint64
}

// Rules are the hard rules in force, and more of them as if they were.
func (s *Scorer) Rules(more ...Rule) *RuleView {
	v := &RuleView{s: s}
	for rule := range rules {
		if s.rules.Hard[rule] || slices.Contains(more, rule) {
			v.bit[rule] = 1 << len(v.names)
			v.names = append(v.names, rule.String())
		}
	}
	return v
}

// NotInForce lists the hard rules that could be put in force.
func (s *Scorer) NotInForce() []Rule {
	var out []Rule
	for rule := range rules {
		if !s.rules.Hard[rule] {
			out = append(out, rule)
		}
	}
	return out
}

// Liftable reports whether rules can lift a hard rule.
func Liftable(rule string) bool {
	return !slices.ContainsFunc(always, func(r Rule) bool { return r.String() == rule })
}

// Names are the rules in the order of their bits.
func (v *RuleView) Names() []string { return v.names }

// Blocked says which of the rules forbid the pairs of mentee j, each as a bit of
// into[i] for mentor i.
func (v *RuleView) Blocked(j int, into []uint64) {
	r := v.s.row(j)
	for i := range into {
		into[i] = 0
		for m := r.block[i]; m != 0; m &= m - 1 {
			into[i] |= v.bit[bits.TrailingZeros16(m)]
		}
	}
	v.s.pool.Put(r)
}

// Row writes the scores of mentee j with every mentor, 0 to 1000, or -1 where a
// hard rule forbids the pair.
func (s *Scorer) Row(j int, into []int16) {
	r := s.row(j)
	for i := range s.mentors {
		into[i] = -1
		if r.block[i]&r.hard == 0 {
			into[i] = s.score(r, i)
		}
	}
	s.pool.Put(r)
}

// Matrix is the scores of all pairs, mentee by mentee, worked out by this many
// workers.
func (s *Scorer) Matrix(ctx context.Context, workers int) ([]int16, error) {
	n := len(s.mentors)
	all := make([]int16, len(s.mentees)*n)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range max(1, workers) {
		wait.Go(func() {
			for ctx.Err() == nil {
				j := int(next.Add(1)) - 1
				if j >= len(s.mentees) {
					return
				}
				s.Row(j, all[j*n:(j+1)*n])
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return all, nil
}

// MenteeIDs and MentorIDs are the ids in the order of indices.
func (s *Scorer) MenteeIDs() []string {
	ids := make([]string, len(s.mentees))
	for j := range ids {
		ids[j] = s.mentees[j].ID
	}
	return ids
}

// MentorIDs are the ids of the mentors in the order of indices.
func (s *Scorer) MentorIDs() []string {
	ids := make([]string, len(s.mentors))
	for i := range ids {
		ids[i] = s.mentors[i].ID
	}
	return ids
}

// ruleList names the rules of a mask.
func ruleList(mask uint16) []string {
	var out []string
	for rule := range rules {
		if mask>>rule&1 != 0 {
			out = append(out, rule.String())
		}
	}
	return out
}
