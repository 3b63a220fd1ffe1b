package peers

import (
	"cmp"
	"math/bits"
	"slices"
)

// witness proves who is left: parts are groups of an odd number of members who
// may be introduced, outside their own group, only to others; no group can be
// divided into pairs and trios by itself, so each one needs one of others (a pair or
// trio never takes in two groups), and there are more groups than others.
type witness struct {
	proved bool
	parts  [][]int
	others []int
	better *placing // who is with whom, if that is better than what was given
	about  map[int]*cluster
}

// cluster is a part of a witness that stands for itself: groups that hang together
// through those who may be introduced to them.
type cluster struct {
	rivals, others []int
	parts          int
}

// explain finds out whether fewer have to be left than a placing leaves, or
// others who waited less, and if not, why.
//
// Of the groups of even members those that can be divided into pairs and trios
// need nobody from outside. Each of the others needs one odd member, or leaves
// one of its own, whom one likes. So odd members go to the groups that would
// leave those who waited longest (Cornuéjols, Hartvigsen and Pulleyblank, 1982).
func (r *round) explain(placed *placing) *witness {
	w := &witness{}
	parts, ok := r.parting()
	if !ok {
		return w
	}
	k := len(parts.groups)
	division := make([][][]int32, k) // into pairs and a trio, of a group where there is one
	hard := make([]bool, k)          // proved: there is none
	least := make([]int32, k)        // who would be left of the group
	for i, members := range parts.groups {
		division[i], hard[i] = r.divide(members, parts, int32(i))
		least[i] = r.shortest(members)
	}
	m := r.helpers(parts)
	// Hard groups first, those with the longest-waiting first of all.
	order := make([]int, 0, k)
	for i := range k {
		if hard[i] {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.rank[least[b]], r.rank[least[a]]) })
	var left []int
	for _, i := range order {
		if !m.help(i) {
			left = append(left, i)
		}
	}
	short := make([]int32, len(left))
	for i, group := range left {
		short[i] = least[group]
	}
	if r.worse(placed.left, short) {
		w.better = r.rebuild(parts, division, hard, least, m)
	}
	final := len(placed.left)
	if w.better != nil {
		final = len(w.better.left)
	}
	w.prove(left, parts, m)
	w.proved = len(w.parts)-len(w.others) == final
	return w
}

// shortest is who waited least of some, the last by the seed.
func (r *round) shortest(members []int32) int32 {
	return slices.MinFunc(members, func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.rank[a], r.rank[b]), cmp.Compare(r.keys[b], r.keys[a]), cmp.Compare(b, a))
	})
}

// worse is whether it is worse to leave a than b: more people, or longer-waiting
// ones.
func (r *round) worse(a, b []int32) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	sorted := func(list []int32) []int64 {
		var waits []int64
		for _, v := range list {
			waits = append(waits, -r.rank[v])
		}
		slices.Sort(waits)
		return waits
	}
	return slices.Compare(sorted(a), sorted(b)) < 0
}

// helpers matches groups with odd members whom somebody in them may be introduced
// to.
type helpers struct {
	odd    []int32
	near   [][]uint64 // of a group: the bits of these members, by their place in odd
	helper []int32    // of a group: the place of the one who goes there, -1
	helped []int32    // of a place: the group, -1
	unseen []uint64
}

func (r *round) helpers(parts *parting) *helpers {
	m := &helpers{}
	for v := range int32(r.g.n) {
		if parts.odd[v] {
			m.odd = append(m.odd, v)
		}
	}
	words := (len(m.odd) + 63) / 64
	for range parts.groups {
		m.near = append(m.near, make([]uint64, words))
		m.helper = append(m.helper, -1)
	}
	for range m.odd {
		m.helped = append(m.helped, -1)
	}
	row := make([]int16, r.g.n)
	for i, a := range m.odd {
		r.p.Row(int(a), row)
		for b, s := range row {
			if at := parts.of[b]; s >= 0 && at >= 0 {
				m.near[at][i/64] |= 1 << (i % 64)
			}
		}
	}
	m.unseen = make([]uint64, words)
	m.forget()
	return m
}

func (m *helpers) forget() {
	for i := range m.unseen {
		m.unseen[i] = ^uint64(0)
	}
}

