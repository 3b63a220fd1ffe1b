package pairing

import (
	"errors"
	"slices"
)

// residual is the network of an optimal matching, with every way to change it:
// an arc against a pair takes it away, an arc along one that is off brings it in.
// Lengths are tuples, one int64 for each stage, compared from the first on. They
// are reduced costs by the prices of the run, so that none is below zero.
//
// Vertices are the nodes of the run (mentees, children, groups), then the
// mentors, then the outside.
type residual struct {
	run    *run
	stages int // that lengths have; later ones are left out
	nodes  int32
	end    int32     // the outside
	mentee []int32   // by node; of groups, nobody
	on     [][]int32 // by mentee: mentors, locked ones aside
	held   [][]int32 // by mentor: mentees
	deg    []int32   // units from outside, by node
	flow   []int32   // by link
	load   []int32   // by mentor, locked pairs aside
}

// ErrNoProof is what explanations need and a result does not have: it was not
// proved optimal, or did not come from Solve in this process.
var ErrNoProof = errors.New("the result has no proof to explain it by: solve the problem to the end first")

// newResidual lays out the network of r, with lengths of so many stages.
func newResidual(r *Result, stages int) (*residual, error) {
	if r.run == nil || r.Status != Optimal {
		return nil, ErrNoProof
	}
	in := r.run.in
	n, m := in.nJ(), in.nI()
	x := &residual{
		run: r.run, stages: stages, nodes: int32(r.run.nodes), end: int32(r.run.nodes + m),
		mentee: make([]int32, r.run.nodes), on: make([][]int32, n), held: make([][]int32, m),
		deg: make([]int32, r.run.nodes), flow: make([]int32, len(r.run.flows[0].links)), load: make([]int32, m),
	}
	for k := range x.mentee {
		x.mentee[k] = nobody
	}
	good := make([]int32, n)
	for j := range int32(n) {
		x.mentee[j] = j
		if c := r.run.child[j]; c >= 0 {
			x.mentee[c] = j
		}
	}
	for _, match := range r.Matches {
		if match.Locked {
			continue
		}
		j, _ := in.mentee(match.Mentee)
		i, _ := in.mentor(match.Mentor)
		x.on[j] = append(x.on[j], i)
		x.held[i] = append(x.held[i], j)
		x.load[i]++
		if r.run.node(j, in.code(j, i)) != j {
			good[j]++
		}
	}
	for j := range x.on {
		x.deg[j] = int32(len(x.on[j]))
		slices.Sort(x.on[j])
	}
	first := map[int32]bool{} // children whose first link was met
	for k, l := range r.run.flows[0].links {
		if l.from >= r.run.firstGroup { // the first unit of a member comes from the group
			if x.deg[l.to] > 0 {
				x.deg[l.to]--
				x.deg[l.from]++
				x.flow[k] = 1
			}
			continue
		}
		if !first[l.to] {
			first[l.to] = true
			x.flow[k] = min(1, good[l.from])
		} else {
			x.flow[k] = max(0, good[l.from]-1)
		}
	}
	return x, nil
}

func (x *residual) mentor(v int32) int32   { return v - x.nodes }
func (x *residual) vertex(i int32) int32   { return x.nodes + i }
func (x *residual) isMentor(v int32) bool  { return v >= x.nodes && v < x.end }
func (x *residual) u(s int, n int32) int64 { return x.run.flows[s].u[n] }
func (x *residual) p(s int, i int32) int64 { return x.run.flows[s].p[i] }

// reducedCost writes the reduced cost of the pair of j and i, stage by stage.
func (r *run) reducedCost(j, i int32, into []int64) {
	code := r.in.code(j, i)
	n := r.node(j, code)
	for s := range into {
		into[s] = r.flows[s].u[n] + r.flows[s].p[i] - r.values[s].pair(r.in, r.class[j], j, i, code)
	}
}

