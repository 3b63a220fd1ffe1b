// Package solverbench makes the instances on which the integer solver is
// compared with others, writes and reads them as MPS files, and sums up what
// every solver did. The program is in cmd.
package solverbench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// Family is a kind of invented pool with its rules.
type Family string

// The families of the comparison. In all of them exactly k of n people are
// chosen, every rule is a range for the number of chosen people that share a
// value, and the sum of scores is maximized.
const (
	// Single: each person has one value of each of seven attributes. The ranges
	// are drawn around a hidden cohort, which therefore satisfies them.
	Single Family = "planted single-valued"
	// Multi: five attributes with one value, two with any number of values
	// (none included), at most two per organization, and links: pairs that must
	// not be chosen together, pairs that must, groups with at least one chosen.
	Multi Family = "planted multi-valued, caps and links"
	// Unplanted: eight to ten attributes; each range is the value's exact share
	// of the pool, rounded down and up; for one seed in five those of the last
	// attribute are rounded to one number. Nobody knows whether any cohort fits.
	Unplanted Family = "unplanted"
	// Plateau: as Single, with scores of 1 to 5: very many cohorts are equally
	// good.
	Plateau Family = "plateau (scores 1–5)"
	// Rare: besides five ordinary attributes, up to thirty values that one to
	// four people hold, most of which must be represented as they are in a
	// hidden cohort.
	Rare Family = "rare-value"
)

// Families in the order of the report.
var Families = []Family{Single, Multi, Unplanted, Plateau, Rare}

// Size is people in the pool and in the cohort.
type Size struct{ N, K int }

// String is such as 300x15.
func (s Size) String() string { return fmt.Sprintf("%dx%d", s.N, s.K) }

// Sizes in the order of the report.
var Sizes = []Size{{60, 15}, {300, 15}, {300, 30}, {1700, 15}, {1700, 30}, {1700, 110}}

// Seeds is the fixed list of seeds; none is ever left out.
var Seeds = []uint64{
	101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
	111, 112, 113, 114, 115, 116, 117, 118, 119, 120,
}

// Name of an instance, usable as a file name.
func Name(f Family, s Size, seed uint64) string {
	short := map[Family]string{Single: "single", Multi: "multi", Unplanted: "unplanted", Plateau: "plateau", Rare: "rare"}[f]
	return fmt.Sprintf("%s-n%d-k%d-%d", short, s.N, s.K, seed)
}

// builder collects the rules of one instance.
type builder struct {
	*rand.Rand
	n, k    int
	hidden  []bool // the cohort that every range must allow; nil: none
	taste   []float64
	problem ilp.Problem
}

// Generate makes an instance. It depends on nothing but its arguments.
func Generate(f Family, size Size, seed uint64) *ilp.Problem {
	b := &builder{n: size.N, k: size.K}
	b.Rand = rand.New(rand.NewPCG(seed*1_000_003+uint64(size.N*1000+size.K), uint64(slices.Index(Families, f))))
	b.taste = make([]float64, b.n)
	for i := range b.taste {
		b.taste[i] = b.Float64()
	}
	if f != Unplanted {
		b.hidden = make([]bool, b.n)
		for _, i := range b.Perm(b.n)[:b.k] {
			b.hidden[i] = true
		}
	}
	everybody := make([]int32, b.n)
	for i := range everybody {
		everybody[i] = int32(i)
	}
	b.count(everybody, int64(b.k), int64(b.k))
	slack := int64(seed % 2)
	switch f {
	case Single, Plateau:
		for range 7 {
			b.attribute(slack)
		}
	case Multi:
		for range 5 {
			b.attribute(slack)
		}
		b.manyValued(8, 0.25)
		b.manyValued(5, 0.4)
		b.organizations()
		b.links()
	case Unplanted:
		for range 7 + seed%3 {
			b.attribute(0)
		}
		before := len(b.problem.Rows)
		b.attribute(0)
		if seed%5 == 0 {
			// Rounded shares need not add up to k: some of these are infeasible.
			for i := range b.problem.Rows[before:] {
				row := &b.problem.Rows[before+i]
				row.Lo = int64(math.Round(float64(len(row.Index)) * float64(b.k) / float64(b.n)))
				row.Hi = row.Lo
			}
		}
	case Rare:
		for range 5 {
			b.attribute(slack)
		}
		b.rare()
	}
	b.problem.Cost = make([]int64, b.n)
	b.problem.Lower = make([]int64, b.n)
	b.problem.Upper = make([]int64, b.n)
	for i := range b.n {
		score := b.Int64N(1_000_001)
		if f == Plateau {
			score = 1 + b.Int64N(5)
		}
		b.problem.Cost[i] = -score
		b.problem.Upper[i] = 1
	}
	return &b.problem
}

