package pairing

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Lists of stage 0 hold shortlist pairs of each mentee, a quarter of them at
// random: they tie the mentors whom everybody wants to the rest, so that the first
// prices mean something to everybody. The result does not depend on it.
const (
	shortlist   = 40
	wideRounds  = 12 // rounds that may renew all lists before pairs are only added
	manyColumns = 64 // a round that reads more columns than that reads all rows
)

// run solves an instance stage after stage.
type run struct {
	in    *instance
	tiers []tier
	list  int // pairs in a shortlist

	// A mentee with several mentors to find, one of whom should be good (see
	// KindBelow), is split: good pairs start from a node of their own, the child,
	// and the first unit that goes there earns what the tier took away.
	threshold  int16 // of the below tier; 0: there is none
	child      []int32
	class      []uint8
	nodes      int
	firstGroup int32

	values []*values
	flows  []*flow
	whole  []bool    // whether a flow holds every pair of its face
	full   [][]bool  // by stage and mentee: whether it holds every pair of theirs
	tight  [][]int32 // by mentee: mentors with no reduced cost in stage 0, if at most mostTight
	// matched are the mentors of each mentee after the last stage that was solved,
	// in order, locked ones aside.
	matched [][]int32
	old     struct{ u, p []int64 }
	// start are prices of mentors by stage, from a run of nearly the same problem;
	// nil where there are none.
	start [][]int64

	meter *meter
}

// A mentee with more tight pairs than that is listed by its best ones.
const mostTight = 8 * shortlist

// meter counts work, asks whether to go on, and tells of progress.
type meter struct {
	ctx      context.Context
	limit    int64
	visited  int64
	err      error
	progress func(Progress)
	now      Progress
	list     int // pairs in a shortlist
}

var errSpent = errors.New("the work that was given is done")

// spent counts one visit.
func (m *meter) spent() bool {
	m.visited++
	if m.limit > 0 && m.visited > m.limit {
		m.err = errSpent
	} else if m.visited&1023 == 0 {
		m.check()
	}
	return m.err != nil
}

func (m *meter) check() bool {
	if m.err == nil {
		m.err = m.ctx.Err()
	}
	return m.err != nil
}

// broken ends a run that cannot be right.
func (m *meter) broken(why string) bool {
	if m.err == nil {
		m.err = errors.New("pairing: internal error: " + why)
	}
	return false
}

func (m *meter) tell(step string, done, of int) {
	if m.progress == nil {
		return
	}
	m.now.Step, m.now.Done, m.now.Of, m.now.Visited = step, done, of, m.visited
	m.progress(m.now)
}

func newRun(in *instance, list []Tier, bits int, m *meter) *run {
	r := &run{in: in, tiers: in.pack(list, bits), list: m.list, meter: m}
	for _, t := range r.tiers {
		if t.Kind == KindBelow {
			r.threshold = int16(t.Number)
		}
	}
	r.child, r.class = make([]int32, in.nJ()), make([]uint8, in.nJ())
	r.nodes = in.nJ()
	for j := range r.child {
		r.child[j] = -1
		switch {
		case r.threshold == 0 || in.lockBest[j] >= r.threshold:
		case in.want[j] == 1:
			r.class[j] = 1
		case in.want[j] > 1:
			r.child[j] = int32(r.nodes)
			r.nodes++
		}
	}
	r.firstGroup = int32(r.nodes)
	r.nodes += len(in.groups)
	for s := range r.tiers[len(r.tiers)-1].stage + 1 {
		r.values = append(r.values, newValues(r.tiers, s, in.problem.Stickiness))
	}
	return r
}

// node is where a pair of mentee j starts.
func (r *run) node(j int32, code int16) int32 {
	if c := r.child[j]; c >= 0 && scoreOf(code) >= r.threshold {
		return c
	}
	return j
}

// sign is that of the first value that is not 0, over the stages before s.
func sign(s int, value func(stage int) int64) int {
	for t := range s {
		if v := value(t); v != 0 {
			return cmp.Compare(v, 0)
		}
	}
	return 0
}

// value is what a pair is worth in stage s.
func (r *run) value(s int, j, i int32) int64 {
	return r.values[s].pair(r.in, r.class[j], j, i, r.in.code(j, i))
}

