package peers

// shrink makes a blossom of the cycle that a tight pair of two outer nodes closes
// in the tree.
func (g *graph) shrink(l link) {
	a, b := g.topOf(l.from), g.topOf(l.to)
	meet := g.meeting(a, b)

	node := g.unused[len(g.unused)-1]
	g.unused = g.unused[:len(g.unused)-1]
	c := &g.blossoms[node-int32(g.n)]
	c.kids, c.links, c.z = c.kids[:0], c.links[:0], -2*g.delta

	// Up from a, then turned around, so that the cycle begins where the two meet.
	c.kids, c.links = g.climb(c.kids, c.links, a, meet)
	c.kids = append(c.kids, meet)
	reverse(c.kids)
	reverse(c.links)
	for i, up := range c.links {
		c.links[i] = link{up.to, up.from}
	}
	c.links = append(c.links, l)
	c.kids, c.links = g.climb(c.kids, c.links, b, meet)

	c.big = meet
	for _, kid := range c.kids {
		if g.label[kid] == inner {
			if kid >= int32(g.n) {
				g.blossoms[kid-int32(g.n)].z -= 2 * g.delta
			}
			for v := g.first[kid]; v >= 0; v = g.next[v] {
				g.raise(v, 2*g.delta)
			}
		} else if kid >= int32(g.n) {
			g.blossoms[kid-int32(g.n)].z += 2 * g.delta
		}
		g.label[kid] = unlabeled
		g.parent[kid] = node
		if g.size[kid] > g.size[c.big] {
			c.big = kid
		}
	}
	// The others join the list of the largest.
	at := g.leader[g.base[c.big]]
	g.top[at] = node
	g.first[node], g.last[node], g.size[node] = g.first[c.big], g.last[c.big], g.size[c.big]
	for _, kid := range c.kids {
		if kid == c.big {
			continue
		}
		for v := g.first[kid]; v >= 0; v = g.next[v] {
			g.leader[v] = at
		}
		g.next[g.last[node]] = g.first[kid]
		g.last[node] = g.last[kid]
		g.size[node] += g.size[kid]
	}
	g.parent[node] = -1
	g.base[node] = g.base[meet]
	g.label[node] = outer
	g.labeled = append(g.labeled, node)
}

// meeting is the first node that lies on the ways of both outer nodes to the
// root.
func (g *graph) meeting(a, b int32) int32 {
	g.stamps++
	for {
		if a >= 0 {
			if g.stamp[a] == g.stamps {
				return a
			}
			g.stamp[a] = g.stamps
			if m := g.mate[g.base[a]]; m >= 0 {
				a = g.topOf(g.via[g.topOf(m)].from)
			} else {
				a = -1
			}
		}
		a, b = b, a
	}
}

// climb appends the nodes on the way from an outer node up to another one, which
// is left out, with the links that lead up.
func (g *graph) climb(kids []int32, links []link, from, to int32) ([]int32, []link) {
	for from != to {
		v := g.base[from]
		m := g.mate[v]
		between := g.topOf(m)
		up := g.via[between]
		kids = append(kids, from, between)
		links = append(links, link{v, m}, link{up.to, up.from})
		from = g.topOf(up.from)
	}
	return kids, links
}

// expand opens an inner blossom that has lost its price, in the middle of a
// search. The tree goes on through it, from where it came in to the base, over
// an odd number of its nodes; the others leave the tree.
func (g *graph) expand(node int32) {
	c := &g.blossoms[node-int32(g.n)]
	k := len(c.kids)
	enter := g.via[node]
	g.part(node)
	at := indexOf(c.kids, g.topOf(enter.to))
	ahead := at%2 == 1
	for {
		g.makeInner(c.kids[at], enter)
		if at == 0 {
			break
		}
		var middle int
		if ahead {
			middle = at + 1
			enter = c.links[middle]
			at = (at + 2) % k
		} else {
			middle = at - 1
			at -= 2
			enter = link{c.links[at].to, c.links[at].from}
		}
		g.label[c.kids[middle]] = outer
	}
	for _, kid := range c.kids {
		switch g.label[kid] {
		case inner:
			continue
		case outer:
			g.labeled = append(g.labeled, kid)
			if kid >= int32(g.n) {
				g.blossoms[kid-int32(g.n)].z -= 2 * g.delta
			}
			for v := g.first[kid]; v >= 0; v = g.next[v] {
				g.raise(v, 2*g.delta)
			}
		case unlabeled:
			for v := g.first[kid]; v >= 0; v = g.next[v] {
				g.price[v] += g.delta
			}
		}
	}
	// Outer vertices were looked at when these were inner.
	for _, kid := range c.kids {
		if g.label[kid] != unlabeled {
			continue
		}
		for v := g.first[kid]; v >= 0; v = g.next[v] {
			g.work += int64(len(g.arcs[v]))
			for _, a := range g.arcs[v] {
				if g.label[g.topOf(a.to)] != outer {
					continue
				}
				if time := g.price[a.to] + g.price[v] - int64(a.w); time < g.best {
					g.note(event{time, a.to, v, a.w})
				}
			}
		}
	}
	g.release(node)
}

