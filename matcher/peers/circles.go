package peers

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// What one of each costs where circles are compared: two people in one circle
// whom a rule keeps apart, two who met before, and one person of a value too many
// or too few.
const (
	ClashCost  = 100
	RepeatCost = 10
	SpreadCost = 1
)

// CircleOptions say how circles are made.
type CircleOptions struct {
	Options
	// Min ≤ size ≤ Max; sizes differ by at most one.
	Min, Max int
	Seed     string
}

// Circles are all members in groups. They have been counted again by package
// verify.
type Circles struct {
	// Status is OPTIMAL if the cost reaches its bound, else FEASIBLE.
	Status   matcher.Status
	Complete bool // false: ended by the context
	Groups   []Circle
	// Value and lowest bound known of each part of the cost: people of one circle
	// whom a rule keeps apart, who met before, and by how many people the values of the
	// spread attributes are off, counted over circles.
	Clashes, Repeats, Spread matcher.Bound
	Work                     int64 // exchanges tried
}

// Circle is one of Circles, members in ascending order.
type Circle struct {
	Members          []int
	Clashes, Repeats int
}

// CircleCount is into how many circles of min to max people n can be divided,
// such that their size is nearest to the middle between the two; 0 if they cannot.
func CircleCount(n, lo, hi int) int {
	best, far := 0, 0
	for k := (n + hi - 1) / hi; k <= n/lo; k++ {
		d := 2*n - k*(lo+hi)
		if d < 0 {
			d = -d
		}
		if best == 0 || d < far {
			best, far = k, d
		}
	}
	return best
}

// mostMoves and fewestMoves bound how many exchanges are tried, unless the work
// is given.
const (
	mostMoves      = 6_000_000
	fewestMoves    = 400_000
	movesPerMember = 2000
)

// MakeCircles divides the people of profiles into circles: nobody with somebody
// whom a rule keeps apart if that is possible, as few as possible with somebody
// they met, and the values of the attributes in Rules.Spread evenly over the circles. It
// exchanges people at random, less and less often for the worse (annealing), and
// ends when a bound proves that nothing is better, or its work is done.
func MakeCircles(ctx context.Context, p *Profiles, o CircleOptions) (*Circles, error) {
	n := len(p.IDs)
	switch {
	case n < 2:
		return nil, &InputError{"people", fmt.Sprintf("there have to be 2 or more, not %d", n)}
	case n > MaxMembers:
		return nil, &InputError{"people", fmt.Sprintf("%d; at most %d can be handled", n, MaxMembers)}
	case o.Min < 2 || o.Max < o.Min:
		return nil, &InputError{"size", fmt.Sprintf("%d-%d: the first is 2 or more, and the second not less than it", o.Min, o.Max)}
	}
	k := CircleCount(n, o.Min, o.Max)
	if k == 0 {
		return nil, &InputError{"size", fmt.Sprintf("%d people cannot be divided into circles of %d to %d", n, o.Min, o.Max)}
	}
	s := newSeating(p, k, o.Seed)
	res := &Circles{Status: matcher.Feasible}
	res.Clashes.Bound, res.Repeats.Bound = p.leastClashes(k), p.leastRepeats(n/k)
	bound := ClashCost*res.Clashes.Bound + RepeatCost*res.Repeats.Bound

	work := o.Work
	if work <= 0 {
		work = max(fewestMoves, min(mostMoves, int64(movesPerMember)*int64(n)))
	}
	s.deal()
	best, lowest := slices.Clone(s.group), s.cost
	// Short runs first: easy cases end there.
	for part := int64(8); part >= 1 && lowest > bound && k > 1 && ctx.Err() == nil; part /= 2 {
		if part < 8 {
			s.deal()
		}
		s.run(ctx, work/(2*part), bound, func(group []int32, cost int64) {
			if cost < lowest {
				lowest = cost
				copy(best, group)
			}
		})
		if o.Progress != nil {
			o.Progress(Progress{fmt.Sprintf("circles, cost %d of at least %d", lowest, bound), s.moves})
		}
	}
	res.Work, res.Complete = s.moves, ctx.Err() == nil
	p.describe(res, best, k)
	if ClashCost*res.Clashes.Value+RepeatCost*res.Repeats.Value+SpreadCost*res.Spread.Value == bound {
		res.Status = matcher.Optimal
	}
	if err := p.checkCircles(res, o); err != nil {
		return nil, fmt.Errorf("peers: circles were refused: %w", err)
	}
	return res, nil
}

