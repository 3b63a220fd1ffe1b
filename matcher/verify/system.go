package verify

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// None is a side of a row that does not bind.
const (
	NoLower = math.MinInt64
	NoUpper = math.MaxInt64
)

// System is a set of integer points: Lower ≤ x ≤ Upper and, for each row,
// Lo ≤ Σ Value·x ≤ Hi. docs/record.md says which columns and rows there are for
// an input and its types. Every cohort that the definitions of the rules allow
// is one of its points; so where it has none, there is no such cohort.
type System struct {
	Lower, Upper []int64
	Rows         []Row
	// Types is how many of the columns count blocks of a type: the first ones.
	Types int
	// Goal is the row that asks for better than what is claimed; -1: none.
	Goal int
}

// Row is one row of a System. Indexes ascend.
type Row struct {
	Index  []int32
	Value  []int64
	Lo, Hi int64
}

// model is the part of the systems of one record that all its claims share.
type model struct {
	pool  *pool
	types [][]int // blocks by type
	typ   []int   // type by block
	base  System  // every side of a rule as wide as it can be
	slack []slack // the columns that pay for a rule
	total [matcher.MaxPriority + 1]int
	score int
}

// slack is a column that says by how much a line of a rule is missed.
type slack struct {
	column, rule int
	upper        bool // of the upper side
	room         int64
	weight       int64
}

// newModel builds the system of an input over the blocks of types.
func newModel(p *pool, types [][]int) *model {
	m := &model{pool: p, types: types, typ: make([]int, len(p.blocks))}
	lost := 0 // included people who cannot be in
	for _, id := range p.c.Include {
		if p.block[p.at[id]] < 0 {
			lost++
		}
	}
	size := map[int]int64{}
	for t, blocks := range types {
		lower := int64(0)
		for _, b := range blocks {
			m.typ[b] = t
			if p.included[b] {
				lower = int64(len(blocks))
			}
		}
		size[t] = int64(len(p.blocks[blocks[0]]))
		m.base.column(lower, int64(len(blocks)))
	}
	m.base.Types, m.base.Goal = len(types), -1
	m.base.row(size, int64(p.c.MinSize), int64(p.c.Size))
	m.conditions()
	for range lost {
		m.base.row(nil, 1, NoUpper)
	}
	totals := make([]map[int]int64, matcher.MaxPriority+1)
	for g := range totals {
		totals[g] = map[int]int64{}
	}
	for i := range p.c.Rules {
		m.rule(i, totals[p.c.Rules[i].Priority])
	}
	for g, total := range totals {
		m.total[g] = len(m.base.Rows)
		m.base.row(total, NoLower, NoUpper)
	}
	m.score = len(m.base.Rows)
	m.base.row(m.perType(func(block []int) int64 {
		sum := int64(0)
		for _, k := range block {
			sum += int64(p.c.Scores[p.in.People[k].ID])
		}
		return sum
	}), NoLower, NoUpper)
	return m
}

func (s *System) column(lower, upper int64) int {
	s.Lower, s.Upper = append(s.Lower, lower), append(s.Upper, upper)
	return len(s.Lower) - 1
}

func (s *System) row(entries map[int]int64, lo, hi int64) {
	r := Row{Lo: lo, Hi: hi}
	for _, j := range slices.Sorted(maps.Keys(entries)) {
		if v := entries[j]; v != 0 {
			r.Index, r.Value = append(r.Index, int32(j)), append(r.Value, v)
		}
	}
	s.Rows = append(s.Rows, r)
}

// perType is what a block of each type counts: that of its first block.
func (m *model) perType(of func(block []int) int64) map[int]int64 {
	out := make(map[int]int64, len(m.types))
	for t, blocks := range m.types {
		out[t] = of(m.pool.blocks[blocks[0]])
	}
	return out
}

// group is how many people of each block are in a set of people, and how many
// these are in all.
func (m *model) group(people []int) (entries map[int]int64, total int) {
	entries = map[int]int64{}
	for _, k := range people {
		if b := m.pool.block[k]; b >= 0 {
			entries[b]++
			total++
		}
	}
	return entries, total
}

