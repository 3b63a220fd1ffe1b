package selection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
)

// Standby says how a cohort stands up to people declining, and who should stand
// ready for it.
type Standby struct {
	// Singles are the members one by one, Pairs each two of them: how many there
	// are, and for how many there is an exact repair while everybody else stays.
	// Replace defines exact; what is said of each is proved.
	Singles, Pairs Cases
	// Without are the members who have no exact replacement, Two the pairs that have
	// none although each of the two has one.
	Without []string
	Two     [][2]string
	// Alternates are in order: the first one is to be asked first.
	Alternates []Alternate
	// Declines is up to how many declines at once the alternates are chosen for:
	// 3, and less for cohorts so large that there would be too many cases.
	Declines int
	// Alone is what is expected without alternates.
	Alone Shortfall
	// Least says that no other list of so many people has a smaller expectation:
	// proved by trying all of them, or because nothing is lost.
	Least bool
	// Proved is false where work or time ran out: Without and Two may then lack
	// somebody (Cases.Open says how many cases are open), and the alternates are
	// those found so far.
	Proved   bool
	Complete bool
}

// Cases counts declines: All of them, those with an exact repair, and those not
// decided.
type Cases struct {
	All, Exact, Open int
}

// Alternate is one person who stands ready.
type Alternate struct {
	ID string
	// Covers are the members whom this person alone replaces exactly.
	Covers []string
	// Expected is what is expected with this one and those before.
	Expected Shortfall
}

// Shortfall is an expectation in the order of objectives, each number over Of:
// conditions broken, people off rules that must hold, empty seats, and by
// priority the deviation above what was good enough.
type Shortfall struct {
	Conditions, Must, Seats int64
	Priority                [matcher.MaxPriority + 1]int64
	Of                      int64
}

// None says that nothing is lost, whoever of the cases declines.
func (s Shortfall) None() bool {
	s.Of = 0
	return s == Shortfall{}
}

const (
	// MostAlternates is how many Alternates names at most.
	MostAlternates = 30
	// mostCases is up to how many sets of decliners are looked at.
	mostCases = 5_000
	// mostTried is up to how many lists, times cases, are all tried.
	mostTried = 1_500_000
)

// Alternates decides for each member and each pair of members whether there is an
// exact repair when they decline and all others stay, and chooses people who stand
// ready: with 0 nobody.
//
// What they are chosen for: one, two or three members decline, each number
// equally likely, and of each number every set of members equally likely. The free
// seats are filled from the alternates, not more than are free, so that the
// shortfall is least in the order of objectives. The expectation of that
// shortfall, in the same order, is to be least. The list is found greedily, one
// after the other, and then improved as long as some one of them can be exchanged
// for somebody better: a local optimum. Where there are few lists all of them are
// tried (Standby.Least). Among equals the one who covers more members alone, then the seed,
// by the rule of Select, decides.
func Alternates(ctx context.Context, s Selected, count int, o Options) (*Standby, error) {
	st, err := s.stand()
	if err != nil {
		return nil, err
	}
	if count < 0 || count > MostAlternates {
		return nil, inputError("alternates", fmt.Sprintf("must be 0 to %d", MostAlternates))
	}
	out := &Standby{Proved: true}
	r := st.locked(ctx, o)
	if err := st.decide(r, out); err != nil {
		return nil, err
	}
	if count > 0 {
		p := newPicker(ctx, st)
		p.pick(count, out)
		r.canceled = r.canceled || p.canceled
	}
	out.Proved = out.Proved && !r.canceled
	out.Complete = !r.canceled
	return out, nil
}

// locked is a run in which members can be locked and forbidden by stages.
func (st *standing) locked(ctx context.Context, o Options) *run {
	o.Done, o.Proved = nil, nil
	c := st.Criteria
	c.Include = nil // every member who stays is forced in
	return newRun(ctx, st.People, c, o, func(id string) [3]int64 { return lots(st.Outcome.Seed, id) })
}

