package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Parts joins parts so that no two lists give the same bytes: each has its
// length before it, in eight bytes, most significant first.
func Parts(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// Leaf is a leaf of a Merkle tree: SHA-256(0x00 ‖ Parts(parts…)). The first part
// is a salt of 16 bytes or more, or whoever guesses the others can tell.
func Leaf(parts ...[]byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte{0}, Parts(parts...)...))
}

// Commit is a salted digest of b: a leaf of the salt, what b is, and b.
func Commit(salt []byte, what string, b []byte) [sha256.Size]byte {
	return Leaf(salt, []byte(what), b)
}

func inner(left, right [sha256.Size]byte) [sha256.Size]byte {
	b := make([]byte, 0, 1+2*sha256.Size)
	b = append(b, 1)
	b = append(b, left[:]...)
	return sha256.Sum256(append(b, right[:]...))
}

// Root is the root of the Merkle tree over leaves: neighbors are joined,
// SHA-256(0x01 ‖ left ‖ right), level by level, and a last one without a neighbor
// is carried up as it is. Without leaves it is SHA-256 of nothing.
func Root(leaves [][sha256.Size]byte) [sha256.Size]byte {
	if len(leaves) == 0 {
		return sha256.Sum256(nil)
	}
	level := append([][sha256.Size]byte(nil), leaves...)
	for len(level) > 1 {
		level = raise(level)
	}
	return level[0]
}

func raise(level [][sha256.Size]byte) [][sha256.Size]byte {
	var up [][sha256.Size]byte
	for i := 0; i+1 < len(level); i += 2 {
		up = append(up, inner(level[i], level[i+1]))
	}
	if len(level)%2 == 1 {
		up = append(up, level[len(level)-1])
	}
	return up
}

// Path is what it takes to get from leaf i to the root: the neighbor at each
// level that has one, from the leaf up. It needs 0 ≤ i < len(leaves).
func Path(leaves [][sha256.Size]byte, i int) [][sha256.Size]byte {
	var path [][sha256.Size]byte
	level := append([][sha256.Size]byte(nil), leaves...)
	for len(level) > 1 {
		if n := i ^ 1; n < len(level) {
			path = append(path, level[n])
		}
		level, i = raise(level), i/2
	}
	return path
}

// Climb is the root that leaf i of n has by its path. It returns false if a
// path of that place has another length.
func Climb(leaf [sha256.Size]byte, i, n int, path [][sha256.Size]byte) ([sha256.Size]byte, bool) {
	if i < 0 || i >= n || len(path) > bits.UintSize {
		return leaf, false
	}
	for ; n > 1; i, n = i/2, (n+1)/2 {
		if i^1 >= n {
			continue
		}
		if len(path) == 0 {
			return leaf, false
		}
		if i%2 == 0 {
			leaf = inner(leaf, path[0])
		} else {
			leaf = inner(path[0], leaf)
		}
		path = path[1:]
	}
	return leaf, len(path) == 0
}
