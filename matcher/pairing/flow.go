package pairing

// unreachable is longer than every way; sums of a few real lengths stay below.
const unreachable = int64(1) << 62

// flow is one stage: a circulation of the greatest value, in int64.
//
//	maximize  Σ gain(n,k) [units of nodes] + Σ val [links] + Σ val [pairs] − Σ cost(i,k) [seats]
//
// Units come from outside to nodes, go along links between nodes, take a mentor
// each as a pair, and leave by the mentor's seats to the outside. Nearly every
// node is a mentee. Gains do not rise from unit to unit and costs do not fall from
// seat to seat, so that a simple network carries them. The outside is never looked
// into: it takes up every imbalance and is in balance once everybody is.
//
// A node with more units in than out has an excess, from which forward finds the
// shortest way out; one with fewer has a deficit, as has a mentor with a paid seat
// and nobody on it, to which backward finds the shortest way in.
//
// Between searches these hold, with u the worth of one more unit at a node and p
// the price of a seat:
//
//	pairs   u + p − val ≥ 0 when off, ≤ 0 when on
//	links   u(from) − val − u(to) ≥ 0 below hi, ≤ 0 above lo
//	units   gain(deg) + u ≥ 0 above lo, gain(deg+1) + u ≤ 0 below hi
//	seats   cost(load) ≤ p above lo, p ≤ cost(load+1) below hi
//
// A flow in balance for which they hold is optimal.
type flow struct {
	arcs [][]arc // by node
	held [][]ref // by mentor: arcs that are on
	from [][]ref // by mentor: all arcs; nil until a deficit needs them

	deg, minDeg, maxDeg    []int32 // units from outside, by node
	gain                   []int64
	gainAt                 []int32
	over                   []int32 // units in minus units out, by node
	load, minLoad, maxLoad []int32 // seats in use, by mentor
	cost                   []int64
	costAt                 []int32

	// Pairs that every optimum of the earlier stages has: no arcs, only counted.
	fixed      [][]int32 // mentors by mentee, nil where there are none
	fixedNode  []int32
	fixedLoad  []int32
	links      []link
	linksOf    [][]int32 // by node; nil without links
	firstGroup int32     // nodes from here on are groups

	u, p []int64

	// The first sorted[n] arcs of n fall in val − sortedAt: a scan may skip their
	// tail, as no price has fallen by more than slack since. Solve starts from these
	// prices, as far as they can be.
	sorted   []int32
	sortedAt []int64
	slack    int64

	ready []bool // whether u of a node is set

	distMentor, distNode []int64
	doneMentor, doneNode []bool
	// How a search came: to a mentor by an arc; to a node by a mentor and an arc, or
	// by link ^j.
	toMentor, toNode         []ref
	touchedMentor, touchedAt []int32
	heap                     heap
	best                     int64
	end                      exit
	start                    int32

	meter *meter
}

type arc struct {
	to  int32
	on  bool
	val int64
}

// ref names an arc of a node or, with a mentor in front, how a node was reached.
type ref struct{ j, a int32 }

type link struct {
	from, to     int32
	lo, hi, flow int32
	val          int64
}

// exit is where a search leaves the network.
type exit struct {
	at   int32
	kind exitKind
}

type exitKind uint8

const (
	bySeat    exitKind = iota // a seat of a mentor is taken, or given up
	byUnit                    // a unit of a node is dropped, or taken
	byBalance                 // a node with the opposite imbalance
)

func newFlow(nodes, mentors int, m *meter) *flow {
	f := &flow{
		arcs: make([][]arc, nodes), held: make([][]ref, mentors), fixed: make([][]int32, nodes),
		gainAt: make([]int32, nodes), costAt: make([]int32, mentors), firstGroup: int32(nodes),
		u: make([]int64, nodes), p: make([]int64, mentors), sortedAt: make([]int64, mentors),
		ready: make([]bool, nodes), distMentor: make([]int64, mentors), distNode: make([]int64, nodes),
		doneMentor: make([]bool, mentors), doneNode: make([]bool, nodes),
		toMentor: make([]ref, mentors), toNode: make([]ref, nodes), meter: m,
	}
	for _, of := range []*[]int32{&f.deg, &f.minDeg, &f.maxDeg, &f.over, &f.fixedNode, &f.sorted} {
		*of = make([]int32, nodes)
	}
	for _, of := range []*[]int32{&f.load, &f.minLoad, &f.maxLoad, &f.fixedLoad} {
		*of = make([]int32, mentors)
	}
	for i := range f.distMentor {
		f.distMentor[i] = unreachable
	}
	for n := range f.distNode {
		f.distNode[n] = unreachable
	}
	return f
}

