package peers

import "math"

// graph holds a matching of its vertices, and prices that prove it best among
// the pairs it knows. It is the primal-dual method of Edmonds for matchings of
// greatest weight in general graphs, with one alternating tree at a time: the
// tree grows from somebody who has no partner yet until it finds somebody to
// exchange with.
//
// All weights and prices are doubled, so that halves are whole. With w twice
// the score of a pair, and Z the sum of the prices of the blossoms that hold both,
//
//	price[a] + price[b] + Z ≥ w      for every pair known, equal for a matched one
//	price[v] ≥ floor[v]              equal for everybody without a partner
//	z ≥ 0                            for every blossom
//
// which is optimality. floor[v] = −2·L·rank is how much it costs to leave v out; L is
// more than all scores together, so that scores never decide who is left out.
//
// A blossom is an odd cycle of vertices or blossoms that is treated as one
// vertex. A node is a vertex (below n) or a blossom (n and above).
type graph struct {
	n    int
	arcs [][]arc

	price []int64
	floor []int64
	mate  []int32 // -1: none

	parent   []int32 // of a node: the blossom it is in, -1 at the top
	base     []int32 // of a node: the vertex whose partner is outside
	label    []label // of a node at the top
	via      []link  // of an inner node: the pair by which the tree reached it
	stamp    []int32
	stamps   int32
	blossoms []blossom // node n+i
	unused   []int32   // nodes

	// The vertices of a node at the top are a list, in which those of each kid stand
	// together. They all know one of them, their leader; that is the leader of the
	// largest kid, so that few have to be told when blossoms form and open.
	leader []int32 // of a vertex
	next   []int32 // of a vertex; -1 at the end
	first  []int32 // of a node
	last   []int32 // of a node
	size   []int32 // of a node
	top    []int32 // of a leader: the node

	// One search. While it runs, prices of outer vertices are stored as they were
	// at the start (so that now they are price−delta), those of inner ones likewise
	// (now price+delta), and prices of blossoms with twice delta the other way.
	delta   int64
	best    int64 // the earliest end that is known
	end     link  // to = -1: from gives up its partner
	queue   []int32
	now     []event
	later   eventHeap
	labeled []int32
	nodes   []int32 // scratch

	work  int64 // arcs looked at
	limit int64 // 0: none
}

type arc struct{ to, w int32 }

// link is a pair by which two nodes hang together, seen in a direction.
type link struct{ from, to int32 }

// blossom is a cycle of nodes: links[i] leads from kids[i] to the one after it.
// kids[0] holds the base; the others are matched with each other through the
// links of odd number.
type blossom struct {
	kids  []int32
	links []link
	big   int32 // the largest of kids
	z     int64
}

type label uint8

const (
	unlabeled label = iota
	outer           // at an even distance from the root; its price falls
	inner           // at an odd distance; its price rises
)

// event is something that happens in a search when delta reaches time: the pair
// from–to becomes tight, or, with to = -1, the blossom from has lost its price.
type event struct {
	time        int64
	from, to, w int32
}

func newGraph(n int, floor []int64) *graph {
	most := n + n/2 + 1
	g := &graph{
		n: n, arcs: make([][]arc, n), price: make([]int64, n), floor: floor, mate: make([]int32, n),
		parent: make([]int32, most), base: make([]int32, most), label: make([]label, most), via: make([]link, most), stamp: make([]int32, most),
		blossoms: make([]blossom, most-n),
		leader:   make([]int32, n), next: make([]int32, n), top: make([]int32, n),
		first: make([]int32, most), last: make([]int32, most), size: make([]int32, most),
	}
	for v := range int32(n) {
		g.mate[v] = -1
		g.parent[v], g.next[v] = -1, -1
		g.base[v], g.leader[v], g.first[v], g.last[v], g.top[v] = v, v, v, v, v
		g.size[v] = 1
	}
	for node := int32(most) - 1; node >= int32(n); node-- {
		g.parent[node] = -1
		g.unused = append(g.unused, node)
	}
	return g
}

