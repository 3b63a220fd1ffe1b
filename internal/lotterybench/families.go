package lotterybench

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/openfairlead/fairlead/matcher"
)

// Family is a kind of pool and rules on which the lottery is measured.
type Family struct {
	Name string
	// About says in a few words what makes it easy or hard.
	About string
	// Soft says whether the rules are targets with priorities.
	Soft bool
	New  func(n int, seed uint64) Instance
}

// Families are all of them. In every one 15 people are chosen.
func Families() []Family {
	return []Family{
		{"windows", "windows around shares that must hold", false, windows},
		{"floorceil", "shares rounded down and up on seven attributes, six flags", false, floorCeil},
		{"tight", "rounded windows around a planted cohort, exact flags", false, tight},
		{"targets", "windows as targets", true, softWindows},
		{"thinned", "a third of the windows narrowed by one, three groups thinned", true, thinned},
		{"competing", "windows as targets, floors of two attributes raised by two", true, competing},
		{"balanced", "the balanced set of North Sound: floors, spread, company, caps", true, balanced},
		{"rarer", "the same, rare groups rarer", true, balancedRare},
	}
}

// Find is the family of that name.
func Find(name string) (Family, bool) {
	all := Families()
	i := slices.IndexFunc(all, func(f Family) bool { return f.Name == name })
	if i < 0 {
		return Family{}, false
	}
	return all[i], true
}

const seats = 15

// dice draws the answers of invented people.
type dice struct{ *rand.Rand }

func newDice(family string, n int, seed uint64) dice {
	h := uint64(14695981039346656037)
	for _, c := range []byte(family) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return dice{rand.New(rand.NewPCG(h^uint64(n), seed))}
}

// several is one to most different values of a question, low numbers more often;
// nil for a decline.
func (d dice) several(word string, values, most int, skew, decline float64) []string {
	if d.Float64() < decline {
		return nil
	}
	var held []string
	for range 1 + d.IntN(most) {
		v := fmt.Sprintf("%s%d", word, int(float64(values)*math.Pow(d.Float64(), skew)))
		if !slices.Contains(held, v) {
			held = append(held, v)
		}
	}
	return held
}

// holders counts the people of each value of an attribute.
func holders(people []matcher.Person, attribute string) map[string]int {
	of := map[string]int{}
	for _, p := range people {
		for _, v := range p.Values[attribute] {
			of[v]++
		}
	}
	return of
}

// valuesOf is every value of an attribute that somebody holds, sorted.
func valuesOf(people []matcher.Person, attribute string) []string {
	return slices.Sorted(maps.Keys(holders(people, attribute)))
}

// rules collects rules.
type rules struct{ list []matcher.Rule }

func (r *rules) add(kind matcher.Kind, attribute string, values []string, lo, hi, priority int) {
	name := "*"
	if len(values) > 0 {
		name = values[0]
	}
	r.list = append(r.list, matcher.Rule{
		Row: len(r.list) + 1, Feature: attribute, Value: name, Kind: kind,
		Property: matcher.Property{Terms: []matcher.Term{{Attribute: attribute, Values: values, Wildcard: len(values) == 0}}},
		Min:      lo, Max: hi, Priority: priority, Weight: 1,
	})
}

var windowed = []string{"county", "race", "gender", "tribal", "lived", "role", "place"}

// leaders invents n people of a regional call with several answers to many
// questions. A larger skew makes what is rare rarer.
func leaders(d dice, n int, skew float64) []matcher.Person {
	people := make([]matcher.Person, n)
	for i := range people {
		people[i] = matcher.Person{ID: fmt.Sprintf("x%05d", i), Values: map[string][]string{
			"county":       d.several("c", 5, 3, skew, 0),
			"race":         d.several("r", 7, 2, skew, 0.08),
			"gender":       d.several("g", 5, 1, skew, 0.05),
			"tribal":       d.several("t", 5, 1, skew, 0.3),
			"lived":        d.several("l", 11, 4, skew, 0.15),
			"sector":       d.several("s", 18, 2, skew, 0),
			"role":         d.several("m", 6, 1, skew, 0),
			"place":        d.several("k", 5, 3, skew, 0),
			"organization": {fmt.Sprintf("o%d", d.IntN(1+n/3))},
		}}
		for a, held := range people[i].Values {
			if held == nil {
				delete(people[i].Values, a)
			}
		}
	}
	return people
}