func (f *flow) addLink(l link) {
	if f.linksOf == nil {
		f.linksOf = make([][]int32, len(f.arcs))
	}
	id := int32(len(f.links))
	f.links = append(f.links, l)
	f.linksOf[l.from] = append(f.linksOf[l.from], id)
	f.linksOf[l.to] = append(f.linksOf[l.to], id)
}

func (f *flow) linksAt(n int32) []int32 {
	if f.linksOf == nil {
		return nil
	}
	return f.linksOf[n]
}

// vacant is whether a seat of i is paid for and nobody is on it.
func (f *flow) vacant(i int32) bool { return int(f.load[i]) > len(f.held[i])+int(f.fixedLoad[i]) }

// seatLength is the length of the way from mentor i to the outside.
func (f *flow) seatLength(i int32) int64 {
	switch {
	case f.vacant(i):
		return 0
	case f.load[i] < f.maxLoad[i]:
		return f.cost[f.costAt[i]+f.load[i]] - f.p[i]
	}
	return unreachable
}

func (f *flow) set(n, a int32, on bool) {
	e := &f.arcs[n][a]
	e.on = on
	held := f.held[e.to]
	if on {
		f.held[e.to] = append(held, ref{n, a})
		return
	}
	for q := range held {
		if held[q].j == n {
			held[q] = held[len(held)-1]
			f.held[e.to] = held[:len(held)-1]
			return
		}
	}
}

// solve finds the optimum, from links at their lower ends and no arc on. Any prices
// of mentors will do to start from; good ones leave little to search.
// It returns false when the meter has run out.
func (f *flow) solve() bool {
	for k := range f.links {
		l := &f.links[k]
		l.flow = l.lo
		f.over[l.from] -= l.lo
		f.over[l.to] += l.lo
	}
	for i := range f.p {
		least, start := max(f.minLoad[i], f.fixedLoad[i]), f.sortedAt[i]
		f.load[i], f.p[i] = least, start
		// Seats that cost less than their price are taken; what is vacant of them
		// will be filled, or given up.
		for f.load[i] < f.maxLoad[i] && f.cost[f.costAt[i]+f.load[i]] < start {
			f.load[i]++
		}
		if next := min(least+1, f.maxLoad[i]); f.load[i] == least && next > f.minLoad[i] {
			if f.p[i] = f.cost[f.costAt[i]+next-1]; next == least {
				f.p[i] = max(f.p[i], start)
			}
		}
	}
	for n := range f.deg {
		f.deg[n] = min(f.fixedNode[n], f.maxDeg[n])
		f.over[n] += f.deg[n] - f.fixedNode[n]
	}
	nodes := int32(len(f.u))
	for g := f.firstGroup; g < nodes; g++ {
		f.prepare(g)
	}
	for more := true; more; {
		more = false
		for n := range nodes {
			f.prepare(n)
			more = f.take(n) || more
			if !f.route(n) {
				return false
			}
		}
	}
	return f.fill()
}

// prepare gives a node its first price: the smallest that leaves no pair that is
// off worth taking. The later it is called, the more seat prices have risen, and
// the fewer searches the node needs.
func (f *flow) prepare(n int32) {
	if f.ready[n] {
		return
	}
	f.ready[n] = true
	u := -unreachable
	for _, e := range f.arcs[n] {
		u = max(u, e.val-f.p[e.to])
	}
	if n >= f.firstGroup {
		if f.deg[n] < f.maxDeg[n] {
			u = -f.gain[f.gainAt[n]+f.deg[n]]
		}
		// What a group has left is for its members, who are worth taking or not.
		if u == -unreachable {
			u = 0
		}
		f.u[n] = u
		return
	}
	for _, id := range f.linksAt(n) {
		if l := &f.links[id]; l.from == n {
			f.prepare(l.to)
			if l.flow < l.hi && f.hopeful(l.to) {
				u = max(u, l.val+f.u[l.to])
			}
		}
	}
	if u == -unreachable {
		u = f.hopeless(n)
	}
	// Units that fixed pairs use must be worth keeping.
	if f.deg[n] > f.minDeg[n] {
		u = max(u, -f.gain[f.gainAt[n]+f.deg[n]-1])
	}
	f.u[n] = u
	// A child that nothing leads out of follows its parent.
	for _, id := range f.linksAt(n) {
		if l := &f.links[id]; l.from == n && !f.hopeful(l.to) {
			if f.u[l.to] = f.least(l.to); f.u[l.to] == unreachable {
				f.u[l.to] = u
			}
		}
	}
}