// start raises prices that are too low for some pair, lowers those that need not
// be so high, and matches what is tight, in the order given.
func (g *graph) start(order []int32) {
	for v := range g.arcs {
		for _, a := range g.arcs[v] {
			if short := int64(a.w) - g.price[v] - g.price[a.to]; short > 0 {
				g.price[v] += short
			}
		}
	}
	for range 2 {
		for _, v := range order {
			if g.mate[v] >= 0 || len(g.arcs[v]) == 0 {
				continue
			}
			slack := int64(math.MaxInt64)
			for _, a := range g.arcs[v] {
				slack = min(slack, g.price[v]+g.price[a.to]-int64(a.w))
			}
			g.price[v] = max(g.floor[v], g.price[v]-slack)
			for _, a := range g.arcs[v] {
				if g.mate[a.to] < 0 && g.price[v]+g.price[a.to] == int64(a.w) {
					g.mate[v], g.mate[a.to] = a.to, v
					break
				}
			}
		}
	}
}

// open is whether v still has to be looked after: no partner, and a price that
// does not yet say that nobody can be found.
func (g *graph) open(v int32) bool { return g.mate[v] < 0 && g.price[v] > g.floor[v] }

// solve searches for everybody who is open, in the order given. It returns false
// when stop says so, or when the work is used up.
func (g *graph) solve(order []int32, stop func() bool) bool {
	for _, v := range order {
		for g.open(v) {
			if stop() || g.limit > 0 && g.work > g.limit || !g.search(v, stop) {
				return false
			}
		}
	}
	return true
}

func (g *graph) topOf(v int32) int32 { return g.top[g.leader[v]] }

// search grows one tree from root until it ends: with a partner for root, or with
// root or somebody in its place at the floor.
func (g *graph) search(root int32, stop func() bool) bool {
	g.delta, g.best = 0, math.MaxInt64
	g.queue, g.now, g.later, g.labeled = g.queue[:0], g.now[:0], g.later[:0], g.labeled[:0]
	g.makeOuter(g.topOf(root))
	for rounds := 1; g.best > g.delta; rounds++ {
		if rounds%(1<<14) == 0 && stop() {
			g.settle()
			return false
		}
		if k := len(g.queue); k > 0 {
			v := g.queue[k-1]
			g.queue = g.queue[:k-1]
			g.scan(v)
			continue
		}
		if k := len(g.now); k > 0 {
			e := g.now[k-1]
			g.now = g.now[:k-1]
			g.tight(e)
			continue
		}
		if len(g.later) == 0 || g.later[0].time >= g.best {
			break
		}
		e := g.later.pop()
		g.delta = e.time
		if e.to >= 0 {
			g.tight(e)
			continue
		}
		if b := e.from; g.parent[b] < 0 && g.label[b] == inner && g.blossoms[b-int32(g.n)].z == 2*g.delta {
			g.expand(b)
		}
	}
	g.delta = g.best
	g.augment()
	g.settle()
	return true
}

// makeOuter labels a node that had no label.
func (g *graph) makeOuter(node int32) {
	g.label[node] = outer
	g.labeled = append(g.labeled, node)
	if node >= int32(g.n) {
		g.blossoms[node-int32(g.n)].z -= 2 * g.delta
	}
	for v := g.first[node]; v >= 0; v = g.next[v] {
		g.raise(v, g.delta)
	}
}

// raise adds to the stored price of a vertex that is now outer, and sees to it
// that its pairs are looked at.
func (g *graph) raise(v int32, by int64) {
	g.price[v] += by
	if t := g.price[v] - g.floor[v]; t < g.best {
		g.best, g.end = t, link{v, -1}
	}
	g.queue = append(g.queue, v)
}

// makeInner labels a node that had no label, or none yet after its blossom
// opened.
func (g *graph) makeInner(node int32, via link) {
	g.label[node], g.via[node] = inner, via
	g.labeled = append(g.labeled, node)
	if node < int32(g.n) {
		return
	}
	b := &g.blossoms[node-int32(g.n)]
	b.z += 2 * g.delta
	if t := b.z / 2; t < g.best {
		g.later.push(event{time: t, from: node, to: -1})
	}
}

