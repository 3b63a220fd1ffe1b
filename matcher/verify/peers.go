package verify

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Introductions are what a round of introductions claims. People are numbers
// from 0 to Members−1.
type Introductions struct {
	Members int
	// Row fills in how good it is to introduce a to each one; negative: they must
	// not be introduced. The entry of a itself is ignored.
	Row func(a int, into []int16)
	// Waits are how long each one has waited, compared by the first and then by the
	// second number; nil: all alike.
	Waits [][2]int

	Groups [][]int
	Left   []int

	// Partner, Prices, Blossoms and Within claim that the pairs are the best ones;
	// all nil: no such claim. Partner is the other one of a pair, -1 for a third and
	// for who is left. Prices are doubled, as docs/introductions.md has it.
	Partner  []int
	Prices   []int64
	Blossoms []PricedGroup
	Within   []int // the innermost blossom of each one, -1

	// Odd and Only claim that no fewer can be left; both nil: no such claim. Nobody in
	// a group of Odd may be introduced to anybody but that group and Only.
	Odd  [][]int
	Only []int

	Workers int         // threads; 0: as many as there are
	Stop    func() bool // nil: never
}

// PricedGroup is a blossom: an odd number of people who have a price together.
type PricedGroup struct {
	Within int // the blossom around it, an earlier one; -1
	Price  int64
}

// IntroductionsReport says what of it is proved. The rest may be true.
type IntroductionsReport struct {
	// LeftProved: no way to make pairs and trios leaves out fewer people.
	LeftProved bool
	// TotalProved: of all ways to make pairs, none leaves fewer without a partner;
	// of those none leaves longer-waiting ones in place of others; of those none has a
	// greater sum of scores.
	TotalProved bool
	Total       int64 // of the scores of Partner
}

// CheckIntroductions checks a round by the definitions, over all pairs of people.
// An error says what is wrong. When Stop ends it, nothing is proved.
func CheckIntroductions(x *Introductions) (*IntroductionsReport, error) {
	n := x.Members
	c := &introductions{Introductions: x, group: make([]int, n), report: &IntroductionsReport{}}
	if err := c.whole(); err != nil {
		return nil, err
	}
	if err := c.claims(); err != nil {
		return nil, err
	}
	done, err := c.pairs()
	if err != nil || !done {
		return c.report, err
	}
	if x.Partner != nil {
		if err := c.equal(); err != nil {
			return nil, err
		}
		c.report.TotalProved = true
	}
	switch {
	case len(x.Left) == 0:
		c.report.LeftProved = true
	case x.Odd != nil:
		if have := len(x.Odd) - len(x.Only); have != len(x.Left) {
			return nil, fmt.Errorf("%d groups need one of %d others each: that proves %d left, and %d are", len(x.Odd), len(x.Only), have, len(x.Left))
		}
		c.report.LeftProved = true
	}
	return c.report, nil
}

type introductions struct {
	*Introductions
	group  []int   // of each one: the group, from 0; -1: left
	odd    []int   // of each one: 1 + the group of Odd, -1 for Only, 0 for others
	size   []int   // of a blossom
	around []int64 // of a blossom: the prices of it and of those around it
	// Everybody in a row, those of a blossom together.
	at     []int
	place  []int // of each one
	last   []int // of a blossom: the place after its last one
	total  atomic.Int64
	report *IntroductionsReport
}

// whole checks that everybody is in one place.
func (c *introductions) whole() error {
	seen := make([]bool, c.Members)
	put := func(v, group int) error {
		if v < 0 || v >= c.Members {
			return fmt.Errorf("number %d is nobody", v)
		}
		if seen[v] {
			return fmt.Errorf("number %d is there twice", v)
		}
		seen[v] = true
		c.group[v] = group
		return nil
	}
	for i, g := range c.Groups {
		if len(g) != 2 && len(g) != 3 {
			return fmt.Errorf("a group has %d members", len(g))
		}
		for _, v := range g {
			if err := put(v, i); err != nil {
				return err
			}
		}
	}
	for _, v := range c.Left {
		if err := put(v, -1); err != nil {
			return err
		}
	}
	if at := slices.Index(seen, false); at >= 0 {
		return fmt.Errorf("number %d is in no group and not left", at)
	}
	return nil
}

