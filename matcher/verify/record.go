package verify

import (
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/draw"
)

// Titles of the checks of a record, by number. docs/record.md says what each
// of them looks at and needs.
var titles = map[string]string{
	"1":  "form: known keys and words, numbers in range, canonical bytes",
	"2":  "digest of the record",
	"3":  "digest of the input",
	"4":  "the pool file is the input's pool",
	"5":  "the input is valid",
	"6":  "the cohort keeps size, locks, caps, links and every rule that must hold",
	"7":  "the counts of the rules",
	"8":  "size, deviations and score",
	"9":  "types: everybody who can be in is of one, and people of a type are alike",
	"10": "the ticket book: 1,000,000 tickets, whole blocks",
	"11": "each line of the book keeps what must hold",
	"12": "each line of the book is as good as the best",
	"13": "the chances are those of the book",
	"14": "the numbers of the lottery",
	"15": "each chance is within its rounding of the optimum",
	"16": "the seed draws the ticket",
	"17": "the ticket draws the cohort",
	"18": "the claims are those that the record makes",
	"19": "proof: no cohort is larger, or none exists",
	"20": "proof: no deviation is smaller",
	"21": "proof: no score is larger",
	"22": "proof: the seed prefers no other cohort",
	"23": "proof: who is called impossible is in no best cohort",
	"24": "proof: no level of the lottery can be raised",
	"25": "why it is impossible: closest cohort, conflict, ways out",
	"26": "alternates",
}

// audit is one record under check.
type audit struct {
	*checks
	r     *matcher.Record
	in    *matcher.Input
	model *Model
	left  budget
}

func (a *audit) is(number string, err error) bool { return a.checks.is(number, titles[number], err) }

func (a *audit) note(number string, state State, why string) {
	a.add(number, titles[number], state, why)
}

// rest notes that the checks from number on cannot run.
func (a *audit) rest(from int, why string) {
	for n := from; n <= len(titles); n++ {
		a.note(fmt.Sprint(n), NotRun, why)
	}
}

// record runs the checks of a record of select.
func (c *checks) record(b []byte, o Options) error {
	a := &audit{checks: c, left: budget{maxNodes, maxSteps}}
	r, err := matcher.ParseRecord(b)
	if errors.Is(err, ErrNewer) {
		return err
	}
	if bad := sealed(b); bad != nil {
		a.note("1", NotRun, "the digest is wrong: it cannot be told what the record was")
		a.is("2", bad)
		a.rest(3, "the digest is wrong")
		return nil
	}
	if !a.is("1", err) {
		a.is("2", nil)
		a.rest(3, "the record could not be read")
		return nil
	}
	a.is("2", nil)
	a.r = r
	if r.Certificate == nil {
		why := "the record has no certificate: it was made by an earlier version"
		if r.Erased > 0 {
			why = "people were erased from its input, and the certificate with them"
		}
		a.rest(3, why)
		return nil
	}
	a.in = r.Certificate.Input
	a.is("3", a.inputDigest())
	a.pool(o.Pool)
	if !a.is("5", validInput(a.in)) {
		a.rest(6, "the input is not valid")
		return nil
	}
	a.run()
	return nil
}

func (a *audit) inputDigest() error {
	if got := digestOf(a.in.AppendJSON(nil)); got != a.r.InputDigest {
		return errors.New("the certificate's input has another one")
	}
	return nil
}

// pool compares the input's people with those of a pool at hand.
func (a *audit) pool(of func([]string) ([]matcher.Person, error)) {
	if of == nil {
		a.note("4", NotHere, "no pool file was given (--pool)")
		return
	}
	people, err := of(a.attributes())
	if err != nil {
		a.is("4", err)
		return
	}
	own := matcher.Input{People: people, Criteria: a.in.Criteria}
	mine := matcher.Input{People: a.in.People, Criteria: a.in.Criteria}
	if digestOf(own.AppendJSON(nil)) != digestOf(mine.AppendJSON(nil)) {
		err = a.poolDiffers(people)
	}
	a.is("4", err)
}

