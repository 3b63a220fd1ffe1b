package selection

import (
	"maps"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// ledger counts cohorts that differ little from each other: people go in and
// out one by one, and what that costs is kept up to date. It is built from the
// definitions of rules and conditions and shares no code with the model that the
// solver works on.
type ledger struct {
	groups []group
	rules  []varied // of kind spread
	of     map[string][]int32
	relief map[string][]relief // by who gives it
	st     *standing

	// What the people who are in now come to.
	in       int
	held     []int32 // by group
	up       []int64 // by group that is not varied: what one more costs
	distinct []int32 // by varied rule: values that somebody holds
	lapsed   []bool  // by group: a floor of company that nobody can ask for
	cost     loss    // without the limits of the priorities taken off
}

// group is people who are counted together: a quota, a value of a company or cap
// rule, a hard cap or a link. Each person short or over costs weight at a level;
// those of a varied rule cost nothing by themselves.
type group struct {
	level  int // of loss
	weight int64
	lo, hi int32
	varied int32 // place in rules; −1: none
	// company: how many of the pool hold the value; 0 of other groups.
	company int32
	// whole: only none of them or all are right (together).
	whole bool
}

// relief is by how many more people of a group somebody counts who is no holder
// of its value.
type relief struct {
	at, by int32
}

type varied struct {
	level  int
	weight int64
	lo     int32
}

func newLedger(st *standing) *ledger {
	l := &ledger{st: st, of: map[string][]int32{}, relief: map[string][]relief{}}
	c := &st.Criteria
	group := func(g group, members []string) {
		at := int32(len(l.groups))
		l.groups = append(l.groups, g)
		for _, id := range members {
			l.of[id] = append(l.of[id], at)
		}
	}
	const noLimit = 1 << 30
	holdersOf := func(t matcher.Term, pool bool) ([]string, map[string][]string) {
		of := map[string][]string{}
		for _, p := range st.People {
			if pool && st.excluded[p.ID] {
				continue
			}
			for _, v := range distinct(p.Values[t.Attribute]) {
				if t.Wildcard || slices.Contains(t.Values, v) {
					of[v] = append(of[v], p.ID)
				}
			}
		}
		return slices.Sorted(maps.Keys(of)), of
	}
	for _, r := range c.Rules {
		level, weight := lossPriority+r.Priority, int64(r.Weight)
		if r.Priority == matcher.Must {
			level, weight = lossMust, 1
		}
		base := groupOf(level, weight)
		if r.Kind == matcher.Quota {
			var members []string
			for _, p := range st.People {
				if has(p, r.Property) {
					members = append(members, p.ID)
				}
			}
			base.lo, base.hi = int32(r.Min), int32(r.Max)
			group(base, members)
			continue
		}
		values, of := holdersOf(r.Property.Terms[0], true)
		if r.Kind == matcher.Spread {
			base.varied, base.hi = int32(len(l.rules)), noLimit
			l.rules = append(l.rules, varied{level: level, weight: weight, lo: int32(r.Min)})
		}
		for _, v := range values {
			g := base
			switch r.Kind {
			case matcher.Company:
				if len(of[v]) < r.Min {
					continue
				}
				g.lo, g.hi, g.company = int32(r.Min), noLimit, int32(len(of[v]))
				if r.Relief > 0 {
					for _, id := range distinct(r.Alone) {
						l.relief[id] = append(l.relief[id], relief{int32(len(l.groups)), int32(r.Relief)})
					}
				}
			case matcher.Cap:
				g.hi = int32(r.Max)
			}
			group(g, of[v])
		}
	}
	hard := groupOf(lossConditions, 1)
	for _, limit := range c.Caps {
		values, of := holdersOf(matcher.Term{Attribute: limit.Attribute, Wildcard: true}, true)
		for _, v := range values {
			g := hard
			g.hi = int32(limit.Max)
			group(g, of[v])
		}
	}
	for _, k := range c.Links {
		g := hard
		switch k.Kind {
		case matcher.Apart:
			g.hi = 1
		case matcher.Together:
			g.hi, g.whole = int32(len(k.IDs)), true
		case matcher.AtLeastOne:
			g.lo, g.hi = 1, noLimit
		}
		group(g, k.IDs)
	}
	l.held, l.lapsed = make([]int32, len(l.groups)), make([]bool, len(l.groups))
	l.up = make([]int64, len(l.groups))
	l.distinct = make([]int32, len(l.rules))
	for i := range l.groups {
		g := &l.groups[i]
		l.cost[g.level] += g.cost(0, false)
		l.price(int32(i))
	}
	for _, r := range l.rules {
		l.cost[r.level] += r.weight * int64(r.lo)
	}
	return l
}

func groupOf(level int, weight int64) group {
	return group{level: level, weight: weight, varied: -1}
}

// cost is what n people of a group cost.
func (g *group) cost(n int32, lapsed bool) int64 {
	if g.whole {
		if n > 0 && n < g.hi {
			return 1
		}
		return 0
	}
	off := max(0, n-g.hi)
	if !lapsed {
		off += max(0, g.lo-n)
	}
	if g.level == lossConditions {
		off = min(off, 1)
	}
	return g.weight * int64(off)
}

// move takes somebody in (by 1) or out (by −1).
func (l *ledger) move(id string, by int32) {
	l.in += int(by)
	for _, w := range l.relief[id] {
		l.count(w.at, by*w.by)
	}
	for _, at := range l.of[id] {
		g := &l.groups[at]
		if g.varied < 0 {
			l.count(at, by)
			continue
		}
		before := l.held[at]
		l.held[at] += by
		if (before == 0) == (before+by == 0) {
			continue
		}
		r := &l.rules[g.varied]
		was := l.distinct[g.varied]
		l.distinct[g.varied] += by
		l.cost[r.level] += r.weight * int64(max(0, r.lo-was-by)-max(0, r.lo-was))
	}
}

// count takes so many people of a group that is not varied in.
func (l *ledger) count(at, by int32) {
	g := &l.groups[at]
	before := l.held[at]
	l.held[at] += by
	l.cost[g.level] += g.cost(before+by, l.lapsed[at]) - g.cost(before, l.lapsed[at])
	l.price(at)
}

func (l *ledger) moveAll(ids []string, by int32) {
	for _, id := range ids {
		l.move(id, by)
	}
}

// decline takes people out of the pool; undo puts them back. Floors of company
// that too few are left for lapse.
func (l *ledger) decline(ids []string) (undo func()) {
	left := map[int32]int32{}
	for _, id := range ids {
		for _, at := range l.of[id] {
			if l.groups[at].company > 0 {
				left[at]++
			}
		}
	}
	l.moveAll(ids, -1)
	var lapsed []int32
	for at, n := range left {
		g := &l.groups[at]
		if g.company-n < g.lo {
			l.cost[g.level] += g.cost(l.held[at], true) - g.cost(l.held[at], false)
			l.lapsed[at] = true
			l.price(at)
			lapsed = append(lapsed, at)
		}
	}
	return func() {
		for _, at := range lapsed {
			g := &l.groups[at]
			l.cost[g.level] += g.cost(l.held[at], false) - g.cost(l.held[at], true)
			l.lapsed[at] = false
			l.price(at)
		}
		l.moveAll(ids, 1)
	}
}

// price keeps what one more person of a group costs.
func (l *ledger) price(at int32) {
	if g := &l.groups[at]; g.varied < 0 {
		l.up[at] = g.cost(l.held[at]+1, l.lapsed[at]) - g.cost(l.held[at], l.lapsed[at])
	}
}

// newcomer is somebody as the ledger counts them: groups, and by varied rule the
// values they hold.
type newcomer struct {
	groups []int32
	levels []int32  // by group
	relief []relief // of groups; who is in one counts with it
	values [][]int32
}

func (l *ledger) newcomer(id string) newcomer {
	var n newcomer
	of := map[int32][]int32{}
	for _, w := range l.relief[id] {
		if slices.Contains(l.of[id], w.at) {
			w.by++
		}
		n.relief = append(n.relief, w)
	}
	for _, at := range l.of[id] {
		if r := l.groups[at].varied; r >= 0 {
			of[r] = append(of[r], at)
		} else if !slices.ContainsFunc(n.relief, func(w relief) bool { return w.at == at }) {
			n.groups = append(n.groups, at)
			n.levels = append(n.levels, int32(l.groups[at].level))
		}
	}
	for _, r := range slices.Sorted(maps.Keys(of)) {
		n.values = append(n.values, of[r])
	}
	return n
}

// with is the loss with one person more.
func (l *ledger) with(n *newcomer) loss {
	c := l.cost
	for i, at := range n.groups {
		c[n.levels[i]] += l.up[at]
	}
	for _, w := range n.relief {
		g := &l.groups[w.at]
		c[g.level] += g.cost(l.held[w.at]+w.by, l.lapsed[w.at]) - g.cost(l.held[w.at], l.lapsed[w.at])
	}
	for _, values := range n.values {
		fresh := int32(0)
		for _, at := range values {
			if l.held[at] == 0 {
				fresh++
			}
		}
		v := l.groups[values[0]].varied
		r, was := &l.rules[v], l.distinct[v]
		c[r.level] += r.weight * int64(max(0, r.lo-was-fresh)-max(0, r.lo-was))
	}
	return l.beyond(c, l.in+1)
}

// loss is how far the people who are in are from being as good as the best.
func (l *ledger) loss() loss { return l.beyond(l.cost, l.in) }

// beyond takes what is good enough off the costs of so many people.
func (l *ledger) beyond(c loss, people int) loss {
	c[lossSize] = int64(max(0, l.st.size-people))
	for g := 1; g <= matcher.MaxPriority; g++ {
		c[lossPriority+g] = max(0, c[lossPriority+g]-l.st.limit[g])
	}
	return c
}
