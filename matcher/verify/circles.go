package verify

import (
	"errors"
	"fmt"
	"slices"
)

// Circles are what a division of people into circles claims. People are numbers
// from 0 to Members−1, values numbers too.
type Circles struct {
	Members  int
	Min, Max int
	Groups   [][]int
	// Different and Even hold, for each attribute, the values of each one: two in a
	// circle shall share none, or they shall be evenly spread over the circles.
	Different, Even [][][]int32
	Met             [][]int32 // whom each one met

	Clashes, Repeats, Spread int64
}

// CheckCircles counts circles again: that everybody is in one, their sizes, the
// pairs that share a value of Different, those that met, and by how many people the
// counts of the values of Even are off the two whole numbers around their share of
// each circle. An error says what is wrong.
func CheckCircles(x *Circles) error {
	seen := make([]bool, x.Members)
	var clashes, repeats, spread int64
	for _, g := range x.Groups {
		if len(g) < x.Min || len(g) > x.Max {
			return fmt.Errorf("a circle has %d members", len(g))
		}
		for i, a := range g {
			if a < 0 || a >= x.Members || seen[a] {
				return fmt.Errorf("number %d is nobody, or in two circles", a)
			}
			seen[a] = true
			for _, b := range g[:i] {
				if slices.ContainsFunc(x.Different, func(of [][]int32) bool {
					return slices.ContainsFunc(of[a], func(v int32) bool { return slices.Contains(of[b], v) })
				}) {
					clashes++
				}
				if slices.Contains(x.Met[a], int32(b)) {
					repeats++
				}
			}
		}
	}
	if slices.Contains(seen, false) {
		return errors.New("somebody is in no circle")
	}
	for _, of := range x.Even {
		all := map[int32]int{}
		for _, values := range of {
			for _, v := range values {
				all[v]++
			}
		}
		for _, g := range x.Groups {
			here := map[int32]int{}
			for _, a := range g {
				for _, v := range of[a] {
					here[v]++
				}
			}
			for v, total := range all {
				least := total * len(g) / x.Members
				most := least
				if total*len(g)%x.Members > 0 {
					most++
				}
				spread += int64(max(0, least-here[v], here[v]-most))
			}
		}
	}
	if clashes != x.Clashes || repeats != x.Repeats || spread != x.Spread {
		return fmt.Errorf("counted %d kept apart, %d who met and %d off, not %d, %d and %d", clashes, repeats, spread, x.Clashes, x.Repeats, x.Spread)
	}
	return nil
}
