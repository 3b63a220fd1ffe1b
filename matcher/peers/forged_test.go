package peers_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/peers"
	"github.com/openfairlead/fairlead/matcher/verify"
)

// forge changes a claim in a way that makes it wrong or, seldom, leaves it as good
// as it was. It returns false if the kind does not fit the claim.
func forge(g *rand.Rand, x *verify.Introductions, kind int) bool {
	pair := func() (a, b int, ok bool) {
		for range 50 {
			if a = g.IntN(x.Members); x.Partner != nil && x.Partner[a] >= 0 {
				return a, x.Partner[a], true
			}
		}
		return 0, 0, false
	}
	replace := func(group, from, to int) {
		at := slices.Index(x.Groups[group], from)
		x.Groups[group][at] = to
	}
	groupOf := func(a int) int {
		return slices.IndexFunc(x.Groups, func(m []int) bool { return slices.Contains(m, a) })
	}
	switch kind {
	case 0: // two pairs exchange partners
		a, b, ok := pair()
		c, d, okToo := pair()
		if !ok || !okToo || a == c || a == d {
			return false
		}
		i, j := groupOf(b), groupOf(d)
		replace(i, b, -1)
		replace(j, d, b)
		replace(i, -1, d)
		x.Partner[a], x.Partner[d], x.Partner[c], x.Partner[b] = d, a, b, c
	case 1: // a pair is dropped
		a, b, ok := pair()
		if i := groupOf(a); ok && len(x.Groups[i]) == 2 {
			x.Groups = slices.Delete(x.Groups, i, i+1)
			x.Partner[a], x.Partner[b] = -1, -1
			x.Left = append(x.Left, a, b)
			return true
		}
		return false
	case 2: // a third is dropped
		i := slices.IndexFunc(x.Groups, func(m []int) bool { return len(m) == 3 })
		if i < 0 || x.Partner == nil {
			return false
		}
		third := slices.IndexFunc(x.Groups[i], func(v int) bool { return x.Partner[v] < 0 })
		x.Left = append(x.Left, x.Groups[i][third])
		x.Groups[i] = slices.Delete(x.Groups[i], third, third+1)
	case 3: // a price
		if x.Prices == nil {
			return false
		}
		x.Prices[g.IntN(x.Members)] += int64(1 + g.IntN(3)*2 - 2*g.IntN(2)*(1+g.IntN(3)))
	case 4: // a blossom's price
		if len(x.Blossoms) == 0 {
			return false
		}
		x.Blossoms[g.IntN(len(x.Blossoms))].Price += int64(2 - 4*g.IntN(2))
	case 5: // somebody leaves a blossom
		for v, b := range x.Within {
			if b >= 0 && x.Blossoms[b].Price > 0 && g.IntN(3) == 0 {
				x.Within[v] = -1
				return true
			}
		}
		return false
	case 6: // one of those who are left is nowhere, or there twice
		if len(x.Left) == 0 {
			return false
		}
		if g.IntN(2) == 0 {
			x.Left = x.Left[1:]
		} else {
			x.Left = append(x.Left, x.Left[0])
		}
	case 7: // the proof of who is left loses one of the others
		if len(x.Only) == 0 {
			return false
		}
		x.Only = x.Only[1:]
	case 8: // or one of its groups
		if len(x.Odd) == 0 {
			return false
		}
		x.Odd = x.Odd[1:]
	case 9: // somebody waited longer than the proof knows
		alike := 0
		for _, w := range x.Waits {
			if len(x.Left) > 0 && w == x.Waits[x.Left[0]] {
				alike++
			}
		}
		if alike < 2 || x.Prices == nil {
			return false
		}
		x.Waits[x.Left[0]][0] += 5
	default:
		return false
	}
	return true
}

func copyOf(x *verify.Introductions) *verify.Introductions {
	c := *x
	c.Groups, c.Odd = nil, nil
	for _, g := range x.Groups {
		c.Groups = append(c.Groups, slices.Clone(g))
	}
	for _, g := range x.Odd {
		c.Odd = append(c.Odd, slices.Clone(g))
	}
	c.Waits, c.Left, c.Partner, c.Prices = slices.Clone(x.Waits), slices.Clone(x.Left), slices.Clone(x.Partner), slices.Clone(x.Prices)
	c.Blossoms, c.Within, c.Only = slices.Clone(x.Blossoms), slices.Clone(x.Within), slices.Clone(x.Only)
	return &c
}

func TestForged(t *testing.T) {
	refused, asGood := map[int]int{}, 0
	for seed := range uint64(count(400, 60)) {
		g := rand.New(rand.NewPCG(seed, 15))
		n := 6 + g.IntN(30)
		d := random(g, n, []float64{0.1, 0.2, 0.5, 1}[g.IntN(4)], 1+g.IntN(20), 3)
		r, err := peers.Introduce(context.Background(), d.problem(fmt.Sprint(seed)), peers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		honest, err := verify.CheckIntroductions(r.Proof)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for kind := range 10 {
			x := copyOf(r.Proof)
			if !forge(g, x, kind) {
				continue
			}
			report, err := verify.CheckIntroductions(x)
			switch {
			case err != nil:
				refused[kind]++
			case report.TotalProved == honest.TotalProved && report.Total == honest.Total && len(x.Left) == len(r.Left) && kind == 0:
				asGood++ // the partners that were exchanged score the same together
			case kind == 2 && len(x.Left) > 0 && !report.LeftProved:
				refused[kind]++ // without a proof that somebody must be left
			case kind == 1 && !report.TotalProved && !report.LeftProved:
				refused[kind]++
			default:
				t.Errorf("seed %d, kind %d: accepted: %+v, %+v", seed, kind, report, honest)
			}
		}
	}
	all := 0
	for kind := range 10 {
		if refused[kind] == 0 {
			t.Errorf("no claim was forged in way %d", kind)
		}
		all += refused[kind]
	}
	t.Logf("figure: introductions, %d forged proofs in 10 ways: none accepted (%d exchanges were as good)", all, asGood)
}

func TestForgedCircles(t *testing.T) {
	honest := func() *verify.Circles {
		return &verify.Circles{
			Members: 5, Min: 2, Max: 3, Groups: [][]int{{0, 1, 2}, {3, 4}},
			Different: [][][]int32{{{0}, {0}, {1}, {2}, {}}}, Even: [][][]int32{{{0}, {0}, {0}, {}, {1}}},
			Met: [][]int32{{2}, {}, {0}, {4}, {3}}, Clashes: 1, Repeats: 2, Spread: 2,
		}
	}
	if err := verify.CheckCircles(honest()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*verify.Circles){
		"clashes":  func(x *verify.Circles) { x.Clashes = 0 },
		"repeats":  func(x *verify.Circles) { x.Repeats = 1 },
		"spread":   func(x *verify.Circles) { x.Spread = 1 },
		"too many": func(x *verify.Circles) { x.Max = 2 },
		"too few":  func(x *verify.Circles) { x.Min = 3 },
		"twice":    func(x *verify.Circles) { x.Groups[1][0] = 0 },
		"nobody":   func(x *verify.Circles) { x.Groups[1][0] = 5 },
		"missing":  func(x *verify.Circles) { x.Members, x.Met = 6, append(x.Met, nil) },
	} {
		x := honest()
		if change(x); verify.CheckCircles(x) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