// help finds an odd member for a group, if need be by sending others elsewhere.
// Whom a search in vain has seen, no later one can use (Kuhn, 1955).
func (m *helpers) help(group int) bool {
	before := slices.Clone(m.unseen)
	if !m.search(group) {
		return false
	}
	copy(m.unseen, before)
	return true
}

func (m *helpers) search(group int) bool {
	for w := range m.unseen {
		for {
			x := m.near[group][w] & m.unseen[w]
			if x == 0 {
				break
			}
			at := w*64 + bits.TrailingZeros64(x)
			m.unseen[w] &^= x & -x
			if h := m.helped[at]; h < 0 || m.search(int(h)) {
				m.helper[group], m.helped[at] = int32(at), int32(group)
				return true
			}
		}
	}
	return false
}

// settle finds a group for an odd member who has none, among all groups.
func (m *helpers) settle(at int, seen []bool) bool {
	for i, near := range m.near {
		if seen[i] || near[at/64]>>(at%64)&1 == 0 {
			continue
		}
		seen[i] = true
		if m.helper[i] < 0 || m.settle(int(m.helper[i]), seen) {
			m.helper[i], m.helped[at] = int32(at), int32(i)
			return true
		}
	}
	return false
}

// mostDivided is the size of the largest group that is divided by trying
// everything.
const mostDivided = 15

// divide divides a group into pairs and trios, or proves that this is impossible;
// of a large group it may do neither.
func (r *round) divide(members []int32, parts *parting, group int32) (division [][]int32, impossible bool) {
	k := len(members)
	if k == 1 {
		return nil, true
	}
	// Mostly the one whose partner is outside, or nowhere, can join a pair inside.
	mate := r.g.mate
	inside := func(v int32) bool { return v >= 0 && parts.of[v] == group }
	at := slices.IndexFunc(members, func(v int32) bool { return !inside(mate[v]) })
	third := members[at]
	row := make([]int16, r.g.n)
	r.p.Row(int(third), row)
	best, bestScore := int32(-1), int16(-1)
	for _, a := range members {
		if a != third && a < mate[a] && row[a] >= 0 && row[mate[a]] >= 0 && row[a]+row[mate[a]] > bestScore {
			best, bestScore = a, row[a]+row[mate[a]]
		}
	}
	if best >= 0 {
		division = append(division, []int32{best, mate[best], third})
		for _, a := range members {
			if a != third && a != best && a < mate[a] {
				division = append(division, []int32{a, mate[a]})
			}
		}
		return division, false
	}
	if k > mostMatched {
		return nil, false
	}
	allowed := make([][]bool, k)
	for i, v := range members {
		r.p.Row(int(v), row)
		allowed[i] = make([]bool, k)
		for j, w := range members {
			allowed[i][j] = i != j && row[w] >= 0
		}
	}
	if k <= mostDivided {
		division = divideSmall(members, allowed)
		return division, division == nil
	}
	return r.divideLarge(members, allowed)
}

// mostTries bounds what is spent on a group too large for trying everything, in
// pairs of its members looked at.
const mostTries = 20_000_000

// divideLarge takes out one trio after the other and matches the rest. Only where
// there is no trio at all it proves that a group cannot be divided.
func (r *round) divideLarge(members []int32, allowed [][]bool) (division [][]int32, impossible bool) {
	k := len(members)
	impossible = k <= mostTriangles
	tries := mostTries / (k * k)
	for a := range allowed {
		for b := range a {
			for c := range b {
				if !allowed[a][b] || !allowed[a][c] || !allowed[b][c] {
					continue
				}
				impossible = false
				if tries--; tries < 0 || r.stop() {
					return nil, false
				}
				trio := []int32{members[c], members[b], members[a]}
				if pairs := r.perfect(without(members, trio...)); pairs != nil {
					return append(pairs, trio), false
				}
			}
		}
	}
	return nil, impossible
}

// mostTriangles is the size of the largest group in which it counts as a proof
// that there is no trio.
const mostTriangles = 200

