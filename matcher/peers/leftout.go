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
	near   map[int][]int // of one of others: its parts, by number
	better *placing      // who is with whom, if that is better than what was given
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
	near := r.neighbors(parts)
	// Hard groups first, those with the longest-waiting first of all.
	order := make([]int, 0, k)
	for i := range k {
		if hard[i] {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(r.rank[least[b]], r.rank[least[a]]) })
	helper := make([]int32, k) // of a group: the odd member who goes there
	helped := make([]int32, r.g.n)
	for i := range helper {
		helper[i] = -1
	}
	for v := range helped {
		helped[v] = -1
	}
	var left []int
	for _, i := range order {
		if !help(i, near, helper, helped, make([]bool, r.g.n)) {
			left = append(left, i)
		}
	}
	short := make([]int32, len(left))
	for i, group := range left {
		short[i] = least[group]
	}
	if r.worse(placed.left, short) {
		w.better = r.rebuild(parts, division, hard, least, near, helper, helped)
	}
	final := len(placed.left)
	if w.better != nil {
		final = len(w.better.left)
	}
	w.prove(left, parts, near, helper, helped)
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

// neighbors lists for every group the odd members that somebody in it may be
// introduced to.
func (r *round) neighbors(parts *parting) [][]int32 {
	near := make([][]int32, len(parts.groups))
	row := make([]int16, r.g.n)
	for a := range int32(r.g.n) {
		if !parts.odd[a] {
			continue
		}
		r.p.Row(int(a), row)
		for b, s := range row {
			if at := parts.of[b]; s >= 0 && at >= 0 {
				if list := near[at]; len(list) == 0 || list[len(list)-1] != a {
					near[at] = append(list, a)
				}
			}
		}
	}
	return near
}

// help finds an odd member for a group, if need be by sending others elsewhere.
func help(group int, near [][]int32, helper, helped []int32, seen []bool) bool {
	for _, a := range near[group] {
		if seen[a] {
			continue
		}
		seen[a] = true
		if helped[a] < 0 || help(int(helped[a]), near, helper, helped, seen) {
			helper[group], helped[a] = a, int32(group)
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
	return nil, k <= mostTriangles && !triangle(allowed)
}

// mostTriangles is the size of the largest group in which triangles are looked
// for.
const mostTriangles = 200

// triangle is whether some three are allowed with each other.
func triangle(allowed [][]bool) bool {
	for a := range allowed {
		for b := range a {
			if !allowed[a][b] {
				continue
			}
			for c := range b {
				if allowed[a][c] && allowed[b][c] {
					return true
				}
			}
		}
	}
	return false
}

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
func (r *round) rebuild(parts *parting, division [][][]int32, hard []bool, least []int32, near [][]int32, helper, helped []int32) *placing {
	// Odd members who are not needed by hard groups have to be with others.
	byMember := make([][]int32, r.g.n)
	for i, list := range near {
		for _, a := range list {
			byMember[a] = append(byMember[a], int32(i))
		}
	}
	var place func(a int32, seen []bool) bool
	place = func(a int32, seen []bool) bool {
		for _, i := range byMember[a] {
			if seen[i] {
				continue
			}
			seen[i] = true
			if helper[i] < 0 || place(helper[i], seen) {
				helper[i], helped[a] = a, i
				return true
			}
		}
		return false
	}
	p := &placing{thirds: map[[2]int32]int32{}}
	for v := range int32(r.g.n) {
		m := r.g.mate[v]
		switch {
		case parts.odd[v] && helped[v] < 0:
			if !place(v, make([]bool, len(near))) {
				return nil
			}
		case !parts.odd[v] && !parts.even[v] && v < m:
			p.groups = append(p.groups, []int32{v, m})
		}
	}
	row := make([]int16, r.g.n)
	for i, members := range parts.groups {
		a := helper[i]
		switch {
		case a < 0 && division[i] != nil:
			p.groups = append(p.groups, division[i]...)
			continue
		case a < 0 && !hard[i]:
			return nil
		}
		out := least[i]
		if a >= 0 {
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
func (w *witness) prove(left []int, parts *parting, near [][]int32, helper, helped []int32) {
	w.near = map[int][]int{}
	in := make([]bool, len(parts.groups))
	taken := make([]bool, len(helped))
	for _, i := range left {
		in[i] = true
	}
	for queue := left; len(queue) > 0; {
		i := queue[0]
		queue = queue[1:]
		number := len(w.parts)
		members := make([]int, len(parts.groups[i]))
		for j, v := range parts.groups[i] {
			members[j] = int(v)
		}
		w.parts = append(w.parts, members)
		for _, a := range near[i] {
			w.near[int(a)] = append(w.near[int(a)], number)
			if taken[a] {
				continue
			}
			taken[a] = true
			w.others = append(w.others, int(a))
			if h := helped[a]; h >= 0 && !in[h] {
				in[h] = true
				queue = append(queue, int(h))
			}
		}
	}
	slices.Sort(w.others)
	_ = helper
}

// around is the part of the proof that is about one member: the groups linked
// with theirs through others, and these others.
func (w *witness) around(member int) (rivals, others []int) {
	start := slices.IndexFunc(w.parts, func(p []int) bool { return slices.Contains(p, member) })
	if start < 0 {
		return nil, nil
	}
	of := make([][]int, len(w.parts))
	for _, a := range w.others {
		for _, i := range w.near[a] {
			of[i] = append(of[i], a)
		}
	}
	in := make([]bool, len(w.parts))
	in[start] = true
	for queue := []int{start}; len(queue) > 0; {
		i := queue[0]
		queue = queue[1:]
		rivals = append(rivals, w.parts[i]...)
		for _, a := range of[i] {
			if slices.Contains(others, a) {
				continue
			}
			others = append(others, a)
			for _, j := range w.near[a] {
				if !in[j] {
					in[j] = true
					queue = append(queue, j)
				}
			}
		}
	}
	slices.Sort(rivals)
	slices.Sort(others)
	return rivals, others
}