// settle ends a search: prices become what they are now, labels go, and blossoms
// without a price open.
func (g *graph) settle() {
	for _, node := range g.labeled {
		if g.parent[node] >= 0 || g.label[node] == unlabeled {
			continue
		}
		by := g.delta
		if g.label[node] == outer {
			by = -by
		}
		for v := g.first[node]; v >= 0; v = g.next[v] {
			g.price[v] += by
		}
		g.label[node] = unlabeled
		if node < int32(g.n) {
			continue
		}
		c := &g.blossoms[node-int32(g.n)]
		if c.z -= 2 * by; c.z == 0 {
			g.dissolve(node)
		}
	}
}

// dissolve opens a blossom without a price, and those in it that have none
// either.
func (g *graph) dissolve(node int32) {
	open := append(g.nodes[:0], node)
	for len(open) > 0 {
		b := open[len(open)-1]
		open = open[:len(open)-1]
		g.part(b)
		for _, kid := range g.blossoms[b-int32(g.n)].kids {
			if kid >= int32(g.n) && g.blossoms[kid-int32(g.n)].z == 0 {
				open = append(open, kid)
			}
		}
		g.release(b)
	}
	g.nodes = open
}

// release gives back the number of a blossom that is open.
func (g *graph) release(node int32) {
	g.label[node] = unlabeled
	g.parent[node] = -1
	g.unused = append(g.unused, node)
}

// part puts the kids of a blossom at the top, without labels.
func (g *graph) part(node int32) {
	b := &g.blossoms[node-int32(g.n)]
	for _, kid := range b.kids {
		g.parent[kid], g.label[kid] = -1, unlabeled
		g.next[g.last[kid]] = -1
		at := g.leader[g.base[kid]]
		if kid != b.big {
			at = g.first[kid]
			for v := at; v >= 0; v = g.next[v] {
				g.leader[v] = at
			}
		}
		g.top[at] = kid
	}
}

// lay removes all the blossoms around a vertex. Their prices go to the vertices
// in them, so that every pair keeps its due; a pair that led out of a blossom
// with a price is no longer tight, and is undone.
func (g *graph) lay(v int32) {
	for {
		node := g.topOf(v)
		if node == v {
			return
		}
		c := &g.blossoms[node-int32(g.n)]
		if c.z > 0 {
			for x := g.first[node]; x >= 0; x = g.next[x] {
				g.price[x] += c.z / 2
			}
			g.unmatch(g.base[node])
		}
		g.part(node)
		g.release(node)
	}
}

// unmatch undoes the pair of v, if there is one.
func (g *graph) unmatch(v int32) {
	if m := g.mate[v]; m >= 0 {
		g.mate[v], g.mate[m] = -1, -1
	}
}

// learn adds pairs that break the prices, and mends these: who is in such a pair
// pays what is missing, and is open again.
func (g *graph) learn(pairs []candidate) {
	for _, p := range pairs {
		g.arcs[p.a] = append(g.arcs[p.a], arc{p.b, p.w})
		g.arcs[p.b] = append(g.arcs[p.b], arc{p.a, p.w})
	}
	for _, p := range pairs {
		payer, other := p.a, p.b
		// Who is open already loses nothing by it.
		if g.mate[p.b] < 0 && g.mate[p.a] >= 0 {
			payer, other = p.b, p.a
		}
		if g.short(p) <= 0 {
			continue
		}
		g.lay(payer)
		if by := int64(p.w) - g.price[payer] - g.price[other]; by > 0 {
			g.unmatch(payer)
			g.price[payer] += by
		}
	}
}

// candidate is a pair with twice its score.
type candidate struct{ a, b, w int32 }

// short is by how much the prices fall short of a pair; 0 or less: they do not.
func (g *graph) short(p candidate) int64 {
	by := int64(p.w) - g.price[p.a] - g.price[p.b]
	if by <= 0 || g.topOf(p.a) != g.topOf(p.b) {
		return by
	}
	return by - g.shared(p.a, p.b)
}

// shared is the sum of the prices of the blossoms that hold both vertices.
func (g *graph) shared(a, b int32) int64 {
	g.stamps++
	for x := g.parent[a]; x >= 0; x = g.parent[x] {
		g.stamp[x] = g.stamps
	}
	sum := int64(0)
	for x := g.parent[b]; x >= 0; x = g.parent[x] {
		if g.stamp[x] == g.stamps {
			sum += g.blossoms[x-int32(g.n)].z
		}
	}
	return sum
}