// scan looks at the pairs of an outer vertex.
func (g *graph) scan(v int32) {
	own, price := g.leader[v], g.price[v]-g.delta
	g.work += int64(len(g.arcs[v]))
	for _, a := range g.arcs[v] {
		leader := g.leader[a.to]
		if leader == own {
			continue
		}
		node := g.top[leader]
		time := g.delta
		switch g.label[node] {
		case unlabeled:
			time += price + g.price[a.to] - int64(a.w)
			if time >= g.best {
				continue
			}
			if g.mate[g.base[node]] < 0 {
				g.best, g.end = time, link{v, a.to}
				if time == g.delta {
					return
				}
				continue
			}
		case outer:
			time += (price + g.price[a.to] - g.delta - int64(a.w)) / 2
			if time >= g.best {
				continue
			}
		case inner:
			continue
		}
		g.note(event{time, v, a.to, a.w})
	}
}

func (g *graph) note(e event) {
	if e.time == g.delta {
		g.now = append(g.now, e)
		return
	}
	g.later.push(e)
}

// tight acts on a pair of an outer vertex that has become tight, unless it is no
// longer what it was when that was foreseen.
func (g *graph) tight(e event) {
	if g.leader[e.from] == g.leader[e.to] {
		return
	}
	node := g.topOf(e.to)
	price := g.price[e.from] - g.delta + g.price[e.to] - int64(e.w)
	switch {
	case g.label[node] == outer && price == g.delta:
		g.shrink(link{e.from, e.to})
	case g.label[node] == unlabeled && price == 0:
		for v := g.first[node]; v >= 0; v = g.next[v] {
			g.price[v] -= g.delta
		}
		g.makeInner(node, link{e.from, e.to})
		g.makeOuter(g.topOf(g.mate[g.base[node]]))
	}
}

// augment exchanges partners along the tree from the end of the search to the
// root.
func (g *graph) augment() {
	v, partner := g.end.from, g.end.to
	if partner >= 0 {
		g.rebase(g.topOf(partner), partner)
		g.mate[partner] = v
	}
	for {
		node := g.topOf(v)
		before := g.mate[g.base[node]]
		g.rebase(node, v)
		g.mate[v] = partner
		if before < 0 {
			return
		}
		node = g.topOf(before)
		e := g.via[node]
		g.rebase(node, e.to)
		g.mate[e.to] = e.from
		v, partner = e.from, e.to
	}
}

// rebase makes v the vertex of a node whose partner is outside, and matches all
// the others of the node inside.
func (g *graph) rebase(node, v int32) {
	if g.base[node] == v {
		return
	}
	// From the inside out; inner ones may have the right base already.
	for kid, x := v, v; x != node; kid = x {
		x = g.parent[x]
		if g.base[x] != v {
			g.turn(x, kid, v)
		}
	}
}

// turn makes a kid whose base is v the one that holds the base of a blossom.
func (g *graph) turn(node, kid, v int32) {
	b := &g.blossoms[node-int32(g.n)]
	k := len(b.kids)
	at := indexOf(b.kids, kid)
	first, last := 0, at // of the links to match by
	if at%2 == 1 {
		first, last = at+1, k
	}
	for i := first; i < last; i += 2 {
		l := b.links[i]
		g.rebase(b.kids[i], l.from)
		g.rebase(b.kids[(i+1)%k], l.to)
		g.mate[l.from], g.mate[l.to] = l.to, l.from
	}
	rotate(b.kids, at)
	rotate(b.links, at)
	g.base[node] = v
}

func indexOf(list []int32, x int32) int {
	for i, y := range list {
		if x == y {
			return i
		}
	}
	return -1
}

// rotate makes list[at] the first.
func rotate[T any](list []T, at int) {
	if at == 0 {
		return
	}
	reverse(list[:at])
	reverse(list[at:])
	reverse(list)
}

func reverse[T any](list []T) {
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
}

// eventHeap is a heap by time, four to a parent.
type eventHeap []event

func (h *eventHeap) push(e event) {
	*h = append(*h, e)
	q := *h
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 4
		if q[up].time <= e.time {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = e
}

func (h *eventHeap) pop() event {
	q := *h
	first, e := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	*h = q
	if len(q) == 0 {
		return first
	}
	i := 0
	for {
		kid := 4*i + 1
		if kid >= len(q) {
			break
		}
		least := kid
		for j := kid + 1; j < min(kid+4, len(q)); j++ {
			if q[j].time < q[least].time {
				least = j
			}
		}
		if q[least].time >= e.time {
			break
		}
		q[i] = q[least]
		i = least
	}
	q[i] = e
	return first
}
