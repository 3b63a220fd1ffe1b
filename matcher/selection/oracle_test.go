package selection_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// The oracle answers by trying every subset of a small pool. It imports only
// the vocabulary and counts straight from the definitions.

// answer is what the oracle knows of an instance.
type answer struct {
	hardPossible bool // size, locks, caps and links can hold by themselves
	feasible     bool
	least        int64 // total deviation from rules that must hold
	// Of the best cohort; of the closest one if there is none.
	cohort    []string
	size      int
	optimum   map[int]int64 // by priority that has a rule
	bestScore int64
	// equal are all cohorts that are equally good, before the seed decides.
	equal [][]string
}

// bug is a mistake planted in the oracle, to see that the comparison with the
// engine would notice it.
type bug int

const (
	noBug       bug = iota
	offByOne        // the upper bound of quotas is one too low
	droppedRule     // the last rule is forgotten
	wrongTie        // the smallest Σ w_1 wins
	bugCount
)

func oracle(people []matcher.Person, c matcher.Criteria, lots func(id string) [3]int64, planted bug) answer {
	var pool []matcher.Person
	for _, p := range people {
		if !slices.Contains(c.Exclude, p.ID) {
			pool = append(pool, p)
		}
	}
	rules := c.Rules
	if planted == droppedRule {
		rules = rules[:len(rules)-1]
	}
	var masks [][]uint32
	for _, r := range rules {
		masks = append(masks, ruleMasks(pool, r))
	}
	maskOf := func(ids []string) (m uint32) {
		for i, p := range pool {
			if slices.Contains(ids, p.ID) {
				m |= 1 << i
			}
		}
		return m
	}
	include := maskOf(c.Include)
	var capMasks []uint32
	var capMax []int
	for _, k := range c.Caps {
		for _, m := range valueMasks(pool, matcher.Term{Attribute: k.Attribute, Wildcard: true}) {
			capMasks, capMax = append(capMasks, m), append(capMax, k.Max)
		}
	}
	type cost struct {
		set       uint32
		must      int64
		size      int
		deviation [10]int64
		score     int64
		lots      [3]int64
	}
	hardOK := func(s uint32) bool {
		if n := bits.OnesCount32(s); n < c.MinSize || n > c.Size || s&include != include {
			return false
		}
		for i, m := range capMasks {
			if bits.OnesCount32(s&m) > capMax[i] {
				return false
			}
		}
		for _, l := range c.Links {
			in, all := bits.OnesCount32(s&maskOf(l.IDs)), len(l.IDs)
			switch l.Kind {
			case matcher.Apart:
				if in > 1 {
					return false
				}
			case matcher.Together:
				if in != 0 && in != all {
					return false
				}
			case matcher.AtLeastOne:
				if in == 0 {
					return false
				}
			}
		}
		return true
	}
	var all []cost
	for s := range uint32(1) << len(pool) {
		if !hardOK(s) {
			continue
		}
		k := cost{set: s, size: bits.OnesCount32(s)}
		for i, r := range rules {
			off := int64(ruleOff(r, masks[i], s, planted))
			if r.Priority == matcher.Must {
				k.must += off
			} else {
				k.deviation[r.Priority] += int64(r.Weight) * off
			}
		}
		for i, p := range pool {
			if s>>i&1 == 1 {
				k.score += int64(c.Scores[p.ID])
				w := lots(p.ID)
				for j := range w {
					k.lots[j] += w[j]
				}
			}
		}
		all = append(all, k)
	}
	out := answer{hardPossible: len(all) > 0, optimum: map[int]int64{}}
	if !out.hardPossible {
		return out
	}
	// keep leaves the cohorts whose value is within slack of the least.
	keep := func(value func(*cost) int64, slack int64) int64 {
		least := value(&all[0])
		for i := range all {
			least = min(least, value(&all[i]))
		}
		all = slices.DeleteFunc(all, func(k cost) bool { return value(&k) > least+slack })
		return least
	}
	out.least = keep(func(k *cost) int64 { return k.must }, 0)
	out.feasible = out.least == 0
	keep(func(k *cost) int64 { return -int64(k.size) }, 0)
	for g := 1; g <= matcher.MaxPriority; g++ {
		if slices.ContainsFunc(c.Rules, func(r matcher.Rule) bool { return r.Priority == g }) {
			out.optimum[g] = keep(func(k *cost) int64 { return k.deviation[g] }, c.Allow[g])
		}
	}
	out.bestScore = -keep(func(k *cost) int64 { return -k.score }, 0)
	members := func(set uint32) (ids []string) {
		for i, p := range pool {
			if set>>i&1 == 1 {
				ids = append(ids, p.ID)
			}
		}
		slices.Sort(ids)
		return ids
	}
	for _, k := range all {
		out.equal = append(out.equal, members(k.set))
	}
	for j := range 3 {
		sign := int64(-1)
		if planted == wrongTie {
			sign = 1
		}
		keep(func(k *cost) int64 { return sign * k.lots[j] }, 0)
	}
	for i, k := range all {
		ids := members(k.set)
		if i == 0 || slices.Compare(ids, out.cohort) < 0 {
			out.cohort = ids
		}
	}
	out.size = all[0].size
	return out
}

