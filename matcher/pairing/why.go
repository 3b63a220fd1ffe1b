package pairing

import (
	"fmt"
	"math/bits"
	"slices"
)

// Part is what one feature gave to the score of a pair. The points of all parts
// of a pair sum exactly to its score, so that whoever reads them can add up.
type Part struct {
	Feature string
	Points  int // of the score; below zero only for a deduction
	Most    int // what the feature could have given to this pair
	// Evidence says what the points were given for, in words that both people of
	// the pair may see.
	Evidence []string
}

// CheckParts refuses parts that do not sum to the score. No parts at all explain
// nothing, and are no error.
func CheckParts(score int, parts []Part) error {
	sum := 0
	for _, p := range parts {
		if p.Feature == "" {
			return fmt.Errorf("a part of the score has no feature")
		}
		sum += p.Points
	}
	if len(parts) > 0 && sum != score {
		return fmt.Errorf("the parts sum to %d, and the score is %d", sum, score)
	}
	return nil
}

// Apportion shares a score out in proportion to weights that are not negative,
// in whole points that sum exactly to it: each weight gets its share rounded
// down, and the points left go to the largest remainders, of equal ones to the
// first. Weights that are all 0 get nothing, which sums to a score of 0 alone.
func Apportion(score int, weights []int64) []int {
	points := make([]int, len(weights))
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	if sum == 0 {
		return points
	}
	remainders, left := make([]uint64, len(weights)), score
	for k, w := range weights {
		high, low := bits.Mul64(uint64(w), uint64(score))
		share, remainder := bits.Div64(high, low, sum)
		points[k], remainders[k] = int(share), remainder
		left -= int(share)
	}
	order := make([]int, len(weights))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case remainders[a] > remainders[b]:
			return -1
		case remainders[a] < remainders[b]:
			return 1
		}
		return 0
	})
	for _, k := range order[:left] {
		points[k]++
	}
	return points
}
