package lottery

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/ilp"
)

// soft draws a small problem whose rows count people, some twice, and may
// deviate, each up or down one time in every, by at most a sum.
func soft(rng *rand.Rand, types, rows, every int) *Problem {
	T := types + rng.IntN(5)
	p := &Problem{}
	hidden := make([]int64, T)
	for t := range T {
		m := int64(1 + rng.IntN(5)/4)
		p.People, p.Lower, p.Upper = append(p.People, m), append(p.Lower, 0), append(p.Upper, m)
		hidden[t] = rng.Int64N(m + 1)
	}
	total := ilp.Row{Lo: math.MinInt64}
	for i := range 1 + rows/2 + rng.IntN(rows/2) {
		var row ilp.Row
		sum := int64(0)
		for t := range T {
			if i == 0 || rng.IntN(2) == 0 {
				v := int64(1)
				if i > 0 && rng.IntN(12) == 0 && rows < 20 || i%40 == 39 {
					v = 2
				}
				row.Index, row.Value = append(row.Index, int32(t)), append(row.Value, v)
				sum += v * hidden[t]
			}
		}
		row.Lo, row.Hi = sum-rng.Int64N(2), sum+rng.Int64N(2)
		if rng.IntN(1+rows/6) > 1 { // of many rows most have room
			row.Lo, row.Hi = row.Lo-2, row.Hi+2
		}
		for _, sign := range []int64{1, -1} {
			if i > 0 && rng.IntN(every) == 0 {
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
		if rows > 20 {
			total.Hi += int64(len(total.Index)) / 2
		}
		p.Rows = append(p.Rows, total)
	}
	p.Cost = make([]int64, len(p.Lower))
	return p
}

// feasible are the cohorts by their types: those that some deviations make keep
// every row. Each deviation is in one row and in the sum, so that the smallest
// that the row needs will do.
func feasible(p *Problem) map[string][]int64 {
	T := len(p.People)
	found := map[string][]int64{}
	x := make([]int64, len(p.Lower))
	deviated := func() bool {
		for i := range p.Rows {
			row := &p.Rows[i]
			act, short, over := int64(0), int32(-1), int32(-1)
			for k, j := range row.Index {
				switch {
				case int(j) < T:
					act += row.Value[k] * x[j]
				case row.Value[k] > 0:
					short = j
				default:
					over = j
				}
			}
			if len(row.Index) > 0 && int(row.Index[0]) >= T {
				continue // the sum
			}
			if short >= 0 {
				x[short] = min(max(0, row.Lo-act), p.Upper[short])
			}
			if over >= 0 {
				x[over] = min(max(0, act-row.Hi), p.Upper[over])
			}
		}
		return !p.breaks(x)
	}
	var walk func(j int)
	walk = func(j int) {
		if j == T {
			if deviated() {
				found[key(x[:T])] = slices.Clone(x)
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
// an enumeration of all swaps and all deviations, and its gain is what it says:
// with few rows, with more than the bits of one word and of two, with many that
// may deviate. With little patience it ends sooner, and at a cohort all the same.
func TestNear(t *testing.T) {
	const seed = 46
	for _, c := range []struct {
		name                          string
		instances, types, rows, every int
		patience                      int
		minimum                       int // of rows that are bits
		many                          bool
	}{
		{"few rows", 400, 6, 6, 3, math.MaxInt, 1, false},
		{"more than a word", 100, 8, 90, 30, math.MaxInt, 45, false},
		{"more than two words", 100, 8, 300, 60, math.MaxInt, maskBits, false},
		{"many that may deviate", 100, 8, 100, 2, math.MaxInt, 45, true},
		{"little patience", 120, 8, 100, 2, 2, 45, true},
		{"little patience, few rows", 120, 6, 6, 3, 1, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			climbs, steps, short := 0, 0, 0
			count := c.instances
			if os.Getenv("FAIRLEAD_SOAK") == "" && c.rows > 20 {
				count /= 4
			}
			for i := range count {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				p := soft(rng, c.types, c.rows, c.every)
				T := len(p.People)
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
				s := newSystem(p)
				a := newNear(s, whole(s.lo), whole(s.hi), whole(s.rlo), whole(s.rhi))
				a.patience = c.patience
				a.aim(weight, order)
				if len(a.bitRow) < c.minimum || c.many != (len(a.soft) > fewSoft) {
					t.Fatalf("instance %d of seed %d: %d rows are bits, %d may deviate", i, seed, len(a.bitRow), len(a.soft))
				}
				for n, x := range points(all) {
					if n == 10 {
						break
					}
					start := newCohort(x, T)
					if len(p.Lower) == T {
						start.rest = nil
					}
					if !a.start(&start) {
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
					missed := false
					for _, y := range all {
						out, in := 0, 0
						for k := range T {
							out += int(max(0, a.x[k]-y[k]))
							in += int(max(0, y[k]-a.x[k]))
						}
						if out == in && out <= 2 && worth(y) > worth(a.x)+1e-9 {
							missed = true
							if c.patience == math.MaxInt {
								t.Fatalf("instance %d of seed %d: %v is better than %v by a swap of %d", i, seed, y[:T], a.x[:T], out)
							}
						}
					}
					if missed {
						short++
					}
				}
			}
			if steps*4 < climbs {
				t.Errorf("only %d of %d climbs gained", steps, climbs)
			}
			if c.patience < math.MaxInt && (short == 0 || short == climbs) {
				t.Errorf("patience ran out in %d of %d climbs", short, climbs)
			}
		})
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