// reduced is the sign of the reduced cost of a pair in the stages before s.
func (r *run) reduced(s int, j, i int32) int {
	code := r.in.code(j, i)
	n := r.node(j, code)
	return sign(s, func(t int) int64 {
		return r.flows[t].u[n] + r.flows[t].p[i] - r.values[t].pair(r.in, r.class[j], j, i, code)
	})
}

// solve runs every stage; false: the meter has run out.
func (r *run) solve() bool {
	r.meter.now.Stages = len(r.values)
	return r.from(0)
}

// startFrom takes the prices that a run of nearly the same problem ended with.
func (r *run) startFrom(o *run) {
	layout := func(a, b tier) bool {
		return a.Kind == b.Kind && a.stage == b.stage && a.at == b.at && a.bits == b.bits
	}
	if !slices.EqualFunc(r.tiers, o.tiers, layout) || !slices.EqualFunc(r.in.mentors, o.in.mentors, func(a, b Mentor) bool { return a.ID == b.ID }) {
		return
	}
	for _, f := range o.flows {
		r.start = append(r.start, f.p)
	}
}

// from runs the stages from s on.
func (r *run) from(s int) bool {
	for ; s < len(r.values); s++ {
		r.meter.now.Stage, r.meter.now.Round = s+1, 0
		if r.meter.check() || !r.stage(s) {
			return false
		}
	}
	return true
}

// stage solves stage s over the optima of the stages before it.
func (r *run) stage(s int) bool {
	f := newFlow(r.nodes, r.in.nI(), r.meter)
	f.firstGroup = r.firstGroup
	if s < len(r.start) {
		copy(f.sortedAt, r.start[s])
	}
	r.frame(f, s)
	r.meter.tell("shortlists", 0, r.in.nJ())
	full := r.lists(f, s)
	r.flows, r.whole, r.full = append(r.flows, f), append(r.whole, !slices.Contains(full, false)), append(r.full, full)
	if s > 1 { // its prices are all that is still needed, and the first stage
		r.flows[s-1].release()
	}
	r.meter.tell("placing", 0, r.in.nJ())
	if !f.solve() || !r.whole[s] && !r.priceOut(s) {
		return false
	}
	r.match(f)
	return true
}

// match notes the pairs of a stage that was solved.
func (r *run) match(f *flow) {
	r.matched = make([][]int32, r.in.nJ())
	for j := range r.matched {
		r.matched[j] = r.on(f, int32(j))
	}
}

// release gives back what only searches need.
func (f *flow) release() {
	f.arcs, f.held, f.from = nil, nil, nil
}

// frame sets up everything but pairs. A unit, link or seat that the stages before
// s gain by stays in, one they lose by stays out, and this stage decides the rest.
func (r *run) frame(f *flow, s int) {
	in, v := r.in, r.values[s]
	for j := range in.want {
		m, held := &in.mentees[j], in.held(int32(j))
		f.gainAt[j] = int32(len(f.gain))
		first := held + 1
		if g := in.groupOf[j]; g >= 0 {
			first++ // comes through the group
		}
		for rank := first; rank <= held+int(in.want[j]); rank++ {
			f.gain = append(f.gain, v.unit(m, rank))
			f.unit(int32(j), sign(s, func(t int) int64 { return r.values[t].unit(m, rank) + r.flows[t].u[j] }))
		}
	}
	for n := in.nJ(); n < r.nodes; n++ {
		f.gainAt[n] = int32(len(f.gain))
		if g := n - int(r.firstGroup); g >= 0 {
			for k := range in.groups[g].members {
				f.gain = append(f.gain, v.group(&in.groups[g], k+1))
				f.unit(int32(n), sign(s, func(t int) int64 { return r.values[t].group(&in.groups[g], k+1) + r.flows[t].u[n] }))
			}
		}
	}
	for j, c := range r.child {
		if c < 0 {
			continue
		}
		for first := range 2 { // the first good pair, then the others
			l := link{from: int32(j), to: c, hi: in.want[j]}
			if first == 0 {
				l.hi, l.val = 1, v.good
			}
			f.link(l, sign(s, func(t int) int64 {
				x := r.flows[t].u[c] - r.flows[t].u[j]
				if first == 0 {
					x += r.values[t].good
				}
				return x
			}))
		}
	}
	for g := range in.groups {
		n := r.firstGroup + int32(g)
		for _, j := range in.groups[g].members {
			m := &in.mentees[j]
			f.link(link{from: n, to: j, hi: 1, val: v.unit(m, 1)}, sign(s, func(t int) int64 {
				return r.values[t].unit(m, 1) + r.flows[t].u[j] - r.flows[t].u[n]
			}))
		}
	}
	for i := range in.seats {
		f.costAt[i] = int32(len(f.cost))
		for k := 1; k <= int(in.seats[i]); k++ {
			l, seats := int(in.lockedSeats[i])+k, in.mentors[i].Seats
			f.cost = append(f.cost, v.seat(l, seats))
			x := sign(s, func(t int) int64 { return r.flows[t].p[i] - r.values[t].seat(l, seats) })
			if x > 0 {
				f.minLoad[i]++
			}
			if x >= 0 {
				f.maxLoad[i]++
			}
		}
	}
	for j := int32(0); s > 0 && j < int32(in.nJ()); j++ {
		for _, i := range r.matched[j] {
			if r.reduced(s, j, i) < 0 {
				f.fixed[j] = append(f.fixed[j], i)
				f.fixedNode[r.node(j, in.code(j, i))]++
				f.fixedLoad[i]++
			}
		}
	}
}