// around gives every value a window around a share between that of the pool and
// an equal one: who is rare is wanted more often.
func around(people []matcher.Person, priority int) *rules {
	r := &rules{}
	for _, a := range windowed {
		of := holders(people, a)
		total := 0
		for _, k := range of {
			total += k
		}
		for _, v := range slices.Sorted(maps.Keys(of)) {
			// In 10·len(of)·len(people)ths of a seat.
			target := seats * (5*of[v]*len(of) + 5*total)
			whole := 10 * len(of) * len(people)
			r.add(matcher.Quota, a, []string{v}, max(0, min(of[v], target/whole)-1), (target+whole-1)/whole+1, priority)
		}
	}
	return r
}

func instance(family string, n int, seed uint64, people []matcher.Person, r *rules, most int) Instance {
	c := matcher.Criteria{Size: seats, MinSize: seats, Rules: r.list}
	if most > 0 {
		c.Caps = []matcher.HardCap{{Attribute: "organization", Max: most}}
	}
	return Instance{Name: fmt.Sprintf("%s %d seed %d", family, n, seed), People: people, Criteria: c}
}

func windows(n int, seed uint64) Instance {
	people := leaders(newDice("windows", n, seed), n, 2)
	return instance("windows", n, seed, people, around(people, matcher.Must), 2)
}

func softWindows(n int, seed uint64) Instance {
	people := leaders(newDice("windows", n, seed), n, 2)
	return instance("targets", n, seed, people, around(people, 1), 2)
}

func competing(n int, seed uint64) Instance {
	in := softWindows(n, seed)
	in.Name = fmt.Sprintf("competing %d seed %d", n, seed)
	for i := range in.Criteria.Rules {
		if r := &in.Criteria.Rules[i]; r.Feature == "county" || r.Feature == "gender" {
			r.Min += 2
			r.Max = max(r.Max, r.Min)
		}
	}
	return in
}

func thinned(n int, seed uint64) Instance {
	d := newDice("thinned", n, seed)
	people := leaders(d, n, 2)
	r := around(people, 1)
	gone := 0
	for range 3 {
		// Of one group only one or two people stay; a fifth of all may go.
		rule := r.list[d.IntN(len(r.list))]
		left := 1 + d.IntN(2)
		people = slices.DeleteFunc(people, func(p matcher.Person) bool {
			if !slices.Contains(p.Values[rule.Feature], rule.Value) {
				return false
			}
			left--
			if left >= 0 || 5*gone >= n {
				return false
			}
			gone++
			return true
		})
	}
	for i := range r.list {
		if rule := &r.list[i]; d.IntN(3) == 0 && rule.Min < rule.Max {
			if d.IntN(2) == 0 {
				rule.Min++
			} else {
				rule.Max--
			}
		}
	}
	return instance("thinned", n, seed, people, r, 2)
}

// floorCeil gives every value of seven attributes its share, rounded down and up.
func floorCeil(n int, seed uint64) Instance {
	d := newDice("floorceil", n, seed)
	people := make([]matcher.Person, n)
	latent := make([]float64, n)
	for i := range people {
		latent[i] = d.Float64()
		people[i] = matcher.Person{ID: fmt.Sprintf("x%05d", i), Values: map[string][]string{
			"organization": {fmt.Sprintf("o%d", d.IntN(max(2, n/4)))},
		}}
	}
	r := &rules{}
	for a := range 7 {
		name, values, skew := fmt.Sprintf("a%d", a), 2+d.IntN(6), 0.7+d.Float64()
		for i := range people {
			u := math.Pow(0.4*latent[i]+0.6*d.Float64(), skew)
			people[i].Values[name] = []string{fmt.Sprintf("v%d", min(values-1, int(u*float64(values))))}
		}
		of := holders(people, name)
		for _, v := range slices.Sorted(maps.Keys(of)) {
			r.add(matcher.Quota, name, []string{v}, of[v]*seats/n, (of[v]*seats+n-1)/n, matcher.Must)
		}
	}
	share := make([]float64, 6)
	for f := range share {
		share[f] = 0.1 + 0.3*d.Float64()
	}
	for i := range people {
		for f, s := range share {
			if d.Float64() < s {
				people[i].Values["flags"] = append(people[i].Values["flags"], fmt.Sprintf("f%d", f))
			}
		}
	}
	of := holders(people, "flags")
	for _, v := range slices.Sorted(maps.Keys(of)) {
		r.add(matcher.Quota, "flags", []string{v}, max(0, of[v]*seats/n-1), seats, matcher.Must)
	}
	return instance("floorceil", n, seed, people, r, 2)
}

