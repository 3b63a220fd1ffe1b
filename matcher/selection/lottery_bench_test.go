package selection_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher"

	"github.com/openfairlead/fairlead/matcher/selection"
)

// windows are rules that must hold: every value of seven attributes within one
// or two of its share of the pool, and at most two of an organization.
func windows(people []matcher.Person, size int) matcher.Criteria {
	c := matcher.Criteria{Size: size, MinSize: size, Caps: []matcher.HardCap{{Attribute: "organization", Max: 2}}}
	for _, attribute := range []string{"county", "race", "gender", "tribal", "lived", "role", "place"} {
		holders := map[string]int{}
		for _, p := range people {
			held := slices.Clone(p.Values[attribute])
			slices.Sort(held)
			for _, v := range slices.Compact(held) {
				holders[v]++
			}
		}
		for _, v := range slices.Sorted(maps.Keys(holders)) {
			share := holders[v] * size / len(people)
			c.Rules = append(c.Rules, quota(len(c.Rules)+1, attribute, v, max(0, share-1), share+2, matcher.Must))
		}
	}
	return c
}

// BenchmarkLeximin is full leximin over cohorts that keep windows around the
// shares of the pool, everything included.
func BenchmarkLeximin(b *testing.B) {
	for _, n := range []int{80, 200, 500, 1000, 2000} {
		b.Run(fmt.Sprintf("windows/n=%d", n), func(b *testing.B) {
			pools := benchPools(n)[:4]
			relaxation, k := 0, 0
			timed(b, pools, func(people []matcher.Person) {
				l, err := selection.FindLottery(context.Background(), people, windows(people, 15), selection.LotteryOptions{})
				if err != nil || !l.Proved {
					b.Fatal(l, err)
				}
				if l.Route == "relaxation" {
					relaxation++
				}
				k++
			})
			b.ReportMetric(float64(relaxation)/float64(k), "relaxation")
		})
	}
}

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
