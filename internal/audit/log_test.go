package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/openfairlead/fairlead/applications"
)

// naiveRoot is RFC 6962, section 2.1, word by word.
func naiveRoot(leaves [][]byte) [32]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		left, right := naiveRoot(leaves[:k]), naiveRoot(leaves[k:])
		return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
}

func TestHeadAgainstTheStandard(t *testing.T) {
	var h Head
	var leaves [][]byte
	stored := 0
	for n := range 300 {
		root, err := h.Root()
		if err != nil || root != tlog.Hash(naiveRoot(leaves)) {
			t.Fatalf("the root of %d records is %v, %v", n, root, err)
		}
		if h.Size != int64(n) || len(h.Edge) > 9 {
			t.Fatalf("size %d with %d hashes on the edge, after %d appends", h.Size, len(h.Edge), n)
		}
		leaf := fmt.Appendf(nil, "leaf %d", n)
		leaves = append(leaves, leaf)
		before := append([]tlog.Hash(nil), h.Edge...)
		kept := h.Edge
		added, err := h.Append(leaf)
		if err != nil {
			t.Fatal(err)
		}
		for i := range before {
			if kept[i] != before[i] {
				t.Fatal("an append wrote into an edge that somebody may hold")
			}
		}
		stored += len(added)
		if want := tlog.StoredHashCount(int64(n + 1)); int64(stored) != want {
			t.Fatalf("%d hashes stored for %d records, want %d", stored, n+1, want)
		}
	}
}

func TestHeadRefusesAWrongEdge(t *testing.T) {
	for _, h := range []Head{{Size: 1}, {Size: 3, Edge: make([]tlog.Hash, 1)}, {Size: 0, Edge: make([]tlog.Hash, 1)}, {Size: 4, Edge: make([]tlog.Hash, 3)}} {
		if _, err := h.ReadHashes([]int64{0}); err == nil {
			t.Errorf("a head of %d records with %d hashes was read", h.Size, len(h.Edge))
		}
	}
	h := Head{Size: 4, Edge: make([]tlog.Hash, 1)}
	if _, err := h.ReadHashes([]int64{0}); err == nil {
		t.Error("a hash was read that is not on the edge")
	}
}

// TestLeaf pins the encoding: another one would make every log look forged.
func TestLeaf(t *testing.T) {
	e := applications.Event{
		Index: 7, Time: time.Date(2027, 3, 1, 9, 30, 15, 123_456_789, time.FixedZone("", -8*3600)), Actor: "users/1", Action: "identity.read",
		Resource: "programs/p/applications/ə", Reason: "never in the leaf", Detail: "a\nb:c",
	}
	want := "fairlead audit event 1\n1:7\n16:1803922215123456\n7:users/1\n13:identity.read\n26:programs/p/applications/ə\n5:a\nb:c\n2:\x01\x02\n"
	if got := string(Leaf(&e, []byte{1, 2})); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLeavesOfDifferentEventsDiffer(t *testing.T) {
	at := time.Unix(1, 0)
	seen := map[string]bool{}
	for _, e := range []applications.Event{
		{},
		{Time: at},
		{Index: 1},
		{Actor: "a"},
		{Action: "a"},
		{Resource: "a"},
		{Detail: "a"},
		{Actor: "ab"},
		{Actor: "a", Action: "b"},
		{Action: "ab"},
		{Actor: "1:a\n"},
		{Actor: "1", Action: "a"},
		{Actor: "\n", Action: ""},
		{Actor: "", Action: "\n"},
		{Actor: "0:\n0:"},
	} {
		for _, digest := range [][]byte{nil, {1}, []byte("1:a\n")} {
			leaf := string(Leaf(&e, digest))
			if seen[leaf] {
				t.Errorf("%+v has the leaf of another event", e)
			}
			seen[leaf] = true
		}
	}
	a, b := applications.Event{Time: at, Reason: "x"}, applications.Event{Time: at.Add(999), Reason: "y"}
	if !bytes.Equal(Leaf(&a, nil), Leaf(&b, nil)) {
		t.Error("a reason or nanoseconds, which a store does not keep, are in the leaf")
	}
}

func TestReasonDigest(t *testing.T) {
	// RFC 4231, test case 2.
	if got := hex.EncodeToString(ReasonDigest([]byte("Jefe"), "what do ya want for nothing?")); got != "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" {
		t.Errorf("got %s", got)
	}
	if bytes.Equal(ReasonDigest([]byte("salt 1"), "reason"), ReasonDigest([]byte("salt 2"), "reason")) {
		t.Error("the salt does not matter")
	}
}

func TestHashesRoundTrip(t *testing.T) {
	for n := range 4 {
		in := make([]tlog.Hash, n)
		for i := range in {
			in[i][0] = byte(i + 1)
		}
		out, err := ParseHashes(AppendHashes(nil, in))
		if err != nil || fmt.Sprint(out) != fmt.Sprint(in) {
			t.Errorf("%v, %v", out, err)
		}
	}
	for _, n := range []int{1, 31, 33} {
		if _, err := ParseHashes(make([]byte, n)); err == nil {
			t.Errorf("%d bytes were read as hashes", n)
		}
	}
}
