package pairing

import "slices"

// priceOut takes up every eligible pair of the face that would improve stage s,
// until there is none: what holds between searches then holds over all pairs.
func (r *run) priceOut(s int) bool {
	in, f := r.in, r.flows[s]
	if r.tight == nil {
		r.tight = make([][]int32, in.nJ())
	}
	for round := 1; ; round++ {
		r.meter.now.Round = round
		r.meter.tell("pricing", 0, in.nJ())
		if r.meter.check() {
			return false
		}
		missing := r.missing(s)
		if s == 0 {
			r.old.u, r.old.p = append(r.old.u[:0], f.u...), append(r.old.p[:0], f.p...)
		}
		var dirty []int32
		for j := range missing {
			if len(missing[j]) > 0 {
				dirty = append(dirty, int32(j))
				if s == 0 {
					r.old.u[j] = unreachable // to be read again
				}
			}
		}
		if len(dirty) == 0 {
			return true
		}
		// The first lists knew no prices: while they fail many, draw new ones for all.
		if s == 0 && len(dirty) > in.nJ()/4 && round <= wideRounds {
			r.renew()
		} else {
			for _, j := range dirty {
				for _, c := range missing[j] {
					code := in.code(j, c.mentor)
					f.add(r.node(j, code), c.mentor, r.values[s].pair(in, r.class[j], j, c.mentor, code))
				}
			}
		}
		if !r.settle(s, dirty) {
			return false
		}
	}
}

// settle solves stage s again after nodes got new arcs. All are loosened before
// any is routed: a search must not meet a node at which nothing holds.
func (r *run) settle(s int, dirty []int32) bool {
	f := r.flows[s]
	for _, j := range dirty {
		if c := r.child[j]; c >= 0 {
			f.loosen(c)
		}
		f.loosen(j)
	}
	for k, j := range dirty {
		if k&1023 == 0 {
			r.meter.tell("placing", k, len(dirty))
		}
		if c := r.child[j]; c >= 0 && !f.route(c) || !f.route(j) {
			return false
		}
	}
	return f.fill()
}

// missing finds, for every mentee, the pairs outside the lists that are worth most.
func (r *run) missing(s int) [][]candidate {
	in := r.in
	found := make([][]candidate, in.nJ())
	fallen, few := r.fallen(s)
	each(in.nJ(), func(from, to int) {
		buffer := make([]candidate, 0, r.list)
		var own table
		for at := from; at < to; at++ {
			j := int32(at)
			if r.full[s][j] || s == 0 && few && !r.stale(j, fallen) {
				continue
			}
			if list := r.priceRow(s, j, &own, buffer[:0]); len(list) > 0 {
				found[j] = slices.Clone(list)
			}
		}
	})
	return found
}

// fallen lists the mentors whose price in stage 0 fell since the last pricing; few
// is false when every row must be read.
func (r *run) fallen(s int) (list []int32, few bool) {
	if s > 0 || r.old.u == nil {
		return nil, false
	}
	p := r.flows[0].p
	for i := range p {
		if p[i] < r.old.p[i] {
			if len(list) == manyColumns {
				return nil, false
			}
			list = append(list, int32(i))
		}
	}
	return list, true
}

// stale is whether the row of j must be read: a row that missed nothing can miss
// something only where the price of the mentee or of a mentor fell. Pairs with
// such mentors that have become tight are noted on the way.
func (r *run) stale(j int32, fallen []int32) bool {
	f := r.flows[0]
	if f.u[j] < r.old.u[j] {
		return true
	}
	if c := r.child[j]; c >= 0 && f.u[c] < r.old.u[c] {
		return true
	}
	for _, i := range fallen {
		code := r.in.code(j, i)
		if code < 0 {
			continue
		}
		n := r.node(j, code)
		switch x := r.values[0].pair(r.in, r.class[j], j, i, code) - f.p[i]; {
		case x > f.u[n]:
			return true
		case x == f.u[n] && len(r.tight[j]) <= mostTight && !slices.Contains(r.tight[j], i):
			r.tight[j] = append(r.tight[j], i)
		}
	}
	return false
}