// unit counts a unit of node n in its bounds, by the sign of its gain before.
func (f *flow) unit(n int32, sign int) {
	if sign > 0 {
		f.minDeg[n]++
	}
	if sign >= 0 {
		f.maxDeg[n]++
	}
}

func (f *flow) link(l link, sign int) {
	switch {
	case sign > 0:
		l.lo = l.hi
	case sign < 0:
		l.hi = 0
	}
	f.addLink(l)
}

// on lists the mentors of j in a flow, locked ones aside.
func (r *run) on(f *flow, j int32) []int32 {
	list := slices.Clone(f.fixed[j])
	nodes := []int32{j, r.child[j]}
	for _, n := range nodes {
		if n < 0 {
			continue
		}
		for _, e := range f.arcs[n] {
			if e.on {
				list = append(list, e.to)
			}
		}
	}
	slices.Sort(list)
	return list
}

// candidate is a pair that a list may take up; by is what it is chosen by.
type candidate struct {
	mentor int32
	by     int64
}

// better orders candidates, the best first.
func better(a, b candidate) int {
	if c := cmp.Compare(b.by, a.by); c != 0 {
		return c
	}
	return cmp.Compare(a.mentor, b.mentor)
}

// lists gives every node the arcs that stage s starts with, and says of which
// mentees they are all the pairs on its face.
func (r *run) lists(f *flow, s int) (full []bool) {
	in := r.in
	full = make([]bool, in.nJ())
	each(in.nJ(), func(from, to int) {
		buffer, counts, quality := make([]candidate, 0, in.nI()), make([]int32, MaxScore+MaxStickiness+2), make([]int16, in.nI())
		for at := from; at < to; at++ {
			j := int32(at)
			if full[j] = true; in.want[j] == 0 {
				continue
			}
			var list []candidate
			switch {
			case s == 0 && r.start != nil:
				list = r.cheapest(j, &r.values[0].pairs[r.class[j]], f.sortedAt, r.list, buffer[:0])
				full[j] = len(list) < r.list
			case s == 0:
				list, full[j] = r.firstList(j, counts, quality, buffer[:0])
			case r.whole[s-1]:
				list = r.heldFace(s, j, buffer[:0])
			default:
				list, full[j] = r.wholeFace(s, j, f, buffer[:0])
			}
			for k := range list {
				list[k].by = r.value(s, j, list[k].mentor) - f.sortedAt[list[k].mentor]
			}
			slices.SortFunc(list, better)
			for _, c := range list {
				n := r.node(j, in.code(j, c.mentor))
				f.arcs[n] = append(f.arcs[n], arc{to: c.mentor, val: r.value(s, j, c.mentor)})
			}
			f.sorted[j] = int32(len(f.arcs[j]))
			if c := r.child[j]; c >= 0 {
				f.sorted[c] = int32(len(f.arcs[c]))
			}
			if s == 0 {
				continue
			}
			if full[j] {
				continue
			}
			for _, i := range r.matched[j] {
				if slices.Contains(f.fixed[j], i) || slices.ContainsFunc(list, func(c candidate) bool { return c.mentor == i }) {
					continue
				}
				n := r.node(j, in.code(j, i))
				f.arcs[n] = append(f.arcs[n], arc{to: i, val: r.value(s, j, i)})
			}
		}
	})
	return full
}

