package draw_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/openfairlead/fairlead/matcher/draw"
)

// The bytes that a verifier in any language has to come to: computed with Python's
// hashlib from the four parts.
func TestSeedBytes(t *testing.T) {
	var root [32]byte
	for i := range root {
		root[i] = byte(i)
	}
	got := draw.Seed(root, "7 4 19 – ü", "selections/s1", 12)
	if want := "b7d88209634d6e07abf8f9b443927b8b6a47d3392f6f477a306e0e8222ddb811"; fmt.Sprintf("%x", got) != want {
		t.Errorf("%x, want %s", got, want)
	}
	// The parts do not run into each other.
	if draw.Seed(root, "7", "1", 1) == draw.Seed(root, "71", "", 1) {
		t.Error("two sources, one seed")
	}
}

func TestStreamIsUniform(t *testing.T) {
	const n, draws = 7, 70_000
	var seen [n]int
	for i := range draws / 10 {
		s := draw.NewStream([]byte(fmt.Sprint("seed ", i)))
		for range 10 {
			seen[s.Below(n)]++
		}
	}
	chi := 0.0
	for _, c := range seen {
		d := float64(c) - draws/n
		chi += d * d / (draws / n)
	}
	if chi > 22.5 { // 6 degrees of freedom: 1 in 1,000
		t.Errorf("chi-square %.1f: %v", chi, seen)
	}
}

func TestChooseIsFair(t *testing.T) {
	const n, count, draws = 6, 2, 30_000
	pairs := map[[2]int]int{}
	for i := range draws {
		c := draw.NewStream([]byte(fmt.Sprint(i))).Choose(count, n)
		slices.Sort(c)
		pairs[[2]int(c)]++
	}
	want := float64(draws) / 15
	chi := 0.0
	for _, c := range pairs {
		chi += (float64(c) - want) * (float64(c) - want) / want
	}
	if len(pairs) != 15 || chi > 36.1 { // 14 degrees of freedom: 1 in 1,000
		t.Errorf("%d pairs, chi-square %.1f", len(pairs), chi)
	}
}

// The first numbers of a seed never change: records depend on them. The pinned
// ones were computed by another program from the definition.
func TestStreamIsPinned(t *testing.T) {
	s := draw.NewStream([]byte("21 November"))
	got := []int64{s.Below(1_000_000), s.Below(1_000_000), s.Below(3), s.Below(math.MaxInt64)}
	want := []int64{599676, 71567, 0, 3007622248408084048}
	if !slices.Equal(got, want) {
		t.Errorf("the stream gives %v, pinned is %v", got, want)
	}
}