// count adds the rule that lo to hi of the people are chosen.
func (b *builder) count(people []int32, lo, hi int64) {
	row := ilp.Row{Index: people, Value: make([]int64, len(people)), Lo: lo, Hi: hi}
	for k := range row.Value {
		row.Value[k] = 1
	}
	b.problem.Rows = append(b.problem.Rows, row)
}

// chosen is how many of the people are in the hidden cohort.
func (b *builder) chosen(people []int32) int64 {
	c := int64(0)
	for _, i := range people {
		if b.hidden[i] {
			c++
		}
	}
	return c
}

// window adds a range for the people who share a value. With a hidden cohort
// the target leans to its count (0.7) from the share in the pool (0.3).
func (b *builder) window(people []int32, slack int64) {
	target := float64(len(people)) * float64(b.k) / float64(b.n)
	if b.hidden != nil {
		target = float64(0.7*float64(b.chosen(people))) + float64(0.3*target)
	}
	lo, hi := int64(math.Floor(target))-slack, int64(math.Ceil(target))+slack
	if b.hidden != nil {
		lo, hi = min(lo, b.chosen(people)), max(hi, b.chosen(people))
	}
	b.count(people, max(0, lo), min(hi, int64(len(people))))
}

// attribute gives everybody one of two to ten values, for a third of the
// people tied to one hidden trait so that attributes are correlated, and adds
// a range for each value.
func (b *builder) attribute(slack int64) {
	values := min(2+b.IntN(9), b.n/4)
	weight := make([]float64, values)
	sum := 0.0
	for v := range weight {
		weight[v] = b.ExpFloat64() + 0.15
		sum += weight[v]
	}
	groups := make([][]int32, values)
	for i := range b.n {
		u := b.Float64()
		if b.Float64() < 0.35 {
			u = b.taste[i]
		}
		u *= sum
		v := 0
		for v < values-1 && u > weight[v] {
			u -= weight[v]
			v++
		}
		groups[v] = append(groups[v], int32(i))
	}
	for _, people := range groups {
		b.window(people, slack)
	}
}

// manyValued gives everybody each of the values with the given chance, one in
// twenty declines to answer, and each value has a floor and a ceiling.
func (b *builder) manyValued(values int, chance float64) {
	groups := make([][]int32, values)
	for i := range b.n {
		if b.Float64() < 0.05 {
			continue
		}
		for v := range groups {
			if b.Float64() < chance {
				groups[v] = append(groups[v], int32(i))
			}
		}
	}
	for _, people := range groups {
		c := b.chosen(people)
		b.count(people, max(0, c-int64(b.IntN(2))), c+int64(b.IntN(2)))
	}
}

// organizations puts a third of the people into organizations of two to eight
// members, of whom at most two may be chosen (more only if the hidden cohort
// has more).
func (b *builder) organizations() {
	order := b.Perm(b.n)[:b.n/3]
	for len(order) > 1 {
		size := min(2+b.IntN(7), len(order))
		var people []int32
		for _, i := range order[:size] {
			people = append(people, int32(i))
		}
		order = order[size:]
		if size > 2 {
			slices.Sort(people)
			b.count(people, 0, max(2, b.chosen(people)))
		}
	}
}

// links adds ten pairs that are not both chosen, five that are chosen or not
// together, and five groups of eight with at least one chosen.
func (b *builder) links() {
	pair := func(alike bool) []int32 {
		for {
			i, j := b.IntN(b.n), b.IntN(b.n)
			both := b.hidden[i] && b.hidden[j]
			if i != j && (alike && b.hidden[i] == b.hidden[j] || !alike && !both) {
				return []int32{int32(min(i, j)), int32(max(i, j))}
			}
		}
	}
	for range 10 {
		b.count(pair(false), 0, 1)
	}
	for range 5 {
		p := pair(true)
		b.problem.Rows = append(b.problem.Rows, ilp.Row{Index: p, Value: []int64{1, -1}, Lo: 0, Hi: 0})
	}
	for made := 0; made < 5; {
		var people []int32
		for _, i := range b.Perm(b.n)[:8] {
			people = append(people, int32(i))
		}
		slices.Sort(people)
		if b.chosen(people) > 0 {
			b.count(people, 1, 8)
			made++
		}
	}
}

// rare adds up to thirty values that one to four people hold. Two in three must
// have at least as many chosen as the hidden cohort has; all have at most that
// many, or one.
func (b *builder) rare() {
	order := b.Perm(b.n)
	for range min(b.k, 30) {
		size := min(1+b.IntN(4), len(order))
		var people []int32
		for _, i := range order[:size] {
			people = append(people, int32(i))
		}
		order = order[size:]
		slices.Sort(people)
		c := b.chosen(people)
		lo := int64(0)
		if b.IntN(3) > 0 {
			lo = c
		}
		b.count(people, lo, max(1, c))
	}
}