// attributes are those that the criteria name, sorted.
func (a *audit) attributes() []string {
	var names []string
	for _, r := range a.in.Criteria.Rules {
		for _, t := range r.Property.Terms {
			names = append(names, t.Attribute)
		}
	}
	for _, limit := range a.in.Criteria.Caps {
		names = append(names, limit.Attribute)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (a *audit) poolDiffers(people []matcher.Person) error {
	if len(people) != len(a.in.People) {
		return fmt.Errorf("the file has %d people, the input %d", len(people), len(a.in.People))
	}
	known := map[string]bool{}
	for _, p := range a.in.People {
		known[p.ID] = true
	}
	missing := 0
	for _, p := range people {
		if !known[p.ID] {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d people of the file are not in the input", missing)
	}
	return errors.New("the ids are the same, but not all values that the rules look at")
}

// drawn is whether the record names a cohort.
func (a *audit) drawn() bool {
	return len(a.r.Cohort) > 0 || a.r.Lottery.Method == matcher.LotteryNone || len(a.r.Lottery.Book) == 0
}

func (a *audit) run() {
	r := a.r
	p := newPool(a.in)
	has := r.Status == matcher.Optimal || r.Status == matcher.Feasible
	if has && a.drawn() {
		a.cohort(p)
	} else {
		why := "the record names no cohort"
		if has {
			why = "sealed, and not drawn yet"
		}
		for _, n := range []string{"6", "7"} {
			a.note(n, NoMatter, why)
		}
		a.is("8", a.noCohort())
	}
	types, err := p.typesOf(r.Lottery.Types)
	var m *model
	if err == nil {
		m = newModel(p, types)
		err = m.alike()
	}
	lottery := len(r.Lottery.Types)+len(r.Lottery.Book) > 0
	if !lottery && err == nil {
		a.note("9", NoMatter, "there is no lottery")
	} else if !a.is("9", err) {
		a.rest(10, "the types do not hold")
		return
	}
	a.model = &Model{m, r}
	if lottery {
		a.lottery(p, types)
	} else {
		from := 10
		if r.Status == matcher.Optimal && r.Lottery.Method != matcher.LotteryNone {
			a.is("10", fmt.Errorf("the method is %s, and there is no ticket book", r.Lottery.Method))
			from++
		}
		for n := from; n <= 15; n++ {
			a.note(fmt.Sprint(n), NoMatter, "there is no lottery")
		}
		var err error
		switch {
		case r.Certificate.Draw != nil:
			err = errors.New("there is a draw, but nothing to draw from")
		case r.Seed != a.in.Seed:
			err = errors.New("the seed is not that of the input")
		}
		a.is("16", err)
		a.note("17", NoMatter, "there is no lottery")
	}
	a.claims()
	a.impossible(p)
	a.alternates(p)
}

func (a *audit) cohort(p *pool) {
	r := a.r
	people, err := p.people(r.Cohort)
	if err != nil {
		a.is("6", err)
		a.note("7", NotRun, "somebody of the cohort is not in the pool")
		a.note("8", NotRun, "somebody of the cohort is not in the pool")
		return
	}
	t := p.count(people)
	err = p.conditions(people)
	if err == nil && t.must > 0 {
		err = errors.New("a rule that must hold is missed")
	}
	a.is("6", err)
	a.is("7", sameCounts(r.Rules, t.rules))
	a.is("8", a.totals(&t))
}

func sameCounts(got, want []matcher.RuleCount) error {
	if len(got) != len(want) {
		return fmt.Errorf("the record has %d rules, the input %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("rules[%d] is not what the cohort does to that rule", i)
		}
	}
	return nil
}

// totals compares size, deviations and score with what was counted, and their
// bounds with the status.
func (a *audit) totals(t *tally) error {
	r, c := a.r, &a.in.Criteria
	optimal := r.Status == matcher.Optimal
	if s := r.Size; s.Wanted != c.Size || s.Bound > s.Wanted || s.Got != len(r.Cohort) || s.Got > s.Bound || optimal && s.Got != s.Bound {
		return fmt.Errorf("size %d of %d with bound %d", s.Got, s.Wanted, s.Bound)
	}
	if err := a.priorities(); err != nil {
		return err
	}
	for _, d := range r.Deviation {
		if d.Value != t.deviation[d.Priority] {
			return fmt.Errorf("priority %d deviates by %d, not by %d", d.Priority, t.deviation[d.Priority], d.Value)
		}
		if optimal && d.Value > d.Bound.Bound+c.Allow[d.Priority] {
			return fmt.Errorf("priority %d deviates by more than the best and what is allowed", d.Priority)
		}
	}
	if r.Score.Value != t.score || optimal && r.Score.Value != r.Score.Bound {
		return fmt.Errorf("the score is %d, not %d with bound %d", t.score, r.Score.Value, r.Score.Bound)
	}
	return nil
}

// priorities checks that each priority that has a rule has a deviation.
func (a *audit) priorities() error {
	var want, got []int
	for _, rule := range a.in.Criteria.Rules {
		if rule.Priority != matcher.Must {
			want = append(want, rule.Priority)
		}
	}
	slices.Sort(want)
	for _, d := range a.r.Deviation {
		got = append(got, d.Priority)
	}
	if !slices.Equal(got, slices.Compact(want)) {
		return errors.New("the deviations are not those of the priorities that have rules")
	}
	return nil
}

// noCohort checks what stands in a record that names no cohort.
func (a *audit) noCohort() error {
	r, c := a.r, &a.in.Criteria
	if r.Size.Wanted != c.Size || r.Size.Got != 0 || r.Size.Bound > r.Size.Wanted {
		return fmt.Errorf("size %d of %d with bound %d, but nobody is named", r.Size.Got, r.Size.Wanted, r.Size.Bound)
	}
	if len(r.Rules) > 0 {
		return errors.New("rules are counted, but nobody is named")
	}
	if r.Status == matcher.Optimal {
		return a.priorities()
	}
	return nil
}

// lottery runs the checks 10 to 17.
func (a *audit) lottery(p *pool, types [][]int) {
	l := &a.r.Lottery
	if !a.is("10", a.book(p, types)) {
		for n := 11; n <= 17; n++ {
			a.note(fmt.Sprint(n), NotRun, "the ticket book does not hold")
		}
		return
	}
	var keeps, best error
	for i := range l.Book {
		people := a.line(p, types, &l.Book[i])
		t := p.count(people)
		err := p.conditions(people)
		if err == nil && t.must > 0 {
			err = errors.New("a rule that must hold is missed")
		}
		if err != nil && keeps == nil {
			keeps = fmt.Errorf("line %d: %w", i+1, err)
		}
		if err := a.asGood(people, &t); err != nil && best == nil {
			best = fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	a.is("11", keeps)
	a.is("12", best)
	a.is("13", a.chances())
	a.is("14", a.numbers(p))
	a.is("15", a.rounding(types))
	a.draw(p, types)
}

func (a *audit) book(p *pool, types [][]int) error {
	l := &a.r.Lottery
	c := &a.in.Criteria
	if each := int64(len(a.in.People) + len(c.Links)*2 + len(c.Rules)*c.Size); int64(len(l.Book))*each > maxSteps {
		return errors.New("it is larger than is allowed")
	}
	sum := int64(0)
	for i, line := range l.Book {
		if sum += line.Tickets; line.Tickets < 1 || sum > matcher.Tickets {
			return fmt.Errorf("line %d: the tickets do not sum to %d", i+1, matcher.Tickets)
		}
		for _, c := range line.Counts {
			each := int64(len(p.blocks[types[c.Type][0]]))
			if c.Count < 1 || c.Count%each != 0 || c.Count/each > int64(len(types[c.Type])) {
				return fmt.Errorf("line %d: %d people of t%d, who come in blocks of %d", i+1, c.Count, c.Type+1, each)
			}
		}
	}
	if sum != matcher.Tickets {
		return fmt.Errorf("the tickets sum to %d, not to %d", sum, matcher.Tickets)
	}
	return nil
}

// line is a cohort of a line of the book: the first blocks of each type. Since
// the blocks of a type are alike, it stands for all of the line.
func (a *audit) line(p *pool, types [][]int, line *matcher.BookLine) []int {
	var people []int
	for _, c := range line.Counts {
		for _, b := range types[c.Type] {
			if c.Count <= 0 {
				break
			}
			people = append(people, p.blocks[b]...)
			c.Count -= int64(len(p.blocks[b]))
		}
	}
	return people
}

func (a *audit) asGood(people []int, t *tally) error {
	if len(people) != a.r.Size.Bound {
		return fmt.Errorf("%d people, and %d are possible", len(people), a.r.Size.Bound)
	}
	for _, d := range a.r.Deviation {
		if v := t.deviation[d.Priority]; v < d.Bound.Bound || v > d.Bound.Bound+a.in.Criteria.Allow[d.Priority] {
			return fmt.Errorf("priority %d deviates by %d", d.Priority, v)
		}
	}
	if t.score != a.r.Score.Bound {
		return fmt.Errorf("the score is %d", t.score)
	}
	return nil
}

func (a *audit) chances() error {
	l := &a.r.Lottery
	sums := make([]int64, len(l.Types))
	for _, line := range l.Book {
		for _, c := range line.Counts {
			sums[c.Type] += line.Tickets * c.Count
		}
	}
	for t, sum := range sums {
		if l.Chances[t] != sum {
			return fmt.Errorf("t%d: the book gives it %d, not %d", t+1, sum, l.Chances[t])
		}
	}
	return nil
}

// numbers checks the optimum of each person and the sums of it.
func (a *audit) numbers(p *pool) error {
	l := &a.r.Lottery
	impossible := a.impossibleTypes()
	people, certain, none := 0, 0, 0
	smallest, largest := int64(matcher.Billion), int64(0)
	for t, ids := range l.Types {
		v, ok := l.Optimum[ids[0]]
		for _, id := range ids {
			if w, known := l.Optimum[id]; !ok || !known || w != v {
				return fmt.Errorf("t%d: its people have no optimum, or different ones", t+1)
			}
		}
		people += len(ids)
		if l.Chances[t] == matcher.Tickets*int64(len(ids)) {
			certain += len(ids)
		}
		if impossible[t] {
			if v != 0 || l.Chances[t] != 0 {
				return fmt.Errorf("t%d: impossible, and yet with a chance", t+1)
			}
			none += len(ids)
			continue
		}
		if a.in.MaxChance > 0 && v > int64(a.in.MaxChance)*(matcher.Billion/1000) && !p.included[p.block[p.at[ids[0]]]] {
			return fmt.Errorf("t%d: its optimum is above the cap", t+1)
		}
		smallest, largest = min(smallest, v), max(largest, v)
	}
	if none == people {
		smallest = 0
	}
	switch {
	case len(l.Optimum) != people:
		return errors.New("somebody has an optimum who is of no type")
	case l.Certain != certain:
		return fmt.Errorf("%d people are certain, not %d", certain, l.Certain)
	case l.Impossible != none:
		return fmt.Errorf("%d people are claimed to be impossible, not %d", none, l.Impossible)
	case l.Smallest != smallest || l.Largest != largest:
		return errors.New("smallest or largest is not that of the optimum")
	}
	return nil
}

func (a *audit) impossibleTypes() map[int]bool {
	out := map[int]bool{}
	for i := range a.r.Certificate.Claims {
		if c := &a.r.Certificate.Claims[i]; c.Kind == matcher.ClaimImpossible {
			out[c.Number] = true
		}
	}
	return out
}

// accuracy is how far a lottery may be from its levels before it is rounded to
// tickets, in billionths.
const accuracy = 100

func (a *audit) rounding(types [][]int) error {
	l := &a.r.Lottery
	support := int64(len(l.Book))
	for t, ids := range l.Types {
		n := int64(len(ids))
		off := l.Chances[t]*(matcher.Billion/matcher.Tickets) - l.Optimum[ids[0]]*n
		if limit := n * (support*(matcher.Billion/matcher.Tickets) + accuracy + 1); off > limit || -off > limit {
			return fmt.Errorf("t%d: its chance is further from its optimum than %d tickets", t+1, support)
		}
	}
	return nil
}

// draw repeats the draw.
func (a *audit) draw(p *pool, types [][]int) {
	d := a.r.Certificate.Draw
	if d == nil {
		if len(a.r.Cohort) > 0 {
			a.is("16", errors.New("there is a cohort, but no draw"))
			a.note("17", NotRun, "there is no draw")
			return
		}
		if a.r.Seed != "" || a.in.Seed != "" {
			a.is("16", errors.New("there is a seed, but no draw"))
		} else {
			a.note("16", NoMatter, "sealed, and not drawn yet")
		}
		a.note("17", NoMatter, "sealed, and not drawn yet")
		return
	}
	stream, err := a.stream(d)
	if !a.is("16", err) {
		a.note("17", NotRun, "the ticket does not hold")
		return
	}
	ticket := d.Ticket
	var cohort []string
	for i := range a.r.Lottery.Book {
		line := &a.r.Lottery.Book[i]
		if ticket -= line.Tickets; ticket >= 0 {
			continue
		}
		for _, c := range line.Counts {
			blocks := types[c.Type]
			for _, k := range stream.Choose(int(c.Count)/len(p.blocks[blocks[0]]), len(blocks)) {
				for _, who := range p.blocks[blocks[k]] {
					cohort = append(cohort, p.in.People[who].ID)
				}
			}
		}
		break
	}
	slices.Sort(cohort)
	err = nil
	if !slices.Equal(cohort, a.r.Cohort) {
		err = errors.New("it draws another one")
	}
	a.is("17", err)
}

// stream is the stream of the draw after its first number, the ticket.
func (a *audit) stream(d *matcher.DrawSource) (*draw.Stream, error) {
	root, err := matcher.ParseDigest(d.Root)
	if err != nil {
		return nil, err
	}
	if d.Selection == "" && d.Root != a.r.InputDigest {
		return nil, errors.New("the root is not the digest of the input")
	}
	if d.Value != a.r.Seed || a.in.Seed != "" {
		return nil, errors.New("the seed is not the public value of the draw")
	}
	seed := draw.Seed(root, d.Value, d.Selection, d.Attempt)
	stream := draw.NewStream(seed[:])
	if ticket := stream.Below(matcher.Tickets); ticket != d.Ticket {
		return nil, fmt.Errorf("it draws ticket %d, not %d", ticket, d.Ticket)
	}
	return stream, nil
}

// impossible counts the closest cohort.
func (a *audit) impossible(p *pool) {
	i := a.r.Infeasibility
	if a.r.Status != matcher.Infeasible || i == nil {
		a.note("25", NoMatter, "a cohort exists, or it is not known whether one does")
		return
	}
	a.is("25", func() error {
		if err := waysOut(i, a.in.Criteria.Rules); err != nil {
			return err
		}
		if len(i.Closest) == 0 {
			if i.LeastTotalDeviation != nil {
				return errors.New("there is a least deviation, but no cohort that has it")
			}
			return nil
		}
		people, err := p.people(i.Closest)
		if err != nil {
			return err
		}
		if err := p.conditions(people); err != nil {
			return fmt.Errorf("the closest cohort: %w", err)
		}
		t := p.count(people)
		if i.LeastTotalDeviation == nil || t.must != *i.LeastTotalDeviation {
			return fmt.Errorf("the closest cohort deviates by %d from what must hold", t.must)
		}
		return sameCounts(i.ClosestRules, t.rules)
	}())
}

// waysOut checks that conflict and relaxations name rules that there are, by
// the sides that these have, within their flex limits.
func waysOut(i *matcher.Infeasibility, rules []matcher.Rule) error {
	of := map[int]*matcher.Rule{}
	for k := range rules {
		of[rules[k].Row] = &rules[k]
	}
	for _, c := range i.Conflict {
		if c.Row > 0 && (of[c.Row] == nil || of[c.Row].Priority != matcher.Must) {
			return fmt.Errorf("the conflict names rule %d, which need not hold", c.Row)
		}
	}
	for _, x := range i.Relaxations {
		for _, c := range x.Changes {
			if c.Row == 0 {
				continue
			}
			r := of[c.Row]
			switch {
			case r == nil || r.Priority != matcher.Must || r.Fixed:
				return fmt.Errorf("a way out changes rule %d, which is not there or fixed", c.Row)
			case c.Bound == matcher.BoundMin && (c.From != r.Min || c.To < r.MinFlex):
				return fmt.Errorf("a way out takes the min of rule %d from %d to %d", c.Row, c.From, c.To)
			case c.Bound == matcher.BoundMax && (c.From != r.Max || c.To > r.MaxFlex):
				return fmt.Errorf("a way out takes the max of rule %d from %d to %d", c.Row, c.From, c.To)
			}
		}
	}
	return nil
}

func (a *audit) alternates(p *pool) {
	if len(a.r.Alternates) == 0 {
		a.note("26", NoMatter, "none are named")
		return
	}
	people, err := p.people(a.r.Alternates)
	if err == nil {
		for _, k := range people {
			if p.excluded[k] || slices.Contains(a.r.Cohort, p.in.People[k].ID) {
				err = errors.New("somebody is excluded, or in the cohort")
			}
		}
	}
	a.is("26", err)
}

// quad is the unit of a level's value: 1e-15.
const quad = 1_000_000_000_000_000

// perBillionth is how many units of a level's value are a billionth.
const perBillionth = quad / matcher.Billion

// product is x·y·z exactly.
func product(x, y, z int64) *big.Int {
	v := big.NewInt(x)
	v.Mul(v, big.NewInt(y))
	return v.Mul(v, big.NewInt(z))
}