// decide finds out which single and double declines have an exact repair.
func (st *standing) decide(r *run, out *Standby) error {
	alone := map[string]bool{} // has an exact replacement
	for _, a := range st.cohort {
		out.Singles.All++
		switch exact, err := st.repairable(r, []string{a}); {
		case err != nil:
			return err
		case exact == open:
			out.Singles.Open++
			out.Proved = false
		case exact == yes:
			out.Singles.Exact++
			alone[a] = true
		default:
			out.Without = append(out.Without, a)
		}
	}
	k := len(st.cohort)
	if k*(k-1)/2 > mostCases {
		return nil
	}
	for i, a := range st.cohort {
		for _, b := range st.cohort[i+1:] {
			out.Pairs.All++
			switch exact, err := st.repairable(r, []string{a, b}); {
			case err != nil:
				return err
			case exact == open:
				out.Pairs.Open++
				out.Proved = false
			case exact == yes:
				out.Pairs.Exact++
			case alone[a] && alone[b]:
				out.Two = append(out.Two, [2]string{a, b})
			}
		}
	}
	return nil
}

// decision is the answer to whether something is so.
type decision uint8

const (
	no decision = iota
	yes
	open // work or time ran out
)

// repairable says whether there is an exact repair when some members decline
// and all others stay.
func (st *standing) repairable(r *run, declined []string) (decision, error) {
	out := st.closure(declined)
	for _, id := range st.cohort {
		if st.excluded[id] && !slices.Contains(out, id) {
			return no, nil // put in by hand: whoever declines, this is not kept
		}
	}
	s := newStage()
	s.goal, s.size = anyCohort, st.size
	s.force, s.forbid = make([]bool, len(r.in.blocks)), make([]bool, len(r.in.blocks))
	for k, b := range r.in.blocks {
		s.forbid[k] = slices.Contains(out, b.ids[0])
		s.force[k] = st.in[b.ids[0]] && !s.forbid[k]
	}
	copy(s.limit[1:], st.limit[1:])
	r.best = nil
	if st.lapses(out) {
		// The rules themselves change: the floors of company are those of the pool
		// that is left.
		var confirmed []string
		for _, id := range st.cohort {
			if !slices.Contains(out, id) {
				confirmed = append(confirmed, id)
			}
		}
		o := r.options
		if o.Work > 0 {
			if o.Work -= r.pivots; o.Work <= 0 {
				return open, nil
			}
		}
		again := &Repair{Criteria: repaired(st.Criteria, confirmed, out)}
		sub := newRun(r.ctx, st.People, again.Criteria, o, func(id string) [3]int64 { return lots(st.Outcome.Seed, id) })
		exact, err := st.sequence(sub, again)
		r.pivots += sub.pivots
		r.canceled = r.canceled || sub.canceled
		return exact, err
	}
	found, err := r.peek("declines", &s)
	switch {
	case err != nil:
		return open, err
	case found.choice != nil:
		return yes, nil
	case found.state == none:
		return no, nil
	}
	return open, nil
}

// sequence proves the stages of a repair and says whether it is exact.
func (st *standing) sequence(r *run, again *Repair) (decision, error) {
	s := newStage()
	s.goal = anyCohort
	found, err := r.peek("declines", &s)
	switch {
	case err != nil:
		return open, err
	case found.state == none:
		return no, nil
	}
	proved, err := r.repair(st, again)
	if err != nil || !proved {
		return open, err
	}
	if st.moves(r, again); len(again.Moves) > 0 {
		return no, nil
	}
	return yes, nil
}

// closure is decliners and those of the cohort who come only together with them.
func (st *standing) closure(declined []string) []string {
	var out []string
	for _, id := range declined {
		out = add(out, st.tied[id])
	}
	slices.Sort(out)
	return out
}