// unit writes the gain of the unit of node n that comes next, or of the last one.
func (x *residual) unit(n int32, next bool, into []int64) bool {
	r, k := x.run, int(x.deg[n])
	if next {
		k++
	}
	if k == 0 {
		return false
	}
	if n >= r.firstGroup {
		g := &r.in.groups[n-r.firstGroup]
		if k > len(g.members) {
			return false
		}
		for s := range into {
			into[s] = r.values[s].group(g, k)
		}
		return true
	}
	if int(n) >= r.in.nJ() {
		return false // children have units only from their mentee
	}
	held, most := r.in.held(n), int(r.in.want[n])
	if r.in.groupOf[n] >= 0 {
		held++ // the first one comes through the group
		most--
	}
	if k > most {
		return false
	}
	for s := range into {
		into[s] = r.values[s].unit(&r.in.mentees[n], held+k)
	}
	return true
}

// seat writes the cost of the seat of i that is taken next, or of the last one.
func (x *residual) seat(i int32, next bool, into []int64) bool {
	in, k := x.run.in, int(x.load[i])
	if next {
		k++
	}
	if k == 0 || k > int(in.seats[i]) {
		return false
	}
	for s := range into {
		into[s] = x.run.values[s].seat(int(in.lockedSeats[i])+k, in.mentors[i].Seats)
	}
	return true
}

// search finds shortest ways in a residual network from one vertex.
type search struct {
	x    *residual
	dist [][]int64 // by stage, then vertex
	via  []int32   // the vertex before
	done []bool
	at   []int32 // place in the heap, or nobody
	heap []int32
	word []int64 // of the arc that is looked at
	goal int32   // nothing farther than it matters; or nobody
}

func (x *residual) search(start int32) *search {
	n := int(x.end) + 1
	q := &search{x: x, via: make([]int32, n), done: make([]bool, n), at: make([]int32, n), word: make([]int64, x.stages), goal: nobody}
	for range x.stages {
		q.dist = append(q.dist, make([]int64, n))
	}
	for v := range n {
		q.dist[0][v], q.via[v], q.at[v] = unreachable, nobody, nobody
	}
	q.dist[0][start] = 0
	q.push(start)
	return q
}

// reached says whether a way to v is known.
func (q *search) reached(v int32) bool { return q.dist[0][v] < unreachable }

// run looks through vertices, the nearest first, until the goal is settled; with
// nobody for a goal, through all that can be reached.
func (q *search) run(goal int32) {
	for q.goal = goal; len(q.heap) > 0; {
		v := q.pop()
		q.done[v] = true
		switch {
		case v == goal:
			return
		case v == q.x.end:
			q.outside()
		case q.x.isMentor(v):
			q.fromMentor(v)
		default:
			q.fromNode(v)
		}
	}
}

// near is the first stage of a length that is still worth knowing.
func (q *search) near() int64 {
	if q.goal == nobody {
		return unreachable
	}
	return q.dist[0][q.goal]
}

// try notes a way to v over an arc of length q.word from w.
func (q *search) try(w, v int32) {
	if q.done[v] {
		return
	}
	if q.reached(v) {
		for s := 0; ; s++ {
			if s == len(q.dist) {
				return
			}
			if d := q.dist[s][w] + q.word[s]; d != q.dist[s][v] {
				if d > q.dist[s][v] {
					return
				}
				break
			}
		}
	}
	for s := range q.dist {
		q.dist[s][v] = q.dist[s][w] + q.word[s]
	}
	q.via[v] = w
	q.push(v)
}

// negate turns the length of an arc around, as the arc against it has it.
func (q *search) negate() {
	for s := range q.word {
		q.word[s] = -q.word[s]
	}
}

// outside looks through the outside: it gives a node one more unit, or takes back
// the seat of a mentor.
func (q *search) outside() {
	x := q.x
	for n := range x.nodes {
		if !x.unit(n, true, q.word) {
			continue
		}
		for s := range q.word {
			q.word[s] = -q.word[s] - x.u(s, n)
		}
		q.try(x.end, n)
	}
	for i := range int32(len(x.load)) {
		if !x.seat(i, false, q.word) {
			continue
		}
		for s := range q.word {
			q.word[s] = x.p(s, i) - q.word[s]
		}
		q.try(x.end, x.vertex(i))
	}
}

