package selection_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/matcher/selection"
)

func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{60, 120, 300, 500} {
		for _, shape := range []string{"targets", "must"} {
			b.Run(fmt.Sprintf("%s/n=%d", shape, n), func(b *testing.B) {
				c := northSound(15)
				if shape == "must" {
					c = allMust(c)
				}
				verdicts := map[string]int{}
				for i := 0; b.Loop(); i++ {
					people := invented(n, uint64(i%20))
					v, err := selection.Check(context.Background(), people, c, selection.Options{})
					if err != nil {
						b.Fatal(err)
					}
					verdicts[string(v.Status)]++
				}
				b.ReportMetric(float64(verdicts["INFEASIBLE"])/float64(b.N), "infeasible/op")
			})
		}
	}
}

func BenchmarkSelect(b *testing.B) {
	for _, n := range []int{60, 120, 300, 500, 2000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			c := northSound(15)
			for i := 0; b.Loop(); i++ {
				people := invented(n, uint64(i%20))
				o, err := selection.Select(context.Background(), people, c, "bench", selection.Options{})
				if err != nil || o.Status != "OPTIMAL" {
					b.Fatal(o.Status, err)
				}
			}
		})
	}
}