func (f *flow) hopeful(n int32) bool { return len(f.arcs[n]) > 0 }

// hopeless is the price of a node that nothing leads out of, as if there were a
// mentor who is just not worth a unit.
func (f *flow) hopeless(n int32) int64 {
	u := unreachable
	if f.deg[n] < f.maxDeg[n] {
		u = -f.gain[f.gainAt[n]+f.deg[n]]
	}
	u = min(u, f.least(n))
	if u == unreachable {
		return 0
	}
	return u
}

// least is the highest price of a node at which no link into it is worth using.
func (f *flow) least(n int32) int64 {
	u := unreachable
	for _, id := range f.linksAt(n) {
		if l := &f.links[id]; l.to == n && l.flow < l.hi && f.ready[l.from] {
			u = min(u, f.u[l.from]-l.val)
		}
	}
	return u
}

// take lets a node have one more unit, from outside or from its group, if that is
// due or worth it. Groups take what is worth it when a member does.
func (f *flow) take(n int32) bool {
	group := n >= f.firstGroup
	for _, id := range f.linksAt(n) {
		if l := &f.links[id]; !group && l.from >= f.firstGroup && l.flow < l.hi && l.val+f.u[n] > f.u[l.from] {
			f.push(l, 1)
			return true
		}
	}
	if d := f.deg[n]; d < f.maxDeg[n] && (d < f.minDeg[n] || !group && f.gain[f.gainAt[n]+d]+f.u[n] > 0) {
		f.deg[n]++
		f.over[n]++
		return true
	}
	return false
}

func (f *flow) push(l *link, by int32) {
	l.flow += by
	f.over[l.from] -= by
	f.over[l.to] += by
}

// route sends the excess of a node out.
func (f *flow) route(n int32) bool {
	for f.over[n] > 0 {
		if !f.forward(n) {
			return false
		}
	}
	return true
}

// fill ends every imbalance.
func (f *flow) fill() bool {
	for n := range int32(len(f.u)) {
		if !f.route(n) {
			return false
		}
	}
	for n := range int32(len(f.u)) {
		for f.over[n] < 0 {
			if !f.backward(n, true) {
				return false
			}
		}
	}
	for i := range int32(len(f.p)) {
		for f.vacant(i) {
			if !f.backward(i, false) {
				return false
			}
		}
	}
	return true
}

// heapNode marks nodes in the heap; mentors are as they are.
func heapNode(n int32) int32 { return ^n }

// forward sends one unit of excess of node s out by the shortest way.
func (f *flow) forward(s int32) bool {
	f.best, f.start = unreachable, s
	f.arrive(s, 0)
	for f.heap.len() > 0 && f.heap.least() < f.best {
		if f.meter.spent() {
			f.finish(0, 0)
			return false
		}
		x := f.heap.pop()
		if x.at < 0 {
			if n := ^x.at; !f.doneNode[n] {
				f.arrive(n, x.dist)
			}
			continue
		}
		i := x.at
		if f.doneMentor[i] {
			continue
		}
		f.doneMentor[i] = true
		for _, h := range f.held[i] {
			if f.doneNode[h.j] {
				continue
			}
			d := x.dist + f.arcs[h.j][h.a].val - f.u[h.j] - f.p[i]
			if d >= f.best || d >= f.distNode[h.j] {
				continue
			}
			if f.toNode[h.j] = (ref{i, h.a}); d == x.dist {
				f.arrive(h.j, d)
				continue
			}
			f.reach(h.j, d)
		}
	}
	end, found := f.end, f.best < unreachable
	f.finish(f.best, 1)
	if !found {
		return f.meter.broken("an excess has no way out")
	}
	n := end.at
	switch end.kind {
	case byUnit:
		f.deg[n]--
	case byBalance:
		f.over[n]++
	case bySeat:
		i := end.at
		if !f.vacant(i) {
			f.load[i]++
		}
		r := f.toMentor[i]
		f.set(r.j, r.a, true)
		n = r.j
	}
	for n != s {
		r := f.toNode[n]
		if r.j < 0 {
			n = f.shift(^r.j, n)
			continue
		}
		f.set(n, r.a, false)
		r = f.toMentor[r.j]
		f.set(r.j, r.a, true)
		n = r.j
	}
	f.over[s]--
	return true
}