// describe writes the circles and what they cost, by the definitions.
func (p *Profiles) describe(res *Circles, group []int32, k int) {
	members := make([][]int, k)
	for v, g := range group {
		members[g] = append(members[g], v)
	}
	for _, list := range members {
		c := Circle{Members: list}
		for i, a := range list {
			for _, b := range list[:i] {
				if p.clash(a, b) {
					c.Clashes++
				}
				if p.have(a, b) {
					c.Repeats++
				}
			}
		}
		res.Clashes.Value += int64(c.Clashes)
		res.Repeats.Value += int64(c.Repeats)
		for i := range p.spread {
			h := &p.spread[i]
			counts := make([]int, len(h.who))
			for _, a := range list {
				for _, v := range h.values[a] {
					counts[v]++
				}
			}
			for v, count := range counts {
				res.Spread.Value += int64(off(count, len(h.who[v])*len(list), len(p.IDs)))
			}
		}
		res.Groups = append(res.Groups, c)
	}
	slices.SortFunc(res.Groups, func(a, b Circle) int { return cmp.Compare(a.Members[0], b.Members[0]) })
}

// off is by how much a count misses both whole numbers around share/of.
func off(count, share, of int) int {
	return max(0, share/of-count, count-(share+of-1)/of)
}

func (p *Profiles) checkCircles(res *Circles, o CircleOptions) error {
	x := &verify.Circles{
		Members: len(p.IDs), Min: o.Min, Max: o.Max,
		Clashes: res.Clashes.Value, Repeats: res.Repeats.Value, Spread: res.Spread.Value, Met: p.met,
	}
	for _, g := range res.Groups {
		x.Groups = append(x.Groups, g.Members)
	}
	for i := range p.differ {
		x.Different = append(x.Different, p.differ[i].values)
	}
	for i := range p.spread {
		x.Even = append(x.Even, p.spread[i].values)
	}
	return verify.CheckCircles(x)
}

// clash is whether a rule keeps two people apart.
func (p *Profiles) clash(a, b int) bool {
	for i := range p.differ {
		of := p.differ[i].values
		for _, v := range of[a] {
			if slices.Contains(of[b], v) {
				return true
			}
		}
	}
	return false
}

// have is whether two people met.
func (p *Profiles) have(a, b int) bool {
	_, found := slices.BinarySearch(p.met[a], int32(b))
	return found
}

// leastClashes is how many pairs of one circle a rule must come to keep apart,
// at least: who share a value are spread over the circles as evenly as can be.
func (p *Profiles) leastClashes(k int) int64 {
	most := int64(0)
	for i := range p.differ {
		h := &p.differ[i]
		sum, single := int64(0), !slices.ContainsFunc(h.values, func(v []int32) bool { return len(v) > 1 })
		for _, who := range h.who {
			each, more := int64(len(who)/k), int64(len(who)%k)
			pairs := more*each + int64(k)*each*(each-1)/2
			most = max(most, pairs)
			sum += pairs
		}
		// Where nobody has two values, no pair is counted for two of them.
		if single {
			most = max(most, sum)
		}
	}
	return most
}

// leastRepeats is how many pairs of one circle met before, at least: somebody who
// met nearly everybody cannot sit with others only.
func (p *Profiles) leastRepeats(size int) int64 {
	sum := 0
	for a := range p.met {
		sum += max(0, size-1-(len(p.IDs)-1-len(p.met[a])))
	}
	return int64(sum+1) / 2
}

// seating is who sits where while circles are made.
type seating struct {
	p       *Profiles
	k       int
	draw    *rand.Rand
	order   []int32
	group   []int32
	members [][]int32
	place   []int32 // of a person: where in members
	cells   [][]int32
	counts  [][]int32     // of a group: by cell
	window  [2][][2]int32 // by whether a group has one more than the smaller ones, and cell: from, to
	small   int
	cost    int64
	moves   int64
}

