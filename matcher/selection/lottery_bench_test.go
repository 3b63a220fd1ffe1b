package selection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/matcher"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// BenchmarkLottery is full leximin over all optimal cohorts of North Sound's
// criteria, the stages before it and the audit of every cohort included.
func BenchmarkLottery(b *testing.B) {
	for _, n := range []int{84, 200, 500} {
		pools := benchPools(n)[:12]
		b.Run(fmt.Sprintf("balanced/n=%d", n), func(b *testing.B) {
			c := northSound(15)
			routes := map[string]int{}
			k := 0
			timed(b, pools, func(people []matcher.Person) {
				l, err := selection.FindLottery(context.Background(), people, c, selection.LotteryOptions{})
				if err != nil || !l.Proved {
					b.Fatal(l, err)
				}
				routes[l.Route]++
				k++
			})
			b.ReportMetric(float64(routes["relaxation"])/float64(k), "relaxation")
		})
	}
}
