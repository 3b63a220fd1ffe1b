package draw_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/openfairlead/fairlead/matcher/draw"
)

func leaves(n int) [][sha256.Size]byte {
	var list [][sha256.Size]byte
	for i := range n {
		list = append(list, draw.Leaf([]byte("a salt of 16 byte"), fmt.Append(nil, i)))
	}
	return list
}

// Every leaf of every small tree leads to the root by its path, and by no
// other path, place or size.
func TestPathsLeadToTheRoot(t *testing.T) {
	for n := 1; n <= 20; n++ {
		all := leaves(n)
		root := draw.Root(all)
		for i := range all {
			path := draw.Path(all, i)
			if got, ok := draw.Climb(all[i], i, n, path); !ok || got != root {
				t.Fatalf("leaf %d of %d does not lead to the root", i, n)
			}
			for k := range n {
				if got, ok := draw.Climb(all[i], k, n, path); k != i && ok && got == root {
					t.Fatalf("leaf %d of %d passes for leaf %d", i, n, k)
				}
			}
			if _, ok := draw.Climb(all[i], i, n, append(path, root)); ok {
				t.Fatalf("leaf %d of %d: a path that is too long", i, n)
			}
			if len(path) > 0 {
				if _, ok := draw.Climb(all[i], i, n, path[1:]); ok {
					t.Fatalf("leaf %d of %d: a path that is too short", i, n)
				}
				path[0][0] ^= 1
				if got, _ := draw.Climb(all[i], i, n, path); got == root {
					t.Fatalf("leaf %d of %d: any path will do", i, n)
				}
			}
		}
		if _, ok := draw.Climb(all[0], n, n, nil); ok {
			t.Errorf("a place beyond the %d leaves", n)
		}
	}
}

// The bytes of a tree of three, put together by hand: docs/record.md.
func TestRootBytes(t *testing.T) {
	hash := func(parts ...[]byte) []byte {
		h := sha256.New()
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	length := func(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0, n} }
	leaf := func(a, b string) []byte {
		return hash([]byte{0}, length(byte(len(a))), []byte(a), length(byte(len(b))), []byte(b))
	}
	x, y, z := leaf("salt", "x"), leaf("salt", "y"), leaf("", "salty")
	want := hash([]byte{1}, hash([]byte{1}, x, y), z)
	got := draw.Root([][sha256.Size]byte{
		draw.Leaf([]byte("salt"), []byte("x")), draw.Leaf([]byte("salt"), []byte("y")), draw.Leaf(nil, []byte("salty")),
	})
	if hex.EncodeToString(got[:]) != hex.EncodeToString(want) {
		t.Errorf("root %x, want %x", got, want)
	}
	if draw.Root(nil) != sha256.Sum256(nil) {
		t.Error("the root of no leaves")
	}
	if draw.Commit([]byte("s"), "book", []byte("b")) != draw.Leaf([]byte("s"), []byte("book"), []byte("b")) {
		t.Error("a commitment is a leaf of three parts")
	}
}