// bestSets are the cohorts that are equally good up to the score; nil if no
// cohort keeps the rules that must hold.
func bestSets(people []matcher.Person, c matcher.Criteria) [][]string {
	a := oracle(people, c, func(string) [3]int64 { return [3]int64{} }, noBug)
	if !a.hardPossible || !a.feasible {
		return nil
	}
	return a.equal
}

// ruleMasks are the people a rule is about: one mask for a quota, one for each
// value of the other kinds. A company rule's values with too few people are
// left out.
func ruleMasks(pool []matcher.Person, r matcher.Rule) []uint32 {
	if r.Kind == matcher.Quota {
		m := uint32(0)
		for i, p := range pool {
			ok := len(r.Property.IDs) == 0 || slices.Contains(r.Property.IDs, p.ID)
			for _, t := range r.Property.Terms {
				n := 0
				for _, v := range t.Values {
					if slices.Contains(p.Values[t.Attribute], v) {
						n++
					}
				}
				switch {
				case t.Wildcard:
					ok = ok && len(p.Values[t.Attribute]) > 0
				case t.Match == matcher.MatchAll:
					ok = ok && n == len(t.Values)
				default:
					ok = ok && n > 0
				}
			}
			if ok {
				m |= 1 << i
			}
		}
		return []uint32{m}
	}
	masks := valueMasks(pool, r.Property.Terms[0])
	if r.Kind == matcher.Company {
		masks = slices.DeleteFunc(masks, func(m uint32) bool { return bits.OnesCount32(m) < r.Min })
		masks = append(masks, aloneMask(pool, r)) // the last one
	}
	return masks
}

// aloneMask are the people who give relief to a company rule.
func aloneMask(pool []matcher.Person, r matcher.Rule) (m uint32) {
	for i, p := range pool {
		if slices.Contains(r.Alone, p.ID) {
			m |= 1 << i
		}
	}
	return m
}

func valueMasks(pool []matcher.Person, t matcher.Term) []uint32 {
	of := map[string]uint32{}
	for i, p := range pool {
		for _, v := range p.Values[t.Attribute] {
			if t.Wildcard || slices.Contains(t.Values, v) {
				of[v] |= 1 << i
			}
		}
	}
	var masks []uint32
	for _, m := range of {
		masks = append(masks, m)
	}
	return masks
}

// ruleOff is short + over.
func ruleOff(r matcher.Rule, masks []uint32, s uint32, planted bug) int {
	off := 0
	switch r.Kind {
	case matcher.Quota:
		n, most := bits.OnesCount32(s&masks[0]), r.Max
		if planted == offByOne {
			most--
		}
		off = max(0, r.Min-n) + max(0, n-most)
	case matcher.Company:
		last := len(masks) - 1
		relief := r.Relief * bits.OnesCount32(s&masks[last])
		for _, m := range masks[:last] {
			off += max(0, r.Min-bits.OnesCount32(s&m)-relief)
		}
	case matcher.Cap:
		for _, m := range masks {
			off += max(0, bits.OnesCount32(s&m)-r.Max)
		}
	case matcher.Spread:
		distinct := 0
		for _, m := range masks {
			if s&m != 0 {
				distinct++
			}
		}
		off = max(0, r.Min-distinct)
	}
	return off
}

// definedLots states the seed rule again, bit by bit.
func definedLots(seed, id string) [3]int64 {
	sum := sha256.Sum256([]byte(seed + "\x00" + id))
	var w [3]int64
	for bit := range 60 {
		w[bit/20] = w[bit/20]<<1 | int64(sum[bit/8]>>(7-bit%8)&1)
	}
	if binary.BigEndian.Uint64(sum[:8])>>44 != uint64(w[0]) {
		panic("the two readings of the rule differ")
	}
	return w
}