// merged is entries by block as entries by type: those of the first block.
func (m *model) merged(entries map[int]int64) map[int]int64 {
	out := make(map[int]int64, len(entries))
	for b, v := range entries {
		if t := m.typ[b]; m.types[t][0] == b {
			out[t] = v
		}
	}
	return out
}

// line is lo ≤ people of the set ≤ hi, a side that nothing can break left out.
type line struct {
	entries map[int]int64
	lo, hi  int64
	most    int64 // people of the set that can be in at once
}

func (m *model) line(people []int, lo, hi int64) (line, bool) {
	entries, total := m.group(people)
	l := line{entries: entries, lo: lo, hi: hi, most: int64(min(total, m.pool.c.Size))}
	if l.lo <= 0 {
		l.lo = NoLower
	}
	if l.most <= l.hi {
		l.hi = NoUpper
	}
	return l, l.lo != NoLower || l.hi != NoUpper
}

// lines calls f with every line of the conditions that are no rules.
func (m *model) lines(f func(line)) {
	emit := func(people []int, lo, hi int64) {
		if l, binds := m.line(people, lo, hi); binds {
			f(l)
		}
	}
	p := m.pool
	for i := range p.caps {
		for v := range p.caps[i].values {
			emit(p.caps[i].people[v], 0, int64(p.c.Caps[i].Max))
		}
	}
	var pairs [][2]int
	for _, l := range p.c.Links {
		if l.Kind != matcher.Apart {
			continue
		}
		var people []int
		for _, id := range l.IDs {
			if k := p.at[id]; !p.excluded[k] {
				people = append(people, k)
			}
		}
		slices.Sort(people)
		switch {
		case len(people) == 2:
			pairs = append(pairs, [2]int{people[0], people[1]})
		case len(people) > 2:
			emit(people, 0, 1)
		}
	}
	for _, family := range families(pairs) {
		emit(family, 0, 1)
	}
	for _, l := range p.c.Links {
		if l.Kind == matcher.AtLeastOne {
			var people []int
			for _, id := range l.IDs {
				people = append(people, p.at[id])
			}
			emit(people, 1, NoUpper)
		}
	}
}

func (m *model) conditions() {
	m.lines(func(l line) { m.base.row(m.merged(l.entries), l.lo, l.hi) })
}

// ruleLines calls f with every line of a rule of kind quota, company or cap.
func (m *model) ruleLines(i int, f func(line)) {
	r, q := &m.pool.c.Rules[i], &m.pool.rules[i]
	emit := func(people []int, lo, hi int64) {
		if l, binds := m.line(people, lo, hi); binds {
			f(l)
		}
	}
	switch r.Kind {
	case matcher.Quota:
		var people []int
		for k, member := range q.member {
			if member {
				people = append(people, k)
			}
		}
		emit(people, int64(r.Min), int64(r.Max))
	case matcher.Company:
		for v, holders := range q.holders {
			if holders < r.Min {
				continue
			}
			l, binds := m.line(q.people[v], int64(r.Min), NoUpper)
			if !binds {
				continue
			}
			// Who gives relief counts as so many people of every value.
			for k := range q.alone {
				if b := m.pool.block[k]; b >= 0 && r.Relief > 0 {
					l.entries[b] += int64(min(r.Relief, r.Min))
				}
			}
			f(l)
		}
	case matcher.Cap:
		for v := range q.values {
			emit(q.people[v], 0, int64(r.Max))
		}
	}
}

// variety is, of a rule of kind spread, which blocks hold each value.
// A value that people of one block alone hold is counted by the block itself.
func (m *model) variety(i int) (shared []map[int]int64, alone map[int]int64) {
	q := &m.pool.rules[i]
	alone = map[int]int64{}
	for v := range q.values {
		entries, total := m.group(q.people[v])
		if total == 0 {
			continue
		}
		if len(entries) == 1 {
			for b := range entries {
				alone[b]++
			}
			continue
		}
		for b := range entries {
			entries[b] = 1 // however many of the block hold it
		}
		shared = append(shared, entries)
	}
	return shared, alone
}

