package selection_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// benchPools are the pools of one size: the same in every run.
func benchPools(n int) [][]matcher.Person {
	pools := make([][]matcher.Person, 40)
	for i := range pools {
		pools[i] = invented(n, uint64(i))
	}
	return pools
}

// timed runs f for each pool in turn and reports the median and the 99th
// percentile of one run in milliseconds.
func timed(b *testing.B, pools [][]matcher.Person, f func([]matcher.Person)) {
	b.Helper()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		f(pools[i%len(pools)])
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms/median")
	b.ReportMetric(ms(took[(len(took)-1)*99/100]), "ms/p99")
}

// BenchmarkCheck is a criteria check on North Sound's criteria: as they are
// (targets) and with every rule one that must hold, so that many pools are
// impossible and the closest cohort has to be found.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{60, 120, 300, 500} {
		pools := benchPools(n)
		for _, shape := range []string{"targets", "must"} {
			b.Run(fmt.Sprintf("%s/n=%d", shape, n), func(b *testing.B) {
				c := northSound(15)
				if shape == "must" {
					c = allMust(c)
				}
				timed(b, pools, func(people []matcher.Person) {
					v, err := selection.Check(context.Background(), people, c, selection.Options{})
					if err != nil || v.Status == matcher.Undecided {
						b.Fatal(v, err)
					}
				})
			})
		}
	}
}

// BenchmarkSelect is a whole selection, proved, the seed's choice included.
func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{60, 120, 300, 500, 2000} {
		pools := benchPools(n)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			c := northSound(15)
			timed(b, pools, func(people []matcher.Person) {
				o, err := selection.Select(context.Background(), people, c, "bench", selection.Options{})
				if err != nil || o.Status != matcher.Optimal {
					b.Fatal(o.Status, err)
				}
			})
		})
	}
}
