// Package lotterybench compares the lottery engine with an independent leximin
// on SciPy's HiGHS, person by person, on invented multi-valued pools.
package lotterybench

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/openfairlead/fairlead/matcher"
)

// Instance is a pool and its criteria.
type Instance struct {
	Name     string
	People   []matcher.Person
	Criteria matcher.Criteria
}

// attributes of an invented pool: number of values, and most that one person holds.
var attributes = []struct {
	name         string
	values, most int
	decline      float64
}{
	{"county", 5, 2, 0},
	{"race", 7, 2, 0.08},
	{"gender", 4, 1, 0.05},
	{"sector", 6, 2, 0},
	{"role", 4, 1, 0},
	{"lived", 8, 3, 0.15},
}

// New invents a pool of n people of whom 15 are chosen. Every value is held in
// the cohort by about its share of the pool, the rarest of each attribute by
// more, which makes chances differ, and at most two come from one organization.
func New(n int, seed uint64) Instance {
	rng := rand.New(rand.NewPCG(seed, uint64(n)))
	in := Instance{Name: fmt.Sprintf("multi-valued %d/%d seed %d", n, seats, seed)}
	holders := map[string]int{}
	for i := range n {
		p := matcher.Person{ID: fmt.Sprintf("x%04d", i), Values: map[string][]string{}}
		for _, a := range attributes {
			if rng.Float64() < a.decline {
				continue
			}
			seen := map[string]bool{}
			for range 1 + rng.IntN(a.most) {
				v := fmt.Sprintf("%s%d", a.name, int(float64(a.values)*rng.Float64()*math.Sqrt(rng.Float64())))
				if !seen[v] {
					seen[v] = true
					holders[v]++
					p.Values[a.name] = append(p.Values[a.name], v)
				}
			}
		}
		p.Values["organization"] = []string{fmt.Sprintf("o%d", rng.IntN(1+n/3))}
		in.People = append(in.People, p)
	}
	c := matcher.Criteria{Size: seats, MinSize: seats, Caps: []matcher.HardCap{{Attribute: "organization", Max: 2}}}
	for _, a := range attributes {
		for k := range a.values {
			v := fmt.Sprintf("%s%d", a.name, k)
			share := holders[v] * seats / n // rounded down
			r := matcher.Rule{
				Row: len(c.Rules) + 1, Feature: a.name, Value: v, Weight: 1,
				Property: matcher.Property{Terms: []matcher.Term{{Attribute: a.name, Values: []string{v}}}},
				Min:      max(0, share-1), Max: share + 2,
			}
			if k == a.values-1 && holders[v] > 1 {
				r.Min = share + 1 // few hold it, and they are wanted
			}
			c.Rules = append(c.Rules, r)
		}
	}
	in.Criteria = c
	return in
}

// NewTargets is the pool of New with competing targets: two attributes of priority
// 1 with raised floors, so that no cohort meets them all, two of priority 2, where
// a person counts twice, and the others must hold. At both
// priorities one person more than the least deviation is allowed.
func NewTargets(n int, seed uint64) Instance {
	in := New(n, seed)
	in.Name = fmt.Sprintf("targets, %s", in.Name)
	for i := range in.Criteria.Rules {
		switch r := &in.Criteria.Rules[i]; r.Feature {
		case "county", "race":
			r.Priority = 1
			r.Min += 2
			r.Max = max(r.Min, r.Max)
		case "role", "gender":
			r.Priority, r.Weight = 2, 2
			r.Min++
			r.Max = max(r.Min, r.Max-1)
		}
	}
	in.Criteria.Allow = map[int]int64{1: 1, 2: 2}
	return in
}
