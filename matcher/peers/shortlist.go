package peers

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Of all the pairs, which can be a hundred million, the matching looks at a few
// for each person: the best ones, and some at random, so that not everybody
// wants the same few. Prices then tell which of the others are missing.
const (
	bestListed   = 32
	randomListed = 4
	// mostWhole is the size of a network of which all pairs are looked at. Of a
	// larger one, one in sampled people is solved first.
	mostWhole = 200
	sampled   = 8
	// far is a price beyond which it makes no difference for a list.
	far = 1 << 29
	// mostMissing is how many missing pairs of one person are added at once.
	mostMissing = 32
)

// rows calls do for every person with the scores of that person's pairs, on as
// many threads as there may be. What do writes must belong to its person alone;
// so the result is the same for any number of threads. It ends early when stop
// says so, and returns false then.
func (p *Problem) rows(workers int, stop func() bool, do func(a int, row []int16)) bool {
	n := len(p.IDs)
	const block = 64
	var at atomic.Int64
	var stopped atomic.Bool
	work := func() {
		row := make([]int16, n)
		for !stopped.Load() {
			from := int(at.Add(block)) - block
			if from >= n {
				return
			}
			if stop() {
				stopped.Store(true)
				return
			}
			for a := from; a < min(n, from+block); a++ {
				p.Row(a, row)
				row[a] = -1
				do(a, row)
			}
		}
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var all sync.WaitGroup
	for range min(workers, (n+block-1)/block) - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
	return !stopped.Load()
}

// shortlist gives the graph its first pairs and prices.
func (r *round) shortlist() bool {
	n := len(r.p.IDs)
	lists := make([][]arc, n)
	list := everybody
	if n > mostWhole {
		if !r.guess() {
			return false
		}
		prices := make([]int32, n)
		for v, price := range r.g.price {
			prices[v] = int32(max(-far, min(far, price)))
		}
		list = func(a int, row []int16) []arc { return listed(row, prices, prices[a], r.keys[a]) }
	}
	faults := make([]bool, n)
	ok := r.p.rows(r.o.Workers, r.stop, func(a int, row []int16) {
		if slices.Max(row) > MaxScore {
			faults[a] = true
			return
		}
		lists[a] = list(a, row)
	})
	if at := slices.Index(faults, true); at >= 0 {
		r.fault = &InputError{"row", fmt.Sprintf("that of %q has a score above %d", r.p.IDs[at], MaxScore)}
		return false
	}
	if !ok {
		return false
	}
	// Both of a pair know it.
	counts := make([]int32, n)
	for a := range lists {
		counts[a] += int32(len(lists[a]))
		for _, x := range lists[a] {
			counts[x.to]++
		}
	}
	for a := range lists {
		r.g.arcs[a] = append(make([]arc, 0, counts[a]), lists[a]...)
	}
	for a := range lists {
		for _, x := range lists[a] {
			r.g.arcs[x.to] = append(r.g.arcs[x.to], arc{int32(a), x.w})
		}
	}
	seen, as := make([]int32, n), make([]int32, n)
	for a := range r.g.arcs {
		r.g.arcs[a] = slices.DeleteFunc(r.g.arcs[a], func(x arc) bool {
			if seen[x.to] == int32(a)+1 {
				if as[x.to] != x.w {
					r.fault = &InputError{"row", fmt.Sprintf("%q scores %d for %q, who scores %d for them", r.p.IDs[a], as[x.to]/2, r.p.IDs[x.to], x.w/2)}
				}
				return true
			}
			seen[x.to], as[x.to] = int32(a)+1, x.w
			return false
		})
	}
	return r.fault == nil
}

// everybody lists all pairs of a row.
func everybody(a int, row []int16) []arc {
	var list []arc
	for b, s := range row {
		if s >= 0 && b != a {
			list = append(list, arc{int32(b), 2 * int32(s)})
		}
	}
	return list
}

// guess finds rough prices: those of a part of the people, as the seed draws it,
// whose own round is solved, and for everybody what these prices allow them.
func (r *round) guess() bool {
	n := len(r.p.IDs)
	sample := slices.Clone(r.order[:max(mostWhole, n/sampled)])
	slices.Sort(sample)
	p := &Problem{Seed: r.p.Seed}
	var rank []int64
	for _, v := range sample {
		p.IDs, rank = append(p.IDs, r.p.IDs[v]), append(rank, r.rank[v])
	}
	var rows sync.Pool
	p.Row = func(a int, into []int16) {
		row, _ := rows.Get().(*[]int16)
		if row == nil {
			x := make([]int16, n)
			row = &x
		}
		r.p.Row(int(sample[a]), *row)
		for i, v := range sample {
			into[i] = (*row)[v]
		}
		rows.Put(row)
	}
	few := newRound(r.ctx, p, Options{Workers: r.o.Workers}, rank)
	if few.match(&Result{}); few.fault != nil || r.stop() {
		r.fault = few.fault
		return false
	}
	price := r.g.price
	around := few.g.survey().sum
	for i, v := range sample {
		// Those in a blossom share what is paid for it. To leave somebody out costs
		// more among more people.
		x, unit := few.g.price[i]+around[i]/2, 2*whole(len(sample))
		times := (2*x + unit) / (2 * unit)
		if x < 0 {
			times = (2*x - unit) / (2 * unit)
		}
		price[v] = max(r.g.floor[v], x+times*(2*whole(n)-unit))
	}
	known := make([]bool, n)
	for _, v := range sample {
		known[v] = true
	}
	for v := range price {
		if !known[v] {
			price[v] = r.g.floor[v]
		}
	}
	row := make([]int16, n)
	for _, b := range sample {
		r.p.Row(int(b), row)
		own := price[b]
		for v, s := range row {
			if by := 2*int64(s) - own; by > price[v] && s >= 0 && !known[v] {
				price[v] = by
			}
		}
	}
	return true
}

// listed are the pairs of a row that come nearest to paying their prices, and
// some others. Where many are equally near, and for the others, the person's
// key says where in the row to begin.
func listed(row []int16, prices []int32, own int32, key uint64) []arc {
	n := len(row)
	start := int(key % uint64(n))
	// The nearest so far, by what the two pay too much; too little counts as nothing.
	var short [bestListed]int32
	var who [bestListed]int32
	have, worst := 0, int32(math.MaxInt32)
	look := func(from, to int) {
		for i, s := range row[from:to] {
			by := max(0, own+prices[from+i]-2*int32(s))
			if by >= worst || s < 0 {
				continue
			}
			have = min(have+1, bestListed)
			j := have - 1
			for ; j > 0 && short[j-1] > by; j-- {
				short[j], who[j] = short[j-1], who[j-1]
			}
			short[j], who[j] = by, int32(from+i)
			if have == bestListed {
				worst = short[bestListed-1]
			}
		}
	}
	look(start, n)
	look(0, start)
	list := make([]arc, have, bestListed+randomListed)
	for i, b := range who[:have] {
		list[i] = arc{b, 2 * int32(row[b])}
	}
	others := randomListed
	for step := 0; have == bestListed && others > 0 && step < 8*randomListed+n/64; step++ {
		key = splitmix(key)
		at := int(key % uint64(n))
		if row[at] < 0 || slices.ContainsFunc(list, func(x arc) bool { return x.to == int32(at) }) {
			continue
		}
		others--
		list = append(list, arc{int32(at), 2 * int32(row[at])})
	}
	return list
}

// missing finds pairs that break the prices: of every person those that break
// them most, in the order of the persons. None means that the prices prove the matching
// best of all.
func (r *round) missing() ([]candidate, bool) {
	n := len(r.p.IDs)
	s := r.g.survey()
	found := make([][]candidate, n)
	ok := r.p.rows(r.o.Workers, r.stop, func(a int, row []int16) {
		type late struct {
			candidate
			by int64
		}
		var worst []late
		look := func(from, to int32, price int64) {
			prices, at := s.prices[from:to], s.at[from:to]
			for i, v := range at {
				by := 2*int64(row[v]) - price - prices[i]
				if by <= 0 || row[v] < 0 || len(worst) == mostMissing && by <= worst[mostMissing-1].by {
					continue
				}
				if len(worst) < mostMissing {
					worst = append(worst, late{})
				}
				j := len(worst) - 1
				for ; j > 0 && worst[j-1].by < by; j-- {
					worst[j] = worst[j-1]
				}
				worst[j] = late{candidate{int32(a), v, 2 * int32(row[v])}, by}
			}
		}
		// Those who stand after a: the rest of the innermost blossom, of the one
		// around it, and so on, then everybody else.
		from := s.place[a] + 1
		for x := r.g.parent[a]; x >= 0; x = r.g.parent[x] {
			look(from, s.to[x], r.g.price[a]+s.sum[x])
			from = s.to[x]
		}
		look(from, int32(n), r.g.price[a])
		for _, w := range worst {
			found[a] = append(found[a], w.candidate)
		}
	})
	if !ok {
		return nil, false
	}
	return slices.Concat(found...), true
}

// survey lays all vertices in a row, so that those of a blossom stand together.
type survey struct {
	at     []int32 // the vertices
	place  []int32 // of a vertex
	prices []int64 // by place
	to     []int32 // of a node: the place after its last
	sum    []int64 // of a node: the prices of it and of the blossoms around it
}

func (g *graph) survey() *survey {
	s := &survey{place: make([]int32, g.n), to: make([]int32, len(g.parent)), sum: make([]int64, len(g.parent))}
	var visit func(node int32, sum int64)
	visit = func(node int32, sum int64) {
		if node < int32(g.n) {
			s.place[node] = int32(len(s.at))
			s.at = append(s.at, node)
			s.prices = append(s.prices, g.price[node])
		} else {
			b := &g.blossoms[node-int32(g.n)]
			sum += b.z
			for _, kid := range b.kids {
				visit(kid, sum)
			}
		}
		s.to[node], s.sum[node] = int32(len(s.at)), sum
	}
	for v := range int32(g.n) {
		if g.leader[v] == v {
			visit(g.top[v], 0)
		}
	}
	return s
}

// splitmix is one step of splitmix64 (Steele, Lea, Flood, 2014).
func splitmix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