func newSeating(p *Profiles, k int, seed string) *seating {
	n := len(p.IDs)
	key := seedKey(seed, "")
	s := &seating{
		p: p, k: k, draw: rand.New(rand.NewPCG(key, splitmix(key))), small: n / k,
		group: make([]int32, n), members: make([][]int32, k), place: make([]int32, n), cells: make([][]int32, n), counts: make([][]int32, k),
	}
	first := int32(0)
	for i := range p.spread {
		h := &p.spread[i]
		for a, values := range h.values {
			for _, v := range values {
				s.cells[a] = append(s.cells[a], first+v)
			}
		}
		for _, who := range h.who {
			for more := range 2 {
				share := len(who) * (s.small + more)
				s.window[more] = append(s.window[more], [2]int32{int32(share / n), int32((share + n - 1) / n)})
			}
		}
		first += int32(len(h.who))
	}
	for g := range k {
		s.counts[g] = make([]int32, first)
	}
	for a := range int32(n) {
		s.order = append(s.order, a)
	}
	return s
}

// deal begins anew: people in turn, those with the same value of a rule one after
// the other, so that they come to different circles.
func (s *seating) deal() {
	s.draw.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	if len(s.p.differ) > 0 {
		values := s.p.differ[0].values
		slices.SortStableFunc(s.order, func(a, b int32) int { return slices.Compare(values[a], values[b]) })
	}
	for g := range s.members {
		s.members[g] = s.members[g][:0]
		clear(s.counts[g])
	}
	for i, a := range s.order {
		g := i % s.k
		s.group[a], s.place[a] = int32(g), int32(len(s.members[g]))
		s.members[g] = append(s.members[g], a)
		for _, c := range s.cells[a] {
			s.counts[g][c]++
		}
	}
	s.cost = 0
	for g, list := range s.members {
		for i, a := range list {
			for _, b := range list[:i] {
				s.cost += s.pair(a, b)
			}
		}
		for c, count := range s.counts[g] {
			s.cost += s.due(g, c, count)
		}
	}
}

func (s *seating) pair(a, b int32) int64 {
	cost := int64(0)
	if s.p.clash(int(a), int(b)) {
		cost = ClashCost
	}
	if s.p.have(int(a), int(b)) {
		cost += RepeatCost
	}
	return cost
}

func (s *seating) due(g, cell int, count int32) int64 {
	w := s.window[len(s.members[g])-s.small][cell]
	return SpreadCost * int64(max(0, w[0]-count, count-w[1]))
}

// exchange is what the cost changes by when two people change places.
func (s *seating) exchange(a, b int32) int64 {
	g, h := s.group[a], s.group[b]
	by := int64(0)
	for _, x := range s.members[g] {
		if x != a {
			by += s.pair(b, x) - s.pair(a, x)
		}
	}
	for _, x := range s.members[h] {
		if x != b {
			by += s.pair(a, x) - s.pair(b, x)
		}
	}
	return by + s.move(a, g, -1) + s.move(b, h, -1) + s.move(a, h, 1) + s.move(b, g, 1)
}

// move counts somebody into or out of a circle.
func (s *seating) move(a, g, by int32) int64 {
	change := int64(0)
	for _, c := range s.cells[a] {
		count := s.counts[g][c]
		change += s.due(int(g), int(c), count+by) - s.due(int(g), int(c), count)
		s.counts[g][c] = count + by
	}
	return change
}

// run tries exchanges, and shows each lowest cost that it meets. An exchange for the
// worse by x is taken once in 2^⌈x/heat⌉ times; whole numbers only, so that every
// machine takes the same.
func (s *seating) run(ctx context.Context, moves, bound int64, lowest func([]int32, int64)) {
	// In thousandths of the cost. The heat falls by a sixteenth at each stage, to an
	// eightieth.
	const hot, stages = 8000, 68
	n := len(s.group)
	low := s.cost
	heat, stage := int64(hot), int64(0)
	for i := range moves {
		if i%1024 == 0 {
			if ctx.Err() != nil {
				return
			}
			for ; stage < i*stages/moves; stage++ {
				heat -= heat / 16
			}
		}
		s.moves++
		a, b := int32(s.draw.IntN(n)), int32(s.draw.IntN(n))
		g, h := s.group[a], s.group[b]
		if g == h {
			continue
		}
		by := s.exchange(a, b)
		if by > 0 && 1000*by > heat*int64(bits.LeadingZeros64(s.draw.Uint64())) {
			s.move(a, h, -1)
			s.move(b, g, -1)
			s.move(a, g, 1)
			s.move(b, h, 1)
			continue
		}
		s.members[g][s.place[a]], s.members[h][s.place[b]] = b, a
		s.place[a], s.place[b] = s.place[b], s.place[a]
		s.group[a], s.group[b] = h, g
		s.cost += by
		if s.cost < low {
			low = s.cost
			lowest(s.group, low)
			if low <= bound {
				return
			}
		}
	}
}
