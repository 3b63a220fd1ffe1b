package lottery

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// soft draws a small problem whose rows count people, some twice, and may
// deviate where the third result says so, by at most a sum.
func soft(rng *rand.Rand) *Problem {
	T := 6 + rng.IntN(5)
	p := &Problem{}
	hidden := make([]int64, T)
	for t := range T {
		m := int64(1 + rng.IntN(5)/4)
		p.People, p.Lower, p.Upper = append(p.People, m), append(p.Lower, 0), append(p.Upper, m)
		hidden[t] = rng.Int64N(m + 1)
	}
	total := ilp.Row{Lo: math.MinInt64}
	for i := range 1 + rng.IntN(6) {
		var row ilp.Row
		sum := int64(0)
		for t := range T {
			if i == 0 || rng.IntN(2) == 0 {
				v := int64(1)
				if i > 0 && rng.IntN(12) == 0 {
					v = 2
				}
				row.Index, row.Value = append(row.Index, int32(t)), append(row.Value, v)
				sum += v * hidden[t]
			}
		}
		row.Lo, row.Hi = sum-rng.Int64N(2), sum+rng.Int64N(2)
		for _, sign := range []int64{1, -1} {
			if i > 0 && rng.IntN(3) == 0 {
				j := int32(len(p.Lower))
				row.Index, row.Value = append(row.Index, j), append(row.Value, sign)
				if sign > 0 {
					row.Lo++
				}
				total.Index, total.Value = append(total.Index, j), append(total.Value, 1+rng.Int64N(2))
				p.Lower, p.Upper = append(p.Lower, 0), append(p.Upper, 1+rng.Int64N(2))
			}
		}
		p.Rows = append(p.Rows, row)
	}
	if total.Hi = rng.Int64N(4); len(total.Index) > 0 {
		p.Rows = append(p.Rows, total)
	}
	p.Cost = make([]int64, len(p.Lower))
	return p
}

// whole points by their types: those that some deviations make feasible.
func feasible(p *Problem) map[string][]int64 {
	T := len(p.People)
	found := map[string][]int64{}
	x := make([]int64, len(p.Lower))
	var walk func(j int)
	walk = func(j int) {
		if j == len(x) {
			if !p.breaks(x) {
				found[key(x[:T])] = append([]int64(nil), x...)
			}
			return
		}
		for v := p.Lower[j]; v <= p.Upper[j]; v++ {
			x[j] = v
			walk(j + 1)
		}
	}
	walk(0)
	return found
}

func key(x []int64) string {
	b := make([]byte, len(x))
	for t, v := range x {
		b[t] = byte(v)
	}
	return string(b)
}

// A climb ends at a cohort that no swap of one or two people makes better, by
// an enumeration of all swaps and all deviations, and its gain is what it says.
func TestNear(t *testing.T) {
	const seed = 46
	climbs, steps := 0, 0
	for i := range 400 {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		p := soft(rng)
		T := len(p.People)
		s := newSystem(p)
		all := feasible(p)
		weight := make([]float64, T)
		order := make([]int32, T)
		for k := range weight {
			weight[k], order[k] = float64(rng.IntN(30))/8, int32(k)
		}
		arrange(order, weight)
		worth := func(x []int64) float64 {
			c := newCohort(x, T)
			return c.weighs(weight)
		}
		a := newNear(s, whole(s.lo), whole(s.hi), whole(s.rlo), whole(s.rhi))
		a.patience = math.MaxInt
		a.aim(weight, order)
		tried := 0
		for _, x := range points(all) {
			if tried++; tried > 10 {
				break
			}
			c := newCohort(x, T)
			if len(p.Lower) == T {
				c.rest = nil
			}
			if !a.start(&c) {
				t.Fatalf("instance %d of seed %d: a cohort is no start: %v", i, seed, x)
			}
			gain := a.climb(1000)
			climbs++
			if gain > 0 {
				steps++
			}
			if p.breaks(a.x) {
				t.Fatalf("instance %d of seed %d: %v, from %v, does not keep every row", i, seed, a.x, x)
			}
			if got := worth(a.x) - worth(x); math.Abs(got-gain) > 1e-9 {
				t.Fatalf("instance %d of seed %d: a gain of %v is told as %v", i, seed, got, gain)
			}
			for _, y := range all {
				out, in := 0, 0
				for k := range T {
					out += int(max(0, a.x[k]-y[k]))
					in += int(max(0, y[k]-a.x[k]))
				}
				if out == in && out <= 2 && worth(y) > worth(a.x)+1e-9 {
					t.Fatalf("instance %d of seed %d: %v is better than %v by a swap of %d", i, seed, y[:T], a.x[:T], out)
				}
			}
		}
	}
	if steps*4 < climbs {
		t.Errorf("only %d of %d climbs gained", steps, climbs)
	}
}

// points lists cohorts in an order that does not depend on the map.
func points(all map[string][]int64) [][]int64 {
	var keys []string
	for k := range all {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out [][]int64
	for _, k := range keys {
		out = append(out, all[k])
	}
	return out
}