// claims checks the shape of the proofs.
func (c *introductions) claims() error {
	n := c.Members
	c.odd = make([]int, n)
	for _, v := range c.Only {
		if v < 0 || v >= n || c.odd[v] != 0 {
			return errors.New("somebody in the proof of who is left is nobody, or there twice")
		}
		c.odd[v] = -1
	}
	for i, g := range c.Odd {
		if len(g)%2 == 0 {
			return errors.New("a group in the proof of who is left has an even number of members")
		}
		for _, v := range g {
			if v < 0 || v >= n || c.odd[v] != 0 {
				return errors.New("somebody in the proof of who is left is nobody, or there twice")
			}
			c.odd[v] = i + 1
		}
		if err := c.indivisible(g); err != nil {
			return err
		}
	}
	if c.Partner == nil {
		return nil
	}
	if len(c.Partner) != n || len(c.Prices) != n || len(c.Within) != n || c.Waits != nil && len(c.Waits) != n {
		return errors.New("the proof of the pairs is not about everybody")
	}
	pairs := make([]int, len(c.Groups))
	for v, p := range c.Partner {
		switch {
		case p < 0:
			continue
		case p >= n || p == v || c.Partner[p] != v:
			return fmt.Errorf("the partner of %d is not theirs", v)
		case c.group[v] < 0 || c.group[v] != c.group[p]:
			return fmt.Errorf("number %d is not in a group with the partner", v)
		}
		pairs[c.group[v]]++
	}
	for _, k := range pairs {
		if k != 2 {
			return errors.New("a group holds no pair")
		}
	}
	c.around = make([]int64, len(c.Blossoms))
	for i, b := range c.Blossoms {
		if b.Price < 0 || b.Within >= i || b.Within < -1 {
			return errors.New("a blossom has a negative price or is in none before it")
		}
		c.around[i] = b.Price
		if b.Within >= 0 {
			c.around[i] += c.around[b.Within]
		}
	}
	for _, b := range c.Within {
		if b < -1 || b >= len(c.Blossoms) {
			return errors.New("somebody is in a blossom that is not there")
		}
	}
	c.lineUp()
	return nil
}

// lineUp puts everybody in a row, so that those of a blossom stand together.
func (c *introductions) lineUp() {
	c.size, c.last = make([]int, len(c.Blossoms)), make([]int, len(c.Blossoms))
	for _, b := range c.Within {
		if b >= 0 {
			c.size[b]++
		}
	}
	for i := len(c.Blossoms) - 1; i >= 0; i-- {
		if b := c.Blossoms[i].Within; b >= 0 {
			c.size[b] += c.size[i]
		}
	}
	// The next free place of each blossom, the last entry for all.
	free := make([]int, len(c.Blossoms)+1)
	slot := func(b int) *int {
		if b < 0 {
			b = len(c.Blossoms)
		}
		return &free[b]
	}
	for i, b := range c.Blossoms {
		from := slot(b.Within)
		free[i] = *from
		*from += c.size[i]
		c.last[i] = *from
	}
	c.at, c.place = make([]int, c.Members), make([]int, c.Members)
	for v, b := range c.Within {
		next := slot(b)
		c.place[v], c.at[*next] = *next, v
		*next++
	}
}

// pairs looks at all pairs of people: those in groups must be allowed, all must
// keep to the prices, and none may lead out of a group of Odd.
func (c *introductions) pairs() (done bool, err error) {
	n := c.Members
	const block = 64
	var at atomic.Int64
	var stopped atomic.Bool
	faults := make([]error, n)
	work := func() {
		row := make([]int16, n)
		for !stopped.Load() {
			from := int(at.Add(block)) - block
			if from >= n {
				return
			}
			if c.Stop != nil && c.Stop() {
				stopped.Store(true)
				return
			}
			for a := from; a < min(n, from+block); a++ {
				c.Row(a, row)
				faults[a] = c.row(a, row)
			}
		}
	}
	workers := c.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var all sync.WaitGroup
	for range min(workers, (n+block-1)/block) - 1 {
		all.Go(work)
	}
	work()
	all.Wait()
	for _, err := range faults {
		if err != nil {
			return false, err
		}
	}
	return !stopped.Load(), nil
}

