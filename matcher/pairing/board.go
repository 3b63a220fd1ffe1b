package pairing

import (
	"cmp"
	"fmt"
	"slices"
)

// board is a problem and a matching of it, laid out for explanations: people
// stand in the order of their ids, so that no answer depends on how they were
// listed.
type board struct {
	p                  *Problem
	mentees, mentors   []int32 // place in the problem, by place on the board
	menteeAt, mentorAt map[string]int32
	barred             [][]int32 // by mentee: mentors whom Problem.Forbidden keeps away
	pairs              [][]int32 // by mentee: mentors, ascending
	lockedSeats        []int     // by mentor
	locked             []bool    // mentees who have a locked pair, or a mentor from before
	listed, sorted     []int16   // buffers of one row each
	listedInOrder      bool      // of ids, the mentors: rows need no sorting
}

// newBoard lays out a problem with the pairs of r, or with none if r is nil.
func newBoard(p *Problem, r *Result) (*board, error) {
	n, m := len(p.Mentees), len(p.Mentors)
	b := &board{
		p: p, menteeAt: make(map[string]int32, n), mentorAt: make(map[string]int32, m),
		barred: make([][]int32, n), pairs: make([][]int32, n),
		lockedSeats: make([]int, m), locked: make([]bool, n),
		listed: make([]int16, m), sorted: make([]int16, m),
	}
	b.mentees = byID(n, func(k int32) string { return p.Mentees[k].ID })
	b.mentors = byID(m, func(k int32) string { return p.Mentors[k].ID })
	b.listedInOrder = slices.IsSorted(b.mentors)
	for j, k := range b.mentees {
		b.menteeAt[p.Mentees[k].ID] = int32(j)
		b.locked[j] = p.Mentees[k].Has > 0
	}
	for i, k := range b.mentors {
		b.mentorAt[p.Mentors[k].ID] = int32(i)
		if j, ok := b.menteeAt[p.Mentors[k].ID]; ok { // nobody is their own mentor
			b.barred[j] = append(b.barred[j], int32(i))
		}
	}
	for row, f := range p.Forbidden {
		j, i, err := b.places(f)
		if err != nil {
			return nil, &InputError{"Forbidden", row, err.Error()}
		}
		b.barred[j] = append(b.barred[j], i)
	}
	if r == nil {
		return b, nil
	}
	for row, match := range r.Matches {
		j, i, err := b.places(Pair{match.Mentee, match.Mentor})
		if err != nil {
			return nil, &InputError{"Matches", row, err.Error()}
		}
		b.pairs[j] = append(b.pairs[j], i)
		if match.Locked {
			b.lockedSeats[i]++
			b.locked[j] = true
		}
	}
	for j := range b.pairs {
		slices.Sort(b.pairs[j])
	}
	return b, nil
}

// byID orders places by the ids of who stands there.
func byID(n int, id func(int32) string) []int32 {
	order := make([]int32, n)
	for k := range order {
		order[k] = int32(k)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(id(a), id(b)) })
	return order
}

// places finds both people of a pair on the board.
func (b *board) places(pair Pair) (j, i int32, err error) {
	j, ok := b.menteeAt[pair.Mentee]
	if !ok {
		return 0, 0, fmt.Errorf("the problem has no mentee %q", pair.Mentee)
	}
	i, ok = b.mentorAt[pair.Mentor]
	if !ok {
		return 0, 0, fmt.Errorf("the problem has no mentor %q", pair.Mentor)
	}
	return j, i, nil
}

func (b *board) mentee(j int32) *Mentee  { return &b.p.Mentees[b.mentees[j]] }
func (b *board) demand(j int32) int      { return b.mentee(j).Demand }
func (b *board) seats(i int32) int       { return b.p.Mentors[b.mentors[i]].Seats }
func (b *board) menteeID(j int32) string { return b.mentee(j).ID }
func (b *board) mentorID(i int32) string { return b.p.Mentors[b.mentors[i]].ID }

// scores gives the scores of mentee j with every mentor of the board, forbidden
// pairs included. They are good until the next call.
func (b *board) scores(j int32) []int16 {
	m := len(b.mentors)
	if d, ok := b.p.Scores.(Dense); ok && b.listedInOrder {
		return d[int(b.mentees[j])*m:][:m:m]
	}
	b.p.Scores.Row(int(b.mentees[j]), b.listed)
	if b.listedInOrder {
		return b.listed
	}
	for i, k := range b.mentors {
		b.sorted[i] = b.listed[k]
	}
	return b.sorted
}

// ids names people of the board.
func ids(places []int32, name func(int32) string) []string {
	names := make([]string, len(places))
	for k, v := range places {
		names[k] = name(v)
	}
	return names
}