// tight plants a cohort and rounds between what it holds and what the pool
// holds, down and up; flags are exact. There is always a cohort.
func tight(n int, seed uint64) Instance {
	d := newDice("tight", n, seed)
	people := make([]matcher.Person, n)
	latent := make([]float64, n)
	for i := range people {
		latent[i] = d.Float64()
		people[i] = matcher.Person{ID: fmt.Sprintf("x%05d", i), Values: map[string][]string{}}
	}
	planted := map[int]bool{}
	for _, i := range d.Perm(n)[:seats] {
		planted[i] = true
	}
	inside := func(attribute, value string) int {
		count := 0
		for i := range people {
			if planted[i] && slices.Contains(people[i].Values[attribute], value) {
				count++
			}
		}
		return count
	}
	r := &rules{}
	for a := range 8 {
		name, values := fmt.Sprintf("a%d", a), 2+d.IntN(6)
		for i := range people {
			u := (latent[i] + d.Float64()) / 2
			people[i].Values[name] = []string{fmt.Sprintf("v%d", min(values-1, int(u*float64(values))))}
		}
		of := holders(people, name)
		for _, v := range slices.Sorted(maps.Keys(of)) {
			// 0.7 of the planted, 0.3 of the pool, in tenths of n.
			t := 7*inside(name, v)*n + 3*of[v]*seats
			r.add(matcher.Quota, name, []string{v}, min(inside(name, v), t/(10*n)), max(inside(name, v), (t+10*n-1)/(10*n)), matcher.Must)
		}
	}
	for f := range 4 {
		v := fmt.Sprintf("f%d", f)
		for i := range people {
			if d.Float64() < 0.3 {
				people[i].Values["flags"] = append(people[i].Values["flags"], v)
			}
		}
		c := inside("flags", v)
		r.add(matcher.Quota, "flags", []string{v}, c, c+1-f%2, matcher.Must)
	}
	return instance("tight", n, seed, people, r, 0)
}

func balanced(n int, seed uint64) Instance {
	return northSound("balanced", n, seed, 2)
}

func balancedRare(n int, seed uint64) Instance {
	return northSound("rarer", n, seed, 2.6)
}

// northSound is the shape of the balanced criteria of the North Sound preset.
func northSound(family string, n int, seed uint64, skew float64) Instance {
	people := leaders(newDice("balanced", n, seed), n, skew)
	r := &rules{}
	each := func(word string, from, to int) (list []string) {
		for v := from; v < to; v++ {
			list = append(list, fmt.Sprintf("%s%d", word, v))
		}
		return list
	}
	for _, v := range each("c", 0, 5) {
		r.add(matcher.Quota, "county", []string{v}, 1, 7, 1)
	}
	r.add(matcher.Spread, "sector", nil, 7, seats, 1)
	r.add(matcher.Cap, "sector", nil, 0, 3, 1)
	r.add(matcher.Spread, "role", nil, 3, seats, 2)
	for _, v := range each("k", 0, 5) {
		r.add(matcher.Quota, "place", []string{v}, 2, seats, 1)
	}
	r.add(matcher.Cap, "organization", nil, 0, 1, 2)
	r.add(matcher.Cap, "organization", nil, 0, 3, matcher.Must)
	for _, v := range each("r", 1, 7) {
		r.add(matcher.Quota, "race", []string{v}, 1, seats, 1)
	}
	r.add(matcher.Quota, "race", each("r", 1, 7), 7, seats, 1)
	r.add(matcher.Quota, "gender", []string{"g0"}, 5, seats, 1)
	r.add(matcher.Quota, "gender", []string{"g1"}, 4, seats, 1)
	r.add(matcher.Quota, "gender", each("g", 2, 5), 1, seats, 1)
	r.add(matcher.Quota, "tribal", each("t", 2, 4), 2, seats, 1)
	r.add(matcher.Spread, "lived", nil, 6, seats, 1)
	for _, attribute := range []string{"race", "gender", "county"} {
		r.add(matcher.Company, attribute, nil, 2, seats, 1)
	}
	return instance(family, n, seed, people, r, 0)
}