func (c *introductions) row(a int, row []int16) error {
	if g := c.group[a]; g >= 0 {
		for _, b := range c.Groups[g] {
			if b != a && row[b] < 0 {
				return fmt.Errorf("numbers %d and %d are introduced and must not be", a, b)
			}
		}
	}
	if own := c.odd[a]; own > 0 {
		for b, s := range row {
			if s >= 0 && b != a && c.odd[b] != own && c.odd[b] != -1 {
				return fmt.Errorf("number %d may be introduced to %d, which the proof of who is left denies", a, b)
			}
		}
	}
	if c.Partner == nil {
		return nil
	}
	if b := c.Partner[a]; b > a {
		c.total.Add(int64(row[b]))
	}
	// Each pair once: those who stand after a, first in the innermost blossom of
	// a, then in the one around it, and so on.
	from := c.place[a] + 1
	for b := c.Within[a]; b >= 0; b = c.Blossoms[b].Within {
		if v := c.cheap(row, from, c.last[b], c.Prices[a]+c.around[b]); v >= 0 {
			return fmt.Errorf("the prices of %d and %d are too low for their pair", a, v)
		}
		from = c.last[b]
	}
	if v := c.cheap(row, from, c.Members, c.Prices[a]); v >= 0 {
		return fmt.Errorf("the prices of %d and %d are too low for their pair", a, v)
	}
	return nil
}

// cheap finds somebody in a part of the row whose price, with what the other one
// and the blossoms around both pay, is too low; -1 if there is nobody.
func (c *introductions) cheap(row []int16, from, to int, paid int64) int {
	for _, v := range c.at[from:max(from, to)] {
		if paid+c.Prices[v] < 2*int64(row[v]) && row[v] >= 0 {
			return v
		}
	}
	return -1
}

// equal checks that what the prices allow at most is what the pairs reach. To
// leave somebody out costs more than all scores, and more for each longer wait.
func (c *introductions) equal() error {
	const mostScore = 1000
	whole := int64(c.Members/2)*mostScore + 1
	waits := slices.Clone(c.Waits)
	if waits == nil {
		waits = make([][2]int, c.Members)
	}
	less := func(a, b [2]int) int { return slices.Compare(a[:], b[:]) }
	sorted := slices.Clone(waits)
	slices.SortFunc(sorted, less)
	sorted = slices.Compact(sorted)

	c.report.Total = c.total.Load()
	reached, most := 2*c.report.Total, int64(0)
	for v, w := range waits {
		rank, _ := slices.BinarySearchFunc(sorted, w, less)
		worth := 2 * whole * int64(1+rank)
		if c.Prices[v] < -worth {
			return fmt.Errorf("the price of %d is less than leaving them out costs", v)
		}
		most += c.Prices[v] + worth
		if c.Partner[v] >= 0 {
			reached += worth
		}
	}
	for i, b := range c.Blossoms {
		if c.size[i]%2 == 0 {
			return errors.New("a blossom has an even number of members")
		}
		most += b.Price * int64(c.size[i]/2)
	}
	if reached != most {
		return fmt.Errorf("the pairs reach %d and the prices allow %d", reached, most)
	}
	return nil
}

// Sizes of groups up to which indivisible tries everything, or looks for
// triangles.
const (
	mostTried     = 15
	mostTriangles = 200
)

// indivisible checks that a group of an odd number of people cannot be divided
// into pairs and trios: it needs a trio, and there is none, or none that leaves
// pairs.
func (c *introductions) indivisible(members []int) error {
	k := len(members)
	if k == 1 {
		return nil
	}
	if k > mostTriangles {
		return fmt.Errorf("a group of %d in the proof of who is left is too large to be checked", k)
	}
	row := make([]int16, c.Members)
	allowed := make([][]bool, k)
	for i, a := range members {
		c.Row(a, row)
		allowed[i] = make([]bool, k)
		for j, b := range members {
			allowed[i][j] = i != j && row[b] >= 0
		}
	}
	none := true
	for i := range k {
		for j := range i {
			for l := range j {
				none = none && !(allowed[i][j] && allowed[i][l] && allowed[j][l])
			}
		}
	}
	if none {
		return nil
	}
	if k > mostTried {
		return fmt.Errorf("a group of %d in the proof of who is left is too large to be checked", k)
	}
	// whole[set]: the set can be divided. Its first member is in a pair or a trio.
	whole := make([]bool, 1<<k)
	whole[0] = true
	for set := uint(1); set < 1<<k; set++ {
		a := bits.TrailingZeros(set)
		for b := a + 1; b < k && !whole[set]; b++ {
			if set>>b&1 == 0 || !allowed[a][b] {
				continue
			}
			rest := set &^ (1<<a | 1<<b)
			whole[set] = whole[rest]
			for d := b + 1; d < k && !whole[set]; d++ {
				whole[set] = rest>>d&1 == 1 && allowed[a][d] && allowed[b][d] && whole[rest&^(1<<d)]
			}
		}
	}
	if whole[1<<k-1] {
		return errors.New("a group in the proof of who is left can be divided into pairs and trios")
	}
	return nil
}
