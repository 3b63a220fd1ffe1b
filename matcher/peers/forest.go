package peers

import "slices"

// Whether with some matching of most pairs a member has no partner (even), or all
// such members need them (odd), or neither: the parts of a graph that Gallai and
// Edmonds found. Even members fall into groups that are not linked with each
// other; each has an odd number of members, any one of whom can be the one
// without a partner inside.
type parting struct {
	even, odd []bool
	groups    [][]int32 // of even members, each ascending, ordered by their first
	of        []int32   // of an even member: its group; else -1
}

// parting grows an alternating forest from everybody without a partner, over all
// pairs that are allowed. The matching has to be one of most pairs.
func (r *round) parting() (*parting, bool) {
	n := r.g.n
	mate := r.g.mate
	f := &forest{mate: mate, set: make([]int32, n), tip: make([]int32, n), pred: make([]int32, n), even: make([]bool, n), odd: make([]bool, n), stamp: make([]int32, n)}
	for v := range int32(n) {
		f.set[v], f.tip[v] = v, v
	}
	for _, v := range r.waiting() {
		f.even[v] = true
		f.queue = append(f.queue, v)
	}
	row := make([]int16, n)
	for len(f.queue) > 0 {
		if r.stop() {
			return nil, false
		}
		v := f.queue[0]
		f.queue = f.queue[1:]
		r.p.Row(int(v), row)
		for b := range int32(n) {
			switch {
			case row[b] < 0 || b == v:
			case f.even[b]:
				if f.find(b) != f.find(v) && !f.merge(v, b) {
					return nil, false
				}
			case !f.odd[b]:
				f.odd[b], f.pred[b] = true, v
				f.even[mate[b]] = true
				f.queue = append(f.queue, mate[b])
			}
		}
	}
	p := &parting{even: f.even, odd: f.odd, of: make([]int32, n)}
	number := make(map[int32]int32)
	for v := range int32(n) {
		p.of[v] = -1
		if !f.even[v] {
			continue
		}
		s := f.find(v)
		at, ok := number[s]
		if !ok {
			at = int32(len(p.groups))
			number[s] = at
			p.groups = append(p.groups, nil)
		}
		p.groups[at] = append(p.groups[at], v)
		p.of[v] = at
	}
	return p, true
}

// forest is that of parting while it grows. Blossoms are sets of vertices with
// a tip, the one whose partner is outside.
type forest struct {
	mate, set, tip, pred, stamp []int32
	stamps                      int32
	even, odd                   []bool
	queue                       []int32
}

func (f *forest) find(v int32) int32 {
	for f.set[v] != v {
		f.set[v] = f.set[f.set[v]]
		v = f.set[v]
	}
	return v
}

// up is the set above that of an even vertex, -1 at a root.
func (f *forest) up(s int32) int32 {
	m := f.mate[f.tip[s]]
	if m < 0 {
		return -1
	}
	return f.find(f.pred[m])
}

// merge makes one set of the cycle that the pair a, b closes. It returns false if
// they hang on different roots: then there would be one more pair.
func (f *forest) merge(a, b int32) bool {
	f.stamps++
	x, y := f.find(a), f.find(b)
	for {
		if x < 0 && y < 0 {
			return false
		}
		if x >= 0 {
			if f.stamp[x] == f.stamps {
				break
			}
			f.stamp[x] = f.stamps
			x = f.up(x)
		}
		x, y = y, x
	}
	meet := x
	for _, s := range []int32{f.find(a), f.find(b)} {
		for s != meet {
			m := f.mate[f.tip[s]]
			above := f.up(s)
			// The odd one between them is even by going round the cycle.
			f.odd[m], f.even[m] = false, true
			f.queue = append(f.queue, m)
			f.set[s], f.set[m] = meet, meet
			s = above
		}
	}
	return true
}

// perfect matches all members of a group with each other, as well as it can; nil
// if that is impossible. It is for groups of at most mostMatched.
func (r *round) perfect(members []int32) [][]int32 {
	k := len(members)
	if k%2 == 1 || k > mostMatched {
		return nil
	}
	floor := make([]int64, k)
	for i := range floor {
		floor[i] = -2 * (int64(k)*MaxScore + 1)
	}
	g := newGraph(k, floor)
	row := make([]int16, r.g.n)
	order := make([]int32, k)
	for i, v := range members {
		order[i] = int32(i)
		r.p.Row(int(v), row)
		for j, w := range members {
			if i != j && row[w] >= 0 {
				g.arcs[i] = append(g.arcs[i], arc{int32(j), 2 * int32(row[w])})
			}
		}
	}
	g.start(order)
	if !g.solve(order, r.stop) {
		return nil
	}
	pairs := [][]int32{}
	for i, j := range g.mate {
		if j < 0 {
			return nil
		}
		if i < int(j) {
			pairs = append(pairs, []int32{members[i], members[j]})
		}
	}
	return pairs
}

// mostMatched is the size of the largest group that is matched anew by itself.
const mostMatched = 1500

// without is a copy of members that lacks some of them.
func without(members []int32, some ...int32) []int32 {
	return slices.DeleteFunc(slices.Clone(members), func(v int32) bool { return slices.Contains(some, v) })
}