// heldFace lists the pairs of the face from the arcs of the stage before, which
// holds its whole face.
func (r *run) heldFace(s int, j int32, list []candidate) []candidate {
	before := r.flows[s-1]
	for _, n := range []int32{j, r.child[j]} {
		if n < 0 {
			continue
		}
		for _, e := range before.arcs[n] {
			if before.u[n]+before.p[e.to] == e.val {
				list = append(list, candidate{mentor: e.to})
			}
		}
	}
	return list
}

// wholeFace lists the pairs of the face of stage s from those that stage 0 noted
// as tight, or from all; only the best, and false, if they are many.
func (r *run) wholeFace(s int, j int32, f *flow, list []candidate) (_ []candidate, full bool) {
	note := func(i int32) {
		if r.in.code(j, i) >= 0 && r.reduced(s, j, i) == 0 {
			list = append(list, candidate{mentor: i})
		}
	}
	switch tight := r.tight[j]; {
	case r.full[0][j]:
		for _, n := range []int32{j, r.child[j]} {
			for k := 0; n >= 0 && k < len(r.flows[0].arcs[n]); k++ {
				note(r.flows[0].arcs[n][k].to)
			}
		}
	case len(tight) <= mostTight:
		for _, i := range tight {
			note(i)
		}
	default:
		var own table
		tab, u, p := r.rowTable(0, j, &own), r.flows[0].u[j], r.flows[0].p
		for i, code := range r.in.row(j) {
			if tab[code+1]-p[i] != u {
				continue
			}
			if note(int32(i)); len(list) > mostTight {
				return r.onFace(s, j, f, tab, f.sortedAt, 0, -unreachable, r.list, list[:0]), false
			}
		}
	}
	return list, true
}

// rowTable is the table of values of j in stage s against the price of node j:
// what starts from the child is shifted by how its price differs.
func (r *run) rowTable(s int, j int32, own *table) *table {
	t := &r.values[s].pairs[r.class[j]]
	c := r.child[j]
	if c < 0 {
		return t
	}
	*own = *t
	gap := r.flows[s].u[j] - r.flows[s].u[c]
	for _, base := range []int16{0, standingFrom} {
		for x := base + r.threshold; x <= base+MaxScore; x++ {
			own[x+1] += gap
		}
	}
	return own
}

// firstList picks the pairs of j with the best scores by counting, those on the
// border from a place that the mentee's key says, and others at random by the key.
// A few more than a list takes are all taken: then nothing is left to price.
func (r *run) firstList(j int32, counts []int32, quality []int16, list []candidate) (_ []candidate, full bool) {
	in := r.in
	row, key := in.row(j), in.keyMentee[j]
	take := func(i int) { list = append(list, candidate{mentor: int32(i)}) }
	if in.standing {
		for i, code := range row {
			if quality[i] = code; code >= standingFrom {
				quality[i] += int16(in.problem.Stickiness) - standingFrom
			}
		}
	} else {
		quality = row
	}
	clear(counts)
	for _, q := range quality {
		counts[q+1]++
	}
	if eligible := len(row) - int(counts[0]); eligible <= r.list+r.list/2 {
		for i, code := range row {
			if code >= 0 {
				take(i)
			}
		}
		return list, true
	}
	left, border := int32(r.list-r.list/4), int16(len(counts)-2)
	for ; border >= 0 && counts[border+1] < left; border-- {
		left -= counts[border+1]
	}
	for i, q := range quality {
		if q > border {
			take(i)
		}
	}
	if border >= 0 {
		from := int(key % uint64(len(row)))
		for k := 0; k < len(row) && left > 0; k++ {
			i := from + k
			if i >= len(row) {
				i -= len(row)
			}
			if quality[i] == border {
				take(i)
				left--
			}
		}
	}
	for k, left := 0, r.list/4; k < 4*(r.list/4) && left > 0; k++ {
		key = splitMix(key)
		i := int(key % uint64(len(row)))
		if row[i] >= 0 && !slices.ContainsFunc(list, func(c candidate) bool { return c.mentor == int32(i) }) {
			take(i)
			left--
		}
	}
	return list, false
}
