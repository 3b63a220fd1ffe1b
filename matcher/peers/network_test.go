package peers_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/peers"
)

// network invents the members of one: three of twelve topics each, some of them
// much more liked than others, one of 410 organizations, a few of them large, a
// county, newcomers.
func network(n int, seed uint64) []matcher.Person {
	g := rand.New(rand.NewPCG(seed, 7))
	liked := []float64{.2, .15, .12, .1, .09, .08, .07, .06, .05, .04, .02, .02}
	topic := func() string {
		x := g.Float64()
		for i, w := range liked {
			if x -= w; x < 0 {
				return fmt.Sprintf("t%02d", i)
			}
		}
		return "t00"
	}
	people := make([]matcher.Person, n)
	for i := range people {
		topics := map[string]bool{}
		for len(topics) < 3 {
			topics[topic()] = true
		}
		values := map[string][]string{
			"organization": {fmt.Sprintf("o%03d", int(math.Pow(g.Float64(), 2)*410))},
			"county":       {fmt.Sprintf("c%d", g.IntN(5))},
			"new":          {[]string{"yes", "no", "no"}[g.IntN(3)]},
		}
		for t := range topics {
			values["topics"] = append(values["topics"], t)
		}
		people[i] = matcher.Person{ID: fmt.Sprintf("m%05d", i), Values: values}
	}
	return people
}

var networkRules = peers.Rules{
	Different: []string{"organization"},
	Points:    []peers.Points{{Attribute: "topics", Points: 10}, {Attribute: "county", Points: 3}, {Attribute: "new", Points: 4, Unlike: true}},
}

// BenchmarkRound is one round of introductions in a network of 13,000, proved
// over all pairs and checked: the first one, and the sixth.
func BenchmarkRound(b *testing.B) {
	people := network(13_000, 1)
	var met []peers.Met
	for round := 1; round <= 6; round++ {
		profiles, err := peers.NewProfiles(people, met, networkRules)
		if err != nil {
			b.Fatal(err)
		}
		var r *peers.Result
		one := func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				r, err = peers.Introduce(context.Background(), &peers.Problem{IDs: profiles.IDs, Row: profiles.Row, Seed: "bench"}, peers.Options{})
				if err != nil || r.Status != matcher.Optimal {
					b.Fatal(r, err)
				}
				runtime.ReadMemStats(&after)
			}
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MiB/round")
			b.ReportMetric(float64(r.Rounds), "rounds")
			b.ReportMetric(float64(r.Work)/1e6, "Mlooks")
			b.ReportMetric(float64(r.Total), "score")
		}
		if round == 1 || round == 6 {
			b.Run(fmt.Sprintf("round=%d", round), one)
		} else if r, err = peers.Introduce(context.Background(), &peers.Problem{IDs: profiles.IDs, Row: profiles.Row, Seed: "bench"}, peers.Options{}); err != nil {
			b.Fatal(err)
		}
		if r == nil {
			return
		}
		for _, g := range r.Groups {
			for i, x := range g.Members {
				for _, y := range g.Members[:i] {
					met = append(met, peers.Met{profiles.IDs[x], profiles.IDs[y]})
				}
			}
		}
	}
}
