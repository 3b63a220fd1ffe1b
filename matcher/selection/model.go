package selection

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/ilp"
)

// hard is the level of conditions that are never relaxed: caps and links.
// Levels 0 (matcher.Must) to matcher.MaxPriority are those of rules.
const hard = -1

// instance is the input of a run as sets of columns. It depends on neither the
// order of the people nor that of the rules.
type instance struct {
	size, minSize int
	// blocks are the columns: people tied together are one block, everybody
	// else is a block of one. The excluded are in none. Blocks are in the order
	// of their first id; ids within a block are sorted.
	blocks []block
	sets   []set
	counts []countRow
	varied []varietyRow
}

type block struct {
	ids      []string
	included bool
	score    int64
	// lots are Σ w_1, Σ w_2, Σ w_3 over its people, as the seed gives them.
	lots [3]int64
}

// set is some people of the pool: how many of each block, blocks ascending.
type set struct {
	blocks []int32
	people []int64
	total  int
	forced int // of the included
}

// countRow is lo ≤ |cohort ∩ set| ≤ hi. Away from it costs weight per person.
// A side that cannot bind is 0 or noLimit.
type countRow struct {
	level  int
	weight int64
	set    int
	lo, hi int
}

const noLimit = math.MaxInt

// varietyRow is: at least lo of the sets are touched by the cohort.
type varietyRow struct {
	level  int
	weight int64
	sets   []int
	lo     int
}

// newInstance reads people and criteria that Validate has passed.
func newInstance(people []matcher.Person, c matcher.Criteria, lots func(id string) [3]int64) *instance {
	in := &instance{size: c.Size, minSize: c.MinSize}
	excluded, included := wordSet(c.Exclude), wordSet(c.Include)
	pool := make([]matcher.Person, 0, len(people))
	for _, p := range people {
		if !excluded[p.ID] {
			pool = append(pool, p)
		}
	}
	slices.SortFunc(pool, func(a, b matcher.Person) int { return strings.Compare(a.ID, b.ID) })
	b := &builder{instance: in, pool: pool, at: make(map[string]int, len(pool)), holders: map[string]map[string][]int32{}, known: map[string]int{}}
	for i, p := range pool {
		b.at[p.ID] = i
	}
	b.tie(c.Links, excluded)
	for k := range in.blocks {
		for _, id := range in.blocks[k].ids {
			in.blocks[k].included = in.blocks[k].included || included[id]
			in.blocks[k].score += int64(c.Scores[id])
			w := lots(id)
			for r := range w {
				in.blocks[k].lots[r] += w[r]
			}
		}
	}
	for _, id := range c.Include {
		if i := b.at[id]; b.blockOf[i] < 0 {
			// Tied to somebody who is excluded: no cohort can have them.
			b.count(hard, 1, []int32{int32(i)}, 1, noLimit)
		}
	}
	for _, limit := range c.Caps {
		b.eachValue(matcher.Term{Attribute: limit.Attribute, Wildcard: true}, func(members []int32) {
			b.count(hard, 1, members, 0, limit.Max)
		})
	}
	b.apart(c.Links)
	for _, l := range c.Links {
		if l.Kind == matcher.AtLeastOne {
			b.count(hard, 1, b.peopleOf(l.IDs), 1, noLimit)
		}
	}
	for _, r := range c.Rules {
		b.rule(r)
	}
	return in
}

// builder turns people into blocks and properties into sets.
type builder struct {
	*instance
	pool    []matcher.Person
	at      map[string]int // person by id
	blockOf []int32        // by person; -1: tied to somebody who is excluded
	holders map[string]map[string][]int32
	known   map[string]int // set by its members
}

// tie makes the blocks. Whoever is tied to an excluded person is out as well.
func (b *builder) tie(links []matcher.Link, excluded map[string]bool) {
	n := len(b.pool)
	root := make([]int, n+1) // person n stands for "excluded"
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	for _, l := range links {
		if l.Kind != matcher.Together {
			continue
		}
		first := -1
		for _, id := range l.IDs {
			i := n
			if !excluded[id] {
				i = b.at[id]
			}
			if first < 0 {
				first = find(i)
				continue
			}
			// The smaller index stays the root of people; "excluded" wins.
			x, y := find(first), find(i)
			if x == n || (y != n && x < y) {
				x, y = y, x
			}
			root[x] = y
			first = y
		}
	}
	b.blockOf = make([]int32, n)
	number := make([]int32, n)
	for i := range n {
		r := find(i)
		if r == n {
			b.blockOf[i] = -1
			continue
		}
		if r == i {
			number[i] = int32(len(b.blocks))
			b.blocks = append(b.blocks, block{})
		}
		k := number[r]
		b.blockOf[i] = k
		b.blocks[k].ids = append(b.blocks[k].ids, b.pool[i].ID)
	}
}

