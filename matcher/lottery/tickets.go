package lottery

import (
	"math"
	"slices"
)

// Tickets is the number of tickets of a lottery.
const Tickets = 1_000_000

// Book is a lottery of whole tickets: the first Count[0] of the tickets
// 0…Tickets−1 draw Cohorts[0], the next Count[1] draw Cohorts[1], and so on. Every
// count is at least 1, and they sum to Tickets.
type Book struct {
	Cohorts [][]int64
	Count   []int64
	// Chance is by type the chance of one person under the tickets. People of a
	// type have it exactly, as who of them is meant is shuffled.
	Chance []float64
	// Error is the largest |Chance − optimum|, or from the lottery's own chance
	// where no optimum is proved.
	Error float64
}

// NewBook rounds a lottery to tickets by largest remainders, ties by the place
// of the cohort. Each weight moves by less than 1 ticket, so that no chance is
// off by more than (number of cohorts) / Tickets beside Result.Error. A cohort
// whose weight rounds to no ticket is left out.
func NewBook(r *Result, people []int64) *Book {
	n := len(r.Weights)
	count := make([]int64, n)
	rest := make([]float64, n)
	order := make([]int, n)
	left := int64(Tickets)
	for j, w := range r.Weights {
		exact := float64(w * Tickets)
		count[j] = int64(math.Floor(exact))
		rest[j] = exact - float64(count[j])
		order[j] = j
		left -= count[j]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for k := 0; left > 0; k = (k + 1) % n {
		count[order[k]]++
		left--
	}
	for k := n - 1; left < 0; k = (k + n - 1) % n { // weights that sum to more than 1 by rounding
		if count[order[k]] > 0 {
			count[order[k]]--
			left++
		}
	}
	b := &Book{Chance: make([]float64, len(people))}
	sums := make([]int64, len(people))
	for j, c := range count {
		if c == 0 {
			continue
		}
		b.Cohorts, b.Count = append(b.Cohorts, r.Cohorts[j]), append(b.Count, c)
		for t, v := range r.Cohorts[j] {
			sums[t] += v * c
		}
	}
	for t, sum := range sums {
		b.Chance[t] = float64(sum) / float64(people[t]*Tickets)
		want := r.Optimum[t]
		if math.IsNaN(want) {
			want = r.Chance[t]
		}
		b.Error = max(b.Error, math.Abs(b.Chance[t]-want))
	}
	return b
}

// At is the place of the cohort that a ticket draws, 0 ≤ ticket < Tickets.
func (b *Book) At(ticket int64) int {
	for j, c := range b.Count {
		if ticket -= c; ticket < 0 {
			return j
		}
	}
	return len(b.Count) - 1
}