func (m *model) rule(i int, total map[int]int64) {
	r := &m.pool.c.Rules[i]
	weight := int64(r.Weight)
	if r.Priority == matcher.Must {
		weight = 1
	}
	pay := func(entries map[int]int64, by, room int64, upper bool) {
		j := m.base.column(0, room)
		entries[j] = by
		total[j] = weight
		m.slack = append(m.slack, slack{column: j, rule: i, upper: upper, room: room, weight: weight})
	}
	if r.Kind != matcher.Spread {
		m.ruleLines(i, func(l line) {
			entries := m.merged(l.entries)
			if l.lo != NoLower {
				pay(entries, 1, l.lo, false)
			}
			if l.hi != NoUpper {
				pay(entries, -1, l.most-l.hi, true)
			}
			m.base.row(entries, l.lo, l.hi)
		})
		return
	}
	if r.Min == 0 {
		return
	}
	shared, alone := m.variety(i)
	sum := m.merged(alone)
	for _, entries := range shared {
		touched := m.merged(entries)
		j := m.base.column(0, 1)
		touched[j] = -1
		sum[j] = 1
		m.base.row(touched, 0, NoUpper)
	}
	pay(sum, 1, int64(r.Min), false)
	m.base.row(sum, int64(r.Min), NoUpper)
}

// alike checks that swapping two blocks of a type changes nothing that a rule
// or condition looks at: they have the same entry in every row.
func (m *model) alike() error {
	entries := make([][][2]int64, len(m.pool.blocks))
	number := int64(0)
	add := func(of map[int]int64) {
		for b, v := range of {
			entries[b] = append(entries[b], [2]int64{number, v})
		}
		number++
	}
	m.lines(func(l line) { add(l.entries) })
	for i := range m.pool.c.Rules {
		if m.pool.c.Rules[i].Kind != matcher.Spread {
			m.ruleLines(i, func(l line) { add(l.entries) })
		} else if m.pool.c.Rules[i].Min > 0 {
			shared, alone := m.variety(i)
			for _, of := range shared {
				add(of)
			}
			add(alone)
		}
	}
	score := func(b int) (sum int) {
		for _, k := range m.pool.blocks[b] {
			sum += m.pool.c.Scores[m.pool.in.People[k].ID]
		}
		return sum
	}
	for t, blocks := range m.types {
		first := blocks[0]
		for _, b := range blocks[1:] {
			switch {
			case len(m.pool.blocks[b]) != len(m.pool.blocks[first]):
				return fmt.Errorf("t%d: its blocks differ in size", t+1)
			case m.pool.included[b] != m.pool.included[first]:
				return fmt.Errorf("t%d: somebody of it is included by name, somebody else is not", t+1)
			case score(b) != score(first):
				return fmt.Errorf("t%d: its people have different scores", t+1)
			case !slices.Equal(entries[b], entries[first]):
				return fmt.Errorf("t%d: its people differ in something that a rule or condition looks at", t+1)
			}
		}
	}
	return nil
}

// families covers pairs of people who are apart by groups of whom each two are:
// a row for a group says more than rows for its pairs. It takes the pairs in
// order; to each that is not covered yet it adds, again and again, the first
// person who is apart from everybody in the group.
func families(pairs [][2]int) [][]int {
	slices.SortFunc(pairs, func(a, b [2]int) int { return cmp.Or(a[0]-b[0], a[1]-b[1]) })
	pairs = slices.Compact(pairs)
	apart := make(map[[2]int]bool, len(pairs))
	near := map[int][]int{}
	for _, p := range pairs {
		apart[p], apart[[2]int{p[1], p[0]}] = true, true
		near[p[0]], near[p[1]] = append(near[p[0]], p[1]), append(near[p[1]], p[0])
	}
	for _, list := range near {
		slices.Sort(list)
	}
	covered := make(map[[2]int]bool, len(pairs))
	var all [][]int
	for _, p := range pairs {
		if covered[p] {
			continue
		}
		family := []int{p[0], p[1]}
		for _, k := range near[p[0]] {
			if !slices.ContainsFunc(family, func(other int) bool { return !apart[[2]int{k, other}] }) {
				family = append(family, k)
			}
		}
		slices.Sort(family)
		for i, a := range family {
			for _, b := range family[i+1:] {
				covered[[2]int{a, b}] = true
			}
		}
		all = append(all, family)
	}
	return all
}
