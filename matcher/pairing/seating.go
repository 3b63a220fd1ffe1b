package pairing

import (
	"math/bits"
	"slices"
)

// seating gives each covered mentee one seat, to see who else could have one.
// Mentees with a locked pair are covered by it and take no part; the seats of
// all locked pairs are gone.
type seating struct {
	b     *board
	words int       // of a set of mentors
	open  []uint64  // by mentee: mentors with a seat who are eligible
	free  []int     // by mentor: seats that nobody sits on
	held  [][]int32 // by mentor: mentees
	at    []int32   // by mentee: mentor, or nobody
	plays []bool    // by mentee: wants a mentor, and none is locked for them
	via   []int32   // of a search, by mentor: the mentee who asked for it
	queue []int32   // of a search: mentees
	seen  []int32   // of a search: mentors
	moves []move    // since the last mark
}

// move is a mentee who left a mentor, or nobody, for another one.
type move struct{ mentee, from int32 }

const nobody = -1

// seats lays out who could sit where, and seats whom the board's matching covers.
func (b *board) seating() *seating {
	n, m := len(b.mentees), len(b.mentors)
	s := &seating{
		b: b, words: (m + 63) / 64, free: make([]int, m), held: make([][]int32, m),
		at: make([]int32, n), plays: make([]bool, n), via: make([]int32, m),
	}
	withSeat := make([]uint64, s.words)
	for i := range int32(m) {
		s.free[i] = b.seats(i) - b.lockedSeats[i]
		if b.seats(i) > 0 {
			withSeat[i>>6] |= 1 << (i & 63)
		}
	}
	s.open = make([]uint64, n*s.words)
	for j := range int32(n) {
		s.at[j] = nobody
		s.plays[j] = b.demand(j) > 0 && !b.locked[j]
		if !s.plays[j] {
			continue
		}
		row := s.row(s.open, j)
		for i, score := range b.scores(j) {
			row[i>>6] |= (uint64(uint16(score))>>15&1 ^ 1) << (i & 63) // 1 unless below zero
		}
		for w := range row {
			row[w] &= withSeat[w]
		}
		for _, i := range b.barred[j] {
			row[i>>6] &^= 1 << (i & 63)
		}
		if len(b.pairs[j]) > 0 {
			s.sit(j, b.pairs[j][0])
		}
	}
	return s
}

// row is the part of sets that is about mentee j.
func (s *seating) row(sets []uint64, j int32) []uint64 {
	return sets[int(j)*s.words:][:s.words:s.words]
}

func (s *seating) sit(j, i int32) {
	s.at[j] = i
	s.held[i] = append(s.held[i], j)
	s.free[i]--
}

func (s *seating) leave(j int32) {
	i := s.at[j]
	s.held[i] = slices.DeleteFunc(s.held[i], func(k int32) bool { return k == j })
	s.free[i]++
	s.at[j] = nobody
}

// place finds a seat for mentee j, moving others to other seats where that
// helps. unseen are the mentors to be asked; extra, if not nil, are pairs that
// count as eligible too. Where there is no seat, all mentors that j can reach are
// no longer in unseen: none of them will ever have one.
func (s *seating) place(j int32, unseen, extra []uint64) bool {
	s.queue, s.seen = append(s.queue[:0], j), s.seen[:0]
	for q := 0; q < len(s.queue); q++ {
		k := s.queue[q]
		row := s.row(s.open, k)
		for w := range row {
			mentors := row[w]
			if extra != nil {
				mentors |= s.row(extra, k)[w]
			}
			for mentors &= unseen[w]; mentors != 0; mentors &= mentors - 1 {
				i := int32(w<<6 | bits.TrailingZeros64(mentors))
				unseen[w] &^= 1 << (i & 63)
				s.seen = append(s.seen, i)
				s.via[i] = k
				if s.free[i] > 0 {
					s.shift(j, i)
					for _, i := range s.seen { // some of them may still have seats for others
						unseen[i>>6] |= 1 << (i & 63)
					}
					return true
				}
				s.queue = append(s.queue, s.held[i]...)
			}
		}
	}
	return false
}

// shift moves everybody on the way that was found from j to the free seat of i.
func (s *seating) shift(j, i int32) {
	for {
		k := s.via[i]
		from := s.at[k]
		if from != nobody {
			s.leave(k)
		}
		s.sit(k, i)
		s.moves = append(s.moves, move{k, from})
		if k == j {
			return
		}
		i = from
	}
}

// undo takes back every move.
func (s *seating) undo() {
	for _, m := range slices.Backward(s.moves) {
		s.leave(m.mentee)
		if m.from != nobody {
			s.sit(m.mentee, m.from)
		}
	}
	s.moves = s.moves[:0]
}

// fill covers as many mentees as can be, and returns the mentors who can have no
// seat left for those who stay uncovered, as a set. Nobody who was covered
// becomes uncovered.
func (s *seating) fill(extra []uint64) (crowded []uint64) {
	unseen := s.everyMentor()
	for j := range int32(len(s.at)) {
		if s.plays[j] && s.at[j] == nobody {
			s.place(j, unseen, extra)
		}
	}
	for w := range unseen {
		unseen[w] = ^unseen[w]
	}
	s.trim(unseen)
	s.moves = s.moves[:0]
	return unseen
}

func (s *seating) everyMentor() []uint64 {
	all := make([]uint64, s.words)
	for w := range all {
		all[w] = ^uint64(0)
	}
	s.trim(all)
	return all
}

// trim takes out of a set the bits beyond the last mentor.
func (s *seating) trim(set []uint64) {
	if last := len(s.free) & 63; last > 0 {
		set[len(set)-1] &= 1<<last - 1
	}
}

// canHave says of each uncovered mentee whether a seat could be found for them
// alone, everybody who is covered staying so.
func (s *seating) canHave(extra []uint64) []bool {
	reached := make([]uint64, s.words) // mentors from whom a free seat can be reached
	for i, free := range s.free {
		if free > 0 {
			reached[i>>6] |= 1 << (i & 63)
		}
	}
	could := make([]bool, len(s.at))
	for grew := true; grew; {
		grew = false
		for j := range int32(len(s.at)) {
			if could[j] || !s.plays[j] || !s.meets(j, reached, extra) {
				continue
			}
			could[j] = true
			if i := s.at[j]; i != nobody && reached[i>>6]&(1<<(i&63)) == 0 {
				reached[i>>6] |= 1 << (i & 63)
				grew = true
			}
		}
	}
	for j := range could {
		could[j] = could[j] && s.at[j] == nobody
	}
	return could
}

// meets says whether one of the mentors is eligible for mentee j.
func (s *seating) meets(j int32, mentors, extra []uint64) bool {
	row := s.row(s.open, j)
	for w := range row {
		if row[w]&mentors[w] != 0 || extra != nil && s.row(extra, j)[w]&mentors[w] != 0 {
			return true
		}
	}
	return false
}