// peopleOf lists the people of the pool with these ids, ascending.
func (b *builder) peopleOf(ids []string) []int32 {
	var members []int32
	for _, id := range ids {
		if i, ok := b.at[id]; ok {
			members = append(members, int32(i))
		}
	}
	slices.Sort(members)
	return slices.Compact(members)
}

// byValue indexes the holders of each value of an attribute.
func (b *builder) byValue(attribute string) map[string][]int32 {
	if of, ok := b.holders[attribute]; ok {
		return of
	}
	of := map[string][]int32{}
	for i, p := range b.pool {
		for _, v := range p.Values[attribute] {
			if list := of[v]; len(list) == 0 || list[len(list)-1] != int32(i) {
				of[v] = append(list, int32(i))
			}
		}
	}
	b.holders[attribute] = of
	return of
}

// eachValue calls f with the holders of each value that takes part in a rule
// of kind company, spread or cap, in the order of the values.
func (b *builder) eachValue(t matcher.Term, f func(members []int32)) {
	of := b.byValue(t.Attribute)
	values := slices.Clone(t.Values)
	if t.Wildcard {
		values = values[:0]
		for v := range of {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	for _, v := range slices.Compact(values) {
		if len(of[v]) > 0 {
			f(of[v])
		}
	}
}

// members lists the people of the pool who have a property, ascending.
func (b *builder) members(p matcher.Property) []int32 {
	all := make([]int32, len(b.pool))
	for i := range all {
		all[i] = int32(i)
	}
	if len(p.IDs) > 0 {
		all = b.peopleOf(p.IDs)
	}
	for _, t := range p.Terms {
		of := b.byValue(t.Attribute)
		hits := map[int32]int{}
		values := slices.Clone(t.Values)
		slices.Sort(values)
		values = slices.Compact(values)
		if t.Wildcard {
			for _, list := range of {
				for _, i := range list {
					hits[i] = 1
				}
			}
		} else {
			for _, v := range values {
				for _, i := range of[v] {
					hits[i]++
				}
			}
		}
		need := 1
		if t.Match == matcher.MatchAll && !t.Wildcard {
			need = len(values)
		}
		all = slices.DeleteFunc(all, func(i int32) bool { return hits[i] < need })
	}
	return all
}

// set numbers the set of these people; equal sets get the same number.
func (b *builder) set(members []int32) int {
	var s set
	for _, i := range members {
		k := b.blockOf[i]
		if k < 0 {
			continue
		}
		s.blocks = append(s.blocks, k)
	}
	slices.Sort(s.blocks)
	var distinct []int32
	for _, k := range s.blocks {
		if n := len(distinct); n > 0 && distinct[n-1] == k {
			s.people[n-1]++
		} else {
			distinct = append(distinct, k)
			s.people = append(s.people, 1)
		}
		s.total++
		if b.blocks[k].included {
			s.forced++
		}
	}
	s.blocks = distinct
	key := make([]byte, 0, 8*len(distinct))
	for n, k := range s.blocks {
		key = binary.LittleEndian.AppendUint32(key, uint32(k))
		key = binary.LittleEndian.AppendUint32(key, uint32(s.people[n]))
	}
	if number, ok := b.known[string(key)]; ok {
		return number
	}
	b.known[string(key)] = len(b.sets)
	b.sets = append(b.sets, s)
	return len(b.sets) - 1
}

// count adds a row unless neither side can bind.
func (b *builder) count(level int, weight int64, members []int32, lo, hi int) {
	number := b.set(members)
	if min(b.sets[number].total, b.size) <= hi {
		hi = noLimit
	}
	if lo <= 0 && hi == noLimit {
		return
	}
	b.counts = append(b.counts, countRow{level: level, weight: weight, set: number, lo: max(0, lo), hi: hi})
}

func (b *builder) rule(r matcher.Rule) {
	weight := int64(r.Weight)
	if r.Priority == matcher.Must {
		weight = 1
	}
	switch r.Kind {
	case matcher.Quota:
		b.count(r.Priority, weight, b.members(r.Property), r.Min, r.Max)
	case matcher.Company:
		// Who gives relief counts as so many people of every value.
		b.eachValue(r.Property.Terms[0], func(members []int32) {
			if len(members) >= r.Min {
				relief := slices.Repeat(b.peopleOf(r.Alone), min(r.Relief, r.Min))
				b.count(r.Priority, weight, slices.Concat(members, relief), r.Min, noLimit)
			}
		})
	case matcher.Cap:
		b.eachValue(r.Property.Terms[0], func(members []int32) {
			b.count(r.Priority, weight, members, 0, r.Max)
		})
	case matcher.Spread:
		if r.Min <= 0 {
			return
		}
		row := varietyRow{level: r.Priority, weight: weight, lo: r.Min}
		b.eachValue(r.Property.Terms[0], func(members []int32) {
			row.sets = append(row.sets, b.set(members))
		})
		b.varied = append(b.varied, row)
	}
}

// goal is what a stage optimizes.
type goal uint8

const (
	anyCohort goal = iota // nothing: any point will do
	largest               // the number of people
	deviation             // Σ weight·(short + over) of a level
	score                 // the total score
	lot                   // Σ w_1, w_2 or w_3
	// rival: 2·Σ w_1, less 1 for a cohort that is among the rivals. With rivals
	// that have the largest Σ w_1 this is the search for another one like them,
	// and they are a start with a sharp bound.
	rival
)

// stage is one integer program: a goal under what earlier stages have proved.
type stage struct {
	goal  goal
	level int // of goal deviation: the level; of goal lot: 0, 1 or 2

	// size is the proved size; -1 before it is.
	size int
	// relaxed: rules that must hold cost 1 per person away instead.
	relaxed bool
	// limit is, by level, what the deviation may be; -1: the level takes no
	// part yet. Level 0 counts only when relaxed.
	limit [matcher.MaxPriority + 1]int64
	// minScore and minLots are the proved totals; -1: not proved yet.
	minScore int64
	minLots  [3]int64
	// not, if not nil, is a cohort that does not count (by block); it needs a
	// proved size.
	not    []bool
	rivals [][]bool
	// force and forbid, if not nil, put blocks in and out (by block).
	force, forbid []bool
	// extend, if not nil, adds rows, columns and costs of its own.
	extend func(*program)
}

// program is a stage as an integer program, with what it takes to go from
// cohorts to points and back. Columns: one per block, then the auxiliary ones.
type program struct {
	in   *instance
	ilp  ilp.Problem
	sign int64 // +1: the goal is minimized; −1: maximized
	aux  []aux
	// varieties are left to the caller instead of being rows, if asked for.
	apart     bool
	varieties []variety
}

// variety is: at least lo of the sets are touched, less the value of a column.
type variety struct {
	sets  []int
	lo    int64
	short int32 // −1: nothing makes up
}

// aux tells the value of an auxiliary column for a given cohort.
type aux struct {
	kind   auxKind
	set    int    // short, over, touched
	at     int    // the row's bound: lo for short and missing, hi for over
	sets   []int  // missing
	choice []bool // whole
	value  func(cohort []bool) int
}

type auxKind uint8

const (
	short   auxKind = iota // people missing to lo
	over                   // people above hi
	touched                // 1 if the cohort has somebody of the set
	missing                // sets missing to lo
	whole                  // 1 if all of a choice of blocks are in
	counted                // what value says
)

func (in *instance) program(s *stage) *program { return in.build(s, false) }

// build makes the program of a stage. With apart, what asks for different
// values stands in varieties and takes neither rows nor columns.
func (in *instance) build(s *stage, apart bool) *program {
	n := len(in.blocks)
	p := &program{in: in, sign: 1, apart: apart}
	p.ilp.Cost = make([]int64, n, n+64)
	p.ilp.Lower = make([]int64, n, n+64)
	p.ilp.Upper = make([]int64, n, n+64)
	all := ilp.Row{Lo: int64(in.minSize), Hi: int64(in.size)}
	if s.size >= 0 {
		all.Lo, all.Hi = int64(s.size), int64(s.size)
	}
	for k, b := range in.blocks {
		all.Index = append(all.Index, int32(k))
		all.Value = append(all.Value, int64(len(b.ids)))
		p.ilp.Upper[k] = 1
		if b.included || s.force != nil && s.force[k] {
			p.ilp.Lower[k] = 1
		}
		if s.forbid != nil && s.forbid[k] {
			p.ilp.Upper[k] = 0
		}
	}
	p.ilp.Rows = append(p.ilp.Rows, all)
	totals := make([]ilp.Row, matcher.MaxPriority+1)
	for _, r := range in.counts {
		p.countRow(s, r, totals)
	}
	for _, r := range in.varied {
		p.varietyRow(s, r, totals)
	}
	for g, t := range totals {
		if len(t.Index) == 0 {
			continue
		}
		if s.goal == deviation && s.level == g {
			for k, j := range t.Index {
				p.ilp.Cost[j] = t.Value[k]
			}
			continue
		}
		t.Lo, t.Hi = math.MinInt64, s.limit[g]
		p.ilp.Rows = append(p.ilp.Rows, t)
	}
	p.atLeast(s.minScore, func(b *block) int64 { return b.score })
	for r, least := range s.minLots {
		p.atLeast(least, func(b *block) int64 { return b.lots[r] })
	}
	if s.not != nil {
		// The size is proved by then: any other cohort lacks one of these.
		row := ilp.Row{Lo: math.MinInt64, Hi: -1}
		for k, in := range s.not {
			if in {
				row.Hi++
				row.Index = append(row.Index, int32(k))
				row.Value = append(row.Value, 1)
			}
		}
		p.ilp.Rows = append(p.ilp.Rows, row)
	}
	switch s.goal {
	case largest:
		p.maximize(func(b *block) int64 { return int64(len(b.ids)) })
	case score:
		p.maximize(func(b *block) int64 { return b.score })
	case lot:
		p.maximize(func(b *block) int64 { return b.lots[s.level] })
	case rival:
		p.maximize(func(b *block) int64 { return 2 * b.lots[0] })
		for _, choice := range s.rivals {
			p.rival(choice)
		}
	}
	if s.extend != nil {
		s.extend(p)
	}
	p.ilp.Continuous = make([]bool, len(p.ilp.Cost))
	for j := n; j < len(p.ilp.Continuous); j++ {
		p.ilp.Continuous[j] = true
	}
	return p
}

// rival adds a column that is 1, and costs 1, if all of these blocks are in.
func (p *program) rival(choice []bool) {
	row := ilp.Row{Lo: math.MinInt64, Hi: -1}
	for k, in := range choice {
		if in {
			row.Hi++
			row.Index, row.Value = append(row.Index, int32(k)), append(row.Value, 1)
		}
	}
	j := p.column(aux{kind: whole, choice: choice}, 1, nil, 0)
	p.ilp.Cost[j] = 1
	row.Index, row.Value = append(row.Index, j), append(row.Value, -1)
	p.ilp.Rows = append(p.ilp.Rows, row)
}

func (p *program) maximize(of func(*block) int64) {
	p.sign = -1
	for k := range p.in.blocks {
		p.ilp.Cost[k] = -of(&p.in.blocks[k])
	}
}

func (p *program) atLeast(least int64, of func(*block) int64) {
	if least < 0 {
		return
	}
	row := ilp.Row{Lo: least, Hi: math.MaxInt64}
	for k := range p.in.blocks {
		if v := of(&p.in.blocks[k]); v != 0 {
			row.Index = append(row.Index, int32(k))
			row.Value = append(row.Value, v)
		}
	}
	if len(row.Index) > 0 {
		p.ilp.Rows = append(p.ilp.Rows, row)
	}
}

// slack says how a level takes part in a stage: not at all, exactly (no
// deviation), or with a deviation of at most most.
func (s *stage) slack(level int) (takesPart bool, most int64) {
	switch {
	case level == hard || level == matcher.Must && !s.relaxed:
		return true, 0
	case s.goal == deviation && s.level == level:
		return true, math.MaxInt64
	default:
		return s.limit[level] >= 0, s.limit[level]
	}
}

// column adds an auxiliary column 0…upper that costs weight in its level.
func (p *program) column(a aux, upper int64, total *ilp.Row, weight int64) int32 {
	j := int32(len(p.ilp.Cost))
	p.ilp.Cost = append(p.ilp.Cost, 0)
	p.ilp.Lower = append(p.ilp.Lower, 0)
	p.ilp.Upper = append(p.ilp.Upper, upper)
	p.aux = append(p.aux, a)
	if total != nil {
		total.Index = append(total.Index, j)
		total.Value = append(total.Value, weight)
	}
	return j
}

func (p *program) countRow(s *stage, r countRow, totals []ilp.Row) {
	takesPart, most := s.slack(r.level)
	if !takesPart {
		return
	}
	set := &p.in.sets[r.set]
	row := ilp.Row{Lo: math.MinInt64, Hi: math.MaxInt64}
	row.Index = append(row.Index, set.blocks...)
	row.Value = append(row.Value, set.people...)
	if r.lo > 0 {
		row.Lo = int64(r.lo)
		if room := min(int64(r.lo), most/r.weight); room > 0 {
			j := p.column(aux{kind: short, set: r.set, at: r.lo}, room, &totals[r.level], r.weight)
			row.Index, row.Value = append(row.Index, j), append(row.Value, 1)
		}
	}
	if r.hi != noLimit {
		row.Hi = int64(r.hi)
		if room := min(int64(min(set.total, p.in.size)-r.hi), most/r.weight); room > 0 {
			j := p.column(aux{kind: over, set: r.set, at: r.hi}, room, &totals[r.level], r.weight)
			row.Index, row.Value = append(row.Index, j), append(row.Value, -1)
		}
	}
	p.ilp.Rows = append(p.ilp.Rows, row)
}

func (p *program) varietyRow(s *stage, r varietyRow, totals []ilp.Row) {
	takesPart, most := s.slack(r.level)
	if !takesPart {
		return
	}
	if p.apart {
		v := variety{sets: r.sets, lo: int64(r.lo), short: -1}
		if room := min(int64(r.lo), most/r.weight); room > 0 {
			v.short = p.column(aux{kind: missing, sets: r.sets, at: r.lo}, room, &totals[r.level], r.weight)
		}
		p.varieties = append(p.varieties, v)
		return
	}
	sum := ilp.Row{Lo: int64(r.lo), Hi: math.MaxInt64}
	alone := map[int32]int64{} // by block: values that nobody else holds
	for _, number := range r.sets {
		set := &p.in.sets[number]
		if len(set.blocks) == 1 {
			alone[set.blocks[0]]++ // the block itself says whether the value counts
			continue
		}
		j := p.column(aux{kind: touched, set: number}, 1, nil, 0)
		// A value counts as soon as one of its people is in.
		row := ilp.Row{Lo: 0, Hi: math.MaxInt64, Index: slices.Clone(set.blocks), Value: slices.Clone(set.people)}
		row.Index, row.Value = append(row.Index, j), append(row.Value, -1)
		p.ilp.Rows = append(p.ilp.Rows, row)
		sum.Index, sum.Value = append(sum.Index, j), append(sum.Value, 1)
	}
	for _, k := range slices.Sorted(maps.Keys(alone)) {
		sum.Index, sum.Value = append(sum.Index, k), append(sum.Value, alone[k])
	}
	if room := min(int64(r.lo), most/r.weight); room > 0 {
		j := p.column(aux{kind: missing, sets: r.sets, at: r.lo}, room, &totals[r.level], r.weight)
		sum.Index, sum.Value = append(sum.Index, j), append(sum.Value, 1)
	}
	p.ilp.Rows = append(p.ilp.Rows, sum)
}

// point is the point of the program for a cohort, nil if the cohort is not
// feasible for it.
func (p *program) point(cohort []bool) []int64 {
	x := make([]int64, len(p.ilp.Cost))
	n := len(p.in.blocks)
	for k, in := range cohort {
		if in {
			x[k] = 1
		}
	}
	held := func(number int) int {
		sum := 0
		s := &p.in.sets[number]
		for i, k := range s.blocks {
			if cohort[k] {
				sum += int(s.people[i])
			}
		}
		return sum
	}
	for i, a := range p.aux {
		v := 0
		switch a.kind {
		case short:
			v = max(0, a.at-held(a.set))
		case over:
			v = max(0, held(a.set)-a.at)
		case touched:
			v = min(1, held(a.set))
		case missing:
			distinct := 0
			for _, number := range a.sets {
				distinct += min(1, held(number))
			}
			v = max(0, a.at-distinct)
		case counted:
			v = a.value(cohort)
		case whole:
			v = 1
			for k, in := range a.choice {
				if in && !cohort[k] {
					v = 0
				}
			}
		}
		x[n+i] = int64(v)
	}
	if !p.feasible(x) {
		return nil
	}
	return x
}

func (p *program) feasible(x []int64) bool {
	for j, v := range x {
		if v < p.ilp.Lower[j] || v > p.ilp.Upper[j] {
			return false
		}
	}
	for _, row := range p.ilp.Rows {
		sum := int64(0)
		for i, j := range row.Index {
			sum += row.Value[i] * x[j]
		}
		if sum < row.Lo || sum > row.Hi {
			return false
		}
	}
	return true
}

// cohort is the ids of a choice of blocks, sorted.
func (in *instance) cohort(choice []bool) []string {
	var ids []string
	for k, chosen := range choice {
		if chosen {
			ids = append(ids, in.blocks[k].ids...)
		}
	}
	slices.Sort(ids)
	return ids
}