// lapses says whether some floor of company lapses when people leave the pool.
func (st *standing) lapses(out []string) bool {
	for i, r := range st.Criteria.Rules {
		if r.Kind != matcher.Company {
			continue
		}
		leaving := map[string]int{}
		for _, id := range out {
			for _, v := range distinct(st.People[st.auditor.at[id]].Values[r.Property.Terms[0].Attribute]) {
				leaving[v]++
			}
		}
		for v, n := range leaving {
			if held := st.auditor.pools[i].perValue[v]; held >= r.Min && held-n < r.Min {
				return true
			}
		}
	}
	return false
}

// picker chooses alternates.
type picker struct {
	ctx      context.Context
	st       *standing
	ledger   *ledger
	cases    []declining
	declines int
	of       int64
	// candidates are those who could stand ready, as they come and go, the best
	// ones by the seed first; those that are alike have the same kind.
	candidates [][]string
	kind       []int
	mostTried  int
	covers     [][]string // by kind
	newcomers  []newcomer // by kind, of one person
	canceled   bool
}

// declining is a set of members who decline.
type declining struct {
	out    []string
	weight int64
}

func newPicker(ctx context.Context, st *standing) *picker {
	p := &picker{ctx: ctx, st: st, ledger: newLedger(st), mostTried: mostTried}
	p.ledger.moveAll(st.cohort, 1)
	p.enumerate()
	for _, ids := range st.blocks(false) {
		if !slices.ContainsFunc(ids, func(id string) bool { return st.excluded[id] }) {
			p.candidates = append(p.candidates, ids)
		}
	}
	slices.SortFunc(p.candidates, func(a, b []string) int {
		x, y := lots(st.Outcome.Seed, a[0]), lots(st.Outcome.Seed, b[0])
		if d := slices.Compare(y[:], x[:]); d != 0 {
			return d
		}
		return strings.Compare(a[0], b[0])
	})
	known := map[string]int{}
	for _, ids := range p.candidates {
		key := fmt.Sprint(len(ids))
		for _, id := range ids {
			key += fmt.Sprint(p.ledger.of[id], p.ledger.relief[id])
		}
		kind, ok := known[key]
		if !ok {
			kind = len(known)
			known[key] = kind
			p.covers = append(p.covers, p.covered(ids))
			p.newcomers = append(p.newcomers, p.ledger.newcomer(ids[0]))
		}
		p.kind = append(p.kind, kind)
	}
	return p
}