// shift moves a unit that came to n over a link, and returns where it came from.
func (f *flow) shift(id, n int32) int32 {
	l := &f.links[id]
	if l.to == n {
		l.flow++
		return l.from
	}
	l.flow--
	return l.to
}

// reach notes a node at distance d, to be looked at in its turn.
func (f *flow) reach(n int32, d int64) {
	if f.distNode[n] == unreachable {
		f.touchedAt = append(f.touchedAt, n)
	}
	f.distNode[n] = d
	f.heap.push(way{d, heapNode(n)})
}

// arrive settles a node at which a unit too many arrives at distance d.
func (f *flow) arrive(n int32, d int64) {
	if f.distNode[n] == unreachable {
		f.touchedAt = append(f.touchedAt, n)
	}
	f.distNode[n], f.doneNode[n] = d, true
	if f.over[n] < 0 && d < f.best {
		f.best, f.end = d, exit{n, byBalance}
	}
	if f.deg[n] > f.minDeg[n] {
		if x := d + f.gain[f.gainAt[n]+f.deg[n]-1] + f.u[n]; x < f.best {
			f.best, f.end = x, exit{n, byUnit}
		}
	}
	for _, id := range f.linksAt(n) {
		l := &f.links[id]
		to, length := l.to, f.u[n]-l.val
		if l.from != n {
			to, length = l.from, f.u[n]+l.val
		}
		if l.from == n && l.flow >= l.hi || l.from != n && l.flow <= l.lo || f.doneNode[to] || !f.ready[to] {
			continue
		}
		if x := d + length - f.u[to]; x < f.best && x < f.distNode[to] {
			f.toNode[to] = ref{^id, 0}
			f.reach(to, x)
		}
	}
	base, arcs := d+f.u[n], f.arcs[n]
	inOrder := int(f.sorted[n])
	for a := 0; a < len(arcs); a++ {
		e := &arcs[a]
		x := base + f.p[e.to] - e.val
		if x >= f.best {
			if a < inOrder && base+f.sortedAt[e.to]-f.slack-e.val >= f.best {
				a = inOrder - 1
			}
			continue
		}
		if x >= f.distMentor[e.to] || e.on || f.doneMentor[e.to] {
			continue
		}
		if f.distMentor[e.to] == unreachable {
			f.touchedMentor = append(f.touchedMentor, e.to)
		}
		f.distMentor[e.to], f.toMentor[e.to] = x, ref{n, int32(a)}
		if y := f.seatLength(e.to); y < unreachable && x+y < f.best {
			f.best, f.end = x+y, exit{e.to, bySeat}
		}
		if x < f.best {
			f.heap.push(way{x, e.to})
		}
	}
}

// finish moves the prices of what was settled within d, up for a search forward
// (sign 1) and down for one backward (−1), and forgets the search.
func (f *flow) finish(d, sign int64) {
	for _, i := range f.touchedMentor {
		if f.doneMentor[i] && f.distMentor[i] < d && d < unreachable {
			f.p[i] += sign * (d - f.distMentor[i])
			f.slack = max(f.slack, f.sortedAt[i]-f.p[i])
		}
		f.distMentor[i], f.doneMentor[i] = unreachable, false
	}
	for _, n := range f.touchedAt {
		if f.doneNode[n] && f.distNode[n] < d && d < unreachable {
			f.u[n] -= sign * (d - f.distNode[n])
		}
		f.distNode[n], f.doneNode[n] = unreachable, false
	}
	f.touchedMentor, f.touchedAt = f.touchedMentor[:0], f.touchedAt[:0]
	f.heap.clear()
}

