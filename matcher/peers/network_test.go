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

// BenchmarkRound is the first round of introductions in a network of 13,000, proved
// over all pairs and checked.
func BenchmarkRound(b *testing.B) {
	profiles, err := peers.NewProfiles(network(13_000, 1), nil, networkRules)
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, profiles)
}

// BenchmarkLaterRound is the fourth one, where nobody meets anybody again.
func BenchmarkLaterRound(b *testing.B) {
	people := network(13_000, 1)
	var met []peers.Met
	for range 3 {
		profiles, err := peers.NewProfiles(people, met, networkRules)
		if err != nil {
			b.Fatal(err)
		}
		met = append(met, meetings(profiles.IDs, benchmark(b, profiles))...)
	}
	profiles, err := peers.NewProfiles(people, met, networkRules)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	benchmark(b, profiles)
}

// benchmark runs the rounds of a benchmark and reports what they needed, with the
// most memory that was in use.
func benchmark(b *testing.B, profiles *peers.Profiles) *peers.Result {
	b.Helper()
	var r *peers.Result
	for range b.N {
		var err error
		r, err = peers.Introduce(context.Background(), &peers.Problem{IDs: profiles.IDs, Row: profiles.Row, Seed: "bench"}, peers.Options{})
		if err != nil || r.Status != matcher.Optimal {
			b.Fatal(r, err)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys)/(1<<20), "MiB")
	b.ReportMetric(float64(r.Rounds), "repairs")
	b.ReportMetric(float64(r.Total), "score")
	return r
}

// meetings are the pairs of a result.
func meetings(ids []string, r *peers.Result) []peers.Met {
	var met []peers.Met
	for _, g := range r.Groups {
		for i, x := range g.Members {
			for _, y := range g.Members[:i] {
				met = append(met, peers.Met{ids[y], ids[x]})
			}
		}
	}
	return met
}