// fromMentor looks through a mentor who has one mentee too many: a free seat is
// taken, or somebody else lets go.
func (q *search) fromMentor(v int32) {
	x := q.x
	i := x.mentor(v)
	if x.seat(i, true, q.word) {
		for s := range q.word {
			q.word[s] -= x.p(s, i)
		}
		q.try(v, x.end)
	}
	for _, j := range x.held[i] {
		x.run.reducedCost(j, i, q.word)
		q.negate()
		q.try(v, x.run.node(j, x.run.in.code(j, i)))
	}
}

// fromNode looks through a mentee, a child or a group with a unit too many: it
// goes to a mentor, over a link, or back to the outside.
func (q *search) fromNode(n int32) {
	x, r := q.x, q.x.run
	if x.unit(n, false, q.word) {
		for s := range q.word {
			q.word[s] += x.u(s, n)
		}
		q.try(n, x.end)
	}
	f := r.flows[0]
	for _, k := range f.linksAt(n) {
		l := &f.links[k]
		for s := range q.word {
			q.word[s] = x.u(s, l.from) - r.flows[s].links[k].val - x.u(s, l.to)
		}
		if l.from == n && x.flow[k] < l.hi {
			q.try(n, l.to)
		} else if l.to == n && x.flow[k] > 0 {
			q.negate()
			q.try(n, l.from)
		}
	}
	j := x.mentee[n]
	if j == nobody {
		return
	}
	base, p, dist := q.dist[0][n]+x.u(0, n), r.flows[0].p, q.dist[0][x.nodes:x.end]
	tab, near := &r.values[0].pairs[r.class[j]], q.near()
	if r.values[0].lottery { // the table alone says too little
		base, near = -unreachable/2, unreachable
	}
	split := r.child[j] >= 0
	for i, code := range r.in.row(j) {
		d := base + p[i] - tab[code+1]
		if d > dist[i] || d > near || code < 0 || split && r.node(j, code) != n || slices.Contains(x.on[j], int32(i)) {
			continue
		}
		r.reducedCost(j, int32(i), q.word)
		q.try(n, x.vertex(int32(i)))
	}
}

// less compares two vertices by their distance, of equal ones by their place.
func (q *search) less(a, b int32) bool {
	for _, d := range q.dist {
		if d[a] != d[b] {
			return d[a] < d[b]
		}
	}
	return a < b
}

// push puts v into the heap, or moves it to where it belongs by now.
func (q *search) push(v int32) {
	if q.at[v] == nobody {
		q.at[v] = int32(len(q.heap))
		q.heap = append(q.heap, v)
	}
	k := q.at[v]
	for k > 0 {
		parent := (k - 1) / 4
		if !q.less(v, q.heap[parent]) {
			break
		}
		q.heap[k] = q.heap[parent]
		q.at[q.heap[k]] = k
		k = parent
	}
	q.heap[k], q.at[v] = v, k
}

func (q *search) pop() int32 {
	top, last := q.heap[0], q.heap[len(q.heap)-1]
	q.heap = q.heap[:len(q.heap)-1]
	q.at[top] = nobody
	n := int32(len(q.heap))
	if n == 0 {
		return top
	}
	k := int32(0)
	for {
		least := int32(nobody)
		for c := 4*k + 1; c < min(4*k+5, n); c++ {
			if least == nobody || q.less(q.heap[c], q.heap[least]) {
				least = c
			}
		}
		if least == nobody || !q.less(q.heap[least], last) {
			break
		}
		q.heap[k] = q.heap[least]
		q.at[q.heap[k]] = k
		k = least
	}
	q.heap[k], q.at[last] = last, k
	return top
}
