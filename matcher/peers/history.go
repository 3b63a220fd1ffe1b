package peers

import (
	"slices"
)

// Introduction is that two people were introduced to each other in a round, counted from 1.
type Introduction struct {
	A, B  string
	Round int
}

// NextRound is the number of the round after the last one of a history.
func NextRound(past []Introduction) int {
	last := 0
	for _, x := range past {
		last = max(last, x.Round)
	}
	return last + 1
}

// Waits says how long members have waited after a history. A round is one in which
// anybody was introduced. joined is the first round that a member took part in;
// without an entry it is the first of all.
func Waits(ids []string, past []Introduction, joined map[string]int) []Wait {
	var rounds []int
	of := map[string][]int{}
	for _, x := range past {
		rounds = append(rounds, x.Round)
		of[x.A] = append(of[x.A], x.Round)
		of[x.B] = append(of[x.B], x.Round)
	}
	slices.Sort(rounds)
	rounds = slices.Compact(rounds)
	from := func(round int) int {
		at, _ := slices.BinarySearch(rounds, round)
		return len(rounds) - at
	}
	waits := make([]Wait, len(ids))
	for i, id := range ids {
		own := of[id]
		slices.Sort(own)
		own = slices.Compact(own)
		first := joined[id]
		before, _ := slices.BinarySearch(own, first)
		waits[i].Skipped = from(first) - len(own[before:])
		if len(own) > 0 {
			first = max(first, own[len(own)-1]+1)
		}
		waits[i].Rounds = from(first)
	}
	return waits
}