// backward brings one unit to a deficit, of a node or a mentor, by the shortest
// way, or gives the seat up.
func (f *flow) backward(s int32, node bool) bool {
	if f.from == nil {
		f.from = make([][]ref, len(f.p))
		for n := range f.arcs {
			for a, e := range f.arcs[n] {
				f.from[e.to] = append(f.from[e.to], ref{int32(n), int32(a)})
			}
		}
	}
	f.best = unreachable
	if node {
		f.exitTo(s, 0)
		f.lack(s, 0)
	} else {
		f.lackMentor(s, 0)
	}
	for f.heap.len() > 0 && f.heap.least() < f.best {
		if f.meter.spent() {
			f.finish(0, 0)
			return false
		}
		x := f.heap.pop()
		if x.at >= 0 {
			if !f.doneMentor[x.at] {
				f.lackMentor(x.at, x.dist)
			}
			continue
		}
		if n := ^x.at; !f.doneNode[n] {
			f.lack(n, x.dist)
		}
	}
	end, found := f.end, f.best < unreachable
	f.finish(f.best, -1)
	if !found {
		return f.meter.broken("a deficit cannot be filled")
	}
	n, i := end.at, int32(-1)
	switch end.kind {
	case byUnit:
		f.deg[n]++
	case byBalance:
		f.over[n]--
	case bySeat:
		f.load[end.at]--
		n, i = -1, end.at
	}
	for {
		if n < 0 { // at mentor i, whose node lets go of it
			if !node && i == s {
				return true
			}
			r := f.toMentor[i]
			f.set(r.j, r.a, false)
			n = r.j
		}
		if node && n == s {
			f.over[s]++
			return true
		}
		r := f.toNode[n]
		if r.j < 0 {
			l := &f.links[^r.j]
			if l.from == n { // n gives the unit that it got to l.to
				l.flow++
				n = l.to
			} else {
				l.flow--
				n = l.from
			}
			continue
		}
		f.set(n, r.a, true)
		n, i = -1, r.j
	}
}

// exitTo notes the ways for a node to get a unit at once.
func (f *flow) exitTo(n int32, d int64) {
	if f.over[n] > 0 && d < f.best {
		f.best, f.end = d, exit{n, byBalance}
	}
	if f.deg[n] < f.maxDeg[n] {
		if x := d - f.gain[f.gainAt[n]+f.deg[n]] - f.u[n]; x < f.best {
			f.best, f.end = x, exit{n, byUnit}
		}
	}
}

// lackMentor settles a mentor with a seat to fill at distance d.
func (f *flow) lackMentor(i int32, d int64) {
	if f.distMentor[i] == unreachable {
		f.touchedMentor = append(f.touchedMentor, i)
	}
	f.distMentor[i], f.doneMentor[i] = d, true
	if f.load[i] > f.minLoad[i] {
		if x := d + f.p[i] - f.cost[f.costAt[i]+f.load[i]-1]; x < f.best {
			f.best, f.end = x, exit{i, bySeat}
		}
	}
	base := d + f.p[i]
	for _, r := range f.from[i] {
		e := &f.arcs[r.j][r.a]
		x := base + f.u[r.j] - e.val
		if x >= f.best || x >= f.distNode[r.j] || e.on || f.doneNode[r.j] {
			continue
		}
		f.toNode[r.j] = ref{i, r.a}
		if f.exitTo(r.j, x); x < f.best {
			f.reach(r.j, x)
		} else {
			if f.distNode[r.j] == unreachable {
				f.touchedAt = append(f.touchedAt, r.j)
			}
			f.distNode[r.j] = x
		}
	}
}

// lack settles a node that needs a unit at distance d.
func (f *flow) lack(n int32, d int64) {
	if f.distNode[n] == unreachable {
		f.touchedAt = append(f.touchedAt, n)
	}
	f.distNode[n], f.doneNode[n] = d, true
	for _, id := range f.linksAt(n) {
		l := &f.links[id]
		to, length := l.from, -l.val-f.u[n]
		if l.from == n {
			to, length = l.to, l.val-f.u[n]
		}
		if l.to == n && l.flow >= l.hi || l.from == n && l.flow <= l.lo || f.doneNode[to] || !f.ready[to] {
			continue
		}
		if x := d + length + f.u[to]; x < f.best && x < f.distNode[to] {
			f.toNode[to] = ref{^id, 0}
			f.reach(to, x)
			f.exitTo(to, x)
		}
	}
	for a := range f.arcs[n] {
		e := &f.arcs[n][a]
		if !e.on || f.doneMentor[e.to] {
			continue
		}
		x := d + e.val - f.u[n] - f.p[e.to]
		if x >= f.best || x >= f.distMentor[e.to] {
			continue
		}
		if f.toMentor[e.to] = (ref{n, int32(a)}); x == d {
			f.lackMentor(e.to, x)
			continue
		}
		if f.distMentor[e.to] == unreachable {
			f.touchedMentor = append(f.touchedMentor, e.to)
		}
		f.distMentor[e.to] = x
		f.heap.push(way{x, e.to})
	}
}