// priceRow lists the pairs of j on the face that are off, outside its lists and
// worth taking, the best of them.
func (r *run) priceRow(s int, j int32, own *table, list []candidate) []candidate {
	row := r.in.row(j)
	f := r.flows[s]
	u, p := r.flows[0].u[j], r.flows[0].p[:len(row)]
	tab := r.rowTable(0, j, own)
	most := r.list/2 + 1
	if s == 0 {
		tight, least := r.tight[j][:0], u
		for _, span := range r.in.turned(j, len(row)) {
			for i := span[0]; i < span[1]; i++ {
				code := row[i]
				x := tab[code+1] - p[i]
				if x < u {
					continue
				}
				if x > least && !r.isOn(f, j, int32(i), code) {
					list, least = keep(list, candidate{int32(i), x}, most, least)
				}
				if len(tight) <= mostTight {
					tight = append(tight, int32(i))
				}
			}
		}
		r.tight[j] = tight
		return list
	}
	gap := int64(0)
	if c := r.child[j]; c >= 0 {
		gap = f.u[j] - f.u[c]
	}
	return r.onFace(s, j, f, tab, f.p, gap, f.u[j], most, list)
}

// onFace lists the pairs of j on the face of stage s that are off and worth more
// than least at the prices p, the best of them. Gap is what a pair of the child is
// worth more; tab is the table of the row in stage 0.
func (r *run) onFace(s int, j int32, f *flow, tab *table, p []int64, gap, least int64, most int, list []candidate) []candidate {
	row := r.in.row(j)
	u, first := r.flows[0].u[j], r.flows[0].p[:len(row)]
	v := r.values[s]
	for _, span := range r.in.turned(j, len(row)) {
		for i := span[0]; i < span[1]; i++ {
			code := row[i]
			if tab[code+1]-first[i] != u {
				continue
			}
			x := v.pair(r.in, r.class[j], j, int32(i), code) - p[i]
			if gap != 0 && r.node(j, code) != j {
				x += gap
			}
			if x > least && r.reduced(s, j, int32(i)) == 0 && !r.isOn(f, j, int32(i), code) {
				list, least = keep(list, candidate{int32(i), x}, most, least)
			}
		}
	}
	return list
}

// cheapest lists the pairs of j that are worth most in stage 0 at the prices p.
func (r *run) cheapest(j int32, tab *table, p []int64, most int, list []candidate) []candidate {
	row, least := r.in.row(j), -unreachable/2
	for _, span := range r.in.turned(j, len(row)) {
		for i := span[0]; i < span[1]; i++ {
			if x := tab[row[i]+1] - p[i]; x > least {
				list, least = keep(list, candidate{int32(i), x}, most, least)
			}
		}
	}
	return list
}

// isOn is whether a pair is matched already: it may be worth more than its price.
func (r *run) isOn(f *flow, j, i int32, code int16) bool {
	for _, e := range f.arcs[r.node(j, code)] {
		if e.to == i {
			return e.on
		}
	}
	return slices.Contains(f.fixed[j], i)
}

// keep keeps the most best candidates in order, and what a further one must beat.
func keep(list []candidate, c candidate, most int, least int64) ([]candidate, int64) {
	at := len(list)
	if at < most {
		list = append(list, candidate{})
	} else {
		at--
	}
	for ; at > 0 && list[at-1].by < c.by; at-- {
		list[at] = list[at-1]
	}
	list[at] = c
	if len(list) == most {
		least = list[most-1].by
	}
	return list, least
}

// renew draws the lists of stage 0 again, by value less price.
func (r *run) renew() {
	in, f := r.in, r.flows[0]
	each(in.nJ(), func(from, to int) {
		buffer := make([]candidate, 0, r.list+1)
		lists := [2][]arc{}
		var own table
		for at := from; at < to; at++ {
			j := int32(at)
			if in.want[j] == 0 {
				continue
			}
			most := r.list
			if r.full[0][j] {
				most = len(f.arcs[j])
				if c := r.child[j]; c >= 0 {
					most += len(f.arcs[c])
				}
			}
			row, list := in.row(j), r.cheapest(j, r.rowTable(0, j, &own), f.p, most, buffer[:0])
			lists[0], lists[1] = lists[0][:0], lists[1][:0]
			for _, c := range list {
				code := row[c.mentor]
				part := 0
				if r.node(j, code) != j {
					part = 1
				}
				lists[part] = append(lists[part], arc{to: c.mentor, val: r.values[0].pair(in, r.class[j], j, c.mentor, code)})
			}
			f.relist(j, lists[0])
			if c := r.child[j]; c >= 0 {
				f.relist(c, lists[1])
			}
		}
	})
	f.reindex()
}