// enumerate lists the cases with their weights: each number of declines weighs
// the same in all.
func (p *picker) enumerate() {
	members := p.st.cohort
	k := int64(len(members))
	sizes := []int64{k, k * (k - 1) / 2, k * (k - 1) * (k - 2) / 6}
	total := int64(0)
	for d, n := range sizes {
		if total += n; n == 0 || d > 0 && total > mostCases {
			break
		}
		p.declines = d + 1
	}
	all := int64(1)
	for _, n := range sizes[:p.declines] {
		all = all / gcd(all, n) * n
	}
	p.of = all * int64(p.declines)
	var add func(from int, some []string)
	add = func(from int, some []string) {
		if n := len(some); n > 0 {
			p.cases = append(p.cases, declining{out: p.st.closure(some), weight: all / sizes[n-1]})
		}
		if len(some) == p.declines {
			return
		}
		for i := from; i < len(members); i++ {
			add(i+1, append(slices.Clone(some), members[i]))
		}
	}
	add(0, nil)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// covered lists the members whom people alone replace exactly.
func (p *picker) covered(ids []string) []string {
	var list []string
	for _, m := range p.st.cohort {
		out := p.st.closure([]string{m})
		if len(out) != len(ids) || out[0] != m && slices.Contains(list, out[0]) {
			continue
		}
		undo := p.ledger.decline(out)
		p.ledger.moveAll(ids, 1)
		if p.ledger.loss() == (loss{}) {
			list = append(list, m)
		}
		p.ledger.moveAll(ids, -1)
		undo()
	}
	return list
}

// pick fills in the alternates.
func (p *picker) pick(count int, out *Standby) {
	out.Declines = p.declines
	best := p.fill(nil)
	out.Alone = p.shortfall(p.sum(best))
	var chosen []int
	seats := 0
	for seats < count && !p.canceled {
		c, _ := p.next(chosen, best, count-seats)
		if c < 0 {
			break
		}
		chosen = append(chosen, c)
		seats += len(p.candidates[c])
		best = p.fill(chosen)
	}
	chosen = p.exchange(chosen)
	chosen, out.Least = p.least(chosen, count)
	p.order(chosen, out)
}

// least tries all lists of up to count people, if they are few enough, and says
// whether the list it returns is proved to have the least expectation.
func (p *picker) least(chosen []int, count int) ([]int, bool) {
	total := p.sum(p.fill(chosen))
	if p.canceled {
		return chosen, false
	}
	if total == (loss{}) || len(chosen) == len(p.candidates) {
		return chosen, true
	}
	lists, n := 0, 1
	for k := range min(count, len(p.candidates)) {
		n = n * (len(p.candidates) - k) / (k + 1)
		if lists += n; lists*len(p.cases) > p.mostTried {
			return chosen, false
		}
	}
	best := chosen
	var try func(from int, list []int, room int)
	try = func(from int, list []int, room int) {
		if p.ctx.Err() != nil {
			p.canceled = true
		}
		if p.canceled {
			return
		}
		if len(list) > 0 {
			if sum := p.sum(p.fill(list)); sum.compare(total) < 0 {
				best, total = slices.Clone(list), sum
			}
		}
		for c := from; c < len(p.candidates); c++ {
			// Of those that are alike the first ones stand for all.
			if len(p.candidates[c]) <= room && p.firstAlike(list, c) {
				try(c+1, append(list, c), room-len(p.candidates[c]))
			}
		}
	}
	try(0, nil, count)
	return best, !p.canceled
}

// firstAlike says whether everybody who is like a candidate and comes before is
// on the list.
func (p *picker) firstAlike(list []int, c int) bool {
	for d := range c {
		if p.kind[d] == p.kind[c] && !slices.Contains(list, d) {
			return false
		}
	}
	return true
}

// exchange makes the list better one by one.
func (p *picker) exchange(chosen []int) []int {
	total := p.sum(p.fill(chosen))
	for improved := true; improved && !p.canceled && total != (loss{}); {
		improved = false
		for i := range chosen {
			rest := slices.Delete(slices.Clone(chosen), i, i+1)
			c, sum := p.next(rest, p.fill(rest), len(p.candidates[chosen[i]]))
			if c >= 0 && sum.compare(total) < 0 {
				chosen, total, improved = append(rest, c), sum, true
			}
		}
	}
	return chosen
}

// order puts the chosen in the order in which each helps most.
func (p *picker) order(chosen []int, out *Standby) {
	var list []int
	for len(list) < len(chosen) && !p.canceled {
		at, least := -1, loss{}
		for _, c := range chosen {
			if slices.Contains(list, c) {
				continue
			}
			sum := p.sum(p.fill(append(slices.Clone(list), c)))
			if at < 0 || p.before(c, sum, at, least) {
				at, least = c, sum
			}
		}
		list = append(list, at)
		for _, id := range p.candidates[at] {
			a := Alternate{ID: id, Expected: p.shortfall(least)}
			a.Covers = p.covers[p.kind[at]]
			out.Alternates = append(out.Alternates, a)
		}
	}
}

// before says whether a candidate with an expectation is preferred to another.
func (p *picker) before(c int, sum loss, d int, other loss) bool {
	if x := sum.compare(other); x != 0 {
		return x < 0
	}
	if x, y := len(p.covers[p.kind[c]]), len(p.covers[p.kind[d]]); x != y {
		return x > y
	}
	return c < d // the seed
}

func (p *picker) shortfall(sum loss) Shortfall {
	s := Shortfall{Conditions: sum[lossConditions], Must: sum[lossMust], Seats: sum[lossSize], Of: p.of}
	copy(s.Priority[1:], sum[lossPriority+1:])
	return s
}

func (p *picker) sum(best []loss) loss {
	var total loss
	for i, l := range best {
		for k, v := range l {
			total[k] += p.cases[i].weight * v
		}
	}
	return total
}

// fill is by case the least shortfall with these alternates.
func (p *picker) fill(chosen []int) []loss {
	best := make([]loss, len(p.cases))
	for i, c := range p.cases {
		undo := p.ledger.decline(c.out)
		best[i] = p.ledger.loss()
		p.subsets(chosen, len(c.out), func() bool {
			if l := p.ledger.loss(); l.compare(best[i]) < 0 {
				best[i] = l
			}
			return best[i] != loss{}
		})
		undo()
	}
	return best
}

// subsets takes in each set of the chosen that fits the free seats, and calls f
// while it is in, until f says no.
func (p *picker) subsets(chosen []int, seats int, f func() bool) bool {
	for i, c := range chosen {
		ids := p.candidates[c]
		if len(ids) > seats {
			continue
		}
		p.ledger.moveAll(ids, 1)
		on := f() && p.subsets(chosen[i+1:], seats-len(ids), f)
		p.ledger.moveAll(ids, -1)
		if !on {
			return false
		}
	}
	return true
}

// tried is the loss with a candidate in as well.
func (p *picker) tried(kind, at int) loss {
	ids := p.candidates[at]
	if len(ids) == 1 {
		return p.ledger.with(&p.newcomers[kind])
	}
	p.ledger.moveAll(ids, 1)
	l := p.ledger.loss()
	p.ledger.moveAll(ids, -1)
	return l
}

// next finds the candidate, of at most room people, who lowers the expectation
// most; −1 if there is none. best is what the chosen come to by themselves.
func (p *picker) next(chosen []int, best []loss, room int) (int, loss) {
	// One candidate of each kind stands for all.
	first := make([]int, len(p.covers))
	for i := range first {
		first[i] = -1
	}
	for c, kind := range p.kind {
		if first[kind] < 0 && len(p.candidates[c]) <= room && !slices.Contains(chosen, c) {
			first[kind] = c
		}
	}
	sums := make([]loss, len(first))
	with := make([]loss, len(first))
	for i, c := range p.cases {
		if best[i] == (loss{}) {
			continue
		}
		if p.ctx.Err() != nil {
			p.canceled = true
			return -1, loss{}
		}
		for k := range with {
			with[k] = best[i]
		}
		undo := p.ledger.decline(c.out)
		// Where nothing is lost before the size and every seat can be filled, an
		// empty seat is worse.
		full := best[i][lossConditions] == 0 && best[i][lossMust] == 0 && best[i][lossSize] == 0
		try := func(seats int) {
			for kind, at := range first {
				if at < 0 || len(p.candidates[at]) > seats || full && len(p.candidates[at]) < seats || with[kind] == (loss{}) {
					continue
				}
				l := p.tried(kind, at)
				if l.compare(with[kind]) < 0 {
					with[kind] = l
				}
			}
		}
		try(len(c.out))
		p.subsets(chosen, len(c.out)-1, func() bool {
			if free := len(p.st.cohort) - p.ledger.in; free > 0 {
				try(free)
			}
			return true
		})
		undo()
		for kind, l := range with {
			for k, v := range l {
				sums[kind][k] += c.weight * v
			}
		}
	}
	at := -1
	var least loss
	for kind, c := range first {
		if c >= 0 && (at < 0 || p.before(c, sums[kind], at, least)) {
			at, least = c, sums[kind]
		}
	}
	return at, least
}