// add brings in an arc. Loosen all nodes that got some before any is routed.
func (f *flow) add(n, i int32, val int64) {
	if f.from != nil {
		f.from[i] = append(f.from[i], ref{n, int32(len(f.arcs[n]))})
	}
	f.arcs[n] = append(f.arcs[n], arc{to: i, val: val})
}

// loosen makes what holds between searches hold again at a node with new arcs.
// Whatever comes loose is an imbalance afterwards.
func (f *flow) loosen(n int32) {
	u := f.u[n]
	for _, e := range f.arcs[n] {
		if !e.on {
			u = max(u, e.val-f.p[e.to])
		}
	}
	for _, id := range f.linksAt(n) {
		if l := &f.links[id]; l.from == n && l.flow < l.hi {
			u = max(u, l.val+f.u[l.to])
		}
	}
	f.u[n] = u
	for a := range f.arcs[n] {
		if e := &f.arcs[n][a]; e.on && u+f.p[e.to]-e.val > 0 {
			f.set(n, int32(a), false)
			f.over[n]++
		}
	}
	for _, id := range f.linksAt(n) {
		l := &f.links[id]
		switch {
		case l.from == n && l.flow > l.lo && u > l.val+f.u[l.to]:
			f.push(l, l.lo-l.flow)
		case l.to == n && l.from >= f.firstGroup && l.flow < l.hi && l.val+u > f.u[l.from]:
			f.push(l, l.hi-l.flow)
		}
	}
	for f.deg[n] < f.maxDeg[n] && f.gain[f.gainAt[n]+f.deg[n]]+u > 0 {
		f.deg[n]++
		f.over[n]++
	}
}

// relist gives a node another shortlist, which falls in val − p; pairs that are on
// stay. Call reindex once all are given.
func (f *flow) relist(n int32, list []arc) {
	f.sorted[n] = int32(len(list))
	for _, e := range f.arcs[n] {
		if !e.on {
			continue
		}
		known := false
		for a := range list {
			if list[a].to == e.to {
				list[a].on, known = true, true
			}
		}
		if !known {
			list = append(list, e)
		}
	}
	f.arcs[n] = append(f.arcs[n][:0], list...)
}

func (f *flow) reindex() {
	f.from, f.slack = nil, 0
	copy(f.sortedAt, f.p)
	for i := range f.held {
		f.held[i] = f.held[i][:0]
	}
	for n := range f.arcs {
		for a, e := range f.arcs[n] {
			if e.on {
				f.held[e.to] = append(f.held[e.to], ref{int32(n), int32(a)})
			}
		}
	}
}

// way is an entry of the heap: a mentor, or a node as heapNode has it.
type way struct {
	dist int64
	at   int32
}

// heap has four children to a parent: most entries are never popped.
type heap struct{ list []way }

func (h *heap) len() int     { return len(h.list) }
func (h *heap) least() int64 { return h.list[0].dist }
func (h *heap) clear()       { h.list = h.list[:0] }

func (h *heap) push(x way) {
	h.list = append(h.list, x)
	at := len(h.list) - 1
	for at > 0 {
		parent := (at - 1) / 4
		if h.list[parent].dist <= x.dist {
			break
		}
		h.list[at] = h.list[parent]
		at = parent
	}
	h.list[at] = x
}

func (h *heap) pop() way {
	list := h.list
	top, n := list[0], len(list)-1
	x := list[n]
	h.list = list[:n]
	if n == 0 {
		return top
	}
	at := 0
	for {
		child := 4*at + 1
		if child >= n {
			break
		}
		least := child
		for k := child + 1; k < min(child+4, n); k++ {
			if list[k].dist < list[least].dist {
				least = k
			}
		}
		if list[least].dist >= x.dist {
			break
		}
		list[at] = list[least]
		at = least
	}
	list[at] = x
	return top
}