// divideSmall divides a few members into pairs and as few trios as can be; nil
// if that is impossible.
func divideSmall(members []int32, allowed [][]bool) [][]int32 {
	k := len(members)
	const none = 1 << 20
	trios := make([]int32, 1<<k)
	took := make([]uint32, 1<<k) // the group that the first of a set is in
	for set := uint32(1); set < 1<<k; set++ {
		trios[set] = none
		a := bits.TrailingZeros32(set)
		rest := set &^ (1 << a)
		for m := rest; m > 0; m &= m - 1 {
			b := bits.TrailingZeros32(m)
			if !allowed[a][b] {
				continue
			}
			with := rest &^ (1 << b)
			if trios[with] < trios[set] {
				trios[set], took[set] = trios[with], 1<<a|1<<b
			}
			for l := m & (m - 1); l > 0; l &= l - 1 {
				c := bits.TrailingZeros32(l)
				if x := trios[with&^(1<<c)] + 1; allowed[a][c] && allowed[b][c] && x < trios[set] {
					trios[set], took[set] = x, 1<<a|1<<b|1<<c
				}
			}
		}
	}
	if trios[1<<k-1] >= none {
		return nil
	}
	var groups [][]int32
	for set := uint32(1<<k - 1); set > 0; {
		var g []int32
		for m := took[set]; m > 0; m &= m - 1 {
			g = append(g, members[bits.TrailingZeros32(m)])
		}
		groups = append(groups, g)
		set &^= took[set]
	}
	return groups
}

// rebuild makes the placing that explain found to be better; nil if a group is
// too large for it.
func (r *round) rebuild(parts *parting, division [][][]int32, hard []bool, least []int32, m *helpers) *placing {
	// Odd members whom no hard group needs have to be with others.
	for at := range m.odd {
		if m.helped[at] < 0 && !m.settle(at, make([]bool, len(m.near))) {
			return nil
		}
	}
	p := &placing{}
	for v, mate := range r.g.mate {
		if !parts.odd[v] && !parts.even[v] && v < int(mate) {
			p.groups = append(p.groups, []int32{int32(v), mate})
		}
	}
	row := make([]int16, r.g.n)
	for i, members := range parts.groups {
		at := m.helper[i]
		switch {
		case at < 0 && division[i] != nil:
			p.groups = append(p.groups, division[i]...)
			continue
		case at < 0 && !hard[i]:
			return nil
		}
		out := least[i]
		if at >= 0 {
			a := m.odd[at]
			r.p.Row(int(a), row)
			out = slices.MaxFunc(members, func(x, y int32) int {
				return cmp.Or(cmp.Compare(row[x], row[y]), cmp.Compare(y, x))
			})
			p.groups = append(p.groups, []int32{a, out})
		} else {
			p.left = append(p.left, out)
		}
		if len(members) == 1 {
			continue
		}
		pairs := r.perfect(without(members, out))
		if pairs == nil {
			return nil
		}
		p.groups = append(p.groups, pairs...)
	}
	return p
}

// prove collects the groups that can be reached from those that are left, going to
// a member nearby and on to the group this member helps.
func (w *witness) prove(left []int, parts *parting, m *helpers) {
	in := make([]bool, len(parts.groups))
	first := make([]int, len(m.odd)) // of a place: the first part near it, plus 1
	var joined []int                 // of a part: another one it hangs together with
	find := func(i int) int {
		for joined[i] != i {
			i = joined[i]
		}
		return i
	}
	for _, i := range left {
		in[i] = true
	}
	for queue := slices.Clone(left); len(queue) > 0; queue = queue[1:] {
		i, number := queue[0], len(w.parts)
		joined = append(joined, number)
		members := make([]int, len(parts.groups[i]))
		for j, v := range parts.groups[i] {
			members[j] = int(v)
		}
		w.parts = append(w.parts, members)
		for word, x := range m.near[i] {
			for ; x > 0; x &= x - 1 {
				at := word*64 + bits.TrailingZeros64(x)
				if first[at] > 0 {
					joined[find(number)] = find(first[at] - 1)
					continue
				}
				first[at] = number + 1
				w.others = append(w.others, int(m.odd[at]))
				if h := m.helped[at]; h >= 0 && !in[h] {
					in[h] = true
					queue = append(queue, int(h))
				}
			}
		}
	}
	w.about = map[int]*cluster{}
	of := map[int]*cluster{}
	for number, members := range w.parts {
		c := of[find(number)]
		if c == nil {
			c = &cluster{}
			of[find(number)] = c
		}
		c.rivals = append(c.rivals, members...)
		c.parts++
		for _, v := range members {
			w.about[v] = c
		}
	}
	for at, number := range first {
		if number > 0 {
			c := of[find(number-1)]
			c.others = append(c.others, int(m.odd[at]))
		}
	}
	for _, c := range of {
		slices.Sort(c.rivals)
	}
	slices.Sort(w.others)
}
