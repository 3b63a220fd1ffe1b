// Package draw turns a seed into a draw: a ticket of a lottery, and who of the
// people that are alike is meant. Everything comes from one stream of bytes,
//
//	SHA-256(seed ‖ 0) ‖ SHA-256(seed ‖ 1) ‖ …
//
// with the counter as eight bytes, most significant first, read eight bytes at
// a time. There is no modulo bias: values that would make some numbers likelier
// are passed over.
//
// The seed itself comes from what was sealed before and from a value that
// nobody could know then.
package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strconv"
)

// Seed is the seed of a draw: SHA-256 over four parts, each with its length in
// eight bytes, most significant first, before it: the root, which commits to
// what is drawn from; the public value, in UTF-8; the selection; the attempt, in
// decimal, from 1.
func Seed(root [sha256.Size]byte, value, selection string, attempt int) [sha256.Size]byte {
	var b []byte
	for _, part := range [][]byte{root[:], []byte(value), []byte(selection), strconv.AppendInt(nil, int64(attempt), 10)} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// Stream is the stream of numbers of a seed.
type Stream struct {
	seed    []byte
	counter uint64
	block   [sha256.Size]byte
	used    int
}

// NewStream starts the stream of a seed.
func NewStream(seed []byte) *Stream {
	return &Stream{seed: append([]byte(nil), seed...), used: sha256.Size}
}

func (s *Stream) next() uint64 {
	if s.used == sha256.Size {
		s.block = sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte(nil), s.seed...), s.counter))
		s.counter++
		s.used = 0
	}
	v := binary.BigEndian.Uint64(s.block[s.used:])
	s.used += 8
	return v
}

// Below is a number from 0 to n−1, each equally likely; n > 0. Values at or above
// the largest multiple of n up to 2^64 are rejected, the others are taken mod n.
func (s *Stream) Below(n int64) int64 {
	m := uint64(n)
	last := math.MaxUint64 - -m%m // −m mod m is 2^64 mod n: so many are too many
	for {
		if v := s.next(); v <= last {
			return int64(v % m)
		}
	}
}

// Choose is count of the numbers 0…n−1, by the first count steps of a
// Fisher–Yates shuffle of their list in ascending order.
func (s *Stream) Choose(count, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	for i := range count {
		j := i + int(s.Below(int64(n-i)))
		list[i], list[j] = list[j], list[i]
	}
	return list[:count]
}
