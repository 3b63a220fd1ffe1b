package selection_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openfairlead/fairlead/matcher"
	"github.com/openfairlead/fairlead/matcher/selection"
)

// Families of people who are apart say what the pairs say: each pair is in one
// of them, and each two of a family are a pair.
func TestFamiliesArePairs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 1))
	for range 200 {
		n := 2 + random.IntN(12)
		density := random.Float64()
		given := map[[2]int32]bool{}
		var pairs [][2]int32
		for a := range int32(n) {
			for b := a + 1; b < int32(n); b++ {
				for range 2 { // one named twice is one
					if random.Float64() < density {
						given[[2]int32{a, b}] = true
						pairs = append(pairs, [2]int32{a, b})
					}
				}
			}
		}
		random.Shuffle(len(pairs), func(i, k int) { pairs[i], pairs[k] = pairs[k], pairs[i] })
		covered := map[[2]int32]bool{}
		families := selection.Families(pairs)
		for _, family := range families {
			for i, a := range family {
				for _, b := range family[i+1:] {
					covered[[2]int32{a, b}] = true
				}
			}
		}
		if diff := cmp.Diff(given, covered); diff != "" {
			t.Fatalf("density %.2f, families %v: %s", density, families, diff)
		}
	}
	whole := [][2]int32{{1, 2}, {0, 1}, {0, 3}, {2, 3}, {0, 2}, {1, 3}}
	if diff := cmp.Diff([][]int32{{0, 1, 2, 3}}, selection.Families(whole)); diff != "" {
		t.Error(diff)
	}
}

// Fifteen of ten families cannot be apart. By pairs the linear program would be
// content with half of everybody, and the proof would take hours.
func TestApartFamiliesByPairs(t *testing.T) {
	const families, each = 10, 20
	var people []matcher.Person
	c := matcher.Criteria{Size: 15, MinSize: 15}
	for f := range families {
		for i := range each {
			people = append(people, matcher.Person{ID: fmt.Sprintf("%d-%02d", f, i)})
			for k := range i {
				c.Links = append(c.Links, matcher.Link{Kind: matcher.Apart, IDs: []string{fmt.Sprintf("%d-%02d", f, i), fmt.Sprintf("%d-%02d", f, k)}})
			}
		}
	}
	o := mustSelect(t, people, c, "s", selection.Options{})
	if o.Status != matcher.Infeasible || len(o.Infeasibility.Clash) > 3 ||
		!strings.HasPrefix(o.Infeasibility.Clash[0], "apart: ") || !strings.HasSuffix(o.Infeasibility.Clash[0], " of the 1900 given") {
		t.Errorf("%s, a clash in %d lines: %.5q", o.Status, len(o.Infeasibility.Clash), o.Infeasibility.Clash)
	}
	c.MinSize = 5
	if o := mustSelect(t, people, c, "s", selection.Options{}); o.Status != matcher.Optimal || len(o.Cohort) != families {
		t.Errorf("%s, %d people", o.Status, len(o.Cohort))
	}
}
