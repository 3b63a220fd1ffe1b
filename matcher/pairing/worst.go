package pairing

import (
	"math/bits"
	"slices"
)

// threshold is the largest score that every covered mentee's best pair can reach
// without any term before worst being worse. A guess of it, if not below 0, is
// tried first. False: the meter has run out.
func (in *instance) threshold(objective []Term, m *meter, bits, guess int) (int, bool) {
	earlier := before(objective)
	return in.search(earlier, m, bits, guess, in.onlyCovers(earlier))
}

// search halves the range of scores: by coverage alone, or by whole flows.
func (in *instance) search(earlier []Term, m *meter, bits, guess int, covers bool) (int, bool) {
	var reached func(t int) bool
	if covers {
		ranks := len(earlier)
		want, _ := in.coverage(0, ranks)
		reached = func(t int) bool {
			got, all := in.coverage(int16(t), ranks)
			return all && slices.Equal(got, want)
		}
	} else {
		reached = func(t int) bool {
			r := &Result{run: newRun(in, append(in.tiers(earlier, 0, false), Tier{KindBelow, t}), bits, m)}
			if !r.run.solve() {
				return false
			}
			r.collect(true)
			return r.Values[len(r.Values)-1].Value == 0
		}
	}
	low, high := 0, MaxScore
	// Who has nothing but locked pairs has no better one.
	for j, best := range in.lockBest {
		if best >= 0 && in.want[j] == 0 {
			high = min(high, int(best))
		}
	}
	var first []int // to be tried: a guess that is right takes two
	if guess = min(guess, high); guess >= 0 {
		first = []int{guess, guess + 1}
	}
	for low < high {
		m.tell("worst", 0, in.nJ())
		if m.check() {
			return 0, false
		}
		mid := (low + high + 1) / 2
		if len(first) > 0 {
			if t := first[0]; t > low && t <= high {
				mid = t
			}
			first = first[1:]
		}
		if reached(mid) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low, m.err == nil
}

// onlyCovers is whether coverage alone decides what comes before worst.
func (in *instance) onlyCovers(first []Term) bool {
	return len(in.groups) == 0 && !slices.ContainsFunc(first, func(t Term) bool { return t > Cover3 })
}

// coverage counts, over all eligible pairs, how many mentees can have a first, then
// a second, then a third mentor, those left over before everybody, if the best pair
// of each has a score of at least t. It is false if a mentee whose locked pairs are
// all below t cannot have such a pair.
//
// Units of mentees that can be placed together are the independent sets of a
// gammoid, so that placing them greedily, the most important first, and never
// taking one back, is exact.
func (in *instance) coverage(t int16, ranks int) ([]int, bool) {
	c := &covering{in: in, words: (in.nI() + 63) / 64}
	nJ := in.nJ()
	c.good = in.bitRows(t)
	if c.all = c.good; t > 0 && in.several() {
		c.all = in.bitRows(0)
	}
	c.held = make([][]int32, in.nI())
	c.unseen, c.seenAny, c.seenFew = make([]uint64, c.words), make([]bool, nJ), make([]bool, nJ)
	c.nGood = make([]int32, nJ)
	c.content = make([]bool, nJ)
	c.score = func(j, i int32) bool { return scoreOf(in.code(j, i)) >= t }
	placed := make([]int32, nJ)
	var must, waiting, others []int32
	for j, m := range in.mentees {
		c.content[j] = t == 0 || in.lockBest[j] >= t
		placed[j] = int32(in.held(int32(j)))
		switch {
		case in.lockBest[j] >= 0 && !c.content[j]:
			must = append(must, int32(j))
		case placed[j] > 0:
		case m.Waiting:
			waiting = append(waiting, int32(j))
		default:
			others = append(others, int32(j))
		}
	}
	// A mentee with locks below t needs one good pair more.
	counts := make([]int, ranks+1)
	tally := func(done []int32) {
		for _, j := range done {
			placed[j]++
			if k := int(placed[j]); k <= ranks {
				counts[k]++
			}
		}
	}
	done := c.place(must)
	if len(done) < len(must) {
		return nil, false
	}
	tally(done)
	done = c.place(waiting)
	counts[0] = len(done) // not a rank: those left over
	tally(done)
	tally(c.place(others))
	for rank := 2; rank <= ranks; rank++ {
		var next []int32
		for j := range placed {
			if int(placed[j]) == rank-1 && int(in.want[j])+in.held(int32(j)) >= rank {
				next = append(next, int32(j))
			}
		}
		tally(c.place(next))
	}
	return counts, true
}

// several is whether somebody may have a pair below a threshold: who wants two
// mentors more, or has one.
func (in *instance) several() bool {
	for j, want := range in.want {
		if want > 1 || want > 0 && in.held(int32(j)) > 0 {
			return true
		}
	}
	return false
}

// bitRows holds a row of bits for each mentee: the eligible mentors with a score of
// at least t.
func (in *instance) bitRows(t int16) []uint64 {
	words := (in.nI() + 63) / 64
	rows := make([]uint64, in.nJ()*words)
	each(in.nJ(), func(from, to int) {
		plain := make([]int16, in.nI())
		for j := from; j < to; j++ {
			into := rows[j*words : (j+1)*words]
			row := in.row(int32(j))
			if in.standing {
				row = plain
				for i, code := range in.row(int32(j)) {
					row[i] = scoreOf(code)
				}
			}
			for i, score := range row { // the sign of t − 1 − score, without a branch
				into[i>>6] |= uint64(uint16(t-1-score)>>15) << (i & 63)
			}
		}
	})
	return rows
}

type covering struct {
	in        *instance
	words     int
	all, good []uint64 // by mentee: mentors not held, as bits
	held      [][]int32
	nGood     []int32
	content   []bool // needs no good pair
	score     func(j, i int32) bool

	// What a round of searches has looked at. A mentee is two places, as in the flow:
	// where a unit may go anywhere, and where it needs a good pair.
	unseen           []uint64
	seenAny, seenFew []bool
}

// place finds a mentor more for as many of the mentees as can be, and returns who
// got one. It ends with a round in which nobody did, so that nothing was hidden by
// what had been looked at before.
func (c *covering) place(open []int32) []int32 {
	var done []int32
	for len(open) > 0 {
		for w := range c.unseen {
			c.unseen[w] = ^uint64(0)
		}
		clear(c.seenAny)
		clear(c.seenFew)
		left := open[:0:0]
		for _, j := range open {
			if c.in.want[j] > 0 && c.try(j, c.content[j] || c.nGood[j] > 0) {
				done = append(done, j)
			} else {
				left = append(left, j)
			}
		}
		if len(left) == len(open) {
			break
		}
		open = left
	}
	return done
}

// try finds one mentor more for j, any or a good one, moving others on if need be.
// Nothing is changed before a whole way is found: whether somebody may lose a good
// pair depends on the pairs they have, not on those that a search has in mind.
func (c *covering) try(j int32, anyone bool) bool {
	from := c.good
	if anyone {
		if c.seenAny[j] {
			return false
		}
		from, c.seenAny[j] = c.all, true
	} else if c.seenFew[j] {
		return false
	}
	c.seenFew[j] = true
	row := from[int(j)*c.words : (int(j)+1)*c.words]
	for open := range 2 { // an open seat first
		for w := range row {
			for m := row[w] & c.unseen[w]; m != 0; m &= m - 1 {
				i := int32(w<<6 | bits.TrailingZeros64(m))
				if open == 0 {
					if len(c.held[i]) < int(c.in.seats[i]) {
						c.held[i] = append(c.held[i], j)
						c.mark(j, i, true)
						return true
					}
					continue
				}
				if c.unseen[w]>>(i&63)&1 == 0 {
					continue
				}
				c.unseen[w] &^= 1 << (i & 63)
				for q, k := range c.held[i] {
					// Whoever loses the only good pair needs a good one.
					if k != j && c.try(k, c.content[k] || c.nGood[k] > 1 || !c.score(k, i)) {
						c.held[i][q] = j
						c.mark(k, i, false)
						c.mark(j, i, true)
						return true
					}
				}
			}
		}
	}
	return false
}

// mark notes that j holds i, or no longer.
func (c *covering) mark(j, i int32, holds bool) {
	at, bit := int(j)*c.words+int(i)>>6, uint64(1)<<(i&63)
	good := c.score(j, i)
	if holds {
		c.all[at] &^= bit
		c.good[at] &^= bit
		if good {
			c.nGood[j]++
		}
		return
	}
	c.all[at] |= bit
	if good {
		c.good[at] |= bit
		c.nGood[j]--
	}
}
